// SPDX-License-Identifier: BSD-2-Clause
/* The debugger's protocol against a machine that only notes what is asked of it. */
/* LINK: host-stub/gdb/gdb_proto.c host-stub/gdb/gdb_cmd.c host-stub/gdb/gdb_points.c host-stub/gdb/gdb_regs.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gdb_machine.h"

static struct gdb_machine m;
static struct hs_gdb_proto proto;

static int begin(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	hs_gdb_proto_init(&proto, &gdb_machine_ops, &m, GDB_CPUS, false);
	return 0;
}

static void input(const char *bytes)
{
	m.bytes = 0;
	m.said[0] = 0;
	hs_gdb_proto_input(&proto, (const uint8_t *)bytes, strlen(bytes));
}

/* Sends it in a frame; the answer's content, after the acknowledgement and without the frame. */
static const char *ask(const char *content)
{
	static char frame[3 * HS_GDB_PACKET];
	uint8_t sum = 0;
	char *end;

	for (const char *c = content; *c; c++)
		sum = (uint8_t)(sum + (uint8_t)*c);
	snprintf(frame, sizeof(frame), "$%s#%02x", content, sum);
	input(frame);
	if (!m.bytes)
		return NULL;
	assert_int_equal(m.said[0], '+');
	if (m.bytes == 1)
		return NULL;
	assert_int_equal(m.said[1], '$');
	end = strrchr(m.said, '#');
	assert_non_null(end);
	sum = 0;
	for (const char *c = m.said + 2; c < end; c++)
		sum = (uint8_t)(sum + (uint8_t)*c);
	assert_int_equal(strtoul(end + 1, NULL, 16), sum);
	*end = 0;
	return m.said + 2;
}

static void expect(const char *content, const char *answer)
{
	const char *got = ask(content);

	if (!got || strcmp(got, answer))
		print_error("%s: got '%s', want '%s'\n", content, got ? got : "(nothing)", answer);
	assert_non_null(got);
	assert_string_equal(got, answer);
}

/* Noise stops nothing; the first packet that is whole does. */
static void session_begins(void **state)
{
	(void)state;
	input("GET / HTTP/1.1\r\n\r\n");
	input("\x03+-+-#00");
	input("$?#00");
	assert_string_equal(m.said, "-");
	input("$?#3");
	input("x");
	assert_false(m.standing);
	assert_int_equal(m.stops, 0);
	expect("?", "T05thread:1;");
	assert_true(m.standing);
	input("-");
	assert_string_equal(m.said, "$T05thread:1;#d7");
	input("+");
	assert_int_equal(m.bytes, 0);
	/* One that was cut off, and the next one */
	input("$qSuppo$?#3f");
	assert_string_equal(m.said, "+$T05thread:1;#d7");
}

static void no_acknowledgements(void **state)
{
	(void)state;
	expect("qSupported:swbreak+;hwbreak+;xmlRegisters=i386",
	       "PacketSize=1000;qXfer:features:read+;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+");
	expect("QStartNoAckMode", "OK");
	input("+$qC#b4");
	assert_string_equal(m.said, "$QC1#c5");
	input("-");
	assert_int_equal(m.bytes, 0);
}

