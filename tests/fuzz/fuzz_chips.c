// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the small chips: UART, clock, keyboard controller, PCI, power
 * management. An input is a series of port accesses of any width and count, of
 * typing and of time that passes. Whatever they are: the stub survives, the
 * VM's lock is free again, and only a reset or a power-off ends the VM.
 */
/* LINK: host-stub/emu/uart.c host-stub/emu/rtc.c host-stub/emu/i8042.c host-stub/emu/pci.c host-stub/emu/acpi_pm.c host-stub/emu/debug_exit.c host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c host-stub/thread.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl -Wl,--wrap=clock_gettime */
#include "fuzz.h"
#include "host-stub/console.h"
#include "host-stub/emu/pci.h"

/* ---- the clock: held, so that an input means the same each time ---- */

#define SOME_DAY	1930844758000000000ll	/* in the future: see below */

static _Atomic int64_t held_ns = SOME_DAY;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
int __real_clock_gettime(clockid_t clock, struct timespec *ts);

/* The chip's thread waits by the kernel's clock, which never gets there. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	int64_t now = atomic_load(&held_ns);

	if (clock != CLOCK_REALTIME)
		return __real_clock_gettime(clock, ts);
	ts->tv_sec = now / 1000000000;
	ts->tv_nsec = now % 1000000000;
	return 0;
}

/* ---- the user ---- */

static size_t (*receive)(void *opaque, const uint8_t *data, size_t len, bool brk);
static void *receiver;

int hs_console_open(const char *how)
{
	(void)how;
	return 0;
}

void hs_console_attach(enum hs_console_end end, const struct hs_console_user *user, void *opaque)
{
	(void)end;
	receive = user->receive;
	receiver = opaque;
}

void hs_console_detach(enum hs_console_end end)
{
	(void)end;
}

void hs_console_write(uint8_t byte)
{
	(void)byte;
}

void hs_console_room(void)
{
}

/* ---- a function with BARs, for the guest to move about ---- */

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)size;
	return offset;
}

static void bar_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	(void)opaque;
	(void)value;
	MUST(offset + size <= 32);
}

static const struct hs_reg bar_regs[] = { { 0, 8, HS_REG_RW, "LOW" }, { 12, 4, HS_REG_R, "HIGH" } };
static struct hs_region bar[2];
static struct hs_pci_function function = {
	.devfn = 4 << 3,
	.config = { 0x34, 0x12, 0x78, 0x56, 0x01, [0x20] = 1, 0xc0, 0, 0, 1, 0xd0 },
	.writable = { [4] = 0x07, [0x40] = 0xff, [0xff] = 0xff },
	.bar = { [4] = &bar[0], [5] = &bar[1] },
};

static void power_on(void)
{
	fake.config.console = "none";
	fake.config.debug_exit = 0xf4;
	fuzz_power_on();
	MUST(hs_pci_create(&fake.vm) == 0 && hs_uart_create(&fake.vm) == 0 &&
	     hs_rtc_create(&fake.vm) == 0 && hs_i8042_create(&fake.vm) == 0 &&
	     hs_acpi_pm_create(&fake.vm) == 0 && hs_debug_exit_create(&fake.vm) == 0);
	for (unsigned int i = 0; i < 2; i++)
		bar[i] = (struct hs_region){ .device = "bar", .space = HS_PIO, .len = i ? 32 : 16,
					     .regs = bar_regs, .nregs = 2, .read = bar_read,
					     .write = bar_write };
	MUST(hs_pci_add(&fake.vm, &function) == 0);
}

static void reset(void)
{
	/* the test's function is no chip: its BARs are put back by hand */
	for (unsigned int i = 4; i < 6; i++) {
		fake_out(HS_PORT_PCI_CONFIG, 4, 0x80002000u | (0x10 + 4 * i));
		fake_out(HS_PORT_PCI_CONFIG + 4, 4, i == 4 ? 0xc000 : 0xd000);
	}
	fake_out(HS_PORT_PCI_CONFIG, 4, 0x80002004u);
	fake_out(HS_PORT_PCI_CONFIG + 4, 1, 1);
	pthread_mutex_lock(&fake.vm.lock);
	for (struct hs_chip *chip = fake.vm.chips; chip; chip = chip->next)
		chip->reset(chip);
	pthread_mutex_unlock(&fake.vm.lock);
	MUST(fake_in(0xc001, 1) == 1 && fake_in(0xd001, 1) == 1);
	MUST(fake_in(HS_PORT_UART + 5, 1) == 0x60);
	for (unsigned int i = 0; i < HS_IRQ_LINES; i++)
		MUST(!fake.irq.wire[i]);
}

static void touch(struct input *in, uint8_t what)
{
	static const uint16_t bases[] = { HS_PORT_UART, HS_PORT_RTC, HS_PORT_I8042,
					  HS_PORT_PCI_CONFIG, HS_PORT_PM1_EVT, HS_PORT_UART,
					  0xf4 - 4, 0xc000 };
	static const uint8_t sizes[] = { 1, 1, 2, 4 };
	uint16_t port = (uint16_t)(bases[what & 7] + take(in, 1) % 10);
	unsigned int size = sizes[what >> 3 & 3];
	uint8_t data[64];
	uint32_t count = 1;

	if ((what >> 5 & 3) == 3)	/* a string instruction */
		count = (uint32_t)take(in, 1) % (sizeof(data) / size) + 1;
	for (unsigned int i = 0; i < size * count; i++)
		data[i] = (uint8_t)take(in, 1);
	hs_io_dispatch(fake.vm.io, HS_PIO, port, what & 0x20, size, data, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!fake.vm.pci) {
		power_on();
		fake_destroy();
		power_on();
	}
	atomic_store(&held_ns, SOME_DAY);
	while (in.left) {
		uint8_t what = (uint8_t)take(&in, 1);
		uint8_t text[20] = { 0 };

		if (!(what & 0x80)) {
			touch(&in, what);
			continue;
		}
		switch (what & 7) {
		case 0:
			(void)receive(receiver, text, what >> 3 & 15, what & 0x08);
			break;
		case 1:		/* also backwards, as a host's clock may */
			atomic_fetch_add(&held_ns, (int64_t)(int32_t)take(&in, 4) * 1000);
			break;
		case 2:
			atomic_fetch_add(&held_ns, (int64_t)take(&in, 1) * 100000000);
			break;
		case 3:
			hs_acpi_power_button(&fake.vm);
			break;
		default:	/* the clock's registers, through its index */
			fake_out(HS_PORT_RTC, 1, (uint32_t)take(&in, 1) % 14 + (what & 8 ? 40 : 0));
			if (what & 0x10)
				fake_out(HS_PORT_RTC + 1, 1, (uint32_t)take(&in, 1));
			else
				(void)fake_in(HS_PORT_RTC + 1, 1);
		}
	}
	reset();
	for (unsigned int i = 0; i <= HS_STOP_ERROR; i++)
		MUST(!fake.stops[i] || i == HS_STOP_REBOOT || i == HS_STOP_POWEROFF ||
		     i == HS_STOP_DEBUG_EXIT);
	return 0;
}
