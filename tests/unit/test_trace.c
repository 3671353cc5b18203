// SPDX-License-Identifier: BSD-2-Clause
/*
 * The trace (host-stub/trace.h): each kind of event as text, rings of threads that come
 * and go, a file of bounded size, and a reader that does not read.
 */
/* LINK: host-stub/trace.c host-stub/trace_kinds.c host-stub/writer.c host-stub/output.c host-stub/log.c host-stub/thread.c */
/* LIBS: -lpthread */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host-stub/hs.h"
#include "host-stub/trace.h"
#include "host-stub/writer.h"

static char dir[64], path[128], said[2048];
static char *text;

static bool take(const char *line, size_t len)
{
	size_t used = strlen(said);

	snprintf(said + used, sizeof(said) - used, "%.*s", (int)len, line);
	return true;
}

static int begin(void **state)
{
	const char *top = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%.40s/pvkit-trace-XXXXXX", top ? top : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/trace", dir);
	said[0] = 0;
	hs_log_to(take);
	return 0;
}

static int end(void **state)
{
	(void)state;
	hs_log_to(NULL);
	free(text);
	text = NULL;
	unlink(path);
	return rmdir(dir);
}

static void finish(void)
{
	struct hs_drain_limit limit = { .idle_ns = 300000000, .until = hs_now() + 5000000000ull };

	hs_trace_close(&limit);
	assert_null(hs_trace_sink);
}

/* The file, whole. */
static const char *content(void)
{
	struct stat st;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	free(text);
	text = calloc(1, (size_t)st.st_size + 1);
	assert_int_equal(fread(text, 1, (size_t)st.st_size, f), st.st_size);
	fclose(f);
	return text;
}

