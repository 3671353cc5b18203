#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_measure_cases - do pvkit measure's boot table and ablation make the right figures?

Small inputs made by hand (a console, an account, a trace), so that each figure can be
computed in the head; a good part is of input that must be refused. No guest runs. TAP.
"""

import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
sys.path.insert(0, os.path.join(TOP, "host-stub"))

from measure import (  # noqa: E402
    MeasureError, ablate_cases, ablate_figures, ablate_table, boots_cases, boots_figures, cases,
    cli, parts, trace)

TOOL = os.path.join(TOP, "host-stub/pvkit")
count = failed = 0


def check(name, good, why=""):
    global count, failed
    count += 1
    if good:
        print(f"ok {count} - {name}")
    else:
        failed += 1
        print(f"not ok {count} - {name}")
        for line in str(why).splitlines():
            print(f"# {line}")


def equal(name, have, want):
    check(name, have == want, f"have {have!r}\nwant {want!r}")


# --- made input -----------------------------------------------------------------

def point(t, exits, ports=None, detail=None, user=None):
    return {"t": t, "late_ms": 0.1, "cpu_ns": int(t * 1e8) if t else 0, "exits": exits,
            "user": user or {"io": exits.get("io", 0)}, "ports": ports or {}, "detail": detail or {}}


def boot_trace(io, interrupts=7, hlt=3, probe=0, power_on=10.0, at=12.0):
    """A boot: `io` exits by the guest, `probe` of another VM of pvkit-vm, and so on."""
    exits = {"io": io + probe, "interrupt": interrupts, "hlt": hlt}
    ports = {"0x10": probe, "0x3f8": io} if probe else {"0x3f8": io}
    return {"power_on": power_on, "marks": {"1": point(at, exits, ports)}, "end": None}


def account(ns, exits_all, user):
    """pvkit-vm's statistics with mark 1."""
    return {"config": {}, "boots": [{"marks": [{
        "mark": 1, "ns": ns, "cpu_user_ns": 10, "cpu_system_ns": 20, "exits_user": user,
        "exits_all": exits_all, "vcpus": [{"id": 0, "exits": {"io": user}}]}],
        "registers": [], "ns": ns + 10**9, "cpu_user_ns": 50, "cpu_system_ns": 50,
        "exits_user": user + 4, "exits_all": exits_all + 9,
        "vcpus": [{"id": 0, "exits": {"io": user + 4}}]}]}


BOOT_KINDS = ["patched@quiet", "qemu:pc@quiet", "qemu:microvm@quiet", "qemu:microvm-best@quiet"]
BOOT_PLAN = {"part": "boots", "kinds": BOOT_KINDS, "runs": 1, "conditions": {
    "guest": "1 vCPU", "commit": "<b>&amp;"},
    "cases": {k: {"label": boots_cases.label(k), "argv": ["vmm", "a b"], "row": k.partition("@")[0],
                  "volume": "quiet", "silent": k.startswith("qemu:micro")}
              for k in BOOT_KINDS}}


def boot_run(kind, traced, number=0, **more):
    raw = {"kind": kind, "number": number, "seconds": 3.0, "status": 0, "problem": "",
           "started": 9.5, "console": "[ 0.1] noise\r\nPVM-DONE\r\n", "trace": traced,
           "argv": ["vmm", "a b"]}
    return dict(raw, **more)


def boot_result(runs, plan=None):
    made = parts.named("boots").result(plan or BOOT_PLAN, {
        "conditions": {"KVM": "kvm_test in the box"}, "tracing": "yes", "runs": runs})
    made.update({"reproduce": "pvkit measure --boot-table", "only": ""})
    made["summary"] = parts.of(made).summary(made)
    return made


def four(patched=200, pc=10000, micro=2000, best=1500):
    return [boot_run("patched@quiet", boot_trace(patched - 3, probe=49, at=11.0),
                     stub=account(10**9, patched + 7, patched - 3)),
            boot_run("qemu:pc@quiet", boot_trace(pc - 3)),
            boot_run("qemu:microvm@quiet", boot_trace(micro - 3)),
            boot_run("qemu:microvm-best@quiet", boot_trace(best - 3), console="")]


# --- the boot table ---------------------------------------------------------------

