# SPDX-License-Identifier: BSD-2-Clause
"""Counts the exits of one guest through the kernel's trace points.

Works for every VMM on KVM, needs root and tracefs. Counting is done by
histogram triggers in the kernel (exact); what is not exact is where a phase
begins and ends: a guest's mark is seen as the event kvm_pio and the histograms
are read right after it, while the guest waits 20 ms (guest/mark.c).

An instance of its own, which nothing else uses, removed at the end. Only the
worker's children are counted (event-fork), so other guests do no harm.
"""

import os
import re
import threading
import time

ROOTS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
MARK_PORT = 0x708	# emu/emu.h, HS_PORT_MARK
# What a guest writes to set its timer: TSC deadline, the x2APIC's initial count
TIMER = ("wrmsr 6e0", "wrmsr 838")
EXACT = 128	# first of the marks that only pvkit-vm notes; guest/load.c

EVENT = re.compile(r"\s(\d+\.\d+): (kvm_\w+): (.*)")
HIST = re.compile(r"\{\s*\w+:\s*(?:0x)?([0-9a-f]+)\s*\} hitcount:\s*(\d+)")
# What stands behind a reason: event, keys of its histogram, in words. The first is
# always traced, for the timer.
DETAIL = (
    ("kvm_msr", "ecx.hex,write", "{write}msr {ecx}"),
    ("kvm_cpuid", "function.hex", "cpuid {function}"),
    ("kvm_hypercall", "nr", "hypercall {nr}"),
)
PAIR = re.compile(r"(\w+):\s*(?:0x)?([0-9a-f]+)")
# "reason %s" of a format file: { 0x072, "cpuid" } or { 0x040 + 14, "PF excp" }
SYMBOL = re.compile(r'\{ (0x[0-9a-f]+|\d+)(?: \+ (\d+))?, (?:"KVM_EXIT_" )?"([^"]+)" \}')


def names_of(text, isa=None):
    """{number: name} out of an event's format; isa picks among two tables (1: VMX)."""
    if isa is not None:
        parts = text.split("__print_symbolic(")
        if len(parts) >= 3:
            text = parts[1 if isa == 1 else 2]
    found = {}
    for base, plus, name in SYMBOL.findall(text):
        found[int(base, 0) + int(plus or 0)] = name.lower().replace(" ", "_")
    return found


def parse_hist(text, names, base=10):
    """{name: count} out of a hist file."""
    found = {}
    for value, count in HIST.findall(text):
        number = int(value, base)
        found[names.get(number, f"{number:#x}")] = int(count)
    return found


def parse_detail(text, form):
    """{words: count} out of a hist file of an event of DETAIL."""
    found = {}
    for keys, count in re.findall(r"\{ (.*?) \} hitcount:\s*(\d+)", text):
        fields = dict(PAIR.findall(keys))
        if "write" in fields:
            fields["write"] = "wr" if fields["write"] != "0" else "rd"
        try:
            found[form.format(**fields)] = int(count)
        except KeyError:
            continue
    return found


def parse_event(line):
    """(seconds, event, {'port': ..., 'val': ...}) of a line of trace_pipe, or None."""
    m = EVENT.search(line)
    if not m:
        return None
    fields = {}
    if m.group(2) == "kvm_pio":
        f = re.match(r"pio_(\w+) at (0x[0-9a-f]+) size \d+ count \d+ val (0x[0-9a-f]+)",
                     m.group(3))
        if not f:
            return None
        fields = {"write": f.group(1) == "write", "port": int(f.group(2), 16),
                  "val": int(f.group(3), 16)}
    return float(m.group(1)), m.group(2), fields


def vhost_threads(pid, proc="/proc"):
    """
    The kernel threads that work for a VMM's vhost devices: their pids. Linux
    before 6.4; from then on they are threads of the VMM and in its time anyway.
    """
    found = []
    for name in os.listdir(proc):
        if name.isdigit():
            try:
                with open(f"{proc}/{name}/comm", encoding="utf-8", errors="replace") as f:
                    if f.read().strip() == f"vhost-{pid}":
                        found.append(int(name))
            except OSError:
                pass	# it has ended
    return found


