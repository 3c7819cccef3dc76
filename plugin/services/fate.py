"""What a failure means for the job that met it: one table, no rows."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import exc
from sqlalchemy.orm.exc import StaleDataError

from plugin.domain.errors import BusyError, CircuitOpenError, EdgeError, Recovery, RuleError
from plugin.settings.limits import WorkLimits
from plugin.store.queue import Claim

# Our own database being away, or two writers meeting, says nothing about the job.
_STORE_TROUBLE = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.TimeoutError,
    StaleDataError,
    BusyError,
)


class FateKind(StrEnum):
    """What becomes of a job."""

    DROPPED = "dropped"
    RETRY = "retry"
    PARKED = "parked"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a job that did not go well, and why, in words for a person.

    ``due_at`` is set for RETRY only. ``counted`` failures add up to death after three days.
    ``refused`` means that the connection needs an administrator, ``shared`` that the connection's
    other work in the lane waits as well. ``bug`` asks for a traceback in the log.
    """

    kind: FateKind
    reason: str
    due_at: datetime | None = None
    counted: bool = False
    refused: bool = False
    shared: bool = False
    bug: bool = False


def fate_of(error: Exception, claim: Claim, now: datetime, limits: WorkLimits) -> Fate:
    """Turn a failure into a fate."""
    match error:
        case CircuitOpenError():
            wait = error.retry_after or limits.retry_base
            due_at = now + timedelta(seconds=wait)
            return Fate(FateKind.RETRY, error.message, due_at, shared=True)
        case EdgeError(recovery=Recovery.RETRY):
            return _retry(str(error), claim, now, limits, error.retry_after)
        case EdgeError(recovery=Recovery.ASK_ADMIN):
            return Fate(FateKind.PARKED, str(error), refused=True)
        case EdgeError(recovery=Recovery.DROP):
            return Fate(FateKind.DROPPED, str(error))
        case EdgeError():
            return Fate(FateKind.DEAD, str(error), bug=True)
        case RuleError():
            return Fate(FateKind.PARKED, error.message)
    if isinstance(error, _STORE_TROUBLE):
        return _retry("our own database was busy or away", claim, now, limits, None)
    return Fate(FateKind.DEAD, f"a fault in this program: {type(error).__name__}", bug=True)


def _retry(
    reason: str, claim: Claim, now: datetime, limits: WorkLimits, retry_after: float | None
) -> Fate:
    since = claim.first_failed_at or now
    if now - since > timedelta(seconds=limits.dead_after):
        return Fate(FateKind.DEAD, f"given up after {claim.failures + 1} failures: {reason}")
    wait = backoff(claim.failures, limits) if retry_after is None else retry_after
    return Fate(FateKind.RETRY, reason, now + timedelta(seconds=wait), counted=True)


def backoff(failures: int, limits: WorkLimits) -> float:
    """Return 30 s, 60 s, 120 s …, each spread a little so that jobs do not come back in step."""
    longest: float = min(limits.retry_base * 2 ** min(failures, 30), limits.retry_cap)
    spread = random.uniform(-limits.retry_jitter, limits.retry_jitter)  # noqa: S311 - no secret
    return min(longest * (1 + spread), limits.retry_cap)
