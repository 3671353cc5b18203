// SPDX-License-Identifier: BSD-2-Clause
/*
 * The minimal OS: interrupts, and a second CPU. It is started by a call where the
 * host offers that, else by INIT and start-up IPIs; gets an interrupt, by a call or
 * the ICR; and then both read one clock in turns. Local APIC: Intel SDM vol. 3,
 * "Advanced Programmable Interrupt Controller (APIC)".
 */
#include "kernel.h"

#define APIC_BASE	0x1bu		/* MSR; bit 10: x2APIC mode */
#define APIC_MMIO	0xfee00000ul
#define APIC_EOI	0xb0u
#define APIC_SVR	0xf0u
#define APIC_ICR	0x300u
#define APIC_ICR_HIGH	0x310u
#define ICR_OTHERS	0xc0000u
#define ICR_INIT	0x4500u
#define ICR_STARTUP	0x4600u
#define AP_PAGE		0x8000u		/* start.S knows it, too */
#define IPI_VECTOR	0x40u
#define NET_VECTOR	0x41u
#define ROUNDS		100000u

extern __u8 ap_real[], ap_real_end[], start_ap[], ap_stacks[], on_interrupt[];
extern __u64 gdt[4];

struct gate {
	__u16 low, selector, type, middle;
	__u32 high, reserved;
};

static struct gate idt[256] __attribute__((aligned(16)));
static struct {
	__u32 up;		/* CPUs that run, beside the boot CPU */
	__u32 interrupts, quiet;	/* that came; whose EOI cost nothing */
	__u32 go, done, bad;
	__u64 last;		/* the latest time that anybody read */
} shared;

/* ---- local APIC ---- */

static int x2apic(void)
{
	return pvp_os_rdmsr(APIC_BASE) >> 10 & 1;
}

static void apic_write(__u32 reg, __u32 value)
{
	if (x2apic())
		pvp_os_wrmsr(0x800 + reg / 16, value);
	else
		*(volatile __u32 *)(APIC_MMIO + reg) = value;
}

static void apic_send(__u32 apic_id, __u32 icr)
{
	if (x2apic()) {
		pvp_os_wrmsr(0x800 + APIC_ICR / 16, (__u64)apic_id << 32 | icr);
		return;
	}
	*(volatile __u32 *)(APIC_MMIO + APIC_ICR_HIGH) = apic_id << 24;
	*(volatile __u32 *)(APIC_MMIO + APIC_ICR) = icr;
}

static __u32 own_apic_id(void)
{
	struct pvk_cpuid_regs r;

	pvp_os_cpuid(1, &r);
	return r.ebx >> 24;
}

static struct pvp_cpu *this_cpu(void)
{
	return &cpu[own_apic_id() ? 1 : 0];	/* two CPUs take interrupts here */
}

void os_interrupt(void)
{
	if (pvp_eoi(this_cpu()))
		__atomic_fetch_add(&shared.quiet, 1, __ATOMIC_SEQ_CST);
	else
		apic_write(APIC_EOI, 0);
	__atomic_fetch_add(&shared.interrupts, 1, __ATOMIC_SEQ_CST);
}

void interrupts_init(void)
{
	struct {
		__u16 limit;
		__u64 base;
	} __attribute__((packed)) table = { sizeof(idt) - 1, (__UINTPTR_TYPE__)idt };
	const __u64 at = (__UINTPTR_TYPE__)on_interrupt;
	__u32 v;

	for (v = IPI_VECTOR; v <= NET_VECTOR; v++)
		idt[v] = (struct gate){ (__u16)at, 8, 0x8e00, (__u16)(at >> 16),
					(__u32)(at >> 32), 0 };
	__asm__ volatile("lidt %0" : : "m"(table));
	apic_write(APIC_SVR, 0x1ff);	/* enabled; spurious ones at 0xff, which never come here */
}

