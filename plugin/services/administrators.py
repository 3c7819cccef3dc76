"""Integration administrators: judged line by line, added, removed; whose rights here have ended."""

from collections.abc import Collection, Iterable
from typing import cast

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from plugin.domain.contracts import ManagesAdministrators
from plugin.domain.errors import EdgeError, FormError, RuleError
from plugin.domain.integrations import Line, may_remove, read_administrators
from plugin.runtime import Runtime
from plugin.services import integrations, registration
from plugin.services.access import Role
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import AdministratorLink, Integration
from plugin.store.people import User
from plugin.store.registration import WithdrawnRight

MOST_LINES = 50
"""How many are added in one go: each is asked for at the vendor while a person waits."""


# -- reading -------------------------------------------------------------------------------------


def present(integration: Integration) -> list[AdministratorLink]:
    """Return an integration's administrators by address."""
    return sorted(integration.administrators, key=lambda link: link.email)


def own_user(runtime: Runtime, integration: Integration) -> str:
    """Return the address of the connection's own user, in lower case; empty where none is known."""
    kind = runtime.adapter_class(integration.vendor.kind)
    if not issubclass(kind, ManagesAdministrators):
        return ""
    return integration.vendor.settings.get(kind.account_field, "").strip().casefold()


def warnings(
    runtime: Runtime, integration: Integration, removing: Collection[str], me: str
) -> list[str]:
    """Return what a person should know before these addresses are removed."""
    gone = {email.casefold() for email in removing}
    told = []
    if (own := own_user(runtime, integration)) in gone:
        told.append(
            f"{own} is the user of the connection {integration.vendor.name} itself. Without it "
            "Bridgehead can no longer change this integration at the vendor: another "
            "administrator has to do that there, or add it again."
        )
    if me.casefold() in gone:
        told.append("This is your own address. You lose your rights on this integration here too.")
    return told


# -- adding --------------------------------------------------------------------------------------


def judge(runtime: Runtime, integration: Integration, text: str) -> list[Line]:
    """Judge each line of ``email;alias``; the vendor is asked whether it knows the user.

    RuleError when nothing was entered, too much, or the vendor does not answer.
    """
    manager = _manager(runtime, integration)
    number = len([line for line in text.splitlines() if line.strip()])
    if not number:
        raise RuleError("administrators", "Enter at least one line: email;alias.")
    if number > MOST_LINES:
        raise RuleError(
            "administrators", f"At most {MOST_LINES} lines at once; {number} were entered."
        )
    already = [link.email for link in integration.administrators]
    db.session.commit()
    try:
        return read_administrators(text, manager.known, already)
    except EdgeError as error:
        raise RuleError(
            "administrators",
            f"{error.who} could not be asked who is registered: {error.message}. "
            "Nothing was saved; try again, or look at the connection.",
        ) from error


def _manager(runtime: Runtime, integration: Integration) -> ManagesAdministrators:
    if not registration.has_administrators(runtime, integration):
        title = runtime.adapter_class(integration.vendor.kind).title
        raise RuleError("administrators", f"{title} knows no integration administrators.")
    return cast(ManagesAdministrators, runtime.vendor(integration.vendor))


def add(
    runtime: Runtime, actor: str, integration: Integration, text: str, version: int | None = None
) -> list[str]:
    """Add everybody in the text, or nobody; returns the addresses.

    FormError names every faulty line; ConflictError when somebody else changed the integration
    since ``version`` was shown.
    """
    lines = judge(runtime, integration, text)
    faults = [RuleError("administrators", line.fault) for line in lines if line.fault]
    if faults:
        raise FormError(faults)
    new = {
        line.administrator.email.casefold(): line.administrator.alias
        for line in lines
        if line.administrator is not None
    }
    with writing() as session:
        integrations.begin_change(integration, version)
        before = _addresses(integration)
        _append(runtime, session, integration, new)
        starts = integrations.settle_state(runtime, integration)
        _note(runtime, session, actor, integration, before)
        workspaces = [link.workspace_id for link in integration.links]
    runtime.wake(registration.lane_of(integration))
    if starts:
        integrations.start(runtime, actor, integration, workspaces)
    return list(new)


