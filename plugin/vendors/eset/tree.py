"""Tree: PROTECT's groups as one tree, and which of them are a client's."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plugin.domain.model import Group

_CLIENTS = frozenset({"DEVICE_GROUP_ENTITY_TYPE_COMPANY", "DEVICE_GROUP_ENTITY_TYPE_HOUSEHOLD"})
_MSP = "DEVICE_GROUP_ENTITY_TYPE_MSP"


@dataclass(frozen=True, slots=True)
class Node:
    """A group as PROTECT shows it; ``parent`` is empty at the top of what can be seen."""

    id: str
    name: str
    parent: str
    static: bool
    linked: str


class Tree:
    """The visible groups.

    A client's group is the static group that PROTECT's MSP synchronisation made for a company.
    Where there are none (no MSP account behind the instance) the first level below the top is
    taken instead.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Read parsed groups; of two with one id the last counts."""
        self._nodes = {row["id"]: _node(row) for row in rows}
        self._clients = frozenset(self._linked() or self._first_level())
        self._client_of: dict[str, str] = {}

    def groups(self) -> Iterator[Group]:
        """Yield every group with the client it belongs to."""
        for node in self._nodes.values():
            yield Group(
                id=node.id,
                name=node.name[:300],
                workspace_id=self.client_of(node.id),
                parent_id=node.parent or None,
                dynamic=not node.static,
            )

    def clients(self) -> Iterator[Node]:
        """Yield the clients' groups."""
        return (node for node in self._nodes.values() if node.id in self._clients)

    def client_of(self, group_id: str) -> str:
        """Return the id of the client's group that ``group_id`` is or lies in, or nothing."""
        known = self._client_of.get(group_id)
        if known is None:
            climbed = (node.id for node in self._climb(group_id))
            known = next((each for each in climbed if each in self._clients), "")
            self._client_of[group_id] = known
        return known

    def path_of(self, group_id: str) -> tuple[str, ...]:
        """Return the names from right below the MSP (or the top) down to the group."""
        names: list[str] = []
        for node in self._climb(group_id):
            if not node.parent or node.linked == _MSP:
                break
            names.append(node.name)
        return tuple(reversed(names))

    def _climb(self, group_id: str) -> Iterator[Node]:
        """Yield the group and those above it, each once even when they go round in a circle."""
        passed: set[str] = set()
        node = self._nodes.get(group_id)
        while node is not None and node.id not in passed:
            passed.add(node.id)
            yield node
            node = self._nodes.get(node.parent)

    def _linked(self) -> list[str]:
        nodes = self._nodes.values()
        return [node.id for node in nodes if node.static and node.linked in _CLIENTS]

    def _first_level(self) -> list[str]:
        """Return the groups below the only top group, or the top groups when there are several."""
        static = [node for node in self._nodes.values() if node.static]
        tops = [node.id for node in static if node.parent not in self._nodes]
        below = [node.id for node in static if len(tops) == 1 and node.parent == tops[0]]
        return below or tops


def _node(row: Mapping[str, Any]) -> Node:
    return Node(
        row["id"], row["name"], row["parent"], bool(row["static"]), row["linked"].strip().upper()
    )
