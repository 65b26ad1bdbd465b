"""mpt-convert --check and --list-converted: the audit before old files are deleted."""

import json
import os
import re
import shutil
import struct
import subprocess
import zipfile

import mpt_zip
import numpy
import pytest
from converter import CONVERTER, convert, files_below
from safetensors.numpy import save
from test_convert import GOOD, NOTHING, SOME_FAILED, USAGE, run
from test_fixtures import FIXTURES, SOURCES, TREES, options_of

SPEC, WEIGHTS = "policy_spec.json", "weights.safetensors"


def state_of(folder):
    """All that a program could change about a tree, times of change among it."""
    states = {}
    for path in [folder, *folder.rglob("*")]:
        st = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        states[path] = (st.st_mode, st.st_ino, st.st_mtime_ns, st.st_ctime_ns, content)
    return states


def check(cwd, *arguments):
    """Exit status and {name of the source: its object} of a check of tree against out."""
    done = convert(cwd, "--check", "tree", "-o", "out", "--jsonl", *arguments)
    return done.exit, {path.name: row for path, row in done.rows().items()}


class Folder:
    """A bundle as a folder of two files."""

    options = []

    def path(out, name):
        return out / name

    def write(path, members):
        path.mkdir(parents=True)
        for name, content in members.items():
            (path / name).write_bytes(content)


class Archive:
    """A bundle as an archive of them, here by another program."""

    options = ["--format", "zip"]
    compression = zipfile.ZIP_DEFLATED

    def path(out, name):
        return out / f"{name}.zip"

    @classmethod
    def write(cls, path, members):
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", cls.compression) as archive:
            for name, content in members.items():
                archive.writestr(name, content)


class Stored(Archive):
    """Not deflated, which takes other ways through the code."""

    compression = zipfile.ZIP_STORED


FORMS = pytest.mark.parametrize("form", [Folder, Archive, Stored])


@pytest.fixture
def pair(tmp_path):
    """A converted checkpoint, run:v0, and its bundle."""
    mpt_zip.write(tmp_path / "tree" / "run:v0.mpt")
    assert run(tmp_path, "tree", "-o", "out").exit == GOOD
    return tmp_path


# ---- every era ----

CONVERTED = [tree for tree in TREES if "expected" in TREES[tree]]


def of_another_source(row):
    """Skipped, as an earlier source has the same bundle."""
    return row["outcome"] == "skipped" and "is there already" in str(row.get("reason"))


def copy_expected(tree, out, form, change=lambda members: members):
    """The bundles that the reference writers wrote, in this form."""
    expected = FIXTURES / TREES[tree]["expected"]
    for spec in expected.rglob(SPEC):
        name = str(spec.parent.relative_to(expected))
        form.write(form.path(out, name), change(files_below(spec.parent)))


@FORMS
@pytest.mark.parametrize("tree", CONVERTED)
def test_every_era(tmp_path, tree, form):
    """Against what the reference writers wrote: all that was converted is the same."""
    shutil.copytree(FIXTURES / tree, tmp_path / "tree")
    copy_expected(tree, tmp_path / "out", form)
    before = state_of(tmp_path)
    exit_status, rows = check(tmp_path, *options_of(tree), *form.options)
    assert exit_status == TREES[tree]["exit"]
    assert state_of(tmp_path) == before
    outcomes = {"converted": "same"}
    for row in SOURCES:
        if row["tree"] == tree:
            expected = outcomes.get(row["outcome"], row["outcome"])
            if of_another_source(row):
                expected = "same"
            got = rows[os.path.basename(row["path"])]
            assert got["status"] == expected, got


@FORMS
@pytest.mark.parametrize("tree", CONVERTED)
def test_every_era_has_other_weights(tmp_path, tree, form):
    """The last byte of each bundle is another: each differs in it, whatever the loader."""

    def change(members):
        weights = members[WEIGHTS]
        return {**members, WEIGHTS: weights[:-1] + bytes([weights[-1] ^ 0x10])}

    copy_expected(tree, tmp_path / "out", form, change)
    os.symlink(FIXTURES / tree, tmp_path / "tree")
    _, rows = check(tmp_path, *options_of(tree), *form.options)
    different = [row for row in rows.values() if row["status"] == "differs"]
    bundles = list((tmp_path / "out").rglob(SPEC if form is Folder else "*.zip"))
    assert len(different) >= len(bundles) > 0
    expected = FIXTURES / TREES[tree]["expected"]
    for row in different:
        assert row["error"]["kind"] == "different"
        assert row["error"]["member"] == WEIGHTS
        name = row["bundle"].removeprefix("out/").removesuffix(".zip")
        assert row["error"]["offset"] == (expected / name / WEIGHTS).stat().st_size - 1
    assert {row["status"] for row in rows.values()} <= {"differs", "skipped", "failed"}


