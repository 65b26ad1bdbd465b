"""Credentials for AWS: where they are looked for, in which order, and how long they are kept."""

import os
import re
import socket
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from aws_servers import (
    IMDS_TOKEN,
    ROLES,
    TOKEN,
    TOKEN_HEADER,
    keys,
    of_container,
    of_instance,
    of_sts,
    running,
    sts_error,
)
from sources import BUILD

DRIVER = BUILD / "tests/drivers/credentials_print"
WEB_TOKEN = "eyJhbGciOiJSUzI1NiJ9.web/+=.token"
CONTAINER_TOKEN = "Bearer container-token"
SECRETS = re.compile(r"secret/|token/|web/|container-token|imds-token|HIDDEN")
REFUSED_URL = "http://127.0.0.1:1"
NO_INSTANCE = {"AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def server():
    with running() as server:
        yield server


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / "web").write_text(WEB_TOKEN + "\n")
    return tmp_path


def ask(home, *words, **variables):
    """The lines that the driver prints; no secret is in them."""
    environment = {"HOME": str(home), "AWS_EC2_METADATA_SERVICE_ENDPOINT": REFUSED_URL}
    done = subprocess.run([DRIVER, *words], env={**environment, **variables}, check=True,
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert not SECRETS.search(done.stdout + done.stderr)
    assert done.stderr == ""
    return done.stdout.splitlines()


def digest(text):
    return sha256(text.encode()).hexdigest() if text else "-"


def line(access, secret, token=None):
    return f"ok {access} {digest(secret)} {digest(token)}"


def named(name="A"):
    found = keys(name)
    return line(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])


IN_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "secret/env"}


def in_profile(home, text="aws_access_key_id = AKIDFILE\naws_secret_access_key = secret/file\n",
               name="credentials"):  # fmt: skip
    (home / ".aws" / name).write_text("[default]\n" + text)


def by_web_identity(home, server, *answers):
    server.say("POST", "/", *(answers or [of_sts("WEB")]))
    return {
        "AWS_WEB_IDENTITY_TOKEN_FILE": f"{home}/web",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x",
        "AWS_ENDPOINT_URL_STS": server.url,
    }


def of_a_container(server, *answers):
    server.say("GET", "/creds", *(answers or [of_container("CON")]))
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.url}/creds"}


def of_an_instance(server, *answers):
    server.be_instance(*(answers or [of_instance("INST")]))
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url}


# ---- the order ----


def test_the_first_place_that_has_some_is_taken(home, server):
    everywhere = {
        **IN_ENVIRONMENT,
        **by_web_identity(home, server),
        **of_a_container(server),
        **of_an_instance(server),
    }
    in_profile(home)
    assert ask(home, "get", **everywhere) == [line("AKIDENV", "secret/env")]
    assert server.seen == []
    for name in IN_ENVIRONMENT:
        del everywhere[name]
    assert ask(home, "get", **everywhere) == [named("WEB")]
    del everywhere["AWS_WEB_IDENTITY_TOKEN_FILE"]
    assert ask(home, "get", **everywhere) == [line("AKIDFILE", "secret/file")]
    (home / ".aws/credentials").unlink()
    assert ask(home, "get", **everywhere) == [named("CON")]
    del everywhere["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    assert ask(home, "get", **everywhere) == [named("INST")]


def test_nothing_anywhere(home):
    (said,) = ask(home, "get")
    assert said.startswith("err no credentials for AWS: none are in the environment")
    assert '"default"' in said and "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in said
    assert "127.0.0.1:1" in said
    (said,) = ask(home, "get", **NO_INSTANCE)
    assert "AWS_EC2_METADATA_DISABLED is true" in said


def test_what_is_broken_is_not_passed_over(home, server):
    """Each place has something broken, and the next would have good ones."""
    instance = of_an_instance(server)
    broken = [
        ({"AWS_ACCESS_KEY_ID": "A"}, "AWS_SECRET_ACCESS_KEY is not"),
        ({"AWS_SECRET_ACCESS_KEY": "HIDDEN"}, "AWS_ACCESS_KEY_ID is not"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/x"}, "AWS_ROLE_ARN is not"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/x", "AWS_ROLE_ARN": "a"}, "/nowhere/x: "),
        ({"AWS_PROFILE": "else"}, 'the profile "else"'),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://else.example/"}, "FULL_URI is neither"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": REFUSED_URL}, "127.0.0.1:1: "),
    ]
    for variables, reason in broken:
        (said,) = ask(home, "get", **instance, **variables)
        assert said.startswith("err ") and reason in said
    assert server.seen == []


