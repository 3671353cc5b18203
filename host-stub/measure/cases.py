# SPDX-License-Identifier: BSD-2-Clause
"""Guests that are listed one by one: what the boot table and the ablation share.

A plan of these parts has "cases": {kind: {label, argv, vmm, ...}}. argv is the whole
command line, with DISK.raw and STATS.json where a run puts its own paths. Kinds that
begin with "qemu" run under QEMU. Kernels come from pvops/build or from the user.
"""

import glob
import os
import shutil
import tempfile

from . import DISK, STATS, MeasureError, guests, make, parse, trace
from .part import Part

PROBE_PORT = "0x10"	# of pvkit-vm's look at what an exit costs here: of another VM (probe.c)
FIRST_MARK = 10		# of the loads; guest/load.c
MARK_END, AT_END = 3, 256	# before the guest switches off; when it has
LATEST_MS = 1300	# guest/boot.c of a QEMU waits 1400 ms for a tracer
# The same for every guest, but the console. noxsave: docs/rig.md, known fault 1 of the
# box. pci=noearly: docs/measure.md, "What is equal".
CMDLINE = "noxsave pci=noearly panic=-1"
SERIES = "linux-6.1"
# What the patches' own words select, and the plain kernel has no use for
SELECTED = ("PARAVIRT_XXL", "PAGE_REPORTING", "HVC_DRIVER", "HVC_IRQ")
KINDS_OF_KERNEL = ("patched", "plain")


# --- what is run ------------------------------------------------------------------

def argv(case, image, stats):
    """A case's command line with a run's own paths."""
    return [stats if word == STATS else
            word.replace(DISK, image) for word in case["argv"]]


def trace_marks(run):
    return {int(m) for m in (run.get("trace") or {}).get("marks", {})}


def kernel_of(which, given):
    """The directory with bzImage and vmlinux of a small kernel: given, or of pvops/build."""
    directory = given or make.command([os.path.join(make.TOP, "pvops/build"), SERIES, which],
                                       f"the {which} kernel", timeout=3000).split()[-1]
    for name in ("bzImage", "vmlinux"):
        if not os.path.exists(os.path.join(directory, name)):
            raise MeasureError(f"the {which} kernel: {directory}/{name} is not there: want a "
                               "directory as pvops/build prints it")
    return directory


def release_of(directory):
    """The version in a bzImage's header (Linux's boot protocol, kernel_version), or ''."""
    with open(os.path.join(directory, "bzImage"), "rb") as f:
        head = f.read(0x10000)
    at = int.from_bytes(head[0x20e:0x210], "little") + 0x200
    return head[at:at + 128].split(b"\0")[0].decode("ascii", "replace").split(" ")[0]


def config_of(directory):
    """The kernel's configuration without pvkit's own words, to tell whether two are the same."""
    try:
        with open(os.path.join(directory, "config"), encoding="utf-8", errors="replace") as f:
            return sorted(line.strip() for line in f
                          if line.startswith("CONFIG_") and "PVKIT" not in line)
    except OSError:
        return []


def same_configuration(patched, plain):
    """[what differs] of the configurations of two kernels, pvkit's own words left out."""
    a, b = set(config_of(patched)), set(config_of(plain))
    return sorted(line for line in a ^ b if line.partition("=")[0][7:] not in SELECTED)


def cpio(files):
    """An archive (newc) of [(path, content)], all executable; directories come by themselves."""
    def entry(name, mode, data):
        name = name.encode() + b"\0"
        head = b"070701" + b"".join(b"%08X" % x for x in (
            0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0))
        out = head + name
        out += b"\0" * (-len(out) % 4)
        return out + data + b"\0" * (-len(data) % 4)
    out, made = b"", set()
    for path, data in files:
        parts = path.split("/")[:-1]
        for i in range(1, len(parts) + 1):
            directory = "/".join(parts[:i])
            if directory not in made:
                made.add(directory)
                out += entry(directory, 0o40755, b"")
        out += entry(path, 0o100755, data)
    return out + entry("TRAILER!!!", 0, b"")


def write_initrd(path, files):
    """files: [(path in the archive, file)]."""
    contents = []
    for name, source in files:
        with open(source, "rb") as f:
            contents.append((name, f.read()))
    with open(path, "wb") as f:
        f.write(cpio(contents))
    return path


def build_program(build, name, sources, bare):
    """A static program of guest/; bare: without C library."""
    out = os.path.join(build, name)
    how = ["-nostdlib", "-ffreestanding", "-fno-stack-protector"] if bare else ["-pthread"]
    make.command(["gcc", "-std=gnu11", "-O2", "-static", "-s", "-Wl,--build-id=none", *how,
                   "-o", out] + [os.path.join(make.GUEST, s) for s in sources],
                  f"building {name}")
    return out


