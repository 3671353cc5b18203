# SPDX-License-Identifier: BSD-2-Clause
"""A guest under pvkit-vm, as the scenarios of tests/linux see it.

    t = Checks()
    with Vm(t, "pvk", "replug.sh", disks=[disk]) as vm:
        vm.run(90)
    sys.exit(t.end())

The guest runs tests/linux/guest/SCRIPT and reports by lines "PVT ..." (see
guest/lib.sh); each becomes a TAP result of ours at once. run() adds results
for what a scenario expects of every guest: it ran to its end, switched off (once),
pvkit-vm ended with status 0, and neither kernel log nor stub complained.

Scenarios run as root where the KVM is; the console of guest N of a scenario is
kept as $BOX_OUT/SCENARIO-N.console, the stub's accounts as .json beside it.
"""

import fcntl
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LINUX = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
ROOT = os.path.dirname(os.path.dirname(LINUX))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))

from checks import Checks	# noqa: E402,F401  (beside us; scenarios take it from here)

STUB = os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm"))
PREPARED = os.path.join(ROOT, "build/linux")
LONG = bool(os.environ.get("PVKIT_LONG"))
BOOT = 120		# seconds until a guest's test begins; 5 to 15 on an idle machine
COMPLAINT = re.compile(r"Oops|BUG:|WARNING:|Kernel panic|Call Trace|unchecked MSR|"
                       r"INFO: (?:task|rcu)|general protection")
_count = 0


def scratch():
    """A directory of the scenario's own; removed by the system of the box or by us."""
    top = tempfile.mkdtemp(prefix="pvkit-linux-")
    import atexit
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    return top


def make_disk(path, size, fs=None):
    """A sparse image of size bytes; with fs, formatted by mke2fs -t fs. Returns path."""
    with open(path, "wb") as f:
        f.truncate(size)
    if fs:
        subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", fs, path], check=True)
    return path


def verify(t, path, first, count, seed, name):
    """A check that the image has the tool's pattern on these sectors."""
    done = subprocess.run([os.path.join(PREPARED, "tool"), "verify", path, str(first), str(count),
                           str(seed)], stderr=subprocess.PIPE, text=True, check=False)
    return t.check(name, done.returncode == 0, done.stderr)


