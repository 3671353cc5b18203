# SPDX-License-Identifier: BSD-2-Clause
"""The command line of pvkit measure."""

import argparse
import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile

from . import MeasureError, make, parse, parts, progress, worker

EPILOG = """\
examples:
  pvkit measure                          5 runs each, about 15 minutes in the box
  pvkit measure --quick                  one run each, fewer and shorter jobs: 2 minutes
  pvkit measure --reference qemu         also QEMU with virtio-blk, same KVM
  pvkit measure --only boot --runs 10 --json boot.json
  pvkit measure --net --quick --reference qemu   the network instead of the disk
  pvkit measure --boot-table             boots of one kernel on every machine
  pvkit measure --ablate --quick         each paravirtual feature away, and alone
  pvkit measure --show result.json       render an earlier result again

exit status: 0 all runs worked; 1 at least one did not (shown), or nothing could be
run; 2 wrong use; 130 interrupted. docs/measure.md says what each figure means.
"""


WITH_OPTION = [part for part in parts.PARTS if part.option]


def both(names):
    """Names as a list in words: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]])


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"pvkit measure: {message} (see --help)", file=sys.stderr)
        sys.exit(2)


def number(low, high, kind=int):
    def check(text):
        try:
            value = kind(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"'{text}': want a number from {low} to {high}")
        return value
    return check


def references(texts, part, error):
    """The kinds that --reference names, each once."""
    found = []
    for text in texts:
        vmm, _, machine = text.partition(":")
        if vmm != "qemu" or (machine and machine not in part.machines):
            error(f"argument --reference: '{text}': want qemu, or qemu:MACHINE with "
                  + ", ".join(part.machines))
        found += [f"qemu:{machine}"] if machine else part.references
    return list(dict.fromkeys(found))


def parse_args(argv):
    p = Parser(prog="pvkit measure", epilog=EPILOG, allow_abbrev=False,
               formatter_class=argparse.RawDescriptionHelpFormatter,
               description="Boot one stock guest unmodified and paravirtualized, and compare.")
    p.add_argument("--quick", action="store_true", help="one run each, short jobs: a look")
    p.add_argument("--runs", metavar="N", type=number(1, 100),
                   help="runs of each guest, interleaved (default 5; with --quick 1)")
    p.add_argument("--rounds", metavar="N", type=number(1, 10),
                   help="times that each job is done in a run (default 1; with --quick 3)")
    p.add_argument("--only", choices=("boot", "io"),
                   help="boot: no I/O jobs; io: leave the boot out of the report")
    p.add_argument("--seconds", metavar="SEC", type=number(1, 600, float),
                   help="length of each job, s (default 10; with --quick 1)")
    for part in WITH_OPTION:
        p.add_argument(part.option, dest="parts", action="append_const", const=part, default=[],
                       help=part.help)
    for which in ("patched", "plain"):
        p.add_argument(f"--{which}", metavar="DIR",
                       help=f"with these: the {which} kernel (bzImage, vmlinux, config, modules/), "
                            "instead of that of pvops/build")
    p.add_argument("--volume", choices=("quiet", "loud"),
                   help="with --boot-table: only with quiet, or only with the console at its "
                        "default volume")
    p.add_argument("--feature", metavar="NAME", action="append", default=[],
                   help="with --ablate: only this one; may be given more than once")
    p.add_argument("--offloads", choices=("equal", "own"),
                   help="with --net: in all columns what e1000 has (default), or each NIC's own")
    p.add_argument("--append", metavar="WORDS", default="",
                   help="further words for the guests' kernel command line, in all columns")
    p.add_argument("--reference", metavar="VMM", action="append", default=[],
                   help="also qemu (the same as qemu:pc), qemu:q35, qemu:microvm (virtio-blk), "
                        "qemu:ide; with --net qemu:virtio, qemu:vhost (qemu is both), "
                        "qemu:e1000; may be given more than once")
    p.add_argument("--without", metavar="COLUMN", action="append", default=[],
                   choices=("unmodified", "pvkit"), help="leave out unmodified, or pvkit")
    p.add_argument("--cpus", metavar="N", type=number(1, 4),
                   help="virtual CPUs of each guest (default 1; with --ablate 4)")
    p.add_argument("--memory", metavar="MIB", type=number(256, 3072),
                   help="memory of each guest (default 512; boot table and ablation 256)")
    p.add_argument("--box-cpus", metavar="N", type=number(1, 16),
                   help="CPUs of the box, where one is needed (default 2; boot table and "
                        "ablation 1)")
    p.add_argument("--disk", metavar="MIB", type=number(96, 65536), default=256,
                   help="size of the disk image, in memory (default 256)")
    p.add_argument("--poll-us", metavar="N", type=number(0, 1000000),
                   help="how long a back end's thread of pvkit-vm polls before it sleeps "
                        "(default: pvkit-vm's own)")
    p.add_argument("--guest-limit", metavar="SEC", type=number(10, 36000), default=0,
                   help="time limit of one guest (default 100 plus five times its jobs)")
    p.add_argument("--json", metavar="FILE", help="write figures, conditions and all runs")
    p.add_argument("--html", metavar="FILE", default=os.path.join(make.TOP, "build/report.html"),
                   help="the page (default build/report.html)")
    p.add_argument("--show", metavar="FILE", help="run nothing: render this --json again")
    p.add_argument("--worker", metavar="PLAN", help=argparse.SUPPRESS)
    opts = p.parse_args(argv)
    settle(opts, p.error)
    return opts


def settle(opts, error):
    """Chooses the part, refuses options that do not go together, fills in what was not given."""
    if len(set(opts.parts)) > 1:
        error(f"{both([part.option for part in WITH_OPTION])} are measurements of their own: "
              "give one")
    opts.part = part = (opts.parts or parts.PARTS)[0]
    if part.own_columns and (opts.only or opts.reference or opts.without or opts.append):
        own = [x.option for x in WITH_OPTION if x.own_columns]
        error(f"{both(own)} have their own columns and command lines: no "
              "--only, --reference, --without, --append")
    if not opts.append.isprintable():
        error("--append: a command line is one line of printable characters")
    for name in ("patched", "plain", "volume", "feature", "offloads"):
        if getattr(opts, name) and name not in part.options:
            home = " or ".join(x.option for x in WITH_OPTION if name in x.options)
            error(f"--{name} belongs to {home}: give that, too")
    opts.offloads = opts.offloads or "equal"
    opts.cpus = opts.cpus or part.cpus
    opts.memory = opts.memory or part.memory
    opts.box_cpus = opts.box_cpus or part.box_cpus
    opts.runs = opts.runs or (1 if opts.quick else part.runs)
    opts.seconds = opts.seconds or (1.0 if opts.quick else 10.0)
    opts.rounds = opts.rounds or (3 if opts.quick else 1)
    opts.kinds = [k for k, name in (("unmodified", "unmodified"), ("pv", "pvkit"))
                  if name not in opts.without]
    opts.kinds += references(opts.reference, part, error)
    if not opts.kinds:
        error("--without leaves no column")
    opts.guest_limit = opts.guest_limit or int(
        100 + 5 * opts.seconds * opts.rounds * len(part.JOBS))


def reproduce(argv):
    return "host-stub/pvkit measure " + " ".join(shlex.quote(a) for a in argv)


def run_box(box, shown):
    """Runs the box; its exit status. Whatever happens, it has ended on return."""
    try:
        proc = subprocess.Popen(box, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
    except OSError as e:
        raise MeasureError(f"{box[0]}: {e.strerror}") from e
    with proc.stdout:
        try:
            return progress.follow(proc, shown)
        finally:
            if proc.poll() is None:
                proc.terminate()	# the box ends all that it started
                try:
                    proc.wait(20)
                except subprocess.TimeoutExpired:
                    proc.kill()
                    proc.wait()


def alone(build):
    """A lock on the directory of products, held while the file is open."""
    try:
        os.makedirs(build, exist_ok=True)
        lock = open(os.path.join(build, "lock"), "w", encoding="ascii")
    except OSError as e:
        raise MeasureError(f"cannot write to {build}: {e.strerror}") from e
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        lock.close()
        raise MeasureError("another pvkit measure is running in this tree: wait for it, as "
                           "they would spoil each other's figures") from e
    return lock


def measure(opts, argv, shown):
    """Runs everything; the result as docs/measure.md describes it."""
    build = os.path.join(make.TOP, "build/measure")
    with alone(build), tempfile.TemporaryDirectory(prefix="run-", dir=build) as out:
        shown.step("makes the guest ready: kernel, initrd, load")
        plan = opts.part.prepare(opts, build)
        if os.getloadavg()[0] > 0.5 * (os.cpu_count() or 1):
            shown.say(f"note: this machine is busy (load {os.getloadavg()[0]:.1f}): "
                      "its work will show in all times, not in exits")
        path = os.path.join(build, "plan.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(plan, f, indent=1)
        limit = 300 + plan["guest_limit"] * (len(plan["kinds"]) * plan["runs"] + 2)
        shown.step("starts where KVM is (host-stub/rig/box)")
        status = run_box(
            [os.path.join(make.RIG, "box"), "--out", out, "--timeout", str(limit),
             "--cpus", str(opts.box_cpus), "--",
             *opts.part.around,
             sys.executable, "-S", "-B", os.path.join(make.TOP, "host-stub/pvkit-measure"),
             "--worker", path], shown)
        try:
            with open(os.path.join(out, "raw.json"), encoding="utf-8") as f:
                raw = json.load(f)
        except (OSError, ValueError) as e:
            raise MeasureError(f"nothing was measured: the box ended with status {status}; "
                               "its message stands above") from e
    result = opts.part.result(plan, raw)
    result["conditions"]["load of the machine after"] = f"{os.getloadavg()[0]:.2f}"
    result["reproduce"] = reproduce(argv)
    result["only"] = opts.only or ""
    wanted = len(plan["kinds"]) * plan["runs"]
    good = sum(1 for r in result["runs"] if not r["problem"])
    if status or good != wanted:
        result["note"] = f"{good} of {wanted} runs came to their end: the box ended " \
                         f"with status {status}"
    return result


def writable(path):
    """Fails early where a result could not be written at the end."""
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "a", encoding="utf-8"):
            pass
    except OSError as e:
        raise MeasureError(f"cannot write {path}: {e.strerror}") from e


def write(path, text):
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    except OSError as e:
        raise MeasureError(f"cannot write {path}: {e.strerror}") from e


def show(opts, result):
    try:
        part = parts.of(result)
        result["summary"] = part.summary(result)
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        text, html = part.render(result, colour), part.render_page(result)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as e:
        if not opts.show:
            raise
        raise MeasureError(f"{opts.show}: damaged: {type(e).__name__} {e}") from e
    print(text)
    if opts.json:
        write(opts.json, json.dumps(result, indent=1) + "\n")
    write(opts.html, html)
    print(f"page: {os.path.relpath(opts.html)}" + (f"   JSON: {opts.json}" if opts.json else ""))
    good = sum(1 for r in result["runs"] if not r["problem"])
    return 1 if result.get("note") or good < len(result["kinds"]) * result["repetitions"] else 0


class Ended(BaseException):
    """SIGTERM or SIGHUP came."""


def on_signal(num, frame):
    raise Ended(num)


def main(argv):
    opts = parse_args(argv)
    shown = progress.Progress()
    for num in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(num, on_signal)
    try:
        if opts.worker:
            return worker.main(opts.worker)
        for path in (opts.json, opts.html):
            if path:
                writable(path)
        result = parse.load(opts.show) if opts.show else measure(opts, argv, shown)
        shown.done()
        return show(opts, result)
    except MeasureError as e:
        shown.done()
        print(f"pvkit measure: {e}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)	# whoever read the table has left
        return 1
    except (KeyboardInterrupt, Ended) as e:
        shown.done()
        print("pvkit measure: interrupted", file=sys.stderr)
        return 128 + e.args[0] if isinstance(e, Ended) else 130
