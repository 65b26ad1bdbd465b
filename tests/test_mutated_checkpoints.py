"""Damaged checkpoints, as we read them and as torch does.

Bytes of the pickles are changed, cut, moved and doubled, and the archive around them is
made sound again, so that the damage gets as far as the tensors.  What we convert, torch
loads, and every tensor is the same; torch gets stand-ins for all that is not its own.
"""

import functools
import io
import os
import pickle
import random
import re
import sys
import zipfile

import pytest
from converter import PROJECT, convert, files_below
from judge import mutants
from small_checkpoints import TEXT, bundle_of, torch_archive
from test_mutations import FAULTS

torch = pytest.importorskip("torch")
sys.path.append(str(PROJECT / "fixtures"))
inert_torch = pytest.importorskip("inert_torch")
era_containers = pytest.importorskip("era_containers")

# CI makes as many; 10,000 and more by hand.
CHECKPOINTS = int(os.environ.get("MPT_CHECKPOINT_MUTATIONS", "2000"))


def weights():
    """Shared storages, views of all kinds, several dtypes, an empty one and a scalar."""
    base = torch.arange(12, dtype=torch.float32)
    return {
        "whole": base,
        "matrix": base.view(3, 4),
        "turned": base.view(3, 4).t(),
        "part": base[2:7:2],
        "spread": base[:1].expand(2, 2),
        "parameter": torch.nn.Parameter(torch.tensor([1, 2], dtype=torch.bfloat16)),
        "scalar": torch.tensor(7),
        "empty": torch.empty(0, 2, dtype=torch.float64),
        "conj": torch.tensor([1 + 2j], dtype=torch.complex64).conj(),
        "odd": torch.tensor([1, 2], dtype=torch.uint16),
    }


def module():
    inner = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    inner.register_buffer("dropped", torch.zeros(1), persistent=False)
    return torch.nn.ModuleDict({"net": inner, "tied": inner[0], "none": None})


def archive_seed(value, protocol):
    """(pickle, what makes a file of a pickle)."""
    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol)
    with zipfile.ZipFile(buffer) as reader:
        members = {name.partition("/")[2]: reader.read(name) for name in reader.namelist()}
    storages = {
        name.removeprefix("data/"): data
        for name, data in members.items()
        if name.startswith("data/")
    }
    return members["data.pkl"], lambda pickled: torch_archive(pickled, storages)


def stream_seed(value, protocol):
    """Everything is damaged; it has no source texts, which would be most of it."""
    return era_containers.stream_bytes(value, protocol), lambda damaged: damaged


PIECES = [bytes([n]) for n in b"cbRs.t)}]eulaQqhr0123(NK\x80\x81\x85\x86\x87\x88\x89\x8a\x93\x94"]
PIECES += [b"\xff", b"\0", b"K\0", b"K\1", b"K\2", b"K\xff", b"M\xff\xff", b"J\xff\xff\xff\xff"]
PIECES += [b"h\0", b"h\1", b"q\1", b"\x89", b"FloatStorage", b"LongStorage", b"ByteStorage"]
PIECES += [b"_parameters", b"_buffers", b"cos\nsystem\n", b"_rebuild_parameter"]


@functools.cache
def seeds():
    return [
        make(value(), protocol)
        for make in (archive_seed, stream_seed)
        for value in (weights, module)
        for protocol in (2, 4)
    ]


def damaged_files(count):
    choose = random.Random(5)
    for data, make in seeds():
        for damaged in mutants([data], PIECES, count // len(seeds()), choose.random()):
            yield make(damaged)


# Where a stream's pickle about the machine begins, by protocol.
MACHINE = {2: 21, 4: 39}
NO_MACHINE = pickle.dumps({}, 2)


def without_machine(data):
    """A stream with nothing in the pickle about the machine, which we throw away and
    torch decodes; the next one begins at one of these places."""
    if data.startswith(b"PK"):
        return []
    head = data[: MACHINE[data[1]]]
    found = re.finditer(b"\x80[\2-\5]", data[:400])
    starts = [at.start() for at in found if at.start() > len(head)]
    return [head + NO_MACHINE + data[start:] for start in starts]


def is_named(fault):
    """What torch minds, and is nothing to the weights: a storage that none of them lies
    in is missing or of another size, or a set would have members that none can have."""
    named = ("failed locating file data/", "does not match expected size", "unhashable type")
    return any(part in str(fault) for part in named)


def reference(data):
    """The tensors that torch loads, or None if it refuses for a reason of its own."""
    faults = []
    for file in [data, *without_machine(data)]:
        try:
            return inert_torch.described(inert_torch.load(file))
        except Exception as fault:
            faults.append(fault)
    if not is_named(faults[0]):
        raise faults[0]
    return None


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source")
def test_damaged(tmp_path):
    for number, data in enumerate(damaged_files(CHECKPOINTS)):
        (tmp_path / f"{number:06}:v1.pt").write_bytes(data)
    run = convert(tmp_path, ".", "-o", "out", "--jsonl", "--architecture", TEXT)
    assert run.exit == 1
    both = 0
    for path, row in run.rows().items():
        if row["status"] == "converted":
            tensors = reference(path.read_bytes())
            got = files_below(tmp_path / "out" / path.stem)
            if tensors is not None:
                assert got == bundle_of(tensors), path
                both += 1
        else:
            assert row["status"] == "failed" and row["error"]["kind"] in FAULTS, row
    assert CHECKPOINTS / 40 < both < CHECKPOINTS / 4
