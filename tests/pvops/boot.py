#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""boot.py KERNEL MACHINE CPUS [OPTION...] - does a small kernel boot, and find what it should?

KERNEL: patched, plain or patched-6.12; MACHINE: pc or minimal; OPTION: of pvkit-vm, such as
--offer none.
"""

import os
import sys
import time

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/linux/lib")
from vm import ROOT, Checks, Vm	# noqa: E402

kernel, machine, cpus, *options = sys.argv[1:]
t = Checks()
pvkit = kernel.startswith("patched") and options[:2] != ["--offer", "none"]
words = ["pvkit" if pvkit else "native"]
if int(cpus) > 1:
    words.append("smp")
if pvkit and "no-console" not in " ".join(options):
    words.append("console")
if machine == "minimal":
    words.append("minimal")
    options += ["--machine", "minimal"]
with Vm(t, "pvops", "pvops/boot.sh " + " ".join(words), cpus=int(cpus),
        kernel=os.path.join(ROOT, f"build/pvops/{kernel}/bzImage"),
        append="noxsave" + (" console=hvc0" if machine == "minimal" else ""), options=options,
        name="-".join(["pvops", kernel, machine, cpus] + [o.strip("-") for o in options])) as vm:
    vm.run(100)
    t.equal("all CPUs run", vm.values.get("cpus"), cpus)
    off = abs(time.time() - int(vm.values.get("date", "0")))
    t.check("the time of day is right", off < 100, f"{off:.0f} s off")
    for key, value in sorted(vm.values.items()):
        t.note(f"{key}: {value}")
    t.note(f"{vm.seconds:.1f} s, exits {vm.stat('boots.0.exits_all')}, "
           f"to user space {vm.stat('boots.0.exits_user')}")
sys.exit(t.end())
