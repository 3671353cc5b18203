# SPDX-License-Identifier: BSD-2-Clause
"""The network around a guest, on the KVM host: TAPs, an address giver, servers.

    with Tap("pvt0") as tap, Dhcp(tap), Served():
        vm = Vm(t, "net", "net.sh ...", options=["--nic", "tap=pvt0"])

Runs as root. Everything is taken away again at the end of each `with`.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

from vm import PREPARED, scratch

PORT = 5001			# of traffic serve
HTTP = 8000			# of the page
PAGE = "served by the host\n"
TRAFFIC = os.path.join(PREPARED, "traffic")


def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: {done.stdout.strip()}")
    return done.stdout


class Tap:
    """A TAP that stays between VMs; its own end has address 10.77.N.1/24."""

    def __init__(self, name, queues=1, subnet=77, mtu=1500):
        self.name, self.queues, self.address = name, queues, f"10.{subnet}.0.1"
        self.subnet, self.mtu = subnet, mtu

    def __enter__(self):
        more = ["multi_queue"] if self.queues > 1 else []
        run("ip", "tuntap", "add", "dev", self.name, "mode", "tap", "vnet_hdr", *more)
        # Nothing of the host's own (router solicitations, mDNS) among the guest's frames.
        with open(f"/proc/sys/net/ipv6/conf/{self.name}/disable_ipv6", "w", encoding="ascii") as f:
            f.write("1")
        run("ip", "address", "add", self.address + "/24", "broadcast", "+", "dev", self.name)
        run("ip", "link", "set", self.name, "up", "mtu", str(self.mtu))
        return self

    def delete(self):
        subprocess.run(["ip", "link", "delete", self.name], check=False, stderr=subprocess.DEVNULL)

    def __exit__(self, *_):
        self.delete()


class Process:
    """Something that runs in the background until the end of the block."""

    def __init__(self, argv):
        self.argv, self.proc = argv, None

    def __enter__(self):
        self.err = tempfile.TemporaryFile("w+", dir=scratch())
        self.proc = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=self.err,
                                     stderr=subprocess.STDOUT, start_new_session=True)
        return self

    def said(self):
        self.err.seek(0)
        return self.err.read()

    def alive(self):
        return self.proc.poll() is None

    def __exit__(self, *_):
        if self.alive():
            os.killpg(self.proc.pid, 15)
        self.proc.wait()


def dhcp(tap):
    """busybox's DHCP server on a TAP: a Process."""
    top = scratch()
    start = tap.address[:-1] + "100"
    end = tap.address[:-1] + "120"
    with open(top + "/conf", "w", encoding="ascii") as f:
        f.write(f"start {start}\nend {end}\ninterface {tap.name}\noption subnet 255.255.255.0\n"
                f"option router {tap.address}\nlease_file {top}/leases\npidfile {top}/pid\n"
                "option lease 3600\n")
    with open(top + "/leases", "wb"):
        pass
    return Process(["/bin/busybox", "udhcpd", "-f", top + "/conf"])


def traffic():
    """The other end of the guest's traffic: a Process; alive() means that all was right."""
    return Process([TRAFFIC, "serve", str(PORT)])


def wire(*args):
    """The program that looks at each frame: a Process. See guest/wire.c."""
    return Process([os.path.join(PREPARED, "wire"), *args])


def wire_counts(process):
    """Ends a wire; what it counted, by name, with "status"; None without an account."""
    if process.alive():
        process.proc.terminate()
    process.proc.wait()
    words = process.said().split("wire ", 1)[-1].split()
    if len(words) < 16:
        return None
    return dict(zip(words[1::2], map(int, words[0::2])), status=process.proc.returncode)


def verified(t, vm, key, least=1 << 20):
    """A check that a value of the guest's, the last line of a talk, says that much."""
    line = vm.values.get(key, "")
    words = line.split()
    return t.check(f"{key}: {least >> 10} KiB and more were verified",
                   len(words) > 2 and words[1].isdigit() and int(words[1]) >= least, line)


class Page:
    """An HTTP server with one page, enough for wget; also counts who asked."""

    def __enter__(self):
        self.socket = socket.create_server(("0.0.0.0", HTTP))
        self.asked = []
        threading.Thread(target=self.work, daemon=True).start()
        return self

    def work(self):
        while True:
            try:
                peer, address = self.socket.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(5)
                try:
                    peer.recv(4096)
                    peer.sendall(f"HTTP/1.0 200 OK\r\nContent-Length: {len(PAGE)}\r\n\r\n{PAGE}".encode())
                except OSError:
                    pass
                self.asked.append(address[0])

    def __exit__(self, *_):
        self.socket.close()


class Broadcast:
    """Sends datagrams of 1 KiB to all on a TAP, 50 a second: frames that need nobody's answer."""

    def __init__(self, tap):
        self.to = (tap.address[:-1] + "255", 9)
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def work(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            while not self.done.wait(0.02):
                try:
                    s.sendto(bytes(1024), self.to)
                except OSError:
                    pass	# the TAP has no carrier while no VM has it

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def settle(condition, seconds=10):
    """Waits until condition() holds; does it?"""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
