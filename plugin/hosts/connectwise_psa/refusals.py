"""What PSA's odd answers mean (vendor developer guide and captured traffic).

A 404 may be a missing record or a moved code base; a 500 may pass or not, as its text says; a 429
comes in three shapes.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from plugin.domain.errors import (
    AnswerError,
    EdgeError,
    MissingError,
    RefusedError,
    TransientError,
)
from plugin.edge.http import Answer

NO_ENDPOINT, NO_RECORD = "NoEndpoint", "NotFound"
CLIENT_ID, TOO_MANY, CONFLICT = "ClientId", "TooManyRequests", "Conflict"
NO_SSL, EXISTS, UNCLEAR = "NoSsl", "ObjectExists", "Unclear"

Row = Mapping[str, Any]
_LONGEST_TEXT = 300
_MOST_FIELDS = 6
_PASSING = re.compile(r"time[- ]?out|timed out|try again|deadlock", re.IGNORECASE)
_SECONDS = re.compile(r"(\d{1,4}) seconds?")


class Refusals:
    """Turns answers into errors; texts of the remote are shortened and cleaned of our secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Never let one of ``secrets`` through in a message."""
        self._secrets = tuple(secret for secret in secrets if len(secret) > 3)
        self._meanings: dict[int, Callable[[Answer, Row], EdgeError | None]] = {
            400: self._bad_request,
            401: self._unauthorized,
            403: self._forbidden,
            404: self._missing,
            409: self._conflict,
            429: self._too_many,
            500: self._failed,
        }

    def classify(self, answer: Answer) -> EdgeError | None:
        """Return what an odd answer means, or None for the default table."""
        if 200 <= answer.status < 300:
            return None
        meaning = self._meanings.get(answer.status)
        return meaning(answer, _body(answer)) if meaning else None

    def _bad_request(self, answer: Answer, body: Row) -> EdgeError:
        if "SSL is required" in str(body.get("message", "")):
            text = "answers at another host: its interface wants api- in front of the name"
            return AnswerError(answer.who, text, code=NO_SSL, status=answer.status)
        codes = {str(each.get("code", "")) for each in _problems(body)}
        code = EXISTS if EXISTS in codes else self._word(body.get("code"))
        text = f"did not accept the request: {self._told(body)}"
        return AnswerError(answer.who, text, code=code, status=answer.status)

    def _unauthorized(self, answer: Answer, body: Row) -> EdgeError:
        told = self._told(body)
        about_client = "clientid" in told.lower().replace(" ", "")
        text = "does not accept the clientId" if about_client else "does not accept the keys"
        code = CLIENT_ID if about_client else "Unauthorized"
        return RefusedError(answer.who, f"{text}: {told}", code=code, status=answer.status)

    def _forbidden(self, answer: Answer, body: Row) -> EdgeError:
        text = f"does not allow this to the API member's role: {self._told(body)}"
        return RefusedError(answer.who, text, code="Forbidden", status=answer.status)

    def _missing(self, answer: Answer, body: Row) -> EdgeError:
        if str(body.get("code", "")) == NO_RECORD:
            text = f"has no such record: {self._told(body)}"
            return MissingError(answer.who, text, code=NO_RECORD, status=answer.status)
        text = "has no such address: its code base has moved, or the keys are wrong"
        return MissingError(answer.who, text, code=NO_ENDPOINT, status=answer.status)

    def _conflict(self, answer: Answer, body: Row) -> EdgeError:
        text = f"reports a conflict: {self._told(body)}"
        return AnswerError(answer.who, text, code=CONFLICT, status=answer.status)

    def _too_many(self, answer: Answer, body: Row) -> EdgeError | None:
        """Read the wait from the text where the header is missing; else leave it to the table."""
        found = _SECONDS.search(str(body.get("message", "")))
        if answer.header("Retry-After") or found is None:
            return None
        text = "asked us to slow down"
        wait = float(found[1])
        return TransientError(answer.who, text, retry_after=wait, code=TOO_MANY, status=429)

    def _failed(self, answer: Answer, body: Row) -> EdgeError | None:
        """Tell a passing time-out from "Error converting value …", which never gets better."""
        message = str(body.get("message", ""))
        if not message or _PASSING.search(message):
            return None
        text = f"could not read what we sent: {self._told(body)}"
        return AnswerError(answer.who, text, code=self._word(body.get("code")), status=500)

    def _told(self, body: Row) -> str:
        """Return message and fields in one line."""
        parts = [str(body.get("message") or "no reason given").rstrip(". ")]
        parts += [
            f"{each.get('field', '?')} ({each.get('message') or each.get('code', '')})"
            for each in _problems(body)[:_MOST_FIELDS]
        ]
        return self._cleaned("; ".join(parts))

    def _cleaned(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        line = "".join(letter if letter.isprintable() else " " for letter in text)
        return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"

    def _word(self, code: object) -> str:
        word = str(code or "")
        return word if re.fullmatch(r"[A-Za-z]{1,40}", word) else ""


def _problems(body: Row) -> list[Row]:
    errors = body.get("errors")
    return (
        [each for each in errors if isinstance(each, Mapping)] if isinstance(errors, list) else []
    )


def _body(answer: Answer) -> Row:
    """Return the error body, or nothing where it is a page, a list or no JSON."""
    try:
        body = answer.json()
    except EdgeError:
        return {}
    return body if isinstance(body, Mapping) else {}
