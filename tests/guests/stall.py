#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""stall.py - readers that do not read, and guests that write on and on.

The tests' guest (probe.c) floods the console, reboots with words and fills files, while
nobody reads the pipes that pvkit-vm writes to. It has to end when it is told to,
to stay within its memory and to keep its files bounded. Runs where a KVM is.
"""

import fcntl
import os
import resource
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
sys.dont_write_bytecode = True

from checks import Checks	# noqa: E402
from process import private_memory	# noqa: E402

STUB = os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm"))
PROBE = os.environ.get("PVKIT_PROBE", os.path.join(ROOT, "build/guests/probe"))
LIMIT = 60
# A second, and what a loaded machine that emulates another adds. A stub that waits for a reader
# never ends.
SOON = 1 if os.environ.get("PVKIT_BOX") == "direct" else 4
TIMEOUT = 124
MACHINES = {"uart": ["--offer", "all,no-console"], "ring": ["--machine", "minimal"]}
TOP = tempfile.mkdtemp(prefix="pvkit-stall-")


def full_pipe():
    """A pipe with not a byte of room left: the end to read, the end to write."""
    read, write = os.pipe()
    flags = fcntl.fcntl(write, fcntl.F_GETFL)
    fcntl.fcntl(write, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        while True:
            os.write(write, b"-" * 4096)
    except BlockingIOError:
        pass
    fcntl.fcntl(write, fcntl.F_SETFL, flags)
    return read, write


def wait_filled(read, room):
    """Until as many bytes wait in the pipe; a writer who finds a page half full may stop there."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        waiting = struct.unpack("i", fcntl.ioctl(read, termios.FIONREAD, b"\0" * 4))[0]
        if waiting > room - 64:
            return True
        time.sleep(0.05)
    return False


class Stub:
    """A pvkit-vm that runs; its output and messages go where they are told."""

    def __init__(self, append, *options, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more):
        argv = [STUB, "--kernel", PROBE, "--memory", "64M", "--append", append, "--reboots", "any",
                *options]
        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                                     **more)
        self.end_took = None

    def memory(self):
        return private_memory(self.proc.pid)

    def end(self, *signals, pause=0.0):
        """Sends the signals, or waits for an end by itself; the status, None if there was none."""
        for sig in signals:
            self.proc.send_signal(sig)
            time.sleep(pause)
        since = time.monotonic()
        try:
            status = self.proc.wait(SOON * 5 if signals else LIMIT)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            status = None
        self.end_took = time.monotonic() - since
        return status


def ends(t):
    """The console's reader does not read, from the beginning."""
    for name, options in MACHINES.items():
        for how, signals in (("SIGINT", [signal.SIGINT]), ("SIGTERM", [signal.SIGTERM] * 2)):
            read, write = os.pipe()
            room = fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
            stub = Stub("brief flood=0", *options, stdout=write)
            t.check(f"{name}: the guest fills the pipe", wait_filled(read, room))
            time.sleep(1)
            t.check(f"{name}: runs on while nobody reads", stub.proc.poll() is None)
            status = stub.end(*signals, pause=0.3)
            t.equal(f"{name}: {how} ends it", status, 128 + signals[0])
            t.check(f"{name}: ... soon", stub.end_took < SOON, stub.end_took)
            t.note(f"{name}: {how}: {stub.end_took:.2f} s")
            said = stub.proc.stderr.read().decode()
            t.check(f"{name}: ... and what was lost is told", "bytes were dropped" in said, said)
            os.close(read)
            os.close(write)
        for how, append, more, want in (("power-off", "brief flood=40 off=0", [], 0),
                                        ("--time-limit", "brief flood=0", ["--time-limit", "3"],
                                         TIMEOUT)):
            if name == "ring" and how == "power-off":
                continue	# this guest waits for its ring, as it should
            read, write = full_pipe()
            stub = Stub(append, *options, *more, stdout=write)
            t.equal(f"{name}: {how} ends it", stub.end(), want)
            os.close(read)
            os.close(write)


def memory(t):
    for name, options in MACHINES.items():
        read, write = os.pipe()
        stub = Stub("brief flood=0", *options, stdout=write)
        time.sleep(3)
        before = stub.memory()
        time.sleep(3)
        after = stub.memory()
        stub.end(signal.SIGINT)
        t.check(f"{name}: memory is bounded while nobody reads", after - before < 512,
                f"{before} to {after} KiB")
        os.close(read)
        os.close(write)


