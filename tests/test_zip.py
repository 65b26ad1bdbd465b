"""The strict zip reader: archives of real writers are read, those readers differ on are not.

Every accepted archive must hold for us what it holds for Python's zipfile, byte for byte.
"""

import io
import json
import os
import random
import struct
import subprocess
import zipfile
import zlib

import pytest
from judge import MUTATIONS, judge, mutants
from zip_bytes import DESCRIPTOR, ONES, UTF8, Member, archive, block, zip64_block
from zip_cases import ACCEPTED, LOCAL_A, REFUSED, A
from zip_writers import WRITERS

GIB = 1 << 30
KINDS = ("truncated", "corrupt", "unsafe", "unsupported", "limit")


def adler_of(file):
    adler = 1
    while piece := file.read(1 << 20):
        adler = zlib.adler32(piece, adler)
    return adler


def zipfile_reads(source, crc_absent=False):
    """[name, method, size, Adler-32] of each member, as the driver lists them."""
    rows = []
    with zipfile.ZipFile(source) as reader:
        for info in reader.infolist():
            adler = 1
            if not info.is_dir():
                with reader.open(info) as file:
                    if crc_absent:
                        file._expected_crc = None
                    adler = adler_of(file)
            rows.append([info.filename, info.compress_type, info.file_size, adler])
    return rows


def check_file(build, path):
    """Read one archive by path: (its members, whether it has no CRCs)."""
    done = subprocess.run([build / "tests/drivers/zip_check", path], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"ok "), done.stdout
    answer = json.loads(done.stdout[3:])
    return answer["members"], answer["crc_absent"]


@pytest.mark.parametrize("writer", WRITERS)
def test_real_writers(build, tmp_path, writer):
    if writer.startswith("torch"):
        pytest.importorskip("torch")
    path = tmp_path / "archive.zip"
    WRITERS[writer](path)
    members, crc_absent = check_file(build, path)
    assert crc_absent == (writer == "torch, CRC off")
    assert members == zipfile_reads(path, crc_absent)


def test_torch_record_beyond_4_gib(build, tmp_path):
    """A hole of 4 GiB + 4 KiB and small records behind it, as torch writes them.

    Their descriptors have 24 bytes, the central header of the last has a zip64 field of only
    its offset.  torch leaves the CRCs out with the data.
    """
    torch = pytest.importorskip("torch")
    path = tmp_path / "big.pt"
    size = 4 * GIB + 4096
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        with torch.serialization.skip_data():
            torch.save([torch.empty(size, dtype=torch.uint8), torch.ones(3)], path)
    finally:
        torch.serialization.set_crc32_options(before)
    if os.stat(path).st_blocks * 512 > GIB:
        pytest.skip("the file system has no holes")
    members, crc_absent = check_file(build, path)
    assert crc_absent
    rows = {name: row for name, *row in members}
    # n bytes of 0 have the Adler-32 n % 65521 << 16 | 1.
    assert rows["big/data/0"] == [0, size, (size % 65521) << 16 | 1]
    with zipfile.ZipFile(path) as reader:
        assert [info.filename for info in reader.infolist()] == [name for name, *_ in members]
        small = [info for info in reader.infolist() if info.file_size < GIB]
        assert any(info.header_offset > 4 * GIB for info in small)
        for info in small:
            with reader.open(info) as file:
                file._expected_crc = None
                assert rows[info.filename] == [0, info.file_size, adler_of(file)]


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name):
    [(accepted, answer)] = judge("zip_check", [ACCEPTED[name]])
    assert accepted, answer
    answer = json.loads(answer)
    assert answer["crc_absent"] == (name == "every CRC left out")
    assert answer["members"] == zipfile_reads(io.BytesIO(ACCEPTED[name]), answer["crc_absent"])


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    data, kind, offset, reason = REFUSED[name]
    [(accepted, answer)] = judge("zip_check", [data])
    answer = answer.decode()
    assert not accepted, answer
    assert answer.startswith(kind + " "), answer
    assert reason in answer
    if offset is not None:
        assert f" offset {offset}: " in answer


def test_directory_over_the_limit(build, tmp_path):
    """300 MiB of directory, all of it a hole: refused before it is read."""
    path = tmp_path / "hole.zip"
    size = 300 << 20
    with open(path, "wb") as file:
        file.write(A.local_bytes())
        file.seek(LOCAL_A + size)
        file.write(archive(end={"here": 1, "count": 1, "size": size, "offset": LOCAL_A}))
    done = subprocess.run([build / "tests/drivers/zip_check", path], capture_output=True)
    assert done.stdout.startswith(b"err limit offset 50: 1 members in a directory of 314572800")


# ---- every archive of one kind ----


def small_archives(tmp_path):
    """One of each writer that is quick and needs no other program, and some by hand."""
    chosen = ["python", "python deflated", "python unseekable force_zip64", "python folders"]
    for name in chosen:
        path = tmp_path / f"{name}.zip"
        WRITERS[name](path)
        yield path.read_bytes()
    yield from (data for data in ACCEPTED.values() if len(data) < 1000)


def compare(archives):
    """What we accept, zipfile accepts, and reads in the same way; returns how many."""
    both = 0
    for data, (accepted, answer) in zip(archives, judge("zip_check", archives)):
        if not accepted:
            assert answer.split(b" ")[0].decode() in KINDS
            continue
        answer = json.loads(answer)
        assert answer["members"] == zipfile_reads(io.BytesIO(data), answer["crc_absent"]), data
        both += 1
    return both


