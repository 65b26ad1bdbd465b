"""What mpt-unpickler makes of pickles that were made without torch.save."""

import pickle
import struct

import numpy
import pytest
import torch
from torch import nn

from pickle_maker import (FALSE, ORDERED_DICT, call, get, glob, integer,
                          keys_pickle, load_from_bytes, lst, module_of,
                          nested_stream, put, state_dict, stream_storage,
                          tensor, text, tup, whole)
from test_unpickler import Extras, STORAGE_DTYPES, geometry
from test_unpickler_objects import OBJECTS, PlainHolder
from unpickler_client import ARCHIVE, PLAIN, STREAM, Helper


@pytest.fixture(scope="module")
def helper():
    with Helper() as running:
        yield running


def bytes_of(answer, row):
    """The tensor's values, from the bytes in the answer."""
    _, cls, numel = answer.storages[row.storage]
    data = bytearray(answer.inline[row.storage])
    dtype = getattr(torch, row.dtype or STORAGE_DTYPES[cls])
    if not data:
        return torch.zeros(row.size, dtype=dtype)
    whole_storage = torch.frombuffer(data, dtype=torch.uint8).view(dtype)
    assert numel == len(data) // (dtype.itemsize if not row.dtype else 1)
    return whole_storage.as_strided(row.size, row.stride, row.offset)


def assert_values(answer, state):
    assert answer.verdict == "INDEX", answer
    assert answer.keys == list(state)
    for row, value in zip(answer.tensors, state.values()):
        found = bytes_of(answer, row)
        assert found.dtype == value.dtype and found.shape == value.shape
        assert torch.equal(found.contiguous().view(torch.uint8).flatten()
                           if found.dim() else found,
                           value.contiguous().view(torch.uint8).flatten()
                           if value.dim() else value)
    assert answer.stream == []


def values():
    r = torch.Generator().manual_seed(3)
    def data(*size):
        return torch.randint(0, 256, size, generator=r, dtype=torch.uint8)
    state = {name: data(32).view(getattr(torch, name)) for name in (
        "float32", "float64", "float16", "bfloat16", "int64", "int32",
        "int16", "int8", "uint8", "complex64")}
    state["bool"] = data(5) > 99
    state["t"] = state["float32"].reshape(2, 4).t()
    state["slice"] = state["int64"][1:3]
    state["scalar"] = torch.tensor(3.5)
    state["empty"] = torch.zeros(0, 3)
    return state


@pytest.mark.parametrize("protocol", range(6))
def test_plain_state_dict(helper, protocol):
    state = values()
    state["tied"] = state["t"]
    answer = helper.ask(pickle.dumps(state, protocol), PLAIN)
    assert_values(answer, state)
    assert answer.tensors[-1].storage == answer.tensors[-5].storage
    assert "torch.storage _load_from_bytes" in answer.globals
    assert "torch FloatStorage" in answer.globals   # of the streams inside


@pytest.mark.parametrize("protocol", range(2, 6))
def test_plain_module(helper, protocol):
    for module in Extras(), nn.LSTM(2, 3), nn.DataParallel(nn.Conv1d(2, 2, 1)):
        answer = helper.ask(pickle.dumps(module, protocol), PLAIN)
        assert_values(answer, module.state_dict())
        assert answer.kind == "module" and answer.notes == []


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", OBJECTS)
def test_object_as_attribute(helper, name, protocol):
    module = PlainHolder()
    module.register_buffer("w", torch.ones(2))
    module.value = [OBJECTS[name]]
    try:
        pickled = pickle.dumps(module, protocol)
    except Exception as error:
        pytest.skip(f"cannot be pickled: {error}")
    answer = helper.ask(pickled, PLAIN)
    assert_values(answer, {"w": torch.ones(2)})


def test_large_storage(helper):
    """Bytes of 128 and above take two in the text of protocol 2."""
    state = {"w": torch.randn(1_500_000)}
    for protocol in 2, 4:
        answer = helper.ask(pickle.dumps(state, protocol), PLAIN)
        assert_values(answer, state)


def test_keys_are_given_anew(helper):
    """Inside the bytes they are addresses, which may repeat."""
    one = load_from_bytes(nested_stream(data=b"\1" * 24))
    two = load_from_bytes(nested_stream(data=b"\2" * 24))
    answer = helper.ask(state_dict(tensor(one), tensor(two)), PLAIN)
    assert answer.storages == [("0", "FloatStorage", 6),
                               ("1", "FloatStorage", 6)]
    assert answer.inline == [b"\1" * 24, b"\2" * 24]


def test_numpy_arrays_are_refused_by_key_and_type(helper):
    for state in ({"a": torch.ones(1), "model": numpy.ones(3)},
                  {"model": numpy.ones(3, order="F")},
                  {"model": {"model": numpy.float32(1.0)}}):
        for protocol in range(2, 6):
            answer = helper.ask(pickle.dumps(state, protocol), PLAIN)
            assert answer.verdict == "UNSUPPORTED"
    answer = helper.ask(pickle.dumps({"w": numpy.ones(3)}), PLAIN)
    assert answer.where == "w" and "numpy ndarray" in answer.reason
    answer = helper.ask(pickle.dumps(
        {"model": {"actor.w": numpy.ones(3)}, "__author__": "x"}), PLAIN)
    assert answer.where == "actor.w" and "numpy ndarray" in answer.reason


