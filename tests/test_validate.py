"""mpt-validate's verdicts on bundles by torch, safetensors and Python's zipfile.

One table row for each way a bundle can be bad, with the rule that must say so; a bad
bundle is exit status 1 exactly, whatever the fault.  Every prefix and every byte of small
ones is tried in tests/test_mutations.py.
"""

import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass

import pytest
import safetensors.torch
import torch
from sources import BUILD

PROGRAM = BUILD / "mpt-validate"
SPEC, DATA = "policy_spec.json", "weights.safetensors"
CHECKPOINT = "metta.agent.policy.CheckpointPolicy"
POINTER = "mettagrid.policy.mpt_policy.MptPolicy"
ARCHITECTURE = (
    "metta.agent.policies.fast.FastConfig(components=[], critic_hidden_dim=6)"
)


@dataclass
class Run:
    exit: int
    stdout: str
    stderr: str

    def rows(self):
        return [json.loads(line) for line in self.stdout.splitlines()]


def validate(*arguments, cwd=None, given=b"", env=None):
    """Run the program; a death by signal is never an answer."""
    done = subprocess.run(
        [PROGRAM, *arguments],
        cwd=cwd,
        input=given,
        env=env,
        capture_output=True,
        timeout=120,
    )
    text = [stream.decode("utf-8") for stream in (done.stdout, done.stderr)]
    assert done.returncode in (0, 1, 2, 3), text
    return Run(done.returncode, *text)


def weights_of(tensors):
    return safetensors.torch.save(tensors)


def some_tensors():
    torch.manual_seed(1)
    return {
        "actor.weight": torch.randn(3, 5),
        "actor.bias": torch.randn(3).bfloat16(),
        "seen": torch.tensor([True, False]),
        "count": torch.tensor(7),
        "empty": torch.empty(0, 4),
    }


WEIGHTS = weights_of(some_tensors())


def spec_of(without=(), kwargs=None, **changes):
    """policy_spec.json with some fields changed or left out."""
    if kwargs is None:
        kwargs = {"architecture_spec": ARCHITECTURE, "device": "cpu"}
    fields = {
        "class_path": CHECKPOINT,
        "data_path": "weights.safetensors",
        "init_kwargs": kwargs,
        "setup_script": None,
    }
    fields |= changes
    kept = {key: value for key, value in fields.items() if key not in without}
    return json.dumps(kept).encode()


def members(spec=None, weights=WEIGHTS, others=None):
    """The members of a bundle by name; weights=None leaves them out."""
    named = {SPEC: spec_of() if spec is None else spec, DATA: weights}
    return {
        name: data
        for name, data in (named | (others or {})).items()
        if data is not None
    }


def make_folder(parent, content, name="run:v5"):
    folder = parent / name
    folder.mkdir(parents=True)
    for member, data in content.items():
        path = folder / member
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def zip_bytes(content, method=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for member, data in content.items():
            archive.writestr(member, data)
    return stream.getvalue()


def make_zip(parent, content, name="run:v5.zip", method=zipfile.ZIP_DEFLATED):
    path = parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zip_bytes(content, method))
    return path


MAKERS = {"folder": make_folder, "zip": make_zip}


def findings(run):
    [row] = run.rows()
    return row, {(f["rule"], f["severity"]): f for f in row["findings"]}


def assert_bad(path, rule, reason, member=None):
    """Exit 1, one error, by this rule, for programs and for people."""
    run = validate("--jsonl", path)
    row, found = findings(run)
    errors = [f for f in row["findings"] if f["severity"] == "error"]
    assert run.exit == 1 and row["verdict"] == "bad"
    assert [f["rule"] for f in errors] == [rule], errors
    finding = found[(rule, "error")]
    assert reason in finding["reason"]
    assert finding.get("member") == member or member is None
    heading, line = validate("-q", path).stdout.splitlines()
    assert heading == f"bad {path}"
    assert line.startswith("  error: ") and line.endswith(f" [{rule}]")
    assert reason in line
    return finding


