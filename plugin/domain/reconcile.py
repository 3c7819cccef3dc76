"""What a full listing means for the rows we hold: which vanished, and whether to believe it."""

import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Guard:
    """How much of a workspace may vanish at once without a person's word.

    Removals are withheld when they are more than ``share`` of the rows and more than ``count``.
    """

    share: float = 0.5
    count: int = 3

    def withholds(self, vanished: int, held: int) -> bool:
        """Tell whether so many removals need a person.

        >>> Guard().withholds(vanished=3, held=4), Guard().withholds(vanished=4, held=6)
        (False, True)
        """
        return vanished > self.count and vanished > held * self.share


def fingerprint(value: Any, leave_out: Iterable[str] = ()) -> str:  # noqa: ANN401 - any dataclass
    """Return a short text that changes when any field of a dataclass value changes."""
    read = _reader(value.__class__, frozenset(leave_out))
    return hashlib.blake2b("\x1f".join(map(repr, read(value))).encode(), digest_size=16).hexdigest()


@cache
def _reader(kind: type, leave_out: frozenset[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads all other fields at once; it is asked for every row of every page."""
    return attrgetter(*(each.name for each in fields(kind) if each.name not in leave_out))


class SeenRows:
    """Remembers which row numbers a walk has met, at one bit each, so that memory does not grow."""

    def __init__(self) -> None:
        """Start with none seen."""
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Remember a row number (not negative)."""
        place, bit = divmod(number, 8)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1024 - len(self._bits)))
        self._bits[place] |= 1 << bit

    def __contains__(self, number: int) -> bool:
        place, bit = divmod(number, 8)
        return place < len(self._bits) and bool(self._bits[place] >> bit & 1)

    def pack(self) -> str:
        """Return it as a short text, for :meth:`unpack`."""
        return b64encode(zlib.compress(self._bits)).decode()

    @classmethod
    def unpack(cls, text: str) -> Self:
        """Return what was packed.

        >>> seen = SeenRows(); seen.add(7); 7 in SeenRows.unpack(seen.pack())
        True
        """
        seen = cls()
        seen._bits = bytearray(zlib.decompress(b64decode(text)))
        return seen

    def missing_from(self, numbers: Iterable[int]) -> Iterator[int]:
        """Yield those of ``numbers`` that were not seen."""
        return (number for number in numbers if number not in self)
