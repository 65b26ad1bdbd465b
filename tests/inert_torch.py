"""torch.load that imports nothing: the reference for checkpoints that were damaged.

torch's own code reads the container and makes the tensors.  Of the names in a pickle it
gets torch's rebuild functions and modules as they are, and for every other name a class
that does nothing, so that a mutated name can neither import nor call.
"""

import collections
import io
import pickle
import types

import torch

# torch writes storages of bytes into streams, and on reading asks for this.
torch.storage.UntypedStorage.dtype = torch.uint8

REAL = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch", "Size"): torch.Size,
    ("torch.storage", "UntypedStorage"): torch.UntypedStorage,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}


class Broken:
    """A tensor that torch cannot make.  It does no harm where no weight belongs: a state
    dict has none of a module's other tensors."""

    def __init__(self, why):
        self.why = why


def of_storage(function):
    """A function that makes a tensor of a storage.  Whether it wants a gradient, and its
    hooks, are nothing to the weights; that a stream's storage would grow, is."""

    def rebuild(storage, offset, size, stride, requires_grad=False, hooks=None, *more):
        try:
            flags = () if function is torch._utils._rebuild_tensor else (False, {}, *more)
            untyped = storage._untyped_storage
            held = untyped.nbytes()
            tensor = function(storage, offset, size, stride, *flags)
        except Exception as fault:
            return Broken(fault)
        if untyped.nbytes() == held:
            return tensor
        untyped.resize_(held)
        return Broken("a view past its storage")

    return rebuild


def parameter(tensor, requires_grad=False, hooks=None, state=None):
    return tensor


REAL |= {
    ("torch._utils", name): of_storage(getattr(torch._utils, name))
    for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
}
REAL |= {
    ("torch._utils", name): parameter
    for name in ("_rebuild_parameter", "_rebuild_parameter_with_state")
}
REAL |= {
    ("torch", str(dtype).removeprefix("torch.")): dtype
    for dtype in vars(torch).values()
    if isinstance(dtype, torch.dtype)
}

# What safetensors calls the dtypes that it has.
DTYPES = {
    getattr(torch, name): dtype
    for name, dtype in {
        "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "uint16": "U16",
        "int32": "I32", "uint32": "U32", "int64": "I64", "uint64": "U64",
        "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
        "complex64": "C64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
    }.items()
}  # fmt: skip


class Inert:
    """What stands for every class and function that is not in the table."""

    state = None

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return Inert()

    def __setstate__(self, state):
        self.state = state

    append = extend = add = __setitem__ = lambda self, *args: None


class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return lambda data: load(data)
        return REAL.get((module, name)) or type(name, (Inert,), {})


def read(file, **options):
    return Unpickler(file, **options).load()


PICKLE = types.ModuleType("inert_pickle")
PICKLE.Unpickler, PICKLE.load = Unpickler, read


def load(data):
    """The object of an archive or a stream."""
    return torch.load(
        io.BytesIO(data), map_location="cpu", pickle_module=PICKLE, weights_only=False
    )


def load_plain(data):
    """The object of a plain pickle."""
    return read(io.BytesIO(data))


MODULE_DICTS = "_parameters", "_buffers", "_modules"


def is_module(value):
    state = getattr(value, "state", None)
    return type(state) is dict and all(
        isinstance(state.get(name), dict) for name in MODULE_DICTS
    )


def state_dict_of(module, prefix="", path=()):
    """What state_dict() of a module says whose class is not there."""
    if not is_module(module) or id(module) in path:
        raise ValueError(f"{prefix}: no module")
    parts = module.state
    left_out = parts.get("_non_persistent_buffers_set", ())
    kept = {name: b for name, b in parts["_buffers"].items() if name not in left_out}
    weights = {}
    for name, tensor in [*parts["_parameters"].items(), *kept.items()]:
        if tensor is not None:
            weights[prefix + name] = tensor
    for name, child in parts["_modules"].items():
        if child is not None:
            weights |= state_dict_of(child, f"{prefix}{name}.", (*path, id(module)))
    return weights


def described(value):
    """A state dict, or a module's, as {name: (dtype, shape, bytes)}."""
    weights = state_dict_of(value) if isinstance(value, Inert) else value
    if not isinstance(weights, dict):
        raise ValueError("neither a module nor a state dict")
    return {name: describe(tensor) for name, tensor in dict.items(weights)}


def describe(tensor):
    if not isinstance(tensor, torch.Tensor):
        raise ValueError(f"no tensor: {getattr(tensor, 'why', tensor)}")
    resolved = tensor.detach().resolve_conj().resolve_neg()
    dense = resolved.clone(memory_format=torch.contiguous_format).reshape(-1)
    content = dense.view(torch.uint8).numpy().tobytes()
    return DTYPES[tensor.dtype], list(tensor.shape), content
