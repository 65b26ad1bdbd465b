"""Settings of the AWS tools, against what botocore reads in the same files."""

import json
import os
import subprocess

import botocore.session
import pytest
from sources import BUILD

KEYS = ["region", "aws_access_key_id", "aws_secret_access_key", "aws_session_token",
        "role_arn", "output", "cli_pager"]  # fmt: skip
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

FULL = """\
[default]
region = us-west-2
output=json

[profile dev]
region = eu-west-1
role_arn = arn:aws:iam::123456789012:role/x

[profile "with blanks"]
region = eu-west-2

[preview]
region = nowhere
"""

# config, credentials, variables of the environment
SAME = {
    "nothing": ("", "", {}),
    "default": (FULL, "", {}),
    "another profile": (FULL, "", {"AWS_PROFILE": "dev"}),
    "name with blanks": (FULL, "", {"AWS_PROFILE": "with blanks"}),
    "name in other quotes": ("[profile 'a b']\nregion=x", "", {"AWS_PROFILE": "a b"}),
    "blanks in the section": ("[profile   a]\nregion=x", "", {"AWS_PROFILE": "a"}),
    "a tab in the section": ("[profile\ta]\nregion=x", "", {"AWS_PROFILE": "a"}),
    "default by name": (FULL, "", {"AWS_PROFILE": "default"}),
    "profile default": ("[profile default]\nregion=x", "", {}),
    "no profile in front": ("[dev]\nregion=a\n[profile devel]\n[default]", "", {}),
    "keys": ("", f"[default]\naws_access_key_id=A\naws_secret_access_key={SECRET}\n", {}),
    "keys of a profile": (FULL, "[dev]\naws_access_key_id = A\naws_secret_access_key = B=C==\n",
                          {"AWS_PROFILE": "dev"}),
    "profile in credentials only": ("", "[x]\nregion = r\n", {"AWS_PROFILE": "x"}),
    "the credentials file counts first": ("[default]\nregion=a\noutput=text",
                                          "[default]\nregion=b", {}),
    "comments": ("# a\n; b\n[default]\n  # c\nregion = x\n;region = y\n", "", {}),
    "no comment behind a value": ("[default]\nregion = x # y\noutput = a;b", "", {}),
    "comment behind a section": ("[default] # that is it\nregion = x", "", {}),
    "CRLF": (FULL.replace("\n", "\r\n"), "", {"AWS_PROFILE": "dev"}),
    "blanks": ("[default]\nregion\t=   x y \t\n   \n\noutput=a", "", {}),
    "colons": ("[default]\nregion: x\nrole_arn : a=b:c", "", {}),
    "capitals": ("[default]\nReGion = X", "", {}),
    "indented whole": ("  [default]\n  region = x\n  output = y", "", {}),
    "a key indented more than the section": ("[default]\n  region = x\n  output = y", "", {}),
    "less and less": ("[default]\n    region = x\n  output = y\nrole_arn = z", "", {}),
    "below s3": ("[default]\ns3 =\n  region = a\n  output = b\nregion = x", "", {}),
    "below s3, with gaps": ("[default]\ns3 =\n  a = a\n\n  # c\n  region = b\nrole_arn=x",
                            "", {}),
    "below s3 of another profile": ("[profile x]\ns3 =\n  region = a\n[default]\nregion = b", "",
                                    {}),
    "goes on in another profile": ("[profile x]\na = 1\n  and 2\n[default]\nregion = b", "", {}),
    "no end of line": ("[default]\nregion = x", "[default]\naws_access_key_id = y", {}),
    "UTF-8": ("[profile r\u00fcn]\noutput = \u4e16", "", {"AWS_PROFILE": "r\u00fcn"}),
    "a key twice in another profile's section": ("[profile a]\nx=1\n[default]\nregion=b", "", {}),
}  # fmt: skip

