"""The manual pages and the README, against what the programs say of themselves."""

import os
import pty
import re
import shlex
import shutil
import subprocess

import pytest
from sources import BUILD, PROJECT

MANUALS = sorted((PROJECT / "man").glob("*.1"))
FORMATS = PROJECT / "man/mpt-bundle.5"
# Its options depend on the verb.
OF_VERBS = PROJECT / "man/mpt-inspect.1"
README = (PROJECT / "README.md").read_text("utf-8")
# What is another with each run.
SECONDS = re.compile(r"in \d+\.\d\d s|\d{4}-\d\d-\d\dT[\d:]{8}Z")


def output_of(program, *arguments):
    done = subprocess.run([BUILD / program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def options_of_help(program, *verb):
    """Long name to short name, or None, of each option in --help."""
    row = re.compile(r"^  (?:-(\w),|   ) --([a-z-]+)", re.M)
    found = row.findall(output_of(program, *verb, "--help"))
    return {name: short or None for short, name in found}


def options_of_manual(text):
    """The same of the option lists: .It Fl o , Fl -output Ar folder"""
    row = re.compile(r"^\.It Fl (?:(\w) , Fl )?-([a-z-]+)", re.M)
    rows = row.findall(text)
    names = [name for _, name in rows]
    assert len(names) == len(set(names)), "an option is described twice"
    return {name: short or None for short, name in rows}


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_options(manual):
    text = manual.read_text("utf-8")
    options = options_of_help(manual.stem)
    if manual == OF_VERBS:
        text = subsections(text)["Instead of a verb"]
    else:
        assert len(options) > 5
    assert options_of_manual(text) == options


def subsections(text):
    """The text below each .Ss line."""
    parts = re.split(r"^\.Ss (.*)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def verbs_of_help():
    rows = re.findall(r"^  ([a-z]+) .*", output_of(OF_VERBS.stem, "--help"), re.M)
    assert len(rows) >= 4
    return rows


def test_options_of_verbs():
    """A verb has the options of its own subsection, and of those shared ones that say so."""
    sections = subsections(OF_VERBS.read_text("utf-8"))
    shared = {title: part for title, part in sections.items() if title.startswith("Options of ")}
    assert len(shared) >= 2
    for verb in verbs_of_help():
        texts = [part for title, part in shared.items() if {verb, "all"} & set(re.findall(r"\w+", title))]
        assert options_of_manual("\n".join([sections[verb], *texts])) == options_of_help(
            OF_VERBS.stem, verb
        )


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_exit_statuses(manual):
    text = manual.read_text("utf-8").partition(".Sh EXIT STATUS")[2].partition(".Sh")[0]
    described = re.findall(r"\d+", " ".join(re.findall(r"^\.It (.*)", text, re.M)))
    last = output_of(manual.stem, "--help").rpartition("Exit status: ")[2]
    assert described == re.findall(r"\b\d+\b", last)


def plain(lines):
    """What mdoc lines say, with the macros' words taken out."""
    words = []
    for line in lines:
        macro, _, rest = line[1:].partition(" ") if line.startswith(".") else ("", "", line)
        words.append({"Fl": "-"}.get(macro, "") + rest.replace(r"\&", ""))
    return re.sub(r"(?<=\S) (?=[.,;:](?:\s|$))", "", " ".join(words))


def test_rules_of_the_validator():
    """Each rule's id, severity and sentence, as --list-rules prints them, in that order."""
    manual = (PROJECT / "man/mpt-validate.1").read_text("utf-8")
    text = manual.partition(".Sh RULES")[2].partition(".Sh")[0]
    described = []
    for severity, part in zip(("error", "warning", "note"), text.split(".Bl -tag")[1:]):
        for entry in part.partition(".El")[0].split(".It Li ")[1:]:
            rule, *lines = entry.strip().split("\n")
            described.append((rule, severity, plain(lines)))
    listed = re.findall(
        r"^([a-z-]+) +(\w+) +(.*)$", output_of("mpt-validate", "--list-rules"), re.M
    )
    assert [row[:2] for row in described] == [row[:2] for row in listed] and len(listed) > 30
    for (_, _, text), (_, _, sentence) in zip(described, listed):
        assert text == sentence or text.startswith(sentence + " ")


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
@pytest.mark.parametrize("manual", [*MANUALS, FORMATS], ids=lambda path: path.name)
def test_lint(manual):
    command = ["mandoc", "-T", "lint", "-W", "warning", manual]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def literals(text):
    """The displays of a manual page, each as one line."""
    return [part.replace("\n", "") for part in re.findall(r"^\.Bd[^\n]*\n(.*?)^\.Ed", text, re.M | re.S)]


def test_bundle_of_the_manual(tmp_path):
    """What the format's page shows is a bundle."""
    spec, tensor, *_ = literals(FORMATS.read_text("utf-8"))
    header = f"{{{tensor}}}".encode()
    header += b" " * (-len(header) % 8)
    bundle = tmp_path / "run:v1"
    bundle.mkdir()
    (bundle / "policy_spec.json").write_text(spec)
    (bundle / "weights.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + b"\0\0\x80\x3f" * 3
    )
    assert output_of("mpt-validate", "-v", "--warnings-as-errors", bundle)


def test_dtypes_of_the_manual():
    """All dtypes with their bits, in the order of files: that of the table backwards."""
    text = FORMATS.read_text("utf-8").partition(".It Sy dtype")[2].partition(".El")[0]
    rows = re.findall(r"^\.It Li (.*?) Ta (\d+)", text, re.M)
    written = [(name, bits) for names, bits in rows for name in names.split(" , ")]
    code = (PROJECT / "formats/dtype.c").read_text("utf-8")
    table = re.findall(r'\[DTYPE_(\w+)\]\s*= \{ "\1",.*?(\d+), \d+, \d+ \}', code)
    assert written == table[::-1] and len(table) > 15


# ---- README ----

SHOWN = re.findall(r"^```\n\$ build/(.*?)\n(.*?)^```$", README, re.M | re.S)


def on_a_terminal(cwd, program, *arguments):
    """Both streams as they come; without colours and a bar, which TERM rules out."""
    ours, theirs = pty.openpty()
    streams = {"stdin": subprocess.DEVNULL, "stdout": theirs, "stderr": theirs}
    process = subprocess.Popen(
        [BUILD / program, *arguments], cwd=cwd, env={"TERM": "dumb"}, **streams
    )
    os.close(theirs)
    text = b""
    with open(ours, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(65536):
                text += part
        except OSError:     # the other end is closed
            pass
    process.wait(timeout=60)
    return text.decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the runs of the README print, one after the other in one folder."""
    cwd = tmp_path_factory.mktemp("readme")
    os.symlink(PROJECT / "fixtures", cwd / "fixtures")
    return [on_a_terminal(cwd, *shlex.split(command)) for command, _ in SHOWN]


def test_readme_shows_runs():
    assert len(SHOWN) >= 2


@pytest.mark.parametrize("number", range(len(SHOWN)))
def test_run_of_the_readme(seen, number):
    """What the README shows is what one sees, the seconds apart."""
    assert SECONDS.sub("", seen[number]) == SECONDS.sub("", SHOWN[number][1])


def test_readme_names_what_is_there():
    """Every folder of the README's tables, and every file of its text."""
    named = re.findall(r"^\| `([\w/-]+/)` \|", README, re.M)
    named += re.findall(r"(?<![\w-])(?:convert|validate|formats|tests|man)/[\w/]+\.\w+", README)
    assert len(named) > 10
    assert [name for name in named if not (PROJECT / name).exists()] == []
