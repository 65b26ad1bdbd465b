"""Which bundle a source becomes, by all the names checkpoints have had."""

import json

import pytest
from converter import convert, files_below
from mpt_zip import bundle, weights_of, write

SCHEMES = [
    # source below the tree, options, bundle below the output, part of a note
    ("r/checkpoints/r:v5.mpt", (), "r/checkpoints/r:v5", None),
    ("r/checkpoints/r:v007.mpt", (), "r/checkpoints/r:v007", None),
    ("a.b/checkpoints/a.b:v5.mpt", (), "a.b/checkpoints/a.b:v5", "has a dot"),
    ("r/checkpoints/other:v3.mpt", (), "r/checkpoints/other:v3", None),
    ("r/checkpoints/model_0012.pt", (), "r/checkpoints/r:v12", None),
    ("r/model_000400.pt", (), "r/r:v400", None),
    ("r/initial_policy.pt", (), "r/r:v0", None),
    ("r/checkpoints/v9.pt", (), "r/checkpoints/r:v9", None),
    ("r/v9.pt", (), "r/v9", "has no epoch"),
    ("r/checkpoints/my_run__e12__s3__t4__sc5.pt", (), "r/checkpoints/my_run:v12", None),
    ("r/checkpoints/my_run__e12.pt", (), "r/checkpoints/my_run:v12", None),
    ("r/checkpoints/my_run__eleven.pt", (), "r/checkpoints/my_run__eleven", "no epoch"),
    ("r/checkpoints/best.pt", (), "r/checkpoints/best", "has no epoch"),
    ("r/checkpoints/r:v5-submission.mpt", (), "r/checkpoints/r:v5-submission", "epoch"),
    ("r/model_x.pt", (), "r/model_x", "has no epoch"),
    ("best.pt", ("--run", "r", "--epoch", "7"), "r:v7", None),
    ("r:v5.mpt", ("--epoch", "7"), "r:v7", None),
    ("r:v5.mpt", ("--run", "q"), "q:v5", None),
    ("best.pt", ("--run", "q"), "best", "has no epoch"),
    ("r:v5.mpt", ("--name-template", "{run}-{epoch}"), "r-5", None),
    ("best.pt", ("--name-template", "x_{stem}"), "x_best", "has no epoch"),
]

FAULTS = [
    ("best.pt", ("--name-template", "{run}-{epoch}"), "--run gives one"),
    ("r:v5.mpt", ("--name-template", "{other}"), "a brace that is none of"),
    ("r:v5.mpt", ("--name-template", "{run"), "a brace that is none of"),
    ("r:v5.mpt", ("--name-template", "a/{run}"), "no name of a folder"),
    ("r:v5.mpt", ("--name-template", ".."), "no name of a folder"),
    ("r:v99999999999999999999.mpt", (), "epoch"),
]


def one_row(run):
    (row,) = run.rows().values()
    return row


@pytest.mark.parametrize("source, options, expected, note", SCHEMES)
def test_bundle_name(tmp_path, source, options, expected, note):
    write(tmp_path / "in" / source)
    run = convert(tmp_path, "in", "-o", "out", "--jsonl", *options)
    assert run.exit == 0, run.stderr
    assert files_below(tmp_path / "out") == {
        f"{expected}/{name}": content for name, content in bundle().items()
    }
    notes = " ".join(one_row(run)["notes"])
    assert (note in notes) if note else notes == ""


@pytest.mark.parametrize("source, options, reason", FAULTS)
def test_no_bundle_name(tmp_path, source, options, reason):
    write(tmp_path / "in" / source)
    run = convert(tmp_path, "in", "-o", "out", "--jsonl", *options)
    assert run.exit == 1
    assert reason in one_row(run)["reason"]
    assert files_below(tmp_path / "out") == {}


def test_run_is_asked_of_the_file_system(tmp_path):
    """Started inside the folder that tells the run's name."""
    write(tmp_path / "r" / "checkpoints" / "model_3.pt")
    run = convert(tmp_path / "r" / "checkpoints", "model_3.pt", "-o", tmp_path / "out")
    assert run.exit == 0, run.stderr
    assert (tmp_path / "out" / "r:v3" / "policy_spec.json").exists()


def pair(tmp_path, second_weights=None, second_text=None):
    """Two sources for one bundle; the second by name is given."""
    first = write(tmp_path / "in" / "r:v1.mpt", number=1)
    options = {"text": second_text} if second_text else {}
    second = write(
        tmp_path / "in" / "r:v1.pt", 1, weights=second_weights, **options
    )
    run = convert(tmp_path, "in", "-o", "out", "--jsonl", "-j4")
    rows = run.rows()
    assert rows[first]["status"] == "converted"
    assert files_below(tmp_path / "out" / "r:v1") == bundle(1)
    return run, rows[second]


def test_equal_sources_for_one_bundle(tmp_path):
    run, row = pair(tmp_path)
    assert (run.exit, row["status"]) == (0, "skipped")


