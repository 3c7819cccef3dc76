"""A vendor's second list of clients: proposed, joined by a person, refused for good."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.services import connections
from plugin.services.access import Role
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.journal import AuditEntry
from tests.blueprints.pages.office import Office, open_office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Give an installation with ESET connected and nothing joined."""
    with open_office(tmp_path) as office:
        emulator = office.house.emulators["eset_protect"]
        given = {**emulator.connection_settings(), "customer_pairs": ""}
        connections.create(
            office.house.runtime,
            "tester",
            "eset_protect",
            "ESET",
            given,
            origin_override=emulator.origin,
        )
        yield office


PAGE, API = "/connections/1/customers", "/api/v1/connections/1/customers"


def pairs(office: Office) -> list[dict[str, str]]:
    told = office.administrator.client.get(API).json
    assert told is not None
    found: list[dict[str, str]] = told["proposals"]
    return found


def form(pair: dict[str, str], do: str) -> dict[str, str]:
    return {"workspace": pair["workspace_id"], "customer": pair["customer_id"], "do": do}


def saved(office: Office) -> str:
    office.fresh()
    return db.session.get_one(Connection, 1).settings["customer_pairs"]


def last_action() -> tuple[str, str]:
    last = db.session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
    assert last is not None
    return last.action, last.actor


def test_a_proposal_is_joined_on_the_page(office: Office) -> None:
    first, *others = pairs(office)
    shown = office.administrator.read(PAGE)
    assert first["workspace_name"] in shown
    assert first["reason"] in shown
    assert '<a href="/connections" aria-current="page">' in shown
    assert saved(office) == ""
    answer = office.administrator.post(PAGE, form(first, "join"))
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert saved(office) == f"{first['workspace_id']}={first['customer_id']}"
    assert last_action() == ("customer.join", "administrator@example.com")
    assert pairs(office) == others
    assert first["customer_id"] in office.administrator.read(PAGE)


def test_a_second_click_joins_nothing_twice(office: Office) -> None:
    first = pairs(office)[0]
    office.administrator.post(PAGE, form(first, "join"))
    before = saved(office)
    answer = office.administrator.post(PAGE, form(first, "join"))
    assert answer.status_code == 422
    assert "is not proposed" in answer.text
    assert saved(office) == before


def test_a_pair_nobody_proposed_is_not_joined(office: Office) -> None:
    one, other, *_ = pairs(office)
    mixed = {**one, "customer_id": other["customer_id"]}
    for do in ("join", "refuse"):
        answer = office.administrator.post(PAGE, form(mixed, do))
        assert answer.status_code == 422
    assert saved(office) == ""


def test_a_refused_pair_is_not_proposed_again(office: Office) -> None:
    first, *others = pairs(office)
    office.administrator.post(PAGE, form(first, "refuse"))
    assert last_action() == ("customer.refuse", "administrator@example.com")
    assert pairs(office) == others
    assert saved(office) == ""


def test_what_was_joined_is_taken_apart(office: Office) -> None:
    first = pairs(office)[0]
    office.administrator.post(PAGE, form(first, "join"))
    office.administrator.post(PAGE, form(first, "part"))
    assert saved(office) == ""
    assert last_action()[0] == "customer.part"
    assert first in pairs(office)
    assert office.administrator.post(PAGE, form(first, "part")).status_code == 422


def test_the_api_joins_refuses_and_takes_apart(office: Office) -> None:
    first, second, *_ = pairs(office)
    visitor = office.administrator
    headers = {"X-CSRF-Token": visitor.token}

    def ids(pair: dict[str, str]) -> dict[str, str]:
        return {"workspace_id": pair["workspace_id"], "customer_id": pair["customer_id"]}

    told = visitor.client.put(API, json=ids(first), headers=headers).json
    assert told is not None
    assert told["joined"] == {first["workspace_id"]: first["customer_id"]}
    answer = visitor.client.put(API, json=ids(first), headers=headers)
    assert answer.status_code == 422
    assert "customer_id" in answer.text
    told = visitor.client.post(f"{API}/refuse", json=ids(second), headers=headers).json
    assert told is not None
    assert second not in told["proposals"]
    wish = {"workspace_id": first["workspace_id"]}
    told = visitor.client.post(f"{API}/part", json=wish, headers=headers).json
    assert told is not None
    assert told["joined"] == {}


def test_a_silent_vendor_is_said_so_and_what_is_joined_is_shown(office: Office) -> None:
    first = pairs(office)[0]
    office.administrator.post(PAGE, form(first, "join"))
    office.house.emulators["eset_protect"].add_fault("500", times=99)
    shown = office.administrator.read(PAGE)
    assert "could not be fetched" in shown
    assert "What to do" in shown
    assert "Nothing is proposed" not in shown
    assert first["customer_id"] in shown


def test_only_administrators_join_and_other_kinds_have_nothing_to_join(office: Office) -> None:
    for role in (Role.TECHNICIAN, Role.VIEWER):
        assert office.visitor(role).get(PAGE).status_code == 403
        assert office.visitor(role).post(PAGE, {"do": "join"}).status_code == 403
    office.house.connect("kaspersky_ksc")
    assert office.administrator.get("/connections/2/customers").status_code == 404
    assert office.administrator.client.get("/api/v1/connections/2/customers").status_code == 404
    assert "Join customers" in office.administrator.read("/connections/1")
    assert "Join customers" not in office.administrator.read("/connections/2")
