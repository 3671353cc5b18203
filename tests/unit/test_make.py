#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_make - what a contributor types. TAP.

Which headers `make modules` takes; building a product installs nothing and says what is missing;
one test by its name; compile_commands.json; one version for all.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))

from checks import Checks	# noqa: E402


def run(*argv, timeout=170, **environment):
    done = subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout, check=False,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def kdir(*variables):
    text = run("make", "-s", "help", *variables)[1]
    return text.rsplit("KDIR=", 1)[-1].split(" ")[0]


def headers(tmp):
    build = f"{tmp}/{os.uname().release}/build"
    os.makedirs(build)
    t.equal("the running kernel's headers are taken", kdir(f"LIBMODULES={tmp}"), build)
    t.equal("KVER= has precedence", kdir(f"LIBMODULES={tmp}", "KVER=6.1.0-1-amd64"),
            "/usr/src/linux-headers-6.1.0-1-amd64")
    t.equal("so has KDIR=", kdir(f"LIBMODULES={tmp}", "KDIR=/there"), "/there")
    t.check("without any, the newest that are installed",
            kdir("LIBMODULES=/nowhere").startswith("/usr/src/linux-headers-"))
    for product in ("stub", "tools", "modules"):
        said = run("make", "-n", product)[1]
        t.check(f"make {product} looks for what it needs, and installs nothing",
                f"host-stub/rig/setup --product {product}" in said and
                not any(x.strip() == "host-stub/rig/setup" for x in said.splitlines()), said[:300])
    for target in ("demo", "check", "check-long"):
        t.check(f"make {target} looks for headers after they were installed",
                "KDIR='$(TEST_KDIR)'" in run("make", "-n", target)[1])


def looks(tmp):
    """Without dpkg, what a product needs is asked of the compiler and of PATH."""
    listing = os.path.join(tmp, "list")
    with open(listing, "w", encoding="ascii") as f:
        f.write("pvkit-is-no-package # a reason [stub]\npvkit-nor-this # another\n")
    code, out, err = run("host-stub/rig/setup", "--product", "stub", "--list", listing)
    t.check("a missing package is said in one line", code == 1 and not out and err.count("\n") == 1 and
            "pvkit-is-no-package" in err and "nor-this" not in err, out + err)
    t.equal("what another product needs is not missed", run("host-stub/rig/setup", "--product", "tools",
                                                            "--list", listing), (0, "", ""))
    bin_only = os.path.join(tmp, "bin")
    os.mkdir(bin_only)
    for program in ("sh", "sed", "grep", "tr", "cat", "dirname", "mktemp", "rm", "gcc", "as", "ld"):
        os.symlink(shutil.which(program), os.path.join(bin_only, program))
    with open(listing, "w", encoding="ascii") as f:
        f.write("""liba-dev # a [stub] {zlib: zlib.h -lz}
libb-dev # b [stub] {pvk-no-header: pvk/none.h}
libc-dev # c [stub] {pvk-no-library: stdio.h -lpvk-none}
d # d [stub] {sed}
e # e [stub] {pvk-no-program}
f # f [stub]
g # g [tools] {pvk-for-tools}
""")
    setup = ("host-stub/rig/setup", "--product", "stub", "--list", listing)
    code, out, err = run(*setup, PATH=bin_only, CC="gcc")
    t.check("without dpkg: what the compiler and PATH do not find is said in one line",
            code == 1 and not out and err.count("\n") == 1 and "pvk-no-header (<pvk/none.h>)" in err and
            "pvk-no-library" in err and "pvk-no-program" in err, out + err)
    t.check("without dpkg: what they find is not missed",
            "zlib" not in err and "sed" not in err and "pvk-for-tools" not in err, err)
    code, out, err = run(*setup, PATH=bin_only, CC="pvk-no-compiler")
    t.check("without a compiler one line says so", code == 1 and err.count("\n") == 1 and
            "pvk-no-header" in err, err)
    with open(listing, "a", encoding="ascii") as f:
        f.write("gcc # the compiler [stub] {CC}\n")
    os.rename(listing, listing + ".all")
    with open(listing + ".all", encoding="ascii") as f, open(listing, "w", encoding="ascii") as to:
        to.writelines(reversed(f.readlines()))
    code, out, err = run(*setup, PATH=bin_only, CC="pvk-no-compiler")
    t.check("without a compiler that alone is said", code == 1 and err.count("\n") == 1 and
            "'pvk-no-compiler'" in err and "pvk-no-header" not in err, err)
    for product in ("stub", "tools", "modules"):
        t.equal(f"without dpkg: all that {product} needs is found by the real list",
                run("host-stub/rig/setup", "--product", product,
                    PATH=bin_only + ":" + hidden(tmp, "dpkg-query"), CC="gcc"), (0, "", ""))
    with open(listing, "w", encoding="ascii") as f:
        f.write("pvkit-is-no-package # by hand [stub] {zlib: zlib.h -lz}\n")
    t.equal("with dpkg: what is there without a package is not missed", run(*setup), (0, "", ""))


