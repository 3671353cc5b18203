#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_make - which headers `make modules` takes, and that what builds a product installs nothing. TAP."""

import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))

from checks import Checks	# noqa: E402


def run(*argv):
    done = subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def kdir(*variables):
    text = run("make", "-s", "help", *variables)[1]
    return text.rsplit("KDIR=", 1)[-1].split(" ")[0]


t = Checks()
with tempfile.TemporaryDirectory() as tmp:
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
    listing = os.path.join(tmp, "list")
    with open(listing, "w", encoding="ascii") as f:
        f.write("pvkit-is-no-package # a reason [stub]\npvkit-nor-this # another\n")
    code, out, err = run("host-stub/rig/setup", "--product", "stub", "--list", listing)
    t.check("a missing package is said in one line", code == 1 and not out and err.count("\n") == 1 and
            "pvkit-is-no-package" in err and "nor-this" not in err, out + err)
    t.equal("what another product needs is not missed", run("host-stub/rig/setup", "--product", "tools",
                                                            "--list", listing), (0, "", ""))
sys.exit(t.end())
