"""Each rule of mpt-validate: a bundle that breaks it and nothing else, and one that keeps it.

The bundles are written by torch, the safetensors package and Python's zipfile.  What is a
fault of a bundle, in all its ways, is in tests/test_validate.py.
"""

import json
import os
import re
import struct
import subprocess
from types import SimpleNamespace

import pytest
import torch
from conftest import PROJECT
from test_validate import (
    ARCHITECTURE,
    DATA,
    DEFLATED,
    MAKERS,
    ONE,
    POINTER,
    PROGRAM,
    SCRIPT,
    SPEC,
    WEIGHTS,
    findings,
    flipped,
    header,
    make_folder,
    make_zip,
    members,
    some_tensors,
    spec_of,
    STORED,
    validate,
    weights_of,
    zip_bytes,
)

VIT = (
    "metta.agent.policies.vit.ViTDefaultConfig(components=[], "
    "core_resnet_layers={}, core_resnet_pattern='{}')"
)
CORE = "cortex.func.stack.blocks.{}.experts.0.cell.{}"


def bundle(weights=None, options=(), name="run:v5", **changes):
    """Options, and the content of a bundle: tensors or bytes, fields of the spec, others."""
    others = changes.pop("others", None)
    if isinstance(weights, dict):
        weights = weights_of(weights)
    spec = changes.pop("spec", None) or spec_of(**changes)
    content = members(spec, WEIGHTS if weights is None else weights, others)
    return SimpleNamespace(options=list(options), content=content, name=name)


def archive(data, name="run:v5.zip", options=()):
    return SimpleNamespace(options=list(options), data=data, name=name)


def vit(layers, pattern, keys):
    kwargs = {"architecture_spec": VIT.format(layers, pattern), "device": "cpu"}
    return bundle({key: torch.ones(1) for key in keys}, kwargs=kwargs)


