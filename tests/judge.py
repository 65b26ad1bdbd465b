"""Give many texts to one of the test drivers at once, and take its answers."""

import os
import random
import struct
import subprocess

from sources import BUILD

# How many texts a differential test makes; CI asks for more than a developer waits for.
MUTATIONS = int(os.environ.get("MPT_MUTATIONS", "20000"))


def judge(driver, texts):
    """A list of (accepted, answer) for a list of byte strings."""
    stream = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    done = subprocess.run(
        [BUILD / "tests/drivers" / driver], input=stream, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    lines = done.stdout.split(b"\n")[:-1]
    assert len(lines) == len(texts)
    return [(line[:2] == b"ok", line[3:].removeprefix(b" ")) for line in lines]


def mutants(seeds, pieces, count, seed=0):
    """Texts made of the seeds by one to four edits."""
    choose = random.Random(seed)
    for _ in range(count):
        text = bytearray(choose.choice(seeds))
        for _ in range(choose.choice((1, 1, 1, 2, 3, 4))):
            begin = choose.randrange(len(text) + 1)
            end = min(len(text), begin + choose.choice((0, 0, 1, 1, 2, 5, 12)))
            edit = choose.randrange(5)
            if edit == 0 and end > begin:
                text[begin] ^= 1 << choose.randrange(8)
            elif edit == 1:
                del text[begin:end]
            elif edit == 2:
                text[begin:begin] = text[begin:end] * choose.choice((1, 1, 2, 70))
            else:
                text[begin:end] = choose.choice(pieces)
        yield bytes(text)
