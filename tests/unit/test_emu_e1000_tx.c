// SPDX-License-Identifier: BSD-2-Clause
/*
 * The emulated 82540EM (emu/e1000_tx.c): descriptors of frames to send, their
 * offloads and their ends, as Linux's e1000 makes them and as none should.
 */
/* LINK: host-stub/emu/e1000.c host-stub/emu/e1000_irq.c host-stub/emu/e1000_eeprom.c host-stub/emu/e1000_tx.c host-stub/emu/e1000_frame.c host-stub/emu/e1000_rx.c host-stub/emu/pci.c host-stub/net/net_soft.c host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include "e1000_bench.h"

static void legacy_frames_are_sent(void **state)
{
	uint8_t *buffer = fake_ram(TX_BUFFER, 4096);
	unsigned int n = 0;

	(void)state;
	nic_open(RX_ON);
	(void)nic_in(N_ICR);
	plain_frame(buffer, 1000);
	tx_put(&n, TX_BUFFER, 100, 0);
	tx_put(&n, TX_BUFFER + 100, 0, 0);		/* empty: nothing */
	tx_put(&n, TX_BUFFER + 100, 900 | LAST, 0);
	tx_put(&n, TX_BUFFER, 64 | EOP | IFCS, 0);	/* no status wanted */
	assert_true(tx_ring(n, 2));
	assert_int_equal(wire.frame[0].length, 1000);
	assert_memory_equal(wire.frame[0].bytes, buffer, 1000);
	assert_int_equal(wire.frame[0].meta.csum | wire.frame[0].meta.gso, 0);
	assert_int_equal(wire.frame[1].length, 64);
	assert_false(txd_done(0));
	assert_true(txd_done(2));
	assert_false(txd_done(3));
	assert_int_equal(nic_in(N_ICR) & 3, 3);
	assert_int_equal(nic_in(N_GPTC), 2);
	assert_int_equal(nic_in(N_GPTC), 0);		/* reading clears */
	assert_int_equal(nic_in(N_GOTCL), 1072);
	assert_int_equal(nic_in(N_GOTCL + 4), 0);
	assert_int_equal(nic_in(N_GOTCL), 0);
	/* an FCS of the driver's own goes; short ones are padded when TCTL.PSP says so */
	tx_put(&n, TX_BUFFER, 104 | EOP | RS, 0);
	nic_out(N_TCTL, 2 | 8);
	tx_put(&n, TX_BUFFER, 20 | LAST, 0);
	assert_true(tx_ring(n, 2));
	assert_int_equal(wire.frame[2].length, 100);
	assert_int_equal(wire.frame[3].length, 60);
	assert_int_equal(wire.frame[3].bytes[20] | wire.frame[3].bytes[59], 0);
}

/* A frame of 100 bytes is with the back end, which keeps it until wire_release(). */
static void a_frame_is_held(unsigned int *n)
{
	nic_open(RX_ON);
	plain_frame(fake_ram(TX_BUFFER, 100), 100);
	atomic_store(&wire.hold, true);
	tx_put(n, TX_BUFFER, 100 | LAST, 0);
	nic_out(N_TDT, *n);
	assert_true(FAKE_UNTIL(atomic_load(&wire.sent) == 1));
}

static void completion_waits_for_the_back_end(void **state)
{
	unsigned int n = 0;

	(void)state;
	a_frame_is_held(&n);
	wire_settle();
	assert_false(txd_done(0));
	assert_int_equal(nic_in(N_TDH), 0);
	wire_release();
	assert_true(FAKE_UNTIL(nic_in(N_TDH) == 1));
	assert_true(txd_done(0));
}

