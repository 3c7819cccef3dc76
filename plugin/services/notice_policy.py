"""Who gets an e-mail about what, and when not: set on a page, kept as one preference."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.errors import ConflictError, FormError, RuleError
from plugin.domain.notices import (
    NoticeKind,
    QuietHours,
    Route,
    is_address,
    read_addresses,
    read_quiet_hours,
)
from plugin.runtime import Runtime
from plugin.services.access import Role
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Preference
from plugin.store.people import User

PREFERENCE = "notifications"

ROLES: Mapping[NoticeKind, Role] = MappingProxyType(
    {
        NoticeKind.CONNECTION_BROKEN: Role.VIEWER,
        NoticeKind.CONNECTION_WORKING: Role.VIEWER,
        NoticeKind.LICENCE_EXPIRING: Role.VIEWER,
        NoticeKind.INTEGRATION_DELETED: Role.VIEWER,
        NoticeKind.DEAD_LETTERS: Role.TECHNICIAN,
        NoticeKind.CALLBACKS_OFF: Role.TECHNICIAN,
        NoticeKind.SECRET_EXPIRING: Role.ADMINISTRATOR,
        NoticeKind.BRIDGE_OFFLINE: Role.TECHNICIAN,
        NoticeKind.BRIDGE_BACK: Role.TECHNICIAN,
        NoticeKind.BRIDGE_LENT: Role.TECHNICIAN,
        NoticeKind.BRIDGE_AWAITED: Role.TECHNICIAN,
        NoticeKind.DISK_LOW: Role.ADMINISTRATOR,
        NoticeKind.QUEUE_GROWING: Role.ADMINISTRATOR,
    }
)
"""The least role that sees a kind of notification."""

ROUTED: tuple[NoticeKind, ...] = tuple(
    kind
    for kind in NoticeKind
    if kind not in {NoticeKind.CONNECTION_WORKING, NoticeKind.BRIDGE_BACK}
)
"""Kinds with a route of their own; that it is over goes to those who heard that it began."""

_FIRST: Mapping[NoticeKind, Route] = MappingProxyType(
    {
        NoticeKind.LICENCE_EXPIRING: Route(mail=False),
        NoticeKind.DISK_LOW: Route(urgent=True),
    }
)
_NOBODYS = "@bridgehead.local"
"""The first account's address, which no mail server knows."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The routes by kind and the quiet hours; ``version`` rises with every change."""

    routes: Mapping[NoticeKind, Route]
    quiet: QuietHours
    version: int = 0


@dataclass(frozen=True, slots=True)
class WishedRoute:
    """A route as a person typed it: one address a line."""

    mail: bool = False
    administrators: bool = False
    to: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """The settings as a person typed them; ``version`` is the one that was shown."""

    routes: Mapping[NoticeKind, WishedRoute]
    begin: str
    end: str
    zone: str
    version: int


def kinds_for(role: Role) -> list[str]:
    """Return the kinds of notifications that a role may see."""
    return [kind.value for kind, needed in ROLES.items() if role.covers(needed)]


def current() -> Policy:
    """Return the policy that holds: what was saved, with defaults for the rest."""
    row = db.session.get(Preference, PREFERENCE)
    return _read(row.value if row else {})


def shown(policy: Policy) -> Wish:
    """Return the policy as a form shows it."""
    quiet = policy.quiet
    none = quiet.begin == quiet.end
    return Wish(
        routes={
            kind: WishedRoute(route.mail, route.administrators, "\n".join(route.to), route.urgent)
            for kind, route in policy.routes.items()
        },
        begin="" if none else f"{quiet.begin:%H:%M}",
        end="" if none else f"{quiet.end:%H:%M}",
        zone=quiet.zone,
        version=policy.version,
    )


