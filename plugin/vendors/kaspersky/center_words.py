"""Security Center's numbers and names, and what they are called here: literal tables."""

from collections.abc import Mapping
from types import MappingProxyType

from plugin.domain.model import DeviceClass, LicenceKind, Protection, Severity

TITLE = "Kaspersky Security Center"

# Vendor reference, "Possible host statuses".
PROTECTION: Mapping[str, Protection] = {
    "0": Protection.OK,
    "1": Protection.CRITICAL,
    "2": Protection.WARNING,
}

# Vendor reference, "List of event attributes"; its "Error" is the console's "Functional failure".
SEVERITY: Mapping[str, Severity] = {
    "1": Severity.INFORMATION,
    "2": Severity.WARNING,
    "3": Severity.FUNCTIONAL_FAILURE,
    "4": Severity.CRITICAL,
}

# Vendor reference, "Incident severity levels".
INCIDENT_SEVERITY: Mapping[str, Severity] = {
    "1": Severity.INFORMATION,
    "2": Severity.WARNING,
    "3": Severity.CRITICAL,
}

# Vendor reference, "Possible host status descriptions in the extended status mask", bit by bit.
_DESCRIPTIONS = (
    ("agent_inactive", "Network Agent is inactive although the device is online"),
    ("protection_off", "Real-time protection has been off for too long"),
    ("antivirus_not_running", "Security application is installed but not running"),
    ("too_many_viruses", "Many viruses detected"),
    ("protection_level_differs", "Protection level differs from the administrator's"),
    ("antivirus_not_installed", "Security application is not installed"),
    ("scan_overdue", "Virus scan has not been performed for a long time"),
    ("bases_outdated", "Databases are out of date"),
    ("not_connected", "Not connected for a long time"),
    ("licence_expiring", "Licence has expired or expires soon"),
    ("uncured_objects", "Unprocessed objects detected"),
    ("reboot_required", "Restart is required"),
    ("incompatible_application", "Incompatible applications are installed"),
    ("vulnerabilities", "Software vulnerabilities have been detected"),
    ("update_search_overdue", "Operating system updates were not searched for a long time"),
    ("encryption_fault", "Data encryption error"),
)
_UNREAD = range(len(_DESCRIPTIONS), 32)

CONDITION_BITS: Mapping[int, str] = MappingProxyType(
    {bit: word for bit, (word, _) in enumerate(_DESCRIPTIONS)}
    | {bit: f"status_bit_{bit}" for bit in _UNREAD}
)
"""The stable word of each bit; the reference we could read ends at bit 15."""

CONDITIONS: Mapping[str, str] = MappingProxyType(
    dict(_DESCRIPTIONS)
    | {f"status_bit_{bit}": f"Other status description {bit}" for bit in _UNREAD}
)
"""What a rule can choose: the stable words of status descriptions, with what a person reads."""

# Events about an object found: parameter 1 is the object, 3 the user. Documented for
# GNRL_EV_VIRUS_FOUND; its sisters carry the same in all examples seen.
OBJECT_EVENTS = frozenset(
    {
        "GNRL_EV_VIRUS_FOUND",
        "GNRL_EV_SUSPICIOUS_OBJECT_FOUND",
        "GNRL_EV_OBJECT_CURED",
        "GNRL_EV_OBJECT_DELETED",
        "GNRL_EV_OBJECT_QUARANTINED",
        "GNRL_EV_OBJECT_REPORTED",
    }
)

OUTCOMES: Mapping[str, str] = {
    "GNRL_EV_OBJECT_CURED": "disinfected",
    "GNRL_EV_OBJECT_DELETED": "deleted",
    "GNRL_EV_OBJECT_QUARANTINED": "quarantined",
    "GNRL_EV_OBJECT_REPORTED": "reported only",
    "GNRL_EV_APPLICATION_LAUNCH_DENIED": "blocked",
}

# Vendor reference, "List of license key attributes": 2 beta, 3 trial, 4 test. 5 (OEM) is not known
# to be billed, so it is none of them.
LICENCE_KINDS: Mapping[str, LicenceKind] = {
    "1": LicenceKind.COMMERCIAL,
    "2": LicenceKind.TRIAL,
    "3": LicenceKind.TRIAL,
    "4": LicenceKind.TRIAL,
    "6": LicenceKind.SUBSCRIPTION,
}

CANCELLED_STATES = frozenset({1, 3})
"""States of a subscription that give no right today: paused and hard cancelled."""

SERVER_BIT = 2
"""In the computer type: bit 0 is a workstation, bit 1 a server."""


def conditions_of(mask: int) -> tuple[str, ...]:
    """Return the status descriptions that hold in an extended status mask.

    >>> conditions_of(0b10000010)
    ('protection_off', 'bases_outdated')
    """
    return tuple(word for bit, word in CONDITION_BITS.items() if mask >> bit & 1)


def device_class_of(system: str, computer_type: int) -> DeviceClass:
    """Return how a device is billed: Windows servers, Windows workstations, mobiles, the others.

    >>> device_class_of("Microsoft Windows Server 2022", 2)
    <DeviceClass.SERVER: 'server'>
    """
    name = system.casefold()
    if "android" in name or "ios" in name.split() or "iphone" in name or "ipad" in name:
        return DeviceClass.MOBILE
    if "windows" not in name:
        return DeviceClass.OTHER
    server = "server" in name or bool(computer_type & SERVER_BIT)
    return DeviceClass.SERVER if server else DeviceClass.WORKSTATION
