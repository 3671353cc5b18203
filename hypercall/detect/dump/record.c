// SPDX-License-Identifier: BSD-2-Clause
/*
 * Recording this machine: see record.h. Detection itself runs over a callback that
 * executes CPUID once for each leaf and keeps the answer, so a dump has
 * exactly what was judged.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libcpuid/libcpuid.h>

#include "record.h"

/* ---- instructions that may fault ---- */

static sigjmp_buf fault;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(fault, 1);
}

/* Runs probe(); false when it faulted. */
static bool guarded(void (*probe)(void *), void *argument)
{
	static const int sigs[] = { SIGILL, SIGSEGV, SIGBUS, SIGTRAP };
	struct sigaction catcher = { .sa_handler = on_fault }, old[4];
	volatile bool good = false;

	sigemptyset(&catcher.sa_mask);
	for (unsigned int i = 0; i < 4; i++)
		sigaction(sigs[i], &catcher, &old[i]);
	if (!sigsetjmp(fault, 1)) {
		probe(argument);
		good = true;
	}
	for (unsigned int i = 0; i < 4; i++)
		sigaction(sigs[i], &old[i], NULL);
	return good;
}

/* In: eax is the leaf. Xen's public/arch-x86/xen.h: XEN_CPUID */
static void probe_xen(void *argument)
{
	struct pvk_cpuid_regs *r = argument;

	__asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2"
			 : "+a" (r->eax), "=b" (r->ebx), "+c" (r->ecx), "=d" (r->edx));
}

/* PVM specification: PVM_SYNTHETIC_CPUID, invlpg 0xffffffffff4d5650; cpuid */
static void probe_pvm(void *argument)
{
	struct pvk_cpuid_regs *r = argument;

	__asm__ volatile(".byte 0x0f, 0x01, 0x3c, 0x25, 0x50, 0x56, 0x4d, 0xff, 0x0f, 0xa2"
			 : "+a" (r->eax), "=b" (r->ebx), "+c" (r->ecx), "=d" (r->edx));
}

/* GETVERSION; VMware lets user space do this. Linux, arch/x86/kernel/cpu/vmware.c */
static void probe_vmware(void *argument)
{
	struct pvk_cpuid_regs *r = argument;

	r->eax = 0x564d5868;
	r->ebx = 0xffffffff;
	r->ecx = 10;
	r->edx = 0x5658;
	__asm__ volatile("inl %%dx, %%eax"
			 : "+a" (r->eax), "+b" (r->ebx), "+c" (r->ecx), "+d" (r->edx));
}

/* ---- CPUID ---- */

static struct dump *recording;
static bool full;

static void live(enum pvk_via via, uint32_t leaf, struct pvk_cpuid_regs *out)
{
	const struct pvk_cpuid_regs *known = dump_find(recording, via, leaf);
	struct pvk_cpuid_regs r = { .eax = leaf };
	uint32_t regs[4] = { 0 };

	if (known) {
		*out = *known;
		return;
	}
	if (via == PVK_VIA_CPUID) {
		cpu_exec_cpuid(leaf, regs);
		r = (struct pvk_cpuid_regs){ regs[0], regs[1], regs[2], regs[3] };
	} else if (!guarded(via == PVK_VIA_XEN ? probe_xen : probe_pvm, &r)) {
		*out = (struct pvk_cpuid_regs){ 0 };
		return;
	}
	*out = r;
	if (!dump_add(recording, via, leaf, &r))
		full = true;
}

static void live_cpuid(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	(void)context;
	live(PVK_VIA_CPUID, leaf, out);
}

static void live_xen(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	(void)context;
	live(PVK_VIA_XEN, leaf, out);
}

static void live_pvm(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	(void)context;
	live(PVK_VIA_PVM, leaf, out);
}

/* ---- facts ---- */

static const struct {
	enum pvk_fact fact;
	const char *path;
} fact_files[] = {
	{ PVK_FACT_SYS_VENDOR, "/sys/class/dmi/id/sys_vendor" },
	{ PVK_FACT_PRODUCT_NAME, "/sys/class/dmi/id/product_name" },
	{ PVK_FACT_PRODUCT_VERSION, "/sys/class/dmi/id/product_version" },
	{ PVK_FACT_PRODUCT_SERIAL, "/sys/class/dmi/id/product_serial" },
	{ PVK_FACT_BOARD_VENDOR, "/sys/class/dmi/id/board_vendor" },
	{ PVK_FACT_BIOS_VENDOR, "/sys/class/dmi/id/bios_vendor" },
	{ PVK_FACT_BIOS_VERSION, "/sys/class/dmi/id/bios_version" },
	{ PVK_FACT_CHASSIS_TAG, "/sys/class/dmi/id/chassis_asset_tag" },
	{ PVK_FACT_SYS_HYPERVISOR, "/sys/hypervisor/type" },
	{ PVK_FACT_XEN_GUEST, "/sys/hypervisor/guest_type" },
	{ PVK_FACT_XEN_CAPS, "/proc/xen/capabilities" },
};

