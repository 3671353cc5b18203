/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages on standard error: one line each, "pvkit-vm: " in front.
 *
 * Whatever a guest, the other end of a NIC, or a fault that recurs can provoke
 * names its source. Each source has a budget of its own (a token bucket:
 * HS_LOG_BURST lines, one more every HS_LOG_REFILL_NS), which outlives reboots
 * and peers, so none can silence another. What is over budget is counted, and the count
 * is shown in the source's next line, or at the end.
 */
#ifndef HS_LOG_H
#define HS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HS_MAX_DISKS	4
#define HS_MAX_NICS	4

#define HS_LOG_BURST		10u
#define HS_LOG_REFILL_NS	30000000000ull

enum hs_log_source {
	HS_LOG_HOST,		/* this machine: what can recur at each boot */
	HS_LOG_VCPU,		/* the guest, by device */
	HS_LOG_POWER,
	HS_LOG_CONSOLE,
	HS_LOG_ACPI,
	HS_LOG_DISK,
	HS_LOG_NIC = HS_LOG_DISK + HS_MAX_DISKS,
	HS_LOG_IMAGE = HS_LOG_NIC + HS_MAX_NICS,	/* the host's side of a disk */
	HS_LOG_PEER = HS_LOG_IMAGE + HS_MAX_DISKS,	/* the other end of a NIC */
	HS_LOG_SOURCES = HS_LOG_PEER + HS_MAX_NICS,
};

/* One of several of a kind: hs_log_nth(HS_LOG_NIC, 2). A number too large shares the first's. */
static inline enum hs_log_source hs_log_nth(enum hs_log_source first, unsigned int n)
{
	return (enum hs_log_source)(first + (n < HS_MAX_NICS ? n : 0));
}

/* What is shown of an area: of the guest's and of what hs_note_from() and hs_debug() say. */
enum hs_log_level {
	HS_LOG_OFF,
	HS_LOG_ERRORS,
	HS_LOG_NOTES,		/* at first */
	HS_LOG_DEBUG,
};

/*
 * AREA=LEVEL[,AREA=LEVEL...], AREA being all or the word of a source, which is that of all of its
 * kind. Any thread. 0, or -EINVAL with nothing changed and the faulty part in *wrong.
 */
int hs_log_levels(const char *text, const char **wrong);

/* An area's word and what is shown of it, from number 0 on; NULL: no more. */
const char *hs_log_area(unsigned int n, const char **level);

/* Not bounded: what is said once, at the start or the end, or ends the run. */
void hs_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void hs_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Bounded: a guest did what it must not; anything else that somebody can repeat. */
void hs_guest_error(enum hs_log_source source, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void hs_note_from(enum hs_log_source source, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* What happens in good order, for who looks for a fault. Not bounded: only who asked sees it. */
void hs_debug(enum hs_log_source source, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Where lines go from now on; NULL: write(2), if standard error takes it soon. False from
 * it: there was no room; the line is counted, and the count shown in front of the next.
 */
void hs_log_to(bool (*put)(const char *line, size_t len));

/* Says what was counted and not yet shown, a line for each source. */
void hs_log_end(void);

/* CLOCK_MONOTONIC in ns. */
uint64_t hs_now(void);

#endif /* HS_LOG_H */
