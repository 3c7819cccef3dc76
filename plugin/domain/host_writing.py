"""Whether a device's protection state may be written into a field of the host, and as which word.

The field is ours only as far as we remember having written it: whatever else stands there is a
person's value, which is shown and never overwritten unasked.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from plugin.domain.model import ExtraField, Protection

WORDS: Mapping[Protection | None, str] = MappingProxyType(
    {
        Protection.OK: "Protected",
        Protection.WARNING: "Warning",
        Protection.CRITICAL: "Critical",
        Protection.UNKNOWN: "Unknown",
        None: "Not reported",
    }
)
"""What is written; None is a device that the vendor no longer reports."""

CHECK_BOX = frozenset({"true", "false"})
"""What a check box offers: it is ticked for a protected device."""


class Verdict(StrEnum):
    """What is done about a field."""

    AGREES = "agrees"
    WRITE = "write"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Memory:
    """What we remember of a field; None is nothing.

    ``sent`` is a write of which no answer is known, ``over`` the value it was to replace.
    ``allowed`` is a person's value that an administrator lets us overwrite, once.
    """

    written: str | None = None
    sent: str | None = None
    over: str | None = None
    allowed: str | None = None

    @property
    def ours(self) -> frozenset[str | None]:
        """The values that may be replaced."""
        return frozenset({self.written, self.sent, self.over, self.allowed} - {None})


def decide(field: ExtraField, wanted: str, memory: Memory) -> Verdict:
    """Decide from what stands in the field now, read a moment ago.

    >>> decide(ExtraField("3", "State", "ask Ann first"), "Protected", Memory(written="Warning"))
    <Verdict.PERSON: 'person'>
    """
    if field.value == wanted:
        return Verdict.AGREES
    if field.value in memory.ours:
        return Verdict.WRITE
    never_touched = not memory.ours and (field.untouched or not field.value)
    return Verdict.WRITE if never_touched else Verdict.PERSON


def word_for(protection: Protection | None, options: Collection[str]) -> str:
    """Return the value that says ``protection`` in a field that offers ``options``.

    >>> word_for(Protection.OK, ()), word_for(None, ("true", "false"))
    ('Protected', 'false')
    """
    if set(options) == CHECK_BOX:
        return "true" if protection is Protection.OK else "false"
    word = WORDS[protection]
    return next((each for each in options if each.casefold() == word.casefold()), word)


def why_unfit(field: ExtraField) -> str:
    """Return why a field cannot hold the protection state, and the cure; nothing when it can.

    >>> why_unfit(ExtraField("1", "State", "", options=("Protected", "Warning")))
    'it does not offer Critical, Unknown, Not reported; add them to the field at the host'
    """
    if field.read_only:
        return "it cannot be changed by a program; choose a text field"
    if not field.options or set(field.options) == CHECK_BOX:
        return ""
    offered = {each.casefold() for each in field.options}
    missing = [word for word in WORDS.values() if word.casefold() not in offered]
    if not missing:
        return ""
    return f"it does not offer {', '.join(missing)}; add them to the field at the host"
