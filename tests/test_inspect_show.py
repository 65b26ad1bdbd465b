"""mpt-inspect show and keys, against torch, safetensors, json and Python's own parser."""

import ast
import json
import math
import re
import struct
import subprocess

import pytest
import torch
from inspected import KINDS, LEGACY, bare, bytes_of, folder, spec_of
from inspector import BAD, GOOD, USAGE, document_of, inspect
from safetensors import safe_open
from sources import BUILD, PROJECT

EVERY_DTYPE = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32,
    torch.int64, torch.uint64, torch.float16, torch.bfloat16, torch.float32, torch.float64,
    torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64,
]  # fmt: skip


def some_tensors():
    torch.manual_seed(1)
    return {
        "actor_head.weight": torch.randn(5, 7),
        "actor_head.bias": torch.zeros(5),
        "critic.weight": torch.randn(3, 5, dtype=torch.float64),
        "count": torch.tensor(7),
        "empty": torch.empty(0, 4),
        "large": torch.randn(300, 300),
        "broken": torch.tensor([1.0, math.nan, math.inf, -math.inf, -2.0]),
        "lost": torch.tensor([math.nan]),
    }


def random_of(dtype):
    if dtype == torch.bool:
        return torch.rand(11) > 0.5
    if dtype.is_floating_point or dtype.is_complex:
        return (torch.randn(11) * 3).to(dtype)
    return torch.randint(0, 100, (11,)).to(dtype)


# ---- tensors ----


def row_of(key, tensor, stored_dtype):
    return {
        "key": key, "dtype": stored_dtype, "shape": list(tensor.shape),
        "parameters": tensor.numel(), "bytes": tensor.numel() * tensor.element_size(),
    }  # fmt: skip


def rows_by_safetensors(path):
    with safe_open(path, "pt") as file:
        for key in sorted(file.keys(), key=str.encode):
            yield row_of(key, file.get_tensor(key), file.get_slice(key).get_dtype())


def check_stats(stats, tensor):
    values = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    values = values.double().flatten()
    finite = values[values.isfinite()]
    assert stats["nan"] == int(values.isnan().sum())
    assert stats["infinite"] == int(values.isinf().sum())
    assert stats["norm"] == pytest.approx(float(finite.norm()), rel=1e-12)
    if len(finite) == 0:
        assert stats["min"] is stats["max"] is stats["mean"] is None
        return
    assert (stats["min"], stats["max"]) == (float(finite.min()), float(finite.max()))
    assert stats["mean"] == pytest.approx(float(finite.mean()), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_of_every_kind_of_file(tmp_path, kind):
    tensors = some_tensors()
    weights = bytes_of(tensors)
    (tmp_path / "reference").write_bytes(weights)
    path = KINDS[kind](tmp_path, weights, spec_of())
    shown = document_of("show", str(path))
    assert shown["kind"] == kind.removeprefix("stored ")
    assert shown["tensors"] == list(rows_by_safetensors(tmp_path / "reference"))
    assert shown["parameters"] == sum(tensor.numel() for tensor in tensors.values())
    assert shown["tensor_bytes"] == sum(row["bytes"] for row in shown["tensors"])
    for row in document_of("show", "--stats", str(path))["tensors"]:
        check_stats(row["stats"], tensors[row["key"]])


@pytest.mark.parametrize("kind", LEGACY)
def test_tensors_of_legacy_files(tmp_path, kind):
    """With views and wrappers, which mpt-convert takes off."""
    whole = torch.randn(6, 8)
    tensors = {"module.a": whole.t(), "module._orig_mod.b": whole[::2, 1:5], "module.c": whole}
    path = LEGACY[kind](tmp_path, tensors)
    rows = document_of("show", "--stats", str(path))["tensors"]
    assert [(row["key"], row["shape"]) for row in rows] == [
        ("a", [8, 6]), ("b", [3, 4]), ("c", [6, 8]),
    ]  # fmt: skip
    for row, tensor in zip(rows, tensors.values()):
        check_stats(row["stats"], tensor)
    kept = document_of("show", "--keep-prefix", str(path))["tensors"]
    assert {row["key"] for row in kept} == set(tensors)


def test_options_of_the_converter(tmp_path):
    """They reach its reader."""
    path = tmp_path / "several.pt"
    torch.save({"best": {"a": torch.ones(2)}, "last": {"b": torch.ones(3)}}, path)
    run = inspect("show", str(path))
    assert run.exit == BAD and "--state-dict-key" in run.stderr
    for options in (["--no-sandbox"], ["--timeout=1"], ["--max-expansion=1"]):
        options += ["--state-dict-key=last", str(path)]
        [row] = document_of("show", *options)["tensors"]
        assert (row["key"], row["shape"]) == ("b", [3])


@pytest.mark.parametrize("dtype", EVERY_DTYPE, ids=str)
def test_statistics_of_every_dtype(tmp_path, dtype):
    torch.manual_seed(2)
    tensor = random_of(dtype)
    path = bare(tmp_path, bytes_of({"x": tensor}), spec_of())
    [row] = document_of("show", "--stats", str(path))["tensors"]
    check_stats(row["stats"], tensor)


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "F6_E3M2"])
def test_nothing_is_known_below_a_byte(tmp_path, dtype):
    data = bytes(3)
    size = len(data) * 8 // (4 if dtype == "F4" else 6)
    path = bare(tmp_path, bytes_of({"x": (dtype, [size], data)}), spec_of())
    [row] = document_of("show", "--stats", str(path))["tensors"]
    assert (row["stats"], row["parameters"], row["bytes"]) == (None, size, 3)
    assert " - " in inspect("show", "--stats", str(path)).stdout


