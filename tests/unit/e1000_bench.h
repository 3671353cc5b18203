/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the emulated 82540EM (test_emu_e1000*.c): power on and off,
 * unplug, and frames with right sums, over a back end that the test plays.
 */
#ifndef TESTS_E1000_BENCH_H
#define TESTS_E1000_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FAKE_IDE
#include "e1000_guest.h"

#define NIC		HS_PCI_NIC(0)
#define GSI		HS_IRQ_NIC(0)
#define RX_ON		0x8002u		/* EN, BAM, buffers of 2 KiB */
#define TXDW		0x01u
#define LSC		0x04u
#define RXT0		0x80u

static const uint8_t own[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static inline int power_on(void **state)
{
	(void)state;
	if (fake_create() || wire_create() || hs_pci_create(&fake.vm) || hs_e1000_create(&fake.vm))
		return -1;
	return 0;
}

static inline int power_off(void **state)
{
	(void)state;
	wire_release();
	fake_destroy();
	wire_destroy();
	return 0;
}

static inline void detach(void)
{
	hs_e1000_detach(&fake.vm, 0);
}

static inline void attach(void)
{
	hs_e1000_attach(&fake.vm, 0);
}

static inline void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* A frame to the NIC of `length` bytes: Ethernet type 0x88b5, counting bytes. */
static inline void plain_frame(uint8_t *f, uint32_t length)
{
	memcpy(f, own, 6);
	memset(f + 6, 0x22, 6);
	put16(f + 12, 0x88b5);
	for (uint32_t i = 14; i < length; i++)
		f[i] = (uint8_t)(i * 7);
}

/* IPv4 or IPv6, TCP or UDP, with right sums, `payload` bytes; the length of it. */
static inline uint32_t ip_frame(uint8_t *f, bool six, bool udp, uint32_t payload)
{
	uint32_t l3 = six ? 40 : 20, l4 = udp ? 8 : 20, length = 14 + l3 + l4 + payload;
	uint8_t *ip = f + 14, *t = ip + l3;
	uint16_t sum;

	plain_frame(f, length);
	memset(ip, 0, l3 + l4);
	put16(f + 12, six ? 0x86dd : 0x0800);
	for (uint32_t i = 0; i < (six ? 32 : 8); i++)
		ip[(six ? 8 : 12) + i] = (uint8_t)(0x0a + i);
	if (six) {
		ip[0] = 0x60;
		put16(ip + 4, l4 + payload);
		ip[6] = udp ? 17 : 6;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, 20 + l4 + payload);
		ip[8] = 64;
		ip[9] = udp ? 17 : 6;
		put16(ip + 10, (uint16_t)~hs_net_checksum(ip, 20, 0));
	}
	put16(t, 1000);
	put16(t + 2, 2000);
	if (udp)
		put16(t + 4, 8 + payload);
	else
		t[12] = 0x50;
	sum = (uint16_t)~hs_net_checksum(t, l4 + payload,
					 hs_net_checksum(ip + (six ? 8 : 12), six ? 32 : 8, 0) +
						 (udp ? 17 : 6) + l4 + payload);
	put16(t + (udp ? 6 : 16), sum);
	return length;
}

/* What the driver finds at descriptor n, a whole frame in one buffer. */
static inline void assert_received(unsigned int n, const uint8_t *want, uint32_t length)
{
	assert_int_equal(rxd_at(n)->status & 3, 3);
	assert_int_equal(rxd_at(n)->length, length + 4);
	assert_memory_equal(fake_ram(RX_BUFFER + 0x4000ull * n, length), want, length);
}

#define T(name) cmocka_unit_test_setup_teardown(name, power_on, power_off)

#endif /* TESTS_E1000_BENCH_H */
