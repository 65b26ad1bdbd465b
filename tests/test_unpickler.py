"""What mpt-unpickler answers: content, refusals, and that nothing runs."""

import argparse
import collections
import copyreg
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import logging
import math
import os
import pathlib
import pickle
import random
import re
import struct
import types
import typing
import uuid
import zipfile

import numpy
import pydantic
import pytest
import torch
import torch.nn.utils.prune
from torch import nn

import unpickler_client
from unpickler_client import Helper

ROOT = pathlib.Path(__file__).resolve().parent.parent

STORAGE_DTYPES = {
    "DoubleStorage": "float64", "FloatStorage": "float32",
    "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16",
    "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
    "ComplexDoubleStorage": "complex128", "ComplexFloatStorage": "complex64",
    "UntypedStorage": "uint8",
}


@pytest.fixture(scope="module")
def helper():
    with Helper() as running:
        yield running


def saved(value, protocol=2):
    """The pickle inside torch.save's archive."""
    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol)
    with zipfile.ZipFile(buffer) as archive:
        return archive.read("archive/data.pkl")


def geometry(answer):
    """key -> (dtype, size, stride, offset, flags), as the answer has it."""
    return [(t.key, t.dtype or STORAGE_DTYPES[answer.storages[t.storage][1]],
             t.size, t.stride, t.offset, t.flags) for t in answer.tensors]


def expected_geometry(state):
    return [(key, str(t.dtype).removeprefix("torch."), tuple(t.shape),
             t.stride(), t.storage_offset(),
             t.is_conj() + 2 * t.is_neg()) for key, t in state.items()]


def assert_same(answer, state):
    assert answer.verdict == "INDEX", answer
    assert geometry(answer) == expected_geometry(state)
    # Tensors share a storage in the answer exactly where torch shares it.
    by_pointer = {}
    for tensor, (key, value) in zip(answer.tensors, state.items()):
        storage = value.untyped_storage()
        numbers = by_pointer.setdefault(storage._cdata, set())
        numbers.add(tensor.storage)
        key, cls, numel = answer.storages[tensor.storage]
        dtype = getattr(torch, STORAGE_DTYPES[cls])
        assert numel * dtype.itemsize == storage.nbytes()
    assert all(len(numbers) == 1 for numbers in by_pointer.values())


# --- hand-made pickles

def glob(module, name):
    return b"c%s\n%s\n" % (module.encode(), name.encode())


def stack_global(module, name):
    return text(module) + text(name) + b"\x93"


def text(value):
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value):
    data = pickle.encode_long(value)
    return b"\x8a" + bytes((len(data),)) + data


def tup(*items):
    return b"(" + b"".join(items) + b"t"


def lst(*items):
    return b"](" + b"".join(items) + b"e"


def dct(*pairs):
    return b"}(" + b"".join(key + value for key, value in pairs) + b"u"


def call(function, *args):
    return function + tup(*args) + b"R"


def new(cls, *args):
    return cls + tup(*args) + b"\x81"


def build(value, state):
    return value + state + b"b"


ORDERED_DICT = call(glob("collections", "OrderedDict"))
FALSE = b"\x89"


def storage(key="0", cls="FloatStorage", numel=6, module="torch",
            location="cpu"):
    return tup(text("storage"), glob(module, cls), text(key), text(location),
               integer(numel)) + b"Q"


def tensor(store=None, offset=integer(0), size=None, stride=None, extra=()):
    return call(glob("torch._utils", "_rebuild_tensor_v2"),
                storage() if store is None else store, offset,
                tup(integer(2), integer(3)) if size is None else size,
                tup(integer(3), integer(1)) if stride is None else stride,
                FALSE, ORDERED_DICT, *extra)


def whole(body, protocol=2):
    return b"\x80" + bytes((protocol,)) + body + b"."


def state_of(*values):
    """A state dict pickle with keys a, b, c ... """
    return whole(dct(*((text(chr(97 + i)), value)
                       for i, value in enumerate(values))))


def module_of(parameters=(), buffers=(), modules=(), extra=(),
              cls=("policy", "Net")):
    return build(new(glob(*cls)), dct(
        (text("_parameters"), dct(*parameters)),
        (text("_buffers"), dct(*buffers)),
        (text("_modules"), dct(*modules)), *extra))


# --- the protocol

def test_constants_agree_with_the_header():
    header = (ROOT / "convert/unpickler/protocol.h").read_text()
    verdicts = re.findall(r"UNPICKLER_([A-Z_]+) = (\d+),?\s*/\*", header)
    assert tuple(name for name, _ in verdicts) == unpickler_client.VERDICTS
    assert [int(number) for _, number in verdicts] == list(range(5))
    assert re.search(r"UNPICKLER_ANSWER_LIMIT \(512u << 20\)", header)


def test_many_requests_one_helper(helper):
    good = saved(nn.Linear(3, 2))
    first = helper.ask_raw(good)
    for bad in b"", b"junk", good[:50], b"(" * 1000, good + b"xx":
        helper.ask(bad)
        assert helper.ask_raw(good) == first


def test_two_helpers_answer_alike(helper):
    pickled = saved(nn.LSTM(3, 2))
    with Helper() as other:
        assert other.ask_raw(pickled) == helper.ask_raw(pickled)


def test_ends_with_its_socket():
    assert Helper().close() == 0


def test_started_by_hand(tmp_path):
    import subprocess
    path = unpickler_client.helper_path()
    run = subprocess.run([path], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True)
    assert run.returncode == 2 and "mpt-convert" in run.stderr
    run = subprocess.run([path, "--version"], capture_output=True, text=True)
    assert re.fullmatch(r"mpt-unpickler \S+ \(Python 3\.\d+\.\S+\)\n",
                        run.stdout)


def test_memory_is_given_back(helper):
    def resident():
        status = pathlib.Path(f"/proc/{helper.process.pid}/status")
        return int(re.search(r"VmRSS:\s*(\d+)", status.read_text())[1])

    cycle = whole(b"]q\0(" + text("x" * 1_000_000) + b"h\0e")
    helper.ask(cycle)
    before = resident()
    for _ in range(30):
        helper.ask(cycle)
    assert resident() < before + 4000


# --- modules and state dicts by torch

class Extras(nn.Module):
    """Everything a module can hold that is, or is not, in its state dict."""

    def __init__(self):
        super().__init__()
        self.z = nn.Parameter(torch.zeros(3))
        self.a = nn.Linear(2, 2)
        self.register_parameter("nothing", None)
        self.register_buffer("kept", torch.arange(4))
        self.register_buffer("dropped", torch.zeros(9), persistent=False)
        self.register_buffer("none", None)
        self.no_module = None
        self.add_module("void", None)
        self.plain = torch.ones(7)
        self.mixed = {"t": torch.ones(2), "m": [nn.Identity()]}
        self.bare = self.a
        self.tied = nn.Linear(2, 2)
        self.tied.weight = self.a.weight
        self.hooked = nn.Identity()
        self.when = datetime.datetime(2025, 1, 2)


def special_modules():
    yield "extras", Extras()
    yield "lstm", nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    yield "attention", nn.MultiheadAttention(8, 2)
    yield "transformer", nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16), 2)
    yield "weight_norm", nn.utils.weight_norm(nn.Linear(3, 4))
    yield "spectral_norm", nn.utils.spectral_norm(nn.Linear(3, 4))
    yield "pruned", nn.utils.prune.l1_unstructured(nn.Linear(5, 5), "weight",
                                                   2)
    yield "batch_norm", nn.BatchNorm2d(3)
    yield "instance_norm", nn.InstanceNorm2d(3, affine=True,
                                             track_running_stats=True)
    yield "data_parallel", nn.DataParallel(nn.Linear(2, 2))
    yield "compiled", torch.compile(nn.Sequential(nn.Linear(2, 2)))
    yield "fx", torch.fx.symbolic_trace(
        nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)))
    yield "parameter list", nn.ParameterList(torch.ones(2) for _ in range(12))
    yield "parameter dict", nn.ParameterDict({"b": torch.ones(2),
                                              "a": torch.ones(1)})
    yield "module dict", nn.ModuleDict({"x": nn.Linear(1, 1),
                                        "a": nn.ModuleList([nn.PReLU()])})
    yield "no tensors", nn.Sequential(nn.ReLU())
    yield "bilinear half", nn.Bilinear(2, 3, 4).half()
    yield "channels last", nn.Conv2d(3, 4, 3).to(
        memory_format=torch.channels_last)
    flat = nn.Module()
    flat.register_buffer("buffer", nn.Buffer(torch.ones(3)))
    flat.weight = nn.Parameter(torch.ones(3))
    flat.weight.tag = "attribute"
    yield "attributes on tensors", flat


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("module", [
    pytest.param(module, id=name) for name, module in special_modules()])
