"""Which files mpt-convert takes, where their bundles go, and what else it leaves alone."""

import hashlib
import io
import json
import os
import random
import shutil
import socket
import stat
import subprocess
import sys
import zipfile

import mpt_zip
import numpy
import pytest
import safetensors.torch
import torch
from converter import CONVERTER, JOURNALS, PROJECT, convert, files_below, forget
from test_convert import GOOD, NOTHING, SOME_FAILED, run, summary


def bundles_below(folder):
    """Paths of all bundles, relative and sorted."""
    specs = folder.rglob("policy_spec.json")
    return sorted(str(spec.parent.relative_to(folder)) for spec in specs)


def state_of(folder):
    """All that a program could change about a tree, the times of folders apart."""
    states = {}
    for path in folder.rglob("*"):
        if JOURNALS in (path.name, path.parent.name):
            continue
        st = os.lstat(path)
        states[path] = [st.st_mode, st.st_ino]
        if stat.S_ISREG(st.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            states[path] += [st.st_mtime_ns, content]
    return states


# ---- layout of the output ----


def test_layout_is_mirrored(tmp_path):
    mpt_zip.tree(tmp_path / "data", 2, "one")
    mpt_zip.tree(tmp_path / "data", 1, "two.dots")
    mpt_zip.write(tmp_path / "data" / "loose:v7.mpt", 7)
    assert run(tmp_path, "data", "-o", "deep/er/out").exit == GOOD
    assert bundles_below(tmp_path / "deep" / "er" / "out") == [
        "loose:v7",
        "one/checkpoints/one:v0",
        "one/checkpoints/one:v1",
        "two.dots/checkpoints/two.dots:v0",
    ]
    assert files_below(tmp_path / "deep/er/out/loose:v7") == mpt_zip.bundle(7)


def test_files_and_folders_as_arguments(tmp_path):
    """A file goes to the root of the output, whatever its suffix."""
    mpt_zip.tree(tmp_path / "data", 1)
    mpt_zip.write(tmp_path / "far" / "a:v1.mpt")
    mpt_zip.write(tmp_path / "far" / "b:v1.checkpoint")
    sources = ["far/a:v1.mpt", "far/b:v1.checkpoint", "data/"]
    assert run(tmp_path, *sources, "-o", "out").exit == GOOD
    assert bundles_below(tmp_path / "out") == ["a:v1", "b:v1", "run/checkpoints/run:v0"]


def test_in_place(tmp_path):
    mpt_zip.tree(tmp_path / "data", 2)
    mpt_zip.write(tmp_path / "c:v1.mpt")
    assert run(tmp_path, "data", "c:v1.mpt", "--in-place").exit == GOOD
    bundles = ["c:v1"] + [f"data/run/checkpoints/run:v{n}" for n in range(2)]
    assert bundles_below(tmp_path) == bundles


def test_dry_run_writes_nothing(tmp_path):
    mpt_zip.tree(tmp_path / "data", 2)
    before = state_of(tmp_path)
    done = run(tmp_path, "data", "-n", "-o", "out")
    assert done.exit == GOOD
    assert [line.split(" data/")[0] for line in done.stdout.splitlines()] == [
        "would convert", "would convert",
    ]
    assert state_of(tmp_path) == before


def test_dry_run_finds_faults(tmp_path):
    mpt_zip.write(tmp_path / "data" / "a:v1.mpt", text="not a call(")
    assert run(tmp_path, "data", "-n").exit == SOME_FAILED


def test_dry_run_says_why(tmp_path):
    """Era, origin of the architecture, notes, and what is in the bundle's place."""
    mpt_zip.write(tmp_path / "data" / "a:v1.mpt")
    mpt_zip.write(tmp_path / "data" / "b.mpt", weights={"module.w": numpy.zeros(2)})
    mpt_zip.write(tmp_path / "data" / "c:v1.mpt", text="")
    (tmp_path / "out" / "a:v1").mkdir(parents=True)
    done = run(tmp_path, "data", "-n", "-o", "out")
    assert done.exit == SOME_FAILED
    lines = [line.removeprefix("mpt-convert: ") for line in done.stderr.splitlines()]
    assert lines[:-2] == [
        "data/a:v1.mpt: mpt zip, architecture from modelarchitecture.txt",
        "data/a:v1.mpt: note: out/a:v1 is there already: it would be compared, and kept",
        "data/b.mpt: mpt zip, architecture from modelarchitecture.txt",
        "data/b.mpt: note: wrapper prefixes came off 1 of 1 keys (module.)",
        "data/b.mpt: note: its name has no epoch, so :latest will not find the bundle",
        "data/c:v1.mpt: it carries no architecture: give one with --architecture TEXT or "
        "@FILE, or for many runs with --architecture-map FILE",
    ]
    assert lines[-2] == "data/c:v1.mpt: mpt zip, architecture from nowhere"
    assert "is there already" not in run(tmp_path / "out", "../data", "-n").stderr


# ---- which files ----

PATTERNS = {
    "default": ([], ["a", "b", "sub/c"]),
    "only one suffix": (["--include", "*.pt"], ["b"]),
    "another suffix": (["--include", "*.ckpt"], ["d"]),
    "two": (["--include", "*.ckpt", "--include", "a*"], ["a", "d"]),
    "a path": (["--include", "sub/*"], ["sub/c"]),
    "all of a path": (["--include", "*/*"], ["sub/c"]),
    "but one": (["--exclude", "a:*"], ["b", "sub/c"]),
    "but a folder": (["--exclude", "sub/*"], ["a", "b"]),
    "exclude wins": (["--include", "*.mpt", "--exclude", "a*"], ["sub/c"]),
    "a class": (["--include", "[ab]:v?.*t"], ["a", "b"]),
}


@pytest.mark.parametrize("case", PATTERNS)
def test_include_and_exclude(tmp_path, case):
    arguments, expected = PATTERNS[case]
    for name in ("a:v1.mpt", "b:v1.pt", "sub/c:v1.mpt", "d:v1.ckpt", "notes.txt"):
        mpt_zip.write(tmp_path / "data" / name)
    run(tmp_path, "data", "-o", "out", *arguments)
    assert bundles_below(tmp_path / "out") == [f"{name}:v1" for name in expected]


def test_patterns_are_not_for_arguments(tmp_path):
    mpt_zip.write(tmp_path / "a:v1.mpt")
    assert run(tmp_path, "a:v1.mpt", "-o", "out", "--exclude", "*").exit == GOOD


LISTS = {
    "lines": ([], b"a:v1.mpt\nb c:v1.mpt\n"),
    "no end of the last line": ([], b"a:v1.mpt\nb c:v1.mpt"),
    "empty lines": ([], b"\n\na:v1.mpt\n\nb c:v1.mpt\n\n"),
    "NUL": (["-0"], b"a:v1.mpt\0b c:v1.mpt\0"),
    "NUL, unfinished": (["--null"], b"a:v1.mpt\0b c:v1.mpt"),
}


@pytest.mark.parametrize("where", ["file", "-"])
@pytest.mark.parametrize("case", LISTS)
def test_files_from(tmp_path, case, where):
    arguments, names = LISTS[case]
    mpt_zip.write(tmp_path / "a:v1.mpt")
    mpt_zip.write(tmp_path / "b c:v1.mpt")
    (tmp_path / "file").write_bytes(names)
    with open(tmp_path / "file", "rb") as stdin:
        done = run(tmp_path, "--files-from", where, *arguments, "-o", "out", stdin=stdin)
    assert done.exit == GOOD
    assert bundles_below(tmp_path / "out") == ["a:v1", "b c:v1"]


def test_files_from_with_a_newline_in_a_name(tmp_path):
    mpt_zip.write(tmp_path / "a\nb:v1.mpt")
    (tmp_path / "list").write_bytes(b"a\nb:v1.mpt\0")
    done = run(tmp_path, "--files-from", "list", "-0", "-o", "out")
    assert (done.exit, bundles_below(tmp_path / "out")) == (GOOD, ["a\nb:v1"])


def test_files_from_an_empty_list(tmp_path):
    assert run(tmp_path, "--files-from", "-", "-o", "out").exit == NOTHING


# ---- names ----

NAMES = {
    "blanks": b" a  b:v1.mpt",
    "newline": b"a\nb:v1.mpt",
    "quotes": b"a'b\"c\\:v1.mpt",
    "dash": b"-rf:v1.mpt",
    "terminal escape": b"\033[2J\033]0;x\007:v1.mpt",
    "not UTF-8": b"caf\xe9\xff:v1.mpt",
    "UTF-8": "tête-à-tête😀:v1.mpt".encode(),
    "percent": b"%s%n%d:v1.mpt",
    "dots": b"a.b..c:v1.mpt",
    "hidden": b".a:v1.mpt",
    "longest": b"x" * 248 + b":v1.mpt",
}


def assert_line_is_safe(text):
    assert len(text.splitlines()) == 1
    assert not any(ord(c) < 0x20 or ord(c) == 0x7f for c in text.rstrip("\n"))


@pytest.mark.parametrize("case", NAMES)
def test_odd_names(tmp_path, case):
    name = os.fsdecode(NAMES[case])
    mpt_zip.write(tmp_path / "data" / name)
    done = run(tmp_path, "data", "-o", "out")
    assert done.exit == GOOD, done.stderr
    assert files_below(tmp_path / "out" / name.removesuffix(".mpt")) == mpt_zip.bundle()
    assert_line_is_safe(done.stdout)
    assert_line_is_safe(done.stderr.rpartition("mpt-convert: 1 converted")[0] or "x")

    for line in run(tmp_path, "data", "-nv").stderr.splitlines(keepends=True):
        assert_line_is_safe(line)

    (row,) = convert(tmp_path, "data", "--jsonl", "-o", "out").rows().values()
    assert row["status"] == "kept"


def test_leading_dash_as_an_argument(tmp_path):
    mpt_zip.write(tmp_path / "-rf:v1.mpt")
    assert run(tmp_path, "-o", "out", "--", "-rf:v1.mpt").exit == GOOD
    assert bundles_below(tmp_path / "out") == ["-rf:v1"]


def test_deep_folders(tmp_path):
    deep = "/".join(["d" * 200] * 12)
    mpt_zip.write(tmp_path / "data" / deep / "a:v1.mpt")
    assert run(tmp_path, "data", "-o", "out").exit == GOOD
    assert bundles_below(tmp_path / "out") == [deep + "/a:v1"]


# ---- what is no regular file ----


def test_nothing_but_files_is_opened(tmp_path):
    """A FIFO would block, a loop would not end; the good file is converted."""
    data = tmp_path / "data"
    mpt_zip.write(data / "good:v1.mpt")
    os.mkfifo(data / "fifo:v1.mpt")
    (data / "dangling:v1.mpt").symlink_to("none")
    (data / "self:v1.mpt").symlink_to("self:v1.mpt")
    (data / "loop").symlink_to(".")
    (data / "folder-link:v1.mpt").symlink_to(".")
    (data / "device:v1.mpt").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(data / "socket:v1.mpt"))
        done = convert(tmp_path, "data", "-o", "out", "--jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["source"].removeprefix("data/"): row["status"] for row in rows} == {
        "dangling:v1.mpt": "failed", "self:v1.mpt": "failed",
        "device:v1.mpt": "skipped", "fifo:v1.mpt": "skipped",
        "folder-link:v1.mpt": "skipped", "socket:v1.mpt": "skipped",
        "good:v1.mpt": "converted",
    }
    assert bundles_below(tmp_path / "out") == ["good:v1"]


