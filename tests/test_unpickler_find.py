"""Which state dict mpt-unpickler takes: records, wrapped ones, the path."""

import pytest
import torch
from torch import nn

from pickle_maker import (build, dct, empty_module, get, glob, integer,
                          module_of, new, put, saved, tensor, text, whole)
from test_unpickler import assert_same
from unpickler_client import Helper


@pytest.fixture(scope="module")
def helper():
    with Helper() as running:
        yield running


# --- records

RECORD_MODULES = ("metta.agent.policy_record", "metta.agent.policy_store",
                  "agent.policy_store")


class PolicyMetadata(dict):
    pass


@pytest.fixture
def record_class(monkeypatch, request):
    """A class PolicyRecord that pickles under one of its old modules."""
    name = getattr(request, "param", RECORD_MODULES[0])
    cls = type("PolicyRecord", (), {"__module__": name})
    empty_module(monkeypatch, name).PolicyRecord = cls
    return cls


def record(cls, **attributes):
    one = cls()
    metadata = PolicyMetadata(action_names=["a"], epoch=7)
    vars(one).update(_policy_store=None, run_name="run", uri="file://x.pt",
                     _metadata=metadata, **attributes)
    return one


def agent():
    """The network under 'policy', and its parts again in plain dicts."""
    one = nn.Module()
    one.policy = nn.Sequential(nn.Linear(2, 3), nn.LSTM(3, 2))
    one.components = nn.ModuleDict({"core": one.policy[1]})
    one.names = {"core": one.policy[1]}
    return one


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("attribute", [
    "_cached_policy", "_policy", "_local_path", "policy"])
@pytest.mark.parametrize("record_class", RECORD_MODULES, indirect=True)
def test_record(helper, record_class, attribute, protocol):
    module = agent()
    answer = helper.ask(saved(record(record_class, **{attribute: module}),
                              protocol))
    assert_same(answer, module.state_dict())
    assert answer.kind == "module"
    assert answer.notes == [f"took the module under {attribute!r}"]


def test_record_of_wrapped_agents(helper, record_class):
    for module in (nn.DataParallel(agent()), torch.compile(agent()),
                   nn.DataParallel(torch.compile(agent()))):
        answer = helper.ask(saved(record(record_class, _policy=module)))
        assert_same(answer, module.state_dict())


def test_record_with_one_agent_twice(helper, record_class):
    module = agent()
    both = record(record_class, _cached_policy=module, _policy=module)
    assert_same(helper.ask(saved(both)), module.state_dict())
    alone = record(record_class, _policy=module)
    alone.itself = alone
    assert_same(helper.ask(saved(alone)), module.state_dict())
    held = {"policy_record": alone, "epoch": 3}
    answer = helper.ask(saved(held))
    assert_same(answer, module.state_dict())
    assert answer.notes == ["took the module under 'policy_record._policy'"]


def test_record_without_or_with_two_agents(helper, record_class):
    answer = helper.ask(saved(record(record_class, _policy=None)))
    assert answer.verdict == "UNSUPPORTED"
    assert "record (metta.agent.policy_record PolicyRecord)" in answer.reason
    assert "without an agent" in answer.reason
    two = record(record_class, _policy=agent(), other=nn.Linear(1, 1))
    answer = helper.ask(saved(two))
    assert answer.verdict == "UNSUPPORTED"
    assert "'_policy' (module), 'other' (module)" in answer.reason
    answer = helper.ask(saved(two), path="other")
    assert answer.keys == ["weight", "bias"]


def test_record_by_hand_without_state(helper):
    record_class = glob(RECORD_MODULES[0], "PolicyRecord")
    for body in new(record_class), build(new(record_class), dct()):
        answer = helper.ask(whole(body))
        assert "without an agent" in answer.reason, answer


class Other:
    """An object of any other class."""


def test_other_objects_need_the_path(helper):
    other = Other()
    other.net = nn.Linear(1, 1)
    answer = helper.ask(saved(other))
    assert answer.verdict == "UNSUPPORTED"
    assert "'net' (module)" in answer.reason
    answer = helper.ask(saved(other), path="net")
    assert answer.keys == ["weight", "bias"] and answer.notes == []


# --- wrapped state dicts

NETWORK = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
WEIGHTS = NETWORK.state_dict()
MORE = nn.Linear(3, 3).state_dict()


def optimizer_state():
    parameters = [nn.Parameter(torch.ones(2, 2))]
    optimizer = torch.optim.Adam(parameters)
    parameters[0].sum().backward()
    optimizer.step()
    return optimizer.state_dict()


TRAINING = {"epoch": 3, "optimizer": optimizer_state(), "loss": 0.5,
            "avg_reward": torch.ones(1), "step": torch.tensor(5),
            "rng_state": torch.get_rng_state(), "names": ["a", "b"],
            "args": {"lr": 0.1, "model": "small"}, "best": None}

