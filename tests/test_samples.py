"""The samples in fixtures/, and the properties that no committed file shows.

Each sample shows one property and is named after it; fixtures/manifest.json says what
must come of it, and tests/test_fixtures.py converts them all at once.  Here each that
must be refused is given alone, others read those that must be accepted, and what is too
big or too numerous to be kept is made on the way.
"""

import ctypes
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import pytest
import test_safetensors
import zip_cases
from converter import PROJECT, convert, files_below
from pickle_bytes import dct, text, whole
from small_checkpoints import (
    STORAGES, TENSORS, TEXT, bundle_of, mpt_zip, storage_id, tensor, torch_members,
    weights_of,
)  # fmt: skip
from sources import BUILD
from test_architecture import framework_reads
from zip_bytes import Member, archive

FIXTURES = PROJECT / "fixtures"
sys.path.append(str(FIXTURES))

import samples  # noqa: E402
from sample_pickles import CALLS  # noqa: E402

MANIFEST = json.loads((FIXTURES / "manifest.json").read_text("utf-8"))
ACCEPTED = [case for case in samples.CASES if case.outcome == "converted"]
REFUSED = [row for row in MANIFEST["sources"] if row["tree"].startswith("reject")]


def name_of(row):
    return row["path"]


# ---- what is committed ----


def test_samples_are_what_the_script_makes(tmp_path):
    samples.write_all(tmp_path)
    for folder in sorted(path.name for path in tmp_path.iterdir()):
        made, kept = files_below(tmp_path / folder), files_below(FIXTURES / folder)
        if folder == "reject":  # torch made the others
            kept = {name: kept.get(name) for name in made}
        assert kept == made, folder


def test_manifest_says_what_the_script_says():
    rows = {(row["tree"], row["path"]): row for row in MANIFEST["sources"]}
    assert len(rows) == len(MANIFEST["sources"])
    for case in samples.CASES:
        row = rows[case.tree, str(case.inner_path)]
        expected = [case.era, case.outcome, case.reason, case.note, case.purpose]
        names = ["era", "outcome", "reason", "note", "purpose"]
        assert [row.get(name) for name in names] == expected
    assert {key: MANIFEST[key] for key in samples.MANIFEST} == samples.MANIFEST


def test_tests_that_the_manifest_names_are_there():
    for row in MANIFEST["elsewhere"]:
        file, _, name = row["test"].partition("::")
        text = (PROJECT / "tests" / file).read_text("utf-8")
        assert f"\ndef {name}(" in text, row


# ---- each alone ----


@pytest.mark.parametrize("row", REFUSED, ids=name_of)
def test_refused_alone(tmp_path, row):
    """Status 1 and no other, one line that says why, nothing written."""
    options = samples.TREES.get(row["tree"], MANIFEST["trees"][row["tree"]])
    arguments = [FIXTURES / row["tree"] / row["path"], "-o", "out"]
    if "architecture" in options:
        arguments += ["--architecture", options["architecture"]]
    run = convert(tmp_path, *arguments)
    assert run.exit == 1
    said = [line for line in run.stderr.splitlines() if ": note: " not in line]
    assert len(said) == 2 and said[1].startswith("mpt-convert: 0 converted, 0 skipped, 1")
    reasons = [row["reason"]] if isinstance(row["reason"], str) else row["reason"]
    assert all(part in said[0] for part in reasons), said
    assert files_below(tmp_path) == {}


def validate(*arguments):
    done = subprocess.run(
        [BUILD / "mpt-validate", "--jsonl", *arguments], capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("row", MANIFEST["bundles"], ids=name_of)
def test_bundle(row):
    status, [judged] = validate(FIXTURES / row["path"])
    assert judged["verdict"] == row["verdict"]
    assert status == (row["verdict"] == "bad")
    errors = [f for f in judged["findings"] if f["severity"] == "error"]
    assert [f["rule"] for f in errors] == ([row["rule"]] if "rule" in row else [])
    assert all(row["reason"] in f["reason"] for f in errors), errors


# ---- what others make of those that are accepted ----


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source")
@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.inner_path.stem)
def test_reference_reads(case):
    """The tensors that samples.py names, by the libraries' own readers."""
    content = (FIXTURES / case.path).read_bytes()
    expected = samples.EXPECTED[case.inner_path.stem]
    architecture = json.loads(expected["policy_spec.json"])["init_kwargs"]
    framework_reads(architecture["architecture_spec"])
    if case.era == "mpt zip":
        safetensors = pytest.importorskip("safetensors")
        with zipfile.ZipFile(io.BytesIO(content)) as reader:
            tensors = {
                name: (t["dtype"], t["shape"], bytes(t["data"]))
                for name, t in safetensors.deserialize(reader.read("weights.safetensors"))
            }
    else:
        inert_torch = pytest.importorskip("inert_torch")
        plain = case.era == "plain pickle"
        load = inert_torch.load_plain if plain else inert_torch.load
        tensors = inert_torch.described(load(content))
    assert weights_of(tensors) == expected["weights.safetensors"]


def written_by_the_package(tensors):
    """{name: (dtype, shape, bytes)} as a file, or None if it does not write a dtype."""
    names = {dtype: written for dtype, _, written in test_safetensors.DTYPES}
    if not all(names[dtype] for dtype, _, _ in tensors.values()):
        return None
    buffers, specs = [], {}
    for name, (dtype, shape, data) in tensors.items():
        buffers.append(ctypes.create_string_buffer(data, max(len(data), 1)))
        specs[name] = test_safetensors.safetensors.TensorSpec(
            dtype=names[dtype],
            shape=shape,
            data_ptr=ctypes.addressof(buffers[-1]),
            data_len=len(data),
        )
    return bytes(test_safetensors.safetensors.serialize(specs))


