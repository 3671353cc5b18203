#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""memory - does the guest get the memory it was given, 96 MiB to past the 4 GiB hole?"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm	# noqa: E402

HOLE = 3 << 30	# RAM below the PCI hole ends here at the latest
t = Checks()
for text, mib in (("96M", 96), ("1G", 1024), ("5G", 5120)):
    with Vm(t, "small", "memory.sh", memory=text, name=f"memory-{text}") as vm:
        vm.run(150)
        ranges = [tuple(int(x, 16) for x in r.split("-"))
                  for r in vm.values.get("ram", "").split()]
        total = sum(e - s + 1 for s, e in ranges)
        # The kernel takes out the first page and rounds; firmware areas are below 1 MiB.
        t.check(f"{text}: the guest's map has that much RAM",
                (mib << 20) - (1 << 20) <= total <= mib << 20, f"{total} bytes in {ranges}")
        t.check(f"{text}: none of it in the hole below 4 GiB",
                all(e < 0xfec00000 or s >= 1 << 32 for s, e in ranges), ranges)
        high = any(s >= 1 << 32 for s, e in ranges)
        t.equal(f"{text}: RAM beyond 4 GiB only when there is too much", high, mib << 20 > HOLE)
        # A stock 6.1 kernel keeps about 49 MB of 96 MiB for itself.
        total_kb = int(vm.values.get("total", "0"))
        t.check(f"{text}: the kernel can use it", total_kb << 10 > (mib << 20) * 0.75 - (32 << 20),
                f"MemTotal {total_kb} kB")
        t.check(f"{text}: it holds what is written", vm.values.get("held") == "yes", vm.tail())
sys.exit(t.end())
