#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""xen - does pvkit detect see a real Xen, from dom0, and what that itself runs on?

Debian's Xen with a stock kernel as PV dom0, under QEMU's software emulation: no KVM
is needed. Results go where those of identify.py go.
"""

import glob
import gzip
import os
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/lib")
sys.path.insert(0, __file__.rsplit("/", 1)[0])
from identify import judge, lines_of, record, said	# noqa: E402
from vm import Checks, PREPARED, ROOT, scratch	# noqa: E402

# Plain CPUID is not Xen's on AMD: it shows the emulator below (docs/DETECT.md)
DOM0 = ["hypervisor xen certain root", "hypervisor tcg certain guest", "platform qemu",
        "interface 0x40000000 none of tcg by none", "interface 0x40000000 xen of xen by syscall"]


def hypervisor():
    """Xen as the ELF file that QEMU loads by Multiboot."""
    done = subprocess.run([os.path.join(ROOT, "tests/rig/fetch"), "package",
                           "xen-hypervisor-4.17-amd64"],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return None
    packed = glob.glob(os.path.join(done.stdout.strip(), "boot/xen-4.17-amd64.gz"))[0]
    path = os.path.join(scratch(), "xen")
    with gzip.open(packed) as src, open(path, "wb") as dst:
        dst.write(src.read())
    return path


def main():
    t = Checks()
    xen = hypervisor()
    if not xen:
        t.skip("box-xen-dom0: pvkit detect names the machine", "Debian's Xen cannot be fetched")
        return t.end()
    line = "console=hvc0 quiet panic=-1 pvk.coldplug=0 pvk.timeout=150 pvk.cmd=identify.sh"
    argv = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,-smap", "-m", "1024",
            "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", xen,
            "-append", "console=com1 com1=115200,8n1 dom0_mem=640M sync_console noreboot=no",
            "-initrd", f"{PREPARED}/kernel {line},{PREPARED}/initrd-identify"]
    try:
        text = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=240, check=False).stdout
    except subprocess.TimeoutExpired as e:
        text = e.stdout or b""
    text = text.decode("utf-8", "replace")
    values = said(text)
    t.check("box-xen-dom0: the test ran to its end", "PVK-RESULT 0" in text, text[-3000:])
    record("box-xen-dom0", values, text)
    judge(t, "box-xen-dom0", lines_of(values), DOM0)
    return t.end()


sys.exit(main())
