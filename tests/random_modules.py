"""Random trees of torch.nn modules, reproducible from a seed.

    random_modules.py SEED COUNT

prints COUNT lines of JSON: a layout, a protocol, what torch.save or pickle
make of a module, in base64, and the state dict that it must give.  It runs
under old releases of torch as well.
"""

import base64
import io
import json
import pickle
import pickletools
import random
import sys
import warnings
import zipfile

import torch
import torch.nn.utils.prune
from torch import nn

NAMES = ["a", "z", "net", "0", "10", "1", "weights", "\xfc", "module"]
PROTOCOLS = 2, 3, 4, 5
LAYOUTS = "archive", "archive", "archive", "stream", "plain"


class Mixed(nn.Module):
    """What a module can hold beside its state dict, and None for much."""

    def __init__(self, r):
        super().__init__()
        self.z = nn.Parameter(torch.zeros(r.randint(0, 3)))
        self.a = nn.Linear(2, 2)
        self.register_parameter("nothing", None)
        self.register_buffer("kept", torch.arange(4))
        self.register_buffer("dropped", torch.zeros(9), persistent=False)
        self.register_buffer("none", None)
        self.add_module("void", None)
        self.plain = torch.ones(7)
        self.mixed = {"t": self.z, "m": [nn.Identity()], "s": {1, 2}}
        self.bare = self.a
        self.tied = nn.Linear(2, 2)
        self.tied.weight = self.a.weight
        self.cycle = [self.mixed]
        self.mixed["cycle"] = self.cycle


def hook(*ignored):
    return None


def hooked(r):
    module = nn.Linear(2, r.randint(1, 3))
    module.register_forward_hook(hook)
    module.register_forward_pre_hook(hook)
    return module


def transformer(r):
    return nn.TransformerEncoderLayer(4, 2, 8, batch_first=r.random() < .5)


def pruned(r):
    return nn.utils.prune.l1_unstructured(nn.Linear(3, 3), "weight", 2)


LEAVES = [
    lambda r: nn.Linear(r.randint(1, 3), r.randint(1, 3), r.random() < .5),
    lambda r: nn.Bilinear(2, 3, 2),
    lambda r: nn.Conv2d(2, 4, 3).to(memory_format=torch.channels_last),
    lambda r: nn.ConvTranspose1d(2, r.randint(1, 3), 2),
    lambda r: nn.BatchNorm1d(3, affine=r.random() < .5),
    lambda r: nn.InstanceNorm2d(2, affine=True, track_running_stats=True),
    lambda r: nn.GroupNorm(2, 4), lambda r: nn.LayerNorm((2, 3)),
    lambda r: nn.LSTM(2, 3, r.randint(1, 2), bidirectional=r.random() < .5),
    lambda r: nn.GRUCell(2, 3),
    lambda r: nn.Embedding(3, 2, dtype=r.choice(
        [torch.float64, torch.bfloat16, torch.float16, torch.complex64])),
    lambda r: nn.EmbeddingBag(3, 2),
    lambda r: nn.PReLU(), lambda r: nn.Dropout(), lambda r: nn.Identity(),
    lambda r: nn.Softmax(dim=1), lambda r: nn.Upsample(2),
    lambda r: nn.AdaptiveAvgPool2d(2), lambda r: nn.CrossEntropyLoss(
        weight=torch.ones(3)),
    lambda r: nn.utils.weight_norm(nn.Linear(2, 2), dim=r.choice([0, None])),
    lambda r: nn.utils.weight_norm(nn.LSTM(2, 3), "weight_hh_l0"),
    lambda r: nn.utils.spectral_norm(nn.Linear(2, 2)),
    lambda r: nn.ParameterList(torch.ones(i) for i in range(3)),
    lambda r: nn.ParameterDict({"b": torch.ones(2), "a": torch.ones(1)}),
    lambda r: nn.MultiheadAttention(4, 2, add_bias_kv=r.random() < .5),
    lambda r: nn.MultiheadAttention(4, 2, kdim=3, vdim=2),
    pruned, transformer, hooked, Mixed,
]


