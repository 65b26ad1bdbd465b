"""Objects of S3: moto and nanio are the servers, and boto3 tells what is there.

What no server does on purpose is done by a proxy in front of moto, or by a server that says
what it is told to say.
"""

import hashlib
import os
import re
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest
from canned_s3 import DATE, Answer, CannedS3, make_certificate
from fault_proxy import HOLD_S, proxy_to, serving
from s3_servers import ALL, CLIENT, REGION, clean_environment, client_of, moto, nanio

__all__ = ["moto", "nanio"]     # fixtures

MIB = 1 << 20
SMALL = bytes(range(256)) * 9
# Two parts and a bit; less than this is sent whole.
LARGE = hashlib.shake_128(b"large").digest(16 * MIB + 1)
KEYS = [
    "plain.zip", "run:v5.zip", "a b", "a+b", "100%", "a%2Fb", "a&b=c", "what?", "a#b", "it's",
    "é/€/\U0001f600", "a//b", "/a", "a/", "//", "a/./b", "a/../b", "~a_b-c.d", "*()!@$,;[]{}^`|\\<>\"",
    "k" * 900,
]  # fmt: skip
# What nanio refuses, from boto3, too.
NOT_OF_NANIO = re.compile(r"//|^/|/$|/\.|[^ -~]|%\d|&|k{900}")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for name, data in ("empty", b""), ("small", SMALL), ("large", LARGE), ("other", SMALL[::-1]):
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def bucket(moto):
    return moto.bucket()


@pytest.fixture(scope="module")
def proxy(moto):
    with serving(proxy_to(moto)) as server:
        yield server


@pytest.fixture
def canned():
    with serving(CannedS3()) as server:
        yield server


def content_of(server, bucket, key):
    try:
        return server.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except server.s3.exceptions.NoSuchKey:
        return None


def put(server, bucket, key, data=SMALL):
    return server.s3.put_object(Bucket=bucket, Key=key, Body=data)


def good(done):
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def bad(done, *parts):
    """It failed, and said in one line why."""
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (1, b"")
    assert re.fullmatch(r"s3_client: .+\n", said)
    for part in parts:
        assert part in said
    return said


def sum_of(data):
    return hashlib.md5(data).hexdigest()


# ---- what the servers have ----


