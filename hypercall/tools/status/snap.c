// SPDX-License-Identifier: BSD-2-Clause
/*
 * Snapshots: see snap.h. A file is lines:
 *   pvkit-snapshot 1		the first that is no comment
 *   file PATH			its content follows,
 *   |TEXT			a line each
 *   link PATH -> TARGET
 *   dir PATH
 *   denied PATH
 *   cpuid LINE			a line of a dump (tools/detect/dump.c)
 *   # a comment
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define SNAP_LINES	200000u
#define SNAP_DUMP	(128u << 10)	/* most bytes of all cpuid lines */

static const char *const kind_word[SNAP_KINDS] = {
	[SNAP_FILE] = "file",
	[SNAP_LINK] = "link",
	[SNAP_DIR] = "dir",
	[SNAP_DENIED] = "denied",
};

void snap_init(struct snap *s)
{
	memset(s, 0, sizeof(*s));
}

void snap_free(struct snap *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->entry[i].path);
		free(s->entry[i].text);
	}
	free(s->entry);
	s->entry = NULL;
	s->count = s->room = 0;
}

static const struct snap_entry *find(const struct snap *s, const char *path)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->entry[i].path, path))
			return &s->entry[i];
	return NULL;
}

int snap_add(struct snap *s, enum snap_kind kind, const char *path, const char *text)
{
	struct snap_entry *e;

	if (find(s, path))
		return 0;
	if (s->count == SNAP_ENTRIES || strlen(path) >= SNAP_PATH || strlen(text) > SNAP_TEXT)
		return -E2BIG;
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 256;

		e = realloc(s->entry, room * sizeof(*e));
		if (!e)
			return -ENOMEM;
		s->entry = e;
		s->room = room;
	}
	e = &s->entry[s->count];
	e->kind = kind;
	e->path = strdup(path);
	e->text = strdup(text);
	if (!e->path || !e->text) {
		free(e->path);
		free(e->text);
		return -ENOMEM;
	}
	s->count++;
	return 0;
}

static const char *text_of(const struct snap *s, enum snap_kind kind, const char *path)
{
	const struct snap_entry *e = find(s, path);

	return e && e->kind == kind ? e->text : NULL;
}

const char *snap_text(const struct snap *s, const char *path)
{
	return text_of(s, SNAP_FILE, path);
}

const char *snap_link(const struct snap *s, const char *path)
{
	return text_of(s, SNAP_LINK, path);
}

bool snap_has(const struct snap *s, const char *path)
{
	return find(s, path) != NULL;
}

bool snap_denied(const struct snap *s, const char *path)
{
	return text_of(s, SNAP_DENIED, path) != NULL;
}

const struct snap_entry *snap_next(const struct snap *s, const char *pattern,
				   const struct snap_entry *after)
{
	for (size_t i = after ? (size_t)(after - s->entry) + 1 : 0; i < s->count; i++)
		if (!fnmatch(pattern, s->entry[i].path, FNM_PATHNAME))
			return &s->entry[i];
	return NULL;
}

/* ---- files ---- */

/* A text that grows line by line; done when the next entry begins. */
struct growing {
	char path[SNAP_PATH];
	char *text;
	size_t len, room;
	bool open;
};

static int grow(struct growing *g, const char *line, size_t most)
{
	size_t len = strlen(line);

	if (g->len + len + 2 > most)
		return -E2BIG;
	if (g->len + len + 2 > g->room) {
		size_t room = 2 * (g->len + len + 2);
		char *text = realloc(g->text, room);

		if (!text)
			return -ENOMEM;
		g->text = text;
		g->room = room;
	}
	memcpy(g->text + g->len, line, len);
	g->len += len;
	g->text[g->len++] = '\n';
	g->text[g->len] = 0;
	return 0;
}

static int finish(struct snap *s, struct growing *g)
{
	int ret = g->open ? snap_add(s, SNAP_FILE, g->path, g->len ? g->text : "") : 0;

	g->open = false;
	g->len = 0;
	return ret;
}