# ---- environment ----

BAD_KEYS = ["secret/\n", " secret/", "sec\tret/", "s\u00e9cret/", "secret/\x7f", "x" * 16385]


def test_environment(home):
    session = {**IN_ENVIRONMENT, "AWS_SESSION_TOKEN": "token/env"}
    assert ask(home, "get", **session) == [line("AKIDENV", "secret/env", "token/env")]
    empty = {**IN_ENVIRONMENT, "AWS_SESSION_TOKEN": ""}
    assert ask(home, "get", **empty) == [line("AKIDENV", "secret/env")]


@pytest.mark.parametrize("value", BAD_KEYS, ids=ascii)
@pytest.mark.parametrize("name, what", [("AWS_ACCESS_KEY_ID", "access key"),
                                        ("AWS_SECRET_ACCESS_KEY", "secret key"),
                                        ("AWS_SESSION_TOKEN", "session token")])  # fmt: skip
def test_bad_keys(home, name, what, value):
    (said,) = ask(home, "get", **{**IN_ENVIRONMENT, name: value})
    assert f"the {what} of the environment" in said and len(said) < 200


# ---- profile ----

UNSUPPORTED = {
    "role_arn = a\nsource_profile = b\naws_access_key_id = c\naws_secret_access_key = d\n":
        "source_profile",
    "role_arn = a\ncredential_source = Ec2InstanceMetadata\n": "credential_source",
    "sso_session = a\nsso_account_id = 1\n": "sso_session",
    "sso_start_url = https://a\n": "sso_start_url",
    "credential_process = /bin/x HIDDEN\n": "credential_process",
    "login_session = a\n": "login_session",
}  # fmt: skip


@pytest.mark.parametrize("text, key", UNSUPPORTED.items(), ids=UNSUPPORTED.values())
def test_profiles_that_only_the_aws_tools_know(home, server, text, key):
    in_profile(home, text, "config")
    (said,) = ask(home, "get", **of_a_container(server))
    assert f"by {key}, which is not supported" in said
    assert "aws configure export-credentials --profile default --format env" in said


def test_keys_in_a_profile(home):
    in_profile(home, "aws_access_key_id = A\naws_secret_access_key = b=\naws_session_token = c\n"
                     "sso_session = x\n", "config")  # fmt: skip
    assert ask(home, "get") == [line("A", "b=", "c")]


def test_a_role_of_a_web_identity_in_a_profile(home, server):
    in_profile(home, f"role_arn = arn:r\nweb_identity_token_file = {home}/web\n"
                     "role_session_name = me\n", "config")  # fmt: skip
    server.say("POST", "/", of_sts())
    assert ask(home, "get", AWS_ENDPOINT_URL=server.url) == [named()]
    fields = parse_qs(server.seen[0].body)
    assert fields["RoleArn"] == ["arn:r"] and fields["RoleSessionName"] == ["me"]


BAD_PROFILES = {
    "aws_access_key_id = A\n": "aws_access_key_id is in the profile, but aws_secret_access_key",
    "aws_secret_access_key = HIDDEN\n": "but aws_access_key_id is not",
    "aws_access_key_id = A\naws_secret_access_key = HIDDEN HIDDEN\n": "the secret key of the prof",
    "HIDDEN\n": ".aws/credentials: line 2: ",
}


@pytest.mark.parametrize("text, reason", BAD_PROFILES.items(), ids=BAD_PROFILES.values())
def test_bad_profiles(home, text, reason):
    in_profile(home, text)
    (said,) = ask(home, "get")
    assert reason in said


# ---- web identity ----


