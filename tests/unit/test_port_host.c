// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library's sessions, console, power, CPUs and unused memory, against
 * the host stub's real handlers, and against a host that lies.
 */
/* MSAN: no: what it asks is the guest's half */
/* LINK: PV hypercall/port/host.c hypercall/port/bus.c hypercall/port/console.c hypercall/port/power.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port_host.h"
#include "hypercall/port/bus.h"
#include "hypercall/port/console.h"
#include "hypercall/port/power.h"

static struct pvp_host host;

/* ---- sessions ---- */

static void both_sessions_are_opened(void **state)
{
	(void)state;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	assert_int_equal(host.active, PV_ALL | PLATFORM);
	assert_int_equal(pvp_call(&host, PVK_CALL_POWER_REQUEST, 0, 0, 0, 0), PVK_POWER_NONE);
	assert_int_equal(pvp_bus_devices(&host), 3);
	pvp_close(&host);
	assert_int_equal(pv_call(PVK_CALL_LEAVE, 0, 0, 0), -PVK_EPERM);
	assert_int_equal(pv_call(PVK_CALL_PLATFORM_LEAVE, 0, 0, 0), -PVK_EPERM);
	pvp_close(&host);
	fake_os.port_call = NULL;	/* no call is made any more */
	assert_int_equal(pvp_call(&host, PVK_CALL_NOP, 0, 0, 0, 0), -PVK_EPERM);
	assert_int_equal(pvp_bus_devices(&host), -PVK_EPERM);
}

static void only_what_is_wanted_and_offered(void **state)
{
	(void)state;
	fake.config.pv_offer = PVK_FEAT_EVENT | PVK_FEAT_POWER;
	assert_int_equal(pvp_open(&host, PVK_FEAT_POWER | PVK_FEAT_SMP), 0);
	assert_int_equal(host.active, PVK_FEAT_POWER);
	pvp_close(&host);
	assert_int_equal(pvp_open(&host, PVK_FEAT_BUS), -PVK_ENOENT);
	fake.config.pv_offer = PV_ALL;
	assert_int_equal(pvp_open(&host, PVK_FEAT_UNPLUG), -PVK_ENOENT);
}

static void no_host(uint32_t leaf, struct pvk_cpuid_regs *out)
{
	(void)leaf;
	memset(out, 0, sizeof(*out));
}

static void another_version(uint32_t leaf, struct pvk_cpuid_regs *out)
{
	stub_cpuid(leaf, out);
	if (leaf == 0x40000101u)
		out->eax += PVK_VERSION(1, 0);
}

static void bad_ports(uint32_t leaf, struct pvk_cpuid_regs *out)
{
	stub_cpuid(leaf, out);
	if (leaf == 0x40000103u)
		out->ebx = 0x10000;
}

static void hosts_that_are_none_are_refused(void **state)
{
	(void)state;
	fake_os.cpuid = no_host;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), -PVK_ENOENT);
	fake_os.cpuid = another_version;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), -PVK_EVERSION);
	fake_os.cpuid = bad_ports;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), -PVK_EPROTO);
	assert_int_equal(fake_os.allocs, 0);
}

static void no_memory_is_an_error(void **state)
{
	(void)state;
	fake_os.fail_at = 1;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), -PVP_ENOMEM);
	pvp_close(&host);
}

static int64_t more_than_accepted(uint32_t number, const uint64_t *arg, int64_t status)
{
	struct pvk_negotiate *n = number == PVK_CALL_NEGOTIATE ? fake_os_at(arg[0], arg[1]) : NULL;

	if (n)
		n->active |= 1ull << 31;
	return status;
}

static int64_t a_positive_session(uint32_t number, const uint64_t *arg, int64_t status)
{
	(void)arg;
	return number == PVK_CALL_PLATFORM_NEGOTIATE ? 7 : status;
}

static int64_t never_ready(uint32_t number, const uint64_t *arg, int64_t status)
{
	(void)arg;
	return number == PVK_CALL_NOP ? -PVK_EAGAIN : status;
}

static int64_t unheard_of(uint32_t number, const uint64_t *arg, int64_t status)
{
	(void)arg;
	return number == PVK_CALL_NOP ? -4000 : status;
}

static int64_t too_much(uint32_t number, const uint64_t *arg, int64_t status)
{
	(void)arg;
	return number == PVK_CALL_NOP ? 1ll << 40 : status;
}

static void lies_about_a_session_are_not_believed(void **state)
{
	(void)state;
	lie = more_than_accepted;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), -PVK_EPROTO);
	lie = a_positive_session;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), -PVK_EPROTO);
	assert_int_equal(fake_os.logs, 2);
}

