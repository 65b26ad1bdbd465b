"""What the file system and its users can do to a run: links, changes, rights, full disks.

The programs may say no, in one line that names the file, but nothing is written outside
the output, nothing half or temporary stays, and what can be done is done.  Failures of
single system calls are in tests/test_faults.py.
"""

import fcntl
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import mpt_zip
import numpy
import pytest
import safetensors.numpy
from converter import CONVERTER, JOURNALS, PROJECT, files_below
from sources import BUILD
from test_convert import GOOD, SOME_FAILED, USAGE, run, summary
from test_convert_files import bundles_below, state_of

VALIDATOR = BUILD / "mpt-validate"
FORMS = [[], ["-v"], ["-q"], ["--json"], ["--jsonl"]]
DAVEEY = PROJECT / "fixtures/legacy/local.daveey.20251002/checkpoints"


def validate(cwd, *arguments, **options):
    done = subprocess.run(
        [VALIDATOR, *arguments], cwd=cwd, capture_output=True, timeout=120, **options
    )
    assert done.returncode >= 0, done.stderr
    return done


def assert_nothing_is_left(folder):
    assert list(folder.rglob(".mpt-*-*")) == []


def write_bundle(folder, number=0):
    folder.mkdir(parents=True)
    for name, content in mpt_zip.bundle(number).items():
        (folder / name).write_bytes(content)
    return folder


# ---- links in the output ----

# What in the place of a bundle is not followed, is in tests/test_convert_files.py.
PLANTED = {"the first folder": "out/run", "the last folder": "out/run/checkpoints"}
TARGETS = {"outside": "elsewhere", "inside": "out/other", "nowhere": "none"}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("place", PLANTED)
def test_link_in_the_output_is_not_followed(tmp_path, place, target):
    """Not even to a folder of the output: two bundles could meet there."""
    mpt_zip.tree(tmp_path / "data", 1)
    mpt_zip.write(tmp_path / "data/other/good:v1.mpt")
    for folder in ("elsewhere/checkpoints", "out/other/checkpoints"):
        (tmp_path / folder).mkdir(parents=True)
    link = tmp_path / PLANTED[place]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / TARGETS[target])
    before = state_of(tmp_path)
    done = run(tmp_path, "data", "-o", "out")
    after = state_of(tmp_path)
    assert summary(done.stderr) == (1, 0, 1)
    assert "data/run/checkpoints/run:v0.mpt: " in done.stderr
    assert {path for path in after if path not in before} == {
        tmp_path / "out/other/good:v1",
        tmp_path / "out/other/good:v1/policy_spec.json",
        tmp_path / "out/other/good:v1/weights.safetensors",
    }


@pytest.mark.parametrize("name", ["out", "out/", "link/out", "./link/../link/out"])
def test_links_that_the_user_named_are_followed(tmp_path, name):
    mpt_zip.tree(tmp_path / "data", 1)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real/out").mkdir()
    (tmp_path / "out").symlink_to("real/out")
    for expected in (1, 0, 0), (0, 1, 0):
        assert summary(run(tmp_path, "data", "-o", name).stderr) == expected
    assert bundles_below(tmp_path / "real/out") == ["run/checkpoints/run:v0"]


def test_link_as_a_root_in_place(tmp_path):
    mpt_zip.tree(tmp_path / "data", 1)
    (tmp_path / "link").symlink_to("data/run")
    assert run(tmp_path, "link", "--in-place").exit == GOOD
    assert bundles_below(tmp_path / "data") == ["run/checkpoints/run:v0"]


# A copy of the converter in which a test can run a command before any call.
FAULTY = BUILD / "tests/faults/mpt-convert"


def run_with(cwd, kind, number, command, *arguments):
    """Run a command before the call of this class and number; was there one?"""
    report = cwd / "report"
    env = {"PATH": os.environ["PATH"], "MPT_FAULTS": f"{kind}:{number}:run",
           "MPT_FAULT_COMMAND": command, "MPT_FAULT_REPORT": str(report)}
    done = subprocess.run([FAULTY, "-j1", "--progress=none", *arguments], cwd=cwd, env=env,
                          capture_output=True, text=True, timeout=120)
    rows = dict(line.split(maxsplit=1) for line in report.read_text().splitlines())
    return done, not rows[kind].endswith(" 0")


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


SWAPS = {
    "the first folder": "out/run",
    "the last folder": "out/run/checkpoints",
    "the bundle": "out/run/checkpoints/run:v0",
}