def test_expected_as_the_package_writes_it():
    """All but the one with dtypes that only files have."""
    by_others = {row[0]: written_by_the_package(row[3]) for row in samples.ACCEPTED}
    assert [name for name in by_others if by_others[name] is None] == [
        "safetensors-every-dtype"
    ]
    for name, blob in by_others.items():
        if blob is not None:
            assert blob == samples.EXPECTED[name]["weights.safetensors"], name


def test_the_calls_are_calls(monkeypatch):
    """Proves that the samples with calls in them attack something."""
    called = []
    monkeypatch.setattr(os, "system", called.append)
    monkeypatch.setattr(sys, "exit", called.append)
    monkeypatch.setattr(subprocess, "Popen", type("Popen", (), {
        "__new__": lambda cls, *arguments: called.append(arguments[0])
    }))  # fmt: skip
    for way, value in CALLS.items():
        try:
            pickle.loads(whole(value, 4))
        except (TypeError, AttributeError, ModuleNotFoundError):
            assert way == "state"  # of a class that is not there
    assert called == ["touch CALLED"] * (len(CALLS) - 1)


# ---- tables of the formats, through both programs ----


def convert_all(folder, files, *options):
    """Rows of the report by name; the names need not be good for files."""
    (folder / "tree").mkdir()
    for number, content in enumerate(files.values()):
        (folder / "tree" / f"{number}:v1.mpt").write_bytes(content)
    run = convert(folder, "tree", "-o", "out", "--jsonl", *options)
    assert run.exit in (0, 1), run.stderr
    rows = {path.name: row for path, row in run.rows().items()}
    return {name: rows[f"{number}:v1.mpt"] for number, name in enumerate(files)}


def validate_all(folder, files):
    (folder / "bundles").mkdir()
    for number, content in enumerate(files.values()):
        (folder / "bundles" / f"r:v{number}.zip").write_bytes(content)
    _, rows = validate(folder / "bundles")
    judged = {row["epoch"]: row for row in rows}
    return {name: judged[number] for number, name in enumerate(files)}


def bundle_zip(weights):
    spec = bundle_of(TENSORS)["policy_spec.json"]
    members = {"policy_spec.json": spec, "weights.safetensors": weights}
    return archive(*(Member(name.encode(), data) for name, data in members.items()))


def test_every_header(tmp_path):
    """What the reader alone accepts, refuses or differs on, so do the programs."""
    good = test_safetensors.ACCEPTED
    headers = good | test_safetensors.REFERENCE_ONLY | test_safetensors.REFUSED
    converted = convert_all(tmp_path, {name: mpt_zip(headers[name]) for name in headers})
    judged = validate_all(tmp_path, {name: bundle_zip(headers[name]) for name in headers})
    for name in headers:
        empty = name.startswith("no tensors")  # a bundle may be so, a policy not
        ok = name in good and not empty
        assert converted[name]["status"] == ("converted" if ok else "failed"), name
        assert judged[name]["verdict"] == ("ok" if name in good else "bad"), name
        if name not in good:
            [finding] = judged[name]["findings"]
            only_ours = name in test_safetensors.REFERENCE_ONLY
            rules = {"weights-strict"} if only_ours else {"weights", "weights-strict"}
            assert finding["rule"] in rules, name
            assert finding["reason"] in converted[name]["reason"]


def test_every_archive(tmp_path):
    refused = {name: row[0] for name, row in zip_cases.REFUSED.items()}
    converted = convert_all(tmp_path, refused, "--architecture", TEXT)
    judged = validate_all(tmp_path, refused)
    for name, content in refused.items():
        assert converted[name]["status"] == "failed", name
        assert judged[name]["verdict"] == "bad", name
        if content.startswith(b"PK\3\4"):
            said = json.dumps(judged[name]["findings"]) + converted[name]["reason"]
            reason = zip_cases.REFUSED[name][3].rpartition(": ")[2]
            assert reason in converted[name]["reason"], name
            assert json.dumps(reason)[1:-1] in said, name


# ---- big, and sound ----


def one_converted(folder, content, tensors, architecture=TEXT):
    [row] = convert_all(folder, {"": content}, "--architecture", TEXT).values()
    assert row["status"] == "converted", row
    assert files_below(folder / "out/0:v1") == bundle_of(tensors, architecture)


def test_constant_weights(tmp_path):
    """Four megabytes of zeros in four kilobytes: the ratio alone is no fault."""
    tensors = {"w": ("F32", [1024, 1024], bytes(4 << 20))}
    content = mpt_zip(weights_of(tensors))
    assert len(content) < 10_000
    one_converted(tmp_path, content, tensors)


def test_thousands_of_members(tmp_path):
    others = [Member(b"logs/%d.txt" % n, b"x") for n in range(5000)]
    weights = Member(b"weights.safetensors", weights_of(TENSORS), 8)
    text = Member(b"modelarchitecture.txt", TEXT.encode(), 8)
    one_converted(tmp_path, archive(*others, weights, text), TENSORS)


def test_thousands_of_tensors(tmp_path):
    count = 20_000
    names = [f"layers.{n}.weight" for n in range(count)]
    value = tensor(storage_id(), 3, 1)
    pickled = whole(dct(*((text(name), value) for name in names)))
    content = archive(*torch_members(pickled, STORAGES))
    one_converted(tmp_path, content, dict.fromkeys(names, TENSORS["w"]))
