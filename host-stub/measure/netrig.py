# SPDX-License-Identifier: BSD-2-Clause
"""The host's side of the network part, where the guests run: TAP and server.

All of it stands in a network namespace of its own (cli starts the worker by
unshare --net), so nothing of the machine's network is touched or in the way: no
bridge, no firewall, no routes. The TAP is made anew for each guest.
"""

import os
import re
import subprocess

from . import MeasureError

TAP = "pvkm0"
HOST, GUEST, PREFIX = "10.77.0.1", "10.77.0.2", 24
# What the worker runs under: a network of its own for TAP and server; who is not root
# becomes so in a user namespace.
NAMESPACE = ("sh", "-c", 'u=; [ "$(id -u)" = 0 ] || u=--map-root-user; '
             'exec unshare --net $u -- "$@"', "sh")
WORDS = 10	# seconds that a command of iproute2 may take, in the box


def command(*argv):
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           check=False, timeout=6 * WORDS, stdin=subprocess.DEVNULL)
    except OSError as e:
        raise MeasureError(f"{argv[0]}: {e.strerror}: run host-stub/rig/setup") from e
    except subprocess.TimeoutExpired as e:
        raise MeasureError(f"{' '.join(argv)}: no end within {6 * WORDS} s") from e
    if p.returncode:
        raise MeasureError(f"{' '.join(argv)}: {(p.stdout.strip().splitlines() or ['failed'])[-1]}")
    return p.stdout


def setting(path, value):
    try:
        with open(path, "w", encoding="ascii") as f:
            f.write(value)
    except OSError as e:
        raise MeasureError(f"cannot set {path}: {e.strerror}") from e


def features(name):
    """The features that ethtool -k calls on, in its order, as a text."""
    on = []
    for line in command("ethtool", "-k", name).splitlines():
        feature, _, value = line.strip().partition(": ")
        if value.split()[:1] == ["on"]:
            on.append(feature)
    return " ".join(on)


def prepare(kinds):
    """Once, before the first guest: what a namespace has to be for these columns."""
    if os.path.exists(f"/proc/sys/net/ipv4/conf/{TAP}"):
        raise MeasureError(f"there is an interface {TAP} already: --net wants a network "
                           "namespace of its own")
    if not os.path.exists("/dev/net/tun"):
        raise MeasureError("/dev/net/tun is not there: modprobe tun")
    if "qemu:vhost" in kinds and not os.access("/dev/vhost-net", os.R_OK | os.W_OK):
        raise MeasureError("/dev/vhost-net cannot be used: modprobe vhost_net, or leave "
                           "qemu:vhost out")
    command("ip", "link", "set", "dev", "lo", "up")
    setting("/proc/sys/net/ipv4/tcp_no_metrics_save", "1")
    if os.path.exists("/proc/sys/net/ipv6"):
        setting("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")


VCPU = re.compile(r"(?:vcpu|CPU )(\d+)")	# as pvkit-vm and QEMU call these threads


def threads(vmm):
    """The threads of the VMM, and vhost's for it: [(id, name)]."""
    found = [(int(t), f"/proc/{vmm}/task/{t}/comm") for t in os.listdir(f"/proc/{vmm}/task")]
    found += [(int(p), f"/proc/{p}/comm") for p in os.listdir("/proc") if p.isdigit()]
    named = []
    for number, path in found:
        try:
            with open(path, encoding="ascii", errors="replace") as f:
                name = f.read().strip()
        except OSError:
            continue	# it ended
        if "/task/" in path or name == f"vhost-{vmm}":
            named.append((number, name))
    return named


def place(vmm, server):
    """
    The vCPUs on CPUs of their own; everything else of the VMM, and the server, on
    the last one. Where they are left to the scheduler, a frame that wakes
    somebody beside a vCPU costs an exit which no model can help. In words.
    """
    cpus = sorted(os.sched_getaffinity(0))
    named = threads(vmm)
    vcpus = [number for number, name in named if VCPU.match(name)]
    if not vcpus or len(cpus) <= len(vcpus):
        return "as the scheduler likes: there are no more CPUs than vCPUs"
    for number, name in named:
        m = VCPU.match(name)
        try:
            os.sched_setaffinity(number, {cpus[int(m.group(1))] if m else cpus[-1]})
        except OSError:
            pass	# it ended
    os.sched_setaffinity(server, {cpus[-1]})
    return f"each vCPU on its own from {cpus[0]} on, all else on {cpus[-1]}"


class Rig:
    """TAP and server of one guest; a context."""

    def __init__(self, tool):
        self.tool, self.server, self.vmm = tool, None, None
        self.facts = {}

    def __enter__(self):
        command("ip", "tuntap", "add", "dev", TAP, "mode", "tap", "vnet_hdr")
        try:
            command("ip", "addr", "add", f"{HOST}/{PREFIX}", "dev", TAP)
            command("ip", "link", "set", "dev", TAP, "up")
            self.server = subprocess.Popen([self.tool, "serve", HOST],
                                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=subprocess.DEVNULL)
            if self.server.stdout.readline() != b"ready\n":
                raise MeasureError(f"the server on {HOST} did not start")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.kill()
            self.server.wait()
            self.server.stdout.close()
        command("ip", "link", "del", "dev", TAP)

    def started(self, pid):
        self.vmm = pid

    def line(self, line):
        """When the guest says that it is connected: gives each its CPU, notes the TAP's state."""
        if line.startswith("PVM-NET-AT"):
            self.facts["CPUs"] = place(self.vmm, self.server.pid)
            try:
                self.facts["offloads"] = features(TAP)
            except MeasureError as e:
                self.facts["offloads"] = f"not known: {e}"
