"""Where a PSA is: the address people sign in at, and the one the interface answers at."""

import re
from dataclasses import dataclass

from plugin.edge.addresses import Place, parse

ALIAS = "v4_6_release/"
"""The code base of every on-premise PSA, and a lasting second name of the current cloud one."""

_CODEBASE = re.compile(r"v\d{1,4}_\d{1,3}(_[a-z]{1,12})?/")
_NUMBERS = re.compile(r"[0-9.]+|.*:.*")


@dataclass(frozen=True, slots=True)
class Site:
    """A PSA's address as an administrator typed it.

    One that has a port, a bare number or plain http is taken exactly as it is: it is an
    on-premise server or the sandbox. Any other may be a cloud site, whose interface answers at
    ``api-`` in front of its name.
    """

    place: Place

    @property
    def origin(self) -> str:
        """Where people sign in."""
        return self.place.origin

    @property
    def exact(self) -> bool:
        """Whether the address stands for itself alone."""
        plain = self.place.scheme == "https" and self.place.port == 443
        return not plain or _NUMBERS.fullmatch(self.place.host) is not None

    def api_origin(self, codebase: str) -> str:
        """Return where the interface answers: cloud sites are those with a dated code base."""
        return self.origin if self.exact or codebase == ALIAS else self._api_place.origin

    def owns(self, place: Place) -> bool:
        """Tell whether ``place`` is this site or its ``api-`` form: no other name will do."""
        return place == self.place or (not self.exact and place == self._api_place)

    def owns_host(self, netloc: str) -> bool:
        """Tell whether a bare host (with its port, when it has an unusual one) is this site."""
        wanted = {self.place.netloc} | (set() if self.exact else {self._api_place.netloc})
        return netloc.lower() in wanted

    @property
    def _api_place(self) -> Place:
        return Place(self.place.scheme, f"api-{self.place.host}", self.place.port)


def read_site(text: str) -> Site:
    """Read what an administrator typed: a name or a whole address; ValueError says what is wrong.

    >>> read_site("na.myconnectwise.net").api_origin("v2025_1/")
    'https://api-na.myconnectwise.net'
    >>> read_site("https://psa.example:8443/v4_6_release/").origin
    'https://psa.example:8443'
    """
    typed = text.strip()
    whole = typed if "://" in typed else f"https://{typed}"
    place = parse(whole, schemes=("https", "http"))
    bare = place.host.removeprefix("api-")
    return Site(Place(place.scheme, bare if "." in bare else place.host, place.port))


def is_codebase(text: str) -> bool:
    """Tell whether ``text`` can be a code base, such as ``v2025_1/`` or ``v4_6_release/``."""
    return _CODEBASE.fullmatch(text) is not None