void wait_for_interrupt(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* ---- time ---- */

/* By the clock if there is one; else a TSC of 1 GHz or more is assumed. */
void spin_ms(__u32 ms)
{
	const __u64 start = pvp_os_rdtsc(), begin = pvp_clock_ns(&clock, &cpu[0]);

	while (clock.kind ? pvp_clock_ns(&clock, &cpu[0]) - begin < ms * 1000000ull :
			    pvp_os_rdtsc() - start < ms * 4000000ull)
		pvp_os_relax();
}

/* A time that all CPUs can compare: the host's clock, or the TSC, for want of one. */
static __u64 now(struct pvp_cpu *own)
{
	return clock.kind ? pvp_clock_ns(&clock, own) : pvp_os_rdtsc();
}

/* Reads the clock again and again: never may it be behind what another CPU saw. */
static void race(struct pvp_cpu *own)
{
	__u64 seen, t;
	__u32 i;

	__atomic_fetch_add(&shared.go, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&shared.go, __ATOMIC_SEQ_CST) < 2)
		pvp_os_relax();
	for (i = 0; i < ROUNDS; i++) {
		seen = __atomic_load_n(&shared.last, __ATOMIC_SEQ_CST);
		t = now(own);
		if (t < seen)
			__atomic_fetch_add(&shared.bad, 1, __ATOMIC_SEQ_CST);
		while (t > seen && !__atomic_compare_exchange_n(&shared.last, &seen, t, 0,
								__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
	}
	__atomic_fetch_add(&shared.done, 1, __ATOMIC_SEQ_CST);
}

/* ---- CPUs ---- */

/* A CPU that was started; the numbers of those beside the boot CPU begin with 1. */
void os_ap(__u32 number)
{
	if (number != 1)
		return;			/* one suffices: start.S halts the others */
	if (pvp_cpu_open(&cpu[1], &hv))
		return;
	pvp_clock_start(&clock, &cpu[1]);
	interrupts_init();
	__atomic_store_n(&shared.up, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&shared.interrupts, __ATOMIC_SEQ_CST))
		wait_for_interrupt();
	race(&cpu[1]);
}

/* 0, or why no CPU came up: by the host's call, or as on any PC. */
static int start_second(__u32 *apic_id)
{
	struct pvk_cpu_start s = {
		.cs = 8, .ds = 16, .rip = (__UINTPTR_TYPE__)start_ap,
		.rsp = (__UINTPTR_TYPE__)ap_stacks + OS_STACK - 8, .arg = 1,
		.gdt_base = (__UINTPTR_TYPE__)gdt, .gdt_limit = 31,
	};
	__u32 i;

	*apic_id = pvp_info_cpus(&info) > 1 ? pvp_info_apic_id(&info, 1) : 1;
	s.apic_id = *apic_id;
	__asm__ volatile("mov %%cr3, %0" : "=r"(s.cr3));
	if (host.active & PVK_FEAT_SMP) {
		say("cpus: the second is started by a call\n");
		return pvp_cpu_start(&host, &s);
	}
	say("cpus: the second is started by INIT and a start-up IPI\n");
	for (i = 0; i < (__u32)(ap_real_end - ap_real); i++)
		((volatile __u8 *)(__UINTPTR_TYPE__)AP_PAGE)[i] = ap_real[i];
	apic_send(0, ICR_OTHERS | ICR_INIT);
	spin_ms(10);
	for (i = 0; i < 2 && !__atomic_load_n(&shared.up, __ATOMIC_SEQ_CST); i++) {
		apic_send(0, ICR_OTHERS | ICR_STARTUP | AP_PAGE / 4096);
		spin_ms(50);
	}
	return 0;
}

/* Waits until *word is `value`; 0: it never was. */
static int reached(const __u32 *word_at, __u32 value)
{
	const __u64 start = pvp_os_rdtsc();

	while (__atomic_load_n(word_at, __ATOMIC_SEQ_CST) < value)
		if (pvp_os_rdtsc() - start > 60000000000ull)
			return 0;
	return 1;
}

void cpus_run(void)
{
	__u32 apic_id;
	__u64 stolen;
	int ret = start_second(&apic_id);

	if (ret || !reached(&shared.up, 1)) {
		pvp_os_log("cpus: no second one came up", ret);
		return;
	}
	ret = pvp_ipi(&cpu[0], hv.hyperv ? 0 : apic_id, hv.hyperv ? 1ull << cpu[1].vp : 1,
		      IPI_VECTOR);
	say(ret ? "cpus: interrupt by the ICR" : "cpus: interrupt by a call");
	if (ret)
		apic_send(apic_id, 0x4000 | IPI_VECTOR);
	if (!reached(&shared.interrupts, 1)) {
		say(", lost\n");
		return;
	}
	say(shared.quiet ? ", end without an exit\n" : ", end by the APIC\n");
	race(&cpu[0]);
	if (!reached(&shared.done, 2))
		say("cpus: the second one is stuck\n");
	say("time: ");
	say(pvp_clock_name[clock.kind]);
	say(clock.kind ? "" : " (the TSC is what there is)");
	say(shared.bad ? ", went back " : ", two CPUs, never back in ");
	say_number(shared.bad ? shared.bad : 2 * ROUNDS);
	say(" readings\n");
	if (!pvp_steal(&cpu[0], &stolen)) {
		say("time: stolen from this CPU, us: ");
		say_number(stolen >> 10);	/* nearly */
		say("\n");
	}
}
