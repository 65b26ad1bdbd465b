"""What mpt-unpickler answers: modules, state dicts, refusals."""

import datetime
import os
import pathlib
import random
import re
import subprocess

import pytest
import torch
import torch.nn.utils.prune
from torch import nn

import unpickler_client
from pickle_maker import (FALSE, ORDERED_DICT, build, call, dct, get, glob,
                          integer, lst, module_of, new, put, saved,
                          state_dict, storage, tensor, text, tup, whole)
from unpickler_client import Helper, parse_answer

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
    for row, value in zip(answer.tensors, state.values()):
        data = value.untyped_storage()
        by_pointer.setdefault(data._cdata, set()).add(row.storage)
        _, cls, numel = answer.storages[row.storage]
        dtype = getattr(torch, STORAGE_DTYPES[cls])
        assert numel * dtype.itemsize == data.nbytes()
    assert all(len(numbers) == 1 for numbers in by_pointer.values())


# --- the protocol

def constants(header, enum):
    body = re.search(r"enum unpickler_%s \{(.*?)\}" % enum, header, re.S)[1]
    return re.findall(r"UNPICKLER_([A-Z_]+) = (\d+)", body)


def test_constants_agree_with_the_header():
    header = (ROOT / "convert/unpickler/protocol.h").read_text()
    verdicts = constants(header, "verdict")
    assert tuple(name for name, _ in verdicts) == unpickler_client.VERDICTS
    assert [int(number) for _, number in verdicts] == list(range(len(verdicts)))
    for name, number in constants(header, "layout"):
        assert getattr(unpickler_client, name) == int(number)
    assert re.search(r"UNPICKLER_ANSWER_LIMIT \(512u << 20\)", header)


@pytest.mark.parametrize("request_body", [
    b"", b"\0", b"\0\0\0\0", b"\0\1\0\0\0", b"\4\0\0\0\0N.",
    b"\0\xff\xff\xff\xff", b"\xff\0\0\0\0"])
def test_malformed_request(helper, request_body):
    answer = parse_answer(helper.send(request_body))
    assert answer.verdict == "CORRUPT" and "request" in answer.reason


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
    path = unpickler_client.helper_path()
    run = subprocess.run([path], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True)
    assert run.returncode == 2 and "mpt-convert" in run.stderr
    run = subprocess.run([path, "--version"], capture_output=True, text=True)
    assert re.fullmatch(r"mpt-unpickler \S+ \(Python 3\.\d+\.\S+\)\n",
                        run.stdout)


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ,
                    reason="AddressSanitizer keeps freed memory for a while")
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
def test_state_dict_parametrized(helper, protocol):
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
            assert answer.reason == "an empty dict, not a state dict"


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


def test_non_persistent_set_that_is_none(helper):
    """It says which buffers are weights, so that nothing else will do."""
    for value in b"N", lst(text("b")), new(glob("mine", "set")):
        inner = module_of(buffers=[(text("b"), tensor())], extra=[
            (text("_non_persistent_buffers_set"), value)])
        answer = helper.ask(whole(module_of(modules=[(text("m"), inner)])))
        assert answer.verdict == "UNSUPPORTED" and answer.where == "m"
        assert "_non_persistent_buffers_set" in answer.reason


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
    "metadata": tensor(extra=(dct((text("other"), b"N")),)),
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
    answer = helper.ask(state_dict(form))
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
    answer = helper.ask(state_dict(tensor(storage(cls=name, module=module))))
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
    answer = helper.ask(state_dict(form))
    assert geometry(answer) == [("a", dtype, (), (), 0, 0)]


# --- refusals: verdict, a part of the reason, the key

def quantized():
    return torch.quantize_per_tensor(torch.ones(2), .1, 0, torch.quint8)


def odd_id(*items):
    """A tensor whose storage has these items after the tag and class."""
    return tensor(tup(text("storage"), glob("torch", "FloatStorage"), *items)
                  + b"Q")


def v3(dtype):
    return call(glob("torch._utils", "_rebuild_tensor_v3"), storage(),
                integer(0), tup(), tup(), FALSE, ORDERED_DICT, dtype)


def from_type(function, cls):
    return call(glob("torch._tensor", "_rebuild_from_type_v2"), function, cls,
                tup(), tup(b"N", dct()))


def module_in(name, inner):
    return whole(module_of(modules=[(text(name), inner)]))


OPTIMIZER = (text("optimizer"),
             dct((text("state"), dct((integer(0), tensor())))))
