"""Api: how this system is talked to: tokens, lists page by page, its own odd answers."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from plugin.domain.errors import AnswerError, EdgeError, RefusedError, RuleError
from plugin.edge.http import Answer
from plugin.edge.link import Link
from plugin.hosts.connectwise_automate.clock import ServerClock
from plugin.hosts.connectwise_automate.signin import SignIn
from plugin.hosts.connectwise_automate.wire import AutomateWire

PAGE = 1000
"""Records asked for at once: the most that clients in use ask for."""

_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,40}", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
Params = Mapping[str, str | int]


class Api:
    """One Automate server for one account."""

    def __init__(self, link: Link, who: str) -> None:
        """Open the door; the first call signs in."""
        self.who = who
        self.settings = link.settings
        self.now = link.now
        self.http = link.http(address_of(link.settings["server"]), who=who, classify=classify)
        self.sign_in = SignIn(self.http, link.settings, who, link.now)

    def get(self, path: str, params: Params | None = None) -> Answer:
        """Read ``path`` below ``/cwa/api``."""
        return self.send("GET", path, params=params, safe=True)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: object = None,
        safe: bool = False,
    ) -> Answer:
        """Make a call with a living token; signs in once more when the token was refused.

        A refused call had no effect, so this repeats writes, too, without harm.
        """
        options: dict[str, Any] = {"params": params, "json": json, "safe": safe}
        headers = self.sign_in.headers()
        try:
            return self.http.send(method, path, headers=headers, **options)
        except RefusedError as error:
            if error.status != 401:
                raise
        self.sign_in.forget()
        return self.http.send(method, path, headers=self.sign_in.headers(), **options)

    def rows(
        self, path: str, shape: type[AutomateWire], what: str, params: Params | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield every record of a list, each once.

        There is no total and no link to the next page: the list ends with an empty page.
        AnswerError when the server gives the same page again and again.
        """
        before: set[str] = set()
        for page in count(1):
            asked = {"orderBy": shape.order, **(params or {}), "page": page, "pageSize": PAGE}
            found = shape.parse_many(self.get(path, asked).json(), self.who, what)
            if not found:
                return
            ids = {row["id"] for row in found}
            if ids <= before:
                raise AnswerError(self.who, f"gives the same page of {what} again", code="paging")
            yield from (row for row in found if row["id"] not in before)
            before = ids

    def first(
        self, path: str, shape: type[AutomateWire], what: str, params: Params | None = None
    ) -> dict[str, Any] | None:
        """Return the first record of a list, or None; one small call."""
        asked = {**(params or {}), "page": 1, "pageSize": 1}
        found = shape.parse_many(self.get(path, asked).json(), self.who, what)
        return found[0] if found else None

    def clock(self) -> ServerClock:
        """Return a look at the server's clock, at most an hour old."""
        return self.sign_in.clock()

    def instant(self, moment: datetime | None) -> datetime | None:
        """Return a moment of the server as aware UTC; asks for its clock when that is needed."""
        if moment is None or moment.utcoffset() is not None:
            return moment.astimezone(UTC) if moment else None
        if self.settings.get("server_time") == "utc":
            return moment.replace(tzinfo=UTC)
        return self.clock().instant(moment)


def address_of(server: str) -> str:
    """Return the address of the interface, from whatever form an administrator typed.

    >>> address_of("name.hostedrmm.com"), address_of("https://rmm.example/automate/")
    ('https://name.hostedrmm.com/cwa', 'https://rmm.example/cwa')
    """
    typed = server.strip()
    parts = urlsplit(typed if "://" in typed else f"https://{typed}")
    return f"{parts.scheme}://{parts.netloc}/cwa"


def number_of(value: str, field: str) -> str:
    """Return an id that may stand in an address; RuleError for what is no id of Automate's.

    >>> number_of("17", "computer_id")
    '17'
    """
    if not _NUMBER.fullmatch(value):
        raise RuleError(field, "An Automate id is a whole number.")
    return value


def quoted(text: str) -> str:
    """Return ``text`` as a value in a condition; RuleError when it cannot be written there.

    How a quote inside a text is escaped is not documented, so a text with both kinds of quotes
    is refused rather than guessed.

    >>> quoted("Bob's bridges")
    '"Bob\\'s bridges"'
    """
    if any(ord(each) < 32 for each in text):
        raise RuleError("", "A name holds no control characters.")
    for mark in ('"', "'"):
        if mark not in text:
            return f"{mark}{text}{mark}"
    raise RuleError("", "A name with both kinds of quotes cannot be searched for.")


def classify(answer: Answer) -> EdgeError | None:
    """Return what an odd answer means; a bad request keeps Automate's own error word."""
    if answer.status not in {400, 401, 403}:
        return None
    if answer.status == 400:
        text = "did not accept the request (400)"
        return AnswerError(answer.who, text, code=_word_of(answer) or "BadRequest", status=400)
    if answer.status == 403:
        text = "does not give this user the right (403)"
        return RefusedError(answer.who, text, code="forbidden", status=403)
    return RefusedError(answer.who, "does not let us in (401)", code="unauthorized", status=401)


def _word_of(answer: Answer) -> str:
    """Return the body's short error word, if it has a plain one (its letter case is uncertain)."""
    try:
        body = answer.json()
    except EdgeError:
        return ""  # the web server's own page, perhaps
    members = body.items() if isinstance(body, dict) else ()
    word = next((value for name, value in members if str(name).lower() == "code"), "")
    return word if isinstance(word, str) and _CODE.fullmatch(word) else ""
