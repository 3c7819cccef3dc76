"""Accounts, agreements, the price book, master tables and diagnostics of the emulator."""

from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.hosts.tigerpaw.emulator_base import TigerpawBase, body_of
from plugin.hosts.tigerpaw.emulator_search import Record


class RecordsPart(TigerpawBase):
    """Everything that REST shows beside service orders."""

    # -- diagnostics -------------------------------------------------------------------------

    @route("GET", "/api/diagnostics/validate/user")
    def validate_user(self, request: Request) -> Response:
        """Say that the keys are good."""
        return self.json({"Success": True, "Message": "Valid user."})

    @route("GET", "/api/diagnostics/database/version")
    def database_version(self, request: Request) -> Response:
        """Tell the version of the database."""
        return self.json({"Success": True, "Message": "18.2.1"})

    @route("GET", "/api/diagnostics/productinformation")
    def product_information(self, request: Request) -> Response:
        """Tell what is licensed."""
        return self.json(
            {
                "HasValidLicense": self.switch("licence"),
                "IsTigerpawOne": True,
                "IsArchivedDatabase": self.switch("archived"),
                "DatabaseVersion": "18.2.1",
            }
        )

    # -- accounts ----------------------------------------------------------------------------

    @route("POST", "/api/accounts/search")
    def search_accounts(self, request: Request) -> Response:
        """Search accounts."""
        how = (self._account_values, self._account)
        return self.searched(request, "accounts", "Accounts", how)

    @route("GET", "/api/accounts/<int:number>")
    def account(self, request: Request, number: int) -> Response:
        """Show one account."""
        key = str(number)
        known = key in self.table("accounts")
        return self.json(self._account(key)) if known else self.missing(key)

    @route("GET", "/api/accounts/<int:number>/customfields")
    def custom_fields(self, request: Request, number: int) -> Response:
        """Show an account's own fields."""
        return self.json([{"CustomFieldId": 1, "Label": "Security workspace", "Value": ""}])

    @route("GET", "/api/accounts/<int:number>/service/externalproducts")
    def externals(self, request: Request, number: int) -> Response:
        """Show an account's ids in external products."""
        return self.json([self._external(key) for key in self._externals_of(str(number))])

    @route("POST", "/api/accounts/<int:number>/service/externalproducts")
    def add_external(self, request: Request, number: int) -> Response:
        """Keep an id; one per external product and account."""
        body = body_of(request)
        product = str(body.get("ExternalProductId"))
        taken = {self.table("externals")[key]["product"] for key in self._externals_of(str(number))}
        if product not in self.table("externalproducts") or product in taken:
            return self.no("The external product is not known, or is on the account already.")
        key = str(self.table("externals").next_id())
        self.table("externals")[key] = {
            "account": str(number),
            "product": product,
            "id": str(body["ExternalId"]),
        }
        return self.json({"ExternalProduct": self._external(key), "Success": True, "Message": ""})

    @route("PUT", "/api/accounts/<int:number>/service/externalproducts/<int:key>")
    def change_external(self, request: Request, number: int, key: int) -> Response:
        """Change a kept id."""
        record = self.table("externals").get(str(key))
        if record is None or record["account"] != str(number):
            return self.missing(str(key))
        self.table("externals")[str(key)] = {**record, "id": str(body_of(request)["ExternalId"])}
        told = self._external(str(key))
        return self.json({"ExternalProduct": told, "Success": True, "Message": ""})

    @route("DELETE", "/api/accounts/<int:number>/service/externalproducts")
    def remove_external(self, request: Request, number: int) -> Response:
        """Remove a kept id."""
        key = request.args.get("id", "")
        if key not in self._externals_of(str(number)):
            return self.missing(key)
        del self.table("externals")[key]
        return self.json({"Success": True, "Message": ""})

    def _externals_of(self, account: str) -> list[str]:
        every = self.table("externals").items()
        return [key for key, record in every if record["account"] == account]

    def _external(self, key: str) -> Record:
        record = self.table("externals")[key]
        return {
            "AccountExternalProductId": int(key),
            "ExternalProductId": int(record["product"]),
            "ExternalProduct": self.table("externalproducts")[record["product"]]["name"],
            "ExternalId": record["id"],
        }

    def _account(self, number: str) -> Record:
        record = self.table("accounts")[number]
        return {
            "AccountNumber": int(number),
            "Account": {
                "Name": record["name"],
                "AccountId": record["short"],
                "Address1": "1 Main Street",
                "City": record["city"],
                "Country": None,
                "AccountType": "Customer",
                "Status": record["status"],
                "URL1": record["domain"],
            },
            "PhoneNumber": "",
        }

    def _account_values(self, number: str, record: Record) -> dict[str, str]:
        kept = [self.table("externals")[key]["id"] for key in self._externals_of(number)]
        return {
            "AccountNumber": number,
            "AccountName": record["name"],
            "AccountId": record["short"],
            "AccountStatus": record["status"],
            **({"ExternalId": kept[0]} if kept else {}),
        }

    # -- agreements --------------------------------------------------------------------------

    @route("GET", "/api/agreements/account/<int:number>")
    def agreements(self, request: Request, number: int) -> Response:
        """Show an account's agreements."""
        rows = [
            self._agreement(key)
            for key, record in self.table("agreements").items()
            if record["account"] == str(number)
        ]
        told = {"PageSize": len(rows), "NextRow": 0, "TotalCount": len(rows), "Success": True}
        return self.json({"Agreements": rows, **told})

    @route("GET", "/api/agreements/<int:number>/additionalcharges")
    def charges(self, request: Request, number: int) -> Response:
        """Show an agreement's additional charges."""
        rows = self.table("charges").items()
        return self.json([charge(k, r) for k, r in rows if r["agreement"] == str(number)])

    @route("GET", "/api/agreements/<int:number>/additionalcharges/<int:key>")
    def one_charge(self, request: Request, number: int, key: int) -> Response:
        """Show one additional charge."""
        record = self.table("charges").get(str(key))
        if record is None or record["agreement"] != str(number):
            return self.missing(str(key))
        return self.json(charge(str(key), record))

    def _agreement(self, number: str) -> Record:
        record = self.table("agreements")[number]
        return {
            "AgreementNumber": int(number),
            "AccountName": self.table("accounts")[record["account"]]["name"],
            "Agreement": {
                "AccountNumber": int(record["account"]),
                "ExternalProduct": record["product"],
                "Type": record["type"],
                "StartDate": self.time_text(record["start"]),
                "EndDate": self.time_text(record["end"]),
                "LastPolledDate": self.time_text(record["polled"]),
                "NextBillingPeriod": self.time_text(record["next"]),
                "DayToBill": 1,
            },
        }

    # -- price book and master tables --------------------------------------------------------

    @route("POST", "/api/pricebook/items/search")
    def search_items(self, request: Request) -> Response:
        """Search the price book."""
        return self.searched(request, "pricebook", "PriceBookItems", (_item_values, self._item))

    def _item(self, number: str) -> Record:
        record = self.table("pricebook")[number]
        return {
            "ItemId": record["id"],
            "PriceBookItemNumber": int(number),
            "Item": {
                "ItemDescription": record["name"],
                "Type": record["type"],
                "Inactive": False,
            },
        }

    @route("GET", "/api/mastertables/priorities")
    @route("GET", "/api/mastertables/severities")
    @route("GET", "/api/mastertables/dispatchboards")
    @route("GET", "/api/mastertables/reps")
    @route("GET", "/api/mastertables/serviceorders/statuses")
    @route("GET", "/api/mastertables/serviceorders/types")
    @route("GET", "/api/mastertables/resolutions")
    def master_table(self, request: Request) -> Response:
        """Show a master table as it stands."""
        name = self.normal_path(request.path).removeprefix("/api/mastertables/")
        return self.json([record["shown"] for record in self.table(name).values()])

    @route("GET", "/api/mastertables/externalproducts")
    def external_products(self, request: Request) -> Response:
        """Show the external products."""
        rows: list[dict[str, Any]] = [
            {"ExternalProductId": int(key), "Product": record["name"], "Active": record["active"]}
            for key, record in self.table("externalproducts").items()
        ]
        return self.json(rows)


def charge(number: str, record: Record) -> Record:
    """Return an additional charge as REST shows it."""
    return {
        "DetailId": int(number),
        "SpecialItemId": record["item"],
        "ItemDescription": record["name"],
        "Quantity": record["quantity"],
        "Price": record["price"],
        "UseFlatPrice": record["flat"],
        "PrintWhenQuantityZero": record["print_zero"],
        "DeleteAfterInvoicing": record["once"],
    }


def _item_values(number: str, record: Record) -> dict[str, str]:
    return {
        "ItemId": record["id"],
        "ItemDescription": record["name"],
        "ItemType": record["type"],
    }
