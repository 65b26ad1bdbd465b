"""Progress: the bar on a terminal, the lines in a log.

The programs are tests/drivers/*_paced.c: they copy or read a mebibyte, or less, when the
test says so, and their clock stands still until the test moves it.
"""

import os
import re
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import mpt_zip
import numpy
import pytest
from converter import convert, files_below
from safetensors.numpy import save
from sources import BUILD

pytest.importorskip("pexpect")
pytest.importorskip("pyte")
from terminal import PATIENCE, Pace, Terminal  # noqa: E402

PACED = BUILD / "tests/drivers/convert_paced"
VALIDATE_PACED = BUILD / "tests/drivers/validate_paced"
GOOD, SOME_FAILED, INTERRUPTED = 0, 1, 130
MEBIBYTES = 4       # of the weights of a large checkpoint, and so many steps


@pytest.fixture
def pace(tmp_path):
    pace = Pace(tmp_path / "pace")
    yield pace
    pace.close()


def write_large(path, mebibytes=MEBIBYTES):
    """Stored, so that the size of the file is that of the weights, by default 4.2 MB."""
    data = numpy.zeros(mebibytes << 20, dtype="uint8")
    return mpt_zip.write(path, weights={"w": data}, compression=0)


def write_large_archive(path, mebibytes):
    """Of torch, which several threads copy at once."""
    torch = pytest.importorskip("torch")
    path.parent.mkdir(parents=True)
    torch.save({"w": torch.zeros(mebibytes << 20, dtype=torch.uint8)}, path)


def start(pace, cwd, *arguments, jobs="-j1", **options):
    command = [PACED, "tree", "-o", "out", jobs, *arguments]
    return Terminal(command, cwd, **{**pace.environment, **options})


# ---- the bar ----


def test_bar_of_a_large_file(tmp_path, pace):
    """It moves with the bytes inside the file, and so does the estimate."""
    write_large(tmp_path / "tree" / "run:v1.mpt")
    terminal = start(pace, tmp_path)
    terminal.until("0/1 files, 0 B/4.2 MB")
    pace.step()
    terminal.until("0/1 files, 1.0/4.2 MB")
    pace.set_clock(1)
    terminal.until("0/1 files, 1.0/4.2 MB, 0:03 left, 1.0 MB/s")
    pace.set_clock(2)
    terminal.until("0/1 files, 1.0/4.2 MB, 0:06 left, 524 kB/s, tree/run:v1.mpt")
    pace.step(2)
    terminal.until("0/1 files, 3.1/4.2 MB, 0:01 left, 1.6 MB/s, tree/run:v1.mpt")
    pace.step(2)
    assert terminal.finish() == GOOD
    assert re.fullmatch(r"mpt-convert: 1 converted, .*", terminal.last())
    assert len(terminal.lines()) == 2
    assert list(files_below(tmp_path / "out")) == [
        "run:v1/policy_spec.json", "run:v1/weights.safetensors",
    ]


def without_seconds(lines):
    return sorted(re.sub(r"in \d+\.\d\d s$", "", line) for line in lines)


@pytest.mark.parametrize("arguments", [[], ["-q"], ["--progress=bar"], ["--jsonl"]], ids=str)
def test_bar_and_results_share_a_terminal(tmp_path, pace, arguments):
    """Results scroll by above the bar, whole at every moment, and in the end it is gone."""
    for number in range(3):
        write_large(tmp_path / "tree" / f"run:v{number}.mpt")
    (tmp_path / "tree" / "z:v9.mpt").write_bytes(b"nonsense")
    terminal = start(pace, tmp_path, *arguments, "--durability=each", columns=500)
    terminal.until("0/4 files, 0 B/12.6 MB")
    pace.set_clock(1)   # makes the bar longer than some results
    for done, rest in enumerate(["4.2/12.6 MB, 0:02 left", "8.4/12.6 MB, 0:01 left"], 1):
        pace.step(MEBIBYTES)
        while f"{done}/4 files, {rest}" not in terminal.last():
            assert terminal.read()
    pace.step(MEBIBYTES)
    assert terminal.finish() == SOME_FAILED
    final = terminal.lines()
    silent = [word for word in arguments if "progress" not in word]
    plain = convert(tmp_path, "tree", "-o", "again", "-j1", *silent)
    expected = (plain.stdout + plain.stderr).replace("again/", "out/").splitlines()
    assert without_seconds(final) == without_seconds(expected)
    for lines in terminal.shown:
        bar = [line for line in lines if " files, " in line]
        assert bar == lines[len(lines) - len(bar) :]
        # A part that was read may end inside the last line of the results.
        assert set(lines[: len(lines) - len(bar)][:-1]) <= set(final)