static void checksums_are_asked_for(void **state)
{
	uint8_t *buffer = fake_ram(TX_BUFFER, 4096), right[2048];
	uint32_t length = ip_frame(buffer, false, false, 500);
	unsigned int n = 0;

	(void)state;
	memcpy(right, buffer, length);
	nic_open(RX_ON);
	/* legacy: CSS, CSO */
	tx_put(&n, TX_BUFFER, length | LAST | IC | 50 << 16, 34 << 8);
	/* context: IP and TCP, sum to the end */
	tx_context(&n, 14, 24, 33, 34, 50, 0, 0, 0, 0);
	tx_put(&n, TX_BUFFER, length | LAST | DATA, 2 << 8);
	assert_true(tx_ring(n, 2));
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(wire.frame[i].meta.csum);
		assert_int_equal(wire.frame[i].meta.csum_start, 34);
		assert_int_equal(wire.frame[i].meta.csum_offset, 16);
		assert_memory_equal(wire.frame[i].bytes, right, length);
	}
	/* the header's sum is made here, and nothing written to the guest's buffer */
	put16(buffer + 24, 0);
	tx_put(&n, TX_BUFFER, length | LAST | DATA, 1 << 8);
	assert_true(tx_ring(n, 1));
	assert_memory_equal(wire.frame[2].bytes, right, length);
	assert_int_equal(get16(buffer + 24), 0);
	/* a sum that ends before the frame does */
	put16(buffer + 50, 0);
	tx_context(&n, 14, 24, 33, 34, 50, 133, 0, 0, 0);
	tx_put(&n, TX_BUFFER, length | LAST | DATA, 2 << 8);
	assert_true(tx_ring(n, 1));
	assert_false(wire.frame[3].meta.csum);
	assert_int_equal(hs_net_checksum(wire.frame[3].bytes + 34, 100, 0), 0xffff);
	assert_memory_equal(wire.frame[3].bytes + 134, right + 134, length - 134);
}

static void large_packet(bool six, bool tag)
{
	uint8_t *buffer = fake_ram(TX_BUFFER, 0x10000), right[128];
	uint32_t hdr = six ? 74 : 54, t = hdr - 20, payload = 20000, shift = tag ? 4 : 0;
	uint32_t length = ip_frame(buffer, six, false, payload);
	struct wire_frame *f = &wire.frame[0];
	unsigned int n = 0;

	nic_open(RX_ON);
	if (tag)
		nic_out(N_CTRL, nic_in(N_CTRL) | 1u << 30);
	memcpy(right, buffer, hdr);
	/* as Linux leaves it: no length, no sum, a pseudo header without length */
	put16(buffer + (six ? 18 : 16), 0);
	if (!six)
		put16(buffer + 24, 0);
	put16(buffer + t + 16, hs_net_checksum(buffer + (six ? 22 : 26), six ? 32 : 8, 6));
	tx_context(&n, 14, six ? 0 : 24, six ? 0 : 33, (uint8_t)t, (uint8_t)(t + 16), 0,
		   TSE | 1 << 24 | (six ? 0 : 1 << 25) | payload, (uint8_t)hdr, 1448);
	tx_put(&n, TX_BUFFER, hdr | DATA | TSE, 3 << 8);
	for (uint32_t at = hdr; at < length; at += 4096)
		tx_put(&n, TX_BUFFER + at,
		       (length - at < 4096 ? (length - at) | LAST : 4096) | DATA | TSE |
			       (tag ? VLE : 0),
		       3 << 8 | (tag ? 0x2064u << 16 : 0));
	assert_true(tx_ring(n, 1));
	assert_int_equal(f->length, length + shift);
	assert_int_equal(f->meta.gso, six ? PVK_NET_GSO_TCP6 : PVK_NET_GSO_TCP4);
	assert_int_equal(f->meta.gso_size, 1448);
	assert_int_equal(f->meta.hdr_len, hdr + shift);
	assert_true(f->meta.csum);
	assert_int_equal(f->meta.csum_start, t + shift);
	assert_int_equal(f->meta.csum_offset, 16);
	if (tag) {
		assert_int_equal(get16(f->bytes + 12), 0x8100);
		assert_int_equal(get16(f->bytes + 14), 0x2064);
	}
	assert_memory_equal(f->bytes, right, 12);
	/* lengths and the header's sum are those of the whole, up to TCP's sum ... */
	assert_memory_equal(f->bytes + 12 + shift, right + 12, t + 4);
	/* ... which, filled in, is right */
	assert_int_equal(hs_net_fill_csum(&f->meta, f->bytes, f->length), 0);
	assert_memory_equal(f->bytes + t + shift, right + t, 20);
	assert_memory_equal(f->bytes + hdr + shift, buffer + hdr, payload);
	assert_int_equal(nic_in(N_TSCTC), 1);
	assert_true(txd_done(n - 1));
}

