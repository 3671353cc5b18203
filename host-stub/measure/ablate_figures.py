# SPDX-License-Identifier: BSD-2-Clause
"""The ablation's figures: of a guest, and what differs between two, beyond the noise."""

from . import parse, stats

# What counts time and not work: the timer set, its interrupts taken and ended, waits. KVM's
# reasons (SVM, VMX), and what stands behind them.
TICKS = ("vintr", "hlt", "interrupt_window", "pending_interrupt", "preemption_timer",
         "wrmsr 6e0", "wrmsr 80b")

BOOT = ("guest", "exits", "exits_user", "init_s", "cpu_s")
LOAD = ("guest", "exits", "user", "us", "cpu_us")


def by_cause(counts):
    """{reason or what stands behind it: count}, without the host's own interrupts."""
    found = {r: n for r, n in (counts.get("by_reason") or {}).items() if r not in parse.HOSTS}
    found.update(counts.get("detail") or {})
    return found


def steady(boot):
    """A boot's exits of the guest without those that only count time; None without reasons."""
    reasons, detail = boot.get("by_reason"), boot.get("detail") or {}
    if reasons is None:
        return None
    return parse.guests_share(boot) - sum(reasons.get(t, 0) + detail.get(t, 0) for t in TICKS)


def per_operation(load):
    """A run's load as figures of one operation."""
    n, seconds = load["n"], load["seconds"]
    microseconds = None if seconds is None else seconds * 1e6

    def each(value):
        return None if value is None else value / n

    return {"guest": each(load.get("guest")), "exits": each(load["exits"]),
            "user": each(load["exits_user"]), "us": each(microseconds),
            "cpu_us": each(load["cpu_s"] * 1e6),
            "causes": {c: v / n for c, v in by_cause(load).items()}}


def summary(result):
    """{kind: {runs, failed, boot: {...}, loads: {name: {figure: spread, causes}}, none}}."""
    found = {}
    for kind in dict.fromkeys(result["kinds"]):
        runs = [r for r in result["runs"] if r["kind"] == kind]
        good = [r for r in runs if not r["problem"] and r["boot"]]
        boot = {n: stats.spread([r["boot"].get(n) for r in good]) for n in BOOT}
        boot["steady"] = stats.spread([steady(r["boot"]) for r in good])
        boot["causes"] = stats.spread_of_maps([by_cause(r["boot"]) for r in good])
        loads = {}
        for name in {n for r in good for n in r["loads"]}:
            each = [per_operation(r["loads"][name]) for r in good if name in r["loads"]]
            loads[name] = {n: stats.spread([e[n] for e in each]) for n in LOAD}
            loads[name]["causes"] = stats.spread_of_maps([e["causes"] for e in each])
        none = {n: why for r in good for n, why in r["none"].items()}
        facts = good[0]["facts"] if good else {}
        found[kind] = {"runs": len(good), "failed": len(runs) - len(good), "jobs": {},
                       "boot": boot if good else None, "loads": loads, "none": none,
                       "facts": facts}
    return found


def difference(base, other):
    """
    (difference of the medians, how sure) of two spreads, or None without both: "sure"
    when the runs are apart by more than the base's own spread, "hint" when so but of
    one run only, "noise" else.
    """
    if not base or not other:
        return None
    change = other["median"] - base["median"]
    width = base["max"] - base["min"]
    apart = other["min"] > base["max"] + width or other["max"] < base["min"] - width
    if not apart or not change:
        return change, "noise"
    return change, "sure" if min(base["n"], other["n"]) > 1 else "hint"


def causes(base, other, limit=4):
    """[(cause, difference)] that are beyond the noise, the largest first."""
    found = []
    zero = {"median": 0, "min": 0, "max": 0, "n": 1}
    for name in set(base) | set(other):
        d = difference(base.get(name, dict(zero)), other.get(name, dict(zero)))
        if d and d[1] != "noise":
            found.append((name, d[0]))
    return sorted(found, key=lambda x: (-abs(x[1]), x[0]))[:limit]
