// SPDX-License-Identifier: BSD-2-Clause
/*
 * The platform's session and its features (abi/call.h, power.h, smp.h,
 * console.h, mem.h) against the host stub's handlers, guest and host in one process.
 */
/* LINK: PV */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FAKE_IDE
#include "fake_vm.h"
#include "fake_net.h"
#include "pv_guest.h"

#define PLATFORM	(PVK_FEAT_INFO | PVK_FEAT_POWER | PVK_FEAT_SMP | PVK_FEAT_CONSOLE | \
			 PVK_FEAT_MEM)
#define RING		0x40000ull	/* the console's memory */
#define FIXED(channel)	fake.irq.message[64 + (channel) - PVK_CHANNEL_PLATFORM]

static int power_on(void **state)
{
	(void)state;
	fake.config.pv_offer = PV_ALL | PLATFORM;
	fake.config.vcpus = 2;
	if (fake_create() || hs_pv_create(&fake.vm))
		return -1;
	fake_platform_create(&fake.vm);
	return 0;
}

static int power_off(void **state)
{
	(void)state;
	fake_destroy();
	return 0;
}

static int64_t platform(uint64_t accept)
{
	struct pvk_negotiate n = { .size = sizeof(n),
				   .version = PVK_ABI_VERSION,
				   .accept = accept };

	return pv_struct(PVK_CALL_PLATFORM_NEGOTIATE, &n, sizeof(n));
}

/* ---- sessions ---- */

static void each_session_takes_its_own_features(void **state)
{
	(void)state;
	assert_int_equal(pv_negotiate(PVK_FEAT_POWER), -PVK_EINVAL);
	assert_int_equal(platform(PVK_FEAT_EVENT), -PVK_EINVAL);
	assert_int_equal(platform(1ull << 63), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_POWER_REQUEST, 0, 0, 0), -PVK_EPERM);
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(platform(PLATFORM), 0);
	fake.config.pv_offer = PV_ALL | PVK_FEAT_POWER;
	assert_int_equal(platform(PVK_FEAT_SMP), -PVK_EINVAL);
	assert_int_equal(platform(PVK_FEAT_POWER), 0);
}

static void modules_come_and_go_beside_the_platform(void **state)
{
	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	assert_int_equal(pv_bind(PVK_CHANNEL_POWER, 0x50), 0);
	assert_int_equal(pv_bind(3, 0x51), -PVK_EPERM);
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_bind(3, 0x51), 0);
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_false(fake.irq.message[3].bound);
	assert_true(FIXED(PVK_CHANNEL_POWER).bound);
	assert_int_equal(pv_call(PVK_CALL_LEAVE, 0, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_LEAVE, 0, 0, 0), -PVK_EPERM);
	assert_int_equal(pv_call(PVK_CALL_POWER_REQUEST, 0, 0, 0), PVK_POWER_NONE);
	assert_true(FIXED(PVK_CHANNEL_POWER).bound);
	assert_int_equal(pv_call(PVK_CALL_PLATFORM_LEAVE, 0, 0, 0), 0);
	assert_false(FIXED(PVK_CHANNEL_POWER).bound);
	assert_int_equal(pv_call(PVK_CALL_PLATFORM_LEAVE, 0, 0, 0), -PVK_EPERM);
}

static void a_new_kernel_begins_clean(void **state)
{
	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_bind(PVK_CHANNEL_CONSOLE, 0x50), 0);
	assert_int_equal(pv_bind(7, 0x51), 0);
	assert_int_equal(platform(PVK_FEAT_POWER), 0);
	assert_false(FIXED(PVK_CHANNEL_CONSOLE).bound);
	assert_false(fake.irq.message[7].bound);
	assert_int_equal(pv_call(PVK_CALL_BUS_INFO, PV_STRUCTS, 16, 0), -PVK_EPERM);
	assert_int_equal(pv_call(PVK_CALL_CONSOLE_FLUSH, 0, 0, 0), -PVK_EPERM);
}

