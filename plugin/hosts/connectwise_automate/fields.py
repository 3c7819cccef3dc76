"""What an administrator types in to connect, and how the dedicated user is made."""

import re
from collections.abc import Iterator, Mapping

from plugin.domain.contracts import Field, FieldKind
from plugin.domain.errors import RuleError
from plugin.domain.model import Choice
from plugin.hosts.connectwise_automate.api import quoted
from plugin.hosts.connectwise_automate.passcode import is_passcode

CLOUD_BRIDGE = "Kaspersky Endpoint Security Cloud Bridge"
ADMINISTRATION_SERVER = "Kaspersky Security Center Administration Server"

GROUP_FIELDS = {"bridge_group": CLOUD_BRIDGE, "admin_server_group": ADMINISTRATION_SERVER}
HAND_FIELDS = {"bridge_computers": CLOUD_BRIDGE, "admin_server_computers": ADMINISTRATION_SERVER}
ID_LISTS = (*HAND_FIELDS, "bridge_clients", "webhook_blocked_computers")

_SECRET = re.compile(r"[A-Za-z0-9_-]{24,200}", re.ASCII)

FIELDS = (
    Field(
        "server",
        "Server",
        FieldKind.ADDRESS,
        help="The server's address, such as name.hostedrmm.com or automate.example.com.",
    ),
    Field("user", "User name", help="A user, or better an integrator, made for Bridgehead only."),
    Field("password", "Password", FieldKind.SECRET),
    Field(
        "client_id",
        "Client ID",
        pattern=r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
        pattern_says="The clientId is a GUID: eight, four, four, four and twelve characters.",
        help="The clientId of your integration, from developer.connectwise.com.",
    ),
    Field(
        "passcode",
        "Two-factor passcode or setup key",
        FieldKind.SECRET,
        required=False,
        help="Only for a user with two-factor sign-in. A passcode serves one sign-in only; the "
        "setup key of the authenticator lets Bridgehead sign in again by itself.",
    ),
    Field(
        "webhook_secret",
        "Webhook secret",
        FieldKind.SECRET,
        required=False,
        generated=True,
        help="Signs the calls of scripts that run on the Automate server. Left empty, one is made.",
    ),
    Field(
        "bridge_group",
        "Bridge group",
        required=False,
        advanced=True,
        help=f"Name of the group that computers with the role {CLOUD_BRIDGE} join by themselves.",
    ),
    Field(
        "admin_server_group",
        "Administration Server group",
        required=False,
        advanced=True,
        help=f"Name of the group for the role {ADMINISTRATION_SERVER}.",
    ),
    Field(
        "bridge_field",
        "Bridge extra data field",
        required=False,
        advanced=True,
        help="Title of a computer extra data field whose value is the name of one of the roles.",
    ),
    Field(
        "bridge_clients",
        "Clients with bridge fields",
        required=False,
        advanced=True,
        help="Ids of the clients whose computers are asked for that field, separated by commas: "
        "Automate shows extra data fields one computer at a time.",
    ),
    Field(
        "bridge_computers",
        "Bridges by hand",
        required=False,
        advanced=True,
        help="Ids of computers that are bridges, separated by commas.",
    ),
    Field(
        "admin_server_computers",
        "Administration Servers by hand",
        required=False,
        advanced=True,
        help="Ids of computers that are Administration Servers, separated by commas.",
    ),
    Field(
        "server_time",
        "Times without a zone",
        FieldKind.CHOICE,
        required=False,
        choices=(
            Choice("server", "The server's own time (found from its clock)", default=True),
            Choice("utc", "UTC"),
        ),
        default="server",
        advanced=True,
        help="How to read times that Automate gives without a zone.",
    ),
    Field(
        "menu_action",
        "Action word of menu entries",
        required=False,
        default="URL",
        advanced=True,
        help="The word by which your version opens an address from a computer's right-click menu.",
    ),
    Field(
        "webhook_blocked_computers",
        "Computers whose own webhook secret is blocked",
        required=False,
        advanced=True,
        help="Ids separated by commas; calls signed with these computers' secrets are refused.",
    ),
)

GUIDE = (
    "At developer.connectwise.com make an integration and copy its clientId.",
    "In the Control Center open System > Integrator (or Users) and add a user for Bridgehead "
    "alone, without two-factor sign-in, with a long password.",
    "Read-only (recommended): give its user class Read on clients, computers, groups and alerts, "
    "for all clients, and the view of extra data fields on computers.",
    "With actions: add the right to edit extra data fields on computers, to send commands, to "
    "schedule scripts, and to edit computer menus.",
    f"For bridges, make a search for computers with the role {CLOUD_BRIDGE}, and a group that "
    "computers join by this search; type the group's name under Advanced. Do the same for the "
    f"role {ADMINISTRATION_SERVER}.",
    "Without roles, make a computer extra data field, a drop-down titled Security integration "
    "bridge with these two names as options, and type its title and your own client's id under "
    "Advanced; or name the computers by their ids.",
)


def list_of(settings: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return the ids of a field that holds several, separated by commas.

    >>> list_of({"bridge_computers": "17, 23,"}, "bridge_computers")
    ('17', '23')
    """
    return tuple(each.strip() for each in settings.get(name, "").split(",") if each.strip())


def problems(settings: Mapping[str, str]) -> Iterator[RuleError]:
    """Yield what is wrong with the settings beyond each field's own rule."""
    for name in ID_LISTS:
        if not all(re.fullmatch(r"[1-9][0-9]{0,17}", each) for each in list_of(settings, name)):
            yield RuleError(name, "Type computer or client ids: whole numbers, commas between.")
    for name in GROUP_FIELDS:
        yield from _unwritable(settings, name)
    if settings.get("bridge_field") and not list_of(settings, "bridge_clients"):
        text = "Name the clients whose computers may hold the field, by their ids."
        yield RuleError("bridge_clients", text)
    if settings.get("passcode") and not is_passcode(settings["passcode"]):
        text = "Type the six digits, or the setup key: letters A to Z and digits 2 to 7."
        yield RuleError("passcode", text)
    secret = settings.get("webhook_secret", "")
    if secret and not _SECRET.fullmatch(secret):
        text = "At least 24 characters: letters, digits, hyphens and underscores."
        yield RuleError("webhook_secret", text)


def _unwritable(settings: Mapping[str, str], name: str) -> Iterator[RuleError]:
    try:
        quoted(settings.get(name, ""))
    except RuleError as error:
        yield RuleError(name, error.message)
