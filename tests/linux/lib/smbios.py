#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""smbios.py OUT DUMP... - the SMBIOS tables that the DMI facts of recorded machines describe.

For each dump OUT/NAME.dump, and OUT/NAME.entry and OUT/NAME.table in the form of
Linux's /sys/firmware/dmi/tables, for programs that read those. A dump without
a DMI fact gets none. (DSP0134: 2.8, structures 0, 1, 2, 3 and 127.)
"""

import os
import shutil
import struct
import sys


def facts(path):
    with open(path, encoding="utf-8") as f:
        pairs = [line[5:].rstrip("\n").split("=", 1) for line in f if line.startswith("fact dmi.")]
    return {k[4:]: v for k, v in pairs}


def structure(kind, handle, body, strings):
    """One structure; in body a str stands for the number of a string."""
    out, texts = b"", []
    for part in body:
        if isinstance(part, bytes):
            out += part
        elif part in strings:
            texts.append(strings[part])
            out += bytes([len(texts)])
        else:
            out += b"\0"
    tail = b"".join(t.encode("ascii") + b"\0" for t in texts) + b"\0"
    return struct.pack("<BBH", kind, 4 + len(out), handle) + out + (tail if texts else b"\0\0")


def tables(f):
    s = [structure(0, 0, ["bios_vendor", "bios_version", b"\0\xe8\0\0", bytes(14)], f),
         structure(1, 1, ["sys_vendor", "product_name", "product_version", "product_serial",
                          bytes(16), b"\6\0\0"], f),
         structure(2, 2, ["board_vendor", bytes(4)], f),
         structure(3, 3, ["sys_vendor", b"\1\0\0", "chassis_asset_tag", b"\3\3\3\3", bytes(8)], f),
         structure(127, 4, [], f)]
    table = b"".join(s)

    def checked(data, at):
        return data[:at] + bytes([-sum(data) & 0xff]) + data[at + 1:]
    inner = checked(b"_DMI_\0" + struct.pack("<HIHB", len(table), 0xf0000, len(s), 0x28), 5)
    outer = b"_SM_\0\x1f\2\x08" + struct.pack("<HB5x", max(map(len, s)), 0) + inner
    return checked(outer, 4), table


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    for path in sys.argv[2:]:
        base = os.path.join(out, os.path.splitext(os.path.basename(path))[0])
        shutil.copyfile(path, base + ".dump")
        known = facts(path)
        if not known:
            continue
        for suffix, data in zip((".entry", ".table"), tables(known)):
            with open(base + suffix, "wb") as f:
                f.write(data)


main()
