#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""apply.py - does pvops/apply put the patches on GRUB's source, take them off, and refuse?

On the files that the series touches, copied from Debian's pristine source.
"""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
sys.dont_write_bytecode = True

from checks import Checks	# noqa: E402

SERIES = os.path.join(ROOT, "hypercall/port/grub")


def state(tree):
    out = {}
    for top, _, files in os.walk(tree):
        for name in files:
            with open(os.path.join(top, name), "rb") as f:
                where = os.path.relpath(os.path.join(top, name), tree)
                out[where] = hashlib.sha256(f.read()).digest()
    return out


def apply(*args):
    done = subprocess.run([os.path.join(ROOT, "pvops/apply"), *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def main():
    t = Checks()
    source = subprocess.run([os.path.join(ROOT, "hypercall/port/grub/build"), "tree"], stdout=subprocess.PIPE,
                            text=True, check=True).stdout.strip()
    touched = {line.split(None, 1)[1] for line in apply("--state", "grub")[1].splitlines()
               if not line.endswith(".patch")}
    t.check("the library and the module are added", len(touched) > 30, touched)
    for path in glob.glob(SERIES + "/*.patch"):
        with open(path, encoding="utf-8") as f:
            touched |= set(re.findall(r"^\+\+\+ b/(\S+)", f.read(), re.M))
    with tempfile.TemporaryDirectory(prefix="pvkit-apply-grub-") as tree:
        for name in touched | {"configure.ac"}:
            if os.path.exists(os.path.join(source, name)):
                os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
                shutil.copy2(os.path.join(source, name), os.path.join(tree, name))
        pristine = state(tree)
        t.equal("applies to the pristine source, silently", apply(tree), (0, "", ""))
        applied = state(tree)
        t.check("all files are there", touched <= set(applied), touched - set(applied))
        t.equal("a second time does nothing", (apply(tree), state(tree) == applied), ((0, "", ""), True))
        t.equal("the way back restores every byte", (apply("--reverse", tree), state(tree) == pristine),
                ((0, "", ""), True))
        victim = os.path.join(tree, "include/grub/offsets.h")
        with open(victim, "a", encoding="ascii") as f:
            f.seek(0)
            f.truncate()
            f.write("something else\n")
        damaged = state(tree)
        status, out, err = apply(tree)
        t.check("a source that is different is refused, in one line", status == 1 and not out and
                len(err.splitlines()) == 1 and "0001" in err and "offsets.h" in err, err)
        t.check("and is as it was", state(tree) == damaged, "")
        status, _, err = apply("--series", "linux-6.1", tree)
        t.check("so is another system's series", status == 1 and "is for Linux" in err, err)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
