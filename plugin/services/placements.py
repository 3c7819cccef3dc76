"""Our pages inside a host's own screens: what is registered there, adding one, removing one.

The host's register is the truth: nothing of it is kept here, so nothing can drift apart.
"""

from typing import cast
from urllib.parse import urlsplit

from plugin.domain.contracts import PlacesPages
from plugin.domain.errors import RuleError
from plugin.domain.model import Choice, Placement
from plugin.runtime import Runtime
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection

PAGES = (
    Choice("/?embedded=1", "Dashboard", default=True),
    Choice("/devices?embedded=1", "Devices"),
    Choice("/tickets?embedded=1", "Tickets"),
    Choice("/integrations?embedded=1", "Integrations"),
)
"""Which of our pages can be shown there: the path below our address, and its name."""

LONGEST_TITLE = 50


def places(runtime: Runtime, connection: Connection) -> bool:
    """Tell whether this kind of host shows pages of ours."""
    kind = runtime.adapters.get(connection.kind)
    return kind is not None and issubclass(kind, PlacesPages)


def placed(runtime: Runtime, connection: Connection) -> list[Placement]:
    """Ask the host which pages of this installation are registered there."""
    host = _host(runtime, connection)
    db.session.commit()  # no transaction stays open while the host answers
    return list(host.placements(f"{runtime.settings.public_url}/"))


def screens(runtime: Runtime, connection: Connection) -> tuple[Choice, ...]:
    """Ask the host on which screens a page can be placed."""
    host = _host(runtime, connection)
    db.session.commit()
    return host.screens()


def kinds(runtime: Runtime, connection: Connection) -> tuple[Choice, ...]:
    """Return in which forms a page can be shown at this kind of host."""
    return _host(runtime, connection).page_kinds


def can_remove(runtime: Runtime, connection: Connection) -> bool:
    """Tell whether the host lets a program remove a page."""
    return _host(runtime, connection).removes_pages


def place(runtime: Runtime, actor: str, connection: Connection, wanted: Placement) -> Placement:
    """Register one of :data:`PAGES`, its path given as ``wanted.url``; harmless when it is there.

    RuleError names the field that cannot be.
    """
    host = _host(runtime, connection)
    _demand_known(host, wanted)
    db.session.commit()
    _demand_screen(host.screens(), wanted)
    url = f"{runtime.settings.public_url}{wanted.url}"
    made = host.place(Placement(wanted.kind, wanted.screen, wanted.title.strip(), url))
    with writing() as session:
        audit(runtime, session, actor, "page.place", connection.name, after=_told(made))
    return made


def find(runtime: Runtime, connection: Connection, placement_id: str) -> Placement:
    """Return a registered page by the host's id; RuleError when none of ours has it."""
    for each in placed(runtime, connection):
        if each.id == placement_id:
            return each
    raise RuleError("", "The host has no such page of ours (any more); look at the list again.")


def remove(runtime: Runtime, actor: str, connection: Connection, found: Placement) -> None:
    """Take a page out of the host.

    RuleError tells a person where to do it when the host lets no program do so.
    """
    _host(runtime, connection).remove_placement(found)
    with writing() as session:
        audit(runtime, session, actor, "page.remove", connection.name, before=_told(found))


def path_of(placement: Placement) -> str:
    """Return which page of ours is shown, as :data:`PAGES` names its path."""
    parts = urlsplit(placement.url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _host(runtime: Runtime, connection: Connection) -> PlacesPages:
    if not places(runtime, connection):
        raise RuleError("connection", "this kind of connection shows no pages of ours")
    return cast(PlacesPages, runtime.adapter(connection))


def _demand_known(host: PlacesPages, wanted: Placement) -> None:
    if wanted.url not in {each.value for each in PAGES}:
        raise RuleError("page", "Choose one of the pages on the list.")
    if wanted.kind not in {each.value for each in host.page_kinds}:
        raise RuleError("kind", "Choose one of the forms on the list.")
    if not 0 < len(wanted.title.strip()) <= LONGEST_TITLE:
        raise RuleError("title", f"A title has 1 to {LONGEST_TITLE} characters.")


def _demand_screen(screens: tuple[Choice, ...], wanted: Placement) -> None:
    own = [each for each in screens if each.parent == wanted.kind]
    fitting = own or [each for each in screens if not each.parent]
    if wanted.screen not in {each.value for each in fitting}:
        names = ", ".join(each.label for each in fitting[:8])
        raise RuleError("screen", f"Choose a screen that fits this form, such as: {names}.")


def _told(placement: Placement) -> dict[str, object]:
    return {
        "kind": placement.kind,
        "screen": placement.screen,
        "title": placement.title,
        "url": placement.url,
    }