NESTED = {
    "no stream": (b"abc", "CORRUPT", ""),
    "an archive": (b"PK\3\4", "CORRUPT", ""),
    "another magic": (nested_stream(magic=1), "UNSUPPORTED", "no torch str"),
    "another version": (nested_stream(version=1002), "UNSUPPORTED", "no torc"),
    "a tensor": (nested_stream(body=tensor(stream_storage())),
                 "UNSUPPORTED", "hold a tensor"),
    "a list": (nested_stream(body=lst(stream_storage())),
               "UNSUPPORTED", "hold a list"),
    "a view": (nested_stream(body=stream_storage(
        view=tup(text("a"), integer(0), integer(6)))),
        "UNSUPPORTED", "hold a storage"),
    "two storages": (nested_stream(body=stream_storage("1") + b"0"
                                   + stream_storage(), keys=("0", "1")),
                     "UNSUPPORTED", "hold a storage"),
    "no key": (nested_stream(keys=()), "CORRUPT", "storage 0 is used"),
    "another key": (nested_stream(keys=("0", "1")), "CORRUPT", "'1' is in"),
    "another count": (nested_stream(count=5), "CORRUPT",
                      "storage 0 of 5 elements, the pickle says 6"),
    "too short": (nested_stream(data=bytes(23)), "CORRUPT",
                  "of 24 bytes, 23 are there"),
    "too long": (nested_stream(data=bytes(25)), "CORRUPT", "25 are there"),
    "no count": (nested_stream()[:-25], "CORRUPT", "elements, the pickle"),
    "names in the head": (whole(glob("os", "system")) + nested_stream(),
                          "CORRUPT", "names os system"),
    "a huge memo index": (b"Nr\0\0\0\x04.", "CORRUPT", "memo"),
    "a deep tuple as a key": (b"})" + b"\x85" * 200_000 + b"Ns.", "CORRUPT", ""),
    "a tuple doubled as a key": (b"}N" + b"2\x86" * 60 + b"Ns.", "CORRUPT", ""),
    "a stream inside a stream": (
        nested_stream(body=load_from_bytes(nested_stream())),
        "UNSUPPORTED", "hold a torch.storage _load_from_bytes"),
}


@pytest.mark.parametrize("data, verdict, reason", NESTED.values(), ids=NESTED)
def test_nested_refusal(helper, data, verdict, reason):
    answer = helper.ask(state_dict(tensor(load_from_bytes(data))), PLAIN)
    assert answer.verdict == verdict, answer
    assert reason in answer.reason


def test_every_prefix_of_the_nested_stream(helper):
    data = nested_stream()
    for length in range(len(data)):
        body = state_dict(tensor(load_from_bytes(data[:length])))
        assert helper.ask(body, PLAIN).verdict == "CORRUPT"


@pytest.mark.parametrize("argument", [
    text("abc"), integer(1 << 40), b"N", lst(),
    call(glob("any", "Class"))], ids=str)
def test_loaded_from_no_bytes(helper, argument):
    body = call(glob("torch.storage", "_load_from_bytes"), argument)
    assert helper.ask(whole(body), PLAIN).verdict == "CORRUPT"


def test_the_same_bytes_without_end(helper):
    """A call is five bytes; what it would answer is as large as you like."""
    data = nested_stream(count=250_000, data=bytes(1_000_000),
                         body=stream_storage(numel=250_000))
    function = put(glob("torch.storage", "_load_from_bytes"), 1) + b"0"
    argument = put(b"B" + struct.pack("<I", len(data)) + data, 2) + b"0"
    loads = [tensor(get(1) + tup(get(2)) + b"R")] * 10
    body = state_dict(*loads)
    body = body[:2] + function + argument + body[2:]
    answer = helper.ask(body, PLAIN)
    assert answer.verdict == "LIMIT" and "copies" in answer.reason


def test_other_layouts_load_no_bytes(helper):
    body = state_dict(tensor(load_from_bytes(nested_stream())))
    for layout, keys in (ARCHIVE, b""), (STREAM, keys_pickle()):
        answer = helper.ask(body + keys, layout)
        assert answer.verdict == "CORRUPT" and answer.where == "a"
        assert "torch.storage _load_from_bytes" in answer.reason


def test_persistent_ids_have_no_place(helper):
    answer = helper.ask(state_dict(tensor()), PLAIN)
    assert answer.verdict == "UNSUPPORTED"
    assert "persistent id in a plain pickle" in answer.reason


def test_an_empty_module(helper):
    answer = helper.ask(whole(module_of()), PLAIN)
    assert answer.verdict == "INDEX" and answer.keys == []


def test_untyped_storage(helper):
    body = call(glob("torch._utils", "_rebuild_tensor_v3"), load_from_bytes(
        nested_stream(body=stream_storage(cls="UntypedStorage"),
                      data=bytes(range(6)))),
        integer(2), tup(integer(2)), tup(integer(1)), FALSE, ORDERED_DICT,
        glob("torch", "uint16"))
    answer = helper.ask(state_dict(body), PLAIN)
    assert geometry(answer) == [("a", "uint16", (2,), (1,), 2, 0)]
    assert answer.inline == [bytes(range(6))]
