"""Everybody at every door: made from the table of routes, so that no new door is left out.

A stranger, a bridge, each role, and a person and a token limited to one company, at another's
records.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule

from plugin.services import access, accounts, connections
from plugin.services.access import Role
from plugin.services.bridges import registry
from plugin.store.base import db, writing
from plugin.store.integrations import CompanyMapping
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow
from plugin.store.people import User
from plugin.store.work import TicketEntry
from tests.blueprints.pages.office import Office, Visitor, open_office

CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
OWN = ("access.", "second_factor.")
"""Pages of one's own account: a limited person may use them."""


@dataclass(frozen=True)
class Door:
    """One method of one route, and who may come in."""

    rule: Rule
    method: str
    needed: Role | None
    checks_itself: bool

    @property
    def endpoint(self) -> str:
        return str(self.rule.endpoint)

    @property
    def is_api(self) -> bool:
        return self.rule.rule.startswith("/api/")

    def path(self, numbers: dict[str, str]) -> str:
        """Fill in the numbers of somebody's records."""

        collection = self.rule.rule.removeprefix("/api/v1/").partition("/")[0]

        def number(found: re.Match[str]) -> str:
            name = found[0].strip("<>").rpartition(":")[2]
            return numbers.get(f"{collection} {name}") or numbers.get(name, "1")

        return re.sub(r"<[^>]+>", number, self.rule.rule)


def doors(app: Flask) -> Iterator[Door]:
    """Yield every method of every route."""
    for rule in app.url_map.iter_rules():
        view: Any = app.view_functions[rule.endpoint]
        owner = getattr(view, "view_class", None)
        for method in sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"}):
            found = getattr(owner, method.lower(), None) if owner else view
            whole = getattr(owner, "access_rule", ("anyone", ""))
            mark: Any = getattr(found, "access_rule", None) or whole
            role = mark[1] if mark[0] == "role" else None
            yield Door(rule, method, role, getattr(found, "checks_itself", False))


@dataclass
class Matrix:
    """An installation with two clients, and what belongs to the first."""

    office: Office
    theirs: dict[str, str]
    secrets: list[str]
    limit: frozenset[tuple[int, str]]
    ours: str
    """The name of the company that the limited person may see."""

    def limited(self, role: Role) -> Visitor:
        visitor = self.office.newcomer(role, f"limited-{role.value}@example.com")
        with writing() as session:
            user = session.scalars(select(User).order_by(User.id.desc())).first()
            assert user is not None
            user.companies = accounts.stored(self.limit)
        return visitor


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with open_office(tmp_path_factory.mktemp("matrix")) as office:
        office.house.integrate()
        for _ in range(3):
            office.house.happen("detection")
        for connection in connections.living(office.house.runtime):
            office.house.sync(connection)
        yield _matrix(office)


def _matrix(office: Office) -> Matrix:
    entry = db.session.scalars(select(TicketEntry)).all()[0]
    first = _workspace_of(entry.company_id)
    other = db.session.scalars(
        select(CompanyMapping).where(CompanyMapping.company_id != entry.company_id)
    ).all()[0]
    device = db.session.scalars(
        select(DeviceRow).where(DeviceRow.workspace_id == first.workspace_id)
    ).all()
    companies = {each.company_id: each for each in db.session.scalars(select(CompanyRow))}
    theirs = {
        "device_id": str(device[0].id),
        "entry_id": str(entry.id),
        "devices number": str(device[0].id),
        "tickets number": str(entry.id),
    }
    secrets = [first.name, companies[entry.company_id].name, *(each.name for each in device)]
    limit = frozenset({(other.host_id, other.company_id)})
    return Matrix(office, theirs, secrets, limit, companies[other.company_id].name)


def _workspace_of(company_id: str) -> WorkspaceRow:
    mapped = select(CompanyMapping).where(CompanyMapping.company_id == company_id)
    mapping = db.session.scalars(mapped).all()[0]
    query = select(WorkspaceRow).where(WorkspaceRow.workspace_id == mapping.workspace_id)
    return db.session.scalars(query).all()[0]


BRIDGES = {f"bridge.{each}" for each in ("enrol", "beat", "lease", "page", "done")}
"""They ask for a bridge's own secret, which opens nothing else."""


def guarded(office: Office) -> list[Door]:
    found = [each for each in doors(office.app) if each.needed is not None]
    assert len(found) > 90
    return found


def ask(visitor: Visitor, door: Door, numbers: dict[str, str]) -> tuple[int, str]:
    data = {"csrf_token": visitor.token} if door.method in CHANGES and not door.is_api else None
    headers = {"X-CSRF-Token": visitor.token} if door.is_api else {}
    more: dict[str, Any] = {"json": {}} if door.is_api and door.method in CHANGES else {}
    answer = visitor.client.open(
        door.path(numbers), method=door.method, data=data, headers=headers, **more
    )
    return answer.status_code, html.unescape(answer.text)


def test_what_is_open_to_everybody_says_why_and_is_no_more_than_this(matrix: Matrix) -> None:
    open_ones = {each.endpoint for each in doors(matrix.office.app) if each.needed is None}
    assert open_ones <= {
        "static",
        "access.sign_in",
        "access.enter",
        "access.sign_out",
        "second_factor.enter",
        "setting_up.start",
        "setting_up.finish",
        "oidc.leave",
        "oidc.come_back",
        "launching.launch",
        "embedding.launch",
        "embedding.hand_over",
        "webhooks.receive",
        "health.alive",
        "health.ready",
        "health.metrics",
        "api-document.document",
        "api-document.viewer",
        *BRIDGES,
    }, open_ones


