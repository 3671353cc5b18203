// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the network back end, from hs_net_send() to the descriptor and from
 * there to the model, on streams, datagrams and TAPs. An input is a series of frames
 * both ways, of what the kernel does with each operation (in part, late, not at
 * all), of peers that lie, come and go, and of models that change. Whatever they are:
 * each frame sent has one answer, in bounded time; frames of a pattern arrive as
 * they were, in order, none torn; a stream never loses its place; and the model is
 * given nothing that it did not ask for.
 */
/* LINK: host-stub/json.c host-stub/net/net.c host-stub/net/net_rx.c host-stub/net/net_tx.c host-stub/net/net_build.c host-stub/net/net_socket.c host-stub/net/net_redial.c host-stub/net/net_tap.c host-stub/net/net_vnet.c host-stub/net/net_soft.c host-stub/log.c */
/* LIBS: -lpthread -Wl,--wrap=hs_now -Wl,--wrap=write -Wl,--wrap=writev -Wl,--wrap=nanosleep -Wl,--wrap=open -Wl,--wrap=ioctl -Wl,--wrap=hs_net_redial_begin -Wl,--wrap=fork -Wl,--wrap=pipe2 -Wl,--wrap=fcntl -Wl,--wrap=dup2 -Wl,--wrap=prctl -Wl,--wrap=getppid -Wl,--wrap=syscall -Wl,--wrap=read -Wl,--wrap=connect -Wl,--wrap=_exit */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "frames_kernel.h"
#include "frames_redial.h"

#define SLOTS	80u	/* frames to send at a time: more than a batch */
#define MS	1000000u

static struct hs_net *net;
static struct input *rest;		/* of the input, for who sends again */

/* ---- frames to send ---- */

static struct slot {
	struct hs_net_tx tx;		/* first */
	struct iovec iov[HS_NET_IOV];
	uint8_t *memory;
	bool busy;
	unsigned int queue;
} slots[SLOTS];

static unsigned int flying, again;
static uint32_t next_number;
static bool in_send;

static void send_one(struct slot *s, unsigned int queue, struct input *in);

static void tx_done(struct hs_net_tx *tx, int status)
{
	struct slot *s = (struct slot *)tx;

	MUST(s->busy && !in_send && (!status || status == -EIO));
	MUST(hs_worker_is_self(hs_net_worker(net, s->queue)));
	s->busy = false;
	flying--;
	free(s->memory);
	s->memory = NULL;
	if (again) {		/* as a guest does that has more */
		again--;
		send_one(s, s->queue, rest);
	}
}

static void send_one(struct slot *s, unsigned int queue, struct input *in)
{
	static uint8_t scratch[HS_NET_MAX_FRAME];
	uint8_t what = (uint8_t)take(in, 1);
	uint32_t length = frame_length(in), at = 0;
	struct hs_net_meta meta = { 0 };
	unsigned int parts = 1 + (what & 0x1f);

	if (!(what & 0x20) || !frame_packet(in, scratch, length, &meta) ||
	    hs_net_check(&meta, length) < 0) {
		frame_pattern(scratch, next_number++, length);
		meta = (struct hs_net_meta){ 0 };
	}
	*s = (struct slot){ .tx = { .meta = meta, .length = length, .done = tx_done },
			    .busy = true, .queue = queue };
	s->memory = malloc(length);
	MUST(s->memory);
	memcpy(s->memory, scratch, length);
	for (unsigned int i = 0; i < parts && at < length; i++) {
		uint32_t part = i + 1 == parts ? length - at : 1 + (length - at) / (parts - i + 1);

		s->iov[s->tx.iovcnt++] = (struct iovec){ s->memory + at, part };
		at += part;
	}
	s->iov[s->tx.iovcnt - 1].iov_len += length - at;
	s->tx.iov = s->iov;
	flying++;
	hs_net_send(net, queue, &s->tx);
}

struct send_call {
	struct input *in;
	unsigned int queue, count;
};

static void send_some(void *arg)
{
	struct send_call *call = arg;

	in_send = true;
	for (unsigned int i = 0; i < SLOTS && call->count; i++) {
		if (slots[i].busy)
			continue;
		send_one(&slots[i], call->queue, call->in);
		call->count--;
	}
	in_send = false;
}

/* ---- models ---- */

static struct model {
	struct hs_net_model model;	/* first */
	unsigned int room, last;
	bool attached;
} models[2];

static bool model_receive(struct hs_net_model *model, unsigned int queue,
			 const struct hs_net_meta *meta, const uint8_t *frame, uint32_t length)
{
	static const uint32_t gso[] = { 0, HS_NET_TSO4, HS_NET_TSO6, HS_NET_USO };
	struct model *f = (struct model *)model;
	uint32_t n, sum;

	MUST(f->attached && queue < model->queues);
	MUST(length >= HS_NET_MIN_FRAME && length <= HS_NET_MAX_FRAME);
	MUST(meta->gso <= PVK_NET_GSO_UDP);
	MUST(!(gso[meta->gso] & ~model->rx_offloads));
	MUST(!meta->csum || model->rx_offloads & HS_NET_CSUM);
	if (meta->csum)
		MUST((uint32_t)meta->csum_start + meta->csum_offset + 2 <= length);
	/* All of it is looked at, as a guest's would be. */
	sum = hs_net_checksum(frame, length, 0);
	if (!f->room || sum == 0x1234)
		return false;
	f->room--;
	if (sender.honest && frame_is_pattern(frame, length, &n)) {
		MUST(kind == HS_NIC_TAP || (n >= f->last && n < sender.next));
		f->last = n + 1;
	}
	return true;
}

