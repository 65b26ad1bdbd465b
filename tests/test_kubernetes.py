"""cluster/mpt-convert-job.yaml: its schema, its fields, and what its pods would do.

There is no Kubernetes here.  The schemas are those of the API servers, and each pod's
command runs as the Job's controller would run it.
"""

import copy
import os
import re
import subprocess

import mpt_zip
import pytest
from converter import CONVERTER, PROJECT, files_below

kubernetes_validate = pytest.importorskip(
    "kubernetes_validate", reason="kubernetes-validate is not installed"
)
yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

MANIFEST = PROJECT / "cluster/mpt-convert-job.yaml"
JOB = yaml.safe_load(MANIFEST.read_text("utf-8"))
SPEC = JOB["spec"]
POD = SPEC["template"]["spec"]
(CONTAINER,) = POD["containers"]
COMMAND = [*CONTAINER["command"], *CONTAINER["args"]]
MOUNTS = {mount["mountPath"]: mount for mount in CONTAINER["volumeMounts"]}
VERSIONS = ["1.29", "1.33", "1.37"]


# ---- the schema ----


@pytest.mark.parametrize("version", VERSIONS)
def test_schema(version):
    """Strict: a field that the API does not have is a fault too."""
    assert kubernetes_validate.validate(JOB, version, strict=True) == version


def test_oldest_version_that_is_named():
    assert f"Kubernetes {VERSIONS[0]} or later" in MANIFEST.read_text("utf-8")


def changed(*path, value):
    """The Job with one value replaced or added."""
    job = copy.deepcopy(JOB)
    place = job
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return job


WRONG = {
    "unknown field": (("spec", "shards"), 16),
    "no number": (("spec", "completions"), "sixteen"),
    "no list": (("spec", "template", "spec", "volumes"), {"name": "runs"}),
    "unknown field, deep": (("spec", "template", "spec", "containers", 0, "arguments"), []),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_schema_is_one(case):
    path, value = WRONG[case]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(changed(*path, value=value), VERSIONS[-1], strict=True)


# ---- what a schema does not know ----


def test_one_document():
    assert len(list(yaml.safe_load_all(MANIFEST.read_text("utf-8")))) == 1
    assert (JOB["apiVersion"], JOB["kind"]) == ("batch/v1", "Job")


def test_shards_are_completions():
    assert SPEC["completionMode"] == "Indexed"
    option = COMMAND[COMMAND.index("--shard") + 1]
    assert option == f"auto/{SPEC['completions']}"
    assert 1 <= SPEC["parallelism"] <= SPEC["completions"]


def test_pods_are_not_restarted_in_place():
    """What a limit for each index and a policy for failures need."""
    assert POD["restartPolicy"] == "Never"
    assert SPEC["backoffLimitPerIndex"] >= 1


def test_exit_statuses():
    """Status 1 is of bad files, which another try does not mend; 2 and 3 are of the Job."""
    rules = [rule for rule in SPEC["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    actions = []
    for rule in rules:
        assert rule["onExitCodes"]["containerName"] == CONTAINER["name"]
        assert rule["onExitCodes"]["operator"] == "In"
        actions += [(status, rule["action"]) for status in rule["onExitCodes"]["values"]]
    assert actions == [(1, "FailIndex"), (2, "FailJob"), (3, "FailJob")]


def test_volumes():
    """Every mount has its volume, every path of the command lies in a mount."""
    volumes = {volume["name"]: volume["persistentVolumeClaim"] for volume in POD["volumes"]}
    assert {mount["name"] for mount in MOUNTS.values()} == volumes.keys()
    assert set(MOUNTS) == {word for word in COMMAND if word.startswith("/")}
    source, output = (MOUNTS[COMMAND[n]] for n in (COMMAND.index("--output") - 1, -1))
    assert source["readOnly"] and volumes[source["name"]]["readOnly"]
    assert "readOnly" not in output and "readOnly" not in volumes[output["name"]]


def test_resources():
    """The limit is what -j goes by; more than is asked for might not be had."""
    resources = CONTAINER["resources"]
    assert resources["requests"] == resources["limits"]
    assert resources["limits"].keys() == {"cpu", "memory"}


def test_version_of_the_image():
    version = re.search(r"^VERSION := (\S+)", (PROJECT / "Makefile").read_text(), re.M)[1]
    assert CONTAINER["image"] == f"mpt-bundle:{version}"


# ---- the pods ----


def pod(cwd, index):
    """The command of one pod, its mounts being folders of cwd."""
    assert COMMAND[0] == CONVERTER.name
    words = [word.lstrip("/") if word in MOUNTS else word for word in COMMAND[1:]]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SKYPILOT_"))}
    return subprocess.run(
        [CONVERTER, *words],
        cwd=cwd,
        env={**clean, "JOB_COMPLETION_INDEX": str(index)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def bundles(folder):
    return {k: v for k, v in files_below(folder).items() if ".mpt-convert" not in k}


def test_pods_make_the_whole(tmp_path):
    """All indexes, the last first: together they convert each source once."""
    mpt_zip.tree(tmp_path / "runs", 40)
    lines = []
    for index in reversed(range(SPEC["completions"])):
        done = pod(tmp_path, index)
        assert done.returncode == 0, done.stderr
        assert f"shard {index}/{SPEC['completions']} by JOB_COMPLETION_INDEX" in done.stderr
        lines += done.stdout.splitlines()
    assert len(lines) == 40 and all(line.startswith("converted ") for line in lines)
    expected = {
        f"run/checkpoints/run:v{epoch}/{name}": content
        for epoch in range(40)
        for name, content in mpt_zip.bundle(epoch).items()
    }
    assert bundles(tmp_path / "bundles") == expected


def test_an_index_too_many(tmp_path):
    mpt_zip.tree(tmp_path / "runs", 1)
    assert pod(tmp_path, SPEC["completions"]).returncode == 2
