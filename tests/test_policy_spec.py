"""policy_spec.json as we judge it and as the loader does: pydantic, pathlib and ast.

What we accept, the loader takes in the same way.  What only the loader takes is refused
by one of the rules below, which formats/policy_spec.h and formats/bundle.h name.
"""

import json
import re
import typing
from pathlib import PurePosixPath

import pytest
import test_json
from judge import MUTATIONS, judge, mutants
from test_architecture import framework_reads, rule_against
from test_json import python_reads

pydantic = pytest.importorskip("pydantic")

CHECKPOINT = "metta.agent.policy.CheckpointPolicy"
POINTER = "mettagrid.policy.mpt_policy.MptPolicy"


class PolicySpec(pydantic.BaseModel):
    """The framework's, with the fields of its own."""

    class_path: str
    data_path: str | None = None
    init_kwargs: dict[str, typing.Any] = {}
    setup_script: str | None = None


def loader_reads(data):
    """What the loader takes from a spec, or None if it raises."""
    try:
        return PolicySpec.model_validate_json(data.decode())
    except ValueError:
        return None


def outside(path):
    """Does a path leave the bundle, or mean the bundle itself?"""
    pure = PurePosixPath(path)
    parts = pure.parts
    return not parts or pure.is_absolute() or parts[0][0] == "~" or ".." in parts


def architecture_of(spec):
    return spec.init_kwargs.get("architecture_spec")


def unsound_architecture(spec):
    """Whichever class it is for; what only we refuse is in test_architecture.py."""
    text = architecture_of(spec)
    if type(text) is not str:
        return spec.class_path == CHECKPOINT
    try:
        framework_reads(text)
    except Exception:
        return True
    return rule_against(text) is not None


# A part of our reason, and whether the spec breaks the rule it names.
OUR_RULES = {
    "JSON: ": lambda spec, data: python_reads(data) is None or any(
        breaks(data.decode()) for breaks in test_json.OUR_RULES.values()
    ),
    "class_path is empty": lambda spec, data: spec.class_path == "",
    'class_path "': lambda spec, data: "." in spec.class_path and not all(
        part.isidentifier() for part in spec.class_path.split(".")
    ),
    "a pointer to the legacy checkpoint": lambda spec, data: spec.class_path == POINTER,
    "data_path is null": lambda spec, data: (
        spec.data_path is None and spec.class_path == CHECKPOINT
    ),
    'data_path "': lambda spec, data: outside(spec.data_path),
    'setup_script "': lambda spec, data: (
        outside(spec.setup_script) or not spec.setup_script.endswith(".py")
        or spec.setup_script == ".py"
    ),
    '"init_kwargs" is missing': lambda spec, data: not spec.init_kwargs,
    '"architecture_spec" ': lambda spec, data: type(architecture_of(spec)) is not str,
    "architecture: ": lambda spec, data: unsound_architecture(spec),
}  # fmt: skip


def compare(texts):
    """Judge texts both ways; the numbers accepted by both, by us not but by a rule."""
    both, ruled = 0, {}
    for data, (accepted, answer) in zip(texts, judge("policy_spec_check", texts)):
        spec = loader_reads(data)
        if accepted:
            assert spec is not None, (data, answer)
            text = architecture_of(spec)
            text = text if type(text) is str else None
            fields = [spec.class_path, spec.data_path, spec.setup_script, text]
            assert json.loads(answer) == fields, data
            assert not spec.data_path or not outside(spec.data_path)
            assert not spec.setup_script or not outside(spec.setup_script)
            assert not unsound_architecture(spec), data
            both += 1
        elif spec is not None:
            reason = answer.decode()
            rules = [
                name for name, breaks in OUR_RULES.items()
                if name in reason and breaks(spec, data)
            ]  # fmt: skip
            assert rules, (data, answer)
            ruled[rules[0]] = ruled.get(rules[0], 0) + 1
    return both, ruled


