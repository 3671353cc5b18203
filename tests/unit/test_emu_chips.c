// SPDX-License-Identifier: BSD-2-Clause
/*
 * The small chips by their registers: UART, keyboard controller, PCI
 * configuration mechanism 1, reset control, ACPI power management. The clock is
 * test_emu_rtc.c's, the disks test_emu_ide.c's.
 */
/* LINK: host-stub/emu/uart.c host-stub/emu/i8042.c host-stub/emu/pci.c host-stub/emu/acpi_pm.c host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c host-stub/thread.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_vm.h"
#include "host-stub/console.h"
#include "host-stub/emu/pci.h"

/* ---- the user's end of the UART ---- */

static struct {
	size_t (*receive)(void *opaque, const uint8_t *data, size_t len, bool brk);
	void *opaque;
	uint8_t out[256];
	unsigned int written, room;
} user;

int hs_console_open(const char *how)
{
	(void)how;
	return 0;
}

void hs_console_attach(enum hs_console_end end, const struct hs_console_user *uart, void *opaque)
{
	if (end != HS_CONSOLE_UART)
		return;
	user.receive = uart->receive;
	user.opaque = opaque;
}

void hs_console_detach(enum hs_console_end end)
{
	if (end == HS_CONSOLE_UART)
		user.receive = NULL;
}

void hs_console_write(uint8_t byte)
{
	user.out[user.written++ % sizeof(user.out)] = byte;
}

void hs_console_room(void)
{
	user.room++;
}

static size_t type(const char *text)
{
	return user.receive(user.opaque, (const uint8_t *)text, strlen(text), false);
}

static int power_on(void **state)
{
	(void)state;
	memset(&user, 0, sizeof(user));
	fake.config.console = "none";
	if (fake_create() || hs_pci_create(&fake.vm) || hs_uart_create(&fake.vm) ||
	    hs_i8042_create(&fake.vm) || hs_acpi_pm_create(&fake.vm))
		return -1;
	return 0;
}

static int power_off(void **state)
{
	(void)state;
	fake_destroy();
	return user.receive ? -1 : 0;
}

/* ---- UART ---- */

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static uint8_t u_in(unsigned int reg)
{
	return (uint8_t)fake_in((uint16_t)(HS_PORT_UART + reg), 1);
}

static void u_out(unsigned int reg, uint8_t value)
{
	fake_out((uint16_t)(HS_PORT_UART + reg), 1, value);
}

static int u_wire(void)
{
	return fake.irq.wire[HS_IRQ_UART];
}

static void uart_at_power_on(void **state)
{
	(void)state;
	assert_int_equal(u_in(LSR), 0x60);
	assert_int_equal(u_in(IIR), 0x01);
	assert_int_equal(u_in(MSR), 0xb0);
	assert_int_equal(u_in(IER), 0);
	assert_int_equal(u_in(RBR), 0);
	for (unsigned int v = 0; v < 256; v++) {
		u_out(SCR, (uint8_t)v);
		assert_int_equal(u_in(SCR), v);
	}
	u_out(IER, 0xff);
	assert_int_equal(u_in(IER), 0x0f);
}

static void uart_sends(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		u_out(RBR, (uint8_t)('a' + i));
	assert_int_equal(user.written, 10);
	assert_memory_equal(user.out, "abcdefghij", 10);
	/* a divisor is no text */
	u_out(LCR, 0x83);
	u_out(RBR, 0x0c);
	u_out(IER, 0x34);
	assert_int_equal(u_in(RBR), 0x0c);
	assert_int_equal(u_in(IER), 0x34);
	u_out(LCR, 0x03);
	assert_int_equal(u_in(LCR), 0x03);
	assert_int_equal(u_in(IER), 0);
	assert_int_equal(user.written, 10);
}

static void uart_transmitter_interrupt(void **state)
{
	(void)state;
	u_out(IER, 0x02);
	assert_int_equal(u_wire(), 0);		/* OUT2 gates the line */
	u_out(MCR, 0x08);
	assert_int_equal(u_wire(), 1);
	assert_int_equal(u_in(IIR), 0x02);
	assert_int_equal(u_wire(), 0);		/* reading IIR cleared it */
	assert_int_equal(u_in(IIR), 0x01);
	u_out(RBR, 'x');
	assert_int_equal(u_wire(), 1);
	u_out(IER, 0);
	assert_int_equal(u_wire(), 0);
	u_out(IER, 0x02); /* enabling it with an empty transmitter raises it */
	assert_int_equal(u_in(IIR), 0x02);
}