def test_bar_is_there_at_once_after_a_result(tmp_path, pace):
    """It does not wait for its next turn, which a stream of results would never leave it."""
    write_large(tmp_path / "tree" / "run:v1.mpt")
    for number in range(10):    # of one size, so that they come in this order
        mpt_zip.write(tmp_path / "tree" / f"small:v{number}.mpt", number, compression=0)
    terminal = start(pace, tmp_path, "--color=never")
    terminal.until("0/11 files, 0 B/4.2 MB")
    pace.step(MEBIBYTES)
    assert terminal.finish() == GOOD
    result = rb"\r\033\[Jconverted tree/small:\S* -> [^\r\n]*\r\n\r\d+/11 files, "
    assert len(re.findall(result, terminal.output)) == 10


def test_bar_beside_results_in_a_file(tmp_path, pace):
    """Messages take the bar away, results that go elsewhere do not."""
    write_large(tmp_path / "tree" / "a:v1.mpt")
    write_large(tmp_path / "tree" / "a:v2.mpt")
    (tmp_path / "tree" / "b:v3.mpt").touch()
    command = ["sh", "-c", 'exec "$0" "$@" >results', PACED, "tree", "-o", "out", "-j1"]
    terminal = Terminal(command, tmp_path, **pace.environment)
    terminal.until("0/3 files, 0 B/8.4 MB")
    pace.set_clock(1)
    pace.step(2 * MEBIBYTES)
    assert terminal.finish() == SOME_FAILED
    fault, summary = terminal.lines()
    assert fault == "mpt-convert: tree/b:v3.mpt: offset 0: the file is empty"
    assert re.match("mpt-convert: 2 converted, 0 skipped, 1 failed; ", summary)
    assert terminal.output.count(b"\r\033[J") == 2   # the other one before the summary
    assert len((tmp_path / "results").read_text().splitlines()) == 3


def test_failures_are_counted(tmp_path, pace):
    for number in range(2):
        (tmp_path / "tree").mkdir(exist_ok=True)
        (tmp_path / "tree" / f"bad:v{number}.mpt").write_bytes(bytes(5 << 20))
    write_large(tmp_path / "tree" / "run:v1.mpt")
    terminal = start(pace, tmp_path)
    terminal.until("2/3 files, 2 failed, 10.5/14.7 MB")
    pace.step(MEBIBYTES)
    assert terminal.finish() == SOME_FAILED


def test_skipped_files_leave_the_estimate(tmp_path, pace):
    """Files that need no reading make the batch smaller, not faster."""
    (tmp_path / "tree").mkdir()
    with zipfile.ZipFile(tmp_path / "tree" / "run:v1.mpt", "w") as archive:
        archive.writestr("policy_spec.json", "{}")
        archive.writestr("other", bytes(5 << 20))
    write_large(tmp_path / "tree" / "run:v2.mpt")
    terminal = start(pace, tmp_path)
    terminal.until("1/2 files, 0 B/4.2 MB")
    pace.step(MEBIBYTES)
    assert terminal.finish() == GOOD


# ---- windows ----


def test_resized_window(tmp_path, pace):
    """The bar fits at every width; nothing of a longer one stays behind."""
    write_large(tmp_path / "tree" / "run:v1.mpt")
    terminal = start(pace, tmp_path)
    terminal.until("0/1 files, 0 B/4.2 MB")
    pace.step()
    pace.set_clock(2)
    long = "0/1 files, 1.0/4.2 MB, 0:06 left, 524 kB/s, tree/run:v1.mpt"
    terminal.until(long)
    for columns, line in [
        (45, "0/1 files, 1.0/4.2 MB, 0:06 left, 524 kB/s"),
        (30, "0/1 files, 1.0/4.2 MB"),
        (57, "0/1 files, 1.0/4.2 MB, 0:06 left, 524 kB/s, ...un:v1.mpt"),
        (200, long),
        (5, ""),
        (80, long),
    ]:
        terminal.resize(columns)
        terminal.until(line)
        assert len(terminal.lines()) == (line != "")
    pace.step(MEBIBYTES)
    assert terminal.finish() == GOOD


