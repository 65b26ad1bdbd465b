"""The architecture text that mpt-unpickler makes of a pickled config."""

import argparse
import dataclasses
import decimal
import math
import random
import struct
import typing

import numpy
import pydantic
import pytest
import torch
from torch import nn

from pickle_maker import saved
from test_unpickler_objects import (Color, Data, FrozenSlots, Number, Plain,
                                    Slotted)
from unpickler_client import Helper


@pytest.fixture(scope="module")
def helper():
    with Helper() as running:
        yield running


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
    keys: dict[typing.Any, int] = {7: 2, "b": 3, True: 1, None: 4,
                                   Color.BLUE: 5, Number.ONE: 6}
    nested: Component = Actor()


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
    (math.inf, "z: no literal for inf"),
    ([1, math.nan], "z: no literal for nan"),
    (torch.float32, "for dtype"), (torch.ones(1), "for tensor"),
    (numpy.float32(1), "numpy"), (print, "print"),
    (b"\xff", "UTF-8"), ({1 << 20_000: 1}, "20001 bits"),
    (decimal.Decimal(1), "decimal Decimal"),
    (FrozenSlots(), "FrozenSlots"), (Slotted, "Slotted"),
    ({(1, 2): 3}, "dict key of type tuple"), ({1.5: 3}, "type float"),
    (1 << 20_000, "20001 bits"),
    ("x" * (1 << 20), "exceeds 1048576"),
], ids=lambda value: type(value).__name__)
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


def text_value(r):
    """Strings that repr has to quote, escape or leave alone."""
    alphabet = r.choice(["'", "\"'", "ab'\"\\", "\n\t\r\x00\x1f\x7f\x85\xa0",
                         "\xad\u0600\u200b\u2028\ufeff\ue000\U0001f600é汉"])
    return "".join(r.choices(alphabet + "xyz", k=r.randint(0, 6)))


def any_value(r):
    kind = r.randrange(8)
    if kind == 0:
        return r.randint(-10 ** r.randint(0, 40), 10 ** r.randint(0, 40))
    if kind == 1:
        return struct.unpack("<d", r.randbytes(8))[0]
    if kind == 2:
        return float(f"{r.uniform(-10, 10):.{r.randint(0, 17)}g}")
    if kind == 3:
        return r.choice([None, True, False, -0.0, 1e16, 1e15, 1e-5, 1e-4])
    if kind == 4:
        return (text_value(r), [r.random()], {text_value(r): None})
    if kind == 5:
        return r.choice([Color.RED, Color.BLUE, Number.ONE])
    return text_value(r)


def test_values_print_as_python_does(helper):
    r = random.Random(7)
    printed = 0
    while printed < 100_000:
        values = [any_value(r) for _ in range(20_000)]
        values = [value for value in values
                  if not isinstance(value, float) or math.isfinite(value)]
        printed += len(values)
        config = Model(z=values)
        answer = helper.ask(saved(Policy(config), r.choice([2, 4])))
        assert answer.architecture == to_spec(config), answer.notes
