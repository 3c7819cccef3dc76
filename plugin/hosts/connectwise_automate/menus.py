"""Menus: our page as an entry in the right-click menu of computers."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from plugin.domain.contracts import PlacesPages
from plugin.domain.errors import RuleError
from plugin.domain.model import Choice, Placement
from plugin.hosts.connectwise_automate.api import Api
from plugin.hosts.connectwise_automate.wire import MenuWire

COMPUTER_SCREEN = "computer"
MENU = "computer_menu"


class MenuPages(PlacesPages):
    """Places pages; mixed into the adapter."""

    removes_pages = False
    # The names of the variables are those of Automate's scripts; for menus they are not proven.
    record_query = "screen=computer&id=%computerid%&name=%computername%"
    page_kinds = (Choice(MENU, "Right-click menu of computers"),)

    _api: Api

    def screens(self) -> tuple[Choice, ...]:
        """Return the one place the published interface offers."""
        return (Choice(COMPUTER_SCREEN, "Computer, right-click menu", default=True),)

    def placements(self, url: str) -> Iterator[Placement]:
        """Yield the menu entries that open our installation."""
        for row in self._api.rows("api/v1/ComputerMenus", MenuWire, "menu entries"):
            if _origin(row["url"]) == _origin(url):
                yield Placement(MENU, COMPUTER_SCREEN, row["text"], row["url"], row["id"])

    def place(self, wanted: Placement) -> Placement:
        """Make a menu entry on computers, unless the same is there."""
        if wanted.kind != MENU or wanted.screen != COMPUTER_SCREEN:
            raise RuleError("screen", "Automate shows pages in the menu of computers only.")
        for present in self.placements(wanted.url):
            if (present.title, present.url) == (wanted.title, wanted.url):
                return present
        body = {
            "Name": wanted.title,
            "Text": wanted.title,
            "Description": "Opens Bridgehead",
            "Action": self._api.settings.get("menu_action") or "URL",
            "URLorEXE": wanted.url,
        }
        answer = self._api.send("POST", "api/v1/ComputerMenus", json=body)
        row = MenuWire.parse(answer.json(), self._api.who, "a menu entry")
        return Placement(MENU, COMPUTER_SCREEN, wanted.title, wanted.url, row["id"])

    def remove_placement(self, present: Placement) -> None:
        """Do nothing when the entry is gone; RuleError while it is there.

        The published interface has no call that removes a menu entry.
        """
        for each in self.placements(present.url):
            if each.id == present.id or (each.title, each.url) == (present.title, present.url):
                text = (
                    f"Automate lets no program remove menu entries: delete “{each.title}” in the "
                    "Control Center, under the right-click menu of computers."
                )
                raise RuleError("", text)


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.scheme.lower(), parts.netloc.lower()