@pytest.mark.parametrize("kind", ["mkdir", "open", "look", "write", "sync", "rename", "clean"])
@pytest.mark.parametrize("place", SWAPS)
def test_link_planted_meanwhile_is_not_followed(ram_path, place, kind):
    """At any moment: whatever is written stays in the folder that was opened."""
    path = SWAPS[place]
    target = {"run": "elsewhere", "checkpoints": "elsewhere/checkpoints"}.get(
        Path(path).name, "elsewhere/bundle")
    swap = f"if [ -e {path} ]; then mv {path} moved; fi; ln -s $PWD/{target} {path}; true"
    number, swapped = 1, True
    while swapped:
        cwd = fresh(ram_path / "run")
        mpt_zip.tree(cwd / "data", 1)
        for folder in ("elsewhere/checkpoints", "elsewhere/bundle"):
            (cwd / folder).mkdir(parents=True)
        before = state_of(cwd / "elsewhere")
        done, swapped = run_with(cwd, kind, number, swap, "data", "-o", "out")
        assert done.returncode in (GOOD, SOME_FAILED), done.stderr
        assert state_of(cwd / "elsewhere") == before, (number, done.stderr)
        assert_nothing_is_left(cwd)
        number += 1
    assert number > 2 or kind == "clean"


def test_leftovers_of_a_process_with_the_same_number(tmp_path):
    """In a container that is started anew each time, they all are number 1."""
    mpt_zip.tree(tmp_path / "data", 2)
    plant = "; ".join([
        "mkdir elsewhere",
        "cd data/run/checkpoints",
        "ln -s ../../../elsewhere .mpt-convert-$$-0-0.tmp",
        "mkdir .mpt-convert-$$-0-1.tmp",
        "echo mine >.mpt-convert-$$-1-0.tmp",
        f'exec "{CONVERTER}" run:v0.mpt run:v1.mpt --in-place',
    ])
    done = subprocess.run(["sh", "-c", plant], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, summary(done.stderr)) == (GOOD, (2, 0, 0))
    assert bundles_below(tmp_path / "data") == [f"run/checkpoints/run:v{n}" for n in range(2)]
    assert len(list(tmp_path.rglob(".mpt-*-*"))) == 3
    assert list((tmp_path / "elsewhere").iterdir()) == []


# ---- sources that change ----


def shrink(source):
    return f"truncate -s {source.stat().st_size // 2} {source.name}"


