"""Every prefix of a small file of each kind, and every byte of it changed.

However a file was damaged, it costs only its own line in the report: no signal, no death
of the helper, nothing half written.  And what is accepted all the same is right: where a
CRC covers every byte, the bundle is that of the sound file; elsewhere it is what zipfile,
safetensors and torch make of the damaged file.
"""

import io
import json
import os
import subprocess
import typing
import zipfile

import pytest
from converter import convert, files_below
from small_checkpoints import (
    KINDS, SEALED, STREAM_PICKLE, TENSORS, TEXT, bundle_of,
)  # fmt: skip
from sources import BUILD
from test_architecture import framework_reads
from zip_bytes import Member, archive

pydantic = pytest.importorskip("pydantic")
safetensors = pytest.importorskip("safetensors")

# The kinds of a fault that lies in the file.
FAULTS = {"truncated", "corrupt", "unsafe", "unsupported", "limit", "usage"}


def changes_of(data):
    """The file with each byte set to other values, one at a time."""
    for at, old in enumerate(data):
        values = {0, 0xFF, (old + 1) % 256, old ^ 1 << at % 8}
        for new in sorted(values - {old}):
            yield data[:at] + bytes([new]) + data[at + 1 :]


def prefixes_of(data):
    return [data[:n] for n in range(len(data))]


# ---- mpt-convert ----


def convert_all(folder, kind, mutants):
    """(row, bundle or {}) of each, in order, by one run of the program."""
    (folder / "tree").mkdir()
    for number, mutant in enumerate(mutants):
        (folder / "tree" / f"{number:06}:v1.mpt").write_bytes(mutant)
    options = [] if kind.startswith("mpt zip") else ["--architecture", TEXT]
    run = convert(folder, "tree", "-o", "out", "--jsonl", *options)
    assert run.exit in (0, 1), run.stderr
    rows = {path.name: row for path, row in run.rows().items()}
    made = files_below(folder / "out")
    for number in range(len(mutants)):
        name = f"{number:06}:v1"
        row = rows.pop(f"{name}.mpt")
        assert row["status"] in ("converted", "failed"), row
        assert row["status"] == "converted" or row["error"]["kind"] in FAULTS, row
        files = [f"{name}/policy_spec.json", f"{name}/weights.safetensors"]
        bundle = {os.path.basename(file): made.pop(file, None) for file in files}
        yield row, bundle if row["status"] == "converted" else {}
    assert not rows and not made, "more in the report or on the disk than was asked for"


@pytest.mark.parametrize("kind", KINDS)
def test_sound(tmp_path, kind):
    [(row, bundle)] = convert_all(tmp_path, kind, [KINDS[kind]])
    assert bundle == bundle_of(TENSORS), row


@pytest.mark.parametrize("kind", KINDS)
def test_every_prefix(tmp_path, kind):
    """None is a whole checkpoint, so each must fail."""
    for row, bundle in convert_all(tmp_path, kind, prefixes_of(KINDS[kind])):
        assert row["status"] == "failed" and not bundle, row


@pytest.mark.parametrize("kind", SEALED)
def test_every_byte_under_a_crc(tmp_path, kind):
    """What still converts is the same bundle: the byte was no part of the content."""
    mutants = list(changes_of(KINDS[kind]))
    results = list(convert_all(tmp_path, kind, mutants))
    sound = bundle_of(TENSORS)
    for (row, bundle), mutant in zip(results, mutants):
        assert bundle == (sound if row["status"] == "converted" else {}), mutant
    accepted = sum(row["status"] == "converted" for row, _ in results)
    assert 0 < accepted < len(results) / 4
    assert_valid(tmp_path / "out", accepted)


# ---- without a CRC: what other readers make of the damaged file ----


def zip_reads(data):
    """An mpt zip: (tensors, text)."""
    members = {}
    with zipfile.ZipFile(io.BytesIO(data)) as reader:
        for info in reader.infolist():
            with reader.open(info) as file:
                file._expected_crc = None
                members[info.filename] = file.read()
    tensors = {
        name: (tensor["dtype"], tensor["shape"], bytes(tensor["data"]))
        for name, tensor in safetensors.deserialize(members["weights.safetensors"])
    }
    return tensors, members["modelarchitecture.txt"].decode().strip()


def torch_reads(data):
    inert_torch = pytest.importorskip("inert_torch")
    return inert_torch.described(inert_torch.load(data)), TEXT


def pickle_reads(data):
    inert_torch = pytest.importorskip("inert_torch")
    return inert_torch.described(inert_torch.load_plain(data)), TEXT


def module_reads(data):
    """The text comes from a config: whatever that says now."""
    return torch_reads(data)[0], None


READERS = {
    "mpt zip without CRCs": zip_reads,
    "whole module without CRCs": module_reads,
    "torch archive without CRCs": torch_reads,
    "torch stream": torch_reads,
    "plain pickle": pickle_reads,
}


