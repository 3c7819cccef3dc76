"""Drives browsers that Playwright brings no build of: Debian's Firefox, and WebKitGTK.

Firefox is spoken to by its own remote protocol (Marionette), WebKitGTK by the W3C's WebDriver: the
commands are the same, only the way they travel differs.
"""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

FIREFOX = Path("/usr/bin/firefox-esr")
WEBKIT_DRIVER = Path("/usr/bin/WebKitWebDriver")
SCREEN = Path("/usr/bin/Xvfb")
WEBKIT = next(iter(sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))), None)
STARTING, WAITING = 60.0, 30.0

QUIET: Mapping[str, object] = {
    "app.update.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:9",
    "toolkit.telemetry.enabled": False,
}
"""Firefox asks nobody but whom the test names."""


class DrivingError(Exception):
    """The browser refused a command, or a page never became what was waited for."""


class Browser(ABC):
    """A browser with one window, driven by scripts run in its page or in our frame."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the browser."""

    @abstractmethod
    def send(self, way: str, what: str, **values: object) -> Any:  # noqa: ANN401 - any JSON
        """Send one command, by its path at WebDriver and its name at Marionette."""

    def open(self, address: str) -> None:
        """Load the host's page."""
        self.send("url", "Navigate", url=address)

    def run(self, script: str, *, frame: bool = True) -> Any:  # noqa: ANN401 - any JSON
        """Return what a script answers, run in the first frame of the page or in the page."""
        self.send("frame", "SwitchToFrame", id=None)
        if frame:
            self.send("frame", "SwitchToFrame", id=0)
        return self.send("execute/sync", "ExecuteScript", script=script, args=[])

    def until(self, script: str, *, frame: bool = True) -> Any:  # noqa: ANN401 - any JSON
        """Return the first answer that is true; DrivingError names what is shown instead."""
        end, problem = time.monotonic() + WAITING, ""
        while time.monotonic() < end:
            try:
                if found := self.run(script, frame=frame):
                    return found
            except DrivingError as error:  # the frame is just being replaced
                problem = str(error)
            time.sleep(0.1)
        shown = self.run("return document.body.innerText", frame=frame)
        raise DrivingError(f"never came: {script}; {problem}; shown: {shown[:600]}")

    def click(self, selector: str, words: str) -> None:
        """Press the first part of our frame that a selector finds and that bears these words."""
        self.until(
            f"const found = [...document.querySelectorAll({json.dumps(selector)})].find("
            f"each => each.textContent.includes({json.dumps(words)}));"
            "if (found) found.click(); return Boolean(found)"
        )


class Firefox(Browser):
    """Firefox by Marionette: ``length:[0, id, name, values]`` each way."""

    def __init__(self, port: int) -> None:
        """Connect as soon as it listens."""
        self._line = _connected(port)
        self._read()  # its greeting
        self._count = 0
        self.send("session", "NewSession", acceptInsecureCerts=True)

    def send(self, way: str, what: str, **values: object) -> Any:  # noqa: ANN401
        """Send one command by its name."""
        self._count += 1
        text = json.dumps([0, self._count, f"WebDriver:{what}", values]).encode()
        self._line.sendall(b"%d:%s" % (len(text), text))
        _, _, problem, answer = self._read()
        if problem:
            raise DrivingError(f"{what}: {problem.get('error')}: {problem.get('message')}")
        return answer.get("value") if isinstance(answer, dict) else answer

    def close(self) -> None:
        """Close the line."""
        self._line.close()

    def _read(self) -> Any:  # noqa: ANN401 - any JSON
        size = b""
        while (sign := self._line.recv(1)) not in {b":", b""}:
            size += sign
        whole = b""
        while len(whole) < int(size):
            whole += self._line.recv(int(size) - len(whole))
        return json.loads(whole)


class WebKit(Browser):
    """WebKitGTK by the W3C's WebDriver over HTTP."""

    def __init__(self, port: int, policy: str) -> None:
        """Open a window; ``policy`` is the browser's word for whose cookies it keeps."""
        _connected(port).close()
        self._address = f"http://127.0.0.1:{port}/session"
        options = {"binary": str(WEBKIT), "args": ["--automation", f"--cookies-policy={policy}"]}
        wish = {"acceptInsecureCerts": True, "webkitgtk:browserOptions": options}
        made = self._post(self._address, {"capabilities": {"alwaysMatch": wish}})
        self._address += f"/{made['sessionId']}/"

    def send(self, way: str, what: str, **values: object) -> Any:  # noqa: ANN401
        """Send one command by its path."""
        return self._post(self._address + way, values)

    def close(self) -> None:
        """Nothing stays open between two commands."""

    @staticmethod
    def _post(address: str, values: object) -> Any:  # noqa: ANN401 - any JSON
        request = urllib.request.Request(
            address, json.dumps(values).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise DrivingError(error.read().decode("utf-8", "replace")[:500]) from error


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + STARTING
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextmanager
def firefox(folder: Path, preferences: Mapping[str, object]) -> Iterator[Browser]:
    """Open Firefox without a window, with a new profile set like this."""
    port = _free_port()
    wanted = {**QUIET, **preferences, "marionette.port": port}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(v)});" for name, v in wanted.items()]
    (folder / "user.js").write_text("\n".join(lines), "utf-8")
    command = [str(FIREFOX), "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
    with _program(command, {"HOME": str(folder)}), closing(Firefox(port)) as found:
        yield found


@contextmanager
def webkit(folder: Path, policy: str) -> Iterator[Browser]:
    """Open WebKitGTK's own small browser on a screen that nobody sees."""
    number = f":{_free_port()}"
    around = {"HOME": str(folder), "DISPLAY": number, "GDK_BACKEND": "x11"}
    quiet = {"WEBKIT_DISABLE_COMPOSITING_MODE": "1", "LIBGL_ALWAYS_SOFTWARE": "1"}
    with _program([str(SCREEN), number, "-nolisten", "tcp"], {}):
        port = _free_port()
        with _program([str(WEBKIT_DRIVER), f"--port={port}"], {**around, **quiet}):
            yield WebKit(port, policy)


@contextmanager
def _program(command: list[str], around: Mapping[str, str]) -> Iterator[None]:
    """Run a program in a group of its own, so that all of it ends."""
    with subprocess.Popen(
        command,
        env={**os.environ, **around},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, 15)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
