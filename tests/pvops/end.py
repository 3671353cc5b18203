#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""end.py KERNEL MACHINE HOW... - how does a patched kernel end, and go on?

KERNEL: patched, patched-6.12. MACHINE: pc or minimal. HOW: reboot, panic, kexec, crash (kexec
after a crash), request (the host asks for a shutdown), pause (the host stands still; in an
emulated KVM host, which is ours alone, its clock is set meanwhile, as by a suspend).
"""

import json
import os
import signal
import sys
import time

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/linux/lib")
from vm import ROOT, Checks, Vm	# noqa: E402

PAUSE = 3	# seconds
STEP = 5000	# seconds that the host's clock is set forward by
PANIC = 22	# HS_EXIT_PANIC

kernel, machine, *hows = sys.argv[1:]
t = Checks()


def guest(how, append="", options=()):
    """A patched kernel that runs guest/end.sh; its console is hvc0 and nothing else."""
    options = list(options) + (["--machine", "minimal"] if machine == "minimal" else [])
    return Vm(t, "pvops-kexec" if how in ("kexec", "crash") else "pvops", f"pvops/end.sh {how}",
              kernel=os.path.join(ROOT, f"build/pvops/{kernel}/bzImage"), memory="512M",
              append=f"noxsave console=hvc0 {append}", options=options,
              name=f"pvops-{kernel}-{machine}-{how}")


def reboot():
    with guest("reboot", options=["--no-reboot"]) as vm:
        vm.start()
        if vm.wait_at("reboot"):
            t.equal("reboot: the host was told, and ends the VM", vm.wait(40), 0)


def panic():
    with guest("panic", append="panic=0") as vm:
        vm.argv[vm.argv.index("--append") + 1] = \
            vm.argv[vm.argv.index("--append") + 1].replace("panic=-1", "")
        vm.start()
        if vm.wait_at("panic"):
            t.equal("panic: the status says so", vm.wait(40), PANIC)
            t.check("panic: the host knows why", "sysrq triggered crash" in vm.errors(),
                    vm.account())
            t.check("panic: the last words are on the console", "Kernel panic" in vm.text,
                    vm.tail())


def kexec():
    with guest("kexec") as vm:
        vm.run(150)


def crash():
    with guest("crash", append="crashkernel=160M") as vm:
        vm.start()
        vm.wait(150)
        t.check("crash: the second kernel's test ran to its end", vm.finished and vm.result == "0",
                vm.account())
        t.equal("crash: it switched off", vm.status, 0)


def request():
    with guest("request") as vm:
        vm.start()
        if vm.wait_at("request"):
            time.sleep(1)
            vm.signal(signal.SIGTERM)
            t.equal("request: it switched off by itself", vm.wait(40), 0)
            t.check("request: by the way that a user would take", vm.finished, vm.account())


def pause():
    with guest("pause") as vm:
        vm.start()
        if not vm.wait_at("pause"):
            return
        vm.signal(signal.SIGSTOP)
        time.sleep(PAUSE)
        if os.environ.get("PVKIT_BOX") == "emulated":
            time.clock_settime(time.CLOCK_REALTIME, time.time() + STEP)
        vm.signal(signal.SIGCONT)
        time.sleep(0.5)
        earliest = time.time()
        vm.send()
        vm.wait_at("timed")
        date, latest = int(vm.values.get("date", "0")), time.time()
        t.check("pause: the time of day is right at once", earliest - 2 < date < latest + 2,
                f"{date}, of {earliest:.1f} to {latest:.1f}")
        vm.wait(40)
        vm.judge()


for name in hows:
    {"reboot": reboot, "panic": panic, "kexec": kexec, "crash": crash, "request": request,
     "pause": pause}[name]()
sys.exit(t.end())
