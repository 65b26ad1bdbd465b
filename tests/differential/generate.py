"""Random checkpoints, reproducible from a seed, for the comparison with torch.

    generate.py DIRECTORY --seed N [--torch COUNT] [--mpt COUNT]

writes DIRECTORY/torch (state dicts, whole modules and what holds them, in every form
that torch and pickle write) and DIRECTORY/mpt (zips of weights and architecture text).
DIRECTORY/paths.json says where in each file the policy is, if not at the top.  Prints
how many whole modules there are.  Runs under old releases of torch as well; only --mpt
needs safetensors.
"""

import argparse
import functools
import io
import json
import pickle
import random
import sys
import warnings
import zipfile
from pathlib import Path

import torch
from torch.package import PackageExporter

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "fixtures"))

import era_containers  # noqa: E402
from random_policies import PolicyBuilder  # noqa: E402
from random_tensors import Builder  # noqa: E402

# A stream has the source text of each module class; finding that takes most time.
torch.serialization.get_source_lines_and_file = functools.cache(
    torch.serialization.get_source_lines_and_file
)

RUN = "random.run"
IS_NEW = not torch.__version__.startswith("1.")


def torch_bytes(value, protocol=2):
    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol)
    return buffer.getvalue()


def archive(value, path, protocol):
    torch.save(value, str(path), pickle_protocol=protocol)  # root named after the file


def buffer_archive(value, path, protocol):
    path.write_bytes(torch_bytes(value, protocol))


def policy_zip(value, path, protocol):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("policy.pt", torch_bytes(value, protocol))


def deflated(value, path, protocol):
    era_containers.deflated(value, path)


def stream(value, path, protocol):
    torch.save(
        value, str(path), pickle_protocol=protocol,
        _use_new_zipfile_serialization=False,
    )  # fmt: skip


def plain_pickle(value, path, protocol):
    path.write_bytes(pickle.dumps(value, protocol))


def package(value, path, protocol):
    """The framework's layout; what is at the top decides which pickle it is."""
    is_record = type(value).__name__ == "PolicyRecord"
    name = ("policy_record", "data.pkl") if is_record else ("policy", "model.pkl")
    with PackageExporter(str(path)) as exporter:
        exporter.extern("**")
        exporter.save_pickle(*name, value)


def big_endian(value, path, protocol):
    era_containers.big_endian(value, path)


# Container, protocols, and whether any torch can write it so.
CONTAINERS = [
    (archive, [1, 2, 2, 3, 4, 5]),
    (buffer_archive, [2, 2, 3, 4, 5]),
    (policy_zip, [2, 3, 4, 5]),
    (deflated, [2]),
    (stream, [1, 2, 3, 4, 5]),
    (plain_pickle, [0, 1, 2, 3, 4, 5]),
    (package, [2]),
]


def has_traced(value):
    """torch.package rebuilds traced modules by code of its own."""
    return isinstance(value, torch.nn.Module) and any(
        isinstance(module, torch.fx.GraphModule) for module in value.modules()
    )


def write_torch(directory, number, seed):
    """One checkpoint; returns its name, the path to its policy, and if that is a
    whole module."""
    pick = random.Random(seed)
    container, protocols = pick.choice(CONTAINERS)
    protocol = pick.choice(protocols)
    builder = PolicyBuilder(seed, protocol)
    value, path = builder.checkpoint()
    policy = follow(value, path)
    if container is package and has_traced(policy):
        container = archive
    if IS_NEW and not path and isinstance(policy, dict) and pick.random() < 0.4:
        container = big_endian
    file = directory / f"{RUN}:v{number}{pick.choice(['.pt', '.mpt'])}"
    container(value, file, protocol)
    return file.name, path, isinstance(policy, torch.nn.Module)


def follow(value, path):
    """What lies at a path of paths.json."""
    for kind, name in path:
        value = getattr(value, name) if kind == "attribute" else value[name]
    return value


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
    """The answers of `write` for so many checkpoints, each with a seed of its own."""
    directory = root / kind / RUN / "checkpoints"
    directory.mkdir(parents=True)
    return [
        write(directory, number, seed * 1_000_000 + number) for number in range(count)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--torch", type=int, default=0, metavar="COUNT")
    parser.add_argument("--mpt", type=int, default=0, metavar="COUNT")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    root, seed = arguments.directory, arguments.seed
    written = write_all(root, "torch", write_torch, arguments.torch, seed)
    write_all(root, "mpt", write_mpt, arguments.mpt, seed + 1)
    paths = {name: path for name, path, _ in written if path}
    (root / "paths.json").write_text(json.dumps(paths), "utf-8")
    print(sum(is_module for _, _, is_module in written))


if __name__ == "__main__":
    main()
