/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot: what was read of a system, path by path, and what its CPUID answers.
 * Everything that is judged is judged from one, so a recorded system gives the
 * same report as a live one. gather.c fills it from a file system; a file of
 * `--save` is read and written here. docs/status.md has the file's form.
 */
#ifndef PVK_STATUS_SNAP_H
#define PVK_STATUS_SNAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../../detect/dump/dump.h"

#define SNAP_ENTRIES	8192u
#define SNAP_TEXT	(256u << 10)	/* most bytes of a text */
#define SNAP_PATH	512u

enum snap_kind {
	SNAP_FILE,		/* text: its content */
	SNAP_LINK,		/* text: where it leads */
	SNAP_DIR,
	SNAP_DENIED,		/* it is there, and may not be read */
	SNAP_KINDS
};

struct snap_entry {
	enum snap_kind kind;
	char *path, *text;	/* text is never NULL */
};

struct snap {
	struct snap_entry *entry;
	size_t count, room;
	struct dump dump;
};

/* An empty one; snap_free() gives back what it comes to hold. */
void snap_init(struct snap *snap);
void snap_free(struct snap *snap);

/* Adds a copy. 0, also where the path is there already; -E2BIG, -ENOMEM. */
int snap_add(struct snap *snap, enum snap_kind kind, const char *path, const char *text);

/* The content of a file, the target of a link; NULL where there is none. */
const char *snap_text(const struct snap *snap, const char *path);
const char *snap_link(const struct snap *snap, const char *path);

bool snap_has(const struct snap *snap, const char *path);
bool snap_denied(const struct snap *snap, const char *path);

/* The next entry whose path fits a pattern of fnmatch(3); NULL begins, NULL ends. */
const struct snap_entry *snap_next(const struct snap *snap, const char *pattern,
				   const struct snap_entry *after);

/*
 * Reads a file of snap_write() into an empty snapshot. 0; -EINVAL: no snapshot;
 * -E2BIG: too much for one system; -ENOMEM, or the -errno of the file. `line`
 * is the line to blame, 0 when there is none.
 */
int snap_read(struct snap *snap, FILE *file, unsigned int *line);

/* Writes it. 0 or -errno. */
int snap_write(const struct snap *snap, FILE *file);

#endif /* PVK_STATUS_SNAP_H */