def fsck(t, path, name, repair=False):
    """A check that the image holds a sound file system, after replay of its journal."""
    done = subprocess.run(["/sbin/e2fsck", "-fy" if repair else "-fn", path],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    # e2fsck(8): 0 no errors, 1 errors corrected
    return t.check(name, done.returncode in ((0, 1) if repair else (0,)), done.stdout)


class Vm:
    """One process of pvkit-vm."""

    def __init__(self, t, initrd, script="", *, disks=(), cpus=1, memory="256M", kernel="kernel",
                 append="", options=(), stats=True, name=None):
        global _count
        _count += 1
        self.t = t
        scenario = os.path.splitext(os.path.basename(sys.argv[0]))[0]
        self.name = name or f"{scenario}-{_count}"
        self.top = scratch()
        out = os.environ.get("BOX_OUT", self.top)
        self.console_path = os.path.join(out, self.name + ".console")
        self.stats_path = os.path.join(self.top, "stats.json")
        self.kept_stats = os.path.join(out, self.name + ".json")
        self.text = ""		# all of the console so far
        self.partial = ""
        self.seen = 0		# how far wait_for() looked
        self.values = {}
        self.results = 0	# of the boot that is running
        self.finished = False	# the script came to its end
        self.result = None	# what init said
        self.boots = 0
        self.points = []
        self.stats = None
        self.stderr = ""
        self.status = None
        line = f"console=ttyS0 quiet panic=-1 pvk.timeout={7200 if LONG else 600} {append}"
        if script:
            line += f' pvk.cmd="{script}"'
        if "/" not in initrd:
            initrd = os.path.join(PREPARED, "initrd-" + initrd)
        # Unpacked by the stub: a third of a boot in an emulated host is the kernel
        # unpacking itself, which boot.py sees.
        self.argv = [STUB, "--kernel", os.path.join(PREPARED, kernel), "--boot", "linux64",
                     "--initrd", initrd, "--append", line, "--memory", memory, "--cpus", str(cpus)]
        for d in disks:
            self.argv += ["--disk", d]
        if stats:
            self.argv += ["--stats", self.stats_path]
        self.argv += list(options)
        self.proc = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    # -- life

    def start(self):
        self.err = tempfile.TemporaryFile("w+", dir=self.top)
        self.log = open(self.console_path, "wb")
        self.proc = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=self.err)
        self.began = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.proc.stdout, selectors.EVENT_READ)
        flags = fcntl.fcntl(self.proc.stdout, fcntl.F_GETFL)
        fcntl.fcntl(self.proc.stdout, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        return self

    def pump(self, deadline):
        """Takes what the console has. False at its end or at the deadline."""
        left = deadline - time.monotonic()
        if left <= 0 or not self.selector.select(left):
            return False
        data = self.proc.stdout.read(65536)
        if not data:
            return False
        self.log.write(data)
        self.log.flush()
        text = data.decode("utf-8", "replace").replace("\r", "")
        self.text += text
        lines = (self.partial + text).split("\n")
        self.partial = lines.pop()
        for line in lines:
            self.line(line)
        return True

    def line(self, line):
        if line.startswith("PVK-START "):
            self.boots += 1
            self.results, self.finished = 0, False
        elif line.startswith("PVK-RESULT "):
            self.result = line.split()[1]
        m = re.match(r"PVT (ok|not ok|skip|set|at|done) ?(.*)", line)
        if not m:
            return
        what, rest = m.groups()
        if what in ("ok", "not ok"):
            self.results += 1
            self.t.check(f"guest: {rest}", what == "ok", self.tail(12))
        elif what == "skip":
            self.results += 1
            name, _, reason = rest.partition(" : ")
            self.t.skip(f"guest: {name}", reason)
        elif what == "set":
            key, _, value = rest.partition(" ")
            self.values[key] = value
        elif what == "at":
            self.points.append(rest)
        else:
            self.finished = int(rest) == self.results

    def wait_for(self, pattern, limit):
        """The match of a pattern in the console's whole lines from the last match on, or None."""
        deadline = time.monotonic() + limit
        while True:
            # Half a line matches too early: who then ends the guest never sees its rest.
            m = re.compile(pattern).search(self.text, self.seen,
                                           len(self.text) - len(self.partial))
            if m:
                self.seen = m.end()
                return m
            if not self.pump(deadline):
                return None

    def wait_at(self, point, limit=BOOT):
        """Waits until the guest is at a point; a failed check if it does not get there."""
        good = bool(self.wait_for(rf"(?m)^PVT at {re.escape(point)}$", limit))
        if not good:
            self.t.check(f"the guest gets to '{point}'", False, self.tail() + self.errors())
        return good

    def send(self, line="go"):
        """A line to the guest's console: what await takes."""
        try:
            self.proc.stdin.write(line.encode() + b"\n")
            self.proc.stdin.flush()
        except OSError:
            pass

    def signal(self, num):
        self.proc.send_signal(num)

    def wait(self, limit):
        """Until the process ends. Returns its status, or None at the limit (it is killed then)."""
        deadline = time.monotonic() + limit
        while self.pump(deadline):
            pass
        try:
            self.proc.stdin.close()
        except OSError:
            pass
        try:
            self.status = self.proc.wait(max(1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        self.seconds = time.monotonic() - self.began
        self.errors()
        try:
            with open(self.stats_path, encoding="utf-8") as f:
                text = f.read()
            with open(self.kept_stats, "w", encoding="utf-8") as f:
                f.write(text)
            self.stats = json.loads(text)
        except (OSError, ValueError):
            self.stats = None
        return self.status

    def kill(self):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGKILL)
            self.proc.wait()

    # -- judging

    def errors(self):
        """What the stub said on stderr."""
        if self.proc:
            self.err.seek(0)
            self.stderr = self.err.read()
        return self.stderr

    def tail(self, lines=30):
        return "\n".join(self.text.splitlines()[-lines:]) + "\n"

    def account(self):
        said = self.errors()
        return f"status {self.status}; stderr: {said or 'empty'}\n{self.tail()}"

    def run(self, limit, status=0):
        """Starts, waits, and checks what holds for every guest."""
        self.start()
        self.wait(limit)
        return self.judge(status)

    def judge(self, status=0):
        t = self.t
        good = t.check(f"{self.name}: the guest's test ran to its end",
                       self.finished and self.result == "0", self.account())
        good &= t.check(f"{self.name}: pvkit-vm ended with status {status}",
                        self.status == status, self.account())
        # A triple fault is a reboot to pvkit-vm: the next boot may hide it.
        good &= t.check(f"{self.name}: it was powered on once",
                        not self.stats or self.stats.get("boot_count") == 1, self.account())
        complaints = [x for x in self.text.splitlines() if COMPLAINT.search(x)]
        good &= t.check(f"{self.name}: the guest's kernel had nothing to complain of",
                        not complaints, "\n".join(complaints[:10]))
        return good

    def stat(self, path, default=None):
        """A number of the statistics by its path: "exits.io"; default if it is not there."""
        at = self.stats
        for key in path.split("."):
            if isinstance(at, list):
                at = at[int(key)] if int(key) < len(at) else None
            elif isinstance(at, dict):
                at = at.get(key)
            if at is None:
                return default
        return at
