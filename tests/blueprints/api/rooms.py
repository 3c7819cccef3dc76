"""A small installation behind the API: a made-up host and vendor, and what they have."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from plugin.blueprints import api, guard
from plugin.domain.contracts import (
    Field,
    FieldKind,
    FindsDetections,
    OpensTickets,
    ReportsLicences,
    Rung,
    Scope,
    Vendor,
    Words,
)
from plugin.domain.errors import EdgeError
from plugin.domain.model import (
    Choice,
    Company,
    Detection,
    Device,
    DeviceClass,
    Licence,
    LicenceKind,
    LicenceState,
    Page,
    Protection,
    Severity,
    TicketDraft,
    TicketRef,
    TicketView,
    Workspace,
)
from plugin.edge.link import Link
from plugin.runtime import Runtime
from plugin.services import access, connections, integrations, mapping
from plugin.services.access import Role
from plugin.services.handlers import HANDLERS, HOOKS
from plugin.services.work import work
from plugin.settings import load
from plugin.store.base import db, writing
from plugin.store.work import Delivery, Job, JobState
from plugin.vault import Vault
from tests.databases import bare_app, fresh_sqlite
from tests.scene import START, CallingHost, Clock

CANARY = "canary-secret-9f2c"
HOST, VENDOR = "desk", "shield"
PASSWORD = Field("password", "Password", FieldKind.SECRET)


class Desk(CallingHost, OpensTickets):
    """A host that opens tickets."""

    kind = HOST
    title = "Desk"
    fields: ClassVar[tuple[Field, ...]] = (Field("site", "Site"), PASSWORD)
    words = Words("Desk", company="account")
    summary_limit = 100
    ticket_fields = (Field("board", "Board", required=False),)

    def rungs(self) -> tuple[Rung, ...]:
        return (Rung("Sign in", lambda: "signed in"),)

    def companies(self) -> Iterator[Company]:
        yield Company("c1", "Acme")
        yield Company("c2", "Bolt")

    def ticket_choices(self, field: str) -> tuple[Choice, ...]:
        return ()

    def find_ticket(self, key: str) -> TicketView | None:
        return None

    def open_ticket(self, draft: TicketDraft, key: str) -> TicketRef:
        return TicketRef("4711", "https://desk.example/4711")

    def ticket(self, ticket_id: str) -> TicketView:
        raise NotImplementedError

    def add_note(self, ticket_id: str, text: str, marker: str) -> None: ...
    def close_ticket(self, ticket_id: str, resolution: str, status: str) -> None: ...
    def reopen_ticket(self, ticket_id: str, note: str, status: str) -> None: ...

    def tickets_changed(self, since: datetime) -> Iterator[TicketView]:
        return iter(())


class Shield(Vendor, FindsDetections, ReportsLicences):
    """A vendor with two workspaces; ``trouble`` is what its next check meets."""

    kind = VENDOR
    title = "Shield"
    fields = (
        Field("email", "Email", FieldKind.EMAIL),
        PASSWORD,
        Field("region", "Region", choices=(Choice("eu", "Europe"), Choice("us", "States"))),
    )
    words = Words("Shield", workspace="tenant")
    scope = Scope.WORKSPACE
    trouble: ClassVar[list[EdgeError]] = []

    def __init__(self, link: Link) -> None:
        self.link = link

    def rungs(self) -> tuple[Rung, ...]:
        return (Rung("Sign in", self._sign_in),)

    def _sign_in(self) -> str:
        if self.trouble:
            raise self.trouble.pop()
        return "signed in"

    def workspaces(self) -> Iterator[Workspace]:
        yield Workspace("w1", "Acme")
        yield Workspace("w2", "Bolt")

    def devices(self, workspace_id: str, cursor: str | None) -> Iterator[Page[Device]]:
        device = Device(
            f"d-{workspace_id}",
            workspace_id,
            "<svg onload=alert(1)>",
            DeviceClass.SERVER,
            protection=Protection.CRITICAL,
            macs=("00:11:22:33:44:55",),
        )
        yield Page((device,), complete=True)

    def detections(
        self, workspace_id: str, cursor: str | None, since: datetime
    ) -> Iterator[Page[Detection]]:
        found = Detection(
            id=f"x-{workspace_id}",
            workspace_id=workspace_id,
            device_id=f"d-{workspace_id}",
            device_name="SRV-1",
            kind="malware",
            severity=Severity.CRITICAL,
            title="EICAR found",
            occurred_at=START,
        )
        yield Page((found,), next_cursor="1")

    def licences(self, workspace_id: str) -> Iterator[Licence]:
        yield Licence(
            id=f"l-{workspace_id}",
            workspace_id=workspace_id,
            product="Shield Plus",
            kind=LicenceKind.COMMERCIAL,
            state=LicenceState.ACTIVE,
            limit=10,
            used=3,
        )


@dataclass
class Rooms:
    """What a test needs at hand: the application, its runtime, and a token for each role."""

    app: Flask
    runtime: Runtime
    clock: Clock
    tokens: Mapping[Role, str]

    def ask(
        self,
        method: str,
        path: str,
        role: Role | None = Role.ADMINISTRATOR,
        *,
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> TestResponse:
        """Send one request as somebody with this role, or as nobody."""
        sent = dict(headers or {})
        if role is not None:
            sent.setdefault("Authorization", f"Bearer {self.tokens[role]}")
        return self.app.test_client().open(
            f"/api/v1/{path}", method=method, headers=sent, **request
        )

    def get(self, path: str, role: Role | None = Role.ADMINISTRATOR, /, **query: Any) -> Any:  # noqa: ANN401
        """Return the JSON of a GET that must succeed."""
        answer = self.ask("GET", path, role, **({"query_string": query} if query else {}))
        assert answer.status_code == 200, answer.text
        return answer.json


def open_rooms(folder: Path) -> Rooms:
    """Return a furnished installation of its own in ``folder``."""
    shutil.copytree(_furnished(), folder, dirs_exist_ok=True)
    app, runtime, clock = _build(folder)
    tokens = {role: (folder / f"token-{role}").read_text() for role in Role}
    return Rooms(app, runtime, clock, tokens)


def _build(folder: Path) -> tuple[Flask, Runtime, Clock]:
    url, clock = f"sqlite:///{folder}/bridgehead.sqlite", Clock()
    app = bare_app(url)
    app.template_folder = str(Path(api.__file__).parents[2] / "templates")
    app.static_folder = str(Path(api.__file__).parents[2] / "static")
    runtime = Runtime(
        settings=load({"BRIDGEHEAD_DATABASE_URL": url}, root=folder),
        vault=Vault.load(folder),
        hosts={HOST: Desk},
        vendors={VENDOR: Shield},
        now=clock,
    )
    app.extensions["bridgehead"] = runtime
    app.config["MAX_CONTENT_LENGTH"] = runtime.settings.limits.inbox.body_bytes
    guard.install(app)
    api.register(app)
    return app, runtime, clock


@cache
def _furnished() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bridgehead-rooms-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    fresh_sqlite(folder)
    app, runtime, _ = _build(folder)
    with app.app_context():
        _furnish(runtime)
        for role in Role:
            token = access.create_token(runtime, "tester", f"{role} of tests", role)
            (folder / f"token-{role}").write_text(token)
        db.session.remove()
        db.engine.dispose()
    return folder


def _furnish(runtime: Runtime) -> None:
    secret = {"password": CANARY}
    host = connections.create(runtime, "tester", HOST, "Desk", {"site": "desk.example", **secret})
    settings = {"email": "msp@example.com", "region": "eu", **secret}
    vendor = connections.create(runtime, "tester", VENDOR, "Shield", settings)
    made = integrations.create(runtime, "tester", host, vendor, "Desk with Shield")
    _work_all(runtime)
    mapping.map_company(runtime, "tester", made, "w1", "c1")
    for rule in made.rules:
        on = rule.matches == "critical"
        integrations.set_rule(runtime, "tester", made, rule, enabled=on, fields={"board": "Help"})
    integrations.switch_tickets(runtime, "tester", made, on=True)
    integrations.choose_workspaces(runtime, "tester", made, ["w1"])
    _work_all(runtime)
    integrations.sync_now(runtime, "tester", made)
    user, _ = access.create_user(runtime, "tester", "ann@example.com", Role.VIEWER)
    access.start_session(runtime, user, "Browser")
    with writing() as session:
        session.add(_delivery(runtime, host.id))


def _delivery(runtime: Runtime, host_id: int) -> Delivery:
    return Delivery(
        connection_id=host_id,
        received_at=runtime.now(),
        digest="0" * 64,
        headers=[["x-api-token", CANARY], ["content-type", "application/json"]],
        body=b'{"ID": 7}',
    )


def _work_all(runtime: Runtime) -> None:
    for _ in range(20):
        due = select(Job.lane).where(Job.state == JobState.DUE, Job.due_at <= runtime.now())
        lanes = list(db.session.scalars(due.distinct()))
        db.session.commit()
        for lane in lanes:
            work(runtime, lane, HANDLERS, HOOKS)
        if not lanes:
            return
