# SPDX-License-Identifier: BSD-2-Clause
"""The ablation as text and as an HTML page. A row is a feature, of two guests (ablate_cases.py)."""

from html import escape

from . import boots_table, chart, page, table
from .ablate_cases import (
    BASES, END, LOADED, LOADS, MODULES, NOTES, NOT_MEASURED, feature, guests_of, kinds_of, load_of)
from .ablate_figures import causes, difference

LEFT = 16
CELLS = (("boot", "exits"), ("boot", "ms"), ("load", "exits"), ("load", "µs"))
NOISE = "·"


def compared(result, f, kind, base):
    """
    (boot of base, boot of kind, load of base, load of kind) of a feature, each a dict of
    figures, or None where it was not measured.
    """
    found = result["summary"]
    out = []
    for which in (0, 1):
        for k in (base, kind):
            guest = guests_of(f, k)[which] if k else None
            s = found.get(guest) if guest else None
            if s and which:
                s = s["loads"].get(load_of(f, k))
            elif s:
                s = s["boot"]
            out.append(s)
    return out


def differences(result, f, kind, base):
    """[difference] of boot exits, boot ms, exits and µs of an operation; None: not measured."""
    a, b, x, y = compared(result, f, kind, base)
    ms = [s and s["init_s"] and {k: v if k == "n" else v * 1e3 for k, v in s["init_s"].items()}
          for s in (a, b)]
    return [difference(*(s and (s["steady"] or s["exits"]) for s in (a, b))),
            difference(*ms),
            difference(*(s and (s["guest"] or s["exits"]) for s in (x, y))),
            difference(*(s and s["us"] for s in (x, y)))]


def shown(d):
    """A difference as text: sign and value, '~' when of one run, a dot when it is noise."""
    if d is None:
        return "-"
    value, sure = d
    if sure == "noise":
        return NOISE
    sign = ("~" if sure == "hint" else "") + ("+" if value > 0 else "−")
    return sign + table.number(abs(value))


def offered(result, f):
    """'' or why a row says nothing: the host has not what it is about."""
    facts = next((s["facts"] for k, s in result["summary"].items()
                  if k.startswith("all@") and s["facts"].get("kvm")), {})
    if f["owner"] != "kvm" or not facts:
        return ""
    bits = {"clocksource": 0, "nop_io_delay": 1, "clocksource2": 3, "async_pf": 4, "steal_time": 5,
            "pv_eoi": 6, "pv_unhalt": 7, "pv_tlb_flush": 9, "async_pf_vmexit": 10,
            "pv_send_ipi": 11, "poll_control": 12, "pv_sched_yield": 13, "async_pf_int": 14,
            "clocksource_stable": 24}
    have = int(facts["kvm"], 16)
    if not any(have >> bits[w] & 1 for w in f["words"] if w in bits):
        return "this host's KVM does not offer it"
    return ""


def notes(result, f):
    """What a reader has to know of a row."""
    out = [offered(result, f), NOTES.get(f["name"], "")]
    module = MODULES.get(f["name"])
    if module and module not in result["conditions"].get("modules", ""):
        out.append(f"{module} is not there for this kernel: the device is the emulated one")
    away, base, alone, none = kinds_of(f)
    for kind in (away, alone):
        for guest in dict.fromkeys(filter(None, guests_of(f, kind) if kind else ())):
            s = result["summary"].get(guest)
            if s and not s["boot"]:
                runs = [r for r in result["runs"] if r["kind"] == guest]
                out.append(f"{guest}: {runs[-1]['problem'] if runs else 'not run'}")
            elif s and load_of(f, kind) in s["none"]:
                out.append(f"{guest}: {s['none'][load_of(f, kind)]}")
    if f["machine"] == "pc" and f["owner"] != "machine":
        out.append("away: on the pc")
    if f["needs"]:
        out.append("alone: with " + ", ".join(f["needs"]))
    return [n for n in out if n]


