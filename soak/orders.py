"""QR10: six calls about one ticket in every order, some of them twice; each ends the same.

The PSA changes a ticket six times, the fourth time closing it. Its calls arrive in another order
each time, with duplicates between them, while what came before may or may not have been handled.
"""

import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path

from bench.table import Row
from plugin.store.base import db
from plugin.store.work import TicketEntry
from soak.dropped import Street
from tests.databases import fresh_sqlite
from tests.house import open_house

EVENTS = 6
CLOSES = 3
TWICE = 2
AT_ONCE = 60
"""How many tickets one installation opens: the sandbox has only so many detections in it."""
Call = tuple[str, bytes, Mapping[str, str]]


def run() -> list[Row]:
    """Try every order, each with a ticket of its own."""
    orders = list(permutations(range(EVENTS)))
    ends = Counter[str]()
    for first in range(0, len(orders), AT_ONCE):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with open_house(fresh_sqlite(folder), folder, companies=12, devices=120) as house:
                ends += Orders(Street(house)).play(orders[first : first + AT_ONCE])
    told = ", ".join(f"{count} × {end}" for end, count in ends.items())
    what = f"{EVENTS} calls about one ticket in {len(orders)} orders, {TWICE} of them twice"
    same = ends == {"closed, 1 ticket": len(orders)}
    return [Row("QR10", what, told, "–", "–", "the same end each time", same)]


class Orders:
    """Tickets of one installation, and the calls of its PSA, held back."""

    def __init__(self, street: Street) -> None:
        """Hold nothing back yet: tickets are to be opened."""
        self._street, self._house = street, street.house
        self._deliver = street.psa.callbacks.sender
        self._dice = random.Random(10)  # the same duplicates each time
        self._held: list[Call] = []

    def play(self, orders: Sequence[Sequence[int]]) -> Counter[str]:
        """Play one ticket for each order and count how they ended."""
        entries = self._open_tickets(len(orders))
        self._street.psa.callbacks.sender = self._hold
        for entry, order in zip(entries, orders, strict=True):
            self._play(entry, order)
        self._house.work_all()
        return Counter(self._end(each) for each in self._house.entries())

    def _open_tickets(self, count: int) -> list[TicketEntry]:
        while len(found := self._house.entries()) < count:
            for _ in range(count - len(found)):
                self._house.happen("detection")
            self._house.sync(db.session.merge(self._street.made).vendor)
        self._street.psa.background()  # its calls about their making
        self._house.work_all()
        return found

    def _hold(self, url: str, body: bytes, headers: Mapping[str, str], _seconds: float) -> int:
        self._held.append((url, body, headers))
        return 204

    def _play(self, entry: TicketEntry, order: Sequence[int]) -> None:
        """Let a ticket's calls arrive in this order."""
        calls = self._changes(entry.ticket_id)
        arriving = [calls[place] for place in order]
        for again in self._dice.sample(calls, TWICE):
            arriving.insert(self._dice.randint(0, len(arriving)), again)
        for url, body, headers in arriving:
            self._deliver(url, body, headers, 10.0)
            if self._dice.random() < 0.3:
                self._house.work_all()

    def _changes(self, ticket: str) -> list[Call]:
        self._held = []
        for number in range(EVENTS):
            if number == CLOSES:
                self._house.happen("ticket-closed", ticket=ticket)
            else:
                self._house.happen("ticket-saved", ticket=ticket, summary=f"change {number}")
            self._street.psa.background()
        assert len(self._held) == EVENTS, f"{len(self._held)} calls for {EVENTS} changes"
        return self._held

    def _end(self, entry: TicketEntry) -> str:
        at_host = len(self._house.host_tickets(entry.key))
        return f"{entry.state}, {at_host} ticket{'' if at_host == 1 else 's'}"