static void answers_are_held_to_the_contract(void **state)
{
	(void)state;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	assert_int_equal(pvp_call(&host, PVK_CALL_NOP, 0, 0, 0, 0), 0);
	assert_int_equal(pvp_call(&host, 0x999, 0, 0, 0, 0), -PVK_ENOSYS);
	lie = unheard_of;
	assert_int_equal(pvp_call(&host, PVK_CALL_NOP, 0, 0, 0, 0), -PVK_EIO);
	lie = too_much;
	assert_int_equal(pvp_call(&host, PVK_CALL_NOP, 0, 0, 0, 0), -PVK_EIO);
	lie = never_ready;
	fake_os.relax = NULL;
	assert_int_equal(pvp_call(&host, PVK_CALL_NOP, 0, 0, 0, 0), -PVK_EAGAIN);
	assert_true(fake_os.relaxed > 1000);	/* repeated, and not for ever */
	pvp_close(&host);
}

static void structures_have_bounds(void **state)
{
	uint8_t big[PVP_PAGE + 8] = { 0 };

	(void)state;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	assert_int_equal(pvp_call_struct(&host, PVK_CALL_BUS_INFO, NULL, 0, big, sizeof(big)),
			 -PVK_EINVAL);
	assert_int_equal(pvp_call_struct(&host, PVK_CALL_BUS_INFO, NULL, 3, big, 16), -PVK_EINVAL);
	pvp_close(&host);
}

static void events_are_bound(void **state)
{
	(void)state;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	assert_int_equal(pvp_bind(&host, 3, 1, 0x41), 0);
	assert_true(fake.irq.message[3].bound);
	assert_int_equal(fake.irq.message[3].address, 0xfee01000);
	assert_int_equal(fake.irq.message[3].data, 0x41);
	assert_int_equal(pvp_bind(&host, 3, 1, 15), -PVK_EINVAL);
	assert_int_equal(pvp_bind(&host, 3, 256, 0x41), -PVK_EINVAL);
	assert_int_equal(pvp_bind(&host, 100000, 0, 0x41), -PVK_EINVAL);
	pvp_close(&host);
}

/* ---- power, CPUs, memory ---- */

static void power_is_a_call(void **state)
{
	char text[PVK_POWER_TEXT + 100];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(pvp_open(&host, PVK_FEAT_BUS), 0);
	assert_int_equal(pvp_power(&host, PVK_POWER_OFF, 0, 0, "no"), -PVK_ENOTSUP);
	assert_int_equal(pvp_power_request(&host), -PVK_ENOTSUP);
	pvp_close(&host);
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	assert_int_equal(pvp_power(&host, 99, 0, 0, NULL), -PVK_EINVAL);
	assert_int_equal(fake.stops[HS_STOP_POWEROFF], 0);
	assert_int_equal(pvp_power(&host, PVK_POWER_OFF, 0, 3, text), 0);
	assert_int_equal(pvp_power_request(&host), PVK_POWER_NONE);
	pvp_close(&host);
}

static void cpus_are_started(void **state)
{
	struct pvk_cpu_start s = { .apic_id = 1, .cs = 8, .ds = 16, .rip = 0x1000, .rsp = 0x2000,
				   .cr3 = 0x3000 };

	(void)state;
	fake_cpu.own = 0;
	assert_int_equal(pvp_open(&host, PVK_FEAT_BUS), 0);
	assert_int_equal(pvp_cpu_start(&host, &s), -PVK_ENOTSUP);
	pvp_close(&host);
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	assert_int_equal(pvp_cpu_start(&host, &s), 0);
	assert_int_equal(fake_cpu.restarts[1], 1);
	s.apic_id = 9;
	assert_int_equal(pvp_cpu_start(&host, &s), -PVK_ENOENT);
	s.apic_id = 0;
	assert_int_equal(pvp_cpu_start(&host, &s), -PVK_EINVAL);
	pvp_close(&host);
}

/* A host whose time is over after each block, and those that count wrongly. */
static unsigned int reports;
static uint64_t reported[2];	/* arguments of the last call */

static int64_t one_a_call(uint32_t number, const uint64_t *arg, int64_t status)
{
	if (number != PVK_CALL_MEM_REPORT || status < 0)
		return status;
	reports++;
	reported[0] = arg[0];
	reported[1] = arg[1];
	return 1;
}

static int64_t none_a_call(uint32_t number, const uint64_t *arg, int64_t status)
{
	(void)arg;
	return number == PVK_CALL_MEM_REPORT ? 0 : status;
}

static int64_t one_too_many(uint32_t number, const uint64_t *arg, int64_t status)
{
	return number == PVK_CALL_MEM_REPORT ? (int64_t)arg[1] + 1 : status;
}