def test_module(helper, module, protocol):
    answer = helper.ask(saved(module, protocol))
    assert_same(answer, module.state_dict())
    assert answer.kind == "module"
    assert answer.architecture is None
    assert answer.notes == []


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_state_dict_of_parametrized(helper, protocol):
    module = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    state = module.state_dict()
    answer = helper.ask(saved(state, protocol))
    assert_same(answer, state)
    assert answer.kind == "state dict"
    assert_same(helper.ask(saved(dict(state), protocol)), state)


def test_protocol_0_lost_its_persistent_ids(helper):
    answer = helper.ask(saved(nn.Linear(1, 1).state_dict(), 0))
    assert answer.verdict == "UNSUPPORTED" and "protocol 0" in answer.reason


LEAVES = [
    lambda r: nn.Linear(r.randint(1, 3), r.randint(1, 3), r.random() < .5),
    lambda r: nn.Conv1d(2, r.randint(1, 3), 2),
    lambda r: nn.BatchNorm1d(3, affine=r.random() < .5),
    lambda r: nn.LayerNorm((2, 3)),
    lambda r: nn.GRU(2, 3),
    lambda r: nn.Embedding(3, 2, dtype=r.choice(
        [torch.float64, torch.bfloat16, torch.float16])),
    lambda r: nn.PReLU(), lambda r: nn.Dropout(), lambda r: nn.Identity(),
    lambda r: nn.utils.weight_norm(nn.Linear(2, 2)),
    lambda r: nn.utils.spectral_norm(nn.Linear(2, 2)),
    lambda r: nn.ParameterList(torch.ones(i) for i in range(3)),
    lambda r: nn.MultiheadAttention(4, 2, add_bias_kv=r.random() < .5),
    lambda r: Extras(),
]


def random_buffer(r):
    base = torch.arange(24, dtype=r.choice([torch.int64, torch.uint8,
                                            torch.int16, torch.float32]))
    return r.choice([
        lambda: base.reshape(4, 6).t(), lambda: base[5:9],
        lambda: base[:1].expand(3, 4), lambda: base.reshape(2, 3, 4)[:, ::2],
        lambda: base[:0].reshape(0, 5), lambda: base[3], lambda: base > 3,
    ])()


def random_module(r, depth=0, seen=None):
    seen = [] if seen is None else seen
    if seen and r.random() < .08:
        return r.choice(seen)                   # a shared module
    if depth > 3 or r.random() < .3:
        module = r.choice(LEAVES)(r)
    else:
        children = [random_module(r, depth + 1, seen)
                    for _ in range(r.randint(0, 4))]
        names = r.sample(["a", "z", "net", "0", "10", "1", "weights", "ü"],
                         len(children))
        module = r.choice([
            lambda: nn.Sequential(*children),
            lambda: nn.ModuleList(children),
            lambda: nn.ModuleDict(zip(names, children)),
            lambda: nn.DataParallel(nn.Sequential(*children)),
        ])()
    for name in "own", "more":
        if r.random() < .2:
            module.register_buffer(name, random_buffer(r),
                                   persistent=r.random() < .7)
    if r.random() < .1:
        module.tied = nn.Parameter(torch.ones(2))
        module.tied_too = module.tied
    seen.append(module)
    return module


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_random_modules(helper, protocol):
    r = random.Random(protocol)
    for _ in range(100):
        module = random_module(r)
        pickled = saved(module, protocol)
        assert_same(helper.ask(pickled), module.state_dict())
        state = module.state_dict()
        answer = helper.ask(saved(state, protocol))
        if state:
            assert_same(answer, state)
        else:
            assert answer.reason == "holds an empty dict"


DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32",
          "int16", "int8", "uint8", "bool", "complex64", "complex128",
          "complex32", "uint16", "uint32", "uint64", "float8_e4m3fn",
          "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
          "float8_e8m0fnu"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype(helper, dtype):
    state = {"t": torch.zeros(16, dtype=torch.uint8)
             .view(getattr(torch, dtype))}
    assert_same(helper.ask(saved(state)), state)


def test_flags_and_views(helper):
    base, other = torch.zeros(2, 4, 3, dtype=torch.complex64).clone()
    other = other.clone()
    state = {"conj": base.conj(), "neg": other.conj().imag,
             "t": base.t(), "expanded": torch.ones(1).expand(5, 5),
             "slice": torch.arange(10)[3:5], "scalar": torch.tensor(3.0),
             "empty": torch.zeros(0, 3), "bytes": torch.zeros(8).byte()}
    state["view"] = state["bytes"].view(torch.float8_e5m2)
    answer = helper.ask(saved(state))
    assert_same(answer, state)
    assert [t.flags for t in answer.tensors][:2] == [1, 2]


def test_globals_in_order_of_first_use(helper):
    answer = helper.ask(saved(nn.Linear(1, 1)))
    assert answer.globals[0] == "torch.nn.modules.linear Linear"
    assert len(set(answer.globals)) == len(answer.globals)
    assert "torch FloatStorage" in answer.globals


def test_trailing_bytes_are_noted(helper):
    pickled = saved(nn.Linear(1, 1))
    assert helper.ask(pickled + b"abc").notes == ["3 bytes follow the pickle"]


# --- special layouts, by hand

def test_later_key_wins_at_first_position(helper):
    inner = module_of(parameters=[(text("w"), tensor(storage("7")))])
    answer = helper.ask(whole(module_of(
        parameters=[(text("m.w"), tensor()), (text("x"), tensor())],
        modules=[(text("m"), inner)])))
    assert answer.keys == ["m.w", "x"]
    assert answer.storages[answer.tensors[0].storage][0] == "7"


def test_old_pickles_without_non_persistent_set(helper):
    answer = helper.ask(whole(module_of(buffers=[(text("b"), tensor())])))
    assert answer.keys == ["b"]


def test_ordered_dicts_in_modules(helper):
    empty = ORDERED_DICT
    state = dct((text("_parameters"),
                 ORDERED_DICT + b"(" + text("w") + tensor() + b"u"),
                (text("_buffers"), empty), (text("_modules"), empty))
    answer = helper.ask(whole(build(new(glob("x", "Net")), state)))
    assert answer.keys == ["w"]


def test_state_dict_hooks_are_noted(helper):
    module = nn.Linear(1, 1)
    module._register_state_dict_hook(print)
    answer = helper.ask(saved(nn.Sequential(module)))
    assert answer.keys == ["0.weight", "0.bias"]
    assert len(answer.notes) == 1
    assert "module 0 (torch.nn.modules.linear Linear)" in answer.notes[0]


OLD_STATE = tup(storage(), integer(0), tup(integer(2), integer(3)),
                tup(integer(3), integer(1)))
OLD_TENSOR = build(call(glob("torch", "FloatTensor")), OLD_STATE)
PARAMETER = glob("torch.nn.parameter", "Parameter")

