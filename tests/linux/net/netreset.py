#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netreset - does the pvkit card come back from whatever happens to its device, under traffic?

Brought to NEEDS_RESET, of which the bus tells; reset behind the driver's back,
which a time limit shows; suspended, as far as the kernel's own test of that goes.
No connection may break. And two hosts that lie (tests/liar): one tells of no completion,
one answers neither frames nor the reset.
"""

import os
import re
import signal
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from net import Broadcast, Tap, traffic, verified	# noqa: E402
import vm as guests	# noqa: E402
from vm import Checks, Vm	# noqa: E402

LIES = {"events": "kinds=ev-drop@10000,skip=4", "reset": "kinds=cq-drop@10000+reset-never@10000,skip=1"}


def stuck(t, tap, mode):
    """A card of a host that does not answer, as the kernel sees it."""
    os.environ["PVKIT_LIAR"] = LIES[mode]
    guests.STUB = os.path.join(guests.ROOT, "build/liar/pvkit-vm")
    with Vm(t, "net", f"netstuck.sh {mode}", append="pvk.coldplug=0", stats=False,
            options=["--nic", f"tap={tap.name},models=pvkit", "--no-reboot"]) as vm:
        vm.start()
        vm.wait_for(r"(?m)^PVK-RESULT", guests.BOOT + 60)
        vm.signal(signal.SIGINT)	# before the guest has waited a minute for its host
        vm.wait(30)
        for lies in re.findall(r"^liar: .*", vm.errors(), re.M):
            t.note(lies)
        t.check(f"{mode}: the guest's test ran to its end", vm.finished and vm.result == "0",
                vm.account())


t = Checks()
# A device is only broken by frames that come; TCP may be silent for seconds.
with Tap("pvt0") as tap, traffic() as server, Broadcast(tap):
    with Vm(t, "net", f"netreset.sh {tap.address} 10.77.0.2", append="pvk.coldplug=0",
            options=["--nic", "tap=pvt0,models=pvkit"]) as vm:
        vm.run(250)
        verified(t, vm, "traffic")
        verified(t, vm, "slept", 256 << 10)
    t.check("the server found nothing wrong", server.alive(), server.said())
with Tap("pvt0") as tap:
    for mode in LIES:
        stuck(t, tap, mode)
sys.exit(t.end())
