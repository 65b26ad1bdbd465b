"""Pickles to ask the helper about: torch's own, and made by hand."""

import io
import pickletools
import sys
import types
import zipfile

import torch

from pickle_bytes import (  # noqa: F401: for the tests of the helper
    FALSE, ORDERED_DICT, build, call, dct, get, glob, integer, keys_pickle,
    load_from_bytes, lst, module_of, nested_stream, new, put, stack_global,
    state_dict, storage, stream_storage, tensor, text, tup, whole,
)  # fmt: skip


def saved(value, protocol=2):
    """The pickle inside torch.save's archive."""
    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol)
    with zipfile.ZipFile(buffer) as archive:
        return archive.read("archive/data.pkl")


def pickle_ends(data, count):
    """Where each of so many pickles ends that follow each other."""
    file = io.BytesIO(data)
    ends = []
    for _ in range(count):
        for _ in pickletools.genops(file):
            pass
        ends.append(file.tell())
    return ends


def cut_stream(data):
    """(request, tail) of a file of before torch 1.6: the pickles of the
    object and of its storage keys; the storages."""
    ends = pickle_ends(data, 5)
    return data[ends[2]:ends[4]], data[ends[4]:]


def saved_stream(value, protocol=2):
    """The same of torch's own older format."""
    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol,
               _use_new_zipfile_serialization=False)
    return cut_stream(buffer.getvalue())


def empty_module(monkeypatch, name):
    """A module of that name for as long as a test runs, with its parents;
    classes put into it pickle under it."""
    parts = name.split(".")
    for i in range(1, len(parts) + 1):
        inner = ".".join(parts[:i])
        if inner not in sys.modules:
            module = types.ModuleType(inner)
            module.__path__ = []
            monkeypatch.setitem(sys.modules, inner, module)
    return sys.modules[name]