def test_equal_weights_for_one_bundle(tmp_path):
    run, row = pair(tmp_path, second_text="demo.Other(size=5)")
    assert (run.exit, row["status"]) == (0, "skipped")
    assert "in/r:v1.mpt" in row["notes"][-1]


def test_two_sources_for_one_bundle(tmp_path):
    run, row = pair(tmp_path, second_weights=weights_of(2))
    assert (run.exit, row["status"]) == (1, "failed")
    assert "in/r:v1.mpt" in row["reason"]


def test_bundle_inside_a_bundle(tmp_path):
    """a.mpt would become the folder that the other's bundle lies in."""
    write(tmp_path / "in" / "a.mpt")
    write(tmp_path / "in" / "a" / "r:v1.mpt")
    run = convert(tmp_path, "in", "-o", "out", "--jsonl")
    assert run.exit == 1
    failed = [row for row in run.rows().values() if row["status"] == "failed"]
    assert "in which the bundle" in failed[0]["reason"] and len(failed) == 1
    assert files_below(tmp_path / "out").keys() == {
        f"a/r:v1/{name}" for name in bundle()
    }


# ---- whose architecture ----


def spec_of(tmp_path, name="r:v1"):
    return json.loads((tmp_path / "out" / name / "policy_spec.json").read_text())


MAP_LINES = "r1\tdemo.First()\n\nr*\t demo.Second(a=1) \nunused\tdemo.Third\n"


def test_architecture_map(tmp_path):
    """The first line that matches; one that none needed is reported."""
    for run in ("r1", "r2"):
        write(tmp_path / "in" / f"{run}:v1.mpt", text=" ")
    (tmp_path / "map").write_text(MAP_LINES)
    run = convert(tmp_path, "in", "-o", "out", "--architecture-map", "map")
    assert run.exit == 0, run.stderr
    texts = [
        spec_of(tmp_path, f"{name}:v1")["init_kwargs"]["architecture_spec"]
        for name in ("r1", "r2")
    ]
    assert texts == ["demo.First()", "demo.Second(a=1)"]
    assert "line 4 was not used" in run.stderr


def test_architecture_map_does_not_match(tmp_path):
    write(tmp_path / "in" / "q:v1.mpt", text="")
    (tmp_path / "map").write_text(MAP_LINES)
    run = convert(tmp_path, "in", "-o", "out", "--architecture-map", "map", "--jsonl")
    assert run.exit == 1
    assert 'no line of map matches its run "q"' in one_row(run)["reason"]


@pytest.mark.parametrize(
    "content, reason",
    [
        ("r1 demo.First()\n", "line 1 is not a run glob, a tab"),
        ("\n\tdemo.First()\n", "line 2 is not a run glob, a tab"),
        ("r1\tdemo.First(\n", "line 1: "),
        ("r1\tdemo.First()\0\n", "NUL"),
    ],
)
def test_bad_architecture_map(tmp_path, content, reason):
    write(tmp_path / "in" / "r1:v1.mpt")
    (tmp_path / "map").write_text(content)
    run = convert(tmp_path, "in", "-o", "out", "--architecture-map", "map")
    assert run.exit == 2
    assert reason in run.stderr


def test_own_text_goes_before_options(tmp_path):
    write(tmp_path / "in" / "r:v1.mpt", text="demo.Own(a=1)")
    (tmp_path / "map").write_text("*\tdemo.Mapped()\n")
    convert(tmp_path, "in", "-o", "out", "--architecture-map", "map")
    assert spec_of(tmp_path)["init_kwargs"]["architecture_spec"] == "demo.Own(a=1)"


def test_map_replaces_a_text_that_is_not_valid(tmp_path):
    write(tmp_path / "in" / "r:v1.mpt", text="demo.Own(a=inf)")
    (tmp_path / "map").write_text("*\tdemo.Mapped()\n")
    run = convert(tmp_path, "in", "-o", "out", "--architecture-map", "map", "--jsonl")
    assert spec_of(tmp_path)["init_kwargs"]["architecture_spec"] == "demo.Mapped()"
    assert "is not valid" in one_row(run)["notes"][0]


def test_class_path(tmp_path):
    """A spec for another class; values are JSON where they can be."""
    write(tmp_path / "in" / "r:v1.mpt", text="")
    kwargs = ("n=3", "name=a b", 'list=[1,"x"]', "flag=true", "none=null", "nan=NaN")
    options = [word for kwarg in kwargs for word in ("--init-kwarg", kwarg)]
    run = convert(tmp_path, "in", "-o", "out", "--class-path", "a.b.Policy", *options)
    assert run.exit == 0, run.stderr
    assert spec_of(tmp_path) == {
        "class_path": "a.b.Policy",
        "data_path": "weights.safetensors",
        "init_kwargs": {
            "n": 3,
            "name": "a b",
            "list": [1, "x"],
            "flag": True,
            "none": None,
            "nan": "NaN",
        },
        "setup_script": None,
    }
