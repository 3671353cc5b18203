#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""run.py - the ways into a guest, the machines, and what the platform's features do.

Boots the tests' guest (probe.c, made by tests/guests/build) under pvkit-vm, in
each way and on each machine, and compares what it says with what it was given.
Runs where a KVM is.
"""

import bz2
import gzip
import json
import lzma
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests/lib"), HERE]
sys.dont_write_bytecode = True

import images	# noqa: E402
from checks import Checks	# noqa: E402

STUB = os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm"))
PROBE = os.environ.get("PVKIT_PROBE", os.path.join(ROOT, "build/guests/probe"))
LIMIT = 60
OK, CRASH, PANIC, GUEST = 0, 20, 22, 23
WAYS = {"linux64": "1", "pvh": "2", "multiboot": "3"}
TOP = tempfile.mkdtemp(prefix="pvkit-guests-")


class Run:
    """One pvkit-vm with the probe; what it said, how it ended."""

    def __init__(self, *options, append="", feed=None, on_line=None, kernel=PROBE):
        self.stats_path = os.path.join(TOP, "stats.json")
        if os.path.exists(self.stats_path):
            os.remove(self.stats_path)
        argv = [STUB, "--kernel", kernel, "--memory", "64M", "--append", append, "--no-reboot",
                "--stats", self.stats_path, *options]
        with tempfile.TemporaryFile("w+") as err:
            proc = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err)
            timer = time.monotonic() + LIMIT
            self.lines = []
            for raw in proc.stdout:
                line = raw.decode("ascii", "replace").rstrip()
                self.lines.append(line)
                if feed and line == "type":
                    proc.stdin.write(feed)
                    proc.stdin.flush()
                if on_line:
                    on_line(proc, line)
                if time.monotonic() > timer:
                    proc.kill()
            try:
                self.status = proc.wait(max(1, timer - time.monotonic()))
            except subprocess.TimeoutExpired:
                proc.kill()
                self.status = proc.wait()
            proc.stdin.close()
            proc.stdout.close()
            err.seek(0)
            self.stderr = err.read()
        try:
            with open(self.stats_path, encoding="ascii") as f:
                self.stats = json.load(f)
        except (OSError, ValueError):
            self.stats = None

    def value(self, name):
        """What follows the name on its line, or None."""
        for line in self.lines:
            if line.startswith(name + " "):
                return line[len(name) + 1:]
        return None

    def all(self, name):
        return [line[len(name) + 1:] for line in self.lines if line.startswith(name + " ")]

    def text(self):
        return f"status {self.status}\n{self.stderr}" + "\n".join(self.lines[-40:])

    def boot(self):
        return self.stats["boots"][-1] if self.stats else {}


def ways(t, machine):
    """Each entry, with a command line, a memory map and an initrd or modules."""
    module = os.path.join(TOP, "module")
    with open(module, "w", encoding="ascii") as f:
        f.write("MODULE-1" + "x" * 5000)
    for way, number in WAYS.items():
        options = ["--machine", machine, "--boot", way, "--initrd", module]
        if way == "multiboot":
            options += ["--module", module + ",a second one"]
        r = Run(*options, append="off=0 " + way)
        name = f"{machine}, {way}"
        t.check(f"{name}: runs to its end", r.status == OK and "end" in r.lines, r.text())
        t.equal(f"{name}: entered that way", r.value("way"), number)
        t.equal(f"{name}: has its command line", r.value("cmdline"),
                ("probe " if way == "multiboot" else "") + "off=0 " + way)
        t.check(f"{name}: has its RAM", "100000 4000000 1" in r.all("ram"), r.all("ram"))
        t.equal(f"{name}: has its modules", len(r.all("module")), 2 if way == "multiboot" else 1)
        t.check(f"{name}: finds them whole", all(m.startswith("1390 begins MODULE-1") for m in
                                                 r.all("module")), r.all("module"))
        if way == "multiboot":
            t.check(f"{name}: has a module's text", r.all("module")[1:] and
                    r.all("module")[1].endswith("text a second one"), r.all("module"))
    for way in ("pvh", "multiboot"):
        r = Run("--machine", machine, "--boot", way, append="off=0", kernel=PROBE + "32")
        t.check(f"{machine}, {way}: a 32-bit ELF file", r.status == OK and
                r.value("way") == WAYS[way], r.text())
    r = Run("--machine", machine, append="off=0")
    t.equal(f"{machine}: an ELF file with a PVH note is entered by it", r.value("way"), "2")


def info(t, machine, cpus):
    r = Run("--machine", machine, "--cpus", str(cpus), append="ports")
    name = f"{machine}, {cpus} CPUs"
    t.check(f"{name}: the information page is whole", r.value("info bytes") and
            r.value("info bytes") == r.value("info ends"), r.text())
    t.equal(f"{name}: CPUs", r.value("cpus"), str(cpus))
    t.check(f"{name}: CPUID is as the page says", r.value("cpuid wrong") == "0",
            r.all("differs: leaf"))
    t.check(f"{name}: it says much of CPUID", int(r.value("cpuid entries") or "0", 16) > 15,
            r.text())
    t.check(f"{name}: MSRs are as the page says", r.value("msr wrong") == "0",
            r.all("differs: msr") + r.all("faults: msr"))
    t.check(f"{name}: it says much of MSRs", int(r.value("msr entries") or "0", 16) > 10, r.text())
    now = int(r.value("seconds") or "0", 16)
    t.check(f"{name}: time of day", abs(time.time() - now) < LIMIT, r.text())
    t.equal(f"{name}: the TSC has gone on", r.value("tsc later"), "1")
    if machine == "minimal":
        t.equal("minimal: no port is anybody's", r.value("ports claimed"), "0")
        t.check("minimal: the local APIC is in x2APIC mode", int(r.value("apic base"), 16) & 0x400,
                r.text())
        t.equal("minimal: nothing old is there", r.value("absent"), "3fff")
    again = Run("--machine", machine, append="off=0")
    t.check(f"{name}: another seed each time", r.value("seed") != again.value("seed"), r.text())


def switches(t):
    r = Run("--offer", "none", "--time-limit", "3", append="off=0")
    t.check("nothing offered: the guest finds nothing", r.value("features") == "0", r.text())
    for feature, bit in (("info", 32), ("power", 33), ("smp", 34), ("console", 35), ("mem", 36)):
        r = Run("--offer", f"all,no-{feature}", "--time-limit", "3", append="off=0")
        got = int(r.value("features") or "0", 16)
        t.equal(f"--offer all,no-{feature}: that one is not there", got, 0x1f << 32 & ~(1 << bit))
    for section, word in (("clock", "tsc_khz"), ("absent", "absent"), ("cpus", "cpus"),
                          ("cpuid", "cpuid entries"), ("msr", "msr entries"), ("seed", "seed")):
        r = Run("--info", f"no-{section}", append="off=0")
        t.check(f"--info no-{section}: that one is not there",
                r.value(word) is None and r.value("info bytes") == r.value("info ends"), r.text())


def ask_power_off():
    """By the control socket; one that is left over is replaced by the next VM."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.path.join(TOP, "control"))
        s.sendall(b'{"command": "power-off"}\n')
        s.recv(4096)


