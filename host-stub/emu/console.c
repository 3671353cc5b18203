/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's end of the console (console.h): one thread that polls input,
 * output and an eventfd, and the rings of a guest with pvkit while there is
 * traffic. Others only append to the output buffer; con.lock protects it,
 * con.end_lock the guest's ends, and neither is held across a blocking call.
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
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include "../hs.h"

#define OUT_SIZE	(1u << 20)
#define ESCAPE		0x01	/* Ctrl-A */
#define FLUSH_MS	2000
#define POLL_MS		5	/* between looks at a ring in use */
#define LINGER_MS	40	/* without output, before it has to ring */

static struct {
	bool open;
	int in, out, wake;
	bool tty;
	struct termios saved;
	pthread_t thread;
	pthread_t main;			/* who opened it */
	pthread_mutex_t lock;
	pthread_mutex_t end_lock;	/* held while functions of the ends run */
	bool ending;
	uint8_t *buffer;
	size_t first, filled;
	uint64_t dropped;
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
	.in = -1, .out = -1, .wake = -1,
	.lock = PTHREAD_MUTEX_INITIALIZER, .end_lock = PTHREAD_MUTEX_INITIALIZER,
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
	size_t done = 0;
	bool first;

	if (con.out < 0)
		return len;
	pthread_mutex_lock(&con.lock);
	first = !con.filled;
	while (done < len && con.filled < OUT_SIZE) {
		size_t at = (con.first + con.filled) % OUT_SIZE;
		size_t end = at < con.first ? con.first : OUT_SIZE;
		size_t n = len - done < end - at ? len - done : end - at;

		memcpy(con.buffer + at, data + done, n);
		con.filled += n;
		done += n;
	}
	pthread_mutex_unlock(&con.lock);
	if (first && done)
		hs_console_wake();
	return done;
}

void hs_console_write(uint8_t byte)
{
	if (hs_console_put(&byte, 1))
		return;
	pthread_mutex_lock(&con.lock);
	con.dropped++;
	pthread_mutex_unlock(&con.lock);
}

void hs_console_room(void)
{
	if (__atomic_load_n(&con.waits_for_room, __ATOMIC_ACQUIRE))
		hs_console_wake();
}

/* Writes once what lies in one piece; false when the output is broken. */
static bool flush_some(void)
{
	size_t len, first;
	ssize_t n;

	pthread_mutex_lock(&con.lock);
	first = con.first;
	len = con.filled < OUT_SIZE - first ? con.filled : OUT_SIZE - first;
	pthread_mutex_unlock(&con.lock);
	if (!len)
		return true;
	n = write(con.out, con.buffer + first, len);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return false;
	if (n > 0) {
		pthread_mutex_lock(&con.lock);
		con.first = (con.first + (size_t)n) % OUT_SIZE;
		con.filled -= (size_t)n;
		pthread_mutex_unlock(&con.lock);
	}
	return true;
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
static int fetch(void)
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
		if (now - con.lively < LINGER_MS * 1000000ull || !user->may_sleep(con.end[i].opaque))
			wait = POLL_MS;
	}
	pthread_mutex_unlock(&con.end_lock);
	return wait;
}

/* Sends on what was typed, as far as the chip takes it. */
static void deliver(void)
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
	int wait;

	(void)arg;
	for (;;) {
		struct pollfd fds[3] = {
			{ .fd = con.wake, .events = POLLIN },
			{ .fd = input && !con.typed_len ? con.in : -1, .events = POLLIN },
			{ .fd = -1, .events = POLLOUT },
		};
		bool ending;

		wait = fetch();
		if (con.typed_len && con.polls_for_room)
			wait = POLL_MS;
		pthread_mutex_lock(&con.lock);
		ending = con.ending;
		if (con.filled)
			fds[2].fd = con.out;
		pthread_mutex_unlock(&con.lock);
		if (ending && fds[2].fd < 0)
			return NULL;
		if (poll(fds, 3, ending ? FLUSH_MS : wait) <= 0 && errno != EINTR && ending)
			return NULL;
		if (fds[0].revents && read(con.wake, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN)
			return NULL;
		if (fds[2].revents && !flush_some()) {
			pthread_mutex_lock(&con.lock);
			con.filled = 0;
			pthread_mutex_unlock(&con.lock);
			if (ending)
				return NULL;
		}
		if (fds[1].revents) {
			ssize_t n = read(con.in, con.typed, sizeof(con.typed));

			con.typed_first = 0;
			con.typed_len = n > 0 ? (size_t)n : 0;
			if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
				input = false;	/* end of file: the VM goes on */
		}
		deliver();
	}
}

int hs_console_open(const char *how)
{
	int ret;

	if (con.open)
		return 0;
	if (!strcmp(how, "stdio")) {
		con.in = STDIN_FILENO;
		con.out = STDOUT_FILENO;
		ret = raw_terminal();
		if (ret)
			return ret;
	} else if (strcmp(how, "none")) {
		con.out = open(how, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (con.out < 0) {
			ret = -errno;
			hs_error("console: cannot write %s: %s; name a writable file, stdio or none",
				 how, strerror(-ret));
			return ret;
		}
	}
	con.main = pthread_self();
	con.buffer = malloc(OUT_SIZE);
	con.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!con.buffer || con.wake < 0) {
		hs_error("console: no memory or file descriptor left for it");
		return -ENOMEM;
	}
	ret = -pthread_create(&con.thread, NULL, console_thread, NULL);
	if (ret) {
		hs_error("console: cannot start its thread: %s", strerror(-ret));
		return ret;
	}
	con.open = true;
	return atexit(hs_console_close) ? -ENOMEM : 0;
}

void hs_console_close(void)
{
	if (!con.open)
		return;
	pthread_mutex_lock(&con.lock);
	con.ending = true;
	pthread_mutex_unlock(&con.lock);
	hs_console_wake();
	pthread_join(con.thread, NULL);
	restore_terminal();
	con.open = false;
	if (con.dropped)
		hs_note("console: %llu bytes were dropped, as nobody read them",
			(unsigned long long)con.dropped);
	free(con.buffer);
	close(con.wake);
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
