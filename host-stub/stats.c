/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statistics: see stats.h. KVM's statistics are binary blocks with descriptors
 * (KVM API, 4.133 KVM_GET_STATS_FD): one descriptor table for the VM and one
 * that all vCPUs share. A snapshot is one pread(2) per block; names are put to
 * the numbers when the JSON is written.
 *
 * Locking: stats->lock guards the list of marks. Counters of vCPUs are read
 * while they run (relaxed atomics: each is exact, the set is not a single
 * instant).
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "pv/pv.h"
#include "emu/emu.h"
#include "io.h"
#include "json.h"
#include "stats.h"
#include "vm.h"

#define MAX_DESCS	512u
#define MAX_NAME	256u
#define MAX_BYTES	65536u

/* A block of KVM statistics. */
struct block {
	int fd;			/* -1: this host has none */
	uint32_t name_size, num_desc, data_offset;
	uint32_t bytes;		/* of the data */
	uint8_t *desc;		/* num_desc times (struct kvm_stats_desc + name) */
};

struct snapshot {
	uint64_t ns;		/* since the first vCPU entered */
	uint64_t user, system;	/* CPU time of the process, ns */
	uint64_t exits[HS_MAX_VCPUS][HS_VCPU_EXITS + 1];
	uint64_t interrupted[HS_MAX_VCPUS];
	uint64_t pv_calls[HS_MAX_VCPUS];
	uint8_t *vm_data, *vcpu_data[HS_MAX_VCPUS];	/* NULL: none */
	uint8_t mark;
	struct snapshot *next;
};

struct hs_stats {
	struct hs_vm *vm;
	struct block vm_block, vcpu_block[HS_MAX_VCPUS];
	pthread_mutex_t lock;
	struct snapshot *first, **last;
	unsigned int marks, lost;
	uint64_t user0, system0;	/* CPU time before this boot */
	struct hs_region region;
};

void hs_stats_cpu(uint64_t *user, uint64_t *system)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	*user = (uint64_t)usage.ru_utime.tv_sec * 1000000000ull +
		(uint64_t)usage.ru_utime.tv_usec * 1000ull;
	*system = (uint64_t)usage.ru_stime.tv_sec * 1000000000ull +
		  (uint64_t)usage.ru_stime.tv_usec * 1000ull;
}

const char *hs_stats_stop_name(enum hs_stop stop)
{
	static const char * const name[] = {
		[HS_STOP_NONE] = "none", [HS_STOP_POWEROFF] = "poweroff",
		[HS_STOP_REBOOT] = "reboot", [HS_STOP_CRASH] = "crash",
		[HS_STOP_SIGNAL] = "signal", [HS_STOP_TIMEOUT] = "timeout",
		[HS_STOP_ERROR] = "error", [HS_STOP_PANIC] = "panic",
		[HS_STOP_DEBUG_EXIT] = "debug_exit", [HS_STOP_KILLED] = "killed",
	};

	return name[stop];
}

static struct kvm_stats_desc *desc_at(const struct block *b, uint32_t n)
{
	void *at = b->desc + (size_t)n * (sizeof(struct kvm_stats_desc) + b->name_size);

	return at;
}

