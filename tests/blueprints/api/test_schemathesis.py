"""The whole document put to the test: made-up requests, good and bad, against every operation.

With ``BRIDGEHEAD_SOAK`` every parameter's borders are tried too, and operations one after the
other as links lead: some three thousand requests.
"""

import os
from pathlib import Path

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import (
    EngineEvent,
    EngineFinished,
    FatalError,
    NonFatalError,
    ScenarioFinished,
)

from plugin.edge.emulator import Served
from plugin.runtime import Runtime
from plugin.services import access
from plugin.services.access import Role
from tests.blueprints.api.rooms import Rooms, open_rooms

SOAK = bool(os.environ.get("BRIDGEHEAD_SOAK"))
EXAMPLES = 10 if SOAK else 1
ACCEPTED = ["2xx", "404", "409"]
AGAINST_A_RULE = "422"
"""A change of the right shape may still break a rule of the product: a name that is taken."""


def accepting(*statuses: str) -> dict[str, object]:
    return {"positive_data_acceptance": {"expected-statuses": list(statuses)}}


def configuration(rooms: Rooms) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "headers": {"Authorization": f"Bearer {rooms.tokens[Role.ADMINISTRATOR]}"},
            "checks": accepting(*ACCEPTED),
            "operations": [
                {
                    "include-method": ["POST", "PUT", "PATCH"],
                    "checks": accepting(*ACCEPTED, AGAINST_A_RULE),
                }
            ],
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True},
            "phases": {"coverage": {"enabled": SOAK}, "stateful": {"enabled": SOAK}},
            "seed": 1,
            "cache": {"enabled": False},
        }
    )


def keep_own_token(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the token that the test itself shows, whoever guesses its number."""
    with rooms.app.app_context():
        own = access.find_token(rooms.tokens[Role.ADMINISTRATOR])
        assert own is not None
        number, revoke = own.id, access.revoke_token

    def revoke_others(runtime: Runtime, token_id: int, actor: str) -> None:
        if token_id != number:
            revoke(runtime, token_id, actor)

    monkeypatch.setattr(access, "revoke_token", revoke_others)


def told(event: EngineEvent) -> list[str]:
    """Return what an event complains about."""
    if isinstance(event, ScenarioFinished):
        return [
            f"{event.recorder.label}: {check.failure_info.failure}"
            for checks in event.recorder.checks.values()
            for check in checks
            if check.failure_info is not None
        ]
    if isinstance(event, NonFatalError):
        return [f"{event.label}: {event.value!r}"]
    return [repr(event.exception)] if isinstance(event, FatalError) else []


@pytest.mark.slow
def test_every_operation_keeps_what_the_document_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = open_rooms(tmp_path)
    keep_own_token(rooms, monkeypatch)
    served = Served(rooms.app)
    try:
        schema = schemathesis.openapi.from_url(
            f"{served.origin}/api/v1/openapi.json", config=configuration(rooms)
        )
        events = list(from_schema(schema).execute())
    finally:
        served.stop()
    assert isinstance(events[-1], EngineFinished)
    faults = [fault for event in events for fault in told(event)]
    assert not faults, "\n".join(faults)