def save(runtime: Runtime, actor: str, wish: Wish) -> None:
    """Replace the policy; FormError names every field at fault (``<kind>-to``, ``quiet_begin`` …).

    ConflictError when somebody saved since the version in ``wish`` was shown.
    """
    routes, quiet = _judged(wish)
    with writing() as session:
        row = session.get(Preference, PREFERENCE)
        before = _read(row.value if row else {})
        if before.version != wish.version:
            text = "somebody else changed these settings meanwhile; look at them again"
            raise ConflictError("version", text)
        if row is None:
            row = Preference(name=PREFERENCE)
            session.add(row)
        after = Policy(routes, quiet, wish.version + 1)
        row.value, row.changed_by, row.changed_at = _written(after), actor, runtime.now()
        told = _flat(before), _flat(after)
        audit(runtime, session, actor, "notification.settings", "", before=told[0], after=told[1])


def _judged(wish: Wish) -> tuple[dict[NoticeKind, Route], QuietHours]:
    faults: list[RuleError] = []
    routes: dict[NoticeKind, Route] = {}
    for kind in ROUTED:
        wished = wish.routes.get(kind, WishedRoute())
        try:
            to = read_addresses(wished.to, f"{kind.value}-to")
        except RuleError as error:
            faults.append(error)
        else:
            routes[kind] = Route(wished.mail, wished.administrators, to, wished.urgent)
    try:
        quiet = read_quiet_hours(wish.begin, wish.end, wish.zone)
    except RuleError as error:
        faults.append(error)
    if faults:
        raise FormError(faults)
    return routes, quiet


def recipients(session: Session, policy: Policy, kind: NoticeKind) -> tuple[str, ...]:
    """Return who gets an e-mail about a kind of event."""
    route = policy.routes[kind]
    return route.recipients(_administrators(session)) if route.mail else ()


def _administrators(session: Session) -> Iterable[str]:
    query = select(User.email).where(User.role == Role.ADMINISTRATOR, User.disabled.is_(False))
    found = session.scalars(query.order_by(User.email))
    return [each for each in found if is_address(each) and not each.endswith(_NOBODYS)]


# -- as a preference -----------------------------------------------------------------------------


def _read(value: Mapping[str, Any]) -> Policy:
    routes = value.get("routes", {})
    quiet = value.get("quiet", {})
    return Policy(
        routes={kind: _route(kind, routes.get(kind.value)) for kind in ROUTED},
        quiet=QuietHours(
            time.fromisoformat(quiet.get("begin", "00:00")),
            time.fromisoformat(quiet.get("end", "00:00")),
            quiet.get("zone", "UTC"),
        ),
        version=value.get("version", 0),
    )


def _route(kind: NoticeKind, saved: Mapping[str, Any] | None) -> Route:
    if saved is None:
        return _FIRST.get(kind, Route())
    return Route(saved["mail"], saved["administrators"], tuple(saved["to"]), saved["urgent"])


def _written(policy: Policy) -> dict[str, Any]:
    return {
        "routes": {
            kind.value: {
                "mail": route.mail,
                "administrators": route.administrators,
                "to": list(route.to),
                "urgent": route.urgent,
            }
            for kind, route in policy.routes.items()
        },
        "quiet": {
            "begin": policy.quiet.begin.strftime("%H:%M"),
            "end": policy.quiet.end.strftime("%H:%M"),
            "zone": policy.quiet.zone,
        },
        "version": policy.version,
    }


def _flat(policy: Policy) -> dict[str, str]:
    """Return the policy for the audit log: a line for each kind, so that a change is readable."""
    told = {kind.value: _in_words(route) for kind, route in policy.routes.items()}
    quiet = policy.quiet
    return told | {"quiet hours": f"{quiet.begin:%H:%M} to {quiet.end:%H:%M} {quiet.zone}"}


def _in_words(route: Route) -> str:
    if not route.mail:
        return "no e-mail"
    to = (["all administrators"] if route.administrators else []) + list(route.to)
    return (", ".join(to) or "nobody") + (", in quiet hours too" if route.urgent else "")
