#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""kunit.py [KERNEL] - the KUnit suite of the patches, in a patched guest (patched, patched-6.12).

KTAP of the guest's kernel.
"""

import os
import re
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/linux/lib")
from vm import ROOT, Checks, Vm	# noqa: E402

kernel = sys.argv[1] if len(sys.argv) > 1 else "patched"
t = Checks()
with Vm(t, "pvops", "pvops/kunit.sh", kernel=os.path.join(ROOT, f"build/pvops/{kernel}/bzImage"),
        append="noxsave console=hvc0", name="pvops-kunit") as vm:
    vm.run(100)
    cases = re.findall(r"(?m)^KUNIT .*?((?:not )?ok) \d+ -? ?(test_\w+)", vm.text)
    for result, name in cases:
        t.check(f"KUnit: {name}", result == "ok", vm.tail(60))
    t.check("KUnit ran its cases", len(cases) >= 6, vm.tail(60))
sys.exit(t.end())
