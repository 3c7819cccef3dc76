"""Api: how Tigerpaw's REST interface is talked to: signed calls, the clock, lists page by page."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from plugin.domain.errors import AnswerError, EdgeError, MissingError, RefusedError
from plugin.edge.http import Answer
from plugin.edge.link import Link
from plugin.hosts.tigerpaw.signature import DATE_HEADER, authorization, date_text
from plugin.hosts.tigerpaw.wire import ListWire, TigerpawWire

PAGE = 100
"""Records asked for at once; no limit is published."""

KEYS, CLOCK, SAID_NO = "keys", "keys-or-clock", "success-false"
"""Codes of our errors: keys not accepted though the clocks agree; keys or clock; a 200 that says
``Success: false``."""

WORTH = timedelta(seconds=30)
"""A difference of the clocks that is worth a second try with the server's time."""

_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)

Criterion = tuple[str, str, str]
"""What is searched, how it must match (``Equal``, ``Contains`` …), and the text."""


class Api:
    """One Tigerpaw API site for one pair of keys."""

    def __init__(self, link: Link, who: str) -> None:
        """Open the door; nothing is called yet."""
        self.who = who
        self.settings = link.settings
        self.now = link.now
        self.base = address_of(link.settings["server"])
        self.skew = timedelta()
        self._prefix = urlsplit(self.base).path
        self._date: datetime | None = None
        self._http = link.http(self.base, who=who, classify=self._classify)

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:  # noqa: ANN401
        """Read ``path`` below the site's address."""
        return self._send("GET", path, params=params, safe=True).json()

    def write(self, method: str, path: str, record: object) -> Any:  # noqa: ANN401 - any JSON
        """Send a record and return the answer; TransientError means it may have been written."""
        return self._send(method, path, json=record).json()

    def delete(self, path: str, params: Mapping[str, str | int]) -> None:
        """Remove a record."""
        self._send("DELETE", path, params=params)

    def search(
        self, path: str, shape: type[ListWire], criteria: Sequence[Criterion]
    ) -> Iterator[dict[str, Any]]:
        """Yield every record that matches; criteria of one kind are "or", of different kinds "and".

        The first row is 1 (seen in a client in use). AnswerError when the list ends early: what
        is missing must not look as if it were gone.
        """
        row, read = 1, 0
        while True:
            answer = self._send("POST", path, json=_request(criteria, row, PAGE), safe=True)
            page = shape.parse(answer.json(), self.who, "a list")
            yield from page["rows"]
            read += len(page["rows"])
            if read >= page["total"]:
                return
            if page["next_row"] <= row or not page["rows"]:
                text = f"gave {read} of {page['total']} records and then no next page"
                raise AnswerError(self.who, text, code="paging")
            row = page["next_row"]

    def first(
        self, path: str, shape: type[ListWire], criteria: Sequence[Criterion]
    ) -> dict[str, Any] | None:
        """Return the first record that matches, or None; one small call."""
        answer = self._send("POST", path, json=_request(criteria, 1, 1), safe=True)
        rows = shape.parse(answer.json(), self.who, "a list")["rows"]
        return dict(rows[0]) if rows else None

    def table(self, name: str, shape: type[TigerpawWire]) -> list[dict[str, Any]]:
        """Return a master table's entries.

        The published description gives a single record for service order statuses and an array
        for every other table; both are taken.
        """
        found = self.get(f"api/mastertables/{name}")
        rows = found if isinstance(found, list) else [found]
        return shape.parse_many(rows, self.who, f"the master table {name}")

    def instant(self, moment: datetime | None) -> datetime | None:
        """Return a moment of the server as aware UTC.

        One without an offset is read by the setting ``zone_minutes`` (minutes east of UTC), as
        the zone in which Tigerpaw writes times is not published.
        """
        if moment is None:
            return None
        if moment.utcoffset() is None:
            east = timedelta(minutes=int(self.settings.get("zone_minutes") or 0))
            return (moment - east).replace(tzinfo=UTC)
        return moment.astimezone(UTC)

    # -- inside ------------------------------------------------------------------------------

    def _send(self, method: str, path: str, **options: Any) -> Answer:
        """Make a signed call; once more by the server's clock when that is why it was refused.

        A refused call had no effect, so a write is repeated without harm.
        """
        try:
            return self._signed(method, path, options)
        except RefusedError as error:
            if error.status != 401 or not self._correct_clock():
                raise
        try:
            return self._signed(method, path, options)
        except RefusedError as error:
            failure = error
        if failure.status == 401:
            text = "does not accept the keys, not even by its own clock (401)"
            raise RefusedError(self.who, text, code=CLOCK, status=401)
        raise failure

    def _signed(self, method: str, path: str, options: Mapping[str, Any]) -> Answer:
        date = date_text(self.now() + self.skew)
        public, private = self.settings["public_key"], self.settings["private_key"]
        whole = f"{self._prefix}/{path}"
        signed = authorization(public.strip(), private.strip(), method, whole, date)
        headers = {"Authorization": signed, DATE_HEADER: date, "Accept": "application/json"}
        return self._http.send(method, path, headers=headers, **options)

    def _correct_clock(self) -> bool:
        """Take over the server's time; False when that changes nothing worth a second try."""
        if self._date is None:
            return False
        skew = self._date - self.now()
        worth = abs(skew - self.skew) >= WORTH
        self.skew = skew if worth else self.skew
        return worth

    def server_skew(self) -> timedelta | None:
        """Return how far the server was ahead of us at the last answer; None if it did not say."""
        return None if self._date is None else self._date - self.now()

    def _classify(self, answer: Answer) -> EdgeError | None:
        """Note the server's time, and name what only Tigerpaw answers."""
        self._date = date_of(answer.header("Date"))
        if answer.status == 401:
            text = "does not accept the keys (401)"
            return RefusedError(answer.who, text, code=KEYS, status=401)
        if answer.status == 200 and b'"Success"' in answer.body and _says_no(answer):
            text = "answered that it did not do it (Success: false)"
            return AnswerError(answer.who, text, code=SAID_NO, status=200)
        return None


