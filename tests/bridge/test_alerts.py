"""What a person hears of bridges: each condition once, with its end, in quiet hours later."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from plugin.services import integrations, notice_policy, notice_watch
from plugin.services.bridges import registry
from plugin.services.notice_policy import Wish, WishedRoute
from plugin.store.base import db
from plugin.store.integrations import Integration
from plugin.store.mirror import WorkspaceRow
from plugin.store.notices import Mail, Notice
from tests.bridge.yard import Hand, Yard

OPS = "ops@msp.example"


def look(yard: Yard) -> None:
    """Look at how things stand, as a worker with a mail server does every minute."""
    db.session.rollback()
    house = yard.house.runtime
    settings = replace(house.settings, smtp_url="smtp://mail.example")
    notice_watch.look(replace(house, settings=settings))
    db.session.rollback()


def told() -> list[tuple[str, str, bool]]:
    """Return the notices about bridges: title, page, and whether it is over; oldest first."""
    query = select(Notice).where(Notice.kind.startswith("bridge")).order_by(Notice.id)
    return [(row.title, row.path, row.ended_at is not None) for row in db.session.scalars(query)]


def lose(yard: Yard, *living: Hand) -> None:
    """Let every bridge but ``living`` miss its deadline, and a beat go by after that."""
    for seconds in (46, 16):
        yard.house.clock.forward(seconds)
        for hand in living:
            hand.beat()
        yard.keep()


def set_quiet(yard: Yard, *, urgent: bool) -> None:
    """Be quiet from an hour before now until an hour after it; tell one address of everything."""
    now = yard.house.clock()
    route = WishedRoute(mail=True, to=OPS, urgent=urgent)
    routes = dict.fromkeys(notice_policy.ROUTED, route)
    begin, end = (now + timedelta(hours=hours) for hours in (-1, 1))
    wish = Wish(routes, f"{begin:%H:%M}", f"{end:%H:%M}", "UTC", notice_policy.current().version)
    notice_policy.save(yard.house.runtime, "tester", wish)


def second_integration(yard: Yard) -> Integration:
    """Add an integration with a vendor of its own, whose bridge can help out."""
    house = yard.house
    vendor = house.connect("eset_protect")
    made = integrations.create(house.runtime, "tester", yard.integration.host, vendor, "Second")
    house.work_all()
    query = select(WorkspaceRow.workspace_id).where(WorkspaceRow.vendor_id == vendor.id)
    integrations.choose_workspaces(house.runtime, "tester", made, list(db.session.scalars(query)))
    return made


def test_a_lost_bridge_is_told_once_and_so_is_its_return(yard: Yard) -> None:
    hand = yard.enrol("pc1")
    look(yard)
    assert told() == []
    lose(yard)
    for _ in range(3):
        look(yard)
    page = f"/bridges/{hand.number}"
    assert told() == [("The bridge pc1 is offline", page, False)]
    hand.beat()
    for _ in range(2):
        look(yard)
    assert told() == [
        ("The bridge pc1 is offline", page, True),
        ("The bridge pc1 is back", page, False),
    ]


@pytest.mark.parametrize("urgent", [False, True])
def test_quiet_hours_hold_the_e_mail_back_and_what_is_over_is_never_sent(
    yard: Yard, urgent: bool
) -> None:
    set_quiet(yard, urgent=urgent)
    hand = yard.enrol("pc1")
    lose(yard)
    look(yard)
    (mail,) = db.session.scalars(select(Mail)).all()
    assert mail.recipient == OPS
    assert (mail.due_at > yard.house.clock()) is not urgent
    hand.beat()
    look(yard)
    states = list(db.session.scalars(select(Mail.state).order_by(Mail.id)))
    # Only who heard of the loss hears of the return.
    assert states == ["skipped"]


def test_after_an_outage_of_the_server_a_bridge_has_one_beat_to_be_heard(yard: Yard) -> None:
    yard.reach("bridge")
    late, gone = yard.enrol("pc1"), yard.enrol("pc2")
    yard.house.clock.forward(600)
    look(yard)
    yard.keep()
    look(yard)
    late.beat()
    yard.house.clock.forward(16)
    yard.keep()
    late.beat()
    look(yard)
    assert told() == [("The bridge pc2 is offline", f"/bridges/{gone.number}", False)]


def test_a_bridge_that_was_turned_out_is_over_but_not_back(yard: Yard) -> None:
    hand = yard.enrol("pc1")
    lose(yard)
    look(yard)
    registry.revoke(yard.house.runtime, "tester", yard.bridge(hand))
    look(yard)
    assert told() == [("The bridge pc1 is offline", f"/bridges/{hand.number}", True)]


def test_a_bridge_that_was_only_named_is_not_missed(yard: Yard) -> None:
    registry.name(yard.house.runtime, "tester", "pc9")
    yard.house.clock.forward(600)
    look(yard)
    assert told() == []


def test_a_lent_bridge_is_told_until_the_integrations_own_is_back(yard: Yard) -> None:
    own, helper = yard.enrol("pc1"), yard.enrol("pc2", second_integration(yard))
    lose(yard, helper)
    look(yard)
    look(yard)
    lent = "Integration is served by a lent bridge"
    page = f"/bridges/{helper.number}"
    assert sorted(told()) == [
        (lent, page, False),
        ("The bridge pc1 is offline", f"/bridges/{own.number}", False),
    ]
    own.beat()
    yard.keep()
    look(yard)
    assert (lent, page, True) in told()


def test_work_that_only_bridges_may_do_is_told_while_it_waits(yard: Yard) -> None:
    yard.reach("bridge")
    hand = yard.enrol("pc1")
    look(yard)
    assert told() == []
    lose(yard)
    look(yard)
    look(yard)
    name = yard.vendor.name
    waits = f"Work for {name} waits for a bridge"
    assert (waits, "/bridges", False) in told()
    assert len(told()) == 2
    hand.beat()
    yard.keep()
    look(yard)
    assert (waits, "/bridges", True) in told()


def test_work_that_the_server_may_do_waits_for_nobody(yard: Yard) -> None:
    yard.enrol("pc1")
    lose(yard)
    look(yard)
    assert [title for title, _, _ in told()] == ["The bridge pc1 is offline"]


def test_the_end_of_bridges_altogether_ends_what_was_told(yard: Yard) -> None:
    yard.reach("bridge")
    look(yard)
    assert [title for title, _, _ in told()] == [f"Work for {yard.vendor.name} waits for a bridge"]
    yard.reach("direct")
    look(yard)
    assert [over for _, _, over in told()] == [True]
