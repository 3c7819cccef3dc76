"""Every way a remote refuses a connection, how it is played, and what a reader is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

TOGGLE, PERMISSION, SCOPE = "toggle off", "permission set missing", "group scope empty"
READ_ONLY, REGION, TWO_FACTOR = "read-only", "wrong region", "two-factor"
CLIENT_ID, CODEBASE, CLOCK = "clientId missing", "codebase stale", "clock off"
CERTIFICATE, PASSWORD, OTHER = "certificate unknown", "wrong password", "something else"


@dataclass(frozen=True)
class Refusal:
    """One refusal: ``step`` fails (or only warns), and the page shows these words about it.

    It comes about by what is ``typed`` in, how the emulator is ``switched``, a ``fault`` it plays,
    or ``seconds`` by which our own clock runs ahead.
    """

    kind: str
    what: str
    step: str
    cause: str
    cure: str
    typed: Mapping[str, str] = field(default_factory=dict)
    switched: Mapping[str, object] = field(default_factory=dict)
    fault: str = ""
    seconds: float = 0
    warns: bool = False

    def __str__(self) -> str:
        """Name the case in the test's report."""
        return f"{self.kind}: {self.what} at {self.step}"


PSA, AUTOMATE, ESET = "connectwise_psa", "connectwise_automate", "eset_protect"
CENTER, CLOUD, HUB = "kaspersky_ksc", "kaspersky_cloud", "kaspersky_hub"
WRONG_GUID = "00000000-0000-0000-0000-000000000000"


def _psa_right(area: str, step: str, right: str) -> Refusal:
    return Refusal(PSA, PERMISSION, step, "lacks the right", right, switched={"deny": [area]})


_PSA = (
    Refusal(PSA, CLIENT_ID, "Sign in", "clientId is missing", "developer.", {"client_id": "x-y"}),
    Refusal(PSA, REGION, "Find the site", "another region", "eu.", {"login_company": "stranger"}),
    Refusal(PSA, PASSWORD, "Sign in", "one of the three", "API Keys", {"private_key": "not-it"}),
    Refusal(PSA, TOGGLE, "Sign in", "inactive", "API Members", switched={"member-off": True}),
    Refusal(PSA, CODEBASE, "Sign in", "does not exist", "looked up again", fault="stale-codebase"),
    Refusal(PSA, OTHER, "Find the site", "elsewhere", "without a redirect", fault="redirect"),
    Refusal(
        PSA, SCOPE, "Companies", "no companies", "every location", switched={"hidden": True},
        warns=True,
    ),
    _psa_right("company/companies", "Companies", "Companies > Company Maintenance"),
    _psa_right("service", "Service boards", "Service Desk > Service Tickets"),
    _psa_right("finance", "Agreements", "Finance > Agreements"),
    _psa_right("procurement", "Products", "Procurement > Product Catalog"),
    _psa_right("company/configurations", "Configurations", "Companies > Configurations"),
    _psa_right("system/info/members", "Members", "System > Member Maintenance"),
    _psa_right("system/callbacks", "Callbacks", "System > System API"),
)  # fmt: skip


def _automate_right(word: str, step: str, right: str) -> Refusal:
    return Refusal(AUTOMATE, PERMISSION, step, right, "user's class", switched={"denied": [word]})


_AUTOMATE = (
    Refusal(
        AUTOMATE, CLIENT_ID, "Server and Client ID", "not known", "developer.connectwise.com",
        {"client_id": WRONG_GUID},
    ),
    Refusal(AUTOMATE, PASSWORD, "Sign-in", "password is wrong", "Control", {"password": "not-it"}),
    Refusal(
        AUTOMATE, TWO_FACTOR, "Sign-in", "two-factor sign-in", "integrator",
        switched={"two-factor": True},
    ),
    Refusal(
        AUTOMATE, CLOCK, "Clock", "clock of the Automate server", "time server",
        switched={"clock-skew": 3600},
    ),
    Refusal(
        AUTOMATE, OTHER, "Server and Client ID", "no Automate interface", "address", fault="html"
    ),
    _automate_right("clients", "Clients", "Read on clients"),
    _automate_right("computers", "Computers", "Read on computers"),
    _automate_right("groups", "Bridges", "Read on groups"),
    Refusal(
        AUTOMATE, READ_ONLY, "Commands", "no right to commands", "Send Commands",
        switched={"denied": ["commandexecute"]}, warns=True,
    ),
)  # fmt: skip


def _eset(what: str, step: str, cause: str, cure: str, **switched: object) -> Refusal:
    return Refusal(ESET, what, step, cause, cure, switched=switched)


