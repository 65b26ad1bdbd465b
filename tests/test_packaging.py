"""What stands between the programs and their users: the gates of doc/ci.md, and the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sources import BUILD, PROJECT

PAGE = (PROJECT / "doc/ci.md").read_text("utf-8")
TOOLS = Path(sys.executable).parent
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{BUILD}:{TOOLS}:{os.environ['PATH']}",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}
GOOD_SPEC = {"class_path": "a.b.Policy", "data_path": "weights.safetensors"}
BAD_SPEC = {"data_path": "weights.safetensors"}
WEIGHTS = (16).to_bytes(8, "little") + b"{}" + b" " * 14


def run(*command, cwd=None, **environment):
    return subprocess.run(
        command, cwd=cwd, env={**ENVIRONMENT, **environment}, capture_output=True, text=True
    )


def needs(program):
    return pytest.mark.skipif(
        not shutil.which(program, path=ENVIRONMENT["PATH"]), reason=f"{program} is not installed"
    )


def put_bundle(folder, spec=GOOD_SPEC, weights=WEIGHTS):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy_spec.json").write_text(json.dumps(spec))
    (folder / "weights.safetensors").write_bytes(weights)


def git(cwd, *arguments):
    done = run("git", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(repository, message="more"):
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", message)


@pytest.fixture
def repository(tmp_path):
    """One with a bundle, whose state origin/main remembers."""
    folder = tmp_path / "repository"
    put_bundle(folder / "bundles/run:v1")
    git(tmp_path, "init", "-q", folder)
    commit(folder)
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    return folder


# ---- the page ----


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


# What a branch does, and how the gate over what it changed ends.
BRANCHES = {
    "nothing": ({}, 0),
    "something else": ({"README": b"x"}, 0),
    "a good bundle": ({"bundles/new:v1/": GOOD_SPEC}, 0),
    "a bad spec": ({"bundles/new:v1/": BAD_SPEC}, 1),
    "bad weights only": ({"bundles/run:v1/weights.safetensors": b"version lfs"}, 1),
    "a bad archive": ({"bundles/new:v1.zip": b"PK"}, 1),
}


def change(repository, files):
    for name, content in files.items():
        if name.endswith("/"):
            put_bundle(repository / name, content)
        else:
            (repository / name).write_bytes(content)
    if files:
        commit(repository)


@pytest.mark.parametrize("branch", BRANCHES)
def test_shell_gate_over_changes(repository, branch):
    files, status = BRANCHES[branch]
    change(repository, files)
    gate = next(block for block in blocks("sh") if "git diff" in block)
    done = run("bash", "-o", "pipefail", "-c", gate, cwd=repository)
    assert done.returncode == status, done.stderr


@pytest.mark.parametrize("spec, status", [(GOOD_SPEC, 0), (BAD_SPEC, 1)])
def test_shell_gate_over_a_tree(repository, spec, status):
    put_bundle(repository / "bundles/new:v1", spec)
    assert run("sh", "-c", blocks("sh")[0], cwd=repository).returncode == status


def test_shell_gate_before_an_upload(tmp_path):
    put_bundle(tmp_path / "good:v9")
    put_bundle(tmp_path / "new:v1")
    shutil.make_archive(tmp_path / "new:v1", "zip", tmp_path / "new:v1")
    done = run("sh", "-ec", blocks("sh")[2], cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("spec, good", [(GOOD_SPEC, True), (BAD_SPEC, False)])
def test_make_gate(repository, spec, good):
    (makefile,) = blocks("make")
    (repository / "Makefile").write_text(makefile)
    put_bundle(repository / "bundles/new:v1", spec)
    done = run("make", "-s", "check", cwd=repository, MAKEFLAGS="")
    assert (done.returncode == 0) is good, done.stderr


# ---- schemas ----

DOCUMENTS = {
    "action": ("vendor.github-actions", (PROJECT / "action.yml").read_text("utf-8")),
    "workflow of the page": ("vendor.github-workflows", blocks("yaml")[1]),
}


@needs("check-jsonschema")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_schema(tmp_path, name):
    schema, text = DOCUMENTS[name]
    (tmp_path / "document.yml").write_text(text)
    done = run("check-jsonschema", "--builtin-schema", schema, tmp_path / "document.yml")
    assert done.returncode == 0, done.stdout


@needs("pre-commit")
@pytest.mark.parametrize("command", ["validate-manifest", "validate-config"])
def test_pre_commit_schema(tmp_path, command):
    (tmp_path / "config.yaml").write_text(blocks("yaml")[0])
    file = {"validate-manifest": PROJECT / ".pre-commit-hooks.yaml"}
    done = run("pre-commit", command, file.get(command, tmp_path / "config.yaml"))
    assert done.returncode == 0, done.stdout


# ---- pre-commit ----


@pytest.fixture(scope="module")
def hooks(tmp_path_factory):
    """A repository with the state of this tree that git knows or would add."""
    folder = tmp_path_factory.mktemp("hooks") / "mpt-bundle"
    listed = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=PROJECT)
    if listed.returncode:
        pytest.skip("this tree is no git repository")
    for name in listed.stdout.split("\0"):
        if name and not name.startswith(("fixtures/", "tests/", "bench/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    git(folder.parent, "init", "-q", folder)
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def pre_commit_home(tmp_path_factory):
    return str(tmp_path_factory.mktemp("pre-commit"))


@needs("pre-commit")
@pytest.mark.parametrize("branch", BRANCHES)
def test_hook(hooks, pre_commit_home, repository, branch):
    files, status = BRANCHES[branch]
    change(repository, files)
    changed = ["--from-ref", "origin/main", "--to-ref", "HEAD"]
    command = ["pre-commit", "try-repo", hooks, "mpt-validate", "--color=never", *changed]
    done = run(*command, cwd=repository, PRE_COMMIT_HOME=pre_commit_home)
    assert done.returncode == status, done.stdout + done.stderr
    assert ("Failed" in done.stdout) == (status == 1)
    assert ("[" in done.stdout.partition("Failed")[2]) == (status == 1), "the rule is named"


@needs("pre-commit")
def test_hook_that_builds(hooks, pre_commit_home, repository):
    """The program comes from the hook's own copy."""
    put_bundle(repository / "bundles/new:v1", BAD_SPEC)
    commit(repository)
    # What make hands on to those it runs is not meant for this build.
    environment = dict.fromkeys(["MAKEFLAGS", "LDFLAGS", "WERROR", "SAN"], "")
    environment |= {"CFLAGS": "-O0", "PRE_COMMIT_HOME": pre_commit_home}
    command = ["pre-commit", "try-repo", hooks, "mpt-validate-built", "--all-files", "--color=never"]
    done = run(*command, cwd=repository, **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "new:v1" in done.stdout and "run:v1:" not in done.stdout


# ---- the Action ----


@pytest.fixture
def stub(tmp_path):
    """A mpt-validate that writes down its arguments and ends as it is told."""
    folder = tmp_path / "stub"
    folder.mkdir()
    program = folder / "mpt-validate"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{folder}/arguments\nexit "$STATUS"\n')
    program.chmod(0o755)
    return folder


def step(tmp_path, program, inputs, **environment):
    """The step as the runner starts it: bash -e, inputs in variables."""
    output = tmp_path / "output"
    output.write_text("")
    variables = {f"MPT_{name}": value for name, value in inputs.items()}
    variables["PATH"] = f"{program}:{ENVIRONMENT['PATH']}"
    text = re.search(r"id: validate\n.*?run: '(.*?)'\n", DOCUMENTS["action"][1], re.S).group(1)
    done = run(
        *("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text),
        cwd=tmp_path,
        GITHUB_ACTION_PATH=str(PROJECT),
        GITHUB_OUTPUT=str(output),
        **variables,
        **environment,
    )
    return done, output.read_text()


@pytest.mark.parametrize("allow, statuses", [("false", (0, 1, 2, 3)), ("true", (0, 1, 2, 0))])
def test_action_ends_as_the_program(tmp_path, stub, allow, statuses):
    for status, expected in enumerate(statuses):
        done, output = step(tmp_path, stub, {"ALLOW_EMPTY": allow}, STATUS=str(status))
        assert (done.returncode, output) == (expected, f"status={status}\n")


ARGUMENTS = {
    "defaults": ({}, ["--", "."]),
    "lines": ({"PATHS": "a b\nrun:v1\r\n\n"}, ["--", "a b", "run:v1"]),
    "options": ({"OPTIONS": "--consistent\n--disable=mode\n"}, ["--consistent", "--disable=mode", "--", "."]),
    "what a shell would run": ({"PATHS": "$(id)\n`id`;id"}, ["--", "$(id)", "`id`;id"]),
    "a path that looks like an option": ({"PATHS": "--help"}, ["--", "--help"]),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_action_arguments(tmp_path, stub, name):
    inputs, expected = ARGUMENTS[name]
    done, _ = step(tmp_path, stub, inputs, STATUS="0")
    assert done.returncode == 0, done.stderr
    assert (stub / "arguments").read_text().splitlines() == ["--format", "github", *expected]


def test_action_takes_no_input_into_a_shell():
    """Inputs are words of the caller: in a script they would be code."""
    scripts = re.findall(r"^ +run: (.*)$", DOCUMENTS["action"][1], re.M)
    assert len(scripts) == 2 and not [text for text in scripts if "${{" in text]


@pytest.mark.parametrize("spec, status", [(GOOD_SPEC, 0), (BAD_SPEC, 1)])
def test_action_annotates(tmp_path, spec, status):
    if "--format" not in run(BUILD / "mpt-validate", "--help").stdout:
        pytest.skip("this mpt-validate has no --format")
    put_bundle(tmp_path / "bundles/run:v1", spec)
    done, _ = step(tmp_path, BUILD, {"PATHS": "bundles"}, GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert done.returncode == status, done.stderr
    assert ("::error file=bundles/run%3Av1" in done.stdout) == (status == 1)


# ---- scripts, versions ----


@needs("shellcheck")
@pytest.mark.parametrize("script", sorted((PROJECT / "gate").glob("*.sh")), ids=lambda p: p.name)
def test_shellcheck(script):
    done = run("shellcheck", script)
    assert done.returncode == 0, done.stdout


def test_one_version():
    """The Makefile's is that of the changes, of the package, and of the page."""
    version = re.search(r"^VERSION := (\S+)$", (PROJECT / "Makefile").read_text(), re.M).group(1)
    changes = re.search(r"^## (\S+)$", (PROJECT / "CHANGES.md").read_text(), re.M).group(1)
    debian = re.match(r"mpt-bundle \((.*?)\)", (PROJECT / "debian/changelog").read_text()).group(1)
    assert {changes, debian, *re.findall(r"\bv(\d+\.\d+\.\d+)\b", PAGE)} == {version}
