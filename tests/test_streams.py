"""Files of before torch 1.6, of one run: their storages are named after addresses.

mpt-convert numbers them, to know a pickle again (convert/stream_keys.h); what it writes
and says must not show that.
"""

import io
import struct

import pytest
import torch
from converter import convert, files_below
from pickle_bytes import build, dct, glob, module_of, new, stream_storage, text, whole
from small_checkpoints import bundle_of, stream, tensor

# The addresses of three processes.  The list of keys is sorted, as text.
PROCESSES = (
    ("93937264646112", "93937264646448", "139912345678912"),
    ("94111111111152", "94111111111136", "140123456789120"),
    ("139111111111152", "94111111111136", "93123456789121"),
)
NAMES = "w", "x", "y"


def values_of(number):
    return [struct.pack("<2f", number, i) for i in range(3)]


def weights(number, names=NAMES):
    values = zip(names, values_of(number), strict=True)
    return {name: ("F32", [2], value) for name, value in values}


def module(keys, names=NAMES, setting="a text", cls=("policy", "Net")):
    """A pickled policy with a parameter for each key; its config has one setting."""
    parameters = [
        (text(name), tensor(stream_storage(key, numel=2), 2, 1))
        for name, key in zip(names, keys, strict=True)
    ]
    state = dct(
        (text("__dict__"), dct((text("s"), text(setting)))),
        (text("__pydantic_fields_set__"), b"N"),
    )
    config = build(new(glob("p", "C")), state)
    return whole(module_of(parameters, extra=[(text("config"), config)], cls=cls))


def file_of(pickled, keys, number):
    values = dict(zip(keys, values_of(number), strict=True))
    return stream(pickled, {key: (2, values[key]) for key in sorted(keys)})


def converted(folder, *files):
    """One thread converts them, one after the other."""
    (folder / "run").mkdir()
    for number, content in enumerate(files):
        (folder / f"run/run:v{number}.pt").write_bytes(content)
    return convert(folder, "run", "-o", "out", "-j1")


def check(folder, done, number, names=NAMES, setting="a text"):
    assert done.exit == 0, done.stderr
    architecture = f"p.C(s='{setting}')"
    made = files_below(folder / f"out/run:v{number}")
    assert made == bundle_of(weights(number, names), architecture)


def test_each_file_keeps_its_own_values(tmp_path):
    files = [file_of(module(keys), keys, i) for i, keys in enumerate(PROCESSES)]
    done = converted(tmp_path, *files)
    for number in range(3):
        check(tmp_path, done, number)


def test_torch_agrees_about_the_order(tmp_path):
    """That the list of keys says where the values of each are."""
    for number, keys in enumerate(PROCESSES):
        pairs = zip(NAMES, keys, strict=True)
        parts = [(text(name), tensor(stream_storage(key, numel=2), 2, 1)) for name, key in pairs]
        file = io.BytesIO(file_of(whole(dct(*parts)), keys, number))
        read = torch.load(file, weights_only=False)
        assert {name: value.tolist() for name, value in read.items()} == {
            name: [number, i] for i, name in enumerate(NAMES)
        }


# An address, as well, is this: what else it stands for is a key of the first file.
ADDRESS = PROCESSES[0][1]


@pytest.mark.parametrize("like", ["names", "setting"])
def test_addresses_that_are_not_only_keys(tmp_path, like):
    """In two files, of which the second looks like the first but for that."""
    shown = {"names": (NAMES[0], ADDRESS, NAMES[2])} if like == "names" else {like: ADDRESS}
    files = [file_of(module(PROCESSES[0], **shown), PROCESSES[0], 0)]
    files += [file_of(module(PROCESSES[1], **shown), PROCESSES[1], 1)]
    done = converted(tmp_path, *files)
    for number in range(2):
        check(tmp_path, done, number, **shown)


def test_zeros_that_look_like_a_number(tmp_path):
    files = []
    for number, keys in enumerate(PROCESSES[:2]):
        shown = f"{number:014}"
        files.append(file_of(module(keys, setting=shown), keys, number))
    done = converted(tmp_path, *files)
    for number in range(2):
        check(tmp_path, done, number, setting=f"{number:014}")


def longer(keys):
    return file_of(module(keys), keys, 0)[:-16] + struct.pack("<Q", 3) + bytes(12)


def with_list(keys, listed):
    values = dict.fromkeys(listed, (2, bytes(8)))
    return stream(module(keys), values)


FAULTS = {
    "another size": (longer, f"storage {max(PROCESSES[0])}: offset 748: 3 elements"),
    "one is not listed": (
        lambda keys: with_list(keys, keys[:2]),
        f"storage {PROCESSES[0][2]} is used, but not in the list",
    ),
    "one is not used": (
        lambda keys: with_list(keys, [*keys, "94999999999999"]),
        "storage '94999999999999' is in the list of keys, but nothing uses it",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("after", ["alone", "after a good one"])
def test_faults_name_the_keys(tmp_path, name, after):
    make, reason = FAULTS[name]
    good = [file_of(module(PROCESSES[1]), PROCESSES[1], 0)] * (after != "alone")
    done = converted(tmp_path, *good, make(PROCESSES[0]))
    assert done.exit == 1
    assert reason in done.stderr
    assert f"{len(good)} converted, 0 skipped, 1 failed" in done.stderr