/* A driver that never reads IIR: the line is edge-triggered, so a byte that is sent lowers it. */
static void uart_each_byte_is_an_edge(void **state)
{
	(void)state;
	u_out(MCR, 0x08);
	u_out(IER, 0x02);
	for (unsigned int i = 1; i < 5; i++) {
		assert_int_equal(u_wire(), 1);
		assert_int_equal(fake.irq.edges[HS_IRQ_UART], i);
		assert_int_equal(u_in(LSR), 0x60);
		u_out(RBR, 'x');
	}
	u_out(IER, 0x03);			/* nor does it when there is input, too */
	assert_int_equal(type("a"), 1);
	assert_int_equal(fake.irq.edges[HS_IRQ_UART], 5);
	u_out(RBR, 'x');
	assert_int_equal(fake.irq.edges[HS_IRQ_UART], 5);
	assert_int_equal(u_in(RBR), 'a');
	assert_int_equal(u_wire(), 1);
	assert_int_equal(u_in(IIR), 0x02);
	assert_int_equal(u_wire(), 0);
}

static unsigned int lines;

static bool count_line(const char *line, size_t len)
{
	(void)len;
	lines += strstr(line, "OUT2") != NULL;
	return true;
}

static void uart_says_what_it_holds_back(void **state)
{
	(void)state;
	lines = 0;
	hs_log_to(count_line);
	assert_int_equal(type("a"), 1);		/* a guest that polls */
	assert_int_equal(u_in(RBR), 'a');
	assert_int_equal(lines, 0);
	u_out(IER, 0x01);
	assert_int_equal(type("b"), 1);
	assert_int_equal(u_wire(), 0);
	assert_int_equal(u_in(RBR), 'b');
	assert_int_equal(type("c"), 1);
	assert_int_equal(lines, 1);
	u_out(MCR, 0x08);
	assert_int_equal(u_wire(), 1);
	hs_log_to(NULL);
}

static void uart_receives(void **state)
{
	(void)state;
	u_out(MCR, 0x08);
	u_out(IER, 0x01);
	assert_int_equal(type("ab"), 1);	/* without FIFO: one */
	assert_int_equal(u_wire(), 1);
	assert_int_equal(u_in(IIR), 0x04);
	assert_int_equal(u_in(LSR), 0x61);
	assert_int_equal(type("b"), 0);
	assert_int_equal(u_in(RBR), 'a');
	assert_int_equal(user.room, 1);
	assert_int_equal(u_wire(), 0);
	assert_int_equal(u_in(LSR), 0x60);

	u_out(IIR, 0x01);			/* FIFOs on */
	assert_int_equal(type("0123456789abcdefgh"), 16);
	assert_int_equal(u_in(IIR), 0xcc);
	assert_int_equal(u_in(RBR), '0');
	assert_int_equal(type("gh"), 1);
	for (unsigned int i = 1; i < 17; i++) {
		assert_int_equal(u_in(LSR) & 0x01, 1);
		assert_int_equal(u_in(RBR), "0123456789abcdefg"[i]);
	}
	assert_int_equal(u_in(LSR), 0x60);
	assert_int_equal(u_in(IIR), 0xc1);
	/* cleared by FCR, and by switching the FIFOs */
	assert_int_equal(type("xyz"), 3);
	u_out(IIR, 0x03);
	assert_int_equal(u_in(LSR) & 0x01, 0);
	assert_int_equal(type("xyz"), 3);
	u_out(IIR, 0x00);
	assert_int_equal(u_in(LSR) & 0x01, 0);
	assert_int_equal(u_wire(), 0);
}

