"""QR15: every twentieth callback is lost, then all are switched off; polling finds what was missed.

The clock is moved by hand, minute by minute, so that hours pass in seconds.
"""

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import cast

from sqlalchemy import select

from bench.table import Row
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.services import inbox, sync
from plugin.services.receiver import Receiver
from plugin.store.base import db
from plugin.store.integrations import Integration
from plugin.store.work import TicketEntry, TicketState
from tests.databases import fresh_sqlite
from tests.house import HOST, VENDOR, House, open_house

TICKETS, LOSE_EVERY, A_MINUTE = 100, 20, 2
MOST_SECONDS = 15 * 60
DAY = 24 * 60


def run() -> list[Row]:
    """Play both stories in one installation."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_house(fresh_sqlite(folder), folder, companies=12, devices=120) as house:
            street = Street(house)
            return [street.lose_some(), street.switch_off()]


class Street:
    """An installation, and the way by which its PSA calls it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.made: Integration = house.integrate()
        self.psa = cast(ConnectWisePsaEmulator, house.emulators[HOST])
        self.arrived = 0
        self._receiver = Receiver(house.app, house.runtime)
        self._token = self.made.host.webhook_token or ""
        self.psa.callbacks.sender = self._take

    def lose_some(self) -> Row:
        """Close tickets in the PSA, a few a minute, and see when each is noticed."""
        self._open_tickets()
        self.house.happen("switch", **{"callbacks-lose-every": LOSE_EVERY})
        waiting = {each.ticket_id for each in self.house.entries()}
        self.arrived, to_close, closed = 0, sorted(waiting), dict[str, datetime]()
        lags: list[float] = []
        while to_close or closed:
            for ticket in (to_close.pop() for _ in to_close[:A_MINUTE]):
                self.house.happen("ticket-closed", ticket=ticket)
                closed[ticket] = self.house.clock()
            self._deliver()
            noticed = self._closed() & closed.keys()
            now = self.house.clock()
            lags += [(now - closed.pop(each)).total_seconds() for each in noticed]
            if any((now - at).total_seconds() > 2 * MOST_SECONDS for at in closed.values()):
                break
            self._minute()
        longest = max(lags, default=0.0)
        return Row(
            "QR15",
            f"{len(waiting)} changes at the host, {self.arrived} callbacks came",
            f"{len(closed)} never noticed; the last after {longest / 60:.0f} min",
            "–",
            "–",
            "all within 15 min",
            not closed and self.arrived < len(waiting) and longest <= MOST_SECONDS,
        )

    def switch_off(self) -> Row:
        """Switch every callback off at the host, and see after how many minutes all are on."""
        self.house.happen("callback-off")
        minutes = 0
        while self._off() and minutes <= DAY + 10:
            for _ in range(10):
                self._minute(quietly=True)
            self.house.work_all()
            minutes += 10
        return Row(
            "QR15",
            "every callback switched off by the host",
            f"repaired after {minutes / 60:.1f} h",
            "–",
            "–",
            "within a day",
            not self._off() and minutes <= DAY + 10,
        )

    def _open_tickets(self) -> None:
        for _ in range(TICKETS):
            self.house.happen("detection")
        self.house.sync(db.session.merge(self.made).vendor)
        self._deliver()

    def _deliver(self) -> None:
        """Let the PSA call us, and do what follows."""
        self.psa.background()
        self.house.work_all()

    def _take(self, url: str, body: bytes, headers: Mapping[str, str], _seconds: float) -> int:
        with self.house.app.app_context():  # the PSA calls from threads of its own
            found = self._receiver.find(self._token)
            assert found is not None
            sent, query = list(headers.items()), url.partition("?")[2]
            inbox.accept(self._receiver, found, body=body, headers=sent, query=query)
        self.arrived += 1
        return 204

    def _minute(self, *, quietly: bool = False) -> None:
        """Let a minute pass here and at the remotes."""
        self.house.clock.forward(60)
        for kind in (HOST, VENDOR):
            self.house.emulators[kind].clock.offset = self.house.clock.offset
        if not quietly:
            sync.schedule(self.house.runtime)
            self.house.work_all()

    def _closed(self) -> set[str]:
        db.session.commit()
        query = select(TicketEntry.ticket_id).where(TicketEntry.state == TicketState.CLOSED)
        return set(db.session.scalars(query))

    def _off(self) -> bool:
        return any(each["inactiveFlag"] for each in self.psa.state()["callbacks"])
