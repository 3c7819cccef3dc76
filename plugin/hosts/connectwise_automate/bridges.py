"""Bridges: which computers hold one of the two roles.

The published interface shows no roles. Three signs stand in for them: a group that computers join
by a search for the role, an extra data field, and ids given by hand.
"""

from collections.abc import Iterable, Iterator

from plugin.domain.errors import MissingError, RefusedError
from plugin.hosts.connectwise_automate.api import Api, number_of, quoted
from plugin.hosts.connectwise_automate.extra_fields import read_fields
from plugin.hosts.connectwise_automate.fields import (
    ADMINISTRATION_SERVER,
    CLOUD_BRIDGE,
    GROUP_FIELDS,
    HAND_FIELDS,
    list_of,
)
from plugin.hosts.connectwise_automate.wire import GroupWire, MemberWire

ROLE_WORDS = {
    CLOUD_BRIDGE.casefold(): CLOUD_BRIDGE,
    "cloud bridge": CLOUD_BRIDGE,
    "bridge": CLOUD_BRIDGE,
    ADMINISTRATION_SERVER.casefold(): ADMINISTRATION_SERVER,
    "administration server": ADMINISTRATION_SERVER,
}
"""What an extra data field may say; anything else means no role."""


class Roles:
    """One look at who holds a role: groups are read when it is made, fields one by one."""

    def __init__(self, api: Api) -> None:
        """Read the groups; RefusedError (code ``bridge-group``) when one is not there."""
        self._api = api
        self._field_clients = frozenset(list_of(api.settings, "bridge_clients"))
        self._field = api.settings.get("bridge_field", "").strip().casefold()
        self._known: dict[str, list[str]] = {}
        for name, role in HAND_FIELDS.items():
            self._add(list_of(api.settings, name), role)
        for name, role in GROUP_FIELDS.items():
            self._add(_group_members(api, api.settings.get(name, "").strip()), role)

    def of(self, computer_id: str, client_id: str) -> tuple[str, ...]:
        """Return the roles of a computer, asking for its field where fields are used."""
        found = list(self._known.get(computer_id, ()))
        if self._field and client_id in self._field_clients:
            role = self._by_field(computer_id)
            if role and role not in found:
                found.append(role)
        return tuple(found)

    def count(self) -> int:
        """Return how many computers hold a role by group or by hand."""
        return len(self._known)

    def check_field(self, computer_id: str) -> None:
        """Ask one computer for the bridge field; RefusedError (code ``bridge-field``) if absent."""
        self._by_field(computer_id)

    def _add(self, computers: Iterable[str], role: str) -> None:
        for computer in computers:
            roles = self._known.setdefault(computer, [])
            if role not in roles:
                roles.append(role)

    def _by_field(self, computer_id: str) -> str:
        try:
            fields = read_fields(self._api, computer_id)
        except MissingError:
            return ""  # removed since the list was read
        for field in fields:
            if field.title.strip().casefold() == self._field:
                return ROLE_WORDS.get(field.value.strip().casefold(), "")
        text = "has no extra data field on computers with the title given for bridges"
        raise RefusedError(self._api.who, text, code="bridge-field")


def group_ids(api: Api, name: str) -> list[str]:
    """Return the ids of the groups called ``name``, by their short or full name."""
    text = quoted(name)
    asked = {
        "condition": f"(Name = {text}) or (FullName = {text})",
        "includeFields": "Id,Name,FullName",
    }
    wanted = name.casefold()
    return [
        row["id"]
        for row in api.rows("api/v1/Groups", GroupWire, "groups", asked)
        if wanted in {row["name"].casefold(), row["full_name"].casefold()}
    ]


def member_ids(api: Api, group_id: str) -> Iterator[str]:
    """Yield the ids of the computers that are in a group now."""
    path = f"api/v2/Groups/{number_of(group_id, 'group_id')}/Computers"
    for row in api.rows(path, MemberWire, "group members", {"includeFields": "Id"}):
        yield row["id"]


def _group_members(api: Api, name: str) -> Iterator[str]:
    if not name:
        return
    groups = group_ids(api, name)
    if not groups:
        text = f"has no group called {name} that this user may see"
        raise RefusedError(api.who, text, code="bridge-group")
    for group in groups:
        yield from member_ids(api, group)