def one_of(value, count=9):
    values = torch.arange(1.0, count + 1)
    values[count // 2] = value
    return {"actor.weight": torch.ones(1), "deep.bias": values}


def against(tensors, other, *options):
    """A bundle of some tensors, and the safetensors file of others that it is held to."""
    case = bundle(tensors, options)
    case.reference = weights_of(other)
    return case


def run_of(*epochs):
    """Bundles of one run; the first is the one that is judged."""
    case = bundle(epochs[0], ["--consistent"])
    case.others = epochs[1:]
    return case


MATRIX = torch.arange(1.0, 7.0).reshape(2, 3)
A = {"net.weight": MATRIX, "net.bias": torch.ones(1)}
B = {"net.weight": MATRIX, "net.scale": torch.ones(1, 1)}
NAN = float("nan")
INF = float("inf")

# Rule: severity, what breaks it, a part of what is said, what keeps it.
RULES = {
    "container": ("error", archive(b"class_path"), "it is something else", archive(DEFLATED)),
    "legacy": (
        "error", archive(zip_bytes({"policy.pt": b"x"})), 'convert it with "mpt-convert ', bundle()),
    "spec": ("error", bundle(spec=b"[]"), "must be an object, and is an array", bundle()),
    "spec-class": (
        "error", bundle(class_path="my.Policy()"), "is no dotted name of a class",
        bundle(class_path="my.Policy")),
    "spec-data-path": ("error", bundle(data_path="/w"), "is an absolute path", bundle()),
    "spec-setup-script": (
        "error", bundle(setup_script="x.py"), "missing from the bundle",
        bundle(setup_script="setup.py", others=SCRIPT)),
    "spec-architecture": (
        "error", bundle(kwargs={"architecture_spec": "p.C(1)"}), "column 5: ", bundle()),
    "weights": ("error", bundle(WEIGHTS[:-1]), "the tensors cover", bundle(weights_of({}))),
    "weights-strict": (
        "error", bundle(header(ONE, b"xyz", b"\n")), "bytes other than blanks",
        bundle(header(ONE, b"xyz", b" "))),
    "crc": ("error", archive(flipped(STORED, b"extra")), "CRC-32", archive(DEFLATED)),
    "nonfinite": (
        "error", bundle(one_of(NAN)), 'tensor "deep.bias": 1 NaN among 9 values',
        bundle(one_of(1e38))),
    "keys-architecture": (
        "error", vit(2, "L", [CORE.format(0, "nu_log"), CORE.format(1, "nu_log")]),
        "core_resnet_pattern is 'L', the keys are those of 'A'",
        vit(2, "A", [CORE.format(0, "nu_log"), CORE.format(1, "nu_log")])),
    "keys-actions": (
        "error", bundle(options=["--expect-actions", "4"]), "has 3 actions, not 4",
        bundle(options=["--expect-actions", "3"])),
    "against": (
        "error", bundle(options=["--against", "run:v4"]), '"run:v4" is not there',
        bundle(options=["--against", "run:v5"])),
    "against-missing": (
        "error", against({"net.weight": A["net.weight"]}, A), 'missing key "net.bias", F32 [1]; no key',
        against(A, A)),
    "against-unexpected": (
        "error", against(A, {"net.weight": A["net.weight"]}), 'unexpected key "net.bias", F32 [1]; no',
        against(A, A)),
    "against-shape": (
        "error", against(A, A | {"net.weight": MATRIX.T.contiguous()}),
        'key "net.weight" is F32 [2,3], and F32 [3,2] in the reference: transposed', against(A, A)),
    "consistent": (
        "error", run_of(A, B, B), "differs from 2 of the 3 epochs of its run, as run:v7",
        run_of(A, A, B)),
    "against-dtype": (
        "warning", against(A, A | {"net.bias": torch.ones(1).half()}),
        'key "net.bias" is F32 [1], and F16 [1] in the reference: a loader converts it',
        against(A, A)),
    "bool-bytes": (
        "warning", bundle(header(ONE.replace("U8", "BOOL"), b"\0\1\2")), 'BOOL tensors: "a"',
        bundle(header(ONE.replace("U8", "BOOL"), b"\0\1\0"))),
    "keys-prefix": (
        "warning", bundle({"x._orig_mod.a": torch.ones(1), "b": torch.ones(1)}),
        '1 of 2 keys carry a wrapper\'s name (_orig_mod and the like), as "x._orig_mod.a"',
        bundle({"x.module.a": torch.ones(1)})),
    "keys-mixed": (
        "warning", bundle({"module.a": torch.ones(1), "b": torch.ones(1)}),
        '1 of 2 keys begin with "module.", as "module.a", the others do not, as "b"',
        bundle({"modules.a": torch.ones(1), "b": torch.ones(1)})),
    "spec-short-class": (
        "warning", bundle(class_path="puffer"), '"puffer" is no dotted name',
        bundle(class_path="my.Puffer")),
    "listing": None,
    "leftover": (
        "warning", bundle(others={"a/.weights.safetensors.abcd1234.tmp": b"x"}),
        "left by a writer that was killed", bundle(others={"trainer_state.pt": b"x"})),
    "name-dotted": (
        "warning", bundle(name="my.run:v5"), "a folder with a dot in its name", bundle()),
    "spec-unknown": ("note", bundle(later=1), 'among them "later"', bundle()),
    "weights-none": (
        "note", bundle(b"", class_path="my.P", data_path=None), "data_path is null",
        bundle(class_path="my.P")),
    "all-zero": (
        "note", bundle({"b": torch.zeros(4), "a": torch.tensor([-0.0, 0.0])}),
        'tensors of zeros only: "a", "b"', bundle({"a": torch.zeros(()), "b": torch.empty(0)})),
    "constant": (
        "note", bundle({f"t{i}": torch.full((4,), 2.5) for i in range(5)}),
        'tensors of one value only: "t0", "t1", "t2" and 2 more', bundle({"a": torch.tensor(2.5)})),
    "denormal": (
        "note", bundle({"a": torch.tensor([1e-40, -1e-40, 1.0])}),
        '2 denormal values in tensors: "a"', bundle({"a": torch.tensor([1.2e-38, 0.0, 1.0])})),
    "extra": (
        "note", bundle(others={"a/b": b"", "c.py": b""}), 'does not look at "a/b", "c.py"',
        bundle(class_path="my.Policy", others={"a/c.py": b""})),
    "mode": None,
    "name-epoch": ("note", bundle(name="best"), "its name has no epoch", bundle()),
    "name-run": ("note", bundle(name="r__s:v5"), 'holds "__"', bundle()),
}  # fmt: skip

# Rules whose samples are no mere content; each has a test of its own below.
APART = {"listing": "test_listing", "mode": "test_mode"}
FOLDERS_ONLY = {"name-dotted"}
# What is broken along with a rule, as it cannot be helped.
ALSO = {"weights-none": {"extra"}, "crc": {"extra"}}


def write(case, folder, form):
    """The argument list that judges a case."""
    if hasattr(case, "data"):
        path = folder / case.name
        path.write_bytes(case.data)
        return [*case.options, path]
    suffix = ".zip" * (form == "zip")
    path = MAKERS[form](folder, case.content, case.name + suffix)
    if hasattr(case, "reference"):
        (folder / "reference.safetensors").write_bytes(case.reference)
        return [*case.options, "--against", folder / "reference.safetensors", path]
    if hasattr(case, "others"):
        paths = [path]
        for epoch, tensors in enumerate(case.others, 6):
            content = members(weights=weights_of(tensors))
            paths.append(MAKERS[form](folder, content, f"run:v{epoch}{suffix}"))
        return [*case.options, *paths]
    return [*case.options, path]


def judged(folder, case, form):
    """Exit status, and the findings of the case's bundle by rule."""
    folder.mkdir()
    run = validate("--jsonl", *write(case, folder, form))
    rows = [row for row in run.rows() if row["bundle"].startswith(str(folder / case.name))]
    return run.exit, {f["rule"]: f for f in rows[0]["findings"]}


@pytest.mark.parametrize("form", MAKERS)
@pytest.mark.parametrize("rule", [rule for rule, row in RULES.items() if row])
def test_rule(tmp_path, rule, form):
    severity, broken, reason, kept = RULES[rule]
    if form == "zip" and rule in FOLDERS_ONLY:
        pytest.skip("archives may be named so")
    status, found = judged(tmp_path / "broken", broken, form)
    assert set(found) == {rule} | ALSO.get(rule, set())
    assert found[rule]["severity"] == severity and reason in found[rule]["reason"]
    assert status == (severity == "error")
    status, found = judged(tmp_path / "kept", kept, form)
    assert rule not in found and not {"error"} & {f["severity"] for f in found.values()}
    if rule != "consistent":
        assert status == 0


def listed():
    lines = validate("--list-rules").stdout.splitlines()
    return {rule: (severity, text) for rule, severity, text in (line.split(None, 2) for line in lines)}


def test_every_rule_has_a_sample():
    rules = listed()
    assert set(rules) == set(RULES)
    for rule, row in RULES.items():
        assert (row is None) == (rule in APART)
        assert row is None or row[0] == rules[rule][0]
        assert row or APART[rule] in globals()
    assert all(text.endswith(".") for _, text in rules.values())
    order = [severity for severity, _ in rules.values()]
    assert order == sorted(order, key=["error", "warning", "note"].index)


# ---- severities, and rules left out ----


@pytest.mark.parametrize("rule", [rule for rule, row in RULES.items() if row])
def test_warnings_as_errors(tmp_path, rule):
    severity, broken, _, _ = RULES[rule]
    tmp_path = tmp_path / "x"
    tmp_path.mkdir()
    arguments = write(broken, tmp_path, "folder")
    run = validate("--warnings-as-errors", "--jsonl", *arguments)
    found = [f["severity"] for row in run.rows() for f in row["findings"] if f["rule"] == rule]
    assert set(found) == {"note" if severity == "note" else "error"}
    assert run.exit == (severity != "note")


ESSENTIAL = {"container", "legacy", "spec", "spec-data-path", "weights", "listing", "against"}


@pytest.mark.parametrize("rule", [rule for rule, row in RULES.items() if row])
def test_disable(tmp_path, rule):
    """A rule that is left out finds nothing; one that others build on cannot be."""
    _, broken, _, _ = RULES[rule]
    run = validate("--disable", rule, "--jsonl", *write(broken, tmp_path, "folder"))
    if rule in ESSENTIAL:
        assert run.exit == 2 and f'rule "{rule}" cannot be disabled' in run.stderr
        return
    found = {f["rule"] for row in run.rows() for f in row["findings"]}
    assert run.exit == 0 and found == ALSO.get(rule, set())


def test_disable_takes_ids(tmp_path):
    folder = make_folder(tmp_path, members())
    run = validate("--disable", "nonsense", folder)
    assert run.exit == 2 and 'not "nonsense"' in run.stderr and "--list-rules" in run.stderr
    rules = ["--disable", "extra", "--disable=mode"]
    assert validate(*rules, folder).exit == 0
    for asked in (["--against", folder], ["--consistent"], ["--expect-actions", "3"]):
        run = validate("--disable", "weights-strict", *asked, folder)
        assert run.exit == 2 and "exclude each other" in run.stderr


# ---- weights ----

NONFINITE = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E5M2": torch.float8_e5m2,
}


