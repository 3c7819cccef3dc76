"""From an event to the bell and the mail server: a real one, on loopback."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from plugin.domain.errors import ConflictError, FormError, RuleError
from plugin.domain.notice_texts import works_again
from plugin.domain.notices import NoticeKind
from plugin.runtime import Runtime
from plugin.services import access, connections, lists, mail, notice_policy, notice_watch, notices
from plugin.services.access import Person, Role
from plugin.services.handlers import HANDLERS
from plugin.services.lists import Ask
from plugin.services.notice_policy import Wish, WishedRoute
from plugin.services.work import work
from plugin.store.base import db, writing
from plugin.store.integrations import AdministratorLink, Connection, Integration
from plugin.store.journal import AuditEntry
from plugin.store.mirror import LicenceRow, WorkspaceRow
from plugin.store.notices import Mail, Notice
from plugin.store.people import User
from plugin.store.work import Job
from tests.mailserver import MailServer
from tests.scene import Clock, Scene, scene

ANNA = "anna@msp.example"


@dataclass
class Desk:
    """An installation with an administrator and a mail server."""

    runtime: Runtime
    clock: Clock
    server: MailServer
    play: Scene
    anna: Person

    def work(self) -> None:
        db.session.remove()
        work(self.runtime, mail.LANE, HANDLERS)
        db.session.remove()

    def look(self) -> None:
        notice_watch.look(self.runtime)
        self.work()

    def turn(self, connection: Connection, state: str, problem: str = "") -> None:
        """Let a connection break or work, long enough ago to be told."""
        with writing() as session:
            values = {"state": state, "problem": problem, "state_since": self.clock()}
            session.execute(update(Connection).where(Connection.id == connection.id).values(values))
        db.session.expire_all()
        self.clock.move(minutes=6)

    def subjects(self) -> list[str]:
        return [str(each["Subject"]).removeprefix("[Bridgehead] ") for each in self.server.taken]

    def titles(self) -> list[str]:
        return list(db.session.scalars(select(Notice.title).order_by(Notice.id)))

    def mails(self) -> list[tuple[str, str]]:
        db.session.rollback()
        rows = db.session.execute(select(Mail.recipient, Mail.state).order_by(Mail.id))
        return [(recipient, state) for recipient, state in rows]

    def set(self, begin: str = "", end: str = "", **routes: WishedRoute) -> None:
        known = {kind: WishedRoute(mail=True, administrators=True) for kind in notice_policy.ROUTED}
        wished = known | {NoticeKind(kind): route for kind, route in routes.items()}
        version = notice_policy.current().version
        wish = Wish(wished, begin, end, "UTC", version)
        notice_policy.save(self.runtime, "anna", wish)


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    with scene(database) as play, MailServer() as server:
        settings = replace(
            play.runtime.settings,
            smtp_url=server.url(),
            mail_from="Bridgehead <alerts@msp.example>",
            public_url="https://bridgehead.example",
        )
        runtime = replace(play.runtime, settings=settings)
        settings.data.mkdir(exist_ok=True)
        anna = newcomer(play, ANNA, Role.ADMINISTRATOR)
        play.clock.move(seconds=1)
        yield Desk(runtime, play.clock, server, play, anna)


def newcomer(play: Scene, email: str, role: Role) -> Person:
    """Make an account, without the work of hashing a password."""
    with writing() as session:
        user = User(email=email, role=role, created_at=play.clock())
        session.add(user)
    return Person(email, role, user_id=user.id)


def test_a_broken_connection_is_told_once_and_so_is_its_recovery(desk: Desk) -> None:
    psa = desk.play.add_connection(name="PSA")
    desk.turn(psa, "attention", "wrong password")
    for _ in range(3):
        desk.look()
        desk.clock.move(hours=1)
    assert desk.subjects() == ["PSA does not work"]
    (message,) = desk.server.to(ANNA)
    body = message.get_content()
    assert "wrong password\r\nWhat it means: " in body
    assert f"https://bridgehead.example/connections/{psa.id}" in body
    desk.turn(psa, "working")
    for _ in range(2):
        desk.look()
    assert desk.subjects() == ["PSA does not work", "PSA works again"]
    assert desk.titles() == ["PSA does not work", "PSA works again"]
    assert db.session.scalars(select(Notice).order_by(Notice.id)).first().ended_at == desk.clock()  # type: ignore[union-attr]


def test_a_connection_that_breaks_for_a_moment_is_not_worth_a_word(desk: Desk) -> None:
    psa = desk.play.add_connection(name="PSA")
    for state in ("attention", "working") * 3:
        desk.turn(psa, state)
        desk.clock.move(minutes=-3)
        desk.look()
    assert desk.titles() == []


def test_a_broken_connection_that_is_deleted_does_not_work_again(desk: Desk) -> None:
    psa = desk.play.add_connection(name="PSA")
    desk.turn(psa, "attention", "gone")
    desk.look()
    connections.delete(desk.runtime, "anna", db.session.get_one(Connection, psa.id))
    desk.look()
    assert desk.titles() == ["PSA does not work"]
    assert db.session.scalars(select(Notice)).one().ended_at is not None


def test_quiet_hours_hold_e_mails_back_and_what_is_over_by_then_is_never_sent(desk: Desk) -> None:
    desk.set("08:00", "09:00")  # the clock stands at 8
    first, second = desk.play.add_connection(name="A"), desk.play.add_connection(name="B")
    for each in (first, second):
        desk.turn(each, "attention", "wrong password")
    desk.look()
    assert desk.subjects() == []
    desk.turn(first, "working")
    desk.look()
    desk.clock.at = desk.clock().replace(hour=9, minute=0)
    desk.work()
    assert desk.subjects() == ["B does not work"]
    assert [state for _, state in desk.mails()] == ["skipped", "sent"]
    assert "A works again" in desk.titles()


def test_what_is_urgent_is_sent_in_quiet_hours_too(desk: Desk) -> None:
    urgent = WishedRoute(mail=True, administrators=True, urgent=True)
    desk.set("08:00", "09:00", connection_broken=urgent)
    desk.turn(desk.play.add_connection(name="PSA"), "attention", "no")
    desk.look()
    assert desk.subjects() == ["PSA does not work"]


def test_what_waits_for_one_person_comes_as_one_message(desk: Desk) -> None:
    desk.set("08:00", "09:00")
    for name in ("A", "B"):
        desk.turn(desk.play.add_connection(name=name), "attention", "no")
    desk.look()
    desk.clock.move(hours=1)
    desk.work()
    assert desk.subjects() == ["2 notifications"]
    assert "A does not work\r\n" in desk.server.taken[0].get_content()


def test_settings_decide_who_is_told(desk: Desk) -> None:
    elsewhere = WishedRoute(mail=True, to="ops@msp.example\nOPS@msp.example")
    desk.set(connection_broken=elsewhere)
    desk.turn(desk.play.add_connection(name="PSA"), "attention", "no")
    desk.look()
    assert desk.mails() == [("ops@msp.example", "sent")]
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "notification.settings")
    ).one()
    assert entry.before["connection_broken"] == "all administrators"
    assert entry.after["connection_broken"] == "ops@msp.example"


def test_settings_name_every_fault_and_know_two_editors(desk: Desk) -> None:
    bad = WishedRoute(mail=True, to="nobody")
    with pytest.raises(FormError) as caught:
        desk.set("25:00", "", connection_broken=bad, disk_low=bad)
    fields = {each.field for each in caught.value.errors}
    assert fields == {"connection_broken-to", "disk_low-to", "quiet_begin"}
    desk.set()
    with pytest.raises(ConflictError):
        notice_policy.save(desk.runtime, "ben", Wish({}, "", "", "", 0))


def test_a_server_that_is_away_is_tried_again_until_it_answers(desk: Desk) -> None:
    desk.server.refusals["DATA"] = "451 try later"
    desk.turn(desk.play.add_connection(name="PSA"), "attention", "no")
    desk.look()
    (waiting,) = db.session.scalars(select(Mail)).all()
    assert (waiting.state, waiting.failures) == ("waiting", 1)
    assert "451 try later" in waiting.problem
    job = db.session.scalars(select(Job).where(Job.kind == mail.RUN)).one()
    assert job.due_at == waiting.due_at > desk.clock()
    desk.server.refusals.clear()
    desk.clock.at = waiting.due_at
    desk.work()
    assert desk.mails() == [(ANNA, "sent")]


def test_trouble_with_the_server_holds_up_every_message_but_one_try(desk: Desk) -> None:
    desk.server.refusals["MAIL"] = "451 busy"
    to = "\n".join(f"ops{number}@msp.example" for number in range(5))
    desk.set(connection_broken=WishedRoute(mail=True, to=to))
    desk.turn(desk.play.add_connection(name="PSA"), "attention", "no")
    desk.look()
    assert desk.server.sessions == 1
    assert {row.due_at for row in db.session.scalars(select(Mail))} == {
        db.session.scalars(select(Job.due_at).where(Job.kind == mail.RUN)).one()
    }


def test_after_three_days_a_message_is_undelivered_and_a_person_sends_it_again(desk: Desk) -> None:
    desk.server.refusals["DATA"] = "451 try later"
    desk.turn(desk.play.add_connection(name="PSA"), "attention", "no")
    desk.look()
    desk.clock.move(days=3, minutes=1)
    desk.work()
    assert desk.mails() == [(ANNA, "undelivered")]
    assert lists.count_undelivered(lists.scope_of(desk.runtime)) == 1
    desk.work()
    assert desk.server.taken == []
    desk.server.refusals.clear()
    assert (
        mail.retry(desk.runtime, "anna", lists.undelivered_mails(lists.scope_of(desk.runtime))) == 1
    )
    desk.work()
    assert desk.mails() == [(ANNA, "sent")]


def test_an_unknown_recipient_is_undelivered_at_once_and_holds_nobody_up(desk: Desk) -> None:
    desk.server.refusals["RCPT"] = "550 no such user"
    desk.turn(desk.play.add_connection(name="PSA"), "attention", "no")
    desk.look()
    assert desk.mails() == [(ANNA, "undelivered")]
    assert (
        mail.discard(desk.runtime, "anna", lists.undelivered_mails(lists.scope_of(desk.runtime)))
        == 1
    )
    assert desk.mails() == [(ANNA, "skipped")]
    assert lists.count_undelivered(lists.scope_of(desk.runtime)) == 0
    actions = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions[-1] == "notification.discard"


def test_a_crash_between_server_and_database_sends_the_same_message_once_more(desk: Desk) -> None:
    desk.turn(desk.play.add_connection(name="PSA"), "attention", "no")
    desk.look()
    with writing() as session:
        session.execute(update(Mail).values(state="sending", sent_at=None))
        mail._ask(desk.runtime, session, desk.clock())
    desk.work()
    first, second = desk.server.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert desk.mails() == [(ANNA, "sent")]


def test_without_a_mail_server_only_those_named_by_hand_count_as_not_reached(desk: Desk) -> None:
    bare = replace(desk.runtime, settings=replace(desk.runtime.settings, smtp_url=""))
    told = works_again("PSA", "")
    told = replace(told, kind=NoticeKind.INTEGRATION_DELETED)
    with writing() as session:
        notices.tell(bare, session, told)
        notices.tell(bare, session, told, to=["vendor-user@example.com"])
    assert desk.mails() == [("vendor-user@example.com", "undelivered")]
    assert db.session.scalars(select(Mail)).one().problem == mail.NO_SERVER
    with pytest.raises(RuleError, match="BRIDGEHEAD_SMTP_URL"):
        mail.retry(bare, "anna", [1])


def test_the_administrators_of_a_deleted_integration_are_told(desk: Desk) -> None:
    host, vendor = desk.play.add_connection(name="PSA"), desk.play.add_connection(name="KES")
    with writing() as session:
        made = Integration(
            name="North\r\nBcc: x@evil.example",
            host_id=host.id,
            vendor_id=vendor.id,
            created_at=desk.clock(),
        )
        made.administrators = [
            AdministratorLink(email=email, added_at=desk.clock())
            for email in (ANNA, "client@vendor.example")
        ]
        session.add(made)
    connections.delete(desk.runtime, "ben", db.session.get_one(Connection, host.id))
    desk.work()
    assert sorted(str(each["To"]) for each in desk.server.taken) == [ANNA, "client@vendor.example"]
    assert desk.subjects() == ["Integration North Bcc: x@evil.example was deleted"] * 2
    assert all(each["Bcc"] is None for each in desk.server.taken)


def test_dead_letters_are_told_for_each_connection_and_again_at_ten_times_as_many(
    desk: Desk,
) -> None:
    psa = desk.play.add_connection(name="PSA")

    def die(count: int) -> None:
        with writing() as session:
            start = len(session.scalars(select(Job.id)).all())
            for number in range(count):
                job = Job(kind="do", subject=str(start + number), lane="x", state="dead")
                job.connection_id, job.due_at, job.created_at = psa.id, desk.clock(), desk.clock()
                session.add(job)

    for count, told in ((1, 1), (3, 1), (6, 2), (1, 2)):
        die(count)
        desk.look()
        assert desk.titles() == ["Work for PSA was given up"] * told
    texts = db.session.scalars(select(Notice.text).order_by(Notice.id)).all()
    assert [text.split("\n")[0] for text in texts] == [
        "1 piece of work was given up.",
        "10 were given up.",
    ]
    ended = db.session.scalars(select(Notice.ended_at).order_by(Notice.id)).all()
    assert (ended[0] is None, ended[1] is None) == (False, True)


def test_a_growing_queue_and_a_full_disk_are_told(desk: Desk) -> None:
    with writing() as session:
        job = Job(kind="do", subject="1", lane="x", due_at=desk.clock(), created_at=desk.clock())
        session.add(job)
    desk.clock.move(minutes=20)
    full = replace(desk.runtime.settings.limits.notices, disk_free=1.0)
    limits = replace(desk.runtime.settings.limits, notices=full)
    desk.runtime = replace(desk.runtime, settings=replace(desk.runtime.settings, limits=limits))
    desk.look()
    titles = desk.titles()
    assert "Background work falls behind" in titles
    assert any(title.startswith("The disk under ") for title in titles)
    assert (
        "has waited for 20 minutes"
        in db.session.scalars(select(Notice.text).where(Notice.kind == "queue_growing")).one()
    )


def test_an_api_token_is_told_of_30_7_and_1_days_before_its_end(desk: Desk) -> None:
    access.create_token(desk.runtime, "anna", "reporting", Role.VIEWER, 40)
    told: dict[int, str] = {}
    for day in range(50):
        notice_watch.look_at_dates(desk.runtime)
        for title in desk.titles()[len(told) :]:
            told[day] = title
        desk.clock.move(days=1)
    name = "The API token “reporting”"
    assert told == {
        10: f"{name} expires within 30 days",
        33: f"{name} expires within 7 days",
        39: f"{name} expires within a day",
        40: f"{name} has expired",
    }


def test_licences_that_end_together_are_told_together(desk: Desk) -> None:
    vendor = desk.play.add_connection(name="ESET")
    with writing() as session:
        seen = desk.clock()
        session.add(
            WorkspaceRow(
                vendor_id=vendor.id, workspace_id="w", name="Acme", first_seen_at=seen, seen_at=seen
            )
        )
        for number, days in enumerate((5, 6, 20, 400)):
            end = seen + timedelta(days=days)
            session.add(_licence(vendor.id, number, end, seen))
    notice_watch.look_at_dates(desk.runtime)
    assert sorted(desk.titles()) == [
        "2 licences of ESET expire within 7 days",
        "Plus 2 of Acme expires within 30 days",
    ]
    desk.work()
    assert desk.server.taken == []  # no e-mails of this kind unless they are switched on


def _licence(vendor: int, number: int, end: datetime, seen: datetime) -> LicenceRow:
    return LicenceRow(
        vendor_id=vendor,
        workspace_id="w",
        licence_id=str(number),
        product=f"Plus {number}",
        kind="commercial",
        state="active",
        expires_at=end,
        seen_at=seen,
    )


def unread(desk: Desk, person: Person) -> int:
    return lists.unread(person, lists.scope_of(desk.runtime))


def test_each_person_has_marks_of_his_own_and_sees_what_his_role_may(desk: Desk) -> None:
    viewer = newcomer(desk.play, "vi@msp.example", Role.VIEWER)
    with writing() as session:
        for kind in (NoticeKind.INTEGRATION_DELETED, NoticeKind.DISK_LOW):
            notices.tell(desk.runtime, session, replace(works_again("PSA", ""), kind=kind))
    assert (unread(desk, desk.anna), unread(desk, viewer)) == (2, 1)
    page = lists.notices(desk.anna).page(desk.runtime, Ask(filters={"state": "unread"}))
    notices.mark_read(desk.anna, [page.rows[0].row.id, 999])
    notices.mark_read(desk.anna, [page.rows[0].row.id])
    assert (unread(desk, desk.anna), unread(desk, viewer)) == (1, 1)
    notices.mark_read(desk.anna, None)
    assert (unread(desk, desk.anna), unread(desk, viewer)) == (0, 1)
    with pytest.raises(RuleError):
        notices.mark_read(Person("token x", Role.ADMINISTRATOR), None)


def test_what_was_told_before_a_person_came_is_not_unread(desk: Desk) -> None:
    with writing() as session:
        notices.tell(desk.runtime, session, replace(works_again("A", ""), kind=NoticeKind.DISK_LOW))
    desk.clock.move(days=1)
    assert unread(desk, newcomer(desk.play, "new@msp.example", Role.ADMINISTRATOR)) == 0


def test_old_notices_go_but_not_what_stands_or_was_not_delivered(desk: Desk) -> None:
    psa = desk.play.add_connection(name="PSA")
    desk.turn(psa, "attention", "no")
    desk.look()
    with writing() as session:
        told = replace(works_again("Old", ""), kind=NoticeKind.DISK_LOW)
        notices.tell(desk.runtime, session, told)
    desk.work()
    notices.mark_read(desk.anna, [2])
    desk.clock.move(days=91)
    notices.prune(desk.runtime)
    assert desk.titles() == ["PSA does not work"]


def test_a_test_e_mail_is_sent_at_once_and_frees_what_waited(desk: Desk) -> None:
    desk.server.refusals["DATA"] = "451 try later"
    desk.turn(desk.play.add_connection(name="PSA"), "attention", "no")
    desk.look()
    desk.server.refusals.clear()
    mail.send_test(desk.runtime, "anna", " ops@msp.example ")
    assert desk.subjects() == ["Test e-mail"]
    desk.work()
    assert desk.subjects() == ["Test e-mail", "PSA does not work"]
    with pytest.raises(RuleError):
        mail.send_test(desk.runtime, "anna", "a@x.example\nBcc: b@x.example")
