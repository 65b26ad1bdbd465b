"""From an unpickled module or dict to a state dict: key -> tensor, in order.

A whole module gives what its state_dict() would have given.  Everything walks
with a stack of its own and a limit in proportion to the pickle: a few bytes
can describe an object that is deeper than Python recurses, contains itself,
or has 2^50 paths through it.
"""

from inert import (LIMIT, UNSUPPORTED, DictStub, Refused, SetStub, Stub,
                   copies, global_name)
from tensors import OldParameter, OldTensor, Tensor, Unrepresentable

MAX_DEPTH = 1000            # of modules; torch's own walk recurses
MAX_KEY_LENGTH = 10_000
MAX_NOTES = 20

# What a pickle may be worth beyond its size: shared modules appear under each
# of their names.
SPARE_VISITS, NBYTES_PER_VISIT = 100_000, 8
SPARE_KEY_LENGTH, KEY_LENGTH_PER_BYTE = 8 << 20, 8

# In the instance dict of every nn.Module.
MODULE_DICTS = "_parameters", "_buffers", "_modules"

# Their state_dict() is their own affair.
REFUSED_MODULES = (
    "torch.ao.nn.quantized.", "torch.ao.nn.intrinsic.quantized.",
    "torch.ao.nn.sparse.quantized.", "torch.ao.quantization.",
    "torch.nn.quantized.", "torch.nn.intrinsic.quantized.",
    "torch.quantization.", "torch.distributed.fsdp.", "transformer_engine.",
)
# FSDP flattens the parameters of a module into one, of which each rank saves a
# part; fairscale numbers them.
FLAT_PARAMETER = "flat_param"

HARMLESS_HOOKS = {
    # It only adds a version to the metadata.
    ("torch.nn.utils.spectral_norm", "SpectralNormStateDictHook"),
}


def is_dict(value):
    return type(value) is dict or type(value) is DictStub


def instance_attributes(value):
    """The instance dict that a stub's state describes, or None.

    The state is the dict, or (dict or None, slots) of a class with slots.
    """
    if not isinstance(value, Stub):
        return None
    record = value.record
    if record.attributes is None and len(record.states) == 1:
        state, = record.states
        if is_dict(state):
            record.attributes = state
        elif type(state) is tuple and len(state) == 2:
            dicts = [part for part in state if is_dict(part)]
            if len(dicts) == 2:
                copies.spend(len(dicts[0]) + len(dicts[1]))
                dicts[0] = dict(dicts[0])
                dict.update(dicts[0], dicts[1])
            if dicts:
                record.attributes = dicts[0]
    return record.attributes


def module_attributes(value):
    """The instance dict of a pickled nn.Module, or None if it is none."""
    if not isinstance(value, Stub):
        return None
    args = value.record.args
    if value.origin == ("torch.fx.graph_module", "reduce_graph_module"):
        found = args[0] if args and is_dict(args[0]) else None
    else:
        found = instance_attributes(value)
        if (value.origin == ("torch._dynamo.eval_frame", "OptimizedModule")
                and args and (found is None or "_modules" not in found)):
            return {"_parameters": {}, "_buffers": {},
                    "_modules": {"_orig_mod": args[0]}}
    if found is None:
        return None
    for name in MODULE_DICTS:
        if not is_dict(dict.get(found, name)):
            return None
    return found


def plain_tensor(value):
    """The Tensor or Unrepresentable in a value, or None."""
    for _ in range(4):
        if type(value) is Tensor or type(value) is Unrepresentable:
            return value
        if type(value) is not OldTensor and type(value) is not OldParameter:
            return None
        value = value.tensor
    return None


