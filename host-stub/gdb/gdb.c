// SPDX-License-Identifier: BSD-2-Clause
/*
 * The thread of a debugger's connection: see gdb.h. It polls the connection (or the listener, while
 * there is none) and an eventfd, by which the main thread hands it a VM or takes it back, and vCPUs
 * say that they met a debug exception. Nothing but this thread uses the protocol's state.
 */
#include "gdb.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../listen.h"
#include "../thread.h"
#include "gdb_vcpu.h"

#define SEND_NS		5000000000u	/* what is said at one turn must be taken by then */
#define STOOD_NS	1000000000u	/* a stop that the guest's clocks should know of */

struct hs_gdb {
	const struct hs_config *config;
	const struct hs_kernel *kernel;
	int listen_fd, event_fd;
	pthread_t thread;
	bool started;
	uint32_t no_irq;		/* KVM_GUESTDBG_BLOCKIRQ, where there is that */
	pthread_mutex_t lock;
	pthread_cond_t served;
	struct hs_vm *wanted;		/* by the main thread: the VM to look at */
	struct hs_vm *vm;		/* the thread's; read by the main one under the lock */
	bool ending;
	int status;
	atomic_bool attached;		/* a session has begun */
	/* the thread's */
	int fd;				/* the connection; -1: none */
	bool broken, killed;
	bool stopped;			/* the vCPUs stand for the debugger */
	bool long_stop;			/* one that their clocks should know of */
	uint64_t until;			/* hs_now() by which what is said must be taken */
	uint32_t step;			/* vCPUs that were sent on by one instruction */
	uint32_t plain;			/* vCPUs whose debug controls are off */
	uint64_t stood;			/* hs_now() when all were stopped */
	struct hs_gdb_stop pending[HS_MAX_VCPUS];	/* .sig: a watchpoint's, not yet told */
	struct hs_gdb_proto proto;
};

/* ---- what the protocol asks of the machine ---- */

static void gdb_send(void *machine, const void *data, size_t len)
{
	struct hs_gdb *gdb = machine;
	struct pollfd fd = { .fd = gdb->fd, .events = POLLOUT };
	const char *at = data;
	uint64_t now;

	while (len && !gdb->broken && gdb->fd >= 0) {
		ssize_t n = write(gdb->fd, at, len);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			now = hs_now();
			gdb->broken = now >= gdb->until ||
				      poll(&fd, 1, (int)((gdb->until - now) / 1000000u) + 1) <= 0;
		} else if (n < 0 && errno != EINTR) {
			gdb->broken = true;
		}
	}
}

static uint8_t *gdb_ram(void *machine, unsigned int cpu, uint64_t address, size_t *len)
{
	struct hs_gdb *gdb = machine;

	return gdb->vm ? hs_gdb_vcpu_ram(gdb->vm->vcpu[cpu], gdb->kernel, address, len) : NULL;
}

static int gdb_get(void *machine, unsigned int cpu, struct hs_gdb_regs *regs)
{
	struct hs_gdb *gdb = machine;

	return gdb->vm ? hs_gdb_vcpu_get(gdb->vm->vcpu[cpu], regs) : -ENODEV;
}

static int gdb_set(void *machine, unsigned int cpu, const struct hs_gdb_regs *regs)
{
	struct hs_gdb *gdb = machine;

	return gdb->vm ? hs_gdb_vcpu_set(gdb->vm->vcpu[cpu], regs) : -ENODEV;
}

static void gdb_park(struct hs_gdb *gdb, struct hs_vm *vm)
{
	(void)hs_park_all(vm, HS_HELD_BY_DEBUGGER, 0);	/* without a limit it does not fail */
	gdb->stopped = true;
	gdb->stood = hs_now();
}

static void gdb_take_hits(struct hs_gdb *gdb);

static void gdb_stop(void *machine)
{
	struct hs_gdb *gdb = machine;

	atomic_store(&gdb->attached, true);
	if (!gdb->vm)
		return;
	gdb_park(gdb, gdb->vm);
	/* While the points are there that were met. */
	gdb_take_hits(gdb);
}

