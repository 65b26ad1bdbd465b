"""From the bytes of a request to the bytes of an answer (see protocol.h)."""

import architecture
from find import find
from inert import (CORRUPT, INDEX, LIMIT, MEMORY, NUMBER_LIMIT, UNSUPPORTED,
                   Refused, global_name, short)
from layouts import UNPICKLERS, load
from state_dict import Walk, is_dict
from tensors import Dtype, Storage, StorageView, Tensor

MAX_RANK = 64
MAX_REASON_LENGTH = 1000

# A tensor takes about as many bytes in the answer as in the pickle, unless it
# is one tensor under very many names.
SPARE_INDEX_NBYTES, INDEX_NBYTES_PER_BYTE = 1 << 20, 4
MAX_INDEX_NBYTES = 500 << 20    # below UNPICKLER_ANSWER_LIMIT

# enum unpickler_tensor_flag
FLAGS = {"conj": 1, "neg": 2}
FLAG_BYTES = b"\0", b"\1", b"\2", b"\3"
NO_STORAGE = (1 << 32) - 1


def answer(request):
    """The body of the answer to the body of one request."""
    try:
        layout, path, pickle = parse(request)
        return index(load(layout, pickle), path)
    except Refused as refused:
        return verdict(refused.verdict, refused.reason, refused.where)
    except MemoryError:
        return verdict(MEMORY, "out of memory")
    except RecursionError:
        return verdict(LIMIT, "nested too deeply")
    except Exception as error:
        return verdict(CORRUPT, f"{type(error).__name__}: {message(error)}")


def parse(request):
    """Returns layout, path of the state dict, pickle."""
    start = 5 + int.from_bytes(request[1:5], "little")
    if len(request) < 5 or start > len(request):
        raise Refused(CORRUPT, f"request of {len(request)} bytes")
    if request[0] not in UNPICKLERS:
        raise Refused(CORRUPT, f"request with layout {request[0]}")
    path = request[5:start].decode("utf-8", "surrogateescape")
    return request[0], path, memoryview(request)[start:]


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


def index(loaded, path):
    walk = Walk(loaded.nbytes)
    found = find(loaded.top, path)
    if found.path != path:
        walk.notes.append(f"took the {found.kind} under {found.path!r}")
    architecture_text = None
    if found.kind == "module":
        walk.module(found.value)
        architecture_text, note = architecture.of_module(found.value)
        if note:
            walk.notes.append(note)
    else:
        walk.state_dict(found.value)
    if loaded.nleft:
        walk.notes.append(f"{loaded.nleft} bytes follow the pickle")
    storages, tensors = describe_all(walk.tensors, loaded.nbytes)
    return b"".join((
        bytes((INDEX,)), text(found.kind), *optional_text(architecture_text),
        u32(len(storages)), *storage_list(storages),
        u32(len(loaded.listed)), *stream_list(loaded.listed, storages),
        u32(len(tensors)), *tensors,
        *text_list(walk.notes), *text_list(map(" ".join, loaded.globals))))


def optional_text(string):
    return (b"\0",) if string is None else (b"\1", text(string))


def text_list(strings):
    texts = list(map(text, strings))
    return u32(len(texts)), *texts


def describe_all(tensors, nbytes):
    """Returns the storages used, in that order, and each tensor's bytes."""
    storages = {}       # storage: its number
    parts = []
    nbytes_left = min(SPARE_INDEX_NBYTES + INDEX_NBYTES_PER_BYTE * nbytes,
                      MAX_INDEX_NBYTES)
    for key, tensor in tensors.items():
        try:
            parts.append(describe(key, tensor, storages))
        except Refused as refused:
            refused.where = key
            raise
        nbytes_left -= len(parts[-1])
        if nbytes_left < 0:
            raise Refused(LIMIT, "the index is out of proportion to the "
                          "pickle", key)
    inline = sum(len(storage.data) for storage in storages
                 if storage.data is not None)
    if inline > nbytes_left:
        raise Refused(LIMIT, f"{inline} bytes of tensors inside a pickle")
    return storages, parts


def storage_list(storages):
    for storage in storages:
        yield text(storage.key) + text(storage.cls.name) + u64(storage.numel)
        if storage.data is None:
            yield b"\0"
        else:
            yield b"\1" + u64(len(storage.data))
            yield storage.data


def stream_list(listed, storages):
    for storage in listed:
        yield b"".join((text(storage.key), u64(storage.numel),
                        u32(storage.cls.itemsize),
                        u32(storages.get(storage, NO_STORAGE))))


def describe(key, tensor, storages):
    """One tensor of the answer; every value in it is checked by exact type."""
    storage = tensor.storage
    if type(storage) is StorageView:
        tensor = inside_view(tensor, storage)
        storage = tensor.storage
    if not isinstance(storage, Storage):
        raise Refused(CORRUPT, "tensor without a storage but with a "
                      + global_name(storage))
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
    number = storages.setdefault(storage, len(storages))
    return b"".join((u32(len(name)), name, u32(number),
                     u32(len(dtype)), dtype, *geometry(tensor),
                     FLAG_BYTES[flags(tensor.metadata)]))


def inside_view(tensor, view):
    """The same tensor relative to the whole storage.

    mpt-convert only knows how large the storage is, so that the bounds of the
    view are checked here.
    """
    if tensor.dtype is not None:
        raise Refused(UNSUPPORTED, "another dtype than that of its storage's "
                      "view")
    geometry(tensor)
    if 0 not in tensor.size:
        last = tensor.offset + sum(
            (size - 1) * stride
            for size, stride in zip(tensor.size, tensor.stride))
        if last >= view.numel:
            raise Refused(CORRUPT, f"its last element is at {short(last)} of "
                          f"a storage view of {view.numel}")
    return Tensor(view.storage, None, view.offset + tensor.offset,
                  tensor.size, tensor.stride, tensor.metadata)


def geometry(tensor):
    """Offset, rank, sizes, strides."""
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
    return encoded


def flags(metadata):
    if metadata is None:
        return 0
    if not is_dict(metadata):
        raise Refused(CORRUPT, "tensor metadata is no dict")
    result = 0
    for name, flag in FLAGS.items():
        if name not in metadata:
            continue
        # torch takes any value for True, and writes no other.
        if metadata[name] is not True:
            raise Refused(CORRUPT, f"tensor metadata {name} is not True")
        result |= flag
    return result