def late_reader(t):
    """Nothing is lost of a ring whose reader comes late."""
    read, write = os.pipe()
    stub = Stub("brief flood=3000 off=0", *MACHINES["ring"], stdout=write)
    os.close(write)
    time.sleep(3)
    got = 0
    while True:
        data = os.read(read, 65536)
        if not data:
            break
        got += len(data)
    t.equal("ring: a late reader gets every byte", got, 3000 * 1024 + len("end\n"))
    t.equal("ring: ... and the guest its end", stub.end(), 0)
    os.close(read)


def messages(t):
    """Nobody reads standard error, and the guest has much to say at each boot."""
    read, write = full_pipe()
    # ended by its output: that many boots were seen
    stub = Stub("brief reboot", *MACHINES["ring"], stdout=subprocess.PIPE, stderr=write)
    boots = 0
    deadline = time.monotonic() + LIMIT
    while boots < 30 and time.monotonic() < deadline and stub.proc.stdout.readline() == b"end\n":
        boots += 1
    t.equal("the VM runs on while nobody reads its messages", boots, 30)
    t.equal("... and ends when told", stub.end(signal.SIGINT), 130)
    t.check("... soon", stub.end_took < SOON, stub.end_took)
    os.close(read)
    os.close(write)
    stub = Stub("brief reboot", *MACHINES["ring"], stdout=subprocess.PIPE)
    for _ in range(30):
        stub.proc.stdout.readline()
    stub.end(signal.SIGINT)
    lines = [s for s in stub.proc.stderr.read().decode().splitlines() if "again" in s]
    t.check("30 reboots with a text are said a few times", 1 <= len(lines) <= 11, len(lines))


def accounts(t):
    fifo = os.path.join(TOP, "fifo")
    os.mkfifo(fifo)
    fill = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    stub = Stub("brief off=0", "--stats", fifo)
    t.equal("--stats: a FIFO with a reader", stub.end(), 0)
    t.check("--stats: ... has them", b'"boots"' in os.read(fill, 65536))
    try:
        while True:
            os.write(fill, b"-" * 4096)
    except BlockingIOError:
        pass
    stub = Stub("brief off=0", "--stats", fifo)
    t.equal("--stats: a FIFO that nobody reads", stub.end(), 9)
    said = stub.proc.stderr.read().decode()
    t.check("--stats: ... is told", "nobody read them" in said, said)
    os.close(fill)
    stub = Stub("brief off=0", "--stats", fifo)
    t.equal("--stats: a FIFO without a reader stops nothing", stub.end(), 0)


def files(t):
    path = os.path.join(TOP, "console")
    os.umask(0)
    stub = Stub("brief flood=1000 off=0", *MACHINES["ring"], "--console", path,
                "--console-limit", "64K")
    t.equal("--console FILE: runs to its end", stub.end(), 0)
    sizes = [os.stat(name).st_size for name in (path, path + ".1")]
    t.check("--console FILE: both files are bounded", sizes[0] <= 65536 and sizes[1] == 65536,
            sizes)
    with open(path, "rb") as f:
        t.check("--console FILE: the newest is in FILE", f.read().endswith(b"f\nend\n"))
    modes = [stat.S_IMODE(os.stat(name).st_mode) for name in (path, path + ".1")]
    t.equal("--console FILE: both are private", modes, [0o600, 0o600])
    stub = Stub("brief flood=1000 off=0", *MACHINES["ring"], "--console", path, preexec_fn=lambda:
                resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000)))
    t.equal("--console FILE: RLIMIT_FSIZE is survived", stub.end(), 0)
    with open(path, "rb") as f:
        t.check("--console FILE: ... with the newest in it", f.read().endswith(b"f\nend\n"))
    link = os.path.join(TOP, "link")
    target = os.path.join(TOP, "target")
    os.symlink(target, link)
    for option in ("--console", "--stats"):
        stub = Stub("brief off=0", option, link)
        t.equal(f"{option}: a symbolic link is refused", stub.end(), 9)
        said = stub.proc.stderr.read().decode().splitlines()
        t.check(f"{option}: ... in one line", len(said) == 1 and "symbolic link" in said[0] and
                not os.path.exists(target), said)


def main():
    t = Checks()
    ends(t)
    memory(t)
    late_reader(t)
    messages(t)
    accounts(t)
    files(t)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