/* Opens the statistics of a VM or vCPU; a host without them leaves fd -1. */
static void block_open(struct block *b, int kvm_object)
{
	struct kvm_stats_header head;
	size_t bytes;

	b->fd = ioctl(kvm_object, KVM_GET_STATS_FD, 0);
	if (b->fd < 0)
		return;
	if (pread(b->fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    head.num_desc > MAX_DESCS || head.name_size > MAX_NAME || head.name_size % 8)
		goto none;
	bytes = head.num_desc * (sizeof(struct kvm_stats_desc) + head.name_size);
	b->desc = malloc(bytes);
	if (!b->desc || pread(b->fd, b->desc, bytes, head.desc_offset) != (ssize_t)bytes)
		goto none;
	b->num_desc = head.num_desc;
	b->name_size = head.name_size;
	b->data_offset = head.data_offset;
	for (uint32_t i = 0; i < b->num_desc; i++) {
		struct kvm_stats_desc *d = desc_at(b, i);
		uint64_t end = d->offset + d->size * 8ull;

		if (end > MAX_BYTES)
			goto none;
		d->name[b->name_size - 1] = 0;
		if (end > b->bytes)
			b->bytes = (uint32_t)end;
	}
	return;
none:
	close(b->fd);
	free(b->desc);
	b->desc = NULL;
	b->fd = -1;
}

static void block_close(struct block *b)
{
	if (b->fd >= 0)
		close(b->fd);
	free(b->desc);
}

/* The block's numbers now, to be freed by the caller; NULL when there are none. */
static uint8_t *block_read(const struct block *b)
{
	uint8_t *data;

	if (b->fd < 0)
		return NULL;
	data = malloc(b->bytes);
	if (data && pread(b->fd, data, b->bytes, b->data_offset) != (ssize_t)b->bytes) {
		free(data);
		data = NULL;
	}
	return data;
}

static uint64_t stats_number(const uint8_t *data, const struct kvm_stats_desc *d, unsigned int n)
{
	uint64_t v;

	memcpy(&v, data + d->offset + n * 8ull, sizeof(v));
	return v;
}

/* KVM's counter `exits` of a vCPU's block: all exits, in the kernel or not. */
static uint64_t all_exits(const struct block *b, const uint8_t *data)
{
	for (uint32_t i = 0; data && i < b->num_desc; i++) {
		const struct kvm_stats_desc *d = desc_at(b, i);

		if (!strcmp(d->name, "exits"))
			return stats_number(data, d, 0);
	}
	return 0;
}

static void stats_take(struct hs_stats *stats, struct snapshot *s)
{
	unsigned long long entered = atomic_load(&stats->vm->run->entered);

	s->ns = entered ? hs_now() - entered : 0;
	hs_stats_cpu(&s->user, &s->system);
	s->user -= stats->user0;
	s->system -= stats->system0;
	s->vm_data = block_read(&stats->vm_block);
	for (unsigned int i = 0; i < stats->vm->config->vcpus; i++) {
		struct hs_vcpu *vcpu = stats->vm->vcpu[i];

		s->vcpu_data[i] = block_read(&stats->vcpu_block[i]);
		for (unsigned int r = 0; r <= HS_VCPU_EXITS; r++)
			s->exits[i][r] = __atomic_load_n(&vcpu->exits[r], __ATOMIC_RELAXED);
		s->interrupted[i] = __atomic_load_n(&vcpu->interrupted, __ATOMIC_RELAXED);
		s->pv_calls[i] = __atomic_load_n(&vcpu->pv_calls, __ATOMIC_RELAXED);
	}
}

static void snapshot_free(struct snapshot *s)
{
	free(s->vm_data);
	for (unsigned int i = 0; i < HS_MAX_VCPUS; i++)
		free(s->vcpu_data[i]);
	free(s);
}

static uint64_t mark_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)offset;
	(void)size;
	return 0xff;
}

static void mark_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct hs_stats *stats = opaque;
	struct snapshot *s = NULL;

	(void)offset;
	(void)size;
	pthread_mutex_lock(&stats->lock);
	if (stats->marks < HS_STATS_MARKS)
		s = calloc(1, sizeof(*s));
	if (s) {
		stats_take(stats, s);
		s->mark = (uint8_t)value;
		*stats->last = s;
		stats->last = &s->next;
		stats->marks++;
	} else {
		stats->lost++;
	}
	pthread_mutex_unlock(&stats->lock);
}

int hs_stats_create(struct hs_stats **out, struct hs_vm *vm)
{
	static const struct hs_reg regs[] = { { 0, 1, HS_REG_W, "MARK" } };
	struct hs_stats *stats = calloc(1, sizeof(*stats));
	int ret;

	if (!stats)
		return -ENOMEM;
	stats->vm = vm;
	stats->last = &stats->first;
	pthread_mutex_init(&stats->lock, NULL);
	hs_stats_cpu(&stats->user0, &stats->system0);
	stats->vm_block.fd = -1;
	for (unsigned int i = 0; i < HS_MAX_VCPUS; i++)
		stats->vcpu_block[i].fd = -1;
	stats->region = (struct hs_region){
		.device = "mark", .space = HS_PIO, .base = HS_PORT_MARK, .len = 1,
		.regs = regs, .nregs = 1, .unlocked = true,
		.read = mark_read, .write = mark_write, .opaque = stats,
	};
	ret = hs_io_add(vm->io, &stats->region);
	if (ret < 0) {
		hs_error("mark port 0x%x: taken by a chip", HS_PORT_MARK);
		pthread_mutex_destroy(&stats->lock);
		free(stats);
		return ret;
	}
	if (hs_config_counts(vm->config)) {
		block_open(&stats->vm_block, vm->vm_fd);
		for (unsigned int i = 0; i < vm->config->vcpus; i++)
			block_open(&stats->vcpu_block[i], vm->vcpu[i]->fd);
	}
	*out = stats;
	return 0;
}

