"""The journal, and what another run makes of it: resume, groups, shards, summaries."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import zipfile
import zlib

import mpt_zip
import numpy
import pytest
import torch
from converter import CONVERTER, JOURNALS, PROJECT, convert, files_below, forget
from safetensors.torch import load_file
from test_convert import GOOD, NOTHING, SOME_FAILED, USAGE, run, summary
from test_convert_files import bundles_below, state_of

LEGACY = PROJECT / "fixtures/legacy"


def journal_of(folder, name="journal.jsonl"):
    """All lines of a journal, parsed by Python."""
    return [json.loads(line) for line in (folder / JOURNALS / name).read_text().splitlines()]


def records(folder, name="journal.jsonl"):
    """The latest record of each source."""
    return {row["source"]: row for row in journal_of(folder, name) if "source" in row}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- what is recorded ----


@pytest.mark.parametrize("form", ["dir", "zip"])
def test_each_source_has_a_line(tmp_path, form):
    """Against the files that are there, as other programs see them."""
    done = convert(tmp_path, LEGACY, "-o", "out", "--jsonl", "--format", form)
    rows = records(tmp_path / "out")
    reported = {row["source"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert {str(LEGACY / source) for source in rows} == set(reported)
    convert(tmp_path, LEGACY, "-o", "folders")
    for source, row in rows.items():
        report = reported[str(LEGACY / source)]
        for key in {"status", "reason", "era", "run", "epoch", "tensors", "bytes"} & set(report):
            assert row[key] == report[key], (source, key)
        if row["status"] != "converted":
            assert "bundle" not in row
            continue
        stat = (LEGACY / source).stat()
        assert row["size"] == stat.st_size
        moment, inode = row["mtime"].split()
        assert int(inode) == stat.st_ino
        seconds, nanoseconds = moment.split(".")
        assert int(seconds) * 10**9 + int(nanoseconds) == stat.st_mtime_ns
        assert (tmp_path / "out" / row["bundle"]).exists()
        bundle = tmp_path / "folders" / row["bundle"].removesuffix(".zip")
        for name, member in [("spec", "policy_spec.json"), ("weights", "weights.safetensors")]:
            assert row[f"{name}_bytes"] == (bundle / member).stat().st_size
            assert row[f"{name}_sha256"] == sha256(bundle / member)


def test_checksums_of_tensors(tmp_path):
    """Of whole storages; a view of one, and what was transposed, has none."""
    base = torch.arange(24, dtype=torch.float32)
    weights = {"whole": torch.ones(3, 5), "shape": base.view(4, 6), "part": base[3:9],
               "turned": torch.rand(4, 3).t(), "number": torch.tensor(7)}
    torch.save(weights, tmp_path / "a:v1.pt")
    done = run(tmp_path, "a:v1.pt", "-o", "out", "--architecture", mpt_zip.TEXT)
    assert done.exit == GOOD, done.stderr
    written = load_file(tmp_path / "out/a:v1/weights.safetensors")
    expected = {
        name: f"{zlib.crc32(written[name].numpy().tobytes()):08x}"
        for name in ("whole", "shape", "number")
    }
    assert dict(records(tmp_path / "out")["a:v1.pt"]["crc32"]) == expected


def test_failed_and_repaired(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/bad:v1.mpt").write_bytes(b"PK nonsense")
    run(tmp_path, "tree", "-o", "out")
    row = records(tmp_path / "out")["bad:v1.mpt"]
    assert row["status"] == "failed" and row["error"]["reason"] in row["reason"]
    events = [row for row in journal_of(tmp_path / "out") if "event" in row]
    assert [row["event"] for row in events] == ["begin", "end"]
    assert events[0]["sources"] == 1 and events[1]["not_begun"] == 0


def test_in_place_each_folder_has_a_journal(tmp_path):
    """A file that was named has none, and its bundle is found to be the same."""
    for name in "ab":
        mpt_zip.tree(tmp_path / name, 2)
    mpt_zip.write(tmp_path / "c:v1.mpt")
    command = ["a", "b/", "c:v1.mpt", "--in-place"]
    assert run(tmp_path, *command).exit == GOOD
    journals = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("journal*"))
    assert list(map(str, journals)) == [f"{n}/{JOURNALS}/journal.jsonl" for n in "ab"]
    done = run(tmp_path, *command)
    assert done.stdout.count("kept ") == 4
    assert done.stdout.count("the same bundle is there already") == 1


NAMES = ["run:v1", "a \"b\"\n:v2", "caf\u00e9:v3", os.fsdecode(b"\xff\xfe:v4"), "x\\y:v5"]


def test_names_come_back(tmp_path):
    for name in NAMES:
        mpt_zip.write(tmp_path / "tree" / f"{name}.mpt")
    assert run(tmp_path, "tree", "-o", "out").exit == GOOD
    again = run(tmp_path, "tree", "-o", "out")
    assert "0 converted, 5 kept, 0 skipped, 0 failed" in again.stderr


# ---- another run ----


def spoil(path, content=b"{}"):
    path.write_bytes(content)


def nest(cwd):
    """A folder where the bundle has its spec."""
    (cwd / BUNDLE / "policy_spec.json").unlink()
    (cwd / BUNDLE / "policy_spec.json").mkdir()
    (cwd / BUNDLE / "policy_spec.json/mine").write_text("mine")


def put_another(path):
    """A file of the same name, size and time, as from another archive."""
    stat = path.stat()
    path.rename(path.with_suffix(".old"))
    shutil.copy2(path.with_suffix(".old"), path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


# What is done to source or bundle, or the options of the second run, and what that says.
BUNDLE = "out/run/checkpoints/run:v0"
SOURCE = "tree/run/checkpoints/run:v0.mpt"
CHANGES = {
    "nothing": (lambda cwd: None, [], "kept", None),
    "the source's time": (lambda cwd: os.utime(cwd / SOURCE, (1, 1)), [], "kept",
                          "it has changed since"),
    "the source, but for size and time": (lambda cwd: put_another(cwd / SOURCE), [], "kept",
                                          "it has changed since"),
    "the source": (lambda cwd: mpt_zip.write(cwd / SOURCE, 5), [], "converted",
                   "the bundle that was there was replaced"),
    "options that change nothing": (lambda cwd: None, ["--keep-prefix"], "kept",
                                    "with other options before"),
    "options that change the spec": (lambda cwd: None, ["--class-path", "a.B"], "converted",
                                     "the bundle that was there was replaced"),
    "the bundle is gone": (lambda cwd: shutil.rmtree(cwd / BUNDLE), [], "converted",
                           "its bundle is not there"),
    "the spec": (lambda cwd: spoil(cwd / BUNDLE / "policy_spec.json"), [], "failed",
                 "something else is in the place"),
    "the weights' length": (lambda cwd: spoil(cwd / BUNDLE / "weights.safetensors"), [],
                            "failed", "something else is in the place"),
    "source and bundle": (lambda cwd: (mpt_zip.write(cwd / SOURCE, 5),
                                       spoil(cwd / BUNDLE / "policy_spec.json")), [],
                          "failed", "something else is in the place"),
    "both, and --force": (lambda cwd: (mpt_zip.write(cwd / SOURCE, 5),
                                       spoil(cwd / BUNDLE / "policy_spec.json")), ["--force"],
                          "converted", "the bundle that was there was replaced"),
    "a file more, and --force": (lambda cwd: (mpt_zip.write(cwd / SOURCE, 5),
                                              spoil(cwd / BUNDLE / "mine")), ["--force"],
                                 "failed", 'it also holds "mine"'),
    "a folder as member, and --force": (lambda cwd: (mpt_zip.write(cwd / SOURCE, 5), nest(cwd)),
                                        ["--force"], "failed", '"policy_spec.json" is a folder'),
}


@pytest.mark.parametrize("case", CHANGES)
def test_second_run(tmp_path, case):
    change, options, status, says = CHANGES[case]
    mpt_zip.tree(tmp_path / "tree", 2)
    assert run(tmp_path, "tree", "-o", "out").exit == GOOD
    change(tmp_path)
    before = files_below(tmp_path / BUNDLE)
    done = convert(tmp_path, "tree", "-o", "out", "--jsonl", *options)
    row = done.rows()[(tmp_path / SOURCE).resolve()]
    assert row["status"] == status, row
    assert says is None or says in f"{row['notes']} {row['reason']}"
    if status == "converted":
        assert convert(tmp_path, "tree", "-o", "fresh", *options).exit == GOOD
        assert files_below(tmp_path / "out") == files_below(tmp_path / "fresh")
    else:
        assert files_below(tmp_path / BUNDLE) == before
    assert list(tmp_path.rglob(".mpt-*-*")) == []


@pytest.mark.parametrize("form", ["dir", "zip"])
def test_bundle_of_somebody_else(tmp_path, form):
    """Nothing is replaced that no journal knows, unless --force says so."""
    mpt_zip.tree(tmp_path / "tree", 1)
    options = ["tree", "-o", "out", "--format", form]
    run(tmp_path, *options)
    forget(tmp_path)
    mpt_zip.write(tmp_path / SOURCE, 5)
    before = state_of(tmp_path / "out")
    assert run(tmp_path, *options).exit == SOME_FAILED
    assert state_of(tmp_path / "out") == before
    assert run(tmp_path, *options, "--force").exit == GOOD
    run(tmp_path, "tree", "-o", "fresh", "--format", form)
    (ours,), (fresh,) = (
        {name: files_below(tmp_path / out) for name in [out]}.values() for out in ("out", "fresh")
    )
    assert ours.keys() == fresh.keys()
    assert run(tmp_path, *options, "--check").exit == GOOD


@pytest.mark.parametrize("options", [[], ["--force"]])
def test_archive_that_holds_more(tmp_path, options):
    """As a folder that does: what somebody has put in is not thrown away."""
    mpt_zip.tree(tmp_path / "tree", 1)
    command = ["tree", "-o", "out", "--format=zip", *options]
    run(tmp_path, *command)
    with zipfile.ZipFile(tmp_path / f"{BUNDLE}.zip", "a") as archive:
        archive.writestr("mine", "mine")
    mpt_zip.write(tmp_path / SOURCE, 5)
    before = state_of(tmp_path / "out/run")
    done = run(tmp_path, *command)
    assert done.exit == SOME_FAILED and 'it also holds "mine"' in done.stderr
    assert state_of(tmp_path / "out/run") == before


def test_archive_that_is_broken_is_replaced(tmp_path):
    mpt_zip.tree(tmp_path / "tree", 1)
    command = ["tree", "-o", "out", "--format=zip"]
    run(tmp_path, *command)
    (tmp_path / f"{BUNDLE}.zip").write_bytes(b"PK half")
    assert run(tmp_path, *command).exit == SOME_FAILED
    assert run(tmp_path, *command, "--force").exit == GOOD
    with zipfile.ZipFile(tmp_path / f"{BUNDLE}.zip") as archive:
        assert archive.testzip() is None


def test_links_are_not_replaced(tmp_path):
    mpt_zip.tree(tmp_path / "tree", 1)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / BUNDLE).parent.mkdir(parents=True)
    (tmp_path / BUNDLE).symlink_to(tmp_path / "elsewhere")
    assert run(tmp_path, "tree", "-o", "out", "--force").exit == SOME_FAILED
    assert (tmp_path / BUNDLE).is_symlink() and list((tmp_path / "elsewhere").iterdir()) == []


def run_traced(cwd, traced, *arguments):
    """The status of a run with faults that strace injects, and what it said."""
    strace = shutil.which("strace")
    if not strace or "ASAN_OPTIONS" in os.environ:
        pytest.skip("strace is not usable")
    command = [strace, "-f", "-qq", "-o", cwd / "trace", *traced, CONVERTER, *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    if "ptrace" in done.stderr:
        pytest.skip("nothing can be traced here")
    return done.returncode, done.stderr


NO_EXCHANGE = ["-e", "trace=renameat,renameat2", "-e", "inject=renameat2:error=EINVAL"]


@pytest.mark.parametrize("fault", [None, *range(1, 6)])
def test_names_that_cannot_be_exchanged(tmp_path, fault):
    """The bundle is the old one or the new one, whichever of the renames fails."""
    mpt_zip.tree(tmp_path / "tree", 1)
    run(tmp_path, "tree", "-o", "out")
    mpt_zip.write(tmp_path / SOURCE, 5)
    inject = ["-e", f"inject=renameat:error=EIO:when={fault}"] if fault else []
    status, stderr = run_traced(tmp_path, NO_EXCHANGE + inject, "tree", "-o", "out")
    failed = "Input/output" in stderr
    assert status == (SOME_FAILED if failed else GOOD), stderr
    assert files_below(tmp_path / BUNDLE) == mpt_zip.bundle(0 if failed else 5)
    assert list((tmp_path / BUNDLE).parent.iterdir()) == [tmp_path / BUNDLE]


def test_only_failed(tmp_path):
    mpt_zip.tree(tmp_path / "tree", 2)
    (tmp_path / SOURCE).write_bytes(b"PK")
    assert run(tmp_path, "tree", "-o", "out").exit == SOME_FAILED
    mpt_zip.write(tmp_path / SOURCE)
    shutil.rmtree(tmp_path / "out/run/checkpoints/run:v1")
    done = run(tmp_path, "tree", "-o", "out", "--only-failed")
    assert summary(done.stderr) == (1, 0, 0) and done.exit == GOOD
    assert "note: it failed before, and was tried again" in done.stderr
    assert bundles_below(tmp_path / "out") == ["run/checkpoints/run:v0"]
    assert summary(run(tmp_path, "tree", "-o", "out", "--only-failed").stderr) == (0, 0, 0)


OWN_TEXT, NO_TEXT = "tree/run/checkpoints/run:v0.mpt", "tree/bare:v1.pt"


@pytest.mark.parametrize("options, kept", [
    ([], 2), (["--architecture", "a.B()"], 2), (["--architecture", " a.B() "], 2),
    (["--architecture", "a.C()"], 1), (["--architecture-map", "map"], 2),
    (["--architecture-map", "other"], 1), (["--keep-prefix"], 0),
], ids=str)
def test_architecture_counts_where_it_was_used(tmp_path, options, kept):
    """A file with a text of its own does not care, nor one that has its bundle by now."""
    mpt_zip.tree(tmp_path / "tree", 1)
    torch.save({"w": torch.ones(2)}, tmp_path / NO_TEXT)
    (tmp_path / "map").write_text("*\ta.B()\n")
    (tmp_path / "other").write_text("*\ta.C()\n")
    done = run(tmp_path, "tree", "-o", "out", "--architecture", "a.B()")
    assert summary(done.stderr) == (2, 0, 0)
    rows = run(tmp_path, "tree", "-o", "out", "--jsonl", *options).rows()
    again = [name for name, row in rows.items()
             if "with other options before" in str(row["notes"])
             or row["status"] not in ("kept", "skipped")]
    assert len(rows) - len(again) == kept


@pytest.mark.parametrize("options", [[], ["--force"]])
def test_only_failed_of_two_for_one_bundle(tmp_path, options):
    """The one that was converted stays, whatever is forced for the other."""
    mpt_zip.write(tmp_path / "tree/a:v1.mpt", 1)
    mpt_zip.write(tmp_path / "tree/a:v1.pt", 2)
    assert run(tmp_path, "tree", "-o", "out").exit == SOME_FAILED
    done = run(tmp_path, "tree", "-o", "out", "--only-failed", *options)
    assert done.exit == SOME_FAILED and "tree/a:v1.mpt, with other weights" in done.stderr
    assert files_below(tmp_path / "out/a:v1") == mpt_zip.bundle(1)


def test_only_failed_needs_a_journal(tmp_path):
    mpt_zip.tree(tmp_path / "tree", 1)
    done = run(tmp_path, "tree", "-o", "out", "--only-failed")
    assert done.exit == USAGE and "nothing is recorded of an earlier run" in done.stderr
    assert bundles_below(tmp_path / "out") == []


def test_dry_run_knows_what_is_done(tmp_path):
    mpt_zip.tree(tmp_path / "tree", 2)
    run(tmp_path, "tree", "-o", "out")
    shutil.rmtree(tmp_path / BUNDLE)
    before = files_below(tmp_path / "out/.mpt-convert")
    done = run(tmp_path, "tree", "-o", "out", "-n")
    assert "would convert tree/run/checkpoints/run:v0.mpt" in done.stdout
    assert "kept tree/run/checkpoints/run:v1.mpt" in done.stdout
    assert files_below(tmp_path / "out/.mpt-convert") == before


@pytest.mark.parametrize("form", ["dir", "zip"])
def test_kept_costs_no_second_record(tmp_path, form):
    mpt_zip.tree(tmp_path / "tree", 2)
    (tmp_path / "tree/trainer_state.pt").write_bytes(b"")
    for _ in range(3):
        run(tmp_path, "tree", "-o", "out", "--format", form)
    assert len([row for row in journal_of(tmp_path / "out") if "source" in row]) == 3


# ---- journals that are not as we left them ----

LINE = b'{"source":"run/checkpoints/run:v0.mpt"'
ODD_JOURNALS = {
    "empty": b"",
    "a torn line": LINE,
    "no JSON": b"hello\n\n\n",
    "other JSON": b"[1]\n{}\n17\n",
    "wrong types": b'{"source":1,"time":"x"}\n{"source":"a","time":"x","size":-1}\n',
    "an event of nobody": b'{"event":"begin","time":"9","shard":1,"shards":0,"sources":1}\n',
    "zero bytes": bytes(5000),
    "a line of 9 MB": b"[" * 9_000_000 + b"\n",
    "a deep one": b"[" * 100_000 + b"\n",
}


@pytest.mark.parametrize("case", ODD_JOURNALS)
def test_odd_journals(tmp_path, case):
    """They are passed over, and lines are added behind them."""
    mpt_zip.tree(tmp_path / "tree", 1)
    path = tmp_path / "out" / JOURNALS / "journal.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(ODD_JOURNALS[case])
    done = run(tmp_path, "tree", "-o", "out")
    assert (done.exit, summary(done.stderr)) == (GOOD, (1, 0, 0)), done.stderr
    assert run(tmp_path, "tree", "-o", "out").stdout.startswith("kept ")
    added = path.read_bytes()[len(ODD_JOURNALS[case]):].splitlines()
    assert json.loads(added[-1])["event"] == "end"


def test_lying_journal(tmp_path):
    """A record names a bundle outside, or one that is none: it is converted all the same."""
    mpt_zip.tree(tmp_path / "tree", 1)
    run(tmp_path, "tree", "-o", "out")
    row = records(tmp_path / "out")["run/checkpoints/run:v0.mpt"]
    shutil.rmtree(tmp_path / "out")
    path = tmp_path / "out" / JOURNALS / "journal.jsonl"
    path.parent.mkdir(parents=True)
    for bundle in ["../../etc", "", "run/checkpoints/run:v0"]:
        row["bundle"] = bundle
        path.write_text(json.dumps(row) + "\n")
        assert summary(run(tmp_path, "tree", "-o", "out").stderr) == (1, 0, 0)
        shutil.rmtree(tmp_path / "out/run")


@pytest.mark.parametrize("what", ["a folder", "a link", "a FIFO"])
def test_journal_that_is_no_file(tmp_path, what):
    mpt_zip.tree(tmp_path / "tree", 1)
    path = tmp_path / "out" / JOURNALS / "journal.jsonl"
    path.parent.mkdir(parents=True)
    {"a folder": path.mkdir, "a link": lambda: path.symlink_to(tmp_path / "x"),
     "a FIFO": lambda: os.mkfifo(path)}[what]()
    done = run(tmp_path, "tree", "-o", "out")
    assert done.exit == USAGE and "journal.jsonl" in done.stderr
    assert not (tmp_path / "x").exists() and bundles_below(tmp_path / "out") == []


# ---- groups ----


def calls_of(cwd, options, *names):
    """The system calls of a run, in their order."""
    strace = shutil.which("strace")
    if not strace or "ASAN_OPTIONS" in os.environ:
        pytest.skip("strace is not usable")
    command = [strace, "-f", "-qq", "-o", cwd / "trace", "-e", f"trace={','.join(names)}"]
    done = subprocess.run([*command, CONVERTER, "tree", "-j1", "-o", "out", *options], cwd=cwd,
                          capture_output=True, text=True)
    if "ptrace" in done.stderr:
        pytest.skip("nothing can be traced here")
    assert done.returncode == GOOD, done.stderr
    lines = (line.split(None, 1)[1] for line in (cwd / "trace").read_text().splitlines()
             if "claim-" not in line)
    return [line.partition("(")[0] for line in lines if "(" in line]


# For 8 bundles in one folder: files, then names, then the folder, then the journal.
DURABILITY = {
    "group": ["fsync"] * 24 + ["renameat"] * 8 + ["fsync"] + ["fdatasync"],
    "each": (["fsync"] * 3 + ["renameat"] + ["fsync"] + ["fdatasync"]) * 8,
    "none": ["renameat"] * 8,
}


@pytest.mark.parametrize("durability", DURABILITY)
def test_order_of_what_makes_durable(tmp_path, durability):
    mpt_zip.tree(tmp_path / "tree", 8)
    calls = calls_of(tmp_path, ["--durability", durability], "fsync", "fdatasync", "renameat",
                     "renameat2")
    assert calls == DURABILITY[durability]


def test_large_groups_are_split(tmp_path):
    """At most 64 bundles wait: 100 need two rounds."""
    mpt_zip.tree(tmp_path / "tree", 100)
    calls = calls_of(tmp_path, [], "fsync", "fdatasync", "renameat")
    renames = "".join("r" if call == "renameat" else "." for call in calls).split(".")
    assert [len(part) for part in renames if part] in ([64, 36], [50, 50])


# ---- an end ----


@pytest.mark.parametrize("option", ["--fail-fast", "--max-errors=1", "--max-errors=3"])
def test_end_after_failures(tmp_path, option):
    mpt_zip.tree(tmp_path / "tree", 40)
    for number in range(20):
        (tmp_path / f"tree/bad:v{number}.mpt").write_bytes(b"PK" * 5000)   # the largest first
    done = run(tmp_path, "tree", "-o", "out", "-j1", option)
    most = int(option.partition("=")[2] or 1)
    assert done.exit == SOME_FAILED
    assert f"0 converted, 0 skipped, {most} failed, {60 - most} not begun" in done.stderr
    assert bundles_below(tmp_path / "out") == []
    assert journal_of(tmp_path / "out")[-1]["not_begun"] == 60 - most
    again = run(tmp_path, "tree", "-o", "out", "--max-errors", "21")
    assert summary(again.stderr) == (40, 0, 20)


SMALL_DISK = """
mount -t tmpfs -o size=2m none disk && mkdir disk/out
"$1" data -o disk/out $2 2>said
echo $?
find disk -name policy_spec.json | sort
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare(1)")
@pytest.mark.parametrize("option, status", [("", USAGE), ("--no-space-check", SOME_FAILED),
                                            ("--format=zip", USAGE), ("-n", GOOD)])
