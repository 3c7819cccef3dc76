"""What a host's signed call says of a bridge computer: it is fetched again at once."""

from sqlalchemy import select

from plugin.domain.model import EventAction, EventKind, HostEvent
from plugin.edge.emulator import Happening
from plugin.services import follow
from plugin.services.bridges import roles
from plugin.store.base import db
from plugin.store.bridges import Bridge
from plugin.store.work import Job
from tests.bridge.yard import Yard

AUTOMATE = "connectwise_automate"


def test_a_bridge_computer_that_goes_off_shows_without_waiting_for_the_poll(yard: Yard) -> None:
    house = yard.house
    automate = house.connect(AUTOMATE)
    roles.schedule(house.runtime)
    house.work_all()
    bridge = db.session.scalars(
        select(Bridge).where(Bridge.host_online.is_(True)).order_by(Bridge.id)
    ).first()
    assert bridge is not None
    number = bridge.id
    happening = Happening("computer-offline", {"computer": bridge.computer_id})
    house.emulators[AUTOMATE].occur(happening)
    house.work_all()
    db.session.expire_all()
    assert db.session.get_one(Bridge, number).host_online is True, "nothing has told us yet"
    event = HostEvent(EventKind.COMPUTER, str(bridge.computer_id), EventAction.UPDATED)
    assert "fetched again" in follow.refresh(house.runtime, automate, event)
    house.work_all()
    db.session.expire_all()
    assert db.session.get_one(Bridge, number).host_online is False


def test_any_other_computer_concerns_no_bridge(yard: Yard) -> None:
    automate = yard.house.connect(AUTOMATE)
    yard.house.work_all()
    event = HostEvent(EventKind.COMPUTER, "999999", EventAction.UPDATED)
    assert "nothing here follows" in follow.refresh(yard.house.runtime, automate, event)
    assert db.session.scalar(select(Job).where(Job.kind == roles.LOOK)) is None
