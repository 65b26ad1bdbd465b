"""A migration is killed again and again, at any moment, and comes to the same end.

MPT_KILLS says how often (100 by default).  After each kill every bundle that has its name
is complete; when a run has come to its end, the tree is what an undisturbed one makes.
"""

import os
import random
import shutil
import signal
import subprocess
import time
import zipfile

import mpt_zip
import numpy
import pytest
from converter import CONVERTER, JOURNALS, PROJECT, files_below
from test_convert import GOOD, run, summary

KILLS = int(os.environ.get("MPT_KILLS", "100"))
LEGACY = PROJECT / "fixtures/legacy/local.daveey.20251002/checkpoints"
FORMS = {
    "folders": ["-o", "out"],
    "archives": ["-o", "out", "--format=zip"],
    "in place": ["--in-place"],
    "each on its own": ["-o", "out", "--durability=each"],
}


def make_tree(folder):
    """Small ones, one of some MB, and one of each kind that needs the helper."""
    mpt_zip.tree(folder / "tree", 40)
    large = {"w": numpy.random.default_rng(0).random(1_000_000, dtype="float32")}
    mpt_zip.write(folder / "tree/large:v1.mpt", weights=large)
    for source in LEGACY.glob("*:v*"):
        shutil.copy2(source, folder / "tree")


def bundles_of(folder):
    """Name to members of each bundle that is visible, whatever its form."""
    found = {}
    for path in folder.rglob("*"):
        if any(part.startswith(".mpt-") for part in path.parts):
            continue
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                found[path.name[:-4]] = {n: archive.read(n) for n in archive.namelist()}
        elif path.is_dir() and ":v" in path.name:
            found[path.name] = files_below(path)
    return found


def clear(folder, options):
    """So that there is something to do again."""
    if "--in-place" in options:
        shutil.rmtree(folder / "tree")
        make_tree(folder)
    else:
        shutil.rmtree(folder / "out", ignore_errors=True)


def kill_once(folder, places, delay, **environment):
    """Has it come to its end before?"""
    process = subprocess.Popen([CONVERTER, "-q", "-j2", *places], cwd=folder,
                               stderr=subprocess.PIPE, **environment)
    try:
        process.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode in (GOOD, -signal.SIGKILL), stderr
    return process.returncode == GOOD


def assert_at_the_end(folder, expected):
    assert bundles_of(folder) == expected
    left = [path for path in folder.rglob(".mpt-convert-*")]
    left += [path for folder in folder.rglob(JOURNALS) for path in folder.glob("*claim-*")]
    assert left == []


@pytest.mark.parametrize("form", FORMS)
def test_kill_anywhere(ram_path, form):
    options = FORMS[form]
    make_tree(ram_path)
    begin = time.monotonic()
    assert run(ram_path, "tree", *options).exit == GOOD
    whole = time.monotonic() - begin
    expected = bundles_of(ram_path)
    assert len(expected) == 41 + len(list(LEGACY.glob("*:v*")))
    clear(ram_path, options)
    chance, kills = random.Random(form), 0
    while kills < KILLS // len(FORMS):
        if kill_once(ram_path, ["tree", *options], chance.uniform(0, whole / 2)):
            assert_at_the_end(ram_path, expected)
            clear(ram_path, options)
        else:
            kills += 1
            for name, members in bundles_of(ram_path).items():
                assert members == expected[name], name
    done = run(ram_path, "tree", *options)
    assert (done.exit, summary(done.stderr)[2]) == (GOOD, 0)
    assert_at_the_end(ram_path, expected)
