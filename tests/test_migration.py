"""The page of the README about a large migration: its commands, on a smaller tree."""

import os
import re
import subprocess

import mpt_zip
import torch
from converter import CONVERTER, PROJECT

README = (PROJECT / "README.md").read_text()
PAGE = README.partition("\n## Ten thousand checkpoints\n")[2].partition("\n## ")[0]
# (command, what it said) of each block; "..." stands for lines that were shown before.
BLOCKS = [block.partition("\n")[::2] for block in re.findall(r"```\n\$ (.*?)```", PAGE, re.S)]
NUMBER = re.compile(r"\d+(?:\.\d+)?( [kM]?B)?")


def without_numbers(line):
    return NUMBER.sub("N", line)


def make_tree(folder):
    for run in ("041", "042"):
        for epoch in (0, 10, 990):
            path = folder / f"runs/team.arena.{run}/checkpoints/team.arena.{run}:v{epoch}.mpt"
            mpt_zip.write(path, epoch)
    path.write_bytes(path.read_bytes()[:300])
    sweep = folder / "runs/old.sweep/checkpoints"
    sweep.mkdir(parents=True)
    for epoch in range(3):
        torch.save({"net.weight": torch.ones(2, 2)}, sweep / f"model_{epoch:04}.pt")
    (folder / "policy.txt").write_text("metta.agent.policies.fast.FastConfig()\n")


def test_page_shows_what_happens(tmp_path):
    make_tree(tmp_path)
    env = {**os.environ, "PATH": f"{CONVERTER.parent}:{os.environ['PATH']}"}
    assert len(BLOCKS) == 8
    for command, shown in BLOCKS:
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        expected = shown.splitlines()
        said = done.stdout.splitlines()
        if expected[:1] == ["..."]:
            expected, said = expected[1:], said[-1:]
        assert list(map(without_numbers, said)) == list(map(without_numbers, expected)), command
    left = [str(path.relative_to(tmp_path)) for path in (tmp_path / "runs").rglob("*:v*")]
    assert left == ["runs/team.arena.042/checkpoints/team.arena.042:v990.mpt"]
    assert len(list((tmp_path / "bundles").rglob("*.zip"))) == 8
