"""A helper that has been taken over hurts nothing but the file it was reading.

tests/mischief/mischief.c is the real helper, which does what a pickle tells it: it
stands in for a fault in Python's unpickler that nobody knows of yet.  Each row of the
table is one checkpoint in a batch with good ones before and behind it.
"""

import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import mpt_zip
import pytest
from converter import CONVERTER, JOURNALS, files_below
from pickle_maker import dct, get, module_of, put, state_dict, tensor, text, whole
from unpickler_client import Helper

MISCHIEF = CONVERTER.parent / "tests/mischief/mpt-unpickler"
TIMEOUT = 8
SANITIZED = "ASAN_OPTIONS" in os.environ


def archive(path, pickle):
    """A torch archive whose one storage has six floats."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as zipped:
        zipped.writestr("a/data.pkl", pickle)
        zipped.writestr("a/version", "3\n")
        zipped.writestr("a/data/0", bytes(range(24)))


def evil(name):
    return whole(module_of(parameters=[(text("w"), tensor())],
                           extra=[(text("x"), text(f"mischief:{name}."))]))


GOOD = state_dict(tensor())


@pytest.fixture
def programs(tmp_path):
    """mpt-convert beside the helper that can be told to misbehave."""
    def install(folder="bin"):
        place = tmp_path / folder
        place.mkdir()
        shutil.copy2(CONVERTER, place)
        shutil.copy2(MISCHIEF, place)
        return place / "mpt-convert"

    return install


def command(program, *arguments, timeout=100):
    return [program, "-o", "out", "--jsonl", "--architecture", mpt_zip.TEXT,
            "--timeout", str(timeout), *arguments]


def run(cwd, *words, **options):
    """Exit status, and the report's row of each source by its file name."""
    done = subprocess.run(command(*words, **options), cwd=cwd, capture_output=True,
                          encoding="utf-8", timeout=300)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {Path(row["source"]).name: row for row in rows
                             if "source" in row}


KILLED = "sandbox killed it for a system call"
NONSENSE = "makes no sense"

CALLS = ["open", "create", "unlink", "socket", "connect", "fork", "exec", "thread",
         "kill", "ptrace", "raise-limit", "outlive", "sleep", "execute-memory",
         "make-executable", "share-memory", "map-socket", "read-other"]
if not SANITIZED:
    CALLS.append("print")       # sanitizers warn on standard error

MISBEHAVIOUR = {
    **dict.fromkeys(CALLS, KILLED),
    "crash": "ended by signal",
    "exit": "ended with status 7",
    "garbage": NONSENSE,
    "huge": "over the limit of",
    "half": "ended with status 0",
    "other-storage": NONSENSE,
    "past-the-end": '"w": ',
    "storage-path": "none that torch writes",
    "speak-twice": "first",
    "leave": "first",
}


# The last answers, so that its silence falls on the next file.
SILENT = {
    **dict.fromkeys(["loop", "allocate", "silence", "half-silence"],
                    f"did not answer within {TIMEOUT} s"),
    "larger-storage": "24 bytes, the pickle says",
}


def check_batch(tmp_path, table, *words, **options):
    """All rows at once: so each is followed by others, which get a fresh helper."""
    (tmp_path / "good:v1.mpt").write_bytes(b"mine")
    for number, name in enumerate(table):
        archive(tmp_path / f"data/{number:02}.{name}:v1.pt", evil(name))
        archive(tmp_path / f"data/{number:02}.good:v1.pt", GOOD)
    status, rows = run(tmp_path, *words, "data", **options)
    assert status == 1
    for number, (name, part) in enumerate(table.items()):
        row = rows[f"{number:02}.{name}:v1.pt"]
        assert row["status"] == "failed" and part in row["reason"], row
        assert rows[f"{number:02}.good:v1.pt"]["status"] == "converted", name
    bundles = {path.name for path in (tmp_path / "out").iterdir()} - {JOURNALS}
    assert bundles == {f"{number:02}.good:v1" for number in range(len(table))}
    first, *others = (files_below(tmp_path / "out" / name) for name in bundles)
    assert all(other == first for other in others)
    assert not list(tmp_path.rglob("mischief-was-here"))
    assert (tmp_path / "good:v1.mpt").read_bytes() == b"mine"


@pytest.mark.parametrize("jobs", [1, 4])
def test_misbehaviour_is_one_files_error(tmp_path, programs, jobs):
    check_batch(tmp_path, MISBEHAVIOUR, programs(), "-j", str(jobs))


def test_silence_is_one_files_error(tmp_path, programs):
    check_batch(tmp_path, SILENT, programs(), "-j8", timeout=TIMEOUT)


