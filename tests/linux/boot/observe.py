#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""observe - can a VM be looked at while it runs?

One guest with a disk and a card on pvkit's models, with --trace and --control: the socket
answers, pauses and reboots; the file is what Perfetto's importer of JSON takes, and has
each category.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import ROOT, Checks, Vm, make_disk, scratch	# noqa: E402

CATEGORIES = {"vm", "exit", "call", "interrupt", "block", "net"}
PHASES = {"X": {"dur"}, "i": {"s"}, "M": {"args"}, "b": {"id"}, "e": {"id"}}


def fault(event):
    """What Perfetto's importer could not take of an event, or None."""
    phase = event.get("ph")
    if phase not in PHASES:
        return f"phase {phase}"
    if missing := PHASES[phase] - event.keys():
        return f"no {missing}"
    if not isinstance(event.get("name"), str) or not event["name"]:
        return "no name"
    if not all(isinstance(event.get(key), int) for key in ("pid", "tid")):
        return "pid, tid"
    if phase == "M":
        return None if isinstance(event["args"].get("name"), str) else "args"
    if not isinstance(event.get("cat"), str):
        return "no category"
    numbers = ["ts"] + ["dur"] * (phase == "X")
    if not all(isinstance(event.get(key), (int, float)) and event[key] >= 0 for key in numbers):
        return "ts, dur"
    return None


def slices(events):
    """Those of each thread end in order, and one is within another or beside it."""
    open_until = {}
    ends = {}
    for e in (e for e in events if e["ph"] == "X"):
        end = round(e["ts"] * 1000) + round(e["dur"] * 1000)
        if end < ends.get(e["tid"], 0):
            return f"ends before the one in front of it: {e}"
        ends[e["tid"]] = end
    for e in sorted((e for e in events if e["ph"] == "X"), key=lambda e: (e["ts"], -e["dur"])):
        begin = round(e["ts"] * 1000)
        stack = open_until.setdefault(e["tid"], [])
        while stack and stack[-1] <= begin:
            stack.pop()
        if stack and begin + round(e["dur"] * 1000) > stack[-1]:
            return f"reaches over the end of the one around it: {e}"
        stack.append(begin + round(e["dur"] * 1000))
    return None


def judge_trace(t, path, boots):
    """The file as a whole."""
    with open(path, encoding="ascii") as f:
        events = json.load(f)
    faults = [(fault(e), e) for e in events if fault(e)]
    t.check("each event of the trace has what an importer demands", not faults, faults[:3])
    if faults:
        return
    t.equal("there is each category", {e["cat"] for e in events if "cat" in e}, CATEGORIES)
    t.check("slices of a thread nest", not slices(events), slices(events))
    begun = {e["id"] for e in events if e["ph"] == "b"}
    t.equal("what begins ends", {e["id"] for e in events if e["ph"] == "e"}, begun)
    named = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M"}
    t.check("each thread has a name", {e["tid"] for e in events} <= named.keys() and
            {"vcpu0", "vcpu1", "main"} <= set(named.values()), named)
    t.equal("the boots", [e["args"]["number"] for e in events if e["name"] == "boot"], boots)
    names = {e["name"] for e in events}
    t.check("reads and writes", {"block read", "block write"} <= names, sorted(names))
    t.check("frames both ways", {"sent", "received"} <= names, sorted(names))
    last = events[-1]
    t.check("the last one says that nothing was lost", last["name"] == "end of trace" and
            last["args"]["events"] > 1000 and not last["args"]["lost_over_limit"] and
            not last["args"]["lost_no_room"], last)
    t.note(f"{len(events)} events, {os.path.getsize(path)} bytes")


