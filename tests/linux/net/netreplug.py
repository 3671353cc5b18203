#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netreplug - does a card change its model under traffic, and back, with nothing lost?

The same TCP connections live on across every change; the card is there once at
any time, with the same address.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from net import Tap, traffic	# noqa: E402
from vm import LONG, Checks, Vm	# noqa: E402

t = Checks()
rounds = 100 if LONG else 5
with Tap("pvt0") as tap, traffic() as server:
    with Vm(t, "net", f"netreplug.sh {rounds} {tap.address} 10.77.0.2",
            append='pvk.coldplug=0 pvk.load=e1000', options=["--nic", "tap=pvt0"]) as vm:
        vm.run(300 if not LONG else 2400)
        t.equal("all rounds were made", vm.values.get("rounds"), str(rounds))
        t.check("the server found nothing wrong", server.alive(), server.said())
        words = vm.values.get("traffic", "").split()
        t.check("megabytes were verified", len(words) > 2 and int(words[1]) > 1 << 20, " ".join(words))
sys.exit(t.end())
