"""What an administrator types in to connect to a Security Center, and how the user is made."""

from collections.abc import Mapping

from plugin.domain.contracts import Field, FieldKind
from plugin.domain.errors import RuleError

CONSOLE_PORT, API_PORT = "13291", "13299"

FIELDS = (
    Field(
        "server",
        "Server address",
        FieldKind.ADDRESS,
        help="Name or address of the Administration Server, without https:// and without a port.",
    ),
    Field(
        "port",
        "Port",
        FieldKind.NUMBER,
        default=API_PORT,
        pattern=r"[0-9]{1,5}",
        pattern_says="A port is a number of at most five digits.",
        help=f"The port of the Open API. The console's own, {CONSOLE_PORT}, does not work here.",
    ),
    Field("user", "User"),
    Field("password", "Password", FieldKind.SECRET),
    Field(
        "internal_user",
        "Internal user",
        FieldKind.SWITCH,
        default="true",
        help="On for a user made in Security Center, off for one of Windows or a domain.",
    ),
    Field(
        "virtual_server",
        "Virtual server",
        required=False,
        default="",
        help="Leave it empty to see every virtual server; name one to see only that.",
    ),
    Field(
        "certificate",
        "Server certificate",
        FieldKind.CERTIFICATE,
        required=False,
        default="",
        help="The server's own certificate (klserver.cer) as PEM, or fetched below. Needed unless "
        "a public authority has signed it, which is rare.",
    ),
    Field(
        "scan_task",
        "Scan task",
        required=False,
        default="",
        advanced=True,
        help="Name of the task that scans, as the console shows it. Empty: one of the usual names.",
    ),
    Field(
        "update_task",
        "Update task",
        required=False,
        default="",
        advanced=True,
        help="Name of the task that updates databases. Empty: one of the usual names.",
    ),
)

GUIDE = (
    "In the Security Center console make an internal user for this product alone, on the main "
    "server (or on one virtual server, if only that is to be seen).",
    "Read-only: give it the right to read in “Basic functionality” for the main server and for "
    "every virtual server. With actions: also the rights to read and to run group tasks.",
    "If two-step verification is on for all users, add this user to its exceptions: nobody can "
    "type in a code for a program.",
    "Press Fetch certificate and compare the fingerprint with that of klserver.cer on the "
    "Administration Server; or turn that file into PEM and paste it as the server certificate.",
    f"Let this machine (or the bridge next to the server) reach port {API_PORT} of the server.",
    "For actions have a group task for scans and one for updates of databases on every virtual "
    "server; when their names are not the usual ones, enter them under Advanced.",
)


def validate(settings: Mapping[str, str]) -> tuple[RuleError, ...]:
    """Return what is wrong with the settings beyond each field's own rule."""
    port = settings.get("port", "").strip()
    if port == CONSOLE_PORT:
        text = f"{CONSOLE_PORT} is the port of the console; the Open API answers on {API_PORT}."
        return (RuleError("port", text),)
    if port.isdecimal() and not 0 < int(port) < 65536:
        return (RuleError("port", "A port lies between 1 and 65535."),)
    server = settings.get("server", "")
    if "/" in server or (":" in server and not server.startswith("[")):
        text = "Enter the address alone; the port has a field of its own."
        return (RuleError("server", text),)
    return ()


def address_of(settings: Mapping[str, str]) -> str:
    """Return the address of the Open API that the settings name.

    >>> address_of({"server": "ksc.example.com"})
    'https://ksc.example.com:13299'
    """
    return f"https://{settings.get('server', '')}:{settings.get('port') or API_PORT}"
