# SPDX-License-Identifier: BSD-2-Clause
"""The boot table as a part: its guests are boots_cases.py's, its figures boots_figures.py's."""

import os
import shutil

from . import MeasureError, boots_figures, boots_table, cases, make
from .boots_cases import ROWS, VOLUMES, case


class Boots(cases.Cases):
    name, option = "boots", "--boot-table"
    help = "boots of the patched kernel (pvops/), the plain one and Debian's, on " \
           "pvkit-vm and QEMU's machines"
    options = ("patched", "plain", "volume")

    def prepare(self, opts, build):
        if not shutil.which("qemu-system-x86_64"):
            raise MeasureError("qemu-system-x86_64 is not installed: run host-stub/rig/setup")
        rows = [r for r in ROWS if r[5] or not opts.quick]
        kernels = {which: cases.kernel_of(which, getattr(opts, which))
                   for which in cases.KINDS_OF_KERNEL}
        differ = cases.same_configuration(kernels["patched"], kernels["plain"])
        if differ:
            raise MeasureError("the kernels differ in more than the patches: "
                               + ", ".join(differ[:3]))
        initrd = cases.write_initrd(
            os.path.join(build, "boot.cpio"),
            [("init", cases.build_program(build, "boot", ["boot.c"], True))])
        found = cases.conditions(opts, kernels, initrd)
        if any(r[1] == "stock" for r in rows):
            _, kernels["stock"] = make.kernel_dir()
            found["stock kernel"] = os.path.basename(kernels["stock"]).partition("-")[2]
        found["guest command line"] = cases.CMDLINE + ", console, and quiet or not"
        vm = cases.copy_of_stub(build)
        made = {f"{row[0]}@{volume}": case(row, volume, kernels[row[1]], initrd, opts, vm)
                for volume in VOLUMES for row in rows if opts.volume in (None, volume)}
        return self.plan(opts, kinds=list(made), cases=made, vm=vm, disk_mib=16, conditions=found)

    def summary(self, result):
        return boots_figures.summary(result)

    def render(self, result, colour):
        return boots_table.render(result, colour)

    def render_page(self, result):
        return boots_table.render_page(self, result)