def test_fifo_as_an_argument(tmp_path):
    os.mkfifo(tmp_path / "fifo:v1.mpt")
    assert run(tmp_path, "fifo:v1.mpt", "-o", "out").exit == NOTHING


def test_link_to_a_file(tmp_path):
    """The bundle is named after the link; what it points to stays where it is."""
    mpt_zip.write(tmp_path / "store" / "blob", 3)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a:v1.mpt").symlink_to("../store/blob")
    assert run(tmp_path, "data", "-o", "out").exit == GOOD
    assert files_below(tmp_path / "out") == {
        f"a:v1/{name}": content for name, content in mpt_zip.bundle(3).items()
    }


def test_folder_named_like_a_checkpoint(tmp_path):
    mpt_zip.write(tmp_path / "data" / "folder:v1.mpt" / "a:v1.mpt")
    assert run(tmp_path, "data", "-o", "out").exit == GOOD
    assert bundles_below(tmp_path / "out") == ["folder:v1.mpt/a:v1"]


SKIPPED = {
    "trainer_state.pt": "trainer's state",
    ".run:v1.mpt.ab12_x9z.tmp": "temporary",
    "run:v1.mpt.tmp": "temporary",
    "run:v1-submission.zip": "pointer",
}


def test_known_files_are_skipped_with_a_reason(tmp_path):
    mpt_zip.write(tmp_path / "data" / "a:v1.mpt")
    for name in SKIPPED:
        (tmp_path / "data" / name).write_bytes(b"\x80")
    done = convert(tmp_path, "data", "-o", "out", "--jsonl")
    rows = {path.name: row for path, row in done.rows().items()}
    assert done.exit == GOOD
    for name, reason in SKIPPED.items():
        assert rows[name]["status"] == "skipped" and reason in rows[name]["reason"]