static void model_received(struct hs_net_model *model, unsigned int queue)
{
	MUST(((struct model *)model)->attached && queue < model->queues);
}

static void model_link(struct hs_net_model *model, bool up)
{
	(void)up;
	MUST(((struct model *)model)->attached);
}

static void attach(uint8_t what)
{
	static const uint32_t offloads[] = { 0, HS_NET_CSUM, HS_NET_CSUM | HS_NET_TSO4,
					     HS_NET_CSUM | HS_NET_TSO4 | HS_NET_TSO6 | HS_NET_USO |
					     HS_NET_ECN };
	struct model *f = &models[what & 1];
	uint32_t last = models[0].last > models[1].last ? models[0].last : models[1].last;

	if (what & 2) {
		f->model.rx_offloads = offloads[what >> 2 & 3];
		if (f->attached)
			hs_net_rx_offloads(net, f->model.rx_offloads);
		return;
	}
	hs_net_attach(net, NULL);
	models[0].attached = false;
	models[1].attached = false;
	if (what & 0x80)
		return;
	*f = (struct model){ .model = { .receive = model_receive, .link = model_link,
				      .received = what & 0x40 ? NULL : model_received,
				      .queues = 1 + (what >> 4 & 3),
				      .rx_offloads = offloads[what >> 2 & 3] },
			    .room = what & 0x10 ? 3 : 1000, .attached = true, .last = last };
	hs_net_attach(net, &f->model);
}

static void say_ready(void *arg)
{
	unsigned int *queue = arg;

	hs_net_ready(net, *queue);
}

/* ---- opening ---- */

static char directory[64], own_path[100], peer_path[100];

static int listener(int type)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	strcpy(to.sun_path, peer_path);
	unlink(peer_path);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
			(type == SOCK_STREAM && listen(fd, 4) < 0)))
		abort();
	return fd;
}

static int given(struct hs_nic_config *config, int type, unsigned int fds)
{
	int pair[2];

	for (unsigned int i = 0; i < fds; i++) {
		if (socketpair(AF_UNIX, type, 0, pair) < 0)
			abort();
		close(pair[1]);
		config->fd[i] = pair[0];
	}
	config->fds = fds;
	return 0;
}

/* Of every kind, by name and by descriptor; also such as must be refused. False: refused. */
static bool open_net(struct input *in)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	struct hs_nic_config config = { .mtu = 1500, .name = own_path };
	uint8_t what = (uint8_t)take(in, 1), more = (uint8_t)take(in, 1);
	int other = -1, left, ret;

	kind = (enum hs_nic_kind)(what & 3);
	config.kind = kind;
	tap.broken = 0;
	tap.multi_queue = false;
	redial.in = kind == HS_NIC_DGRAM && more & 0x20 ? in : NULL;
	redial.trouble = redial.in ? (uint8_t)take(in, 1) : 0;
	unlink(own_path);
	if (kind == HS_NIC_TAP) {
		tap.multi_queue = more & 1;
		tap.broken = what & 0x80 ? (uint8_t)take(in, 1) : 0;
		config.queues = 1 + (what >> 2 & 3);
		config.name = what & 0x20 ? "tap0" : what & 0x40 ? "a-name-that-is-too-long" : "pvk0";
		if (what & 0x10)
			(void)given(&config, SOCK_DGRAM, config.queues);
	} else if (what & 0x10) {
		config.listen = what & 0x20;
		config.peer = what & 0x40 ? NULL : peer_path;
		if (more & 1)
			other = listener(kind == HS_NIC_STREAM ? SOCK_STREAM : SOCK_DGRAM);
		else
			unlink(peer_path);
		if (kind == HS_NIC_STREAM && !config.listen)
			config.name = peer_path;
		if (more & 2)		/* something is there already */
			config.name = more & 4 ? directory : peer_path;
		if (more & 8)
			config.name = more & 4 ? "" : NULL;
		if (more & 0x10) {	/* a socket file that nobody serves, and one of another */
			left = listener(SOCK_STREAM);
			close(left);
			config.name = peer_path;
		}
	} else {
		(void)given(&config, what & 0x80 ? types[more % 3] :
			    kind == HS_NIC_STREAM ? SOCK_STREAM :
			    kind == HS_NIC_USER ? SOCK_SEQPACKET : SOCK_DGRAM,
			    (more & 0xc0) == 0xc0 ? 2 : 1);
	}
	ret = hs_net_open(&net, &config, 0, 0);
	/* What was refused is closed, but for descriptors that it did not come to. */
	for (unsigned int i = 0; ret < 0 && i < config.fds; i++)
		close(config.fd[i]);
	if (other >= 0)
		close(other);
	return ret == 0;
}

