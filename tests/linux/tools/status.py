#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""status kvm|qemu [NAME...] - does pvkit status give the true reason in guests broken on purpose?

kvm: guests of pvkit-vm; qemu: guests of QEMU on KVM. Each guest is broken in several
ways at once: by the host (features masked, the signature hidden, slow devices), by its
command line, by blacklists, by modules that are not loaded or not there, by
symbols that its kernel does not have. A row of WANT is a verdict and words of its reason.
Then pvkit load repairs what it can, and the verdicts must follow.

With PVKIT_STATUS_SAVE=1, snapshots of the guests are kept in $BOX_OUT/status (half a minute each).
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import COMPLAINT, Checks, PREPARED, Vm, make_disk, scratch	# noqa: E402

OUT = os.path.join(os.environ.get("BOX_OUT") or scratch(), "status")
SAVE = ["save"] if os.environ.get("PVKIT_STATUS_SAVE") else []
LIMIT = 240		# seconds for a guest; 30 on an idle machine
CPU = "host,migratable=off"

# name: (options, CPUs, command line, steps, {key of a step: (exit status, [(verdict, words)])})
STUB = {
    # by the command line, by modules that are not loaded; repaired
    "cmdline": ([], 2, "no-kvmclock nopvspin no-kvmapf no-steal-acc pvk.load='ata_piix sd_mod'",
                ["config", "status=a", "user=u", "dry=d", "load=l", "status=b"], {
        "a": (1, [("unused kvm.clock", "no-kvmclock on the kernel's command line"),
                  ("unused kvm.spinlocks", "nopvspin on the kernel's command line"),
                  ("unused kvm.async_pf", "no-kvmapf on the kernel's command line"),
                  ("optional kvm.steal_sched", "compiled out: CONFIG_PARAVIRT_TIME_ACCOUNTING"),
                  ("in-use kvm.tlb_flush", "the kernel said so"),
                  ("in-use kvm.ipi", "the kernel said so"),
                  ("unused pvkit.bus", "module pvk_core is not loaded"),
                  ("unused pvkit.info", "this kernel has no pvkit patches"),
                  ("unused disk:sda", "emulated model: module pvk_core is not loaded")]),
        "u": (1, [("unused kvm.spinlocks", "nopvspin on the kernel's command line"),
                  ("in-use kvm.tlb_flush", "built in")]),
        "u.unseen": (0, [("Not seen:", "only root")]),
        "d": (0, [("pvk_core: would be loaded", "pvkit.event")]),
        "l": (0, [("pvk_core: loaded", ""), ("pvk_blk: loaded", "")]),
        "b": (1, [("in-use pvkit.bus", "the session has it"),
                  ("in-use pvk:pvk", "pvk_blk")]),
    }),
    # by the host, by a blacklist; one CPU; no configuration to be read
    "masked": (["--kvm-mask", "clocksource,clocksource2,steal_time"], 1, "",
               ["blacklist=pvk_core", "status=a", "load=l"], {
        "a": (1, [("withheld kvm.clock", "the host does not offer it"),
                  ("withheld kvm.steal_time", "the host does not offer it"),
                  ("moot kvm.spinlocks", "there is one CPU"),
                  ("moot kvm.tlb_flush", "there is one CPU"),
                  ("unused pvkit.bus", "blacklisted: /etc/modprobe.d/test.conf"),
                  ("unused pvkit.info", "no pvkit patches")]),
        "l": (0, [("pvk_core: left alone", "blacklisted: /etc/modprobe.d/test.conf")]),
    }),
    # nopv; the session without what a parameter forbids
    "nopv": ([], 2, "nopv pvk_core.features=0x3 pvk.load=pvk_core",
             ["config", "status=a"], {
        "a": (1, [("unused kvm.clock", "nopv on the kernel's command line"),
                  ("unused kvm.spinlocks", "nopv on the kernel's command line"),
                  ("in-use pvkit.bus", "the session has it"),
                  ("unused pvkit.batch", "pvk_core.features on the kernel's command line"),
                  ("unused pvk:pvk", "module pvk_blk is not loaded")]),
    }),
}

VIRTIO = ["-drive", "file=DISK,if=none,id=v,format=raw,snapshot=on",
          "-device", "virtio-blk-pci,drive=v"]
