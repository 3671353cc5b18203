// SPDX-License-Identifier: BSD-2-Clause
/*
 * The console's rings (abi/console.h). Output is taken by the console's thread,
 * which polls while there is any (console.c), and by whoever must see it
 * gone: FLUSH, the calls of power.h, the end of the session. Input comes from
 * the console's thread.
 *
 * console->lock guards everything here; the console's own locks are taken
 * inside it, never the other way.
 */
#include <string.h>

#include "../console.h"
#include "../leak.h"
#include "../liar.h"
#include "pv_priv.h"

static struct hs_pv_console *console_of(void *opaque)
{
	struct hs_pv *pv = opaque;

	return &pv->console;
}

/* Is byte `wake` among old .. new-1? (abi/ring.h) */
static bool must_wake(uint32_t wake, uint32_t old, uint32_t new)
{
	return new - wake - 1 < new - old;
}

static void violated(struct hs_pv_console *c, const char *what)
{
	c->broken = true;
	hs_guest_error(HS_LOG_CONSOLE, "console: %s counter out of bounds: it waits to be set up anew", what);
}

/* Moves output to the user, as far as there is room. Bytes moved. Lock held. */
static uint32_t take_output(struct hs_pv_console *c)
{
	uint32_t head, start = c->out_next;

	if (!c->ctl || c->broken)
		return 0;
	head = __atomic_load_n(&c->ctl->out_head, __ATOMIC_ACQUIRE);
	if (head - c->out_next > c->out_bytes) {
		violated(c, "output");
		return 0;
	}
	while (c->out_next != head) {
		uint32_t at = c->out_next & (c->out_bytes - 1);
		uint32_t len = head - c->out_next, taken;

		if (len > c->out_bytes - at)
			len = c->out_bytes - at;
		taken = (uint32_t)hs_console_put(c->out + at, len);
		c->out_next += taken;
		if (taken < len)
			break;
	}
	__atomic_store_n(&c->ctl->out_tail, c->out_next, __ATOMIC_RELEASE);
	hs_liar_console(c->ctl);
	c->bytes_out += c->out_next - start;
	return c->out_next - start;
}

/* All of what the guest put is taken, or never will be. Lock held. */
static bool is_dry(const struct hs_pv_console *c)
{
	return !c->ctl || c->broken ||
	       __atomic_load_n(&c->ctl->out_head, __ATOMIC_ACQUIRE) == c->out_next;
}

/* ---- what the console's thread calls ---- */

static bool drain(void *opaque)
{
	struct hs_pv_console *c = console_of(opaque);
	uint32_t taken;

	pthread_mutex_lock(&c->lock);
	taken = take_output(c);
	pthread_mutex_unlock(&c->lock);
	return taken;
}

