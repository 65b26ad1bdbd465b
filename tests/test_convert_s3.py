"""mpt-convert with sources, bundles and journals on S3, as boto3 and zipfile see them.

What a migration must become is told by the same one between folders.  Faults of the network
are tests/test_convert_s3_faults.py.
"""

import io
import json
import os
import zipfile

import mpt_zip
import numpy
import pytest
from converter import JOURNALS, files_below
from fault_proxy import proxy_to, serving
from s3_servers import REGION, clean_environment, moto  # noqa: F401
from test_convert import GOOD, NOTHING, SOME_FAILED, USAGE, run, summary


class Remote:
    """A bucket of its own, and the converter that knows where it is."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.url_of_server = server.url
        self.bucket = server.bucket()
        self.spill = folder / "spill"
        self.spill.mkdir()

    def url(self, key=""):
        return f"s3://{self.bucket}/{key}"

    def put(self, key, content):
        self.server.s3.put_object(Bucket=self.bucket, Key=key, Body=content)

    def put_tree(self, folder, prefix):
        for name, content in files_below(folder).items():
            self.put(prefix + name, content)

    def get(self, key):
        return self.server.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def keys(self, prefix=""):
        pages = self.server.s3.get_paginator("list_objects_v2")
        return [
            found["Key"]
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
            for found in page.get("Contents", [])
        ]

    def bundles(self, prefix):
        """Key below the prefix to members, of each object but journals."""
        return {
            key.removeprefix(prefix): members_of(self.get(key))
            for key in self.keys(prefix)
            if JOURNALS not in key.split("/")
        }

    def journals(self, prefix):
        """The lines of all, in the order of their names."""
        keys = [key for key in self.keys(prefix + JOURNALS + "/")]
        return [json.loads(line) for key in sorted(keys) for line in self.get(key).splitlines()]

    def environment(self):
        return clean_environment(
            AWS_ENDPOINT_URL=self.url_of_server, AWS_REGION=REGION, TMPDIR=str(self.spill),
            AWS_ACCESS_KEY_ID=self.server.access, AWS_SECRET_ACCESS_KEY=self.server.secret,
        )  # fmt: skip

    def convert(self, *arguments, **variables):
        done = run(
            self.folder,
            *map(str, arguments),
            env=self.environment() | variables,
        )
        assert list(self.spill.iterdir()) == []
        return done


def members_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def remote(moto, tmp_path):  # noqa: F811
    return Remote(moto, tmp_path)


@pytest.fixture
def tree(remote):
    """Three checkpoints and one that is cut off, in a folder and below runs/."""
    folder = mpt_zip.tree(remote.folder / "tree", 3)
    whole = (folder / "run/checkpoints/run:v0.mpt").read_bytes()
    (folder / "run/checkpoints/cut:v7.mpt").write_bytes(whole[:200])
    remote.put_tree(folder, "runs/")
    remote.put("runs/run/checkpoints/trainer_state.pt", b"not read")
    remote.put("runs/notes.txt", b"not taken")
    return folder


EXPECTED = {f"run/checkpoints/run:v{n}.zip": mpt_zip.bundle(n) for n in range(3)}
FOLDERS = {
    f"run/checkpoints/run:v{n}/{name}": content
    for n in range(3)
    for name, content in mpt_zip.bundle(n).items()
}


# ---- every mix of places ----


@pytest.mark.parametrize("source", ["here", "there", "named there"])
@pytest.mark.parametrize("output", ["folders here", "archives here", "there", "the bucket"])
def test_places(remote, tree, source, output):
    sources = {
        "here": ["tree"],
        "there": [remote.url("runs")],
        "named there": [remote.url(f"runs/run/checkpoints/run:v{n}.mpt") for n in range(3)]
        + [remote.url("runs/run/checkpoints/cut:v7.mpt")],
    }[source]
    target = {
        "folders here": ["out"],
        "archives here": ["out", "--format=zip"],
        "there": [remote.url("out")],
        "the bucket": [remote.url()],
    }[output]
    done = remote.convert(*sources, "-o", *target)
    skipped = source == "there"
    assert (done.exit, summary(done.stderr)) == (SOME_FAILED, (3, skipped, 1))
    names = {name: m for name, m in EXPECTED.items()}
    if source == "named there":
        names = {name.rpartition("/")[2]: m for name, m in names.items()}
    if output == "folders here":
        found = files_below(remote.folder / "out")
        short = source == "named there"
        assert found == {
            name.removeprefix("run/checkpoints/") if short else name: content
            for name, content in FOLDERS.items()
        }
    elif output == "archives here":
        found = files_below(remote.folder / "out")
        assert {name: members_of(content) for name, content in found.items()} == names
    else:
        prefix = "out/" if output == "there" else ""
        found = remote.bundles(prefix) if prefix else {
            key: members_of(remote.get(key)) for key in remote.keys() if key.endswith(".zip")
        }
        assert found == names


def test_in_place(remote, tree):
    refused = remote.convert(remote.url("runs"), "tree", "--in-place")
    assert refused.exit == SOME_FAILED
    assert refused.stderr.count("a bundle on S3 is a zip archive: --format zip") == 4
    done = remote.convert(remote.url("runs"), "--in-place")
    assert summary(done.stderr) == (3, 1, 1)
    for name, members in EXPECTED.items():
        assert members_of(remote.get("runs/" + name)) == members
    again = remote.convert(remote.url("runs"), "--in-place", "--format=zip")
    assert summary(again.stderr) == (0, 4, 1)


def test_output_below_the_sources_is_no_source(remote, tree):
    for _ in range(2):
        remote.put("runs/out/old:v1.mpt", b"not looked at")
        done = remote.convert(remote.url("runs"), "-o", remote.url("runs/out"))
        assert "old:v1" not in done.stdout + done.stderr


# ---- names ----

ODD_NAMES = [
    "a b", "a+b", "a%20b", "a%b", "ä→日", "a//b", "a&b=c", "a?b#c", "a'b\"c", "(a)*!~", "a\\b",
]  # fmt: skip


@pytest.mark.parametrize("folder", ODD_NAMES)
def test_odd_keys(remote, folder):
    """From S3 to S3 the rest of the key stays as it is, byte for byte."""
    content = mpt_zip.write(remote.folder / "one.mpt", 5).read_bytes()
    remote.put(f"in x/{folder}/run:v5.mpt", content)
    done = remote.convert(remote.url("in x"), "-o", remote.url("out+y"))
    assert done.exit == GOOD, done.stderr
    assert remote.bundles("out+y/") == {f"{folder}/run:v5.zip": mpt_zip.bundle(5)}
    done = remote.convert(remote.url("in x"), "-o", "out")
    assert done.exit == GOOD, done.stderr
    path = remote.folder / "out" / folder / "run:v5"
    assert files_below(path) == mpt_zip.bundle(5)


@pytest.mark.parametrize("folder", ["../../up", "a/../b", "a/./b", ".."])
def test_keys_lead_nowhere_else(remote, folder):
    content = mpt_zip.write(remote.folder / "one.mpt", 5).read_bytes()
    remote.put(f"in/{folder}/run:v5.mpt", content)
    before = files_below(remote.folder)
    done = remote.convert(remote.url("in"), "-o", "out")
    assert done.exit == SOME_FAILED
    assert "which no folder can be called" in done.stderr
    assert files_below(remote.folder) == before


def test_keys_that_become_one_folder(remote):
    """Slashes more or less make another key, but on this machine no other folder."""
    for number, key in enumerate(["a/b", "a//b", "/a/b"]):
        path = mpt_zip.write(remote.folder / "one.mpt", number)
        remote.put(f"in/{key}/run:v1.mpt", path.read_bytes())
    done = remote.convert(remote.url("in"), "-o", "out", "--force")
    assert (done.exit, summary(done.stderr)) == (SOME_FAILED, (1, 0, 2))
    assert done.stderr.count("would become the bundle out/a/b/run:v1, and so does") == 2
    done = remote.convert(remote.url("in"), "-o", remote.url("out"))
    assert (done.exit, summary(done.stderr)) == (GOOD, (3, 0, 0))


def test_local_name_that_is_no_key(remote):
    """Keys are UTF-8, and have 1,024 bytes at most."""
    mpt_zip.write(remote.folder / "tree" / os.fsdecode(b"\xff") / "run:v1.mpt")
    deep = "/".join(["d" * 200] * 5)
    mpt_zip.write(remote.folder / "tree" / deep / "run:v1.mpt")
    done = remote.convert("tree", "-o", remote.url("o" * 20))
    assert (done.exit, summary(done.stderr)) == (SOME_FAILED, (0, 0, 2))
    assert "is not UTF-8, and so cannot be the key" in done.stderr
    assert "over the limit of 1024" in done.stderr


def test_run_is_told_by_folders_of_the_key(remote):
    content = mpt_zip.write(remote.folder / "one.mpt", 5).read_bytes()
    remote.put("data/my.run/checkpoints/model_0005.pt", content)
    remote.put("model_0006.pt", content)
    done = remote.convert(remote.url(), "-o", remote.url("out"))
    assert summary(done.stderr)[0] == 2
    assert sorted(remote.bundles("out/")) == [
        "data/my.run/checkpoints/my.run:v5.zip",
        "model_0006.zip",       # a bucket is no run
    ]


@pytest.mark.parametrize(
    "operand, exit, said",
    [
        ("missing", SOME_FAILED, "there is no such object, and none below it"),
        ("missing/", SOME_FAILED, "there is no such object, and none below it"),
        ("runs/run/checkpoints/run:v9.mpt", SOME_FAILED, "there is no such object"),
        ("runs/notes.txt", SOME_FAILED, "failed"),
    ],
)
def test_what_is_not_there(remote, tree, operand, exit, said):
    done = remote.convert(remote.url(operand), "-o", "out")
    assert done.exit == exit
    assert said in done.stdout + done.stderr


def test_empty_bucket(remote):
    assert remote.convert(remote.url(), "-o", "out").exit == NOTHING


def test_no_such_bucket(remote):
    done = remote.convert("s3://there-is-none-of-this-name/x", "-o", "out")
    assert done.exit == SOME_FAILED
    assert "NoSuchBucket" in done.stderr
    done = remote.convert(remote.url(), "-o", "s3://there-is-none-of-this-name/x")
    assert done.exit in (USAGE, NOTHING)


def test_folders_cannot_be_written(remote, tree):
    done = remote.convert("tree", "-o", remote.url("out"), "--format=dir")
    assert done.exit == USAGE
    assert "a bundle on S3 is a zip archive" in done.stderr


# ---- what is there already ----


def test_another_run_keeps(remote, tree):
    first = remote.convert(remote.url("runs"), "-o", remote.url("out"))
    assert summary(first.stderr) == (3, 1, 1)
    before = {key: remote.get(key) for key in remote.keys("out/run/")}
    again = remote.convert(remote.url("runs"), "-o", remote.url("out"))
    assert summary(again.stderr) == (0, 4, 1)
    assert {key: remote.get(key) for key in remote.keys("out/run/")} == before
    changed = mpt_zip.write(remote.folder / "new.mpt", 8).read_bytes()
    remote.put("runs/run/checkpoints/run:v1.mpt", changed)
    third = remote.convert("-v", remote.url("runs"), "-o", remote.url("out"))
    assert summary(third.stderr) == (1, 3, 1)
    assert "it has changed since it was converted" in third.stderr
    assert remote.bundles("out/")["run/checkpoints/run:v1.zip"] == mpt_zip.bundle(8)


def test_bundle_of_somebody_else(remote, tree):
    def archive(members, compression):
        to = io.BytesIO()
        with zipfile.ZipFile(to, "w", compression) as written:
            for name, content in members.items():
                written.writestr(name, content)
        return to.getvalue()

    same = archive(mpt_zip.bundle(0), zipfile.ZIP_STORED)
    other = archive(mpt_zip.bundle(9), zipfile.ZIP_DEFLATED)
    remote.put("out/run/checkpoints/run:v0.zip", same)
    remote.put("out/run/checkpoints/run:v1.zip", other)
    remote.put("out/run/checkpoints/run:v2.zip", b"no archive")
    done = remote.convert(remote.url("runs"), "-o", remote.url("out"))
    assert summary(done.stderr) == (0, 2, 3)
    assert "it was left alone (--force replaces a bundle)" in done.stderr
    assert remote.get("out/run/checkpoints/run:v0.zip") == same
    assert remote.get("out/run/checkpoints/run:v1.zip") == other
    assert remote.get("out/run/checkpoints/run:v2.zip") == b"no archive"
    forced = remote.convert(remote.url("runs"), "-o", remote.url("out"), "--force")
    assert summary(forced.stderr)[0] == 2
    assert remote.bundles("out/") == EXPECTED


@pytest.mark.parametrize("options", [[], ["--force"]])
@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_bundle_of_somebody_else_in_between(remote, change, options):
    """It comes, or what is to be replaced goes, after that was compared."""
    key = "out/run:v1.zip"
    remote.put("runs/run:v1.mpt", mpt_zip.write(remote.folder / "one.mpt", 1).read_bytes())
    places = [remote.url("runs"), "-o", remote.url("out"), *options]
    assert remote.convert(*places).exit == GOOD
    remote.put("runs/run:v1.mpt", mpt_zip.write(remote.folder / "two.mpt", 2).read_bytes())
    client, puts = remote.server.s3, []

    def before(method):
        puts.append(method)
        if puts.count("PUT") == 2 and method == "PUT":    # the first was for the journal
            if change == "replaced":
                client.put_object(Bucket=remote.bucket, Key=key, Body=b"of somebody else")
            else:
                client.delete_object(Bucket=remote.bucket, Key=key)

    with serving(proxy_to(remote.server)) as proxy:
        proxy.before, remote.url_of_server = before, proxy.url
        done = remote.convert(*places)
    assert (done.exit, summary(done.stderr)) == (SOME_FAILED, (0, 0, 1))
    said = "it was not replaced: somebody has changed it" if change == "replaced" else "NoSuchKey"
    assert said in done.stderr
    if change == "replaced":
        assert remote.get(key) == b"of somebody else"
    else:
        assert key not in remote.keys("out/")


def test_check_and_list(remote, tree):
    remote.convert(remote.url("runs"), "-o", remote.url("out"))
    checked = remote.convert("--check", remote.url("runs"), "-o", remote.url("out"))
    assert "3 same, 0 different, 0 missing" in checked.stderr
    listed = remote.convert("--list-converted", remote.url("runs"), "-o", remote.url("out"))
    assert listed.stdout.splitlines() == [
        remote.url(f"runs/run/checkpoints/run:v{n}.mpt") for n in range(3)
    ]
    key = "out/run/checkpoints/run:v1.zip"
    remote.put(key, remote.get("out/run/checkpoints/run:v2.zip"))
    remote.server.s3.delete_object(Bucket=remote.bucket, Key="out/run/checkpoints/run:v0.zip")
    checked = remote.convert("--check", remote.url("runs"), "-o", remote.url("out"))
    assert "1 same, 1 different, 1 missing" in checked.stderr


def test_dry_run_writes_nothing(remote, tree):
    before = remote.keys()
    done = remote.convert("-n", remote.url("runs"), "-o", remote.url("out"))
    assert summary_of_dry_run(done) == "3 would be converted, 1 skipped, 1 failed"
    assert remote.keys() == before


def summary_of_dry_run(done):
    return done.stderr.splitlines()[-1].removeprefix("mpt-convert: ").partition(";")[0]


# ---- the journal ----


def test_journal(remote, tree):
    done = remote.convert(remote.url("runs"), "-o", remote.url("out"), "--jsonl")
    lines = remote.journals("out/")
    assert [lines[0]["event"], lines[-1]["event"]] == ["begin", "end"]
    assert lines[0]["sources"] == 5
    rows = {row["source"]: row for row in lines if "source" in row}
    assert len(rows) == 5
    head = remote.server.s3.head_object
    for n in range(3):
        row = rows[f"run/checkpoints/run:v{n}.mpt"]
        assert row["status"] == "converted"
        source = head(Bucket=remote.bucket, Key="runs/" + row["source"])
        bundle = head(Bucket=remote.bucket, Key="out/" + row["bundle"])
        assert row["size"] == source["ContentLength"]
        assert row["mtime"].split()[1] == source["ETag"].strip('"')
        assert row["bundle_etag"] == bundle["ETag"].strip('"')
    secret = remote.server.secret
    for text in (done.stdout, done.stderr, json.dumps(lines)):
        assert secret not in text and remote.server.access not in text


def test_shards_and_summary(remote):
    folder = mpt_zip.tree(remote.folder / "tree", 12)
    remote.put_tree(folder, "runs/")
    places = [remote.url("runs"), "-o", remote.url("out")]
    for k in (0, 1, 3):
        assert remote.convert(*places, f"--shard={k}/4").exit in (GOOD, NOTHING)
    done = remote.convert("--summary", remote.url("out"))
    assert done.exit == SOME_FAILED
    assert "3 of 4 shards finished" in done.stdout
    remote.convert(*places, "--shard=2/4")
    remote.convert(*places, "--shard=2/4")
    done = remote.convert("--summary", remote.url("out"))
    assert (done.exit, done.stdout) == (
        GOOD, "12 sources: 12 converted, 0 skipped, 0 failed; 4 of 4 shards finished\n",
    )  # fmt: skip
    assert len(remote.bundles("out/")) == 12


def test_journal_in_several_parts(remote):
    """Of 64 KiB: the next run reads them all."""
    folder = remote.folder / "tree"
    for epoch in range(60):
        name = f"{'long_name_' * 15}{epoch}"
        weights = {name + str(n): numpy.zeros(1, "float32") for n in range(20)}
        mpt_zip.write(folder / f"run:v{epoch}.mpt", weights=weights)
    (folder / ("x" * 200)).mkdir()
    places = ["tree", "-o", remote.url("out"), "-q"]
    for epoch in range(0, 60, 4):
        (folder / f"run:v{epoch}.mpt").write_bytes(b"\x80\x02" + b"N" * 600)
    remote.convert(*places, "--durability=each")
    remote.convert(*places, "--durability=each")
    again = remote.convert(*places)
    assert summary(again.stderr) == (0, 45, 15)


def test_wrong_secret(remote, tree):
    done = remote.convert(
        remote.url("runs"), "-o", remote.url("out"), AWS_SECRET_ACCESS_KEY="wrong"
    )
    assert done.exit in (USAGE, SOME_FAILED)
    assert "SignatureDoesNotMatch" in done.stderr
    assert "wrong" not in done.stderr
    assert remote.keys("out/") == []


def test_only_what_is_needed_is_fetched(remote, moto):  # noqa: F811
    """Of a large archive a dry run reads the directory, the pickle and the first bytes."""
    import torch

    path = remote.folder / "large:v1.pt"
    torch.save({"w": torch.rand(12 << 20)}, path)
    remote.put("runs/large:v1.pt", path.read_bytes())
    with serving(proxy_to(moto)) as proxy:
        remote.url_of_server = proxy.url
        done = remote.convert("-n", remote.url("runs"), "--architecture=p.C")
        assert done.exit == GOOD, done.stderr
        assert 0 < proxy.bodies_nbytes < 1 << 20
        proxy.bodies_nbytes = 0
        done = remote.convert(remote.url("runs"), "-o", remote.url("out"), "--architecture=p.C")
        assert done.exit == GOOD, done.stderr
        assert 48 << 20 < proxy.bodies_nbytes < 50 << 20
    remote.url_of_server = moto.url
    head = remote.server.s3.head_object(Bucket=remote.bucket, Key="out/large:v1.zip")
    assert "-" in head["ETag"], "it was not sent in parts"
    local = remote.convert("large:v1.pt", "-o", "out", "--architecture=p.C")
    assert local.exit == GOOD
    assert members_of(remote.get("out/large:v1.zip")) == files_below(
        remote.folder / "out/large:v1"
    )


def test_version_names_the_library(remote):
    assert "libcurl/" in run(remote.folder, "--version").stdout



PROXIES = ["http://user:sekret@host:99999", "ftp://user:sekret@host", "http://us er:sekret@a b"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_password_of_a_proxy(remote, proxy):
    done = remote.convert(remote.url("runs"), "-o", "out", http_proxy=proxy, AWS_MAX_ATTEMPTS="1")
    assert done.exit == SOME_FAILED
    assert "proxy" in done.stderr
    assert "sekret" not in done.stdout + done.stderr


def test_fault_of_a_file_of_settings(remote):
    """It is not the object that has a line 2."""
    config = remote.folder / "config"
    config.write_text("[default]\nno pair\n")
    done = remote.convert(
        remote.url("runs"), "-o", "out", AWS_CONFIG_FILE=str(config), AWS_REGION=""
    )
    assert done.exit == SOME_FAILED
    assert f"{remote.url('runs')}: {config}: line 2: " in done.stderr


def test_password_in_an_endpoint(remote):
    done = remote.convert(
        remote.url("runs"), "-o", "out", "--endpoint-url=http://user:sekret@host"
    )
    assert done.exit == USAGE
    assert "names no user" in done.stderr
    assert "sekret" not in done.stderr
