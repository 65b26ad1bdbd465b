"""Speak the protocol of convert/unpickler/protocol.h with a built helper."""

import os
import resource
import socket
import struct
import subprocess
from dataclasses import dataclass, field

# enum unpickler_layout
ARCHIVE, STREAM, PACKAGE, PLAIN = range(4)
VERDICTS = ("INDEX", "CORRUPT", "UNSUPPORTED", "NOT_A_POLICY", "LIMIT",
            "MEMORY")


def helper_path():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    build = os.environ.get("MPT_BUILD", os.path.join(root, "build"))
    return os.path.join(build, "mpt-unpickler")


@dataclass
class Tensor:
    key: str
    storage: int
    dtype: str
    offset: int
    size: tuple
    stride: tuple
    flags: int


@dataclass
class Answer:
    verdict: str
    reason: str = ""
    where: str = ""
    kind: str = ""
    architecture: str | None = None
    storages: list = field(default_factory=list)    # (key, class, numel)
    inline: list = field(default_factory=list)      # their bytes, or None
    # (key, numel, bytes of an element, number of the storage or None)
    stream: list = field(default_factory=list)
    tensors: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    globals: list = field(default_factory=list)

    @property
    def keys(self):
        return [tensor.key for tensor in self.tensors]


class HelperDied(Exception):
    """The helper closed its socket; args: its exit status."""


class Body:
    def __init__(self, data):
        self.data = data
        self.pos = 0

    def take(self, nbytes):
        assert nbytes <= len(self.data) - self.pos, "answer too short"
        self.pos += nbytes
        return self.data[self.pos - nbytes:self.pos]

    def numbers(self, kind, count):
        size = struct.calcsize("<" + kind)
        return struct.unpack(f"<{count}{kind}", self.take(count * size))

    def u8(self):
        return self.numbers("B", 1)[0]

    def u32(self):
        return self.numbers("I", 1)[0]

    def u64(self):
        return self.numbers("Q", 1)[0]

    def text(self):
        return self.take(self.u32()).decode("utf-8")    # strict


def parse_tensor(body):
    key, storage, dtype, offset = (body.text(), body.u32(), body.text(),
                                   body.u64())
    rank = body.u32()
    return Tensor(key, storage, dtype, offset, body.numbers("Q", rank),
                  body.numbers("Q", rank), body.u8())


def parse_listed(body):
    key, numel, itemsize, number = (body.text(), body.u64(), body.u32(),
                                    body.u32())
    return key, numel, itemsize, None if number == 2**32 - 1 else number


def parse_answer(data):
    body = Body(data)
    answer = Answer(VERDICTS[body.u8()])
    if answer.verdict == "INDEX":
        answer.kind = body.text()
        if body.u8():
            answer.architecture = body.text()
        for _ in range(body.u32()):
            answer.storages.append((body.text(), body.text(), body.u64()))
            answer.inline.append(body.take(body.u64()) if body.u8() else None)
        answer.stream = [parse_listed(body) for _ in range(body.u32())]
        answer.tensors = [parse_tensor(body) for _ in range(body.u32())]
        answer.notes = [body.text() for _ in range(body.u32())]
        answer.globals = [body.text() for _ in range(body.u32())]
    else:
        answer.reason = body.text()
        answer.where = body.text()
    assert body.pos == len(data), "bytes after the answer"
    return answer


class Helper:
    """A running mpt-unpickler."""

    def __init__(self, path=None, limited=False, **popen):
        ours, theirs = socket.socketpair()
        # mpt-convert gives it no environment; sanitizers may keep theirs.
        environment = {name: value for name, value in os.environ.items()
                       if name.endswith("SAN_OPTIONS")}
        with theirs:
            self.process = subprocess.Popen([path or helper_path()],
                                            stdin=theirs, env=environment,
                                            **popen)
        self.socket = ours
        try:
            self.greet()
        except Exception:
            self.close()
            raise
        if limited and "ASAN_OPTIONS" not in os.environ:
            self.limit()

    def limit(self):
        """As mpt-convert does for a pickle of up to 1 MiB, which it has scanned."""
        space = self.address_space + (64 << 20)
        resource.prlimit(self.process.pid, resource.RLIMIT_AS, (space, space))
        resource.prlimit(self.process.pid, resource.RLIMIT_CPU, (30, 30))

    def greet(self):
        """What it says first: its address space, and why it cannot serve."""
        self.address_space, length = struct.unpack("<QI", self.receive(12))
        self.fault = self.receive(length).decode()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """End it the way mpt-convert does; returns its exit status."""
        self.socket.close()
        return self.process.wait(timeout=30)

    def receive(self, nbytes):
        data = bytearray()
        while len(data) < nbytes:
            try:
                chunk = self.socket.recv(min(nbytes - len(data), 1 << 20))
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise HelperDied(self.process.wait(timeout=30))
            data += chunk
        return bytes(data)

    def send(self, body):
        """One request as it is; returns the body of the answer."""
        try:
            self.socket.sendall(struct.pack("<Q", len(body)) + body)
        except BrokenPipeError:
            raise HelperDied(self.process.wait(timeout=30)) from None
        return self.receive(struct.unpack("<Q", self.receive(8))[0])

    def ask_raw(self, pickle, layout=ARCHIVE, path=""):
        path = path.encode() if isinstance(path, str) else path
        return self.send(struct.pack("<BI", layout, len(path)) + path + pickle)

    def ask(self, pickle, layout=ARCHIVE, path=""):
        return parse_answer(self.ask_raw(pickle, layout, path))
