"""Counts and statistics of tensors, against torch's of the same bytes."""

import math
import random
import struct

import pytest
import torch
from judge import judge

# In the order of the format, by number: what torch calls it.
DTYPES = {
    0: torch.bool, 4: torch.uint8, 5: torch.int8, 6: torch.float8_e5m2,
    7: torch.float8_e4m3fn, 8: torch.float8_e8m0fnu, 9: torch.float8_e4m3fnuz,
    10: torch.float8_e5m2fnuz, 11: torch.int16, 12: torch.uint16, 13: torch.float16,
    14: torch.bfloat16, 15: torch.int32, 16: torch.uint32, 17: torch.float32,
    18: torch.complex64, 19: torch.float64, 20: torch.int64, 21: torch.uint64,
}  # fmt: skip
BINS, LOWEST = 64, -40


def values_of(data, dtype):
    """The values as torch sees them; a complex element is two."""
    if not data:
        return torch.empty(0, dtype=torch.float64)
    tensor = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    if dtype == torch.bool:
        return (tensor != 0).double()
    tensor = tensor.view(dtype)
    return torch.view_as_real(tensor).flatten() if dtype.is_complex else tensor


def least_normal(dtype):
    if dtype == torch.float8_e8m0fnu:   # torch says it has no zero, and no such
        return 0.0
    return torch.finfo(dtype).smallest_normal if dtype.is_floating_point else 0.0


def bin_of(x):
    return min(max(math.frexp(abs(x))[1] - 1 - LOWEST, 0), BINS - 1)


def expected(data, dtype):
    raw = values_of(data, dtype)
    values = [float(x) for x in raw.double().tolist()]
    finite = [x for x in values if math.isfinite(x)]
    normal = least_normal(raw.dtype)
    item = torch.empty(0, dtype=dtype).element_size()
    elements = {data[i : i + item] for i in range(0, len(data), item)}
    counts = [
        len(values),
        sum(map(math.isnan, values)),
        values.count(math.inf),
        values.count(-math.inf),
        values.count(0.0),
        sum(0 < abs(x) < normal for x in finite),
        sum(byte > 1 for byte in data) if dtype == torch.bool else 0,
        len(elements) <= 1,
    ]
    bins = [0] * (2 * BINS)
    for x in finite:
        if x:
            bins[bin_of(x) + BINS * (x < 0)] += 1
    return counts, bins, finite


def check(data, dtype, answer):
    words = answer.split()
    counts, bins, finite = expected(data, dtype)
    if dtype == torch.bool:     # torch takes any byte but 0 for true, we its number
        finite = [float(byte) for byte in data]
        bins = [0] * (2 * BINS)
        for x in filter(None, finite):
            bins[bin_of(x)] += 1
    assert [int(word) for word in words[:8]] == counts
    assert [int(word) for word in words[12:]] == bins
    least, greatest, mean, norm = map(float, words[8:12])
    if not finite:
        assert math.isnan(mean) and norm == 0
        return
    assert (least, greatest) == (min(finite), max(finite))
    size = max(map(abs, finite))
    assert mean == pytest.approx(math.fsum(finite) / len(finite), rel=1e-9, abs=1e-12 * size)
    if size < 1e150:
        assert norm == pytest.approx(math.sqrt(math.fsum(x * x for x in finite)), rel=1e-9)


def buffers(choose, item):
    """Bytes of all kinds: random, of few values, constant, zeros, small numbers."""
    for count in (0, 1, 2, 7, 600, 4097 // item + 3):
        size = count * item
        element = choose.randbytes(item)
        yield choose.randbytes(size)
        yield bytes(size)
        yield element * count
        yield b"".join(choose.choices([element, bytes(item), b"\xff" * item], k=count))
        yield b"".join(choose.randbytes(1) + bytes(item - 1) for _ in range(count))


@pytest.mark.parametrize("number", DTYPES, ids=lambda number: str(DTYPES[number]))
def test_as_torch_sees_it(number):
    dtype = DTYPES[number]
    choose = random.Random(number)
    data = list(buffers(choose, torch.empty(0, dtype=dtype).element_size()))
    steps = [choose.choice((1, 3, 7, 4096, 1 << 20)) for _ in data]
    texts = [struct.pack("<BI", number, step) + some for step, some in zip(steps, data)]
    for some, (_, answer) in zip(data, judge("tensor_stats", texts)):
        check(some, dtype, answer)


def test_gaussian_weights():
    torch.manual_seed(1)
    data = torch.randn(100000).numpy().tobytes()
    [(_, answer)] = judge("tensor_stats", [struct.pack("<BI", 17, 1000) + data])
    check(data, torch.float32, answer)
