from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from plugin.runtime import sealed_place
from plugin.services import secrets
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.vault import Vault
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


def test_a_secret_saved_while_its_row_is_sealed_anew_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, honest = house.runtime.vault, type(house.runtime.vault).reseal
    saved = vault.seal({"private_key": "the new one"}, sealed_place(1))

    def slowly(self: Vault, sealed: str, place: str) -> str | None:
        if place == sealed_place(1):  # somebody saves between our reading and our writing
            db.session.execute(update(Connection).where(Connection.id == 1).values(sealed=saved))
        return honest(self, sealed, place)

    monkeypatch.setattr(type(vault), "reseal", slowly)
    secrets.rotate(house.runtime, "tester")
    row = db.session.get_one(Connection, 1, populate_existing=True)
    assert house.runtime.opened(row)["private_key"] == "the new one"
