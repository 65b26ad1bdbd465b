"""Seeds for the fuzz targets: the fixtures taken apart, the tests' tables, and some by hand.

    python tests/fuzz/seeds.py FOLDER

writes FOLDER/TARGET/NAME, the same bytes each time.  Answers come from the helper that was
built under MPT_BUILD.  Needs what the tests need, whose tables are imported.
"""

import io
import json
import pickletools
import re
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests"))

import test_architecture  # noqa: E402
import test_json  # noqa: E402
import test_profile  # noqa: E402
import test_safetensors  # noqa: E402
import zip_cases  # noqa: E402
import handmade  # noqa: E402
from unpickler_client import ARCHIVE, PACKAGE, PLAIN, STREAM, Helper, HelperDied  # noqa: E402

NBYTES = 24 << 10  # larger ones would only slow the fuzzers down
TARGETS = sorted(path.stem[5:] for path in (PROJECT / "tests/fuzz").glob("fuzz_*.c"))

# Where torch.save and torch.package put their pickle.
PICKLES = (
    ("data.pkl", ARCHIVE),
    ("policy/model.pkl", PACKAGE),
    ("policy_record/data.pkl", PACKAGE),
)
LITERAL = re.compile(r'"((?:\\.|[^"\\])*)"')
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]+|[0-7]{1,3}|.)")
LETTERS = dict(zip("abfnrtv", b"\a\b\f\n\r\t\v"))


def fixtures():
    files = [path for path in (PROJECT / "fixtures").rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in sorted(files) if path.suffix != ".py"}


def unescaped(literal):
    """The bytes of what stands between the quotes of a C string."""

    def byte(found):
        text = found.group(1)
        if text[0] == "x":
            return chr(int(text[1:], 16))
        return chr(int(text, 8)) if text[0].isdigit() else chr(LETTERS.get(text, ord(text)))

    text = literal.encode().decode("latin-1")
    return ESCAPE.sub(byte, text).encode("latin-1")


def rows(unit_test):
    """The arguments of BYTES() in the tables of a unit test."""
    text = (PROJECT / "tests/unit" / unit_test).read_text("utf-8")
    for found in re.findall(r'BYTES\(((?:\s*"(?:\\.|[^"\\])*")+)\s*\)', text):
        yield b"".join(map(unescaped, LITERAL.findall(found)))


def opened(data):
    """The archive these bytes are, or None."""
    try:
        return zipfile.ZipFile(io.BytesIO(data)) if data[:2] == b"PK" else None
    except zipfile.BadZipFile:
        return None


def member(archive, name):
    """Its bytes, inflated; nothing if it is one that cannot be read."""
    try:
        return archive.read(name)
    except Exception:  # each decompressor has its own
        return b""


def inner_files(data):
    """The file itself, or the policy.pt in it."""
    archive = opened(data)
    if archive and "policy.pt" in archive.namelist():
        return member(archive, "policy.pt")
    return data


def pickle_ends(data, count):
    """Where each of so many pickles ends that follow each other; fewer if one is broken."""
    file, ends = io.BytesIO(data), []
    try:
        for _ in range(count):
            for _ in pickletools.genops(file):
                pass
            ends.append(file.tell())
    except (ValueError, IndexError):
        pass
    return ends


def request_of(data):
    """(layout, pickle) as the converter would send it to the helper, or None."""
    archive = opened(data)
    if archive:
        names = {name.partition("/")[2]: name for name in archive.namelist()}
        found = [(layout, names[name]) for name, layout in PICKLES if name in names]
        return (found[0][0], member(archive, found[0][1])) if found else None
    ends = pickle_ends(data, 5)
    if len(ends) == 5:
        return STREAM, data[ends[2] : ends[4]]
    return (PLAIN, data[: ends[0]]) if ends else None


