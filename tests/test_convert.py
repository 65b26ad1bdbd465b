"""The command line of mpt-convert: options, streams, exit statuses, JSON, signals.

What it makes of checkpoints is tests/test_fixtures.py and test_differential.py; which
files it takes, and what it leaves on disk, tests/test_convert_files.py; its progress,
tests/test_progress.py.
"""

import json
import os
import pty
import re
import signal
import subprocess

import mpt_zip
import pytest
from converter import CONVERTER, Run, files_below

GOOD, SOME_FAILED, USAGE, NOTHING = 0, 1, 2, 3
SUMMARY = re.compile(
    r"mpt-convert: (\d+) converted(?:, (\d+) kept)?, (\d+) skipped, (\d+) failed; "
    r"[\d.]+ [kM]?B to [\d.]+ [kM]?B in \d+\.\d\d s"
)


def run(cwd, *arguments, **options):
    """mpt-convert in the folder cwd; a death by signal is never an answer."""
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run(
        [CONVERTER, *arguments], cwd=cwd, stderr=subprocess.PIPE, timeout=120, **options
    )
    assert done.returncode >= 0, done.stderr
    stdout = (done.stdout or b"").decode("utf-8")
    return Run(done.returncode, stdout, done.stderr.decode("utf-8"), cwd)


def summary(stderr):
    """Converted, skipped or kept, failed, as the last line of standard error says."""
    numbers = SUMMARY.fullmatch(stderr.splitlines()[-1]).groups(default="0")
    converted, kept, skipped, failed = map(int, numbers)
    return converted, kept + skipped, failed


@pytest.fixture
def mixed(tmp_path):
    """Two good checkpoints, a bad one and one to skip."""
    folder = mpt_zip.tree(tmp_path / "tree", 2) / "run" / "checkpoints"
    (folder / "bad:v3.mpt").write_bytes(b"PK nonsense")
    (folder / "trainer_state.pt").write_bytes(b"not read")
    return tmp_path


# ---- wrong usage: one line that says what, one that says where to look ----

