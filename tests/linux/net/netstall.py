#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netstall - what becomes of a guest whose links' other ends stop reading?

Four cards: each model on a stream and on datagrams. The process at the other end
of each, which passes frames on to a TAP, is stopped under traffic and goes on
some seconds later. The guest must stay responsive meanwhile, its cards must go
down and up, and the connections must go on with every byte right.
"""

import signal
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from contextlib import ExitStack	# noqa: E402
from net import Tap, settle, traffic, verified, wire, wire_counts	# noqa: E402
from vm import Checks, Vm, scratch	# noqa: E402

KINDS = (("emulated", "stream"), ("pvkit", "stream"), ("emulated", "dgram"), ("pvkit", "dgram"))

t = Checks()
top = scratch()
with ExitStack() as stack:
    server = stack.enter_context(traffic())
    links, nics, macs = [], [], []
    for n, (model, kind) in enumerate(KINDS, 1):
        tap = stack.enter_context(Tap(f"pvs{n}", subnet=80 + n))
        path, mac = f"{top}/{n}", f"52:54:00:81:00:0{n}"
        ends = (path,) if kind == "stream" else (path, path + "-vm")
        links.append(stack.enter_context(wire("join", kind, *ends, tap.name)))
        settle(lambda w=links[-1]: "ready" in w.said())
        where = f"stream={path}" if kind == "stream" else f"dgram={path}-vm,peer={path}"
        nics += ["--nic", f"{where},mac={mac},models={model}"]
        macs.append(mac)
    with Vm(t, "net", "netstall.sh " + " ".join(macs), append="pvk.coldplug=0", options=nics) as vm:
        vm.start()
        if vm.wait_at("stop", 150):
            for w in links:
                w.proc.send_signal(signal.SIGSTOP)
            vm.send()
        vm.wait_at("go", 120)
        for w in links:
            w.proc.send_signal(signal.SIGCONT)
        vm.send()
        vm.wait(150)
        vm.judge()
        for n, (model, kind) in enumerate(KINDS, 1):
            verified(t, vm, f"traffic{n}", 256 << 10)
            dropped = vm.stat(f"nics.{n - 1}.queues.0.tx_dropped", 0)
            t.check(f"{model}, {kind}: the wire was full, and {dropped} frames were dropped",
                    dropped > 0)
            counts = wire_counts(links[n - 1])
            t.check(f"{model}, {kind}: the frames on the wire were right",
                    counts and counts["status"] == 0 and counts["whole"] > 50, links[n - 1].said())
    t.check("the server found nothing wrong", server.alive(), server.said())
sys.exit(t.end())
