// SPDX-License-Identifier: BSD-2-Clause
/*
 * The features of each interface, as Linux uses them: what puts one in use, and what
 * keeps it out. The first rule that holds decides. Where a rule restates a condition of
 * Linux, its file stands at the row (6.1 and 6.12 were read).
 */
#include "judge.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))

#define DROP	"take it off the command line and boot again"
#define BUILD	"use a kernel with that symbol"
#define ASKS	"@1 on the kernel's command line"
#define OUT	"compiled out: CONFIG_@1 is not set"
#define NO_SIGN	"nothing on this system shows it, and no configuration of the kernel can be read"
#define SEE	"put /boot/config-RELEASE there, or run this as root"

/* Shorthands for rules. R: seen; I: concluded. */
#define R(state, test, arg, why, advice)	{ test, NOTHING, state, 0, arg, 0, why, advice }
#define R2(state, test, arg, test2, arg2, why, advice) \
	{ test, test2, state, 0, arg, arg2, why, advice }
#define I(state, test, arg, why)	{ test, NOTHING, state, 1, arg, 0, why, 0 }

#define LONELY	R(MOOT, ONE_CPU, 0, "there is one CPU, and no other can come", 0)
#define REALTIME R(MOOT, BIT, "kvm.hint_realtime", \
		   "the host says that vCPUs are never preempted (KVM_HINTS_REALTIME)", 0)
#define MWAIT	R(MOOT, FLAG, "monitor", "vCPUs wait by MWAIT: the host sees none of them halt", 0)
#define NO_SMP	R(UNUSED, CONFIG_OFF, "SMP", OUT, BUILD)
#define NEEDS_STEAL R(UNUSED, NO_BIT, "kvm.steal_time", \
		      "it needs steal_time, which is not offered", \
		      "have the host offer that, too (QEMU: +kvm-steal-time)")
#define TSC_IS_RIGHT(what) \
	R2(MOOT, CLOCK, "tsc", FLAG, "constant_tsc nonstop_tsc", \
	   "the clock source is tsc, rightly: it is invariant here. " what, 0)
#define OTHER_CLOCK(name, is) \
	R2(UNUSED, CLOCK_THERE, name, CMDLINE, "clocksource", \
	   "the clock source is " is ", because of @2 on the kernel's command line", DROP), \
	R(UNUSED, CLOCK_THERE, name, "the clock source is " is ", though @1 is there", \
	  "echo " name " >/sys/devices/system/clocksource/clocksource0/current_clocksource")

