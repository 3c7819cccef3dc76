"""What a notification says: what happened, what it means, what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from plugin.domain.notices import Condition, NoticeKind

LONGEST_TITLE = 200
MOST_LINES = 20
_ONE_ENDS = {
    1: "expires within 30 days",
    2: "expires within 7 days",
    3: "expires within a day",
    4: "has expired",
}
_MANY_END = {
    1: "expire within 30 days",
    2: "expire within 7 days",
    3: "expire within a day",
    4: "have expired",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A notification as it is shown and sent; ``path`` leads to the page that helps."""

    kind: NoticeKind
    title: str
    text: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class _Words:
    """How one kind is told: of one thing, of several together, and what follows from it."""

    one: str
    many: str
    means: str
    cure: str


_WORDS: Mapping[NoticeKind, _Words] = MappingProxyType(
    {
        NoticeKind.CONNECTION_BROKEN: _Words(
            "{subject} does not work",
            "{count} connections do not work",
            "Its work waits until it is let in again; nothing is lost.",
            "Open the connection and use its connection check: it names the failing step.",
        ),
        NoticeKind.SECRET_EXPIRING: _Words(
            "{subject} {ends}",
            "{count} keys or certificates {ends}",
            "What uses it is refused as soon as it has expired.",
            "Replace it before that.",
        ),
        NoticeKind.LICENCE_EXPIRING: _Words(
            "{subject} {ends}",
            "{count} licences of {group} {ends}",
            "Devices without a valid licence lose protection and updates.",
            "Renew it at the vendor, or ignore this where the client leaves.",
        ),
        NoticeKind.DEAD_LETTERS: _Words(
            "Work for {subject} was given up",
            "Work for {count} connections was given up",
            "It is kept as dead letters and is not tried again by itself.",
            "Read the reason under Received calls and Sync runs, mend it, and replay.",
        ),
        NoticeKind.BRIDGE_OFFLINE: _Words(
            "The bridge {subject} is offline",
            "{count} bridges are offline",
            "Other bridges take its work over; where there are none, the server does the work, or"
            " it waits.",
            "See that its computer is on and its bridge program runs and reaches this server.",
        ),
        NoticeKind.BRIDGE_LENT: _Words(
            "{subject} is served by a lent bridge",
            "{count} integrations are served by lent bridges",
            "Its work goes on at another's expense: the helper now carries both.",
            "Bring a bridge of the integration back, or map another one onto it.",
        ),
        NoticeKind.BRIDGE_AWAITED: _Words(
            "Work for {subject} waits for a bridge",
            "Work for {count} connections waits for a bridge",
            "It is reached by bridge only: nothing is fetched until a bridge is online.",
            "Start a bridge for its integration, or let the server reach it directly.",
        ),
        NoticeKind.DISK_LOW: _Words(
            "The disk under {subject} is nearly full",
            "{count} disks are nearly full",
            "When it is full, calls of the hosts are refused and pages stop working.",
            "Free space or enlarge the disk; old backups and logs are the usual cause.",
        ),
        NoticeKind.QUEUE_GROWING: _Words(
            "Background work falls behind",
            "Background work falls behind",
            "What happens at hosts and vendors shows up late.",
            "See under Sync runs which connection is slow, or start another worker.",
        ),
    }
)


def told_of(conditions: Sequence[Condition]) -> Told:
    """Return the notification about conditions of one kind, group and level."""
    first, words = conditions[0], _WORDS[conditions[0].kind]
    alone = len(conditions) == 1
    title = (words.one if alone else words.many).format(
        subject=first.subject,
        group=first.group,
        count=len(conditions),
        ends=(_ONE_ENDS if alone else _MANY_END).get(first.level, ""),
    )
    lines = [_line(each, alone=alone) for each in conditions[:MOST_LINES]]
    if len(conditions) > MOST_LINES:
        lines.append(f"… and {len(conditions) - MOST_LINES} more.")
    return Told(first.kind, title, _text("\n".join(lines), words.means, words.cure), first.path)


def _line(condition: Condition, *, alone: bool) -> str:
    return condition.detail if alone else f"{condition.subject}: {condition.detail}"


def _text(what: str, means: str, cure: str) -> str:
    return f"{what}\nWhat it means: {means}\nWhat to do: {cure}"


def works_again(subject: str, path: str) -> Told:
    """Return the notification that a connection, told to be broken, works."""
    text = _text(
        "The remote lets us in.", "What had to wait is being done now.", "Nothing; it is over."
    )
    return Told(NoticeKind.CONNECTION_WORKING, f"{subject} works again", text, path)


def is_back(bridge: str, path: str) -> Told:
    """Return the notification that a bridge, told to be offline, is online."""
    text = _text(
        "Its beats arrive again.",
        "It takes work again as the plan gives it some.",
        "Nothing; it is over.",
    )
    return Told(NoticeKind.BRIDGE_BACK, f"The bridge {bridge} is back", text, path)


def integration_was_deleted(name: str, actor: str, workspaces: int) -> Told:
    """Return the notification for the administrators of an integration that was deleted."""
    served = "1 workspace was" if workspaces == 1 else f"{workspaces} workspaces were"
    text = _text(
        f"{actor} deleted it; {served} taken out of it.",
        "The workspaces live on at the vendor with the same administrators; nothing is"
        " synchronised between them and the host any more.",
        "Nothing, or put the workspaces into another integration.",
    )
    return Told(
        NoticeKind.INTEGRATION_DELETED, f"Integration {name} was deleted", text, "/integrations"
    )


def callbacks_were_off(subject: str, count: int, path: str) -> Told:
    """Return the notification that a host had switched callbacks of ours off."""
    number = "A callback" if count == 1 else f"{count} callbacks"
    text = _text(
        f"{number} of ours had been switched off by the host; they are switched on again.",
        "Changes of the meantime were found by polling, minutes later than usual.",
        "See that our address can be reached from the host: it gives up after failed calls.",
    )
    title = f"{subject} had switched our callbacks off"
    return Told(NoticeKind.CALLBACKS_OFF, title, text, path)


def one_line(text: str, most: int = LONGEST_TITLE) -> str:
    r"""Return a text as one line without control signs, cut to ``most`` characters.

    >>> one_line("Name\r\nBcc: somebody@evil.example")
    'Name Bcc: somebody@evil.example'
    """
    plain = "".join(each if each.isprintable() else " " for each in text)
    joined = " ".join(plain.split())
    return joined if len(joined) <= most else joined[: most - 1] + "…"


# -- e-mail --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """One notification in an e-mail, with the moment it was made and its full address."""

    at: datetime
    title: str
    text: str
    url: str


def subject_of(items: Sequence[Item], environment: str) -> str:
    """Return the subject of an e-mail; outside production it carries the environment's mark."""
    mark = f" {environment.upper()}" if environment else ""
    about = items[0].title if len(items) == 1 else f"{len(items)} notifications"
    return one_line(f"[Bridgehead{mark}] {about}")


def body_of(items: Sequence[Item], home: str) -> str:
    """Return the body of an e-mail: what happened, oldest first, each with its address."""
    parts = [_part(each) for each in items]
    foot = f"-- \nBridgehead at {home}\nWho is told of what is set there under Notifications."
    return "\n\n".join([*parts, foot]) + "\n"


def _part(item: Item) -> str:
    lines = [one_line(item.title), item.at.strftime("%Y-%m-%d %H:%M UTC"), "", item.text]
    return "\n".join([*lines, item.url] if item.url else lines)
