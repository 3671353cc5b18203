#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""budget.py [KERNEL] - does a patched boot on the minimal machine keep to its budget of exits?

Counted from power-on to /init, one CPU, 256 MiB, quiet; exits that the host causes apart.
"""

import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
sys.path.insert(0, os.path.join(ROOT, "tests/pvops"))
from checks import Checks	# noqa: E402
import exits	# noqa: E402

LIMIT = 160

kernel = sys.argv[1] if len(sys.argv) > 1 else "patched"
t = Checks()
with tempfile.TemporaryDirectory() as tmp:
    initrd = os.path.join(tmp, "initrd")
    with open(initrd, "wb") as f:
        f.write(exits.cpio(os.path.join(ROOT, "build/pvops/init")))
    image = os.path.join(ROOT, f"build/pvops/{kernel}/vmlinux")
    result = exits.run(exits.parse(f"minimal={image}@minimal"), initrd)
    if t.check("the guest gets to /init", result["mark"], result["console"]):
        found = result["mark"]["exits"]
        t.check(f"at most {LIMIT} exits caused by the guest", exits.guest_exits(found) <= LIMIT,
                found)
        t.note(f"{exits.guest_exits(found)} of {LIMIT}: {found}")
sys.exit(t.end())
