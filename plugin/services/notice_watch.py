"""Looks every minute for conditions that a person should hear of, and every hour for dates."""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select

from plugin.domain.contracts import FieldKind
from plugin.domain.notice_texts import Told, works_again
from plugin.domain.notices import (
    REMEMBERED,
    WARNED_BEFORE,
    Condition,
    NoticeKind,
    expiry_level,
    step_level,
)
from plugin.edge.certificates import ends_at
from plugin.runtime import Runtime
from plugin.services import connections, mail, notices
from plugin.services.bridges import alerts
from plugin.store.backlog import lag
from plugin.store.base import db
from plugin.store.integrations import Connection, ConnectionState
from plugin.store.mirror import LicenceRow, WorkspaceRow
from plugin.store.people import ApiToken
from plugin.store.work import Job, JobState

CONNECTION, LETTERS, DISK, QUEUE = "connection", "letters", "disk", "queue"
TOKEN, CERTIFICATE, LICENCE = "token", "certificate", "licence"
_LETTERS = (1, 10, 100, 1000)


def look(runtime: Runtime) -> None:
    """Compare how things stand with what was told, and tell what changed."""
    known = connections.living(runtime)
    settled = runtime.now() - timedelta(seconds=runtime.settings.limits.notices.settle)
    unsure = {_key(each) for each in known if each.state_since and each.state_since > settled}
    seen = [
        *(_broken(each) for each in known if each.state == ConnectionState.ATTENTION),
        *_dead_letters(known),
        *_disk(runtime),
        *_queue(runtime),
        *alerts.conditions(runtime, known),
    ]
    works = {_key(each): _well(each) for each in known if each.state == ConnectionState.WORKING}
    # One that was edited is neither broken nor well until it has been tried.
    unsure |= {_key(each) for each in known if each.state == ConnectionState.NEW}
    unsure |= alerts.unsure(runtime, known)
    kinds = (CONNECTION, LETTERS, DISK, QUEUE, *alerts.KINDS)
    well = works | alerts.recovered(runtime)
    notices.settle(runtime, seen, unsure=unsure, recovered=well, kinds=kinds)


def look_at_dates(runtime: Runtime) -> None:
    """Compare what will expire with what was told of it."""
    known = connections.living(runtime)
    seen = [
        *_tokens(runtime),
        *(found for each in known for found in _certificates(runtime, each)),
        *_own_certificate(runtime),
        *_licences(runtime, known),
    ]
    notices.settle(runtime, seen, recovered={}, kinds=(TOKEN, CERTIFICATE, LICENCE))


# -- how things stand ----------------------------------------------------------------------------


def _key(connection: Connection) -> str:
    return f"{CONNECTION}:{connection.id}"


def _well(connection: Connection) -> Told:
    return works_again(connection.name, f"/connections/{connection.id}")


def _broken(connection: Connection) -> Condition:
    return Condition(
        _key(connection),
        NoticeKind.CONNECTION_BROKEN,
        str(connection.id),
        1,
        connection.name,
        connection.problem or "The remote turned us away.",
        f"/connections/{connection.id}",
    )


def _dead_letters(known: list[Connection]) -> Iterator[Condition]:
    """Yield a condition for each connection with work that was given up, and one for our own."""
    names = {each.id: each.name for each in known}
    counts = db.session.execute(
        select(Job.connection_id, func.count())
        .where(Job.state == JobState.DEAD, Job.kind != mail.RUN)
        .group_by(Job.connection_id)
    )
    for number, count in counts:
        if number is not None and number not in names:
            continue
        yield Condition(
            f"{LETTERS}:{number or 0}",
            NoticeKind.DEAD_LETTERS,
            str(number or 0),
            step_level(count, _LETTERS),
            names[number] if number is not None else "this installation",
            "1 piece of work was given up." if count == 1 else f"{count} were given up.",
            "/deliveries?state=dead" if number else "/runs",
        )


