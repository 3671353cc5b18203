// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls with structures by guest-physical address, repeated calls, and batches.
 *
 * Structures live in kmalloc()ed memory, which is physically linear and
 * aligned; the caller's copy may be anywhere. The host can change a buffer at
 * any time while it is known to it, so an answer is copied out once and only
 * the copy is looked at.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "core.h"

/*
 * Waits between repetitions, first short (draining a queue takes microseconds
 * on most back ends), then up to 10 ms. Returns false after the deadline.
 */
static bool pvk_repeat(ktime_t deadline, unsigned int *round)
{
	if (ktime_after(ktime_get(), deadline))
		return false;
	atomic64_inc(&pvk_host.repeats);
	if (*round < 8) {
		cpu_relax();
		cond_resched();
	} else {
		unsigned int us = min(50u << min(*round - 8, 8u), 10000u);

		usleep_range(us, us + us / 4);
	}
	++*round;
	return true;
}

/*
 * A call with one argument, repeated while -EAGAIN; -ETIMEDOUT after ms. May sleep.
 * On the way out one call after the other waits for the host: only the first one
 * gives a host that does not answer all of that time.
 */
int pvk_call_wait(u32 nr, u64 a0, unsigned int ms)
{
	unsigned int given = READ_ONCE(pvk_host.overdue) ? min(ms, PVK_OVERDUE_MS) : ms;
	ktime_t deadline = ktime_add_ms(ktime_get(), given);
	unsigned int round = 0;
	int ret;

	while ((ret = pvk_call(nr, a0, 0, 0, 0)) == -EAGAIN) {
		if (!pvk_repeat(deadline, &round)) {
			ret = -ETIMEDOUT;
			break;
		}
	}
	WRITE_ONCE(pvk_host.overdue, ret == -ETIMEDOUT);
	return ret;
}

/*
 * A call with one structure, repeated while -EAGAIN, -ETIMEDOUT after ms. data
 * is passed and, unless the call failed, replaced by the host's answer. Each
 * repetition passes what the caller gave, not what the host wrote. May sleep.
 */
int pvk_call_struct(u32 nr, void *data, size_t size, unsigned int ms)
{
	ktime_t deadline = ktime_add_ms(ktime_get(), ms);
	unsigned int round = 0;
	void *buf;
	int ret;

	buf = kmalloc(size, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	do {
		memcpy(buf, data, size);
		ret = pvk_call(nr, virt_to_phys(buf), size, 0, 0);
		if (ret == -EAGAIN && !pvk_repeat(deadline, &round))
			ret = -ETIMEDOUT;
	} while (ret == -EAGAIN);
	/* PVK_CALL_NEGOTIATE tells the host's version when it refuses ours */
	if (ret >= 0 || ret == -EPROTONOSUPPORT)
		memcpy(data, buf, size);
	kfree(buf);
	return ret;
}

/*
 * A call (first, buffer, size); unless it failed, all of data is replaced: what
 * the host does not write stays as it was. May sleep.
 */
int pvk_call_buffer(u32 nr, u64 first, void *data, size_t size)
{
	void *buf = kmemdup(data, size, GFP_KERNEL);
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = pvk_call(nr, first, virt_to_phys(buf), size, 0);
	if (ret >= 0)
		memcpy(data, buf, size);
	kfree(buf);
	return ret;
}

/* The same calls one by one, where batches were not negotiated */
static int pvk_batch_singly(struct pvk_batch_entry *entries, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		const u64 *arg = entries[i].arg;

		entries[i].status = pvk_call(entries[i].call, arg[0], arg[1], arg[2], arg[3]);
	}
	return 0;
}

/*
 * Executes count calls in as few transfers as the host allows. entries may be
 * anywhere; status of each holds 0, a result or a Linux -errno afterwards.
 * 0; -ENOMEM; -EIO (the host broke the ABI); -ETIMEDOUT. After an error the
 * status of the entries says nothing. May sleep.
 */
int pvk_batch(struct pvk_batch_entry *entries, u32 count)
{
	ktime_t deadline = ktime_add_ms(ktime_get(), 1000);
	struct pvk_batch_entry *buf;
	unsigned int round = 0;
	u32 done = 0;
	int ret = 0;
	u32 i;

	if (!pvk_has(PVK_FEAT_BATCH))
		return pvk_batch_singly(entries, count);

	buf = kmalloc_array(min(count, PVK_MAX_BATCH), sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	while (done < count) {
		u32 part = min(count - done, PVK_MAX_BATCH);
		u32 start = 0;

		memcpy(buf, entries + done, part * sizeof(*buf));
		while (start < part) {
			ret = pvk_call(PVK_CALL_BATCH, virt_to_phys(buf), part, start, 0);
			if (ret == -EAGAIN)
				ret = start;
			ret = pvk_check_batch(ret, start, part);
			if (ret < 0)
				goto free;
			if ((u32)ret == start && !pvk_repeat(deadline, &round)) {
				ret = -ETIMEDOUT;
				goto free;
			}
			start = ret;
		}
		for (i = 0; i < part; i++)
			entries[done + i].status = pvk_errno(READ_ONCE(buf[i].status));
		done += part;
	}
	ret = 0;
free:
	kfree(buf);
	return ret;
}
