/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM without KVM, for tests and fuzzers of the host stub: real guest memory
 * (mem.c), real I/O dispatch (io.c), real back ends on temporary images; the
 * interrupts, doorbells and the end of the VM are recorded here instead.
 *
 * One per process (`fake`). A file that includes this links with
 * -Wl,--wrap=ioctl, so that mem.c finds a KVM that takes any memory slot; one
 * that does not link emu/ide.c defines FAKE_IDE first; one that links irq.c and
 * pv/doorbell.c defines FAKE_KVM, and fake_kvm(), which plays KVM for them.
 */
#ifndef TESTS_FAKE_VM_H
#define TESTS_FAKE_VM_H

#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "host-stub/disk/disk.h"
#include "host-stub/worker.h"
#include "host-stub/emu/emu.h"
#include "host-stub/io.h"
#include "host-stub/irq.h"
#include "host-stub/mem.h"

#define FAKE_DOORBELLS	64u

#ifndef FAKE_KVM
struct hs_irq {
	int wire[HS_IRQ_LINES];
	_Atomic unsigned int edges[HS_IRQ_LINES];	/* low to high */
	struct {
		atomic_bool bound;
		uint64_t address;
		uint32_t data;
		_Atomic unsigned int raised;	/* while bound */
		_Atomic unsigned int dropped;	/* while unbound */
	} message[HS_IRQ_MSIS];
};
#endif

static struct {
	struct hs_vm vm;
	struct hs_config config;
#ifndef FAKE_KVM
	struct hs_irq irq;
#endif
	struct hs_blk *blk[HS_MAX_DISKS];
	char path[HS_MAX_DISKS][64];
	int slots_refused;		/* KVM_SET_USER_MEMORY_REGION fails with this errno */
	_Atomic unsigned int stops[HS_STOP_ERROR + 1];	/* hs_vm_stop() by reason */
	struct {
		uint32_t value;
		int fd;
		bool bound;
	} doorbell[FAKE_DOORBELLS];
	int doorbell_refused;		/* hs_doorbell_bind() fails with this errno */
	bool ide_busy[HS_MAX_DISKS];	/* FAKE_IDE: a command is in flight */
	int ide_present[HS_MAX_DISKS];
} fake;

/* ---- KVM ---- */

int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_ioctl(int fd, unsigned long request, ...);

#ifdef FAKE_KVM
static int fake_kvm(unsigned long request, void *arg);	/* the call's value, or -errno */
#endif

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
#ifdef FAKE_KVM
	if (_IOC_TYPE(request) == KVMIO && request != KVM_SET_USER_MEMORY_REGION) {
		int ret = fake_kvm(request, arg);

		errno = ret < 0 ? -ret : errno;
		return ret < 0 ? -1 : ret;
	}
#endif
	if (request != KVM_SET_USER_MEMORY_REGION)
		return __real_ioctl(fd, request, arg);
	if (fake.slots_refused) {
		errno = fake.slots_refused;
		return -1;
	}
	return 0;
}

#ifndef FAKE_KVM
/* ---- interrupts ---- */

void hs_irq_line(struct hs_irq *irq, unsigned int gsi, int level)
{
	if (level && !irq->wire[gsi])
		atomic_fetch_add(&irq->edges[gsi], 1);
	irq->wire[gsi] = level;
}

int hs_irq_msi_bind(struct hs_irq *irq, unsigned int n, uint64_t address, uint32_t data)
{
	irq->message[n].address = address;
	irq->message[n].data = data;
	atomic_store(&irq->message[n].bound, true);
	return 0;
}

void hs_irq_msi_unbind(struct hs_irq *irq, unsigned int n)
{
	atomic_store(&irq->message[n].bound, false);
}

void hs_irq_msi_raise(struct hs_irq *irq, unsigned int n)
{
	if (atomic_load(&irq->message[n].bound))
		atomic_fetch_add(&irq->message[n].raised, 1);
	else
		atomic_fetch_add(&irq->message[n].dropped, 1);
}
#endif

/* ---- doorbells ---- */

int hs_doorbell_bind(struct hs_vm *vm, uint32_t value, int eventfd);
void hs_doorbell_unbind(struct hs_vm *vm, uint32_t value, int eventfd);

static inline int fake_doorbell_bind(uint32_t value, int eventfd)
{
	if (fake.doorbell_refused)
		return -fake.doorbell_refused;
	for (unsigned int i = 0; i < FAKE_DOORBELLS; i++)
		if (fake.doorbell[i].bound && fake.doorbell[i].value == value)
			return -EEXIST;
	for (unsigned int i = 0; i < FAKE_DOORBELLS; i++) {
		if (fake.doorbell[i].bound)
			continue;
		fake.doorbell[i].value = value;
		fake.doorbell[i].fd = eventfd;
		fake.doorbell[i].bound = true;
		return 0;
	}
	return -ENOSPC;
}

static inline void fake_doorbell_unbind(uint32_t value, int eventfd)
{
	for (unsigned int i = 0; i < FAKE_DOORBELLS; i++)
		if (fake.doorbell[i].bound && fake.doorbell[i].value == value &&
		    fake.doorbell[i].fd == eventfd)
			fake.doorbell[i].bound = false;
}

#ifndef FAKE_KVM
int hs_doorbell_bind(struct hs_vm *vm, uint32_t value, int eventfd)
{
	(void)vm;
	return fake_doorbell_bind(value, eventfd);
}

void hs_doorbell_unbind(struct hs_vm *vm, uint32_t value, int eventfd)
{
	(void)vm;
	fake_doorbell_unbind(value, eventfd);
}
#endif

