"""What a small file can cost, and what very many bad ones cost the good ones.

The table holds files of less than 1 MiB that take as much memory as their kind lets them:
as many values as the allowance of a pickle, tensors by the ten thousand, all that
deflate can squeeze into so little.  Whatever comes of them, mpt-convert and its helper
stay small together.
"""

import json
import os
import struct
import subprocess
import sys
import zlib

import mpt_zip as mpt_zips
import pytest
from converter import CONVERTER, PROJECT, files_below
from peak_memory import measure
from pickle_bytes import (
    FALSE, ORDERED_DICT, build, call, dct, get, glob, integer, load_from_bytes, lst,
    module_of, new, put, text, tup, whole,
)  # fmt: skip
from small_checkpoints import (
    FLOATS, KINDS, PICKLE, STORAGES, TENSORS, TEXT, byte, mpt_zip, package, policy_zip,
    storage_id, stream, tensor, torch_archive, torch_members, weights_of,
    weights_pickle,
)  # fmt: skip
from sources import BUILD
from zip_bytes import Member, archive

MIB = 1 << 20
LIMIT = 96 * MIB
ROOM = MIB - 3000  # for a pickle, beside what else an archive has

no_sanitizer = pytest.mark.skipif(
    "ASAN_OPTIONS" in os.environ, reason="sanitizers keep what is freed"
)


# ---- pickles ----


def of(body, protocol=4, method=0):
    """An archive of that pickle."""
    return archive(*torch_members(whole(body, protocol), STORAGES, method=method))


def some(count, opcodes, before=b""):
    """A list of so many values."""
    return before + b"](" + opcodes * count + b"e"