static void platform_calls_need_their_feature(void **state)
{
	static const struct {
		uint32_t number;
		uint64_t needs;
	} calls[] = {
		{ PVK_CALL_POWER, PVK_FEAT_POWER }, { PVK_CALL_POWER_REQUEST, PVK_FEAT_POWER },
		{ PVK_CALL_CPU_START, PVK_FEAT_SMP }, { PVK_CALL_CONSOLE_SETUP, PVK_FEAT_CONSOLE },
		{ PVK_CALL_CONSOLE_FLUSH, PVK_FEAT_CONSOLE }, { PVK_CALL_MEM_REPORT, PVK_FEAT_MEM },
	};
	static const uint64_t channel[] = { PVK_FEAT_POWER, PVK_FEAT_CONSOLE, PVK_FEAT_INFO };

	(void)state;
	for (uint64_t bits = 0; bits < 32; bits++) {
		assert_int_equal(platform(bits << 32), 0);
		for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
			int64_t status = pv_call(calls[i].number, 4, 1, 0);

			if (bits << 32 & calls[i].needs)
				assert_int_not_equal(status, -PVK_EPERM);
			else
				assert_int_equal(status, -PVK_EPERM);
		}
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(pv_bind(PVK_CHANNEL_PLATFORM + i, 0x40),
					 bits << 32 & channel[i] ? 0 : -PVK_EPERM);
	}
}

static void fixed_channels_are_no_others(void **state)
{
	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_bind(PVK_CHANNEL_PLATFORM_END, 0x40), -PVK_EINVAL);
	assert_int_equal(pv_bind(PVK_CHANNEL_PLATFORM - 1, 0x40), -PVK_EINVAL);
	assert_int_equal(pv_bind(64, 0x40), -PVK_EINVAL);
	assert_int_equal(pv_bind(PVK_CHANNEL_POWER, 3), -PVK_EINVAL);	/* an exception's vector */
	assert_int_equal(pv_bind(PVK_CHANNEL_POWER, 0x40), 0);
	assert_int_equal(pv_call(PVK_CALL_EVENT_RAISE, PVK_CHANNEL_POWER, 0, 0), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_BUS_NOTIFY, PVK_CHANNEL_POWER, 0, 0), -PVK_EINVAL);
	assert_int_equal(FIXED(PVK_CHANNEL_POWER).raised, 0);
	assert_int_equal(pv_call(PVK_CALL_EVENT_UNBIND, PVK_CHANNEL_POWER, 0, 0), 0);
	assert_false(FIXED(PVK_CHANNEL_POWER).bound);
	assert_int_equal(pv_call(PVK_CALL_EVENT_UNBIND, 1ull << 32 | PVK_CHANNEL_POWER, 0, 0),
			 -PVK_EINVAL);
}

/* ---- power ---- */

static struct pvk_power power_of(uint32_t op, const char *text)
{
	struct pvk_power p = { .size = sizeof(p), .op = op, .length = (uint32_t)strlen(text) };

	memcpy(p.text, text, strlen(text));
	return p;
}

static void power_ends_the_vm_and_keeps_the_reason(void **state)
{
	struct pvk_power p = power_of(PVK_POWER_OFF, "done\x1b[2J \"all\"\n");

	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	p.code = 7;
	assert_int_equal(pv_struct(PVK_CALL_POWER, &p, sizeof(p)), 0);
	assert_int_equal(fake.stops[HS_STOP_POWEROFF], 1);
	assert_int_equal(fake.vm.last_words.code, 7);
	assert_string_equal(fake.vm.last_words.text, "done?[2J \"all\"?");
	/* The first one counts. */
	p = power_of(PVK_POWER_REBOOT, "");
	assert_int_equal(pv_struct(PVK_CALL_POWER, &p, sizeof(p)), 0);
	assert_int_equal(fake.stops[HS_STOP_REBOOT], 0);
	assert_int_equal(fake.vm.last_words.code, 7);
}

static unsigned int said;

static bool count_line(const char *line, size_t len)
{
	(void)line;
	(void)len;
	said++;
	return true;
}