# ---- what is there already ----


def test_two_sources_for_one_bundle(tmp_path):
    """The first is converted; the other fails, and both are named."""
    mpt_zip.write(tmp_path / "data" / "a:v1.mpt", 1)
    mpt_zip.write(tmp_path / "data" / "a:v1.pt", 2)
    done = run(tmp_path, "data", "-o", "out")
    assert done.exit == SOME_FAILED
    assert files_below(tmp_path / "out" / "a:v1") == mpt_zip.bundle(1)
    (fault,) = [line for line in done.stderr.splitlines() if "a:v1.pt: " in line]
    assert "data/a:v1.mpt" in fault and "out/a:v1" in fault


@pytest.mark.parametrize("text", [mpt_zip.TEXT, "another.Config()"])
def test_two_sources_of_the_same_weights(tmp_path, text):
    """The second adds nothing: it is skipped, and named if its architecture differs."""
    mpt_zip.write(tmp_path / "data" / "a:v1.mpt")
    mpt_zip.write(tmp_path / "data" / "a:v1.pt", text=text)
    done = run(tmp_path, "data", "-o", "out")
    assert done.exit == GOOD
    assert summary(done.stderr) == (1, 1, 0)
    assert ("a:v1.pt: note: " in done.stderr) == (text != mpt_zip.TEXT)
    assert files_below(tmp_path / "out" / "a:v1") == mpt_zip.bundle()


