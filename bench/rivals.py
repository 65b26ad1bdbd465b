"""What else converts checkpoints: loops in Python, with and without torch.

usage: rivals.py METHOD CASE OUT [--pool N] [--mmap] [--format zip]

METHOD torch is torch.load with the training code at hand, state_dict() and save_file();
numpy has a restricted unpickler, numpy and safetensors.numpy and never imports torch;
validate reads every tensor of the bundles below OUT and looks at its values.  They are as
fast as they can be without becoming programs of their own: neither syncs, and neither
checks what it wrote.  Both compute the SHA-256 of what they wrote, which mpt-convert puts
into its journal.
"""

import argparse
import hashlib
import io
import json
import mmap
import multiprocessing
import pickle
import shutil
import struct
import sys
import zipfile
from collections import OrderedDict
from functools import partial
from pathlib import Path

WEIGHTS, SPEC = "weights.safetensors", "policy_spec.json"


def without_prefix(weights):
    if not all(name.startswith("module.") for name in weights):
        return weights
    return {name.removeprefix("module."): value for name, value in weights.items()}


def is_zip(path):
    with open(path, "rb") as file:
        return file.read(4) == b"PK\3\4"


def has_member(path, name):
    with zipfile.ZipFile(path) as archive:
        return name in archive.namelist()


# ---- torch ----


def torch_weights(path, use_mmap):
    import safetensors.torch
    import torch

    load = partial(torch.load, map_location="cpu", weights_only=False)
    if is_zip(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if WEIGHTS in names:
                return safetensors.torch.load(archive.read(WEIGHTS))
            if "policy.pt" in names:
                return load(io.BytesIO(archive.read("policy.pt"))).state_dict()
        return load(path, mmap=use_mmap).state_dict()
    return load(path).state_dict()


def torch_save(weights, path):
    import safetensors.torch

    seen, separate = set(), {}
    for name, value in without_prefix(weights).items():
        value = value.detach().contiguous()
        if value.data_ptr() in seen:
            value = value.clone()       # tied: the package refuses to share
        seen.add(value.data_ptr())
        separate[name] = value
    safetensors.torch.save_file(separate, path)


def torch_prepare():
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
    import policy

    policy.place_configs()


# ---- without torch ----


class Inert:
    """Stands for every class that is not known; keeps its state."""

    def __init__(self, *arguments):
        pass

    def __setstate__(self, state):
        self.state = state


def rebuild_tensor(storage, offset, size, stride, *ignored):
    import numpy

    array, itemsize = storage()
    return numpy.lib.stride_tricks.as_strided(
        array[offset:], size, [step * itemsize for step in stride]
    )


KNOWN = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): lambda data, *ignored: data,
    ("torch", "FloatStorage"): "<f4",
}


class Restricted(pickle.Unpickler):
    def __init__(self, file, storage_of):
        super().__init__(file)
        self.storage_of = storage_of

    def find_class(self, module, name):
        return KNOWN.get((module, name)) or type(name, (Inert,), {})

    def persistent_load(self, saved):
        if saved[0] == "module":
            return saved[1]
        _, dtype, key, _, count = saved[:5]
        return partial(self.storage_of, key, dtype, count)


def module_weights(module, prefix=""):
    """state_dict() of a module whose class is not there."""
    weights = {}
    for name, value in module.state["_parameters"].items():
        if value is not None:
            weights[prefix + name] = value
    for name, value in module.state["_buffers"].items():
        if value is not None:
            weights[prefix + name] = value
    for name, child in module.state["_modules"].items():
        if child is not None:
            weights.update(module_weights(child, f"{prefix}{name}."))
    return weights


def archive_weights(file, content):
    """Of a torch archive; content is its bytes, mapped or not, and is not copied."""
    import numpy

    archive = zipfile.ZipFile(file)
    infos = {info.filename.partition("/")[2]: info for info in archive.infolist()}

    def storage(key, dtype, count):
        info = infos[f"data/{key}"]
        lengths = struct.unpack_from("<HH", content, info.header_offset + 26)
        start = info.header_offset + 30 + sum(lengths)
        return numpy.frombuffer(content, dtype, count, start), numpy.dtype(dtype).itemsize

    return module_weights(Restricted(archive.open(infos["data.pkl"]), storage).load())