/* A batch goes on behind the call that ends the VM; so may other vCPUs. */
static void many_power_calls_are_said_once(void **state)
{
	struct pvk_power p = power_of(PVK_POWER_REBOOT, "again"), *ram = fake_ram(PV_STRUCTS, sizeof(p));
	struct pvk_batch_entry *e = fake_ram(PV_BATCH, 62 * sizeof(*e));

	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	*ram = p;
	for (unsigned int i = 0; i < 62; i++)
		e[i] = (struct pvk_batch_entry){ .call = PVK_CALL_POWER,
						 .arg = { PV_STRUCTS, sizeof(p) } };
	said = 0;
	hs_log_to(count_line);
	for (int64_t at = 0; at >= 0 && at < 62;)
		at = pv_call(PVK_CALL_BATCH, PV_BATCH, 62, (uint64_t)at);
	hs_log_to(NULL);
	assert_int_equal(said, 1);
	assert_int_equal(fake.stops[HS_STOP_REBOOT], 1);
}

/* Reboots with a text, on and on, then the panic that ends the process. */
static void reboots_do_not_silence_the_last_words(void **state)
{
	struct pvk_power p = power_of(PVK_POWER_REBOOT, "again");

	hs_log_to(count_line);
	said = 0;
	for (unsigned int boot = 0; boot < 100; boot++) {
		assert_int_equal(platform(PLATFORM), 0);
		assert_int_equal(pv_struct(PVK_CALL_POWER, &p, sizeof(p)), 0);
		assert_int_equal(power_off(state), 0);
		assert_int_equal(power_on(state), 0);
	}
	assert_true(said <= HS_LOG_BURST);
	said = 0;
	p = power_of(PVK_POWER_PANIC, "now");
	assert_int_equal(platform(PLATFORM), 0);
	assert_int_equal(pv_struct(PVK_CALL_POWER, &p, sizeof(p)), 0);
	assert_int_equal(said, 1);
	hs_log_to(NULL);
}

static void panic_ends_the_vm_unless_the_guest_goes_on(void **state)
{
	struct pvk_power p = power_of(PVK_POWER_PANIC, "Attempted to kill init!");

	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	p.flags = PVK_POWER_GOES_ON;
	assert_int_equal(pv_struct(PVK_CALL_POWER, &p, sizeof(p)), 0);
	assert_int_equal(fake.stops[HS_STOP_PANIC], 0);
	assert_int_equal(fake.vm.last_words.op, PVK_POWER_PANIC);
	p.flags = 0;
	assert_int_equal(pv_struct(PVK_CALL_POWER, &p, sizeof(p)), 0);
	assert_int_equal(fake.stops[HS_STOP_PANIC], 1);
}

static void nonsense_power_calls_are_refused(void **state)
{
	struct pvk_power good = power_of(PVK_POWER_OFF, "x"), p;

	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	for (unsigned int i = 0; i < 7; i++) {
		p = good;
		switch (i) {
		case 0:
			p.op = PVK_POWER_NONE;
			break;
		case 1:
			p.op = PVK_POWER_PANIC + 1;
			break;
		case 2:
			p.flags = PVK_POWER_GOES_ON;
			break;
		case 3:
			p.flags = 2;
			break;
		case 4:
			p.length = PVK_POWER_TEXT + 1;
			break;
		case 5:
			p.length = ~0u;
			break;
		default:
			p.reserved = 1;
		}
		assert_int_equal(pv_struct(PVK_CALL_POWER, &p, sizeof(p)), -PVK_EINVAL);
	}
	assert_int_equal(fake.stops[HS_STOP_POWEROFF], 0);
	assert_int_equal(fake.vm.last_words.op, PVK_POWER_NONE);
	p = good;
	p.length = PVK_POWER_TEXT;
	assert_int_equal(pv_struct(PVK_CALL_POWER, &p, sizeof(p)), 0);
	assert_int_equal(strlen(fake.vm.last_words.text), PVK_POWER_TEXT);
}

static void shutdown_is_asked_of_those_who_listen(void **state)
{
	(void)state;
	assert_false(hs_pv_ask_power_off(fake.vm.pv));
	assert_int_equal(platform(PLATFORM), 0);
	assert_false(hs_pv_ask_power_off(fake.vm.pv));
	assert_int_equal(pv_bind(PVK_CHANNEL_POWER, 0x33), 0);
	assert_true(hs_pv_ask_power_off(fake.vm.pv));
	assert_int_equal(FIXED(PVK_CHANNEL_POWER).raised, 1);
	assert_int_equal(pv_call(PVK_CALL_POWER_REQUEST, 0, 0, 0), PVK_POWER_OFF);
	assert_int_equal(pv_call(PVK_CALL_POWER_REQUEST, 0, 0, 0), PVK_POWER_NONE);
	assert_int_equal(pv_call(PVK_CALL_PLATFORM_LEAVE, 0, 0, 0), 0);
	assert_false(hs_pv_ask_power_off(fake.vm.pv));
}