def test_disk_that_is_too_small(tmp_path, option, status):
    """It is said before anything is written; the bundle that fits is written if it must be."""
    weights = {"w": numpy.random.default_rng(1).random(1 << 19, dtype="float32")}
    mpt_zip.write(tmp_path / "data/a:v1.mpt", weights=weights)
    mpt_zip.write(tmp_path / "data/b:v1.mpt", weights=weights)
    mpt_zip.write(tmp_path / "data/c:v1.mpt")
    (tmp_path / "disk").mkdir()
    own_mounts = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    done = subprocess.run([*own_mounts, "sh", "-c", SMALL_DISK, "sh", CONVERTER, option],
                          cwd=tmp_path, text=True, capture_output=True, timeout=120)
    if not done.stdout:
        pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
    first, *rest = done.stdout.splitlines()
    said = (tmp_path / "said").read_text()
    found = [line for line in rest if line.startswith("disk/")]
    assert int(first.split()[-1] if first.isdigit() else
               next(line for line in [first, *rest] if line.isdigit())) == status, said
    assert ("are needed, and 2." in said) == (status == USAGE)
    assert found == (["disk/out/c:v1/policy_spec.json"] if status == SOME_FAILED else [])


# ---- who is at work ----


def claims(folder):
    return sorted((folder / JOURNALS).glob("*claim-*"))


