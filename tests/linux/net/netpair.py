#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netpair - do two guests talk to each other over the socket back ends?

Over a stream (one listens, one connects) and over datagrams, the emulated model
at one end and the pvkit model at the other.
"""

import os
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, scratch	# noqa: E402

t = Checks()
top = scratch()


def pair(kind, server_nic, client_nic, models):
    server_nic, client_nic = (f"{nic},models={model}" for nic, model in zip((server_nic, client_nic), models))
    with Vm(t, "net", f"netpair.sh serve {models[0]} 10.78.0.1 10.78.0.2", options=["--nic", server_nic],
            memory="192M", name=kind + "-server") as server, \
         Vm(t, "net", f"netpair.sh talk {models[1]} 10.78.0.2 10.78.0.1", options=["--nic", client_nic],
            memory="192M", name=kind + "-client") as client:
        server.start()
        if not server.wait_at("serving", 150):
            return
        client.run(200)
        server.send()
        server.wait(60)
        server.judge()
        words = client.values.get("traffic", "").split()
        t.check(f"{kind}: megabytes were verified", len(words) > 2 and int(words[1]) > 1 << 20, " ".join(words))


path = os.path.join(top, "stream")
pair("stream", f"stream={path},listen", f"stream={path}", ("emulated", "pvkit"))
a, b = os.path.join(top, "a"), os.path.join(top, "b")
pair("dgram", f"dgram={a},peer={b}", f"dgram={b},peer={a}", ("pvkit", "emulated"))
sys.exit(t.end())
