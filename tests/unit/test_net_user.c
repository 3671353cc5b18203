// SPDX-License-Identifier: BSD-2-Clause
/*
 * The user-mode network's process (net/net_user.c): it answers DHCP, ARP and
 * a forward; a port that is taken fails the start; its death takes the link
 * down, and its stub's end ends it. Its own descriptors and rights are looked
 * at in /proc.
 */
/* MSAN: no: libseccomp and libslirp are not instrumented */
/* LINK: host-stub/json.c host-stub/net/net.c host-stub/net/net_rx.c host-stub/net/net_tx.c host-stub/net/net_build.c host-stub/net/net_tap.c host-stub/net/net_vnet.c host-stub/net/net_socket.c host-stub/net/net_redial.c host-stub/net/net_soft.c host-stub/net/net_user.c host-stub/net/net_user_rules.c host-stub/rules.c host-stub/jail.c host-stub/worker.c host-stub/log.c */
/* LIBS: -luring -lseccomp -lslirp -lpthread */
#include "filtered.h"
#include "net_peer.h"
#include "host-stub/net/net_user.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

static struct hs_net *net;
static struct peer_model model;
static struct hs_nic_config config;
static const struct hs_config host = { .jail = HS_JAIL_OFF };
static pid_t child;
static char forward[64];

/* The process that was forked last: the only child there is. */
static pid_t find_child(void)
{
	char path[64], text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "r");
	if (f) {
		if (!fgets(text, sizeof(text), f))
			text[0] = 0;
		fclose(f);
	}
	return (pid_t)atoi(text);
}

static int begin(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	config.kind = HS_NIC_USER;
	config.mtu = 1500;
	model_init(&model);
	model.any = true;
	sends_free();
	if (forward[0]) {
		config.forward[0] = forward;
		config.forwards = 1;
	}
	if (hs_net_user_fork(&config, &host, &config.fd[0]) < 0)
		return -1;
	config.fds = 1;
	child = find_child();
	return hs_net_open(&net, &config, 0, 50000);
}

/* The process sees the end of the socket and goes. */
static int end(void **state)
{
	int status = 0;

	(void)state;
	if (net) {
		hs_net_attach(net, NULL);
		hs_net_close(net);
	}
	net = NULL;
	for (unsigned int i = 0; i < 20000; i++) {
		if (waitpid(-1, &status, WNOHANG) != 0)
			break;
		pause_a_bit();
	}
	return waitpid(-1, &status, WNOHANG) == -1 ? 0 : -1;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Ethernet, IPv4 and UDP around what is at byte 42 already. */
static void wrap_udp(uint8_t *at, uint32_t payload, uint16_t from, uint16_t to)
{
	memcpy(at, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\0\x45\0", 16);
	put16(at + 16, 28 + payload);
	at[22] = 64;
	at[23] = 17;
	memset(at + 30, 0xff, 4);
	put16(at + 34, from);
	put16(at + 36, to);
	put16(at + 38, 8 + payload);
	put16(at + 24, (uint16_t)~hs_net_checksum(at + 14, 20, 0));
}

static void dhcp_discover(unsigned int i)
{
	uint32_t payload = 300;
	uint8_t *at;

	tx_make(i, i, 42 + payload);
	at = sends[i].memory;
	memset(at, 0, 42 + payload);
	/* RFC 2131, 2 */
	at[42] = 1;
	at[43] = 1;
	at[44] = 6;
	memcpy(at + 46, "abcd", 4);
	memcpy(at + 70, "\x02\0\0\0\0\x01", 6);
	memcpy(at + 278, "\x63\x82\x53\x63\x35\x01\x01\xff", 8);
	wrap_udp(at, payload, 68, 67);
	send_frames(net, i, 1);
}

static void dhcp_offers_an_address(void **state)
{
	(void)state;
	assert_true(hs_net_link(net));
	hs_net_attach(net, &model.model);
	dhcp_discover(0);
	WAIT_FOR(model.frames >= 1);
	assert_int_equal(sends[0].status, 0);
	assert_int_equal(model.last[23], 17);
	assert_int_equal(model.last[36] << 8 | model.last[37], 68);
	assert_memory_equal(model.last + 46, "abcd", 4);
	assert_memory_equal(model.last + 58, "\x0a\0\x02\x0f", 4);
	/* option 53, message type 2: offer */
	assert_memory_equal(model.last + 282, "\x35\x01\x02", 3);
}

static void killed_process_takes_the_link_down(void **state)
{
	(void)state;
	hs_net_attach(net, &model.model);
	dhcp_discover(0);
	WAIT_FOR(model.frames >= 1);
	assert_true(child > 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	WAIT_FOR(model.links == 1);
	assert_false(model.up);
	dhcp_discover(1);
	WAIT_FOR(ended == 2);
	assert_int_equal(sends[1].status, -EIO);
}

static unsigned int status_field(const char *name, char *value, size_t size)
{
	char path[64], line[256];
	unsigned int found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name))) {
			snprintf(value, size, "%s", line + strlen(name) + 1);
			value[strcspn(value, "\n")] = 0;
			found++;
		}
	fclose(f);
	return found;
}

