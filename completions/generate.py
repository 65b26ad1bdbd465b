"""Make completions for bash and zsh of what the programs' --help says.

    generate.py FOLDER PROGRAM...

--help is printed from the same tables that parse the command line, so these
completions offer what the programs take.  The words of choices are in it, too;
the ids of rules come from --list-rules.  FOLDER gets bash/PROGRAM and
zsh/_PROGRAM.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

# What --help calls a value, and what can be offered for it.  For other names,
# such as N, nothing is known.
TAKES = {
    "FILE": "file",
    "FOLDER": "folder",
    "REF": "file",
    "TEXT|@FILE": "@file",
    "FORMAT=FILE": "word=file",
    "ID": "words",
}
# Values of options that may be given again and again.
LISTS = {"GLOB", "ID", "KEY=VALUE", "FORMAT=FILE"}

# "  -j, --jobs N", in front of the column of the explanations if there is room.
LEFT = re.compile(r"  (?:-(?P<letter>\w),|   ) --(?P<name>[a-z-]+)(?: (?P<value>\S+))?$")
COLUMN = 27

ZSH_PATHS = {"file": "_files", "folder": "_files -/", "@file": "{compset -P @ && _files}"}


class Option(NamedTuple):
    names: list     # short, long
    takes: str      # "flag", "word", or a value of TAKES
    words: list     # to offer for the value, where they are known
    value: str      # as --help calls it
    about: str


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def rows_of(text):
    """(match of LEFT, explanation) of each option in --help."""
    rows = []
    for line in text.split("\n"):
        left = LEFT.match(line[:COLUMN].rstrip()) if line[COLUMN - 1 : COLUMN] in ("", " ") else None
        left = left or LEFT.match(line)
        if left:
            rows.append((left, line[left.end() :].strip()))
        elif rows and line.startswith(" " * COLUMN):
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}".strip())
        elif rows:
            break       # what follows is prose
    return rows


def is_choice(value):
    return bool(re.fullmatch(r"[a-z0-9-]+(\|[a-z0-9-]+)+", value))


def options_of(text, ids=()):
    """The options of a --help; ids are the words for an ID."""
    options, formats = [], []
    for left, about in rows_of(text):
        value = left["value"] or ""
        names = ["-" + left["letter"]] if left["letter"] else []
        names.append("--" + left["name"])
        takes = TAKES.get(value, "word") if value else "flag"
        words = list(ids) if value == "ID" else []
        if is_choice(value):
            takes, words = "words", value.split("|")
            formats = words if left["name"] == "format" else formats
        if value == "FORMAT=FILE":
            words = formats
        options.append(Option(names, takes, words, value, about))
    return options


def verbs_of(text):
    """(verb, its operands, what it does) of each verb in --help."""
    return re.findall(r"^  ([a-z]+) +(\S.*?)  +(\S.*)$", text.partition("\n\n")[2], re.M)


# ---- bash ----

def bash_row(takes, names, words=()):
    return f"{takes} {' '.join(names)}:{' '.join(words)}"


def bash_table(options, operand):
    return "\n".join([operand, *(bash_row(o.takes, o.names, o.words) for o in options)])


def bash_script(program, options, verbs, common):
    function = "_" + program.replace("-", "_")
    table = bash_table(options, bash_row("file", ["operand"]))
    body = f"_mpt_bundle '{table}' 1"
    if verbs:
        operand = bash_row("words", ["operand"], [name for name, *_ in verbs])
        table = bash_table(options, operand)
        cases = "".join(
            f"\t*:{name})\n\t_mpt_bundle '"
            + bash_table(own, bash_row("file", ["operand"]))
            + "' 2 ;;\n"
            for name, _, _, own in verbs
        )
        body = (
            "case ${#words[@]}:${words[1]} in\n"
            f"\t2:*)\n\t_mpt_bundle '{table}' 1 ;;\n{cases}\t*)\n\tCOMPREPLY=() ;;\n\tesac"
        )
    return (
        f"# bash completion of {program}, made from its table of options\n\n{common}\n"
        f'{function}()\n{{\n\tlocal words cur kept\n\n\t_mpt_bundle_words "$2"\n\t{body}\n}}\n'
        f"complete -F {function} {program}\n"
    )


# ---- zsh ----

def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def escaped(text):
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def zsh_action(option):
    if option.takes == "words":
        return f"({' '.join(option.words)})"
    if option.takes == "word=file":
        words = " ".join(option.words)
        return f'{{if compset -P "*="; then _files; else compadd -S = -- {words}; fi}}'
    return ZSH_PATHS.get(option.takes, " ")


def zsh_option(option):
    """A specification for _arguments; braces stand for one of each name."""
    again = option.value in LISTS
    front = "*" if again else f"({' '.join(option.names)})"
    tail = f"[{escaped(option.about)}]"
    if option.takes == "flag":
        names = option.names
    else:
        names = [n + ("=" if n.startswith("--") else "+") for n in option.names]
        tail += f":{escaped(option.value)}:{zsh_action(option)}"
    if len(names) == 1:
        return quoted(front + names[0] + tail)
    return f"{quoted(front)}{{{','.join(names)}}}{quoted(tail)}"


def zsh_call(options, *operands, flags="-s -S"):
    lines = [f"_arguments {flags} :", *map(zsh_option, options), *map(quoted, operands)]
    return " \\\n  ".join(lines)


def zsh_script(program, options, verbs):
    head = f"#compdef {program}\n# made from its table of options\n\n"
    if not verbs:
        return head + zsh_call(options, "*:FILE:_files") + "\n"
    names = " ".join(f"{name}\\:{re.escape(escaped(about))}" for name, _, about, _ in verbs)
    first = zsh_call(options, f"1:VERB:(({names}))", "*:: :->verb", flags="-C -s -S")
    cases = "".join(
        f"{name})\n  {zsh_call(own, f'*:{escaped(operands)}:_files')} ;;\n"
        for name, operands, _, own in verbs
    )
    return (
        f"{head}local curcontext=$curcontext state line ret=1\n\n{first} && ret=0\n"
        f"[[ $state == verb ]] || return ret\ncase $words[1] in\n{cases}esac\n"
    )


def main(folder, *programs):
    common = Path(__file__).with_name("common.bash").read_text("utf-8")
    (folder / "bash").mkdir(parents=True, exist_ok=True)
    (folder / "zsh").mkdir(exist_ok=True)
    for path in map(Path, programs):
        text = output_of(path, "--help")
        verbs = [
            (*verb, options_of(output_of(path, verb[0], "--help"))) for verb in verbs_of(text)
        ] if "VERB" in text else []
        ids = []
        if "--list-rules" in text:
            ids = [line.split()[0] for line in output_of(path, "--list-rules").splitlines()]
        options = options_of(text, ids)
        bash = bash_script(path.name, options, verbs, common)
        (folder / "bash" / path.name).write_text(bash, "utf-8")
        (folder / "zsh" / f"_{path.name}").write_text(
            zsh_script(path.name, options, verbs), "utf-8"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
