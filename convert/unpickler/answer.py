"""From the bytes of a request to the bytes of an answer (see protocol.h)."""

import architecture
import state_dict
from restricted import (CORRUPT, INDEX, LIMIT, NUMBER_LIMIT, UNSUPPORTED,
                        Dtype, Refused, Storage, load, short)

MAX_RANK = 64
MAX_REASON_LENGTH = 1000

# A tensor takes about as many bytes in the answer as in the pickle, unless it
# is one tensor under very many names.
SPARE_INDEX_NBYTES, INDEX_NBYTES_PER_BYTE = 16 << 20, 4
MAX_INDEX_NBYTES = 500 << 20    # below UNPICKLER_ANSWER_LIMIT

# enum unpickler_tensor_flag
FLAGS = {"conj": 1, "neg": 2}
FLAG_BYTES = b"\0", b"\1", b"\2", b"\3"


def answer(data):
    """The body of the answer to one request."""
    try:
        return index(load(data))
    except Refused as refused:
        return verdict(refused.verdict, refused.reason, refused.where)
    except MemoryError:
        return verdict(LIMIT, "out of memory")
    except RecursionError:
        return verdict(LIMIT, "nested too deeply")
    except Exception as error:
        return verdict(CORRUPT, f"{type(error).__name__}: {message(error)}")


def message(error):
    try:
        return str(error)
    except Exception:
        return "(no text)"


def verdict(number, reason, where=""):
    return b"".join((bytes((number,)), text(reason[:MAX_REASON_LENGTH]),
                     text(where[:MAX_REASON_LENGTH])))


def text(string):
    """For people: what UTF-8 cannot hold is escaped."""
    encoded = string.encode("utf-8", "backslashreplace")
    return u32(len(encoded)) + encoded


def u32(number):
    return number.to_bytes(4, "little")


def u64(number):
    return number.to_bytes(8, "little")


def index(loaded):
    kind, walk = state_dict.find(loaded.top, loaded.nbytes)
    notes = walk.notes
    architecture_text = note = None
    if kind == "module":
        architecture_text, note = architecture.of_module(loaded.top)
    if note:
        notes.append(note)
    if loaded.trailing:
        notes.append(f"{loaded.trailing} bytes follow the pickle")

    parts = [bytes((INDEX,)), text(kind)]
    if architecture_text is None:
        parts.append(b"\0")
    else:
        parts += b"\1", text(architecture_text)
    parts.append(u32(len(loaded.storages)))
    for storage in loaded.storages:
        parts += (text(storage.key), text(storage.cls.name),
                  u64(storage.numel))
    append_tensors(parts, walk.tensors, min(
        SPARE_INDEX_NBYTES + INDEX_NBYTES_PER_BYTE * loaded.nbytes,
        MAX_INDEX_NBYTES))
    for strings in notes, [" ".join(origin) for origin in loaded.globals]:
        parts.append(u32(len(strings)))
        parts += map(text, strings)
    return b"".join(parts)


def append_tensors(parts, tensors, nbytes_left):
    parts.append(u32(len(tensors)))
    for key, tensor in tensors.items():
        try:
            part = describe(key, tensor)
        except Refused as refused:
            refused.where = key
            raise
        parts.append(part)
        nbytes_left -= len(part)
        if nbytes_left < 0:
            raise Refused(LIMIT, "the index is out of proportion to the "
                          "pickle", key)


def describe(key, tensor):
    """One tensor of the answer; every value in it is checked by exact type."""
    storage = tensor.storage
    if type(storage) is not Storage:
        raise Refused(CORRUPT, "tensor without a storage")
    if storage.location == "meta":
        raise Refused(UNSUPPORTED, "meta tensor, which has no data")
    dtype = b""
    if tensor.dtype is not None:
        if type(tensor.dtype) is not Dtype:
            raise Refused(UNSUPPORTED, f"dtype {short(tensor.dtype)}")
        dtype = tensor.dtype.name.encode()
    try:
        name = key.encode()
    except UnicodeEncodeError:
        raise Refused(UNSUPPORTED, "key is not Unicode text") from None
    size, stride = tensor.size, tensor.stride
    if type(size) is not tuple or type(stride) is not tuple:
        raise Refused(CORRUPT, "size or stride is no tuple")
    rank = len(size)
    if rank != len(stride):
        raise Refused(CORRUPT, f"{rank} sizes but {len(stride)} strides")
    if rank > MAX_RANK:
        raise Refused(LIMIT, f"rank {rank}, limit {MAX_RANK}")
    numbers = tensor.offset, *size, *stride
    for i, number in enumerate(numbers):
        if type(number) is not int or not 0 <= number < NUMBER_LIMIT:
            what = "offset" if i == 0 else "size" if i <= rank else "stride"
            raise Refused(CORRUPT, f"{what} is {short(number)}")
    encoded = [number.to_bytes(8, "little") for number in numbers]
    encoded.insert(1, u32(rank))
    return b"".join((u32(len(name)), name, u32(storage.number),
                     u32(len(dtype)), dtype, *encoded,
                     FLAG_BYTES[flags(tensor.metadata)]))


def flags(metadata):
    if metadata is None:
        return 0
    if not state_dict.is_dict(metadata):
        raise Refused(CORRUPT, "tensor metadata is no dict")
    result = 0
    for name, flag in FLAGS.items():
        value = dict.get(metadata, name, False)
        if type(value) is not bool:
            raise Refused(CORRUPT, f"tensor metadata {name} is no bool")
        if value:
            result |= flag
    return result
