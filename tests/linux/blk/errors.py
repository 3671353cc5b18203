#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""errors - do errors of the back end become errors of the request, and nothing more?

A full file system below one image (ENOSPC), a device with bad sectors below the
other (EIO, device-mapper's error target; opened direct, since the host's page
cache would take a write and fail at the next flush); both models of each.
"""

import os
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, make_disk, scratch	# noqa: E402

t = Checks()
if os.getuid():
    t.skip("errors of the back end", "needs root, for a small tmpfs and device-mapper")
    sys.exit(t.end())
top = scratch()
small = top + "/small"
os.mkdir(small)
loop = None


def run(*argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, **more)
    return done.stdout.strip()


run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small)
try:
    full = make_disk(small + "/full.img", 16 << 20)
    run("modprobe", "dm-mod")
    loop = run("losetup", "-f", "--show", make_disk(top + "/below.img", 16 << 20))
    # Sectors 8192 to 8255 are bad.
    run("dmsetup", "create", "pvk-bad", input=f"0 8192 linear {loop} 0\n8192 64 error\n"
        f"8256 24512 linear {loop} 8256\n")
    run("dmsetup", "mknodes")
    for models in ("pvkit", "emulated"):
        with Vm(t, "pvk", "errors.sh", name="errors-" + models,
                disks=[f"{full},serial=PVTEST01,models={models}",
                       f"/dev/mapper/pvk-bad,direct,serial=PVTEST02,models={models}"]) as vm:
            vm.run(200)
finally:
    subprocess.run(["dmsetup", "remove", "-f", "pvk-bad"], check=False)
    if loop:
        subprocess.run(["losetup", "-d", loop], check=False)
    subprocess.run(["umount", small], check=False)
sys.exit(t.end())
