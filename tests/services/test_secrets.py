from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.services import secrets
from plugin.store.base import db
from plugin.store.integrations import Connection
from tests.databases import fresh_sqlite
from tests.house import HOST, House, open_house


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(secrets, "STEP", 2)
    with open_house(fresh_sqlite(tmp_path), tmp_path) as opened:
        for number in range(6):
            opened.connect(HOST, f"PSA {number}")
        yield opened


def keys(house: House) -> set[str]:
    db.session.commit()
    return {
        house.runtime.vault.key_id(each) for each in db.session.scalars(select(Connection.sealed))
    }


def all_readable(house: House) -> bool:
    wanted = house.emulators[HOST].connection_settings()["private_key"]
    rows = db.session.scalars(select(Connection)).all()
    return all(house.runtime.opened(row)["private_key"] == wanted for row in rows)


def test_every_secret_is_sealed_anew_and_opens(house: House) -> None:
    before, versions = keys(house), list(db.session.scalars(select(Connection.version)))
    assert secrets.rotate(house.runtime, "tester") == 6
    assert not before & keys(house)
    assert all_readable(house)
    assert list(db.session.scalars(select(Connection.version))) == versions


def test_a_rotation_killed_half_way_leaves_all_readable_and_a_rerun_finishes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, honest, calls = keys(house), secrets._reseal, [0]

    def dying(runtime: object, kind: secrets._Sealed, ids: list[int]) -> int:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        return honest(house.runtime, kind, ids)

    monkeypatch.setattr(secrets, "_reseal", dying)
    with pytest.raises(KeyboardInterrupt):
        secrets.rotate(house.runtime, "tester")
    assert len(keys(house)) == 2
    assert all_readable(house)
    monkeypatch.setattr(secrets, "_reseal", honest)
    secrets.rotate(house.runtime, "tester")
    assert len(keys(house)) == 1
    assert not before & keys(house)
    assert all_readable(house)