class Walk:
    """Collects tensors by key, with the limits."""

    def __init__(self, nbytes):
        self.tensors = {}
        self.notes = []
        self.visits = SPARE_VISITS + nbytes // NBYTES_PER_VISIT
        self.key_length = SPARE_KEY_LENGTH + nbytes * KEY_LENGTH_PER_BYTE

    def visit(self, key, count=1):
        """Pay for looking at a key, or at count things below it."""
        self.visits -= count
        self.key_length -= len(key)
        if self.visits < 0 or self.key_length < 0:
            raise Refused(LIMIT, "shared modules have more names than a "
                          "pickle of this size is allowed", key[:200])
        if len(key) > MAX_KEY_LENGTH:
            raise Refused(LIMIT, f"key of {len(key)} characters, limit "
                          f"{MAX_KEY_LENGTH}", key[:200])

    def emit(self, key, value):
        tensor = plain_tensor(value)
        if tensor is None:
            raise Refused(UNSUPPORTED, "not a tensor but of type "
                          + global_name(value), key)
        if type(tensor) is Unrepresentable:
            raise Refused(UNSUPPORTED, tensor.kind, key)
        if FLAT_PARAMETER in key and is_flat_parameter(key):
            raise Refused(UNSUPPORTED, "a shard of FSDP's flattened "
                          "parameters, not a parameter of the policy", key)
        self.visit(key)
        self.tensors[key] = tensor

    def note(self, text):
        if text not in self.notes and len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def state_dict(self, top):
        for key, value in dict.items(top):
            if type(key) is not str:
                raise Refused(UNSUPPORTED, "state dict has a key of type "
                              + global_name(key))
            self.emit(key, value)

    # A module emits its parameters, its buffers, then its children.

    def module(self, top):
        stack = [("", top, self.enter("", top))]
        on_path = {id(top)}
        while stack:
            prefix, module, children = stack[-1]
            for name, child in children:
                if child is None:
                    continue
                inner = self.join(prefix, name) + "."
                if id(child) in on_path:
                    raise Refused(UNSUPPORTED, "module contains itself",
                                  inner[:-1])
                if len(stack) >= MAX_DEPTH:
                    raise Refused(LIMIT, "modules nested more than "
                                  f"{MAX_DEPTH} deep", inner[:200])
                stack.append((inner, child, self.enter(inner, child)))
                on_path.add(id(child))
                break
            else:
                stack.pop()
                on_path.remove(id(module))

    def enter(self, prefix, module):
        """Emit the module's own tensors; returns an iterator of children."""
        found = module_attributes(module)
        if found is None:
            raise Refused(UNSUPPORTED, "not a module but of type "
                          + global_name(module), prefix[:-1])
        left_out = self.left_out(prefix, found)
        self.visit(prefix, 1 + len(left_out) + len(found["_parameters"])
                   + len(found["_buffers"]) + len(found["_modules"]))
        self.look_at_class(prefix, module, found)
        for name, value in dict.items(found["_parameters"]):
            if value is not None:
                self.emit(self.join(prefix, name), value)
        left_out = {name for name in left_out if type(name) is str}
        for name, value in dict.items(found["_buffers"]):
            if value is not None and name not in left_out:
                self.emit(self.join(prefix, name), value)
        return iter(dict.items(found["_modules"]))

    @staticmethod
    def left_out(prefix, found):
        """What the set of buffers holds that are not saved; old pickles have
        no such set."""
        if "_non_persistent_buffers_set" not in found:
            return ()
        value = found["_non_persistent_buffers_set"]
        if type(value) is SetStub:
            return value.members
        if type(value) in (set, frozenset):
            return value
        raise Refused(UNSUPPORTED, "module whose _non_persistent_buffers_set "
                      "is of type " + global_name(value), prefix[:-1])

    @staticmethod
    def join(prefix, name):
        if type(name) is not str:
            raise Refused(UNSUPPORTED, f"name of type {global_name(name)}",
                          prefix[:-1])
        return prefix + name

    def look_at_class(self, prefix, module, found):
        if (module.origin[0] + ".").startswith(REFUSED_MODULES):
            raise Refused(UNSUPPORTED, f"module {global_name(module)} has "
                          "a state dict of its own kind", prefix[:-1])
        for name in "_state_dict_hooks", "_state_dict_pre_hooks":
            hooks = dict.get(found, name)
            if not hooks or not is_dict(hooks):
                continue
            self.visit("", len(hooks))
            if any(getattr(hook, "origin", None) not in HARMLESS_HOOKS
                   for hook in dict.values(hooks)):
                self.note(f"module {prefix[:-1] or 'at the top'} "
                          f"({global_name(module)}) had {name[1:]}, which "
                          "were not run")


def is_flat_parameter(key):
    name = key.rpartition(".")[2]
    return name.lstrip("_").rstrip("_0123456789") == FLAT_PARAMETER