def header(text, data=b"", padding=b""):
    text = text.encode() + padding
    return struct.pack("<Q", len(text)) + text + data


ONE = '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}'
SCRIPT = {"setup.py": b"raise SystemExit(1)"}

GOOD = {
    "as written": members(),
    "no tensors": members(weights=weights_of({})),
    "weights elsewhere": members(
        spec_of(data_path="./data//w.st"), weights=None, others={"data/w.st": WEIGHTS}
    ),
    "setup script": members(spec_of(setup_script="setup.py"), others=SCRIPT),
    "setup script empty": members(spec_of(setup_script="")),
    "setup script absent": members(spec_of(without=["setup_script"])),
    "extra files": members(
        others={"trainer_state.pt": b"x", "modelarchitecture.txt": b"p.C"}
    ),
    "another class": members(
        spec_of(class_path="my.Policy", kwargs={"x": [1.5, None]})
    ),
    "blanks in the spec": members(b" \n" + spec_of() + b"\r\n\t"),
    "escapes in the spec": members(spec_of().replace(b"cpu", b"\\u0063pu")),
    "blanks behind the header": members(weights=header(ONE, b"xyz", b" " * 100)),
    "metadata": members(
        weights=safetensors.torch.save(some_tensors(), {"format": "pt"})
    ),
    "many chunks": members(weights=weights_of({"a": torch.randn(300000)})),
}

NOTED = {
    "unknown field": (
        members(spec_of(later=1, Later=2)),
        "spec-unknown",
        '2 fields that the loader ignores, among them "later"',
    ),
    "no weights": (
        members(spec_of(class_path="my.P", data_path=None), weights=None),
        "weights-none",
        "null",
    ),
}

