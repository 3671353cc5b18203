// SPDX-License-Identifier: BSD-2-Clause
/*
 * Output to who may not read (host-stub/writer.h, output.h) and the user's end of the
 * console on top of it: nobody waits, what is lost is counted, files are bounded.
 */
/* LINK: host-stub/writer.c host-stub/output.c host-stub/console.c host-stub/log.c host-stub/thread.c */
/* LIBS: -lpthread */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-stub/console.h"
#include "host-stub/hs.h"
#include "host-stub/output.h"
#include "host-stub/writer.h"

#define SECOND	1000000000ull

static char dir[64], path[128], older[128];
static char said[512];

static bool take(const char *line, size_t len)
{
	snprintf(said, sizeof(said), "%.*s", (int)len, line);
	return true;
}

static int begin(void **state)
{
	const char *top = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%.40s/pvkit-out-XXXXXX", top ? top : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(older, sizeof(older), "%s/file.1", dir);
	said[0] = 0;
	hs_log_to(take);
	return 0;
}

static int end(void **state)
{
	(void)state;
	hs_log_to(NULL);
	unlink(path);
	unlink(older);
	return rmdir(dir);
}

static struct hs_drain_limit short_limit(void)
{
	return (struct hs_drain_limit){ .idle_ns = 300000000, .until = hs_now() + SECOND * 5 };
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? -1 : st.st_size;
}

/* ---- the writer ---- */

/* A pipe in both forms: full, and with one slot free that another writer may take. */
static void nobody_reads(void **state)
{
	static uint8_t data[400 << 10];

	(void)state;
	for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
		struct hs_drain_limit p = short_limit();
		struct hs_writer *w;
		int fds[2];
		uint64_t since = hs_now(), lost;

		assert_int_equal(pipe(fds), 0);
		assert_int_equal(fcntl(fds[1], F_SETFL, flags), 0);
		assert_int_equal(hs_writer_open(&w, &(struct hs_writer_config){
			.name = "test", .fd = fds[1], .bytes = 1 << 20 }), 0);
		assert_int_equal(hs_writer_put(w, data, sizeof(data)), sizeof(data));
		assert_int_equal(hs_writer_put(w, data, sizeof(data)), sizeof(data));
		/* 1 MiB may wait, and what the pipe took. */
		assert_true(hs_writer_put(w, data, sizeof(data)) < sizeof(data));
		assert_false(hs_writer_put_all(w, data, sizeof(data)));
		assert_true(hs_now() - since < SECOND);
		since = hs_now();
		lost = hs_writer_close(w, &p);
		assert_true(lost > sizeof(data));
		assert_true(hs_now() - since < 3 * SECOND);
		assert_int_equal(p.idle_ns, 0);
		close(fds[0]);
		close(fds[1]);
	}
}

static void slow_reader_gets_all(void **state)
{
	static uint8_t data[200 << 10], got[4096];
	struct hs_drain_limit p = { .idle_ns = 2 * SECOND, .until = hs_now() + 60 * SECOND };
	struct hs_writer *w;
	size_t total = 0;
	int fds[2];
	pid_t pid;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(fds[1]);
		while ((n = read(fds[0], got, sizeof(got))) > 0) {
			total += (size_t)n;
			poll(NULL, 0, 2);
		}
		_exit(total != sizeof(data));
	}
	close(fds[0]);
	assert_int_equal(hs_writer_open(&w, &(struct hs_writer_config){
		.name = "test", .fd = fds[1], .bytes = sizeof(data) }), 0);
	assert_true(hs_writer_put_all(w, data, sizeof(data)));
	assert_int_equal(hs_writer_close(w, &p), 0);
	close(fds[1]);
	assert_int_equal(waitpid(pid, fds, 0), pid);
	assert_int_equal(fds[0], 0);
}

static bool asked(void *opaque)
{
	(void)opaque;
	return true;
}

static void who_asks_does_not_wait(void **state)
{
	static uint8_t data[200 << 10];
	struct hs_drain_limit p = { .idle_ns = 60 * SECOND, .until = hs_now() + 60 * SECOND,
				 .asked = asked };
	struct hs_writer *w;
	uint64_t since = hs_now();
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(hs_writer_open(&w, &(struct hs_writer_config){
		.name = "test", .fd = fds[1], .bytes = sizeof(data) }), 0);
	assert_true(hs_writer_put_all(w, data, sizeof(data)));
	assert_true(hs_writer_close(w, &p) > 0);
	assert_true(hs_now() - since < 10 * SECOND);
	close(fds[0]);
	close(fds[1]);
}

