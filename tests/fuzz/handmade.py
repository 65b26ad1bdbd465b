"""Small seeds for the fuzz targets, written field by field: what no fixture shows."""

import json
import struct
import zlib

from zip_bytes import Member, archive, deflate

MARK = b"\n--answer--\n"  # tests/fuzz/torch.h
NO_STORAGE = 2**32 - 1
INDEX, CORRUPT, UNSUPPORTED, NOT_A_POLICY, LIMIT = range(5)

# ---- answers, as convert/unpickler/protocol.h has them ----


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(data)) + data


def listing(items):
    return struct.pack("<I", len(items)) + b"".join(items)


def storage(key="0", cls="FloatStorage", count=6, data=None):
    inline = b"\0" if data is None else struct.pack("<BQ", 1, len(data)) + data
    return text(key) + text(cls) + struct.pack("<Q", count) + inline


def listed(key="0", count=6, item=4, number=0):
    return text(key) + struct.pack("<QII", count, item, number)


def tensor(key="w", number=0, dtype="", offset=0, sizes=(2, 3), strides=(3, 1), flags=0):
    numbers = struct.pack(f"<{2 * len(sizes)}Q", *sizes, *strides)
    head = text(key) + struct.pack("<I", number) + text(dtype)
    return head + struct.pack("<QI", offset, len(sizes)) + numbers + bytes([flags])


def index(storages=(storage(),), tensors=(tensor(),), stream=(), notes=(), names=(), config=None):
    head = bytes([INDEX]) + text("module")
    head += b"\0" if config is None else b"\1" + text(config)
    parts = (storages, stream, tensors, list(map(text, notes)), list(map(text, names)))
    return head + b"".join(map(listing, parts))


def refusal(verdict, reason="why", where=""):
    return bytes([verdict]) + text(reason) + text(where)


