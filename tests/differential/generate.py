"""Random checkpoints, reproducible from a seed, for the comparison with torch.

    generate.py DIRECTORY --seed N [--torch COUNT] [--mpt COUNT]

writes DIRECTORY/torch (state dicts and whole modules, as torch archives and as zips
with policy.pt) and DIRECTORY/mpt (zips of weights and architecture text).  Runs under
old releases of torch as well; only --mpt needs safetensors.  Whole modules are built of
torch.nn classes alone, so that any other release can load them.
"""

import argparse
import io
import random
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

RUN = "random.run"
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

    def leaf(self):
        """One module of torch.nn with weights of its own."""
        pick = self.pick
        wide, narrow, flag = pick.randint(2, 5), pick.randint(1, 3), self.chance(0.5)
        return pick.choice([
            lambda: nn.Linear(wide, narrow, bias=flag),
            lambda: nn.Conv2d(narrow, wide, 2, bias=flag),
            lambda: nn.ConvTranspose1d(wide, narrow, 3),
            lambda: nn.BatchNorm1d(wide, affine=flag, track_running_stats=not flag),
            lambda: nn.BatchNorm2d(wide),
            lambda: nn.InstanceNorm1d(wide, affine=flag, track_running_stats=True),
            lambda: nn.LayerNorm(wide, elementwise_affine=flag),
            lambda: nn.GroupNorm(1, wide),
            lambda: nn.Embedding(wide, narrow, padding_idx=0),
            lambda: nn.EmbeddingBag(wide, narrow),
            lambda: nn.LSTM(wide, narrow, num_layers=2, bidirectional=flag),
            lambda: nn.GRU(wide, narrow),
            lambda: nn.LSTMCell(wide, narrow, bias=flag),
            lambda: nn.MultiheadAttention(wide * 2, 2, bias=flag),
            lambda: nn.Bilinear(narrow, narrow, wide),
            lambda: nn.PReLU(narrow),
            lambda: nn.TransformerEncoderLayer(4, 2, dim_feedforward=4),
            lambda: nn.utils.weight_norm(nn.Linear(wide, narrow)),
            lambda: nn.utils.spectral_norm(nn.Linear(wide, narrow)),
            lambda: nn.Sequential(nn.Flatten(), nn.Dropout(), nn.ReLU()),
            lambda: nn.Identity(),
        ])()  # fmt: skip

    def module(self, depth=0):
        """A tree of modules, with all that may lie in one besides weights."""
        if depth == 3 or (depth and self.chance(0.35)):
            module = self.leaf()
            if self.chance(0.3):
                getattr(module, self.pick.choice(["half", "bfloat16", "double"]))()
        else:
            module = self.container(depth)
        self.decorate(module)
        return module

    def container(self, depth):
        children = [self.module(depth + 1) for _ in range(self.pick.randint(1, 4))]
        if self.chance(0.2):
            children.append(self.pick.choice(children))  # shared: under both names
        kind = self.pick.randrange(6)
        if kind == 0:
            return nn.Sequential(*children)
        if kind == 1:
            return nn.ModuleList(children)
        if kind == 2:
            return nn.ModuleDict({self.attribute(): child for child in children})
        if kind == 3 and len(children) == 1:
            return nn.DataParallel(children[0])
        module = nn.Module()
        for child in children:
            module.add_module(self.attribute(), child)
        if kind == 4:
            module.add_module("_orig_mod", self.leaf())
        if kind == 5:
            module.add_module("numbers", self.parameters())
        return module

    def parameters(self):
        values = [nn.Parameter(torch.randn(2, 3)) for _ in range(2)]
        if self.chance(0.5):
            return nn.ParameterList(values)
        return nn.ParameterDict({self.attribute(): value for value in values})

    def decorate(self, module):
        """Buffers kept and not kept, None entries, tied weights, loose tensors."""
        if self.chance(0.3):
            module.register_buffer(self.attribute(), self.tensor())
        if self.chance(0.15):
            module.register_buffer(self.attribute(), self.tensor(), persistent=False)
        if self.chance(0.15):
            module.register_buffer(self.attribute(), None)
        if self.chance(0.15):
            module.register_parameter(self.attribute(), None)
        if self.chance(0.15):
            module.add_module(self.attribute(), None)
        if self.chance(0.15):
            module.loose = self.tensor()
        if self.chance(0.15):
            for parameter in list(module.parameters())[:1]:
                module.register_parameter(self.attribute(), parameter)
        if self.chance(0.1):
            marked = nn.Parameter(torch.randn(3, 2).t())
            marked.origin = "a parameter with an attribute is pickled another way"
            module.register_parameter(self.attribute(), marked)

    def checkpoint(self):
        if self.chance(0.5):
            return self.state_dict()
        module = self.module()
        if not module.state_dict():
            module.register_buffer("only", self.tensor())
        return module


def torch_bytes(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def write_torch(directory, number, seed):
    """A checkpoint of one of the two containers made by torch.save."""
    builder = Builder(seed)
    value = builder.checkpoint()
    path = directory / f"{RUN}:v{number}{builder.pick.choice(['.pt', '.mpt'])}"
    kind = builder.pick.randrange(3)
    if kind == 0:
        torch.save(value, str(path))  # the root is named after the file
    elif kind == 1:
        path.write_bytes(torch_bytes(value))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("policy.pt", torch_bytes(value))


def write_mpt(directory, number, seed):
    """A zip of weights and text; the blob is made by the safetensors package."""
    import safetensors.torch

    builder = Builder(seed)
    weights = {
        name: tensor.resolve_conj().resolve_neg().contiguous().clone()
        for name, tensor in builder.state_dict().items()
    }
    metadata = builder.pick.choice([None, {"format": "pt"}, {"ключ": 'a "b"\n'}])
    text = f"random.policy_{number}.Config(note={builder.name()!r})"
    members = [
        ("weights.safetensors", safetensors.torch.save(weights, metadata)),
        ("modelarchitecture.txt", builder.pick.choice(["", "\n  "]) + text + "\n"),
        ("notes/extra.txt", "not asked for"),
    ]
    builder.pick.shuffle(members)
    method = builder.pick.choice([zipfile.ZIP_DEFLATED] * 4 + [zipfile.ZIP_STORED])
    with zipfile.ZipFile(directory / f"{RUN}:v{number}.mpt", "w", method) as archive:
        for name, payload in members:
            archive.writestr(name, payload)


def write_all(root, kind, write, count, seed):
    directory = root / kind / RUN / "checkpoints"
    directory.mkdir(parents=True)
    for number in range(count):
        write(directory, number, seed * 1_000_000 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--torch", type=int, default=0, metavar="COUNT")
    parser.add_argument("--mpt", type=int, default=0, metavar="COUNT")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    root, seed = arguments.directory, arguments.seed
    write_all(root, "torch", write_torch, arguments.torch, seed)
    write_all(root, "mpt", write_mpt, arguments.mpt, seed + 1)


if __name__ == "__main__":
    main()
