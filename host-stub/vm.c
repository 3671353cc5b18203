/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One boot of the VM: built from nothing, run until somebody calls
 * hs_vm_stop(), taken apart in reverse order. All by the main thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "disk/disk.h"
#include "pv/info.h"
#include "pv/pv.h"
#include "emu/emu.h"
#include "io.h"
#include "irq.h"
#include "mem.h"
#include "stats.h"
#include "vm.h"

/*
 * Four pages that KVM on Intel CPUs without unrestricted guest needs, below
 * the place of a BIOS and outside RAM (KVM API, 4.41 and 4.11).
 */
#define IDENTITY_MAP	0xfffbc000ull
#define TSS_ADDRESS	0xfffbd000ull

int hs_kvm_check(int kvm_fd)
{
	static const struct {
		int cap;
		int bits;	/* needed in the answer; 0: any positive one */
		const char *name;
	} need[] = {
		{ KVM_CAP_IRQCHIP, 0, "in-kernel interrupt controllers" },
		{ KVM_CAP_USER_MEMORY, 0, "user memory" },
		{ KVM_CAP_SET_TSS_ADDR, 0, "KVM_SET_TSS_ADDR" },
		{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 0, "KVM_SET_IDENTITY_MAP_ADDR" },
		{ KVM_CAP_EXT_CPUID, 0, "KVM_GET_SUPPORTED_CPUID" },
		{ KVM_CAP_PIT2, 0, "in-kernel timer (KVM_CREATE_PIT2)" },
		{ KVM_CAP_IRQ_ROUTING, 0, "interrupt routing" },
		{ KVM_CAP_IRQFD, 0, "irqfd" },
		{ KVM_CAP_IOEVENTFD, 0, "ioeventfd" },
		{ KVM_CAP_IMMEDIATE_EXIT, 0, "immediate_exit" },
		{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS, "synchronised registers" },
	};
	int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);

	if (version != KVM_API_VERSION) {
		hs_error("/dev/kvm: API version %d, %d is needed", version, KVM_API_VERSION);
		return -ENOTSUP;
	}
	for (unsigned int i = 0; i < sizeof(need) / sizeof(need[0]); i++) {
		int got = ioctl(kvm_fd, KVM_CHECK_EXTENSION, need[i].cap);

		if (got > 0 && (got & need[i].bits) == need[i].bits)
			continue;
		hs_error("/dev/kvm: lacks %s (capability %d): a Linux 4.18 host or later has it",
			 need[i].name, need[i].cap);
		return -ENOTSUP;
	}
	return 0;
}

void hs_chip_add(struct hs_vm *vm, struct hs_chip *chip)
{
	struct hs_chip **link = &vm->chips;

	while (*link)
		link = &(*link)->next;
	chip->next = NULL;
	*link = chip;
}

void hs_vm_stop(struct hs_vm *vm, enum hs_stop why)
{
	uint64_t one = 1;
	int none = HS_STOP_NONE;

	if (!atomic_compare_exchange_strong(&vm->run->stop, &none, (int)why))
		return;
	/* The main thread kicks the vCPUs; the caller's looks by itself. */
	if (write(vm->run->stop_fd, &one, sizeof(one)) < 0)
		hs_error("cannot wake the main thread: %s", strerror(errno));
}

enum hs_stop hs_vm_stopped(const struct hs_vm *vm)
{
	return (enum hs_stop)atomic_load(&vm->run->stop);
}

