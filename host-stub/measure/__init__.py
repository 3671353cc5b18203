# SPDX-License-Identifier: BSD-2-Clause
"""pvkit measure: one guest, unmodified and paravirtualized, side by side.

    net     the network part: jobs, columns, figures
    netrig  TAP and server of a guest (where KVM is)
    plan    what is measured; builds what the guests need (this machine)
    worker  runs the guests one after the other (where KVM is)
    guests  the command line of a guest under each VMM; one run of one
    progress  what the worker does, on the terminal
    trace   counts exits through tracefs (where KVM is, as root)
    parse   console and account of a run -> figures of that run
    stats   figures of all runs -> medians and spread
    table   the comparison on a terminal
    chart   drawings in SVG
    page    the comparison as one HTML page
    cases   guests listed one by one: what the next two share
    boots, boots_table	the boot table: its guests and figures; as text and page
    ablate, ablate_table	the ablation: the same
    parts   which module does what for disk, net, boots, ablate
    cli     the command line; ties the others together

docs/measure.md says what each figure means and describes the JSON.
"""

# In command lines of a plan: where a run puts its own paths
DISK, STATS = "DISK.raw", "STATS.json"


class MeasureError(Exception):
    """Something the user has to put right; the text is the one line to print."""
