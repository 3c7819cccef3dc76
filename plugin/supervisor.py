"""Keeps the processes of ``bridgehead run`` alive on one machine, and ends them together.

It imports next to nothing, so that watching costs no memory. A child that dies is started again
after a short, growing pause; Ctrl-C ends all of them at once, the last started first, and a TERM
signal lets the web process tell its proxy first. When it is killed itself, the children end too, so
that a new start finds its ports free.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from types import FrameType

GRACE_SECONDS = 10.0
LONGEST_PAUSE = 10.0
READY_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """One process: how it is started, and how often it died lately.

    One that ``drains`` takes its time at a TERM signal and ends at once at Ctrl-C's.
    """

    name: str
    command: list[str]
    drains: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    again_at: float = field(default=0.0)

    def start(self) -> None:
        """Start the process in a group of its own, so that Ctrl-C reaches it through us alone."""
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            self.command,
            start_new_session=True,
            preexec_fn=self._end_with_parent if sys.platform == "linux" else None,
        )
        self.started = time.monotonic()

    def look(self) -> None:
        """Start the process again when it died and its pause is over."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.again_at:
                self.start()
            return
        status = self.process.poll()
        if status is None:
            return
        # What it leaves behind (a server's workers) would hold its port and its memory.
        self._signal(signal.SIGKILL)
        self.deaths = 1 if now - self.started > 60 else self.deaths + 1
        pause = min(LONGEST_PAUSE, 0.2 * 2**self.deaths)
        _say(f"{self.name} ended (status {status}); it is started again in {pause:.1f} s")
        self.process, self.again_at = None, now + pause

    def ask_to_end(self, *, at_once: bool) -> None:
        """Ask the process to end, and with it those it started itself."""
        if self.process is not None:
            self.process.send_signal(self._quick if at_once else signal.SIGTERM)

    @property
    def _quick(self) -> signal.Signals:
        return signal.SIGINT if self.drains else signal.SIGTERM

    def _end_with_parent(self) -> None:
        """Have the process told to end when the one that started it is gone, even by a kill."""
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, self._quick)

    def end(self, until: float) -> None:
        """Wait for the end until the moment ``until``, then force it."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            _say(f"{self.name} did not end in time; it is forced to")
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: int) -> None:
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


class Supervisor:
    """Starts the children in order, watches them, and ends them in the opposite order."""

    def __init__(
        self, children: list[Child], ready_url: str, greeting: str, grace: float = 0.0
    ) -> None:
        """Watch ``children``; print ``greeting`` when ``ready_url`` answers.

        A TERM signal is given ``grace`` seconds more than Ctrl-C.
        """
        self._children, self._ready_url, self._greeting = children, ready_url, greeting
        self._grace, self._told = grace, 0

    def run(self) -> int:
        """Work until a signal comes; returns the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        for child in self._children:
            child.start()
        deadline = time.monotonic() + READY_SECONDS
        greeted = False
        while not self._told:
            for child in self._children:
                child.look()
            if not greeted and self._is_ready():
                greeted = True
                _say(self._greeting)
            if not greeted and time.monotonic() > deadline:
                greeted = True
                _say("not ready after a minute: look at the lines above for the cause")
            time.sleep(0.1)
        return self._end()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._told = number

    def _end(self) -> int:
        _say("ending …")
        drains = self._told == signal.SIGTERM
        until = time.monotonic() + GRACE_SECONDS + (self._grace if drains else 0.0)
        for child in reversed(self._children):
            child.ask_to_end(at_once=not drains)
        for child in reversed(self._children):
            child.end(until)
        return 0

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._ready_url, timeout=2) as answer:  # noqa: S310 - ours
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a program's output is its purpose


def main() -> int:
    """Read what to start from the standard input (JSON) and keep it running."""
    wanted = json.loads(sys.argv[1])
    children = [
        Child(each["name"], each["command"], each.get("drains", False))
        for each in wanted["children"]
    ]
    return Supervisor(children, wanted["ready_url"], wanted["greeting"], wanted["grace"]).run()


if __name__ == "__main__":
    sys.exit(main())
