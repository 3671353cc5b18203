# SPDX-License-Identifier: BSD-2-Clause
"""The network part (--net): its jobs, its columns, its figures.

One NIC, one TAP, a server on the host's side of it (netrig.py), a client in the
guest (guest/net.c). A job has a unit (MB, transaction, packet); exits and CPU
time are divided by what the receiver counted of it. Beside unmodified and pv:
qemu:virtio, qemu:vhost (virtio-net, vhost in the kernel) and qemu:e1000, on machine pc.
"""

import json
import os
import shutil
from html import escape

from . import MeasureError, guests, make, netrig, page, parse
from .compared import Compared
from .netrig import TAP

MAC = "52:54:00:70:76:6b"

# What the guest's kernel needs besides pvkit's: drivers of all models.
MODULES = "e1000 virtio_pci virtio_net"
PVKIT_MODULES = ("pvk_core.ko", "pvk_net.ko")

# As disk.CMDLINE; no IPv6, so that nobody searches for routers meanwhile.
CMDLINE = ("console=ttyS0 quiet loglevel=1 noxsave pci=noearly panic=-1 random.trust_cpu=on "
           "ipv6.disable=1 net.ifnames=0")

# kind -> the driver that its NIC must have in the guest (the beginning of its name)
DRIVERS = {"unmodified": "e1000", "pv": "pvk", "qemu:virtio": "virtio_net",
           "qemu:vhost": "virtio_net", "qemu:e1000": "e1000"}

JOBS = (
    {"name": "stream-out", "title": "TCP stream, guest sends", "unit": "MB"},
    {"name": "stream-in", "title": "TCP stream, guest receives", "unit": "MB"},
    {"name": "rr", "title": "TCP request and response, 1 byte each way", "unit": "transaction"},
    {"name": "udp-out", "title": "64-byte frames (UDP), guest sends", "unit": "packet"},
    {"name": "udp-in", "title": "64-byte frames (UDP), guest receives", "unit": "packet"},
)

# unit -> what a result of net.c calls it, divisor, name and unit of the rate
UNITS = {
    "MB": ("bytes", 1e6, "throughput", "MB/s"),
    "transaction": ("transactions", 1, "transactions", "1/s"),
    "packet": ("packets", 1, "packets delivered", "1/s"),
}

# Figures of a round
FIGURES = ("rate", "sent_rate", "units", "exits_per_unit", "guest_per_unit", "timer_per_unit",
           "user_per_unit", "cpu_us_per_unit", "loss_pct", "stalls", "lat_mean_us", "lat_p50_us",
           "lat_p99_us")

# Features of e1000 and no more, where they can be chosen from outside (QEMU).
EQUAL = "guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,mrg_rxbuf=on"


def jobs(with_load):
    """The jobs of a measurement, each with its number."""
    return [dict(j, number=n) for n, j in enumerate(JOBS)] if with_load else []


def job_lines(chosen, seconds, rounds):
    """/jobs of the guest (guest/init-net): a round a line."""
    lines = []
    for job in chosen:
        for which in range(rounds):
            before, after = parse.marks(job["number"], which, rounds)
            lines.append(f"{job['number']} {job['name']} {seconds:g} {before} {after}\n")
    return "".join(lines)


def qemu_args(machine, offloads):
    """QEMU's NIC on the same TAP."""
    vhost = "on" if machine == "vhost" else "off"
    args = ["-name", "guest,debug-threads=on",	# netrig.py tells threads by their names
            "-netdev", f"tap,id=n0,ifname={TAP},script=no,downscript=no"]
    if machine == "e1000":
        return args + ["-device", f"e1000,netdev=n0,mac={MAC},romfile="]
    args[3] += f",vhost={vhost}"
    more = "," + EQUAL if offloads == "equal" else ""
    return args + ["-device", f"virtio-net-pci,netdev=n0,mac={MAC},romfile={more}"]