def test_same_name_in_two_roots(tmp_path):
    mpt_zip.write(tmp_path / "x" / "a:v1.mpt", 1)
    mpt_zip.write(tmp_path / "y" / "a:v1.mpt", 2)
    done = run(tmp_path, "x", "y", "-o", "out")
    assert summary(done.stderr) == (1, 0, 1)
    assert files_below(tmp_path / "out" / "a:v1") == mpt_zip.bundle(1)


def test_the_same_source_twice(tmp_path):
    mpt_zip.write(tmp_path / "x" / "a:v1.mpt", 1)
    run(tmp_path, "x", "x/a:v1.mpt", "-o", "out")
    assert files_below(tmp_path / "out" / "a:v1") == mpt_zip.bundle(1)


def test_equal_bundle_is_left_alone(tmp_path):
    mpt_zip.tree(tmp_path / "data", 2)
    run(tmp_path, "data", "-o", "out")
    forget(tmp_path)
    before = state_of(tmp_path / "out")
    done = run(tmp_path, "data", "-o", "out")
    assert done.exit == GOOD
    assert summary(done.stderr) == (0, 2, 0)
    assert done.stdout.count("the same bundle is there already") == 2
    assert state_of(tmp_path / "out") == before


def spoil_weights(bundle):
    with open(bundle / "weights.safetensors", "r+b") as f:
        f.seek(-1, os.SEEK_END)
        f.write(b"\xff")


