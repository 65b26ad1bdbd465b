"""Files of before torch 1.6, of one run: their storages are named after addresses.

mpt-convert numbers them, to know a pickle again (convert/stream_keys.h); what it writes
and says must not show that.
"""

import io
import json
import struct

import pytest
import torch
from converter import convert, files_below
from pickle_bytes import (
    build, call, dct, get, glob, keys_pickle, lst, module_of, new, put, stack_global,
    stream_storage, text, tup, whole,
)  # fmt: skip
from small_checkpoints import FLOATS, TEXT, bundle_of, stream, tensor

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


def module(keys, names=NAMES, setting="a text"):
    """A pickled policy with a parameter for each key; its config has one setting."""
    parameters = [
        (text(name), tensor(stream_storage(key, numel=2), 2, 1))
        for name, key in zip(names, keys, strict=True)
    ]
    setting = setting if isinstance(setting, bytes) else text(setting)
    state = dct(
        (text("__dict__"), dct((text("s"), setting))),
        (text("__pydantic_fields_set__"), b"N"),
    )
    config = build(new(glob("p", "C")), state)
    return whole(module_of(parameters, extra=[(text("config"), config)]))


def file_of(pickled, keys, number):
    values = dict(zip(keys, values_of(number), strict=True))
    return stream(pickled, {key: (2, values[key]) for key in sorted(keys)})


def converted(folder, *files, options=()):
    """One thread converts them, one after the other."""
    (folder / "run").mkdir()
    for number, content in enumerate(files):
        (folder / f"run/run:v{number}.pt").write_bytes(content)
    return convert(folder, "run", "-o", "out", "-j1", *options)


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


def escaped(value):
    """The same text as a line of escapes."""
    return b"V" + b"".join(b"\\u%04x" % ord(character) for character in value) + b"\n"


def test_list_that_is_not_in_the_order_of_its_texts(tmp_path):
    """It is made of what the memo holds, which comes in another order."""
    keys, number = PROCESSES[0], 0
    values = dict(zip(keys, values_of(number), strict=True))
    listed = b"(" + b"".join(put(text(key), i) for i, key in enumerate(keys)) + b"1"
    listed = whole(listed + lst(get(2), get(1), get(0)))
    file = stream(module(keys), {key: (2, values[key]) for key in reversed(keys)})
    done = converted(tmp_path, file.replace(keys_pickle(*reversed(keys)), listed))
    check(tmp_path, done, number)


def test_buffer_that_is_named_as_a_key_is_numbered(tmp_path):
    """An escaped text names no buffer to leave out, although it is the key's number."""
    key = PROCESSES[0][0]
    left_out = call(glob("__builtin__", "set"), lst(escaped("0" * len(key))))
    pickled = whole(module_of(
        buffers=[(text(key), tensor(stream_storage(key, numel=2), 2, 1))],
        extra=[(text("_non_persistent_buffers_set"), left_out)],
    ))  # fmt: skip
    (tmp_path / "run").mkdir()
    content = stream(pickled, {key: (2, FLOATS[:8])})
    (tmp_path / "run/run:v0.pt").write_bytes(content)
    done = convert(tmp_path, "run", "-o", "out", "--architecture", "p.C")
    assert done.exit == 0, done.stderr
    assert files_below(tmp_path / "out/run:v0") == bundle_of({key: ("F32", [2], FLOATS[:8])})


@pytest.mark.parametrize("left", [1, 7, 8, 14])
def test_note_that_is_cut_inside_a_key(tmp_path, left):
    """Its path is, behind 200 characters."""
    key = PROCESSES[0][0]
    name = "p" * (200 - len("s..") - left)
    not_a_number = b"G" + struct.pack(">d", float("nan"))
    setting = dct((text(name), dct((text(key), not_a_number))))
    done = converted(tmp_path, file_of(module(PROCESSES[0], setting=setting), PROCESSES[0], 0))
    assert f".{key[:left]}: no literal for nan" in done.stdout + done.stderr