OLD_FORMS = {
    "reduce": OLD_TENSOR,
    "new": build(new(glob("torch.cuda", "FloatTensor")), OLD_STATE),
    "_rebuild_tensor": call(glob("torch._utils", "_rebuild_tensor"),
                            storage(), integer(0),
                            tup(integer(2), integer(3)),
                            tup(integer(3), integer(1))),
    "parameter, three": build(new(PARAMETER, OLD_TENSOR),
                              tup(b"\x88", FALSE, ORDERED_DICT)),
    "parameter, five": build(new(PARAMETER),
                             tup(OLD_TENSOR, b"N", ORDERED_DICT, b"\x88",
                                 FALSE)),
    "variable": build(call(glob("torch.autograd.variable", "Variable"),
                           OLD_TENSOR), tup(FALSE, FALSE, ORDERED_DICT)),
    "rebuild_parameter": call(glob("torch._utils", "_rebuild_parameter"),
                              OLD_TENSOR, b"\x88", ORDERED_DICT),
    "with_state": call(glob("torch._utils", "_rebuild_parameter_with_state"),
                       tensor(), b"\x88", ORDERED_DICT,
                       dct((text("tag"), text("x")))),
    "from_type": call(glob("torch.tensor", "_rebuild_from_type"),
                      glob("torch._utils", "_rebuild_tensor"),
                      glob("torch", "Tensor"),
                      tup(storage(), integer(0), tup(integer(2), integer(3)),
                          tup(integer(3), integer(1))), dct()),
    "from_type_v2 of a subclass": call(
        glob("torch._tensor", "_rebuild_from_type_v2"),
        glob("torch._utils", "_rebuild_tensor"), glob("mine", "Sub"),
        tup(storage(), integer(0), tup(integer(2), integer(3)),
            tup(integer(3), integer(1))), tup(b"N", dct())),
    "metadata": tensor(extra=(dct((text("conj"), FALSE),
                                  (text("other"), b"N")),)),
    "torch.Size": tensor(size=call(glob("torch", "Size"),
                                   tup(integer(2), integer(3)))),
    "python 2 strings": tensor(
        tup(b"U\x07storage", glob("torch", "FloatStorage"), b"U\x010",
            b"U\x03cpu", integer(6)) + b"Q"),
    "device tensor": call(
        glob("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"),
        tensor(), glob("torch", "float32"), text("xla:0"), FALSE),
}


@pytest.mark.parametrize("form", OLD_FORMS.values(), ids=OLD_FORMS)
def test_tensor_form(helper, form):
    answer = helper.ask(state_of(form))
    assert geometry(answer) == [("a", "float32", (2, 3), (3, 1), 0, 0)]
    assert answer.storages == [("0", "FloatStorage", 6)]


@pytest.mark.parametrize("module, name, dtype", [
    ("torch", "FloatStorage", "float32"),
    ("torch.cuda", "HalfStorage", "float16"),
    ("torch.storage", "UntypedStorage", "uint8"),
    ("torch", "UntypedStorage", "uint8"),
    ("torch.storage", "_UntypedStorage", "uint8"),
    ("torch", "_UntypedStorage", "uint8"),
])
def test_storage_class(helper, module, name, dtype):
    answer = helper.ask(state_of(tensor(storage(cls=name, module=module))))
    assert geometry(answer)[0][1] == dtype
    assert answer.storages[0][1] == name.lstrip("_")


@pytest.mark.parametrize("alias, dtype", [
    ("float", "float32"), ("double", "float64"), ("half", "float16"),
    ("long", "int64"), ("int", "int32"), ("short", "int16"),
    ("cfloat", "complex64"), ("uint16", "uint16"), ("bits16", "bits16")])
def test_v3(helper, alias, dtype):
    form = call(glob("torch._utils", "_rebuild_tensor_v3"),
                storage(cls="UntypedStorage", module="torch.storage"),
                integer(0), tup(), tup(), FALSE, ORDERED_DICT,
                glob("torch", alias))
    assert geometry(helper.ask(state_of(form))) == [("a", dtype, (), (), 0,
                                                     0)]


# --- refusals inside a state dict: verdict, reason, key

def quantized():
    return torch.quantize_per_tensor(torch.ones(2), .1, 0, torch.quint8)


