/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A look at the host before the first power-on, by a guest of a page.
 *
 * What does an exit to user space cost? How long a disk's worker polls before it
 * sleeps, and how long it coalesces completions before it interrupts the guest, are
 * worth it in proportion to that, and it is 1 us on one host and 60 on another
 * (a KVM inside an emulator).
 *
 * And: does KVM see what XSETBV does? KVM has to know the guest's XCR0, to save the right state and
 * to answer CPUID leaf 0xD. Under QEMU's TCG (7.2), which does not intercept XSETBV for a nested
 * guest, KVM never hears of it: Linux 6.1 warns then, other versions crash. Nothing in CPUID tells,
 * so a guest of 8 instructions tries it.
 *
 * And: does KVM report a debugger's int3? TCG lets a nested guest have it, whatever KVM intercepts.
 */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define PAGE		4096u
#define CODE		0x1000u		/* the one page of RAM */
#define PORT		0x10u
#define TSS_ADDRESS	0xfffbd000ull
#define MOST_EXITS	16
#define MAX_ENTRIES	256u
#define XCR0_X87_SSE	3ull
#define LOOP		(CODE + 0x100u)	/* where the loop of exits is */
#define INT3		(CODE + 0x200u)	/* and a breakpoint */
#define TIMED_EXITS	48u

static const uint8_t code[] = {
	0x0f, 0x20, 0xe0,			/* mov %cr4, %eax */
	0x66, 0x0d, 0x00, 0x00, 0x04, 0x00,	/* or $CR4.OSXSAVE, %eax */
	0x0f, 0x22, 0xe0,			/* mov %eax, %cr4 */
	0x66, 0x31, 0xc9,			/* xor %ecx, %ecx */
	0x66, 0x31, 0xd2,			/* xor %edx, %edx */
	0x66, 0xb8, 0x03, 0x00, 0x00, 0x00,	/* mov $3, %eax */
	0x0f, 0x01, 0xd1,			/* xsetbv */
	0xe6, PORT,				/* out %al, $PORT */
};

static const uint8_t loop[] = {
	0xe6, PORT,				/* out %al, $PORT */
	0xeb, 0xfc,				/* jmp back to it */
};

static const uint8_t int3[] = {
	0xcc,					/* int3 */
	0xe6, PORT,				/* out %al, $PORT */
};

/* CPUID as KVM offers it: XSAVE has to be there to be tried. */
static int set_cpuid(int kvm_fd, int vcpu_fd)
{
	struct kvm_cpuid2 *cpuid;
	int ret = 0;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = MAX_ENTRIES;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0 ||
	    ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid) < 0)
		ret = -errno;
	free(cpuid);
	return ret;
}

/* Real mode at rip. */
static int set_state(int vcpu_fd, uint64_t rip)
{
	struct kvm_regs regs = { .rip = rip, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu_fd, KVM_SET_REGS, &regs) < 0)
		return -errno;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The median time of an exit to user space and back, in ns; 0: the guest does not run. */
static uint64_t time_exits(int vcpu_fd, const struct kvm_run *run)
{
	uint64_t took[TIMED_EXITS], begun;

	for (unsigned int i = 0; i < TIMED_EXITS; i++) {
		begun = hs_now();
		if (ioctl(vcpu_fd, KVM_RUN, 0) < 0 && errno != EINTR && errno != EAGAIN)
			return 0;
		took[i] = hs_now() - begun;
		if (run->exit_reason != KVM_EXIT_IO && run->exit_reason != KVM_EXIT_INTR)
			return 0;
	}
	qsort(took, TIMED_EXITS, sizeof(took[0]), by_value);
	return took[TIMED_EXITS / 2];
}

