// SPDX-License-Identifier: BSD-2-Clause
/*
 * The emulated 82540EM (emu/e1000*.c) by its registers and rings, as Linux's
 * e1000 uses it and as none should, over a back end that the test plays.
 */
/* LINK: host-stub/emu/e1000.c host-stub/emu/e1000_eeprom.c host-stub/emu/e1000_tx.c host-stub/emu/e1000_rx.c host-stub/emu/pci.c host-stub/backend/net_soft.c host-stub/backend/blk.c host-stub/backend/blk_open.c host-stub/backend/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
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

static int power_on(void **state)
{
	(void)state;
	if (fake_create() || wire_create() || hs_pci_create(&fake.vm) || hs_e1000_create(&fake.vm))
		return -1;
	return 0;
}

static int power_off(void **state)
{
	(void)state;
	wire_release();
	fake_destroy();
	wire_destroy();
	return 0;
}

static void detach(void)
{
	pthread_mutex_lock(&fake.vm.lock);
	hs_e1000_detach(&fake.vm, 0);
	pthread_mutex_unlock(&fake.vm.lock);
}

static void attach(void)
{
	pthread_mutex_lock(&fake.vm.lock);
	hs_e1000_attach(&fake.vm, 0);
	pthread_mutex_unlock(&fake.vm.lock);
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* A frame to the NIC of `length` bytes: Ethernet type 0x88b5, counting bytes. */
static void plain_frame(uint8_t *f, uint32_t length)
{
	memcpy(f, own, 6);
	memset(f + 6, 0x22, 6);
	put16(f + 12, 0x88b5);
	for (uint32_t i = 14; i < length; i++)
		f[i] = (uint8_t)(i * 7);
}

/* IPv4 or IPv6, TCP or UDP, with right sums, `payload` bytes; the length of it. */
static uint32_t ip_frame(uint8_t *f, bool six, bool udp, uint32_t payload)
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
		put16(ip + 10, (uint16_t)~hs_net_sum(ip, 20, 0));
	}
	put16(t, 1000);
	put16(t + 2, 2000);
	if (udp)
		put16(t + 4, 8 + payload);
	else
		t[12] = 0x50;
	sum = (uint16_t)~hs_net_sum(t, l4 + payload,
		hs_net_sum(ip + (six ? 8 : 12), six ? 32 : 8, 0) + (udp ? 17 : 6) + l4 + payload);
	put16(t + (udp ? 6 : 16), sum);
	return length;
}

/* ---- what is there ---- */

static void pci_says_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(pci_in(NIC, 0, 4), 0x100e8086);
	assert_int_equal(pci_in(NIC, 8, 4) >> 8, 0x020000);
	assert_int_equal(pci_in(NIC, 0x10, 4), HS_MMIO_NIC(0));
	assert_int_equal(pci_in(NIC, 0x18, 4), HS_PORT_NIC(0) | 1);
	assert_int_equal(pci_in(NIC, 0x3c, 2), 0x0100 | HS_IRQ_NIC_PIC);
	pci_out(NIC, 0x10, 4, 0xffffffff);
	assert_int_equal(pci_in(NIC, 0x10, 4), 0xfffe0000);
	pci_out(NIC, 0x10, 4, 0xe0000000);
	pci_out(NIC, 0x18, 4, 0xffffffff);
	assert_int_equal(pci_in(NIC, 0x18, 4), 0xffc1);
	assert_int_equal(nic_in(N_STATUS), 0xffffffff);	/* moved away */
	pci_out(NIC, 0x10, 4, HS_MMIO_NIC(0));
	assert_int_equal(nic_in(N_STATUS), 0x281);
	pci_out(NIC, 4, 2, 0x05);			/* memory off */
	assert_int_equal(nic_in(N_STATUS), 0xffffffff);
	assert_int_equal(pci_in(HS_PCI_NIC(1), 0, 4), 0xffffffff);
}

static void assert_power_on(void)
{
	assert_int_equal(nic_in(N_CTRL), 0x201);
	assert_int_equal(nic_in(N_STATUS), 0x281);
	assert_int_equal(nic_in(N_ICR), 0);
	assert_int_equal(nic_in(N_IMS), 0);
	assert_int_equal(nic_in(N_RCTL), 0);
	assert_int_equal(nic_in(N_TCTL), 0);
	assert_int_equal(nic_in(N_TDH) | nic_in(N_TDT) | nic_in(N_RDH) | nic_in(N_RDT), 0);
	assert_int_equal(nic_in(N_VET), 0x8100);
	assert_int_equal(nic_in(N_RA), 0x12005452);
	assert_int_equal(nic_in(N_RA + 4), 0x80005634);
}