def why(result, f, kind, base):
    """Causes of the differences, as text: boot's and the load's."""
    a, b, x, y = compared(result, f, kind, base)
    parts = []
    load = load_of(f, kind) if kind else ""
    for name, before, after in (("boot", a, b), (load, x, y)):
        if not before or not after:
            continue
        text = ", ".join(f"{c} {'+' if d > 0 else '−'}{table.number(abs(d))}"
                         for c, d in causes(before["causes"], after["causes"]))
        if text:
            parts.append(f"{name}: {text}")
    return "; ".join(parts)


def verdict(result, f):
    """Do the expected exits come back without the feature? (which, True, False or None)."""
    if not f["witness"] or offered(result, f):
        return "", None
    away, all_on, alone, none = kinds_of(f)
    measured = False
    for kind, base, sign in ((away, all_on, 1), (alone, none, -1)):
        a, b, x, y = compared(result, f, kind, base)
        for before, after in ((a, b), (x, y)):
            if not before or not after:
                continue
            measured = True
            counts = [sum(s["median"] for n, s in z["causes"].items()
                          if n.startswith(f["witness"])) for z in (before, after)]
            if (counts[1] - counts[0]) * sign > 0.05:
                return f["witness"], True
    return f["witness"], False if measured else None


def features(result):
    return [feature(n) for n in result["features"]]


def render(result, colour=False):
    text = table.Text(colour)
    c = result["conditions"]
    text.head("pvkit measure --ablate: what each paravirtual feature is worth")
    text.lines += [f"  {c.get('KVM', '?')}",
                   f"  {c.get('guest', '')}, Linux {c.get('patched kernel', '?')}",
                   f"  {result['repetitions']} run(s) of each guest, interleaved; modules: "
                   f"{c.get('modules', '?')}"]
    found = result["summary"]
    known = bases_of(result)
    text.head("The bases: median (lowest…highest); exits are the guest's")
    text.lines.append(text.dye(f"  {'':<26}" + "".join(
        f"{base_label(k):>28}" for k in known), "4"))
    for title, pick in base_rows(result):
        text.lines.append((f"  {title:<26}" + "".join(
            f"{boots_table.spread_text(pick(found, k)):>28}" for k in known)).rstrip())
    text.head("Change by a feature: taken away from everything (+: it saves that), "
              "and added alone to nothing (−: it saves that)")
    text.lines.append(f"  {'':<{LEFT}}{'':<9}{'away from everything':^44}  {'alone':^44}")
    head = "".join(f"{a + ' ' + b:>11}" for a, b in CELLS)
    text.lines.append(text.dye(f"  {'feature':<{LEFT}}{'load':<9}{head}  {head}", "4"))
    owner = None
    for f in features(result):
        kind = "KVM's" if f["owner"] == "kvm" else "pvkit's"
        if kind != owner:
            owner = kind
            text.lines.append("  " + text.dye(kind, "1"))
        away, base, alone, none = kinds_of(f)
        cells = []
        for k, b in ((away, base), (alone, none)):
            cells.append("".join(f"{shown(x):>11}" for x in differences(result, f, k, b)))
        text.lines.append(f"  {f['name']:<{LEFT}}{f['load']:<9}{cells[0]}  {cells[1]}".rstrip())
    text.head("Behind it: which exits differ (boot: in all; load: an operation)")
    for f in features(result):
        lines = [f"{word}: {t}" for word, t in (
            ("away", why(result, f, *kinds_of(f)[:2])),
            ("alone", why(result, f, *kinds_of(f)[2:]))) if t]
        witness, good = verdict(result, f)
        if good is not None:
            lines.append(f"expected: {witness}: " + ("seen" if good else "NOT SEEN"))
        lines += [f"note: {n}" for n in notes(result, f)]
        for i, line in enumerate(lines or ["nothing beyond the noise"]):
            text.lines.append(f"  {f['name'] if not i else '':<{LEFT}}{line}")
    text.head("Not measured")
    for name, reason in NOT_MEASURED:
        text.lines.append(f"  {name}: {reason}")
    boots_table.failures(text, result)
    text.lines += ["", f"  {NOISE} within the noise (of the base's runs); ~ one run only: a hint; "
                       "- not measured (notes)."]
    if "box" in c.get("KVM", ""):
        text.lines.append("  Times in the box exaggerate exits about tenfold; counts do not.")
    return "\n".join(text.lines) + "\n"