/* A vCPU's debug controls, with KVM_GUESTDBG_INJECT_* or 0. */
static void gdb_control(struct hs_gdb *gdb, const struct hs_gdb_points *points, unsigned int cpu,
			uint32_t inject)
{
	uint32_t control = inject, bit = 1u << cpu;
	uint64_t dr[HS_GDB_SLOTS];
	bool plain;
	int ret;

	if (gdb->step & bit)
		control |= KVM_GUESTDBG_SINGLESTEP | gdb->no_irq;
	plain = !control && !hs_gdb_points_soft(points) && !hs_gdb_points_registers(points, dr);
	if (plain && gdb->plain & bit)
		return;
	ret = hs_gdb_vcpu_debug(gdb->vm->vcpu[cpu], points, control);
	if (ret < 0)
		hs_note("gdb: vCPU %u: KVM_SET_GUEST_DEBUG: %s", cpu, strerror(-ret));
	gdb->plain = plain ? gdb->plain | bit : gdb->plain & ~bit;
}

/* One that met a debug exception: ours is told, or kept; the guest's own goes on to the guest. */
static void gdb_take_hit(struct hs_gdb *gdb, unsigned int cpu)
{
	struct hs_vcpu *vcpu = gdb->vm->vcpu[cpu];
	struct hs_gdb_stop why;
	uint32_t bit = 1u << cpu, inject = 0;

	switch (hs_gdb_vcpu_met(vcpu, gdb->kernel, &gdb->proto.points, gdb->step & bit, &why,
				&inject)) {
	case HS_GDB_MET_OWN:
		gdb_control(gdb, &gdb->proto.points, cpu, inject);
		break;
	case HS_GDB_MET_NOTHING:
		break;
	case HS_GDB_MET_POINT:
		if (gdb->proto.session && !gdb->stopped) {
			gdb_stop(gdb);
			hs_gdb_proto_stopped(&gdb->proto, &why);
		} else if (why.why == HS_GDB_WHY_WATCH || why.why == HS_GDB_WHY_AWATCH) {
			/* The access is done and does not come again, as what is executed does. */
			gdb->pending[cpu] = why;
		}
		return;
	}
	if (!gdb->stopped)
		hs_park_release(gdb->vm, HS_HELD_BY_DEBUGGER, bit, false);
}

static void gdb_take_hits(struct hs_gdb *gdb)
{
	uint32_t hits;

	while (gdb->vm && (hits = hs_park_hits(gdb->vm))) {
		unsigned int cpu = (unsigned int)__builtin_ctz(hits);

		atomic_store(&gdb->vm->vcpu[cpu]->hit, false);
		gdb_take_hit(gdb, cpu);
	}
}

/* What was met while all were stopping for another reason: told in place of going on. */
static bool gdb_tell_pending(struct hs_gdb *gdb)
{
	for (unsigned int i = 0; i < gdb->proto.cpus; i++) {
		struct hs_gdb_stop why = gdb->pending[i];

		memset(&gdb->pending[i], 0, sizeof(why));
		if (!why.sig || !hs_gdb_points_watches(&gdb->proto.points, why.address))
			continue;
		hs_gdb_proto_stopped(&gdb->proto, &why);
		return true;
	}
	return false;
}

static void gdb_resume(void *machine, const struct hs_gdb_points *points, uint32_t run,
		       uint32_t step)
{
	struct hs_gdb *gdb = machine;

	if (!gdb->vm)
		return;
	if (gdb->proto.session && gdb_tell_pending(gdb))
		return;
	gdb->step = step;
	gdb->stopped = false;
	gdb->long_stop |= hs_now() - gdb->stood > STOOD_NS;
	for (unsigned int i = 0; i < gdb->proto.cpus; i++)
		if ((run | step) & 1u << i)
			gdb_control(gdb, points, i, 0);
	/* The debugger goes on from a breakpoint by a step first: that tells nobody. */
	hs_park_release(gdb->vm, HS_HELD_BY_DEBUGGER, run | step, !step && gdb->long_stop);
	if (!step)
		gdb->long_stop = false;
}

static void gdb_kill(void *machine)
{
	struct hs_gdb *gdb = machine;

	gdb->killed = true;	/* between two boots: the next one is */
	if (gdb->vm)
		hs_vm_stop(gdb->vm, HS_STOP_KILLED);
}

