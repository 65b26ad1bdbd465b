"""A server that hands requests on to another, and does harm to one of them."""

import http.client
import socket
import struct
import threading
import urllib.parse
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your rate.</Message></Error>"
INTERNAL = b"<Error><Code>InternalError</Code><Message>We failed.</Message></Error>"
HOLD_S = 120    # longer than any test waits for what comes next
HOP = {"connection", "keep-alive", "transfer-encoding"}


class QuietHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, headers, body, sent=None):
        """All of it, or of the body only the bytes in 'sent'."""
        self.server.bodies_nbytes += len(body)
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers) and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if sent is None else sent)
        self.wfile.flush()

    def drop(self):
        """End the connection with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
        self.close_connection = True


class QuietServer(ThreadingHTTPServer):
    bodies_nbytes = 0       # that went to clients, at most
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        pass    # a client that went away

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def flipped(body):
    at = len(body) // 2
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


class Handler(QuietHandler):
    def hand_on(self, body):
        connection = http.client.HTTPConnection(*self.server.target, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        answer = connection.getresponse()
        headers = [(n, v) for n, v in answer.getheaders() if n.lower() not in HOP]
        data = answer.read()
        connection.close()
        return answer.status, headers, data

    def do(self):
        if self.server.before:
            self.server.before(self.command)
        fault = self.server.next_fault(self.command)
        body = self.body()
        if fault == "held":     # until the test has done something
            self.server.released.wait(HOLD_S)
        if fault == "reset":
            self.drop()
        elif fault in ("503", "500"):
            said = SLOW_DOWN if fault == "503" else INTERNAL
            self.answer(int(fault), [], said)
        else:
            if fault == "changed":
                body = flipped(body) if body else body
            self.finish_with(fault, *self.hand_on(body))

    def finish_with(self, fault, status, headers, data):
        if fault == "lost":
            self.drop()
        elif fault == "500 late":
            self.answer(500, [], INTERNAL)
        elif fault == "cut":
            headers = headers if self.command == "HEAD" or data else [("Content-Length", "9")]
            self.answer(status, headers, data, data[: len(data) // 2])
            self.drop()
        elif fault == "stalled":
            self.answer(status, headers, data, data[: len(data) // 2])
            self.server.released.wait(HOLD_S)
            self.drop()
        elif fault == "wrong byte":
            self.answer(status, headers, flipped(data) if data else data)
        else:
            self.answer(status, headers, data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do


class FaultProxy(QuietServer):
    """Requests are counted from 1 on; that of the number 'at' meets the fault."""

    def __init__(self, target):
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = target
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.before = None      # called with each request's method
        self.plan(None, 0)

    def plan(self, fault, at):
        with self.lock:
            self.fault, self.at, self.count = fault, at, 0
            self.methods = []

    def next_fault(self, method):
        with self.lock:
            self.count += 1
            self.methods.append(method)
            return self.fault if self.count == self.at else None


def proxy_to(server):
    """In front of a server that has a url."""
    target = urllib.parse.urlsplit(server.url)
    return FaultProxy((target.hostname, target.port))
