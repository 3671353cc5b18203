# SPDX-License-Identifier: BSD-2-Clause
"""images.py - kernel files of every kind, made from a program in memory."""

import os
import struct

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FOREIGN = os.environ.get("PVKIT_FOREIGN", os.path.join(ROOT, "build/guests/foreign"))
BASE = 0x200000		# where foreign.lds links it
MAGIC1, MAGIC2 = 0x1badb002, 0xe85250d6


def program():
    with open(FOREIGN, "rb") as f:
        return f.read()


def header1(flags=3, *addresses):
    """A Multiboot header; addresses: its own, of the load, its end, the bss's end, the entry."""
    if addresses:
        flags |= 1 << 16
    head = struct.pack("<3I", MAGIC1, flags, -(MAGIC1 + flags) & 0xffffffff)
    return head + struct.pack("<5I", *(addresses or [0] * 5)) + struct.pack("<4I", 1, 80, 25, 0)


def header2():
    """A Multiboot 2 header with its end tag only."""
    return struct.pack("<4I", MAGIC2, 0, 24, -(MAGIC2 + 24) & 0xffffffff) + struct.pack("<2HI", 0, 0, 8)


def elf(segments, entry, wide=False, notes=b"", head=b""):
    """An ELF file: segments of (virtual, physical, bytes[, bytes in memory]); head lies between the
    program headers and them."""
    count = len(segments) + bool(notes)
    eh, ph = (64, 56) if wide else (52, 32)
    at = eh + ph * count
    at += -at % 16
    body = bytes(head) + b"\0" * (-len(head) % 16)
    table = b""

    def entry_of(kind, vaddr, paddr, offset, filesz, memsz):
        if wide:
            return struct.pack("<IIQQQQQQ", kind, 7, offset, vaddr, paddr, filesz, memsz, 16)
        return struct.pack("<8I", kind, offset, vaddr & 0xffffffff, paddr, filesz, memsz, 7, 16)

    if notes:
        table += entry_of(4, 0, 0, at + len(body), len(notes), len(notes))
        body += notes + b"\0" * (-len(notes) % 16)
    for vaddr, paddr, data, *more in segments:
        table += entry_of(1, vaddr, paddr, at + len(body), len(data),
                          more[0] if more else len(data))
        body += data + b"\0" * (-len(data) % 16)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + b"\0" * 9
    form = "<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH"
    head = ident + struct.pack(form, 2, 62 if wide else 3, 1, entry, eh, 0, 0, eh, ph, count,
                               0, 0, 0)
    return (head + table).ljust(at, b"\0") + body


def multiboot(more=(), flags=3, vaddr=BASE, entry=None, wide=False):
    """The program as a Multiboot kernel in ELF, with more segments."""
    return elf([(vaddr, BASE, program()), *more], vaddr if entry is None else entry, wide,
               head=header1(flags))


def flat(base=BASE, flags=3):
    """The program as a flat file, by the addresses of a Multiboot header in front of it."""
    size = len(header1())
    code = program()
    return header1(flags, base - size, base - size, base + len(code), 0, base) + code


def bzimage(payload, code=b"", cut=0, **fields):
    """A bzImage around a payload: the fields of the header that a loader reads. code lies at its
    64-bit entry; cut bytes of the tail are missing."""
    body = (b"\xcc" * 64 + payload).ljust(0x200 + len(code), b"\0")
    if code:
        body = body[:0x200] + code + body[0x200 + len(code):]
    body += b"\0" * (-len(body) % 16)
    head = bytearray(1024)
    for at, form, value in ((0x1f1, "<B", 1), (0x1f4, "<I", fields.get("syssize", len(body) // 16)),
                            (0x1fe, "<H", 0xaa55), (0x202, "<I", 0x53726448), (0x206, "<H", 0x20f),
                            (0x22c, "<I", fields.get("initrd_max", 0x7fffffff)), (0x236, "<H", 1),
                            (0x238, "<I", 2047), (0x248, "<I", 64), (0x24c, "<I", len(payload)),
                            (0x258, "<Q", 0x200000), (0x260, "<I", len(body) + 0x100000)):
        struct.pack_into(form, head, at, value)
    head[0x200:0x202] = b"\xeb\x66"
    return (bytes(head) + body)[:1024 + len(body) - cut]
