"""mpt-convert --format zip: what is in the archives, and what is never trusted or replaced."""

import io
import json
import os
import random
import shutil
import stat
import struct
import subprocess
import zipfile

import mpt_zip
import numpy
import pytest
from converter import CONVERTER, JOURNALS, PROJECT, convert, files_below, forget
from safetensors.numpy import save
from test_convert import GOOD, SOME_FAILED, run, summary
from test_convert_files import FORMS, peak_of, state_of
from test_fixtures import FIXTURES, TREES, expected_files, options_of
from zip_bytes import Member, archive, incomplete_deflate

NAMES = ["policy_spec.json", "weights.safetensors"]
WEIGHTS = "weights.safetensors"


def members(path):
    """Name to content; Python checks every CRC."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def unpacked(folder):
    """What the archives of a tree hold, named as if each were a folder."""
    return {
        f"{path.relative_to(folder).as_posix()[:-4]}/{name}": data
        for path in sorted(folder.rglob("*.zip"))
        for name, data in members(path).items()
    }


def stream_of(path, name=WEIGHTS):
    """The compressed bytes of a member."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
    with open(path, "rb") as file:
        file.seek(info.header_offset)
        header = file.read(30)
        file.seek(sum(struct.unpack("<HH", header[26:])), os.SEEK_CUR)
        return file.read(info.compress_size)


def noise(count, seed=0):
    """Gaussian float32, as weights are."""
    values = numpy.random.default_rng(seed).standard_normal(count)
    return values.astype("float32")


# ---- what is in them ----


@pytest.fixture(scope="module", params=TREES)
def tree(request, tmp_path_factory):
    """A tree of the fixtures, converted: (its name, the run)."""
    cwd = tmp_path_factory.mktemp(request.param)
    arguments = [FIXTURES / request.param, "-o", "out", "--format", "zip"]
    return request.param, convert(cwd, *arguments, *options_of(request.param))


def test_same_members_as_folders(tree):
    name, done = tree
    assert done.exit == TREES[name]["exit"], done.stderr
    assert unpacked(done.cwd / "out") == expected_files(name)
    others = [name for name in files_below(done.cwd / "out") if not name.endswith(".zip")]
    assert others == []


def test_plain_archives(tree):
    """In fixed order, dated 1980, mode 0644, deflated; no flags, fields or comments."""
    for path in (tree[1].cwd / "out").rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == NAMES and archive.comment == b""
            for info in archive.infolist():
                assert info.date_time == (1980, 1, 1, 0, 0, 0)
                assert info.external_attr == 0o100644 << 16
                assert info.compress_type == zipfile.ZIP_DEFLATED
                assert (info.flag_bits, info.extra, info.comment) == (0, b"", b"")
                assert (info.create_system, info.extract_version) == (3, 20)


@pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
def test_unzip_agrees(tree):
    for path in (tree[1].cwd / "out").rglob("*.zip"):
        done = subprocess.run(["unzip", "-tq", path], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_validator_agrees(tree, build):
    name, done = tree
    if not expected_files(name):
        return
    command = [build / "mpt-validate", "-q", "--allow-nonfinite", done.cwd / "out"]
    judged = subprocess.run(command, capture_output=True, text=True)
    assert (judged.returncode, judged.stdout) == (0, "")


def extract_as_the_framework_does(path, root):
    """Its loader's rules for each member, and then zipfile's extractall()."""
    root = root.resolve()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename
            assert not os.path.isabs(name) and ".." not in name.split("/")
            assert not stat.S_ISLNK(info.external_attr >> 16)
            assert (root / name).resolve().is_relative_to(root)
        archive.extractall(root)
    spec = json.loads((root / "policy_spec.json").read_text("utf-8"))
    assert (root / spec["data_path"]).is_file()


def test_framework_extracts(tmp_path):
    mpt_zip.tree(tmp_path / "data", 1)
    assert run(tmp_path, "data", "-o", "out", "--format=zip").exit == GOOD
    extract_as_the_framework_does(
        tmp_path / "out/run/checkpoints/run:v0.zip", tmp_path / "extracted"
    )
    assert files_below(tmp_path / "extracted") == mpt_zip.bundle(0)


def described(folder):
    """All of each archive but its deflated bytes: ISA-L's may differ from run to run."""
    archives = {}
    for path in folder.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            archives[path.name] = [
                (m.filename, m.date_time, m.external_attr, m.compress_type, m.extra,
                 m.flag_bits, archive.read(m)) for m in archive.infolist()
            ]
    return archives


def test_the_same_again_and_by_any_number_of_threads(tmp_path):
    """Each of several megabytes, so that the library's buffers are full in between."""
    for n in range(6):
        weights = {"module.w": noise(500_000 + n, n), "module.b": noise(7, n)}
        mpt_zip.write(tmp_path / f"data/r:v{n}.mpt", weights=weights)
        mpt_zip.write(tmp_path / f"data/s:v{n}.mpt", n)
    trees = []
    for number, jobs in enumerate((1, 1, 4)):
        done = run(tmp_path, "data", "-o", f"out{number}", "--format", "zip", f"-j{jobs}")
        assert summary(done.stderr) == (12, 0, 0)
        trees.append(described(tmp_path / f"out{number}"))
    assert trees[0] == trees[1] == trees[2] and len(trees[0]) == 12


def test_large_weights(tmp_path):
    """The local header is written again after what follows it left the buffer."""
    weights = {"module.w": noise(1_000_000), "module.z": numpy.zeros(2_000_000, "float32")}
    mpt_zip.write(tmp_path / "r:v1.mpt", weights=weights)
    assert run(tmp_path, "r:v1.mpt", "-o", "out", "--format=zip").exit == GOOD
    expected = save({name[7:]: tensor for name, tensor in weights.items()})
    assert members(tmp_path / "out/r:v1.zip")[WEIGHTS] == expected
    with zipfile.ZipFile(tmp_path / "out/r:v1.zip") as archive:
        assert archive.getinfo(WEIGHTS).compress_size < len(expected) * 0.33


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="sanitizers keep what is freed")
@pytest.mark.parametrize("form", FORMS)
def test_memory_is_not_that_of_the_checkpoint(tmp_path, form):
    block = numpy.frombuffer(random.Random(0).randbytes(1 << 20), "int32")
    peaks = []
    for megabytes in (1, 32):
        name = f"{megabytes}:v1.mpt"
        FORMS[form](tmp_path / name, {"w": numpy.tile(block, megabytes)})
        arguments = [name, "-o", "out", "--format=zip", "--architecture", mpt_zip.TEXT]
        peaks.append(peak_of(tmp_path, *arguments))
        shutil.rmtree(tmp_path / "out")
    assert peaks[1] - peaks[0] < 4 << 20


# ---- streams that are taken over ----

TENSORS = {"b": numpy.arange(20_000, dtype="int64"), "a": noise(5000)}


def write_source(path, data, level=1, method=zipfile.ZIP_DEFLATED):
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", method, compresslevel=level) as archive:
        archive.writestr(WEIGHTS, data)
        archive.writestr("modelarchitecture.txt", mpt_zip.TEXT)


def test_stream_that_zlib_refuses(tmp_path, build):
    """ISA-L can inflate it, and the CRC is right: so a folder can be made of it.  But no
    archive that Python must inflate, and the validator refuses it in any case."""
    spec, weights = mpt_zip.bundle()["policy_spec.json"], mpt_zip.bundle()[WEIGHTS]
    odd = Member(WEIGHTS.encode(), weights, method=8, packed=incomplete_deflate(weights))
    text = Member(b"modelarchitecture.txt", mpt_zip.TEXT.encode())
    (tmp_path / "r:v1.mpt").write_bytes(archive(odd, text))
    version = run(tmp_path, "--version").stdout
    folder = run(tmp_path, "r:v1.mpt", "-o", "folder")
    if "deflate by ISA-L" in version:
        assert folder.exit == GOOD
        assert files_below(tmp_path / "folder/r:v1") == mpt_zip.bundle()
    else:
        assert "broken deflate stream" in folder.stderr
    zipped = run(tmp_path, "r:v1.mpt", "-o", "zip", "--format=zip")
    assert zipped.exit == SOME_FAILED and files_below(tmp_path / "zip") == {}
    assert "broken deflate stream: invalid literal/lengths set" in zipped.stderr
    (tmp_path / "r:v2.zip").write_bytes(archive(Member(b"policy_spec.json", spec), odd))
    command = [build / "mpt-validate", tmp_path / "r:v2.zip"]
    judged = subprocess.run(command, capture_output=True, text=True)
    assert judged.returncode == 1
    assert "invalid literal/lengths set" in judged.stdout + judged.stderr