def text_of(bundle):
    spec = json.loads(bundle["policy_spec.json"])
    return spec["init_kwargs"]["architecture_spec"]


# The pickle about the machine that wrote a stream: we throw it away, torch decodes it.
MACHINE = range(21, KINDS["torch stream"].index(STREAM_PICKLE))


def in_machine_pickle(mutant):
    sound = KINDS["torch stream"]
    return any(mutant[at] != sound[at] for at in MACHINE)


@pytest.mark.parametrize("kind", READERS)
def test_every_byte_without_a_crc(tmp_path, kind):
    """What still converts, the reference reads, and in the same way."""
    mutants = list(changes_of(KINDS[kind]))
    accepted = 0
    for (row, bundle), mutant in zip(convert_all(tmp_path, kind, mutants), mutants):
        if row["status"] == "converted":
            accepted += 1
            if kind == "torch stream" and in_machine_pickle(mutant):
                assert bundle == bundle_of(TENSORS), mutant
            else:
                tensors, text = READERS[kind](mutant)
                expected = bundle_of(tensors, text or text_of(bundle))
                assert bundle == expected, mutant
    assert 0 < accepted < len(mutants) / 3
    assert_valid(tmp_path / "out", accepted)


# ---- mpt-validate ----


def validate(folder):
    """A changed byte may well make a NaN of a value; that is for other tests."""
    command = [BUILD / "mpt-validate", "--jsonl", "--allow-nonfinite", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, rows


def assert_valid(folder, count):
    """So many bundles, and nothing wrong with any."""
    status, rows = validate(folder)
    assert (status, [row["verdict"] for row in rows]) == (0, ["ok"] * count), rows


def write_zip(path, data):
    path.with_name(path.name + ".zip").write_bytes(data)


def write_folder(member):
    """Writes bundles that are sound but for the bytes of one member."""

    def write(path, data):
        path.mkdir()
        for name, content in (SOUND | {member: data}).items():
            (path / name).write_bytes(content)

    return write


def reads_zip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as reader:
        assert reader.testzip() is None
        return {name: reader.read(name) for name in reader.namelist()}


SPEC, DATA = "policy_spec.json", "weights.safetensors"
SOUND = bundle_of(TENSORS)


def zipped(method):
    return archive(*(Member(name.encode(), data, method) for name, data in SOUND.items()))


# Name: the bytes to damage, how they become a bundle, how others read them.
BUNDLES = {
    "zip": (zipped(0), write_zip, reads_zip),
    "zip, deflated": (zipped(8), write_zip, reads_zip),
    "folder, spec": (SOUND[SPEC], write_folder(SPEC), lambda data: SOUND | {SPEC: data}),
    "folder, weights": (SOUND[DATA], write_folder(DATA), lambda data: SOUND | {DATA: data}),
}


def judge_all(folder, write, mutants):
    """Is it good?  For each bundle, by one run of the program."""
    for number, mutant in enumerate(mutants):
        write(folder / f"{number:06}:v1", mutant)
    status, rows = validate(folder)
    verdicts = {row["bundle"].rpartition("/")[2][:6]: row["verdict"] for row in rows}
    assert verdicts.keys() == {f"{number:06}" for number in range(len(mutants))}
    assert set(verdicts.values()) <= {"ok", "bad"}
    assert status == ("bad" in verdicts.values())
    return [verdicts[f"{number:06}"] == "ok" for number in range(len(mutants))]


@pytest.mark.parametrize("form", BUNDLES)
def test_every_prefix_of_a_bundle(tmp_path, form):
    data, write, _ = BUNDLES[form]
    assert judge_all(tmp_path, write, [data]) == [True]
    (tmp_path / "cut").mkdir()
    assert not any(judge_all(tmp_path / "cut", write, prefixes_of(data)))


@pytest.mark.parametrize("form", BUNDLES)
def test_every_byte_of_a_bundle(tmp_path, form):
    """Refused, or the loader's libraries read it: the same where a CRC covers it."""
    data, write, reads = BUNDLES[form]
    mutants = list(changes_of(data))
    accepted = judge_all(tmp_path, write, mutants)
    for ok, mutant in zip(accepted, mutants, strict=True):
        if ok:
            files = reads(mutant)
            assert files == SOUND or write is not write_zip, mutant
            assert_loads(files)
    assert 0 < sum(accepted) < len(accepted) / 2


class PolicySpec(pydantic.BaseModel):
    """What the loader makes of the spec."""

    class_path: str
    data_path: str | None = None
    init_kwargs: dict[str, typing.Any] = {}
    setup_script: str | None = None


def assert_loads(files):
    """As the framework's loader does it, up to the import of the class."""
    spec = PolicySpec.model_validate_json(files[SPEC].decode())
    if spec.class_path == "metta.agent.policy.CheckpointPolicy":
        framework_reads(spec.init_kwargs["architecture_spec"])
    if spec.data_path is not None:
        safetensors.deserialize(files[os.path.normpath(spec.data_path)])
