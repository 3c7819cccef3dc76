"""Notes in runs and tickets what became of their jobs, so that pages tell the truth."""

from plugin.runtime import Runtime
from plugin.services import tickets
from plugin.services.fate import Fate, FateKind
from plugin.store.base import db
from plugin.store.queue import Claim
from plugin.store.work import RunState, SyncRun


def note_ticket(runtime: Runtime, claim: Claim, fate: Fate) -> None:
    """Write into the ticket log what failed and what happens next."""
    tickets.note_failure(runtime, db.session(), claim, f"{fate.reason}; {_next(fate)}")


def _next(fate: Fate) -> str:
    match fate.kind:
        case FateKind.RETRY:
            when = fate.due_at.strftime("%H:%M:%S UTC") if fate.due_at else "soon"
            return f"tried again at {when}, looking for the ticket's key first"
        case FateKind.PARKED:
            return "waits until a person mends the connection"
        case FateKind.DEAD:
            return "not tried again by itself; a person can have it repeated"
        case FateKind.DROPPED:
            return "nothing more is done"


def note_run(runtime: Runtime, claim: Claim, fate: Fate) -> None:
    """Write into a run why it stopped; one that will not go on by itself lives no more."""
    run = db.session.get(SyncRun, int(claim.subject))
    if run is None or run.living is None:
        return
    run.problem = fate.reason[:2000]
    if fate.kind in {FateKind.RETRY, FateKind.PARKED}:
        run.state = RunState.WAITING
        return
    run.state, run.living, run.ended_at = RunState.FAILED, None, runtime.now()
