// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library: console. The host's words in the page (out_tail, in_head) are
 * numbers to be checked: one that says the impossible is taken as "nothing new".
 */
#include "console.h"

#define GIVE_UP		3u	/* flushes that freed nothing */

_Static_assert(sizeof(struct pvk_console) + PVP_CONSOLE_OUT + PVP_CONSOLE_IN <= PVP_PAGE,
	       "the console is one page");

int pvp_console_open(struct pvp_console *console, struct pvp_host *host)
{
	struct pvk_console_setup s = {
		.size = sizeof(s), .out_bytes = PVP_CONSOLE_OUT, .in_bytes = PVP_CONSOLE_IN,
	};
	int ret;

	*console = (struct pvp_console){ .host = host };
	if (!(host->active & PVK_FEAT_CONSOLE))
		return -PVK_ENOTSUP;
	console->shared = pvp_os_alloc(PVP_PAGE, &console->gpa);
	if (!console->shared)
		return -PVP_ENOMEM;
	s.gpa = console->gpa;
	ret = pvp_call_struct(host, PVK_CALL_CONSOLE_SETUP, 0, 0, &s, sizeof(s));
	if (ret) {
		pvp_os_free(console->shared, PVP_PAGE);
		console->shared = 0;
		return ret < 0 ? ret : -PVK_EIO;
	}
	console->doorbell = s.doorbell;
	return 0;
}

void pvp_console_close(struct pvp_console *console)
{
	struct pvk_console_setup s = { .size = sizeof(s) };
	int ret;

	if (!console->shared)
		return;
	ret = pvp_call_struct(console->host, PVK_CALL_CONSOLE_SETUP, 0, 0, &s, sizeof(s));
	/* A host that would not end it goes on using the page. */
	if (!ret)
		pvp_os_free(console->shared, PVP_PAGE);
	console->shared = 0;
}

static __u32 room(const struct pvp_console *console)
{
	__u32 used = console->head - pvk_load_acquire(&console->shared->out_tail);

	return used <= PVP_CONSOLE_OUT ? PVP_CONSOLE_OUT - used : 0;
}

/* Tells the host of the bytes from number `old` on, if it sleeps and wants to know. */
static void publish(struct pvp_console *console, __u32 old)
{
	struct pvk_console *c = console->shared;

	pvk_store_release(&c->out_head, console->head);
	pvk_full_barrier();	/* pairs with the host's, between its wake word and its look */
	if (console->head - pvk_load(&c->out_wake) - 1 < console->head - old)
		pvp_ring(console->host, console->doorbell);
}

void pvp_console_put(struct pvp_console *console, const void *bytes, __u32 length)
{
	const __u8 *from = bytes;
	__u8 *ring;
	__u32 n, i, old;

	if (!console->shared)
		return;
	ring = (__u8 *)(console->shared + 1);
	while (length && console->flushes < GIVE_UP) {
		n = room(console);
		if (!n) {
			(void)pvp_console_flush(console);
			console->flushes++;
			continue;
		}
		console->flushes = 0;
		if (n > length)
			n = length;
		old = console->head;
		for (i = 0; i < n; i++)
			ring[console->head++ % PVP_CONSOLE_OUT] = *from++;
		publish(console, old);
		length -= n;
	}
}

__u32 pvp_console_get(struct pvp_console *console, void *bytes, __u32 size)
{
	struct pvk_console *c = console->shared;
	const volatile __u8 *ring;
	__u8 *to = bytes;
	__u32 n, i;

	if (!c)
		return 0;
	ring = (const __u8 *)(c + 1) + PVP_CONSOLE_OUT;
	n = pvk_load_acquire(&c->in_head) - console->tail;
	if (n > PVP_CONSOLE_IN)
		return 0;	/* no host that keeps the rules */
	if (n > size)
		n = size;
	for (i = 0; i < n; i++)
		to[i] = ring[console->tail++ % PVP_CONSOLE_IN];
	pvk_store_release(&c->in_tail, console->tail);
	return n;
}

int pvp_console_flush(struct pvp_console *console)
{
	if (!console->shared)
		return -PVK_EPROTO;
	return pvp_call(console->host, PVK_CALL_CONSOLE_FLUSH, 0, 0, 0, 0);
}
