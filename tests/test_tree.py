"""The tree is the data's path: who may include, print, open and end what.

Each test reads all sources and lists every place that breaks its rule.
"""

import re
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
from sources import BUILD, C_FILES, PROJECT, code_of, functions_of, text_of

# A folder includes itself and what stands before it; the programs not each other, but
# for the one that looks at what the others read and write.
LIBRARIES = ["base", "formats", "remote"]
PROGRAMS = ["convert", "validate", "inspect"]
ON_TOP = "inspect"
HELPER = Path("convert/unpickler")
PRODUCT = [path for path in C_FILES if path.parts[0] in LIBRARIES + PROGRAMS]
FORMATS = [path for path in PRODUCT if path.parts[0] == "formats"]

LINES_FAIL, LINES_ASK = 100, 60

PRINTS = r"\b(?:perror|v?printf|puts|putchar)\s*\(|\bstd(?:out|err)\b"
ENDS = r"\b(?:_?exit|_Exit|quick_exit|abort)\s*\("
RUNS_OTHERS = r"\b(?:system|popen|exec[lv]p?e?|v?fork)\s*\("
NO_BOUND = r"\b(?:gets|strcpy|strcat|v?sprintf|strtok|ato[il]+|s?scanf|alloca)\s*\("
OPENS = (
    r"\b(?:f?open(?:at)?|creat|opendir|l?stat|mkdir|rmdir|unlink|rename|mkstemp"
    r"|getenv|setenv|chdir)\s*\("
)
THREADS = r"#\s*pragma\s+omp|\bpthread_|\bthread_local\b|\b_Thread_local\b"


def includes(path):
    """(is_ours, name) of each #include, in order."""
    found = re.findall(r'^#\s*include\s*(["<])([^">]+)', text_of(path), re.M)
    return [(quote == '"', name) for quote, name in found]


def allowed_folders(path):
    top = path.parts[0]
    if HELPER in path.parents:
        return LIBRARIES + [HELPER.as_posix()]
    if top == ON_TOP:
        return LIBRARIES + PROGRAMS
    if top in PROGRAMS:
        return LIBRARIES + [top]
    return LIBRARIES[: LIBRARIES.index(top) + 1]


def places(pattern, paths):
    """Where the code of these files, without comments and strings, matches."""
    return [
        f"{path}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(code_of(path).split("\n"), 1)
        if re.search(pattern, line)
    ]


def test_includes_point_down():
    wrong = [
        f"{path}: {name}"
        for path in PRODUCT
        for is_ours, name in includes(path)
        if is_ours and not name.startswith(tuple(f + "/" for f in allowed_folders(path)))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "header, home",
    [
        (r"Python\.h|marshal\.h", r"convert/unpickler/.*"),
        (r".*cJSON\.h", r"formats/json.*"),
        (r"omp\.h", r"convert/.*|remote/object\.c"),
        (r"curl/.*|dlfcn\.h", r"remote/http_curl\.c"),
        (r"expat\.h", r"remote/.*"),
    ],
)
def test_header_has_one_home(header, home):
    wrong = [
        f"{path}: {name}"
        for path in PRODUCT
        for _, name in includes(path)
        if re.fullmatch(header, name) and not re.fullmatch(home, str(path))
    ]
    assert wrong == []


def test_own_header_comes_first():
    """A header that is included first stands alone; but Python.h wants to be first."""

    def first(path):
        return next(found for found in includes(path) if found != (False, "Python.h"))

    wrong = [
        path
        for path in PRODUCT
        if path.suffix == ".c" and path.with_suffix(".h") in PRODUCT
        if first(path) != (True, path.with_suffix(".h").as_posix())
    ]
    assert wrong == []


def test_guards():
    def guarded(path):
        guard = re.sub(r"[/.]", "_", str(path)).upper()
        return f"#ifndef {guard}\n#define {guard}\n" in text_of(path)

    headers = [path for path in PRODUCT if path.suffix == ".h"]
    assert [path for path in headers if not guarded(path)] == []


def test_files_say_what_they_are():
    def says(path):
        return re.match(rf"/\*(\n \*)? {re.escape(path.name)} - \S", text_of(path))

    assert [path for path in C_FILES if not says(path)] == []


def test_only_the_top_prints():
    """Messages are the business of main.c and report*.c, which know the streams."""
    below = [path for path in PRODUCT if path.name != "main.c" and path.stem[:6] != "report"]
    assert places(PRINTS, below) == []


def test_only_main_ends_the_program():
    below = [path for path in PRODUCT if path.name != "main.c"]
    assert places(ENDS, below) == []


def test_calls_nobody_should_make():
    assert places(RUNS_OTHERS, PRODUCT) == []
    assert places(NO_BOUND, PRODUCT) == []


def test_formats_open_no_path_and_start_no_thread():
    assert places(OPENS, FORMATS) == []
    assert places(THREADS, FORMATS) == []


def test_functions_are_short():
    lengths = [
        (length, f"{path}:{line}: {name}() has {length} lines")
        for path in C_FILES
        for name, line, length in functions_of(path)
    ]
    assert len(lengths) > 100, "the functions are not found"
    assert [where for length, where in lengths if length > LINES_FAIL] == []
    for length, where in lengths:
        if length > LINES_ASK:
            warnings.warn(where)


@pytest.mark.skipif(not shutil.which("ldd"), reason="ldd is not installed")
@pytest.mark.parametrize("program", ["mpt-convert", "mpt-validate", "mpt-inspect"])
def test_only_the_helper_links_python(program):
    done = subprocess.run(["ldd", BUILD / program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "libpython" not in done.stdout
