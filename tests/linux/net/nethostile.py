#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""nethostile [ROUNDS SEED] - a guest misuses two of its cards: do cards, stub and wire live on?

One card works under its driver on a TAP while two others, one of each model, are
misused from the guest's user space: bad addresses and lengths, rings outside
RAM, ids several times, wrong phases, runts, too large frames, nonsense
offloads, registers at random. The other end of these is a datagram socket whose
owner looks for bytes that do not belong to the frame, and sends frames, runts
and too large ones itself.
"""

import os
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from net import Process, Tap, settle, traffic, verified	# noqa: E402
from vm import LONG, PREPARED, Checks, Vm, scratch	# noqa: E402

t = Checks()
top = scratch()
HOSTILE = os.path.join(PREPARED, "nethostile")
rounds = 1000 if LONG else 40
seeds = range(1, 6 if LONG else 2)
if len(sys.argv) > 2:
    rounds, seeds = int(sys.argv[1]), [int(sys.argv[2])]
for seed in seeds:
    nics = ["--nic", "tap=pvt0,models=emulated"]
    ends = []
    for name in ("emulated", "pvkit"):
        own, peer = f"{top}/{name}-{seed}-host", f"{top}/{name}-{seed}-vm"
        nics += ["--nic", f"dgram={peer},peer={own},models={name}"]
        ends.append((name, Process([HOSTILE, "watch", own, peer, str(seed)])))
    print(f"# seed {seed}, {rounds} rounds")
    with Tap("pvt0") as tap, traffic() as server, ends[0][1], ends[1][1]:
        for _, end in ends:
            settle(lambda e=end: "ready" in e.said())
        with Vm(t, "net", f"nethostile.sh {seed} {rounds} {tap.address} 10.77.0.2",
                append="pvk.coldplug=0", options=nics) as vm:
            vm.run(1500 if rounds > 40 else 200)
            said = vm.errors().splitlines()
            t.check("the stub says a bounded number of lines about it", len(said) < 200,
                    "\n".join(said[:20]))
        t.check("the server found nothing wrong", server.alive(), server.said())
        verified(t, vm, "traffic")
        for name, end in ends:
            end.proc.terminate()
            end.proc.wait()
            said = end.said()
            words = said.split("watched", 1)[-1].split()
            t.check(f"{name}: what came out of the VM was what was sent",
                    end.proc.returncode == 0, said)
            t.check(f"{name}: whole frames and pieces came, and some went in",
                    len(words) > 6 and all(int(words[k]) > 50 for k in (2, 4, 6)), said)
            print("# " + name + ": " + said.strip().splitlines()[-1])
sys.exit(t.end())
