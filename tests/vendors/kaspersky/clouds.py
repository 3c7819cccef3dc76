"""What the tests of Kaspersky's cloud share: adapters joined to emulators, plain calls, lies."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import Happening
from plugin.vendors.kaspersky.cloud import KasperskyCloud, KasperskyHub
from plugin.vendors.kaspersky.emulator_cloud import CloudEmulator
from plugin.vendors.kaspersky.emulator_cloud_facts import PASSWORD, USER
from tests.rig import EPOCH, link_to, small_world

Adapter = TypeVar("Adapter", KasperskyCloud, KasperskyHub)
LONG_AGO = EPOCH - timedelta(days=30)
NOBODY = {"api": ""}
ANNA, BEN = "anna@msp.example", "ben@msp.example"


def now() -> datetime:
    return datetime.now(UTC)


def filled(emulator: CloudEmulator, companies: int = 3, devices: int = 24) -> CloudEmulator:
    """Return the emulator with a small MSP in it, and without any waiting."""
    emulator.reset(small_world(companies, devices))
    emulator.faults.sleep = lambda seconds: None
    return emulator


def join(
    kind: type[Adapter],
    emulator: CloudEmulator,
    environment: str = "production",
    **settings: str,
) -> Adapter:
    """Return an adapter whose door leads to ``emulator``; its clock is the emulator's."""
    own = emulator.connection_settings() | settings
    link = link_to(
        emulator, own, addresses=NOBODY, environment=environment, now=lambda: emulator.clock()
    )
    return kind(link)


def cloud(
    emulator: CloudEmulator, environment: str = "production", **settings: str
) -> KasperskyCloud:
    return join(KasperskyCloud, emulator, environment, **settings)


def happen(emulator: CloudEmulator, what: str, **details: Any) -> dict[str, Any]:
    told = emulator.occur(Happening(what, details))
    assert told is not None
    return told


def switch(emulator: CloudEmulator, name: str, value: object) -> None:
    happen(emulator, "switch", name=name, value=value)


def calls(emulator: CloudEmulator, ending: str) -> int:
    """Return how many requests were seen whose path ends so."""
    return sum(seen["path"].endswith(ending) for seen in emulator.requests)


class Caller:
    """A client that is not ours: it speaks the contract by hand."""

    def __init__(
        self, emulator: CloudEmulator, user: str = USER, host: str = "cloud.example"
    ) -> None:
        self._client, self._base = Client(emulator), f"https://{host}"
        said = {"email": user, "password": PASSWORD}
        self.token = ""
        self.token = self.call("POST", "/v1/sessions", said)[1]["accessToken"]

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and body."""
        head = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = None if body is None else json.dumps(body)
        kind = None if body is None else "application/json"
        answer = self._client.open(
            path, method=method, base_url=self._base, headers=head, data=data, content_type=kind
        )
        return answer.status_code, json.loads(answer.get_data() or b"null")


class LyingCloud(CloudEmulator):
    """Answers some paths with what a test puts there."""

    lies: Mapping[str, Any] = {}
    refused_with: Any = None

    def _respond(self, request: Request) -> Response:
        if self.refused_with is not None:
            return self.json(self.refused_with, 403)
        for ending, lie in self.lies.items():
            if request.path.endswith(ending):
                return self.json(lie)
        return super()._respond(request)