/* The VM's descriptor with KVM's chips in it. 0 or -errno, with the line printed. */
static int create_kvm(struct hs_vm *vm)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP };	/* no pins of an IOAPIC */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t identity = IDENTITY_MAP;
	const char *what;

	vm->vm_fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->vm_fd < 0) {
		what = "KVM_CREATE_VM";
		goto failed;
	}
	what = "KVM_SET_IDENTITY_MAP_ADDR";
	if (ioctl(vm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		goto failed;
	what = "KVM_SET_TSS_ADDR";
	if (ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) < 0)
		goto failed;
	if (vm->config->machine == HS_MACHINE_MINIMAL) {
		what = "KVM_CAP_SPLIT_IRQCHIP";
		if (ioctl(vm->vm_fd, KVM_ENABLE_CAP, &split) < 0)
			goto failed;
		return 0;
	}
	what = "KVM_CREATE_IRQCHIP";
	if (ioctl(vm->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		goto failed;
	what = "KVM_CREATE_PIT2";
	if (ioctl(vm->vm_fd, KVM_CREATE_PIT2, &pit) < 0)
		goto failed;
	return 0;
failed:
	/* vm_fd, if there is one, is closed by hs_vm_destroy(). */
	identity = (uint64_t)errno;
	hs_error("%s: %s", what, strerror((int)identity));
	return -(int)identity;
}

static int create_chips(struct hs_vm *vm)
{
	static int (*const create[])(struct hs_vm *vm) = {
		hs_pci_create, hs_acpi_pm_create, hs_rtc_create, hs_i8042_create,
		hs_uart_create, hs_ide_create, hs_e1000_create,
	};
	int ret = 0;

	for (unsigned int i = 0; vm->config->machine == HS_MACHINE_PC && !ret &&
			     i < sizeof(create) / sizeof(create[0]); i++)
		ret = create[i](vm);
	if (!ret && vm->config->debug_exit)
		ret = hs_debug_exit_create(vm);
	if (!ret && vm->config->pv_offer)
		ret = hs_pv_create(vm);
	return ret;
}

int hs_vm_create(struct hs_vm **out, struct hs_host *host)
{
	struct hs_vm *vm = calloc(1, sizeof(*vm));
	unsigned int i;
	int ret = -ENOMEM;

	if (!vm)
		return ret;
	vm->config = host->config;
	vm->kvm_fd = host->kvm_fd;
	vm->vm_fd = -1;
	vm->blk = host->blk;
	vm->net = host->net;
	pthread_mutex_init(&vm->lock, NULL);
	vm->hold.clock = hs_config_counts(vm->config) ? hs_now : NULL;
	vm->run = calloc(1, sizeof(*vm->run));
	if (!vm->run)
		goto destroy;
	hs_park_init(&vm->run->park);
	vm->run->stop_fd = host->stop_fd;
	vm->run->xsave = host->probe.xsetbv;
	vm->run->tsc_stable = host->probe.tsc_stable;
	vm->run->by_out = vm->config->gdb && !host->probe.int3;
	vm->run->boot = host->boot;

	ret = create_kvm(vm);
	if (ret < 0)
		goto destroy;
	ret = hs_mem_create(&vm->mem, vm->vm_fd, vm->config);
	if (ret < 0)
		goto destroy;
	ret = hs_irq_create(&vm->irq, vm->vm_fd, vm->config->machine == HS_MACHINE_PC);
	if (ret < 0)
		goto destroy;
	ret = hs_io_create(&vm->io, &vm->lock);
	if (ret < 0)
		goto destroy;
	hs_io_measure(vm->io, &vm->hold);
	ret = create_chips(vm);
	if (ret < 0)
		goto destroy;
	for (i = 0; i < vm->config->vcpus; i++) {
		ret = hs_vcpu_create(&vm->vcpu[i], vm, i);
		if (ret < 0)
			goto destroy;
		ret = hs_boot_vcpu(vm->vcpu[i], &host->kernel);
		if (ret < 0) {
			hs_error("vCPU %u: KVM refuses its first state: %s", i, strerror(-ret));
			goto destroy;
		}
	}
	ret = hs_boot_load(vm, &host->kernel);
	if (ret < 0)
		goto destroy;
	if (vm->config->pv_offer & PVK_FEAT_INFO) {
		ret = hs_info_create(vm);
		if (ret < 0)
			goto destroy;
	}
	ret = hs_stats_create(&vm->stats, vm);
	if (ret < 0)
		goto destroy;
	*out = vm;
	return 0;
destroy:
	hs_vm_destroy(vm);
	return ret;
}

int hs_vm_start(struct hs_vm *vm)
{
	int ret;

	/* The boot CPU last: it may ask for the others at once. */
	for (unsigned int i = vm->config->vcpus; i-- > 0;) {
		ret = hs_vcpu_start(vm->vcpu[i]);
		if (ret < 0) {
			hs_error("vCPU %u: cannot start its thread: %s", i, strerror(-ret));
			hs_vm_stop(vm, HS_STOP_ERROR);
			hs_vm_join(vm);
			return ret;
		}
	}
	return 0;
}

void hs_vm_notify_clocks(struct hs_vm *vm)
{
	for (unsigned int i = 0; i < vm->config->vcpus; i++)
		hs_vcpu_resumed(vm->vcpu[i]);
}

void hs_vm_join(struct hs_vm *vm)
{
	hs_park_end(vm);
	for (unsigned int i = 0; i < vm->config->vcpus; i++)
		if (vm->vcpu[i]->started)
			hs_vcpu_kick(vm->vcpu[i]);
	for (unsigned int i = 0; i < vm->config->vcpus; i++) {
		if (!vm->vcpu[i]->started)
			continue;
		pthread_join(vm->vcpu[i]->thread, NULL);
		vm->vcpu[i]->started = false;
	}
}

void hs_vm_destroy(struct hs_vm *vm)
{
	uint64_t wakes;

	if (!vm)
		return;
	hs_stats_destroy(vm->stats);
	for (unsigned int i = HS_MAX_VCPUS; i-- > 0;)
		hs_vcpu_destroy(vm->vcpu[i]);
	while (vm->chips) {
		struct hs_chip **link = &vm->chips;
		struct hs_chip *last;

		while ((*link)->next)
			link = &(*link)->next;
		last = *link;
		*link = NULL;
		last->destroy(last);
	}
	hs_io_destroy(vm->io);
	hs_irq_destroy(vm->irq);
	if (vm->vm_fd >= 0)
		close(vm->vm_fd);
	hs_mem_destroy(vm->mem);
	/* A stop that came late must not end the next boot. */
	if (vm->run && read(vm->run->stop_fd, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN)
		hs_error("stop event: %s", strerror(errno));
	if (vm->run)
		hs_park_destroy(&vm->run->park);
	free(vm->run);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}
