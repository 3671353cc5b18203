# SPDX-License-Identifier: BSD-2-Clause
"""From what a run left (console, pvkit-vm's statistics, trace) to its figures.

Everything here is a pure function of recorded input. A run that cannot be
trusted becomes a problem in words, never a figure.

Phases: "boot" is power-on to mark 2; each round of a job has two marks
(plan.marks). For a phase there are two sources of counts. pvkit-vm's own statistics is exact at the
mark and is preferred; the trace exists for every VMM and knows KVM's reasons.
"""

import base64
import binascii
import json
import zlib

from . import MeasureError, guests, net, plan as plans

FORMAT, VERSION = "pvkit-measure", 1
MARK_INIT, MARK_DISK = 1, 2


# --- console --------------------------------------------------------------------

def console(text):
    """
    What the guest said: {'init': s, 'disk_at': s, 'disk': name, 'where': path,
    'facts': {}, 'fio': {j: document}, 'skipped': {j: why}, 'problem': ''}; of the
    network part 'net_at': s, 'nic': {name, driver, where}, 'net': {j: [line]}.
    """
    said = {"init": None, "disk_at": None, "disk": "", "where": "", "facts": {}, "fio": {},
            "skipped": {}, "problem": "", "net_at": None, "nic": {}, "net": {}}
    times = {"PVM-INIT": "init", "PVM-DISK-AT": "disk_at", "PVM-NET-AT": "net_at"}
    done, number, packed = False, None, []
    for line in text.replace("\r", "").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "PVM-END" and number is not None:
            document, problem = unpack_fio("".join(packed))
            if problem:
                said["problem"] = said["problem"] or f"job {number}: {problem}"
            else:
                said["fio"][number] = document
            number, packed = None, []
        elif word in times:
            try:
                said[times[word]] = float(rest)
            except ValueError:
                said["problem"] = said["problem"] or f"'{line}' has no time"
        elif word == "PVM-DISK":
            said["disk"], _, said["where"] = rest.partition(" ")
        elif word == "PVM-FACT":
            name, _, value = rest.partition(" ")
            said["facts"][name] = value
        elif word == "PVM-NIC":
            said["nic"] = dict(zip(("name", "driver", "where"), rest.split(" ", 2)))
        elif word == "PVM-NET" and rest.partition(" ")[0].isdigit():
            first, _, result_of_net = rest.partition(" ")
            said["net"].setdefault(int(first), []).append(result_of_net)
        elif word in ("PVM-FIO", "PVM-SKIP", "PVM-NET"):
            first, _, why = rest.partition(" ")
            if not first.isdigit():
                said["problem"] = said["problem"] or f"'{line}' has no job number"
            elif word == "PVM-FIO":
                number, packed = int(first), []
            else:
                said["skipped"][int(first)] = why
        elif word == "PVM-FAIL":
            said["problem"] = said["problem"] or f"the guest gave up: {rest}"
        elif word == "PVM-DONE":
            done = True
        elif number is not None and not rest:
            packed.append(word)
    if not said["problem"] and not done:
        said["problem"] = "the guest did not finish"
    return said


def unpack_fio(text):
    """(fio's JSON document, '') or (None, what is wrong): base64 of gzip of JSON."""
    try:
        plain = zlib.decompress(base64.b64decode(text, validate=True), 31)
        start = plain.index(b"{")	# fio may warn before its JSON begins
        document = json.loads(plain[start:])
    except (ValueError, binascii.Error, zlib.error) as e:
        return None, f"fio's result did not come through ({e})"
    if not isinstance(document, dict) or not document.get("jobs"):
        return None, "fio's result has no jobs"
    return document, ""


def fio_figures(document, which):
    """The figures of round `which` of fio's job: ios, iops, mb_s (10^6 bytes), seconds, latency in us."""
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


# --- counts ----------------------------------------------------------------------

def stub_points(document):
    """{mark: point} of pvkit-vm's statistics; the first mark of a value counts."""
    boots = document.get("boots")
    if not boots:
        raise ValueError("pvkit-vm's statistics has no power-on")
    points = {}
    for mark in boots[0].get("marks", []):
        user = {}
        for vcpu in mark["vcpus"]:
            for reason, count in vcpu["exits"].items():
                user[reason] = user.get(reason, 0) + count
        points.setdefault(mark["mark"], {
            "t": mark["ns"] / 1e9, "cpu_ns": mark["cpu_user_ns"] + mark["cpu_system_ns"],
            "all": mark["exits_all"], "user": user, "user_total": mark["exits_user"]})
    return points


def trace_points(counted):
    """{mark: point} of a trace, times since the first entry of the guest."""
    points = {}
    for value, mark in (counted or {}).get("marks", {}).items():
        start = counted["power_on"]
        points[int(value)] = {
            "t": mark["t"] - start if start is not None else None, "cpu_ns": mark["cpu_ns"],
            "all": sum(mark["exits"].values()), "reasons": mark["exits"], "user": mark["user"],
            "user_total": sum(mark["user"].values()), "ports": mark["ports"],
            "timer": mark.get("timer")}
    return points


