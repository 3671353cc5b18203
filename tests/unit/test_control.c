// SPDX-License-Identifier: BSD-2-Clause
/*
 * The control socket (host-stub/control.h) and its JSON: what is a command, several clients
 * at once, one that does not read, lines without an end.
 */
/* LINK: host-stub/control.c host-stub/listen.c host-stub/command.c host-stub/json.c host-stub/log.c */
/* LIBS: -lpthread */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host-stub/control.h"
#include "host-stub/json.h"
#include "host-stub/log.h"

static char dir[64], path[100], said[512];
static size_t bulk;		/* bytes of a "large" answer */

static bool take(const char *line, size_t len)
{
	snprintf(said, sizeof(said), "%.*s", (int)len, line);
	return true;
}

static int begin(void **state)
{
	const char *top = getenv("TMPDIR");

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	snprintf(dir, sizeof(dir), "%.40s/pvkit-ctl-XXXXXX", top ? top : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", dir);
	said[0] = 0;
	hs_log_to(take);
	return 0;
}

static int end(void **state)
{
	(void)state;
	hs_control_close();
	hs_log_to(NULL);
	unlink(path);
	return rmdir(dir);
}

static void run_hello(void *opaque, FILE *out)
{
	(void)opaque;
	fprintf(out, "{\n\t\"hello\": 1\n}\n");
}

static void run_hello_to(void *opaque, const char *whom, FILE *out)
{
	(void)opaque;
	fprintf(out, "{\"hello\": \"%s\"}", whom);
}

static void run_large(void *opaque, FILE *out)
{
	(void)opaque;
	for (size_t i = 0; i < bulk; i++)
		fputc('x', out);
}

static const struct hs_command commands[] = {
	{ "hello", run_hello, "to", run_hello_to }, { "large", run_large, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};

static void answer(void *opaque, const char *line, size_t len, FILE *out)
{
	hs_command_run(commands, opaque, line, len, out);
}

/* What the main thread's loop does, until there is nothing to do. */
static void rounds(void)
{
	struct pollfd fds[HS_CONTROL_FDS];

	do
		hs_control_poll(fds);
	while (poll(fds, HS_CONTROL_FDS, 0) > 0 && (hs_control_serve(fds, answer, NULL), true));
}

static int client(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	rounds();
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	rounds();
}

static const char *hear(int fd)
{
	static char got[4096];
	ssize_t n = read(fd, got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = 0;
	return n < 0 ? "(nothing)" : n ? got : "(end)";
}

static void asks(const char *line, const char *want)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	answer(NULL, line, strlen(line), f);
	fclose(f);
	if (!strstr(text, want))
		fail_msg("%s: %s, want %s", line, text, want);
	free(text);
}

/* ---- the language ---- */

static void language(void **state)
{
	(void)state;
	asks("{\"command\":\"hello\"}", "\"hello\": 1");
	asks(" { \"command\" :\t\"hello\" } \r", "\"hello\": 1");
	asks("{\"command\":\"h\\u0065llo\"}", "\"hello\": 1");
	asks("{\"command\":\"nonsense\"}", "unknown command: there are hello, large");
	asks("{\"command\":1}", "\"error\": \"want ");
	asks("{\"order\":\"hello\"}", "\"error\": \"want ");
	asks("{}", "\"error\": \"want ");
	asks("{\"command\":\"hello\",\"to\":\"you\"}", "{\"hello\": \"you\"}");
	asks("{\"to\":\"you\",\"command\":\"hello\"}", "{\"hello\": \"you\"}");
	asks("{\"command\":\"large\",\"to\":\"you\"}", "\"error\": \"large takes no ");
	asks("{\"command\":\"hello\",\"from\":\"me\"}", "\"error\": \"hello takes no ");
	asks("{\"command\":\"hello\",\"command\":\"hello\"}", "\"error\": \"want ");
	asks("{\"command\":\"hello\",\"to\":\"a\",\"from\":\"b\"}", "\"error\": \"want ");
	asks("{\"command\":\"hello\",\"more\":-1.5e3}", "\"error\": \"want ");
	asks("{\"command\":{}}", "\"error\": \"an object with more");
	asks("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1}", "\"error\": \"an object with more");
	asks("{\"command\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
	     "\"error\": \"an object with more");
}

static void malformed(void **state)
{
	static const char * const lines[] = {
		"", "{", "}", "hello", "[]", "\"hello\"", "{\"command\"}", "{\"command\":}",
		"{\"command\":\"hello\"", "{\"command\":\"hello\"}}", "{\"command\":\"hello\"} x",
		"{\"command\":\"hello\",}", "{,}", "{command:\"hello\"}", "{\"command\":\"hello}",
		"{\"command\":\"\\x\"}", "{\"command\":\"\\u12\"}", "{\"command\":\"\\u0000\"}",
		"{\"command\":\"\\ud800\"}", "{\"command\":\"a\tb\"}", "{\"command\":01}",
		"{\"command\":tru}", "{\"command\":-}", "{\"command\":1.}", "{\"command\":1e}",
		"{\"command\":\"\\",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		asks(lines[i], "{\"error\": \"not a JSON object\"}");
}

static void strings(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	hs_json_string(f, "a\"b\\c\n\x01\x7f\xc3\xa4");
	fclose(f);
	assert_string_equal(text, "\"a\\\"b\\\\c\\u000a\\u0001\\u007f\xc3\xa4\"");
	free(text);
}

/* ---- the socket ---- */

static void talk(void **state)
{
	struct stat st;
	int a, b;

	(void)state;
	assert_int_equal(hs_control_prepare(path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	a = client();
	b = client();
	say(a, "{\"command\":\"hello\"}\n");
	say(b, "{\"command\":");
	assert_string_equal(hear(a), "{\"hello\": 1}\n");
	assert_string_equal(hear(b), "(nothing)");
	say(b, "\"hello\"}\n{\"command\":\"hello\"}\nx\n");
	assert_string_equal(hear(b), "{\"hello\": 1}\n{\"hello\": 1}\n{\"error\": \"not a JSON object\"}\n");
	close(a);
	close(b);
	rounds();
}

/* No line that long: it is said, and the client is gone. */
static void too_long(void **state)
{
	char line[HS_CONTROL_LINE + 1];
	int fd;

	(void)state;
	assert_int_equal(hs_control_prepare(path), 0);
	fd = client();
	memset(line, 'x', sizeof(line));
	line[HS_CONTROL_LINE] = 0;
	say(fd, line);
	assert_string_equal(hear(fd), "{\"error\": \"the line is too long\"}\n");
	assert_string_equal(hear(fd), "(end)");
	close(fd);
}

/* One that does not read keeps its own commands waiting, nobody else's; none is lost. */
static void unread(void **state)
{
	unsigned int lines = 0;
	char piece[65536];
	int lazy, other;
	ssize_t n;

	(void)state;
	bulk = 4 << 20;
	assert_int_equal(hs_control_prepare(path), 0);
	lazy = client();
	other = client();
	say(lazy, "{\"command\":\"large\"}\n{\"command\":\"hello\"}\n");
	say(other, "{\"command\":\"hello\"}\n");
	assert_string_equal(hear(other), "{\"hello\": 1}\n");
	while ((n = read(lazy, piece, sizeof(piece))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			lines += piece[i] == '\n';
		rounds();
	}
	assert_int_equal(lines, 2);
	say(lazy, "{\"command\":\"large\"}\n");
	close(lazy);	/* in the middle of it */
	rounds();
	say(other, "{\"command\":\"hello\"}\n");
	assert_string_equal(hear(other), "{\"hello\": 1}\n");
	close(other);
}

/* More than there is room for wait until another one goes. */
static void many(void **state)
{
	int fd[HS_CONTROL_CLIENTS + 1];

	(void)state;
	assert_int_equal(hs_control_prepare(path), 0);
	for (unsigned int i = 0; i <= HS_CONTROL_CLIENTS; i++)
		fd[i] = client();
	say(fd[HS_CONTROL_CLIENTS], "{\"command\":\"hello\"}\n");
	assert_string_equal(hear(fd[HS_CONTROL_CLIENTS]), "(nothing)");
	close(fd[0]);
	rounds();
	assert_string_equal(hear(fd[HS_CONTROL_CLIENTS]), "{\"hello\": 1}\n");
	for (unsigned int i = 1; i <= HS_CONTROL_CLIENTS; i++)
		close(fd[i]);
}

/* A path that a dead process left is taken; what is served, or no socket, is not. */
static void taken(void **state)
{
	char line[200];

	(void)state;
	assert_int_equal(hs_control_prepare(path), 0);
	hs_control_close();
	assert_int_equal(hs_control_prepare(path), 0);
	hs_control_close();
	unlink(path);
	fclose(fopen(path, "w"));
	assert_int_equal(hs_control_prepare(path), -EADDRINUSE);
	assert_non_null(strstr(said, "give another path"));
	hs_control_close();
	memset(line, 'x', sizeof(line));
	line[199] = 0;
	assert_int_equal(hs_control_prepare(line), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(language),
		cmocka_unit_test(malformed),
		cmocka_unit_test(strings),
		cmocka_unit_test_setup_teardown(talk, begin, end),
		cmocka_unit_test_setup_teardown(too_long, begin, end),
		cmocka_unit_test_setup_teardown(unread, begin, end),
		cmocka_unit_test_setup_teardown(many, begin, end),
		cmocka_unit_test_setup_teardown(taken, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
