#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""none - do the modules keep out when nothing is offered, here and in this host itself?"""

import glob
import os
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, ROOT, Vm, make_disk, scratch	# noqa: E402

t = Checks()
disk = make_disk(scratch() + "/disk.img", 16 << 20)
with Vm(t, "pvk", "none.sh", disks=[disk + ",serial=PVTEST01"], options=["--offer", "none"]) as vm:
    vm.run(150)

# This machine is a guest or a host, but no guest of pvkit.
core = os.path.join(ROOT, "build/modules/pvk_core.ko")
if os.environ.get("PVKIT_BOX") != "emulated":
    t.skip("the core declines in a host", "loading modules into this machine is not for a test")
else:
    done = subprocess.run(["/sbin/insmod", core], stderr=subprocess.PIPE, text=True, check=False)
    t.check("the core declines in a host", done.returncode != 0 and "No such device" in done.stderr,
            f"status {done.returncode}: {done.stderr}")
    t.check("and leaves nothing", not os.path.exists("/sys/module/pvk_core") and
            not glob.glob("/sys/bus/pvk"), "")
    log = subprocess.run(["dmesg"], stdout=subprocess.PIPE, text=True, check=False).stdout
    said = [x for x in log.splitlines() if "pvk_core" in x and "tainting" not in x]
    t.check("and says why, in one line", sum("no host" in x for x in said) == 1, "\n".join(said))
sys.exit(t.end())
