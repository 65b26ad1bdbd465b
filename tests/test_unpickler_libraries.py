"""Modules that hold other libraries' objects, and modules that are not what
their pickle shows: inert or refused by key and class.

Where the library is not there, its classes stand here under their own names,
with the state that theirs have.
"""

import enum
import functools
import sys
import typing

import numpy
import pytest
import torch
from torch import nn

from pickle_maker import (build, call, dct, empty_module, get, glob, integer,
                          lst, module_of, new, put, saved, state_dict, tensor,
                          text, tup, whole)
from test_unpickler import assert_same
from unpickler_client import Helper


@pytest.fixture(scope="module")
def helper():
    with Helper() as running:
        yield running


class Holder(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.w = nn.Parameter(torch.ones(2))
        self.value = value
        self.by_value = {0: [value, self.w]}


@pytest.fixture
def foreign(monkeypatch):
    """foreign("a.b", "C") makes a class C that pickles as one of a.b."""
    def make(module, name, *bases, **attributes):
        cls = type(name, bases, dict(attributes, __module__=module))
        setattr(empty_module(monkeypatch, module), name, cls)
        return cls
    return make


def omegaconf(foreign):
    """DictConfig and ListConfig: each value knows its parent."""
    metadata = foreign("omegaconf.base", "ContainerMetadata")
    node = foreign("omegaconf.nodes", "AnyNode")
    config = foreign("omegaconf.dictconfig", "DictConfig")
    items = foreign("omegaconf.listconfig", "ListConfig")

    def made(cls, content, parent=None):
        one = cls()
        about = metadata()
        vars(about).update(ref_type=typing.Any, object_type=dict, key="k",
                           flags={}, resolver_cache={}, key_type=typing.Any)
        vars(one).update(_content=content, _metadata=about, _parent=parent)
        return one

    top = made(config, {})
    vars(top)["_content"].update(
        lr=made(node, 0.1, top), names=made(items, [made(node, "a", top)],
                                            top), inner=made(config, {}, top))
    return top


def tensordict(foreign):
    cls = foreign("tensordict._td", "TensorDict")
    one, inner = cls(), cls()
    vars(inner).update(_tensordict={"b": torch.ones(1)},
                       _batch_size=torch.Size([1]), _device=None)
    vars(one).update(_tensordict={"a": torch.ones(2), "nest": inner},
                     _batch_size=torch.Size([]), _device=torch.device("cpu"),
                     _td_dim_names=None, _is_locked=False)
    return one


def pydantic_1(foreign):
    """Its state is a dict as well, with other names than today's."""
    cls = foreign("old.settings", "Settings", __setstate__=lambda s, v: None,
                  __getstate__=lambda self: {
                      "__dict__": {"lr": 0.1}, "__fields_set__": {"lr"},
                      "__private_attribute_values__": {}})
    return cls()


def enum_by_name(foreign):
    """Python 3.11.0 to 3.11.3 asked for the member by getattr."""
    color = foreign("colors", "Color", __reduce__=lambda self: (
        getattr, (type(self), "RED")))
    return color()


def attribute_dict(foreign):
    cls = foreign("lightning.utilities", "AttributeDict", dict)
    one = cls(lr=0.1)
    one.itself = one
    return one


def gym_space(foreign):
    cls = foreign("gymnasium.spaces.box", "Box")
    one = cls()
    vars(one).update(low=numpy.zeros(3, numpy.float32), _shape=(3,),
                     dtype=numpy.dtype("float32"), high_repr="inf",
                     _np_random=numpy.random.default_rng(1))
    return one


def partials(foreign):
    cls = foreign("wrapped", "Thing")
    return functools.partial(functools.partial(cls, 1), key=cls)


def flags(foreign):
    class Bits(enum.IntFlag):
        A = 1
        B = 2
    Bits.__module__, Bits.__qualname__ = "bits", "Bits"
    foreign("bits", "Other")
    sys.modules["bits"].Bits = Bits
    return [Bits.A | Bits.B, Bits.A]


LIBRARIES = (omegaconf, tensordict, pydantic_1, enum_by_name, attribute_dict,
             gym_space, partials, flags)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("make", LIBRARIES)
def test_library(helper, foreign, make, protocol):
    module = Holder(make(foreign))
    answer = helper.ask(saved(module, protocol))
    assert_same(answer, module.state_dict())
    assert answer.notes == []


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numpy_1(helper, protocol):
    """numpy 1 is the same under the name of another module."""
    module = Holder([numpy.arange(6).reshape(2, 3), numpy.float64(0.5),
                     numpy.array(["a", None], dtype=object),
                     numpy.asfortranarray(numpy.ones((2, 3)))])
    pickled = saved(module, protocol)
    if protocol > 3:
        for name in b"multiarray", b"numeric":
            old, new_name = b"numpy._core." + name, b"numpy.core." + name
            pickled = pickled.replace(bytes((len(old),)) + old,
                                      bytes((len(new_name),)) + new_name)
        # The frame is two bytes shorter for each of them.
        pickled = pickled[:2] + pickled[11:]
    else:
        pickled = pickled.replace(b"numpy._core", b"numpy.core")
    assert b"numpy._core" not in pickled and b"numpy.core" in pickled
    assert_same(helper.ask(pickled), module.state_dict())


# --- modules whose state dict is not what their attributes say

def quantized_linear():
    torch.backends.quantized.engine = "qnnpack"
    return torch.ao.nn.quantized.Linear(2, 2)


class Sharded(nn.Module):
    """As fairscale and early torch left them in the attributes."""

    def __init__(self, name):
        super().__init__()
        self.inner = nn.Module()
        self.inner.register_parameter(name, nn.Parameter(torch.ones(3)))


REFUSED_MODULES = [
    ("quantized", quantized_linear, "x", "torch.ao.nn.quantized"),
    ("observer", lambda: torch.ao.quantization.MinMaxObserver(), "x",
     "torch.ao.quantization.observer MinMaxObserver"),
    ("fake quantize", lambda: torch.ao.quantization.FakeQuantize(), "x",
     "torch.ao.quantization.fake_quantize FakeQuantize"),
    ("qat", lambda: torch.ao.nn.qat.Linear(
        2, 2, qconfig=torch.ao.quantization.get_default_qat_qconfig()),
     "x.weight_fake_quant", "FusedMovingAvgObsFakeQuantize"),
    ("lazy", lambda: nn.LazyConv1d(2, 1), "x.weight", "lazy parameter"),
    ("lazy buffer", lambda: nn.LazyBatchNorm1d(affine=False),
     "x.running_mean", "lazy parameter"),
    ("flat parameter", lambda: Sharded("_flat_param"), "x.inner._flat_param",
     "FSDP"),
    ("flat parameter of fairscale", lambda: Sharded("flat_param_0"),
     "x.inner.flat_param_0", "FSDP"),
]


@pytest.mark.parametrize("make, where, reason", [
    pytest.param(*row[1:], id=row[0]) for row in REFUSED_MODULES])
def test_refused_module(helper, make, where, reason):
    module = nn.ModuleDict({"x": make()})
    answer = helper.ask(saved(module))
    assert answer.verdict == "UNSUPPORTED", answer
    assert answer.where == where and reason in answer.reason


def test_transformer_engine(helper):
    inner = module_of(cls=("transformer_engine.pytorch.module", "Linear"))
    answer = helper.ask(whole(module_of(modules=[(text("te"), inner)])))
    assert answer.verdict == "UNSUPPORTED" and answer.where == "te"


def test_names_that_only_look_like_shards(helper):
    state = {"flat_params": torch.ones(1), "my_flat_param": torch.ones(1),
             "flat_param.weight": torch.ones(1)}
    assert_same(helper.ask(saved(state)), state)
    answer = helper.ask(saved({"_fsdp_wrapped_module._flat_param":
                               torch.ones(1)}))
    assert answer.where == "_fsdp_wrapped_module._flat_param"


def wrapper(*cls):
    state = tup(b"N", dct((text("_local_tensor"), tensor())))
    return call(glob("torch._tensor", "_rebuild_from_type_v2"),
                glob("torch._utils", "_rebuild_wrapper_subclass"), glob(*cls),
                tup(glob(*cls), glob("torch", "float32"), tup(integer(6))),
                state)


@pytest.mark.parametrize("value, reason", [
    (wrapper("torch.distributed.tensor", "DTensor"),
     "torch.distributed.tensor DTensor"),
    (build(new(glob("torch.distributed._shard.sharded_tensor.api",
                    "ShardedTensor")), dct()), "api ShardedTensor"),
    (call(glob("torch.distributed._tensor.api", "_from_local"), tensor()),
     "torch.distributed._tensor.api _from_local"),
])
def test_refused_tensor(helper, value, reason):
    for pickled, where in ((state_dict(value), "a"), (whole(module_of(
            parameters=[(text("w"), value)])), "w")):
        answer = helper.ask(pickled)
        assert answer.verdict == "UNSUPPORTED" and answer.where == where
        assert reason in answer.reason


def test_extra_state_in_a_module(helper):
    """Nobody sees it there; the module is taken to be an ordinary one."""
    class Extra(nn.Linear):
        def get_extra_state(self):
            return {"x": 1}

        def set_extra_state(self, state):
            pass

    Extra.__module__, Extra.__qualname__ = __name__, "Extra"
    globals()["Extra"] = Extra
    module = Extra(1, 1)
    assert helper.ask(saved(module)).keys == ["weight", "bias"]
    answer = helper.ask(saved(module.state_dict()))
    assert answer.where == "_extra_state" and "type dict" in answer.reason


# --- shapes of pickles

def test_cycles_through_attributes(helper):
    a, b = Holder(None), Holder(None)
    a.value = {"other": b, "list": [a]}
    a.child = b
    b.__dict__["parent"] = a
    for protocol in 2, 4:
        assert_same(helper.ask(saved(a, protocol)), a.state_dict())


def test_object_whose_items_come_after_its_state(helper):
    """reduce with items, then a state, then items again."""
    body = build(call(glob("any", "Items"), lst()), dct()) + b"(" \
        + text("k") + b"Nu" + b"(" + integer(1) + b"e"
    module = module_of(parameters=[(text("w"), tensor())],
                       extra=[(text("items"), put(body, 1)),
                              (text("again"), get(1))])
    assert helper.ask(whole(module)).keys == ["w"]


def test_deep_tree_of_modules(helper):
    module = nn.Linear(1, 1)
    for _ in range(40):
        module = nn.Sequential(module)
    assert_same(helper.ask(saved(module)), module.state_dict())


def test_20_000_tensors_in_modules(helper):
    leaf = nn.ParameterList(torch.ones(1) for _ in range(200))
    module = nn.ModuleList(nn.ModuleList([leaf]) for _ in range(100))
    answer = helper.ask(saved(module))
    assert_same(answer, module.state_dict())
    assert len(answer.tensors) == 20_000 and len(answer.storages) == 200
