"""mpt-inspect diff: every kind of file against every other, and numbers against numpy's."""

import ast
import json
import math
import os
import random

import numpy
import pytest
import torch
from inspected import (
    KINDS, LEGACY, TEXT, archive, bare, bytes_of, folder, in_order, mpt, spec_of, stored,
    torch_file, write_members,
)  # fmt: skip
from inspector import BAD, GOOD, PROGRAM, inspect
from peak_memory import measure

MIB = 1 << 20


def some_tensors():
    torch.manual_seed(1)
    return {
        "actor.weight": torch.randn(5, 7),
        "actor.bias": torch.zeros(5, dtype=torch.bfloat16),
        "count": torch.tensor(7),
        "empty": torch.empty(0, 4),
        "large": torch.randn(300, 300),
    }


def below(path, name):
    (path / name).mkdir()
    return path / name


def differ(*arguments, **options):
    """The document of two that differ."""
    run = inspect("diff", "--json", *map(str, arguments), **options)
    assert run.exit == BAD, run.stderr
    document = run.document()
    assert document["same"] is False
    return document


def assert_same(*arguments, **options):
    run = inspect("diff", "--json", *map(str, arguments), **options)
    assert (run.exit, run.stderr) == (GOOD, "")
    document = run.document()
    assert document["same"] is True and document["tensors"] == []
    run = inspect("diff", *map(str, arguments), **options)
    assert run.exit == GOOD and run.stdout.startswith("the same: ")


# ---- kinds of files ----


def write(kind, path, tensors):
    if kind in LEGACY:
        return LEGACY[kind](path, tensors)
    return KINDS[kind](path, bytes_of(tensors), spec_of())


@pytest.mark.parametrize("b", [*KINDS, *LEGACY])
@pytest.mark.parametrize("a", [*KINDS, *LEGACY])
def test_same_weights_in_two_kinds_of_files(tmp_path, a, b):
    paths = [write(kind, below(tmp_path, side), some_tensors()) for side, kind in (("a", a), ("b", b))]
    assert_same(*paths)


@pytest.mark.parametrize("b", [*KINDS, *LEGACY])
@pytest.mark.parametrize("a", [*KINDS, *LEGACY])
def test_other_weights_in_two_kinds_of_files(tmp_path, a, b):
    changed = some_tensors()
    changed["large"][299, 299] += 1
    changed["count"] = torch.tensor(9)
    paths = [write(a, below(tmp_path, "a"), some_tensors()), write(b, below(tmp_path, "b"), changed)]
    rows = {row["key"]: row["values"] for row in differ(*paths)["tensors"]}
    assert {key: row["differing"] for key, row in rows.items()} == {"large": 1, "count": 1}
    assert rows["count"]["max"] == rows["count"]["mean"] == 2


def test_prefixes_come_off_legacy_files(tmp_path):
    wrapped = {f"module.{key}": tensor for key, tensor in some_tensors().items()}
    paths = torch_file(tmp_path, wrapped), bare(tmp_path, bytes_of(some_tensors()), spec_of())
    assert_same(*paths)
    only = {row["key"] for row in differ("--keep-prefix", *paths)["tensors"]}
    assert only == set(wrapped) | set(some_tensors())


# ---- orders ----


def shuffled(tensors, seed):
    names = list(tensors)
    random.Random(seed).shuffle(names)
    return {name: tensors[name] for name in names}


@pytest.mark.parametrize("b", ["bundle folder", "zip bundle", "stored zip bundle", "mpt zip"])
@pytest.mark.parametrize("a", ["bundle folder", "zip bundle", "stored zip bundle", "mpt zip"])
def test_other_orders_of_tensors(tmp_path, a, b):
    """1,000 of them; two archives cannot both be read from first to last."""
    torch.manual_seed(3)
    tensors = {f"t{n}": torch.randn(n % 7, 5) for n in range(1000)}
    changed = tensors | {"t999": tensors["t999"] + 1}
    a_path, b_path = below(tmp_path, "a"), below(tmp_path, "b")
    first = KINDS[a](a_path, in_order(shuffled(tensors, 1)), spec_of())
    assert_same(first, KINDS[b](b_path, in_order(shuffled(tensors, 2)), spec_of()))
    second = KINDS[b](below(tmp_path, "c"), in_order(shuffled(changed, 2)), spec_of())
    [row] = differ(first, second)["tensors"]
    assert row["key"] == "t999" and row["values"]["max"] == pytest.approx(1, rel=1e-6)


