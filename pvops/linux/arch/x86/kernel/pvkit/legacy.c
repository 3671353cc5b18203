// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware that the host says is not there (PVK_INFO_ABSENT) is not looked for:
 * each probe of it is an access to a port or a page that nobody answers, and a
 * few of them wait for an answer first.
 *
 * The host may say so of part of it only; a driver whose hardware it says
 * nothing about does what it always does.
 */
#include <linux/acpi.h>
#include <linux/console.h>
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/serial_8250.h>

#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/i8259.h>
#include <asm/io_apic.h>
#include <asm/nmi.h>
#include <asm/pci_x86.h>
#include <asm/x86_init.h>

#include "pvkit.h"

static bool __init gone(u64 mask)
{
	return (pvkit_absent() & mask) == mask;
}

/* At the end of x86_early_init_platform_quirks(). */
static void __init set_legacy_features(void)
{
	struct x86_legacy_features *legacy = &x86_platform.legacy;

	if (gone(PVK_ABSENT_I8042))
		legacy->i8042 = X86_LEGACY_I8042_PLATFORM_ABSENT;
	if (gone(PVK_ABSENT_RTC)) {
		legacy->rtc = 0;
		legacy->warm_reset = 0;	/* which is a byte of CMOS memory */
	}
	if (gone(PVK_ABSENT_VGA))
		legacy->no_vga = 1;
	if (gone(PVK_ABSENT_BIOS))
		legacy->reserve_bios_regions = 0;
	if (gone(PVK_ABSENT_ISA))
		legacy->devices.pnpbios = 0;
}

/* With the page in hand, before the kernel looks at anything. */
void __init pvkit_legacy_early_init(void)
{
	if (pvkit_absent())
		x86_platform.set_legacy_features = set_legacy_features;
#ifdef CONFIG_PCI
	if (gone(PVK_ABSENT_PCI))
		pci_probe = 0;	/* early quirks look, too */
#endif
}

#ifdef CONFIG_SERIAL_8250
/* A port at no address is not probed. */
static void no_uart(int port, struct uart_port *up, u32 *capabilities)
{
	up->iobase = 0;
}
#endif

#ifdef CONFIG_PCI
/* 0: no other way to configuration space is to be tried. */
static int __init no_pci(void)
{
	return 0;
}
#endif

static unsigned char no_nmi_reason(void)
{
	return 0;
}

/* As part of init_platform(). */
void __init pvkit_legacy_init(void)
{
	if (gone(PVK_ABSENT_PIC))
		legacy_pic = &null_legacy_pic;
	if (gone(PVK_ABSENT_PIT | PVK_ABSENT_HPET) && lapic_timer_period)
		x86_init.timers.timer_init = x86_init_noop;
	if (gone(PVK_ABSENT_BIOS))
		x86_init.resources.probe_roms = x86_init_noop;
	if (gone(PVK_ABSENT_NMI))
		x86_platform.get_nmi_reason = no_nmi_reason;
	if (gone(PVK_ABSENT_ACPI))
		disable_acpi();
	/*
	 * Without devices all memory is RAM, and write-back. To say so in the MTRRs
	 * means to switch caches off and on, twice on each CPU.
	 */
	if (gone(PVK_ABSENT_PCI))
		setup_clear_cpu_cap(X86_FEATURE_MTRR);
#ifdef CONFIG_PCI
	if (gone(PVK_ABSENT_PCI))
		x86_init.pci.arch_init = no_pci;
#endif
	if (gone(PVK_ABSENT_UART | PVK_ABSENT_VGA) && pvkit_features() & PVK_FEAT_CONSOLE)
		add_preferred_console("hvc", 0, NULL);
#ifdef CONFIG_SERIAL_8250
	if (gone(PVK_ABSENT_UART))
		serial8250_set_isa_configurator(no_uart);
#endif
}
