#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""grub.py [elsewhere] - does GRUB with pvkit's patches boot under pvkit-vm, from disk and net?

GRUB is the image that grub-mkimage makes of the modules and a few commands; it starts by
Multiboot, without firmware, and speaks by the console's rings. From the network it
gets an address by DHCP, a stock kernel and an initrd by HTTP, and boots them to /init.
From a disk it reads files; it switches off, and reboots. Runs as root where a KVM is.
`elsewhere`: under QEMU's emulation, where its module finds no host and must not matter.
"""

import functools
import http.server
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
sys.path.insert(0, os.path.join(ROOT, "tests/pvops"))
sys.dont_write_bytecode = True

from checks import Checks	# noqa: E402
from exits import cpio	# noqa: E402

STUB = os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm"))
BUILT = os.path.join(ROOT, "build/port")
MODULES = ["pvkit", "net", "http", "linux", "boot", "echo", "ls", "cat", "ext2"]
# vt100's movements and GRUB's line ends
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves a directory; keeps what was asked for."""

    asked = []

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()


def image(tmp, name, commands, modules=()):
    """An image of GRUB that does these commands."""
    script, path = os.path.join(tmp, name + ".cfg"), os.path.join(tmp, name)
    with open(script, "w", encoding="ascii") as f:
        f.write("\n".join(commands) + "\n")
    subprocess.run([os.path.join(BUILT, "grub/grub-mkimage"), "-O", "i386-multiboot", "-d",
                    os.path.join(BUILT, "grub/i386-multiboot"), "-p", "/", "-c", script, "-o", path]
                   + MODULES + list(modules), check=True)
    return path


def run(kernel, *options, limit=60):
    argv = [STUB, "--kernel", kernel, "--boot", "multiboot", "--no-reboot", "--time-limit", str(limit),
            *options]
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=limit + 30, check=False)
    return p.returncode, CONTROL.sub("", p.stdout.decode("ascii", "replace"))


def disk(t, tmp):
    tree, path = os.path.join(tmp, "tree"), os.path.join(tmp, "disk")
    os.mkdir(tree)
    with open(os.path.join(tree, "hello.txt"), "w", encoding="ascii") as f:
        f.write("read from a pvkit disk\n")
    with open(os.path.join(tree, "big"), "w", encoding="ascii") as f:
        f.write("".join(f"line {i}\n" for i in range(6000)) + "the last line\n")
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext2", "-d", tree, path, "8M"],
                   check=True, stdout=subprocess.DEVNULL)
    grub = image(tmp, "from-disk", ["ls", "cat (pvd0)/hello.txt", "cat (pvd0)/missing",
                                    "ls (pvd1)/", "echo end", "halt"])
    for machine in ("minimal", "pc"):
        status, text = run(grub, "--machine", machine, "--memory", "64M", "--disk", path)
        t.equal(f"{machine}: GRUB switches off", status, 0)
        t.check(f"{machine}: lists its disk", "(pvd0)" in text, text)
        t.check(f"{machine}: reads a file from it", "read from a pvkit disk" in text, text)
        t.check(f"{machine}: says what is not there", re.search("not found", text) and
                re.search("no such|disk|unknown", text), text)
        t.check(f"{machine}: goes on to the end", "\nend" in text, text)
    status, text = run(image(tmp, "big", ["cat (pvd0)/big", "reboot"]), "--machine", "minimal",
                       "--memory", "64M", "--disk", path)
    lines = [line for line in text.splitlines() if line.startswith(("line", "the last"))]
    t.check("a long file comes whole, then a reboot", status == 0 and
            "the last line" in text and "line 5999" in text, "\n".join(lines[-5:]) + text[-300:])


def net(t, tmp):
    top = os.path.join(tmp, "served")
    os.mkdir(top)
    os.symlink(os.path.realpath(os.path.join(BUILT, "kernel")), os.path.join(top, "kernel"))
    with open(os.path.join(top, "initrd"), "wb") as f:
        f.write(cpio(os.path.join(BUILT, "init")))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 80), functools.partial(Files, directory=top))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    grub = image(tmp, "from-net", [
        "net_bootp", "net_ls_addr", "echo fetching",
        "linux (http,10.0.2.2)/kernel console=ttyS0 noxsave panic=-1 booted.by=grub",
        "initrd (http,10.0.2.2)/initrd", "echo booting", "boot"])
    status, text = run(grub, "--memory", "256M", "--nic", "user", limit=200)
    server.shutdown()
    t.check("GRUB gets an address", "10.0.2.15" in text, text[-3000:])
    t.equal("fetches a kernel and an initrd", Files.asked, ["/kernel", "/initrd"])
    t.check("boots the kernel", "booting" in text and "booted.by=grub" in text, text[-3000:])
    t.check("to /init", "PVK-INIT" in text, text[-3000:])
    t.check("the kernel finds the machine as at power-on: the emulated card is back",
            re.search(r"\[8086:100e\]", text), text[-3000:])
    t.equal("which switches off", status, 0)


def elsewhere(t, tmp):
    grub = image(tmp, "elsewhere", ["serial", "terminal_output serial", "echo ls:", "ls",
                                    "echo cards:", "net_ls_cards", "echo end"],
                 ["serial", "terminal"])
    with open(os.path.join(tmp, "said"), "w+b") as said:
        p = subprocess.Popen(["qemu-system-x86_64", "-accel", "tcg", "-m", "64", "-display", "none",
                              "-monitor", "none", "-serial", "stdio", "-kernel", grub],
                             stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        for _ in range(100):
            time.sleep(0.5)
            said.seek(0)
            text = CONTROL.sub("", said.read().decode("ascii", "replace"))
            if "\nend" in text or p.poll() is not None:
                break
        p.kill()
        p.wait()
    t.check("QEMU: GRUB runs from 1 MiB on", "\nend" in text, text)
    t.check("QEMU: without a pvkit host there is no pvkit disk or card", "ls:" in text and
            "cards:" in text and "pvd" not in text and "pvn" not in text and "pvkit" not in text, text)


def main():
    t = Checks()
    with tempfile.TemporaryDirectory(prefix="pvkit-grub-") as tmp:
        if sys.argv[1:] == ["elsewhere"]:
            elsewhere(t, tmp)
            return t.end()
        disk(t, tmp)
        net(t, tmp)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
