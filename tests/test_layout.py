"""The layout of the C sources, against what clang-format makes of them.

.clang-format decides indentation, spaces and where a brace stands.  Where a
statement is wrapped, how a table's columns and the comments behind code line up
is left to the author, so the two texts are compared blank by blank.
"""

import re
import shutil
import subprocess

import pytest
from sources import C_FILES, NO_CODE, PROJECT, text_of

CLANG_FORMAT = shutil.which("clang-format-14")
COLUMNS = 80
INDENTED_BY_BLANKS = re.compile(r"\t* {8}")
TABLE_ROW = re.compile(r"\t+[\[{/]")


def formatted(path):
    command = [CLANG_FORMAT, "--style=file", PROJECT / path]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def gaps(text):
    """For each character that is no blank: its line, and the blanks before it."""
    line, found = 1, []
    masked = NO_CODE.sub(lambda found: re.sub(r"\S", "x", found.group()), text)
    for blanks, character in re.findall(r"(\s*)(\S)", masked):
        line += blanks.count("\n")
        found.append((character, blanks, line))
    return found


def starts_statement(before, character, ours, theirs):
    """Is this gap one where a new line is no matter of taste?"""
    if "\n" not in theirs:
        return False
    return before in ";{}" or (character in "{}" and "\n" not in ours)


def fault(before, character, ours, theirs):
    """What is wrong with a gap, or None."""
    if not ours or not theirs:
        if ours == theirs or "\n" in ours + theirs:
            return None
        if before == ";" or "#" in (before, character):
            return None     # for (;;) and a ## b are clear either way
        return "a blank too few" if theirs else "a blank too many"
    if ours.count("\n") > 2:
        return "more than one empty line"
    if "\n" in ours and "\n" not in theirs and (before == "}" or character == "{"):
        return "should stay on the line above"
    if not starts_statement(before, character, ours, theirs):
        return None
    if "\n" not in ours:
        return "should be a line of its own"
    if ours.rpartition("\n")[2] != theirs.rpartition("\n")[2]:
        return "wrong indentation"
    return None


def faults(path):
    ours, theirs = gaps(text_of(path)), gaps(formatted(path))
    assert [gap[0] for gap in ours] == [gap[0] for gap in theirs]
    before, braces = "", []
    for (character, our, line), (_, their, _) in zip(ours, theirs):
        # Inside the braces of values and enumerators lines are wrapped freely.
        values = bool(braces) and braces[-1]
        if character == "{":
            braces.append(values or before in "=,({" or is_values(their, before))
        if not values:
            reason = fault(before, character, our, their)
            if reason:
                yield line, reason
        if character == "}" and braces:
            braces.pop()
        before = character


def is_values(their, before):
    """A brace right behind ')' is a compound literal, not a body."""
    return before == ")" and their == ""


def width(line):
    return len(line.expandtabs(8))


@pytest.mark.skipif(not CLANG_FORMAT, reason="clang-format-14 is not installed")
def test_clang_format():
    wrong = [f"{path}:{line}: {why}" for path in C_FILES for line, why in faults(path)]
    assert wrong == []


def line_faults(line):
    if line != line.rstrip():
        yield "blanks at the end"
    if width(line) > COLUMNS and not TABLE_ROW.match(line):
        yield f"{width(line)} columns wide"
    if INDENTED_BY_BLANKS.match(line):
        yield "indented by blanks"


def test_lines():
    """Width, and blanks at either end; the rows of a table may be wide."""
    wrong = [
        f"{path}:{number}: {why}"
        for path in C_FILES
        for number, line in enumerate(text_of(path).splitlines(), 1)
        for why in line_faults(line)
    ]
    assert wrong == []
