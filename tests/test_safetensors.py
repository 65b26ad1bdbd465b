"""The strict safetensors reader and the header writer against the reference package.

What we accept, the package accepts with the same tensors.  What only the package accepts
is refused by one of the rules below, which formats/safetensors.h names.
"""

import ctypes
import json
import math
import os
import random
import re
import struct

import pytest
import torch
from judge import MUTATIONS, judge, mutants

safetensors = pytest.importorskip("safetensors")

# Many more mutants than of the other formats: they are cheap on both sides.
HEADERS = int(os.environ.get("MPT_HEADER_MUTATIONS", 5 * MUTATIONS))

# In the order of the format: name, bits, what the package calls it when it writes.
DTYPES = [
    ("BOOL", 8, "bool"),
    ("F4", 4, "float4_e2m1fn_x2"),
    ("F6_E2M3", 6, None),
    ("F6_E3M2", 6, None),
    ("U8", 8, "uint8"),
    ("I8", 8, "int8"),
    ("F8_E5M2", 8, "float8_e5m2"),
    ("F8_E4M3", 8, "float8_e4m3fn"),
    ("F8_E8M0", 8, "float8_e8m0fnu"),
    ("F8_E4M3FNUZ", 8, "float8_e4m3fnuz"),
    ("F8_E5M2FNUZ", 8, "float8_e5m2fnuz"),
    ("I16", 16, "int16"),
    ("U16", 16, "uint16"),
    ("F16", 16, "float16"),
    ("BF16", 16, "bfloat16"),
    ("I32", 32, "int32"),
    ("U32", 32, "uint32"),
    ("F32", 32, "float32"),
    ("C64", 64, "complex64"),
    ("F64", 64, "float64"),
    ("I64", 64, "int64"),
    ("U64", 64, "uint64"),
]
WRITABLE = [row for row in DTYPES if row[2]]


def file_of(header, data=b"", pad=False):
    """A file of this header, a text or bytes, and data."""
    header = header.encode() if isinstance(header, str) else header
    if pad:
        header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


def reference_reads(data):
    """{name: (dtype, shape, data)}, or None."""
    try:
        tensors = safetensors.deserialize(data)
    except (safetensors.SafetensorError, ValueError, OverflowError):
        return None
    return {name: (t["dtype"], t["shape"], bytes(t["data"])) for name, t in tensors}


def our_tensors(data, answer):
    """The same, of what the driver says."""
    (length,) = struct.unpack_from("<Q", data)
    body = data[8 + length :]
    tensors = {}
    for row in answer.split():
        key, dtype, shape, begin, end = row.decode().split(":")
        sizes = [int(size) for size in shape.split(",") if size]
        name = bytes.fromhex(key).decode()
        assert name not in tensors
        tensors[name] = (dtype, sizes, body[int(begin) : int(end)])
    return tensors


class Pairs(list):
    """A JSON object with all its members."""


def header_of(data):
    """The header as a tree in which objects keep members that stand twice."""
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length], object_pairs_hook=Pairs)


def entries(data):
    return [entry for name, entry in header_of(data) if name != "__metadata__"]


def metadata(data):
    return [entry for name, entry in header_of(data) if name == "__metadata__"]


def some_entry(holds):
    return lambda data: any(holds(entry) for entry in entries(data))


def stands_twice(data):
    names = [name for name, _ in header_of(data)]
    return len(set(names)) < len(names)


def has_unknown_field(entry):
    return isinstance(entry, Pairs) and any(
        name not in ("dtype", "shape", "data_offsets") for name, _ in entry
    )


# A part of our reason, and whether the file breaks the rule it names.
OUR_RULES = {
    "the first byte is not '{'": lambda data: data[8:9] in (b" ", b"\t", b"\r", b"\n"),
    "bytes other than blanks behind": lambda data: re.search(
        rb"\}\s*[\t\r\n]\s*$", data[8 : 8 + struct.unpack_from("<Q", data)[0]]
    ),
    "stands twice": stands_twice,
    "unknown field": some_entry(has_unknown_field),
    "0x5b where '{' should stand": some_entry(lambda entry: not isinstance(entry, Pairs)),
    "0x6e where '{' should stand": lambda data: None in metadata(data),
    "over 4096 sizes": some_entry(
        lambda entry: any(len(v) > 4096 for k, v in entry if k == "shape")
    ),
}  # fmt: skip


