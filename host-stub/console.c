/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's end of the console (console.h): a thread that polls input and an
 * eventfd, and the rings of a guest with pvkit while there is traffic; and one
 * that writes (writer.h), to which others only append. So a reader that does not read costs
 * output, or has a guest's ring wait, and stops nothing else. con.end_lock
 * protects the guest's ends, and is not held across a blocking call.
 *
 * On a terminal, input is raw and Ctrl-A is the escape: Ctrl-A x ends the VM,
 * Ctrl-A b sends a break, Ctrl-A Ctrl-A sends Ctrl-A.
 */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "hs.h"
#include "output.h"
#include "thread.h"
#include "trace.h"
#include "writer.h"

#define OUT_SIZE	(1u << 20)
#define ESCAPE		0x01	/* Ctrl-A */
#define IDLE_NS		400000000ull	/* at exit(): for a reader that does not read */
#define FLUSH_NS	2000000000ull
#define STEP_NS		5000000		/* between kicks of the thread at its end */
#define POLL_MS		5	/* between looks at a ring in use */
#define LINGER_MS	40	/* without output, before it has to ring */

static struct {
	bool prepared, open;
	int in, wake;
	uint64_t limit;			/* of a file, in bytes; 0: none */
	struct hs_bounded_file file;
	struct hs_writer_config to;	/* fd -1: nobody sees it */
	struct hs_writer *out;		/* NULL: the same */
	bool tty;
	struct termios saved;
	pthread_t thread;
	pthread_t main;			/* who opened it */
	pthread_mutex_t end_lock;	/* held while functions of the ends run */
	atomic_bool ending;
	atomic_ullong dropped;
	struct {
		const struct hs_console_user *user;	/* NULL: not attached */
		void *opaque;
	} end[HS_CONSOLE_ENDS];
	/* the thread's own */
	uint8_t typed[256];
	size_t typed_first, typed_len;
	bool escaped, waits_for_room, polls_for_room;
	uint64_t lively;		/* hs_now() when output was last seen in a ring */
} con = {
	.in = -1, .wake = -1, .file = { .fd = -1, .older_fd = -1 },
	.end_lock = PTHREAD_MUTEX_INITIALIZER,
};

void hs_console_wake(void)
{
	uint64_t one = 1;

	/* EAGAIN: the counter is full, so the thread will wake anyway */
	if (write(con.wake, &one, sizeof(one)) < 0)
		return;
}

static void restore_terminal(void)
{
	if (con.tty)
		tcsetattr(con.in, TCSANOW, &con.saved);
}

static int raw_terminal(void)
{
	struct termios raw;

	if (!isatty(con.in) || tcgetattr(con.in, &con.saved))
		return 0;
	raw = con.saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;	/* our own messages keep their line ends */
	if (tcsetattr(con.in, TCSANOW, &raw))
		return -errno;
	con.tty = true;
	return 0;
}

int hs_console_eventfd(void)
{
	return con.wake;
}

size_t hs_console_put(const uint8_t *data, size_t len)
{
	return con.out ? hs_writer_put(con.out, data, len) : len;
}

void hs_console_write(uint8_t byte)
{
	if (!hs_console_put(&byte, 1))
		atomic_fetch_add(&con.dropped, 1);
}

void hs_console_room(void)
{
	if (__atomic_load_n(&con.waits_for_room, __ATOMIC_ACQUIRE))
		hs_console_wake();
}

/* Bytes that the guest took. */
static size_t to_guest(const uint8_t *data, size_t len, bool brk)
{
	size_t taken = len;	/* without an end, input is lost, as on a cut line */
	int end = HS_CONSOLE_ENDS;

	pthread_mutex_lock(&con.end_lock);
	while (end-- > 0 && !con.end[end].user)
		;
	if (end >= 0) {
		taken = con.end[end].user->receive(con.end[end].opaque, data, len, brk);
		con.polls_for_room = taken < len && con.end[end].user->polls_for_room;
	}
	pthread_mutex_unlock(&con.end_lock);
	return taken;
}

static void escape(uint8_t key)
{
	if (key == 'x')
		pthread_kill(con.main, SIGINT);		/* as if typed where it is no terminal */
	else if (key == 'b')
		(void)to_guest(NULL, 0, true);
}

/*
 * Fetches output from the rings. Milliseconds until that has to be done again;
 * -1: not before somebody wakes the thread.
 */
static int console_fetch(void)
{
	uint64_t now = hs_now();
	int wait = -1;

	pthread_mutex_lock(&con.end_lock);
	for (int i = 0; i < HS_CONSOLE_ENDS; i++) {
		const struct hs_console_user *user = con.end[i].user;

		if (!user || !user->drain)
			continue;
		if (user->drain(con.end[i].opaque))
			con.lively = now;
		if (now - con.lively < LINGER_MS * 1000000ull ||
		    !user->may_sleep(con.end[i].opaque))
			wait = POLL_MS;
	}
	pthread_mutex_unlock(&con.end_lock);
	return wait;
}

