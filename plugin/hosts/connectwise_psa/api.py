"""The calls: addresses that heal when the code base moves, keys, paging, and writes that last."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from plugin.domain.errors import (
    AnswerError,
    EdgeError,
    MissingError,
    RefusedError,
    TransientError,
)
from plugin.edge.http import Answer, Http
from plugin.edge.link import Link
from plugin.hosts.connectwise_psa.refusals import NO_ENDPOINT, UNCLEAR, Refusals
from plugin.hosts.connectwise_psa.site import Site, is_codebase, read_site
from plugin.hosts.connectwise_psa.wire import CompanyInfo
from plugin.hosts.connectwise_psa.wire_base import Keyed

Row = Mapping[str, Any]
LARGEST_PAGE = 1000
UNKNOWN_COMPANY, BAD_SITE = "UnknownCompany", "BadSite"
_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next\b', re.IGNORECASE)
_PAGE_ID = re.compile(r"[?&]pageId=(\d{1,18})(?:&|$)", re.IGNORECASE)


class PsaApi:
    """The REST interface of one PSA, for one adapter.

    The code base is looked up at the first call and once more whenever an address turns out to
    be gone: cloud upgrades move it several times a year.
    """

    def __init__(self, link: Link, who: str) -> None:
        """Read the settings; no call is made yet."""
        settings = link.settings
        self.who = who
        self.login_company = settings["login_company"].strip()
        self.client_id = settings["client_id"].strip()
        public, private = settings["public_key"].strip(), settings["private_key"].strip()
        pair = f"{self.login_company}+{public}:{private}"
        token = base64.b64encode(pair.encode()).decode("ascii")
        self.authorization = f"Basic {token}"
        self._open = link.http
        self._refusals = Refusals((private, self.client_id, token, pair))
        self._site_text = settings["site"]
        self._door: tuple[Http, str] | None = None
        self._codebase = ""

    # -- addresses -------------------------------------------------------------------------------

    @property
    def site(self) -> Site:
        """The site; RefusedError when what was typed cannot be one."""
        try:
            return read_site(self._site_text)
        except ValueError as error:
            raise RefusedError(self.who, str(error), code=BAD_SITE) from None

    def look_up(self) -> Row:
        """Ask the site, without credentials, for its code base; RefusedError: no such company."""
        path = f"/login/companyinfo/{quote(self.login_company, safe='')}"
        told = self.open(self.site.origin).get(path).json()
        if told is None:
            text = f"knows no login company {self.login_company!r}"
            raise RefusedError(self.who, text, code=UNKNOWN_COMPANY)
        info = CompanyInfo.parse(told, self.who, "a company look-up")
        if not is_codebase(info["codebase"]):
            raise AnswerError(self.who, "answered with an odd code base", code="shape")
        return info

    def open(self, origin: str) -> Http:
        """Open a door of its own to ``origin``, one that shares no cookies with the others."""
        return self._open(origin, who=self.who, classify=self._refusals.classify)

    def door(self) -> tuple[Http, str]:
        """Return the interface's door and the root below which its addresses lie."""
        if self._door is None:
            codebase = str(self.look_up()["codebase"])
            http = self.open(self.site.api_origin(codebase))
            self._codebase = codebase
            self._door = (http, f"/{codebase}apis/3.0")
        return self._door

    def has_moved(self) -> bool:
        """Look the code base up again and tell whether it is another one now."""
        before, self._door = self._codebase, None
        self.door()
        return self._codebase != before

    def private_door(self, path: str) -> tuple[Http, str]:
        """Return a fresh door to the interface, without our keys, and the whole of ``path``."""
        root = self.door()[1]
        return self.open(self.site.api_origin(self._codebase)), root + path

    # -- calls -----------------------------------------------------------------------------------

    def get(self, path: str, **params: str | int) -> Answer:
        """Read an address below the API root."""
        given = _given(params)
        return self._healing(
            lambda http, root: http.get(root + path, params=given, headers=self._headers())
        )

    def read(self, path: str, **params: str | int) -> Any:  # noqa: ANN401 - schemas turn it into values
        """Read an address and return its JSON."""
        return self.get(path, **params).json()

    def one(self, path: str, **params: str | int) -> Row:
        """Read one record."""
        return self._record(self.read(path, **params))

    def first(self, path: str, conditions: str, **params: str | int) -> list[Row]:
        """Read the first page of a list, at most 25 records unless ``pageSize`` says otherwise."""
        return self._list(self.read(path, conditions=conditions, **params))

    def send(self, method: str, path: str, json: object = None) -> Answer:
        """Write. It is never sent twice, but for an address that had moved: that wrote nothing.

        TransientError after a write means that it may have been done.
        """
        return self._healing(
            lambda http, root: http.send(method, root + path, json=json, headers=self._headers())
        )

    def create(self, path: str, json: Mapping[str, Any]) -> Row:
        """Create a record and return it; TransientError when it is unclear whether it exists."""
        return self._written(self.send("POST", path, json))

    def patch(self, path: str, changes: Mapping[str, Any], seen: Row) -> None:
        """Change fields of a record that was read as ``seen``.

        Custom fields go along unchanged: without them PSA may refuse to change a record that has
        some. The answer is not believed: it can be a 200 without any effect, so read back.
        """
        given = dict(changes)
        if seen.get("customFields"):
            given.setdefault("customFields", seen["customFields"])
        operations = [
            {"op": "replace", "path": name, "value": value} for name, value in given.items()
        ]
        self.send("PATCH", path, operations)

    def rows(self, path: str, conditions: str = "", fields: str = "") -> Iterator[Row]:
        """Yield every record of a list once, by forward-only paging (``id`` greater than last).

        Numbered pages would miss or double records that come or go meanwhile.
        """
        last = 0
        while True:
            answer = self._page(path, conditions, fields, pageId=last)
            rows = self._list(answer.json())
            yield from rows
            following = _next_page(answer.headers.get("Link"))
            if following is None and len(rows) == LARGEST_PAGE:
                yield from self._numbered_rows(path, conditions, fields, rows)
            if not following or not rows:
                return
            if following <= last:
                raise AnswerError(self.who, "pages its lists in a circle", code="paging")
            last = following

    # -- inside ----------------------------------------------------------------------------------

    def _numbered_rows(
        self, path: str, conditions: str, fields: str, first: list[Row]
    ) -> Iterator[Row]:
        """Go on by numbered pages where a list knows no others, leaving out the ``first`` rows."""
        seen, page, more = {str(row["id"]) for row in first}, 1, True
        while more:
            answer = self._page(path, conditions, fields, page=page, orderBy="id asc")
            rows = self._list(answer.json())
            yield from (row for row in rows if str(row["id"]) not in seen)
            page, more = page + 1, len(rows) == LARGEST_PAGE

    def _page(self, path: str, conditions: str, fields: str, **walk: str | int) -> Answer:
        params = _given(
            {"conditions": conditions, "fields": fields, "pageSize": LARGEST_PAGE, **walk}
        )
        headers = self._headers()
        if "page" not in walk:
            headers["pagination-type"] = "forward-only"
        return self._healing(
            lambda http, root: http.get(root + path, params=params, headers=headers)
        )

    def _healing(self, call: Callable[[Http, str], Answer]) -> Answer:
        try:
            return call(*self.door())
        except MissingError as error:
            if error.code != NO_ENDPOINT or not self.has_moved():
                raise
        return call(*self.door())

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": self.authorization,
            "clientId": self.client_id,
            "Accept": "application/vnd.connectwise.com+json, application/json",
        }

    def _record(self, value: Any) -> Row:  # noqa: ANN401 - what was answered
        Keyed.parse(value, self.who, "a record")
        found: Row = value
        return found

    def _list(self, value: Any) -> list[Row]:  # noqa: ANN401
        if not isinstance(value, list):
            raise AnswerError(self.who, "answered something that is not a list", code="shape")
        Keyed.parse_many(value, self.who, "a list")
        return value

    def _written(self, answer: Answer) -> Row:
        try:
            return self._record(answer.json())
        except EdgeError:
            text = "took a write, but its answer cannot be read"
        raise TransientError(self.who, text, code=UNCLEAR, status=answer.status)


def number(who: str, record_id: str) -> int:
    """Return a record's number; MissingError for what cannot be one, as PSA would say."""
    if not re.fullmatch(r"[0-9]{1,9}", record_id):
        raise MissingError(who, "has no such record: its id is not a number", code="NotFound")
    return int(record_id)


def _given(params: Mapping[str, str | int]) -> Sequence[tuple[str, str | int]]:
    return [(name, value) for name, value in params.items() if value not in {"", 0}]


def _next_page(link: str | None) -> int | None:
    """Return the id after which the next page starts, 0 at the end of the list.

    None when the list knows no forward-only paging: then there is no Link header, or one with
    page numbers. Only the number is taken: the host in a link may be another than ours.
    """
    following = _NEXT.search(link or "")
    found = _PAGE_ID.search(following[1]) if following else None
    if found:
        return int(found[1])
    return None if link is None or following else 0
