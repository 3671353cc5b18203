// SPDX-License-Identifier: BSD-2-Clause
/*
 * pvkit status on recorded and constructed systems: each file of tests/data/status states
 * in its lines "#= ..." what must be said of it:
 *   #= status N		the exit status; "strict N": with --strict
 *   #= STATE NAME [WORDS]	a verdict, and words of its reason
 *   #= absent NAME		nothing is said of that
 * Every row of features.c, and each state, must be named by one of them. A verdict must
 * follow from the snapshot alone, so what is written reads the same. Then files that
 * are no snapshots.
 */
/* LINK: hypercall/tools/status/snap.c hypercall/tools/status/look.c hypercall/tools/status/judge.c hypercall/tools/status/wants.c hypercall/tools/status/features.c hypercall/tools/status/devices.c hypercall/detect/dump/dump.c hypercall/detect/stack.c hypercall/detect/tables.c hypercall/detect/features.c */
/* LIBS: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall/tools/status/judge.h"

#define SNAPS	"tests/data/status/*.snap"

static struct status status;
static struct snap snap;

static void read_snap(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned int line;
	int ret;

	assert_non_null(f);
	snap_init(&snap);
	ret = snap_read(&snap, f, &line);
	fclose(f);
	if (ret)
		fail_msg("%s: line %u: %s", path, line, strerror(-ret));
	judge(&snap, &status);
}

static const struct verdict *find(const char *name, size_t len)
{
	for (unsigned int i = 0; i < status.count; i++)
		if (strlen(status.verdict[i].name) == len &&
		    !strncmp(status.verdict[i].name, name, len))
			return &status.verdict[i];
	return NULL;
}

/* Does "STATE NAME [WORDS]" or "status N" hold? */
static bool as_wanted(const char *want)
{
	size_t state = strcspn(want, " "), name;
	const char *at = want + state + (want[state] == ' ');
	const struct verdict *v;
	unsigned int left = status.states[UNUSED];

	if (!strncmp(want, "status ", 7))
		return (left > 0) == (*at == '1');
	if (!strncmp(want, "strict ", 7))
		return (left + status.states[WITHHELD] + status.states[EMULATED] > 0) ==
		       (*at == '1');
	name = strcspn(at, " ");
	v = find(at, name);
	if (!strncmp(want, "absent ", 7))
		return !v;
	at += name + (at[name] == ' ');
	return v && !strncmp(state_word[v->state], want, state) && !state_word[v->state][state] &&
	       strstr(v->why, at);
}

/* The next line "#= ..." of a file, without that; NULL at the end */
static char *next_want(FILE *f, char *line, size_t size)
{
	while (fgets(line, (int)size, f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "#= ", 3))
			return line + 3;
	}
	return NULL;
}

static void snapshots_say_what_they_must(void **state)
{
	unsigned int wrong = 0, wants = 0;
	char line[512], *want;
	glob_t files;

	(void)state;
	assert_int_equal(glob(SNAPS, 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 40);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *f = fopen(files.gl_pathv[i], "r");

		assert_non_null(f);
		read_snap(files.gl_pathv[i]);
		while ((want = next_want(f, line, sizeof(line))) != NULL) {
			wants++;
			if (as_wanted(want))
				continue;
			wrong++;
			print_error("%s: not so: %s\n", files.gl_pathv[i], want);
			for (unsigned int n = 0; n < status.count; n++)
				print_error("    %s %s %s\n", state_word[status.verdict[n].state],
					    status.verdict[n].name, status.verdict[n].why);
		}
		fclose(f);
		snap_free(&snap);
	}
	globfree(&files);
	assert_true(wants > 100);
	assert_int_equal(wrong, 0);
}

