"""Reports for other programs, as readers that we did not write understand them.

Each format is read back from one tree that has a bundle of each verdict, and names and
texts that try to break out of every format; what they say is compared with the JSON.
"""

import json
import re
import shutil
import subprocess
import urllib.parse
import xml.etree.ElementTree

import pytest
import torch
from report_trees import make_hostile_tree, make_many
from sources import PROJECT
from test_validate import make_folder, members, spec_of, validate, weights_of

READERS = {"junit": "junitparser", "sarif": "pydantic_sarif.model",
           "markdown": "markdown_it"}
LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """(folder, what the JSON says of its tree, {format: text})."""
    folder = tmp_path_factory.mktemp("reports")
    make_hostile_tree(folder / "tree")
    names = ["junit", "sarif", "github", "markdown"]
    reports = [f"--report={name}={name}.out" for name in names]
    run = validate("--json", "-v", *reports, "tree", cwd=folder)
    assert run.exit == 1
    texts = {name: (folder / f"{name}.out").read_bytes().decode() for name in names}
    return folder, json.loads(run.stdout)["bundles"], texts


def all_findings(bundles):
    return [(b, f) for b in bundles for f in b["findings"]]


# ---- JUnit ----


@pytest.mark.skipif(not shutil.which("xmllint"), reason="xmllint is not installed")
def test_junit_fits_a_schema(hostile):
    folder, _, _ = hostile
    command = ["xmllint", "--noout", "--schema", PROJECT / "tests/junit.xsd"]
    done = subprocess.run([*command, folder / "junit.out"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_junit_says_what_the_json_says(hostile):
    junitparser = pytest.importorskip("junitparser")
    folder, bundles, _ = hostile
    [suite] = junitparser.JUnitXml.fromfile(str(folder / "junit.out"))
    outcomes = {"ok": [], "bad": ["Failure"], "skipped": ["Skipped"]}
    assert [[type(r).__name__ for r in case.result] for case in suite] == [
        outcomes[bundle["verdict"]] for bundle in bundles
    ]
    for case, bundle in zip(suite, bundles):
        errors = [f for f in bundle["findings"] if f["severity"] == "error"]
        rest = [f for f in bundle["findings"] if f["severity"] != "error"]
        assert case.classname == bundle.get("run", case.classname) or "hostile" in case.name
        if errors:
            assert case.result[0].type == errors[0]["rule"]
            assert case.result[0].text.count("\n") == len(errors)
        assert (case.system_out or "").count("\n") == len(rest)
    counted = suite.tests, suite.failures, suite.errors, suite.skipped
    suite.update_statistics()
    assert counted == (suite.tests, suite.failures, suite.errors, suite.skipped)


def test_junit_error_is_what_could_not_be_read(tmp_path):
    run = validate("--format=junit", tmp_path / "missing:v1")
    root = xml.etree.ElementTree.fromstring(run.stdout)
    assert run.exit == 1 and root.get("errors") == "1" and root.get("failures") == "0"
    assert "No such file" in root.find(".//error").get("message")


# ---- SARIF ----


def test_sarif_fits_its_schema(hostile):
    """By classes that were made from the schema of OASIS."""
    model = pytest.importorskip("pydantic_sarif.model")
    _, bundles, texts = hostile
    sarif = model.StaticAnalysisResultsFormatSarifVersion210JsonSchema
    log = sarif.model_validate_json(texts["sarif"])
    [run] = log.runs
    listed = validate("--list-rules").stdout.splitlines()
    assert [rule.id for rule in run.tool.driver.rules] == [
        line.split()[0] for line in listed
    ]
    found = all_findings(bundles)
    assert [(r.ruleId, r.level.value) for r in run.results] == [
        (f["rule"], f["severity"]) for _, f in found
    ]
    assert all(run.tool.driver.rules[r.ruleIndex].id == r.ruleId for r in run.results)
    assert run.invocations[0].executionSuccessful


def test_sarif_names_files(hostile):
    """Relative, and with every byte that means something in a URI escaped."""
    folder, bundles, texts = hostile
    results = json.loads(texts["sarif"])["runs"][0]["results"]
    for result, (bundle, finding) in zip(results, all_findings(bundles), strict=True):
        place = result["locations"][0]["physicalLocation"]
        uri = place["artifactLocation"]["uri"]
        assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri)
        path = urllib.parse.unquote_to_bytes(uri)
        name = bundle["bundle"].encode()
        if "bundle_hex" in bundle:
            name = bytes.fromhex(bundle["bundle_hex"])
        member = f"/{finding.get('member')}".encode()
        assert path in (name, name + member)
        assert path == name or not bundle["bundle"].endswith(".zip")
        assert place["region"]["startLine"] == 1


def test_sarif_of_an_absolute_path(tmp_path):
    run = validate("--format=sarif", tmp_path / "missing:v1")
    place = json.loads(run.stdout)["runs"][0]["results"][0]["locations"][0]
    uri = place["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == f"file://{urllib.parse.quote(str(tmp_path))}/missing%3Av1"


def test_sarif_of_nothing_is_nothing(tmp_path):
    """Even on standard output: without results it would look clean."""
    run = validate("--format=sarif", tmp_path)
    assert (run.exit, run.stdout) == (3, "")
    run = validate("--format=sarif", make_folder(tmp_path, members()))
    assert json.loads(run.stdout)["runs"][0]["results"] == []


# ---- GitHub ----

COMMAND = re.compile(r"::(\w+) (?:file=([^:,]*),line=1,)?title=([^:,]*)::(.*)")


def unescaped(text):
    for code in ("%0D", "%0A", "%3A", "%2C", "%25"):
        text = text.replace(code, urllib.parse.unquote(code))
    return text


def test_github_annotations(hostile):
    """Each line is one command; none begins inside another."""
    _, bundles, texts = hostile
    found = all_findings(bundles)
    lines = texts["github"].split("\n")
    assert lines.pop() == "" and len(lines) == len(found)
    for line, (bundle, finding) in zip(lines, found):
        level, file, title, message = COMMAND.fullmatch(line).groups()
        assert level == LEVELS[finding["severity"]]
        assert title == f"mpt-validate {finding['rule']}"
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u202e]", line)
        name = re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", "\ufffd", bundle["bundle"])
        assert unescaped(file).startswith(name)
        assert unescaped(message).startswith(f"{name}: ")


def test_github_shows_ten_of_each_and_says_how_many_more(tmp_path):
    make_many(tmp_path, 60)
    lines = validate("--format=github", tmp_path).stdout.splitlines()
    levels = [COMMAND.fullmatch(line)[1] for line in lines]
    assert [levels.count(level) for level in LEVELS.values()] == [10, 10, 1]
    assert "::10 errors, 10 warnings and 0 notes more are not shown" in lines[-1]
    lines = validate("--format=github", "-v", tmp_path).stdout.splitlines()
    levels = [COMMAND.fullmatch(line)[1] for line in lines]
    assert [levels.count(level) for level in LEVELS.values()] == [10, 10, 10]
    lines = validate("--format=github", "-q", tmp_path).stdout.splitlines()
    assert len(lines) == 11 and "::10 errors, 0 warnings and 0" in lines[-1]


def test_github_names_files_of_the_workspace(tmp_path):
    env = {"GITHUB_WORKSPACE": str(tmp_path)}
    line = validate("--format=github", tmp_path / "a/missing:v1", env=env).stdout
    assert line.startswith("::error file=a/missing%3Av1,line=1,")


def test_github_step_summary(tmp_path):
    """What other steps wrote stays; one summary, however many annotations."""
    make_many(tmp_path / "tree", 6)
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    env = {"GITHUB_STEP_SUMMARY": str(summary)}
    arguments = ["--format=github", f"--report=github={tmp_path / 'x'}", tmp_path / "tree"]
    validate(*arguments, env=env)
    text = summary.read_text()
    assert text.startswith("before\n## mpt-validate: 2 of 6 bundles are bad\n")
    assert text.count("##") == 3 and text.count("**error**") == 2
    validate("--format=human", tmp_path / "tree", env=env)
    assert summary.read_text() == text
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / "none/summary")}
    assert validate("--format=github", tmp_path / "tree", env=env).exit == 2


