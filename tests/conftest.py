"""What all tests share: where the programs were built."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def build_dir():
    """The folder make built in: MPT_BUILD, or build/ in the project."""
    return PROJECT / os.environ.get("MPT_BUILD", "build")


@pytest.fixture(scope="session")
def build():
    return build_dir()
