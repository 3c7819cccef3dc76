"""Accounts of people whom somebody else proves: a host its members, an identity provider its users.

Such an account has no password here. It is never joined to another one by its e-mail address:
whoever may write addresses into a host or provider would else become an administrator here.
"""

from datetime import timedelta

from sqlalchemy import func, select

from plugin.domain.contracts import ProvesMembers
from plugin.domain.errors import ForgedError, RuleError
from plugin.domain.model import Member, MemberClaim
from plugin.runtime import Runtime
from plugin.services.access import Role
from plugin.services.guessing import SignInError
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Preference
from plugin.store.people import SignInTry, User

FIRST_ROLE = "role-of-proven"
"""The preference that says which role a newly proven person gets."""
_TRIES = 20


def first_role() -> Role:
    """Return the role that a newly proven person gets, viewer until an administrator changed it."""
    found = db.session.get(Preference, FIRST_ROLE)
    return Role(found.value) if found else Role.VIEWER


def set_first_role(runtime: Runtime, actor: str, role: Role) -> None:
    """Choose the role that newly proven people get; nobody becomes administrator by it."""
    if role is Role.ADMINISTRATOR:
        raise RuleError("first_role", "Nobody becomes an administrator just by coming in.")
    before = first_role()
    with writing() as session:
        row = Preference(name=FIRST_ROLE, value=role.value, changed_by=actor)
        row.changed_at = runtime.now()
        session.merge(row)
        told = {"before": {"role": before.value}, "after": {"role": role.value}}
        audit(runtime, session, actor, "access.first_role", "first sign-in", **told)


def member_user(runtime: Runtime, connection: Connection, claim: MemberClaim, caller: str) -> User:
    """Return the account of a host's member, made when it is new.

    ForgedError when the host does not confirm the claim; SignInError after too many such claims
    from the same ``caller``, or when the account is disabled.
    """
    host = runtime.host(connection)
    if not isinstance(host, ProvesMembers):
        raise RuleError("", f"{runtime.adapter_class(connection.kind).title} proves no members.")
    account = f"member:{connection.id}:{caller}"[:254]
    _refuse_guessing(runtime, account)
    db.session.commit()  # nothing is held while the host is asked
    try:
        member = host.prove_member(claim)
    except ForgedError:
        with writing() as session:
            session.add(SignInTry(account=account, at=runtime.now()))
        raise
    name = f"{member.name or member.id} ({connection.name})"
    return user_of(runtime, _identity(connection, member), name)


def _identity(connection: Connection, member: Member) -> str:
    return f"member {connection.id} {member.id.casefold()}"


def user_of(runtime: Runtime, identity: str, name: str) -> User:
    """Return the account of a proven identity, made when it is new; SignInError when disabled."""
    user = db.session.scalar(select(User).where(User.identity == identity))
    if user is None:
        user = _new_user(runtime, identity, name)
    if user.disabled:
        raise SignInError("", "Your account here is disabled. Ask an administrator of Bridgehead.")
    return user


def _new_user(runtime: Runtime, identity: str, name: str) -> User:
    role = first_role()
    with writing() as session:
        known = session.scalar(select(User).where(User.identity == identity))
        if known is not None:
            return known
        user = User(
            email=_free_name(name),
            identity=identity,
            role=role.value,
            created_at=runtime.now(),
        )
        session.add(user)
        after = {"role": role.value, "proven_by": identity}
        audit(runtime, session, user.email, "user.create", user.email, after=after)
    return user


def _free_name(name: str) -> str:
    """Return the name under which the account is shown; a blank keeps it from being an address."""
    shown = "".join(filter(str.isprintable, name))[:240]
    same = db.session.scalar(select(func.count(User.id)).where(User.email.startswith(shown)))
    return f"{shown} {same + 1}" if same else shown


def _refuse_guessing(runtime: Runtime, account: str) -> None:
    window = runtime.settings.limits.access.sign_in_window
    since = runtime.now() - timedelta(seconds=window)
    query = select(func.count(SignInTry.id)).where(SignInTry.account == account)
    if (db.session.scalar(query.where(SignInTry.at >= since)) or 0) >= _TRIES:
        raise SignInError("", f"Too many refused tries from here. Wait {window // 60} minutes.")
