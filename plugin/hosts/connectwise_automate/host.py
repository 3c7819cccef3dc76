"""ConnectWise Automate as a host: an RMM with clients, computers, fields, commands and scripts."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from plugin.domain.contracts import (
    Advice,
    Host,
    KeepsExtraFields,
    ListsAlerts,
    ListsComputers,
    ListsGroups,
    Rung,
    Words,
)
from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.model import (
    Choice,
    Company,
    Computer,
    EventAction,
    EventKind,
    ExtraField,
    Group,
    HostEvent,
)
from plugin.domain.rights import Right
from plugin.edge.link import Link
from plugin.hosts.connectwise_automate.api import Api
from plugin.hosts.connectwise_automate.bridges import Roles, member_ids
from plugin.hosts.connectwise_automate.check import advice_for, rungs_of
from plugin.hosts.connectwise_automate.extra_fields import read_fields, write_field
from plugin.hosts.connectwise_automate.fields import FIELDS, GUIDE, problems
from plugin.hosts.connectwise_automate.menus import MenuPages
from plugin.hosts.connectwise_automate.rights import rights
from plugin.hosts.connectwise_automate.webhooks import ScriptWebhooks
from plugin.hosts.connectwise_automate.wire import (
    AlertWire,
    ClientWire,
    ComputerWire,
    GroupWire,
    LocationWire,
)
from plugin.hosts.connectwise_automate.work import ComputerWork

CLIENT_FIELDS = "Id,Name,ExternalId,Address1,City,ZipCode,Country"
COMPUTER_FIELDS = (
    "Id,ComputerName,Client,SerialNumber,MACAddress,LocalIPAddress,OperatingSystemName,Type,"
    "Status,RemoteAgentLastContact"
)


class ConnectWiseAutomate(
    ScriptWebhooks,
    ComputerWork,
    MenuPages,
    Host,
    ListsComputers,
    ListsGroups,
    KeepsExtraFields,
    ListsAlerts,
):
    """One Automate server, by its REST interface and by scripts that call us."""

    kind = "connectwise_automate"
    title = "ConnectWise Automate"
    fields = FIELDS
    guide = GUIDE
    words = Words(product="Automate", company="client", computer="computer")

    def __init__(self, link: Link) -> None:
        """Open the door to the server; nothing is called yet."""
        self._link = link
        self._api = Api(link, self.title)

    @classmethod
    def validate(cls, settings: Mapping[str, str]) -> tuple[RuleError, ...]:
        """Return what is wrong with the settings beyond each field's own rule."""
        return tuple(problems(settings))

    def rungs(self) -> tuple[Rung, ...]:
        """Return the connection check's steps."""
        return rungs_of(self._api)

    def advice(self, rung: str, error: EdgeError) -> Advice | None:
        """Return why a step failed and what to do about it."""
        return advice_for(rung, error)

    def rights(self) -> tuple[Right, ...]:
        """Return the rights that its user needs."""
        return tuple(rights(self._api))

    # -- clients and computers ---------------------------------------------------------------

    def companies(self) -> Iterator[Company]:
        """Yield every client; Automate has no inactive ones."""
        asked = {"includeFields": CLIENT_FIELDS}
        for row in self._api.rows("api/v1/Clients", ClientWire, "clients", asked):
            parts = (row["street"], row["zip_code"], row["city"], row["country"])
            yield Company(
                id=row["id"],
                name=row["name"],
                identifier=row["external_id"],
                address=", ".join(part for part in parts if part),
            )

    def locations(self) -> Iterator[Choice]:
        """Yield every location; its ``parent`` is the client's id."""
        for row in self._api.rows("api/v1/Locations", LocationWire, "locations"):
            yield Choice(row["id"], row["name"], parent=row["client_id"])

    def computers(self) -> Iterator[Computer]:
        """Yield every computer with the bridge roles it holds.

        RefusedError when a group or field given for bridges does not exist: taking that for "no
        bridges" would move all work away from them.
        """
        roles = Roles(self._api)
        asked = {"includeFields": COMPUTER_FIELDS}
        for row in self._api.rows("api/v1/Computers", ComputerWire, "computers", asked):
            held = roles.of(row["id"], row["client_id"])
            yield Computer(
                id=row["id"],
                company_id=row["client_id"],
                name=row["name"],
                serial=row["serial"],
                macs=_macs(row["mac"]),
                address=row["address"],
                operating_system=row["system"],
                device_class=row["device_class"],
                online=row["online"],
                seen_at=self._api.instant(row["seen"]),
                roles=held,
                is_bridge=bool(held),
            )

    def groups(self) -> Iterator[Group]:
        """Yield every group; ``dynamic`` ones are joined by a search."""
        for row in self._api.rows("api/v1/Groups", GroupWire, "groups"):
            yield Group(
                id=row["id"],
                name=row["full_name"] or row["name"],
                parent_id=row["parent_id"] if row["parent_id"] not in {"", "0"} else None,
                dynamic=row["search"] not in {"", "0"},
            )

    def members(self, group_id: str) -> Iterator[str]:
        """Yield the ids of the computers that are in the group now."""
        return member_ids(self._api, group_id)

    # -- extra data fields -------------------------------------------------------------------

    def extra_fields(self, computer_id: str) -> tuple[ExtraField, ...]:
        """Return a computer's fields; a check box says ``true`` or ``false``."""
        return read_fields(self._api, computer_id)

    def set_extra_field(self, computer_id: str, field_id: str, value: str) -> ExtraField:
        """Set one field and return it as read back."""
        return write_field(self._api, computer_id, field_id, value)

    # -- alerts ------------------------------------------------------------------------------

    def alerts(self, since: datetime) -> Iterator[HostEvent]:
        """Yield what was raised on computers at or after ``since``, as a script would report it.

        Automate is asked from a day earlier: in which zone it compares times is not documented.
        """
        start = (since - timedelta(days=1)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        asked = {"condition": f"AlertDate >= {start}"}
        for row in self._api.rows("api/v1/Alerts", AlertWire, "alerts", asked):
            raised = self._api.instant(row["raised"])
            if raised is None or raised < since or not row["computer_id"]:
                continue
            details = ("alert_id", "id"), ("severity", "severity"), ("source", "source")
            named = (("event", "alert_raised"), ("client_id", row["client_id"]))
            yield HostEvent(
                kind=EventKind.ALERT,
                entity_id=row["computer_id"],
                action=EventAction.ADDED,
                occurred_at=raised,
                details=(*named, *((name, row[key]) for name, key in details)),
            )


def _macs(given: str) -> tuple[str, ...]:
    """Return a MAC address as twelve digits in pairs, whatever marks stand between them.

    >>> _macs("02-FF-00-00-00-0A")
    ('02:ff:00:00:00:0a',)
    """
    digits = re.sub(r"[^0-9a-f]", "", given.lower())
    if len(digits) != 12:
        return ()
    return (":".join(digits[place : place + 2] for place in range(0, 12, 2)),)
