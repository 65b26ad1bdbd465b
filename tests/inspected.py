"""The same weights in every kind of file that mpt-inspect reads."""

import io
import json
import zipfile

import torch
from safetensors.torch import save
from small_checkpoints import weights_of as weights_by_hand

TEXT = "demo.policies.SmallConfig(size=4)"


def spec_of(text=TEXT, kwargs=None, **fields):
    kwargs = {"architecture_spec": text, "device": "cpu"} | (kwargs or {})
    spec = {
        "class_path": "metta.agent.policy.CheckpointPolicy",
        "data_path": "weights.safetensors",
        "init_kwargs": {key: value for key, value in kwargs.items() if value is not None},
        "setup_script": None,
    }
    return json.dumps(spec | fields).encode()


def bytes_of(tensors):
    """By torch's tensors, or by {name: (dtype, shape, bytes)} for what torch has not."""
    if all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        return save(tensors)
    return weights_by_hand(tensors)


def in_order(tensors):
    """A safetensors file with its tensors in the order they are given in."""
    header, data, end = {}, [], 0
    names = {torch.float32: "F32", torch.int64: "I64"}
    for name, tensor in tensors.items():
        data.append(tensor.numpy().tobytes())
        begin, end = end, end + len(data[-1])
        header[name] = {
            "dtype": names[tensor.dtype], "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }  # fmt: skip
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(data)


def write_members(path, members, method):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def folder(path, weights, spec):
    path = path / "run:v1"
    path.mkdir()
    (path / "policy_spec.json").write_bytes(spec)
    (path / "weights.safetensors").write_bytes(weights)
    return path


def archive(path, weights, spec, method=zipfile.ZIP_DEFLATED):
    members = {"policy_spec.json": spec, "weights.safetensors": weights}
    return write_members(path / "run:v1.zip", members, method)


def stored(path, weights, spec):
    return archive(path, weights, spec, zipfile.ZIP_STORED)


def bare(path, weights, spec):
    path = path / "any name"
    path.write_bytes(weights)
    return path


def mpt(path, weights, spec):
    text = json.loads(spec)["init_kwargs"].get("architecture_spec", "a.B")
    members = {"weights.safetensors": weights, "modelarchitecture.txt": text}
    return write_members(path / "run:v1.mpt", members, zipfile.ZIP_DEFLATED)


# Whatever the tensors are, they go through safetensors.
KINDS = {
    "bundle folder": folder, "zip bundle": archive, "stored zip bundle": stored,
    "safetensors file": bare, "mpt zip": mpt,
}  # fmt: skip


def torch_file(path, tensors):
    """What torch.save writes of a state dict."""
    torch.save(tensors, path / "run:v1.pt")
    return path / "run:v1.pt"


def torch_stream(path, tensors):
    torch.save(tensors, path / "old.pt", _use_new_zipfile_serialization=False)
    return path / "old.pt"


def policy_zip(path, tensors):
    stream = io.BytesIO()
    torch.save(tensors, stream)
    return write_members(path / "run:v2.mpt", {"policy.pt": stream.getvalue()}, zipfile.ZIP_DEFLATED)


LEGACY = {"torch archive": torch_file, "torch stream": torch_stream, "zip with policy.pt": policy_zip}
