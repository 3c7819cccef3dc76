"""Answers and what they mean: the default table from status codes and failures to our errors."""

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import requests
import urllib3
from urllib3.exceptions import NewConnectionError
from urllib3.util.ssl_match_hostname import CertificateError

from plugin.domain.errors import (
    AnswerError,
    EdgeError,
    MissingError,
    RefusedError,
    TransientError,
)

TRANSIENT = frozenset({408, 425, 429})
REFUSED = frozenset({401, 403})
MISSING = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of limited size. Header names know no case; nothing of it shows in a log."""

    method: str
    url: str = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    who: str

    def json(self) -> Any:  # noqa: ANN401 - the wire; schemas turn it into values
        """Return the decoded body; an error, without any of the body, when it is not JSON.

        TransientError (code ``web_page``) for a web page: a proxy's, a sign-in's or a maintenance
        page stands between us and the remote, and goes away. AnswerError for anything else.
        """
        try:
            return json.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            pass
        if self.body.lstrip()[:1] == b"<":
            text = "answered with a web page instead of data (a proxy, a sign-in or maintenance)"
            raise TransientError(self.who, text, code="web_page", status=self.status)
        text = "answered something that is not JSON"
        if not self.body.strip():
            text += " (nothing at all)"
        raise AnswerError(self.who, text, code="not_json", status=self.status)

    @property
    def text(self) -> str:
        """The body as text, in the charset it names (else UTF-8), unreadable bytes replaced."""
        content_type = Message()
        content_type["content-type"] = self.header("Content-Type")
        try:
            return self.body.decode(content_type.get_content_charset("utf-8"), "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        """Return a header's value, empty when it was not sent."""
        return self.headers.get(name, "")


def _refuse_constant(word: str) -> NoReturn:
    """Refuse NaN and Infinity, which are no JSON and break every sum they get into."""
    raise ValueError(word)


def retry_after(answer: Answer) -> float | None:
    """Return the seconds a remote asks us to wait (a number or a date), or None.

    A date is measured against the answer's own Date header, so that a wrong clock does not count.

    >>> retry_after(Answer("GET", "", 429, {"Retry-After": "7"}, b"", "PSA"))
    7.0
    """
    value = answer.header("Retry-After").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    wanted = _date(value)
    if wanted is None:
        return None
    seen = _date(answer.header("Date")) or datetime.now(UTC)
    return max(0.0, (wanted - seen).total_seconds())


def _date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def error_for(answer: Answer) -> EdgeError | None:
    """Return what a status code means, or None for 2xx; the table an adapter may overrule."""
    status, who = answer.status, answer.who
    if 200 <= status < 300:
        return None
    if status in TRANSIENT or status >= 500:
        wait = retry_after(answer)
        return TransientError(
            who, f"is busy or out of order ({status})", retry_after=wait, status=status
        )
    if status in REFUSED:
        return RefusedError(who, f"does not let us in ({status})", status=status)
    if status in MISSING:
        return MissingError(who, f"has no such record ({status})", status=status)
    if 300 <= status < 400:
        return _redirected(answer)
    return AnswerError(who, f"did not accept the request ({status})", status=status)


def _redirected(answer: Answer) -> EdgeError:
    """Judge a redirect, which is never followed.

    A write may have been done before the remote pointed elsewhere (ConnectWise PSA's cloud does
    so after creating a record), so it is unclear, and whoever wrote has to look.
    """
    text = f"answered with a redirect ({answer.status})"
    if answer.method in {"GET", "HEAD"}:
        return AnswerError(answer.who, text, code="redirect", status=answer.status)
    text += ", so it is unclear whether the change was made"
    return TransientError(answer.who, text, code="redirect", status=answer.status)


_UNPROVEN = (ssl.SSLCertVerificationError, CertificateError)
_LATE = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
_LOST = (
    requests.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.DecodeError,
    urllib3.exceptions.SSLError,
)


def error_from(failure: Exception, who: str) -> EdgeError:
    """Return what a library's exception means. Its text stays out: it may hold our secrets."""
    causes = tuple(_causes(failure))
    if any(isinstance(cause, _UNPROVEN) for cause in causes):
        text = "shows a certificate that is not trusted"
        return RefusedError(who, text, code="certificate")
    if any(map(_is_late, causes)):
        return TransientError(who, "did not answer in time", code="timeout")
    if isinstance(failure, _LOST) or _from_a_socket(failure):
        text = "cannot be reached, or broke off in the middle"
        return TransientError(who, text, code="connection")
    return AnswerError(who, "could not be asked: the call or its answer is odd", code="call")


def _is_late(cause: BaseException) -> bool:
    # urllib3 calls a refused connection a kind of time-out.
    return isinstance(cause, _LATE) and not isinstance(cause, NewConnectionError)


def _from_a_socket(failure: Exception) -> bool:
    # requests derives all of its exceptions from OSError, also those about a bad request.
    return isinstance(failure, OSError) and not isinstance(failure, requests.RequestException)


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """Yield the failure and what it wraps: requests and urllib3 keep that in several places."""
    yield failure
    inner = [getattr(failure, "reason", None), failure.__cause__, *failure.args]
    for cause in inner:
        if isinstance(cause, BaseException):
            yield from _causes(cause)
