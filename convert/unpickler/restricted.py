"""Unpickle without running anything the pickle asks for.

The C unpickler does what the opcodes say: it looks up globals, calls what is
on its stack, and stores states.  It can only call what find_class() and
persistent_load() handed out, so everything rests on these two never handing
out anything that acts.  They give:

  tokens      for the few known functions (torch's tensor rebuilders, set,
              _codecs.encode, ...): objects that take part in the load, check
              their arguments by exact type and return records;
  stub types  for every other global, one type per name: their instances
              remember arguments, states and items, and do nothing.

No module is imported by name, no attribute of a real object is looked up, and
the real OrderedDict, set or bytearray never reaches a pickle's stack by name.

What the unpickler's opcodes may do to an object it was given, and why that is
harmless here:

  REDUCE, OBJ, INST   call it: tokens and stub types only
  NEWOBJ, NEWOBJ_EX   call its type's __new__: stub types only
  BUILD               call its __setstate__: every class here has one, so
                      BUILD never falls back to __dict__ or setattr()
  APPEND(S), SETITEM(S), ADDITEMS
                      call extend/append, __setitem__ or add: stubs record
"""

import sys

# _pickle reads three modules when it is first imported.  These stand in for
# them: an extension registry that is empty and that nobody can fill (EXT
# opcodes would otherwise reach objects past find_class), name tables that
# find_class below does not use, and no time spent reading files at start-up.
_Module = type(sys)