TAKEN = [
    *((key, {key: WEIGHTS}) for key in (
        "model_state_dict", "state_dict", "model", "model_state", "weights")),
    ("model", dict(TRAINING, model=WEIGHTS)),
    ("state_dict", dict(TRAINING, state_dict=WEIGHTS, ema=MORE)),
    ("model.state_dict", {"model": {"state_dict": WEIGHTS, "config": {}}}),
    ("checkpoint.model.weights",
     {"checkpoint": {"model": {"weights": WEIGHTS}, "step": 3}}),
    ("a.b.c.model", {"a": {"b": {"c": {"model": WEIGHTS}}}}),
    ("model", {"model": WEIGHTS, "state_dict": WEIGHTS}),   # one object
    ("model", {"policy": WEIGHTS, "model": WEIGHTS}),
    ("a.model", {"policy": WEIGHTS, "a": {"model": WEIGHTS}}),
    ("model", {"model": NETWORK}),
    ("ema", dict(TRAINING, ema=NETWORK)),
    ("agent.net", {"agent": {"net": NETWORK}}),
    ("model", {"model": dict(WEIGHTS)}),
    ("dotted.key.model", {"dotted.key": {"model": WEIGHTS}}),
]


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("path, value", TAKEN)
def test_taken(helper, path, value, protocol):
    answer = helper.ask(saved(value, protocol))
    assert_same(answer, WEIGHTS)
    assert answer.notes == [f"took the {answer.kind} under {path!r}"]
    by_path = helper.ask(saved(value, protocol), path=path)
    assert_same(by_path, WEIGHTS)
    assert by_path.notes == []


def test_a_state_dict_at_the_top_is_itself(helper):
    for state in ({"model": torch.ones(1), "weights": torch.ones(2)},
                  {"optimizer": torch.ones(3)}, WEIGHTS):
        answer = helper.ask(saved(state))
        assert_same(answer, state)
        assert answer.notes == []


REFUSED = [
    ({"model": WEIGHTS, "state_dict": MORE},
     "several state dicts: 'model' (state dict), 'state_dict' (state dict)"),
    ({"model": NETWORK, "ema": nn.Linear(1, 1)},
     "several state dicts: 'model' (module), 'ema' (module)"),
    ({"model": WEIGHTS, "a": {"model": MORE}}, "'a.model' (state dict)"),
    ({"actor.weight": torch.ones(2, 2), "model": WEIGHTS},
     "'model' (state dict) and the tensors beside"),
    ({"policy": WEIGHTS}, "deeper is 'policy' (state dict)"),
    ({"actor": WEIGHTS, "critic": MORE},
     "deeper is 'actor' (state dict), 'critic' (state dict)"),
    ({"weights": {"actor": WEIGHTS, "critic": MORE}}, "'weights.critic'"),
    ({f"n{i}": dict(MORE) for i in range(13)}, "'n9' (state dict) and 3 more"),
]


@pytest.mark.parametrize("value, reason", REFUSED)
def test_ambiguous(helper, value, reason):
    answer = helper.ask(saved(value))
    assert answer.verdict == "UNSUPPORTED" and answer.where == ""
    assert reason in answer.reason, answer.reason


@pytest.mark.parametrize("value, where, reason", [
    ({"model": dict(WEIGHTS, step=3)}, "step", "type int"),
    ({"model": {"w": torch.ones(1), 5: torch.ones(1)}}, "", "key of type int"),
    ({"state_dict": {"a._extra_state": {"x": 1}, "w": torch.ones(1)}},
     "a._extra_state", "type dict"),
    ({"a._extra_state": {"x": torch.ones(1)}, "w": torch.ones(1)},
     "a._extra_state", "type dict"),
    ({"a._extra_state": b"bytes", "w": torch.ones(1)},
     "a._extra_state", "type bytes"),
    ({"model": {}}, "model", "type dict"),
    ({"model": {"a": 1}}, "model", "type dict"),
])
def test_refused_by_key(helper, value, where, reason):
    answer = helper.ask(saved(value))
    assert answer.verdict == "UNSUPPORTED" and answer.where == where, answer
    assert reason in answer.reason, answer.reason


def test_extra_state_that_is_a_tensor(helper):
    """Its own writer takes that, and its loader wants it."""
    state = {"w": torch.ones(1), "_extra_state": torch.ones(2)}
    assert_same(helper.ask(saved(state)), state)


