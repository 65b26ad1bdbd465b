"""What all tests share: where the programs were built."""

import os
import tempfile
from pathlib import Path

import pytest
from converter import IN_MEMORY

PROJECT = Path(__file__).resolve().parent.parent


def build_dir():
    """The folder make built in: MPT_BUILD, or build/ in the project."""
    return PROJECT / os.environ.get("MPT_BUILD", "build")


@pytest.fixture(scope="session")
def build():
    return build_dir()


@pytest.fixture
def ram_path():
    """As tmp_path, but in memory."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        yield Path(folder)