def test_threads_change_nothing(tmp_path):
    """-j1 and -j4 print the same lines in the same order."""
    for number in range(40):
        mpt_zip.write(tmp_path / "tree" / f"run:v{number}.mpt", number)
    run(tmp_path, "tree", "-o", "out")
    for number in range(0, 40, 7):
        os.truncate(tmp_path / "out" / f"run:v{number}" / WEIGHTS, 100)
        shutil.rmtree(tmp_path / "out" / f"run:v{number + 1}")
    runs = [run(tmp_path, "--check", "tree", "-o", "out", jobs) for jobs in ("-j1", "-j4")]
    assert runs[0].exit == runs[1].exit == SOME_FAILED
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stderr.splitlines()[:-1] == runs[1].stderr.splitlines()[:-1]
    assert [line.split()[0] for line in runs[0].stdout.splitlines()].count("same") == 28


# ---- every byte ----


@FORMS
def test_every_byte_of_a_bundle(tmp_path, form):
    """Each bundle has one bit wrong: it is found, and where it is said."""
    good = mpt_zip.bundle()
    places = [(name, i) for name in (SPEC, WEIGHTS) for i in range(len(good[name]))]
    for number, (name, i) in enumerate(places):
        mpt_zip.write(tmp_path / "tree" / f"run:v{number}.mpt")
        content = bytearray(good[name])
        content[i] ^= 1 << i % 8
        bundle = form.path(tmp_path / "out", f"run:v{number}")
        form.write(bundle, {**good, name: content})
    exit_status, rows = check(tmp_path, *form.options)
    assert exit_status == SOME_FAILED
    data = 8 + struct.unpack("<Q", good[WEIGHTS][:8])[0]
    for number, (name, i) in enumerate(places):
        row = rows[f"run:v{number}.mpt"]
        assert row["status"] == "differs" and row["error"]["member"] == name, row
        if name == SPEC:
            assert row["error"]["offset"] == i
        elif i >= data:
            # Of the two, the integers come first: their elements are larger.
            tensor, byte = ("bias", i - data) if i < data + 24 else ("weight", i - data - 24)
            assert row["error"]["offset"] == i
            is_now = good[WEIGHTS][i] ^ 1 << i % 8
            assert row["error"]["reason"] == (
                f'tensor "actor.{tensor}": byte {byte} of its 24 is 0x{is_now:02x}, '
                f"would be 0x{good[WEIGHTS][i]:02x}"
            )