IN_THE_WAY = {
    "other weights": spoil_weights,
    "other spec": lambda bundle: (bundle / "policy_spec.json").write_text("{}"),
    "cut weights": lambda bundle: os.truncate(bundle / "weights.safetensors", 9),
    "no weights": lambda bundle: (bundle / "weights.safetensors").unlink(),
    "no spec": lambda bundle: (bundle / "policy_spec.json").unlink(),
    "a file": lambda bundle: (shutil.rmtree(bundle), bundle.write_text("mine")),
    "a folder of the user's": lambda bundle: (
        shutil.rmtree(bundle), bundle.mkdir(), (bundle / "mine").touch(),
    ),
}


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_anything_else_in_the_way(tmp_path, case):
    """It may be somebody's work: it is reported and left as it is."""
    mpt_zip.tree(tmp_path / "data", 2)
    run(tmp_path, "data", "-o", "out")
    IN_THE_WAY[case](tmp_path / "out/run/checkpoints/run:v0")
    forget(tmp_path)
    before = state_of(tmp_path / "out")
    done = run(tmp_path, "data", "-o", "out")
    assert summary(done.stderr) == (0, 1, 1)
    assert done.exit == SOME_FAILED
    assert "out/run/checkpoints/run:v0" in done.stderr
    assert state_of(tmp_path / "out") == before


@pytest.mark.parametrize("target", ["empty", "file", "none", "bundle"])
def test_planted_link_is_not_followed(tmp_path, target):
    mpt_zip.tree(tmp_path / "data", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    mpt_zip.write(tmp_path / "bundle.mpt")
    run(tmp_path, "bundle.mpt", "-o", ".")
    link = tmp_path / "out/run/checkpoints/run:v0"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / target)
    before = state_of(tmp_path)
    done = run(tmp_path, "data", "-o", "out")
    assert summary(done.stderr) == (0, 0, 1)
    assert link.is_symlink()
    assert state_of(tmp_path) == before


# ---- traces ----


@pytest.mark.parametrize(
    "umask, folder_mode, file_mode",
    [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600), (0o002, 0o775, 0o664)],
    ids=oct,
)
def test_modes_follow_the_umask(tmp_path, umask, folder_mode, file_mode):
    mpt_zip.tree(tmp_path / "data", 1)
    run(tmp_path, "data", "-o", "out", umask=umask)
    made = [tmp_path / "out", *(tmp_path / "out").rglob("*")]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert modes == {
        "out": folder_mode, "run": folder_mode, "checkpoints": folder_mode,
        "run:v0": folder_mode,
        "policy_spec.json": file_mode, "weights.safetensors": file_mode,
        JOURNALS: folder_mode, "journal.jsonl": file_mode,
    }


@pytest.mark.parametrize("arguments", [["-o", "out"], ["-n"], ["-o", "legacy/out"]], ids=str)
def test_sources_stay_as_they_are(tmp_path, arguments):
    """All eras, the damaged ones too; and nothing temporary is left behind."""
    shutil.copytree(PROJECT / "fixtures/legacy", tmp_path / "legacy")
    before = state_of(tmp_path / "legacy")
    run(tmp_path, "legacy", "-j4", *arguments)
    shutil.rmtree(tmp_path / "legacy/out", ignore_errors=True)
    assert state_of(tmp_path / "legacy") == before
    assert list(tmp_path.rglob(".mpt-*-*")) == []


