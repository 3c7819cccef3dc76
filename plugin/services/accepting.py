"""Accepts and refuses suggested companies, one, many, or all that are beyond doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from plugin.runtime import Runtime
from plugin.services import mapping, suggesting
from plugin.services.journal import audit
from plugin.store.base import writing
from plugin.store.integrations import CompanyMapping, Integration, MappingRefusal
from plugin.store.mapping import SuggestionRow
from plugin.store.mirror import CompanyRow

MOST_AT_ONCE = 5000
"""How many suggestions are accepted or refused in one go."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What accepting suggestions did: how many mappings, and why others were left out."""

    mapped: int
    left_out: tuple[str, ...] = ()


def accept(
    runtime: Runtime,
    actor: str,
    integration: Integration,
    numbers: Sequence[int] | None = None,
) -> Accepted:
    """Accept suggestions by their numbers, or all that are beyond doubt when none are named.

    All in one transaction. A suggestion that does not hold any more is left out, with the reason.
    """
    lanes: set[str] = set()
    with writing() as session:
        rows = _suggestions(session, integration, numbers)
        pairs = {row.workspace_id: row.company_id for row in reversed(rows)}
        left_out = _left_out(session, integration, pairs)
        if numbers is not None and len(rows) < len(set(numbers)):
            left_out[""] = "some suggestions are no longer there; look at the list again"
        taken = {each: pairs[each] for each in pairs.keys() - left_out.keys()}
        if taken:
            _map(runtime, session, actor, integration, taken)
            audit(runtime, session, actor, "mapping.accept", integration.name, after=taken)
            lanes = mapping.reconsider(runtime, session, integration, set(taken))
    mapping.wake_all(runtime, lanes)
    return Accepted(len(taken), tuple(left_out.values()))


def _map(
    runtime: Runtime,
    session: Session,
    actor: str,
    integration: Integration,
    pairs: Mapping[str, str],
) -> None:
    """Write mappings of workspaces that had none, all at once."""
    common = {
        "vendor_id": integration.vendor_id,
        "host_id": integration.host_id,
        "made_by": actor,
        "made_at": runtime.now(),
    }
    rows = [
        {**common, "workspace_id": workspace_id, "company_id": company_id}
        for workspace_id, company_id in sorted(pairs.items())
    ]
    session.execute(insert(CompanyMapping), rows)
    shared = mapping.choice_of(integration).several
    companies = [] if shared else list(pairs.values())
    suggesting.answer(session, integration.id, list(pairs), companies)


def _suggestions(
    session: Session, integration: Integration, numbers: Sequence[int] | None
) -> list[SuggestionRow]:
    """Return suggestions, the best of a workspace first."""
    query = select(SuggestionRow).where(SuggestionRow.integration_id == integration.id)
    if numbers is None:
        query = query.where(SuggestionRow.sure.is_(True))
    else:
        query = query.where(SuggestionRow.id.in_(list(numbers)[:MOST_AT_ONCE]))
    return list(session.scalars(query.order_by(SuggestionRow.workspace_id, SuggestionRow.place)))


def _left_out(
    session: Session, integration: Integration, pairs: Mapping[str, str]
) -> dict[str, str]:
    """Return by workspace why a pair cannot be mapped now."""
    several = mapping.choice_of(integration).several
    names: dict[str, str] = dict(
        session.execute(
            select(CompanyRow.company_id, CompanyRow.name).where(
                CompanyRow.host_id == integration.host_id,
                CompanyRow.gone_at.is_(None),
                CompanyRow.active.is_(True),
            )
        ).all()
    )
    held = session.execute(
        select(CompanyMapping.workspace_id, CompanyMapping.company_id).where(
            CompanyMapping.vendor_id == integration.vendor_id,
            CompanyMapping.host_id == integration.host_id,
        )
    ).all()
    mapped, taken = {row[0] for row in held}, {row[1] for row in held}
    found: dict[str, str] = {}
    for workspace_id, company_id in sorted(pairs.items()):
        if company_id not in names:
            found[workspace_id] = f"company {company_id} is no longer active in the host"
        elif workspace_id in mapped:
            found[workspace_id] = f"workspace {workspace_id} has a company already"
        elif company_id in taken and not several:
            found[workspace_id] = f"{names[company_id]} is mapped to another workspace already"
        taken.add(company_id)
    return found


def refuse(runtime: Runtime, actor: str, integration: Integration, numbers: Sequence[int]) -> int:
    """Remember that suggested pairs are wrong, so that they come no more; returns how many."""
    with writing() as session:
        rows = _suggestions(session, integration, numbers)
        for row in rows:
            session.merge(
                MappingRefusal(
                    vendor_id=integration.vendor_id,
                    workspace_id=row.workspace_id,
                    host_id=integration.host_id,
                    company_id=row.company_id,
                    refused_by=actor,
                    refused_at=runtime.now(),
                )
            )
        if rows:
            refused = [[row.workspace_id, row.company_id] for row in rows]
            suggesting.remove(session, [row.id for row in rows])
            audit(runtime, session, actor, "mapping.refuse", integration.name, after=refused)
            lane = suggesting.ask(runtime, session, integration)
    if rows:
        runtime.wake(lane)
    return len(rows)


def forget_refusals(runtime: Runtime, actor: str, integration: Integration) -> int:
    """Let refused pairs be suggested again; returns how many there were."""
    mine = (
        MappingRefusal.vendor_id == integration.vendor_id,
        MappingRefusal.host_id == integration.host_id,
    )
    with writing() as session:
        rows = list(session.scalars(select(MappingRefusal).where(*mine)))
        session.execute(delete(MappingRefusal).where(*mine))
        refused = [[row.workspace_id, row.company_id] for row in rows]
        audit(runtime, session, actor, "mapping.refusals", integration.name, before=refused)
        lane = suggesting.ask(runtime, session, integration)
    runtime.wake(lane)
    return len(rows)
