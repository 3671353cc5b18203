#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""os.py stub|kvm|tcg - does the minimal OS (hypercall/port/os) run on that host?

One binary, build/port/os: under pvkit-vm on both machines and by both entries, under
QEMU on KVM, and under QEMU's software emulation. What it says is compared with what
the host is. Under pvkit-vm this script is the other end of its wire, and pings it.
"""

import os
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
sys.dont_write_bytecode = True

from checks import Checks	# noqa: E402

STUB = os.environ.get("PVKIT_VM", os.path.join(ROOT, "build/pvkit-vm"))
OS = os.path.join(ROOT, "build/port/os")
LIMIT = 60
PINGS = 3
GUEST, PEER, OTHER = bytes([10, 0, 2, 15]), bytes([10, 0, 2, 2]), bytes([10, 0, 2, 16])
MAC = bytes.fromhex("020000000001")


def run(argv, limit=LIMIT):
    """Status and what was said, without carriage returns; None: it did not end."""
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=limit, check=False)
    except subprocess.TimeoutExpired as e:
        return None, (e.stdout or b"").decode("ascii", "replace").replace("\r", "")
    return p.returncode, p.stdout.decode("ascii", "replace").replace("\r", "")


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def arp(address):
    return (b"\xff" * 6 + MAC + b"\x08\x06" + bytes([0, 1, 8, 0, 6, 4, 0, 1]) + MAC + PEER +
            b"\0" * 6 + address).ljust(60, b"\0")


def echo(mac, address, number, size, spoil=0):
    """An ICMP echo request in an Ethernet frame; spoil: added to the checksum."""
    body = struct.pack(">BBHHH", 8, 0, 0, 0x1234, number) + bytes(i * number & 255 for i in range(size))
    body = body[:2] + struct.pack(">H", (checksum(body) + spoil) & 0xffff) + body[4:]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), number, 0, 64, 1, 0, PEER, address)
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return mac + MAC + b"\x08\x00" + head + body


def receive(sock, seconds):
    if not select.select([sock], [], [], seconds)[0]:
        return b""
    return sock.recv(65536)


def ask(sock, path, frame, wanted, again, seconds=20):
    """The frame sent every `again` seconds until an answer comes that is wanted. Late answers to
    earlier questions are not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            sock.sendto(frame, path)
        except OSError:
            time.sleep(0.2)
            continue
        rest = time.monotonic() + again
        while (left := rest - time.monotonic()) > 0:
            answer = receive(sock, left)
            if wanted(answer):
                return answer
    return b""


def pings(t, name, sock, path):
    answer = ask(sock, path, arp(GUEST), lambda a: a[12:14] == b"\x08\x06", 1)
    mac = answer[6:12]
    t.check(f"{name}: answers ARP", answer[:6] == MAC and answer[12:14] == b"\x08\x06" and
            answer[20:22] == b"\0\x02" and answer[22:28] == mac and answer[28:32] == GUEST and
            answer[32:42] == MAC + PEER, answer.hex())
    while receive(sock, 1):		# to those ARPs that were sent while it booted
        pass
    for frame in (arp(OTHER), echo(mac, OTHER, 1, 56), echo(mac, GUEST, 1, 56, spoil=1)):
        sock.sendto(frame, path)
    t.equal(f"{name}: answers nothing that is not for it, or is spoilt", receive(sock, 1), b"")
    for number, size in ((1, 56), (2, 0), (3, 1400)):
        # Once: the guest counts them.
        answer = ask(sock, path, echo(mac, GUEST, number, size),
                     lambda a, n=number: a[12:14] == b"\x08\x00" and a[40:42] == struct.pack(">H", n), 20)
        ip = answer[14:34]
        t.check(f"{name}: answers a ping of {size} bytes", answer[:6] == MAC and
                ip[12:20] == GUEST + PEER and checksum(ip) == 0 and answer[34:36] == b"\0\0" and
                checksum(answer[34:]) == 0 and
                answer[38:] == echo(mac, GUEST, number, size)[38:], answer.hex())


def seen(t, name, status, want, text, lines, never=("went back", "stuck", "lost", "error")):
    t.equal(f"{name}: runs to its end", status, want)
    for line in lines:
        t.check(f"{name}: {line}", re.search("^" + line, text, re.M), text)
    t.check(f"{name}: nothing else is wrong", not [w for w in never if w in text], text)


CLOCK = "time: %s, two CPUs, never back in 200000 readings"


