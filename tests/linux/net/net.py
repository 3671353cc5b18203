#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""net MODEL - does a guest get an address and reach a server, on a TAP, on one model?

MODEL is emulated (stock e1000) or pvkit. DHCP, a page, then traffic both ways of
which every byte is verified, at both ends.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from net import Page, Tap, dhcp, traffic	# noqa: E402
from vm import Checks, Vm	# noqa: E402

model = sys.argv[1]
t = Checks()
with Tap("pvt0") as tap, dhcp(tap), Page() as page, traffic() as server:
    with Vm(t, "net", f"net.sh {model} {tap.address}",
            # Loaded by its alias, pvkit's driver would take an idle card that has both models.
            options=["--nic", "tap=pvt0,mac=52:54:00:77:00:01"
                     + (",models=emulated" if model == "emulated" else "")]) as vm:
        vm.run(200)
        t.equal("the card has the address that was asked for", vm.values.get("mac"), "52:54:00:77:00:01")
        t.check("the page was asked for", bool(page.asked))
        t.check("the server found nothing wrong", server.alive(), server.said())
        words = vm.values.get("traffic", "").split()
        t.check("megabytes were verified", len(words) > 2 and int(words[1]) > 1 << 20, " ".join(words))
        registers = vm.stat("boots.0.registers", {})
        used = any("e1000" in str(r.get("device")) and r.get("writes") for r in registers) \
            if isinstance(registers, list) else "e1000" in str(registers)
        if model == "emulated":
            t.check("the emulated card was used", used, str(registers)[:300])
sys.exit(t.end())
