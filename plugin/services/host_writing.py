"""Writes devices' protection state into a field of the host's computers, carefully.

What is to be written is stored before it is sent, and the outcome after it was read back: a cut
answer or a killed worker leaves a row that says what to look for, never a second blind write. With
writing off the same pass only looks, and its rows are the preview.
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from plugin.domain.contracts import KeepsExtraFields
from plugin.domain.errors import (
    AnswerError,
    CircuitOpenError,
    MissingError,
    RefusedError,
    RuleError,
    TransientError,
)
from plugin.domain.host_writing import Memory, Verdict, decide
from plugin.domain.model import ExtraField
from plugin.runtime import Runtime
from plugin.services.fate import Fate
from plugin.services.host_targets import Target, Targets, is_kept_by_another, is_on
from plugin.settings import Environment
from plugin.store.base import db, writing
from plugin.store.host_writes import HostWrite, StateField, WriteState
from plugin.store.integrations import Integration
from plugin.store.queue import Claim, enqueue

RUN = "field"
ASLEEP = timedelta(hours=1)
GATHERED = timedelta(seconds=30)
"""So long after a change a pass begins: a sync changes many devices one after the other."""
UNCLEAR_IN_A_ROW = 3
PROBLEMS_IN_A_ROW = 20
_FORBIDDEN = 403


def can_write(runtime: Runtime, integration: Integration) -> bool:
    """Tell whether this host has fields of the MSP's own on its computers."""
    kind = runtime.adapters.get(integration.host.kind)
    return kind is not None and issubclass(kind, KeepsExtraFields)


def why_barred(integration: Integration) -> str:
    """Return why nothing of an integration may be written into the host; empty when it may.

    A host is the same one in every environment, so beta's or test's devices would stand in the
    real computers' fields.
    """
    environment = integration.vendor.environment
    if environment in {"", Environment.PRODUCTION.value}:
        return ""
    return (
        f"its vendor connection belongs to the {environment} environment, and what is seen outside "
        "production is never written to a host's computers"
    )


def lane_of(integration: Integration) -> str:
    """Return the lane of a host's fields: two passes never write to one host at once."""
    return f"{RUN}:{integration.host_id}"


def wish(
    runtime: Runtime, session: Session, integration: Integration, *, later: bool = False
) -> None:
    """Have a pass made, in the transaction of its cause; wake the lane after the commit.

    ``later``: not for a person who waits, but because something changed.
    """
    enqueue(
        session,
        RUN,
        str(integration.id),
        lane_of(integration),
        now=runtime.now(),
        connection_id=integration.host_id,
        due_at=runtime.now() + GATHERED if later else None,
        revive=not later,
    )


def devices_changed(runtime: Runtime, connection_id: int) -> None:
    """Have the fields brought in step wherever a connection's devices are written to a host."""
    mine = select(Integration).where(
        (Integration.vendor_id == connection_id) | (Integration.host_id == connection_id),
        Integration.writes_extra_fields,
        Integration.deleted_at.is_(None),
    )
    if db.session.scalar(mine.limit(1)) is None:
        return
    with writing() as session:
        for each in session.scalars(mine).all():
            wish(runtime, session, each, later=True)


def work(runtime: Runtime, claim: Claim) -> datetime | None:
    """Bring the fields of an integration's computers in step, or only look while that is off."""
    claim.heard = False  # nothing may have been due
    integration = db.session.get(Integration, int(claim.subject))
    field = db.session.get(StateField, int(claim.subject))
    if integration is None or integration.deleted_at is not None or field is None:
        return None
    if why_barred(integration):
        return None
    if not (runtime.is_active(integration.host) and runtime.is_active(integration.vendor)):
        return runtime.now() + ASLEEP
    host = runtime.host(integration.host)
    if isinstance(host, KeepsExtraFields):
        _Pass(runtime, claim, host, integration, field).go()
    return None


def note_fate(runtime: Runtime, claim: Claim, fate: Fate) -> None:
    """Tell on the page why a pass did not come to its end."""
    field = db.session.get(StateField, int(claim.subject))
    if field is not None:
        field.problem = fate.reason[:2000]


class _StopError(Exception):
    """The pass cannot go on for any computer; the text is for a person."""