/* Descriptors of the child beyond the standard ones. */
static unsigned int open_descriptors(void)
{
	struct dirent *entry;
	unsigned int n = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)child);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) > 2)
			n++;
	closedir(dir);
	return n;
}

static void rights_are_gone(void **state)
{
	char value[128];

	(void)state;
	assert_true(child > 0);
	assert_int_equal(status_field("Name:", value, sizeof(value)), 1);
	assert_string_equal(value, "pvkit-net");
	assert_int_equal(status_field("CapEff:", value, sizeof(value)), 1);
	assert_string_equal(value, "0000000000000000");
	assert_int_equal(status_field("CapPrm:", value, sizeof(value)), 1);
	assert_string_equal(value, "0000000000000000");
	assert_int_equal(status_field("NoNewPrivs:", value, sizeof(value)), 1);
	assert_string_equal(value, "1");
	/* Of the stub's it has the standard ones; its socket to the stub is 3. */
	/* The pipe of its start goes a moment after it told us. */
	WAIT_FOR(open_descriptors() == 1);
}

/* A path of the text, for an argument. */
#define PATH(text)	((long)(uintptr_t)(text))

/* What a taken-over one tries, with the filter that it has. */
static void rights_are_not_had_again(void **state)
{
	static const char any[] = "/nonexistent";
	const struct {
		const char *what;
		long call, arg[6];
		enum outcome right;
	} cases[] = {
		{ "a TCP socket", SYS_socket, { AF_INET, SOCK_STREAM }, RETURNED },
		{ "a UDP socket", SYS_socket, { AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC }, RETURNED },
		{ "a ping socket", SYS_socket, { AF_INET, SOCK_DGRAM, 1 }, RETURNED },
		{ "a Unix socket", SYS_socket, { AF_UNIX, SOCK_STREAM }, KILLED },
		{ "a Unix datagram socket", SYS_socket, { AF_UNIX, SOCK_DGRAM }, KILLED },
		{ "a pair", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, 0 }, KILLED },
		{ "netlink", SYS_socket, { AF_NETLINK, SOCK_DGRAM }, KILLED },
		{ "packets", SYS_socket, { AF_PACKET, SOCK_DGRAM }, KILLED },
		{ "vsock", SYS_socket, { AF_VSOCK, SOCK_STREAM }, KILLED },
		{ "a raw socket", SYS_socket, { AF_INET, SOCK_RAW, 1 }, NO_SYSCALL },
		{ "a raw IPv6 socket", SYS_socket, { AF_INET6, SOCK_RAW, 58 }, NO_SYSCALL },
		{ "F_GETFL", SYS_fcntl, { -1, F_GETFL }, RETURNED },
		{ "F_SETFL", SYS_fcntl, { -1, F_SETFL, O_RDWR | O_NONBLOCK }, RETURNED },
		{ "O_ASYNC", SYS_fcntl, { -1, F_SETFL, O_RDWR | O_ASYNC }, KILLED },
		{ "F_SETOWN", SYS_fcntl, { -1, F_SETOWN, OTHER }, KILLED },
		{ "F_SETOWN_EX", SYS_fcntl, { -1, F_SETOWN_EX, 0 }, KILLED },
		{ "F_SETSIG", SYS_fcntl, { -1, F_SETSIG, SIGKILL }, KILLED },
		{ "F_SETLEASE", SYS_fcntl, { -1, F_SETLEASE, 0 }, KILLED },
		{ "F_NOTIFY", SYS_fcntl, { -1, F_NOTIFY, 0 }, KILLED },
		{ "F_DUPFD", SYS_fcntl, { -1, F_DUPFD, 0 }, KILLED },
		{ "FIOASYNC", SYS_ioctl, { -1, FIOASYNC, 0 }, KILLED },
		{ "FIOSETOWN", SYS_ioctl, { -1, 0x8901, 0 }, KILLED },
		{ "SIOCSPGRP", SYS_ioctl, { -1, 0x8902, 0 }, KILLED },
		{ "a file, to read", SYS_openat, { AT_FDCWD, PATH(any), O_RDONLY }, RETURNED },
		{ "a file, to write", SYS_openat, { AT_FDCWD, PATH(any), O_WRONLY }, KILLED },
		{ "a file, to make", SYS_openat, { AT_FDCWD, PATH(any), O_CREAT }, KILLED },
		{ "a file without a name", SYS_openat, { AT_FDCWD, PATH(any), O_TMPFILE }, KILLED },
		{ "kill", SYS_kill, { OTHER, SIGTERM }, KILLED },
		{ "tgkill", SYS_tgkill, { OTHER, OTHER, SIGTERM }, KILLED },
		{ "ptrace", SYS_ptrace, { 16, OTHER }, KILLED },
		{ "another's memory", SYS_process_vm_readv, { OTHER }, KILLED },
		{ "a file's place", SYS_pread64, { -1, 0, 0, 0 }, KILLED },
		{ "clone", SYS_clone, { SIGCHLD }, KILLED },
		{ "clone3", SYS_clone3, { 0, 0 }, KILLED },
		{ "a program", SYS_execve, { PATH(any), 0, 0 }, KILLED },
		{ "unshare", SYS_unshare, { CLONE_NEWUSER }, KILLED },
		{ "setns", SYS_setns, { -1, 0 }, KILLED },
		{ "io_uring", SYS_io_uring_setup, { 1, 0 }, KILLED },
		{ "to be dumpable", SYS_prctl, { PR_SET_DUMPABLE, 1 }, KILLED },
		{ "new code", SYS_mmap,
		  { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 }, KILLED },
		{ "a file as memory", SYS_mmap, { 0, 4096, PROT_READ, MAP_SHARED, 0, 0 }, KILLED },
		{ "mprotect", SYS_mprotect, { 0, 0, PROT_EXEC }, KILLED },
	};
	struct sock_fprog program;
	const struct sock_fprog *const filter[2] = { &program, NULL };

	(void)state;
	assert_int_equal(hs_net_user_filter(&program, false), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum outcome got = filtered(filter, cases[i].call, cases[i].arg);

		if (got != cases[i].right)
			print_error("%s: outcome %d, %d is right\n", cases[i].what, got,
				    cases[i].right);
		assert_int_equal(got, cases[i].right);
	}
}

