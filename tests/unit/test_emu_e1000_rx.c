// SPDX-License-Identifier: BSD-2-Clause
/*
 * The emulated 82540EM (emu/e1000_rx.c): received frames into buffers; filters,
 * tags and the state of checksums.
 */
/* LINK: host-stub/emu/e1000.c host-stub/emu/e1000_irq.c host-stub/emu/e1000_eeprom.c host-stub/emu/e1000_tx.c host-stub/emu/e1000_frame.c host-stub/emu/e1000_rx.c host-stub/emu/pci.c host-stub/net/net_soft.c host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include "e1000_bench.h"

static void frames_are_received(void **state)
{
	uint8_t f[2000] = { 0 }, padded[60] = { 0 };

	(void)state;
	nic_open(RX_ON);
	nic_out(N_IMS, RXT0);
	plain_frame(f, 1514);
	assert_int_equal(wire_receive(f, 1514, 3, false), 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_received(i, f, 1514);
	assert_int_equal(rxd_at(3)->status, 0);
	assert_int_equal(atomic_load(&fake.irq.edges[GSI]), 1);
	assert_int_equal(nic_in(N_ICR) & RXT0, RXT0);
	assert_int_equal(nic_in(N_RDH), 3);
	memcpy(padded, f, 42);
	assert_int_equal(wire_receive(f, 42, 1, false), 1);
	assert_received(3, padded, 60);
	assert_int_equal(nic_in(N_GPRC), 4);
	/* the longest without LPE has 1522 bytes with its FCS */
	assert_int_equal(wire_receive(f, 1518, 1, false), 1);
	assert_received(4, f, 1518);
	assert_int_equal(wire_receive(f, 1519, 1, false), 1);
	assert_int_equal(rxd_at(5)->status, 0);
	assert_int_equal(nic_in(N_ROC), 1);
	nic_out(N_RCTL, 0x8002 | 1u << 26);		/* no FCS */
	assert_int_equal(wire_receive(f, 100, 1, false), 1);
	assert_int_equal(rxd_at(5)->length, 100);
	nic_out(N_RCTL, 0);
	assert_int_equal(wire_receive(f, 100, 1, false), 1);
	assert_int_equal(rxd_at(6)->status, 0);
}

static void long_frames_take_several_buffers(void **state)
{
	static uint8_t f[9014];
	uint32_t at = 0;

	(void)state;
	plain_frame(f, sizeof(f));
	nic_open(RX_ON | 0x20);				/* LPE */
	assert_int_equal(wire_receive(f, sizeof(f), 1, false), 1);
	for (unsigned int i = 0; i < 5; i++) {
		uint32_t len = i < 4 ? 2048 : 9018 - 4 * 2048;

		assert_int_equal(rxd_at(i)->status & 3, i < 4 ? 1 : 3);
		assert_int_equal(rxd_at(i)->length, len);
		assert_memory_equal(fake_ram(RX_BUFFER + 0x4000ull * i, len), f + at,
				    len < sizeof(f) - at ? len : sizeof(f) - at);
		at += len;
	}
	nic_out(N_RCTL, 0x8002 | 0x20 | 1u << 25 | 1u << 16);	/* buffers of 16 KiB */
	assert_int_equal(wire_receive(f, sizeof(f), 1, false), 1);
	assert_received(5, f, sizeof(f));
	nic_out(N_RCTL, 0x8002 | 3u << 16);			/* of 256 bytes */
	assert_int_equal(wire_receive(f, 600, 1, false), 1);
	assert_int_equal(nic_in(N_RDH), 9);
	assert_int_equal(rxd_at(8)->length, 604 - 512);
}

static void full_ring_refuses_until_rdt(void **state)
{
	uint8_t f[100];

	(void)state;
	nic_open(RX_ON);
	nic_out(N_IMS, RXT0);
	plain_frame(f, 100);
	nic_out(N_RDT, 5);
	assert_int_equal(wire_receive(f, 100, 10, false), 5);
	assert_int_equal(nic_in(N_RNBC), 1);
	assert_int_equal(nic_in(N_ICR) & 0x90, 0x90);
	assert_int_equal(atomic_load(&wire.readied), 0);
	nic_out(N_RDT, 7);
	assert_true(FAKE_UNTIL(atomic_load(&wire.readied) == 1));
	nic_out(N_RDT, 8);
	wire_settle();
	assert_int_equal(atomic_load(&wire.readied), 1);	/* nobody waits */
	assert_int_equal(wire_receive(f, 100, 10, false), 3);
	/* so does a reset: the frame that waits is dropped then */
	nic_out(N_CTRL, 1u << 26);
	assert_true(FAKE_UNTIL(atomic_load(&wire.readied) == 2));
	assert_int_equal(wire_receive(f, 100, 1, false), 1);
}

/* Does a frame to this address pass? */
static bool passes(const char *to)
{
	uint8_t f[64];
	uint32_t head = nic_in(N_RDH);

	plain_frame(f, 64);
	memcpy(f, to, 6);
	assert_int_equal(wire_receive(f, 64, 1, false), 1);
	nic_out(N_RDT, (nic_in(N_RDH) + DESCS - 1) % DESCS);
	return nic_in(N_RDH) != head;
}

