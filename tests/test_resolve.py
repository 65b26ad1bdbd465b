"""Names of checkpoints, against the framework's ways to resolve them, written out in Python."""

import os
import pwd
import re
import subprocess
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote, urlparse

import pytest
from inspector import BAD, GOOD, USAGE, document_of, inspect
from remote_environment import CLEAN, NOWHERE, UNREACHED
from sources import BUILD, PROJECT
from test_inspect_list import FOLDERS, SPEC, ZIPS, latest_epoch, listing_of, put_folder, put_zip

ID = "01234567-89ab-cdef-0123-456789abcdef"


# ---- the framework's way ----


def uri_of(path):
    """As Path.as_uri() of the Pythons before 3.14."""
    return "file://" + quote_from_bytes(os.fsencode(path))


def path_of(uri):
    if not uri.startswith("file://"):
        return Path(uri).expanduser().resolve()
    parsed = urlparse(uri)
    return Path(unquote(parsed.netloc) + unquote(parsed.path)).expanduser().resolve()


def candidates_of(folder):
    """All that its listing may take for the latest: which of them, the order decides."""
    found = listing_of(folder)
    best = latest_epoch(folder)
    return {uri_of(path.resolve()) for path, (_, epoch) in found.items() if epoch == best}


def resolved_by_the_framework(uri):
    if uri.endswith(":latest"):
        return candidates_of(path_of(uri[:-7].removesuffix("/")))
    path = path_of(uri)
    return (candidates_of(path) if path.is_dir() else None) or {uri_of(path)}


S3_PATTERN = r"^https?://([^.]+)\.s3(?:\.([^.]+))?\.amazonaws\.com/(.+)$"

# ---- local paths ----


@pytest.fixture
def folder(tmp_path):
    """What the tests of the listing have, but for links, which it lists by their own names."""
    for name in FOLDERS:
        put_folder(tmp_path / "runs" / name)
    for name in ZIPS:
        put_zip(tmp_path / "runs" / name)
    put_folder(tmp_path / "runs/unfinished:v90", {"weights.safetensors": b""})
    put_folder(tmp_path / "runs/elsewhere/nothing")
    (tmp_path / "runs/broken:v52").symlink_to("nowhere")
    (tmp_path / "link").symlink_to("runs")
    return tmp_path


def spellings(name):
    return [name, f"./{name}", f"file://{name}", f"file://{quote_from_bytes(name.encode())}",
            f"link/../{name}"]  # fmt: skip


LOCAL = [
    *(text for name in ("runs", "runs/run:v1", "runs/r\u00fcn:v6", "runs/run with blanks:v3",
                        "runs/run:v2.zip", "runs/my.run:v5.zip", "runs/my.run:v5")
      for text in spellings(name)),
    "runs:latest", "runs/:latest", "file://runs:latest", "file://runs/:latest", "./runs:latest",
    "link", "link:latest", "file://link/run%3av1", "runs//run:v1/", "runs/./run:v1",
    f"runs/run:v1/{SPEC}",
]  # fmt: skip


@pytest.mark.parametrize("uri", LOCAL)
@pytest.mark.parametrize("absolute", [False, True])
def test_local(folder, monkeypatch, uri, absolute):
    monkeypatch.chdir(folder)
    if absolute:
        scheme, _, path = uri.rpartition("file://")
        uri = f"{scheme}{'file://' if '://' in uri else ''}{folder}/{path}"
    run = inspect("resolve", uri)
    assert run.exit == GOOD, run.stderr
    assert run.stdout.removesuffix("\n") in resolved_by_the_framework(uri)
    document = document_of("resolve", uri)
    assert document["uri"] == run.stdout.removesuffix("\n")
    assert document["given"] == uri and document["scheme"] == "file"
    assert uri_of(document["path"]) == document["uri"]


def test_latest_says_run_and_epoch(folder):
    document = document_of("resolve", f"{folder}/runs:latest")
    assert (document["run"], document["epoch"]) == ("run", latest_epoch(folder / "runs"))
    assert document["kind"] == "folder" and document["proportion"] == 1


def test_what_is_not_listed_is_said(folder):
    lines = inspect("resolve", f"{folder}/runs:latest").stderr.splitlines()
    assert len(lines) == 3
    for part in ("run's name has a dot", "without policy_spec.json", "does not end in :v"):
        assert sum(part in line for line in lines) == 1


