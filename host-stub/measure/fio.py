# SPDX-License-Identifier: BSD-2-Clause
"""fio made small: the program, what it needs and its jobs as an archive for the disk image."""

import os
import re
import shutil
import subprocess
import tempfile

from . import MeasureError
from .make import command

# Libraries of fio that its work on a local disk uses. The others (network
# storage, 80 MB with all they need) are replaced by empty ones.
KEEP = ("libc.so", "libm.so", "libaio.so", "libz.so", "libnuma.so", "ld-linux", "libdl.so",
        "libpthread.so", "librt.so")


def symbols(path, which):
    """{name: version or ''} of a shared object's dynamic symbols."""
    found = {}
    for line in command(["nm", "-D", which, path], "reading symbols").splitlines():
        name, _, version = line.split()[-1].partition("@")
        found[name] = version.lstrip("@")
    return found


def needed(path):
    """[(soname, real path)] of the libraries a program loads, itself through ldd."""
    found = []
    for line in command(["ldd", path], "libraries of fio").splitlines():
        m = re.match(r"\s*(?:(\S+) => )?(/\S+) \(", line)
        if m:
            found.append((m.group(1) or m.group(2), m.group(2)))
        elif "not found" in line:
            raise MeasureError(f"libraries of fio: {line.strip()}: install the package fio anew")
    return found


def empty_library(soname, real, wanted, out_dir):
    """A library that has the names fio asks for and does nothing: calling one traps."""
    have = symbols(real, "--defined-only")
    mine = {n: v for n, v in wanted.items() if n in have}
    by_version = {}
    for name, version in sorted(mine.items()):
        by_version.setdefault(version, []).append(name)
    with tempfile.TemporaryDirectory() as tmp:
        source, script = os.path.join(tmp, "e.c"), os.path.join(tmp, "e.map")
        with open(source, "w", encoding="ascii") as f:
            f.write("".join(f"void {n}(void) {{ __builtin_trap(); }}\n" for n in sorted(mine)))
        with open(script, "w", encoding="ascii") as f:
            for version, names in sorted(by_version.items()):
                f.write((version or "") + " { global: " + "; ".join(names) + ";"
                        + (" };\n" if version else " local: *; };\n"))
        argv = ["gcc", "-shared", "-fPIC", "-nostdlib", "-fno-builtin", "-w", "-s",
                f"-Wl,-soname,{soname}", "-o", os.path.join(out_dir, soname), source]
        if "" not in by_version or len(by_version) == 1:
            argv.insert(1, f"-Wl,--version-script={script}")
        command(argv, f"a stand-in for {soname}")


def build_archive(build, jobs):
    """fio, what it needs, and jobs [(name, text)] as a cpio archive; its path. Made every time."""
    fio = shutil.which("fio")
    if not fio:
        raise MeasureError("fio is not installed: run host-stub/rig/setup, or use --only boot")
    cache = os.path.join(build, "fio")
    stamp = os.path.join(cache, "stamp")
    st = os.stat(fio)
    key = f"1 {fio} {st.st_size} {st.st_mtime_ns}"
    try:
        with open(stamp, encoding="utf-8") as f:
            fresh = f.read() == key
    except OSError:
        fresh = False
    if not fresh:
        shutil.rmtree(cache, ignore_errors=True)
        os.makedirs(os.path.join(cache, "io/lib"))
        lib = os.path.join(cache, "io/lib")
        shutil.copy(fio, os.path.join(cache, "io/fio"))
        direct = set(re.findall(r"\(NEEDED\).*\[(.*)\]",
                                command(["readelf", "-d", fio], "libraries of fio")))
        wanted = symbols(fio, "--undefined-only")
        keep = dict(needed(fio))
        for soname, real in keep.items():
            if os.path.basename(soname).startswith(KEEP):
                # The loader is named by its full path in the program.
                to = os.path.join(cache, soname.lstrip("/")) if soname[0] == "/" \
                    else os.path.join(lib, soname)
                os.makedirs(os.path.dirname(to), exist_ok=True)
                shutil.copy(os.path.realpath(real), to)
            elif soname in direct:
                empty_library(soname, real, wanted, lib)
        with open(stamp, "w", encoding="utf-8") as f:
            f.write(key)
    with tempfile.TemporaryDirectory(dir=build) as tmp:
        tree = os.path.join(tmp, "tree")
        shutil.copytree(cache, tree, ignore=shutil.ignore_patterns("stamp"))
        for name, text in jobs:
            with open(os.path.join(tree, "io", name), "w", encoding="ascii") as f:
                f.write(text)
        names = []
        for where, dirs, files in os.walk(tree):
            dirs.sort()
            names += [os.path.relpath(os.path.join(where, n), tree) for n in sorted(dirs + files)]
        # Parents first, whatever the walk's order.
        names.sort()
        out = os.path.join(build, "io.cpio")
        p = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=tree, check=False,
                           input="\n".join(names).encode(), stdout=subprocess.PIPE)
        if p.returncode:
            raise MeasureError("packing fio: cpio failed")
        with open(out, "wb") as f:
            f.write(p.stdout)
    return out
