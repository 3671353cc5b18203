// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library's interfaces of other hypervisors, its clocks, and the
 * information page, against hosts made of numbers: what is written to registers,
 * what is read from shared pages, and what is refused. The hosts are this file's;
 * the real ones are in tests/port/.
 */
/* LINK: hypercall/port/hv.c hypercall/port/cpu.c hypercall/port/clock.c hypercall/port/info.c */
/* LIBS: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_os.h"
#include "hypercall/port/clock.h"

#define GPA	0x40000000ull
#define BYTES	(1u << 20)

static uint8_t ram[BYTES] __attribute__((aligned(4096)));
static struct pvk_stack stack;
static struct pvp_hv hv;
static struct pvp_cpu cpu, second;
static struct pvp_clock clk;
static struct pvp_info info;

static struct {
	uint32_t msr[16];
	uint64_t value[16];
	unsigned int msrs;
	struct pvp_regs regs;
	uint32_t insn;
	const void *page;
	uint64_t answer;
	unsigned int calls;
	uint32_t vp;
} machine;

static void wrmsr(uint32_t msr, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < machine.msrs && machine.msr[i] != msr; i++)
		;
	assert_true(i < 16);
	machine.msrs += i == machine.msrs;
	machine.msr[i] = msr;
	machine.value[i] = value;
}

static uint64_t msr(uint32_t number)
{
	for (unsigned int i = 0; i < machine.msrs; i++)
		if (machine.msr[i] == number)
			return machine.value[i];
	return 0;
}

static void hypercall(uint32_t insn, const void *page, struct pvp_regs *regs)
{
	machine.regs = *regs;
	machine.insn = insn;
	machine.page = page;
	machine.calls++;
	regs->ax = machine.answer;
}

static void cpuid(uint32_t leaf, struct pvk_cpuid_regs *out)
{
	if (leaf == 0x40000104) {
		out->eax = 8;
		out->ebx = machine.vp;
	}
}

static int power_on(void **state)
{
	(void)state;
	memset(&stack, 0, sizeof(stack));
	memset(&machine, 0, sizeof(machine));
	fake_os_create(ram, GPA, BYTES);
	fake_os.rdmsr = msr;
	fake_os.wrmsr = wrmsr;
	fake_os.hypercall = hypercall;
	fake_os.cpuid = cpuid;
	return 0;
}

static int power_off(void **state)
{
	unsigned int held = fake_os_held();

	(void)state;
	fake_os_destroy();
	return held ? -1 : 0;
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, power_on, power_off)

static struct pvk_interface *interface(uint8_t kind)
{
	struct pvk_interface *f = &stack.interface[stack.interfaces++];

	f->kind = kind;
	f->base = kind == PVK_IF_XEN ? 0x40000100 : 0x40000000;
	f->leaves = 6;
	f->calling = kind == PVK_IF_HYPERV ? PVK_CALLING_PAGE : PVK_CALLING_INSTRUCTION;
	f->insn = kind == PVK_IF_HYPERV ? PVK_INSN_NONE : PVK_INSN_VMMCALL;
	stack.layers = 1;
	return f;
}

static void kvm(uint32_t features)
{
	interface(PVK_IF_KVM)->leaf[1].eax = features;
	assert_int_equal(pvp_hv_open(&hv, &stack), 0);
	assert_int_equal(pvp_cpu_open(&cpu, &hv), 0);
}

static void done(void)
{
	pvp_clock_close(&clk);
	pvp_cpu_close(&cpu);
	pvp_hv_close(&hv);
}

/* ---- interfaces ---- */

static void which_interfaces_are_used(void **state)
{
	struct pvk_interface *f;

	(void)state;
	assert_int_equal(pvp_hv_open(&hv, &stack), -PVK_ENOENT);
	interface(PVK_IF_HYPERV)->leaf[3].eax = ~0u;
	interface(PVK_IF_KVM);
	assert_int_equal(pvp_hv_open(&hv, &stack), 0);
	assert_non_null(hv.kvm);
	assert_null(hv.hyperv);		/* KVM's: saying who we are would spoil KVM's calls */
	assert_int_equal(machine.msrs, 0);
	pvp_hv_close(&hv);
	stack.interfaces = 0;
	f = interface(PVK_IF_KVM);
	f->layer = 1;
	assert_int_equal(pvp_hv_open(&hv, &stack), -PVK_ENOENT);
	f->layer = 0;
	f->via = PVK_VIA_XEN;
	assert_int_equal(pvp_hv_open(&hv, &stack), -PVK_ENOENT);
}

