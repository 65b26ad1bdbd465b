"""A server that says what a test wants it to say, whatever it is asked; also as that of AWS.

As AWS it is a proxy: a CONNECT for any host ends in it, behind a certificate of its own.
"""

import datetime
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fault_proxy import QuietHandler, QuietServer

DATE = "Wed, 01 May 2024 12:34:56 GMT"


class Answer:
    """status 0: the connection is dropped."""

    def __init__(self, status, body=b"", **headers):
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = [(name.replace("_", "-"), value) for name, value in headers.items()]


class Asked:
    def __init__(self, handler, host):
        # handler.path has fewer slashes.
        self.method, self.path, _ = handler.requestline.split()
        self.headers, self.host = handler.headers, host
        self.body = handler.body()

    def __str__(self):
        return f"{self.method} {self.path}"


class Handler(QuietHandler):
    def do(self):
        asked = Asked(self, self.headers["Host"])
        answer = self.server.next_answer(asked)
        if answer.status == 0:
            self.drop()
        else:
            self.answer(answer.status, answer.headers, answer.body)

    def do_CONNECT(self):
        self.send_response_only(200)
        self.end_headers()
        self.wfile.flush()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self.close_connection = False

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do


class CannedS3(QuietServer):
    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.tls = tls
        self.say()

    def say(self, *answers):
        """These, one after the other; the last again and again."""
        with self.lock:
            self.answers, self.asked = list(answers), []

    def next_answer(self, asked):
        with self.lock:
            self.asked.append(asked)
            return self.answers[min(len(self.asked), len(self.answers)) - 1]


def make_certificate(path, *hosts):
    """Its own issuer: a context for a server, and path as the bundle for clients."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "canned")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - day).not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(h) for h in hosts]), False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(certificate.public_bytes(pem))
    both = path.with_suffix(".both")
    both.write_bytes(key.private_bytes(pem, *plain) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context
