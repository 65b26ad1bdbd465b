"""The committed checkpoints of every era become the committed bundles, byte for byte.

fixtures/manifest.json is the table: one row for each source, saying what must come of
it.  Needs nothing but pytest and the built programs.
"""

import json
import os
import shutil

import pytest
from converter import PROJECT, convert, files_below

FIXTURES = PROJECT / "fixtures"
MANIFEST = json.loads((FIXTURES / "manifest.json").read_text("utf-8"))
TREES = MANIFEST["trees"]
SOURCES = MANIFEST["sources"]


def row_name(row):
    return f"{row['tree']}/{row['path']}"


def options_of(tree):
    settings = TREES[tree]
    options = list(settings.get("options", []))
    if "architecture" in settings:
        options += ["--architecture", settings["architecture"]]
    if "architecture_map" in settings:
        options += ["--architecture-map", FIXTURES / settings["architecture_map"]]
    return options


def expected_files(tree):
    directory = TREES[tree].get("expected")
    return files_below(FIXTURES / directory) if directory else {}


def parts(row, name):
    """What a text must hold: nothing, one text, or several."""
    value = row.get(name, [])
    return [value] if isinstance(value, str) else value


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Converts each tree once, in one command; answers with the run and its output."""
    runs = {}

    def run_of(tree):
        if tree not in runs:
            cwd = tmp_path_factory.mktemp(tree)
            arguments = [FIXTURES / tree, "-o", "out", "--jsonl", *options_of(tree)]
            runs[tree] = convert(cwd, *arguments)
        return runs[tree]

    return run_of


@pytest.mark.parametrize("tree", TREES)
def test_manifest_names_every_file(tree):
    named = {row["path"] for row in SOURCES if row["tree"] == tree}
    assert named == set(files_below(FIXTURES / tree))


@pytest.mark.parametrize("row", SOURCES, ids=row_name)
def test_outcome(converted, row):
    """Status, bundle, reason and note of one source."""
    run = converted(row["tree"])
    report = run.rows()[FIXTURES / row["tree"] / row["path"]]
    assert report["status"] == row["outcome"], report
    for part in parts(row, "reason"):
        assert part in report["reason"], report
    for part in parts(row, "note"):
        assert part in json.dumps(report["notes"]), report
    if row["outcome"] == "converted":
        assert report["era"] == row["era"]
        assert run.path(report["bundle"]) == run.cwd / "out" / row["bundle"]
    if row["outcome"] == "failed":
        assert report["reason"], report


@pytest.mark.parametrize(
    "row", [row for row in SOURCES if "bundle" in row], ids=row_name
)
def test_bundle_bytes(converted, row):
    """The files of one bundle are those the reference writers made."""
    expected = files_below(FIXTURES / TREES[row["tree"]]["expected"] / row["bundle"])
    assert len(expected) == 2
    got = files_below(converted(row["tree"]).cwd / "out" / row["bundle"])
    assert got.keys() == expected.keys()
    for name in expected:
        assert got[name] == expected[name], name


@pytest.mark.parametrize("tree", TREES)
def test_whole_tree(converted, tree):
    """Exit status, a report of each source, and no file beyond the bundles."""
    run = converted(tree)
    assert run.exit == TREES[tree]["exit"], run.stderr
    reported = {str(path.relative_to(FIXTURES / tree)) for path in run.rows()}
    assert reported == {row["path"] for row in SOURCES if row["tree"] == tree}
    assert set(files_below(run.cwd / "out")) == set(expected_files(tree))


def test_nothing_of_a_pickle_is_called(converted):
    assert not (converted("reject").cwd / "CALLED").exists()


@pytest.mark.parametrize("tree", TREES)
def test_threads_change_nothing(tmp_path, tree):
    """-j1 and -j4 write the same trees and come to the same verdicts."""
    runs = {}
    for jobs in (1, 4):
        cwd = tmp_path / str(jobs)
        cwd.mkdir()
        options = ["-o", "out", "--jsonl", "-j", jobs, *options_of(tree)]
        runs[jobs] = convert(cwd, FIXTURES / tree, *options)
    assert runs[1].exit == runs[4].exit
    assert files_below(tmp_path / "1" / "out") == files_below(tmp_path / "4" / "out")
    outcomes = [
        sorted((row["source"], row["status"], row["reason"]) for row in rows)
        for rows in (run.rows().values() for run in runs.values())
    ]
    assert outcomes[0] == outcomes[1]


def test_ambiguous_names_the_option(tmp_path):
    """Several state dicts in one file: the reason says which, and how to choose."""
    options = ["-o", "out", "--jsonl", *options_of("reject")]
    run = convert(tmp_path, FIXTURES / "eras-keyed", *options)
    assert run.exit == 1
    for row in run.rows().values():
        assert row["status"] == "failed", row
        assert "several state dicts: '" in row["reason"]
        assert "--state-dict-key" in row["reason"]
    assert files_below(tmp_path / "out") == {}


def test_no_text_names_the_option(tmp_path):
    """Checkpoints without architecture fail, each saying which option supplies it."""
    run = convert(tmp_path, FIXTURES / "legacy-bare", "-o", "out", "--jsonl")
    assert run.exit == 1
    for row in run.rows().values():
        assert row["status"] == "failed"
        assert "--architecture" in row["reason"]
    assert files_below(tmp_path / "out") == {}


def test_text_from_a_file(tmp_path):
    """--architecture @FILE; the text is stripped as the framework strips it."""
    text = TREES["legacy-bare"]["architecture"]
    (tmp_path / "text").write_text(f"\n {text} \n", "utf-8")
    options = ["-o", "out", "--architecture", "@text"]
    run = convert(tmp_path, FIXTURES / "legacy-bare", *options)
    assert run.exit == 0, run.stderr
    assert files_below(tmp_path / "out") == expected_files("legacy-bare")


def test_report_for_people(tmp_path):
    """Without --jsonl, standard output names every source."""
    run = convert(tmp_path, FIXTURES / "legacy", "-o", "out")
    for row in SOURCES:
        if row["tree"] == "legacy":
            assert row["path"] in run.stdout


def test_every_line_of_the_map_is_used(converted):
    assert "was not used" not in converted("eras").stderr


def test_recognised_by_its_keys(tmp_path):
    """PufferLib's state dicts need neither text nor map; the others name the option."""
    run = convert(tmp_path, FIXTURES / "eras", "-o", "out", "--jsonl")
    for path, row in run.rows().items():
        if path.parent.name == "cogs_vs_clips":
            assert row["status"] == "converted", row
        elif row["status"] != "skipped":
            assert "--architecture" in row["reason"], row
    expected = expected_files("eras")
    assert files_below(tmp_path / "out") == {
        name: expected[name] for name in expected if name.startswith("cogs_vs_clips/")
    }


