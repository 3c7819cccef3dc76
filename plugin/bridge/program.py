"""The program's life: enrol once, beat, take work, and go on after anything that passes."""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import plugin.vendors
from plugin import __version__
from plugin.bridge import keeping
from plugin.bridge.keeping import Kept
from plugin.bridge.server import LateError, Server
from plugin.bridge.walking import Adapters, Task, walk
from plugin.domain.errors import ConfigError, EdgeError, PluginError, RefusedError, TransientError
from plugin.edge.discovery import find_adapters

HANDS = 2
FIRST_BEAT = 15.0
_log = logging.getLogger("bridgehead.bridge")


class Program:
    """One running bridge."""

    def __init__(self, kept: Kept, certificate: str = "", hands: int = HANDS) -> None:
        """Work for the server that ``kept`` names, with so many ``hands`` (threads)."""
        self._kept, self._certificate, self._hands = kept, certificate, hands
        self._adapters = Adapters(find_adapters(plugin.vendors))
        self._lock = threading.Lock()
        self._holding: set[int] = set()
        self._beat_seconds = FIRST_BEAT
        self._refused = False
        self.stopping = threading.Event()

    def run(self) -> int:
        """Work until ``stopping`` is set; 1 when the server turned this bridge out."""
        threads = [threading.Thread(target=self._beats, name="beat", daemon=True)]
        threads += [
            threading.Thread(target=self._works, name=f"hand {number}", daemon=True)
            for number in range(self._hands)
        ]
        for thread in threads:
            thread.start()
        while not self.stopping.wait(0.5):  # a signal that another thread got is handled then
            pass
        for thread in threads:
            thread.join(5)
        return 1 if self._refused else 0

    def _server(self) -> Server:
        return Server(self._kept.server, self._kept.secret, self._certificate)

    def _beats(self) -> None:
        server = self._server()
        while not self.stopping.is_set():
            self._beat_seconds = self._tried(lambda: float(server.beat()["beat"]), 2.0)
            self.stopping.wait(self._beat_seconds)

    def _works(self) -> None:
        server = self._server()
        while not self.stopping.is_set():
            wait = self._tried(lambda: self._work(server), 2.0)
            self.stopping.wait(wait)

    def _work(self, server: Server) -> float:
        """Do one piece of work if there is any; returns the seconds before asking again."""
        with self._lock:  # one hand asks at a time, so that none is given what another just got
            answer = server.lease(sorted(self._holding), 1)
            tasks: list[Task] = answer["tasks"]
            self._holding |= {task["id"] for task in tasks}
        for task in tasks:
            self._do(server, task)
        return 0.0 if tasks else float(answer["again"])

    def _do(self, server: Server, task: Task) -> None:
        try:
            walk(server, self._adapters, task, self.stopping)
        except LateError:
            _log.warning("task %d was given to another bridge; what we had is dropped", task["id"])
        finally:
            with self._lock:
                self._holding.discard(task["id"])

    def _tried(self, call: Callable[[], float], otherwise: float) -> float:
        try:
            return call()
        except RefusedError as error:
            _log.error("%s: this bridge was turned out; enrol it again", error)
            self._refused = True
            self.stopping.set()
        except TransientError as error:
            _log.warning("%s; trying again", error)
        except EdgeError as error:
            _log.warning("%s", error)
        except Exception:  # noqa: BLE001 - it must outlive its own mistakes
            _log.exception("a mistake of this program; it goes on")
        return otherwise


# -- checking ------------------------------------------------------------------------------------


def check(kept: Kept | None, folder: Path, certificate: str) -> bool:
    """Try every step that a bridge needs and print what was seen; True when all hold."""
    steps: list[tuple[str, Callable[[], str]]] = [
        ("Python", lambda: sys.version.split()[0]),
        ("Vendors", lambda: ", ".join(sorted(find_adapters(plugin.vendors)))),
        ("Folder", lambda: _writable(folder)),
        ("Enrolled", lambda: _told(kept).server),
        ("Server", lambda: _reach(_told(kept), certificate)),
        ("Secret", lambda: _known(_told(kept), certificate)),
    ]
    for name, step in steps:
        try:
            print(f"ok      {name}: {step()}")
        except (PluginError, OSError) as error:
            print(f"failed  {name}: {error}")
            return False
    return True


def _told(kept: Kept | None) -> Kept:
    if kept is None:
        raise ConfigError(["not enrolled yet: start once with --server and --token"])
    return kept


def _writable(folder: Path) -> str:
    probe = folder / f"probe-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    probe.write_text("", "utf-8")
    probe.unlink()
    return f"{folder} can be written"


def _reach(kept: Kept, certificate: str) -> str:
    started = time.monotonic()
    Server(kept.server, "", certificate).is_there()
    return f"{kept.server} answers in {(time.monotonic() - started) * 1000:.0f} ms"


def _known(kept: Kept, certificate: str) -> str:
    beat = Server(kept.server, kept.secret, certificate).beat()["beat"]
    return f"the server knows this bridge; a beat every {beat:g} s"


# -- starting ------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bridgehead bridge", description="Talk to vendors for a Bridgehead server."
    )
    parser.add_argument("--server", default="", help="address of the server (https)")
    parser.add_argument("--token", default="", help="one-time token from the bridge's page")
    parser.add_argument("--data", default="bridge", help="folder for this bridge's own secret")
    parser.add_argument("--ca", default="", help="file with the server's own certificate (PEM)")
    parser.add_argument("--hands", type=int, default=HANDS, help="walks at a time")
    parser.add_argument("--enrol", action="store_true", help="use the token, then end")
    parser.add_argument("--check", action="store_true", help="try every step, then end")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the program; every failure of ours is one line and status 2, never a trace."""
    given = _parser().parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        return _start(given)
    except PluginError as error:
        print(f"bridgehead bridge cannot go on: {error}", file=sys.stderr)
        return 2


def _start(given: argparse.Namespace) -> int:
    folder = Path(given.data)
    certificate = Path(given.ca).read_text("utf-8") if given.ca else ""
    kept = keeping.load(folder)
    if given.check:
        return 0 if check(kept, folder, certificate) else 1
    if kept is None or (given.token and given.server and kept.server != given.server):
        kept = _enrol(given, folder, certificate)
    if given.enrol:
        _log.info("enrolled at %s", kept.server)
        return 0
    program = Program(kept, certificate, max(1, given.hands))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: program.stopping.set())
    _log.info("bridge %s works for %s", __version__, kept.server)
    return program.run()


def _enrol(given: argparse.Namespace, folder: Path, certificate: str) -> Kept:
    if not given.server or not given.token:
        raise ConfigError(["the first start needs --server URL and --token TOKEN"])
    _writable(folder)  # before the token is used up
    answer = Server(given.server, "", certificate).enrol(given.token)
    kept = Kept(given.server, str(answer["secret"]))
    keeping.save(folder, kept)
    return kept