const struct row row_table[] = {
	/* ---- KVM ---- arch/x86/kernel/kvmclock.c */
	{ "kvm.clock", "kvmclock: time without exits", "clocksource2|clocksource",
	  "KVM always has it", PVK_IF_KVM, {
		R(IN_USE, CLOCK, "kvm-clock", "it is the clock source", 0),
		R(UNUSED, CMDLINE, "no-kvmclock", ASKS, DROP),
		TSC_IS_RIGHT("kvmclock told its frequency and the time of boot"),
		OTHER_CLOCK("kvm-clock", "@current"),
		R(UNUSED, CLOCK, "*", "the kernel has no clock source kvm-clock; @current is used",
		  "use a kernel with CONFIG_KVM_GUEST"),
		R(UNKNOWN, NOTHING, 0, "sysfs does not tell the clock source", 0) } },
	{ "kvm.clock_vdso", "kvmclock read without a system call", "clocksource_stable",
	  "the host's own clock is not stable", PVK_IF_KVM, {
		R(UNUSED, CMDLINE, "no-kvmclock", ASKS, DROP),
		R2(UNUSED, CLOCK, "kvm-clock", CMDLINE, "no-kvmclock-vsyscall",
		   "@2 on the kernel's command line", DROP),
		I(IN_USE, CLOCK, "kvm-clock", "kvm-clock is the clock source, alike on all CPUs"),
		R(MOOT, NOTHING, 0, "the clock source is not kvm-clock: see kvm.clock", 0) } },
	/* arch/x86/kernel/kvm.c, from here on */
	{ "kvm.steal_time", "time that others had is counted", "steal_time",
	  "KVM always has it", PVK_IF_KVM, {
		I(IN_USE, CONFIG_ON, "KVM_GUEST", "set up at boot; /proc/stat counts it"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "kvm.steal_sched", "the scheduler takes stolen time off", "steal_time", 0, PVK_IF_KVM, {
		R2(OPTIONAL, CONFIG_OFF, "PARAVIRT_TIME_ACCOUNTING", CMDLINE, "no-steal-acc",
		   OUT ", as in most kernels; @2 on the command line forbids it besides", 0),
		R(OPTIONAL, CONFIG_OFF, "PARAVIRT_TIME_ACCOUNTING",
		  OUT ", as in most kernels; worth it on hosts with more vCPUs than CPUs", 0),
		R(UNUSED, CMDLINE, "no-steal-acc", ASKS, DROP),
		I(IN_USE, CONFIG_ON, "PARAVIRT_TIME_ACCOUNTING",
		  "built in, and nothing forbids it"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "kvm.pv_eoi", "end of interrupt without an exit", "pv_eoi", "KVM always has it",
	  PVK_IF_KVM, {
		R(MOOT, BIT, "hyperv.rec_no_auto_eoi",
		  "the processor does it itself: the host has APICv or AVIC", 0),
		I(IN_USE, CONFIG_ON, "KVM_GUEST", "set up at boot. Where the host has APICv or AVIC"
		  " it is moot, as no exit is left; a guest cannot see that"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "kvm.spinlocks", "spinlocks that halt, and kicks", "pv_unhalt",
	  "the host lets vCPUs halt without exits (QEMU: cpu-pm=on), or QEMU's -kvm-pv-unhalt",
	  PVK_IF_KVM, {
		R(IN_USE, LOG, "kvm-guest: PV spinlocks enabled", "the kernel said so", 0),
		LONELY, REALTIME,
		R(UNUSED, CONFIG_OFF, "SMP PARAVIRT_SPINLOCKS", OUT, BUILD),
		R(UNUSED, CMDLINE, "nopvspin", ASKS, DROP),
		I(IN_USE, CONFIG_ON, "PARAVIRT_SPINLOCKS", "built in, and nothing forbids them"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "kvm.tlb_flush", "TLB flushes that skip preempted vCPUs", "pv_tlb_flush",
	  "Linux hosts from 4.16 on have it", PVK_IF_KVM, {
		R(IN_USE, LOG, "KVM setup pv remote TLB flush", "the kernel said so", 0),
		LONELY, REALTIME, NEEDS_STEAL, MWAIT, NO_SMP,
		R(UNUSED, OLDER, "4.16", "this kernel does not know it", "use Linux 4.16 or later"),
		I(IN_USE, CONFIG_ON, "KVM_GUEST", "built in, and nothing forbids it"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "kvm.ipi", "IPIs to many by one call", "pv_send_ipi",
	  "Linux hosts from 4.19 on have it", PVK_IF_KVM, {
		R(IN_USE, LOG, "setup PV IPIs", "the kernel said so", 0),
		LONELY, NO_SMP,
		R(UNUSED, OLDER, "4.19", "this kernel does not know it", "use Linux 4.19 or later"),
		I(IN_USE, CONFIG_ON, "KVM_GUEST", "built in, and nothing forbids it"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "kvm.yield", "a vCPU that waits for another yields to it", "pv_sched_yield",
	  "Linux hosts from 5.3 on have it", PVK_IF_KVM, {
		R(IN_USE, LOG, "setup PV sched yield", "the kernel said so", 0),
		LONELY, REALTIME, NEEDS_STEAL, MWAIT, NO_SMP,
		R(UNUSED, OLDER, "5.3", "this kernel does not know it", "use Linux 5.3 or later"),
		I(IN_USE, CONFIG_ON, "KVM_GUEST", "built in, and nothing forbids it"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "kvm.async_pf", "other work while the host fetches a page", "async_pf_int",
	  "Linux hosts from 5.8 on have it", PVK_IF_KVM, {
		R(UNUSED, CMDLINE, "no-kvmapf", ASKS, DROP),
		R(UNUSED, OLDER, "5.8", "this kernel does not know the form with an interrupt",
		  "use Linux 5.8 or later"),
		R(IN_USE, INTERRUPT, "HYP", "it raised interrupts (HYP in /proc/interrupts)", 0),
		I(IN_USE, CONFIG_ON, "KVM_GUEST", "set up at boot"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	/* drivers/cpuidle/cpuidle-haltpoll.c */
	{ "kvm.poll_control", "the guest polls before it halts, not the host", "poll_control", 0,
	  PVK_IF_KVM, {
		R(IN_USE, HAS_WORD, "/sys/devices/system/cpu/cpuidle/current_driver haltpoll",
		  "haltpoll is the idle driver", 0),
		R2(UNUSED, BIT, "kvm.hint_realtime", CONFIG_OFF, "HALTPOLL_CPUIDLE",
		   "vCPUs are never preempted, and haltpoll is compiled out: CONFIG_@2", BUILD),
		R(OPTIONAL, NOTHING, 0, "haltpoll is for vCPUs that have a CPU of their own",
		  0) } },

	/* ---- Hyper-V ---- drivers/clocksource/hyperv_timer.c, arch/x86/hyperv/ */
	{ "hyperv.hypercalls", "hypercalls", "hypercall_msrs", 0, PVK_IF_HYPERV, {
		R(IN_USE, LOG, "Hyper-V: Host Build", "the kernel said so", 0),
		R(UNUSED, CONFIG_OFF, "HYPERV", OUT, BUILD),
		I(IN_USE, CONFIG_ON, "HYPERV", "set up at boot"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "hyperv.reference_tsc", "reference TSC page: time without exits", "reference_tsc",
	  "Hyper-V always has it; QEMU: hv-time", PVK_IF_HYPERV, {
		R(IN_USE, CLOCK, "hyperv_clocksource_tsc_page", "it is the clock source", 0),
		R2(MOOT, CLOCK, "tsc", BIT, "hyperv.tsc_invariant",
		   "the clock source is tsc, rightly: Hyper-V keeps it invariant", 0),
		TSC_IS_RIGHT("The page is there, too"),
		R(UNUSED, CONFIG_OFF, "HYPERV", OUT, BUILD),
		OTHER_CLOCK("hyperv_clocksource_tsc_page", "@current"),
		R(UNUSED, CLOCK, "*", "the kernel has no clock source of it; @current is used",
		  "use a kernel with CONFIG_HYPERV"),
		R(UNKNOWN, NOTHING, 0, "sysfs does not tell the clock source", 0) } },
	{ "hyperv.stimer", "synthetic timers", "stimer", 0, PVK_IF_HYPERV, {
		R(IN_USE, HAS_WORD,
		  "/sys/devices/system/clockevents/clockevent0/current_device Hyper-V",
		  "the kernel's timer is one of them", 0),
		R(IN_USE, INTERRUPT, "HVS", "they raised interrupts (HVS in /proc/interrupts)", 0),
		R(UNUSED, CONFIG_OFF, "HYPERV", OUT, BUILD),
		R2(UNUSED, NO_BIT, "hyperv.direct_timers", MODULE, "hv_vmbus HYPERV", 0, 0),
		R(UNKNOWN, NOTHING, 0, "nothing shows which timer the kernel uses", 0) } },
	{ "hyperv.vmbus", "VMBus, the bus of Hyper-V's devices", "post_messages", 0,
	  PVK_IF_HYPERV, {
		R(UNUSED, MODULE, "hv_vmbus HYPERV", 0, 0),
		R(IN_USE, EXISTS, "/sys/bus/vmbus/devices/*/class_id", "it has devices", 0),
		R(MOOT, NOTHING, 0, "hv_vmbus is there, and found no device", 0) } },
	{ "hyperv.remote_flush", "TLB flushes of other CPUs by a call", "rec_remote_flush", 0,
	  PVK_IF_HYPERV, {
		R(IN_USE, LOG, "Using hypercall for remote TLB flush", "the kernel said so", 0),
		LONELY,
		R(UNUSED, CONFIG_OFF, "HYPERV", OUT, BUILD),
		I(IN_USE, CONFIG_ON, "HYPERV", "built in, and nothing forbids it"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "hyperv.ipi", "IPIs by a call", "rec_cluster_ipi", 0, PVK_IF_HYPERV, {
		R(IN_USE, LOG, "Using IPI hypercalls", "the kernel said so", 0),
		LONELY,
		R(UNUSED, CONFIG_OFF, "HYPERV", OUT, BUILD),
		I(IN_USE, CONFIG_ON, "HYPERV", "built in, and nothing forbids it"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "hyperv.apic", "APIC registers as MSRs of Hyper-V", "rec_apic_msrs", 0, PVK_IF_HYPERV, {
		R(IN_USE, LOG, "Using enlightened APIC", "the kernel said so", 0),
		R(UNUSED, CONFIG_OFF, "HYPERV", OUT, BUILD),
		I(IN_USE, CONFIG_ON, "HYPERV", "built in, and nothing forbids it"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "hyperv.spinlocks", "spinlocks that idle, and kicks", "guest_idle", 0, PVK_IF_HYPERV, {
		R(IN_USE, LOG, "PV spinlocks enabled", "the kernel said so", 0),
		LONELY,
		R(UNUSED, CONFIG_OFF, "HYPERV SMP PARAVIRT_SPINLOCKS", OUT, BUILD),
		R(UNUSED, CMDLINE, "hv_nopvspin nopvspin", ASKS, DROP),
		R(MOOT, NO_BIT, "hyperv.rec_cluster_ipi", "kicks need IPIs by a call, which the"
		  " host does not recommend", 0),
		I(IN_USE, CONFIG_ON, "HYPERV", "built in, and nothing forbids them"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },

	/* ---- Xen ---- arch/x86/xen/ */
	{ "xen.guest", "Xen's interface: calls, event channels, xenbus", 0, 0, PVK_IF_XEN, {
		R(IN_USE, HAS_WORD, "/sys/hypervisor/type xen", "/sys/hypervisor says so", 0),
		R(IN_USE, EXISTS, "/sys/bus/xen", "the kernel has a xenbus", 0),
		R(UNUSED, CONFIG_OFF, "XEN XEN_PVHVM", OUT, BUILD),
		R(UNUSED, NOTHING, 0, "the kernel shows neither /sys/hypervisor nor a xenbus",
		  "use a kernel with CONFIG_XEN_PVHVM") } },
	{ "xen.clock", "Xen's clock: time without exits", 0, 0, PVK_IF_XEN, {
		R(IN_USE, CLOCK, "xen", "it is the clock source", 0),
		R2(MOOT, CLOCK, "tsc", BIT, "xen.tsc_reliable",
		   "the clock source is tsc, rightly: Xen says that it is reliable", 0),
		TSC_IS_RIGHT("Xen's clock told its frequency"),
		R(UNUSED, CONFIG_OFF, "XEN XEN_PVHVM", OUT, BUILD),
		OTHER_CLOCK("xen", "@current"),
		R(UNUSED, CLOCK, "*", "the kernel has no clock source xen; @current is used",
		  "use a kernel with CONFIG_XEN_PVHVM"),
		R(UNKNOWN, NOTHING, 0, "sysfs does not tell the clock source", 0) } },
	{ "xen.callback_vector", "events as interrupts of their own", "upcall_vector", 0,
	  PVK_IF_XEN, {
		R(UNUSED, CMDLINE, "xen_no_vector_callback", ASKS, DROP),
		R(UNUSED, CONFIG_OFF, "XEN XEN_PVHVM", OUT, BUILD),
		R(IN_USE, INTERRUPT, "HYP", "it raised interrupts (HYP in /proc/interrupts)", 0),
		I(IN_USE, CONFIG_ON, "XEN_PVHVM", "set up at boot"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "xen.spinlocks", "spinlocks that block, and kicks", 0, 0, PVK_IF_XEN, {
		LONELY,
		R(UNUSED, CONFIG_OFF, "XEN SMP PARAVIRT_SPINLOCKS", OUT, BUILD),
		R(UNUSED, CMDLINE, "nopvspin xen_nopvspin", ASKS, DROP),
		I(IN_USE, CONFIG_ON, "PARAVIRT_SPINLOCKS", "built in, and nothing forbids them"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "xen.unplug", "emulated disks and cards go when Xen's come", 0, 0, PVK_IF_XEN, {
		R(UNUSED, CMDLINE, "xen_emul_unplug=never", ASKS, DROP),
		R(UNUSED, CONFIG_OFF, "XEN XEN_PVHVM", OUT, BUILD),
		I(IN_USE, EXISTS, "/sys/bus/pci/drivers/xen-platform-pci", "nothing forbids it"),
		R(MOOT, NOTHING, 0, "without Xen's platform device there is nothing to unplug",
		  0) } },

	/* ---- VMware ---- arch/x86/kernel/cpu/vmware.c */
	{ "vmware.clock", "frequency of the TSC, and a clock for the scheduler", 0, 0,
	  PVK_IF_VMWARE, {
		R(UNUSED, CMDLINE, "no-vmw-sched-clock", ASKS, DROP),
		R(IN_USE, LOG, "vmware: TSC freq read from hypervisor", "the kernel said so", 0),
		I(IN_USE, CONFIG_ON, "HYPERVISOR_GUEST", "built in, and nothing forbids it"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },

	/* ---- ACRN, Jailhouse ---- */
	{ "acrn.guest", "ACRN's upcall and TSC frequency", 0, 0, PVK_IF_ACRN, {
		R(UNUSED, CONFIG_OFF, "ACRN_GUEST", OUT, BUILD),
		I(IN_USE, CONFIG_ON, "ACRN_GUEST", "built in"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	{ "jailhouse.guest", "what Jailhouse tells a cell", 0, 0, PVK_IF_JAILHOUSE, {
		R(UNUSED, CONFIG_OFF, "JAILHOUSE_GUEST", OUT, BUILD),
		I(IN_USE, CONFIG_ON, "JAILHOUSE_GUEST", "built in"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },

	/* ---- pvkit: the modules ---- hypercall/linux/ */
#define SESSION	"/sys/bus/pvk/features_active"
#define WORD(name, word, words) \
	{ "pvkit." name, words, word, 0, PVK_IF_PVKIT, { \
		R(IN_USE, HAS_WORD, SESSION " " word, "the session has it", 0), \
		R2(UNUSED, EXISTS, SESSION, CMDLINE, "pvk_core.features", \
		   "pvk_core was told not to accept it: @2 on the kernel's command line", DROP), \
		R(UNUSED, EXISTS, SESSION, "pvk_core did not accept it", \
		  "load pvk_core without its parameter features=") , \
		R(UNUSED, LOG, "pvk_core: not used:", "the module said: @1", \
		  "build modules of the host's version"), \
		R(UNUSED, MODULE, "pvk_core", 0, 0), \
		R(UNUSED, NOTHING, 0, "pvk_core is there, and has no session with the host", \
		  "see what it said: dmesg | grep pvk") } }
	WORD("event", "event", "event channels"),
	WORD("bus", "bus", "devices with shared rings"),
	WORD("batch", "batch", "several calls in one transfer"),
	WORD("unplug", "unplug", "emulated devices change to paravirtual ones and back"),

	/* ---- pvkit: the patched kernel ---- pvops/ */
#define PATCHED	R(UNUSED, CONFIG_OFF, "PVKIT_GUEST", \
		  "this kernel has no pvkit patches (CONFIG_@1)", \
		  "use a kernel built with pvops/, or have the host not offer it (--offer)")
#define PLATFORM(name, words) \
	{ "pvkit." name, words, name, 0, PVK_IF_PVKIT, { \
		PATCHED, \
		I(IN_USE, CONFIG_ON, "PVKIT_GUEST", "built in, and nothing forbids it"), \
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } }
	PLATFORM("info", "information page: hardware told in memory"),
	PLATFORM("power", "power-off, reboot and panic by a call"),
	PLATFORM("smp", "CPUs are started by a call"),
	{ "pvkit.console", "console through rings", "console", 0, PVK_IF_PVKIT, {
		PATCHED,
		R(UNUSED, CONFIG_OFF, "HVC_PVKIT", OUT, BUILD),
		I(IN_USE, CONFIG_ON, "HVC_PVKIT", "built in, and nothing forbids it"),
		R(UNKNOWN, NOTHING, 0, NO_SIGN, SEE) } },
	PLATFORM("mem", "unused memory is reported"),
};

const unsigned int row_count = COUNT(row_table);

/* arch/x86/kernel/cpu/hypervisor.c: one interface is chosen, the one with the highest leaf */
#define NOPV(kind)	{ kind, R2(UNUSED, NONE_TAKEN, 0, CMDLINE, "nopv", \
				   "@2 on the kernel's command line", DROP) }
#define NO_GUEST(kind)	{ kind, R(UNUSED, CONFIG_OFF, "PARAVIRT HYPERVISOR_GUEST", OUT, BUILD) }
#define SHADOWED(kind)	{ kind, R(MOOT, TAKEN, 0, \
				  "Linux took @1's interface, which has the like of it", 0) }

const struct guard guard_table[] = {
	NOPV(PVK_IF_KVM),
	NOPV(PVK_IF_HYPERV),
	NOPV(PVK_IF_VMWARE),
	{ PVK_IF_XEN, R2(UNUSED, NONE_TAKEN, 0, CMDLINE, "nopv xen_nopv",
			 "@2 on the kernel's command line", DROP) },
	NO_GUEST(PVK_IF_KVM),
	NO_GUEST(PVK_IF_HYPERV),
	NO_GUEST(PVK_IF_XEN),
	NO_GUEST(PVK_IF_VMWARE),
	SHADOWED(PVK_IF_KVM),
	SHADOWED(PVK_IF_HYPERV),
	SHADOWED(PVK_IF_XEN),
	SHADOWED(PVK_IF_VMWARE),
	{ PVK_IF_KVM, R(UNUSED, CONFIG_OFF, "KVM_GUEST", OUT, BUILD) },
	/* arch/x86/kernel/cpu/mshyperv.c: without these two, Linux sees no Hyper-V */
	{ PVK_IF_HYPERV, R(UNUSED, NO_BIT, "hyperv.vp_index",
			   "Linux uses nothing of Hyper-V's interface where vp_index is not"
			   " offered",
			   "have the host offer that, too (QEMU: hv-vpindex)") },
	{ PVK_IF_HYPERV, R(UNUSED, NO_BIT, "hyperv.hypercall_msrs",
			   "Linux uses nothing of Hyper-V's interface where calls are not offered",
			   "have the host offer them, too") },
};

const unsigned int guard_count = COUNT(guard_table);
