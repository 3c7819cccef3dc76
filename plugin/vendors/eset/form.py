"""What an administrator types in to connect ESET PROTECT."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from plugin.domain.contracts import Field, FieldKind
from plugin.domain.errors import RuleError
from plugin.domain.model import Choice
from plugin.domain.rights import Recipe
from plugin.vendors.eset.connect import REGIONS
from plugin.vendors.eset.pairs import read_pairs

CLOUD, ON_PREM = "cloud", "on_prem"
SLOT = "msp"
NAME = re.compile(r"[A-Za-z0-9]+( [A-Za-z0-9]+)*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

FIELDS = (
    Field(
        "type",
        "PROTECT Connection Type",
        FieldKind.CHOICE,
        choices=(Choice(CLOUD, "Cloud", default=True), Choice(ON_PREM, "On-Prem")),
        default=CLOUD,
    ),
    Field(
        "region",
        "ESET PROTECT Server Region",
        FieldKind.CHOICE,
        required=False,
        choices=tuple(Choice(value, label) for value, label in REGIONS.items()),
        help="Cloud: the region of the PROTECT console; its web address names it.",
    ),
    Field(
        "server",
        "ESET PROTECT server address",
        FieldKind.ADDRESS,
        required=False,
        help="On-Prem: such as https://protect.example.com:9443.",
    ),
    Field(
        "certificate",
        "Server certificate",
        FieldKind.CERTIFICATE,
        required=False,
        help="On-Prem: the console's certificate as PEM, or fetched below, unless a public "
        "authority signed it.",
    ),
    Field("email", "Email", help="Of the dedicated API user; On-Prem: the user name."),
    Field("password", "Password", FieldKind.SECRET),
    Field(
        "recipe",
        "This user is made to",
        FieldKind.CHOICE,
        required=False,
        choices=(
            Choice(Recipe.READ_ONLY, "Read only (recommended)", default=True),
            Choice(Recipe.WITH_ACTIONS, "Read, and start actions"),
        ),
        default=Recipe.READ_ONLY,
        help="Read only: the check is green and actions are hidden.",
    ),
    Field(
        "domain_user",
        "On-Prem: this is a domain user",
        FieldKind.SWITCH,
        required=False,
        advanced=True,
    ),
    Field(
        "msp_email",
        "ESET MSP Administrator user",
        required=False,
        slot=SLOT,
        help="For customers, licences and usage; it may be another person than the API user.",
    ),
    Field("msp_password", "ESET MSP Administrator password", FieldKind.SECRET, False, slot=SLOT),
    Field(
        "customer_pairs",
        "Customers joined to groups",
        FieldKind.LINES,
        required=False,
        slot=SLOT,
        advanced=True,
        help="One group=customer per line, by their ids. “Join customers” on the connection's page "
        "proposes pairs by name and keeps what you confirm here.",
    ),
)

NOTICE = (
    "Use a dedicated, read-only API user with Integrations switched on; ESET advises against the "
    "accounts of people. After connecting, groups take several minutes to appear."
)


def faults(settings: Mapping[str, str]) -> Iterator[RuleError]:
    """Yield what is wrong with a form beyond each field's own rule."""
    yield from _name_faults(settings)
    on_premises = settings.get("type", CLOUD) == ON_PREM
    yield from _on_prem_faults(settings) if on_premises else _cloud_faults(settings)
    yield from _slot_faults(settings)


def _name_faults(settings: Mapping[str, str]) -> Iterator[RuleError]:
    """Check the connection's own name, where the form brings it."""
    name = settings.get("name")
    if name is None:
        return
    host = _host(settings.get("server", ""))
    if not NAME.fullmatch(name):
        yield RuleError("name", "Use letters, digits and single spaces only, and no DNS name.")
    elif name.casefold() in {"localhost", host, host.partition(".")[0]} - {""}:
        yield RuleError("name", "Choose a friendly name, not the server's host name.")


def _cloud_faults(settings: Mapping[str, str]) -> Iterator[RuleError]:
    if settings.get("region", "") not in REGIONS:
        yield RuleError("region", f"choose one of {', '.join(REGIONS.values())}")
    if settings.get("email") and not _EMAIL.fullmatch(settings["email"]):
        yield RuleError("email", "enter the API user's email address")
    for name, label in (("server", "server address"), ("certificate", "certificate")):
        if settings.get(name):
            yield RuleError(name, f"leave the {label} empty: it is for On-Prem only")


def _on_prem_faults(settings: Mapping[str, str]) -> Iterator[RuleError]:
    if not _host(settings.get("server", "")):
        yield RuleError("server", "enter the server's address, such as https://host:9443")
    if settings.get("email", "").casefold() == "administrator":
        text = "the built-in Administrator may not use the interface; make another user"
        yield RuleError("email", text)


def _slot_faults(settings: Mapping[str, str]) -> Iterator[RuleError]:
    user, password = settings.get("msp_email", ""), settings.get("msp_password", "")
    if bool(user) != bool(password):
        missing = "msp_password" if user else "msp_email"
        yield RuleError(missing, "enter user and password of ESET MSP Administrator, or neither")
    try:
        read_pairs(settings.get("customer_pairs", ""))
    except ValueError as error:
        yield RuleError("customer_pairs", str(error))


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "") if "://" in address else ""
    except ValueError:
        return ""
