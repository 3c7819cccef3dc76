"""Clock: what time it is at the server, and which zone its times without a zone stand in.

Automate writes most times without a zone (seen in recorded answers). Its database server's time,
held against the web server's ``Date`` header, shows the zone; the header against our clock shows
whether the server's clock is right.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

QUARTER = timedelta(minutes=15)
"""Offsets from UTC are whole quarters of an hour everywhere on earth."""


@dataclass(frozen=True, slots=True)
class ServerClock:
    """One look at the server's clock.

    ``reading`` is the database server's time as it was written, ``date`` the web server's (None
    when it did not say), ``asked_at`` our own at that moment.
    """

    reading: datetime
    date: datetime | None
    asked_at: datetime

    @property
    def zone(self) -> timedelta:
        """The offset from UTC of times the server writes without one."""
        offset = self.reading.utcoffset()
        if offset is not None:
            return offset
        difference = self.reading.replace(tzinfo=UTC) - (self.date or self.asked_at)
        return round(difference / QUARTER) * QUARTER

    @property
    def skew(self) -> timedelta:
        """How far the server's clock is ahead of ours (negative: behind)."""
        if self.date is not None:
            return self.date - self.asked_at
        if self.reading.utcoffset() is not None:
            return self.reading - self.asked_at
        return self.reading.replace(tzinfo=UTC) - self.zone - self.asked_at

    def instant(self, moment: datetime | None) -> datetime | None:
        """Return a moment of the server as aware UTC."""
        if moment is None:
            return None
        if moment.utcoffset() is None:
            return moment.replace(tzinfo=UTC) - self.zone
        return moment.astimezone(UTC)

    def until(self, moment: datetime, now: datetime) -> timedelta:
        """Return how long it is at ``now`` (ours) until a moment on the server's clock."""
        if moment.utcoffset() is None and self.reading.utcoffset() is None:
            return moment - self.reading - (now - self.asked_at)
        then = self.instant(moment)
        return (then or now) - now - self.skew


def date_of(header: str) -> datetime | None:
    """Return a ``Date`` header as aware UTC, or None when it is none.

    >>> date_of("Sun, 22 Nov 2026 20:54:39 GMT")
    datetime.datetime(2026, 11, 22, 20, 54, 39, tzinfo=datetime.timezone.utc)
    """
    try:
        found = parsedate_to_datetime(header)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