/* ---- CPUs ---- */

static struct pvk_cpu_start start_of(uint32_t cpu)
{
	return (struct pvk_cpu_start){
		.size = sizeof(struct pvk_cpu_start),
		.apic_id = cpu,
		.cs = 0x10,
		.ds = 0x18,
		.rip = 0xffffffff81000000ull,
		.rsp = 0xffffc90000004000ull,
		.arg = 0x1234,
		.cr3 = 0x200000,
		.gs_base = 0xffff888000000000ull,
		.gdt_base = 0xfffffe0000001000ull,
		.gdt_limit = 0x7f,
	};
}

static void cpus_start_with_the_state_they_are_given(void **state)
{
	struct pvk_cpu_start s = start_of(1);

	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	assert_int_equal(pv_struct(PVK_CALL_CPU_START, &s, sizeof(s)), 0);
	assert_int_equal(fake_cpu.restarts[1], 1);
	assert_int_equal(fake_cpu.state[1].rip, s.rip);
	assert_int_equal(fake_cpu.state[1].rsp, s.rsp);
	assert_int_equal(fake_cpu.state[1].rdi, 0x1234);
	assert_int_equal(fake_cpu.state[1].cr3, 0x200000);
	assert_int_equal(fake_cpu.state[1].gs_base, s.gs_base);
	assert_int_equal(fake_cpu.state[1].gdt_limit, 0x7f);
	assert_int_equal(fake_cpu.state[1].cs, 0x10);
	assert_false(fake_cpu.state[1].la57);
	fake_cpu.busy = true;
	assert_int_equal(pv_struct(PVK_CALL_CPU_START, &s, sizeof(s)), -PVK_EAGAIN);
	fake_cpu.busy = false;
	assert_int_equal(pv_struct(PVK_CALL_CPU_START, &s, sizeof(s)), 0);
	assert_int_equal(fake_cpu.restarts[1], 2);
}

static void cpus_do_not_start_in_impossible_states(void **state)
{
	struct pvk_cpu_start s;

	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
#define REFUSED(change, status) do { \
		s = start_of(1); \
		change; \
		assert_int_equal(pv_struct(PVK_CALL_CPU_START, &s, sizeof(s)), status); \
	} while (0)
	REFUSED(s.apic_id = 0, -PVK_EINVAL);		/* the caller */
	REFUSED(s.apic_id = 2, -PVK_ENOENT);
	REFUSED(s.apic_id = ~0u, -PVK_ENOENT);
	REFUSED(s.flags = 2, -PVK_EINVAL);
	REFUSED(s.flags = PVK_CPU_LA57, -PVK_EINVAL);	/* no such CPU */
	REFUSED(s.cs = 0, -PVK_EINVAL);
	REFUSED(s.cs = 0x13, -PVK_EINVAL);
	REFUSED(s.ds = 0, -PVK_EINVAL);
	REFUSED(s.ds = 0x1c, -PVK_EINVAL);
	REFUSED(s.rip = 0x0000800000000000ull, -PVK_EINVAL);
	REFUSED(s.rsp = 0xff00000000000000ull, -PVK_EINVAL);
	REFUSED(s.gs_base = 1ull << 63, -PVK_EINVAL);
	REFUSED(s.gdt_base = 1ull << 62, -PVK_EINVAL);
	REFUSED(s.gdt_limit = 0x10000, -PVK_EINVAL);
	REFUSED(s.reserved = 1, -PVK_EINVAL);
	REFUSED(s.cr3 = 0x200010, -PVK_EFAULT);
	REFUSED(s.cr3 = HS_MEM_MIN, -PVK_EFAULT);
	REFUSED(s.cr3 = 1ull << 63, -PVK_EFAULT);
