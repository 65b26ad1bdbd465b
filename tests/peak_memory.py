"""The most memory that a program and those it starts had resident.

    peak_memory.py PROGRAM ARGUMENTS...

prints a JSON object: the exit status, the peak of each process in bytes, the program's
own first, and the most that they had together.  The kernel keeps each one's peak; the
sum is looked at some ten thousand times a second.  Run in a process of its own, as a
child counts what its parent had.
"""

import json
import os
import re
import resource
import subprocess
import sys

SIZES = re.compile(r"^VmHWM:\s+(\d+) kB\nVmRSS:\s+(\d+) kB$", re.M)


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def sizes_of(pid):
    """Peak and present size in bytes; 0 if it has ended."""
    with open(f"/proc/{pid}/status") as file:
        found = SIZES.search(file.read())
    return [int(size) * 1024 for size in found.groups()] if found else [0, 0]


def look(pid, peaks):
    """What all have now.  Of peaks the last look counts: before its exec() a child has
    its parent's memory."""
    together = 0
    try:
        for process in [pid, *children_of(pid)]:
            peak, now = sizes_of(process)
            together += now
            peaks[process] = peak or peaks.get(process, 0)
    except OSError:
        pass  # one of them has just ended
    return together


def watch(command):
    pid = os.posix_spawn(command[0], command, os.environ)
    peaks, together, done = {}, 0, 0
    while not done:
        together = max(together, look(pid, peaks))
        done, status, usage = os.wait4(pid, os.WNOHANG)
    # Of its last moments the kernel tells, unless that is what we were before exec();
    # who ended before a look at it, cannot have had more.
    largest = max(peaks, key=peaks.get)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if usage.ru_maxrss > own or peaks[largest] == 0:
        peaks[largest] = max(peaks[largest], usage.ru_maxrss * 1024)
    status = os.waitstatus_to_exitcode(status)
    return {"exit": status, "peaks": list(peaks.values()), "together": together}


def measure(cwd, *command):
    """watch() from a small process."""
    done = subprocess.run(
        [sys.executable, __file__, *map(str, command)], cwd=cwd, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(watch(sys.argv[1:])))
