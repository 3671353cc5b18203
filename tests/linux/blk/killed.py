#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""killed - is every write that was acknowledged by a flush there after kill -9?

On the bare disk (a journal of numbered records) and in a file of an ext4 file
system; on either model. The image must be usable by the next VM at once.
"""

import re
import signal
import struct
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import BOOT, LONG, Checks, Vm, fsck, make_disk, scratch	# noqa: E402

RECORDS = 64
t = Checks()
top = scratch()


def until_killed(vm, acks):
    """Lets the guest run until it acknowledged that many, kills the stub, returns the last."""
    vm.start()
    if not vm.wait_at("writing"):
        return 0
    for _ in range(acks):
        if not vm.wait_for(r"ACK (\d+)\n", BOOT):
            break
    vm.signal(signal.SIGKILL)
    vm.wait(30)
    t.check(f"{vm.name}: killed in the middle of it", vm.status == -signal.SIGKILL, vm.account())
    # What is in the pipe by now was said before the kill.
    last = max([int(x) for x in re.findall(r"ACK (\d+)\n", vm.text)], default=0)
    t.check(f"{vm.name}: {acks} acknowledged", last >= acks, vm.account())
    return last


for n in range(10 if LONG else 1):
    for models in ("pvkit", "emulated"):
        disk = make_disk(top + "/journal.img", RECORDS * 4096)
        with Vm(t, "pvk", "killed.sh journal", name=f"killed-journal-{models}",
                disks=[f"{disk},serial=PVTEST01,models={models}"]) as vm:
            last = until_killed(vm, 100 + 37 * n)
        lost = []
        with open(disk, "rb") as f:
            for s in range(max(1, last - RECORDS + 1), last + 1):
                f.seek(s % RECORDS * 4096)
                have = struct.unpack("<512Q", f.read(4096))
                # The record after the last may be half written; it has a place of its own.
                if have != (s,) * 512 and s % RECORDS != (last + 1) % RECORDS:
                    lost.append((s, have[0], have[-1]))
        t.check(f"{models}: all {last} acknowledged records are on the disk", last and not lost, lost)

        disk = make_disk(top + "/files.img", 64 << 20, "ext4")
        with Vm(t, "pvk", "killed.sh files", name=f"killed-files-{models}",
                disks=[f"{disk},serial=PVTEST01,models={models}"]) as vm:
            last = until_killed(vm, 20)
        fsck(t, disk, f"{models}: the file system can be repaired", repair=True)
        fsck(t, disk, f"{models}: and is sound then")
        with Vm(t, "pvk", f"killed.sh look {last}", name=f"killed-look-{models}",
                disks=[f"{disk},serial=PVTEST01,models={models}"]) as vm:
            vm.run(150)
sys.exit(t.end())