def table_of_refusals():
    v2 = glob("torch._utils", "_rebuild_tensor_v2")
    yield "int value", state_of(integer(3)), "UNSUPPORTED", "is a int", "a"
    yield "None value", state_of(b"N"), "UNSUPPORTED", "is a NoneType", "a"
    yield ("stub value", state_of(tensor(), new(glob("some.where", "Thing"))),
           "UNSUPPORTED", "is a some.where Thing", "b")
    yield ("class as value", state_of(glob("os", "system")), "UNSUPPORTED",
           "is a os system", "a")
    yield ("bare storage", state_of(storage()), "UNSUPPORTED",
           "is a Storage", "a")
    yield ("int key", whole(dct((integer(1), tensor()))), "UNSUPPORTED",
           "key of type int", "")
    yield ("stub key", whole(dct((new(glob("a", "B")), tensor()))),
           "UNSUPPORTED", "key of type a B", "")
    yield ("surrogate key", whole(dct((text("x\udc80"), tensor()))),
           "UNSUPPORTED", "not Unicode", "x\\udc80")
    yield "empty dict", whole(dct()), "UNSUPPORTED", "empty dict", ""
    yield "tensor alone", whole(tensor()), "UNSUPPORTED", "a tensor", ""
    yield "list", whole(lst(tensor())), "UNSUPPORTED", "a list", ""
    yield ("wrapped", whole(dct((text("model_state_dict"),
                                 dct((text("w"), tensor()))),
                                (text("optimizer"), dct()))),
           "UNSUPPORTED", "'model_state_dict'", "")
    yield ("module in a dict", whole(dct((text("ema"), module_of()))),
           "UNSUPPORTED", "'ema'", "")
    yield ("trainer state", whole(dct(
        (text("optimizer"), dct((text("state"), dct((integer(0), tensor()))))),
        (text("epoch"), integer(3)), (text("avg_reward"), tensor()))),
           "NOT_A_POLICY", "optimizer", "")
    yield "quantized", saved({"q": quantized()}), "UNSUPPORTED", "quantized", \
        "q"
    yield ("sparse", saved({"s": torch.eye(2).to_sparse()}), "UNSUPPORTED",
           "sparse", "s")
    yield ("csr", saved({"s": torch.eye(2).to_sparse_csr()}), "UNSUPPORTED",
           "sparse", "s")
    yield ("meta", saved({"m": torch.ones(2, device="meta")}), "UNSUPPORTED",
           "meta", "m")
    yield ("meta storage", state_of(tensor(storage(location="meta"))),
           "UNSUPPORTED", "meta", "a")
    yield ("nested", saved({"n": torch.nested.nested_tensor(
        [torch.ones(2), torch.ones(3)])}), "UNSUPPORTED", "nested", "n")
    yield ("lazy", saved(nn.Sequential(nn.LazyLinear(3))), "UNSUPPORTED",
           "lazy", "0.weight")
    yield ("wrapper", state_of(call(
        glob("torch._tensor", "_rebuild_from_type_v2"),
        glob("torch._utils", "_rebuild_wrapper_subclass"),
        glob("torch.distributed.tensor", "DTensor"), tup(), tup(b"N", dct()))),
           "UNSUPPORTED", "torch.distributed.tensor DTensor", "a")
    yield ("foreign rebuild", state_of(call(
        glob("torch._tensor", "_rebuild_from_type_v2"),
        glob("mine", "rebuild"), glob("mine", "Sub"), tup(), b"N")),
           "UNSUPPORTED", "mine Sub", "a")
    yield ("quantized module", whole(module_of(
        cls=("torch.ao.nn.quantized.modules.linear", "Linear"))),
           "UNSUPPORTED", "torch.ao.nn.quantized.modules.linear Linear", "")
    yield ("fsdp", whole(module_of(modules=[(text("m"), module_of(
        cls=("torch.distributed.fsdp.fully_sharded_data_parallel",
             "FullyShardedDataParallel")))])),
           "UNSUPPORTED", "FullyShardedDataParallel", "m")
    yield ("parameter that is none", whole(module_of(
        parameters=[(text("p"), integer(1))])), "UNSUPPORTED", "is a int", "p")
    yield ("child that is none", whole(module_of(modules=[
        (text("x"), module_of(modules=[(text("y"), glob("os", "system"))]))])),
           "UNSUPPORTED", "not a module", "x.y")
    yield ("name that is no string", whole(module_of(
        modules=[(text("x"), module_of(parameters=[(integer(1),
                                                    tensor())]))])),
           "UNSUPPORTED", "name of type int", "x")
    cycle = build(new(glob("x", "Net")) + b"q\0", dct(
        (text("_parameters"), dct()), (text("_buffers"), dct()),
        (text("_modules"), dct((text("me"), module_of(modules=[
            (text("again"), b"h\0")]))))))
    yield ("module cycle", whole(cycle), "UNSUPPORTED", "contains itself",
           "me.again")

    yield ("unknown storage", state_of(tensor(storage(cls="OddStorage"))),
           "UNSUPPORTED", "torch OddStorage", "")
    yield ("storage of another module", state_of(tensor(
        storage(module="evil.mod"))), "UNSUPPORTED", "evil.mod FloatStorage",
           "")
    yield ("two counts", state_of(tensor(), tensor(storage(numel=7))),
           "CORRUPT", "6 elements and 7", "")
    yield ("two classes", state_of(tensor(), tensor(storage(
        cls="LongStorage"))), "CORRUPT", "FloatStorage and a LongStorage", "")
    for key in "a/b", "..", ".", "", "a" * 65, "\0", "é":
        yield (f"storage key {key!r}", state_of(tensor(storage(key))),
               "CORRUPT", "storage key", "")
    for numel in -1, 1 << 63, 10 ** 400:
        yield (f"storage of {numel.bit_length()} bits",
               state_of(tensor(storage(numel=numel) if numel < 1 << 64 else
                               storage()[:-5] + b"\x8b"
                               + struct.pack("<I", 200) + b"\7" * 200
                               + b"tQ")), "CORRUPT", "of ", "")
    yield ("float count", state_of(tensor(tup(
        text("storage"), glob("torch", "FloatStorage"), text("0"),
        text("cpu"), b"G" + bytes(8)) + b"Q")), "CORRUPT", "float", "")
    yield ("six items", state_of(tensor(tup(
        text("storage"), glob("torch", "FloatStorage"), text("0"),
        text("cpu"), integer(6), b"N") + b"Q")), "CORRUPT", "6 items", "")
    yield ("list as id", state_of(tensor(lst(text("storage")) + b"Q")),
           "CORRUPT", "no tuple", "")
    yield ("other id", state_of(tensor(tup(text("reduce_package")) + b"Q")),
           "UNSUPPORTED", "reduce_package", "")
    yield ("no storage", state_of(tensor(b"N")), "CORRUPT",
           "without a storage", "a")
    yield ("negative offset", state_of(tensor(offset=integer(-1))), "CORRUPT",
           "offset is -1", "a")
    yield ("bool offset", state_of(tensor(offset=FALSE)), "CORRUPT",
           "offset is bool", "a")
    yield ("float size", state_of(tensor(size=tup(b"G" + bytes(8),
                                                  integer(3)))), "CORRUPT",
           "size is float", "a")
    yield ("huge size", state_of(tensor(size=tup(integer(1 << 63),
                                                 integer(3)))), "CORRUPT",
           "size is 9223372036854775808", "a")
    yield ("negative stride", state_of(tensor(stride=tup(integer(3),
                                                         integer(-1)))),
           "CORRUPT", "stride is -1", "a")
    yield ("list as size", state_of(tensor(size=lst(integer(6)))), "CORRUPT",
           "no tuple", "a")
    yield ("ranks differ", state_of(tensor(stride=tup(integer(1)))),
           "CORRUPT", "2 sizes but 1 strides", "a")
    yield ("rank", state_of(tensor(size=tup(*[integer(1)] * 65),
                                   stride=tup(*[integer(1)] * 65))), "LIMIT",
           "rank 65", "a")
    yield ("metadata list", state_of(tensor(extra=(lst(),))), "CORRUPT",
           "metadata", "a")
    yield ("metadata number", state_of(tensor(extra=(dct(
        (text("conj"), integer(1))),))), "CORRUPT", "conj", "a")
    yield ("unknown dtype", state_of(call(
        glob("torch._utils", "_rebuild_tensor_v3"), storage(), integer(0),
        tup(), tup(), FALSE, ORDERED_DICT, glob("torch", "uint1"))),
           "UNSUPPORTED", "torch uint1", "a")
    yield "too few arguments", state_of(v2 + tup() + b"R"), "CORRUPT", \
        "argument", ""


@pytest.mark.parametrize("pickled, verdict, reason, where", [
    pytest.param(*row[1:], id=row[0]) for row in table_of_refusals()])
def test_refusal(helper, pickled, verdict, reason, where):
    answer = helper.ask(pickled)
    assert answer.verdict == verdict, answer
    assert reason in answer.reason
    assert answer.where == where


def test_unrepresentable_tensors_elsewhere_are_inert(helper):
    module = nn.Linear(1, 1)
    module.extra = [quantized(), torch.eye(2).to_sparse(),
                    torch.ones(1, device="meta")]
    answer = helper.ask(saved(module))
    assert answer.keys == ["weight", "bias"]


# --- not a sound pickle

def test_every_prefix_is_refused(helper):
    pickled = saved(nn.Linear(1, 1))
    for length in range(len(pickled)):
        answer = helper.ask(pickled[:length])
        assert answer.verdict == "CORRUPT", (length, answer)
        assert answer.reason


CORRUPT = {
    "empty": b"",
    "stop": b".",
    "protocol 6": whole(b"N", 6),
    "unknown opcode": b"\xffN.",
    "memo miss": whole(b"h\7"),
    "memo miss, text": whole(b"g7\n"),
    "no mark": whole(b"t"),
    "pop of nothing": whole(b"0"),
    "long text": whole(b"X\xff\xff\xff\x7fabc"),
    "long frame": whole(b"\x95" + b"\xff" * 7 + b"\x0fN", 4),
    "extension": whole(b"\x82\x01"),
    "extension 4": whole(b"\x84\x01\0\0\0"),
    "next buffer": whole(b"\x97", 5),
    "unhashable key": whole(dct((lst(), b"N"))),
    "item of an int": whole(integer(1) + text("a") + b"Ns"),
    "append to an int": whole(integer(1) + b"Na"),
    "call of an int": whole(integer(1) + tup() + b"R"),
    "args no tuple": whole(glob("a", "B") + integer(1) + b"R"),
    "new of an instance": whole(new(glob("a", "B")) + tup() + b"\x81"),
    "new of a token": whole(new(glob("torch", "Size"))),
    "new of a storage class": whole(new(glob("torch", "FloatStorage"))),
    "encode to hex": whole(call(glob("_codecs", "encode"), text("00"),
                                text("hex"))),
    "bytes of a number": whole(call(glob("__builtin__", "bytearray"),
                                    integer(1 << 31))),
    "bytes of a list": whole(call(glob("builtins", "bytes"),
                                  lst(integer(1)))),
    "set of a string": whole(call(glob("builtins", "set"), text("abc"))),
    "dict of pairs of three": whole(call(
        glob("collections", "OrderedDict"),
        lst(tup(text("a"), b"N", b"N")))),
    "dict of a number": whole(call(glob("collections", "OrderedDict"),
                                   integer(5))),
    "state for a class": whole(build(glob("os", "system"), dct())),
    "state for a dict class": whole(build(
        glob("collections", "OrderedDict"), dct())),
    "state for a token": whole(build(
        glob("torch._utils", "_rebuild_tensor_v2"), dct())),
    "slot state for a token": whole(build(
        glob("torch._utils", "_rebuild_tensor_v2"),
        tup(b"N", dct((text("__class__"), glob("a", "B")))))),
    "state for a tensor": whole(build(tensor(), tup(
        b"N", dct((text("storage"), b"N"))))),
    "state for a dtype": whole(build(glob("torch", "float32"), dct(
        (text("name"), text("int8"))))),
    "state for a storage": whole(build(storage(), tup(
        b"N", dct((text("numel"), integer(10)))))),
    "state for a list": whole(build(b"]", dct((text("a"), b"N")))),
    "odd state for an old tensor": whole(build(
        call(glob("torch", "FloatTensor")), dct())),
    "keyword for a token": whole(
        glob("torch._utils", "_rebuild_tensor_v2") + tup() + dct() + b"\x92",
        4),
    "global without newline": b"cos",
    "bad utf-8 in a global": whole(b"c\xff\n\xfe\n"),
    "bad number": whole(b"Ifive\n"),
    "10,000 digits": whole(b"L" + b"9" * 10_000 + b"L\n"),
}