/* What waits for room is asked for again, whichever register made the room. */
static void uart_asks_for_what_waits(void **state)
{
	(void)state;
	assert_int_equal(type("ab"), 1);
	assert_int_equal(u_in(LSR), 0x61);
	assert_int_equal(user.room, 0);
	u_out(IIR, 0x01);			/* FIFOs on, and empty: Linux's set_termios() */
	assert_int_equal(user.room, 1);
	assert_int_equal(type("0123456789abcdefgh"), 16);
	u_out(IIR, 0x01);			/* nothing new */
	assert_int_equal(user.room, 1);
	u_out(IIR, 0x03);			/* cleared */
	assert_int_equal(user.room, 2);
	assert_int_equal(type("0123456789abcdefgh"), 16);
	u_out(IIR, 0x00);			/* FIFOs off, and empty */
	assert_int_equal(user.room, 3);
	u_out(MCR, 0x10);
	assert_int_equal(type("c"), 0);
	u_out(MCR, 0x00);			/* the end of the loop */
	assert_int_equal(user.room, 4);
	assert_int_equal(type("c"), 1);
	assert_int_equal(u_in(RBR), 'c');
	assert_int_equal(user.room, 5);
}

static void uart_break(void **state)
{
	(void)state;
	u_out(MCR, 0x08);
	u_out(IER, 0x04);
	(void)user.receive(user.opaque, NULL, 0, true);
	assert_int_equal(u_wire(), 1);
	assert_int_equal(u_in(IIR), 0x06);
	assert_int_equal(u_in(LSR), 0x71);
	assert_int_equal(u_in(LSR), 0x61);	/* the error is read once */
	assert_int_equal(u_wire(), 0);
	assert_int_equal(u_in(RBR), 0);
}

static void uart_loops_back(void **state)
{
	(void)state;
	u_out(IER, 0x0f);
	u_out(MCR, 0x18);
	assert_int_equal(u_wire(), 0);		/* the line is off */
	u_out(RBR, 'q');
	assert_int_equal(user.written, 0);
	assert_int_equal(type("z"), 0);		/* the user is disconnected */
	assert_int_equal(u_in(LSR), 0x61);
	u_out(RBR, 'r');			/* no room: overrun */
	assert_int_equal(u_in(IIR), 0x06);
	assert_int_equal(u_in(LSR), 0x63);
	assert_int_equal(u_in(IIR), 0x04);
	assert_int_equal(u_in(RBR), 'q');
	assert_int_equal(u_in(IIR), 0x02);	/* then the transmitter, then the modem */
	assert_int_equal(u_in(IIR), 0x00);
	assert_int_equal(u_in(MSR) & 0xf0, 0x80);
	assert_int_equal(u_in(IIR), 0x01);
	for (unsigned int m = 0; m < 16; m++) {
		unsigned int want = (m & 2) << 3 | (m & 1) << 5 | (m & 4) << 4 | (m & 8) << 4;

		u_out(MCR, (uint8_t)(0x10 | m));
		assert_int_equal(u_in(MSR) & 0xf0, want);
	}
	u_out(MCR, 0xff);
	assert_int_equal(u_in(MCR), 0x1f);
	u_out(MCR, 0x08);
	assert_int_equal(u_in(MSR) & 0xf0, 0xb0);
}

/* ---- keyboard controller ---- */

#define K_DATA		HS_PORT_I8042
#define K_STATUS	(HS_PORT_I8042 + 4)

static uint8_t k_ask(uint8_t command)
{
	fake_out(K_STATUS, 1, command);
	assert_int_equal(fake_in(K_STATUS, 1) & 0x01, 0x01);
	return (uint8_t)fake_in(K_DATA, 1);
}