def test_leftovers_of_the_dead_are_removed(tmp_path):
    """Those of the living, and of whom nobody knows, stay."""
    mpt_zip.tree(tmp_path / "tree", 1)
    run(tmp_path, "tree", "-o", "out")
    dead, alive, unknown = (f"{number:016x}" for number in range(3))
    made = {}
    for owner in dead, alive, unknown:
        folder = tmp_path / f"out/deep/er/.mpt-convert-{owner}-0-0.tmp"
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_bytes(b"half")
        (tmp_path / f"out/run/.mpt-convert-{owner}-1-0.tmp").write_bytes(b"half a zip")
        made[owner] = folder
    for owner in dead, alive:
        (tmp_path / "out" / JOURNALS / f"claim-{owner}").touch()
    (tmp_path / "out" / JOURNALS / f"new-claim-{dead}").touch()
    with open(tmp_path / "out" / JOURNALS / f"claim-{alive}", "r+b") as claim:
        fcntl.lockf(claim, fcntl.LOCK_EX)
        done = run(tmp_path, "tree", "-o", "out")
        assert "removed 2 temporaries of a run that was killed" in done.stderr
        assert [path.name for path in claims(tmp_path / "out")] == [f"claim-{alive}"]
    left = {path.name.split("-")[2] for path in tmp_path.rglob(".mpt-convert-*")}
    assert left == {alive, unknown}


