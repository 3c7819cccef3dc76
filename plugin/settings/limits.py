"""Limits: intervals, attempts, sizes and guards, from config/default.toml."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

Section = TypeVar("Section")
Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """How often remotes are looked at, in seconds."""

    watch: int
    interval: int
    reconcile: int
    poll_host: int
    first_fill: int
    subscriptions: int


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """How jobs are taken, repeated and given up."""

    lease: int
    sweep: float
    batch: int
    retry_base: float
    retry_cap: float
    retry_jitter: float
    dead_after: int


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one outgoing call may cost."""

    connect_timeout: float
    read_timeout: float
    call_timeout: float
    answer_bytes: int
    retry_after_wait: float


@dataclass(frozen=True, slots=True)
class CircuitLimits:
    """When a remote counts as down."""

    calls: int
    failing: float
    window: float
    open: float


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """What may vanish at once without a person's word."""

    removal_share: float
    removal_count: int


@dataclass(frozen=True, slots=True)
class InboxLimits:
    """What a webhook call may be."""

    body_bytes: int
    signature_tolerance: int
    secret_overlap: int
    key_memory: int
    retry_after: int


@dataclass(frozen=True, slots=True)
class TicketLimits:
    """Defaults of the ticket rules."""

    lifetime: int
    reopen: int
    note_interval: int
    storm_count: int
    storm_window: int


@dataclass(frozen=True, slots=True)
class ActionLimits:
    """How much may be asked of devices at once."""

    at_once: int


@dataclass(frozen=True, slots=True)
class AccessLimits:
    """How long people stay signed in and how often they may guess."""

    session_hours: float
    idle_minutes: float
    bearer_minutes: float
    sign_in_tries: int
    sign_in_window: int


@dataclass(frozen=True, slots=True)
class BridgeLimits:
    """What a bridge may hold and send."""

    enrol_hours: float
    lease: int
    page_bytes: int


@dataclass(frozen=True, slots=True)
class KeepLimits:
    """How long and how much is kept or handed out."""

    undo_days: int
    run_days: int
    export_rows: int


@dataclass(frozen=True, slots=True)
class NoticeLimits:
    """When something is worth a notification, and what sending an e-mail may cost."""

    settle: int
    queue_wait: int
    disk_free: float
    mail_timeout: float
    mail_total: float
    keep_days: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one remote is called."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Every figure the program works by."""

    sync: SyncLimits
    work: WorkLimits
    http: HttpLimits
    circuit: CircuitLimits
    guard: GuardLimits
    inbox: InboxLimits
    tickets: TicketLimits
    actions: ActionLimits
    access: AccessLimits
    bridges: BridgeLimits
    keep: KeepLimits
    notices: NoticeLimits
    pace: Mapping[str, Pace]

    def pace_of(self, kind: str, *, sandbox: bool = False) -> Pace:
        """Return the pace of an adapter ``kind``, or the one that holds for all others.

        The ``sandbox`` may have one of its own: ``KIND_sandbox``.
        """
        usual = self.pace.get(kind, self.pace["default"])
        return self.pace.get(f"{kind}_sandbox", usual) if sandbox else usual


SECTIONS: Mapping[str, type[Any]] = {
    name: hint for name, hint in get_type_hints(Limits).items() if name != "pace"
}
SHARES = frozenset({"retry_jitter", "failing", "removal_share", "disk_free"})


def read_limits(table: Table, where: str, problems: list[str]) -> Limits | None:
    """Build the limits from merged tables; None when ``problems`` were found."""
    before = len(problems)
    _report_unknown(table, {*SECTIONS, "pace"}, where, problems)
    sections = {
        name: read_section(kind, table.get(name, {}), f"{where}.{name}", problems)
        for name, kind in SECTIONS.items()
    }
    pace = {
        kind: read_section(Pace, values, f"{where}.pace.{kind}", problems)
        for kind, values in _subtable(table, "pace", where, problems).items()
    }
    if "default" not in pace:
        problems.append(f"{where}.pace.default is missing")
    return None if len(problems) > before else Limits(**sections, pace=MappingProxyType(pace))  # type: ignore[arg-type]


def read_section(
    kind: type[Section], table: object, where: str, problems: list[str]
) -> Section | None:
    """Build one section; unknown, missing and impossible figures become ``problems``."""
    if not isinstance(table, Mapping):
        problems.append(f"{where} must be a table")
        return None
    hints = {item.name: get_type_hints(kind)[item.name] for item in fields(kind)}  # type: ignore[arg-type]
    before = len(problems)
    _report_unknown(table, set(hints), where, problems)
    for name, wanted in hints.items():
        _check_figure(name, table.get(name), wanted, f"{where}.{name}", problems)
    return None if len(problems) > before else kind(**table)


def _check_figure(name: str, value: object, wanted: type, where: str, problems: list[str]) -> None:
    allowed = int if wanted is int else (int, float)
    if value is None:
        problems.append(f"{where} is missing")
    elif isinstance(value, bool) or not isinstance(value, allowed):
        problems.append(f"{where} must be a {'whole ' if wanted is int else ''}number")
    elif not 0 < value < float("inf"):
        problems.append(f"{where} must be more than 0")
    elif name in SHARES and value > 1:
        problems.append(f"{where} is a share and cannot be more than 1")


def _subtable(table: Table, name: str, where: str, problems: list[str]) -> Table:
    found = table.get(name, {})
    if isinstance(found, Mapping):
        return found
    problems.append(f"{where}.{name} must be a table")
    return {}


def _report_unknown(table: Table, known: set[str], where: str, problems: list[str]) -> None:
    problems.extend(f"{where}.{name} is not a known key" for name in table if name not in known)