/* Another process of the same, ordinary user cannot look into it. 0, or where it could. */
static int look_into_it(void)
{
	static const char * const files[] = { "mem", "environ", "maps" };
	char path[64];

	if (!getuid() && (setgid(65534) < 0 || setuid(65534) < 0))
		return 10;
	config.forwards = 0;
	if (hs_net_user_fork(&config, &host, &config.fd[0]) < 0)
		return 11;
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", find_child(), files[i]);
		if (open(path, O_RDONLY) >= 0 || errno != EACCES)
			return 20 + (int)i;
	}
	return 0;
}

static void memory_is_its_own(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid)
		_exit(look_into_it());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- what it does for the guest, with the rights that it kept ---- */

static int listener = -1;

/* A port of the host that something listens on. */
static int take_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof(in);

	listener = socket(AF_INET, SOCK_STREAM, 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(listener, 1) < 0)
		return -1;
	getsockname(listener, (struct sockaddr *)&in, &size);
	return ntohs(in.sin_port);
}

/* Has the process know the guest's address: an ARP request for the host's. */
static void say_hello(unsigned int i)
{
	uint8_t *at;

	tx_make(i, i, 60);
	at = sends[i].memory;
	memset(at, 0, 60);
	memcpy(at, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\0\x01\x08\0\x06\x04\0\x01"
	       "\x02\0\0\0\0\x01\x0a\0\x02\x0f\0\0\0\0\0\0\x0a\0\x02\x02", 42);
	send_frames(net, i, 1);
}

