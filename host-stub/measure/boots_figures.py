# SPDX-License-Identifier: BSD-2-Clause
"""The boot table's figures: medians of all runs, and whether the goals are met."""

from . import stats
from .boots_cases import VOLUMES, label

FIGURES = ("guest", "exits", "exits_user", "init_s", "from_start_s", "cpu_s")
# What the patched boot is to be, of which row: (row, at most this share of its exits)
GOALS = (("qemu:pc", 50), ("qemu:microvm", 10), ("qemu:microvm-best", 10),
         ("qemu:microvm-bare", 10))


def summary(result):
    """{kind: {runs, failed, boot: {figure: spread, by_reason: {name: spread}}}}."""
    found = {}
    for kind in result["kinds"]:
        runs = [r for r in result["runs"] if r["kind"] == kind]
        boots = [r["boot"] for r in runs if not r["problem"] and r["boot"]]
        found[kind] = {"runs": len(boots), "failed": len(runs) - len(boots), "jobs": {},
                       "boot": stats.of_phase(boots, FIGURES) if boots else None}
    return found


def figure(found, key, name):
    return ((found.get(key) or {}).get("boot") or {}).get(name)


def of_patched(result, kind):
    """How many times the patched boot's exits these are, or None."""
    found = result["summary"]
    ours = figure(found, "patched@" + kind.partition("@")[2], "guest")
    theirs = figure(found, kind, "guest")
    return theirs["median"] / ours["median"] if ours and theirs and ours["median"] else None


def verdicts(result):
    """[(volume, text, True, False or None: not known)], the goals and whether they are met."""
    found, out = result["summary"], []
    for volume in VOLUMES:
        ours = figure(found, f"patched@{volume}", "guest")
        for row, share in GOALS:
            theirs = figure(found, f"{row}@{volume}", "guest")
            if f"{row}@{volume}" not in result["kinds"]:
                continue
            if not ours or not theirs:
                out.append((volume, f"exits at most 1/{share} of {label(row)}: not measured", None))
                continue
            most = theirs["median"] / share
            out.append((volume, f"exits at most 1/{share} of {label(row)}: "
                        f"{ours['median']:,.0f} of {most:,.0f} allowed, "
                        f"1/{theirs['median'] / ours['median']:.1f}", ours["median"] <= most))
        for name, what in (("init_s", "power-on"), ("from_start_s", "the start of the VMM")):
            times = {k: figure(found, k, name) for k in result["kinds"]
                     if k.endswith("@" + volume)}
            known = {k: s for k, s in times.items() if s}
            ours = known.pop(f"patched@{volume}", None)
            if not ours or not known:
                continue
            best = min(known, key=lambda k: known[k]["median"])
            value = known[best]["median"] / ours["median"]
            apart = ours["max"] < known[best]["min"] and ours["n"] > 1
            out.append((volume, f"fastest of all from {what}: {ours['median']:.2f} s, "
                        f"the {'next' if value > 1 else 'fastest'} is "
                        f"{label(best)} with {known[best]['median']:.2f} s, "
                        f"{'' if apart else '~'}{value:.2f}×", value > 1))
    return out
