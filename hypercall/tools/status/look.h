/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to a snapshot: what the kernel was built with, told and doing. Nothing
 * here knows a hypervisor. Answers that point somewhere point into the snapshot.
 */
#ifndef PVK_STATUS_LOOK_H
#define PVK_STATUS_LOOK_H

#include "snap.h"

/* Paths that are no files of any system */
#define LOOK_LOG	"/.log"		/* lines of the kernel's log since its start */
#define LOOK_CONFIG	"/.config"	/* lines of its configuration; the first says where from */
#define LOOK_SYMBOLS	"/.symbols"	/* names of its functions, if there is no configuration */
#define LOOK_USER	"/.user"	/* not root */

enum look_config { LOOK_CONFIG_UNKNOWN, LOOK_OFF, LOOK_MODULE, LOOK_BUILTIN };

enum look_module {
	LOOK_LOADED,		/* or built in */
	LOOK_AVAILABLE,
	LOOK_BLACKLISTED,
	LOOK_MISSING,		/* not in /lib/modules */
	LOOK_COMPILED_OUT,
	LOOK_MODULE_UNKNOWN,	/* nothing tells */
};

/* The kernel's release, as "6.1.0"; "" when it is not known */
void look_release(const struct snap *snap, char *text, size_t size);

/* The release is older than major.minor; false when it is not known. */
bool look_older(const struct snap *snap, unsigned int major, unsigned int minor);

/*
 * Is this word, alone or with =VALUE, on the kernel's command line? '-' and '_' are
 * alike there. The value of the last one goes to value, cut to size, unless NULL.
 */
bool look_cmdline(const struct snap *snap, const char *word, char *value, size_t size);

/* A symbol without CONFIG_ */
enum look_config look_config(const struct snap *snap, const char *symbol);

/* config: the symbol that builds it. where: the file or word that blacklists it. */
enum look_module look_module(const struct snap *snap, const char *module, const char *config,
			     char *where, size_t size);

/* CPUs that can ever be there; 0 when it is not known */
unsigned int look_cpus(const struct snap *snap);

/* A flag of /proc/cpuinfo */
bool look_flag(const struct snap *snap, const char *flag);

/* The first line of the kernel's log with this text, or NULL */
const char *look_log(const struct snap *snap, const char *text);

/* The log goes back to the kernel's start: what is not in it was not said. */
bool look_log_complete(const struct snap *snap);

/* Interrupts of a row of /proc/interrupts ("HYP"), -1 when there is none */
long look_interrupts(const struct snap *snap, const char *label);

/* The first line of a file, without blanks at its ends; "" when there is none. */
void look_line(const struct snap *snap, const char *path, char *text, size_t size);

/* Is this one of the words of a text? */
bool look_word(const char *text, const char *word);

/* Same module: '-' and '_' are alike. len: of a. */
bool look_same_module(const char *a, size_t len, const char *b);

/* Is it a function whose presence tells of the configuration? For gather.c. */
bool look_wants_symbol(const char *function, size_t len);

#endif /* PVK_STATUS_LOOK_H */
