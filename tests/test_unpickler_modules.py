"""Random module trees of two releases of torch: the index against torch's own
state_dict(), in keys, order, dtype, shape, stride, offset and sharing.

MPT_OLD_TORCH_PYTHON is an interpreter with torch 1.13.
"""

import base64
import itertools
import json
import os
import pathlib
import subprocess
import sys

import pytest

from test_unpickler import STORAGE_DTYPES
from unpickler_client import ARCHIVE, PLAIN, STREAM, Helper

COUNT = 510     # of each release
LAYOUTS = {"archive": ARCHIVE, "stream": STREAM, "plain": PLAIN}
SCRIPT = pathlib.Path(__file__).with_name("random_modules.py")
OLD_PYTHON = os.environ.get("MPT_OLD_TORCH_PYTHON", "/usr/bin/python3")


def torch_version(python):
    """Of an interpreter; "" if it has no torch or is not there."""
    if not os.access(python, os.X_OK):
        return ""
    code = "import torch; print(torch.__version__)"
    run = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return run.stdout.strip()


def cases(python, seed):
    run = subprocess.run([python, SCRIPT, str(seed), str(COUNT)],
                         stdout=subprocess.PIPE, check=True,
                         env=dict(os.environ, OMP_NUM_THREADS="1"))
    for line in run.stdout.splitlines():
        layout, protocol, request, rows = json.loads(line)
        yield LAYOUTS[layout], protocol, base64.b64decode(request), rows


def rows(answer):
    """The same rows of an answer."""
    numbers = {}
    found = []
    for t in answer.tensors:
        dtype = t.dtype or STORAGE_DTYPES[answer.storages[t.storage][1]]
        found.append([t.key, dtype, list(t.size), list(t.stride), t.offset,
                      numbers.setdefault(t.storage, len(numbers))])
    return found


def check(python, seed):
    forms = set()
    tensors = 0
    with Helper() as helper:
        for number, (layout, protocol, request, expected) in enumerate(
                cases(python, seed)):
            answer = helper.ask(request, layout)
            case = f"seed {seed}, number {number}"
            if not expected and answer.kind != "module":
                assert "empty dict" in answer.reason, case
                continue
            assert answer.verdict == "INDEX", (case, answer)
            found = rows(answer)
            if layout == PLAIN:     # it does not keep what is shared
                found = [row[:-1] for row in found]
                expected = [row[:-1] for row in expected]
            assert found == expected, case
            assert answer.notes == [], (case, answer.notes)
            forms.add((layout, protocol))
            tensors += len(expected)
    assert number == COUNT - 1
    assert forms == set(itertools.product(LAYOUTS.values(), (2, 3, 4, 5)))
    assert tensors > 10 * COUNT


def test_this_torch():
    check(sys.executable, 1)


def test_old_torch():
    version = torch_version(OLD_PYTHON)
    if not version.startswith("1.13"):
        pytest.skip(f"{OLD_PYTHON} has torch {version or 'not at all'}, "
                    "MPT_OLD_TORCH_PYTHON names none with 1.13")
    check(OLD_PYTHON, 2)
