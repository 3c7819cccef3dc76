"""The connection check: its steps, and what each refusal means in the reader's words."""

from collections.abc import Callable, Mapping

from plugin.domain.contracts import WARNING, Advice, Rung
from plugin.domain.errors import EdgeError, RefusedError
from plugin.hosts.connectwise_psa.api import BAD_SITE, UNKNOWN_COMPANY, PsaApi
from plugin.hosts.connectwise_psa.refusals import CLIENT_ID, NO_ENDPOINT, NO_SSL, TOO_MANY
from plugin.hosts.connectwise_psa.wire import Count, SystemInfo

FIND, SIGN_IN = "Find the site", "Sign in"

READS: Mapping[str, tuple[str, str, str, bool]] = {
    "Companies": ("/company/companies/count", "companies", "Companies > Company Maintenance", True),
    "Service boards": ("/service/boards/count", "boards", "Service Desk > Service Tickets", True),
    "Agreements": ("/finance/agreements/count", "agreements", "Finance > Agreements", False),
    "Products": (
        "/procurement/catalog/count",
        "catalog items",
        "Procurement > Product Catalog",
        False,
    ),
    "Configurations": (
        "/company/configurations/count",
        "configurations",
        "Companies > Configurations",
        False,
    ),
    "Members": ("/system/info/members/count", "members", "System > Member Maintenance", True),
    "Callbacks": ("/system/callbacks/count", "callbacks", "System > System API", False),
}
"""Step: the call, what it counts, the right of the security role it needs, whether 0 is odd."""


class Check:
    """The steps, each one small real call."""

    def __init__(self, api: PsaApi) -> None:
        """Check the connection of ``api``."""
        self._api = api

    def rungs(self) -> tuple[Rung, ...]:
        """Return the steps in order."""
        return (
            Rung(FIND, self._find),
            Rung(SIGN_IN, self._sign_in),
            *(Rung(name, self._reading(name)) for name in READS),
        )

    def _find(self) -> str:
        told = self._api.look_up()
        return f"Found {told['name'] or self._api.login_company}, {told['version']}."

    def _sign_in(self) -> str:
        told = SystemInfo.parse(self._api.read("/system/info"), self._api.who, "its version")
        return f"Signed in; the version is {told['version']}."

    def _reading(self, name: str) -> Callable[[], str]:
        path, what, _, some = READS[name]

        def run() -> str:
            told = Count.parse(self._api.read(path), self._api.who, "a count")
            if some and not told["count"]:
                return (
                    f"{WARNING}no {what} are visible. The API member's role may be limited to "
                    "another location, or may see its own records only. Give the API member the "
                    "level Corporate (Level 1) and every location, and the role Level All."
                )
            return f"{told['count']} {what} are visible."

        return run


def advice(rung: str, error: EdgeError) -> Advice | None:
    """Return cause and cure of a failed step."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if isinstance(error, RefusedError) and error.status == 403 and rung in READS:
        return Advice(
            "The security role of the API member lacks the right for this step.",
            "In PSA open System > Security Roles, choose the API member's role, and set "
            f"{READS[rung][2]}: Inquire Level All (for writing also Add and Edit Level All).",
        )
    return _BY_STATUS.get(error.status or 0)


_BY_CODE: Mapping[str, Advice] = {
    BAD_SITE: Advice(
        "The site is not an address.",
        "Type the address at which you sign in to PSA, such as na.myconnectwise.net.",
    ),
    UNKNOWN_COMPANY: Advice(
        "This site does not know the login company, or the company lives in another region.",
        "Type the Company of your PSA's sign-in page (not its name), and the site you sign in "
        "at: na., eu., au., aus. or za.myconnectwise.net, or your own server.",
    ),
    CLIENT_ID: Advice(
        "The clientId is missing or not known to ConnectWise.",
        "Copy the clientId of this product from developer.connectwise.com. It is a GUID and is "
        "the same for all your connections.",
    ),
    NO_ENDPOINT: Advice(
        "The address of the interface does not exist: on the cloud this can also mean wrong keys.",
        "Check site, login company and keys; the code base was looked up again and is current.",
    ),
    NO_SSL: Advice(
        "This is a cloud site, and its interface answers at api- in front of the name.",
        "Type the site without a port, as you see it when you sign in.",
    ),
    TOO_MANY: Advice(
        "PSA limits the calls of all integrations together, and the limit is reached.",
        "Wait a minute and check again; look for another integration that calls very often.",
    ),
    "certificate": Advice(
        "The server's certificate is not trusted by this computer.",
        "Install a certificate of a public authority on the PSA server, with its whole chain; "
        "a clock that is wrong on either side has the same effect.",
    ),
    "address": Advice(
        "This address may not be used.",
        "Use https and a public name. For a PSA in your own network allow private addresses "
        "for this connection.",
    ),
    "name": Advice(
        "The name of the site cannot be found.",
        "Look for a slip of the pen in the site, and whether this computer can resolve names.",
    ),
    "redirect": Advice(
        "The site sends us elsewhere, as a proxy or a sign-in page does.",
        "Type the address at which PSA itself answers, without a redirect.",
    ),
    "web_page": Advice(
        "Something in front of PSA answered with a page.",
        "Look for a proxy or a maintenance page, and check that the site is a PSA.",
    ),
}
_BY_STATUS: Mapping[int, Advice] = {
    401: Advice(
        "PSA does not accept the login company with these keys: one of the three is wrong, the "
        "keys were deleted, or the API member is inactive. A clientId that is not valid is "
        "refused the same way by some versions.",
        "In PSA open System > Members > API Members, choose the member, make new keys on the "
        "tab API Keys, and copy both; the private key is shown only once.",
    ),
    403: Advice(
        "The security role of the API member lacks a right.",
        "In PSA open System > Security Roles and give the API member's role what the guide names.",
    ),
}