def test_what_was_wrapped_is_erased(tmp_path, pace):
    """A window that became narrower may have wrapped the bar to several lines.

    The cursor is at the bar's front then, and all behind it is erased.
    """
    write_large(tmp_path / "tree" / "run:v1.mpt")
    terminal = start(pace, tmp_path)
    terminal.until("0/1 files, 0 B/4.2 MB")
    assert (terminal.screen.cursor.x, terminal.screen.cursor.y) == (0, 0)
    terminal.stream.feed(b"0/1 files,\r\n 0 B/4.2 MB\033[A\r")
    assert len(terminal.lines()) == 2
    pace.step()
    terminal.until("0/1 files, 1.0/4.2 MB")
    assert len(terminal.lines()) == 1
    pace.step(MEBIBYTES)
    assert terminal.finish() == GOOD


NAMES = {
    "control characters": ("a\033[2J\nb", "tree/a\\x1b[2J\\nb"),
    "not UTF-8": (os.fsdecode(b"a\xffb"), "tree/a\\xffb"),
    "narrow": ("\xe4" * 50, "..." + "\xe4" * 25),
    "wide": ("\u6f22" * 50, "..." + "\u6f22" * 12),
}


@pytest.mark.parametrize("case", NAMES)
def test_name_of_a_slow_file(tmp_path, pace, case):
    """Safe on a terminal, and cut by columns: the line stays on its line."""
    name, shown = NAMES[case]
    write_large(tmp_path / "tree" / f"{name}:v1.mpt")
    terminal = start(pace, tmp_path)
    terminal.until("0/1 files, 0 B/4.2 MB")
    pace.step()
    pace.set_clock(2)
    terminal.until(f"0/1 files, 1.0/4.2 MB, 0:06 left, 524 kB/s, {shown}:v1.mpt")
    assert len(terminal.lines()) == 1
    pace.step(MEBIBYTES)
    assert terminal.finish() == GOOD


def test_interrupt_takes_the_bar_away(tmp_path, pace):
    write_large(tmp_path / "tree" / "run:v1.mpt")
    terminal = start(pace, tmp_path)
    terminal.until("0/1 files, 0 B/4.2 MB")
    terminal.process.kill(signal.SIGINT)
    pace.step(MEBIBYTES)
    assert terminal.finish() == INTERRUPTED
    verdict, summary = terminal.lines()
    assert verdict == "not begun tree/run:v1.mpt"
    assert re.match(r"mpt-convert: 0 converted, .*, 1 not begun; ", summary)


# A file that a second thread helps with: its bytes count whoever moves them.
HELPED = 20     # MiB
WRITERS = {"inflated": write_large, "archive": write_large_archive}
ARCHITECTURE = "--architecture", "a.B"


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_bar_of_a_file_with_help(tmp_path, pace, write):
    write(tmp_path / "tree" / "run:v1.mpt", HELPED)
    terminal = start(pace, tmp_path, *ARCHITECTURE, jobs="-j2")
    for shown in "5.2", "10.5", "15.7":
        pace.step(5)
        terminal.until(f"0/1 files, {shown}/21.0 MB")
    pace.step(HELPED)
    assert terminal.finish() == GOOD


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_interrupt_of_a_file_with_help(tmp_path, pace, write):
    write(tmp_path / "tree" / "run:v1.mpt", HELPED)
    terminal = start(pace, tmp_path, *ARCHITECTURE, jobs="-j2")
    pace.step(5)
    terminal.until("0/1 files, 5.2/21.0 MB")
    terminal.process.kill(signal.SIGINT)
    pace.step(HELPED)
    assert terminal.finish() == INTERRUPTED
    assert terminal.lines()[0] == "not begun tree/run:v1.mpt"
    assert files_below(tmp_path / "out") == {}


# ---- logs ----


