"""The connection check is sent rung by rung, each before the next is tried."""

from collections.abc import Iterator

import pytest

from plugin.edge.emulator import Happening
from plugin.edge.inprocess import InProcess
from plugin.store.base import db
from plugin.store.integrations import Connection
from tests.blueprints.pages.office import Office, open_office

KIND = "eset_protect"
PATH = f"/connections/new/{KIND}"
HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("growing")) as office:
        emulator = office.house.emulators[KIND]
        emulator.origin = "https://eset.example"
        office.house.runtime.transports[""] = InProcess(emulator)  # type: ignore[index]
        yield office


def form(office: Office, name: str, **more: str) -> dict[str, str]:
    return {**office.house.emulators[KIND].connection_settings(), "name": name, **more}


def saved(office: Office, name: str) -> Connection | None:
    office.fresh()
    return db.session.query(Connection).filter_by(name=name).one_or_none()


def test_every_rung_is_sent_before_the_next_call_is_made(office: Office) -> None:
    emulator = office.house.emulators[KIND]
    answer = office.administrator.post(PATH, form(office, "Grown"), headers=HTMX, buffered=False)
    asked, told = [], []
    for piece in answer.iter_encoded():
        asked.append(emulator.request_count)
        told.append(piece.decode())
    trying = [number for number, piece in enumerate(told) if 'class="trying"' in piece]
    assert answer.headers["Bridgehead-Grows"] == "1"
    assert len(trying) >= 4
    assert asked[trying[0]] < asked[trying[1]] < asked[trying[-1]]
    assert saved(office, "Grown") is not None
    assert "data-go" in told[-1]
    secret = form(office, "")["password"]
    assert secret not in "".join(told)


def test_a_fault_stops_the_ladder_and_nothing_is_saved(office: Office) -> None:
    wrong = form(office, "Stopped", password="wrong")
    page = office.administrator.post(PATH, wrong, headers=HTMX).text
    assert "Why:" in page
    assert "What to do:" in page
    assert "Nothing was saved." in page
    assert 'name="anyway"' in page
    assert "data-go" not in page
    assert saved(office, "Stopped") is None
    page = office.administrator.post(PATH, wrong | {"anyway": "1"}, headers=HTMX).text
    assert "data-go" in page
    assert saved(office, "Stopped") is not None


def test_a_fault_of_a_field_brings_the_whole_form_with_the_text_at_it(office: Office) -> None:
    answer = office.administrator.post(PATH, form(office, "no.dns.name"), headers=HTMX)
    assert answer.headers["HX-Retarget"] == "#page"
    assert 'id="name-error"' in answer.text


def test_who_saves_second_is_told_below_the_ladder(office: Office) -> None:
    emulator = office.house.emulators[KIND]
    emulator.occur(Happening("switch", {"name": "integrations", "value": True}))
    made = saved(office, "Grown") or pytest.fail("the first test makes it")
    old = form(office, "Grown too late", version="0")
    page = office.administrator.post(f"/connections/{made.id}/edit", old, headers=HTMX).text
    assert "Somebody else changed this connection meanwhile" in page
    assert saved(office, "Grown too late") is None
