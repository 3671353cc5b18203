/* SPDX-License-Identifier: BSD-2-Clause */
/* A report for people and for programs. */
#ifndef PVK_STATUS_SAY_H
#define PVK_STATUS_SAY_H

#include "judge.h"

/* all: what is not offered and not usual, too; verbose: the evidence */
void say_text(const struct status *report, FILE *out, bool all, bool verbose);
void say_json(const struct status *report, FILE *out);

/* One line a verdict: STATE NAME WHY */
void say_terse(const struct status *report, FILE *out);

/* All of one verdict. */
void say_why(const struct verdict *v, FILE *out);

#endif /* PVK_STATUS_SAY_H */
