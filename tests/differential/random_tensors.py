"""Random tensors and state dicts, reproducible from a seed.

All that a tensor of a checkpoint can be: any dtype and any bits in it, views of any
shape over storages that others share, conj and neg flags.
"""

import random
from collections import OrderedDict

import torch
from torch import nn

OLD_DTYPES = (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64"
).split()
NEW_DTYPES = (
    "uint16 uint32 uint64 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz "
    "float8_e8m0fnu float4_e2m1fn_x2"
).split()
DTYPES = [
    getattr(torch, name) for name in OLD_DTYPES + NEW_DTYPES if hasattr(torch, name)
]
# 1.13 has the conj and neg flags too, but loses them when it saves.
FLAGS_ARE_SAVED = not torch.__version__.startswith("1.")
PLAIN_NAMES = (
    "weight bias running_mean encoder actor.0 module layers.10 layers.2 x"
).split()
ODD_CHARACTERS = "aZ09_- '\"\\/{}:,\t\n\r\b\f\x00\x1f\x7féß\u2028\uffff😀"
PREFIXES = [
    "", "", "", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.",
    "module.module.", "module._fsdp_wrapped_module.",
]  # fmt: skip


class Builder:
    """One checkpoint's worth of random choices."""

    def __init__(self, seed):
        self.pick = random.Random(seed)
        torch.manual_seed(seed)
        self.pool = []
        self.attributes = 0

    def chance(self, probability):
        return self.pick.random() < probability

    def name(self):
        if self.chance(0.7):
            return self.pick.choice(PLAIN_NAMES) + self.pick.choice(["", "_a", ".b"])
        length = self.pick.randint(1, 8)  # torch lets no module have an empty name
        return "".join(self.pick.choice(ODD_CHARACTERS) for _ in range(length))

    def attribute(self):
        """A name that register_buffer and its like take: no dot, and a new one."""
        self.attributes += 1
        return f"{self.name().replace('.', '_')}_{self.attributes}"

    def shape(self):
        rank = self.pick.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5])
        sizes = [self.pick.choice([1, 2, 3, 4, 5]) for _ in range(rank)]
        if rank and self.chance(0.06):
            sizes[self.pick.randrange(rank)] = 0
        return sizes

    def bits(self, dtype, shape):
        """Any bit pattern the dtype has: NaN payloads and subnormals as well."""
        count = 1
        for size in shape:
            count *= size
        if dtype is torch.bool:
            return torch.rand(shape) > 0.5
        width = torch.empty(0, dtype=dtype).element_size()
        raw = torch.randint(0, 256, (max(count, 1) * width,), dtype=torch.uint8)
        return raw.view(dtype)[:count].reshape(shape)

    def view(self, tensor):
        """One more view over the same storage."""
        changes = [self.strided, self.expanded]
        if tensor.dim() >= 1 and tensor.numel():
            changes += [self.sliced, self.narrowed, self.selected]
        if tensor.dim() >= 2:
            changes += [self.transposed] * 3
        if tensor.dtype is torch.complex64 and FLAGS_ARE_SAVED:
            changes += [torch.conj] * 3
        return self.pick.choice(changes)(tensor)

    def sliced(self, tensor):
        where = [slice(None)] * tensor.dim()
        axis = self.pick.randrange(tensor.dim())
        start = self.pick.randint(0, tensor.shape[axis])
        where[axis] = slice(start, None, self.pick.randint(1, 3))
        return tensor[tuple(where)]

    def narrowed(self, tensor):
        axis = self.pick.randrange(tensor.dim())
        start = self.pick.randrange(tensor.shape[axis])
        length = self.pick.randint(1, tensor.shape[axis] - start)
        return tensor.narrow(axis, start, length)

    def selected(self, tensor):
        axis = self.pick.randrange(tensor.dim())
        return tensor.select(axis, self.pick.randrange(tensor.shape[axis]))

    def transposed(self, tensor):
        order = list(range(tensor.dim()))
        self.pick.shuffle(order)
        return tensor.permute(order)

    def expanded(self, tensor):
        return tensor.unsqueeze(0).expand(self.pick.randint(1, 3), *tensor.shape)

    def strided(self, tensor):
        """Sizes and strides at random as long as they stay inside the storage."""
        if not tensor.numel() or tensor.is_conj() or tensor.is_neg():
            return tensor
        room = tensor.storage().size() - tensor.storage_offset() - 1
        sizes, strides = [], []
        for _ in range(self.pick.randint(0, 4)):
            size = self.pick.randint(1, 3)
            stride = self.pick.randint(0, max(room // size, 0))
            room -= (size - 1) * stride
            sizes.append(size)
            strides.append(stride)
        return tensor.as_strided(sizes, strides, tensor.storage_offset())

    def tensor(self):
        """A new tensor, a view of one made before, or one of those once more."""
        if self.pool and self.chance(0.3):
            base = self.pick.choice(self.pool)
        else:
            base = self.bits(self.pick.choice(DTYPES), self.shape())
            if base.dtype is torch.complex64 and FLAGS_ARE_SAVED and self.chance(0.3):
                # The storage of these is float: not to be shared with complex ones.
                return self.pick.choice([base.conj().imag, base.imag, base.real])
            self.pool.append(base)
        for _ in range(self.pick.choice([0, 0, 1, 1, 2, 3])):
            base = self.view(base)
        if base.dim() == 0 and str(base.dtype) == "torch.float4_e2m1fn_x2":
            return base[None]  # half a byte has no place in the output format
        return base

    def state_dict(self):
        """Names to tensors; prefixes on all names, or on some, or clashing ones."""
        prefix = self.pick.choice(PREFIXES)
        on_all = self.chance(0.9)
        weights = OrderedDict() if self.chance(0.5) else {}
        for _ in range(self.pick.randint(1, 14)):
            front = prefix if on_all or self.chance(0.5) else ""
            weights[front + self.name()] = self.tensor()
        if self.chance(0.03):
            weights["a._orig_mod.clash"] = self.tensor()
            weights["a.clash"] = self.tensor()
        return weights

    def parametrized(self):
        """Modules with parametrizations cannot be pickled, their state dicts can."""
        parametrizations = nn.utils.parametrizations
        wrappers = [parametrizations.orthogonal, parametrizations.spectral_norm]
        if hasattr(parametrizations, "weight_norm"):
            wrappers.append(parametrizations.weight_norm)
        children = [self.pick.choice(wrappers)(nn.Linear(3, 3)) for _ in range(2)]
        return nn.Sequential(*children, nn.BatchNorm1d(2)).state_dict()
