"""Runs mpt-inspect for the tests written in Python."""

import json
import os
import subprocess
from dataclasses import dataclass

from sources import BUILD

PROGRAM = BUILD / "mpt-inspect"
GOOD, BAD, USAGE, NOTHING = 0, 1, 2, 3


@dataclass
class Run:
    exit: int
    stdout: str
    stderr: str

    def document(self):
        assert self.stdout.endswith("}\n") and self.stdout.count("\n") == 1
        return json.loads(self.stdout)


def inspect(*arguments, cwd=None, env=None):
    """Run the program; a death by signal is never an answer."""
    done = subprocess.run(
        [PROGRAM, *arguments], cwd=cwd, env=None if env is None else os.environ | env,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
    )  # fmt: skip
    text = [stream.decode("utf-8") for stream in (done.stdout, done.stderr)]
    assert done.returncode in (GOOD, BAD, USAGE, NOTHING), (done.returncode, text)
    return Run(done.returncode, *text)


def document_of(*arguments, **options):
    """What a run with --json prints; it must have been good."""
    run = inspect(*arguments, "--json", **options)
    assert run.exit == GOOD, run.stderr
    return run.document()
