"""Fleet: groups, their members and devices, as pages of what device management lists."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from plugin.domain.errors import AnswerError
from plugin.vendors.eset.connect import Connect, part
from plugin.vendors.eset.refusals import CORE
from plugin.vendors.eset.tree import Tree
from plugin.vendors.eset.wire import DevicePageWire, GroupPageWire, MemberPageWire

GROUPS_A_PAGE = 1000
DEVICES_A_PAGE = 500
"""Fewer than a page may hold: a device is some kilobytes, and answers have a limit here."""

Row = dict[str, Any]


class Fleet:
    """Reads ``device-management`` of one instance."""

    def __init__(self, connect: Connect) -> None:
        """Read through ``connect``."""
        self._connect = connect

    def tree(self) -> Tree:
        """Return all visible groups."""
        params = {"pageSize": GROUPS_A_PAGE}
        pages = self._connect.pages(CORE, "/v1/device_groups", GroupPageWire, params)
        return Tree(row for page in pages for row in page["rows"] or ())

    def members(self, group_id: str) -> Iterator[str]:
        """Yield the ids of who is in a group itself, each once."""
        path, seen = f"/v1/device_groups/{part(group_id)}/devices", set[str]()
        params = {"pageSize": GROUPS_A_PAGE}
        for page in self._connect.pages(CORE, path, MemberPageWire, params):
            for row in page["rows"] or ():
                if row["id"] not in seen:
                    seen.add(row["id"])
                    yield row["id"]

    def devices(self, cursor: str | None) -> Iterator[tuple[list[Row], str, bool]]:
        """Yield rows, the cursor to go on from, and whether this ends a listing of everything.

        A cursor that ESET does not know any more begins a new listing.
        """
        params: Row = {"pageSize": DEVICES_A_PAGE, **({"pageToken": cursor} if cursor else {})}
        pages = self._connect.pages(CORE, "/v1/devices", DevicePageWire, params)
        try:
            first = next(pages)
        except AnswerError as error:
            if not cursor or error.status != 400:
                raise
            yield from self.devices(None)
            return
        for page in chain((first,), pages):
            last = not page["next_page"]
            yield page["rows"] or [], page["next_page"], last and not cursor
