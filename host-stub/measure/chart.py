# SPDX-License-Identifier: BSD-2-Clause
"""Drawings in SVG: horizontal bars with whiskers, and stacked bars.

Plain shapes and text, coloured by the classes of page.py's style sheet, so that
they follow the reader's light or dark setting. Every value stands as text
beside its bar: colour and length are never the only carrier.
"""

from html import escape

from .table import number

WIDTH, LEFT, RIGHT, ROW, GAP = 760, 190, 130, 20, 6


def text(x, y, what, cls="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{cls}" text-anchor="{anchor}">' \
           f'{escape(what)}</text>'


def rect(x, y, w, h, cls, title=""):
    tip = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 0.8):.1f}" height="{h:.1f}" ' \
           f'class="{cls}">{tip}</rect>'


def svg(height, parts, name):
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(name)}">' \
           + "".join(parts) + "</svg>"


def bars(name, rows, unit=""):
    """
    rows: [(label, css class, spread or None)]. The scale begins at 0; a whisker
    from the lowest to the highest run.
    """
    most = max([s["max"] for _, _, s in rows if s] or [0]) or 1
    room = WIDTH - LEFT - RIGHT
    parts, y = [], 0
    for label, cls, s in rows:
        mid = y + ROW / 2
        parts.append(text(LEFT - 8, mid + 4, label, "l", "end"))
        if s is None:
            parts.append(text(LEFT, mid + 4, "not measured", "dim"))
        else:
            w = s["median"] / most * room
            lo, hi = LEFT + s["min"] / most * room, LEFT + s["max"] / most * room
            tip = f"{label}: {number(s['median'])} {unit} ({number(s['min'])} to " \
                  f"{number(s['max'])}, {s['n']} runs)"
            parts.append(rect(LEFT, y + 2, w, ROW - 4, cls, tip))
            end = LEFT + w
            if s["n"] > 1:
                parts.append(f'<path d="M{lo:.1f} {mid:.1f}H{hi:.1f}M{lo:.1f} {mid - 4:.1f}v8'
                             f'M{hi:.1f} {mid - 4:.1f}v8" class="wh"/>')
                end = max(end, hi)
            parts.append(text(end + 6, mid + 4, f"{number(s['median'])} {unit}".strip(), "v"))
        y += ROW + GAP
    return svg(y, parts, name)


def stacked(name, rows, parts_of, unit="", digits=number):
    """
    rows: [(label, {part: value})]; parts_of: [(part, css class)] in the order
    they stack. Totals stand at the end; parts too narrow for it have no figure.
    """
    totals = [sum(values.get(p, 0) for p, _ in parts_of) for _, values in rows]
    most = max(totals or [0]) or 1
    room = WIDTH - LEFT - RIGHT
    out, y = [], 0
    for (label, values), total in zip(rows, totals):
        x, h = float(LEFT), 26
        out.append(text(LEFT - 8, y + h / 2 + 4, label, "l", "end"))
        for part, cls in parts_of:
            value = values.get(part, 0)
            if not value:
                continue
            w = value / most * room
            out.append(rect(x, y, w, h, cls, f"{label}: {part} {digits(value)} {unit}"))
            shown = digits(value)
            if w > 8 * len(shown) + 6:
                out.append(text(x + w / 2, y + h / 2 + 4, shown, "in", "middle"))
            x += w
        out.append(text(x + 6, y + h / 2 + 4, f"{digits(total)} {unit}".strip(), "v"))
        y += h + 10
    return svg(y, out, name) + legend(parts_of)


def legend(parts_of):
    return '<p class="legend">' + "".join(
        f'<span><svg viewBox="0 0 10 10" class="key"><rect width="10" height="10" class="{cls}"/>'
        f'</svg>{escape(part)}</span>' for part, cls in parts_of) + "</p>"
