"""What every command of the program shares: the application, who acts, how answers are told."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask import Flask

from plugin.app import create_app
from plugin.runtime import Runtime
from plugin.settings import Settings, load
from plugin.store.base import db

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def inside(settings: Settings | None = None) -> Iterator[tuple[Flask, Runtime]]:
    """Enter an application of this process, from the process environment by default."""
    app = create_app(settings or load())
    with app.app_context():
        try:
            yield app, app.extensions["bridgehead"]
        finally:
            db.session.remove()
            db.engine.dispose()


def own_host(settings: Settings) -> str:
    """Return the host at which this machine finds its own web process."""
    everywhere = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to
    return "127.0.0.1" if settings.bind_host in everywhere else settings.bind_host


def is_answered(settings: Settings) -> bool:
    """Tell whether somebody listens where our web process would."""
    try:
        with socket.create_connection((own_host(settings), settings.bind_port), 1):
            return True
    except OSError:
        return False


def operator() -> str:
    """Return who acts, for the audit log."""
    return f"operator {os.environ.get('USER', '')}".strip()


def tell(told: dict[str, Any], text: str, as_json: bool) -> None:
    """Print an answer for a person, or as JSON."""
    click.echo(json.dumps(told) if as_json else text)
