// SPDX-License-Identifier: BSD-2-Clause
/*
 * The frames of GDB's remote protocol: $CONTENT#SUM, acknowledged by + until both agree not to,
 * and 0x03 for a stop. Commands are in gdb_cmd.c.
 */
#include "gdb_proto.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CTRL_C		0x03
#define ESCAPE		'}'
#define ESCAPED		0x20
#define SUM_BYTES	3u		/* "#xx" */

/* ---- out ---- */

void hs_gdb_begin(struct hs_gdb_proto *p)
{
	p->out[0] = '$';
	p->out_len = 1;
}

static size_t room(const struct hs_gdb_proto *p)
{
	return HS_GDB_PACKET + 1 - p->out_len;
}

void hs_gdb_add(struct hs_gdb_proto *p, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(p->out + p->out_len, room(p) + 1, fmt, args);
	va_end(args);
	if (n > 0)
		p->out_len += (size_t)n < room(p) ? (size_t)n : room(p);
}

void hs_gdb_add_hex(struct hs_gdb_proto *p, const void *data, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *byte = data;

	for (; len && room(p) >= 2; len--, byte++) {
		p->out[p->out_len++] = digit[*byte >> 4];
		p->out[p->out_len++] = digit[*byte & 15];
	}
}

size_t hs_gdb_add_binary(struct hs_gdb_proto *p, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len && room(p) >= 2; i++) {
		bool escape = data[i] && strchr("#$}*", data[i]);

		if (escape)
			p->out[p->out_len++] = ESCAPE;
		p->out[p->out_len++] = (char)(escape ? data[i] ^ ESCAPED : data[i]);
	}
	return i;
}

void hs_gdb_end(struct hs_gdb_proto *p)
{
	uint8_t sum = 0;

	for (size_t i = 1; i < p->out_len; i++)
		sum = (uint8_t)(sum + (uint8_t)p->out[i]);
	snprintf(p->out + p->out_len, SUM_BYTES + 1, "#%02x", sum);
	p->out_len += SUM_BYTES;
	p->ops->send(p->machine, p->out, p->out_len);
}

void hs_gdb_answer(struct hs_gdb_proto *p, const char *text)
{
	hs_gdb_begin(p);
	hs_gdb_add(p, "%s", text);
	hs_gdb_end(p);
}

void hs_gdb_error(struct hs_gdb_proto *p, int error)
{
	hs_gdb_begin(p);
	hs_gdb_add(p, "E%02x", (unsigned int)-error & 0xff);
	hs_gdb_end(p);
}

void hs_gdb_tell_stop(struct hs_gdb_proto *p)
{
	const struct hs_gdb_stop *s = &p->last;

	hs_gdb_begin(p);
	hs_gdb_add(p, "T%02xthread:%x;", s->sig, s->cpu + 1);
	if (s->why == HS_GDB_WHY_SOFT && p->soft_told)
		hs_gdb_add(p, "swbreak:;");
	else if (s->why == HS_GDB_WHY_HARD && p->hard_told)
		hs_gdb_add(p, "hwbreak:;");
	else if (s->why == HS_GDB_WHY_WATCH || s->why == HS_GDB_WHY_AWATCH)
		hs_gdb_add(p, "%s:%llx;", s->why == HS_GDB_WHY_WATCH ? "watch" : "awatch",
			   (unsigned long long)s->address);
	hs_gdb_end(p);
}

void hs_gdb_proto_say(struct hs_gdb_proto *p, const char *line)
{
	if (!p->session || !p->running)
		return;
	hs_gdb_begin(p);
	hs_gdb_add(p, "O");
	hs_gdb_add_hex(p, line, strlen(line));
	hs_gdb_end(p);
}

void hs_gdb_proto_stopped(struct hs_gdb_proto *p, const struct hs_gdb_stop *why)
{
	p->last = *why;
	if (!p->session || !p->running)
		return;
	p->running = false;
	p->cpu_g = p->cpu_c = why->cpu;
	hs_gdb_tell_stop(p);
}

