"""A server that plays STS, a container's endpoint and instance metadata, and is told what to say."""

import json
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from fault_proxy import serving

ROLES = "/latest/meta-data/iam/security-credentials/"
TOKEN = "/latest/api/token"
IMDS_TOKEN = "imds-token-=="
TTL, TOKEN_HEADER = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
STS = "AssumeRoleWithWebIdentity"
XMLNS = "https://sts.amazonaws.com/doc/2011-06-15/"


def moment(seconds):
    """So many seconds from now, as AWS writes it."""
    then = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


def keys(name="A", lasts=3600):
    return {
        "AccessKeyId": f"ASIA{name}",
        "SecretAccessKey": f"secret/{name}+",
        "Token": f"token/{name}==",
        "Expiration": moment(lasts),
    }


def of_container(name="A", lasts=3600, **changes):
    return json.dumps({**keys(name, lasts), "RoleArn": "arn:aws:iam::1:role/x", **changes})


def of_instance(name="A", lasts=3600, **changes):
    more = {"Code": "Success", "LastUpdated": moment(0), "Type": "AWS-HMAC"}
    return json.dumps({**more, **keys(name, lasts), **changes})


def of_sts(name="A", lasts=3600, **changes):
    """Changes: another text for an element, or None for no such element."""
    found = keys(name, lasts)
    found["SessionToken"] = found.pop("Token")
    found.update(changes)
    inner = "".join(f"<{key}>{text}</{key}>" for key, text in found.items() if text is not None)
    return f"""<{STS}Response xmlns="{XMLNS}">
  <{STS}Result>
    <Audience>sts.amazonaws.com</Audience>
    <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/x/y</Arn></AssumedRoleUser>
    <Credentials>{inner}</Credentials>
  </{STS}Result>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</{STS}Response>"""


def sts_error(code, message):
    return (f'<ErrorResponse xmlns="{XMLNS}"><Error><Type>Sender</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error></ErrorResponse>")  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        seen = SimpleNamespace(method=self.command, path=self.path, headers=self.headers,
                               body=self.rfile.read(length).decode())  # fmt: skip
        with self.server.lock:
            self.server.seen.append(seen)
            status, text = self.choose(seen)
        body = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_CONNECT = handle_any

    def choose(self, seen):
        """The next answer for its method and path; the last one stays."""
        if seen.path.startswith(ROLES) and seen.headers.get(TOKEN_HEADER) != IMDS_TOKEN:
            return 401, "no token"
        if seen.path == TOKEN and not seen.headers.get(TTL, "").isdigit():
            return 400, "no TTL"
        answers = self.server.answers.get((seen.method, seen.path), [(404, "nothing here")])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """answers: by method and path, a list of (status, body)."""

    daemon_threads = True

    def __init__(self, address=("127.0.0.1", 0)):
        super().__init__(address, Handler)
        self.answers, self.seen, self.lock = {}, [], threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def say(self, method, path, *answers):
        self.answers[method, path] = [a if isinstance(a, tuple) else (200, a) for a in answers]

    def be_instance(self, *answers, role="a-role"):
        self.say("PUT", TOKEN, IMDS_TOKEN)
        self.say("GET", ROLES, role)
        self.say("GET", ROLES + role, *(answers or [of_instance()]))


@contextmanager
def running(address=("127.0.0.1", 0)):
    with serving(Server(address)) as server:
        yield server
