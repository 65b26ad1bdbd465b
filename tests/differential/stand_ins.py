"""Classes and values that lie in checkpoints beside the weights.

None of them matters to a state dict, and all of them must be survived.  Checkpoints
made of them can be loaded by whoever imports this module: the reference does.
"""

import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import logging
import pathlib
import re
import sys
import types
import uuid

import numpy
import torch
from torch import nn


def placed(module_path, name, base, **content):
    """A class that pickles as module_path.name."""
    module = sys.modules.setdefault(module_path, types.ModuleType(module_path))
    cls = type(name, (base,), {"__module__": module_path, **content})
    setattr(module, name, cls)
    return cls


# One after the other the homes of the class; its package need not be importable.
RECORDS = [
    placed(f"{package}.{module}", "PolicyRecord", object)
    for package, module in [
        ("agent", "policy_store"), ("metta.agent", "policy_store"),
        ("metta.agent", "policy_record"),
    ]
]  # fmt: skip
Metadata = placed("metta.agent.policy_metadata", "PolicyMetadata", dict)
for name in ("agent", "metta", "metta.agent"):
    sys.modules.setdefault(name, types.ModuleType(name))


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.Flag):
    A = 1
    B = 2


@dataclasses.dataclass
class Data:
    width: int = 3
    rates: tuple = (0.1, None)
    inner: object = None


@dataclasses.dataclass(frozen=True)
class FrozenSlots:
    __slots__ = ("a", "b")
    a: int
    b: str

    def __getstate__(self):
        return [self.a, self.b]

    def __setstate__(self, state):
        object.__setattr__(self, "a", state[0])
        object.__setattr__(self, "b", state[1])


class Slots:
    __slots__ = ("a", "b", "__dict__")

    def __init__(self):
        self.a, self.c = 1, [2]


Point = collections.namedtuple("Point", "x y")


class MyList(list):
    pass


class MyDict(dict):
    def __init__(self, *args):
        super().__init__(*args)
        self.note = "an attribute beside the items"


class MySet(set):
    pass


class MyInt(int):
    pass


class MyStr(str):
    pass


class Stateful:
    """A state that is no dict."""

    def __getstate__(self):
        return ("state", 1)

    def __setstate__(self, state):
        self.state = state


class Keyword:
    def __new__(cls, *, size):
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"size": 3}


class Called:
    """REDUCE with arguments, state, items and pairs: all that a reduce can have."""

    def __init__(self, *args):
        self.args, self.held = args, []

    def __reduce__(self):
        return Called, (1, "two"), {"held": []}, iter([3, 4]), iter([("k", 5)])

    def extend(self, items):
        self.held += items

    append = __setitem__ = lambda self, *item: self.held.append(item)


class AttributeDict(dict):
    """Its state is itself, as in dicts with attribute access."""

    def __init__(self, *args):
        super().__init__(*args)
        self.__dict__ = self


class Failed(Exception):
    pass


def hook(*arguments):
    """For any kind of hook: changes nothing."""


def cycle():
    values = [1]
    values.append({"values": values, "again": (values,)})
    return values


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


ODD_VALUES = [
    lambda: Colour.RED, lambda: {Colour.BLUE: Level.LOW}, lambda: Mode.A | Mode.B,
    lambda: Data(inner=Data()), lambda: FrozenSlots(1, "b"), Slots, Stateful, Called,
    lambda: Point(1, Point(2, [])), lambda: MyList([1, 2]), lambda: MyDict({"a": 1}),
    lambda: MySet([1, 2]), lambda: MyInt(5), lambda: MyStr("x"),
    lambda: Keyword(size=3), lambda: AttributeDict({"a": AttributeDict({"b": 1})}),
    lambda: Failed("why", 3), lambda: ValueError("no"),
    lambda: decimal.Decimal("1.50"), lambda: fractions.Fraction(1, 3),
    lambda: datetime.datetime(2025, 1, 2, 3, 4, tzinfo=datetime.timezone.utc),
    lambda: datetime.timedelta(seconds=1.5), lambda: ipaddress.ip_address("::1"),
    lambda: functools.partial(hook, 1, key=[2]), lambda: pathlib.Path("/a/b"),
    lambda: pathlib.PurePosixPath("c"), lambda: uuid.UUID(int=7),
    lambda: collections.OrderedDict(a=1), lambda: collections.Counter("aab"),
    lambda: collections.defaultdict(list, {"a": [1]}),
    lambda: collections.deque([1, 2], 3), lambda: {1, 2}, lambda: frozenset("a"),
    lambda: b"\xff\x00bytes", lambda: bytearray(b"array"), lambda: 1 + 2j,
    lambda: range(1, 9, 2), lambda: slice(None, 3), lambda: type(None), lambda: ...,
    lambda: NotImplemented, lambda: 2**200, lambda: -(2**31) - 1, lambda: float("nan"),
    lambda: "text with ☃ and \x00", lambda: "\ud800", lambda: logging.getLogger("a.b"),
    lambda: re.compile("a+", re.I), lambda: argparse.Namespace(lr=0.1),
    lambda: types.SimpleNamespace(a=[1]), lambda: Slots, lambda: len, lambda: hook,
    lambda: [1].count, lambda: Data().__repr__, lambda: Colour, cycle,
    lambda: nested(200), lambda: numpy.arange(6.0).reshape(2, 3).T,
    lambda: numpy.float32(1.5), lambda: numpy.dtype("<i8"), lambda: numpy.str_("ab"),
    lambda: numpy.array(["a", None], object), lambda: numpy.bool_(True),
    lambda: numpy.zeros(2, [("x", "f4"), ("y", "u1")]),
    lambda: {numpy.int64(3): numpy.datetime64("2025-01-01")},
    lambda: torch.float32, lambda: torch.device("cuda", 1), lambda: torch.Size([2, 3]),
    lambda: torch.strided, lambda: torch.FloatTensor,
    lambda: torch.randn(2).storage(),
    lambda: [torch.randn(2), {"t": torch.ones(1, dtype=torch.int8)}],
    lambda: nn.Linear(1, 1),
    lambda: torch.optim.SGD([torch.ones(1)], lr=0.1),
    lambda: torch.eye(2).to_sparse(), lambda: torch.empty(2, device="meta"),
    lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
]  # fmt: skip


class Policy(nn.Module):
    """A module of another class than torch's own, with attributes of all kinds."""

    @property
    def config(self):
        return None
