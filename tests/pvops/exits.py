#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""exits - counts the exits of kernels' boots, power-on to /init, by reason and register.

    host-stub/rig/box --cpus 1 -- tests/pvops/exits.py --out DIR CASE...

CASE is NAME=KERNEL@MACHINE[,OPTION...]. MACHINE: a machine of pvkit-vm (pc, minimal), or of
QEMU with KVM (qemu-pc, qemu-q35, qemu-microvm). Options: cpus=N, loud (the console at
its default volume), vm=WORD (an option of pvkit-vm), arg=WORD (of the kernel).
Writes DIR/exits.json and prints the tables. Runs as root where KVM is.
Counting is done by histogram triggers of the host's kernel, read at the guest's mark;
the guest then sleeps for a second (init.c), so that what comes behind is not counted.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "host-stub"))
sys.path.insert(0, os.path.join(ROOT, "tests/pvops"))

from measure import trace	# noqa: E402

# event: (key of the histogram, name of the value in the result)
DETAIL = {
    "kvm_msr": "ecx.hex,write",
    "kvm_cpuid": "function.hex,index.hex",
    "kvm_pio": "port.hex,rw",
    "kvm_cr": "cr,rw,val.hex",
    "kvm_page_fault": "error_code.hex",
}
KEYS = re.compile(r"\{ (.*?) \} hitcount:\s*(\d+)")
PROBE_PORT = "port:10"	# of pvkit-vm's own look at what an exit costs here (probe.c): another VM
LIMIT = 100	# seconds of a boot
MEMORY = 256


class Detailed(trace.Trace):
    """trace.Trace, and what stands behind the reasons."""

    def start(self):
        super().start()
        for event, keys in DETAIL.items():
            try:
                if event == "kvm_pio":
                    continue	# has its own histogram already
                self.put(f"events/kvm/{event}/trigger", f"hist:keys={keys}:size=1024")
            except OSError:
                pass
        self.snapshot()		# the first one takes longer than the guest sleeps

    def snapshot(self):
        taken = super().snapshot()
        for event in DETAIL:
            try:
                text = self.get(f"events/kvm/{event}/hist")
            except OSError:
                continue
            taken[event] = {re.sub(r"\s+", "", k).replace(",", " "): int(n)
                            for k, n in KEYS.findall(text)}
        return taken

    def stop(self):
        for event in DETAIL:
            if event == "kvm_pio":
                continue
            try:
                for line in self.get(f"events/kvm/{event}/trigger").splitlines():
                    if line and line[0] != "#":
                        self.put(f"events/kvm/{event}/trigger", "!" + line)
            except OSError:
                pass
        return super().stop()


def cpio(init):
    """An archive with /init alone."""
    def entry(name, mode, data, rdev=(0, 0)):
        name = name.encode() + b"\0"
        head = b"070701" + b"".join(b"%08X" % x for x in (
            0, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(name), 0))
        out = head + name
        out += b"\0" * (-len(out) % 4)
        return out + data + b"\0" * (-len(data) % 4)
    with open(init, "rb") as f:
        program = f.read()
    return entry("init", 0o100755, program) + entry("TRAILER!!!", 0, b"")


def argv(case, initrd):
    """The command line of a case."""
    qemu = case["machine"].startswith("qemu-")
    pv = "pvkit" if case["machine"] == "minimal" else "tty"
    console = "hvc0" if pv == "pvkit" else "ttyS0"
    words = [f"console={console}", "noxsave", "panic=-1"]
    if case["machine"] == "pc" or qemu:
        words.append("pci=noearly")	# docs/measure.md
    if not case["loud"]:
        words.append("quiet")
    words += case["arg"]
    if qemu:
        machine = case["machine"][5:]
        run = ["qemu-system-x86_64", "-machine", machine + ",accel=kvm", "-cpu", "host",
               "-m", str(MEMORY), "-smp", str(case["cpus"]), "-nodefaults", "-display", "none",
               "-no-reboot", "-serial", "stdio", "-kernel", case["kernel"], "-initrd", initrd]
        end = ["--", "reboot"]
        return run + ["-append", " ".join(words + end)]
    run = [os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm")),
           "--kernel", case["kernel"], "--initrd", initrd, "--memory", f"{MEMORY}M",
           "--cpus", str(case["cpus"])]
    if case["machine"] != "pc":
        run += ["--machine", case["machine"]]
    for word in case["vm"]:
        run += word.split(":", 1)
    return run + ["--append", " ".join(words)]


