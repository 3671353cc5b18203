#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""clock - does a stock guest set its clock in any century, and wake by it? And has ACPI all that the MADT has?"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm	# noqa: E402

t = Checks()
with Vm(t, "plain", "clock.sh", cpus=2) as vm:
    vm.run(240)
sys.exit(t.end())
