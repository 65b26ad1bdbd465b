"""The strict JSON reader against Python's json, the writer against pydantic.

What we accept, Python accepts and reads in the same way.  What only Python accepts is
refused by one of the rules that formats/json.h names.
"""

import json
import math
import re

import pydantic
import pytest
from judge import MUTATIONS, judge, mutants

DEPTH_LIMIT = 128
NUMBER_LIMIT = 63


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError("a key twice")
    return dict(pairs)


def no_constant(word):
    raise ValueError(word)


def python_reads(data):
    """(value,), or None."""
    try:
        text = data.decode()
        return (
            json.loads(
                text, object_pairs_hook=no_duplicates, parse_constant=no_constant
            ),
        )
    except (ValueError, RecursionError):
        return None


def as_the_driver_writes(value):
    """As print_value() in the driver: containers become lists, flagged."""
    if isinstance(value, dict):
        pairs = [part for pair in value.items() for part in pair]
        return [True, *map(as_the_driver_writes, pairs)]
    if isinstance(value, list):
        return [False, *map(as_the_driver_writes, value)]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if math.isfinite(value) and 0 <= value < 2**53 and value == int(value):
        return int(value)
    return "number"


def nesting(text):
    depth = deepest = 0
    for mark in re.sub(r'"(\\.|[^"\\])*"', "", text):
        depth += (mark in "[{") - (mark in "]}")
        deepest = max(deepest, depth)
    return deepest


def characters(text):
    """What the strings and keys of a document hold, in one string."""
    value = json.loads(text)
    parts, found = [value], []
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            parts += [*part, *part.values()]
        elif isinstance(part, list):
            parts += part
        elif isinstance(part, str):
            found.append(part)
    return "".join(found)


OUR_RULES = {
    "\\u0000": lambda text: "\0" in characters(text),
    "surrogate without its partner": lambda text: any(
        "\ud800" <= c <= "\udfff" for c in characters(text)
    ),
    "nesting": lambda text: nesting(text) > DEPTH_LIMIT,
    "number too long": lambda text: re.search(
        r"[-+.eE\d]{%d}" % (NUMBER_LIMIT + 1), text
    ),
}


def compare(texts):
    both, ruled = 0, {}
    for data, (accepted, answer) in zip(texts, judge("json_check", texts)):
        reference = python_reads(data)
        if accepted:
            assert reference is not None, (data, answer)
            assert json.loads(answer) == as_the_driver_writes(reference[0]), data
            both += 1
        elif reference is not None:
            rules = [
                name for name, breaks in OUR_RULES.items() if breaks(data.decode())
            ]
            assert rules, (data, answer)
            ruled[rules[0]] = ruled.get(rules[0], 0) + 1
    return both, ruled


ACCEPTED = [
    b"null",
    b' {"a": [1, -2.5e+3, true, false, null, "x"], "b": {"a": {}}, "": []} \r\n\t',
    b'"\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u0041 \\ud83d\\ude00 \\u00e9 \\uffff"',
    '"caf\u00e9 \u2028 \U0001f600 \x7f \x80"'.encode(),
    b"[0, -0, 0.0, 1e5, 1E-5, 9007199254740991, 9007199254740992]",
    b"[1e400, -1e400, 123456789012345678901]",
    b"[" * 128 + b"]" * 128,
    b"1" * 63,
    b'{"a":1,"A":2,"b":[{"a":1},{"a":2}]}',
    b'{"class_path":"metta.agent.policy.CheckpointPolicy","data_path":"weights.safetensors",'
    b'"init_kwargs":{"architecture_spec":"p.C(a=\\"x\\")","device":"cpu"},"setup_script":null}',
]

PYTHON_ONLY = [
    (b'"a\\u0000b"', "\\u0000"),
    (b'{"\\u0000":1}', "\\u0000"),
    (b'"\\ud800"', "surrogate without its partner"),
    (b'"\\udc00\\ud800x"', "surrogate without its partner"),
    (b'"\\ud800\\u0041"', "surrogate without its partner"),
    (b"[" * 129 + b"]" * 129, "nesting"),
    (b"1" * 64, "number too long"),
]

