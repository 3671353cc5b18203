// SPDX-License-Identifier: BSD-2-Clause
/* Sockets that listen: see listen.h. */
#include "listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define STREAM	(SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

/* Listens; closes the descriptor if that, or what came before it, failed. */
static int finish(int fd, int ret, int backlog)
{
	if (!ret && listen(fd, backlog) < 0)
		ret = -errno;
	if (ret < 0)
		close(fd);
	return ret < 0 ? ret : fd;
}

/* A socket that nobody serves is left over. */
static bool abandoned(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, STREAM, 0);
	struct stat st;
	bool yes;

	if (fd < 0)
		return false;
	yes = lstat(to->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	      connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno == ECONNREFUSED;
	close(fd);
	return yes;
}

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) == 108, "see hs_listen_problem()");

int hs_listen_unix(const char *path, int backlog)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const struct sockaddr *address = (const struct sockaddr *)&to;
	mode_t mask;
	int fd, ret;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, STREAM, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177);
	ret = bind(fd, address, sizeof(to)) < 0 ? -errno : 0;
	if (ret == -EADDRINUSE && abandoned(&to) && unlink(path) == 0)
		ret = bind(fd, address, sizeof(to)) < 0 ? -errno : 0;
	umask(mask);
	return finish(fd, ret, backlog);
}

int hs_listen_loopback(uint16_t port, int backlog)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd = socket(AF_INET, STREAM, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Inherited by connections: messages are small, and each waits for an answer. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return finish(fd, bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0, backlog);
}

const char *hs_listen_problem(int err)
{
	switch (err) {
	case -ENAMETOOLONG:
		return "longer than 107 characters";
	case -EADDRINUSE:
		return "in use: give another path or port";
	default:
		return strerror(-err);
	}
}
