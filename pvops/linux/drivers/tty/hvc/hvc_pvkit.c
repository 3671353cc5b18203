// SPDX-License-Identifier: GPL-2.0-only
/*
 * The console of a pvkit host (asm/pvkit/abi/console.h): bytes in a ring, and a
 * doorbell only when the host sleeps. As an early console, "earlycon=pvkit", from
 * the first options on; as hvc0 behind that. Both write to the same ring.
 *
 * The host may write to the ring's memory at any time: its cursors are read
 * once, and what they say is bounded before it is used.
 */
#include <linux/console.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/serial_core.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/version.h>

#include <asm/page.h>
#include <asm/pvkit.h>

#include <asm/pvkit/abi/call.h>
#include <asm/pvkit/abi/console.h>
#include <asm/pvkit/abi/cpuid.h>
#include <asm/pvkit/abi/event.h>

#include "hvc_console.h"

#define OUT_BYTES	16384u	/* a whole boot's messages, so that few boots wait for the host */
#define IN_BYTES	1024u
#define FLUSH_TRIES	1000000u	/* progress is promised; not for ever, nor again */
#define TTY_BUFFER	1024	/* of hvc */

/* struct hv_ops as of 6.8, and before */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define hvc_char	u8
#define hvc_count	size_t
#define hvc_done	ssize_t
#else
#define hvc_char	char
#define hvc_count	int
#define hvc_done	int
#endif

static struct {
	struct pvk_console ctl;
	u8 out[OUT_BYTES];
	u8 in[IN_BYTES];
} ring __aligned(PAGE_SIZE);

static DEFINE_RAW_SPINLOCK(out_lock);	/* out_head */
static DEFINE_RAW_SPINLOCK(in_lock);	/* in_tail, in_wake */
static u32 out_head, in_tail;		/* ours; the ring's are for the host to read */
static u32 doorbell;
static bool ready;
static bool stuck;	/* the host took nothing, however often it was asked; out_lock */
static struct pvk_console_setup setup __aligned(8);

/* Once, by who comes first: early console or hvc; both before there is a second CPU. */
static bool __init console_setup(void)
{
	if (ready || !(pvkit_features() & PVK_FEAT_CONSOLE))
		return ready;
	setup.size = sizeof(setup);
	setup.out_bytes = OUT_BYTES;
	setup.in_bytes = IN_BYTES;
	setup.gpa = __pa_symbol(&ring);
	if (pvkit_call(PVK_CALL_CONSOLE_SETUP, __pa_symbol(&setup), sizeof(setup), 0, 0))
		return false;
	doorbell = READ_ONCE(setup.doorbell);
	ready = true;
	return true;
}

/* Room in the ring; the host is made to take something when there is none. */
static u32 room(void)
{
	unsigned int i;
	u32 used;
	long ret = 0;

	for (i = 0; i < (stuck ? 1 : FLUSH_TRIES); i++) {
		/* The host is done with what it has taken before it says so */
		used = out_head - virt_load_acquire(&ring.ctl.out_tail);
		if (used < OUT_BYTES) {
			stuck = false;
			return OUT_BYTES - used;
		}
		if (ret && ret != -PVK_EAGAIN)
			break;
		ret = pvkit_call(PVK_CALL_CONSOLE_FLUSH, 0, 0, 0, 0);
	}
	stuck = true;
	return 0;
}

/* As many bytes as there is room for: returns their number. */
static u32 put_some(const hvc_char *buf, u32 count)
{
	u32 old = out_head;
	u32 at = old % OUT_BYTES;
	u32 first;

	count = min(count, room());
	first = min(count, OUT_BYTES - at);
	memcpy(ring.out + at, buf, first);
	memcpy(ring.out, buf + first, count - first);
	out_head = old + count;
	/* The bytes before their number */
	virt_store_release(&ring.ctl.out_head, out_head);
	/* The host looks at out_head after it has written out_wake */
	virt_mb();
	if (out_head - READ_ONCE(ring.ctl.out_wake) - 1 < count)
		pvkit_doorbell(doorbell);
	return count;
}

static hvc_done put_chars(u32 vtermno, const hvc_char *buf, hvc_count count)
{
	unsigned long flags;
	hvc_count done = 0;
	u32 part;

	if (!ready)
		return count;
	/* When it all goes down, the CPU that has the lock may be stopped. */
	if (oops_in_progress) {
		local_irq_save(flags);
		if (!raw_spin_trylock(&out_lock)) {
			local_irq_restore(flags);
			return put_some(buf, count);
		}
	} else {
		raw_spin_lock_irqsave(&out_lock, flags);
	}
	while (done < count) {
		part = put_some(buf + done, count - done);
		if (!part)
			break;	/* a host that takes nothing: dropped */
		done += part;
	}
	raw_spin_unlock_irqrestore(&out_lock, flags);
	return count;
}

/* What has come, up to count bytes; asks to be told of the next when there is nothing. */
static hvc_done get_chars(u32 vtermno, hvc_char *buf, hvc_count count)
{
	unsigned long flags;
	hvc_count done = 0;
	u32 have;

	if (!ready)
		return 0;
	raw_spin_lock_irqsave(&in_lock, flags);
	for (;;) {
		/* The bytes after their number */
		have = virt_load_acquire(&ring.ctl.in_head) - in_tail;
		if (have > IN_BYTES)
			have = 0;	/* no sane host: take nothing */
		if (!have) {
			if (READ_ONCE(ring.ctl.in_wake) == in_tail)
				break;
			WRITE_ONCE(ring.ctl.in_wake, in_tail);
			/* The host reads in_wake after it has written in_head */
			virt_mb();
			continue;
		}
		if (done == count)
			break;
		buf[done++] = ring.in[in_tail % IN_BYTES];
		in_tail++;
		/* The byte is taken before the host may use its place */
		virt_store_release(&ring.ctl.in_tail, in_tail);
	}
	raw_spin_unlock_irqrestore(&in_lock, flags);
	return done;
}

static const struct hv_ops ops = {
	.get_chars = get_chars,
	.put_chars = put_chars,
	.notifier_add = notifier_add_irq,
	.notifier_del = notifier_del_irq,
	.notifier_hangup = notifier_hangup_irq,
};

static int __init hvc_pvkit_console_init(void)
{
	if (!console_setup())
		return -ENODEV;
	return hvc_instantiate(0, 0, &ops);
}
console_initcall(hvc_pvkit_console_init);

static int __init hvc_pvkit_init(void)
{
	int irq;

	if (!ready)
		return 0;
	irq = pvkit_channel_irq(PVK_CHANNEL_CONSOLE);
	return PTR_ERR_OR_ZERO(hvc_alloc(0, irq > 0 ? irq : 0, &ops, TTY_BUFFER));
}
device_initcall(hvc_pvkit_init);

static void early_putc_crlf(const char *s, unsigned int n)
{
	while (n) {
		const char *nl = memchr(s, '\n', n);
		unsigned int part = nl ? nl - s : n;

		put_chars(0, s, part);
		if (nl) {
			put_chars(0, "\r\n", 2);
			part++;
		}
		s += part;
		n -= part;
	}
}

static void early_write(struct console *con, const char *s, unsigned int n)
{
	early_putc_crlf(s, n);
}

static int __init early_setup(struct earlycon_device *device, const char *options)
{
	if (!console_setup())
		return -ENODEV;
	device->con->write = early_write;
	return 0;
}

EARLYCON_DECLARE(pvkit, early_setup);
