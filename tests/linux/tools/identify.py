#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""identify [live | NAME...] - does pvkit detect name the machine below, and what do others say?

live: this host itself, if it is the emulated one, and guests of pvkit-vm and of QEMU
on KVM, with Hyper-V's interface and without KVM's. NAME: a dump of tests/data/dumps: a
stock kernel is booted that sees that machine's hypervisor leaves (pvkit-vm --cpuid) and
its facts. Without arguments: live, and some dumps.

What each program said goes to $BOX_OUT/identify/NAME.json, the recordings of
live machines to NAME.dump beside. Two dumps share a guest: each vCPU shows another.
"""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, PREPARED, ROOT, Vm, scratch	# noqa: E402

DETECT = os.path.join(ROOT, "build/pvkit-detect")
OUT = os.path.join(os.environ.get("BOX_OUT") or scratch(), "identify")
SOME = ["hyperv", "xen-viridian", "kvm-hidden-behind-hyperv", "virtualbox-kvm"]
VCPUS = 2		# of a guest, each of which shows another machine
CALL = "vmm?call"
KVM = rf"interface 0x40000000 kvm of kvm by {CALL}"
HYPERV = "interface 0x40000000 hyperv of kvm by page 0x40000001"
# what runs, arguments, lines wanted
STUB = {
    "box-pvkit-vm": ([], ["hypervisor kvm certain guest", "platform pvkit", KVM,
                           "interface 0x40000100 pvkit of kvm by port 0x700"]),
    "box-pvkit-vm-no-offer": (["--offer", "none"], ["hypervisor kvm likely guest", KVM]),
}
QEMU = {
    "box-qemu-kvm": ("host,migratable=off", ["hypervisor kvm certain guest", "platform qemu", KVM]),
    "box-qemu-kvm-hyperv": (
        "host,migratable=off,hv-relaxed,hv-vapic,hv-time,hv-vpindex,hv-spinlocks=0x1fff",
        ["hypervisor kvm certain guest", "platform qemu", HYPERV,
         rf"interface 0x40000100 kvm of kvm by {CALL}"]),
    "box-qemu-kvm-hidden": (
        "host,migratable=off,kvm=off,hv-relaxed,hv-vapic,hv-time",
        ["hypervisor kvm likely guest", "platform qemu", HYPERV]),
}
TCG = ["hypervisor tcg certain guest", "platform qemu", "interface 0x40000000 none of tcg by none"]


def said(text):
    """The lines "PVT set KEY VALUE" of a console."""
    return dict(m.groups() for m in re.finditer(r"(?m)^PVT set (\S+) ?(.*?)\r*$", text))


def lines_of(values):
    return [values[f"detect{n}"] for n in range(20) if f"detect{n}" in values]


def of_name(values, name):
    """Those of the values that one of several machines in a guest gave."""
    return {k[len(name) + 1:]: v for k, v in values.items() if k.startswith(name + ":")}


def record(name, values, text=""):
    if "lscpu" not in values:
        return		# it did not come to its end
    os.makedirs(OUT, exist_ok=True)
    row = {"pvkit": lines_of(values), "systemd": values.get("systemd", ""),
           "virt-what": values.get("virt-what", "").split(), "lscpu": values.get("lscpu", "")}
    with open(os.path.join(OUT, name + ".json"), "w", encoding="utf-8") as f:
        json.dump(row, f)
    saved = re.findall(r"(?m)^PVT-SAVED (.*?)\r*$", text)
    if saved:
        with open(os.path.join(OUT, name + ".dump"), "w", encoding="utf-8") as f:
            f.write("\n".join(saved) + "\n")


def judge(t, name, got, want):
    good = len(got) == len(want) and all(re.fullmatch(w, g) for w, g in zip(want, got))
    t.check(f"{name}: pvkit detect names the machine", good,
            "wanted:\n" + "\n".join(want) + "\nsaid:\n" + "\n".join(got))


def here(t):
    """This host itself."""
    if os.environ.get("PVKIT_BOX") != "emulated":
        t.skip("box-tcg: pvkit detect names the machine", "this host is no emulated one")
        return

    def run(*argv):
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False).stdout
    got = [x for x in run(DETECT, "--terse").splitlines() if not x.startswith("features")]
    values = {f"detect{n}": x for n, x in enumerate(got)}
    values["systemd"] = run("systemd-detect-virt", "--vm").strip()
    values["virt-what"] = " ".join(run("/usr/sbin/virt-what").split())
    values["lscpu"] = "".join(re.findall(r"(?m)^Hypervisor vendor: *(.*)$", run("lscpu")))
    subprocess.run([DETECT, "--quiet", "--save", "/run/saved"], check=True)
    with open("/run/saved", encoding="utf-8") as f:
        record("box-tcg", values, "".join(f"PVT-SAVED {x}" for x in f))
    # without firmware's DMI, QEMU's name is known by TCG's signature
    judge(t, "box-tcg", got, TCG)


def stub(t, name, options, want):
    with Vm(t, "identify", "identify.sh", options=options, name=name,
            append="pvk.coldplug=0") as vm:
        vm.run(150)
        record(name, vm.values, vm.text)
        judge(t, name, lines_of(vm.values), want)


def qemu(t, name, cpu, want):
    argv = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", cpu, "-m", "256", "-nodefaults",
            "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", os.path.join(PREPARED, "kernel"),
            "-initrd", os.path.join(PREPARED, "initrd-identify"),
            "-append", "console=ttyS0 quiet noxsave panic=-1 pvk.coldplug=0 pvk.timeout=100 "
                       "pvk.cmd=identify.sh"]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=200, check=False)
        text = done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as e:
        text = (e.stdout or b"").decode("utf-8", "replace")
    values = said(text)
    t.check(f"{name}: the guest's test ran to its end", "PVK-RESULT 0" in text, text[-2000:])
    record(name, values, text)
    judge(t, name, lines_of(values), want)


def replay(t, names):
    """What each dump states must be said on the vCPU of a guest that sees its leaves."""
    options, want = ["--offer", "none"], []
    for name in names:
        path = os.path.join(ROOT, "tests/data/dumps", name + ".dump")
        options += ["--cpuid", path]
        with open(path, encoding="utf-8") as f:
            lines = [x for x in re.findall(r"(?m)^#= (.*)$", f.read()) if not x.startswith("feat")]
        # this processor's own instruction: the dump's processor is not shown
        want.append([re.sub(r"\bvmm?call$", CALL, x) for x in lines])
    with Vm(t, "identify", "identify.sh " + " ".join(names), options=options, cpus=len(names),
            name="replay-" + names[0], append="pvk.coldplug=0 nopv tsc=reliable clocksource=tsc") as vm:
        vm.run(240)
        for name, lines in zip(names, want):
            values = of_name(vm.values, name)
            record(name, values)
            judge(t, name, lines_of(values), lines)


def main():
    t = Checks()
    names = sys.argv[1:] or ["live"] + SOME
    if "live" in names:
        here(t)
        for n, (options, want) in STUB.items():
            stub(t, n, options, want)
        for n, (cpu, want) in QEMU.items():
            qemu(t, n, cpu, want)
    dumps = [n for n in names if n != "live"]
    for i in range(0, len(dumps), VCPUS):
        replay(t, dumps[i:i + VCPUS])
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
