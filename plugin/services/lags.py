"""How far behind the remotes we are, for metrics: seconds since the last run that was good."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import selectinload

from plugin.runtime import Runtime
from plugin.services.scopes import is_whole
from plugin.services.sync import COMPANIES, DATA
from plugin.store.base import db
from plugin.store.integrations import Connection, Integration, IntegrationState, WorkspaceLink
from plugin.store.work import RunState, SyncRun

Good = Mapping[tuple[int, str, str], datetime]
"""When the last good run ended, by connection, what was fetched and scope."""


def lags(runtime: Runtime) -> tuple[dict[tuple[int, str], float], dict[int, float]]:
    """Return the seconds behind, by connection and what is fetched, and by integration."""
    good = _good(runtime)
    return _by_connection(runtime.now(), good), _by_integration(runtime, good)


def _good(runtime: Runtime) -> Good:
    """Read the last good runs of what is still fetched: a workspace given up lags for ever."""
    is_fetched = exists().where(
        WorkspaceLink.vendor_id == SyncRun.connection_id,
        WorkspaceLink.workspace_id == SyncRun.scope,
        WorkspaceLink.integration_id == Integration.id,
        Integration.deleted_at.is_(None),
        Integration.state == IntegrationState.ACTIVE,
    )
    rows = db.session.execute(
        select(SyncRun.connection_id, SyncRun.what, SyncRun.scope, func.max(SyncRun.ended_at))
        .where(SyncRun.state.in_([RunState.DONE, RunState.PARTIAL]))
        .where(or_(SyncRun.scope == "", is_fetched))
        .group_by(SyncRun.connection_id, SyncRun.what, SyncRun.scope)
    )
    living = select(Connection).where(Connection.deleted_at.is_(None))
    numbers = {each.id for each in db.session.scalars(living) if runtime.is_active(each)}
    return {
        (number, what, scope): at for number, what, scope, at in rows if at and number in numbers
    }


def _by_connection(now: datetime, good: Good) -> dict[tuple[int, str], float]:
    """Of several scopes the one that is furthest behind counts."""
    worst: dict[tuple[int, str], float] = {}
    for (number, what, _), at in good.items():
        seconds = (now - at).total_seconds()
        worst[number, what] = max(worst.get((number, what), 0.0), seconds)
    return worst


def _by_integration(runtime: Runtime, good: Good) -> dict[int, float]:
    """Of the host's companies and the workspaces' data the one that is furthest behind counts."""
    query = (
        select(Integration)
        .where(Integration.deleted_at.is_(None), Integration.state == IntegrationState.ACTIVE)
        .options(selectinload(Integration.links))
    )
    now = runtime.now()
    return {
        each.id: max(0.0, (now - min(_moments(runtime, each, good))).total_seconds())
        for each in db.session.scalars(query)
        if runtime.is_active(each.vendor)
    }


def _moments(runtime: Runtime, integration: Integration, good: Good) -> Iterator[datetime]:
    """Yield when each part was last good; what never was counts from when it was first wanted."""
    yield good.get((integration.host_id, COMPANIES, ""), integration.created_at)
    whole = is_whole(runtime, integration.vendor)
    for link in integration.links:
        scope = "" if whole else link.workspace_id
        yield good.get((integration.vendor_id, DATA, scope), link.added_at)
