# SPDX-License-Identifier: BSD-2-Clause
"""Medians and spread of the runs. The spread is the lowest and the highest run.

No means and no confidence intervals: the runs are few and their noise is not
normal (docs/measure.md, "Spread").
"""

import statistics

BOOT = ("init_s", "disk_s", "net_s", "cpu_s", "exits", "exits_user")
JOB = ("iops", "mb_s", "exits_per_io", "guest_per_io", "user_per_io", "cpu_us_per_io",
       "lat_mean_us", "lat_p50_us", "lat_p90_us", "lat_p99_us", "lat_p999_us")
NET_JOB = ("rate", "sent_rate", "units", "exits_per_unit", "guest_per_unit", "timer_per_unit",
           "user_per_unit", "cpu_us_per_unit", "loss_pct", "stalls", "lat_mean_us", "lat_p50_us", "lat_p99_us")


def spread(values):
    """{'median', 'min', 'max', 'n'} of the values that are numbers, or None without any."""
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if not numbers:
        return None
    return {"median": statistics.median(numbers), "min": min(numbers), "max": max(numbers),
            "n": len(numbers)}


def spread_of_maps(maps):
    """{name: spread} of several {name: count}; a name that a run lacks counts as 0 there."""
    names = sorted({n for m in maps for n in m})
    return {n: spread([m.get(n, 0) for m in maps]) for n in names}


def ratio(a, b):
    """Median of a over median of b, and whether the spreads are apart: (float, bool) or None."""
    if not a or not b or not b["median"]:
        return None
    apart = a["min"] > b["max"] or a["max"] < b["min"]
    return a["median"] / b["median"], apart and min(a["n"], b["n"]) > 1


def of_phase(phases, names):
    found = {n: spread([p.get(n) for p in phases]) for n in names}
    for key in ("by_reason", "user_by_reason", "by_port"):
        maps = [p[key] for p in phases if p.get(key) is not None]
        if maps:
            found[key] = spread_of_maps(maps)
    return found


def registers(runs):
    """{'device REGISTER': accesses} as the median of runs, without unclaimed ports' numbers."""
    maps = []
    for run in runs:
        counts = {}
        for r in run.get("registers", []):
            name = f"{r['device']} {r['register']}"
            counts[name] = counts.get(name, 0) + r["reads"] + r["writes"]
        if counts:
            maps.append(counts)
    return spread_of_maps(maps) if maps else {}


def summary(result):
    """{kind: {'runs', 'failed', 'boot': {...}, 'jobs': {name: {...}}, 'registers': {...}}}."""
    found = {}
    for kind in result["kinds"]:
        runs = [r for r in result["runs"] if r["kind"] == kind]
        good = [r for r in runs if not r["problem"]]
        jobs = {}
        for job in result["jobs"]:
            name = job["name"]
            phases = [p for r in good for p in r["jobs"].get(name, [])]
            if phases:
                jobs[name] = of_phase(phases, NET_JOB if "unit" in job else JOB)
        boots = [r["boot"] for r in good if r["boot"]]
        found[kind] = {"runs": len(good), "failed": len(runs) - len(good),
                       "boot": of_phase(boots, BOOT) if boots else None, "jobs": jobs,
                       "registers": registers(good)}
    return found
