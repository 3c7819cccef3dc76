"""Notifications as people and programs meet them: bell, list, e-mails, settings, test e-mail."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import delete
from werkzeug.test import TestResponse

from plugin.domain.notice_texts import Told
from plugin.domain.notices import NoticeKind
from plugin.services import access, lists, notices
from plugin.services.access import Role
from plugin.store.base import writing
from plugin.store.integrations import Preference
from plugin.store.notices import Mail, Notice, NoticeRead, NoticeReader
from tests.blueprints.pages.office import Office, open_office
from tests.mailserver import MailServer

TITLE = "<b>PSA</b> does not work"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("notices")) as office:
        for role in Role:
            office.visitor(role)
        office.house.clock.forward(60)
        yield office


@pytest.fixture
def office(opened: Office) -> Office:
    """Give the office as if nothing had ever been told."""
    with writing() as session:
        for table in (Mail, NoticeRead, NoticeReader, Notice):
            session.execute(delete(table))
        session.execute(delete(Preference).where(Preference.name == "notifications"))
    return opened


@pytest.fixture
def posted(office: Office) -> Iterator[MailServer]:
    """Give the office a mail server."""
    before = office.house.runtime
    with MailServer() as server:
        for holder in (office.app, office.house.app):
            runtime = holder.extensions["bridgehead"]
            settings = replace(runtime.settings, smtp_url=server.url(), mail_from="b@msp.example")
            holder.extensions["bridgehead"] = replace(runtime, settings=settings)
        office.house.runtime = office.house.app.extensions["bridgehead"]
        yield server
    office.app.extensions["bridgehead"] = before
    office.house.app.extensions["bridgehead"] = office.house.runtime = before


def tell(office: Office, kind: NoticeKind = NoticeKind.CONNECTION_BROKEN, to: str = "") -> None:
    told = Told(kind, TITLE, "It said no.\nWhat to do: look.", "/connections")
    with writing() as session:
        notices.tell(office.house.runtime, session, told, to=[to] if to else [])
    office.fresh()


def bell(page: str) -> str:
    """Return what the bell of a page reads aloud."""
    part = page.partition('class="tool" href="/notifications">')[2].partition("</a>")[0]
    words = part.replace("<", "\0<").replace(">", ">\0").split("\0")
    return " ".join(" ".join(each for each in words if not each.startswith("<")).split())


def ask(office: Office, method: str, path: str, role: Role, **json: object) -> TestResponse:
    token = access.create_token(office.house.runtime, "test", "test", role)
    return office.app.test_client().open(
        f"/api/v1/notifications{path}",
        method=method,
        headers={"Authorization": f"Bearer {token}"},
        json=json or None,
    )


def test_the_bell_of_every_page_counts_what_one_has_not_read(office: Office) -> None:
    assert bell(office.viewer.read("/")) == "Notifications"
    tell(office)
    tell(office, NoticeKind.DISK_LOW)
    assert bell(office.viewer.read("/devices")) == "Notifications 1 unread"
    assert bell(office.administrator.read("/audit")) == "Notifications 2 unread"


def test_what_is_read_leaves_the_bell_and_stays_in_the_list(office: Office) -> None:
    tell(office)
    tell(office)
    assert office.viewer.post("/notifications/read", {"notice": "1"}).status_code == 303
    shown = office.viewer.read("/notifications")
    assert bell(shown) == "Notifications 1 unread"
    assert "1 notification marked as read." in shown
    assert shown.count("&lt;b&gt;PSA&lt;/b&gt; does not work</a>") == 2
    unread = office.viewer.read("/notifications?state=unread")
    assert "1–1 of 1 notifications" in unread
    office.viewer.post("/notifications/read", {"all": "1"})
    assert bell(office.viewer.read("/")) == "Notifications"
    assert bell(office.technician.read("/")) == "Notifications 2 unread"


def test_numbers_that_are_none_mark_nothing(office: Office) -> None:
    tell(office)
    for odd in ("x", "-1", "9" * 30, "²"):
        office.viewer.post("/notifications/read", {"notice": odd})
    assert bell(office.viewer.read("/")) == "Notifications 1 unread"


def test_nobody_sees_what_is_not_for_his_role(office: Office) -> None:
    tell(office, NoticeKind.DISK_LOW)
    assert TITLE not in office.viewer.read("/notifications?format=csv")
    assert TITLE in office.administrator.read("/notifications?format=csv")
    assert "Disk nearly full" not in office.viewer.read("/notifications")
    assert ask(office, "GET", "", Role.VIEWER).json["total"] == 0  # type: ignore[index]
    assert ask(office, "GET", "", Role.ADMINISTRATOR).json["total"] == 1  # type: ignore[index]


def test_settings_are_saved_and_faults_are_named_at_their_field(office: Office) -> None:
    admin = office.administrator
    form = {"version": "0", "connection_broken-mail": "1", "connection_broken-to": "nobody"}
    answer = admin.post("/notifications/settings", {**form, "quiet_begin": "22:00"})
    assert answer.status_code == 422
    assert "Line 1: “nobody” is not an e-mail address." in answer.text
    assert "Write both times like 22:00" in answer.text
    good = {**form, "connection_broken-to": "ops@msp.example", "quiet_zone": "Europe/Berlin"}
    assert admin.post("/notifications/settings", good).status_code == 303
    shown = admin.read("/notifications/settings")
    assert "ops@msp.example</textarea>" in shown
    assert 'value="Europe/Berlin"' in shown
    assert admin.post("/notifications/settings", good).status_code == 409
    assert "notification.settings" in admin.read("/audit")


def test_without_a_mail_server_the_page_says_how_to_set_one(office: Office) -> None:
    shown = office.administrator.read("/notifications/settings")
    assert "BRIDGEHEAD_SMTP_URL" in shown
    assert "Send a test e-mail" not in shown
    answer = office.administrator.post("/notifications/test", {"to": "ops@msp.example"})
    assert answer.status_code == 422
    assert "no mail server is set" in answer.text


def test_a_test_e_mail_tells_what_the_server_said(office: Office, posted: MailServer) -> None:
    admin = office.administrator
    assert "Send a test e-mail" in admin.read("/notifications/settings")
    assert admin.post("/notifications/test", {"to": "ops@msp.example"}).status_code == 303
    assert "took a test e-mail to ops@msp.example" in admin.read("/notifications/settings")
    assert [each["To"] for each in posted.taken] == ["ops@msp.example"]
    posted.refusals["MAIL"] = "553 not yours"
    answer = admin.post("/notifications/test", {"to": "ops@msp.example"})
    assert answer.status_code == 422
    assert "does not take our sender address (553 not yours)" in answer.text
    assert "BRIDGEHEAD_MAIL_FROM" in answer.text
    failed = ask(office, "POST", "/test", Role.ADMINISTRATOR, to="ops@msp.example")
    assert (failed.status_code, "553 not yours" in failed.text) == (502, True)


def test_undelivered_e_mails_are_shown_sent_again_and_given_up(
    office: Office, posted: MailServer
) -> None:
    posted.refusals["RCPT"] = "550 no such user"
    for name in ("a", "b"):
        tell(office, to=f"{name}@msp.example")
    office.house.work_all()
    admin = office.administrator
    assert "e-mails reached nobody" in admin.read("/notifications")
    assert "reached nobody" not in office.viewer.read("/notifications")
    shown = admin.read("/notifications/mails")
    assert "does not take this recipient (550 no such user)" in shown
    chosen = lists.undelivered_mails(lists.scope_of(office.house.runtime))
    posted.refusals.clear()
    admin.post("/notifications/mails", {"mail": str(chosen[0]), "do": "retry"})
    office.house.work_all()
    office.fresh()
    assert lists.undelivered_mails(lists.scope_of(office.house.runtime)) == chosen[1:]
    admin.post("/notifications/mails", {"all": "undelivered", "do": "discard"})
    office.fresh()
    assert lists.count_undelivered(lists.scope_of(office.house.runtime)) == 0
    assert admin.get("/notifications/mails?format=csv").status_code == 200


def test_the_api_does_what_the_pages_do(office: Office, posted: MailServer) -> None:
    role = Role.ADMINISTRATOR
    now = ask(office, "GET", "/settings", role).json
    assert now is not None
    assert now["server"] == posted.url()
    wish = {each: now[each] for each in ("routes", "quiet_begin", "quiet_end", "quiet_zone")}
    wish["routes"] = [each | {"to": ["ops@msp.example"]} for each in wish["routes"]]
    saved = ask(office, "PUT", "/settings", role, **wish, version=now["version"])
    assert saved.status_code == 200, saved.text
    assert ask(office, "PUT", "/settings", role, **wish, version=0).status_code == 409
    wish["routes"] = [each | {"to": ["nobody"]} for each in wish["routes"]]
    assert ask(office, "PUT", "/settings", role, **wish, version=1).status_code == 422
    posted.refusals["RCPT"] = "550 no such user"
    tell(office)
    office.house.work_all()
    found = ask(office, "GET", "/mails?state=undelivered", role).json
    assert found is not None
    number = found["items"][-1]["id"]
    assert ask(office, "POST", f"/mails/{number}/retry", role).json["state"] == "waiting"  # type: ignore[index]
    assert ask(office, "DELETE", f"/mails/{number}", role).status_code == 204
    assert ask(office, "GET", f"/mails/{number}", role).json["state"] == "waiting"  # type: ignore[index]
    assert ask(office, "GET", "/mails/999", role).status_code == 404
    assert ask(office, "POST", "/read", Role.VIEWER, ids=[1]).status_code == 422
    reader = {"X-CSRF-Token": office.viewer.token}
    read = office.viewer.client.post("/api/v1/notifications/read", json={}, headers=reader)
    assert read.status_code == 200
    (line,) = office.viewer.get("/api/v1/notifications").json["items"]  # type: ignore[index]
    assert line["read"] is True


def test_secrets_of_the_mail_server_are_shown_to_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = office.app.extensions["bridgehead"]
    settings = replace(runtime.settings, smtp_url="smtp://user:canary-7@127.0.0.1:9")
    monkeypatch.setitem(office.app.extensions, "bridgehead", replace(runtime, settings=settings))
    for path in ("/notifications/settings", "/notifications/mails"):
        assert "canary-7" not in office.administrator.read(path)
    answer = office.administrator.post("/notifications/test", {"to": "a@msp.example"})
    assert answer.status_code == 422
    assert "canary-7" not in answer.text