static void kvm_is_called(void **state)
{
	(void)state;
	kvm(0);
	machine.answer = (uint64_t)-1000;
	assert_int_equal(pvp_kvm_call(&hv, 9, 1, 2, 3, 4), -1000);
	assert_int_equal(machine.insn, PVK_INSN_VMMCALL);
	assert_null(machine.page);
	assert_int_equal(machine.regs.ax, 9);
	assert_int_equal(machine.regs.bx, 1);
	assert_int_equal(machine.regs.cx, 2);
	assert_int_equal(machine.regs.dx, 3);
	assert_int_equal(machine.regs.si, 4);
	assert_int_equal(pvp_hyperv_call(&hv, 1, 2, 3), -PVK_ENOSYS);
	assert_int_equal(pvp_xen_call(&hv, 1, (const __u64[5]){ 0 }), -PVK_ENOSYS);
	assert_int_equal(machine.calls, 1);
	done();
}

static void hyperv_is_called_through_its_page(void **state)
{
	struct pvk_interface *f = interface(PVK_IF_HYPERV);

	(void)state;
	f->leaf[3].eax = 1u << 5 | 1u << 6 | 1u << 4;
	f->leaf[4].eax = 1u << 10;
	wrmsr(0x40000002, 5);
	assert_int_equal(pvp_hv_open(&hv, &stack), 0);
	assert_int_not_equal(msr(0x40000000), 0);	/* first says who it is */
	assert_int_equal(msr(0x40000001), hv.code_gpa | 1);
	machine.answer = 0xabcd0003;
	assert_int_equal(pvp_hyperv_call(&hv, 7, 8, 9), 3);
	assert_ptr_equal(machine.page, hv.code);
	assert_int_equal(machine.regs.cx, 7);
	assert_int_equal(machine.regs.dx, 8);
	assert_int_equal(machine.regs.r8, 9);
	assert_int_equal(pvp_cpu_open(&cpu, &hv), 0);
	assert_int_equal(cpu.vp, 5);
	assert_int_equal(msr(0x40000073), (cpu.gpa + PVP_CPU_ASSIST) | 1);
	machine.answer = 0;
	assert_int_equal(pvp_ipi(&cpu, 0, 6, 0x40), 0);
	assert_int_equal(machine.regs.cx, 0x1000b);
	assert_int_equal(machine.regs.dx, 0x40);
	assert_int_equal(machine.regs.r8, 6);
	assert_int_equal(pvp_ipi(&cpu, 64, 6, 0x40), -PVK_ENOTSUP);
	machine.answer = 5;
	assert_int_equal(pvp_ipi(&cpu, 0, 6, 0x40), -PVK_EIO);
	done();
	assert_int_equal(msr(0x40000073), 0);
	assert_int_equal(msr(0x40000001), 0);
}

static void without_a_page_of_code_no_calls(void **state)
{
	(void)state;
	interface(PVK_IF_HYPERV)->leaf[3].eax = 1u << 5;
	fake_os.fail_at = 1;
	assert_int_equal(pvp_hv_open(&hv, &stack), 0);
	assert_int_equal(pvp_hyperv_call(&hv, 1, 2, 3), -PVK_ENOSYS);
	assert_int_equal(machine.msrs, 0);
	pvp_hv_close(&hv);
}

static void xen_is_called(void **state)
{
	const __u64 arg[5] = { 1, 2, 3, 4, 5 };
	struct pvk_interface *f = interface(PVK_IF_XEN);

	(void)state;
	assert_int_equal(pvp_hv_open(&hv, &stack), 0);
	assert_int_equal(pvp_xen_call(&hv, 24, arg), 0);
	assert_int_equal(machine.regs.ax, 24);
	assert_int_equal(machine.regs.di, 1);
	assert_int_equal(machine.regs.si, 2);
	assert_int_equal(machine.regs.dx, 3);
	assert_int_equal(machine.regs.r10, 4);
	assert_int_equal(machine.regs.r8, 5);
	assert_int_equal(pvp_xen_call(&hv, 128, arg), -PVK_ENOSYS);
	pvp_hv_close(&hv);
	f->calling = PVK_CALLING_PAGE;
	f->insn = PVK_INSN_NONE;
	f->where = 0x40000200;
	assert_int_equal(pvp_hv_open(&hv, &stack), 0);
	assert_int_equal(msr(0x40000200), hv.code_gpa);
	assert_int_equal(pvp_xen_call(&hv, 24, arg), 0);
	assert_ptr_equal(machine.page, (uint8_t *)hv.code + 24 * 32);
	pvp_hv_close(&hv);
}