MODULE_CYCLE = build(put(new(glob("any", "Net")), 0), dct(
    (text("_parameters"), dct()), (text("_buffers"), dct()),
    (text("_modules"),
     dct((text("me"), module_of(modules=[(text("again"), get(0))]))))))
ONES = tup(*[integer(1)] * 65)

REFUSALS = [
    # values that are no tensors
    ("int", state_dict(integer(3)), "UNSUPPORTED", "type int", "a"),
    ("None", state_dict(b"N"), "UNSUPPORTED", "type NoneType", "a"),
    ("any object", state_dict(tensor(), new(glob("any.where", "Thing"))),
     "UNSUPPORTED", "type any.where Thing", "b"),
    ("class", state_dict(glob("os", "system")),
     "UNSUPPORTED", "type os system", "a"),
    ("bare storage", state_dict(storage()),
     "UNSUPPORTED", "type storage", "a"),
    # tensors without a place in the output
    ("quantized", saved({"q": quantized()}), "UNSUPPORTED", "quantized", "q"),
    ("sparse", saved({"s": torch.eye(2).to_sparse()}),
     "UNSUPPORTED", "sparse", "s"),
    ("csr", saved({"s": torch.eye(2).to_sparse_csr()}),
     "UNSUPPORTED", "sparse", "s"),
    ("meta", saved({"m": torch.ones(2, device="meta")}),
     "UNSUPPORTED", "meta", "m"),
    ("meta storage", state_dict(tensor(storage(location="meta"))),
     "UNSUPPORTED", "meta", "a"),
    ("nested", saved({"n": torch.nested.nested_tensor(
        [torch.ones(2), torch.ones(3)])}), "UNSUPPORTED", "nested", "n"),
    ("lazy", saved(nn.Sequential(nn.LazyLinear(3))),
     "UNSUPPORTED", "lazy", "0.weight"),
    ("wrapper subclass", state_dict(from_type(
        glob("torch._utils", "_rebuild_wrapper_subclass"),
        glob("torch.distributed.tensor", "DTensor"))),
     "UNSUPPORTED", "torch.distributed.tensor DTensor", "a"),
    ("rebuilt by another function", state_dict(from_type(
        glob("mine", "rebuild"), glob("mine", "Sub"))),
     "UNSUPPORTED", "mine Sub", "a"),
    ("unknown dtype", state_dict(v3(glob("torch", "uint1"))),
     "UNSUPPORTED", "torch uint1", "a"),
    # keys
    ("int key", whole(dct((integer(1), tensor()))),
     "UNSUPPORTED", "key of type int", ""),
    ("object as key", whole(dct((new(glob("any", "B")), tensor()))),
     "UNSUPPORTED", "key of type any B", ""),
    ("surrogate in a key", whole(dct((text("x\udc80"), tensor()))),
     "UNSUPPORTED", "not Unicode", "x\\udc80"),
    # the top object
    ("empty dict", whole(dct()), "UNSUPPORTED", "empty dict", ""),
    ("tensor", whole(tensor()), "UNSUPPORTED", "type tensor", ""),
    ("list", whole(lst(tensor())), "UNSUPPORTED", "type list", ""),
    ("trainer state", whole(dct(OPTIMIZER, (text("epoch"), integer(3)),
                                (text("avg_reward"), tensor()))),
     "NOT_A_POLICY", "optimizer", ""),
    # modules
    ("quantized module", whole(module_of(
        cls=("torch.ao.nn.quantized.modules.linear", "Linear"))),
     "UNSUPPORTED", "torch.ao.nn.quantized.modules.linear Linear", ""),
    ("fsdp", module_in("m", module_of(
        cls=("torch.distributed.fsdp.fully_sharded_data_parallel",
             "FullyShardedDataParallel"))),
     "UNSUPPORTED", "FullyShardedDataParallel", "m"),
    ("parameter", whole(module_of(parameters=[(text("p"), integer(1))])),
     "UNSUPPORTED", "type int", "p"),
    ("child", module_in("x", module_of(
        modules=[(text("y"), glob("os", "system"))])),
     "UNSUPPORTED", "not a module", "x.y"),
    ("name", module_in("x", module_of(parameters=[(integer(1), tensor())])),
     "UNSUPPORTED", "name of type int", "x"),
    ("module cycle", whole(MODULE_CYCLE),
     "UNSUPPORTED", "contains itself", "me.again"),
    # persistent ids
    ("unknown storage class", state_dict(tensor(storage(cls="OddStorage"))),
     "UNSUPPORTED", "torch OddStorage", ""),
    ("storage class of another module",
     state_dict(tensor(storage(module="evil.mod"))),
     "UNSUPPORTED", "evil.mod FloatStorage", ""),
    ("two counts", state_dict(tensor(), tensor(storage(numel=7))),
     "CORRUPT", "6 elements and 7", ""),
    ("two classes", state_dict(tensor(), tensor(storage(cls="LongStorage"))),
     "CORRUPT", "FloatStorage and a LongStorage", ""),
    ("float as count", state_dict(odd_id(text("0"), text("cpu"),
                                         b"G" + bytes(8))),
     "CORRUPT", "float", ""),
    ("bool as count", state_dict(odd_id(text("0"), text("cpu"), FALSE)),
     "CORRUPT", "bool", ""),
    ("int as key", state_dict(odd_id(integer(0), text("cpu"), integer(6))),
     "CORRUPT", "key of type int", ""),
    ("negative count", state_dict(tensor(storage(numel=-1))),
     "CORRUPT", "of -1 elements", ""),
    ("count of 64 bits", state_dict(tensor(storage(numel=1 << 63))),
     "CORRUPT", "of 9223372036854775808 elements", ""),
    ("count of 10^4 bits", state_dict(tensor(storage(numel=1 << 10_000))),
     "CORRUPT", "a number of 10001 bits", ""),
    ("four items", state_dict(odd_id(text("0"), text("cpu"))),
     "CORRUPT", "4 items", ""),
    ("six items", state_dict(odd_id(text("0"), text("cpu"), integer(6),
                                    b"N")), "CORRUPT", "6 items", ""),
    ("list", state_dict(tensor(lst(text("storage")) + b"Q")),
     "CORRUPT", "no tuple", ""),
    ("another tag", state_dict(tensor(tup(text("reduce_package")) + b"Q")),
     "UNSUPPORTED", "reduce_package", ""),
    # what a tensor is rebuilt from
    ("no storage", state_dict(tensor(b"N")),
     "CORRUPT", "without a storage", "a"),
    ("negative offset", state_dict(tensor(offset=integer(-1))),
     "CORRUPT", "offset is -1", "a"),
    ("bool as offset", state_dict(tensor(offset=FALSE)),
     "CORRUPT", "offset is bool", "a"),
    ("float as size", state_dict(tensor(size=tup(b"G" + bytes(8),
                                                 integer(3)))),
     "CORRUPT", "size is float", "a"),
    ("huge size", state_dict(tensor(size=tup(integer(1 << 63), integer(3)))),
     "CORRUPT", "size is 9223372036854775808", "a"),
    ("negative stride", state_dict(tensor(stride=tup(integer(3),
                                                     integer(-1)))),
     "CORRUPT", "stride is -1", "a"),
    ("list of sizes", state_dict(tensor(size=lst(integer(6)))),
     "CORRUPT", "no tuple", "a"),
    ("ranks differ", state_dict(tensor(stride=tup(integer(1)))),
     "CORRUPT", "2 sizes but 1 strides", "a"),
    ("rank 65", state_dict(tensor(size=ONES, stride=ONES)),
     "LIMIT", "rank 65", "a"),
    ("list as metadata", state_dict(tensor(extra=(lst(),))),
     "CORRUPT", "metadata", "a"),
    ("number as conj", state_dict(tensor(extra=(
        dct((text("conj"), integer(1))),))),
     "CORRUPT", "conj", "a"),
    ("False as neg", state_dict(tensor(extra=(
        dct((text("neg"), FALSE)),))),
     "CORRUPT", "neg", "a"),
    ("too few arguments", state_dict(call(
        glob("torch._utils", "_rebuild_tensor_v2"))),
     "CORRUPT", "argument", ""),
] + [
    (f"storage key {key!r}", state_dict(tensor(storage(key))),
     "CORRUPT", "storage key", "")
    for key in ("a/b", "..", ".", "", "a" * 65, "\0", "é")
]


@pytest.mark.parametrize("pickled, verdict, reason, where", [
    pytest.param(*row[1:], id=row[0]) for row in REFUSALS])
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
    assert [cls for _, cls, _ in answer.storages] == ["FloatStorage"] * 2


def test_large_state_dict(helper):
    state = {f"layers.{i}.weight": torch.zeros(1) for i in range(20_000)}
    assert_same(helper.ask(saved(state)), state)