REFUSED = [
    (b"", 0, "the text ends where a value must stand"),
    (b" ", 1, "the text ends where a value must stand"),
    (b"\xef\xbb\xbf{}", 0, "byte order mark"),
    (b'"\xff"', 1, "not UTF-8"),
    (b'"\xed\xa0\x80"', 1, "not UTF-8"),
    (b"{}{}", 2, "more text behind the value"),
    (b"{} x", 3, "more text behind the value"),
    (b"{}\0", 2, "more text behind the value"),
    (b'{"a":1,"a":2}', 7, 'the key "a" stands twice'),
    (b'{"a":1,"\\u0061":2}', 7, 'the key "a" stands twice'),
    (b'{"b":[{"a":1,"c":[],"a":2}],"b":1}', 20, 'the key "a" stands twice'),
    (b"NaN", 0, "byte 0x4e where a value must stand"),
    (b"-Infinity", 1, "a number without digits"),
    (b"nul", 0, "where a value must stand"),
    (b"01", 0, "starts with 0"),
    (b"-01", 1, "starts with 0"),
    (b"1.", 2, "no digits behind the point"),
    (b"1.e5", 2, "no digits behind the point"),
    (b"1e", 2, "no digits in the exponent"),
    (b"+1", 0, "where a value must stand"),
    (b".5", 0, "where a value must stand"),
    (b"[1,]", 3, "where a value must stand"),
    (b"[1 2]", 3, "',' or ']'"),
    (b"[1", 2, "the text ends where ',' or ']'"),
    (b'{"a" 1}', 5, "':'"),
    (b'{"a":1,}', 7, "a key"),
    (b"{a:1}", 1, "a key or '}'"),
    (b'{"a":1]', 6, "',' or '}'"),
    (b'"\n"', 1, "a control byte"),
    (b'"\\x41"', 2, "an unknown escape"),
    (b'"\\u12"', 5, "four hex digits"),
    (b'"\\u00+1"', 5, "four hex digits"),
    (b'"abc', 4, "ends inside a string"),
    (b'"abc\\', 5, "ends inside a string"),
    (b"// x\n1", 0, "where a value must stand"),
    (b"\x0b1", 0, "where a value must stand"),
    (b"[" * 100000, 128, "nested over 128 deep"),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted_as_python_reads_it(text):
    assert compare([text]) == (1, {})


@pytest.mark.parametrize("text, rule", PYTHON_ONLY)
def test_only_python_accepts(text, rule):
    assert compare([text]) == (0, {rule: 1})


@pytest.mark.parametrize("text, offset, reason", REFUSED, ids=range(len(REFUSED)))
def test_refused_at_its_offset(text, offset, reason):
    assert python_reads(text) is None
    [(accepted, answer)] = judge("json_check", [text])
    assert not accepted
    assert answer.startswith(f"offset {offset}: JSON: ".encode())
    assert reason.encode() in answer


def test_every_prefix():
    compare([text[:n] for text in ACCEPTED for n in range(len(text))])


def test_mutants():
    seeds = ACCEPTED + [row[0] for row in PYTHON_ONLY + REFUSED if len(row[0]) < 1000]
    pieces = re.findall(rb"\w+|\\.|[^\w\s]|\s+", b" ".join(ACCEPTED)) + [
        b"\\u0000", b"\\ud83d", b"\\ude00", b"\\u00", b"\xff", b"\x00", b"\x1f",
        b"\x7f", b"NaN", b"-", b"Infinity", b"0", b"1e", b".", b'"a":1,', b'"a"', b",,",
        b"/*", b"\xef\xbb\xbf", b"\xc2\xa0",
    ]  # fmt: skip
    both, ruled = compare(list(mutants(seeds, pieces, MUTATIONS)))
    assert both > MUTATIONS / 20
    assert len(ruled) == len(OUR_RULES)


def test_many_keys_in_little_time():
    """A quarter of a million keys of which two are equal: sorted, not all compared."""
    keys = [f'"{n}":0' for n in range(250000)] + ['"0":1']
    [(accepted, answer)] = judge("json_check", [("{" + ",".join(keys) + "}").encode()])
    assert not accepted and b'the key "0" stands twice' in answer


class Text(pydantic.BaseModel):
    text: str


def test_strings_as_pydantic_writes_them():
    """The spec's strings, by way of the driver that prints a policy spec of a text."""
    texts = [chr(n) for n in range(1, 0x80)]
    texts += ["\u0080", "\u2028", "\uffff", "\U0001f600", "a/b\\c"]
    texts.append("".join(texts))
    answers = judge("policy_spec_print", [text.encode() for text in texts])
    for text, (_, answer) in zip(texts, answers):
        inner = (
            Text(text=text).model_dump_json().removeprefix('{"text":').removesuffix("}")
        )
        expected = (
            '{"class_path":"metta.agent.policy.CheckpointPolicy","data_path":"weights.safetensors",'
            f'"init_kwargs":{{"architecture_spec":{inner},"device":"cpu"}},"setup_script":null}}'
        )
        assert answer == expected.encode()
