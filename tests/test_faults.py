"""Each call of the operating system fails in turn; nothing is lost, and nothing is left.

tests/faults/faults.c, linked into copies of the programs, lets the n-th call of a class
fail.  Each test does so for n = 1, 2, ... until a run in which none was left to fail, and
looks at what that run said, what it left on disk, and what it did not give back.
"""

import errno
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import mpt_zip
import pytest
from converter import IN_MEMORY, PROJECT, files_below
from sources import BUILD

GOOD, SOME_FAILED, USAGE = 0, 1, 2
FIXTURES = PROJECT / "fixtures"
JOURNAL = re.compile(r"/\.mpt-convert[/:]")
ONE_THREAD = ["-j1", "--progress=none"]
THREADS = len(os.sched_getaffinity(0))

# What becomes of a call: an error, with "+" of all later ones too, or less is moved than
# was asked for.
FAULTS = {
    "memory": ["ENOMEM", "ENOMEM+"],
    "input": ["EIO", "EMFILE"],
    "open": ["EMFILE", "EACCES", "EINTR"],
    "spill": ["EOPNOTSUPP", "ENOSPC+", "EINTR"],
    "read": ["EIO", "EINTR", "short"],
    "write": ["EIO", "ENOSPC", "ENOSPC+", "EDQUOT", "EFBIG", "EINTR", "short"],
    "sync": ["EIO", "ENOSPC", "EDQUOT", "EINTR"],
    "rename": ["EIO", "ENOSPC", "EDQUOT"],
    "link": ["EIO", "ENOSPC"],
    "mkdir": ["EIO", "ENOSPC", "EDQUOT"],
    "look": ["EIO", "EACCES", "ENOMEM"],
    "folder": ["EIO", "EMFILE", "ENOMEM"],
    "close": ["EIO", "EDQUOT", "EINTR"],
    "clean": ["EIO"],
    "spawn": ["ENOMEM", "EAGAIN"],
    "limit": ["EPERM"],
    "socket": ["EMFILE"],
    "talk": ["ENOMEM", "EINTR", "short"],
    "wait": ["ECHILD", "EINTR"],
    "print": ["EIO", "ENOSPC"],
}
# After these the work goes on, and nobody notices.
CONTINUED = {"EINTR", "EOPNOTSUPP", "short"}
# Failures of these that nobody notices do no harm: what was read only is closed, an
# ended helper is not waited for, a helper that cannot be looked at is started.
IDLE = {"access", "close", "waitpid"}
# What can go wrong between the program and its helper.
RETRIED = {"memory", "spawn", "limit", "socket", "talk"}


@dataclass
class Case:
    """A run of a program in a copy of the folder 'start', and what it must come to."""

    program: str
    arguments: list
    start: Path
    names: list     # of files; one of them is in each message
    retries: bool = False   # a helper that has worked before is given another chance
    end: dict = None
    stdout: str = ""
    calls: dict = None


@dataclass
class Run:
    """What a run came to, and what faults.c has counted."""

    status: int
    stdout: str
    stderr: str
    calls: dict         # of each class
    injected: dict      # how many of them failed
    function: str       # that failed last
    allocations: int    # not freed
    descriptors: int    # not closed


