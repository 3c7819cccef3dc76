"""The connection check: the smallest real calls in order, and what their failures mean."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from plugin.domain.contracts import WARNING, Advice, Rung
from plugin.domain.errors import AnswerError, EdgeError, MissingError, RefusedError
from plugin.hosts.tigerpaw.api import CLOCK as KEYS_OR_CLOCK
from plugin.hosts.tigerpaw.api import KEYS, SAID_NO, Api, Criterion
from plugin.hosts.tigerpaw.fields import CLOSED_STATUS, NEW_STATUS, words_of
from plugin.hosts.tigerpaw.soap import OPERATION, ChargeService
from plugin.hosts.tigerpaw.wire import (
    AccountsWire,
    ExternalProductWire,
    ItemsWire,
    ListWire,
    OrdersWire,
    ProductInformationWire,
    RepWire,
    StatusWire,
)

SIGN_IN, CLOCK, PRODUCT, RIGHTS = "Address and keys", "Clock", "Product", "Rights"
RECORDS, WORDS, EXTERNAL, CHARGES = "Accounts", "Rep and statuses", "External product", "Charges"

TOLERABLE = timedelta(minutes=1)
LACKING = "rights"

ACCOUNTS = "accounts: get, update"
SEARCHES: Mapping[str, tuple[str, type[ListWire], Criterion]] = {
    ACCOUNTS: ("api/accounts/search", AccountsWire, ("AccountNumber", "GreaterThan", "0")),
    "service orders: get, create, update": (
        "api/serviceorders/search",
        OrdersWire,
        ("ServiceOrderNumber", "GreaterThan", "0"),
    ),
    "price book items: get": ("api/pricebook/items/search", ItemsWire, ("ItemType", "Equal", "S")),
}
"""Right of the rep's security role (vendor help) and a small search that needs it."""

_OF_ACCOUNT = {
    "recurring agreements: get, create, update": "api/agreements/account/{number}",
    "custom folders and fields: get, create, update": "api/accounts/{number}/customfields",
}
"""Right, and a reading that needs an account's number."""

_TABLES = "master tables: get, create, update"


class Check:
    """The calls of the steps; each returns what it saw."""

    def __init__(self, api: Api, charges: ChargeService) -> None:
        """Check the connection of ``api`` and ``charges``."""
        self._api, self._charges = api, charges

    def rungs(self) -> tuple[Rung, ...]:
        """Return the steps in order."""
        return (
            Rung(SIGN_IN, self._sign_in),
            Rung(CLOCK, self._clock),
            Rung(PRODUCT, self._product),
            Rung(RIGHTS, self._rights),
            Rung(RECORDS, self._accounts),
            Rung(WORDS, self._words),
            Rung(EXTERNAL, self._external),
            Rung(CHARGES, self._charge_service),
        )

    def _sign_in(self) -> str:
        self._api.get("api/diagnostics/validate/user")
        return "The API site answers and accepts the keys."

    def _clock(self) -> str:
        skew = self._api.server_skew()
        if skew is None:
            self._api.get("api/diagnostics/validate/user")
            skew = self._api.server_skew()
        if skew is None:
            return "The server does not say what time it is."
        seconds = round(abs(skew).total_seconds())
        if abs(skew) > TOLERABLE:
            way = "ahead of" if skew > timedelta() else "behind"
            return (
                f"{WARNING}The server's clock is {seconds} seconds {way} ours. Calls are signed "
                "with its time; set both clocks by a time server."
            )
        return f"The clocks agree ({seconds} seconds)."

    def _product(self) -> str:
        found = self._api.get("api/diagnostics/productInformation")
        told = ProductInformationWire.parse(found, self._api.who, "its version")
        if told["licensed"] is False:
            raise RefusedError(self._api.who, "has no valid licence", code="licence")
        if told["archived"]:
            text = "works on an archived database"
            raise RefusedError(self._api.who, text, code="archived")
        return f"The database version is {told['version'] or 'not told'}."

    def _rights(self) -> str:
        """Try each right the guide names by one small reading, and tell them all."""
        may = {name: self._may(lambda each=name: self._seek(each)) for name in SEARCHES}  # type: ignore[misc]
        may[_TABLES] = self._may(self._statuses)
        account = self._seek(ACCOUNTS) if may[ACCOUNTS] else None
        for name, path in _OF_ACCOUNT.items() if account else ():
            whole = path.format(number=account["number"]) if account else ""
            may[name] = self._may(lambda each=whole: self._api.get(each))  # type: ignore[misc]
        had = ", ".join(name.partition(":")[0] for name, allowed in may.items() if allowed)
        lacking = "; ".join(name for name, allowed in may.items() if not allowed)
        untried = "; ".join(name for name in _OF_ACCOUNT if name not in may)
        more = f" Not tried without an account: {untried}." if untried else ""
        if lacking:
            text = f"does not give the rep the right: {lacking}. It may read: {had or 'nothing'}."
            raise RefusedError(self._api.who, text + more, code=LACKING)
        text = f"The rep may read: {had}. Create and update cannot be tried without writing."
        return text + more

    def _seek(self, name: str) -> dict[str, Any] | None:
        path, shape, criterion = SEARCHES[name]
        return self._api.first(path, shape, [criterion])

    def _may(self, call: Callable[[], object]) -> bool:
        """Tell whether a call is allowed; how Tigerpaw refuses a right is not published."""
        try:
            call()
        except RefusedError:
            return False
        except AnswerError as error:
            if error.code != SAID_NO:
                raise
            return False
        return True

    def _accounts(self) -> str:
        if self._seek(ACCOUNTS) is None:
            return f"{WARNING}The rep sees no account: look at what its security role may see."
        return "Accounts can be read."

    def _words(self) -> str:
        """Compare the words the connection writes with the master tables."""
        settings = self._api.settings
        known = {row["value"].casefold() for row in self._statuses()}
        wanted = (settings.get("new_status") or NEW_STATUS, *words_of(
            settings, "closed_status", CLOSED_STATUS))  # fmt: skip
        unknown = [word for word in wanted if word.casefold() not in known]
        if unknown:
            text = f"has no service order status {', '.join(map(repr, unknown))}"
            raise RefusedError(self._api.who, text, code="status")
        rep = settings.get("taken_by", "")
        if not rep:
            return f"{WARNING}No rep is named: each ticket rule must choose one under Taken by."
        reps = {row["value"] for row in self._api.table("reps", RepWire) if not row["inactive"]}
        if rep not in reps:
            raise RefusedError(self._api.who, f"has no active rep number {rep}", code="rep")
        return "The rep and the statuses are there."

    def _external(self) -> str:
        name = self._api.settings.get("external_product", "").strip()
        if not name:
            return "Not used: no external product is named under Advanced."
        rows = self._api.table("externalproducts", ExternalProductWire)
        active = {row["label"].casefold() for row in rows if row["active"] is not False}
        if name.casefold() not in active:
            text = f"has no active external product {name!r}"
            raise RefusedError(self._api.who, text, code="external-product")
        return f"The external product {name} is there."

    def _charge_service(self) -> str:
        """Look whether charges can be written; the ASMX user is tried by the first write only."""
        try:
            names = ", ".join(sorted(self._charges.operations()))
        except MissingError:
            names = ""
        obstacle = self._charges.obstacle()
        if obstacle:
            return f"{WARNING}{obstacle} The service has: {names or 'nothing'}."
        return (
            f"{OPERATION} is there. No call of tsiWS only signs in, so the SOAP user and password "
            "are tried by the first charge."
        )

    # -- readings ----------------------------------------------------------------------------

    def _statuses(self) -> list[dict[str, str]]:
        return self._api.table("serviceorders/statuses", StatusWire)


