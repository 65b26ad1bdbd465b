"""The reports of mpt-validate: where they go, and that readers we did not write take them.

A tree with a bundle of each verdict, some of them with hostile names and texts, is judged
once for all formats.
"""

import json
import os
import re
import signal
import subprocess
import time

import pytest
from report_trees import make_many
from sources import BUILD
from test_validate import (
    make_folder,
    make_tree,
    make_zip,
    members,
    sparse_bundle,
    spec_of,
    validate,
)

PROGRAM = BUILD / "mpt-validate"
FORMATS = ["human", "json", "jsonl", "junit", "sarif", "github", "markdown", "html"]
SECONDS = re.compile(r'("seconds":|time="| in )[0-9.e-]+')


def written(folder, *reports, operand="tree", status=1, **options):
    """Run with --report FORMAT=FORMAT.out for each; their texts."""
    arguments = [f"--report={name}={name}.out" for name in reports]
    run = validate(*arguments, operand, cwd=folder, **options)
    assert run.exit == status, run.stderr
    return [(folder / f"{name}.out").read_bytes().decode() for name in reports]


@pytest.fixture
def tree(tmp_path):
    make_tree(tmp_path / "tree")
    return tmp_path


# ---- standard output ----


def test_help_lists_the_formats():
    assert f"--format {'|'.join(FORMATS)}\n" in validate("--help").stdout


def test_human_is_grouped_and_quiet_when_good(tmp_path):
    make_folder(tmp_path, members(), "a:v1")
    make_folder(tmp_path, members(spec_of(later=1)), "noted:v1")
    run = validate(".", cwd=tmp_path)
    assert run.stdout == ""
    assert "2 ok, 0 bad, 0 skipped, 1 note (-v lists them); " in run.stderr
    make_folder(tmp_path, members(), "b.c:v1")
    make_folder(tmp_path, members(spec_of(later=1), weights=b""), "d.e:v1")
    run = validate(".", cwd=tmp_path)
    lines = run.stdout.splitlines()
    assert lines[0].startswith("ok ./b.c:v1: 5 tensors, ")
    assert [line.split(": ")[0] for line in lines[1:]] == [
        "  warning", "bad ./d.e:v1", "  error", "  warning", "  note",
    ]
    assert [line.split(" [")[-1] for line in lines if line[0] == " "] == [
        "name-dotted]", "weights]", "name-dotted]", "spec-unknown]",
    ]
    assert "3 ok, 1 bad, 0 skipped, 2 warnings, 2 notes (-v" in run.stderr
    assert validate("-q", ".", cwd=tmp_path).stdout.splitlines() == lines[2:4]


def masked(text):
    return SECONDS.sub("", text)


@pytest.mark.parametrize("name", FORMATS)
def test_format_and_report_say_the_same(tree, name):
    [report] = written(tree, name)
    printed = validate("--format", name, "tree", cwd=tree).stdout
    assert masked(report) == masked(printed) and report
    if name in ("json", "jsonl"):
        short = validate(f"--{name}", "tree", cwd=tree).stdout
        assert masked(report) == masked(short)


@pytest.mark.parametrize("name", FORMATS)
def test_one_and_many_threads_report_the_same(tree, name):
    [one] = written(tree, name)
    run = validate("-j4", f"--report={name}=many", "tree", cwd=tree)
    assert masked((tree / "many").read_text()) == masked(one), run


# ---- files ----


def test_several_reports_at_once(tree):
    texts = written(tree, *FORMATS)
    assert all(texts) and len(set(texts)) == len(FORMATS)
    assert sorted(os.listdir(tree)) == sorted([f"{name}.out" for name in FORMATS] + ["tree"])


def test_report_takes_the_place_of_a_file(tree):
    (tree / "jsonl.out").write_text("old\n" * 100)
    [text] = written(tree, "jsonl")
    assert len([json.loads(line) for line in text.splitlines()]) == 9


@pytest.mark.parametrize(
    "value, reason",
    [
        ("json", "--report takes FORMAT=FILE"),
        ("json=", "--report takes FORMAT=FILE"),
        ("nonsense=x", "--report takes FORMAT=FILE"),
        ("jso=x", "--report takes FORMAT=FILE"),
        ("json=same", 'two reports cannot both be "same"'),
        ("json=missing/x", "missing/x: cannot open the folder: No such file"),
        ("json=tree/", "tree/: a folder, where a report"),
        ("json=tree", "tree: not a regular file"),
        ("json=link", "link: not a regular file"),
        ("json=/dev/null", "/dev/null: not a regular file"),
    ],
)
def test_report_that_cannot_be_written(tree, value, reason):
    """Said before any bundle is read, and nothing is left behind."""
    (tree / "link").symlink_to("elsewhere")
    before = sorted(os.listdir(tree))
    run = validate("--report=jsonl=same", f"--report={value}", "tree", cwd=tree)
    assert run.exit == 2 and run.stdout == "" and reason in run.stderr
    assert sorted(os.listdir(tree)) == before


def test_formats_that_exclude_each_other(tree):
    for arguments in (["--json", "--format=jsonl"], ["--jsonl", "--format=json"]):
        run = validate(*arguments, "tree", cwd=tree)
        assert run.exit == 2 and "exclude each other" in run.stderr
    assert validate("--json", "--format=json", "tree", cwd=tree).exit == 1


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_to_report(tmp_path, name):
    """No bundle, no report: an empty one would pass for a clean one."""
    (tmp_path / "out").write_text("before")
    (tmp_path / "empty").mkdir()
    make_zip(tmp_path / "empty", {"x": b"y"}, "results.zip")
    run = validate(f"--report={name}=out", "empty", cwd=tmp_path)
    assert run.exit == 3 and sorted(os.listdir(tmp_path)) == ["empty", "out"]
    assert (tmp_path / "out").read_text() == "before"


def test_no_report_of_half_the_work(tmp_path):
    folder = sparse_bundle(tmp_path, 1 << 40)
    command = [PROGRAM, "--report=json=out", folder]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143 and os.listdir(tmp_path) == [folder.name]


def test_full_disk(tmp_path):
    """The report is not there, the verdicts are, and the status says so."""
    make_many(tmp_path / "tree", 60)
    command = f"ulimit -f 8; exec {PROGRAM} --report=json=out tree | cat"
    script = ["bash", "-c", f"trap '' XFSZ; set -o pipefail; {command}"]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "out: cannot write: File too large" in done.stderr
    assert "bad tree/run:v57\n" in done.stdout
    assert os.listdir(tmp_path) == ["tree"]
