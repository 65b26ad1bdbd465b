"""Names on S3 in mpt-validate and mpt-inspect, against moto, which checks signatures."""

import io
import json
import struct
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from fault_proxy import proxy_to, serving
from inspector import BAD, GOOD, NOTHING, USAGE, Run
from s3_servers import clean_environment, moto  # noqa: F401
from sources import BUILD, PROJECT
from test_inspect_list import put_zip
from test_stats_server import ID, server, version  # noqa: F401

LEGACY = next(PROJECT.glob("fixtures/legacy/navigation_old_torch/checkpoints/*:v300.mpt"))

def put(store, bucket, objects):
    with ThreadPoolExecutor(4) as threads:
        rows = objects.items()
        list(threads.map(lambda row: store.s3.put_object(Bucket=bucket, Key=row[0], Body=row[1]), rows))


@pytest.fixture
def store(moto):  # noqa: F811
    return moto


@pytest.fixture
def bucket(store):
    return store.bucket()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The bytes of a bundle."""
    folder = tmp_path_factory.mktemp("bundle")
    command = [BUILD / "mpt-convert", "-q", "--format=zip", LEGACY, "-o", folder]
    assert subprocess.run(command, timeout=120).returncode == 0
    [path] = folder.rglob("*.zip")
    return path.read_bytes()


@pytest.fixture
def run(store, tmp_path):
    """Run a program; nothing may be left where temporary files are made."""

    def run(program, *arguments, **environment):
        done = subprocess.run(
            [BUILD / program, *arguments], cwd=tmp_path,
            env=clean_environment(TMPDIR=str(scratch), **access) | environment,
            stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=120,
        )  # fmt: skip
        assert list(scratch.iterdir()) == []
        return Run(done.returncode, done.stdout, done.stderr)

    access = {
        "AWS_ENDPOINT_URL": store.url, "AWS_ACCESS_KEY_ID": store.access,
        "AWS_SECRET_ACCESS_KEY": store.secret, "AWS_MAX_ATTEMPTS": "1",
    }  # fmt: skip
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return run


# ---- what a name means ----


def test_latest(store, bucket, run):
    """The highest epoch among the archives right below the prefix."""
    names = ["a:v1.zip", "my.run:v9.zip", "a:v10.zip", "a:v11.mpt", "a:v12", "a.zip", "sub/a:v50.zip",
             "a:v13.zip/inside", "a:v14/policy_spec.json", ".zip", "b:v10.tar.zip"]  # fmt: skip
    put(store, bucket, {f"runs/{name}": b"x" for name in names} | {"top:v2.zip": b"x", "runs:v3.zip": b"x"})
    for name in ("runs:latest", "runs/:latest", "runs/", "runs"):
        document = run("mpt-inspect", "resolve", "--json", f"s3://{bucket}/{name}").document()
        assert document["uri"] == f"s3://{bucket}/runs/a:v10.zip"
        assert (document["run"], document["epoch"], document["kind"]) == ("a", 10, "file")
        assert (document["bucket"], document["key"]) == (bucket, "runs/a:v10.zip")
    for name in (f"s3://{bucket}/:latest", f"https://{bucket}.s3.amazonaws.com/:latest"):
        assert run("mpt-inspect", "resolve", name).stdout == f"s3://{bucket}/runs:v3.zip\n"
    done = run("mpt-inspect", "resolve", "--epoch=1", f"s3://{bucket}/runs:latest")
    assert (done.exit, done.stdout) == (GOOD, f"s3://{bucket}/runs/a:v1.zip\n")
    done = run("mpt-inspect", "resolve", "--epoch=2", f"s3://{bucket}/runs:latest")
    assert done.exit == BAD and "a:v2.zip: nothing is there" in done.stderr


def test_tie(store, bucket, run):
    put(store, bucket, {"r/a:v3.zip": b"x", "r/b:v3.zip": b"x"})
    done = run("mpt-inspect", "resolve", f"s3://{bucket}/r:latest")
    assert done.exit == GOOD and '"a:v3.zip" has the same epoch' in done.stderr
    for program, *verb in (["mpt-validate"], ["mpt-inspect", "show"]):
        done = run(program, *verb, f"s3://{bucket}/r:latest")
        assert done.exit == BAD and "not certain which is the latest" in done.stdout + done.stderr


def test_epoch_that_is_too_large(store, bucket, run):
    put(store, bucket, {"r/a:v1.zip": b"x", f"r/a:v{2**64}.zip": b"x"})
    done = run("mpt-inspect", "resolve", f"s3://{bucket}/r")
    assert (done.exit, done.stdout) == (BAD, f"s3://{bucket}/r/a:v1.zip\n")
    assert "limit of 2^64-1" in done.stderr


@pytest.mark.parametrize("name", ["r:latest", "r/", "r", "none:latest"])
def test_no_latest(store, bucket, run, name):
    put(store, bucket, {"r/sub/a:v3.zip": b"x", "r/a.zip": b"x"})
    done = run("mpt-inspect", "resolve", f"s3://{bucket}/{name}")
    assert (done.exit, done.stdout) == (BAD, "") and "sees no bundle in" in done.stderr
    assert done.stderr.startswith(f"mpt-inspect: s3://{bucket}/{name}: ")


def test_nothing_is_there(bucket, run):
    done = run("mpt-inspect", "resolve", "--json", f"s3://{bucket}/a:v1.zip")
    assert done.exit == BAD and "a:v1.zip: nothing is there" in done.stderr
    assert done.document()["kind"] == "nothing"


# ---- looking at bundles ----

ODD = "a b/%41+c//\u00e4='(1)!*~@,;$&/#?/nav:v5.zip"


@pytest.fixture
def tree(store, bucket, bundle):
    put(store, bucket, {
        "nav:v4.zip": bundle, f"runs/{ODD}": bundle, "runs/x/nav:v6.zip": bundle,
        "runs/x/nav:v7.mpt": LEGACY.read_bytes(), "runs/x/trainer_state.pt": b"x",
        "runs/x/other.zip": b"PK\x05\x06" + bytes(18), "runs/x/": b"", "runs.zip": b"x",
    })  # fmt: skip
    return bucket


@pytest.mark.parametrize("jobs", [1, 4])
def test_tree(tree, run, jobs):
    done = run("mpt-validate", "--json", f"-j{jobs}", f"s3://{tree}/runs")
    rows = {row["bundle"]: row for row in json.loads(done.stdout)["bundles"]}
    verdicts = {name.removeprefix(f"s3://{tree}/runs/"): row["verdict"] for name, row in rows.items()}
    assert verdicts == {
        ODD: "ok", "x/nav:v6.zip": "ok", "x/nav:v7.mpt": "skipped", "x/other.zip": "bad",
    }  # fmt: skip
    assert done.exit == BAD
    command = f'"mpt-convert s3://{tree}/runs/x/nav:v7.mpt -o FOLDER"'
    assert command in run("mpt-validate", "-v", f"s3://{tree}/runs/").stdout


@pytest.mark.parametrize("key", ["nav:v4.zip", f"runs/{ODD}", "runs/x:latest"])
def test_each_program(tree, run, key):
    uri = f"s3://{tree}/{key}"
    done = run("mpt-validate", "-v", uri)
    assert done.exit == GOOD and "\nok " in "\n" + done.stdout, done.stdout
    done = run("mpt-inspect", "show", uri)
    assert done.exit == GOOD and "run nav, epoch" in done.stdout
    assert "mpt-key-manifest" in run("mpt-inspect", "keys", uri).stdout
    assert run("mpt-inspect", "diff", uri, f"s3://{tree}/nav:v4.zip").exit == GOOD
    assert run("mpt-inspect", "show", "--stats", uri).exit == GOOD
    assert run("mpt-inspect", "list", uri).exit == GOOD


def test_https_and_policies(tree, run, server):  # noqa: F811
    server.answer(version(3, f"s3://{tree}/nav:v4.zip"))
    for name in (f"https://{tree}.s3.eu-west-1.amazonaws.com/nav%3Av4.zip", f"metta://policy/{ID}"):
        done = run("mpt-validate", "-v", "--stats-server", server.url, name)
        assert done.exit == GOOD and f"ok s3://{tree}/nav:v4.zip" in done.stdout
        done = run("mpt-inspect", "show", "--stats-server", server.url, name)
        assert done.exit == GOOD and "run nav, epoch 4" in done.stdout


def test_legacy_checkpoint(tree, run):
    uri = f"s3://{tree}/runs/x/nav:v7.mpt"
    done = run("mpt-validate", uri)
    assert done.exit == BAD and f'"mpt-convert {uri} -o FOLDER"' in done.stdout
    done = run("mpt-inspect", "show", uri)
    assert done.exit == GOOD and "epoch 7" in done.stdout, done.stderr
    assert run("mpt-inspect", "diff", uri, f"s3://{tree}/nav:v4.zip").stderr.count("not compared") <= 1


def test_list(tree, run):
    document = run("mpt-inspect", "list", "--json", f"s3://{tree}").document()
    rows = [(row["path"].removeprefix(f"s3://{tree}/"), row["run"], row["epoch"]) for row in document["checkpoints"]]
    assert rows == [("nav:v4.zip", "nav", 4), (f"runs/{ODD}", "nav", 5), ("runs/x/nav:v6.zip", "nav", 6)]
    assert all(row["bytes"] > 1000 and row["kind"] == "zip" for row in document["checkpoints"])
    assert all(row["modified"].startswith("20") for row in document["checkpoints"])
    done = run("mpt-inspect", "list", "--latest", f"s3://{tree}/runs/x/")
    assert done.exit == GOOD and done.stdout.endswith(f"s3://{tree}/runs/x/nav:v6.zip\n")


def test_two_pages(store, bucket, bundle, run):
    """1,203 keys; the framework would only see the first thousand."""
    keys = {f"r/a{n:04}.txt": b"" for n in range(1201)}
    put(store, bucket, keys | {"r/nav:v5.zip": bundle, "r/nav:v6.zip": bundle})
    done = run("mpt-inspect", "resolve", f"s3://{bucket}/r:latest")
    assert (done.exit, done.stdout) == (GOOD, f"s3://{bucket}/r/nav:v6.zip\n")
    assert "1202 keys are listed before it, and the framework reads the first 1000" in done.stderr
    assert len(run("mpt-inspect", "list", f"s3://{bucket}").stdout.splitlines()) == 2
    assert run("mpt-validate", "-v", f"s3://{bucket}/r").stdout.count("ok s3://") == 2


# ---- what is no bundle ----


def test_folders_on_s3(store, bucket, run):
    put(store, bucket, {"r/a:v1/policy_spec.json": b"{}", "r/a:v1/weights.safetensors": b"x"})
    for name in ("r", "r/a:v1", "r/a:v1/policy_spec.json"):
        done = run("mpt-validate", f"s3://{bucket}/{name}")
        assert done.exit == BAD and f"bad s3://{bucket}/r/a:v1\n" in done.stdout
        assert "a bundle on S3 must be a zip" in done.stdout
    done = run("mpt-inspect", "list", f"s3://{bucket}/r")
    assert done.exit == NOTHING and "a:v1: not listed: a folder on S3" in done.stderr
    assert run("mpt-inspect", "show", f"s3://{bucket}/r/a:v1").exit == BAD


@pytest.mark.parametrize("name", ["", "none", "none/"])
def test_nothing_to_check(bucket, run, name):
    """A bucket can be empty; a prefix without keys is one that was spelt wrong."""
    uri = f"s3://{bucket}/{name}"
    done = run("mpt-validate", uri)
    assert done.exit == (BAD if name else NOTHING)
    assert ("there is no such object, and none below it" in done.stdout) == bool(name)
    assert run("mpt-inspect", "list", uri).exit == (BAD if name else NOTHING)


OBJECTS = {
    "none:v1.zip": (None, "no such object"),
    "none:v1.mpt": (None, "no such object"),
    "empty:v1.zip": (b"", "an empty file"),
    "text:v1.zip": (b"{}", "it is a text"),
    "no_zip:v1.zip": (b"x" * 100, "something else"),
    "cut:v1.zip": (..., "no end record"),
}


@pytest.mark.parametrize("key", OBJECTS)
def test_bad_object(store, bucket, bundle, run, key):
    """It costs only itself, and is named as it was given."""
    body, reason = OBJECTS[key]
    put(store, bucket, {"good:v1.zip": bundle})
    if body is not None:
        put(store, bucket, {key: bundle[: len(bundle) // 2] if body is ... else body})
    uri = f"s3://{bucket}/{key}"
    done = run("mpt-validate", "-v", uri, f"s3://{bucket}/good:v1.zip")
    assert done.exit == BAD and f"bad {uri}\n" in done.stdout and reason in done.stdout
    assert f"ok s3://{bucket}/good:v1.zip" in done.stdout
    done = run("mpt-inspect", "show", uri)
    assert (done.exit, done.stdout) == (BAD, "") and done.stderr.startswith(f"mpt-inspect: {uri}: ")


def test_bucket_that_is_not_there(run):
    for program, *verb in (["mpt-validate"], ["mpt-inspect", "list"], ["mpt-inspect", "resolve"]):
        done = run(program, *verb, "s3://no-such-bucket/runs/")
        assert done.exit == BAD and "NoSuchBucket" in done.stdout + done.stderr


WRONG = {
    "AWS_SECRET_ACCESS_KEY": ("wrong", "403"),
    "AWS_ACCESS_KEY_ID": ("wrong", "403"),
    "AWS_ENDPOINT_URL": ("http://127.0.0.1:1", "Failed to connect"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("key", ["nav:v4.zip", "runs/"])
def test_refused(store, tree, run, name, key):
    value, reason = WRONG[name]
    for program, *verb in (["mpt-validate"], ["mpt-inspect", "list"], ["mpt-inspect", "show"]):
        done = run(program, *verb, f"s3://{tree}/{key}", **{name: value})
        assert done.exit == BAD and reason in done.stdout + done.stderr
        assert store.secret not in done.stdout + done.stderr
    done = run("mpt-inspect", "resolve", f"s3://{tree}/nav:v4.zip", **{name: value})
    assert (done.exit, done.stdout) == (BAD, f"s3://{tree}/nav:v4.zip\n") and "was not seen" in done.stderr


def test_options(store, tree, run):
    """--endpoint-url counts before the environment."""
    uri, nowhere = f"s3://{tree}/nav:v4.zip", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    for program, *verb in (["mpt-validate"], ["mpt-inspect", "show"], ["mpt-inspect", "resolve"]):
        options = ["--endpoint-url", store.url, "--network-timeout=5"]
        assert run(program, *verb, *options, uri, **nowhere).exit == GOOD
        assert run(program, *verb, "--network-timeout=0", uri).exit == USAGE
        assert run(program, *verb, "--endpoint-url=nonsense", uri).exit == USAGE
        assert run(program, *verb, "--stats-server=nonsense", uri).exit == USAGE


# ---- references and reports ----


def test_references(store, tree, bundle, run, tmp_path):
    uri = f"s3://{tree}/nav:v4.zip"
    (tmp_path / "manifest.json").write_text(run("mpt-inspect", "keys", uri).stdout)
    store.s3.upload_file(str(tmp_path / "manifest.json"), tree, "manifest.json")
    put(store, tree, {"runs/x/nav:v2.zip": bundle})
    for reference in (uri, f"s3://{tree}/manifest.json", f"s3://{tree}/runs/x:latest", "nav:v2", "manifest.json"):
        done = run("mpt-validate", "-v", "--against", reference, f"s3://{tree}/runs/x/nav:v6.zip")
        assert done.exit == GOOD, done.stdout + done.stderr
    done = run("mpt-validate", "--against", "nav:v3", f"s3://{tree}/runs/x/nav:v6.zip")
    assert done.exit == BAD and '"nav:v3" is not there' in done.stdout
    done = run("mpt-validate", "--against", f"s3://{tree}/none.zip", uri)
    assert done.exit == USAGE and "no such object" in done.stderr
    assert run("mpt-validate", "--consistent", f"s3://{tree}/runs/x/nav:v6.zip", uri).exit == GOOD


def test_reports(tree, run, tmp_path):
    forms = ("json", "jsonl", "junit", "sarif", "markdown", "html", "github")
    done = run(
        "mpt-validate", "-v", *(f"--report={form}={form}.out" for form in forms), f"s3://{tree}/runs/x/nav:v7.mpt"
    )
    assert done.exit == BAD
    for form in forms:
        text = (tmp_path / f"{form}.out").read_text("utf-8")
        assert ("nav%3Av7.mpt" if form == "github" else "nav:v7.mpt") in text or form == "sarif"
    sarif = json.loads((tmp_path / "sarif.out").read_text("utf-8"))
    location = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == f"s3://{tree}/runs/x/nav%3Av7.mpt"


# ---- how much is fetched ----


def large_bundle(bundle, nbytes):
    """The same with other weights, that take so many bytes."""
    header = {"net.weight": {"dtype": "F32", "shape": [nbytes // 4], "data_offsets": [0, nbytes]}}
    text = json.dumps(header).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle)) as old, zipfile.ZipFile(made, "w") as new:
        new.writestr("policy_spec.json", old.read("policy_spec.json"))
        weights = struct.pack("<Q", len(text)) + text + struct.pack("<f", 1.5) * (nbytes // 4)
        new.writestr("weights.safetensors", weights)
    return made.getvalue()


def test_only_what_is_needed_is_fetched(store, bucket, bundle, run):
    nbytes, uri = 12 << 20, f"s3://{bucket}/nav:v5.zip"
    put(store, bucket, {"nav:v5.zip": large_bundle(bundle, nbytes)})
    with serving(proxy_to(store)) as proxy:
        for verb in ("show", "keys", "list", "resolve"):
            proxy.bodies_nbytes = 0
            assert run("mpt-inspect", verb, "--endpoint-url", proxy.url, uri).exit == GOOD
            assert proxy.bodies_nbytes < nbytes / 8
        proxy.bodies_nbytes = 0
        done = run("mpt-validate", "--endpoint-url", proxy.url, uri)
        assert done.exit == GOOD, done.stdout
        assert nbytes < proxy.bodies_nbytes < nbytes * 9 / 8


def test_several_at_once(store, bucket, bundle, run):
    put(store, bucket, {f"r/nav:v{n}.zip": bundle for n in range(20)})
    one, many = (run("mpt-validate", "-v", f"-j{n}", f"s3://{bucket}/r") for n in (1, 8))
    assert one.exit == many.exit == GOOD and one.stdout == many.stdout
    assert one.stdout.count("ok s3://") == 20


def test_local_names_need_no_network(run, tmp_path):
    put_zip(tmp_path / "nav:v1.zip")
    done = run("mpt-inspect", "list", "nav:v1.zip", AWS_ENDPOINT_URL="nonsense")
    assert done.exit == GOOD and "nav:v1.zip" in done.stdout
