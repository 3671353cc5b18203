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
#include "calls.h"

static int64_t platform(void)
{
	struct pvk_negotiate n = { .size = sizeof(n), .version = PVK_ABI_VERSION,
				   .accept = CALL_PLATFORM };

	return pv_struct(PVK_CALL_PLATFORM_NEGOTIATE, &n, sizeof(n));
}

static void serve(struct hs_call *call)
{
	fake.ide_busy[0] = call->arg[3] & 1;
	hs_pv_call(fake.vm.pv, call);
	MUST(call_is_status(call->status));
}

/* What others do meanwhile: the console's thread, the user, who asks for the statistics. */
static void outside(struct input *in, unsigned int what)
{
	static FILE *nowhere;
	uint8_t text[64] = { 0 };
	uint32_t reg[4];

	switch (what) {
	case 0:
	case 1:
		/* counters of the console's rings, which the guest writes */
		memcpy(fake_ram(CALL_CONSOLE + take(in, 1) % 64 * 4, 4),
		       &(uint32_t){ (uint32_t)take(in, 2) }, 4);
		break;
	case 2:
	case 3:
		if (!fake_con.user)
			break;
		(void)fake_con.user->receive(fake_con.opaque, text, take(in, 1) % 64, what & 1);
		(void)fake_con.user->drain(fake_con.opaque);
		(void)fake_con.user->may_sleep(fake_con.opaque);
		break;
	case 4:
		(void)hs_pv_ask_power_off(fake.vm.pv);
		break;
	case 5:
		(void)fake_ring((uint32_t)take(in, 2));
		break;
	case 6:
		fake_con.room = (size_t)take(in, 2);
		fake.doorbell_refused = take(in, 1) & 1 ? ENOSPC : 0;
		break;
	default:
		if (!nowhere)
			nowhere = fopen("/dev/null", "w");
		MUST(nowhere);
		hs_pv_json(fake.vm.pv, nowhere);
		hs_pv_cpuid(&fake.config, (uint32_t)take(in, 1), reg);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct hs_call call;
	uint8_t what;

	if (!fake.vm.pv) {
		fake.config.pv_offer = PV_ALL | CALL_PLATFORM;
		fake.config.vcpus = 2;
		MUST(fake_disk(0, 1 << 20, HS_MODELS_BOTH) &&
		     fake_disk(1, 1 << 20, HS_MODELS_PVKIT));
		fuzz_power_on();
		MUST(hs_pv_create(&fake.vm) == 0);
		fake_platform_create(&fake.vm);
	}
	memset(fake_ram(PV_STRUCTS, CALL_STRUCTS * 256), 0, CALL_STRUCTS * 256);
	fake_con.room = 4096;
	what = (uint8_t)take(&in, 1);
	if (what & 1)
		MUST(pv_negotiate(PV_ALL) == 0);
	if (what & 2)
		MUST(platform() == 0);
	fake_cpu.la57 = what & 4;
	fake_cpu.busy = what & 8;
	while (in.left) {
		what = (uint8_t)take(&in, 1);
		if (what & 0x80) {
			call = call_make(&in);
			if (!(what & 0x40))
				serve(&call);
		} else if (what >= 0x78) {
			outside(&in, what & 7);
		} else {
			call = call_simple(&in);
			if (what >= 0x70)
				call.number = (uint32_t)take(&in, 4);
			serve(&call);
		}
	}
	/* the session leaves nothing behind */
	fake.doorbell_refused = 0;
	MUST(pv_until_done(PVK_CALL_NOP, 0) == 0);
	(void)pv_until_done(PVK_CALL_LEAVE, 0);
	fake_con.room = sizeof(fake_con.text) * 64;
	(void)pv_until_done(PVK_CALL_PLATFORM_LEAVE, 0);
	MUST(!fake_con.user);
	MUST(fake_doorbells() == 0);
	MUST(fake.ide_present[0] == 1);
	for (unsigned int i = 0; i < HS_IRQ_MSIS; i++)
		MUST(!fake.irq.message[i].bound);
	MUST(pv_call(PVK_CALL_BUS_INFO, PV_STRUCTS, 16, 0) == -PVK_EPERM);
	return 0;
}
