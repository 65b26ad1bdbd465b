"""Zip archives field by field, so that a test can get any one of them wrong.

A member and an archive are written as a sound writer would; `local`, `central`, `end` and
so on replace single fields by their names below.
"""

import struct
import zlib
from dataclasses import dataclass, field

LOCAL = (
    "<IHHHHHIIIHH",
    "magic version flags method time date crc csize usize name_len extra_len",
)
CENTRAL = (
    "<IHHHHHHIIIHHHHHII",
    "magic made_by version flags method time date crc csize usize name_len extra_len "
    "comment_len disk internal attributes offset",
)
END = ("<IHHHHIIH", "magic disk directory_disk here count size offset comment_len")
END64 = ("<IQHHIIQQQQ", "magic rest made_by version disk directory_disk here count size offset")
LOCATOR = ("<IIQI", "magic disk offset disks")
ONES = 0xFFFFFFFF
DESCRIPTOR, UTF8 = 0x0008, 0x0800


def record(layout, values):
    """The bytes of one record; fields that are not given are 0."""
    form, names = layout
    unknown = values.keys() - set(names.split())
    assert not unknown, unknown
    return struct.pack(form, *(values.get(name, 0) for name in names.split()))


def block(number, data=b""):
    """One extra field."""
    return struct.pack("<HH", number, len(data)) + data


def zip64_block(*sizes):
    return block(1, struct.pack(f"<{len(sizes)}Q", *sizes))


def stored_blocks(data):
    """A deflate stream that compresses nothing: the same bytes whatever zlib is there."""
    size = len(data)
    assert size < 1 << 16
    return struct.pack("<BHH", 1, size, size ^ 0xFFFF) + data


def deflate(data):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(data) + squeeze.flush()


def number_bits(value, count):
    """Lowest first, as deflate has all numbers."""
    return [value >> i & 1 for i in range(count)]


def code_bits(code, count):
    """Highest first, as deflate has the codes."""
    return number_bits(code, count)[::-1]


def incomplete_deflate(data):
    """A deflate stream that says what it means, but zlib refuses it: each byte, and the
    end, is a code of nine bits, and 257 of 512 such codes do not use all bits up."""
    bits = [1, 0, 1]        # the last block; it brings its codes along
    # 257 codes for bytes and the end, one for distances, 18 for the lengths of all these.
    bits += number_bits(0, 5) + number_bits(0, 5) + number_bits(18 - 4, 4)
    # The length 9, which is the seventh, is written as 1, and the length 1 as 0.
    for place in range(18):
        bits += number_bits(int(place in (6, 17)), 3)
    bits += [1] * 257 + [0]
    for symbol in [*data, 256]:
        bits += code_bits(symbol, 9)
    bits += [0] * (-len(bits) % 8)
    number = sum(bit << i for i, bit in enumerate(bits))
    return number.to_bytes(len(bits) // 8, "little")


@dataclass
class Member:
    """One member.  Fields set to something else than None replace what would be right;
    packed is what stands in the archive for the data."""

    name: bytes
    data: bytes = b""
    method: int = 0
    flags: int = 0
    packed: bytes | None = None
    local: dict = field(default_factory=dict)
    central: dict = field(default_factory=dict)
    local_name: bytes | None = None
    local_extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    descriptor: bytes | None = None
    behind: bytes = b""

    def stored(self):
        if self.packed is not None:
            return self.packed
        return deflate(self.data) if self.method == 8 else self.data

    def truth(self):
        return {
            "version": 20,
            "flags": self.flags,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "csize": len(self.stored()),
            "usize": len(self.data),
            "name_len": len(self.name),
        }

    def local_bytes(self):
        truth = self.truth()
        name = self.name if self.local_name is None else self.local_name
        fields = {"magic": 0x04034B50, **truth, "name_len": len(name)}
        descriptor = b""
        if self.flags & DESCRIPTOR:
            fields |= {"crc": 0, "csize": 0, "usize": 0}
            sizes = [truth[key] for key in ("crc", "csize", "usize")]
            descriptor = struct.pack("<IIII", 0x08074B50, *sizes)
        if self.descriptor is not None:
            descriptor = self.descriptor
        fields |= {"extra_len": len(self.local_extra), **self.local}
        head = record(LOCAL, fields) + name + self.local_extra
        return head + self.stored() + descriptor + self.behind

    def central_bytes(self, offset):
        fields = {"magic": 0x02014B50, **self.truth(), "offset": offset, "made_by": 0x0314}
        fields |= {"extra_len": len(self.central_extra), "comment_len": len(self.comment)}
        head = record(CENTRAL, fields | self.central)
        return head + self.name + self.central_extra + self.comment


def archive(
    *members,
    end=None,
    end64=None,
    locator=None,
    comment=b"",
    before=b"",
    gap=b"",
    inside=b"",
    behind=b"",
    order=None,
):
    """An archive.  end64 or locator, also if empty, ask for zip64 records.

    before, gap, inside and behind are bytes that stand in front of all, between data and
    directory, at the directory's end as a part of it, and behind all.
    """
    out, offsets = before, []
    for member in members:
        offsets.append(len(out))
        out += member.local_bytes()
    out += gap
    truth = {"here": len(members), "count": len(members), "offset": len(out)}
    for i in order or range(len(members)):
        out += members[i].central_bytes(offsets[i])
    out += inside
    truth["size"] = len(out) - truth["offset"]
    if end64 is not None or locator is not None:
        at = len(out)
        fields = {"magic": 0x06064B50, "rest": 44, "made_by": 45, "version": 45}
        out += record(END64, fields | truth | (end64 or {}))
        fields = {"magic": 0x07064B50, "offset": at, "disks": 1}
        out += record(LOCATOR, fields | (locator or {}))
    truth = {key: min(n, 0xFFFF if key in ("here", "count") else ONES) for key, n in truth.items()}
    fields = {"magic": 0x06054B50, "comment_len": len(comment)}
    return out + record(END, fields | truth | (end or {})) + comment + behind