BAD = {
    "spec empty": (members(b""), "spec", "ends where a value", SPEC),
    "spec not JSON": (members(b"class_path"), "spec", "where a value must stand", SPEC),
    "spec not UTF-8": (members(b'{"class_path":"\xff"}'), "spec", "not UTF-8", SPEC),
    "spec in UTF-16": (
        members(spec_of().decode().encode("utf-16")),
        "spec",
        "not UTF-8",
        SPEC,
    ),
    "spec with a mark": (
        members(b"\xef\xbb\xbf" + spec_of()),
        "spec",
        "byte order mark",
        SPEC,
    ),
    "spec a list": (members(b"[]"), "spec", "must be an object", SPEC),
    "spec with more behind": (
        members(spec_of() + b"{}"),
        "spec",
        "behind the value",
        SPEC,
    ),
    "spec with a key twice": (
        members(spec_of()[:-1] + b',"cla\\u0073s_path":"x.Y"}'),
        "spec",
        "stands twice",
        SPEC,
    ),
    "spec with NaN": (members(spec_of(x=float("nan"))), "spec", "0x4e", SPEC),
    "spec too deep": (
        members(b"[" * 5000 + b"]" * 5000),
        "spec",
        "over 128 deep",
        SPEC,
    ),
    "spec too long": (
        members(spec_of() + b" " * (1 << 20)),
        "spec",
        "over the limit",
        SPEC,
    ),
    "class missing": (
        members(spec_of(without=["class_path"])),
        "spec",
        "is missing",
        SPEC,
    ),
    "class a number": (
        members(spec_of(class_path=1)),
        "spec",
        "must be a string",
        SPEC,
    ),
    "class empty": (
        members(spec_of(class_path="")),
        "spec-class",
        "class_path is empty",
        SPEC,
    ),
    "class of a pointer": (
        members(
            spec_of(
                class_path=POINTER,
                data_path=None,
                kwargs={"checkpoint_uri": "s3://r.mpt"},
            )
        ),
        "spec-class",
        'a pointer to the legacy checkpoint "s3://r.mpt"',
        SPEC,
    ),
    "kwargs null": (
        members(spec_of(init_kwargs=None)),
        "spec",
        "must be an object",
        SPEC,
    ),
    "kwargs absent": (
        members(spec_of(without=["init_kwargs"])),
        "spec-architecture",
        "init_kwargs",
        SPEC,
    ),
    "architecture absent": (
        members(spec_of(kwargs={})),
        "spec-architecture",
        "is missing",
        SPEC,
    ),
    "architecture a call": (
        members(spec_of(kwargs={"architecture_spec": "p.C(a=os.system('x'))"})),
        "spec-architecture",
        "column 7: a name where a literal must stand",
        SPEC,
    ),
    "path empty": (members(spec_of(data_path="")), "spec-data-path", "is empty", SPEC),
    "path null": (members(spec_of(data_path=None)), "spec-data-path", "null", SPEC),
    "path absolute": (
        members(spec_of(data_path="/etc/passwd")),
        "spec-data-path",
        "absolute",
        SPEC,
    ),
    "path upward": (
        members(spec_of(data_path="a/../../w")),
        "spec-data-path",
        '".."',
        SPEC,
    ),
    "path of home": (members(spec_of(data_path="~/w")), "spec-data-path", "'~'", SPEC),
    "path of the bundle": (
        members(spec_of(data_path=".")),
        "spec-data-path",
        "itself",
        SPEC,
    ),
    "path with NUL": (members(spec_of(data_path="w\0")), "spec", "\\u0000", SPEC),
    "script upward": (
        members(spec_of(setup_script="../x.py")),
        "spec-setup-script",
        '".."',
        SPEC,
    ),
    "script not Python": (
        members(spec_of(setup_script="x.sh"), others={"x.sh": b""}),
        "spec-setup-script",
        ".py",
        SPEC,
    ),
    "script missing": (
        members(spec_of(setup_script="setup.py")),
        "spec-setup-script",
        "missing",
        "setup.py",
    ),
    "weights missing": (members(weights=None), "weights", "missing", DATA),
    "weights a folder": (
        members(weights=None, others={f"{DATA}/x": b""}),
        "weights",
        "a folder",
        DATA,
    ),
    "weights empty": (members(weights=b""), "weights", "needs 8 bytes", DATA),
    "weights cut": (members(weights=WEIGHTS[:-1]), "weights", "cover", DATA),
    "weights too long": (members(weights=WEIGHTS + b"\0"), "weights", "cover", DATA),
    "weights with a gap": (
        members(weights=header(ONE.replace("[0,3]", "[1,4]"), b"wxyz")),
        "weights",
        "gap",
        DATA,
    ),
    "weights with a name twice": (
        members(weights=header(f"{ONE[:-1]},{ONE[1:]}", b"xyz")),
        "weights-strict",
        '"a"',
        DATA,
    ),
    "weights of unknown dtype": (
        members(weights=header(ONE.replace("U8", "U9"), b"xyz")),
        "weights",
        "U9",
        DATA,
    ),
    "weights of another size": (
        members(weights=header(ONE.replace("[3]", "[4]"), b"xyz")),
        "weights",
        "need 4 bytes",
        DATA,
    ),
    "header longer than the file": (
        members(weights=struct.pack("<Q", 1 << 62)),
        "weights",
        "over the limit",
        DATA,
    ),
    "header not JSON": (members(weights=header("nul")), "weights", "not '{'", DATA),
}


@pytest.mark.parametrize("form", MAKERS)
@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_good(tmp_path, form, content):
    path = MAKERS[form](tmp_path, content)
    run = validate("--jsonl", path)
    row, _ = findings(run)
    assert (run.exit, row["verdict"], row["findings"]) == (0, "ok", [])
    assert (row["run"], row["epoch"]) == ("run", 5)
    assert validate("-q", path) == Run(0, "", "")


