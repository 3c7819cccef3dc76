"""Tigerpaw as a host: accounts, and all its abilities in one class."""

from collections.abc import Iterator, Mapping

from plugin.domain.contracts import Advice, Host, Rung, Words
from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.model import Company
from plugin.domain.rights import Right
from plugin.hosts.tigerpaw.billing import Billing
from plugin.hosts.tigerpaw.check import Check, advice_for
from plugin.hosts.tigerpaw.externals import ExternalIds
from plugin.hosts.tigerpaw.fields import FIELDS, GUIDE, problems, words_of
from plugin.hosts.tigerpaw.rights import rights
from plugin.hosts.tigerpaw.tickets import Tickets
from plugin.hosts.tigerpaw.wire import AccountsWire

ALL = [("AccountNumber", "GreaterThan", "0")]
"""Every account: whether a search without criteria is allowed is not published."""


class Tigerpaw(Tickets, Billing, ExternalIds, Host):
    """Tigerpaw (Tigerpaw One, Rev.io PSA): REST 18.2.1, and tsiWS for additional charges.

    It never calls us: what changes there is polled.
    """

    words = Words(
        product="Tigerpaw", company="account", ticket="service order", item="price book item"
    )
    edited_in_integration = True
    fields = FIELDS
    guide = GUIDE
    notice = (
        "Tigerpaw's SOAP description is not public. Additional charges are exported only, until "
        "the template under Advanced is confirmed for your server."
    )

    @classmethod
    def validate(cls, settings: Mapping[str, str]) -> tuple[RuleError, ...]:
        """Return what is wrong with the settings beyond each field's own rule."""
        return tuple(problems(settings))

    def rungs(self) -> tuple[Rung, ...]:
        """Return the steps of the connection check."""
        return Check(self._api, self._charges).rungs()

    def advice(self, rung: str, error: EdgeError) -> Advice | None:
        """Return cause and cure of a failed step."""
        return advice_for(rung, error)

    def rights(self) -> tuple[Right, ...]:
        """Return the rights that its user needs."""
        return tuple(rights(self._api))

    def companies(self) -> Iterator[Company]:
        """Yield every account, inactive ones too, each once."""
        inactive = words_of(self._api.settings, "inactive_statuses", "Inactive")
        folded = {each.casefold() for each in inactive}
        for row in self._api.search("api/accounts/search", AccountsWire, ALL):
            account = row["account"]
            parts = (account["street"], account["postal_code"], account["city"], account["country"])
            yield Company(
                id=row["number"],
                name=account["name"],
                identifier=account["account_id"],
                domain=account["url"],
                address=", ".join(part for part in parts if part),
                status=account["status"],
                active=account["status"].casefold() not in folded,
            )
