"""Random policies, reproducible from a seed: module trees, and what holds them."""

import pickle

import numpy
import stand_ins
import torch
import torch.fx
from random_tensors import Builder
from torch import nn
from torch.nn.utils import prune

COMPILED = ()  # the class of the wrapper that torch.compile makes
if hasattr(torch, "compile"):
    COMPILED = (torch._dynamo.OptimizedModule,)
WRAPPER_KEYS = ["model_state_dict", "state_dict", "model", "model_state", "weights"]
HOLDER_KEYS = WRAPPER_KEYS + ["checkpoint", "agent", "trainer", "ünder.dots"]


class PolicyBuilder(Builder):
    """One checkpoint's worth of random choices, for one pickle protocol."""

    def __init__(self, seed, protocol=2):
        super().__init__(seed)
        self.protocol = protocol

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
            lambda: prune.l1_unstructured(nn.Linear(wide, narrow), "weight", 1),
            lambda: nn.Conv2d(2, wide, 2).to(memory_format=torch.channels_last),
            lambda: nn.Sequential(nn.Flatten(), nn.Dropout(), nn.ReLU()),
            lambda: nn.Identity(),
            lambda: torch.fx.symbolic_trace(nn.Sequential(nn.Linear(wide, narrow))),
        ])()  # fmt: skip

    def module(self, depth=0):
        """A tree of modules, with all that may lie in one besides weights."""
        if depth == 3 or (depth and self.chance(0.35)):
            module = self.leaf()
            if self.chance(0.3):
                getattr(module, self.pick.choice(["half", "bfloat16", "double"]))()
        else:
            module = self.container(depth)
        if not isinstance(module, (torch.fx.GraphModule, *COMPILED)):
            # Those are made anew on loading, and not as they were if one adds to them.
            self.decorate(module)
        return module

    def container(self, depth):
        children = [self.module(depth + 1) for _ in range(self.pick.randint(1, 4))]
        if self.chance(0.2):
            children.append(self.pick.choice(children))  # shared: under both names
        kind = self.pick.randrange(7)
        if kind == 0:
            return nn.Sequential(*children)
        if kind == 1:
            return nn.ModuleList(children)
        if kind == 2:
            return nn.ModuleDict({self.attribute(): child for child in children})
        if kind == 3:
            return nn.DataParallel(children[0])
        if kind == 4 and COMPILED:
            return self.compiled(children[0])
        module = stand_ins.Policy() if self.chance(0.5) else nn.Module()
        for child in children:
            module.add_module(self.attribute(), child)
        if kind == 5:
            module.add_module("_orig_mod", self.leaf())
        if kind == 6:
            module.add_module("numbers", self.parameters())
        return module

    def compiled(self, module):
        """The usual backend makes pickles ten times as large; of some of its own
        classes torch compiles a function and makes no module."""
        wrapped = torch.compile(module, backend="eager")
        return wrapped if isinstance(wrapped, COMPILED) else module

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
        self.hang_odd_values(module)
        if self.chance(0.2):
            self.hook(module)

    def hang_odd_values(self, module):
        """Attributes of all kinds, and ways back to the module they hang on."""
        while self.chance(0.5):
            value = self.pick.choice(stand_ins.ODD_VALUES)()
            if self.is_picklable(value):
                setattr(module, f"odd_{self.attribute()}", value)
        if self.chance(0.1):
            module.owners = [module, {"inner": (module,)}]

    def is_picklable(self, value):
        """Not every value is by every protocol."""
        try:
            pickle.dumps(value, self.protocol)
        except (TypeError, AttributeError, pickle.PicklingError):
            return False
        return True

    def hook(self, module):
        """Hooks of all kinds; those of the state dict leave it alone."""
        register = self.pick.choice([
            module.register_forward_hook, module.register_forward_pre_hook,
            module.register_full_backward_hook, module._register_state_dict_hook,
            module._register_load_state_dict_pre_hook,
        ])  # fmt: skip
        register(stand_ins.hook)

    def whole_module(self):
        module = self.module()
        if not module.state_dict():
            module = nn.Sequential(module, nn.BatchNorm1d(2))
        return module

    def policy(self):
        """A whole module, mostly, or a state dict."""
        if self.chance(0.8):
            return self.whole_module()
        return self.parametrized() if self.chance(0.1) else self.state_dict()

    def checkpoint(self):
        """(object, path from it to the policy): mostly it is the policy itself."""
        policy = self.policy()
        if self.chance(0.8):
            return policy, []
        if self.chance(0.5) and isinstance(policy, nn.Module):
            return self.record(policy)
        return self.among_others(policy)

    def record(self, policy):
        """A record of one of the framework's classes, by its attribute's names."""
        record = self.pick.choice(stand_ins.RECORDS)()
        name = self.pick.choice(["_cached_policy", "_policy", "policy", "model"])
        metadata = stand_ins.Metadata(epoch=3, score=numpy.float64(0.5))
        record._policy_store, record.run_name = None, "random.run"
        setattr(record, self.pick.choice(["_metadata", "metadata"]), metadata)
        setattr(record, name, policy)
        record.uri = "file://./random.run"
        return record, [["attribute", name]]

    def among_others(self, policy):
        """A dict with a policy and the state of training, one to three levels deep."""
        path = []
        value = policy
        for depth in range(self.pick.randint(1, 3)):
            keys = HOLDER_KEYS if depth else WRAPPER_KEYS
            key = self.pick.choice(keys)
            others = {"epoch": depth, "optimizer": self.optimizer(), "args": {"a": 1}}
            first = self.chance(0.5)
            value = {key: value, **others} if first else {**others, key: value}
            path.insert(0, ["key", key])
        return value, path

    def optimizer(self):
        weights = [nn.Parameter(torch.randn(2, 2))]
        optimizer = torch.optim.Adam(weights)
        weights[0].sum().backward()
        optimizer.step()
        return optimizer.state_dict()
