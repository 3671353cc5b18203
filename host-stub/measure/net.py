# SPDX-License-Identifier: BSD-2-Clause
"""The network part (--net): its jobs, its columns, its figures. Pure functions.

One NIC, one TAP, a server on the host's side of it (netrig.py), a client in the
guest (guest/net.c). A job has a unit (MB, transaction, packet); exits and CPU
time are divided by what the receiver counted of it.
"""

import json

TAP = "pvkm0"
HOST, GUEST, PREFIX = "10.77.0.1", "10.77.0.2", 24
MAC = "52:54:00:70:76:6b"

# What the guest's kernel needs besides pvkit's: drivers of all models.
MODULES = "e1000 virtio_pci virtio_net"
PVKIT_MODULES = ("pvk_core.ko", "pvk_net.ko")

# As plan.CMDLINE; no IPv6, so that nobody searches for routers meanwhile.
CMDLINE = ("console=ttyS0 quiet loglevel=1 noxsave pci=noearly panic=-1 random.trust_cpu=on "
           "ipv6.disable=1 net.ifnames=0")

# kind -> the driver that its NIC must have in the guest (the beginning of its name)
DRIVERS = {"unmodified": "e1000", "pv": "pvk", "qemu:virtio": "virtio_net",
           "qemu:vhost": "virtio_net", "qemu:e1000": "e1000"}
MACHINES = ("virtio", "vhost", "e1000")	# of --reference qemu:...; qemu alone: the first two

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

# Features of e1000 and no more, where they can be chosen from outside (QEMU).
EQUAL = "guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,mrg_rxbuf=on"


def jobs(with_load):
    """The jobs of a measurement, each with its number."""
    return [dict(j, number=n) for n, j in enumerate(JOBS)] if with_load else []


def job_lines(chosen, seconds, rounds, marks):
    """/jobs of the guest (guest/init-net): a round a line. marks: plan.marks."""
    lines = []
    for job in chosen:
        for which in range(rounds):
            before, after = marks(job["number"], which, rounds)
            lines.append(f"{job['number']} {job['name']} {seconds:g} {before} {after}\n")
    return "".join(lines)


def stub_args():
    """pvkit-vm's NIC, the same for both of its columns."""
    return ["--nic", f"tap={TAP},mac={MAC},models=both"]


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


def figures(line):
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


def model_problem(kind, said):
    """'' or why the NIC is not the one that the kind is to be measured with."""
    want = DRIVERS[kind]
    have = said["nic"].get("driver", "")
    if not have or have.startswith(want):
        return ""	# none: it did not come so far; that is said already
    return f"the guest used the driver {have} ({said['nic']['where']}), not {want}"


def rows(job):
    """The rows of a job's table, as table.IO_ROWS."""
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


def offload_conditions(runs, plan):
    """{condition: text} of the offloads that were in force, for each kind."""
    found = {"offloads": {"equal": "equal: what e1000 has, in all columns",
                          "own": "own: each model's own"}[plan["offloads"]]}
    for raw, run in runs:
        kind = run["kind"]
        for name, text in (("offloads in the guest", run["facts"].get("offloads")),
                           ("offloads of the TAP", raw.get("tap", {}).get("offloads")),
                           ("driver", run["facts"].get("driver"))):
            if text:
                found.setdefault(f"{kind}: {name}", text)
    return found
