# SPDX-License-Identifier: BSD-2-Clause
"""TAP from Python: one line a check, the plan at the end."""

import sys


class Checks:
    """Counts and prints checks; end() prints the plan and gives the exit status."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, name, good, detail=""):
        """One result. detail is shown when it failed. Returns good as a bool."""
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        if not good:
            for line in str(detail).splitlines()[-40:]:
                print("# " + line)
        sys.stdout.flush()
        return bool(good)

    def equal(self, name, have, want):
        return self.check(name, have == want, f"have {have!r}, want {want!r}")

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}")
        sys.stdout.flush()

    def note(self, text):
        for line in str(text).splitlines():
            print("# " + line)
        sys.stdout.flush()

    def end(self):
        print(f"1..{self.count}")
        sys.stdout.flush()
        return 1 if self.failed else 0
