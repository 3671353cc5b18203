# SPDX-License-Identifier: BSD-2-Clause
"""One HTML page: no scripts, nothing fetched, light and dark; and the comparison as one."""

import shlex
from html import escape

from . import chart, stats, table

STYLE = """
:root { color-scheme: light dark; --bg: #fbfbf9; --fg: #1d2126; --dim: #646b73; --line: #dcdcd6;
  --card: #ffffff; --k0: #b4632d; --k1: #1f6fb2; --k2: #7a7f87; --k3: #9a9fa6;
  --s0: #1f6fb2; --s1: #d08a2e; --s2: #4f9a64; --s3: #b14f6b; --s4: #7b62a8; --s5: #3a9aa8;
  --s6: #8a7a4a; --s7: #9aa0a6; --good: #1d7a3e; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --bg: #14171a; --fg: #e4e6e8; --dim: #9aa1a9;
  --line: #30363c; --card: #1b1f23; --k0: #dd8a4e; --k1: #57a5e6; --k2: #8b929a; --k3: #6d747b;
  --s0: #4d97d6; --s1: #d99c4a; --s2: #62b37a; --s3: #cf6f8b; --s4: #9b83c9; --s5: #54b6c4;
  --s6: #ad9c66; --s7: #79818a; --good: #6fce8f; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 900px; padding: 28px 20px 60px; background: var(--bg);
  color: var(--fg); font: 15px/1.5 system-ui, "Liberation Sans", sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 40px 0 6px; }
h3 { font-size: 15px; margin: 22px 0 6px; } p { margin: 6px 0; }
.dim, td.dim { color: var(--dim); } small { color: var(--dim); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px;
  margin: 22px 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 14px; }
.tile b { display: block; font-size: 24px; line-height: 1.2; } .tile span { color: var(--dim);
  font-size: 13px; display: block; }
.better { color: var(--good); } .worse { color: var(--bad); }
svg { display: block; width: 100%; height: auto; margin: 8px 0; }
svg text { font: 13px system-ui, "Liberation Sans", sans-serif; fill: var(--fg); }
svg text.dim { fill: var(--dim); } svg text.v { font-variant-numeric: tabular-nums; }
svg text.in { fill: #fff; font-size: 12px; }
@media (prefers-color-scheme: dark) { svg text.in { fill: #101214; } }
.wh { stroke: var(--fg); stroke-width: 1.4; fill: none; }
.k0 { fill: var(--k0); } .k1 { fill: var(--k1); } .k2 { fill: var(--k2); } .k3 { fill: var(--k3); }
.s0 { fill: var(--s0); } .s1 { fill: var(--s1); } .s2 { fill: var(--s2); } .s3 { fill: var(--s3); }
.s4 { fill: var(--s4); } .s5 { fill: var(--s5); } .s6 { fill: var(--s6); } .s7 { fill: var(--s7); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--dim); }
.legend span { display: inline-flex; align-items: center; gap: 5px; }
svg.key { width: 11px; height: 11px; margin: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin: 8px 0;
  font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 8px; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; }
td + td small { display: block; white-space: nowrap; }
.ports td:nth-child(2), .ports th:nth-child(2) { text-align: left; }
.facts td { text-align: left; overflow-wrap: anywhere; } .facts td:first-child { width: 32%; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 10px;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12.5px; }
.fail { border-left: 4px solid var(--bad); padding: 4px 12px; background: var(--card); }
"""

MOST_REASONS = 7


def cls(kinds, kind):
    order = ["unmodified", "pv"] + [k for k in kinds if k not in ("unmodified", "pv")]
    return f"k{min(order.index(kind), 3)}"


def tile(title, a, b, word, note=""):
    """A headline: b against a. word: "fewer" or "shorter" (less is better) or "more"."""
    r = stats.ratio(b, a)
    if r is None or not r[0]:
        return ""
    value, apart = r
    less = word != "more"
    good = (value < 1) == less
    if not good:
        word = {"fewer": "more", "shorter": "longer", "more": "fewer"}[word]
    shown = 1 / value if value < 1 else value
    mark = ("better" if good else "worse") if apart else ""
    return f'<div class="tile"><b class="{mark}">{"" if apart else "~"}{shown:.3g}× {word}</b>' \
           f'{title}<span>{table.number(a["median"])} → ' \
           f'{table.number(b["median"])}{note}</span></div>'


def in_words(part, job, here):
    """What the two charts of a job show, as a sentence."""
    a, b = here.get("unmodified"), here.get("pv")
    key, _, what, exits, name = part.headline(job)
    if not a or not b:
        return ""
    what = what if what.startswith("I/O") else what.lower()
    words = f"With pvkit {table.times(stats.ratio(b[key], a[key]))} the {what} of the " \
            "unmodified guest"
    if a[exits] and b[exits]:
        words += f", {table.number(b[exits]['median'])} instead of " \
                 f"{table.number(a[exits]['median'])} {name}"
    return f"<p>{words}.</p>"


