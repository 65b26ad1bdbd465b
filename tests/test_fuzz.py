"""The fuzz targets without a fuzzer: over their seeds, each cut and changed everywhere.

What a target demands is in its source; that the fuzzers find nothing new is up to `make fuzz`.
"""

import os
import re
import subprocess
import sys

import pytest
from conftest import PROJECT

FUZZ = PROJECT / "tests/fuzz"
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in FUZZ.glob("fuzz_*.c"))
DICT_LINE = r'(|#.*|"(?:[^"\\]|\\x[0-9a-f]{2})+")'


@pytest.fixture(scope="module")
def corpus(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    environment = {**os.environ, "MPT_BUILD": str(build)}
    subprocess.run([sys.executable, FUZZ / "seeds.py", folder], env=environment, check=True)
    return folder


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(build, corpus, target):
    # A sanitizer that aborts lets the program say with which input.
    options = os.environ.get("ASAN_OPTIONS", "") + ":abort_on_error=1"
    done = subprocess.run(
        [build / "tests/fuzz" / f"fuzz_{target}", corpus / target],
        env={**os.environ, "ASAN_OPTIONS": options},
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stderr
    seeds = len(list((corpus / target).iterdir()))
    (inputs,) = re.fullmatch(r"(\d+) inputs\n", done.stdout).groups()
    assert seeds > 50 and int(inputs) > 20 * seeds


@pytest.mark.parametrize("target", TARGETS)
def test_dictionary(target):
    """libFuzzer reads no further than to the first line it does not know."""
    lines = (FUZZ / f"{target}.dict").read_text("ascii").splitlines()
    assert [line for line in lines if not re.fullmatch(DICT_LINE, line)] == []