def test_said():
    said = cases.said("[ 0.2] PVM-FACT clocksource tsc\r\nPVM-LOAD ipi 2 50 1000000\n"
                      "PVM-NONE net no network card\nPVM-DONE\n")
    equal("said: a fact behind words of the kernel", said["facts"], {"clocksource": "tsc"})
    equal("said: a load, its marks and time", said["loads"],
          {"ipi": {"n": 50, "seconds": 0.001, "place": 2, "marks": (14, 15)}})
    equal("said: a load that does not apply", said["none"], {"net": "no network card"})
    check("said: the end", said["done"] and not said["problem"])
    check("said: a damaged result is refused",
          "no result of a load" in cases.said("PVM-LOAD ipi 2 x 1\nPVM-DONE")["problem"])
    check("said: a guest that gives up",
          "gave up: no port" in cases.said("PVM-FAIL no port")["problem"])


def test_boot_figures():
    result = boot_result(four())
    by = {r["kind"]: r for r in result["runs"]}
    equal("boot: no problems", [r["problem"] for r in result["runs"]], [""] * 4)
    ours = by["patched@quiet"]["boot"]
    equal("boot: the guest's exits are without the host's interrupts and the probe",
          ours["guest"], 200)
    equal("boot: all exits are pvkit-vm's own count", ours["exits"], 207)
    equal("boot: the trace's agree once the probe is out", ours["trace_exits"], 207)
    equal("boot: power-on is pvkit-vm's", ours["init_s"], 1.0)
    equal("boot: from the start of the process", ours["from_start_s"], 1.5)
    theirs = by["qemu:pc@quiet"]["boot"]
    equal("boot: QEMU's are the trace's", (theirs["guest"], theirs["exits"]), (10000, 10007))
    equal("boot: QEMU's power-on is the first entry",
          (theirs["init_s"], theirs["from_start_s"]), (2.0, 2.5))
    exact = four()
    for vcpu in exact[0]["stub"]["boots"][0]["marks"][0]["vcpus"]:
        vcpu["kvm"] = {"irq_exits": 8}
    equal("boot: where KVM counts the host's interrupts, its count is taken",
          boot_result(exact)["runs"][0]["boot"]["guest"], 199)
    equal("boot: one without a console ends by its mark", by["qemu:microvm-best@quiet"]["problem"],
          "")


def test_boot_refused():
    runs = four()
    runs[1]["console"] = "[ 0.1] panic\n"
    runs[2]["trace"] = {"power_on": 10.0, "marks": {}, "end": None}
    runs[3]["problem"] = "it hangs"
    result = boot_result(runs)
    problems = {r["kind"]: r["problem"] for r in result["runs"]}
    equal("refused: no end", problems["qemu:pc@quiet"], "the guest did not finish")
    equal("refused: no mark", problems["qemu:microvm@quiet"], "no mark of /init was seen")
    equal("refused: what the worker said", problems["qemu:microvm-best@quiet"], "it hangs")
    equal("refused: in no figure", result["summary"]["qemu:pc@quiet"]["boot"], None)
    check("refused: shown with its last words", "panic" in parts.of(result).render(result, False))
    text = parts.of(result).render(result, False)
    check("refused: a verdict without figures is none", "not measured" in text
          and "NOT MET  exits" not in text, text)


def test_verdicts():
    def of(**counts):
        found = boots_figures.verdicts(boot_result(four(**counts)))
        return {w.split(":")[0]: good for _, w, good in found}
    met = of()
    equal("verdict: 200 is 1/50 of 10,000",
          met["exits at most 1/50 of plain, QEMU pc"], True)
    equal("verdict: 200 is 1/10 of 2,000", met["exits at most 1/10 of plain, QEMU microvm"], True)
    equal("verdict: 200 is more than 1/10 of 1,500",
          met["exits at most 1/10 of plain, QEMU microvm, best"], False)
    equal("verdict: one exit too many", of(patched=201)["exits at most 1/50 of plain, QEMU pc"],
          False)
    equal("verdict: the fastest", met["fastest of all from power-on"], True)
    slow = four()
    slow[0]["stub"]["boots"][0]["marks"][0]["ns"] = 3 * 10**9
    found = {w.split(":")[0]: g for _, w, g in boots_figures.verdicts(boot_result(slow))}
    equal("verdict: not the fastest", found["fastest of all from power-on"], False)