@pytest.mark.parametrize("level", [1, 9])
def test_stream_is_taken_over(tmp_path, level):
    """Where the weights stay as they are, so does what the source has of them."""
    data = save(TENSORS)
    write_source(tmp_path / "r:v1.mpt", data, level)
    assert run(tmp_path, "r:v1.mpt", "-o", "out", "--format=zip").exit == GOOD
    assert stream_of(tmp_path / "out/r:v1.zip") == stream_of(tmp_path / "r:v1.mpt")
    assert members(tmp_path / "out/r:v1.zip")[WEIGHTS] == data


def with_header(change):
    """A safetensors file of TENSORS with another header text."""
    data = save(TENSORS)
    length = int.from_bytes(data[:8], "little")
    header = change(data[8 : 8 + length])
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def in_order(names, tensors):
    """A safetensors file with the data in this order, which need not be that of its writer."""
    header, data = {}, b""
    for name in names:
        tensor = tensors[name]
        end = len(data) + tensor.nbytes
        header[name] = {
            "dtype": {"float32": "F32", "int64": "I64"}[str(tensor.dtype)],
            "shape": list(tensor.shape), "data_offsets": [len(data), end],
        }
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def without_crc(path):
    """Set both CRCs of both members to 0, as torch can leave them."""
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\3\4", 14), (b"PK\1\2", 16)):
        start = data.find(magic)
        while start >= 0:
            data[start + at : start + at + 4] = bytes(4)
            start = data.find(magic, start + 4)
    path.write_bytes(data)


# What is written, whose bundle has the bytes of save(TENSORS).
NOT_TAKEN = {
    "prefix": lambda path: write_source(
        path, save({f"module.{name}": tensor for name, tensor in TENSORS.items()})
    ),
    "metadata": lambda path: write_source(path, save(TENSORS, {"format": "np"})),
    "blanks behind the header": lambda path: write_source(
        path, with_header(lambda header: header + b" " * 8)
    ),
    "blanks in the header": lambda path: write_source(
        path, with_header(lambda header: header.replace(b'":{', b'": {', 1)[:-1])
    ),
    "other order": lambda path: write_source(path, in_order("ab", TENSORS)),
    "stored": lambda path: write_source(path, save(TENSORS), method=zipfile.ZIP_STORED),
    "no CRC": lambda path: (write_source(path, save(TENSORS)), without_crc(path)),
}


@pytest.mark.parametrize("case", NOT_TAKEN)
def test_stream_is_made_anew(tmp_path, case):
    NOT_TAKEN[case](tmp_path / "r:v1.mpt")
    done = run(tmp_path, "r:v1.mpt", "-o", "out", "--format=zip")
    assert done.exit == GOOD, done.stderr
    assert stream_of(tmp_path / "out/r:v1.zip") != stream_of(tmp_path / "r:v1.mpt")
    assert members(tmp_path / "out/r:v1.zip")[WEIGHTS] == save(TENSORS)


@pytest.mark.parametrize(
    "order, jumps",
    [("abc", False), ("acb", False), ("bac", False), ("bca", True), ("cab", True), ("cba", True)],
)
def test_copy_that_jumps(tmp_path, order, jumps):
    """It goes by way of a temporary file; "b" has no bytes, so its place does not matter."""
    tensors = {"a": noise(300_000), "b": noise(0), "c": noise(500_000)}
    write_source(tmp_path / "r:v1.mpt", in_order(order, tensors))
    env = {**os.environ, "TMPDIR": str(tmp_path / "none")}
    done = run(tmp_path, "r:v1.mpt", "-o", "direct", "--format=zip", env=env)
    assert done.exit == (SOME_FAILED if jumps else GOOD), done.stderr
    assert run(tmp_path, "r:v1.mpt", "-o", "out", "--format=zip").exit == GOOD
    assert members(tmp_path / "out/r:v1.zip")[WEIGHTS] == save(tensors)