MEBIBYTE = 1 << 20
LARGE = {
    "a": numpy.arange(3 * MEBIBYTE // 4 + 5, dtype="float32"),
    "b": numpy.zeros((0, 4), dtype="float32"),
    "c": numpy.arange(MEBIBYTE, dtype="uint32").view("float32")[:: 2],
    "d": numpy.arange(7, dtype="uint8"),
}


def offsets_of(blob):
    """{name: (begin, end) in the file} of a safetensors file."""
    length = 8 + struct.unpack("<Q", blob[:8])[0]
    header = json.loads(blob[8:length])
    return {
        name: tuple(length + offset for offset in tensor["data_offsets"])
        for name, tensor in header.items()
    }


FLIPS = [
    ["a", 0],
    ["a", 3 * MEBIBYTE + 19],
    ["c", 0],
    ["c", 2 * MEBIBYTE - 1],
    ["d", 6],
    ["d", 0, "a", 77],
    ["a", 0, "a", 3 * MEBIBYTE],
    ["a", 5, "c", 5, "d", 5],
] + [["a", i] for i in range(MEBIBYTE // 4 - 200, MEBIBYTE // 4 + 1, 50)]


@FORMS
def test_places_in_large_tensors(tmp_path, form):
    """Around the borders of buffers, and several at once: the first is named."""
    blob = save(LARGE)
    offsets = offsets_of(blob)
    for number, flips in enumerate(FLIPS):
        mpt_zip.write(
            tmp_path / "tree" / f"run:v{number}.mpt", weights=LARGE, compression=0
        )
    expected = {}
    spec = mpt_zip.bundle()[SPEC]
    for number, flips in enumerate(FLIPS):
        content = bytearray(blob)
        places = [(offsets[t][0] + i, t, i) for t, i in zip(flips[::2], flips[1::2])]
        for place, _, _ in places:
            content[place] ^= 0x80
        path = form.path(tmp_path / "out", f"run:v{number}")
        form.write(path, {SPEC: spec, WEIGHTS: content})
        place, tensor, byte = min(places)
        size = offsets[tensor][1] - offsets[tensor][0]
        count = len(set(flips[::2]))
        rest = f"; {count} of 4 tensors differ" if count > 1 else ""
        expected[f"run:v{number}.mpt"] = (
            place,
            f'tensor "{tensor}": byte {byte} of its {size} is 0x{content[place]:02x}, '
            f"would be 0x{content[place] ^ 0x80:02x}{rest}",
        )
    exit_status, rows = check(tmp_path, *form.options)
    assert exit_status == SOME_FAILED
    found = {n: (row["error"]["offset"], row["error"]["reason"]) for n, row in rows.items()}
    assert found == expected


@FORMS
def test_source_in_another_order(tmp_path, form):
    """Its bytes come in another order than the bundle has them; the first there is named."""
    header = json.dumps(
        {
            "a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
            "b": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]},
        }
    ).encode()
    blob = struct.pack("<Q", len(header)) + header + b"aabbbb"
    (tmp_path / "tree").mkdir()
    with zipfile.ZipFile(tmp_path / "tree" / "run:v1.mpt", "w") as archive:
        archive.writestr(WEIGHTS, blob)
        archive.writestr("modelarchitecture.txt", mpt_zip.TEXT)
    assert run(tmp_path, "tree", "-o", "folders").exit == GOOD
    members = files_below(tmp_path / "folders" / "run:v1")
    form.write(form.path(tmp_path / "out", "run:v1"), members)
    assert check(tmp_path, *form.options)[0] == GOOD
    shutil.rmtree(tmp_path / "out")
    members[WEIGHTS] = members[WEIGHTS][:-6] + b"BbbbAa"
    form.write(form.path(tmp_path / "out", "run:v1"), members)
    (row,) = check(tmp_path, *form.options)[1].values()
    assert row["error"]["reason"] == (
        'tensor "b": byte 0 of its 4 is 0x42, would be 0x62; 2 of 2 tensors differ'
    )


@pytest.mark.parametrize("form", [Archive, Stored])
def test_every_byte_of_an_archive(tmp_path, form):
    """No damage to it counts as the same, but where no reader would notice."""
    good = mpt_zip.bundle()
    archive = form.path(tmp_path, "good")
    form.write(archive, good)
    blob = archive.read_bytes()
    for i in range(len(blob)):
        mpt_zip.write(tmp_path / "tree" / f"run:v{i}.mpt")
        path = form.path(tmp_path / "out", f"run:v{i}")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(blob[:i] + bytes([blob[i] ^ 1 << i % 8]) + blob[i + 1 :])
    _, rows = check(tmp_path, *form.options)
    verdicts = [rows[f"run:v{i}.mpt"]["status"] for i in range(len(blob))]
    assert set(verdicts) == {"same", "differs"}
    assert verdicts.count("same") < len(blob) / 8
    for i, verdict in enumerate(verdicts):
        if verdict == "same":
            with zipfile.ZipFile(form.path(tmp_path / "out", f"run:v{i}")) as archive:
                assert {name: archive.read(name) for name in archive.namelist()} == good


# ---- other differences ----


def rewrite(weights, metadata=None):
    return lambda bundle: (bundle / WEIGHTS).write_bytes(save(weights, metadata))


def with_tensors(**changes):
    """The weights with some tensors replaced, or without those that are None."""
    weights = {**mpt_zip.weights_of(0), **changes}
    return rewrite({name: tensor for name, tensor in weights.items() if tensor is not None})


def other_link(bundle):
    os.rename(bundle, bundle.with_name("elsewhere"))
    bundle.symlink_to("elsewhere")


def append(name, data):
    return lambda bundle: (bundle / name).write_bytes((bundle / name).read_bytes() + data)


def link_member(name):
    def link(bundle):
        os.rename(bundle / name, bundle.with_name("elsewhere"))
        (bundle / name).symlink_to("../elsewhere")

    return link


# What is done to the bundle; its verdict, the member, and a part of the reason.
DIFFERENCES = {
    "no bundle": (shutil.rmtree, "missing", None, "is not there"),
    "no output": (lambda bundle: shutil.rmtree(bundle.parent), "missing", None, "is not there"),
    "output is a file": (
        lambda bundle: (shutil.rmtree(bundle.parent), bundle.parent.touch()),
        "missing", None, "is not there",
    ),
    "a file": (lambda b: (shutil.rmtree(b), b.touch()), "differs", None, "is no folder"),
    "a link": (other_link, "differs", None, "is no folder"),
    "an empty folder": (lambda b: (shutil.rmtree(b), b.mkdir()), "differs", WEIGHTS, "is not"),
    "no spec": (lambda b: (b / SPEC).unlink(), "differs", SPEC, "is not there"),
    "no weights": (lambda b: (b / WEIGHTS).unlink(), "differs", WEIGHTS, "is not there"),
    "spec is a link": (link_member(SPEC), "differs", SPEC, "is no regular file"),
    "weights are a link": (link_member(WEIGHTS), "differs", WEIGHTS, "is no regular file"),
    "weights are a folder": (
        lambda bundle: ((bundle / WEIGHTS).unlink(), (bundle / WEIGHTS).mkdir()),
        "differs", WEIGHTS, "is no regular file",
    ),
    "other text": (
        lambda bundle: (bundle / SPEC).write_bytes(mpt_zip.bundle(0, "other.Policy()")[SPEC]),
        "differs", SPEC, 'has "other.Policy()',
    ),
    "spec ends early": (lambda b: os.truncate(b / SPEC, 9), "differs", SPEC, 'has "" here'),
    "spec is longer": (append(SPEC, b"\n"), "differs", SPEC, '\n" here, would have ""'),
    "spec is far longer": (append(SPEC, b" " * 3000), "differs", SPEC, 'would have ""'),
    "no data": (lambda b: os.truncate(b / WEIGHTS, 0), "differs", WEIGHTS, "needs 8 bytes"),
    "header is cut": (lambda b: os.truncate(b / WEIGHTS, 30), "differs", WEIGHTS, "only 22 "),
    "one byte less": (
        lambda bundle: os.truncate(bundle / WEIGHTS, len(mpt_zip.bundle()[WEIGHTS]) - 1),
        "differs", WEIGHTS, "has {less} bytes, would have {size}",
    ),
    "one byte more": (
        append(WEIGHTS, b"x"), "differs", WEIGHTS, "has {more} bytes, would have {size}",
    ),
    "a tensor less": (
        with_tensors(**{"actor.bias": None}),
        "differs", WEIGHTS, 'tensor "actor.bias": is not there',
    ),
    "a tensor more": (
        with_tensors(extra=numpy.zeros(1)),
        "differs", WEIGHTS, 'tensor "extra": is there, and the source has none',
    ),
    "a tensor more, in front": (
        with_tensors(aaa=numpy.zeros(1)),
        "differs", WEIGHTS, 'tensor "aaa": is there, and the source has none',
    ),
    "another name": (
        with_tensors(**{"actor.bias": None, "actor.other": numpy.zeros(3, dtype="int64")}),
        "differs", WEIGHTS, 'tensor "actor.bias": is not there',
    ),
    "another dtype": (
        with_tensors(**{"actor.bias": numpy.zeros(3, dtype="int32")}),
        "differs", WEIGHTS, 'tensor "actor.bias": is I32 [3], would be I64 [3]',
    ),
    "another shape": (
        with_tensors(**{"actor.weight": numpy.zeros((3, 2), dtype="float32")}),
        "differs", WEIGHTS, 'tensor "actor.weight": is F32 [3,2], would be F32 [2,3]',
    ),
    "a scalar": (
        with_tensors(**{"actor.weight": numpy.zeros((), dtype="float32")}),
        "differs", WEIGHTS, 'tensor "actor.weight": is F32 [], would be F32 [2,3]',
    ),
    "metadata": (
        rewrite(mpt_zip.weights_of(0), {"format": "pt"}),
        "differs", WEIGHTS, "though not in names, dtypes and shapes",
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_differences(pair, case):
    spoil, verdict, member, reason = DIFFERENCES[case]
    size = len(mpt_zip.bundle()[WEIGHTS])
    spoil(pair / "out" / "run:v0")
    before = state_of(pair)
    exit_status, rows = check(pair)
    row = rows["run:v0.mpt"]
    assert exit_status == SOME_FAILED
    assert (row["status"], row["error"].get("member")) == (verdict, member), row
    assert reason.format(size=size, less=size - 1, more=size + 1) in row["error"]["reason"]
    done = run(pair, "--check", "tree", "-o", "out")
    assert done.stdout == f"{verdict} tree/run:v0.mpt -> out/run:v0\n"
    assert "mpt-convert: out/run:v0: " in done.stderr
    assert run(pair, "--list-converted", "tree", "-o", "out").stdout == ""
    assert state_of(pair) == before


def repack(change, compression=zipfile.ZIP_DEFLATED):
    """Write the archive anew, with changed members."""

    def write(path):
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in change(members).items():
                archive.writestr(name, content)

    return write


def without(name):
    return repack(lambda members: {n: c for n, c in members.items() if n != name})


def longer(name, data):
    return repack(lambda members: {**members, name: members[name] + data})


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def flip_crc(path):
    """Of the weights, where they begin and in the directory: the bytes are right."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(WEIGHTS)
    flip(path, info.header_offset + 14)
    flip(path, path.read_bytes().rindex(b"PK\1\2") + 16)


def zero_crcs(path):
    """As torch can write its archives; but Python unpacks bundles."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            content[info.header_offset + 14 : info.header_offset + 18] = bytes(4)
    for found in re.finditer(re.escape(b"PK\1\2"), bytes(content)):
        content[found.start() + 16 : found.start() + 20] = bytes(4)
    path.write_bytes(content)


def flip_data(path):
    """A byte in the middle of the deflated weights."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(WEIGHTS)
    flip(path, info.header_offset + 30 + len(WEIGHTS) + info.compress_size // 2)


ARCHIVES = {
    "no archive": (lambda path: path.unlink(), "missing", None, "is not there"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "differs", None, "is no file"),
    "a link": (
        lambda path: (path.rename(path.with_name("x")), path.symlink_to("x")),
        "differs", None, "is no file",
    ),
    "empty": (lambda path: os.truncate(path, 0), "differs", None, "needs 22 bytes"),
    "text": (lambda path: path.write_text("mine " * 9), "differs", None, "end record"),
    "cut": (lambda path: os.truncate(path, 300), "differs", None, "end record"),
    "no spec": (without(SPEC), "differs", SPEC, "is not there"),
    "no weights": (without(WEIGHTS), "differs", WEIGHTS, "is not there"),
    "spec is longer": (longer(SPEC, b" "), "differs", SPEC, 'has " " here, would have ""'),
    "weights are longer": (longer(WEIGHTS, b"x"), "differs", WEIGHTS, "has {more} bytes, "),
    "weights are shorter": (
        repack(lambda members: {**members, WEIGHTS: members[WEIGHTS][:-1]}),
        "differs", WEIGHTS, "has {less} bytes, would have {size}",
    ),
    "metadata": (
        repack(lambda members: {**members, WEIGHTS: save(mpt_zip.weights_of(0), {"a": "b"})}),
        "differs", WEIGHTS, "though not in names, dtypes and shapes",
    ),
    "another checksum": (flip_crc, "differs", WEIGHTS, "CRC-32"),
    "no checksums": (zero_crcs, "differs", WEIGHTS, "CRC-32"),
    "damaged data": (flip_data, "differs", WEIGHTS, ""),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives(tmp_path, case):
    spoil, verdict, member, reason = ARCHIVES[case]
    size = len(mpt_zip.bundle()[WEIGHTS])
    mpt_zip.write(tmp_path / "tree" / "run:v0.mpt")
    archive = tmp_path / "out" / "run:v0.zip"
    Archive.write(archive, mpt_zip.bundle())
    assert check(tmp_path, "--format", "zip")[0] == GOOD
    spoil(archive)
    before = state_of(tmp_path)
    exit_status, rows = check(tmp_path, "--format", "zip")
    row = rows["run:v0.mpt"]
    assert exit_status == SOME_FAILED
    assert (row["status"], row["error"].get("member")) == (verdict, member), row
    assert reason.format(size=size, less=size - 1, more=size + 1) in row["error"]["reason"]
    assert state_of(tmp_path) == before


def test_other_members_are_noted(tmp_path):
    mpt_zip.write(tmp_path / "tree" / "run:v0.mpt")
    members = {**mpt_zip.bundle(), "b": b"", "a": b""}
    Archive.write(tmp_path / "out" / "run:v0.zip", members)
    exit_status, rows = check(tmp_path, "--format", "zip")
    assert exit_status == GOOD
    assert rows["run:v0.mpt"]["notes"][-1] == 'its bundle also holds "a" and 1 more'


def test_what_was_written_is_the_same(tmp_path):
    """Our own archives, and only if archives are asked for."""
    mpt_zip.tree(tmp_path / "tree", 3)
    run(tmp_path, "tree", "-o", "out", "--format", "zip")
    exit_status, rows = check(tmp_path, "--format", "zip")
    assert exit_status == GOOD and len(rows) == 3
    exit_status, rows = check(tmp_path)
    assert {row["status"] for row in rows.values()} == {"missing"}


def test_damaged_source_of_a_damaged_bundle(tmp_path):
    """The source is read to its end, even where the bundle can be read no further."""
    source = mpt_zip.write(tmp_path / "tree" / "run:v0.mpt", weights=LARGE, compression=0)
    archive = tmp_path / "out" / "run:v0.zip"
    Archive.write(archive, {SPEC: mpt_zip.bundle()[SPEC], WEIGHTS: save(LARGE)})
    with zipfile.ZipFile(archive) as opened:
        info = opened.getinfo(WEIGHTS)
    with open(archive, "r+b") as file:
        file.seek(info.header_offset + info.compress_size // 2)
        file.write(b"\xff" * 100)
    row = check(tmp_path, "--format", "zip")[1]["run:v0.mpt"]
    assert row["status"] == "differs" and "deflate" in row["error"]["reason"]
    flip(source, source.read_bytes().rindex(b"PK\3\4") - 1)
    row = check(tmp_path, "--format", "zip")[1]["run:v0.mpt"]
    assert row["status"] == "failed" and "CRC-32" in row["error"]["reason"]


def test_spec_and_weights_differ(pair):
    """The weights' difference is the verdict's reason, the spec's a note."""
    append(SPEC, b" ")(pair / "out" / "run:v0")
    with_tensors(extra=numpy.zeros(1))(pair / "out" / "run:v0")
    row = check(pair)[1]["run:v0.mpt"]
    assert row["error"]["member"] == WEIGHTS
    assert "policy_spec.json of its bundle differs, too" in row["notes"]


def test_other_files_are_noted(pair):
    """They are not the bundle's business, but whoever deletes should know."""
    bundle = pair / "out" / "run:v0"
    (bundle / "b\033[2J").touch()
    row = check(pair)[1]["run:v0.mpt"]
    assert row["status"] == "same"
    assert row["notes"][-1] == 'its bundle also holds "b\033[2J"'
    (bundle / "c").mkdir()
    (bundle / ".a").touch()
    assert check(pair)[1]["run:v0.mpt"]["notes"][-1] == 'its bundle also holds ".a" and 2 more'


def test_options_count(pair):
    """What is compared is what would be written now."""
    mpt_zip.write(pair / "tree" / "run:v0.mpt", weights={"module.a": numpy.zeros(2)})
    shutil.rmtree(pair / "out")
    run(pair, "tree", "-o", "out", "--keep-prefix")
    assert check(pair, "--keep-prefix")[0] == GOOD
    row = check(pair)[1]["run:v0.mpt"]
    assert row["error"]["reason"] == 'tensor "a": is not there'
    done = run(pair, "--check", "tree/run:v0.mpt", "--in-place")
    assert done.stdout == "missing tree/run:v0.mpt -> tree/run:v0\n"


# ---- sources ----


def test_damaged_source(tmp_path):
    """It is the source that is at fault, though the bundle's bytes are others, too."""
    tree = tmp_path / "tree"
    for number, compression in enumerate([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]):
        mpt_zip.write(tree / f"run:v{number}.mpt", compression=compression)
    row = next(row for row in SOURCES if row.get("era") == "torch archive")
    shutil.copy(FIXTURES / row["tree"] / row["path"], tree / "run:v2.pt")
    assert run(tmp_path, "tree", "-o", "out", *options_of(row["tree"])).exit == GOOD
    for path in tree.iterdir():
        content = bytearray(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            largest = max(archive.infolist(), key=lambda info: info.compress_size)
        header = 30 + len(largest.filename) + 64    # or less: torch pads it
        content[largest.header_offset + header + largest.compress_size // 2] ^= 1
        path.write_bytes(content)
    exit_status, rows = check(tmp_path, *options_of(row["tree"]))
    assert exit_status == SOME_FAILED
    assert {row["status"] for row in rows.values()} == {"failed"}, rows
    listed = run(tmp_path, "--list-converted", "tree", "-o", "out", *options_of(row["tree"]))
    assert (listed.exit, listed.stdout) == (SOME_FAILED, "")


def test_sources_without_a_name_or_an_architecture(pair):
    """They fail as they would when converted."""
    mpt_zip.write(pair / "tree" / "bare:v1.mpt", text="")
    mpt_zip.write(pair / "tree" / "a:v99999999999999999999.mpt")
    _, rows = check(pair)
    assert [row["status"] for row in rows.values()] == ["failed", "failed", "same"]


def test_what_is_skipped_does_not_fail(pair):
    (pair / "tree" / "trainer_state.pt").touch()
    exit_status, rows = check(pair)
    assert exit_status == GOOD
    assert rows["trainer_state.pt"]["status"] == "skipped"


DUPLICATES = {
    "a copy": ({}, "same", None),
    "other architecture": ({"text": "other.Policy()"}, "same", "another architecture"),
    "other weights": ({"number": 2}, "differs", None),
}


@pytest.mark.parametrize("case", DUPLICATES)
def test_second_source_of_a_bundle(pair, case):
    """It counts as converted if the bundle has its weights."""
    changes, status, note = DUPLICATES[case]
    mpt_zip.write(pair / "tree" / "run:v0.pt", **changes)
    _, rows = check(pair)
    assert rows["run:v0.mpt"]["status"] == "same"
    assert rows["run:v0.pt"]["status"] == status
    assert (note or "note") in str(rows["run:v0.pt"]["notes"]) + "note"
    listed = run(pair, "--list-converted", "tree", "-o", "out").stdout.splitlines()
    assert listed == ["tree/run:v0.mpt"] + ["tree/run:v0.pt"] * (status == "same")


def test_first_source_needs_its_own_spec(pair):
    """Also if the bundle is that of the second."""
    mpt_zip.write(pair / "tree" / "run:v0.mpt", text="other.Policy()")
    mpt_zip.write(pair / "tree" / "run:v0.pt")
    _, rows = check(pair)
    assert rows["run:v0.mpt"]["status"] == "differs"
    assert rows["run:v0.pt"]["status"] == "same"


@pytest.mark.parametrize("text", ["", "{}", "nonsense"])
def test_second_source_needs_a_sound_spec(pair, text):
    """A bundle that nobody can load is no place for weights."""
    mpt_zip.write(pair / "tree" / "run:v0.pt", text="other.Policy()")
    (pair / "out" / "run:v0" / SPEC).write_text(text)
    _, rows = check(pair)
    assert {row["status"] for row in rows.values()} == {"differs"}
    assert {row["error"]["member"] for row in rows.values()} == {SPEC}


# ---- what is printed ----


@pytest.fixture
def several(tmp_path):
    """Two that are the same, one of each other verdict, and one to skip."""
    for name in ["a", "b", "different", "missing"]:
        mpt_zip.write(tmp_path / "tree" / f"{name}:v1.mpt", ord(name[0]))
    run(tmp_path, "tree", "-o", "out")
    os.truncate(tmp_path / "out" / "different:v1" / WEIGHTS, 20)
    shutil.rmtree(tmp_path / "out" / "missing:v1")
    (tmp_path / "tree" / "failed:v1.mpt").write_bytes(b"nonsense")
    (tmp_path / "tree" / "trainer_state.pt").touch()
    return tmp_path


def test_lines(several):
    done = run(several, "--check", "tree", "-o", "out")
    assert done.exit == SOME_FAILED
    assert done.stdout.splitlines() == [
        "same tree/a:v1.mpt -> out/a:v1 (2 tensors, 385 B)",
        "same tree/b:v1.mpt -> out/b:v1 (2 tensors, 385 B)",
        "differs tree/different:v1.mpt -> out/different:v1",
        "failed tree/failed:v1.mpt",
        "missing tree/missing:v1.mpt -> out/missing:v1",
        "skipped tree/trainer_state.pt: the trainer's state, no policy",
    ]
    *faults, summary = done.stderr.splitlines()
    assert faults == [
        "mpt-convert: out/different:v1: weights.safetensors: offset 0: header of 136 bytes, "
        "only 12 follow",
        "mpt-convert: tree/failed:v1.mpt: offset 0: looks like text, not like a checkpoint",
        "mpt-convert: out/missing:v1: is not there",
    ]
    assert summary.startswith(
        "mpt-convert: 2 same, 1 different, 1 missing, 1 skipped, 1 failed; 770 B compared in "
    )


def test_quiet_lines(several):
    done = run(several, "--check", "tree", "-o", "out", "-q")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "differs", "failed", "missing",
    ]


def test_json_document(several):
    done = run(several, "--check", "tree", "-o", "out", "--json")
    document = json.loads(done.stdout)
    assert {row["source"]: row["bundle"] for row in document["sources"]} == {
        "tree/a:v1.mpt": "out/a:v1",
        "tree/b:v1.mpt": "out/b:v1",
        "tree/different:v1.mpt": "out/different:v1",
        "tree/failed:v1.mpt": None,
        "tree/missing:v1.mpt": "out/missing:v1",
        "tree/trainer_state.pt": None,
    }
    summary = document["summary"]
    assert [summary[name] for name in "same different missing skipped failed".split()] == [
        2, 1, 1, 1, 1,
    ]
    assert summary["bundle_bytes"] == 2 * 385 and "converted" not in summary


def test_nothing_to_check(tmp_path):
    (tmp_path / "tree").mkdir()
    for option in ("--check", "--list-converted"):
        done = run(tmp_path, option, "tree", "-o", "out")
        assert (done.exit, done.stdout) == (NOTHING, "")
    assert not (tmp_path / "out").exists()


WRONG_OPTIONS = {
    "no bundles": (["--check", "tree"], "--output FOLDER or --in-place"),
    "no bundles to list": (["--list-converted", "tree"], "--output FOLDER or --in-place"),
    "dry run": (["--check", "-n", "tree"], "--check and --dry-run exclude each other"),
    "JSON list": (["--list-converted", "--json", "tree", "-o", "out"], "prints no JSON"),
    "JSON lines": (["--list-converted", "--jsonl", "tree", "-o", "out"], "prints no JSON"),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_wrong_options(tmp_path, case):
    arguments, message = WRONG_OPTIONS[case]
    done = run(tmp_path, *arguments)
    assert (done.exit, done.stdout) == (USAGE, "")
    assert message in done.stderr


# ---- the list ----


def raw(cwd, *arguments, stdin=b""):
    """Exit status, standard output as bytes and standard error of a listing."""
    done = subprocess.run(
        [CONVERTER, "--list-converted", "-o", "out", *arguments],
        cwd=cwd, input=stdin, capture_output=True, timeout=120,
    )
    return done.returncode, done.stdout, done.stderr.decode()


def test_list(several):
    """The sources that are the same; all else is on the other stream."""
    exit_status, names, rest = raw(several, "tree")
    assert exit_status == SOME_FAILED
    assert names == b"tree/a:v1.mpt\ntree/b:v1.mpt\n"
    assert "mpt-convert: differs tree/different:v1.mpt -> out/different:v1\n" in rest
    assert "mpt-convert: missing tree/missing:v1.mpt -> out/missing:v1\n" in rest
    assert "mpt-convert: failed tree/failed:v1.mpt\n" in rest
    assert "mpt-convert: skipped tree/trainer_state.pt: " in rest
    assert raw(several, "tree", "-0")[1] == names.replace(b"\n", b"\0")
    assert raw(several, "tree", "-q", "--check")[1] == names


def test_list_is_fit_for_xargs(several):
    """What is the same goes, and nothing else; what is gone is not listed again."""
    before = files_below(several)
    command = '"$0" --list-converted -0 tree -o out -q | xargs -0 rm --'
    subprocess.run(["sh", "-c", command, CONVERTER], cwd=several, check=True)
    after = files_below(several)
    assert before.keys() - after.keys() == {"tree/a:v1.mpt", "tree/b:v1.mpt"}
    assert all(before[name] == content for name, content in after.items())
    assert raw(several, "tree")[:2] == (SOME_FAILED, b"")


NAMES = {
    "blank": b" a b:v1.mpt",
    "dash": b"-rf:v1.mpt",
    "quotes": b"a'b\"c\\:v1.mpt",
    "not UTF-8": b"caf\xe9\xff:v1.mpt",
    "control characters": b"\033[2J\t\r:v1.mpt",
}


@pytest.mark.parametrize("case", NAMES)
def test_names_are_not_escaped(tmp_path, case):
    """They are for programs, which look for files of just this name."""
    mpt_zip.write(tmp_path / "tree" / os.fsdecode(NAMES[case]))
    run(tmp_path, "tree", "-o", "out")
    assert raw(tmp_path, "tree")[:2] == (GOOD, b"tree/" + NAMES[case] + b"\n")
    assert raw(tmp_path, "tree", "-0")[:2] == (GOOD, b"tree/" + NAMES[case] + b"\0")


def test_newline_in_a_name(tmp_path):
    """One name would look like two: it is left out, which is a failure, unless -0."""
    mpt_zip.write(tmp_path / "tree" / "a\nb:v1.mpt")
    mpt_zip.write(tmp_path / "tree" / "c:v1.mpt")
    run(tmp_path, "tree", "-o", "out")
    exit_status, names, rest = raw(tmp_path, "tree")
    assert (exit_status, names) == (SOME_FAILED, b"tree/c:v1.mpt\n")
    assert "mpt-convert: tree/a\\nb:v1.mpt: left out: a name with a newline" in rest
    assert raw(tmp_path, "tree", "-0")[:2] == (GOOD, b"tree/a\nb:v1.mpt\0tree/c:v1.mpt\0")


def test_list_of_names_from_a_list(several):
    """-0 is for both."""
    stdin = b"tree/b:v1.mpt\0tree/different:v1.mpt\0"
    exit_status, names, _ = raw(several, "--files-from", "-", "-0", stdin=stdin)
    assert (exit_status, names) == (SOME_FAILED, b"tree/b:v1.mpt\0")


def test_list_that_cannot_be_written(several):
    with open("/dev/full", "wb") as full:
        done = run(several, "--list-converted", "tree", "-o", "out", stdout=full)
    assert done.exit == USAGE
    assert "cannot write standard output" in done.stderr


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_what_is_listed_is_durable(pair):
    """A bundle that is only in memory is no reason to delete its source."""
    Archive.write(pair / "out" / "run:v0.zip", mpt_zip.bundle())
    folder = [f"run:v0/{SPEC}", f"run:v0/{WEIGHTS}", "run:v0", "."]
    for arguments, expected in [
        (["--check"], []),
        (["--list-converted"], folder),
        (["--list-converted", "--format", "zip"], ["run:v0.zip", "."]),
    ]:
        command = ["strace", "-f", "-y", "-e", "trace=fsync", CONVERTER, *arguments]
        done = subprocess.run(
            [*command, "tree", "-o", "out", "-q"],
            cwd=pair,
            # The leak sanitizer cannot work below strace.
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == GOOD, done.stderr
        synced = re.findall(r"fsync\(\d+<(.*?)>\) = 0", done.stderr)
        assert synced == [os.path.normpath(pair / "out" / name) for name in expected]
