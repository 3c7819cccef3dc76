"""A whole installation behind a test client: one filled house, people of every role."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from plugin.app import create_app
from plugin.services import access
from plugin.services.access import Role
from plugin.settings.sandbox import Offer
from plugin.store.base import db, writing
from plugin.store.people import User, UserSession
from tests.databases import fresh_sqlite
from tests.house import House, open_house

PASSWORD = "correct horse battery"


@dataclass
class Visitor:
    """A browser: keeps its cookies, and sends the form token of its session."""

    client: FlaskClient
    token: str = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, **more)

    def post(self, path: str, form: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token, **(form or {})}, **more)

    def read(self, path: str, **more: Any) -> str:
        answer = self.get(path, **more)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text


@dataclass
class Office:
    """An installation and the people who come to it."""

    house: House
    app: Flask
    visitors: dict[str, Visitor] = field(default_factory=dict)

    def stranger(self) -> Visitor:
        return Visitor(self.app.test_client())

    def visitor(self, role: Role) -> Visitor:
        """Return a signed-in person of this role, the same one each time."""
        if role not in self.visitors:
            self.visitors[role] = self.newcomer(role, f"{role.value}@example.com")
        return self.visitors[role]

    def newcomer(self, role: Role, email: str, *, must_change: bool = False) -> Visitor:
        """Make an account and sign it in, without the work of hashing a password."""
        runtime = self.house.runtime
        with writing() as session:
            user = User(email=email, role=role, created_at=runtime.now(), must_change=must_change)
            session.add(user)
        secret, token = access.start_session(runtime, user, "test browser")
        client = self.app.test_client()
        client.set_cookie("bridgehead", secret)
        return Visitor(client, token)

    @property
    def administrator(self) -> Visitor:
        return self.visitor(Role.ADMINISTRATOR)

    @property
    def technician(self) -> Visitor:
        return self.visitor(Role.TECHNICIAN)

    @property
    def viewer(self) -> Visitor:
        return self.visitor(Role.VIEWER)

    def fresh(self) -> None:
        """Forget what the test's own session has read."""
        db.session.rollback()
        db.session.expire_all()


@contextmanager
def open_office(
    folder: Path,
    companies: int = 3,
    devices: int = 24,
    offers: Mapping[str, Offer] | None = None,
) -> Iterator[Office]:
    """Open the installation in ``folder``, or a new one with nothing connected.

    ``offers`` is the sandbox that it was told of; none unless given.
    """
    kept = folder / "bridgehead.sqlite"
    url = f"sqlite:///{kept}" if kept.exists() else fresh_sqlite(folder)
    with open_house(url, folder, companies, devices) as house:
        runtime = house.runtime
        settings = replace(runtime.settings, sandbox_offers=offers or {})
        app = create_app(settings, now=runtime.now, transports=runtime.transports)
        yield Office(house, app)


def sessions_of(email: str) -> list[UserSession]:
    query = select(UserSession).join(User).where(User.email == email)
    return list(db.session.scalars(query))
