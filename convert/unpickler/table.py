"""The closed table: every name of a pickle that means something."""

from inert import (STUB_TYPE_COST, Closed, DictStub, SetStub, Stub, Token,
                   check_global, copies, global_name, is_stub_type, stub_type)
from tensors import (DTYPE_ALIASES, MORE_DTYPES, NO_TENSORS, STORAGE_CLASSES,
                     TENSOR_CLASS, Dtype, OldParameter, OldTensor,
                     RebuildFromType, RebuildNothing, RebuildOnDevice,
                     RebuildParameter, RebuildTensor, RebuildTensorV2,
                     RebuildTensorV3, StorageClass)


class MakeSize(Token):
    __slots__ = ()

    def __call__(self, size=()):
        if type(size) not in (tuple, list):
            raise TypeError(f"torch.Size of {type(size).__name__}")
        copies.spend(len(size))
        if any(type(n) is not int for n in size):
            raise TypeError("torch.Size of what is no int")
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
            copies.spend(STUB_TYPE_COST)
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


ENCODE = Encode()
NEW_OBJECT = NewObject()


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
