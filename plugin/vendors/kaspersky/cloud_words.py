"""The cloud's words, and what they are called here: literal tables."""

from collections.abc import Mapping

from plugin.domain.model import (
    ActionKind,
    ActionState,
    DeviceClass,
    LicenceKind,
    LicenceState,
    Protection,
    Severity,
)

CLOUD_TITLE = "Kaspersky Endpoint Security Cloud"
HUB_TITLE = "Kaspersky Business Hub"

PROTECTION: Mapping[str, Protection] = {
    "ok": Protection.OK,
    "warning": Protection.WARNING,
    "critical": Protection.CRITICAL,
}

SEVERITY: Mapping[str, Severity] = {
    "critical": Severity.CRITICAL,
    "functional-failure": Severity.FUNCTIONAL_FAILURE,
    "warning": Severity.WARNING,
    "information": Severity.INFORMATION,
}

DEVICE_CLASS: Mapping[str, DeviceClass] = {
    "windows-workstation": DeviceClass.WORKSTATION,
    "windows-server": DeviceClass.SERVER,
    "mobile": DeviceClass.MOBILE,
    "other": DeviceClass.OTHER,
}

# The same stable words as for Security Center, so that one rule speaks for both.
CONDITIONS: Mapping[str, str] = {
    "protection-off": "protection_off",
    "protection-not-running": "antivirus_not_running",
    "protection-not-installed": "antivirus_not_installed",
    "many-threats": "too_many_viruses",
    "untreated-objects": "uncured_objects",
    "databases-outdated": "bases_outdated",
    "scan-overdue": "scan_overdue",
    "not-connected": "not_connected",
    "restart-required": "reboot_required",
    "vulnerabilities": "vulnerabilities",
    "licence-expired": "licence_expiring",
    "encryption-error": "encryption_fault",
}

LICENCE_KIND: Mapping[str, LicenceKind] = {
    "commercial": LicenceKind.COMMERCIAL,
    "subscription": LicenceKind.SUBSCRIPTION,
    "trial": LicenceKind.TRIAL,
}

LICENCE_STATE: Mapping[str, LicenceState] = {
    "active": LicenceState.ACTIVE,
    "expired": LicenceState.EXPIRED,
    "reserved": LicenceState.RESERVED,
}

PER_USER = frozenset({"users", "mailboxes"})
"""What licences count where they count no devices; such a licence cannot be split by class."""

TASKS: Mapping[ActionKind, str] = {ActionKind.SCAN: "scan", ActionKind.UPDATE: "update"}

TASK_STATE: Mapping[str, ActionState] = {
    "waiting": ActionState.WAITING,
    "running": ActionState.RUNNING,
    "done": ActionState.DONE,
    "failed": ActionState.FAILED,
}

ASSIGNED, ACTIVE, ORDERED = "assigned", "active", "ordered"
"""How usage is counted, as at Security Center: what uses the licence, what of that was seen in the
last 30 days, and what the licence allows."""

SHOWN_AT_ZERO = (DeviceClass.WORKSTATION, DeviceClass.SERVER, DeviceClass.OTHER)
"""The classes that are billed apart: their count is told even when it is none."""
