"""Keys fetched by a worker prove calls in every other process, and old ones leave every process."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select

from plugin.domain.model import Delivery as Call
from plugin.edge.emulator import Happening
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.services import inbox, secrets
from plugin.services.receiver import Receiver
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.shared import ProofKeys
from plugin.store.work import Delivery
from tests.house import HOST, House, open_house


@dataclass
class Street:
    """A worker's process with its PSA, and web processes that take the calls."""

    house: House
    connection: Connection
    caught: list[Call] = field(default_factory=list)

    @property
    def psa(self) -> ConnectWisePsaEmulator:
        return cast(ConnectWisePsaEmulator, self.house.emulators[HOST])

    def web(self) -> Receiver:
        """Start another process: it shares the database and nothing else."""
        runtime: Any = replace(self.house.runtime, _made=threading.local(), _shared={})
        return Receiver(self.house.app, runtime)

    def call(self) -> Call:
        """Return a fresh call of the PSA."""
        self.psa.occur(Happening("ticket-saved", {"ticket": 1}))
        self.psa.background()
        self.house.clock.forward(1)
        return self.caught[-1]

    def take(self, web: Receiver, call: Call) -> bool:
        """Let a web process take a call; tells whether it was proved there and then."""
        web._known = {}  # as after the two seconds for which it knows a token
        found = web.find(self.connection.webhook_token or "")
        assert found is not None
        taken = inbox.accept(web, found, body=call.body, headers=call.headers, query="")
        db.session.remove()
        row = db.session.get(Delivery, taken.delivery_id)
        assert row is not None
        return row.proven


@pytest.fixture
def street(database: str, tmp_path: Path) -> Iterator[Street]:
    with open_house(database, tmp_path) as house:
        connection = house.connect(HOST)
        house.work_all()
        db.session.refresh(connection)
        made = Street(house, connection)

        def catch(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
            pairs = tuple((name.lower(), value) for name, value in headers.items())
            made.caught.append(Call(body, pairs))
            return 204

        made.psa.callbacks.sender = catch
        yield made


def test_a_key_that_the_worker_fetched_proves_calls_in_every_web_process(street: Street) -> None:
    first, second = street.web(), street.web()
    assert not street.take(first, street.call())
    street.house.work_all()
    assert street.take(first, street.call())
    assert street.take(second, street.call())


def test_after_a_new_key_no_process_takes_the_old_one_unasked(street: Street) -> None:
    first, second = street.web(), street.web()
    street.take(first, street.call())
    street.house.work_all()
    assert street.take(second, old := street.call())
    street.psa.occur(Happening("rotate-key", {"expire": True}))
    assert not street.take(first, street.call())
    street.house.work_all()
    for web in (first, second, street.web()):
        assert street.take(web, street.call())
        assert not street.take(web, old)


def test_a_key_is_good_for_minutes_wherever_it_was_fetched(street: Street) -> None:
    web = street.web()
    street.take(web, street.call())
    street.house.work_all()
    street.house.clock.forward(280)
    assert street.take(web, street.call())
    street.house.clock.forward(60)
    assert not street.take(web, street.call())


def test_a_web_process_that_saw_a_new_key_is_not_told_the_old_one_again(street: Street) -> None:
    web = street.web()
    street.take(web, street.call())
    street.house.work_all()
    assert street.take(web, old := street.call())
    street.psa.occur(Happening("rotate-key"))
    assert not street.take(web, street.call())
    assert not street.take(web, replace(old, body=old.body + b" "))


def test_keys_stand_sealed_in_the_database_and_a_rotation_drops_them(street: Street) -> None:
    street.take(street.web(), street.call())
    street.house.work_all()
    key = next(iter(street.psa.table("keys").values()))["signing_key"]
    (row,) = db.session.scalars(select(ProofKeys)).all()
    assert key not in row.sealed
    secrets.rotate(street.house.runtime, "tester")
    db.session.remove()
    assert db.session.scalars(select(ProofKeys)).all() == []
    assert not street.take(street.web(), street.call())