@pytest.mark.parametrize("form", MAKERS)
@pytest.mark.parametrize("content, rule, reason", NOTED.values(), ids=NOTED)
def test_noted(tmp_path, form, content, rule, reason):
    path = MAKERS[form](tmp_path, content)
    run = validate("--jsonl", path)
    row, found = findings(run)
    assert (run.exit, row["verdict"], list(found)) == (0, "ok", [(rule, "note")])
    assert reason in found[(rule, "note")]["reason"]
    heading, line = validate("-v", path).stdout.splitlines()
    assert heading.startswith(f"ok {path}: ")
    assert line.startswith("  note: ") and line.endswith(f"[{rule}]")
    run = validate(path)
    assert run.stdout == "" and ", 1 note (-v lists them); " in run.stderr
    assert validate("-q", path) == Run(0, "", "")


@pytest.mark.parametrize("form", MAKERS)
@pytest.mark.parametrize("content, rule, reason, member", BAD.values(), ids=BAD)
def test_bad(tmp_path, form, content, rule, reason, member):
    assert_bad(MAKERS[form](tmp_path, content), rule, reason, member)


@pytest.mark.parametrize("form", MAKERS)
def test_spec_missing(tmp_path, form):
    content = members()
    del content[SPEC]
    assert_bad(MAKERS[form](tmp_path, content), "spec", "missing from the bundle", SPEC)


# ---- folders ----


def replace_by_link(folder, member, inside):
    """The member becomes a link to itself, moved."""
    target = folder / "moved" if inside else folder.parent / "moved"
    (folder / member).rename(target)
    (folder / member).symlink_to(target)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("member, rule", [(SPEC, "spec"), (DATA, "weights")])
def test_symbolic_link(tmp_path, member, rule, inside):
    folder = make_folder(tmp_path, members())
    replace_by_link(folder, member, inside)
    assert_bad(folder, rule, "is a symbolic link", member)


def test_symbolic_link_on_the_way(tmp_path):
    folder = make_folder(
        tmp_path, members(spec_of(data_path="data/w"), others={"data/w": WEIGHTS})
    )
    replace_by_link(folder, "data", False)
    assert_bad(folder, "weights", '"data" is a symbolic link', "data/w")


@pytest.mark.parametrize("member, rule", [(SPEC, "spec"), (DATA, "weights")])
def test_pipe(tmp_path, member, rule):
    folder = make_folder(tmp_path, members())
    (folder / member).unlink()
    os.mkfifo(folder / member)
    assert_bad(folder, rule, "not a regular file", member)


def test_folder_that_should_be_a_bundle(tmp_path):
    (tmp_path / "run:v5").mkdir()
    assert_bad(tmp_path / "run:v5", "spec", "missing", SPEC)
    assert validate(tmp_path).exit == 1


# ---- archives ----


def flipped(data, needle):
    at = data.index(needle)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def renamed(data, old, new):
    assert len(old) == len(new) and data.count(old) == 2
    return data.replace(old, new)


def with_attributes(content, name, mode):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, data in content.items():
            info = zipfile.ZipInfo(member)
            info.external_attr = (mode if member == name else 0o100600) << 16
            archive.writestr(info, data)
    return stream.getvalue()


STORED = zip_bytes(members(others={"x": b"extra"}), zipfile.ZIP_STORED)
DEFLATED = zip_bytes(members(others={"x": b"extra"}))

