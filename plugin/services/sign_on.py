"""Single sign-on: people whom the operator's identity provider proves (OpenID Connect)."""

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from plugin.domain.errors import RuleError
from plugin.edge.addresses import AddressGuard
from plugin.edge.http import Http, Timeouts
from plugin.edge.oidc import WHO, Client, Provider
from plugin.runtime import Runtime
from plugin.services import proven
from plugin.services.guessing import SignInError
from plugin.store.base import db
from plugin.store.people import User
from plugin.vault import VaultError

PLACE = "sign-on:cookie:sealed"
MINUTES = 10
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def is_on(runtime: Runtime) -> bool:
    """Tell whether an identity provider is configured."""
    return bool(runtime.settings.oidc_issuer)


def leave(runtime: Runtime, target: str) -> tuple[str, str]:
    """Begin a sign-in: where the browser goes, and the cookie text that brings it back.

    The text is sealed, so that a browser can neither read nor forge it. ``target`` is where the
    person wanted to go.
    """
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    ends = runtime.now() + timedelta(minutes=MINUTES)
    kept = {
        "state": state,
        "nonce": nonce,
        "verifier": verifier,
        "target": target[:1000],
        "ends": str(int(ends.timestamp())),
    }
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    address = _provider(runtime).address(state, nonce, challenge)
    return address, runtime.vault.seal(kept, PLACE)


def come_back(runtime: Runtime, cookie: str, state: str, code: str) -> tuple[User, str]:
    """End a sign-in: the account of whoever the provider proved, and where the person wanted to go.

    SignInError when this is no answer to a sign-in of this browser, or the account is disabled;
    EdgeError when the provider refuses or cannot be reached.
    """
    kept = _kept(runtime, cookie)
    if not hmac.compare_digest(kept["state"].encode(), state.encode()):
        raise SignInError("", "This answers another sign-in. Sign in once more from this page.")
    db.session.commit()  # nothing is held while the provider is asked
    found = _provider(runtime).identity(code, kept["verifier"], kept["nonce"])
    issuer = runtime.settings.oidc_issuer
    user = proven.user_of(
        runtime, f"oidc {issuer} {found.subject}"[:500], f"{found.name} (single sign-on)"
    )
    return user, kept["target"]


def _kept(runtime: Runtime, cookie: str) -> dict[str, str]:
    try:
        kept = runtime.vault.unseal(cookie, PLACE)
    except VaultError:
        kept = {}
    if not kept or datetime.fromtimestamp(int(kept["ends"]), UTC) <= runtime.now():
        raise SignInError("", "This sign-in took too long, or began elsewhere. Begin it once more.")
    return kept


def _provider(runtime: Runtime) -> Provider:
    settings = runtime.settings
    if not is_on(runtime):
        raise RuleError("", "No identity provider is configured (BRIDGEHEAD_OIDC_ISSUER).")
    back = f"{settings.public_url}/sign-in/oidc/back"
    client = Client(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret, back
    )
    return Provider(client, lambda address: _door(runtime, address))


def _door(runtime: Runtime, address: str) -> Http:
    """Open a way to the provider, which the operator may keep in the own network.

    Loopback is only for an issuer that is there itself: a provider elsewhere that names an address
    on this machine is refused.
    """
    issuer, asked = urlsplit(runtime.settings.oidc_issuer), urlsplit(address)
    origin = f"{asked.scheme}://{asked.netloc}"
    here = issuer.hostname in _LOOPBACK and issuer.netloc == asked.netloc
    limits = runtime.settings.limits.http
    return Http(
        origin,
        who=WHO,
        guard=AddressGuard(allow_private=[issuer.hostname or ""]),
        timeouts=Timeouts(limits.connect_timeout, limits.connect_timeout * 2),
        override=origin if here else None,
        transport=runtime.transports.get(origin),
    )
