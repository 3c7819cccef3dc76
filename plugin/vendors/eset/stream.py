"""Streams: one list of detections each, read without losing one and without reading one twice.

A stream begins with a delta token, then reads the time before it by windows, and from then on
only what was made since the token. Where ESET has no delta call (404 or 501) it goes on by
windows; they overlap, because an agent that was off line reports late, and what was read before
is known by its id.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from plugin.domain.errors import AnswerError, MissingError
from plugin.vendors.eset.connect import Connect
from plugin.vendors.eset.wire import DeltaPageWire, DetectionPageWire

SERVICE = "incident-management"
WINDOW = timedelta(days=1)
OVERLAP = timedelta(days=1)
PAGE_SIZE = 500
REMEMBERED = 2_000
"""How many ids of the overlap a cursor may hold; the newest are kept."""

_STALE = {400, 404, 410, 501}
"""How a service refuses a token it does not know any more (or the whole call)."""

_NO_CALL = {400, 403, 404, 405, 410, 501}
"""How a service says that it has no such call; 403 and all when the whole module is missing."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """How far a stream is.

    ``delta`` is the token to ask with and ``page`` where to go on inside its answer; ``since`` is
    set while windows have to be read from there; ``at`` is when the stream was last up to date;
    ``seen`` are marks of the rows that lie in the overlap.
    """

    delta: str = ""
    page: str = ""
    since: datetime | None = None
    at: datetime | None = None
    seen: tuple[str, ...] = ()


Step = tuple[list[Row], State]


class DetectionStream:
    """The detections of one version: 1 is PROTECT and Inspect, 2 is Cloud Office Security."""

    def __init__(self, connect: Connect, version: int, now: Callable[[], datetime]) -> None:
        """Read ``/v{version}/detections``."""
        self._connect, self._now, self._who = connect, now, connect.who
        self._path = f"/v{version}/detections"

    def walk(self, state: State | None, since: datetime) -> Iterator[Step]:
        """Yield rows, oldest first, each time with the state that is true once they are stored.

        MissingError when this instance has no such list.
        """
        if state is None or not (state.delta or state.since):
            state = State(since=since)
        fresh = not state.delta
        yield from self._walk(self._with_token(state) if fresh else state, since, fresh=fresh)

    def _walk(self, state: State, since: datetime, *, fresh: bool) -> Iterator[Step]:
        last = state
        if state.since is not None:
            for rows, last in self._windows(replace(state, since=max(state.since, since))):
                yield rows, last
        if last.delta:
            yield from self._changes(last, since, fresh=fresh)

    def _with_token(self, state: State) -> State:
        """Take a token before anything is read, so that nothing falls between the two."""
        now = self._now()
        try:
            pages = self._delta_pages({"deltaToken": "latest", "pageSize": PAGE_SIZE})
            return replace(state, delta=next(pages)["next_delta"], at=now)
        except (MissingError, AnswerError) as error:
            if error.status not in _NO_CALL:
                raise
            return state

    # -- by time -----------------------------------------------------------------------------

    def _windows(self, state: State) -> Iterator[Step]:
        """Read day by day; a day is sorted here, since the list promises no order.

        The last window has no end: our clock may be behind, and what it hides before the token
        would never be told. What the token tells a second time is known by its mark.
        """
        until = state.at if state.delta and state.at else self._now()
        start, seen = state.since or until, dict.fromkeys(state.seen)
        last = False
        while not last:
            end = min(start + WINDOW, until)
            last = end == until
            new = [r for r in self._window(start, None if last else end) if mark(r) not in seen]
            seen.update((mark(row), None) for row in new)
            yield new, self._after_window(state, end, tuple(seen), last=last)
            start = end

    def _window(self, start: datetime, end: datetime | None) -> list[Row]:
        params: Row = {"startTime": stamp(start), "pageSize": PAGE_SIZE}
        if end is not None:
            params["endTime"] = stamp(end)
        pages = self._connect.pages(SERVICE, self._path, DetectionPageWire, params)
        return in_order(row for page in pages for row in page["rows"] or ())

    def _after_window(
        self, state: State, end: datetime, seen: tuple[str, ...], *, last: bool
    ) -> State:
        kept = seen[-REMEMBERED:]
        if state.delta:
            return replace(state, since=None if last else end, seen=kept)
        return State(since=end - OVERLAP if last else end, at=end, seen=kept)

    # -- by token ----------------------------------------------------------------------------

    def _changes(self, state: State, since: datetime, *, fresh: bool) -> Iterator[Step]:
        """Read what was made since the token; a token that has grown too old is replaced."""
        steps = self._delta(state)
        try:
            first = next(steps)
        except (AnswerError, MissingError) as error:
            if error.status not in _STALE:
                raise
        else:
            yield first
            yield from steps
            return
        if state.page:
            yield from self._changes(replace(state, page=""), since, fresh=fresh)
            return
        begin = State(since=max(since, (state.at or since) - OVERLAP))
        yield from self._walk(begin if fresh else self._with_token(begin), since, fresh=True)

    def _delta(self, state: State) -> Iterator[Step]:
        params: Row = {"deltaToken": state.delta, "pageSize": PAGE_SIZE}
        if state.page:
            params["pageToken"] = state.page
        seen = set(state.seen)
        for page in self._delta_pages(params):
            if page["next_page"]:
                state = replace(state, page=page["next_page"])
            elif page["next_delta"]:
                state = State(delta=page["next_delta"], at=self._now())
            else:
                text = "ended a list of changes without a token for the next"
                raise AnswerError(self._who, text, code="shape")
            yield in_order(r for r in page["rows"] or () if mark(r) not in seen), state

    def _delta_pages(self, params: Mapping[str, Any]) -> Iterator[Row]:
        return self._connect.pages(SERVICE, f"{self._path}:listDelta", DeltaPageWire, params)


def in_order(rows: Any) -> list[Row]:  # noqa: ANN401 - parsed rows
    """Return rows by time, oldest first."""
    return sorted(rows, key=lambda row: (row["occurred_at"], row["id"]))


def mark(row: Mapping[str, Any]) -> str:
    """Return a short mark of a row's id, for remembering many."""
    return mark_of(row["id"])


def mark_of(text: str) -> str:
    """Return a short mark of a text; two of a million texts share one by pure chance only."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def stamp(moment: datetime) -> str:
    """Return a moment as ESET's filters want it: UTC, with a Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
