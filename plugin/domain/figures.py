"""What a fleet's charts count: how far protection is deployed, how old its databases are."""

from datetime import datetime, timedelta
from enum import StrEnum

from plugin.domain.model import Device


class Deployment(StrEnum):
    """How far protection is deployed on a device."""

    RUNNING = "running"
    NOT_RUNNING = "not_running"
    NOT_INSTALLED = "not_installed"
    UNTOLD = "untold"


class DatabaseAge(StrEnum):
    """How old a device's databases are, in the buckets of Kaspersky's own database chart."""

    CURRENT = "current"
    DAY = "day"
    THREE_DAYS = "three_days"
    WEEK = "week"
    OLDER = "older"
    UNTOLD = "untold"


class Fact(StrEnum):
    """Something about devices that not every vendor tells."""

    DEPLOYMENT = "deployment"
    DATABASES = "databases"


OLDEST: tuple[tuple[DatabaseAge, timedelta], ...] = (
    (DatabaseAge.CURRENT, timedelta(hours=12)),
    (DatabaseAge.DAY, timedelta(hours=24)),
    (DatabaseAge.THREE_DAYS, timedelta(days=3)),
    (DatabaseAge.WEEK, timedelta(days=7)),
)
"""The greatest age of each bucket, the youngest first; what is beyond the last one is older.

Vendors publish databases several times a day, so "up to date" allows for half a day between the
vendor, the device's next fetch and our next look at it.
"""

NOT_INSTALLED = frozenset({"antivirus_not_installed", "enrolment_failed"})
NOT_RUNNING = frozenset({"antivirus_not_running", "protection_off"})
"""Status descriptions that tell how far deployment is."""


def deployment_of(device: Device) -> Deployment:
    """Return how far protection is deployed on a device.

    >>> deployment_of(Device("1", "w", "PC1", product="Shield"))
    <Deployment.RUNNING: 'running'>
    """
    conditions = frozenset(device.conditions)
    if conditions & NOT_INSTALLED:
        return Deployment.NOT_INSTALLED
    if not device.product:
        return Deployment.UNTOLD
    return Deployment.NOT_RUNNING if conditions & NOT_RUNNING else Deployment.RUNNING


def span_of(age: DatabaseAge, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return from when, and until before when, databases of this age are; None is no limit.

    For UNTOLD, which has no moments, both are None.
    """
    edges = [now - oldest for _, oldest in OLDEST]
    names = [each for each, _ in OLDEST]
    if age is DatabaseAge.UNTOLD:
        return None, None
    if age is DatabaseAge.OLDER:
        return None, edges[-1]
    place = names.index(age)
    return edges[place], edges[place - 1] if place else None
