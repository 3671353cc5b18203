#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""loads - are the exits that pvkit measure's loads count those that the loads make?

The stock kernel, one CPU, by the tool's own worker: everything offered, and KVM's PV EOI
away. So the counts are of real guests; what is made of them is test_measure_cases.py's.
"""

import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
sys.path.insert(0, os.path.join(ROOT, "host-stub"))
from checks import Checks	# noqa: E402
from measure import STATS, ablate_cases, parts, trace, worker	# noqa: E402

CPUIDS, SLEEPS = 50, 40
WORDS = f"console=ttyS0 {ablate_cases.CMDLINE} PVM_LOADS=cpuid:{CPUIDS},timer:{SLEEPS}"
STUB = os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm"))
WHERE = os.path.join(ROOT, "build/measure-test")


def case(*options):
    return {"label": "stock", "end": True, "argv": [
        STUB, "--kernel", os.path.join(WHERE, "kernel"), "--initrd",
        os.path.join(WHERE, "load.cpio"), "--append", WORDS, *options,
        "--console", "stdio", "--stats", STATS, "--time-limit", "50", "--no-reboot"]}


plan = {"part": "ablate", "jobs": [], "runs": 1, "rounds": 1, "seconds": 0, "guest_limit": 50,
        "detail": True, "loads": {}, "features": [], "conditions": {},
        "kinds": ["all@pc", "no-pv_eoi@pc"],
        "cases": {"all@pc": case(), "no-pv_eoi@pc": case("--kvm-mask", "pv_eoi")}}
t = Checks()
why = trace.Trace().available()
if not t.check("exits can be counted by reason here", not why, why):
    sys.exit(t.end())
raw = {"conditions": {}, "tracing": "", "runs": []}
with tempfile.TemporaryDirectory() as tmp:
    for kind in plan["kinds"]:
        run = worker.one_run(kind, plan, "", os.path.join(tmp, "stats.json"), why,
                             worker.Steps("# " + kind, []))
        raw["runs"].append(dict(run, number=0))
result = parts.of(plan).result(plan, raw)
for run, left in zip(result["runs"], raw["runs"]):
    if not t.check(f"{run['kind']}: the guest came to its end", not run["problem"],
                   run["problem"] + "\n" + left["console"][-1500:]):
        continue
    boot = run["boot"]
    # The trace is read a little after the mark, while the guest sleeps.
    t.check("its boot's exits are the same by the trace and by pvkit-vm's statistics, within 40",
            0 <= boot["trace_exits"] - boot["exits"] <= 40,
            f"trace {boot['trace_exits']}, account {boot['exits']}: {boot['by_reason']}")
    t.check("the start of the process is before power-on",
            boot["from_start_s"] > boot["init_s"] > 0, boot)
    load = run["loads"]["cpuid"]
    t.equal(f"{CPUIDS} CPUIDs are {CPUIDS} exits", load["detail"].get("cpuid 0"), CPUIDS)
    t.check("and little else", load["guest"] <= CPUIDS + 40, load["by_reason"])
    t.check("power-off is counted", run["loads"]["end"]["guest"] >= 1, run["loads"]["end"])
found = parts.of(result).summary(result)
if all(found[k]["boot"] for k in plan["kinds"]):
    eois = [found[k]["loads"]["timer"]["causes"].get("wrmsr 80b", {"median": 0})["median"]
            for k in plan["kinds"]]
    t.note(f"writes of EOI a sleep: {eois}")
    t.check("without PV EOI each sleep costs a write of EOI more, or nearly",
            eois[1] - eois[0] >= 0.7, eois)
sys.exit(t.end())
