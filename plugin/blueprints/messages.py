"""The cookie for messages that survive one redirect ("Saved.").

Who is signed in never rests in it: that is the server-side session of
:mod:`plugin.services.access`.
"""

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

from plugin.runtime import Runtime

PURPOSE = "message cookie"


class MessageCookie(SecureCookieSessionInterface):
    """Flask's signed cookie, in the form that also survives inside a host's frame."""

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name for this request's scheme."""
        return "__Host-bridgehead-messages" if request.is_secure else "bridgehead-messages"

    def get_cookie_secure(self, app: Flask) -> bool:
        """Tell whether the cookie is for https alone."""
        return request.is_secure

    def get_cookie_samesite(self, app: Flask) -> str:
        """Return the rule for other sites' pages, which a host's frame is inside of."""
        return "None" if request.is_secure else "Lax"

    def get_cookie_partitioned(self, app: Flask) -> bool:
        """Tell whether each embedding site has a cookie of its own."""
        return request.is_secure


def install(app: Flask) -> None:
    """Let views flash messages."""
    runtime: Runtime = app.extensions["bridgehead"]
    app.secret_key = runtime.vault.derive(PURPOSE)
    app.session_interface = MessageCookie()
