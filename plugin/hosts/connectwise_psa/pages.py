"""Our pages inside PSA: tabs, pods and buttons of the hosted API, and menu entries."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from plugin.domain.contracts import PlacesPages
from plugin.domain.errors import AnswerError, MissingError, RuleError
from plugin.domain.model import Choice, Placement
from plugin.hosts.connectwise_psa.base import Psa
from plugin.hosts.connectwise_psa.filters import contains
from plugin.hosts.connectwise_psa.wire_base import Row
from plugin.hosts.connectwise_psa.wire_callbacks import MENU, MenuWire, ScreenWire, SetupWire

SCREENS, SETUPS = "/system/connectWiseHostedScreens", "/system/connectwisehostedsetups"
MENUS = "/system/menuentries"
POD_HEIGHT = 400
TITLE_LIMIT, ORIGIN_LIMIT, URL_LIMIT = 50, 100, 1024

MENU_PLACES = ("Companies", "Sales", "Procurement", "Project", "Service Desk", "Finance", "System")
"""Headings of the PSA's menu. No call lists them, so these words are not proven."""


class Pages(Psa, PlacesPages):
    """Registers our pages."""

    record_query = "screen=[cw_screen]&id=[cw_id]"
    page_kinds = (
        Choice("Pod", "Pod"),
        Choice("Tab", "Tab"),
        Choice("ToolbarButton", "Toolbar button"),
        Choice(MENU, "Menu entry"),
    )

    def screens(self) -> tuple[Choice, ...]:
        """Return the screens for tabs, pods and buttons, and the menu's headings for entries."""
        rows = list(self._api.rows(SCREENS))
        hosted = ScreenWire.parse_many(rows, self.title, "a list of screens")
        return (
            *(Choice(told["id"], told["name"]) for told in hosted),
            *(Choice(name, f"Menu: {name}", MENU) for name in MENU_PLACES),
        )

    def placements(self, url: str) -> Iterator[Placement]:
        """Yield the pages that point at the origin of ``url``."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}/"
        found = [
            *(SetupWire.value(row, self.title) for row in self._named(SETUPS, "url", parts.netloc)),
            *(MenuWire.value(row, self.title) for row in self._named(MENUS, "link", parts.netloc)),
        ]
        yield from (placement for placement in found if placement.url.startswith(origin))

    def place(self, wanted: Placement) -> Placement:
        """Register a page, or return the one that is there already."""
        _demand_fitting(wanted)
        known = next((each for each in self.placements(wanted.url) if _same(each, wanted)), None)
        if known is not None:
            return known
        path, record = _entry(wanted)
        made = self._api.create(path, record)
        row = self._api.one(f"{path}/{made['id']}")
        placed = (MenuWire if wanted.kind == MENU else SetupWire).value(row, self.title)
        if not _same(placed, wanted):
            raise AnswerError(self.title, "registered a page, but not as it was asked for")
        return placed

    def remove_placement(self, present: Placement) -> None:
        """Remove a page; harmless when it is gone."""
        kind, _, record = present.id.partition("-")
        path = MENUS if kind == "menu" else SETUPS
        try:
            self._api.send("DELETE", f"{path}/{self._number(record)}")
        except MissingError:
            return

    def _named(self, path: str, field: str, host: str) -> Iterator[Row]:
        return self._api.rows(path, contains(field, host))


def _entry(wanted: Placement) -> tuple[str, Mapping[str, object]]:
    parts = urlsplit(wanted.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if wanted.kind == MENU:
        place = {"menuLocation": {"name": wanted.screen}, "newWindowFlag": False}
        return MENUS, {**place, "caption": wanted.title, "link": wanted.url, "origin": origin}
    record: dict[str, object] = {
        "screenId": int(wanted.screen),
        "description": wanted.title,
        "url": wanted.url,
        "type": wanted.kind,
        "origin": origin,
    }
    if wanted.kind == "Pod":
        record["podHeight"] = POD_HEIGHT
    elif wanted.kind == "ToolbarButton":
        record["toolbarButtonText"] = wanted.title
    return SETUPS, record


def _demand_fitting(wanted: Placement) -> None:
    """Raise RuleError for what PSA would refuse."""
    kinds = [each.value for each in Pages.page_kinds]
    if wanted.kind not in kinds:
        raise RuleError("kind", f"choose one of {', '.join(kinds)}")
    if wanted.kind != MENU and not wanted.screen.isdigit():
        raise RuleError("screen", "choose one of the screens that ConnectWise PSA lists")
    if not 0 < len(wanted.title) <= TITLE_LIMIT:
        raise RuleError("title", f"a title has 1 to {TITLE_LIMIT} characters")
    if len(wanted.url) > URL_LIMIT or len(urlsplit(wanted.url).netloc) + 8 > ORIGIN_LIMIT:
        raise RuleError("url", "the address is too long for ConnectWise PSA")


def _same(one: Placement, other: Placement) -> bool:
    return (one.kind, one.screen, one.url) == (other.kind, other.screen, other.url)