static void unknown(void **state)
{
	static const char * const packets[] = {
		"", "!", "vMustReplyEmpty", "qRcmd,68656c70", "vFile:setfs:0", "R00", "qOffsets",
		"gg", "?x", "Z3,1000,1", "Z5,1000,1", "Z0,ffffffff81000000,1;X1,0", "vRun", "QNonStop:1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		expect(packets[i], "");
}

static void nonsense(void **state)
{
	static const char * const packets[] = {
		"H", "Hx1", "Hg", "Hgx", "Hg3", "Hg-", "T", "T0", "T3", "Tx", "p", "pzz", "p42", "p1 ",
		"P", "P0", "P0=", "P0=12", "P0=00000000000000zz", "P0=000000000000000000",
		"P42=0", "P12=00000000", "G", "G00", "m", "m1", "m,", "mx,1", "m1,x", "m1,1001",
		"m00000000000000001,1", "M", "M1,1", "M1,1:", "M1,1:0", "M1,1:000", "X1,2:a", "X1,1:}",
		"X1,1:ab", "Z", "Z0", "Z0,", "Z0,1", "Z0,1,", "Z2,1000,3", "Z2,1001,2", "Z2,1000,9",
		"Z4,1000,0", "cx", "sx", "C", "Cx", "S;", "C05;x", "vCont", "vCont;", "vCont;x",
		"vCont;c:", "vCont;c:9", "vCont;C", "vCont;c;", "vCont;s:1c", "qThreadExtraInfo,0",
		"qThreadExtraInfo,3", "qThreadExtraInfo,",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		expect(packets[i], "E16");
	assert_true(m.standing);
	assert_int_equal(proto.points.point[0].used, 0);
	expect("qXfer:features:read:other.xml:0,100", "E00");
	expect("qXfer:features:read:target.xml:ffffff,100", "E00");
}

static void too_long(void **state)
{
	static char frame[HS_GDB_PACKET + 16];
	uint8_t sum = 0;

	(void)state;
	frame[0] = '$';
	memset(frame + 1, 'a', HS_GDB_PACKET + 1);
	for (unsigned int i = 0; i <= HS_GDB_PACKET; i++)
		sum = (uint8_t)(sum + 'a');
	snprintf(frame + HS_GDB_PACKET + 2, 4, "#%02x", sum);
	input(frame);
	assert_string_equal(m.said, "+$E22#a9");
	expect("qC", "QC1");
}

static void threads(void **state)
{
	(void)state;
	expect("qfThreadInfo", "m1,2");
	expect("qsThreadInfo", "l");
	expect("T2", "OK");
	expect("qThreadExtraInfo,2", "764350552031");	/* vCPU 1 */
	expect("Hg2", "OK");
	expect("qC", "QC2");
	expect("Hg0", "OK");
	expect("qC", "QC2");
	expect("Hc-1", "OK");
	expect("qAttached", "1");
	expect("qSymbol::", "OK");
}

static void registers(void **state)
{
	char all[4096], *at = all;

	(void)state;
	m.regs[0].gpr[0] = 0x1122334455667788;
	m.regs[1].gpr[0] = 1;
	m.regs[0].rip = 0xffffffff81000010;
	m.regs[0].segment[0] = 0x10;
	m.regs[0].efer = 0xd01;
	expect("p0", "8877665544332211");
	expect("p10", "100000" "81" "ffffffff");
	expect("p12", "10000000");
	expect("p41", "010d000000000000");
	expect("P1=0100000000000080", "OK");
	assert_int_equal(m.regs[0].gpr[1], 0x8000000000000001);
	expect("Hg2", "OK");
	expect("p0", "0100000000000000");
	expect("Hg1", "OK");
	snprintf(all, sizeof(all), "%s", ask("g"));
	/* 17 of 8, 7 of 4, 8 of 10, 8 of 4, 16 of 16, 1 of 4, 9 of 8 */
	assert_int_equal(strlen(all), 2 * (17 * 8 + 7 * 4 + 80 + 32 + 256 + 4 + 9 * 8));
	assert_memory_equal(all, "88776655443322110100000000000080", 32);
	/* Back, with another RAX and another CS, which stays. */
	memmove(all + 1, all, strlen(all) + 1);
	*at = 'G';
	memcpy(all + 1, "ff", 2);
	memcpy(all + 1 + 2 * (17 * 8 + 4), "33", 2);
	expect(all, "OK");
	assert_int_equal(m.regs[0].gpr[0], 0x11223344556677ff);
	assert_int_equal(m.regs[0].segment[0], 0x10);
	assert_int_equal(m.regs[0].efer, 0xd01);
	m.refuse = -EBUSY;
	expect("g", "E10");
	expect("P1=0100000000000080", "E10");
}

/* The description, in pieces as a debugger reads it: each register is there, once. */
static void description(void **state)
{
	char ask_for[64], xml[16384];
	size_t len = 0;
	const char *got;

	(void)state;
	do {
		snprintf(ask_for, sizeof(ask_for), "qXfer:features:read:target.xml:%zx,3e8", len);
		got = ask(ask_for);
		assert_non_null(got);
		assert_true(*got == 'm' || *got == 'l');
		assert_null(strchr(got, '}'));
		snprintf(xml + len, sizeof(xml) - len, "%s", got + 1);
		len += strlen(got + 1);
	} while (*got == 'm');
	assert_non_null(strstr(xml, "<architecture>i386:x86-64</architecture>"));
	assert_string_equal(xml + len - 9, "</target>");
	for (unsigned int i = 0; i < HS_GDB_REG_COUNT; i++) {
		char name[64];
		const char *at;

		snprintf(name, sizeof(name), "<reg name=\"%s\" bitsize=\"%u\" ", hs_gdb_reg[i].name,
			 8u * hs_gdb_reg[i].bytes);
		at = strstr(xml, name);
		assert_non_null(at);
		assert_null(strstr(at + 1, name));
	}
}

static void memory(void **state)
{
	(void)state;
	memcpy(&m.page[0][GDB_PAGE - 2], "ab", 2);
	memcpy(m.page[2], "cd", 2);
	memset(m.page[1], 0xee, GDB_PAGE);	/* between the two: nobody's */
	expect("mffffffff81000ffe,4", "61626364");
	expect("mffffffff81002fff,4", "00");	/* what there is */
	expect("mffffffff81003000,4", "E0e");
	expect("m0,4", "E0e");
	expect("mffffffff81000000,0", "");
	expect("Mffffffff81000fff,2:7879", "OK");
	expect("mffffffff81000ffe,4", "61787964");
	/* All or nothing */
	expect("Mffffffff81002fff,2:7879", "E0e");
	assert_int_equal(m.page[4][GDB_PAGE - 1], 0);
	expect("Xffffffff81000000,3:a}\x03" "b", "OK");
	assert_memory_equal(m.page[0], "a#b", 3);
	expect("Xffffffff81000000,0:", "OK");
	for (unsigned int i = 0; i < GDB_PAGE; i++)
		assert_int_equal(m.page[1][i], 0xee);
	assert_int_equal(strlen(ask("mffffffff81000000,1000")), HS_GDB_PACKET);
}

static void software_breakpoints(void **state)
{
	const uint64_t at = GDB_BASE + 0x10;

	(void)state;
	m.page[0][0x10] = 0x90;
	expect("Z0,ffffffff81000010,1", "OK");
	expect("Z0,ffffffff81000010,1", "OK");
	assert_int_equal(m.page[0][0x10], 0xcc);
	expect("mffffffff81000010,1", "90");
	assert_true(hs_gdb_points_soft_at(&proto.points, at));
	assert_false(hs_gdb_points_soft_at(&proto.points, at + 1));
	expect("Mffffffff8100000f,3:414243", "OK");
	assert_int_equal(m.page[0][0x10], 0xcc);
	expect("z0,ffffffff81000010,1", "OK");
	assert_memory_equal(&m.page[0][0xf], "ABC", 3);
	expect("z0,ffffffff81000010,1", "OK");
	/* What the guest wrote over it stays. */
	expect("Z0,ffffffff81000020,1", "OK");
	m.page[0][0x20] = 0x55;
	expect("z0,ffffffff81000020,1", "OK");
	assert_int_equal(m.page[0][0x20], 0x55);
	assert_false(hs_gdb_points_soft(&proto.points));
}

/* The same by an OUT, of two bytes, where KVM does not report int3. */
static void breakpoints_by_out(void **state)
{
	static const uint8_t was[] = { 0x55, 0x48, 0x89, 0xe5 };

	(void)state;
	proto.points.by_out = true;
	memcpy(&m.page[0][0x10], was, sizeof(was));
	expect("Z0,ffffffff81000010,1", "OK");
	assert_int_equal(m.page[0][0x10], 0xe6);
	assert_int_equal(m.page[0][0x11], HS_GDB_PORT);
	assert_int_equal(m.page[0][0x12], 0x89);
	expect("mffffffff81000010,4", "554889e5");
	expect("mffffffff81000011,1", "48");
	expect("Mffffffff81000011,2:4142", "OK");
	assert_int_equal(m.page[0][0x11], HS_GDB_PORT);
	assert_int_equal(m.page[0][0x12], 0x42);
	/* Not over another one; at its place by another packet, it is the same. */
	expect("Z0,ffffffff81000011,1", "E10");
	expect("Z0,ffffffff8100000f,1", "E10");
	expect("Z0,ffffffff81000010,1", "OK");
	expect("z0,ffffffff81000010,1", "OK");
	assert_memory_equal(&m.page[0][0x10], "UAB\xe5", 4);
	/* One byte of a page is too few: a debug register. */
	expect("Z0,ffffffff81000fff,1", "OK");
	assert_int_equal(hs_gdb_points_in_slot(&proto.points, 0)->kind, HS_GDB_SOFT);
	/* What the guest wrote over it stays. */
	expect("Z0,ffffffff81000020,1", "OK");
	m.page[0][0x21] = 0x55;
	expect("z0,ffffffff81000020,1", "OK");
	assert_int_equal(m.page[0][0x20], 0xe6);
	assert_int_equal(m.page[0][0x21], 0x55);
}

/* Where nothing is mapped yet, a software breakpoint takes a debug register. */
static void debug_registers(void **state)
{
	(void)state;
	expect("Z0,ffffffff90000000,1", "OK");
	expect("Z1,ffffffff81000100,1", "OK");
	expect("Z2,ffffffff81000200,8", "OK");
	expect("Z4,ffffffff81000304,4", "OK");
	expect("Z1,ffffffff81000500,1", "E1c");
	assert_null(ask("vCont;c"));
	assert_int_equal(m.dr[0], 0xffffffff90000000);
	assert_int_equal(m.dr[3], 0xffffffff81000304);
	assert_int_equal(m.dr7, 0x7aa | 0x9ull << 24 | 0xfull << 28);
	assert_int_equal(hs_gdb_points_in_slot(&proto.points, 2)->kind, HS_GDB_WATCH_WRITE);
	input("\x03");
	assert_string_equal(m.said, "$T02thread:1;#d4");
	expect("z2,ffffffff81000200,8", "OK");
	expect("Z1,ffffffff81000500,1", "OK");
	/* A reboot takes what lies in memory, and nothing else. */
	expect("Z0,ffffffff81000010,1", "OK");
	hs_gdb_points_forget_memory(&proto.points);
	assert_false(hs_gdb_points_soft(&proto.points));
	assert_non_null(hs_gdb_points_in_slot(&proto.points, 2));
}

static void going_on(void **state)
{
	static const struct {
		const char *packet;
		uint32_t run, step;
	} ways[] = {
		{ "c", 3, 0 }, { "s", 0, 1 }, { "C05", 3, 0 }, { "S05", 0, 1 },
		{ "vCont;c", 3, 0 }, { "vCont;s", 0, 3 }, { "vCont;s:1;c", 2, 1 },
		{ "vCont;s:2", 0, 2 }, { "vCont;C05:1", 1, 0 }, { "vCont;c:-1", 3, 0 },
		{ "vCont;c:2;s:1", 2, 1 }, { "vCont;s:1;c:1;c:2", 2, 1 },
	};

	(void)state;
	expect("vCont?", "vCont;c;C;s;S");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		assert_null(ask(ways[i].packet));
		assert_false(m.standing);
		assert_int_equal(m.run, ways[i].run);
		assert_int_equal(m.step, ways[i].step);
		/* Nothing but a stop is heard while it runs. */
		assert_null(ask("g"));
		input("\x03");
		assert_string_equal(m.said, "$T02thread:1;#d4");
		assert_true(m.standing);
		input("\x03");
		assert_int_equal(m.bytes, 0);
	}
	assert_null(ask("cffffffff81000044"));
	assert_int_equal(m.regs[0].rip, 0xffffffff81000044);
}

static void stops(void **state)
{
	static const struct {
		struct hs_gdb_stop why;
		const char *without, *with;
	} cases[] = {
		{ { 1, 5, HS_GDB_WHY_SOFT, 0 }, "T05thread:2;", "T05thread:2;swbreak:;" },
		{ { 0, 5, HS_GDB_WHY_HARD, 0 }, "T05thread:1;", "T05thread:1;hwbreak:;" },
		{ { 0, 5, HS_GDB_WHY_WATCH, 0x1000 }, "T05thread:1;watch:1000;",
		  "T05thread:1;watch:1000;" },
		{ { 0, 5, HS_GDB_WHY_AWATCH, ~0ull }, "T05thread:1;awatch:ffffffffffffffff;",
		  "T05thread:1;awatch:ffffffffffffffff;" },
	};

	(void)state;
	for (unsigned int told = 0; told < 2; told++) {
		(void)ask(told ? "qSupported:swbreak+;hwbreak+" : "qSupported");
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			const char *want = told ? cases[i].with : cases[i].without;

			assert_null(ask("c"));
			m.bytes = 0;
			hs_gdb_proto_stopped(&proto, &cases[i].why);
			assert_memory_equal(m.said + 1, want, strlen(want));
			assert_int_equal(m.said[1 + strlen(want)], '#');
			assert_int_equal(proto.cpu_g, cases[i].why.cpu);
			expect("?", want);
		}
	}
}

