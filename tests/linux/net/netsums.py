#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netsums - is every checksum right that leaves a guest's card, and every length?

Each model on a TAP, where a packet socket sees what the virtio header leaves to
the host and what is complete; and each model on a socket, where everything must
be complete and no frame longer than a wire takes. Verified traffic, iperf3 both
ways and datagrams; then again with the card's offloads off, when nothing may be
left to the host.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from contextlib import ExitStack	# noqa: E402
from net import Process, Tap, settle, traffic, verified, wire, wire_counts	# noqa: E402
from vm import Checks, Vm, scratch	# noqa: E402

KINDS = (("emulated", "tap"), ("pvkit", "tap"), ("emulated", "stream"), ("pvkit", "dgram"))

t = Checks()
top = scratch()


def watch(tap):
    w = wire("watch", tap.name)
    w.__enter__()
    settle(lambda: "ready" in w.said())
    return w


def judge(name, process, on_tap, offloads):
    c = wire_counts(process)
    print(f"# {name}, offloads {'on' if offloads else 'off'}: " +
          process.said().strip().splitlines()[-1])
    t.check(f"{name}: each checksum and length is right", c and c["status"] == 0, process.said())
    if not c:
        return
    t.check(f"{name}: there were frames of TCP, of UDP and fragments",
            c["tcp"] > 50 and c["udp"] > 20 and c["fragments"] > 5, str(c))
    if on_tap and offloads:
        t.check(f"{name}: sums were left to the host, and large packets",
                c["left"] > 50 and c["large"] > 5, str(c))
    else:
        t.check(f"{name}: nothing was left to the host",
                c["left"] == 0 and c["large"] == 0 and c["whole"] > 50, str(c))


with ExitStack() as stack:
    server = stack.enter_context(traffic())
    stack.enter_context(Process(["iperf3", "-s"]))
    taps, links, nics, macs = [], [], [], []
    for n, (model, kind) in enumerate(KINDS, 1):
        tap = stack.enter_context(Tap(f"pvs{n}", subnet=80 + n))
        path, mac = f"{top}/{n}", f"52:54:00:82:00:0{n}"
        if kind == "stream":
            links.append(stack.enter_context(wire("join", "stream", path, tap.name)))
            where = f"stream={path}"
        elif kind == "dgram":
            links.append(stack.enter_context(wire("join", "dgram", path, path + "-vm", tap.name)))
            where = f"dgram={path}-vm,peer={path}"
        else:
            links.append(None)
            where = f"tap={tap.name}"
        if links[-1]:
            settle(lambda w=links[-1]: "ready" in w.said())
        nics += ["--nic", f"{where},mac={mac},models={model}"]
        macs.append(mac)
        taps.append(tap)
    with Vm(t, "net", "netsums.sh " + " ".join(macs), append="pvk.coldplug=0", options=nics) as vm:
        for n in (0, 1):
            links[n] = watch(taps[n])
        vm.start()
        for n, (model, kind) in enumerate(KINDS):
            name = f"{model}, {kind}"
            if not vm.wait_at(f"next{n + 1}", 150):
                break
            if kind == "tap":
                judge(name, links[n], True, True)
                links[n] = watch(taps[n])
            vm.send()
            if not vm.wait_at(f"end{n + 1}", 60):
                break
            if kind == "tap":
                judge(name, links[n], True, False)
            vm.send()
        vm.wait(60)
        vm.judge()
        for n, (model, kind) in enumerate(KINDS):
            verified(t, vm, f"traffic{n + 1}", 256 << 10)
            if kind != "tap":
                judge(f"{model}, {kind}", links[n], False, True)
    t.check("the server found nothing wrong", server.alive(), server.said())
sys.exit(t.end())