def test_globals_are_reported(tmp_path):
    """What a pickle would have run, had it been loaded the usual way."""
    options = ["-n", "--jsonl", *options_of("reject")]
    run = convert(tmp_path, FIXTURES / "reject" / "value-is-a-call.pt", *options)
    (row,) = run.rows().values()
    assert "posix system" in json.dumps(row), row
    source = FIXTURES / "eras" / "first_light" / "model_000400.pt"
    run = convert(tmp_path, source, "-n", "--jsonl", *options_of("reject"))
    (row,) = run.rows().values()
    for name in ("agent.metta_agent MettaAgent", "omegaconf.dictconfig DictConfig"):
        assert name in row["globals"]


def test_in_place_and_sources_untouched(tmp_path):
    """--in-place puts each bundle beside its source and changes nothing else."""
    shutil.copytree(FIXTURES / "legacy", tmp_path / "tree")
    before = files_below(tmp_path / "tree")
    assert convert(tmp_path, "tree", "--in-place").exit == 1
    assert files_below(tmp_path / "tree") == {**before, **expected_files("legacy")}


def test_single_file(tmp_path):
    """A file given by name becomes one bundle, the same as in its tree."""
    row = next(row for row in SOURCES if row["path"].endswith(":v5.mpt"))
    source = FIXTURES / row["tree"] / row["path"]
    assert convert(tmp_path, source, "-o", "out").exit == 0
    bundles = [path.parent for path in (tmp_path / "out").rglob("policy_spec.json")]
    assert [path.name for path in bundles] == [os.path.basename(row["bundle"])]
    expected = FIXTURES / TREES[row["tree"]]["expected"] / row["bundle"]
    assert files_below(bundles[0]) == files_below(expected)


def test_keep_prefix(tmp_path):
    """--keep-prefix leaves the names as the checkpoint has them."""
    row = next(row for row in SOURCES if row["path"].endswith(":v15.mpt"))
    source = FIXTURES / row["tree"] / row["path"]
    assert convert(tmp_path, source, "-o", "out", "--keep-prefix").exit == 0
    (weights,) = (tmp_path / "out").rglob("weights.safetensors")
    blob = weights.read_bytes()
    header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])
    assert header and all(name.startswith("module.") for name in header)
