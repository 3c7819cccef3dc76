"""What states are called on pages, and which icon and colour repeats the word."""

from collections.abc import Mapping

from plugin.store.bridges import Bridge
from plugin.store.work import DeliveryState, JobState, RunState, TicketState

State = tuple[str, str]
"""The word, and the kind of the ``ui.state`` macro."""

PROTECTION: Mapping[str, State] = {
    "critical": ("Critical", "critical"),
    "warning": ("Warning", "warning"),
    "ok": ("Protected", "ok"),
    "unknown": ("Unknown", "unknown"),
}
DEVICE_CLASS: Mapping[str, str] = {
    "workstation": "Workstation",
    "server": "Server",
    "mobile": "Mobile device",
    "other": "Other",
}
SEVERITY: Mapping[str, State] = {
    "critical": ("Critical", "critical"),
    "functional_failure": ("Functional failure", "critical"),
    "warning": ("Warning", "warning"),
    "information": ("Information", "info"),
    "unknown": ("Unknown", "unknown"),
}
CONNECTION: Mapping[str, State] = {
    "new": ("Not checked yet", "waiting"),
    "working": ("Working", "ok"),
    "attention": ("Needs attention", "critical"),
}
INTEGRATION: Mapping[str, State] = {
    "draft": ("Draft: not started", "parked"),
    "active": ("Active", "ok"),
}
TICKET: Mapping[str, State] = {
    TicketState.WAITING.value: ("Waiting to be sent", "waiting"),
    TicketState.OPEN.value: ("Open", "info"),
    TicketState.CLOSED.value: ("Closed", "done"),
}
DECISION: Mapping[str, State] = {
    "made": ("Made", "ok"),
    "appended": ("Note added", "info"),
    "reopened": ("Opened again", "info"),
    "suppressed": ("No ticket", "off"),
    "sent": ("Sent", "done"),
    "failed": ("Failed", "failed"),
    "seen": ("Seen at the host", "info"),
    "closed": ("Closed", "done"),
}
DELIVERY: Mapping[str, State] = {
    DeliveryState.WAITING.value: ("Waiting", "waiting"),
    DeliveryState.HANDLED.value: ("Handled", "done"),
    DeliveryState.DROPPED.value: ("Dropped", "off"),
    DeliveryState.PARKED.value: ("Parked", "parked"),
    DeliveryState.DEAD.value: ("Dead letter", "dead"),
}
RUN: Mapping[str, State] = {
    RunState.WAITING.value: ("Waiting", "waiting"),
    RunState.RUNNING.value: ("Running", "running"),
    RunState.DONE.value: ("Done", "done"),
    RunState.PARTIAL.value: ("Done in part", "warning"),
    RunState.FAILED.value: ("Failed", "failed"),
    RunState.CANCELLED.value: ("Cancelled", "off"),
}
JOB: Mapping[str, State] = {
    JobState.DUE.value: ("Due", "waiting"),
    JobState.PARKED.value: ("Parked until a person acts", "parked"),
    JobState.DEAD.value: ("Given up", "dead"),
}
OUTCOME: Mapping[str, State] = {
    "ok": ("OK", "ok"),
    "warning": ("Look at this", "warning"),
    "failed": ("Failed", "failed"),
}
HOLDING: Mapping[str, State] = {
    "has": ("Has it", "ok"),
    "missing": ("Missing", "failed"),
    "untold": ("Cannot be told", "warning"),
}
ACCESS: Mapping[str, str] = {"read": "to read", "write": "to write"}
MARK: Mapping[str, State] = {
    "done": ("Done", "ok"),
    "not_done": ("Not done", "failed"),
    "untold": ("Cannot be checked", "warning"),
    "unneeded": ("Not needed", "off"),
}
MAPPING: Mapping[str, State] = {
    "mapped": ("Mapped", "ok"),
    "unmapped": ("Not mapped", "warning"),
    "broken": ("Broken", "critical"),
    "ignored": ("Not integrated", "off"),
}
RUN_WHAT: Mapping[str, str] = {
    "data": "Devices and licences",
    "workspaces": "Workspaces",
    "groups": "Groups",
    "companies": "Companies",
    "tickets": "Tickets",
    "computers": "Computers of the host",
}
EVENT_KIND: Mapping[str, str] = {
    "ticket": "Ticket",
    "company": "Company",
    "agreement": "Agreement",
    "configuration": "Configuration",
    "computer": "Computer",
    "alert": "Alert",
    "bridge": "Bridge",
    "unknown": "Not used here",
    "unread": "Not read yet",
}
CLOSED_RUNS = frozenset({"done", "partial", "failed", "cancelled"})
_GROUPS = {
    "connecting": "connections",
    "calls": "connections",
    "customers": "connections",
    "deleting": "connections",
    "actions": "devices",
    "deploying": "devices",
    "administrators": "integrations",
    "integrating": "integrations",
    "integration_changes": "integrations",
    "mapping": "integrations",
    "matching": "integrations",
    "host_fields": "integrations",
}


def state(table: Mapping[str, State], word: str) -> State:
    """Return word and kind of a state; one that is new here is shown as it is."""
    return table.get(word, (plain(word) or "Unknown", "unknown"))


def bridge_state(row: Bridge) -> State:
    """Return word and kind of how a bridge is."""
    if row.revoked_at is not None:
        return "Turned out", "off"
    if row.digest is None:
        return "Not enrolled", "off"
    if not row.online:
        return "Offline", "critical"
    if row.draining:
        return ("Slow, drained" if row.draining == "slow" else "Drained"), "warning"
    return "Online", "ok"