def stream_weights(content):
    """Of a file of before torch 1.6: five pickles, then the storages."""
    import numpy

    file, arrays = io.BytesIO(content), {}

    def storage(key, dtype, count):
        array = arrays.setdefault(key, numpy.empty(count, dtype))
        return array, array.itemsize

    for _ in range(3):      # magic number, version, the machine
        pickle.Unpickler(file).load()
    weights = module_weights(Restricted(file, storage).load())
    for key in pickle.Unpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        file.readinto(arrays[key].view("u1")[: count * arrays[key].itemsize])
    return weights


def numpy_weights(path, use_mmap):
    import safetensors.numpy

    if not is_zip(path):
        return stream_weights(Path(path).read_bytes())
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if WEIGHTS in names:
            return safetensors.numpy.load(archive.read(WEIGHTS))
        if "policy.pt" in names:
            content = archive.read("policy.pt")
            return archive_weights(io.BytesIO(content), content)
    with open(path, "rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return archive_weights(file, content)


def numpy_save(weights, path):
    import numpy
    import safetensors.numpy

    dense = {
        name: numpy.ascontiguousarray(value)
        for name, value in without_prefix(weights).items()
    }
    safetensors.numpy.save_file(dense, path)


def numpy_prepare():
    import safetensors.numpy    # noqa: F401


# ---- both ----

METHODS = {
    "torch": (torch_prepare, torch_weights, torch_save),
    "numpy": (numpy_prepare, numpy_weights, numpy_save),
}


def convert(arguments, spec, row):
    """Returns the digests of both files."""
    from corpus import digest_of

    _, weights_of, save = METHODS[arguments.method]
    source, bundle = row
    bundle.mkdir(parents=True, exist_ok=True)
    save(weights_of(source, arguments.mmap), bundle / WEIGHTS)
    (bundle / SPEC).write_bytes(spec)
    digests = digest_of(bundle / WEIGHTS), hashlib.sha256(spec).hexdigest()
    if arguments.format == "zip":
        pack(bundle)
    return digests


def pack(bundle):
    with zipfile.ZipFile(f"{bundle}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in WEIGHTS, SPEC:
            archive.write(bundle / name, name)
    shutil.rmtree(bundle)


def convert_all(case, out, arguments):
    """Returns the digests, in no order."""
    from corpus import spec_bytes

    manifest = json.loads((case / "manifest.json").read_text())
    spec = spec_bytes((case / "architecture.txt").read_text())
    rows = [
        (str(case / "sources" / row["source"]), out / row["bundle"])
        for row in manifest["rows"]
    ]
    prepare = METHODS[arguments.method][0]
    job = partial(convert, arguments, spec)
    if arguments.pool == 1:
        prepare()
        return list(map(job, rows))
    with multiprocessing.Pool(arguments.pool, prepare) as pool:
        return list(pool.imap_unordered(job, rows))


def validate_all(out):
    """What mpt-validate looks at in every value: is it finite, are all the same?"""
    import numpy
    from safetensors import safe_open

    for spec in sorted(out.rglob(SPEC)):
        document = json.loads(spec.read_text("utf-8"))
        with safe_open(spec.parent / document["data_path"], "numpy") as file:
            for name in file.keys():
                values = file.get_tensor(name)
                if values.dtype.kind == "f" and not numpy.isfinite(values).all():
                    sys.exit(f"{spec.parent}: {name} has values that are not finite")
                if values.size:
                    (values == values.flat[0]).all()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("method", choices=[*METHODS, "validate"])
    parser.add_argument("case", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pool", type=int, default=1)
    parser.add_argument("--mmap", action="store_true")
    parser.add_argument("--format", default="folder")
    arguments = parser.parse_args()
    if arguments.method == "validate":
        validate_all(arguments.out)
    else:
        convert_all(arguments.case, arguments.out, arguments)


if __name__ == "__main__":
    main()
