# SPDX-License-Identifier: BSD-2-Clause
"""Says what is going on while the guests run.

The worker sends lines that begin with '@' among its output:

    @begin TEXT		a guest starts
    @step TEXT		what it does now
    @end TEXT		it has ended; how

Any other line is a message and passed on. On a terminal the current step stands
in one line with a clock; elsewhere each step is a line of its own.
"""

import os
import selectors
import sys
import time


class Progress:
    """The display. out: a text stream; clock: seconds, for tests."""

    def __init__(self, out=sys.stderr, clock=time.monotonic):
        self.out, self.clock = out, clock
        self.live = out.isatty()
        self.started = self.since = clock()
        self.guest, self.now = "", ""

    def stamp(self):
        return f"[{self.clock() - self.started:4.0f} s] "

    def clear(self):
        if self.live:
            self.out.write("\r\x1b[K")

    def say(self, text):
        """A line that stays."""
        self.clear()
        self.out.write(f"{self.stamp()}{text}\n")
        self.out.flush()

    def step(self, text):
        """What is being done from now on."""
        self.now, self.since = text, self.clock()
        if self.live:
            self.tick()
        else:
            self.say(text)

    def tick(self):
        """Renews the line with the clock; call it about once a second."""
        if self.live and self.now:
            text = f"{self.stamp()}{self.now} ... {self.clock() - self.since:.0f} s"
            try:
                width = os.get_terminal_size(self.out.fileno()).columns
            except OSError:
                width = 80
            self.clear()
            self.out.write(text[:max(20, width - 1)])
            self.out.flush()

    def line(self, line):
        """A line of the worker or of the box."""
        word, _, rest = line.partition(" ")
        if word == "@begin":
            self.guest = rest
            self.step(f"{rest}: boots")
        elif word == "@step":
            self.step(f"{self.guest}: {rest}")
        elif word == "@end":
            self.now = ""
            self.say(f"{self.guest}: {rest}")
            self.guest = ""
        elif line.strip():
            self.say(line.rstrip())

    def done(self):
        self.now = ""
        self.clear()
        self.out.flush()


def follow(proc, progress):
    """Shows what proc prints (stdout, bytes) until it ends; its exit status."""
    rest = b""
    with selectors.DefaultSelector() as sel:
        sel.register(proc.stdout, selectors.EVENT_READ)
        while True:
            if not sel.select(1.0):
                progress.tick()
                continue
            data = os.read(proc.stdout.fileno(), 65536)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                progress.line(line.decode("utf-8", "replace"))
            progress.tick()
    if rest:
        progress.line(rest.decode("utf-8", "replace"))
    return proc.wait()