#undef REFUSED
	assert_int_equal(fake_cpu.restarts[0] + fake_cpu.restarts[1], 0);
	fake_cpu.la57 = true;
	s = start_of(1);
	s.flags = PVK_CPU_LA57;
	s.rsp = 0xff00000000000000ull;
	assert_int_equal(pv_struct(PVK_CALL_CPU_START, &s, sizeof(s)), 0);
	assert_true(fake_cpu.state[1].la57);
}

/* ---- unused memory ---- */

static void unused_memory_is_given_back(void **state)
{
	uint64_t *list = fake_ram(PV_BATCH, 64 * sizeof(*list));
	uint8_t *data = fake_ram(PV_DATA, 4 << 20);
	int64_t taken;

	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	memset(data, 0xaa, 4 << 20);
	list[0] = PV_DATA | 9;
	list[1] = (PV_DATA + (3 << 20)) | 0;
	/* in as many calls as the time of one allows, which is not the test's to say */
	taken = pv_call(PVK_CALL_MEM_REPORT, PV_BATCH, 2, 0);
	if (taken == 1)
		taken += pv_call(PVK_CALL_MEM_REPORT, PV_BATCH + sizeof(*list), 1, 0);
	assert_int_equal(taken, 2);
	assert_int_equal(data[0], 0);
	assert_int_equal(data[(2 << 20) - 1], 0);
	assert_int_equal(data[2 << 20], 0xaa);
	assert_int_equal(data[(3 << 20) + 4095], 0);
	assert_int_equal(data[(3 << 20) + 4096], 0xaa);
}

static void only_whole_blocks_of_ram_are_taken(void **state)
{
	static const struct {
		uint64_t entry;
		int64_t status;
	} cases[] = {
		{ (PV_DATA + 4096) | 9, -PVK_EFAULT },
		{ HS_MEM_MIN | 0, -PVK_EFAULT },
		{ (HS_MEM_MIN - 4096) | 1, -PVK_EFAULT },
		{ PV_DATA | (PVK_MEM_ORDER_MAX + 1), -PVK_EINVAL },
		{ PV_DATA | 0xfff, -PVK_EINVAL },
		{ ~0xfffull, -PVK_EFAULT },
	};
	uint64_t *list = fake_ram(PV_BATCH, 64 * sizeof(*list));

	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		list[0] = cases[i].entry;
		assert_int_equal(pv_call(PVK_CALL_MEM_REPORT, PV_BATCH, 1, 0), cases[i].status);
	}
	list[0] = PV_DATA;
	assert_int_equal(pv_call(PVK_CALL_MEM_REPORT, PV_BATCH, 0, 0), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_MEM_REPORT, PV_BATCH, 65, 0), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_MEM_REPORT, PV_BATCH + 4, 1, 0), -PVK_EFAULT);
	assert_int_equal(pv_call(PVK_CALL_MEM_REPORT, HS_MEM_MIN - 8, 2, 0), -PVK_EFAULT);
}

/* ---- console ---- */

#define OUT	1024u
#define IN	256u

static struct pvk_console *console(void)
{
	struct pvk_console_setup s = { .size = sizeof(s), .out_bytes = OUT, .in_bytes = IN,
				       .gpa = RING, .doorbell = ~0u };

	memset(fake_ram(RING, sizeof(struct pvk_console) + OUT + IN), 0,
	       sizeof(struct pvk_console) + OUT + IN);
	assert_int_equal(platform(PLATFORM), 0);
	assert_int_equal(pv_struct(PVK_CALL_CONSOLE_SETUP, &s, sizeof(s)), 0);
	assert_int_not_equal(s.doorbell, ~0u);
	assert_non_null(fake_con.user);
	return fake_ram(RING, sizeof(struct pvk_console));
}

/* What a guest does. True: it has to ring. */
static bool put(struct pvk_console *c, const char *text)
{
	uint8_t *ring = (uint8_t *)(c + 1);
	uint32_t old = c->out_head, new = old + (uint32_t)strlen(text);

	for (uint32_t i = old; i != new; i++)
		ring[i % OUT] = (uint8_t)text[i - old];
	c->out_head = new;
	return new - c->out_wake - 1 < new - old;
}

static void seen(const char *text)
{
	assert_int_equal(fake_con.len, strlen(text));
	assert_memory_equal(fake_con.text, text, strlen(text));
}

