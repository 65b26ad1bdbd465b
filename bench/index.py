"""How long mpt-unpickler takes from a pickle to its tensor index.

usage: index.py [BUILD]

State dicts and module trees of 20 to 20,000 tensors are answered by a running
helper; its CPU time is read from the kernel, without the start of the process.
Beside it, on the same bytes in the same run: Python's own pickle.loads, with
a stub for each class that does nothing, which is what any reader in Python has
to spend.  Needs torch, to make the pickles.
"""

import io
import os
import pickle
import pathlib
import sys
import time

import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from pickle_maker import saved                      # noqa: E402
from unpickler_client import Helper, parse_answer   # noqa: E402

COUNTS = 20, 60, 200, 600, 2_000, 6_000, 20_000
SECONDS = 0.5       # at least so long for each number
# Tensors and the most seconds of CPU, for either kind of pickle.
TARGETS = {60: 0.001, 20_000: 0.5}


class Stub:
    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        pass


class StubDict(dict):
    def __setstate__(self, state):
        pass


class StubUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        return StubDict if name == "OrderedDict" else Stub

    def persistent_load(self, pid):
        return pid


def by_stubs(pickled):
    StubUnpickler(io.BytesIO(pickled)).load()


def state_dict(count):
    return {f"network.blocks.{i}.weight": torch.zeros(1) for i in range(count)}


def module(count):
    """Linear layers in groups of ten, two tensors each."""
    return nn.Sequential(*(
        nn.ModuleList(nn.Linear(1, 1) for _ in range(10))
        for _ in range(count // 20)))


def cpu_seconds(pid):
    """Of a process, in nanoseconds as the scheduler counts."""
    text = pathlib.Path(f"/proc/{pid}/schedstat").read_text()
    return int(text.split()[0]) / 1e9


def per_call(call, clock):
    """Seconds of the clock for one call, in the best of ten rounds: others
    may be using the machine."""
    rounds = []
    for _ in range(10):
        calls = 0
        start, begin = clock(), time.monotonic()
        while calls < 2 or time.monotonic() < begin + SECONDS / 10:
            call()
            calls += 1
        rounds.append((clock() - start) / calls)
    return min(rounds)


def measure(helper, kind, count, pickled):
    answer = parse_answer(helper.ask_raw(pickled))
    assert len(answer.tensors) == count, answer
    ours = per_call(lambda: helper.ask_raw(pickled),
                    lambda: cpu_seconds(helper.process.pid))
    stubs = per_call(lambda: by_stubs(pickled), time.process_time)
    limit = TARGETS.get(count)
    verdict = "" if not limit else (
        "  ok" if ours < limit else "  SLOW") + f" (target {limit * 1e3:g} ms)"
    print(f"{kind:10} {count:7} {len(pickled):9} {ours * 1e3:9.2f} "
          f"{ours / count * 1e6:9.2f} {stubs / count * 1e6:9.2f} "
          f"{ours / stubs:6.2f}{verdict}", flush=True)
    return not limit or ours < limit


def main():
    if len(sys.argv) > 1:
        os.environ["MPT_BUILD"] = os.path.abspath(sys.argv[1])
    print(f"{'pickle of':10} {'tensors':>7} {'bytes':>9} {'CPU ms':>9} "
          f"{'us/tensor':>9} {'stubs':>9} {'ratio':>6}")
    good = True
    for kind, make in ("state dict", state_dict), ("module", module):
        with Helper() as helper:
            for count in COUNTS:
                good &= measure(helper, kind, count, saved(make(count)))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
