#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_measure - does pvkit measure make the right figures of what runs leave?

Small recorded-style inputs made here by hand (a console, an account, a trace),
so that each figure can be computed in the head. About half of the checks are of
input that must be refused. No guest runs. Speaks TAP.
"""

import ast
import base64
import copy
import gzip
import html.parser
import io
import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
sys.path.insert(0, os.path.join(TOP, "host-stub"))

from measure import (  # noqa: E402
    cli, disk, guests, make, net, parse, part, parts, progress, stats, table, trace)

TOOL = os.path.join(TOP, "host-stub/pvkit")
DISK, NET = disk.Disk(), net.Net()
IDE = "/sys/devices/pci0000:00/0000:00:01.1/ata1/host0/target0:0:0/0:0:0:0/block/sda"
PVKIT = "/sys/devices/platform/PVKT0001:00/pvk1/block/pvka"
VIRTIO = "/sys/devices/pci0000:00/0000:00:02.0/virtio0/block/vda"

JOB = {"name": "randread-qd1", "title": "4 KiB random read, depth 1", "rw": "randread",
       "bs": "4k", "depth": 1, "poll": False, "quick": True, "number": 0}
PLAN = {"kinds": ["unmodified", "pv", "qemu:pc"], "runs": 1, "rounds": 2, "seconds": 1.0,
        "jobs": [JOB], "cpus": 1, "memory": 256, "disk_mib": 96, "cmdline": "quiet",
        "conditions": {"guest kernel": "6.1.0-test", "commit": "<b>&amp;"}, "guest_limit": 60}

count = failed = 0


def check(name, good, why=""):
    global count, failed
    count += 1
    if good:
        print(f"ok {count} - {name}")
    else:
        failed += 1
        print(f"not ok {count} - {name}")
        for line in str(why).splitlines():
            print(f"# {line}")


def equal(name, have, want):
    check(name, have == want, f"have {have!r}\nwant {want!r}")


def raises(name, kind, call, *args):
    try:
        have = call(*args)
    except kind as e:
        return str(e)
    check(name, False, f"no {kind.__name__} but {have!r}")
    return ""


# --- made input -----------------------------------------------------------------

def fio_round(ios, **more):
    side = {"total_ios": ios, "iops": float(ios), "bw_bytes": ios * 4096, "runtime": 1000,
            "lat_ns": {"mean": 5000.0},
            "clat_ns": {"percentile": {"50.000000": 2000, "90.000000": 3000, "99.000000": 4000,
                                       "99.900000": 9000}}}
    return dict({"error": 0, "read": side, "write": dict(side, total_ios=0)}, **more)


def packed(document, before=b""):
    raw = gzip.compress(before + json.dumps(document).encode())
    return base64.encodebytes(raw).decode().rstrip("\n")


def console_of(where, ios=(100, 200), end="PVM-DONE"):
    fio = packed({"jobs": [fio_round(n) for n in ios]})
    return "\r\n".join(["[    0.1] noise", "PVM-INIT 3.50", f"PVM-DISK sda {where}",
                        "PVM-DISK-AT 5.25", "PVM-FACT io_poll 0", "PVM-JOB 0", "PVM-FIO 00"]
                       + fio.splitlines() + ["PVM-END", end, ""])


def mark(number, ns, exits_user, exits_all, cpu):
    return {"mark": number, "ns": ns, "cpu_user_ns": cpu, "cpu_system_ns": cpu,
            "exits_user": exits_user, "exits_all": exits_all,
            "vcpus": [{"id": 0, "exits": {"io": exits_user - 1, "mmio": 1}}]}


def account(per_io):
    """Rounds of 100 and 200 I/Os with per_io exits for each, all to user space."""
    marks = [mark(1, 2_000_000_000, 500, 900, 10), mark(2, 3_000_000_000, 600, 1000, 20),
             mark(10, 4_000_000_000, 1000, 2000, 10**8),
             mark(11, 5_000_000_000, 1000 + 100 * per_io, 2000 + 100 * per_io, 2 * 10**8),
             mark(12, 6_000_000_000, 9000, 9500, 3 * 10**8),
             mark(13, 7_000_000_000, 9000 + 200 * per_io, 9500 + 200 * per_io, 5 * 10**8)]
    marks.append(mark(2, 99, 1, 1, 1))	# a guest that marks twice: the first counts
    return {"config": {"poll_ns": 1000, "coalesce_ns": 2000, "exit_ns": 3000},
            "boots": [{"marks": marks, "pv": None, "registers": [
                {"device": "uart", "register": "RBR/THR", "space": "pio", "address": 0x3f8,
                 "reads": 3, "writes": 4}]}]}


def traced():
    marks = {}
    for number, t, io_exits in ((1, 12.0, 50), (2, 13.5, 80), (10, 14.0, 100), (11, 15.0, 400),
                                (12, 16.0, 500), (13, 17.0, 900)):
        marks[str(number)] = {"t": t, "cpu_ns": int(t * 1e9), "exits": {"io": io_exits, "hlt": 5},
                              "user": {"io": io_exits}, "ports": {"0x3f8": io_exits // 2},
                              "timer": io_exits // 10}
    return {"power_on": 10.0, "marks": marks, "end": None}


def raw_of(kind, where, **more):
    raw = {"kind": kind, "number": 0, "seconds": 9.0, "status": 0, "problem": "", "trace": None,
           "console": console_of(where), "argv": ["vmm", "--kernel", "a b"]}
    return dict(raw, **more)


def result_of(runs):
    made = DISK.result(PLAN, {"conditions": {"KVM": "kvm_test in the box"}, "tracing": "yes",
                               "runs": runs})
    made.update({"reproduce": "pvkit measure --quick", "only": ""})
    made["summary"] = parts.of(made).summary(made)
    return made


def three():
    return [raw_of("unmodified", IDE, stub=account(30)), raw_of("pv", PVKIT, stub=account(3)),
            raw_of("qemu:pc", VIRTIO, trace=traced())]


# --- the tests --------------------------------------------------------------------

def test_console():
    said = parse.console(console_of(IDE))
    equal("console: times", (said["init"], said["disk_at"]), (3.5, 5.25))
    equal("console: the disk and its place", (said["disk"], said["where"]), ("sda", IDE))
    equal("console: a complete one has no problem", said["problem"], "")
    equal("console: fio's rounds", len(said["fio"][0]["jobs"]), 2)
    equal("console: a guest without an end is said",
          parse.console(console_of(IDE, end=""))["problem"], "the guest did not finish")
    equal("console: a guest that gives up is said",
          parse.console("PVM-FAIL no disk\n")["problem"], "the guest gave up: no disk")
    cut = console_of(IDE).replace("PVM-END", "Zz!\nPVM-END")
    check("console: a damaged result of fio is said",
          "did not come through" in parse.console(cut)["problem"], parse.console(cut)["problem"])
    check("console: a time that is none is said",
          "has no time" in parse.console("PVM-INIT soon\nPVM-DONE\n")["problem"])
    check("console: a job that has no number is said",
          "no job number" in parse.console("PVM-FIO x\nPVM-DONE\n")["problem"])
    equal("console: a job that does not apply",
          parse.console("PVM-SKIP 06 no poll queue\nPVM-DONE")["skipped"], {6: "no poll queue"})
    equal("fio: warnings before the JSON",
          parse.unpack_fio(packed({"jobs": [1]}, b"fio: note\n")), ({"jobs": [1]}, ""))
    check("fio: a document without jobs is refused", parse.unpack_fio(packed({"a": 1}))[1])
    check("fio: no JSON is refused", parse.unpack_fio(packed([1]))[0] is None)
    figures = disk.round_figures({"jobs": [fio_round(7), fio_round(100)]}, 1)
    equal("fio: figures of a round", [figures[k] for k in (
        "ios", "iops", "mb_s", "seconds", "lat_mean_us", "lat_p50_us", "lat_p99_us")],
        [100, 100.0, 0.4096, 1.0, 5.0, 2.0, 4.0])
    check("fio: an error is refused", "error 5" in raises(
        "fio: an error", ValueError, disk.round_figures, {"jobs": [fio_round(1, error=5)]}, 0))
    check("fio: no I/O is refused", "no I/O" in raises(
        "fio: no I/O", ValueError, disk.round_figures, {"jobs": [fio_round(0)]}, 0))


def test_counts():
    points = parse.stub_points(account(30))
    equal("account: the first mark of a number counts", points[2]["t"], 3.0)
    boot = parse.phase(points, None, 2)
    equal("account: the boot counts from power-on",
          (boot["seconds"], boot["exits"], boot["exits_user"]), (3.0, 1000, 600))
    job = parse.phase(points, 10, 11)
    equal("account: a job counts between its marks",
          (job["seconds"], job["cpu_s"], job["exits"], job["user_by_reason"]),
          (1.0, 0.2, 3000, {"io": 3000}))
    equal("account: a phase without its end is none", parse.phase(points, 12, 77), None)
    check("account: no power-on is refused", "no power-on" in raises(
        "account: no power-on", ValueError, parse.stub_points, {"boots": []}))
    points = parse.trace_points(traced())
    boot = parse.phase(points, None, 2)
    equal("trace: time since the first entry, exits by reason",
          (boot["seconds"], boot["by_reason"], boot["by_port"]),
          (3.5, {"io": 80, "hlt": 5}, {"0x3f8": 40}))
    equal("trace: no trace has no points", parse.trace_points(None), {})
    equal("trace: what sets the guest's timer, between two marks",
          parse.phase(parse.trace_points(traced()), 10, 11)["timer"], 30)
    old = traced()
    del old["marks"]["10"]["timer"]
    check("trace: one of an older pvkit has no such figure",
          "timer" not in parse.phase(parse.trace_points(old), 10, 11))
    both = parse.merged({"exits": 10, "exits_user": 1}, {"exits": 11, "by_reason": {"io": 11},
                                                        "by_port": {}})
    equal("counts: the statistics wins, the trace adds reasons",
          (both["exits"], both["trace_exits"], both["by_reason"]), (10, 11, {"io": 11}))
    text = "{ exit_reason:         64 } hitcount:       1074\n{ exit_reason: 7 } hitcount: 2\n"
    equal("trace: histograms, names where there are", trace.parse_hist(text, {64: "x"}),
          {"x": 1074, "0x7": 2})
    equal("trace: hexadecimal keys", trace.parse_hist("{ port: 0x3f8 } hitcount: 3", {}, 16),
          {"0x3f8": 3})
    line = " qemu-1 [000] d.. 34.598210: kvm_pio: pio_write at 0x708 size 1 count 1 val 0x2"
    equal("trace: a mark", trace.parse_event(line),
          (34.59821, "kvm_pio", {"write": True, "port": 0x708, "val": 2}))
    equal("trace: another line is none", trace.parse_event("# tracer: nop"), None)


def test_runs():
    run = DISK.run_figures(raw_of("pv", PVKIT, stub=account(3)), PLAN)
    equal("run: no problem", run["problem"], "")
    equal("run: each round has its figures",
          [(r["ios"], r["exits_per_io"], r["user_per_io"], r["cpu_us_per_io"])
           for r in run["jobs"]["randread-qd1"]],
          [(100, 3.0, 3.0, 2000.0), (200, 3.0, 3.0, 2000.0)])
    equal("run: boot times are the statistics's", (run["boot"]["init_s"], run["boot"]["disk_s"]),
          (2.0, 3.0))
    run = DISK.run_figures(raw_of("qemu:pc", VIRTIO, trace=traced()), PLAN)
    equal("run: QEMU's figures are the trace's",
          (run["boot"]["init_s"], run["jobs"]["randread-qd1"][0]["exits_per_io"]), (2.0, 3.0))
    for kind, where in (("unmodified", PVKIT), ("unmodified", VIRTIO), ("pv", IDE),
                        ("pv", VIRTIO)):
        run = DISK.run_figures(raw_of(kind, where, stub=account(3)), PLAN)
        check(f"run: {kind} with the disk {where[-4:]} is void", where in run["problem"],
              run["problem"])
    run = DISK.run_figures(raw_of("pv", PVKIT, stub={"boots": [{"marks": [{}]}]}), PLAN)
    check("run: a damaged account is void", "not understood" in run["problem"], run["problem"])
    run = DISK.run_figures(raw_of("pv", PVKIT, stub=account(3), problem="status 124"), PLAN)
    equal("run: the VMM's failure is the problem, with the console's end",
          (run["problem"], run["console_tail"][-1]), ("status 124", "PVM-DONE"))
    raw = raw_of("pv", PVKIT, stub=account(3), console="PVM-DISK pvka " + PVKIT + "\nPVM-DONE\n")
    equal("run: a job without a result is void", DISK.run_figures(raw, PLAN)["problem"],
          "no result of randread-qd1")


def test_statistics():
    equal("spread: median, lowest, highest", stats.spread([3, 1, None, 10, True]),
          {"median": 3, "min": 1, "max": 10, "n": 3})
    equal("spread: nothing", stats.spread([None]), None)
    equal("spread: a name that a run lacks is 0 there",
          stats.spread_of_maps([{"a": 4}, {}])["a"]["min"], 0)
    a, b = stats.spread([2, 3]), stats.spread([4, 6])
    equal("ratio: apart", stats.ratio(a, b), (0.5, True))
    equal("ratio: apart, the other way", stats.ratio(b, a), (2.0, True))
    equal("ratio: overlapping", stats.ratio(a, stats.spread([3, 7]))[1], False)
    equal("ratio: one value is never a result", stats.ratio(stats.spread([1]),
                                                            stats.spread([9]))[1], False)
    equal("ratio: to zero or nothing is none",
          (stats.ratio(a, stats.spread([0])), stats.ratio(a, None)), (None, None))
    found = result_of(three())["summary"]
    equal("summary: rounds are values", found["pv"]["jobs"]["randread-qd1"]["iops"],
          {"median": 150.0, "min": 100.0, "max": 200.0, "n": 2})
    equal("summary: registers", found["pv"]["registers"]["uart RBR/THR"]["median"], 7)
    bad = three()
    bad[1]["problem"] = "status 21"
    found = result_of(bad)["summary"]
    equal("summary: a failed run is in no figure",
          (found["pv"]["failed"], found["pv"]["boot"], found["pv"]["jobs"]), (1, None, {}))


class Balance(html.parser.HTMLParser):
    """Whether every element is closed in order, and what text there is."""

    VOID = ("meta", "br", "hr", "rect", "path", "line", "circle")

    def __init__(self):
        super().__init__()
        self.open, self.bad, self.text, self.fetches = [], [], "", []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href"):
                self.fetches.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.bad.append(tag)

    def handle_data(self, data):
        self.text += data


def look(text):
    seen = Balance()
    seen.feed(text)
    return seen


def test_output():
    result = result_of(three())
    text = DISK.render(result, False)
    row = next((r for r in text.splitlines() if "exits per I/O" in r), "")
    equal("table: exits per I/O of all columns and their ratio", row.split()[-4:],
          ["30.0", "3.00", "2.50", "0.1×"])
    check("table: no colours unless asked for", "\x1b" not in text and "\x1b" in
          DISK.render(result, True))
    text = DISK.render_page(result)
    seen = look(text)
    equal("page: every element is closed", (seen.bad, seen.open), ([], []))
    equal("page: nothing is fetched, no script",
          (seen.fetches, "<script" in text, "@import" in text, "url(" in text),
          ([], False, False, False))
    check("page: conditions are there, as text", "commit" in seen.text and "<b>&amp;" in seen.text)
    check("page: commands are there, quoted", "vmm --kernel 'a b'" in seen.text)
    check("page: no figure is broken", not re.search(r"\b(nan|inf|None)\b", seen.text), seen.text)
    bad = three()
    bad[1] = dict(bad[1], problem="status 21 <b>")
    result = result_of(bad)
    text = DISK.render(result, False)
    check("table: a failed run is shown with its words",
          "FAILED and repeated: 1 of 3" in text and "status 21" in text, text)
    seen = look(DISK.render_page(result))
    check("page: a failed run is shown, as text", "status 21 <b>" in seen.text
          and not seen.bad and not seen.open)
    result = result_of([dict(r, problem="x") for r in three()])
    check("table and page: all runs failed", DISK.render_page(result)
          and "FAILED and repeated: 3 of 3" in DISK.render(result, False))
    equal("number: three figures", [table.number(v) for v in (None, 0, 0.0123, 1.234, 12.34, 12345)],
          ["-", "0", "0.012", "1.23", "12.3", "12,345"])


# --- the network part ---------------------------------------------------------------

NET_JOBS = net.jobs(True)
NET_PLAN = {"part": "net", "kinds": ["unmodified", "pv", "qemu:vhost"], "runs": 1, "rounds": 1,
            "seconds": 1.0, "jobs": NET_JOBS, "cpus": 1, "memory": 256, "cmdline": "quiet",
            "offloads": "equal", "conditions": {"guest kernel": "6.1.0-test"}, "guest_limit": 60}
NET_LINES = ('{"job": "stream-out", "seconds": 2.0, "bytes": 40000000}',
             '{"job": "stream-in", "seconds": 1.0, "bytes": 10000000}',
             '{"job": "rr", "seconds": 1.0, "transactions": 500, "lat_mean_us": 2000.0, '
             '"lat_p50_us": 1900.0, "lat_p99_us": 4000.0}',
             '{"job": "udp-out", "seconds": 0.5, "packets": 900, "sent": 1000, "stalls": 2}',
             '{"job": "udp-in", "seconds": 1.0, "packets": 800, "sent": 800, "stalls": 0}')


def net_console(driver, lines=NET_LINES):
    return "\r\n".join(["PVM-INIT 3.50", f"PVM-NIC eth0 {driver} /sys/devices/x y",
                        "PVM-NET-AT 5.25", "PVM-FACT offloads rx-checksumming"]
                       + [f"PVM-NET {n} {line}" for n, line in enumerate(lines)]
                       + ["PVM-DONE", ""])


def net_account(per_job):
    """Each job lasts a second and has per_job exits, half to user space, 0.1 s of CPU time."""
    marks = [mark(1, 2 * 10**9, 500, 900, 0), mark(2, 3 * 10**9, 600, 1000, 0)]
    for n in range(len(NET_LINES)):
        for value in parse.marks(n, 0, 1):
            after = (value - parse.FIRST_MARK) % 2
            marks.append(mark(value, (4 + value) * 10**9, 10**6 * (n + 1) + after * per_job // 2,
                              10**7 * (n + 1) + after * per_job, 10**9 * n + after * 5 * 10**7))
    return {"boots": [{"marks": marks, "pv": None, "registers": [
        {"device": "e1000", "register": "TDT", "space": "mmio", "address": 0x3818,
         "reads": 0, "writes": 11}]}]}


def net_raw(kind, driver, **more):
    return raw_of(kind, "", **dict({"console": net_console(driver),
                                    "tap": {"offloads": "tx-checksumming"}}, **more))


def net_result(*runs):
    made = NET.result(NET_PLAN, {"conditions": {"KVM": "kvm_test"}, "tracing": "yes",
                                   "runs": list(runs)})
    made["summary"] = parts.of(made).summary(made)
    return made


def net_refused(name, line, word):
    check(f"net: refused: {name}",
          word in raises(f"net: {name}", ValueError, net.round_figures, line))


def test_net_figures():
    said = parse.console(net_console("e1000"))
    equal("net: the NIC and its driver, the time",
          (said["nic"], said["net_at"], said["problem"]),
          ({"name": "eth0", "driver": "e1000", "where": "/sys/devices/x y"}, 5.25, ""))
    out, back, rr, udp, _ = (net.round_figures(line) for line in NET_LINES)
    equal("net: streams count MB", (out["units"], out["rate"], back["rate"]), (40.0, 20.0, 10.0))
    equal("net: transactions and their latency", (rr["rate"], rr["lat_p99_us"]), (500.0, 4000.0))
    equal("net: packets are those delivered, loss is of those sent",
          (udp["rate"], udp["sent_rate"], udp["loss_pct"], udp["stalls"]),
          (1800.0, 2000.0, 10.0, 2))
    net_refused("no JSON", "bytes", "Expecting")
    net_refused("an unknown job", '{"job": "x"}', "no result")
    net_refused("no count", '{"job": "rr", "seconds": 1}', "no result")
    net_refused("no time", '{"job": "udp-in", "seconds": 0, "packets": 1, "sent": 1}', "no result")
    net_refused("a time of nothing", '{"job": "stream-in", "seconds": 0, "bytes": 1}', "nothing")
    net_refused("nothing transferred", '{"job": "stream-in", "seconds": 1, "bytes": 0}', "nothing")
    net_refused("more delivered than sent",
                '{"job": "udp-in", "seconds": 1, "packets": 2, "sent": 1, "stalls": 0}', "2 packets")
    check("net: a result without a job's number is said", "no job number" in
          parse.console("PVM-NET x\nPVM-DONE\n")["problem"])


def test_net_runs():
    run = NET.run_figures(net_raw("unmodified", "e1000", stub=net_account(4000)), NET_PLAN)
    equal("net: a good run has no problem", run["problem"], "")
    equal("net: the boot ends with the first connection",
          (run["boot"]["init_s"], run["boot"]["net_s"], "disk_s" in run["boot"]), (2.0, 3.0, False))
    one = run["jobs"]["stream-out"][0]
    equal("net: exits and CPU time for each MB", [one[k] for k in (
        "exits_per_unit", "user_per_unit", "cpu_us_per_unit", "seconds", "between_marks_s")],
        [100.0, 50.0, 2500.0, 2.0, 1.0])
    equal("net: exits for each packet delivered",
          run["jobs"]["udp-in"][0]["exits_per_unit"], 5.0)
    equal("what the host's hardware raised is not the guest's doing",
          parse.guests_share({"by_reason": {"npf": 3, "interrupt": 5, "EXTERNAL_INTERRUPT": 7}}), 3)
    equal("without reasons nothing is known of it", parse.guests_share({"exits": 3}), None)
    for kind, driver in (("unmodified", "pvk_net"), ("pv", "e1000"), ("pv", "virtio_net"),
                         ("qemu:vhost", "e1000")):
        run = NET.run_figures(net_raw(kind, driver), NET_PLAN)
        check(f"net: {kind} with {driver} is void", driver in run["problem"], run["problem"])
    for kind, driver in (("pv", "pvk_net"), ("qemu:e1000", "e1000"), ("qemu:virtio", "virtio_net")):
        equal(f"net: {kind} with {driver} is right",
              NET.run_figures(net_raw(kind, driver), NET_PLAN)["problem"], "")
    short = net_raw("pv", "pvk_net", console=net_console("pvk_net", NET_LINES[:4]))
    equal("net: a job without a result is void", NET.run_figures(short, NET_PLAN)["problem"],
          "no result of udp-in")
    swapped = net_raw("pv", "pvk_net", console=net_console("pvk_net", ("{}",) + NET_LINES[1:]))
    check("net: a result of nothing is void", "not understood" in
          NET.run_figures(swapped, NET_PLAN)["problem"])


def test_net_output():
    result = net_result(net_raw("unmodified", "e1000", stub=net_account(4000)),
                        net_raw("pv", "pvk_net", stub=net_account(400)))
    c = result["conditions"]
    equal("net: offloads and drivers are recorded for each column",
          [c.get(k) for k in ("pv: offloads in the guest", "pv: offloads of the TAP", "pv: driver")],
          ["rx-checksumming", "tx-checksumming", "pvk_net"])
    lines = NET.render(result, False).splitlines()
    rows = [r.split() for r in lines if "exits per MB" in r]
    equal("net: the table has exits per MB of the columns and their ratio", rows[0][-4:],
          ["100", "10.0", "-", "~0.1×"])
    at = next(n for n, r in enumerate(lines) if "exits per MB" in r)
    equal("net: under them the ratio to the emulated column", lines[at + 1].split(),
          ["to", "unmodified", "~0.1×"])
    check("net: a rate's chart", any("stream-out" in r and "█" in r for r in lines))
    text = NET.render_page(result)
    seen = look(text)
    equal("net: every element of the page is closed", (seen.bad, seen.open), ([], []))
    check("net: registers of the emulated NIC are on the page", "e1000 TDT" in seen.text)
    check("net: no figure of the page is broken",
          not re.search(r"\b(nan|inf|None)\b", seen.text), seen.text)
    check("net: the page speaks of the network, not of the disk",
          "Network" in seen.text and "disk" not in seen.text)


def test_net_plan():
    text = net.job_lines(NET_JOBS, 1.5, 2).splitlines()
    equal("net: a line for each round", (text[0], text[1], len(text)),
          ("0 stream-out 1.5 10 11", "0 stream-out 1.5 12 13", 10))
    its = dict(NET_PLAN, vm="VM", kernel="K", initrd="I", poll_us=None)
    a, b = (NET.argv(k, its, "D", "S") for k in ("unmodified", "pv"))
    equal("net: unmodified and pv differ in one word",
          [(x, y) for x, y in zip(a, b) if x != y] + [len(a) - len(b)], [("none", "all"), 0])
    check("net: no disk", "--disk" not in a and "--nic" in a, a)
    a, b = (NET.argv(k, its, "D", "S") for k in ("qemu:virtio", "qemu:vhost"))
    equal("net: virtio and vhost differ in vhost alone",
          [(x.replace("vhost=off", ""), y.replace("vhost=on", ""))
           for x, y in zip(a, b) if x != y].count(
               (a[a.index("-netdev") + 1].replace("vhost=off", ""),) * 2), 1)
    own = NET.argv("qemu:vhost", dict(its, offloads="own"), "D", "S")
    equal("net: equal offloads restrict virtio, own ones do not",
          ("guest_tso4=off" in b[-1], "guest_tso4=off" in own[-1]), (True, False))
    opts = cli.parse_args(["--net", "--reference", "qemu", "--without", "unmodified"])
    equal("net: qemu is virtio without and with vhost", opts.kinds,
          ["pv", "qemu:virtio", "qemu:vhost"])
    equal("net: of the block part it is pc", cli.parse_args(["--reference", "qemu"]).kinds,
          ["unmodified", "pv", "qemu:pc"])


def test_net_trace():
    with tempfile.TemporaryDirectory() as tmp:
        for pid, name, stat in ((7, "vhost-41", "7 (vhost-41) S" + " 0" * 10 + " 30 20 0"),
                                (8, "vhost-4", "8 (x) S"), (41, "qemu", "")):
            os.mkdir(os.path.join(tmp, str(pid)))
            for file, text in (("comm", name + "\n"), ("stat", stat)):
                with open(os.path.join(tmp, str(pid), file), "w", encoding="ascii") as f:
                    f.write(text)
        equal("vhost: the threads of this VMM alone", trace.vhost_threads(41, tmp), [7])
        tick = 10**9 // os.sysconf("SC_CLK_TCK")
        equal("vhost: CPU time in ticks", trace.thread_cpu_ns(7, tmp), 50 * tick)
        with open(os.path.join(tmp, "7/schedstat"), "w", encoding="ascii") as f:
            f.write("123456 9 9\n")
        equal("vhost: CPU time in ns where there is one", trace.thread_cpu_ns(7, tmp), 123456)
        equal("vhost: a thread that has ended has none", trace.thread_cpu_ns(99, tmp), 0)


def test_doing():
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as busy, \
            subprocess.Popen(["sleep", "60"]) as idle:
        said = trace.doing(busy.pid, 0.5), trace.doing(idle.pid, 0.5)
        for p in (busy, idle):
            p.kill()
    share = re.fullmatch(r"sh (\d+) %", said[0])
    check("hangs: a thread that runs is told from one that sleeps",
          share and int(share[1]) >= 10 and said[1] == "sleep 0 %", said)
    equal("hangs: a process that has ended", trace.doing(busy.pid, 0.1), "it has ended")

    class Tracer:
        said = iter(({"hlt": 5, "npf": 7}, {"hlt": 5, "npf": 28007, "msr": 2}))

        def snapshot(self):
            return {"exits": next(self.said)}

    equal("hangs: exits of that second, by reason", guests.hanging(busy.pid, Tracer()),
          "CPU that its threads take: it has ended; exits meanwhile: npf 28,000, msr 2")
    equal("hangs: without a trace", guests.hanging(busy.pid, None),
          "CPU that its threads take: it has ended")
    equal("hangs: no exits at all", trace.more_of({"hlt": 5}, {"hlt": 5}), "none")


def test_net_tool():
    with tempfile.TemporaryDirectory() as tmp:
        tool = net.build_tool(tmp)
        server = subprocess.Popen([tool, "serve", "127.0.0.1"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)

        def run_net(*args):
            p = subprocess.run([tool, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, check=False, timeout=60)
            return p.returncode, p.stdout, p.stderr

        try:
            equal("net.c: the server listens", server.stdout.readline(), b"ready\n")
            equal("net.c: the wait ends", run_net("wait", "127.0.0.1", "5")[0], 0)
            for job in net.JOBS:
                units = []
                for _ in range(3):	# a server that is gone too early shows not each time
                    code, line, err = run_net(job["name"], "127.0.0.1", "0.1")
                    try:
                        units.append(net.round_figures(line)["units"] if code == 0 else 0)
                    except ValueError:
                        units.append(0)
                # Each has something, and one that was not disturbed has much.
                least = 20 if job["unit"] != "MB" else 0.05
                check(f"net.c: {job['name']} over the loopback",
                      min(units) > 0 and max(units) > least, f"{units} {line}{err}")
            for name, args in (("no job", ()), ("an unknown job", ("x", "127.0.0.1", "1")),
                               ("one mark", ("rr", "127.0.0.1", "1", "4")),
                               ("a mark beyond a byte", ("rr", "127.0.0.1", "1", "4", "256")),
                               ("no time", ("rr", "127.0.0.1", "0")),
                               ("a time that is none", ("rr", "127.0.0.1", "nan"))):
                code, _, err = run_net(*args)
                check(f"net.c: refused: {name}", code == 2 and "usage" in err, err)
            code, _, err = run_net("rr", "localhost", "1")
            check("net.c: refused: a name for an address", code == 1 and "localhost" in err, err)
        finally:
            server.kill()
            _, err = server.communicate()
        equal("net.c: the server had nothing to complain of", err, b"")
        code, _, err = run_net("rr", "127.0.0.1", "0.1")
        check("net.c: a server that is not there is said", code == 1 and "refused" in err, err)


def test_plan():
    seen = set()
    jobs = disk.jobs(False, True)
    for job in jobs:
        for which in range(10):
            seen.update(parse.marks(job["number"], which, 10))
    check("plan: marks of all rounds differ and fit in a byte",
          len(seen) == 2 * 10 * len(jobs) and max(seen) < 256 and min(seen) >= parse.FIRST_MARK,
          sorted(seen))
    text = disk.job_file(JOB, 1.5, 2)
    check("plan: a job has a section with its marks for each round",
          text.count("stonewall") == 2 and "exec_prerun=mark 12" in text
          and "exec_postrun=mark 13" in text and "runtime=1.5" in text, text)
    equal("plan: no jobs for the boot alone", disk.jobs(True, False), [])
    its = dict(PLAN, vm="VM", kernel="K", initrd="I", archive=None, poll_us=None)
    a, b = (DISK.argv(k, its, "D", "S") for k in ("unmodified", "pv"))
    equal("plan: unmodified and pv differ in one word",
          [(x, y) for x, y in zip(a, b) if x != y] + [len(a) - len(b)], [("none", "all"), 0])


def test_changed():
    with tempfile.TemporaryDirectory() as tmp:
        def write(path, text):
            path = os.path.join(tmp, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as f:
                f.write(text)

        equal("modules: nothing there is nothing changed", make.changed(tmp), None)
        for top in ("", "build/kmod/"):
            write(top + "hypercall/linux/a.c", "1")
            write(top + "drivers/net/Kbuild", "2")
        write("drivers/net/notes", "3")
        equal("modules: all as built, whatever else is there", make.changed(tmp), None)
        write("drivers/net/new.h", "4")
        equal("modules: a header that was not there", make.changed(tmp), "drivers/net/new.h")
        os.unlink(os.path.join(tmp, "drivers/net/new.h"))
        write("hypercall/linux/a.c", "5")	# as long as before, perhaps of the same second
        equal("modules: a source with other contents", make.changed(tmp), "hypercall/linux/a.c")


def test_progress():
    out, now = io.StringIO(), [0.0]
    shown = progress.Progress(out, lambda: now[0])
    for at, line in ((1, "@begin pvkit, run 1 of 1"), (5, "@step 4 KiB"), (6, "box: word"),
                     (9, "@end done (8 s)"), (9, "")):
        now[0] = at
        shown.line(line)
    equal("progress: lines with the time", out.getvalue().splitlines(),
          ["[   1 s] pvkit, run 1 of 1: boots", "[   5 s] pvkit, run 1 of 1: 4 KiB",
           "[   6 s] box: word", "[   9 s] pvkit, run 1 of 1: done (8 s)"])


def tool(*args):
    p = subprocess.run([TOOL, "measure", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
    return p.returncode, p.stdout, p.stderr


def refused(name, status, word, *args):
    code, _, err = tool(*args)
    check(f"refused: {name}", code == status and len(err.splitlines()) == 1 and word in err,
          f"status {code}, want {status} and '{word}' in one line\n{err}")


def test_command():
    with tempfile.TemporaryDirectory() as tmp:
        def at(name, text=None):
            path = os.path.join(tmp, name)
            if text is not None:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
            return path

        result = result_of(three())
        good, out = at("good.json", json.dumps(result)), at("new/page.html")
        code, text, err = tool("--show", good, "--html", out)
        check("--show renders an earlier result", code == 0 and os.path.getsize(out) > 4000
              and "exits per I/O" in text, err)
        bad = copy.deepcopy(result)
        bad["runs"][0]["problem"] = "hung"
        code, _, _ = tool("--show", at("failed.json", json.dumps(bad)), "--html", out)
        equal("--show of a result with a failed run has its status", code, 1)
        refused("an unknown option", 2, "--fast", "--fast")
        refused("an argument", 2, "quick", "quick")
        for option, value in (("--runs", "0"), ("--runs", "x"), ("--rounds", "11"),
                              ("--cpus", "5"), ("--memory", "1"), ("--seconds", "nan"),
                              ("--only", "net"), ("--reference", "xen"),
                              ("--reference", "qemu:z"), ("--reference", "qemu:vhost"),
                              ("--offloads", "all"), ("--without", "qemu"),
                              ("--append", "quiet\tnopv")):
            refused(f"{option} {value}", 2, option, option, value)
        refused("a disk's column of the network", 2, "--reference", "--net", "--reference",
                "qemu:ide")
        refused("no column left", 2, "--without", "--without", "pvkit", "--without",
                "unmodified")
        refused("a result that is not there", 1, "No such file", "--show", at("none"),
                "--html", out)
        refused("a result that is no JSON", 1, "not JSON", "--show", at("a", "{"), "--html", out)
        refused("another JSON", 1, "not a result", "--show", at("b", "{}"), "--html", out)
        refused("another version", 1, "version 9", "--html", out, "--show",
                at("c", json.dumps(dict(result, version=9))))
        del bad["runs"]
        refused("a result without runs", 1, "'runs'", "--html", out, "--show",
                at("d", json.dumps(bad)))
        refused("a result with damage inside", 1, "damaged", "--html", out, "--show",
                at("e", json.dumps(dict(result, runs=[{"kind": "pv"}]))))
        refused("a page that cannot be written", 1, "cannot write", "--show", good,
                "--html", "/proc/no/page.html")
        refused("a page that is a directory", 1, "cannot write", "--show", good, "--html", tmp)
        refused("JSON that cannot be written, before anything runs", 1, "cannot write",
                "--html", out, "--json", "/proc/no/a.json")


# --- how the package hangs together ----------------------------------------------

def imports_of(directory):
    """{module: the modules of the package that it imports, wherever in it}."""
    sources = {n[:-3]: os.path.join(directory, n) for n in os.listdir(directory)
               if n.endswith(".py") and n != "__init__.py"}
    found = {}
    for name, path in sources.items():
        with open(path, encoding="utf-8") as f:
            tree = ast.parse(f.read())
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 1]
        names = {n.module for n in nodes} | {a.name for n in nodes if not n.module for a in n.names}
        found[name] = sorted(names & set(sources))
    return found


ASKS = re.compile(r'on_net|[!=]= "(disk|net|boots|ablate)"|opts\.(net|boots|ablate)\b')


def cycle_in(graph):
    """A way from a module back to itself, or []."""
    done = set()

    def walk(name, way):
        if name in way:
            return way[way.index(name):] + [name]
        if name in done:
            return []
        found = next(filter(None, (walk(n, way + [name]) for n in graph[name])), [])
        done.add(name)
        return found

    return next(filter(None, (walk(n, []) for n in sorted(graph))), [])


def test_package():
    directory = os.path.join(TOP, "host-stub/measure")
    graph = imports_of(directory)
    check("package: its modules and their imports are found",
          len(graph) > 15 and "parts" in graph["cli"], graph)
    equal("package: a cycle is seen", cycle_in({"a": ["b"], "b": ["c"], "c": ["b"], "d": []}),
          ["b", "c", "b"])
    equal("package: no module imports itself, by whichever way", " - ".join(cycle_in(graph)), "")
    equal("package: command line and worker alone look at the registry of parts",
          sorted(n for n in graph if "parts" in graph[n]), ["cli", "worker"])
    asks = []
    for name in graph:
        with open(os.path.join(directory, name + ".py"), encoding="utf-8") as f:
            asks += [f"{name}: {line.strip()}" for line in f if ASKS.search(line)]
    equal("package: nobody asks which part it is", asks, [])
    methods = [n for n, m in vars(part.Part).items() if callable(m)]
    for p in parts.PARTS:
        missing = [n for n in methods if getattr(type(p), n) is vars(part.Part)[n]
                   and n not in ("host", "run", "full_label")]
        equal(f"package: {p.name} has all that a part must have", missing, [])
        equal(f"package: {p.name} is found by its name", parts.of({"part": p.name}), p)
    equal("package: a document of old is of the disk", parts.of({}).name, "disk")


def main():
    for test in (test_package, test_console, test_counts, test_runs, test_statistics, test_output,
                 test_plan, test_net_figures, test_net_runs, test_net_output, test_net_plan,
                 test_net_trace, test_doing, test_net_tool, test_changed, test_progress,
                 test_command):
        test()
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
