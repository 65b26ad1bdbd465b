"""How many threads -j 0 means: affinity, the quotas of cgroups, Slurm's variables."""

import os
import subprocess
from pathlib import Path

import pytest

ALLOWED = sorted(os.sched_getaffinity(0))
NO_QUOTA = 4096
CGROUPS = Path("/sys/fs/cgroup")


@pytest.fixture(scope="module")
def driver(build):
    return build / "tests/drivers/cpus_print"


def number(driver, *arguments, cpus=ALLOWED, **variables):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
    done = subprocess.run(
        [driver, *arguments],
        env={**clean, **variables},
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        capture_output=True,
        check=True,
    )
    return int(done.stdout)


def test_affinity(driver):
    assert number(driver, cpus=ALLOWED[:1]) == 1
    assert 1 <= number(driver) <= len(ALLOWED)


SLURM = {
    "one a task": ({"SLURM_CPUS_PER_TASK": "1"}, 1),
    "one on the node": ({"SLURM_CPUS_ON_NODE": "1"}, 1),
    "the task's count first": ({"SLURM_CPUS_PER_TASK": "1", "SLURM_CPUS_ON_NODE": "2"}, 1),
    "more than are there": ({"SLURM_CPUS_PER_TASK": "4000"}, None),
    "none": ({"SLURM_CPUS_PER_TASK": "0"}, None),
    "no number": ({"SLURM_CPUS_PER_TASK": "many"}, None),
    "empty": ({"SLURM_CPUS_ON_NODE": ""}, None),
}


@pytest.mark.skipif(len(ALLOWED) < 2, reason="there is one processor")
@pytest.mark.parametrize("case", SLURM)
def test_slurm(driver, case):
    variables, expected = SLURM[case]
    without = number(driver)
    assert number(driver, **variables) == (expected or without)


QUOTAS = {
    # what /proc/self/cgroup says, the files below the mount, and the answer
    "nothing": ("", {}, NO_QUOTA),
    "v2": ("0::/a\n", {"a/cpu.max": "200000 100000\n"}, 2),
    "v2, part of one": ("0::/a\n", {"a/cpu.max": "50000 100000\n"}, 1),
    "v2, rounded up": ("0::/a\n", {"a/cpu.max": "250000 100000\n"}, 3),
    "v2, no quota": ("0::/a\n", {"a/cpu.max": "max 100000\n"}, NO_QUOTA),
    "v2, the group above": (
        "0::/job/task\n",
        {"job/task/cpu.max": "max 100000\n", "job/cpu.max": "300000 100000\n"},
        3,
    ),
    "v2, the least": (
        "0::/job/task\n",
        {"job/task/cpu.max": "400000 100000\n", "job/cpu.max": "300000 100000\n"},
        3,
    ),
    "v2, the root of a container": ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
    "v2, a path of outside": ("0::/kube/pod\n", {"cpu.max": "200000 100000\n"}, 2),
    "v2, beside it": ("0::/a\n", {"b/cpu.max": "200000 100000\n"}, NO_QUOTA),
    "v2, empty file": ("0::/a\n", {"a/cpu.max": ""}, NO_QUOTA),
    "v2, no period": ("0::/a\n", {"a/cpu.max": "100000\n"}, NO_QUOTA),
    "v2, huge": ("0::/a\n", {"a/cpu.max": "18446744073709551615 1\n"}, NO_QUOTA),
    "v2, huge, low bits 0": ("0::/a\n", {"a/cpu.max": f"{2**32} 1\n"}, NO_QUOTA),
    "v1": (
        "4:memory:/m\n3:cpu,cpuacct:/a\n0::/\n",
        {"cpu/a/cpu.cfs_quota_us": "150000\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
        2,
    ),
    "v1, no quota": (
        "3:cpuacct,cpu:/a\n",
        {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
        NO_QUOTA,
    ),
    "v1, a path of outside": (
        "3:cpu:/docker/123\n",
        {"cpu/cpu.cfs_quota_us": "500000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        5,
    ),
    "v1, other controllers": (
        "3:cpuacct:/a\n2:cpuset:/a\n1:name=cpu:/a\n",
        {"cpu/a/cpu.cfs_quota_us": "100000\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
        NO_QUOTA,
    ),
    "v1 and v2": (
        "3:cpu:/a\n0::/a\n",
        {
            "cpu/a/cpu.cfs_quota_us": "300000\n",
            "cpu/a/cpu.cfs_period_us": "100000\n",
            "a/cpu.max": "200000 100000\n",
        },
        2,
    ),
    "no lines of that form": ("\n:\n3:cpu\nx\n", {}, NO_QUOTA),
}


@pytest.mark.parametrize("case", QUOTAS)
def test_quota(driver, tmp_path, case):
    groups, files, expected = QUOTAS[case]
    (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert number(driver, tmp_path / "groups", tmp_path / "mount") == expected


def test_no_cgroups(driver, tmp_path):
    assert number(driver, tmp_path / "none", tmp_path) == NO_QUOTA


@pytest.fixture
def group():
    """A real cgroup with half a processor: v1's, or v2's if it hands on its own."""
    v1 = (CGROUPS / "cpu").is_dir()
    folder = CGROUPS / ("cpu" if v1 else "") / f"mpt-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        quota = ("cpu.cfs_quota_us", "50000") if v1 else ("cpu.max", "50000 100000")
        try:
            (folder / quota[0]).write_text(quota[1])
        except OSError as error:
            pytest.skip(f"no quota can be set here: {error}")
        yield folder
    finally:
        folder.rmdir()


def test_in_a_group(driver, group):
    command = f'echo $$ >"{group}/cgroup.procs" || exit 77; "{driver}"'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(f"no process can be moved there: {done.stderr}")
    assert (done.returncode, done.stdout) == (0, "1\n")
