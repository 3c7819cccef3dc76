"""The connection check of Security Center: its steps, and what every refusal means."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from plugin.domain.contracts import WARNING, Advice, Rung, Vendor
from plugin.domain.errors import EdgeError
from plugin.domain.model import Workspace
from plugin.vendors.kaspersky.center_session import Server, Sessions

CLOCK_TOLERANCE = timedelta(minutes=5)


class Check:
    """The steps, each one small real call; a later one uses what an earlier one saw."""

    def __init__(
        self,
        vendor: Vendor,
        sessions: Sessions,
        home: Server,
        now: Callable[[], datetime],
    ) -> None:
        """Check ``vendor`` through its own sessions; ``home`` is where it logs in first."""
        self._vendor, self._sessions, self._home, self._now = vendor, sessions, home, now
        self._seen: list[Workspace] = []

    def rungs(self) -> tuple[Rung, ...]:
        """Return the steps, the cheapest first."""
        return (
            Rung("Sign in", self._sign_in),
            Rung("Clock", self._clock),
            Rung("Virtual servers", self._virtual_servers),
        )

    def _sign_in(self) -> str:
        self._sessions.session(self._home)
        self._sessions.call(self._home, "Session.Ping")
        return "Signed in."

    def _clock(self) -> str:
        theirs = self._sessions.server_clock
        if theirs is None:
            return "The server does not show its clock."
        apart = abs(self._now() - theirs)
        if apart <= CLOCK_TOLERANCE:
            return "The server's clock agrees with ours."
        minutes = int(apart.total_seconds() // 60)
        return f"{WARNING}the server's clock and ours are {minutes} minutes apart."

    def _virtual_servers(self) -> str:
        self._seen = list(self._vendor.workspaces())
        if not self._seen:
            return f"{WARNING}this user sees no virtual server."
        return f"{len(self._seen)} virtual servers are visible."


def advice(error: EdgeError) -> Advice | None:
    """Return cause and cure by the error's own word."""
    return _ADVICE.get(error.code)


_ADVICE: Mapping[str, Advice] = {
    "password": Advice(
        "The server does not know this user name and password.",
        "Type both again. If the user was made in Security Center, Internal user must be on.",
    ),
}
