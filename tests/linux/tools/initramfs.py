#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""initramfs DIR [kvm|qemu] - does Debian's initramfs, with the hook, find its root by PV drivers?

DIR comes from tests/linux/lib/debian-pvkit: the initramfs has no drivers of emulated disks. Under
pvkit-vm the root must come up on a pvkit disk, under QEMU on a virtio one; each time
by pvkit-load, before udev. The installation is not booted beyond that, but pvkit status
is asked on its root, where the kernel's configuration and all modules are.
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import COMPLAINT, STUB, Checks	# noqa: E402

CASES = {
    "kvm": ("pvk_core pvk_blk", r"/dev/pvk\w+", "virtio_pci",
            ("in-use pvkit.bus the session has it", "in-use pvk:pvk"), lambda d, a: [
        STUB, "--kernel", d + "/vmlinuz", "--boot", "linux64", "--initrd", d + "/initrd.img",
        "--append", a, "--memory", "512M", "--disk", d + "/disk.img,ro", "--time-limit", "200"]),
    "qemu": ("virtio_pci virtio_blk", r"/dev/vd\w+", "pvk_core",
             ("in-use virtio:virtio0 virtio_blk", "in-use kvm.steal_time set up at boot"), lambda d, a: [
        "qemu-system-x86_64", "-accel", "kvm", "-cpu", "host,migratable=off", "-m", "512",
        "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
        "-kernel", d + "/vmlinuz", "-initrd", d + "/initrd.img", "-append", a + " noxsave",
        "-drive", f"file={d}/disk.img,if=virtio,format=raw,readonly=on"]),
}


def main():
    t = Checks()
    if len(sys.argv) < 2 or not os.path.exists(sys.argv[1] + "/disk.img"):
        print("1..0 # SKIP no installation: tests/linux/prepare debian makes it, as root")
        return 0
    source, out = sys.argv[1], os.environ.get("BOX_OUT")
    for name in sys.argv[2:] or CASES:
        modules, root, absent, says, argv = CASES[name]
        line = "root=LABEL=pvkit-root ro console=ttyS0 quiet panic=-1 init=/pvkit-test"
        try:
            done = subprocess.run(argv(source, line), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=220,
                                  check=False)
            text, status = done.stdout.decode("utf-8", "replace"), done.returncode
        except subprocess.TimeoutExpired as e:
            text, status = (e.stdout or b"").decode("utf-8", "replace"), "none in time"
        text = text.replace("\r", "")
        if out:
            with open(f"{out}/initramfs-{name}.console", "w", encoding="utf-8") as f:
                f.write(text)
        told = dict(re.findall(r"(?m)^PVT (root|modules) (.*)$", text))
        loads = re.findall(r"(?m)^PVT load (.*)$", text)
        t.check(f"{name}: the root is on {root}", re.fullmatch(root, told.get("root", "")),
                f"status {status}\n{text[-3000:]}")
        for module in modules.split():
            t.check(f"{name}: pvkit-load loaded {module}",
                    [x for x in loads if x.startswith(f"{module}: loaded, for ")], "\n".join(loads))
        t.check(f"{name}: it had nothing to complain of", loads and
                not [x for x in loads if x.startswith("pvkit-load:")], "\n".join(loads))
        t.check(f"{name}: {absent} was not loaded", "modules" in told and
                absent not in told["modules"].split(), told.get("modules"))
        for words in says:
            t.check(f"{name}: pvkit status says: {words}", f"PVT status {words}" in text, text[-3000:])
        t.equal(f"{name}: switched off", status, 0)
        t.check(f"{name}: no complaint of the kernel", not COMPLAINT.search(text), text[-2000:])
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