def test_folder_of_a_run_with_a_dot(folder):
    run = inspect("resolve", "--json", f"{folder}/runs/my.run:v5")
    assert run.exit == GOOD and "the framework does not see" in run.stderr
    assert (run.document()["run"], run.document()["epoch"]) == ("my.run", 5)


def test_tie(tmp_path):
    put_folder(tmp_path / "a:v3")
    put_zip(tmp_path / "a:v3.zip")
    run = inspect("resolve", f"{tmp_path}:latest")
    assert run.exit == GOOD and run.stdout.removesuffix("\n") in candidates_of(tmp_path)
    assert '"a:v3" has the same epoch' in run.stderr
    put_folder(tmp_path / "a:v4")
    assert inspect("resolve", f"{tmp_path}:latest").stderr == ""


def test_entry_that_cannot_be_told(tmp_path):
    put_folder(tmp_path / "a:v1")
    put_folder(tmp_path / f"a:v{2**64}")
    run = inspect("resolve", f"{tmp_path}:latest")
    assert run.exit == BAD and run.stdout == uri_of(tmp_path / "a:v1") + "\n"
    assert "limit of 2^64-1" in run.stderr


def test_home(tmp_path):
    put_folder(tmp_path / "runs/a:v1")
    user = pwd.getpwuid(os.getuid())
    for uri in ("~/runs", "~/runs:latest", "file://~/runs/a%3Av1", "~//runs/a:v1"):
        run = inspect("resolve", uri, env={"HOME": str(tmp_path)})
        assert (run.exit, run.stdout) == (GOOD, uri_of(tmp_path / "runs/a:v1") + "\n")
    document = inspect("resolve", "--json", f"~{user.pw_name}/no such:v1").document()
    assert document["path"] == str(Path(user.pw_dir).resolve() / "no such:v1")
    run = inspect("resolve", "~no-such-user-at-all/x")
    assert run.exit == BAD and 'no user "no-such-user-at-all"' in run.stderr