BAD_ARCHIVES = {
    "empty": (b"", "container", "an empty file"),
    "text": (b"class_path", "container", "something else"),
    "spec alone": (spec_of(), "container", "a text"),
    "weights alone": (WEIGHTS, "container", "a safetensors file"),
    "pickle": (
        b"\x80\x02}q\x00.",
        "container",
        "a pickle, perhaps a legacy checkpoint",
    ),
    "no members": (zip_bytes({}), "container", "without members"),
    "cut": (DEFLATED[:-1], "container", "no end record"),
    "bytes behind": (DEFLATED + b"\0", "container", "1 bytes behind the archive"),
    "bytes before": (
        b"\0" + DEFLATED,
        "container",
        "a zip archive with other bytes in front",
    ),
    "name upward": (
        renamed(STORED, b"policy_spec", b"../p/__spec"),
        "container",
        '".."',
    ),
    "name absolute": (
        renamed(STORED, b"policy_spec", b"/olicy_spec"),
        "container",
        "absolute",
    ),
    "name with backslash": (
        renamed(STORED, b"policy_spec", b"p\\licy_spec"),
        "container",
        "0x5c",
    ),
    "symbolic link": (with_attributes(members(), SPEC, 0o120777), "container", "link"),
    "spec damaged": (flipped(STORED, b"class_path"), "spec", "CRC-32"),
    "weights damaged": (flipped(STORED, WEIGHTS[-8:]), "weights", "CRC-32"),
    "weights' header damaged": (flipped(STORED, b'"dtype"'), "weights", "CRC-32"),
    "other member damaged": (flipped(STORED, b"extra"), "crc", "CRC-32"),
    "below a folder": (
        zip_bytes({f"run:v5/{name}": data for name, data in members().items()}),
        "spec",
        'it must be at the root, the archive has "run:v5/policy_spec.json"',
    ),
    "legacy with text": (
        zip_bytes({DATA: WEIGHTS, "modelarchitecture.txt": ARCHITECTURE.encode()}),
        "legacy",
        'a legacy .mpt checkpoint, not a bundle: convert it with "mpt-convert ',
    ),
    "legacy with pickle": (
        zip_bytes({"policy.pt": b"x"}),
        "legacy",
        "a legacy .mpt checkpoint",
    ),
    "torch archive": (
        zip_bytes({"archive/data.pkl": b"x"}),
        "legacy",
        "a torch checkpoint",
    ),
}


@pytest.mark.parametrize("data, rule, reason", BAD_ARCHIVES.values(), ids=BAD_ARCHIVES)
def test_bad_archive(tmp_path, data, rule, reason):
    path = tmp_path / "run:v5.zip"
    path.write_bytes(data)
    assert_bad(path, rule, reason)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_member_twice(tmp_path):
    path = make_zip(tmp_path, members())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(SPEC, spec_of())
    assert_bad(path, "container", "two members have this name", SPEC)


def test_crc_left_out(tmp_path):
    """All CRCs 0 is something torch's reader takes, Python's does not."""
    data = bytearray(STORED)
    with zipfile.ZipFile(io.BytesIO(STORED)) as archive:
        for info in archive.infolist():
            crc = struct.pack("<I", info.CRC)
            assert data.count(crc) == 2
            data = data.replace(crc, bytes(4))
    (tmp_path / "run:v5.zip").write_bytes(data)
    row, found = findings(validate("--jsonl", tmp_path / "run:v5.zip"))
    assert list(found) == [("spec", "error"), ("crc", "error")]
    assert all("CRC-32" in finding["reason"] for finding in row["findings"])


def test_suffix_mpt(tmp_path):
    """Refused whatever is in it: the loader goes by the suffix."""
    path = make_zip(tmp_path, members(), "run:v5.mpt")
    assert_bad(path, "legacy", "rename it, an archive to .zip")
    path = make_zip(tmp_path, {"x": b""}, "run:v6.mpt")
    assert_bad(path, "legacy", f'convert it with "mpt-convert {path} -o FOLDER"')


# ---- names and trees ----


@pytest.mark.parametrize(
    "name, rule",
    [
        ("best", "name-epoch"),
        ("my run:v5", "name-run"),
        ("r__s:v5", "name-run"),
        ("run:v99999999999999999999", "name-epoch"),
    ],
)
def test_name_noted(tmp_path, name, rule):
    _, found = findings(validate("--jsonl", make_folder(tmp_path, members(), name)))
    assert list(found) == [(rule, "note")]


def make_tree(root):
    make_folder(root / "run/checkpoints", members(), "run:v1")
    make_zip(root / "run/checkpoints", members(), "run:v2.zip")
    make_folder(root / "run/checkpoints", members(weights=b""), "run:v3")
    make_folder(root / "named", members(), "best")
    make_folder(root / "run/checkpoints", members(), ".mpt-convert-1-0.tmp")
    make_zip(root, {"x": b"y"}, "results.zip")
    make_zip(
        root,
        {SPEC: spec_of(class_path=POINTER, data_path=None)},
        "run:v1-submission.zip",
    )
    (root / "run/checkpoints/run:v1.mpt").write_bytes(b"legacy")
    (root / "run/checkpoints/trainer_state.pt").write_bytes(b"state")
    (root / "run/checkpoints/latest:v3").symlink_to("run:v3")
    (root / "empty").mkdir()