static void taking_leave(void **state)
{
	(void)state;
	m.page[0][0x10] = 0x90;
	expect("Z0,ffffffff81000010,1", "OK");
	expect("Z1,ffffffff81000100,1", "OK");
	(void)ask("D");
	assert_true(proto.over);
	assert_int_equal(m.page[0][0x10], 0x90);
	assert_false(m.standing);
	assert_int_equal(m.run, 3);
	assert_int_equal(m.dr7, 0);
	/* Nothing is heard any more. */
	assert_null(ask("?"));

	begin(state);
	expect("Z0,ffffffff81000010,1", "OK");
	assert_null(ask("c"));
	hs_gdb_proto_end(&proto);	/* the connection broke while it ran */
	assert_int_equal(m.page[0][0x10], 0);
	assert_false(m.standing);
	assert_int_equal(m.run, 3);

	begin(state);
	assert_null(ask("k"));
	assert_int_equal(m.kills, 1);
	begin(state);
	expect("vKill;1", "OK");
	assert_int_equal(m.kills, 1);

	/* Nobody said anything that is whole: nothing is touched. */
	begin(state);
	m.standing = true;
	hs_gdb_proto_end(&proto);
	assert_true(m.standing);
}

static void news(void **state)
{
	(void)state;
	hs_gdb_proto_say(&proto, "no session\n");
	hs_gdb_proto_exited(&proto, 3);
	assert_int_equal(m.bytes, 0);
	expect("qC", "QC1");
	m.bytes = 0;
	hs_gdb_proto_say(&proto, "it stands\n");
	assert_int_equal(m.bytes, 0);
	assert_null(ask("c"));
	m.bytes = 0;
	hs_gdb_proto_say(&proto, "ab\n");
	assert_string_equal(m.said, "$O61620a#af");
	m.bytes = 0;
	hs_gdb_proto_exited(&proto, 20);
	assert_string_equal(m.said, "$W14#bc");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(session_begins, begin),
		cmocka_unit_test_setup(no_acknowledgements, begin),
		cmocka_unit_test_setup(unknown, begin),
		cmocka_unit_test_setup(nonsense, begin),
		cmocka_unit_test_setup(too_long, begin),
		cmocka_unit_test_setup(threads, begin),
		cmocka_unit_test_setup(registers, begin),
		cmocka_unit_test_setup(description, begin),
		cmocka_unit_test_setup(memory, begin),
		cmocka_unit_test_setup(software_breakpoints, begin),
		cmocka_unit_test_setup(breakpoints_by_out, begin),
		cmocka_unit_test_setup(debug_registers, begin),
		cmocka_unit_test_setup(going_on, begin),
		cmocka_unit_test_setup(stops, begin),
		cmocka_unit_test_setup(taking_leave, begin),
		cmocka_unit_test_setup(news, begin),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
