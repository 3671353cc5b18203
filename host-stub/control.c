/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: see control.h. */
#include "control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hs.h"
#include "listen.h"

struct client {
	int fd;			/* -1: none */
	char line[HS_CONTROL_LINE];
	size_t have;		/* bytes of it */
	char *answer;		/* what it has not read yet; NULL: it may ask */
	size_t len, sent;
	bool last;		/* it is gone when it has read that */
};

static struct {
	int fd;
	struct client client[HS_CONTROL_CLIENTS];
} control = { .fd = -1 };

int hs_control_prepare(const char *path)
{
	for (unsigned int i = 0; i < HS_CONTROL_CLIENTS; i++)
		control.client[i].fd = -1;
	control.fd = hs_listen_unix(path, HS_CONTROL_CLIENTS);
	if (control.fd < 0)
		hs_error("--control %s: %s", path, hs_listen_problem(control.fd));
	return control.fd < 0 ? control.fd : 0;
}

/* ---- clients ---- */

static void drop_client(struct client *c)
{
	close(c->fd);
	free(c->answer);
	*c = (struct client){ .fd = -1 };
}

static bool would_block(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* What it takes of its answer. */
static void send_answer(struct client *c)
{
	ssize_t n = write(c->fd, c->answer + c->sent, c->len - c->sent);

	if (would_block(n))
		return;
	if (n < 0) {
		drop_client(c);
		return;
	}
	c->sent += (size_t)n;
	if (c->sent < c->len)
		return;
	free(c->answer);
	c->answer = NULL;
	if (c->last)
		drop_client(c);
}

/* One line: what is pretty in a file is blanks here. */
static void make_line(struct client *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->len; i++)
		if (c->answer[i] != '\n' && c->answer[i] != '\t')
			c->answer[n++] = c->answer[i];
	c->answer[n++] = '\n';		/* where the stream had its end: see answer_line() */
	c->len = n;
	c->sent = 0;
}

static void answer_line(struct client *c, size_t len, hs_control_answer answer, void *opaque)
{
	FILE *f = open_memstream(&c->answer, &c->len);

	if (f)
		answer(opaque, c->line, len, f);
	/* A byte of zero follows the text: there is room for the line's end. */
	if (!f || fclose(f)) {
		drop_client(c);
		return;
	}
	make_line(c);
	send_answer(c);
}

/* Whole lines that it has sent, until there is one whose answer it does not read. */
static void serve_lines(struct client *c, hs_control_answer answer, void *opaque)
{
	char *end;

	while (c->fd >= 0 && !c->answer && (end = memchr(c->line, '\n', c->have))) {
		size_t len = (size_t)(end - c->line);

		answer_line(c, len, answer, opaque);
		if (c->fd < 0)
			return;
		c->have -= len + 1;
		memmove(c->line, end + 1, c->have);
	}
	if (c->fd < 0 || c->answer || c->have < HS_CONTROL_LINE)
		return;
	/* What comes behind so long a line cannot be told from it. */
	c->last = true;
	c->answer = strdup("{\"error\": \"the line is too long\"}\n");
	if (!c->answer) {
		drop_client(c);
		return;
	}
	c->len = strlen(c->answer);
	c->sent = 0;
	send_answer(c);
}

static void read_lines(struct client *c, hs_control_answer answer, void *opaque)
{
	ssize_t n = read(c->fd, c->line + c->have, HS_CONTROL_LINE - c->have);

	if (would_block(n))
		return;
	if (n <= 0) {
		drop_client(c);
		return;
	}
	c->have += (size_t)n;
	serve_lines(c, answer, opaque);
}

static void accept_client(void)
{
	struct client *c = control.client;
	int fd;

	while (c < control.client + HS_CONTROL_CLIENTS && c->fd >= 0)
		c++;
	if (c == control.client + HS_CONTROL_CLIENTS)
		return;
	fd = accept4(control.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		c->fd = fd;
}

/* ---- in the main thread's loop ---- */

void hs_control_poll(struct pollfd *fds)
{
	bool room = false;

	for (unsigned int i = 0; i < HS_CONTROL_CLIENTS; i++) {
		const struct client *c = &control.client[i];

		fds[i] = (struct pollfd){ .fd = control.fd < 0 ? -1 : c->fd,
					  .events = c->answer ? POLLOUT : POLLIN };
		room |= c->fd < 0;
	}
	fds[HS_CONTROL_CLIENTS] = (struct pollfd){ .fd = room ? control.fd : -1, .events = POLLIN };
}

void hs_control_serve(const struct pollfd *fds, hs_control_answer answer, void *opaque)
{
	for (unsigned int i = 0; i < HS_CONTROL_CLIENTS; i++) {
		struct client *c = &control.client[i];

		if (!fds[i].revents || fds[i].fd < 0)
			continue;
		if (!c->answer) {
			read_lines(c, answer, opaque);
			continue;
		}
		send_answer(c);
		if (c->fd >= 0 && !c->answer)
			serve_lines(c, answer, opaque);
	}
	if (fds[HS_CONTROL_CLIENTS].revents)
		accept_client();
}

void hs_control_close(void)
{
	if (control.fd < 0)
		return;
	for (unsigned int i = 0; i < HS_CONTROL_CLIENTS; i++)
		if (control.client[i].fd >= 0)
			drop_client(&control.client[i]);
	close(control.fd);
	control.fd = -1;
}
