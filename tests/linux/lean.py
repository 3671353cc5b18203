#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""lean [CPUS] - does a stock kernel run on the lean machine, with its disk by pvkit's modules?

Nothing there speaks a PC's language: the guest reports in a file on its disk.
"""

import json
import re
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/lib")
from vm import COMPLAINT, Checks, Vm, fsck, make_disk, scratch	# noqa: E402

cpus = sys.argv[1] if len(sys.argv) > 1 else "1"
CRASH = 20	# the triple fault by which such a guest ends
t = Checks()
disk = make_disk(scratch() + "/disk.img", 64 << 20, "ext4")
vm = Vm(t, "pvk", "lean.sh", disks=[disk + ",serial=PVTEST01"], cpus=int(cpus),
        append="reboot=t", options=["--machine", "lean", "--no-reboot", "--time-limit", "150"])
done = subprocess.run(vm.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE, text=True, check=False)
t.equal("the guest came to its end", done.returncode, CRASH)
t.equal("nobody spoke to a serial port", done.stdout, "")
fsck(t, disk, "the file system is sound")
report = subprocess.run(["/sbin/debugfs", "-R", "cat report", disk], stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL, text=True, check=False).stdout
t.check("the guest reports by its PV disk", report.endswith("end\n"), report + done.stderr)
t.check("which it saw", re.search(r"^disk pv", report, re.M), report)
t.check("all CPUs run", f"cpus {cpus}\n" in report, report)
t.check("no complaint of the kernel", not COMPLAINT.search(report), report)
t.check("completions came as interrupts", re.search(r"^ *\d+: .*[1-9]\d*.*pvk", report, re.M), report)
try:
    with open(vm.stats_path, encoding="ascii") as f:
        boot = json.load(f)["boots"][0]
except (OSError, ValueError) as e:
    boot = {}
    t.note(e)
devices = boot.get("pv", {}).get("devices", [])
raised = [q.get("events_raised", 0) for d in devices for q in d.get("queues", [])]
t.check("as the accounts say", sum(raised) > 0, devices)
t.check("only ports that nobody has were tried", {r["device"] for r in boot.get("registers", [])} <=
        {"unclaimed", "doorbell"}, boot.get("registers"))
t.note(f"exits: {boot.get('exits_all')}, to user space {boot.get('exits_user')}")
sys.exit(t.end())