void hs_stats_destroy(struct hs_stats *stats)
{
	struct snapshot *s;

	if (!stats)
		return;
	hs_io_remove(stats->vm->io, &stats->region);
	while ((s = stats->first)) {
		stats->first = s->next;
		snapshot_free(s);
	}
	block_close(&stats->vm_block);
	for (unsigned int i = 0; i < HS_MAX_VCPUS; i++)
		block_close(&stats->vcpu_block[i]);
	pthread_mutex_destroy(&stats->lock);
	free(stats);
}

/* {"name": number or [numbers] ...}; null when this host has no such statistics */
static void json_block(FILE *out, const struct block *b, const uint8_t *data)
{
	if (!data) {
		fprintf(out, "null");
		return;
	}
	fprintf(out, "{");
	for (uint32_t i = 0; i < b->num_desc; i++) {
		const struct kvm_stats_desc *d = desc_at(b, i);

		fprintf(out, "%s\"%s\": %s", i ? ", " : "", d->name, d->size == 1 ? "" : "[");
		for (unsigned int n = 0; n < d->size; n++)
			fprintf(out, "%s%llu", n ? ", " : "", (unsigned long long)stats_number(data, d, n));
		fprintf(out, "%s", d->size == 1 ? "" : "]");
	}
	fprintf(out, "}");
}

/* CPU time of a vCPU's thread, which may still run. */
static uint64_t vcpu_cpu_ns(struct hs_vcpu *vcpu)
{
	struct timespec cpu;
	clockid_t clock;

	if (vcpu->started && !pthread_getcpuclockid(vcpu->thread, &clock) &&
	    !clock_gettime(clock, &cpu))
		return (uint64_t)cpu.tv_sec * 1000000000ull + (uint64_t)cpu.tv_nsec;
	return atomic_load(&vcpu->cpu_ns);
}

static void json_snapshot(struct hs_stats *stats, FILE *out, const struct snapshot *s,
			  const char *indent, bool at_end)
{
	unsigned int vcpus = stats->vm->config->vcpus;
	uint64_t user_exits = 0, all = 0;
	bool kvm = vcpus && s->vcpu_data[0];

	for (unsigned int i = 0; i < vcpus; i++) {
		for (unsigned int r = 0; r <= HS_VCPU_EXITS; r++)
			user_exits += s->exits[i][r];
		user_exits += s->interrupted[i];
		all += all_exits(&stats->vcpu_block[i], s->vcpu_data[i]);
	}
	fprintf(out, "%s\"ns\": %llu,\n%s\"cpu_user_ns\": %llu, \"cpu_system_ns\": %llu,\n", indent,
		(unsigned long long)s->ns, indent, (unsigned long long)s->user,
		(unsigned long long)s->system);
	fprintf(out, "%s\"exits_user\": %llu,\n%s\"exits_all\": ", indent,
		(unsigned long long)user_exits, indent);
	if (kvm)
		fprintf(out, "%llu,\n", (unsigned long long)all);
	else
		fprintf(out, "null,\n");
	fprintf(out, "%s\"kvm\": ", indent);
	json_block(out, &stats->vm_block, s->vm_data);
	fprintf(out, ",\n%s\"vcpus\": [", indent);
	for (unsigned int i = 0; i < vcpus; i++) {
		bool first = true;

		fprintf(out, "%s\n%s\t{\"id\": %u, ", i ? "," : "", indent, i);
		if (at_end)
			fprintf(out, "\"cpu_ns\": %llu, ",
				(unsigned long long)vcpu_cpu_ns(stats->vm->vcpu[i]));
		fprintf(out, "\"pv_calls\": %llu, \"exits\": {",
			(unsigned long long)s->pv_calls[i]);
		for (unsigned int r = 0; r <= HS_VCPU_EXITS; r++) {
			if (!s->exits[i][r])
				continue;
			fprintf(out, "%s\"%s\": %llu", first ? "" : ", ", hs_vcpu_exit_name(r),
				(unsigned long long)s->exits[i][r]);
			first = false;
		}
		if (s->interrupted[i])
			fprintf(out, "%s\"signal\": %llu", first ? "" : ", ",
				(unsigned long long)s->interrupted[i]);
		fprintf(out, "}, \"kvm\": ");
		json_block(out, &stats->vcpu_block[i], s->vcpu_data[i]);
		fprintf(out, "}");
	}
	fprintf(out, "]");
}