def advice_for(rung: str, error: EdgeError) -> Advice | None:
    """Return cause and cure of a failed step, or None for the general ones."""
    if rung == SIGN_IN and (isinstance(error, MissingError) or error.code in _NO_SITE_CODES):
        return _NO_SITE
    if isinstance(error, MissingError):
        return _TOO_OLD
    if error.status == 401 and rung not in {SIGN_IN, CLOCK}:
        return _BY_CODE[LACKING]
    return _BY_CODE.get(error.code)


_NO_SITE_CODES = frozenset({"shape", "not_json", "web_page", "redirect"})
_NO_SITE = Advice(
    "There is no Tigerpaw API site at this address.",
    "Type the address of the API site (it shows /gettingstarted in a browser), not that of "
    "Tigerpaw's web page; over https, without a redirect.",
)
_TOO_OLD = Advice(
    "The API site lacks a call that version 18.2.1 has.",
    "Update the Tigerpaw API site to 18.2.1 or later.",
)
_BY_CODE: Mapping[str, Advice] = {
    KEYS: Advice(
        "The API site does not accept the keys: one of them is wrong, or they were replaced.",
        "Open Edit > Master Tables > Rep > Account Reps, choose the rep, and copy both keys from "
        "REST API Security on its Admin tab, exactly as they are shown.",
    ),
    KEYS_OR_CLOCK: Advice(
        "The clocks differ, and the keys are not accepted even by the server's own time: a key is "
        "wrong, or the server tells one time and checks by another.",
        "Set both clocks by a time server; then copy both keys anew from the rep's Admin tab, "
        "REST API Security.",
    ),
    SAID_NO: Advice(
        "The API site answered, but said that it did not do it.",
        "Check that the rep is active and has the rights that the guide names.",
    ),
    LACKING: Advice(
        "The rep's security role lacks a right that is named in the message.",
        "Open the security role of the rep in Tigerpaw and give it what the guide names; then "
        "check again.",
    ),
    "licence": Advice(
        "Tigerpaw itself has no valid licence.",
        "Renew the licence, or connect to the database that has one.",
    ),
    "archived": Advice(
        "The API site shows an archived copy of the database.",
        "Type the address of the API site of the live database.",
    ),
    "status": Advice(
        "A status under Advanced is not in the master table of service order statuses.",
        "Type the statuses as they stand under Edit > Master Tables > Service Orders, letter by "
        "letter.",
    ),
    "rep": Advice(
        "The rep who takes service orders does not exist or is inactive.",
        "Type the number of an active rep under Advanced.",
    ),
    "external-product": Advice(
        "The external product named under Advanced is not there or not active.",
        "Add it under Edit > Master Tables > Account > External Products.",
    ),
    "wsdl": Advice(
        "What stands at the WSDL address is not a description that can be used.",
        "Open the WSDL address in a browser: it must show XML that begins with definitions.",
    ),
    "certificate": Advice(
        "The server's certificate is not trusted by this computer.",
        "Install a certificate of a public authority on the API site, with its whole chain.",
    ),
    "address": Advice(
        "This address may not be used.",
        "Use https and a public name. For a server in your own network an administrator must "
        "allow private addresses for this connection.",
    ),
    "name": Advice(
        "The name of the server cannot be found.",
        "Look for a slip of the pen in the server address.",
    ),
}
