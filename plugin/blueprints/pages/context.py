"""What the frame of every page shows: menu, environment mark, who is signed in."""

from dataclasses import dataclass

from flask import Flask, g, request, url_for

from plugin.blueprints.guard import current_person, in_frame, open_to_limited, runtime
from plugin.blueprints.guard import scope as scope
from plugin.blueprints.pages import words
from plugin.services import lists
from plugin.services.access import Person, Role
from plugin.services.lists import Waiting

PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu; without an endpoint it is the heading of a group."""

    label: str
    endpoint: str = ""
    icon: str = ""
    role: Role = Role.VIEWER
    badge: str = ""


MENU: tuple[Entry, ...] = (
    Entry("Dashboard", "dashboard.home", "layout-dashboard"),
    Entry("Protection"),
    Entry("Statistics", "window.statistics", "chart-bar"),
    Entry("Computers", "devices.table", "device-desktop"),
    Entry("Events", "window.events", "activity"),
    Entry("Licensing", "window.licensing", "receipt"),
    Entry("Coverage", "coverage.table", "shield-exclamation"),
    Entry("Tickets", "tickets.table", "ticket", badge="tickets_failing"),
    Entry("Ticket log", "tickets.log", "list-check"),
    Entry("Config"),
    Entry("Connections", "connections.table", "plug-connected", badge="connections"),
    Entry("Integrations", "integrations.table", "arrows-exchange"),
    Entry("Bridges", "bridges.table", "building-bridge"),
    Entry("Environment", "environment.show", "settings", Role.ADMINISTRATOR),
    Entry("Activity"),
    Entry("Notifications", "notifications.table", "bell"),
    Entry("Actions", "wishes.table", "send"),
    Entry("Sync runs", "activity.table", "refresh"),
    Entry("Received calls", "deliveries.table", "webhook", badge="deliveries_dead"),
    Entry("Audit log", "audit.table", "history", Role.ADMINISTRATOR),
    Entry("Accounts", "accounts.table", "users", Role.ADMINISTRATOR),
    Entry("API tokens", "accounts.tokens", "key", Role.ADMINISTRATOR),
    Entry("Account"),
    Entry("Sessions", "access.sessions", "users"),
    Entry("Password", "access.password", "key"),
    Entry("Second factor", "second_factor.page", "shield-check"),
)


def install(app: Flask) -> None:
    """Offer the frame's values and the words' tables to every template."""
    app.context_processor(_frame)
    app.jinja_env.globals["words"] = words


def embedded() -> bool:
    """Tell whether the page is shown inside a host's screen."""
    return request.args.get("embedded") == "1" or in_frame()


def _frame() -> dict[str, object]:
    who = current_person()
    frame: dict[str, object] = {"embedded": embedded(), "menu": [], "home": "/"}
    if g.get("bare_page"):
        return frame
    mark = scope().environment
    frame["environment_mark"] = "" if mark == PRODUCTION else mark.upper()
    if who is None or who.must_change:
        return frame
    waiting = lists.waiting(runtime(), scope())
    return frame | {
        "menu": _menu(who, waiting),
        "waiting": waiting,
        "user": {
            "name": who.name,
            "role": who.role.value.capitalize(),
            "sign_out": url_for("access.sign_out"),
        },
        "may": _may(who.role),
        "bell": {"href": url_for("notifications.table"), "count": _unread(who)},
    }


def _unread(who: Person) -> str:
    """Return what the bell shows: nothing, a number, or that there are many."""
    number = lists.unread(who, scope())
    return f"{number - 1}+" if number >= lists.MOST_UNREAD else str(number or "")


def _may(role: Role) -> dict[str, bool]:
    """Say for templates what the reader may do, by role: ``{% if may.administrator %}``."""
    return {each.value: role.covers(each) for each in Role}


def _menu(who: Person, waiting: Waiting) -> list[dict[str, object]]:
    allowed = [entry for entry in MENU if who.role.covers(entry.role)]
    if who.companies is not None:
        allowed = [entry for entry in allowed if entry.endpoint and open_to_limited(entry.endpoint)]
    here = _current(allowed)
    return [_line(entry, waiting, current=entry is here) for entry in allowed]


def _line(entry: Entry, waiting: Waiting, *, current: bool) -> dict[str, object]:
    if not entry.endpoint:
        return {"heading": entry.label}
    badge = getattr(waiting, entry.badge) if entry.badge else 0
    return {
        "href": url_for(entry.endpoint),
        "label": entry.label,
        "icon": entry.icon,
        "badge": badge or "",
        "current": current,
    }


def _current(entries: list[Entry]) -> Entry | None:
    """Return the entry of this very page, else that of its group of pages."""
    exact = [entry for entry in entries if entry.endpoint == request.endpoint]
    group = words.group_of(request.blueprint or "")
    near = [entry for entry in entries if entry.endpoint and entry.endpoint.split(".")[0] == group]
    return next(iter(exact + near), None)
