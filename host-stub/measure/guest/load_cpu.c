// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loads of CPUs, clocks and memory. Contract: load.h. The first CPU works, others
 * are what it works on: a thread each, bound to its CPU.
 */

#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include "load.h"

#define MOST_CPUS	64
#define PAGE		4096

struct crew {
	pthread_t threads[MOST_CPUS];
	unsigned int count;
	atomic_uint ready;
	atomic_bool stop;
	unsigned int todo;	/* of each, if it counts */
};

static struct crew crew;

static int bind_to(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static unsigned int cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > MOST_CPUS ? MOST_CPUS : (unsigned int)n;
}

/*
 * How many CPUs there are to work on. Of three or more one is left out: Linux reaches
 * all others at once by one write, whatever the host offers; some of them, it does not.
 */
static unsigned int others(void)
{
	unsigned int n = cpus() - 1;

	return n > 2 ? n - 1 : n;
}

/* A thread on each of n CPUs behind the first, which this one gets. 0 when all are ready. */
static int start(void *(*what)(void *), unsigned int n)
{
	int err = bind_to(0);

	crew.count = 0;
	atomic_store(&crew.ready, 0);
	atomic_store(&crew.stop, false);
	for (unsigned int cpu = 1; !err && cpu <= n; cpu++) {
		err = -pthread_create(&crew.threads[crew.count], NULL, what,
				      (void *)(uintptr_t)cpu);
		crew.count += !err;
	}
	while (!err && atomic_load(&crew.ready) < crew.count)
		sched_yield();
	return err;
}

static void end(void)
{
	atomic_store(&crew.stop, true);
	for (unsigned int i = 0; i < crew.count; i++)
		pthread_join(crew.threads[i], NULL);
	crew.count = 0;
}

static int need_two(void)
{
	if (cpus() > 1)
		return 0;
	snprintf(load_why, sizeof(load_why), "needs two CPUs");
	return -ENODEV;
}

/* --- IPIs ------------------------------------------------------------------------ */

/* A timer of the time of day makes its CPU one that is told when the clock is set. */
static void *sleep_by_the_clock(void *cpu)
{
	struct timespec t;

	bind_to((unsigned int)(uintptr_t)cpu);
	while (!atomic_load(&crew.stop)) {
		clock_gettime(CLOCK_REALTIME, &t);
		/* soon, so that no other timer of that CPU is before it */
		t.tv_nsec += 50000000;
		t.tv_sec += t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		atomic_fetch_add(&crew.ready, 1);
		clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
	}
	return NULL;
}

int load_ipi(unsigned int n)
{
	struct timespec t;
	int err = need_two();

	if (!err)
		err = start(sleep_by_the_clock, others());
	if (err)
		return err;
	usleep(20000);	/* they have said that they sleep soon */
	load_begin();
	for (unsigned int i = 0; i < n && !err; i++) {
		/* forward, as only a timer that ends earlier concerns its CPU */
		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += 1000000;
		t.tv_sec += t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		if (clock_settime(CLOCK_REALTIME, &t))
			err = -errno;
	}
	load_end();
	end();
	return err;
}

/* --- TLB flushes ------------------------------------------------------------------- */

static volatile unsigned char *flushed;

static void *run_and_read(void *cpu)
{
	bind_to((unsigned int)(uintptr_t)cpu);
	atomic_fetch_add(&crew.ready, 1);
	while (!atomic_load_explicit(&crew.stop, memory_order_relaxed))
		(void)*flushed;
	return NULL;
}

int load_tlb(unsigned int n)
{
	int err = need_two();
	void *page;

	if (err)
		return err;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	flushed = page;
	*flushed = 1;
	err = start(run_and_read, others());
	if (!err) {
		load_begin();
		for (unsigned int i = 0; i < n; i++) {
			/* the way there takes a right away, so it must reach all */
			mprotect(page, PAGE, PROT_READ);
			mprotect(page, PAGE, PROT_READ | PROT_WRITE);
			*flushed = 1;
		}
		load_end();
	}
	end();
	munmap(page, PAGE);
	return err;
}

