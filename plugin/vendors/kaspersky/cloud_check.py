"""The connection check of Kaspersky's cloud: its steps, and what every refusal means."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice

from plugin.domain.contracts import WARNING, Advice, Rung, Vendor, Words
from plugin.domain.errors import EdgeError, RefusedError
from plugin.domain.model import Workspace
from plugin.vendors.kaspersky import cloud_wire as wire
from plugin.vendors.kaspersky.cloud_session import CloudSession
from plugin.vendors.kaspersky.cloud_values import Row

CLOCK_TOLERANCE = timedelta(minutes=5)
ENOUGH = 500
"""Workspaces that are looked at: what more there is proves nothing new."""


class Check:
    """The steps, each one small real call; a later one uses what an earlier one saw."""

    def __init__(
        self,
        vendor: Vendor,
        session: CloudSession,
        tenant_kind: str,
        now: Callable[[], datetime],
    ) -> None:
        """Check ``vendor`` through its own session; ``tenant_kind`` is what it must find there."""
        self._vendor, self._session, self._now = vendor, session, now
        self._tenant_kind = tenant_kind
        self._account: Row = {}
        self._seen: list[Workspace] = []

    def rungs(self) -> tuple[Rung, ...]:
        """Return the steps, the cheapest first."""
        words = self._vendor.words
        return (
            Rung("Server address", self._address),
            Rung("Sign in", self._sign_in),
            Rung("Product", self._product),
            Rung("Clock", self._clock),
            Rung(_several(words).capitalize(), self._workspaces),
            Rung("Devices", self._devices),
        )

    def _address(self) -> str:
        return f"The servers are at {self._session.address}."

    def _sign_in(self) -> str:
        self._session.sign_in()
        return "Signed in."

    def _product(self) -> str:
        answer = self._session.get("/v1/account")
        self._account = wire.AccountWire.parse(answer, self._session.who, "the account")
        found = self._account["tenant_kind"]
        if found != self._tenant_kind:
            text = f"has another unit for a client here than a {self._tenant_kind}"
            raise RefusedError(self._session.who, text, code="other_product")
        return f"This account is one of {self._vendor.title}."

    def _clock(self) -> str:
        if not self._account:
            self._product()
        apart = abs(self._now() - self._account["server_time"])
        if apart <= CLOCK_TOLERANCE:
            return "The server's clock agrees with ours."
        minutes = round(apart.total_seconds() / 60)
        return (
            f"{WARNING}the server's clock and ours are {minutes} minutes apart. Set ours by a time "
            "server."
        )

    def _workspaces(self) -> str:
        self._seen = list(islice(self._vendor.workspaces(), ENOUGH))
        word, found = self._vendor.words.workspace, len(self._seen)
        if not found:
            return (
                f"{WARNING}this account administers no {word}. Make it an administrator of every "
                "client in the portal."
            )
        several = word if found == 1 else _several(self._vendor.words)
        return f"{'At least ' if found == ENOUGH else ''}{found} {several} can be seen."

    def _devices(self) -> str:
        if not any(each.device_count for each in self._seen):
            return (
                f"{WARNING}no device is visible in any {self._vendor.words.workspace}. See in the "
                "portal whether there are any."
            )
        fullest = max(self._seen, key=lambda each: each.device_count or 0)
        page = next(self._vendor.devices(fullest.id, None))
        if not page.rows:
            return f"{WARNING}devices are counted, but none can be seen."
        return "Devices can be read."


def _several(words: Words) -> str:
    """Return the plural of what the product calls a workspace.

    >>> _several(Words("Kaspersky Business Hub", workspace="company"))
    'companies'
    """
    word = words.workspace
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def advice(error: EdgeError, environment: str, kind: str) -> Advice | None:
    """Return cause and cure by the error's own word."""
    if error.code == "no_address":
        return Advice(
            "Kaspersky publishes no address of this cloud for programs, and none was entered for "
            f"environment {environment}.",
            "Until Kaspersky grants a partner interface, use the sandbox. If Kaspersky has told "
            f"you an address, the operator puts it into config/local.toml under "
            f"[addresses.{environment}.{kind}] as api.",
        )
    return _ADVICE.get(error.code)


_ADVICE: Mapping[str, Advice] = {
    "invalid-credentials": Advice(
        "The cloud does not know this e-mail address and password in this environment.",
        "Type both again. An account of production is not known in beta or test.",
    ),
    "two-step-required": Advice(
        "Two-step verification is on for this account, and nobody is there to type the code.",
        "Use an account of its own for this program, with two-step verification off and a long "
        "random password.",
    ),
    "account-locked": Advice(
        "The account is locked, usually after several wrong passwords.",
        "Unlock it in the portal or wait, correct the password here, then check again.",
    ),
    "session-expired": Advice(
        "The cloud ended the session at once.",
        "Check again. If it stays so, see whether somebody signs this account out in the portal.",
    ),
    "token-expired": Advice(
        "The cloud ended the session at once, twice.",
        "Check again. If it stays so, see whether somebody signs this account out in the portal.",
    ),
    "not-administrator": Advice(
        "The sign-in works, but this user has the role of a plain user.",
        "Make it an administrator in the portal: reading and acting both need that role.",
    ),
    "other_product": Advice(
        "The account belongs to the other product: Endpoint Security Cloud has workspaces, "
        "Business Hub has companies.",
        "Delete this connection and add one of the other kind.",
    ),
    "certificate": Advice(
        "The server's certificate is not trusted, so somebody may be listening in between.",
        "If a proxy of yours opens TLS connections, make an exception for this server.",
    ),
    "name": Advice(
        "The server's name cannot be found.",
        "Check the address in config/local.toml and this computer's name server.",
    ),
}
