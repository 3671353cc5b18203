#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""reboots.py [N] - does a process whose guest rebooted N times hold what it held at first?

Descriptors, threads, private and virtual memory of one pvkit-vm, read while the
tests' guest (probe.c) waits for a line to be typed; then it reboots. A disk, a card and the
messages come along. Runs where a KVM is.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
sys.dont_write_bytecode = True

from checks import Checks	# noqa: E402
from process import field, private_memory	# noqa: E402

STUB = os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm"))
PROBE = os.environ.get("PVKIT_PROBE", os.path.join(ROOT, "build/guests/probe"))
BOOTS = int(sys.argv[1]) if sys.argv[1:] else 1000 if os.environ.get("PVKIT_LONG") else 300
SETTLED = 20		# boots until buffers that are made when first needed are there
SLACK = 512		# KiB of private memory: half a KiB a boot


def holds(pid):
    """What the process holds: descriptors, threads, KiB of memory."""
    of = f"/proc/{pid}/status"
    return {"descriptors": len(os.listdir(f"/proc/{pid}/fd")), "threads": field(of, "Threads"),
            "private": private_memory(pid), "virtual": field(of, "VmSize")}


def main():
    t = Checks()
    with tempfile.TemporaryDirectory(prefix="pvkit-reboots-") as top:
        disk = os.path.join(top, "disk")
        with open(disk, "wb") as f:
            f.truncate(1 << 20)
        with tempfile.TemporaryFile("w+") as err:
            stub = subprocess.Popen(
                [STUB, "--kernel", PROBE, "--memory", "64M", "--pages", "small", "--machine", "pc",
                 "--reboots", "any",
                 "--append", "brief echo reboot", "--disk", disk, "--nic",
                 f"stream={top}/wire,listen", "--stats", os.path.join(top, "stats")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err)
            seen = []
            since = time.monotonic()
            for line in stub.stdout:
                if line != b"type\n":
                    continue
                seen.append(holds(stub.pid))
                if len(seen) > BOOTS:
                    break
                stub.stdin.write(b"\n")
                stub.stdin.flush()
            took = time.monotonic() - since
            stub.send_signal(signal.SIGINT)
            status = stub.wait(30)
            err.seek(0)
            said = err.read()
    t.note(f"{len(seen) - 1} reboots, {took / max(1, len(seen) - 1) * 1000:.0f} ms each")
    if not t.equal(f"{BOOTS} reboots", len(seen) - 1, BOOTS):
        t.note(said)
        return t.end()
    t.equal("it ends when told", status, 128 + signal.SIGINT)
    first, last = seen[SETTLED], seen[-1]
    t.note(f"at boot {SETTLED}: {first}")
    t.note(f"at boot {BOOTS}: {last}")
    for what in ("descriptors", "threads"):
        t.equal(f"{what} are as at first", last[what], first[what])
    t.check("virtual memory is as at first", last["virtual"] - first["virtual"] <= SLACK,
            f"{first} {last}")
    t.check("private memory is as at first", last["private"] - first["private"] <= SLACK,
            f"{first} {last}")
    lines = [s for s in said.splitlines() if "again" in s]
    t.check("the guest's words are said a few times", len(lines) <= 15 + took / 30, len(lines))
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
