// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the debugger's protocol: what a debugger sends, and, between two pieces of it, what
 * the machine does. An input is text: a line that begins with '!' is an event (what follows says
 * which), with '~' bytes as they are; any other is the content of a packet, which gets its frame
 * here.
 */
/* LINK: host-stub/gdb/gdb_proto.c host-stub/gdb/gdb_cmd.c host-stub/gdb/gdb_points.c host-stub/gdb/gdb_regs.c */
/* LIBS: */
#include "input.h"
#include "tests/unit/gdb_machine.h"

#define CANARY	0xeeu

static struct gdb_machine machine;
static struct hs_gdb_proto proto;

/* What is not the guest's was not touched; nobody waits for a machine that stands unasked. */
static void holds(void)
{
	unsigned int used = 0;

	for (unsigned int i = 1; i < 2 * GDB_PAGES; i += 2)
		for (unsigned int k = 0; k < GDB_PAGE; k++)
			MUST(machine.page[i][k] == CANARY);
	MUST(proto.cpu_g < GDB_CPUS && proto.cpu_c < GDB_CPUS);
	MUST(proto.in_len <= HS_GDB_PACKET && proto.out_len <= HS_GDB_PACKET + 4);
	MUST(!(machine.run & machine.step) && (machine.run | machine.step) < 1u << GDB_CPUS);
	if (proto.session)
		MUST(machine.standing == !proto.running);
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++)
		used += proto.points.point[i].used && !proto.points.point[i].ram;
	MUST(used <= HS_GDB_SLOTS);
}

/* As a machine that stands still by itself */
static void event(const uint8_t *how, size_t len)
{
	struct hs_gdb_stop why = { .cpu = len > 1 && how[1] & 1, .sig = HS_GDB_SIGTRAP,
				   .address = GDB_BASE };

	if (len > 2)
		why.why = (enum hs_gdb_why)(how[2] % 5);
	switch (len ? how[0] : 0) {
	case 's':
		if (proto.session)
			machine.standing = true;
		hs_gdb_proto_stopped(&proto, &why);
		break;
	case 'r':
		hs_gdb_points_forget_memory(&proto.points);
		memset(machine.page[0], 0x90, GDB_PAGE);
		break;
	case 'f':
		machine.refuse = -EIO;
		break;
	case 'w':
		hs_gdb_proto_say(&proto, "boot 2\n");
		break;
	case 'x':
		hs_gdb_proto_exited(&proto, why.cpu);
		machine.standing = false;	/* it is no more */
		break;
	default:
		machine.refuse = 0;
	}
}

static void packet(const uint8_t *content, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	uint8_t sum = 0, end[3] = "#";

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + content[i]);
	end[1] = (uint8_t)digit[sum >> 4];
	end[2] = (uint8_t)digit[sum & 15];
	hs_gdb_proto_input(&proto, (const uint8_t *)"$", 1);
	hs_gdb_proto_input(&proto, content, len);
	hs_gdb_proto_input(&proto, end, sizeof(end));
}

static void line(const uint8_t *at, size_t len)
{
	if (len && *at == '!')
		event(at + 1, len - 1);
	else if (len && *at == '~')
		hs_gdb_proto_input(&proto, at + 1, len - 1);
	else
		packet(at, len);
	holds();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t from = 0;

	memset(&machine, 0, sizeof(machine));
	memset(machine.page, CANARY, sizeof(machine.page));
	hs_gdb_proto_init(&proto, &gdb_machine_ops, &machine, GDB_CPUS, size & 1);
	for (size_t i = 0; i < size && size < 65536; i++) {
		if (data[i] != '\n')
			continue;
		line(data + from, i - from);
		from = i + 1;
	}
	hs_gdb_proto_end(&proto);
	/* Neither a breakpoint nor a CPU that stands is left behind. */
	MUST(!hs_gdb_points_soft(&proto.points));
	MUST(!hs_gdb_points_registers(&proto.points, machine.dr));
	MUST(!machine.stops || !machine.standing || machine.kills);
	return 0;
}