class _Pass:
    """One walk over the computers of one integration."""

    def __init__(
        self,
        runtime: Runtime,
        claim: Claim,
        host: KeepsExtraFields,
        integration: Integration,
        field: StateField,
    ) -> None:
        self.runtime, self.claim, self.host = runtime, claim, host
        self.integration_id, self.vendor_id = integration.id, integration.vendor_id
        self.host_id, self.field_id = integration.host_id, field.field_id
        self.asked_at, self.title = field.asked_at, field.title
        self.targets = Targets(integration, field, runtime.now())
        self.unclear: TransientError | None = None
        self.unclear_in_a_row = self.problems_in_a_row = self.doubled = 0

    def go(self) -> None:
        """Walk; TransientError when a computer has to be tried again soon."""
        problem = ""
        try:
            for target in self.targets:
                self.claim.renew()
                self._attempt(target)
        except _StopError as error:
            problem = str(error)
        self._close(problem, whole=not problem and self.unclear is None)
        if self.unclear is not None:
            raise self.unclear

    def _close(self, problem: str, *, whole: bool) -> None:
        values: dict[str, object] = {"problem": (problem or self._remark())[:2000]}
        if whole:
            values["looked_at"] = self.runtime.now()
        mine = (
            StateField.integration_id == self.integration_id,
            StateField.field_id == self.field_id,
            StateField.asked_at == self.asked_at,
        )
        with writing() as session:
            session.execute(update(StateField).where(*mine).values(**values))

    def _remark(self) -> str:
        if not self.doubled:
            return ""
        return (
            f"{self.doubled} devices are matched to a computer that another device is matched to "
            "as well; only the first one's state is written. Settle which one it is under "
            "Matched devices."
        )

    # -- one computer ------------------------------------------------------------------------

    def _attempt(self, target: Target) -> None:
        """Bring one computer in step; its own trouble is noted with it and stops no other."""
        try:
            self._bring_in_step(target)
        except CircuitOpenError:
            raise
        except TransientError as error:
            self._note_unclear(target, error)
        except RefusedError as error:
            if error.status != _FORBIDDEN:
                raise
            text = f"{error.message}. Give our user the right to change this field, then look again"
            raise _StopError(text) from error
        except (MissingError, AnswerError, RuleError) as error:
            self._note_problem(target, error.message)
        else:
            self.unclear_in_a_row = self.problems_in_a_row = 0

    def _note_unclear(self, target: Target, error: TransientError) -> None:
        self.unclear = error
        self.unclear_in_a_row += 1
        if self.unclear_in_a_row >= UNCLEAR_IN_A_ROW:
            raise error

    def _note_problem(self, target: Target, text: str) -> None:
        with writing() as session:
            row = self._row(session, target)
            row.state, row.problem, row.wanted = WriteState.PROBLEM, text[:2000], target.wanted
            row.looked_at = self.runtime.now()
        self.problems_in_a_row += 1
        if self.problems_in_a_row >= PROBLEMS_IN_A_ROW:
            raise _StopError(f"{text} (the last {PROBLEMS_IN_A_ROW} computers all failed)")

    def _bring_in_step(self, target: Target) -> None:
        """Read, decide, and store or write what was decided."""
        known = db.session.scalar(self._of(target))
        if known is not None and is_kept_by_another(known, self.integration_id, target):
            self.doubled += 1
            return
        db.session.commit()
        present = self._read(target)
        with writing() as session:
            row = self._row(session, target)
            row.wanted, row.looked_at, row.problem = target.wanted, self.runtime.now(), ""
            on, verdict = self._may_write(session), decide(present, target.wanted, _memory(row))
            self._note(row, verdict, present.value, on=on)
        if on and verdict is Verdict.WRITE:
            self._write(target)

    def _may_write(self, session: Session) -> bool:
        """Ask anew for every computer: a person who switches it off means now."""
        integration = session.get(Integration, self.integration_id)
        return integration is not None and is_on(integration)

    def _note(self, row: HostWrite, verdict: Verdict, present: str, *, on: bool) -> None:
        match verdict:
            case Verdict.AGREES:
                self._note_agreement(row, present, on=on)
            case Verdict.WRITE if on:
                row.state, row.sent, row.over = WriteState.SENT, row.wanted, present
                row.sent_at, row.theirs = self.runtime.now(), None
            case Verdict.WRITE:
                row.state, row.before, row.theirs = WriteState.PLANNED, present, None
            case Verdict.PERSON:
                left = row.state == WriteState.LEFT and row.theirs == present
                row.state = WriteState.LEFT if left else WriteState.PERSON
                row.theirs = present
                _forget_sent(row)

    def _note_agreement(self, row: HostWrite, present: str, *, on: bool) -> None:
        """What we sent has arrived, or somebody else wrote the same; only then it is ours."""
        if row.sent == present:
            self._note_written(row)
            return
        ours = row.written == present and row.written_at is not None
        row.state = WriteState.WRITTEN if ours else WriteState.AGREES
        row.theirs = None
        if on:
            row.written = present
            _forget_sent(row)

    def _note_written(self, row: HostWrite) -> None:
        row.state, row.written, row.before = WriteState.WRITTEN, row.sent, row.over
        row.written_at, row.theirs = self.runtime.now(), None
        _forget_sent(row)

    def _write(self, target: Target) -> None:
        """Write what was stored as sent a moment ago, and store what stands there afterwards."""
        after = self.host.set_extra_field(target.computer_id, self.field_id, target.wanted)
        with writing() as session:
            row = self._row(session, target)
            if after.value == target.wanted:
                self._note_written(row)
                return
            _forget_sent(row)
            row.state, row.theirs = WriteState.PERSON, after.value

    def _read(self, target: Target) -> ExtraField:
        found = self.host.extra_fields(target.computer_id)
        self.claim.heard = True
        for each in found:
            if each.id == self.field_id:
                return each
        raise RuleError("field", f"the field {self.title} is not there (any more); choose another")

    # -- its row -----------------------------------------------------------------------------

    def _of(self, target: Target) -> Select[HostWrite]:
        return select(HostWrite).where(
            HostWrite.host_id == self.host_id,
            HostWrite.computer_id == target.computer_id,
            HostWrite.field_id == self.field_id,
        )

    def _row(self, session: Session, target: Target) -> HostWrite:
        """Return the computer's row, a new one if there is none, for this device."""
        row = session.scalar(self._of(target))
        if row is None:
            row = HostWrite(
                host_id=self.host_id, computer_id=target.computer_id, field_id=self.field_id
            )
            session.add(row)
        row.integration_id, row.vendor_id = self.integration_id, self.vendor_id
        row.workspace_id, row.device_id = target.workspace_id, target.device_id
        row.device_name, row.computer_name = target.device_name, target.computer_name
        return row


def _memory(row: HostWrite) -> Memory:
    return Memory(row.written, row.sent, row.over, row.allowed)


def _forget_sent(row: HostWrite) -> None:
    row.sent = row.over = row.sent_at = row.allowed = None