static bool may_sleep(void *opaque)
{
	struct hs_pv_console *c = console_of(opaque);
	uint32_t taken;

	pthread_mutex_lock(&c->lock);
	if (c->ctl)
		__atomic_store_n(&c->ctl->out_wake, c->out_next, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* the guest's is between head and wake */
	taken = take_output(c);
	c->sleeps += !taken;
	pthread_mutex_unlock(&c->lock);
	return !taken;
}

static size_t pv_console_receive(void *opaque, const uint8_t *data, size_t len, bool brk)
{
	struct hs_pv_console *c = console_of(opaque);
	struct hs_pv *pv = opaque;
	uint32_t used, old, room, i;
	bool tell = false;

	pthread_mutex_lock(&c->lock);
	/* No line, no break. Without a ring, input is lost, as on a cut line. */
	i = (uint32_t)len;
	if (brk || !c->ctl || c->broken)
		goto unlock;
	i = 0;
	old = c->in_next;
	used = old - __atomic_load_n(&c->ctl->in_tail, __ATOMIC_ACQUIRE);
	if (used > c->in_bytes) {
		violated(c, "input");
		goto unlock;
	}
	hs_leaves(data, len);
	for (room = c->in_bytes - used; i < room && i < len; i++)
		c->in[(old + i) & (c->in_bytes - 1)] = data[i];
	c->in_next = old + i;
	c->bytes_in += i;
	__atomic_store_n(&c->ctl->in_head, c->in_next, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* the guest's is between wake and head */
	tell = must_wake(__atomic_load_n(&c->ctl->in_wake, __ATOMIC_RELAXED), old, c->in_next);
unlock:
	pthread_mutex_unlock(&c->lock);
	if (tell)
		(void)hs_pv_event_raise_fixed(pv, PVK_CHANNEL_CONSOLE);
	return i;
}

static const struct hs_console_user ring_user = {
	.receive = pv_console_receive,
	.drain = drain,
	.may_sleep = may_sleep,
	.polls_for_room = true,
};

/* ---- what calls do, under pv->lock ---- */

bool hs_pv_console_drain(struct hs_pv *pv)
{
	struct hs_pv_console *c = &pv->console;
	uint32_t taken;
	bool dry;

	pthread_mutex_lock(&c->lock);
	taken = take_output(c);
	dry = is_dry(c);
	pthread_mutex_unlock(&c->lock);
	/* The byte that a sleeping thread waits for may be among those: let it choose anew. */
	if (taken)
		hs_console_wake();
	return dry;
}

bool hs_pv_console_end(struct hs_pv *pv, bool must)
{
	struct hs_pv_console *c = &pv->console;

	if (!c->ctl)
		return true;
	if (!hs_pv_console_drain(pv) && !must)
		return false;
	hs_console_detach(HS_CONSOLE_RING);
	hs_doorbell_unbind(pv->vm, HS_PV_DOORBELL_CONSOLE, hs_console_eventfd());
	pthread_mutex_lock(&c->lock);
	c->ctl = NULL;
	pthread_mutex_unlock(&c->lock);
	return true;
}

static bool size_ok(uint32_t bytes)
{
	return bytes >= PVK_CONSOLE_MIN && bytes <= PVK_CONSOLE_MAX && !(bytes & (bytes - 1));
}

int64_t hs_pv_console_setup(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_console *c = &pv->console;
	struct pvk_console_setup s;
	struct pvk_console *ctl;
	int ret = hs_pv_struct_in(pv, arg[0], arg[1], &s, sizeof(s));

	if (ret < 0)
		return ret;
	if (!s.gpa && (s.out_bytes || s.in_bytes))
		return -PVK_EINVAL;
	if (s.gpa && (!size_ok(s.out_bytes) || !size_ok(s.in_bytes)))
		return -PVK_EINVAL;
	ctl = s.gpa & 63 ? NULL : hs_mem_at(pv->vm->mem, s.gpa, sizeof(*ctl) +
					    (uint64_t)s.out_bytes + s.in_bytes);
	if (s.gpa && !ctl)
		return -PVK_EFAULT;
	if (!hs_pv_console_end(pv, false))
		return -PVK_EAGAIN;
	s.doorbell = HS_PV_DOORBELL_CONSOLE;
	if (s.gpa) {
		if (hs_doorbell_bind(pv->vm, s.doorbell, hs_console_eventfd()) < 0)
			return -PVK_EIO;
		pthread_mutex_lock(&c->lock);
		c->ctl = ctl;
		c->out = (uint8_t *)(ctl + 1);
		c->in = c->out + s.out_bytes;
		c->out_bytes = s.out_bytes;
		c->in_bytes = s.in_bytes;
		c->out_next = 0;
		c->in_next = 0;
		c->broken = false;
		c->setups++;
		pthread_mutex_unlock(&c->lock);
		hs_console_attach(HS_CONSOLE_RING, &ring_user, pv);
	}
	hs_pv_struct_out(pv, arg[0], arg[1], &s, sizeof(s));
	return 0;
}

int64_t hs_pv_console_flush(struct hs_pv *pv, const uint64_t arg[4])
{
	(void)arg;
	if (!pv->console.ctl)
		return -PVK_EPROTO;
	pv->console.flushes++;
	return hs_pv_console_drain(pv) ? 0 : -PVK_EAGAIN;
}