/* ---- what CPUs share ---- */

static void eoi_without_an_exit(void **state)
{
	(void)state;
	kvm(1u << 6);
	assert_int_equal(msr(0x4b564d04), (cpu.gpa + PVP_CPU_EOI) | 1);
	assert_int_equal(pvp_eoi(&cpu), 0);
	*(uint32_t *)fake_os_at(cpu.gpa + PVP_CPU_EOI, 4) = 1;
	assert_int_equal(pvp_eoi(&cpu), 1);
	assert_int_equal(pvp_eoi(&cpu), 0);
	done();
	assert_int_equal(msr(0x4b564d04), 0);
	assert_int_equal(pvp_eoi(&cpu), 0);
}

static void not_offered_is_not_used(void **state)
{
	uint64_t ns;

	(void)state;
	kvm(0);
	assert_int_equal(machine.msrs, 0);
	assert_int_equal(pvp_eoi(&cpu), 0);
	assert_int_equal(pvp_steal(&cpu, (__u64 *)&ns), -PVK_ENOTSUP);
	assert_int_equal(pvp_ipi(&cpu, 0, 1, 0x40), -PVK_ENOTSUP);
	assert_int_equal(pvp_clock_open(&clk, &hv, NULL, 0), -PVK_ENOENT);
	assert_int_equal(machine.msrs + machine.calls, 0);
	done();
}

static void stolen_time(void **state)
{
	__u64 ns = 0;
	struct {
		uint64_t ns;
		uint32_t version;
	} *shared;

	(void)state;
	kvm(1u << 5);
	assert_int_equal(msr(0x4b564d03), (cpu.gpa + PVP_CPU_STEAL) | 1);
	shared = fake_os_at(cpu.gpa + PVP_CPU_STEAL, 64);
	shared->ns = 123456789012ull;
	shared->version = 4;
	assert_int_equal(pvp_steal(&cpu, &ns), 0);
	assert_int_equal(ns, 123456789012ull);
	shared->version = 5;
	assert_int_equal(pvp_steal(&cpu, &ns), -PVP_ETIME);
	done();
}

static void interrupts_by_call(void **state)
{
	(void)state;
	kvm(1u << 11);
	machine.answer = 2;
	assert_int_equal(pvp_ipi(&cpu, 64, 5, 0x41), 0);
	assert_int_equal(machine.regs.ax, 10);
	assert_int_equal(machine.regs.bx, 5);
	assert_int_equal(machine.regs.cx, 0);
	assert_int_equal(machine.regs.dx, 64);
	assert_int_equal(machine.regs.si, 0x41);
	machine.answer = (uint64_t)-22;
	assert_int_equal(pvp_ipi(&cpu, 64, 5, 0x41), -PVK_EIO);
	done();
}

/* ---- clocks ---- */

struct pvclock {
	uint32_t version, pad;
	uint64_t tsc, ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags, reserved[2];
};

static uint64_t expected(uint64_t ticks, uint32_t mul, int shift)
{
	unsigned __int128 t = shift < 0 ? ticks >> -shift : ticks << shift;

	return (uint64_t)(t * mul >> 32);
}

static void kvm_clock(void **state)
{
	static const struct {
		uint64_t ticks;
		uint32_t mul;
		int8_t shift;
	} at[] = {
		{ 1, 1u << 31, 0 }, { 123456789, 0xfedcba98, -1 }, { 1ull << 40, 0x80000001, 3 },
		{ 0xffffffffffull, 0xffffffff, -20 }, { 5, 3, 31 }, { 1ull << 63, 7, -31 },
	};
	struct pvclock *p;

	(void)state;
	kvm(1u << 3 | 1u << 24);
	assert_int_equal(pvp_clock_open(&clk, &hv, NULL, 0), 0);
	assert_int_equal(clk.kind, PVP_CLOCK_KVM);
	assert_int_equal(pvp_clock_ns(&clk, &cpu), 0);	/* not yet started on this CPU */
	pvp_clock_start(&clk, &cpu);
	assert_int_equal(msr(0x4b564d01), cpu.gpa | 1);
	p = fake_os_at(cpu.gpa, sizeof(*p));
	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		*p = (struct pvclock){ .version = 2, .tsc = 1000, .ns = 77, .mul = at[i].mul,
				       .shift = at[i].shift, .flags = 1 };
		fake_os.tsc = 1000 + at[i].ticks;
		assert_int_equal(pvp_clock_ns(&clk, &cpu),
				 77 + expected(at[i].ticks, at[i].mul, at[i].shift));
	}
	fake_os.tsc = 999;		/* another CPU's, a little behind */
	assert_int_equal(pvp_clock_ns(&clk, &cpu), 77);
	pvp_clock_stop(&clk, &cpu);
	assert_int_equal(msr(0x4b564d01), 0);
	done();
}

