"""What every ability of the PSA adapter starts from."""

from plugin.domain.contracts import Adapter
from plugin.edge.link import Link
from plugin.hosts.connectwise_psa.api import PsaApi, number


class Psa(Adapter):
    """A connection to one PSA."""

    title = "ConnectWise PSA"

    def __init__(self, link: Link) -> None:
        """Keep the link; no call is made yet."""
        self._link = link
        self._api = PsaApi(link, self.title)

    def _number(self, record_id: str) -> int:
        return number(self.title, record_id)
