"""What the cloud emulator shows and refuses, as tables: events, conditions, products, refusals."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

ENVIRONMENTS = ("production", "beta", "test")

USER = "integration@msp.example"
PASSWORD = "Sandbox-Cloud-1"  # noqa: S105 - the made-up account of a made-up cloud
USERS: Mapping[str, str] = {
    USER: "Integration account",
    "anna@msp.example": "Anna Keller",
    "ben@msp.example": "Ben Lopez",
    "carla@msp.example": "Carla Evans",
    "dora@msp.example": "Dora Hughes",
}
"""Who is registered, with a name; all have the one password."""

ACCESS_LIFE = timedelta(minutes=15)
REFRESH_LIFE = timedelta(hours=12)
CHANGE_TOKEN_LIFE = timedelta(days=7)
ACTIVE_DAYS = timedelta(days=30)

DEVICES, PER_USER, MAILBOXES = "devices", "users", "mailboxes"
CLOUD = "Kaspersky Endpoint Security Cloud"
CLOUD_PLUS = "Kaspersky Endpoint Security Cloud Plus"
EDR = "Kaspersky EDR Optimum"
MAIL = "Kaspersky Security for Microsoft Office 365"
VERSION = "12.6.0.438"

SWITCHES: Mapping[str, Any] = {
    "two_step": False,
    "account_locked": False,
    "not_administrator": False,
    "nothing_visible": False,
    "task_fails": False,
    "out_of_order": False,
    "clock_ahead": 0,
}
"""What the control word ``switch`` can set, with the values of a healthy cloud."""


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of event: what a person reads, how severe, what was found and what was done."""

    title: str
    severity: str
    found: str = ""
    outcome: str = ""
    about: str = "device"


EVENT_TYPES: Mapping[str, EventType] = {
    "malware-detected": EventType(
        "Malicious object detected",
        "critical",
        "C:\\Users\\{user}\\Downloads\\invoice.exe (Trojan.Win32.Agent.gen)",
    ),
    "network-attack": EventType(
        "Network attack detected", "critical", "Bruteforce.Generic.RDP.a", "blocked"
    ),
    "update-failed": EventType("Database update failed", "functional-failure"),
    "suspicious-object": EventType(
        "Probably infected object detected",
        "warning",
        "C:\\Temp\\setup.msi (HEUR:Trojan.Script.Generic)",
    ),
    "malware-not-treated": EventType(
        "Object could not be disinfected",
        "critical",
        "C:\\Tools\\patch.dll (Virus.Win32.Sality.gen)",
        "not processed",
    ),
    "component-failed": EventType("Protection component does not start", "functional-failure"),
    "dangerous-link": EventType(
        "Dangerous link blocked", "warning", "https://login.example.invalid/", "blocked"
    ),
    "object-quarantined": EventType(
        "Object quarantined", "warning", "C:\\Temp\\macro.docm (Trojan.MSWord.b)", "quarantined"
    ),
    "object-disinfected": EventType(
        "Object disinfected",
        "information",
        "C:\\Users\\{user}\\report.xlsm (Virus.MSExcel.c)",
        "disinfected",
    ),
    "object-deleted": EventType(
        "Object deleted", "information", "C:\\Users\\{user}\\Downloads\\invoice.exe", "deleted"
    ),
    "licence-expired": EventType("Licence has expired", "critical", about="tenant"),
    "mailboxes-not-protected": EventType(
        "Mailboxes protection is not provided", "critical", about="mail"
    ),
    "licence-issue": EventType("License-related issue occurred", "warning", about="mail"),
}

CRITICAL_CONDITIONS = frozenset(
    {
        "protection-off",
        "protection-not-running",
        "protection-not-installed",
        "many-threats",
        "untreated-objects",
        "databases-outdated",
        "licence-expired",
    }
)
CONDITIONS = (
    "protection-off",
    "databases-outdated",
    "scan-overdue",
    "many-threats",
    "restart-required",
    "vulnerabilities",
    "untreated-objects",
    "not-connected",
    "protection-not-running",
    "encryption-error",
    "protection-not-installed",
    "licence-expired",
)


def status_of(conditions: Iterable[str]) -> str:
    """Return the status that a device's conditions make."""
    found = set(conditions)
    if found & CRITICAL_CONDITIONS:
        return "critical"
    return "warning" if found else "ok"


class Refusal(Exception):  # noqa: N818 - named after the answer it becomes
    """An answer that refuses: a status, the contract's code, and what belongs to it."""

    def __init__(self, status: int, code: str, message: str, **more: object) -> None:
        """Keep what the body says."""
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, **more}}


def not_found(what: str) -> Refusal:
    """Return the answer where there is no such thing."""
    return Refusal(404, "not-found", f"There is no such {what}.")


def bad_request(problem: str) -> Refusal:
    """Return the answer to a request that is not as described."""
    return Refusal(400, "bad-request", problem[:300])


def token_of(kind: str, *parts: object) -> str:
    """Return an opaque page token, cursor or change token."""
    plain = "\n".join((kind, *map(str, parts)))
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def read_token(kind: str, text: str) -> list[str]:
    """Return the parts of a token of this kind; a Refusal when it is none.

    >>> read_token("page", token_of("page", "7"))
    ['7']
    """
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise bad_request("the token is not one of ours") from None
    found, *parts = plain.split("\n")
    if found != kind or not parts:
        raise bad_request("the token is not one of ours")
    return parts
