/* SPDX-License-Identifier: BSD-2-Clause */
/* What pvkit-detect says, in three forms. */
#ifndef PVK_TOOL_REPORT_H
#define PVK_TOOL_REPORT_H

#include "../../detect/dump/dump.h"

struct processor {
	char vendor[16], brand[64], codename[64];
};

struct report {
	const struct dump *dump;
	const struct pvk_stack *stack;
	const struct processor *processor;	/* texts empty when libcpuid could not say */
};

/* For people. all: features that are not offered, too. */
void report_text(const struct report *report, FILE *out, bool all);

void report_json(const struct report *report, FILE *out);

/* Lines of words, for scripts: docs/detect.md */
void report_terse(const struct pvk_stack *stack, FILE *out);

/* calling, insn and where of an interface, as one phrase; "none" when it has none */
const char *report_calling(const struct pvk_interface *interface, char *text, size_t size);

#endif /* PVK_TOOL_REPORT_H */
