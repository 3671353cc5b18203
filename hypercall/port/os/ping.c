// SPDX-License-Identifier: BSD-2-Clause
/*
 * The minimal OS: answers ARP requests and pings for one address (RFC 826, 791, 792),
 * sleeping between frames until the card's event comes.
 */
#include "kernel.h"

#define ADDRESS		{ 10, 0, 2, 15 }
#define CHANNEL		1u
#define NET_VECTOR	0x41u	/* cpus.c has its gate */

static struct pvp_net card;

static int same(const __u8 *a, const __u8 *b, __u32 n)
{
	while (n && *a == *b)
		n--, a++, b++;
	return !n;
}

static void put(__u8 *to, const __u8 *from, __u32 n)
{
	while (n--)
		*to++ = *from++;
}

/* Internet checksum of n bytes, n even */
static __u16 sum(const __u8 *p, __u32 n)
{
	__u32 s = 0, i;

	for (i = 0; i < n; i += 2)
		s += (__u32)p[i] << 8 | p[i + 1];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (__u16)~s;
}

/* Turns a frame into its answer: the answer's length, 0: none. *pings counts. */
static __u32 answer(__u8 *f, __u32 length, __u32 *pings)
{
	static const __u8 own[4] = ADDRESS, arp[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	__u32 bytes;
	__u8 peer[4];
	__u16 s;

	if (length >= 42 && f[12] == 8 && f[13] == 6 && same(f + 14, arp, 8) &&
	    same(f + 38, own, 4)) {
		f[21] = 2;
		put(f + 32, f + 22, 10);		/* its sender is our target */
		put(f + 22, card.config.mac, 6);
		put(f + 28, own, 4);
		length = 60;
	} else if (length >= 42 && f[12] == 8 && f[13] == 0 && f[14] == 0x45 && f[23] == 1 &&
		   f[34] == 8 && same(f + 30, own, 4)) {
		bytes = (__u32)f[16] << 8 | f[17];
		if (bytes < 28 || bytes & 1 || bytes > length - 14 || sum(f + 34, bytes - 20))
			return 0;
		put(peer, f + 26, 4);
		put(f + 26, own, 4);
		put(f + 30, peer, 4);
		f[34] = 0;
		f[36] = 0;
		f[37] = 0;
		s = sum(f + 34, bytes - 20);
		f[36] = (__u8)(s >> 8);
		f[37] = (__u8)s;
		++*pings;
	} else {
		return 0;
	}
	put(f, f + 6, 6);
	put(f + 6, card.config.mac, 6);
	return length;
}

void ping(__u32 count)
{
	static __u8 frame[PVP_NET_FRAME];
	__u32 pings = 0, reply, channel = CHANNEL;
	int ret;

	if (pvp_bind(&host, CHANNEL, 0, NET_VECTOR))
		channel = PVK_CHANNEL_NONE;
	ret = pvp_net_open(&card, &host, 0, channel);
	if (ret) {
		pvp_os_log("net: no pvkit card", ret);
		return;
	}
	say("net: card open, link ");
	say(pvp_net_link(&card) ? "up\n" : "down\n");
	while (pings < count) {
		ret = pvp_net_receive(&card, frame, sizeof(frame));
		if (ret < 0)
			break;
		if (!ret) {
			if (!pvp_net_arm(&card) && channel == CHANNEL)
				wait_for_interrupt();
			continue;
		}
		if (ret > (int)sizeof(frame))
			continue;
		reply = answer(frame, (__u32)ret, &pings);
		if (reply)
			(void)pvp_net_send(&card, frame, reply);
	}
	say("net: pings answered: ");
	say_number(pings);
	say("\n");
	ret = pvp_net_close(&card);
	if (ret)
		pvp_os_log("net: the card does not close", ret);
}
