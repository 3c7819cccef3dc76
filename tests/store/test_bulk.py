from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Table, insert, text
from sqlalchemy.sql.dml import ReturningInsert

from plugin.store.base import Base, db, writing
from plugin.store.bulk import insert_at_once, insert_many
from plugin.store.upsert import dialect_of, insert_for
from tests.scene import scene

DEVICES: Table = Base.metadata.tables["device"]
MOMENT = datetime(2026, 1, 31, 8, 0, 0, 17, tzinfo=UTC)


def rows_of(vendor: int) -> list[dict[str, Any]]:
    told = {
        "vendor_id": vendor,
        "workspace_id": "w1",
        "device_class": "server",
        "protection": "ok",
        "fingerprint": "f",
        "first_seen_at": MOMENT,
        "operating_system": "Ünïx",
        "serial": "",
        "fqdn": "a.example",
        "address": "10.0.0.1",
        "user": "o'neill",
        "product": "%s",
        "product_version": ":v",
        "deployment": "running",
        "isolated": True,
        "bases_at": None,
        "macs": [],
        "conditions": ["a", "ü"],
        "groups": [],
    }
    return [told | {"device_id": f"d{number}", "name": f"PC-{number}"} for number in range(3)]


def stored(vendor: int) -> list[tuple[Any, ...]]:
    """Return the columns of a vendor's devices as the database itself has them."""
    names = ", ".join(
        f'"{each.name}"' for each in DEVICES.c if each.name not in {"id", "vendor_id"}
    )
    query = text(f"SELECT {names} FROM device WHERE vendor_id = :vendor ORDER BY name")
    return [tuple(map(str, row)) for row in db.session.execute(query, {"vendor": vendor})]


def test_what_is_stored_is_what_sqlalchemy_stores(database: str) -> None:
    with scene(database) as play:
        ours, plain = play.add_connection().id, play.add_connection(name="Plain").id
        with writing() as session:
            insert_many(session, DEVICES, rows_of(ours))
            session.execute(insert(DEVICES), rows_of(plain))
        assert stored(ours) == stored(plain)
        assert len(stored(ours)) == 3


def test_a_computed_default_has_to_be_named(sqlite: str) -> None:
    with scene(sqlite) as play:
        vendor = play.add_connection().id
        rows = [{k: v for k, v in row.items() if k != "groups"} for row in rows_of(vendor)]
        with pytest.raises(TypeError, match="computed"), writing() as session:
            insert_many(session, DEVICES, rows)


def test_a_moment_without_a_zone_is_refused_as_everywhere(sqlite: str) -> None:
    with scene(sqlite) as play:
        vendor = play.add_connection().id
        rows = [row | {"bases_at": datetime(2026, 1, 1)} for row in rows_of(vendor)]  # noqa: DTZ001
        with pytest.raises(ValueError, match="without a time zone"), writing() as session:
            insert_many(session, DEVICES, rows)


def test_rows_at_once_meet_conflicts_and_return_as_sqlalchemy_s_do(database: str) -> None:
    with scene(database) as play:
        ours, plain = play.add_connection().id, play.add_connection(name="Plain").id
        with writing() as session:
            statement = _counting(dialect_of(session))
            first = insert_at_once(session, statement, rows_of(ours)).all()
            again = insert_at_once(session, statement, rows_of(ours)).all()
            session.execute(statement, rows_of(plain))
            session.execute(statement, rows_of(plain))
        assert stored(ours) == stored(plain)
        assert sorted(first) == [("d0", "PC-0"), ("d1", "PC-1"), ("d2", "PC-2")]
        assert sorted(again) == [("d0", "PC-0, met"), ("d1", "PC-1, met"), ("d2", "PC-2, met")]


def _counting(dialect: str) -> ReturningInsert[Any]:
    statement = insert_for(dialect, DEVICES)
    return statement.on_conflict_do_update(
        index_elements=["vendor_id", "workspace_id", "device_id"],
        set_={"name": statement.excluded.name + ", met"},
    ).returning(DEVICES.c.device_id, DEVICES.c.name)
