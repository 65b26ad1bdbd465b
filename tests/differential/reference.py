"""What each checkpoint must become, by the libraries that define the answer.

torch loads it, module.state_dict() names its tensors, the safetensors package writes
the weights and pydantic writes the policy spec.  Only the removal of wrapper prefixes
is our own, written here a second time so that it can disagree with the converter's.

    reference.py SOURCES EXPECTED ARCHITECTURE

writes EXPECTED/<bundle>/ for every checkpoint below SOURCES, with ARCHITECTURE where a
checkpoint has no text of its own, or EXPECTED/<bundle>.collision where two names become
one.  paths.json beside SOURCES says where in a file the policy is.
"""

import argparse
import functools
import io
import json
import os
import pickle
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pydantic
import safetensors.torch
import stand_ins  # noqa: F401: its classes are in the generated checkpoints
import torch
from torch.package import PackageImporter

WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
DATA_PARALLEL = "module."
# Where the framework's packages had the policy; the first that is there counts.
PACKAGE_PICKLES = [("policy", "model.pkl"), ("policy_record", "data.pkl")]
# torch turns the numbers of a big-endian archive round by their storage's class, but
# these lie in storages of bytes.
UNTYPED = [
    getattr(torch, name) for name in ("uint16", "uint32", "uint64")
    if hasattr(torch, name)
]  # fmt: skip

# torch writes storages of bytes into streams, and on reading asks for this.
torch.storage.UntypedStorage.dtype = torch.uint8
# It also looks the source text of each module class of a stream up.
torch.serialization.get_source_lines_and_file = functools.cache(
    torch.serialization.get_source_lines_and_file
)


class Collision(Exception):
    """Two tensors have one name once the wrappers' prefixes are off."""


class PolicySpec(pydantic.BaseModel):
    """The document that makes a directory a bundle; field order is file order."""

    class_path: str = "metta.agent.policy.CheckpointPolicy"
    data_path: str | None = "weights.safetensors"
    init_kwargs: dict[str, Any]
    setup_script: str | None = None


def checkpoint_spec(architecture):
    kwargs = {"architecture_spec": architecture, "device": "cpu"}
    return PolicySpec(init_kwargs=kwargs)


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
    return torch.load(file, map_location="cpu", weights_only=False)


def load_weights(blob):
    """Through a file: the package's reader of bytes does not know every dtype."""
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(blob)
        file.flush()
        return safetensors.torch.load_file(file.name)


def load_package(path):
    importer = PackageImporter(str(path))
    for package, name in PACKAGE_PICKLES:
        if importer.zip_reader.has_record(f"{package}/{name}"):
            return importer.load_pickle(package, name)
    raise ValueError(f"{path}: none of the pickles of the framework's packages")


def load_big_endian(path):
    """A state dict: torch turns round what lies in typed storages, here is the rest."""
    return {
        name: turned_round(tensor) if tensor.dtype in UNTYPED else tensor
        for name, tensor in load_object(path).items()
    }


def turned_round(tensor):
    raw = dense(tensor).numpy().byteswap()
    return torch.from_numpy(raw)


def load_zip(path):
    """(object or state dict, architecture text or None) of any kind of zip."""
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
        root = members[0].partition("/")[0]
        if "weights.safetensors" in members:
            weights = load_weights(archive.read("weights.safetensors"))
            return weights, archive.read("modelarchitecture.txt").decode().strip()
        if "policy.pt" in members:
            return load_object(io.BytesIO(archive.read("policy.pt"))), None
        if f"{root}/.data/extern_modules" in members:
            return load_package(path), None
        byteorder = f"{root}/byteorder"
        if byteorder in members and archive.read(byteorder) == b"big":
            return load_big_endian(path), None
    return load_object(path), None


def is_stream(head):
    """Does a file begin with the pickle of torch's magic number, by any protocol?"""
    number = torch.serialization.MAGIC_NUMBER
    return number.to_bytes(10, "little") in head or str(number).encode() in head


def load_checkpoint(path):
    """(object or state dict, architecture text or None) of a checkpoint of any era."""
    content = path.read_bytes()
    if content[:4] == b"PK\3\4":
        return load_zip(path)
    if is_stream(content[:32]):
        return load_object(path), None
    return pickle.loads(content), None


def follow(value, path):
    """From what a file holds to the policy in it: [["key" or "attribute", name]]."""
    for kind, name in path:
        value = getattr(value, name) if kind == "attribute" else value[name]
    return value


def state_dict_of(loaded):
    return loaded.state_dict() if isinstance(loaded, torch.nn.Module) else loaded


def write_bundle(directory, weights, spec):
    """Write both files of a bundle, readable for all (the libraries choose 0600)."""
    tensors = {name: dense(tensor) for name, tensor in normalise(weights).items()}
    directory.mkdir(parents=True)
    weights_path = directory / "weights.safetensors"
    safetensors.torch.save_file(tensors, weights_path)
    os.chmod(weights_path, 0o644)
    (directory / "policy_spec.json").write_text(spec.model_dump_json(), "utf-8")


def bundle_name(source):
    """The path of the bundle below the output: the source's without its suffix."""
    return source.with_suffix("")


def write_expected(source, target, architecture, path):
    loaded, text = load_checkpoint(source)
    try:
        spec = checkpoint_spec(text or architecture)
        write_bundle(target, state_dict_of(follow(loaded, path)), spec)
    except Collision:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.with_name(target.name + ".collision").touch()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path)
    parser.add_argument("expected", type=Path)
    parser.add_argument("architecture")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    paths = json.loads((arguments.sources.parent / "paths.json").read_text("utf-8"))
    for source in sorted(arguments.sources.rglob("*")):
        if source.is_file():
            bundle = bundle_name(source.relative_to(arguments.sources))
            target, path = arguments.expected / bundle, paths.get(source.name, [])
            write_expected(source, target, arguments.architecture, path)


if __name__ == "__main__":
    main()
