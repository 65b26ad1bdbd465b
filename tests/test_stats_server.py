"""Policies that only the stats server knows, from a server that answers as each test says."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from fault_proxy import serving
from inspector import BAD, GOOD, USAGE, inspect
from remote_environment import CLEAN, NOWHERE, UNREACHED
from test_inspect_list import put_folder

ID = "01234567-89ab-cdef-0123-456789abcdef"
OTHER_ID = ID.replace("0", "f")
TOKEN = "secret-word"


class Server(ThreadingHTTPServer):
    """Answers all requests alike, and keeps them."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests, self.status, self.body, self.location = [], 200, b"", None
        self.url = f"http://127.0.0.1:{self.server_port}"

    def answer(self, document, status=200):
        self.status = status
        self.body = document if isinstance(document, bytes) else json.dumps(document).encode()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append((self.path, dict(self.headers)))
        self.send_response(server.status)
        if server.location:
            self.send_header("Location", server.location)
        self.send_header("Content-Length", str(len(server.body)))
        self.end_headers()
        self.wfile.write(server.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with serving(Server()) as server:
        yield server


def resolve(server, name, *options, cwd="/", **environment):
    url = server if isinstance(server, str) else server.url
    return inspect(
        "resolve", "--stats-server", url, *options, name, cwd=cwd, env=CLEAN | environment
    )


def version(number, uri="mock://a.B", **more):
    return {"id": ID, "name": "nav", "version": number, "s3_path": uri} | more


def entries(*versions):
    return {"entries": list(versions)}


# ---- what is asked ----


@pytest.mark.parametrize(
    "name, path, query",
    [
        ("nav", "/stats/policy-versions", {"limit": ["1000"], "name_exact": ["nav"]}),
        ("nav:latest", "/stats/policy-versions", {"limit": ["1000"], "name_exact": ["nav"]}),
        ("nav:v7", "/stats/policy-versions", {"limit": ["1000"], "name_exact": ["nav"], "version": ["7"]}),
        ("a&b=\u00fc +%", "/stats/policy-versions", {"limit": ["1000"], "name_exact": ["a&b=\u00fc +%"]}),
        (ID, f"/stats/policies/versions/{ID}", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "/", "/api/v1", "/api//"])
def test_question(server, name, path, query, prefix):
    server.answer({}, 404)
    run = resolve(server.url + prefix, f"metta://policy/{name}")
    assert (run.exit, run.stdout) == (BAD, "") and "knows no such policy" in run.stderr
    [(asked, headers)] = server.requests
    assert urlsplit(asked).path == prefix.rstrip("/") + path
    assert parse_qs(urlsplit(asked).query, strict_parsing=bool(query)) == query
    assert headers["Accept"] == "application/json" and "X-Auth-Token" not in headers


def test_token(server):
    server.answer(entries(version(1)))
    run = resolve(server, "metta://policy/nav", METTA_STATS_TOKEN=TOKEN)
    assert (run.exit, run.stdout) == (GOOD, "mock://a.B\n")
    assert server.requests[0][1]["X-Auth-Token"] == TOKEN


def test_no_proxy_reads_the_token(server):
    server.answer(entries(version(1)))
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "ALL_PROXY"), NOWHERE)
    run = resolve(server, "metta://policy/nav", METTA_STATS_TOKEN=TOKEN, **proxies)
    assert (run.exit, run.stdout) == (GOOD, "mock://a.B\n")


@pytest.mark.parametrize(
    "host", ["example.com", "127.0.0.1.example.com", "localhost.example.com", "128.0.0.1", "[::2]",
             "localhost_", "127.1"],
)  # fmt: skip
def test_token_is_not_sent_where_others_read_it(host):
    run = resolve(f"http://{host}", "metta://policy/nav", METTA_STATS_TOKEN=TOKEN)
    assert (run.exit, run.stdout) == (USAGE, "")
    assert "METTA_STATS_TOKEN is set, and is not sent over http://" in run.stderr
    assert TOKEN not in run.stderr


@pytest.mark.parametrize("token", ["a b", "a\nX-Evil: 1", "\u00fc", "x" * 9000])
def test_bad_token(server, token):
    run = resolve(server, "metta://policy/nav", METTA_STATS_TOKEN=token)
    assert (run.exit, server.requests) == (USAGE, []) and "METTA_STATS_TOKEN is too" in run.stderr