@pytest.mark.parametrize("pickled", CORRUPT.values(), ids=CORRUPT)
def test_corrupt(helper, pickled):
    answer = helper.ask(pickled)
    assert answer.verdict == "CORRUPT", answer
    assert re.match(r"[A-Za-z]+(Error)?: .", answer.reason), answer


# --- nothing runs

def attacks(command):
    """Pickles that run the command in a pickle.loads; name -> pickle."""
    run = text(command)
    system = glob("os", "system")
    yield "global", call(system, run)
    yield "posix", call(glob("posix", "system"), run)
    yield "builtins eval", call(glob("builtins", "eval"),
                                text("__import__('os').system(%r)" % command))
    yield "python 2 exec", call(glob("__builtin__", "exec"),
                                text("import os; os.system(%r)" % command))
    yield "stack global", call(stack_global("os", "system"), run)
    yield "dotted", call(stack_global("os", "path.os.system"), run)
    yield "dotted builtins", call(
        stack_global("builtins", "__import__"), text("os"))
    yield "inst", b"(" + run + b"ios\nsystem\n"
    yield "obj", b"(" + system + run + b"o"
    yield "new", new(glob("subprocess", "Popen"), run)
    yield "new ex", glob("subprocess", "Popen") + tup(run) + dct(
        (text("shell"), b"\x88")) + b"\x92"
    yield "getattr", call(call(glob("builtins", "getattr"),
                               call(glob("builtins", "__import__"),
                                    text("os")), text("system")), run)
    yield "partial", call(call(glob("functools", "partial"), system, run))
    yield "setstate", build(build(new(glob("a", "B")), dct(
        (text("__setstate__"), system))), run)
    yield "setstate in slots", build(build(new(glob("a", "B")), tup(
        b"N", dct((text("__setstate__"), system)))), run)
    yield "append", (build(new(glob("a", "B")), dct((text("append"),
                                                     system))) + run + b"a")
    yield "extend", (build(new(glob("a", "B")), dct((text("extend"),
                                                     system)))
                     + b"(" + run + b"e")
    yield "setitem", (build(new(glob("a", "B")),
                            dct((text("__setitem__"), system)))
                      + run + b"Ns")
    yield "codecs", call(glob("_codecs", "lookup"), text("idna"))
    yield "reconstructor", call(glob("copyreg", "_reconstructor"),
                                glob("subprocess", "Popen"),
                                glob("builtins", "object"), b"N")
    yield "newobj by name", call(glob("copyreg", "__newobj__"),
                                 glob("subprocess", "Popen"), run)
    yield "default factory", (call(glob("collections", "defaultdict"),
                                   system) + text("a") + b"Ns")
    yield "from_type", call(glob("torch._tensor", "_rebuild_from_type_v2"),
                            system, glob("torch", "Tensor"), tup(run), b"N")
    yield "reduce_graph_module", call(
        glob("torch.fx.graph_module", "reduce_graph_module"),
        dct((text("_code"), text("import os; os.system(%r)" % command))),
        text("import os; os.system(%r)" % command))
    yield "load_from_bytes", call(
        glob("torch.storage", "_load_from_bytes"),
        b"C\x10" + b"cos\nsystem\n(tR.  "[:16])
    yield "torch.load", call(glob("torch.serialization", "load"), run)
    yield "timeit", call(glob("timeit", "timeit"), text(
        "import os; os.system(%r)" % command))
    yield "runpy", call(glob("runpy", "_run_code"), text("1"), dct())
    yield "pty", call(glob("pty", "spawn"), run)
    yield "import side effects", new(glob("antigravity", "x"))
    yield "find_class", call(glob("restricted", "find_class"), run)
    yield "our own names", call(glob("restricted", "Tensor"), run)
    yield "main", call(glob("__main__", "x"), run)
    yield "sys.modules", stack_global("sys", "modules")


ATTACKS = dict(attacks("touch pwned"))


@pytest.mark.parametrize("where", ["top", "attribute", "parameter", "memo"])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_attack(tmp_path, attack, where, helper):
    """As the result, or as a value: refused.  As an attribute: inert."""
    if where == "top":
        body = attack
    elif where == "parameter":
        body = module_of(parameters=[(text("w"), tensor()),
                                     (text("evil"), attack)])
    elif where == "attribute":
        body = module_of(parameters=[(text("w"), tensor())],
                         extra=[(text("evil"), attack)])
    else:
        body = attack + b"q\x200" + dct((text("w"), tensor()))
    before = children_and_files(helper)
    answer = helper.ask(whole(body, 4))
    assert children_and_files(helper) == before
    assert not os.path.exists("pwned")
    if where in ("top", "parameter"):
        assert answer.verdict in ("UNSUPPORTED", "CORRUPT"), answer
        if answer.verdict == "UNSUPPORTED" and where == "parameter":
            assert answer.where == "evil"
    elif answer.verdict == "INDEX":
        assert answer.keys == ["w"]
    else:
        assert answer.verdict == "CORRUPT"
    assert helper.ask(state_of(tensor())).keys == ["a"]


def children_and_files(helper):
    proc = pathlib.Path(f"/proc/{helper.process.pid}")
    children = (proc / f"task/{helper.process.pid}/children").read_text()
    maps = [line.split()[-1] for line in
            (proc / "maps").read_text().splitlines() if ".so" in line]
    return children, sorted(os.listdir(proc / "fd")), sorted(set(maps))


def test_attacks_do_run_in_an_ordinary_unpickler(tmp_path, monkeypatch):
    """Proves that the table above attacks something."""
    monkeypatch.chdir(tmp_path)
    harmful = 0
    for name in "global", "stack global", "inst", "obj", "dotted", "partial":
        with pytest.MonkeyPatch.context() as patch:
            called = []
            patch.setattr(os, "system", called.append)
            pickle.loads(whole(ATTACKS[name], 4))
            harmful += called == ["touch pwned"]
    assert harmful == 6


def test_shadowed_methods_of_dicts(helper):
    """State on a dict cannot change how we read it."""
    shadowed = build(ORDERED_DICT + b"(" + text("w") + tensor() + b"u", dct(
        (text("items"), glob("os", "system")), (text("get"), b"N"),
        (text("__class__"), glob("a", "B"))))
    assert helper.ask(whole(shadowed)).keys == ["w"]
    body = module_of(extra=[(text("x"), shadowed)])
    assert helper.ask(whole(body)).verdict == "INDEX"


def test_nothing_stays_from_one_pickle_to_the_next(helper):
    first = helper.ask_raw(saved(nn.Linear(1, 1)))
    for attack in ATTACKS.values():
        helper.ask(whole(attack, 4))
    linear = glob("torch.nn.modules.linear", "Linear")
    for state in (dct((text("origin"), text("x"))),
                  tup(b"N", dct((text("origin"), text("x"))))):
        helper.ask(whole(build(linear, state)))
        helper.ask(whole(build(new(linear), state)))
    assert helper.ask_raw(saved(nn.Linear(1, 1))) == first


# --- limits

