/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 16550A UART on COM1 (National PC16550D data sheet, 8.0 "Registers"), as far as
 * stock 8250 drivers go: FIFOs, interrupt identification with its priorities,
 * loopback, scratch. Sending takes no time: the transmitter is always empty,
 * and the THRE interrupt behaves as the chip's (raised by emptiness, cleared
 * by reading IIR or writing THR).
 *
 * The guest writes registers; the console's thread (console.c) hands in what
 * the user types through uart_receive(), under vm->lock.
 */
#include <errno.h>
#include <stdlib.h>

#include "../io.h"
#include "../irq.h"
#include "../console.h"
#include "emu.h"
#include "../util.h"

enum { THR_RBR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RDI		0x01u
#define IER_THRI	0x02u
#define IER_RLSI	0x04u
#define IER_MSI		0x08u
#define IIR_NONE	0x01u
#define IIR_MSI		0x00u
#define IIR_THRI	0x02u
#define IIR_RDI		0x04u
#define IIR_RLSI	0x06u
#define IIR_TIMEOUT	0x0cu
#define IIR_FIFO	0xc0u
#define FCR_ENABLE	0x01u
#define FCR_CLEAR_RX	0x02u
#define LCR_DLAB	0x80u
#define MCR_OUT2	0x08u
#define MCR_LOOP	0x10u
#define LSR_DR		0x01u
#define LSR_OE		0x02u
#define LSR_BI		0x10u
#define LSR_THRE	0x20u
#define LSR_TEMT	0x40u
#define MSR_CTS_DSR_DCD	0xb0u

#define FIFO_SIZE	16u

struct uart {
	struct hs_chip chip;
	struct hs_vm *vm;
	struct hs_region region;
	uint8_t ier, fcr, lcr, mcr, scr, msr_delta, lsr_error;
	uint8_t dll, dlm;
	bool thre_pending;
	bool line;		/* the interrupt line's level */
	bool warned;		/* of input that cannot interrupt */
	uint8_t fifo[FIFO_SIZE];
	unsigned int first, filled;
};

static const struct hs_reg uart_regs[] = {
	{ 0, 1, HS_REG_RW, "RBR/THR" },	{ 1, 1, HS_REG_RW, "IER" },
	{ 2, 1, HS_REG_RW, "IIR/FCR" },	{ 3, 1, HS_REG_RW, "LCR" },
	{ 4, 1, HS_REG_RW, "MCR" },	{ 5, 1, HS_REG_R, "LSR" },
	{ 6, 1, HS_REG_R, "MSR" },	{ 7, 1, HS_REG_RW, "SCR" },
};

/* The highest pending interrupt, in IIR's coding. */
static uint8_t pending(const struct uart *u)
{
	if ((u->ier & IER_RLSI) && u->lsr_error)
		return IIR_RLSI;
	if ((u->ier & IER_RDI) && u->filled)
		return (u->fcr & FCR_ENABLE) ? IIR_TIMEOUT : IIR_RDI;
	if ((u->ier & IER_THRI) && u->thre_pending)
		return IIR_THRI;
	if ((u->ier & IER_MSI) && u->msr_delta)
		return IIR_MSI;
	return IIR_NONE;
}

/* OUT2 gates the interrupt line on a PC. */
static void uart_update(struct uart *u)
{
	bool loop = u->mcr & MCR_LOOP;
	bool level = pending(u) != IIR_NONE && (u->mcr & MCR_OUT2) && !loop;

	if (level == u->line)
		return;
	u->line = level;
	hs_irq_line(u->vm->irq, HS_IRQ_UART, level);
}

static unsigned int capacity(const struct uart *u)
{
	return (u->fcr & FCR_ENABLE) ? FIFO_SIZE : 1;
}

/* How many bytes can be typed now. */
static unsigned int uart_room(const struct uart *u)
{
	return u->mcr & MCR_LOOP ? 0 : capacity(u) - u->filled;
}

/* What waits to be typed is not offered again before it is asked for. */
static void ask_for_more(const struct uart *u, unsigned int room_before)
{
	if (uart_room(u) > room_before)
		hs_console_room();
}

static void uart_put(struct uart *u, uint8_t byte)
{
	if (u->filled == capacity(u)) {
		u->lsr_error |= LSR_OE;
		return;
	}
	u->fifo[(u->first + u->filled++) % FIFO_SIZE] = byte;
}

static uint8_t get(struct uart *u)
{
	uint8_t byte = u->fifo[u->first];

	if (!u->filled)
		return 0;
	u->first = (u->first + 1) % FIFO_SIZE;
	u->filled--;
	return byte;
}

/* Modem status; in loopback the outputs come back as inputs (data sheet 8.6). */
static uint8_t modem_status(const struct uart *u)
{
	uint8_t m = u->mcr;

	if (!(m & MCR_LOOP))
		return MSR_CTS_DSR_DCD | u->msr_delta;
	return (uint8_t)((m & 0x02u) << 3 | (m & 0x01u) << 5 | (m & 0x04u) << 4 |
			 (m & 0x08u) << 4) |
	       u->msr_delta;
}

static uint64_t uart_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct uart *u = opaque;
	unsigned int room_before = uart_room(u);
	uint8_t value = 0;

