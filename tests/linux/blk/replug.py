#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""unplug - is a disk taken over when idle, refused when mounted, and given back?

Ten times there and back with I/O on both models and on another disk meanwhile; at
each step every disk is there exactly once and holds the same bytes.
"""

import hashlib
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import LONG, Checks, Vm, fsck, make_disk, scratch, verify	# noqa: E402

t = Checks()
top = scratch()
rounds = 100 if LONG else 10
disk = make_disk(top + "/1.img", 32 << 20)
mounted = make_disk(top + "/2.img", 64 << 20, "ext4")
with Vm(t, "pvk", f"replug.sh {rounds}", cpus=2, append='pvk.coldplug=0 pvk.load="ata_piix sd_mod"',
        disks=[disk + ",serial=PVTEST01", mounted + ",serial=PVTEST02"]) as vm:
    vm.run(400 if not LONG else 2000)
    t.equal("all rounds were made", vm.values.get("rounds"), str(rounds))
    verify(t, disk, 0, 2048, 1, "the image has what the emulated model wrote")
    verify(t, disk, 2048, 2048, 2, "and what the pvkit model wrote")
    with open(disk, "rb") as f:
        digest = hashlib.sha256(f.read(4096 * 512)).hexdigest()
    t.equal("the sum in the guest, pvkit model", vm.values.get("pv-sum"), digest)
    t.equal("the sum in the guest, emulated model", vm.values.get("emulated-sum"), digest)
    fsck(t, mounted, "the file system that was busy meanwhile is sound", repair=True)
sys.exit(t.end())