class Asking:
    """The helper, which is asked each thing once."""

    def __init__(self):
        self.helper = Helper(limited=True)
        self.known = {}

    def answer(self, data):
        """What it says of a file of torch's; nothing if there is no pickle in it."""
        request = request_of(data)
        if request and request not in self.known:
            try:
                self.known[request] = self.helper.ask_raw(request[1], request[0])
            except HelperDied:
                self.known[request] = b""
                self.helper = Helper(limited=True)
        return self.known.get(request, b"")


def of_spec(data):
    """The architecture text in a policy spec, if it is one."""
    try:
        text = json.loads(data)["init_kwargs"]["architecture_spec"]
    except (ValueError, KeyError, TypeError):
        return []
    return [text.encode()] if isinstance(text, str) else []


def of_fixtures(asking):
    """(target, seed) of each part of each fixture."""
    for path, data in fixtures().items():
        archive = opened(data)
        if archive:
            yield "zip", data
            for name in archive.namelist():
                if name.endswith(".pkl"):
                    yield "pickle", member(archive, name)
                if name == "weights.safetensors":
                    yield "safetensors", member(archive, name)
                if name == "modelarchitecture.txt":
                    yield "architecture", member(archive, name)
        if path.suffix in (".pt", ".mpt"):
            inner = inner_files(data)
            whole = inner + handmade.MARK + asking.answer(inner)
            yield ("torch_archive" if opened(inner) else "torch_stream"), whole
        if path.suffix == ".pt" and not archive:
            yield "pickle", data
        if path.name == "weights.safetensors":
            yield "safetensors", data
        if path.name == "policy_spec.json":
            yield "policy_spec", data
            yield "json", data
            yield from (("architecture", text) for text in of_spec(data))


def of_tables():
    """(target, seed) of the rows of tests."""
    for data in [*zip_cases.ACCEPTED.values(), *(row[0] for row in zip_cases.REFUSED.values())]:
        yield "zip", data
    for name in ("ACCEPTED", "REFERENCE_ONLY", "REFUSED"):
        for data in getattr(test_safetensors, name).values():
            yield "safetensors", data
    for module, target in ((test_json, "json"), (test_architecture, "architecture")):
        for row in [*module.ACCEPTED, *module.PYTHON_ONLY, *module.REFUSED]:
            yield target, row if isinstance(row, bytes) else row[0]
    for config, credentials, _ in test_profile.SAME.values():
        yield from (("profile", text.encode()) for text in (config, credentials))
    for text, _ in test_profile.REFUSED.values():
        yield "profile", text.encode()
    for data in rows("test_pickle.c"):
        yield "pickle", data
        yield "torch_stream", data + handmade.MARK
    for unit_test, target in (
        ("test_safetensors.c", "safetensors"),
        ("test_json.c", "json"),
        ("test_zip.c", "zip"),
    ):
        yield from ((target, data) for data in rows(unit_test))


def manifest_of(data):
    """The key manifest of a safetensors file, if its header can be read."""
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        keys = {
            name: {field: entry[field] for field in ("dtype", "shape")}
            for name, entry in header.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return json.dumps({"format": "mpt-key-manifest", "version": 1, "keys": keys}).encode()


def manifests(files):
    """Those of some safetensors files: each alone, and with the one before it."""
    texts = sorted({text for text in map(manifest_of, files) if text})
    for before, text in zip([b"", *texts], texts):
        yield text
        yield text + b"\0" + before


def main(folder):
    asking = Asking()
    seeds = [*of_fixtures(asking), *of_tables(), *handmade.seeds()]
    weights = [data for target, data in seeds if target == "safetensors"]
    seeds += [("key_manifest", data) for data in manifests(weights)]
    seeds += [("answer", answer) for answer in asking.known.values()]
    asking.helper.close()
    for target in TARGETS:
        (folder / target).mkdir(parents=True, exist_ok=True)
    for target, data in seeds:
        if len(data) <= NBYTES:
            (folder / target / f"seed-{sha256(data).hexdigest()[:16]}").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
