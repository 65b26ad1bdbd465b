"""Signatures of requests, against those that botocore makes of the same requests."""

import datetime
import json
from hashlib import sha256
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from judge import judge

EMPTY = sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
TOKEN = "FwoGZXIvYXdzEXAMPLE//////////wEaDH" + "x" * 800 + "=="

PLAIN = {
    "method": "GET",
    "scheme": "https",
    "host": "bucket.s3.us-east-1.amazonaws.com",
    "path": "/run:v1.zip",
    "query": "",
    "headers": [],
    "payload": EMPTY,
    "region": "us-east-1",
    "service": "s3",
    "access_key": "AKIDEXAMPLE",
    "secret_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "token": None,
    "time": 1440938160,
}

KEYS = ["a", "run:v1.zip", "with blank", "100%", "50%25", "a//b", "a/./b/../c", "/", "~tilde",
        "r\u00fcn/\u4e16\u754c/\U0001f600", "a+b=c&d;e", "\"quoted\"'", "x" * 1000, "[*](!)$@,?#"]  # fmt: skip

LISTING = "continuation-token=a%2Fb%3D&delimiter=%2F&list-type=2&prefix=run%2F"

ROWS = [
    *({"method": method} for method in ("HEAD", "PUT", "POST", "DELETE", "PATCH")),
    *({"path": "/" + quote(key)} for key in KEYS),
    *({"path": "/" + quote(key, safe="-_.~/:+=,@")} for key in KEYS),
    {"path": "/", "query": LISTING},
    {"query": "uploads="},
    {"method": "PUT", "query": "partNumber=12&uploadId=abc~_-.%20"},
    {"query": "prefix=r%C3%BCn%20%25"},
    {"token": TOKEN},
    {"token": "t"},
    {"payload": UNSIGNED, "method": "PUT"},
    {"payload": sha256(b"some bytes").hexdigest(), "method": "PUT"},
    {"headers": ["range: bytes=0-1023"]},
    {"headers": ["if-none-match: *", "content-md5: XrY7u+Ae7tCTyyK7j1rNww=="], "method": "PUT"},
    {"headers": ["x-amz-meta-z: 1", "x-amz-meta-a: 2", "x-amz-checksum-sha256: xyz=", "a: b"]},
    {"headers": ["x-amz: 1", "x-amz-date2: 1", "x-amz-d: 1", "x: 1"], "token": TOKEN},
    {"headers": ["x-amz-meta-a:    blanks  inside \t too   "]},
    {"headers": ["x-amz-meta-a:", "x-amz-meta-b: "]},
    {"headers": ["x-amz-meta-a:no blank", "x-amz-meta-b: http://with:colons"]},
    {"host": "127.0.0.1:9000", "scheme": "http", "path": "/bucket/key"},
    {"host": "localhost", "scheme": "http"},
    {"host": "[::1]:9000", "scheme": "http"},
    {"region": "eu-west-1", "host": "bucket.s3.eu-west-1.amazonaws.com"},
    {"service": "sts", "path": "/", "host": "sts.us-east-1.amazonaws.com", "method": "POST"},
    {"secret_key": "s"},
    {"secret_key": "k" * 300},
    *({"time": time} for time in (0, 951782400, 1709164799, 1709164800, 1735689599, 4102444800)),
]  # fmt: skip

# One thing at a time that nobody may change on the way.
CHANGES = [
    *({"method": method} for method in ("HEAD", "get")),
    *({"path": path} for path in ("/", "/run:v2.zip", "/run%3Av1.zip", "/run:v1.zip/")),
    *({"query": query} for query in ("a=", "a=1", "b=")),
    {"host": "bucket.s3.us-east-2.amazonaws.com"},
    {"host": "bucket.s3.us-east-1.amazonaws.com:444"},
    *({"headers": headers} for headers in (["a: b"], ["a: c"], ["a: b", "b: c"], ["a: b c"])),
    {"payload": UNSIGNED},
    {"payload": sha256(b"x").hexdigest()},
    {"region": "us-east-2"},
    {"service": "sts"},
    {"secret_key": PLAIN["secret_key"].lower()},
    *({"token": token} for token in ("a", "b")),
    *({"time": PLAIN["time"] + more} for more in (1, 86400)),
]


def signed(rows):
    """The lines for each row; some of them may be asked for at once."""
    texts = [json.dumps({**PLAIN, **row}).encode() for row in rows]
    for good, answer in judge("sigv4_sign", texts):
        assert good, answer
        yield json.loads(answer)


def by_botocore(row, monkeypatch):
    """The Authorization that botocore makes."""
    now = datetime.datetime.fromtimestamp(row["time"], datetime.timezone.utc)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: now)
    url = f"{row['scheme']}://{row['host']}{row['path']}"
    request = AWSRequest(row["method"], url + ("?" + row["query"] if row["query"] else ""))
    for line in row["headers"]:
        name, _, value = line.partition(":")
        request.headers[name] = value
    kind = botocore.auth.S3SigV4Auth if row["service"] == "s3" else botocore.auth.SigV4Auth
    auth = kind(Credentials(row["access_key"], row["secret_key"], row["token"]),
                row["service"], row["region"])  # fmt: skip
    monkeypatch.setattr(auth, "payload", lambda _: row["payload"])
    if row["service"] != "s3":
        request.headers["X-Amz-Content-SHA256"] = row["payload"]
    auth.add_auth(request)
    return request.headers["Authorization"]


def words(row):
    return " ".join(f"{key}={str(value)[:40]}" for key, value in row.items())


@pytest.mark.parametrize("change", [{}, *ROWS], ids=words)
def test_as_botocore_signs(change, monkeypatch):
    row = {**PLAIN, **change}
    (lines,) = signed([row])
    assert lines[-1] == "Authorization: " + by_botocore(row, monkeypatch)


@pytest.mark.parametrize("change", [{}, *ROWS], ids=words)
def test_all_that_is_signed_is_sent(change):
    row = {**PLAIN, **change}
    (lines,) = signed([row])
    names = lines[-1].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert names == sorted({"host", *(line.partition(":")[0] for line in lines[:-1])})
    assert lines[: len(row["headers"])] == row["headers"]
    sent = dict(line.split(": ", 1) for line in lines[len(row["headers"]) : -1])
    assert sent.pop("x-amz-content-sha256") == row["payload"]
    assert sent.pop("x-amz-security-token", None) == row["token"]
    then = datetime.datetime.fromtimestamp(row["time"], datetime.timezone.utc)
    assert sent == {"x-amz-date": then.strftime("%Y%m%dT%H%M%SZ")}


def test_each_change_changes_the_signature():
    signatures = [lines[-1].partition("Signature=")[2] for lines in signed([{}, *CHANGES])]
    assert len(set(signatures)) == len(signatures) == len(CHANGES) + 1
    assert all(len(signature) == 64 for signature in signatures)


def test_order_of_headers_does_not_matter():
    headers = ["range: bytes=1-2", "if-match: x", "x-amz-meta-a: 1"]
    lines = [*signed([{"headers": headers}, {"headers": headers[::-1]}])]
    assert lines[0][-1] == lines[1][-1]


def test_no_line_tells_the_secret_key():
    for change, lines in zip(ROWS, signed(ROWS)):
        secret = {**PLAIN, **change}["secret_key"]
        assert len(secret) < 10 or not any(secret in line for line in lines)


def test_a_clock_after_the_year_9999():
    ((good, answer),) = judge("sigv4_sign", [json.dumps({**PLAIN, "time": 2**48}).encode()])
    assert not good and b"the clock" in answer