/* What the guest's OUT to the doorbell port does. False: no queue has the value. */
static inline bool fake_ring(uint32_t value)
{
	uint64_t one = 1;

	for (unsigned int i = 0; i < FAKE_DOORBELLS; i++)
		if (fake.doorbell[i].bound && fake.doorbell[i].value == value)
			return write(fake.doorbell[i].fd, &one, sizeof(one)) == sizeof(one);
	return false;
}

static inline unsigned int fake_doorbells(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FAKE_DOORBELLS; i++)
		n += fake.doorbell[i].bound;
	return n;
}

/* ---- the emulated model, as calls see it ---- */

#ifdef FAKE_IDE
int hs_ide_detach(struct hs_vm *vm, unsigned int n)
{
	(void)vm;
	if (fake.ide_busy[n])
		return -EBUSY;
	fake.ide_present[n]--;
	return 0;
}

void hs_ide_attach(struct hs_vm *vm, unsigned int n)
{
	(void)vm;
	fake.ide_present[n]++;
}

uint32_t hs_ide_location(unsigned int n)
{
	return PVK_COUNTERPART_IDE(HS_PCI_IDE, n / 2, n % 2);
}
#endif

/* ---- the VM ---- */

void hs_chip_add(struct hs_vm *vm, struct hs_chip *chip)
{
	chip->next = vm->chips;		/* last created first: the order of destruction */
	vm->chips = chip;
}

void hs_vm_stop(struct hs_vm *vm, enum hs_stop why)
{
	(void)vm;
	atomic_fetch_add(&fake.stops[why], 1);
}

enum hs_stop hs_vm_stopped(const struct hs_vm *vm)
{
	(void)vm;
	for (int why = HS_STOP_NONE + 1; why <= HS_STOP_ERROR; why++)
		if (atomic_load(&fake.stops[why]))
			return (enum hs_stop)why;
	return HS_STOP_NONE;
}

/* Config of disk n, an image of `bytes` made for it. True when it worked. */
static inline bool fake_disk(unsigned int n, uint64_t bytes, enum hs_models models)
{
	const char *dir = getenv("TMPDIR");
	bool ok;
	int fd;

	snprintf(fake.path[n], sizeof(fake.path[n]), "%.40s/pvkit-test-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(fake.path[n]);
	if (fd < 0)
		return false;
	ok = ftruncate(fd, (off_t)bytes) == 0;
	close(fd);
	fake.config.disk[n] = (struct hs_disk_config){ .path = fake.path[n], .models = models };
	snprintf(fake.config.disk[n].serial, sizeof(fake.config.disk[n].serial), "serial-%u", n);
	if (fake.config.disks <= n)
		fake.config.disks = n + 1;
	return ok;
}

/*
 * Powers the VM on: memory, I/O, back ends of the config's disks. The caller
 * filled fake.config, then creates the chips it tests. 0 or -errno.
 */
static inline int fake_create(void)
{
	int ret;

	if (!fake.config.memory)
		fake.config.memory = HS_MEM_MIN;
	if (!fake.config.vcpus)
		fake.config.vcpus = 1;
	fake.vm = (struct hs_vm){ .config = &fake.config, .kvm_fd = -1, .vm_fd = -1,
				  .blk = fake.blk };
#ifndef FAKE_KVM
	memset(&fake.irq, 0, sizeof(fake.irq));
	fake.vm.irq = &fake.irq;
#endif
	pthread_mutex_init(&fake.vm.lock, NULL);
	ret = hs_mem_create(&fake.vm.mem, -1, &fake.config);
	if (!ret)
		ret = hs_io_create(&fake.vm.io, &fake.vm.lock);
	if (!ret)
		hs_io_measure(fake.vm.io, &fake.vm.hold);
	for (unsigned int i = 0; !ret && i < fake.config.disks; i++) {
		ret = hs_blk_open(&fake.blk[i], &fake.config.disk[i], 20000);
		fake.ide_present[i] = fake.config.disk[i].models != HS_MODELS_PVKIT;
	}
	return ret;
}

/* The other way; images are deleted, and the config is empty again. */
static inline void fake_destroy(void)
{
	while (fake.vm.chips) {
		struct hs_chip *chip = fake.vm.chips;

		fake.vm.chips = chip->next;
		chip->destroy(chip);
	}
	for (unsigned int i = 0; i < fake.config.disks; i++) {
		hs_blk_close(fake.blk[i]);
		unlink(fake.path[i]);
	}
	hs_io_destroy(fake.vm.io);
	hs_mem_destroy(fake.vm.mem);
	pthread_mutex_destroy(&fake.vm.lock);
	memset(&fake, 0, sizeof(fake));
}

/* ---- what a guest does ---- */

static inline uint32_t fake_in(uint16_t port, unsigned int size)
{
	uint32_t value = 0;

	hs_io_dispatch(fake.vm.io, HS_PIO, port, false, size, &value, 1);
	return value;
}

static inline void fake_out(uint16_t port, unsigned int size, uint32_t value)
{
	hs_io_dispatch(fake.vm.io, HS_PIO, port, true, size, &value, 1);
}

static inline void *fake_ram(uint64_t gpa, uint64_t len)
{
	void *p = hs_mem_at(fake.vm.mem, gpa, len);

	if (!p) {
		fprintf(stderr, "test bug: no RAM at 0x%llx\n", (unsigned long long)gpa);
		abort();
	}
	return p;
}

/* Waits until `cond` or for 10 s; the last value of `cond`. */
#define FAKE_UNTIL(cond) __extension__({ \
	const struct timespec fake_pause = { .tv_nsec = 50000 }; \
	uint64_t fake_end = hs_now() + 10000000000ull; \
	bool fake_value; \
	while (!(fake_value = (cond)) && hs_now() < fake_end) \
		nanosleep(&fake_pause, NULL); \
	fake_value; \
})

#endif /* TESTS_FAKE_VM_H */
