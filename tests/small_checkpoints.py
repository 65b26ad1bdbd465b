"""The smallest checkpoint of each kind, by hand and with nothing but Python's library.

All hold the same two tensors of one storage: one that is the storage, and a view of every
other element.  Each is a few hundred bytes, so that every byte of it can be tried.
"""

import json
import pickle
import struct

from pickle_bytes import (
    FALSE, ORDERED_DICT, build, call, dct, get, glob, keys_pickle, load_from_bytes, lst,
    module_of, new, put, text, tup, whole,
)  # fmt: skip
from zip_bytes import DESCRIPTOR, UTF8, Member, archive, block

TEXT = "p.C"  # an architecture
FLOATS = struct.pack("<3f", 1.5, -2.0, 3.25)
TENSORS = {
    "v": ("F32", [2], FLOATS[:4] + FLOATS[8:]),
    "w": ("F32", [3], FLOATS),
}

# The order of tensors in a safetensors file, by dtype.
DTYPES = (
    "U64 I64 F64 C64 F32 U32 I32 BF16 F16 U16 I16 F8_E5M2FNUZ F8_E4M3FNUZ F8_E8M0 "
    "F8_E4M3 F8_E5M2 I8 U8 F6_E3M2 F6_E2M3 F4 BOOL"
).split()


# ---- what must come of them ----


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def weights_of(tensors):
    """weights.safetensors as the reference writes it; {name: (dtype, shape, bytes)}."""
    header, data = {}, b""
    names = sorted(
        tensors, key=lambda name: (DTYPES.index(tensors[name][0]), name.encode())
    )
    for name in names:
        dtype, shape, content = tensors[name]
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        data += content
    packed = compact(header)
    packed += b" " * (-len(packed) % 8)
    return struct.pack("<Q", len(packed)) + packed + data


def bundle_of(tensors, architecture=TEXT):
    """Both files of a bundle."""
    spec = {
        "class_path": "metta.agent.policy.CheckpointPolicy",
        "data_path": "weights.safetensors",
        "init_kwargs": {"architecture_spec": architecture, "device": "cpu"},
        "setup_script": None,
    }
    return {
        "policy_spec.json": compact(spec),
        "weights.safetensors": weights_of(tensors),
    }


# ---- pickles ----


def byte(number):
    return b"K" + bytes([number])


def tensor(storage, size, stride, offset=0):
    """A tensor of one dimension."""
    return call(
        glob("torch._utils", "_rebuild_tensor_v2"), storage, byte(offset),
        byte(size) + b"\x85", byte(stride) + b"\x85", FALSE, ORDERED_DICT,
    )  # fmt: skip


def storage_id(*more, key=None, count=3):
    """Of the three floats; a stream's has one part more, a package's another key."""
    return (
        tup(text("storage"), glob("torch", "FloatStorage"), key or text("0"),
            text("cpu"), byte(count), *more) + b"Q"
    )  # fmt: skip


def module_pickle(storage):
    """A module with a parameter, two buffers of which one is saved, and a config that is
    the pydantic model p.C without fields."""
    config = build(new(glob("p", "C")), dct(
        (text("__dict__"), dct()), (text("__pydantic_fields_set__"), b"N"),
    ))  # fmt: skip
    return whole(module_of(
        parameters=[(text("w"), tensor(put(storage, 1), 3, 1))],
        buffers=[(text("v"), tensor(get(1), 2, 2)), (text("x"), tensor(get(1), 1, 1))],
        extra=[(text("_non_persistent_buffers_set"),
                call(glob("__builtin__", "set"), lst(text("x")))),
               (text("config"), config)],
    ))  # fmt: skip


def weights_pickle(storage):
    """The state dict; its second tensor gets the storage from the memo."""
    return whole(dct(
        (text("w"), tensor(put(storage, 1), 3, 1)),
        (text("v"), tensor(get(1), 2, 2)),
    ))  # fmt: skip


# ---- files ----


def torch_members(pickled, storages, root="r", **more):
    """The members of a torch archive; storages: key to bytes."""
    named = {"data.pkl": pickled, "byteorder": b"little"}
    named |= {f"data/{key}": data for key, data in storages.items()}
    named |= {"version": b"3\n"}
    return [Member(f"{root}/{name}".encode(), data, **more) for name, data in named.items()]


def torch_archive(pickled, storages):
    """As torch writes it: an extra field that fills up, a descriptor behind each member,
    and zip64 records."""
    filling = block(0x4246, b"ZZ")
    members = torch_members(
        pickled, storages, flags=DESCRIPTOR | UTF8, local_extra=filling
    )
    return archive(*members, end64={})


def without_crcs(*members):
    for member in members:
        member.local["crc"] = member.central["crc"] = 0
    return archive(*members)


def mpt_zip(weights, architecture=TEXT.encode(), method=8):
    return archive(
        Member(b"weights.safetensors", weights, method),
        Member(b"modelarchitecture.txt", architecture, method),
    )


def policy_zip(policy, method=8):
    return archive(Member(b"policy.pt", policy, method))


def stream(pickled, storages):
    """What torch wrote before 1.6; storages: key to (count, bytes), as listed."""
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    parts = [pickle.dumps(value, 2) for value in head]
    parts += [pickled, keys_pickle(*storages)]
    for count, data in storages.values():
        parts.append(struct.pack("<Q", count) + data)
    return b"".join(parts)


def package(pickled, storages, name="policy/model.pkl"):
    named = {name: pickled}
    named |= {f".data/{key}.storage": data for key, data in storages.items()}
    named |= {".data/extern_modules": b"torch", ".data/version": b"6"}
    return archive(*(Member(f"r/{name}".encode(), data) for name, data in named.items()))


STORAGES = {"0": FLOATS}
PICKLE = weights_pickle(storage_id())
STREAM_PICKLE = weights_pickle(storage_id(b"N"))
PLAIN_PICKLE = weights_pickle(
    load_from_bytes(stream(whole(storage_id(b"N")), {"0": (3, FLOATS)}))
)

# A zip whose CRCs are there tells whether any byte of a member was changed.
SEALED = {
    "mpt zip": mpt_zip(weights_of(TENSORS), method=0),
    "mpt zip, deflated": mpt_zip(weights_of(TENSORS)),
    "zip with policy.pt": policy_zip(torch_archive(PICKLE, STORAGES)),
    "torch archive": torch_archive(PICKLE, STORAGES),
    "torch archive, deflated": archive(*torch_members(PICKLE, STORAGES, method=8)),
    "torch package": package(weights_pickle(storage_id(key=byte(0))), STORAGES),
}
# The rest show what is made of changed bytes.
OPEN = {
    "mpt zip without CRCs": without_crcs(
        Member(b"weights.safetensors", weights_of(TENSORS)),
        Member(b"modelarchitecture.txt", TEXT.encode()),
    ),
    "torch archive without CRCs": without_crcs(*torch_members(PICKLE, STORAGES)),
    "whole module without CRCs": without_crcs(
        *torch_members(module_pickle(storage_id()), STORAGES)
    ),
    "torch stream": stream(STREAM_PICKLE, {"0": (3, FLOATS)}),
    "plain pickle": PLAIN_PICKLE,
}
KINDS = SEALED | OPEN
