"""Large files, which the threads that have nothing else to do help with.

From 16 MiB on the elements are copied in parts of 4 MiB, or, if they must be inflated
front to back, written by another thread than the one that inflates.  However many threads
there are, the bytes and the messages are those of one.
"""

import io
import json
import re
import resource
import shutil
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy
import pytest
from converter import IN_MEMORY, files_below
from test_convert import GOOD, SOME_FAILED, run

torch = pytest.importorskip("torch", reason="it writes what is converted")
safetensors_torch = pytest.importorskip("safetensors.torch")

MIB = 1 << 20
JOBS = ["-j1", "-j2", "-j8"]
OPTIONS = "-o", "out", "--architecture", "a.B"


# ---- the weights, and files of each era that hold them ----


def make_weights():
    """About 26 MiB: in order, out of order, in common, apart, many, none, of all widths."""
    values = numpy.random.default_rng(5)

    def normal(*shape):
        return torch.from_numpy(values.standard_normal(shape, numpy.float32))

    flat = normal(3 * MIB // 4)
    tied = normal(700, 700)
    return {
        "a.over.many.parts": normal(9 * MIB // 4),
        "b.first.half": flat[: 3 * MIB // 8],
        "b.second.half": flat[3 * MIB // 8 :],
        "c.strided": normal(1100, 900).t(),
        "d.tied": tied,
        "e.tied": tied,
        **{f"f.small.{i}": normal(i) for i in range(1000)},
        "g.none": normal(0, 3),
        "h.mirrored": torch.view_as_complex(normal(200000, 2)).conj(),
        "i.half": normal(2 * MIB).to(torch.float16),
        "j.bytes": normal(MIB // 2).to(torch.int8) > 0,
        "k.long": torch.arange(MIB // 8).expand(2, MIB // 8),
        "z.none": normal(0).to(torch.bool),
    }


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def backwards(content):
    """A safetensors file with the same tensors, the last of them first."""
    (size,) = struct.unpack_from("<Q", content)
    header, place, data = json.loads(content[8 : 8 + size]), 0, []
    for row in sorted(header.values(), key=lambda row: row["data_offsets"], reverse=True):
        begin, end = row["data_offsets"]
        data.append(content[8 + size + begin : 8 + size + end])
        row["data_offsets"] = [place, place + end - begin]
        place += end - begin
    text = json.dumps(header).encode()
    return b"".join([struct.pack("<Q", len(text)), text, *data])


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A folder of such files: path, and what the weights must become in 'expected'."""
    folder = tmp_path_factory.mktemp("large")
    weights = make_weights()
    separate = {
        name: value.resolve_conj().clone().contiguous() for name, value in weights.items()
    }
    content = safetensors_torch.save(separate)
    (folder / "expected").write_bytes(content)
    torch.save(weights, folder / "archive:v1.pt")
    torch.save(weights, folder / "stream:v1.pt", _use_new_zipfile_serialization=False)
    archive = (folder / "archive:v1.pt").read_bytes()
    write_zip(folder / "policy:v1.mpt", {"policy.pt": archive})
    for name, weights in ("mpt", content), ("jumping", backwards(content)):
        members = {"weights.safetensors": weights, "modelarchitecture.txt": "a.B"}
        write_zip(folder / f"{name}:v1.mpt", members)
    return folder


NAMES = "archive:v1.pt", "stream:v1.pt", "policy:v1.mpt", "mpt:v1.mpt", "jumping:v1.mpt"


@pytest.fixture
def folder():
    """To write into: in memory, as much is written."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as path:
        yield Path(path)


# ---- the same whoever does it ----


@pytest.mark.parametrize("name", NAMES)
def test_large_file(folder, large, name):
    bundle = folder / "out" / name.partition(".")[0]
    for jobs in JOBS:
        done = run(folder, large / name, jobs, *OPTIONS)
        assert done.exit == GOOD, done.stderr
        weights = (bundle / "weights.safetensors").read_bytes()
        assert weights == (large / "expected").read_bytes()
        checked = run(folder, large / name, jobs, *OPTIONS, "--check")
        assert checked.exit == GOOD, checked.stderr
        shutil.rmtree(folder / "out")


@pytest.mark.parametrize("name", NAMES)
def test_large_file_to_zip(folder, large, name):
    """The members: ISA-L does not always deflate to the same bytes."""
    path = folder / "out" / f"{name.partition('.')[0]}.zip"
    for jobs in JOBS:
        done = run(folder, large / name, jobs, *OPTIONS, "--format", "zip")
        assert done.exit == GOOD, done.stderr
        with zipfile.ZipFile(path) as archive:
            weights = archive.read("weights.safetensors")
        assert weights == (large / "expected").read_bytes()
        path.unlink()


def test_last_files_of_a_batch(folder, large):
    """Two threads are at the two largest when the others have come to the end."""
    done = run(folder, large, "-j4", *OPTIONS)
    assert done.exit == GOOD, done.stderr
    weights = list((folder / "out").rglob("weights.safetensors"))
    assert len(weights) == len(NAMES)
    assert {path.read_bytes() for path in weights} == {(large / "expected").read_bytes()}


# ---- faults: the first is told, whoever finds one ----


def flip(content, *places):
    damaged = bytearray(content)
    for place in places:
        damaged[place] ^= 0x10
    return bytes(damaged)


def overwrite(content, place):
    """So many others that the block ends among them, and what follows is none."""
    others = numpy.random.default_rng(place).bytes(300_000)
    return content[:place] + others + content[place + len(others) :]


def damage_storages(content):
    """Two storages: the first, which lies in several parts, and a later one."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = [info for info in archive.infolist() if info.file_size > 3 * MIB]
    assert len(infos) >= 2
    return flip(content, *(info.header_offset + info.file_size // 2 for info in infos))


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (10 * MIB, 10 * MIB))


FULL = {"preexec_fn": limit_files}
STREAM = "weights.safetensors: "
BROKEN = STREAM + r"offset \d+: broken deflate stream"
FAULTS = {
    "storages": ("archive:v1.pt", damage_storages, {}, r"data/0: CRC-32 of its bytes"),
    "deflated": ("mpt:v1.mpt", lambda b: flip(b, len(b) // 2), {}, STREAM),
    "broken": ("mpt:v1.mpt", lambda b: overwrite(b, len(b) // 3), {}, BROKEN),
    "broken later": ("mpt:v1.mpt", lambda b: overwrite(b, len(b) // 4 * 3), {}, BROKEN),
    "at its end": ("mpt:v1.mpt", lambda b: flip(b, b.rindex(b"PK\3\4") - 9), {}, STREAM),
    "no room": ("archive:v1.pt", bytes, FULL, STREAM + "cannot write"),
    "no room for inflated": ("mpt:v1.mpt", bytes, FULL, STREAM + "cannot write"),
    "both": ("mpt:v1.mpt", lambda b: flip(b, len(b) // 2), FULL, STREAM + "cannot write"),
}


@pytest.mark.parametrize("name, damage, options, reason", FAULTS.values(), ids=FAULTS)
def test_large_file_that_fails(folder, large, name, damage, options, reason):
    (folder / name).write_bytes(damage((large / name).read_bytes()))
    messages = set()
    for jobs in JOBS:
        done = run(folder, name, jobs, *OPTIONS, **options)
        assert done.exit == SOME_FAILED
        messages.add(re.sub(r"-convert-[0-9a-f]+-", "", done.stderr.splitlines()[0]))
        assert files_below(folder / "out") == {}
    assert len(messages) == 1
    assert re.search(reason, messages.pop())
