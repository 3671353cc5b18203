# SPDX-License-Identifier: BSD-2-Clause
"""Which module does what for each part of pvkit measure: disk, net, boots, ablate."""

from . import ablate, ablate_table, boots, boots_table, cases, page, parse, stats, table

# part: (figures of all runs, terminal, page); disk and net share the same
OWN = {
    "boots": (boots, boots_table),
    "ablate": (ablate, ablate_table),
}


def of(opts):
    """The module that prepares what the options ask for, or None: disk or net."""
    return boots if opts.boots else ablate if opts.ablate else None


def result(plan, raw):
    return cases.result(plan, raw) if plan.get("part") in OWN else parse.result(plan, raw)


def summary(document):
    own = OWN.get(parse.part_of(document))
    return own[0].summary(document) if own else stats.summary(document)


def render(document, colour):
    own = OWN.get(parse.part_of(document))
    return own[1].render(document, colour) if own else table.render(document, colour)


def render_page(document):
    own = OWN.get(parse.part_of(document))
    return own[1].render_page(document) if own else page.render(document)