def _says_no(answer: Answer) -> bool:
    try:
        body = answer.json()
    except EdgeError:
        return False  # whoever reads the body says what is wrong with it
    return isinstance(body, dict) and body.get("Success") is False


def _request(criteria: Sequence[Criterion], row: int, size: int) -> dict[str, Any]:
    """Return the body of an advanced search."""
    wanted = [
        {"SearchType": kind, "MatchType": match, "Criteria": text} for kind, match, text in criteria
    ]
    return {"Criteria": wanted, "PageSize": size, "StartRow": row}


def address_of(server: str) -> str:
    """Return the address of the API site, from whatever form an administrator typed.

    >>> address_of("api.msp.example/"), address_of("https://api.msp.example/api/")
    ('https://api.msp.example', 'https://api.msp.example')
    >>> address_of("https://msp.example/tigerpaw")
    'https://msp.example/tigerpaw'
    """
    typed = server.strip()
    parts = urlsplit(typed if "://" in typed else f"https://{typed}")
    path = parts.path.rstrip("/")
    path = path[:-4] if path.lower().endswith("/api") else path
    return f"{parts.scheme}://{parts.netloc}{path}"


def number_of(value: str, who: str, what: str) -> int:
    """Return a record's number; MissingError for a text that is none, as for an unknown number.

    >>> number_of("17", "Tigerpaw", "account")
    17
    """
    if not _NUMBER.fullmatch(value):
        raise MissingError(who, f"has no such {what}: its numbers are whole", code="number")
    return int(value)


def date_of(header: str) -> datetime | None:
    """Return a ``Date`` header as aware UTC, or None when it is none.

    >>> date_of("Sun, 22 Nov 2026 20:54:39 GMT")
    datetime.datetime(2026, 11, 22, 20, 54, 39, tzinfo=datetime.timezone.utc)
    """
    try:
        found = parsedate_to_datetime(header)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
