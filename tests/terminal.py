"""A program on a pseudo-terminal, what its screen shows, and how fast time goes for it."""

import os
import struct
import time

import pexpect
import pyte

# For a condition that must come true: long enough for a busy machine.
PATIENCE = 60


class Terminal:
    """A program whose three streams are a terminal of so many columns."""

    def __init__(self, command, cwd, columns=80, rows=24, **environment):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.output = b""
        self.shown = []     # the screen after each part that was read
        self.process = pexpect.spawn(
            os.fspath(command[0]),
            [*map(os.fspath, command[1:])],
            cwd=cwd,
            dimensions=(rows, columns),
            env={"TERM": "xterm", **environment},
            echo=False,
        )

    def lines(self):
        """The screen's lines, without those that are empty at its end."""
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def last(self):
        return self.lines()[-1] if self.lines() else ""

    def read(self):
        """Take what came; False at the end."""
        try:
            part = self.process.read_nonblocking(65536, PATIENCE)
        except pexpect.EOF:
            return False
        self.output += part
        self.stream.feed(part)
        self.shown.append(self.lines())
        return True

    def until(self, line):
        """Read until the last line of the screen is this one."""
        deadline = time.monotonic() + PATIENCE
        while self.last() != line:
            assert time.monotonic() < deadline, self.lines()
            assert self.read(), f"ended with {self.lines()}"

    def resize(self, columns):
        """As a window manager does it: the kernel learns of it, and the screen is cut."""
        self.screen.resize(columns=columns)
        self.process.setwinsize(self.screen.lines, columns)

    def finish(self):
        """Read to the end; the exit status."""
        while self.read():
            pass
        self.process.wait()
        assert self.process.signalstatus is None
        return self.process.exitstatus


class Pace:
    """The steps and the clock of tests/drivers/convert_paced.c."""

    def __init__(self, folder):
        folder.mkdir()
        self.environment = {"PACE": str(folder)}
        self.clock = folder / "clock"
        self.set_clock(0)
        os.mkfifo(folder / "steps")
        self.pipe = os.open(folder / "steps", os.O_RDWR)

    def set_clock(self, seconds):
        """In one write, as the program may read it at any time."""
        with open(self.clock, "r+b" if self.clock.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("d", seconds))

    def step(self, count=1):
        """Let so many large writes pass."""
        os.write(self.pipe, bytes(count))

    def close(self):
        os.close(self.pipe)
