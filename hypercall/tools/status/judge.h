/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a snapshot to verdicts, one for each feature and device. A function of the
 * snapshot and of what detection made of its CPUID, and of nothing else.
 *
 * features.c has a row for each feature of an interface: which bits offer it, and
 * rules that are tried in order; the first whose tests hold gives the verdict.
 * devices.c has a row for each device that is known. docs/status.md says what
 * the verdicts mean and how to add a row.
 */
#ifndef PVK_STATUS_JUDGE_H
#define PVK_STATUS_JUDGE_H

#include "look.h"

enum state {
	IN_USE,
	MOOT,			/* offered, not used, and nothing is lost by that */
	OPTIONAL,		/* offered, not used; worth something in special cases only */
	UNUSED,			/* offered, not used: this system should be changed */
	WITHHELD,		/* not offered, where it usually is: the host's matter */
	EMULATED,		/* a device without a paravirtual form: the host's matter */
	UNKNOWN,		/* offered; from here it cannot be told whether it is used */
	NOT_OFFERED,
	STATES
};

extern const char *const state_word[STATES];

enum test {
	NOTHING,		/* holds always */
	CMDLINE,		/* one of these words is on the kernel's command line */
	CONFIG_OFF,		/* one of these symbols is known to be off */
	CONFIG_ON,		/* all of these are known to be on */
	LOG,			/* the kernel's log has this text */
	ONE_CPU,		/* no second CPU can ever come */
	FLAG,			/* /proc/cpuinfo has all of these flags */
	BIT, NO_BIT,		/* this bit is offered, is not; one of the row's interface */
	CLOCK,			/* the current clock source is one of these */
	CLOCK_THERE,		/* the kernel has this clock source */
	EXISTS,			/* a path */
	HAS_WORD,		/* "PATH WORD": a file has this word */
	INTERRUPT,		/* this row of /proc/interrupts counts some */
	MODULE,			/* "STATE MODULE SYMBOL": look_module() says LOADED, ... */
	TAKEN,			/* Linux took another interface: KVM, HYPERV ... */
	NONE_TAKEN,		/* Linux took none */
	OLDER,			/* "6.1": the kernel is older */
	TESTS
};

/*
 * '@' in the texts becomes what the tests found: a word, symbol, line or file. A
 * NULL advice is the state's own, or none. `inferred`: it is a conclusion, nothing shows it.
 */
struct rule {
	__u8 test, test2;	/* enum test; both must hold */
	__u8 state, inferred;
	const char *arg, *arg2;
	const char *why, *advice;
};

#define ROW_RULES	12u

struct row {
	const char *name;	/* INTERFACE.NAME; stable */
	const char *title;
	const char *bits;	/* of detect/features.c, by '|': one suffices; NULL: none needed */
	const char *usual;	/* why its absence is worth a word; NULL: it is not */
	__u8 kind;		/* enum pvk_if */
	struct rule rule[ROW_RULES];
};

extern const struct row row_table[];
extern const unsigned int row_count;

/* Rules that are tried for each row of an interface before its own */
struct guard {
	__u8 kind;
	struct rule rule;
};

extern const struct guard guard_table[];
extern const unsigned int guard_count;

/* Devices */
enum device_form { PARAVIRTUAL, TRANSPORT, SLOW };

struct device_row {
	const char *bus;	/* of /sys/bus; "storage", "net": what stands behind a PCI device */
	const char *id;		/* pattern of fnmatch(3): docs/status.md */
	const char *title;
	const char *module, *config;
	__u8 form;		/* enum device_form */
};

extern const struct device_row device_table[];
extern const unsigned int device_count;

#define EVIDENCE	8u
#define VERDICTS	192u

struct verdict {
	char name[64], title[96];
	__u8 state;
	bool inferred;
	char why[256], advice[256];
	char evidence[EVIDENCE][160];
	unsigned int evidences;
	const char *module;	/* that would help, or NULL; for pvkit load */
	const char *config;
};

struct status {
	const struct snap *snap;
	struct pvk_stack stack;
	__u8 taken;		/* enum pvk_if that Linux chose; NONE */
	bool taken_known;
	unsigned int count, left_out;
	unsigned int states[STATES];
	struct verdict verdict[VERDICTS];
};

/* Fills *report, which points into the snapshot. */
void judge(const struct snap *snap, struct status *report);

/* ---- for devices.c ---- */
struct verdict *verdict_add(struct status *report, const char *name, const char *title);
void verdict_set(struct verdict *v, enum state state, const char *why, const char *advice);
void verdict_evidence(struct verdict *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The verdict on a module that a device or feature needs: why it is not there, what to do */
void verdict_module(struct status *report, struct verdict *v, const char *module,
		    const char *config);
void judge_devices(struct status *report);

/* The interface of a kind that is offered, or NULL */
const struct pvk_interface *report_interface(const struct status *report, __u8 kind);

/* The next word of a list with blanks between, cut to size; *list moves on. false: no more. */
bool next_of(const char **list, char *word, size_t size);

/* ---- for gather.c: what the tables ask for ---- */
bool wants_config(const char *symbol, size_t len);
bool wants_module(const char *module, size_t len);
bool wants_log(const char *line, size_t len);
bool wants_word(const char *word, size_t len);	/* of the kernel's command line, without =VALUE */

#endif /* PVK_STATUS_JUDGE_H */
