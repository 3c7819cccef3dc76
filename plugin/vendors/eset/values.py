"""What ESET's parsed devices, detections and incidents are in our values."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from plugin.domain.model import Detection, Device, DeviceClass, Protection, Severity
from plugin.vendors.eset.wire import ID_LENGTH

_CONDITIONS = {
    Protection.WARNING: "attention_recommended",
    Protection.CRITICAL: "attention_required",
}
_SAME_CATEGORY = {"correlation_rule": "edr_rule"}
_NO_WORD = re.compile(r"[^a-z0-9]+")
_WORD_LENGTH = 55

Deeply = Mapping[str, tuple[str, ...]]

INCIDENT = "incident:"
"""What begins the id of a detection that is an incident."""


def device_from(row: Mapping[str, Any], workspace_id: str, today: date) -> Device:
    """Return a parsed device as ours."""
    product, version = _product(row["components"] or {})
    hardware = row["hardware"] or {}
    macs = map(_mac, hardware.get("macs", ()))
    return Device(
        id=row["id"],
        workspace_id=workspace_id,
        name=row["name"][:300],
        device_class=_device_class(row),
        operating_system=_system(row)[:200],
        serial=_first(hardware, "serials")[:120],
        macs=tuple(dict.fromkeys(filter(None, macs))),
        fqdn=row["name"][:300] if "." in row["name"] else "",
        address=(row["local_address"] or row["public_address"])[:100],
        protection=row["protection"],
        conditions=_conditions(row, today),
        groups=(row["group"],) if row["group"] else (),
        product=product[:200],
        product_version=version[:80],
        seen_at=row["seen_at"],
    )


def _mac(text: str) -> str:
    """Return six pairs of small hexadecimal digits with colons, or nothing."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    return ":".join(re.findall("..", digits)) if len(digits) == 12 else ""


def _system(row: Mapping[str, Any]) -> str:
    return _first(row["system"] or {}, "names")


def _first(found: Deeply, word: str) -> str:
    return next(iter(found.get(word, ())), "")


def _device_class(row: Mapping[str, Any]) -> DeviceClass:
    """Return the class by type, and by the system's name where ESET gives no useful type."""
    if row["mobile"]:
        return DeviceClass.MOBILE
    system, known = _system(row).lower(), row["device_class"]
    if "server" in system:
        return DeviceClass.SERVER
    if known is not None:
        return DeviceClass(known)
    known_systems = ("windows", "macos", "mac os", "os x")
    usual = any(word in system for word in known_systems)
    return DeviceClass.WORKSTATION if usual else DeviceClass.OTHER


def _product(components: Deeply) -> tuple[str, str]:
    """Return the protecting product and its version; the agent beside it protects nothing."""
    names, versions = components.get("names", ()), components.get("versions", ())
    for place, name in enumerate(names):
        if name.upper().startswith("ESET") and "agent" not in name.lower():
            return name, versions[place] if len(versions) == len(names) else ""
    return "", ""


def _conditions(row: Mapping[str, Any], today: date) -> tuple[str, ...]:
    found = [_CONDITIONS[row["protection"]]] if row["protection"] in _CONDITIONS else []
    if row["enrolment"] == "DEVICE_ENROLLMENT_STATUS_FAILED":
        found.append("enrolment_failed")
    days = _days(row["activations"] or {})
    if days and max(days) < today:
        found.append("licence_expired")
    return tuple(found)


def _days(until: Deeply) -> list[date]:
    """Return until when products are activated; nothing when a number of some date is missing."""
    parts = tuple(until.get(name, ()) for name in ("years", "months", "days"))
    try:
        return [date(int(y), int(m), int(d)) for y, m, d in zip(*parts, strict=True)]
    except (ValueError, OverflowError):
        return []


def device_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the id and, where it is told, the name of a detection's device."""
    device, context = row["device"] or {}, row["context"] or {}
    return device.get("id", "") or context.get("device", ""), device.get("name", "")


def detection_from(row: Mapping[str, Any], workspace_id: str, device_name: str) -> Detection:
    """Return a parsed detection of either version as ours."""
    device_id, own_name = device_of(row)
    context: Mapping[str, Any] = row["context"] or {}
    return Detection(
        id=row["id"],
        workspace_id=workspace_id,
        device_id=device_id[:ID_LENGTH],
        device_name=(own_name or device_name)[:300],
        kind=_kind(row["category"], row["type"]),
        severity=_severity(row),
        title=(row["title"] or row["type"] or "Detection")[:500],
        occurred_at=row["occurred_at"],
        description=_description(row, context),
        outcome=", ".join(each["name"] for each in row["responses"] or () if each["name"])[:300],
        object_name=(row["object_name"] or row["object_url"])[:1000],
        user=(row["user"] or context.get("user", ""))[:200],
        resolved=bool(row["resolved"]),
    )


def _severity(row: Mapping[str, Any]) -> Severity:
    """Return the level, or what the score of version 2 means (vendor contract) without one."""
    level, score = Severity(row["severity"]), row["score"] or 0
    if level is not Severity.UNKNOWN or not 1 <= score <= 100:
        return level
    if score >= 60:
        return Severity.CRITICAL
    return Severity.WARNING if score >= 50 else Severity.INFORMATION


def _kind(category: str, kind: str) -> str:
    """Return the stable word of a detection: category and type, the same in both versions.

    >>> _kind("DETECTION_CATEGORY_CORRELATION_RULE", "Rule")
    'edr_rule/rule'
    """
    first = _slug(category.upper().removeprefix("DETECTION_CATEGORY_")) or "unspecified"
    second = _slug(kind)
    whole = _SAME_CATEGORY.get(first, first)
    return f"{whole}/{second}" if second else whole


def _slug(text: str) -> str:
    return _NO_WORD.sub("_", text.lower()).strip("_")[:_WORD_LENGTH].rstrip("_")


def _description(row: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    process: Mapping[str, str] = row["process"] or context.get("process") or {}
    lines = (
        row["text"] or context.get("text", ""),
        f"Process: {process['path']}" if process.get("path") else "",
        f"Command line: {process['command']}" if process.get("command") else "",
        f"SHA-1: {row['object_hash']}" if row["object_hash"] else "",
    )
    return "\n".join(line for line in lines if line)[:4000]


def incident_from(
    row: Mapping[str, Any], workspace_id: str, device_id: str, device_name: str
) -> Detection:
    """Return a parsed incident as one of our detections, on the first device it names."""
    others = len(row["devices"] or ()) - 1
    return Detection(
        id=INCIDENT + row["id"],
        workspace_id=workspace_id,
        device_id=device_id[:ID_LENGTH],
        device_name=device_name[:300],
        kind="incident",
        severity=row["severity"],
        title=(row["title"] or "Incident")[:500],
        occurred_at=changed_at(row),
        description=row["text"][:4000] + (f"\nand {others} more devices" if others > 0 else ""),
        outcome=row["status"].removeprefix("INCIDENT_STATUS_").replace("_", " ").lower()[:300],
        resolved=is_closed(row),
    )


def changed_at(incident: Mapping[str, Any]) -> datetime:
    """Return when an incident last changed."""
    moment: datetime = incident["updated_at"] or incident["created_at"]
    return moment


def is_closed(incident: Mapping[str, Any]) -> bool:
    """Tell whether an incident is closed."""
    return str(incident["status"]).upper().endswith("CLOSED")
