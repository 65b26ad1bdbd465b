"""Names and paths as odd and as long as a file system takes them.

Whatever is in a name, each line of output is one line of printable text or of JSON; what
does not fit is said before any work.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import mpt_zip
import pytest
from converter import CONVERTER
from test_convert import GOOD, SOME_FAILED, USAGE, run
from test_os_failures import FORMS, validate, write_bundle

# ---- names that are hostile to terminals and to readers of lines ----

# C0, an escape sequence, DEL, C1, a line separator, no UTF-8; and a line of its own.
ODD = os.fsdecode(b"\x1b[31m\x7f\xc2\x9b\xe2\x80\xa8\xff\\\r\nINJECTED\t")


def put_good(cwd):
    mpt_zip.write(cwd / f"data/{ODD}:v1.mpt")


def put_bad(cwd):
    (cwd / "data").mkdir()
    (cwd / f"data/{ODD}:v1.mpt").write_bytes(b"PK nonsense")


def put_bad_text(cwd):
    mpt_zip.write(cwd / "data/a:v1.mpt", text=os.fsencode(f"a.B({ODD}"))


def put_two(cwd):
    mpt_zip.write(cwd / f"data/{ODD}:v1.mpt", 1)
    mpt_zip.write(cwd / f"data/{ODD}:v1.pt", 2)


def put_twins(cwd):
    mpt_zip.write(cwd / f"data/{ODD}:v1.mpt")
    mpt_zip.write(cwd / f"data/{ODD}:v1.pt", text="another.Config()")


def put_taken(cwd):
    put_good(cwd)
    write_bundle(cwd / f"out/{ODD}:v1", 5)


def put_skipped(cwd):
    put_good(cwd)
    os.mkfifo(cwd / f"data/{ODD}.pt")
    (cwd / f"data/{ODD}.tmp").touch()


def put_map(cwd):
    put_good(cwd)
    (cwd / ODD).write_text(f"nobody\t{mpt_zip.TEXT}\n")


def put_link(cwd):
    mpt_zip.write(cwd / f"data/{ODD}/a:v1.mpt")
    (cwd / "out").mkdir()
    (cwd / "out" / ODD).symlink_to(cwd)


TREE = ["data", "-o", "out"]
ODD_RUNS = {
    "good": (put_good, TREE, GOOD),
    "in place": (put_good, ["data", "--in-place"], GOOD),
    "dry run": (put_good, ["data", "-n"], GOOD),
    "broken": (put_bad, TREE, SOME_FAILED),
    "architecture": (put_bad_text, TREE, SOME_FAILED),
    "two for one": (put_two, TREE, SOME_FAILED),
    "two of the same weights": (put_twins, TREE, GOOD),
    "taken": (put_taken, TREE, SOME_FAILED),
    "skipped": (put_skipped, TREE, GOOD),
    "link": (put_link, TREE, SOME_FAILED),
    "map": (put_map, [*TREE, "--architecture-map", ODD], GOOD),
    "missing": (put_good, [ODD, "-n"], SOME_FAILED),
    "output": (put_good, ["data", "-o", ODD], GOOD),
    "no output": (put_good, ["data", "-o", f"data/{ODD}:v1.mpt/below"], USAGE),
    "run": (put_good, [*TREE, "--run", ODD], GOOD),
    "option": (put_good, [*TREE, f"--{ODD}"], USAGE),
    "short option": (put_good, [*TREE, f"-{ODD}"], USAGE),
    "number": (put_good, [*TREE, "-j", ODD], USAGE),
    "choice": (put_good, [*TREE, "--color", ODD], USAGE),
    "list": (put_good, ["-n", "--files-from", ODD], USAGE),
    "text": (put_good, ["data", "-n", "--architecture", ODD], USAGE),
    "text file": (put_good, ["data", "-n", "--architecture", f"@{ODD}"], USAGE),
    "template": (put_good, ["data", "-n", "--name-template", f"{{{ODD}}}"], SOME_FAILED),
}


def assert_printable(output, form=()):
    """UTF-8, no control characters, no lines but the program's own; JSON, if asked for."""
    text = output.decode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", text)
    assert not re.search("^INJECTED", text, re.M)
    if "--json" in form and text.startswith("{"):
        json.loads(text)
    if "--jsonl" in form:
        for line in text.splitlines():
            assert not line.startswith("{") or json.loads(line)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("case", ODD_RUNS)
