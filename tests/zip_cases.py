"""Archives made by hand: those that are accepted, and those on which readers differ.

The refused ones have one fault each, and with them stands what our reader says.
"""

import struct
import zlib

from zip_bytes import (
    DESCRIPTOR,
    ONES,
    UTF8,
    Member,
    archive,
    block,
    deflate,
    zip64_block,
)

A = Member(b"r/data.pkl", b"A" * 10)
B = Member(b"r/data.pkl", b"B" * 10)
V = Member(b"r/version", b"3\n")
LOCAL_A, LOCAL_V = 50, 41  # bytes of their local parts
CENTRAL_A, CENTRAL_V = 56, 55
DIRECTORY = LOCAL_A + LOCAL_V
END = DIRECTORY + CENTRAL_A + CENTRAL_V


def changed(member, **changes):
    return Member(**{**vars(member), **changes})


def streamed(*forms):
    """A member for each struct format of a descriptor, with or without its signature."""
    members = []
    for i, form in enumerate(forms):
        data = b"streamed %d" % i
        values = [0x08074B50, zlib.crc32(data), len(data), len(data)][4 - len(form[1:]) :]
        descriptor = struct.pack(form, *values)
        members.append(Member(b"r/%d" % i, data, flags=DESCRIPTOR, descriptor=descriptor))
    return members


BIG = {"csize": ONES, "usize": ONES}

ACCEPTED = {
    "two members": archive(A, V),
    "zip64 records without need": archive(A, V, end64={}),
    "zip64 records, all ones in the end record": archive(
        A, V, end64={}, end={"here": 0xFFFF, "count": 0xFFFF, "size": ONES, "offset": ONES}
    ),
    "a locator that counts no disks": archive(A, V, locator={"disks": 0}),
    "directory in another order": archive(A, V, order=[1, 0]),
    "descriptors of every length": archive(*streamed("<IIII", "<IIQQ", "<III", "<IQQ")),
    "comment": archive(A, V, comment=b"x" * 100),
    "long comment": archive(A, V, comment=b"x" * 5000),
    "longest comment": archive(A, V, comment=b"x" * 65535),
    "comment and zip64 records": archive(A, V, end64={}, comment=b"x" * 65535),
    "comment that is nearly a signature": archive(A, V, comment=b"PK\5\5" + b"\xff" * 18),
    "data that is an end record": archive(
        Member(b"r/x", b"PK\5\6" + bytes(18)), comment=b""
    ),
    "member comments and unknown extra fields": archive(
        changed(A, comment=b"note", central_extra=block(0x5455, b"12345"), local_extra=block(9)), V
    ),
    "malformed local extra field": archive(changed(A, local_extra=b"FB\x50\x00zz"), V),
    "malformed local zip64 field of torch": archive(
        changed(A, flags=DESCRIPTOR, local_extra=block(1, struct.pack("<Q", 1 << 33))), V
    ),
    "zip64 sizes without need": archive(
        changed(
            A,
            local=BIG,
            local_extra=block(9, b"x") + zip64_block(10, 10),
            central=BIG,
            central_extra=block(9, b"x") + zip64_block(10, 10),
        ),
        V,
    ),
    "zip64 offset without need": archive(
        A, changed(V, central={"offset": ONES}, central_extra=zip64_block(LOCAL_A))
    ),
    "zip64 size, size and offset": archive(
        A,
        changed(
            V,
            central={**BIG, "offset": ONES},
            central_extra=zip64_block(2, 2, LOCAL_A),
        ),
    ),
    "times, versions and attributes of a unix file": archive(
        changed(
            A,
            local={"time": 1, "date": 0xFFFF, "version": 99},
            central={"attributes": 0x81A40000, "version": 45, "made_by": 0x032D},
        ),
        V,
    ),
    "version of another system": archive(changed(A, central={"version": 0x032D}), V),
    "deflate levels differ": archive(
        changed(A, method=8, flags=6, local={"flags": 2}), V
    ),
    "every CRC left out": archive(
        changed(A, central={"crc": 0}, local={"crc": 0}),
        changed(V, central={"crc": 0}, local={"crc": 0}),
    ),
    "folder first": archive(Member(b"r/"), A, V),
    "folder with a deflate stream": archive(
        Member(b"r/", method=8, local={"csize": 0}), A, V
    ),
    "folder by its attributes": archive(Member(b"r/", central={"attributes": 0x41FD0010}), A, V),
    "folder and a member of a name that is near it": archive(Member(b"r/a/"), Member(b"r/a."), A),
    "a run of one letter": archive(Member(b"r:v1/data.pkl", b"x")),
    "names that differ by more than case": archive(
        *(Member(b"r/" + name, b"x") for name in (b"@", b"`", b"[", b"{"))
    ),
    "non-ASCII names that differ in case": archive(
        *(Member(f"r/{name}".encode(), b"x", flags=UTF8) for name in "\u00c9\u00e9")
    ),
    "non-ASCII names": archive(Member("m\u00f6del/\u65e5".encode(), b"x", flags=UTF8)),
    # What these are is for their reader to see, who looks names up exactly.
    "only capitals": archive(Member(b"r/DATA.PKL", b"A"), Member(b"r/VERSION", b"3\n")),
    "constants in capitals": archive(A, V, Member(b"r/CONSTANTS.PKL")),
    "deep root": archive(Member(b"a/b/data.pkl", b"A"), Member(b"a/b/version", b"3\n")),
    "two roots": archive(A, Member(b"s/data.pkl", b"B")),
}  # fmt: skip