/* ---- the input ---- */

static void kernel_works(struct input *in)
{
	struct hs_worker *w = step.worker[take(in, 1) % STEP_WORKERS];
	uint8_t n = (uint8_t)take(in, 1), how = (uint8_t)take(in, 1);

	if (!w)
		w = hs_net_worker(net, 0);
	writes.times = 1u + (n >> 3);
	writes.how = how;
	for (unsigned int i = 0; i < 1u + (n >> 3); i++) {
		if (!step_complete(w, n & 7, how))
			break;
		if (how >= 0x80)
			(void)step_round(w);
	}
}

/* The other end takes a part of a frame, and then no more, for so long. */
static void stuck(struct input *in, unsigned int queue)
{
	struct hs_worker *w = hs_net_worker(net, queue);
	uint8_t part = (uint8_t)take(in, 1);

	writes.times = 1;
	writes.how = part & 0x7f;
	writes.full = true;
	(void)step_round(w);
	(void)step_round(w);
	for (unsigned int i = 0; i < 3; i++) {
		(void)step_round(w);
		step.now += (part & 0x80 ? 100 : 70) * MS;
	}
	writes.full = false;
}

static void account(void)
{
	static FILE *nowhere;
	struct hs_net_info info;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	MUST(nowhere);
	hs_net_json(net, nowhere);
	hs_net_info(net, &info);
	MUST(info.queues >= 1 && info.queues <= HS_MAX_NIC_QUEUES);
}

static void one_thing(struct input *in)
{
	uint8_t what = (uint8_t)take(in, 1);
	struct hs_net_info info;
	struct send_call call;
	unsigned int queue;

	hs_net_info(net, &info);
	queue = (what >> 4 & 3) % info.queues;
	switch (what & 15) {
	case 0:
	case 1:
		call = (struct send_call){ in, queue, 1 + (unsigned int)take(in, 1) % SLOTS };
		again = what & 0x80 ? call.count : 0;
		hs_worker_call(hs_net_worker(net, queue), send_some, &call);
		break;
	case 2:
	case 3:
		for (unsigned int i = 0; i < 1u + (what >> 6) * 8; i++)
			peer_frame(in);
		break;
	case 4:
		peer_raw(in);
		break;
	case 5:
		attach((uint8_t)take(in, 1));
		break;
	case 6:
		models[what >> 4 & 1].room = (unsigned int)take(in, 1) * (what & 0x80 ? 100 : 1);
		hs_worker_call(hs_net_worker(net, queue), say_ready, &queue);
		break;
	case 7:
		hs_net_set_link(net, what & 0x10);
		break;
	case 8:
		step.now += (what & 0x80 ? MS : 50 * MS) * take(in, 1);
		break;
	case 9:
		if (what & 0x80)
			redial_gone();
		step.refuse = (unsigned int)take(in, 1);
		break;
	case 10:
		account();
		break;
	case 11:
		for (unsigned int i = 0; i < 1u + (what >> 4); i++)
			(void)step_all();
		break;
	case 12:
		if (what & 0x80) {
			stuck(in, queue);
			break;
		}
		for (unsigned int i = 0; i < STEP_WORKERS; i++)
			if (step.worker[i])
				(void)step_round(step.worker[i]);
		break;
	default:
		kernel_works(in);
		for (unsigned int i = 0; i < STEP_WORKERS && what & 0x10; i++)
			if (step.worker[i])
				(void)step_round(step.worker[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!*directory) {
		snprintf(directory, sizeof(directory), "/dev/shm/pvkit-fuzz-%d", getpid());
		snprintf(own_path, sizeof(own_path), "%s/own", directory);
		snprintf(peer_path, sizeof(peer_path), "%s/peer", directory);
		MUST(mkdir(directory, 0700) == 0);
		(void)signal(SIGPIPE, SIG_IGN);		/* blocked in the stub */
	}
	rest = &in;
	step.now = 1000 * MS;
	step.refuse = 0;
	writes.times = 0;
	memset(&models, 0, sizeof(models));
	sender.from = 0;
	sender.to = 0;
	sender.messages = 0;
	sender.next = 1;
	sender.honest = true;
	receiver.have = 0;
	receiver.last = 0;
	next_number = 0;
	if (!open_net(&in)) {
		MUST(redial.alive < 0);
		return 0;
	}
	attach(0x04);
	while (in.left)
		one_thing(&in);
	/* Whoever is there takes what comes, or time does. */
	again = 0;
	step.refuse = 0;
	for (unsigned int i = 0; i < 200 && flying; i++) {
		while (step_all())
			;
		step.now += 10 * MS;
	}
	MUST(!flying);
	hs_net_attach(net, NULL);
	hs_net_close(net);
	MUST(redial.alive < 0);
	net = NULL;
	return 0;
}
