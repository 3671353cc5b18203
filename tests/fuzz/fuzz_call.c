// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the calls: an input is a series of calls with their registers and
 * of writes to the guest's memory in between. Whatever they are: the stub
 * survives, each call ends with a status of the ABI, and after LEAVE nothing of
 * the session is left.
 */
/* LINK: PV */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#define FAKE_IDE
#include "fuzz.h"
#include "tests/unit/fake_net.h"
#include "tests/unit/pv_guest.h"

#define STRUCTS	16u	/* places of structures, 128 bytes apart */

#define NUMBERS	(sizeof(all_calls) / sizeof(all_calls[0]))
#define PLATFORM (PVK_FEAT_INFO | PVK_FEAT_POWER | PVK_FEAT_SMP | PVK_FEAT_CONSOLE | PVK_FEAT_MEM)

/* Of the sizes of structures, of RAM's edges, or anything. */
static uint64_t number(struct input *in)
{
	static const uint16_t sizes[] = { 16, 24, 32, 48, 64, 72, 256, 4096 };
	uint8_t kind = (uint8_t)take(in, 1);

	if (kind < 0x40)
		return kind & 0x0f;
	if (kind < 0x80)
		return PV_STRUCTS + (kind % STRUCTS) * 128;
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

/* A structure that is nearly right, for what the input then spoils. */
static void prepare(struct input *in)
{
	uint64_t at = PV_STRUCTS + take(in, 1) % STRUCTS * 128;
	union {
		struct pvk_negotiate negotiate;
		struct pvk_event_bind bind;
		struct pvk_queue_setup queue;
		struct pvk_bus_info bus;
		struct pvk_dev_info dev;
		struct pvk_batch_entry batch[2];
		struct pvk_power power;
		struct pvk_cpu_start cpu;
		struct pvk_console_setup console;
		uint64_t blocks[4];
		uint8_t bytes[256];
	} s = { .bytes = { 0 } };

	switch (take(in, 1) % 11) {
	case 0:
		s.negotiate = (struct pvk_negotiate){ .size = sizeof(s.negotiate),
						      .version = PVK_ABI_VERSION,
						      .accept = take(in, 1) | take(in, 1) << 32 };
		break;
	case 1:
		s.bind = (struct pvk_event_bind){ .size = sizeof(s.bind),
						  .channel = (uint32_t)take(in, 1) |
							     (take(in, 1) & 1 ? PVK_CHANNEL_PLATFORM : 0),
						  .msi_address = 0xfee00000ull,
						  .msi_data = (uint32_t)take(in, 2) };
		break;
	case 2: {
		struct pv_queue q;

		s.queue = pv_queue_memory(&q, (uint32_t)(take(in, 1) & 3), (uint32_t)(take(in, 1) & 7),
					  1u << (take(in, 1) & 15), (uint32_t)take(in, 1));
		if (take(in, 1) & 1)
			s.queue.channel = PVK_CHANNEL_NONE;
		break;
	}
	case 3:
		s.bus.size = sizeof(s.bus);
		break;
	case 4:
		s.dev.size = sizeof(s.dev);
		break;
	case 5:
		s.power = (struct pvk_power){ .size = sizeof(s.power), .op = take(in, 1) & 3,
					      .flags = take(in, 1) & 1,
					      .length = (uint32_t)take(in, 1) };
		break;
	case 6:
		s.cpu = (struct pvk_cpu_start){ .size = sizeof(s.cpu), .apic_id = take(in, 1) & 3,
						.cs = 8, .ds = 16, .cr3 = take(in, 2) << 12,
						.rip = number(in), .rsp = number(in) };
		break;
	case 7:
		s.console = (struct pvk_console_setup){ .size = sizeof(s.console),
							.out_bytes = 1u << (take(in, 1) & 31),
							.in_bytes = 1u << (take(in, 1) & 31),
							.gpa = take(in, 2) << 6 };
		break;
	case 8:
		for (unsigned int i = 0; i < 4; i++)
			s.blocks[i] = PV_DATA + (take(in, 2) << 12 | (take(in, 1) & 15));
		break;
	default:
		for (unsigned int i = 0; i < 2; i++) {
			s.batch[i].call = all_calls[take(in, 1) % NUMBERS];
			for (unsigned int k = 0; k < 4; k++)
				s.batch[i].arg[k] = number(in);
		}
	}
	if (take(in, 1) & 1)
		s.bytes[take(in, 1)] ^= (uint8_t)take(in, 1);
	memcpy(fake_ram(at, sizeof(s)), &s, sizeof(s));
}

static bool is_status(int64_t status)
{
	static const uint8_t errors[] = {
		PVK_EPERM, PVK_ENOENT, PVK_EIO, PVK_EAGAIN, PVK_EFAULT, PVK_EBUSY, PVK_EINVAL,
		PVK_ENOSPC, PVK_EROFS, PVK_ERANGE, PVK_ENOSYS, PVK_EPROTO, PVK_ENOTSUP, PVK_EVERSION,
	};

	if (status >= 0)
		return status <= 65536;
	return status > -256 && memchr(errors, (int)-status, sizeof(errors));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!fake.vm.pv) {
		fake.config.pv_offer = PV_ALL | PLATFORM;
		fake.config.vcpus = 2;
		MUST(fake_disk(0, 1 << 20, HS_FACES_BOTH) && fake_disk(1, 1 << 20, HS_FACES_PVKIT));
		fuzz_power_on();
		MUST(hs_pv_create(&fake.vm) == 0);
		fake_platform_create(&fake.vm);
	}
	memset(fake_ram(PV_STRUCTS, STRUCTS * 128), 0, STRUCTS * 128);
	fake_con.room = 4096;
	if (take(&in, 1) & 3)
		MUST(pv_negotiate(PV_ALL) == 0);
	while (in.left) {
		uint8_t what = (uint8_t)take(&in, 1);
		struct hs_call call = { 0 };

		if (what & 0x80) {
			prepare(&in);
			continue;
		}
		if (what == 0x7e && fake_con.user) {
			uint32_t *word = fake_ram(number(&in) & 0xffffcu, 4);

			/* a counter, perhaps, then the console's thread */
			*word = (uint32_t)take(&in, 4);
			(void)fake_con.user->receive(fake_con.opaque, (uint8_t *)&what, 1, false);
			(void)fake_con.user->drain(fake_con.opaque);
			(void)fake_con.user->may_sleep(fake_con.opaque);
			continue;
		}
		if (what == 0x7f) {
			(void)fake_ring((uint32_t)take(&in, 2));
			continue;
		}
		call.number = what < 0x70 ? all_calls[what % NUMBERS] : (uint32_t)take(&in, 4);
		for (unsigned int i = 0; i < 4; i++)
			call.arg[i] = number(&in);
		fake.ide_busy[0] = call.arg[3] & 1;
		hs_pv_call(fake.vm.pv, &call);
		MUST(is_status(call.status));
	}
	/* the session leaves nothing behind */
	MUST(pv_until_done(PVK_CALL_NOP, 0) == 0);
	(void)pv_until_done(PVK_CALL_LEAVE, 0);
	fake_con.room = sizeof(fake_con.text) * 64;
	(void)pv_until_done(PVK_CALL_PLATFORM_LEAVE, 0);
	MUST(!fake_con.user);
	MUST(fake_doorbells() == 0);
	MUST(fake.ide_present[0] == 1);
	for (unsigned int i = 0; i < HS_IRQ_MESSAGES; i++)
		MUST(!fake.irq.message[i].bound);
	MUST(pv_call(PVK_CALL_BUS_INFO, PV_STRUCTS, 16, 0) == -PVK_EPERM);
	return 0;
}
