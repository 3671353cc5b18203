/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GDB's remote serial protocol, the side of the target: bytes of a debugger in, bytes for it out.
 * It knows nothing of KVM, threads or sockets: what a machine is stands behind struct hs_gdb_ops.
 *
 * All vCPUs stop together (all-stop mode). A session begins with the first packet that is whole:
 * it stops the machine, so that noise on a connection stops nothing. Packets are bounded; what is
 * not understood is answered by an empty packet, what cannot be done by an error.
 */
#ifndef HS_GDB_PROTO_H
#define HS_GDB_PROTO_H

#include "gdb_points.h"
#include "gdb_regs.h"

#define HS_GDB_PACKET	4096u	/* bytes of a packet's content, in both directions */
#define HS_GDB_CPUS	32u	/* at most: bits of a mask */

/* Of a machine; all are called from the functions below, on their thread. */
struct hs_gdb_ops {
	void (*send)(void *machine, const void *data, size_t len);
	/*
	 * Where a virtual address of that CPU lies in the guest's RAM, and how many bytes follow
	 * there, at most `len`; NULL if it is not mapped, or no RAM.
	 */
	uint8_t *(*ram)(void *machine, unsigned int cpu, uint64_t address, size_t *len);
	int (*get)(void *machine, unsigned int cpu, struct hs_gdb_regs *regs);
	int (*set)(void *machine, unsigned int cpu, const struct hs_gdb_regs *regs);
	/* All CPUs; returns when they stand still. */
	void (*stop)(void *machine);
	/* CPUs of the mask `run` go on, those of `step` by one instruction; others stay. */
	void (*resume)(void *machine, const struct hs_gdb_points *points, uint32_t run,
		       uint32_t step);
	void (*kill)(void *machine);
};

enum hs_gdb_why {
	HS_GDB_WHY_OTHER,	/* a step, a stop that was asked for */
	HS_GDB_WHY_SOFT,
	HS_GDB_WHY_HARD,
	HS_GDB_WHY_WATCH,
	HS_GDB_WHY_AWATCH,
};

struct hs_gdb_stop {
	unsigned int cpu;
	unsigned int sig;	/* a Unix signal's number, as GDB counts them */
	enum hs_gdb_why why;
	uint64_t address;	/* of what is watched */
};

#define HS_GDB_SIGINT	2u
#define HS_GDB_SIGTRAP	5u

enum hs_gdb_in { HS_GDB_IN_IDLE, HS_GDB_IN_BODY, HS_GDB_IN_SUM1, HS_GDB_IN_SUM2 };

struct hs_gdb_proto {
	const struct hs_gdb_ops *ops;
	void *machine;
	unsigned int cpus;
	struct hs_gdb_points points;
	bool session;		/* a debugger has said something that is whole */
	bool running;
	bool over;		/* it has taken leave: the connection is to be closed */
	bool no_ack, soft_told, hard_told;	/* what the two have agreed upon */
	unsigned int cpu_g, cpu_c;	/* by H: of registers and memory; of c and s */
	struct hs_gdb_stop last;
	enum hs_gdb_in state;
	uint8_t sum, told_sum;
	bool too_long;
	size_t in_len, out_len;
	char in[HS_GDB_PACKET + 1];
	char out[HS_GDB_PACKET + 8];	/* the last answer, with its frame */
};

/* A debugger to come; no breakpoint is set. by_out: see gdb_points.h. */
void hs_gdb_proto_init(struct hs_gdb_proto *p, const struct hs_gdb_ops *ops, void *machine,
		       unsigned int cpus, bool by_out);

/* Bytes of the debugger. */
void hs_gdb_proto_input(struct hs_gdb_proto *p, const uint8_t *data, size_t len);

/* The machine stands still, because of that. Nothing if it was known to. */
void hs_gdb_proto_stopped(struct hs_gdb_proto *p, const struct hs_gdb_stop *why);

/* A line that the debugger shows its user; only while the machine runs. */
void hs_gdb_proto_say(struct hs_gdb_proto *p, const char *line);

/* The machine is no more; while it runs, the debugger is told its exit status. */
void hs_gdb_proto_exited(struct hs_gdb_proto *p, unsigned int status);

/* The debugger is gone: no breakpoint is left, and what it had stopped goes on. */
void hs_gdb_proto_end(struct hs_gdb_proto *p);

/* gdb_cmd.c: the packet in p->in, whole and with a zero behind it. */
void hs_gdb_command(struct hs_gdb_proto *p);

/* An answer is begun, added to, and sent. What does not fit is left out. */
void hs_gdb_begin(struct hs_gdb_proto *p);
void hs_gdb_add(struct hs_gdb_proto *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void hs_gdb_add_hex(struct hs_gdb_proto *p, const void *data, size_t len);
/* Escaped; returns how many bytes went in. */
size_t hs_gdb_add_binary(struct hs_gdb_proto *p, const char *data, size_t len);
void hs_gdb_end(struct hs_gdb_proto *p);
void hs_gdb_answer(struct hs_gdb_proto *p, const char *text);
void hs_gdb_error(struct hs_gdb_proto *p, int error);	/* -errno */
void hs_gdb_tell_stop(struct hs_gdb_proto *p);		/* p->last */

#endif /* HS_GDB_PROTO_H */