def named_like_keys(keys, named):
    """Globals that are named after keys, and others by name."""
    names = [stack_global(key, "v") + b"0" for key in keys]
    names += [glob(name, "v") + b"0" for name in named]
    parts = [
        (text(f"w{i}"), tensor(stream_storage(key, numel=1), 1, 1)) for i, key in enumerate(keys)
    ]
    pickled = whole(b"".join(names) + dct(*parts), 4)
    return stream(pickled, {key: (1, bytes(4)) for key in keys})


def test_globals_that_are_named_like_keys(tmp_path):
    """Half as many names in one file as in the other, which has the same numbers."""
    keys, others = ([str(first + i) for i in range(2501)] for first in (51 * 10**12, 61 * 10**12))
    files = named_like_keys(keys, named=keys), named_like_keys(others, named=keys)
    done = converted(tmp_path, *files, options=["--architecture", TEXT])
    assert (done.exit, len(done.stderr.splitlines())) == (1, 2)
    assert "run:v1.pt: object: offset" in done.stderr
    assert "more than 5000 different globals" in done.stderr


def longer(keys):
    return file_of(module(keys), keys, 0)[:-16] + struct.pack("<Q", 3) + bytes(12)


def with_list(keys, listed):
    values = dict.fromkeys(listed, (2, bytes(8)))
    return stream(module(keys), values)


def seen_as_a_view(keys):
    """By a text with quotes."""
    quoted = b"S'" + keys[0].encode() + b"'\n"
    view = b"(" + quoted + b"K\0K\2t"
    part = (text("w"), tensor(stream_storage(keys[0], numel=2, view=view), 2, 1))
    return stream(whole(dct(part)), {keys[0]: (2, bytes(8))})


def number_for_a_key(keys):
    """A second storage whose key is what the first one's is replaced with."""
    parts = [
        (text(name), tensor(tup(text("storage"), glob("torch", "FloatStorage"), key,
                                text("cpu"), b"K\2", b"N") + b"Q", 2, 1))
        for name, key in (("v", text(keys[0])), ("w", escaped("0" * len(keys[0]))))
    ]  # fmt: skip
    return stream(whole(dct(*parts)), {keys[0]: (2, bytes(8))})


FAULTS = {
    "a view of the same key": (
        seen_as_a_view,
        f"the key {PROCESSES[0][0]} is a storage's and a view's",
    ),
    "a number for a key": (
        number_for_a_key,
        "storage 00000000000000 is used, but not in the list of keys",
    ),
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


def outcomes(folder, before, files):
    """Of each file when another one comes right before it: what is made and said."""
    for number, content in enumerate(files):
        for name, written in (f"{number:04}a", before), (f"{number:04}b", content):
            (folder / f"data/{name}").mkdir(parents=True)
            (folder / f"data/{name}/run:v1.pt").write_bytes(written)
    done = convert(folder, "data", "-o", "out", "-j1", "--jsonl")
    rows = {row["source"]: row for row in map(json.loads, done.stdout.splitlines())}
    for number in range(len(files)):
        row = rows[f"data/{number:04}b/run:v1.pt"]
        yield row, files_below(folder / f"out/{number:04}b")


def test_changed_bytes_after_the_same_stream(tmp_path):
    """Every fourth byte of the pickles in turn: what comes of it is no other than after a
    stream of another kind."""
    keys = PROCESSES[0]
    good = file_of(module(keys), keys, 0)
    other = file_of(module(keys, setting="atext "), keys, 0)
    assert len(good) == len(other)
    pickles = range(0, len(good) - 3 * 16, 4)
    changed = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in pickles]
    after_good = list(outcomes(tmp_path / "good", good, changed))
    after_other = list(outcomes(tmp_path / "other", other, changed))
    assert after_good == after_other
    statuses = [row["status"] for row, _ in after_good]
    assert min(statuses.count("converted"), statuses.count("failed")) > 20
