"""Which of a vendor's servers are used, and who said so."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from plugin.domain.errors import ConfigError

PAGE = "the Environment page"
DEFAULT = "default"


class Environment(StrEnum):
    """The vendor's production, beta or test servers (setting ``KESCloudServer``)."""

    PRODUCTION = "production"
    BETA = "beta"
    TEST = "test"

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Read ``text`` in any letter case; ConfigError names ``where`` and what is allowed.

        >>> Environment.parse(" Beta ", "the page").value
        'beta'
        """
        # Not casefold: it would take look-alike letters for plain ones.
        word = text.strip().lower()
        if word in tuple(cls):
            return cls(word)
        allowed = ", ".join(cls)
        said = ascii(text[:40]) if text.strip() else "nothing"
        raise ConfigError([f"{where} says {said}; allowed are {allowed}"])


@dataclass(frozen=True, slots=True)
class EffectiveEnvironment:
    """The environment that holds, in words where it comes from, and whether a page may change it.

    ``locked`` is True when the source is stronger than the page.
    """

    value: Environment
    source: str
    locked: bool
