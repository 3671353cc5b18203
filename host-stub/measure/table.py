# SPDX-License-Identifier: BSD-2-Clause
"""Text for a terminal; and the comparison (compared.py) as text, boot first, then each job.

Columns are the kinds of guest, in the order of the result; then the ratio of
the pv guest to the unmodified one. Under a median stands its lowest and highest
run, when there was more than one.
"""

from . import stats

BAR = " ▏▎▍▌▋▊▉█"

BOOT_ROWS = (
    ("init_s", "power-on to /init", "s"),
    ("disk_s", "power-on to a usable disk", "s"),
    ("net_s", "power-on to the first connection", "s"),
    ("cpu_s", "host CPU time", "s"),
    ("exits", "exits, all", ""),
    ("exits_user", "exits to user space", ""),
)


def number(value):
    """Three figures or so, thousands apart."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def times(r):
    """A ratio as text; '~' in front when the runs' spreads overlap or there is one run only."""
    if r is None:
        return "-"
    value, apart = r
    return ("" if apart else "~") + f"{value:.3g}×"


def bar(value, most, width):
    if not most or value is None:
        return ""
    eighths = max(1, round(value / most * width * 8))
    return "█" * (eighths // 8) + (BAR[eighths % 8] if eighths % 8 else "")


class Text:
    """Lines of a page of text; colour only where it was asked for."""

    def __init__(self, colour):
        self.colour, self.lines = colour, []

    def dye(self, text, code):
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def head(self, text):
        self.lines += ["", self.dye(text, "1")]

    def row(self, first, cells, width, code=None):
        text = f"  {first:<38}" + "".join(f"{c:>{width}}" for c in cells)
        text = text.rstrip()
        self.lines.append(self.dye(text, code) if code else text)


def compare(text, rows, found, names, width, base=None):
    """
    The rows of a table: found[kind] is {metric: spread}, names is {kind: its name}; with
    base, ratios of all to it.
    """
    kinds = list(names)
    for key, title, unit in rows:
        cells = [(found.get(k) or {}).get(key) for k in kinds]
        if not any(cells):
            continue
        r = stats.ratio(cells[kinds.index("pv")], cells[kinds.index("unmodified")]) \
            if "pv" in kinds and "unmodified" in kinds else None
        text.row(title + (f" [{unit}]" if unit else ""),
                 [number(c and c["median"]) for c in cells]
                 + ([times(r)] if "pv" in kinds and "unmodified" in kinds else []), width)
        if any(c and c["n"] > 1 for c in cells):
            text.row("", [f"{number(c['min'])}…{number(c['max'])}" if c else "" for c in cells],
                     width, "2")
        ratios = [stats.ratio(c, cells[kinds.index(base)]) if base and k != base else None
                  for k, c in zip(kinds, cells)]
        if any(ratios):
            text.row(f"  to {names[base]}", [times(r) if r else "" for r in ratios], width, "2")


def reasons(text, found, kinds, width, limit=8):
    """Exits by reason: the most frequent ones, the rest as one row."""
    maps = {k: (found.get(k) or {}).get("by_reason") or {} for k in kinds}
    names = sorted({n for m in maps.values() for n in m},
                   key=lambda n: -max(m[n]["median"] if n in m else 0 for m in maps.values()))
    for name in names[:limit]:
        text.row(f"  {name}", [number(maps[k][name]["median"] if name in maps[k] else 0)
                               if maps[k] else "-" for k in kinds], width)
    if len(names) > limit:
        text.row("  others", [number(sum(maps[k][n]["median"] for n in names[limit:]
                                         if n in maps[k])) if maps[k] else "-" for k in kinds],
                 width)


def render(part, result, colour=False):
    """The comparison. part: compared.Compared."""
    text = Text(colour)
    found = result["summary"]
    names = {k: part.label(result, k) for k in result["kinds"]}
    kinds, columns = list(names), list(names.values())
    width = max([18] + [len(c) + 2 for c in columns])
    if "pv" in kinds and "unmodified" in kinds:
        columns.append("pvkit/unmod.")
    c = result["conditions"]
    text.head("pvkit measure: one stock guest, Linux " + c.get("guest kernel", "?"))
    text.lines.append(f"  {c.get('KVM', '?')}")
    text.lines.append(f"  {c.get('guest', '')}; {result['repetitions']} run(s) each, interleaved; "
                      "median, below it the lowest and highest run")
    if result.get("only") != "io":
        text.head("Boot")
        text.row("", columns, width, "4")
        boots = {k: found[k]["boot"] for k in kinds}
        compare(text, BOOT_ROWS, boots, names, width)
        if any((b or {}).get("by_reason") for b in boots.values()):
            text.row("exits by reason", [], width)
            reasons(text, boots, kinds, width)
    for job in result["jobs"]:
        name = job["name"]
        here = {k: found[k]["jobs"].get(name) for k in kinds}
        if not any(here.values()):
            continue
        text.head(job["title"])
        text.row("", columns, width, "4")
        compare(text, part.rows(job), here, names, width, part.base_of(kinds))
    if result["jobs"]:
        text.head(part.words["rates"])
        for job in result["jobs"]:
            cells = {k: found[k]["jobs"].get(job["name"]) for k in kinds}
            most = max([s[part.rate]["median"] for s in cells.values() if s] or [0])
            for k in kinds:
                if cells[k]:
                    value = cells[k][part.rate]["median"]
                    text.lines.append(f"  {job['name']:<18} {names[k]:<20} "
                                      f"{number(value):>9} {bar(value, most, 40)}".rstrip())
    failed = [r for r in result["runs"] if r["problem"]]
    if failed:
        text.head(f"FAILED and repeated: {len(failed)} of {len(result['runs'])} runs; they are "
                  "in no figure")
        for r in failed:
            text.lines.append(f"  {part.label(result, r['kind'])}, run {r['number'] + 1}: "
                              f"{r['problem']}")
            text.lines += [f"    | {line}" for line in r["console_tail"]]
    if result.get("note"):
        text.lines += ["", result["note"]]
    text.lines += ["", "  ~ the runs' spreads overlap, or there is one run: a hint, no result."]
    if "box" in c.get("KVM", ""):
        text.lines.append("  Times in the box exaggerate exits about tenfold; counts do not.")
    return "\n".join(text.lines) + "\n"
