# SPDX-License-Identifier: BSD-2-Clause
"""The boot table as text and as an HTML page. A row is a guest, a column a reason or a time."""

from html import escape

from . import chart, page, parse, table
from .boots_cases import VOLUMES
from .boots_figures import of_patched, verdicts

MOST_REASONS = 6
TITLES = {"quiet": "with quiet", "loud": "console at its default volume"}
LEFT = 36


def kinds_of(result, volume):
    return [k for k in result["kinds"] if k.endswith("@" + volume)]


def reasons_of(result, kinds):
    """The reasons that are the guest's doing, those that count most in any row first."""
    most = {}
    for kind in kinds:
        for name, s in ((result["summary"][kind]["boot"] or {}).get("by_reason") or {}).items():
            if name not in parse.HOSTS:
                most[name] = max(most.get(name, 0), s["median"])
    return sorted(most, key=lambda n: -most[n])


def cells(boot, reasons):
    """The figures of a row: caused by the guest, its reasons, others, host, to user space."""
    by = {n: s["median"] for n, s in (boot.get("by_reason") or {}).items()}
    host = sum(by.pop(n, 0) for n in parse.HOSTS)
    named = [by.get(n, 0) for n in reasons]
    return [boot["guest"] and boot["guest"]["median"], *named, sum(by.values()) - sum(named), host,
            boot["exits_user"] and boot["exits_user"]["median"]]


def with_times(result, kind, reasons):
    """cells() in words, behind the first how many times the patched boot's it is."""
    first, *rest = [table.number(v) for v in cells(result["summary"][kind]["boot"], reasons)]
    value = of_patched(result, kind)
    return [first, "-" if value is None else f"{value:.1f}", *rest]


def spread_text(s):
    if not s:
        return "-"
    if s["n"] < 2 or s["min"] == s["max"]:
        return table.number(s["median"])
    return f"{table.number(s['median'])} ({table.number(s['min'])}…{table.number(s['max'])})"


def render(result, colour=False):
    text = table.Text(colour)
    c, found = result["conditions"], result["summary"]
    text.head("pvkit measure --boot-table: from power-on to /init")
    text.lines.append(f"  {c.get('KVM', '?')}")
    text.lines.append(f"  {c.get('guest', '')}; {result['repetitions']} run(s) each, interleaved; "
                      "medians")
    for which in ("patched kernel", "plain kernel", "stock kernel"):
        if c.get(which):
            text.lines.append(f"  {which}: {c[which]}")
    for volume in VOLUMES:
        kinds = kinds_of(result, volume)
        if not kinds:
            continue
        reasons = reasons_of(result, kinds)[:MOST_REASONS]
        text.head(f"Exits, {TITLES[volume]}")
        heads = ["guest's", "/patched", *[table_name(n) for n in reasons], "others", "host's",
                 "to user"]
        line(text, "", heads, "4")
        for kind in kinds:
            boot = found[kind]["boot"]
            line(text, result["cases"][kind]["label"],
                 with_times(result, kind, reasons) if boot
                 else ["no run came to its end" if found[kind]["failed"] else "not run"])
        text.head(f"Seconds and spread, {TITLES[volume]}")
        text.lines.append(f"  {'':<{LEFT}}{'from power-on':>22}{'from start of VMM':>22}"
                          f"{'exits, the guest' + chr(39) + 's':>26}")
        for kind in kinds:
            boot = found[kind]["boot"] or {}
            text.lines.append(f"  {result['cases'][kind]['label']:<{LEFT}}"
                              f"{spread_text(boot.get('init_s')):>22}"
                              f"{spread_text(boot.get('from_start_s')):>22}"
                              f"{spread_text(boot.get('guest')):>26}")
    text.head("Verdict")
    for volume, words, good in verdicts(result):
        mark = {True: "met", False: "NOT MET", None: "?"}[good]
        text.lines.append(f"  {volume:<6} {text.dye(f'{mark:<8}', '32' if good else '31')} {words}")
    failures(text, result)
    text.lines += ["", "  guest's: all but physical interrupts of the host, which are the host's."]
    if "box" in c.get("KVM", ""):
        text.lines.append("  Times in the box exaggerate exits about tenfold; counts do not.")
    return "\n".join(text.lines) + "\n"


def failures(text, result):
    failed = [r for r in result["runs"] if r["problem"]]
    if failed:
        text.head(f"FAILED and repeated: {len(failed)} of {len(result['runs'])} runs; they are in "
                  "no figure")
        for r in failed:
            text.lines.append(f"  {r['kind']}, run {r['number'] + 1}: {r['problem']}")
            text.lines += [f"    | {line}" for line in r["console_tail"]]
    if result.get("note"):
        text.lines += ["", result["note"]]


def table_name(reason):
    return reason.replace("_sel_write", "_sel")


def line(text, first, values, code=None):
    whole = f"  {first:<{LEFT}}" + "".join(f"{v:>10}" for v in values)
    text.lines.append(text.dye(whole.rstrip(), code) if code else whole.rstrip())


# --- the page -------------------------------------------------------------------------

def section(result, volume):
    kinds = kinds_of(result, volume)
    if not kinds:
        return ""
    found = result["summary"]
    names = {k: result["cases"][k]["label"] for k in kinds}
    reasons = reasons_of(result, kinds)[:MOST_REASONS]
    rows = []
    for k in kinds:
        boot = found[k]["boot"]
        if boot:
            values = dict(zip([*reasons, "others", "the host's interrupts"],
                              cells(boot, reasons)[1:-1]))
            rows.append((names[k], values))
    parts = [(n, f"s{i}") for i, n in enumerate(reasons)] + [("others", "s6"),
                                                             ("the host's interrupts", "s7")]
    out = f"<h2>{escape(TITLES[volume].capitalize())}</h2><h3>Exits by reason</h3>" \
        + chart.stacked("exits by reason, " + TITLES[volume], rows, parts)
    for key, title in (("init_s", "Power-on to /init"),
                       ("from_start_s", "Start of the VMM to /init")):
        out += f"<h3>{title}</h3>" + chart.bars(
            f"{title}, {TITLES[volume]}",
            [(names[k], "k1" if k.startswith("patched") else "k2" if k.startswith("qemu") else "k0",
              (found[k]["boot"] or {}).get(key)) for k in kinds], "s")
    head = ["", "guest's", "/ patched", *reasons, "others", "host's", "to user space"]
    body = "".join(
        f"<tr><td>{escape(names[k])}</td>" + "".join(
            f"<td>{v}</td>" for v in with_times(result, k, reasons)) + "</tr>"
        for k in kinds if found[k]["boot"])
    return out + '<div class="wide"><table><tr>' + "".join(f"<th>{escape(h)}</th>" for h in head) \
        + f"</tr>{body}</table></div>"


def verdict_list(result):
    out = ""
    for volume, words, good in verdicts(result):
        mark = {True: "met", False: "not met", None: "not known"}[good]
        out += f'<li><b class="{"better" if good else "worse"}">{mark}</b>, {volume}: ' \
               f"{escape(words)}</li>"
    return f"<h2>Verdict</h2><ul>{out}</ul>"


def render_page(part, result):
    return page.document(
        part, result, "One kernel, every machine",
        "From power-on to /init: exits by reason, and time. The guest's exits are all but "
        "physical interrupts of the host.",
        verdict_list(result) + "".join(section(result, v) for v in VOLUMES))
