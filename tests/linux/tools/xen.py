#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""xen [pvh] - does pvkit detect see a real Xen: from dom0, with what that runs on?

Debian's Xen with a stock kernel as PV dom0, under QEMU's software emulation of a
processor with SVM: no KVM is needed. With pvh, or in the long form, dom0 also starts
a PVH guest that asks the same. Results go where those of identify.py go.
"""

import glob
import gzip
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
sys.path.insert(0, __file__.rsplit("/", 1)[0])
from identify import judge, lines_of, record, said	# noqa: E402
from vm import Checks, LONG, PREPARED, ROOT, scratch	# noqa: E402

# Plain CPUID is not Xen's on AMD: it shows the emulator below (docs/detect.md)
DOM0 = ["hypervisor xen certain root", "hypervisor tcg certain guest", "platform qemu",
        "interface 0x40000000 none of tcg by none", "interface 0x40000000 xen of xen by syscall"]
PVH = ["hypervisor xen certain guest", "interface 0x40000000 xen of xen by page 0x40000000 vmmcall"]
TOOLS = ["xl", "xenstored", "xenconsoled", "xen-init-dom0", "libxl-save-helper"]
PACKAGES = ["xen-utils-4.17", "libxenmisc4.17", "libxencall1", "libxenevtchn1", "libxenstore4",
            "libxenforeignmemory1", "libxengnttab1", "libxentoollog1", "libxentoolcore1",
            "libxendevicemodel1", "libxenhypfs1", "libyajl2"]
RIG = os.path.join(ROOT, "host-stub/rig")
LIBRARY = "/lib/x86_64-linux-gnu/"


def fetch(name, kind="package"):
    """A package's directory; None when it cannot be had."""
    argv = [os.path.join(RIG, "fetch"), kind] + ([name] if name else [])
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    return None if done.returncode else done.stdout.strip()


def tools(place):
    """Xen's tools and a guest in a folder. The libraries they need; None: no tools."""
    os.makedirs(place + "/bin")
    os.makedirs(place + "/lib")
    for package in PACKAGES:
        path = fetch(package)
        if not path:
            return None
        for lib in glob.glob(path + "/usr/lib/x86_64-linux-gnu/*.so.*"):
            shutil.copy(lib, place + "/lib")
        for tool in TOOLS:
            for program in glob.glob(f"{path}/usr/lib/xen-4.17/bin/{tool}"):
                shutil.copy(program, place + "/bin")
    shutil.copy(os.path.join(PREPARED, "kernel"), place + "/kernel")
    shutil.copy(os.path.join(PREPARED, "initrd-identify"), place + "/initrd")
    needed = {LIBRARY + "libgcc_s.so.1"}	# the C library loads it to end a thread
    for path in glob.glob(place + "/bin/*") + glob.glob(place + "/lib/*"):
        out = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True, check=False,
                             env=dict(os.environ, LD_LIBRARY_PATH=place + "/lib")).stdout
        needed.update(re.findall(rf"=> ({LIBRARY}\S+)", out))
    return needed


def make_initrd(top, pvh):
    """dom0's initrd: the programs of identify.sh, and with pvh what a guest needs, or None."""
    argv = [os.path.join(RIG, "mkinitrd"), "--compress", "none", "--kernel-dir", fetch("", "kernel"),
            "--modules", "xen-evtchn xen-gntdev xen-privcmd xenfs", "--file", os.path.join(ROOT, "tests/linux/guest") + ":/tests",
            "-o", os.path.join(top, "initrd")]
    for program in (os.path.join(ROOT, "build/pvkit-detect"), "systemd-detect-virt", "lscpu",
                    "/usr/sbin/virt-what:/usr/sbin/virt-what",
                    "/usr/libexec/virt-what-cpuid-helper:/usr/libexec/virt-what-cpuid-helper",
                    "/usr/sbin/dmidecode:/usr/sbin/dmidecode"):
        argv += ["--bin", program]
    if pvh:
        needed = tools(top + "/xen")
        if needed is None:
            return None
        argv += ["--file", top + "/xen:/xen"]
        for lib in sorted(needed):
            argv += ["--file", f"{lib}:{lib}"]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return os.path.join(top, "initrd")


def boot(top, xen, initrd):
    """What dom0's console said."""
    elf = os.path.join(top, "xen.elf")
    with gzip.open(glob.glob(xen + "/boot/xen-4.17-amd64.gz")[0]) as src, open(elf, "wb") as dst:
        shutil.copyfileobj(src, dst)
    line = "console=hvc0 quiet panic=-1 pvk.coldplug=0 pvk.timeout=300 pvk.cmd=xen.sh"
    argv = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,+svm,-smap", "-m", "2048",
            "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", elf,
            "-append", "console=com1 com1=115200,8n1 dom0_mem=1024M",
            "-initrd", f"{PREPARED}/kernel {line},{initrd}"]
    try:
        text = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=400, check=False).stdout
    except subprocess.TimeoutExpired as e:
        text = e.stdout or b""
    return re.sub(r"\r+\n", "\n", text.decode("utf-8", "replace"))


def main():
    t = Checks()
    xen = fetch("xen-hypervisor-4.17-amd64")
    top = scratch()
    pvh = LONG or "pvh" in sys.argv[1:]
    initrd = make_initrd(top, pvh) if xen else None
    if not initrd:
        t.skip("a real Xen", "Debian's Xen packages cannot be fetched")
        return t.end()
    text = boot(top, xen, initrd)
    t.check("dom0 ran to its end", "\nPVK-RESULT 0" in text, text[-3000:])
    own, _, guest = text.partition("PVT at guest\n")
    if pvh:
        t.check("the PVH guest ran to its end", "\nGUEST-RESULT 0" in guest, guest[-3000:])
    for name, part, want in (("box-xen-dom0", own, DOM0), ("box-xen-pvh", guest, PVH))[:1 + pvh]:
        values = said(part)
        record(name, values, part)
        judge(t, name, lines_of(values), want)
    return t.end()


sys.exit(main())