def plain(word: str) -> str:
    """Return a technical word as a person reads it.

    >>> plain("bases_outdated")
    'Bases outdated'
    """
    if word.isupper():
        return word  # a vendor's own constant, which its manual spells so
    return word.replace("_", " ").strip().capitalize()


def options(table: Mapping[str, State] | Mapping[str, str]) -> list[tuple[str, str]]:
    """Return a table as the choices of a filter."""
    return [(key, told if isinstance(told, str) else told[0]) for key, told in table.items()]


def choices(table: Mapping[str, tuple[str, tuple[str, ...]]]) -> list[tuple[str, str]]:
    """Return a table of names with sentences as the choices of a filter."""
    return [(key, told[0]) for key, told in table.items()]


def count(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun.

    >>> count(1, "company", "companies"), count(2000, "device")
    ('1 company', '2,000 devices')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def plural(noun: str) -> str:
    """Return a vendor's word for several.

    >>> plural("company"), plural("virtual server")
    ('companies', 'virtual servers')
    """
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def group_of(blueprint: str) -> str:
    """Return the group of pages that a blueprint belongs to."""
    return _GROUPS.get(blueprint, blueprint)


ACTION: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "scan": ("Start scan", ("The device is scanned; this can slow it down for some hours.",)),
    "update": ("Update databases", ("The device fetches the vendor's newest databases.",)),
    "isolate": (
        "Isolate from the network",
        (
            "The device loses every network connection but the one to the security vendor.",
            "Whoever works on it, also from afar, is cut off until the isolation is ended.",
        ),
    ),
    "end_isolation": ("End isolation", ("The device may use the network again.",)),
    "restart": ("Restart", ("The device restarts; work that was not saved there is lost.",)),
}
"""What an action is called, and what it does."""

ACTION_ON_MANY: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "scan": ("Start scan", ("They are scanned; this can slow them down for some hours.",)),
    "update": ("Update databases", ("They fetch the vendor's newest databases.",)),
    "isolate": (
        "Isolate from the network",
        (
            "They lose every network connection but the one to the security vendor.",
            "Whoever works on them, also from afar, is cut off until the isolation is ended.",
        ),
    ),
    "end_isolation": ("End isolation", ("They may use the network again.",)),
    "restart": ("Restart", ("They restart; work that was not saved there is lost.",)),
}
"""What an action on several devices is called, and what it does."""

ACTION_STATE: Mapping[str, State] = {
    "waiting": ("Waiting", "waiting"),
    "running": ("Running", "running"),
    "done": ("Done", "done"),
    "failed": ("Failed", "failed"),
}

NOTICE: Mapping[str, State] = {
    "connection_broken": ("Connection broken", "critical"),
    "connection_working": ("Connection works again", "ok"),
    "secret_expiring": ("Key or certificate expires", "warning"),
    "licence_expiring": ("Licence expires", "warning"),
    "dead_letters": ("Dead letters", "dead"),
    "callbacks_off": ("Callbacks switched off", "warning"),
    "bridge_offline": ("Bridge offline", "critical"),
    "bridge_back": ("Bridge is back", "ok"),
    "bridge_lent": ("Bridge lent", "warning"),
    "bridge_awaited": ("Waits for a bridge", "warning"),
    "integration_deleted": ("Integration deleted", "info"),
    "disk_low": ("Disk nearly full", "critical"),
    "queue_growing": ("Work falls behind", "warning"),
}
MAIL: Mapping[str, State] = {
    "waiting": ("Waiting", "waiting"),
    "sending": ("Being sent", "running"),
    "sent": ("Sent", "done"),
    "undelivered": ("Undelivered", "dead"),
    "skipped": ("Not sent", "off"),
}

ROUTE: Mapping[str, tuple[str, str]] = {
    "connection_broken": (
        "A connection is broken",
        "And when it works again, to those who heard of the break.",
    ),
    "secret_expiring": (
        "A key or certificate is about to expire",
        "30 days, 7 days and a day before: API tokens and certificates.",
    ),
    "licence_expiring": (
        "Licences are about to expire",
        "30 days, 7 days and a day before, together for each vendor.",
    ),
    "dead_letters": (
        "Work was given up (dead letters)",
        "Once for each connection, and again when there are ten times as many.",
    ),
    "callbacks_off": (
        "A host switched our callbacks off",
        "They are switched on again by themselves.",
    ),
    "bridge_offline": (
        "A bridge is offline",
        "When its beats stopped, and when it is back, to those who heard of it.",
    ),
    "bridge_lent": (
        "A bridge is lent to an integration",
        "When all bridges of an integration are lost and another's helps out.",
    ),
    "bridge_awaited": (
        "Work waits for a bridge",
        "When a connection is reached by bridge only and no bridge can do its work.",
    ),
    "integration_deleted": (
        "An integration was deleted",
        "Its integration administrators always get an e-mail too.",
    ),
    "disk_low": ("The disk is nearly full", "At 10 %, 5 % and 2 % free."),
    "queue_growing": (
        "Background work falls behind",
        "When due work has waited for 15 minutes, an hour, four hours.",
    ),
}
"""What a kind of event is called in the settings of notifications, and when it is told."""

AREA: Mapping[str, str] = {
    "action.": "Actions on devices",
    "bridge.": "Bridges",
    "connection.": "Connections",
    "customer.": "Customers",
    "delivery.": "Received calls",
    "environment.": "Environment",
    "integration.": "Integrations",
    "mapping.": "Mappings",
    "notification.": "Notifications",
    "rule.": "Rules",
    "secrets.": "Secrets",
    "session.": "Sessions",
    "sync.": "Sync runs",
    "ticket.": "Tickets",
    "token.": "API tokens",
    "user.": "Accounts",
}
"""What the names of audited actions begin with, and what these are about."""
