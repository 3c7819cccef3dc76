"""The applications that the receiver's bench serves; see bench/receiver.py."""

import os

from flask import Flask, Response, request

from plugin.blueprints import guard, webhooks
from plugin.blueprints.bodies import Gathering
from plugin.blueprints.fast_inbox import FastInbox
from plugin.runtime import Runtime, utc_now
from plugin.services.receiver import Accepted, Incoming, Receiver, lane_of
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.queue import enqueue
from plugin.store.work import Delivery
from tests.databases import bare_app
from tests.scene import make_runtime


class StoringNothing(Receiver):
    """Everything but the store: the ceiling of this server."""

    def store(self, call: Incoming) -> Accepted:
        return Accepted(1, repeated=False)


class OneByOne(Receiver):
    """The same durable rows, one transaction a call instead of one for all that wait."""

    def store(self, call: Incoming) -> Accepted:
        return self._store([call])[0]


def _app(*, fast: bool = False) -> tuple[Flask, Runtime]:
    """Make the application with what stands before it in a web process, see plugin/app.py."""
    app = bare_app(os.environ["BENCH_DATABASE"])
    app.config["MAX_CONTENT_LENGTH"] = 1_048_576
    runtime = make_runtime(utc_now)
    app.extensions["bridgehead"] = runtime
    guard.install(app)
    app.register_blueprint(webhooks.blueprint)
    behind = FastInbox(app, app.wsgi_app) if fast else app.wsgi_app
    app.wsgi_app = Gathering(app, behind)  # type: ignore[method-assign]
    return app, runtime


def ours() -> Flask:
    return _app()[0]


def fast() -> Flask:
    return _app(fast=True)[0]


def nothing() -> Flask:
    app, runtime = _app()
    app.extensions["bridgehead.receiver"] = StoringNothing(app, runtime)
    return app


def one_by_one() -> Flask:
    app, runtime = _app()
    app.extensions["bridgehead.receiver"] = OneByOne(app, runtime)
    return app


def plain() -> Flask:
    """What most would write: look the token up, check, add, commit."""
    app, _ = _app()

    @app.post("/plain/<token>")
    @guard.anyone(why="a bench", checks_itself=True)
    def receive(token: str) -> Response:
        query = db.select(Connection).where(Connection.webhook_token == token)
        connection = db.session.scalars(query).one()
        body = request.get_data()
        now = utc_now()
        with writing() as session:
            row = Delivery(connection_id=connection.id, received_at=now, digest="", body=body)
            session.add(row)
            session.flush()
            enqueue(session, "delivery", str(row.id), lane_of(connection.id), now=now)
        return Response(status=204)

    return app
