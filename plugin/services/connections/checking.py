"""The connection check: the smallest real calls in order; the first fault with cause and cure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import update
from sqlalchemy.orm import Session

from plugin.domain.contracts import WARNING, Adapter, Advice
from plugin.domain.errors import EdgeError, MissingError, RefusedError, TransientError
from plugin.runtime import Runtime
from plugin.services.connections.forms import free_name, sorted_out
from plugin.services.connections.rights import RightTold, try_rights
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, ConnectionState
from plugin.store.queue import Claim, enqueue, wake_parked

CHECK = "check"

_GUIDED = {
    RefusedError: Advice(
        "the remote does not let this account in, or the account lacks a right",
        "check the user name, password or keys, and the rights of the account",
    ),
    TransientError: Advice(
        "the remote did not answer in time or is overloaded",
        "check that the address is right and reachable from this server, then try again",
    ),
    MissingError: Advice(
        "the remote has nothing at this address",
        "check the address and the version of the remote",
    ),
}

_UNPROMISED = Advice(
    "the remote answered something nobody promised", "check the address and version"
)

_GUIDED_BY_CODE = {
    "certificate": Advice(
        "the server shows a certificate that is not trusted, so somebody may listen in between",
        "give the server a certificate of a public authority for its name, or, where this kind of "
        "connection has a field for it, pin the server's own",
    ),
}


class Outcome(StrEnum):
    """How one rung of the connection check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One rung of the connection check as it ended, with cause and cure when it failed."""

    name: str
    outcome: Outcome
    seen: str
    cause: str = ""
    cure: str = ""


class Trial:
    """Values that are not saved, tried rung by rung; ``steps`` are those that were climbed.

    FormError names every field at fault before anything is called. With a ``saved`` connection
    its untouched secrets stand in, and nothing of it is changed.
    """

    def __init__(
        self,
        runtime: Runtime,
        kind: str,
        name: str,
        values: Mapping[str, str],
        *,
        saved: Connection | None = None,
        allow_private: bool = False,
        origin_override: str | None = None,
    ) -> None:
        """Judge the fields; EdgeError when the address may not be talked to.

        ``origin_override`` is as for :func:`create`; a ``saved`` connection keeps its own.
        """
        made = _unsaved(runtime, kind, name, values, saved, allow_private=allow_private)
        self.connection, settings = made
        if saved is None:
            self.connection.origin_override = origin_override
        self.steps: list[CheckStep] = []
        self._adapter = runtime.make(self.connection, settings)

    def climb(self) -> Iterator[str | CheckStep]:
        """Yield the name of each rung as it begins, then how it ended; stop at the first fault."""
        for each in _climbing(self._adapter):
            if isinstance(each, CheckStep):
                self.steps.append(each)
            yield each

    def finish(self) -> list[CheckStep]:
        """Climb what is left to climb; return all steps."""
        for _ in self.climb():
            pass
        return self.steps

    def test_rights(self) -> None:
        """Test the rights of the account; the unsaved connection keeps what was found."""
        self.connection.check_result = _all_kept(self._adapter, self.steps)


def rehearse(
    runtime: Runtime,
    kind: str,
    name: str,
    values: Mapping[str, str],
    *,
    saved: Connection | None = None,
    allow_private: bool = False,
) -> list[CheckStep]:
    """Climb the whole ladder with values that are not saved; errors as of :class:`Trial`."""
    return Trial(runtime, kind, name, values, saved=saved, allow_private=allow_private).finish()


def _unsaved(
    runtime: Runtime,
    kind: str,
    name: str,
    values: Mapping[str, str],
    saved: Connection | None,
    *,
    allow_private: bool,
) -> tuple[Connection, dict[str, str]]:
    """Return a connection that is not saved, with all its settings."""
    old = runtime.opened(saved) if saved is not None else {}
    shown, hidden = sorted_out(runtime.adapter_class(kind), name, values, old)
    free_name(name, saved.id if saved is not None else None)
    tried = Connection(
        kind=kind,
        name=name.strip(),
        environment=saved.environment if saved is not None else "",
        origin_override=saved.origin_override if saved is not None else None,
        allow_private=allow_private,
        settings=shown,
    )
    db.session.rollback()
    return tried, shown | hidden


def check(runtime: Runtime, connection: Connection) -> list[CheckStep]:
    """Climb the ladder of a saved connection, test the rights, and remember both on it."""
    settings = runtime.opened(connection)
    db.session.commit()
    adapter = runtime.make(connection, settings)
    steps = _climbed(adapter)
    told = _all_kept(adapter, steps)
    failed = next((each for each in steps if each.outcome is Outcome.FAILED), None)
    with writing() as session:
        now = runtime.now()
        _note(session, connection, checked_at=now, check_result=told)
        if failed is None:
            _note(session, connection, state=ConnectionState.WORKING, worked_at=now, problem="")
            _note(session, connection, refused_at=None)
            lanes = wake_parked(session, connection.id, now)
        else:
            problem = _in_a_line(failed)
            _note(session, connection, state=ConnectionState.ATTENTION, problem=problem)
            lanes = []
    for lane in lanes:
        runtime.wake(lane)
    return steps


def _in_a_line(failed: CheckStep) -> str:
    """Return what a list says of a failed step: its cause, where that is more than a guess."""
    general = {each.cause for each in (*_GUIDED.values(), _UNPROMISED)}
    told = failed.seen if failed.cause in general else failed.cause
    return f"{failed.name}: {told}"[:2000]


def _all_kept(adapter: Adapter, steps: list[CheckStep]) -> list[dict[str, str]]:
    """Test the rights; return all that is to be kept of a check."""
    passed = [each.name for each in steps if each.outcome is not Outcome.FAILED]
    return [*map(_kept, steps), *map(_kept, try_rights(adapter, passed))]


def _kept(each: CheckStep | RightTold) -> dict[str, str]:
    return {key: str(value) for key, value in asdict(each).items()}


def _note(session: Session, connection: Connection, **values: object) -> None:
    """Write what was found out about a connection.

    An UPDATE, not a change of the object: what a machine notes is no edit, which would raise the
    version, remake every adapter and refuse a person who is just editing.
    """
    if "state" in values and values["state"] != connection.state:
        values["state_since"] = values.get("worked_at") or connection.checked_at
    session.execute(update(Connection).where(Connection.id == connection.id).values(**values))


def ask_for_check(runtime: Runtime, session: Session, connection: Connection) -> str:
    """Have a connection checked in the background; returns the lane to wake after the commit."""
    lane = f"check:{connection.id}"
    # Without a connection id: a check of a connection in trouble must not be parked with its work.
    enqueue(session, CHECK, str(connection.id), lane, now=runtime.now(), revive=True)
    return lane


def work_check(runtime: Runtime, claim: Claim) -> datetime | None:
    """Check one connection as a job."""
    connection = db.session.get(Connection, int(claim.subject))
    if connection is not None and connection.deleted_at is None and runtime.is_active(connection):
        check(runtime, connection)
    return None


def climb(runtime: Runtime, connection: Connection, settings: Mapping[str, str]) -> list[CheckStep]:
    """Make the smallest real calls in order and stop at the first that fails."""
    return _climbed(runtime.make(connection, settings))


def _climbed(adapter: Adapter) -> list[CheckStep]:
    return [each for each in _climbing(adapter) if isinstance(each, CheckStep)]


def _climbing(adapter: Adapter) -> Iterator[str | CheckStep]:
    for rung in adapter.rungs():
        yield rung.name
        try:
            seen = rung.run()
        except EdgeError as error:
            yield _failed(adapter, rung.name, error)
            return
        warned = seen.startswith(WARNING)
        outcome = Outcome.WARNING if warned else Outcome.OK
        yield CheckStep(rung.name, outcome, seen.removeprefix(WARNING))


def _failed(adapter: Adapter, rung: str, error: EdgeError) -> CheckStep:
    advice = adapter.advice(rung, error) or advice_for(error)
    return CheckStep(rung, Outcome.FAILED, error.message, advice.cause, advice.cure)


def explained(runtime: Runtime, connection: Connection, error: EdgeError) -> CheckStep:
    """Return what a failed call to a saved connection means, with cause and cure."""
    return _failed(runtime.adapter(connection), "", error)


def advice_for(error: EdgeError) -> Advice:
    """Return cause and cure of a failed call, as far as its code or its kind tells them."""
    if error.code in _GUIDED_BY_CODE:
        return _GUIDED_BY_CODE[error.code]
    return next(
        (text for kind, text in _GUIDED.items() if isinstance(error, kind)),
        _UNPROMISED,
    )