WRONG_OPTIONS = {
    "unknown long": (["t", "--bogus"], 'unknown option "--bogus"'),
    "unknown short": (["t", "-x"], 'unknown option "-x"'),
    "unknown among short": (["t", "-nx"], 'unknown option "-x"'),
    "ambiguous": (["t", "--in"], '"--in" could be more than one option'),
    "value is missing": (["t", "--output"], "--output needs a value"),
    "value is missing, short": (["t", "-j"], "-j needs a value"),
    "value for a flag": (["t", "--dry-run=yes"], "--dry-run takes no value"),
    "twice": (["t", "-o", "a", "--output=b"], "--output stands twice"),
    "no number": (["t", "-j", "two"], 'from 0 to 256, not "two"'),
    "empty number": (["t", "--jobs="], 'from 0 to 256, not ""'),
    "number too high": (["t", "-j257"], 'from 0 to 256, not "257"'),
    "number overflows": (["t", "-j", "9" * 40], "from 0 to 256"),
    "negative": (["t", "-j", "-1"], 'from 0 to 256, not "-1"'),
    "colour": (["t", "--color=blue"], 'one of auto|always|never, not "blue"'),
    "progress": (["t", "--progress", ""], 'one of auto|bar|plain|none, not ""'),
    "no source": (["-o", "out"], "no file or folder was named"),
    "empty source": (["", "-o", "out"], "an empty name was given"),
    "no destination": (["t"], "--output FOLDER or --in-place"),
    "empty destination": (["t", "-o", ""], "--output takes the name of a folder"),
    "two destinations": (["t", "-o", "out", "--in-place"], "exclude each other"),
    "two formats": (["t", "-n", "--json", "--jsonl"], "exclude each other"),
    "quiet and verbose": (["t", "-n", "-qv"], "exclude each other"),
    "null without a list": (["t", "-n", "-0"], "--null belongs to --files-from"),
    "no such list": (["-n", "--files-from", "none"], "none: cannot read: No such"),
    "architecture": (["t", "-n", "--architecture", "a.B(1 + 1)"], "--architecture: "),
    "empty architecture": (["t", "-n", "--architecture="], "--architecture: "),
    "keyword alone": (["t", "-n", "--init-kwarg", "a=1"], "belongs to --class-path"),
    "no keyword": (
        ["t", "-n", "--class-path", "a.B", "--init-kwarg", "=1"], "takes KEY=VALUE"
    ),
    "class and architecture": (
        ["t", "-n", "--class-path", "a.B", "--architecture", "a.B"],
        "--class-path takes no architecture",
    ),
    "run with a slash": (["t", "-n", "--run", "a/b"], "--run takes a name without"),
    "no epoch": (["t", "-n", "--epoch", "first"], '--epoch takes a number from 0 to'),
    "no such map": (["t", "-n", "--architecture-map", "none"], "none: cannot read: No"),
    "no such form": (["t", "-n", "--format", "tar"], 'one of dir|zip, not "tar"'),
    "no such text": (["t", "-n", "--architecture", "@none"], "none: cannot read: No"),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_wrong_options(tmp_path, case):
    arguments, message = WRONG_OPTIONS[case]
    mpt_zip.tree(tmp_path / "t", 1)
    before = files_below(tmp_path)
    done = run(tmp_path, *arguments)
    said, hint = done.stderr.splitlines()
    assert done.exit == USAGE
    assert done.stdout == ""
    assert said.startswith("mpt-convert: ") and message in said
    assert hint == 'Try "mpt-convert --help".'
    assert files_below(tmp_path) == before and not (tmp_path / "out").exists()


def test_an_option_that_a_file_spoils_is_named(tmp_path):
    (tmp_path / "policy.txt").write_text("a.B(x=")
    done = run(tmp_path, "t", "-n", "--architecture", "@policy.txt")
    assert done.exit == USAGE
    assert "policy.txt: --architecture: " in done.stderr


# ---- help ----


def test_help(tmp_path):
    done = run(tmp_path, "--help", "-o", "out")
    assert (done.exit, done.stderr) == (GOOD, "")
    assert done.stdout.startswith("Usage: mpt-convert ")
    assert run(tmp_path, "-h").stdout == done.stdout


def test_version(tmp_path):
    done = run(tmp_path, "--version")
    assert (done.exit, done.stderr) == (GOOD, "")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names[:3] == ["mpt-convert", "zlib", "cJSON"]
    assert re.search(r"^deflate by (ISA-L \d\S* level 1|zlib level 6)$", done.stdout, re.M)


# ---- exit statuses ----


def test_all_converted(tmp_path):
    mpt_zip.tree(tmp_path / "tree", 2)
    done = run(tmp_path, "tree", "-o", "out")
    assert done.exit == GOOD
    assert summary(done.stderr) == (2, 0, 0)


def test_some_failed(mixed):
    done = run(mixed, "tree", "-o", "out")
    assert done.exit == SOME_FAILED
    assert summary(done.stderr) == (2, 1, 1)


NO_SOURCES = {
    "empty folder": [],
    "other files": ["notes.txt", "model.pth", "model.MPT"],
    "only what is skipped": ["trainer_state.pt", "a:v1.mpt.tmp"],
    "a finished bundle": ["run:v1/policy_spec.json", "run:v1/weights.pt"],
}


@pytest.mark.parametrize("case", NO_SOURCES)
def test_nothing_to_convert(tmp_path, case):
    (tmp_path / "tree").mkdir()
    for name in NO_SOURCES[case]:
        (tmp_path / "tree" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "tree" / name).touch()
    done = run(tmp_path, "tree", "-o", "out")
    assert done.exit == NOTHING
    assert "mpt-convert: no checkpoint was found" in done.stderr


def test_all_excluded(tmp_path):
    mpt_zip.tree(tmp_path / "tree", 1)
    assert run(tmp_path, "tree", "-o", "out", "--exclude", "*").exit == NOTHING


@pytest.mark.parametrize("output", ["file", "file/below", "/proc/mpt-bundle/below"])
def test_unwritable_output(mixed, output):
    """Known before any work: no source is looked at, nothing is printed of one."""
    (mixed / "file").write_text("in the way")
    done = run(mixed, "tree", "-o", output)
    assert done.exit == USAGE
    assert done.stdout == ""
    (said,) = done.stderr.splitlines()
    assert output.split("/below")[0] in said
    assert (mixed / "file").read_text() == "in the way"


def test_source_that_is_not_there(tmp_path):
    mpt_zip.write(tmp_path / "good:v1.mpt")
    done = run(tmp_path, "none:v1.mpt", "good:v1.mpt", "-o", "out")
    assert done.exit == SOME_FAILED
    assert "mpt-convert: none:v1.mpt: cannot open: No such file" in done.stderr
    assert summary(done.stderr) == (1, 0, 1)


# ---- streams ----


def test_streams(mixed):
    """A line for each source on standard output, in order; the rest on the other."""
    done = run(mixed, "tree", "-o", "out")
    folder = "tree/run/checkpoints"
    assert [line.split(" (")[0] for line in done.stdout.splitlines()] == [
        f"failed {folder}/bad:v3.mpt",
        f"converted {folder}/run:v0.mpt -> out/run/checkpoints/run:v0",
        f"converted {folder}/run:v1.mpt -> out/run/checkpoints/run:v1",
        f"skipped {folder}/trainer_state.pt: the trainer's state, no policy",
    ]
    fault, _ = done.stderr.splitlines()
    assert fault.startswith(f"mpt-convert: {folder}/bad:v3.mpt: ")


def test_note_about_a_name_without_epoch(tmp_path):
    mpt_zip.write(tmp_path / "best.mpt")
    done = run(tmp_path, "best.mpt", "-o", "out")
    assert done.exit == GOOD
    assert re.search("best.mpt: note: .* no epoch.* :latest", done.stderr)
    assert files_below(tmp_path / "out" / "best") == mpt_zip.bundle()


def test_quiet(mixed):
    done = run(mixed, "tree", "-q", "-o", "out")
    assert done.stdout == "failed tree/run/checkpoints/bad:v3.mpt\n"
    assert "note:" not in done.stderr and "bad:v3.mpt" in done.stderr


def test_verbose(mixed):
    done = run(mixed, "tree", "-v", "-o", "out")
    assert done.stdout == run(mixed, "tree", "-o", "out2").stdout.replace("out2", "out")
    assert re.search("run:v1.*mpt zip.*architecture from", done.stderr)


def test_full_standard_output(mixed):
    """The results could not be told: that is no success, but no loss either."""
    with open("/dev/full", "wb") as full:
        done = run(mixed, "tree", "-o", "out", stdout=full)
    assert done.exit == USAGE
    assert "cannot write standard output: No space left" in done.stderr
    assert len(files_below(mixed / "out")) == 4


def test_reader_that_goes_away(tmp_path):
    """As in "mpt-convert ... | head -1": the work is done, nothing half is left."""
    mpt_zip.tree(tmp_path / "tree", 60)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as broken:
        done = run(tmp_path, "tree", "--jsonl", "-o", "out", stdout=broken)
    assert done.exit == USAGE
    assert len(files_below(tmp_path / "out")) == 120


# ---- JSON ----


def check_rows(rows):
    bad, first, second, trainer = rows
    assert [row["status"] for row in rows] == "failed converted converted skipped".split()
    assert bad["source"] == "tree/run/checkpoints/bad:v3.mpt"
    assert bad["error"]["kind"] and bad["error"]["reason"] and bad["bundle"] is None
    assert first["bundle"] == "out/run/checkpoints/run:v0"
    assert (first["run"], first["epoch"], first["tensors"]) == ("run", 0, 2)
    assert second["era"] == "mpt zip" and second["notes"] == []
    assert second["bytes"] == sum(map(len, mpt_zip.bundle(1).values()))
    assert trainer["reason"] == "the trainer's state, no policy"


def test_json(mixed):
    done = run(mixed, "tree", "--json", "-o", "out")
    document = json.loads(done.stdout)
    check_rows(document["sources"])
    counts = document["summary"]
    assert [counts[k] for k in ("converted", "skipped", "failed")] == [2, 1, 1]
    assert counts["source_bytes"] > 0 and counts["bundle_bytes"] > 0
    assert done.exit == SOME_FAILED


def test_jsonl(mixed):
    done = run(mixed, "tree", "--jsonl", "-o", "out")
    check_rows([json.loads(line) for line in done.stdout.splitlines()])
    assert done.exit == SOME_FAILED


def test_json_of_nothing(tmp_path):
    (tmp_path / "tree").mkdir()
    done = run(tmp_path, "tree", "--json", "-o", "out")
    assert json.loads(done.stdout)["sources"] == []
    assert done.exit == NOTHING


# ---- colour ----


def on_a_terminal(cwd, *arguments, env=None):
    """Standard output and error of a run that has a terminal for both."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [CONVERTER, *arguments], cwd=cwd, stdout=theirs, stderr=theirs,
        stdin=subprocess.DEVNULL, env={"TERM": "xterm", **(env or {})},
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:     # the other end is closed
            break
        text += part
    os.close(ours)
    assert done.wait(timeout=120) in (GOOD, SOME_FAILED)
    return text.decode()


COLOURS = {
    "auto": ([], {}, True),
    "never": (["--color", "never"], {}, False),
    "NO_COLOR": ([], {"NO_COLOR": "1"}, False),
    "an empty NO_COLOR": ([], {"NO_COLOR": ""}, True),
    "a dumb terminal": ([], {"TERM": "dumb"}, False),
    "always": (["--color", "always"], {"NO_COLOR": "1", "TERM": "dumb"}, True),
}


@pytest.mark.parametrize("case", COLOURS)
def test_colour_on_a_terminal(mixed, case):
    arguments, env, expected = COLOURS[case]
    text = on_a_terminal(mixed, "tree", "-n", *arguments, env=env)
    assert ("\033[31mfailed\033[0m" in text) == expected


def test_colour_in_a_pipe(mixed):
    assert "\033" not in run(mixed, "tree", "-n").stdout
    assert "\033[31mfailed" in run(mixed, "tree", "-n", "--color=always").stdout


# ---- how many at once ----


@pytest.mark.parametrize("jobs", ["-j4", "-j256", "-j0"])
def test_jobs_change_nothing(mixed, jobs):
    mpt_zip.tree(mixed / "tree", 30, "other")
    serial = run(mixed, "tree", "-j1", "-o", "serial")
    parallel = run(mixed, "tree", jobs, "-o", "parallel")
    assert files_below(mixed / "parallel") == files_below(mixed / "serial")
    assert parallel.stdout.replace("parallel/", "serial/") == serial.stdout
    assert parallel.exit == serial.exit
    assert parallel.stderr.splitlines()[:-1] == serial.stderr.splitlines()[:-1]


# ---- signals ----


def stopped_by(number, cwd, count):
    """Convert so many, send the signal after the first; None if it came too late."""
    process = subprocess.Popen(
        [CONVERTER, "tree", "-o", "out", "-j2", "-q"], cwd=cwd, stderr=subprocess.PIPE
    )
    bundles = cwd / "out" / "run" / "checkpoints"
    while process.poll() is None and not any(bundles.glob("run:v*")):
        pass
    process.send_signal(number)
    _, stderr = process.communicate(timeout=120)
    done = len(list(bundles.glob("run:v*")))
    return None if done == count else Run(process.returncode, "", stderr.decode(), cwd)


@pytest.mark.parametrize(
    "number, status",
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["SIGINT", "SIGTERM", "SIGKILL"],
)
def test_stopped_and_run_again(tmp_path, number, status):
    """No half bundle is ever seen, and another run completes the tree."""
    count = 200
    mpt_zip.tree(tmp_path / "tree", count)
    done = stopped_by(number, tmp_path, count)
    if done is None:
        pytest.skip("the machine converted all of them before the signal came")
    assert done.exit == status
    if number != signal.SIGKILL:
        assert re.search(r"\d+ converted, .*, \d+ not begun; ", done.stderr)
        assert list(tmp_path.rglob(".mpt-convert-*")) == []
    kept = list((tmp_path / "out").rglob("run:v*"))
    assert 0 < len(kept) < count
    for bundle in kept:
        epoch = int(bundle.name.rpartition(":v")[2])
        assert files_below(bundle) == mpt_zip.bundle(epoch)

    again = run(tmp_path, "tree", "-o", "out")
    assert again.exit == GOOD
    assert summary(again.stderr) == (count - len(kept), len(kept), 0)
    run(tmp_path, "tree", "-o", "undisturbed")
    visible = {
        name: content
        for name, content in files_below(tmp_path / "out").items()
        if ".mpt-convert-" not in name
    }
    assert visible == files_below(tmp_path / "undisturbed")