static void large_packets_go_as_one(void **state)
{
	(void)state;
	large_packet(false, false);
}

static void large_packets_of_ipv6(void **state)
{
	(void)state;
	large_packet(true, false);
}

static void large_packets_with_a_tag(void **state)
{
	(void)state;
	large_packet(false, true);
}

static void tag_is_inserted(void **state)
{
	uint8_t *buffer = fake_ram(TX_BUFFER, 4096);
	unsigned int n = 0;

	(void)state;
	nic_open(RX_ON);
	plain_frame(buffer, 100);
	tx_put(&n, TX_BUFFER, 100 | LAST | VLE, 0x0005u << 16);
	assert_true(tx_ring(n, 1));
	assert_int_equal(wire.frame[0].length, 100);		/* VME is off */
	nic_out(N_CTRL, nic_in(N_CTRL) | 1u << 30);
	tx_put(&n, TX_BUFFER, 100 | LAST | VLE, 0x0005u << 16);
	assert_true(tx_ring(n, 1));
	assert_int_equal(wire.frame[1].length, 104);
	assert_memory_equal(wire.frame[1].bytes, buffer, 12);
	assert_int_equal(get16(wire.frame[1].bytes + 12), 0x8100);
	assert_int_equal(get16(wire.frame[1].bytes + 14), 5);
	assert_memory_equal(wire.frame[1].bytes + 16, buffer + 12, 88);
}

static void many_pieces_are_joined(void **state)
{
	uint8_t *buffer = fake_ram(TX_BUFFER, 0x10000);
	struct txd *ring = fake_ram(TX_RING, 16 * 512);
	uint8_t want[1300];
	unsigned int n = 0;

	(void)state;
	nic_open(RX_ON);
	nic_out(N_TDLEN, 16 * 512);
	/* frames of 50 pieces each, that do not adjoin; all need the one bounce buffer */
	plain_frame(want, 1300);
	for (unsigned int i = 0; i < 50; i++)
		memcpy(buffer + 64 * i, want + 26 * i, 26);
	for (; n < 150; n++)
		ring[n] = (struct txd){ TX_BUFFER + 64 * (n % 50), 26 | (n % 50 == 49 ? LAST : 0),
					0 };
	atomic_store(&wire.hold, true);
	nic_out(N_TDT, n);
	assert_true(FAKE_UNTIL(atomic_load(&wire.sent) == 1));
	wire_settle();
	assert_int_equal(atomic_load(&wire.sent), 1);
	wire_release();
	assert_true(FAKE_UNTIL(nic_in(N_TDH) == n));
	assert_int_equal(atomic_load(&wire.sent), 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(wire.frame[i].length, 1300);
		assert_memory_equal(wire.frame[i].bytes, want, 1300);
	}
}

