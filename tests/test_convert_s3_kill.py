"""A migration from S3 to S3 is killed again and again, and comes to the same end.

MPT_KILLS says how often, as for tests/test_kill.py.
"""

import random
import signal
import subprocess
import time

import mpt_zip
import numpy
import pytest
from converter import CONVERTER, JOURNALS
from fault_proxy import proxy_to, serving
from s3_servers import moto  # noqa: F401
from test_convert import GOOD, summary
from test_convert_s3 import Remote
from test_kill import KILLS, kill_once


def test_kill_anywhere(moto, tmp_path):  # noqa: F811
    """One of the sources is sent in parts."""
    remote = Remote(moto, tmp_path)
    folder = mpt_zip.tree(tmp_path / "tree", 20)
    large = {"w": numpy.random.default_rng(0).random(5_000_000, dtype="float32")}
    mpt_zip.write(folder / "run/checkpoints/large:v1.mpt", weights=large)
    remote.put_tree(folder, "runs/")
    places = [remote.url("runs"), "-o", remote.url("out")]
    begin = time.monotonic()
    done = remote.convert(remote.url("runs"), "-o", remote.url("undisturbed"))
    whole = time.monotonic() - begin
    assert done.exit == GOOD, done.stderr
    expected = remote.bundles("undisturbed/")
    assert len(expected) == 21
    chance, kills = random.Random("S3"), 0
    while kills < KILLS // 4:
        delay = chance.uniform(0, whole)
        if kill_once(remote.folder, places, delay, env=remote.environment()):
            assert remote.bundles("out/") == expected
            for key in remote.keys("out/"):
                moto.s3.delete_object(Bucket=remote.bucket, Key=key)
            continue
        kills += 1
        for name, members in remote.bundles("out/").items():
            assert members == expected[name], name
    assert list(remote.spill.iterdir()) == []
    done = remote.convert(*places)
    assert (done.exit, summary(done.stderr)[2]) == (GOOD, 0)
    assert remote.bundles("out/") == expected
    assert any(JOURNALS in key for key in remote.keys("out/"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_while_bundles_get_their_names(moto, tmp_path, number):  # noqa: F811
    """The one that is on its way arrives, and the journal has what was said to be converted."""
    remote = Remote(moto, tmp_path)
    remote.put_tree(mpt_zip.tree(tmp_path / "tree", 6), "runs/")
    with serving(proxy_to(moto)) as proxy:
        remote.url_of_server = proxy.url
        assert remote.convert(remote.url("runs"), "-o", remote.url("before"), "-j1").exit == GOOD
        puts = [at for at, method in enumerate(proxy.methods, 1) if method == "PUT"]
        proxy.plan("held", puts[3])     # the first is that of the journal
        process = subprocess.Popen(
            [CONVERTER, remote.url("runs"), "-o", remote.url("out"), "-j1"],
            env=remote.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        until = time.monotonic() + 30
        while proxy.count < puts[3] and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(number)
        time.sleep(0.5)
        proxy.released.set()
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "stopped by signal" not in stderr
    said = [line for line in stdout.splitlines() if line.startswith("converted ")]
    lines = remote.journals("out/")
    assert [line.get("status") for line in lines].count("converted") == len(said) == 3
    assert lines[-1]["not_begun"] == 3
    assert len(remote.bundles("out/")) == 3
    remote.url_of_server = moto.url
    again = remote.convert(remote.url("runs"), "-o", remote.url("out"))
    assert (again.exit, summary(again.stderr)) == (GOOD, (3, 3, 0)), again.stderr
