#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_status_tool - pvkit-status' and pvkit-load's forms, exit statuses, files and refusals. TAP.

A snapshot is also laid out as a tree: --root must say of it what --snapshot says.
"""

import glob
import json
import os
import re
import stat
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))

import somebody	# noqa: E402
from checks import Checks	# noqa: E402

STATUS = os.path.join(ROOT, "build/pvkit-status")
LOAD = os.path.join(ROOT, "build/pvkit-load")
SNAPS = sorted(glob.glob(os.path.join(ROOT, "tests/data/status/*.snap")))
FINE, LEFT, USAGE, TROUBLE = range(4)
PLACES = {"/.log": "/var/log/dmesg", "/.config": "/proc/config.gz", "/.symbols": "/proc/kallsyms"}


def snap(name):
    return os.path.join(ROOT, "tests/data/status", name + ".snap")


def run(*argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=30, check=False, **more)
    return done.returncode, done.stdout, done.stderr


def wanted(path):
    with open(path, encoding="utf-8") as f:
        return [x[3:].strip() for x in f if x.startswith("#= ")]


def lay_out(path, top):
    """A snapshot as a tree below top; its CPUID as a dump, whose path is returned."""
    dump, at = [], None
    with open(path, encoding="utf-8") as f:
        for line in f.read().splitlines():
            kind, _, rest = line.partition(" ")
            if line.startswith("|") and at:
                with open(at, "a", encoding="utf-8") as out:
                    out.write(("0 t " if at.endswith("kallsyms") else "") + line[1:] + "\n")
            elif kind == "cpuid":
                dump.append(rest)
            elif kind in ("file", "link", "dir") and not rest == "/.user":
                name, _, target = rest.partition(" -> ")
                at = top + PLACES.get(name, name)
                os.makedirs(os.path.dirname(at), exist_ok=True)
                if kind == "link":
                    os.symlink(target, at)
                elif kind == "dir":
                    os.makedirs(at, exist_ok=True)
                else:
                    with open(at, "w", encoding="utf-8"):
                        pass
    with open(top + "/dump", "w", encoding="utf-8") as f:
        f.write("\n".join(dump) + "\n")
    return top + "/dump"


def forms(t):
    wrong, trees = [], []
    for path in SNAPS:
        code, terse, err = run(STATUS, "--snapshot", path, "--terse")
        want = [x for x in wanted(path) if x.startswith("status ")]
        if err or f"status {code}" not in want:
            wrong.append(f"{path}: status {code}, {err}")
        for more, state in ((["--quiet"], code), (["--json"], code), (["--all", "-v"], code)):
            got = run(STATUS, "--snapshot", path, *more)
            if got[0] != state or got[2]:
                wrong.append(f"{path}: {more}: {got[0]} {got[2]}")
            if more == ["--json"]:
                report = json.loads(got[1])
                lines = [" ".join(x for x in (f["state"], f["name"], f["why"]) if x)
                         for f in report["features"]]
                if lines != terse.splitlines() or sum(report["counts"].values()) != len(lines):
                    wrong.append(f"{path}: --json differs from --terse")
            elif more == ["--quiet"] and got[1]:
                wrong.append(f"{path}: --quiet speaks")
        # a denied log is no file of a tree
        if "denied /.log" in open(path, encoding="utf-8").read():
            continue
        with tempfile.TemporaryDirectory() as top:
            dump = lay_out(path, top)
            got = run(STATUS, "--root", top, "--cpuid", dump, "--terse")
            if sorted(got[1].splitlines()) != sorted(terse.splitlines()) or got[0] != code:
                trees.append(f"{path}:\n{terse}\nas a tree ({got[0]} {got[2]}):\n{got[1]}")
    t.check("each snapshot: exit status, and --json agrees with --terse", not wrong, "\n".join(wrong))
    t.check("each snapshot laid out as a tree: --root says the same", not trees and len(SNAPS) > 40,
            "\n".join(trees[:3]))
    code, out, err = run(STATUS, "--snapshot", snap("kvm-nopvspin"), "--why", "kvm.spinlocks")
    t.check("--why says state, reason, advice and evidence", code == LEFT and not err and all(
        re.search(rf"(?m)^{x}", out) for x in ("State: +unused", "Why: +nopvspin", "To do: ",
                                               "Evidence: CPUID 0x40000001 EAX bit 7")), out)
    t.check("--why of something in use: status 0 though others are left",
            run(STATUS, "--snapshot", snap("kvm-nopvspin"), "--why", "kvm.ipi")[0] == FINE)
    t.check("--strict makes the host's matters count",
            run(STATUS, "--snapshot", snap("ide-only"), "--strict", "--quiet")[0] == LEFT)
    code, out, err = run(STATUS, "--snapshot", snap("kvm-user"))
    t.check("what could not be seen is said", "Not seen: the kernel's log" in out and
            "Not seen: the kernel's configuration" in out, out)
    with open(snap("pvkit-refused"), encoding="utf-8") as f, tempfile.NamedTemporaryFile("w") as tmp:
        tmp.write(f.read().replace("pvk_core: not used: the", 'pvk_core: not used: "a\\b"\tthe'))
        tmp.flush()
        code, out, err = run(STATUS, "--snapshot", tmp.name, "--json")
    why = [x["why"] for x in json.loads(out)["features"] if x["name"] == "pvkit.bus"]
    t.check("--json: quotes, backslashes and tabs of a log", why and '"a\\b"\tthe' in why[0], out)
    code, out, err = run(STATUS, "--list")
    t.check("--list names every feature", code == FINE and out.count("\n") > 30 and "kvm.clock" in out)


def here(t, tmp):
    """This machine, whatever it is."""
    code, out, err = run(STATUS, "--terse", "--save", tmp + "/here")
    t.check("this machine: a report, and a snapshot", code in (FINE, LEFT) and not err, err)
    t.equal("the snapshot says the same", run(STATUS, "--terse", "--snapshot", tmp + "/here")[1], out)
    with open(tmp + "/here", encoding="utf-8") as f:
        text = f.read()
    t.check("a snapshot is small, and tells of the log only what the tables ask for",
            len(text) < 65536 and len(re.findall(r"(?m)^\|.*\] ", text)) < 40, len(text))
    if os.geteuid():
        t.skip("an ordinary user gets a report, too", "this is one")
        return
    with somebody.place() as place:
        code, out, err = run(somebody.copy(place, STATUS), "--terse", **somebody.AS_NOBODY)
    t.check("an ordinary user gets a report, too", code in (FINE, LEFT) and not err, err)


def load(t):
    code, out, err = run(LOAD, "--dry-run", "--snapshot", snap("virtio-no-transport"))
    t.check("load --dry-run names the module and what it is for", code == FINE and
            out.startswith("virtio_pci: would be loaded, for pci:0000:00:04.0"), out + err)
    code, out, err = run(LOAD, "--dry-run", "--snapshot", snap("pvkit-blacklisted"))
    t.check("load leaves a blacklisted module alone", code == FINE and not err and
            out.startswith("pvk_core: left alone") and "module_blacklist=" in out, out + err)
    code, out, err = run(LOAD, "--dry-run", "--snapshot", snap("virtio-missing"))
    t.check("load says what is missing, in one line", code == 1 and err.count("\n") == 1 and
            "there is no module virtio_blk" in err, err)
    code, out, err = run(LOAD, "--dry-run", "--snapshot", snap("kvm-well"))
    t.check("load says when there is nothing to do", code == FINE and out.startswith("nothing to load"))
    t.check("load --quiet does not", run(LOAD, "--dry-run", "--quiet", "--snapshot",
                                         snap("kvm-well")) == (FINE, "", ""))
    code, out, err = run(LOAD, "--modules")
    names = out.split()
    t.check("load --modules: each once", code == FINE and len(names) == len(set(names)) > 20 and
            "pvk_core" in names, out)
    t.check("load of another system's modules is refused",
            run(LOAD, "--snapshot", snap("kvm-well"))[0] == USAGE)
    if os.geteuid():
        t.skip("load is refused to an ordinary user", "this is one; covered by the next line's rule")
    else:
        with somebody.place() as place:
            code, out, err = run(somebody.copy(place, LOAD), **somebody.AS_NOBODY)
        t.check("load is refused to an ordinary user", code == TROUBLE and "only root" in err, err)


def refusals(t, tmp):
    with open(tmp + "/bad", "w", encoding="utf-8") as f:
        f.write("hello\n")
    os.mkdir(tmp + "/empty")
    for argv, want, words in [
            (["--wrong"], USAGE, "unknown option"), (["--why"], USAGE, "takes a value"),
            (["file"], USAGE, "unexpected"), (["--root", "/"], USAGE, "needs --cpuid"),
            (["--snapshot", SNAPS[0], "--save", tmp + "/x"], USAGE, "does not go with"),
            (["--snapshot", SNAPS[0], "--root", "/", "--cpuid", "x"], USAGE, "does not go with"),
            (["--snapshot", SNAPS[0], "--why", "kvm.nothing"], USAGE, "no 'kvm.nothing'"),
            (["--snapshot", tmp + "/none"], TROUBLE, "No such file"),
            (["--snapshot", tmp + "/bad"], TROUBLE, "line 1: not understood"),
            (["--snapshot", SNAPS[0], "--cpuid", tmp + "/bad"], TROUBLE, "not understood"),
            (["--root", tmp + "/empty", "--cpuid", os.path.join(ROOT, "tests/data/dumps/kvm.dump")],
             TROUBLE, "no system is there"),
            (["--save", tmp + "/none/x"], TROUBLE, "No such file")]:
        code, out, err = run(STATUS, *argv)
        t.check(f"refused: {' '.join(os.path.basename(x) for x in argv)}", code == want and
                words in err and err.count("\n") == 1 and not out, f"{code} {out} {err}")
    # a root with a pipe where files are expected: nothing waits
    with open(snap("kvm-nopvspin"), encoding="utf-8"):
        dump = lay_out(snap("kvm-nopvspin"), tmp + "/empty")
    os.unlink(tmp + "/empty/proc/config.gz")
    for name in ("proc/config.gz", "var/log/pipe", "etc/modprobe.d/a.conf"):
        os.makedirs(os.path.dirname(f"{tmp}/empty/{name}"), exist_ok=True)
        os.mkfifo(f"{tmp}/empty/{name}")
    code, out, err = run(STATUS, "--root", tmp + "/empty", "--cpuid", dump, "--terse")
    t.check("pipes in a root are not read", code == LEFT and not err and
            "unused kvm.spinlocks nopvspin" in out, f"{code} {out} {err}")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([STATUS, "--snapshot", SNAPS[0]], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    t.equal("a full output is trouble", done.returncode, TROUBLE)
    t.check("no half file is left", not [x for x in os.listdir(tmp) if stat.S_ISREG(
        os.stat(os.path.join(tmp, x)).st_mode) and x not in ("bad", "here")])


def main():
    t = Checks()
    forms(t)
    with tempfile.TemporaryDirectory() as tmp:
        here(t, tmp)
    load(t)
    with tempfile.TemporaryDirectory() as tmp:
        refusals(t, tmp)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
