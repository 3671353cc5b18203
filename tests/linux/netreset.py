#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netreset - does the pvkit card come back from whatever happens to its device, under traffic?

Brought to NEEDS_RESET, of which the bus tells; reset behind the driver's back,
which a time limit shows; suspended, as far as the kernel's own test of that goes.
No connection may break.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/lib")
from net import Broadcast, Tap, traffic, verified	# noqa: E402
from vm import Checks, Vm	# noqa: E402

t = Checks()
# A device is only broken by frames that come; TCP may be silent for seconds.
with Tap("pvt0") as tap, traffic() as server, Broadcast(tap):
    with Vm(t, "net", f"netreset.sh {tap.address} 10.77.0.2", append="pvk.coldplug=0",
            options=["--nic", "tap=pvt0,faces=pvkit"]) as vm:
        vm.run(250)
        verified(t, vm, "traffic")
        verified(t, vm, "slept", 256 << 10)
    t.check("the server found nothing wrong", server.alive(), server.said())
sys.exit(t.end())
