"""What mpt-unpickler makes of the pickles in a torch.package archive."""

import io
import zipfile

import pytest
import torch
import torch.package
from torch import nn

from pickle_maker import (glob, integer, lst, state_dict, tensor, text, tup,
                          whole)
from test_unpickler import STORAGE_DTYPES, assert_same
from unpickler_client import PACKAGE, Helper


@pytest.fixture(scope="module")
def helper():
    with Helper() as running:
        yield running


def packaged(value):
    """A torch.package archive of the value, as a dict of its records."""
    buffer = io.BytesIO()
    with torch.package.PackageExporter(buffer) as exporter:
        exporter.extern("**")
        exporter.save_pickle("policy", "model.pkl", value)
    with zipfile.ZipFile(buffer) as archive:
        return {name.partition("/")[2]: archive.read(name)
                for name in archive.namelist()}


def network():
    tied = nn.Linear(3, 3, dtype=torch.float64)
    return nn.Sequential(nn.LSTM(2, 3), tied, nn.ModuleDict({"x": tied}),
                         nn.BatchNorm1d(2), nn.Embedding(2, 2).half())


def test_package_of_torch(helper):
    module = network()
    for value in module, module.state_dict():
        records = packaged(value)
        answer = helper.ask(records["policy/model.pkl"], PACKAGE)
        assert_same(answer, module.state_dict())
        assert answer.stream == []
        for key, cls, numel in answer.storages:
            dtype = getattr(torch, STORAGE_DTYPES[cls])
            data = records[f".data/{key}.storage"]
            assert len(data) == numel * dtype.itemsize


def package_id(key, tag="storage"):
    return tup(text(tag), glob("torch", "FloatStorage"), key, text("cpu"),
               integer(6)) + b"Q"


def test_keys_are_numbers_or_text(helper):
    body = state_dict(*(tensor(package_id(key)) for key in (
        integer(0), integer(12), text("12"), text("abc"))))
    answer = helper.ask(body, PACKAGE)
    assert [key for key, _, _ in answer.storages] == ["0", "12", "abc"]
    assert [t.storage for t in answer.tensors] == [0, 1, 1, 2]


@pytest.mark.parametrize("pid, verdict, reason", [
    (package_id(integer(0), "reduce_package"), "UNSUPPORTED",
     "kind 'reduce_package'"),
    (package_id(integer(0), "module"), "UNSUPPORTED", "kind 'module'"),
    (package_id(b"\x88"), "CORRUPT", "key of type bool"),
    (package_id(b"N"), "CORRUPT", "key of type NoneType"),
    (package_id(lst()), "CORRUPT", "key of type list"),
    (package_id(integer(1 << 200)), "CORRUPT", "storage key"),
    (package_id(text("a/b")), "CORRUPT", "storage key"),
    (tup(text("storage"), integer(0)) + b"Q", "CORRUPT", "2 items, not 5"),
    (text("0") + b"Q", "UNSUPPORTED", "is text"),
], ids=lambda value: None if isinstance(value, bytes) else value)
def test_refusal(helper, pid, verdict, reason):
    answer = helper.ask(whole(pid), PACKAGE)
    assert answer.verdict == verdict and reason in answer.reason, answer
