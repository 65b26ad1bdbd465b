"""What each checkpoint must become, by the libraries that define the answer.

torch loads it, module.state_dict() names its tensors, the safetensors package writes
the weights and pydantic writes the policy spec.  Only the removal of wrapper prefixes
is our own, written here a second time so that it can disagree with the converter's.

    reference.py SOURCES EXPECTED ARCHITECTURE

writes EXPECTED/<bundle>/ for every checkpoint below SOURCES, with ARCHITECTURE where a
checkpoint has no text of its own, or EXPECTED/<bundle>.collision where two names become
one.
"""

import argparse
import io
import os
import tempfile
import warnings
import zipfile
from pathlib import Path

import pydantic
import safetensors.torch
import torch

WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
DATA_PARALLEL = "module."


class Collision(Exception):
    """Two tensors have one name once the wrappers' prefixes are off."""


class PolicySpec(pydantic.BaseModel):
    """The document that makes a directory a bundle; field order is file order."""

    class_path: str = "metta.agent.policy.CheckpointPolicy"
    data_path: str | None = "weights.safetensors"
    init_kwargs: dict[str, str]
    setup_script: str | None = None


def without_wrappers(name):
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def normalise(weights):
    """Take wrapper prefixes off the names.

    A component only a wrapper writes goes wherever it stands.  `module.` is a word
    models use too, so it goes only from the front and only if all names begin with it.
    """
    names = {name: without_wrappers(name) for name in weights}
    while names and all(name.startswith(DATA_PARALLEL) for name in names.values()):
        names = {old: name[len(DATA_PARALLEL) :] for old, name in names.items()}
    if len(set(names.values())) < len(names):
        raise Collision(sorted(names.values()))
    return {name: weights[old] for old, name in names.items()}


def dense(tensor):
    """A copy of its own, in row order, with the conj and neg flags carried out."""
    return tensor.detach().resolve_conj().resolve_neg().contiguous().clone()


def load_object(file):
    """torch.load of files this project's generators wrote, hence trusted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(file, map_location="cpu", weights_only=False)


def load_weights(blob):
    """Through a file: the package's reader of bytes does not know every dtype."""
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(blob)
        file.flush()
        return safetensors.torch.load_file(file.name)


def load_checkpoint(path):
    """(object or state dict, architecture text or None) of a checkpoint of any era."""
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
        if "weights.safetensors" in members:
            weights = load_weights(archive.read("weights.safetensors"))
            return weights, archive.read("modelarchitecture.txt").decode().strip()
        if "policy.pt" in members:
            return load_object(io.BytesIO(archive.read("policy.pt"))), None
    return load_object(path), None


def state_dict_of(loaded):
    return loaded.state_dict() if isinstance(loaded, torch.nn.Module) else loaded


def write_bundle(directory, weights, architecture):
    """Write both files of a bundle, readable for all (the libraries choose 0600)."""
    tensors = {name: dense(tensor) for name, tensor in normalise(weights).items()}
    directory.mkdir(parents=True)
    weights_path = directory / "weights.safetensors"
    safetensors.torch.save_file(tensors, weights_path)
    os.chmod(weights_path, 0o644)
    spec = PolicySpec(init_kwargs={"architecture_spec": architecture, "device": "cpu"})
    (directory / "policy_spec.json").write_text(spec.model_dump_json(), "utf-8")


def bundle_name(source):
    """The path of the bundle below the output: the source's without its suffix."""
    return source.with_suffix("")


def write_expected(source, target, architecture):
    loaded, text = load_checkpoint(source)
    try:
        write_bundle(target, state_dict_of(loaded), text or architecture)
    except Collision:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.with_name(target.name + ".collision").touch()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path)
    parser.add_argument("expected", type=Path)
    parser.add_argument("architecture")
    arguments = parser.parse_args()
    for source in sorted(arguments.sources.rglob("*")):
        if source.is_file():
            bundle = bundle_name(source.relative_to(arguments.sources))
            write_expected(source, arguments.expected / bundle, arguments.architecture)


if __name__ == "__main__":
    main()
