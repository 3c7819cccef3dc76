"""What the tests here share: a filled emulator, and an adapter whose door leads to it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from plugin.edge.emulator import Happening
from plugin.edge.link import Link
from plugin.hosts.connectwise_automate.api import Api
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.emulator_world import CLIENT_ID, PASSWORD, USER
from plugin.hosts.connectwise_automate.host import ConnectWiseAutomate
from tests.rig import link_to, small_world


def filled_emulator() -> AutomateEmulator:
    """Return an emulator that shows the small world."""
    emulator = AutomateEmulator()
    emulator.reset(small_world())
    return emulator


@pytest.fixture
def emulator() -> Iterator[AutomateEmulator]:
    """Give a filled emulator, and see that nothing broke the contract."""
    filled = filled_emulator()
    yield filled
    assert list(filled.breaches) == []


def host_of(
    emulator: AutomateEmulator,
    now: Callable[[], datetime] | None = None,
    **settings: str,
) -> ConnectWiseAutomate:
    """Return an adapter with the emulator's settings, some of them changed."""
    return ConnectWiseAutomate(_link(emulator, now, settings))


def api_of(
    emulator: AutomateEmulator, now: Callable[[], datetime] | None = None, **settings: str
) -> Api:
    """Return the adapter's inner door, for what its methods do not show."""
    return Api(_link(emulator, now, settings), "ConnectWise Automate")


def _link(
    emulator: AutomateEmulator, now: Callable[[], datetime] | None, settings: dict[str, str]
) -> Link:
    plain = link_to(emulator)
    return link_to(emulator, {**plain.settings, **settings}, now=now or emulator.clock)


def happen(emulator: AutomateEmulator, what: str, **details: Any) -> dict[str, Any]:
    """Let something happen that must be this emulator's; names with dashes are written with _."""
    dashed = {name.replace("_", "-"): value for name, value in details.items()}
    chosen = dashed if what == "switch" else details
    told = emulator.occur(Happening(what, chosen))
    assert told is not None
    return told


def later(emulator: AutomateEmulator, **amount: float) -> None:
    """Let time pass."""
    emulator.clock.offset += timedelta(**amount)


def calls(emulator: AutomateEmulator, word: str) -> int:
    """Return how many requests had ``word`` in their path."""
    return sum(word.lower() in request["path"].lower() for request in emulator.requests)


class Stranger:
    """A client of somebody else's making, signed in to an emulator in its own spelling."""

    def __init__(self, emulator: AutomateEmulator) -> None:
        self._client = Client(emulator)
        self.headers = {"ClientID": CLIENT_ID.upper()}
        answer = self.call("POST", "/v1/apitoken/", {"username": USER, "password": PASSWORD})
        self.headers["Authorization"] = f"Bearer {answer['AccessToken']}"

    def open(self, method: str, path: str, body: object = None, **query: Any) -> TestResponse:
        """Make a call and return the whole answer."""
        return self._client.open(
            f"/cwa/api{path}", method=method, json=body, query_string=query, headers=self.headers
        )

    def call(self, method: str, path: str, body: object = None, **query: Any) -> Any:  # noqa: ANN401
        """Make a call that works and return its JSON."""
        answer = self.open(method, path, body, **query)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.json


EPOCH = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
