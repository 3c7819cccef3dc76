"""External ids: the vendor's client id, kept on the account in Tigerpaw too.

So a lost database of ours can be rebuilt from Tigerpaw.
"""

from plugin.domain.errors import RefusedError, RuleError
from plugin.hosts.tigerpaw.base import TigerpawPart
from plugin.hosts.tigerpaw.wire import AccountExternalWire, AccountsWire, ExternalProductWire


class ExternalIds(TigerpawPart):
    """Keeps one id per account for the connection's external product."""

    def external_id(self, company_id: str) -> str:
        """Return the id kept on an account for our external product; empty when there is none."""
        kept = self._kept(company_id)
        return str(kept["external_id"]) if kept else ""

    def keep_external_id(self, company_id: str, external_id: str) -> None:
        """Keep the id on the account; harmless when it stands there, changed when another does."""
        if not external_id:
            raise RuleError("external_id", "An external id is not empty.")
        path = self._path(company_id)
        kept = self._kept(company_id)
        if kept is not None and kept["external_id"] == external_id:
            return
        record = {"ExternalProductId": int(self._product()), "ExternalId": external_id}
        if kept is None:
            self._api.write("POST", path, record)
        else:
            self._api.write("PUT", f"{path}/{kept['id']}", record)

    def forget_external_id(self, company_id: str) -> None:
        """Remove the id from the account; harmless when none is there."""
        kept = self._kept(company_id)
        if kept is not None:
            self._api.delete(self._path(company_id), {"id": str(kept["id"])})

    def companies_with(self, external_id: str) -> tuple[str, ...]:
        """Return the ids of the accounts that carry this id for our external product."""
        criteria = [("ExternalId", "Equal", external_id)]
        found = self._api.search("api/accounts/search", AccountsWire, criteria)
        numbers = [str(row["number"]) for row in found]
        return tuple(each for each in numbers if self.external_id(each) == external_id)

    def _path(self, company_id: str) -> str:
        number = self._number(company_id, "account")
        return f"api/accounts/{number}/service/externalproducts"

    def _kept(self, company_id: str) -> dict[str, object] | None:
        product = self._product()
        rows = AccountExternalWire.parse_many(
            self._api.get(self._path(company_id)), self.title, "a list of external products"
        )
        return next((row for row in rows if row["product"] == product), None)

    def _product(self) -> str:
        """Return the number of the connection's external product."""
        name = self._api.settings.get("external_product", "").strip()
        if not name:
            text = "Name the external product under Advanced: its ids are kept on accounts."
            raise RuleError("external_product", text)
        for row in self._api.table("externalproducts", ExternalProductWire):
            if row["label"].casefold() == name.casefold() and row["active"] is not False:
                return str(row["value"])
        text = (
            f"has no active external product {name!r}: add it under Edit > Master Tables > "
            "Account > External Products, or change the name under Advanced"
        )
        raise RefusedError(self.title, text, code="external-product")