def test_claims_are_locked_before_they_are_seen(tmp_path):
    """Or another process could take one for a dead one's just then."""
    mpt_zip.tree(tmp_path / "tree", 1)
    status, stderr = run_traced(tmp_path, ["-e", "trace=openat,fcntl,renameat2"], "tree",
                                "-o", "out", "-j1")
    assert status == GOOD, stderr
    trace = (tmp_path / "trace").read_text().splitlines()
    steps = [line for line in trace if "claim-" in line or "F_OFD_SETLK," in line]
    assert [line.split(None, 1)[1].partition("(")[0] for line in steps] == [
        "openat", "fcntl", "renameat2"
    ]
    assert '"new-claim-' in steps[0] and ', "claim-' in steps[2]
    assert claims(tmp_path / "out") == []


def test_two_processes_on_one_tree(tmp_path):
    """Neither loses or spoils anything, and together they do what one does."""
    mpt_zip.tree(tmp_path / "tree", 150)
    command = [CONVERTER, "tree", "-o", "out", "-q"]
    both = [subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=120)[1].decode() for process in both]
    assert [process.returncode for process in both] == [GOOD, GOOD], said
    run(tmp_path, "tree", "-o", "fresh")
    assert files_below(tmp_path / "out") == files_below(tmp_path / "fresh")
    assert list(tmp_path.rglob(".mpt-convert-*")) == [] and claims(tmp_path / "out") == []
    assert len(records(tmp_path / "out")) == 150


