"""--against and --consistent: the judgement of torch's strict load, and who is the odd one.

What is missing, unexpected or of another shape is what load_state_dict() says of the same
tensors; the reference comes in every form there is.
"""

import json
import random
import re

import pytest
import safetensors.torch
import torch
from test_validate import (
    DATA,
    MAKERS,
    SPEC,
    findings,
    make_folder,
    make_zip,
    members,
    spec_of,
    validate,
    weights_of,
)

DTYPES = {
    torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.bool: "BOOL",
}  # fmt: skip


def module_of(tensors):
    """A module that has these keys, and no others."""
    root = torch.nn.Module()
    for key, tensor in tensors.items():
        *path, name = key.split(".")
        module = root
        for part in path:
            if not hasattr(module, part):
                module.add_module(part, torch.nn.Module())
            module = getattr(module, part)
        module.register_buffer(name, tensor.clone())
    return root


def strict_load(tensors, reference):
    """(missing, unexpected, of another shape) as load_state_dict(strict=True) has it."""
    try:
        module_of(reference).load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        text = str(error)
    else:
        return set(), set(), set()

    def listed(what):
        found = re.search(rf"{what} key\(s\) in state_dict: (.*?)\. *$", text, re.M)
        return set(re.findall(r'"([^"]+)"', found[1])) if found else set()

    return listed("Missing"), listed("Unexpected"), set(re.findall(r"size mismatch for (\S+):", text))


def said(found):
    """The same of what mpt-validate says."""
    key = re.compile(r'key "([^"]+)"')
    kinds = {rule: set() for rule in ("missing", "unexpected", "shape", "dtype")}
    for finding in found:
        if finding["rule"] == "against-shape" and finding["severity"] == "warning":
            assert "a loader converts it" in finding["reason"]
        elif finding["rule"].startswith("against-"):
            kinds[finding["rule"][8:]].add(key.search(finding["reason"])[1])
    return kinds


def manifest_of(tensors):
    keys = {k: {"dtype": DTYPES[t.dtype], "shape": list(t.shape)} for k, t in tensors.items()}
    return json.dumps({"format": "mpt-key-manifest", "version": 1, "keys": keys}).encode()


def reference(folder, form, tensors):
    """Write a reference, and return how it is named."""
    if form == "beside":
        return MAKERS[random.Random(len(tensors)).choice(list(MAKERS))](
            folder, members(weights=weights_of(tensors)), "run:v4"
        ).name
    if form == "zip":
        return make_zip(folder / "other", members(weights=weights_of(tensors)), "r.zip")
    if form == "folder":
        spec = spec_of(data_path="deep/w")
        content = {SPEC: spec, "deep/w": weights_of(tensors)}
        return make_folder(folder / "other", content, "r")
    path = folder / "reference"
    path.write_bytes(manifest_of(tensors) if form == "manifest" else weights_of(tensors))
    return path


FORMS = ["manifest", "safetensors", "folder", "zip", "beside"]


def policy(choose):
    shapes = [(), (3,), (2, 3), (3, 2), (4, 1, 3)]
    keys = {f"{part}.{i}.{name}" for part in ("net", "net.core", "actor") for i in range(3)
            for name in ("weight", "bias", "scale")}  # fmt: skip
    return {
        key: torch.ones(choose.choice(shapes), dtype=choose.choice(list(DTYPES)))
        for key in sorted(keys)
        if choose.random() < 0.8
    }


def changed(choose, tensors):
    """Some tensors away, some new, some renamed, some of another shape or dtype."""
    result = {}
    for key, tensor in tensors.items():
        what = choose.choice(("keep",) * 6 + ("drop", "rename", "prefix", "shape", "dtype", "add"))
        if what == "shape":
            tensor = choose.choice((tensor.reshape(-1), tensor.unsqueeze(0), torch.ones(7)))
        elif what == "dtype":
            tensor = tensor.half()
        elif what == "rename":
            key = key.replace("net", "network")
        elif what == "prefix":
            key = f"module.{key}"
        elif what == "add":
            result[f"{key}_more"] = tensor.clone()
        if what != "drop":
            result[key] = tensor.contiguous()
    return result


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(8))
def test_as_a_strict_load(tmp_path, form, seed):
    choose = random.Random(100 * seed + FORMS.index(form))
    theirs = policy(choose)
    ours = theirs if seed == 0 else changed(choose, theirs)
    path = MAKERS[choose.choice(list(MAKERS))](tmp_path, members(weights=weights_of(ours)), "run:v5.zip")
    run = validate("--jsonl", "--against", reference(tmp_path, form, theirs), path)
    kinds = said(run.rows()[0]["findings"])
    missing, unexpected, shapes = strict_load(ours, theirs)
    assert (kinds["missing"], kinds["unexpected"], kinds["shape"]) == (missing, unexpected, shapes)
    both = ours.keys() & theirs.keys()
    assert kinds["dtype"] == {key for key in both if ours[key].dtype != theirs[key].dtype}
    assert run.exit == bool(missing or unexpected or shapes)
    assert seed > 0 or run.exit == 0


