# SPDX-License-Identifier: BSD-2-Clause
"""The guests: the command line under each VMM, and one run of one.

Kinds:
    unmodified	pvkit-vm --offer none: emulated devices only
    pv		pvkit-vm --offer all: the same machine, and pvkit offered
    qemu:M	QEMU, machine M: pc, q35 (virtio-pci), microvm (virtio-mmio), or
		ide (machine pc with its emulated IDE disk)
    of the network part: virtio, vhost (virtio-net, vhost in the kernel), e1000,
		all on machine pc

All have the same kernel, initrd, command line, memory, CPUs and disk image, which
is written through the page cache by all of them; or, with --net, the same TAP.
"""

import os
import selectors
import signal
import subprocess
import time

from . import cases, net, trace

MACHINES = ("pc", "q35", "microvm", "ide")
SILENCE = 90	# seconds without a word after which a guest hangs, jobs come on top
TAIL = 12	# lines of the console kept of a run that failed


def cmdline(plan):
    if plan.get("part") == "net":
        return f"{plan['cmdline']} PVM_OFFLOADS={plan['offloads']}"
    kib = (os.path.getsize(plan["archive"]) + 1023) // 1024 if plan["archive"] else 0
    return f"{plan['cmdline']} PVM_IO={kib}"


def argv(kind, plan, image, stats):
    """The VMM's command line. stats: where pvkit-vm shall write its statistics."""
    if "cases" in plan:
        return cases.argv(plan["cases"][kind], image, stats)
    on_net = plan.get("part") == "net"
    if kind in ("unmodified", "pv"):
        polling = ["--poll-us", str(plan["poll_us"])] if plan["poll_us"] is not None else []
        return [plan["vm"], "--kernel", plan["kernel"], "--initrd", plan["initrd"],
                "--append", cmdline(plan), "--memory", f"{plan['memory']}M",
                "--cpus", str(plan["cpus"]), *(net.stub_args() if on_net else ["--disk", image]),
                "--offer", "all" if kind == "pv" else "none",
                "--console", "stdio", "--stats", stats,
                "--time-limit", str(plan["guest_limit"]), "--no-reboot"] + polling
    machine = kind.partition(":")[2]
    options = {"microvm": "microvm,rtc=on,acpi=on", "q35": "q35"}.get(machine, "pc")
    base = ["qemu-system-x86_64", "-machine", options, "-accel", "kvm", "-cpu", "host",
            "-m", str(plan["memory"]), "-smp", str(plan["cpus"]), "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", plan["kernel"], "-initrd", plan["initrd"], "-append", cmdline(plan)]
    if on_net:
        return base + net.qemu_args(machine, plan["offloads"])
    base += ["-drive", f"if=none,id=d0,file={image},format=raw,cache=writeback,aio=io_uring"]
    if machine == "ide":
        return base + ["-device", "ide-hd,drive=d0,bus=ide.0"]
    device = "virtio-blk-device" if machine == "microvm" else "virtio-blk-pci"
    return base + ["-object", "iothread,id=io0", "-device",
                   f"{device},drive=d0,iothread=io0,num-queues={plan['cpus'] + 1}"]


def make_image(path, plan):
    """A disk full of data (no holes), with the archive where the guest looks for it."""
    block = bytes(range(256)) * 4096
    with open(path, "wb") as f:
        for _ in range(plan["disk_mib"]):
            f.write(block)
        if plan["archive"]:
            f.seek(1 << 20)
            with open(plan["archive"], "rb") as a:
                f.write(a.read())


def hanging(pid, tracer):
    """What a guest that hangs, and its VMM, do for a second; in words."""
    before = tracer.snapshot()["exits"] if tracer else {}
    said = f"CPU that its threads take: {trace.doing(pid)}"
    if tracer:
        said += f"; exits meanwhile: {trace.more_of(before, tracer.snapshot()['exits'])}"
    return said


def run(kind, plan, image, stats, tracing, on_line, on_start=None):
    """
    One run. Returns a dict: kind, started (monotonic s), status of the VMM,
    seconds, console (text), trace (or None), problem ('' or why it is void).
    on_line(text) is called with each line of the console as it comes, on_start(pid)
    when the VMM has begun.
    """
    tracer = trace.Trace(plan.get("detail", False)) if tracing else None
    if tracer:
        tracer.start()
    problem, console, rest = "", bytearray(), b""
    started = time.monotonic()
    deadline = started + plan["guest_limit"] + 10
    silence = SILENCE + 4 * plan["seconds"] * plan["rounds"]
    heard = started
    try:
        proc = subprocess.Popen(argv(kind, plan, image, stats), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as e:
        if tracer:
            tracer.stop()
        return {"kind": kind, "started": started, "status": 127, "seconds": 0, "console": "",
                "trace": None, "problem": f"cannot start: {e.strerror}"}
    try:
        if on_start:
            on_start(proc.pid)
        if tracer:
            tracer.attach(proc.pid)
        sel = selectors.DefaultSelector()
        sel.register(proc.stdout, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            left = min(deadline, heard + silence) - now
            if left <= 0:
                problem = f"no end within {plan['guest_limit']} s" if now >= deadline \
                    else f"it hangs: silent for {silence:.0f} s"
                problem += f" ({hanging(proc.pid, tracer)})"
                break
            if not sel.select(min(left, 1)):
                continue
            data = os.read(proc.stdout.fileno(), 65536)
            if not data:
                break
            heard = time.monotonic()
            console += data
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                on_line(line.decode("utf-8", "replace").strip())
        if not problem:
            try:
                proc.wait(max(1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                problem = "closed its console but did not end"
    finally:
        if proc.poll() is None:
            # pvkit-vm still writes its statistics, which shows where it hangs.
            proc.send_signal(signal.SIGINT)
            try:
                proc.wait(5)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()
        proc.stdout.close()
        counted = tracer.stop() if tracer else None
    status = proc.returncode
    if not problem and status:
        problem = f"the VMM ended with status {status}"
    return {"kind": kind, "started": started, "status": status,
            "seconds": round(time.monotonic() - started, 3),
            "console": console.decode("utf-8", "replace"), "trace": counted, "problem": problem}


def finished(plan, run):
    """Did the guest say that all is well?"""
    return cases.finished(plan, run) if "cases" in plan else "PVM-DONE" in run["console"]


def tail(console):
    """The last lines of a console that say something, without fio's results."""
    lines, inside = [], False
    for line in console.replace("\r", "").splitlines():
        if line.startswith("PVM-FIO"):
            inside = True
        if not inside and line.strip():
            lines.append(line)
        if line.startswith("PVM-END"):
            inside = False
    return lines[-TAIL:]