def thread_cpu_ns(pid, proc="/proc"):
    """CPU time of a kernel thread: exact (schedstat), else in ticks; 0 when it has ended."""
    try:
        with open(f"{proc}/{pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0])
    except (OSError, ValueError, IndexError):
        pass
    try:
        with open(f"{proc}/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000000000 // os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0


def doing(pid, seconds=1.0):
    """How much of a CPU each thread of a process takes, for `seconds` from now; in words."""
    def each():
        found = {}
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8", errors="replace") as f:
                found[thread] = f.read().strip()
        return {t: (name, thread_cpu_ns(t)) for t, name in found.items()}
    try:
        before, began = each(), time.monotonic()
        time.sleep(seconds)
        after, ns = each(), (time.monotonic() - began) * 1e9
    except OSError:
        return "it has ended"
    return ", ".join(f"{name} {100 * (cpu - before[t][1]) / ns:.0f} %"
                     for t, (name, cpu) in after.items() if t in before)


def more_of(before, after):
    """What became more from one {name: number} to a later one, most first; in words."""
    found = {name: n - before.get(name, 0) for name, n in after.items()}
    return ", ".join(f"{name} {n:,}" for name, n in sorted(found.items(), key=lambda i: -i[1])
                     if n > 0) or "none"


class Trace:
    """The trace of one run. available() first; start(), attach(pid), stop()."""

    def __init__(self, detail=False):
        self.detail = detail	# also what stands behind the reasons
        self.detailed = DETAIL if detail else DETAIL[:1]
        self.root = next((r for r in ROOTS if os.path.isdir(os.path.join(r, "events/kvm"))), None)
        self.dir = None
        self.pid = 0
        self.helpers = []	# pids of vhost's threads, looked for at the first mark
        self.marks = {}
        self.power_on = None
        self.thread = None
        self.pipe = -1

    def available(self):
        """'' when usable, else why not."""
        if not self.root:
            return "no tracefs, or not root"
        if not os.access(os.path.join(self.root, "instances"), os.W_OK):
            return "tracefs is not writable: only root may trace"
        if not os.path.exists(os.path.join(self.root, "events/kvm/kvm_exit/hist")):
            return "this kernel has no CONFIG_HIST_TRIGGERS"
        return ""

    def put(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="ascii") as f:
            f.write(text)

    def get(self, name):
        with open(os.path.join(self.dir, name), encoding="ascii", errors="replace") as f:
            return f.read()

    def start(self):
        """Begins to count, for children of this thread that start from now on."""
        self.dir = os.path.join(self.root, f"instances/pvkit-{os.getpid()}")
        os.mkdir(self.dir)
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
            vmx = re.search(r"^flags.*\bvmx\b", f.read(), re.M)
        self.exit_names = names_of(self.get("events/kvm/kvm_exit/format"), 1 if vmx else 2)
        self.user_names = names_of(self.get("events/kvm/kvm_userspace_exit/format"))
        self.put("trace_clock", "mono")
        self.put("options/event-fork", "1")
        self.put("set_event_pid", str(threading.get_native_id()))
        self.put("events/kvm/kvm_exit/trigger", "hist:keys=exit_reason:size=256")
        self.put("events/kvm/kvm_userspace_exit/trigger", "hist:keys=reason:size=256")
        self.put("events/kvm/kvm_pio/trigger", "hist:keys=port.hex:size=512")
        # marks from EXACT on are not looked at: a load begins right behind them
        self.put("events/kvm/kvm_pio/filter", f"port == {MARK_PORT} && rw == 1"
                 + (f" && val < {EXACT}" if self.detail else ""))
        self.put("events/kvm/kvm_pio/enable", "1")
        for event, keys, _ in self.detailed:
            self.put(f"events/kvm/{event}/trigger", f"hist:keys={keys}:size=512")
        # The first entry is the power-on; take() switches the event off then.
        self.put("events/kvm/kvm_entry/enable", "1")
        self.pipe = os.open(os.path.join(self.dir, "trace_pipe"), os.O_RDONLY | os.O_NONBLOCK)
        self.stopping = False
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def attach(self, pid):
        self.pid = pid

    def snapshot(self):
        try:
            # The CPU clock of a process, as clock_getcpuclockid(3) makes it.
            cpu = time.clock_gettime_ns((~self.pid) << 3 | 2) if self.pid else 0
        except OSError:
            cpu = 0
        if self.pid and not self.helpers and not self.marks:
            self.helpers = vhost_threads(self.pid)
        cpu += sum(thread_cpu_ns(pid) for pid in self.helpers)
        detail = {}
        for event, _, form in self.detailed:
            detail.update(parse_detail(self.get(f"events/kvm/{event}/hist"), form))
        found = {
            "cpu_ns": cpu,
            "exits": parse_hist(self.get("events/kvm/kvm_exit/hist"), self.exit_names),
            "timer": sum(detail.get(words, 0) for words in TIMER),
            "user": parse_hist(self.get("events/kvm/kvm_userspace_exit/hist"), self.user_names),
            "ports": parse_hist(self.get("events/kvm/kvm_pio/hist"), {}, 16),
        }
        if self.detail:
            found["detail"] = detail
        return found

    def take(self, line):
        event = parse_event(line)
        if not event:
            return
        when, name, fields = event
        if name == "kvm_entry":
            if self.power_on is None:
                self.power_on = when
                self.put("events/kvm/kvm_entry/enable", "0")
        elif fields.get("port") == MARK_PORT and fields["write"]:
            if fields["val"] not in self.marks:
                taken = self.snapshot()
                taken["t"] = when
                taken["late_ms"] = round((time.monotonic() - when) * 1e3, 3)
                self.marks[fields["val"]] = taken

    def follow(self):
        import select
        try:
            # Before the guest's own threads: it does not wait for ever after a mark.
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        except OSError:
            pass	# then it is as late as late_ms says
        rest = b""
        poll = select.poll()
        poll.register(self.pipe, select.POLLIN)
        while not self.stopping:
            poll.poll(100)
            try:
                data = os.read(self.pipe, 65536)
            except BlockingIOError:
                continue
            except OSError:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.take(line.decode("ascii", "replace"))

    def stop(self):
        """Ends it; what was counted, {'power_on': s, 'marks': {...}, 'end': {...}} or None."""
        if not self.dir:
            return None
        self.stopping = True
        if self.thread:
            self.thread.join(5)
        if self.pipe >= 0:
            os.close(self.pipe)
        self.pid = 0
        end = self.snapshot() if self.thread else None
        for name in ("kvm_exit", "kvm_userspace_exit", "kvm_pio", "kvm_entry",
                     *(d[0] for d in self.detailed)):
            for kind, text in (("enable", "0"), ("trigger", None)):
                try:
                    if text is None:
                        for line in self.get(f"events/kvm/{name}/trigger").splitlines():
                            if line and line[0] != "#":
                                self.put(f"events/kvm/{name}/trigger", "!" + line)
                    else:
                        self.put(f"events/kvm/{name}/{kind}", text)
                except OSError:
                    pass
        try:
            # Takes the histogram of kvm_msr with it.
            os.rmdir(self.dir)
        except OSError:
            pass
        self.dir = None
        return {"power_on": self.power_on, "marks": self.marks, "end": end}
