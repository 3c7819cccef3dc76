from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.domain.errors import ConflictError, FormError, RuleError
from plugin.services import connections
from plugin.services.connections import HIDDEN, Outcome
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.journal import AuditEntry
from tests.databases import fresh_sqlite
from tests.house import HOST, VENDOR, House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as opened:
        yield opened


def callbacks(house: House) -> list[dict[str, object]]:
    found: list[dict[str, object]] = house.emulators[HOST].state()["callbacks"]
    return found


@pytest.mark.parametrize("kind", [HOST, VENDOR, "eset_protect", "kaspersky_cloud"])
def test_each_kind_connects_with_its_emulators_values_and_its_check_is_green(
    house: House, kind: str
) -> None:
    connection = house.connect(kind)
    steps = connections.check(house.runtime, connection)
    assert [step for step in steps if step.outcome is Outcome.FAILED] == []
    db.session.refresh(connection)
    assert connection.state == "working"


def test_secrets_are_sealed_and_nowhere_else(house: House) -> None:
    settings = house.emulators[HOST].connection_settings()
    connection = house.connect(HOST)
    secrets = {settings["private_key"], settings["client_id"]}
    assert not secrets & set(connection.settings.values())
    assert all(secret not in connection.sealed for secret in secrets)
    told = str([entry.after for entry in db.session.scalars(select(AuditEntry))])
    assert all(secret not in told for secret in secrets)


def test_every_faulty_field_is_named_at_once(house: House) -> None:
    with pytest.raises(FormError) as caught:
        connections.create(house.runtime, "tester", HOST, " ", {})
    fields = {each.field for each in caught.value.errors}
    assert {"name", "site", "login_company", "public_key", "private_key"} <= fields


def test_a_name_is_given_once_whatever_its_letter_case(house: House) -> None:
    house.connect(HOST, "My PSA")
    with pytest.raises(RuleError) as caught:
        house.connect(HOST, "my psa")
    assert caught.value.field == "name"


def test_an_untouched_secret_keeps_its_value(house: House) -> None:
    connection = house.connect(HOST)
    values = dict(connection.settings) | {"private_key": HIDDEN, "client_id": ""}
    connections.edit(house.runtime, "tester", connection, "Renamed", values, connection.version)
    steps = connections.check(house.runtime, connection)
    assert steps[-1].outcome is not Outcome.FAILED
    assert connection.name == "Renamed"


def test_the_second_of_two_editors_is_told(house: House) -> None:
    connection = house.connect(HOST)
    seen, values = connection.version, dict(connection.settings) | {"private_key": HIDDEN}
    connections.edit(house.runtime, "anna", connection, "First", values, seen)
    with pytest.raises(ConflictError):
        connections.edit(house.runtime, "bert", connection, "Second", values, seen)
    assert connection.name == "First"


def test_a_check_is_no_edit(house: House) -> None:
    connection = house.connect(HOST)
    before = connection.version
    connections.check(house.runtime, connection)
    db.session.refresh(connection)
    assert connection.version == before


def test_a_failed_check_names_step_cause_and_cure(house: House) -> None:
    connection = house.connect(HOST)
    settings = house.runtime.opened(connection) | {"private_key": "wrong"}
    failed = connections.climb(house.runtime, connection, settings)[-1]
    assert failed.outcome is Outcome.FAILED
    assert failed.name == "Sign in"
    assert failed.cause
    assert failed.cure
    assert "wrong" not in failed.seen


def test_callbacks_are_registered_once_and_repaired(house: House) -> None:
    connection = house.connect(HOST)
    house.work_all()
    registered = len(callbacks(house))
    assert registered >= 2
    house.happen("callback-off")
    house.clock.forward(house.runtime.settings.limits.sync.subscriptions + 1)
    house.work_all()
    assert len(callbacks(house)) == registered
    assert not any(each["inactiveFlag"] for each in callbacks(house))
    assert connections.webhook_url(house.runtime, connection).endswith("?recordId=")


def test_a_deleted_connection_takes_its_callbacks_along(house: House) -> None:
    connection = house.connect(HOST)
    house.work_all()
    connections.delete(house.runtime, "tester", connection)
    house.work_all()
    assert callbacks(house) == []
    with pytest.raises(RuleError):
        connections.get(connection.id)
    assert db.session.get(Connection, connection.id) is not None
