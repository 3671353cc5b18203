# SPDX-License-Identifier: BSD-2-Clause
"""What disk and net share: one stock guest, unmodified and with pvkit, beside each other.

Kinds:
    unmodified	pvkit-vm --offer none: emulated devices only
    pv		pvkit-vm --offer all: the same machine, and pvkit offered
    qemu:M	QEMU; the part says which M there are

All have the same kernel, initrd, command line, memory and CPUs, and the same disk image,
written through the page cache by all of them, or the same TAP. A run is a boot, to the first
use of the device, and jobs of some rounds each.
"""

import os
import shutil

from . import MeasureError, guests, make, page, parse, stats, table
from .part import Part

LABELS = {"unmodified": "unmodified", "pv": "pvkit"}
BOOT = ("init_s", "disk_s", "net_s", "cpu_s", "exits", "exits_user")


def round_figures(figures, one, own, traced, ends):
    """figures with what was counted between the two marks, and that for each I/O or unit: one."""
    counts = parse.merged(parse.phase(own, *ends), parse.phase(traced, *ends))
    if counts:
        seconds = figures["seconds"]
        figures.update(counts, seconds=seconds, between_marks_s=counts["seconds"])
        n = figures[one + "s"]
        figures["exits_per_" + one] = None if counts["exits"] is None else counts["exits"] / n
        share = parse.guests_share(counts)
        figures["guest_per_" + one] = None if share is None else share / n
        timer = counts.get("timer")
        figures["timer_per_" + one] = None if timer is None else timer / n
        figures["user_per_" + one] = counts["exits_user"] / n
        figures["cpu_us_per_" + one] = counts["cpu_s"] * 1e6 / n
    return figures


def registers(runs):
    """{'device REGISTER': accesses} as the median of runs, without unclaimed ports' numbers."""
    maps = []
    for run in runs:
        counts = {}
        for r in run.get("registers", []):
            name = f"{r['device']} {r['register']}"
            counts[name] = counts.get(name, 0) + r["reads"] + r["writes"]
        if counts:
            maps.append(counts)
    return stats.spread_of_maps(maps) if maps else {}


def stub_conditions(runs):
    """{condition: text} of how pvkit-vm was set, from the first run that has it."""
    config = next((r["stub"]["config"] for r in runs if (r.get("stub") or {}).get("config")), None)
    if not config:
        return {}
    return {"pvkit-vm: polling": f"{config.get('poll_ns', 0) / 1e3:g} µs at most",
            "pvkit-vm: coalescing": f"{config.get('coalesce_ns', 0) / 1e3:g} µs at most",
            "exit to user space": f"{config.get('exit_ns', 0) / 1e3:g} µs, measured"}


