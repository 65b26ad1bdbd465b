"""cluster/mpt-convert.sbatch on a real Slurm, of one node that the tests start.

Which variables choose which shard is tests/test_shard.py; that Slurm sets them as
assumed there shows here.
"""

import contextlib
import os
import shutil

import mpt_zip
import pytest
import slurm_cluster
from converter import CONVERTER, PROJECT, convert, files_below

SCRIPT = PROJECT / "cluster/mpt-convert.sbatch"
BROKEN = "relh.arena.hc.1221/checkpoints/relh.arena.hc.1221:v30.mpt"
DONE = ("COMPLETED", 0)

pytestmark = pytest.mark.skipif(
    bool(slurm_cluster.missing()),
    reason=f"not installed (slurm-wlm, munge): {', '.join(slurm_cluster.missing())}",
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm_cluster.Cluster(tmp_path_factory.mktemp("slurm")) as running:
        running.env["MPT_CONVERT"] = str(CONVERTER)
        yield running


@pytest.fixture(scope="module")
def cwd(tmp_path_factory):
    """A tree of good checkpoints, runs, and what one process makes of it, whole."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copytree(PROJECT / "fixtures/legacy", folder / "runs")
    (folder / "runs" / BROKEN).unlink()
    mpt_zip.tree(folder / "runs", 12, "other")
    assert convert(folder, "runs", "-o", "whole").exit == 0
    return folder


def bundles(folder):
    return {k: v for k, v in files_below(folder).items() if ".mpt-convert" not in k}


def log(cwd, job, task):
    return (cwd / f"mpt-convert-{job}_{task}.log").read_text()


@pytest.fixture
def stuck(cluster, cwd, tmp_path, monkeypatch):
    """Task 2 stands still once it has converted something: nobody reads its results."""
    pipe, wrapper = tmp_path / "pipe", tmp_path / "wrapper"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, bytes(4096))
    wrapper.write_text(
        f'#!/bin/sh\n[ "$SLURM_ARRAY_TASK_ID" = 2 ] && exec {CONVERTER} -j1 --jsonl --durability=each "$@" >{pipe}\n'
        f'exec {CONVERTER} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setitem(cluster.env, "MPT_CONVERT", str(wrapper))
    yield
    os.close(descriptor)


ENDS = {
    "cancelled": ([], ("CANCELLED", 143)),
    "its time is up": (["--batch", "--signal=TERM"], ("FAILED", 143)),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_task_is_ended_and_runs_again(cluster, cwd, stuck, monkeypatch, case):
    """The same command, with the number of that task only, fills the gap."""
    options, state = ENDS[case]
    out = cwd / case
    command = [SCRIPT, "--shard", "auto/4", "runs", "-o", out.name]
    assert convert(cwd, "runs", "-o", "third", "--shard", "2/4").exit == 0
    whole, third = bundles(cwd / "whole"), bundles(cwd / "third")
    job = cluster.submit(cwd, "--array=0-3", *command)
    cluster.wait_for(lambda: bundles(out).keys() & third.keys())
    cluster.wait_for(lambda: [cluster.tasks(job).get(task) for task in "013"] == [DONE] * 3)
    assert cluster.tasks(job)["2"][0] == "RUNNING"
    cluster.run("scancel", *options, f"{job}_2")
    assert cluster.wait(job)["2"] == state
    part = bundles(out)
    assert part.items() < whole.items()
    assert whole.keys() - part.keys() < third.keys()

    monkeypatch.setitem(cluster.env, "MPT_CONVERT", str(CONVERTER))
    second = cluster.submit(cwd, "--array=2", *command)
    assert cluster.wait(second) == {"2": DONE}
    assert "shard 2/4 by SLURM_ARRAY_TASK_ID" in log(cwd, second, 2)
    assert bundles(out) == whole
    assert list(out.rglob(".mpt-convert-*")) == []


@pytest.mark.parametrize("array", ["0-3", "1-4", "0-3%1"])
def test_an_array_by_itself(cluster, cwd, array):
    """N need not be said while all tasks run, whatever runs at once."""
    out = f"array-{array}"
    job = cluster.submit(cwd, f"--array={array}", SCRIPT, "runs", "-o", out)
    tasks = cluster.wait(job)
    assert len(tasks) == 4 and set(tasks.values()) == {DONE}
    first = int(array[0])
    for task in tasks:
        assert f"shard {int(task) - first}/4 by SLURM_ARRAY_TASK_ID" in log(cwd, job, task)
    assert bundles(cwd / out) == bundles(cwd / "whole")


@pytest.mark.parametrize("array", ["2", "1,3", "2-3"])
def test_some_tasks_without_n(cluster, cwd, array):
    job = cluster.submit(cwd, f"--array={array}", SCRIPT, "runs", "-o", "guessed")
    tasks = cluster.wait(job)
    assert set(tasks.values()) == {("FAILED", 2)}
    for task in tasks:
        assert "some tasks of an array that run again: --shard auto/N" in log(cwd, job, task)
    assert not (cwd / "guessed").exists()


def test_no_array(cluster, cwd):
    job = cluster.submit(cwd, "--output=single.log", SCRIPT, "runs", "-o", "single")
    assert cluster.wait(job) == {None: DONE}
    assert "shard" not in (cwd / "single.log").read_text()
    assert bundles(cwd / "single") == bundles(cwd / "whole")


def test_processors_of_a_task(cluster, cwd, build):
    """Not every Slurm binds its tasks, so what they were given is in variables only."""
    command = f'{build / "tests/drivers/cpus_print"} && echo "$SLURM_CPUS_ON_NODE"'
    for given in ([], ["--cpus-per-task=1"]):
        job = cluster.submit(cwd, "--output=cpus.log", *given, f"--wrap={command}")
        assert cluster.wait(job) == {None: DONE}
        assert (cwd / "cpus.log").read_text() == "1\n1\n"