def read_report(path):
    """Nothing was counted if the program was killed."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = {name: values for name, *values in map(str.split, lines)}
    function = rows.pop("function", ["none"])[0]
    left = [int(rows.pop(name, [0])[0]) for name in ("allocations", "descriptors")]
    calls, injected = ({n: int(v[i]) for n, v in rows.items()} for i in range(2))
    return calls, injected, function, *left


def launch(case, folder, faults=None):
    report = folder.with_suffix(".report")
    once = [] if case.program == "mpt-inspect" else ONE_THREAD
    env = {"PATH": os.environ["PATH"], "MPT_FAULT_REPORT": str(report)}
    if faults:
        env["MPT_FAULTS"] = faults
    shutil.copytree(case.start, folder)
    done = subprocess.run(
        [BUILD / "tests/faults" / case.program, *once, *case.arguments],
        cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120,
    )
    stdout = done.stdout.replace(str(folder), "")  # resolve prints whole paths
    return Run(done.returncode, stdout, done.stderr, *read_report(report))


def contents(folder):
    """As files_below(), but of archives their members, and of reports no seconds."""
    files = files_below(folder)
    for name in files:
        if name.endswith("/report"):
            files[name] = re.sub(rb'(time="| in )[\d.]+', b"", files[name])
        if name.endswith(".zip"):
            with zipfile.ZipFile(folder / name) as archive:
                files[name] = {member: archive.read(member) for member in archive.namelist()}
    return files


def without_sizes(stdout):
    return re.sub(r", [\d.]+ k?B\)", ")", stdout)


# ---- what there is to do ----

LEGACY, ERAS = FIXTURES / "legacy", FIXTURES / "eras"
DAVEEY = LEGACY / "local.daveey.20251002/checkpoints"
SOURCES = {
    "zip with policy.pt": DAVEEY / "local.daveey.20251002:v4.mpt",
    "torch archive": DAVEEY / "local.daveey.20251002:v3.mpt",
    "torch stream": ERAS / "streams/checkpoints/streams:v3.pt",
    "torch package": ERAS / "june_packages/checkpoints/model_0042.pt",
    "plain pickle": ERAS / "plain/checkpoints/plain:v1.pt",
    "policy record": ERAS / "navigation_records/checkpoints/model_0012.pt",
}
MPT_ZIP = LEGACY / "relh.arena.hc.1221/checkpoints/relh.arena.hc.1221:v20.mpt"


def put(start, *sources):
    """Copy them to data/<run>/checkpoints below start."""
    for source in sources:
        folder = start / "data" / source.parts[-3] / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, folder)
    return [source.name for source in sources]


def convert_one(start, source):
    """By name, with a text for those that need one."""
    (start / "text").write_text("metta.agent.policies.fast.FastConfig()")
    names = put(start, source)
    (path,) = (start / "data").rglob(names[0])
    arguments = [str(path.relative_to(start)), "-o", "out", "--architecture", "@text"]
    return Case("mpt-convert", arguments, start, [*names, "text"])


def convert_mpt_zip(start):
    """Both kinds of prefixes, zip64 fields in the local headers, and a comment."""
    case = convert_one(start, MPT_ZIP)
    with zipfile.ZipFile(MPT_ZIP) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(start / case.arguments[0], "w", zipfile.ZIP_DEFLATED) as new:
        new.comment = b"a comment"
        for name, data in members.items():
            with new.open(name, "w", force_zip64=True) as member:
                member.write(data)
    return case


def convert_tree(start):
    """Two that need the helper, and one that does not; in JSON."""
    names = put(start, ERAS / "protocols/checkpoints/protocols:v4.pt", SOURCES["plain pickle"])
    mpt_zip.write(start / "data/small:v1.mpt")
    (start / "list").write_text("data\n")
    arguments = ["--files-from", "list", "-o", "out", "--jsonl"]
    arguments += ["--architecture", mpt_zip.TEXT]
    names += ["small:v1.mpt", "list", "data"]
    return Case("mpt-convert", arguments, start, names, retries=True)


def convert_in_place(start):
    """Two: the bundle of the first is there already."""
    for number in range(2):
        mpt_zip.write(start / f"data/run:v{number}.mpt")
    write_bundle(start, "data/run:v0")
    names = ["run:v0.mpt", "run:v1.mpt", "data"]
    return Case("mpt-convert", ["data", "--in-place"], start, names)


def convert_to_zip(start):
    """One that is deflated, one whose stream is taken over, and one that is there."""
    names = put(start, MPT_ZIP)
    mpt_zip.write(start / "data/small:v1.mpt")
    mpt_zip.write(start / "data/small:v2.mpt")
    write_zipped(start, "out/small:v2.zip")
    names += ["small:v1.mpt", "small:v2.mpt", "data"]
    arguments = ["data", "-o", "out", "--format", "zip"]
    return Case("mpt-convert", arguments, start, names)


def check_folders(start):
    names = put(start, SOURCES["zip with policy.pt"])
    mpt_zip.write(start / "data/small:v1.mpt")
    write_bundle(start, "out/small:v1")
    shutil.copytree(FIXTURES / "expected" / DAVEEY.relative_to(LEGACY) / names[0][:-4],
                    start / "out" / DAVEEY.relative_to(LEGACY) / names[0][:-4])
    arguments = ["data", "-o", "out", "--check"]
    return Case("mpt-convert", arguments, start, [*names, "small:v1.mpt", "data"])


def check_zip(start):
    mpt_zip.write(start / "data/small:v1.mpt")
    write_zipped(start, "out/small:v1.zip")
    arguments = ["data", "-o", "out", "--check", "--format", "zip"]
    return Case("mpt-convert", arguments, start, ["small:v1.mpt", "data"])


def write_bundle(start, name):
    bundle = start / name
    bundle.mkdir(parents=True)
    for member, content in mpt_zip.bundle().items():
        (bundle / member).write_bytes(content)
    return bundle


def write_zipped(start, name):
    (start / name).parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(start / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in mpt_zip.bundle().items():
            archive.writestr(member, content)


def validate_folder(start):
    write_bundle(start, "run:v1")
    return Case("mpt-validate", ["run:v1"], start, ["run:v1"])


def validate_zip(start):
    write_zipped(start, "run:v1.zip")
    return Case("mpt-validate", ["run:v1.zip"], start, ["run:v1.zip"])


def validate_tree(start):
    write_bundle(start, "tree/run:v1")
    write_zipped(start, "tree/deeper/run:v2.zip")
    mpt_zip.write(start / "tree/run:v3.mpt")
    return Case("mpt-validate", ["tree", "--jsonl"], start, ["tree"])


REPORT_ENDS = {
    "sarif": b"}]}\n", "junit": b"</testsuites>\n", "html": b"</html>\n", "markdown": b"\n",
    "github": b"",
}


def validate_reports(start):
    """Each form of report, in a folder of its own; one takes the place of a file."""
    write_bundle(start, "tree/run:v1")
    write_zipped(start, "tree/run:v2.zip")
    arguments = ["tree", "--jsonl"]
    for form in REPORT_ENDS:
        (start / form).mkdir()
        arguments.append(f"--report={form}={form}/report")
    (start / "html/report").write_text("old")
    return Case("mpt-validate", arguments, start, ["tree"])


def validate_references(start):
    """Keys that are compared with a manifest's, some of another name, and with an epoch's."""
    manifest = {"format": "mpt-key-manifest", "version": 1,
                "keys": {"module.actor.bias": {"dtype": "F16", "shape": [3]},
                         "actor.weight": {"dtype": "F16", "shape": [3, 5]}}}
    (start / "keys.json").write_text(json.dumps(manifest))
    write_bundle(start, "tree/run:v1")
    write_zipped(start, "tree/run:v2.zip")
    off = "against-missing", "against-unexpected", "against-shape", "spec-architecture"
    without = [f"--disable={rule}" for rule in off]
    arguments = ["tree", "--consistent", "--against", "keys.json", *without]
    return Case("mpt-validate", arguments, start, ["tree", "keys.json"])


def list_tree(start):
    write_bundle(start, "tree/deeper/run:v1")
    write_zipped(start, "tree/run:v2.zip")
    return Case("mpt-inspect", ["list", "tree"], start, ["tree"])


def show_checkpoint(start):
    """One whose values are unpacked to a temporary file."""
    (name,) = put(start, SOURCES["plain pickle"])
    (path,) = (start / "data").rglob(name)
    return Case("mpt-inspect", ["show", "--stats", str(path.relative_to(start))], start, [name])


def compare_archives(start):
    """Two with their tensors in different orders, so that one is unpacked."""
    write_zipped(start, "a.zip")
    spec, weights = mpt_zip.bundle().values()
    fields = json.loads(weights[8:-48])
    for field in fields.values():
        begin, end = field["data_offsets"]
        field["data_offsets"] = [48 - end, 48 - begin]
    header = json.dumps(fields).encode()
    other = len(header).to_bytes(8, "little") + header + weights[-24:] + weights[-48:-24]
    with zipfile.ZipFile(start / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("policy_spec.json", spec)
        archive.writestr("weights.safetensors", other)
    return Case("mpt-inspect", ["diff", "a.zip", "b.zip"], start, ["a.zip", "b.zip"])


def resolve_latest(start):
    """Of a folder in which there is an archive, too."""
    write_bundle(start, "tree/run:v3")
    write_zipped(start, "tree/run:v2.zip")
    return Case("mpt-inspect", ["resolve", "tree:latest"], start, ["tree"])


def resolve_run(start):
    """An epoch of a run, in the folder of runs."""
    write_zipped(start, "data/run/checkpoints/run:v2.zip")
    write_bundle(start, "data/run/checkpoints/run:v3")
    arguments = ["resolve", "--json", "--data-dir=data", "metta://policy/run:v3"]
    return Case("mpt-inspect", arguments, start, ["run"])


CASES = {
    "mpt zip": convert_mpt_zip,
    **{era: lambda start, source=source: convert_one(start, source)
       for era, source in SOURCES.items()},
    "tree": convert_tree,
    "in place": convert_in_place,
    "to zip": convert_to_zip,
    "check": check_folders,
    "check of a zip": check_zip,
    "bundle folder": validate_folder,
    "bundle zip": validate_zip,
    "bundle tree": validate_tree,
    "reports": validate_reports,
    "bundles and references": validate_references,
    "list": list_tree,
    "show": show_checkpoint,
    "diff": compare_archives,
    "resolve": resolve_latest,
    "resolve_run": resolve_run,
}


@pytest.fixture(scope="module")
def case_of():
    """Makes a case once, and runs it without a fault."""
    cases = {}
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:

        def get(name):
            if name not in cases:
                start, end = (Path(folder, name, part) for part in ("start", "end"))
                start.mkdir(parents=True)
                cases[name] = case = CASES[name](start)
                run = launch(case, end)
                assert run.status == GOOD, run
                assert (run.allocations, run.descriptors) == (0, 0)
                case.end, case.stdout, case.calls = contents(end), run.stdout, run.calls
            return cases[name]

        yield get


# ---- what a run with a fault came to ----


def bundle_of(name):
    return name if name.endswith(".zip") else os.path.dirname(name)


def complaints_about_disk(case, run, folder):
    """A bundle has the members it had, or those it must have at the end."""
    for path in [*folder.rglob(".mpt-*-*"), *folder.rglob("*claim-*")]:
        if not run.function.startswith("unlink"):
            yield f"leaves {path}"
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    before, now, after = contents(case.start), contents(folder), case.end
    reports = {name for name in before | now | after if name.endswith("/report")}
    for name in reports & now.keys():
        ending = REPORT_ENDS[bundle_of(name)]
        if now[name] != before.get(name) and not now[name].endswith(ending):
            yield f"{name} is half done"
    for name in {bundle_of(name) for name in (before | now | after).keys() - reports}:
        of = [{n: c for n, c in tree.items() if bundle_of(n) == name}
              for tree in (before, now, after)]
        if of[1] not in (of[0], of[2]):
            yield f"{name} is half done"
    if run.status == GOOD and now != after:
        yield "does not do its work"


def complaints_about_output(case, run, what):
    """Each source has a line, and lines are whole."""
    if "--jsonl" in case.arguments:
        for line in run.stdout.splitlines():
            json.loads(line)
    if case.program == "mpt-inspect":   # it answers, or does not
        whole = case.arguments[0] not in ("list", "resolve")
        if run.status == SOME_FAILED and run.stdout and whole:
            yield "prints half an answer"
    elif run.status == SOME_FAILED and not what.endswith("+"):
        lines = [line for line in run.stdout.splitlines() if "failed" in line or "bad" in line]
        shared = run.stderr.count("cannot make the folder durable")  # by all names in it
        if len(lines) != max(shared, not JOURNAL.search(run.stderr)):
            yield f"one fault costs {len(lines)} files"


def says_why(case, run, what):
    """Is there a line with the reason, and there or in its heading the name of a file?"""
    reasons = [os.strerror(getattr(errno, what.rstrip("+")))]
    if what.startswith("ENOMEM"):
        reasons.append("out of memory")
    lines, heading = [], ""
    for line in (run.stdout + run.stderr).splitlines():
        if not line.startswith("  "):
            heading = line
        if any(reason in line for reason in reasons):
            lines.append(heading + line)
    if run.status == SOME_FAILED:
        named = (name in line for name in case.names for line in lines)
        return any(named) or any(JOURNAL.search(line) for line in lines)
    return lines != []


def complaints(case, run, kind, what, folder):
    if run.status not in (GOOD, SOME_FAILED, USAGE):
        yield f"status {run.status}"
        return
    if run.allocations or run.descriptors:
        yield f"leaks {run.allocations} allocations, {run.descriptors} descriptors"
    yield from complaints_about_disk(case, run, folder)
    yield from complaints_about_output(case, run, what)
    may_pass = not run.injected[kind] or what in CONTINUED
    retried = case.retries and kind in RETRIED and not what.endswith("+")
    if run.status == GOOD:
        if not may_pass and not retried and run.function not in IDLE:
            yield "passes unseen"
        if without_sizes(run.stdout) != without_sizes(case.stdout):
            yield "prints something else"
    elif may_pass:
        yield "fails"
    elif not says_why(case, run, what):
        yield "does not say why"


def try_one(case, kind, what, n, folder, also):
    """Complaints about one run, and whether there was an n-th call to fail."""
    number = what if what == "short" else getattr(errno, what.rstrip("+"))
    faults = f"{also}{kind}:{n}{'+' * what.endswith('+')}:{number}"
    run = launch(case, folder, faults)
    said = "\n    ".join((run.stdout + run.stderr).splitlines())
    wrong = [
        f"{faults} in {run.function}: {text}\n    {said}"
        for text in complaints(case, run, kind, what, folder)
    ]
    shutil.rmtree(folder)
    return wrong, bool(run.injected.get(kind))


def try_all(case, kind, what, folder, also=""):
    """Complaints about runs in which the first call fails, the second, and so on."""
    wrong, left, numbers = [], True, range(1, case.calls[kind] + 2)

    def attempt(n):
        return try_one(case, kind, what, n, folder / str(n), also)

    with ThreadPoolExecutor(THREADS) as pool:
        while left:
            for found, left in pool.map(attempt, numbers):
                wrong += found
            numbers = [numbers[-1] + 1]
            assert numbers[0] < 2 * case.calls[kind] + 50, "there is no end"
    return wrong


@pytest.mark.parametrize(
    "what", [(kind, what) for kind in FAULTS for what in FAULTS[kind]], ids="-".join
)
@pytest.mark.parametrize("name", CASES)
def test_every_call_fails(case_of, ram_path, name, what):
    wrong = try_all(case_of(name), *what, ram_path)
    assert not wrong, "\n".join(wrong)


# File systems that lack a call: what is done instead can fail, too.
LACKING = {
    "files without a name": ("plain pickle", "spill:1", "EOPNOTSUPP"),
    "renaming that replaces nothing": ("to zip", "rename:1+", "EINVAL"),
}


@pytest.mark.parametrize("kind", ["memory", "link", "clean"])
@pytest.mark.parametrize("lack", LACKING)
def test_every_call_fails_where_one_is_lacking(case_of, ram_path, lack, kind):
    name, call, why = LACKING[lack]
    also = f"{call}:{getattr(errno, why)},"
    wrong = try_all(case_of(name), kind, FAULTS[kind][0], ram_path, also)
    assert not wrong, "\n".join(wrong)


def test_cases_meet_every_kind_of_call(case_of):
    """Of each class there is a call that could fail, but of those only made in need."""
    met = {kind for name in CASES for kind, calls in case_of(name).calls.items() if calls}
    assert met == set(FAULTS) - {"link"}


# What a program of ours may call only if it is wrapped, too.
CAN_FAIL = set("""
    access aligned_alloc asprintf calloc chdir chmod close copy_file_range creat dup dup2 dup3
    fallocate fdatasync fdopen fdopendir fflush fopen fork fstat fstatat fsync ftruncate fwrite
    getcwd getdelim getline inflateInit2_ inflateInit_ link linkat lstat malloc memfd_create
    mkdir mkdirat mkdtemp mkostemp mkstemp mmap open open_memstream openat opendir pipe pipe2
    poll posix_fallocate posix_memalign posix_spawn posix_spawn_file_actions_adddup2
    posix_spawn_file_actions_addopen posix_spawn_file_actions_init posix_spawnattr_init pread
    preadv prlimit pwrite pwritev read readdir readlink readlinkat readv realloc reallocarray
    realpath recv recvmsg rename renameat renameat2 rmdir scandir send sendfile sendmsg socket
    socketpair stat strdup strndup symlink symlinkat sync_file_range tmpfile truncate unlink
    unlinkat utimensat waitid waitpid write writev
""".split())


@pytest.mark.skipif(not shutil.which("nm"), reason="nm is not installed")
@pytest.mark.parametrize("program", ["mpt-convert", "mpt-validate", "mpt-inspect"])
def test_no_call_is_forgotten(program):
    """tests/faults/faults.c and 'wrapped' know what the programs call."""
    done = subprocess.run(["nm", "-u", BUILD / program], capture_output=True, text=True, check=True)
    called = {word.partition("@")[0] for word in done.stdout.split()}
    lines = (PROJECT / "tests/faults/wrapped").read_text().split()
    wrapped = {line.removeprefix("--wrap=") for line in lines}
    assert wrapped - {"free"} <= CAN_FAIL
    assert called & CAN_FAIL <= wrapped