def spec(**changes):
    fields = {
        "class_path": CHECKPOINT,
        "data_path": "weights.safetensors",
        "init_kwargs": {"architecture_spec": "p.C(a='x')", "device": "cpu"},
        "setup_script": None,
    }
    return json.dumps(fields | changes).encode()


ACCEPTED = [
    spec(),
    spec(data_path="./data//w.st", setup_script="a/b.py", later=[1.5, {"a": None}]),
    spec(class_path="my.Policy", data_path=None, init_kwargs={}),
    spec(setup_script=""),
    b' {"init_kwargs":{"architecture_spec":"p.C"},\n"class_path":"' + CHECKPOINT.encode()
    + b'","data_path":"\\u0061.~/..b"}\r\n',
    b'{"class_path":"my.Policy"}',
]  # fmt: skip

LOADER_ONLY = [
    (spec()[:-1] + b',"cl\\u0061ss_path":"my.P"}', "JSON: "),
    (spec(x=float("nan")), "JSON: "),
    (spec(x="\0"), "JSON: "),
    (spec(class_path=""), "class_path is empty"),
    (spec(class_path="a..B"), 'class_path "'),
    (spec(class_path="a.B(1)"), 'class_path "'),
    (spec(class_path=POINTER), "a pointer to the legacy checkpoint"),
    (spec(data_path=None), "data_path is null"),
    (spec(data_path=""), 'data_path "'),
    (spec(data_path="."), 'data_path "'),
    (spec(data_path="a/../../b"), 'data_path "'),
    (spec(data_path="/etc/passwd"), 'data_path "'),
    (spec(data_path="./~/w"), 'data_path "'),
    (spec(setup_script="../x.py"), 'setup_script "'),
    (spec(setup_script="x.sh"), 'setup_script "'),
    (spec(init_kwargs={}), '"architecture_spec" '),
    (spec(init_kwargs={"architecture_spec": 1}), '"architecture_spec" '),
    (spec(init_kwargs={"architecture_spec": "p.C(a=f())"}), "architecture: "),
    (b'{"class_path":"' + CHECKPOINT.encode() + b'","data_path":"w"}', '"init_kwargs" is missing'),
]  # fmt: skip

REFUSED = [
    b"",
    b"[]",
    b"\xef\xbb\xbf" + spec(),
    spec() + b"x",
    spec().decode().encode("utf-16"),
    spec(class_path=None),
    spec(class_path=["a"]),
    spec(data_path=1),
    spec(setup_script={}),
    spec(init_kwargs=None),
    spec(init_kwargs=[]),
    spec().replace(b"class_path", b"Class_path"),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted_as_the_loader_reads_it(text):
    assert compare([text]) == (1, {})


@pytest.mark.parametrize("text, rule", LOADER_ONLY)
def test_only_the_loader_accepts(text, rule):
    both, ruled = compare([text])
    assert (both, list(ruled)) == (0, [rule])


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_both_refuse(text):
    assert compare([text]) == (0, {})


def test_every_rule_is_shown():
    assert {rule for _, rule in LOADER_ONLY} == set(OUR_RULES)


def test_every_prefix():
    compare([text[:n] for text in ACCEPTED for n in range(len(text))])


def test_mutants():
    seeds = ACCEPTED + [row[0] for row in LOADER_ONLY] + REFUSED
    pieces = re.findall(rb'"\w+"|\w+|[^\w\s]', b" ".join(ACCEPTED)) + [
        b"null", b"..", b"~", b"/", b".py", b"\\u0000", b"\\/", b"\\u002e", b"NaN", b"\xff",
        b'"class_path":"a.B",', b'"data_path":null,', b'"init_kwargs":{},', b" ", b"1e9",
    ]  # fmt: skip
    both, ruled = compare(list(mutants(seeds, pieces, MUTATIONS)))
    assert both > MUTATIONS / 20
    assert len(ruled) >= len(OUR_RULES) - 2, ruled