def test_redirects_are_not_followed(server):
    server.answer(b"", 302)
    server.location = f"{server.url}/elsewhere"
    run = resolve(server, "metta://policy/nav", METTA_STATS_TOKEN=TOKEN)
    assert run.exit == BAD and "status 302" in run.stderr and len(server.requests) == 1


@pytest.mark.parametrize(
    "url", ["", "example.com", "ftp://example.com", "http://", "http://a@127.0.0.1", "https:///x",
            "https://example.com?a", "https://example.com#a", "https://example.com/a b", "http://a\\b",
            "https://example.com/\u00fc", "https://" + "a" * 2100],
)  # fmt: skip
def test_bad_url(url):
    run = resolve(url, "metta://policy/nav")
    assert (run.exit, run.stdout) == (USAGE, "") and "--stats-server takes" in run.stderr


def test_nobody_else_is_asked(server, tmp_path):
    """What is known without the server does not go to it."""
    put_folder(tmp_path / "train_dir/nav/checkpoints/nav:v2")
    for name in ("thinky", "a.B", "nav", "nav:v2"):
        assert resolve(server, f"metta://policy/{name}", cwd=tmp_path, DATA_DIR="").exit == GOOD
    assert server.requests == []


def test_no_server_is_named(tmp_path):
    run = inspect("resolve", f"metta://policy/{ID}", cwd=tmp_path, env=CLEAN)
    assert run.exit == BAD and "(--stats-server)" in run.stderr


def test_no_server_is_there():
    run = resolve(NOWHERE, "metta://policy/nav")
    assert (run.exit, run.stdout) == (BAD, "") and NOWHERE in run.stderr


# ---- what it answers ----


@pytest.mark.parametrize(
    "name, document, uri",
    [
        ("nav", entries(version(1), version(12), version(9, "mock://c.D")), "mock://a.B"),
        ("nav", entries(version(1), version(2, "mock://c.D")), "mock://c.D"),
        ("nav:latest", entries(version(2, "mock://c.D"), version(1)), "mock://c.D"),
        ("nav:v7", entries(version(7)), "mock://a.B"),
        ("nav", entries(version(2), version(1), version(1)), "mock://a.B"),
        (ID, version(3), "mock://a.B"), (ID.upper(), version(3), "mock://a.B"),
        (f"{ID}:v3", version(3), "mock://a.B"), (ID, version(3, name=None, more=[1]), "mock://a.B"),
        (ID, {"id": ID, "version": 0, "checkpoint_uri": "mock://c.D"}, "mock://c.D"),
        (ID, version(3, None, checkpoint_uri="mock://c.D"), "mock://c.D"),
        (ID, version(3, checkpoint_uri="mock://c.D"), "mock://a.B"),
    ],
)  # fmt: skip
def test_answer(server, name, document, uri):
    server.answer(document)
    run = resolve(server, f"metta://policy/{name}")
    assert (run.exit, run.stdout) == (GOOD, uri + "\n"), run.stderr