static void keyboard_controller(void **state)
{
	(void)state;
	assert_int_equal(fake_in(K_STATUS, 1) & 0x03, 0);	/* nothing to read, room to write */
	assert_int_equal(k_ask(0xaa), 0x55);
	assert_int_equal(fake_in(K_STATUS, 1) & 0x05, 0x04);
	assert_int_equal(k_ask(0xab), 0x01);	/* nothing is plugged in */
	assert_int_equal(k_ask(0xa9), 0x01);
	fake_out(K_STATUS, 1, 0x60);
	assert_int_equal(fake_in(K_STATUS, 1) & 0x08, 0x08);
	fake_out(K_DATA, 1, 0x47);
	assert_int_equal(fake_in(K_STATUS, 1) & 0x08, 0);
	assert_int_equal(k_ask(0x20), 0x47);
	fake_out(K_STATUS, 1, 0xad);
	fake_out(K_STATUS, 1, 0xa7);
	assert_int_equal(k_ask(0x20), 0x77);
	fake_out(K_STATUS, 1, 0xae);
	fake_out(K_STATUS, 1, 0xa8);
	assert_int_equal(k_ask(0x20), 0x47);
	assert_int_equal(k_ask(0xd0) & 0x03, 0x03);
	/* keyboard and mouse do not answer */
	fake_out(K_DATA, 1, 0xff);
	assert_int_equal(fake_in(K_STATUS, 1) & 0x61, 0x41);
	assert_int_equal(fake_in(K_DATA, 1), 0xfe);
	fake_out(K_STATUS, 1, 0xd4);
	fake_out(K_DATA, 1, 0xf2);
	assert_int_equal(fake_in(K_STATUS, 1) & 0x61, 0x61);
	assert_int_equal(fake_in(K_DATA, 1), 0xfe);
	fake_out(K_STATUS, 1, 0xd2);
	fake_out(K_DATA, 1, 0x9a);
	assert_int_equal(fake_in(K_STATUS, 1) & 0x21, 0x01);
	assert_int_equal(fake_in(K_DATA, 1), 0x9a);
	assert_int_equal(fake.stops[HS_STOP_REBOOT], 0);
}

static void keyboard_controller_resets(void **state)
{
	unsigned int n = 0;

	(void)state;
	for (unsigned int c = 0; c < 256; c++) {
		fake_out(K_STATUS, 1, c);
		n += c >= 0xf0 && !(c & 1);	/* pulses output bit 0 */
		assert_int_equal(fake.stops[HS_STOP_REBOOT], n);
	}
	fake_out(K_STATUS, 1, 0xd1);
	fake_out(K_DATA, 1, 0x03);
	assert_int_equal(fake.stops[HS_STOP_REBOOT], n);
	fake_out(K_STATUS, 1, 0xd1);
	fake_out(K_DATA, 1, 0x02);
	assert_int_equal(fake.stops[HS_STOP_REBOOT], n + 1);
}

/* ---- PCI ---- */

#define P_ADDRESS	HS_PORT_PCI_CONFIG
#define P_DATA		(HS_PORT_PCI_CONFIG + 4)

static uint32_t p_read(uint8_t devfn, unsigned int at, unsigned int size)
{
	fake_out(P_ADDRESS, 4, 0x80000000u | (uint32_t)devfn << 8 | (at & 0xfcu));
	return fake_in((uint16_t)(P_DATA + (at & 3)), size);
}

static void p_write(uint8_t devfn, unsigned int at, unsigned int size, uint32_t value)
{
	fake_out(P_ADDRESS, 4, 0x80000000u | (uint32_t)devfn << 8 | (at & 0xfcu));
	fake_out((uint16_t)(P_DATA + (at & 3)), size, value);
}

static void pci_shows_its_functions(void **state)
{
	(void)state;
	assert_int_equal(p_read(HS_PCI_HOST_BRIDGE, 0, 4), 0x12378086);
	assert_int_equal(p_read(HS_PCI_ISA_BRIDGE, 0, 4), 0x71108086);
	assert_int_equal(p_read(HS_PCI_ISA_BRIDGE, 2, 2), 0x7110);
	assert_int_equal(p_read(HS_PCI_ISA_BRIDGE, 1, 1), 0x80);
	assert_int_equal(p_read(HS_PCI_ISA_BRIDGE, 0x0e, 1), 0x80);
	assert_int_equal(p_read(HS_PCI_ISA_BRIDGE, 0x0a, 2), 0x0601);
	for (unsigned int devfn = 0; devfn < 256; devfn++)
		if (devfn != HS_PCI_HOST_BRIDGE && devfn != HS_PCI_ISA_BRIDGE)
			assert_int_equal(p_read((uint8_t)devfn, 0, 4), 0xffffffff);
	/* bus 1, and without the enable bit */
	fake_out(P_ADDRESS, 4, 0x80010000u);
	assert_int_equal(fake_in(P_DATA, 4), 0xffffffff);
	fake_out(P_ADDRESS, 4, 0);
	assert_int_equal(fake_in(P_DATA, 4), 0xffffffff);
	/* the address register is itself in 32 bits only */
	fake_out(P_ADDRESS, 4, 0xffffffff);
	assert_int_equal(fake_in(P_ADDRESS, 4), 0x80fffffc);
	fake_out(P_ADDRESS, 2, 0);
	assert_int_equal(fake_in(P_ADDRESS, 4), 0x80fffffc);
	/* identification is read-only */
	p_write(HS_PCI_HOST_BRIDGE, 0, 4, 0);
	assert_int_equal(p_read(HS_PCI_HOST_BRIDGE, 0, 4), 0x12378086);
}

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)size;
	return 0xa0 + offset;
}

