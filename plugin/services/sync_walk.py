"""One pass over one scope: what every kind of walk shares."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from sqlalchemy import select

from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.services.mirror import FIGURES, Counts
from plugin.store.base import db
from plugin.store.queue import Claim
from plugin.store.work import SyncRun

Item = TypeVar("Item")


class CancelledError(RuleError):
    """A person asked for the run to end."""


class Walk:
    """A run being worked: it counts what it does and ends when a person wants it to."""

    def __init__(self, runtime: Runtime, claim: Claim, run: SyncRun) -> None:
        """Walk for ``run``; ``claim`` is renewed while it goes on."""
        self.runtime, self.claim, self.run = runtime, claim, run
        self.connection, self.scope = run.connection, run.scope
        self.counts = Counts()

    def counted(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items of a long list; CancelledError soon after a person ended the run."""
        for number, item in enumerate(items, 1):
            if number % 200 == 0:
                self.still_wanted()
            yield item

    def still_wanted(self) -> None:
        """Renew the claim; CancelledError when a person ended the run."""
        self.claim.renew()
        asked = db.session.scalar(select(SyncRun.cancel_asked).where(SyncRun.id == self.run.id))
        db.session.commit()
        if asked:
            raise CancelledError("run", "cancelled")

    def write_counts(self) -> None:
        """Put the counts into the run's row, in the transaction that is open."""
        for name in FIGURES:
            setattr(self.run, name, getattr(self.counts, name))

    def remark(self) -> str:
        """Say what a person should know about a run that ended."""
        parts = []
        if self.counts.withheld:
            parts.append(
                f"{self.counts.withheld} devices vanished at once and were kept; "
                "if that is right, confirm it by a full sync from the workspace's page"
            )
        if self.counts.failed:
            parts.append(f"{self.counts.failed} records could not be stored; see the log")
        return "; ".join(parts)
