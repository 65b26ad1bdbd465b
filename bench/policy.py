"""The policy that the benchmarks save: 67 float32 tensors, as wide as wanted.

Its classes stand under the framework's module paths, like those of fixtures/, and need
nothing but torch: what a loop with torch.load has to import is no more than this.
"""

import torch
from framework import placed
from torch import nn

BLOCKS = 16
TOKENS = 24
TENSORS = 4 * BLOCKS + 3
CONFIGS = (
    ("metta.agent.components.actor", "ActionProbsConfig"),
    ("metta.agent.components.obs_enc", "ObsLatentEncoderConfig"),
    ("metta.agent.policies.fast", "FastConfig"),
)


@placed("metta.agent.components.mlp")
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.act = nn.ReLU()


@placed("metta.agent.policies.fast")
class FastPolicy(nn.Module):
    def __init__(self, width, tied, config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(TOKENS, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(BLOCKS)))
        self.actor = nn.Linear(width, TOKENS)
        if tied:
            self.actor.weight = self.embed.weight


@placed("metta.agent.metta_agent")
class DistributedMettaAgent(nn.Module):
    """Puts `module.` before every key, as DistributedDataParallel does."""

    def __init__(self, module):
        super().__init__()
        self.module = module


def place_configs():
    """Classes for the pickled config, where the framework and pydantic are missing."""
    for module, name in CONFIGS:
        placed(module)(type(name, (), {}))


def width_for(nbytes):
    """Of a policy of about so many bytes."""
    return max(8, round((nbytes / 4 / BLOCKS) ** 0.5))


def make(nbytes, seed, tied, wrapped, config):
    """A policy with gaussian values in every tensor."""
    torch.manual_seed(seed)
    policy = FastPolicy(width_for(nbytes), tied, config)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.normal_(0, 0.05)
    return DistributedMettaAgent(policy) if wrapped else policy