static void a_clock_never_goes_back(void **state)
{
	struct pvclock *p, *q;
	uint64_t last;

	(void)state;
	kvm(1u << 3 | 1u << 24);
	assert_int_equal(pvp_cpu_open(&second, &hv), 0);
	assert_int_equal(pvp_clock_open(&clk, &hv, NULL, 0), 0);
	pvp_clock_start(&clk, &cpu);
	pvp_clock_start(&clk, &second);
	p = fake_os_at(cpu.gpa, sizeof(*p));
	q = fake_os_at(second.gpa, sizeof(*q));
	*p = (struct pvclock){ .version = 2, .ns = 1000, .mul = 1u << 31 };
	*q = (struct pvclock){ .version = 2, .ns = 500, .mul = 1u << 31 };
	fake_os.tsc = 100;
	last = pvp_clock_ns(&clk, &cpu);
	assert_int_equal(last, 1050);
	assert_int_equal(pvp_clock_ns(&clk, &second), 1050);	/* 550 by its own page */
	q->ns = 2000;
	assert_int_equal(pvp_clock_ns(&clk, &second), 2050);
	/* nonsense: the last time again */
	p->version = 3;
	assert_int_equal(pvp_clock_ns(&clk, &cpu), 2050);
	*p = (struct pvclock){ .version = 2, .ns = 1 << 20, .mul = 1u << 31, .shift = 32 };
	assert_int_equal(pvp_clock_ns(&clk, &cpu), 2050);
	*p = (struct pvclock){ .version = 2, .ns = 1 << 20, .shift = 2 };
	assert_int_equal(pvp_clock_ns(&clk, &cpu), 2050);
	*p = (struct pvclock){ .ns = 1 << 20, .mul = 1 };
	assert_int_equal(pvp_clock_ns(&clk, &cpu), 2050);
	pvp_cpu_close(&second);
	done();
}

static void hyperv_reference_time(void **state)
{
	struct {
		uint32_t sequence, reserved;
		uint64_t scale, offset;
	} *p;

	(void)state;
	interface(PVK_IF_HYPERV)->leaf[3].eax = 1u << 9 | 1u << 1;
	assert_int_equal(pvp_hv_open(&hv, &stack), 0);
	assert_int_equal(pvp_cpu_open(&cpu, &hv), 0);
	assert_int_equal(pvp_clock_open(&clk, &hv, NULL, 0), 0);
	assert_int_equal(clk.kind, PVP_CLOCK_HYPERV);
	p = fake_os_at(msr(0x40000021) & ~1ull, sizeof(*p));
	p->sequence = 9;
	p->scale = 0xfedcba9876543210ull;
	p->offset = 12345;
	fake_os.tsc = 0x0123456789abcdefull;
	assert_int_equal(pvp_clock_ns(&clk, &cpu),
			 ((uint64_t)((unsigned __int128)fake_os.tsc * p->scale >> 64) + 12345) *
				 100);
	p->sequence = 0;
	wrmsr(0x40000020, 42);
	assert_int_equal(pvp_clock_ns(&clk, &cpu), 4200);
	done();
	assert_int_equal(msr(0x40000021), 0);
}