ANSWERS = [
    index(),
    index(notes=["a note", ""], names=["torch._utils x", "m n"], config="p.C(a=1)"),
    index(storages=[], tensors=[]),
    index(storages=[storage(data=bytes(24))]),
    index(storages=[storage("a\0b", "UntypedStorage", 24)], tensors=[tensor(dtype="float32")]),
    index(stream=[listed()]),
    index(stream=[listed(), listed("1", 0, 8, NO_STORAGE)]),
    # Geometry: views that are and are not inside, of every form.
    index(tensors=[
        tensor("t", sizes=(3, 2), strides=(1, 3)),
        tensor("stretched", sizes=(7, 6), strides=(0, 1)),
        tensor("ones", sizes=(1, 6, 1), strides=(2**63, 1, 77)),
        tensor("scalar", sizes=(), strides=(), offset=5),
        tensor("empty", sizes=(0, 3), strides=(3, 1), offset=10**9),
        tensor("slice", sizes=(2, 2), strides=(3, 2)),
    ]),
    index(tensors=[tensor(offset=1)]),
    index(tensors=[tensor(offset=2**62)]),
    index(tensors=[tensor(sizes=(2**32, 2**32), strides=(0, 0))]),
    index(tensors=[tensor(sizes=(2**62,), strides=(0,))]),
    index(tensors=[tensor(sizes=(2**63, 0), strides=(0, 0))]),
    index(tensors=[tensor(sizes=(3, 3), strides=(2**63, 1))]),
    index(tensors=[tensor(sizes=(2, 2), strides=(2**62, 2**62))]),
    index(tensors=[tensor(sizes=(2, 2), strides=(2**63, 2**63))]),
    # Values that are the conjugate or the negative of what is stored.
    index([storage(cls="ComplexFloatStorage")],
          [tensor("c", flags=1), tensor("n", flags=2), tensor("b", flags=3)]),
    index(tensors=[tensor(flags=2)]),
    index([storage(cls="ShortStorage")], [tensor(flags=2)]),
    index([storage(cls="HalfStorage")], [tensor(flags=2, sizes=(3, 2), strides=(1, 3))]),
    # Types that safetensors lacks, or counts in another way.
    index([storage(cls="ComplexDoubleStorage", count=1)], [tensor(sizes=(1,), strides=(1,))]),
    index([storage(cls="ByteStorage")], [tensor(dtype="float4_e2m1fn_x2")]),
    index([storage(cls="ByteStorage")],
          [tensor(dtype="float4_e2m1fn_x2", sizes=(), strides=())]),
    index([storage(cls="ByteStorage")],
          [tensor(dtype="float4_e2m1fn_x2", sizes=(0, 2**63), strides=(1, 1))]),
    index(tensors=[tensor(dtype=name) for name in ("double", "float")]),
    index(tensors=[tensor(dtype="quint8")]),
    index([storage(cls="QUInt8Storage")]),
    index([storage(count=2**62)]),
    index([storage(count=2**62 - 1)]),
    index([storage(data=bytes(23))]),
    # Names: repeated, reserved, with what wrappers add.
    index(tensors=[tensor("a"), tensor("a")]),
    index(tensors=[tensor("__metadata__")]),
    index(tensors=[tensor("module.a"), tensor("module.module.b")]),
    index(tensors=[tensor("module._orig_mod.a"), tensor("module._fsdp_wrapped_module.b")]),
    index(tensors=[tensor("_orig_mod.a"), tensor("a")]),
    index(tensors=[tensor("_orig_mod"), tensor("x_y"), tensor("")]),
    index(tensors=[tensor("a\0b\n\"\\\u00e9\u20ac\U0001f600")]),
    # Places that are not there.
    index(tensors=[tensor(number=1)]),
    index(stream=[listed(number=7)]),
    index(stream=[listed(count=2**62)]),
    index()[:-1], index() + b"\0", b"", b"\x07",
    index(tensors=[tensor(flags=4)]),
    index(tensors=[tensor()[:-41]]),
    bytes([INDEX]) + text("module") + b"\2",
    bytes([INDEX]) + text("module") + b"\0" + struct.pack("<I", 10**9),
    bytes([INDEX]) + text("module") + b"\0" + listing([storage()]) + struct.pack("<I", 10**9),
    bytes([INDEX]) + text(b"\xff"),
    index(storages=[storage()[:-1] + b"\2"]),
    index(storages=[storage()[:-1] + struct.pack("<BQ", 1, 2**63)]),
    *(refusal(verdict, "it is \x1b[1m\u202e", "a\n\"b") for verdict in range(1, 7)),
    *(refusal(verdict) for verdict in range(1, 5)),
    refusal(CORRUPT, ""), refusal(CORRUPT) + b"x", refusal(LIMIT)[:-1],
]  # fmt: skip

# ---- pickles over a limit ----

PICKLES = [
    b"}" + b")" + b"\x85" * 2100 + b"Ns.",  # a key nested too deeply
    b"}" + b")" + b"\x85" * 4200 + b"Ns.",  # beyond what is counted
    b"}" + b")" + b"2\x86" * 40 + b"Ns.",  # a key of 2^40 tuples
    b"}" + b")" + b"2\x86" * 24 + b"Ns.",  # and one that takes longer than it may
    b"ca\nb\n]]Naa\x85R.",  # a call with pairs
    b"ca\nb\n](NN\x86]Na]e\x85R.",
    b"c" + b"x" * 1001 + b"\ny\n.", b"\x8c\1aU\xff" + b"x" * 255 + b"\x93.",
    b"I" + b"1" * 10000 + b"\n.", b"L" + b"1" * 10000 + b"L\n.", b"F" + b"1" * 10000 + b"\n.",
    b"(" + b"N" * 3000 + b"\x91.",
]  # fmt: skip

# ---- torch archives ----

PICKLE = b"\x80\x02}."
DATA = bytes(range(24))


def member(name, data=b"", **changes):
    return Member(b"r/" + name, data, **changes)


def blocks(strategy):
    """A deflate stream of several blocks, most of them with codes of their own."""
    text = b"".join(b"%x" % (i * i * 2654435761 % 2**32) + b"aaaaa"[: i % 6] for i in range(900))
    z = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, 4, strategy)
    return z.compress(text) + z.flush()


