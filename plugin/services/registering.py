"""Brings the vendor's record of an integration in step: made, changed and deleted exactly once.

It compares and changes only what differs, so that doing it twice is harmless; a record whose
making was answered unclearly is found again by our reference.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import update
from sqlalchemy.orm import Session

from plugin.domain.contracts import KeepsIntegrations, ManagesAdministrators
from plugin.domain.errors import MissingError, RuleError
from plugin.domain.integrations import AdministratorChanges, compare_administrators, is_complete
from plugin.domain.model import Administrator, KeptIntegration
from plugin.runtime import Runtime
from plugin.services import administrators, registration
from plugin.services.fate import Fate, FateKind
from plugin.services.journal import SYSTEM, audit
from plugin.store.base import db, writing
from plugin.store.integrations import AdministratorLink, Integration
from plugin.store.queue import Claim
from plugin.store.registration import Registration

LOOK_AGAIN = timedelta(hours=1)
"""How often the vendor is asked who administers, since its own pages change that too."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the vendor's record must say, read before the vendor is asked anything."""

    platform: str
    name: str
    workspaces: tuple[str, ...]
    integration_id: str
    reference: str


def work(runtime: Runtime, claim: Claim) -> datetime | None:
    """Bring one record in step; returns when to look again, None when there is nothing to keep."""
    integration = db.session.get(Integration, int(claim.subject))
    record = db.session.get(Registration, int(claim.subject))
    if integration is None or record is None:
        claim.heard = False
        return None
    wanted, living = _wanted(integration, record), integration.deleted_at is None
    kept = living and _may_start(runtime, integration, record)
    lost = not living and record.sent_at is not None and not wanted.integration_id
    claim.heard = bool(kept or lost or record.former)
    keeper = cast(KeepsIntegrations, runtime.vendor(integration.vendor))
    db.session.commit()
    try:
        if kept:
            _keep(runtime, keeper, integration, record, wanted)
        elif lost:
            _find_lost(keeper, record, wanted)
        _delete_former(keeper, record)
    except MissingError as error:
        raise RuleError("workspaces", f"{error.who}: {error.message}") from error
    with writing():
        record.problem, record.settled_at = "", runtime.now()
    return runtime.now() + LOOK_AGAIN if kept else None


def _wanted(integration: Integration, record: Registration) -> _Wanted:
    return _Wanted(
        platform=integration.host.kind,
        name=integration.name,
        workspaces=tuple(sorted(link.workspace_id for link in integration.links)),
        integration_id=integration.vendor_reference,
        reference=record.reference,
    )


def _may_start(runtime: Runtime, integration: Integration, record: Registration) -> bool:
    if record.sent_at is not None or not registration.needs_administrator(runtime, integration):
        return True
    people = len(integration.administrators)
    return is_complete(len(integration.links), people, needs_administrator=True)


def _keep(
    runtime: Runtime,
    keeper: KeepsIntegrations,
    integration: Integration,
    record: Registration,
    wanted: _Wanted,
) -> None:
    number = wanted.integration_id or _create(runtime, keeper, integration, record, wanted)
    kept = _look(keeper, record, number)
    if (kept.name, sorted(kept.workspaces)) != (wanted.name, list(wanted.workspaces)):
        keeper.update_integration(number, wanted.name, wanted.workspaces)
    if isinstance(keeper, ManagesAdministrators):
        _keep_administrators(runtime, keeper, integration, record, kept)


def _create(
    runtime: Runtime,
    keeper: KeepsIntegrations,
    integration: Integration,
    record: Registration,
    wanted: _Wanted,
) -> str:
    with writing():
        record.sent_at = record.sent_at or runtime.now()
    made = keeper.create_integration(
        wanted.platform, wanted.name, wanted.workspaces, wanted.reference
    )
    with writing() as session:
        # No edit of a person's: the version stays, so that nobody who is just editing is refused.
        mine = Integration.id == integration.id
        session.execute(update(Integration).where(mine).values(vendor_reference=made))
        audit(runtime, session, SYSTEM, "integration.registered", wanted.name, after=made)
    return made