static void nonsense_is_completed(void **state)
{
	unsigned int n = 0;

	(void)state;
	nic_open(RX_ON);
	plain_frame(fake_ram(TX_BUFFER, 100), 100);
	tx_put(&n, TX_BUFFER, 5 | LAST, 0);				/* too short */
	tx_put(&n, HS_MEM_HOLE_START, 100 | LAST, 0);			/* no RAM */
	tx_put(&n, ~0ull - 50, 100 | LAST, 0);
	tx_put(&n, TX_BUFFER, 100, 0);					/* no RAM, but for a part */
	tx_put(&n, HS_MEM_MIN - 50, 100 | LAST, 0);
	tx_put(&n, TX_BUFFER, 0 | LAST, 0);
	tx_put(&n, TX_BUFFER, 100 | LAST | IC | 90 << 16, 99 << 8);	/* CSO < CSS */
	tx_put(&n, TX_BUFFER, 100 | LAST | IC | 99 << 16, 50 << 8);	/* one byte too far */
	tx_put(&n, TX_BUFFER, 100 | LAST | DEXT | 5u << 20, 0);		/* no such type */
	tx_put(&n, TX_BUFFER, 100 | LAST | DATA | TSE, 3 << 8);		/* no context: MSS 0 */
	tx_context(&n, 14, 24, 33, 34, 50, 0, TSE | 3 << 24 | 46, 54, 0xffff);
	tx_put(&n, TX_BUFFER, 90 | LAST | DATA | TSE, 3 << 8);		/* PAYLEN wrong */
	tx_context(&n, 200, 255, 255, 250, 255, 0, TSE | 3 << 24 | 46, 54, 1);
	tx_put(&n, TX_BUFFER, 100 | LAST | DATA | TSE, 3 << 8);		/* offsets wrong */
	tx_context(&n, 14, 255, 3, 34, 50, 0, 0, 0, 0);
	tx_put(&n, TX_BUFFER, 100 | LAST | DATA, 1 << 8);		/* ends before its start */
	assert_true(tx_ring(n, 0));
	for (unsigned int i = 0; i < n; i++)
		if (txd_at(i)->lower & RS)
			assert_true(txd_done(i));
	/* and afterwards a frame goes out */
	tx_put(&n, TX_BUFFER, 100 | LAST, 0);
	assert_true(tx_ring(n, 1));
}

/* Buffers of `length` and of none, and no end. */
static void endless_frame(uint32_t length)
{
	unsigned int n = 0;

	nic_open(RX_ON);
	plain_frame(fake_ram(TX_BUFFER, 100), 100);
	for (unsigned int lap = 0; lap < 40; lap++) {
		for (unsigned int i = 0; i < 32; i++)
			tx_put(&n, TX_BUFFER, (lap & 1 ? 0 : length) | RS, 0);
		nic_out(N_TDT, n % DESCS);
		wire_settle();
	}
	tx_put(&n, TX_BUFFER, 100 | LAST, 0);		/* its end */
	tx_put(&n, TX_BUFFER, 100 | LAST, 0);
	assert_true(tx_ring(n, 1));
	assert_true(txd_done(n - 1));
}

static void endless_frame_is_dropped(void **state)
{
	(void)state;
	endless_frame(4000);
	endless_frame(2);
}

static void long_ring_is_served_in_rounds(void **state)
{
	struct txd *ring = fake_ram(TX_RING, 16 * 512);
	const unsigned int last = 400;

	(void)state;
	nic_open(RX_ON);
	plain_frame(fake_ram(TX_BUFFER, 100), 100);
	nic_out(N_TDLEN, 16 * 512);
	for (unsigned int i = 0; i < last; i++)
		ring[i] = (struct txd){ 0, DEXT | RS, 0 };
	for (unsigned int i = last - 100; i < last; i++)
		ring[i] = (struct txd){ TX_BUFFER, 100 | LAST, 0 };
	nic_out(N_TDT, last);
	assert_true(FAKE_UNTIL(nic_in(N_TDH) == last));
	assert_int_equal(atomic_load(&wire.sent), 100);
	for (unsigned int i = 0; i < last; i++)
		assert_int_equal(ring[i].upper & 1, 1);
}

