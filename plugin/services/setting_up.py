"""The first run: the first administrator's account, made by whoever holds a one-time link.

The link is printed on the console; only its digest is stored. It ends with its time, with its use,
and with any other account that exists: from then on nobody sets anything up here, by whatever
spelling of an address.
"""

import hmac
from datetime import datetime, timedelta
from secrets import token_urlsafe

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.services import access
from plugin.services.access import Role
from plugin.services.journal import SYSTEM, audit
from plugin.store.base import db, writing
from plugin.store.integrations import Preference
from plugin.store.people import User

WAITING = "set-up"
"""The preference that holds the waiting link's digest and end."""
HOURS = 24
NEW_LINK = "On the server, run “bridgehead set-up” for a new one."


class SetUpError(RuleError):
    """The link opens nothing; the text says why, and what the honest person does."""


def is_done() -> bool:
    """Tell whether there is an account, so that nothing is left to set up."""
    return db.session.scalar(select(User.id).limit(1)) is not None


def new_link(runtime: Runtime) -> str:
    """Return a fresh one-time link, which ends the one before; SetUpError once it is done."""
    token, ends = token_urlsafe(32), runtime.now() + timedelta(hours=HOURS)
    with writing() as session:
        _refuse_done(session)
        kept = {"digest": access.digest(token), "ends": ends.isoformat()}
        session.merge(Preference(name=WAITING, value=kept, changed_at=runtime.now()))
        audit(runtime, session, SYSTEM, "set_up.link", "first administrator")
    return f"{runtime.settings.public_url}/set-up?token={token}"


def check(runtime: Runtime, token: str) -> None:
    """Raise SetUpError, with a helpful text, unless the link is the one that waits."""
    _check(runtime, db.session(), token)


def _check(runtime: Runtime, session: Session, token: str) -> None:
    _refuse_done(session)
    found = session.get(Preference, WAITING)
    kept = found.value if found else {"digest": "", "ends": runtime.now().isoformat()}
    if not hmac.compare_digest(kept["digest"], access.digest(token)):
        raise SetUpError(
            "token",
            "This is not the set-up link that waits: it was cut off, or a newer one was made. "
            f"Copy the newest one whole. {NEW_LINK}",
        )
    if datetime.fromisoformat(kept["ends"]) <= runtime.now():
        text = f"This set-up link is over: it was good for {HOURS} hours. {NEW_LINK}"
        raise SetUpError("token", text)


def _refuse_done(session: Session) -> None:
    if session.scalar(select(User.id).limit(1)) is not None:
        raise SetUpError(
            "token",
            "This installation is set up, and a set-up link works once. Sign in with the account "
            "you have. If nobody has one, run “bridgehead user create” on the server.",
        )


def finish(runtime: Runtime, token: str, email: str, password: str) -> User:
    """Make the first administrator; RuleError names the field that is wrong, SetUpError the link.

    Two at once with the same link: one wins, the other is told that it was used.
    """
    address = email.strip().lower()
    if "@" not in address[1:]:
        raise RuleError("email", "An account needs an e-mail address.")
    if len(password) < access.SHORTEST_PASSWORD:
        text = f"Choose a password of at least {access.SHORTEST_PASSWORD} characters."
        raise RuleError("new", text)
    check(runtime, token)
    user = User(
        email=address[:254],
        role=Role.ADMINISTRATOR.value,
        password_hash=access.hashed(password),
        created_at=runtime.now(),
    )
    with writing() as session:
        _check(runtime, session, token)
        session.add(user)
        waiting = session.get(Preference, WAITING)
        if waiting is not None:
            session.delete(waiting)
        after = {"role": user.role}
        audit(runtime, session, user.email, "set_up.finish", user.email, after=after)
    return user
