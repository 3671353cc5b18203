#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""ide [CPUS] - do stock drivers use the emulated disks for everything a disk is for?

Two disks on one channel and a read-only one on the other: patterns, a file
system made and mounted three times, both disks at once, 64 MiB there and back.
The bytes are checked in the images afterwards.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, fsck, make_disk, scratch, verify	# noqa: E402

MIB = 1 << 20
SLOW = 60	# seconds for 64 MiB, in an emulated host: 1 MB/s would be a fault of ours
t = Checks()
top = scratch()
cpus = int(sys.argv[1]) if len(sys.argv) > 1 else 1
images = [make_disk(f"{top}/{n}.img", size * MIB) for n, size in ((1, 256), (2, 64), (3, 4))]
text = b"must not change" * 100
with open(images[2], "r+b") as f:
    f.write(text)
disks = [f"{path},serial=PVTEST0{n},models=emulated" for n, path in enumerate(images, 1)]
disks[2] += ",ro"
with Vm(t, "plain", "ide.sh", cpus=cpus, disks=disks, name=f"ide-{cpus}") as vm:
    vm.run(240)
    for how in ("write", "read"):
        seconds = float(vm.values.get(how, "0"))
        t.check(f"64 MiB {how} within {SLOW} s", 0 < seconds < SLOW, f"{seconds} s")
        if seconds:
            t.note(f"{how}: {seconds:.2f} s, {64 / seconds:.0f} MiB/s")
    verify(t, images[0], 0, 1001, 1, "the image of the first disk: before the odd piece")
    verify(t, images[0], 1001, 3, 6, "the odd piece")
    verify(t, images[0], 1004, 32768 - 1004, 1, "and behind it")
    verify(t, images[0], 524280, 8, 5, "the last sectors")
    fsck(t, images[1], "the file system is sound")
    with open(images[2], "rb") as f:
        t.check("the read-only image is untouched", f.read() == text.ljust(4 * MIB, b"\0"), "")
sys.exit(t.end())