static void reset_gives_power_on_values(void **state)
{
	(void)state;
	assert_power_on();
	nic_open(RX_ON);
	nic_out(N_VET, 0x88a8);
	nic_out(N_IMS, 0xff);
	nic_out(N_RA + 4, 0);
	nic_out(N_ICS, LSC);
	assert_int_equal(fake.irq.wire[GSI], 1);
	nic_out(N_CTRL, 1u << 26);
	assert_int_equal(fake.irq.wire[GSI], 0);
	assert_power_on();
	/* through the I/O BAR, as Linux does it */
	nic_open(RX_ON);
	fake_out(HS_PORT_NIC(0), 4, N_CTRL);
	assert_int_equal(fake_in(HS_PORT_NIC(0) + 4, 4), nic_in(N_CTRL));
	fake_out(HS_PORT_NIC(0) + 4, 4, 1u << 26);
	assert_power_on();
	fake_out(HS_PORT_NIC(0), 4, 0xfffffff0);
	fake_out(HS_PORT_NIC(0) + 4, 4, 1);
	assert_int_equal(fake_in(HS_PORT_NIC(0) + 4, 4), 0);
}

static uint16_t eerd_read(unsigned int word)
{
	nic_out(N_EERD, word << 8 | 1);
	assert_int_equal(nic_in(N_EERD) & 0x10, 0x10);
	return (uint16_t)(nic_in(N_EERD) >> 16);
}

static void bang(uint32_t bits, unsigned int count)
{
	while (count--) {
		uint32_t eecd = 0x42 | (bits >> count & 1) << 2;

		nic_out(N_EECD, eecd);
		nic_out(N_EECD, eecd | 1);
		nic_out(N_EECD, eecd);
	}
}

static uint16_t bang_read(unsigned int word)
{
	uint16_t value = 0;

	nic_out(N_EECD, 0x40);
	assert_int_equal(nic_in(N_EECD) & 0x3c0, 0x1c0);	/* granted, there, 64 words */
	nic_out(N_EECD, 0x42);
	bang(6, 3);
	bang(word, 6);
	for (unsigned int i = 0; i < 16; i++) {
		nic_out(N_EECD, 0x43);
		value = (uint16_t)(value << 1 | (nic_in(N_EECD) >> 3 & 1));
		nic_out(N_EECD, 0x42);
	}
	nic_out(N_EECD, 0x40);
	nic_out(N_EECD, 0);
	return value;
}

static void eeprom_reads_both_ways(void **state)
{
	uint16_t sum = 0;

	(void)state;
	assert_int_equal(eerd_read(0), 0x5452);
	for (unsigned int i = 0; i < 64; i++) {
		uint16_t word = eerd_read(i);

		assert_int_equal(bang_read(i), word);
		sum = (uint16_t)(sum + word);
	}
	assert_int_equal(sum, 0xbaba);
	assert_int_equal(eerd_read(64), 0);
	assert_int_equal(nic_in(N_EECD) & 0x80, 0);
	/* a write needs its enabling */
	nic_out(N_EECD, 0x42);
	bang(5 << 22 | 0x20 << 16 | 0x1234, 25);
	nic_out(N_EECD, 0x40);
	assert_int_equal(eerd_read(0x20), 0);
	nic_out(N_EECD, 0x42);
	bang(4 << 6 | 0x30, 9);
	nic_out(N_EECD, 0x40);
	nic_out(N_EECD, 0x42);
	bang(5 << 22 | 0x20 << 16 | 0x1234, 25);
	nic_out(N_EECD, 0x40);
	assert_int_equal(bang_read(0x20), 0x1234);
}

static uint32_t mdic(uint32_t value)
{
	nic_out(N_MDIC, value);
	return nic_in(N_MDIC);
}