def hidden(tmp, program):
    """A folder with links to all programs of PATH but for `program`."""
    folder = os.path.join(tmp, "without-" + program)
    if not os.path.isdir(folder):
        os.mkdir(folder)
        for place in os.environ["PATH"].split(":"):
            for path in glob.glob(os.path.join(place, "*")):
                link = os.path.join(folder, os.path.basename(path))
                if os.path.basename(path) != program and not os.path.lexists(link):
                    os.symlink(path, link)
    return folder


def one_test():
    code, out, err = run("make", "test", "T=ring")
    t.check("make test T=ring runs that unit test", code == 0 and "[==========]" in out + err or
            re.search(r"^ok 1 ", out, re.M) is not None, (code, out[-300:], err[-300:]))
    code, out, err = run("make", "test", "T=no-such-test")
    t.check("a name that is no test is an error that says so", code != 0 and "no-such-test" in err,
            (code, out, err))
    code, out, err = run("make", "test")
    t.check("without a name, two examples", code != 0 and "T=ring" in err, err)


def database():
    """compile_commands.json: in a copy of the name, as a developer may have one."""
    path = os.path.join(ROOT, "compile_commands.json")
    kept = path + ".kept"
    if os.path.exists(path):
        os.rename(path, kept)
    try:
        code, _, err = run("make", "compile_commands.json")
        entries = json.loads(text(path)) if code == 0 else []
    finally:
        if os.path.exists(path):
            os.remove(path)
        if os.path.exists(kept):
            os.rename(kept, path)
    files = {os.path.relpath(os.path.join(e["directory"], e["file"]), ROOT) for e in entries}
    stub = {os.path.relpath(p, ROOT) for folder in ("", "boot/", "disk/", "emu/", "net/", "pv/")
            for p in glob.glob(os.path.join(ROOT, "host-stub", folder + "*.c"))}
    t.equal("compile_commands.json has each file of the stub", sorted(stub - files), [])
    t.check("... and those of tools and unit tests",
            {"hypercall/tools/detect/main.c", "tests/unit/test_ring.c"} <= files, err)
    t.check("... each with its arguments, from a folder that is there",
            len(entries) > 0 and all("-c" in e["arguments"] and os.path.isdir(e["directory"])
                                     for e in entries))


def version():
    """The number is in VERSION alone: what is built and what documents it agree."""
    number = text("VERSION").strip()
    t.check("VERSION is a number of three parts", re.fullmatch(r"\d+\.\d+\.\d+", number), number)
    code, _, err = run("make", "-s", "stub", "test-modules")
    t.check("stub and modules are built", code == 0, err[-300:])
    t.check("pvkit-vm --version says it",
            run("build/pvkit-vm", "--version")[1].startswith(f"pvkit-vm {number},"))
    for name in ("pvk_core", "pvk_blk", "pvk_net"):
        t.equal(f"modinfo {name} says it",
                run("/sbin/modinfo", "-F", "version", f"build/modules/{name}.ko")[1].strip(), number)
    places = run("git", "grep", "-nE", r"MODULE_VERSION\(|_VERSION[[:space:]]+\"[0-9]", "--",
                 "*.c", "*.h")[1].splitlines()
    t.check("no source has a number of its own",
            len(places) > 2 and all("MODULE_VERSION(PVK_RELEASE)" in p for p in places), places)
    page = text("docs/modules.md")
    told = re.findall(r"pvkit[-/](\d[\d.]*\d)|PACKAGE_VERSION=\"(.*)\"", page)
    t.equal("docs/modules.md names it to DKMS", {a or b for a, b in told}, {number})
    t.check("the changelog begins with what is not released, or with it",
            re.search(r"^## (.*)$", text("CHANGELOG.md"), re.M).group(1).startswith(("Unreleased", number)))


t = Checks()
with tempfile.TemporaryDirectory() as scratch:
    headers(scratch)
    looks(scratch)
one_test()
database()
version()
sys.exit(t.end())
