#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""mptable - do the MP tables tell a kernel without ACPI of its CPUs and lines?

Without them Linux leaves LINT0 masked, where the 8259s are, unless it is told to
let the local APIC alone: hence nolapic.
"""

import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import COMPLAINT, Checks, Vm, make_disk, scratch	# noqa: E402

CRASH = 20	# without ACPI the guest ends by a triple fault
t = Checks()
disk = make_disk(scratch() + "/disk.img", 64 << 20, "ext4")
for tables in (True, False):
    vm = Vm(t, "plain", "mptable.sh", disks=[disk + ",serial=PVTEST01"], cpus=2,
            append="acpi=off reboot=t" + ("" if tables else " nolapic"),
            options=["--no-reboot", "--time-limit", "150"] + (["--mp-table"] if tables else []))
    text = subprocess.run(vm.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    out = text.stdout.decode("utf-8", "replace").replace("\r", "")
    name = "with the tables" if tables else "without"
    t.equal(f"{name}: the guest came to its end", text.returncode, CRASH)
    t.check(f"{name}: it saw {2 if tables else 1} CPUs", f"cpus {2 if tables else 1}\n" in out, out)
    t.equal(f"{name}: it {'found' if tables else 'found no'} tables", "found SMP MP-table" in out, tables)
    lines = [x for x in out.splitlines() if "XT-PIC" in x and "cascade" not in x]
    if tables:
        t.check("its lines go through the IOAPIC", "IO-APIC" in out and not lines, out)
    else:
        t.check("its lines go through the 8259s", "IO-APIC" not in out and lines, out)
    t.check("its disk works by them", "disk sda\n" in out and "read 1048576\n" in out, out)
    t.check("no complaint of the kernel", not COMPLAINT.search(out), out)
sys.exit(t.end())
