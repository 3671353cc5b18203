#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_detect_tool - pvkit-detect's forms, exit statuses, files and refusals. TAP."""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))

from checks import Checks	# noqa: E402

TOOL = os.path.join(ROOT, "build/pvkit-detect")
DUMPS = sorted(glob.glob(os.path.join(ROOT, "tests/data/dumps/*.dump")))
YES, NO, USAGE, TROUBLE = range(4)


def dump(name):
    return os.path.join(ROOT, "tests/data/dumps", name + ".dump")


def run(*argv, **more):
    done = subprocess.run([TOOL, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=30, check=False, **more)
    return done.returncode, done.stdout, done.stderr


def facts_of(text):
    """What --json says, as --terse says it."""
    machine = json.loads(text)
    out = [f"hypervisor {x['name']} {x['confidence']} {x['role']}" for x in machine["hypervisors"]]
    out = out or ["hypervisor none"]
    if machine["platform"] != "none":
        out.append(f"platform {machine['platform']}")
    blocks = machine["interfaces"]
    out += [f"interface 0x{b['base']:x} {b['kind']} of "
            f"{machine['hypervisors'][b['hypervisor']]['name']} by {b['calls']}" for b in blocks]
    out += [" ".join([f"features 0x{b['base']:x}"] + b["offered"]) for b in blocks]
    return out


def pasted(t):
    """A dump in the forms in which people paste it: the answer is the same, or what is wrong is said."""
    with open(dump("cloud-cpuid-r"), encoding="ascii") as f:
        plain = [x for x in f.read().splitlines() if not x.startswith("#")]
    want = run("--raw", dump("cloud-cpuid-r"), "--terse")[1]
    t.check("the dump to be pasted says something", want.startswith("hypervisor kvm"), want)
    leaves = re.findall(r"0x(\w+) 0x(\w+): eax=0x(\w+) ebx=0x(\w+) ecx=0x(\w+) edx=0x(\w+)", "\n".join(plain))
    dashed = ["------[ Versions ]------", "", "------[ Logical CPU #0 ]------", "",
              "allcpu: Package 0 / Core 0 / Thread 0: Valid, Virtual ID: 0", ""]
    for leaf, sub, *regs in leaves:
        dashed.append(f"CPUID {leaf}: {'-'.join(regs)}".upper() + (f" [SL {sub}]" if leaf == "0000000b" else "") +
                      (" [AuthenticAMD]" if leaf == "00000000" else ""))
    other = ["------[ Logical CPU #1 ]------"] + [f"CPUID {leaf}: 0-0-0-0" for leaf, *_ in leaves]
    raw = [f"basic_cpuid[{int(leaf, 16)}]={' '.join(regs)}" if int(leaf, 16) < 32 else
           f"ext_cpuid[{int(leaf, 16) & 31}]={' '.join(regs)}" if leaf.startswith("8") else
           f"hypervisor_cpuid[{leaf}]={' '.join(regs)}" for leaf, sub, *regs in leaves if not int(sub, 16)]
    trailer = ["-" * 80, "x86", "amd", "21: what a test of libcpuid wants", "fpu vme de"]
    for name, text in (("CPUID lines with dashes", dashed + other), ("a byte order mark", ["\ufeff" + plain[0]] + plain[1:]),
                       ("a byte order mark, and DOS's ends of lines", ["\ufeff" + x + "\r" for x in plain[:1]] +
                        [x + "\r" for x in plain[1:]]), ("a test file of libcpuid", raw + trailer)):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".dump", newline="\n") as f:
            f.write("\n".join(text) + "\n")
            f.flush()
            code, terse, err = run("--raw", f.name, "--terse")
            t.check(f"a pasted dump: {name}", (code, terse, err) == (YES, want, ""), f"{code}: {err}{terse}")
    for name, text, word in (("quoted lines", ["> " + x for x in plain], "quoted"),
                             ("a rule in front of nothing", ["-" * 80, "x86"], "not understood"),
                             ("CPUID lines cut short", ["CPUID 00000001: 1-2-3"], "not understood")):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".dump") as f:
            f.write("\n".join(text) + "\n")
            f.flush()
            code, terse, err = run("--raw", f.name, "--terse")
            t.check(f"a pasted dump is refused: {name}", code not in (YES, NO) and not terse and
                    err.count("\n") == 1 and word in err, f"{code}: {err}{terse}")


