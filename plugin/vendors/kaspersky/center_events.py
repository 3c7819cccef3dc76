"""Reading events on from where the last reading stopped."""

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from plugin.domain.errors import AnswerError
from plugin.domain.model import Detection, Page
from plugin.vendors.kaspersky import center_searches as searches
from plugin.vendors.kaspersky import center_wire as wire
from plugin.vendors.kaspersky.center_found import ACCESSOR, EVENTS, Found
from plugin.vendors.kaspersky.center_session import Server, Sessions
from plugin.vendors.kaspersky.center_words import TITLE

LATE = timedelta(days=7)
"""How far back every reading looks again. A device that was away hands in its events with the time
they rose, but they get new numbers then; only what is older than this on arrival is missed."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far events were read: the highest number, and when that was by their own time."""

    number: int = 0
    at: datetime | None = None
    incident: int = 0

    def text(self) -> str:
        """Return the place as a cursor."""
        at = self.at.isoformat() if self.at else ""
        return json.dumps({"event": self.number, "at": at, "incident": self.incident})

    @classmethod
    def read(cls, cursor: str | None) -> "Place":
        """Return the place a cursor stands for; AnswerError when it is none of ours."""
        if not cursor:
            return cls()
        try:
            said = json.loads(cursor)
            at = datetime.fromisoformat(said["at"]) if said["at"] else None
            return cls(int(said["event"]), at, int(said["incident"]))
        except (ValueError, TypeError, KeyError):
            raise AnswerError(TITLE, "was left at a place we cannot read", code="cursor") from None


class EventWalk:
    """One reading of a workspace's events, oldest number first.

    It remembers its place, so that it can be begun again when the server drops what it found.
    """

    def __init__(self, sessions: Sessions, workspace: tuple[str, Server], place: Place) -> None:
        """Read on from ``place`` in a workspace (its id and where it is)."""
        self._sessions, self._place = sessions, place
        self._workspace_id, self._server = workspace

    def incidents(self, since: datetime, size: int) -> Iterator[Page[Detection]]:
        """Yield incidents above the place's number that were added not before ``since``."""
        search = searches.incidents_above(self._place.incident)
        with Found(self._sessions, self._server, ACCESSOR, search) as found:
            for rows, _ in found.parts(size):
                read = wire.incidents(rows, self._workspace_id)
                if read:
                    highest = max(number for number, _ in read)
                    self._place = replace(self._place, incident=highest)
                    fresh = tuple(each for _, each in read if each.occurred_at >= since)
                    yield Page(fresh, self._place.text())

    def events(self, since: datetime, now: datetime, size: int) -> Iterator[Page[Detection]]:
        """Yield events above the place's number that rose not before ``since``."""
        least = self._least(since)
        with Found(self._sessions, self._server, EVENTS, searches.events_from(least)) as found:
            for rows, _ in found.parts(size, self._first_new(found)):
                yield self._page(rows, since, now)

    def _least(self, since: datetime) -> datetime:
        if self._place.at is None:
            return since
        return max(since, self._place.at - LATE)

    def _first_new(self, found: Found) -> int:
        """Return the position of the first event with a number above our place.

        What came late is numbered anew and stands behind it, so nothing before can be new. Mostly
        nothing is, which the last event tells.
        """
        if not self._place.number or not found.count:
            return 0

        def number_at(position: int) -> int:
            rows = found.part(position, 1)[:1]
            read = wire.detections(rows, self._workspace_id)
            if not read:
                raise AnswerError(TITLE, "answered a search that ends before its end", code="shape")
            return read[0].sequence

        last = found.count - 1
        if number_at(last) <= self._place.number:
            return found.count
        return bisect_right(range(last), self._place.number, key=number_at)

    def _page(self, rows: object, since: datetime, now: datetime) -> Page[Detection]:
        known = self._place.number
        new = [each for each in wire.detections(rows, self._workspace_id) if each.sequence > known]
        if new:
            highest = max(each.sequence for each in new)
            # A device whose clock runs ahead must not make us wait until its time has come.
            risen = min(now, max(each.occurred_at for each in new))
            at = max(risen, self._place.at) if self._place.at else risen
            self._place = replace(self._place, number=highest, at=at)
        # Never complete: the server deletes old events, and that must not look like a cure.
        return Page(tuple(each for each in new if each.occurred_at >= since), self._place.text())
