# SPDX-License-Identifier: BSD-2-Clause
"""The ablation: what each paravirtual feature costs or buys, away alone and alone.

Away: the patched kernel with everything offered but this feature, on the minimal
machine; on pvkit-vm's pc where the minimal machine cannot do without it. Alone: the
same kernel on the pc with nothing offered, by KVM neither, but this feature and what
it needs. Each is compared with the guest that differs in nothing else. Boots are of one
CPU, as more of them wait for each other and make exits of it; small loads
(guest/load.c) are done by guests of several, whose kinds end in +load.
docs/measure.md, "The ablation".
"""

import os

from . import DISK, STATS, cases

# Operations of each load, (full, quick): some tenths of a second in the box.
LOADS = {
    "ipi": (100, 50, "call"), "tlb": (40, 20, "flush"), "timer": (100, 50, "sleep"),
    "clock": (2000, 1000, "look"), "wake": (200, 100, "round"), "switch": (1000, 500, "round"),
    "lock": (20000, 10000, "dup"), "fault": (4096, 4096, "page"), "cpuid": (200, 100, "CPUID"),
    "console": (40, 20, "line"), "seed": (1, 1, "read"), "block": (100, 50, "read"),
    "net": (50, 25, "question"),
}
END = "end"	# of the machine; counted from mark 3 on, not a load of the guest's list

# name, title, owner, words of its switch, what it needs, load (away/alone where they
# differ: without a clock source Linux has no fine timers, and ipi calls nobody), what its
# absence costs by reason (a prefix of KVM's reason or of trace.DETAIL's words), machine of "away"
FEATURES = (
    ("kvmclock", "clock source", "kvm", ("clocksource", "clocksource2", "clocksource_stable"), (),
     "clock", "", "minimal"),
    ("nop_io_delay", "no delay after port I/O", "kvm", ("nop_io_delay",), (), "", "", "minimal"),
    ("async_pf", "asynchronous page faults", "kvm",
     ("async_pf", "async_pf_int", "async_pf_vmexit"), (), "fault", "", "minimal"),
    ("steal_time", "steal time", "kvm", ("steal_time",), (), "switch", "", "minimal"),
    ("pv_eoi", "end of interrupt", "kvm", ("pv_eoi",), (), "ipi/tlb", "wrmsr 80b", "minimal"),
    ("pv_unhalt", "spinlocks that halt", "kvm", ("pv_unhalt",), (), "lock", "", "minimal"),
    ("pv_tlb_flush", "TLB flush", "kvm", ("pv_tlb_flush",), ("steal_time",), "tlb",
     "", "minimal"),
    ("pv_send_ipi", "IPIs to many", "kvm", ("pv_send_ipi",), (), "ipi/tlb", "wrmsr 830", "minimal"),
    ("pv_sched_yield", "yield to a preempted CPU", "kvm", ("pv_sched_yield",), ("steal_time",),
     "ipi/tlb", "", "minimal"),
    ("poll_control", "host's halt polling", "kvm", ("poll_control",), (), "wake", "", "minimal"),
    ("minimal", "minimal machine: nothing to probe", "machine", (), (), "", "", "minimal"),
    ("info", "information page, all of it", "offer", ("info",), (), "", "", "pc"),
    ("clock", "page: frequencies, time of day", "info", ("clock",), (), "", "", "minimal"),
    ("absent", "page: what is not there", "info", ("absent",), (), "", "", "pc"),
    ("cpus", "page: CPUs", "info", ("cpus",), (), "", "", "pc"),
    ("cpuid", "page: CPUID", "info", ("cpuid",), (), "cpuid", "cpuid", "minimal"),
    ("msr", "page: MSRs", "info", ("msr",), (), "", "rdmsr", "minimal"),
    ("seed", "page: entropy", "info", ("seed",), (), "seed", "", "minimal"),
    ("smp", "start of CPUs by a call", "offer", ("smp",), (), "", "", "minimal"),
    ("console", "console ring", "offer", ("console",), (), "console", "io", "pc"),
    ("power", "power-off by a call", "offer", ("power",), (), END, "", "pc"),
    ("mem", "free-page reporting", "offer", ("mem",), (), "fault", "", "minimal"),
    ("event", "event channels", "offer", ("event",), (), "block", "", "pc"),
    ("batch", "batched calls", "offer", ("batch",), (), "block", "", "minimal"),
    ("block", "block device", "device", ("disk",), ("event", "bus", "unplug"), "block", "", "pc"),
    ("net", "network device", "device", ("nic",), ("event", "bus", "unplug"), "net", "", "pc"),
)
NAMES = tuple(f[0] for f in FEATURES)
# The module without which a row says nothing; pvk_net wants a kernel with PAGE_POOL
MODULES = {"block": "pvk_blk.ko", "net": "pvk_net.ko"}
# What a reader has to know of a row
NOTES = {
    "nop_io_delay": "without a clock source the number of port accesses varies by hundreds",
    "async_pf": "no page of these guests has to be waited for: what it costs to be ready",
    "poll_control": "this kernel has no haltpoll driver, which alone would use it",
    "absent": "the pc hides nothing; what it is worth is in the row minimal",
    "cpus": "the pc has ACPI for that; what it is worth is in the row minimal",
    "mem": "Linux reports pages 2 s after they are free, longer than this load: what the set-up "
           "costs",
    "minimal": "away: everything offered, on the pc",
}
NOT_MEASURED = (
    ("bus, unplug", "nothing of their own: they carry the block and the network device"),
    ("msi_ext_dest_id", "for APIC ids above 254: this guest has a few CPUs"),
    ("hc_map_gpa_range, migration_control", "for guests with encrypted memory"),
    ("mmu_op, clocksource_stable alone", "not served any more; a property of the clock"),
)

