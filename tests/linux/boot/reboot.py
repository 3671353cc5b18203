#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""reboot - does a reboot start the guest again, and end it with --no-reboot?"""

import signal
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import BOOT, Checks, Vm	# noqa: E402

t = Checks()
with Vm(t, "plain", "true", append="pvk.end=reboot") as vm:
    vm.start()
    t.check("the first boot", vm.wait_for(r"PVK-RESULT 0", BOOT), vm.tail() + vm.errors())
    t.check("a second one follows in the same process", vm.wait_for(r"PVK-RESULT 0", BOOT),
            vm.tail() + vm.errors())
    t.check("and a third", vm.wait_for(r"PVK-RESULT 0", BOOT), vm.tail() + vm.errors())
    vm.signal(signal.SIGINT)
    t.check("SIGINT ends it, with its status", vm.wait(60) == 128 + signal.SIGINT, vm.account())
    t.check("the statistics have each boot", vm.stats and vm.stats.get("boot_count", 0) >= 3 and
            vm.stats["boots"][0]["end"] == "reboot", vm.stats and vm.stats.get("boot_count"))

# A triple fault is no request: it is told apart, as a crashing guest ends so.
for how, name, status in (("t", "triple fault", 20), ("k", "keyboard controller", 0),
                          ("a", "ACPI reset register", 0), ("p", "port 0xcf9", 0)):
    with Vm(t, "plain", "true", append=f"pvk.end=reboot reboot={how}",
            options=["--no-reboot"]) as vm:
        vm.start()
        t.check(f"--no-reboot: a reboot by {name} ends the process with status {status}",
                vm.wait(BOOT) == status and vm.result == "0" and
                vm.text.count("PVK-RESULT") == 1, vm.account())
sys.exit(t.end())
