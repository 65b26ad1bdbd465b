"""Architecture texts that contradict the weights: repaired, and only those."""

import json

import numpy
import pytest
from converter import convert
from mpt_zip import write

BLOCKS = "core.cortex.func.stack.blocks"
LSTM, AXON = "cell.net.weight_ih_l0", "cell.nu_log"


def keys(cells, layers=2, experts=False):
    """Keys of a core: each layer has a cell, or an expert for each of them."""
    for layer in range(layers):
        for number, cell in enumerate(cells):
            inner = f".experts.{number}" if experts else ""
            yield f"{BLOCKS}.{layer}{inner}.{cell}"


def text(pattern, layers, rest=""):
    return f"m.Vit(core_resnet_layers={layers}, core_resnet_pattern={pattern!r}{rest})"


CASES = [
    # name, text, keys, the text in the bundle
    ("wrong pattern", text("A", 2), keys([LSTM]), text("L", 2)),
    ("the other way", text("L", 2), keys([AXON]), text("A", 2)),
    ("wrong layers", text("L", 1), keys([LSTM]), text("L", 2)),
    ("both wrong", text("A", 5), keys([LSTM], 3), text("L", 3)),
    ("both right", text("L", 2), keys([LSTM]), text("L", 2)),
    ("AL with both cells", text("AL", 2), keys([AXON, LSTM], 2, True), text("AL", 2)),
    ("LA with both cells", text("LA", 2), keys([LSTM, AXON], 2, True), text("LA", 2)),
    ("one letter, both cells", text("L", 2), keys([AXON, LSTM], 2, True), text("L", 2)),
    ("AL with one cell", text("AL", 2), keys([LSTM]), text("L", 2)),
    ("keys that tell nothing", text("A", 7), ["actor.weight"], text("A", 7)),
    ("unknown letters alone", text("X", 2), keys(["cell.other"]), text("X", 2)),
    (
        "components are listed",
        text("A", 1, ", components=[{'class_path': 'x'}]"),
        keys([LSTM]),
        text("A", 1, ", components=[{'class_path': 'x'}]"),
    ),
    (
        "an empty list of components",
        text("A", 2, ", components=[]"),
        keys([LSTM]),
        text("L", 2, ", components=[]"),
    ),
    ("only the pattern", "m.Vit(core_resnet_pattern='A')", keys([LSTM]), None),
    ("neither", "m.Fast(hidden=3)", keys([LSTM]), None),
    ("not a plain string", text("A", 2).replace("'A'", "['A']"), keys([LSTM]), None),
]


def run_one(tmp_path, architecture, names, *options):
    weights = {name: numpy.zeros(1, dtype="float32") for name in names}
    source = write(tmp_path / "in" / "r:v1.mpt", text=architecture, weights=weights)
    run = convert(tmp_path, source, "-o", "out", "--jsonl", *options)
    assert run.exit == 0, run.stderr
    spec = json.loads((tmp_path / "out/r:v1/policy_spec.json").read_text())
    (row,) = run.rows().values()
    return spec["init_kwargs"]["architecture_spec"], row.get("repairs", [])


@pytest.mark.parametrize(
    "architecture, names, expected",
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_repair(tmp_path, architecture, names, expected):
    written, notes = run_one(tmp_path, architecture, list(names))
    assert written == (expected or architecture)
    changed = written != architecture
    assert any("contradicts the weights" in note for note in notes) == changed


def test_no_repair(tmp_path):
    written, notes = run_one(tmp_path, text("A", 1), keys([LSTM]), "--no-repair")
    assert (written, notes) == (text("A", 1), [])