def test_boot_shown():
    result = boot_result(four())
    text = parts.of(result).render(result, False)
    check("table: the guest's exits of a row", any(
        line.split()[:4] == ["plain,", "QEMU", "pc", "10,000"] for line in text.splitlines()), text)
    check("table: what is not met is said", "NOT MET" in text)
    page = parts.of(result).render_page(result)
    check("page: is escaped", "<b>&amp;" not in page and "&lt;b&gt;&amp;amp;" in page)
    html.parser.HTMLParser().feed(page)
    again = json.loads(json.dumps(result))
    again["summary"] = parts.of(again).summary(again)
    equal("table: the same from JSON", parts.of(again).render(again, False), text)
    no_trace = four()
    for r in no_trace:
        r["trace"] = None
    check("table: without a trace nothing falls over",
          parts.named("boots").render(boot_result(no_trace), False))


def test_commands():
    opts = cli.parse_args(["--boot-table"])
    row = next(r for r in boots_cases.ROWS if r[0] == "qemu:microvm-best")
    quiet = boots_cases.case(row, "quiet", "/k", "/i", opts, "/vm")
    loud = boots_cases.case(row, "loud", "/k", "/i", opts, "/vm")
    check("command: the best microvm has no serial port when quiet",
          "isa-serial=off" in quiet["argv"][2] and "-serial" not in quiet["argv"]
          and quiet["silent"], quiet["argv"])
    check("command: and one when not", "isa-serial=on" in loud["argv"][2]
          and "-serial" in loud["argv"] and "quiet" not in loud["argv"][-1], loud["argv"])
    for row in boots_cases.ROWS:
        made = boots_cases.case(row, "quiet", "/k", "/i", opts, "/vm")
        words = " ".join(made["argv"])
        if "256" not in words or "quiet" not in words or cases.CMDLINE not in words:
            check(f"command: {row[0]} has the same memory and words", False, words)
    check("command: all have the same memory and words", True)
    argv = cases.argv({"argv": ["vm", "DISK.raw", "DISK.raw,models=emulated", "if=none,file=DISK.raw",
                                "STATS.json", "DISKS"]},
                      "/d", "/s")
    equal("command: paths of a run", argv, ["vm", "/d", "/d,models=emulated",
                                                 "if=none,file=/d", "/s", "DISKS"])
    for wrong in (["--boot-table", "--net"], ["--ablate", "--only", "io"],
                  ["--boot-table", "--append", "nopv"], ["--offloads", "own"], ["--patched", "x"],
                  ["--boot-table", "--feature", "pv_eoi"], ["--ablate", "--volume", "loud"]):
        p = subprocess.run([TOOL, "measure", *wrong], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, check=False)
        check(f"command: {' '.join(wrong)} is refused in a line",
              p.returncode == 2 and len(p.stderr.splitlines()) == 1, p.stderr)


def test_configurations():
    with tempfile.TemporaryDirectory() as tmp:
        def kernel(name, text):
            os.makedirs(os.path.join(tmp, name))
            with open(os.path.join(tmp, name, "config"), "w", encoding="ascii") as f:
                f.write(text)
            return os.path.join(tmp, name)
        a = kernel("a", "CONFIG_X=y\nCONFIG_PVKIT_GUEST=y\nCONFIG_PARAVIRT_XXL=y\n")
        b = kernel("b", "# comment\nCONFIG_X=y\n")
        c = kernel("c", "CONFIG_X=y\nCONFIG_PCI=y\n")
        equal("configurations: pvkit's own words do not count", cases.same_configuration(a, b), [])
        equal("configurations: others do", cases.same_configuration(a, c), ["CONFIG_PCI=y"])
        try:
            cases.kernel_of("plain", a)
            check("configurations: a directory without kernels is refused", False)
        except MeasureError as e:
            check("configurations: a directory without kernels is refused", "bzImage" in str(e))


def test_archive():
    made = cases.cpio([("init", b"abc"), ("modules/x.ko", b"12345")])
    with tempfile.TemporaryDirectory() as tmp:
        p = subprocess.run(["cpio", "--quiet", "-idm"], cwd=tmp, input=made, check=False)
        equal("archive: cpio reads it", p.returncode, 0)
        with open(os.path.join(tmp, "modules/x.ko"), "rb") as f:
            equal("archive: with its content", f.read(), b"12345")
        check("archive: /init may be executed", os.access(os.path.join(tmp, "init"), os.X_OK))


# --- the ablation -----------------------------------------------------------------