static void closed_reader_is_no_end(void **state)
{
	struct hs_drain_limit p = short_limit();
	struct hs_writer *w;
	int fds[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(hs_writer_open(&w, &(struct hs_writer_config){
		.name = "test", .fd = fds[1], .bytes = 100 }), 0);
	for (unsigned int i = 0; i < 10; i++) {
		while (hs_writer_put(w, "0123456789", 10) < 10)
			poll(NULL, 0, 1);
	}
	assert_true(hs_writer_close(w, &p) >= 100);
	close(fds[1]);
}

/* ---- files ---- */

static void files_are_private_and_no_links(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	umask(0);
	fd = hs_output_open("--x", path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(fd);
	assert_int_equal(symlink(path, older), 0);
	assert_int_equal(hs_output_open("--x", older, O_WRONLY), -ELOOP);
	assert_non_null(strstr(said, "symbolic link"));
	assert_int_equal(hs_output_open("--x", dir, O_WRONLY), -EISDIR);
	unlink(older);
	assert_int_equal(mkfifo(older, 0600), 0);
	fd = hs_output_open("--x", older, O_WRONLY);	/* nobody reads it yet */
	assert_true(fd >= 0);
	close(fd);
	fd = hs_output_open("--x", "/dev/stderr", O_WRONLY);
	assert_true(fd > STDERR_FILENO);
	close(fd);
	assert_int_equal(hs_output_open("--x", "/dev/fd/65000", O_WRONLY), -EBADF);
}

/* Bytes 0, 1, 2 ... of a stream, at most as many in one write. */
static void stream(struct hs_bounded_file *file, uint64_t from, uint64_t to, size_t most)
{
	uint8_t data[5000];

	while (from < to) {
		size_t len = to - from < most ? to - from : most;
		ssize_t n;

		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)((from + i) % 251);
		n = hs_bounded_write(file, data, len);
		assert_true(n > 0);
		from += (uint64_t)n;
	}
}

/* The last bytes of the stream are there: those of the older file, then of the file. */
static void check_stream(uint64_t to)
{
	off_t sizes[2] = { size_of(older), size_of(path) };
	uint64_t at = to - (uint64_t)(sizes[0] + sizes[1]);
	const char *name[2] = { older, path };

	for (unsigned int i = 0; i < 2; i++) {
		FILE *f = fopen(name[i], "re");
		int c;

		assert_non_null(f);
		while ((c = fgetc(f)) != EOF)
			assert_int_equal(c, at++ % 251);
		fclose(f);
	}
	assert_int_equal(at, to);
}

static void file_is_bounded_and_keeps_the_newest(void **state)
{
	struct hs_bounded_file file;

	(void)state;
	assert_int_equal(hs_bounded_open(&file, "--console", path, 10000), 0);
	stream(&file, 0, 9999, 4000);
	assert_int_equal(size_of(older), 0);
	check_stream(9999);
	stream(&file, 9999, 1000003, 4321);
	assert_true(size_of(path) <= 10000);
	assert_int_equal(size_of(older), 10000);
	check_stream(1000003);
	hs_bounded_close(&file);
	assert_int_equal(hs_bounded_open(&file, "--console", path, 0), 0);
	stream(&file, 0, 30000, 5000);
	assert_int_equal(size_of(path), 30000);
	hs_bounded_close(&file);
}

static void file_size_limit_is_survived(void **state)
{
	struct rlimit was, small = { .rlim_cur = 6000 };
	struct hs_bounded_file file;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);	/* as main() does */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small.rlim_max = was.rlim_max;
	assert_int_equal(hs_bounded_open(&file, "--console", path, 10000), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	stream(&file, 0, 50000, 1234);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_true(size_of(path) <= 6000);
	check_stream(50000);
	hs_bounded_close(&file);
}

/* ---- the console ---- */

static size_t receive(void *opaque, const uint8_t *data, size_t len, bool brk)
{
	(void)opaque;
	(void)data;
	(void)brk;
	return len;
}

static unsigned int left;	/* KiB in the guest's ring */
static atomic_uint drains;

static bool drain(void *opaque)
{
	static const uint8_t data[1024];
	bool any = false;

	(void)opaque;
	atomic_fetch_add(&drains, 1);
	while (left && hs_console_put(data, sizeof(data)) == sizeof(data)) {
		left--;
		any = true;
	}
	return any;
}

static bool may_sleep(void *opaque)
{
	return !drain(opaque);
}

/* 400 KiB by the UART and 8 MiB by a ring, into a pipe that nobody reads. */
static void console_without_a_reader(void **state)
{
	static const struct hs_console_user uart = { .receive = receive };
	static const struct hs_console_user ring = { .receive = receive, .drain = drain,
						     .may_sleep = may_sleep };
	int fds[2], out = dup(STDOUT_FILENO), in = dup(STDIN_FILENO);
	struct hs_drain_limit p = short_limit();
	unsigned int before;
	uint64_t since;

	(void)state;
	fflush(stdout);
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDOUT_FILENO);
	dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
	assert_int_equal(hs_console_open("stdio"), 0);
	hs_console_attach(HS_CONSOLE_UART, &uart, NULL);
	since = hs_now();
	for (unsigned int i = 0; i < 400 << 10; i++)
		hs_console_write('x');
	assert_true(hs_now() - since < 20 * SECOND);
	left = 8192;
	hs_console_attach(HS_CONSOLE_RING, &ring, NULL);
	poll(NULL, 0, 300);
	/* The guest's ring waits, and is not polled all the time. */
	assert_true(left > 4096);
	before = atomic_load(&drains);
	poll(NULL, 0, 300);
	assert_true(atomic_load(&drains) - before < 70);
	/* A reader at last: what waited comes, and room is noticed. */
	for (unsigned int i = 0; i < 3000; i++) {
		uint8_t data[1024];

		assert_true(read(fds[0], data, sizeof(data)) > 0);
	}
	since = hs_now();
	hs_console_detach(HS_CONSOLE_RING);
	hs_console_end(&p);
	dup2(out, STDOUT_FILENO);
	dup2(in, STDIN_FILENO);
	assert_true(hs_now() - since < 3 * SECOND);
	assert_true(left < 8192 - 2000);
	assert_non_null(strstr(said, "bytes were dropped"));
	close(out);
	close(in);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_reads, begin, end),
		cmocka_unit_test_setup_teardown(slow_reader_gets_all, begin, end),
		cmocka_unit_test_setup_teardown(who_asks_does_not_wait, begin, end),
		cmocka_unit_test_setup_teardown(closed_reader_is_no_end, begin, end),
		cmocka_unit_test_setup_teardown(files_are_private_and_no_links, begin, end),
		cmocka_unit_test_setup_teardown(file_is_bounded_and_keeps_the_newest, begin, end),
		cmocka_unit_test_setup_teardown(file_size_limit_is_survived, begin, end),
		cmocka_unit_test_setup_teardown(console_without_a_reader, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
