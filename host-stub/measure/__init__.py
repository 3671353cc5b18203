# SPDX-License-Identifier: BSD-2-Clause
"""pvkit measure: one guest, unmodified and paravirtualized, side by side.

A module imports only what stands below it here.

    cli, worker	the command line; what it runs where KVM is, one guest after the other
    parts	the registry: the parts, which cli and worker know by it alone
    disk, net, boots, ablate	a part each, as part.py describes one
    compared	what disk and net share: kinds, command lines, figures of a run
    cases	what boots and ablate share: guests that are listed one by one
    part	the interface of a part

    boots_cases, ablate_cases	the guests of the boot table and of the ablation
    boots_figures, ablate_figures	figures of all runs -> medians, goals, differences
    boots_table, ablate_table	these as text and as a page
    table, page	text for a terminal, an HTML page; and the comparison of disk and net as both
    chart	drawings in SVG

    fio, netrig	fio made small for the guest; TAP and server of a guest (where KVM is)
    make	builds what the guests need (this machine)
    guests	one run of one guest (where KVM is)
    parse	console, statistics and trace of a run -> figures of that run
    trace	counts exits through tracefs (where KVM is, as root)
    stats	figures of all runs -> medians and spread
    progress	what the worker does, on the terminal

docs/measure.md says what each figure means and describes the JSON.
"""

# In command lines of a plan: where a run puts its own paths
DISK, STATS = "DISK.raw", "STATS.json"


class MeasureError(Exception):
    """Something the user has to put right; the text is the one line to print."""