def test_switches():
    def of(name, away):
        return ablate_cases.switches(ablate_cases.feature(name), away)
    equal("switch: KVM's away", of("pv_eoi", True), ["--kvm-mask", "pv_eoi"])
    equal("switch: KVM's alone", of("pv_eoi", False),
          ["--offer", "none", "--kvm-mask", "no-pv_eoi"])
    equal("switch: alone with what it needs", of("pv_tlb_flush", False)[-1],
          "no-pv_tlb_flush,no-steal_time")
    equal("switch: a section away", of("cpuid", True), ["--info", "no-cpuid"])
    equal("switch: a section alone", of("cpuid", False),
          ["--offer", "info", "--info", "cpuid", "--kvm-mask", "all"])
    equal("switch: an offer away", of("smp", True), ["--offer", "no-smp"])
    equal("switch: the disk away is its emulated model",
          ablate_cases.devices(ablate_cases.feature("block"), True),
          ["--disk", "DISK.raw,models=emulated", "--nic", "user"])
    equal("switch: the disk alone", ablate_cases.devices(ablate_cases.feature("block"), False),
          ["--disk", "DISK.raw", "--nic", "user,models=emulated"])
    with open(os.path.join(TOP, "host-stub/options_features.c"), encoding="ascii") as f:
        source = f.read()
    features = [ablate_cases.feature(n) for n in ablate_cases.NAMES]
    words = [w for f in features for w in f["words"] + f["needs"]
             if f["owner"] in ("kvm", "offer", "info")]
    unknown = [w for w in words if f'"{w}"' not in source]
    equal("switch: pvkit-vm knows each", unknown, [])
    told = set(words) | {"disk", "nic"} | {w for n, _ in ablate_cases.NOT_MEASURED
                                           for w in n.replace(",", "").split()}

    missing = [w for w in re.findall(r'\{ "(\w+)"', source) if w not in told]
    equal("switch: each of pvkit-vm's is measured, or told why not", missing, [])


PLAN = {"part": "ablate", "runs": 1, "loads": {"ipi": 50, "tlb": 20}, "features": ["pv_eoi"],
        "conditions": {"guest": "3 vCPU"},
        "kinds": [k + end for k in ("all@minimal", "no-pv_eoi@minimal", "all@minimal", "none@pc",
                                    "pv_eoi@pc", "all@minimal") for end in ("", "+load")],
        "cases": {k + end: {"label": k, "argv": [], "end": bool(end)}
                  for k in ("all@minimal", "no-pv_eoi@minimal", "none@pc", "pv_eoi@pc")
                  for end in ("", "+load")}}


def load_run(kind, boot, eoi, number=0, facts="0x01007efb"):
    """
    A boot of `boot` exits to /init, and a run of 50 operations with `eoi` writes of EOI
    each, and 2 others.
    """
    marks = {"1": point(1.0, {"msr": boot}, detail={"wrmsr 80b": boot}),
             "10": point(2.0, {"msr": 1000, "hlt": 10, "interrupt": 5}, detail={"wrmsr 80b": 900}),
             "11": point(3.0, {"msr": 1000 + 50 * eoi, "hlt": 110, "interrupt": 500},
                         detail={"wrmsr 80b": 900 + 50 * eoi}),
             "12": point(3.2, {"msr": 2000}, detail={"wrmsr 80b": 2000}),
             "13": point(3.4, {"msr": 2000 + 20 * eoi, "hlt": 20},
                         detail={"wrmsr 80b": 2000 + 20 * eoi}),
             "3": point(4.0, {"msr": 5000, "hlt": 200})}
    end = point(None, {"msr": 5003, "hlt": 200})
    run = {"kind": kind, "number": number, "seconds": 5.0, "status": 0, "problem": "",
           "started": -0.5, "argv": [], "console": "PVM-DONE\n",
           "trace": {"power_on": 0.0, "marks": {"1": marks["1"]}, "end": end}}
    said = f"PVM-FACT kvm {facts}\nPVM-LOAD ipi 0 50 2500000\n" \
        "PVM-LOAD tlb 1 20 1000000\nPVM-DONE\n"
    return [run, dict(run, kind=kind + "+load", console=said,
                      trace={"power_on": 0.0, "marks": marks, "end": end})]