def full(opcodes, before=b""):
    """As many as there is room for."""
    return some((ROOM - len(before)) // len(opcodes), opcodes, before)


def name(number):
    digits = str(number).encode()
    return b"\x8c" + bytes([len(digits)]) + digits


def kept(*values):
    """The values go into the memo, from 1 on, and off the stack."""
    return b"".join(put(value, i) + b"0" for i, value in enumerate(values, 1))


REBUILD = glob("torch._utils", "_rebuild_tensor_v2")
# In the memo: function, storage, size, stride, hooks.
PARTS = kept(REBUILD, storage_id(), tup(byte(3)), tup(byte(1)), ORDERED_DICT)
STREAM_PARTS = kept(REBUILD, storage_id(b"N"), tup(byte(3)), tup(byte(1)), ORDERED_DICT)
SHORT_TENSOR = b"h\1(h\2K\0h\3h\4\x89h\5tR"


def state_dict(count, value=SHORT_TENSOR, parts=PARTS, named=name):
    pairs = b"".join(named(i) + value for i in range(count))
    return parts + b"}(" + pairs + b"u"


def own_storages(count, view=b""):
    """A storage for each tensor."""
    parts = kept(REBUILD, text("storage"), glob("torch", "FloatStorage"), tup(byte(1)),
                 ORDERED_DICT, text("cpu"))  # fmt: skip
    return parts + b"}(" + b"".join(
        name(i) + b"h\1((h\2h\3" + name(i) + b"h\6K\1" + view + b"tQK\0h\4h\4\x89h\5tR"
        for i in range(count)
    ) + b"u"  # fmt: skip


def modules(count):
    """Modules of a few bytes, all with one weight."""
    names = ["_parameters", "_buffers", "_modules"]
    parts = PARTS + b"".join(
        put(value, 20 + i) + b"0"
        for i, value in enumerate([*map(text, names), dct(), glob("p", "N"), SHORT_TENSOR])
    )
    child = b"h\x18)\x81}(h\x14}X\1\0\0\0wh\x19sh\x15h\x17h\x16h\x17ub"
    children = b"".join(name(i) + child for i in range(count))
    return parts + b"h\x18)\x81}(h\x14h\x17h\x15h\x17h\x16}(" + children + b"uub"


def shared_modules(levels):
    """2^levels names."""
    body = module_of(parameters=[(text("w"), tensor(storage_id(), 3, 1))])
    for level in range(levels):
        body = module_of(modules=[(text("a"), put(body, level)), (text("b"), get(level))])
    return body


def with_attribute(value):
    return module_of(
        parameters=[(text("w"), tensor(storage_id(), 3, 1))], extra=[(text("x"), value)]
    )


def with_config(fields):
    config = build(new(glob("p", "C")), dct(
        (text("__dict__"), fields), (text("__pydantic_fields_set__"), b"N"),
    ))  # fmt: skip
    return module_of(
        parameters=[(text("w"), tensor(storage_id(), 3, 1))], extra=[(text("config"), config)]
    )


def expanded(*sizes):
    """One number, repeated over all dimensions."""
    stride = tup(*[byte(0)] * len(sizes))
    value = call(REBUILD, storage_id(), byte(0), tup(*map(integer, sizes)), stride, FALSE,
                 ORDERED_DICT)  # fmt: skip
    return dct((text("w"), value))


ONES = tup(*[byte(1)] * 64)
RANK_64 = kept(REBUILD, storage_id(), ONES, ONES, ORDERED_DICT)
PLAIN_STORAGE = load_from_bytes(stream(whole(storage_id(b"N")), {"0": (3, FLOATS)}))
LARGE_STORAGE = load_from_bytes(stream(
    whole(tup(text("storage"), glob("torch", "FloatStorage"), text("0"), text("cpu"),
              integer(250_000), b"N") + b"Q"), {"0": (250_000, bytes(1_000_000))},
))  # fmt: skip
KNOWN = kept(glob("a", "B"))

# The counts of the first rows are about what the allowance of a pickle lets through.
PICKLES = {
    "empty sets": lambda: of(some(276_000, b"\x8f")),
    "empty dicts": lambda: of(some(700_000, b"}")),
    "empty dicts in an attribute": lambda: of(with_attribute(some(690_000, b"}"))),
    "empty lists": lambda: of(some(700_000, b"]")),
    "dicts of one": lambda: of(some(230_000, b"}NNs")),
    "sets of one": lambda: of(some(177_000, b"\x8f(K\1\x90")),
    "frozensets": lambda: of(some(177_000, b"(K\1\x91")),
    "tuples": lambda: of(full(b"N\x85")),
    "objects": lambda: of(full(b"h\1)\x81", KNOWN)),
    "objects with a state": lambda: of(full(b"h\1)\x81Nb", KNOWN)),
    "objects with members": lambda: of(full(b"h\1)\x81K\1a", KNOWN)),
    "calls": lambda: of(full(b"h\1)R", KNOWN)),
    "numbers": lambda: of(full(b"J\1\2\3\4")),
    "floats": lambda: of(full(b"G" + b"\1" * 8)),
    "texts": lambda: of(full(b"\x8c\1a")),
    "bytes": lambda: of(full(b"C\1a")),
    "wide texts": lambda: of(some(5000, b"\x8c\xc8" + b"a" * 196 + "😀".encode())),
    "one wide text": lambda: of(text("a" * (ROOM - 10) + "😀")),
    "one large number": lambda: of(with_attribute(b"\x8b" + struct.pack("<I", ROOM - 900)
                                                  + b"\1" * (ROOM - 900))),
    "memo": lambda: of(full(b"N\x94")),
    "marks": lambda: of(b"(" * ROOM + b"N"),
    "nested lists": lambda: of(with_attribute(b"]" * 49_000 + b"a" * 48_999)),
    "names": lambda: of(b"](" + b"".join(glob(f"m{i}" + "x" * 180, "C") for i in range(4900))
                        + b"e"),
    "copies": lambda: of(kept(glob("_codecs", "encode"), text("a" * 1000), text("latin1"))
                         + some(900, b"h\1h\2h\3\x86R")),
    "tensors": lambda: of(state_dict(45_000)),
    "tensors, deflated": lambda: of(state_dict(45_000), method=8),
    "tensors with a prefix": lambda: of(state_dict(
        33_000, named=lambda i: b"\x8c" + bytes([7 + len(str(i))]) + b"module.%d" % i)),
    "tensors with long names": lambda: of(state_dict(
        110, named=lambda i: text("k" * 9000 + str(i)))),
    "tensors of 64 dimensions": lambda: of(state_dict(26_000, parts=RANK_64)),
    "a storage for each tensor": lambda: archive(*torch_members(
        whole(own_storages(7000), 4), {str(i): b"abcd" for i in range(7000)})),
    "a storage for each tensor of a stream": lambda: stream(
        whole(own_storages(16_000, b"N"), 4), {str(i): (1, b"abcd") for i in range(16_000)}),
    "tensors of a stream": lambda: stream(
        whole(state_dict(45_000, parts=STREAM_PARTS), 4), {"0": (3, FLOATS)}),
    "tensors of a package": lambda: package(whole(state_dict(
        45_000, parts=PARTS.replace(text("0"), byte(0))), 4), STORAGES),
    "one tensor under many names": lambda: of(state_dict(
        100_000, b"h\7", PARTS + put(SHORT_TENSOR, 7) + b"0")),
    "modules": lambda: of(modules(30_000)),
    "shared modules": lambda: of(shared_modules(13)),
    "too many shared modules": lambda: of(shared_modules(40)),
    "a config of many fields": lambda: of(with_config(dct(
        *((text(f"k{i}"), text("v" * 20)) for i in range(20_000))))),
    "a config that repeats itself": lambda: of(with_config(dct(
        (text("k"), put(lst(*[b"N"] * 1000), 9)),
        *((text(f"k{i}"), get(9)) for i in range(1000))))),
    "pickles inside a pickle": lambda: whole(dct(
        *((text(str(i)), tensor(PLAIN_STORAGE, 3, 1)) for i in range(4000)))),
    "a large storage inside a pickle": lambda: whole(dct(
        (text("w"), tensor(LARGE_STORAGE, 3, 1)))),
    "an expanded tensor": lambda: of(expanded(15 * MIB)),
    "an expanded tensor of 3 dimensions": lambda: of(expanded(1024, 3, 5000)),
}  # fmt: skip


# ---- zips, headers, texts ----


def file_of(header):
    header = header.encode()
    return struct.pack("<Q", len(header)) + header


def header(count, sizes=1, prefix=""):
    entry = '"%s%d":{"dtype":"U8","shape":[' + ",".join("0" * sizes) + '],"data_offsets":[0,0]}'
    return "{" + ",".join(entry % (prefix, i) for i in range(count)) + "}"


def keywords(count):
    return "p.C(" + ",".join(f"a{i}=0" for i in range(count)) + ")"


def zeros(name):
    """A member of 400 MB, deflated MiB by MiB."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = deflater.compress(bytes(MIB)) + deflater.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(400):
        crc = zlib.crc32(bytes(MIB), crc)
    packed = piece * 400 + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    truth = {"usize": 400 * MIB, "crc": crc}
    return Member(name, method=8, packed=packed, local=truth, central=truth)


def zeros_as(name):
    """A torch archive with zeros in place of a member."""
    members = torch_members(PICKLE, STORAGES)
    return archive(*(zeros(name) if m.name == name else m for m in members))


def large_storage(method):
    storage = tup(text("storage"), glob("torch", "FloatStorage"), text("0"), text("cpu"),
                  integer(15 * MIB)) + b"Q"  # fmt: skip
    members = torch_members(weights_pickle(storage), {"0": bytes(60 * MIB)}, method=method)
    return archive(*members)


WEIGHTS = weights_of(TENSORS)
MANY = [Member(b"r/%d" % i) for i in range(11_000)]
LONG = [Member(b"r/" + b"x" * 1000 + b"%05d" % i) for i in range(450)]

OTHERS = {
    "data.pkl of 400 MB": lambda: zeros_as(b"r/data.pkl"),
    "version of 400 MB": lambda: zeros_as(b"r/version"),
    "policy.pt of 400 MB": lambda: archive(zeros(b"policy.pt")),
    "policy.pt with a storage of 60 MB": lambda: policy_zip(large_storage(0)),
    "a deflated storage of 60 MB": lambda: large_storage(8),
    "members": lambda: archive(*torch_members(PICKLE, STORAGES), *MANY),
    "members with long names": lambda: archive(*torch_members(PICKLE, STORAGES), *LONG),
    "a header of many tensors": lambda: mpt_zip(file_of(header(17_000)), method=0),
    "a header of many tensors, deflated": lambda: mpt_zip(file_of(header(75_000))),
    "a larger header": lambda: mpt_zip(file_of(header(300_000))),
    "a header of many sizes": lambda: mpt_zip(file_of(header(500, sizes=4096))),
    "a header of many prefixes": lambda: mpt_zip(file_of(header(65_000, prefix="module."))),
    "metadata": lambda: mpt_zip(file_of(
        '{"__metadata__":{' + ",".join(f'"{i}":""' for i in range(90_000)) + "}," + header(1)[1:])),
    "keywords": lambda: mpt_zip(WEIGHTS, keywords(110_000).encode()),
    "a text of tuples": lambda: mpt_zip(WEIGHTS, b"p.C(a=[" + b"(0,)," * 200_000 + b"])"),
    "a text of one string": lambda: mpt_zip(WEIGHTS, b"p.C(a='" + b"\\x41" * 250_000 + b"')"),
    "keywords and tensors": lambda: mpt_zip(file_of(header(75_000)), keywords(110_000).encode()),
}  # fmt: skip


# ---- bundles ----


def bundle(spec, weights=WEIGHTS):
    named = {"policy_spec.json": spec.encode(), "weights.safetensors": weights}
    return archive(*(Member(name.encode(), data, 8) for name, data in named.items()))


def spec_with(value):
    return '{"class_path":"my.P","data_path":"weights.safetensors","x":' + value + "}"


def list_of(count, value):
    return "[" + (value + ",") * count + "0]"


SPEC = spec_with("0")

BUNDLES = {
    "numbers": lambda: bundle(spec_with(list_of(524_000, "0"))),
    "lists": lambda: bundle(spec_with(list_of(349_000, "[]"))),
    "deep lists": lambda: bundle(spec_with(list_of(4300, "[" * 120 + "]" * 120))),
    "objects": lambda: bundle(spec_with(list_of(149_000, '{"":0}'))),
    "strings": lambda: bundle(spec_with(list_of(349_000, '""'))),
    "keys": lambda: bundle(spec_with("{" + ",".join(f'"{i}":0' for i in range(100_000)) + "}")),
    "keywords": lambda: bundle(json.dumps({
        "class_path": "metta.agent.policy.CheckpointPolicy", "data_path": "weights.safetensors",
        "init_kwargs": {"architecture_spec": keywords(100_000)}})),
    "a header of many tensors": lambda: bundle(SPEC, file_of(header(75_000))),
    "a larger header": lambda: bundle(SPEC, file_of(header(300_000))),
    "a header of many sizes": lambda: bundle(SPEC, file_of(header(500, sizes=4096))),
    "a header of many prefixes": lambda: bundle(SPEC, file_of(header(65_000, prefix="module."))),
    "numbers and tensors": lambda: bundle(
        spec_with(list_of(500_000, "0")), file_of(header(75_000))),
    "members": lambda: archive(Member(b"policy_spec.json", SPEC.encode()),
                               Member(b"weights.safetensors", WEIGHTS), *MANY),
    "a member of 400 MB": lambda: archive(Member(b"policy_spec.json", SPEC.encode()),
                                          Member(b"weights.safetensors", WEIGHTS),
                                          zeros(b"x")),
}  # fmt: skip


def check(folder, content, suffix, *command):
    """Exit status 0 or 1, one file in the report, and all that ran stayed small."""
    assert len(content) < MIB
    path = folder / f"small:v1{suffix}"
    path.write_bytes(content)
    measured = measure(folder, *command, path)
    assert measured["exit"] in (0, 1)
    assert measured["together"] < LIMIT and max(measured["peaks"]) < LIMIT, measured
    return measured


@no_sanitizer
@pytest.mark.parametrize("case", PICKLES | OTHERS)
def test_memory_of_a_small_file(tmp_path, case):
    content = (PICKLES | OTHERS)[case]()
    options = ["-j1", "-q", "-o", "out", "--architecture", TEXT]
    check(tmp_path, content, ".mpt", CONVERTER, *options)


@no_sanitizer
@pytest.mark.parametrize("case", BUNDLES)
def test_memory_of_a_small_bundle(tmp_path, case):
    check(tmp_path, BUNDLES[case](), ".zip", BUILD / "mpt-validate", "-q")


@no_sanitizer
def test_the_measure_sees_both_processes(tmp_path):
    """A helper was seen beside the program, with the size of an interpreter."""
    options = ["-j1", "-q", "-o", "out", "--architecture", TEXT]
    small = check(tmp_path, KINDS["torch archive"], ".mpt", CONVERTER, *options)
    assert len(small["peaks"]) == 2 and small["peaks"][1] > 4 * MIB
    slack = MIB     # the kernel counts pages of a process in batches
    assert small["together"] <= sum(small["peaks"]) + slack
    assert len(check(tmp_path, KINDS["mpt zip"], ".mpt", CONVERTER, *options)["peaks"]) == 1


# ---- what becomes of it ----

# Bytes of the bundle, the largest that is allowed, and the options.
EXPANSIONS = {
    "64 MiB are always allowed": (64 << 20, [], True),
    "32 times the file, and no more": ((64 << 20) + 40_000, [], False),
    "twice the file, as the user says": ((64 << 20) + 4000, ["--max-expansion", "2"], False),
    "a million times": (100 << 20, ["--max-expansion", "1000000"], True),
}


@pytest.mark.parametrize("case", EXPANSIONS)
def test_expansion(tmp_path, case):
    """One number, repeated: the file has some 600 bytes."""
    nbytes, options, allowed = EXPANSIONS[case]
    content = of(expanded((nbytes - 100) // 4))
    assert 500 < len(content) < 1000
    (tmp_path / "a:v1.pt").write_bytes(content)
    options = ["a:v1.pt", "-n", "--jsonl", "--architecture", TEXT, *options]
    done = subprocess.run([CONVERTER, *options], cwd=tmp_path, capture_output=True, text=True)
    row = json.loads(done.stdout.splitlines()[0])
    assert row["status"] == ("converted" if allowed else "failed"), row
    assert allowed or "--max-expansion" in row["reason"]


# ---- very many bad files ----

# Read and write calls of a process: counted once it has ended, before it is forgotten.
CALLS = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
with open(f"/proc/{pid}/io") as file:
    counts = dict(line.split(": ") for line in file)
print(int(counts["syscr"]) + int(counts["syscw"]))
os.wait4(pid, 0)
"""


def hostile_files():
    """What must be refused: the samples, and each small file of KINDS cut."""
    for path in sorted((PROJECT / "fixtures/reject").iterdir()):
        yield path.read_bytes()
    for content in KINDS.values():
        for part in (1, 2, 3):
            yield content[: len(content) * part // 4]


def make_tree(folder, bad_copies, good_count):
    """Good ones, and so many of each bad one among them."""
    mpt_zips.tree(folder, good_count, "good")
    for number in range(good_count):
        content = KINDS["torch archive" if number % 2 else "torch stream"]
        (folder / "good/checkpoints" / f"torch:v{number}.pt").write_bytes(content)
    for copy in range(bad_copies):
        for number, content in enumerate(hostile_files()):
            (folder / "good/checkpoints" / f"{number}.{copy}:v1.pt").write_bytes(content)


def convert_tree(folder, bad_copies, good_count=100):
    """(the bundles of the good ones, how many failed, the calls it took)."""
    make_tree(folder / "tree", bad_copies, good_count)
    options = ["tree", "-o", "out", "-j1", "--jsonl", "--architecture", TEXT]
    done = subprocess.run(
        [sys.executable, "-c", CALLS, CONVERTER, *options], cwd=folder, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    *rows, calls = done.stdout.splitlines()
    failed = sum(json.loads(row)["status"] == "failed" for row in rows)
    return files_below(folder / "out"), failed, int(calls)


def test_bad_files_cost_themselves_only(tmp_path):
    """200 good ones beside 200 bad ones, and beside 400: the same bundles, and as much
    more work for each bad one."""
    bad = len(list(hostile_files()))
    runs = []
    for copies in (0, 1, 2):
        folder = tmp_path / str(copies)
        folder.mkdir()
        runs.append(convert_tree(folder, copies))
    bundles = runs[0][0]
    assert bad >= 200 and len(bundles) == 400
    for copies, (made, failed, _) in enumerate(runs):
        assert made == bundles and failed == copies * bad
    none, once, twice = (calls for _, _, calls in runs)
    assert once > none
    assert abs((twice - once) - (once - none)) < (once - none) / 50