static void xen_time(void **state)
{
	struct pvclock *p;
	uint64_t page;

	(void)state;
	interface(PVK_IF_XEN);
	machine.vp = 3;
	assert_int_equal(pvp_hv_open(&hv, &stack), 0);
	assert_int_equal(pvp_cpu_open(&cpu, &hv), 0);
	assert_int_equal(pvp_clock_open(&clk, &hv, NULL, 0), 0);
	assert_int_equal(clk.kind, PVP_CLOCK_XEN);
	assert_int_equal(machine.regs.ax, 12);
	assert_int_equal(machine.regs.di, 7);
	page = clk.page_gpa;
	p = fake_os_at(page + 3 * 64 + 32, sizeof(*p));
	*p = (struct pvclock){ .version = 4, .tsc = 10, .ns = 5, .mul = 1u << 31, .shift = 1 };
	fake_os.tsc = 110;
	assert_int_equal(pvp_clock_ns(&clk, &cpu), 105);
	cpu.vp = 32;			/* beyond the page's part for CPUs: the last time */
	assert_int_equal(pvp_clock_ns(&clk, &cpu), 105);
	pvp_os_free(clk.page, PVP_PAGE);	/* Xen's for good; here it counts as held */
	clk.page = NULL;
	done();
	interface(PVK_IF_XEN);
	machine.answer = (uint64_t)-1;
	assert_int_equal(pvp_hv_open(&hv, &stack), 0);
	assert_int_equal(pvp_clock_open(&clk, &hv, NULL, 0), -PVK_EIO);
	pvp_hv_close(&hv);
}

/* ---- the information page ---- */

#define PAGE	(GPA + BYTES - 8192)

static struct pvk_info *page(void)
{
	struct {
		struct pvk_info head;
		struct pvk_info_clock clock;
		struct pvk_info_section odd;
		struct pvk_info_cpus cpus;
		uint32_t apic_id[2];
		struct pvk_info_msr msr;
		struct pvk_info_msr_entry entry[2];
		struct pvk_info_seed seed;
	} *p = fake_os_at(PAGE, 8192);

	ASAN_UNPOISON_MEMORY_REGION(p, 8192);
	memset(p, 0, 8192);
	p->head = (struct pvk_info){ .magic = PVK_INFO_MAGIC, .version = PVK_ABI_VERSION,
				     .bytes = sizeof(*p), .sections = 5 };
	p->clock = (struct pvk_info_clock){
		.head = { PVK_INFO_CLOCK, sizeof(p->clock) }, .generation = 4,
		.flags = PVK_CLOCK_TSC_STABLE, .tsc_khz = 2500000, .tsc = 1000, .sec = 1700000000,
		.nsec = 999999999,
	};
	p->odd = (struct pvk_info_section){ 77, 8 };
	p->cpus = (struct pvk_info_cpus){ { PVK_INFO_CPUS, sizeof(p->cpus) + 8 }, 2, 0 };
	p->apic_id[1] = 4;
	p->msr = (struct pvk_info_msr){ { PVK_INFO_MSR, sizeof(p->msr) + 32 }, 2, 0 };
	p->entry[0] = (struct pvk_info_msr_entry){ 0x10, 0, 99 };
	p->entry[1] = (struct pvk_info_msr_entry){ 0x11, PVK_MSR_ABSENT, 0 };
	p->seed.head = (struct pvk_info_section){ PVK_INFO_SEED, sizeof(p->seed) };
	memset(p->seed.seed, 9, 64);
	return &p->head;
}

static const struct pvk_offer offer = { .info_gpa = PAGE, .info_bytes = 4096 };

static void the_page_is_read(void **state)
{
	struct pvk_info_clock c;
	uint8_t seed[64];
	__u64 value;

	(void)state;
	(void)page();
	assert_int_equal(pvp_info_open(&info, &offer), 0);
	assert_int_equal(pvp_info_cpus(&info), 2);
	assert_int_equal(pvp_info_apic_id(&info, 1), 4);
	assert_int_equal(pvp_info_apic_id(&info, 2), 0);
	assert_int_equal(pvp_info_absent(&info), 0);
	assert_int_equal(pvp_info_msr(&info, 0x10, &value), 1);
	assert_int_equal(value, 99);
	assert_int_equal(pvp_info_msr(&info, 0x11, &value), -PVK_ENOENT);
	assert_int_equal(pvp_info_msr(&info, 0x12, &value), 0);
	assert_int_equal(pvp_info_clock(&info, &c), 0);
	assert_int_equal(c.tsc_khz, 2500000);
	assert_int_equal(pvp_info_seed(&info, seed), 1);
	assert_int_equal(seed[63], 9);
	assert_int_equal(pvp_info_seed(&info, seed), 0);
	pvp_info_close(&info);
	pvp_info_close(&info);
}