def test_table_for_people(tmp_path):
    path = bare(tmp_path, bytes_of({"b": torch.ones(2, 3), "a": torch.tensor([math.nan])}), spec_of())
    lines = inspect("show", "--stats", str(path)).stdout.splitlines()
    assert [line.split() for line in lines[3:]] == [
        "dtype shape parameters bytes min max mean norm non-finite key".split(),
        "F32 [1] 1 4 - - - 0 1 a".split(),
        "F32 [2, 3] 6 24 1 1 1 2.4495 0 b".split(),
        "2 tensors, 7 parameters, 28 bytes".split(),
    ]


# ---- what else a bundle says ----


def test_spec_and_name(tmp_path):
    spec = spec_of(kwargs={"nested": {"b": [1, 2.5, None], "a": "\u00e9"}}, later="field")
    path = folder(tmp_path, bytes_of(some_tensors()), spec)
    shown = document_of("show", str(path))
    assert shown["spec"] == json.loads(spec)
    assert (shown["run"], shown["epoch"], shown["path"]) == ("run", 1, str(path))
    assert shown["bytes"] == sum(file.stat().st_size for file in path.iterdir())
    text = inspect("show", str(path)).stdout
    assert '    nested: {"b":[1,2.5,null],"a":"\u00e9"}\n' in text
    assert '  later: "field"\n' in text and "architecture_spec" not in text


def test_spec_without_weights(tmp_path):
    path = folder(tmp_path, b"", spec_of(data_path=None))
    shown = document_of("show", "--stats", str(path))
    assert shown["tensors"] == [] and shown["spec"]["data_path"] is None
    assert "tensors" not in inspect("show", str(path)).stdout
    run = inspect("keys", str(path))
    assert run.exit == BAD and "names no weights" in run.stderr


HEADS = {
    "one": ({"x.actor_head.weight": [5, 7], "x.actor_head.bias": [5]}, (5, 1)),
    "two": ({"policy.actor.0.weight": [4, 8], "policy.actor.1.weight": [3, 8]}, (12, 2)),
    "none": ({"critic.weight": [1, 8]}, None),
}


@pytest.mark.parametrize("name", HEADS)
def test_action_space(tmp_path, name):
    shapes, expected = HEADS[name]
    tensors = {key: torch.zeros(shape) for key, shape in shapes.items()}
    path = bare(tmp_path, bytes_of(tensors), spec_of())
    found = document_of("show", str(path))["action_space"]
    assert (found and (found["actions"], found["heads"])) == expected
    assert ("action space: " in inspect("show", str(path)).stdout) == bool(expected)


# ---- architecture ----

LONG = "'" + "x" * 90 + "'"
ARCHITECTURES = [
    "a.B",
    "a.B()",
    "a.b.C(x=1)",
    "a.B(x=[], y={}, z=(), s=set(), n=None, f=-1.5e-300)",
    f"a.B(x=[{LONG}, {LONG}], y={{'k': {LONG}, 2: [{LONG}]}}, z=({LONG},), s={{{LONG}, 1}})",
    f"a.B(x=({LONG}), y=[[[[{LONG}]]]], z=[({LONG}, {LONG},),])",
    f"""a.B(x=['a, b', "c]d", 'e\\'f', "(g", '#h', {LONG}], y={{'k: v': [{LONG}], 'a': 'b:c'}})""",
    f"""a.B(x=['''tri'ple''', r'\\d', b'by\\x00te', 'ad' 'jacent', {LONG}])""",
    "a.B(\n    x=1,\n    y=[1,\n       2,\n    ],\n)",
]


