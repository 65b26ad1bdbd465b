"""The project's source files, for the tests that read them."""

import os
import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BUILD = PROJECT / os.environ.get("MPT_BUILD", "build")
FOLDERS = "base formats remote convert validate inspect tests fixtures".split()

# Comments and the insides of strings and characters.
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
FUNCTION = re.compile(r"^[^\n;{}=]*?(\w+)\([^;{}]*?\)\n\{\n(.*?)^\}$", re.M | re.S)


def files(*suffixes):
    """Paths below the project, sorted."""
    return sorted(
        path.relative_to(PROJECT)
        for folder in FOLDERS
        for path in (PROJECT / folder).rglob("*")
        if path.suffix in suffixes
    )


C_FILES = files(".c", ".h")


def text_of(path):
    return (PROJECT / path).read_text("utf-8")


def code_of(path):
    """The text with comments and strings emptied; lines stay where they are."""
    return NO_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text_of(path))


def functions_of(path):
    """(name, line, lines of the body) of each function."""
    code = code_of(path)
    for found in FUNCTION.finditer(code):
        line = code.count("\n", 0, found.start(1)) + 1
        yield found.group(1), line, found.group(2).count("\n")