static void the_pages_clock(void **state)
{
	struct pvk_info_clock *c = (void *)(page() + 1);
	uint64_t sec;
	uint32_t nsec;

	(void)state;
	kvm(1u << 3);
	assert_int_equal(pvp_info_open(&info, &offer), 0);
	assert_int_equal(pvp_clock_open(&clk, &hv, &info, 0), 0);
	assert_int_equal(clk.kind, PVP_CLOCK_PVKIT);	/* the best of the two */
	fake_os.tsc = 1000 + 2500000000ull * 10;
	assert_in_range(pvp_clock_ns(&clk, &cpu), 9999999990ull, 10000000000ull);
	assert_int_equal(pvp_clock_utc(&clk, (__u64 *)&sec, &nsec), 0);
	assert_int_equal(sec, 1700000010);
	c->generation = 5;
	assert_int_equal(pvp_clock_utc(&clk, (__u64 *)&sec, &nsec), -PVP_ETIME);
	pvp_clock_close(&clk);
	assert_int_equal(pvp_clock_open(&clk, &hv, &info, PVP_CLOCK_KVM), 0);
	assert_int_equal(pvp_clock_utc(&clk, (__u64 *)&sec, &nsec), -PVK_ENOTSUP);
	pvp_clock_close(&clk);
	assert_int_equal(pvp_clock_open(&clk, &hv, &info, PVP_CLOCK_XEN), -PVK_ENOENT);
	c->generation = 6;
	for (uint32_t khz = 1; khz; khz = khz < 1u << 31 ? khz * 2 + 1 : 0) {
		c->tsc_khz = khz;
		assert_int_equal(pvp_clock_open(&clk, &hv, &info, 0), 0);
		fake_os.tsc = 1000 + (uint64_t)khz * 1000;
		assert_in_range(pvp_clock_ns(&clk, &cpu), 999999990ull, 1000000000ull);
		pvp_clock_close(&clk);
	}
	c->flags = 0;			/* not stable: not to be used alone */
	assert_int_equal(pvp_clock_open(&clk, &hv, &info, 0), 0);
	assert_int_equal(clk.kind, PVP_CLOCK_KVM);
	pvp_info_close(&info);
	done();
}

static void impossible_pages_are_refused(void **state)
{
	struct pvk_offer none = { .info_bytes = 0 };
	struct pvk_info *p;

	(void)state;
#define REFUSED(change) do { \
	p = page(); \
	change; \
	assert_int_equal(pvp_info_open(&info, &offer), -PVK_EPROTO); \
	assert_null(pvp_info_section(&info, PVK_INFO_CLOCK)); \
} while (0)
	struct pvk_info_section *first = (void *)(page() + 1);
	struct pvk_info_cpus *cpus = (void *)((uint8_t *)first + 48 + 8);

	REFUSED(p->magic++);
	REFUSED(p->version = PVK_VERSION(2, 0));
	REFUSED(p->bytes = 4097);
	REFUSED(p->bytes = 8);
	REFUSED(p->sections = 6);
	REFUSED(p->sections = ~0u);
	REFUSED(first->bytes = 0);
	REFUSED(first->bytes = 40);
	REFUSED(first->bytes = 49);
	REFUSED(first->bytes = 4000);
	REFUSED(first->bytes = 0xfffffff8);
	REFUSED(cpus->count = 3);
	REFUSED(cpus->count = 0x40000001);
	assert_int_equal(pvp_info_open(&info, &none), -PVK_ENOENT);
	(void)page();
	fake_os.fail_at = fake_os.allocs + 1;
	assert_int_equal(pvp_info_open(&info, &offer), -PVP_ENOMEM);
	fake_os.fail_at = fake_os.allocs + 2;
	assert_int_equal(pvp_info_open(&info, &offer), -PVP_ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(which_interfaces_are_used),
		CASE(kvm_is_called),
		CASE(hyperv_is_called_through_its_page),
		CASE(without_a_page_of_code_no_calls),
		CASE(xen_is_called),
		CASE(eoi_without_an_exit),
		CASE(not_offered_is_not_used),
		CASE(stolen_time),
		CASE(interrupts_by_call),
		CASE(kvm_clock),
		CASE(a_clock_never_goes_back),
		CASE(hyperv_reference_time),
		CASE(xen_time),
		CASE(the_page_is_read),
		CASE(the_pages_clock),
		CASE(impossible_pages_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