def without_crc(members):
    """The same as torch can leave it, so that their bytes may change."""
    for m in members:
        m.local["crc"] = m.central["crc"] = 0
    return members


def torch_members(pickle=PICKLE, version=b"3\n", byteorder=b"little", data=DATA, **changes):
    members = [member(b"data.pkl", pickle), member(b"data/0", data, **changes)]
    members += [member(b"version", version)] if version is not None else []
    return members + ([member(b"byteorder", byteorder)] if byteorder is not None else [])


def package_members(pickle=b"policy/model.pkl", version=b"6\n"):
    return [
        member(b".data/version", version),
        member(b".data/0.storage", DATA),
        member(b".data/extern_modules", b"sys\n"),
        member(pickle, PICKLE),
    ]


ARCHIVES = [
    torch_members(),
    without_crc(torch_members()),
    torch_members(byteorder=b"big"),
    torch_members(byteorder=None),
    torch_members(byteorder=b"middle"),
    torch_members(byteorder=b"x" * 65),
    torch_members(version=None),
    torch_members(version=b"11"),
    torch_members(version=b"0\n"),
    torch_members(version=b"three"),
    torch_members(version=b"3x"),
    torch_members(pickle=PICKLE + b"behind"),
    torch_members(pickle=b"\x80\x02("),
    torch_members(method=8),
    without_crc(torch_members(method=8)),
    torch_members(data=DATA[:-1]),
    torch_members(pickle=b"\x80\x02B" + struct.pack("<I", 17 << 10) + bytes(17 << 10) + b"."),
    torch_members()[:1] + torch_members()[2:],
    [*torch_members(), member(b"constants.pkl", PICKLE)],
    [*torch_members(), Member(b"s/other")],
    [*torch_members(), Member(b"other")],
    [Member(b"a" * 1020 + b"/data.pkl"[:4], b"x")],
    package_members(),
    package_members(b"policy_record/data.pkl"),
    package_members(b"another/data.pkl"),
    package_members(version=b"a lot"),
]
BROKEN_STORAGE = [
    archive(*torch_members(local={"crc": 1}, central={"crc": 1})),
    archive(*torch_members(method=8, local={"crc": 1}, central={"crc": 1})),
    archive(*torch_members(data=deflate(DATA)[:-2], local={"method": 8, "usize": 24},
                           central={"method": 8, "usize": 24})),
]  # fmt: skip
# Storages that an answer names as torch would not.
KEYS = ["0", "1", "", ".", "..", "a/b", "a\0", "\u00e9", "x" * 65, "A-z_9."]

# ---- torch streams ----

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = b"\x80\x02M\xe9\x03."
KEYS_PICKLE = b"\x80\x02]q\x00U\x010a."


def stream(data=struct.pack("<Q", 6) + DATA, version=VERSION, pickles=(PICKLE, PICKLE, KEYS_PICKLE)):
    return MAGIC + version + b"".join(pickles) + data


HEADS = [
    MAGIC,
    b"\x80\x03" + MAGIC[2:],
    b"\x80\x04\x95\x0d\0\0\0\0\0\0\0" + MAGIC[2:],
    b"\x80\x05\x95\x0d\0\0\0\0\0\0\0" + MAGIC[2:],
    b"L119547037146038801333356L\n.",
]
TAR = b"storages".ljust(257, b"\0") + b"ustar" + bytes(250)
NO_CHECKPOINTS = [
    b"", b"PYTORCH1" + bytes(8), struct.pack("<Q", 2) + b"{}", b"a text of some length\n",
    bytes(40), TAR, b"PK\3\4", b"\x89PNG", "\u00e9\u20ac".encode() * 20, b"(\xff", b"c\n", b"}N",
    b"\x80\x02N.behind", b"\xff\xfe",
]  # fmt: skip


