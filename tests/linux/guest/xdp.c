// SPDX-License-Identifier: BSD-2-Clause
/*
 * xdp - attach an XDP program to an interface, in native mode, without a
 * compiler or library in the guest.
 *
 *   xdp IF pass|drop|tx|redirect|off
 *
 * The programs let all frames pass but those of EtherType 88b5 (IEEE 802,
 * local experiments): they drop them; send them back where they came from with
 * the addresses exchanged (tx); or do that through bpf_redirect() to the same
 * interface, that is by its ndo_xdp_xmit(). Status 0, or 1 with a line.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }
#define LOAD(size, d, s, o)	INSN(BPF_LDX | (size) | BPF_MEM, d, s, o, 0)
#define STORE(size, d, o, s)	INSN(BPF_STX | (size) | BPF_MEM, d, s, o, 0)
#define MOV(d, i)		INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define COPY(d, s)		INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define EXIT			INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define EXPERIMENT		0xb588	/* 88b5 as a little-endian machine loads it */

/* Patched: the jumps over the action, and the interface of a redirect. */
static int load(const char *action, int ifindex)
{
	static char log[16384];
	const struct bpf_insn head[] = {
		LOAD(BPF_W, 2, 1, 0),		/* data */
		LOAD(BPF_W, 3, 1, 4),		/* data_end */
		COPY(4, 2),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 14),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 0, 0),	/* too short: pass */
		LOAD(BPF_H, 5, 2, 12),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 0, EXPERIMENT),
	};
	const struct bpf_insn swap[] = {
		LOAD(BPF_W, 5, 2, 0),  LOAD(BPF_H, 6, 2, 4),  LOAD(BPF_W, 7, 2, 6),
		LOAD(BPF_H, 8, 2, 10), STORE(BPF_W, 2, 6, 5), STORE(BPF_H, 2, 10, 6),
		STORE(BPF_W, 2, 0, 7), STORE(BPF_H, 2, 4, 8),
	};
	const struct bpf_insn redirect[] = {
		MOV(1, ifindex),
		MOV(2, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
		EXIT,
	};
	const struct bpf_insn drop[] = { MOV(0, XDP_DROP), EXIT }, tx[] = { MOV(0, XDP_TX), EXIT };
	const struct bpf_insn pass[] = { MOV(0, XDP_PASS), EXIT };
	struct bpf_insn program[64];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP, .log_level = 1, .log_size = sizeof(log)};
	unsigned int n = 0;
	int fd;

#define ADD(part) (memcpy(program + n, part, sizeof(part)), n += sizeof(part) / sizeof(part[0]))
	ADD(head);
	if (!strcmp(action, "drop")) {
		ADD(drop);
	} else if (!strcmp(action, "tx")) {
		ADD(swap);
		ADD(tx);
	} else if (!strcmp(action, "redirect")) {
		ADD(swap);
		ADD(redirect);
	} else if (strcmp(action, "pass")) {
		fprintf(stderr, "xdp: '%s': pass, drop, tx, redirect or off\n", action);
		return -1;
	}
	program[4].off = (int16_t)(n - 5);
	program[6].off = (int16_t)(n - 7);
	ADD(pass);
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = n;
	attr.license = (uintptr_t)"GPL";
	attr.log_buf = (uintptr_t)log;
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		fprintf(stderr, "xdp: BPF_PROG_LOAD: %s\n%s", strerror(errno), log);
	return fd;
}

/* RTM_SETLINK with IFLA_XDP; fd -1 takes the program off. 0 or -errno. */
static int attach(int ifindex, int fd)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg link;
		struct rtattr xdp, a_fd;
		int32_t fd;
		struct rtattr a_flags;
		uint32_t flags;
	} request = {
		.h = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_SETLINK,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.link = { .ifi_index = ifindex },
		.xdp = { .rta_len = 4 + 8 + 8, .rta_type = IFLA_XDP | NLA_F_NESTED },
		.a_fd = { .rta_len = 8, .rta_type = IFLA_XDP_FD },
		.fd = fd,
		.a_flags = { .rta_len = 8, .rta_type = IFLA_XDP_FLAGS },
		.flags = XDP_FLAGS_DRV_MODE,
	};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr error;
		char rest[4096];
	} answer;
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	if (s < 0 || send(s, &request, sizeof(request), 0) < 0 ||
	    recv(s, &answer, sizeof(answer), 0) < (ssize_t)(sizeof(answer.h) + sizeof(int)))
		return -errno;
	close(s);
	return answer.h.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EPROTO;
}

int main(int argc, char **argv)
{
	int ifindex, fd = -1, ret;

	if (argc != 3) {
		fprintf(stderr, "xdp: IF pass|drop|tx|redirect|off\n");
		return 2;
	}
	ifindex = (int)if_nametoindex(argv[1]);
	if (!ifindex) {
		fprintf(stderr, "xdp: %s: no such interface\n", argv[1]);
		return 1;
	}
	if (strcmp(argv[2], "off")) {
		fd = load(argv[2], ifindex);
		if (fd < 0)
			return 1;
	}
	ret = attach(ifindex, fd);
	if (ret < 0)
		fprintf(stderr, "xdp: %s: %s: %s\n", argv[1], argv[2], strerror(-ret));
	return ret < 0;
}