def tiles(part, result):
    found = result["summary"]
    a, b = found.get("unmodified"), found.get("pv")
    if not a or not b:
        return ""
    return f'<div class="tiles">{"".join(tile(*t) for t in part.tiles(result, a, b))}</div>'


def figures(rows, found, names, base=None):
    """A table of medians with ranges. found, names, base: as table.compare."""
    kinds = list(names)
    out = "<tr><th></th>" + "".join(f"<th>{escape(n)}</th>" for n in names.values())
    both = "pv" in kinds and "unmodified" in kinds and not base
    out += ("<th>pvkit / unmod.</th>" if both else "") + "</tr>"
    for key, title, unit in rows:
        cells = {k: (found.get(k) or {}).get(key) for k in kinds}
        if not any(cells.values()):
            continue
        out += f"<tr><td>{escape(title)}{f' <small>{unit}</small>' if unit else ''}</td>"
        for k in kinds:
            s = cells[k]
            out += "<td class=dim>–</td>" if not s else f"<td>{table.number(s['median'])}" + (
                f"<small>{table.number(s['min'])}…{table.number(s['max'])}</small>"
                if s["n"] > 1 else "")
            r = stats.ratio(s, cells[base]) if s and base and k != base else None
            out += f"<small>{escape(table.times(r))} {escape(names[base])}</small>" if r \
                else ""
            out += "</td>" if s else ""
        if both:
            out += f"<td>{escape(table.times(stats.ratio(cells['pv'], cells['unmodified'])))}</td>"
        out += "</tr>"
    return f'<div class="wide"><table>{out}</table></div>'


def reasons(found, labels, name, scale=None):
    """Stacked bars of exits by KVM's reason. labels: {kind: its name}; scale: {kind: divisor}."""
    maps = {k: (found.get(k) or {}).get("by_reason") for k in labels}
    maps = {k: {n: s["median"] / (scale[k] if scale else 1) for n, s in m.items()}
            for k, m in maps.items() if m and (not scale or scale.get(k))}
    if not maps:
        return '<p class="dim">No reasons: the trace points of KVM could not be used here.</p>'
    names = sorted({n for m in maps.values() for n in m},
                   key=lambda n: -max(m.get(n, 0) for m in maps.values()))
    main = names[:MOST_REASONS]
    rows = []
    for k, m in maps.items():
        values = {n: m.get(n, 0) for n in main}
        values["others"] = sum(m.get(n, 0) for n in names[MOST_REASONS:])
        rows.append((labels[k], values))
    parts = [(n, f"s{i}") for i, n in enumerate(main)]
    if len(names) > MOST_REASONS:
        parts.append(("others", "s7"))
    return chart.stacked(name, rows, parts)


def timeline(found, labels, then, ready):
    """then: what the boot ends with; ready: the figure of its time."""
    rows = []
    for k, name in labels.items():
        boot = found[k]["boot"]
        if boot and boot.get(ready) and boot.get("init_s"):
            init = boot["init_s"]["median"]
            rows.append((name, {"power-on to /init": init, then: boot[ready]["median"] - init}))
    return chart.stacked("boot timeline", rows, [("power-on to /init", "s0"), (then, "s1")], "s")


def ports(result, found, labels, limit=12):
    """Port accesses of the boot by device register, most first."""
    maps = {k: (found[k]["boot"] or {}).get("by_port") or {} for k in labels}
    names = sorted({n for m in maps.values() for n in m},
                   key=lambda n: -max(m[n]["median"] if n in m else 0 for m in maps.values()))
    if not names:
        return ""
    known = result.get("ports", {})
    out = "<tr><th>port</th><th>register</th>" + "".join(
        f"<th>{escape(n)}</th>" for n in labels.values()) + "</tr>"
    for n in names[:limit]:
        out += f"<tr><td>{escape(n)}</td><td>{escape(known.get(n, ''))}</td>" + "".join(
            f"<td>{table.number(maps[k][n]['median'] if n in maps[k] else 0)}</td>"
            for k in labels) + "</tr>"
    return "<h3>Port accesses by device register</h3>" \
           f'<div class="wide"><table class="ports">{out}</table></div>'


def boot_section(part, result, labels):
    found = result["summary"]
    if result.get("only") == "io" or not any(found[k]["boot"] for k in labels):
        return ""
    boots = {k: found[k]["boot"] for k in labels}
    return "<h2>Boot</h2><p class=dim>From the guest's first instruction to /init, and on to the " \
        + f"{part.words['ready']}. Lower is better.</p>" \
        + timeline(found, labels, part.words["until"], part.ready) \
        + figures(table.BOOT_ROWS, boots, labels) + "<h3>Exits by reason</h3>" \
        + reasons(boots, labels, "exits by reason, boot") + ports(result, found, labels)