IDE = ["-drive", "file=DISK,if=ide,format=raw,snapshot=on"]
QEMU = {
    # a virtio disk whose drivers are not loaded, an IDE one beside it; a feature without its basis
    "undriven": (VIRTIO + IDE, f"{CPU},-kvm-steal-time", 2,
                 "modprobe.blacklist=virtio_blk pvk.load='ata_piix sd_mod'",
                 ["config", "status=a", "load=l", "status=b"], {
        "a": (1, [("withheld kvm.steal_time", "the host does not offer it"),
                  ("unused kvm.tlb_flush", "it needs steal_time"),
                  ("unused pci:0000:00:0", "module virtio_pci is not loaded"),
                  ("emulated disk:sda", "PIIX3 IDE; pci:0000:00:0")]),
        "l": (0, [("virtio_pci: loaded", ""), ("virtio_blk: left alone", "modprobe.blacklist=")]),
        "b": (1, [("in-use pci:0000:00:0", "virtio-pci"),
                  ("unused virtio:virtio0", "blacklisted: modprobe.blacklist=")]),
    }),
    # two interfaces; hints; a clock chosen by hand
    "shadowed": ([], f"{CPU},hv-relaxed,hv-vapic,hv-time,hv-vpindex,kvm-hint-dedicated=on", 2,
                 "clocksource=acpi_pm", ["config", "status=a"], {
        "a": (1, [("moot hyperv.reference_tsc", "Linux took KVM's interface"),
                  ("moot kvm.spinlocks", "KVM_HINTS_REALTIME"),
                  ("moot kvm.tlb_flush", "KVM_HINTS_REALTIME"),
                  ("unused kvm.clock", "the clock source is acpi_pm, because of clocksource")]),
    }),
    # the cloud flavour's kernel, which has no 9P by virtio
    "cloud": (["-fsdev", "local,id=f,path=/run,security_model=none",
               "-device", "virtio-9p-pci,fsdev=f,mount_tag=t"], CPU, 1, "pvk.load=virtio_pci",
              ["config", "status=a", "load=l"], {
        "a": (1, [("unused virtio:virtio0", "compiled out: CONFIG_NET_9P_VIRTIO"),
                  ("in-use kvm.clock", "it is the clock source")]),
        "l": (1, [("9pnet_virtio, for virtio:virtio0", "compiled out: CONFIG_NET_9P_VIRTIO")]),
    }),
    # KVM hides, and what it shows is of no use to Linux; a driver that is not there
    "hidden": (["-device", "virtio-scsi-pci"] + IDE, f"{CPU},kvm=off,hv-relaxed,hv-vapic,hv-time", 1,
               "pvk.load='virtio_pci ata_piix sd_mod'", ["config", "status=a", "load=l"], {
        "a": (1, [("withheld kvm", "hides its signature"),
                  ("unused hyperv.reference_tsc", "where vp_index is not offered"),
                  ("unused virtio:virtio0", "there is no module virtio_scsi in /lib/modules/"),
                  ("emulated disk:sda", "PIIX3 IDE")]),
        "l": (1, [("virtio_scsi, for virtio:virtio0", "there is no module virtio_scsi")]),
    }),
}


def said(text):
    return dict(m.groups() for m in re.finditer(r"(?m)^PVT set (\S+) ?(.*?)\r*$", text))


def judge(t, name, values, text, want):
    saved = re.findall(r"(?m)^PVT-SAVED (.*?)\r*$", text)
    if saved:
        os.makedirs(OUT, exist_ok=True)
        with open(os.path.join(OUT, name + ".snap"), "w", encoding="utf-8") as f:
            f.write("\n".join(saved) + "\n")
    for key, (status, rows) in want.items():
        lines = [values[k] for k in (f"{key}:{n}" for n in range(200)) if k in values]
        t.equal(f"{name}, {key}: exit status {status}", values.get(f"{key}:status"), str(status))
        for begin, words in rows:
            good = [x for x in lines if begin in x and words in x]
            t.check(f"{name}, {key}: {begin}: {words}", good, "\n".join(lines))


def stub(t, name, disk, options, cpus, append, steps, want):
    with Vm(t, "status", "status.sh " + " ".join(steps + SAVE), disks=[disk], cpus=cpus,
            name=f"status-{name}", append="pvk.coldplug=0 " + append.replace("'", '"'),
            options=options) as vm:
        vm.run(LIMIT)
        judge(t, name, vm.values, vm.text, want)


def qemu(t, name, disk, devices, cpu, cpus, append, steps, want):
    append = append.replace("'", '"')
    flavour = "-cloud" if name == "cloud" else ""
    argv = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", cpu, "-m", "256", "-nodefaults",
            "-smp", str(cpus), "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", os.path.join(PREPARED, "kernel" + flavour),
            "-initrd", os.path.join(PREPARED, "initrd-status" + flavour),
            *[x.replace("DISK", disk) for x in devices],
            "-append", f"console=ttyS0 quiet noxsave panic=-1 pvk.coldplug=0 pvk.timeout=200 {append} "
                       f'pvk.cmd="status.sh {" ".join(steps + SAVE)}"']
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=LIMIT, check=False,
                              env={**os.environ, "TMPDIR": os.path.dirname(disk)})
        text = done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as e:
        text = (e.stdout or b"").decode("utf-8", "replace")
    text = text.replace("\r", "")
    if os.environ.get("BOX_OUT"):
        with open(os.path.join(os.environ["BOX_OUT"], f"status-{name}.console"), "w",
                  encoding="utf-8") as f:
            f.write(text)
    t.check(f"{name}: the guest's test ran to its end", "PVK-RESULT 0" in text, text[-2000:])
    t.check(f"{name}: no complaint of the kernel", not COMPLAINT.search(text), text[-2000:])
    judge(t, name, said(text), text, want)


def main():
    t = Checks()
    kind, names = sys.argv[1], sys.argv[2:]
    disk = make_disk(os.path.join(scratch(), "disk.img"), 16 << 20)
    for name, guest in (STUB if kind == "kvm" else QEMU).items():
        if not names or name in names:
            (stub if kind == "kvm" else qemu)(t, name, disk, *guest)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
