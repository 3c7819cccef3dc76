"""The secret of scripts' calls: made by us, replaced without a gap, shown once with its script."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from plugin.hosts.connectwise_automate.signature import computer_secret, sign
from plugin.services import connections
from plugin.services.access import Role
from plugin.store.base import db
from plugin.store.integrations import Connection
from tests.blueprints.pages.office import Office, open_office

PAGE, API = "/connections/1/calls", "/api/v1/connections/1/calls"
DAY = 86_400


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Give an installation with an Automate connected, its webhook secret left empty."""
    with open_office(tmp_path) as office:
        emulator = office.house.emulators["connectwise_automate"]
        given = {**emulator.connection_settings(), "webhook_secret": ""}
        kind, runtime = "connectwise_automate", office.house.runtime
        connections.create(
            runtime, "tester", kind, "Automate", given, origin_override=emulator.origin
        )
        yield office


def opened(office: Office) -> dict[str, str]:
    office.fresh()
    return office.house.runtime.opened(db.session.get_one(Connection, 1))


def replaced(office: Office) -> str:
    answer = office.administrator.post(PAGE, {"do": "replace"})
    assert answer.status_code == 200
    found = re.search(r'data-copy="([\w-]{24,})"', answer.text)
    assert found
    return found[1]


def call(office: Office, secret: str, number: int, key: str = "server") -> bool:
    """Call as a script does; tell whether the call was believed."""
    return answered(office, secret, number, key).status_code == 204


def answered(
    office: Office, secret: str, number: int, key: str = "server", skew: float = 0.0
) -> TestResponse:
    """Call as a script does whose clock is ``skew`` seconds ahead of ours."""
    office.fresh()
    token = db.session.get_one(Connection, 1).webhook_token
    now = office.house.clock() + timedelta(seconds=skew)
    body = json.dumps(
        {
            "event": "alert_raised",
            "computer_id": "17",
            "message_id": f"0f8fad5b-d9cb-469f-a165-{number:012}",
            "occurred_at": now.isoformat(),
        }
    ).encode()
    timestamp = str(int(now.timestamp()))
    headers = {
        "X-Bridgehead-Timestamp": timestamp,
        "X-Bridgehead-Signature": sign(secret, timestamp, body),
        "X-Bridgehead-Key-Id": key,
    }
    return office.stranger().client.post(f"/webhooks/{token}", data=body, headers=headers)


def api(office: Office, path: str, **wish: str) -> tuple[int, dict[str, Any]]:
    headers = {"X-CSRF-Token": office.administrator.token}
    more: dict[str, Any] = {"json": wish} if wish else {}
    answer = office.administrator.client.post(f"{API}/{path}", headers=headers, **more)
    return answer.status_code, answer.json or {}


def test_an_empty_secret_is_made_up_and_stays_when_the_connection_is_edited(
    office: Office,
) -> None:
    made = opened(office)["webhook_secret"]
    assert re.fullmatch(r"[\w-]{43}", made)
    row = db.session.get_one(Connection, 1)
    values = {**row.settings, "webhook_secret": connections.HIDDEN}
    connections.edit(office.house.runtime, "tester", row, "Automate 2", values, row.version)
    assert opened(office)["webhook_secret"] == made
    assert "webhook_secret_old" not in opened(office)


def test_a_replaced_secret_is_shown_once_and_both_count_for_a_day(office: Office) -> None:
    old = opened(office)["webhook_secret"]
    assert old not in office.administrator.read(PAGE)
    new = replaced(office)
    assert new != old
    shown = office.administrator.read(PAGE)
    assert new not in shown
    assert "Two secrets count at present" in shown
    assert call(office, old, 1)
    assert call(office, new, 2)
    office.house.clock.forward(DAY + 1)
    assert call(office, new, 3)
    assert not call(office, old, 4)


def test_an_edit_in_between_does_not_shorten_the_day(office: Office) -> None:
    old = opened(office)["webhook_secret"]
    replaced(office)
    until = opened(office)["webhook_secret_old_until"]
    row = db.session.get_one(Connection, 1)
    connections.edit(office.house.runtime, "tester", row, "Another name", row.settings, row.version)
    assert opened(office)["webhook_secret_old_until"] == until
    assert call(office, old, 1)


def test_a_secret_typed_into_the_form_leaves_the_former_one_a_day_too(office: Office) -> None:
    old, typed = opened(office)["webhook_secret"], "typed-in-by-a-person-0123456"
    row = db.session.get_one(Connection, 1)
    values = {**row.settings, "webhook_secret": typed}
    connections.edit(office.house.runtime, "tester", row, "Automate", values, row.version)
    assert call(office, old, 1)
    assert call(office, typed, 2)


def test_a_computers_own_secret_follows_the_new_one(office: Office) -> None:
    new = replaced(office)
    status, told = api(office, "computer-secret", computer_id="17")
    assert (status, told) == (200, {"secret": computer_secret(new, "17")})
    assert call(office, told["secret"], 1, key="computer-17")
    form = {"do": "computer", "computer_id": "17"}
    assert told["secret"] in office.administrator.post(PAGE, form).text


def test_the_script_is_ready_to_paste_on_the_page_and_by_the_api(office: Office) -> None:
    secret = opened(office)["webhook_secret"]
    token = db.session.get_one(Connection, 1).webhook_token or ""
    shown = office.administrator.read(f"{PAGE}?event=alert_cleared&computer_id=17")
    status, told = api(office, "script", event="alert_cleared", computer_id="17")
    assert status == 200
    for text in (shown, told["script"]):
        assert f"/webhooks/{token}" in text
        assert "computer-17" in text
        assert secret not in text
    offered = office.administrator.client.get(API).json
    assert offered is not None
    assert offered["events"][0]["value"] == "alert_raised"
    assert offered["former_until"] is None


def test_bad_input_is_named(office: Office) -> None:
    for query in ("event=nothing", "computer_id=17;x"):
        answer = office.administrator.get(f"{PAGE}?{query}")
        assert answer.status_code == 422
        assert f'id="{query.partition("=")[0]}-error"' in answer.text
    assert api(office, "script", event="nothing")[0] == 422
    assert api(office, "computer-secret", computer_id="x")[0] == 422
    assert office.administrator.post(PAGE, {"do": "computer"}).status_code == 422


def test_only_administrators_see_scripts_and_other_kinds_have_none(office: Office) -> None:
    for role in (Role.TECHNICIAN, Role.VIEWER):
        assert office.visitor(role).get(PAGE).status_code == 403
        assert office.visitor(role).post(PAGE, {"do": "replace"}).status_code == 403
    office.house.connect("connectwise_psa")
    assert office.administrator.get("/connections/2/calls").status_code == 404
    assert office.administrator.client.get("/api/v1/connections/2/calls").status_code == 404
    assert "Calls from scripts" in office.administrator.read("/connections/1")
    assert "Calls from scripts" not in office.administrator.read("/connections/2")


@pytest.mark.parametrize(("skew", "way"), [(600, "ahead of"), (-600, "behind")])
def test_a_clock_ten_minutes_off_is_refused_and_the_reason_names_it(
    office: Office, skew: float, way: str
) -> None:
    answer = answered(office, replaced(office), 1, skew=skew)
    assert answer.status_code == 401
    assert re.search(rf"(599|600|601) seconds {way} our clock", answer.text)
    assert answered(office, opened(office)["webhook_secret"], 2, skew=skew / 2.1).status_code == 204