static void output_arrives_in_order(void **state)
{
	struct pvk_console *c = console();
	char all[3000] = "", line[32];

	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		snprintf(line, sizeof(line), "line %u\n", i);
		strcat(all, line);
		put(c, line);
		if (i % 50 == 49) {
			assert_true(fake_con.user->drain(fake_con.opaque));
			assert_int_equal(c->out_tail, c->out_head);
		}
	}
	seen(all);
	assert_false(fake_con.user->drain(fake_con.opaque));
}

static void a_sleeper_is_rung_once(void **state)
{
	struct pvk_console *c = console();

	(void)state;
	assert_true(fake_con.user->may_sleep(fake_con.opaque));
	assert_true(put(c, "a"));
	assert_false(put(c, "b"));	/* it was rung already */
	assert_false(put(c, "cd"));
	assert_false(fake_con.user->may_sleep(fake_con.opaque));	/* there is output */
	seen("abcd");
	assert_true(fake_con.user->may_sleep(fake_con.opaque));
	assert_true(put(c, "e"));
}

static void flush_takes_all_and_tells_the_sleeper(void **state)
{
	struct pvk_console *c = console();
	unsigned int wakes;

	(void)state;
	assert_true(fake_con.user->may_sleep(fake_con.opaque));
	put(c, "last words");
	wakes = fake_con.wakes;
	assert_int_equal(pv_call(PVK_CALL_CONSOLE_FLUSH, 0, 0, 0), 0);
	seen("last words");
	assert_true(fake_con.wakes > wakes);
	put(c, "0123456789");
	fake_con.room = 4;
	assert_int_equal(pv_call(PVK_CALL_CONSOLE_FLUSH, 0, 0, 0), -PVK_EAGAIN);
	assert_int_equal(c->out_head - c->out_tail, 6);
	assert_int_equal(pv_call(PVK_CALL_PLATFORM_LEAVE, 0, 0, 0), -PVK_EAGAIN);
	assert_int_equal(pv_call(PVK_CALL_CONSOLE_FLUSH, 0, 0, 0), -PVK_EPROTO); /* leaving */
	fake_con.room = 100;
	assert_int_equal(pv_call(PVK_CALL_PLATFORM_LEAVE, 0, 0, 0), 0);
	seen("last words0123456789");
	assert_null(fake_con.user);
	assert_int_equal(fake_doorbells(), 0);
}

static void input_is_told_when_it_is_waited_for(void **state)
{
	struct pvk_console *c = console();
	uint8_t *ring = (uint8_t *)(c + 1) + OUT;
	uint8_t data[300];

	(void)state;
	memset(data, 'x', sizeof(data));
	assert_int_equal(pv_bind(PVK_CHANNEL_CONSOLE, 0x61), 0);
	assert_int_equal(fake_con.user->receive(fake_con.opaque, (const uint8_t *)"hello", 5, false), 5);
	assert_memory_equal(ring, "hello", 5);
	assert_int_equal(c->in_head, 5);
	assert_int_equal(FIXED(PVK_CHANNEL_CONSOLE).raised, 1);	/* in_wake is 0 */
	assert_int_equal(fake_con.user->receive(fake_con.opaque, data, 3, false), 3);
	assert_int_equal(FIXED(PVK_CHANNEL_CONSOLE).raised, 1);
	c->in_tail = 8;
	c->in_wake = 8;
	assert_int_equal(fake_con.user->receive(fake_con.opaque, data, 300, false), IN);
	assert_int_equal(FIXED(PVK_CHANNEL_CONSOLE).raised, 2);
	assert_int_equal(fake_con.user->receive(fake_con.opaque, data, 1, false), 0);	/* full */
	c->in_tail = 9;
	assert_int_equal(fake_con.user->receive(fake_con.opaque, data, 300, false), 1);
}

