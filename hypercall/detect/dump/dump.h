/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine as recorded: the answers of CPUID, and facts beside it. A live machine
 * is recorded first and judged then, so what --save writes is what was judged.
 *
 * The file is libcpuid's raw format with lines of our own, which libcpuid
 * skips; the raw output of cpuid(1) can be read, too. docs/detect.md has the form.
 */
#ifndef PVK_TOOL_DUMP_H
#define PVK_TOOL_DUMP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../stack.h"

#define DUMP_LEAVES	1024u
#define DUMP_FACT	128u

struct dump_leaf {
	uint32_t leaf;
	enum pvk_via via;
	struct pvk_cpuid_regs regs;
};

struct dump {
	uint32_t leaves;
	bool has[PVK_VIAS];		/* this way of asking was tried */
	bool known[PVK_FACTS];
	char fact[PVK_FACTS][DUMP_FACT];
	struct dump_leaf leaf[DUMP_LEAVES];
};

/*
 * Reads a dump. 0; -EINVAL: no dump, -EPROTO: a quoted one, -E2BIG: too long for a machine, or the
 * -errno of the file; `line` is the line that was wrong, 0 when none is to blame.
 */
int dump_read(struct dump *dump, FILE *file, unsigned int *line);

/* What is wrong with that line */
const char *dump_problem(int err);

/* The leaf as recorded, or NULL */
const struct pvk_cpuid_regs *dump_find(const struct dump *dump, enum pvk_via via, uint32_t leaf);

/* Records an answer. false: no room. */
bool dump_add(struct dump *dump, enum pvk_via via, uint32_t leaf,
	      const struct pvk_cpuid_regs *regs);

/* Records a fact, cut where it is too long; what cannot be printed becomes '?'. */
void dump_fact(struct dump *dump, enum pvk_fact fact, const char *text);

/* Writes what libcpuid's own part of a file does not hold: leaves above 0x40000000, facts. */
void dump_write_rest(const struct dump *dump, FILE *file);

/* The machine that a dump describes; the dump must outlive it. A leaf not recorded is zero. */
void dump_machine(struct dump *dump, struct pvk_machine *machine);

#endif /* PVK_TOOL_DUMP_H */