def minus(after, before):
    """Difference of two {name: count}; names without change are left out."""
    found = {k: n - before.get(k, 0) for k, n in after.items()}
    return {k: n for k, n in found.items() if n}


def phase(points, begin, end):
    """What happened between two marks (begin None: power-on), or None without them."""
    zero = {"t": 0.0, "cpu_ns": 0, "all": 0, "reasons": {}, "user": {}, "user_total": 0,
            "ports": {}, "timer": 0}
    a = zero if begin is None else points.get(begin)
    b = points.get(end)
    if a is None or b is None:
        return None
    found = {"seconds": None if b["t"] is None or a["t"] is None else b["t"] - a["t"],
             "cpu_s": (b["cpu_ns"] - a["cpu_ns"]) / 1e9,
             "exits": None if b["all"] is None or a["all"] is None else b["all"] - a["all"],
             "exits_user": b["user_total"] - a["user_total"],
             "user_by_reason": minus(b["user"], a["user"])}
    for key, name in (("reasons", "by_reason"), ("ports", "by_port")):
        if key in b:
            found[name] = minus(b[key], a.get(key, {}))
    if b.get("timer") is not None and a.get("timer") is not None:
        found["timer"] = b["timer"] - a["timer"]
    return found


def merged(own, traced):
    """pvkit-vm's own counts, with the reasons and ports that only the trace has."""
    if not own:
        return traced and dict(traced, source="trace")
    found = dict(own, source="pvkit-vm")
    if traced:
        for name in ("by_reason", "by_port", "timer"):
            found[name] = traced.get(name)
        if found["exits"] is None:
            found["exits"] = traced["exits"]
        found["trace_exits"] = traced["exits"]
    return found


# Why a guest is left without its doing: KVM's names on SVM and VMX, in small letters.
HOSTS = ("interrupt", "nmi", "smi", "external_interrupt")


def guests_share(counts):
    """Of the exits of a phase those that the guest caused; None without reasons."""
    reasons = counts.get("by_reason")
    if reasons is None:
        return None
    return sum(n for reason, n in reasons.items() if reason.lower() not in HOSTS)


def port_names(document):
    """{port: 'device REGISTER'} from pvkit-vm's statistics."""
    names = {}
    for r in (document.get("boots") or [{}])[0].get("registers", []):
        if r["space"] == "pio" and r["device"] != "unclaimed":
            names.setdefault(r["address"], f"{r['device']} {r['register']}")
    return names


def round_figures(figures, own, traced, ends):
    """
    figures with what was counted between the two marks, and that for each I/O
    or, of the network, for each unit.
    """
    counts = merged(phase(own, *ends), phase(traced, *ends))
    if counts:
        seconds = figures["seconds"]
        figures.update(counts, seconds=seconds, between_marks_s=counts["seconds"])
        one, n = ("io", figures["ios"]) if "ios" in figures else ("unit", figures["units"])
        figures["exits_per_" + one] = None if counts["exits"] is None else counts["exits"] / n
        own = guests_share(counts)
        figures["guest_per_" + one] = None if own is None else own / n
        timer = counts.get("timer")
        figures["timer_per_" + one] = None if timer is None else timer / n
        figures["user_per_" + one] = counts["exits_user"] / n
        figures["cpu_us_per_" + one] = counts["cpu_s"] * 1e6 / n
    return figures


def rounds_of(job, said, plan):
    """The figures of each round of a job as the guest's tool says; None without a result."""
    j, rounds = job["number"], plan["rounds"]
    if part_of(plan) == "net":
        lines = said["net"].get(j, [])
        if len(lines) > rounds:
            raise ValueError(f"{job['name']}: {len(lines)} rounds, want {rounds}")
        return [net.figures(line) for line in lines] if len(lines) == rounds else None
    if j not in said["fio"]:
        return None
    return [fio_figures(said["fio"][j], which) for which in range(rounds)]


def part_of(document):
    """"disk" or "net", of a plan or a result; those of old do not say it."""
    return document.get("part", "disk")


# --- a run -------------------------------------------------------------------------