class Compared(Part):
    """What is left to a part: its device, its jobs, their figures, rows and words."""

    one = ""		# a job's counts are divided by the figure of that name with an s
    rate = ""		# a figure of each job, of which the last chart is
    ready = ""		# the figure of a boot when the device can be used
    figures = ()	# of a round of a job
    # Facts of a guest that are conditions
    facts = ("clocksource", "queues", "io_poll", "mtu", "qdisc", "congestion")
    words = {}		# for table and page: rates, ready, until, jobs, about

    # --- this machine ---

    def device(self, opts, build, directory, release):
        """What the plan says of the device and its jobs: jobs, initrd, cmdline, ..."""
        raise NotImplementedError

    def prepare(self, opts, build):
        directory, image = make.kernel_dir()
        release = os.path.basename(image).partition("-")[2]
        vm = os.path.join(make.TOP, "build/pvkit-vm")
        if self.stub(opts) and not os.access(vm, os.X_OK):
            raise MeasureError("build/pvkit-vm is not there: run make")
        if any(k.startswith("qemu") for k in opts.kinds) \
                and not shutil.which("qemu-system-x86_64"):
            raise MeasureError("qemu-system-x86_64 is not installed: run host-stub/rig/setup, or "
                               "leave --reference out")
        if self.stub(opts):	# a copy: a make meanwhile must not change what is measured
            vm = shutil.copy(vm, os.path.join(build, "pvkit-vm"))
        words = self.device(opts, build, directory, release)
        return dict(words, **{
            "part": self.name, "kinds": list(opts.kinds), "runs": opts.runs, "quick": opts.quick,
            "seconds": opts.seconds, "rounds": opts.rounds, "kernel": image, "release": release,
            "vm": vm, "memory": opts.memory, "cpus": opts.cpus,
            "poll_us": opts.poll_us, "guest_limit": opts.guest_limit,
            "conditions": {"commit": make.commit(), "guest kernel": release,
                           "initrd sha256": make.digest(words["initrd"]),
                           "load of the machine before": f"{os.getloadavg()[0]:.2f}"},
        })

    @staticmethod
    def stub(opts):
        """Is one of the columns pvkit-vm's?"""
        return any(k in LABELS for k in opts.kinds)

    # --- the guests ---

    def cmdline(self, plan):
        """The kernel's command line, with the words for the guest's init."""
        raise NotImplementedError

    def stub_args(self, image):
        """pvkit-vm's device, the same for both of its columns."""
        raise NotImplementedError

    def qemu_args(self, machine, plan, image):
        """QEMU's device."""
        raise NotImplementedError

    def argv(self, kind, plan, image, stats):
        if kind in LABELS:
            polling = ["--poll-us", str(plan["poll_us"])] if plan["poll_us"] is not None else []
            return [plan["vm"], "--kernel", plan["kernel"], "--initrd", plan["initrd"],
                    "--append", self.cmdline(plan), "--memory", f"{plan['memory']}M",
                    "--cpus", str(plan["cpus"]), *self.stub_args(image),
                    "--offer", "all" if kind == "pv" else "none",
                    "--console", "stdio", "--stats", stats,
                    "--time-limit", str(plan["guest_limit"]), "--no-reboot"] + polling
        machine = kind.partition(":")[2]
        options = {"microvm": "microvm,rtc=on,acpi=on", "q35": "q35"}.get(machine, "pc")
        return ["qemu-system-x86_64", "-machine", options, "-accel", "kvm", "-cpu", "host",
                "-m", str(plan["memory"]), "-smp", str(plan["cpus"]), "-nodefaults",
                "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
                "-kernel", plan["kernel"], "-initrd", plan["initrd"],
                "-append", self.cmdline(plan), *self.qemu_args(machine, plan, image)]

    def finished(self, plan, run):
        return "PVM-DONE" in run["console"]

    def qemu_label(self, machine):
        raise NotImplementedError

    def label(self, document, kind):
        if kind.startswith("qemu:"):
            return self.qemu_label(kind.partition(":")[2])
        return LABELS.get(kind, kind)

    # --- figures ---

    def device_facts(self, said):
        """Facts of a run: which device the guest had."""
        raise NotImplementedError

    def model_problem(self, kind, said):
        """'' or why the device is not the one that the kind is to be measured with."""
        raise NotImplementedError

    def rounds_of(self, job, said, count):
        """The figures of each round of a job as the guest's tool says; None without a result."""
        raise NotImplementedError

    def run_figures(self, raw, plan):
        """One run as docs/measure.md describes it; 'problem' is '' or why it is void."""
        said = parse.console(raw["console"])
        run = {"kind": raw["kind"], "number": raw["number"], "seconds": raw["seconds"],
               "argv": raw.get("argv", []), "facts": dict(said["facts"], **self.device_facts(said)),
               "boot": None, "jobs": {}, "skipped": {}, "registers": [],
               "problem": raw["problem"] or said["problem"], "console_tail": []}
        own, traced = {}, parse.trace_points(raw.get("trace"))
        try:
            if raw.get("stub"):
                own = parse.stub_points(raw["stub"])
                run["registers"] = raw["stub"]["boots"][0].get("registers", [])
                run["pv"] = raw["stub"]["boots"][0].get("pv")
            run["problem"] = run["problem"] or self.model_problem(raw["kind"], said)
            run["boot"] = self.boot_figures(own, traced)
            for job in plan["jobs"]:
                self.job_figures(run, job, said, plan, (own, traced))
        except (KeyError, ValueError, TypeError, IndexError) as e:
            run["problem"] = run["problem"] or f"result not understood: {e}"
        if run["problem"]:
            run["console_tail"] = guests.tail(raw["console"])
        return run

    def boot_figures(self, own, traced):
        ends = None, parse.MARK_DISK
        boot = parse.merged(parse.phase(own, *ends), parse.phase(traced, *ends))
        if not boot:
            return None
        boot["init_s"] = (own or traced).get(parse.MARK_INIT, {}).get("t")
        boot[self.ready] = boot.pop("seconds")
        return boot

    def job_figures(self, run, job, said, plan, points):
        """Puts the rounds of a job into its run, or why there are none."""
        name, number = job["name"], job["number"]
        if number in said["skipped"]:
            run["skipped"][name] = said["skipped"][number]
            return
        rounds = self.rounds_of(job, said, plan["rounds"])
        if rounds is None:
            run["problem"] = run["problem"] or f"no result of {name}"
            return
        run["jobs"][name] = [
            round_figures(figures, self.one, *points, parse.marks(number, which, plan["rounds"]))
            for which, figures in enumerate(rounds)]

    def place(self, plan):
        """The host's side of the device, as a condition."""
        raise NotImplementedError

    def load(self, plan):
        """(condition, text) of what the jobs do."""
        raise NotImplementedError

    def more_conditions(self, plan, raws, runs):
        return {}

    def result(self, plan, raw):
        conditions = dict(plan["conditions"])
        conditions.update(raw["conditions"])
        conditions["guest"] = f"{plan['cpus']} vCPU, {plan['memory']} MiB, {self.place(plan)}"
        conditions["guest command line"] = plan["cmdline"]
        conditions.update(stub_conditions(raw["runs"]))
        conditions["exits counted by"] = "pvkit-vm's statistics; by reason: " + raw["tracing"]
        runs = [self.run_figures(r, plan) for r in raw["runs"]]
        names = {}
        for r in raw["runs"]:
            names.update(parse.port_names(r["stub"]) if r.get("stub") else {})
        if plan["jobs"]:
            name, text = self.load(plan)
            conditions[name] = f"{text}; {plan['rounds']} round(s) of {plan['seconds']:g} s " \
                               "of each job in a run"
        for r in runs:
            for fact in self.facts:
                if fact in r["facts"]:
                    conditions[f"{r['kind']}: guest {fact}"] = r["facts"][fact]
        conditions.update(self.more_conditions(plan, raw["runs"], runs))
        return {"format": parse.FORMAT, "version": parse.VERSION, "part": self.name,
                "conditions": conditions, "kinds": plan["kinds"], "jobs": plan["jobs"],
                "repetitions": plan["runs"], "rounds": plan["rounds"],
                "ports": {f"{p:#x}": n for p, n in sorted(names.items())}, "runs": runs}

    def summary(self, result):
        """{kind: {'runs', 'failed', 'boot': {...}, 'jobs': {name: {...}}, 'registers': {...}}}."""
        found = {}
        for kind in result["kinds"]:
            runs = [r for r in result["runs"] if r["kind"] == kind]
            good = [r for r in runs if not r["problem"]]
            jobs = {}
            for job in result["jobs"]:
                name = job["name"]
                phases = [p for r in good for p in r["jobs"].get(name, [])]
                if phases:
                    jobs[name] = stats.of_phase(phases, self.figures)
            boots = [r["boot"] for r in good if r["boot"]]
            found[kind] = {"runs": len(good), "failed": len(runs) - len(good),
                           "boot": stats.of_phase(boots, BOOT) if boots else None, "jobs": jobs,
                           "registers": registers(good)}
        return found

    # --- what is shown ---

    def rows(self, job):
        """The rows of a job's table: (figure, title, unit)."""
        raise NotImplementedError

    def headline(self, job):
        """(key of the rate, its unit, its name, key of the exits, their name) of a job."""
        raise NotImplementedError

    def base_of(self, kinds):
        """The column that the others of a job's table are compared with, or None."""
        return None

    def tiles(self, result, a, b):
        """[(title, unmodified, pv, word, note)] of the page's headlines, for page.tile()."""
        raise NotImplementedError

    def details(self, job, here, names):
        """What else the page has of a job, below its table."""
        return ""

    def appendix(self, found, names):
        """What the page has behind the jobs."""
        return ""

    def render(self, result, colour):
        return table.render(self, result, colour)

    def render_page(self, result):
        return page.render(self, result)