WHOLE = archive(B, V)
NAMED = changed(A, name=b"r/other.pkl")

# Name: archive, kind, offset, a part of the reason.
REFUSED = {
    # end records
    "empty file": (b"", "truncated", 0, "needs 22 bytes, this has 0"),
    "a piece of an end record": (archive()[:21], "truncated", 0, "needs 22 bytes, this has 21"),
    "no end record": (archive(A, V)[:-22], "truncated", None, "no end record"),
    "only an end record": (archive(), "corrupt", 0, "an archive without members"),
    "cut by a byte": (archive(A, V)[:-1], "truncated", None, "no end record"),
    "a whole archive as the comment": (
        archive(A, V, comment=WHOLE), "corrupt", END + 22 + END,
        f"{END - DIRECTORY} bytes at {DIRECTORY} does not end at {END + 22 + END}"),
    "an end record of zeros as the comment": (
        archive(A, V, comment=b"PK\5\6" + bytes(18)), "corrupt", END + 22,
        f"0 bytes at 0 does not end at {END + 22}"),
    "an end record inside the comment": (
        archive(A, V, comment=b"x" * 9 + b"PK\5\6" + bytes(18) + b"y" * 9), "unsafe", END,
        "2 records could be the end record"),
    "an end record inside the comment that reaches past the end": (
        archive(A, V, comment=b"xy" + WHOLE[-22:-2] + b"\xff\xff"), "unsafe", END + 24,
        "another end record begins in the comment"),
    "a signature at the end of the comment": (
        archive(A, V, comment=b"xyPK\5\6"), "unsafe", END + 24,
        "another end record begins in the comment"),
    "1 byte behind": (
        archive(A, V, behind=b"x"), "unsafe", END + 22, "1 bytes behind the archive"),
    "100 bytes behind": (
        archive(A, V, behind=b"x" * 100), "unsafe", END + 22, "100 bytes behind the archive"),
    "bytes behind the comment": (
        archive(A, V, comment=b"xy", behind=b"z" * 7), "unsafe", END + 24,
        "7 bytes behind the archive"),
    "70000 bytes behind": (
        archive(A, V, behind=b"x" * 70000), "truncated", None, "in the last 65577 bytes"),
    "comment length too long": (
        archive(A, V, end={"comment_len": 5}), "truncated", None, "no end record"),
    "comment length too long for its comment": (
        archive(A, V, comment=b"xy", end={"comment_len": 3}), "truncated", None, "no end record"),
    "disk number": (
        archive(A, V, end={"disk": 1}), "unsupported", END, "an archive of several disks"),
    "disk of the directory": (
        archive(A, V, end={"directory_disk": 1}), "unsupported", END, "several disks"),
    "members on this disk": (
        archive(A, V, end={"here": 1}), "unsupported", END, "several disks"),
    "fewer members than there are": (
        archive(A, V, end={"here": 1, "count": 1}), "unsafe", DIRECTORY + CENTRAL_A,
        f"{CENTRAL_V} bytes of the directory belong to no member"),
    "no members, a full directory": (
        archive(A, V, end={"here": 0, "count": 0}), "corrupt", DIRECTORY,
        "an archive without members"),
    "more members than there are": (
        archive(A, changed(V, comment=b"x" * 46), end={"here": 3, "count": 3}), "corrupt",
        END + 46, "no whole central header here"),
    "many more members than there are": (
        archive(A, V, end={"here": 3, "count": 3}), "corrupt", DIRECTORY,
        "3 members do not fit into a directory of 111 bytes"),
    "directory size too small": (
        archive(A, V, end={"size": 110}), "corrupt", END,
        f"110 bytes at {DIRECTORY} does not end at {END}"),
    "directory offset behind the end": (
        archive(A, V, end={"offset": 500}), "corrupt", END, f"at 500 does not end at {END}"),
    "size and offset that wrap": (
        archive(A, V, end64={"offset": END + 1, "size": 2**64 - 1},
                end={"offset": ONES, "size": ONES}),
        "corrupt", END + 76, f"18446744073709551615 bytes at {END + 1} does not end at {END}"),
    "gap between directory and end record": (
        archive(A, V, inside=b"x" * 9, end={"size": END - DIRECTORY}), "corrupt", END + 9,
        f"does not end at {END + 9}"),
    "bytes at the end of the directory": (
        archive(A, V, inside=b"x" * 9), "unsafe", END,
        "9 bytes of the directory belong to no member"),
    "bytes between data and directory": (
        archive(A, V, gap=b"x" * 9), "unsafe", DIRECTORY,
        "9 bytes behind its data belong to no member"),
    "archive behind an archive": (
        archive(A, V) + archive(B, V), "corrupt", 2 * END + 22, "does not end at"),
    "8 bytes in front, offsets as before": (
        b"PK\3\4xxxx" + archive(A, V), "corrupt", END + 8, "does not end at"),
    "junk in front, offsets adjusted": (
        archive(A, V, before=b"#!/bin/sh\n"), "unsafe", 0,
        "the first member starts at 10, not at 0"),
    "local header in front, offsets adjusted": (
        archive(A, V, before=B.local_bytes()), "unsafe", 0, "starts at 50, not at 0"),
    # zip64 end records
    "zip64 end record says other members": (
        archive(A, V, end64={}, end={"here": 1, "count": 1}), "unsafe", END + 76,
        "the end record contradicts the zip64 end record"),
    "zip64 end record says another size": (
        archive(A, V, end64={}, end={"size": 1}), "unsafe", END + 76, "contradicts the zip64"),
    "zip64 end record says another offset": (
        archive(A, V, end64={}, end={"offset": 0}), "unsafe", END + 76, "contradicts the zip64"),
    "directory for classic readers and another for zip64 ones": (
        archive(A, V, Member(b"r/x", archive(B)), end64={"offset": 1, "size": 2, "count": 3}),
        "unsafe", None, "contradicts the zip64"),
    "size of all ones without zip64": (
        archive(A, V, end={"size": ONES}), "corrupt", END, "there is none"),
    "offset of all ones without zip64": (
        archive(A, V, end={"offset": ONES}), "corrupt", END, "there is none"),
    "locator of another disk": (
        archive(A, V, locator={"disk": 1}), "unsupported", END + 56, "an archive of"),
    "locator of two disks": (
        archive(A, V, locator={"disks": 2}), "unsupported", END + 56, "an archive of 2 disks"),
    "locator points elsewhere": (
        archive(A, V, locator={"offset": END - 1}), "corrupt", END + 56,
        f"zip64 end record at {END - 1}, the one before its locator is at {END}"),
    "locator points outside": (
        archive(A, V, locator={"offset": 2**64 - 1}), "corrupt", END + 56,
        "zip64 end record at 18446744073709551615"),
    "locator alone": (
        b"PK\6\7" + bytes(16) + archive(), "corrupt", 0, "zip64 end record at 0"),
    "gap before the locator": (
        archive(A, V, end64={"rest": 45}), "corrupt", END, "no zip64 end record of 56 bytes here"),
    "no signature at the zip64 end record": (
        archive(A, V, end64={"magic": 1}), "corrupt", END, "no zip64 end record of 56 bytes here"),
    "zip64 end record of another disk": (
        archive(A, V, end64={"disk": 1}), "unsupported", END, "an archive of several disks"),
    "zip64 directory on another disk": (
        archive(A, V, end64={"directory_disk": 1}), "unsupported", END, "several disks"),
    "zip64 members on this disk": (
        archive(A, V, end64={"here": 1}), "unsupported", END, "several disks"),
    "a million members and one": (
        archive(A, V, end64={"here": 1000001, "count": 1000001},
                end={"here": 0xFFFF, "count": 0xFFFF}),
        "limit", DIRECTORY, "1000001 members in a directory of 111 bytes, over the limit"),
    "2^64 - 1 members": (
        archive(A, V, end64={"here": 2**64 - 1, "count": 2**64 - 1},
                end={"here": 0xFFFF, "count": 0xFFFF}),
        "limit", DIRECTORY, "18446744073709551615 members"),
    # central headers
    "no signature in the directory": (
        archive(A, changed(V, central={"magic": 0x02014B51})), "corrupt", DIRECTORY + CENTRAL_A,
        "no whole central header here"),
    "name past the directory": (
        archive(A, changed(V, central={"name_len": 10})), "corrupt", DIRECTORY + CENTRAL_A,
        "no whole central header here"),
    "extra fields past the directory": (
        archive(A, changed(V, central={"extra_len": 1})), "corrupt", DIRECTORY + CENTRAL_A,
        "no whole central header here"),
    "comment past the directory": (
        archive(A, changed(V, central={"comment_len": 1})), "corrupt", DIRECTORY + CENTRAL_A,
        "no whole central header here"),
    "member on another disk": (
        archive(A, changed(V, central={"disk": 1})), "unsupported", DIRECTORY + CENTRAL_A,
        "r/version: "),
    "encrypted": (
        archive(changed(A, flags=1), V), "unsupported", DIRECTORY, "it is encrypted"),
    "flag of strong encryption": (
        archive(changed(A, flags=0x40), V), "unsupported", DIRECTORY,
        "flags 0x0040, only 0x080e are allowed"),
    "flag of a masked header": (
        archive(changed(A, flags=0x2000), V), "unsupported", DIRECTORY, "flags 0x2000"),
    "flag of patched data": (
        archive(changed(A, flags=0x20), V), "unsupported", DIRECTORY, "flags 0x0020"),
    "method 12": (
        archive(changed(A, method=12), V), "unsupported", DIRECTORY,
        "compression method 12, only 0 and 8 are read"),
    "method 9": (archive(changed(A, method=9), V), "unsupported", DIRECTORY, "method 9"),
    "version 9.9": (
        archive(changed(A, central={"version": 99}), V), "unsupported", DIRECTORY,
        "needs version 99 of the format, 45 is the limit"),
    "version 4.6": (
        archive(changed(A, central={"version": 46}), V), "unsupported", DIRECTORY, "version 46"),
    "stored in other bytes than it has": (
        archive(changed(A, local={"csize": 9}, central={"csize": 9}), V), "unsafe", DIRECTORY,
        "stored, but 9 bytes are said to become 10"),
    "symbolic link": (
        archive(A, changed(V, central={"attributes": 0xA1FF0000})), "unsafe",
        DIRECTORY + CENTRAL_A, "a symbolic link or a special file"),
    "device": (
        archive(A, changed(V, central={"attributes": 0x61FF0000})), "unsafe",
        DIRECTORY + CENTRAL_A, "a symbolic link or a special file"),
    "a folder by the attributes of DOS, not by its name": (
        archive(A, changed(V, central={"attributes": 0x10})), "unsafe", DIRECTORY + CENTRAL_A,
        "its attributes say that it is a folder"),
    "a folder by the attributes of unix, not by its name": (
        archive(A, changed(V, central={"attributes": 0x41FF0000})), "unsafe",
        DIRECTORY + CENTRAL_A, "its attributes say that it is a folder"),
    "folder with bytes in it": (
        archive(Member(b"r/", b"xyz"), A, V), "unsafe", 35 + DIRECTORY,
        "a folder with 3 bytes in it"),
    "folder with 3 compressed bytes": (
        archive(Member(b"r/", method=8, central={"csize": 3})), "unsafe", 34,
        "a folder with"),
    # extra fields
    "Unicode path": (
        archive(changed(A, central_extra=block(0x7075, b"\x01xxxxr/evil")), V), "unsafe",
        DIRECTORY, "an extra field gives it another name"),
    "extra fields end inside an id": (
        archive(changed(A, central_extra=block(9) + b"x"), V), "corrupt", DIRECTORY,
        "its extra fields end inside one"),
    "extra fields end inside a block": (
        archive(changed(A, central_extra=b"xx\x05\x00abcd"), V), "corrupt", DIRECTORY,
        "its extra fields end inside one"),
    "zip64 field though no size is all ones": (
        archive(changed(A, central_extra=zip64_block(10)), V), "unsafe", DIRECTORY,
        "zip64 field of 8 bytes, its header needs none"),
    "zip64 field of nothing though no size is all ones": (
        archive(changed(A, central_extra=block(1)), V), "unsafe", DIRECTORY,
        "zip64 field of 0 bytes, its header needs none"),
    "zip64 field too short": (
        archive(changed(A, central=BIG, central_extra=zip64_block(10)), V), "unsafe", DIRECTORY,
        "zip64 field of 8 bytes, its header needs one of 16"),
    "zip64 field too long": (
        archive(changed(A, central=BIG, central_extra=zip64_block(10, 10, 0)), V), "unsafe",
        DIRECTORY, "zip64 field of 24 bytes, its header needs one of 16"),
    "zip64 field twice": (
        archive(changed(A, central=BIG, central_extra=2 * zip64_block(10, 10)), V), "unsafe",
        DIRECTORY, "two zip64 fields"),
    "all ones without a zip64 field": (
        archive(changed(A, central=BIG), V), "corrupt", DIRECTORY,
        "it refers to a zip64 field, there is none"),
    "offset of all ones without a zip64 field": (
        archive(changed(A, central={"offset": ONES}), V), "corrupt", DIRECTORY, "there is none"),
    # names
    "a name twice": (archive(A, B, V), "unsafe", None, "two members have this name"),
    "a name three times": (archive(A, B, A, V), "unsafe", None, "two members have this name"),
    "a name twice, the same bytes": (archive(A, A, V), "unsafe", None, "two members have"),
    "one header listed twice": (
        archive(A, changed(V, name=A.name, central={"offset": 0})), "unsafe", None,
        "two members have this name"),
    "names that differ in case": (
        archive(A, Member(b"r/DATA.PKL", b"B"), V), "unsafe", None,
        "or names that differ only in case"),
    "names that differ in the case of A": (
        archive(Member(b"r/A"), Member(b"r/a")), "unsafe", None, "differ only in case"),
    "names that differ in the case of Z": (
        archive(Member(b"r/z"), Member(b"r/Z")), "unsafe", None, "differ only in case"),
    "NUL in a name": (
        archive(changed(A, name=b"r/data.pkl\0.txt"), V), "unsafe", DIRECTORY + 5,
        "member name holds byte 0x00"),
    "backslash": (
        archive(changed(A, name=b"r\\data.pkl"), V), "unsafe", DIRECTORY, "holds byte 0x5c"),
    "empty folder in a name": (
        archive(changed(A, name=b"r//data.pkl"), V), "unsafe", DIRECTORY + 1,
        "member name with an empty folder"),
    "up and out": (
        archive(A, V, Member(b"r/../x")), "unsafe", None, 'member name with the component ".."'),
    "absolute name": (archive(A, V, Member(b"/x")), "unsafe", None, "an absolute path"),
    "drive letter": (archive(A, V, Member(b"C:/x")), "unsafe", None, "a drive letter"),
    "name not UTF-8": (
        archive(changed(A, name=b"r/\xff"), V), "unsafe", None, "member name is not UTF-8"),
    "name not said to be UTF-8": (
        archive(changed(A, name="r/\u00e9".encode()), V), "unsafe", None,
        "does not say that it is UTF-8"),
    "no name": (archive(changed(A, name=b""), V), "unsafe", None, "member name of 0 bytes"),
    "long name": (
        archive(changed(A, name=b"r" * 1025), V), "unsafe", None, "member name of 1025 bytes"),
    # local headers
    "no local header": (
        archive(A, changed(V, local={"magic": 0x04034B51})), "corrupt", LOCAL_A,
        "r/version: offset 50: no local header here"),
    "offset outside the file": (
        archive(A, changed(V, central={"offset": 5000})), "corrupt", DIRECTORY,
        "its local header would be at 5000, the directory starts at 91"),
    "offset outside the file by zip64": (
        archive(A, changed(V, central={"offset": ONES}, central_extra=zip64_block(2**64 - 9))),
        "corrupt", DIRECTORY, "r/version: offset 91: its local header would be at 18446744073709"),
    "local header in the directory": (
        archive(A, changed(V, central={"offset": DIRECTORY})), "corrupt", DIRECTORY,
        "its local header would be at 91"),
    "local name differs": (
        archive(changed(A, local_name=b"r/evil.pkl"), V), "unsafe", 0, "different names"),
    "local name is shorter": (
        archive(changed(A, local_name=b"r/data.pk"), V), "unsafe", 0, "different names"),
    "local name is longer": (
        archive(changed(A, local_name=b"r/data.pklx"), V), "unsafe", 0, "different names"),
    "local method differs": (
        archive(changed(A, local={"method": 8}), V), "unsafe", 0,
        "local header says method 8 and flags 0x0000, the directory 0 and 0x0000"),
    "local flag of a descriptor": (
        archive(changed(A, local={"flags": 8}), V), "unsafe", 0, "flags 0x0008"),
    "no local flag of a descriptor": (
        archive(changed(A, flags=8, local={"flags": 0}), V), "unsafe", 0, "and 0x0008"),
    "local flag of UTF-8": (
        archive(changed(A, local={"flags": UTF8}), V), "unsafe", 0, "flags 0x0800"),
    "local csize differs": (
        archive(changed(A, local={"csize": 9}), V), "unsafe", 0, "9 of 10 bytes, the directory"),
    "local usize differs": (
        archive(changed(A, local={"usize": 9}), V), "unsafe", 0, "10 of 9 bytes, the directory"),
    "local CRC differs": (
        archive(changed(A, local={"crc": 1}), V), "unsafe", 0, "local header says CRC 00000001"),
    "local zip64 field is missing": (
        archive(changed(A, local=BIG), V), "corrupt", 0, "there is none"),
    "local zip64 field is too short": (
        archive(changed(A, local=BIG, local_extra=zip64_block(10)), V), "corrupt", 0,
        "refers to a zip64 field of 16 bytes"),
    "local zip64 field is too long": (
        archive(changed(A, local=BIG, local_extra=zip64_block(10, 10, 0)), V), "corrupt", 0,
        "refers to a zip64 field of 16 bytes"),
    "local zip64 field is cut": (
        archive(changed(A, local=BIG, local_extra=zip64_block(10, 10)[:-1]), V), "corrupt", 0,
        "refers to a zip64 field of 16 bytes"),
    "local zip64 field says another csize": (
        archive(changed(A, local=BIG, local_extra=zip64_block(10, 9)), V), "unsafe", 0,
        "9 of 10 bytes"),
    "local zip64 field says another usize": (
        archive(changed(A, local=BIG, local_extra=zip64_block(9, 10)), V), "unsafe", 0,
        "10 of 9 bytes"),
    "local extra fields past the file": (
        archive(A, changed(V, local={**BIG, "extra_len": 60000})), "truncated", None,
        "60000 bytes are needed here"),
    "local folder says a size": (
        archive(Member(b"r/", local={"usize": 1}), A), "unsafe", 0, "0 of 1 bytes"),
    # coverage
    "stored size 4 too large": (
        archive(changed(A, central={"csize": 14, "usize": 14}, local={"csize": 14, "usize": 14}),
                V), "unsafe", 0, "its 14 bytes at 40 reach over 50, where something else starts"),
    "local extra fields reach over": (
        archive(changed(A, local={"extra_len": 11}), V), "unsafe", 0,
        "its 10 bytes at 51 reach over 50"),
    "local name and extra fields reach over": (
        archive(changed(A, local={"extra_len": 100}), V), "unsafe", 0, "reach over 50"),
    "last member reaches into the directory": (
        archive(A, changed(V, local={"extra_len": 1})), "unsafe", 50, "reach over 91"),
    "two members with one header": (
        archive(A, changed(V, name=b"r/x", central={"offset": 0})), "unsafe", 0, "r/"),
    "a hole between members": (
        archive(changed(A, behind=b"hidden"), V), "unsafe", 50,
        "6 bytes behind its data belong to no member"),
    "a member the directory does not name": (
        archive(changed(A, behind=B.local_bytes()), V), "unsafe", 50,
        "50 bytes behind its data belong to no member"),
    "a header in the data of another": (
        archive(Member(b"r/x", B.local_bytes()),
                changed(B, central={"offset": 33})), "unsafe", 0, "reach over 33"),
    # descriptors
    "no descriptor": (
        archive(changed(A, flags=8, descriptor=b""), V), "unsafe", 50, "0 bytes behind its data"),
    "descriptor of an odd length": (
        archive(changed(A, flags=8, descriptor=bytes(14)), V), "unsafe", 50,
        "and no data descriptor has that length"),
    "descriptor and bytes behind it": (
        archive(changed(A, flags=8, behind=b"x" * 9), V), "unsafe", 50, "25 bytes behind"),
    "descriptor without its signature": (
        archive(changed(A, flags=8, descriptor=bytes(16)), V), "corrupt", 50,
        "no data descriptor here"),
    "wide descriptor without its signature": (
        archive(changed(A, flags=8, descriptor=bytes(24)), V), "corrupt", 50,
        "no data descriptor here"),
    "descriptor of another CRC": (
        archive(changed(A, flags=8, descriptor=struct.pack("<III", 1, 10, 10)), V), "unsafe", 50,
        "data descriptor says CRC 00000001, 10 of 10 bytes"),
    "descriptor of another csize": (
        archive(changed(A, flags=8,
                        descriptor=struct.pack("<III", zlib.crc32(A.data), 9, 10)), V),
        "unsafe", 50, "9 of 10 bytes"),
    "wide descriptor of another usize": (
        archive(changed(A, flags=8,
                        descriptor=struct.pack("<IQQ", zlib.crc32(A.data), 10, 1 << 32)), V),
        "unsafe", 50, "10 of 4294967296 bytes"),
    # only seen when the member is read
    "wrong CRC": (
        archive(changed(A, local={"crc": 1}, central={"crc": 1}), V), "corrupt", None,
        "the archive says 00000001"),
    "stored bytes said to be deflated": (
        archive(changed(A, local={"method": 8}, central={"method": 8}), V), "corrupt", 0,
        "broken deflate stream"),
    "inflates to more": (
        archive(changed(A, method=8, local={"usize": 9}, central={"usize": 9}), V), "corrupt", 9,
        "inflates to more than the 9 bytes declared"),
    "inflates to less": (
        archive(changed(A, method=8, local={"usize": 11}, central={"usize": 11}), V), "corrupt",
        10, "inflates to 10 bytes, 11 were declared"),
    "deflate stream and bytes behind it": (
        archive(changed(A, data=deflate(A.data) + b"xyz",
                        **dict.fromkeys(["local", "central"], {
                            "method": 8, "usize": 10, "crc": zlib.crc32(A.data)})), V),
        "corrupt", 10, "its deflate stream ends 3 bytes before its data"),
}  # fmt: skip
