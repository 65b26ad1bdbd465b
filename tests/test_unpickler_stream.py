"""What mpt-unpickler makes of the pickles of a torch stream (before 1.6)."""

import struct

import pytest
import torch
from torch import nn

from pickle_maker import (FALSE, call, glob, integer, keys_pickle, lst,
                          module_of, put, saved_stream, state_dict,
                          stream_storage, tensor, text, tup, whole)
from test_unpickler import STORAGE_DTYPES, Extras, assert_same, geometry
from unpickler_client import ARCHIVE, PLAIN, STREAM, Helper


@pytest.fixture(scope="module")
def helper():
    with Helper() as running:
        yield running


def check_tail(answer, tail):
    """Reads the storages as the answer's list says, up to the last byte."""
    pos = 0
    for key, numel, itemsize, number in answer.stream:
        assert struct.unpack_from("<Q", tail, pos)[0] == numel
        pos += 8 + numel * itemsize
        if number is not None:
            assert answer.storages[number][0] == key
            assert answer.storages[number][2] == numel
            dtype = STORAGE_DTYPES[answer.storages[number][1]]
            assert getattr(torch, dtype).itemsize == itemsize
    assert pos == len(tail)
    listed = [number for *_, number in answer.stream if number is not None]
    assert sorted(listed) == list(range(len(answer.storages)))


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_module_and_state_dict(helper, protocol):
    module = Extras()
    for value in module, module.state_dict():
        request, tail = saved_stream(value, protocol)
        answer = helper.ask(request, STREAM)
        assert_same(answer, module.state_dict())
        check_tail(answer, tail)
        assert answer.inline == [None] * len(answer.storages)
        assert answer.notes == []


def test_protocol_0_lost_its_persistent_ids(helper):
    request, _ = saved_stream(nn.Linear(1, 1).state_dict(), 0)
    answer = helper.ask(request, STREAM)
    assert answer.verdict == "UNSUPPORTED" and "protocol 0" in answer.reason


def test_storages_of_no_tensor_in_the_state_dict(helper):
    """Their bytes have to be stepped over."""
    module = nn.Linear(2, 3)
    module.register_buffer("dropped", torch.zeros(9), persistent=False)
    module.other = [torch.zeros(5, dtype=torch.int64), torch.ones(3).byte()]
    request, tail = saved_stream(module)
    answer = helper.ask(request, STREAM)
    assert answer.keys == ["weight", "bias"]
    check_tail(answer, tail)
    unused = [(numel, itemsize) for _, numel, itemsize, number
              in answer.stream if number is None]
    assert sorted(unused) == [(3, 1), (5, 8), (9, 4)]


def test_every_dtype(helper):
    for name in ("float64", "bfloat16", "bool", "complex64", "uint16",
                 "float8_e5m2"):
        dtype = getattr(torch, name)
        state = {"t": torch.zeros(16, dtype=torch.uint8).view(dtype)}
        request, tail = saved_stream(state)
        answer = helper.ask(request, STREAM)
        assert_same(answer, state)
        check_tail(answer, tail)
        untyped = answer.storages[0][1] == "UntypedStorage"
        assert answer.stream[0][2] == (1 if untyped else dtype.itemsize)


def test_two_classes_of_one_byte(helper):
    """The first persistent id of a key has the say."""
    v3 = call(glob("torch._utils", "_rebuild_tensor_v3"),
              stream_storage(cls="UntypedStorage"), integer(0), tup(), tup(),
              FALSE, b"N", glob("torch", "float8_e5m2"))
    for first in (tensor(stream_storage(cls="ByteStorage")), v3):
        body = state_dict(first, v3) + keys_pickle("0")
        assert helper.ask(body, STREAM).stream == [("0", 6, 1, 0)]


def test_list_order_is_kept(helper):
    body = state_dict(*(tensor(stream_storage(key, numel=6 + int(key)))
                        for key in ("3", "1", "2")))
    answer = helper.ask(body + keys_pickle("2", "3", "1"), STREAM)
    assert answer.stream == [("2", 8, 4, 2), ("3", 9, 4, 0), ("1", 7, 4, 1)]


def test_no_tensors(helper):
    request, tail = saved_stream(nn.ReLU())
    answer = helper.ask(request, STREAM)
    assert answer.keys == [] and answer.stream == [] and tail == b""


def test_bytes_behind_the_list(helper):
    body = state_dict(tensor(stream_storage())) + keys_pickle("0")
    answer = helper.ask(body + b"abc", STREAM)
    assert answer.notes == ["3 bytes follow the pickle"]


# --- classes by persistent id

def module_class(*items):
    return tup(text("module"), *items) + b"Q"


def test_modules_of_classes_by_id(helper):
    source = text("import os; os.system('touch pwned')")
    for path, code in ((text("/evil/../x.py"), source), (b"N", b"N"),
                       (integer(3), lst())):
        cls = module_class(glob("policy", "Net"), path, code)
        body = module_of(parameters=[(text("w"), tensor(stream_storage()))])
        body = body.replace(glob("policy", "Net"), cls)
        answer = helper.ask(whole(body) + keys_pickle("0"), STREAM)
        assert answer.keys == ["w"]
        assert answer.globals[0] == "policy Net"


def test_torch_writes_classes_by_id():
    request, _ = saved_stream(nn.Linear(1, 1))
    assert b"module" in request and b"def forward" in request


# --- views of storages, as before 0.4

def view(key, offset, numel):
    return tup(text(key), integer(offset), integer(numel))


def viewed(*views, **geometry_of):
    stores = [stream_storage(numel=20, view=one) for one in views]
    return (state_dict(*(tensor(store, **geometry_of) for store in stores))
            + keys_pickle("0"))