def streams():
    for head in HEADS:
        yield head + stream()[len(MAGIC) :]
    yield stream() + b"behind"
    yield stream()[:-1]
    yield stream(data=struct.pack("<Q", 7) + DATA)
    yield stream(data=b"")
    yield stream(version=b"I1001\n.")
    yield stream(version=b"\x80\x02M\xea\x03.")
    yield stream(pickles=(PICKLE,))
    yield stream(pickles=(PICKLE, b"\xff"))
    yield stream(pickles=(b"\x80\x02(", PICKLE, PICKLE))


# ---- headers whose data need not be there ----


def with_data_of(nbytes, header):
    return struct.pack("<Q", nbytes) + header.encode()


def entry(name, dtype, shape, begin, end):
    sizes = ",".join(map(str, shape))
    return f'"{name}":{{"dtype":"{dtype}","shape":[{sizes}],"data_offsets":[{begin},{end}]}}'


HEADERS = [
    with_data_of(2**40, "{" + entry("w", "F32", (2**38,), 0, 2**40) + "}"),
    with_data_of(2**61, "{" + entry("w", "U8", (2**61 - 1,), 0, 2**61 - 1) + "}"),
    with_data_of(2**61 - 1, "{" + entry("w", "U8", (2**61 - 1,), 0, 2**61 - 1) + "}"),
    with_data_of(2**64 - 1, "{" + ",".join(
        entry(f"w{i}", "U8", (2**61 - 1,), i * (2**61 - 1), (i + 1) * (2**61 - 1))
        for i in range(8)) + "," + entry("x", "U8", (7,), 8 * (2**61 - 1), 2**64 - 1) + "}"),
    with_data_of(32, "{" + entry("b", "F32", (2, 2), 16, 32) + "," +
                 entry("a", "BF16", (2, 4), 0, 16) + '} '),
    with_data_of(0, '{"__metadata__":{"a":"\\u0041\\ud83d\\ude00"}}'),
    with_data_of(1, '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]'),
]  # fmt: skip

# ---- documents ----

SPECS = [
    {"class_path": "C"}, {}, {"class_path": 1}, {"class_path": ""}, {"class_path": None},
    *({"class_path": "C", "data_path": path, "setup_script": path + ".py"} for path in (
        "w", "./a//b/./c", "a/", "...", "a/~", "", ".", "./", "/a", "~/a", "..", "a/../b",
        "a/..", "..a", "a/..b", "./~/a", ".//~")),
    {"class_path": "C", "setup_script": "x.sh"}, {"class_path": "C", "setup_script": ".py"},
    {"class_path": "C", "setup_script": []}, {"class_path": "C", "data_path": {}},
    {"class_path": "C", "init_kwargs": []}, {"class_path": "C", "init_kwargs": None},
    {"class_path": "C", "init_kwargs": {"architecture_spec": "p.C(1)"}},
    {"class_path": "C", "init_kwargs": {"architecture_spec": "p.C(a='\u00e9\\n')"}},
    {"class_path": "C", "more": 1, "others": 2, "init_kwargs": {"device": "cuda"}},
    {"class_path": "mettagrid.policy.mpt_policy.MptPolicy",
     "init_kwargs": {"checkpoint_uri": "s3://b/r:v5.mpt"}},
    {"class_path": "mettagrid.policy.mpt_policy.MptPolicy"},
    *({"class_path": "metta.agent.policy.CheckpointPolicy", **fields} for fields in (
        {}, {"data_path": "w"}, {"data_path": "w", "init_kwargs": {}},
        {"data_path": "w", "init_kwargs": {"architecture_spec": 7}},
        {"data_path": None, "init_kwargs": {"architecture_spec": "p.C"}},
        {"data_path": "w", "init_kwargs": {"architecture_spec": "p.C"}, "setup_script": "s.py"})),
]  # fmt: skip

JSON = [
    b"\xff" * 8, b"\x01\x01\x01\x01\x01\x01\xf0\x7f", b"-1.25e-30", b"nan",
    b'{"text":"\\u0000"}', b"\x7f\xc2\x80\xe2\x80\xa8\xe2\x80\xa9\xff\xf0\x9f\x98\x80\"\\\b",
    b"[true,false,null,0,-1,1.5,1e300,9007199254740991,9007199254740992]",
    b'{"a":{"b":[{"c":{}},[]]},"":"\\ud83d\\ude00"}', b"[" * 128 + b"]" * 128,
]  # fmt: skip