def two_orders(tmp_path, mebibytes):
    tensors = {f"t{n}": torch.zeros(MIB // 4) for n in range(mebibytes)}
    orders = tensors, dict(reversed(tensors.items()))
    return [
        archive(below(tmp_path, side), in_order(order), spec_of())
        for side, order in zip("ab", orders)
    ]


def test_limit_of_what_is_unpacked(tmp_path):
    """100 MiB from an archive of 0.1: within N times its size, and 64 MiB more."""
    paths = two_orders(tmp_path, 100)
    run = inspect("diff", *map(str, paths))
    assert run.exit == BAD and "(--max-expansion)" in run.stderr and str(paths[1]) in run.stderr
    assert_same("--max-expansion=1000", *paths)
    assert_same(paths[0], paths[0])     # in one order nothing is unpacked


def test_temporary_folder(tmp_path):
    paths = two_orders(tmp_path, 1)
    run = inspect("diff", *map(str, paths[:1] * 2), env={"TMPDIR": "/nowhere"})
    assert run.exit == GOOD
    paths = two_orders(below(tmp_path, "more"), 2)
    run = inspect("diff", *map(str, paths), env={"TMPDIR": "/nowhere"})
    assert run.exit == BAD and "/nowhere" in run.stderr
    assert_same(*paths, env={"TMPDIR": str(below(tmp_path, "temporary"))})
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="sanitizers keep what is freed")
@pytest.mark.parametrize("kinds", [("safetensors file",) * 2, ("zip bundle", "mpt zip"),
                                   ("bundle folder", "stored zip bundle")])  # fmt: skip
def test_memory_is_flat(tmp_path, kinds):
    torch.manual_seed(4)
    tensors = {f"t{n}": torch.randint(0, 2**30, (8 * MIB,), dtype=torch.int32) for n in range(2)}
    paths = [write(kind, below(tmp_path, side), tensors) for side, kind in zip("ab", kinds)]
    measured = measure(tmp_path, PROGRAM, "diff", *paths)
    assert measured["exit"] == GOOD and max(measured["peaks"]) < 24 * MIB
    measured = measure(tmp_path, PROGRAM, "show", "--stats", paths[1])
    assert measured["exit"] == GOOD and max(measured["peaks"]) < 24 * MIB


# ---- values ----


def numbers_by_numpy(a, b):
    x, y = (numpy.asarray(side.double()).ravel() for side in (a, b))
    finite = numpy.isfinite(x) & numpy.isfinite(y)
    same = (x == y) | (numpy.isnan(x) & numpy.isnan(y))
    u, v = x[finite], y[finite]
    return {
        "count": len(x),
        "differing": int((~same).sum()),
        "nonfinite": int((~same & ~finite).sum()),
        "max": float(abs(u - v).max()),
        "mean": float(abs(u - v).mean()),
        "cosine": float(u @ v / numpy.linalg.norm(u) / numpy.linalg.norm(v)),
    }


def random_of(dtype, seed):
    torch.manual_seed(seed)
    if dtype.is_floating_point:
        return (torch.randn(30, 21) * 3).to(dtype)
    return torch.randint(0, 2 if dtype == torch.bool else 100, (30, 21)).to(dtype)


PAIRS = [(dtype, dtype) for dtype in (
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16,
    torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2,
)]  # fmt: skip
PAIRS += [(torch.float32, torch.bfloat16), (torch.float16, torch.float64),
          (torch.int64, torch.float32), (torch.bool, torch.int32)]  # fmt: skip


@pytest.mark.parametrize("dtypes", PAIRS, ids=str)
def test_numbers_are_those_of_numpy(tmp_path, dtypes):
    a, b = (random_of(dtype, seed) for seed, dtype in enumerate(dtypes))
    if dtypes[0] == dtypes[1] == torch.float32:
        a[0, :4] = torch.tensor([math.nan, math.nan, math.inf, -math.inf])
        b[0, :4] = torch.tensor([math.nan, 1.0, math.inf, math.inf])
    paths = [bare(below(tmp_path, side), bytes_of({"x": t}), spec_of()) for side, t in zip("ab", (a, b))]
    [row] = differ(*paths)["tensors"]
    expected = numbers_by_numpy(a, b)
    values = {key: value for key, value in row["values"].items() if key != "bits_only"}
    assert values == pytest.approx(expected, rel=1e-12) and row["values"]["bits_only"] == 0
    assert ("a" in row and "b" in row) and (row["a"] == row["b"]) == (dtypes[0] == dtypes[1])


def test_a_dtype_alone_is_a_difference(tmp_path):
    a = torch.arange(10, dtype=torch.float32)
    paths = [bare(below(tmp_path, side), bytes_of({"x": t}), spec_of()) for side, t in zip("ab", (a, a.half()))]
    [row] = differ(*paths)["tensors"]
    assert (row["a"]["dtype"], row["b"]["dtype"], row["values"]["differing"]) == ("F32", "F16", 0)
    text = inspect("diff", *map(str, paths)).stdout
    assert "  x\n    - F32 [10]\n    + F16 [10]\n" in text and "values" not in text.partition("1 tensors")[0]


def test_values_of_other_shapes_are_not_compared(tmp_path):
    a, b = torch.zeros(2, 3), torch.zeros(3, 2)
    paths = [bare(below(tmp_path, side), bytes_of({"x": t}), spec_of()) for side, t in zip("ab", (a, b))]
    [row] = differ(*paths)["tensors"]
    assert row["a"]["shape"] == [2, 3] and row["b"]["shape"] == [3, 2] and "values" not in row


def test_bits_alone_are_a_difference(tmp_path):
    a, b = torch.tensor([0.0, 1.0]), torch.tensor([-0.0, 1.0])
    paths = [bare(below(tmp_path, side), bytes_of({"x": t}), spec_of()) for side, t in zip("ab", (a, b))]
    [row] = differ(*paths)["tensors"]
    assert (row["values"]["differing"], row["values"]["bits_only"]) == (0, 1)
    assert "x (1 only in their bits)" in inspect("diff", *map(str, paths)).stdout


def test_integers_that_are_equal_as_doubles(tmp_path):
    a, b = torch.tensor([2**53]), torch.tensor([2**53 + 1])
    paths = [bare(below(tmp_path, side), bytes_of({"x": t}), spec_of()) for side, t in zip("ab", (a, b))]
    [row] = differ(*paths)["tensors"]
    assert (row["values"]["differing"], row["values"]["max"]) == (1, 1)


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "F6_E3M2"])
def test_below_a_byte(tmp_path, dtype):
    size = 12 if dtype == "F4" else 8
    data = b"\x01\x02\x03\x04\x05\x06", b"\x01\x02\x03\x04\x05\x07"
    paths = [
        bare(below(tmp_path, side), bytes_of({"x": (dtype, [size], some)}), spec_of())
        for side, some in zip("ab", data)
    ]
    [row] = differ(*paths)["tensors"]
    assert row["values"] == {
        "count": 6, "differing": 1, "nonfinite": 0, "bits_only": 0, "max": None, "mean": None,
        "cosine": None,
    }  # fmt: skip
    assert_same(paths[0], paths[0])