static void host_is_reached(void **state)
{
	int port = take_port();
	uint8_t *at;

	(void)state;
	hs_net_attach(net, &model.model);
	say_hello(0);
	WAIT_FOR(model.frames == 1);
	assert_memory_equal(model.last + 12, "\x08\x06", 2);
	tx_make(1, 1, 60);
	at = sends[1].memory;
	memset(at, 0, 60);
	wrap_udp(at, 12, 4000, (uint16_t)port);
	at[23] = 6;
	memcpy(at + 26, "\x0a\0\x02\x0f\x0a\0\x02\x02", 8);
	memcpy(at + 38, "\0\0\0\x09\0\0\0\0\x50\x02\x20\0\0\0\0\0", 16);
	put16(at + 24, 0);
	put16(at + 24, (uint16_t)~hs_net_checksum(at + 14, 20, 0));
	put16(at + 50,
	      (uint16_t)~hs_net_checksum(at + 34, 20, hs_net_checksum(at + 26, 8, 6 + 20)));
	send_frames(net, 1, 1);
	WAIT_FOR(model.frames == 2);
	assert_int_equal(model.last[23], 6);
	assert_int_equal(model.last[47], 0x12);	/* SYN and ACK */
	close(listener);
}

/* An echo request of so many bytes, to an address of the guest's choice. */
static void ping(unsigned int i, const char *to, uint32_t payload, uint8_t protocol)
{
	uint8_t *at;

	tx_make(i, i, 42 + payload);
	at = sends[i].memory;
	memset(at, 0, 42 + payload);
	wrap_udp(at, payload, 0x0800, 0);	/* type 8, code 0 where a port would be */
	memset(at, 0xff, 6);
	at[23] = protocol;
	memcpy(at + 26, "\x0a\0\x02\x0f", 4);
	assert_int_equal(inet_pton(AF_INET, to, at + 30), 1);
	put16(at + 24, 0);
	put16(at + 24, (uint16_t)~hs_net_checksum(at + 14, 20, 0));
	put16(at + 36, 0);
	put16(at + 38, 7);
	put16(at + 40, 1);
	put16(at + 36, (uint16_t)~hs_net_checksum(at + 34, 8 + payload, 0));
	send_frames(net, i, 1);
}

/* Echo requests and other protocols, to every sort of address: answered or not, it lives on. */
static void every_ping_is_survived(void **state)
{
	static const char * const to[] = { "10.0.2.2", "10.0.2.3", "10.0.2.15", "10.0.2.99",
		"10.0.2.255", "10.0.2.0", "255.255.255.255", "0.0.0.0", "127.0.0.1", "224.0.0.1",
		"240.0.0.1", "192.0.2.1" };
	static const uint8_t protocols[] = { 1, 2, 17, 6, 50, 0, 255 };
	unsigned int before, slot = 0;

	(void)state;
	hs_net_attach(net, &model.model);
	for (unsigned int p = 0; p < sizeof(protocols); p++) {
		for (unsigned int i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
			ping(slot++, to[i], i & 1 ? 1400 : 56, protocols[p]);
			pause_a_bit();
			before = model.frames;
			say_hello(slot++);
			for (unsigned int n = 0; model.frames == before && n < 2000 &&
			     hs_net_link(net); n++)
				pause_a_bit();
			if (!hs_net_link(net))
				fail_msg("protocol %u to %s ended it", protocols[p], to[i]);
		}
	}
}

