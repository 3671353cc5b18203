// SPDX-License-Identifier: GPL-2.0-only
/*
 * Constant MSRs from the table of the information page.
 *
 * Under a hypervisor most MSRs that a kernel reads while it boots hold what
 * they held at power-on; each RDMSR of them is an exit, and on each CPU again.
 * An entry holds until the register is written, by any CPU: the hook of WRMSR
 * notes that. A filter of one word keeps the cost off the registers that are
 * written often, which are in no table.
 */
#include <linux/bitmap.h>
#include <linux/cache.h>
#include <linux/hash.h>
#include <linux/kernel.h>

#include <asm/msr.h>
#include <asm/paravirt.h>
#include <asm/setup.h>

#include "pvkit.h"
#include "table.h"

#define LOADER_KEXEC	0xd	/* boot loader type, boot.rst in Documentation */

static const struct pvk_info_msr *msr_table __ro_after_init;
static u64 msr_filter __ro_after_init;
static DECLARE_BITMAP(msr_written, PVKIT_MSR_MAX);

static u64 filter_bit(u32 msr)
{
	return BIT_ULL(hash_32(msr, 6));
}

/* The entry of a register that nobody has written; NULL: ask the CPU. */
static const struct pvk_info_msr_entry *find_msr(u32 msr)
{
	const struct pvk_info_msr_entry *e;

	if (!(msr_filter & filter_bit(msr)))
		return NULL;
	e = pvkit_find_msr(msr_table, msr);
	if (!e || test_bit(e - msr_table->entry, msr_written))
		return NULL;
	return e;
}

static void note_write(u32 msr)
{
	const struct pvk_info_msr_entry *e = find_msr(msr);

	if (e)
		set_bit(e - msr_table->entry, msr_written);
}

static u64 pvkit_read_msr(unsigned int msr)
{
	const struct pvk_info_msr_entry *e = find_msr(msr);

	/* One that faults does so as ever: the caller did not expect it. */
	return e && !(e->flags & PVK_MSR_ABSENT) ? e->value : native_read_msr(msr);
}

static u64 pvkit_read_msr_safe(unsigned int msr, int *err)
{
	const struct pvk_info_msr_entry *e = find_msr(msr);

	if (!e)
		return native_read_msr_safe(msr, err);
	*err = e->flags & PVK_MSR_ABSENT ? -EIO : 0;
	return *err ? 0 : e->value;
}

static void pvkit_write_msr(unsigned int msr, unsigned int low, unsigned int high)
{
	note_write(msr);
	native_write_msr(msr, low, high);
}

static int pvkit_write_msr_safe(unsigned int msr, unsigned int low, unsigned int high)
{
	note_write(msr);
	return native_write_msr_safe(msr, low, high);
}

/* As soon as the page was read. */
void __init pvkit_msr_init(void)
{
	const struct pvk_info_msr *table = pvkit_info(PVK_INFO_MSR);
	u32 i;

	/* The table tells of power-on; the kernel before this one has written registers. */
	if (!table || boot_params.hdr.type_of_loader >> 4 == LOADER_KEXEC ||
	    table->count > PVKIT_MSR_MAX || !pvkit_msr_sorted(table))
		return;
	for (i = 0; i < table->count; i++)
		msr_filter |= filter_bit(table->entry[i].msr);
	msr_table = table;
	pv_ops.cpu.read_msr = pvkit_read_msr;
	pv_ops.cpu.read_msr_safe = pvkit_read_msr_safe;
	pv_ops.cpu.write_msr = pvkit_write_msr;
	pv_ops.cpu.write_msr_safe = pvkit_write_msr_safe;
}