/* Whether the guest came through and KVM knows the XCR0 that it set. */
static bool try_it(int vcpu_fd, const struct kvm_run *run)
{
	struct kvm_xcrs xcrs;

	for (int i = 0; i < MOST_EXITS; i++) {
		if (ioctl(vcpu_fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return false;
		}
		if (run->exit_reason == KVM_EXIT_INTR)
			continue;
		if (run->exit_reason != KVM_EXIT_IO || run->io.port != PORT)
			return false;
		if (ioctl(vcpu_fd, KVM_GET_XCRS, &xcrs) < 0)
			return false;
		for (uint32_t x = 0; x < xcrs.nr_xcrs; x++)
			if (xcrs.xcrs[x].xcr == 0)
				return xcrs.xcrs[x].value == XCR0_X87_SSE;
		return false;
	}
	return false;
}

/* Whether a breakpoint's int3 ends in KVM_EXIT_DEBUG. The vCPU is of no use afterwards. */
static bool reports_int3(int vcpu_fd, const struct kvm_run *run)
{
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP };

	if (set_state(vcpu_fd, INT3) < 0 || ioctl(vcpu_fd, KVM_SET_GUEST_DEBUG, &debug) < 0)
		return false;
	for (int i = 0; i < MOST_EXITS; i++) {
		if (ioctl(vcpu_fd, KVM_RUN, 0) < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (run->exit_reason != KVM_EXIT_INTR)
			return run->exit_reason == KVM_EXIT_DEBUG;
	}
	return false;
}

/* Does the host's kernel trust its TSC? Then guests' are alike and steady, too. */
static bool tsc_stable(void)
{
	char name[16] = "";
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	bool stable = f && fgets(name, sizeof(name), f) && !strcmp(name, "tsc\n");

	if (f)
		fclose(f);
	return stable;
}

int hs_probe(int kvm_fd, struct hs_probe *probe)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = CODE, .memory_size = PAGE,
	};
	struct kvm_run *run = MAP_FAILED;
	void *ram = MAP_FAILED;
	int vm_fd, vcpu_fd = -1, bytes = 0, ret = -EINVAL;

	memset(probe, 0, sizeof(*probe));
	probe->tsc_stable = tsc_stable();
	vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (vm_fd < 0)
		goto failed;
	if (ioctl(vm_fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) < 0)
		goto failed;
	ram = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ram == MAP_FAILED)
		goto failed;
	memcpy(ram, code, sizeof(code));
	memcpy((uint8_t *)ram + (LOOP - CODE), loop, sizeof(loop));
	memcpy((uint8_t *)ram + (INT3 - CODE), int3, sizeof(int3));
	region.userspace_addr = (uintptr_t)ram;
	if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		goto failed;
	vcpu_fd = ioctl(vm_fd, KVM_CREATE_VCPU, 0);
	bytes = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vcpu_fd < 0 || bytes < (int)sizeof(*run))
		goto failed;
	run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd, 0);
	if (run == MAP_FAILED)
		goto failed;
	ret = set_cpuid(kvm_fd, vcpu_fd);
	if (!ret)
		ret = set_state(vcpu_fd, LOOP);
	if (!ret) {
		probe->exit_ns = time_exits(vcpu_fd, run);
		/* The last exit is completed by the next entry: it moves rip. */
		run->immediate_exit = 1;
		(void)ioctl(vcpu_fd, KVM_RUN, 0);
		run->immediate_exit = 0;
		ret = set_state(vcpu_fd, CODE);
	}
	if (!ret) {
		probe->xsetbv = try_it(vcpu_fd, run);
		/* As above. */
		run->immediate_exit = 1;
		(void)ioctl(vcpu_fd, KVM_RUN, 0);
		run->immediate_exit = 0;
		probe->int3 = reports_int3(vcpu_fd, run);
	}
	goto unmap;
failed:
	ret = -errno;
unmap:
	if (ret < 0)
		hs_error("/dev/kvm: cannot run a guest of one page: %s", strerror(-ret));
	if (run != MAP_FAILED)
		munmap(run, (size_t)bytes);
	if (vcpu_fd >= 0)
		close(vcpu_fd);
	if (ram != MAP_FAILED)
		munmap(ram, PAGE);
	if (vm_fd >= 0)
		close(vm_fd);
	return ret;
}
