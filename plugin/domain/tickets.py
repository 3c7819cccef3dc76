"""Which detection becomes a ticket, under which key, and what the ticket says."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from string import Template

from plugin.domain.model import Detection, Severity

KEY_PREFIX = "BH-"

DEFAULT_SUMMARY = "$severity: $title on $device"
DEFAULT_BODY = """$title

Company: $company ($workspace)
Device: $device
User: $user
When: $occurred
What was found: $object
What the product did: $outcome

$description

$link"""

TEMPLATE_WORDS = (
    "severity title device company workspace user occurred object outcome description link vendor"
).split()
"""The words a template may use, each with ``$`` in front."""


class Trigger(StrEnum):
    """What a rule looks at."""

    EVENT_SEVERITY = "event_severity"
    EVENT_TYPE = "event_type"


class Verdict(StrEnum):
    """What is done about a detection."""

    MAKE = "made"
    APPEND = "appended"
    REOPEN = "reopened"
    SUPPRESS = "suppressed"


@dataclass(frozen=True, slots=True)
class Rule:
    """A ticket rule as the decision needs it; times are whole seconds, ``workspace_id`` may be
    empty for the integration's default."""

    id: int
    workspace_id: str
    trigger: Trigger
    matches: str
    enabled: bool
    lifetime: timedelta
    note_interval: timedelta
    reopen_within: timedelta


@dataclass(frozen=True, slots=True)
class Known:
    """What we already have for the same key: an open ticket, or the last closed one."""

    entry_id: int
    open: bool
    last_note_at: datetime | None = None
    closed_at: datetime | None = None
    ticket_id: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else the decision rests on."""

    writes_tickets: bool
    company_id: str
    workspace_name: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done and why, in a sentence for the ticket log."""

    verdict: Verdict
    reason: str
    rule: Rule | None = None


def ticket_key(vendor: str, workspace_id: str, device_id: str, condition: str) -> str:
    """Return the key of a condition: from ids alone, so that it survives everything of ours.

    It holds no time and no free text, so the same trouble on the same device has the same key.

    >>> ticket_key("kaspersky_ksc", "3", "a-b", "GNRL_EV_VIRUS_FOUND")[:5]
    'BH-OP'
    """
    parts = "\x1f".join((vendor, workspace_id, device_id, condition)).encode()
    digest = hashlib.sha256(parts).digest()[:15]
    return KEY_PREFIX + base64.b32encode(digest).decode()


def effective_rule(rules: Iterable[Rule], detection: Detection) -> Rule | None:
    """Return the rule that speaks for a detection: a workspace's own before the default, a type
    before a severity."""
    matching = [rule for rule in rules if _matches(rule, detection)]
    matching.sort(key=lambda rule: (not rule.workspace_id, rule.trigger is not Trigger.EVENT_TYPE))
    return matching[0] if matching else None


def _matches(rule: Rule, detection: Detection) -> bool:
    if rule.workspace_id not in {"", detection.workspace_id}:
        return False
    if rule.trigger is Trigger.EVENT_TYPE:
        return rule.matches == detection.kind
    return rule.matches == detection.severity


def decide(
    detection: Detection,
    rules: Iterable[Rule],
    circumstances: Circumstances,
    known: Known | None,
) -> Decision:
    """Decide what a new detection means for the host's tickets."""
    rule = effective_rule(rules, detection)
    reason = _why_not(detection, rule, circumstances)
    if reason or rule is None:
        return Decision(Verdict.SUPPRESS, reason, rule)
    if known is None:
        return Decision(Verdict.MAKE, f"rule for {_named(rule)}", rule)
    if known.open:
        return _append(detection, rule, known, circumstances.now)
    if _may_reopen(rule, known, circumstances.now):
        return Decision(Verdict.REOPEN, "the condition is back soon after its ticket closed", rule)
    return Decision(
        Verdict.MAKE, f"rule for {_named(rule)}; the earlier ticket closed too long ago", rule
    )


def _why_not(detection: Detection, rule: Rule | None, circumstances: Circumstances) -> str:
    if rule is None or not rule.enabled:
        return f"no rule is switched on for {detection.kind} ({_word(detection.severity)})"
    if detection.resolved:
        return "the vendor says it is resolved"
    age = circumstances.now - detection.occurred_at
    if age > rule.lifetime:
        hours = rule.lifetime.total_seconds() / 3600
        return f"it is older than the rule's lifetime of {hours:g} h"
    if not circumstances.company_id:
        return f"{circumstances.workspace_name} is not mapped to a company yet"
    if not circumstances.writes_tickets:
        return "writing tickets is switched off for this integration"
    return ""


def _append(detection: Detection, rule: Rule, known: Known, now: datetime) -> Decision:
    last = known.last_note_at
    if last is not None and now - last < rule.note_interval:
        minutes = rule.note_interval.total_seconds() / 60
        return Decision(
            Verdict.SUPPRESS,
            f"its ticket is open and had a note within the last {minutes:g} min; counted",
            rule,
        )
    return Decision(Verdict.APPEND, "its ticket is still open", rule)


def _may_reopen(rule: Rule, known: Known, now: datetime) -> bool:
    return bool(known.ticket_id and known.closed_at and now - known.closed_at <= rule.reopen_within)


def _named(rule: Rule) -> str:
    word = _word(rule.matches) if rule.trigger is Trigger.EVENT_SEVERITY else rule.matches
    return f"{rule.trigger.value.replace('_', ' ')} {word}"


def _word(text: str) -> str:
    return text.replace("_", " ")


def words_of(
    detection: Detection, *, company: str, workspace: str, vendor: str, link: str
) -> dict[str, str]:
    """Return the values of a template's words for one detection."""
    return {
        "severity": _word(detection.severity).capitalize(),
        "title": detection.title or detection.kind,
        "device": detection.device_name or "no device",
        "company": company,
        "workspace": workspace,
        "user": detection.user or "not reported",
        "occurred": detection.occurred_at.strftime("%Y-%m-%d %H:%M UTC"),
        "object": detection.object_name or "not reported",
        "outcome": detection.outcome or "not reported",
        "description": detection.description,
        "link": link,
        "vendor": vendor,
    }


def fill(template: str, words: Mapping[str, str], limit: int | None = None) -> str:
    """Fill a template; unknown words stay as they are. ``limit`` cuts to that many characters.

    A summary (anything with a limit) is one line: line breaks in what a vendor sent become blanks.
    """
    text = Template(template).safe_substitute(words)
    if limit is None:
        return text.strip()
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def marked(summary: str, environment: str, limit: int) -> str:
    """Put a visible mark before a summary made outside production, within ``limit``.

    >>> marked("Virus on PC1", "beta", 20)
    '[BETA] Virus on PC1'
    """
    if environment in {"", "production"}:
        return fill(summary.replace("$", "$$"), {}, limit)
    return fill(f"[{environment.upper()}] {summary}".replace("$", "$$"), {}, limit)


def note_for(detection: Detection, repeats: int) -> str:
    """Return the text appended to an open ticket when its condition shows again."""
    when = detection.occurred_at.strftime("%Y-%m-%d %H:%M UTC")
    times = f" ({repeats} times in all)" if repeats > 1 else ""
    lines = [
        f"Seen again on {when}{times}: {detection.title or detection.kind}",
        f"What was found: {detection.object_name or 'not reported'}",
        f"What the product did: {detection.outcome or 'not reported'}",
    ]
    return "\n".join(lines)


TICKET_SEVERITIES = (Severity.CRITICAL, Severity.FUNCTIONAL_FAILURE, Severity.WARNING)
"""The event severities that rules offer."""