def power(t):
    r = Run("--machine", "minimal", append="off=0")
    t.check("off: status 0, nothing said", r.status == OK and
            not [s for s in r.stderr.splitlines() if "guest" in s and "XSAVE" not in s], r.text())
    r = Run("--machine", "minimal", append="off=7")
    t.check("off with a code: status 23, text and code said", r.status == GUEST and
            "guest switches off: as told (code 7)" in r.stderr, r.text())
    t.equal("... and kept in the statistics", r.boot().get("last_words"),
            {"op": "off", "code": 7, "text": "as told"})
    r = Run("--machine", "minimal", append="panic")
    t.check("panic: status 22, text said, harmless", r.status == PANIC and
            "guest panics: no?way out (code 5)" in r.stderr and r.boot().get("end") == "panic",
            r.text())
    t.check("... and where", re.search(r"vCPU 0: panic, boot 1: rip 0x8:0x2[0-9a-f]{5} .* cr2 0x0 .* 64-bit mode",
                                       r.stderr) and (r.boot().get("death") or {}).get("registers"), r.text())
    r = Run("--machine", "minimal", append="goes-on off=0")
    t.check("panic of a guest that goes on: it does", r.status == OK and
            "guest panics and goes on: first panic" in r.stderr, r.text())
    r = Run("--machine", "minimal", append="reboot")
    t.check("reboot", r.status == OK and r.boot().get("end") == "reboot", r.text())
    for machine in ("pc", "minimal"):
        r = Run("--machine", machine, append="triple")
        t.check(f"{machine}: a triple fault", r.status == CRASH and r.boot().get("end") == "crash",
                r.text())
    r = Run("--debug-exit", "0xf4", append="exit=21")
    t.check("--debug-exit", r.status == 43 and r.boot().get("end") == "debug_exit", r.text())
    r = Run("--machine", "minimal", append="wait off=0", on_line=lambda p, s: s == "waiting" and
            p.send_signal(signal.SIGTERM))
    t.check("SIGTERM asks a guest that listens", r.status == OK and "asked" in r.lines, r.text())
    r = Run("--machine", "minimal", "--control", os.path.join(TOP, "control"), append="wait off=0",
            on_line=lambda p, s: s == "waiting" and ask_power_off())
    t.check("power-off by the control socket asks a guest that listens", r.status == OK and
            "asked" in r.lines, r.text())
    r = Run("--machine", "minimal", "--offer", "all,no-power", append="wait", on_line=lambda p, s:
            s == "cannot wait" and p.send_signal(signal.SIGTERM))
    t.check("SIGTERM ends a minimal machine whose guest does not", r.status == 128 + signal.SIGTERM,
            r.text())


