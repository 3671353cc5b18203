// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the user-mode network's process may call (rules.h): TCP, UDP and ping sockets of IPv4
 * and IPv6, and the file that names the name servers. No Unix sockets, nothing
 * that has signals sent (F_SETOWN, F_SETSIG, O_ASYNC), no other process, no new code.
 */
#include <fcntl.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../rules.h"
#include "net_user.h"
#include "../util.h"

#define TYPE		(~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))
#define ANONYMOUS	(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK)

static const struct hs_rule rules[] = {
	/* the guest's frames, and connections in its name */
	{ SCMP_SYS(poll), 1, {}, 0, "waiting" },
	{ SCMP_SYS(ppoll), 1, {}, 0, "the same, as the C library may make it" },
	{ SCMP_SYS(socket), 1, { HS_IS(0, AF_INET), HS_BITS(1, TYPE, SOCK_STREAM) }, 0,
	  "connections of the guest" },
	{ SCMP_SYS(socket), 1, { HS_IS(0, AF_INET), HS_BITS(1, TYPE, SOCK_DGRAM) }, 0, "the same" },
	{ SCMP_SYS(socket), 1, { HS_IS(0, AF_INET6), HS_BITS(1, TYPE, SOCK_STREAM) }, 0, "the same" },
	{ SCMP_SYS(socket), 1, { HS_IS(0, AF_INET6), HS_BITS(1, TYPE, SOCK_DGRAM) }, 0, "the same" },
	{ SCMP_SYS(socket), 1 | HS_RULE_ABSENT, { HS_IS(0, AF_INET), HS_BITS(1, TYPE, SOCK_RAW) },
	  0, "a guest's ping where this user may have no ping sockets: libslirp then tries this" },
	{ SCMP_SYS(socket), 1 | HS_RULE_ABSENT, { HS_IS(0, AF_INET6), HS_BITS(1, TYPE, SOCK_RAW) },
	  0, "the same" },
	{ SCMP_SYS(bind), 1, {}, 0, "its local address" },
	{ SCMP_SYS(connect), 1, {}, 0, "its peer" },
	{ SCMP_SYS(listen), 1, {}, 0, "a TCP forward" },
	{ SCMP_SYS(accept), 1, {}, 0, "a TCP forward" },
	{ SCMP_SYS(accept4), 1, {}, 0, "the same, as the C library may make it" },
	{ SCMP_SYS(getsockname), 1, {}, 0, "ports of forwards, DHCP" },
	{ SCMP_SYS(getpeername), 1, {}, 0, "connections of forwards" },
	{ SCMP_SYS(getsockopt), 1, {}, 0, "whether a connect succeeded" },
	{ SCMP_SYS(setsockopt), 1, {}, 0, "reuse of addresses, no delay, time to live" },
	{ SCMP_SYS(shutdown), 1, {}, 0, "half-closed connections" },
	{ SCMP_SYS(sendto), 1, {}, 0, "data; frames to the stub" },
	{ SCMP_SYS(sendmsg), 1, {}, 0, "data" },
	{ SCMP_SYS(recvfrom), 1, {}, 0, "data; frames from the stub" },
	{ SCMP_SYS(recvmsg), 1, {}, 0, "data; ICMP errors" },
	{ SCMP_SYS(read), 1, {}, 0, "resolv.conf" },
	{ SCMP_SYS(readv), 1, {}, 0, "data" },
	{ SCMP_SYS(write), 1, {}, 0, "data; messages" },
	{ SCMP_SYS(writev), 1, {}, 0, "data" },
	{ SCMP_SYS(fcntl), 1, { HS_IS(1, F_GETFL) }, 0, "non-blocking sockets" },
	{ SCMP_SYS(fcntl), 1, { HS_IS(1, F_SETFL), HS_ONLY(2, O_RDWR | O_NONBLOCK) }, 0, "the same" },
	{ SCMP_SYS(fcntl), 1, { HS_IS(1, F_GETFD) }, 0, "close-on-exec" },
	{ SCMP_SYS(fcntl), 1, { HS_IS(1, F_SETFD) }, 0, "the same" },
	{ SCMP_SYS(close), 1, {}, 0, "ends of connections" },
	{ SCMP_SYS(lseek), 1, {}, 0, "resolv.conf (stdio)" },
	{ SCMP_SYS(stat), 1, {}, 0, "whether resolv.conf has changed" },
	{ SCMP_SYS(fstat), 1, {}, 0, "resolv.conf (stdio)" },
	{ SCMP_SYS(newfstatat), 1, {}, 0, "the same, as current C libraries make it" },
	{ SCMP_SYS(openat), 1, { HS_ONLY(2, O_CLOEXEC) }, 0, "resolv.conf, for reading" },
	{ SCMP_SYS(open), 1, { HS_ONLY(1, O_CLOEXEC) }, 0, "the same" },
	{ SCMP_SYS(ioctl), 1, { HS_IS(1, FIONREAD) }, 0, "how much a connection has to read" },
	{ SCMP_SYS(ioctl), 1, { HS_IS(1, FIONBIO) }, 0, "non-blocking sockets" },
	/* memory, time, the end */
	{ SCMP_SYS(mmap), 1, { HS_ONLY(2, PROT_READ | PROT_WRITE), HS_ONLY(3, ANONYMOUS) }, 0,
	  "malloc" },
	{ SCMP_SYS(munmap), 1, {}, 0, "malloc" },
	{ SCMP_SYS(mremap), 1, { HS_ONLY(3, MREMAP_MAYMOVE) }, 0, "realloc" },
	{ SCMP_SYS(brk), 1, {}, 0, "malloc" },
	{ SCMP_SYS(madvise), 1, { HS_IS(2, MADV_DONTNEED) }, 0, "malloc" },
	{ SCMP_SYS(mmap), 1, { HS_ONLY(2, PROT_READ | PROT_WRITE) }, 1, "a sanitizer's run time" },
	{ SCMP_SYS(madvise), 1, {}, 1, "the same" },
	{ SCMP_SYS(futex), 1, {}, 0, "the C library's locks" },
	{ SCMP_SYS(clock_gettime), 1, {}, 0, "timers" },
	{ SCMP_SYS(gettimeofday), 1, {}, 0, "timers" },
	{ SCMP_SYS(getrandom), 1, {}, 0, "ports, malloc" },
	{ SCMP_SYS(rt_sigreturn), 1, {}, 0, "end of a signal handler" },
	{ SCMP_SYS(rt_sigprocmask), 1, {}, 0, "abort() of the C library" },
	{ SCMP_SYS(restart_syscall), 1, {}, 0, "a wait that was stopped and goes on" },
	{ SCMP_SYS(exit), 1, {}, 0, "the end" },
	{ SCMP_SYS(exit_group), 1, {}, 0, "the end" },
};

int hs_net_user_filter(struct sock_fprog *program, bool sanitized)
{
	return hs_rules_program(rules, HS_COUNT(rules), 1, sanitized, getpid(),
				program);
}
