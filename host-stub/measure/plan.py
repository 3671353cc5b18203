# SPDX-License-Identifier: BSD-2-Clause
"""What is measured, and the making of what the guests need.

Everything here runs on the machine of the caller, before the box starts:
compiling and packing are many times slower in it. Products go to
build/measure/; the initrd is in mkinitrd's cache.
"""

import filecmp
import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

from . import MeasureError, net, parts

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
RIG = os.path.join(TOP, "host-stub/rig")
GUEST = os.path.join(os.path.dirname(os.path.realpath(__file__)), "guest")

MODULES = "ata_piix sd_mod virtio_pci virtio_mmio virtio_blk"
PVKIT_MODULES = ("pvk_core.ko", "pvk_blk.ko")

# The same for every guest. noxsave: docs/rig.md, known fault 1 of the box.
# pci=noearly: on a CPU of AMD's family 15, which the box shows, the kernel searches
# all 8192 PCI slots for an AGP bridge, twice; it would be 33,000 of 41,000 exits of
# a boot. The parameters of modules that a guest does not load do nothing.
CMDLINE = ("console=ttyS0 quiet loglevel=1 noxsave pci=noearly panic=-1 random.trust_cpu=on "
           "pvk_blk.poll_queues=1 virtio_blk.poll_queues=1")

ARCHIVE_AT = 1 << 20	# on the disk; the guest's init knows it too
TEST_AT = 64 << 20	# fio reads and writes from here to the end
FIRST_MARK = 10	# of the I/O; 255 is the last that there is

# fio's jobs, in the order of their numbers. poll: the job needs a poll queue
# and is left out where the disk has none.
JOBS = (
    {"name": "randread-qd1", "title": "4 KiB random read, depth 1",
     "rw": "randread", "bs": "4k", "depth": 1, "poll": False, "quick": True},
    {"name": "randread-qd32", "title": "4 KiB random read, depth 32",
     "rw": "randread", "bs": "4k", "depth": 32, "poll": False, "quick": True},
    {"name": "randwrite-qd1", "title": "4 KiB random write, depth 1",
     "rw": "randwrite", "bs": "4k", "depth": 1, "poll": False, "quick": False},
    {"name": "randwrite-qd32", "title": "4 KiB random write, depth 32",
     "rw": "randwrite", "bs": "4k", "depth": 32, "poll": False, "quick": True},
    {"name": "read-1m", "title": "1 MiB sequential read, depth 4",
     "rw": "read", "bs": "1m", "depth": 4, "poll": False, "quick": True},
    {"name": "write-1m", "title": "1 MiB sequential write, depth 4",
     "rw": "write", "bs": "1m", "depth": 4, "poll": False, "quick": False},
    {"name": "randread-qd1-poll", "title": "4 KiB random read, depth 1, polled",
     "rw": "randread", "bs": "4k", "depth": 1, "poll": True, "quick": True},
)

# Libraries of fio that its work on a local disk uses. The others (network
# storage, 80 MB with all they need) are replaced by empty ones.
KEEP = ("libc.so", "libm.so", "libaio.so", "libz.so", "libnuma.so", "ld-linux", "libdl.so",
        "libpthread.so", "librt.so")


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


def jobs(quick, with_io):
    """The jobs of a measurement, each with its number j."""
    if not with_io:
        return []
    chosen = [j for j in JOBS if j["quick"] or not quick]
    return [dict(j, number=n) for n, j in enumerate(chosen)]


def marks(number, which, rounds):
    """The marks before and after round `which` of job `number`."""
    first = FIRST_MARK + 2 * (number * rounds + which)
    return first, first + 1


def job_file(job, seconds, rounds):
    """
    A job of fio as text: its rounds one after the other in one process, as fio
    takes long to start. The marks are around the I/O alone.
    """
    lines = ["[global]", "filename=${DISK}", "direct=1", "ioengine=io_uring", "thread=1",
             "norandommap=1", "randseed=8675309", "time_based=1", f"runtime={seconds:g}",
             f"offset={TEST_AT}", "clocksource=clock_gettime", "disk_util=0",
             "percentile_list=50:90:99:99.9",
             f"rw={job['rw']}", f"bs={job['bs']}", f"iodepth={job['depth']}"]
    if job["poll"]:
        lines.append("hipri=1")
    for which in range(rounds):
        before, after = marks(job["number"], which, rounds)
        lines += [f"[round-{which + 1}]", "stonewall", f"exec_prerun=mark {before}",
                  f"exec_postrun=mark {after}"]
    return "\n".join(lines) + "\n"


