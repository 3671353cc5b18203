# SPDX-License-Identifier: BSD-2-Clause
"""Becoming another user: who that is, and a place that the user can reach.

A checkout may lie in a home that nobody else may enter (root's is 0700 on Debian). So what another
user runs or reads is first copied to a place of its own.
"""

import contextlib
import os
import shutil
import tempfile

NOBODY = 65534
AS_NOBODY = {"user": NOBODY, "group": NOBODY, "extra_groups": []}	# for subprocess


def barrier(path):
    """The directory on the way to path that others may not enter, or None."""
    path = os.path.realpath(path)
    while path != "/":
        if os.path.isdir(path) and not os.stat(path).st_mode & 0o001:
            return path
        path = os.path.dirname(path)
    return None


@contextlib.contextmanager
def place():
    """A directory of its own that anybody may enter and read, removed at the end."""
    tried = [tempfile.gettempdir(), "/tmp", "/var/tmp"]
    top = next((d for d in tried if os.path.isdir(d) and not barrier(d)), None)
    if top is None:
        raise SystemExit(f"no directory for temporary files that others may enter: {barrier(tried[0])} "
                         "is in the way; set TMPDIR")
    with tempfile.TemporaryDirectory(dir=top) as tmp:
        os.chmod(tmp, 0o755)
        yield tmp


def copy(tmp, program):
    """The path of a copy in a place that the user may run."""
    to = os.path.join(tmp, os.path.basename(program))
    shutil.copyfile(program, to)
    os.chmod(to, 0o755)
    return to