def random_buffer(r):
    base = torch.arange(24, dtype=r.choice([torch.int64, torch.uint8,
                                            torch.int16, torch.float32]))
    return r.choice([
        lambda: base.reshape(4, 6).t(), lambda: base[5:9],
        lambda: base[:1].expand(3, 4), lambda: base.reshape(2, 3, 4)[:, ::2],
        lambda: base[:0].reshape(0, 5), lambda: base[3], lambda: base > 3,
    ])()


def random_tree(r, depth=0, seen=None):
    seen = [] if seen is None else seen
    if seen and r.random() < .08:
        return r.choice(seen)                   # a shared module
    if depth > 3 or r.random() < .3:
        module = r.choice(LEAVES)(r)
    else:
        module = holder(r, [random_tree(r, depth + 1, seen)
                            for _ in range(r.randint(0, 4))])
    for name in "own", "more":
        if r.random() < .2 and not isinstance(module, COMPILED):
            module.register_buffer(name, random_buffer(r),
                                   persistent=r.random() < .7)
    if r.random() < .1 and not isinstance(module, COMPILED):
        module.same = nn.Parameter(torch.ones(2))
        module.same_too = module.same
    if r.random() < .1:
        module.half()
    seen.append(module)
    return module


def holder(r, children):
    names = r.sample(NAMES, len(children))
    return r.choice([
        lambda: nn.Sequential(*children),
        lambda: nn.ModuleList(children),
        lambda: nn.ModuleDict(zip(names, children)),
        lambda: nn.DataParallel(nn.Sequential(*children)),
        lambda: compiled(nn.ModuleList(children), r),
    ])()


COMPILED = ()
if hasattr(torch, "compile"):
    COMPILED = (type(torch.compile(nn.Identity())),)


def compiled(module, r):
    """Not always: what it brings along makes the pickle ten times larger."""
    return torch.compile(module) if COMPILED and r.random() < .4 else module


def parametrized(r):
    """Modules of these cannot be pickled, their state dicts can."""
    parametrizations = nn.utils.parametrizations
    one = parametrizations.spectral_norm(nn.Linear(2, 3))
    two = parametrizations.orthogonal(nn.Linear(3, 3))
    if hasattr(parametrizations, "weight_norm"):
        two = parametrizations.weight_norm(nn.Linear(3, 3))
    return nn.Sequential(one, random_tree(r, 3), two)


def saved(value, layout, protocol):
    """The request to the helper."""
    if layout == "plain":
        return pickle.dumps(value, protocol)
    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol,
               _use_new_zipfile_serialization=layout == "archive")
    if layout == "archive":
        with zipfile.ZipFile(buffer) as archive:
            return archive.read("archive/data.pkl")
    buffer.seek(0)
    ends = []
    for _ in range(5):
        for _ in pickletools.genops(buffer):
            pass
        ends.append(buffer.tell())
    return buffer.getvalue()[ends[2]:ends[4]]


def rows(state):
    """key, dtype, size, stride, offset, and which share a storage."""
    numbers = {}
    found = []
    for key, value in state.items():
        storage = value.storage()._cdata
        found.append([key, str(value.dtype).replace("torch.", ""),
                      list(value.shape), list(value.stride()),
                      value.storage_offset(),
                      numbers.setdefault(storage, len(numbers))])
    return found


def cases(seed, count):
    """(layout, protocol, request, rows of the state dict), of each."""
    r = random.Random(seed)
    torch.manual_seed(seed)
    for number in range(count):
        protocol = PROTOCOLS[number % len(PROTOCOLS)]
        layout = r.choice(LAYOUTS)
        if number % 10 == 9:
            module = parametrized(r)
            value = module.state_dict()
        else:
            value = module = random_tree(r)
        yield (layout, protocol, saved(value, layout, protocol),
               rows(module.state_dict()))


def main(seed, count):
    warnings.simplefilter("ignore")
    # A stream takes along the source of each class, which is slow to find.
    torch.serialization.get_source_lines_and_file = lambda cls: (
        ["source of ", cls.__name__], 1, "path")
    for layout, protocol, request, state in cases(seed, count):
        print(json.dumps([layout, protocol,
                          base64.b64encode(request).decode(), state]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
