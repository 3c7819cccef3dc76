"""The vendor's record of an integration: what is wished for it.

Whatever changes an integration wishes, in the same transaction, for its record to be brought in
step; :mod:`plugin.services.registering` does that.
"""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.contracts import KeepsIntegrations, ManagesAdministrators
from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Integration
from plugin.store.queue import enqueue
from plugin.store.registration import Registration

KEEP = "registration"


# -- asking --------------------------------------------------------------------------------------


def keeps(runtime: Runtime, integration: Integration) -> bool:
    """Tell whether the vendor keeps a record of this integration."""
    return issubclass(runtime.adapter_class(integration.vendor.kind), KeepsIntegrations)


def has_administrators(runtime: Runtime, integration: Integration) -> bool:
    """Tell whether the vendor knows integration administrators."""
    return issubclass(runtime.adapter_class(integration.vendor.kind), ManagesAdministrators)


def needs_administrator(runtime: Runtime, integration: Integration) -> bool:
    """Tell whether the integration starts only with an administrator."""
    kind = runtime.adapter_class(integration.vendor.kind)
    if not issubclass(kind, ManagesAdministrators):
        return False
    return integration.host.kind in kind.administered_hosts


def record_of(integration: Integration) -> Registration | None:
    """Return how far the vendor's record is; None where the vendor keeps none."""
    return db.session.get(Registration, integration.id)


def lane_of(integration: Integration) -> str:
    """Return the lane in which an integration's record is worked, one job at a time."""
    return f"registration:{integration.id}"


def wish(runtime: Runtime, session: Session, integration: Integration) -> None:
    """Have the vendor's record brought in step; wake the lane after the commit."""
    if not keeps(runtime, integration):
        return
    known_or_new(session, integration)
    enqueue(
        session,
        KEEP,
        str(integration.id),
        lane_of(integration),
        now=runtime.now(),
        connection_id=integration.vendor_id,
        revive=True,
    )


def known_or_new(session: Session, integration: Integration) -> Registration:
    """Return what is known of the vendor's record."""
    found = session.get(Registration, integration.id)
    if found is None:
        found = Registration(
            integration_id=integration.id,
            reference=_new_reference(),
            leaving=[],
            former=[],
            lost=False,
            problem="",
        )
        session.add(found)
        session.flush()
    return found


def _new_reference() -> str:
    return f"bridgehead-{secrets.token_hex(16)}"


def retire(session: Session, integration: Integration) -> None:
    """Have the record of an integration that ends deleted at the vendor."""
    record = session.get(Registration, integration.id)
    if record is not None and integration.vendor_reference:
        record.former = [*record.former, integration.vendor_reference]


def replace(session: Session, integration: Integration) -> None:
    """Have a new record made at the vendor and the present one deleted.

    RuleError while the answer to its making is awaited: nobody knows yet what there is to delete.
    """
    record = session.get(Registration, integration.id)
    if record is None:
        return
    if record.sent_at is not None and not integration.vendor_reference:
        raise RuleError("integration", "The vendor's answer is still awaited. Try again shortly.")
    retire(session, integration)
    _renew(record, integration)


def _renew(record: Registration, integration: Integration) -> None:
    record.reference, record.sent_at, record.lost = _new_reference(), None, False
    record.leaving, integration.vendor_reference = [], ""
    for link in integration.administrators:
        link.granted_at = None


def try_again(runtime: Runtime, actor: str, integration: Integration) -> None:
    """Have the record brought in step now; one that the vendor has lost is made anew.

    RuleError where the vendor keeps no record.
    """
    if not keeps(runtime, integration):
        title = runtime.adapter_class(integration.vendor.kind).title
        raise RuleError("integration", f"{title} keeps no record of integrations.")
    with writing() as session:
        record = known_or_new(session, integration)
        if record.lost:
            _renew(record, integration)
        audit(runtime, session, actor, "integration.register", integration.name)
        wish(runtime, session, integration)
    runtime.wake(lane_of(integration))


def farewells() -> list[tuple[Integration, Registration]]:
    """Return deleted integrations whose record could not be deleted at the vendor yet."""
    query = (
        select(Integration, Registration)
        .join(Registration, Registration.integration_id == Integration.id)
        .where(Integration.deleted_at.is_not(None), Registration.problem != "")
        .order_by(Integration.id)
    )
    return [(integration, record) for integration, record in db.session.execute(query)]
