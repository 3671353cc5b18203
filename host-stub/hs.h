/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host stub, seen whole: what a VM consists of and who may touch what.
 *
 * One process runs one VM. The main thread sets everything up, drops the
 * process's rights, then waits; each vCPU has a thread (vcpu.c), each back
 * end has worker threads (worker.c). A guest that asks for a reboot gets
 * a new struct hs_vm in the same process: back ends and workers outlive it.
 *
 * Locking: vm->lock serialises the emulated chips: hs_io_dispatch() holds it
 * around every region handler that is not marked unlocked, and a worker's
 * completion takes it before it touches a chip. Nothing waits under it, and no
 * action of a guest holds it for more than 5 ms (tests/unit/test_hold.c).
 *
 * Errors: functions return 0 or -errno unless they say otherwise. Whatever is
 * meant for the user goes through hs_error(): one line, what, where, what to do.
 */
#ifndef HS_H
#define HS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../hypercall/abi/pvk.h"
#include "hold.h"
#include "log.h"

#define HS_TIME_AUTO	UINT64_MAX	/* main.c chooses by what an exit costs */
#define HS_MAX_VCPUS	4
#define HS_MAX_NIC_QUEUES	HS_MAX_VCPUS	/* of a back end */
#define HS_MAX_FORWARDS	16
#define HS_MAX_MODULES	7
#define HS_MAX_REBOOTS	1000	/* of --reboots */

struct hs_io;
struct hs_mem;
struct hs_vcpu;
struct hs_blk;
struct hs_net;
struct hs_irq;
struct hs_pci;
struct hs_pv;
struct hs_ide;
struct hs_e1000;
struct hs_run;
struct hs_stats;

/* Which models a disk or NIC has (docs/abi.md, "Models"). */
enum hs_models {
	HS_MODELS_BOTH,		/* emulated, and pvkit for a guest that asks */
	HS_MODELS_EMULATED,
	HS_MODELS_PVKIT,
};

struct hs_disk_config {
	unsigned int number;
	const char *path;
	enum hs_models models;
	bool read_only;
	bool direct;		/* O_DIRECT */
	uint32_t logical_block;	/* bytes; 512 unless told */
	char serial[PVK_BLK_SERIAL_LEN + 1];
};

/* Where a NIC's frames go (net/net.h). */
enum hs_nic_kind {
	HS_NIC_TAP,    /* interface `name`, or fd */
	HS_NIC_USER,   /* user-mode network, in a process of its own */
	HS_NIC_STREAM, /* Unix stream socket at `name`, or fd; frames with a length in front */
	HS_NIC_DGRAM,  /* Unix datagram sockets `name` (ours) and `peer`, or fd */
};

struct hs_nic_config {
	enum hs_nic_kind kind;
	const char *name;	/* NULL when fds is set, and for HS_NIC_USER */
	const char *peer;	/* HS_NIC_DGRAM */
	int fd[HS_MAX_NIC_QUEUES];	/* open already; more than one for a TAP only */
	unsigned int fds;
	unsigned int queues;	/* of a TAP named, 1 .. HS_MAX_NIC_QUEUES; else 1 or fds */
	bool listen;		/* HS_NIC_STREAM: we are the server */
	enum hs_models models;
	uint8_t mac[6];		/* unicast; options.c makes one up from the NIC's number */
	uint32_t mtu;		/* PVK_NET_MIN_MTU .. PVK_NET_MAX_MTU; 1500 unless told */
	/* HS_NIC_USER: "tcp|udp:[HOSTADDRESS]:PORT-[GUESTADDRESS]:PORT", checked by options.c */
	const char *forward[HS_MAX_FORWARDS];
	unsigned int forwards;
	bool restricted;	/* HS_NIC_USER: the guest reaches nobody but the host's forwards */
};

/* What there is besides CPUs and RAM (docs/stub.md, "Machines"). */
enum hs_machine {
	HS_MACHINE_PC,		/* the chips of a PC */
	HS_MACHINE_MINIMAL,	/* nothing but pvkit's devices */
};

/* What guest memory is made of */
enum hs_pages {
	HS_PAGES_AUTO,		/* huge ones where the host has some at hand */
	HS_PAGES_SMALL,		/* 4 KiB, to measure what the others are worth */
	HS_PAGES_HUGE,		/* 2 MiB from those the host has set aside */
};

/* How the kernel is entered (boot/boot.h). */
enum hs_boot_way {
	HS_BOOT_AUTO,		/* as the file is, and what is quickest on the machine */
	HS_BOOT_BZIMAGE,
	HS_BOOT_LINUX64,
	HS_BOOT_PVH,
	HS_BOOT_MULTIBOOT,
};

/* Namespaces, another user and the like (jail.h). */
enum hs_jail_mode {
	HS_JAIL_AUTO,		/* what this host permits */
	HS_JAIL_STRICT,		/* all of it, or nothing runs */
	HS_JAIL_OFF,
};

