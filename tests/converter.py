"""Runs mpt-convert for the tests written in Python, and reads what it leaves."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CONVERTER = PROJECT / os.environ.get("MPT_BUILD", "build") / "mpt-convert"
# The folder of journals, in each folder that bundles were written into.
JOURNALS = ".mpt-convert"
# Where tests that run it often keep their files, if there is such a place: fsync() is free.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass
class Run:
    """What one run of the converter said and where it wrote."""

    exit: int
    stdout: str
    stderr: str
    cwd: Path

    def rows(self):
        """The report of --jsonl: source path to its object."""
        rows = [json.loads(line) for line in self.stdout.splitlines()]
        return {self.path(row["source"]): row for row in rows if "source" in row}

    def path(self, reported):
        return (self.cwd / reported).resolve()


def convert(cwd, *arguments):
    """mpt-convert in the directory cwd; never raises for its exit status."""
    done = subprocess.run(
        [CONVERTER, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode >= 0, f"killed by signal: {done.stderr}"
    return Run(done.returncode, done.stdout, done.stderr, cwd)


def files_below(directory):
    """Relative path to content of every file but journals, or {} where there is no directory."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.parent.name != JOURNALS
    }


def forget(directory):
    """Remove the journals, so that nobody knows who wrote the bundles that are there."""
    for folder in list(directory.rglob(JOURNALS)):
        shutil.rmtree(folder)
