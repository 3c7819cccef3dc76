"""ConnectWise PSA as a host: companies, and all its abilities in one class."""

from collections.abc import Iterator, Mapping

from plugin.domain.contracts import Advice, Field, FieldKind, Host, Rung, Words
from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.model import Company
from plugin.domain.rights import Right
from plugin.hosts.connectwise_psa.billing import Billing
from plugin.hosts.connectwise_psa.callbacks import Callbacks
from plugin.hosts.connectwise_psa.check import Check, advice
from plugin.hosts.connectwise_psa.configurations import Configurations
from plugin.hosts.connectwise_psa.custom_fields import CustomFields
from plugin.hosts.connectwise_psa.members import Members
from plugin.hosts.connectwise_psa.pages import Pages
from plugin.hosts.connectwise_psa.rights import rights
from plugin.hosts.connectwise_psa.site import read_site
from plugin.hosts.connectwise_psa.tickets import Tickets
from plugin.hosts.connectwise_psa.wire import CompanyWire

COMPANIES = "/company/companies"
_FIELDS = "id,identifier,name,website,addressLine1,city,deletedFlag,status"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class ConnectWisePsa(
    Tickets, Billing, Callbacks, Configurations, CustomFields, Pages, Members, Host
):
    """ConnectWise PSA (formerly Manage), REST 3.0."""

    kind = "connectwise_psa"
    words = Words(product="ConnectWise", ticket="service ticket", computer="configuration")
    fields = (
        Field(
            "site",
            "Site",
            FieldKind.ADDRESS,
            help="The address at which you sign in, such as na.myconnectwise.net.",
        ),
        Field(
            "login_company",
            "Login company",
            help="The Company of PSA's sign-in page.",
            pattern=r"[^\s/\\?#+:]{1,60}",
            pattern_says="Type the short name from the sign-in page, without spaces.",
        ),
        Field("public_key", "Public key", pattern=r"[^\s:]+", pattern_says="A key has no spaces."),
        Field("private_key", "Private key", FieldKind.SECRET, help="It is shown only once."),
        Field("client_id", "clientId", FieldKind.SECRET, help="From developer.connectwise.com."),
    )
    guide = (
        "Sign in to PSA as an administrator. Open System > Security Roles and make a role "
        "named Bridgehead.",
        "Give it Inquire Level All on: Companies > Company Maintenance and Configurations, "
        "Service Desk > Service Tickets, Finance > Agreements, Procurement > Product Catalog, "
        "System > Member Maintenance, System > Table Setup.",
        "Give it Add and Edit Level All on Service Desk > Service Tickets, and all levels on "
        "System > System API (callbacks and pages).",
        "Only where Bridgehead is to write them: Add and Edit Level All on Finance > Agreements "
        "and on Companies > Configurations.",
        "Open System > Members > API Members and make a member named Bridgehead with this role, "
        "level Corporate (Level 1), and every location that it should see.",
        "On its tab API Keys make a pair of keys and copy both: the private key is shown once.",
        "Copy the clientId of this product from developer.connectwise.com.",
    )

    @classmethod
    def validate(cls, settings: Mapping[str, str]) -> tuple[RuleError, ...]:
        """Return what is wrong with the site as it was typed."""
        try:
            place = read_site(settings.get("site", "")).place
        except ValueError as error:
            return (RuleError("site", str(error)),)
        if place.scheme == "http" and place.host not in _LOOPBACK:
            return (RuleError("site", "the address must begin with https://"),)
        return ()

    def rungs(self) -> tuple[Rung, ...]:
        """Return the steps of the connection check."""
        return Check(self._api).rungs()

    def advice(self, rung: str, error: EdgeError) -> Advice | None:
        """Return cause and cure of a failed step."""
        return advice(rung, error)

    def rights(self) -> tuple[Right, ...]:
        """Return the rights that its user needs."""
        return tuple(rights(self._api))

    def companies(self) -> Iterator[Company]:
        """Yield every company, deleted and inactive ones too, each once."""
        for row in self._api.rows(COMPANIES, fields=_FIELDS):
            yield CompanyWire.value(row, self.title)