ARCHITECTURES = [
    b"p.C(a='x\\\r\ny', b=b'\\\xc3\xa9', ab=1, aa=2, a_=3)",
    *(b"p.C(a=" + bracket * 65 for bracket in (b"(", b"{", b"[")),
    b"p.C(a=" + b"[" * 63 + b"set()",
]  # fmt: skip


def with_answers(files):
    """Each file with the first answer, and the first file with each."""
    for number, data in enumerate(files):
        answers = ANSWERS if number == 0 else ANSWERS[:1]
        yield from (data + MARK + answer for answer in answers)


def torch_archives():
    files = [archive(*members) for members in ARCHIVES] + BROKEN_STORAGE
    yield from with_answers(files)
    large = torch_members(data=bytes(24 << 10), method=8)
    yield archive(*large) + MARK + index([storage(count=6 << 10)])
    for key in KEYS:
        yield files[0] + MARK + index([storage(key)])
    for verdict in range(7):
        yield files[0] + MARK + refusal(verdict)
    for cls, dtype in (("ComplexFloatStorage", ""), ("ShortStorage", ""), ("UntypedStorage", "int64")):
        big = archive(*torch_members(byteorder=b"big"))
        count = 24 // {"ComplexFloatStorage": 8, "ShortStorage": 2}.get(cls, 1)
        view = tensor(dtype=dtype, sizes=(3,), strides=(1,), flags=2)
        yield big + MARK + index([storage("0", cls, count)], [view])
    yield files[0]


def numbered_streams():
    """Two storages by their addresses, which the answers have numbers for."""
    addresses = "93937264646112", "139912345678912"
    texts = [b"X" + text(address) for address in addresses]
    used, keys = (b"\x80\x02](" + b"".join(order) + b"e." for order in (texts, texts[::-1]))
    counted = struct.pack("<Q", 6) + DATA
    file = stream(2 * counted, pickles=(PICKLE, used, keys)) + MARK
    first, second = "0".zfill(14), "1".zfill(15)
    storages = [storage(first), storage(second)]
    places = [listed(second, number=1), listed(first)]
    yield file + index(storages, stream=places)
    yield file + index(storages, stream=places[:1])
    yield file + index(storages, stream=[places[0], places[0]])
    yield file + index(storages, stream=[places[0], listed("w")])
    yield file + index(storages[:1], stream=places, notes=[first])
    yield file + index(storages[:1], stream=places, names=["m " + first])
    yield file + index([storage(addresses[0])], stream=places)
    yield file + index(storages, [tensor(first)], places)
    yield file + refusal(CORRUPT, first)
    yield file + bytes([200])
    yield stream(counted, pickles=(PICKLE, used, b"\x80\x02](" + 2 * texts[0] + b"e.")) + MARK


def torch_streams():
    yield from numbered_streams()
    answer = index(stream=[listed()])
    yield from (data + MARK + answer for data in [*streams(), *NO_CHECKPOINTS])
    for other in ANSWERS:
        yield stream() + MARK + other
        yield PICKLE + MARK + other
    for places in ([], [listed("0", 6, 4, NO_STORAGE)], [listed("1"), listed()], [listed(item=8)]):
        yield stream() + MARK + index(stream=places)
    two = [storage(), storage("1", "LongStorage", 1)]
    views = [tensor(), tensor("x", 1, sizes=(1,), strides=(1,))]
    data = struct.pack("<Q", 1) + bytes(8) + struct.pack("<Q", 6) + DATA
    yield stream(data) + MARK + index(two, views, [listed("1", 1, 8, 1), listed()])
    yield PICKLE + MARK + index([storage(data=DATA)])
    yield PICKLE + MARK + index([storage(count=17 << 8, data=bytes(17 << 10))])
    yield PICKLE + MARK + index([storage(count=0)], [tensor(sizes=(0,), strides=(1,))])
    long = b"\x80\x02(" + b"N" * (17 << 10)
    yield long + b"t." + MARK + index()
    yield stream(pickles=(long, PICKLE, PICKLE)) + MARK + index()
    yield archive(*torch_members()) + MARK + index()


