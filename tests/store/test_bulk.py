from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Table, insert, text

from plugin.store.base import Base, db, writing
from plugin.store.bulk import insert_many
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