def test_views(helper):
    answer = helper.ask(viewed(view("a", 4, 6), view("b", 10, 10),
                               view("a", 4, 6), b"N"), STREAM)
    assert [row[4] for row in geometry(answer)] == [4, 10, 4, 0]
    assert {row[2:4] for row in geometry(answer)} == {((2, 3), (3, 1))}
    assert answer.storages == [("0", "FloatStorage", 20)]
    assert answer.stream == [("0", 20, 4, 0)]


def test_view_and_offset(helper):
    answer = helper.ask(viewed(view("a", 4, 8), offset=integer(2)), STREAM)
    assert geometry(answer)[0][4] == 6
    empty = dict(size=tup(integer(0)), stride=tup(integer(1)),
                 offset=integer(9))
    assert helper.ask(viewed(view("a", 4, 0), **empty), STREAM).keys == ["a"]


HUGE = 1 << 62
V3 = call(glob("torch._utils", "_rebuild_tensor_v3"),
          stream_storage(view=view("a", 0, 6)), integer(0), tup(), tup(),
          FALSE, b"N", glob("torch", "int8"))

REFUSALS = [
    ("view past its storage", viewed(view("a", 15, 6)),
     "CORRUPT", "view of 6 elements at 15 of storage 0, which has 20"),
    ("view, negative", viewed(view("a", -1, 6)), "CORRUPT", "at -1"),
    ("view, huge", viewed(view("a", HUGE, HUGE)), "CORRUPT", "elements at"),
    ("view, count below 0", viewed(view("a", 4, -1)), "CORRUPT", "of -1"),
    ("view, two of one key", viewed(view("a", 4, 6), view("a", 3, 6)),
     "CORRUPT", "two views of the key 'a'"),
    ("view, of two", viewed(tup(text("a"), integer(1))),
     "CORRUPT", "not (key, offset, count)"),
    ("view, a list", viewed(lst(text("a"), integer(1), integer(1))),
     "CORRUPT", "not (key, offset, count)"),
    ("view, key a number", viewed(tup(integer(1), integer(1), integer(1))),
     "CORRUPT", "not (key, offset, count)"),
    ("view with a storage's key", viewed(view("0", 4, 6)),
     "CORRUPT", "the key 0 is a storage's and a view's"),
    ("tensor past its view", viewed(view("a", 4, 6), offset=integer(1)),
     "CORRUPT", "last element is at 6 of a storage view of 6"),
    ("tensor far past its view",
     viewed(view("a", 4, 6), stride=tup(integer(HUGE), integer(HUGE))),
     "CORRUPT", "its last element is at"),
    ("tensor of another dtype", state_dict(V3) + keys_pickle("0"),
     "UNSUPPORTED", "another dtype"),
    # ids
    ("five items", state_dict(tensor()) + keys_pickle("0"),
     "CORRUPT", "5 items, not 6"),
    ("module of three items", whole(module_class(glob("a", "B"), b"N"))
     + keys_pickle(), "CORRUPT", "3 items, not 4"),
    ("module without a class", whole(module_class(text("B"), b"N", b"N"))
     + keys_pickle(), "CORRUPT", "a str"),
    ("module of a known name", whole(module_class(
        glob("collections", "OrderedDict"), b"N", b"N")) + keys_pickle(),
     "CORRUPT", "is a class"),
    ("another tag", whole(tup(text("other")) + b"Q") + keys_pickle(),
     "UNSUPPORTED", "kind 'other'"),
    # the list of keys
    ("no list", state_dict(tensor(stream_storage())), "CORRUPT", "EOFError"),
    ("a tuple", state_dict(tensor(stream_storage())) + whole(tup(text("0"))),
     "CORRUPT", "is a tuple"),
    ("a number in it", state_dict() + whole(lst(integer(0))),
     "CORRUPT", "holds a int"),
    ("a name in it", state_dict() + whole(lst(glob("os", "system"))),
     "CORRUPT", "names os system"),
    ("an id in it", state_dict() + whole(lst(stream_storage()[:-1] + b"Q")),
     "CORRUPT", "plain values"),
    ("a key twice", state_dict(tensor(stream_storage()))
     + keys_pickle("0", "0"), "CORRUPT", "'0' is listed twice"),
    ("a key of nothing", state_dict(tensor(stream_storage()))
     + keys_pickle("0", "5"), "CORRUPT", "'5' is in the list of keys, but "),
    ("a key missing", state_dict(tensor(stream_storage())) + keys_pickle(),
     "CORRUPT", "storage 0 is used, but not in the list"),
    ("key missing of a storage without tensor",
     whole(tup(put(stream_storage("8"), 3), tensor(stream_storage())))
     + keys_pickle("0"), "CORRUPT", "storage 8 is used"),
]


@pytest.mark.parametrize("request_body, verdict, reason", [
    pytest.param(*row[1:], id=row[0]) for row in REFUSALS])
def test_refusal(helper, request_body, verdict, reason):
    answer = helper.ask(request_body, STREAM)
    assert answer.verdict == verdict, answer
    assert reason in answer.reason


def test_other_layouts_take_no_stream_ids(helper):
    body = state_dict(tensor(stream_storage()))
    assert "6 items, not 5" in helper.ask(body, ARCHIVE).reason
    body = whole(module_class(glob("a", "B"), b"N", b"N"))
    assert "kind 'module'" in helper.ask(body, ARCHIVE).reason
    assert "plain pickle" in helper.ask(body, PLAIN).reason


def test_every_prefix_is_refused(helper):
    request, _ = saved_stream(nn.Sequential(nn.PReLU()))
    for length in range(len(request)):
        assert helper.ask(request[:length], STREAM).verdict == "CORRUPT"