/* The first line; false when there is none. */
static bool read_line(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	bool good = f && fgets(text, (int)size, f);

	if (f)
		fclose(f);
	return good;
}

/* A serial number is nobody's business but where it names the hypervisor. */
static bool private_fact(enum pvk_fact fact, const char *text)
{
	return fact == PVK_FACT_PRODUCT_SERIAL && strncmp(text, "VMware-", 7);
}

static void record_facts(struct dump *dump)
{
	struct pvk_cpuid_regs r;
	char text[DUMP_FACT], *end;

	for (size_t i = 0; i < sizeof(fact_files) / sizeof(fact_files[0]); i++)
		if (read_line(fact_files[i].path, text, sizeof(text)) &&
		    !private_fact(fact_files[i].fact, text))
			dump_fact(dump, fact_files[i].fact, text);
	/* where xenfs is not mounted: XENFEAT_dom0 is bit 11 (xen/include/public/features.h) */
	if (!dump->known[PVK_FACT_XEN_CAPS] &&
	    read_line("/sys/hypervisor/properties/features", text, sizeof(text)) &&
	    strtoul(text, &end, 16) & 1ul << 11 && end != text)
		dump_fact(dump, PVK_FACT_XEN_CAPS, "control_d");
	if (!access("/proc/gvisor/kernel_is_gvisor", F_OK))
		dump_fact(dump, PVK_FACT_GVISOR, "1");
	if (dump->known[PVK_FACT_SYS_VENDOR] &&
	    !strncmp(dump->fact[PVK_FACT_SYS_VENDOR], "VMware", 6) &&
	    guarded(probe_vmware, &r) && r.ebx == 0x564d5868)
		dump_fact(dump, PVK_FACT_VMWARE_PORT, "1");
}

/* Every question goes to one processor. */
static void stay_here(void)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);	/* a refusal does no harm */
}

static void be_quiet(const char *text)
{
	(void)text;
}

int record_machine(struct dump *dump, struct pvk_stack *stack)
{
	struct pvk_cpuid_regs r;
	struct pvk_machine m;

	memset(dump, 0, sizeof(*dump));
	recording = dump;
	stay_here();
	for (uint32_t top = 0; top <= 0x80000000u && top + 1; top += 0x80000000u) {
		live(PVK_VIA_CPUID, top, &r);
		if (r.eax < top)
			continue;
		for (uint32_t i = 1; i < MAX_CPUID_LEVEL && i <= r.eax - top; i++) {
			struct pvk_cpuid_regs leaf;

			live(PVK_VIA_CPUID, top + i, &leaf);
		}
		if (top)
			break;
	}
	record_facts(dump);
	dump_machine(dump, &m);
	m.cpuid = live_cpuid;
	m.cpuid_xen = live_xen;
	m.cpuid_pvm = live_pvm;
	pvk_stack_detect(&m, stack);
	return full ? -E2BIG : 0;
}

/* ---- libcpuid ---- */

static void fill(const struct dump *dump, uint32_t first, uint32_t (*regs)[4], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct pvk_cpuid_regs *r = dump_find(dump, PVK_VIA_CPUID, first + i);

		if (!r)
			continue;
		regs[i][0] = r->eax;
		regs[i][1] = r->ebx;
		regs[i][2] = r->ecx;
		regs[i][3] = r->edx;
	}
}

static void raw_of(const struct dump *dump, struct cpu_raw_data_t *raw)
{
	cpuid_set_warn_function(be_quiet);
	memset(raw, 0, sizeof(*raw));
	fill(dump, 0, raw->basic_cpuid, MAX_CPUID_LEVEL);
	fill(dump, 0x80000000u, raw->ext_cpuid, MAX_EXT_CPUID_LEVEL);
}

void record_processor(const struct dump *dump, struct processor *p)
{
	struct cpu_raw_data_t raw;
	struct cpu_id_t id;

	memset(p, 0, sizeof(*p));
	raw_of(dump, &raw);
	memset(&id, 0, sizeof(id));
	if (cpu_identify(&raw, &id) < 0)
		return;
	snprintf(p->vendor, sizeof(p->vendor), "%s", id.vendor_str);
	snprintf(p->brand, sizeof(p->brand), "%s", id.brand_str);
	snprintf(p->codename, sizeof(p->codename), "%s", id.cpu_codename);
}

int record_save(const struct dump *dump, const char *path)
{
	struct cpu_raw_data_t raw;
	char part[PATH_MAX];
	FILE *f;
	int ret;

	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
		return -ENAMETOOLONG;
	raw_of(dump, &raw);
	f = fopen(part, "we");
	if (!f)
		return -errno;
	fclose(f);
	if (cpuid_serialize_raw_data(&raw, part) < 0) {
		ret = -EIO;
		goto remove_part;
	}
	f = fopen(part, "ae");
	if (!f) {
		ret = -errno;
		goto remove_part;
	}
	dump_write_rest(dump, f);
	ret = ferror(f) ? -EIO : 0;
	if (fclose(f) && !ret)
		ret = -errno;
	if (!ret && rename(part, path))
		ret = -errno;
	if (!ret)
		return 0;
remove_part:
	unlink(part);
	return ret;
}
