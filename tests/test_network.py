"""Proxies, certificates and deadlines, as the environment and the options have them."""

import datetime
import ipaddress
import ssl

import mpt_zip
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fault_proxy import proxy_to, serving
from s3_servers import moto  # noqa: F401
from test_convert import GOOD, SOME_FAILED, USAGE, run
from test_convert_s3 import Remote


@pytest.fixture
def remote(moto, tmp_path):  # noqa: F811
    remote = Remote(moto, tmp_path)
    remote.put("runs/run:v1.mpt", mpt_zip.write(tmp_path / "one.mpt").read_bytes())
    return remote


def look(remote, *options, **variables):
    return remote.convert("-n", remote.url("runs"), *options, **variables)


# ---- proxies ----


@pytest.mark.parametrize(
    "variables, used",
    [
        ({"http_proxy": "{proxy}"}, True),
        ({"https_proxy": "{proxy}"}, False),
        ({"all_proxy": "{proxy}"}, True),
        ({"http_proxy": "{proxy}", "no_proxy": "127.0.0.1"}, False),
        ({"http_proxy": "{proxy}", "no_proxy": "elsewhere"}, True),
        # What a web server would take from a header.
        ({"HTTP_PROXY": "{proxy}"}, False),
    ],
)
def test_proxy(remote, moto, variables, used):  # noqa: F811
    with serving(proxy_to(moto)) as proxy:
        values = {name: value.format(proxy=proxy.url) for name, value in variables.items()}
        done = look(remote, **values)
        assert done.exit == GOOD, done.stderr
        assert (proxy.count > 0) == used


# ---- certificates ----


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """That of 127.0.0.1, which nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server of tests")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )  # fmt: skip
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.fixture
def https(moto, certificate):  # noqa: F811
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = proxy_to(moto)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield server.url.replace("http://", "https://")


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_of_the_user(remote, https, certificate, variable):
    done = look(remote, f"--endpoint-url={https}", **{variable: str(certificate)})
    assert done.exit == GOOD, done.stderr


def test_unknown_certificate(remote, https):
    """It is refused at once: trying again is no help."""
    done = look(remote, f"--endpoint-url={https}")
    assert done.exit == SOME_FAILED
    assert "certificate" in done.stderr and "(1 attempt)" in done.stderr


# ---- options and environment ----


@pytest.mark.parametrize(
    "options, variables, said",
    [
        (["--network-timeout=0"], {}, "from 1 to 3600"),
        (["--endpoint-url=ftp://x"], {}, "begins with http:// or https://"),
        ([], {"AWS_MAX_ATTEMPTS": "none"}, "AWS_MAX_ATTEMPTS"),
        ([], {"AWS_MAX_ATTEMPTS": "101"}, "from 1 to 100"),
    ],
)
def test_wrong_settings(remote, options, variables, said):
    done = look(remote, *options, **variables)
    assert done.exit in (USAGE, SOME_FAILED)
    assert said in done.stderr


@pytest.mark.parametrize("attempts", [1, 2])
def test_nobody_listens(remote, attempts):
    done = look(
        remote, "--endpoint-url=http://127.0.0.1:9", AWS_MAX_ATTEMPTS=str(attempts)
    )
    assert done.exit == SOME_FAILED
    assert f"({attempts} attempt{'s' if attempts > 1 else ''})" in done.stderr


def test_local_work_needs_no_network(tmp_path):
    """Settings of the network that are wrong are nobody's business then; nor is libcurl loaded."""
    mpt_zip.write(tmp_path / "run:v1.mpt")
    done = run(tmp_path, "-n", "run:v1.mpt", env={"LD_DEBUG": "files", "AWS_PROFILE": "none"})
    assert done.exit == GOOD
    assert "libcurl" not in done.stderr and "libcrypto" in done.stderr
