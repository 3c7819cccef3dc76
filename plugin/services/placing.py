"""Our pages in a host's own screens: which stand there, placing one, taking one away."""

from typing import cast

from plugin.domain.contracts import PlacesPages
from plugin.domain.errors import RuleError
from plugin.domain.model import Choice, Placement
from plugin.runtime import Runtime
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection

TITLE = "Bridgehead"


def can(runtime: Runtime, connection: Connection) -> bool:
    """Tell whether this host has a way to show pages of ours."""
    kind = runtime.hosts.get(connection.kind)
    return kind is not None and issubclass(kind, PlacesPages)


def address(runtime: Runtime, connection: Connection) -> str:
    """Return the address that the host's screens lead to, with the host's own tokens in it."""
    query = cast(type[PlacesPages], runtime.hosts[connection.kind]).record_query
    return f"{runtime.settings.public_url}/embed/{connection.id}?{query}"


def kinds(runtime: Runtime, connection: Connection) -> tuple[Choice, ...]:
    """Return the kinds of place that the host has: a tab, a pod, a menu entry."""
    return cast(type[PlacesPages], runtime.hosts[connection.kind]).page_kinds


def screens(runtime: Runtime, connection: Connection) -> tuple[Choice, ...]:
    """Return the host's screens; EdgeError when it cannot be asked."""
    return _placer(runtime, connection).screens()


def placed(runtime: Runtime, connection: Connection) -> list[Placement]:
    """Return our pages that stand in the host now; EdgeError when it cannot be asked."""
    return list(_placer(runtime, connection).placements(address(runtime, connection)))


def place(
    runtime: Runtime, actor: str, connection: Connection, kind: str, screen: str, title: str
) -> Placement:
    """Have our page shown at a place in the host; RuleError for a place it does not have."""
    wanted = Placement(kind, screen, title.strip() or TITLE, address(runtime, connection))
    made = _placer(runtime, connection).place(wanted)
    _note(runtime, actor, "page.place", connection, made)
    return made


def remove(runtime: Runtime, actor: str, connection: Connection, number: str) -> None:
    """Take a page away; harmless when it is gone, RuleError where only a person can do it."""
    found = next((each for each in placed(runtime, connection) if each.id == number), None)
    if found is not None:
        _placer(runtime, connection).remove_placement(found)
        _note(runtime, actor, "page.remove", connection, found)


def _note(
    runtime: Runtime, actor: str, action: str, connection: Connection, page: Placement
) -> None:
    told = {"kind": page.kind, "screen": page.screen, "title": page.title}
    with writing() as session:
        audit(runtime, session, actor, action, connection.name, after=told)


def _placer(runtime: Runtime, connection: Connection) -> PlacesPages:
    host = runtime.host(connection)
    if not isinstance(host, PlacesPages):
        raise RuleError("", f"{host.title} has no way to show pages of other programs.")
    db.session.commit()  # nothing is held while the host is asked
    return host