def flip(place):
    """Change a byte of the stream, counted from its end if negative."""

    def change(path):
        data, stream = bytearray(path.read_bytes()), stream_of(path)
        data[data.index(stream) + place % len(stream)] ^= 0x10
        path.write_bytes(data)

    return change


def other_crc(path):
    """Both headers say another CRC."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        crc = struct.pack("<I", archive.getinfo(WEIGHTS).CRC)
    assert data.count(crc) == 2
    path.write_bytes(data.replace(crc, b"abcd"))


def other_size(path):
    """Both headers say that one byte less comes of the stream."""
    data = path.read_bytes()
    sizes = struct.pack("<I", len(save(TENSORS)))
    assert data.count(sizes) == 2
    path.write_bytes(data.replace(sizes, struct.pack("<I", len(save(TENSORS)) - 1)))


SPOILED = {
    "in the middle": flip(20_000),
    "near the end": flip(-9),
    "CRC": other_crc,
    "size": other_size,
}


@pytest.mark.parametrize("case", SPOILED)
def test_spoiled_stream_is_refused(tmp_path, case):
    write_source(tmp_path / "data/r:v1.mpt", save(TENSORS))
    write_source(tmp_path / "data/s:v1.mpt", save(TENSORS))
    SPOILED[case](tmp_path / "data/r:v1.mpt")
    done = run(tmp_path, "data", "-o", "out", "--format=zip")
    assert done.exit == SOME_FAILED
    assert "r:v1.mpt: weights.safetensors: " in done.stderr
    assert set(files_below(tmp_path)) == {"data/r:v1.mpt", "data/s:v1.mpt", "out/s:v1.zip"}


def test_mutants(tmp_path):
    """Of every changed source the same comes as of --format dir: a fault, or those members."""
    source = io.BytesIO()
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(WEIGHTS, save(mpt_zip.weights_of(1)))
        archive.writestr("modelarchitecture.txt", mpt_zip.TEXT)
    data, random_bytes = source.getvalue(), random.Random(0)
    (tmp_path / "data").mkdir()
    for place in range(len(data)):
        mutant = bytearray(data)
        mutant[place] ^= random_bytes.randrange(1, 256)
        (tmp_path / f"data/r:v{place}.mpt").write_bytes(mutant)
    runs = {}
    for form in ("dir", "zip"):
        done = run(tmp_path, "data", "-o", form, "--format", form, "--jsonl")
        runs[form] = {row["source"]: row["status"] for row in done.rows().values()}
    assert runs["dir"] == runs["zip"]
    assert set(runs["zip"].values()) == {"converted", "failed"}
    assert unpacked(tmp_path / "zip") == files_below(tmp_path / "dir")


# ---- names ----

NAMED = {
    "run and epoch": ([], "r.dots:v7.zip"),
    "template": (["--name-template", "{run}-{epoch}"], "r.dots-7.zip"),
    "template with the suffix": (["--name-template", "{run}.zip"], "r.dots.zip"),
    "options": (["--run", "x", "--epoch", "3"], "x:v3.zip"),
}


@pytest.mark.parametrize("case", NAMED)
def test_names(tmp_path, case):
    """:latest sees archives of runs with dots, so there is no note."""
    options, name = NAMED[case]
    mpt_zip.write(tmp_path / "data/r.dots:v7.mpt")
    done = run(tmp_path, "data", "-o", "out", "--format=zip", *options)
    assert list(files_below(tmp_path / "out")) == [name]
    assert "note" not in done.stderr


def test_in_place(tmp_path):
    """Archives are no sources of the next run."""
    mpt_zip.tree(tmp_path / "data", 2)
    assert run(tmp_path, "data", "--in-place", "--format=zip").exit == GOOD
    done = run(tmp_path, "data", "--in-place", "--format=zip", "--include", "*")
    assert summary(done.stderr) == (0, 4, 0)
    assert done.stdout.count("a bundle already") == 2
    assert done.stdout.count("kept ") == 2


def test_dry_run_writes_nothing(tmp_path):
    mpt_zip.tree(tmp_path / "data", 1)
    done = run(tmp_path, "data", "-n", "-o", "out", "--format=zip")
    assert "-> out/run/checkpoints/run:v0.zip (2 tensors, " in done.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("forms", [("dir", "zip"), ("zip", "dir")], ids="-".join)
def test_other_form_is_another_bundle(tmp_path, forms):
    mpt_zip.tree(tmp_path / "data", 1)
    assert "note" not in run(tmp_path, "data", "-o", "out", "--format", forms[0]).stderr
    done = run(tmp_path, "data", "-o", "out", "--format", forms[1])
    assert summary(done.stderr) == (1, 0, 0)
    other = {"dir": "run:v0", "zip": "run:v0.zip"}[forms[0]]
    assert f"note: out/run/checkpoints/{other} is there too, and :latest may" in done.stderr
    assert unpacked(tmp_path / "out").items() <= files_below(tmp_path / "out").items()


# ---- what is there already ----

BUNDLE = "out/run/checkpoints/run:v0.zip"


def rewrite(path, contents, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def rewritten(method=zipfile.ZIP_DEFLATED, **changes):
    """Write the archive anew as Python does, with other members."""

    def change(path):
        contents = members(path)
        for name, data in changes.items():
            contents[{"spec": NAMES[0], "weights": NAMES[1]}.get(name, name)] = data
        rewrite(path, {name: data for name, data in contents.items() if data is not None}, method)

    return change


@pytest.mark.parametrize(
    "change",
    [lambda path: None, rewritten(), rewritten(zipfile.ZIP_STORED), rewritten(extra=b"more")],
    ids=["nothing", "deflated otherwise", "stored", "one more member"],
)
def test_equal_bundle_is_left_alone(tmp_path, change):
    mpt_zip.tree(tmp_path / "data", 1)
    run(tmp_path, "data", "-o", "out", "--format=zip")
    change(tmp_path / BUNDLE)
    forget(tmp_path)
    before = state_of(tmp_path / "out")
    done = run(tmp_path, "data", "-o", "out", "--format=zip")
    assert summary(done.stderr) == (0, 1, 0)
    assert "the same bundle is there already" in done.stdout
    assert state_of(tmp_path / "out") == before


def spoil_member(name):
    """Change a byte of a member's stream, so that it does not inflate or its CRC is wrong."""

    def change(path):
        data = bytearray(path.read_bytes())
        data[data.index(stream_of(path, name)) + 5] ^= 0x40
        path.write_bytes(data)

    return change


