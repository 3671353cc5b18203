# SPDX-License-Identifier: BSD-2-Clause
"""What a test printed, as results: TAP (13 and 14), cmocka's dialect, KTAP.

Counts leaves: a result line that closes a nested block is the sum of the
block and counts only when the block does not explain it (a failed sum over
passed cases). Kernel time stamps in front of a line are ignored.
"""

import re

LINE = re.compile(r"^( *)(not ok|ok)\b(?: +(\d+))?[ \t]*(.*)$")
PLAN = re.compile(r"^( *)1\.\.(\d+)(?:\s*#\s*(.*))?$")
STAMP = re.compile(r"^(?:<\d>)?\[ *\d+\.\d+\] ?")
DIRECTIVE = re.compile(r"(?:^|\s)#\s*(skip\w*|todo)\b[:\s]*(.*)$", re.IGNORECASE)


class Result:
    """One test: its name, "passed", "failed" or "skipped", and the skip's reason."""

    def __init__(self, name, state, reason=""):
        self.name, self.state, self.reason = name, state, reason


class Parser:
    """Takes a test's output line by line; finish() gives the results."""

    def __init__(self):
        self.results = []
        self.problems = []	# what is wrong with the output as a whole
        self.pending = {}	# indent -> results of blocks not yet summed up
        self.plan = None	# of the top level; several plans add up
        self.top = 0		# result lines seen at the top level
        self.skip_all = None

    def line(self, text):
        """One line of output. Returns the Result it adds at the top level, or None."""
        text = STAMP.sub("", text.rstrip("\r\n"))
        if text.startswith("Bail out!"):
            self.problems.append(text)
            return None
        m = PLAN.match(text)
        if m:
            if not m.group(1):
                self.plan = (self.plan or 0) + int(m.group(2))
                if m.group(2) == "0":
                    found = DIRECTIVE.search("# " + (m.group(3) or ""))
                    self.skip_all = found.group(2).strip() if found else ""
            return None
        m = LINE.match(text)
        if not m:
            return None
        return self.result(len(m.group(1)), m.group(2) == "ok", m.group(4))

    def result(self, indent, good, rest):
        directive = DIRECTIVE.search(rest)
        reason = ""
        if directive:
            rest = rest[:directive.start()]
            reason = directive.group(2).strip()
        name = re.sub(r"^- *", "", rest.strip()).strip()
        state = "passed" if good else "failed"
        if directive and directive.group(1).lower().startswith("skip"):
            state = "skipped"
            reason = reason or name	# cmocka has the name there, KUnit the reason
            if not reason:
                state, reason = "failed", "a skip without a reason"

        inner = []
        for deeper in sorted(d for d in self.pending if d > indent):
            inner += self.pending.pop(deeper)
        mine = Result(name, state, reason)
        if inner:
            for r in inner:
                r.name = f"{name}: {r.name}" if name else r.name
            explained = state != "failed" or any(r.state == "failed" for r in inner)
            add = inner if explained else inner + [mine]
        else:
            add = [mine]
        if indent:
            self.pending.setdefault(indent, []).extend(add)
        else:
            self.top += 1
            self.results += add
        return mine

    def finish(self, status):
        """The results, with a failure added for each thing that is wrong.

        status: exit status of the test, negative if a signal ended it, or None
        if that is not to be judged.
        """
        for deeper in sorted(self.pending):
            self.results += self.pending[deeper]	# a block without its sum
            self.problems.append("a nested block has no result line")
        self.pending = {}
        if self.skip_all is not None and not self.results:
            if self.skip_all:
                self.results.append(Result("all", "skipped", self.skip_all))
            else:
                self.problems.append("nothing was planned, without a reason")
            self.plan = None
        if self.plan is not None and self.plan != self.top:
            self.problems.append(f"{self.plan} tests planned, {self.top} reported")
        failed = any(r.state == "failed" for r in self.results)
        if status is not None and status < 0:
            self.problems.append(f"ended by signal {-status}")
        elif status == 124:
            self.problems.append("time limit reached")
        elif status and not failed:
            self.problems.append(f"exit status {status} without a failed test")
        if not self.results and not self.problems:
            self.problems.append("printed no test result")
        for p in self.problems:
            self.results.append(Result(p, "failed"))
        return self.results
