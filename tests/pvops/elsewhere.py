#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""elsewhere.py tcg|kvm [KERNEL [PLAIN]] - does a patched kernel boot under QEMU like a plain one?

KERNEL is patched, or another of build/pvops. With PLAIN, the messages of both boots are
compared, without times and addresses: what a patched kernel says where there is no pvkit
is what a plain one says. Without, only the patched one is booted, and must not have found a host.
"""

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
sys.path.insert(0, os.path.join(ROOT, "tests/pvops"))
from checks import Checks	# noqa: E402
from exits import cpio	# noqa: E402

SECONDS = {"tcg": 100, "kvm": 60}
MACHINES = {"tcg": (("q35", 2),), "kvm": (("pc", 1), ("q35", 2), ("microvm", 1))}
how = sys.argv[1]
kernel = sys.argv[2] if len(sys.argv) > 2 else "patched"
against = sys.argv[3] if len(sys.argv) > 3 else None
t = Checks()

# What differs from boot to boot, or must: versions, times, addresses, sizes, frequencies.
NOISE = re.compile(r"Linux version|\d+ bytes|\d+[kK]|MHz|BogoMIPS|random:|entries:|lpj|clocksource|"
                   r"sched_clock|calibrate_delay|tsc|rtc|seconds|Freeing|Memory:|percpu|Kernel Offset|Write protecting|"
                   r"alternatives|usec|input:|ACPI|kvm-clock|Run /init|RAMDISK|Dentry|Calibrat|"
                   r"PM: |workingset|io scheduler|PVK-INIT|SeaBIOS|last_pfn|\[mem|iomem|BIOS-e820|"
                   r"Lost N RTC|pci 0000|Spectre|Booting kernel|devtmpfs|cpu_khz|hub|ata\d|scsi|x86/mm|process")


def boot(kind, machine, cpus):
    """The lines that a kernel says up to /init, or None."""
    argv = ["qemu-system-x86_64", "-machine", machine, "-m", "256", "-smp", str(cpus),
            "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", os.path.join(ROOT, f"build/pvops/{kind}/bzImage"), "-initrd", initrd,
            "-append", "console=ttyS0 noxsave panic=-1 nokaslr -- reboot"]
    argv += ["-accel", "kvm", "-cpu", "host"] if how == "kvm" else ["-accel", "tcg", "-cpu", "max"]
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=SECONDS[how], check=False)
        said = p.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as e:
        said = (e.stdout or b"").decode("utf-8", "replace")
    good = t.check(f"QEMU {how} {machine}, {cpus} CPUs: the {kind} kernel boots",
                   "Run /init as init process" in said, said[-2000:])
    if not good:
        return None
    lines = [re.sub(r"^\[ *\d+\.\d+\] ", "", x).strip() for x in said.splitlines()]
    lines = [re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", "N", x) for x in lines if x]
    return {x for x in lines if not NOISE.search(x)}


with tempfile.TemporaryDirectory() as tmp:
    initrd = os.path.join(tmp, "initrd")
    with open(initrd, "wb") as f:
        f.write(cpio(os.path.join(ROOT, "build/pvops/init")))
    for m, n in MACHINES[how]:
        patched = boot(kernel, m, n)
        if patched is not None:
            t.check(f"QEMU {how} {m}: no pvkit is found", not any("pvkit" in x for x in patched),
                    [x for x in patched if "pvkit" in x])
        if not against:
            continue
        plain = boot(against, m, n)
        if plain is not None and patched is not None:
            t.check(f"QEMU {how} {m}: both say the same", plain == patched,
                    "\n".join([f"plain only: {x}" for x in sorted(plain - patched)] +
                              [f"patched only: {x}" for x in sorted(patched - plain)]))
sys.exit(t.end())
