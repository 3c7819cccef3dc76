"""Found sets at a Security Center: server-side collections that are read in parts and released.

Each kind of search has its own way to read and release (vendor reference: ChunkAccessor,
EventProcessing, GroupSyncIterator). They cost the server memory until they are released, so they
are always released; when that fails they still go with their lifetime or their session.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from plugin.domain.errors import AnswerError, EdgeError, MissingError
from plugin.vendors.kaspersky.center_session import Server, SessionLostError, Sessions
from plugin.vendors.kaspersky.center_words import TITLE

RESTARTS = 2

Row = dict[str, Any]
Search = tuple[str, dict[str, object]]
Each = TypeVar("Each")
Type = TypeVar("Type")


@dataclass(frozen=True, slots=True)
class Way:
    """How one kind of set is named, counted, read and released."""

    handle: str
    argument: str
    count: str
    read: str
    release: str
    container: str
    array: str = "KLCSP_ITERATOR_ARRAY"


ACCESSOR = Way(
    handle="strAccessor",
    argument="strAccessor",
    count="ChunkAccessor.GetItemsCount",
    read="ChunkAccessor.GetItemsChunk",
    release="ChunkAccessor.Release",
    container="pChunk",
)
EVENTS = Way(
    handle="strIteratorId",
    argument="strIteratorId",
    count="EventProcessing.GetRecordCount",
    read="EventProcessing.GetRecordRange",
    release="EventProcessing.ReleaseIterator",
    container="pParamsEvents",
    array="KLEVP_EVENT_RANGE_ARRAY",
)
KEYS = Way(
    handle="wstrIterator",
    argument="szwIterator",
    count="lKeyCount",
    read="GroupSyncIterator.GetNextItems",
    release="GroupSyncIterator.ReleaseIterator",
    container="pData",
)


class Found:
    """One set, open for the length of a ``with``.

    Reading raises SessionLostError when the set is gone; the search has then to be made again.
    """

    def __init__(self, sessions: Sessions, server: Server, way: Way, search: Search) -> None:
        """Make the search: ``search`` is the name of the call and its arguments."""
        self._sessions, self._server, self._way = sessions, server, way
        name, arguments = search
        opened = sessions.call(server, name, **arguments)
        self._session = sessions.session(server)
        self._handle = _member(opened, way.handle, str, "a search")
        self.count = 0
        try:
            self.count = self._count(opened)
        except EdgeError:
            self.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let the server forget the set; a failure is no matter, it goes with its lifetime."""
        with suppress(EdgeError):
            self._ask(self._way.release)

    def part(self, start: int, size: int) -> list[Row]:
        """Return up to ``size`` rows from position ``start`` on (or from where it stands).

        The range of events is asked for by its end; whether the end belongs to it is not said, so
        one row more than ``size`` can come.
        """
        if self._way is EVENTS:
            answer = self._ask(self._way.read, nStart=start, nEnd=start + size)
        elif self._way is ACCESSOR:
            answer = self._ask(self._way.read, nStart=start, nCount=size)
        else:
            answer = self._ask(self._way.read, nCount=size)
        container = _member(answer, self._way.container, dict, "a part of a search")
        rows = container.get(self._way.array, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _odd("a part of a search", self._way.array)
        return rows

    def parts(self, size: int, start: int = 0) -> Iterator[tuple[list[Row], bool]]:
        """Yield all rows from ``start`` on in parts, and with each whether it is the last.

        Where there are none it is one empty part, which is not asked for.
        """
        if start >= self.count:
            yield [], True
        while start < self.count:
            rows = self.part(start, size)
            start += len(rows)
            if not rows:
                raise _odd("a search that ends before its end", self._way.array)
            yield rows, start >= self.count

    def _count(self, opened: Row) -> int:
        if self._way is KEYS:
            return _member(opened, self._way.count, int, "a search")
        return _member(self._ask(self._way.count), "PxgRetVal", int, "the size of a search")

    def _ask(self, name: str, **arguments: object) -> Row:
        handle = {self._way.argument: self._handle}
        try:
            return self._sessions.call_on(self._server, self._session, name, **handle, **arguments)
        except MissingError as error:  # the set has outlived itself
            raise SessionLostError(error.who, "has dropped a search", code="set_lost") from None


def restarted(walk: Callable[[], Iterator[Each]]) -> Iterator[Each]:
    """Yield what ``walk`` yields; when its set is lost, walk again from the start (twice at most).

    A walk that must not repeat what it has yielded remembers its own place.
    """
    for _ in range(RESTARTS):
        with suppress(SessionLostError):
            yield from walk()
            return
    yield from walk()


def _member(container: Row, name: str, kind: type[Type], what: str) -> Type:
    value = container.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _odd(what, name)
    return value


def _odd(what: str, name: str) -> AnswerError:
    return AnswerError(TITLE, f"answered {what} without {name}", code="shape")