static void impossible_rings_do_nothing(void **state)
{
	unsigned int n = 0;

	(void)state;
	nic_open(RX_ON);
	plain_frame(fake_ram(TX_BUFFER, 100), 100);
	tx_put(&n, TX_BUFFER, 100 | LAST, 0);
	nic_out(N_TDT, 0xffff);			/* beyond the ring */
	wire_settle();
	nic_out(N_TDBAL, 0xd0000000);		/* no RAM */
	nic_out(N_TDT, n);
	wire_settle();
	nic_out(N_TDBAL, (uint32_t)TX_RING);
	nic_out(N_TDLEN, 0);
	nic_out(N_TDT, n);
	wire_settle();
	nic_out(N_TDLEN, 16 * DESCS);
	nic_out(N_TDH, 0xfff0);
	nic_out(N_TDT, n);
	wire_settle();
	assert_int_equal(atomic_load(&wire.sent), 0);
	nic_out(N_TDH, 0);
	pci_out(NIC, 4, 2, 0x03);		/* no bus master */
	nic_out(N_TDT, n);
	wire_settle();
	assert_int_equal(atomic_load(&wire.sent), 0);
	assert_int_equal(wire_receive(fake_ram(TX_BUFFER, 100), 100, 1, false), 1);
	assert_int_equal(nic_in(N_RDH), 0);
	pci_out(NIC, 4, 2, 0x07);		/* and it goes on by itself */
	assert_true(FAKE_UNTIL(txd_done(0)));
	/* the receive ring likewise */
	nic_out(N_RDBAL, 0xd0000000);
	assert_int_equal(wire_receive(fake_ram(TX_BUFFER, 100), 100, 1, false), 1);
	nic_out(N_RDBAL, (uint32_t)RX_RING);
	nic_out(N_RDT, 0xffff);
	assert_int_equal(wire_receive(fake_ram(TX_BUFFER, 100), 100, 1, false), 0);
	nic_out(N_RDT, DESCS - 1);
	assert_int_equal(wire_receive(fake_ram(TX_BUFFER, 100), 100, 1, false), 1);
}

/* What ends while the card may not write is told when it may. */
static void completion_waits_for_the_bus(void **state)
{
	unsigned int n = 0;

	(void)state;
	a_frame_is_held(&n);
	pci_out(NIC, 4, 2, 0x03);
	wire_release();
	assert_true(FAKE_UNTIL(atomic_load(&wire.done) == 1));
	wire_settle();
	assert_false(txd_done(0));
	assert_int_equal(nic_in(N_TDH), 0);
	pci_out(NIC, 4, 2, 0x07);
	assert_true(txd_done(0));
	assert_int_equal(nic_in(N_TDH), 1);
	tx_put(&n, TX_BUFFER, 80 | LAST, 0);
	assert_true(tx_ring(n, 1));
}

static void *reset_it(void *over)
{
	nic_out(N_CTRL, 1u << 26);
	atomic_store((atomic_bool *)over, true);
	return NULL;
}

static void reset_in_the_middle(void **state)
{
	atomic_bool over = false;
	pthread_t resetter;
	unsigned int n = 0;

	(void)state;
	a_frame_is_held(&n);
	tx_put(&n, TX_BUFFER, 50, 0);			/* half a frame */
	nic_out(N_TDT, n);
	wire_settle();
	/* it lasts until the frame's memory is not read any more */
	assert_int_equal(pthread_create(&resetter, NULL, reset_it, &over), 0);
	assert_true(FAKE_UNTIL(!nic_in(N_TCTL)));
	/* and nothing new goes out meanwhile, though another CPU asks for it */
	nic_out(N_TDBAL, (uint32_t)TX_RING);
	nic_out(N_TDLEN, 16 * DESCS);
	nic_out(N_TCTL, 2);
	nic_out(N_TDT, 1);
	wire_settle();
	assert_int_equal(atomic_load(&wire.sent), 1);
	assert_false(atomic_load(&over));
	nic_out(N_TDT, 0);
	wire_release();
	assert_int_equal(pthread_join(resetter, NULL), 0);
	assert_int_equal(atomic_load(&wire.done), 1);
	wire_settle();
	assert_int_equal(atomic_load(&wire.sent), 1);
	assert_false(txd_done(0));
	assert_int_equal(nic_in(N_TDH) | nic_in(N_ICR), 0);
	nic_open(RX_ON);				/* the ring is cleared */
	assert_int_equal(nic_in(N_TDH), 0);
	n = 0;
	tx_put(&n, TX_BUFFER, 80 | LAST, 0);
	assert_true(tx_ring(n, 1));
	assert_int_equal(wire.frame[1].length, 80);	/* without the other half */
}

/* A ring like the one before, in its place: with descriptor 0 next, and none to be sent. */
static void another_ring(void)
{
	nic_out(N_TCTL, 0);
	nic_out(N_TDT, 0);
	nic_out(N_TDBAL, (uint32_t)TX_RING);
	nic_out(N_TDH, 0);
	nic_out(N_TCTL, 2);
	txd_at(0)->upper = 0;
}