def parse(text):
    name, _, rest = text.partition("=")
    kernel, _, rest = rest.partition("@")
    machine, *options = rest.split(",")
    case = {"name": name, "kernel": kernel, "machine": machine, "cpus": 1, "loud": False,
            "vm": [], "arg": []}
    for option in options:
        key, _, value = option.partition("=")
        if key == "cpus":
            case["cpus"] = int(value)
        elif key == "loud":
            case["loud"] = True
        elif key in ("vm", "arg"):
            case[key].append(value)
        else:
            sys.exit(f"exits: unknown option '{option}' of case {name}")
    if not machine or not os.path.exists(kernel):
        sys.exit(f"exits: case '{text}' is not NAME=KERNEL@MACHINE, or its kernel is missing")
    return case


def run(case, initrd):
    """One boot: {'marks': ..., 'console': text} or a problem."""
    t = Detailed()
    why = t.available()
    if why:
        sys.exit(f"exits: {why}")
    t.start()
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        with open("/dev/null", encoding="ascii") as null:
            p = subprocess.Popen(argv(case, initrd), stdin=null, stdout=log,
                                 stderr=subprocess.STDOUT)
        t.attach(p.pid)
        try:
            p.wait(LIMIT)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        status = p.returncode
        result = t.stop()
        log.seek(0)
        console = log.read()
    mark = result["marks"].get(1)
    if mark and not case["machine"].startswith("qemu-"):
        probe = sum(n for k, n in mark["kvm_pio"].items() if k.split()[0] == PROBE_PORT)
        mark["probe"] = probe
        mark["exits"]["io"] = mark["exits"].get("io", 0) - probe
        mark["user"]["io"] = mark["user"].get("io", 0) - probe
    return {"name": case["name"], "case": case, "status": status, "console": console,
            "seconds": round(time.monotonic() - began, 2), "mark": mark,
            "boot_s": round(mark["t"] - result["power_on"], 4) if mark else None}


# Exits that the host causes: its own interrupts while the guest runs.
HOST = ("interrupt", "external_interrupt", "intr", "nmi", "preemption_timer", "vintr",
        "interrupt_window", "pending_interrupt")


def guest_exits(exits):
    return sum(n for k, n in exits.items() if k not in HOST)


def show(results):
    reasons = sorted({k for r in results if r["mark"] for k in r["mark"]["exits"]},
                     key=lambda k: -max(r["mark"]["exits"].get(k, 0) for r in results if r["mark"]))
    width = max([len(k) for k in reasons] + [22])
    print(" " * width + "".join(f"{r['name']:>14}" for r in results))
    for key in reasons:
        print(f"{key:<{width}}" + "".join(
            f"{r['mark']['exits'].get(key, 0) if r['mark'] else '-':>14}" for r in results))
    for label, value in (("caused by the guest", lambda m: guest_exits(m["exits"])),
                         ("all", lambda m: sum(m["exits"].values())),
                         ("to user space", lambda m: sum(m["user"].values()))):
        print(f"{label:<{width}}" + "".join(
            f"{value(r['mark']) if r['mark'] else '-':>14}" for r in results))
    print(f"{'seconds to /init':<{width}}" + "".join(
        f"{r['boot_s'] if r['boot_s'] else '-':>14}" for r in results))
    for r in results:
        if not r["mark"]:
            print(f"\n{r['name']}: no mark, status {r['status']}; its last words:")
            print("\n".join(r["console"].splitlines()[-15:]))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--out", default=os.environ.get("BOX_OUT", "."))
    p.add_argument("--detail", action="store_true", help="what stands behind the reasons")
    p.add_argument("--init", default=os.path.join(ROOT, "build/pvops/init"))
    p.add_argument("case", nargs="+")
    o = p.parse_args()
    cases = [parse(c) for c in o.case]
    results = []
    with tempfile.TemporaryDirectory() as tmp:
        initrd = os.path.join(tmp, "initrd")
        with open(initrd, "wb") as f:
            f.write(cpio(o.init))
        for case in cases:
            results.append(run(case, initrd))
            print(f"{case['name']}: {results[-1]['seconds']} s", flush=True)
    with open(os.path.join(o.out, "exits.json"), "w", encoding="ascii") as f:
        json.dump(results, f, indent=1)
    show(results)
    if o.detail:
        for r in results:
            for event in DETAIL:
                found = (r["mark"] or {}).get(event)
                if not found:
                    continue
                print(f"\n{r['name']}, {event} ({DETAIL[event]}): {sum(found.values())}")
                for key, n in sorted(found.items(), key=lambda x: -x[1])[:60]:
                    print(f"  {n:6} {key}")
    return 0 if all(r["mark"] for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