def rule_of(data, answer):
    """The rule of ours that an answer names and the file breaks, or None."""
    kind, _, text = answer.decode().partition(" ")
    if kind != "unsafe":
        return None
    for part, breaks in OUR_RULES.items():
        if part in text and breaks(data):
            return part
    return None


def compare(files):
    both, ruled = 0, {}
    for data, (accepted, answer) in zip(files, judge("safetensors_check", files)):
        reference = reference_reads(data)
        if accepted:
            assert reference is not None, (data, answer)
            assert our_tensors(data, answer) == reference, data
            both += 1
        elif reference is not None:
            rule = rule_of(data, answer)
            assert rule, (data, answer)
            ruled[rule] = ruled.get(rule, 0) + 1
    return both, ruled


def entry(dtype="U8", shape="[2]", offsets="[0,2]"):
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


def offset_of(number):
    """Where a dtype's tensor of 8 elements begins, behind those of the dtypes before it."""
    return sum(bits for _, bits, _ in DTYPES[:number])


W = f'"w":{entry()}'

ACCEPTED = {
    "no tensors": file_of("{}"),
    "no tensors, padded": file_of("{}", pad=True),
    "one": file_of(f"{{{W}}}", b"ab", pad=True),
    "not aligned": file_of(f"{{{W}}}", b"ab"),
    "0-dim": file_of(f'{{"s":{entry("F64", "[]", "[0,8]")}}}', bytes(8), pad=True),
    "white space": file_of(' {"a" :\t[ ] }'.replace("[ ]", entry()).strip(), b"ab"),
    "white space everywhere": file_of(
        '{\n"a" : {\r\n\t"data_offsets" : [ 0 , 2 ] , "shape" : [ 2 ] , "dtype" : "U8" } } ', b"ab"
    ),
    "tensors in any order": file_of(f'{{"b":{entry("U8", "[1]", "[2,3]")},{W}}}', b"abc"),
    "metadata": file_of(f'{{"__metadata__":{{"format":"pt","a":"b"}},{W}}}', b"ab"),
    "metadata last": file_of(f'{{{W},"__metadata__":{{}}}}', b"ab"),
    "metadata, a key twice": file_of(f'{{{W},"__metadata__":{{"a":"1","a":"2"}}}}', b"ab"),
    "metadata by escapes": file_of(f'{{{W},"\\u005f_metadata__":{{}}}}', b"ab"),
    "empty tensors": file_of(
        f'{{"a":{entry("F32", "[0,3]", "[0,0]")},"b":{entry("F32", "[3,0]", "[0,0]")},{W},'
        f'"c":{entry("I8", "[0]", "[2,2]")}}}', b"ab"),
    "huge sizes behind 0": file_of(f'{{"a":{entry("U8", f"[0,{2**64 - 1}]", "[0,0]")}}}'),
    "parts of a byte": file_of(
        f'{{"a":{entry("F4", "[6]", "[0,3]")},"b":{entry("F6_E2M3", "[4]", "[3,6]")},'
        f'"c":{entry("F6_E3M2", "[2,2]", "[6,9]")}}}', bytes(9)),
    "every dtype": file_of(
        "{" + ",".join(
            f'"{name}":{entry(name, "[8]", f"[{offset_of(i)},{offset_of(i + 1)}]")}'
            for i, (name, _, _) in enumerate(DTYPES)
        ) + "}", bytes(offset_of(len(DTYPES)))),
    "names": file_of(
        "{" + ",".join(
            f'{name}:{entry("U8", "[1]", f"[{i},{i + 1}]")}' for i, name in enumerate([
                '""', '"\\u0000"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\ud83d\\ude00"', '"\x7f"',
                '"\u00e9\u20ac\U0001f601\u2028\uffff"', '"../../etc/passwd"', '"\\u00E9"'])
        ) + "}", bytes(8)),
    "bool bytes": file_of(f'{{"a":{entry("BOOL")}}}', b"\x07\xff"),
    "100 dimensions": file_of(f'{{"a":{entry("U8", str([1] * 99 + [2]))}}}', b"ab"),
}  # fmt: skip

