"""mpt-inspect on files that are damaged or meant to harm: status 1 and a line, or the truth.

Every sample of the fixtures, every prefix and every byte of a small bundle and of a small
legacy file.  What the pickles among them can be is in tests/test_mutations.py: the reader
is the converter's.
"""

import io
import os
import re
import signal
import struct
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from inspector import BAD, GOOD, PROGRAM, inspect
from small_checkpoints import SEALED, TENSORS, bundle_of
from sources import PROJECT
from test_mutations import prefixes_of

FIXTURES = PROJECT / "fixtures"
FOLDERS = ["accept", "bundles-accept", "reject", "bundles-reject", "reject-text"]
SAMPLES = {folder: sorted(p for p in (FIXTURES / folder).rglob("*") if p.is_file()) for folder in FOLDERS}


def check_refusal(run, path):
    """Nothing is printed but one line that names the file."""
    assert (run.exit, run.stdout) == (BAD, "")
    assert run.stderr.startswith(f"mpt-inspect: {path}: ") and run.stderr.count("\n") == 1


@pytest.mark.parametrize("folder", FOLDERS)
def test_samples(folder):
    """What the other programs accept is shown, and is the same as itself."""
    assert len(SAMPLES[folder]) >= 5
    for path in SAMPLES[folder]:
        shown = inspect("show", "--stats", "--json", str(path))
        same = inspect("diff", str(path), str(path))
        if folder.endswith("accept"):
            assert shown.exit == GOOD, shown.stderr
        for run in (shown, same):
            if run.exit != GOOD:
                check_refusal(run, path)
        assert shown.exit == same.exit


def zipped(method):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in bundle_of(TENSORS).items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


SMALL = {
    "stored zip bundle": zipped(zipfile.ZIP_STORED),
    "zip bundle": zipped(zipfile.ZIP_DEFLATED),
    "mpt zip": SEALED["mpt zip"],
    "mpt zip, deflated": SEALED["mpt zip, deflated"],
}


@pytest.fixture
def sound(tmp_path, request):
    path = tmp_path / "sound"
    path.write_bytes(SMALL[request.param])
    assert inspect("diff", str(path), str(path)).exit == GOOD
    return path


@pytest.mark.parametrize("sound", SMALL, indirect=True)
def test_every_prefix(tmp_path, sound):
    path = tmp_path / "prefix"
    for data in prefixes_of(sound.read_bytes()):
        path.write_bytes(data)
        check_refusal(inspect("show", "--stats", str(path)), path)


@pytest.mark.parametrize("sound", SMALL, indirect=True)
def test_every_byte(tmp_path, sound):
    """A checksum covers all that is shown: it is refused, or the same."""
    path, whole = tmp_path / "changed", sound.read_bytes()
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 1 << at % 8
        path.write_bytes(data)
        run = inspect("diff", str(path), str(sound))
        if run.exit != GOOD:
            check_refusal(run, path)


@pytest.mark.parametrize("value", [0, 0xFF])
def test_every_byte_of_a_safetensors_file(tmp_path, value):
    """Nothing covers its bytes: what is shown is what the header says now."""
    whole = bundle_of(TENSORS)["weights.safetensors"]
    path = tmp_path / "changed"
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
        for verb in (["show", "--stats"], ["keys"]):
            run = inspect(*verb, str(path))
            if run.exit != GOOD:
                check_refusal(run, path)


def safetensors(header, data=b"", length=None):
    return struct.pack("<Q", len(header) if length is None else length) + header + data


HOSTILE = {
    "empty": (b"", "empty"),
    "a byte": (b"P", ""),
    "a length alone": (struct.pack("<Q", 2), ""),
    "a header that is longer than the file": (safetensors(b"{}", length=1 << 40), "header"),
    "a header over the limit": (safetensors(b"{}", length=1 << 55), "header"),
    "a key twice": (safetensors(
        b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
        b'"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), "twice"),
    "a product that overflows": (safetensors(
        b'{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'), "overflow"),
    "bytes without a tensor": (safetensors(b"{}", b"x"), "cover 0 bytes, 1 follow"),
    "a text": (b"policy_spec.json\n", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("verb", ["show", "keys", "diff"])
def test_hostile_files(tmp_path, verb, name):
    data, reason = HOSTILE[name]
    path = tmp_path / "file"
    path.write_bytes(data)
    run = inspect(verb, *[str(path)] * (2 if verb == "diff" else 1))
    check_refusal(run, path)
    assert reason in run.stderr


def test_things_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "loop", "folder", "nowhere", "/dev/null", "/dev/zero"):
        path = tmp_path / name
        check_refusal(inspect("show", str(path)), path)


def test_spec_that_is_a_fifo(tmp_path):
    folder = tmp_path / "run:v1"
    folder.mkdir()
    os.mkfifo(folder / "policy_spec.json")
    check_refusal(inspect("show", str(folder)), folder)


def test_many_tensors_in_a_small_archive(tmp_path):
    """A deflated header may not become a hundred times its size in memory."""
    rows = b",".join(
        b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % n for n in range(200_000)
    )
    path = tmp_path / "run:v1.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("policy_spec.json", bundle_of(TENSORS)["policy_spec.json"])
        archive.writestr("weights.safetensors", safetensors(b"{" + rows + b"}"))
    check_refusal(inspect("show", str(path)), path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(tmp_path, number):
    """While it reads what would take it a minute."""
    path, size = tmp_path / "file", 1 << 36
    header = b'{"a":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}' % (size // 4, size)
    with path.open("wb") as file:
        file.write(safetensors(header))
        file.truncate(8 + len(header) + size)
    command = [PROGRAM, "show", "--stats", path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    status = Path(f"/proc/{process.pid}/status")
    while not int(re.search(r"SigCgt:\s+(\w+)", status.read_text())[1], 16) & 1 << number - 1:
        time.sleep(0.01)
    process.send_signal(number)
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 128 + number
