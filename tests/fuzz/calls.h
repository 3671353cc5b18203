/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls for the fuzzers: numbers and structures that are nearly right, and what may
 * be a call's status. Beside tests/unit/pv_guest.h.
 */
#ifndef TESTS_FUZZ_CALLS_H
#define TESTS_FUZZ_CALLS_H

#include "input.h"
#include "tests/unit/pv_guest.h"

#define CALL_STRUCTS	16u	/* places of structures, 256 bytes apart */
#define CALL_CONSOLE	0x40000ull	/* the console's memory */

#define CALL_NUMBERS	(sizeof(all_calls) / sizeof(all_calls[0]))
#define CALL_PLATFORM \
	(PVK_FEAT_INFO | PVK_FEAT_POWER | PVK_FEAT_SMP | PVK_FEAT_CONSOLE | PVK_FEAT_MEM)

/* Of the sizes of structures, of RAM's edges, or anything. */
static inline uint64_t call_number(struct input *in)
{
	static const uint16_t sizes[] = { 16, 24, 32, 48, 64, 72, 256, 4096 };
	uint8_t kind = (uint8_t)take(in, 1);

	if (kind < 0x40)
		return kind & 0x0f;
	if (kind < 0x80)
		return PV_STRUCTS + (kind % CALL_STRUCTS) * 256;
	if (kind < 0xa0)
		return sizes[kind % 8];
	if (kind < 0xc0)
		return HS_MEM_MIN - 8 * (uint64_t)(kind & 0x1f);
	if (kind < 0xd0)
		return PV_RINGS + (kind & 0x0f) * 0x10000ull;
	if (kind < 0xe0)
		return 1ull << take(in, 1) % 64;
	return take(in, 1 + kind % 8);
}

union call_struct {
	struct pvk_negotiate negotiate;
	struct pvk_event_bind bind;
	struct pvk_queue_setup queue;
	struct pvk_bus_info bus;
	struct pvk_dev_info dev;
	struct pvk_batch_entry batch[4];
	struct pvk_power power;
	struct pvk_cpu_start cpu;
	struct pvk_console_setup console;
	uint64_t blocks[4];
	uint8_t bytes[256];
};

static inline struct hs_call call_simple(struct input *in)
{
	struct hs_call call = { .number = all_calls[take(in, 1) % CALL_NUMBERS] };

	for (unsigned int i = 0; i < 4; i++)
		call.arg[i] = call_number(in);
	return call;
}