static void memory_is_reported(void **state)
{
	const __u64 good[2] = { 0x800000, 0x900000 | 2 }, bad[1] = { 1ull << 40 };

	(void)state;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	*(uint8_t *)fake_ram(0x900000, 1) = 5;
	assert_int_equal(pvp_mem_report(&host, good, 2), 0);
	assert_int_equal(*(uint8_t *)fake_ram(0x900000, 1), 0);
	assert_int_equal(pvp_mem_report(&host, bad, 1), -PVK_EFAULT);
	assert_int_equal(pvp_mem_report(&host, good, 0), -PVK_EINVAL);
	assert_int_equal(pvp_mem_report(&host, good, PVK_MEM_REPORT_MAX + 1), -PVK_EINVAL);
	lie = one_a_call;
	assert_int_equal(pvp_mem_report(&host, good, 2), 0);
	assert_int_equal(reports, 2);
	assert_int_equal(reported[0], host.page_gpa + sizeof(good[0]));
	assert_int_equal(reported[1], 1);
	lie = none_a_call;
	assert_int_equal(pvp_mem_report(&host, good, 2), -PVK_EIO);
	lie = one_too_many;
	assert_int_equal(pvp_mem_report(&host, good, 2), -PVK_EIO);
	lie = NULL;
	pvp_close(&host);
}

/* ---- console ---- */

static struct pvp_console console;

static void what_is_put_is_seen(void **state)
{
	char line[5000], *p = line;

	(void)state;
	for (unsigned int i = 0; i < sizeof(line); i++)
		line[i] = (char)('a' + i % 23);
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	assert_int_equal(pvp_console_open(&console, &host), 0);
	/* more than the ring has: the host is waited for */
	pvp_console_put(&console, p, sizeof(line));
	assert_int_equal(pvp_console_flush(&console), 0);
	assert_int_equal(fake_con.len, sizeof(line));
	assert_memory_equal(fake_con.text, line, sizeof(line));
	pvp_console_close(&console);
	pvp_console_put(&console, p, 5);		/* closed: nothing happens */
	assert_int_equal(pvp_console_get(&console, p, 5), 0);
	pvp_close(&host);
}

static void a_full_console_is_given_up(void **state)
{
	char line[8192] = { 0 };

	(void)state;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	assert_int_equal(pvp_console_open(&console, &host), 0);
	fake_os.relax = NULL;
	fake_con.room = 100;
	pvp_console_put(&console, line, sizeof(line));	/* returns */
	assert_int_equal(fake_con.len, 100);
	fake_con.room = sizeof(fake_con.text);
	pvp_console_close(&console);
	pvp_close(&host);
}

static void impossible_numbers_are_nothing(void **state)
{
	uint8_t buffer[600];

	(void)state;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	assert_int_equal(pvp_console_open(&console, &host), 0);
	console.shared->in_head = 3;
	((uint8_t *)(console.shared + 1))[PVP_CONSOLE_OUT + 1] = 'y';
	assert_int_equal(pvp_console_get(&console, buffer, 2), 2);
	assert_int_equal(buffer[1], 'y');
	assert_int_equal(pvp_console_get(&console, buffer, 2), 1);
	console.shared->in_head = PVP_CONSOLE_IN + 50;
	assert_int_equal(pvp_console_get(&console, buffer, sizeof(buffer)), 0);
	console.shared->in_head = 1;
	assert_int_equal(pvp_console_get(&console, buffer, sizeof(buffer)), 0);
	pvp_console_close(&console);
	pvp_close(&host);
}

/* As a host that refuses: what it set up is undone before the library hears of it. */
static int64_t no_setup(uint32_t number, const uint64_t *arg, int64_t status)
{
	struct pvk_console_setup none = { .size = sizeof(none) };

	(void)arg;
	if (number != PVK_CALL_CONSOLE_SETUP)
		return status;
	assert_int_equal(pv_struct(PVK_CALL_CONSOLE_SETUP, &none, sizeof(none)), 0);
	return -PVK_EFAULT;
}

static void a_refused_console_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(pvp_open(&host, PVK_FEAT_BUS), 0);
	assert_int_equal(pvp_console_open(&console, &host), -PVK_ENOTSUP);
	pvp_close(&host);
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	lie = no_setup;
	assert_int_equal(pvp_console_open(&console, &host), -PVK_EFAULT);
	lie = NULL;
	fake_os.fail_at = fake_os.allocs + 1;
	assert_int_equal(pvp_console_open(&console, &host), -PVP_ENOMEM);
	pvp_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(both_sessions_are_opened),
		CASE(only_what_is_wanted_and_offered),
		CASE(hosts_that_are_none_are_refused),
		CASE(no_memory_is_an_error),
		CASE(lies_about_a_session_are_not_believed),
		CASE(answers_are_held_to_the_contract),
		CASE(structures_have_bounds),
		CASE(events_are_bound),
		CASE(power_is_a_call),
		CASE(cpus_are_started),
		CASE(memory_is_reported),
		CASE(what_is_put_is_seen),
		CASE(a_full_console_is_given_up),
		CASE(impossible_numbers_are_nothing),
		CASE(a_refused_console_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
