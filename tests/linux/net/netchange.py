#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""netchange - do the pvkit card's settings change under traffic with nothing lost?

Rings, channels, RSS, offloads, MTU, XDP, under traffic of which every byte is
verified; the link down and up; what each XDP program does with frames that the
host sends; the TAP deleted under the guest.
"""

import signal
import socket
import sys
import time

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from net import Tap, settle, traffic	# noqa: E402
from vm import Checks, Vm	# noqa: E402

FRAMES = 50
TYPE = 0x88b5
MAC = bytes.fromhex("525400770002")

t = Checks()


def frames_back(tap):
    """Sends frames of the experimental type; how many of them come back with addresses exchanged."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(TYPE)) as s:
        s.bind((tap.name, TYPE))
        s.settimeout(2)
        own = s.getsockname()[4]
        sent = {}
        back = 0
        for n in range(FRAMES):
            body = n.to_bytes(2, "big") + bytes((n * 7 + i) & 255 for i in range(40 + 20 * n))
            sent[body[:2]] = body
            s.send(MAC + own + TYPE.to_bytes(2, "big") + body)
            time.sleep(0.002)
        deadline = time.monotonic() + 5
        while back < FRAMES and time.monotonic() < deadline:
            try:
                frame, address = s.recvfrom(65536)
            except TimeoutError:
                break
            if address[2] == socket.PACKET_OUTGOING:
                continue
            good = frame[:6] == own and frame[6:12] == MAC and sent.get(frame[14:16]) == frame[14:]
            if not good:
                t.check("a frame that came back is the one sent", False, frame.hex()[:200])
            back += good
        return back


def pieces(tap, vm):
    """Lengths of the IPv6 frames that the guest sends when it is told to, until it says that it did."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd)) as s:
        s.bind((tap.name, 0x86dd))
        s.settimeout(5)
        vm.send()
        vm.wait_at("cut", 60)
        lengths = []
        while len(lengths) < 6:
            try:
                frame, _ = s.recvfrom(65536)
            except TimeoutError:
                break
            if frame[14 + 6] == 43:
                lengths.append(len(frame))
        return lengths


def drain(sock):
    """What has come so far."""
    got = []
    while True:
        try:
            got.append(sock.recv(65536))
        except BlockingIOError:
            return got


with Tap("pvt0") as tap, traffic() as server:
    with Vm(t, "net", f"netchange.sh {tap.address} 10.77.0.2 240", cpus=2,
            append="pvk.coldplug=0", options=["--nic", "tap=pvt0,mac=52:54:00:77:00:02"]) as vm:
        vm.start()
        if vm.wait_at("pull", 240):
            vm.signal(signal.SIGUSR2)
            vm.send()
        if vm.wait_at("plug", 60):
            vm.signal(signal.SIGUSR2)
            vm.send()
        if vm.wait_at("large", 60):
            t.equal("lengths of the pieces of a large packet that the kernel cuts",
                    pieces(tap, vm), [14 + 40 + 8 + 20 + 1000] * 6)
            vm.send()
        console = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        console.bind((tap.address, 6666))
        console.setblocking(False)
        for action in ("pass", "drop", "tx", "redirect"):
            if not vm.wait_at("xdp-" + action, 60):
                break
            drain(console)
            back = frames_back(tap)
            said = settle(lambda a=action: f"netchange: {a}".encode() in b"".join(drain(console)))
            t.check(f"messages beside '{action}'", said)
            if action in ("pass", "drop"):
                t.equal(f"frames that come back from '{action}'", back, 0)
            else:
                t.check(f"frames that come back from '{action}': most", back >= FRAMES * 9 // 10, str(back))
            vm.send()
        if vm.wait_at("delete", 60):
            tap.delete()
            vm.send()
        vm.wait(90)
        vm.judge()
        t.check("the server found nothing wrong", server.alive(), server.said())
        words = vm.values.get("traffic", "").split()
        t.check("megabytes were verified", len(words) > 2 and int(words[1]) > 1 << 20, " ".join(words))
sys.exit(t.end())
