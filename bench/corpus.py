"""The checkpoints that the benchmarks convert, made from fixed seeds.

usage: corpus.py FOLDER [--quick] [CASE ...]

Makes FOLDER/<case>/ with the checkpoints under sources/; manifest.json, which says what
bundles they must become, by the digests of what the safetensors package and pydantic
write; and plan.txt, which tells limit.c where the bytes of each are.  A case that is
there already stays.  Needs torch and pydantic.
"""

import argparse
import hashlib
import json
import multiprocessing
import shutil
import sys
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))

MIB = 1 << 20
WEIGHTS = "weights.safetensors"


class Size(NamedTuple):
    files: int
    nbytes: int


class Case(NamedTuple):
    eras: str       # taken in turn
    full: Size
    quick: Size


# A: torch archive; B: zip of a deflated policy.pt; C: mpt zip; D: pre-zip stream.
CASES = {
    "small": Case("ABCD", Size(400, MIB), Size(40, MIB)),
    "medium": Case("AC", Size(48, 30 * MIB), Size(4, 30 * MIB)),
    "large-A": Case("A", Size(1, 2048 * MIB), Size(1, 256 * MIB)),
    "large-C": Case("C", Size(1, 1024 * MIB), Size(1, 64 * MIB)),
    "one-A": Case("A", Size(1, MIB), Size(1, MIB)),
    "one-C": Case("C", Size(1, MIB), Size(1, MIB)),
}


# ---- one checkpoint ----


def config_and_text():
    import architectures

    config = architectures.make_configs()["fast"]
    return config, architectures.to_spec(config)


def save_archive(policy, path, text):
    import torch

    torch.save(policy, path)


def save_policy_zip(policy, path, text):
    import containers

    containers.policy_zip(policy, path)


def save_mpt_zip(policy, path, text):
    """By way of a file, so that large weights are in memory only once."""
    import containers
    import safetensors.torch

    weights = path.with_suffix(".weights")
    safetensors.torch.save_file(cloned(policy.state_dict()), weights)
    with zipfile.ZipFile(path, "w") as archive:
        with weights.open("rb") as file:
            with archive.open(containers.member(WEIGHTS), "w", force_zip64=True) as to:
                shutil.copyfileobj(file, to, MIB)
        archive.writestr(containers.member("modelarchitecture.txt"), text)
    weights.unlink()


def save_stream(policy, path, text):
    import torch

    with warnings.catch_warnings():     # of classes without source text
        warnings.simplefilter("ignore")
        torch.save(policy, path, _use_new_zipfile_serialization=False)


SAVE = {
    "A": (save_archive, ".pt"), "B": (save_policy_zip, ".mpt"),
    "C": (save_mpt_zip, ".mpt"), "D": (save_stream, ".pt"),
}  # fmt: skip


def cloned(weights):
    """Without storages in common, which the safetensors package refuses."""
    return {name: value.detach().clone() for name, value in weights.items()}


def without_prefix(weights):
    if not all(name.startswith("module.") for name in weights):
        return weights
    return {name.removeprefix("module."): value for name, value in weights.items()}


def spec_bytes(text):
    """policy_spec.json as the framework prints it; the text is ASCII."""
    spec = {
        "class_path": "metta.agent.policy.CheckpointPolicy",
        "data_path": WEIGHTS,
        "init_kwargs": {"architecture_spec": text, "device": "cpu"},
        "setup_script": None,
    }
    return json.dumps(spec, separators=(",", ":")).encode()


def digest_of(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_checkpoint(task):
    """Write one; returns its row of the manifest."""
    folder, era, number, nbytes = task
    import policy
    import safetensors.torch

    config, text = config_and_text()
    save, suffix = SAVE[era]
    run = f"bench_{era}"
    source = folder / "sources" / run / f"{run}:v{number}{suffix}"
    source.parent.mkdir(parents=True, exist_ok=True)
    kind = number // len(SAVE) % 4
    made = policy.make(nbytes, number, kind == 0, kind == 1, config)
    save(made, source, text)
    expected = folder / f"{source.stem}.expected"
    safetensors.torch.save_file(cloned(without_prefix(made.state_dict())), expected)
    row = {
        "source": f"{run}/{source.name}",
        "bundle": f"{run}/{source.stem}",
        "weights_nbytes": expected.stat().st_size,
        "weights_sha256": digest_of(expected),
        "spec_sha256": hashlib.sha256(spec_bytes(text)).hexdigest(),
    }
    expected.unlink()
    return row


# ---- a case ----


def plan_line(folder, row):
    """Method, offset and length of the bytes, source, bundle."""
    source = folder / "sources" / row["source"]
    method, offset = "copy", 0
    nbytes = min(row["weights_nbytes"], source.stat().st_size)
    member = largest_member(source) if zipfile.is_zipfile(source) else None
    if member and member.compress_type == zipfile.ZIP_DEFLATED:
        with source.open("rb") as file:
            file.seek(member.header_offset + 26)
            lengths = file.read(4)
        method, nbytes = "inflate", member.compress_size
        offset = member.header_offset + 30
        offset += int.from_bytes(lengths[:2], "little")     # of its name
        offset += int.from_bytes(lengths[2:], "little")     # of what follows that
    return f"{method} {offset} {nbytes} {source}\t{row['bundle']}\n"


def largest_member(path):
    with zipfile.ZipFile(path) as archive:
        return max(archive.infolist(), key=lambda info: info.file_size)


def make_case(folder, case, size, pool):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tasks = [
        (folder, case.eras[number % len(case.eras)], number, size.nbytes)
        for number in range(size.files)
    ]
    rows = pool.map(make_checkpoint, tasks, chunksize=1)
    (folder / "plan.txt").write_text("".join(plan_line(folder, row) for row in rows))
    (folder / "architecture.txt").write_text(config_and_text()[1])
    manifest = {"size": size, "rows": rows}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))


def is_made(folder, size):
    try:
        made = json.loads((folder / "manifest.json").read_text())
    except FileNotFoundError:
        return False
    return made["size"] == list(size)


def make(root, names, quick):
    """Make the named cases below root, if they are not there in this size."""
    root = root.resolve()
    sizes = {name: CASES[name].quick if quick else CASES[name].full for name in names}
    missing = [name for name in names if not is_made(root / name, sizes[name])]
    if not missing:
        return
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=50) as pool:
        for name in missing:
            print(f"making {root / name}", file=sys.stderr, flush=True)
            make_case(root / name, CASES[name], sizes[name], pool)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--quick", action="store_true", help="smaller, for a quick run")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.cases or list(CASES), arguments.quick)


if __name__ == "__main__":
    main()
