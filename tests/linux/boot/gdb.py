#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""gdb.py - can a guest kernel be debugged from its first instruction on?

GDB, with the kernel's vmlinux, at the socket of --gdb ...,wait: breakpoints of all kinds,
registers, memory, steps, Ctrl-C, and leave-taking, after which the guest runs on to its end.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import ROOT, Checks, Vm, scratch	# noqa: E402

KERNEL = os.path.join(ROOT, "build/pvops/patched")
LIMIT = 100		# seconds of one command of GDB


class Gdb:
    """GDB, fed by a pipe: a command, then a mark that says that its output has ended."""

    def __init__(self, path):
        self.proc = subprocess.Popen(["gdb", "-nx", "-q", path], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                     start_new_session=True)
        self.text, self.marks = "", 0
        self.news = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()
        self.say("set pagination off", "set confirm off", "set width 0")

    def read(self):
        while True:
            piece = os.read(self.proc.stdout.fileno(), 65536).decode(errors="replace")
            with self.news:
                self.text += piece
                self.news.notify()
            if not piece:
                return

    def begin(self, *commands):
        """Gives commands; what they answer is the next end()'s."""
        self.marks += 1
        self.proc.stdin.write("".join(c + "\n" for c in commands) + f"echo \\n=={self.marks}==\\n\n")
        self.proc.stdin.flush()

    def end(self, limit=LIMIT):
        mark = f"\n=={self.marks}==\n"
        deadline = time.monotonic() + limit
        with self.news:
            while (mark not in self.text and time.monotonic() < deadline and
                   self.proc.poll() is None):
                self.news.wait(1)
            said, found, self.text = self.text.partition(mark)
        if not found:
            raise TimeoutError(f"GDB said nothing more for {limit} s, after: {said}")
        return said

    def say(self, *commands):
        self.begin(*commands)
        return self.end()

    def close(self):
        self.proc.kill()
        self.proc.wait()


def noise(path):
    """Somebody who is no debugger: what they are answered."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path)
        s.sendall(b"GET / HTTP/1.1\r\n\r\n\x03$g#00$" + b"x" * 10000)
        return s.recv(100)


def session(t, vm, gdb, path):
    """From the first instruction to leave-taking."""
    def asks(name, pattern, *commands):
        said = gdb.say(*commands)
        return t.check(name, bool(re.search(pattern, said)), f"want {pattern}:\n{said}\n{vm.errors()}")

    asks("GDB attaches, and the guest has not begun", r"0x0*1[0-9a-f]{6} in", f"target remote {path}")
    asks("a breakpoint in code that runs at its physical address", r"SIGTRAP(?s:.*)0x0*1[0-9a-f]{6}",
         "break __startup_64", "continue", "p/x $pc", "delete")
    asks("each vCPU is a thread", r"vCPU 0(?s:.*)vCPU 1", "info threads")
    asks("a breakpoint where nothing is mapped yet", r"Breakpoint \d+, 0xffffffff\w+ in start_kernel",
         "break start_kernel", "continue")
    asks("a backtrace names the function", r"#0  0xffffffff\w+ in start_kernel \(\)", "backtrace 3")
    asks("registers, by QEMU's names, too",
         r"rip  .*<start_kernel(?s:.*)cs  .*0x10(?s:.*)fs_base(?s:.*)gs_base(?s:.*)k_gs_base(?s:.*)"
         r"cr0  .*0x8005003(?s:.*)cr2(?s:.*)cr3(?s:.*)cr4(?s:.*)cr8(?s:.*)efer  .*0x[d5]01",
         "info registers")
    asks("the floating point unit's", r"0x37f(?s:.*)uint128(?s:.*)0x1f80", "p/x $fctrl", "p $xmm0",
         "p/x $mxcsr")
    asks("a variable of the kernel", r'"Linux version 6\.1', "x/s &linux_banner")
    asks("memory is written", r'"Minix version', "set var *(char[5] *)&linux_banner = \"Mini\"",
         "set var ((char *)&linux_banner)[4] = 'x'", "x/s &linux_banner")
    asks("and put back", r'"Linux version', "set var *(char[5] *)&linux_banner = \"Linu\"",
         "set var ((char *)&linux_banner)[4] = 'x'", "x/s &linux_banner")
    asks("what is no RAM is refused", r"Cannot access memory", "x/x 0x123400000000")
    asks("a register is written", r"= 0x1122334455667788", "set $old = $r15",
         "set $r15 = 0x1122334455667788", "flushregs", "p/x $r15", "set $r15 = $old")
    asks("steps", r"= [1-9]\d*\n(?s:.*)start_kernel", "set $from = $pc", "stepi", "stepi",
         "p $pc - $from", "info symbol $pc")
    hardware = {
        "a watchpoint": (r"Hardware watchpoint \d+(?s:.*)Old value = 0\s+New value = 1",
                         "watch *(int *)&system_state", "continue"),
        "a hardware breakpoint": (r"Breakpoint \d+, 0xffffffff\w+ in kernel_init",
                                  "delete", "hbreak kernel_init", "continue"),
    }
    for name, (pattern, *commands) in hardware.items():
        if os.environ.get("PVKIT_BOX") == "emulated":
            t.skip(name, "QEMU's emulation arms no debug registers at VMRUN (docs/rig.md, fault 8)")
        else:
            asks(name, pattern, *commands)
    asks("a software breakpoint", r"Breakpoint \d+, 0xffffffff\w+ in kernel_execve",
         "delete", "break kernel_execve", "continue")
    asks("the caller is named", r"#\d  0xffffffff\w+ in kernel_init \(\)", "backtrace")
    gdb.begin("delete", "continue")
    vm.wait_at("debugged")
    time.sleep(1)
    gdb.proc.send_signal(signal.SIGINT)
    said = gdb.end()
    t.check("Ctrl-C stops the guest", "received signal SIGINT" in said, said)
    before = len(vm.text)
    vm.send()
    vm.pump(time.monotonic() + 2)
    t.check("a stopped guest does nothing", len(vm.text) == before, vm.text[before:])
    asks("the other vCPU is looked at", r"#0  0x", "thread 2", "backtrace 2")
    asks("GDB takes leave", r"Detaching|detached", "detach")


t = Checks()
where = os.path.join(scratch(), "gdb")
with Vm(t, "pvops", "pvops/debug.sh", cpus=2, kernel=os.path.join(KERNEL, "bzImage"),
        append="noxsave nokaslr console=hvc0", options=["--gdb", where + ",wait"], name="gdb") as guest:
    guest.start()
    for _ in range(300):
        if os.path.exists(where) or guest.proc.poll() is not None:
            break
        time.sleep(0.1)
    if not t.check("there is a socket for the debugger", os.path.exists(where), guest.errors()):
        sys.exit(t.end())
    t.equal("who is no debugger hears that it was not understood", noise(where), b"-")
    debugger = Gdb(os.path.join(KERNEL, "vmlinux"))
    try:
        session(t, guest, debugger, where)
    except TimeoutError as e:
        t.check("each command of GDB ends", False, f"{e}\n{guest.account()}")
    finally:
        debugger.close()
    guest.wait(100)
    guest.judge()
sys.exit(t.end())
