#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""observe - can a VM be looked at while it runs?

One guest with a disk and a card on pvkit's models, with --trace: the file is what
Perfetto's importer of JSON takes, and has each category.
"""

import json
import os
import signal
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import BOOT, Checks, Vm, make_disk, scratch	# noqa: E402

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


def main():
    t = Checks()
    top = scratch()
    trace = os.path.join(top, "trace.json")
    disk = make_disk(os.path.join(top, "disk"), 4 << 20)
    with Vm(t, "net", "observe.sh", cpus=2, disks=[disk + ",models=pvkit,serial=PVTEST01"],
            options=["--nic", "user,models=pvkit", "--trace", trace]) as vm:
        vm.start()
        vm.wait_at("ready")
        t.check("the guest goes on", vm.wait_for("tick", 30))
        vm.signal(signal.SIGINT)
        t.equal("SIGINT ends it, with its status", vm.wait(60), 128 + signal.SIGINT)
        judge_trace(t, trace, [1])
        t.check("and it had nothing to complain of", "trace" not in vm.errors(), vm.errors())
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