def round_figures(line):
    """
    The figures of a round from the line that net.c printed: units, seconds, rate
    (units a second), and where they apply lat_*_us, loss_pct, stalls. ValueError
    when the line cannot be trusted.
    """
    try:
        said = json.loads(line)
        job = next(j for j in JOBS if j["name"] == said["job"])
        key, divisor, _, _ = UNITS[job["unit"]]
        units, seconds = said[key] / divisor, float(said["seconds"])
        found = {"units": units, "seconds": seconds}
        if job["unit"] == "packet":
            sent, delivered = said["sent"], said["packets"]
            if not sent or delivered > sent:
                raise ValueError(f"{delivered} packets of {sent} delivered")
            found["sent_rate"] = sent / seconds
            found["loss_pct"] = 100 * (sent - delivered) / sent
            found["stalls"] = said["stalls"]
        if job["unit"] == "transaction":
            for name in ("lat_mean_us", "lat_p50_us", "lat_p99_us"):
                found[name] = float(said[name])
    except (KeyError, TypeError, StopIteration, ZeroDivisionError) as e:
        raise ValueError(f"'{line}' is no result of net ({type(e).__name__})") from e
    if not units or seconds <= 0:
        raise ValueError(f"net: nothing was transferred in {said['job']}")
    found["rate"] = units / seconds
    return found


def rows(job):
    """The rows of a job's table, as disk.ROWS."""
    unit = job["unit"]
    _, _, name, rate_unit = UNITS[unit]
    many = "MB" if unit == "MB" else f"1000 {unit}s"
    found = [("rate", name, rate_unit),
             ("exits_per_unit", f"exits per {unit}", ""),
             ("guest_per_unit", "  of these, the guest's doing", ""),
             ("timer_per_unit", "    of these, to set its timer", ""),
             ("user_per_unit", f"to user space per {unit}", ""),
             # µs for one are ms for a thousand
             ("cpu_us_per_unit", f"host CPU per {many}", "µs" if unit == "MB" else "ms")]
    if unit == "packet":
        found.append(("loss_pct", "lost", "%"))
    if unit == "transaction":
        found += [("lat_p50_us", "latency, median", "µs"), ("lat_p99_us", "latency, 99 %", "µs")]
    return tuple(found)


def offload_conditions(plan, raws, runs):
    """{condition: text} of the offloads that were in force, for each kind."""
    found = {"offloads": {"equal": "equal: what e1000 has, in all columns",
                          "own": "own: each model's own"}[plan["offloads"]]}
    for raw, run in zip(raws, runs):
        kind = run["kind"]
        for name, text in (("offloads in the guest", run["facts"].get("offloads")),
                           ("offloads of the TAP", raw.get("tap", {}).get("offloads")),
                           ("driver", run["facts"].get("driver"))):
            if text:
                found.setdefault(f"{kind}: {name}", text)
    return found


def build_tool(build):
    """net.c: client and server."""
    out = os.path.join(build, "net")
    make.command(["gcc", "-std=gnu11", "-O2", "-static", "-s", "-Wl,--build-id=none", "-o", out]
                 + [os.path.join(make.GUEST, n)
                    for n in ("net.c", "net_conn.c", "net_frames.c", "net_load.c")], "building net")
    return out


