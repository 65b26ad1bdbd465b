"""What all tests share: where the programs were built."""

import os
import re
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


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass    # somebody else's
    return True


@pytest.fixture(autouse=True)
def without_traces_of_libomp():
    """What clang's OpenMP library of a program that a test killed has left.

    At its start it makes a file with the number of the process, and gives it a length.  If it
    is killed between, the next process of that number dies of SIGBUS, which would be the
    failure of some other test.
    """
    yield
    for path in Path("/dev/shm").glob("__KMP_REGISTERED_LIB_*"):
        found = re.fullmatch(r"__KMP_REGISTERED_LIB_(\d+)_\d+", path.name)
        if found and not is_alive(int(found[1])):
            path.unlink(missing_ok=True)