def smp(t, machine):
    for cpus in (2, 4):
        r = Run("--machine", machine, "--cpus", str(cpus), append=f"smp={cpus}")
        t.equal(f"{machine}, {cpus} CPUs: all are started, and again, three times", r.all("started"),
                [str(cpus - 1)] * 3)
        t.equal(f"{machine}, {cpus} CPUs: ... which the statistics know",
                r.boot().get("pv", {}).get("cpu_starts"), 3 * (cpus - 1))


def console(t):
    r = Run("--machine", "minimal", append="echo", feed=b"typed by the user\n")
    t.check("what is typed arrives", "typed by the user" in r.lines, r.text())
    pv = r.boot().get("pv", {}).get("console", {})
    said = sum(len(s) + 1 for s in r.lines)
    t.check("the statistics know of each byte", pv.get("bytes_out") == said and
            pv.get("bytes_in") == 18, f"{pv} {said}")


def literal_lz4(data):
    """The legacy frame of lz4, its blocks without a single match."""
    out = b"\x02\x21\x4c\x18"
    for at in range(0, len(data), 8 << 20):
        piece = data[at:at + (8 << 20)]
        rest = len(piece) - 15
        block = b"\xf0" + b"\xff" * (rest // 255) + bytes([rest % 255]) + piece
        out += struct.pack("<I", len(block)) + block
    return out


def pack(data, how):
    """The data as the kernel's build packs them: all but gzip's with the size behind."""
    size = struct.pack("<I", len(data))
    if how == "gzip":
        return gzip.compress(data)
    if how == "bzip2":
        return bz2.compress(data) + size
    if how == "lzma":
        return lzma.compress(data, lzma.FORMAT_ALONE) + size
    if how == "xz":
        filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 25}]
        return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters) + size
    if how == "lz4":
        return literal_lz4(data) + size
    done = subprocess.run(["zstd", "-19", "-c"], input=data, stdout=subprocess.PIPE, check=True)
    return done.stdout + size


def payloads(t):
    """The probe in a bzImage, packed in each way."""
    with open(PROBE, "rb") as f:
        probe = f.read()
    path = os.path.join(TOP, "bzImage")
    for how in ("gzip", "bzip2", "lzma", "xz", "lz4", "zstd"):
        packed = pack(probe, how)
        with open(path, "wb") as f:
            f.write(images.bzimage(packed))
        for way in ("linux64", "pvh"):
            r = Run("--boot", way, kernel=path, append="off=0")
            t.check(f"a payload packed by {how}, {way}", r.status == OK and
                    r.value("way") == WAYS[way], r.text())
        with open(path, "wb") as f:
            spoilt = bytearray(packed)
            middle = len(spoilt) // 2
            for at in range(middle, middle + 64 if how != "lz4" else middle):
                spoilt[at] ^= 0x55
            if how == "lz4":
                spoilt[4:8] = b"\xff\xff\xff\x7f"
            f.write(images.bzimage(bytes(spoilt)))
        r = Run("--boot", "linux64", kernel=path)
        t.check("... and a damaged one is refused", r.status == 3 and how in r.stderr and
                len(r.stderr.splitlines()) == 1, r.text())


def pause(t):
    def stop(proc, line):
        if line == "pausing":
            proc.send_signal(signal.SIGSTOP)
            time.sleep(2)
            proc.send_signal(signal.SIGCONT)
    r = Run("--machine", "minimal", append="pause off=0", on_line=stop)
    now = int(r.value("resumed seconds") or "0", 16)
    t.equal("after a pause the clock is rewritten, once", r.value("generation by"), "2")
    t.check("... and right", abs(time.time() - now) < 10 and r.value("tsc behind") == "1", r.text())


def memory(t):
    for options in (["--pages", "small"], ["--prefault"], ["--pages", "small", "--prefault"]):
        r = Run(*options, append="off=0")
        t.check(" ".join(options), r.status == OK, r.text())


def main():
    t = Checks()
    for machine in ("pc", "minimal"):
        ways(t, machine)
        info(t, machine, 1)
        smp(t, machine)
    info(t, "minimal", 2)
    switches(t)
    power(t)
    console(t)
    payloads(t)
    pause(t)
    memory(t)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