# ---- many journals ----


def test_summary_of_shards(tmp_path):
    mpt_zip.tree(tmp_path / "tree", 30)
    (tmp_path / "tree/bad:v1.mpt").write_bytes(b"PK")
    for shard in (0, 2):
        run(tmp_path, "tree", "-o", "out", "--shard", f"{shard}/3")
    done = run(tmp_path, "--summary", "out")
    assert done.exit == SOME_FAILED
    assert "shards missing: 1\n" in done.stdout and "2 of 3 shards finished" in done.stdout
    run(tmp_path, "tree", "-o", "out", "--shard", "1/3")
    done = run(tmp_path, "--summary", "out", "--json")
    report = json.loads(done.stdout)
    assert done.exit == SOME_FAILED
    assert (report["sources"], report["converted"], report["failed"]) == (31, 30, 1)
    assert (report["shards"], report["missing"], report["not_finished"]) == (3, [], [])
    assert [row["source"] for row in report["failures"]] == ["bad:v1.mpt"]
    mpt_zip.write(tmp_path / "tree/bad:v1.mpt")
    again = run(tmp_path, "tree", "-o", "out")      # knows what the shards did
    assert summary(again.stderr) == (1, 30, 0)
    assert run(tmp_path, "--summary", "out").exit == GOOD


