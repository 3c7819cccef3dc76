"""A small real identity provider, by OpenID Connect Core 1.0, Discovery 1.0 and RFC 7636."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.wrappers import Request, Response

CLIENT, SECRET = "bridgehead", "made-up-secret"


@dataclass
class IdentityProvider:
    """Signs ``person`` in without asking; ``spoil`` may change claims before they are signed."""

    issuer: str = "http://127.0.0.1:9"
    person: dict[str, Any] = field(
        default_factory=lambda: {"sub": "u-17", "email": "ann@msp.example"}
    )
    spoil: Callable[[dict[str, Any]], object] = lambda claims: None
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    signing: Any = None
    about: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = Request(environ)
        views = {
            "/.well-known/openid-configuration": self._describe,
            "/keys": self._keys,
            "/authorize": self._authorize,
            "/token": self._token,
        }
        return views[request.path](request)(environ, start_response)

    def _json(self, value: object, status: int = 200) -> Response:
        return Response(json.dumps(value), status, mimetype="application/json")

    def _describe(self, request: Request) -> Response:
        return self._json(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.about,
            }
        )

    def _keys(self, request: Request) -> Response:
        return self._json(KeySet([self.key]).as_dict(private=False))

    def _authorize(self, request: Request) -> Response:
        asked = request.args.to_dict()
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = f"{asked['redirect_uri']}?code={code}&state={asked['state']}"
        return Response(status=302, headers={"Location": back})

    def _token(self, request: Request) -> Response:
        form = request.form
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or not self._fits(form.to_dict(), asked):
            return self._json({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.person,
        }
        self.spoil(claims)
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.signing or self.key)
        return self._json({"access_token": "x", "token_type": "Bearer", "id_token": token})

    def _fits(self, form: dict[str, str], asked: dict[str, str]) -> bool:
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return (
            challenge == asked["code_challenge"]
            and form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == asked["redirect_uri"]
            and (form["client_id"], form["client_secret"]) == (CLIENT, SECRET)
        )