def test_long_bytes(helper):
    answer = helper.ask(whole(b"\x8e" + b"\xff" * 7 + b"\x0f", 4))
    assert answer.verdict in ("LIMIT", "CORRUPT")


def test_too_many_globals(helper):
    body = b"".join(glob("m", f"C{i}") + b"0" for i in range(5001))
    answer = helper.ask(whole(body + b"N"))
    assert answer.verdict == "LIMIT" and "5000 globals" in answer.reason
    body = b"".join(glob("m", f"C{i}") + b"0" for i in range(4900))
    assert helper.ask(whole(body + b"N")).verdict == "UNSUPPORTED"


def test_long_global(helper):
    answer = helper.ask(whole(glob("m" * 600, "C" * 600)))
    assert answer.verdict == "LIMIT" and "1200" in answer.reason


def test_deep_modules(helper):
    def chain(depth):
        body = module_of(parameters=[(text("w"), tensor())])
        for _ in range(depth):
            body = module_of(modules=[(text("m"), body)])
        return whole(body)

    answer = helper.ask(chain(900))
    assert answer.keys == ["m." * 900 + "w"]
    assert helper.ask(chain(1100)).verdict == "LIMIT"


def shared_levels(levels, name="a"):
    """Each level holds the one below twice: 2^levels paths."""
    body = module_of(parameters=[(text("w"), tensor())])
    for level in range(levels):
        put = b"r" + struct.pack("<I", level)
        get = b"j" + struct.pack("<I", level)
        body = module_of(modules=[(text(name), body + put),
                                  (text("b"), get)])
    return whole(body)


def test_exponential_modules(helper):
    assert len(helper.ask(shared_levels(10)).keys) == 1024
    assert helper.ask(shared_levels(50)).verdict == "LIMIT"
    assert helper.ask(shared_levels(12, "n" * 9000)).verdict == "LIMIT"


@pytest.mark.parametrize("function, large", [
    (glob("collections", "OrderedDict"),
     dct(*((integer(i), b"N") for i in range(20_000)))),
    (glob("collections", "Counter"), lst(*[tup(text("a"), b"N")] * 20_000)),
    (glob("builtins", "set"), lst(*[b"N"] * 20_000)),
    (glob("torch", "Size"), tup(*[b"N"] * 20_000)),
    (glob("builtins", "bytearray"), b"B" + struct.pack("<I", 50_000)
     + bytes(50_000)),
    (glob("a", "B"), tup(*[b"N"] * 20_000)),
], ids=lambda value: value[1:20].decode("latin1"))
def test_copies_without_end(helper, function, large):
    """A call is five bytes, what it copies is as large as you like."""
    body = function + b"q\x010" + large + b"\x85q\x020]("
    if b"B" in function[2:]:
        body = function + b"q\x010" + large + b"q\x020]("
    answer = helper.ask(whole(body + b"h\1h\2R" * 5000 + b"e"))
    assert answer.verdict == "LIMIT" and "copies" in answer.reason
    assert helper.ask(whole(body + b"h\1h\2Re")).verdict == "UNSUPPORTED"


def test_encode_without_end(helper):
    body = (glob("_codecs", "encode") + b"q\x010" + text("a" * 50_000)
            + text("latin1") + b"\x86q\x020](" + b"h\1h\2R" * 5000 + b"e")
    assert helper.ask(whole(body)).verdict == "LIMIT"


def test_getattr_without_end(helper):
    get = glob("builtins", "getattr")
    body = b"q\x010" + glob("a", "B") + b"q\x020"
    for _ in range(10):
        body += b"h\1h\2" + text("n" * 200) + b"\x86Rq\x020"
    assert helper.ask(whole(get + body + b"h\2")).verdict == "LIMIT"
    body = b"".join(b"h\1h\2" + text(str(i)) + b"\x86R0"
                    for i in range(6000))
    answer = helper.ask(whole(get + b"q\x010" + glob("a", "B") + b"q\x020"
                              + body + b"N"))
    assert answer.verdict == "LIMIT"


def test_states_without_end(helper):
    body = new(glob("a", "B")) + b"Nb" * 500_000
    assert helper.ask(whole(body)).verdict == "UNSUPPORTED"


def test_names_without_end(helper):
    """One large dict or set in very many modules."""
    for large in (text("_non_persistent_buffers_set"), lst(*[
            text(str(i)) for i in range(20_000)])), (
                text("_state_dict_hooks"),
                dct(*((integer(i), new(glob(
                    "torch.nn.utils.spectral_norm",
                    "SpectralNormStateDictHook"))) for i in range(20_000)))):
        shared = dct((text("_parameters"), dct()), (text("_buffers"), dct()),
                     (text("_modules"), dct()), (large[0], (
                         call(glob("builtins", "set"), large[1])
                         if b"hooks" not in large[0] else large[1])))
        modules = [(text("0"), build(new(glob("a", "B")),
                                     shared + b"r\0\0\1\0"))]
        modules += [(text(str(i)), build(new(glob("a", "B")),
                                         b"j\0\0\1\0"))
                    for i in range(1, 3000)]
        answer = helper.ask(whole(module_of(modules=modules)))
        assert answer.verdict == "LIMIT", answer


def test_one_tensor_under_many_names(helper):
    ones = tup(*[integer(1)] * 64)
    body = dct((text("t"), tensor(size=ones, stride=ones) + b"q\7"),
               *((text(f"{i}"), b"h\7") for i in range(60_000)))
    answer = helper.ask(whole(body))
    assert answer.verdict == "LIMIT" and "proportion" in answer.reason


def test_deep_data_elsewhere(helper):
    for deep in (b"]" * 100_000 + b"a" * 99_999, b")" + b"\x85" * 100_000,
                 b"N" + b"\x85" * 1_000_000):
        body = module_of(parameters=[(text("w"), tensor())],
                         extra=[(text("deep"), deep)])
        assert helper.ask(whole(body)).keys == ["w"]
        assert helper.ask(state_of(deep)).verdict == "UNSUPPORTED"
        assert helper.ask(whole(deep)).verdict == "UNSUPPORTED"


def test_deep_parameters_and_types(helper):
    """Nested where we call: no recursion of ours without a bound."""
    parameter = glob("torch._utils", "_rebuild_parameter")
    body = tensor()
    for _ in range(3000):
        body = parameter + b"(" + body + b"\x88NtR"
    assert helper.ask(state_of(body)).keys == ["a"]
    old = glob("torch.autograd.variable", "Variable")
    body = tensor()
    for _ in range(3000):
        body = old + b"(" + body + b"tR"
    assert helper.ask(state_of(body)).verdict == "UNSUPPORTED"
    rebuild = glob("torch._tensor", "_rebuild_from_type_v2") + b"q\x010"
    args = tup()
    for _ in range(3000):
        args = tup(b"h\x01", b"N", args, b"N")
    answer = helper.ask(whole(rebuild + dct((text("a"), b"h\x01" + args
                                             + b"R"))))
    assert answer.verdict in ("LIMIT", "CORRUPT", "UNSUPPORTED")


def test_objects_that_contain_themselves(helper):
    me = new(glob("a", "B")) + b"q\x07"
    for state in b"h\x07", dct((text("me"), b"h\x07")):
        body = module_of(parameters=[(text("w"), tensor())],
                         extra=[(text("loop"), build(me, state))])
        assert helper.ask(whole(body)).keys == ["w"]
    old = build(new(PARAMETER) + b"q\x07",
                tup(b"h\x07", b"N", b"N", b"N", b"N"))
    assert helper.ask(state_of(old)).verdict == "UNSUPPORTED"
    net = build(new(glob("a", "B")) + b"q\x07", b"h\x07")
    assert helper.ask(whole(net)).verdict == "UNSUPPORTED"


def test_large_state_dict(helper):
    state = {f"layers.{i}.weight": torch.zeros(1) for i in range(20_000)}
    assert_same(helper.ask(saved(state)), state)