def test_summary_of_shards_without_files(tmp_path):
    """What nothing fell to has run all the same."""
    mpt_zip.tree(tmp_path / "tree", 1)
    for shard in range(4):
        assert run(tmp_path, "tree", "-o", "out", "--shard", f"{shard}/4").exit == GOOD
    done = run(tmp_path, "--summary", "out")
    assert done.exit == GOOD and "4 of 4 shards finished" in done.stdout


def at(row, time, **changes):
    return json.dumps(row | {"time": time} | changes) + "\n"


def test_clock_that_went_back(tmp_path):
    """In one journal a line is later than those above it, whatever time they tell."""
    mpt_zip.tree(tmp_path / "tree", 1)
    run(tmp_path, "tree", "-o", "out")
    path = tmp_path / "out" / JOURNALS / "journal.jsonl"
    begin, row, end = journal_of(tmp_path / "out")
    failed = {"status": "failed", "reason": "no", "error": {"kind": "io", "reason": "no"}}
    bare = {key: value for key, value in row.items() if key != "bundle"}
    path.write_text(at(begin, "2030") + at(row, "2030") + at(end, "2030")
                    + at(begin, "2020") + at(bare, "2020", **failed) + at(end, "2020"))
    done = run(tmp_path, "--summary", "out")
    assert done.exit == SOME_FAILED and "0 converted, 0 skipped, 1 failed" in done.stdout
    again = run(tmp_path, "tree", "-o", "out", "--only-failed")
    assert "it failed before, and was tried again" in again.stderr
    assert run(tmp_path, "--summary", "out").exit == GOOD


def test_summary_of_a_run_that_was_killed(tmp_path):
    mpt_zip.tree(tmp_path / "tree", 3)
    run(tmp_path, "tree", "-o", "out")
    path = tmp_path / "out" / JOURNALS / "journal.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + '\n{"source":"ru')
    done = run(tmp_path, "--summary", "out")
    assert done.exit == SOME_FAILED and "the last run did not finish" in done.stdout


@pytest.mark.parametrize("folder", ["nowhere", "tree"])
def test_summary_of_nothing(tmp_path, folder):
    mpt_zip.tree(tmp_path / "tree", 1)
    done = run(tmp_path, "--summary", folder)
    assert done.exit == NOTHING and "no journal was found" in done.stderr


def test_summary_takes_no_sources(tmp_path):
    assert run(tmp_path, "tree", "--summary", "out").exit == USAGE