def test_tree(tmp_path):
    make_tree(tmp_path)
    run = validate("--jsonl", ".", cwd=tmp_path)
    verdicts = {row["bundle"]: row["verdict"] for row in run.rows()}
    assert run.exit == 1
    assert verdicts == {
        "./named/best": "ok",
        "./results.zip": "skipped",
        "./run/checkpoints/.mpt-convert-1-0.tmp": "skipped",
        "./run/checkpoints/latest:v3": "skipped",
        "./run/checkpoints/run:v1": "ok",
        "./run/checkpoints/run:v1.mpt": "skipped",
        "./run/checkpoints/run:v2.zip": "ok",
        "./run/checkpoints/run:v3": "bad",
        "./run:v1-submission.zip": "skipped",
    }
    assert list(verdicts) == sorted(verdicts)
    lines = validate("-v", ".", cwd=tmp_path).stdout.splitlines()
    headings = [line.split(" ")[0] for line in lines if not line.startswith(" ")]
    assert headings == list(verdicts.values())
    assert "3 ok, 1 bad, 5 skipped" in validate(".", cwd=tmp_path).stderr


def test_named_links_are_followed(tmp_path):
    make_tree(tmp_path)
    (tmp_path / "link").symlink_to("run/checkpoints/run:v1")
    assert validate(tmp_path / "link").exit == 0
    assert validate(tmp_path / "run/checkpoints/latest:v3").exit == 1


def test_spec_means_its_bundle(tmp_path):
    """Tools that hand over files (pre-commit) name the spec; it counts once."""
    folder = make_folder(tmp_path, members())
    run = validate("--jsonl", f"{folder}/{SPEC}", f"{folder}/", folder)
    assert [row["bundle"] for row in run.rows()] == [str(folder)]
    run = validate("--jsonl", SPEC, cwd=folder)
    assert [(row["bundle"], row["epoch"]) for row in run.rows()] == [(".", 5)]


def test_one_and_many_threads(tmp_path):
    for epoch in range(40):
        weights = WEIGHTS if epoch % 3 else WEIGHTS[:-epoch] if epoch else b""
        MAKERS["zip" if epoch % 2 else "folder"](
            tmp_path, members(weights=weights), f"run:v{epoch}" + ".zip" * (epoch % 2)
        )
    one, many = validate("-v", "-j1", tmp_path), validate("-v", "-j4", tmp_path)
    assert one.exit == many.exit == 1
    headings = [line for line in one.stdout.splitlines() if line[0] != " "]
    assert one.stdout == many.stdout and len(headings) == 40


ODD_NAMES = [
    b"\xffrun:v1",
    b"a\nb:v2",
    b"\x1b[31mred:v3",
    b" :v4",
    b"-q:v5",
    b'"quoted":v6',
]


def test_odd_names(tmp_path):
    """Any bytes may be in a name; none reaches a terminal or breaks JSON."""
    for name in ODD_NAMES:
        folder = os.fsencode(tmp_path) + b"/" + name
        os.mkdir(folder)
        for member, data in members().items():
            with open(folder + b"/" + member.encode(), "wb") as file:
                file.write(data)
    run = validate("-v", tmp_path)
    headings = [line for line in run.stdout.splitlines() if line[0] != " "]
    assert run.exit == 0 and len(headings) == len(ODD_NAMES)
    assert "\x1b" not in run.stdout + run.stderr
    rows = validate("--jsonl", tmp_path).rows()
    paths = {
        bytes.fromhex(row["bundle_hex"])
        if "bundle_hex" in row
        else row["bundle"].encode()
        for row in rows
    }
    assert paths == {os.fsencode(tmp_path) + b"/" + name for name in ODD_NAMES}
    run = validate("-v", "--", "-q:v5", cwd=tmp_path)
    assert run.exit == 0 and run.stdout.startswith("ok -q:v5: 5 tensors, ")