def test_complex_values_are_their_parts(tmp_path):
    a = torch.tensor([1 + 2j, 3 - 4j], dtype=torch.complex64)
    b = torch.tensor([1 + 2j, 3 + 1j], dtype=torch.complex64)
    paths = [bare(below(tmp_path, side), bytes_of({"x": t}), spec_of()) for side, t in zip("ab", (a, b))]
    [row] = differ(*paths)["tensors"]
    values = {key: value for key, value in row["values"].items() if key != "bits_only"}
    assert values == pytest.approx(numbers_by_numpy(torch.view_as_real(a), torch.view_as_real(b)))


def test_keys_of_one_only(tmp_path):
    a, b = some_tensors(), some_tensors()
    del a["count"], b["actor.bias"]
    paths = [bare(below(tmp_path, side), bytes_of(t), spec_of()) for side, t in zip("ab", (a, b))]
    document = differ(*paths)
    assert document["tensor_count"] == 5
    assert document["tensors"] == [
        {"key": "actor.bias", "a": {"dtype": "BF16", "shape": [5]}},
        {"key": "count", "b": {"dtype": "I64", "shape": []}},
    ]
    text = inspect("diff", *map(str, paths)).stdout
    assert "tensors\n  - actor.bias  BF16 [5]\n  + count  I64 []\n" in text


