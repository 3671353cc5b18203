// SPDX-License-Identifier: BSD-2-Clause
/*
 * Messages (host-stub/log.h): what can be provoked is bounded for each source by
 * itself, counted, and said again when time has passed; a reader that does
 * not read costs lines, never a thread.
 */
/* LINK: host-stub/log.c */
/* LIBS: -lpthread -Wl,--wrap=clock_gettime */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host-stub/hs.h"

static time_t later;		/* seconds that the clock is ahead */
static unsigned int lines;
static char last[600];
static bool full;

int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __real_clock_gettime(clockid_t id, struct timespec *now);

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
	int ret = __real_clock_gettime(id, now);

	now->tv_sec += later;
	return ret;
}

static bool take(const char *line, size_t len)
{
	if (full)
		return false;
	lines++;
	assert_true(len < sizeof(last));
	memcpy(last, line, len);
	last[len] = 0;
	assert_int_equal(last[len - 1], '\n');
	assert_ptr_equal(strchr(last, '\n'), last + len - 1);
	return true;
}

static int begin(void **state)
{
	(void)state;
	hs_log_to(take);
	hs_log_end();
	later += 100000;	/* all budgets are full again */
	lines = 0;
	full = false;
	return 0;
}

static void a_source_is_bounded_and_counted(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 15656; i++)
		hs_note_from(HS_LOG_PEER, "the link is down");
	assert_int_equal(lines, HS_LOG_BURST);
	hs_log_end();
	assert_int_equal(lines, HS_LOG_BURST + 1);
	assert_non_null(strstr(last, "the other end of nic 0: 15646 messages are not shown"));
	hs_log_end();
	assert_int_equal(lines, HS_LOG_BURST + 1);
}

static void sources_have_budgets_of_their_own(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		hs_guest_error(hs_log_nth(HS_LOG_NIC, 1), "ring outside RAM");
	assert_int_equal(lines, HS_LOG_BURST);
	for (unsigned int source = 0; source < HS_LOG_SOURCES; source++) {
		unsigned int before = lines;

		hs_note_from((enum hs_log_source)source, "another matter");
		assert_int_equal(lines, before + (source != HS_LOG_NIC + 1));
	}
	hs_error("the end");
	assert_string_equal(last, "pvkit-vm: the end\n");
}

static void time_refills_and_the_count_is_shown_once(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		hs_guest_error(HS_LOG_CONSOLE, "counter out of bounds");
	lines = 0;
	later += (time_t)(HS_LOG_REFILL_NS / 1000000000u) + 1;
	for (unsigned int i = 0; i < 100; i++)
		hs_guest_error(HS_LOG_CONSOLE, "counter out of bounds");
	assert_int_equal(lines, 1);
	assert_string_equal(last, "pvkit-vm: guest: counter out of bounds (90 messages before this one are not shown)\n");
	/* However long it was silent, no more than the burst comes at once. */
	later += 1000000;
	lines = 0;
	for (unsigned int i = 0; i < 100; i++)
		hs_guest_error(HS_LOG_CONSOLE, "counter out of bounds");
	assert_int_equal(lines, HS_LOG_BURST);
}

static void long_lines_are_cut(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (unsigned int i = 0; i < 100; i++)
		hs_guest_error(HS_LOG_ACPI, "%s", text);
	later += 60;
	hs_guest_error(HS_LOG_ACPI, "%s", text);
	assert_non_null(strstr(last, "xx (90 messages before this one are not shown)\n"));
	assert_true(strlen(last) < 512);
}

static void what_nobody_takes_is_counted(void **state)
{
	(void)state;
	full = true;
	for (unsigned int i = 0; i < 7; i++)
		hs_error("lost");
	full = false;
	hs_error("seen");
	assert_int_equal(lines, 2);
	assert_string_equal(last, "pvkit-vm: seen\n");
	hs_error("seen again");
	assert_int_equal(lines, 3);
}

/* As in the user-mode network's process: write(2) itself, into a pipe that nobody reads. */
static void a_full_pipe_does_not_stop_the_caller(void **state)
{
	static char junk[4096];
	uint64_t since;
	int fds[2], err = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	while (write(fds[1], junk, sizeof(junk)) > 0)
		;
	assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0);
	dup2(fds[1], STDERR_FILENO);
	hs_log_to(NULL);
	since = hs_now();
	for (unsigned int i = 0; i < 3; i++)
		hs_error("nobody reads this");
	dup2(err, STDERR_FILENO);
	assert_true(hs_now() - since < 5000000000ull);
	hs_log_to(take);
	hs_error("back");
	assert_int_equal(lines, 2);
	close(err);
	close(fds[0]);
	close(fds[1]);
}

static const char *level_of(const char *word)
{
	const char *level = NULL, *area;

	for (unsigned int n = 0; (area = hs_log_area(n, &level)) != NULL; n++)
		if (!strcmp(area, word))
			return level;
	return NULL;
}

/* Notes are shown at first; --log and the control socket change that, by area. */
static void levels(void **state)
{
	static const char * const bad[] = {
		"", "disk", "disk=", "=note", "disk=loud", "dis=note", "disk=note,", ",disk=note",
		"disk=debug,nic=never", "disk=note=note", "disk =note",
	};
	const char *wrong = NULL;

	(void)state;
	hs_debug(HS_LOG_DISK, "nobody asked");
	assert_int_equal(lines, 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hs_log_levels(bad[i], &wrong), -EINVAL);
	hs_log_levels("disk=debug,nic=never", &wrong);
	assert_string_equal(wrong, "nic=never");
	assert_string_equal(level_of("disk"), "note");

	assert_int_equal(hs_log_levels("disk=debug,nic=error", &wrong), 0);
	for (unsigned int i = 0; i < 2 * HS_LOG_BURST; i++)
		hs_debug(hs_log_nth(HS_LOG_DISK, 3), "request %u", i);
	assert_int_equal(lines, 2 * HS_LOG_BURST);
	assert_string_equal(last, "pvkit-vm: debug: request 19\n");
	hs_debug(HS_LOG_IMAGE, "another area");
	hs_note_from(HS_LOG_NIC, "no errors");
	assert_int_equal(lines, 2 * HS_LOG_BURST);
	hs_guest_error(HS_LOG_NIC, "an error");
	assert_int_equal(lines, 2 * HS_LOG_BURST + 1);

	assert_int_equal(hs_log_levels("all=off,peer=note", &wrong), 0);
	hs_guest_error(HS_LOG_NIC, "hidden, and not counted");
	hs_note_from(hs_log_nth(HS_LOG_PEER, 1), "shown");
	hs_error("always");
	assert_int_equal(lines, 2 * HS_LOG_BURST + 3);
	assert_string_equal(level_of("vcpu"), "off");
	assert_null(level_of("nonsense"));
	assert_int_equal(hs_log_levels("all=note", &wrong), 0);
	hs_log_end();
	assert_int_equal(lines, 2 * HS_LOG_BURST + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_source_is_bounded_and_counted, begin),
		cmocka_unit_test_setup(sources_have_budgets_of_their_own, begin),
		cmocka_unit_test_setup(time_refills_and_the_count_is_shown_once, begin),
		cmocka_unit_test_setup(long_lines_are_cut, begin),
		cmocka_unit_test_setup(levels, begin),
		cmocka_unit_test_setup(what_nobody_takes_is_counted, begin),
		cmocka_unit_test_setup(a_full_pipe_does_not_stop_the_caller, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