def main():
    t = Checks()
    pasted(t)
    wrong, mute = [], []
    for path in DUMPS:
        code, terse, err = run("--raw", path, "--terse")
        bare = terse.startswith("hypervisor none\n")
        if code != (NO if bare else YES) or err:
            wrong.append(f"{path}: status {code} {err}")
        code, text, err = run("--raw", path, "--json")
        try:
            same = facts_of(text) == terse.splitlines()
        except (ValueError, KeyError) as e:
            same, err = False, repr(e)
        if not same or err:
            wrong.append(f"{path}: --json differs from --terse {err}")
        code, text, err = run("--raw", path, "--all")
        first = text.splitlines()[0] if text else ""
        if not re.match("No hypervisor: " if bare else "Hypervisor: ", first) or err:
            mute.append(f"{path}: {first} {err}")
    t.check("each dump: status, --terse and --json agree", not wrong and len(DUMPS) >= 40,
            "\n".join(wrong))
    t.check("each dump: the report for people begins with the answer", not mute, "\n".join(mute))

    for argv, want in [
            (["--is", "kvm"], YES), (["--is", "hyperv"], NO), (["--is", "qemu"], YES),
            (["--is", "ec2"], NO), (["--is", "none"], NO), (["--offers", "hyperv"], YES),
            (["--offers", "xen"], NO), (["--offers", "kvm.pv_eoi"], YES),
            (["--offers", "kvm.hint_realtime"], NO), (["--offers", "hyperv.reference_tsc"], YES),
            (["--is", "kvm", "--offers", "hyperv"], YES), (["--is", "xen", "--offers", "hyperv"], NO)]:
        code, out, err = run("--raw", dump("kvm-hyperv"), *argv)
        t.check(f"{' '.join(argv)}: status {want}, and silence", (code, out, err) == (want, "", ""),
                f"{code} {out} {err}")
    t.check("--is none on bare metal", run("--raw", dump("bare"), "--is", "none")[0] == YES)
    t.check("--short", run("--raw", dump("xen-pv-in-vmware"), "--short")[1] == "xen\n" and
            run("--raw", dump("bare"), "--short")[1] == "none\n")
    t.check("--quiet", run("--raw", dump("kvm"), "--quiet") == (YES, "", ""))
    names = run("--list")[1]
    t.check("--list names what --is and --offers take",
            all(x in names for x in ("parallels", "nutanix", "hyperv.reference_tsc", "kvm.pv_eoi")),
            names)

    with tempfile.TemporaryDirectory() as top:
        path = os.path.join(top, "saved")
        code, live, err = run("--terse", "--save", path)
        again = run("--raw", path, "--terse")
        t.check("this machine, saved and read, is the same", code in (YES, NO) and
                again == (code, live, err), f"{live}\n{again}")
        t.check("and nothing lies beside the file", os.listdir(top) == ["saved"])
        raw = os.path.join(top, "raw")
        try:
            with open(raw, "w", encoding="ascii") as f:
                subprocess.run(["cpuid", "-r"], stdout=f, check=True)
            read = run("--raw", raw, "--terse")[1]
            blocks = [x for x in read.splitlines() if x.startswith("interface")]
            t.check("cpuid -r of this machine has the same interfaces",
                    blocks == [x for x in live.splitlines() if x.startswith("interface")], read)
        except OSError:
            t.skip("cpuid -r of this machine has the same interfaces", "no cpuid program")
        with open(raw, encoding="ascii") as f:
            t.check("standard input is read", run("--raw", "-", "--quiet", stdin=f)[0] in (YES, NO))

        bad = os.path.join(top, "bad")
        with open(bad, "w", encoding="ascii") as f:
            f.write("basic_cpuid[1]=1 2 3 4\nwhat is this\n")
        empty = os.path.join(top, "empty")
        with open(empty, "w", encoding="ascii"):
            pass
        long = os.path.join(top, "long")
        with open(long, "w", encoding="ascii") as f:
            f.writelines(f"hypervisor_cpuid[{0x40000000 + i:x}]=1 2 3 4\n" for i in range(5000))
        for argv, status, *words in [
                (["--raw", bad], TROUBLE, bad, "line 2"),
                (["--raw", empty], TROUBLE, empty, "leaf 1"),
                (["--raw", long], TROUBLE, long, "line 1025"), (["--raw", top], TROUBLE, top),
                (["--raw", top + "/none"], TROUBLE, "No such file"),
                (["--raw", "/dev/zero"], TROUBLE, "/dev/zero"),
                (["--save", top + "/no/where"], TROUBLE, "No such file"),
                (["--is", "kvmm"], USAGE, "'kvmm'", "--list"),
                (["--offers", "kvm.eoi"], USAGE, "kvm.eoi"),
                (["--offers", "none"], USAGE, "none"), (["--raw"], USAGE, "--raw"),
                (["--what"], USAGE, "--what"), (["more"], USAGE, "more")]:
            code, out, err = run(*argv)
            t.check(f"refused in one line: {' '.join(argv).replace(top, 'TOP')}",
                    code == status and not out and err.count("\n") == 1 and
                    all(w in err for w in words), f"{code} {out} {err}")
        with open("/dev/full", "w", encoding="ascii") as f:
            code = subprocess.run([TOOL, "--json", "--raw", dump("kvm")], stdout=f,
                                  stderr=subprocess.PIPE, check=False).returncode
        t.check("a full disk is trouble", code == TROUBLE)
    return t.end()


sys.exit(main())
