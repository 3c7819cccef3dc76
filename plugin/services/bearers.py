"""Bearers: a session's short-lived stand-in for browsers that keep every cookie from a frame.

A page in a host's frame holds it in memory alone. It names its session, so that ending the session
ends it too, and nothing of it is stored.
"""

from plugin.runtime import Runtime
from plugin.services import access, vouchers
from plugin.store.base import db
from plugin.store.people import UserSession

MARK = "bs_"
_PURPOSE = "session bearer"


def bearer_of(runtime: Runtime, session: UserSession) -> str:
    """Return a fresh bearer of a session, good for some minutes."""
    seconds = runtime.settings.limits.access.bearer_minutes * 60
    return MARK + vouchers.sign(runtime, _PURPOSE, _name_of(session), seconds)


def session_of(runtime: Runtime, bearer: str) -> UserSession | None:
    """Return the living session of a bearer; None when either is over, or a letter was changed."""
    named = vouchers.read(runtime, _PURPOSE, bearer.removeprefix(MARK))
    session = db.session.get(UserSession, int(named.partition(" ")[0])) if named else None
    if session is None or _name_of(session) != named:
        return None
    return access.living(runtime, session)


def _name_of(session: UserSession) -> str:
    # With its digest: a row made anew under an old number is another session.
    return f"{session.id} {session.digest[:16]}"