def _look(keeper: KeepsIntegrations, record: Registration, number: str) -> KeptIntegration:
    try:
        return keeper.integration(number)
    except MissingError as error:
        with writing():
            record.lost = True
        raise RuleError(
            "integration",
            f"{error.who} has no integration {number} any more: it was deleted there. "
            "“Register again” makes a new one, with a new integration ID.",
        ) from error


def _find_lost(keeper: KeepsIntegrations, record: Registration, wanted: _Wanted) -> None:
    """Learn the ID of a deleted integration's record: asked for once more, it is told, not made.

    Only where the first call never arrived one is made, empty, to be deleted at once.
    """
    made = keeper.create_integration(wanted.platform, wanted.name, (), wanted.reference)
    with writing():
        record.former, record.sent_at = [*record.former, made], None


def _delete_former(keeper: KeepsIntegrations, record: Registration) -> None:
    for number in tuple(record.former):
        db.session.commit()
        keeper.delete_integration(number)
        with writing():
            record.former = [each for each in record.former if each != number]


# -- administrators ------------------------------------------------------------------------------


def _keep_administrators(
    runtime: Runtime,
    manager: ManagesAdministrators,
    integration: Integration,
    record: Registration,
    kept: KeptIntegration,
) -> None:
    ours = {
        Administrator(link.email, link.alias): link.granted_at is not None
        for link in integration.administrators
    }
    leaving = set(record.leaving)
    changes = compare_administrators(ours, kept.administrators, leaving)
    db.session.commit()
    manager.grant(kept.id, changes.grant)
    manager.revoke(kept.id, changes.revoke)
    agreed = {each.email.casefold() for each in (*kept.administrators, *changes.grant)}
    with writing() as session:
        record.leaving = [each for each in record.leaving if each not in leaving]
        _take_over(runtime, integration, changes, agreed)
        administrators.give_back(session, integration, [each.email for each in changes.adopt])
        if not administrators.locks_out(session, integration, changes.drop):
            administrators.withdraw(runtime, session, SYSTEM, integration, changes.drop)
        _tell(runtime, session, integration, changes)


def _take_over(
    runtime: Runtime, integration: Integration, changes: AdministratorChanges, agreed: set[str]
) -> None:
    """Note here whom the vendor names, and what its own pages have changed."""
    for link in list(integration.administrators):
        if link.email in changes.drop:
            integration.administrators.remove(link)
        elif link.email in agreed:
            link.granted_at = link.granted_at or runtime.now()
    present = {link.email for link in integration.administrators}
    for each in changes.adopt:
        if each.email.casefold() not in present:
            integration.administrators.append(_adopted(runtime, each))


def _adopted(runtime: Runtime, administrator: Administrator) -> AdministratorLink:
    now = runtime.now()
    return AdministratorLink(
        email=administrator.email.casefold(),
        alias=administrator.alias,
        added_at=now,
        granted_at=now,
    )


def _tell(
    runtime: Runtime, session: Session, integration: Integration, changes: AdministratorChanges
) -> None:
    if changes.adopt or changes.drop:
        seen = {"added": [each.email for each in changes.adopt], "removed": list(changes.drop)}
        audit(runtime, session, SYSTEM, "integration.administrators", integration.name, after=seen)


# -- what went wrong -----------------------------------------------------------------------------


def note_fate(_runtime: Runtime, claim: Claim, fate: Fate) -> None:
    """Write into the record why it is not in step and what happens next."""
    record = db.session.get(Registration, int(claim.subject))
    if record is not None:
        record.problem = f"{fate.reason.rstrip('.')}. {_next(fate)}"[:2000]


def _next(fate: Fate) -> str:
    if fate.kind is FateKind.RETRY and fate.due_at is not None:
        return f"It is tried again at {fate.due_at.strftime('%H:%M:%S UTC')}."
    return "It waits until a person has mended this."
