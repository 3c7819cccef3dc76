"""Which event is worth telling whom, and when: notifications as plain decisions."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plugin.domain.errors import RuleError

_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII
)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
LONGEST_ADDRESS = 254
MOST_ADDRESSES = 50
WARNED_BEFORE = (timedelta(days=30), timedelta(days=7), timedelta(days=1))
"""How long before something expires it is told, each time a level higher."""
REMEMBERED = timedelta(days=7)
"""How long something that has expired is still worth a word."""


class NoticeKind(StrEnum):
    """What a notification is about."""

    CONNECTION_BROKEN = "connection_broken"
    CONNECTION_WORKING = "connection_working"
    SECRET_EXPIRING = "secret_expiring"  # noqa: S105 - the name of an event
    LICENCE_EXPIRING = "licence_expiring"
    DEAD_LETTERS = "dead_letters"
    CALLBACKS_OFF = "callbacks_off"
    BRIDGE_OFFLINE = "bridge_offline"
    BRIDGE_BACK = "bridge_back"
    BRIDGE_LENT = "bridge_lent"
    BRIDGE_AWAITED = "bridge_awaited"
    INTEGRATION_DELETED = "integration_deleted"
    DISK_LOW = "disk_low"
    QUEUE_GROWING = "queue_growing"


NAMES_CLIENTS = frozenset(
    {NoticeKind.LICENCE_EXPIRING, NoticeKind.BRIDGE_LENT, NoticeKind.INTEGRATION_DELETED}
)
"""Kinds whose texts name clients or integrations, several at once; the others name connections,
bridges and this machine."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong for as long as it lasts.

    ``key`` names it from one look to the next, ``level`` rises from 1 as it gets worse. Conditions
    of one kind and ``group`` that are found together are told together. ``subject`` names the
    thing, ``detail`` what is the matter with it, ``path`` leads to the page that helps.
    """

    key: str
    kind: NoticeKind
    group: str
    level: int
    subject: str
    detail: str
    path: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What one look found: ``news`` to be told, each group in one notice, and keys that ended."""

    news: tuple[tuple[Condition, ...], ...]
    over: tuple[str, ...]


def compare(
    seen: Iterable[Condition], standing: Mapping[str, int], unsure: Collection[str] = ()
) -> Changes:
    """Return what changed since the last look, so that a standing condition is told only once.

    ``standing`` holds the level at which each known condition was told: one that got worse is
    told again. Keys that are ``unsure`` neither begin nor end.
    """
    settled = {each.key: each for each in seen if each.key not in unsure}
    groups: dict[tuple[NoticeKind, str, int], list[Condition]] = {}
    for each in settled.values():
        if each.level > standing.get(each.key, 0):
            groups.setdefault((each.kind, each.group, each.level), []).append(each)
    over = [key for key in standing if key not in settled and key not in unsure]
    return Changes(tuple(tuple(each) for each in groups.values()), tuple(over))


def expiry_level(now: datetime, expires_at: datetime) -> int:
    """Return 1, 2 or 3 within 30 days, 7 days or a day of its end, 4 for a week after it, else 0.

    >>> from datetime import UTC
    >>> day = datetime(2026, 11, 1, tzinfo=UTC)
    >>> [expiry_level(day, day + timedelta(days=left)) for left in (31, 30, 7, 1, 0, -8)]
    [0, 1, 2, 3, 4, 0]
    """
    left = expires_at - now
    if left <= timedelta(0):
        return len(WARNED_BEFORE) + 1 if left > -REMEMBERED else 0
    return sum(left <= before for before in WARNED_BEFORE)


def step_level(value: float, steps: Sequence[float]) -> int:
    """Return how many of the rising ``steps`` a value has reached.

    >>> step_level(12, (1, 10, 100))
    2
    """
    return sum(value >= step for step in steps)


# -- quiet hours ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The time of day in which only urgent messages are sent; none where both ends are equal."""

    begin: time = time(0)
    end: time = time(0)
    zone: str = "UTC"

    def release(self, now: datetime) -> datetime:
        """Return when a message made ``now`` may be sent: at once, or at the end of the quiet."""
        here = now.astimezone(ZoneInfo(self.zone))
        if not self._covers(here.time()):
            return now
        day = here.date() if here.time() < self.end else here.date() + timedelta(days=1)
        return datetime.combine(day, self.end, here.tzinfo).astimezone(now.tzinfo)

    def _covers(self, moment: time) -> bool:
        if self.begin <= self.end:
            return self.begin <= moment < self.end
        return moment >= self.begin or moment < self.end


def read_quiet_hours(begin: str, end: str, zone: str) -> QuietHours:
    """Read what a person typed; blank times mean no quiet hours. RuleError names the field."""
    zone = zone.strip() or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        text = "There is no such time zone. Write one like Europe/Berlin or UTC."
        raise RuleError("quiet_zone", text) from None
    if not begin.strip() and not end.strip():
        return QuietHours(zone=zone)
    return QuietHours(_time(begin, "quiet_begin"), _time(end, "quiet_end"), zone)


def _time(text: str, field: str) -> time:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise RuleError(field, "Write both times like 22:00, or leave both empty.")
    return time(int(found[1]), int(found[2]))


# -- addressees ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """Who gets an e-mail about one kind of event.

    ``urgent`` ones are sent in quiet hours too.
    """

    mail: bool = True
    administrators: bool = True
    to: tuple[str, ...] = ()
    urgent: bool = False

    def recipients(self, administrators: Iterable[str]) -> tuple[str, ...]:
        """Return the addresses, each once however it is written."""
        if not self.mail:
            return ()
        return each_once((*(administrators if self.administrators else ()), *self.to))


def each_once(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return e-mail addresses without those that differ only in letter case.

    >>> each_once(["a@x.example", "A@X.example"])
    ('a@x.example',)
    """
    found: dict[str, str] = {}
    for each in addresses:
        found.setdefault(each.casefold(), each)
    return tuple(found.values())


def is_address(text: str) -> bool:
    """Tell whether a mail server can be handed this address as it is.

    >>> is_address("ops@example.com"), is_address("ops@example.com\\r\\nBcc: x@evil.example")
    (True, False)
    """
    return len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def read_addresses(text: str, field: str) -> tuple[str, ...]:
    """Read one e-mail address a line; RuleError for ``field`` names the line that is none."""
    found = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line and not is_address(line):
            raise RuleError(field, f"Line {number}: “{line[:80]}” is not an e-mail address.")
        found += [line] if line else []
    if len(found) > MOST_ADDRESSES:
        raise RuleError(field, f"At most {MOST_ADDRESSES} addresses; use a distribution list.")
    return each_once(found)