def wait_until_begun(cwd):
    """Until something was written: the program has looked at its clock by then."""
    deadline = time.monotonic() + PATIENCE
    while not list((cwd / "out").rglob("weights*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Log:
    """A run on one large file, whose standard error is a file too."""

    def __init__(self, pace, cwd, *arguments):
        write_large(cwd / "tree" / "run:v1.mpt")
        self.pace = pace
        self.path = cwd / "log"
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(
                [PACED, "tree", "-o", "out", "-j1", *arguments],
                cwd=cwd,
                env=pace.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        wait_until_begun(cwd)

    def lines(self):
        return self.path.read_text().splitlines()

    def until(self, lines):
        """Wait until the log is just this."""
        deadline = time.monotonic() + PATIENCE
        while self.lines() != lines:
            assert time.monotonic() < deadline, self.lines()
            time.sleep(0.01)

    def threads(self):
        return sorted(map(int, os.listdir(f"/proc/{self.process.pid}/task")))

    def wait_for_turns(self, count=3):
        """Let the thread that prints wake up so many times."""
        (other,) = set(self.threads()) - {self.process.pid}
        status = Path(f"/proc/{self.process.pid}/task/{other}/status")

        def turns():
            return int(re.search(r"^voluntary.*:\s*(\d+)", status.read_text(), re.M)[1])

        deadline, last = time.monotonic() + PATIENCE, turns() + count
        while turns() < last:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def finish(self):
        """What was logged, but for the summary, which is no progress."""
        self.pace.step(MEBIBYTES)
        assert self.process.wait(PATIENCE) == GOOD
        return self.lines()[:-1]


@pytest.mark.parametrize("arguments", [[], ["--progress=plain", "-q"]], ids=str)
def test_lines_in_a_log(tmp_path, pace, arguments):
    """One each 30 seconds, and no code for terminals."""
    log = Log(pace, tmp_path, *arguments)
    expected = []
    for early, late in [(29.9, 30), (59.9, 60), (89.9, 200)]:
        pace.set_clock(early)
        log.wait_for_turns()
        assert log.lines() == expected
        pace.set_clock(late)
        expected.append("mpt-convert: 0/1 files, 0 B/4.2 MB, tree/run:v1.mpt")
        log.until(expected)
    assert log.finish() == expected


@pytest.mark.parametrize("arguments", [["-q"], ["--progress=none"]], ids=str)
def test_no_lines_in_a_log(tmp_path, pace, arguments):
    """There is not even a thread that could print some."""
    log = Log(pace, tmp_path, *arguments)
    assert log.threads() == [log.process.pid]
    assert log.finish() == []


def test_bar_in_a_log(tmp_path, pace):
    """Who asks for it gets it."""
    log = Log(pace, tmp_path, "--progress=bar")
    log.until(["", "0/1 files, 0 B/4.2 MB\033[J"])
    log.finish()
    assert "\r\033[Jmpt-convert: 1 converted, " in log.path.read_bytes().decode()


def test_dumb_terminal(tmp_path, pace):
    """No bar, but the lines of a log."""
    write_large(tmp_path / "tree" / "run:v1.mpt")
    terminal = start(pace, tmp_path, TERM="dumb")
    wait_until_begun(tmp_path)
    pace.set_clock(30)
    terminal.until("mpt-convert: 0/1 files, 0 B/4.2 MB, tree/run:v1.mpt")
    pace.step(MEBIBYTES)
    assert terminal.finish() == GOOD
    assert re.findall(rb"\033|\r[^\n]", terminal.output) == []


def test_no_bar_on_a_terminal(tmp_path, pace):
    write_large(tmp_path / "tree" / "run:v1.mpt")
    terminal = start(pace, tmp_path, "--progress=none", "--color=never")
    wait_until_begun(tmp_path)
    assert len(os.listdir(f"/proc/{terminal.process.pid}/task")) == 1
    pace.step(MEBIBYTES)
    assert terminal.finish() == GOOD
    assert len(terminal.lines()) == 2 and b"\033" not in terminal.output


# ---- the other program ----


def write_bundle(path):
    """16 reads of 256 KiB and one of what is left."""
    path.mkdir(parents=True)
    weights = {"w": numpy.arange(MEBIBYTES << 20).astype("uint8")}
    (path / "policy_spec.json").write_bytes(mpt_zip.bundle()["policy_spec.json"])
    (path / "weights.safetensors").write_bytes(save(weights))


def test_validator_has_the_same_bar(tmp_path, pace):
    """It moves inside a bundle, counts what is bad, and does not garble the verdicts."""
    write_bundle(tmp_path / "tree" / "run:v1")
    (tmp_path / "tree" / "z:v2").mkdir()
    (tmp_path / "tree" / "z:v2" / "policy_spec.json").write_text("{}")
    command = [VALIDATE_PACED, "tree", "-j1", "-v"]
    terminal = Terminal(command, tmp_path, columns=200, **pace.environment)
    pace.step(8)
    terminal.until("0/2 bundles, 2.1/4.2 MB")
    pace.set_clock(2)
    terminal.until("0/2 bundles, 2.1/4.2 MB, 0:02 left, 1.0 MB/s, tree/run:v1")
    pace.step(8)
    assert terminal.finish() == SOME_FAILED
    good, bad, *errors, summary = terminal.lines()
    assert good == "ok tree/run:v1: 1 tensors, 4194577 bytes"
    assert bad == "bad tree/z:v2"
    assert errors and all(line.startswith("  error: ") for line in errors)
    assert summary.startswith("mpt-validate: 1 ok, 1 bad, 0 skipped; ")
    assert rb"1/2 bundles" in terminal.output and rb"2/2 bundles, 1 failed" in terminal.output