/* What the guest said by PVK_CALL_POWER: printable already. */
static void json_last_words(FILE *out, const struct hs_last_words *words)
{
	static const char * const op[] = {
		[PVK_POWER_OFF] = "off", [PVK_POWER_REBOOT] = "reboot", [PVK_POWER_PANIC] = "panic",
	};

	if (!words || words->op == PVK_POWER_NONE) {
		fprintf(out, "null");
		return;
	}
	fprintf(out, "{\"op\": \"%s\", \"code\": %u, \"text\": ", op[words->op], words->code);
	hs_json_string(out, words->text);
	fputc('}', out);
}

/* How long vm->lock was held. Asking is a hold that does not count. */
static void json_hold(FILE *out, struct hs_vm *vm)
{
	struct hs_hold hold;
	unsigned int last = HS_HOLD_BUCKETS;

	pthread_mutex_lock(&vm->lock);
	hold = vm->hold;
	pthread_mutex_unlock(&vm->lock);
	while (last > 1 && !hold.histogram[last - 1])
		last--;
	fprintf(out, "{\"holds\": %llu, \"max_ns\": %llu, \"histogram\": [",
		(unsigned long long)hold.holds, (unsigned long long)hold.max_ns);
	for (unsigned int i = 0; i < last; i++)
		fprintf(out, "%s%llu", i ? ", " : "", (unsigned long long)hold.histogram[i]);
	fprintf(out, "]}");
}

static void json_marks(struct hs_stats *stats, FILE *out)
{
	pthread_mutex_lock(&stats->lock);
	fprintf(out, ",\n\t\t\t\"marks_lost\": %u,\n\t\t\t\"marks\": [", stats->lost);
	for (struct snapshot *s = stats->first; s; s = s->next) {
		fprintf(out, "%s\n\t\t\t\t{\n\t\t\t\t\t\"mark\": %u,\n", s == stats->first ? "" : ",",
			s->mark);
		json_snapshot(stats, out, s, "\t\t\t\t\t", false);
		fprintf(out, "\n\t\t\t\t}");
	}
	pthread_mutex_unlock(&stats->lock);
	fprintf(out, "]\n\t\t}");
}

void hs_stats_json(struct hs_stats *stats, FILE *out, bool live)
{
	struct snapshot *end = calloc(1, sizeof(*end));

	fprintf(out, "\t\t{\n\t\t\t\"end\": \"%s\",\n",
		hs_stats_stop_name(hs_vm_stopped(stats->vm)));
	if (end) {
		stats_take(stats, end);
		json_snapshot(stats, out, end, "\t\t\t", true);
		snapshot_free(end);
		fprintf(out, ",\n");
	}
	fprintf(out, "\t\t\t\"registers\": ");
	hs_io_json(stats->vm->io, out);
	fprintf(out, ",\n\t\t\t\"lock\": ");
	json_hold(out, stats->vm);
	fprintf(out, ",\n\t\t\t\"last_words\": ");
	json_last_words(out, live ? NULL : &stats->vm->last_words);
	fprintf(out, ",\n\t\t\t\"death\": ");
	if (live)
		fprintf(out, "null");
	else
		hs_death_json(&stats->vm->run->death, out);
	fprintf(out, ",\n\t\t\t\"pv\": ");
	if (stats->vm->pv)
		hs_pv_json(stats->vm->pv, out);
	else
		fprintf(out, "null");
	json_marks(stats, out);
}
