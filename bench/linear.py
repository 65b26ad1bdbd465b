"""Does the cost grow with the number of tensors and of files, and no faster?

usage: linear.py [--build BUILD]

Files of 1,000 to 20,000 small tensors are converted, and trees of 10,000 to 100,000 files
looked through by a dry run, which opens every checkpoint: once a hundredth of the files
are checkpoints, once all.  What counts is the CPU time of all processes, the least of
three runs.  Ends with 1 if each costs half as much again as in a smaller number of them,
or if a dry run over the largest tree took 3 seconds or more.  Needs torch.
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

TENSORS = 1_000, 5_000, 20_000
FILES = 10_000, 20_000, 50_000, 100_000
FILES_IN_RUN = 100
RUNS = 3
KNEE, DRY_RUN_SECONDS = 1.5, 3.0


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


def measure(build, scratch, row):
    """Prints the lines of one kind; whether it is linear, and fast enough."""
    name, sizes, make, arguments, seconds = row
    least, good = None, True
    for count in sizes:
        shutil.rmtree(scratch / "in", ignore_errors=True)
        make(scratch / "in", count)
        runs = [run(build, scratch, arguments) for _ in range(RUNS)]
        wall, cpu, rss = map(min, zip(*runs))
        each, verdict = cpu / count, ""
        if least and each > KNEE * least:
            verdict, good = "KNEE", False
        least = min(each, least or each)
        if seconds and count == sizes[-1] and wall >= seconds:
            verdict, good = f"SLOW, {seconds:g} s are the limit", False
        print(f"{name:28} {count:7} {wall:8.3f} {cpu:8.3f} {each * 1e6:8.1f} {rss:8.0f}  "
              f"{verdict}".rstrip(), flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=Path, default=HERE.parent / "build")
    parser.add_argument("--scratch", type=Path, default="/dev/shm")
    arguments = parser.parse_args()
    print(f"{'':28} {'number':>7} {'seconds':>8} {'CPU s':>8} {'us each':>8} {'RSS MiB':>8}")
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        good = [measure(arguments.build, Path(scratch), row) for row in TABLE]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