def test_nothing_is_left_in_the_folder_for_temporaries(tmp_path):
    (tmp_path / "tmp").mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    legacy = PROJECT / "fixtures/legacy"
    assert run(tmp_path, legacy, "-o", "out", env=env).exit == SOME_FAILED
    assert list((tmp_path / "tmp").iterdir()) == []


def test_files_with_one_pickle(tmp_path):
    """What the helper said of the first is not forgotten, nor mixed with others."""
    (tmp_path / "run").mkdir()
    for epoch in range(6):
        weights = {"a": torch.full((2, 3), epoch), "b": torch.full((4,), epoch / 2)}
        if epoch == 3:
            weights["c"] = torch.zeros(1)
        torch.save(weights, tmp_path / f"run/r:v{epoch}.pt")
        safetensors.torch.save_file(weights, tmp_path / f"{epoch}.expected")
    options = "-j1", "-o", "out", "--architecture", "a.B", "--jsonl"
    done = run(tmp_path, "run", *options)
    assert done.exit == GOOD
    for epoch in range(6):
        written = (tmp_path / f"out/r:v{epoch}/weights.safetensors").read_bytes()
        assert written == (tmp_path / f"{epoch}.expected").read_bytes()
    rows = done.rows().values()
    assert sorted(row["tensors"] for row in rows) == [2, 2, 2, 2, 2, 3]
    assert len({str(row["globals"]) for row in rows}) == 1


# ---- what has to be inflated first ----

# Held in memory as long as they come to 4 MiB, else in a temporary file.
FLOATS_PER_MIB = 1 << 18
DEFLATED_STORAGES = {
    "held": 3 * FLOATS_PER_MIB,
    "no room for this": 2 * FLOATS_PER_MIB,
    "up to the last byte": FLOATS_PER_MIB,
    "nor for this": 1,
    "larger than all the room": 5 * FLOATS_PER_MIB,
}


@pytest.mark.parametrize("whole", [False, True], ids=["storages", "policy.pt"])
def test_deflated_storages(tmp_path, whole):
    values = numpy.random.default_rng(1)
    weights = {
        name: torch.from_numpy(values.standard_normal(count, numpy.float32))
        for name, count in DEFLATED_STORAGES.items()
    }
    archive = io.BytesIO()
    torch.save(weights, archive)
    with zipfile.ZipFile(tmp_path / "r:v1.mpt", "w", zipfile.ZIP_DEFLATED) as target:
        if whole:
            target.writestr("policy.pt", archive.getvalue())
        else:
            with zipfile.ZipFile(archive) as source:
                for name in source.namelist():
                    target.writestr(name, source.read(name))
    safetensors.torch.save_file(weights, tmp_path / "expected")
    options = "-o", "out", "--architecture", "a.B", "-q"
    assert run(tmp_path, "r:v1.mpt", *options).exit == GOOD
    written = (tmp_path / "out/r:v1/weights.safetensors").read_bytes()
    assert written == (tmp_path / "expected").read_bytes()


# ---- the helper ----


