// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library: network cards. Receive buffers are answered in the order in
 * which they were put, so their numbers are known before; of a transmit answer it is asked
 * whether that buffer is on its way. A length is believed up to the buffer's.
 */
#include "net.h"

#define BYTES	(2 * PVP_NET_ENTRIES * PVP_NET_BUFFER)

static void copy(void *to, const void *from, __u32 bytes)
{
	__u8 *t = to;
	const __u8 *f = from;

	while (bytes--)
		*t++ = *f++;
}

static void put_buffer(struct pvp_net *net, __u32 n)
{
	union {
		struct pvk_net_rx_sqe sqe;
		union pvk_sqe_words words;
	} e = { .sqe = { .id = (__u16)n, .op = PVK_NET_RX,
			 .seg = { .gpa = net->gpa + n * PVP_NET_BUFFER, .len = PVP_NET_BUFFER } } };

	pvp_queue_put(&net->rx, &e.words);
}

static int get_config(struct pvp_net *net)
{
	struct pvk_net_config *c = &net->config;
	__u32 i, any = 0;
	int ret = pvp_device_config(&net->device, c, sizeof(*c));

	if (ret < 0)
		return ret;
	/* A card's own address is no group's, and there is one. */
	for (i = 0; i < 6; i++)
		any |= c->mac[i];
	return any && !(c->mac[0] & 1) ? 0 : -PVK_EIO;
}

int pvp_net_open(struct pvp_net *net, struct pvp_host *host, __u32 n, __u32 channel)
{
	__u32 i;
	int ret;

	*net = (struct pvp_net){ .memory = 0 };
	ret = pvp_device_open(&net->device, host, PVK_DEV_NET, n, 0);
	if (ret)
		return ret;
	ret = get_config(net);
	if (!ret)
		ret = pvp_queue_setup(&net->rx, &net->device, 0, PVP_NET_ENTRIES, channel);
	if (!ret)
		ret = pvp_queue_setup(&net->tx, &net->device, 1, PVP_NET_ENTRIES, PVK_CHANNEL_NONE);
	if (!ret) {
		net->memory = pvp_os_alloc(BYTES, &net->gpa);
		ret = net->memory ? pvp_device_start(&net->device) : -PVP_ENOMEM;
	}
	if (ret) {
		(void)pvp_net_close(net);
		return ret;
	}
	for (i = 0; i < net->rx.entries; i++)
		put_buffer(net, i);
	pvp_queue_kick(&net->rx);
	return 0;
}

int pvp_net_close(struct pvp_net *net)
{
	int ret = pvp_device_close(&net->device);

	pvp_queue_free(&net->rx);
	pvp_queue_free(&net->tx);
	if (net->memory && !ret)
		pvp_os_free(net->memory, BYTES);
	net->memory = 0;
	return ret;
}

int pvp_net_link(struct pvp_net *net)
{
	struct pvk_net_config c;

	return pvp_device_config(&net->device, &c, sizeof(c)) >= 0 && c.link == 1;
}

/* Takes answers of frames sent. 0, or -PVK_EIO: broken. */
static int reap(struct pvp_net *net)
{
	struct pvk_cqe a;
	int ret;

	while ((ret = pvp_queue_get(&net->tx, &a)) > 0) {
		/* A frame that could not be sent is lost, as on any wire. */
		if (a.id >= net->tx.entries || !(net->tx_flight >> a.id & 1) || a.op != PVK_NET_TX)
			return pvp_queue_break(&net->tx, "pvkit: an answer to no frame sent");
		net->tx_flight &= ~(1u << a.id);
	}
	return ret;
}

int pvp_net_send(struct pvp_net *net, const void *frame, __u32 length)
{
	union {
		struct pvk_net_tx_sqe sqe;
		union pvk_sqe_words words;
	} e = { .sqe = { .op = PVK_NET_TX, .nsegs = 1, .length = length } };
	__u32 n, at;
	int ret;

	if (length < PVK_NET_MIN_FRAME || length > PVP_NET_FRAME)
		return -PVK_EINVAL;
	ret = reap(net);
	if (ret)
		return ret;
	for (n = 0; n < net->tx.entries && net->tx_flight >> n & 1; n++)
		;
	if (n == net->tx.entries || !pvp_queue_room(&net->tx))
		return -PVK_EAGAIN;
	at = (PVP_NET_ENTRIES + n) * PVP_NET_BUFFER;
	copy(net->memory + at, frame, length);
	e.sqe.id = (__u16)n;
	e.sqe.seg[0].gpa = net->gpa + at;
	e.sqe.seg[0].len = length;
	net->tx_flight |= 1u << n;
	pvp_queue_put(&net->tx, &e.words);
	pvp_queue_kick(&net->tx);
	return 0;
}

/* The length of a whole frame in the buffer; 0: none; -PVK_EIO: the host broke the rules. */
static int frame_of(struct pvp_net *net, const struct pvk_cqe *a)
{
	__u32 length = PVK_NET_RX_LENGTH(a->value);
	int more = a->flags & PVK_NET_MORE, part = (int)net->skipping;

	if (a->id != net->rx_next || a->op != PVK_NET_RX || length > PVP_NET_BUFFER)
		return pvp_queue_break(&net->rx, "pvkit: an answer to no buffer");
	net->rx_next = (net->rx_next + 1) & (net->rx.entries - 1);
	if (a->status)
		return 0;
	net->skipping = !!more;
	if (more && !part)
		net->dropped++;
	return more || part ? 0 : (int)length;
}

int pvp_net_receive(struct pvp_net *net, void *frame, __u32 size)
{
	struct pvk_cqe a;
	int ret, length;

	while ((ret = pvp_queue_get(&net->rx, &a)) > 0) {
		length = frame_of(net, &a);
		if (length < 0)
			return length;
		copy(frame, net->memory + a.id * PVP_NET_BUFFER,
		     (__u32)length < size ? (__u32)length : size);
		put_buffer(net, a.id);
		pvp_queue_kick(&net->rx);
		if (length)
			return length;
	}
	return ret;
}

int pvp_net_arm(struct pvp_net *net)
{
	return pvp_queue_arm(&net->rx);
}
