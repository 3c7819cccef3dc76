"""The hand-over of who is looking, and the pages of a host's records."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from plugin.services import bearers, connections, proven
from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.integrations import CompanyMapping
from plugin.store.mirror import CompanyRow, DeviceRow
from plugin.store.people import User, UserSession
from plugin.store.work import TicketEntry
from tests.blueprints.pages.office import Office, Visitor, open_office
from tests.house import HOST

OURS = "http://localhost"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("desk")) as office:
        office.house.integrate()
        office.house.happen("detection")
        for connection in connections.living(office.house.runtime):
            office.house.sync(connection)
        yield office


def launch_of(visitor: Visitor, query: str = "") -> str:
    shown = visitor.read(f"/embed/1{query}")
    return shown.partition('data-launch="')[2].partition('"')[0]


def told_by_psa(desk: Office, member: str = "jdoe") -> dict[str, str]:
    told = desk.house.happen("member-signed-in", member=member)
    return {
        "company": told["companyid"],
        "member": told["memberid"],
        "hash": told["memberHash"],
        "context": told["memberContext"],
    }


def hand_over(visitor: Visitor, body: dict[str, Any], **headers: str) -> TestResponse:
    headers = {"Origin": OURS, **headers}
    return visitor.client.post("/embed/1/member", json=body, headers=headers)


def test_a_proven_member_gets_a_session_and_the_way_to_the_record(desk: Office) -> None:
    visitor = desk.stranger()
    body = {"launch": launch_of(visitor), "screen": "company", "record": "3", **told_by_psa(desk)}
    answer = hand_over(visitor, body)
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["to"] == "/records/1?screen=company&record=3"
    assert "no-store" in answer.headers["Cache-Control"]
    bare = desk.stranger().get(
        "/devices", headers={"Authorization": f"Bearer {answer.json['bearer']}"}
    )
    assert bare.status_code == 200
    framed = {"Sec-Fetch-Dest": "iframe"}
    assert visitor.get("/devices", headers=framed).status_code == 200
    again = hand_over(visitor, {"launch": answer.json["launch"], **told_by_psa(desk)})
    assert again.status_code == 200
    desk.fresh()
    user = db.session.scalar(select(User).where(User.identity.is_not(None)))
    assert user is not None
    assert (user.role, user.password_hash) == (Role.VIEWER, "")
    sessions = select(UserSession).where(UserSession.user_id == user.id)
    assert len(db.session.scalars(sessions).all()) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"hash": "made-up"}, 403),
        ({"member": "asmith"}, 403),
        ({"company": "another"}, 403),
        ({"member": 'x" or "1"="1'}, 403),
        ({"launch": "made.up"}, 400),
        ({"hash": "x" * 5000}, 400),
    ],
)
def test_what_psa_does_not_confirm_is_refused_with_a_sentence(
    desk: Office, change: dict[str, str], status: int
) -> None:
    visitor = desk.stranger()
    answer = hand_over(visitor, {"launch": launch_of(visitor), **told_by_psa(desk), **change})
    assert (answer.status_code, answer.get_json()["problem"][-1]) == (status, ".")
    assert visitor.get("/devices").status_code == 302


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_nobody_else_hands_over(desk: Office, origin: str) -> None:
    visitor = desk.stranger()
    body = {"launch": launch_of(visitor), **told_by_psa(desk)}
    assert hand_over(visitor, body, Origin=origin).status_code == 403


def test_a_launch_is_good_for_its_connection_and_ten_minutes(desk: Office) -> None:
    visitor = desk.stranger()
    launch = launch_of(visitor)
    desk.house.clock.forward(601)
    answer = hand_over(visitor, {"launch": launch, **told_by_psa(desk)})
    assert (answer.status_code, answer.get_json()["problem"]) == (
        400,
        "This page was open for too long. Load it again.",
    )


def test_many_refused_claims_from_one_place_are_told_to_wait(desk: Office) -> None:
    visitor = desk.stranger()
    launch = launch_of(visitor)
    body = {"launch": launch, **told_by_psa(desk), "hash": "guessed"}
    place = {"REMOTE_ADDR": "192.0.2.7"}
    for _ in range(20):
        visitor.client.post(
            "/embed/1/member", json=body, headers={"Origin": OURS}, environ_base=place
        )
    answer = visitor.client.post(
        "/embed/1/member", json=body, headers={"Origin": OURS}, environ_base=place
    )
    assert "Too many refused tries" in answer.get_json()["problem"]
    assert hand_over(visitor, {"launch": launch, **told_by_psa(desk)}).status_code == 200


def test_a_disabled_member_stays_outside(desk: Office) -> None:
    visitor, body = desk.stranger(), told_by_psa(desk, "asmith")
    assert hand_over(visitor, {"launch": launch_of(visitor), **body}).status_code == 200
    desk.fresh()
    with writing() as session:
        user = session.scalars(select(User).order_by(User.id.desc())).first()
        assert user is not None
        user.disabled = True
    answer = hand_over(visitor, {"launch": launch_of(visitor), **body})
    assert (answer.status_code, "disabled" in answer.get_json()["problem"]) == (403, True)


def test_a_bearer_ends_with_its_time_its_session_and_any_changed_letter(desk: Office) -> None:
    runtime = desk.house.runtime
    desk.newcomer(Role.VIEWER, "bearer@example.com")
    session = db.session.scalars(select(UserSession).order_by(UserSession.id.desc())).first()
    assert session is not None
    bearer = bearers.bearer_of(runtime, session)
    assert bearers.session_of(runtime, bearer) is session
    for place in range(3, len(bearer)):
        changed = bearer[:place] + ("A" if bearer[place] != "A" else "B") + bearer[place + 1 :]
        assert bearers.session_of(runtime, changed) is None, place
    for odd in ("bs_", "bs_.", "bs_ä.b", "bs_" + "A" * 3000):
        assert bearers.session_of(runtime, odd) is None
    with_it = {"Authorization": f"Bearer {bearer}"}
    assert desk.stranger().get("/devices", headers=with_it).status_code == 200
    desk.house.clock.forward(15 * 60 + 1)
    assert desk.stranger().get("/devices", headers=with_it).status_code == 401


def test_only_the_hosts_own_page_frames_the_launch(desk: Office) -> None:
    policy = desk.stranger().get("/embed/1").headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors {desk.house.emulators[HOST].origin}")
    assert desk.stranger().get("/embed/2").status_code == 404  # a vendor has no screens


def test_without_scripts_the_launch_leads_to_the_sign_in(desk: Office) -> None:
    shown = desk.stranger().read("/embed/1?screen=company&id=3")
    without = shown.partition("<noscript>")[2].partition("</noscript>")[0]
    assert 'href="/records/1?screen=company&amp;record=3"' in without
    assert 'target="_blank"' in without


def test_what_is_no_host_has_no_launch(desk: Office) -> None:
    assert desk.stranger().get("/embed/99").status_code == 404


def test_nobody_becomes_administrator_just_by_coming_in(desk: Office) -> None:
    with pytest.raises(Exception, match="Nobody becomes an administrator"):
        proven.set_first_role(desk.house.runtime, "tester", Role.ADMINISTRATOR)


def test_on_loopback_a_frame_takes_nobodys_place_in_the_window_beside_it(desk: Office) -> None:
    window, framed = desk.administrator, {"Sec-Fetch-Dest": "iframe"}
    assert hand_over(window, {"launch": launch_of(window), **told_by_psa(desk)}).status_code == 200
    assert "administrator@example.com" in window.read("/devices")
    assert "administrator@example.com" not in window.read("/devices", headers=framed)
    alone = desk.newcomer(Role.VIEWER, "alone@example.com")
    assert alone.get("/devices", headers=framed).status_code == 200


def mapped_company() -> CompanyRow:
    query = select(CompanyRow).join(
        CompanyMapping, CompanyMapping.company_id == CompanyRow.company_id
    )
    return db.session.scalars(query).all()[0]


def test_a_record_opens_on_its_client(desk: Office) -> None:
    company, viewer = mapped_company(), desk.viewer
    shown = viewer.read(f"/records/1?screen=company&record={company.company_id}")
    assert f"<h1>{company.name}</h1>" in shown
    entry = db.session.scalars(select(TicketEntry).where(TicketEntry.ticket_id != "")).all()[0]
    answer = viewer.get(f"/records/1?screen=ticket&record={entry.ticket_id}")
    assert answer.location == f"/tickets/{entry.id}"
    device = db.session.scalars(select(DeviceRow)).all()[0]
    with writing():
        device.serial = "SN-17"
    for query in ("serial=SN-17", f"name={device.name.lower()}"):
        answer = viewer.get(f"/records/1?screen=computer&record=7&{query}")
        assert answer.location == f"/devices/{device.id}"


def test_a_ticket_of_somebody_else_opens_on_its_client(desk: Office) -> None:
    others = [
        each
        for each in desk.house.emulators[HOST].state()["tickets"]
        if not each.get("externalXRef")
    ]
    shown = desk.viewer.get(f"/records/1?screen=ticket&record={others[0]['id']}")
    assert "was not made by Bridgehead" in shown.text or shown.status_code == 404


@pytest.mark.parametrize(
    "query", ["screen=company&record=9999", "screen=ticket&record=99999", "screen=computer&name=x"]
)
def test_an_unknown_record_is_explained(desk: Office, query: str) -> None:
    answer = desk.viewer.get(f"/records/1?{query}")
    assert answer.status_code == 404
    assert "Bridgehead knows no" in answer.text


def test_a_screen_without_a_record_leads_to_the_start(desk: Office) -> None:
    assert desk.viewer.get("/records/1?screen=[cw_screen]&record=").location == "/"
