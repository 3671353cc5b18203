# SPDX-License-Identifier: BSD-2-Clause
"""The host's side of the network part, where the guests run: TAP and server.

All of it stands in a network namespace of its own (cli starts the worker by
unshare --net), so nothing of the machine's network is touched or in the way: no
bridge, no firewall, no routes. The TAP is made anew for each guest.
"""

import os
import subprocess

from . import MeasureError, net

WORDS = 10	# seconds that a command of iproute2 may take, in the box


def command(*argv):
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           check=False, timeout=6 * WORDS, stdin=subprocess.DEVNULL)
    except OSError as e:
        raise MeasureError(f"{argv[0]}: {e.strerror}: run tests/rig/setup") from e
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
    if os.path.exists(f"/proc/sys/net/ipv4/conf/{net.TAP}"):
        raise MeasureError(f"there is an interface {net.TAP} already: --net wants a network "
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


class Rig:
    """TAP and server of one guest; a context."""

    def __init__(self, tool):
        self.tool, self.server = tool, None
        self.facts = {}

    def __enter__(self):
        command("ip", "tuntap", "add", "dev", net.TAP, "mode", "tap", "vnet_hdr")
        try:
            command("ip", "addr", "add", f"{net.HOST}/{net.PREFIX}", "dev", net.TAP)
            command("ip", "link", "set", "dev", net.TAP, "up")
            self.server = subprocess.Popen([self.tool, "serve", net.HOST],
                                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=subprocess.DEVNULL)
            if self.server.stdout.readline() != b"ready\n":
                raise MeasureError(f"the server on {net.HOST} did not start")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.kill()
            self.server.wait()
            self.server.stdout.close()
        command("ip", "link", "del", "dev", net.TAP)

    def line(self, line):
        """Notes the TAP's state when the guest says that it is connected."""
        if line.startswith("PVM-NET-AT"):
            try:
                self.facts["offloads"] = features(net.TAP)
            except MeasureError as e:
                self.facts["offloads"] = f"not known: {e}"