CHANGES = {
    "cut in half": shrink,
    "emptied": lambda source: f"truncate -s 0 {source.name}",
    "grown": lambda source: f"echo more >>{source.name}",
    "written to": lambda source: f"touch -d @1 {source.name}",
}
WATCHED = {
    "mpt zip": None,
    "torch archive": DAVEEY / "local.daveey.20251002:v3.mpt",
    "zip with policy.pt": DAVEEY / "local.daveey.20251002:v4.mpt",
    "torch stream": PROJECT / "fixtures/eras/streams/checkpoints/streams:v3.pt",
    "second torch stream": PROJECT / "fixtures/eras/streams/checkpoints/streams:v3.pt",
    "plain pickle": PROJECT / "fixtures/eras/plain/checkpoints/plain:v1.pt",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("era", WATCHED)
def test_source_that_changes_while_it_is_read(ram_path, era, change):
    """It fails, unless all of it had been read, and the other one is converted."""
    statuses, number, changed = [], 1, True
    while changed:
        cwd = fresh(ram_path / "run")
        source = cwd / "a:v1.mpt"
        if WATCHED[era]:
            shutil.copy2(WATCHED[era], source)
        else:
            mpt_zip.write(source)
        mpt_zip.write(cwd / "b:v1.mpt")
        arguments = ["a:v1.mpt", "b:v1.mpt", "-o", "out", "--architecture", mpt_zip.TEXT]
        if era.startswith("second"):
            shutil.copy2(source, cwd / "first:v1.mpt")
            arguments.insert(0, "first:v1.mpt")
        command = CHANGES[change](source)
        done, changed = run_with(cwd, "read", number, command, *arguments)
        assert done.returncode in (GOOD, SOME_FAILED), (number, done.stderr)
        bundles = [name for name in bundles_below(cwd / "out") if name != "first:v1"]
        assert bundles == ["a:v1", "b:v1"][done.returncode:], (number, done.stderr)
        assert ("a:v1.mpt: " in done.stderr) == (done.returncode == SOME_FAILED)
        assert_nothing_is_left(cwd)
        statuses.append(done.returncode)
        number += 1 + len(statuses) // 8    # not each of the many of an archive
    if era.startswith("second"):    # while the first one was read
        statuses = statuses[statuses.index(SOME_FAILED):]
    failed = statuses.count(SOME_FAILED)
    assert failed > 1 and statuses[:failed] == [SOME_FAILED] * failed


def test_header_that_is_not_what_was_written(ram_path):
    """Of the second of two; it stays a header, and is read last, to see that."""
    change = "f=$(echo out/.mpt-convert-*-1-0.tmp/weights.safetensors); [ ! -e $f ] ||"
    change += " printf c | dd of=$f bs=1 seek=10 conv=notrunc status=none"
    outcomes, number, changed = [], 1, True
    while changed:
        cwd = fresh(ram_path / "run")
        for name in "a:v1", "a:v2":
            mpt_zip.write(cwd / f"{name}.mpt", weights={"a": numpy.arange(9.0)})
        done, changed = run_with(cwd, "read", number, change, "a:v1.mpt", "a:v2.mpt", "-o", "out")
        outcomes.append(summary(done.stderr))
        bundles = bundles_below(cwd / "out")
        assert bundles == ["a:v1", "a:v2"][:outcomes[-1][0]]
        for bundle in bundles:
            weights = safetensors.numpy.load_file(cwd / "out" / bundle / "weights.safetensors")
            assert list(weights) == ["a"]
        if outcomes[-1][2]:
            fault = "/weights.safetensors: 0x61 was written at 10, 0x63 is read there"
            assert fault in done.stderr
        assert_nothing_is_left(cwd)
        number += 1
    assert outcomes.count((1, 0, 1)) == 1
    assert outcomes.count((2, 0, 0)) == len(outcomes) - 1


def test_source_that_vanishes(tmp_path):
    """After it was found, and before its turn; the larger one comes first."""
    mpt_zip.write(tmp_path / "data/a:v1.mpt", weights={"w": numpy.arange(999)})
    mpt_zip.write(tmp_path / "data/b:v1.mpt")
    # The first thing to be written is the journal's first line.
    done, _ = run_with(tmp_path, "write", 2, "rm data/*", "data", "-o", "out")
    assert summary(done.stderr) == (1, 0, 1)
    assert "data/b:v1.mpt: cannot open: No such file" in done.stderr
    assert bundles_below(tmp_path / "out") == ["a:v1"]


# ---- trees that meet ----


def test_loops_of_links(tmp_path):
    """As operands and on the way, of files and of folders."""
    mpt_zip.tree(tmp_path / "data", 1)
    (tmp_path / "a:v1.mpt").symlink_to("b:v1.mpt")
    (tmp_path / "b:v1.mpt").symlink_to("a:v1.mpt")
    (tmp_path / "data/up").symlink_to("..")
    (tmp_path / "data/run/itself").symlink_to(".")
    done = run(tmp_path, "a:v1.mpt", "a:v1.mpt/below", "data/up/data", "data", "-o", "out")
    assert summary(done.stderr) == (1, 1, 2)    # data was named twice
    assert done.stderr.count("cannot open: Too many levels of symbolic links") == 2
    assert bundles_below(tmp_path / "out") == ["run/checkpoints/run:v0"]
    (tmp_path / "b:v2.zip").symlink_to("b:v2.zip")
    for operand in ("a:v1.mpt", "b:v2.zip", "a:v1.mpt/policy_spec.json"):
        done = validate(tmp_path, operand)
        assert done.returncode == SOME_FAILED
        assert b"Too many levels of symbolic links" in done.stdout


# Source, output, and below which folder the bundle is then.
MEETINGS = {
    "output is the input": ("data", "data", "data/run/checkpoints"),
    "output is the input by a link": ("data", "link", "data/run/checkpoints"),
    "output in the input": ("data", "data/out", "data/out/run/checkpoints"),
    "output in the input by a link": ("data", "into", "data/run/out/run/checkpoints"),
    "input in the output": ("data/run", "data", "data/checkpoints"),
    "input and output by a link": ("link", "link", "data/run/checkpoints"),
}


@pytest.mark.parametrize("jobs", ["-j1", "-j4"])
@pytest.mark.parametrize("case", MEETINGS)
def test_input_and_output_that_meet(tmp_path, case, jobs):
    """A second run, and one over all there is now, find nothing new to do."""
    source, output, below = MEETINGS[case]
    mpt_zip.tree(tmp_path / "data", 3)
    (tmp_path / "data/run/out").mkdir()
    (tmp_path / "link").symlink_to("data")
    (tmp_path / "into").symlink_to("data/run/out")
    assert summary(run(tmp_path, source, "-o", output, jobs).stderr) == (3, 0, 0)
    made = bundles_below(tmp_path)
    assert made == [f"{below}/run:v{n}" for n in range(3)]
    assert summary(run(tmp_path, source, "-o", output, jobs).stderr) == (0, 3, 0)
    assert bundles_below(tmp_path) == made
    assert run(tmp_path, "data", "-n", jobs).stdout.count("would convert") == 3


# ---- a user without rights ----


@pytest.fixture
def public():
    """A folder, and what runs a program in it as a user who may not do everything."""
    options, nobody = {}, 65534
    if os.geteuid() == 0:
        options = {"user": nobody, "group": nobody, "extra_groups": []}
    with tempfile.TemporaryDirectory() as name:
        folder, work = Path(name), Path(name, "work")
        folder.chmod(0o755)     # a checkout may lie where only root can go
        work.mkdir()
        for program in (CONVERTER, VALIDATOR):
            shutil.copy2(program, folder)

        def start(program, *arguments):
            for path in [work, *work.rglob("*")] if options else []:
                os.chown(path, nobody, nobody)
            done = subprocess.run([folder / program, *arguments], cwd=work, text=True,
                                  capture_output=True, timeout=120, **options)
            assert done.returncode >= 0, done.stderr
            return done

        yield work, start
        for path in work.rglob("*"):
            if path.is_dir():
                path.chmod(0o700)


def test_unreadable_sources(public):
    """A file, a folder, and one whose files can be listed and not be reached."""
    work, start = public
    mpt_zip.tree(work / "data", 1)
    mpt_zip.write(work / "data/a:v1.mpt").chmod(0)
    for name, mode in ("locked", 0), ("listed", 0o400), ("passable", 0o100):
        mpt_zip.write(work / "data" / name / f"{name}:v1.mpt")
        (work / "data" / name).chmod(mode)
    done = start("mpt-convert", "data", "-o", "out")
    assert (done.returncode, summary(done.stderr)) == (SOME_FAILED, (1, 0, 4))
    for name in ("a:v1.mpt: cannot open", "locked: cannot", "listed: cannot", "passable: cannot"):
        assert re.search(f"data/{name}.*: Permission denied", done.stderr)
    assert bundles_below(work / "out") == ["run/checkpoints/run:v0"]
    roots = ["data/locked", "data/listed/", "data/passable"]
    done = start("mpt-convert", *roots, "-o", "out2")
    assert (done.returncode, summary(done.stderr)) == (SOME_FAILED, (0, 0, 3))
    assert done.stderr.count(": Permission denied") == 3


def test_unreadable_bundles(public):
    work, start = public
    write_bundle(work / "tree/good:v1")
    for member in mpt_zip.bundle():
        (write_bundle(work / f"tree/{member}:v1") / member).chmod(0)
    for name, mode in ("locked:v1", 0), ("listed:v1", 0o400), ("folder", 0):
        write_bundle(work / "tree" / name).chmod(mode)
    (work / "tree/a:v1.zip").touch(mode=0)
    done = start("mpt-validate", "tree")
    assert done.returncode == SOME_FAILED
    assert "1 ok, 6 bad" in done.stderr
    assert done.stdout.count(": Permission denied") == 6


NO_WRITING = {
    "the output": ("out", (USAGE, 0)),
    "a folder of it": ("out/run", (SOME_FAILED, 1)),
    "the last folder": ("out/run/checkpoints", (SOME_FAILED, 1)),
}


@pytest.mark.parametrize("case", NO_WRITING)
def test_output_that_cannot_be_written(public, case):
    work, start = public
    path, expected = NO_WRITING[case]
    mpt_zip.tree(work / "data", 1)
    mpt_zip.write(work / "data/other/a:v1.mpt")
    (work / path).mkdir(parents=True)
    (work / path).chmod(0o555)
    done = start("mpt-convert", "data", "-o", "out")
    assert (done.returncode, len(bundles_below(work / "out"))) == expected
    assert re.search(f"mpt-convert: .*{path}: cannot (?:make|write) .*: Permission denied", done.stderr)
    assert_nothing_is_left(work)


def test_output_that_cannot_be_read(public):
    """To make bundles, the folders above need not be listed."""
    work, start = public
    mpt_zip.tree(work / "data", 1)
    (work / "out/run").mkdir(parents=True)
    for path in ("out", "out/run"):
        (work / path).chmod(0o300)
    assert start("mpt-convert", "data", "-o", "out").returncode == GOOD


# ---- disks that are full ----


def test_limit_of_file_sizes(tmp_path):
    """As a quota would: what is too large fails, the rest is done."""
    mpt_zip.write(tmp_path / "data/a:v1.mpt", weights={"w": numpy.arange(1 << 17)})
    mpt_zip.tree(tmp_path / "data", 2)
    limit = (1 << 19, 1 << 19)
    done = run(tmp_path, "data", "-o", "out",
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert (done.exit, summary(done.stderr)) == (SOME_FAILED, (2, 0, 1))
    assert re.search("data/a:v1.mpt: .*out/.*: cannot write: File too large", done.stderr)
    assert bundles_below(tmp_path / "out") == [f"run/checkpoints/run:v{n}" for n in range(2)]
    assert_nothing_is_left(tmp_path)


# A mount that ends with the process.  Status 77: that is not allowed here.
ON_A_SMALL_DISK = """
mount -t tmpfs -o $1 none disk || exit 77
"$2" -j1 data -o disk/out --no-space-check >said 2>&1
echo $?
"$3" -q disk >>said 2>&1
find disk -type f | sort
"""
OWN_MOUNTS = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
FULL_DISKS = {
    "of bytes": [f"size={size}" for size in ("4k", "8k", "100k", "600k", "1100k", "2m")],
    "of inodes": [f"size=2m,nr_inodes={number}" for number in range(1, 13)],
}


@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare(1)")
@pytest.mark.parametrize("case", FULL_DISKS)
def test_full_disk(tmp_path, case):
    """What fits is there, what does not is not, and it is said which."""
    mpt_zip.write(tmp_path / "data/a:v1.mpt", weights={"w": numpy.arange(1 << 17)})
    mpt_zip.write(tmp_path / "data/b:v1.mpt")
    (tmp_path / "disk").mkdir()
    counts = []
    for options in FULL_DISKS[case]:
        command = ["sh", "-c", ON_A_SMALL_DISK, "sh", options, CONVERTER, VALIDATOR]
        done = subprocess.run([*OWN_MOUNTS, *command], cwd=tmp_path, text=True,
                              capture_output=True, timeout=120)
        if not done.stdout:
            pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
        status, *files = (line for line in done.stdout.splitlines() if JOURNALS not in line)
        said = (tmp_path / "said").read_text()
        bundles = [name for name in ("a", "b") if f"disk/out/{name}:v1/policy_spec.json" in files]
        assert files == [
            f"disk/out/{name}:v1/{member}" for name in bundles for member in mpt_zip.bundle()
        ]
        failed = [name for name in ("a", "b") if re.search(
            f"data/{name}:v1.mpt: disk/out.*: No space left on device", said)]
        if int(status) == USAGE:
            assert re.search("^mpt-convert: disk/out.*: No space left on device$", said, re.M)
        else:
            journal = f"{JOURNALS}/journal.jsonl: cannot write" in said
            assert sorted(bundles + failed) == ["a", "b"]
            assert int(status) == bool(failed or journal)
        assert not re.search("^bad ", said, re.M)     # the validator's word
        counts.append(len(bundles))
    assert counts == sorted(counts) and {0, 1, 2} == set(counts)


# ---- streams and descriptors ----


def without(*descriptors):
    """For preexec_fn: close them, as <&- and >&- do."""
    return lambda: [os.close(descriptor) for descriptor in descriptors]


CLOSED = {
    "input": ([0], GOOD), "output": ([1], USAGE), "error": ([2], GOOD),
    "output and error": ([1, 2], USAGE), "all": ([0, 1, 2], USAGE),
}


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("case", CLOSED)
def test_closed_streams(tmp_path, case, form):
    """No file gets their numbers, and with them what is printed; the bundles are whole."""
    descriptors, status = CLOSED[case]
    for number in range(2):
        shutil.copy2(DAVEEY / "local.daveey.20251002:v1.pt", tmp_path / f"a:v{number}.pt")
    sources = ["a:v0.pt", "a:v1.pt"]
    assert run(tmp_path, *sources, "-o", "expected").exit == GOOD
    for command, written in (
        ([CONVERTER, "-j1", *sources, "-o", "out"], True), ([VALIDATOR, "expected"], False),
    ):
        done = subprocess.run(
            [*command, *form], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=without(*descriptors), timeout=120,
        )
        quiet = "-q" in form or (command[0] == VALIDATOR and form == [])
        says_nothing = quiet and status == USAGE
        assert done.returncode == (GOOD if says_nothing else status), done
        if 2 not in descriptors and done.returncode == USAGE:
            assert b"cannot write standard output: Bad file descriptor" in done.stderr
        if written:
            assert files_below(tmp_path / "out") == files_below(tmp_path / "expected")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=str)
@pytest.mark.parametrize("program", [CONVERTER, VALIDATOR], ids=lambda path: path.name)
def test_help_that_nobody_gets(program, arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program, *arguments], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == USAGE
    assert b"cannot write standard output: No space left" in done.stderr


def descriptors(limit):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def test_few_descriptors(ram_path):
    """From too few to start to enough: always the same words, never half a bundle."""
    sources = ["a:v0.pt", "a:v1.pt", "b:v1.mpt"]
    for source in sources[:2]:
        shutil.copy2(DAVEEY / "local.daveey.20251002:v1.pt", ram_path / source)
    mpt_zip.write(ram_path / sources[2])
    counts = []
    for limit in range(4, 17):
        arguments = [*sources, "-j1", "-o", f"out{limit}"]
        done = run(ram_path, *arguments, preexec_fn=descriptors(limit))
        counts.append(len(bundles_below(ram_path / f"out{limit}")))
        missing = 3 - counts[-1]
        assert done.exit in (bool(missing), USAGE)
        complaints = 1 if done.exit == USAGE else missing
        assert done.stderr.count("Too many open files") == complaints
        assert_nothing_is_left(ram_path)
    assert counts[0] == 0 and counts[-1] == 3 and counts == sorted(counts)


def test_too_few_descriptors_for_so_many_threads(ram_path):
    """What fails, fails whole; another run does the rest."""
    mpt_zip.tree(ram_path / "tree", 30)
    done = run(ram_path, "tree", "-j16", "-o", "out", preexec_fn=descriptors(16))
    failed = done.stderr.count("Too many open files")
    assert (done.exit, len(bundles_below(ram_path / "out"))) == (bool(failed), 30 - failed)
    assert_nothing_is_left(ram_path)
    assert summary(run(ram_path, "tree", "-o", "out").stderr) == (failed, 30 - failed, 0)


# ---- what a parent process left us ----


def test_parent_that_ignores_its_children(tmp_path):
    """Then the system forgets how the helper ended, unless it is asked not to."""
    (tmp_path / "bin").mkdir()
    shutil.copy2(CONVERTER, tmp_path / "bin")
    helper = tmp_path / "bin/mpt-unpickler"
    helper.write_text("#!/bin/sh\nkill -SEGV $$\n")
    helper.chmod(0o755)
    done = subprocess.run(
        [tmp_path / "bin/mpt-convert", DAVEEY / "best.pt", "-o", "out"], cwd=tmp_path,
        capture_output=True, text=True, timeout=120,
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )
    assert done.returncode == SOME_FAILED
    assert "the unpickler was ended by signal 11" in done.stderr


def wait_until_blocked(process):
    """Until the process waits for somebody to read from its pipe; False: nobody says."""
    for _ in range(10_000):
        if "pipe_write" in Path(f"/proc/{process.pid}/wchan").read_text():
            return True
        time.sleep(0.001)
    return False


def test_signal_while_nobody_reads(ram_path):
    """It ends all the same; what it could not print is lost, and no bundle is half."""
    for number in range(60):     # the largest, which comes first, is told first
        weights = {"w": numpy.arange(100 - number)}
        mpt_zip.write(ram_path / f"tree/{number:02}:v1.mpt", weights=weights)
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    command = [CONVERTER, "-j1", "tree", "--jsonl", "-o", "out", "--durability=each"]
    process = subprocess.Popen(command, cwd=ram_path, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    if not wait_until_blocked(process):
        process.kill()
        pytest.skip("the system does not say what a process waits for")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 130
    process.stderr.close()
    with open(reader, "rb") as pipe:
        *lines, _ = pipe.read().split(b"\n")    # the last may be cut
    rows = [json.loads(line) for line in lines]
    done = {row["bundle"] for row in rows if row["status"] == "converted"}
    there = bundles_below(ram_path / "out")
    assert 0 < len(there) < 60 and done <= {f"out/{name}" for name in there}
    for name in there:
        files = files_below(ram_path / "out" / name)
        weights = {"w": numpy.arange(100 - int(name[:2]))}
        assert files["weights.safetensors"] == safetensors.numpy.save(weights)
        assert "policy_spec.json" in files