# What botocore refuses, too, but for the last.
REFUSED = {
    "no section": ("region = x", "line 1: no section"),
    "no value": ("[default]\n\nregion", "line 3: neither"),
    "no key": ("[default]\n= x", "line 2: no key"),
    "no bracket": ("[default\nregion = x", "line 1: a section without its ]"),
    "a key twice": ("[default]\nregion=a\noutput=c\nRegion = b", "line 4: a key that"),
    "a section twice": ("[default]\na=1\n[profile x]\nb=1\n[default]\nregion=a", "line 5: the prof"),
    "another profile is broken": ("[default]\nregion=a\n[profile x]\nwhat", "line 4: neither"),
    "UTF-16": ("[\0d\0e\0", "a NUL"),
    "behind a section": ("[default] x\nregion = b", "line 1: something"),
    "goes on": ("[default]\nregion = b\n  endpoint_url = c", "line 3: indented"),
    "a control character": ("[default]\nregion = \x1b[1m", "line 2: a control"),
    "a return inside a line": ("[default]\nregion = a\rb", "line 2: a control"),
    "too long": ("#" * (1 << 20) + "\n", "over the limit"),
    "too many keys": ("[default]\n" + "".join(f"k{i} = 1\n" for i in range(1001)), "line 1002"),
}


def read(folder, *keys, **variables):
    """What the driver prints: a list, or the text of the error."""
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], **variables}
    done = subprocess.run([BUILD / "tests/drivers/profile_print", *keys], env=environment,
                          capture_output=True, check=True)  # fmt: skip
    text = done.stdout.decode()
    return text[4:] if text.startswith("err ") else json.loads(text)


def write(folder, config="", credentials=""):
    (folder / ".aws").mkdir(exist_ok=True)
    for name, text in (("config", config), ("credentials", credentials)):
        if text:
            (folder / ".aws" / name).write_bytes(text.encode())


def by_botocore(folder, monkeypatch, variables):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"HOME": str(folder), **variables}.items():
        monkeypatch.setenv(name, value)
    return botocore.session.Session()


@pytest.mark.parametrize("config, credentials, variables", SAME.values(), ids=SAME)
def test_as_botocore_reads(tmp_path, monkeypatch, config, credentials, variables):
    write(tmp_path, config, credentials)
    theirs = by_botocore(tmp_path, monkeypatch, variables).get_scoped_config()
    assert read(tmp_path, *KEYS, **variables) == [theirs.get(key) for key in KEYS]


@pytest.mark.parametrize("text, reason", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("name", ["config", "credentials"])
def test_refused(tmp_path, name, text, reason):
    if name == "credentials":
        text = text.replace("[profile x]", "[x]")
    write(tmp_path, **{name: text})
    said = read(tmp_path, "output")
    assert f".aws/{name}: " in said and reason in said


def test_a_line_that_is_refused_is_not_shown(tmp_path):
    for text in (SECRET, f"[default]\n{SECRET}", f"[default]\na=1\n {SECRET}",
                 f"[{SECRET}", f"[default]\na=\x01{SECRET}"):  # fmt: skip
        write(tmp_path, credentials=text)
        said = read(tmp_path, "region")
        assert "credentials: " in said and SECRET[:5] not in said


def test_every_line_may_end_anywhere(tmp_path):
    """Each beginning of a file is read, or refused with the number of its last line."""
    whole = FULL[: FULL.index("[preview]")]
    for end in range(len(whole)):
        write(tmp_path, config=whole[:end] or "\n")
        said = read(tmp_path, "region")
        assert isinstance(said, list) or f"line {whole[:end].count(chr(10)) + 1}: " in said


@pytest.mark.parametrize("config", ["", "[default]\nregion = a"])
def test_no_such_profile(tmp_path, config):
    write(tmp_path, config)
    said = read(tmp_path, "output", AWS_PROFILE="else\x1b[1m")
    assert 'the profile "else\\x1b[1m", which AWS_PROFILE names' in said


# ---- where the files are ----


def test_files_that_are_named(tmp_path):
    (tmp_path / "a").write_text("[default]\nregion = a\n")
    (tmp_path / "b").write_text("[default]\naws_access_key_id = b\n")
    keys = ("region", "aws_access_key_id")
    named = {"AWS_CONFIG_FILE": f"{tmp_path}/a", "AWS_SHARED_CREDENTIALS_FILE": f"{tmp_path}/b"}
    assert read(tmp_path / "nowhere", *keys, **named) == ["a", "b"]
    named = {"AWS_CONFIG_FILE": "~/a", "AWS_SHARED_CREDENTIALS_FILE": "~/b"}
    assert read(tmp_path, *keys, **named) == ["a", "b"]


@pytest.mark.parametrize("path", ["/dev/null", "/nowhere/else", "/dev/null/x", "/"])
def test_files_that_are_none(tmp_path, path):
    write(tmp_path, "[default]\nregion = a\n")
    assert read(tmp_path, "output", "region", AWS_CONFIG_FILE=path) == [None, None]


def test_a_folder_that_nobody_may_enter(tmp_path):
    write(tmp_path, "[default]\nregion = a\n")
    (tmp_path / "loop").symlink_to("loop")
    assert "loop: cannot open" in read(tmp_path, "output", AWS_CONFIG_FILE=f"{tmp_path}/loop")


# ---- region and endpoint ----

ENDPOINTS = "[default]\nregion = file\nendpoint_url = http://127.0.0.1:9000/file\n"
VALUES = [
    # variables, region, endpoint of S3, endpoint of STS
    ({}, "file", "http://127.0.0.1:9000/file", "http://127.0.0.1:9000/file"),
    ({"AWS_REGION": "a"}, "a", None, None),
    ({"AWS_DEFAULT_REGION": "b"}, "b", None, None),
    ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, "a", None, None),
    ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "file", None, None),
    ({"AWS_ENDPOINT_URL": "http://a"}, None, "http://a", "http://a"),
    ({"AWS_ENDPOINT_URL": ""}, None, "http://127.0.0.1:9000/file", None),
    ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "https://b"}, None, "https://b",
     "http://a"),
    ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_STS": "https://b"}, None, "http://a",
     "https://b"),
]  # fmt: skip


