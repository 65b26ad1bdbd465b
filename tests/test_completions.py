"""Completion in real shells: what a line becomes when keys are pressed.

Each case is a line that is typed, and the line after Tab; or, with ALL, the
words that it becomes when all that is offered is put into it.
"""

import os
import shlex
import shutil
import sys

import pexpect
import pytest
from sources import BUILD, PROJECT

sys.path.insert(0, str(PROJECT / "completions"))
import generate  # noqa: E402

PROGRAMS = ["mpt-convert", "mpt-validate", "mpt-inspect"]
ALL, SHOW, CLEAR, PATIENCE = "\x1ba", "\x14", "\x15", 30
# Keys: Tab, all matches, and one that shows the line between marks.
SET_UP = {
    "bash": r"""
bind '"\C-i": complete' '"\ea": insert-completions' 2>/dev/null
bind -x '"\C-t": printf "\n<<%s>>\n" "$READLINE_LINE"'
for file in {folder}/bash/*; do . "$file"; done
""",
    "zsh": r"""
fpath=({folder}/zsh $fpath) LISTMAX=1000
autoload -U compinit && compinit -u -D
setopt no_list_beep no_auto_list no_auto_menu
zle -C all-matches complete-word _generic
zstyle ':completion:all-matches:*' insert true
zstyle ':completion:all-matches:*' completer _all_matches _complete
zstyle ':completion:*' list-prompt '' 
show() {{ print -r -- $'\n'"<<$BUFFER>>"; zle redisplay }}
zle -N show
bindkey '^I' complete-word '\ea' all-matches '^T' show '^U' kill-whole-line
""",
}
COMMANDS = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}


class Shell:
    def __init__(self, name, cwd, set_up):
        self.name = name
        rc = cwd.parent / f"{cwd.name}.{name}"
        rc.write_text(set_up)
        environment = {"PATH": f"{BUILD}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(cwd)}
        self.process = pexpect.spawn(
            shutil.which(name),
            COMMANDS[name],
            cwd=cwd,
            env=environment,
            dimensions=(50, 2000),
            encoding="utf-8",
            timeout=PATIENCE,
        )
        self.process.sendline(f"PS1=; . {rc}; echo READ''Y")
        self.process.expect_exact("READY")

    def line(self, keys):
        """The line after these keys, and none of it is left."""
        self.process.send(keys + SHOW)
        self.process.expect(r"<<([^\n]*?)>>")
        self.process.send(CLEAR)
        return self.process.match.group(1)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("completed") / "cwd"
    for bundle in ("run:v1", "run:v2", "other run:v7", "runs/deep:v3"):
        (root / bundle).mkdir(parents=True)
        (root / bundle / "policy_spec.json").touch()
    for name in ("run:v2.zip", "single:v4.zip", "arch.txt", "runs/old:v1.mpt"):
        (root / name).touch()
    (root / "folder:x" / "inner").mkdir(parents=True)
    return root


@pytest.fixture(scope="module", params=sorted(COMMANDS))
def shell(request, tree):
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    set_up = SET_UP[request.param].format(folder=shlex.quote(str(BUILD / "completions")))
    shell = Shell(request.param, tree, set_up)
    yield shell
    shell.process.close(force=True)


def unquoted(line):
    """Words of a line, a blank at its end told apart."""
    return shlex.split(line) + ([""] if line.endswith(" ") else [])


LINES = {
    "a long option": ("mpt-validate --allow", ["mpt-validate", "--allow-nonfinite", ""]),
    "words begin alike": ("mpt-validate --js", ["mpt-validate", "--json"]),
    "a choice": ("mpt-validate --progress pl", ["mpt-validate", "--progress", "plain", ""]),
    "a choice behind =": ("mpt-validate --progress=pl", ["mpt-validate", "--progress=plain", ""]),
    "a rule": ("mpt-validate --disable name-d", ["mpt-validate", "--disable", "name-dotted", ""]),
    "a bundle": ("mpt-validate sin", ["mpt-validate", "single:v4.zip", ""]),
    "behind a colon": ("mpt-validate single:", ["mpt-validate", "single:v4.zip", ""]),
    "behind run:v": ("mpt-validate single:v", ["mpt-validate", "single:v4.zip", ""]),
    "a colon with a backslash": (r"mpt-validate single\:v", ["mpt-validate", "single:v4.zip", ""]),
    "a colon in quotes": ("mpt-validate 'single:v", ["mpt-validate", "single:v4.zip", ""]),
    "as far as names agree": ("mpt-validate run:", ["mpt-validate", "run:v"]),
    "a blank in a name": (r"mpt-validate other\ run:v", ["mpt-validate", "other run:v7"]),
    "below a folder": ("mpt-validate runs/deep:", ["mpt-validate", "runs/deep:v3"]),
    "the second operand": ("mpt-inspect diff run:v1 sing", ["mpt-inspect", "diff", "run:v1", "single:v4.zip", ""]),
    "a verb": ("mpt-inspect sh", ["mpt-inspect", "show", ""]),
    "an option of a verb": ("mpt-inspect show --ke", ["mpt-inspect", "show", "--keep-prefix", ""]),
    "an option of another verb": ("mpt-inspect list --ke", ["mpt-inspect", "list", "--ke"]),
    "a reference": ("mpt-validate --against single:", ["mpt-validate", "--against", "single:v4.zip", ""]),
    "a reference behind =": ("mpt-validate --against=single:", ["mpt-validate", "--against=single:v4.zip", ""]),
    "a file behind @": ("mpt-convert --architecture @ar", ["mpt-convert", "--architecture", "@arch.txt", ""]),
    "a folder only": ("mpt-convert -o run", ["mpt-convert", "-o", "run"]),
    "no option behind --": ("mpt-validate -- --js", ["mpt-validate", "--", "--js"]),
    "a number": ("mpt-validate -j ", ["mpt-validate", "-j", ""]),
}
OFFERS = {
    "choices": ("mpt-convert --format ", ["dir", "zip"]),
    "bundles of a run": ("mpt-validate run", ["run:v1", "run:v2", "run:v2.zip", "runs"]),
    "verbs": ("mpt-inspect ", ["list", "show", "keys", "diff", "resolve"]),
    "folders": ("mpt-convert -o ru", ["run:v1", "run:v2", "runs"]),
    "options of a letter": ("mpt-validate --co", ["--color", "--consistent"]),
}


@pytest.mark.parametrize("name", LINES)
def test_tab(shell, tree, name):
    typed, expected = LINES[name]
    line = shell.line(typed + "\t")
    if line.count("'") == 1:        # bash leaves a quote open where more may follow
        line += "'"
    words = [word.rstrip("/") for word in unquoted(line)]
    # A folder may get a slash, a blank, or both.
    if expected[-1] and (tree / expected[-1]).is_dir() and words[-1] == "":
        words.pop()
    assert words == expected


@pytest.mark.parametrize("name", OFFERS)
def test_all_offers(shell, name):
    typed, expected = OFFERS[name]
    *front, _ = unquoted(typed) if typed.endswith(" ") else unquoted(typed)
    words = [word.rstrip("/") for word in shlex.split(shell.line(typed + ALL))]
    assert words[: len(front)] == front
    assert sorted(words[len(front) :]) == sorted(expected)
