"""Differences between tensors, against those that torch and Python find in the same bytes."""

import math
import random
import struct

import pytest
import torch
from judge import judge
from test_tensor_stats import DTYPES, values_of

BOOL, F4, F32, C64, F64, I64, U64 = 0, 1, 17, 18, 19, 20, 21
WHOLE = {I64: "<q", U64: "<Q"}


def numbers_of(data, number):
    """The values as Python has them; of integers as such."""
    if number in WHOLE:
        return [value for (value,) in struct.iter_unpack(WHOLE[number], data)]
    if number == BOOL:      # torch takes any byte but 0 for true, we its number
        return [float(byte) for byte in data]
    return values_of(data, DTYPES[number]).double().tolist()


def width_of(number):
    size = torch.empty(0, dtype=DTYPES[number]).element_size()
    return size // 2 if number == C64 else size


def is_same(x, y):
    return x == y or (math.isnan(x) and math.isnan(y))


def expected(a, data_a, b, data_b):
    """Counts, then the differences and both vectors of the finite pairs."""
    xs, ys = numbers_of(data_a, a), numbers_of(data_b, b)
    if a != b:
        xs, ys = map(float, xs), map(float, ys)
    pairs = list(zip(xs, ys, strict=True))
    differing = [pair for pair in pairs if not is_same(*pair)]
    finite = [pair for pair in pairs if all(map(math.isfinite, pair))]
    width, bits = width_of(a), 0
    if a == b:
        for i, pair in enumerate(pairs):
            span = slice(i * width, (i + 1) * width)
            bits += is_same(*pair) and data_a[span] != data_b[span]
    counts = [
        len(pairs), len(differing), sum(not all(map(math.isfinite, p)) for p in differing),
        bits, len(finite),
    ]  # fmt: skip
    return counts, finite


def check(a, data_a, b, data_b, answer):
    words = answer.split()
    counts, finite = expected(a, data_a, b, data_b)
    assert [int(word) for word in words[:5]] == counts
    largest, mean, cosine = map(float, words[5:])
    if not finite:
        assert largest == 0 and math.isnan(mean) and math.isnan(cosine)
        return
    distances = [float(abs(x - y)) for x, y in finite]
    if math.isinf(max(distances)):
        assert math.isinf(largest)
        return
    assert largest == max(distances)
    size = max(abs(float(x)) for pair in finite for x in pair)
    if size > 1e150:    # the squares, or their sum, are too large for a double
        return
    assert mean == pytest.approx(math.fsum(distances) / len(finite), rel=1e-12, abs=0)
    aa, bb, ab = (
        math.fsum(float(pair[i]) * float(pair[k]) for pair in finite)
        for i, k in ((0, 0), (1, 1), (0, 1))
    )
    if min(aa, bb) > 1e-280:
        assert cosine == pytest.approx(ab / math.sqrt(aa) / math.sqrt(bb), abs=1e-12)


def request(a, data_a, b, data_b, count, step):
    return struct.pack("<BBII", a, b, count, step) + data_a + data_b


def buffers(choose, width):
    """Pairs of buffers of one dtype: random, equal, nearly equal, of few values, zeros."""
    for count in (0, 2, 4, 510, 512, 514, 1500):
        some = choose.randbytes(count * width)
        other = bytearray(some)
        for _ in range(min(3, count)):
            other[choose.randrange(len(other))] ^= 1 << choose.randrange(8)
        kinds = [bytes(width), bytes(width - 1) + b"\x80", b"\xff" * width]
        yield some, choose.randbytes(count * width), count
        yield some, some, count
        yield some, bytes(other), count
        yield *(b"".join(choose.choices(kinds, k=count)) for _ in range(2)), count
        yield bytes(count * width), some, count


def check_all(pairs):
    """Rows of (dtype, bytes, dtype, bytes, values)."""
    choose = random.Random(len(pairs))
    texts = [request(*pair, choose.choice((1, 7, 512, 5000))) for pair in pairs]
    for pair, (_, answer) in zip(pairs, judge("tensor_diff", texts), strict=True):
        check(*pair[:4], answer)


@pytest.mark.parametrize("number", DTYPES, ids=lambda number: str(DTYPES[number]))
def test_as_torch_sees_it(number):
    some = buffers(random.Random(number), width_of(number))
    check_all([(number, x, number, y, count) for x, y, count in some])


@pytest.mark.parametrize("number", DTYPES, ids=lambda number: str(DTYPES[number]))
def test_of_two_dtypes(number):
    """Any against float32 and int64, either way round."""
    choose = random.Random(number)
    rows = []
    for other in (F32, I64):
        for count in (2, 600):
            x = choose.randbytes(count * width_of(number))
            y = choose.randbytes(count * width_of(other))
            rows += [(number, x, other, y, count), (other, y, number, x, count)]
    check_all([row for row in rows if row[0] != row[2]])


INTEGERS = [
    (I64, 2**53, 2**53 + 1), (I64, -(2**63), 2**63 - 1), (U64, 0, 2**64 - 1),
    (U64, 2**63, 2**63 + 1), (I64, -1, 0), (I64, -(2**62) - 1, -(2**62)),
]  # fmt: skip


@pytest.mark.parametrize("number, x, y", INTEGERS)
def test_integers_that_are_equal_as_doubles(number, x, y):
    data = [struct.pack(WHOLE[number], value) for value in (x, y)]
    [(_, answer)] = judge("tensor_diff", [request(number, data[0], number, data[1], 1, 1)])
    assert [float(word) for word in answer.split()[:6]] == [1, 1, 0, 0, 1, float(abs(x - y))]


def float_of(bits):
    return struct.pack("<I", bits)


ZERO, MINUS_ZERO, NAN, OTHER_NAN = 0, 0x80000000, 0x7FC00000, 0x7FC00001
ONE, INF, MINUS_INF = 0x3F800000, 0x7F800000, 0xFF800000
# Bits of two floats; differing, one not finite, bits only, finite.
FLOATS = {
    "zeros of two signs": (ZERO, MINUS_ZERO, 0, 0, 1, 1),
    "NaN twice": (NAN, NAN, 0, 0, 0, 0),
    "two NaN": (NAN, OTHER_NAN, 0, 0, 1, 0),
    "NaN and a number": (NAN, ONE, 1, 1, 0, 0),
    "infinity twice": (INF, INF, 0, 0, 0, 0),
    "two infinities": (INF, MINUS_INF, 1, 1, 0, 0),
    "infinity and a number": (ONE, INF, 1, 1, 0, 0),
    "a number twice": (ONE, ONE, 0, 0, 0, 1),
    "two numbers": (ONE, ZERO, 1, 0, 0, 1),
}


@pytest.mark.parametrize("name", FLOATS)
def test_pairs_of_floats(name):
    x, y, *counts = FLOATS[name]
    data = float_of(x), float_of(y)
    [(_, answer)] = judge("tensor_diff", [request(F32, data[0], F32, data[1], 1, 1)])
    assert [int(word) for word in answer.split()[1:5]] == counts


def test_below_a_byte_only_bytes_are_known():
    [(_, answer)] = judge("tensor_diff", [request(F4, b"\x01\x02\x03", F4, b"\x01\x02\x04", 3, 2)])
    assert answer.split()[:5] == [b"3", b"1", b"0", b"0", b"0"]


def test_cosine_is_never_beyond_one():
    torch.manual_seed(1)
    for _ in range(20):
        data = torch.randn(999).numpy().tobytes()
        [(_, answer)] = judge("tensor_diff", [request(F32, data, F32, data, 999, 100)])
        assert float(answer.split()[7]) == 1