def bases_of(result):
    return [k for k in BASES if {k, k + LOADED} & set(result["cases"])]


def base_label(kind):
    what, _, machine = kind.partition("@")
    return f"{'everything' if what == 'all' else 'nothing'}, {machine}"


def base_rows(result):
    """[(title, function of summary and base: spread or None)]"""
    def boot(found, kind, name):
        s = (found.get(kind) or {}).get("boot") or {}
        return s.get(name)

    def load(found, kind, name, figure):
        s = found.get(kind + LOADED) or {"loads": {}}
        return (s["loads"].get(name) or {}).get(figure)

    rows = [("boot: exits", lambda s, k: boot(s, k, "steady")),
            ("boot: and with its ticks", lambda s, k: boot(s, k, "guest")),
            ("boot: s to /init", lambda s, k: boot(s, k, "init_s")),
            ("boot, several CPUs: exits", lambda s, k: boot(s, k + LOADED, "guest")),
            ("boot, several CPUs: s", lambda s, k: boot(s, k + LOADED, "init_s"))]
    for name in [*result["loads"], END]:
        unit = LOADS[name][2] if name in LOADS else "power-off"
        for figure, title in (("guest", "exits"), ("us", "µs")):
            rows.append((f"{name}: {title} a {unit}",
                         lambda s, k, n=name, x=figure: load(s, k, n, x)))
    return rows


# --- the page -------------------------------------------------------------------------

def html_rows(result):
    out = ""
    for f in features(result):
        away, base, alone, none = kinds_of(f)
        out += f"<tr><td>{escape(f['name'])}<small><br>{escape(f['title'])}</small></td>" \
               f"<td>{escape(f['load'])}</td>"
        for k, b in ((away, base), (alone, none)):
            out += "".join(f"<td>{escape(shown(x))}</td>"
                           for x in differences(result, f, k, b))
        remarks = [t for t in (why(result, f, away, base), why(result, f, alone, none),
                               *notes(result, f)) if t]
        out += "</tr><tr><td></td><td colspan=9 style='text-align:left'><small>" \
               + "<br>".join(escape(r) for r in remarks) + "</small></td></tr>"
    return out


def bars(result):
    """Boot exits of each guest from which a feature is away, beside the base."""
    found = result["summary"]
    out = ""
    for title, first, pick in (
            ("Boot exits, one feature away from everything on the minimal machine", "all@minimal", 0),
            ("Boot exits, one feature alone on the pc", "none@pc", 2)):
        rows = []
        for kind in [first] + [kinds_of(f)[pick] for f in features(result)
                               if kinds_of(f)[pick + 1] == first]:
            s = found.get(kind) if kind else None
            if s and s["boot"]:
                spread = s["boot"]["steady"] or s["boot"]["exits"]
                rows.append((result["cases"][kind]["label"], "k1" if kind == first else "k2",
                             spread))
        if rows:
            out += f"<h3>{title}</h3>" + chart.bars(title, rows)
    return out


def render_page(part, result):
    found = result["summary"]
    known = bases_of(result)
    head = "".join(f"<th>{a} {b}</th>" for a, b in CELLS)
    base = "".join(
        f"<tr><td>{escape(title)}</td>" + "".join(
            f"<td>{escape(boots_table.spread_text(pick(found, k)))}</td>" for k in known) + "</tr>"
        for title, pick in base_rows(result))
    body = "<h2>Change by a feature</h2><p>Taken away from everything: + is what the feature " \
           "saves. Added alone to nothing: − is what it saves. A dot is noise, ~ a single " \
           "run.</p>" \
           '<div class="wide"><table><tr><th></th><th></th>' \
           "<th colspan=4>away from everything</th>" \
           f"<th colspan=4>alone</th></tr><tr><th>feature</th><th>load</th>{head}{head}</tr>" \
           f"{html_rows(result)}</table></div>" + bars(result) \
           + '<h2>The bases</h2><div class="wide"><table><tr><th></th>' \
           + "".join(f"<th>{escape(base_label(k))}</th>" for k in known) \
           + f"</tr>{base}</table></div>"
    return page.document(part, result, "What each paravirtual feature is worth",
                         "Exits are all but physical interrupts of the host.", body)
