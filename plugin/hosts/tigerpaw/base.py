"""What the parts of the adapter share: the link, and the two doors."""

from typing import ClassVar

from plugin.domain.contracts import Adapter
from plugin.edge.link import Link
from plugin.hosts.tigerpaw.api import Api, number_of
from plugin.hosts.tigerpaw.soap import ChargeService


class TigerpawPart(Adapter):
    """The common ground of the adapter's parts."""

    kind = "tigerpaw"
    title: ClassVar[str] = "Tigerpaw"

    def __init__(self, link: Link) -> None:
        """Open the doors to the server; nothing is called yet."""
        self._link = link
        self._api = Api(link, self.title)
        self._charges = ChargeService(link, self.title)

    def _number(self, value: str, what: str) -> int:
        return number_of(value, self.title, what)