def _stand_in(name, **attributes):
    module = _Module(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module


def _no_partial(*args, **kwargs):
    raise TypeError("partial objects are not made here")


_stand_in("copyreg", dispatch_table={}, _extension_registry={},
          _inverted_registry={}, _extension_cache={})
_stand_in("_compat_pickle", NAME_MAPPING={}, IMPORT_MAPPING={},
          REVERSE_NAME_MAPPING={}, REVERSE_IMPORT_MAPPING={})
_stand_in("functools", partial=_no_partial)

import _pickle

# Verdicts: enum unpickler_verdict in protocol.h.
INDEX, CORRUPT, UNSUPPORTED, NOT_A_POLICY, LIMIT = range(5)

MAX_GLOBALS = 5000          # distinct names; a large policy has about 300
MAX_GLOBAL_LENGTH = 1000    # characters of module and name together
MAX_KEPT_STUB_TYPES = 1000
MAX_STORAGES = 1_000_000
SPARE_COPIES = 1_000_000    # see Budget
COPIES_PER_TYPE = 200
NUMBER_LIMIT = 1 << 63      # torch counts in int64


class Refused(Exception):
    """The answer is no: verdict, reason, and the key it is about."""

    def __init__(self, verdict, reason, where=""):
        self.verdict = verdict
        self.reason = reason
        self.where = where


class Budget:
    """What the calls of one pickle may still copy, in items or bytes.

    An honest pickle names each thing once, so that its calls copy no more
    than its own length.  Another makes a thousand dicts of one large list.
    """

    __slots__ = ("left",)

    def spend(self, count):
        self.left -= count
        if self.left < 0:
            raise Refused(LIMIT, "makes too many copies of its contents")


copies = Budget()


def _refuse(*ignored):
    raise _pickle.UnpicklingError("state set on an object that has none")


_set = object.__setattr__


class Closed(type):
    """Metaclass of every type a pickle can hold: its types do not change."""

    __slots__ = ()

    def __setattr__(cls, name, value):
        raise _pickle.UnpicklingError("attribute set on a class")

    __delattr__ = __setattr__


class Token(metaclass=Closed):
    """A known name.  Nothing can be stored in it."""

    __slots__ = ()
    __setattr__ = __delattr__ = __setstate__ = _refuse


class Record:
    """What a stub was given; out of the pickle's reach."""

    __slots__ = "args", "kwargs", "states", "members", "pairs", "attributes"

    def __init__(self, args, kwargs):
        self.args = args
        self.kwargs = kwargs
        self.states = ()        # one for each BUILD
        self.members = ()       # APPEND, APPENDS, ADDITEMS
        self.pairs = ()         # SETITEM, SETITEMS
        self.attributes = None  # see instance_attributes()


class Stub(metaclass=Closed):
    """An instance of any class but the known ones.

    Every global gets its own subclass, with the name in 'origin'.
    """

    __slots__ = ("record",)
    __setattr__ = __delattr__ = _refuse
    origin = "", ""

    def __new__(cls, *args, **kwargs):
        if args or kwargs:
            copies.spend(len(args) + len(kwargs))
        stub = object.__new__(cls)
        _set(stub, "record", Record(args, kwargs or None))
        return stub

    def __setstate__(self, state):
        record = self.record
        if not record.states:
            record.states = []
        record.states.append(state)

    def extend(self, members):
        record = self.record
        if not record.members:
            record.members = []
        record.members.extend(members)

    def append(self, member):
        self.extend((member,))

    add = append

    def __setitem__(self, key, value):
        record = self.record
        if not record.pairs:
            record.pairs = []
        record.pairs.append((key, value))

    def __call__(self, *args, **kwargs):
        return Stub(*args, **kwargs)


class DictStub(dict, metaclass=Closed):
    """OrderedDict, Counter, defaultdict: a dict whose state is set aside."""

    __slots__ = ("state",)
    __setattr__ = __delattr__ = _refuse

    def __init__(self, *args):
        for arg in args:
            if type(arg) is dict or type(arg) is DictStub:
                copies.spend(len(arg))
                dict.update(self, arg)
            elif type(arg) is list or type(arg) is tuple:
                copies.spend(len(arg))
                for key, value in map(_pair, arg):
                    dict.__setitem__(self, key, value)
            elif not (arg is None or isinstance(arg, (Closed, Token, Stub))):
                # Those were default factories; this is no known form.
                raise TypeError(f"dict made from {type(arg).__name__}")

    def __setstate__(self, state):
        _set(self, "state", state)


def _pair(value):
    if type(value) not in (tuple, list) or len(value) != 2:
        raise TypeError("dict made from a list of something else than pairs")
    return value


class SetStub(metaclass=Closed):
    """A set or frozenset, its members in the order of the pickle, unhashed."""

    __slots__ = ("members",)
    __setattr__ = __delattr__ = __setstate__ = _refuse

    def __init__(self, members):
        _set(self, "members", members)

    def add(self, member):
        self.members.append(member)


# --- storages and tensors

class StorageClass(Token):
    __slots__ = "name", "dtype", "itemsize"

    def __init__(self, name, dtype, itemsize):
        _set(self, "name", name)
        _set(self, "dtype", dtype)
        _set(self, "itemsize", itemsize)


class Dtype(Token):
    __slots__ = ("name",)

    def __init__(self, name):
        _set(self, "name", name)


class Storage(Token):
    """One storage, by its persistent id."""

    __slots__ = "key", "cls", "numel", "location"

    def __init__(self, key, cls, numel, location):
        _set(self, "key", key)
        _set(self, "cls", cls)
        _set(self, "numel", numel)
        _set(self, "location", location)


class Tensor(metaclass=Closed):
    """A tensor as the pickle describes it; nothing in it is checked yet.

    The checks come when it turns out to be part of the state dict, so that
    they can name its key and odd tensors elsewhere do no harm.  (BUILD ends
    in __setstate__; __setattr__ stays usable because a large checkpoint makes
    many of these.)
    """

    __slots__ = "storage", "dtype", "offset", "size", "stride", "metadata"
    __setstate__ = _refuse

    def __init__(self, storage, dtype, offset, size, stride, metadata):
        self.storage = storage
        self.dtype = dtype          # None: the storage's
        self.offset = offset
        self.size = size
        self.stride = stride
        self.metadata = metadata


class OldTensor(metaclass=Closed):
    """Before 0.4: FloatTensor (), state (storage, offset, size, stride)."""

    __slots__ = ("tensor",)
    __setattr__ = __delattr__ = _refuse

    def __new__(cls):
        tensor = object.__new__(cls)
        _set(tensor, "tensor", None)
        return tensor

    def __setstate__(self, state):
        if type(state) is not tuple or len(state) != 4:
            _refuse()
        storage, offset, size, stride = state
        _set(self, "tensor", Tensor(storage, None, offset, size, stride, None))


class OldParameter(metaclass=Closed):
    """Before 0.4: Parameter or Variable, (data,) or () and a state.

    The state is (requires_grad, volatile, hooks), or with the data
    (data, grad, hooks, requires_grad, volatile).
    """

    __slots__ = ("tensor",)
    __setattr__ = __delattr__ = _refuse

    def __new__(cls, data=None, requires_grad=True):
        parameter = object.__new__(cls)
        _set(parameter, "tensor", data)
        return parameter

    def __setstate__(self, state):
        if type(state) is not tuple or len(state) not in (3, 5):
            _refuse()
        if len(state) == 5:
            _set(self, "tensor", state[0])


class Unrepresentable(Token):
    """A tensor that has no place in a safetensors file; 'kind' says why."""

    __slots__ = ("kind",)

    def __init__(self, kind):
        _set(self, "kind", kind)


SHOWN = {
    DictStub: "dict", SetStub: "set", Storage: "storage", Dtype: "dtype",
    StorageClass: "storage class", Tensor: "tensor", OldTensor: "tensor",
    OldParameter: "parameter",
}


def global_name(value):
    """'module name' of a stub or stub type, else the name of its type."""
    if isinstance(value, Stub) or is_stub_type(value):
        return " ".join(value.origin).strip() or "result of a call"
    return SHOWN.get(type(value)) or type(value).__name__


def is_stub_type(value):
    return type(value) is Closed and issubclass(value, Stub)


# --- the functions of torch that rebuild tensors

class Rebuild(Token):
    __slots__ = ()


class RebuildTensor(Rebuild):
    __slots__ = ()

    def __call__(self, storage, offset, size, stride):
        return Tensor(storage, None, offset, size, stride, None)


class RebuildTensorV2(Rebuild):
    __slots__ = ()

    def __call__(self, storage, offset, size, stride, requires_grad, hooks,
                 metadata=None):
        return Tensor(storage, None, offset, size, stride, metadata)


class RebuildTensorV3(Rebuild):
    __slots__ = ()

    def __call__(self, storage, offset, size, stride, requires_grad, hooks,
                 dtype, metadata=None):
        return Tensor(storage, dtype, offset, size, stride, metadata)


class RebuildParameter(Rebuild):
    """With and without state: the value is the tensor inside."""

    __slots__ = ()

    def __call__(self, tensor, requires_grad, hooks, state=None):
        return tensor


class RebuildFromType(Rebuild):
    """A tensor subclass, or a tensor with attributes: both are dropped.

    A wrapper subclass keeps its data in the state, in a layout of its own.
    """

    __slots__ = ()

    def __call__(self, function, cls, args, state):
        if not isinstance(function, Rebuild) or type(args) is not tuple:
            return Unrepresentable("tensor subclass " + global_name(cls))
        tensor = function(*args)
        if type(tensor) is Unrepresentable and cls is not TENSOR_CLASS:
            return Unrepresentable(f"{tensor.kind} ({global_name(cls)})")
        return tensor


class RebuildOnDevice(Rebuild):
    """_rebuild_device_tensor_from_cpu_tensor: the data is the CPU tensor."""

    __slots__ = ()

    def __call__(self, tensor, dtype, device, requires_grad):
        if type(tensor) is Tensor and type(tensor.storage) is Storage:
            if dtype is (tensor.dtype or tensor.storage.cls.dtype):
                return tensor
        return Unrepresentable("device tensor converted to another dtype")


class RebuildNothing(Rebuild):
    """Sound, but nothing we can write."""

    __slots__ = ("kind",)

    def __init__(self, kind):
        _set(self, "kind", kind)

    def __call__(self, *args):
        return Unrepresentable(self.kind)


# --- other known functions

class MakeSize(Token):
    __slots__ = ()

    def __call__(self, size=()):
        if type(size) not in (tuple, list):
            raise TypeError(f"torch.Size of {type(size).__name__}")
        copies.spend(len(size))
        return tuple(size)


class MakeSet(Token):
    __slots__ = ()

    def __call__(self, members=()):
        if type(members) not in (list, tuple):
            raise TypeError(f"set of {type(members).__name__}")
        copies.spend(len(members))
        return SetStub(list(members))


class Encode(Token):
    """_codecs.encode(text, 'latin1'): how protocols 0 to 2 write bytes."""

    __slots__ = ()

    def __call__(self, text, encoding):
        if type(text) is not str or encoding not in ("latin1", "latin-1"):
            raise TypeError("_codecs.encode of other than (str, 'latin1')")
        copies.spend(len(text))
        return text.encode("latin-1")


class MakeBytes(Token):
    """bytes and bytearray, never from a number: that would allocate it."""

    __slots__ = ()

    def __call__(self, data=b"", encoding=None):
        if type(data) is str:
            return ENCODE(data, encoding)
        if type(data) not in (bytes, bytearray) or encoding is not None:
            raise TypeError(f"bytes made from {type(data).__name__}")
        copies.spend(len(data))
        return bytes(data)


class GetAttribute(Token):
    """getattr(Outer, 'Inner') is how protocols 2 and 3 name a nested class."""

    __slots__ = ()

    def __call__(self, owner, name, default=None):
        if is_stub_type(owner) and type(name) is str:
            module, outer = owner.origin
            check_global(module, outer + name)
            copies.spend(COPIES_PER_TYPE)
            return stub_type((module, f"{outer}.{name}"))
        return Stub(owner, name)


class Reconstruct(Token):
    """copyreg._reconstructor(cls, base, state): objects in protocols 0, 1."""

    __slots__ = ()

    def __call__(self, cls, base, state):
        value = NEW_OBJECT(cls)
        if type(value) is DictStub:
            DictStub.__init__(value, state)
        elif isinstance(value, Stub) and state is not None:
            value.record.args = (state,)
        return value


class NewObject(Token):
    """copyreg.__newobj__(cls, *args), where an object asks for it by name."""

    __slots__ = ()

    def __call__(self, cls, *args):
        if type(cls) is not Closed:
            raise TypeError(f"new object of {global_name(cls)}")
        return cls.__new__(cls, *args)


class NewObjectEx(Token):
    __slots__ = ()

    def __call__(self, cls, args, kwargs):
        if type(args) is not tuple or type(kwargs) is not dict:
            raise TypeError("__newobj_ex__ with odd arguments")
        return NEW_OBJECT(cls, *args)


# --- the closed table: every name that means something

ENCODE = Encode()
NEW_OBJECT = NewObject()

# storage class: dtype, bytes per element
STORAGE_CLASSES = {
    "DoubleStorage": ("float64", 8),
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
    "ComplexDoubleStorage": ("complex128", 16),
    "ComplexFloatStorage": ("complex64", 8),
    "QInt8Storage": ("qint8", 1),
    "QUInt8Storage": ("quint8", 1),
    "QInt32Storage": ("qint32", 4),
    "QUInt4x2Storage": ("quint4x2", 1),
    "QUInt2x4Storage": ("quint2x4", 1),
    "UntypedStorage": ("uint8", 1),
}

# dtypes that have no storage class of their own
MORE_DTYPES = """
complex32 uint16 uint32 uint64 float8_e4m3fn float8_e5m2 float8_e4m3fnuz
float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 bits8 bits16 bits1x8 bits2x4
bits4x2
""".split()

DTYPE_ALIASES = {
    "double": "float64", "float": "float32", "half": "float16",
    "long": "int64", "int": "int32", "short": "int16",
    "cfloat": "complex64", "cdouble": "complex128", "chalf": "complex32",
}

NO_TENSORS = {
    "_rebuild_qtensor": "quantized tensor",
    "_rebuild_sparse_tensor": "sparse tensor",
    "_rebuild_sparse_csr_tensor": "sparse tensor",
    "_rebuild_nested_tensor": "nested tensor",
    "_rebuild_meta_tensor_no_storage": "meta tensor, which has no data",
    "_rebuild_device_tensor_from_numpy": "device tensor stored by numpy",
    "_rebuild_xla_tensor": "XLA tensor",
    "_rebuild_wrapper_subclass": "wrapper tensor subclass",
}


class TensorClass(Token):
    """torch.Tensor as a value; it is never called."""

    __slots__ = ()


TENSOR_CLASS = TensorClass()


def _make_table():
    table = {
        ("torch._utils", "_rebuild_tensor"): RebuildTensor(),
        ("torch._utils", "_rebuild_tensor_v2"): RebuildTensorV2(),
        ("torch._utils", "_rebuild_tensor_v3"): RebuildTensorV3(),
        ("torch._utils", "_rebuild_parameter"): RebuildParameter(),
        ("torch._utils", "_rebuild_parameter_with_state"): RebuildParameter(),
        ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"):
            RebuildOnDevice(),
        ("torch._tensor", "_rebuild_from_type"): RebuildFromType(),
        ("torch._tensor", "_rebuild_from_type_v2"): RebuildFromType(),
        ("torch.tensor", "_rebuild_from_type"): RebuildFromType(),
        ("torch.nn.parameter", "Parameter"): OldParameter,
        ("torch.autograd.variable", "Variable"): OldParameter,
        ("torch", "Tensor"): TENSOR_CLASS,
        ("torch", "Size"): MakeSize(),
        ("_codecs", "encode"): ENCODE,
        ("collections", "OrderedDict"): DictStub,
        ("collections", "Counter"): DictStub,
        ("collections", "defaultdict"): DictStub,
    }
    for name, kind in NO_TENSORS.items():
        table["torch._utils", name] = RebuildNothing(kind)
    for name in "UninitializedParameter", "UninitializedBuffer":
        table["torch.nn.parameter", name] = RebuildNothing(
            "lazy parameter, which has no data yet")
    table["torch.nested._internal.nested_tensor", "_rebuild_njt"] = \
        RebuildNothing("nested tensor")
    # Protocols 0 to 2 use the names of Python 2.
    for module in "builtins", "__builtin__":
        table[module, "set"] = table[module, "frozenset"] = MakeSet()
        table[module, "bytes"] = table[module, "bytearray"] = MakeBytes()
        table[module, "getattr"] = GetAttribute()
    for module in "copyreg", "copy_reg":
        table[module, "_reconstructor"] = Reconstruct()
        table[module, "__newobj__"] = NEW_OBJECT
        table[module, "__newobj_ex__"] = NewObjectEx()
    _add_storages_and_dtypes(table)
    return table


def _add_storages_and_dtypes(table):
    dtypes = {name: Dtype(name) for name in MORE_DTYPES}
    for name, (dtype, itemsize) in STORAGE_CLASSES.items():
        dtypes.setdefault(dtype, Dtype(dtype))
        token = StorageClass(name, dtypes[dtype], itemsize)
        for module in "torch", "torch.cuda", "torch.storage":
            table[module, name] = token
            if name == "UntypedStorage":    # its name in 1.11 and 1.12
                table[module, "_UntypedStorage"] = token
        if name != "UntypedStorage":
            for module in "torch", "torch.cuda":
                table[module, name.replace("Storage", "Tensor")] = OldTensor
    for name, dtype in dtypes.items():
        table["torch", name] = dtype
    for alias, name in DTYPE_ALIASES.items():
        table["torch", alias] = dtypes[name]


TABLE = _make_table()

# Stub types are kept from one pickle to the next: they hold nothing but their
# name, and a policy's classes are the same in each checkpoint of a run.
_stub_types = {}


def check_global(module, name):
    if len(module) + len(name) > MAX_GLOBAL_LENGTH:
        raise Refused(LIMIT, f"names a global of {len(module) + len(name)} "
                      f"characters, limit {MAX_GLOBAL_LENGTH}")


def stub_type(origin):
    cls = _stub_types.get(origin)
    if cls is None:
        cls = Closed("Stub", (Stub,), {"__slots__": (), "origin": origin})
        _stub_types[origin] = cls
    return cls


# --- the unpickler

class Reader:
    """A pickle as a file that the C unpickler reads in one piece.

    It peeks before it reads, and reading is only left to be done where the
    pickle ends too early, or to be told how much was used.  So nothing is
    copied, and no opcode costs a call.
    """

    __slots__ = "data", "consumed"

    def __init__(self, data):
        self.data = data
        self.consumed = 0

    def peek(self, nbytes):
        data = self.data
        self.data = b""
        return data

    def read(self, nbytes):
        self.consumed += nbytes
        return b""

    def readline(self):
        return b""


_KEY_CHARACTERS = frozenset(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-")


class RestrictedUnpickler(_pickle.Unpickler):
    def __init__(self, reader):
        # Python 2 wrote byte strings where it meant text: this never fails,
        # and what is no UTF-8 cannot become a key later.
        super().__init__(reader, fix_imports=False, encoding="utf-8",
                         errors="surrogateescape")
        self.globals = {}       # in order of first use
        self.storages = {}      # by key

    def find_class(self, module, name):
        origin = module, name
        if origin not in self.globals:
            if len(self.globals) >= MAX_GLOBALS:
                raise Refused(LIMIT, f"names over {MAX_GLOBALS} globals")
            check_global(module, name)
            self.globals[origin] = None
        return TABLE.get(origin) or stub_type(origin)

    def persistent_load(self, pid):
        if type(pid) is str:
            raise Refused(UNSUPPORTED, "persistent id is text: the file was "
                          "saved with pickle protocol 0, which loses it")
        if type(pid) is not tuple or not pid or type(pid[0]) is not str:
            raise Refused(CORRUPT, "persistent id is no tuple with a tag")
        if pid[0] != "storage":
            raise Refused(UNSUPPORTED,
                          f"persistent id of kind {pid[0][:40]!r}")
        if len(pid) != 5:
            raise Refused(CORRUPT, f"persistent id of {len(pid)} items, not 5")
        _, cls, key, location, numel = pid
        if type(cls) is not StorageClass:
            raise Refused(UNSUPPORTED, f"storage class {global_name(cls)}")
        if type(key) is not str or type(numel) is not int:
            raise Refused(CORRUPT, "persistent id with a key of type "
                          f"{type(key).__name__} and a count of type "
                          f"{type(numel).__name__}")
        storage = self.storages.get(key)
        if storage is None:
            return self.new_storage(key, cls, numel, location)
        if storage.cls is not cls or storage.numel != numel:
            self.check_same(storage, cls, numel)
        return storage

    def new_storage(self, key, cls, numel, location):
        if not (1 <= len(key) <= 64 and _KEY_CHARACTERS.issuperset(key)) \
                or key in (".", ".."):
            raise Refused(CORRUPT, f"storage key {key[:80]!r}")
        if not 0 <= numel < NUMBER_LIMIT:
            raise Refused(CORRUPT,
                          f"storage {key} of {short(numel)} elements")
        if len(self.storages) >= MAX_STORAGES:
            raise Refused(LIMIT, f"names over {MAX_STORAGES} storages")
        storage = Storage(key, cls, numel, location)
        self.storages[key] = storage
        return storage

    @staticmethod
    def check_same(storage, cls, numel):
        """One storage is one storage: torch writes it under two classes only
        where a uint8 tensor and an untyped view share it."""
        bytes_only = "ByteStorage", "UntypedStorage"
        if storage.cls is not cls and not (storage.cls.name in bytes_only
                                           and cls.name in bytes_only):
            raise Refused(CORRUPT, f"storage {storage.key} is a "
                          f"{storage.cls.name} and a {cls.name}")
        if storage.numel != numel:
            raise Refused(CORRUPT, f"storage {storage.key} has "
                          f"{storage.numel} elements and {short(numel)}")


def short(number):
    """A number of the pickle's for a message: it may have 10^6 digits."""
    if type(number) is int and number.bit_length() > 100:
        return f"a number of {number.bit_length()} bits"
    return str(number) if type(number) is int else global_name(number)


class Loaded:
    """What one pickle held."""

    __slots__ = "top", "globals", "nbytes", "trailing"


def load(data):
    if len(_stub_types) > MAX_KEPT_STUB_TYPES:
        _stub_types.clear()
    copies.left = SPARE_COPIES + len(data)
    reader = Reader(data)
    unpickler = RestrictedUnpickler(reader)
    loaded = Loaded()
    loaded.top = unpickler.load()
    loaded.globals = list(unpickler.globals)
    loaded.nbytes = len(data)
    loaded.trailing = len(data) - reader.consumed
    return loaded
