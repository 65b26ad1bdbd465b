"""Archives as real writers make them: Python, Info-ZIP, torch of two releases.

WRITERS has a function for each kind; it writes one archive to the path it is given.
"""

import io
import os
import random
import subprocess
import zipfile

import pytest

STATE = [("a", [1.0, 2.0]), ("b", []), ("c", [3.0] * 100)]


class Unseekable(io.RawIOBase):
    """A stream that only goes on, as a pipe or a socket."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)

    def close(self):
        self.file.close()
        super().close()


def python_seekable(path, method=zipfile.ZIP_STORED, mode="w", target=None, big=False):
    with zipfile.ZipFile(target or path, mode, method) as out:
        with out.open("r/opened", "w", force_zip64=big) as file:
            file.write(b"opened " * 50)
        out.writestr("r/written", b"written " * 50)
        out.writestr("r/empty", b"")
        out.writestr("r/caf\u00e9 \U0001f600", b"non-ASCII")
        out.write(__file__, "r/from a file")


def python_deflated(path):
    python_seekable(path, zipfile.ZIP_DEFLATED)


def python_force_zip64(path):
    python_seekable(path, big=True)


def python_unseekable(path):
    with Unseekable(path) as target:
        python_seekable(path, target=target)


def python_unseekable_deflated(path):
    with Unseekable(path) as target:
        python_seekable(path, zipfile.ZIP_DEFLATED, target=target)


def python_unseekable_force_zip64(path):
    with Unseekable(path) as target:
        python_seekable(path, target=target, big=True)


def python_folders(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("r/", "")
        out.write(os.path.dirname(__file__), "r/folder")
        out.writestr("r/folder/x", "x")


def python_appended(path):
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("r/first", b"first")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as out:
        out.writestr("r/second", b"second" * 20)


def python_comment(path):
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("r/a", b"a")
        out.comment = b"written by a person " * 5


def python_65535_members(path, count=65535):
    with zipfile.ZipFile(path, "w") as out:
        for i in range(count):
            out.writestr(f"r/data/{i}", b"%d" % i)


def python_65536_members(path):
    python_65535_members(path, 65536)


def info_zip(*arguments):
    def write(path):
        folder = path.parent / "r"
        (folder / "below" / "empty").mkdir(parents=True)
        (folder / "data.pkl").write_bytes(b"pickle " * 40)
        (folder / "empty").write_bytes(b"")
        (folder / "below" / "noise").write_bytes(random.Random(1).randbytes(500))
        if not any(os.access(f"{p}/zip", os.X_OK) for p in os.get_exec_path()):
            pytest.skip("no zip program")
        command = ["zip", "-q", *arguments[:-1], path, arguments[-1]]
        with open(folder / "data.pkl", "rb") as stdin:
            subprocess.run(command, cwd=path.parent, stdin=stdin, check=True)

    return write


def state_dict(torch):
    return {name: torch.tensor(values) for name, values in STATE}


def torch_saved(path):
    import torch

    torch.save(state_dict(torch), path)


def torch_many_storages(path):
    """data/10 beside data/1, and records of no bytes."""
    import torch

    torch.save([torch.full((i % 3,), i) for i in range(25)], path)


def torch_buffer(path):
    import torch

    buffer = io.BytesIO()
    torch.save(state_dict(torch), buffer)
    path.write_bytes(buffer.getvalue())


def torch_script(path):
    import torch

    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x * self.weight

    torch.jit.save(torch.jit.script(Twice()), path, _extra_files={"note": "extra"})


def torch_writer(**options):
    def write(path):
        import torch

        writer = torch._C.PyTorchFileWriter(str(path), **options)
        for name, data in [("data.pkl", b"pickle"), ("data/0", b"0" * 5000), ("data/1", b"")]:
            writer.write_record(name, data, len(data))
        writer.write_end_of_file()

    return write


def torch_65536_storages(path):
    import torch

    writer = torch._C.PyTorchFileWriter(str(path))
    for i in range(65536):
        writer.write_record(f"data/{i}", b"%08d" % i, 8)
    writer.write_end_of_file()


def named(name, write):
    """Saved under a name that gives the archive's root another spelling."""

    def write_and_rename(path):
        odd = path.parent / name
        write(odd)
        odd.rename(path)

    return write_and_rename


OLD_TORCH = """
import sys, torch
state = {name: torch.tensor(values) for name, values in %r}
torch.save(state, sys.argv[1] + "/m\u00f6del 'a' \\"b\\".pt")
torch.save([torch.full((i %% 3,), i) for i in range(25)], sys.argv[1] + "/many.pt")
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), sys.argv[1] + "/script.pt")
""" % (STATE,)


def old_torch(name):
    def write(path):
        from test_differential import old_torch_python

        environment = {**os.environ, "PYTHONUTF8": "1"}
        command = [old_torch_python(), "-c", OLD_TORCH, path.parent]
        subprocess.run(command, check=True, env=environment)
        (path.parent / name).rename(path)

    return write


WRITERS = {
    "python": python_seekable,
    "python deflated": python_deflated,
    "python force_zip64": python_force_zip64,
    "python unseekable": python_unseekable,
    "python unseekable deflated": python_unseekable_deflated,
    "python unseekable force_zip64": python_unseekable_force_zip64,
    "python folders": python_folders,
    "python appended": python_appended,
    "python comment": python_comment,
    "python 65535 members, no zip64": python_65535_members,
    "python 65536 members": python_65536_members,
    "zip -r": info_zip("-r", "r"),
    "zip -r without compression": info_zip("-r", "-0", "r"),
    "zip -r without extra fields": info_zip("-r", "-X", "r"),
    "zip -r without folders": info_zip("-r", "-D", "r"),
    "zip -r with descriptors": info_zip("-r", "-fd", "r"),
    "zip -r as zip64": info_zip("-r", "-fz", "r"),
    "zip from stdin": info_zip("-fz-", "-"),
    "zip from stdin as zip64": info_zip("-fz", "-"),
    "zip from stdin with descriptors": info_zip("-fd", "-"),
    "torch": torch_saved,
    "torch to a buffer": torch_buffer,
    "torch, many storages": torch_many_storages,
    "torch, blanks and quotes": named("sp ace 'a' \"b\".ckpt", torch_saved),
    "torch, non-ASCII name": named("m\u00f6del.pt", torch_saved),
    "torch, dots": named("model.v1.pt", torch_saved),
    "torch, TorchScript": torch_script,
    "torch, alignment 8": torch_writer(storage_alignment=8),
    "torch, alignment 4096": torch_writer(storage_alignment=4096),
    "torch, alignment 1": torch_writer(storage_alignment=1),
    "torch, CRC off": torch_writer(compute_crc32=False),
    "torch, 65536 storages": torch_65536_storages,
    "torch 1.13, non-ASCII root": old_torch("m\u00f6del 'a' \"b\".pt"),
    "torch 1.13, many storages": old_torch("many.pt"),
    "torch 1.13, TorchScript": old_torch("script.pt"),
}