@pytest.fixture
def lonely(tmp_path):
    """mpt-convert without a helper beside it; put one there, and convert."""
    program = tmp_path / "bin" / "mpt-convert"
    program.parent.mkdir()
    shutil.copy2(CONVERTER, program)

    def convert_with(helper, *sources):
        if helper:
            (program.parent / "mpt-unpickler").write_text(helper)
            (program.parent / "mpt-unpickler").chmod(0o755)
        command = [program, *sources, "-o", "out"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == SOME_FAILED
        return done.stderr

    return convert_with


PICKLED = PROJECT / "fixtures/legacy/local.daveey.20251002/checkpoints"


def test_mpt_zip_needs_no_helper(tmp_path, lonely):
    mpt_zip.tree(tmp_path / "data", 1)
    stderr = lonely(None, "data", PICKLED / "best.pt")
    assert "cannot start" in stderr and "mpt-unpickler" in stderr
    assert summary(stderr) == (1, 0, 1)


DYING_HELPERS = {
    "by a signal": ("#!/bin/sh\nkill -SEGV $$\n", "ended by signal 11"),
    "with a status": ("#!/bin/sh\nexit 7\n", "ended with status 7"),
    "with nonsense": ("#!/bin/sh\nhead -c 8 /dev/zero >&0; sleep 9\n", "the unpickler"),
}


@pytest.mark.parametrize("case", DYING_HELPERS)
def test_death_of_the_helper(tmp_path, lonely, case):
    """It is the fault of the file that was read, and the others go on."""
    helper, message = DYING_HELPERS[case]
    mpt_zip.tree(tmp_path / "data", 1)
    stderr = lonely(helper, PICKLED / "best.pt", "data")
    assert summary(stderr) == (1, 0, 1)
    assert any("best.pt" in line and message in line for line in stderr.splitlines())


# ---- memory ----


# A small process between: what pytest had resident counts as its child's, too.
PEAK = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss * 1024)
sys.exit(status != 0)
"""


def peak_of(cwd, *arguments):
    """The most memory a run had resident, in bytes."""
    command = [sys.executable, "-c", PEAK, CONVERTER, "-q", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return int(done.stdout)


def write_torch_archive(path, weights):
    torch = pytest.importorskip("torch")
    torch.save({name: torch.from_numpy(a.copy()) for name, a in weights.items()}, path)


def write_policy_zip(path, weights):
    write_torch_archive(path.with_name("policy.pt"), weights)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path.with_name("policy.pt"), "policy.pt")


FORMS = {
    "mpt zip": lambda path, weights: mpt_zip.write(path, weights=weights),
    "mpt zip, stored": lambda path, weights: mpt_zip.write(
        path, weights=weights, compression=zipfile.ZIP_STORED
    ),
    "torch archive": write_torch_archive,
    "zip with policy.pt": write_policy_zip,
}


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="sanitizers keep what is freed")
@pytest.mark.parametrize("form", FORMS)
def test_memory_is_not_that_of_the_checkpoint(tmp_path, form):
    block = numpy.frombuffer(random.Random(0).randbytes(1 << 20), "int32")
    peaks = []
    for megabytes in (1, 64):
        name = f"{megabytes}:v1.mpt"
        FORMS[form](tmp_path / name, {"w": numpy.tile(block, megabytes)})
        arguments = [name, "-o", "out", "--architecture", mpt_zip.TEXT]
        peaks.append(peak_of(tmp_path, *arguments))
        shutil.rmtree(tmp_path / "out")
    assert peaks[1] - peaks[0] < 4 << 20


# name, what the sources are called, arguments
MANY = {
    "converted": ("r:v{}.mpt", ()),
    "converted, each with a note": ("r{}.mpt", ()),
    "dry run": ("r:v{}.mpt", ("--dry-run",)),
    "compared": ("r:v{}.mpt", ("--check",)),
    "kept": ("r:v{}.mpt", ()),
    "to zips": ("r:v{}.mpt", ("--format", "zip")),
}
BUNDLES_FIRST = "compared", "kept"


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="sanitizers keep what is freed")
@pytest.mark.parametrize("case", MANY)
def test_memory_is_not_that_of_all_results(tmp_path, case):
    """Of a source that is done and reported, hardly more than its name is kept."""
    name, arguments = MANY[case]
    content = mpt_zip.write(tmp_path / "one.mpt").read_bytes()
    peaks = []
    for count in (100, 1600):
        folder = tmp_path / f"{count}"
        folder.mkdir()
        for i in range(count):
            (folder / name.format(i)).write_bytes(content)
        command = [f"{count}", "-o", "out", "--durability", "none"]
        if case in BUNDLES_FIRST:
            peak_of(tmp_path, *command)
        peaks.append(peak_of(tmp_path, *command, *arguments))
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert peaks[1] - peaks[0] < 1500 * 2000