# ---- lines of the journal ----

DIGEST = "0123456789abcdef" * 4
RECORD = {
    "source": "run/checkpoints/run:v1.mpt", "size": 735, "mtime": "1700000000.000000001",
    "time": "2026-01-02T03:04:05.678Z", "status": "converted", "options": DIGEST,
    "bundle": "run/checkpoints/run:v1", "era": "mpt zip", "run": "run", "epoch": 1,
    "architecture": "--architecture", "substitute_sha256": DIGEST, "tensors": 7, "bytes": 823, "spec_bytes": 200,
    "spec_sha256": DIGEST, "weights_bytes": 623, "weights_sha256": DIGEST, "bundle_etag": DIGEST[:32] + "-7",
    "crc32": [["w", "89abcdef"]], "reason": None, "notes": ["a note"], "repairs": [],
}
EVENTS = [
    {"event": "begin", "time": "t", "shard": 1, "shards": 4, "sources": 9},
    {"event": "end", "time": "t", "not_begun": 0},
    {"event": "other", "time": "t", "not_begun": 1},
    {"event": 1, "time": "t"},
    {"event": "begin", "time": "t", "shard": -1, "shards": 4, "sources": 9},
]


def journal_lines():
    yield from EVENTS
    for status in ("converted", "kept", "skipped", "failed", "same", ""):
        yield {**RECORD, "status": status}
    for key in RECORD:
        yield {name: value for name, value in RECORD.items() if name != key}
        yield {**RECORD, key: [] if isinstance(RECORD[key], str) else "x"}
    for key in ("source", "bundle"):
        for digits in ("ff002e", "FF", "0g", "6", 7):
            yield {**RECORD, f"{key}_hex": digits}
    yield {**RECORD, "reason": "it is broken", "status": "failed"}
    yield {**RECORD, "spec_sha256": DIGEST[1:]}
    yield {**RECORD, "bundle_etag": "x" * 96}
    yield [RECORD]


# ---- names of checkpoints ----

ID = b"01234567-89ab-cdef-0123-456789abcdef"
URIS = [
    b"", b"run:v5", b"/a/b:v1.zip", b"~/a", b"runs//:latest", b":latest", b"a:latest:latest",
    b"\xff?#\n", b"3d://x", b"file://", b"file://a%3Ab/c", b"file:///a%2F%2f:latest",
    b"file:///a%", b"file:///%4", b"file:///%00", b"file:///%e2%82%ac", b"file:///a?b",
    b"file:///a#b", b"file:///a\x7f", b"FILE:///a", b"gs://bucket/key", b"s3://bucket/a b/%41:v1.zip",
    b"s3://bucket/a/:latest", b"s3://bucket", b"s3://bucket/", b"s3://ab/c", b"s3://-ab/c",
    b"s3://a@b/c", b"s3://bucket/\xff", b"s3://bucket/" + b"k" * 1025, b"s3://" + b"b" * 64 + b"/k",
    b"https://bucket.s3.amazonaws.com/a%3Av1.zip", b"http://bucket.s3.eu-west-1.amazonaws.com/k",
    b"https://bucket.s3..amazonaws.com/k", b"https://bucket.s3.a.b.amazonaws.com/k",
    b"https://example.com/k", b"https://bucket.s3x.amazonaws.com/k", b"https://buc.amazonaws.com/k",
    b"https://bucket.s3.amazonaws.com/k%3Alatest", b"https://bucket.s3.amazonaws.com/k?X=1",
    b"https://.s3.amazonaws.com/k", b"mock://", b"mock://a.b.C", b"mock://a..b", b"mock://a/b",
    b"metta://policy/nav", b"metta://policy/nav:v007", b"metta://policy/nav:latest",
    b"metta://policy/a:v1:v2", b"metta://policy/..", b"metta://policy/.", b"metta://policy/a/b",
    b"metta://policy/", b"metta://run/a", b"metta://policy/\xc3", b"metta://policy/a?b=1",
    b"metta://policy/" + ID, b"metta://policy/" + ID[:-1] + b"g",
    b"metta://policy/a:v18446744073709551615", b"metta://policy/a:v18446744073709551616",
    b"a" * 16385,
]  # fmt: skip
POLICIES = [
    b" , ", b"class=lstm", b"class=a.b.C, data=w ,proportion=.25,kw.a-b=1,kw.c=", b"class=a,class=b",
    b"class=", b"class=a,data=", b"class=a,data=b,data=c", b"class=a,b", b"class=a,x=1", b"data=x",
    b"class=a,kw.=1", b"class=a,kw.a-b=1,kw.a_b=2", b"a:v1 , proportion=1e-3", b"a:v1,data=b",
    b"a:v1,proportion=nan", b"a:v1,proportion=1,proportion=1", b"a,b", b"class=" + b"a" * 65536,
    b"class=a\0kw.b",
]  # fmt: skip