BASES = ("all@minimal", "all@pc", "none@pc")
LOADED = "+load"
MANY = ("smp", "cpus", "block", "net")	# their boots are those of the guests with loads
# No trust in RDRAND: what seeds the kernel is to be seen. The rest as in the boot table.
CMDLINE = cases.CMDLINE + " quiet random.trust_cpu=off random.trust_bootloader=on"


def feature(name):
    found = next(f for f in FEATURES if f[0] == name)
    return dict(zip(("name", "title", "owner", "words", "needs", "load", "witness", "machine"),
                    found))


def switches(f, away):
    """Options of pvkit-vm that take a feature away from all, or offer it alone."""
    words = ",".join(f["words"])
    if f["owner"] == "kvm":
        if away:
            return ["--kvm-mask", words]
        return ["--offer", "none", "--kvm-mask",
                ",".join(f"no-{w}" for w in f["words"] + f["needs"])]
    nothing = ["--kvm-mask", "all"]
    if f["owner"] == "info":
        return ["--info", f"no-{words}"] if away else \
            ["--offer", "info", "--info", words] + nothing
    if f["owner"] == "offer":
        return ["--offer", f"no-{words}"] if away else ["--offer", words] + nothing
    return [] if away else ["--offer", ",".join(f["needs"])] + nothing


def devices(f, away):
    """Disk and NIC of a guest with loads: both models, but for the row of one of them."""
    emulated = set()
    if f and f["owner"] == "device":
        emulated = set(f["words"]) if away else {"disk", "nic"} - set(f["words"])
    models = {d: ",models=emulated" if d in emulated else "" for d in ("disk", "nic")}
    return ["--disk", DISK + models["disk"], "--nic", "user" + models["nic"]]


def case(kind, loads, kernel, initrd, opts, vm):
    """A guest: its label and command line."""
    what, _, machine = kind.removesuffix(LOADED).partition("@")
    loaded = kind.endswith(LOADED)
    away = what.startswith("no-")
    name = what[3:] if away else what
    f = feature(name) if name in NAMES else None
    if name == "all":
        how, label = [], "everything"
    elif name == "none":
        how, label = ["--offer", "none", "--kvm-mask", "all"], "nothing"
    else:
        how, label = switches(f, away), f"{name} {'away' if away else 'alone'}"
    rings = machine == "minimal" or (name == "all") or (away and name != "console") or \
        (not away and name == "console")
    words = f"console={'hvc0' if rings else 'ttyS0'} {CMDLINE}"
    words += f" PVM_LOADS={loads}" if loaded else ""
    name = initrd["load" if loaded else "boot"]
    argv = [vm, "--machine", machine, "--kernel", os.path.join(kernel, "vmlinux"), "--boot",
            "linux64", "--initrd", name, "--memory", f"{opts.memory}M", "--cpus",
            str(opts.cpus if loaded else 1), *(devices(f, away) if loaded else []), *how,
            "--append", words,
            "--console", "stdio", "--stats", STATS, "--time-limit", str(opts.guest_limit),
            "--no-reboot"]
    return {"label": f"{label}, {machine}" + (", loads" if loaded else ""), "argv": argv,
            "end": loaded}


def kinds_of(f):
    """(kind away, its base, kind alone or None, its base) of a feature."""
    if f["owner"] == "machine":
        return "all@pc", "all@minimal", None, None
    away = f"no-{f['name']}@{f['machine']}"
    return away, f"all@{f['machine']}", f"{f['name']}@pc", "none@pc"


def load_of(f, kind):
    """The load that a feature's kind or base is compared by, or ''."""
    away, _, alone = f["load"].partition("/")
    return alone or away if kind.endswith("@pc") and kind in kinds_of(f)[2:] else away


def guests_of(f, kind):
    """(kind whose boot counts, kind whose load does or None) of a feature's kind or base."""
    return (kind + LOADED if f["name"] in MANY else kind,
            kind + LOADED if f["load"] or f["name"] in MANY else None)


def loads_of(names, quick):
    """The guest's list: NAME:N,..."""
    return ",".join(f"{n}:{LOADS[n][quick]}" for n in LOADS if n in names)
