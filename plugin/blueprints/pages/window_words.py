"""What charts and the Licensing page call things, and which icon and colour repeats the word."""

from collections.abc import Mapping
from dataclasses import dataclass

from plugin.blueprints.pages.words import PROTECTION, State
from plugin.services.lists import Part

DEPLOYMENT: Mapping[str, State] = {
    "running": ("Installed and running", "ok"),
    "not_running": ("Installed, not running", "warning"),
    "not_installed": ("Not installed", "critical"),
    "untold": ("Not known", "unknown"),
}
DATABASES: Mapping[str, State] = {
    "current": ("Up to date", "ok"),
    "day": ("Last 24 hours", "done"),
    "three_days": ("Last 3 days", "info"),
    "week": ("Last 7 days", "warning"),
    "older": ("Older than 7 days", "critical"),
    "untold": ("Not known", "unknown"),
}
LICENCE_USE: Mapping[str, State] = {
    "exceeded": ("Over 100 % used", "critical"),
    "nearly_used_up": ("Over 90 % used", "warning"),
}
LICENCE_STATE: Mapping[str, State] = {
    "active": ("Active", "ok"),
    "expired": ("Expired", "critical"),
    "reserved": ("Reserved", "parked"),
    "suspended": ("Suspended", "warning"),
    "unknown": ("Unknown", "unknown"),
}
LICENCE_KIND: Mapping[str, str] = {
    "commercial": "Commercial",
    "subscription": "Subscription",
    "trial": "Trial",
    "unknown": "Unknown",
}
_TONES = {
    "ok": "ok",
    "done": "busy",
    "info": "parked",
    "warning": "warning",
    "critical": "critical",
    "unknown": "quiet",
}


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a chart as it is drawn and told; ``query`` narrows the list of computers to it."""

    label: str
    number: int
    kind: str
    tone: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its title, a sentence on what is counted, and its parts."""

    title: str
    about: str
    parts: tuple[Slice, ...]

    @property
    def total(self) -> int:
        """How many devices the parts add up to."""
        return sum(each.number for each in self.parts)


TABLES: Mapping[str, Mapping[str, State]] = {
    "protection": PROTECTION,
    "deployment": DEPLOYMENT,
    "bases": DATABASES,
}
"""The words of each chart, by the name of the filter that narrows the computers to a part."""


def slices(which: str, parts: tuple[Part, ...]) -> tuple[Slice, ...]:
    """Return a chart's parts with their words; what a vendor never tells is said so."""
    found = []
    for part in parts:
        label, kind = TABLES[which][part.word]
        if part.vendor:
            label = f"Not told by {part.vendor}"
        found.append(Slice(label, part.number, kind, _TONES[kind], {which: part.word}))
    return tuple(found)
