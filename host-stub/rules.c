/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a table to a program: see rules.h. libseccomp writes the program into a
 * file in memory, which stays mapped: so a program can be loaded when nothing
 * may be allocated or opened any more, and cannot be changed by who was taken over.
 */
#include "rules.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int add_rule(scmp_filter_ctx filter, const struct hs_rule *rule, pid_t self)
{
	uint32_t action = rule->kinds & HS_RULE_ABSENT ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW;
	struct scmp_arg_cmp compare[HS_CONDITIONS];
	unsigned int n = 0;

	for (unsigned int i = 0; i < HS_CONDITIONS && rule->condition[i].mask; i++) {
		const struct hs_condition *c = &rule->condition[i];

		compare[n++] = (struct scmp_arg_cmp){
			.arg = c->arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = c->mask,
			.datum_b = c->self ? (uint64_t)self : c->value,
		};
	}
	return seccomp_rule_add_array(filter, action, rule->call, n, compare);
}

static int map_program(scmp_filter_ctx filter, struct sock_fprog *program)
{
	int fd = memfd_create("filter", MFD_CLOEXEC), ret;
	void *map;
	off_t bytes;

	if (fd < 0)
		return -errno;
	ret = seccomp_export_bpf(filter, fd);
	if (ret < 0)
		goto out;
	bytes = lseek(fd, 0, SEEK_END);
	ret = -EINVAL;
	if (bytes <= 0 || (size_t)bytes > BPF_MAXINSNS * sizeof(struct sock_filter))
		goto out;
	map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	ret = map == MAP_FAILED ? -errno : 0;
	if (!ret) {
		program->filter = map;
		program->len = (unsigned short)((size_t)bytes / sizeof(struct sock_filter));
	}
out:
	close(fd);
	return ret;
}

int hs_rules_program(const struct hs_rule *rules, size_t n, unsigned int kinds, unsigned int needs,
		     pid_t self, struct sock_fprog *program)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = filter ? 0 : -ENOMEM;

	/* Calls of 32-bit programs and of x32 */
	if (!ret)
		ret = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* First, as a guest's exits are such. */
	if (!ret)
		ret = seccomp_syscall_priority(filter, SCMP_SYS(ioctl), 255);
	for (size_t i = 0; i < n && !ret; i++)
		if (rules[i].kinds & kinds && (!rules[i].needs || rules[i].needs & needs))
			ret = add_rule(filter, &rules[i], self);
	if (!ret)
		ret = map_program(filter, program);
	if (filter)
		seccomp_release(filter);
	return ret;
}
