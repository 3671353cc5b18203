#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netqueues - do two queues of a TAP and frames of 9000 bytes work?

The pvkit card with two queues and two CPUs, each of which sends: both pairs, and
both queues of the back end, must carry frames both ways. Datagrams and pings of up
to 8900 bytes must not be cut into fragments, on either model. The TAP is set down
and up under traffic.
"""

import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from net import Tap, traffic, verified	# noqa: E402
from vm import Checks, Vm	# noqa: E402

PVKIT, EMULATED = "52:54:00:83:00:01", "52:54:00:83:00:02"

t = Checks()
with Tap("pvs1", queues=2, subnet=81, mtu=9000) as tap, Tap("pvs2", subnet=82, mtu=9000), \
     traffic() as server:
    with Vm(t, "net", f"netqueues.sh {PVKIT} {EMULATED}", cpus=2, append="pvk.coldplug=0",
            options=["--nic", f"tap=pvs1,queues=2,mtu=9000,mac={PVKIT},models=pvkit",
                     "--nic", f"tap=pvs2,mtu=9000,mac={EMULATED},models=emulated"]) as vm:
        vm.start()
        for point, state in (("down", "down"), ("up", "up")):
            if not vm.wait_at(point, 200):
                break
            subprocess.run(["ip", "link", "set", tap.name, state], check=True)
            vm.send()
        vm.wait(100)
        vm.judge()
        for n in (1, 2, 4):
            verified(t, vm, f"traffic{n}")
        for q in (0, 1):
            rx, tx = (vm.stat(f"nics.0.queues.{q}.{way}_frames", 0) for way in ("rx", "tx"))
            t.check(f"queue {q} of the back end carried frames both ways", rx > 50 and tx > 50,
                    f"{rx}, {tx}")
    t.check("the server found nothing wrong", server.alive(), server.said())
sys.exit(t.end())