def test_without_the_sandbox_the_calls_succeed(tmp_path, programs):
    """So it is the sandbox that stops them, and --no-sandbox opens it."""
    program = programs()
    harmless = set(CALLS) - {"unlink", "kill", "exec", "fork"}
    for name in harmless:
        archive(tmp_path / f"data/{name}:v1.pt", evil(name))
    _, rows = run(tmp_path, program, "data", "--no-sandbox")
    assert {name: row["reason"] for name, row in rows.items()} == {
        f"{name}:v1.pt": "a/data.pkl: got away with" for name in harmless
    }


def test_processor_time_is_bounded(tmp_path, programs):
    """A loop ends by itself, however long the deadline is."""
    archive(tmp_path / "loop:v1.pt", evil("loop"))
    _, rows = run(tmp_path, programs(), "loop:v1.pt", timeout=200)
    assert "10 s of processor time" in rows["loop:v1.pt"]["reason"]


def test_a_kernel_without_seccomp(tmp_path, programs):
    """Nothing is unpickled then, unless the user says so; zips need no helper."""
    program = programs("no-seccomp")
    archive(tmp_path / "data/a:v1.pt", GOOD)
    mpt_zip.write(tmp_path / "data/b:v1.mpt")
    status, rows = run(tmp_path, program, "data")
    assert status == 1
    assert "seccomp" in rows["a:v1.pt"]["reason"]
    assert "--no-sandbox" in rows["a:v1.pt"]["reason"]
    assert rows["b:v1.mpt"]["status"] == "converted"
    status, rows = run(tmp_path, program, "data", "--no-sandbox")
    assert status == 0
    assert rows["a:v1.pt"]["status"] == "converted"


# ---- what the real helper is given ----


def process(pid, name):
    return Path(f"/proc/{pid}/{name}").read_text()


def test_state_of_the_helper():
    """As the kernel shows it, with a descriptor at hand that is meant to leak."""
    leak = os.open("/dev/null", os.O_RDONLY)
    with Helper(pass_fds=[leak]) as helper:
        pid = helper.process.pid
        assert helper.fault == ""
        status = dict(line.split(":\t") for line in process(pid, "status").splitlines())
        assert status["Seccomp"].strip() == "2"
        assert status["NoNewPrivs"].strip() == "1"
        assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
        (core,) = [line for line in process(pid, "limits").splitlines() if "core" in line]
        assert core.split()[4:6] == ["0", "0"]
        assert helper.ask(GOOD).keys == ["a"]
    os.close(leak)


def wait_until(condition):
    """Wait for another process: it gets there, or the test fails."""
    for _ in range(1000):
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing happened")


def children_of(pid):
    return [int(child) for path in Path(f"/proc/{pid}/task").iterdir()
            for child in (path / "children").read_text().split()]


@pytest.fixture
def silent(tmp_path, programs):
    """mpt-convert while it waits for a helper that says nothing: (process, helper's pid)."""
    archive(tmp_path / "silence:v1.pt", evil("silence"))
    words = command(programs(), "silence:v1.pt", timeout=600)
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as running:
        pid = wait_until(lambda: next(iter(children_of(running.pid)), None))
        yield running, pid
        running.kill()


def limit_of(pid, name):
    (line,) = [line for line in process(pid, "limits").splitlines() if name in line]
    return line.removeprefix(f"Max {name}").split()[0]


def is_gone(pid):
    try:
        return "(zombie)" in process(pid, "status")
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_limits_while_it_reads(silent):
    """In proportion to a request this small; and nothing of the environment."""
    _, pid = silent
    cpu = wait_until(lambda: limit_of(pid, "cpu time").isdigit()
                     and limit_of(pid, "cpu time"))
    assert 10 <= int(cpu) <= 20
    assert process(pid, "environ") == ""
    if not SANITIZED:
        space = wait_until(lambda: limit_of(pid, "address space").isdigit()
                           and limit_of(pid, "address space"))
        pages = int(process(pid, "statm").split()[0])
        assert int(space) < pages * os.sysconf("SC_PAGESIZE") + (80 << 20)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=str)
def test_the_helper_dies_with_its_parent(silent, number):
    running, pid = silent
    running.send_signal(number)
    wait_until(lambda: running.poll() is not None)
    wait_until(lambda: is_gone(pid))


# ---- what one pickle leaves behind ----

MANY = whole(dct((text("0"), put(tensor(), 1)),
                 *((text(f"{i}"), get(1)) for i in range(1, 40_000))))


@pytest.mark.skipif(SANITIZED, reason="sanitizers reserve more memory than any limit")
def test_memory_that_another_pickle_keeps(tmp_path, programs):
    """A helper that has none left is replaced, and the pickle read after all."""
    archive(tmp_path / "data/a:v1.pt", MANY)
    archive(tmp_path / "data/b:v1.pt", evil("hoard"))
    archive(tmp_path / "data/c:v1.pt", MANY)
    _, rows = run(tmp_path, programs(), "data", "-j1", "-n")
    for name in "a:v1.pt", "b:v1.pt", "c:v1.pt":
        assert rows[name]["status"] == "converted", rows[name]