def test_odd_names_are_escaped_everywhere(tmp_path, case, form):
    make, arguments, status = ODD_RUNS[case]
    make(tmp_path)
    done = subprocess.run([CONVERTER, *arguments, *form, "--progress=plain"], cwd=tmp_path,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == status, done
    assert_printable(done.stdout, form)
    assert_printable(done.stderr)


def put_bundles(cwd):
    write_bundle(cwd / f"tree/{ODD}:v1")
    write_bundle(cwd / f"tree/.{ODD}.tmp")
    (cwd / f"tree/{ODD}:v2.zip").write_bytes(b"PK nonsense")
    (cwd / f"tree/{ODD}.mpt").touch()
    (cwd / f"tree/{ODD}:v3").symlink_to(".")


def put_bad_bundle(cwd):
    spec = {"class_path": ODD.encode("utf-8", "replace").decode(), "data_path": f"a/{ODD[:5]}"}
    folder = write_bundle(cwd / "run:v1")
    (folder / "policy_spec.json").write_text(json.dumps(spec))
    (folder / f"{ODD}.tmp").touch()


ODD_VERDICTS = {
    "tree": (put_bundles, ["tree"], SOME_FAILED),
    "members": (put_bad_bundle, ["run:v1"], SOME_FAILED),
    "missing": (put_bundles, [ODD], SOME_FAILED),
    "option": (put_bundles, ["tree", f"--{ODD}"], USAGE),
    "list": (put_bundles, ["--files-from", ODD], USAGE),
}


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("case", ODD_VERDICTS)
def test_odd_names_are_escaped_by_the_validator(tmp_path, case, form):
    make, arguments, status = ODD_VERDICTS[case]
    make(tmp_path)
    done = validate(tmp_path, *arguments, *form)
    assert done.returncode == status, done
    assert_printable(done.stdout, form)
    assert_printable(done.stderr)


# ---- names and paths that are too long ----


@pytest.mark.parametrize("options", [["-o", "out"], ["-n"]], ids=str)
def test_bundle_with_too_long_a_name(tmp_path, options):
    """Known before any work, so that a dry run says it, too."""
    mpt_zip.write(tmp_path / "data" / f"{'x' * 120}:v1.mpt")
    mpt_zip.write(tmp_path / "data" / "b:v1.mpt")
    done = run(tmp_path, "data", *options, "--name-template", "{stem} and {stem}, too")
    assert (done.exit, done.stdout.count("failed")) == (SOME_FAILED, 1)
    assert re.search("xx:v1.mpt: .*name of 256 bytes, over the limit of 255", done.stderr)


def folders_of_length(length):
    """Names of 200 bytes, and of what is left."""
    whole = (length - 1) // 201
    return ("d" * 200 + "/") * whole + "e" * (length - 201 * whole)


@pytest.mark.parametrize("extra, status", [(0, GOOD), (1, SOME_FAILED)])
@pytest.mark.parametrize("options", [["-o", "out"], ["-o", "out/"], ["-n", "-o", "out"]], ids=str)
def test_longest_path(tmp_path, monkeypatch, options, extra, status):
    """To the byte: what is written can be named and read, or it is not written."""
    monkeypatch.chdir(tmp_path)
    limit = os.pathconf(".", "PC_PATH_MAX") - 1
    rest = len("out//x:v1/weights.safetensors")
    folders = folders_of_length(limit + extra - rest)
    mpt_zip.write(Path("data", folders, "x:v1.mpt"))
    mpt_zip.write(Path("data", "b:v1.mpt"))
    done = run(".", "data", *options)
    assert done.exit == status, done.stderr
    assert done.stdout.count("convert") == 2 - status
    if status:
        assert "bytes, over the limit of 4095" in done.stderr
    elif "-n" not in options:
        assert validate(".", "-v", "out").stdout.count(b"ok out/") == 2


def make_deep_folder(top, depth):
    """Folders with names of 200 bytes, one in the other, deeper than a path can tell."""
    name = "d" * 200
    here = os.open(top, os.O_DIRECTORY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


@pytest.mark.parametrize("options", [["-o", "out"], ["--in-place"], ["-n"]], ids=str)
def test_source_with_too_long_a_path(tmp_path, options):
    """The folder that cannot be reached fails, and the rest is done."""
    mpt_zip.write(tmp_path / "data" / "b:v1.mpt")
    make_deep_folder(tmp_path / "data", 21)
    done = run(tmp_path, "data", *options)
    assert (done.exit, done.stdout.count("failed")) == (SOME_FAILED, 1)
    assert "d: cannot look at it: File name too long" in done.stderr
    assert " data/b:v1.mpt" in done.stdout


def test_bundle_with_too_long_a_path(tmp_path):
    write_bundle(tmp_path / "tree/b:v1")
    make_deep_folder(tmp_path / "tree", 21)
    done = validate(tmp_path, "-v", "tree")
    assert done.returncode == SOME_FAILED
    assert re.search(b"bad .*\n.*: cannot look .*: File name too long", done.stdout)
    assert b"ok tree/b:v1" in done.stdout
