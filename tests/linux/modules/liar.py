#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""liar.py KERNEL FIRST LAST - does a guest survive a host that lies to its drivers?

A guest for each seed FIRST..LAST under build/liar/pvkit-vm (tests/liar/kinds.h has the
kinds of lies), at work with disks and a card, suspended, unbound, unloaded. KERNEL:

  checked  the patched kernel with KASAN, lockdep, UBSAN and more (pvops/checked.config): the
           modules and the patches are lied to
  stock    Debian's, with freed memory poisoned and red zones around objects (slub_debug,
           page_poison): what a driver, or the host by its mistake, writes there is found

PVKIT_LIAR adds words to those of a seed. In the long form each guest has more time, and
seeds go on, by tens, for LONG_HOURS hours (2).
"""

import collections
import http.server
import itertools
import os
import re
import signal
import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
import vm	# noqa: E402

LONG_HOURS = float(os.environ.get("LONG_HOURS", "2"))
ASKED = os.environ.get("PVKIT_LIAR")
RATE = 300 if vm.LONG else 500	# lies of 10,000 opportunities, times a kind's weight
SECONDS = 4 if vm.LONG else 1	# of each load
ROUNDS = 2 if vm.LONG else 1
CPUS = 2 if vm.LONG else 1	# two cost twice the time where there is one
LIMIT = 600		# of a guest
CHECKED = os.path.join(vm.ROOT, "build/checked")
# The kernel, the initrd, what the liar does not lie about, the kernel's options, the stub's. The
# checked kernel has no ACPI, the stock one no driver of the console's rings.
KERNELS = {
    "checked": (CHECKED + "/kernel/bzImage", CHECKED + "/initrd-liar", "", "page_poison=1",
                ["--mp-table"]),
    "stock": ("kernel", "liar", "except=console", "page_poison=1 slub_debug=FZPU", []),
}
TROUBLE = re.compile(r"^(?:KMSG|CANARY).*|.*(?:Kernel panic|Oops:|BUG:)", re.M)


def serve():
    """A page on 127.0.0.1:8017, which the guest's user-mode network shows at 10.0.2.2."""
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = bytes(range(256)) * 400
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 8017), Page)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()


def guest(t, seed, name, told):
    """One guest: did it survive? Adds what was told to `told`, by kind."""
    kernel, initrd, spared, options, more = KERNELS[name]
    os.environ["PVKIT_LIAR"] = ",".join(w for w in (f"seed={seed},rate={RATE}", ASKED or spared) if w)
    top = vm.scratch()
    disks = [vm.make_disk(f"{top}/{n}.img", 4 << 20) + f",serial=LIAR0{n}" for n in (1, 2)]
    with vm.Vm(t, initrd, f"liar.sh {seed} {SECONDS} {ROUNDS}", cpus=CPUS, memory="256M", disks=disks,
               options=["--nic", "user", "--no-reboot"] + more, stats=False, name=f"liar-{name}-{seed}",
               kernel=kernel, append="noxsave pvk.coldplug=0 suspend.pm_test_delay=0 log_buf_len=1M "
               f"hung_task_panic=0 {options}") as g:
        g.start()
        g.wait_for(r"(?m)^PVK-RESULT", LIMIT)
        # Whether it can switch itself off is not asked, so the stub is told to end.
        g.signal(signal.SIGTERM)
        status = g.wait(30)
        report = re.search(r"^liar: seed \d+:(.*)$", g.errors(), re.M)
        good = t.check(f"seed {seed}: the guest's work came to its end",
                       g.finished and g.result == "0", g.account())
        trouble = TROUBLE.findall(g.text)
        good &= t.check(f"seed {seed}: no report of a checker, no canary dead", not trouble,
                        "\n".join(trouble[:60]))
        t.check(f"seed {seed}: the stub ended as it was asked, and said what lies it told",
                status is not None and report, g.account())
        for kind, lies in re.findall(r"(\S+) (\d+)/\d+", report.group(1) if report else ""):
            told[kind] += int(lies)
        t.note(f"seed {seed}, {g.seconds:.0f} s:" + (report.group(1) if report else ""))
    return good


def main():
    name, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    t = vm.Checks()
    told, survived, guests = collections.Counter(), 0, 0
    vm.STUB = os.path.join(vm.ROOT, "build/liar/pvkit-vm")
    serve()
    end = time.monotonic() + (LONG_HOURS * 3600 if vm.LONG else 0)
    for tens in itertools.count(0, 10):
        for seed in range(first + tens, last + tens + 1):
            survived += guest(t, seed, name, told)
            guests += 1
        if time.monotonic() > end:
            break
    t.note(f"{survived} of {guests} guests survived; lies told: "
           + ", ".join(f"{kind} {n}" for kind, n in sorted(told.items())))
    never = sorted(kind for kind, n in told.items() if not n)
    if not ASKED:
        # A few guests at work for a second have no opportunity for some kinds.
        t.check("lies of each kind were told" if vm.LONG else "lies of most kinds were told",
                len(never) <= (0 if vm.LONG else len(told) // 3), " ".join(never))
    sys.exit(t.end())


main()