@pytest.mark.parametrize("server", ["moto", "nanio"])
def test_keys(server, files, request):
    """A name of any bytes reaches the object that boto3 has under it, and no other."""
    server = request.getfixturevalue(server)
    keys = KEYS if server.url == request.getfixturevalue("moto").url else [
        key for key in KEYS if not NOT_OF_NANIO.search(key)]  # fmt: skip
    bucket = server.bucket()
    for n, key in enumerate(keys):
        data = f"{n}".encode()
        (files / "numbered").write_bytes(data)
        assert good(server.run("look", bucket, key)) == "none\n"
        said = good(server.run("put", bucket, key, files / "numbered"))
        assert said.startswith(f"sent {len(data)} {sum_of(data)} {sum_of(data)} ")
        assert content_of(server, bucket, key) == data
        assert server.run("get", bucket, key).stdout == data
    there = [item["Key"] for item in server.s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert sorted(there) == sorted(keys)
    assert keys_of(server.run("list", bucket, "")) == sorted(keys, key=os.fsencode)
    for key in keys:
        good(server.run("remove", bucket, key))
        good(server.run("remove", bucket, key))
    assert server.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_facts(moto, bucket):
    put(moto, bucket, "facts", LARGE)
    head = moto.s3.head_object(Bucket=bucket, Key="facts")
    etag, seconds = head["ETag"].strip('"'), int(head["LastModified"].timestamp())
    facts = f"{len(LARGE)} {etag} {etag} {seconds}\n"
    assert good(moto.run("look", bucket, "facts")) == facts
    listed = good(moto.run("list", bucket, "facts"))
    assert listed == f"{len(LARGE)} {etag} {seconds} facts\n"


RANGES = [(0, 1), (5, 0), (0, len(LARGE)), (len(LARGE) - 1, 1), (8 * MIB - 1, 2), (MIB, 15 * MIB)]


@pytest.mark.parametrize("offset, nbytes", RANGES)
def test_ranges(moto, bucket, offset, nbytes):
    put(moto, bucket, "ranges", LARGE)
    done = moto.run("get", bucket, "ranges", str(offset), str(nbytes))
    assert (done.stdout, done.stderr) == (LARGE[offset : offset + nbytes], b"")


def test_range_outside(moto, bucket):
    put(moto, bucket, "short")
    size = len(SMALL)
    for offset, nbytes in (0, size + 1), (size, 1), (2**63, 1), (2**64 - 1, 2**64 - 1):
        said = bad(moto.run("get", bucket, "short", str(offset), str(nbytes)))
        assert f"{nbytes} bytes of an object of {size}" in said


def test_empty_object(moto, bucket, files):
    assert good(moto.run("put", bucket, "empty", files / "empty")).startswith("sent 0 ")
    assert good(moto.run("get", bucket, "empty")) == ""


def test_keyless(moto, bucket, files):
    for words in ["look"], ["remove"], ["put", files / "small"]:
        bad(moto.run(words[0], bucket, "", *words[1:]), f"s3://{bucket}/: ", "no object in it")


MANY = sorted(f"run {n % 7}/epoch:v{n}+.zip" for n in range(1203))


@pytest.fixture(scope="module")
def crowded(moto):
    """A bucket of so many keys that they come in pages."""
    bucket = moto.bucket()
    for key in MANY:
        put(moto, bucket, key, b"")
    return bucket


def keys_of(done):
    return [line.split(" ", 3)[3] for line in good(done).splitlines()]


def test_pages(moto, crowded):
    """Over a thousand keys come in pages, and each of them once."""
    assert keys_of(moto.run("list", crowded, "")) == MANY
    some = [key for key in MANY if key.startswith("run 3/epoch:v1")]
    assert keys_of(moto.run("list", crowded, "run 3/epoch:v1")) == some
    assert keys_of(moto.run("list", crowded, "nothing")) == []


def test_levels(moto, crowded, bucket):
    """A flat listing has what lies at its level, whatever there is below it."""
    assert keys_of(moto.run("flat", crowded, "")) == []
    assert keys_of(moto.run("flat", crowded, "run 3")) == []
    level = [key for key in MANY if key.startswith("run 3/")]
    assert keys_of(moto.run("flat", crowded, "run 3/")) == level
    for key in "levels/a", "levels/a/b", "levels/b", "levels-":
        put(moto, bucket, key)
    assert keys_of(moto.run("flat", bucket, "levels/")) == ["levels/a", "levels/b"]


@pytest.mark.parametrize("server", ["moto", "nanio"])
def test_parts(server, files, request):
    server = request.getfixturevalue(server)
    bucket = server.bucket()
    data = LARGE + LARGE + LARGE[: 8 * MIB - 2]
    (files / "parts").write_bytes(data)
    said = good(server.run("put", bucket, "parts", files / "parts"))
    head = server.s3.head_object(Bucket=bucket, Key="parts")
    assert head["ETag"].endswith('-5"')
    assert said.startswith(f"sent {len(data)} {head['ETag'][1:-1]} - ")
    assert content_of(server, bucket, "parts") == data
    assert server.run("get", bucket, "parts").stdout == data
    assert not server.s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


@pytest.mark.parametrize("name", ["small", "large"])
def test_taken(moto, bucket, files, name):
    """What is there stays, unless it is to be replaced."""
    key = f"taken/{name}"
    put(moto, bucket, key, b"older")
    assert good(moto.run("put", bucket, key, files / name)) == "taken\n"
    assert content_of(moto, bucket, key) == b"older"
    assert good(moto.run("replace", bucket, key, files / name)).startswith("sent ")
    assert content_of(moto, bucket, key) == (files / name).read_bytes()


# ---- who asks ----


def test_wrong_secret(moto, bucket, files):
    wrong = {"AWS_SECRET_ACCESS_KEY": "a-wrong-secret"}
    for words in ["list", bucket, ""], ["replace", bucket, "a", files / "small"]:
        said = bad(moto.run(*words, **wrong), "S3 said 403 SignatureDoesNotMatch: ")
        assert "a-wrong-secret" not in said
    for words in ["look", bucket, "a"], ["put", bucket, "a", files / "small"]:
        bad(moto.run(*words, **wrong), "S3 said 403: the credentials are wrong, or ")


def test_no_bucket(moto, files):
    bad(moto.run("list", "no-bucket", ""), "s3://no-bucket/: S3 said 404 NoSuchBucket: ")
    for name in "small", "large":
        said = bad(moto.run("put", "no-bucket", "a", files / name))
        assert "s3://no-bucket/a: S3 said 404 NoSuchBucket: " in said
    bad(moto.run("get", "no-bucket", "a"))


def test_session(moto, bucket, files):
    """A token is sent, and a wrong one is refused."""
    iam, sts = (client_of(name, moto.url, moto.access, moto.secret) for name in ("iam", "sts"))
    role = iam.create_role(RoleName="role", AssumeRolePolicyDocument=ALL)["Role"]["Arn"]
    iam.put_role_policy(RoleName="role", PolicyName="all", PolicyDocument=ALL)
    given = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    session = {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }  # fmt: skip
    assert good(moto.run("put", bucket, "session", files / "small", **session)).startswith("sent ")
    said = bad(moto.run("list", bucket, "", **session | {"AWS_SESSION_TOKEN": "stale"}))
    assert "S3 said 400 InvalidToken: " in said and "stale" not in said


# ---- faults on the way ----

OPERATIONS = {
    "look": (["look"], 1),
    "get": (["get"], 2),
    "list": (["list"], 2),
    "put": (["put", "small"], 2),
    "replace": (["replace", "small"], 1),
    "upload": (["put", "large"], 6),
}
PASSING = ["503", "500", "reset", "lost", "500 late", "cut"]
HARMING = ["changed", "wrong byte"]
SENDING = {"put": SMALL, "replace": SMALL, "upload": LARGE}


@pytest.fixture(scope="module")
def faulty(moto, proxy, files, crowded):
    """Runs operations; what they are to do, and whether they did it."""
    bucket = moto.bucket()
    put(moto, bucket, "there")
    names = "".join(f"{key}\n" for key in MANY)

    def run(operation, fault, at, attempts):
        words = list(OPERATIONS[operation][0])
        key = "new" if operation in SENDING else "" if operation == "list" else "there"
        words.insert(1, crowded if operation == "list" else bucket)
        words.insert(2, key)
        if operation in SENDING:
            words[3] = files / words[3]
        proxy.plan(fault, at)
        done = moto.run(*words, url=proxy.url, attempts=attempts, S3_CLIENT_TIMEOUT_S="2")
        return done

    def is_right(operation, done):
        said = done.stdout
        if operation == "look":
            return said.startswith(b"%d " % len(SMALL))
        if operation == "get":
            return said == SMALL
        if operation == "list":
            return re.sub(r"(?m)^\S+ \S+ \S+ ", "", said.decode()) == names
        return said.startswith((b"sent", b"taken"))

    def prepare(operation):
        moto.s3.delete_object(Bucket=bucket, Key="new")
        if operation == "replace":
            put(moto, bucket, "new", b"older")

    def uploads():
        found = moto.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        for upload in found:
            moto.s3.abort_multipart_upload(
                Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            )
        return len(found)

    return SimpleNamespace(
        run=run, is_right=is_right, prepare=prepare, uploads=uploads,
        content=lambda: content_of(moto, bucket, "new"),
    )  # fmt: skip


def faults_of(operation, names):
    for name in names:
        if operation == "list" and name in HARMING:
            continue    # nothing but TLS can tell
        if operation == "upload" and name == "500":
            continue    # as 503, and each run takes its time
        for at in range(1, OPERATIONS[operation][1] + 1):
            yield name, at


def check_rerun(faulty, operation):
    done = faulty.run(operation, None, 0, 1)
    assert faulty.is_right(operation, done), done
    if operation in SENDING:
        assert faulty.content() == SENDING[operation]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_requests(faulty, proxy, operation):
    """How many there are: what follows does harm to each of them."""
    faulty.prepare(operation)
    assert faulty.is_right(operation, faulty.run(operation, None, 0, 1))
    assert len(proxy.methods) == OPERATIONS[operation][1]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_passing_faults(faulty, operation):
    """With further attempts nothing is left of a fault, whichever request it meets."""
    for fault, at in faults_of(operation, PASSING):
        faulty.prepare(operation)
        done = faulty.run(operation, fault, at, 3)
        assert (done.returncode, done.stderr) == (0, b""), (fault, at)
        assert faulty.is_right(operation, done), (fault, at)
        if operation in SENDING:
            assert done.stdout.startswith(b"sent "), (fault, at)
            assert faulty.content() == SENDING[operation], (fault, at)
        # An upload that we were never told of is the only thing that may stay.
        assert faulty.uploads() <= (operation == "upload" and at == 2), (fault, at)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_single_attempts(faulty, operation):
    """Without, the result is right or there is an error, and the next run is right."""
    for fault, at in faults_of(operation, ["503", "lost", "cut"]):
        faulty.prepare(operation)
        done = faulty.run(operation, fault, at, 1)
        if done.returncode == 0:
            assert faulty.is_right(operation, done), (fault, at)
        else:
            assert re.fullmatch(rb"s3_client: s3://.+\n", done.stderr), (fault, at)
            if operation in SENDING:
                assert faulty.content() in (None, b"older", SENDING[operation]), (fault, at)
        check_rerun(faulty, operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_changed_bytes(faulty, operation):
    """A byte that is changed on its way is noticed, and an object that has it does not stay."""
    for fault, at in faults_of(operation, HARMING):
        faulty.prepare(operation)
        done = faulty.run(operation, fault, at, 3)
        if done.returncode == 0:
            assert faulty.is_right(operation, done), (fault, at)
            if operation in SENDING:
                assert faulty.content() == SENDING[operation], (fault, at)
        else:
            bad(done, "s3://" if operation in SENDING else "")
            assert faulty.content() in (None, b"older", SENDING.get(operation)), (fault, at)
        check_rerun(faulty, operation)


@pytest.mark.parametrize("operation, at", [("get", 2), ("upload", 2)])
def test_stalled_answers(faulty, operation, at):
    faulty.prepare(operation)
    done = faulty.run(operation, "stalled", at, 3)
    assert (done.returncode, done.stderr) == (0, b"")
    assert faulty.is_right(operation, done)
    faulty.uploads()


@pytest.mark.parametrize("fault", [None, "500"])
def test_interrupted_upload(moto, proxy, files, fault):
    """A signal ends an upload, and at S3 nothing is left of it, even if S3 refuses at first."""
    bucket, deleted = moto.bucket(), []

    def before(method):
        if method == "DELETE" and not deleted:
            proxy.plan(fault, 1)
            deleted.append(method)

    proxy.plan("held", 4)
    proxy.before = before
    environment = clean_environment(
        AWS_ENDPOINT_URL=proxy.url, AWS_REGION=REGION, AWS_ACCESS_KEY_ID=moto.access,
        AWS_SECRET_ACCESS_KEY=moto.secret, S3_CLIENT_TIMEOUT_S="60",
    )  # fmt: skip
    command = [CLIENT, "put", bucket, "stopped", files / "large"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + HOLD_S / 2
        while proxy.count < 5 and time.monotonic() < until:
            time.sleep(0.02)
        assert proxy.count >= 5, proxy.methods
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 1
        assert b"stopped by signal 15" in process.stderr.read()
    proxy.before = None
    assert proxy.methods.count("DELETE") == (2 if fault else 1), proxy.methods
    assert not moto.s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert content_of(moto, bucket, "stopped") is None


@pytest.mark.parametrize("at", [2, 3, 6])
def test_interrupted_answer_of_an_upload(moto, proxy, files, at):
    """The signal comes as an upload begins, sends its first part, and is put together."""
    bucket = moto.bucket()
    proxy.plan("held", at)
    environment = clean_environment(
        AWS_ENDPOINT_URL=proxy.url, AWS_REGION=REGION, AWS_ACCESS_KEY_ID=moto.access,
        AWS_SECRET_ACCESS_KEY=moto.secret, S3_CLIENT_TIMEOUT_S="60",
    )  # fmt: skip
    command = [CLIENT, "put", bucket, "stopped", files / "large"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:  # fmt: skip
        until = time.monotonic() + 30
        while proxy.count < at and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        proxy.released.set()
        status = process.wait(30)
    proxy.released.clear()
    assert not moto.s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert (content_of(moto, bucket, "stopped") is None) == (status == 1)
    assert (status == 0) == (at == 6)


# ---- what no server says on purpose ----


def run_canned(canned, *words, **changes):
    keys = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "a-secret", "AWS_MAX_ATTEMPTS": "1"}
    url = {"AWS_ENDPOINT_URL": canned.url} if canned else {}
    environment = clean_environment(AWS_REGION=REGION, **url, **keys) | changes
    return subprocess.run([CLIENT, *words], env=environment, capture_output=True, timeout=30)


def head(nbytes, etag=None, **headers):
    more = {"ETag": f'"{etag}"'} if etag else {}
    return Answer(200, Content_Length=str(nbytes), Last_Modified=DATE, **more, **headers)


def error(status, code, more="", **headers):
    return Answer(status, f"<Error><Code>{code}</Code><Message>m</Message>{more}</Error>", **headers)


def page(*contents, more="<IsTruncated>false</IsTruncated>", root="ListBucketResult"):
    return f"<{root}>{more}{''.join(contents)}</{root}>"


def entry(key, size="1", time="2024-05-01T12:34:56.789Z", etag='"e"'):
    return (
        f"<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>{time}</LastModified>"
        f"<ETag>{etag}</ETag></Contents>"
    )


NEXT = "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>"
URL = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
BILLION = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
LISTINGS = {
    "nothing": ("", "no element found"),
    "no XML": ("hello", "no XML: line 1: "),
    "cut off": (page(entry("a"))[:-5], "no XML"),
    "two roots": (page() + page(), "no XML"),
    "entities": (f'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{BILLION}]>' + page("&a9;"), "document type"),
    "outer entity": ('<!DOCTYPE x SYSTEM "file:///etc/passwd">' + page(), "document type"),
    "unknown entity": (page(entry("&nbsp;")), "undefined entity"),
    "NUL": (page(entry("&#0;")), "no XML"),
    "no UTF-8": (page(entry("@")).encode().replace(b"@", b"\xff"), "not well-formed"),
    "other encoding": ('<?xml version="1.0" encoding="UTF-16"?>' + page(entry("a")), None),
    "deep": ("<a>" * 17 + "</a>" * 17, "too deep"),
    "long name": (f"<{'a' * 600}/>", "too long"),
    "long text": (page(entry("a" * 16385)), "16384 bytes of text"),
    "other root": (page(root="Other"), "no page of a listing"),
    "an error": ("<Error><Code>InternalError</Code></Error>", "no page of a listing"),
    "not said if last": (page(more=""), "no page of a listing"),
    "perhaps last": (page(more="<IsTruncated>perhaps</IsTruncated>"), 'IsTruncated "perhaps"'),
    "no token": (page(more="<IsTruncated>true</IsTruncated>"), "does not say how"),
    "empty token": (page(more=NEXT.format("")), "does not say how"),
    "two tokens": (page(more=NEXT.format("a") + NEXT.format("b")), "second token"),
    "same page again": (page(more=NEXT.format("a")), "same page again"),
    "no key": (page("<Contents><Size>1</Size></Contents>"), "lacks Key"),
    "two keys": (page("<Contents><Key>a</Key><Key>b</Key></Contents>"), 'twice the element "Key"'),
    "no size": (page(entry("a").replace("Size", "Sizes")), "lacks Key, Size or LastModified"),
    "no time": (page(entry("a").replace("LastModified", "L")), "lacks Key, Size or LastModified"),
    "negative size": (page(entry("a", "-1")), "a number of bytes"),
    "huge size": (page(entry("a", "18446744073709551616")), "a number of bytes"),
    "empty size": (page(entry("a", "")), "a number of bytes"),
    "wrong time": (page(entry("a", time="yesterday")), "a time"),
    "wrong month": (page(entry("a", time="2024-13-01T00:00:00Z")), "a time"),
    "no zone": (page(entry("a", time="2024-12-01T00:00:00")), "a time"),
    "quote in the ETag": (page(entry("a", etag='"e"x"')), "an ETag"),
    "long ETag": (page(entry("a", etag="e" * 96)), "an ETag"),
    "no order": (page(entry("b"), entry("a")), 'not in order, as "a"'),
    "twice": (page(entry("a"), entry("a")), 'not in order, as "a"'),
    "no order of bytes": (page(entry("\U0001f600"), entry("\uffee")), "not in order"),
    "bad percent": (page(entry("a%4"), more=URL), "hex digits"),
    "coded NUL": (page(entry("a%00"), more=URL), "no name holds a NUL"),
    "coded no UTF-8": (page(entry("a%ff"), more=URL), "no UTF-8"),
    "unknown code": (page(more=URL.replace("url", "rot13")), 'encoding "rot13"'),
}


@pytest.mark.parametrize("name", LISTINGS)
def test_hostile_listings(canned, name):
    body, reason = LISTINGS[name]
    canned.say(Answer(200, body))
    done = run_canned(canned, "list", "bucket", "")
    if reason:
        assert reason in done.stderr.decode()
        assert done.returncode == 1
        bad(SimpleNamespace(returncode=1, stdout=b"", stderr=done.stderr), "s3://bucket/")
    else:
        good(done)


def test_keys_that_were_not_asked_for(canned):
    canned.say(Answer(200, page(entry("b"))))
    bad(run_canned(canned, "list", "bucket", "a"), 'without the prefix: "b"')
    canned.say(Answer(200, page(entry("a/b"))))
    bad(run_canned(canned, "flat", "bucket", "a/"[:1]), 'of a deeper level: "a/b"')


def test_keys_as_they_stand(canned):
    """Encoded as forms are, or not at all if the server does not know that."""
    canned.say(Answer(200, page(entry("a+b%2B%25%0A%C3%A9"), more=URL)))
    assert good(run_canned(canned, "list", "bucket", "")).endswith(" a b+%\né\n")
    canned.say(Answer(200, page(entry("a+b%2B&amp;&#233;"))))
    assert good(run_canned(canned, "list", "bucket", "")) == "1 e 1714566896 a+b%2B&é\n"


def test_listing_in_circles(canned):
    """Pages without keys that lead to each other are noticed; keys must go on anyway."""
    pages = [Answer(200, page(more=NEXT.format(f"t{n % 50}"))) for n in range(400)]
    canned.say(*pages)
    bad(run_canned(canned, "list", "bucket", ""), "same page again")
    assert len(canned.asked) < 400
    canned.say(*[Answer(200, page(entry("a"), more=NEXT.format(n))) for n in "xyz"])
    run_canned(canned, "list", "bucket", "")
    assert len(canned.asked) == 2


def test_tokens_are_encoded(canned):
    canned.say(Answer(200, page(more=NEXT.format("a/b+c=&amp; %"))), Answer(200, page()))
    good(run_canned(canned, "list", "bucket", ""))
    assert "continuation-token=a%2Fb%2Bc%3D%26%20%25&" in canned.asked[1].path


HEADS = {
    "no time": (Answer(200, Content_Length="1"), "without Last-Modified"),
    "wrong time": (Answer(200, Content_Length="1", Last_Modified="now"), "a time"),
    "wrong ETag": (head(1, "a b"), "an ETag"),
    "denied": (Answer(403), "S3 said 403: the credentials are wrong, or "),
    "elsewhere": (
        Answer(301, x_amz_bucket_region="eu-west-1"),
        'S3 said 301; the bucket is in the region "eu-west-1", and was asked for in "us-east-1"'),
    "no region": (Answer(301, x_amz_bucket_region="evil.example/"), "S3 said 301\n"),
    "teapot": (Answer(418), "S3 said 418\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_hostile_heads(canned, name):
    answer, reason = HEADS[name]
    canned.say(answer)
    bad(run_canned(canned, "look", "bucket", "a"), "s3://bucket/a: ", reason)


def test_attempts_are_told(canned):
    canned.say(error(503, "SlowDown"))
    done = run_canned(canned, "list", "bucket", "", AWS_MAX_ATTEMPTS="2")
    bad(done, "S3 said 503 SlowDown: m (2 attempts)\n")


def test_expired_token(canned):
    """Credentials are looked up once more, and only once."""
    canned.say(error(400, "ExpiredToken"), Answer(200, page()))
    good(run_canned(canned, "list", "bucket", ""))
    canned.say(error(400, "ExpiredToken"))
    bad(run_canned(canned, "list", "bucket", ""), "S3 said 400 ExpiredToken: m\n")
    assert len(canned.asked) == 2
    canned.say(Answer(400), head(1))
    good(run_canned(canned, "look", "bucket", "a"))


GETS = {
    "changed": (error(412, "PreconditionFailed"), "changed while it was read"),
    "shorter": (error(416, "InvalidRange"), "changed while it was read"),
    "removed": (error(404, "NoSuchKey"), "removed while it was read"),
    "no range": (Answer(206, b"ab"), "no Content-Range"),
    "other range": (Answer(206, b"ab", Content_Range="bytes 1-2/4"), '"bytes 1-2/4"'),
    "other size": (Answer(206, b"ab", Content_Range="bytes 0-1/5"), '"bytes 0-1/5"'),
    "other object": (
        Answer(206, b"ab", Content_Range="bytes 0-1/4", ETag='"f"'), "changed while it was read"),
    "all of it": (Answer(200, b"abcd"), "more bytes came"),
    "too little": (Answer(206, b"a", Content_Range="bytes 0-1/4"), "fewer bytes came"),
    "another whole": (Answer(200, b"ab"), "no Content-Range"),
    "redirect": (Answer(302, b"", Location="http://127.0.0.1/"), "S3 said 302\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", GETS)
def test_hostile_ranges(canned, name):
    answer, reason = GETS[name]
    canned.say(head(4, "e"), answer)
    bad(run_canned(canned, "get", "bucket", "a", "0", "2"), "s3://bucket/a: ", reason)


def test_ranges_are_of_one_object(canned):
    canned.say(head(4, "e"), Answer(206, b"ab", Content_Range="bytes 0-1/4", ETag='"e"'))
    assert good(run_canned(canned, "get", "bucket", "a", "0", "2")) == "ab"
    asked = canned.asked[1].headers
    assert (asked["Range"], asked["If-Match"]) == ("bytes=0-1", '"e"')


# ---- whether what was sent is there ----

SMALL_SUM = sum_of(SMALL)
NONE = Answer(404)
KMS = {"x_amz_server_side_encryption": "aws:kms"}
WHOLE = Answer(206, SMALL, Content_Range=f"bytes 0-{len(SMALL) - 1}/{len(SMALL)}")
OTHER = Answer(206, SMALL[::-1], Content_Range=f"bytes 0-{len(SMALL) - 1}/{len(SMALL)}")
LOST = Answer(0)
TAKEN = error(412, "PreconditionFailed")
CONFLICT = error(409, "ConditionalRequestConflict")
WRONG = Answer(200, ETag=f'"{"0" * 32}"')
HAS_WRONG = head(len(SMALL), "0" * 32)
RIGHT = Answer(200, ETag=f'"{SMALL_SUM}"')
REMOVED = Answer(204)
# What S3 says after the first look, and what that means; None: another error.
SENDS = {
    "sent": ([RIGHT], "sent", 2),
    "in upper case": ([Answer(200, ETag=f'"{SMALL_SUM.upper()}"'), WHOLE], "sent", 3),
    "without an ETag": ([Answer(200), WHOLE], "sent", 3),
    "encrypted": ([Answer(200, ETag=f'"{"1" * 32}"', **KMS), WHOLE], "sent", 3),
    "encrypted and changed": (
        [Answer(200, ETag=f'"{"1" * 32}"', **KMS), OTHER, head(len(SMALL), "1" * 32), REMOVED, RIGHT],
        "sent", 6),
    "taken": ([TAKEN, head(1, "1" * 32)], "taken", 3),
    "taken and gone": ([TAKEN, NONE], "taken", 3),
    "lost and ours": ([LOST, TAKEN, head(len(SMALL), SMALL_SUM)], "sent", 4),
    "lost and not ours": ([LOST, TAKEN, head(len(SMALL), "0" * 32)], "taken", 4),
    "lost and of other size": ([LOST, TAKEN, head(1, "1" * 32, **KMS)], "taken", 4),
    "lost and gone": ([LOST, TAKEN, NONE], "taken", 4),
    "lost and encrypted": ([LOST, TAKEN, head(len(SMALL), "1" * 32, **KMS), WHOLE], "sent", 5),
    "lost and encrypted, not ours": (
        [LOST, TAKEN, head(len(SMALL), "1" * 32, **KMS), OTHER], "taken", 5),
    "conflict": ([CONFLICT, RIGHT], "sent", 3),
    "conflict and taken": ([CONFLICT, TAKEN, head(1, "1" * 32)], "taken", 4),
    "conflict for ever": ([CONFLICT], "409 ConditionalRequestConflict", 4),
    "digest": ([error(400, "BadDigest"), RIGHT], "sent", 3),
    "changed": ([WRONG, HAS_WRONG, REMOVED, RIGHT], "sent", 5),
    "changed for ever": (
        3 * [WRONG, HAS_WRONG, REMOVED], "it was changed on its way, and was removed again", 10),
    "changed and replaced": ([WRONG, head(3, "2" * 32)], "changed on its way, and was not removed", 3),
    "busy for ever": ([error(503, "SlowDown")], "S3 said 503 SlowDown: m (2 attempts)\n", 3),
    "denied": ([error(403, "AccessDenied")], "S3 said 403 AccessDenied: m\n", 2),
    "no conditions": ([error(501, "NotImplemented")], "S3 said 501 NotImplemented: m\n", 2),
}  # fmt: skip


@pytest.mark.parametrize("name", SENDS)
def test_sends(canned, files, name):
    answers, said, count = SENDS[name]
    canned.say(NONE, *answers)
    done = run_canned(canned, "put", "bucket", "a", files / "small", AWS_MAX_ATTEMPTS="2")
    if said in ("sent", "taken"):
        assert good(done).startswith(said)
    else:
        bad(done, "s3://bucket/a: ", said)
    asked = [str(a) for a in canned.asked]
    assert len(asked) == count, asked


def test_what_is_sent(canned, files):
    canned.say(NONE, RIGHT)
    good(run_canned(canned, "put", "bucket", "a", files / "small"))
    asked = canned.asked[1]
    assert asked.headers["If-None-Match"] == "*"
    assert asked.headers["x-amz-content-sha256"] == hashlib.sha256(SMALL).hexdigest()
    assert asked.body == SMALL
    canned.say(RIGHT)
    good(run_canned(canned, "replace", "bucket", "a", files / "small"))
    assert "If-None-Match" not in canned.asked[0].headers


PARTS = [LARGE[at : at + 8 * MIB] for at in range(0, len(LARGE), 8 * MIB)]
LARGE_TAG = sum_of(b"".join(hashlib.md5(p).digest() for p in PARTS)) + f"-{len(PARTS)}"
BEGUN = Answer(200, "<InitiateMultipartUploadResult><UploadId>a/b+&lt;</UploadId>"
               "</InitiateMultipartUploadResult>")  # fmt: skip
COMPLETE = Answer(
    200, f"<CompleteMultipartUploadResult><ETag>&quot;{LARGE_TAG}&quot;</ETag>"
    "</CompleteMultipartUploadResult>")  # fmt: skip
LATE = error(200, "InternalError")
GONE = error(404, "NoSuchUpload")
THERE = head(len(LARGE), LARGE_TAG)
# What S3 says to CompleteMultipartUpload and then, what that means, and what is asked for.
COMPLETIONS = {
    "done": ([COMPLETE], "sent", "P"),
    "error behind 200": ([LATE, COMPLETE], "sent", "PP"),
    "error for ever": ([LATE], "S3 said 200 InternalError: m", "PPPD"),
    "error and gone, ours": ([LATE, GONE, THERE], "sent", "PPH"),
    "error and gone, nothing": ([LATE, GONE, NONE, REMOVED], "404 NoSuchUpload", "PPHD"),
    "gone": ([GONE, NONE, REMOVED], "404 NoSuchUpload", "PHD"),
    "lost and gone, ours": ([LOST, GONE, THERE], "sent", "PPH"),
    "lost and taken, ours": ([LOST, TAKEN, THERE], "sent", "PPH"),
    "lost and taken": ([LOST, TAKEN, head(1, "1" * 32), REMOVED], "taken", "PPHD"),
    "taken": ([TAKEN, head(1, "1" * 32), REMOVED], "taken", "PHD"),
    "denied": ([error(200, "AccessDenied"), REMOVED], "S3 said 200 AccessDenied: m", "PD"),
    "neither": ([Answer(200, "<Other/>"), REMOVED], "an ETag must stand", "PD"),
    "no XML": ([Answer(200, "busy"), REMOVED], "no XML", "PD"),
}


class UploadS3(CannedS3):
    """The parts, which come in any order, are answered as they must be."""

    def next_answer(self, asked):
        if "partNumber=" in asked.path:
            return Answer(200, ETag=f'"{sum_of(asked.body)}"')
        return super().next_answer(asked)


@pytest.mark.parametrize("name", COMPLETIONS)
def test_completions(files, name):
    answers, said, methods = COMPLETIONS[name]
    with serving(UploadS3()) as canned:
        canned.say(NONE, BEGUN, *answers)
        done = run_canned(canned, "put", "bucket", "a", files / "large", AWS_MAX_ATTEMPTS="2")
        asked = canned.asked
    if said in ("sent", "taken"):
        assert good(done).startswith(said)
    else:
        bad(done, "s3://bucket/a: ", said)
    assert "".join(a.method[0] for a in asked) == "HP" + methods
    assert str(asked[2]) == "POST /bucket/a?uploadId=a%2Fb%2B%3C"
    assert asked[2].headers["If-None-Match"] == "*"


def test_bad_ids_of_uploads(canned, files):
    for uploaded in "", "i" * 2000:
        text = BEGUN.body.decode().replace("a/b+&lt;", uploaded)
        canned.say(NONE, Answer(200, text))
        done = run_canned(canned, "put", "bucket", "a", files / "large")
        bad(done, "the id of an upload must stand")
        assert len(canned.asked) == 2


# ---- where it is ----

ENDPOINTS = {
    "ftp://127.0.0.1": "is no URL that begins with http",
    "127.0.0.1:9000": "is no URL that begins with http",
    "http://": "it has no host",
    "http:///x": "it has no host",
    "http://user:secret@127.0.0.1": "and names no user",
    "http://127.0.0.1/?a=b": "only a host, a port and a path",
    "http://127.0.0.1/#a": "only a host, a port and a path",
    "http://127.0.0.1\\a": "only a host, a port and a path",
}


@pytest.mark.parametrize("url", ENDPOINTS)
@pytest.mark.parametrize("name", ["S3_CLIENT_ENDPOINT", "AWS_ENDPOINT_URL"])
def test_bad_endpoints(canned, url, name):
    said = bad(run_canned(canned, "look", "bucket", "a", **{name: url}), ENDPOINTS[url])
    assert "secret" not in said


def test_endpoint_of_the_option(canned):
    """It counts before that of the settings."""
    canned.say(head(1))
    good(run_canned(canned, "look", "bucket", "a", S3_CLIENT_ENDPOINT=canned.url + "/x"))
    assert canned.asked[0].path == "/x/bucket/a"


def test_endpoint_with_a_path(canned):
    canned.say(head(1))
    for end in "", "/", "//":
        good(run_canned(canned, "look", "bucket", "a", AWS_ENDPOINT_URL=canned.url + "/s3/x" + end))
        assert canned.asked[-1].path == "/s3/x/bucket/a"


def test_no_server(canned):
    url = canned.url
    canned.say(head(1))
    bad(run_canned(canned, "look", "bucket", "a", AWS_ENDPOINT_URL=url[:-5] + ":1"), "(1 attempt)")


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """What stands for AWS, and the environment in which it is found."""
    bundle = tmp_path_factory.mktemp("aws") / "bundle.pem"
    hosts = [f"{star}s3.{region}.amazonaws.com" for star in ("", "*.")
             for region in ("us-east-1", "eu-west-1")]  # fmt: skip
    with serving(CannedS3(make_certificate(bundle, *hosts))) as server:
        server.environment = {
            "AWS_CA_BUNDLE": str(bundle), "https_proxy": server.url,
        }  # fmt: skip
        yield server


def run_aws(aws, *words, **changes):
    """Without an endpoint of ours."""
    return run_canned(None, *words, **aws.environment | changes)


@pytest.mark.parametrize(
    "bucket, key, host, path",
    [
        ("bucket", "a b/c:d", "bucket.s3.us-east-1.amazonaws.com", "/a%20b/c%3Ad"),
        ("with.dot", "a", "s3.us-east-1.amazonaws.com", "/with.dot/a"),
        ("Upper", "a", "s3.us-east-1.amazonaws.com", "/Upper/a"),
        ("bucket", "/a", "bucket.s3.us-east-1.amazonaws.com", "//a"),
    ],
)
def test_hosts_of_aws(aws, bucket, key, host, path):
    aws.say(head(1))
    good(run_aws(aws, "look", bucket, key))
    assert (aws.asked[0].host, aws.asked[0].path) == (host, path)


MOVES = {
    "header": Answer(301, x_amz_bucket_region="eu-west-1"),
    "header, 307": Answer(307, x_amz_bucket_region="eu-west-1"),
    "header, 400": Answer(400, x_amz_bucket_region="eu-west-1"),
    "body": error(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
}


@pytest.mark.parametrize("name", MOVES)
def test_bucket_of_another_region(aws, name):
    """It is asked for there, and from then on at once."""
    last = page(more=NEXT.format("t")), page()
    aws.say(MOVES[name], *[Answer(200, text) for text in last])
    good(run_aws(aws, "list", "bucket", ""))
    hosts = [asked.host for asked in aws.asked]
    assert hosts == ["bucket.s3.us-east-1.amazonaws.com"] + 2 * ["bucket.s3.eu-west-1.amazonaws.com"]
    assert "/eu-west-1/s3/" in aws.asked[1].headers["Authorization"]


def test_bucket_that_keeps_moving(aws):
    aws.say(*[Answer(301, x_amz_bucket_region=region) for region in ("eu-west-1", "us-east-1")])
    bad(run_aws(aws, "list", "bucket", ""), 'S3 said 301; the bucket is in the region "us-east-1"')
    assert len(aws.asked) == 2


def test_regions_that_are_none(aws):
    aws.say(error(400, "AuthorizationHeaderMalformed", "<Region>x.evil.example/</Region>"))
    bad(run_aws(aws, "list", "bucket", ""), "S3 said 400 AuthorizationHeaderMalformed: m\n")
    bad(run_aws(aws, "look", "bucket", "a", AWS_REGION="a/b"), 'the region is "a/b"; ')