# ---- specs and architectures ----

SPECS = {
    "blanks and order": (
        spec_of(kwargs={"a": {"b": 1, "c": [2]}}),
        json.dumps(json.loads(spec_of(kwargs={"a": {"c": [2.0], "b": 1e0}})), indent=4).encode(), []),
    "a field": (spec_of(), spec_of(class_path="a.B"), [
        {"name": "class_path", "a": "metta.agent.policy.CheckpointPolicy", "b": "a.B"}]),
    "null and absent": (spec_of(later=None), spec_of(), [{"name": "later", "a": None}]),
    "an argument": (spec_of(), spec_of(kwargs={"device": "cuda"}), [
        {"in": "init_kwargs", "name": "device", "a": "cpu", "b": "cuda"}]),
    "an argument more": (spec_of(), spec_of(kwargs={"x": {"y": [True]}}), [
        {"in": "init_kwargs", "name": "x", "b": {"y": [True]}}]),
    "no architecture": (spec_of(), spec_of(kwargs={"architecture_spec": None}), [
        {"in": "init_kwargs", "name": "architecture_spec", "a": TEXT}]),
}  # fmt: skip


def bundles(tmp_path, *specs):
    weights = bytes_of(some_tensors())
    return [folder(below(tmp_path, side), weights, spec) for side, spec in zip("ab", specs)]


@pytest.mark.parametrize("name", SPECS)
def test_specs(tmp_path, name):
    *specs, expected = SPECS[name]
    paths = bundles(tmp_path, *specs)
    run = inspect("diff", "--json", *map(str, paths))
    assert run.exit == (BAD if expected else GOOD)
    assert run.document()["spec"] == expected and run.document()["tensors"] == []


def test_spec_for_people(tmp_path):
    paths = bundles(tmp_path, spec_of(), spec_of(kwargs={"device": "cu\x1bda"}))
    assert "policy spec\n  init_kwargs.device\n    - \"cpu\"\n    + \"cu\\u001bda\"\n" in (
        inspect("diff", *map(str, paths)).stdout
    )


TEXTS = {
    "the same": ("a.B(x=1)", "a.B(x=1)", {}),
    "an argument": ("a.B(x=1, y='\\n')", "a.B(x=2, y='\\n')", {"x": ("1", "2")}),
    "an argument more": ("a.B(x=1)", "a.B(x=1, w=[2])", {"w": (None, "[2]")}),
    "the class": ("a.B(x=1)", "a.C(x=1)", {"class": ("a.B", "a.C")}),
    "order": ("a.B(x=1, y=2)", "a.B(y=2, x=1)", {"text": ("a.B(x=1, y=2)", "a.B(y=2, x=1)")}),
    "one that does not parse": ("a.B(", "a.B()", {"text": ("a.B(", "a.B()")}),
    "neither parses": ("a.B(", "a.B(", {}),
}


@pytest.mark.parametrize("name", TEXTS)
def test_architectures(tmp_path, name):
    a, b, expected = TEXTS[name]
    paths = bundles(tmp_path, spec_of(a), spec_of(b))
    run = inspect("diff", "--json", *map(str, paths))
    found = {row["name"]: (row.get("a"), row.get("b")) for row in run.document()["architecture"]}
    assert found == expected and run.exit == (BAD if expected else GOOD)
    assert run.document()["spec"] == []


