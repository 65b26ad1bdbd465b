"""The table of a benchmark: medians and spreads, ratios, and which goals were reached."""

import datetime
import os
import platform
import re
import statistics
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
CORES = len(os.sched_getaffinity(0))
OURS, LIMIT = "mpt-bundle", "limit"
HEAD = "case", "", "seconds", "CPU s", "RSS MiB", "times", "of CPU", "goal"
GROWTH_HEAD = "cost of", "number", "seconds", "CPU s", "us each", "RSS MiB", ""


class Took(NamedTuple):
    """One run of one contestant."""

    wall: float
    cpu: float
    rss_mib: float
    written: int


class Goal(NamedTuple):
    """A rival must take so many times as long as we; we at most so many as the limit."""

    rival: str
    times: float


def median(runs, field):
    return statistics.median(getattr(run, field) for run in runs)


def spread(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def ratios_of(over, under, field):
    """Within each round."""
    pairs = zip(over, under, strict=True)
    return [getattr(a, field) / max(getattr(b, field), 1e-6) for a, b in pairs]


def times(took, contestant, field):
    """The rival's over ours, or ours over the limit's."""
    if contestant == LIMIT:
        return ratios_of(took[OURS], took[LIMIT], field)
    return ratios_of(took[contestant], took[OURS], field)


class Verdict(NamedTuple):
    """What was asked, whether it was reached, and else what the limit program comes to."""

    goal: str
    good: bool
    within_reach: str = ""

    def __str__(self):
        return f"{self.goal} ok" if self.good else f"{self.goal} **missed**{self.within_reach}"


def own_goals(match, took):
    """What was asked of us alone."""
    rss = max(run.rss_mib for run in took[OURS])
    yield Verdict(f"<= {match.rss_mib} MiB", rss <= match.rss_mib)
    if match.seconds:
        most, least = match.seconds * 1e3, 0
        if LIMIT in took:
            least = median(took[LIMIT], "wall") * 1e3
        good = median(took[OURS], "wall") * 1e3 <= most
        remark = f" (limit takes {least:.1f})" if least > most else ""
        yield Verdict(f"<= {most:g} ms", good, remark)
    if match.no_larger_than in took:
        other = took[match.no_larger_than][0].written
        yield Verdict("no larger", took[OURS][0].written <= other)


def goal_against(match, took, contestant):
    for goal in match.goals:
        if goal.rival == contestant:
            found = statistics.median(times(took, contestant, "wall"))
            if contestant == LIMIT:
                yield Verdict(f"<= {goal.times:g}", found <= goal.times)
            else:
                remark = out_of_reach(took, goal)
                yield Verdict(f">= {goal.times:g}", found >= goal.times, remark)


def out_of_reach(took, goal):
    """A remark if not even the limit program reaches it."""
    if LIMIT not in took:
        return ""
    most = statistics.median(ratios_of(took[goal.rival], took[LIMIT], "wall"))
    return f" (limit reaches {most:.1f})" if most < goal.times else ""


def row_of(match, took, contestant):
    """A line of the table, and whether its goals were reached."""
    runs, ours = took[contestant], contestant == OURS
    if ours:
        goals = list(own_goals(match, took))
        ratios = "", ""
    else:
        goals = list(goal_against(match, took, contestant))
        cpu = statistics.median(times(took, contestant, "cpu"))
        ratios = spread(times(took, contestant, "wall"), ".2f"), f"{cpu:.2f}"
    cells = (
        match.title if ours else "", contestant,
        spread([run.wall for run in runs], ".3f"), f"{median(runs, 'cpu'):.3f}",
        f"{max(run.rss_mib for run in runs):.0f}", *ratios, ", ".join(map(str, goals)),
    )  # fmt: skip
    return cells, all(goal.good for goal in goals)


def rows_of(match, took):
    """The lines of one match, and whether all its goals were reached."""
    rows = [row_of(match, took, contestant) for contestant in took]
    return [cells for cells, _ in rows], all(good for _, good in rows)


def plain(rows, head=HEAD):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [head, *rows]]
    return "\n".join(lines)


def markdown(rows, head=HEAD):
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def machine():
    """Nothing that tells one machine of a kind from another."""
    cpu = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.M)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    packages = [f"{name} {version(name)}" for name in ("torch", "numpy", "safetensors")]
    return (
        f"{CORES} cores ({cpu[1] if cpu else platform.machine()}), {memory:.0f} GB of "
        f"memory, Linux {platform.release().partition('-')[0]}, Python "
        f"{platform.python_version()}, {', '.join(packages)}"
    )


TEXT = """# Results

Written by `{command}`; see the heads of `compare.py` and `linear.py`.

{date}, {rounds} rounds, on {machine}.
{sizes}.
A is a torch archive, B a zip with a deflated policy.pt, C an mpt zip, D a pre-zip stream;
each has 67 tensors of gaussian values.

Seconds and times are the median (least to greatest) of the rounds. A rival's *times* is
its time over ours in the same round; that of *limit* is ours over its. *torch* is a loop
of `torch.load` and `save_file`, with `mmap=True` for the large archive; *numpy* is the
same without torch, around a restricted unpickler; *limit* is a C program that reads,
inflates, sums and writes the same bytes, checks nothing and knows no format. Whoever
writes bundles, but *cp*, computes the SHA-256 of both files, which our journal holds. RSS
is that of the largest process. Sources are in memory, outputs on tmpfs, and what all but
*cp* and *limit* write is the same byte for byte.

Beside a goal that was missed stands what *limit* comes to in the same rounds, if not even
that reaches it.

{table}"""

GROWTH = """
The cost must grow with the number of tensors in a file, and of files in a tree of which a
dry run opens all checkpoints, or of which all are converted, and no faster; the memory by
little more than their names. The least of several runs.

{table}"""


def record(command, rows, sizes, rounds, growth):
    """The table of a comparison, and that of linear.py if it was run."""
    text = TEXT.format(
        command=command, date=datetime.date.today().isoformat(), machine=machine(),
        rounds=rounds, sizes=";\n".join(sizes), table=markdown(rows),
    )  # fmt: skip
    if growth:
        text += GROWTH.format(table=markdown(growth, GROWTH_HEAD))
    RESULTS.write_text(text)