void hs_gdb_proto_exited(struct hs_gdb_proto *p, unsigned int status)
{
	if (p->session && p->running) {
		hs_gdb_begin(p);
		hs_gdb_add(p, "W%02x", status & 0xff);
		hs_gdb_end(p);
	}
	p->session = false;
}

/* ---- in ---- */

/* A session's first packet stops the machine: the debugger expects that. */
static void begin_session(struct hs_gdb_proto *p)
{
	if (p->session)
		return;
	p->session = true;
	p->ops->stop(p->machine);
	p->running = false;
}

static void take_packet(struct hs_gdb_proto *p)
{
	bool good = p->sum == p->told_sum;

	if (!p->no_ack)
		p->ops->send(p->machine, good ? "+" : "-", 1);
	if (!good)
		return;
	begin_session(p);
	/* While it runs, a debugger waits: it has nothing to say but Ctrl-C. */
	if (p->running)
		return;
	if (p->too_long) {
		hs_gdb_answer(p, "E22");
		return;
	}
	p->in[p->in_len] = 0;
	hs_gdb_command(p);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void take_sum(struct hs_gdb_proto *p, uint8_t c)
{
	int digit = hex_digit(c);

	/* A sum that is none is a wrong one. */
	p->told_sum = (uint8_t)(p->told_sum << 4 | (digit < 0 ? 0 : digit));
	if (digit < 0)
		p->told_sum = (uint8_t)~p->sum;
	if (p->state == HS_GDB_IN_SUM1 && digit >= 0) {
		p->state = HS_GDB_IN_SUM2;
		return;
	}
	p->state = HS_GDB_IN_IDLE;
	take_packet(p);
}

static void take_idle(struct hs_gdb_proto *p, uint8_t c)
{
	struct hs_gdb_stop why = { .cpu = p->last.cpu, .sig = HS_GDB_SIGINT };

	if (c == '$') {
		p->state = HS_GDB_IN_BODY;
		p->in_len = 0;
		p->sum = 0;
		p->told_sum = 0;
		p->too_long = false;
	} else if (c == '-' && p->session && !p->no_ack && p->out_len) {
		p->ops->send(p->machine, p->out, p->out_len);
	} else if (c == CTRL_C && p->session && p->running) {
		p->ops->stop(p->machine);
		hs_gdb_proto_stopped(p, &why);
	}
}

static void take_body(struct hs_gdb_proto *p, uint8_t c)
{
	if (c == '$') {		/* the one before it was cut off */
		take_idle(p, c);
		return;
	}
	if (c == '#') {
		p->state = HS_GDB_IN_SUM1;
		return;
	}
	p->sum = (uint8_t)(p->sum + c);
	if (p->in_len == HS_GDB_PACKET)
		p->too_long = true;
	else
		p->in[p->in_len++] = (char)c;
}

void hs_gdb_proto_input(struct hs_gdb_proto *p, const uint8_t *data, size_t len)
{
	for (; len && !p->over; len--, data++) {
		if (p->state == HS_GDB_IN_IDLE)
			take_idle(p, *data);
		else if (p->state == HS_GDB_IN_BODY)
			take_body(p, *data);
		else
			take_sum(p, *data);
	}
}

/* ---- life ---- */

void hs_gdb_proto_init(struct hs_gdb_proto *p, const struct hs_gdb_ops *ops, void *machine,
		       unsigned int cpus, bool by_out)
{
	memset(p, 0, sizeof(*p));
	p->points.by_out = by_out;
	p->ops = ops;
	p->machine = machine;
	p->cpus = cpus;
	p->running = true;
	p->last.sig = HS_GDB_SIGTRAP;
}

void hs_gdb_proto_end(struct hs_gdb_proto *p)
{
	if (p->session) {
		if (p->running)
			p->ops->stop(p->machine);
		hs_gdb_points_clear(&p->points);
		p->session = false;	/* nothing more is told */
		p->ops->resume(p->machine, &p->points, UINT32_MAX >> (32 - p->cpus), 0);
	}
	hs_gdb_proto_init(p, p->ops, p->machine, p->cpus, p->points.by_out);
}
