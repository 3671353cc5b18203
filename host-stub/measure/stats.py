# SPDX-License-Identifier: BSD-2-Clause
"""Medians and spread of the runs. The spread is the lowest and the highest run.

No means and no confidence intervals: the runs are few and their noise is not
normal (docs/measure.md, "Spread").
"""

import statistics


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