/* Whom it asks is resolv.conf's to say, and not ours to know: it lives on. */
static void name_query_is_survived(void **state)
{
	uint8_t *at;

	(void)state;
	hs_net_attach(net, &model.model);
	say_hello(0);
	WAIT_FOR(model.frames == 1);
	tx_make(1, 1, 42 + 17);
	at = sends[1].memory;
	memset(at, 0, 42 + 17);
	memcpy(at + 42, "\x12\x34\x01\0\0\x01\0\0\0\0\0\0\0\0\x01\0\x01", 17);
	wrap_udp(at, 17, 4000, 53);
	memcpy(at + 26, "\x0a\0\x02\x0f\x0a\0\x02\x03", 8);
	put16(at + 24, 0);
	put16(at + 24, (uint16_t)~hs_net_checksum(at + 14, 20, 0));
	send_frames(net, 1, 1);
	say_hello(2);
	WAIT_FOR(model.frames >= 2);
	assert_true(hs_net_link(net));
}

/* ---- forwards ---- */

static void port_that_is_taken(void **state)
{
	struct hs_nic_config busy = { .kind = HS_NIC_USER, .forwards = 1, .forward = { forward } };
	int fd = -7;

	(void)state;
	snprintf(forward, sizeof(forward), "tcp:127.0.0.1:%d-:22", take_port());
	assert_int_equal(hs_net_user_fork(&busy, &host, &fd), -EADDRINUSE);
	assert_int_equal(fd, -7);
	close(listener);
	forward[0] = 0;
	assert_true(waitpid(-1, NULL, 0) > 0);
}

static void forward_that_is_none(void **state)
{
	static const char * const bad[] = {
		"tcp:1-2", "icmp::1-:2", "tcp::0-:22", "tcp::70000-:22", "tcp::80", "tcp:a:80-:22",
		"tcp::80-:22x", "tcp::-:22", "tcp::80-300.0.0.1:22",
	};
	struct hs_nic_config wrong = { .kind = HS_NIC_USER, .forwards = 1 };
	int fd;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		wrong.forward[0] = bad[i];
		assert_int_equal(hs_net_user_fork(&wrong, &host, &fd), -EINVAL);
		assert_true(waitpid(-1, NULL, 0) > 0);
	}
}

static int begin_forward(void **state)
{
	int port = take_port();

	close(listener);
	snprintf(forward, sizeof(forward), "tcp:127.0.0.1:%d-:22", port);
	return begin(state);
}

/* A connection to the host's port: the guest is asked for its address, by ARP. */
static void forward_reaches_the_guest(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)atoi(strchr(forward + 4, ':') + 1));
	forward[0] = 0;
	hs_net_attach(net, &model.model);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	WAIT_FOR(model.frames >= 1);
	assert_int_equal(model.last[12] << 8 | model.last[13], 0x0806);
	assert_memory_equal(model.last + 38, "\x0a\0\x02\x0f", 4);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dhcp_offers_an_address, begin, end),
		cmocka_unit_test_setup_teardown(killed_process_takes_the_link_down, begin, end),
		cmocka_unit_test_setup_teardown(rights_are_gone, begin, end),
		cmocka_unit_test(rights_are_not_had_again),
		cmocka_unit_test(memory_is_its_own),
		cmocka_unit_test_setup_teardown(host_is_reached, begin, end),
		cmocka_unit_test_setup_teardown(every_ping_is_survived, begin, end),
		cmocka_unit_test_setup_teardown(name_query_is_survived, begin, end),
		cmocka_unit_test(port_that_is_taken),
		cmocka_unit_test(forward_that_is_none),
		cmocka_unit_test_setup_teardown(forward_reaches_the_guest, begin_forward, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
