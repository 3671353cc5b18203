#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""jail.py - what surrounds a running pvkit-vm, seen from outside.

The tests' guest waits for input while /proc is looked at: namespaces, root,
user, limits, the filters of each thread, who may read its memory; of the helper
processes, too. As root, as an ordinary user, and where this host permits
nothing. Needs root, and a KVM.
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

import somebody	# noqa: E402
from checks import Checks	# noqa: E402

STUB = os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm"))
PROBE = os.environ.get("PVKIT_PROBE", os.path.join(ROOT, "build/guests/probe"))
LIMIT = 60
REFUSED = 11
USER = 1000
SPACES = ("user", "mnt", "ipc", "uts", "net")
TOP = tempfile.mkdtemp(prefix="pvkit-jail-")
os.chmod(TOP, 0o777)
STUB, PROBE = somebody.copy(TOP, STUB), somebody.copy(TOP, PROBE)	# where the user can go
MOST_USERS = "/proc/sys/user/max_user_namespaces"


def as_user():
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)


class Vm:
    """One pvkit-vm whose guest waits for a line."""

    def __init__(self, *options, user=False):
        self.err = tempfile.TemporaryFile("w+")
        argv = [STUB, "--kernel", PROBE, "--memory", "64M", "--append", "echo off=0", "--no-reboot",
                *options]
        self.proc = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=self.err, preexec_fn=as_user if user else None)
        self.pid = self.proc.pid
        self.runs = any(line.strip() == b"type" for line in iter(self.proc.stdout.readline, b""))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()

    def end(self):
        """Its exit status, after the line that the guest waits for."""
        try:
            if not self.proc.stdin.closed:
                self.proc.stdin.write(b"x\n")
                self.proc.stdin.close()
        except OSError:
            pass
        try:
            return self.proc.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            return self.proc.wait()

    def stderr(self):
        self.err.seek(0)
        return self.err.read()

    def child(self, name):
        """The helper process of that name, or None."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                words = status(pid)
            except OSError:
                continue
            if words["PPid"] == str(self.pid) and words["Name"] == name:
                return int(pid)
        return None


def status(pid, thread=None):
    path = f"/proc/{pid}/task/{thread}/status" if thread else f"/proc/{pid}/status"
    with open(path, encoding="ascii", errors="replace") as f:
        return {k: v.strip() for k, v in (line.split(":", 1) for line in f)}


def shared(pid):
    """Namespaces that a process has in common with this test."""
    return [s for s in (*SPACES, "pid") if os.readlink(f"/proc/{pid}/ns/{s}") ==
            os.readlink(f"/proc/self/ns/{s}")]


def limit(pid, name):
    with open(f"/proc/{pid}/limits", encoding="ascii") as f:
        for line in f:
            if line.startswith(name):
                return line[26:].split()[:2]
    return None


def mounts(pid):
    with open(f"/proc/{pid}/mounts", encoding="ascii") as f:
        return [line.split() for line in f]


def readable(pid, user=USER):
    """What an ordinary user can open of it: /proc/PID/... that lead to its memory or files."""
    found = []
    for name in ("mem", "environ", "maps", "cwd/", "root/"):
        child = os.fork()
        if not child:
            try:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
                os.close(os.open(f"/proc/{pid}/{name}", os.O_RDONLY))
            except OSError:
                os._exit(0)
            os._exit(1)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            found.append(name)
    return found


def looks(t, name, pid, common):
    """The checks that all jailed processes share."""
    words = status(pid)
    t.equal(f"{name}: its namespaces are its own", shared(pid), common)
    t.equal(f"{name}: nothing but its root is mounted", [m[1:3] for m in mounts(pid)],
            [["/", "tmpfs"]])
    t.check(f"{name}: and that is read-only", {"ro", "nosuid", "nodev", "noexec"} <=
            set(mounts(pid)[0][3].split(",")), mounts(pid))
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        t.equal(f"{name}: {kind}", int(words[kind], 16), 0)
    t.equal(f"{name}: no new privileges", words["NoNewPrivs"], "1")
    t.equal(f"{name}: no supplementary groups", words["Groups"], "")
    t.equal(f"{name}: no core dump", limit(pid, "Max core file size"), ["0", "0"])
    t.check(f"{name}: bounded descriptors", int(limit(pid, "Max open files")[1]) <= 1024)


def filters(t, name, vm):
    """Each thread has the process's filter, and each but the main one its own."""
    threads = os.listdir(f"/proc/{vm.pid}/task")
    kinds = {}
    for thread in threads:
        words = status(vm.pid, thread)
        kinds.setdefault((words["Seccomp"], words["Seccomp_filters"]), []).append(words["Name"])
    t.equal(f"{name}: the main thread has one filter", len(kinds.get(("2", "1"), [])), 1)
    t.equal(f"{name}: all others have two", len(kinds.get(("2", "2"), [])), len(threads) - 1)
    t.note(kinds)


def image(name):
    path = os.path.join(TOP, name)
    with open(path, "wb") as f:
        f.truncate(1 << 20)
    os.chmod(path, 0o666)
    return path