def six(away=3, **more):
    return load_run("all@minimal", 100, 0, **more) + load_run("no-pv_eoi@minimal", 100, away, **more) \
        + load_run("all@minimal", 101, 0, **more) + load_run("none@pc", 2000, 3, **more) \
        + load_run("pv_eoi@pc", 2000, 0, **more) + load_run("all@minimal", 100, 0, **more)


def ablation(runs):
    made = parts.named("ablate").result(PLAN, {
        "conditions": {"KVM": "kvm_test in the box"}, "tracing": "yes", "runs": runs})
    made.update({"reproduce": "pvkit measure --ablate", "only": ""})
    made["summary"] = parts.of(made).summary(made)
    return made


def test_ablation():
    result = ablation(six())
    found = result["summary"]
    equal("ablation: no problems", [r["problem"] for r in result["runs"]], [""] * 12)
    equal("ablation: a load's exits, of the guest, an operation",
          found["no-pv_eoi@minimal+load"]["loads"]["ipi"]["guest"]["median"], 5.0)
    equal("ablation: without the host's interrupts",
          found["all@minimal+load"]["loads"]["ipi"]["guest"]["median"], 2.0)
    equal("ablation: its time", found["all@minimal+load"]["loads"]["ipi"]["us"]["median"], 50.0)
    equal("ablation: bases of one kind are one row", found["all@minimal"]["runs"], 3)
    equal("ablation: what the end costs",
          found["all@minimal+load"]["loads"]["end"]["guest"]["median"], 3.0)
    equal("ablation: a boot without its ticks",
          ablate_figures.steady({
              "by_reason": {"msr": 100, "interrupt": 50, "hlt": 7, "vintr": 3, "io": 5},
              "detail": {"wrmsr 6e0": 40, "wrmsr 80b": 20, "rdmsr 1b": 2}}), 45)
    equal("ablation: which has to be known by reason",
          ablate_figures.steady({"by_reason": None}), None)
    check("ablation: nor among the causes",
          "interrupt" not in found["all@minimal+load"]["loads"]["ipi"]["causes"]
          and "hlt" in found["all@minimal+load"]["loads"]["ipi"]["causes"])
    f = ablate_cases.feature("pv_eoi")
    d = ablate_table.differences(result, f, "no-pv_eoi@minimal", "all@minimal")
    equal("ablation: the boot is within the noise", d[0][1], "noise")
    equal("ablation: the load is not; one run: a hint", d[2], (3.0, "hint"))
    equal("ablation: which exits differ",
          ablate_table.why(result, f, "no-pv_eoi@minimal", "all@minimal"),
          "ipi: msr +3.00, wrmsr 80b +3.00")
    equal("ablation: the expected ones are seen", ablate_table.verdict(result, f),
          ("wrmsr 80b", True))
    # neither away nor alone makes a difference: what was expected is missing
    same = six(away=0)
    same[8:10] = load_run("pv_eoi@pc", 2000, 3)
    equal("ablation: or are not", ablate_table.verdict(ablation(same), f), ("wrmsr 80b", False))
    text = parts.of(result).render(result, False)
    row = next(line for line in text.splitlines() if line.startswith("  pv_eoi"))
    equal("ablation: its row", row.split(), ["pv_eoi", "ipi/tlb", "·", "·", "~+3.00", "·", "·", "·",
                                             "~−3.00", "·"])
    html.parser.HTMLParser().feed(parts.of(result).render_page(result))
    less = ablation(six(facts="0x01007ebb"))	# without bit 6
    check("ablation: what KVM does not offer is told",
          "KVM does not offer it" in parts.of(less).render(less, False))
    equal("ablation: and is no failure", ablate_table.verdict(less, f), ("", None))


def test_exact():
    """pvkit-vm's own marks begin behind the wait for the tracer, and are what counts."""
    runs = load_run("all@minimal", 100, 3)
    def own(mark, ns, exits):
        return {"mark": mark, "ns": ns, "cpu_user_ns": 0, "cpu_system_ns": 0, "exits_user": 0,
                "exits_all": exits, "vcpus": [{"id": 0, "exits": {}, "kvm": {"irq_exits": 0}}]}
    runs[1]["stub"] = {"boots": [dict(own(0, 10**10, 9000), registers=[], marks=[
        own(1, 10**9, 90), own(10, 2 * 10**9, 1000), own(128, 3 * 10**9, 1100),
        own(11, 4 * 10**9, 1350), own(12, 5 * 10**9, 2000), own(129, 5 * 10**9, 2000),
        own(13, 6 * 10**9, 2020), own(3, 7 * 10**9, 8990)])]}
    load = ablation(runs)["summary"]["all@minimal+load"]["loads"]
    equal("exact: a load begins at pvkit-vm's own mark", load["ipi"]["guest"]["median"], 5.0)
    equal("exact: by the host's clock", load["ipi"]["us"]["median"], 20000.0)
    equal("exact: the end is that of the statistics", load["end"]["guest"]["median"], 10.0)
    equal("exact: and its time", load["end"]["us"]["median"], 3e6)