static const struct hs_gdb_ops gdb_ops = {
	.send = gdb_send, .ram = gdb_ram, .get = gdb_get, .set = gdb_set, .stop = gdb_stop,
	.resume = gdb_resume, .kill = gdb_kill,
};

/* ---- the connection ---- */

static void gdb_hang_up(struct hs_gdb *gdb)
{
	hs_gdb_proto_end(&gdb->proto);
	memset(gdb->pending, 0, sizeof(gdb->pending));
	atomic_store(&gdb->attached, false);
	close(gdb->fd);
	gdb->fd = -1;
	gdb->broken = false;
}

static void gdb_accept(struct hs_gdb *gdb)
{
	gdb->fd = accept4(gdb->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (gdb->fd >= 0)
		hs_gdb_proto_init(&gdb->proto, &gdb_ops, gdb, gdb->config->vcpus,
				  gdb->proto.points.by_out);
}

static void gdb_hear(struct hs_gdb *gdb)
{
	uint8_t bytes[4096];
	ssize_t n = read(gdb->fd, bytes, sizeof(bytes));

	if (n > 0)
		hs_gdb_proto_input(&gdb->proto, bytes, (size_t)n);
	else if (!n || (errno != EAGAIN && errno != EINTR))
		gdb->broken = true;
}

/* ---- boots ---- */

static void gdb_begin_vm(struct hs_gdb *gdb, struct hs_vm *vm)
{
	const struct hs_gdb_stop why = { .sig = HS_GDB_SIGTRAP };
	char line[80];

	gdb->step = 0;
	gdb->stopped = gdb->long_stop = false;
	gdb->plain = UINT32_MAX;
	memset(gdb->pending, 0, sizeof(gdb->pending));
	if (gdb->killed)
		hs_vm_stop(vm, HS_STOP_KILLED);
	if (!gdb->proto.session) {
		/* It left after hs_gdb_boot_prepare() had seen it. */
		if (!gdb->config->gdb_wait || vm->run->boot > 1)
			hs_park_release(vm, HS_HELD_BY_DEBUGGER, UINT32_MAX, false);
		return;
	}
	gdb_park(gdb, vm);
	snprintf(line, sizeof(line), "pvkit-vm: boot %u, at its first instruction\n", vm->run->boot);
	hs_gdb_proto_say(&gdb->proto, line);
	hs_gdb_proto_stopped(&gdb->proto, &why);
}

/* What the main thread wants. False: the end. */
static bool gdb_take_orders(struct hs_gdb *gdb)
{
	struct hs_vm *wanted;
	bool ending;

	pthread_mutex_lock(&gdb->lock);
	wanted = gdb->wanted;
	ending = gdb->ending;
	pthread_mutex_unlock(&gdb->lock);
	if (wanted == gdb->vm)
		return !ending;
	if (wanted)
		gdb_begin_vm(gdb, wanted);
	else
		hs_gdb_points_forget_memory(&gdb->proto.points);	/* it goes */
	pthread_mutex_lock(&gdb->lock);
	gdb->vm = wanted;
	pthread_cond_broadcast(&gdb->served);
	pthread_mutex_unlock(&gdb->lock);
	return !ending;
}

static void *gdb_thread(void *arg)
{
	struct hs_gdb *gdb = arg;
	uint64_t events;

	pthread_setname_np(pthread_self(), "gdb");
	hs_thread_narrow(HS_THREAD_GDB);
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = gdb->event_fd, .events = POLLIN },
			{ .fd = gdb->fd < 0 ? gdb->listen_fd : gdb->fd, .events = POLLIN },
		};

		if (poll(fds, 2, -1) < 0)
			continue;
		gdb->until = hs_now() + SEND_NS;
		if (fds[0].revents && read(gdb->event_fd, &events, sizeof(events)) > 0 &&
		    !gdb_take_orders(gdb))
			break;
		gdb_take_hits(gdb);
		if (fds[1].revents && gdb->fd < 0)
			gdb_accept(gdb);
		else if (fds[1].revents)
			gdb_hear(gdb);
		if (gdb->fd >= 0 && (gdb->broken || gdb->proto.over))
			gdb_hang_up(gdb);
	}
	gdb->until = hs_now() + SEND_NS;
	if (gdb->fd >= 0) {
		hs_gdb_proto_exited(&gdb->proto, (unsigned int)gdb->status);
		gdb_hang_up(gdb);
	}
	return NULL;
}