/* --- clocks ------------------------------------------------------------------------ */

int load_timer(unsigned int n)
{
	struct timespec t = { .tv_nsec = 100000 };
	int err = bind_to(0);

	if (err)
		return err;
	load_begin();
	for (unsigned int i = 0; i < n; i++)
		nanosleep(&t, NULL);
	load_end();
	return 0;
}

int load_clock(unsigned int n)
{
	struct timespec t;
	int err = bind_to(0);

	if (err)
		return err;
	load_begin();
	for (unsigned int i = 0; i < n; i++)
		clock_gettime(CLOCK_MONOTONIC, &t);
	load_end();
	return 0;
}

/* --- processes --------------------------------------------------------------------- */

static int ping_pong(unsigned int n, unsigned int other)
{
	int there[2], back[2];
	int err = bind_to(0);
	char byte = 0;
	pid_t child;

	if (err)
		return err;
	if (pipe(there))
		return -errno;
	if (pipe(back)) {
		err = -errno;
		goto close_there;
	}
	child = fork();
	if (child < 0) {
		err = -errno;
		goto close_back;
	}
	if (!child) {
		close(there[1]);
		bind_to(other);
		while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
			;
		_exit(0);
	}
	/* once not counted: the child is where it belongs */
	if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
		err = -EIO;
	if (!err) {
		load_begin();
		for (unsigned int i = 0; i < n && !err; i++)
			if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
				err = -EIO;
		load_end();
	}
	close(there[1]);
	there[1] = -1;
	waitpid(child, NULL, 0);
close_back:
	close(back[0]);
	close(back[1]);
close_there:
	close(there[0]);
	if (there[1] >= 0)
		close(there[1]);
	return err;
}

int load_wake(unsigned int n)
{
	int err = need_two();

	return err ? err : ping_pong(n, 1);
}

int load_switch(unsigned int n)
{
	return ping_pong(n, 0);
}

/* --- a lock ------------------------------------------------------------------------ */

/* All threads of a program share a table of files, which has one lock. */
static void hammer(unsigned int n)
{
	int fd;

	for (unsigned int i = 0; i < n; i++) {
		fd = dup(0);
		if (fd >= 0)
			close(fd);
	}
}

static void *hammer_thread(void *cpu)
{
	struct timespec t = { .tv_nsec = 1000000 };

	bind_to((unsigned int)(uintptr_t)cpu);
	atomic_fetch_add(&crew.ready, 1);
	while (!atomic_load(&crew.stop))
		nanosleep(&t, NULL);
	hammer(crew.todo);
	return NULL;
}

int load_lock(unsigned int n)
{
	int err = need_two();

	crew.todo = n / cpus();
	if (!err)
		err = start(hammer_thread, cpus() - 1);
	if (err)
		return err;
	load_begin();
	atomic_store(&crew.stop, true);
	hammer(crew.todo);
	end();
	load_end();
	return 0;
}

/* --- memory ------------------------------------------------------------------------ */

int load_fault(unsigned int n)
{
	const unsigned int most = 4096;	/* pages at a time: 16 MiB */
	unsigned int done = 0;
	unsigned int i, now;
	int err = bind_to(0);
	char *area;

	if (err)
		return err;
	load_begin();
	while (done < n && !err) {
		now = n - done < most ? n - done : most;
		area = mmap(NULL, (size_t)now * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (area == MAP_FAILED) {
			err = -errno;
			break;
		}
		for (i = 0; i < now; i++)
			area[(size_t)i * PAGE] = 1;
		munmap(area, (size_t)now * PAGE);
		done += now;
	}
	load_end();
	return err;
}

int load_cpuid(unsigned int n)
{
	unsigned int a, b, c, d;
	int err = bind_to(0);

	if (err)
		return err;
	load_begin();
	for (unsigned int i = 0; i < n; i++)
		__cpuid(0, a, b, c, d);
	load_end();
	return 0;
}