def test_mutated_pickles_never_end_the_helper(helper):
    r = random.Random(1)
    seeds = [saved(Extras(), protocol) for protocol in (2, 4)]
    seeds += [state_of(form) for form in OLD_FORMS.values()]
    seeds += [whole(attack, 4) for attack in ATTACKS.values()]
    alphabet = bytes(range(256)) + b"bR\x81\x92\x93scaeuQqhr()\x85\x86\x94" * 9
    for _ in range(20_000):
        pickled = bytearray(r.choice(seeds))
        for _ in range(r.randint(1, 4)):
            at = r.randrange(len(pickled))
            if r.random() < .5:
                pickled[at] = r.choice(alphabet)
            elif r.random() < .5:
                del pickled[at:at + r.randint(1, 9)]
            else:
                pickled[at:at] = bytes(r.choices(alphabet, k=r.randint(1, 4)))
            if not pickled:
                break
        # Memo indexes are the pre-scan's business: they cost memory only.
        if re.search(rb"r...[\x01-\xff]", pickled, re.S):
            continue
        helper.ask(bytes(pickled))


# --- Python objects as attributes, in every protocol

class Plain:
    def __init__(self):
        self.x = 1


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a = 1


@dataclasses.dataclass
class Data:
    x: int = 1
    y: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlots:
    x: int = 1


class ListChild(list):
    pass


class DictChild(dict):
    pass


class SetChild(set):
    pass


class IntChild(int):
    pass


class StrChild(str):
    pass


class TupleChild(tuple):
    pass


class OrderedChild(collections.OrderedDict):
    pass


Point = collections.namedtuple("Point", "x y")


class Typed(typing.NamedTuple):
    x: int = 1


class Color(enum.Enum):
    RED = 1
    BLUE = "blue"


class Number(enum.IntEnum):
    ONE = 1


class Bits(enum.Flag):
    A = 1
    B = 2


class WithNewargsEx:
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __getnewargs_ex__(self):
        return (1, 2), {"k": 3}


class WithReduce:
    def __reduce__(self):
        return WithReduce, (), {"s": 1}, iter([1, 2]), iter([("k", "v")])

    def append(self, item):
        pass

    def __setitem__(self, key, value):
        pass


class WithSetstate:
    def __getstate__(self):
        return [1, 2]

    def __setstate__(self, state):
        pass


class SelfDict(dict):
    """An attribute dict: its state is itself."""

    def __init__(self, *args):
        super().__init__(*args)
        self.__dict__ = self


class Outer:
    class Inner:
        def __init__(self):
            self.x = 1


class CopyregKnown:
    pass


copyreg.pickle(CopyregKnown, lambda value: (CopyregKnown, ()))


def a_function():
    pass


def python_objects():
    yield from {
        "plain": Plain(), "slotted": Slotted(), "dataclass": Data(),
        "frozen slots": FrozenSlots(), "list child": ListChild([1, 2]),
        "dict child": DictChild(a=1), "set child": SetChild([1, 2]),
        "int child": IntChild(3), "str child": StrChild("x"),
        "tuple child": TupleChild((1, 2)), "ordered child": OrderedChild(a=1),
        "namedtuple": Point(1, 2), "typed tuple": Typed(),
        "enum": Color.RED, "str enum": Color.BLUE, "int enum": Number.ONE,
        "flag": Bits.A | Bits.B, "enum class": Color,
        "newargs_ex": WithNewargsEx(), "reduce with items": WithReduce(),
        "setstate": WithSetstate(), "self dict": SelfDict([("a", 1)]),
        "nested class": Outer.Inner(), "nested class itself": Outer.Inner,
        "copyreg": CopyregKnown(), "function": a_function,
        "exception": ValueError("x", 1), "os error": OSError(2, "no", "f"),
        "decimal": decimal.Decimal("1.5"),
        "fraction": fractions.Fraction(1, 3),
        "datetime": datetime.datetime(2025, 1, 2, 3, 4, 5, 6,
                                      datetime.timezone.utc),
        "date": datetime.date(2025, 1, 2), "time": datetime.time(1, 2),
        "timedelta": datetime.timedelta(days=1, microseconds=3),
        "ip": ipaddress.ip_address("::1"), "uuid": uuid.UUID(int=5),
        "partial": functools.partial(print, 1, end=""),
        "ordered dict": collections.OrderedDict(a=1),
        "counter": collections.Counter("abca"),
        "defaultdict": collections.defaultdict(list, {"a": [1]}),
        "deque": collections.deque([1, 2], maxlen=4),
        "chain map": collections.ChainMap({"a": 1}, {"b": 2}),
        "user dict": collections.UserDict(a=1),
        "posix path": pathlib.PurePosixPath("/a/b"),
        "windows path": pathlib.PureWindowsPath("c:/a"),
        "set": {1, "a", (2, 3)}, "frozenset": frozenset(["a"]),
        "empty set": set(), "bytes": b"\x00\xff", "empty bytes": b"",
        "bytearray": bytearray(b"ab\xff"), "complex": 1 + 2j,
        "range": range(3), "slice": slice(1, None), "ellipsis": ...,
        "not implemented": NotImplemented, "type(None)": type(None),
        "type": int, "logger": logging.getLogger("x"),
        "pattern": re.compile("a+", re.I), "namespace": argparse.Namespace(
            a=1), "simple namespace": types.SimpleNamespace(a=1),
        "builtin": len, "bound method": [1].append, "method": "a".join,
        "big int": 1 << 5000, "negative": -(1 << 70), "float": 1e-300,
        "nan": math.nan, "surrogate": "\udc80", "long text": "é" * 70_000,
        "typing": typing.Optional[int], "union": int | str,
        "generic alias": list[int], "typing any": typing.Any,
        "numpy array": numpy.arange(5), "numpy 0-dim": numpy.float32(1.5),
        "numpy bool": numpy.bool_(True), "numpy str": numpy.str_("ab"),
        "numpy object": numpy.array([1, "a"], dtype=object),
        "numpy structured": numpy.zeros(2, dtype=[("a", "f4")]),
        "numpy dtype": numpy.dtype("f8"), "numpy fortran":
            numpy.asfortranarray(numpy.ones((2, 3))),
        "numpy random": numpy.random.RandomState(1).get_state(),
        "numpy generator": numpy.random.default_rng(1),
        "device": torch.device("cuda", 0), "dtype": torch.float32,
        "size": torch.Size([1, 2]), "layout": torch.strided,
        "generator": torch.Generator(), "tensor": torch.ones(2),
        "qscheme": torch.per_tensor_affine,
        "optimizer": torch.optim.SGD([torch.ones(1)], lr=0.1),
        "module class": nn.Linear, "torch function": torch.relu,
        "pydantic": Small(x=1), "random state": random.Random(1).getstate(),
    }.items()


class Small(pydantic.BaseModel):
    x: int = 0


OBJECTS = dict(python_objects())


class PlainHolder(nn.Module):
    """Pickles under torch's own class name of the same layout."""


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", OBJECTS)
def test_object_as_attribute(helper, name, protocol):
    value = OBJECTS[name]
    module = PlainHolder()
    module.register_buffer("w", torch.ones(2))
    module.cycle = [module, value]
    module.value = value
    module.as_key = {0: value}
    try:
        if protocol:
            pickled = saved(module, protocol)
        else:       # torch cannot; a plain pickle has no tensors
            pickled = pickle.dumps({"value": value, "again": [value]}, 0)
    except Exception as error:
        pytest.skip(f"cannot be saved: {error}")
    answer = helper.ask(pickled)
    if not protocol:
        assert answer.verdict == "UNSUPPORTED", answer
        assert answer.where == "value" or "tensor" in name
        return
    assert answer.verdict == "INDEX", answer
    assert answer.keys == ["w"]
    again = helper.ask(saved({"t": torch.ones(1), "v": value}, protocol)) \
        if "tensor" not in name else None
    if again:
        assert again.verdict == "UNSUPPORTED" and again.where == "v"


# --- the architecture text

