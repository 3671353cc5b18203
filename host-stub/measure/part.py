# SPDX-License-Identifier: BSD-2-Clause
"""The interface of a part of pvkit measure: all that differs between disk, net, boots, ablate.

A part says what is measured and makes the plan of it (on this machine), runs its guests
(where KVM is), makes figures of what the runs left, and shows them. Command line,
worker and parts.py know no part by its name. A plan and a result name theirs as "part".

A plan is a dict for JSON: part, kinds (the guests, as columns or rows), jobs, runs,
rounds, seconds, guest_limit, conditions, and what the part itself wants to find again.
"""

from . import guests


class Part:
    """Without state: what a method needs is in its arguments."""

    name = ""		# in plans and results
    option = help = None	# of the command line; without one it is what is measured otherwise
    options = ()		# further options that only some parts have
    own_columns = False	# it chooses its guests: no --only, --reference, --without, --append
    machines = ()		# M of --reference qemu:M
    references = ()		# the kinds that --reference qemu stands for
    JOBS = ()		# all jobs that a run may have
    around = ()		# a command that the worker has to run under
    cpus, memory, box_cpus, runs = 1, 512, 2, 5	# when the options say nothing

    def prepare(self, opts, build):
        """Builds in the directory build what the guests need; the plan for the worker."""
        raise NotImplementedError

    def host(self, plan, image):
        """Once, where KVM is, before the first guest: the disk image, or what else it needs."""
        if plan.get("disk_mib"):
            guests.make_image(image, plan)

    def argv(self, kind, plan, image, stats):
        """A guest's command line. stats: where pvkit-vm shall write its statistics."""
        raise NotImplementedError

    def run(self, kind, plan, image, stats, tracing, on_line):
        """One guest from power-on to its end; what it left, raw, as guests.run() returns it."""
        return guests.run(kind, self.argv(kind, plan, image, stats), plan, tracing, on_line)

    def finished(self, plan, run):
        """Did the guest say that all is well?"""
        raise NotImplementedError

    def label(self, document, kind):
        """A guest's name for a reader. document: a plan or a result."""
        raise NotImplementedError

    def full_label(self, document, kind):
        """The same, where nothing around it says which of the guests of that name it is."""
        return self.label(document, kind)

    def result(self, plan, raw):
        """All runs with their figures and conditions (docs/measure.md, the JSON)."""
        raise NotImplementedError

    def summary(self, result):
        """{kind: figures of all its runs}: medians and spread."""
        raise NotImplementedError

    def render(self, result, colour):
        """The result, with its summary, as text for a terminal."""
        raise NotImplementedError

    def render_page(self, result):
        """The same as one HTML page."""
        raise NotImplementedError
