#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netqemu client|server - do guests of pvkit-vm and of QEMU understand each other over sockets?

The same kernel and initrd in both; QEMU's cards are virtio's. One card on a
stream, of which pvkit-vm is the client or the server, and one on datagrams, on
one model each.
"""

import os
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from net import settle, verified	# noqa: E402
from vm import PREPARED, Checks, Vm, scratch	# noqa: E402

# model, its back end, QEMU's; {} is the path
DGRAM = ("dgram={}-vm,peer={}-q",
         "dgram,local.type=unix,local.path={}-q,remote.type=unix,remote.path={}-vm")
KINDS = {
    "client": (("emulated", "stream={}", "stream,server=on,addr.type=unix,addr.path={}"),
               ("pvkit", *DGRAM)),
    "server": (("pvkit", "stream={},listen", "stream,server=off,addr.type=unix,addr.path={}"),
               ("emulated", *DGRAM)),
}

role = sys.argv[1]
t = Checks()
top = scratch()


class Qemu(Vm):
    """The guest under QEMU instead."""

    def __init__(self, script, netdevs, name):
        super().__init__(t, "net", script, append="pvk.coldplug=0", stats=False, name=name)
        append = self.argv[self.argv.index("--append") + 1]
        self.argv = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "192M",
                     "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                     "-serial", "stdio",
                     "-kernel", os.path.join(PREPARED, "kernel"),
                     "-initrd", os.path.join(PREPARED, "initrd-net"),
                     "-append", append + " noxsave"]
        for n, (mac, netdev) in enumerate(netdevs):
            self.argv += ["-netdev", f"{netdev[0]},id=n{n},{netdev[1]}",
                          "-device", f"virtio-net-pci,netdev=n{n},mac={mac}"]


nics, netdevs, macs, theirs = [], [], [], []
for k, (model, ours, other) in enumerate(KINDS[role], 1):
    path, mac, their = f"{top}/{k}", f"52:54:00:84:00:0{k}", f"52:54:00:84:01:0{k}"
    nics.append(["--nic", ours.replace("{}", path) + f",mac={mac},models={model}"])
    netdevs.append((their, other.replace("{}", path).split(",", 1)))
    macs.append(mac)
    theirs.append(their)

# Who listens is started first.
with Qemu("netqemu.sh serve " + " ".join(theirs), netdevs, f"netqemu-{role}-qemu") as other, \
     Vm(t, "net", "netqemu.sh talk " + " ".join(macs), append="pvk.coldplug=0",
        options=sum(nics, []), memory="192M", name=f"netqemu-{role}") as vm:
    first, second = (other, vm) if role == "client" else (vm, other)
    first.start()
    settle(lambda: os.path.exists(f"{top}/1"))
    second.start()
    if other.wait_at("serving", 120):
        vm.wait(120)
        vm.judge()
        other.send()
        other.wait(60)
        t.check("QEMU's guest ran to its end, and found nothing wrong",
                other.finished and other.result == "0", other.account())
        for k in (1, 2):
            verified(t, vm, f"traffic{k}", 256 << 10)
sys.exit(t.end())