def test_architecture_of_a_legacy_file(tmp_path):
    weights = bytes_of(some_tensors())
    paths = mpt(below(tmp_path, "a"), weights, spec_of("a.B(x=1)")), folder(tmp_path, weights, spec_of("a.B(x=2)"))
    document = differ(*paths)
    assert document["spec"] is None and document["architecture"] == [{"name": "x", "a": "1", "b": "2"}]
    run = inspect("diff", *map(str, paths))
    assert "architecture\n  x\n    - 1\n    + 2\n" in run.stdout
    assert run.stderr == f"mpt-inspect: {paths[0]}: has no policy spec to compare\n"


def test_thousands_of_arguments(tmp_path):
    """Names of fields are matched by sorting them."""
    names = [f"n{n}" for n in range(20000)]
    kwargs = [dict.fromkeys(names, 1), dict.fromkeys(reversed(names), 1)]
    paths = bundles(tmp_path, *(spec_of(kwargs=some) for some in kwargs))
    assert_same(*paths)


def test_text_adds_up(tmp_path):
    """The table's numbers are those of the document, rounded."""
    changed = some_tensors()
    changed["large"] += torch.randn(300, 300)
    paths = [bare(below(tmp_path, side), bytes_of(t), spec_of()) for side, t in zip("ab", (some_tensors(), changed))]
    [row] = differ(*paths)["tensors"]
    lines = inspect("diff", *map(str, paths)).stdout.splitlines()
    words = lines[lines.index("values") + 2].split()
    assert words[5] == "large" and [int(word) for word in words[:2]] == [
        row["values"]["differing"], row["values"]["count"],
    ]  # fmt: skip
    shown = [ast.literal_eval(word) for word in words[2:5]]
    assert shown == pytest.approx([row["values"][k] for k in ("max", "mean", "cosine")], rel=1e-4)
    assert lines[-1] == "5 tensors: 0 in one only, 0 of another dtype or shape, 1 of other values"


# ---- what is not sound ----


def test_damage_behind_the_last_tensor_is_found(tmp_path):
    """No answer is printed before checksums are verified."""
    weights = bytes_of({"x": torch.arange(100)})
    a = stored(tmp_path, weights, spec_of())
    data = bytearray(a.read_bytes())
    data[data.index(weights) + len(weights) - 1] ^= 1
    b = tmp_path / "damaged.zip"
    b.write_bytes(data)
    for paths in (a, b), (b, a):
        run = inspect("diff", *map(str, paths))
        assert (run.exit, run.stdout) == (BAD, "") and f"{b}: weights.safetensors: CRC-32" in run.stderr
    run = inspect("show", "--stats", str(b))
    assert (run.exit, run.stdout) == (BAD, "") and "CRC-32" in run.stderr


def test_missing_and_unreadable(tmp_path):
    good = bare(tmp_path, bytes_of(some_tensors()), spec_of())
    for paths in (good, "nowhere"), ("nowhere", good), (tmp_path, good):
        run = inspect("diff", *map(str, paths), cwd=tmp_path)
        assert (run.exit, run.stdout) == (BAD, "") and run.stderr.count("\n") == 1
    run = inspect("diff", str(good), "nowhere", cwd=tmp_path)
    assert run.stderr == "mpt-inspect: nowhere: cannot open: No such file or directory\n"


def test_links_out_of_a_bundle(tmp_path):
    (path,) = bundles(tmp_path, spec_of())
    secret = tmp_path / "secret"
    secret.write_bytes((path / "weights.safetensors").read_bytes())
    (path / "weights.safetensors").unlink()
    (path / "weights.safetensors").symlink_to(secret)
    run = inspect("show", str(path))
    assert run.exit == BAD and "symbolic link" in run.stderr
    os.unlink(path / "weights.safetensors")
    (path / "policy_spec.json").write_bytes(spec_of(data_path="../secret"))
    assert inspect("show", str(path)).exit == BAD


def test_pointer_archive(tmp_path):
    spec = json.dumps({"class_path": "mettagrid.policy.mpt_policy.MptPolicy", "data_path": None,
                       "init_kwargs": {"checkpoint_uri": "s3://b/run:v5.mpt"}}).encode()  # fmt: skip
    path = write_members(tmp_path / "run:v5-submission.zip", {"policy_spec.json": spec}, 8)
    run = inspect("show", str(path))
    assert run.exit == GOOD and 's3://b/run:v5.mpt' in run.stdout