@pytest.mark.parametrize("variables, region, s3, sts", VALUES)
def test_region_and_endpoint(tmp_path, monkeypatch, variables, region, s3, sts):
    write(tmp_path, ENDPOINTS)
    ours = read(tmp_path, "@region", "@endpoint", "@sts_endpoint", **variables)
    for value, expected in zip(ours, (region, s3, sts)):
        assert expected in (None, value)
    session = by_botocore(tmp_path, monkeypatch, variables)
    for service, url in (("s3", ours[1]), ("sts", ours[2])):
        client = session.create_client(service, region_name="us-east-1")
        assert client.meta.endpoint_url == url
    if "AWS_REGION" not in variables:   # which botocore does not know
        assert session.get_config_variable("region") == ours[0]


def test_without_settings(tmp_path):
    assert read(tmp_path, "@region", "@endpoint") == ["us-east-1", None]


@pytest.mark.parametrize("region", ["us east", "a/b", "a.b", "x" * 65, "r\u00fcn", "a\nb"])
def test_no_region(tmp_path, region):
    assert "regions have names as" in read(tmp_path, "@region", AWS_REGION=region)


@pytest.mark.parametrize("url", ["localhost:9000", "ftp://user:pass@x", "http://a b:pass@x",
                                 "http://a\nx:pass", "https://user:pass@x", "HTTP://pass", "http://r\u00fcn:pass"])  # fmt: skip
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_no_endpoint(tmp_path, name, url):
    said = read(tmp_path, "@endpoint", **{name: url})
    assert said.startswith(f"{name} is no URL") and "pass" not in said


def test_endpoints_of_services(tmp_path):
    text = "[default]\nservices = local\n[services local]\ns3 =\n  endpoint_url = http://a\n"
    write(tmp_path, text)
    assert "set AWS_ENDPOINT_URL_S3" in read(tmp_path, "@endpoint")
    assert read(tmp_path, "@endpoint", AWS_ENDPOINT_URL="http://b") == ["http://b"]


def test_keys_are_of_one_file(tmp_path):
    """A token of one pair of keys does not go with another."""
    write(tmp_path, "[default]\naws_access_key_id = A\naws_secret_access_key = B\n"
          "aws_session_token = C\n",
          "[default]\naws_access_key_id = D\naws_secret_access_key = E\n")  # fmt: skip
    assert read(tmp_path, *KEYS[1:4]) == ["D", "E", None]