def test_ablation_refused():
    runs = six()
    runs[2]["console"] = "[ 1.0] panic\n"
    runs[3]["console"] = "PVM-FACT kvm 0x1\n"
    runs[8]["problem"] = "it hangs"
    runs[9]["console"] = "PVM-LOAD ipi 30 50 1\nPVM-DONE\n"
    result = ablation(runs)
    problems = {r["kind"]: r["problem"] for r in result["runs"]}
    equal("refused: no end", problems["no-pv_eoi@minimal"], "the guest did not finish")
    equal("refused: a load without its marks", problems["pv_eoi@pc+load"],
          "no marks of the load ipi")
    equal("refused: what was expected is neither seen nor missing",
          ablate_table.verdict(result, ablate_cases.feature("pv_eoi")), ("wrmsr 80b", None))
    text = parts.of(result).render(result, False)
    check("refused: the row says it", "no-pv_eoi@minimal: the guest did not finish" in text, text)
    row = next(line for line in text.splitlines() if line.startswith("  pv_eoi"))
    equal("refused: and has no value", set(row.split()[2:]), {"-"})


def test_noise():
    def s(*values):
        return {"median": sorted(values)[len(values) // 2], "min": min(values),
                "max": max(values), "n": len(values)}
    equal("noise: inside the base's range",
          ablate_figures.difference(s(10, 12, 14), s(13, 13, 13))[1], "noise")
    equal("noise: outside by less than its width",
          ablate_figures.difference(s(10, 12, 14), s(17, 17))[1], "noise")
    equal("noise: beyond", ablate_figures.difference(s(10, 12, 14), s(19, 20, 21)), (8, "sure"))
    equal("noise: beyond, by one run", ablate_figures.difference(s(10, 12, 14), s(20)), (8, "hint"))
    equal("noise: fewer", ablate_figures.difference(s(10, 12, 14), s(1, 2, 3)), (-10, "sure"))
    equal("noise: nothing to compare with", ablate_figures.difference(None, s(1)), None)


def test_detail():
    text = "# trigger\n{ ecx:        80b, write:          1 } hitcount:         12\n" \
           "{ ecx:         1b, write:          0 } hitcount:          3\n"
    equal("detail: MSRs", trace.parse_detail(text, "{write}msr {ecx}"),
          {"wrmsr 80b": 12, "rdmsr 1b": 3})
    equal("detail: calls", trace.parse_detail("{ nr:         10 } hitcount: 5\n", "hypercall {nr}"),
          {"hypercall 10": 5})
    equal("detail: what has other fields is left out",
          trace.parse_detail("{ x: 1 } hitcount: 5\n", "hypercall {nr}"), {})


def test_loads():
    with open(os.path.join(TOP, "host-stub/measure/guest/load.c"), encoding="ascii") as f:
        source = f.read()
    equal("loads: the guest has each",
          [n for n in ablate_cases.LOADS if f'"{n}", load_{n}' not in source], [])
    equal("loads: its list", ablate_cases.loads_of({"ipi", "clock", "end"}, True),
          "ipi:50,clock:1000")
    marks = cases.FIRST_MARK + 2 * len(ablate_cases.LOADS)
    check("loads: their marks fit a byte", marks < 256 and "FIRST_MARK\t10" in source)
    equal("loads: each feature's is one",
          [n for n in ablate_cases.NAMES
           if set(ablate_cases.feature(n)["load"].split("/"))
           - {*ablate_cases.LOADS, "", ablate_cases.END}], [])


for test in (test_said, test_boot_figures, test_boot_refused, test_verdicts, test_boot_shown,
             test_commands, test_configurations, test_archive, test_switches, test_ablation,
             test_exact, test_ablation_refused, test_noise, test_detail, test_loads):
    test()
print(f"1..{count}")
sys.exit(1 if failed else 0)
