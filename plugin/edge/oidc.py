"""An identity provider, by OpenID Connect Core 1.0 and Discovery 1.0: code flow with PKCE.

Nothing that comes back through the browser is believed: the ID token is fetched from the provider
itself, and its signature, issuer, audience, times and nonce are checked (Core, 3.1.3.7).
"""

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from plugin.domain.errors import AnswerError, RefusedError
from plugin.edge.http import Http

WHO = "The identity provider"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
"""Signatures by keys that the provider publishes; never ``none``, never a shared secret."""
SKEW = 120
SMALL = 256 * 1024


@dataclass(frozen=True, slots=True)
class Client:
    """What the provider knows of us."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    back: str
    """Where the provider sends the browser back to."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at the provider: the subject never changes, the name is for people."""

    subject: str
    name: str


class Provider:
    """One identity provider; ``door`` opens a way to an address of it."""

    def __init__(self, client: Client, door: Callable[[str], Http]) -> None:
        """Keep who we are; nothing is asked before the first call."""
        self._client, self._door = client, door

    def address(self, state: str, nonce: str, challenge: str) -> str:
        """Return where the browser goes to sign in; ``challenge`` is PKCE's, by SHA-256."""
        query = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.back,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        begin = self._endpoint(self._about(), "authorization_endpoint")
        return f"{begin}{'&' if '?' in begin else '?'}{urlencode(query)}"

    def identity(self, code: str, verifier: str, nonce: str) -> Identity:
        """Exchange a code for who it stands for; RefusedError when anything does not fit."""
        about = self._about()
        token = self._exchange(self._endpoint(about, "token_endpoint"), code, verifier)
        claims = self._claims(token, self._endpoint(about, "jwks_uri"))
        self._check(claims, nonce)
        told = (claims.get(each) for each in ("email", "preferred_username", "name"))
        name = next((each for each in told if isinstance(each, str) and each), claims["sub"])
        return Identity(claims["sub"], name)

    def _about(self) -> Mapping[str, Any]:
        """Fetch the provider's description of itself, which must be this very issuer's."""
        about = self._fetch(f"{self._client.issuer}/.well-known/openid-configuration")
        if str(about.get("issuer", "")).rstrip("/") != self._client.issuer:
            raise AnswerError(WHO, "describes another issuer than the one that is configured")
        return about

    def _endpoint(self, about: Mapping[str, Any], name: str) -> str:
        found = about.get(name)
        if not isinstance(found, str) or urlsplit(found).scheme not in self._schemes():
            raise AnswerError(WHO, f"names no {name} that can be used")
        return found

    def _schemes(self) -> set[str]:
        return {"https", urlsplit(self._client.issuer).scheme}

    def _fetch(self, address: str) -> Mapping[str, Any]:
        told = self._door(address).get(_path(address), limit=SMALL).json()
        if not isinstance(told, dict):
            raise AnswerError(WHO, "answered something that is no object")
        return told

    def _exchange(self, address: str, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.back,
            "client_id": self._client.client_id,
            "code_verifier": verifier,
        }
        if self._client.client_secret:
            form["client_secret"] = self._client.client_secret
        answer = self._door(address).send("POST", _path(address), form=form, limit=SMALL)
        told = answer.json()
        token = told.get("id_token") if isinstance(told, dict) else None
        if not isinstance(token, str):
            raise AnswerError(WHO, "gave no ID token")
        return token

    def _claims(self, token: str, keys: str) -> dict[str, Any]:
        try:
            published = KeySet.import_key_set(dict(self._fetch(keys)))  # type: ignore[arg-type]
            return dict(jwt.decode(token, published, algorithms=ALGORITHMS).claims)
        except (JoseError, ValueError, KeyError, TypeError):
            failure = RefusedError(WHO, "sent a token whose signature does not hold")
        raise failure  # outside the handler, so that nothing of the token travels along

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        fault = self._fault(claims, nonce)
        if fault:
            raise RefusedError(WHO, f"sent a token {fault}")

    def _fault(self, claims: Mapping[str, Any], nonce: str) -> str:
        told = claims.get("aud")
        audience = told if isinstance(told, list) else [told]
        party = claims.get("azp", None if len(audience) > 1 else self._client.client_id)
        if str(claims.get("iss", "")).rstrip("/") != self._client.issuer:
            return "of another issuer"
        if self._client.client_id not in audience or party != self._client.client_id:
            return "for another program"
        if not _is_now(claims.get("exp"), claims.get("iat")):
            return "that is over, or from the future"
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            return "that answers another sign-in"
        subject = claims.get("sub")
        return "" if isinstance(subject, str) and 0 < len(subject) <= 255 else "without a subject"


def _is_now(ends: object, made: object) -> bool:
    numbers = (int, float)
    if not isinstance(ends, numbers) or not isinstance(made, numbers):
        return False
    now = time.time()
    return ends + SKEW > now and made - SKEW < now


def _path(address: str) -> str:
    parts = urlsplit(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