/* What was fetched from another ring is sent, and not reported to this one. */
static void another_ring_in_the_middle(void **state)
{
	unsigned int n = 0;

	(void)state;
	a_frame_is_held(&n);
	tx_put(&n, TX_BUFFER, 50, 0);			/* half a frame */
	nic_out(N_TDT, n);
	wire_settle();
	another_ring();
	n = 0;
	tx_put(&n, TX_BUFFER, 80 | LAST, 0);
	nic_out(N_TDT, n);
	assert_true(FAKE_UNTIL(atomic_load(&wire.sent) == 2));
	assert_int_equal(wire.frame[1].length, 80);
	wire_release_first();
	assert_int_equal(atomic_load(&wire.done), 1);
	assert_false(txd_done(0));
	assert_int_equal(nic_in(N_TDH) | (nic_in(N_ICR) & 3) | nic_in(N_GPTC), 0);
	wire_release();
	assert_true(FAKE_UNTIL(nic_in(N_TDH) == 1));
	assert_true(txd_done(0));
	assert_int_equal(nic_in(N_GPTC), 1);
}

/* Frames of another ring keep what they have until they are done: the new ring's wait. */
static void forgotten_frames_hold_all_slots(void **state)
{
	unsigned int n = 0;

	(void)state;
	a_frame_is_held(&n);
	while (n < DESCS - 1)
		tx_put(&n, TX_BUFFER, 100 | LAST, 0);
	nic_out(N_TDT, n);
	assert_true(FAKE_UNTIL(atomic_load(&wire.sent) == DESCS - 1));
	another_ring();
	n = 0;
	for (unsigned int i = 0; i < 2; i++)
		tx_put(&n, TX_BUFFER, (80 + i) | LAST, 0);
	nic_out(N_TDT, n);
	assert_true(FAKE_UNTIL(atomic_load(&wire.sent) == DESCS));
	wire_settle();
	assert_int_equal(atomic_load(&wire.sent), DESCS); /* there are as many as descriptors */
	wire_release();
	assert_true(FAKE_UNTIL(nic_in(N_TDH) == 2));
	assert_int_equal(wire.frame[DESCS % WIRE_FRAMES].length, 81);
	assert_int_equal(nic_in(N_GPTC), 2);
}

static void put_in_pieces(unsigned int *n, uint8_t byte)
{
	memset(fake_ram(TX_BUFFER, 0x10000), byte, 0x10000);
	for (unsigned int i = 0; i < 50; i++)
		tx_put(n, TX_BUFFER + 64 * i, i < 49 ? 20 : 20 | LAST, 0);
}

static void forgotten_frame_holds_the_buffer(void **state)
{
	unsigned int n = 0;

	(void)state;
	nic_open(RX_ON);
	atomic_store(&wire.hold, true);
	put_in_pieces(&n, 1);
	nic_out(N_TDT, n);
	assert_true(FAKE_UNTIL(atomic_load(&wire.sent) == 1));
	another_ring();
	n = 0;
	put_in_pieces(&n, 2);
	nic_out(N_TDT, n);
	wire_settle();
	assert_int_equal(atomic_load(&wire.sent), 1);
	wire_release();
	assert_true(FAKE_UNTIL(nic_in(N_TDH) == n));
	assert_int_equal(atomic_load(&wire.sent), 2);
	assert_int_equal(wire.frame[1].length, 1000);
	assert_int_equal(wire.frame[1].bytes[999], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(legacy_frames_are_sent), T(completion_waits_for_the_back_end),
		T(completion_waits_for_the_bus),
		T(checksums_are_asked_for), T(large_packets_go_as_one), T(large_packets_of_ipv6),
		T(large_packets_with_a_tag), T(tag_is_inserted), T(many_pieces_are_joined),
		T(nonsense_is_completed), T(endless_frame_is_dropped),
		T(long_ring_is_served_in_rounds), T(impossible_rings_do_nothing),
		T(reset_in_the_middle), T(another_ring_in_the_middle),
		T(forgotten_frames_hold_all_slots), T(forgotten_frame_holds_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
