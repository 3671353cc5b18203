// SPDX-License-Identifier: BSD-2-Clause
/*
 * load - the /init of guests of pvkit measure --ablate: small loads, each of
 * which exercises a paravirtual feature, a pair of marks around each.
 *
 * Environment, from the kernel's command line: PVM_LOADS=NAME:N,... says which
 * and how many operations of each. Mark 1 is the program's first act, 2 stands
 * before the loads; 3 is the last, before the machine is switched off. The load at place
 * i of the list has the marks 10 + 2 i and the next. A tracer that reads its counters at a mark
 * takes a while, so the guest waits; 128 + i stands behind the first wait, for who is exact.
 * Modules in /modules are loaded in the order of their names.
 *
 * Lines on the console, each printed outside of what is counted:
 *	PVM-FACT NAME VALUE	something worth recording
 *	PVM-LOAD NAME I N NS	the load at place I did N operations in NS
 *	PVM-NONE NAME WHY	it does not apply here
 *	PVM-FAIL WHY		nothing further is measured
 *	PVM-DONE		all is well
 *
 * Build: gcc -static -pthread, as the guest has no libraries.
 */

#define _GNU_SOURCE
#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "../../emu/emu.h"
#include "load.h"

#define SETTLE_NS	60000000	/* for a tracer that reads its counters at a mark */
#define SETTLE_BOOT	4		/* times as long after the first one */
#define FIRST_MARK	10
#define EXACT_MARK	128		/* no tracer looks at these */
#define MOST_LOADS	50

static const struct {
	const char *name;
	int (*run)(unsigned int n);
} loads[] = {
	{ "ipi", load_ipi }, { "tlb", load_tlb }, { "timer", load_timer },
	{ "clock", load_clock }, { "wake", load_wake }, { "switch", load_switch },
	{ "lock", load_lock }, { "fault", load_fault }, { "cpuid", load_cpuid },
	{ "console", load_console }, { "seed", load_seed }, { "block", load_block },
	{ "net", load_net },
};

char load_why[128];

static int port = -1;
static unsigned int place;	/* of the load that runs */
static uint64_t began, ended;

static void mark_only(unsigned char value)
{
	(void)!pwrite(port, &value, 1, HS_PORT_MARK);
}

static void mark(unsigned char value)
{
	struct timespec settle = { .tv_nsec = SETTLE_NS };

	mark_only(value);
	nanosleep(&settle, NULL);
}

uint64_t load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void load_begin(void)
{
	mark((unsigned char)(FIRST_MARK + 2 * place));
	began = load_now();
	mark_only((unsigned char)(EXACT_MARK + place));
}

void load_end(void)
{
	ended = load_now();
	mark((unsigned char)(FIRST_MARK + 2 * place + 1));
}

__attribute__((noreturn)) static void finish(const char *word, const char *why)
{
	printf("%s%s%s\n", word, *why ? " " : "", why);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	mark(3);
	sync();
	reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);	/* a machine that cannot switch off */
	for (;;)
		pause();
}

/* The modules in /modules, in the order of their names: pvk_blk needs pvk_core. */
static void load_modules(void)
{
	struct dirent **names;
	char path[300];
	int fd;
	int n;

	n = scandir("/modules", &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/modules/%s", names[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
			printf("PVM-FACT module %s: %s\n", names[i]->d_name, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
}

static void facts(void)
{
	char text[128] = "";
	unsigned int a, b, c, d;
	ssize_t n;
	int fd;

	fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (n > 0)
		text[n] = '\0';
	if (fd >= 0)
		close(fd);
	printf("PVM-FACT clocksource %s\n", strtok(text, "\n") ? text : "?");
	__cpuid(0x40000001, a, b, c, d);
	printf("PVM-FACT kvm 0x%08x\n", a);
	printf("PVM-FACT cpus %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
}

/* One load of the list, "NAME:N". */
static void one(char *word)
{
	char *number = strchr(word, ':');
	unsigned long n = number ? strtoul(number + 1, NULL, 10) : 0;
	int err;

	if (!n || n > 10000000)
		finish("PVM-FAIL", "PVM_LOADS is not NAME:N,...");
	*number = '\0';
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (strcmp(loads[i].name, word))
			continue;
		load_why[0] = '\0';
		ended = 0;
		err = loads[i].run((unsigned int)n);
		if (err)
			printf("PVM-NONE %s %s\n", word, *load_why ? load_why : strerror(-err));
		else
			printf("PVM-LOAD %s %u %lu %llu\n", word, place, n,
			       (unsigned long long)(ended - began));
		fflush(stdout);
		return;
	}
	finish("PVM-FAIL no such load:", word);
}

int main(void)
{
	char *list = getenv("PVM_LOADS");
	int fd;

	mknod("/mark.port", S_IFCHR | 0600, makedev(1, 4));
	port = open("/mark.port", O_WRONLY | O_CLOEXEC);
	for (int i = 0; i < SETTLE_BOOT; i++)
		mark(1);	/* the first one counts */
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	fd = open("/dev/console", O_RDWR);
	for (int i = 0; i < 3 && fd >= 0; i++)
		dup2(fd, i);
	if (port < 0)
		finish("PVM-FAIL", "/dev/port cannot be opened");
	load_modules();
	facts();
	fflush(stdout);
	mark(2);
	for (char *word = strtok(list, ","); word && place < MOST_LOADS; place++) {
		char *next = strtok(NULL, ",");

		one(word);
		word = next;
	}
	finish("PVM-DONE", "");
}