static void phy_has_negotiated(void **state)
{
	(void)state;
	assert_int_equal(mdic(0x08000000 | 1 << 21 | 2 << 16), 0x18000000u | 1 << 21 | 2 << 16 | 0x0141);
	assert_int_equal(mdic(0x08000000 | 1 << 21 | 3 << 16) & 0xfff0, 0x0c20);
	assert_int_equal(mdic(0x08000000 | 1 << 21 | 1 << 16) & 0x24, 0x24);
	assert_int_equal(mdic(0x08000000 | 1 << 21 | 17 << 16) & 0xec00, 0xac00);
	mdic(0x04000000 | 1 << 21 | 0x9140);
	assert_int_equal(mdic(0x08000000 | 1 << 21) & 0xffff, 0x1140);
	mdic(0x04000000 | 1 << 21 | 2 << 16 | 0xffff);
	assert_int_equal(mdic(0x08000000 | 1 << 21 | 2 << 16) & 0xffff, 0x0141);
	assert_int_equal(mdic(0x08000000 | 2 << 21) >> 28 & 5, 5);	/* nobody there */
	assert_int_equal(nic_in(N_ICR), 0);
	mdic(0x28000000 | 1 << 21);
	assert_int_equal(nic_in(N_ICR), 0x200);
}

/* ---- interrupts ---- */

static void causes_masks_and_reading(void **state)
{
	(void)state;
	nic_out(N_ICS, LSC);
	assert_int_equal(fake.irq.wire[GSI], 0);
	nic_out(N_IMS, LSC | TXDW);
	assert_int_equal(fake.irq.wire[GSI], 1);
	assert_int_equal(fake.irq.wire[HS_IRQ_NIC_PIC], 1);
	assert_int_equal(pci_in(NIC, 6, 2) & 8, 8);
	pci_out(NIC, 4, 2, 0x0407);		/* INTx off: status stays */
	assert_int_equal(fake.irq.wire[GSI], 0);
	assert_int_equal(pci_in(NIC, 6, 2) & 8, 8);
	pci_out(NIC, 4, 2, 0x0007);
	assert_int_equal(fake.irq.wire[GSI], 1);
	nic_out(N_IMC, LSC);
	assert_int_equal(fake.irq.wire[GSI], 0);
	assert_int_equal(nic_in(N_IMS), TXDW);
	nic_out(N_IMS, LSC);
	nic_out(N_ICR, LSC);			/* ones clear */
	assert_int_equal(fake.irq.wire[GSI], 0);
	nic_out(N_ICS, LSC | 0x80000000);
	assert_int_equal(nic_in(N_ICR), LSC);	/* reading clears */
	assert_int_equal(fake.irq.wire[GSI] | fake.irq.wire[HS_IRQ_NIC_PIC], 0);
	assert_int_equal(nic_in(N_ICR), 0);
	/* PIRQRC bit 7, as _PIC sets it: the IOAPIC's wire only */
	pci_out(HS_PCI_ISA_BRIDGE, 0x60, 4, 0x8b8b8b8b);
	nic_out(N_ICS, LSC);
	assert_int_equal(fake.irq.wire[GSI], 1);
	assert_int_equal(fake.irq.wire[HS_IRQ_NIC_PIC], 0);
	pci_out(HS_PCI_ISA_BRIDGE, 0x60, 1, HS_IRQ_NIC_PIC);
	assert_int_equal(fake.irq.wire[HS_IRQ_NIC_PIC], 1);
}

static void throttling_bounds_the_rate(void **state)
{
	uint64_t begin, end;
	unsigned int before;

	(void)state;
	nic_out(N_ITR, 8000);			/* 2.048 ms */
	nic_out(N_IMS, LSC);
	before = atomic_load(&fake.irq.edges[GSI]);
	begin = hs_now();
	while (hs_now() - begin < 50000000) {
		nic_out(N_ICS, LSC);
		(void)nic_in(N_ICR);
		nic_out(N_ICS, LSC);
	}
	end = hs_now();
	assert_true(atomic_load(&fake.irq.edges[GSI]) - before <= 2 + (end - begin) / 2048000);
	assert_true(atomic_load(&fake.irq.edges[GSI]) - before >= 3);
	/* what was held back comes, with nobody touching the chip */
	(void)nic_in(N_ICR);
	nic_out(N_ICS, LSC);
	before = atomic_load(&fake.irq.edges[GSI]);
	(void)nic_in(N_ICR);
	nic_out(N_ICS, LSC);
	assert_true(FAKE_UNTIL(atomic_load(&fake.irq.edges[GSI]) > before));
	/* without throttling each is told */
	(void)nic_in(N_ICR);
	nic_out(N_CTRL, 1u << 26);
	nic_out(N_IMS, LSC);
	before = atomic_load(&fake.irq.edges[GSI]);
	for (unsigned int i = 0; i < 100; i++) {
		nic_out(N_ICS, LSC);
		(void)nic_in(N_ICR);
	}
	assert_int_equal(atomic_load(&fake.irq.edges[GSI]) - before, 100);
}

