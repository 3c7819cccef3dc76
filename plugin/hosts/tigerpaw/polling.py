"""Polling: what became of the service orders we hold open, without asking for every old one.

Tigerpaw has no event and no "changed since" search. So we remember which of ours are open, ask for
those by number, and for newer ones of ours; all of ours are looked at at the beginning, once a day
(a person may open an old one again), and whenever an answer is shorter than what was asked for:
that several criteria of one kind mean "or" stands in one sample only.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from plugin.domain.tickets import KEY_PREFIX
from plugin.hosts.tigerpaw.api import Api, Criterion
from plugin.hosts.tigerpaw.wire import OrdersWire

Row = dict[str, Any]

ORDERS = "api/serviceorders"
AT_ONCE = 50
EVERY = timedelta(days=1)


class OpenOrders:
    """The service orders of ours that were open when they were last seen."""

    def __init__(self, api: Api, is_settled: Callable[[Row, datetime], bool]) -> None:
        """Remember nothing yet: the first look is at all of ours.

        ``is_settled`` tells whether an order was closed before the moment that is asked about:
        only then need it not be told again, should the caller break off and come back.
        """
        self._api, self._is_settled = api, is_settled
        self._open: set[int] = set()
        self._highest = 0
        self._swept_at: datetime | None = None

    def poll(self, since: datetime) -> Iterator[Row]:
        """Yield what may have changed since: the open ones, the newer ones, or all of ours."""
        now = self._api.now()
        rows = None
        if self._swept_at is not None and now - self._swept_at < EVERY:
            rows = self._known()
        if rows is None:
            rows = list(self._search([]))
            self._open.clear()  # one that is gone would be missed, and all asked for, every time
            self._swept_at = now
        self._remember(rows, since)
        yield from rows

    def _known(self) -> list[Row] | None:
        """Return the open and the newer ones; None when an open one was not found."""
        asked = sorted(self._open)
        rows: list[Row] = []
        for start in range(0, len(asked), AT_ONCE):
            part = asked[start : start + AT_ONCE]
            rows += self._search([("ServiceOrderNumber", "Equal", str(each)) for each in part])
        if {int(row["number"]) for row in rows} != set(asked):
            return None
        newer = ("ServiceOrderNumber", "GreaterThan", str(self._highest))
        return [*rows, *self._search([newer])]

    def _search(self, criteria: list[Criterion]) -> Iterator[Row]:
        """Yield those of ours that match: by the beginning of their reference."""
        wanted = [("Reference", "StartsWith", KEY_PREFIX), *criteria]
        for row in self._api.search(f"{ORDERS}/search", OrdersWire, wanted):
            if row["order"]["reference"].startswith(KEY_PREFIX):
                yield row

    def _remember(self, rows: list[Row], since: datetime) -> None:
        for row in rows:
            number = int(row["number"])
            self._highest = max(self._highest, number)
            if self._is_settled(row, since):
                self._open.discard(number)
            else:
                self._open.add(number)
