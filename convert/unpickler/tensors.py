"""Storages and tensors as a pickle describes them, and what rebuilds them."""

from inert import Closed, Stub, Token, global_name, refuse_state, set_slot


class StorageClass(Token):
    __slots__ = "name", "dtype", "itemsize"
    shown = "storage class"

    def __init__(self, name, dtype, itemsize):
        set_slot(self, "name", name)
        set_slot(self, "dtype", dtype)
        set_slot(self, "itemsize", itemsize)


class Dtype(Token):
    __slots__ = ("name",)
    shown = "dtype"

    def __init__(self, name):
        set_slot(self, "name", name)


class Storage(Token):
    """One storage, by its persistent id."""

    __slots__ = "key", "cls", "numel", "location"
    shown = "storage"
    data = None         # its bytes are in the container

    def __init__(self, key, cls, numel, location):
        set_slot(self, "key", key)
        set_slot(self, "cls", cls)
        set_slot(self, "numel", numel)
        set_slot(self, "location", location)


class InlineStorage(Storage):
    """A storage whose bytes are in the pickle."""

    __slots__ = ("data",)

    def __init__(self, key, cls, numel, location, data):
        Storage.__init__(self, key, cls, numel, location)
        set_slot(self, "data", data)


class StorageView(Token):
    """A part of a storage, in elements of its class: torch before 0.4 had
    these.  What a tensor says is relative to the view."""

    __slots__ = "storage", "offset", "numel"
    shown = "storage"

    def __init__(self, storage, offset, numel):
        set_slot(self, "storage", storage)
        set_slot(self, "offset", offset)
        set_slot(self, "numel", numel)


class Tensor(metaclass=Closed):
    """A tensor as the pickle describes it; nothing in it is checked yet.

    The checks come when it turns out to be part of the state dict, so that
    they can name its key and odd tensors elsewhere do no harm.  (BUILD ends
    in __setstate__; __setattr__ stays usable because a large checkpoint makes
    many of these.)
    """

    __slots__ = "storage", "dtype", "offset", "size", "stride", "metadata"
    shown = "tensor"
    __setstate__ = refuse_state

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
    shown = "tensor"
    __setattr__ = __delattr__ = refuse_state

    def __new__(cls):
        tensor = object.__new__(cls)
        set_slot(tensor, "tensor", None)
        return tensor

    def __setstate__(self, state):
        if type(state) is not tuple or len(state) != 4:
            refuse_state()
        storage, offset, size, stride = state
        tensor = Tensor(storage, None, offset, size, stride, None)
        set_slot(self, "tensor", tensor)


class OldParameter(metaclass=Closed):
    """Before 0.4: Parameter or Variable, (data,) or () and a state.

    The state is (requires_grad, volatile, hooks), or with the data
    (data, grad, hooks, requires_grad, volatile).
    """

    __slots__ = ("tensor",)
    shown = "parameter"
    __setattr__ = __delattr__ = refuse_state

    def __new__(cls, data=None, requires_grad=True):
        parameter = object.__new__(cls)
        set_slot(parameter, "tensor", data)
        return parameter

    def __setstate__(self, state):
        if type(state) is not tuple or len(state) not in (3, 5):
            refuse_state()
        if len(state) == 5:
            set_slot(self, "tensor", state[0])


class Unrepresentable(Token):
    """A tensor that has no place in a safetensors file; 'kind' says why."""

    __slots__ = ("kind",)

    def __init__(self, kind):
        set_slot(self, "kind", kind)


# --- the functions of torch that rebuild tensors

def checked(value):
    """A tensor, or what stands for one.  Never a list or dict: handed through,
    it would get a second name, by which the scan does not know it."""
    if not isinstance(value, (Tensor, OldTensor, OldParameter, Unrepresentable,
                              Stub)):
        raise TypeError(f"tensor rebuilt from {global_name(value)}")
    return value


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
        return checked(tensor)


class RebuildFromType(Rebuild):
    """A tensor subclass, or a tensor with attributes: both are dropped.

    A wrapper subclass keeps its data in the state, in a layout of its own.
    """

    __slots__ = ()

    def __call__(self, function, cls, args, state):
        if not isinstance(function, Rebuild) or type(args) is not tuple:
            return Unrepresentable("tensor subclass " + global_name(cls))
        tensor = checked(function(*args))
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
        set_slot(self, "kind", kind)

    def __call__(self, *args):
        return Unrepresentable(self.kind)


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
