"""The cmocka programs of tests/unit, each of their tests as a test of its own.

A program runs once; what it says of each test is in its TAP output.
"""

import os
import re
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parent / "unit").glob("*.c"))
REGISTERED = r"(?:cmocka_unit_test\w*|IN_A_FOLDER|WITH_ARCHIVE|BOTH_WAYS)\(\s*(test_\w+)"


def unit_tests():
    for source in SOURCES:
        for name in re.findall(REGISTERED, source.read_text("utf-8")):
            yield pytest.param(source.stem, name, id=f"{source.stem}:{name}")


@lru_cache(maxsize=None)
def run(program):
    """({test: passed}, all that was printed) of a program."""
    environment = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"}
    done = subprocess.run([program], env=environment, capture_output=True, timeout=600)
    printed = (done.stdout + done.stderr).decode(errors="replace")
    lines = re.findall(r"^(not )?ok \d+ - (\w+)", printed, re.MULTILINE)
    passed = {}     # a test may run in several ways
    for failed, name in lines:
        passed[name] = passed.get(name, True) and not failed
    return passed, f"{printed}\nstatus {done.returncode}"


@pytest.mark.parametrize("program, test", list(unit_tests()))
def test_unit(build, program, test):
    passed, printed = run(build / "tests/unit" / program)
    assert passed.get(test), printed


@pytest.mark.parametrize("program", [source.stem for source in SOURCES])
def test_program(build, program):
    """Every test it ran is known here, and it ended well: no leak, no crash behind the last."""
    passed, printed = run(build / "tests/unit" / program)
    assert passed.keys() == {p.values[1] for p in unit_tests() if p.values[0] == program}
    assert printed.endswith("status 0"), printed