def job_file_name(job):
    return f"{job['number']:02d}-{job['name']}{'.poll' if job['poll'] else ''}.fio"


# --- fio, made small ----------------------------------------------------------

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


def build_archive(build, chosen, seconds, rounds):
    """fio, what it needs, and the jobs as a cpio archive; its path. Rebuilt every time."""
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
        for job in chosen:
            with open(os.path.join(tree, "io", job_file_name(job)), "w", encoding="ascii") as f:
                f.write(job_file(job, seconds, rounds))
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


# --- the rest -----------------------------------------------------------------

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


def build_net(build):
    out = os.path.join(build, "net")
    command(["gcc", "-std=gnu11", "-O2", "-static", "-s", "-Wl,--build-id=none", "-o", out]
            + [os.path.join(GUEST, n) for n in ("net.c", "net_conn.c", "net_frames.c", "net_load.c")],
            "building net")
    return out


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


def prepare_disk(opts, build, directory, kos):
    """What the plan says of the block part."""
    initrd = build_initrd(build, directory, "init", MODULES, kos, [])
    chosen = jobs(opts.quick, opts.only != "boot")
    archive = build_archive(build, chosen, opts.seconds, opts.rounds) if chosen else None
    return {"part": "disk", "jobs": chosen, "initrd": initrd, "archive": archive,
            "disk_mib": opts.disk, "cmdline": f"{CMDLINE} {opts.append}".strip()}


def prepare_net(opts, build, directory, kos):
    """What the plan says of the network part."""
    for tool in ("ip", "ethtool", "unshare"):
        if not shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            raise MeasureError(f"{tool} is not installed: run host-stub/rig/setup")
    chosen = net.jobs(opts.only != "boot")
    lines = os.path.join(build, "net-jobs")
    with open(lines, "w", encoding="ascii") as f:
        f.write(net.job_lines(chosen, opts.seconds, opts.rounds, marks))
    tool = build_net(build)
    initrd = build_initrd(build, directory, "init-net", net.MODULES, kos,
                          ["--file", f"{tool}:/bin/net", "--file", f"{lines}:/jobs",
                           "--bin", "ethtool"])
    return {"part": "net", "jobs": chosen, "initrd": initrd, "net": tool,
            "offloads": opts.offloads, "cmdline": f"{net.CMDLINE} {opts.append}".strip()}


def prepare(opts):
    """Builds all, and returns the plan that the worker follows (a dict for JSON)."""
    build = os.path.join(TOP, "build/measure")
    os.makedirs(build, exist_ok=True)
    own = parts.of(opts)
    if own:
        made = own.prepare(opts, build)
        return dict(made, runs=opts.runs, quick=opts.quick, seconds=0, rounds=1,
                    memory=opts.memory, cpus=opts.cpus, guest_limit=opts.guest_limit)
    directory, image = kernel_dir()
    release = os.path.basename(image).partition("-")[2]
    stub = any(k in ("unmodified", "pv") for k in opts.kinds)
    vm = os.path.join(TOP, "build/pvkit-vm")
    if stub and not os.access(vm, os.X_OK):
        raise MeasureError("build/pvkit-vm is not there: run make")
    if any(k.startswith("qemu") for k in opts.kinds) and not shutil.which("qemu-system-x86_64"):
        raise MeasureError("qemu-system-x86_64 is not installed: run host-stub/rig/setup, or leave "
                           "--reference out")
    if stub:	# a copy, as a make while the guests run must not change what is measured
        vm = shutil.copy(vm, os.path.join(build, "pvkit-vm"))
    if opts.net:
        words = prepare_net(opts, build, directory, modules(release, net.PVKIT_MODULES)
                            if "pv" in opts.kinds else [])
    else:
        words = prepare_disk(opts, build, directory,
                             modules(release, PVKIT_MODULES) if stub else [])
    return dict(words, **{
        "kinds": list(opts.kinds), "runs": opts.runs, "quick": opts.quick,
        "seconds": opts.seconds, "rounds": opts.rounds, "kernel": image, "release": release,
        "vm": vm, "memory": opts.memory, "cpus": opts.cpus,
        "poll_us": opts.poll_us, "guest_limit": opts.guest_limit,
        "conditions": {"commit": commit(), "guest kernel": release,
                       "initrd sha256": digest(words["initrd"]),
                       "load of the machine before": f"{os.getloadavg()[0]:.2f}"},
    })