def to_spec(config):
    """Independent: from the living objects, through pydantic itself."""
    def ordered(value):
        if isinstance(value, dict):
            return {key: ordered(value[key]) for key in sorted(value)}
        if isinstance(value, list):
            return [ordered(item) for item in value]
        return value

    def path(value):
        return f"{type(value).__module__}.{type(value).__qualname__}"

    def with_class(value):
        return dict(value.model_dump(mode="json"), class_path=path(value))

    plain = config.model_dump(mode="json")
    plain.pop("class_path", None)
    if "components" in plain:
        plain["components"] = [with_class(c) for c in config.components]
    if plain.get("action_probs_config") is not None:
        plain["action_probs_config"] = with_class(config.action_probs_config)
    plain = ordered(plain)
    if not plain:
        return path(config)
    return (path(config) + "("
            + ", ".join(f"{key}={plain[key]!r}" for key in plain) + ")")


class Component(pydantic.BaseModel):
    in_key: str = "in"
    name: str = "it's"


class Actor(Component):
    sizes: tuple[int, ...] = (1, 2)
    scale: float = 6.28


@dataclasses.dataclass
class Block:
    width: int = 3
    rates: tuple = (0.1, 1e-05)
    kind: Color = Color.BLUE
    inner: typing.Any = None


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    class_path: str = "some.Policy"
    components: list[pydantic.SerializeAsAny[Component]] = []
    action_probs_config: pydantic.SerializeAsAny[Component] | None = None
    z: typing.Any = None
    a: dict[str, typing.Any] = {}
    _private: int = pydantic.PrivateAttr(5)


class Everything(Model):
    number: int = 1 << 70
    rate: float = 1e22
    flags: tuple[bool, None] = (True, None)
    color: Color = Color.RED
    one: Number = Number.ONE
    block: Block = Block(inner=Block())
    quoted: str = "both ' and \" \n\t\\ ünïcödé \U0001f600\x7f\u2028"
    raw: bytes = b"abc"
    numbers: set[int] = {3, 1, 2}
    words: frozenset[str] = frozenset(["a"])
    keys: dict[typing.Any, int] = {1: 2, "b": 3, True: 1, None: 4}
    nested: Component = Actor()
    class Config:
        pass


class Nothing(pydantic.BaseModel):
    pass


class OnlyClassPath(pydantic.BaseModel):
    class_path: str = "x"


class Nest:
    class Deep(pydantic.BaseModel):
        x: int = 1


class Policy(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.w = nn.Parameter(torch.ones(1))


def configs():
    yield Nothing()
    yield OnlyClassPath()
    yield Nest.Deep()
    yield Model()
    yield Model(components=[Component(), Actor(name='"'), Component()],
                action_probs_config=Actor(in_key="logits"),
                a={"z": [1, (2, 3)], "b": {"y": 1, "x": {}}},
                z={"deep": [Component(), {"k": Actor()}]})
    for value in (0.1, -0.0, 1e300, 5e-324, 1 / 3, 100.0, 123456789.123,
                  True, None, -5, "", "\x00", [[]], ((),), {"": {}}):
        yield Model(z=value)


def without_subclass_loss(config):
    # Everything.nested is declared Component and holds an Actor: what
    # pydantic drops then is not in the pickle, so such fields are not tested.
    return config.model_copy(update={"nested": Component()})


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_architecture(helper, protocol):
    everything = without_subclass_loss(Everything())
    for config in [*configs(), everything]:
        answer = helper.ask(saved(Policy(config), protocol))
        assert answer.architecture == to_spec(config), answer
        assert answer.notes == []


def test_architecture_inside_wrappers(helper):
    policy = Policy(Model(z=1))
    for wrapped in (nn.DataParallel(policy), torch.compile(policy),
                    nn.DataParallel(torch.compile(policy))):
        assert helper.ask(saved(wrapped)).architecture == to_spec(
            policy.config)
    sequence = nn.Sequential(policy)
    assert helper.ask(saved(sequence)).architecture is None


def random_value(r, depth=0):
    kinds = [
        lambda: r.randint(-10 ** r.randint(0, 30), 10 ** r.randint(0, 30)),
        lambda: struct.unpack("<d", r.randbytes(8))[0],
        lambda: r.uniform(-10, 10), lambda: r.choice([None, True, False]),
        lambda: "".join(chr(r.choice([r.randint(0, 127),
                                      r.randint(0xa0, 0x2fff), 39, 34, 92]))
                        for _ in range(r.randint(0, 8))),
        lambda: r.choice([Color.RED, Color.BLUE, Number.ONE]),
    ]
    if depth < 4:
        def many(kind):
            return kind(random_value(r, depth + 1)
                        for _ in range(r.randint(0, 4)))
        kinds += [lambda: many(list), lambda: many(tuple),
                  lambda: {random_name(r): random_value(r, depth + 1)
                           for _ in range(r.randint(0, 4))},
                  lambda: Block(inner=random_value(r, depth + 1)),
                  lambda: Model(z=random_value(r, depth + 1))]
    value = r.choice(kinds)()
    if isinstance(value, float) and not math.isfinite(value):
        return 0.5
    return value


def random_name(r):
    return "".join(r.choices("abcé_", k=r.randint(1, 4)))


def test_random_architectures(helper):
    r = random.Random(5)
    for number in range(400):
        config = Model(z=random_value(r), a={
            random_name(r): random_value(r) for _ in range(4)},
            components=[r.choice([Component, Actor])()
                        for _ in range(r.randint(0, 3))])
        answer = helper.ask(saved(Policy(config), r.choice([2, 3, 4, 5])))
        assert answer.architecture == to_spec(config), answer


def test_floats_print_as_python_does(helper):
    r = random.Random(6)
    values = [struct.unpack("<d", r.randbytes(8))[0] for _ in range(100_000)]
    values = [value for value in values if math.isfinite(value)][:90_000]
    for start in range(0, len(values), 30_000):
        config = Model(z=values[start:start + 30_000])
        answer = helper.ask(saved(Policy(config)))
        assert answer.architecture == to_spec(config), answer.notes


class Odd(Model):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True,
                                       extra="allow")


@pytest.mark.parametrize("value, reason", [
    (math.inf, "z: inf has no literal"),
    ([1, math.nan], "z: nan has no literal"),
    (torch.float32, "z: a Dtype"), (torch.ones(1), "z: a tensor"),
    (numpy.float32(1), "numpy"), (print, "print"),
    (decimal.Decimal(1), "decimal Decimal"),
    (FrozenSlots(), "FrozenSlots"), (Slotted, "Slotted"),
    ({(1, 2): 3}, "dict key of type tuple"), ({1.5: 3}, "type float"),
    (1 << 20_000, "20001 bits"),
    ("x" * (1 << 20), "exceeds 1048576"),
], ids=lambda value: repr(value)[:30] if type(value) is str else type(value).__name__)
def test_no_architecture_and_why(helper, value, reason):
    config = Odd.model_construct(z=value)
    answer = helper.ask(saved(Policy(config)))
    assert answer.keys == ["w"]
    assert answer.architecture is None
    assert len(answer.notes) == 1 and reason in answer.notes[0], answer.notes


def test_config_of_other_kinds(helper):
    for value in Plain(), {"a": 1}, argparse.Namespace(a=1), 5, Data():
        answer = helper.ask(saved(Policy(value)))
        assert answer.keys == ["w"] and answer.architecture is None
        assert "not a model" in answer.notes[0]
    answer = helper.ask(saved(Policy(None)))
    assert answer.architecture is None and answer.notes == []


def test_hostile_configs(helper):
    cyclic = Model()
    cyclic.z = [cyclic]
    wide = []
    for _ in range(60):
        wide = [wide, wide]
    deep = []
    for _ in range(150):
        deep = [deep]
    for value in cyclic.z, wide, deep:
        config = Model.model_construct(z=value)
        answer = helper.ask(saved(Policy(config)))
        assert answer.keys == ["w"] and answer.architecture is None
        assert len(answer.notes) == 1
