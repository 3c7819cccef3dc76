"""A test call: saved at the PSA, received by our own door, proven by the worker."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from plugin.domain.errors import RuleError
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.services import inbox, trial_call
from plugin.services.receiver import Receiver
from plugin.store.base import db
from plugin.store.integrations import Connection
from tests.house import HOST, VENDOR, House, open_house


@pytest.fixture
def house(sqlite: str, tmp_path: Path) -> Iterator[House]:
    with open_house(sqlite, tmp_path) as opened:
        yield opened


def steps(house: House, connection: Connection, *, reachable: bool = True) -> list[tuple[str, str]]:
    """Send a test call; while it waits, the PSA calls and the worker works."""
    psa = cast(ConnectWisePsaEmulator, house.emulators[HOST])
    receiver, token = Receiver(house.app, house.runtime), connection.webhook_token or ""

    def take(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
        query = url.partition("?")[2]
        with house.app.app_context():  # the PSA calls from threads of its own
            found = receiver.find(token)
            assert found is not None
            inbox.accept(receiver, found, body=body, headers=list(headers.items()), query=query)
        return 204

    def go_on(seconds: float) -> None:
        psa.background()
        house.work_all()

    psa.callbacks.sender = take if reachable else lambda *_: None
    told = trial_call.send(house.runtime, "tester", connection, wait=go_on)
    return [(each.name, each.outcome.value) for each in told]


def test_the_call_of_a_saved_ticket_arrives_and_is_proven(house: House) -> None:
    made = house.integrate()
    house.happen("detection")
    house.sync(made.vendor)
    assert steps(house, made.host) == [
        ("Our address", "warning"),
        ("Callback at the host", "ok"),
        ("Save at the host", "ok"),
        ("Call received", "ok"),
    ]


def test_a_host_that_cannot_reach_us_is_told_apart(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_call, "PATIENCE", 0.05)
    made = house.integrate()
    house.happen("detection")
    house.sync(made.vendor)
    assert steps(house, made.host, reachable=False)[-1] == ("Call received", "failed")


def test_without_a_ticket_of_ours_nothing_is_saved(house: House) -> None:
    connection = house.connect(HOST)
    house.work_all()
    assert steps(house, connection)[-1] == ("Save at the host", "failed")


def test_a_switched_off_callback_is_named(house: House) -> None:
    connection = house.connect(HOST)
    house.work_all()
    psa = house.emulators[HOST]
    for row in cast(ConnectWisePsaEmulator, psa).records.every("system/callbacks"):
        row["inactiveFlag"] = True
    assert steps(house, connection)[-1] == ("Callback at the host", "failed")


def test_systems_that_are_not_made_to_call_say_so(house: House) -> None:
    for kind in (VENDOR, "connectwise_automate"):
        connection = house.connect(kind)
        db.session.refresh(connection)
        with pytest.raises(RuleError, match=r"no calls|script"):
            trial_call.send(house.runtime, "tester", connection)
