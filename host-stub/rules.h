/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System call filters from a table: a row allows a call for some kinds of caller,
 * where its arguments fulfil the row's conditions. A call without a row that fits ends the process
 * (SECCOMP_RET_KILL_PROCESS), so that what is missing shows at once.
 */
#ifndef HS_RULES_H
#define HS_RULES_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A sanitizer's run time makes calls that no list of ours has. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HS_SANITIZED true
#endif
#endif
#ifndef HS_SANITIZED
#define HS_SANITIZED false
#endif

/* (argument & mask) == value; a mask of 0: no condition */
struct hs_condition {
	unsigned int arg;
	uint64_t mask, value;
	bool self;		/* value: the process id given to hs_rules_program() */
};

#define HS_BITS(n, bits, is)	{ .arg = (n), .mask = (bits), .value = (is) }
#define HS_IS(n, is)		HS_BITS(n, UINT64_MAX, is)
#define HS_NONE_OF(n, bits)	HS_BITS(n, bits, 0)
#define HS_ONLY(n, bits)	HS_BITS(n, ~(uint64_t)(bits), 0)
#define HS_SELF(n)		{ .arg = (n), .mask = UINT64_MAX, .self = true }

#define HS_CONDITIONS	2	/* of a row, all of which hold; of different arguments */

struct hs_rule {
	int call;		/* SCMP_SYS() */
	unsigned int kinds;	/* of caller, a bit each */
	struct hs_condition condition[HS_CONDITIONS];
	unsigned int needs;	/* present only if one of these bits is needed; 0: always */
	const char *reason;
};

/* Beside the kinds: ENOSYS is the answer, so that the C library does without the call. */
#define HS_RULE_ABSENT	(1u << 31)

/*
 * Builds the program of `rules` for callers of any of `kinds`, with the rows that
 * `needs` asks for, in a process with the id `self`. It stays, in read-only
 * memory. 0 or -errno.
 */
int hs_rules_program(const struct hs_rule *rules, size_t n, unsigned int kinds, unsigned int needs,
		     pid_t self, struct sock_fprog *program);

#endif /* HS_RULES_H */
