"""Connection checks that a person has running: few at once, and whoever asked still may save."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from flask import abort, current_app, g

from plugin.blueprints.guard import current_person, person, recognise
from plugin.domain.errors import RuleError
from plugin.services.access import Role
from plugin.store.base import db

MOST = 3
"""Each may last as long as a remote's time-outs, and holds one of the server's threads."""
ENDED = (
    "While the check ran, your session ended or your role was changed, so nothing was saved. "
    "Sign in as an administrator and try again."
)


class _Climbers:
    """Counts by name who has checks running in this process."""

    def __init__(self) -> None:
        self._lock, self._running = threading.Lock(), Counter[str]()

    def enter(self, who: str) -> None:
        with self._lock:
            if self._running[who] >= MOST:
                raise RuleError(
                    "",
                    f"{MOST} connection checks of yours are running already, so this one was not "
                    "begun. Wait until one of them has ended, then try again.",
                )
            self._running[who] += 1

    def leave(self, who: str) -> None:
        with self._lock:
            self._running[who] -= 1
            if not self._running[who]:
                del self._running[who]


@contextmanager
def climbing() -> Iterator[None]:
    """Run a check for whoever asks; RuleError when as many of theirs as may be are running."""
    who, climbers = person().name, current_app.extensions.setdefault("climbers", _Climbers())
    climbers.enter(who)
    try:
        yield
    finally:
        climbers.leave(who)


def prove_again(needed: Role) -> None:
    """Demand, after a check that took its time, that whoever asked for it is still let in.

    Answers 401 when the session was ended or the role does not cover ``needed`` any more.
    """
    before = person().name
    db.session.rollback()
    g.pop("person", None)
    recognise()
    found = current_person()
    if found is None or found.name != before or not found.role.covers(needed):
        g.pop("person", None)
        abort(401, ENDED)
