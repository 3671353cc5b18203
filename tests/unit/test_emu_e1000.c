// SPDX-License-Identifier: BSD-2-Clause
/*
 * The emulated 82540EM (emu/e1000*.c): registers, EEPROM, PHY, interrupts and
 * unplug, as Linux's e1000 uses them and as none should.
 */
/* LINK: host-stub/emu/e1000.c host-stub/emu/e1000_irq.c host-stub/emu/e1000_eeprom.c host-stub/emu/e1000_tx.c host-stub/emu/e1000_frame.c host-stub/emu/e1000_rx.c host-stub/emu/pci.c host-stub/net/net_soft.c host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include "e1000_bench.h"

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

/* What Linux's register and interrupt tests (ethtool -t) ask of the chip. */
static void selftest_finds_the_chip(void **state)
{
	static const uint32_t patterns[] = { 0x5a5a5a5a, 0xa5a5a5a5, 0, 0xffffffff };

	(void)state;
	for (unsigned int i = 0; i < 16 * 4; i++) {
		uint32_t p = patterns[i % 4];
		unsigned int at = N_RA + i / 4 * 8;

		nic_out(at, p);
		nic_out(at + 4, p);
		assert_int_equal(nic_in(at), p);
		assert_int_equal(nic_in(at + 4), p & 0x8003ffff);
	}
	nic_out(N_IMC, 0xffffffff);
	for (unsigned int cause = 0; cause < 10; cause++) {
		(void)nic_in(N_ICR);
		nic_out(N_ICS, 1u << cause);
		assert_int_equal(fake.irq.wire[GSI], 0);
		nic_out(N_IMS, 1u << cause);
		assert_int_equal(fake.irq.wire[GSI], 1);
		assert_int_equal(nic_in(N_ICR), 1u << cause);
		nic_out(N_IMC, 1u << cause);
	}
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
	assert_int_equal(mdic(0x08000000 | 1 << 21 | 2 << 16),
			 0x18000000u | 1 << 21 | 2 << 16 | 0x0141);
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
	/* 50 ms, and where this thread was not let run in them, until there were three */
	while (hs_now() - begin < 50000000 ||
	       (atomic_load(&fake.irq.edges[GSI]) - before < 3 && hs_now() - begin < 10000000000)) {
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

/* ---- unplug ---- */

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
	assert_null(wire.model);
	detach();				/* once more is nothing */
	wire_set_link(false);
	wire_set_link(true);
	attach();
	attach();
	assert_non_null(wire.model);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(pci_says_what_it_is), T(selftest_finds_the_chip),
		T(reset_gives_power_on_values),
		T(eeprom_reads_both_ways), T(phy_has_negotiated), T(causes_masks_and_reading),
		T(throttling_bounds_the_rate), T(link_change_is_told),
		T(function_goes_and_comes_back), T(detach_waits_for_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
