"""Random checkpoints of two torch releases, converted by us and by torch itself.

The reference loads each checkpoint with torch and writes it with the safetensors
package; every byte must be the same.  Needs torch, safetensors and pydantic; the files
of torch 1.13 need an interpreter that has it: MPT_OLD_TORCH_PYTHON, or a system one.
"""

import os
import subprocess
import sys

import pytest
from converter import PROJECT, convert, files_below

torch = pytest.importorskip("torch", reason="the reference is torch itself")
safetensors_torch = pytest.importorskip("safetensors.torch")
pytest.importorskip("pydantic", reason="the policy spec is printed by pydantic")

DIFFERENTIAL = PROJECT / "tests" / "differential"
ARCHITECTURE = "random.Policy(note='é \"quoted\" \\\\ back', rate=1e-05)"
# By each release of torch; three in four are whole modules, over 1,000 by both.
TORCH_CHECKPOINTS = int(os.environ.get("MPT_RANDOM_CHECKPOINTS", "680"))
MPT_CHECKPOINTS = 80


def torch_release(python):
    """The version of the torch that an interpreter imports, or None."""
    probe = "import torch; print(torch.__version__)"
    try:
        done = subprocess.run([python, "-c", probe], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None


def old_torch_python():
    """An interpreter with torch 1.x, as the environment says or as systems have it."""
    chosen = os.environ.get("MPT_OLD_TORCH_PYTHON")
    for python in [chosen] if chosen else ["/usr/bin/python3", "python3"]:
        if (torch_release(python) or "").startswith("1."):
            return python
    pytest.skip("no Python with torch 1.13; set MPT_OLD_TORCH_PYTHON")


def run_script(python, script, *arguments):
    command = [python, DIFFERENTIAL / script, *map(str, arguments)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=one_thread)
    assert done.returncode == 0, done.stderr
    return done.stdout


def differences(got, expected):
    """The bundle files that are missing, unasked for, or different."""
    return sorted(
        name for name in got.keys() | expected if got.get(name) != expected.get(name)
    )


def assert_loads(expected_path, got_path):
    """A second opinion besides the bytes: the package reads the same tensors."""
    expected = safetensors_torch.load_file(expected_path)
    got = safetensors_torch.load_file(got_path)
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        assert got[name].dtype == tensor.dtype and got[name].shape == tensor.shape
        assert torch.equal(as_bytes(got[name]), as_bytes(tensor)), name


def as_bytes(tensor):
    return tensor.reshape(-1).view(torch.uint8)


def compare(directory, kind, options):
    """Convert directory/kind both ways; every bundle and every refusal must agree."""
    sources, expected = directory / kind, directory / "expected"
    run_script(sys.executable, "reference.py", sources, expected, ARCHITECTURE)
    run = convert(directory, sources, "-o", "out", "--jsonl", *options)
    bundles = files_below(expected)
    collisions = {name for name in bundles if name.endswith(".collision")}
    for name in collisions:
        del bundles[name]
    failed = {
        f"{path.relative_to(sources).with_suffix('')}.collision": row["reason"]
        for path, row in run.rows().items()
        if row["status"] == "failed"
    }
    assert {name: failed[name] for name in failed.keys() - collisions} == {}
    assert failed.keys() == collisions
    assert differences(files_below(directory / "out"), bundles) == []
    assert run.exit == (1 if collisions else 0), run.stderr
    for name in bundles:
        if name.endswith(".safetensors"):
            assert_loads(expected / name, directory / "out" / name)


@pytest.mark.parametrize("release", ["new", "old"])
def test_torch_checkpoints(tmp_path, release):
    """State dicts and whole modules, alone or among other things, in every form."""
    python = sys.executable if release == "new" else old_torch_python()
    arguments = ["--seed", 20260110, "--torch", TORCH_CHECKPOINTS]
    modules = run_script(python, "generate.py", tmp_path, *arguments)
    assert int(modules) >= TORCH_CHECKPOINTS * 3 // 4
    compare(tmp_path, "torch", ["--architecture", ARCHITECTURE])


def test_mpt_checkpoints(tmp_path):
    """Zips of weights and text: the blob is laid out anew, the text kept."""
    arguments = ["--seed", 20260111, "--mpt", MPT_CHECKPOINTS]
    run_script(sys.executable, "generate.py", tmp_path, *arguments)
    compare(tmp_path, "mpt", [])
