#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""hostile - does the VM live on, whatever a guest calls, and serve the next one well?"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import LONG, Checks, Vm, make_disk, scratch, verify	# noqa: E402

t = Checks()
top = scratch()
count = 400000 if LONG else 20000
for seed in range(1, 11 if LONG else 3):
    victim = make_disk(top + "/1.img", 4 << 20)
    other = make_disk(top + "/2.img", 4 << 20)
    with Vm(t, "pvk", f"hostile.sh {seed} {count}", cpus=2,
            append='pvk.coldplug=0 pvk.load="ata_piix sd_mod"',
            disks=[victim + ",serial=PVTEST01,models=pvkit", other + ",serial=PVTEST02"]) as vm:
        vm.run(1000 if LONG else 250)
        said = vm.errors().splitlines()
        t.check("the stub says a bounded number of lines about it", len(said) < 200,
                "\n".join(said[:20]))
        verify(t, other, 0, 1024, seed, "the other disk holds what was written meanwhile")
sys.exit(t.end())