/* ---- the main thread's ---- */

int hs_gdb_listen(struct hs_gdb **out, const struct hs_host *host)
{
	const struct hs_config *config = host->config;
	struct hs_gdb *gdb;
	int ret;

	if (!config->gdb)
		return 0;
	gdb = calloc(1, sizeof(*gdb));
	if (!gdb)
		return -ENOMEM;
	gdb->config = config;
	gdb->kernel = &host->kernel;
	gdb->fd = -1;
	pthread_mutex_init(&gdb->lock, NULL);
	pthread_cond_init(&gdb->served, NULL);
	hs_gdb_proto_init(&gdb->proto, &gdb_ops, gdb, config->vcpus, !host->probe.int3);
	gdb->listen_fd = config->gdb_port ? hs_listen_loopback(config->gdb_port, 1) :
					    hs_listen_unix(config->gdb, 1);
	if (gdb->listen_fd < 0)
		hs_error("--gdb %s: %s", config->gdb, hs_listen_problem(gdb->listen_fd));
	else if (!host->probe.int3)
		hs_note("--gdb: this host's KVM does not report int3: breakpoints are OUTs, in kernel code alone");
	gdb->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = gdb->event_fd < 0 ? -errno : 0;
	*out = gdb;
	return gdb->listen_fd < 0 ? gdb->listen_fd : ret;
}

int hs_gdb_start(struct hs_gdb *gdb)
{
	int ret = gdb ? -pthread_create(&gdb->thread, NULL, gdb_thread, gdb) : 0;

	if (ret < 0)
		hs_error("gdb: cannot start its thread: %s", strerror(-ret));
	else if (gdb)
		gdb->started = true;
	return ret;
}

static void gdb_wake(struct hs_gdb *gdb)
{
	uint64_t one = 1;

	if (write(gdb->event_fd, &one, sizeof(one)) < 0)
		hs_error("gdb: cannot wake its thread: %s", strerror(errno));
}

/* Returns when the thread looks at that VM, or, NULL, at none. */
static void gdb_hand(struct hs_gdb *gdb, struct hs_vm *vm)
{
	pthread_mutex_lock(&gdb->lock);
	gdb->wanted = vm;
	gdb_wake(gdb);
	while (gdb->vm != vm)
		pthread_cond_wait(&gdb->served, &gdb->lock);
	pthread_mutex_unlock(&gdb->lock);
}

int hs_gdb_boot_prepare(struct hs_gdb *gdb, struct hs_vm *vm)
{
	int flags;

	if (!gdb)
		return 0;
	if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG) <= 0) {
		hs_error("--gdb: KVM on this host has no KVM_SET_GUEST_DEBUG");
		return -ENOTSUP;
	}
	flags = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2);
	gdb->no_irq = flags > 0 ? (uint32_t)flags & KVM_GUESTDBG_BLOCKIRQ : 0;
	hs_park_notify(vm, gdb->event_fd);
	if (atomic_load(&gdb->attached) || (gdb->config->gdb_wait && vm->run->boot == 1))
		hs_park_at_start(vm, HS_HELD_BY_DEBUGGER);
	return 0;
}

void hs_gdb_boot_begin(struct hs_gdb *gdb, struct hs_vm *vm)
{
	if (gdb)
		gdb_hand(gdb, vm);
}

void hs_gdb_boot_end(struct hs_gdb *gdb)
{
	if (gdb)
		gdb_hand(gdb, NULL);
}

void hs_gdb_close(struct hs_gdb *gdb, int status)
{
	if (!gdb)
		return;
	pthread_mutex_lock(&gdb->lock);
	gdb->ending = true;
	gdb->status = status;
	pthread_mutex_unlock(&gdb->lock);
	if (gdb->started) {
		gdb_wake(gdb);
		pthread_join(gdb->thread, NULL);
	}
	if (gdb->listen_fd >= 0)
		close(gdb->listen_fd);
	if (gdb->event_fd >= 0)
		close(gdb->event_fd);
	pthread_cond_destroy(&gdb->served);
	pthread_mutex_destroy(&gdb->lock);
	free(gdb);
}