REFERENCE_ONLY = {
    "blank in front": file_of(f" {{{W}}}", b"ab"),
    "newline in front": file_of(f"\n{{{W}}}", b"ab"),
    "newline behind": file_of(f"{{{W}}} \n", b"ab"),
    "tab behind": file_of(f"{{{W}}}\t ", b"ab"),
    "name twice": file_of(f"{{{W},{W}}}", b"ab"),
    "name twice, the loser unsound": file_of(f'{{"w":{entry("U8", "[9]", "[5,1]")},{W}}}', b"ab"),
    "name twice by escapes": file_of(f'{{{W},"\\u0077":{entry()}}}', b"ab"),
    "unknown field": file_of(f'{{{W[:-1]},"note":[{{}}]}}}}', b"ab"),
    "tensor as an array": file_of('{"w":["U8",[2],[0,2]]}', b"ab"),
    "metadata is null": file_of(f'{{"__metadata__":null,{W}}}', b"ab"),
    "4097 dimensions": file_of(f'{{"a":{entry("U8", str([1] * 4096 + [2]))}}}', b"ab"),
}

REFUSED = {
    "nothing": b"",
    "7 bytes": bytes(7),
    "length 0": bytes(8),
    "length past the end": file_of("{}")[:-1],
    "length over the limit": struct.pack("<Q", 100_000_001) + b"{}",
    "length that wraps": struct.pack("<Q", 2**64 - 8) + b"{}",
    "padded with NUL": file_of("{}\0\0"),
    "byte order mark": file_of("\ufeff{}"),
    "not UTF-8": file_of(b'{"\xff":{}}'),
    "array": file_of("[]"),
    "null": file_of("null"),
    "two values": file_of("{}{}"),
    "comma at the end": file_of(f"{{{W},}}", b"ab"),
    "comment": file_of("{/**/}"),
    "control byte": file_of(f'{{"a\n":{entry()}}}', b"ab"),
    "lone surrogate": file_of(f'{{"\\ud800":{entry()}}}', b"ab"),
    "deep nesting": file_of('{"w":' + "[" * 200 + "]" * 200 + "}"),
    "metadata twice": file_of('{"__metadata__":{},"__metadata__":{}}'),
    "metadata of a number": file_of('{"__metadata__":{"a":1}}'),
    "metadata is an array": file_of('{"__metadata__":[]}'),
    "field twice": file_of(f'{{{W[:-1]},"dtype":"U8"}}}}', b"ab"),
    "field missing": file_of('{"w":{"dtype":"U8","shape":[2]}}', b"ab"),
    "unknown dtype": file_of(f'{{"w":{entry("U9")}}}', b"ab"),
    "dtype in small letters": file_of(f'{{"w":{entry("u8")}}}', b"ab"),
    "negative": file_of(f'{{"w":{entry("U8", "[-2]")}}}', b"ab"),
    "minus zero": file_of(f'{{"w":{entry("U8", "[-0]", "[0,0]")}}}'),
    "fraction": file_of(f'{{"w":{entry("U8", "[2.0]")}}}', b"ab"),
    "exponent": file_of(f'{{"w":{entry("U8", "[2e0]")}}}', b"ab"),
    "zero in front": file_of(f'{{"w":{entry("U8", "[02]")}}}', b"ab"),
    "string for a number": file_of(f"""{{"w":{entry("U8", '["2"]')}}}""", b"ab"),
    "2^64": file_of(f'{{"w":{entry("U8", f"[{2**64},0]", "[0,0]")}}}'),
    "product overflows": file_of(f'{{"w":{entry("U8", f"[{2**32},{2**32},0]", "[0,0]")}}}'),
    "bits overflow": file_of(f'{{"w":{entry("U8", f"[{2**61}]", f"[0,{2**61}]")}}}'),
    "half a byte": file_of(f'{{"w":{entry("F4", "[3]", "[0,2]")}}}', b"ab"),
    "one offset": file_of(f'{{"w":{entry("U8", "[2]", "[0]")}}}', b"ab"),
    "three offsets": file_of(f'{{"w":{entry("U8", "[2]", "[0,2,2]")}}}', b"ab"),
    "offsets reversed": file_of(f'{{"w":{entry("U8", "[2]", "[2,0]")}}}', b"ab"),
    "not from 0": file_of(f'{{"w":{entry("U8", "[2]", "[1,3]")}}}', b"abc"),
    "hole": file_of(f'{{{W},"x":{entry("U8", "[2]", "[3,5]")}}}', b"abcde"),
    "overlap": file_of(f'{{{W},"x":{entry("U8", "[2]", "[1,3]")}}}', b"abc"),
    "the same bytes twice": file_of(f'{{{W},"x":{entry()}}}', b"ab"),
    "size and shape differ": file_of(f'{{"w":{entry("U8", "[3]")}}}', b"ab"),
    "empty out of place": file_of(f'{{{W},"x":{entry("U8", "[0]", "[1,1]")}}}', b"ab"),
    "data missing": file_of(f"{{{W}}}", b"a"),
    "data left over": file_of(f"{{{W}}}", b"abc"),
    "data without tensors": file_of("{}", b"a"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_as_the_package_reads_it(name):
    assert compare([ACCEPTED[name]]) == (1, {})


@pytest.mark.parametrize("name", REFERENCE_ONLY)
def test_only_the_package_accepts(name):
    both, ruled = compare([REFERENCE_ONLY[name]])
    assert both == 0 and len(ruled) == 1


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(name):
    assert compare([REFUSED[name]]) == (0, {})


def test_the_package_writes_what_we_read():
    files = [random_file(random.Random(seed)) for seed in range(200)]
    assert compare(files) == (len(files), {})


def test_every_prefix():
    files = [data[:n] for data in ACCEPTED.values() for n in range(len(data))]
    assert compare(files) == (0, {})


def test_every_rule_is_shown():
    _, ruled = compare(list(REFERENCE_ONLY.values()))
    assert ruled.keys() == OUR_RULES.keys()


PIECES = [
    b'"dtype"', b'"shape"', b'"data_offsets"', b'"__metadata__":{},', b'"__metadata__":null,',
    b'"w"', W.encode() + b",", b'"x":' + entry("U8", "[0]", "[0,0]").encode() + b",",
    b'["U8",[2],[0,2]]', b'"note":[{"a":[1.5e3,null]}],', b'"U8"', b'"F4"', b'"F6_E2M3"', b'"F32"',
    b'"u8"', b"[0,2]", b"[2]", b"[]", b"{", b"}", b"[", b"]", b",", b":", b'"', b" ", b"\n", b"\t",
    b"\r", b"\0", b"\xff", b"\x7f", b"\\u0077", b"\\ud83d", b"\\ude00", b"\\", b"\\/", b"-", b"-0",
    b"0", b"00", b"1", b"2", b"3", b"8", b"1e2", b".0", b"9223372036854775807", b"null", b"true",
    b"18446744073709551615", b"18446744073709551616", b"\xc3\xa9", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b"/**/",
]  # fmt: skip


def header_mutants(count):
    """Files whose header is edited; half of them with its length put right again."""
    choose = random.Random(11)
    seeds = [data for data in [*ACCEPTED.values(), *REFERENCE_ONLY.values()] if len(data) < 2000]
    split = [(data[8:][: struct.unpack_from("<Q", data)[0]], data) for data in seeds]
    bodies = {}
    for header, data in split:
        bodies.setdefault(header, data[8 + len(header) :])
    for header in seeded_mutants(list(bodies), count, choose):
        text, original = header
        body = bodies[original]
        if choose.random() < 0.1:
            body = choose.choice((b"", body[:-1], body + b"x", bytes(choose.randrange(20))))
        data = file_of(text, body)
        if choose.random() < 0.02:
            data = struct.pack("<Q", choose.choice((len(text) + 1, 2, 2**63))) + data[8:]
        yield data


def seeded_mutants(headers, count, choose):
    for original in headers:
        for text in mutants([original], PIECES, count // len(headers), choose.random()):
            yield text, original


def test_mutants():
    both = 0
    ruled = {}
    files = list(header_mutants(HEADERS))
    for start in range(0, len(files), 20000):
        more, rules = compare(files[start : start + 20000])
        both += more
        for rule, count in rules.items():
            ruled[rule] = ruled.get(rule, 0) + count
    assert both > HEADERS / 40
    assert len(ruled) >= len(OUR_RULES) - 1, ruled  # 4097 sizes need more than luck


NAMES = ["a", "b", "c", "", "\\u0061", "\u00e9", "__metadata__x"]
ODD_SIZES = (3, 2**32, 2**61, 2**63, 2**64 - 1)


def random_header(choose):
    """A file that is sound, or has an odd size, offset, name or length now and then."""
    odd = choose.choice((0, 0, 0.05, 0.2))
    names = choose.choices(NAMES, k=choose.randrange(6))
    if not odd:
        names = {json.loads(f'"{name}"'): name for name in names}.values()
    end, rows = 0, []
    for name in names:
        dtype, bits, _ = choose.choice(DTYPES)
        shape = choose.choices((0, 1, 2, 4, 8), k=choose.randrange(4))
        if choose.random() < odd:
            shape.insert(choose.randrange(len(shape) + 1), choose.choice(ODD_SIZES))
        begin, end = end, (end + bits * math.prod(shape) // 8) % 2**64
        offsets = [begin, end]
        if choose.random() < odd:
            offsets[choose.randrange(2)] = choose.choice((0, 1, begin, end, end + 1, 2**64 - 1))
        rows.append((name, {"dtype": f'"{dtype}"', "shape": shape, "data_offsets": offsets}))
    choose.shuffle(rows)
    blank = choose.choice(("", "", " ", "\n"))
    members = []
    for name, fields in rows:
        fields = [f'{blank}"{key}"{blank}:{value}' for key, value in fields.items()]
        choose.shuffle(fields)
        members.append(f'{blank}"{name}":{{{",".join(fields)}{blank}}}')
    length = end if end < 10000 else 0
    if choose.random() < odd:
        length = max(length + choose.choice((-1, 1)), 0)
    return file_of("{" + ",".join(members) + "}" + " " * choose.randrange(9), bytes(length))


def test_random_headers():
    choose = random.Random(5)
    both, ruled = compare([random_header(choose) for _ in range(HEADERS // 4)])
    assert both > HEADERS / 20
    assert ruled.keys() == {"stands twice"}


# ---- mpt-validate ----

FLOATS = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E5M2": torch.float8_e5m2, "F8_E4M3": torch.float8_e4m3fn, "C64": torch.complex64,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz, "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "F8_E8M0": torch.float8_e8m0fnu,
}  # fmt: skip


def is_finite(dtype, data):
    if dtype not in FLOATS or not data:
        return True
    values = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(FLOATS[dtype])
    if values.is_complex():
        return bool(torch.isfinite(values).all())
    return bool(torch.isfinite(values.double()).all())


def with_random_values(choose, data):
    """Half of the files get other bytes behind the header."""
    (length,) = struct.unpack_from("<Q", data.ljust(8, b"\0"))
    if choose.random() < 0.5 or length > len(data):
        return data
    return data[: 8 + length] + choose.randbytes(max(0, len(data) - 8 - length))


def check_verdict(data, accepted, rules):
    """The rule 'weights' is the package's judgement; 'weights-strict' is ours alone."""
    reference = reference_reads(data)
    if "weights" in rules:
        assert not accepted and reference is None, (data, rules)
        return "both refuse"
    if "weights-strict" in rules:
        assert not accepted, (data, rules)
        return "only we refuse" if reference is not None else "both refuse"
    assert reference is not None, (data, rules)
    odd = [name for name, (dtype, _, raw) in reference.items() if not is_finite(dtype, raw)]
    assert rules.count("nonfinite") == len(odd) and accepted == (not odd), (data, rules)
    bools = any(raw.strip(b"\0\1") for dtype, _, raw in reference.values() if dtype == "BOOL")
    assert ("bool-bytes" in rules) == bools, (data, rules)
    return "not finite" if odd else "both accept"


def test_verdicts_of_the_validator():
    """100,000 files by default: mutants of headers, sound headers, any values."""
    choose = random.Random(17)
    files = [*ACCEPTED.values(), *REFERENCE_ONLY.values(), *REFUSED.values()]
    files += header_mutants(HEADERS * 3 // 4)
    files += [random_header(choose) for _ in range(HEADERS // 4)]
    files = [with_random_values(choose, data) for data in files]
    seen = dict.fromkeys(("both refuse", "only we refuse", "both accept", "not finite"), 0)
    for data, (accepted, rules) in zip(files, judge("validate_weights", files)):
        seen[check_verdict(data, accepted, rules.decode().split())] += 1
    assert len(files) > HEADERS * 0.9 and min(seen.values()) > HEADERS // 500, seen


# ---- the writer ----

ALPHABET = (
    [chr(n) for n in range(0x80)]
    + list("abc._0129" * 10)
    + ["\u0080", "\u00e9", "\u2028", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]
)


def random_tensors(choose):
    """{name: (dtype number, shape in torch elements)}"""
    tensors = {}
    for _ in range(choose.choice((0, 1, 2, 3, 5, 20))):
        name = "".join(choose.choices(ALPHABET, k=choose.choice((0, 1, 2, 5, 5, 12))))
        shape = [choose.choice((0, 1, 1, 2, 3, 7)) for _ in range(choose.randrange(4))]
        number = DTYPES.index(choose.choice(WRITABLE))
        if DTYPES[number][0] == "F4" and not shape:
            shape = [1]
        tensors[name] = (number, shape)
    return tensors


def nbytes(number, shape):
    size = 1 if DTYPES[number][0] == "F4" else DTYPES[number][1] // 8
    for n in shape:
        size *= n
    return size


def random_file(choose):
    """The package's file of a random dictionary."""
    return reference_writes(random_tensors(choose), choose)


def reference_writes(tensors, choose):
    buffers, specs = [], {}
    for name, (number, shape) in tensors.items():
        length = nbytes(number, shape)
        data = ctypes.create_string_buffer(choose.randbytes(length), max(length, 1))
        buffers.append(data)
        specs[name] = safetensors.TensorSpec(
            dtype=DTYPES[number][2],
            shape=shape,
            data_ptr=ctypes.addressof(data),
            data_len=length,
        )
    return safetensors.serialize(specs)


def coded(tensors):
    """A state dict as the driver takes it."""
    out = b""
    for name, (number, shape) in tensors.items():
        key = name.encode()
        packed = DTYPES[number][0] == "F4"
        out += struct.pack("<I", len(key)) + key + struct.pack("<BB", number, packed)
        out += struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return out


def test_headers_byte_for_byte():
    choose = random.Random(3)
    dictionaries = [random_tensors(choose) for _ in range(2000)]
    # Every dtype and every character of the alphabet at once, and one of many tensors.
    dictionaries.append({row[2]: (DTYPES.index(row), [2, 3]) for row in WRITABLE})
    dictionaries.append({c: (4, [1]) for c in ALPHABET})
    dictionaries.append({f"layer.{i}.weight": (17, [i % 3, 2]) for i in range(1000)})
    answers = judge("safetensors_print", [coded(tensors) for tensors in dictionaries])
    for tensors, (accepted, answer) in zip(dictionaries, answers):
        expected = reference_writes(tensors, choose)
        (length,) = struct.unpack_from("<Q", expected)
        assert accepted, answer
        assert answer == b"%d " % length + expected[8 : 8 + length]