static void impossible_counters_stop_the_console_only(void **state)
{
	struct pvk_console_setup s = { .size = sizeof(s), .out_bytes = OUT, .in_bytes = IN,
				       .gpa = RING };
	struct pvk_console *c = console();

	(void)state;
	c->out_head = OUT + 1;
	assert_false(fake_con.user->drain(fake_con.opaque));
	seen("");
	c->out_head = 5;	/* too late */
	assert_false(fake_con.user->drain(fake_con.opaque));
	assert_true(fake_con.user->may_sleep(fake_con.opaque));
	assert_int_equal(pv_call(PVK_CALL_CONSOLE_FLUSH, 0, 0, 0), 0);
	seen("");
	memset(c, 0, sizeof(*c));
	assert_int_equal(pv_struct(PVK_CALL_CONSOLE_SETUP, &s, sizeof(s)), 0);
	put(c, "again");
	assert_true(fake_con.user->drain(fake_con.opaque));
	seen("again");
	c->in_tail = 1;		/* more than there was */
	assert_int_equal(fake_con.user->receive(fake_con.opaque, (const uint8_t *)"a", 1, false), 0);
	assert_int_equal(fake_con.user->receive(fake_con.opaque, (const uint8_t *)"a", 1, false), 1);
}

static void console_memory_is_checked(void **state)
{
	static const struct {
		uint64_t gpa;
		uint32_t out, in;
		int64_t status;
	} cases[] = {
		{ RING, 255, IN, -PVK_EINVAL }, { RING, 128, IN, -PVK_EINVAL },
		{ RING, 768, IN, -PVK_EINVAL }, { RING, PVK_CONSOLE_MAX * 2, IN, -PVK_EINVAL },
		{ RING, OUT, 0, -PVK_EINVAL }, { RING, 0, IN, -PVK_EINVAL },
		{ RING + 8, OUT, IN, -PVK_EFAULT }, { RING + 63, OUT, IN, -PVK_EFAULT },
		{ HS_MEM_MIN, OUT, IN, -PVK_EFAULT }, { HS_MEM_MIN - 1024, OUT, IN, -PVK_EFAULT },
		{ ~63ull, OUT, IN, -PVK_EFAULT }, { 0, OUT, IN, -PVK_EINVAL },
		{ RING, PVK_CONSOLE_MAX, PVK_CONSOLE_MAX, 0 }, { RING, OUT, IN, 0 }, { 0, 0, 0, 0 },
	};

	(void)state;
	assert_int_equal(platform(PLATFORM), 0);
	assert_int_equal(pv_call(PVK_CALL_CONSOLE_FLUSH, 0, 0, 0), -PVK_EPROTO);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pvk_console_setup s = { .size = sizeof(s), .out_bytes = cases[i].out,
					       .in_bytes = cases[i].in, .gpa = cases[i].gpa };

		assert_int_equal(pv_struct(PVK_CALL_CONSOLE_SETUP, &s, sizeof(s)), cases[i].status);
	}
	assert_null(fake_con.user);
	assert_int_equal(pv_call(PVK_CALL_CONSOLE_FLUSH, 0, 0, 0), -PVK_EPROTO);
}

static void power_calls_drain_the_console(void **state)
{
	struct pvk_console *c = console();
	struct pvk_power p = power_of(PVK_POWER_OFF, "");

	(void)state;
	put(c, "reboot: Power down\n");
	assert_int_equal(pv_struct(PVK_CALL_POWER, &p, sizeof(p)), 0);
	seen("reboot: Power down\n");
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, power_on, power_off)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_session_takes_its_own_features),
		CASE(modules_come_and_go_beside_the_platform),
		CASE(a_new_kernel_begins_clean),
		CASE(platform_calls_need_their_feature),
		CASE(fixed_channels_are_no_others),
		CASE(power_ends_the_vm_and_keeps_the_reason),
		CASE(many_power_calls_are_said_once),
		CASE(reboots_do_not_silence_the_last_words),
		CASE(panic_ends_the_vm_unless_the_guest_goes_on),
		CASE(nonsense_power_calls_are_refused),
		CASE(shutdown_is_asked_of_those_who_listen),
		CASE(cpus_start_with_the_state_they_are_given),
		CASE(cpus_do_not_start_in_impossible_states),
		CASE(unused_memory_is_given_back),
		CASE(only_whole_blocks_of_ram_are_taken),
		CASE(output_arrives_in_order),
		CASE(a_sleeper_is_rung_once),
		CASE(flush_takes_all_and_tells_the_sleeper),
		CASE(input_is_told_when_it_is_waited_for),
		CASE(impossible_counters_stop_the_console_only),
		CASE(console_memory_is_checked),
		CASE(power_calls_drain_the_console),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
