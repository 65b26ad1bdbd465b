"""A small migration on S3, in which each request in turn meets each fault.

Either the fault is overcome, or it is one line of the report; nothing that is wrong gets the
name of a bundle; and another run comes to the end of an undisturbed one.
"""


import mpt_zip
import pytest
import torch
from fault_proxy import proxy_to, serving
from s3_servers import moto  # noqa: F401
from test_convert import GOOD, SOME_FAILED, USAGE, summary
from test_convert_s3 import Remote

# What a server refuses it refuses before or after it has done it: once of each is enough.
FAULTS = ["reset", "lost", "cut", "changed", "wrong byte"]
PASSING = ["503", "500 late", "lost", "cut"]


@pytest.fixture(scope="module")
def proxy(moto):  # noqa: F811
    with serving(proxy_to(moto)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def remote(moto, proxy, tmp_path_factory):  # noqa: F811
    """An archive, and a stream, of which only S3 knows a sum."""
    remote = Remote(moto, tmp_path_factory.mktemp("faults"))
    folder = remote.folder / "tree"
    mpt_zip.write(folder / "run:v1.mpt", 1)
    torch.save(
        {"w": torch.arange(100.0)}, folder / "run:v2.pt", _use_new_zipfile_serialization=False
    )
    remote.put_tree(folder, "runs/")
    remote.url_of_server = proxy.url
    done = migrate(remote, "expected")
    assert done.exit == GOOD, done.stderr
    remote.expected = remote.bundles("expected/")
    assert len(remote.expected) == 2
    return remote


def migrate(remote, prefix, *options, **variables):
    places = [remote.url("runs"), "-o", remote.url(prefix)]
    return remote.convert(*places, "-j1", "--architecture=p.C", *options, **variables)


def assert_nothing_wrong(remote, prefix):
    for name, members in remote.bundles(prefix).items():
        assert members == remote.expected[name]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_request_without_another_attempt(remote, proxy, fault):
    """And what a second run makes of it."""
    at, said = 0, []
    while True:
        at += 1
        prefix = f"once {fault} {at}"
        proxy.plan(fault, at)
        done = migrate(remote, prefix, AWS_MAX_ATTEMPTS="1")
        met = proxy.count >= at
        proxy.plan(None, 0)
        assert done.exit in (GOOD, SOME_FAILED, USAGE), done.stderr
        assert_nothing_wrong(remote, prefix + "/")
        if done.exit == GOOD:
            assert remote.bundles(prefix + "/") == remote.expected
        said.append(done.exit)
        again = migrate(remote, prefix)
        assert (again.exit, summary(again.stderr)[2]) == (GOOD, 0), again.stderr
        assert remote.bundles(prefix + "/") == remote.expected
        if not met:
            break
    assert at > 10 and said[-1] == GOOD
    # What was changed on its way is sent again however few attempts there may be.
    assert (set(said) == {GOOD}) == (fault == "changed")


@pytest.mark.parametrize("fault", PASSING)
def test_each_request_with_another_attempt(remote, proxy, fault):
    at = 0
    while True:
        at += 1
        prefix = f"more {fault} {at}"
        proxy.plan(fault, at)
        done = migrate(remote, prefix, AWS_MAX_ATTEMPTS="3")
        met = proxy.count >= at
        assert (done.exit, summary(done.stderr)) == (GOOD, (2, 0, 0)), (at, done.stderr)
        assert remote.bundles(prefix + "/") == remote.expected
        if not met:
            break
    assert at > 10


def test_stalled_answers(remote, proxy):
    """The first is that of a listing, the last that of a part of the journal."""
    proxy.plan(None, 0)
    migrate(remote, "stalled 0")
    for at in (1, proxy.count // 2, proxy.count):
        proxy.plan("stalled", at)
        done = migrate(remote, f"stalled {at}", "--network-timeout=1", AWS_MAX_ATTEMPTS="2")
        assert (done.exit, summary(done.stderr)) == (GOOD, (2, 0, 0)), done.stderr
        assert remote.bundles(f"stalled {at}/") == remote.expected
    proxy.released.set()