# ---- settings of the AWS tools ----

PROFILES = [
    b"", b"\n", b"[", b"[]", b"[ default ]\r\n\ta=b", b"[default]\na=\n\n b\n\n c=d\ne=f",
    b"[default]\n  a=\n b=\n   c", b"[default]\na=b\n\n c", b"[profile a b]\n=", b"[profile]\n:",
    b"[profile 'a b']\nA:B:C=D", b"[profile \"a b']\nx=y", b"[profile \"]\na=b", b"[a b]\na=b",
    b"[profiledefault]\na", b"[profile\tdefault]#]\na=\x7f", b"[default]]", b"\xef\xbb\xbf[default]",
    b"[default]\n\xff=\xff\n\xff = ", b"[default]\na b = c d\nA  B: e", b"  # a\n  [default]\n  a=b",
    b"[default]\n" + b"".join(b"k%d=\n" % i for i in range(1001)),
]  # fmt: skip


# ---- what S3 answers ----


def s3_object(key, size="12", time="2024-05-01T12:34:56.789Z", etag="&quot;0af1-2&quot;"):
    return (
        f"<Contents><Key>{key}</Key><LastModified>{time}</LastModified><ETag>{etag}</ETag>"
        f"<Size>{size}</Size></Contents>"
    )


def s3_page(*inside, last="<IsTruncated>false</IsTruncated>"):
    return f"<ListBucketResult>{last}{''.join(inside)}</ListBucketResult>"


def error_answer(code, more=""):
    return f"<Error><Code>{code}</Code><Message>It &lt;failed&gt;</Message>{more}</Error>"


def begun(upload_id):
    root = "InitiateMultipartUploadResult"
    return f"<{root}><Bucket>b</Bucket><UploadId>{upload_id}</UploadId></{root}>"


def completed(etag):
    root = "CompleteMultipartUploadResult"
    return f"<{root}><Location>x</Location><ETag>{etag}</ETag></{root}>"