# ---- the command line ----


def test_exit_statuses(tmp_path):
    good = make_folder(tmp_path, members())
    (tmp_path / "empty").mkdir()
    assert validate(good).exit == 0
    assert validate(good, tmp_path / "missing").exit == 1
    assert validate(tmp_path / "empty").exit == 3
    for arguments in (
        [],
        ["--nonsense", good],
        ["-j", "x", good],
        ["--json", "--jsonl", good],
        ["-0", good],
        ["-q", "-v", good],
        ["--files-from", tmp_path / "missing"],
        [""],
    ):
        run = validate(*arguments)
        assert run.exit == 2 and not run.stdout
        assert run.stderr.startswith("mpt-validate: ") and "--help" in run.stderr


def test_missing_operand(tmp_path):
    path = tmp_path / "run:v5"
    assert_bad(path, "container", "cannot open: No such file or directory")


def test_files_from(tmp_path):
    names = [make_folder(tmp_path, members(), name) for name in ("a:v1", "b\n:v2")]
    nul = b"\0".join(bytes(name) for name in names)
    assert validate("-v", "--files-from", "-", "-0", given=nul).stdout.count("ok ") == 2
    listed = tmp_path / "list"
    listed.write_bytes(bytes(names[0]) + b"\n\n")
    assert validate("--files-from", listed).exit == 0
    listed.write_bytes(b"")
    assert validate("--files-from", listed).exit == 3


def test_json_document(tmp_path):
    make_tree(tmp_path)
    run = validate("--json", tmp_path)
    document = json.loads(run.stdout)
    assert run.exit == 1 and len(document["bundles"]) == 9
    summary = document["summary"]
    assert (summary["ok"], summary["bad"], summary["skipped"]) == (3, 1, 5)
    empty = tmp_path / "empty"
    assert json.loads(validate("--json", empty).stdout)["bundles"] == []


def test_color(tmp_path):
    folder = make_folder(tmp_path, members())
    assert "\x1b" not in validate("-v", folder).stdout
    run = validate("-v", "--color=always", folder)
    assert run.stdout.startswith("\x1b[32mok\x1b[0m ")


def test_help_and_version():
    run = validate("--help")
    assert run.exit == 0 and not run.stderr
    assert all(
        f"--{name}" in run.stdout for name in ("jobs", "files-from", "json", "quiet")
    )
    assert max(map(len, run.stdout.splitlines())) <= 100
    assert "zlib" in validate("--version").stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("form", ["-v", "--json", "--jsonl"])
def test_output_cannot_be_written(tmp_path, form):
    folder = make_folder(tmp_path, members())
    command = [PROGRAM, form, folder]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2 and b"cannot write standard output" in done.stderr


# ---- large files ----


def sparse_bundle(parent, nbytes):
    """Weights of nbytes zeros, most of them a hole."""
    text = '{"a":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (nbytes, nbytes)
    folder = make_folder(parent, members(weights=header(text)))
    os.truncate(folder / DATA, 8 + len(text) + nbytes)
    return folder


PEAK_MEMORY = """
import resource, subprocess, sys
assert subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode == 0
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_memory_does_not_grow(tmp_path):
    """Measured from a small process: a child counts its parent's memory, too."""
    folder = sparse_bundle(tmp_path, 1 << 28)
    command = [sys.executable, "-c", PEAK_MEMORY, PROGRAM, folder]
    done = subprocess.run(command, capture_output=True, check=True)
    assert int(done.stdout) < 64 * 1024


@pytest.mark.parametrize(
    "number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_signal(tmp_path, number, status):
    folder = sparse_bundle(tmp_path, 1 << 40)
    process = subprocess.Popen(
        [PROGRAM, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(0.3)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert out == b"" and b"1 not begun" in err
