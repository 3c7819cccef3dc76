"""The nouns: what hosts and vendors have, as frozen values.

Ids are the remote's own and always text, because some systems mix numbers and text for the same
thing. Times are aware and in UTC. A field that a remote does not report is ``None`` or empty.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

Row = TypeVar("Row")


class Severity(StrEnum):
    """How bad a detection is, in the words that the rules offer."""

    CRITICAL = "critical"
    FUNCTIONAL_FAILURE = "functional_failure"
    WARNING = "warning"
    INFORMATION = "information"
    UNKNOWN = "unknown"


class Protection(StrEnum):
    """The vendor's verdict on a device."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class DeviceClass(StrEnum):
    """What a device is, for billing by category."""

    WORKSTATION = "workstation"
    SERVER = "server"
    MOBILE = "mobile"
    OTHER = "other"


class LicenceKind(StrEnum):
    """How a licence is paid for; only commercial ones and subscriptions are billed."""

    COMMERCIAL = "commercial"
    SUBSCRIPTION = "subscription"
    TRIAL = "trial"
    UNKNOWN = "unknown"


class LicenceState(StrEnum):
    """Whether a licence can be used today."""

    ACTIVE = "active"
    EXPIRED = "expired"
    RESERVED = "reserved"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


class EventAction(StrEnum):
    """What a host says happened to a record."""

    ADDED = "added"
    UPDATED = "updated"
    DELETED = "deleted"
    UNKNOWN = "unknown"


class EventKind(StrEnum):
    """Which kind of record a host event is about; what we do not know is UNKNOWN, not an error."""

    TICKET = "ticket"
    COMPANY = "company"
    AGREEMENT = "agreement"
    CONFIGURATION = "configuration"
    COMPUTER = "computer"
    ALERT = "alert"
    BRIDGE = "bridge"
    UNKNOWN = "unknown"


class ActionKind(StrEnum):
    """What can be asked of a device or a workspace."""

    SCAN = "scan"
    UPDATE = "update"
    ISOLATE = "isolate"
    END_ISOLATION = "end_isolation"
    RESTART = "restart"


class ActionState(StrEnum):
    """How far a remote action is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a walk: its rows and where to go on; ``complete`` ends a full walk.

    A page of a full listing (no cursor given) that ends with ``complete`` true lets the caller
    treat rows it did not see as gone; a delta page never does. A delta page says in ``gone`` which
    ids the remote has removed, where it tells.
    """

    rows: tuple[Row, ...]
    next_cursor: str | None = None
    complete: bool = False
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Workspace:
    """The vendor's unit for one client (workspace, company, virtual server, customer)."""

    id: str
    name: str
    domain: str = ""
    address: str = ""
    device_count: int | None = None
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A protected device as last seen.

    ``conditions`` are the vendor's status descriptions that hold now, as stable short words (such
    as ``bases_outdated``); ``groups`` the ids of groups it belongs to.
    """

    id: str
    workspace_id: str
    name: str
    device_class: DeviceClass = DeviceClass.OTHER
    operating_system: str = ""
    serial: str = ""
    macs: tuple[str, ...] = ()
    fqdn: str = ""
    address: str = ""
    user: str = ""
    protection: Protection = Protection.UNKNOWN
    conditions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    product: str = ""
    product_version: str = ""
    bases_at: datetime | None = None
    seen_at: datetime | None = None
    isolated: bool | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """Something a vendor found or reported on a device.

    ``kind`` is the stable word of the condition (event type, detection type): together with the
    workspace and the device it makes the ticket key, so it holds no time and no free text.
    ``sequence`` orders detections of one scope.
    """

    id: str
    workspace_id: str
    device_id: str
    device_name: str
    kind: str
    severity: Severity
    title: str
    occurred_at: datetime
    description: str = ""
    outcome: str = ""
    object_name: str = ""
    user: str = ""
    resolved: bool = False
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Licence:
    """A key or subscription of a workspace; ``limit`` is ``None`` for unlimited."""

    id: str
    workspace_id: str
    product: str
    kind: LicenceKind = LicenceKind.UNKNOWN
    state: LicenceState = LicenceState.UNKNOWN
    limit: int | None = None
    used: int | None = None
    expires_at: datetime | None = None
    per_user: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A vendor's group of devices; ``dynamic`` groups fill themselves by a condition."""

    id: str
    name: str
    workspace_id: str = ""
    parent_id: str | None = None
    dynamic: bool = False


@dataclass(frozen=True, slots=True)
class UsageLine:
    """How many of a product a workspace used on a day, counted ``how``."""

    workspace_id: str
    product: str
    day: date
    quantity: int
    how: str
    device_class: DeviceClass | None = None


