#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""disk - discard, zeroes, read-only, polled queues, resize: does the pvkit model do them?"""

import os
import signal
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, make_disk, scratch, verify	# noqa: E402

MIB = 1 << 20
t = Checks()
top = scratch()
data = make_disk(top + "/1.img", 16 * MIB)
fixed = make_disk(top + "/2.img", 4 * MIB)
grows = make_disk(top + "/3.img", 8 * MIB)
with open(fixed, "r+b") as f:
    f.write(b"must not change" * 100)
with Vm(t, "pvk", "disk.sh", cpus=2,
        disks=[data + ",serial=PVTEST01,models=pvkit", fixed + ",serial=PVTEST02,models=pvkit,ro",
               grows + ",serial=PVTEST03,models=pvkit"]) as vm:
    vm.start()
    if vm.wait_at("written"):
        before = os.stat(data).st_blocks
        t.check("the image is allocated", before * 512 >= 8 * MIB, f"{before} blocks")
        vm.send()
    if vm.wait_at("discarded", 60):
        after = os.stat(data).st_blocks
        t.check("a discard gives space back", after * 512 <= before * 512 - 2 * MIB,
                f"{before} blocks before, {after} after")
        vm.send()
    if vm.wait_at("resize", 60):
        os.truncate(grows, 24 * MIB)
        vm.signal(signal.SIGHUP)
    if vm.wait_at("shrink", 60):
        os.truncate(grows, 12 * MIB)
        vm.signal(signal.SIGHUP)
    vm.wait(120)
    vm.judge()
    verify(t, data, 0, 2048, 7, "what was not discarded is kept")
    verify(t, grows, 20 * 2048, 64, 9, "the grown part holds data") if os.path.getsize(grows) > 20 * MIB \
        else t.equal("the image was made smaller", os.path.getsize(grows), 12 * MIB)
    with open(fixed, "rb") as f:
        t.check("the read-only image is untouched", f.read(1500) == b"must not change" * 100, "")
sys.exit(t.end())
