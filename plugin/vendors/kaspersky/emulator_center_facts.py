"""What the Security Center emulator knows from the vendor's reference, as tables."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

USER = "bridgehead-api"
PASSWORD = "Sandbox-Center-1"  # noqa: S105 - the made-up account of a made-up server
SERVER = "ksc.example"
PORT = 13299

# The reference names neither figure; both are ours, small enough to be met in tests.
IDLE = timedelta(minutes=15)
MOST_SESSIONS = 300

MAIN = 0
"""The id under which the statistics know the physical server."""

INFORMATION, WARNING, ERROR, CRITICAL = 1, 2, 3, 4
OK, HOST_CRITICAL, HOST_WARNING = 0, 1, 2


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of event: its name, what the console shows, how severe, its parameters 1 to 4."""

    name: str
    shown: str
    severity: int
    parameters: tuple[str, ...] = ()
    task_state: int | None = None


EVENT_TYPES = {
    kind.name: kind
    for kind in (
        EventType(
            "GNRL_EV_VIRUS_FOUND",
            "Malicious object detected",
            CRITICAL,
            ("C:\\Users\\{user}\\Downloads\\invoice.exe", "Trojan.Win32.Agent.gen", "{user}", "1"),
        ),
        EventType(
            "GNRL_EV_ATTACK_DETECTED",
            "Network attack detected",
            CRITICAL,
            ("Bruteforce.Generic.RDP.a", "TCP", "3232235818", "3389"),
        ),
        EventType("KLPRCI_TaskState", "Task failed", ERROR, ("Update databases",), task_state=3),
        EventType(
            "GNRL_EV_SUSPICIOUS_OBJECT_FOUND",
            "Probably infected object detected",
            WARNING,
            ("C:\\Temp\\setup.msi", "HEUR:Trojan.Script.Generic", "{user}", "1"),
        ),
        EventType(
            "GNRL_EV_APPLICATION_LAUNCH_DENIED",
            "Application startup prohibited",
            CRITICAL,
            ("C:\\Tools\\portable.exe", "{user}"),
        ),
        EventType(
            "GNRL_EV_OBJECT_QUARANTINED",
            "Object quarantined",
            WARNING,
            ("C:\\Temp\\macro.docm", "Trojan.MSWord.Agent.b", "{user}"),
        ),
        EventType(
            "GNRL_EV_PASSWD_ARCHIVE_FOUND",
            "Password-protected archive detected",
            WARNING,
            ("D:\\Shared\\papers.zip", "{user}"),
        ),
        EventType(
            "GNRL_EV_OBJECT_REPORTED",
            "Object processed: reported only",
            WARNING,
            ("C:\\Temp\\tool.exe", "not-a-virus:RiskTool.Win32.Agent", "{user}"),
        ),
        EventType(
            "GNRL_EV_OBJECT_CURED",
            "Object disinfected",
            INFORMATION,
            ("C:\\Users\\{user}\\report.xlsm", "Virus.MSExcel.Agent.c", "{user}"),
        ),
        EventType(
            "GNRL_EV_OBJECT_DELETED",
            "Object deleted",
            INFORMATION,
            ("C:\\Users\\{user}\\Downloads\\invoice.exe", "Trojan.Win32.Agent.gen", "{user}"),
        ),
    )
}

MASK_BITS = (
    "agent_inactive",
    "protection_off",
    "antivirus_not_running",
    "too_many_viruses",
    "protection_level_differs",
    "antivirus_not_installed",
    "scan_overdue",
    "bases_outdated",
    "not_connected",
    "licence_expiring",
    "uncured_objects",
    "reboot_required",
    "incompatible_application",
    "vulnerabilities",
    "update_search_overdue",
    "encryption_fault",
)
"""Status descriptions by bit of the extended status mask, under the words of the control call."""

CRITICAL_BITS = frozenset({1, 2, 3, 5, 7, 10})
"""Which of them make a device critical here; a real administrator chooses that per group."""


class PxgFault(Exception):  # noqa: N818 - named after the answer it becomes
    """An error that the server reports inside an answer with status 200."""

    def __init__(self, module: str, code: int, message: str, subcode: int = 0) -> None:
        """Keep the module that owns the error code, and a text."""
        super().__init__(message)
        self.body = {
            "PxgError": {
                "code": code,
                "subcode": subcode,
                "module": module,
                "file": "center.cpp",
                "line": 1,
                "message": message,
            }
        }


def no_access() -> PxgFault:
    """Return the answer to somebody without the right."""
    return PxgFault("KLSTD", 1184, "Access denied")


def not_found(what: str) -> PxgFault:
    """Return the answer when there is no such object."""
    return PxgFault("KLSTD", 1186, f"Object not found: {what}")


def bad_format(what: str) -> PxgFault:
    """Return the answer to something the server cannot read."""
    return PxgFault("KLSTD", 1192, f"Unknown format: {what}")


def unavailable() -> PxgFault:
    """Return the answer of a server that starts, stops or is maintained."""
    return PxgFault("KLSTD", 1195, "Resource is temporarily unavailable", subcode=2)


def limit_reached() -> PxgFault:
    """Return the answer when one of the server's limits is reached."""
    return PxgFault("KLSTD", 1229, "Functionality is limited", subcode=-1)


def no_such_call(name: str) -> PxgFault:
    """Return the answer of a version that does not know the call."""
    return PxgFault("KLCONN", 1194, f"No such call: {name}")


def logon_failed() -> PxgFault:
    """Return the answer to a wrong user name or password."""
    return PxgFault("KLWAT", 1453, "Internal user logon failed")


def account_blocked() -> PxgFault:
    """Return the answer after too many wrong passwords."""
    return PxgFault("SPL", 2013, "The account is blocked")


def code_required() -> PxgFault:
    """Return the answer to a password alone where two-step verification is on."""
    return PxgFault("KLSTD", 1193, "Operation is not permitted")


# Typed values, as the wire has them: what is not text, number, flag or array names its type.


def long(value: int) -> dict[str, Any]:
    """Return a 64-bit number."""
    return {"type": "long", "value": value}


def moment(value: str) -> dict[str, Any]:
    """Return a moment, given as ISO 8601; seconds and a Z on the wire."""
    return {"type": "datetime", "value": value[:19] + "Z" if value else ""}


def params(value: dict[str, Any]) -> dict[str, Any]:
    """Return a container inside another value."""
    return {"type": "params", "value": value}
