#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netpasst - does passt serve a guest over a stream socket?

Each model has a passt of its own, which gives an address by DHCP and leads to the
host's loopback by the address of the router. passt takes address and router
from an interface of the host: a dummy one, made here.

TCP on the pvkit model only: the passt of Debian 12 drops IPv4 frames with padding
behind the packet, and the stock driver of the emulated card pads to 60 bytes,
as all acknowledgements without data are shorter. No verified traffic: what that
passt does with TCP is no matter of ours (docs/stub.md).
"""

import os
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from contextlib import ExitStack	# noqa: E402
from net import Page, Process, run, settle	# noqa: E402
from vm import Checks, Vm, scratch	# noqa: E402

t = Checks()
top = scratch()
os.chmod(top, 0o777)	# passt becomes another user
with ExitStack() as stack:
    page = stack.enter_context(Page())
    subprocess.run(["modprobe", "dummy", "numdummies=0"], check=False)
    run("ip", "link", "add", "pvs0", "type", "dummy")
    stack.callback(subprocess.run, ["ip", "link", "delete", "pvs0"], check=False)
    run("ip", "address", "add", "10.90.0.2/24", "dev", "pvs0")
    run("ip", "link", "set", "pvs0", "up")
    run("ip", "route", "add", "default", "via", "10.90.0.1", "dev", "pvs0")
    nics, macs = [], []
    for n, model in enumerate(("emulated", "pvkit"), 1):
        path, mac = f"{top}/{n}", f"52:54:00:85:00:0{n}"
        argv = ["passt", "--foreground", "--ipv4-only", "--mtu", "1500", "--socket", path]
        stack.enter_context(Process(argv))
        settle(lambda p=path: os.path.exists(p))
        nics += ["--nic", f"stream={path},mac={mac},models={model}"]
        macs.append(mac)
    with Vm(t, "net", "netpasst.sh " + " ".join(macs), append="pvk.coldplug=0", options=nics) as vm:
        vm.run(200)
        t.check("the page was asked for", len(page.asked) == 1, str(page.asked))
sys.exit(t.end())
