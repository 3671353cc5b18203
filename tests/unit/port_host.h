/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library on the strict OS, with the host stub's real handlers behind
 * it: the guest's half and the host's in one process. Between the two a test may
 * stand: `lie` sees each call's answer before the library does.
 */
#ifndef TESTS_PORT_HOST_H
#define TESTS_PORT_HOST_H

#ifndef FAKE_IDE
#define FAKE_IDE
#endif
#include "fake_vm.h"
#include "fake_net.h"
#include "pv_guest.h"
#include "fake_os.h"

#define PLATFORM	(PVK_FEAT_INFO | PVK_FEAT_POWER | PVK_FEAT_SMP | PVK_FEAT_CONSOLE | \
			 PVK_FEAT_MEM)
#define OS_RAM		0x1800000ull	/* the strict OS' own part of the guest's RAM */
#define OS_BYTES	0x1800000ull

static int64_t (*lie)(uint32_t number, const uint64_t *arg, int64_t status);

static inline void stub_cpuid(uint32_t leaf, struct pvk_cpuid_regs *out)
{
	uint32_t reg[4];

	if (leaf == 1)
		out->ecx = PVK_CPUID_HYPERVISOR;
	if (leaf - 0x40000100u > PVK_CPUID_MAX)
		return;
	hs_pv_cpuid(&fake.config, leaf - 0x40000100u, reg);
	out->eax = reg[0] + (leaf == 0x40000100u ? leaf : 0);	/* as cpuid.c adds the base */
	out->ebx = reg[1];
	out->ecx = reg[2];
	out->edx = reg[3];
}

static inline int64_t stub_call(uint16_t port, uint32_t number, const uint64_t *arg)
{
	struct hs_call call = { .number = number, .arg = { arg[0], arg[1], arg[2], arg[3] } };

	FAKE_OS_NEVER(port != HS_PORT_PVK_CALL, "a call to another port");
	hs_pv_call(fake.vm.pv, &call);
	return lie ? lie(number, arg, call.status) : call.status;
}

static inline void stub_doorbell(uint16_t port, uint32_t value)
{
	FAKE_OS_NEVER(port != HS_PORT_PVK_DOORBELL, "a doorbell at another port");
	(void)fake_ring(value);
}

static inline void stub_relax(void)
{
	const struct timespec pause = { .tv_nsec = 20000 };

	nanosleep(&pause, NULL);
}

static int power_on(void **state)
{
	(void)state;
	lie = NULL;
	fake.config.pv_offer = PV_ALL | PLATFORM;
	fake.config.vcpus = 2;
	fake.vm.net = fake_nets;
	if (!fake_disk(0, 1 << 20, HS_MODELS_BOTH) || !fake_disk(1, 1 << 20, HS_MODELS_PVKIT) ||
	    !fake_nic(0, 1, 0, HS_MODELS_BOTH))
		return -1;
	fake.config.disk[1].read_only = true;
	if (fake_create())
		return -1;
	fake.vm.net = fake_nets;
	if (hs_pv_create(&fake.vm))
		return -1;
	fake_platform_create(&fake.vm);
	fake_os_create(fake_ram(OS_RAM, OS_BYTES), OS_RAM, OS_BYTES);
	fake_os.cpuid = stub_cpuid;
	fake_os.port_call = stub_call;
	fake_os.out32 = stub_doorbell;
	fake_os.relax = stub_relax;
	return 0;
}

/* Everything is given back at the end of each test. */
static int power_off(void **state)
{
	unsigned int held = fake_os_held();

	(void)state;
	fake_os_destroy();
	fake_net_mode(0, FAKE_NET_SINK);
	fake_destroy();
	fake_nics_close();
	if (held)
		fprintf(stderr, "%u pieces of memory are still held\n", held);
	return held ? -1 : 0;
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, power_on, power_off)

#endif /* TESTS_PORT_HOST_H */