BAD_ANSWERS = {
    "no JSON": (ID, b"<html>", "cannot be used"),
    "nothing": (ID, b"", "cannot be used"),
    "two documents": (ID, b"{}{}", "cannot be used"),
    "not UTF-8": (ID, b'{"id":"\xff"}', "cannot be used"),
    "a list": ("nav", [version(1)], "must be an object"),
    "no entries": ("nav", {}, '"entries"'),
    "entries that are no list": ("nav", {"entries": version(1)}, '"entries"'),
    "an entry that is no object": ("nav", entries(1), "a version"),
    "an empty list": ("nav", entries(), "knows no such policy"),
    "another policy": ("nav", entries(version(1, name="navy")), 'another policy, "navy"'),
    "another id": (ID, version(1, id=OTHER_ID), "another policy"),
    "no id": (ID, {"version": 1, "s3_path": "mock://a.B"}, '"id"'),
    "another version": ("nav:v2", entries(version(1)), "of version 1"),
    "a version that is a text": (ID, version("1"), '"version"'),
    "a version that is negative": (ID, version(-1), '"version"'),
    "a version with a fraction": (ID, version(1.5), '"version"'),
    "no version": (ID, {"id": ID, "s3_path": "mock://a.B"}, '"version"'),
    "the highest version twice": ("nav", entries(version(2), version(2)), "version 2 twice"),
    "too many versions": ("nav", entries(*map(version, range(1000))), "ask for one with :vN"),
    "no path": (ID, version(4, None), "version 4 of the policy has neither"),
    "a path that is a number": (ID, version(1, 7), '"s3_path"'),
    "a path without a scheme": (ID, version(1, "runs/a:v1"), "neither a file nor an object"),
    "another policy's URI": (ID, version(1, f"metta://policy/{OTHER_ID}"), "neither a file nor"),
    "an unknown scheme": (ID, version(1, "gs://a/b"), 'names "gs://a/b": unknown scheme'),
    "an empty path": (ID, version(1, ""), "an empty name"),
    "a legacy checkpoint": (ID, version(1, "s3://bucket/a:v1.mpt"),
                            '"mpt-convert s3://bucket/a:v1.mpt -o FOLDER"'),
    "more than 4 MiB": (ID, b'"' + b"x" * (4 << 20) + b'"', "over the limit"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ANSWERS)
def test_bad_answer(server, case):
    name, document, reason = BAD_ANSWERS[case]
    server.answer(document)
    run = resolve(server, f"metta://policy/{name}")
    assert (run.exit, run.stdout) == (BAD, "")
    assert run.stderr.startswith(f"mpt-inspect: metta://policy/{name}: ") and reason in run.stderr
    assert len(server.requests) == 1


def test_control_characters_of_an_answer_are_escaped(server):
    server.answer(version(1, "gs://\x1b[2J\u009b"))
    assert "\x1b" not in resolve(server, f"metta://policy/{ID}").stderr


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("token, reason", [("", "is not set"), (TOKEN, "does not take the token")])
def test_refusal(server, status, token, reason):
    server.answer({"detail": TOKEN}, status)
    run = resolve(server, "metta://policy/nav", METTA_STATS_TOKEN=token)
    assert run.exit == BAD and f"status {status}" in run.stderr and reason in run.stderr
    assert TOKEN not in run.stderr


@pytest.mark.parametrize("status", [201, 204, 301, 400, 500, 503])
def test_other_statuses(server, status):
    server.answer(version(1), status)
    run = resolve(server, f"metta://policy/{ID}")
    assert (run.exit, run.stdout) == (BAD, "") and f"with status {status}" in run.stderr


def test_a_server_that_is_busy_is_asked_again(server):
    server.answer({}, 503)
    resolve(server, "metta://policy/nav", AWS_MAX_ATTEMPTS="3")
    assert len(server.requests) == 3


# ---- what becomes of it ----


def test_files(server, tmp_path):
    put_folder(tmp_path / "nav:v3")
    server.answer(version(3, f"file://{tmp_path}:latest"))
    run = resolve(server, f"metta://policy/{ID}", "--json")
    assert run.exit == GOOD and run.document()["path"] == str(tmp_path / "nav:v3")
    run = resolve(server, f"metta://policy/{ID}", "--epoch=4")
    assert run.exit == BAD and run.stdout.endswith("/nav%3Av4\n")


def test_objects(server):
    server.answer(version(3, "s3://bucket/nav:v3.zip"))
    run = resolve(server, f"metta://policy/{ID}", "--json", **UNREACHED)
    document = run.document()
    assert run.exit == BAD and "was not seen" in run.stderr
    assert document["uri"] == "s3://bucket/nav:v3.zip" and document["kind"] == "unknown"
    assert (document["run"], document["epoch"]) == ("nav", 3)


def test_operands(server, tmp_path):
    """The other verbs, and the validator, ask alike."""
    put_folder(tmp_path / "nav:v3")
    server.answer(version(3, f"file://{tmp_path}/nav%3Av3"))
    run = inspect("list", "--stats-server", server.url, f"metta://policy/{ID}", env=CLEAN)
    assert run.exit == GOOD and f"{tmp_path}/nav:v3\n" in run.stdout
    server.answer(version(3))
    run = inspect("show", "--stats-server", server.url, f"metta://policy/{ID}", env=CLEAN)
    assert run.exit == BAD and "a class, without a checkpoint" in run.stderr
    assert len(server.requests) == 2