/* The command line, parsed and checked (options.c writes it, all others read). */
struct hs_config {
	const char *kernel;
	const char *initrd;	/* or NULL */
	const char *cmdline;
	struct {
		const char *path, *cmdline;
	} module[HS_MAX_MODULES];	/* of a Multiboot kernel, behind the initrd */
	unsigned int modules;
	enum hs_boot_way boot;
	uint64_t memory;	/* bytes */
	enum hs_pages pages;
	bool prefault;		/* all of it is there before the guest starts */
	unsigned int vcpus;
	struct hs_disk_config disk[HS_MAX_DISKS];
	unsigned int disks;
	struct hs_nic_config nic[HS_MAX_NICS];
	unsigned int nics;
	enum hs_machine machine;
	uint32_t info;		/* HS_INFO_BIT() of the sections of the information page */
	uint64_t pv_offer;	/* PVK_FEAT_*; 0: no pvkit leaves, no ACPI device */
	uint64_t kvm_mask;	/* KVM PV feature bits withheld (0x40000001 EAX) */
	const struct dump *cpuid[HS_MAX_VCPUS];	/* whose hypervisor leaves a vCPU sees */
	unsigned int cpuids;	/* of them, the last for all further vCPUs; 0: our own */
	uint64_t poll_ns;	/* longest a worker polls before it sleeps, or HS_TIME_AUTO */
	uint64_t coalesce_ns;	/* longest completions are coalesced before the guest is told */
	const char *console;	/* "stdio", "none" or a file path */
	uint64_t console_limit;	/* bytes of that file; 0: none */
	const char *stats;	/* where to write the statistics as JSON, or NULL */
	const char *control;	/* a socket to ask things while it runs, or NULL */
	const char *trace;	/* where to write events, or NULL */
	uint64_t trace_limit;	/* bytes of that file; 0: none */
	unsigned int seconds;	/* time limit of the run, 0: none */
	bool no_reboot;		/* a reboot request ends the VM */
	unsigned int reboots;	/* so many boots within 10 s end it, too; 0: never */
	bool sandbox;		/* seccomp; on unless told */
	enum hs_jail_mode jail;
	uint32_t uid, gid;	/* to become, as root; 0: one of its own */
	const char *cgroup;	/* its directory, or NULL */
	const char *gdb;	/* where a debugger connects, or NULL */
	uint16_t gdb_port;	/* of 127.0.0.1; 0: gdb is a Unix socket's path */
	bool gdb_wait;		/* the first boot waits for it */
	bool mp_table;		/* Intel MP tables, for kernels without ACPI */
	uint32_t debug_exit;	/* port whose writes end the VM; 0: none */
	bool force;		/* try a /dev/kvm that has no hardware behind it */
};

/* Whether there is somebody to read what costs more than a counter. */
static inline bool hs_config_counts(const struct hs_config *config)
{
	return config->stats || config->control;
}

/* Why the VM ended; vcpu threads and chips report through hs_vm_stop(). */
enum hs_stop {
	HS_STOP_NONE,
	HS_STOP_POWEROFF,
	HS_STOP_REBOOT,
	HS_STOP_CRASH,		/* triple fault: a reboot, unless config.no_reboot */
	HS_STOP_PANIC,		/* the guest said so (PVK_POWER_PANIC) */
	HS_STOP_DEBUG_EXIT,	/* a write to config.debug_exit; the value is vm->exit_value */
	HS_STOP_SIGNAL,		/* the user ended it */
	HS_STOP_KILLED,		/* the debugger killed it */
	HS_STOP_TIMEOUT,	/* config.seconds */
	HS_STOP_ERROR,		/* KVM or the stub gave up; said on stderr */
};

/* What the guest said last by PVK_CALL_POWER; printable. Written under pv->lock. */
struct hs_last_words {
	uint32_t op;		/* enum pvk_power_op; PVK_POWER_NONE: nothing */
	uint32_t code;
	char text[PVK_POWER_TEXT + 1];
};

struct hs_vm {
	const struct hs_config *config;
	int kvm_fd;
	int vm_fd;
	struct hs_mem *mem;
	struct hs_io *io;
	struct hs_irq *irq;
	struct hs_pci *pci;
	struct hs_ide *ide;
	struct hs_e1000 *e1000[HS_MAX_NICS];	/* those with an emulated model */
	struct hs_pv *pv;	/* NULL when nothing is offered */
	struct hs_blk **blk;	/* config->disks of them, owned by main.c */
	struct hs_net **net;	/* config->nics of them, owned by main.c */
	struct hs_vcpu *vcpu[HS_MAX_VCPUS];
	struct hs_last_words last_words;
	uint32_t exit_value;
	uint64_t info_clock;	/* guest-physical, of the information page's clock; 0: none */
	struct hs_chip *chips;	/* in the order of creation */
	pthread_mutex_t lock;
	struct hs_hold hold;	/* of the lock */
	struct hs_run *run;	/* vm.c: who asked for the end, and the main thread's wake-up */
	struct hs_stats *stats;	/* of this boot, stats.h */
};

/*
 * A chip (or PV device model) of the VM. Embedded as the first member of the
 * chip's own struct; hs_chip_add() links it. destroy() runs in reverse order
 * of creation, after every vCPU thread has ended; it frees the chip.
 */
struct hs_chip {
	const char *name;
	void (*reset)(struct hs_chip *chip);	/* to power-on state; vm->lock held */
	void (*destroy)(struct hs_chip *chip);
	struct hs_chip *next;
};

/* vm->lock, measured. Every holder takes it so. */
static inline void hs_vm_lock(struct hs_vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	hs_hold_begin(&vm->hold);
}

static inline void hs_vm_unlock(struct hs_vm *vm)
{
	hs_hold_end(&vm->hold);
	pthread_mutex_unlock(&vm->lock);
}

void hs_chip_add(struct hs_vm *vm, struct hs_chip *chip);

/*
 * Asks the VM to end; any thread, any time, also under vm->lock. The first
 * reason wins. Returns at once; the vCPUs leave guest mode soon after.
 */
void hs_vm_stop(struct hs_vm *vm, enum hs_stop why);

/* The reason, or HS_STOP_NONE. What waits for something on a vCPU's thread looks at it. */
enum hs_stop hs_vm_stopped(const struct hs_vm *vm);

#endif /* HS_H */
