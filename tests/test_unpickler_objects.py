"""Modules that hold every kind of Python object, in every protocol."""

import argparse
import collections
import copyreg
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import logging
import math
import pathlib
import pickle
import random
import re
import types
import typing
import uuid

import numpy
import pydantic
import pytest
import torch
import torch.nn.utils.prune
from torch import nn

from pickle_maker import saved
from unpickler_client import Helper


@pytest.fixture(scope="module")
def helper():
    with Helper() as running:
        yield running


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


class ByValue:
    """Python 3.11.0 to 3.11.3 pickles members by their names, all others like this."""

    def __reduce_ex__(self, protocol):
        return self.__class__, (self._value_,)


class Color(ByValue, enum.Enum):
    RED = 1
    BLUE = "blue"


class Number(ByValue, enum.IntEnum):
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