IN_THE_WAY = {
    "other weights": rewritten(weights=save(mpt_zip.weights_of(1))),
    "longer weights": rewritten(weights=save(mpt_zip.weights_of(0)) + b" "),
    "other spec": rewritten(spec=b"{}"),
    "no weights": rewritten(weights=None),
    "no spec": rewritten(spec=None),
    "spoiled weights": spoil_member(WEIGHTS),
    "spoiled spec": spoil_member("policy_spec.json"),
    "CRC": other_crc,
    "no CRC": without_crc,
    "cut": lambda path: os.truncate(path, path.stat().st_size - 1),
    "empty": lambda path: os.truncate(path, 0),
    "a text": lambda path: path.write_text("mine"),
    "an empty folder": lambda path: (path.unlink(), path.mkdir()),
    "a link to the bundle": lambda path: (
        path.rename(path.with_name("moved")), path.symlink_to("moved"),
    ),
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("none")),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_anything_else_in_the_way(tmp_path, case):
    """It may be somebody's work: it is reported and left as it is."""
    mpt_zip.tree(tmp_path / "data", 2)
    run(tmp_path, "data", "-o", "out", "--format=zip")
    IN_THE_WAY[case](tmp_path / BUNDLE)
    forget(tmp_path)
    before = state_of(tmp_path / "out")
    done = run(tmp_path, "data", "-o", "out", "--format=zip")
    assert summary(done.stderr) == (0, 1, 1)
    assert f"in the place of its bundle {BUNDLE}; it was left alone" in done.stderr
    assert state_of(tmp_path / "out") == before


@pytest.mark.parametrize("text", [mpt_zip.TEXT, "another.Config()"])
def test_two_sources_of_the_same_weights(tmp_path, text):
    mpt_zip.write(tmp_path / "data" / "a:v1.mpt")
    mpt_zip.write(tmp_path / "data" / "a:v1.pt", text=text)
    done = run(tmp_path, "data", "-o", "out", "--format=zip")
    assert summary(done.stderr) == (1, 1, 0)
    assert ("a:v1.pt: note: " in done.stderr) == (text != mpt_zip.TEXT)
    assert members(tmp_path / "out/a:v1.zip") == mpt_zip.bundle()