def test_github_step_summary_fits(tmp_path):
    """A summary over 1 MiB is thrown away as a whole by the runner."""
    make_many(tmp_path / "tree", 30)
    summary = tmp_path / "summary"
    for before in (1 << 20, (1 << 20) - 2500):
        summary.write_text("x" * before)
        env = {"GITHUB_STEP_SUMMARY": str(summary)}
        validate("--format=github", tmp_path / "tree", env=env)
        assert before <= summary.stat().st_size <= 1 << 20
    left = re.search(r"\n(\d+) bundles more are not listed here", summary.read_text())
    assert 0 < int(left[1]) < 20


# ---- Markdown ----


def test_markdown(hostile):
    """Names and texts are code and nothing else, to a reader of CommonMark."""
    markdown_it = pytest.importorskip("markdown_it")
    _, bundles, texts = hostile
    reader = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = reader.parse(texts["markdown"])
    spans = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in [*tokens, *spans]}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "em_open"}
    listed = [b for b in bundles if b["findings"]]
    codes = [span.content for span in spans if span.type == "code_inline"]
    assert len(codes) == len(listed) + len(all_findings(bundles))
    plain = [b["bundle"] for b in listed if "hostile" not in b["bundle"]]
    assert set(plain) < set(codes)
    words = [s.content for s in spans if s.content in ("error", "warning", "note")]
    assert sorted(words) == sorted(f["severity"] for _, f in all_findings(bundles))


def test_markdown_of_sound_bundles(tmp_path):
    make_folder(tmp_path, members(spec_of(later=1)))
    text = validate("--format=markdown", tmp_path).stdout
    assert text.startswith("## mpt-validate: the bundle is sound\n")
    assert "| 1 | 0 | 0 | 0 | 1 | " in text and "###" not in text
    assert "(spec-unknown)" in validate("--format=markdown", "-v", tmp_path).stdout


def test_markdown_of_many_findings(tmp_path):
    """All of them in a file, twenty of a bundle in the summary of a step."""
    tensors = {f"t{i}": torch.tensor([torch.nan]) for i in range(30)}
    folder = make_folder(tmp_path, members(weights=weights_of(tensors)))
    text = validate("--format=markdown", folder).stdout
    assert text.count("(nonfinite)") == 30
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    validate("--format=github", folder, env=env)
    text = (tmp_path / "summary").read_text()
    assert text.count("(nonfinite)") == 20 and re.search(r"\n  - 1\d more\n", text)
