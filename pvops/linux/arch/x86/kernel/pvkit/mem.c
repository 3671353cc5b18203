// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page reporting: the host may take the memory behind free blocks, and
 * gives zeroes or what was there when they are used again.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/page_reporting.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include <asm/page.h>

#include <asm/pvkit/abi/call.h>
#include <asm/pvkit/abi/mem.h>

#include "pvkit.h"

static_assert(PAGE_REPORTING_CAPACITY <= PVK_MEM_REPORT_MAX);

static u64 *entries;	/* page reporting has one report under way at a time */

static int report(struct page_reporting_dev_info *dev, struct scatterlist *sg, unsigned int nents)
{
	struct scatterlist *s;
	unsigned int i, done = 0;
	long ret;

	for_each_sg(sg, s, nents, i)
		entries[i] = sg_phys(s) | min(get_order(s->length), (int)PVK_MEM_ORDER_MAX);
	while (done < nents) {
		ret = pvkit_call(PVK_CALL_MEM_REPORT, virt_to_phys(entries + done), nents - done,
				 0, 0);
		if (ret <= 0 || ret > nents - done)
			return -EIO;
		done += ret;
	}
	return 0;
}

static struct page_reporting_dev_info device = {
	.report = report,
};

static int __init pvkit_mem_init(void)
{
	int ret;

	if (!(pvkit_features() & PVK_FEAT_MEM))
		return 0;
	/* Whoever looks for a pattern in free pages would not find it. */
	if (page_poisoning_enabled_static())
		return 0;
	entries = kcalloc(PAGE_REPORTING_CAPACITY, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	ret = page_reporting_register(&device);
	if (ret)
		kfree(entries);
	return ret;
}
late_initcall(pvkit_mem_init);