_SIGN_IN, _MSP = "Sign in to ESET PROTECT", "Sign in to ESET MSP Administrator"
_ESET = (
    _eset(TOGGLE, "Read groups", "Integrations is off", "Access Rights", integrations=False),
    _eset(PERMISSION, "Read groups", "no permission set", "More > P", permission_set=False),
    _eset(TWO_FACTOR, _SIGN_IN, "two-step sign-in", "dedicated API user", two_factor=True),
    _eset(OTHER, _SIGN_IN, "finished the invitation", "set the p", invitation_finished=False),
    _eset(OTHER, _SIGN_IN, "outer gate", "3rd-integration", edge_open=False),
    _eset(TWO_FACTOR, _MSP, "two-step sign-in", "dedicated user", msp_two_factor=True),
    _eset(TOGGLE, _MSP, "may not use the interface", "distributor", msp_api=False),
    Refusal(ESET, REGION, "Read groups", "region is wrong", "web address", {"region": "us"}),
    Refusal(ESET, PASSWORD, _SIGN_IN, "password is wrong", "invitation", {"password": "not-it"}),
    Refusal(ESET, PASSWORD, _MSP, "password is wrong", "user", {"msp_password": "not-it"}),
    Refusal(
        ESET, SCOPE, "Read groups", "no group is visible", "Assign static groups All",
        switched={"group_scope": False}, warns=True,
    ),
    Refusal(
        ESET, SCOPE, "Read devices", "no device is visible", "static groups All",
        switched={"group_scope": False}, warns=True,
    ),
    Refusal(ESET, CLOCK, _SIGN_IN, "15 minutes ahead", "set it", seconds=900, warns=True),
)  # fmt: skip


def _center(what: str, step: str, cause: str, cure: str, **switched: object) -> Refusal:
    return Refusal(CENTER, what, step, cause, cure, switched=switched)


_CENTER = (
    Refusal(CENTER, PASSWORD, "Sign in", "does not know", "Internal user", {"password": "not-it"}),
    Refusal(CENTER, REGION, "Sign in", "no virtual server", "exactly", {"virtual_server": "None"}),
    _center(TWO_FACTOR, "Sign in", "two-step verification", "exceptions", two_step=True),
    _center(OTHER, "Sign in", "blocked", "Unblock", blocked=True),
    _center(OTHER, "Sign in", "cannot be reached", "13299", console_port=True),
    _center(
        PERMISSION, "Virtual servers", "may not list", "right to read", no_right_to_servers=True
    ),
    _center(PERMISSION, "Devices", "may not see devices", "Basic", no_right_to_devices=True),
    _center(PERMISSION, "Events", "may not see events", "Basic", no_right_to_events=True),
    _center(PERMISSION, "Licences", "may not see licence", "billed", no_right_to_licences=True),
    _center(READ_ONLY, "Tasks", "may not see group tasks", "run group", no_right_to_tasks=True),
    Refusal(
        CENTER, CLOCK, "Clock", "60 minutes apart", "time server", switched={"clock_ahead": 3600},
        warns=True,
    ),
)  # fmt: skip


def _portal(kind: str, step: str, unit: str) -> tuple[Refusal, ...]:
    """Return the refusals of Kaspersky's two portals, which differ in what they call a client."""

    def one(what: str, step: str, cause: str, cure: str, **switched: object) -> Refusal:
        warns = what in {SCOPE, CLOCK}
        return Refusal(kind, what, step, cause, cure, switched=switched, warns=warns)

    return (
        Refusal(kind, PASSWORD, "Sign in", "does not know", "Type both", {"password": "not-it"}),
        one(TWO_FACTOR, "Sign in", "Two-step", "two-step verification off", two_step=True),
        one(OTHER, "Sign in", "locked", "Unlock it", account_locked=True),
        one(READ_ONLY, step, "plain user", "Make it an administrator", not_administrator=True),
        one(SCOPE, step, f"administers no {unit}", "in the portal", nothing_visible=True),
        one(CLOCK, "Clock", "15 minutes apart", "time server", clock_ahead=900),
    )


TIGERPAW = "tigerpaw"


def _tigerpaw(what: str, step: str, cause: str, cure: str, **switched: object) -> Refusal:
    switches = {name.replace("_", "-"): value for name, value in switched.items()}
    return Refusal(TIGERPAW, what, step, cause, cure, switched=switches)


_TIGERPAW = (
    Refusal(
        TIGERPAW, PASSWORD, "Address and keys", "one of them is wrong", "Account Reps",
        {"private_key": "not-it"},
    ),
    _tigerpaw(TOGGLE, "Address and keys", "not accept the keys", "REST API", keys_active=False),
    _tigerpaw(OTHER, "Address and keys", "no Tigerpaw API site", "/gettingstarted", site=False),
    _tigerpaw(OTHER, "Product", "no valid licence", "Renew", licence=False),
    _tigerpaw(OTHER, "Product", "archived", "live database", archived=True),
    _tigerpaw(PERMISSION, "Rights", "service orders: get", "role", denied=["serviceorders"]),
    Refusal(
        TIGERPAW, OTHER, "Rep and statuses", "no service order status", "letter by letter",
        {"new_status": "Nonsense"},
    ),
    Refusal(
        TIGERPAW, CLOCK, "Clock", "seconds ahead of ours", "time server",
        switched={"clock-skew": 600}, warns=True,
    ),
)  # fmt: skip

REFUSALS = (
    *_PSA,
    *_TIGERPAW,
    *_AUTOMATE,
    *_ESET,
    *_CENTER,
    *_portal(CLOUD, "Workspaces", "workspace"),
    *_portal(HUB, "Companies", "company"),
)
NAMED = {
    TOGGLE, PERMISSION, SCOPE, READ_ONLY, REGION, TWO_FACTOR, CLIENT_ID, CODEBASE, CERTIFICATE,
    CLOCK,
}  # fmt: skip
"""The refusals that the check must tell apart."""