def test_a_stranger_comes_in_nowhere(matrix: Matrix) -> None:
    stranger = matrix.office.stranger()
    shown = stranger.get("/sign-in").text
    stranger.token = shown.partition('name="csrf_token" value="')[2].partition('"')[0]
    for door in guarded(matrix.office):
        status, _ = ask(stranger, door, matrix.theirs)
        expected = 302 if door.method == "GET" and not door.is_api else 401
        assert status == expected, (door.method, door.rule.rule)


def test_a_bridge_comes_in_nowhere_with_its_secret(matrix: Matrix) -> None:
    client = matrix.office.app.test_client()
    headers = {"Authorization": f"Bearer {_bridge_secret(matrix)}"}
    for door in guarded(matrix.office):
        more: dict[str, Any] = {"json": {}} if door.method in CHANGES else {}
        path = door.path(matrix.theirs)
        answer = client.open(path, method=door.method, headers=headers, **more)
        expected = 302 if door.method == "GET" and not door.is_api else 401
        assert answer.status_code == expected, (door.method, door.rule.rule)
        assert not [each for each in matrix.secrets if each in answer.text]


def test_nobody_but_a_bridge_comes_in_at_its_doors(matrix: Matrix) -> None:
    runtime = matrix.office.house.runtime
    token = access.create_token(runtime, "t", "no-bridge", Role.ADMINISTRATOR)
    by_token = {"Authorization": f"Bearer {token}"}
    own = [each for each in doors(matrix.office.app) if each.endpoint in BRIDGES - {"bridge.enrol"}]
    assert len(own) == 4
    for door in own:
        for headers in ({}, by_token):
            client = matrix.office.administrator.client
            path = door.path(matrix.theirs)
            answer = client.open(path, method=door.method, headers=headers, json={})
            assert answer.status_code in {401, 403}, (door.rule.rule, answer.status_code)


def _bridge_secret(matrix: Matrix) -> str:
    """Enrol a bridge and return the secret that it calls with."""
    runtime = matrix.office.house.runtime
    bridge = registry.name(runtime, "tester", "matrix-pc")
    _, secret = registry.enrol(runtime, registry.new_token(runtime, "tester", bridge), "1")
    assert registry.known(secret).id == bridge.id
    return secret


def test_a_role_comes_in_nowhere_above_it(matrix: Matrix) -> None:
    for role in Role:
        visitor = matrix.office.visitor(role)
        for door in guarded(matrix.office):
            if door.needed is not None and not role.covers(door.needed):
                status, _ = ask(visitor, door, matrix.theirs)
                assert status == 403, (role, door.method, door.rule.rule)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER])
def test_another_companys_person_learns_and_changes_nothing(matrix: Matrix, role: Role) -> None:
    visitor = matrix.limited(role)
    leaks, seen = [], 0
    for door in guarded(matrix.office):
        if door.endpoint.startswith(OWN):
            continue
        status, text = ask(visitor, door, matrix.theirs)
        seen += status == 200
        changed = door.method in CHANGES and status < 400
        told = status == 200 and any(each in text for each in matrix.secrets)
        if changed or told:
            leaks.append((door.method, door.rule.rule, status))
    assert leaks == []
    assert seen >= 10


def test_another_companys_token_learns_nothing(matrix: Matrix) -> None:
    token = access.create_token(
        matrix.office.house.runtime, "t", "limited", Role.APPROVER, companies=matrix.limit
    )
    client = matrix.office.app.test_client()
    headers = {"Authorization": f"Bearer {token}"}
    told = []
    for door in guarded(matrix.office):
        if door.is_api and door.method == "GET":
            answer = client.get(door.path(matrix.theirs), headers=headers)
            told += [door.rule.rule for each in matrix.secrets if each in answer.text]
    assert told == []


@pytest.mark.parametrize(
    "path",
    [
        "/devices?format=csv",
        "/events?format=csv",
        "/licensing?format=csv",
        "/tickets?format=csv",
        "/tickets/log?format=csv",
        "/devices?workspace=1&q=a",
        "/devices?protection=critical",
        "/records/1?screen=company&record={company}",
        "/records/1?screen=computer&name={device}",
        "/api/v1/statistics",
    ],
)
def test_a_limited_person_sees_ones_own_and_not_the_others(matrix: Matrix, path: str) -> None:
    email = "limited-viewer@example.com"
    if email not in matrix.office.visitors:
        matrix.office.visitors[email] = _signed_in(matrix, email)
    visitor = matrix.office.visitors[email]
    theirs = db.session.scalars(select(CompanyRow).where(CompanyRow.name == matrix.secrets[1]))
    filled = path.format(company=theirs.all()[0].company_id, device=matrix.secrets[2])
    text = html.unescape(visitor.get(filled).text)
    assert not [each for each in matrix.secrets[:2] if each in text]
    if path == "/devices?format=csv":
        assert matrix.ours.split()[0] in text
    if path == "/api/v1/statistics":
        everything = matrix.office.viewer.get(path).get_json()
        assert 0 < visitor.get(path).get_json()["devices"] < everything["devices"]


def _signed_in(matrix: Matrix, email: str) -> Visitor:
    user = db.session.scalars(select(User).where(User.email == email)).first()
    if user is None:
        return matrix.limited(Role.VIEWER)
    secret, token = access.start_session(matrix.office.house.runtime, user)
    client = matrix.office.app.test_client()
    client.set_cookie("bridgehead", secret)
    return Visitor(client, token)


def test_a_limited_person_sees_only_what_is_open_to_such_in_the_menu(matrix: Matrix) -> None:
    visitor = _signed_in(matrix, "limited-viewer@example.com")
    shown = visitor.read("/devices")
    menu = set(re.findall(r'<li><a href="([^"]+)"', shown))
    assert "/connections" not in menu
    assert all(visitor.get(path).status_code in {200, 303} for path in menu)