def test_every_prefix(tmp_path):
    for data in small_archives(tmp_path):
        if len(data) > 2000:
            continue
        prefixes = [data[:n] for n in range(len(data))]
        assert not any(accepted for accepted, _ in judge("zip_check", prefixes))


def test_mutants(tmp_path):
    """Bytes changed, cut, moved, and pieces of other archives put in."""
    seeds = [data for data in small_archives(tmp_path) if len(data) < 2000]
    pieces = [b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\7\x08", bytes(4)]
    pieces += [b"\xff" * n for n in (1, 2, 4, 8)] + [b"\0", b"\1", b"\x08", b"/", b"r/"]
    assert compare(list(mutants(seeds, pieces, MUTATIONS))) > MUTATIONS / 200


FIELDS = "version flags method time crc csize usize name_len".split()


def set_oddly(choose, member):
    """Give one field another value, in both headers or in one."""
    key = choose.choice(FIELDS)
    wide = key in ("crc", "csize", "usize")
    old = member.central.get(key, member.truth().get(key, 0))
    values = [0, 1, 8, 20, old + 1, max(old - 1, 0), old, old, 0xFFFF] + [ONES] * 3 * wide
    value = choose.choice(values) & (ONES if wide else 0xFFFF)
    both = [member.local, member.central]
    for fields in choose.choice([both, both, both, both[:1], both[1:]]):
        fields[key] = value


def random_member(choose, number):
    """A member with up to three odd fields, and extra fields that may suit them."""
    data = choose.randbytes(choose.choice((0, 1, 10, 100)))
    odd_names = [b"r/", b"r/1", b"R/1", b"r/%d/" % number, b"x", b"r/\xc3\xa9"]
    name = choose.choice([b"r/%d" % number] * 8 + odd_names)
    member = Member(name, data, choose.choice((0, 0, 8)))
    member.flags = choose.choice((0, 0, DESCRIPTOR, UTF8, DESCRIPTOR | UTF8))
    for _ in range(choose.choice((0, 0, 1, 1, 2, 3))):
        set_oddly(choose, member)
    sizes = [len(member.data), len(member.stored())]
    extras = [b"", b"", block(9, b"xyz"), block(1), zip64_block(sizes[0]), zip64_block(*sizes)]
    if ONES in member.local.values():
        extras = extras[:1] + extras[-2:] * 3
    member.local_extra = choose.choice(extras + [b"\1"])
    member.central_extra = choose.choice(extras + [b"\1"])
    if member.flags & DESCRIPTOR and choose.random() < 0.5:
        form = choose.choice(("<III", "<IQQ", "<IIII", "<IIQQ"))
        values = [0x08074B50, zlib.crc32(data), len(member.stored()), len(data)]
        member.descriptor = struct.pack(form, *values[5 - len(form) :])
    return member


def test_random_fields():
    """Archives of members with odd fields: what we accept, zipfile reads in the same way."""
    choose = random.Random(7)
    archives = []
    for _ in range(MUTATIONS):
        members = [random_member(choose, i) for i in range(choose.randrange(1, 4))]
        options = {}
        if choose.random() < 0.3:
            options["end64"] = {}
        if choose.random() < 0.2:
            key = choose.choice(("here", "count", "size", "offset", "disk"))
            options["end"] = {key: 0xFFFF}
        if choose.random() < 0.2:
            options["order"] = choose.sample(range(len(members)), len(members))
        archives.append(archive(*members, **options))
    assert compare(archives) > MUTATIONS / 40


def test_torch_reads_the_same():
    """What we accept and torch opens holds the same records for both."""
    torch = pytest.importorskip("torch")
    choose = random.Random(8)
    version = Member(b"r/version", b"3\n")
    archives = [
        archive(version, *(random_member(choose, i) for i in range(choose.randrange(1, 3))))
        for _ in range(MUTATIONS // 4)
    ]
    both = 0
    for data, (accepted, answer) in zip(archives, judge("zip_check", archives)):
        if not accepted:
            continue
        members = json.loads(answer)["members"]
        if not all(name.startswith("r/") for name, *_ in members):
            continue  # several roots: not one archive for torch
        try:
            reader = torch._C.PyTorchFileReader(io.BytesIO(data))
        except RuntimeError:
            continue
        for name, _, size, adler in members:
            if name.endswith("/"):
                continue
            record = reader.get_record(name.removeprefix("r/"))
            assert (len(record), zlib.adler32(record)) == (size, adler), data
        both += 1
    assert both > MUTATIONS / 400


def test_time_is_linear_in_the_members(build, tmp_path):
    """A quarter of a million members: sorted, not compared pair by pair."""
    path = tmp_path / "many.zip"
    count = 250000
    with open(path, "wb") as out:
        local = bytearray(Member(b"r/0000000").local_bytes())
        for i in range(count):
            local[-7:] = b"%07d" % i
            out.write(local)
        directory = out.tell()
        central = bytearray(Member(b"r/0000000").central_bytes(0))
        for i in range(count):
            central[-7:] = b"%07d" % i
            central[42:46] = struct.pack("<I", i * len(local))
            out.write(central)
        fields = {"here": count, "count": count, "offset": directory}
        fields["size"] = out.tell() - directory
        end = archive(end64=fields, end={**fields, "here": 0xFFFF, "count": 0xFFFF})
        locator = len(end) - 22 - 20
        end = end[: locator + 8] + struct.pack("<Q", out.tell()) + end[locator + 16 :]
        out.write(end)
    members, crc_absent = check_file(build, path)
    assert len(members) == count and crc_absent
    path.unlink()
