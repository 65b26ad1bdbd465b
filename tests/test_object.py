"""Objects as files, as the converter reads and writes them, by way of a server that can do harm."""

import io
import os
import shutil
import subprocess
import urllib.parse
import zipfile
from contextlib import contextmanager

import mpt_zip
import numpy
import pytest
from converter import CONVERTER
from fault_proxy import Handler, QuietServer, serving
from s3_servers import moto  # noqa: F401
from test_convert import GOOD, SOME_FAILED, USAGE, summary
from test_convert_s3 import Remote

DENIED = b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"


class Meddler(Handler):
    """Tells the server's functions what is asked: they refuse it, or change the headers."""

    def do(self):
        body = self.body()
        asked = (self.command, urllib.parse.unquote(self.path), self.headers.get("Range"), body)
        self.server.asked.append(asked)
        if self.server.refuse(asked):
            self.answer(403, [], DENIED)
            return
        status, headers, data = self.hand_on(body)
        headers = {name.lower(): value for name, value in headers}
        self.server.harm(asked, headers)
        self.answer(status, list(headers.items()), data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do


@contextmanager
def between(remote, harm=lambda asked, headers: None, refuse=lambda asked: False):
    """What the converter asks for goes this way, until the end of the block."""
    server = QuietServer(("127.0.0.1", 0), Meddler)
    target = urllib.parse.urlsplit(remote.server.url)
    server.target = target.hostname, target.port
    server.asked, server.harm, server.refuse = [], harm, refuse
    remote.url_of_server = server.url
    with serving(server):
        yield server
    remote.url_of_server = remote.server.url


@pytest.fixture
def remote(moto, tmp_path):  # noqa: F811
    return Remote(moto, tmp_path)


def test_bad_answer_is_no_broken_archive(remote):
    """--force replaces what nobody can read, but not what could not be fetched."""
    mpt_zip.write(remote.folder / "tree/run:v0.mpt")
    precious = io.BytesIO()
    with zipfile.ZipFile(precious, "w") as archive:
        archive.writestr("precious.txt", "only here")
    remote.put("out/run:v0.zip", precious.getvalue())

    def harm(asked, headers):
        if asked[0] == "GET" and "run:v0.zip" in asked[1]:
            headers["content-range"] = "bytes 1-2/3"

    with between(remote, harm):
        done = remote.convert("tree", "-o", remote.url("out"), "--force")
    assert done.exit == SOME_FAILED
    assert 'sent "bytes 1-2/3"' in done.stderr
    assert remote.get("out/run:v0.zip") == precious.getvalue()


def test_reading_on_fetches_ahead(remote):
    """Also what is read from its first byte on, as the streams of old torch are."""
    import torch

    tensor = torch.zeros(10 << 20)
    torch.save({"w": tensor}, remote.folder / "run:v1.pt", _use_new_zipfile_serialization=False)
    remote.put("runs/run:v1.pt", (remote.folder / "run:v1.pt").read_bytes())
    with between(remote) as server:
        done = remote.convert(remote.url("runs"), "-o", "out", "--architecture=p.C")
    assert done.exit == GOOD, done.stderr
    ranges = [asked[2] for asked in server.asked if asked[2]]
    sizes = [1 + int(end) - int(start) for start, end in (r[6:].split("-") for r in ranges)]
    assert sum(sizes) == (remote.folder / "run:v1.pt").stat().st_size
    assert max(sizes) == 8 << 20
    assert len(sizes) < 20


@pytest.mark.parametrize("times", [3, 100])
def test_journal_that_grows_while_it_is_read(remote, times):
    """Another shard sends its part anew whenever it has lines to add."""
    mpt_zip.tree(remote.folder / "tree", 3)
    done = remote.convert("tree", "-o", remote.url("out"))
    assert done.exit == GOOD
    [key] = remote.keys("out/.mpt-convert/")
    content = remote.get(key)
    grown = []

    def harm(asked, headers):
        if asked[0] == "HEAD" and key in asked[1] and len(grown) < times:
            grown.append(b"\n")
            remote.put(key, content + b"".join(grown))

    with between(remote, harm):
        done = remote.convert("tree", "-o", remote.url("out"))
    if times > 10:
        assert (done.exit, len(grown)) == (USAGE, 10)
        assert "the object was changed while it was read" in done.stderr
    else:
        assert (done.exit, summary(done.stderr)) == (GOOD, (0, 3, 0)), done.stderr


def test_lines_that_could_not_be_sent(remote):
    """They come with the next ones, also where a part was full."""
    (remote.folder / "tree").mkdir()
    names = {f"{'long' * 40}:v{n}.mpt" for n in range(200)}
    for name in names:
        (remote.folder / "tree" / name).write_bytes(b"no checkpoint")
    refused = []

    def refuse(asked):
        method, path, _, body = asked
        if method != "PUT" or ".mpt-convert" not in path or len(body) < 64 << 10 or refused:
            return False
        refused.append(path)
        return True

    with between(remote, refuse=refuse):
        done = remote.convert("tree", "-o", remote.url("out"), "-j1", "--durability=each")
    assert len(refused) == 1
    assert "AccessDenied" in done.stderr
    kept = {line["source"] for line in remote.journals("out/") if "source" in line}
    assert kept == names


# A mount that ends with the process.  Status 77: that is not allowed here.
WITH_A_SMALL_DISK = """
mount -t tmpfs -o size=1m none spill || exit 77
exec "$@"
"""
OWN_MOUNTS = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]


@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare(1)")
def test_no_room_for_what_is_fetched(remote):
    """It is not S3 that is full."""
    path = mpt_zip.write(
        remote.folder / "run:v1.mpt", weights={"w": numpy.arange(1 << 19)}, compression=0
    )
    remote.put("runs/run:v1.mpt", path.read_bytes())
    command = [CONVERTER, remote.url("runs"), "-o", "out"]
    done = subprocess.run(
        [*OWN_MOUNTS, "sh", "-c", WITH_A_SMALL_DISK, "sh", *command], cwd=remote.folder,
        text=True, capture_output=True, timeout=120, env=remote.environment(),
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
    assert done.returncode == SOME_FAILED
    assert f"cannot be kept in {remote.spill}: " in done.stderr
    assert "No space left on device" in done.stderr