static void link_change_is_told(void **state)
{
	(void)state;
	nic_open(RX_ON);
	assert_int_equal(nic_in(N_STATUS) & 2, 2);
	(void)nic_in(N_ICR);
	wire_set_link(false);
	assert_int_equal(nic_in(N_STATUS) & 2, 0);
	assert_int_equal(nic_in(N_ICR), LSC);
	assert_int_equal(mdic(0x08000000 | 1 << 21 | 1 << 16) & 0x24, 0);
	wire_set_link(true);
	assert_int_equal(nic_in(N_ICR), LSC);
	assert_int_equal(mdic(0x08000000 | 1 << 21 | 1 << 16) & 0x24, 0x20);	/* latched low */
	assert_int_equal(mdic(0x08000000 | 1 << 21 | 1 << 16) & 0x24, 0x24);
	wire_set_link(true);
	assert_int_equal(nic_in(N_ICR), 0);
}

/* ---- transmission ---- */

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

static void completion_waits_for_the_back_end(void **state)
{
	unsigned int n = 0;

	(void)state;
	nic_open(RX_ON);
	plain_frame(fake_ram(TX_BUFFER, 100), 100);
	atomic_store(&wire.hold, true);
	tx_put(&n, TX_BUFFER, 100 | LAST, 0);
	nic_out(N_TDT, n);
	assert_true(FAKE_UNTIL(atomic_load(&wire.sent) == 1));
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
	assert_int_equal(hs_net_sum(wire.frame[3].bytes + 34, 100, 0), 0xffff);
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
	put16(buffer + t + 16, hs_net_sum(buffer + (six ? 22 : 26), six ? 32 : 8, 6));
	tx_context(&n, 14, six ? 0 : 24, six ? 0 : 33, (uint8_t)t, (uint8_t)(t + 16), 0,
		   TSE | 1 << 24 | (six ? 0 : 1 << 25) | payload, (uint8_t)hdr, 1448);
	tx_put(&n, TX_BUFFER, hdr | DATA | TSE, 3 << 8);
	for (uint32_t at = hdr; at < length; at += 4096)
		tx_put(&n, TX_BUFFER + at, (length - at < 4096 ? (length - at) | LAST : 4096) | DATA |
		       TSE | (tag ? VLE : 0), 3 << 8 | (tag ? 0x2064u << 16 : 0));
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
		ring[n] = (struct txd){ TX_BUFFER + 64 * (n % 50), 26 | (n % 50 == 49 ? LAST : 0), 0 };
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

static void reset_in_the_middle(void **state)
{
	unsigned int n = 0;

	(void)state;
	nic_open(RX_ON);
	plain_frame(fake_ram(TX_BUFFER, 100), 100);
	atomic_store(&wire.hold, true);
	tx_put(&n, TX_BUFFER, 100 | LAST, 0);
	tx_put(&n, TX_BUFFER, 50, 0);			/* half a frame */
	nic_out(N_TDT, n);
	assert_true(FAKE_UNTIL(atomic_load(&wire.sent) == 1));
	nic_out(N_CTRL, 1u << 26);
	pci_out(NIC, 4, 2, 0x07);
	wire_release();
	assert_true(FAKE_UNTIL(atomic_load(&wire.done) == 1));
	wire_settle();
	assert_false(txd_done(0));
	assert_int_equal(nic_in(N_TDH) | nic_in(N_ICR), 0);
	nic_open(RX_ON);				/* the ring is cleared */
	assert_int_equal(nic_in(N_TDH), 0);
	n = 0;
	tx_put(&n, TX_BUFFER, 80 | LAST, 0);
	assert_true(tx_ring(n, 1));
	assert_int_equal(wire.frame[1].length, 80);	/* without the other half */
}

/* ---- reception ---- */

/* What the driver finds at descriptor n, a whole frame in one buffer. */
static void assert_received(unsigned int n, const uint8_t *want, uint32_t length)
{
	assert_int_equal(rxd_at(n)->status & 3, 3);
	assert_int_equal(rxd_at(n)->length, length + 4);
	assert_memory_equal(fake_ram(RX_BUFFER + 0x4000ull * n, length), want, length);
}

static void frames_are_received(void **state)
{
	uint8_t f[2000], padded[60] = { 0 };

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

/* ---- hand-over ---- */

static void function_goes_and_comes_back(void **state)
{
	uint8_t f[100];
	unsigned int n = 0;

	(void)state;
	nic_open(RX_ON);
	plain_frame(f, 100);
	memcpy(fake_ram(TX_BUFFER, 100), f, 100);
	pci_out(NIC, 0x10, 4, HS_MMIO_NIC(0));
	pci_out(NIC, 0x3c, 1, 5);
	nic_out(N_IMS, LSC);
	nic_out(N_ICS, LSC);
	assert_int_equal(fake.irq.wire[GSI], 1);
	detach();
	assert_int_equal(pci_in(NIC, 0, 4), 0xffffffff);
	assert_int_equal(nic_in(N_STATUS), 0xffffffff);
	assert_int_equal(fake_in(HS_PORT_NIC(0), 4), 0xffffffff);
	assert_int_equal(fake.irq.wire[GSI] | fake.irq.wire[HS_IRQ_NIC_PIC], 0);
	assert_null(wire.face);
	detach();				/* once more is nothing */
	wire_set_link(false);
	wire_set_link(true);
	attach();
	attach();
	assert_non_null(wire.face);
	assert_int_equal(pci_in(NIC, 4, 2), 0x03);
	assert_int_equal(pci_in(NIC, 0x3c, 1), HS_IRQ_NIC_PIC);
	assert_int_equal(pci_in(NIC, 6, 2) & 8, 0);
	assert_power_on();
	nic_open(RX_ON);
	assert_int_equal(wire_receive(f, 100, 1, false), 1);
	assert_received(0, f, 100);
	tx_put(&n, TX_BUFFER, 100 | LAST, 0);
	assert_true(tx_ring(n, 1));
}

static void *release_later(void *arg)
{
	static const struct timespec moment = { .tv_nsec = 50000000 };

	(void)arg;
	nanosleep(&moment, NULL);
	wire_release();
	return NULL;
}

static void detach_waits_for_frames(void **state)
{
	pthread_t thread;
	unsigned int n = 0;
	uint64_t begin;

	(void)state;
	nic_open(RX_ON);
	plain_frame(fake_ram(TX_BUFFER, 100), 100);
	atomic_store(&wire.hold, true);
	nic_out(N_ITR, 0xffff);
	nic_out(N_IMS, LSC);
	nic_out(N_ICS, LSC);
	(void)nic_in(N_ICR);
	nic_out(N_ICS, LSC);			/* the timer runs, too */
	for (unsigned int i = 0; i < 40; i++)
		tx_put(&n, TX_BUFFER, 100 | LAST, 0);
	nic_out(N_TDT, n);
	assert_true(FAKE_UNTIL(atomic_load(&wire.sent) == 40));
	begin = hs_now();
	assert_int_equal(pthread_create(&thread, NULL, release_later, NULL), 0);
	detach();
	assert_true(hs_now() - begin > 20000000);
	assert_int_equal(atomic_load(&wire.done), 40);
	assert_false(txd_done(0));		/* the guest's memory is its own again */
	pthread_join(thread, NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, power_on, power_off)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(pci_says_what_it_is), T(reset_gives_power_on_values), T(eeprom_reads_both_ways),
		T(phy_has_negotiated), T(causes_masks_and_reading), T(throttling_bounds_the_rate),
		T(link_change_is_told), T(legacy_frames_are_sent),
		T(completion_waits_for_the_back_end), T(checksums_are_asked_for),
		T(large_packets_go_as_one), T(large_packets_of_ipv6), T(large_packets_with_a_tag),
		T(tag_is_inserted), T(many_pieces_are_joined), T(nonsense_is_completed),
		T(endless_frame_is_dropped), T(long_ring_is_served_in_rounds),
		T(impossible_rings_do_nothing), T(reset_in_the_middle),
		T(frames_are_received), T(long_frames_take_several_buffers),
		T(full_ring_refuses_until_rdt), T(addresses_are_filtered),
		T(vlans_are_filtered_and_stripped), T(checksum_status_is_true),
		T(buffer_outside_ram_is_completed), T(function_goes_and_comes_back),
		T(detach_waits_for_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
