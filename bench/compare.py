"""How fast mpt-convert and mpt-validate are, against what else does the same work.

usage: compare.py [--quick] [--record] [CASE ...]

Without a CASE all are run, and linear.py after them unless it is to be quick.

The contestants of a case take turns, in another order each round, so that what the
machine does besides falls on all alike; ratios are taken within a round.  Whoever writes
bundles writes into an empty folder on tmpfs, from sources that are in memory already,
and in the first round the bundles are held against the digests that the corpus came
with.  The work is the same on both sides: whoever converts, but cp, also computes the
SHA-256 of the files that it writes, as mpt-convert does for its journal.  --record
writes RESULTS.md.  Ends with 1 if a goal was missed, but for --quick:
the goals are for the full sizes.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import corpus
import linear
import results
from results import CORES, LIMIT, OURS, Goal, Took

HERE = Path(__file__).resolve().parent
ROUNDS, QUICK_ROUNDS = 7, 3
LINEAR = "linear"       # the case that linear.py is

# Words in braces: see Runner.places.
CONVERT = "{build}/mpt-convert {case}/sources -o {out} --quiet -j {cores}"
VALIDATE = "{build}/mpt-validate {bundles} --quiet -j {cores}"
TORCH = "{python} {bench}/rivals.py torch {case} {out}"
NUMPY = "{python} {bench}/rivals.py numpy {case} {out}"
LOOP = "{python} {bench}/rivals.py validate {case} {bundles}"
COPY = "cp -r {case}/sources {out}"
MOVE = "{build}/bench/limit {cores} {plan} {out}"
MOVE_ALONE = "{build}/bench/limit 1 {plan} {out}"


class Match(NamedTuple):
    """One case of the table: who competes, on which checkpoints, for what."""

    title: str
    case: str
    contestants: dict       # name: command; ours comes first
    goals: tuple[Goal, ...]
    rss_mib: int            # of our largest process, at most
    seconds: float = 0      # ours, at most, where start-up is all
    writes: str = "folders"     # or zips, or nothing
    no_larger_than: str = ""    # whose output ours may not exceed


MANY = {
    OURS: CONVERT, "torch": TORCH, "torch, pool": TORCH + " --pool {cores}",
    "numpy, pool": NUMPY + " --pool {cores}", "cp": COPY, LIMIT: MOVE,
}  # fmt: skip
LONE = {OURS: CONVERT, "torch": TORCH, "numpy": NUMPY, "cp": COPY, LIMIT: MOVE_ALONE}
MAPPED = {**LONE, "torch": TORCH + " --mmap"}
ZIPPED = {
    OURS: CONVERT + " --format zip", LIMIT: MOVE + " zip",
    "numpy, pool": NUMPY + " --pool {cores} --format zip",
}  # fmt: skip
JUDGED = {OURS: VALIDATE, "safetensors": LOOP, LIMIT: MOVE}

MATCHES = {
    "small": Match(
        "small", "small", MANY,
        (Goal("torch, pool", 12), Goal("numpy, pool", 2.5), Goal(LIMIT, 1.5)), 32),
    "medium": Match(
        "medium", "medium", MANY,
        (Goal("torch, pool", 3), Goal("numpy, pool", 1.8), Goal(LIMIT, 1.2)), 64),
    "large-A": Match(
        "large A", "large-A", MAPPED,
        (Goal("torch", 4), Goal("numpy", 1.8), Goal(LIMIT, 1.2)), 32),
    "large-C": Match(
        "large C", "large-C", LONE,
        (Goal("torch", 3.2), Goal("numpy", 2.7), Goal(LIMIT, 1.1)), 64),
    "one-A": Match(
        "one file, A", "one-A", LONE, (Goal("torch", 60), Goal("numpy", 5)), 16, 0.035),
    "one-C": Match(
        "one file, C", "one-C", LONE, (Goal("torch", 60), Goal("numpy", 5)), 16, 0.008),
    "zip": Match(
        "small, zip output", "small", ZIPPED,
        (Goal("numpy, pool", 10), Goal(LIMIT, 1.5)), 32,
        writes="zips", no_larger_than="numpy, pool"),
    "validate": Match(
        "validate small", "small", JUDGED,
        (Goal("safetensors", 10), Goal(LIMIT, 1.3)), 32, writes="nothing"),
    "validate-large": Match(
        "validate large A", "large-A", JUDGED, (Goal(LIMIT, 1.3),), 32,
        writes="nothing"),
}  # fmt: skip


class Runner:
    """Runs the contestants of one match."""

    def __init__(self, match, build, root, scratch):
        self.match, self.scratch, self.out = match, scratch, scratch / "out"
        self.case = root / match.case
        self.places = {
            "build": build, "python": sys.executable, "bench": HERE, "cores": CORES,
            "case": self.case, "plan": self.case / "plan.txt", "out": self.out,
            "bundles": scratch / "bundles",
        }  # fmt: skip

    def words(self, command):
        return [word.format(**self.places) for word in command.split()]

    def prepare(self):
        """Sources into memory; for who writes nothing, bundles to read."""
        subprocess.run(["cat", *self.case.rglob("*:v*")], stdout=subprocess.DEVNULL)
        if self.match.writes == "nothing":
            self.make_bundles()

    def make_bundles(self):
        bundles, plan = self.places["bundles"], self.scratch / "plan.txt"
        shutil.rmtree(bundles, ignore_errors=True)
        convert = self.words(CONVERT.replace("{out}", "{bundles}"))
        subprocess.run(convert, check=True, stderr=subprocess.DEVNULL)
        files = [path for path in sorted(bundles.rglob("*")) if path.is_file()]
        plan.write_text(
            "".join(f"copy 0 {path.stat().st_size} {path}\t-\n" for path in files)
        )
        self.places |= {"plan": plan, "out": ""}

    def run(self, contestant):
        """Run one from nothing; what it wrote is then in self.out."""
        shutil.rmtree(self.out, ignore_errors=True)
        report = self.scratch / "took"
        timed = [f"{self.places['build']}/bench/timed", report]
        words = [*timed, *filter(None, self.words(self.match.contestants[contestant]))]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{contestant} ended with {done.returncode}: {done.stderr}")
        wall, cpu, rss_kib = map(float, report.read_text().split())
        files = [path for path in self.out.rglob("*") if path.is_file()]
        written = sum(path.stat().st_size for path in files)
        return Took(wall, cpu, rss_kib / 1024, written)

    def check(self):
        """Are these the bundles that the manifest tells of?"""
        for row in json.loads((self.case / "manifest.json").read_text())["rows"]:
            found = [*self.digests(self.out / row["bundle"])]
            if found != [row["weights_sha256"], row["spec_sha256"]]:
                sys.exit(f"{row['bundle']} is not the bundle it should be")

    def digests(self, bundle):
        for name in corpus.WEIGHTS, "policy_spec.json":
            if self.match.writes == "zips":
                with zipfile.ZipFile(f"{bundle}.zip") as archive:
                    yield hashlib.sha256(archive.read(name)).hexdigest()
            else:
                yield corpus.digest_of(bundle / name)

    def play(self, rounds, only):
        """What each contestant took in each round, by name."""
        wanted = [OURS, *(only or self.match.contestants)]
        names = [name for name in self.match.contestants if name in wanted]
        took = {name: [] for name in names}
        self.prepare()
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                took[name].append(self.run(name))
                compared = self.match.writes != "nothing" and name not in ("cp", LIMIT)
                if number == 0 and compared:
                    self.check()
            print(f"{self.match.title}: round {number + 1}", file=sys.stderr, flush=True)
        return took


def size_texts(names, quick):
    for name in dict.fromkeys(MATCHES[name].case for name in names):
        case = corpus.CASES[name]
        size = case.quick if quick else case.full
        yield f"{name}: {size.files} x {size.nbytes // corpus.MIB} MiB of {case.eras}"


def compare(names, rounds, arguments):
    """Returns the rows of the table, and whether all goals were reached."""
    table, all_good = [], True
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    try:
        for name in names:
            runner = Runner(
                MATCHES[name], arguments.build, arguments.corpus, arguments.scratch
            )
            took = runner.play(rounds, arguments.only)
            rows, good = results.rows_of(MATCHES[name], took)
            table += rows
            all_good &= good
    finally:
        shutil.rmtree(arguments.scratch)
    return table, all_good


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cases = ", ".join([*MATCHES, LINEAR])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=cases)
    parser.add_argument("--build", type=Path, default=HERE.parent / "build")
    parser.add_argument("--corpus", type=Path, help="folder (default: in build)")
    parser.add_argument("--scratch", type=Path, default="/dev/shm/mpt-bench")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", action="append", metavar="CONTESTANT")
    parser.add_argument("--quick", action="store_true", help="small, for a quick look")
    parser.add_argument("--record", action="store_true", help="write RESULTS.md")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    kind = "quick" if arguments.quick else "full"
    arguments.corpus = arguments.corpus or arguments.build / "bench" / kind
    if not arguments.cases:
        arguments.cases = [*MATCHES] if arguments.quick else [*MATCHES, LINEAR]
    return arguments


def main():
    arguments = parse()
    names = [name for name in arguments.cases if name != LINEAR]
    rounds = arguments.rounds or (QUICK_ROUNDS if arguments.quick else ROUNDS)
    cases = {MATCHES[name].case for name in names}
    corpus.make(arguments.corpus, sorted(cases), arguments.quick)
    table, good = compare(names, rounds, arguments)
    print(results.plain(table))
    growth, grows_well = [], True
    if LINEAR in arguments.cases:
        growth, grows_well = linear.measure_all(arguments.build, arguments.scratch.parent)
        print(results.plain(growth, results.GROWTH_HEAD))
    if arguments.record:
        command = " ".join(["bench/compare.py", *sys.argv[1:]])
        sizes = size_texts(names, arguments.quick)
        results.record(command, table, sizes, rounds, growth)
    return 0 if (good and grows_well) or arguments.quick else 1


if __name__ == "__main__":
    sys.exit(main())
