# SPDX-License-Identifier: BSD-2-Clause
"""One run of a guest, under whichever VMM: its console, its trace, its end."""

import os
import selectors
import signal
import subprocess
import time

from . import trace

SILENCE = 90	# seconds without a word after which a guest hangs, jobs come on top
ARCHIVE_AT = 1 << 20	# on the disk; the guest's init knows it too
TAIL = 12	# lines of the console kept of a run that failed


def make_image(path, plan):
    """A disk full of data (no holes), with the archive where the guest looks for it."""
    block = bytes(range(256)) * 4096
    with open(path, "wb") as f:
        for _ in range(plan["disk_mib"]):
            f.write(block)
        if plan["archive"]:
            f.seek(ARCHIVE_AT)
            with open(plan["archive"], "rb") as a:
                f.write(a.read())


def hanging(pid, tracer):
    """What a guest that hangs, and its VMM, do for a second; in words."""
    before = tracer.snapshot()["exits"] if tracer else {}
    said = f"CPU that its threads take: {trace.doing(pid)}"
    if tracer:
        said += f"; exits meanwhile: {trace.more_of(before, tracer.snapshot()['exits'])}"
    return said


def run(kind, argv, plan, tracing, on_line, on_start=None):
    """
    One run of the command argv. Returns a dict: kind, started (monotonic s), status of the VMM,
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
        proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
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
