#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""quotes.py - does docs/porting.md quote what stands in the tree?

A line "`FILE`:" and the indented block behind it: the block stands in that file, line
by line. The table of sizes has a row for each part of the library.
"""

import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
sys.dont_write_bytecode = True

from checks import Checks	# noqa: E402

t = Checks()
with open(os.path.join(ROOT, "docs/porting.md"), encoding="utf-8") as f:
    page = f.read()
quotes = re.findall(r"^`(\S+)`:\n\n((?:    .*\n|\n(?=    ))+)", page, re.M)
t.check("the page quotes code", len(quotes) > 12, len(quotes))
for name, block in quotes:
    want = [line[4:] for line in block.splitlines()]
    try:
        with open(os.path.join(ROOT, name), encoding="ascii") as f:
            have = [line.replace("\t", " " * 8) for line in f.read().splitlines()]
    except OSError as e:
        have = [str(e)]
    n = len(want)
    t.check(f"{name}: {want[0].strip()}", any(have[i:i + n] == want for i in range(len(have))), block)
for path in sorted(glob.glob(os.path.join(ROOT, "hypercall/port/*.c"))):
    part = os.path.basename(path)
    t.check(f"{part} has its row", f"\n| `{part}` |" in page, "")
sys.exit(t.end())