def test_names_that_are_not_utf8(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff:v1"
    put_folder(Path(os.fsdecode(name)))
    document = document_of("resolve", os.fsdecode(name))
    assert document["uri"] == "file://" + quote_from_bytes(name)
    assert bytes.fromhex(document["path_hex"]) == name
    assert document_of("resolve", document["uri"])["uri"] == document["uri"]


def test_nothing_is_there(tmp_path):
    for uri in (f"{tmp_path}/a:v1", f"file://{tmp_path}/a:v1"):
        run = inspect("resolve", "--json", uri)
        assert run.exit == BAD and "nothing is there" in run.stderr
        document = run.document()
        assert (document["uri"], document["kind"]) == (uri_of(tmp_path / "a:v1"), "nothing")
        assert (document["run"], document["epoch"]) == ("a", 1)
    run = inspect("resolve", f"{tmp_path}/no/such:v1")
    assert (run.exit, run.stdout) == (BAD, "") and "No such file" in run.stderr
    run = inspect("resolve", f"{tmp_path}/no:latest")
    assert (run.exit, run.stdout) == (BAD, "") and f"{tmp_path}/no:latest: " in run.stderr


def test_folder_without_a_bundle(tmp_path):
    run = inspect("resolve", f"{tmp_path}")
    assert run.exit == BAD and "sees none in it" in run.stderr
    run = inspect("resolve", f"{tmp_path}:latest")
    assert (run.exit, run.stdout) == (BAD, "") and "sees no bundle" in run.stderr


def test_legacy_checkpoint(tmp_path):
    (tmp_path / "a:v1.mpt").write_bytes(b"x")
    for uri in (f"{tmp_path}/a:v1.mpt", "s3://bucket/a:v1.mpt"):
        run = inspect("resolve", uri, env=UNREACHED)
        assert (run.exit, run.stdout) == (BAD, "") and f'"mpt-convert {uri} -o FOLDER"' in run.stderr
        assert run.stderr.startswith(f"mpt-inspect: {uri}: ")


# ---- other epochs ----


def unseen_document_of(*arguments):
    """Where S3 cannot be asked names are resolved all the same, and nothing is claimed."""
    run = inspect("resolve", "--json", *arguments, env=UNREACHED)
    document = run.document()
    assert run.exit == BAD and run.stderr.startswith(f"mpt-inspect: {document['uri']}: whether it is")
    assert NOWHERE in run.stderr and document["kind"] == "unknown"
    return document


@pytest.mark.parametrize(
    "uri, expected",
    [
        ("run:v1", "run:v10"), ("run:v2.zip", "run:v10.zip"), ("my.run:v5", "my.run:v10"),
        ("gone:v007", "gone:v10"), ("a:v1:v2", "a:v1:v10"),
    ],
)  # fmt: skip
def test_other_epoch(folder, uri, expected):
    path = folder / "runs" / expected
    run = inspect("resolve", "--epoch", "10", f"{folder}/runs/{uri}")
    assert run.stdout == uri_of(path) + "\n"
    assert run.exit == (GOOD if path.exists() else BAD)


def test_other_epoch_on_s3():
    document = unseen_document_of("--epoch=12", "s3://bucket/a/my.run:v5.zip")
    assert document["uri"] == "s3://bucket/a/my.run:v12.zip"
    assert (document["run"], document["epoch"]) == ("my.run", 12)


@pytest.mark.parametrize("epoch", ["", "x", "-1", "1 ", str(2**64)])
def test_no_epoch(epoch):
    run = inspect("resolve", f"--epoch={epoch}", "s3://bucket/a:v1.zip")
    assert run.exit == BAD and "--epoch takes a number" in run.stderr


@pytest.mark.parametrize("name", ["mock://a.B", "s3://bucket/run.zip", "class=a"])
def test_no_other_epochs(name):
    run = inspect("resolve", "--epoch=1", name, env=UNREACHED)
    assert run.exit == BAD and "epoch" in run.stderr


# ---- objects and classes ----


@pytest.mark.parametrize(
    "host", ["bucket.s3.amazonaws.com", "b-1.s3.eu-west-1.amazonaws.com", "buc.s3.x.amazonaws.com"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_https(scheme, host):
    uri = f"{scheme}://{host}/runs/a:v1.zip"
    bucket, _, key = re.match(S3_PATTERN, uri).groups()
    document = unseen_document_of(uri)
    assert document["uri"] == f"s3://{bucket}/{key}"
    assert (document["bucket"], document["key"]) == (bucket, key)
    assert (document["run"], document["epoch"]) == ("a", 1)


def test_keys_as_they_are():
    key = "a b/%41+c//\u00e4:v7.zip"
    document = unseen_document_of(f"s3://bucket/{key}")
    assert document["key"] == key and document["epoch"] == 7
    encoded = unseen_document_of(f"https://bucket.s3.amazonaws.com/{quote_from_bytes(key.encode())}")
    assert encoded["uri"] == document["uri"]


@pytest.mark.parametrize("uri", [f"metta://policy/{ID}", "metta://policy/nav"])
def test_what_the_stats_server_knows(tmp_path, uri):
    run = inspect("resolve", uri, cwd=tmp_path, env=CLEAN)
    assert (run.exit, run.stdout) == (BAD, "")
    assert run.stderr.startswith(f"mpt-inspect: {uri}: ") and "--stats-server" in run.stderr


@pytest.mark.parametrize("uri", ["s3://bucket/runs:latest", "s3://bucket/:latest", "s3://bucket/runs"])
def test_latest_that_cannot_be_told(uri):
    run = inspect("resolve", uri, env=UNREACHED)
    assert (run.exit, run.stdout) == (BAD, "")
    assert run.stderr.startswith(f"mpt-inspect: {uri}: ") and NOWHERE in run.stderr


@pytest.mark.parametrize(
    "uri, reason",
    [("s3://bucket/run:v5", "ends in .zip"), ("s3://bucket", "a whole bucket"), ("s3://bucket/", "a whole bucket")],
)  # fmt: skip
def test_no_archive_on_s3(uri, reason):
    run = inspect("resolve", uri, env=UNREACHED)
    assert run.exit == BAD and reason in run.stderr and NOWHERE not in run.stderr


def test_class():
    document = document_of("resolve", "mock://a.b.C")
    assert document["uri"] == "mock://a.b.C" and document["class_path"] == "a.b.C"
    assert document["run"] is None and document["epoch"] is None


@pytest.mark.parametrize("name", ["baseline", "ladybug", "thinky", "racecar", "race_car", "starter"])
def test_built_in_policies(name):
    for uri in (f"metta://policy/{name}", f"metta://policy/{name}:latest"):
        document = document_of("resolve", uri)
        assert document["uri"] == f"mock://{document['class_path']}"
        assert document["class_path"].startswith("cogames.policy.")


# ---- runs ----


@pytest.fixture
def runs(tmp_path):
    for name in ("nav:v1", "nav:v30"):
        put_folder(tmp_path / "data/nav/checkpoints" / name)
    put_zip(tmp_path / "data/nav/checkpoints/nav:v40.zip")
    put_folder(tmp_path / "data/a.b/checkpoints/a.b:v3")
    put_zip(tmp_path / "data/a.1/checkpoints/a.1:v3.zip")
    put_folder(tmp_path / "train_dir/nav/checkpoints/nav:v2")
    return tmp_path


@pytest.mark.parametrize(
    "name, path",
    [
        ("nav", "nav/checkpoints/nav:v40.zip"), ("nav:latest", "nav/checkpoints/nav:v40.zip"),
        ("nav:v1", "nav/checkpoints/nav:v1"), ("nav:v030", "nav/checkpoints/nav:v30"),
        ("nav:v40", "nav/checkpoints/nav:v40.zip"), ("a.1", "a.1/checkpoints/a.1:v3.zip"),
        ("a.b:v3", "a.b/checkpoints/a.b:v3"),
    ],
)  # fmt: skip
def test_run(runs, name, path):
    uri = f"metta://policy/{name}"
    document = document_of("resolve", uri, "--data-dir", str(runs / "data"))
    assert document["path"] == str(runs / "data" / path)
    assert document == document_of("resolve", uri, env={"DATA_DIR": f"{runs}/data"})


def test_default_data_dir(runs):
    document = document_of("resolve", "metta://policy/nav", cwd=runs, env={"DATA_DIR": ""})
    assert document["path"] == str(runs / "train_dir/nav/checkpoints/nav:v2")


def test_name_with_a_dot_is_a_class(runs):
    run = inspect("resolve", "metta://policy/a.b", "--data-dir", str(runs / "data"))
    assert (run.exit, run.stdout) == (GOOD, "mock://a.b\n")
    assert ":latest at its end names the run" in run.stderr


def test_epoch_that_is_not_there(runs):
    run = inspect("resolve", "metta://policy/nav:v9", "--data-dir", str(runs / "data"), env=CLEAN)
    assert run.exit == BAD and "the stats server may know it" in run.stderr


@pytest.mark.parametrize("name", ["..", "../data/nav", ".", "nav/checkpoints"])
def test_no_way_out_of_the_data_folder(runs, name):
    run = inspect("resolve", f"metta://policy/{name}", "--data-dir", str(runs / "data"))
    assert run.exit == BAD and "it is a path" in run.stderr


# ---- policies of the command line ----


def test_policy_with_a_class(tmp_path):
    (tmp_path / "w").write_bytes(b"x")
    text = "class=lstm, data=w ,proportion=.25,kw.hidden-size=64,kw.a="
    run = inspect("resolve", text, cwd=tmp_path)
    shown = f"class=lstm,data={tmp_path}/w,kw.hidden_size=64,kw.a=,proportion=0.25\n"
    assert (run.exit, run.stdout) == (GOOD, shown)
    assert document_of("resolve", text, cwd=tmp_path) == {
        "given": text, "uri": None, "class": "lstm", "class_path": None,
        "data": f"{tmp_path}/w", "keywords": {"hidden_size": "64", "a": ""}, "proportion": 0.25,
    }  # fmt: skip
    assert document_of("resolve", "class=a.B")["class_path"] == "a.B"
    assert "Baseline" in document_of("resolve", "class=baseline")["class_path"]


@pytest.mark.parametrize("name, reason", [("none", "No such file"), ("", "regular file")])
def test_data_must_be_a_file(tmp_path, name, reason):
    run = inspect("resolve", f"class=lstm,data={tmp_path}/{name}")
    assert run.exit == BAD and reason in run.stderr


def test_policy_with_a_uri(runs):
    text = f"{runs}/data/nav/checkpoints/nav:v1 , proportion=0.1"
    run = inspect("resolve", text)
    assert run.stdout == uri_of(runs / "data/nav/checkpoints/nav:v1") + ",proportion=0.1\n"
    assert document_of("resolve", text)["proportion"] == 0.1


@pytest.mark.parametrize("text", ["class=", "data=x", "class=a,b", "runs/a,b:v1", "a:v1,proportion=0"])
def test_bad_policy(text):
    run = inspect("resolve", text)
    assert (run.exit, run.stdout) == (BAD, "")
    assert run.stderr.startswith(f"mpt-inspect: {text}: ")


def test_control_characters_are_escaped():
    for text in ("file:///a\x1b[2J", "x\x1b[2J:v1", "class=\x1b", "gs\x1b://x"):
        run = inspect("resolve", text)
        assert run.exit == BAD and "\x1b" not in run.stdout + run.stderr


@pytest.mark.parametrize("arguments", [["resolve"], ["resolve", "a", "b"], ["resolve", ""]])
def test_wrong_usage(arguments):
    assert inspect(*arguments).exit == USAGE


# ---- operands of the programs ----


def run_program(name, *arguments, cwd, **environment):
    done = subprocess.run(
        [BUILD / name, *arguments], cwd=cwd, env=os.environ | UNREACHED | environment, text=True,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def bundles(tmp_path):
    """Two epochs of a run, converted from one behind file://."""
    source = next(PROJECT.glob("fixtures/legacy/navigation_old_torch/checkpoints/*:v300.mpt"))
    for epoch in (5, 6):
        copied = tmp_path / f"legacy/nav:v{epoch}.mpt"
        copied.parent.mkdir(exist_ok=True)
        copied.write_bytes(source.read_bytes())
    uri = f"file://{quote_from_bytes(os.fsencode(tmp_path))}/legacy"
    status, _, errors = run_program(
        "mpt-convert", uri, "-o", "train_dir/nav/checkpoints", cwd=tmp_path
    )
    assert status == GOOD, errors
    return tmp_path


NAMES = {
    "file://train_dir/nav/checkpoints/nav%3Av6": 1, "train_dir/nav/checkpoints:latest": 1,
    "metta://policy/nav": 1, "metta://policy/nav:v6": 1, "~/nav/checkpoints/nav:v6": 1,
    "file://train_dir/nav": 2, "~": 2,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_operands(bundles, name):
    home = {"HOME": str(bundles / "train_dir"), "DATA_DIR": ""}
    status, text, errors = run_program("mpt-validate", "-v", name, cwd=bundles, **home)
    assert status == GOOD, text + errors
    assert ("\n" + text).count("\nok ") == NAMES[name] and "nav:v6: " in text
    status, text, _ = run_program("mpt-inspect", "list", name, cwd=bundles, **home)
    assert status == GOOD and len(text.splitlines()) == NAMES[name]
    if NAMES[name] == 1:
        status, text, _ = run_program("mpt-inspect", "show", name, cwd=bundles, **home)
        assert status == GOOD and "run nav, epoch 6" in text
        status, _, _ = run_program("mpt-inspect", "diff", name, "metta://policy/nav:v5", cwd=bundles, **home)
        assert status == GOOD


BAD_NAMES = {
    "file://no/such": "No such file", "file://a%": "two hex digits", "x:latest": "x: cannot",
    "s3://bucket/a:v1.zip": NOWHERE, "gs://a/b": "unknown scheme",
    f"metta://policy/{ID}": "stats server", "mock://a.b": "without a checkpoint",
    "metta://policy/thinky": "without a checkpoint", "train_dir:latest": "sees no bundle",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_operands(bundles, name):
    """The name is said as it was given, and costs only itself."""
    status, text, _ = run_program("mpt-validate", "-v", name, "train_dir", cwd=bundles)
    lines = text.splitlines()
    assert status == BAD and sum(line.startswith("ok ") for line in lines) == 2
    [index] = [index for index, line in enumerate(lines) if line.startswith("bad ")]
    assert lines[index] == f"bad {name}" and BAD_NAMES[name] in lines[index + 1]
    status, text, errors = run_program("mpt-inspect", "show", name, cwd=bundles)
    assert (status, text) == (BAD, "") and errors.startswith(f"mpt-inspect: {name}: ")
    assert BAD_NAMES[name] in errors
    arguments = [name, "legacy/nav:v5.mpt", "-o", "out"]
    status, text, errors = run_program("mpt-convert", *arguments, cwd=bundles)
    assert status == BAD and f"failed {name}\n" in text and "converted legacy" in text
    assert f"mpt-convert: {name}: " in errors


def test_a_tie_is_no_answer_for_a_gate(bundles):
    put_zip(bundles / "train_dir/nav/checkpoints/nav:v6.zip")
    for program, *verb in (["mpt-validate"], ["mpt-inspect", "show"]):
        status, text, errors = run_program(
            program, *verb, "train_dir/nav/checkpoints:latest", cwd=bundles
        )
        assert status == BAD and "not certain which is the latest" in text + errors
