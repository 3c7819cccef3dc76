"""The application factory: the only module that knows every part."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, cast

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import plugin.hosts
import plugin.vendors
from plugin import blueprints, logs
from plugin.blueprints import guard, presence, withdrawn
from plugin.blueprints.bodies import Gathering
from plugin.blueprints.fast_inbox import FastInbox
from plugin.domain.contracts import Host, Vendor
from plugin.domain.errors import ConfigError
from plugin.edge.discovery import find_adapters
from plugin.engine import make_engine
from plugin.engine.memory import use_one_arena
from plugin.runtime import Runtime, utc_now
from plugin.services import budgets
from plugin.services.handlers import HANDLERS, HOOKS, PERIODIC
from plugin.services.reports import keep_reporting
from plugin.services.work import work
from plugin.settings import Settings, load
from plugin.store import database
from plugin.vault import Vault


def create_app(
    settings: Settings,
    *,
    now: Callable[[], datetime] = utc_now,
    transports: Mapping[str, Any] | None = None,
) -> Flask:
    """Make the application; ConfigError when a route does not say who may enter.

    ``now`` and ``transports`` are for tests: a hand-moved clock, and WSGI applications in the
    place of remote servers.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    app = Flask("plugin")
    app.config["MAX_CONTENT_LENGTH"] = settings.limits.inbox.body_bytes
    database.configure(app, settings.database_url)
    shared = budgets.of_process(app)
    app.extensions["bridgehead"] = Runtime(
        settings=settings,
        vault=Vault.load(settings.data, settings.vault_key),
        hosts=cast(Mapping[str, type[Host]], find_adapters(plugin.hosts)),
        vendors=cast(Mapping[str, type[Vendor]], find_adapters(plugin.vendors)),
        now=now,
        transports={} if transports is None else transports,
        budget_of=None if shared is None else shared.of,
    )
    presence.install(app)
    guard.install(app)
    withdrawn.install(app)
    blueprints.install(app)
    undeclared = guard.undeclared(app)
    if undeclared:
        raise ConfigError([f"route {each} does not say who may enter" for each in undeclared])
    if settings.fast_inbox:
        app.wsgi_app = FastInbox(app, app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = Gathering(app, app.wsgi_app)  # type: ignore[method-assign]
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    return app


def web() -> Flask:
    """Make the application of a web process, from the process environment."""
    settings = load()
    logs.configure(as_json=settings.log_json)
    app = create_app(settings)
    runtime: Runtime = app.extensions["bridgehead"]
    # This engine never runs here; it only tells the workers that there is something to do.
    runtime.waker.append(make_engine(app, lambda lane: None).wake)
    return app


def run_worker(app: Flask, stopping: threading.Event) -> None:
    """Do the background work of this process until ``stopping`` is set."""
    use_one_arena()
    runtime: Runtime = app.extensions["bridgehead"]

    def work_lane(lane: str) -> int:
        return work(runtime, lane, HANDLERS, HOOKS, stopping.is_set)

    engine = make_engine(app, work_lane)
    runtime.waker.append(engine.wake)
    for name, periodic in PERIODIC.items():
        engine.every(periodic.seconds, f"periodic:{name}", partial(periodic.do, runtime))
    keep_reporting(app, runtime, stopping)
    engine.run(stopping)