static void bar_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	(void)offset;
	(void)size;
	*(uint64_t *)opaque = value;
}

static void pci_moves_bars(void **state)
{
	static const struct hs_reg regs[] = { { 0, 16, HS_REG_RW, "ALL" } };
	static struct hs_region region, odd;
	static struct hs_pci_function f, bad;
	static uint64_t written;
	const uint8_t devfn = 5 << 3;

	(void)state;
	region = (struct hs_region){ .device = "test", .space = HS_PIO, .len = 16, .regs = regs,
				     .nregs = 1, .read = bar_read, .write = bar_write,
				     .opaque = &written };
	f = (struct hs_pci_function){ .devfn = devfn, .config = { 0x34, 0x12, [0x21] = 0xd0 },
				      .writable = { [4] = 0x07 }, .bar = { [4] = &region } };
	odd = region;
	odd.len = 12;
	bad = f;
	bad.bar[4] = &odd;
	assert_int_equal(hs_pci_add(&fake.vm, &bad), -EINVAL);
	assert_int_equal(hs_pci_add(&fake.vm, &f), 0);
	assert_int_equal(fake_in(0xd003, 1), 0xff);	/* I/O decoding is off */
	p_write(devfn, 4, 2, 0xffff);
	assert_int_equal(p_read(devfn, 4, 2), 0x0007);
	assert_int_equal(fake_in(0xd003, 1), 0xa3);
	fake_out(0xd000, 1, 0x5a);
	assert_int_equal(written, 0x5a);
	/* sizing: 16 bytes of I/O; the others are not there */
	for (unsigned int bar = 0; bar < 6; bar++) {
		p_write(devfn, 0x10 + 4 * bar, 4, 0xffffffff);
		assert_int_equal(p_read(devfn, 0x10 + 4 * bar, 4), bar == 4 ? 0x0000fff1 : 0);
	}
	assert_int_equal(fake_in(0xd003, 1), 0xff);
	assert_int_equal(fake_in(0xfff3, 1), 0xa3);
	p_write(devfn, 0x20, 4, 0xe00f);
	assert_int_equal(p_read(devfn, 0x20, 4), 0xe001);
	assert_int_equal(fake_in(0xe00f, 1), 0xaf);
	/* by bytes, as some do */
	p_write(devfn, 0x21, 1, 0xe1);
	assert_int_equal(p_read(devfn, 0x20, 4), 0xe101);
	assert_int_equal(fake_in(0xe10f, 1), 0xaf);
	assert_int_equal(fake_in(0xe00f, 1), 0xff);
	/* onto another chip: that one stays; away again: it is back */
	p_write(devfn, 0x20, 4, HS_PORT_UART & 0xfff0);
	fake_out(HS_PORT_UART + 7, 1, 0x77);
	assert_int_equal(fake_in(HS_PORT_UART + 7, 1), 0x77);
	p_write(devfn, 0x20, 4, 0xd000);
	assert_int_equal(fake_in(0xd001, 1), 0xa1);
	p_write(devfn, 0x20, 4, 0);		/* address 0: nowhere */
	assert_int_equal(fake_in(0x0001, 1), 0xff);
	p_write(devfn, 0x20, 4, 0xd000);
	p_write(devfn, 4, 1, 0);
	assert_int_equal(fake_in(0xd001, 1), 0xff);
	/* an access over the edge is split, and memory beyond 256 bytes is not there */
	assert_int_equal(p_read(devfn, 0xff, 4) & 0xff, 0);
}

