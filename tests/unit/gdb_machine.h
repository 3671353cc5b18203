/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine for the debugger's protocol, without a VM: CPUs that are structs, RAM of three pages
 * that do not lie beside each other here, and what was asked of it.
 */
#ifndef TESTS_GDB_MACHINE_H
#define TESTS_GDB_MACHINE_H

#include <errno.h>
#include <string.h>

#include "host-stub/gdb/gdb_proto.h"

#define GDB_CPUS	2u
#define GDB_PAGE	4096u
#define GDB_PAGES	3u
#define GDB_BASE	0xffffffff81000000ull

struct gdb_machine {
	uint8_t page[2 * GDB_PAGES][GDB_PAGE];	/* every other one is the guest's */
	struct hs_gdb_regs regs[GDB_CPUS];
	int refuse;			/* what get and set return */
	bool standing;
	unsigned int stops, kills;
	uint32_t run, step;		/* of the last resume */
	uint64_t dr[HS_GDB_SLOTS], dr7;
	char said[1 << 16];
	size_t bytes;
};

static void gdb_machine_send(void *machine, const void *data, size_t len)
{
	struct gdb_machine *m = machine;

	if (len > sizeof(m->said) - 1 - m->bytes)
		m->bytes = 0;
	memcpy(m->said + m->bytes, data, len);
	m->bytes += len;
	m->said[m->bytes] = 0;
}

static uint8_t *gdb_machine_ram(void *machine, unsigned int cpu, uint64_t address, size_t *len)
{
	struct gdb_machine *m = machine;
	uint64_t at = address - GDB_BASE;

	if (cpu >= GDB_CPUS || at >= GDB_PAGES * GDB_PAGE)
		return NULL;
	if (*len > GDB_PAGE - at % GDB_PAGE)
		*len = GDB_PAGE - at % GDB_PAGE;
	return &m->page[2 * (at / GDB_PAGE)][at % GDB_PAGE];
}

static int gdb_machine_get(void *machine, unsigned int cpu, struct hs_gdb_regs *regs)
{
	struct gdb_machine *m = machine;

	*regs = m->regs[cpu];
	return m->refuse;
}

static int gdb_machine_set(void *machine, unsigned int cpu, const struct hs_gdb_regs *regs)
{
	struct gdb_machine *m = machine;

	if (!m->refuse)
		m->regs[cpu] = *regs;
	return m->refuse;
}

static void gdb_machine_stop(void *machine)
{
	struct gdb_machine *m = machine;

	m->standing = true;
	m->stops++;
}

static void gdb_machine_resume(void *machine, const struct hs_gdb_points *points, uint32_t run,
			       uint32_t step)
{
	struct gdb_machine *m = machine;

	m->standing = false;
	m->run = run;
	m->step = step;
	m->dr7 = hs_gdb_points_registers(points, m->dr);
}

static void gdb_machine_kill(void *machine)
{
	struct gdb_machine *m = machine;

	m->kills++;
}

static const struct hs_gdb_ops gdb_machine_ops = {
	.send = gdb_machine_send, .ram = gdb_machine_ram, .get = gdb_machine_get,
	.set = gdb_machine_set, .stop = gdb_machine_stop, .resume = gdb_machine_resume,
	.kill = gdb_machine_kill,
};

#endif /* TESTS_GDB_MACHINE_H */