def _append(
    runtime: Runtime, session: Session, integration: Integration, new: dict[str, str]
) -> None:
    held = set(_addresses(integration))
    for email, alias in new.items():
        if email not in held:
            link = AdministratorLink(email=email, alias=alias[:200], added_at=runtime.now())
            integration.administrators.append(link)
    record = registration.known_or_new(session, integration)
    record.leaving = [each for each in record.leaving if each not in new]
    give_back(session, integration, new)


def _addresses(integration: Integration) -> list[str]:
    return sorted(link.email for link in integration.administrators)


def _note(
    runtime: Runtime, session: Session, actor: str, integration: Integration, before: list[str]
) -> None:
    session.flush()
    audit(
        runtime,
        session,
        actor,
        "integration.administrators",
        integration.name,
        before=before,
        after=_addresses(integration),
    )
    registration.wish(runtime, session, integration)


# -- removing ------------------------------------------------------------------------------------


def remove(
    runtime: Runtime,
    actor: str,
    integration: Integration,
    emails: Iterable[str],
    version: int | None = None,
) -> list[str]:
    """End these users' rights on the integration and its workspaces, at the vendor and here.

    RuleError when nobody would be left, there or here; ConflictError when somebody else changed
    the integration since ``version`` was shown. Returns whom it concerns.
    """
    asked = {email.casefold() for email in emails}
    with writing() as session:
        integrations.begin_change(integration, version)
        before = _addresses(integration)
        if not (gone := sorted(asked & set(before))):
            return []
        may_remove(gone, before)
        if locks_out(session, integration, gone):
            raise RuleError(
                "administrators",
                "Nobody who signs in to Bridgehead could manage this integration any more. "
                "Make an account with the role administrator for somebody else first.",
            )
        for link in [each for each in integration.administrators if each.email in gone]:
            integration.administrators.remove(link)
        record = registration.known_or_new(session, integration)
        record.leaving = sorted({*record.leaving, *gone})
        withdraw(runtime, session, actor, integration, gone)
        _note(runtime, session, actor, integration, before)
    runtime.wake(registration.lane_of(integration))
    return gone


# -- rights here ---------------------------------------------------------------------------------


def withdraw(
    runtime: Runtime,
    session: Session,
    actor: str,
    integration: Integration,
    emails: Iterable[str],
) -> None:
    """Keep sign-ins with these addresses out of an integration from now on."""
    for email in emails:
        session.merge(
            WithdrawnRight(
                integration_id=integration.id,
                email=email,
                withdrawn_by=actor[:254],
                withdrawn_at=runtime.now(),
            )
        )


def give_back(session: Session, integration: Integration, emails: Iterable[str]) -> None:
    """Let sign-ins with these addresses in again."""
    mine = WithdrawnRight.integration_id == integration.id
    session.execute(delete(WithdrawnRight).where(mine, WithdrawnRight.email.in_(list(emails))))


def locks_out(session: Session, integration: Integration, gone: Collection[str]) -> bool:
    """Tell whether nobody who signs in here could manage the integration without these people."""
    mine = WithdrawnRight.integration_id == integration.id
    out = {*gone, *session.scalars(select(WithdrawnRight.email).where(mine))}
    query = select(User.email).where(User.role == Role.ADMINISTRATOR, User.disabled.is_(False))
    able = set(session.scalars(query))
    return bool(able & set(gone)) and not able - out


def is_kept_out(email: str, integration_id: int) -> bool:
    """Tell whether the sign-in with this address has lost its rights on an integration."""
    return db.session.get(WithdrawnRight, (integration_id, email.casefold())) is not None


def kept_out_of(email: str) -> set[int]:
    """Return the integrations on which the sign-in with this address has lost its rights."""
    query = select(WithdrawnRight.integration_id).where(WithdrawnRight.email == email.casefold())
    return set(db.session.scalars(query))
