"""Does the cost grow with the number of tensors and of files, and no faster?

usage: linear.py [--build BUILD]

Files of 1,000 to 20,000 small tensors are converted, and trees of 10,000 to 100,000 files
looked through by a dry run, which opens every checkpoint: once a hundredth of the files
are checkpoints, once all; these are then converted, too.  What counts is the CPU time of
all processes, the least of three runs.  Ends with 1 if each costs half as much again as
in a smaller number of them, if a dry run over the largest tree took 3 seconds or more, or
if the largest process grows by more than 2 KiB with each.  Needs torch.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

import mpt_zip  # noqa: E402
import results  # noqa: E402

TENSORS = 1_000, 5_000, 20_000
FILES = 10_000, 20_000, 50_000, 100_000
FILES_IN_RUN = 100
RUNS = 3
KNEE, DRY_RUN_SECONDS, KIB_EACH = 1.5, 3.0, 2


def weights(count):
    import torch

    return {f"network.blocks.{i}.weight": torch.full((8,), i / 7) for i in range(count)}


def make_archive(folder, count):
    import torch

    folder.mkdir()
    torch.save(weights(count), folder / "r:v1.pt")


def make_mpt_zip(folder, count):
    numbers = {name: value.numpy() for name, value in weights(count).items()}
    mpt_zip.write(folder / "r:v1.mpt", weights=numbers)


def make_tree(folder, count, one_in):
    """Runs of a hundred files: checkpoints, and empty ones of other names."""
    content = mpt_zip.write(folder.with_suffix(".mpt")).read_bytes()
    for i in range(count):
        run, number = f"run{i // FILES_IN_RUN}", i % FILES_IN_RUN
        if number == 0:
            (folder / run / "checkpoints").mkdir(parents=True)
        if number % one_in == 0:
            path = folder / run / "checkpoints" / f"{run}:v{number}.mpt"
            path.write_bytes(content)
        else:
            (folder / run / f"replay_{number}.json.z").touch()


# name, sizes, how to make it, arguments, seconds it may take
TABLE = [
    ("tensors of a torch archive", TENSORS, make_archive, ["-o"], None),
    ("tensors of an mpt zip", TENSORS, make_mpt_zip, ["-o"], None),
    ("files, few are checkpoints", FILES,
     lambda folder, count: make_tree(folder, count, FILES_IN_RUN), ["-n"], DRY_RUN_SECONDS),
    ("files, all are checkpoints", FILES,
     lambda folder, count: make_tree(folder, count, 1), ["-n"], DRY_RUN_SECONDS),
    ("files, all are converted", FILES,
     lambda folder, count: make_tree(folder, count, 1), ["-o"], None),
]  # fmt: skip


def run(build, scratch, arguments):
    """Seconds on the clock and of CPU, and the RSS in MiB."""
    out, report = scratch / "out", scratch / "took"
    shutil.rmtree(out, ignore_errors=True)
    command = [build / "bench/timed", report, build / "mpt-convert", "--quiet"]
    command += ["--architecture", "a.B", scratch / "in", *arguments]
    command += [out] if arguments == ["-o"] else []
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    wall, cpu, rss_kib = map(float, report.read_text().split())
    return wall, cpu, rss_kib / 1024


def measure(build, scratch, kind):
    """The rows of one kind.  Their last cell says what is not as it should be."""
    name, sizes, make, arguments, seconds = kind
    least = first = None
    for count in sizes:
        shutil.rmtree(scratch / "in", ignore_errors=True)
        make(scratch / "in", count)
        runs = [run(build, scratch, arguments) for _ in range(RUNS)]
        wall, cpu, rss = map(min, zip(*runs))
        each, verdict = cpu / count, ""
        if least and each > KNEE * least:
            verdict = "**knee**"
        least = min(each, least or each)
        first = first or (count, rss)
        if (rss - first[1]) * 1024 > KIB_EACH * (count - first[0]):
            verdict = "**grows**"
        if seconds and count == sizes[-1] and wall >= seconds:
            verdict = f"**slow**, {seconds:g} s are the limit"
        yield (
            name, f"{count:,}", f"{wall:.3f}", f"{cpu:.3f}", f"{each * 1e6:.1f}",
            f"{rss:.0f}", verdict,
        )  # fmt: skip


def measure_all(build, scratch):
    """The rows of the table, and whether all is linear and fast enough."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        rows = [row for kind in TABLE for row in measure(build, Path(folder), kind)]
    return rows, not any(row[-1] for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=Path, default=HERE.parent / "build")
    parser.add_argument("--scratch", type=Path, default="/dev/shm")
    arguments = parser.parse_args()
    rows, good = measure_all(arguments.build, arguments.scratch)
    print(results.plain(rows, results.GROWTH_HEAD))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
