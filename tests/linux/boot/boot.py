#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""boot FLAVOUR CPUS [WAY] - does an unmodified stock kernel boot, use its disk, switch off?

WAY is one of pvkit-vm's --boot.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, fsck, make_disk, scratch	# noqa: E402

flavour, cpus = sys.argv[1], int(sys.argv[2])
way = sys.argv[3] if len(sys.argv) > 3 else "auto"
suffix = "" if flavour == "full" else "-" + flavour
t = Checks()
disk = make_disk(scratch() + "/disk.img", 64 << 20, "ext4")
with Vm(t, "plain" + suffix, "boot.sh", kernel="kernel" + suffix, cpus=cpus,
        disks=[disk + ",serial=PVTEST01"], options=["--boot", way],
        name=f"boot-{flavour}-{cpus}-{way}") as vm:
    vm.run(150)
    t.equal("all CPUs run", vm.values.get("cpus"), str(cpus))
    t.check("the statistics are written", vm.stats is not None, vm.account())
    t.note(f"{vm.seconds:.1f} s")
    fsck(t, disk, "the file system is sound")
    with open(disk, "rb") as f:
        t.check("what the guest wrote is in the image", b"written by the guest" in f.read(), "")
sys.exit(t.end())