@dataclass(frozen=True, slots=True)
class CustomerPair:
    """A workspace and a customer of the vendor's second list that may be one client.

    ``score`` is 0 to 100; ``reason`` says in words why they look alike.
    """

    workspace_id: str
    workspace_name: str
    customer_id: str
    customer_name: str
    score: int
    reason: str


@dataclass(frozen=True, slots=True)
class Administrator:
    """A vendor user who may manage an integration."""

    email: str
    alias: str = ""


@dataclass(frozen=True, slots=True)
class KeptIntegration:
    """An integration as the vendor keeps it; ``platform`` is the kind of the host it is for."""

    id: str
    platform: str
    name: str
    workspaces: tuple[str, ...] = ()
    administrators: tuple[Administrator, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionTarget:
    """What an action is aimed at: one device, or a whole workspace when ``device_id`` is empty."""

    workspace_id: str
    device_id: str = ""


@dataclass(frozen=True, slots=True)
class ActionProgress:
    """How far an action is, in the vendor's words where it gives any."""

    state: ActionState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Company:
    """A client company in the host; ``active`` false for deleted, recycled or inactive ones."""

    id: str
    name: str
    identifier: str = ""
    domain: str = ""
    address: str = ""
    status: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Computer:
    """A computer the host manages; ``roles`` are the security roles it was seen to hold."""

    id: str
    company_id: str
    name: str
    serial: str = ""
    macs: tuple[str, ...] = ()
    address: str = ""
    operating_system: str = ""
    device_class: DeviceClass = DeviceClass.OTHER
    online: bool | None = None
    seen_at: datetime | None = None
    roles: tuple[str, ...] = ()
    is_bridge: bool = False


@dataclass(frozen=True, slots=True)
class TicketDraft:
    """What a ticket should say and where it should go; names or ids in the host's own terms.

    ``fields`` holds the host's routing words (board, status, type, priority, …) by the names that
    the adapter's ``ticket_fields`` declares.
    """

    company_id: str
    summary: str
    body: str
    severity: Severity = Severity.UNKNOWN
    fields: tuple[tuple[str, str], ...] = ()
    configuration_id: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TicketRef:
    """A ticket that exists in the host: its id and, where there is one, a page to open."""

    id: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket as the host shows it now."""

    id: str
    summary: str
    status: str
    closed: bool
    company_id: str = ""
    key: str = ""
    updated_at: datetime | None = None
    updated_by: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a drop-down: what is stored and what is read; ``parent`` narrows it."""

    value: str
    label: str
    parent: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """A contract of a company in the host, and up to when its lines are closed."""

    id: str
    company_id: str
    name: str
    kind: str = ""
    active: bool = True
    starts_on: date | None = None
    ends_on: date | None = None
    closed_until: date | None = None
    next_bill_on: date | None = None


@dataclass(frozen=True, slots=True)
class AgreementLine:
    """What the host bills now for one product on one agreement."""

    id: str
    agreement_id: str
    product_id: str
    product_name: str
    quantity: Decimal
    unit_price: Decimal | None = None
    effective_on: date | None = None
    ends_on: date | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """Something the host can put on an agreement."""

    id: str
    name: str
    identifier: str = ""
    unit_price: Decimal | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Configuration:
    """A device as the host's configuration record holds it."""

    id: str
    company_id: str
    name: str
    serial: str = ""
    device_identifier: str = ""
    macs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExtraField:
    """A field that an MSP added to the host's records of computers.

    ``options`` are the allowed words of a drop-down; a check box has ``false`` and ``true``.
    ``untouched`` says that the value is the one a new computer has.
    """

    id: str
    title: str
    value: str
    options: tuple[str, ...] = ()
    read_only: bool = False
    untouched: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """A callback as registered at the host; ``kind`` is the host's own type word."""

    url: str
    kind: str
    id: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class HostEvent:
    """What a delivery means: a hint that this record changed."""

    kind: EventKind
    entity_id: str
    action: EventAction = EventAction.UNKNOWN
    message_id: str = ""
    occurred_at: datetime | None = None
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One received call as it came: raw body and the headers a proof needs (lower-case)."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    received_at: datetime | None = None

    def header(self, name: str) -> str:
        """Return the header's value, or an empty text."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class Placement:
    """One of our pages shown at a place in the host (a tab, a pod, a menu entry)."""

    kind: str
    screen: str
    title: str
    url: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class MemberClaim:
    """What a page inside a host says about who is looking; untrusted until the host confirms it."""

    company_id: str
    member_id: str
    member_hash: str = field(repr=False)
    member_context: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the host, proven by the host itself."""

    id: str
    name: str
    email: str = ""


Companies = frozenset[tuple[int, str]]
"""Pairs of a host connection and the host's own id of a company."""
