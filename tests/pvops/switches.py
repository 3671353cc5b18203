#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""switches.py MACHINE - does a patched kernel boot with each feature away, and with each alone?

MACHINE: pc or minimal. The minimal machine cannot do without some: those are told by its refusal.
"""

import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
sys.path.insert(0, os.path.join(ROOT, "tests/pvops"))
from checks import Checks	# noqa: E402
from exits import cpio	# noqa: E402

OFFERS = ("info", "power", "smp", "console", "mem")
SECTIONS = ("clock", "absent", "cpus", "cpuid", "msr", "seed")
NEEDED = {"minimal": ("no-info", "no-console", "no-absent", "no-cpus")}
SECONDS = 25

machine = sys.argv[1]
t = Checks()
stub = os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm"))


def boot(name, *options):
    """One boot to init.c's words with two CPUs."""
    console = "hvc0" if machine == "minimal" else "ttyS0"
    argv = [stub, "--kernel", os.path.join(ROOT, "build/pvops/patched/bzImage"), "--initrd", initrd,
            "--memory", "256M", "--cpus", "2", "--machine", machine, *options,
            "--append", f"console={console} quiet noxsave panic=-1 pci=noearly"]
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
        said, status = p.stdout.decode("utf-8", "replace"), p.returncode
    except subprocess.TimeoutExpired as e:
        said, status = (e.stdout or b"").decode("utf-8", "replace"), "time is over"
    # Without the call a minimal machine can only halt.
    halts = machine == "minimal" and name == "no-power" and "System halted" in said
    t.check(f"{machine}: boots with {name}", "PVK-INIT" in said and (status == 0 or halts),
            f"{' '.join(options)}: status {status}\n{said[-1500:]}")


with tempfile.TemporaryDirectory() as tmp:
    initrd = os.path.join(tmp, "initrd")
    with open(initrd, "wb") as f:
        f.write(cpio(os.path.join(ROOT, "build/pvops/init")))
    cases = [("everything", []), ("nothing", ["--offer", "none"])]
    cases += [(f"no-{x}", ["--offer", f"no-{x}"]) for x in OFFERS]
    cases += [(f"no-{x}", ["--info", f"no-{x}"]) for x in SECTIONS]
    cases += [(f"{x} alone", ["--offer", x]) for x in OFFERS]
    cases += [(f"info's {x} alone", ["--offer", "info", "--info", x]) for x in SECTIONS]
    for case, how in cases:
        if machine == "pc" or (case.startswith("no-") and case not in NEEDED["minimal"]) or \
                case == "everything":
            boot(case, *how)
sys.exit(t.end())
