# SPDX-License-Identifier: BSD-2-Clause
"""The making of what guests of several parts need, and of the words that tell what it was.

Everything here runs on the machine of the caller, before the box starts:
compiling and packing are many times slower in it. Products go to
build/measure/; the initrd is in mkinitrd's cache.
"""

import filecmp
import glob
import hashlib
import os
import subprocess

from . import MeasureError

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
RIG = os.path.join(TOP, "host-stub/rig")
GUEST = os.path.join(os.path.dirname(os.path.realpath(__file__)), "guest")


def command(argv, what, timeout=300):
    """Runs a tool of the tree; its standard output. MeasureError with its last words."""
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           timeout=timeout, check=False, stdin=subprocess.DEVNULL)
    except OSError as e:
        raise MeasureError(f"{what}: {argv[0]}: {e.strerror}: run host-stub/rig/setup") from e
    except subprocess.TimeoutExpired as e:
        raise MeasureError(f"{what}: {argv[0]} took more than {timeout} s") from e
    if p.returncode:
        tail = (p.stderr or p.stdout).strip().splitlines()
        raise MeasureError(f"{what}: {tail[-1] if tail else 'failed'}")
    return p.stdout


def build_mark(build):
    out = os.path.join(build, "mark")
    command(["gcc", "-std=gnu11", "-O2", "-static", "-nostdlib", "-ffreestanding",
             "-fno-stack-protector", "-s", "-Wl,--build-id=none", "-o", out,
             os.path.join(GUEST, "mark.c")], "building mark")
    return out


def kernel_dir():
    path = command([os.path.join(RIG, "fetch"), "kernel"], "the guest's kernel",
                   timeout=900).strip().splitlines()[-1]
    images = glob.glob(os.path.join(path, "boot/vmlinuz-*"))
    if len(images) != 1:
        raise MeasureError(f"the guest's kernel: {path} holds {len(images)} kernels, want one")
    return path, images[0]


def changed(top):
    """The first source of the modules that is not as it was when they were built, or None."""
    for part in ("hypercall", "drivers"):
        for where, _, files in sorted(os.walk(os.path.join(top, part))):
            for name in sorted(files):
                path = os.path.relpath(os.path.join(where, name), top)
                built = os.path.join(top, "build/kmod", path)
                if (name.endswith((".c", ".h")) or name == "Kbuild") and not (
                        os.path.exists(built)
                        and filecmp.cmp(os.path.join(top, path), built, shallow=False)):
                    return path
    return None


def modules(release, names):
    """Paths of pvkit's modules, of this tree, for this kernel; else MeasureError."""
    found = []
    for name in names:
        path = os.path.join(TOP, "build/modules", name)
        if not os.path.exists(path):
            raise MeasureError(f"build/modules/{name} is not there: run make modules")
        magic = command(["modinfo", "-F", "vermagic", path], name).split()
        if not magic or magic[0] != release:
            raise MeasureError(f"build/modules/{name} is for Linux {magic[0] if magic else '?'}, "
                               f"the guest is {release}: run make modules KVER={release}")
        found.append(path)
    source = changed(TOP)
    if source:
        raise MeasureError(f"build/modules was built before {source} changed: run make modules")
    return found


def build_initrd(build, directory, init, names, kos, more):
    """The guest's initrd: its init, stock modules by name, modules by path, more words."""
    argv = [os.path.join(RIG, "mkinitrd"), "--init", os.path.join(GUEST, init),
            "--kernel-dir", directory, "--modules", names,
            "--file", f"{build_mark(build)}:/bin/mark"] + more
    for ko in kos:
        argv += ["--ko", ko]
    out = os.path.join(build, f"{init}rd.cpio.gz")
    command(argv + ["-o", out], "the guest's initrd")
    return out


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:16]


def commit():
    """The commit measured, with '+' when the tree differs from it; '' outside of git."""
    try:
        p = subprocess.run(["git", "-C", TOP, "describe", "--always", "--dirty=+",
                            "--exclude=*"], stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.DEVNULL, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return p.stdout.strip() if p.returncode == 0 else ""
