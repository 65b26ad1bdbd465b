"""Small checkpoints of the mpt zip era, and the bundles they must become."""

import json
import zipfile

import numpy
from safetensors.numpy import save

TEXT = "demo.policies.SmallConfig(size=4)"


def weights_of(number):
    """Two tensors that differ from number to number."""
    return {
        "actor.weight": numpy.arange(6, dtype="float32").reshape(2, 3) + number,
        "actor.bias": numpy.full(3, number, dtype="int64"),
    }


def write(path, number=0, text=TEXT, weights=None, compression=zipfile.ZIP_DEFLATED):
    """Write a checkpoint, and the folders it lies in; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("weights.safetensors", save(weights or weights_of(number)))
        archive.writestr("modelarchitecture.txt", text)
    return path


def tree(folder, count, run="run"):
    """A run of so many checkpoints, as a data folder has it."""
    for epoch in range(count):
        write(folder / run / "checkpoints" / f"{run}:v{epoch}.mpt", epoch)
    return folder


def bundle(number=0, text=TEXT):
    """The files of the bundle: what the framework's writers make of it."""
    spec = {
        "class_path": "metta.agent.policy.CheckpointPolicy",
        "data_path": "weights.safetensors",
        "init_kwargs": {"architecture_spec": text, "device": "cpu"},
        "setup_script": None,
    }
    text = json.dumps(spec, separators=(",", ":"), ensure_ascii=False)
    return {
        "policy_spec.json": text.encode(),
        "weights.safetensors": save(weights_of(number)),
    }
