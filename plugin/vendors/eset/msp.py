"""Msp: MSP Administrator 2 (EMA2), where customers are and seats are counted.

The interface knows GET without and POST with a JSON body, writes its keys in either letter case,
and gives tokens whose lifetime no two pages of its manual agree on: it is read from the token.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from plugin.domain.errors import AnswerError, MissingError, RefusedError
from plugin.edge.http import Http
from plugin.edge.link import Link
from plugin.edge.wire import Wire
from plugin.vendors.eset.connect import address
from plugin.vendors.eset.msp_wire import (
    CompaniesWire,
    CurrentWire,
    EntityTypeWire,
    FoundCompaniesWire,
    FoundLicencesWire,
    LicenceWire,
    MspTokenWire,
    UsageWire,
    small_keys,
)
from plugin.vendors.eset.refusals import judge_msp
from plugin.vendors.eset.signin import SignIn, Token, kept_by

TAKE, MOST_ROWS = 100, 1_000_000
FALLBACK_SECONDS = 55
"""Lifetime of a token that tells none; the shortest that was ever published is a minute."""

Row = dict[str, Any]


class _Grants:
    """The two ways to a token of EMA2."""

    def __init__(self, door: Http, user: str, password: str, who: str) -> None:
        self._door, self._who = door, who
        self._given = {"username": user, "password": password}

    def first(self) -> Token:
        """Sign in with user and password."""
        return self._ask("/api/Token/Get", self._given, {}, safe=True)

    def again(self, last: Token) -> Token:
        """Exchange the refresh token, once: every renewal gives a new one.

        The access token goes with it, run out or not: ESET's description asks for it.
        """
        body, bearer = {"refreshToken": last.refresh}, {"Authorization": f"Bearer {last.access}"}
        return self._ask("/api/Token/Renew", body, bearer, safe=False)

    def _ask(
        self, path: str, body: Mapping[str, str], headers: Mapping[str, str], *, safe: bool
    ) -> Token:
        answer = self._door.send("POST", path, json=body, headers=headers, safe=safe)
        found = MspTokenWire.parse(small_keys(answer.json()), self._who, "a token")
        claims = _claims(found["access"])
        seconds = _lifetime(claims) or found["seconds"] or FALLBACK_SECONDS
        return Token(found["access"], found["refresh"], seconds, _moment(claims.get("nbf")))


class Msp:
    """Reads customers, licences and usage; writes nothing."""

    def __init__(self, link: Link, who: str) -> None:
        """Open the door with the second slot's user; nothing is called yet."""
        settings = link.settings
        self._who = who
        self._door = link.http(address(link, "msp"), who=who, classify=judge_msp)
        user, password = settings.get("msp_email", ""), settings.get("msp_password", "")
        grants = _Grants(self._door, user, password, who)
        self._sign_in = SignIn(grants, link.now, kept_by(link, "msp"))

    def sign_in(self) -> float:
        """Sign in now and return by how many seconds our clock is ahead of EMA2's."""
        return self._sign_in.afresh()

    def company(self) -> Row:
        """Return the signed-in user's own company (``id``, ``name``): the root of all others."""
        found = CurrentWire.parse(self._call("GET", "/api/User/Current"), self._who, "a user")
        company: Row = found["company"]
        identifier = company["company_id"] or company["id"]
        if not identifier:
            raise AnswerError(self._who, "answered a user without a company", code="shape")
        return {"id": identifier, "name": company["name"]}

    def customers(self) -> Iterator[Row]:
        """Yield customers: ``id``, ``name`` and the ``path`` of names below the own company."""
        root = self.company()["id"]
        rows = {row["id"]: row for row in self._companies(root)}
        parents = {row["parent"] for row in rows.values()}
        kinds = self._customer_kinds()
        for identifier, row in rows.items():
            wanted = row["kind"] in kinds if kinds else identifier not in parents
            if identifier != root and wanted:
                yield {**row, "path": _path(identifier, root, rows)}

    def _companies(self, root: str) -> Iterator[Row]:
        """Yield every visible company; with its parent where the search call is there."""
        try:
            yield from self._listed("/api/Search/Companies", {"search": {}}, FoundCompaniesWire)
        except MissingError:
            body = {"companyId": root, "entityType": "Any"}
            yield from self._listed("/api/Company/Descendants", body, CompaniesWire)

    def _customer_kinds(self) -> set[str]:
        """Return the numbers that mean "customer", which no page publishes; none if not told."""
        try:
            rows = self._call("GET", "/api/Enum/EntityTypes")
            kinds = EntityTypeWire.parse_many(rows, self._who, "a list of company types")
        except (AnswerError, MissingError, RefusedError):
            return set()
        return {row["id"] for row in kinds if row["name"].strip().casefold() == "customer"}

    def licences(self, customer_id: str = "") -> Iterator[Row]:
        """Yield the licences of a customer, or of all: one call for each, as seats need it."""
        body = {"keyword": "", **({"customerId": customer_id} if customer_id else {})}
        for row in self._listed("/api/Search/Licenses", body, FoundLicencesWire):
            found = self._call("POST", "/api/License/Detail", {"publicLicenseKey": row["key"]})
            yield {**LicenceWire.parse(found, self._who, "a licence"), "key": row["key"]}

    def usage(self, day: date, customer_id: str = "") -> Iterator[Row]:
        """Yield for each customer (or one) its ``products`` with ``seats`` and ``seat_days``."""
        span = {"from": day.isoformat(), "to": day.isoformat()}
        if customer_id:
            body: Row = {**span, "companyIds": [customer_id]}
            return self._listed("/api/UsageReport/SelectedCompanies/products", body, UsageWire)
        return self._listed("/api/UsageReport/AllCompanies/products", span, UsageWire)

    def _listed(self, path: str, body: Row, wire: type[Wire]) -> Iterator[Row]:
        """Yield the rows of a list, a hundred at a time."""
        skip, first = 0, None
        while True:
            found = self._call("POST", path, {**body, "skip": skip, "take": TAKE})
            page = wire.parse(found, self._who, "a page of a list")
            rows: list[Row] = page["rows"] or []
            yield from rows
            skip += len(rows)
            total = page["paging"].get("total") if page["paging"] else None
            over = len(rows) < TAKE if total is None else skip >= total
            if over or not rows:
                return
            if rows[0] == first or skip > MOST_ROWS:
                raise AnswerError(self._who, "answers a list without an end", code="paging")
            first = rows[0]

    def _call(self, method: str, path: str, body: Row | None = None) -> object:
        """Return the decoded answer, its keys in small letters; every call here only reads."""
        token = self._sign_in.access()
        try:
            return self._ask(method, path, body, token)
        except RefusedError as error:
            if error.code != "msp_token":
                raise
        return self._ask(method, path, body, self._sign_in.replace(token))

    def _ask(self, method: str, path: str, body: Row | None, token: str) -> object:
        headers = {"Authorization": f"Bearer {token}"}
        answer = self._door.send(method, path, json=body, headers=headers, safe=True)
        return small_keys(answer.json())


def _path(identifier: str, root: str, rows: Mapping[str, Row]) -> tuple[str, ...]:
    names: list[str] = []
    passed: set[str] = set()
    while identifier in rows and identifier not in passed | {root}:
        passed.add(identifier)
        names.append(rows[identifier]["name"])
        identifier = rows[identifier]["parent"]
    return tuple(reversed(names))


def _claims(token: str) -> dict[str, Any]:
    """Return what a JWT says; nothing when it is none. Its signature is not for us to check."""
    body = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _lifetime(claims: Mapping[str, Any]) -> int:
    """Return the seconds between "not before" (or "issued at") and "expires", or 0."""
    start, end = claims.get("nbf", claims.get("iat")), claims.get("exp")
    if not isinstance(start, int | float) or not isinstance(end, int | float):
        return 0
    seconds = end - start
    return int(seconds) if 0 < seconds < 10**7 else 0


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