static void addresses_are_filtered(void **state)
{
	static const unsigned int shift[] = { 4, 3, 2, 0 };
	const char *group = "\x01\x00\x5e\x01\xa2\xb3", *other = "\x52\x54\x00\x12\x34\x57";
	const char *all = "\xff\xff\xff\xff\xff\xff";

	(void)state;
	nic_open(2);
	assert_true(passes((const char *)own));
	assert_false(passes(other));
	assert_false(passes(all));
	assert_false(passes(group));
	nic_out(N_RCTL, RX_ON);
	assert_true(passes(all));
	assert_int_equal(nic_in(N_BPRC), 1);
	nic_out(N_RCTL, RX_ON | 8);		/* unicast promiscuous */
	assert_true(passes(other));
	assert_false(passes(group));
	nic_out(N_RCTL, RX_ON | 0x10);		/* all groups */
	assert_true(passes(group));
	assert_false(passes(other));
	nic_out(N_RCTL, RX_ON);
	nic_out(N_RA + 15 * 8, 0x12005452);	/* the last of 16 */
	nic_out(N_RA + 15 * 8 + 4, 0x5734);
	assert_false(passes(other));
	nic_out(N_RA + 15 * 8 + 4, 0x80005734);
	assert_true(passes(other));
	nic_out(N_RA + 4, 0x5634);
	assert_false(passes((const char *)own));
	for (unsigned int mo = 0; mo < 4; mo++) {
		uint32_t hash = 0xb3a2u >> shift[mo] & 0xfff;

		nic_out(N_RCTL, RX_ON | mo << 12);
		assert_false(passes(group));
		nic_out(N_MTA + 4 * (hash >> 5), 1u << (hash & 31));
		assert_true(passes(group));
		assert_false(passes("\x01\x00\x5e\x01\xa2\x4c"));
		nic_out(N_MTA + 4 * (hash >> 5), 0);
	}
}

static void vlans_are_filtered_and_stripped(void **state)
{
	uint8_t f[104], want[100];

	(void)state;
	nic_open(RX_ON);
	plain_frame(want, 100);
	memcpy(f, want, 12);
	put16(f + 12, 0x8100);
	put16(f + 14, 0x6005);
	memcpy(f + 16, want + 12, 88);
	assert_int_equal(wire_receive(f, 104, 1, false), 1);
	assert_received(0, f, 104);
	assert_int_equal(rxd_at(0)->status & 8, 0);
	nic_out(N_CTRL, nic_in(N_CTRL) | 1u << 30);
	assert_int_equal(wire_receive(f, 104, 1, false), 1);
	assert_received(1, want, 100);
	assert_int_equal(rxd_at(1)->status & 8, 8);
	assert_int_equal(rxd_at(1)->special, 0x6005);
	nic_out(N_RCTL, RX_ON | 1u << 18);
	assert_int_equal(wire_receive(f, 104, 1, false), 1);
	assert_int_equal(nic_in(N_RDH), 2);
	nic_out(N_VFTA, 1u << 5);
	assert_int_equal(wire_receive(f, 104, 1, false), 1);
	assert_int_equal(nic_in(N_RDH), 3);
}

static void checksum_status_is_true(void **state)
{
	uint8_t f[300];
	unsigned int n = 0;

	(void)state;
	nic_open(RX_ON);
	(void)wire_receive(f, ip_frame(f, false, false, 101), 1, false);
	assert_int_equal(rxd_at(n++)->status & 0x64, 0x04);	/* RXCSUM is off: not looked at */
	nic_out(N_RXCSUM, 0x300);
	for (unsigned int kind = 0; kind < 4; kind++) {
		uint32_t length = ip_frame(f, kind & 1, kind & 2, 101);

		(void)wire_receive(f, length, 1, false);
		assert_int_equal(rxd_at(n)->status & 0x64, kind & 1 ? 0x20 : 0x60);
		assert_int_equal(rxd_at(n++)->errors, 0);
		f[length - 1] ^= 1;
		(void)wire_receive(f, length, 1, false);
		assert_int_equal(rxd_at(n)->status & 0x24, 0x20);
		assert_int_equal(rxd_at(n++)->errors, 0x20);
		/* the back end knows that it was right */
		(void)wire_receive(f, length, 1, true);
		assert_int_equal(rxd_at(n)->status & 0x24, 0x20);
		assert_int_equal(rxd_at(n++)->errors, 0);
	}
	(void)ip_frame(f, false, false, 101);
	f[14 + 8] ^= 1;				/* TTL: the header's sum is wrong, TCP's is not */
	(void)wire_receive(f, 155, 1, false);
	assert_int_equal(rxd_at(n)->status & 0x64, 0x60);
	assert_int_equal(rxd_at(n++)->errors, 0x40);
	(void)ip_frame(f, false, false, 101);
	f[14 + 6] = 0x20;			/* a fragment: nothing to say of TCP */
	(void)wire_receive(f, 155, 1, false);
	assert_int_equal(rxd_at(n++)->status & 0x20, 0);
	(void)ip_frame(f, false, true, 101);
	put16(f + 40, 0);			/* UDP without a sum */
	(void)wire_receive(f, 143, 1, false);
	assert_int_equal(rxd_at(n++)->status & 0x20, 0);
	(void)ip_frame(f, false, false, 101);
	put16(f + 16, 5000);			/* longer than it is */
	(void)wire_receive(f, 155, 1, false);
	assert_int_equal(rxd_at(n++)->status & 0x64, 0x04);
}

static void buffer_outside_ram_is_completed(void **state)
{
	uint8_t f[100];

	(void)state;
	nic_open(RX_ON);
	plain_frame(f, 100);
	rxd_at(0)->address = HS_MEM_HOLE_START;
	rxd_at(1)->address = ~0ull - 8;
	assert_int_equal(wire_receive(f, 100, 3, false), 3);
	assert_int_equal(rxd_at(0)->status & rxd_at(1)->status & 3, 3);
	assert_received(2, f, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(frames_are_received), T(long_frames_take_several_buffers),
		T(full_ring_refuses_until_rdt), T(addresses_are_filtered),
		T(vlans_are_filtered_and_stripped), T(checksum_status_is_true),
		T(buffer_outside_ram_is_completed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
