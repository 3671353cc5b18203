// SPDX-License-Identifier: BSD-2-Clause
/*
 * cpuid-run SITES DUMP PROGRAM [ARGS] - runs an unchanged program that sees a recorded
 * machine's hypervisor bit and leaves. Every CPUID instruction of SITES (lines
 * "FILE ADDRESS", from objdump) becomes a breakpoint once the program and its libraries
 * are loaded; there the answer is put into the registers: leaf 0, the
 * hypervisor bit of leaf 1, leaf 0x21 and all from 0x40000000 on are the dump's, the
 * rest is this processor's. Xen's and PVM's prefixes are answered where the dump has
 * them. Exit status: the program's; 125 for a fault of this one.
 */
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hypercall/detect/dump/dump.h"

#define SITES	256

static struct dump dump;
static pid_t child;
static unsigned long site[SITES];
static unsigned int sites;

static void fail(const char *what)
{
	fprintf(stderr, "cpuid-run: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void set_regs(struct user_regs_struct *u, const struct pvk_cpuid_regs *r)
{
	u->rax = r->eax;
	u->rbx = r->ebx;
	u->rcx = r->ecx;
	u->rdx = r->edx;
	if (ptrace(PTRACE_SETREGS, child, NULL, u))
		fail("PTRACE_SETREGS");
}

static void answer(uint32_t leaf, uint32_t sub, struct pvk_cpuid_regs *r)
{
	const struct pvk_cpuid_regs *known = dump_find(&dump, PVK_VIA_CPUID, leaf);

	__cpuid_count(leaf, sub, r->eax, r->ebx, r->ecx, r->edx);
	if (leaf == 1 && known)
		r->ecx = (r->ecx & 0x7fffffffu) | (known->ecx & 0x80000000u);
	else if (leaf >> 28 == 4)
		*r = known ? *known : (struct pvk_cpuid_regs){ 0, 0, 0, 0 };
	else if (known && (!leaf || leaf == 0x21))
		*r = *known;
}

/* A byte more or less there; the word around it is kept. */
static void poke(unsigned long at, unsigned char byte, unsigned char *old)
{
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, child, (void *)at, NULL);
	if (errno)
		fail("PTRACE_PEEKTEXT");
	if (old)
		*old = (unsigned char)word;
	if (ptrace(PTRACE_POKETEXT, child, (void *)at, (void *)((word & ~0xffl) | byte)))
		fail("PTRACE_POKETEXT");
}

static unsigned long entry_point(void)
{
	char path[64];
	Elf64_auxv_t a;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/auxv", child);
	f = fopen(path, "r");
	if (!f)
		fail(path);
	while (fread(&a, sizeof(a), 1, f) == 1 && a.a_type != AT_NULL)
		if (a.a_type == AT_ENTRY) {
			fclose(f);
			return a.a_un.a_val;
		}
	fail("no entry point");
	return 0;
}

/* Plants the breakpoints of one mapped file. */
static void plant(const char *table, const char *file, unsigned long base)
{
	char path[512];
	unsigned long at;
	FILE *f = fopen(table, "r");

	if (!f)
		fail(table);
	while (fscanf(f, "%511s %lx", path, &at) == 2)
		if (!strcmp(path, file) && sites < SITES) {
			site[sites++] = base + at;
			poke(base + at, 0xcc, NULL);
		}
	fclose(f);
}

static void plant_all(const char *table)
{
	char path[64], line[1024], file[512];
	unsigned long base, offset;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", child);
	f = fopen(path, "r");
	if (!f)
		fail(path);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%*x %*s %lx %*s %*s %511s", &base, &offset, file) == 3 &&
		    !offset && file[0] == '/')
			plant(table, file, base);
	fclose(f);
}

/* A prefix that the dump answers: true, and the program goes on behind it. */
static bool prefixed(struct user_regs_struct *u, enum pvk_via via, const char *bytes, size_t len)
{
	const struct pvk_cpuid_regs *r;
	struct pvk_cpuid_regs none = { 0, 0, 0, 0 };

	if (!dump.has[via])
		return false;
	for (size_t i = 0; i < len; i++) {
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKTEXT, child, (void *)(u->rip + i), NULL);
		if (errno || (char)word != bytes[i])
			return false;
	}
	r = dump_find(&dump, via, (uint32_t)u->rax);
	u->rip += len;
	set_regs(u, r ? r : &none);
	return true;
}

/* The signal that the program gets, 0 for none */
static int stopped(int sig)
{
	struct user_regs_struct u;

	if (ptrace(PTRACE_GETREGS, child, NULL, &u))
		fail("PTRACE_GETREGS");
	for (unsigned int i = 0; sig == SIGTRAP && i < sites; i++)
		if (u.rip == site[i] + 1) {
			struct pvk_cpuid_regs r;

			answer((uint32_t)u.rax, (uint32_t)u.rcx, &r);
			u.rip = site[i] + 2;
			set_regs(&u, &r);
			return 0;
		}
	/* the prefix's own CPUID is a site, too: its first byte is a breakpoint by now */
	if (sig == SIGILL && prefixed(&u, PVK_VIA_XEN, "\x0f\x0bxen", 5)) {
		u.rip += 2;
		ptrace(PTRACE_SETREGS, child, NULL, &u);
		return 0;
	}
	if (sig == SIGSEGV && prefixed(&u, PVK_VIA_PVM, "\x0f\x01\x3c\x25\x50\x56\x4d\xff", 8)) {
		u.rip += 2;
		ptrace(PTRACE_SETREGS, child, NULL, &u);
		return 0;
	}
	return sig;
}

static int wait_stop(void)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		fail("waitpid");
	if (WIFEXITED(status))
		exit(WEXITSTATUS(status));
	if (WIFSIGNALED(status))
		exit(128 + WTERMSIG(status));
	return WSTOPSIG(status);
}

int main(int argc, char **argv)
{
	struct user_regs_struct u;
	unsigned long entry;
	unsigned char old;
	unsigned int line;
	FILE *f;
	int sig;

	if (argc < 4) {
		fprintf(stderr, "usage: cpuid-run SITES DUMP PROGRAM [ARGS]\n");
		return 125;
	}
	f = fopen(argv[2], "r");
	if (!f || dump_read(&dump, f, &line))
		fail(argv[2]);
	fclose(f);
	child = fork();
	if (child < 0)
		fail("fork");
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[3], argv + 3);
		fail(argv[3]);
	}
	wait_stop();
	ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_EXITKILL);
	entry = entry_point();
	poke(entry, 0xcc, &old);
	ptrace(PTRACE_CONT, child, NULL, NULL);
	while ((sig = wait_stop()) != SIGTRAP)
		ptrace(PTRACE_CONT, child, NULL, (void *)(long)sig);
	poke(entry, old, NULL);
	if (ptrace(PTRACE_GETREGS, child, NULL, &u))
		fail("PTRACE_GETREGS");
	u.rip = entry;
	ptrace(PTRACE_SETREGS, child, NULL, &u);
	plant_all(argv[1]);
	for (sig = 0;;) {
		ptrace(PTRACE_CONT, child, NULL, (void *)(long)sig);
		sig = stopped(wait_stop());
	}
}
