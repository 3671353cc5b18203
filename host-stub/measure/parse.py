# SPDX-License-Identifier: BSD-2-Clause
"""From what a run left (console, pvkit-vm's statistics, trace) to its figures.

Everything here is a pure function of recorded input. A run that cannot be
trusted becomes a problem in words, never a figure.

Phases: "boot" is power-on to mark 2; each round of a job has two marks
(marks()). For a phase there are two sources of counts. pvkit-vm's own statistics are exact
at the mark and preferred; the trace exists for every VMM and knows KVM's reasons.
"""

import base64
import binascii
import json
import zlib

from . import MeasureError

FORMAT, VERSION = "pvkit-measure", 1
MARK_INIT, MARK_DISK = 1, 2
FIRST_MARK = 10	# of the jobs; 255 is the last that there is


def marks(number, which, rounds):
    """The marks before and after round `which` of job `number`."""
    first = FIRST_MARK + 2 * (number * rounds + which)
    return first, first + 1


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


# --- earlier results ----------------------------------------------------------------

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
