# SPDX-License-Identifier: BSD-2-Clause
"""The block part, which is measured when no option names another: fio on one disk image.

Beside unmodified and pv: qemu:M, QEMU's machine pc or q35 (virtio-pci), microvm
(virtio-mmio), or ide (machine pc with its emulated IDE disk).
"""

import os

from . import fio, make, parse
from .compared import Compared

MODULES = "ata_piix sd_mod virtio_pci virtio_mmio virtio_blk"
PVKIT_MODULES = ("pvk_core.ko", "pvk_blk.ko")

# The same for every guest. noxsave: docs/rig.md, known fault 1 of the box.
# pci=noearly: on a CPU of AMD's family 15, which the box shows, the kernel searches
# all 8192 PCI slots for an AGP bridge, twice; it would be 33,000 of 41,000 exits of
# a boot. The parameters of modules that a guest does not load do nothing.
CMDLINE = ("console=ttyS0 quiet loglevel=1 noxsave pci=noearly panic=-1 random.trust_cpu=on "
           "pvk_blk.poll_queues=1 virtio_blk.poll_queues=1")

TEST_AT = 64 << 20	# fio reads and writes from here to the end

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

# Figures of a round
FIGURES = ("iops", "mb_s", "exits_per_io", "guest_per_io", "user_per_io", "cpu_us_per_io",
           "lat_mean_us", "lat_p50_us", "lat_p90_us", "lat_p99_us", "lat_p999_us")
ROWS = (
    ("iops", "IOPS", ""),
    ("mb_s", "throughput", "MB/s"),
    ("exits_per_io", "exits per I/O", ""),
    ("guest_per_io", "  of these, the guest's doing", ""),
    ("user_per_io", "to user space per I/O", ""),
    ("cpu_us_per_io", "host CPU per I/O", "µs"),
    ("lat_p50_us", "latency, median", "µs"),
    ("lat_p99_us", "latency, 99 %", "µs"),
)


def jobs(quick, with_io):
    """The jobs of a measurement, each with its number j."""
    if not with_io:
        return []
    chosen = [j for j in JOBS if j["quick"] or not quick]
    return [dict(j, number=n) for n, j in enumerate(chosen)]


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
        before, after = parse.marks(job["number"], which, rounds)
        lines += [f"[round-{which + 1}]", "stonewall", f"exec_prerun=mark {before}",
                  f"exec_postrun=mark {after}"]
    return "\n".join(lines) + "\n"


def job_file_name(job):
    return f"{job['number']:02d}-{job['name']}{'.poll' if job['poll'] else ''}.fio"


def round_figures(document, which):
    """
    The figures of round `which` of fio's job: ios, iops, mb_s
    (10^6 bytes), seconds, latency in us.
    """
    job = document["jobs"][which]
    if job.get("error"):
        raise ValueError(f"fio: error {job['error']}")
    side = max((job[s] for s in ("read", "write")), key=lambda s: s["total_ios"])
    if not side["total_ios"]:
        raise ValueError("fio: no I/O was done")
    clat = side["clat_ns"]
    figures = {"ios": side["total_ios"], "iops": side["iops"], "mb_s": side["bw_bytes"] / 1e6,
               "seconds": side["runtime"] / 1e3, "lat_mean_us": side["lat_ns"]["mean"] / 1e3}
    for name, key in (("lat_p50_us", "50"), ("lat_p90_us", "90"), ("lat_p99_us", "99"),
                      ("lat_p999_us", "99.9")):
        for have, value in clat.get("percentile", {}).items():
            if float(have) == float(key):
                figures[name] = value / 1e3
    return figures


class Disk(Compared):
    name = "disk"
    machines = ("pc", "q35", "microvm", "ide")
    references = ("qemu:pc",)
    JOBS = JOBS
    one, rate, ready, figures = "io", "iops", "disk_s", FIGURES
    words = {"rates": "IOPS", "ready": "first block read from the disk",
             "until": "/init to a usable disk", "jobs": "Block I/O",
             "about": "fio in the guest, on the same image"}

    def device(self, opts, build, directory, release):
        kos = make.modules(release, PVKIT_MODULES) if self.stub(opts) else []
        initrd = make.build_initrd(build, directory, "init", MODULES, kos, [])
        chosen = jobs(opts.quick, opts.only != "boot")
        files = [(job_file_name(j), job_file(j, opts.seconds, opts.rounds)) for j in chosen]
        return {"jobs": chosen, "initrd": initrd,
                "archive": fio.build_archive(build, files) if chosen else None,
                "disk_mib": opts.disk, "cmdline": f"{CMDLINE} {opts.append}".strip()}

    def cmdline(self, plan):
        kib = (os.path.getsize(plan["archive"]) + 1023) // 1024 if plan["archive"] else 0
        return f"{plan['cmdline']} PVM_IO={kib}"

    def stub_args(self, image):
        return ["--disk", image]

    def qemu_args(self, machine, plan, image):
        drive = ["-drive", f"if=none,id=d0,file={image},format=raw,cache=writeback,aio=io_uring"]
        if machine == "ide":
            return drive + ["-device", "ide-hd,drive=d0,bus=ide.0"]
        device = "virtio-blk-device" if machine == "microvm" else "virtio-blk-pci"
        return drive + ["-object", "iothread,id=io0", "-device",
                        f"{device},drive=d0,iothread=io0,num-queues={plan['cpus'] + 1}"]

    def qemu_label(self, machine):
        return "QEMU pc IDE" if machine == "ide" else f"QEMU {machine} virtio"

    def device_facts(self, said):
        return {"disk": said["where"]}

    def model_problem(self, kind, said):
        emulated = "/ata" in said["where"]
        if not said["where"]:
            return ""	# it did not come so far; that is said already
        if kind == "unmodified" and not emulated:
            return f"the unmodified guest used {said['where']}, not the emulated disk"
        if kind == "pv" and (emulated or "/virtio" in said["where"]):
            return f"the paravirtualized guest used {said['where']}, not pvkit's disk"
        return ""

    def rounds_of(self, job, said, count):
        document = said["fio"].get(job["number"])
        return document and [round_figures(document, which) for which in range(count)]

    def place(self, plan):
        return f"disk image of {plan['disk_mib']} MiB in memory, host page cache"

    def load(self, plan):
        return "I/O", "fio, io_uring, direct=1, scheduler none"

    def rows(self, job):
        return ROWS

    def headline(self, job):
        if job["bs"] == "1m":
            return "mb_s", "MB/s", "Throughput", "exits_per_io", "exits per I/O"
        return "iops", "", "I/O per second", "exits_per_io", "exits per I/O"

    def tiles(self, result, a, b):
        found = []
        if a["boot"] and b["boot"] and result.get("only") != "io":
            for title, key, word, note in (
                    ("exits to user space, boot", "exits_user", "fewer", ""),
                    ("time to a usable disk", "disk_s", "shorter", " s")):
                found.append((title, a["boot"][key], b["boot"][key], word, note))
        for job in result["jobs"]:
            x, y = a["jobs"].get(job["name"]), b["jobs"].get(job["name"])
            if not x or not y or job["name"] not in ("randread-qd1", "randread-qd32"):
                continue
            for title, key, word in (("exits per I/O, read, depth", "exits_per_io", "fewer"),
                                     ("IOPS, 4 KiB read, depth", "iops", "more")):
                found.append((f"{title} {job['depth']}", x[key], y[key], word, ""))
        return found
