#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""foreign.py [qemu] - do kernels that are not Linux find what loaders and firmware leave them?

Puts one small program (foreign.c) into files of every kind, boots each, and compares what it says
with what a PC and other loaders have. With `qemu`, the same files and the same expectations under
QEMU's emulation: what is asked of pvkit-vm is what is found elsewhere, too.
"""

import gzip
import json
import lzma
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests/lib"), HERE]
sys.dont_write_bytecode = True

import images	# noqa: E402
from checks import Checks	# noqa: E402

STUB = os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm"))
QEMU = sys.argv[1:] == ["qemu"]
LIMIT = 30
BAD_KERNEL, INITRD, MEMORY, CRASH, ERROR, LOOP, TIMEOUT, DEBUG_EXIT = 3, 4, 5, 20, 21, 24, 124, 1
TOP = tempfile.mkdtemp(prefix="pvkit-foreign-")


class Run:
    """One boot of a file: what it said, by name, and how it ended."""

    def __init__(self, data, *options, append=None, name="kernel", once=True):
        path = os.path.join(TOP, name)
        with open(path, "wb") as f:
            f.write(data)
        if QEMU:
            argv = ["qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-vga", "none", "-display", "none",
                    "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-m", "64",
                    "-no-reboot", "-smp", "2", "-kernel", path]
        else:
            argv = [STUB, "--kernel", path, "--memory", "64M", "--cpus", "2", "--debug-exit", "0xf4",
                    "--mp-table", "--stats", os.path.join(TOP, "stats"),
                    *(["--no-reboot"] if once else []), *options]
        if append is not None:
            argv += ["-append" if QEMU else "--append", append]
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired as e:
            done = subprocess.CompletedProcess(argv, -1, e.stdout or b"", e.stderr or b"")
        self.status = done.returncode
        self.stderr = done.stderr.decode("utf-8", "replace")
        self.lines = done.stdout.decode("ascii", "replace").replace("\r", "").splitlines()
        os.remove(path)
        self.stats = {}
        if os.path.exists(os.path.join(TOP, "stats")):
            with open(os.path.join(TOP, "stats"), encoding="ascii") as f:
                text = f.read()
            self.stats = json.loads(text) if text else {}
            os.remove(os.path.join(TOP, "stats"))

    def said(self):
        """What the stub said, but for notes."""
        return [line for line in self.stderr.splitlines() if ": note: " not in line]

    def value(self, name):
        """What follows the name on its line, or None."""
        for line in self.lines:
            if line.startswith(name + " "):
                return line[len(name) + 1:]
        return None

    def ended(self):
        return self.status == DEBUG_EXIT and "end" in self.lines

    def text(self):
        return f"status {self.status}\n{self.stderr}" + "\n".join(line[:200] for line in self.lines[-30:])


def entry(t):
    """Registers, descriptors and the command line of a Multiboot kernel."""
    r = Run(images.multiboot(), append="one two", name="a kernel.elf" if not QEMU else "k.elf")
    t.check("Multiboot: runs to its end", r.ended(), r.text())
    t.equal("its magic", r.value("magic"), "2badb002")
    t.equal("its CS", r.value("cs"), "8")
    t.equal("its DS and SS", (r.value("ds"), r.value("ss")), ("10", "10"))
    t.check("which its loader's table still has", "segments hold" in r.lines, r.text())
    if QEMU:
        t.check("its command line, a name first", (r.value("cmdline") or "").endswith("/k.elf one two"), r.text())
        return
    t.equal("its command line, the file's name first", r.value("cmdline"), "a_kernel.elf one two")
    r = Run(images.multiboot(), append="", name="k")
    t.check("an empty one: the name alone", r.ended() and r.value("cmdline") in ("k", "k "), r.text())
    r = Run(images.multiboot(), "--console", "none", "--time-limit", "1", append="x" * (0x10000 - 3), name="k")
    t.check("the longest one", r.status != 2, r.text())
    r = Run(images.multiboot(), append="x" * (0x10000 - 2), name="k")
    t.check("one that is too long with the name", r.status == 2 and "65533" in r.stderr, r.text())


def platform(t):
    """The BIOS data area and the MP tables, by the way that their specification goes."""
    r = Run(images.flat())
    t.check("a flat Multiboot file: runs to its end", r.ended(), r.text())
    t.equal("BIOS data: COM1's port", r.value("com1"), "3f8")
    t.equal("BIOS data: COM2's port", r.value("com2"), "0")
    t.equal("BIOS data: the EBDA's segment", r.value("ebda"), "9fc0")
    t.equal("BIOS data: KiB of base memory", r.value("base"), "27f")
    t.check("BIOS data: an FPU, one serial port", int(r.value("equipment") or "0", 16) & 0xe02 == 0x202,
            r.text())
    t.equal("the EBDA tells its size", r.value("ebda_kib"), "1")
    t.equal("the MP tables are found", r.value("mp"), "1")
    ids = {r.value(name) for name in ("mp_ioapic", "mp_line_to", "madt_ioapic", "chip_ioapic")}
    t.check("one id of the I/O APIC: chip, MP table, MADT", len(ids) == 1 and None not in ids, r.text())


def files(t):
    """Layouts of ELF files, and what is in their Multiboot headers."""
    high = 0xc0000000 + images.BASE
    r = Run(images.multiboot(vaddr=high))
    t.check("a virtual entry (higher half)", r.ended(), r.text())
    r = Run(images.multiboot(vaddr=high, entry=images.BASE))
    t.check("a physical entry of a segment with a virtual address", QEMU or r.ended(), r.text())
    r = Run(images.multiboot(flags=7))
    t.check("a wish for a graphics mode is a wish", r.ended() and not int(r.value("flags"), 16) & 0x1800, r.text())
    many = [(0x300000 + i * 4096, 0x300000 + i * 4096, struct.pack("<I", 0x1000 + i))
            for i in range(100)]
    r = Run(images.multiboot(many), append="at=363000")
    t.check("a hundred segments", r.ended() and r.value("there") == "1063", r.text())
    if QEMU:
        return
    low = [(0x10000, 0x10000, struct.pack("<I", 0xabcdef))]
    r = Run(images.multiboot(low), append="at=10000")
    t.check("a segment in low memory", r.ended() and r.value("there") == "abcdef", r.text())
    r = Run(images.multiboot([(0xff000, 0xff000, struct.pack("<I", 0xabcdef))]), append="at=ff000")
    t.check("a segment right below 1 MiB", r.ended() and r.value("there") == "abcdef", r.text())
    r = Run(images.multiboot(vaddr=0xffffffff80000000 + images.BASE, wide=True))
    t.check("a virtual entry of 64 bits", r.ended(), r.text())
    for what, where in (("the interrupt vectors", 0x400), ("boot", 0x7000), ("the command line", 0x2f000),
                        ("EBDA", 0x9f000), ("tables", 0xe8000)):
        r = Run(images.multiboot([(where, where, b"x" * 4096)]))
        t.check(f"a segment in the place of {what}: named", r.status == BAD_KERNEL and
                f"0x{where:x}" in r.stderr and len(r.said()) == 1, r.text())
    r = Run(images.multiboot([(0x300000 + i * 16, 0x300000 + i * 16, b"x") for i in range(200)]))
    t.check("two hundred are refused", r.status == BAD_KERNEL and "segments" in r.stderr, r.text())
    r = Run(images.elf([(images.BASE, images.BASE, images.program())], images.BASE,
                       head=images.header2()))
    t.check("Multiboot 2 alone is named", r.status == BAD_KERNEL and "Multiboot 2" in r.stderr, r.text())
    both = images.header1() + images.header2()
    r = Run(images.elf([(images.BASE, images.BASE, images.program())], images.BASE, head=both))
    t.check("beside Multiboot 1 it does not matter", r.ended(), r.text())


def limits(t):
    """What does not fit: the limit is named, and --memory only where more of it helps."""
    r = Run(images.flat(base=0xc0100000))
    t.check("addresses above the RAM below 4 GiB", r.status == BAD_KERNEL and "3072 MiB" in r.stderr and
            "--memory" not in r.stderr, r.text())
    r = Run(images.flat(base=0x8000000))
    t.check("addresses above the RAM that is given", r.status == MEMORY and "--memory" in r.stderr, r.text())
    initrd = os.path.join(TOP, "initrd")
    code = b"\xf4" * 64
    vmlinux = images.elf([(0x200000, 0x200000, code)], 0x200000, wide=True)
    for what, data, size, memory, helps in (
            ("the kernel's own limit", images.bzimage(b"", code), 2300, "8G", False),
            ("a low limit of the kernel's", images.bzimage(b"", code, initrd_max=0x3ffffff), 100, "200M", False),
            ("the RAM that is given", images.bzimage(b"", code), 100, "64M", True),
            ("the hole", vmlinux, 3100, "8G", False), ("all RAM", vmlinux, 100, "64M", True)):
        with open(initrd, "wb") as f:
            f.truncate(size << 20)
        r = Run(data, "--memory", memory, "--initrd", initrd, "--boot", "auto")
        t.check(f"an initrd beyond {what}", r.status == INITRD and ("--memory" in r.stderr) == helps and
                len(r.said()) == 1, r.text())
    os.remove(initrd)
    for length, fits in ((2047, True), (2048, False), (4096, False)):
        r = Run(vmlinux, "--boot", "linux64", "--time-limit", "1", append="x" * length)
        t.check(f"--boot linux64: a command line of {length}", (r.status == 2 and "2047" in r.stderr) != fits,
                r.text())


def packed(t):
    """A Multiboot kernel that is packed as a whole, as loaders take it."""
    plain = images.multiboot()
    zstd = subprocess.run(["zstd", "-c"], input=plain, stdout=subprocess.PIPE, check=True).stdout
    for how, data in (("gzip", gzip.compress(plain)), ("xz", lzma.compress(plain)), ("zstd", zstd)):
        r = Run(data, append="one", name="k.packed")
        t.check(f"packed by {how}", r.ended() and r.value("cmdline") == "k.packed one", r.text())
        r = Run(data[:len(data) // 2])
        t.check("half of it: refused", r.status == BAD_KERNEL and f"({how})" in r.stderr and len(r.said()) == 1,
                r.text())
    r = Run(gzip.compress(gzip.compress(plain)))
    t.check("packed twice: refused", r.status == BAD_KERNEL and len(r.said()) == 1, r.text())


def deaths(t):
    """A guest that dies says where; a boot loop ends."""
    kernel, inside = images.multiboot(), range(images.BASE, images.BASE + len(images.program()))
    r = Run(kernel, append="triple")
    death = r.stats.get("boots", [{}])[-1].get("death") or {}
    where = re.search(r"rip (?:was |0x8:)0x([0-9a-f]+)", r.stderr)
    t.check("a triple fault: one line, with the boot's number", r.status == CRASH and len(r.said()) == 1 and
            "triple fault, boot 1" in r.stderr, r.text())
    t.check("it says where", where and int(where.group(1), 16) in inside, r.text())
    t.check("the statistics do, too", death.get("what") == "triple fault" and death.get("boot") == 1 and
            (death.get("registers") or {}).get("rip", death.get("last_exit_rip")) in inside, death)
    r = Run(kernel, append="jump=fe000000")
    death = r.stats.get("boots", [{}])[-1].get("death") or {}
    registers = death.get("registers") or {}
    t.check("code where there is no memory: one line", r.status == ERROR and len(r.said()) == 1 and
            "rip 0x8:0xfe000000" in r.stderr and "cr2 0x" in r.stderr and "32-bit mode, no paging" in r.stderr,
            r.text())
    t.check("the statistics have the registers", registers.get("rip") == 0xfe000000 and
            registers.get("cs") == 8 and registers.get("rsp", 0) in inside, death)
    for what, count in (("triple", 2), ("reset", 2)):
        r = Run(kernel, "--reboots", str(count), append=what, once=False)
        t.check(f"a boot loop by {what} ends", r.status == LOOP and r.stats.get("boot_count") == count and
                f"boot loop: {count} boots" in r.said()[-1], r.text())
        t.equal("each boot is said", sum(f"boot {n}:" in r.stderr for n in range(1, count + 1)),
                count if what == "triple" else 0)
    r = Run(kernel, "--reboots", "any", "--time-limit", "8", append="triple", once=False)
    t.check("--reboots any: it goes on", r.status == TIMEOUT and r.stats.get("boot_count", 0) > 1, r.text())
    t.check("in a bounded number of lines", len(r.said()) <= 11, r.text())


def tails(t):
    """A bzImage that ends within the last 16 bytes of what its header counts."""
    say = b"".join(b"\x66\xba\xf8\x03\xb0" + bytes([c]) + b"\xee" for c in b"tail\n")
    code = say + b"\x66\xba\xf4\x00\xb0\x00\xee\xf4"
    for cut in (0, 1, 15):
        r = Run(images.bzimage(b"", code.ljust(0x100, b"\0"), cut=cut))
        t.check(f"a bzImage without its last {cut} bytes", r.status == DEBUG_EXIT and "tail" in r.lines, r.text())
    r = Run(images.bzimage(b"", code.ljust(0x100, b"\0"), cut=16))
    t.check("without its last 16", r.status == BAD_KERNEL and "truncated" in r.stderr, r.text())


def main():
    t = Checks()
    entry(t)
    platform(t)
    files(t)
    if not QEMU:
        limits(t)
        tails(t)
        packed(t)
        deaths(t)
    os.rmdir(TOP)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
