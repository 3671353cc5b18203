# SPDX-License-Identifier: BSD-2-Clause
"""Runs the guests of a plan, interleaved, where KVM is.

Started by cli through host-stub/rig/box with the plan's path; writes raw.json,
the consoles and pvkit-vm's statistics to $BOX_OUT. Progress goes to standard
output a line at a time, for progress.py. What is raw here becomes figures where the
command line runs: its part's result().
"""

import glob
import json
import os
import shutil
import subprocess
import tempfile
import time

from . import DISK, STATS, MeasureError, parts, trace

ATTEMPTS = 3	# of a run whose guest fails


def first_line(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.readline().strip()
    except OSError:
        return ""


def version(argv):
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                           check=False, timeout=60)
        return (p.stdout.splitlines() or [""])[0].strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def conditions(plan):
    """What a figure depends on, as found where the guests run."""
    cpuinfo = {}
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
        for line in f:
            key, _, value = line.partition(":")
            cpuinfo.setdefault(key.strip(), value.strip())
    flags = cpuinfo.get("flags", "").split()
    module = next((m for m in ("kvm_intel", "kvm_amd") if os.path.isdir("/sys/module/" + m)),
                  "unknown")
    backend = module + (", nested (this machine is a VM)" if "hypervisor" in flags else "")
    if os.environ.get("PVKIT_BOX") == "emulated":
        backend = f"{module} in the box (QEMU TCG emulates SVM): times are ratios only"
    found = {
        "KVM": backend, "CPU": cpuinfo.get("model name", ""), "CPUs": str(os.cpu_count()),
        "host kernel": os.uname().release,
        "host clocksource":
            first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "halt_poll_ns": first_line("/sys/module/kvm/parameters/halt_poll_ns"),
        "frequency governor":
            first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "none",
        "host huge pages": first_line("/sys/kernel/mm/transparent_hugepage/enabled"),
        "load at start": " ".join(first_line("/proc/loadavg").split()[:3]),
    }
    for path in sorted(glob.glob("/sys/devices/system/cpu/vulnerabilities/*")):
        text = first_line(path)
        if text != "Not affected":
            found["mitigation " + os.path.basename(path)] = text
    if any(k.startswith("qemu") for k in plan["kinds"]):
        found["QEMU"] = version(["qemu-system-x86_64", "--version"])
    if any(not k.startswith("qemu") for k in plan["kinds"]):
        found["pvkit-vm"] = version([plan["vm"], "--version"])
    return found


class Steps:
    """Tells progress.py what a guest does, from its console."""

    def __init__(self, text, jobs):
        self.jobs = {str(j["number"]): j for j in jobs}
        self.started = time.monotonic()
        print(f"@begin {text}", flush=True)

    def line(self, line):
        word, _, rest = line.partition(" ")
        if word == "PVM-DISK-AT":
            print("@step has its disk", flush=True)
        elif word == "PVM-NET-AT":
            print("@step is connected", flush=True)
        elif word == "PVM-JOB" and rest in self.jobs:
            print(f"@step {self.jobs[rest]['title']}", flush=True)

    def end(self, problem):
        print(f"@end {'FAILED: ' + problem if problem else 'done'} "
              f"({time.monotonic() - self.started:.0f} s)", flush=True)


def one_run(kind, plan, image, stats, why, steps):
    """One guest from power-on to its end; what it and its VMM left, raw."""
    part = parts.of(plan)
    if os.path.exists(stats):
        os.unlink(stats)
    run = part.run(kind, plan, image, stats, not why, steps.line)
    run["argv"] = part.argv(kind, plan, DISK, STATS)
    if os.path.exists(stats):
        try:
            with open(stats, encoding="utf-8") as f:
                run["stub"] = json.load(f)
        except ValueError as e:
            run["problem"] = run["problem"] or f"pvkit-vm's statistics is no JSON: {e}"
    steps.end(run["problem"] or ("" if part.finished(plan, run) else "the guest did not finish"))
    return run


def main(path):
    with open(path, encoding="utf-8") as f:
        plan = json.load(f)
    part = parts.of(plan)
    out = os.environ["BOX_OUT"]
    why = trace.Trace().available()
    result = {"conditions": conditions(plan), "tracing": why or "tracefs histograms", "runs": []}
    shm = "/dev/shm"
    if not os.access(shm, os.W_OK):
        raise MeasureError(f"{shm} is not writable: the disk image is to stand in memory")
    mib = plan.get("disk_mib", 0)
    if shutil.disk_usage(shm).free < (mib + 64) << 20:
        raise MeasureError(f"{shm} has no room for an image of {mib} MiB: give a smaller --disk")
    with tempfile.TemporaryDirectory(prefix="pvkit-measure-", dir=shm) as tmp:
        image = os.path.join(tmp, "disk.raw")
        part.host(plan, image)
        for number in range(plan["runs"]):
            # Each kind takes each place in turn: a place may be a warm or a quiet one.
            first = number % len(plan["kinds"])
            for kind in plan["kinds"][first:] + plan["kinds"][:first]:
                # A guest that fails is shown as failed, and repeated, so that one
                # crash of an emulated host does not cost the whole comparison.
                for attempt in range(ATTEMPTS):
                    again = f", attempt {attempt + 1}" if attempt else ""
                    steps = Steps(f"{part.label(plan, kind)}, run {number + 1} of "
                                  f"{plan['runs']}{again}", plan["jobs"])
                    run = one_run(kind, plan, image, os.path.join(tmp, "stats.json"), why, steps)
                    run["number"] = number
                    result["runs"].append(run)
                    # After each run: what is done is not lost when a later one hangs.
                    new = os.path.join(out, "raw.part")
                    with open(new, "w", encoding="utf-8") as f:
                        json.dump(result, f)
                    os.replace(new, os.path.join(out, "raw.json"))
                    if not run["problem"] and part.finished(plan, run):
                        break
    return 0
