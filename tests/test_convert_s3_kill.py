"""A migration from S3 to S3 is killed again and again, and comes to the same end.

MPT_KILLS says how often, as for tests/test_kill.py.
"""

import os
import random
import signal
import subprocess
import time

import mpt_zip
import numpy
from converter import CONVERTER, JOURNALS
from s3_servers import moto  # noqa: F401
from test_convert import GOOD, summary
from test_convert_s3 import Remote

KILLS = int(os.environ.get("MPT_KILLS", "100")) // 4


def kill_once(remote, delay):
    """Has it come to its end before?"""
    places = [remote.url("runs"), "-o", remote.url("out"), "-q", "-j2"]
    process = subprocess.Popen(
        [CONVERTER, *places], cwd=remote.folder, env=remote.environment(), stderr=subprocess.PIPE
    )
    try:
        process.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode in (GOOD, -signal.SIGKILL), stderr
    return process.returncode == GOOD


def test_kill_anywhere(moto, tmp_path):  # noqa: F811
    """One of the sources is sent in parts."""
    remote = Remote(moto, tmp_path)
    folder = mpt_zip.tree(tmp_path / "tree", 20)
    large = {"w": numpy.random.default_rng(0).random(5_000_000, dtype="float32")}
    mpt_zip.write(folder / "run/checkpoints/large:v1.mpt", weights=large)
    remote.put_tree(folder, "runs/")
    begin = time.monotonic()
    done = remote.convert(remote.url("runs"), "-o", remote.url("undisturbed"))
    whole = time.monotonic() - begin
    assert done.exit == GOOD, done.stderr
    expected = remote.bundles("undisturbed/")
    assert len(expected) == 21
    chance, kills = random.Random("S3"), 0
    while kills < KILLS:
        if kill_once(remote, chance.uniform(0, whole)):
            assert remote.bundles("out/") == expected
            for key in remote.keys("out/"):
                moto.s3.delete_object(Bucket=remote.bucket, Key=key)
            continue
        kills += 1
        for name, members in remote.bundles("out/").items():
            assert members == expected[name], name
    assert list(remote.spill.iterdir()) == []
    done = remote.convert(remote.url("runs"), "-o", remote.url("out"))
    assert (done.exit, summary(done.stderr)[2]) == (GOOD, 0)
    assert remote.bundles("out/") == expected
    assert any(JOURNALS in key for key in remote.keys("out/"))
