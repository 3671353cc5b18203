/* SPDX-License-Identifier: BSD-2-Clause */
/* What pvkit-detect, pvkit-status and pvkit-load have in common: command line, messages, output. */
#ifndef PVK_TOOL_H
#define PVK_TOOL_H

#include "../detect/dump/dump.h"

/* Exit statuses of all three; 0 and 1 mean what each program's manual says. */
enum { TOOL_USAGE = 2, TOOL_TROUBLE = 3 };

struct tool_option {
	const char *name;	/* NULL: the end of the table */
	char letter;		/* -v; 0: none */
	/* One of these: */
	bool *flag;
	const char **text;	/* the option's value */
	int *choice;		/* becomes `value` */
	void (*print)(void);	/* is called, and the program ends with status 0 */
	int value;
};

/* -1: go on; else the exit status, with what is wrong said. */
int tool_parse(const struct tool_option *options, int argc, char **argv);

/* One line on stderr, with the program's name in front. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reads a dump of CPUID; - is standard input. 0 or -errno, said. */
int tool_read_dump(struct dump *dump, const char *path);

/* The status, or TOOL_TROUBLE if standard output could not be written, which is said. */
int tool_end(int status);

#endif /* PVK_TOOL_H */
