"""Pickles opcode by opcode, so that a test can get any one of them wrong.

Each function returns opcodes that leave one value on the unpickler's stack; whole()
makes a pickle of them.
"""

import pickle
import struct


def glob(module, name):
    return b"c%s\n%s\n" % (module.encode(), name.encode())


def stack_global(module, name):
    return text(module) + text(name) + b"\x93"


def text(value):
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value):
    data = pickle.encode_long(value)
    return b"\x8b" + struct.pack("<I", len(data)) + data


def put(value, index):
    """The value, kept in the memo."""
    return value + b"r" + struct.pack("<I", index)


def get(index):
    return b"j" + struct.pack("<I", index)


def tup(*items):
    return b"(" + b"".join(items) + b"t"


def lst(*items):
    return b"](" + b"".join(items) + b"e"


def dct(*pairs):
    return b"}(" + b"".join(key + value for key, value in pairs) + b"u"


def call(function, *args):
    return function + tup(*args) + b"R"


def new(cls, *args):
    return cls + tup(*args) + b"\x81"


def build(value, state):
    return value + state + b"b"


ORDERED_DICT = call(glob("collections", "OrderedDict"))
FALSE = b"\x89"


def storage(key="0", cls="FloatStorage", numel=6, module="torch",
            location="cpu"):
    return tup(text("storage"), glob(module, cls), text(key), text(location),
               integer(numel)) + b"Q"


def tensor(store=None, offset=integer(0), size=None, stride=None, extra=()):
    return call(glob("torch._utils", "_rebuild_tensor_v2"),
                storage() if store is None else store, offset,
                tup(integer(2), integer(3)) if size is None else size,
                tup(integer(3), integer(1)) if stride is None else stride,
                FALSE, ORDERED_DICT, *extra)


def whole(body, protocol=2):
    return b"\x80" + bytes((protocol,)) + body + b"."


def state_dict(*values):
    """A state dict pickle with keys a, b, c ... """
    return whole(dct(*((text(chr(97 + i)), value)
                       for i, value in enumerate(values))))


def module_of(parameters=(), buffers=(), modules=(), extra=(),
              cls=("policy", "Net")):
    return build(new(glob(*cls)), dct(
        (text("_parameters"), dct(*parameters)),
        (text("_buffers"), dct(*buffers)),
        (text("_modules"), dct(*modules)), *extra))


def stream_storage(key="0", cls="FloatStorage", numel=6, view=b"N"):
    return tup(text("storage"), glob("torch", cls), text(key), text("cpu"),
               integer(numel), view) + b"Q"


def keys_pickle(*keys):
    return whole(lst(*map(text, keys)))


def nested_stream(*, magic=0x1950A86A20F9469CFC6C, version=1001, body=None,
                  keys=("0",), count=6, data=bytes(24)):
    """What torch.storage._load_from_bytes gets in a plain pickle."""
    if body is None:
        body = stream_storage()
    return b"".join((pickle.dumps(magic, 2), pickle.dumps(version, 2),
                     pickle.dumps({"little_endian": True}, 2), whole(body),
                     keys_pickle(*keys), struct.pack("<Q", count), data))


def load_from_bytes(data):
    return call(glob("torch.storage", "_load_from_bytes"),
                b"B" + struct.pack("<I", len(data)) + data)