class Net(Compared):
    name, option = "net", "--net"
    help = "measure the network instead of the disk: e1000 and pvkit on one TAP"
    options = ("offloads",)
    machines = ("virtio", "vhost", "e1000")
    references = ("qemu:virtio", "qemu:vhost")
    JOBS = JOBS
    around = netrig.NAMESPACE
    one, rate, ready, figures = "unit", "rate", "net_s", FIGURES
    words = {"rates": "Rates", "ready": "first connection to the host",
             "until": "/init to the first connection", "jobs": "Network",
             "about": "Guest to its host over one TAP; unmodified is the emulated 82540EM with "
                      "the stock driver e1000"}

    def device(self, opts, build, directory, release):
        kos = make.modules(release, PVKIT_MODULES) if "pv" in opts.kinds else []
        for tool in ("ip", "ethtool", "unshare"):
            if not shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
                raise MeasureError(f"{tool} is not installed: run host-stub/rig/setup")
        chosen = jobs(opts.only != "boot")
        lines = os.path.join(build, "net-jobs")
        with open(lines, "w", encoding="ascii") as f:
            f.write(job_lines(chosen, opts.seconds, opts.rounds))
        tool = build_tool(build)
        initrd = make.build_initrd(build, directory, "init-net", MODULES, kos,
                                   ["--file", f"{tool}:/bin/net", "--file", f"{lines}:/jobs",
                                    "--bin", "ethtool"])
        return {"jobs": chosen, "initrd": initrd, "net": tool, "offloads": opts.offloads,
                "cmdline": f"{CMDLINE} {opts.append}".strip()}

    def host(self, plan, image):
        netrig.prepare(plan["kinds"])

    def run(self, kind, plan, image, stats, tracing, on_line):
        with netrig.Rig(plan["net"]) as rig:
            def both(line):
                rig.line(line)
                on_line(line)
            run = guests.run(kind, self.argv(kind, plan, image, stats), plan, tracing, both,
                             rig.started)
        return dict(run, tap=rig.facts)

    def cmdline(self, plan):
        return f"{plan['cmdline']} PVM_OFFLOADS={plan['offloads']}"

    def stub_args(self, image):
        return ["--nic", f"tap={TAP},mac={MAC},models=both"]

    def qemu_args(self, machine, plan, image):
        return qemu_args(machine, plan["offloads"])

    def qemu_label(self, machine):
        return f"QEMU {machine}"

    def device_facts(self, said):
        return {"driver": said["nic"].get("driver", ""), "nic": said["nic"].get("where", "")}

    def model_problem(self, kind, said):
        want = DRIVERS[kind]
        have = said["nic"].get("driver", "")
        if not have or have.startswith(want):
            return ""	# none: it did not come so far; that is said already
        return f"the guest used the driver {have} ({said['nic']['where']}), not {want}"

    def rounds_of(self, job, said, count):
        lines = said["net"].get(job["number"], [])
        if len(lines) > count:
            raise ValueError(f"{job['name']}: {len(lines)} rounds, want {count}")
        return [round_figures(line) for line in lines] if len(lines) == count else None

    def place(self, plan):
        return "TAP with the host's end in a network namespace of its own"

    def load(self, plan):
        return "load", f"net.c, one connection, guest {netrig.GUEST} to {netrig.HOST}"

    def more_conditions(self, plan, raws, runs):
        return offload_conditions(plan, raws, runs)

    def rows(self, job):
        return rows(job)

    def headline(self, job):
        _, _, name, unit = UNITS[job["unit"]]
        return "rate", unit, name.capitalize(), "exits_per_unit", f"exits per {job['unit']}"

    def base_of(self, kinds):
        return next((k for k in ("unmodified", "qemu:e1000") if k in kinds), None)

    def tiles(self, result, a, b):
        found = []
        for job in result["jobs"]:
            x, y = a["jobs"].get(job["name"]), b["jobs"].get(job["name"])
            if not x or not y or job["name"] not in ("stream-out", "rr", "udp-out"):
                continue
            _, unit, title, exits, name = self.headline(job)
            found.append((f"{title}: {job['title']}", x["rate"], y["rate"], "more", f" {unit}"))
            if x[exits] and y[exits]:
                found.append((f"{name}: {job['title']}", x[exits], y[exits], "fewer", ""))
        return found

    def details(self, job, here, names):
        return f"<small>Exits by reason, per {escape(job['unit'])}</small>" + page.reasons(
            here, names, f"exits by reason, {job['title']}",
            {k: here[k]["units"]["median"] for k in names if here[k]})

    def appendix(self, found, names):
        return page.registers(found, names)
