"""Incidents as a stream: read again from the oldest open one, so that its closing is seen."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from plugin.vendors.eset.connect import Connect
from plugin.vendors.eset.stream import (
    OVERLAP,
    REMEMBERED,
    SERVICE,
    Row,
    State,
    Step,
    mark_of,
    stamp,
)
from plugin.vendors.eset.values import changed_at, is_closed
from plugin.vendors.eset.wire import IncidentPageWire

LONGEST_OPEN = timedelta(days=60)
"""An incident that stays open longer is not read again."""

PAGE_SIZE = 1000


class IncidentStream:
    """The incidents of ``/v2/incidents``; one that changed is yielded again."""

    def __init__(self, connect: Connect, now: Callable[[], datetime]) -> None:
        """Read incidents through ``connect``."""
        self._connect, self._now = connect, now

    def walk(self, state: State | None, since: datetime) -> Iterator[Step]:
        """Yield the incidents that are new or changed, oldest change first, in one step.

        MissingError when this instance has no incidents.
        """
        now, seen = self._now(), dict.fromkeys(state.seen if state else ())
        start = state.since if state and state.since else since
        found = list(self._made_since(start))
        changed = [row for row in found if _mark(row) not in seen and changed_at(row) >= since]
        open_since = [row["created_at"] for row in found if not is_closed(row)]
        oldest = min([*open_since, now - OVERLAP])
        marks = tuple(_mark(row) for row in sorted(found, key=changed_at))
        after = State(since=max(oldest, now - LONGEST_OPEN), at=now, seen=marks[-REMEMBERED:])
        yield sorted(changed, key=lambda row: (changed_at(row), row["id"])), after

    def _made_since(self, start: datetime) -> Iterator[Row]:
        # CEL, the service's own filter language; nothing a person wrote comes into it.
        condition = f"incident.create_time >= timestamp('{stamp(start)}')"
        params = {"filter": condition, "pageSize": PAGE_SIZE}
        for page in self._connect.pages(SERVICE, "/v2/incidents", IncidentPageWire, params):
            yield from page["rows"] or ()


def _mark(row: Row) -> str:
    return mark_of(f"{row['id']} {row['status']} {row['severity']} {changed_at(row).isoformat()}")
