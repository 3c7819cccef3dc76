"""The rules of integrations: names, the administrators' text, the last administrator."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from plugin.domain.errors import RuleError
from plugin.domain.model import Administrator

NAME_LIMIT = 200
CONNECTION_NAME = re.compile(r"[A-Za-z0-9]+( [A-Za-z0-9]+)*")
_EMAIL = re.compile(r"[^@\s;,<>\"]+@[^@\s;,<>\".]+(\.[^@\s;,<>\".]+)+")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the administrators' text, as read: an administrator, or what is wrong with it."""

    number: int
    text: str
    administrator: Administrator | None = None
    fault: str = ""


def integration_name(name: str) -> str:
    """Return the name as it is stored; RuleError when it is blank or too long."""
    name = " ".join(name.split())
    if not name:
        raise RuleError("name", "Integration name must not be blank.")
    if len(name) > NAME_LIMIT:
        raise RuleError("name", f"Integration name must have at most {NAME_LIMIT} characters.")
    return name


def read_administrators(
    text: str, known: Callable[[str], bool], present: Collection[str] = ()
) -> list[Line]:
    """Judge each line of ``email;alias`` by itself, so that every fault is shown at once.

    ``known`` tells whether the vendor has a user with an address, ``present`` are the addresses
    that are administrators already. Empty lines are passed over, but counted.
    """
    seen = {email.casefold() for email in present}
    lines = []
    for number, raw in enumerate(text.splitlines(), 1):
        if raw.strip():
            line = _read_line(number, raw.strip(), known, seen)
            if line.administrator is not None:
                seen.add(line.administrator.email.casefold())
            lines.append(line)
    return lines


def _read_line(number: int, raw: str, known: Callable[[str], bool], seen: set[str]) -> Line:
    email, _, alias = (part.strip() for part in raw.partition(";"))
    fault = _fault(email, alias, seen) or ("" if known(email) else _unknown(email))
    if fault:
        return Line(number, raw, None, f"Line {number}: {fault}")
    return Line(number, raw, Administrator(email, alias))


def _fault(email: str, alias: str, seen: set[str]) -> str:
    if not _EMAIL.fullmatch(email) or len(email) > 254:
        return f"“{email or ' '}” is not an e-mail address. Write email;alias."
    if ";" in alias:
        return "there is more than one semicolon. Write email;alias."
    if email.casefold() in seen:
        return f"{email} is an administrator of this integration already."
    return ""


def _unknown(email: str) -> str:
    return f"{email} is not registered at the vendor. Only registered users can be added."


def may_remove(removing: Iterable[str], present: Collection[str]) -> None:
    """RuleError when these removals would leave no administrator."""
    gone = {email.casefold() for email in removing}
    if present and not [email for email in present if email.casefold() not in gone]:
        raise RuleError(
            "administrators",
            "The last administrator cannot be removed. Add another one first.",
        )


def is_complete(workspaces: int, administrators: int, *, needs_administrator: bool) -> bool:
    """Tell whether an integration has what it needs to start.

    >>> is_complete(1, 0, needs_administrator=False), is_complete(1, 0, needs_administrator=True)
    (True, False)
    """
    return workspaces > 0 and (administrators > 0 or not needs_administrator)


@dataclass(frozen=True, slots=True)
class AdministratorChanges:
    """What brings our administrators and the vendor's in step.

    ``grant`` and ``revoke`` are to be done at the vendor, ``adopt`` and ``drop`` here.
    """

    grant: tuple[Administrator, ...] = ()
    revoke: tuple[Administrator, ...] = ()
    adopt: tuple[Administrator, ...] = ()
    drop: tuple[str, ...] = ()


def compare_administrators(
    ours: Mapping[Administrator, bool],
    theirs: Collection[Administrator],
    leaving: Collection[str],
) -> AdministratorChanges:
    """Compare both sides' administrators by address.

    ``ours`` tells of each whether the vendor has once agreed: whom it no longer names then was
    removed there, by one of the other administrators. ``leaving`` are those we have removed.
    """
    there = {each.email.casefold(): each for each in theirs}
    here = {each.email.casefold() for each in ours}
    gone = {email.casefold() for email in leaving} - here
    missing = [each for each in ours if each.email.casefold() not in there]
    return AdministratorChanges(
        grant=tuple(each for each in missing if not ours[each]),
        revoke=tuple(each for email, each in there.items() if email in gone),
        adopt=tuple(each for email, each in there.items() if email not in here | gone),
        drop=tuple(each.email for each in missing if ours[each]),
    )
