"""Every right that an emulator can take away, and the one that the page must then name."""

from collections.abc import Mapping
from dataclasses import dataclass

ESET, PSA, AUTOMATE = "eset_protect", "connectwise_psa", "connectwise_automate"
TIGERPAW, CENTER, CLOUD, HUB = "tigerpaw", "kaspersky_ksc", "kaspersky_cloud", "kaspersky_hub"


@dataclass(frozen=True)
class Taken:
    """One right taken away by these switches; ``cure`` is part of what the page advises."""

    kind: str
    right: str
    cure: str
    switched: Mapping[str, object]

    def __str__(self) -> str:
        """Name the case in the test's report."""
        return f"{self.kind}: {self.right}"


def _psa(area: str, screen: str) -> Taken:
    return Taken(PSA, f"{screen}: Inquire", f"Security Roles|{screen}", {"deny": [area]})


def _automate(word: str, right: str) -> Taken:
    return Taken(AUTOMATE, right, f"Control Center|{right}", {"denied": [word]})


def _tigerpaw(word: str, right: str, how: int) -> Taken:
    switched = {"denied": [word], "denied-as": how}
    return Taken(TIGERPAW, f"{right}: get", f"security role|{right}: get", switched)


def _center(what: str, right: str, cure: str) -> Taken:
    return Taken(CENTER, right, cure, {f"no_right_to_{what}": True})


TAKEN = (
    Taken(ESET, "Integrations (Access Rights)", "User management", {"integrations": False}),
    Taken(
        ESET, "Permission set: Groups & Computers, Read", "More > Permission Sets",
        {"permission_set": False},
    ),
    Taken(ESET, "Permission set: static groups All", "static groups", {"group_scope": False}),
    Taken(ESET, "MSP Administrator: API access", "distributor", {"msp_api": False}),
    _psa("company/companies", "Companies > Company Maintenance"),
    _psa("service", "Service Desk > Service Tickets"),
    _psa("finance", "Finance > Agreements"),
    _psa("procurement", "Procurement > Product Catalog"),
    _psa("company/configurations", "Companies > Configurations"),
    _psa("system/info/members", "System > Member Maintenance"),
    _psa("system/callbacks", "System > System API"),
    _automate("clients", "Read on clients"),
    _automate("groups", "Read on groups"),
    _automate("alerts", "View alerts"),
    _automate("scripts", "View and schedule scripts"),
    _automate("computermenus", "Edit computer menus"),
    _automate("extrafields", "View extra data fields on computers"),
    _automate("commandexecute", "Send Commands"),
    _automate("computers", "Read on computers"),
    *(
        _tigerpaw(word, right, how)
        for how in (200, 401, 403)
        for word, right in (
            ("accounts", "accounts"),
            ("serviceorders", "service orders"),
            ("items", "price book items"),
            ("reps", "master tables"),
            ("agreements", "recurring agreements"),
            ("customfields", "custom folders and fields"),
        )
    ),
    _center("servers", "List virtual servers: Read", "right to read"),
    _center("devices", "Basic functionality: Read (devices)", "Basic functionality"),
    _center("events", "Basic functionality: Read (events)", "Basic functionality"),
    _center("licences", "Licence keys: Read", "licence keys"),
    _center("tasks", "Group tasks: Read", "group tasks"),
    *(
        Taken(kind, right, "the portal", {switch: True})
        for kind, unit in ((CLOUD, "workspace"), (HUB, "company"))
        for right, switch in (
            ("Role administrator", "not_administrator"),
            (f"Administrator of each {unit}", "nothing_visible"),
        )
    ),
)  # fmt: skip
