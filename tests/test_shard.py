"""--shard: parts that do not overlap, and what schedulers' variables choose.

Slurm itself is tests/test_slurm.py, the Kubernetes manifest tests/test_kubernetes.py.
"""

import json
import os
import shutil
import subprocess
import zlib

import mpt_zip
import pytest
from converter import CONVERTER, PROJECT, Run, files_below

GOOD, SOME_FAILED, USAGE, NOTHING = 0, 1, 2, 3
SCHEDULERS = ("SLURM_", "JOB_COMPLETION_INDEX", "SKYPILOT_")


def run(cwd, *arguments, **variables):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(SCHEDULERS)}
    done = subprocess.run(
        [CONVERTER, *map(str, arguments)],
        cwd=cwd,
        env={**clean, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode >= 0, done.stderr
    return Run(done.returncode, done.stdout, done.stderr, cwd)


def shard_of(relative, count):
    """The hash of the manual page, by Python's own CRC-32."""
    return zlib.crc32(os.fsencode(relative)) % count


def bundles(folder):
    """What was converted to; the program's own records apart."""
    return {k: v for k, v in files_below(folder).items() if ".mpt-convert" not in k}


def sources_of(done):
    return [json.loads(line)["source"] for line in done.stdout.splitlines()]


# ---- parts of a tree ----


@pytest.fixture(scope="module")
def legacy(tmp_path_factory):
    """Checkpoints of several eras with a broken one, and all of them converted."""
    cwd = tmp_path_factory.mktemp("legacy")
    shutil.copytree(PROJECT / "fixtures/legacy", cwd / "runs")
    mpt_zip.tree(cwd / "runs", 12, "other")
    whole = run(cwd, "runs", "-o", "whole", "--jsonl")
    assert whole.exit == SOME_FAILED and len(bundles(cwd / "whole")) > 40
    return cwd, whole


@pytest.mark.parametrize("count", range(1, 6))
def test_shards_make_the_whole(legacy, tmp_path, count):
    """Each source is in the shard its path says, and in no other; nothing is lost."""
    cwd, whole = legacy
    seen, rows = [], {}
    for index in range(count):
        done = run(
            cwd, "runs", "-o", tmp_path / "out", "--jsonl", "--shard", f"{index}/{count}"
        )
        own = sources_of(done)
        assert {shard_of(path.removeprefix("runs/"), count) for path in own} <= {index}
        assert done.exit == (SOME_FAILED if '"failed"' in done.stdout else GOOD)
        seen += own
        rows.update(done.rows())
    assert sorted(seen) == sorted(sources_of(whole))
    assert bundles(tmp_path / "out") == bundles(cwd / "whole")
    verdicts = {path: row["status"] for path, row in rows.items()}
    assert verdicts == {path: row["status"] for path, row in whole.rows().items()}


GOLDEN = {
    # CRC-32 of the path below the root, from Python's zlib
    "run/checkpoints/run:v1.mpt": 0x57A12C8B,
    "run/checkpoints/run:v10.mpt": 0xD9B48A3B,
    "a.pt": 0xE85AE843,
    "räum/ä b.mpt": 0x2C65BF26,
}


def test_golden_values(tmp_path):
    """The hash is a promise: a partial rerun by a later version hits the same files."""
    for name in GOLDEN:
        mpt_zip.write(tmp_path / "runs" / name)
    for count in (2, 3, 7, 16, 1000):
        for name, crc in GOLDEN.items():
            done = run(tmp_path, "runs", "-n", "--jsonl", "--shard", f"{crc % count}/{count}")
            assert f"runs/{name}" in sources_of(done), (name, count)


def test_bytes_that_are_no_text(tmp_path):
    name = b"run/\xff\x80:v1.mpt"
    mpt_zip.write(tmp_path / "runs" / os.fsdecode(name))
    index = zlib.crc32(name) % 7
    for other in range(7):
        done = run(tmp_path, "runs", "-n", "--jsonl", "--shard", f"{other}/7")
        assert len(sources_of(done)) == (other == index)


def test_roots_do_not_matter(tmp_path):
    """The path below the root counts, however the root is written."""
    mpt_zip.tree(tmp_path / "deep/er/runs", 9)
    runs = {
        root: run(tmp_path, root, "-n", "--jsonl", "--shard", "1/3")
        for root in ("deep/er/runs", "deep/er/runs/", tmp_path / "deep/er/runs")
    }
    names = [{s.rpartition("/")[2] for s in sources_of(done)} for done in runs.values()]
    assert names[0] == names[1] == names[2] and 0 < len(names[0]) < 9


def test_other_files_do_not_matter(tmp_path):
    mpt_zip.tree(tmp_path / "runs", 9)
    before = sources_of(run(tmp_path, "runs", "-n", "--jsonl", "--shard", "1/3"))
    mpt_zip.tree(tmp_path / "runs", 5, "later")
    after = sources_of(run(tmp_path, "runs", "-n", "--jsonl", "--shard", "1/3"))
    assert [source for source in after if "later" not in source] == before


def test_a_file_that_was_named(tmp_path):
    """Its root is the folder it lies in."""
    mpt_zip.write(tmp_path / "runs/run:v1.mpt")
    index = zlib.crc32(b"run:v1.mpt") % 5
    for other in range(5):
        done = run(tmp_path, "runs/run:v1.mpt", "-n", "--jsonl", "--shard", f"{other}/5")
        assert len(sources_of(done)) == (other == index)
        assert done.exit == GOOD


# ---- sources that belong together ----


@pytest.mark.parametrize("count", [2, 3, 4])
def test_sources_for_one_bundle_stay_together(tmp_path, count):
    """They go with the first of them, so who wins does not depend on the sharding."""
    for epoch in range(8):
        mpt_zip.write(tmp_path / f"runs/run:v{epoch}.mpt", epoch)
        mpt_zip.write(tmp_path / f"runs/run:v{epoch}.pt", epoch + epoch % 2)
    apart = [
        epoch
        for epoch in range(8)
        if shard_of(f"run:v{epoch}.mpt", count) != shard_of(f"run:v{epoch}.pt", count)
    ]
    assert apart, "the case is not there"
    whole = run(tmp_path, "runs", "-o", "whole", "--jsonl")
    parts = [
        run(tmp_path, "runs", "-o", "out", "--jsonl", "--shard", f"{index}/{count}")
        for index in reversed(range(count))
    ]
    for index, part in zip(reversed(range(count)), parts):
        firsts = {s.replace(".pt", ".mpt").partition("/")[2] for s in sources_of(part)}
        assert {shard_of(first, count) for first in firsts} <= {index}
    assert bundles(tmp_path / "out") == bundles(tmp_path / "whole")
    lines = sorted(line for part in parts for line in part.stdout.splitlines())
    expected = whole.stdout.replace("whole/", "out/").splitlines()
    assert lines == sorted(expected)
    assert sum('"failed"' in line for line in lines) == 4


def test_a_bundle_inside_another(tmp_path):
    """Found over all sources, also where the other one is in another shard."""
    mpt_zip.write(tmp_path / "runs/a:v1.mpt")
    inner = [mpt_zip.write(tmp_path / f"runs/a:v1/b:v{n}.mpt", n).name for n in range(4)]
    whole = run(tmp_path, "runs", "-n", "--jsonl")
    index = shard_of("a:v1.mpt", 4)
    assert {shard_of(f"a:v1/{name}", 4) for name in inner} != {index}
    part = run(tmp_path, "runs", "-n", "--jsonl", "--shard", f"{index}/4")
    row = part.rows()[tmp_path / "runs/a:v1.mpt"]
    assert "in which the bundle of" in row["reason"]
    assert row == whole.rows()[tmp_path / "runs/a:v1.mpt"]


# ---- what is said ----


def test_a_shard_without_files_is_no_failure(tmp_path):
    """A scheduler must not start it again; but a tree without checkpoints is none."""
    mpt_zip.write(tmp_path / "runs/run:v1.mpt")
    empty = 1 - shard_of("run:v1.mpt", 2)
    done = run(tmp_path, "runs", "-o", "out", "--shard", f"{empty}/2")
    assert (done.exit, done.stdout) == (GOOD, "")
    assert f"mpt-convert: shard {empty}/2: 0 of 1 files\n" in done.stderr
    (tmp_path / "none").mkdir()
    assert run(tmp_path, "none", "-o", "out", "--shard", "0/2").exit == NOTHING


def test_the_summary_names_the_shard(tmp_path):
    mpt_zip.tree(tmp_path / "runs", 3)
    document = json.loads(run(tmp_path, "runs", "-n", "--json", "--shard", "1/3").stdout)
    assert (document["summary"]["shard"], document["summary"]["shards"]) == (1, 3)
    assert "shard" not in json.loads(run(tmp_path, "runs", "-n", "--json").stdout)["summary"]


def test_a_chosen_shard_is_quiet(tmp_path):
    """One that variables chose is not."""
    mpt_zip.tree(tmp_path / "runs", 3)
    assert "shard" not in run(tmp_path, "runs", "-nq", "--shard", "1/3").stderr
    done = run(tmp_path, "runs", "-nq", SKYPILOT_NODE_RANK="1", SKYPILOT_NUM_NODES="3")
    assert "shard 1/3 by SKYPILOT_NODE_RANK (--shard 0/1 takes everything)" in done.stderr


def test_lines_of_a_map_that_others_use(tmp_path):
    mpt_zip.tree(tmp_path / "runs", 3)
    (tmp_path / "map").write_text("other\ta.B\n")
    arguments = ["runs", "-n", "--architecture-map", "map"]
    assert "line 1 was not used" in run(tmp_path, *arguments).stderr
    assert "line 1" not in run(tmp_path, *arguments, "--shard", "0/2").stderr


# ---- the option ----

WRONG_TEXTS = [
    "", "/", "1", "1/", "/4", "4/4", "5/4", "0/0", "-1/4", "+1/4", " 1/4", "1/4 ", "1//4",
    "1/4/5", "a/4", "1/b", "0x1/4", "1.0/4", "0/1000001", f"1/{2**32 + 4}", f"{2**32}/4",
    "auto", "auto/", "auto/0", "auto/x", "auto/1000001", "AUTO/4", "none", "1:4",
]


@pytest.mark.parametrize("text", WRONG_TEXTS)
def test_wrong_texts(tmp_path, text):
    mpt_zip.tree(tmp_path / "runs", 1)
    done = run(tmp_path, "runs", "-o", "out", f"--shard={text}", JOB_COMPLETION_INDEX="0")
    said, hint = done.stderr.splitlines()
    assert (done.exit, done.stdout) == (USAGE, "")
    assert "--shard takes K/N, with K from 0 to N-1, or auto/N, and N at most" in said
    assert said.endswith(f'1000000, not "{text}"')
    assert hint == 'Try "mpt-convert --help".'
    assert not (tmp_path / "out").exists()


# ---- variables ----


def slurm(index, low, high, count):
    names = ("ID", "MIN", "MAX", "COUNT")
    values = (index, low, high, count)
    return {f"SLURM_ARRAY_TASK_{n}": str(v) for n, v in zip(names, values) if v is not None}


def sky(rank, nodes):
    return {"SKYPILOT_NODE_RANK": str(rank), "SKYPILOT_NUM_NODES": str(nodes)}


def indexed(index):
    return {"JOB_COMPLETION_INDEX": str(index)}


CHOSEN = {
    # --shard, variables: K/N and the variable that told it
    "nothing": (None, {}, None),
    "Slurm, first": (None, slurm(0, 0, 3, 4), "0/4 by SLURM_ARRAY_TASK_ID"),
    "Slurm, last": (None, slurm(3, 0, 3, 4), "3/4 by SLURM_ARRAY_TASK_ID"),
    "Slurm, from 1": (None, slurm(1, 1, 4, 4), "0/4 by SLURM_ARRAY_TASK_ID"),
    "Slurm, from 1, last": (None, slurm(4, 1, 4, 4), "3/4 by SLURM_ARRAY_TASK_ID"),
    "Slurm, one again": ("auto/4", slurm(2, 2, 2, 1), "2/4 by SLURM_ARRAY_TASK_ID"),
    "Slurm, some again": ("auto/8", slurm(3, 3, 7, 2), "3/8 by SLURM_ARRAY_TASK_ID"),
    "Slurm, N and all": ("auto/4", slurm(2, 0, 3, 4), "2/4 by SLURM_ARRAY_TASK_ID"),
    "Slurm, no array": (None, {"SLURM_JOB_ID": "7", "SLURM_PROCID": "1"}, None),
    "SkyPilot": (None, sky(2, 3), "2/3 by SKYPILOT_NODE_RANK"),
    "SkyPilot, one node": (None, sky(0, 1), None),
    "SkyPilot, N": ("auto/3", sky(1, 3), "1/3 by SKYPILOT_NODE_RANK"),
    "Kubernetes": ("auto/3", indexed(2), "2/3 by JOB_COMPLETION_INDEX"),
    "Kubernetes, one": ("auto/1", indexed(0), None),
    "empty is not set": (None, {**slurm("", "", "", ""), **sky("", "")}, None),
    "the option wins": ("1/2", slurm(3, 0, 3, 4), "1/2"),
    "the option wins over nonsense": ("1/2", slurm("x", 0, None, 4), "1/2"),
    "the option wins over several": ("1/2", {**sky(0, 2), **indexed(1)}, "1/2"),
    "everything": ("0/1", slurm(3, 0, 3, 4), None),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_chosen(tmp_path, case):
    option, variables, expected = CHOSEN[case]
    mpt_zip.tree(tmp_path / "runs", 3)
    arguments = ["--shard", option] if option else []
    done = run(tmp_path, "runs", "-n", "--jsonl", *arguments, **variables)
    assert done.exit == GOOD
    said = [line for line in done.stderr.splitlines() if "shard" in line]
    if expected is None:
        assert said == [] and len(sources_of(done)) == 3
        return
    index, count = map(int, expected.split()[0].split("/"))
    names = [f"run/checkpoints/run:v{epoch}.mpt" for epoch in range(3)]
    own = [f"runs/{name}" for name in names if shard_of(name, count) == index]
    assert sources_of(done) == own
    why = " (--shard 0/1 takes everything)" if "by" in expected else ""
    assert said == [f"mpt-convert: shard {expected}{why}: {len(own)} of 3 files"]


AGAIN = "some tasks of an array that run again: --shard auto/N says of how many shards"
REFUSED = {
    # --shard, variables, part of the message
    "Slurm, one task": (None, slurm(2, 2, 2, 1), f"TASK_ID=2 could be one of {AGAIN}"),
    "Slurm, task 0 alone": (None, slurm(0, 0, 0, 1), AGAIN),
    "Slurm, some tasks": (None, slurm(3, 0, 3, 2), AGAIN),
    "Slurm, a step": (None, slurm(4, 0, 6, 4), AGAIN),
    "Slurm, the last ones": (None, slurm(3, 2, 3, 2), AGAIN),
    "Slurm, no minimum": (None, slurm(0, None, 3, 4), "SLURM_ARRAY_TASK_MIN is not set, but"),
    "Slurm, no maximum": (None, slurm(0, 0, None, 4), "SLURM_ARRAY_TASK_MAX is not set, but"),
    "Slurm, no count": (None, slurm(0, 0, 3, None), "SLURM_ARRAY_TASK_COUNT is not set, but"),
    "Slurm, no index": (None, slurm(None, 0, 3, 4), "SLURM_ARRAY_TASK_ID is not set, but"),
    "Slurm, empty count": (None, slurm(0, 0, 3, ""), "SLURM_ARRAY_TASK_COUNT is not set, but"),
    "Slurm, no number": (None, slurm("1x", 0, 3, 4), 'SLURM_ARRAY_TASK_ID is "1x", no number'),
    "Slurm, negative": (None, slurm(0, 0, 3, -4), 'SLURM_ARRAY_TASK_COUNT is "-4", no number'),
    "Slurm, blank": (None, slurm(0, " 0", 3, 4), 'SLURM_ARRAY_TASK_MIN is " 0", no number'),
    "Slurm, huge": (None, slurm(0, 0, 2**32 + 3, 4), f'SLURM_ARRAY_TASK_MAX is "{2**32 + 3}"'),
    "Slurm, outside": (None, slurm(5, 0, 3, 4), "each other: task 5 of an array from 0 to 3"),
    "Slurm, upside down": (None, slurm(1, 3, 0, 4), "contradict each other: task 1"),
    "Slurm, from 1 with N": (
        "auto/4", slurm(2, 1, 4, 4),
        "shards of --shard auto/4 are 0 to 3, but SLURM_ARRAY_TASK_ID goes up to 4",
    ),
    "Slurm, more than N": ("auto/4", slurm(1, 0, 7, 8), "SLURM_ARRAY_TASK_ID goes up to 7"),
    "Kubernetes, no N": (
        None, indexed(0),
        "JOB_COMPLETION_INDEX=0 comes without a variable for the number of completions: "
        "--shard auto/N says of how many shards, --shard 0/1 takes everything",
    ),
    "Kubernetes, over N": ("auto/4", indexed(4), "JOB_COMPLETION_INDEX goes up to 4"),
    "Kubernetes, no number": ("auto/4", indexed("first"), 'JOB_COMPLETION_INDEX is "first"'),
    "SkyPilot, no nodes": (
        None, {"SKYPILOT_NODE_RANK": "0"}, "SKYPILOT_NUM_NODES is not set, but"
    ),
    "SkyPilot, no rank": (
        None, {"SKYPILOT_NUM_NODES": "2"}, "SKYPILOT_NODE_RANK is not set, but"
    ),
    "SkyPilot, outside": (None, sky(2, 2), "contradict each other: node 2 of 2"),
    "SkyPilot, no node": (None, sky(0, 0), "contradict each other: node 0 of 0"),
    "SkyPilot, under N": ("auto/2", sky(0, 3), "SKYPILOT_NODE_RANK goes up to 2"),
    "two": (
        None, {**slurm(0, 0, 3, 4), **sky(0, 2)},
        "there are variables of both a Slurm array and SkyPilot; --shard K/N names the shard",
    ),
    "two, N given": (
        "auto/4", {**indexed(0), **sky(0, 2)}, "of both a Kubernetes Indexed Job and SkyPilot"
    ),
    "N without variables": ("auto/4", {}, "--shard auto/4 is for Slurm arrays"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    """Before anything is read or written: a wrong guess would leave files out."""
    option, variables, message = REFUSED[case]
    mpt_zip.tree(tmp_path / "runs", 1)
    arguments = ["--shard", option] if option else []
    done = run(tmp_path, "runs", "-o", "out", *arguments, **variables)
    said, hint = done.stderr.splitlines()
    assert (done.exit, done.stdout) == (USAGE, "")
    assert said.startswith("mpt-convert: ") and message in said
    assert hint == 'Try "mpt-convert --help".'
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_needs_no_shard(tmp_path, option):
    assert run(tmp_path, option, **indexed("x")).exit == GOOD
