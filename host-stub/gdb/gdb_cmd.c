// SPDX-License-Identifier: BSD-2-Clause
/*
 * The packets of GDB's remote protocol (its manual, appendix "Remote Serial Protocol"): a table by
 * how they begin. A packet is bounded text from a debugger: each number and length is checked, and
 * no packet does half of what it says.
 */
#include <errno.h>
#include <string.h>

#include "gdb_proto.h"

/* What is left of a packet */
struct text {
	const char *at, *end;
};

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A hexadecimal number of 1 to 16 digits; false if there is none. */
static bool take_number(struct text *t, uint64_t *value)
{
	const char *from = t->at;

	for (*value = 0; t->at < t->end && nibble(*t->at) >= 0 && t->at - from < 16; t->at++)
		*value = *value << 4 | (uint64_t)nibble(*t->at);
	return t->at > from && (t->at == t->end || nibble(*t->at) < 0);
}

static bool take_char(struct text *t, char c)
{
	if (t->at == t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

static bool take_word(struct text *t, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(t->end - t->at) < len || memcmp(t->at, word, len))
		return false;
	t->at += len;
	return true;
}

static bool at_end(const struct text *t)
{
	return t->at == t->end;
}

/* Bytes as pairs of digits, all that is left of the packet, exactly `len` of them. */
static bool take_hex(struct text *t, void *to, size_t len)
{
	uint8_t *byte = to;

	if ((size_t)(t->end - t->at) != 2 * len)
		return false;
	for (; len--; t->at += 2, byte++) {
		if (nibble(t->at[0]) < 0 || nibble(t->at[1]) < 0)
			return false;
		*byte = (uint8_t)(nibble(t->at[0]) << 4 | nibble(t->at[1]));
	}
	return true;
}

/* ---- threads: vCPU n is thread n + 1; 0 is any, -1 all ---- */

static uint32_t all_cpus(const struct hs_gdb_proto *p)
{
	return UINT32_MAX >> (32 - p->cpus);
}

/* The vCPUs of a thread's id; `any` is what 0 stands for. */
static bool take_thread(const struct hs_gdb_proto *p, struct text *t, unsigned int any,
			uint32_t *mask)
{
	uint64_t id;

	if (take_word(t, "-1")) {
		*mask = all_cpus(p);
		return true;
	}
	if (!take_number(t, &id) || id > p->cpus)
		return false;
	*mask = 1u << (id ? (unsigned int)id - 1 : any);
	return true;
}

static void do_select(struct hs_gdb_proto *p, struct text t)
{
	bool registers = take_char(&t, 'g');
	unsigned int *cpu = registers ? &p->cpu_g : &p->cpu_c;
	uint32_t mask;

	if ((!registers && !take_char(&t, 'c')) || !take_thread(p, &t, *cpu, &mask) ||
	    !at_end(&t)) {
		hs_gdb_error(p, -EINVAL);
		return;
	}
	if (mask != all_cpus(p) || p->cpus == 1)
		*cpu = (unsigned int)__builtin_ctz(mask);
	hs_gdb_answer(p, "OK");
}

static void do_alive(struct hs_gdb_proto *p, struct text t)
{
	uint64_t id;

	if (take_number(&t, &id) && at_end(&t) && id && id <= p->cpus)
		hs_gdb_answer(p, "OK");
	else
		hs_gdb_error(p, -EINVAL);
}

static void do_threads(struct hs_gdb_proto *p, struct text t)
{
	(void)t;
	hs_gdb_begin(p);
	hs_gdb_add(p, "m1");
	for (unsigned int cpu = 1; cpu < p->cpus; cpu++)
		hs_gdb_add(p, ",%x", cpu + 1);
	hs_gdb_end(p);
}

static void do_no_more_threads(struct hs_gdb_proto *p, struct text t)
{
	(void)t;
	hs_gdb_answer(p, "l");
}

static void do_thread_name(struct hs_gdb_proto *p, struct text t)
{
	char name[] = "vCPU 00";
	uint64_t id;

	if (!take_number(&t, &id) || !at_end(&t) || !id || id > p->cpus) {
		hs_gdb_error(p, -EINVAL);
		return;
	}
	id--;
	name[5] = (char)(id > 9 ? '0' + id / 10 : '0' + id);
	name[6] = (char)(id > 9 ? '0' + id % 10 : 0);
	hs_gdb_begin(p);
	hs_gdb_add_hex(p, name, strlen(name));
	hs_gdb_end(p);
}

static void do_current(struct hs_gdb_proto *p, struct text t)
{
	(void)t;
	hs_gdb_begin(p);
	hs_gdb_add(p, "QC%x", p->cpu_g + 1);
	hs_gdb_end(p);
}

/* ---- registers ---- */

static void do_read_all(struct hs_gdb_proto *p, struct text t)
{
	struct hs_gdb_regs regs;
	int ret = p->ops->get(p->machine, p->cpu_g, &regs);

	(void)t;
	if (ret < 0) {
		hs_gdb_error(p, ret);
		return;
	}
	hs_gdb_begin(p);
	for (unsigned int i = 0; i < HS_GDB_REG_COUNT; i++)
		hs_gdb_add_hex(p, (const uint8_t *)&regs + hs_gdb_reg[i].offset,
			       hs_gdb_reg[i].bytes);
	hs_gdb_end(p);
}

static void set_registers(struct hs_gdb_proto *p, const struct hs_gdb_regs *regs)
{
	int ret = p->ops->set(p->machine, p->cpu_g, regs);

	if (ret < 0)
		hs_gdb_error(p, ret);
	else
		hs_gdb_answer(p, "OK");
}

/* Those that cannot be written keep their values. */
static void do_write_all(struct hs_gdb_proto *p, struct text t)
{
	uint8_t bytes[sizeof(struct hs_gdb_regs)], *from = bytes;
	struct hs_gdb_regs regs;
	size_t len = 0;
	int ret;

	for (unsigned int i = 0; i < HS_GDB_REG_COUNT; i++)
		len += hs_gdb_reg[i].bytes;
	ret = take_hex(&t, bytes, len) ? p->ops->get(p->machine, p->cpu_g, &regs) : -EINVAL;
	if (ret < 0) {
		hs_gdb_error(p, ret);
		return;
	}
	for (unsigned int i = 0; i < HS_GDB_REG_COUNT; from += hs_gdb_reg[i++].bytes)
		if (!hs_gdb_reg[i].fixed)
			memcpy((uint8_t *)&regs + hs_gdb_reg[i].offset, from, hs_gdb_reg[i].bytes);
	set_registers(p, &regs);
}

static void do_read_one(struct hs_gdb_proto *p, struct text t)
{
	struct hs_gdb_regs regs;
	uint64_t n;
	int ret = -EINVAL;

	if (take_number(&t, &n) && at_end(&t) && n < HS_GDB_REG_COUNT)
		ret = p->ops->get(p->machine, p->cpu_g, &regs);
	if (ret < 0) {
		hs_gdb_error(p, ret);
		return;
	}
	hs_gdb_begin(p);
	hs_gdb_add_hex(p, (const uint8_t *)&regs + hs_gdb_reg[n].offset, hs_gdb_reg[n].bytes);
	hs_gdb_end(p);
}

static void do_write_one(struct hs_gdb_proto *p, struct text t)
{
	struct hs_gdb_regs regs;
	uint8_t value[16];
	uint64_t n;
	int ret = -EINVAL;

	if (take_number(&t, &n) && n < HS_GDB_REG_COUNT && !hs_gdb_reg[n].fixed &&
	    take_char(&t, '=') && take_hex(&t, value, hs_gdb_reg[n].bytes))
		ret = p->ops->get(p->machine, p->cpu_g, &regs);
	if (ret < 0) {
		hs_gdb_error(p, ret);
		return;
	}
	memcpy((uint8_t *)&regs + hs_gdb_reg[n].offset, value, hs_gdb_reg[n].bytes);
	set_registers(p, &regs);
}

/* ---- memory ---- */

/* ADDRESS,LENGTH; what a packet can hold at most. */
static bool take_range(struct text *t, uint64_t *address, uint64_t *len)
{
	return take_number(t, address) && take_char(t, ',') && take_number(t, len) &&
	       *len <= HS_GDB_PACKET;
}

/* The answer is what can be read from the beginning on; an error if nothing can. */
static void do_read_memory(struct hs_gdb_proto *p, struct text t)
{
	uint8_t bytes[HS_GDB_PACKET / 2];
	uint64_t address, len;
	size_t done = 0, n;

	if (!take_range(&t, &address, &len) || !at_end(&t)) {
		hs_gdb_error(p, -EINVAL);
		return;
	}
	if (len > sizeof(bytes))
		len = sizeof(bytes);
	for (; done < len; done += n) {
		const uint8_t *ram;

		n = len - done;
		ram = p->ops->ram(p->machine, p->cpu_g, address + done, &n);
		if (!ram || !n)
			break;
		hs_gdb_points_read(&p->points, ram, bytes + done, n);
	}
	if (!done && len) {
		hs_gdb_error(p, -EFAULT);
		return;
	}
	hs_gdb_begin(p);
	hs_gdb_add_hex(p, bytes, done);
	hs_gdb_end(p);
}

static bool is_ram(struct hs_gdb_proto *p, uint64_t address, size_t len)
{
	for (size_t done = 0, n; done < len; done += n) {
		n = len - done;
		if (!p->ops->ram(p->machine, p->cpu_g, address + done, &n) || !n)
			return false;
	}
	return true;
}

/* All of it, or nothing. */
static void write_memory(struct hs_gdb_proto *p, uint64_t address, const uint8_t *from, size_t len)
{
	if (!is_ram(p, address, len)) {
		hs_gdb_error(p, -EFAULT);
		return;
	}
	for (size_t done = 0, n; done < len; done += n) {
		uint8_t *ram;

		n = len - done;
		ram = p->ops->ram(p->machine, p->cpu_g, address + done, &n);
		if (!ram || !n) {
			hs_gdb_error(p, -EFAULT);
			return;
		}
		hs_gdb_points_write(&p->points, ram, from + done, n);
	}
	hs_gdb_answer(p, "OK");
}

static void do_write_memory(struct hs_gdb_proto *p, struct text t)
{
	uint8_t bytes[HS_GDB_PACKET / 2];
	uint64_t address, len;

	if (take_range(&t, &address, &len) && take_char(&t, ':') && len <= sizeof(bytes) &&
	    take_hex(&t, bytes, (size_t)len))
		write_memory(p, address, bytes, (size_t)len);
	else
		hs_gdb_error(p, -EINVAL);
}

static void do_write_binary(struct hs_gdb_proto *p, struct text t)
{
	uint8_t bytes[HS_GDB_PACKET];
	uint64_t address, len;
	size_t n = 0;

	if (!take_range(&t, &address, &len) || !take_char(&t, ':')) {
		hs_gdb_error(p, -EINVAL);
		return;
	}
	while (!at_end(&t) && n < len) {
		bool escaped = take_char(&t, '}');

		if (at_end(&t))
			break;
		bytes[n++] = (uint8_t)(*t.at++ ^ (escaped ? 0x20 : 0));
	}
	if (n == len && at_end(&t))
		write_memory(p, address, bytes, n);
	else
		hs_gdb_error(p, -EINVAL);
}

/* ---- breakpoints ---- */

/* Where a breakpoint's instruction goes; NULL: nothing is mapped there, or it crosses a page. */
static uint8_t *place_of_point(struct hs_gdb_proto *p, uint64_t address)
{
	size_t bytes = hs_gdb_points_code(&p->points);
	uint8_t *ram = p->ops->ram(p->machine, p->cpu_g, address, &bytes);

	return bytes == hs_gdb_points_code(&p->points) ? ram : NULL;
}

static void do_point(struct hs_gdb_proto *p, struct text t, bool insert)
{
	uint64_t kind, address, length;
	int ret;

	if (!take_number(&t, &kind) || !take_char(&t, ',') || !take_number(&t, &address) ||
	    !take_char(&t, ',') || !take_number(&t, &length)) {
		hs_gdb_error(p, -EINVAL);
		return;
	}
	/*
	 * 3, a watchpoint for reads alone, x86 has not: the debugger makes it of 4. Conditions and
	 * commands were not offered.
	 */
	if (kind == 3 || kind > HS_GDB_WATCH_ACCESS || !at_end(&t)) {
		hs_gdb_answer(p, "");
		return;
	}
	if (insert)
		ret = hs_gdb_point_insert(&p->points, (enum hs_gdb_kind)kind, address,
					  length > 8 ? 0 : (unsigned int)length,
					  kind == HS_GDB_SOFT ? place_of_point(p, address) : NULL);
	else
		ret = hs_gdb_point_remove(&p->points, (enum hs_gdb_kind)kind, address,
					  length > 8 ? 0 : (unsigned int)length);
	if (ret < 0)
		hs_gdb_error(p, ret);
	else
		hs_gdb_answer(p, "OK");
}

static void do_insert(struct hs_gdb_proto *p, struct text t)
{
	do_point(p, t, true);
}

static void do_remove(struct hs_gdb_proto *p, struct text t)
{
	do_point(p, t, false);
}

/* ---- going on ---- */

static void go_on(struct hs_gdb_proto *p, uint32_t run, uint32_t step)
{
	p->running = true;
	p->ops->resume(p->machine, &p->points, run, step);
}

/* c, s and, with a signal, which a machine does not have, C and S: an address may follow. */
static void go(struct hs_gdb_proto *p, struct text t, bool step)
{
	struct hs_gdb_regs regs;
	uint64_t address;
	int ret = 0;

	if (!at_end(&t)) {
		ret = take_number(&t, &address) && at_end(&t) ? 0 : -EINVAL;
		if (!ret)
			ret = p->ops->get(p->machine, p->cpu_c, &regs);
		if (!ret) {
			regs.rip = address;
			ret = p->ops->set(p->machine, p->cpu_c, &regs);
		}
	}
	if (ret < 0)
		hs_gdb_error(p, ret);
	else if (step)
		go_on(p, 0, 1u << p->cpu_c);
	else
		go_on(p, all_cpus(p), 0);
}

static bool skip_signal(struct text *t)
{
	uint64_t sig;

	return take_number(t, &sig) && (at_end(t) || take_char(t, ';'));
}

static void do_continue(struct hs_gdb_proto *p, struct text t)
{
	go(p, t, false);
}

static void do_step(struct hs_gdb_proto *p, struct text t)
{
	go(p, t, true);
}

static void do_continue_signal(struct hs_gdb_proto *p, struct text t)
{
	if (skip_signal(&t))
		go(p, t, false);
	else
		hs_gdb_error(p, -EINVAL);
}

static void do_step_signal(struct hs_gdb_proto *p, struct text t)
{
	if (skip_signal(&t))
		go(p, t, true);
	else
		hs_gdb_error(p, -EINVAL);
}

/* One action of vCont: c, s, C or S with a signal, for a thread or for all that are left. */
static bool take_action(const struct hs_gdb_proto *p, struct text *t, uint32_t *run, uint32_t *step)
{
	uint32_t mask = all_cpus(p);
	uint64_t sig;
	char what;

	if (at_end(t) || !strchr("csCS", *t->at) || !*t->at)
		return false;
	what = *t->at++;
	if ((what == 'C' || what == 'S') && !take_number(t, &sig))
		return false;
	if (take_char(t, ':') && !take_thread(p, t, p->cpu_c, &mask))
		return false;
	/* The first action that names a thread is its. */
	mask &= ~(*run | *step);
	*(what == 's' || what == 'S' ? step : run) |= mask;
	return true;
}

static void do_vcont(struct hs_gdb_proto *p, struct text t)
{
	uint32_t run = 0, step = 0;

	while (take_char(&t, ';')) {
		if (take_action(p, &t, &run, &step))
			continue;
		hs_gdb_error(p, -EINVAL);
		return;
	}
	if (at_end(&t) && (run | step))
		go_on(p, run, step);
	else
		hs_gdb_error(p, -EINVAL);
}

static void do_vcont_which(struct hs_gdb_proto *p, struct text t)
{
	(void)t;
	hs_gdb_answer(p, "vCont;c;C;s;S");
}

static void do_why(struct hs_gdb_proto *p, struct text t)
{
	(void)t;
	hs_gdb_tell_stop(p);
}

static void do_detach(struct hs_gdb_proto *p, struct text t)
{
	(void)t;
	hs_gdb_answer(p, "OK");
	hs_gdb_proto_end(p);
	p->over = true;
}

static void do_kill(struct hs_gdb_proto *p, struct text t)
{
	(void)t;
	p->ops->kill(p->machine);
	p->over = true;
}

static void do_vkill(struct hs_gdb_proto *p, struct text t)
{
	hs_gdb_answer(p, "OK");
	do_kill(p, t);
}

/* ---- what the two can ---- */

static bool contains(struct text t, const char *word)
{
	size_t len = strlen(word);

	for (; (size_t)(t.end - t.at) >= len; t.at++)
		if (!memcmp(t.at, word, len))
			return true;
	return false;
}

static void do_supported(struct hs_gdb_proto *p, struct text t)
{
	p->soft_told = contains(t, "swbreak+");
	p->hard_told = contains(t, "hwbreak+");
	hs_gdb_begin(p);
	hs_gdb_add(p, "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;"
		   "swbreak+;hwbreak+", HS_GDB_PACKET);
	hs_gdb_end(p);
}

/* Its own answer is still acknowledged. */
static void do_no_ack(struct hs_gdb_proto *p, struct text t)
{
	(void)t;
	hs_gdb_answer(p, "OK");
	p->no_ack = true;
}

static void do_features(struct hs_gdb_proto *p, struct text t)
{
	uint64_t offset, len;
	size_t bytes;
	const char *xml = hs_gdb_description(&bytes);

	if (!take_word(&t, "target.xml:") || !take_number(&t, &offset) || !take_char(&t, ',') ||
	    !take_number(&t, &len) || !at_end(&t) || offset > bytes) {
		hs_gdb_answer(p, "E00");
		return;
	}
	bytes -= (size_t)offset;
	if (len > HS_GDB_PACKET / 2)
		len = HS_GDB_PACKET / 2;
	hs_gdb_begin(p);
	hs_gdb_add(p, "%c", bytes > len ? 'm' : 'l');
	/* Escapes at most double it: it fits. */
	(void)hs_gdb_add_binary(p, xml + offset, bytes > len ? (size_t)len : bytes);
	hs_gdb_end(p);
}

static void do_ok(struct hs_gdb_proto *p, struct text t)
{
	(void)t;
	hs_gdb_answer(p, "OK");
}

static void do_attached(struct hs_gdb_proto *p, struct text t)
{
	(void)t;
	hs_gdb_answer(p, "1");
}

/* Longer ones before those that they begin with. */
static const struct {
	const char *begins;
	bool whole;		/* nothing follows */
	void (*serve)(struct hs_gdb_proto *p, struct text t);
} packets[] = {
	{ "?", true, do_why },
	{ "D", false, do_detach },
	{ "G", false, do_write_all },
	{ "H", false, do_select },
	{ "M", false, do_write_memory },
	{ "P", false, do_write_one },
	{ "QStartNoAckMode", true, do_no_ack },
	{ "T", false, do_alive },
	{ "X", false, do_write_binary },
	{ "Z", false, do_insert },
	{ "z", false, do_remove },
	{ "g", true, do_read_all },
	{ "k", true, do_kill },
	{ "m", false, do_read_memory },
	{ "p", false, do_read_one },
	{ "qAttached", false, do_attached },
	{ "qC", true, do_current },
	{ "qSupported", false, do_supported },
	{ "qSymbol:", false, do_ok },
	{ "qThreadExtraInfo,", false, do_thread_name },
	{ "qXfer:features:read:", false, do_features },
	{ "qfThreadInfo", true, do_threads },
	{ "qsThreadInfo", true, do_no_more_threads },
	{ "vCont?", true, do_vcont_which },
	{ "vCont", false, do_vcont },
	{ "vKill", false, do_vkill },
	{ "C", false, do_continue_signal },
	{ "S", false, do_step_signal },
	{ "c", false, do_continue },
	{ "s", false, do_step },
};

void hs_gdb_command(struct hs_gdb_proto *p)
{
	for (unsigned int i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		struct text t = { p->in, p->in + p->in_len };

		if (!take_word(&t, packets[i].begins) || (packets[i].whole && !at_end(&t)))
			continue;
		packets[i].serve(p, t);
		return;
	}
	hs_gdb_answer(p, "");
}