# ---- traces ----


@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_modes_follow_the_umask(tmp_path, umask):
    mpt_zip.tree(tmp_path / "data", 1)
    run(tmp_path, "data", "-o", "out", "--format=zip", umask=umask)
    assert stat.S_IMODE((tmp_path / BUNDLE).stat().st_mode) == 0o666 & ~umask


def test_nothing_temporary_is_left(tmp_path):
    """Of all eras, the damaged ones too; sources stay as they are."""
    shutil.copytree(PROJECT / "fixtures/legacy", tmp_path / "legacy")
    (tmp_path / "tmp").mkdir()
    write_source(tmp_path / "legacy/jump:v1.mpt", in_order("ab", TENSORS))
    before = state_of(tmp_path / "legacy")
    env = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    run(tmp_path, "legacy", "-o", "out", "--format=zip", "-j4", env=env)
    assert state_of(tmp_path / "legacy") == before
    assert list((tmp_path / "tmp").iterdir()) == []
    assert [path.name for path in (tmp_path / "out").rglob(".*")] == [JOURNALS]


def test_killed_and_run_again(tmp_path):
    """Every archive that has its name is whole, and another run makes the others."""
    count = 200
    mpt_zip.tree(tmp_path / "tree", count)
    bundles = tmp_path / "out/run/checkpoints"
    arguments = ["tree", "-o", "out", "--format=zip", "-q"]
    process = subprocess.Popen([CONVERTER, *arguments, "-j2"], cwd=tmp_path)
    while process.poll() is None and not any(bundles.glob("run:v*")):
        pass
    process.kill()
    process.wait()
    kept = len(list(bundles.glob("run:v*")))
    if kept == count:
        pytest.skip("the machine converted all of them before the signal came")
    again = run(tmp_path, *arguments)
    assert again.exit == GOOD
    assert summary(again.stderr) == (count - kept, kept, 0)
    made = {path.name: members(path) for path in bundles.glob("run:v*")}
    assert made == {f"run:v{n}.zip": mpt_zip.bundle(n) for n in range(count)}


def test_full_disk(tmp_path):
    """No file may have more than 512 KiB: the archive does not fit, and nothing is left."""
    mpt_zip.write(tmp_path / "data/r:v1.mpt", weights={"module.w": noise(1_000_000)})
    mpt_zip.write(tmp_path / "data/s:v1.mpt")
    command = f'ulimit -f 512; exec "{CONVERTER}" data -o out --format zip'
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == SOME_FAILED
    assert ".tmp: cannot write: File too large" in done.stderr
    assert list(files_below(tmp_path / "out")) == ["s:v1.zip"]


STRACE = shutil.which("strace")


@pytest.mark.skipif(not STRACE or "ASAN_OPTIONS" in os.environ, reason="strace is not usable")
@pytest.mark.parametrize("reason", ["EINVAL", "ENOSYS"])
def test_file_systems_without_renameat2(tmp_path, reason):
    """Then it is a link and an unlink, which replace nothing either."""
    mpt_zip.tree(tmp_path / "data", 2)
    (tmp_path / BUNDLE).parent.mkdir(parents=True)
    (tmp_path / BUNDLE).write_text("mine")
    inject = ["-f", "-qq", "-o", tmp_path / "trace", "-e", f"inject=renameat2:error={reason}"]
    command = [STRACE, *inject, CONVERTER, "data", "-o", "out", "--format=zip", "-j1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if "ptrace" in done.stderr:
        pytest.skip("nothing can be traced here")
    assert summary(done.stderr) == (1, 0, 1), done.stderr
    assert "INJECTED" in (tmp_path / "trace").read_text()
    assert (tmp_path / BUNDLE).read_text() == "mine"
    other = BUNDLE.replace("v0", "v1")
    assert members(tmp_path / other) == mpt_zip.bundle(1)
    assert (tmp_path / other).stat().st_nlink == 1
    assert [path.name for path in (tmp_path / "out").rglob(".*")] == [JOURNALS]
