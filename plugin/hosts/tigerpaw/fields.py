"""What an administrator types in to connect, and how the rep and the ASMX user are made."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from plugin.domain.contracts import Field, FieldKind
from plugin.domain.errors import RuleError
from plugin.domain.model import Choice
from plugin.hosts.tigerpaw.template import DEFAULT, DETAIL_PATH, SUCCESS_PATH, fill, is_path

NEW_STATUS, CLOSED_STATUS = "New", "Closed"

_PATHS = ("charges_success_path", "charges_detail_path")
_ADDRESSES = ("wsdl", "soap_endpoint")


def _advanced(name: str, label: str, text: str, default: str | None = None) -> Field:
    return Field(name, label, required=False, default=default, help=text, advanced=True)


FIELDS = (
    Field(
        "server",
        "Server address",
        FieldKind.ADDRESS,
        help="Your Tigerpaw API site, such as https://api.msp.example.",
    ),
    Field("soap_user", "SOAP user name", help="The user made with tsiWS Users.exe."),
    Field("soap_password", "SOAP password", FieldKind.SECRET),
    Field("public_key", "REST public key", pattern=r"[^\s:]+", pattern_says="A key has no spaces."),
    Field(
        "private_key",
        "REST private key",
        FieldKind.SECRET,
        help="Both keys stand on the rep's Admin tab under REST API Security.",
    ),
    Field(
        "taken_by",
        "Rep who takes service orders",
        required=False,
        advanced=True,
        pattern=r"[1-9][0-9]{0,9}",
        pattern_says="Type the rep's number.",
        help="Number of the rep that new service orders name as taken by; a rule may name another.",
    ),
    _advanced("new_status", "Status of a new service order", "As in Master Tables.", NEW_STATUS),
    _advanced(
        "closed_status",
        "Statuses of a closed service order",
        "Separated by commas; the first is the one that Bridgehead sets.",
        CLOSED_STATUS,
    ),
    _advanced(
        "resolution",
        "Resolution of a closed service order",
        "A word of the master table Resolutions; left empty, the resolution is a note only.",
    ),
    Field(
        "complete_tasks",
        "Complete open tasks when a service order is closed",
        FieldKind.SWITCH,
        required=False,
        advanced=True,
    ),
    _advanced(
        "external_product",
        "External product",
        "Name of the external product that the SOAP user belongs to; needed to keep a vendor's "
        "client ids on accounts.",
    ),
    _advanced(
        "inactive_statuses",
        "Statuses of inactive accounts",
        "Separated by commas.",
        "Inactive",
    ),
    Field(
        "zone_minutes",
        "Times without a zone",
        required=False,
        advanced=True,
        default="0",
        pattern=r"-?[0-9]{1,3}",
        pattern_says="Type minutes, such as -300.",
        help="Minutes by which the server's own time is ahead of UTC (west of Greenwich: minus).",
    ),
    _advanced(
        "wsdl",
        "WSDL address",
        "Left empty: /api/rmm/tsiWS.asmx?WSDL at the server address.",
    ),
    _advanced(
        "soap_endpoint",
        "SOAP address",
        "Left empty: /api/rmm/tsiWS.asmx at the server address. The address that the WSDL names is "
        "not used: behind a proxy it is often an internal one.",
    ),
    Field(
        "soap_binding",
        "SOAP version",
        FieldKind.CHOICE,
        required=False,
        choices=(Choice("1.1", "1.1", default=True), Choice("1.2", "1.2")),
        default="1.1",
        advanced=True,
    ),
    _advanced(
        "charges_template",
        "Charges template",
        "The XML inside Params. The default is our reconstruction, not Tigerpaw's document: "
        "compare it with your server's before you switch charges on.",
        DEFAULT,
    ),
    _advanced(
        "charges_success_path",
        "Where the answer says whether it worked",
        "Element names below the answer's own, with slashes between; also a reconstruction.",
        SUCCESS_PATH,
    ),
    _advanced(
        "charges_detail_path",
        "Where the answer names the charge line",
        "As above.",
        DETAIL_PATH,
    ),
    Field(
        "charges_confirmed",
        "The charges template is right",
        FieldKind.SWITCH,
        required=False,
        advanced=True,
        help="Off: charges are only exported. On: they are written, and count as written when "
        "Tigerpaw shows them so.",
    ),
)

GUIDE = (
    "In Tigerpaw open Edit > Master Tables > Rep > Account Reps and add a rep that only "
    "Bridgehead uses.",
    "Give its security role for service orders: get, create and update; for accounts: get and "
    "update; for custom folders and fields: get, create and update.",
    "Also: for recurring agreements and for master tables: get, create and update; for price book "
    "items: get.",
    "On the rep's Admin tab, section REST API Security, make the keys and copy both.",
    "Under Edit > Master Tables > Account > External Products add one named Bridgehead.",
    "Start tsiWS Users.exe (Tigerpaw API Tools) on the API server. Add a user with a long "
    "password, Active, with this external product.",
    "Charges are only exported until somebody who knows your server's tsiWS has compared the "
    "charges template with it and switched it on under Advanced.",
)


def words_of(settings: Mapping[str, str], name: str, usual: str) -> tuple[str, ...]:
    """Return the words of a field that holds several, separated by commas.

    >>> words_of({"closed_status": "Closed, Done "}, "closed_status", "")
    ('Closed', 'Done')
    """
    given = settings.get(name, "").strip() or usual
    return tuple(each.strip() for each in given.split(",") if each.strip())


def problems(settings: Mapping[str, str]) -> Iterator[RuleError]:
    """Yield what is wrong with the settings beyond each field's own rule."""
    for name in _ADDRESSES:
        typed = settings.get(name, "").strip()
        if typed and not _is_address(typed):
            yield RuleError(name, "Type a whole address that begins with https://.")
    for name in _PATHS:
        if settings.get(name) and not is_path(settings[name]):
            yield RuleError(name, "Type element names with slashes between, such as A/B.")
    try:
        fill(settings.get("charges_template") or DEFAULT, {})
    except RuleError as error:
        yield error


def _is_address(typed: str) -> bool:
    parts = urlsplit(typed)
    local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}
    return bool(parts.hostname) and (parts.scheme == "https" or local)
