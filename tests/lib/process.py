# SPDX-License-Identifier: BSD-2-Clause
"""What a process holds, as the tests look at it."""


def field(path, name):
    """The number behind NAME: in a file of /proc, 0 if it is not there."""
    with open(path, encoding="ascii") as f:
        for line in f:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    return 0


def private_memory(pid):
    """KiB of its own memory, without huge pages: the kernel makes one of what lies together,
    when it has time, so they say nothing about what the process asked for."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        kib = {words[0]: int(words[1]) for words in map(str.split, f) if words[-1] == "kB"}
    return kib["Anonymous:"] - kib["AnonHugePages:"]