def values_of(text):
    call = ast.parse(text.strip(), mode="eval").body
    if not isinstance(call, ast.Call):
        return ast.unparse(call), {}
    keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    return ast.unparse(call.func), keywords


def shown_architecture(path):
    text = inspect("show", str(path)).stdout
    return text.partition("\narchitecture\n")[2].partition("tensors\n")[0]


@pytest.mark.parametrize("number", range(len(ARCHITECTURES)))
def test_architecture_is_laid_out_and_means_the_same(tmp_path, number):
    text = ARCHITECTURES[number]
    path = folder(tmp_path, bytes_of(some_tensors()), spec_of(text))
    shown = shown_architecture(path)
    assert values_of(shown) == values_of(text)
    assert all(len(line) <= 80 or LONG in line for line in shown.splitlines())
    document = document_of("show", str(path))["architecture"]
    assert document["text"] == text and document["class"] == values_of(text)[0]
    arguments = {row["name"]: ast.literal_eval(row["value"]) for row in document["arguments"]}
    assert arguments == values_of(text)[1]


def test_architectures_of_the_fixtures(tmp_path):
    for number, spec in enumerate(sorted((PROJECT / "fixtures/expected").rglob("policy_spec.json"))):
        text = json.loads(spec.read_text("utf-8"))["init_kwargs"]["architecture_spec"]
        assert values_of(shown_architecture(spec.parent)) == values_of(text), number


def test_architecture_that_does_not_parse(tmp_path):
    path = folder(tmp_path, bytes_of(some_tensors()), spec_of("a.B(x=f(\x1b[31m))"))
    run = inspect("show", str(path))
    assert run.exit == GOOD and "  a.B(x=f(\\x1b[31m))\n" in run.stdout
    assert "architecture: column 7" in run.stderr
    assert "column" in document_of("show", str(path))["architecture"]["fault"]


# ---- keys ----


@pytest.mark.parametrize("kind", KINDS)
def test_key_manifest(tmp_path, kind):
    weights = bytes_of(some_tensors())
    (tmp_path / "reference").write_bytes(weights)
    path = KINDS[kind](tmp_path, weights, spec_of())
    run = inspect("keys", str(path))
    assert run.exit == GOOD and run.stdout == inspect("keys", "--json", str(path)).stdout
    keys = json.loads(run.stdout)["keys"]
    assert keys == {
        row["key"]: {"dtype": row["dtype"], "shape": row["shape"]}
        for row in rows_by_safetensors(tmp_path / "reference")
    }
    assert list(keys) == sorted(keys, key=str.encode)


def test_manifest_is_what_a_bundle_can_be_held_to(tmp_path):
    path = folder(tmp_path, bytes_of({"a": torch.ones(2, 3)}), spec_of())
    manifest = tmp_path / "keys.json"
    manifest.write_text(inspect("keys", str(path)).stdout)
    command = [BUILD / "mpt-validate", "--against", manifest, path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == GOOD and "1 ok" in done.stderr
    (path / "weights.safetensors").write_bytes(bytes_of({"b": torch.ones(2, 3)}))
    assert subprocess.run(command, capture_output=True).returncode == BAD


# ---- names on a terminal ----


def test_names_are_escaped(tmp_path):
    key = 'a\x1b]0;x\x07\n\u009b"\\\x7f\0b'
    header = json.dumps({key: {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}).encode()
    weights = struct.pack("<Q", len(header)) + header
    spec = spec_of("a.B(x='\x1b[2J')", class_path="p.\x1b[31mC", **{"\x1bkey": "\x9b"})
    path = folder(tmp_path, weights, spec)
    for arguments in ["show", path], ["show", "--stats", path], ["show", "--json", path]:
        run = inspect(*map(str, arguments))
        assert run.exit == GOOD
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", run.stdout + run.stderr)
    [row] = document_of("show", str(path))["tensors"]
    assert row["key"] == key


def test_wrong_usage():
    assert inspect("show", "--latest", "x").exit == USAGE