static void every_row_and_state_has_a_snapshot(void **state)
{
	bool row[64] = { false }, seen[STATES] = { false };
	char line[512], *want;
	unsigned int missing = 0;
	glob_t files;

	(void)state;
	assert_true(row_count <= 64);
	assert_int_equal(glob(SNAPS, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *f = fopen(files.gl_pathv[i], "r");

		assert_non_null(f);
		while ((want = next_want(f, line, sizeof(line))) != NULL) {
			char *name = strtok(want, " ") ? strtok(NULL, " ") : NULL;

			for (unsigned int n = 0; n < STATES; n++)
				seen[n] |= !strcmp(want, state_word[n]);
			for (unsigned int n = 0; name && n < row_count; n++)
				row[n] |= !strcmp(name, row_table[n].name);
		}
		fclose(f);
	}
	globfree(&files);
	for (unsigned int n = 0; n < row_count; n++)
		if (!row[n] && ++missing)
			print_error("no snapshot asks for %s\n", row_table[n].name);
	for (unsigned int n = 0; n < STATES; n++)
		if (!seen[n] && ++missing)
			print_error("no snapshot has the state %s\n", state_word[n]);
	assert_int_equal(missing, 0);
}

/* What is unused says why and what to do; what is not, says no advice that nobody needs. */
static void verdicts_are_complete(void **state)
{
	glob_t files;

	(void)state;
	assert_int_equal(glob(SNAPS, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		read_snap(files.gl_pathv[i]);
		assert_int_equal(status.left_out, 0);
		for (unsigned int n = 0; n < status.count; n++) {
			const struct verdict *v = &status.verdict[n];

			if (v->state != NOT_OFFERED && !*v->why)
				fail_msg("%s: %s: no reason", files.gl_pathv[i], v->name);
			if (v->state == UNUSED && !*v->advice)
				fail_msg("%s: %s: no advice", files.gl_pathv[i], v->name);
			if (strchr(v->why, '@') || strchr(v->advice, '@'))
				fail_msg("%s: %s: %s %s", files.gl_pathv[i], v->name, v->why, v->advice);
			if (!v->evidences && v->state != NOT_OFFERED && strchr(v->name, ':'))
				fail_msg("%s: %s: no evidence", files.gl_pathv[i], v->name);
		}
		snap_free(&snap);
	}
	globfree(&files);
}

/* The tables themselves: bits and modules that exist, names that are one each */
static void tables_hold_together(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < row_count; i++) {
		const struct row *row = &row_table[i];
		const char *bits = row->bits;

		assert_memory_equal(row->name, pvk_if_name[row->kind].word,
				    strlen(pvk_if_name[row->kind].word));
		for (unsigned int n = 0; n < i; n++)
			assert_string_not_equal(row->name, row_table[n].name);
		while (bits && *bits) {
			const struct pvk_feature *f = NULL;
			size_t len = strcspn(bits, "|");

			while ((f = pvk_feature_next(row->kind, f)) != NULL)
				if (strlen(f->name) == len && !strncmp(f->name, bits, len))
					break;
			if (!f)
				fail_msg("%s: no bit '%s'", row->name, bits);
			bits += len + (bits[len] == '|');
		}
		/* the last rule holds always, so that something is said */
		for (unsigned int n = 0; n < ROW_RULES; n++) {
			const struct rule *rule = &row->rule[n];
			const char *module = rule->test == MODULE ? rule->arg :
					     rule->test2 == MODULE ? rule->arg2 : NULL;

			if (module && !wants_module(module, strcspn(module, " ")))
				fail_msg("%s: module '%s' is in no row of devices", row->name, module);
			if (n + 1 == ROW_RULES || (!row->rule[n + 1].why &&
						   row->rule[n + 1].test != MODULE &&
						   row->rule[n + 1].test2 != MODULE)) {
				if (rule->test != NOTHING)
					fail_msg("%s: its last rule may not hold", row->name);
				break;
			}
		}
	}
}

static void what_is_written_reads_the_same(void **state)
{
	static struct status before;
	unsigned int line;
	glob_t files;
	size_t size;
	char *text;
	FILE *f;

	(void)state;
	assert_int_equal(glob(SNAPS, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		read_snap(files.gl_pathv[i]);
		before = status;
		f = open_memstream(&text, &size);
		assert_int_equal(snap_write(&snap, f), 0);
		fclose(f);
		snap_free(&snap);
		f = fmemopen(text, size, "r");
		snap_init(&snap);
		assert_int_equal(snap_read(&snap, f, &line), 0);
		fclose(f);
		free(text);
		judge(&snap, &status);
		assert_int_equal(before.count, status.count);
		assert_memory_equal(before.verdict, status.verdict, sizeof(status.verdict));
		snap_free(&snap);
	}
	globfree(&files);
}

static void files_are_read_or_refused(void **state)
{
#define HEAD "pvkit-snapshot 1\ncpuid basic_cpuid[1]=1 2 3 4\n"
	static const struct {
		const char *text;
		int ret;
		unsigned int line;
	} cases[] = {
		{ HEAD, 0, 0 },
		{ HEAD "file /a\n|b\n\n# c\ndir /d\nlink /e -> /f\ndenied /g\n", 0, 0 },
		{ "", -EINVAL, 0 },
		{ "pvkit-snapshot 1\n", -EINVAL, 0 },
		{ "pvkit-snapshot 2\n", -EINVAL, 1 },
		{ "file /a\n", -EINVAL, 1 },
		{ HEAD "file a\n", -EINVAL, 3 },
		{ HEAD "file\n", -EINVAL, 3 },
		{ HEAD "pipe /a\n", -EINVAL, 3 },
		{ HEAD "link /a\n", -EINVAL, 3 },
		{ HEAD "dir /a -> /b\n", -EINVAL, 3 },
		{ HEAD "|b\n", -EINVAL, 3 },
		{ HEAD "dir /a\n|b\n", -EINVAL, 4 },
		{ HEAD "cpuid hello\n", -EINVAL, 0 },
		{ HEAD "hello\n", -EINVAL, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* fmemopen() takes no empty buffer */
		const char *text = *cases[i].text ? cases[i].text : "\n";
		FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
		unsigned int line = 99;
		int ret;

		snap_init(&snap);
		ret = snap_read(&snap, f, &line);
		fclose(f);
		snap_free(&snap);
		if (ret != cases[i].ret || line != cases[i].line)
			fail_msg("case %zu: %d at line %u", i, ret, line);
	}
}

static void a_snapshot_has_bounds(void **state)
{
	char path[32], text[2 * SNAP_PATH], *long_text = calloc(1, SNAP_TEXT + 2);
	unsigned int line;
	FILE *f;

	(void)state;
	/* a path, in a file, of one byte too many */
	snprintf(text, sizeof(text), HEAD "file /%0*d\n", (int)SNAP_PATH - 1, 0);
	f = fmemopen(text, strlen(text), "r");
	snap_init(&snap);
	assert_int_equal(snap_read(&snap, f, &line), -EINVAL);
	fclose(f);
	snap_free(&snap);
	snap_init(&snap);
	memset(long_text, 'a', SNAP_TEXT + 1);
	assert_int_equal(snap_add(&snap, SNAP_FILE, "/a", long_text), -E2BIG);
	assert_int_equal(snap_add(&snap, SNAP_FILE, long_text, ""), -E2BIG);
	for (unsigned int i = 0; i < SNAP_ENTRIES; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		assert_int_equal(snap_add(&snap, SNAP_DIR, path, ""), 0);
	}
	assert_int_equal(snap_add(&snap, SNAP_DIR, "/one-more", ""), -E2BIG);
	assert_int_equal(snap_add(&snap, SNAP_DIR, "/7", ""), 0);
	snap_free(&snap);
	free(long_text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_say_what_they_must),
		cmocka_unit_test(every_row_and_state_has_a_snapshot),
		cmocka_unit_test(verdicts_are_complete),
		cmocka_unit_test(tables_hold_together),
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(files_are_read_or_refused),
		cmocka_unit_test(a_snapshot_has_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
