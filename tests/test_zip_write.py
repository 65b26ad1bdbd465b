"""The zip writer's headers for sizes over 32 bits, as Python and unzip read them.

The data of the members is a hole in the file: nothing here reads it.
"""

import shutil
import struct
import subprocess
import zipfile

import pytest

GIB = 1 << 30
MOST = 0xFFFFFFFE   # that fits into 32 bits

# (csize, usize) of each member.
ARCHIVES = {
    "small": [(5, 3), (7, 9)],
    "as large as can be": [(5, MOST), (7, MOST)],
    "usize": [(5, 3), (7, MOST + 1)],
    "csize": [(5, 3), (MOST + 1, 9)],
    "both": [(5, 3), (5 * GIB, 6 * GIB)],
    "header": [(MOST + 1, 3), (7, 9)],
    "directory": [(3 * GIB, 3), (3 * GIB, 9)],
    "all": [(5 * GIB, 6 * GIB), (5 * GIB, 6 * GIB)],
}


@pytest.fixture(params=ARCHIVES)
def case(request, build, tmp_path):
    """An archive and the sizes of its members."""
    sizes = ARCHIVES[request.param]
    path = tmp_path / "archive.zip"
    words = [str(size) for member in sizes for size in member]
    subprocess.run([build / "tests/drivers/zip_write", path, *words], check=True)
    return path, sizes


def needs_zip64(*values):
    return any(value > MOST for value in values)


def local_header(path, offset):
    """(version, flags, method, crc, csize, usize, extra) of a local header."""
    with open(path, "rb") as file:
        file.seek(offset)
        fields = struct.unpack("<4s5HIIIHH", file.read(30))
        assert fields[0] == b"PK\3\4" and fields[4:6] == (0, 0x21)
        file.read(fields[9])
        extra = file.read(fields[10])
    return (*fields[1:4], *fields[6:9], extra)


def test_python_reads_the_directory(case):
    path, sizes = case
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    assert [(info.compress_size, info.file_size) for info in infos] == sizes
    assert [info.filename for info in infos] == ["0", "1"]
    for info in infos:
        big = needs_zip64(info.compress_size, info.file_size, info.header_offset)
        assert info.date_time == (1980, 1, 1, 0, 0, 0)
        assert info.create_system == 3 and info.external_attr == 0o100644 << 16
        assert info.extract_version == info.create_version == (45 if big else 20)
        assert bool(info.extra) == big
        assert info.CRC == 0x12345678 and info.flag_bits == 0


def test_local_headers(case):
    """The real sizes, both in a zip64 field if one is too large."""
    path, sizes = case
    with zipfile.ZipFile(path) as archive:
        offsets = [info.header_offset for info in archive.infolist()]
    for offset, (csize, usize) in zip(offsets, sizes):
        small = 20, 0, 8, 0x12345678, csize, usize, b""
        extra = struct.pack("<HHQQ", 1, 16, usize, csize)
        large = 45, 0, 8, 0x12345678, 0xFFFFFFFF, 0xFFFFFFFF, extra
        expected = large if needs_zip64(csize, usize) else small
        assert local_header(path, offset) == expected


@pytest.mark.skipif(not shutil.which("zipinfo"), reason="unzip is not installed")
def test_zipinfo_reads_the_directory(case):
    path, sizes = case
    if sizes == ARCHIVES["header"]:
        pytest.skip("zipinfo 3.00 takes the offset for a size if the member before is large")
    done = subprocess.run(["zipinfo", "-l", path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("-rw-r--r--")]
    assert [(int(row[5]), int(row[3])) for row in rows] == sizes