def test_causes(tmp_path):
    """What may have happened is said of every key."""
    theirs = {
        "actor.weight": torch.ones(5, 8), "actor.bias": torch.ones(5), "w": torch.ones(2, 3),
        "flat": torch.ones(6), "_sequential_network.fc.weight": torch.ones(4, 4),
        "core.cell.weight": torch.ones(9), "deep.x": torch.ones(11),
    }  # fmt: skip
    ours = {
        "actor.weight": torch.ones(7, 8), "actor.bias": torch.ones(7), "w": torch.ones(3, 2),
        "flat": torch.ones(2, 3), "network.fc.weight": torch.ones(4, 4),
        "core._orig_mod.cell.weight": torch.ones(9), "policy.deep.x": torch.ones(11),
    }  # fmt: skip
    path = make_folder(tmp_path, members(weights=weights_of(ours)))
    run = validate("--jsonl", "--against", reference(tmp_path, "manifest", theirs), path)
    reasons = {f["reason"] for f in run.rows()[0]["findings"] if f["rule"].startswith("against")}
    assert reasons == {
        'key "actor.bias" is F32 [7], and F32 [5] in the reference: an actor head of 7 actions, not 5',
        'key "actor.weight" is F32 [7,8], and F32 [5,8] in the reference: an actor head of 7 actions, not 5',
        'key "w" is F32 [3,2], and F32 [2,3] in the reference: transposed',
        'key "flat" is F32 [2,3], and F32 [6] in the reference: as many elements, laid out otherwise',
        'missing key "_sequential_network.fc.weight", F32 [4,4]; perhaps "network.fc.weight" is it, renamed',
        'unexpected key "network.fc.weight", F32 [4,4]; perhaps "_sequential_network.fc.weight" is it, renamed',
        'missing key "core.cell.weight", F32 [9]; "core._orig_mod.cell.weight" is the same but for the names'
        " of wrappers",
        'unexpected key "core._orig_mod.cell.weight", F32 [9]; "core.cell.weight" is the same but for the'
        " names of wrappers",
        'missing key "deep.x", F32 [11]; "policy.deep.x" is the same but for a prefix',
        'unexpected key "policy.deep.x", F32 [11]; "deep.x" is the same but for a prefix',
    }


# ---- where a reference is ----

ONE = {"a": torch.tensor([1.0, 2.0])}
OTHER = {"b": torch.tensor([1.0, 2.0])}


def put(folder, name, tensors):
    return make_folder(folder, members(weights=weights_of(tensors)), name)


def verdicts(run):
    return {row["bundle"].rpartition("/")[2]: row["verdict"] for row in run.rows()}


def test_beside_each_bundle(tmp_path):
    """Each folder has a run:v4 of its own; where there is none, that of the current folder."""
    put(tmp_path, "p/run:v4", ONE)
    put(tmp_path, "p/run:v5", ONE)
    make_zip(tmp_path / "q", members(weights=weights_of(OTHER)), "run:v4.zip")
    put(tmp_path, "q/run:v6", OTHER)
    put(tmp_path, "q/run:v7", ONE)
    put(tmp_path, "r/run:v8", OTHER)
    run = validate("--jsonl", "--against", "run:v4", tmp_path)
    assert run.exit == 1
    assert verdicts(run) == {
        "run:v4": "ok", "run:v5": "ok", "run:v4.zip": "ok", "run:v6": "ok", "run:v7": "bad",
        "run:v8": "bad",
    }  # fmt: skip
    [finding] = [row["findings"] for row in run.rows() if row["bundle"].endswith("v8")][0]
    assert finding["rule"] == "against" and '"run:v4" is not there' in finding["reason"]
    run = validate("--jsonl", "--against", "run:v4", tmp_path / "r/run:v8", cwd=tmp_path / "q")
    assert run.exit == 0
    run = validate("--jsonl", "--against", "run:v4", ".", cwd=tmp_path / "q/run:v7")
    assert run.exit == 1


