# SPDX-License-Identifier: BSD-2-Clause
"""The parts of pvkit measure. Only the command line and the worker look here."""

from . import ablate, boots, disk, net

# The first is the one that no option names.
PARTS = (disk.Disk(), net.Net(), boots.Boots(), ablate.Ablate())


def named(name):
    return next((p for p in PARTS if p.name == name), PARTS[0])


def of(document):
    """The part of a plan or a result; those of old do not say it and are of the first."""
    return named(document.get("part"))