static void reset_control(void **state)
{
	(void)state;
	fake_out(HS_PORT_RESET, 1, 0x02);
	assert_int_equal(fake.stops[HS_STOP_REBOOT], 0);
	assert_int_equal(fake_in(HS_PORT_RESET, 1), 0x02);
	fake_out(HS_PORT_RESET, 1, HS_RESET_VALUE);
	assert_int_equal(fake.stops[HS_STOP_REBOOT], 1);
	fake_out(HS_PORT_RESET, 1, HS_RESET_VALUE);	/* the bit has to rise */
	assert_int_equal(fake.stops[HS_STOP_REBOOT], 1);
	fake_out(HS_PORT_RESET, 1, 0x00);
	fake_out(HS_PORT_RESET, 1, 0x04);
	assert_int_equal(fake.stops[HS_STOP_REBOOT], 2);
	/* an address written in 32 bits is no reset */
	fake_out(HS_PORT_RESET, 1, 0x00);
	fake_out(P_ADDRESS, 4, 0x80000600u);
	fake_out(P_ADDRESS, 2, 0x0600);
	assert_int_equal(fake.stops[HS_STOP_REBOOT], 2);
}

/* ---- ACPI power management ---- */

static void power_button(void **state)
{
	(void)state;
	hs_acpi_power_button(&fake.vm);
	assert_int_equal(fake_in(HS_PORT_PM1_EVT, 2), 0x100);
	assert_int_equal(fake.irq.wire[HS_IRQ_SCI], 0);
	fake_out(HS_PORT_PM1_EVT + 2, 2, 0xffff);
	assert_int_equal(fake_in(HS_PORT_PM1_EVT + 2, 2), 0x0721);
	assert_int_equal(fake.irq.wire[HS_IRQ_SCI], 1);
	fake_out(HS_PORT_PM1_EVT, 2, 0x00ff);		/* another bit */
	assert_int_equal(fake.irq.wire[HS_IRQ_SCI], 1);
	fake_out(HS_PORT_PM1_EVT, 2, 0x0100);		/* written 1 to clear */
	assert_int_equal(fake.irq.wire[HS_IRQ_SCI], 0);
	assert_int_equal(fake_in(HS_PORT_PM1_EVT, 2), 0);
	assert_int_equal(fake_in(HS_PORT_PM1_EVT, 4), 0x07210000);
}

static void gpe0_has_no_events(void **state)
{
	(void)state;
	fake_out(HS_PORT_GPE0, 4, 0xffff0000u);
	assert_int_equal(fake_in(HS_PORT_GPE0, 4), 0xffff0000u);
	fake_out(HS_PORT_GPE0, 2, 0xffff);
	fake_out(HS_PORT_GPE0 + 3, 1, 0x12);
	assert_int_equal(fake_in(HS_PORT_GPE0, 2), 0);
	assert_int_equal(fake_in(HS_PORT_GPE0 + 2, 2), 0x12ff);
	assert_int_equal(fake.irq.wire[HS_IRQ_SCI], 0);
}

static void sleep_state_5_ends_the_vm(void **state)
{
	(void)state;
	assert_int_equal(fake_in(HS_PORT_PM1_CNT, 2) & 1, 1);
	for (unsigned int type_ = 0; type_ < 8; type_++) {
		fake_out(HS_PORT_PM1_CNT, 2, type_ << 10);
		assert_int_equal(fake_in(HS_PORT_PM1_CNT, 2), type_ << 10 | 1);
		fake_out(HS_PORT_PM1_CNT, 2, type_ << 10 | 1 << 13);
		assert_int_equal(fake.stops[HS_STOP_POWEROFF], type_ >= 5);
		assert_int_equal(fake_in(HS_PORT_PM1_CNT, 2) & 1 << 13, 0);
	}
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, power_on, power_off)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(uart_at_power_on),
		CASE(uart_sends),
		CASE(uart_transmitter_interrupt),
		CASE(uart_each_byte_is_an_edge),
		CASE(uart_says_what_it_holds_back),
		CASE(uart_receives),
		CASE(uart_asks_for_what_waits),
		CASE(uart_break),
		CASE(uart_loops_back),
		CASE(keyboard_controller),
		CASE(keyboard_controller_resets),
		CASE(pci_shows_its_functions),
		CASE(pci_moves_bars),
		CASE(reset_control),
		CASE(power_button),
		CASE(gpe0_has_no_events),
		CASE(sleep_state_5_ends_the_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