class Control:
    """A client of the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw", encoding="utf-8")

    def ask(self, command, **argument):
        self.file.write(json.dumps({"command": command, **argument}) + "\n")
        self.file.flush()
        return json.loads(self.file.readline())


def ticks(vm, seconds):
    """How often the guest says that it lives in that time."""
    before = vm.text.count("tick")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        vm.pump(end)
    return vm.text.count("tick") - before


def figures(stats):
    """Numbers that only grow while a guest runs."""
    boot = stats["boots"][-1]
    return {"exits": boot["exits_user"], "calls": boot["pv"]["calls"] + 1,
            "cpu": sum(v["cpu_ns"] for v in boot["vcpus"]),
            "written": sum(q["bytes_written"] for d in boot["pv"]["devices"] if "disk" in d
                         for q in d["queues"])}


def judge_top(t, vm, path):
    """By the process's id, and by the socket; as JSON and as a table."""
    front = os.path.join(ROOT, "host-stub/pvkit")
    done = subprocess.run([front, "top", str(vm.proc.pid), "--once", "--json"], timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    try:
        seen = json.loads(done.stdout)
        rising = [k for k, n in seen["rates"].items() if n > 0]
    except (ValueError, KeyError):
        rising = []
    t.check("pvkit top PID --once --json: counts rise", "exit io" in rising and
            "vcpu0 cpu_ns" in rising and seen["counts"].get("disk0 bytes_written", 0) >= 1 << 20,
            done.stdout)
    done = subprocess.run([front, "top", path, "--once"], timeout=60, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    t.check("pvkit top SOCKET --once: a table", not done.returncode and
            done.stdout.startswith("running, boot 1") and "nic0 tx_frames" in done.stdout,
            done.stdout)
    done = subprocess.run([front, "top", str(os.getpid()), "--once"], timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    t.check("pvkit top of another process: refused, in a line", done.returncode == 1 and
            done.stdout.count("\n") == 1 and "--control" in done.stdout, done.stdout)


def judge_control(t, vm, path):
    """Each command, on the guest that ticks."""
    t.equal("the socket has mode 0600", oct(os.stat(path).st_mode & 0o777), "0o600")
    c, other = Control(path), Control(path)
    t.equal("version", c.ask("version").get("protocol"), 1)
    status = other.ask("status")
    t.check("status, to another client", status.get("state") == "running" and
            status.get("boot") == 1 and status.get("uptime_ns", 0) > 0, status)
    t.check("an unknown command", "there are version" in c.ask("dance").get("error", ""))
    first = figures(c.ask("stats"))
    t.check("log: levels", c.ask("log").get("disk") == "debug" and c.ask("log")["image"] == "note",
            c.ask("log"))
    t.equal("log: changed", c.ask("log", levels="nic=off,power=debug").get("nic"), "off")
    t.check("log: refused", "loud" in c.ask("log", levels="nic=loud").get("error", ""))
    t.check("the guest goes on", ticks(vm, 3) > 0)
    second = figures(c.ask("stats"))
    t.check("figures grow", all(second[k] > first[k] for k in ("exits", "cpu")) and
            second["written"] >= 1 << 20,
            f"{first} {second}")
    t.equal("pause", c.ask("pause").get("state"), "paused")
    ticks(vm, 1)
    t.equal("nothing runs", ticks(vm, 2), 0)
    still = figures(c.ask("stats"))
    ticks(vm, 1)
    t.equal("no exit while it stands still", figures(c.ask("stats"))["exits"], still["exits"])
    t.equal("resume", c.ask("resume").get("state"), "running")
    t.check("it runs again", ticks(vm, 3) > 0)
    judge_top(t, vm, path)
    t.check("reboot", "state" in c.ask("reboot"))


def main():
    t = Checks()
    top = scratch()
    trace = os.path.join(top, "trace.json")
    control = os.path.join(top, "control")
    disk = make_disk(os.path.join(top, "disk"), 4 << 20)
    with Vm(t, "net", "observe.sh", cpus=2, disks=[disk + ",models=pvkit,serial=PVTEST01"],
            options=["--nic", "user,models=pvkit", "--trace", trace,
                     "--control", control, "--log", "disk=debug"]) as vm:
        vm.start()
        vm.wait_at("ready")
        judge_control(t, vm, control)
        vm.wait_at("ready")
        t.equal("the guest boots again", vm.boots, 2)
        c = Control(control)
        t.equal("and status says so", c.ask("status").get("boot"), 2)
        t.equal("it pauses", c.ask("pause").get("state"), "paused")
        vm.signal(signal.SIGINT)
        t.equal("SIGINT ends it, with its status", vm.wait(60), 128 + signal.SIGINT)
        judge_trace(t, trace, [1, 2])
        said = vm.errors()
        t.check("and it had nothing to complain of", "trace" not in said, said)
        t.check("--log: what the disk's driver did is said, of the card nothing",
                re.search(r"debug: .* 0: the driver takes features 0x", said) and
                "nic 0: start" not in said, said)
        t.check("log: from the reboot on, boots are said", "debug: boot 1 ended: reboot" in said and
                "debug: boot 2 begins" in said and "debug: boot 1 begins" not in said, said)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
