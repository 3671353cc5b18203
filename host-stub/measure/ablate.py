# SPDX-License-Identifier: BSD-2-Clause
"""The ablation as a part: its guests are ablate_cases.py's, its figures ablate_figures.py's."""

import os

from . import MeasureError, ablate_figures, ablate_table, cases
from .ablate_cases import (
    BASES, CMDLINE, LOADED, LOADS, NAMES, case, feature, guests_of, kinds_of, load_of, loads_of)


class Ablate(cases.Cases):
    name, option = "ablate", "--ablate"
    help = "the patched kernel with each paravirtual feature away, and each alone"
    options = ("patched", "plain", "feature")
    cpus = 4

    def prepare(self, opts, build):
        unknown = [n for n in opts.feature if n not in NAMES]
        if unknown:
            raise MeasureError(f"--feature {unknown[0]}: there are " + ", ".join(NAMES))
        chosen = [feature(n) for n in NAMES if not opts.feature or n in opts.feature]
        kernel = cases.kernel_of("patched", opts.patched)
        program = cases.build_program(build, "load", ["load.c", "load_cpu.c", "load_io.c"], False)
        files = [("init", program)]
        # pvk_core first: modules are loaded in the order of their names
        order = {"pvk_core.ko": "0", "pvk_blk.ko": "1", "pvk_net.ko": "2"}
        modules = cases.build_modules(build, kernel)
        for path in modules:
            name = os.path.basename(path)
            files += [(f"modules/{order[name]}-{name}", path)] if name in order else []
        load = cases.write_initrd(os.path.join(build, "load.cpio"), files)
        boot = cases.write_initrd(os.path.join(build, "boot.cpio"), [
            ("init", cases.build_program(build, "boot", ["boot.c"], True))])
        vm = cases.copy_of_stub(build)
        wanted = {}	# kind: loads
        for f in chosen:
            # Quick, only what is away: those guests boot twice as fast.
            for kind in filter(None, kinds_of(f)[:2 if opts.quick else 4]):
                for guest in filter(None, guests_of(f, kind)):
                    wanted.setdefault(guest, set()).add(load_of(f, kind))
        full = set(LOADS) if not opts.feature else {x for f in chosen for x in f["load"].split("/")}
        all_bases = [b + end for end in ("", LOADED) for b in BASES]
        for kind in list(wanted):
            if kind in all_bases:
                wanted[kind] = full
        initrds = {"load": load, "boot": boot}
        made = {k: case(k, loads_of(names, opts.quick), kernel, initrds, opts, vm)
                for k, names in wanted.items()}
        bases = [k for k in all_bases if k in made]
        others = [k for k in made if k not in all_bases]
        # One run of each guest only: the bases more often, so that their spread tells the noise.
        kinds = bases + others
        if opts.runs < 3:
            half = len(others) // 2
            kinds = bases + others[:half] + [b for b in bases if not b.endswith(LOADED)] \
                + others[half:] + bases
        found = cases.conditions(opts, {"patched": kernel}, load)
        found["guest"] = f"boots of 1 vCPU, loads of {opts.cpus}, {opts.memory} MiB"
        found["guest command line"] = CMDLINE + ", console, PVM_LOADS"
        found["modules"] = ", ".join(os.path.basename(m) for m in modules) or "none"
        loads = {n: LOADS[n][opts.quick] for n in LOADS if n in full}
        return self.plan(opts, kinds=kinds, cases=made, vm=vm, detail=True, disk_mib=32,
                         loads=loads, features=[f["name"] for f in chosen], conditions=found)

    def summary(self, result):
        return ablate_figures.summary(result)

    def render(self, result, colour):
        return ablate_table.render(result, colour)

    def render_page(self, result):
        return ablate_table.render_page(self, result)
