"""S3 on this machine: moto, and nanio, which is stricter; both check signatures.

moto lets a number of calls in unsigned, for the first user to be made by; after that every
request must be signed by a key that it knows.
"""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config
from sources import BUILD

REGION = "us-east-1"
CLIENT = BUILD / "tests/drivers/s3_client"
SETUP_CALLS = 3     # that moto does not check
ALL = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
)
# What this machine may have set for others: proxies, certificates, settings of the AWS tools.
FOREIGN = ("AWS_", "SSL_CERT", "CURL_CA")


def clean_environment(**changes):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and not name.lower().endswith("_proxy")
    }
    nothing = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    return kept | nothing | changes


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(process, port):
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args} does not listen")


@contextmanager
def running(command, port, log, **environment):
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, env=clean_environment(**environment), stdout=output, stderr=output
        )
    try:
        wait_for(process, port)
        yield process
    finally:
        process.terminate()
        process.wait()


def client_of(service, url, access="x", secret="x", token=None):
    """boto3's, which takes nothing from the environment."""
    config = Config(
        proxies={}, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"},
        signature_version="v4" if service != "s3" else "s3v4")  # fmt: skip
    return boto3.client(
        service, endpoint_url=url, region_name=REGION, verify=False, config=config,
        aws_access_key_id=access, aws_secret_access_key=secret, aws_session_token=token,
    )  # fmt: skip


class Server(SimpleNamespace):
    """Of a server: url, access, secret, and s3 as boto3 sees it; 'made' counts its buckets."""

    def bucket(self):
        self.made += 1
        name = f"bucket-{self.made}"
        self.s3.create_bucket(Bucket=name)
        return name

    def command(self, *words):
        return [CLIENT, *words]

    def run(self, *words, url=None, attempts=3, timeout=60, **changes):
        """What our client makes of it."""
        environment = clean_environment(
            AWS_ENDPOINT_URL=url or self.url, AWS_REGION=REGION, AWS_ACCESS_KEY_ID=self.access,
            AWS_SECRET_ACCESS_KEY=self.secret, AWS_MAX_ATTEMPTS=str(attempts),
        ) | changes  # fmt: skip
        words = [os.fsencode(word) for word in words]
        return subprocess.run(
            [CLIENT, *words], env=environment, capture_output=True, timeout=timeout
        )


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)]
    log = tmp_path_factory.mktemp("moto") / "log"
    with running(command, port, log, INITIAL_NO_AUTH_ACTION_COUNT=str(SETUP_CALLS)):
        iam = client_of("iam", url)
        iam.create_user(UserName="tester")
        key = iam.create_access_key(UserName="tester")["AccessKey"]
        iam.put_user_policy(UserName="tester", PolicyName="all", PolicyDocument=ALL)
        access, secret = key["AccessKeyId"], key["SecretAccessKey"]
        s3 = client_of("s3", url, access, secret)
        yield Server(url=url, access=access, secret=secret, s3=s3, made=0)


@pytest.fixture(scope="session")
def nanio(tmp_path_factory):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    access, secret = "AKNANIO", "a-secret-of-tests"
    folder = tmp_path_factory.mktemp("nanio")
    command = [Path(sys.executable).parent / "nanio", "serve", "--host", "127.0.0.1", "--port",
               str(port), "--data-dir", folder / "data", "--no-access-log"]  # fmt: skip
    with running(command, port, folder / "log", NANIO_ACCESS_KEY=access, NANIO_SECRET_KEY=secret):
        s3 = client_of("s3", url, access, secret)
        yield Server(url=url, access=access, secret=secret, s3=s3, made=0)