@pytest.mark.parametrize("value", [
    {"optimizer": optimizer_state()}, TRAINING,
    {"optimizer_state_dict": optimizer_state(), "global_step": 3},
    dict(TRAINING, curriculum_state={"weights": {"a": torch.ones(3)}}),
    dict(TRAINING, loss_states={"ppo": {"model": {"a": torch.ones(3)}}}),
    {"optimizer": {"state": {}, "param_groups": []}, "model_state_dict": {}},
], ids=range(6))
def test_trainer_state(helper, value):
    value = {key: item for key, item in value.items()
             if key not in ("step", "rng_state")}
    assert helper.ask(saved(value)).verdict == "NOT_A_POLICY"
    answer = helper.ask(saved(value), path="model")
    assert answer.verdict == "NOT_A_POLICY"


# --- the path

def test_path_decides(helper):
    value = {"model": WEIGHTS, "ema": MORE, "a.b": {"c": WEIGHTS, "e": MORE},
             "a": {"b.c": WEIGHTS, "b": {"c.d": MORE, "e": WEIGHTS}},
             "wrapped": {"state_dict": MORE, "step": 3}, "m": NETWORK}
    pickled = saved(value)
    assert helper.ask(pickled).verdict == "UNSUPPORTED"
    for path, state in (("model", WEIGHTS), ("ema", MORE), ("a.b.c", WEIGHTS),
                        ("a.b.c.d", MORE), ("m", WEIGHTS),
                        ("wrapped.state_dict", MORE)):
        answer = helper.ask(pickled, path=path)
        assert_same(answer, state)
        assert answer.notes == []
    answer = helper.ask(pickled, path="wrapped")
    assert_same(answer, MORE)
    assert answer.notes == ["took the state dict under 'wrapped.state_dict'"]
    assert "several things" in helper.ask(pickled, path="a.b.e").reason


@pytest.mark.parametrize("value, path, reason", [
    ({"model": WEIGHTS, "ema": MORE}, "nets", "there is 'model' (state dict)"
     ", 'ema' (state dict)"),
    ({"model": WEIGHTS}, "model.", "there is 'model'"),
    ({"model": WEIGHTS}, ".model", "there is 'model'"),
    (WEIGHTS, "model", "no state dict below the top"),
    (NETWORK, "model", "holds a module itself"),
    ({"epoch": 3}, "model", "no state dict below"),
    ({"model": WEIGHTS}, ".".join("a" * 17), "over 16 keys"),
    ({"epoch": 3}, "epoch", "of type int"),
    ({"epoch": {}}, "epoch", "empty dict"),
    ({"model": WEIGHTS}, "modèle\ud800", "nothing at that path"),
])
def test_nothing_at_the_path(helper, value, path, reason):
    raw = path.encode("utf-8", "surrogatepass")
    answer = helper.ask(saved(value), path=path if path.isascii() else raw)
    assert answer.verdict == "UNSUPPORTED"
    assert reason in answer.reason, answer
    assert answer.where == (path if path.isascii() else
                            raw.decode("utf-8", "surrogateescape").encode(
                                "utf-8", "backslashreplace").decode())


# --- hostile holders

def test_holders_that_contain_themselves(helper):
    body = put(b"}", 1) + b"(" + text("me") + get(1) + text("model") \
        + dct((text("w"), tensor())) + b"u"
    assert helper.ask(whole(body)).keys == ["w"]


def test_holders_of_very_many_paths(helper):
    """2^40 paths, and names that would add up."""
    body = dct((text("model"), dct((text("w"), tensor()))))
    for level in range(40):
        body = dct((text("a"), put(body, level)), (text("b"), get(level)))
    answer = helper.ask(whole(body))
    assert answer.verdict == "UNSUPPORTED"
    inner = dct((text("x"), b"}"))
    large = put(dct(*((integer(i), b"N") for i in range(20_000))), 1)
    body = dct((text("x"), large),
               *((text(str(i)), get(1)) for i in range(20_000)))
    assert helper.ask(whole(body)).verdict == "UNSUPPORTED"
    wide = dct(*((text("k" * 150 + str(i)), inner) for i in range(20_000)))
    for _ in range(3):
        wide = dct((text("l" * 190), wide))
    assert helper.ask(whole(wide)).verdict == "UNSUPPORTED"


def test_path_through_many_readings(helper):
    """Each dot can be inside a key or between two."""
    body = dct((text("x"), tensor()))
    for level in range(15):
        inner = put(body, level)
        body = dct((text("a"), inner), (text("a.a"), get(level)))
    answer = helper.ask(whole(body), path=".".join("a" * 15 + "y"))
    assert "nothing at that path" in answer.reason


def test_module_in_a_dict_by_hand(helper):
    body = dct((integer(3), module_of()), (text("net"), module_of(
        parameters=[(text("w"), tensor())])))
    answer = helper.ask(whole(body))
    assert answer.keys == ["w"]
    assert answer.notes == ["took the module under 'net'"]