def root(t):
    peers = (os.path.join(TOP, "a"), os.path.join(TOP, "b"))
    nics = ("--nic", "user", "--nic", f"dgram={peers[0]},peer={peers[1]}")
    with Vm("--jail", "strict", "--disk", image("disk"), "--cpus", "2", *nics) as vm:
        if not t.check("as root, strict: it runs", vm.runs, vm.stderr()):
            return
        t.equal("no line about it", "jail" in vm.stderr(), False)
        looks(t, "stub", vm.pid, ["pid"])
        filters(t, "stub", vm)
        t.equal("stub: an empty root", os.listdir(f"/proc/{vm.pid}/root"), [])
        own = str(0x70000000 + vm.pid)
        t.equal("stub: a user of its own", status(vm.pid)["Uid"].split(), [own] * 4)
        t.equal("stub: a group of its own", status(vm.pid)["Gid"].split(), [own] * 4)
        t.equal("stub: bounded threads", limit(vm.pid, "Max processes"), ["512", "512"])
        t.equal("stub: its own user cannot look into it", readable(vm.pid, int(own)), [])
        net = vm.child("pvkit-net")
        looks(t, "network", net, ["net", "pid"])
        t.equal("network: a root with resolv.conf alone", [
            files for _, _, files in os.walk(f"/proc/{net}/root")], [[], ["resolv.conf"]])
        t.equal("network: the stub's user", status(net)["Uid"].split(), [own] * 4)
        t.equal("network: filtered", status(net)["Seccomp"], "2")
        t.equal("network: its own user cannot look into it", readable(net, int(own)), [])
        redial = vm.child("pvkit-redial")
        t.equal("redial: filtered", status(redial)["Seccomp"], "2")
        t.equal("redial: no capabilities", int(status(redial)["CapEff"], 16), 0)
        t.equal("redial: three descriptors", len(os.listdir(f"/proc/{redial}/fd")), 3)
        os.kill(vm.pid, signal.SIGKILL)
        vm.proc.wait()
        for _ in range(200):
            gone = not any(os.path.exists(f"/proc/{p}") for p in (net, redial))
            if gone:
                break
            time.sleep(0.05)
        t.check("killed: its helpers end with it", gone)
    with Vm("--uid", "4321", "--gid", "8765") as vm:
        t.equal("--uid", status(vm.pid)["Uid"].split(), ["4321"] * 4)
        t.equal("--gid", status(vm.pid)["Gid"].split(), ["8765"] * 4)
        t.equal("... and it ends well", vm.end(), 0)
    with Vm("--jail", "off") as vm:
        t.equal("--jail off: this host's namespaces", len(shared(vm.pid)), len(SPACES) + 1)
        t.equal("--jail off: root, without capabilities", (status(vm.pid)["Uid"].split()[0],
                                                           int(status(vm.pid)["CapEff"], 16)), ("0", 0))


def ordinary(t):
    with Vm("--jail", "strict", "--disk", image("disk"), "--nic", "user", user=True) as vm:
        if not t.check("as a user, strict: it runs", vm.runs, vm.stderr()):
            return
        looks(t, "user's stub", vm.pid, ["pid"])
        filters(t, "user's stub", vm)
        t.equal("user's stub: the user's", status(vm.pid)["Uid"].split(), [str(USER)] * 4)
        t.equal("user's stub: the user's other processes cannot look into it", readable(vm.pid), [])
        looks(t, "user's network", vm.child("pvkit-net"), ["net", "pid"])
        t.equal("user's network: nor into that", readable(vm.child("pvkit-net")), [])
        t.equal("... and it ends well", vm.end(), 0)
    with Vm("--jail", "off", "--no-sandbox", user=True) as vm:
        t.check("without any of it they can: so the test above can fail", "mem" in readable(vm.pid))
    with Vm("--uid", "1", user=True) as vm:
        t.check("--uid is root's", vm.end() == 2 and len(vm.stderr().splitlines()) == 1, vm.stderr())


def not_permitted(t):
    with open(MOST_USERS, encoding="ascii") as f:
        before = f.read()
    with open(MOST_USERS, "w", encoding="ascii") as f:
        f.write("0")
    try:
        with Vm("--jail", "strict", user=True) as vm:
            t.check("not permitted, strict: refused in one line", vm.end() == REFUSED and
                    len([li for li in vm.stderr().splitlines() if "--jail strict" in li]) == 1 and
                    not vm.runs, vm.stderr())
        with Vm(user=True) as vm:
            said = [line for line in vm.stderr().splitlines() if "jail" in line]
            t.check("not permitted: it runs, and says so in one line", vm.runs and len(said) == 1 and
                    "namespace" in said[0], vm.stderr())
            t.equal("... its memory is its own nevertheless", readable(vm.pid), [])
            t.equal("... and it ends well", vm.end(), 0)
    finally:
        with open(MOST_USERS, "w", encoding="ascii") as f:
            f.write(before)


def cgroup(t):
    top = os.path.join(TOP, "cgroup")
    os.mkdir(top)
    subprocess.run(["mount", "-t", "cgroup2", "none", top], check=True)
    group = os.path.join(top, "vm")
    os.mkdir(group)
    with Vm("--cgroup", group, "--nic", "user") as vm:
        with open(os.path.join(group, "cgroup.procs"), encoding="ascii") as f:
            members = set(map(int, f.read().split()))
        # Beside them KVM's own thread for the VM.
        t.check("--cgroup: stub and helper are in it", {vm.pid, vm.child("pvkit-net")} <= members,
                members)
    with Vm("--cgroup", TOP) as vm:
        t.check("--cgroup with no cgroup: refused in one line", vm.end() == REFUSED and
                len(vm.stderr().splitlines()) == 1, vm.stderr())


def main():
    t = Checks()
    root(t)
    ordinary(t)
    not_permitted(t)
    cgroup(t)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