/* kind PATH [-> TARGET] */
static int begin(struct snap *s, struct growing *g, char *line)
{
	size_t len = strcspn(line, " ");
	char *path = line + len + 1, *arrow;

	if (!line[len] || *path != '/' || strlen(path) >= SNAP_PATH)
		return -EINVAL;
	line[len] = 0;
	for (unsigned int kind = 0; kind < SNAP_KINDS; kind++) {
		if (strcmp(line, kind_word[kind]))
			continue;
		if (kind == SNAP_FILE) {
			strcpy(g->path, path);
			g->open = true;
			return 0;
		}
		arrow = strstr(path, " -> ");
		if ((kind == SNAP_LINK) != (arrow != NULL))
			return -EINVAL;
		if (arrow)
			*arrow = 0;
		return snap_add(s, kind, path, arrow ? arrow + 4 : "");
	}
	return -EINVAL;
}

static int read_cpuid(struct snap *s, const struct growing *dump)
{
	unsigned int line;
	FILE *f;
	int ret;

	if (!dump->len)
		return -EINVAL;
	f = fmemopen(dump->text, dump->len, "r");
	if (!f)
		return -ENOMEM;
	ret = dump_read(&s->dump, f, &line);
	fclose(f);
	return ret;
}

int snap_read(struct snap *s, FILE *file, unsigned int *line)
{
	struct growing content = { 0 }, dump = { 0 };
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	bool headed = false;
	int ret = 0;

	for (*line = 1; !ret && (len = getline(&text, &room, file)) >= 0; (*line)++) {
		if (*line > SNAP_LINES || len > (ssize_t)SNAP_TEXT) {
			ret = -E2BIG;
			break;
		}
		if (strlen(text) != (size_t)len) {
			ret = -EINVAL;		/* a NUL: no text */
			break;
		}
		text[strcspn(text, "\r\n")] = 0;
		if (*text == '|' && content.open) {
			ret = grow(&content, text + 1, SNAP_TEXT);
		} else if (*text && *text != '#') {
			ret = finish(s, &content);
			if (ret)
				break;
			if (!headed)
				ret = strcmp(text, "pvkit-snapshot 1") ? -EINVAL : 0;
			else if (!strncmp(text, "cpuid ", 6))
				ret = grow(&dump, text + 6, SNAP_DUMP);
			else
				ret = begin(s, &content, text);
			headed = true;
		}
		if (ret)
			break;
	}
	if (!ret) {
		*line = 0;
		ret = ferror(file) ? -EIO : finish(s, &content);
		if (!ret)
			ret = read_cpuid(s, &dump);
	}
	free(text);
	free(content.text);
	free(dump.text);
	return ret;
}

static void write_text(FILE *f, const char *prefix, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		fprintf(f, "%s%.*s\n", prefix, (int)len, text);
		text += len + (text[len] != 0);
	}
}

/* The leaves that detection asks of the processor; the rest is dump_write_rest()'s */
static void write_processor(const struct dump *dump, FILE *f)
{
	for (uint32_t i = 0; i < dump->leaves; i++) {
		const struct dump_leaf *l = &dump->leaf[i];
		uint32_t n = l->leaf & 0x7fffffffu;

		if (l->via == PVK_VIA_CPUID && n <= (l->leaf == n ? 1 : 8))
			fprintf(f, "%s[%u]=%08x %08x %08x %08x\n",
				l->leaf == n ? "basic_cpuid" : "ext_cpuid", n, l->regs.eax,
				l->regs.ebx, l->regs.ecx, l->regs.edx);
	}
	dump_write_rest(dump, f);
}

int snap_write(const struct snap *s, FILE *f)
{
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		return -errno;
	write_processor(&s->dump, memory);
	if (fclose(memory)) {
		free(text);
		return -ENOMEM;
	}
	fprintf(f, "pvkit-snapshot 1\n");
	write_text(f, "cpuid ", text);
	free(text);
	for (size_t i = 0; i < s->count; i++) {
		const struct snap_entry *e = &s->entry[i];

		fprintf(f, "%s %s%s%s\n", kind_word[e->kind], e->path,
			e->kind == SNAP_LINK ? " -> " : "", e->kind == SNAP_LINK ? e->text : "");
		if (e->kind == SNAP_FILE)
			write_text(f, "|", e->text);
	}
	return ferror(f) ? -EIO : 0;
}