/* Sends on what was typed, as far as the chip takes it. */
static void console_deliver(void)
{
	while (con.typed_len) {
		uint8_t *p = con.typed + con.typed_first;
		size_t len = con.typed_len, taken;

		if (con.tty && con.escaped && *p != ESCAPE) {
			con.escaped = false;
			escape(*p);
			taken = 1;
		} else if (con.tty && !con.escaped && *p == ESCAPE) {
			con.escaped = true;
			taken = 1;
		} else {
			if (con.tty) {	/* up to the next escape */
				uint8_t *next = memchr(p + 1, ESCAPE, len - 1);

				len = next ? (size_t)(next - p) : len;
			}
			/* set first: room may be made right after receive() refused */
			__atomic_store_n(&con.waits_for_room, true, __ATOMIC_SEQ_CST);
			taken = to_guest(p, len, false);
			if (!taken)
				return;
			con.escaped = false;
		}
		con.typed_first += taken;
		con.typed_len -= taken;
	}
	__atomic_store_n(&con.waits_for_room, false, __ATOMIC_RELEASE);
}

static void *console_thread(void *arg)
{
	bool input = con.in >= 0;
	uint64_t wakes;
	sigset_t kick;
	int wait;

	(void)arg;
	sigemptyset(&kick);
	sigaddset(&kick, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	hs_trace_thread("console");
	hs_thread_narrow(HS_THREAD_CONSOLE);
	while (!atomic_load(&con.ending)) {
		struct pollfd fds[2] = {
			{ .fd = con.wake, .events = POLLIN },
			{ .fd = input && !con.typed_len ? con.in : -1, .events = POLLIN },
		};

		wait = console_fetch();
		if (con.typed_len && con.polls_for_room)
			wait = POLL_MS;
		if (poll(fds, 2, wait) < 0 && errno != EINTR)
			return NULL;
		if (fds[0].revents && read(con.wake, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN)
			return NULL;
		if (fds[1].revents) {
			ssize_t n = read(con.in, con.typed, sizeof(con.typed));

			con.typed_first = 0;
			con.typed_len = n > 0 ? (size_t)n : 0;
			if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
				input = false;	/* end of file: the VM goes on */
		}
		console_deliver();
	}
	return NULL;
}

void hs_console_limit(uint64_t bytes)
{
	con.limit = bytes;
}

/* The user's descriptors, and how to write. 0 or -errno, said. */
static int open_user(const char *how, struct hs_writer_config *config)
{
	int ret;

	config->fd = -1;
	if (!strcmp(how, "none"))
		return 0;
	if (!strcmp(how, "stdio")) {
		con.in = STDIN_FILENO;
		config->fd = STDOUT_FILENO;
		return raw_terminal();
	}
	ret = hs_bounded_open(&con.file, "--console", how, con.limit);
	if (ret < 0)
		return ret;
	config->fd = con.file.fd;
	config->write = hs_bounded_write;
	config->opaque = &con.file;
	return 0;
}

int hs_console_prepare(const char *how)
{
	int ret;

	if (con.prepared)
		return 0;
	con.to = (struct hs_writer_config){
		.name = "console-out", .bytes = OUT_SIZE, .room = hs_console_wake,
	};
	ret = open_user(how, &con.to);
	con.prepared = !ret;
	con.main = pthread_self();
	return ret;
}

int hs_console_open(const char *how)
{
	int ret;

	if (con.open)
		return 0;
	ret = hs_console_prepare(how);
	if (ret)
		return ret;
	con.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (con.wake < 0) {
		ret = -errno;
		hs_error("console: no file descriptor left for it");
		return ret;
	}
	if (con.to.fd >= 0)
		ret = hs_writer_open(&con.out, &con.to);
	if (!ret)
		ret = -pthread_create(&con.thread, NULL, console_thread, NULL);
	if (ret) {
		hs_error("console: cannot start its threads: %s", strerror(-ret));
		return ret;
	}
	con.open = true;
	return atexit(hs_console_close) ? -ENOMEM : 0;
}

/* Another process may have taken the input that poll() saw: then read() waits. */
static void end_thread(void)
{
	struct timespec until;

	do {
		pthread_kill(con.thread, SIGUSR1);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += STEP_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
	} while (pthread_clockjoin_np(con.thread, NULL, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
}

void hs_console_end(struct hs_drain_limit *drain_limit)
{
	unsigned long long lost = 0;

	if (!con.open) {
		restore_terminal();	/* prepared only */
		return;
	}
	con.open = false;
	atomic_store(&con.ending, true);
	hs_console_wake();
	end_thread();
	if (con.out)
		lost = hs_writer_close(con.out, drain_limit);
	con.out = NULL;
	restore_terminal();
	lost += atomic_load(&con.dropped);
	if (lost)
		hs_note("console: %llu bytes were dropped, as nobody took them", lost);
	hs_bounded_close(&con.file);
	close(con.wake);
}

void hs_console_close(void)
{
	struct hs_drain_limit drain_limit = { .idle_ns = IDLE_NS, .until = hs_now() + FLUSH_NS };

	hs_console_end(&drain_limit);
}

void hs_console_attach(enum hs_console_end end, const struct hs_console_user *user, void *opaque)
{
	pthread_mutex_lock(&con.end_lock);
	con.end[end].user = user;
	con.end[end].opaque = opaque;
	pthread_mutex_unlock(&con.end_lock);
	hs_console_wake();
}

void hs_console_detach(enum hs_console_end end)
{
	pthread_mutex_lock(&con.end_lock);
	con.end[end].user = NULL;
	pthread_mutex_unlock(&con.end_lock);
}