def _disk(runtime: Runtime) -> Iterator[Condition]:
    usage = shutil.disk_usage(runtime.settings.data)
    share = usage.free / usage.total
    least = runtime.settings.limits.notices.disk_free
    level = step_level(-share, (-least, -least / 2, -least / 5))
    if level:
        text = f"{usage.free / 2**30:.1f} GiB of {usage.total / 2**30:.0f} GiB are free."
        where = str(runtime.settings.data)
        yield Condition(f"{DISK}:data", NoticeKind.DISK_LOW, "", level, where, text, "")


def _queue(runtime: Runtime) -> Iterator[Condition]:
    waited = lag(db.session(), runtime.now()).total_seconds()
    first = runtime.settings.limits.notices.queue_wait
    level = step_level(waited, (first, 4 * first, 16 * first))
    if level:
        text = f"The oldest work that is due has waited for {waited / 60:.0f} minutes."
        yield Condition(f"{QUEUE}:all", NoticeKind.QUEUE_GROWING, "", level, "", text, "/runs")


# -- dates ---------------------------------------------------------------------------------------


def _tokens(runtime: Runtime) -> Iterator[Condition]:
    now = runtime.now()
    query = select(ApiToken.id, ApiToken.name, ApiToken.expires_at).where(
        ApiToken.revoked_at.is_(None), ApiToken.expires_at.between(*_horizon(now))
    )
    for number, name, end in db.session.execute(query):
        if end is not None:
            yield from _secret(f"{TOKEN}:{number}", f"The API token “{name}”", end, now, "")


def _certificates(runtime: Runtime, connection: Connection) -> Iterator[Condition]:
    """Yield the certificates that a connection's server must show."""
    for field in runtime.adapter_class(connection.kind).fields:
        pem = connection.settings.get(field.name, "") if field.kind is FieldKind.CERTIFICATE else ""
        end = ends_at(pem) if pem else None
        if end is not None:
            subject = f"{connection.name}: {field.label}"
            key = f"{CERTIFICATE}:{connection.id}:{field.name}"
            path = f"/connections/{connection.id}"
            yield from _secret(key, subject, end, runtime.now(), path)


def _own_certificate(runtime: Runtime) -> Iterator[Condition]:
    path = runtime.settings.tls_cert
    end = ends_at(path.read_text("ascii", "replace")) if path is not None else None
    if end is not None:
        subject = "The certificate of this server (BRIDGEHEAD_TLS_CERT)"
        yield from _secret(f"{CERTIFICATE}:own", subject, end, runtime.now(), "")


def _secret(key: str, subject: str, end: datetime, now: datetime, path: str) -> Iterator[Condition]:
    level = expiry_level(now, end)
    if level:
        text = f"It ends on {end:%Y-%m-%d at %H:%M} UTC."
        yield Condition(key, NoticeKind.SECRET_EXPIRING, key, level, subject, text, path)


def _licences(runtime: Runtime, known: list[Connection]) -> Iterator[Condition]:
    """Yield what ends at each vendor; those of one vendor and level are told together."""
    now, names = runtime.now(), {each.id: each.name for each in known}
    query = (
        select(LicenceRow, WorkspaceRow.name)
        .join(
            WorkspaceRow,
            (WorkspaceRow.vendor_id == LicenceRow.vendor_id)
            & (WorkspaceRow.workspace_id == LicenceRow.workspace_id),
        )
        .where(
            LicenceRow.vendor_id.in_(sorted(names)),
            LicenceRow.gone_at.is_(None),
            LicenceRow.expires_at.between(*_horizon(now)),
        )
        .order_by(LicenceRow.expires_at, LicenceRow.id)
    )
    for row, client in db.session.execute(query):
        if row.expires_at is not None:
            yield _licence(row, client, names[row.vendor_id], expiry_level(now, row.expires_at))


def _licence(row: LicenceRow, client: str, vendor: str, level: int) -> Condition:
    return Condition(
        f"{LICENCE}:{row.id}",
        NoticeKind.LICENCE_EXPIRING,
        vendor,
        level,
        f"{row.product} of {client}",
        f"It ends on {row.expires_at:%Y-%m-%d at %H:%M} UTC.",
        "",
    )


def _horizon(now: datetime) -> tuple[datetime, datetime]:
    """Return the earliest and the latest end that is worth a word now."""
    return now - REMEMBERED + timedelta(seconds=1), now + WARNED_BEFORE[0]