def job_section(part, job, here, labels):
    """A job: two charts, and all its figures folded away."""
    kinds = list(labels)
    key, unit, title, exits, name = part.headline(job)
    rows = [(labels[k], cls(kinds, k), here[k] and here[k][key]) for k in kinds]
    out = f"<h3>{escape(job['title'])}</h3>{in_words(part, job, here)}" \
          f"<small>{title}, higher is better</small>" \
        + chart.bars(f"{job['title']}: {title}", rows, unit)
    rows = [(labels[k], cls(kinds, k), here[k] and here[k][exits]) for k in kinds]
    if any(s for _, _, s in rows):
        out += f"<small>{escape(name[0].upper() + name[1:])}, lower is better</small>" \
            + chart.bars(f"{job['title']}: {name}", rows)
    return out + "<details><summary>All figures</summary>" \
        + figures(part.rows(job), here, labels, part.base_of(kinds)) \
        + part.details(job, here, labels) + "</details>"


def jobs_section(part, result, labels):
    found = result["summary"]
    if not result["jobs"]:
        return ""
    out = f"<h2>{part.words['jobs']}</h2><p class=dim>{part.words['about']}" \
          "; whiskers from the lowest to the highest run.</p>"
    for job in result["jobs"]:
        here = {k: found[k]["jobs"].get(job["name"]) for k in labels}
        if any(here.values()):
            out += job_section(part, job, here, labels)
    return out + part.appendix(found, labels)


def registers(found, labels, limit=16):
    """Accesses that reached pvkit-vm's devices, by register, over the whole run, most first."""
    maps = {k: found[k].get("registers") or {} for k in labels}
    maps = {k: m for k, m in maps.items() if m}
    names = sorted({n for m in maps.values() for n in m},
                   key=lambda n: -max(m[n]["median"] if n in m else 0 for m in maps.values()))
    if not names:
        return ""
    out = "<tr><th>register</th>" + "".join(f"<th>{escape(labels[k])}</th>" for k in maps)
    for n in names[:limit]:
        out += f"</tr><tr><td>{escape(n)}</td>" + "".join(
            f"<td>{table.number(m[n]['median'] if n in m else 0)}</td>" for m in maps.values())
    return "<h3>Accesses by device register, whole run</h3>" \
           f'<div class="wide"><table>{out}</tr></table></div>'


def failures(part, result):
    failed = [r for r in result["runs"] if r["problem"]]
    out = f'<p class="fail">{escape(result["note"])}</p>' if result.get("note") else ""
    for r in failed:
        name = escape(part.full_label(result, r["kind"]))
        out += f'<div class="fail"><b>Failed:</b> {name}, run {r["number"] + 1}: ' \
               + escape(r["problem"])
        if r["console_tail"]:
            out += f'<pre>{escape(chr(10).join(r["console_tail"]))}</pre>'
        out += "</div>"
    return out


def commands(part, result):
    seen, out = set(), [result.get("reproduce", "")]
    for r in result["runs"]:
        if r["kind"] not in seen and r["argv"]:
            seen.add(r["kind"])
            out += ["", f"# {part.full_label(result, r['kind'])}",
                    " ".join(shlex.quote(a) for a in r["argv"])]
    return f'<pre>{escape(chr(10).join(out).strip())}</pre>'


def document(part, result, title, words, body):
    """A page of a part that has its own sections: title, a sentence, what is in between."""
    c, runs = result["conditions"], result["repetitions"]
    facts = "".join(f"<tr><td>{escape(k)}</td><td>{escape(str(v))}</td></tr>"
                    for k, v in c.items() if v)
    box = " In the box, times exaggerate exits about tenfold; counts of exits do not." \
        if "box" in c.get("KVM", "") else ""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p>{escape(c.get('KVM', '?'))}. {escape(c.get('guest', ''))}. {runs} run{'s' if runs > 1 else ''} of
each, interleaved; figures are medians.</p>
<p class="dim">{escape(words)}{box}</p>
{failures(part, result)}{body}
<h2>Conditions</h2><div class="wide"><table class="facts">{facts}</table></div>
<h2>Reproduce</h2>{commands(part, result)}
</body></html>
"""


def render(part, result):
    """The comparison. part: compared.Compared."""
    labels = {k: part.label(result, k) for k in result["kinds"]}
    body = tiles(part, result) + boot_section(part, result, labels) \
        + jobs_section(part, result, labels)
    c = result["conditions"]
    runs = result["repetitions"]
    notes = "The sign ~ marks a ratio of runs whose spreads overlap, or of a single run: a hint, " \
            "no result."
    if "box" in c.get("KVM", ""):
        notes += " In the box, times exaggerate exits about tenfold; counts of exits do not."
    facts = "".join(f"<tr><td>{escape(k)}</td><td>{escape(str(v))}</td></tr>"
                    for k, v in c.items() if v)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>pvkit measure</title><style>{STYLE}</style></head><body>
<h1>One guest, unmodified and paravirtualized</h1>
<p>Stock Linux {escape(c.get('guest kernel', '?'))} on {escape(c.get('KVM', '?'))}.
{escape(c.get('guest', ''))}. {runs} run{'s' if runs > 1 else ''} of each, interleaved; figures
are medians.</p>
<p class="dim">{notes}</p>
{failures(part, result)}{body}
<h2>Conditions</h2><div class="wide"><table class="facts">{facts}</table></div>
<h2>Reproduce</h2>{commands(part, result)}
</body></html>
"""
