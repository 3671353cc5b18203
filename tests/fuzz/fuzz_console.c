// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the user's end of the console, its threads and all, on a terminal that is
 * played: an input is a series of what is typed, what chip and ring put out, ends that
 * come, go and have no room, and readers that stop. Whatever they are: what is typed
 * arrives once, in order, but for escapes, which do what they say; and what was
 * taken for output reaches the reader as it was.
 */
/* LINK: host-stub/console.c host-stub/writer.c host-stub/output.c host-stub/log.c host-stub/thread.c */
/* LIBS: -lpthread -Wl,--wrap=write -Wl,--wrap=isatty -Wl,--wrap=tcgetattr -Wl,--wrap=tcsetattr -Wl,--wrap=pthread_kill */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>

#include "host-stub/console.h"
#include "host-stub/hs.h"
#include "input.h"
#include "quiet.h"

#define MOST	4096u		/* bytes each way, of an input */
#define ESCAPE	0x01

/* ---- the terminal ---- */

static atomic_uint interrupts;
static int keyboard = -1, screen = -1;

int __wrap_isatty(int fd);
int __wrap_tcgetattr(int fd, struct termios *t);
int __wrap_tcsetattr(int fd, int when, const struct termios *t);
int __wrap_pthread_kill(pthread_t thread, int sig);
int __real_pthread_kill(pthread_t thread, int sig);

int __wrap_isatty(int fd)
{
	return fd == STDIN_FILENO;
}

int __wrap_tcgetattr(int fd, struct termios *t)
{
	(void)fd;
	memset(t, 0, sizeof(*t));
	return 0;
}

int __wrap_tcsetattr(int fd, int when, const struct termios *t)
{
	(void)fd;
	(void)when;
	(void)t;
	return 0;
}

int __wrap_pthread_kill(pthread_t thread, int sig)
{
	if (sig != SIGINT)
		return __real_pthread_kill(thread, sig);
	atomic_fetch_add(&interrupts, 1);
	return 0;
}

/* ---- the guest's ends ---- */

static struct {
	pthread_mutex_t lock;
	uint8_t text[MOST];		/* what both ends got */
	size_t len, room;
	unsigned int breaks;
	uint8_t out[MOST];		/* of the ring: what waits to be fetched */
	size_t first, end;
} guest = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* What was taken for output, in order. Beside guest.lock, by whoever put it. */
static uint8_t sent[MOST * 2];
static size_t sent_len;

static size_t put(const uint8_t *data, size_t len)
{
	size_t n = hs_console_put(data, len);

	MUST(n <= len && sent_len + n <= sizeof(sent));
	memcpy(sent + sent_len, data, n);
	sent_len += n;
	return n;
}

static size_t receive(void *opaque, const uint8_t *data, size_t len, bool brk)
{
	size_t n;

	(void)opaque;
	pthread_mutex_lock(&guest.lock);
	n = len < guest.room ? len : guest.room;
	MUST(guest.len + n <= sizeof(guest.text) && brk == !len);
	guest.breaks += brk;
	if (n)
		memcpy(guest.text + guest.len, data, n);
	guest.len += n;
	guest.room -= n;
	pthread_mutex_unlock(&guest.lock);
	return n;
}

static bool drain(void *opaque)
{
	size_t n;

	(void)opaque;
	pthread_mutex_lock(&guest.lock);
	n = put(guest.out + guest.first, guest.end - guest.first);
	guest.first += n;
	pthread_mutex_unlock(&guest.lock);
	return n;
}

static bool may_sleep(void *opaque)
{
	bool empty;

	(void)opaque;
	pthread_mutex_lock(&guest.lock);
	empty = guest.first == guest.end;
	pthread_mutex_unlock(&guest.lock);
	return empty;
}

static const struct hs_console_user uart = { .receive = receive };
static const struct hs_console_user ring = { .receive = receive, .drain = drain,
					     .may_sleep = may_sleep, .polls_for_room = true };

/* ---- what is expected ---- */

static struct {
	uint8_t text[MOST];
	size_t len;
	bool escaped;
	unsigned int breaks, interrupts;
	uint8_t seen[MOST * 2];		/* by the reader */
	size_t seen_len;
} want;

static void typed(uint8_t c)
{
	if (want.escaped && c != ESCAPE) {
		want.breaks += c == 'b';
		want.interrupts += c == 'x';
		want.escaped = false;
	} else if (!want.escaped && c == ESCAPE) {
		want.escaped = true;
	} else {
		want.text[want.len++] = c;
		want.escaped = false;
	}
}

static void type(struct input *in)
{
	static const uint8_t often[] = { ESCAPE, 'x', 'b', 'a', '\r', 0, ESCAPE, 0x7f };
	uint8_t keys[64];
	size_t n = 1 + take(in, 1) % sizeof(keys);

	if (want.len + n > MOST - 64)
		return;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)take(in, 1);

		keys[i] = c < 0x80 ? often[c & 7] : c;
		typed(keys[i]);
	}
	MUST(__real_write(keyboard, keys, n) == (ssize_t)n);
}