static unsigned int count(const char *what)
{
	unsigned int n = 0;

	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

/* An array, closed, that has an object a line; the last says these figures. */
static void expect_whole(unsigned long long events, unsigned long long over,
			 unsigned long long no_room)
{
	char want[160];
	size_t len = strlen(content());

	assert_true(len > 10 && !strncmp(text, "[\n{", 3) && !strcmp(text + len - 5, "}}\n]\n"));
	snprintf(want, sizeof(want),
		 "\"args\":{\"events\":%llu,\"lost_over_limit\":%llu,\"lost_no_room\":%llu}}\n]\n",
		 events, over, no_room);
	assert_non_null(strstr(text, want));
	for (const char *at = strchr(text, '\n'); at[1] == '{'; at = strchr(at + 1, '\n')) {
		const char *stop = strchr(at + 1, '\n');

		assert_true(stop[-1] == '}' || !strncmp(stop - 2, "},", 2));
	}
}

/* ---- text ---- */

static void kinds(void **state)
{
	static const struct {
		struct hs_trace_event event;
		const char *want;
	} cases[] = {
		{ { .kind = HS_TRACE_BOOT, .end = 5000001, .arg = { 2 } },
		  ",\n{\"name\":\"boot\",\"cat\":\"vm\",\"ph\":\"i\",\"pid\":7,\"tid\":8,\"ts\":5000.001,\"s\":\"t\",\"args\":{\"number\":2}}" },
		{ { .kind = HS_TRACE_EXIT, .begin = 1000, .end = 3500, .detail = "io",
		    .arg = { 0x3f8, 1, 1 } },
		  ",\n{\"name\":\"exit io\",\"cat\":\"exit\",\"ph\":\"X\",\"pid\":7,\"tid\":8,\"ts\":1.000,\"dur\":2.500,\"args\":{\"address\":\"0x3f8\",\"bytes\":1,\"write\":1}}" },
		{ { .kind = HS_TRACE_CALL, .begin = 1000, .end = 1000,
		    .arg = { 3, (uint64_t)-22 } },
		  ",\n{\"name\":\"call\",\"cat\":\"call\",\"ph\":\"X\",\"pid\":7,\"tid\":8,\"ts\":1.000,\"dur\":0.000,\"args\":{\"number\":3,\"status\":-22}}" },
		{ { .kind = HS_TRACE_BLOCK, .begin = 1000, .end = 2000, .detail = "read",
		    .arg = { 1, 4096, 512, 0 } },
		  ",\n{\"name\":\"block read\",\"cat\":\"block\",\"ph\":\"b\",\"pid\":7,\"tid\":8,\"ts\":1.000,\"id\":\"0x1f\",\"args\":{\"disk\":1,\"offset\":4096,\"length\":512,\"status\":0}},\n{\"name\":\"block read\",\"cat\":\"block\",\"ph\":\"e\",\"pid\":7,\"tid\":8,\"ts\":2.000,\"id\":\"0x1f\"}" },
	};
	char got[HS_TRACE_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = hs_trace_text(got, &cases[i].event, 7, 8, 31);

		assert_string_equal(got, cases[i].want);
		assert_int_equal(len, strlen(got));
	}
}

/* docs/debugging.md has the same table. */
static void documented(void **state)
{
	static const char * const phase[] = {
		[HS_TRACE_INSTANT] = "i", [HS_TRACE_SLICE] = "X", [HS_TRACE_ASYNC] = "b, e",
	};
	static char page[1 << 16];
	unsigned int rows = 0;
	FILE *f = fopen("docs/debugging.md", "r");

	(void)state;
	assert_non_null(f);
	page[fread(page, 1, sizeof(page) - 1, f)] = 0;
	fclose(f);
	for (unsigned int kind = 0; kind < HS_TRACE_KINDS; kind++) {
		const struct hs_trace_row *row = &hs_trace_rows[kind];
		char want[200];
		int n = snprintf(want, sizeof(want), "\n| `%s` | %s | %s | ", row->name,
				 row->category, phase[row->phase]);

		for (unsigned int i = 0; i < HS_TRACE_ARGS && row->arg[i]; i++)
			n += snprintf(want + n, sizeof(want) - (size_t)n, "%s%s", i ? ", " : "",
				      row->arg[i]);
		snprintf(want + n, sizeof(want) - (size_t)n, " |\n");
		if (!strstr(page, want))
			fail_msg("docs/debugging.md has no row%s", want);
	}
	/* No more rows than kinds, up to the end of that table. */
	*strstr(strstr(page, "| event |"), "\n\n") = 0;
	for (const char *at = strstr(page, "| event |"); (at = strstr(at, "\n| `")); at += 4)
		rows++;
	assert_int_equal(rows, HS_TRACE_KINDS);
}

/* The longest that each can be keeps its end. */
static void longest(void **state)
{
	char got[HS_TRACE_TEXT];

	(void)state;
	for (unsigned int kind = 0; kind < HS_TRACE_KINDS; kind++) {
		const struct hs_trace_event event = {
			.kind = (enum hs_trace_kind)kind, .begin = UINT64_MAX - 1,
			.end = UINT64_MAX, .detail = "the longest detail there", .arg = { UINT64_MAX, UINT64_MAX,
			UINT64_MAX, UINT64_MAX },
		};
		size_t len = hs_trace_text(got, &event, INT32_MAX, INT32_MAX, UINT64_MAX);

		assert_int_equal(len, strlen(got));
		assert_true(len < HS_TRACE_TEXT - 1 && got[len - 1] == '}');
	}
}

static void names(void **state)
{
	char got[HS_TRACE_TEXT];

	(void)state;
	hs_trace_name(got, "thread_name", "a\"\\\n\xff.img", 7, 8);
	assert_string_equal(got, ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":7,\"tid\":8,\"args\":{\"name\":\"a????.img\"}}");
}

/* ---- the file ---- */

static void nothing(void **state)
{
	(void)state;
	assert_null(hs_trace_sink);
	assert_int_equal(hs_trace_begin(), 0);
	hs_trace(HS_TRACE_MSI, 0, NULL, 1);
	assert_int_equal(hs_trace_open(), 0);
	finish();
	assert_string_equal(said, "");
	unlink(path);
}

static void *some_events(void *arg)
{
	hs_trace_thread(arg);
	for (unsigned int i = 0; i < 10; i++)
		hs_trace(HS_TRACE_EXIT, hs_trace_begin(), "io", i, 1, 0);
	return NULL;
}

/* More threads than there are rings, one after the other: as vCPUs of reboots. */
static void threads(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(hs_trace_prepare(path, 0), 0);
	hs_trace(HS_TRACE_BOOT, 0, NULL, 1);	/* before its threads run: it waits */
	assert_int_equal(hs_trace_open(), 0);
	for (unsigned int i = 0; i < 200; i++) {
		assert_int_equal(pthread_create(&thread, NULL, some_events, "vcpu0"), 0);
		pthread_join(thread, NULL);
		if (i % 32 == 31)
			usleep(50000);
	}
	finish();
	expect_whole(2001, 0, 0);
	assert_int_equal(count("\"exit io\""), 2000);
	assert_int_equal(count("\"thread_name\""), 201);
	assert_int_equal(count("{\"name\":\"vcpu0\"}"), 200);
	assert_string_equal(said, "");
}

/* The file has its limit, is whole, and says what is missing. */
static void limited(void **state)
{
	unsigned int written;
	char want[64];

	(void)state;
	assert_int_equal(hs_trace_prepare(path, 8192), 0);
	assert_int_equal(hs_trace_open(), 0);
	for (unsigned int i = 0; i < 1000; i++)
		hs_trace(HS_TRACE_MSI, 0, NULL, i);
	finish();
	assert_true(strlen(content()) <= 8192);
	written = count("\"msi\"");
	assert_true(written > 40 && written < 100);
	expect_whole(written, 1000 - written, 0);
	snprintf(want, sizeof(want), " %u events are missing", 1000 - written);
	assert_non_null(strstr(said, want));
}

/* A FIFO that nobody reads: no thread waits, what is lost is counted, the end is bounded. */
static void unread(void **state)
{
	uint64_t since = hs_now(), put;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(hs_trace_prepare(path, 0), 0);
	assert_int_equal(hs_trace_open(), 0);
	for (unsigned int i = 0; i < 100000; i++)
		hs_trace(HS_TRACE_MSI, 0, NULL, i);
	put = hs_now() - since;
	finish();
	assert_true(put < 3000000000ull && hs_now() - since < 8000000000ull);
	assert_non_null(strstr(said, "events were lost"));
	assert_non_null(strstr(said, "the file is incomplete"));
}

static void refused(void **state)
{
	(void)state;
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_true(hs_trace_prepare(path, 0) < 0);
	assert_null(hs_trace_sink);
	assert_non_null(strstr(said, "symbolic link"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(documented),
		cmocka_unit_test(longest),
		cmocka_unit_test(names),
		cmocka_unit_test_setup_teardown(nothing, begin, end),
		cmocka_unit_test_setup_teardown(threads, begin, end),
		cmocka_unit_test_setup_teardown(limited, begin, end),
		cmocka_unit_test_setup_teardown(unread, begin, end),
		cmocka_unit_test_setup_teardown(refused, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
