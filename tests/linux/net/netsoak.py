#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netsoak [SECONDS] - a card changes many times: is every byte right, and nothing lost?

Traffic of mixed sizes while the card changes its model, its rings, its channels,
its MTU and its offloads, over and over. Then the guest's kernel memory and the
stub's are compared with what they were.
"""

import os
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from net import Tap, traffic	# noqa: E402
from vm import LONG, Checks, Vm	# noqa: E402

t = Checks()
seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 1800 if LONG else 60
NOTHING = {"VmData": 0, "fds": 0}


def resident(pid):
    """The process's own memory in KiB: without what it shares with files and the guest's RAM; or None."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        words = dict(line.split(":", 1) for line in f)
    if "VmData" not in words:
        return None	# it has ended
    return {"VmData": int(words["VmData"].split()[0]), "fds": len(os.listdir(f"/proc/{pid}/fd"))}


with Tap("pvt0") as tap, traffic() as server:
    with Vm(t, "net", f"netsoak.sh {tap.address} 10.77.0.2 {seconds}", cpus=2,
            append=f"pvk.coldplug=0 pvk.load=e1000 pvk.timeout={seconds + 400}",
            options=["--nic", "tap=pvt0"]) as vm:
        vm.start()
        vm.wait_for("PVT ok the host answers", 200)
        first = resident(vm.proc.pid)
        vm.wait_for("PVT set slab", seconds + 400)
        last = resident(vm.proc.pid)
        vm.wait(60)
        vm.judge()
        t.check("the stub was there to the end", bool(first and last), f"{first}, then {last}")
        first, last = first or NOTHING, last or NOTHING
        t.check("the stub has no more descriptors than at first", last["fds"] <= first["fds"] + 4,
                f"{first}, then {last}")
        t.check("the stub's heap did not grow", last["VmData"] <= first["VmData"] + 8192, f"{first}, then {last}")
        t.check("the server found nothing wrong", server.alive(), server.said())
        words = vm.values.get("traffic", "").split()
        t.check("tens of megabytes were verified", len(words) > 2 and int(words[1]) > 10 << 20, " ".join(words))
        t.check("whole rounds of changes were made",
                int(vm.values.get("rounds", 0)) >= max(1, seconds // 180), str(vm.values.get("rounds")))
sys.exit(t.end())