static void look(void)
{
	ssize_t n = recv(screen, want.seen + want.seen_len, sizeof(want.seen) - want.seen_len,
			 MSG_DONTWAIT);

	if (n > 0)
		want.seen_len += (size_t)n;
}

/* ---- the input ---- */

/* Byte by byte, as a UART does. There is room: nothing of it may be dropped. */
static void chip_writes(struct input *in)
{
	size_t n = 1 + take(in, 1) % 200;
	uint8_t byte = (uint8_t)take(in, 1);

	pthread_mutex_lock(&guest.lock);
	for (size_t i = 0; i < n && sent_len < MOST; i++) {
		sent[sent_len++] = byte;
		hs_console_write(byte++);
	}
	pthread_mutex_unlock(&guest.lock);
}

static void ring_writes(struct input *in)
{
	size_t n = 1 + take(in, 1);

	pthread_mutex_lock(&guest.lock);
	if (guest.end + n <= MOST) {
		memset(guest.out + guest.end, (int)take(in, 1), n);
		guest.end += n;
	}
	pthread_mutex_unlock(&guest.lock);
	hs_console_wake();
}

static void give_room(size_t room)
{
	pthread_mutex_lock(&guest.lock);
	guest.room = room;
	pthread_mutex_unlock(&guest.lock);
	hs_console_room();
}

static void one_thing(struct input *in)
{
	static const struct timespec moment = { .tv_nsec = 20000 };
	uint8_t what = (uint8_t)take(in, 1);
	uint64_t one = 1;

	switch (what & 7) {
	case 0:
	case 1:
		type(in);
		break;
	case 2:
		chip_writes(in);
		break;
	case 3:
		ring_writes(in);
		break;
	case 4:
		give_room(take(in, 1) * (what & 0x80 ? 16 : 1));
		break;
	case 5:
		if (what & 0x80)
			hs_console_attach(HS_CONSOLE_RING, &ring, NULL);
		else
			hs_console_detach(HS_CONSOLE_RING);
		break;
	case 6:
		look();
		break;
	default:
		if (what & 0x80)
			MUST(__real_write(hs_console_eventfd(), &one, sizeof(one)) == sizeof(one));
		nanosleep(&moment, NULL);
	}
}

static bool settled(void)
{
	bool yes;

	look();
	pthread_mutex_lock(&guest.lock);
	yes = guest.len == want.len && guest.first == guest.end && want.seen_len == sent_len &&
	      guest.breaks == want.breaks && atomic_load(&interrupts) == want.interrupts;
	pthread_mutex_unlock(&guest.lock);
	return yes;
}

/* The process ends: nobody types any more, and the reader stops with more to come than fits. */
static uint64_t end_began;

static void leave(void)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };

	end_began = hs_now();
	close(keyboard);
	for (unsigned int i = 0; i < 2u << 20; i++)
		hs_console_write('e');
	nanosleep(&moment, NULL);
}

/* That holds up its end for the drain_limit of hs_console_close(), no longer. */
static void left(void)
{
	MUST(!end_began || hs_now() - end_began < 10000000000ull);
}

static void begin(void)
{
	int in[2], out[2];

	if (keyboard >= 0)
		return;
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, in) == 0 &&
	     socketpair(AF_UNIX, SOCK_STREAM, 0, out) == 0);
	MUST(dup2(in[1], STDIN_FILENO) >= 0 && dup2(out[1], STDOUT_FILENO) >= 0);
	keyboard = in[0];
	screen = out[0];
	(void)atexit(left);
	hs_console_limit(1 << 16);
	MUST(hs_console_prepare("/dev/shm/no such directory/console") == -ENOENT);
	MUST(hs_console_open("stdio") == 0 && hs_console_open("none") == 0);
	(void)atexit(leave);
	hs_console_attach(HS_CONSOLE_UART, &uart, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct timespec moment = { .tv_nsec = 20000 };
	struct input in = { data, size };
	uint64_t end;

	begin();
	while (in.left)
		one_thing(&in);
	if (want.escaped) {
		MUST(__real_write(keyboard, "y", 1) == 1);
		typed('y');
	}
	hs_console_attach(HS_CONSOLE_RING, &ring, NULL);
	give_room(2 * MOST);
	end = hs_now() + 10000000000ull;
	while (!settled() && hs_now() < end)
		nanosleep(&moment, NULL);
	MUST(settled());
	MUST(!memcmp(guest.text, want.text, want.len) && !memcmp(want.seen, sent, sent_len));
	hs_console_detach(HS_CONSOLE_RING);
	/* No byte is under way: all that both sides knew of each other is forgotten. */
	pthread_mutex_lock(&guest.lock);
	guest.len = guest.room = guest.first = guest.end = 0;
	guest.breaks = 0;
	sent_len = 0;
	pthread_mutex_unlock(&guest.lock);
	atomic_store(&interrupts, 0);
	memset(&want, 0, sizeof(want));
	return 0;
}