S3_MORE = "<IsTruncated>true</IsTruncated>"
S3_TOKEN = "<NextContinuationToken>{}</NextContinuationToken>"
S3_CODED = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
S3_HEADERS = (
    "Content-Length: 12\0Last-Modified: Wed, 01 May 2024 12:34:56 GMT\0"
    'ETag: "0123456789abcdef0123456789abcdef"\0'
)
S3_ANSWERS = [
    s3_page(), s3_page(s3_object("a")), s3_page(s3_object("a/b"), s3_object("a/c:v1.zip")),
    s3_page(s3_object("b"), s3_object("a")), s3_page(s3_object("a"), s3_object("a")),
    s3_page(s3_object("a/b/c")), s3_page(s3_object("a+b%2Fc%0a"), last=S3_CODED),
    s3_page(s3_object("a%4"), last=S3_CODED), s3_page(s3_object("%ff"), last=S3_CODED),
    s3_page(s3_object("%00"), last=S3_CODED), s3_page(s3_object("é&amp;&#x1f600;")),
    s3_page(last=S3_CODED.replace("url", "none")), s3_page(last=S3_MORE),
    s3_page(last=S3_MORE + S3_TOKEN.format("")),
    s3_page(s3_object("a"), last=S3_MORE + S3_TOKEN.format("1/x+=")), s3_page(last=S3_TOKEN.format("a") * 2),
    s3_page(last=""), s3_page(last="<IsTruncated>x</IsTruncated>"),
    s3_page(last=S3_TOKEN.format("a") + S3_CODED), s3_page("<Contents/>"),
    s3_page("<Contents><Key>a</Key><Key>b</Key></Contents>"),
    s3_page("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>"),
    *(s3_page(s3_object("a", size)) for size in ("", "x", "-1", "9" * 19, "9" * 20)),
    *(s3_page(s3_object("a", time=time)) for time in (
        "", "2024-05-01T12:34:56Z", "2024-13-01T12:34:56Z", "2024-02-30T12:34:56Z",
        "1969-05-01T12:34:56Z", "2024-05-01T12:34:56.123456789123Z", "2024-05-01T12:34:56+01:00",
    )),
    *(s3_page(s3_object("a", etag=etag)) for etag in ("", "a", '"a"', "a b", "a" * 95, "a" * 96)),
    error_answer("NoSuchKey"), error_answer("a" * 70), error_answer("", "<Region>eu-west-1</Region>"),
    error_answer("Malformed", "<Region>" + "r" * 80 + "</Region>"), "<Error/>", "<Error>a<b/>c</Error>",
    begun("a/b+"), begun(""), begun("i" * 1023), begun("i" * 2000), completed("&quot;a-2&quot;"),
    completed(""), completed("a" * 200), completed("a b"), "", "<", "<a>" * 17 + "</a>" * 17, "<a:b/>",
    "<" + "a" * 600 + "/>", "<a>" + "b" * 16385 + "</a>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    "<?xml version='1.0' encoding='UTF-16'?><a/>", "<Error><Code><![CDATA[a<b]]></Code></Error>",
    "Wed, 01 May 2024 12:34:56 GMT", "Wed, 01 Xxx 2024 12:34:56 GMT", "We, 01 May 2024 12:34:56 GMT",
    "2024-05-01T12:34:56.000Z", '"0123456789abcdef0123456789abcdef"', "12345",
    S3_HEADERS, S3_HEADERS.replace('"', ""), S3_HEADERS.replace("1", "x"), S3_HEADERS[20:],
    S3_HEADERS + "x-amz-server-side-encryption: aws:kms\0",
]  # fmt: skip


def seeds():
    """(target, seed) of all of them."""
    for target, of in (
        ("answer", ANSWERS),
        ("torch_archive", torch_archives()),
        ("torch_stream", torch_streams()),
        ("safetensors", HEADERS),
        ("pickle", PICKLES),
        ("json", JSON),
        ("architecture", ARCHITECTURES),
        ("uri", [*URIS, *POLICIES]),
        ("profile", PROFILES),
        ("s3_xml", [text.encode() for text in S3_ANSWERS]),
    ):
        yield from ((target, data) for data in of)
    for line in journal_lines():
        yield "record", json.dumps(line).encode()
    for spec in SPECS:
        yield "policy_spec", json.dumps(spec).encode()
    yield "policy_spec", b"[]"
    yield "policy_spec", b'{"class_path":"C"} x'
    squeezed = deflate(bytes(132_000))
    for packed in squeezed[:-90] + b"\xff" * 90, deflate(bytes(132_001)), deflate(bytes(131_999)):
        yield "zip", archive(Member(b"a", bytes(132_000), method=8, packed=packed))
    for strategy in zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE:
        yield "zip", blocks(strategy)
    yield "zip", archive(*without_crc([Member(b"a", zlib.compress(DATA)), Member(b"b/")]))