@pytest.mark.parametrize("form", MAKERS)
def test_nonfinite_by_tensor(tmp_path, form):
    values = [NAN, INF, INF, -INF, 1.0, 0.0]
    tensors = {name: torch.tensor(values).to(dtype) for name, dtype in NONFINITE.items()}
    tensors["C64"] = torch.complex(torch.tensor([1.0, NAN]), torch.tensor([INF, 1.0]))
    tensors["sound"] = torch.randn(1000)
    path = MAKERS[form](tmp_path, members(weights=weights_of(tensors)), "run:v5.zip"[: 6 + 4 * (form == "zip")])
    expected = {f'tensor "{name}": 1 NaN, 2 +Inf, 1 -Inf among 6 values' for name in NONFINITE}
    expected.add('tensor "C64": 1 NaN, 1 +Inf among 4 values')
    for option, severity in (("-j1", "error"), ("-j4", "error"), ("--allow-nonfinite", "note")):
        run = validate("--jsonl", option, path)
        [row] = run.rows()
        assert {f["reason"] for f in row["findings"]} == expected
        assert {(f["rule"], f["severity"]) for f in row["findings"]} == {("nonfinite", severity)}
        assert run.exit == (severity == "error")


@pytest.mark.parametrize("form", MAKERS)
def test_one_value_anywhere(tmp_path, form):
    """A NaN is found wherever it lies: at the ends of tensors, chunks and files."""
    sizes = (1, 5, 70000, 65536, 3, 1_500_000, 2)
    tensors = {f"t{i}": torch.ones(size) for i, size in enumerate(sizes)}
    for i, size in enumerate(sizes):
        for j, at in enumerate({0, size // 2, size - 1}):
            bad = tensors[f"t{i}"].clone()
            bad[at] = NAN
            content = members(weights=weights_of(tensors | {f"t{i}": bad}))
            path = MAKERS[form](tmp_path / f"{i}-{j}", content)
            _, found = findings(validate("--jsonl", path))
            assert found[("nonfinite", "error")]["reason"] == f'tensor "t{i}": 1 NaN among {size} values'


def test_findings_have_a_limit(tmp_path):
    """A hostile file of many tensors does not make a report of any length."""
    names = [f"t{i:05d}" for i in range(10_050)]
    entries = ",".join(
        f'"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[{4 * i},{4 * i + 4}]}}'
        for i, name in enumerate(names)
    )
    data = header("{" + entries + "}", struct.pack("<f", NAN) * len(names))
    [row] = validate("--jsonl", make_folder(tmp_path, members(weights=data))).rows()
    assert len(row["findings"]) == 10_001
    assert row["findings"][-1]["reason"] == "50 more findings of this rule are not listed"


# ---- files ----


def test_mode(tmp_path):
    folder = make_folder(tmp_path, members())
    assert validate("--jsonl", folder).rows()[0]["findings"] == []
    (folder / SPEC).chmod(0o600)
    (folder / DATA).chmod(0o640)
    _, found = findings(validate("--jsonl", folder))
    assert list(found) == [("mode", "note")]
    assert found[("mode", "note")]["reason"] == f'other users cannot read "{SPEC}", "{DATA}"'
    folder.chmod(0o744)
    _, found = findings(validate("--jsonl", folder))
    assert 'cannot read "run:v5", "' in found[("mode", "note")]["reason"]
    path = make_zip(tmp_path, members())
    path.chmod(0o600)
    _, found = findings(validate("--jsonl", path))
    assert found[("mode", "note")]["reason"] == 'other users cannot read "run:v5.zip"'


def test_listing(tmp_path):
    """Folders in a bundle are looked into, but not without end, and links are no folders."""
    folder = make_folder(tmp_path, members(others={"a/b/c/d": b""}))
    (folder / "link").symlink_to(tmp_path)
    (folder / "trainer_state.pt").symlink_to("/dev/null")
    _, found = findings(validate("--jsonl", folder))
    assert found[("extra", "note")]["reason"].endswith('"a/b/c/d", "link", "trainer_state.pt"')
    for number in range(10_001):
        os.mkdir(folder / f"{number}")
    _, found = findings(validate("--jsonl", folder))
    assert list(found) == [("listing", "warning")]
    assert "over 10000 files" in found[("listing", "warning")]["reason"]


def test_known_extras(tmp_path):
    known = ["trainer_state.pt", "modelarchitecture.txt", ".extraction.lock", ".extraction_complete"]
    known += [f".setup-0123456789abcdef.{end}" for end in ("lock", "done")]
    folder = make_folder(tmp_path, members(others=dict.fromkeys(known, b"")))
    assert validate("--jsonl", folder).rows()[0]["findings"] == []
    below = make_folder(tmp_path, members(others={f"a/{name}": b"" for name in known}), "run:v6")
    _, found = findings(validate("--jsonl", below))
    assert "and 3 more" in found[("extra", "note")]["reason"]


# ---- legacy ----


@pytest.mark.parametrize("data", [b"\x80\x02}q\x00.", b"text", zip_bytes({"x": b""})])
def test_mpt_is_refused_with_the_command(tmp_path, data):
    path = tmp_path / "run:v5.mpt"
    path.write_bytes(data)
    run = validate("--jsonl", path)
    reason = run.rows()[0]["findings"][0]["reason"]
    assert run.exit == 1 and reason.endswith(f'convert it with "mpt-convert {path} -o FOLDER"')


def test_bundle_with_the_suffix(tmp_path):
    for path in (make_folder(tmp_path, members(), "run:v5.mpt"),
                 make_zip(tmp_path, members(), "run:v6.mpt")):  # fmt: skip
        _, found = findings(validate("--jsonl", path))
        assert "which the loader refuses: rename it" in found[("legacy", "error")]["reason"]


def test_pointer_is_named_as_such(tmp_path):
    kwargs = {"checkpoint_uri": "s3://bucket/run:v5.mpt", "device": "cpu", "strict": True}
    spec = spec_of(class_path=POINTER, data_path=None, kwargs=kwargs, without=["setup_script"])
    path = tmp_path / "run:v5-submission.zip"
    path.write_bytes(zip_bytes({SPEC: spec}))
    run = validate("--jsonl", path)
    _, found = findings(run)
    assert run.exit == 1
    assert 'a pointer to the legacy checkpoint "s3://bucket/run:v5.mpt"' in found[
        ("spec-class", "error")]["reason"]  # fmt: skip


# ---- keys and the spec ----


@pytest.mark.parametrize(
    "layers, pattern, cells, reasons",
    [
        (3, "A", {0: "nu_log", 1: "nu_log"}, ["core_resnet_layers is 3, the keys are those of 2"]),
        (1, "A", {0: "net.weight_ih_l0"}, ["is 'A', the keys are those of 'L'"]),
        (2, "L", {0: "nu_log"}, ["core_resnet_layers is 2", "core_resnet_pattern is 'L'"]),
        (1, "AL", {0: "nu_log"}, ["core_resnet_pattern is 'AL'"]),
        (2, "A", {0: "nu_log", 1: "net.weight_ih_l0"}, ["cells of both kinds"]),
        (2, "LA", {0: "nu_log", 1: "net.weight_ih_l0"}, []),
        (1, "A", {}, []),
    ],
)
def test_architecture_and_keys(tmp_path, layers, pattern, cells, reasons):
    case = vit(layers, pattern, [CORE.format(n, cell) for n, cell in cells.items()])
    run = validate("--jsonl", *write(case, tmp_path, "folder"))
    found = [f for f in run.rows()[0]["findings"] if f["rule"] == "keys-architecture"]
    assert len(found) == len(reasons) and run.exit == bool(reasons)
    for finding, reason in zip(found, reasons):
        assert reason in finding["reason"] and finding["member"] == SPEC


def test_actions(tmp_path):
    heads = {"policy.actor.0.weight": torch.ones(4, 8), "policy.actor.1.weight": torch.ones(2, 8)}
    folder = make_folder(tmp_path, members(weights=weights_of(heads)))
    assert validate("--expect-actions", "8", folder).exit == 0
    run = validate("--jsonl", "--expect-actions", "6", folder)
    _, found = findings(run)
    assert 'has 8 actions, not 6: "policy.actor.0.weight" and those after it' in found[
        ("keys-actions", "error")]["reason"]  # fmt: skip
    none = make_folder(tmp_path, members(weights=weights_of({"a": torch.ones(2, 2)})), "run:v6")
    _, found = findings(validate("--jsonl", "--expect-actions=2", none))
    assert "no key is that of an actor head" in found[("keys-actions", "error")]["reason"]
    assert validate("--expect-actions", "0", folder).exit == 2