def stub(t):
    for machine, way in (("minimal", "pvh"), ("pc", "multiboot")):
        with tempfile.TemporaryDirectory(prefix="pvkit-port-") as tmp:
            disk, ours, its = (os.path.join(tmp, n) for n in ("disk", "ours", "its"))
            with open(disk, "wb") as f:
                f.write(b"what the disk begins with".ljust(1 << 20, b"\0"))
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            sock.bind(ours)
            argv = [STUB, "--kernel", OS, "--boot", way, "--machine", machine, "--cpus", "2",
                    "--memory", "64M", "--append", f"disk ping={PINGS}", "--no-reboot", "--disk", disk,
                    "--nic", f"dgram={its},peer={ours}", "--time-limit", str(LIMIT)]
            with open(os.path.join(tmp, "said"), "w+b") as said:
                p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said,
                                     stderr=subprocess.STDOUT)
                name = f"pvkit-vm {machine}, {way}"
                pings(t, name, sock, its)
                status = p.wait(LIMIT)
                said.seek(0)
                text = said.read().decode("ascii", "replace").replace("\r", "")
            sock.close()
            seen(t, name, status, 0, text, (
                f"entered by {'PVH' if way == 'pvh' else 'Multiboot'}: .*ping={PINGS}",
                "pvkit: a host", "runs on: KVM, certain", "interface: kvm:.* clock",
                "interface: pvkit:.*", "cpus: the second is started by a call",
                "cpus: interrupt by", CLOCK % "pvkit", "time: seconds since 1970: \\d{10}",
                'disk: sectors 2048, begins with "what the disk begins with"',
                "disk: reads what it wrote", "net: card open, link up",
                f"net: pings answered: {PINGS}", "end"))
            with open(disk, "rb") as f:
                f.seek(512)
                t.equal(f"{name}: what it wrote is in the image", f.read(512),
                        bytes(i * 7 & 255 for i in range(512)))
    base = [STUB, "--kernel", OS, "--cpus", "2", "--memory", "64M", "--time-limit", "40"]
    status, text = run(base + ["--debug-exit", "0xf4", "--offer", "none", "--append", "disk"])
    seen(t, "pvkit-vm that offers nothing", status, 99, text, (
        "pvkit: no host", "runs on: KVM", "cpus: the second is started by INIT", CLOCK % "kvm",
        "disk: no pvkit disk", "end"))
    status, text = run(base + ["--machine", "minimal", "--append", "clock=2"])
    seen(t, "pvkit-vm, KVM's clock", status, 0, text, (CLOCK % "kvm",))
    status, text = run(base + ["--machine", "minimal", "--offer", "all,no-smp", "--append", ""])
    seen(t, "pvkit-vm without starts by call", status, 0, text,
         ("cpus: the second is started by INIT", CLOCK % "pvkit"))


def qemu(t, how):
    argv = ["qemu-system-x86_64", "-smp", "2", "-m", "64", "-display", "none", "-no-reboot",
            "-serial", "stdio", "-monitor", "none", "-device", "isa-debug-exit,iobase=0xf4",
            "-kernel", OS]
    common = ("entered by Multiboot: .*disk ping=1", "pvkit: no host", "disk: no pvkit disk, and no driver",
              "net: no pvkit card", "cpus: the second is started by INIT", "end")
    append = ["-append", "disk ping=1"]
    if how == "tcg":
        status, text = run(argv + append + ["-accel", "tcg", "-cpu", "max"])
        seen(t, "QEMU TCG", status, 99, text, common + (
            r"runs on: QEMU's software emulation \(TCG\), certain", "time: no clock of a host",
            CLOCK % "none .the TSC is what there is."))
        return
    status, text = run(argv + append + ["-accel", "kvm", "-cpu", "host"])
    seen(t, "QEMU KVM", status, 99, text, common + (
        "runs on: KVM, ", "interface: kvm:.* clocksource", CLOCK % "kvm", "cpus: interrupt by a call"))
    status, text = run(argv + append + ["-accel", "kvm", "-cpu",
                                        "host,hv-relaxed,hv-time,hv-vpindex,hv-vapic,-kvm"])
    seen(t, "QEMU KVM as Hyper-V", status, 99, text, common + (
        "interface: hyperv:", CLOCK % "hyperv"))


def main():
    hosts = {"stub": stub, "kvm": lambda t: qemu(t, "kvm"), "tcg": lambda t: qemu(t, "tcg")}
    if len(sys.argv) != 2 or sys.argv[1] not in hosts:
        print("usage: os.py stub|kvm|tcg", file=sys.stderr)
        return 2
    t = Checks()
    hosts[sys.argv[1]](t)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
