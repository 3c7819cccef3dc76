"""Book: which client a device belongs to, asked for the devices that something happened on."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from plugin.domain.errors import AnswerError, MissingError, RefusedError
from plugin.vendors.eset.connect import Connect
from plugin.vendors.eset.refusals import CORE
from plugin.vendors.eset.tree import Tree
from plugin.vendors.eset.wire import DeviceBatchWire

BATCH = 50
"""Ids in one call; they stand in its address, which gateways cut at a few thousand letters."""

MOST_KNOWN = 5_000

_HIDDEN = {400, 403, 404, 410}
"""How the service says that an id is unknown, removed, or out of this user's scope."""

Entry = tuple[str, str]
_UNKNOWN: Entry = ("", "")


class Book:
    """Looks devices up; keeps a bounded number of them for the length of one walk."""

    def __init__(self, connect: Connect, read_tree: Callable[[], Tree], who: str) -> None:
        """Place devices by the groups that ``read_tree`` reads, when a device has to be placed."""
        self._connect, self._read_tree, self._who = connect, read_tree, who
        self._known: dict[str, Entry] = {}

    def look(self, ids: Iterable[str]) -> dict[str, Entry]:
        """Return client and name of each device; both empty for one that is gone."""
        wanted = dict.fromkeys(each for each in ids if each)
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        unknown = [each for each in wanted if each not in self._known]
        for start in range(0, len(unknown), BATCH):
            batch = unknown[start : start + BATCH]
            self._known.update(dict.fromkeys(batch, _UNKNOWN))
            self._known.update(self._fetch(batch))
        return {each: self._known[each] for each in wanted}

    @cached_property
    def _tree(self) -> Tree:
        return self._read_tree()

    def _fetch(self, ids: list[str]) -> Iterator[tuple[str, Entry]]:
        """Ask for all at once; if one is gone ESET gives none, so they are asked one by one."""
        try:
            params = {"devicesUuids": ids}
            found = self._connect.get(CORE, "/v1/devices:batchGet", params)
        except (MissingError, RefusedError, AnswerError) as error:
            if error.status not in _HIDDEN:
                raise
            for each in ids if len(ids) > 1 else ():
                yield from self._fetch([each])
            return
        for row in DeviceBatchWire.parse(found, self._who, "devices")["rows"] or ():
            yield row["id"], (self._tree.client_of(row["group"]), row["name"])