def run_figures(raw, plan):
    """One run as docs/measure.md describes it; 'problem' is '' or why it is void."""
    said = console(raw["console"])
    run = {"kind": raw["kind"], "number": raw["number"], "seconds": raw["seconds"],
           "argv": raw.get("argv", []), "facts": dict(said["facts"]),
           "boot": None, "jobs": {}, "skipped": {}, "registers": [],
           "problem": raw["problem"] or said["problem"], "console_tail": []}
    on_net = part_of(plan) == "net"
    run["facts"].update({"driver": said["nic"].get("driver", ""),
                         "nic": said["nic"].get("where", "")} if on_net
                        else {"disk": said["where"]})
    own, traced = {}, trace_points(raw.get("trace"))
    try:
        if raw.get("stub"):
            own = stub_points(raw["stub"])
            run["registers"] = raw["stub"]["boots"][0].get("registers", [])
            run["pv"] = raw["stub"]["boots"][0].get("pv")
        run["problem"] = run["problem"] or (net.model_problem if on_net
                                            else model_problem)(raw["kind"], said)
        boot = merged(phase(own, None, MARK_DISK), phase(traced, None, MARK_DISK))
        if boot:
            points = own or traced
            boot["init_s"] = points.get(MARK_INIT, {}).get("t")
            boot["net_s" if on_net else "disk_s"] = boot.pop("seconds")
            run["boot"] = boot
        for job in plan["jobs"]:
            name, j = job["name"], job["number"]
            if j in said["skipped"]:
                run["skipped"][name] = said["skipped"][j]
                continue
            rounds = rounds_of(job, said, plan)
            if rounds is None:
                run["problem"] = run["problem"] or f"no result of {name}"
                continue
            run["jobs"][name] = [
                round_figures(figures, own, traced, plans.marks(j, which, plan["rounds"]))
                for which, figures in enumerate(rounds)]
    except (KeyError, ValueError, TypeError, IndexError) as e:
        run["problem"] = run["problem"] or f"result not understood: {e}"
    if run["problem"]:
        run["console_tail"] = guests.tail(raw["console"])
    return run


def model_problem(kind, said):
    """'' or why the disk is not the one that the kind is to be measured with."""
    emulated = "/ata" in said["where"]
    if not said["where"]:
        return ""	# it did not come so far; that is said already
    if kind == "unmodified" and not emulated:
        return f"the unmodified guest used {said['where']}, not the emulated disk"
    if kind == "pv" and (emulated or "/virtio" in said["where"]):
        return f"the paravirtualized guest used {said['where']}, not pvkit's disk"
    return ""


def result(plan, raw):
    """All runs of a measurement, with its conditions."""
    conditions = dict(plan["conditions"])
    conditions.update(raw["conditions"])
    on_net = part_of(plan) == "net"
    conditions["guest"] = f"{plan['cpus']} vCPU, {plan['memory']} MiB, " + (
        "TAP with the host's end in a network namespace of its own" if on_net else
        f"disk image of {plan['disk_mib']} MiB in memory, host page cache")
    conditions["guest command line"] = plan["cmdline"]
    for r in raw["runs"]:
        config = (r.get("stub") or {}).get("config")
        if config:
            conditions["pvkit-vm: polling"] = f"{config.get('poll_ns', 0) / 1e3:g} µs at most"
            conditions["pvkit-vm: gathering"] = f"{config.get('coalesce_ns', 0) / 1e3:g} µs at most"
            conditions["exit to user space"] = f"{config.get('exit_ns', 0) / 1e3:g} µs, measured"
            break
    conditions["exits counted by"] = "pvkit-vm's statistics; by reason: " + raw["tracing"]
    runs = [run_figures(r, plan) for r in raw["runs"]]
    names = {}
    for r in raw["runs"]:
        if r.get("stub"):
            names.update(port_names(r["stub"]))
    seconds = plan["seconds"]
    if plan["jobs"] and on_net:
        conditions["load"] = f"net.c, one connection, guest {net.GUEST} to {net.HOST}; " \
                             f"{plan['rounds']} round(s) of {seconds:g} s of each job in a run"
    elif plan["jobs"]:
        conditions["I/O"] = f"fio, io_uring, direct=1, scheduler none; {plan['rounds']} round(s) " \
                             f"of {seconds:g} s of each job in a run"
    for r in runs:
        for fact in ("clocksource", "queues", "io_poll", "mtu", "qdisc", "congestion"):
            if fact in r["facts"]:
                conditions[f"{r['kind']}: guest {fact}"] = r["facts"][fact]
    if on_net:
        conditions.update(net.offload_conditions(zip(raw["runs"], runs), plan))
    return {"format": FORMAT, "version": VERSION, "part": part_of(plan), "conditions": conditions,
            "kinds": plan["kinds"], "jobs": plan["jobs"], "repetitions": plan["runs"], "rounds": plan["rounds"],
            "ports": {f"{p:#x}": n for p, n in sorted(names.items())}, "runs": runs}


def load(path):
    """An earlier --json file. MeasureError when it is none."""
    try:
        with open(path, encoding="utf-8") as f:
            document = json.load(f)
    except OSError as e:
        raise MeasureError(f"cannot read {path}: {e.strerror}") from e
    except ValueError as e:
        raise MeasureError(f"{path}: not JSON: {e}") from e
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise MeasureError(f"{path}: not a result of pvkit measure")
    if document.get("version") != VERSION:
        raise MeasureError(f"{path}: version {document.get('version')}, this tool reads {VERSION}")
    for key in ("conditions", "kinds", "jobs", "runs"):
        if key not in document:
            raise MeasureError(f"{path}: has no '{key}'")
    return document