/* Number, structure's size, and the structure, by the kind of call. */
static inline uint32_t call_fill(struct input *in, union call_struct *s, uint32_t *size)
{
	uint8_t kind = (uint8_t)take(in, 1), how = (uint8_t)take(in, 1);
	struct pv_queue q;

	switch (kind % 11) {
	case 0:
		*size = sizeof(s->negotiate);
		s->negotiate = (struct pvk_negotiate){
			.size = *size, .version = PVK_ABI_VERSION,
			.accept = how & 2 ? take(in, 8) : how & 1 ? CALL_PLATFORM : PV_ALL };
		return how & 1 ? PVK_CALL_PLATFORM_NEGOTIATE : PVK_CALL_NEGOTIATE;
	case 1:
		*size = sizeof(s->bind);
		s->bind = (struct pvk_event_bind){
			.size = *size,
			.channel = (how & 0x3f) | (how & 0x40 ? PVK_CHANNEL_PLATFORM : 0),
			.msi_address = 0xfee00000ull | take(in, 2) << 4,
			.msi_data = (uint32_t)take(in, 2)};
		if (how & 0x40)
			s->bind.channel &= ~0x3cu;
		return PVK_CALL_EVENT_BIND;
	case 2:
		*size = sizeof(s->queue);
		s->queue = pv_queue_memory(&q, how & 3, how >> 2 & 7, 1u << (take(in, 1) & 15),
					   how & 0x20 ? PVK_CHANNEL_NONE : how >> 6);
		return PVK_CALL_QUEUE_SETUP;
	case 3:
		*size = sizeof(s->bus);
		s->bus.size = *size;
		return PVK_CALL_BUS_INFO;
	case 4:
		*size = sizeof(s->dev);
		s->dev.size = *size;
		return PVK_CALL_DEV_INFO;
	case 5:
		*size = sizeof(s->power);
		s->power = (struct pvk_power){ .size = *size, .op = how & 3, .flags = how >> 2 & 1,
					       .length = how >> 3, .code = how };
		for (unsigned int i = 0; i < 8; i++)
			s->power.text[i] = (uint8_t)take(in, 1);
		return PVK_CALL_POWER;
	case 6:
		*size = sizeof(s->cpu);
		s->cpu = (struct pvk_cpu_start){ .size = *size,
						.apic_id = how & 3,
						.cs = 8,
						.ds = 16,
						.cr3 = take(in, 2) << 12,
						.flags = how & 4 ? PVK_CPU_LA57 : 0};
		if (how & 8) {
			s->cpu.rip = call_number(in);
			s->cpu.rsp = call_number(in);
			s->cpu.gs_base = call_number(in);
		}
		return PVK_CALL_CPU_START;
	case 7:
		*size = sizeof(s->console);
		s->console = (struct pvk_console_setup){
			.size = *size, .out_bytes = PVK_CONSOLE_MIN << (how & 7),
			.in_bytes = PVK_CONSOLE_MIN << (how >> 3 & 7),
			.gpa = how & 0x80 ? take(in, 2) << 6 : CALL_CONSOLE };
		return PVK_CALL_CONSOLE_SETUP;
	case 8:
		*size = 1 + (how & 3);		/* entries */
		for (unsigned int i = 0; i < 4; i++)
			s->blocks[i] = PV_DATA + (take(in, 2) << 12 | (take(in, 1) & 15));
		return PVK_CALL_MEM_REPORT;
	default:
		*size = 1 + (how & 3);		/* entries */
		for (unsigned int i = 0; i < *size; i++) {
			struct hs_call call = call_simple(in);

			s->batch[i].call = call.number;
			memcpy(s->batch[i].arg, call.arg, sizeof(call.arg));
		}
		return PVK_CALL_BATCH;
	}
}

/* A call with a structure, both nearly right. The structure is in its place. */
static inline struct hs_call call_make(struct input *in)
{
	uint8_t spoil = (uint8_t)take(in, 1);
	uint64_t at = PV_STRUCTS + spoil % CALL_STRUCTS * 256;
	union call_struct s = { .bytes = { 0 } };
	uint32_t size;
	struct hs_call call = { .number = call_fill(in, &s, &size), .arg = { at, size, 0, 0 } };

	if (call.number == PVK_CALL_DEV_INFO)
		memcpy(call.arg, (uint64_t []){ spoil >> 4 & 3, at, size }, 24);
	if (spoil & 0x80)
		s.bytes[take(in, 1)] ^= (uint8_t)take(in, 1);
	if (spoil & 0x40)
		call.arg[take(in, 1) & 3] = call_number(in);
	memcpy(fake_ram(at, sizeof(s)), &s, sizeof(s));
	return call;
}

static inline bool call_is_status(int64_t status)
{
	static const uint8_t errors[] = {
		PVK_EPERM,  PVK_ENOENT, PVK_EIO,     PVK_EAGAIN,   PVK_EFAULT,
		PVK_EBUSY,  PVK_EINVAL, PVK_ENOSPC,  PVK_EROFS,	   PVK_ERANGE,
		PVK_ENOSYS, PVK_EPROTO, PVK_ENOTSUP, PVK_EVERSION,
	};

	if (status >= 0)
		return status <= 65536;
	return status > -256 && memchr(errors, (int)-status, sizeof(errors));
}

#endif /* TESTS_FUZZ_CALLS_H */