def build_modules(build, directory):
    """
    [path] of pvkit's modules for a small kernel, those that it can have. They are
    in the kernel's modules/, or built against the tree that pvops/build leaves beside it.
    """
    found = sorted(glob.glob(os.path.join(directory, "modules/pvk_*.ko")))
    tree = os.path.join(os.path.dirname(directory), "obj")
    if found or not os.path.exists(os.path.join(tree, "Makefile")):
        return found
    work = os.path.join(build, "kmod")
    for name in ("hypercall", "drivers"):
        shutil.copytree(os.path.join(make.TOP, name), os.path.join(work, name),
                        dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.o", "*.cmd", "*.mod*"))
    shutil.copy(os.path.join(make.TOP, "Kbuild"), work)
    make.command(["make", "-C", tree, f"M={work}", "modules"], "pvkit's modules", timeout=600)
    return sorted(glob.glob(os.path.join(work, "*/*/pvk_*.ko")))


def copy_of_stub(build):
    """pvkit-vm, copied: a make while the guests run must not change what is measured."""
    vm = os.path.join(make.TOP, "build/pvkit-vm")
    if not os.access(vm, os.X_OK):
        raise MeasureError("build/pvkit-vm is not there: run make")
    with tempfile.NamedTemporaryFile(dir=build, delete=False) as f:
        new = f.name
    shutil.copy(vm, new)
    os.replace(new, os.path.join(build, "pvkit-vm"))
    return os.path.join(build, "pvkit-vm")


def conditions(opts, directories, initrd):
    """What the figures depend on, of what is known here."""
    found = {"commit": make.commit(), "initrd sha256": make.digest(initrd),
             "load of the machine before": f"{os.getloadavg()[0]:.2f}"}
    for which, directory in directories.items():
        found[f"{which} kernel"] = release_of(directory) + ", vmlinux sha256 " \
            + make.digest(os.path.join(directory, "vmlinux"))
    found["guest"] = f"{opts.cpus} vCPU, {opts.memory} MiB"
    return found


# --- what a run left ----------------------------------------------------------------

def said(text):
    """What guest/load.c or boot.c said: {facts, loads: {name: {...}}, none, done, problem}."""
    found = {"facts": {}, "loads": {}, "none": {}, "done": False, "problem": ""}
    for line in text.replace("\r", "").splitlines():
        # a line of the kernel's may stand in front of ours on the same line
        at = line.find("PVM-")
        if at < 0:
            continue
        word, _, rest = line[at:].strip().partition(" ")
        name, _, value = rest.partition(" ")
        if word == "PVM-FACT":
            found["facts"][name] = value
        elif word == "PVM-NONE":
            found["none"][name] = value
        elif word == "PVM-FAIL":
            found["problem"] = found["problem"] or f"the guest gave up: {rest}"
        elif word == "PVM-DONE":
            found["done"] = True
        elif word == "PVM-LOAD":
            try:
                place, n, ns = (int(x) for x in value.split())
                last = FIRST_MARK + 2 * place + 1
            except ValueError:
                found["problem"] = found["problem"] or f"'{line}' is no result of a load"
                continue
            found["loads"][name] = {"n": n, "seconds": ns / 1e9, "place": place,
                                    "marks": (last - 1, last)}
    return found


def without_probe(traced):
    """A trace's points without the exits of pvkit-vm's own look at the host."""
    for point in traced.values():
        probe = point["ports"].get(PROBE_PORT, 0)
        if probe:
            point["reasons"] = dict(point["reasons"],
                                    io=max(0, point["reasons"].get("io", 0) - probe))
            point["user"] = dict(point["user"], io=max(0, point["user"].get("io", 0) - probe))
            point["all"] -= probe
            point["user_total"] -= probe
    return traced


def host_interrupts(document):
    """{mark: physical interrupts so far} of pvkit-vm's statistics, where KVM counts them."""
    found = {}
    for mark in document["boots"][0].get("marks", []):
        irqs = [v.get("kvm", {}).get("irq_exits") for v in mark["vcpus"]]
        if None not in irqs:
            found.setdefault(mark["mark"], sum(irqs))
    return found


def counted(own, traced, begin, end, exact=None):
    """
    What happened between two marks, with the guest's share; None without marks. exact:
    the mark that pvkit-vm's own statistics begins with.
    """
    first = begin if exact is None or exact not in own else exact
    found = parse.merged(parse.phase(own, first, end), parse.phase(traced, begin, end))
    if not found:
        return None
    found["guest"] = parse.guests_share(found)
    a, b = {"irq": 0} if first is None else own.get(first, {}), own.get(end, {})
    if found["exits"] is not None and "irq" in a and "irq" in b:
        found["guest"] = found["exits"] - (b["irq"] - a["irq"])
    a = {} if begin is None else (traced.get(begin) or {}).get("detail", {})
    b = (traced.get(end) or {}).get("detail")
    if b is not None:
        found["detail"] = parse.minus(b, a)
    return found


def with_end(own, traced, raw):
    """The points of a run and, as a mark that no guest can set, those of its end."""
    end = (raw.get("trace") or {}).get("end")
    if end:
        more = parse.trace_points({"power_on": None, "marks": {AT_END: dict(end, t=None)}})
        more[AT_END]["detail"] = end.get("detail")
        traced = traced | (without_probe(more) if own else more)
    boots = (raw.get("stub") or {}).get("boots")
    if boots and own:
        last = {"boots": [{"marks": [dict(boots[0], mark=AT_END)]}]}
        own = own | parse.stub_points(last)
        for value, count in host_interrupts(last).items():
            own[value]["irq"] = count
    return own, traced


def run_figures(raw, plan):
    """One run of a case as docs/measure.md describes it; 'problem' is '' or why it is void."""
    case = plan["cases"][raw["kind"]]
    words = said(raw["console"])
    run = {"kind": raw["kind"], "number": raw["number"], "seconds": raw["seconds"],
           "argv": raw.get("argv", []), "facts": words["facts"], "none": words["none"],
           "boot": None, "loads": {}, "end": None, "jobs": {}, "registers": [],
           "problem": raw["problem"] or words["problem"], "console_tail": []}
    own, traced = {}, parse.trace_points(raw.get("trace"))
    for value, mark in ((raw.get("trace") or {}).get("marks") or {}).items():
        traced[int(value)]["detail"] = mark.get("detail")
    if not run["problem"] and not words["done"] and not case.get("silent"):
        run["problem"] = "the guest did not finish"
    try:
        if raw.get("stub"):
            own = parse.stub_points(raw["stub"])
            for value, count in host_interrupts(raw["stub"]).items():
                own[value]["irq"] = count
            traced = without_probe(traced)
            run["registers"] = raw["stub"]["boots"][0].get("registers", [])
        boot = counted(own, traced, None, parse.MARK_INIT)
        if boot:
            boot["init_s"] = boot.pop("seconds")
            mark = ((raw.get("trace") or {}).get("marks") or {})
            mark = mark.get(parse.MARK_INIT) or mark.get(str(parse.MARK_INIT))
            boot["from_start_s"] = mark["t"] - raw["started"] if mark else None
            run["boot"] = boot
            if not own and mark and mark["late_ms"] > LATEST_MS:
                run["problem"] = run["problem"] or \
                    f"its exits were read {mark['late_ms']:.0f} ms late: the host is too busy"
        elif not run["problem"]:
            run["problem"] = "no mark of /init was seen"
        if MARK_END in traced and case.get("end"):
            own, traced = with_end(own, traced, raw)
            words["loads"]["end"] = {"n": 1, "seconds": 0.0, "marks": (MARK_END, AT_END)}
        for name, load in words["loads"].items():
            exact = trace.EXACT + load["place"] if "place" in load else None
            between = counted(own, traced, *load["marks"], exact)
            if not between:
                run["problem"] = run["problem"] or f"no marks of the load {name}"
                continue
            # The host's clock: a guest's may be a coarse one.
            seconds = between.pop("seconds")
            if exact not in own and exact is not None:
                seconds = load["seconds"]
            run["loads"][name] = dict(between, n=load["n"], seconds=seconds)
    except (KeyError, ValueError, TypeError, IndexError) as e:
        run["problem"] = run["problem"] or f"result not understood: {type(e).__name__} {e}"
    if run["problem"]:
        run["console_tail"] = guests.tail(raw["console"])
    return run


class Cases(Part):
    """What is left to a part: which guests there are, their figures, how they are shown."""

    own_columns = True
    memory, box_cpus, runs = 256, 1, 3

    def plan(self, opts, **words):
        """A plan with what is the same in all of these parts."""
        return dict({"part": self.name, "jobs": [], "detail": False, "archive": None,
                     "runs": opts.runs, "quick": opts.quick, "seconds": 0, "rounds": 1,
                     "memory": opts.memory, "cpus": opts.cpus,
                     "guest_limit": opts.guest_limit}, **words)

    def argv(self, kind, plan, image, stats):
        return argv(plan["cases"][kind], image, stats)

    def finished(self, plan, run):
        """
        A silent guest tells by its mark: some have no console, some switch off before a
        serial port has sent what was written.
        """
        if plan["cases"][run["kind"]].get("silent"):
            return parse.MARK_INIT in trace_marks(run)
        return "PVM-DONE" in run["console"]

    def label(self, document, kind):
        case = (document.get("cases") or {}).get(kind)
        return case["label"] if case else kind

    def full_label(self, document, kind):
        return f"{self.label(document, kind)} [{kind.partition('@')[2]}]"

    def result(self, plan, raw):
        found = dict(plan["conditions"])
        found.update(raw["conditions"])
        found["exits counted by"] = "pvkit-vm's statistics; QEMU and by reason: " + raw["tracing"]
        runs = [run_figures(r, plan) for r in raw["runs"]]
        cases = {k: {x: v for x, v in c.items() if x != "argv"} for k, c in plan["cases"].items()}
        return {"format": parse.FORMAT, "version": parse.VERSION, "part": plan["part"],
                "conditions": found, "kinds": plan["kinds"], "jobs": [], "cases": cases,
                "loads": plan.get("loads", {}), "features": plan.get("features", []),
                "repetitions": plan["runs"], "rounds": 1, "ports": {}, "runs": runs}