	(void)size;	/* the chip has an 8-bit bus */
	switch (offset) {
	case THR_RBR:
		value = (u->lcr & LCR_DLAB) ? u->dll : get(u);
		break;
	case IER:
		value = (u->lcr & LCR_DLAB) ? u->dlm : u->ier;
		break;
	case IIR_FCR:
		value = pending(u);
		if (value == IIR_THRI)
			u->thre_pending = false;
		if (u->fcr & FCR_ENABLE)
			value |= IIR_FIFO;
		break;
	case LCR:
		value = u->lcr;
		break;
	case MCR:
		value = u->mcr;
		break;
	case LSR:
		value = LSR_THRE | LSR_TEMT | u->lsr_error | (u->filled ? LSR_DR : 0);
		u->lsr_error = 0;
		break;
	case MSR:
		value = modem_status(u);
		u->msr_delta = 0;
		break;
	case SCR:
		value = u->scr;
		break;
	}
	uart_update(u);
	ask_for_more(u, room_before);
	return value;
}

/* The byte lowers the line until it is sent: without that, one after another is no edge. */
static void transmit(struct uart *u, uint8_t byte)
{
	u->thre_pending = false;
	uart_update(u);
	if (u->mcr & MCR_LOOP)
		uart_put(u, byte);
	else
		hs_console_write(byte);
	u->thre_pending = true;
}

static void uart_write(void *opaque, uint64_t offset, unsigned int size, uint64_t wide)
{
	struct uart *u = opaque;
	uint8_t value = (uint8_t)wide;
	unsigned int room_before = uart_room(u);

	(void)size;
	switch (offset) {
	case THR_RBR:
		if (u->lcr & LCR_DLAB)
			u->dll = value;
		else
			transmit(u, value);
		break;
	case IER:
		if (u->lcr & LCR_DLAB) {
			u->dlm = value;
			break;
		}
		/* enabling THRI with an empty transmitter raises it at once */
		if ((value & IER_THRI) && !(u->ier & IER_THRI))
			u->thre_pending = true;
		u->ier = value & 0x0fu;
		break;
	case IIR_FCR:
		if ((value ^ u->fcr) & FCR_ENABLE || value & FCR_CLEAR_RX)
			u->first = u->filled = 0;
		u->fcr = value & 0xc9u;
		break;
	case LCR:
		u->lcr = value;
		break;
	case MCR: {
		uint8_t before = modem_status(u) & 0xf0u;

		u->mcr = value & 0x1fu;
		u->msr_delta |= (uint8_t)((before ^ (modem_status(u) & 0xf0u)) >> 4);
		break;
	}
	case SCR:
		u->scr = value;
		break;
	default:
		break;	/* LSR and MSR are read-only */
	}
	uart_update(u);
	ask_for_more(u, room_before);
}

/* Said once: a guest that waits for this interrupt waits for good, here as on a PC. */
static void warn_held_back(struct uart *u)
{
	if (u->warned || !(u->ier & IER_RDI) || u->mcr & MCR_OUT2)
		return;
	u->warned = true;
	hs_guest_error(HS_LOG_CONSOLE,
		       "UART: input raises no interrupt while MCR has no OUT2 (0x08): IER is 0x%02x, MCR 0x%02x",
		       u->ier, u->mcr);
}

/* From the console's thread: takes what fits of len bytes; returns how many. */
static size_t uart_receive(void *opaque, const uint8_t *data, size_t len, bool brk)
{
	struct uart *u = opaque;
	size_t taken = 0;

	hs_vm_lock(u->vm);
	if (!(u->mcr & MCR_LOOP)) {
		if (brk) {
			u->lsr_error |= LSR_BI;
			uart_put(u, 0);
		}
		while (taken < len && u->filled < capacity(u))
			uart_put(u, data[taken++]);
		if (taken)
			warn_held_back(u);
		uart_update(u);
	}
	hs_vm_unlock(u->vm);
	return taken;
}

static const struct hs_console_user console_user = { .receive = uart_receive };

static void uart_reset(struct hs_chip *chip)
{
	struct uart *u = (struct uart *)chip;

	u->ier = u->fcr = u->lcr = u->mcr = u->scr = u->msr_delta = u->lsr_error = 0;
	u->dll = 1;
	u->dlm = 0;
	u->thre_pending = u->warned = false;
	u->first = u->filled = 0;
	uart_update(u);
}

static void uart_destroy(struct hs_chip *chip)
{
	struct uart *u = (struct uart *)chip;

	hs_console_detach(HS_CONSOLE_UART);	/* no uart_receive() from here on */
	hs_io_remove(u->vm->io, &u->region);
	free(u);
}

int hs_uart_create(struct hs_vm *vm)
{
	int ret = hs_console_open(vm->config->console);
	struct uart *u;

	if (ret)
		return ret;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->vm = vm;
	u->chip = (struct hs_chip){ .name = "uart", .reset = uart_reset, .destroy = uart_destroy };
	u->region = (struct hs_region){
		.device = "uart", .space = HS_PIO, .base = HS_PORT_UART, .len = 8,
		.regs = uart_regs, .nregs = HS_COUNT(uart_regs),
		.read = uart_read, .write = uart_write, .opaque = u,
	};
	ret = hs_io_add(vm->io, &u->region);
	if (ret) {
		free(u);
		return ret;
	}
	uart_reset(&u->chip);
	hs_console_attach(HS_CONSOLE_UART, &console_user, u);
	hs_chip_add(vm, &u->chip);
	return 0;
}
