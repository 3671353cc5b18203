#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""apply.py SERIES - does pvops/apply put the patches on, take them off, and refuse in time?

On a tree of the files that matter (those that the series touches, and what makes
a tree one), copied from Debian's pristine source.
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
from checks import Checks	# noqa: E402

SERIES = sys.argv[1]
DIR = os.path.join(ROOT, "pvops", SERIES)
APPLY = os.path.join(ROOT, "pvops/apply")
CONTRACT = "arch/x86/include/asm/pvkit/"	# copies of hypercall/'s headers


def touched():
    """Every file that the series adds, or a patch of it names."""
    names = {n for n in added() if not n.endswith(".patch")}
    for path in glob.glob(DIR + "/[0-9]*.patch"):
        with open(path, encoding="utf-8") as f:
            names.update(re.findall(r"^(?:---|\+\+\+) [ab]/(\S+)", f.read(), re.M))
    return sorted(names)


def added():
    """What apply says it puts in: files by their names in the tree, and patches."""
    return [line.split(None, 1)[1] for line in apply("--state", SERIES)[1].splitlines()]


def steps():
    """The files of each step of the series for a mailing list, in order."""
    with open(os.path.join(ROOT, "pvops/linux/steps"), encoding="utf-8") as f:
        return [line.split()[1:] for line in f if line.startswith("files:")]


def state(tree):
    """{path: (sha256, mode)} of all files; folders too, for none may be left behind."""
    found = {}
    for top, dirs, files in os.walk(tree):
        for name in dirs:
            found[os.path.relpath(os.path.join(top, name), tree)] = "dir"
        for name in files:
            path = os.path.join(top, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, tree)] = (hashlib.sha256(f.read()).hexdigest(),
                                                      os.stat(path).st_mode)
    return found


def apply(*args):
    p = subprocess.run([APPLY, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       check=False)
    return p.returncode, p.stdout, p.stderr


def same(one, other):
    """Do both files hold the same?"""
    with open(one, "rb") as a, open(other, "rb") as b:
        return a.read() == b.read()


def replace(path, old, new):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert old in text, (path, old)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new, 1))


t = Checks()
number = SERIES.partition("-")[2]
got = subprocess.run([os.path.join(ROOT, "host-stub/rig/fetch"), "source-tree", number],
                     stdout=subprocess.PIPE, text=True, check=False)
if got.returncode:
    t.check("Debian's source is at hand", False, "host-stub/rig/fetch source-tree failed")
    sys.exit(t.end())
source = got.stdout.strip()
tmp = tempfile.mkdtemp(prefix="pvkit-apply-test-")
try:
    tree = os.path.join(tmp, "linux")
    files = touched()
    for name in files + ["Makefile", "Kconfig"]:
        if os.path.exists(os.path.join(source, name)):
            os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
            shutil.copy2(os.path.join(source, name), os.path.join(tree, name))
    pristine = state(tree)
    changed = [n for n in files if n in pristine]
    t.check("the series touches files of the tree", len(changed) > 3, files)
    wrong = [n for n in files if n not in pristine and
             sum(n == s or s.endswith("/") and n.startswith(s)
                 for step in steps() for s in step) != 1]
    t.check("each added file is in one step for a mailing list", not wrong, wrong)

    done = apply(tree)
    t.check("applies to the pristine tree, silently", done == (0, "", ""), done)
    applied = state(tree)
    t.check("every file of the series is there", all(n in applied for n in files), "")
    t.check("and those of the tree are changed",
            all(applied[n][0] != pristine[n][0] for n in changed), "")
    headers = [n for n in files if n.startswith(CONTRACT)]
    t.check("the contract is hypercall's", len(headers) > 10 and all(
        same(os.path.join(tree, n), os.path.join(ROOT, "hypercall", n[len(CONTRACT):]))
        for n in headers), headers)
    t.check("nothing else is", {k: v for k, v in applied.items() if k not in files and
            v != "dir" and k != ".pvkit-patches"} ==
            {k: v for k, v in pristine.items() if k not in files and v != "dir"}, "")
    done = apply(tree)
    t.check("a second time does nothing", done == (0, "", "") and state(tree) == applied, done)
    done = apply("--reverse", tree)
    t.check("the way back restores every byte", done == (0, "", "") and state(tree) == pristine,
            (done, [k for k in set(pristine) ^ set(state(tree))]))
    done = apply("--reverse", tree)
    t.check("a second time does nothing", done == (0, "", "") and state(tree) == pristine, done)

    def refused(name, want, *args):
        """One line, status 1, nothing changed."""
        before = state(tree)
        status, out, err = apply(*args)
        t.check(f"{name}: refused in one line", status == 1 and not out and
                len(err.splitlines()) == 1 and re.search(want, err), (status, out, err))
        t.check(f"{name}: the tree is as it was", state(tree) == before, "")

    # A tree whose last touched file has changed where the last patch that touches it looks.
    victim = "arch/x86/kernel/head64.c"
    shutil.copy2(os.path.join(tree, victim), tmp + "/saved")
    replace(os.path.join(tree, victim), "* Load microcode early on BSP.", "* Load it.")
    refused("a damaged tree", r"\d{4}-.*patch does not fit .*head64\.c.*[Hh]unk", tree)
    shutil.copy2(tmp + "/saved", os.path.join(tree, victim))

    os.unlink(os.path.join(tree, victim))
    refused("a tree with a file missing", r"\d{4}-.*patch does not fit", tree)
    shutil.copy2(tmp + "/saved", os.path.join(tree, victim))

    name = next(n for n in files if n not in pristine)
    os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
    with open(os.path.join(tree, name), "w", encoding="ascii") as f:
        f.write("somebody else's\n")
    refused("a file where one is added", re.escape(name) + " is there already", tree)
    os.unlink(os.path.join(tree, name))

    shutil.copy2(os.path.join(tree, "Makefile"), tmp + "/Makefile")
    replace(os.path.join(tree, "Makefile"), "VERSION = ", "VERSION = 1")
    refused("a version without a series", "no series for Linux", tree)
    refused("a series of another version", "is for Linux", "--series", SERIES, tree)
    shutil.copy2(tmp + "/Makefile", os.path.join(tree, "Makefile"))
    refused("what is no source tree", "no Linux source tree", tmp)

    assert apply(tree)[0] == 0
    replace(os.path.join(tree, victim), "pvkit_early_init();", "pvkit_late_init();")
    refused("a patched tree that was changed, back", r"\d{4}-.*patch does not fit", "--reverse",
            tree)
    replace(os.path.join(tree, victim), "pvkit_late_init();", "pvkit_early_init();")
    replace(os.path.join(tree, name), "SPDX", "spdx")
    refused("an added file that was changed, back", re.escape(name) + " was changed", "--reverse", tree)
    with open(os.path.join(tree, ".pvkit-patches"), "a", encoding="ascii") as f:
        f.write("0  9999-other.patch\n")
    refused("another state of the patches", "another state", tree)
    refused("another state of the patches, back", "another state", "--reverse", tree)
    t.equal("no arguments: how to use it", apply()[0], 2)
    t.check("nothing is left in the temporary folder",
            not glob.glob(os.path.join(tempfile.gettempdir(), "pvkit-apply-??????")), "")
finally:
    shutil.rmtree(tmp, ignore_errors=True)
sys.exit(t.end())
