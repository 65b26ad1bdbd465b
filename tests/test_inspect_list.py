"""mpt-inspect list, against the framework's way to list a folder, written out in Python."""

import calendar
import json
import os
import time
import zipfile
from pathlib import Path

import pytest
from inspector import BAD, GOOD, NOTHING, USAGE, document_of, inspect

SPEC = "policy_spec.json"
FILES = {SPEC: b"{}", "weights.safetensors": b"12345678"}


def put_folder(path, files=None):
    path.mkdir(parents=True)
    for name, data in (FILES if files is None else files).items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(data)
    return path


def put_zip(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return path


# ---- the framework's way ----


def run_and_epoch(path):
    """Of a name, or None: the last suffix off, then what is before and behind ':v'."""
    run, mark, epoch = path.stem.rpartition(":v")
    return (run, int(epoch)) if run and mark and epoch.isdigit() else None


def is_bundle(path):
    if path.is_dir():
        return (path / SPEC).exists()
    return path.is_file() and path.suffix == ".zip"


def listing_of(folder):
    found = {path: run_and_epoch(path) for path in folder.iterdir() if is_bundle(path)}
    return {path: name for path, name in found.items() if name}


def latest_epoch(folder):
    return max((epoch for _, epoch in listing_of(folder).values()), default=None)


# ---- names ----

FOLDERS = [
    "run:v1", "run:v007", "run:v10", "run:v", "run", ":v3", "a:v1:v2", "run:vx", "run:v1x",
    "my.run:v5", "my.run:v5.v6", "run:v8.bak", "run:v9.", ".run:v4", "run:v5 ", "r\u00fcn:v6",
    "run with blanks:v3", "-v:v1", "run:v11.zip", "run__x:v2", "x.y:v3.z",
]  # fmt: skip
ZIPS = [
    "run:v2.zip", "my.run:v5.zip", "run:v12.ZIP", "run.zip", "run:v3-submission.zip",
    "run:v4.tar.zip", ".zip", "run:v6.mpt", "a:v1:v7.zip", "run:v0.zip", "run:v13.zip.",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for name in FOLDERS:
        put_folder(tmp_path / name)
    for name in ZIPS:
        put_zip(tmp_path / name)
    put_folder(tmp_path / "unfinished:v90", {"weights.safetensors": b""})
    put_folder(tmp_path / "elsewhere/nothing")
    (tmp_path / "linked:v50").symlink_to("run:v1")
    (tmp_path / "linked:v51.zip").symlink_to("run:v2.zip")
    (tmp_path / "broken:v52").symlink_to("nowhere")
    (tmp_path / "trainer_state.pt").write_bytes(b"x")
    return tmp_path


def rows_of(document):
    return {row["path"]: (row["run"], row["epoch"]) for row in document["checkpoints"]}


def test_what_the_framework_sees(folder):
    listed = document_of("list", str(folder))
    expected = {str(path): name for path, name in listing_of(folder).items()}
    assert rows_of(listed) == expected and len(expected) > 15
    epochs = [row["epoch"] for row in listed["checkpoints"]]
    assert epochs == sorted(epochs)


def test_latest(folder):
    run = inspect("list", "--latest", "--json", str(folder))
    [row] = run.document()["checkpoints"]
    assert row["epoch"] == latest_epoch(folder) == 51
    assert row["path"] == str(folder / "linked:v51.zip")


def test_what_is_not_listed_is_said(folder):
    """In JSON each, on standard error the first of each kind."""
    reasons = {
        os.path.basename(row["path"]): row["reason"]
        for row in document_of("list", str(folder))["not_listed"]
    }
    assert "has a dot" in reasons["my.run:v5"]
    assert "without policy_spec.json" in reasons["unfinished:v90"]
    assert "does not end in :v" in reasons["run"]
    assert not {"run.zip", "run:v3-submission.zip", "trainer_state.pt"} & set(reasons)
    lines = inspect("list", str(folder)).stderr.splitlines()
    assert len(lines) == 3 and "nor are" in lines[1]


def test_run_and_size_and_time(tmp_path):
    bundle = put_folder(tmp_path / "run:v1", FILES | {"more/file": b"123"})
    archive = put_zip(tmp_path / "run:v2.zip")
    os.utime(bundle / SPEC, (1e9, 1e9))
    os.utime(archive, (1.5e9, 1.5e9))
    one, two = document_of("list", str(tmp_path))["checkpoints"]
    assert one == {
        "path": str(bundle), "run": "run", "epoch": 1, "kind": "folder", "bytes": 13,
        "modified": "2001-09-09T01:46:40Z",
    }  # fmt: skip
    assert two["kind"] == "zip" and two["bytes"] == archive.stat().st_size
    when = time.strptime(two["modified"], "%Y-%m-%dT%H:%M:%SZ")
    assert calendar.timegm(when) == 1.5e9
    lines = inspect("list", str(tmp_path)).stdout.splitlines()
    assert lines[0].split() == ["run", "1", "13", "B", one["modified"], str(bundle)]


def test_folders_of_a_tree_apart(tmp_path):
    for name in ("b/checkpoints/b:v2", "b/checkpoints/b:v10", "a/checkpoints/a:v3"):
        put_folder(tmp_path / name)
    names = [
        os.path.basename(row["path"])
        for row in document_of("list", str(tmp_path))["checkpoints"]
    ]
    assert names == ["a:v3", "b:v2", "b:v10"]
    latest = document_of("list", "--latest", str(tmp_path))["checkpoints"]
    assert [row["epoch"] for row in latest] == [3, 10]


@pytest.mark.parametrize("arguments", [[], ["."], ["./"], ["../here"], [".", "."]])
def test_the_current_folder(tmp_path, arguments):
    put_folder(tmp_path / "here/run:v1")
    [row] = document_of("list", *arguments, cwd=tmp_path / "here")["checkpoints"]
    assert Path(tmp_path, "here", row["path"]).resolve() == tmp_path / "here/run:v1"


def test_a_bundle_by_name(tmp_path):
    put_folder(tmp_path / "run:v1")
    put_zip(tmp_path / "run:v2.zip")
    rows = document_of("list", "run:v2.zip", "run:v1/", cwd=tmp_path)["checkpoints"]
    assert [row["path"] for row in rows] == ["run:v1", "run:v2.zip"]


def test_two_of_one_epoch(tmp_path):
    put_folder(tmp_path / "run:v3")
    put_zip(tmp_path / "run:v3.zip")
    run = inspect("list", "--latest", str(tmp_path))
    assert run.exit == GOOD and len(run.stdout.splitlines()) == 1
    assert "the same epoch" in run.stderr


def test_epoch_of_many_digits(tmp_path):
    put_folder(tmp_path / f"run:v{2**64 - 1}")
    put_folder(tmp_path / f"run:v{2**64}")
    run = inspect("list", "--json", str(tmp_path))
    assert run.exit == BAD and "limit of 2^64-1" in run.stderr
    assert [row["epoch"] for row in run.document()["checkpoints"]] == [2**64 - 1]


@pytest.mark.parametrize("names", [[], ["notes.txt"], ["run.zip", "x/model.pt"]])
def test_nothing_found(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"PK")
    run = inspect("list", str(tmp_path))
    assert (run.exit, run.stdout) == (NOTHING, "")
    assert run.stderr == "mpt-inspect: no checkpoint was found\n"
    run = inspect("list", "--json", str(tmp_path))
    assert run.exit == NOTHING and run.document() == {"checkpoints": [], "not_listed": []}


def test_missing_root(tmp_path):
    put_folder(tmp_path / "run:v1")
    run = inspect("list", "nowhere", ".", cwd=tmp_path)
    assert run.exit == BAD and "nowhere: cannot open: No such file" in run.stderr
    assert "run:v1" in run.stdout


def test_names_are_escaped(tmp_path):
    put_folder(tmp_path / "a\x1b[2J\nb:v1")
    put_folder(tmp_path / "\x1b[31m")
    run = inspect("list", str(tmp_path))
    assert "\x1b" not in run.stdout + run.stderr
    assert len(run.stdout.splitlines()) == len(run.stderr.splitlines()) == 1


def test_names_that_are_not_utf8(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff\xfe:v1"
    os.mkdir(name)
    Path(os.fsdecode(name), SPEC).write_bytes(b"{}")
    [row] = document_of("list", str(tmp_path))["checkpoints"]
    assert bytes.fromhex(row["path_hex"]) == name
    json.dumps(row).encode("utf-8")


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ([], "no verb"), (["lost"], 'unknown verb "lost"'), (["--jsn"], "unknown option"),
        (["list", "--epoch=1"], "unknown option"), (["list", ""], "empty name"),
        (["show"], "show takes CHECKPOINT, and 0"), (["diff", "a"], "diff takes A B, and 1"),
        (["keys", "a", "b"], "keys takes CHECKPOINT, and 2"), (["show", "--timeout=0", "x"], "1 to"),
        (["list", "--json", "--json"], "stands twice"),
    ],
)  # fmt: skip
def test_wrong_usage(arguments, reason):
    run = inspect(*arguments)
    assert (run.exit, run.stdout) == (USAGE, "")
    assert reason in run.stderr and run.stderr.count("\n") == 2


def test_help_and_version():
    assert "show" in inspect("--help").stdout and "cJSON" in inspect("--version").stdout
    for verb in ("list", "show", "keys", "diff"):
        assert inspect(verb, "--help").stdout.startswith(f"Usage: mpt-inspect {verb} ")
