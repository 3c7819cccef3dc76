"""A small scene for tests of the engine room: an app, a clock moved by hand, a made-up host."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar

from flask import Flask

from plugin.domain.contracts import Field, Host, Rung, SendsWebhooks, Words
from plugin.domain.errors import EdgeError, ForgedError
from plugin.domain.model import Company, Delivery, EventAction, EventKind, HostEvent, Subscription
from plugin.edge.link import Link
from plugin.runtime import Runtime
from plugin.settings import load
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Side
from plugin.vault import Vault
from tests.databases import bare_app

START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
SECRET = b"made-up"


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


class CallingHost(Host, SendsWebhooks):
    """A host that signs what it sends; ``offline`` says whether its proof needs no network."""

    kind = "calling"
    title = "Calling host"
    fields: ClassVar[tuple[Field, ...]] = ()
    words = Words("calling")
    offline: ClassVar[bool] = True
    trouble: ClassVar[list[EdgeError]] = []

    def __init__(self, link: Link) -> None:
        self.link = link

    def rungs(self) -> tuple[Rung, ...]:
        return ()

    def companies(self) -> Iterator[Company]:
        return iter(())

    def wanted_subscriptions(self, url: str) -> tuple[Subscription, ...]:
        return ()

    def subscriptions(self, url: str) -> Iterator[Subscription]:
        return iter(())

    def subscribe(self, wanted: Subscription) -> None: ...
    def unsubscribe(self, present: Subscription) -> None: ...
    def repair(self, present: Subscription) -> None: ...

    def can_prove_offline(self, delivery: Delivery) -> bool:
        return self.offline

    def prove(self, delivery: Delivery) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        if not hmac.compare_digest(sign(delivery.body), delivery.header("x-content-signature")):
            raise ForgedError(self.title, "the signature does not fit")

    def read(self, delivery: Delivery) -> HostEvent:
        said = json.loads(delivery.body)
        kind = EventKind.TICKET if said.get("Type") == "ticket" else EventKind.UNKNOWN
        message_id = said.get("MessageId", "")
        return HostEvent(kind, str(said["ID"]), EventAction.UPDATED, message_id)


class NetworkProvenHost(CallingHost):
    """A host whose key has to be fetched first."""

    kind = "network"
    offline = False


class SilentHost(Host):
    """A host that never calls."""

    kind = "silent"
    title = "Silent host"
    fields: ClassVar[tuple[Field, ...]] = ()
    words = Words("silent")

    def __init__(self, link: Link) -> None:
        self.link = link

    def rungs(self) -> tuple[Rung, ...]:
        return ()

    def companies(self) -> Iterator[Company]:
        return iter(())


def sign(body: bytes) -> str:
    return hmac.new(SECRET, body, hashlib.sha256).hexdigest()


def saying(**said: Any) -> bytes:
    """Return a body as the calling host would send it."""
    return json.dumps({"Type": "ticket", "ID": 7, "Action": "updated", **said}).encode()


def signed(body: bytes) -> list[tuple[str, str]]:
    return [("X-Content-Signature", sign(body)), ("Content-Type", "application/json")]


@dataclass
class Scene:
    """An application with a database, a runtime and a clock."""

    app: Flask
    runtime: Runtime
    clock: Clock
    woken: list[str] = field(default_factory=list)

    def add_connection(self, kind: str = "calling", **values: Any) -> Connection:
        connection = Connection(
            side=Side.HOST,
            kind=kind,
            name=values.pop("name", f"{kind} {secrets.token_hex(3)}"),
            created_at=self.clock(),
            webhook_token=secrets.token_urlsafe(32),
            **values,
        )
        with writing() as session:
            session.add(connection)
        db.session.refresh(connection)
        db.session.expunge(connection)
        return connection

    def fresh(self) -> None:
        """Forget what was read, as a new request would."""
        db.session.remove()


@contextmanager
def scene(url: str, *, now: Callable[[], datetime] | None = None) -> Iterator[Scene]:
    """Play in a fresh application on the database at ``url``, inside its context."""
    app = bare_app(url)
    clock = Clock()
    made = make_runtime(now or clock)
    played = Scene(app, made, clock)
    made.waker.append(played.woken.append)
    with app.app_context():
        yield played
        db.session.remove()
        db.engine.dispose()


def make_runtime(now: Callable[[], datetime], environ: Mapping[str, str] | None = None) -> Runtime:
    folder = Path(mkdtemp(prefix="bridgehead-scene-"))
    return Runtime(
        settings=load(environ or {}, root=folder),
        vault=Vault.load(folder, Vault.new_key()),
        hosts={host.kind: host for host in (CallingHost, NetworkProvenHost, SilentHost)},
        vendors={},
        now=now,
    )