def test_web_identity(home, server):
    identity = by_web_identity(home, server)
    assert ask(home, "get", "get", **identity) == [named("WEB")] * 2
    (seen,) = server.seen
    assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Authorization" not in seen.headers
    assert parse_qs(seen.body, strict_parsing=True) == {
        "Action": ["AssumeRoleWithWebIdentity"], "Version": ["2011-06-15"],
        "RoleArn": [identity["AWS_ROLE_ARN"]], "RoleSessionName": ["mpt-bundle"],
        "WebIdentityToken": [WEB_TOKEN],
    }  # fmt: skip
    ask(home, "get", **identity, AWS_ROLE_SESSION_NAME="a&b=c d")
    assert parse_qs(server.seen[1].body)["RoleSessionName"] == ["a&b=c d"]


STS_ANSWERS = {
    **{f"no {key}": (200, of_sts(**{key: None}), f"there is no {key}")
       for key in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")},
    **{f"empty {key}": (200, of_sts(**{key: ""}), reason)
       for key, reason in (("AccessKeyId", "access key"), ("SecretAccessKey", "secret key"),
                           ("SessionToken", "session token"), ("Expiration", '"", which is no time'))},
    "a blank in a key": (200, of_sts(SecretAccessKey="secret/ x"), "byte 8 of 9"),
    "a line end in a token": (200, of_sts(SessionToken="token/&#10;Host: x"), "byte 7 of"),
    "a key twice": (200, of_sts(AccessKeyId="a</AccessKeyId><AccessKeyId>b"), "for a second time"),
    "elements in a key": (200, of_sts(AccessKeyId="a<b/>"), "the access key of the answer has 0"),
    "a key elsewhere": (200, of_sts().replace("Credentials>", "Other>"), "there is no AccessKeyId"),
    "another answer": (200, of_sts().replace("WebIdentityResponse", "SAMLResponse"), "there is no"),
    "no XML": (200, "{}", "no XML"),
    "nothing": (200, "", "no XML"),
    "cut off": (200, of_sts()[:-10], "no XML"),
    "something behind": (200, of_sts() + "x", "no XML"),
    "two documents": (200, of_sts() + of_sts(), "no XML"),
    "a document type": (200, '<!DOCTYPE a [<!ENTITY b "c">]>' + of_sts(), "declares a document type"),
    "an entity": (200, of_sts(AccessKeyId="&b;"), "no XML"),
    "nested deeply": (200, "<a>" * 10000, "lie too deep"),
    "a long name": (200, f"<{'a' * 9999}/>", "lie too deep"),
    "a long text": (200, of_sts(Audience="x" * 16385), "more than 16384 bytes of text"),
    "no UTF-8": (200, of_sts(AccessKeyId="a").encode() + b"\xff", "no XML"),
    "a NUL": (200, of_sts(AccessKeyId="a\0b"), "no XML"),
    "expired": (200, of_sts(lasts=-10), "expired at"),
    "refused": (403, sts_error("AccessDenied", "Not authorized to perform it"),
                "403, AccessDenied: Not authorized to perform it"),
    "bad request": (400, sts_error("ExpiredTokenException", "too old"), "400, ExpiredTokenExc"),
    "refused without a reason": (403, "HIDDEN", "403, no reason"),
    "another place": (301, of_sts(), "301, no reason"),
    "the token comes back": (400, sts_error("X", f"bad token {WEB_TOKEN}"), "400, : "),
    "control characters": (400, sts_error("X", "\u009b1m"), r"400, X: \x9b1m"),
}  # fmt: skip


@pytest.mark.parametrize("status, body, reason", STS_ANSWERS.values(), ids=STS_ANSWERS)
def test_bad_answers_of_sts(home, server, status, body, reason):
    (said,) = ask(home, "get", **by_web_identity(home, server, (status, body)))
    assert said.startswith("err STS") and reason in said


def test_sts_fails_and_is_asked_again(home, server):
    identity = by_web_identity(home, server, (500, "x"), (503, "y"), of_sts())
    assert ask(home, "get", **identity) == [named()]
    assert len({seen.body for seen in server.seen}) == 1 and len(server.seen) == 3
    identity = by_web_identity(home, server, (500, "HIDDEN"))
    (said,) = ask(home, "get", **identity)
    assert "500, no reason" in said


@pytest.mark.parametrize("content, reason", [
    (b"", "none in it"), (b" \n", "none in it"), (b"a\0b", "a NUL"),
    (b"x" * 65537, "over the limit of 65536"),
])  # fmt: skip
def test_bad_files_of_tokens(home, server, content, reason):
    (home / "web").write_bytes(content)
    (said,) = ask(home, "get", **by_web_identity(home, server))
    assert said.startswith(f"err {home}/web: ") and reason in said
    container = {**of_a_container(server), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{home}/web"}
    (said,) = ask(home, "get", **container)
    assert said.startswith(f"err {home}/web: ") and reason in said
    assert server.seen == []


def test_sts_of_the_region(home, server):
    """By a proxy, which learns the name of the host, and no more."""
    identity = by_web_identity(home, server)
    del identity["AWS_ENDPOINT_URL_STS"]
    (said,) = ask(home, "get", **identity, https_proxy=server.url, AWS_REGION="eu-west-3")
    assert said.startswith("err https://sts.eu-west-3.amazonaws.com: ")
    assert {seen.path for seen in server.seen} == {"sts.eu-west-3.amazonaws.com:443"}


def test_moto_answers_as_sts_does(home):
    """A second opinion on the XML."""
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        identity = {"AWS_WEB_IDENTITY_TOKEN_FILE": f"{home}/web",
                    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x",
                    "AWS_ENDPOINT_URL": f"http://{host}:{port}"}  # fmt: skip
        (said,) = ask(home, "get", **identity)
    finally:
        server.stop()
    assert re.fullmatch(r"ok ASIA\w{16} [0-9a-f]{64} [0-9a-f]{64}", said)


# ---- JSON, of containers and instances ----


def without(key):
    return {name: value for name, value in keys().items() if name != key}


def json_answers(make):
    fields = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")
    for key in fields:
        yield f"no {key}", make(**{key: None}).replace(f'"{key}": null, ', "").replace(
            f', "{key}": null', ""), key
        for value in (None, 1, [], {}, True):
            yield f"{key} is {value}", make(**{key: value}), key
    for key in fields[:3]:
        yield f"empty {key}", make(**{key: ""}), "has 0 bytes"
        yield f"blank in {key}", make(**{key: "secret/ x"}), "byte 8 of 9"
        yield f"line end in {key}", make(**{key: "token/\r\nHost: x"}), "byte 7 of 15"
        yield f"unicode in {key}", make(**{key: "token/\u20ac"}), "byte 7 of 9"
    for time in ("", "now", "2030-01-31", "2030-01-31T12:00:00", "2030-01-31T12:00:00+01:00",
                 "2030-01-32T12:00:00Z", "2030-13-01T12:00:00Z", "2030-00-01T12:00:00Z",
                 "2030-01-00T12:00:00Z", "2030-01-31T24:00:00Z", "2030-01-31T12:60:00Z",
                 "2030-01-31T12:00:61Z", "2030-01-31T12:00:00.5", "2030-01-31T12:00:00Zx",
                 " 2030-01-31T12:00:00Z", "12030-01-31T12:00:00Z", "1893456000"):  # fmt: skip
        yield f"Expiration {time}", make(Expiration=time), "which is no time"
    yield "expired", make(lasts=-10), "expired at"
    yield "a key twice", make()[:-1] + ', "Token": "x"}', "Token"
    for text in ("", "no", "[]", '"HIDDEN"', "null", make()[:-1], make() + "x", "[" * 1000,
                 make().encode("utf-16"), b"\xff", "\ufeff" + make()):  # fmt: skip
        yield f"no object: {text[:8]!r}", text, ""
    yield "a code", make(Code="AssumeRoleUnauthorizedAccess"), "AssumeRoleUnauthorizedAccess"
    yield "a number for a code", make(Code=1), "Code"


CONTAINER_ANSWERS = {name: row for name, *row in json_answers(of_container)}
INSTANCE_ANSWERS = {name: row for name, *row in json_answers(of_instance)}


@pytest.mark.parametrize("body, reason", CONTAINER_ANSWERS.values(), ids=CONTAINER_ANSWERS)
def test_bad_answers_of_containers(home, server, body, reason):
    (said,) = ask(home, "get", **of_a_container(server, body))
    assert said.startswith("err the container's credentials: ") and reason in said


@pytest.mark.parametrize("body, reason", INSTANCE_ANSWERS.values(), ids=INSTANCE_ANSWERS)
def test_bad_answers_of_instances(home, server, body, reason):
    (said,) = ask(home, "get", **of_an_instance(server, body))
    assert said.startswith("err instance metadata: ") and reason in said


@pytest.mark.parametrize("time", ["2100-02-28T23:59:59Z", "2096-02-29T00:00:00.123456Z"])
def test_times(home, server, time):
    assert ask(home, "get", **of_a_container(server, of_container(Expiration=time))) == [named()]


# ---- containers ----


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404])
def test_containers_that_refuse(home, server, status):
    """At once, and without what they say, which may be anything."""
    (said,) = ask(home, "get", **of_a_container(server, (status, "HIDDEN")))
    assert f"the status {status} instead of credentials" in said
    assert len(server.seen) == 1


