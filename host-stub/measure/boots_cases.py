# SPDX-License-Identifier: BSD-2-Clause
"""The boot table: one kernel version on every machine, from power-on to /init.

    patched kernel	pvkit-vm's minimal machine
    plain kernel	the same source and configuration without the patches: pvkit-vm's
			pc, QEMU's pc, q35 and microvm, each as it comes and in its best
			known form
    stock kernel	Debian's own, on all that boot it

Each has one disk and one NIC; the rows called bare have nothing, which is QEMU's
best. Each once with `quiet`, once with the console at its default volume. docs/measure.md,
"The boot table", has the command lines and what is in the figures.
"""

import os

from . import DISK, STATS
from .cases import CMDLINE

VOLUMES = ("quiet", "loud")
# key, kernel, machine, form, label, in --quick. The form of the machine is in QEMU_FORMS, or is
# minimal or pc.
ROWS = (
    ("patched", "patched", "pvkit", "minimal", "patched, pvkit-vm minimal", True),
    ("plain", "plain", "pvkit", "pc", "plain, pvkit-vm pc", True),
    ("qemu:pc", "plain", "qemu", "pc", "plain, QEMU pc", True),
    ("qemu:q35", "plain", "qemu", "q35", "plain, QEMU q35", True),
    ("qemu:microvm", "plain", "qemu", "microvm", "plain, QEMU microvm", False),
    ("qemu:microvm-best", "plain", "qemu", "microvm-best", "plain, QEMU microvm, best", True),
    ("qemu:pc-bare", "plain", "qemu", "pc-bare", "plain, QEMU pc, bare", True),
    ("qemu:pc-qboot", "plain", "qemu", "pc-qboot", "plain, QEMU pc, bare, qboot", False),
    ("qemu:q35-bare", "plain", "qemu", "q35-bare", "plain, QEMU q35, bare", False),
    ("qemu:microvm-bare", "plain", "qemu", "microvm-bare", "plain, QEMU microvm, best, bare", True),
    ("qemu:microvm-bz", "plain", "qemu", "microvm-bz", "plain, QEMU microvm, best, bare, bz",
     False),
    ("stock", "stock", "pvkit", "pc", "stock, pvkit-vm pc", False),
    ("qemu:stock-pc", "stock", "qemu", "pc", "stock, QEMU pc", False),
    ("qemu:stock-q35", "stock", "qemu", "q35", "stock, QEMU q35", False),
    ("qemu:stock-microvm-best", "stock", "qemu", "microvm-best", "stock, QEMU microvm, best",
     False),
)

# microvm's best has a clock chip: without one the kernel waits for it, 40,000 accesses to
# its ports.
BEST = "microvm,x-option-roms=off,pit=off,pic=off,rtc=on,isa-serial={serial}"
BARE = ("-nodefaults",)
DRIVE = ("-drive", f"if=none,id=d0,format=raw,file={DISK}", "-device")
MICROVM = ("-nodefaults", *DRIVE, "virtio-blk-device,drive=d0", "-netdev", "user,id=n0",
           "-device", "virtio-net-device,netdev=n0")
# form: (-machine, its devices, kernel file of a small kernel). pc and q35 as they come have
# their default devices, a display's among them.
QEMU_FORMS = {
    "pc": ("pc", ("-drive", f"if=ide,format=raw,file={DISK}", "-nic", "user,model=e1000"),
           "bzImage"),
    "q35": ("q35", (*DRIVE, "virtio-blk-pci,drive=d0", "-nic", "user,model=virtio-net-pci"),
            "bzImage"),
    "microvm": ("microvm", MICROVM, "bzImage"),
    "microvm-best": (BEST, MICROVM, "vmlinux"),
    "pc-bare": ("pc", BARE, "bzImage"),
    "pc-qboot": ("pc", (*BARE, "-bios", "qboot.rom"), "bzImage"),
    "q35-bare": ("q35", BARE, "bzImage"),
    "microvm-bare": (BEST, BARE, "vmlinux"),
    "microvm-bz": (BEST, BARE, "bzImage"),
}


def label(key):
    return next(row[4] for row in ROWS if row[0] == key.partition("@")[0])


def case(row, volume, kernel, initrd, opts, vm):
    """A guest of the table: its label and command line."""
    key, which, vmm, form, name, _ = row
    words = CMDLINE + (" quiet" if volume == "quiet" else "")
    if vmm == "pvkit":
        minimal = form == "minimal"
        image = kernel if which == "stock" else os.path.join(kernel, "vmlinux" if minimal
                                                             else "bzImage")
        argv = [vm, "--machine", form, "--kernel", image, *(["--boot", "linux64"] if minimal else []),
                "--initrd", initrd, "--memory", f"{opts.memory}M", "--cpus", str(opts.cpus),
                "--append", f"console={'hvc0' if minimal else 'ttyS0'} {words}",
                "--disk", DISK, "--nic", "user",
                "--console", "stdio", "--stats", STATS,
                "--time-limit", str(opts.guest_limit), "--no-reboot"]
        return {"label": name, "volume": volume, "row": key, "argv": argv}
    machine, devices, image = QEMU_FORMS[form]
    # Quiet, nothing is printed: the best form then has no serial port to be found.
    no_port = machine == BEST and volume == "quiet"
    image = kernel if which == "stock" else os.path.join(kernel, image)
    if not no_port:
        words = "console=ttyS0 " + words
    argv = ["qemu-system-x86_64", "-machine", machine.format(serial="off" if no_port else "on"),
            "-accel", "kvm", "-cpu", "host", "-m", str(opts.memory), "-smp", str(opts.cpus),
            "-no-user-config", "-display", "none", "-no-reboot", "-monitor", "none", *devices,
            *([] if no_port else ["-serial", "stdio"]),
            "-kernel", image, "-initrd", initrd, "-append", words + " -- reboot"]
    return {"label": name, "volume": volume, "row": key, "argv": argv, "silent": True}
