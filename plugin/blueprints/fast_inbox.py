"""The fast inbox: the same door without Flask's dispatch, which costs more than all the rest.

Off unless the operator turns it on (``BRIDGEHEAD_FAST_INBOX``); the same tests run against both.
"""

from collections.abc import Iterable
from http import HTTPStatus

from flask import Flask

from plugin import logs
from plugin.blueprints import webhooks
from plugin.blueprints.bodies import LARGEST, Application, Environ, StartResponse, gathered
from plugin.blueprints.webhooks import Knock


class FastInbox:
    """Answers hosts' calls, and hands every other request to the application behind it."""

    def __init__(self, app: Flask, behind: Application) -> None:
        """Stand before ``behind``, normally ``app.wsgi_app``, and behind a :class:`Gathering`."""
        self._app, self._behind = app, behind
        self._limit = app.config["MAX_CONTENT_LENGTH"] or LARGEST

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path: str = environ.get("PATH_INFO", "")
        method: str = environ["REQUEST_METHOD"]
        if not path.startswith(webhooks.PREFIX) or method not in webhooks.METHODS:
            return self._behind(environ, start_response)
        knock = Knock(
            method=method,
            rest=path.removeprefix(webhooks.PREFIX).encode("latin-1").decode("utf-8", "replace"),
            query=environ.get("QUERY_STRING", ""),
            headers=_headers(environ),
            body=gathered(environ, self._limit) if method == "POST" else b"",
        )
        logs.begin(request=logs.new_id())
        with self._app.app_context():
            reply = webhooks.answer(webhooks.receiver(), knock)
        body = reply.text.encode()
        size = [] if reply.status == HTTPStatus.NO_CONTENT else [("Content-Length", str(len(body)))]
        phrase = HTTPStatus(reply.status).phrase
        start_response(f"{int(reply.status)} {phrase}", [*reply.headers, *size])
        return [] if method == "HEAD" else [body]


def _headers(environ: Environ) -> list[tuple[str, str]]:
    found = [
        (key[5:].replace("_", "-").lower(), value)
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
    if environ.get("CONTENT_TYPE"):
        found.append(("content-type", environ["CONTENT_TYPE"]))
    return found