def test_containers_that_fail_at_first(home, server):
    container = of_a_container(server, (500, "HIDDEN"), (503, "HIDDEN"), of_container())
    assert ask(home, "get", **container) == [named()]
    assert len(server.seen) == 3
    (said,) = ask(home, "get", **of_a_container(server, (500, "HIDDEN")))
    assert "the status 500" in said


def test_authorization_of_a_container(home, server):
    container = of_a_container(server)
    ask(home, "get", **container)
    assert "Authorization" not in server.seen[-1].headers
    container["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = CONTAINER_TOKEN
    ask(home, "get", **container)
    assert server.seen[-1].headers["Authorization"] == CONTAINER_TOKEN
    container["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = f"{home}/web"
    ask(home, "get", **container)
    assert server.seen[-1].headers["Authorization"] == WEB_TOKEN


def test_an_authorization_adds_no_header(home, server):
    token = "HIDDEN\r\nX-Other: HIDDEN"
    (said,) = ask(home, "get", **of_a_container(server), AWS_CONTAINER_AUTHORIZATION_TOKEN=token)
    assert "value of the header Authorization" in said
    assert server.seen == []


FAR = ["http://example.com/", "http://10.0.0.1/", "http://127.0.0.1@example.com/",
       "http://localhost.example.com/", "http://127.0.0.1.example.com/", "http://127.1/",
       "http://[::1].example.com/", "http://[::2]/", "http://[::1/", "http://169.254.169.254/",
       "http://169.254.170.3/", "http://0x7f000001/", "http://128.0.0.1/", "http://LOCALHOST/",
       "http:///", "http://", "ftp://localhost/", "//localhost/", "localhost",
       "http://example.com\\@localhost/", "http://localhost\\.example.com/",
       "http://local host/", "http://127.0.0.1%2eexample.com/", "http://" + "1" * 999]  # fmt: skip


@pytest.mark.parametrize("url", FAR)
def test_containers_that_are_far_away(home, url):
    (said,) = ask(home, "get", AWS_CONTAINER_CREDENTIALS_FULL_URI=url,
                  AWS_CONTAINER_AUTHORIZATION_TOKEN=CONTAINER_TOKEN)  # fmt: skip
    assert said.startswith("err AWS_CONTAINER_CREDENTIALS_FULL_URI is ")


def test_containers_that_are_near(home, server):
    of_a_container(server)
    port = server.server_port
    for host in ("localhost", "127.0.0.1", "127.0.0.2"):
        url = f"http://{host}:{port}/creds"
        (said,) = ask(home, "get", AWS_CONTAINER_CREDENTIALS_FULL_URI=url)
        assert said == named("CON") or (host == "127.0.0.2" and "connect" in said)


@pytest.mark.parametrize("path", ["creds", "@example.com/", ".example.com/", ":80@x/", "/a b",
                                  "/\r\nX-Other: x"])  # fmt: skip
def test_relative_uris_that_are_none(home, path):
    (said,) = ask(home, "get", AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=path)
    assert said.startswith("err AWS_CONTAINER_CREDENTIALS_RELATIVE_URI ")


# ---- instances ----


def test_instance(home, server):
    assert ask(home, "get", **of_an_instance(server)) == [named("INST")]
    seen = [(seen.method, seen.path, seen.headers.get(TOKEN_HEADER)) for seen in server.seen]
    assert seen == [("PUT", TOKEN, None), ("GET", ROLES, IMDS_TOKEN),
                    ("GET", ROLES + "a-role", IMDS_TOKEN)]  # fmt: skip


def test_endpoint_of_an_instance_with_a_slash(home, server):
    of_an_instance(server)
    endpoint = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url + "/"}
    assert ask(home, "get", **endpoint) == [named("INST")]


@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
def test_instance_metadata_that_are_disabled(home, server, value):
    instance = {**of_an_instance(server), "AWS_EC2_METADATA_DISABLED": value}
    (said,) = ask(home, "get", **instance)
    assert said.startswith("err no credentials") and server.seen == []
    instance["AWS_EC2_METADATA_DISABLED"] = "false"
    assert ask(home, "get", **instance) == [named("INST")]


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_no_token_means_no_credentials(home, server, status):
    instance = of_an_instance(server)
    server.say("PUT", TOKEN, (status, "HIDDEN"))
    (said,) = ask(home, "get", **instance)
    assert said.startswith("err no credentials") and f"the status {status}" in said
    assert len(server.seen) == 1


def test_no_role_means_no_credentials(home, server):
    instance = of_an_instance(server)
    del server.answers["GET", ROLES]
    (said,) = ask(home, "get", **instance)
    assert said.startswith("err no credentials") and "the instance has no role" in said


@pytest.mark.parametrize("token", ["", "x" * 1025, "HIDDEN\0", "HIDDEN\r\nX-Other: x"])
def test_tokens_of_an_instance_that_are_none(home, server, token):
    instance = of_an_instance(server)
    server.say("PUT", TOKEN, token)
    (said,) = ask(home, "get", **instance)
    assert said.startswith("err instance metadata: ") and len(server.seen) == 1


@pytest.mark.parametrize("role", ["", "../x", "a/b", "a b", "x" * 65, "a?b", "a\r\nb", "a\0b"])
def test_roles_of_an_instance_that_are_none(home, server, role):
    instance = of_an_instance(server)
    server.say("GET", ROLES, role)
    (said,) = ask(home, "get", **instance)
    assert said.startswith("err instance metadata: what should be the name of a role is none")


def test_the_first_of_several_roles(home, server):
    instance = of_an_instance(server)
    server.say("GET", ROLES, "a-role\nanother")
    assert ask(home, "get", **instance) == [named("INST")]


def test_instances_that_fail_at_first(home, server):
    instance = of_an_instance(server, (500, "HIDDEN"), of_instance())
    assert ask(home, "get", **instance) == [named()]
    (said,) = ask(home, "get", **of_an_instance(server, (404, "HIDDEN")))
    assert said == "err instance metadata: the status 404 instead of credentials"


def test_nobody_who_listens_does_not_hold_up(home):
    """A socket that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        (said,) = ask(home, "get", AWS_EC2_METADATA_SERVICE_ENDPOINT=url)
    assert said.startswith("err no credentials") and "(2 attempts)" in said


# ---- no proxy ----


def test_no_proxy_learns_of_containers_and_instances(home, server):
    with running() as proxy:
        proxies = {name: proxy.url for name in ("http_proxy", "all_proxy", "ALL_PROXY")}
        assert ask(home, "get", **of_a_container(server), **proxies) == [named("CON")]
        assert ask(home, "get", **of_an_instance(server), **proxies) == [named("INST")]
        assert proxy.seen == []
        ask(home, "get", **by_web_identity(home, server), **proxies)
        assert {seen.method for seen in proxy.seen} == {"POST"}    # STS is far away


# ---- the addresses of AWS, in a network of our own ----

IN_NETWORK = """
set -e
ip link set lo up
ip addr add 169.254.170.2/32 dev lo
ip addr add 169.254.169.254/32 dev lo
exec "$@"
"""

SERVE_ALL = """
import os, sys
sys.path.insert(0, sys.argv[1])
import test_credentials as t
from pathlib import Path
with t.running(("169.254.170.2", 80)) as near, t.running(("169.254.169.254", 80)) as instance:
    near.say("GET", "/v2/x?y=z", t.of_container("CON"))
    instance.be_instance(t.of_instance("INST"))
    environment = {"HOME": sys.argv[2]}
    run = lambda **more: print(t.subprocess.run([t.DRIVER, "get"], env={**environment, **more},
                               capture_output=True, text=True).stdout, end="")
    run(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/v2/x?y=z")
    run(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://169.254.170.2/v2/x?y=z")
    run()
"""


def in_network(*command):
    return subprocess.run(["unshare", "-rn", "sh", "-c", IN_NETWORK, "sh", *command],
                          capture_output=True, text=True, env=os.environ)  # fmt: skip


def test_addresses_of_aws(home):
    if in_network("true").returncode != 0:
        pytest.skip("no network of our own is to be had here")
    done = in_network(sys.executable, "-c", SERVE_ALL, Path(__file__).parent, home)
    assert done.stdout.splitlines() == [named("CON"), named("CON"), named("INST")], done.stderr


# ---- how long they are kept ----


def test_they_are_looked_up_once(home, server):
    instance = of_an_instance(server)
    assert ask(home, "get", "later=3200", "get", "together", **instance) == [named("INST")] * 10
    assert len(server.seen) == 3


def test_several_threads_look_up_once(home, server):
    assert ask(home, "together", **of_a_container(server)) == [named("CON")] * 8
    assert len(server.seen) == 1


def test_new_ones_five_minutes_before_they_expire(home, server):
    container = of_a_container(server, of_container("A"), of_container("B", 7200))
    words = ("get", "later=3290", "get", "later=11", "get")
    assert ask(home, *words, **container) == [named("A"), named("A"), named("B")]


def test_new_ones_are_asked_with_a_new_token(home, server):
    identity = by_web_identity(home, server, of_sts("A"), of_sts("B", 7200))
    assert ask(home, "get", "later=3500", "get", **identity) == [named("A"), named("B")]
    instance = of_an_instance(server, of_instance("A"), of_instance("B", 7200))
    server.seen.clear()
    assert ask(home, "get", "later=3500", "get", **instance) == [named("A"), named("B")]
    assert [seen.method for seen in server.seen] == ["PUT", "GET", "GET"] * 2


def test_used_until_they_expire_if_there_are_no_new_ones(home, server):
    """And then it is said why; and new ones are taken as soon as there are some."""
    container = of_a_container(server, of_container("A"), (403, ""), (403, ""), (403, ""),
                               of_container("B", 7200))  # fmt: skip
    words = ("get", "later=3400", "get", "get", "later=31", "get", "later=200", "get", "get",
             "later=31", "get")  # fmt: skip
    said = ask(home, *words, **container)
    assert said[:4] == [named("A")] * 4
    assert "the status 403" in said[4] and said[5] == said[4]
    assert said[6] == named("B")
    assert len(server.seen) == 5


def test_those_that_expire_soon_are_not_asked_for_all_the_time(home, server):
    container = of_a_container(server, of_container("A", 200), of_container("B", 200))
    words = ("get", "get", "later=20", "get", "later=11", "get")
    assert ask(home, *words, **container) == [*[named("A")] * 3, named("B")]
    assert len(server.seen) == 2


def test_those_that_expired_are_never_given(home, server):
    """Not even if they did so before one might ask again."""
    container = of_a_container(server, of_container("A", 25), of_container("B", 3600))
    assert ask(home, "get", "later=26", "get", **container) == [named("A"), named("B")]


def test_a_failure_is_kept_for_a_while(home, server):
    container = of_a_container(server, (403, ""), of_container("A"))
    said = ask(home, "get", "together", "later=31", "get", **container)
    assert len(set(said[:9])) == 1 and "the status 403" in said[0]
    assert said[9] == named("A") and len(server.seen) == 2


def test_forgotten_ones_are_looked_up_again(home, server):
    container = of_a_container(server, of_container("A"), of_container("B"))
    assert ask(home, "get", "forget", "get", "get", **container) == [
        named("A"), named("B"), named("B")]  # fmt: skip
    container = of_a_container(server, (403, ""), of_container("B"))
    said = ask(home, "forget", "get", "forget", "get", **container)
    assert "the status 403" in said[0] and said[1] == named("B")


def test_those_without_an_end_are_kept(home):
    years = f"later={10**9}"
    assert ask(home, "get", years, "get", **IN_ENVIRONMENT) == [line("AKIDENV", "secret/env")] * 2