BROKEN = {
    "missing": (None, "cannot open: No such file"),
    "text": (b"keys", "neither a bundle nor a safetensors file nor a key manifest"),
    "empty": (b"", "neither a bundle"),
    "manifest of another version": (b'{"format":"mpt-key-manifest","version":2}', "only version 1"),
    "some JSON": (b' {"a":1}', '"format" is missing'),
    "manifest cut": (manifest_of(ONE)[:-2], "ends"),
    "safetensors cut": (weights_of(ONE)[:-1], "the tensors cover"),
    "zip cut": (b"PK\3\4" + bytes(50), "no end record"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_reference_that_cannot_be_read(tmp_path, name):
    """Then nothing can be judged: neither good nor bad."""
    data, reason = BROKEN[name]
    path = tmp_path / "reference"
    if data is not None:
        path.write_bytes(data)
    run = validate("--jsonl", "--against", path, put(tmp_path, "run:v5", ONE))
    assert run.exit == 2 and not run.stdout and reason in run.stderr and str(path) in run.stderr


def test_reference_without_weights(tmp_path):
    spec = spec_of(class_path="my.P", data_path=None)
    folder = make_folder(tmp_path, members(spec, weights=None), "r")
    run = validate("--against", folder, put(tmp_path, "run:v5", ONE))
    assert run.exit == 2 and "data_path is null" in run.stderr
    run = validate("--jsonl", "--against", put(tmp_path, "s", ONE), folder)
    _, found = findings(run)
    assert 'missing key "a"' in found[("against-missing", "error")]["reason"]


def test_many_keys(tmp_path):
    """20,000 keys, of which none has its name: each is told apart and finds its partner."""
    count = 20_000
    ours = {f"net.blocks.{i}.weight": torch.tensor(i) for i in range(count)}
    theirs = {f"policy.{key}": tensor for key, tensor in ours.items()}
    safetensors.torch.save_file(theirs, tmp_path / "r")
    path = make_folder(tmp_path, members(weights=weights_of(ours)))
    [row] = validate("--jsonl", "--against", tmp_path / "r", path).rows()
    texts = [f["reason"] for f in row["findings"] if f["rule"] == "against-missing"]
    assert len(texts) == 10_001 and texts[-1].startswith("10000 more findings")
    for text in texts[:-1]:
        key = re.search(r'missing key "policy\.([^"]+)"', text)[1]
        assert text.endswith(f'"{key}" is the same but for a prefix')


# ---- the epochs of a run ----


def odd_ones(run):
    return {
        row["bundle"].rpartition("/")[2]: f["reason"]
        for row in run.rows()
        for f in row["findings"]
        if f["rule"] == "consistent"
    }


@pytest.mark.parametrize("threads", ["-j1", "-j4"])
def test_the_odd_one_is_named(tmp_path, threads):
    for epoch in (1, 2, 10):
        put(tmp_path, f"run:v{epoch}", ONE)
    make_zip(tmp_path, members(weights=weights_of(OTHER)), "run:v3.zip")
    put(tmp_path, "other:v1", OTHER)
    put(tmp_path, "sub/run:v11", OTHER)
    run = validate("--jsonl", threads, "--consistent", tmp_path)
    odd = odd_ones(run)
    assert run.exit == 1 and list(odd) == ["run:v3.zip"]
    assert odd["run:v3.zip"].startswith("differs from 3 of the 4 epochs of its run, as run:v10: ")
    assert validate("--consistent", tmp_path / "run:v3.zip", tmp_path / "other:v1").exit == 0


def test_the_last_epoch_decides_between_as_many(tmp_path):
    put(tmp_path, "run:v9", ONE)
    put(tmp_path, "run:v10", OTHER)
    odd = odd_ones(validate("--jsonl", "--consistent", tmp_path))
    assert list(odd) == ["run:v9"] and "from 1 of the 2 epochs" in odd["run:v9"]


def test_dtype_and_shape_are_compared(tmp_path):
    put(tmp_path, "run:v1", ONE)
    put(tmp_path, "run:v2", {"a": torch.tensor([[1.0, 2.0]])})
    put(tmp_path, "run:v3", {"a": torch.tensor([1.0, 2.0]).half()})
    put(tmp_path, "run:v4", {"a": torch.tensor([3.0, 4.0])})
    odd = odd_ones(validate("--jsonl", "--consistent", tmp_path))
    assert list(odd) == ["run:v2", "run:v3"]
    assert "1 of another shape, 0 of another dtype" in odd["run:v2"]
    assert "0 of another shape, 1 of another dtype" in odd["run:v3"]


def test_bundles_that_cannot_be_read_do_not_count(tmp_path):
    put(tmp_path, "run:v1", ONE)
    put(tmp_path, "run:v2", OTHER)
    for epoch in (3, 4, 5):
        (put(tmp_path, f"run:v{epoch}", OTHER) / DATA).write_bytes(b"")
    run = validate("--jsonl", "--consistent", tmp_path)
    assert list(odd_ones(run)) == ["run:v1"]
    assert verdicts(run)["run:v3"] == "bad" and verdicts(run)["run:v2"] == "ok"
