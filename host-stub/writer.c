/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output with a thread of its own: see writer.h. The thread reads the ring
 * between `first` and `first + filled` without the lock: others only append behind it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hs.h"
#include "thread.h"
#include "writer.h"

#define KICK_SIGNAL	SIGUSR1		/* vcpu.c's, too: its handler does nothing */
#define STEP_NS		5000000u	/* between kicks, and looks at the drain_limit */
#define CHUNK		65536u		/* bytes of one write: the lock is taken that often */

struct hs_writer {
	struct hs_writer_config config;
	bool regular;			/* a file or disk: it cannot stop reading */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;		/* to the thread: there is something to do */
	pthread_cond_t moved;		/* from it: bytes were written, or it has ended */
	bool ending, abandoned, ended;
	bool wants_room;		/* a put() found too little */
	uint8_t *buffer;
	size_t first, filled;
	uint64_t written;		/* grows with each write */
	uint64_t lost;			/* the descriptor failed */
};

static void writer_on_kick(int sig)
{
	(void)sig;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void catch_kick(void)
{
	struct sigaction action = { .sa_handler = writer_on_kick };

	sigemptyset(&action.sa_mask);
	sigaction(KICK_SIGNAL, &action, NULL);
}

void hs_writer_init_signal(void)
{
	pthread_once(&once, catch_kick);
}

static ssize_t write_some(struct hs_writer *w, const uint8_t *data, size_t len)
{
	struct pollfd fd = { .fd = w->config.fd, .events = POLLOUT };
	ssize_t n;

	n = w->config.write ? w->config.write(w->config.opaque, data, len) :
			      write(w->config.fd, data, len);
	if (n >= 0)
		return n;
	/* The user's descriptor may be non-blocking; a signal ends this wait, too. */
	if (errno == EAGAIN)
		(void)poll(&fd, 1, -1);
	return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* One write, lock let go meanwhile. */
static void step(struct hs_writer *w)
{
	const uint8_t *at = w->buffer + w->first;
	size_t len = w->filled < w->config.bytes - w->first ? w->filled :
							      w->config.bytes - w->first;
	bool room;
	ssize_t n;

	pthread_mutex_unlock(&w->lock);
	n = write_some(w, at, len < CHUNK ? len : CHUNK);
	pthread_mutex_lock(&w->lock);
	if (n < 0) {		/* closed, or gone: nobody is left to read what waits */
		n = (ssize_t)w->filled;
		w->lost += w->filled;
	}
	w->first = (w->first + (size_t)n) % w->config.bytes;
	w->filled -= (size_t)n;
	w->written += (uint64_t)n;
	room = n && w->wants_room;
	if (room)
		w->wants_room = false;
	pthread_cond_broadcast(&w->moved);
	if (room && w->config.room) {
		pthread_mutex_unlock(&w->lock);
		w->config.room();
		pthread_mutex_lock(&w->lock);
	}
}

static void *writer_thread(void *arg)
{
	struct hs_writer *w = arg;
	sigset_t kick;

	pthread_setname_np(pthread_self(), w->config.name);
	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	hs_thread_narrow(HS_THREAD_WRITER);
	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->filled && !w->ending)
			pthread_cond_wait(&w->wake, &w->lock);
		if (!w->filled || w->abandoned)
			break;
		step(w);
	}
	w->ended = true;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int hs_writer_open(struct hs_writer **out, const struct hs_writer_config *config)
{
	struct hs_writer *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int ret = -ENOMEM;

	if (!w)
		return ret;
	w->config = *config;
	/* What has a place to write at: fstat() is not to be had any more (sandbox.c). */
	w->regular = lseek(config->fd, 0, SEEK_CUR) >= 0;
	w->buffer = malloc(config->bytes);
	if (!w->buffer)
		goto free_writer;
	hs_writer_init_signal();
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->moved, &attr);
	pthread_condattr_destroy(&attr);
	ret = -pthread_create(&w->thread, NULL, writer_thread, w);
	if (ret)
		goto free_buffer;
	*out = w;
	return 0;
free_buffer:
	free(w->buffer);
free_writer:
	free(w);
	return ret;
}

/* Lock held; there is room. */
static void writer_append(struct hs_writer *w, const uint8_t *data, size_t len)
{
	size_t at = (w->first + w->filled) % w->config.bytes;
	size_t n = len < w->config.bytes - at ? len : w->config.bytes - at;

	memcpy(w->buffer + at, data, n);
	memcpy(w->buffer, data + n, len - n);
	if (!w->filled && len)
		pthread_cond_signal(&w->wake);
	w->filled += len;
}

size_t hs_writer_put(struct hs_writer *w, const void *data, size_t len)
{
	size_t room;

	pthread_mutex_lock(&w->lock);
	room = w->config.bytes - w->filled;
	if (len > room) {
		w->wants_room = true;
		len = room;
	}
	writer_append(w, data, len);
	pthread_mutex_unlock(&w->lock);
	return len;
}

bool hs_writer_put_all(struct hs_writer *w, const void *data, size_t len)
{
	bool fits;

	pthread_mutex_lock(&w->lock);
	fits = len <= w->config.bytes - w->filled;
	if (fits)
		writer_append(w, data, len);
	pthread_mutex_unlock(&w->lock);
	return fits;
}

/* One step's wait for progress; lock held. */
static void wait_step(struct hs_writer *w)
{
	uint64_t until = hs_now() + STEP_NS;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000u),
			       .tv_nsec = (long)(until % 1000000000u) };

	pthread_cond_timedwait(&w->moved, &w->lock, &ts);
}

/* Whether it is worth to wait on; takes what was waited in vain from the drain_limit. */
static bool wait_on(struct hs_writer *w, struct hs_drain_limit *p)
{
	uint64_t before = w->written, since = hs_now(), now;

	wait_step(w);
	now = hs_now();
	if (p->asked && p->asked(p->opaque))
		return false;
	if (w->regular)
		return true;
	if (w->written == before)
		p->idle_ns -= now - since < p->idle_ns ? now - since : p->idle_ns;
	return p->idle_ns && now < p->until;
}

bool hs_writer_put_wait(struct hs_writer *w, const void *data, size_t len,
			struct hs_drain_limit *drain_limit)
{
	bool fits;

	pthread_mutex_lock(&w->lock);
	while (len > w->config.bytes - w->filled && wait_on(w, drain_limit))
		;
	fits = len <= w->config.bytes - w->filled;
	if (fits)
		writer_append(w, data, len);
	pthread_mutex_unlock(&w->lock);
	return fits;
}

uint64_t hs_writer_close(struct hs_writer *w, struct hs_drain_limit *drain_limit)
{
	uint64_t lost;

	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_signal(&w->wake);
	while (!w->ended && wait_on(w, drain_limit))
		;
	w->abandoned = true;
	while (!w->ended) {
		/* Again and again: a signal may come just before write(2) is made. */
		pthread_kill(w->thread, KICK_SIGNAL);
		wait_step(w);
	}
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	lost = w->lost + w->filled;
	pthread_cond_destroy(&w->moved);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w->buffer);
	free(w);
	return lost;
}
