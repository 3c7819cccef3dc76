"""Single sign-on with a real provider: away, back, and everything that does not fit."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import select
from werkzeug.test import Client, TestResponse

from plugin.app import create_app
from plugin.edge.inprocess import InProcess
from plugin.store.base import db
from plugin.store.people import User
from tests.blueprints.pages.office import Office, Visitor
from tests.databases import fresh_sqlite
from tests.house import open_house
from tests.identity_provider import CLIENT, SECRET, IdentityProvider

KEY = RSAKey.generate_key(2048, {"kid": "1"})
OTHER = RSAKey.generate_key(2048, {"kid": "1"})


@dataclass
class Gate:
    """An installation with single sign-on, and its provider."""

    office: Office
    provider: IdentityProvider

    def away(self, visitor: Visitor, target: str = "/devices") -> str:
        """Let the provider answer; returns the address it sends the browser back to."""
        left = visitor.get(f"/sign-in/oidc?next={target}")
        assert left.status_code == 302, left.text
        parts = urlsplit(left.location)

        answer = Client(self.provider).get(f"{parts.path}?{parts.query}")
        back = urlsplit(answer.location)
        return f"{back.path}?{back.query}"

    def come(self, visitor: Visitor) -> TestResponse:
        return visitor.get(self.away(visitor))


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as house:
        provider = IdentityProvider(key=KEY)
        settings = replace(
            house.runtime.settings,
            oidc_issuer=provider.issuer,
            oidc_client_id=CLIENT,
            oidc_client_secret=SECRET,
        )
        transports = {**house.runtime.transports, provider.issuer: InProcess(provider)}
        app = create_app(settings, now=house.runtime.now, transports=transports)
        yield Gate(Office(house, app), provider)


def test_a_person_comes_in_as_a_viewer_and_where_he_wanted(gate: Gate) -> None:
    visitor = gate.office.stranger()
    assert "Single sign-on" in visitor.read("/sign-in")
    answer = gate.come(visitor)
    assert (answer.status_code, answer.location) == (302, "/devices")
    assert "ann@msp.example (single sign-on)" in visitor.read("/devices")
    gate.office.fresh()
    user = db.session.scalars(select(User)).one()
    assert (user.role, user.password_hash) == ("viewer", "")
    gate.come(gate.office.stranger())
    gate.office.fresh()
    assert len(db.session.scalars(select(User)).all()) == 1


def claim(**changes: object) -> Any:  # noqa: ANN401 - what spoils a token's claims
    return lambda claims: claims.update(changes)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (claim(aud="another"), "for another program"),
        (claim(aud=[CLIENT, "another"]), "for another program"),
        (claim(aud=[CLIENT, "another"], azp="another"), "for another program"),
        (claim(iss="https://evil.example"), "of another issuer"),
        (claim(nonce="another"), "that answers another sign-in"),
        (claim(exp=int(time.time()) - 600), "that is over"),
        (claim(iat=int(time.time()) + 600), "from the future"),
        (claim(exp="soon"), "that is over"),
        (claim(sub=""), "without a subject"),
        (claim(sub=17), "without a subject"),
    ],
)
def test_a_token_that_does_not_fit_lets_nobody_in(
    gate: Gate, spoil: Callable[[dict[str, Any]], object], says: str
) -> None:
    gate.provider.spoil = spoil
    visitor = gate.office.stranger()
    answer = gate.come(visitor)
    assert (answer.status_code, says in answer.text) == (422, True)
    assert visitor.get("/devices").status_code == 302


def test_a_token_of_another_key_lets_nobody_in(gate: Gate) -> None:
    gate.provider.signing = OTHER
    answer = gate.come(gate.office.stranger())
    assert "signature does not hold" in answer.text


def test_an_answer_to_another_browser_or_an_old_one_lets_nobody_in(gate: Gate) -> None:
    victim, thief = gate.office.stranger(), gate.office.stranger()
    back = gate.away(thief)
    assert "began elsewhere" in victim.get(back).text
    gate.away(victim)
    assert "answers another sign-in" in victim.get(back).text
    own = gate.away(victim)
    gate.office.house.clock.forward(601)
    assert "took too long" in victim.get(own).text


def test_a_code_is_good_once(gate: Gate) -> None:
    visitor = gate.office.stranger()
    back = gate.away(visitor)
    assert visitor.get(back).status_code == 302
    assert gate.office.stranger().get(back).status_code == 422


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"token_endpoint": "file:///etc/passwd"}, "no token_endpoint"),
        ({"token_endpoint": "https://127.0.0.1:22/token"}, "not a server on the internet"),
        ({"jwks_uri": "https://169.254.169.254/keys"}, "not a server on the internet"),
    ],
)
def test_a_provider_leads_us_nowhere_else(gate: Gate, about: dict[str, str], says: str) -> None:
    visitor = gate.office.stranger()
    back = gate.away(visitor)
    gate.provider.about = about
    assert says in visitor.get(back).text


def test_a_refusal_of_the_provider_is_told(gate: Gate) -> None:
    refused = gate.office.stranger().get("/sign-in/oidc/back?error=access_denied")
    assert "did not let you in" in refused.text
    odd = gate.office.stranger().get("/sign-in/oidc/back?error=%3Csvg%3E")
    assert (odd.status_code, "<svg>" in odd.text) == (422, False)


def test_without_a_provider_there_is_no_such_way(gate: Gate, tmp_path: Path) -> None:
    bare = gate.office.house.runtime
    app = create_app(bare.settings, now=bare.now)
    answer = app.test_client().get("/sign-in/oidc")
    assert (answer.status_code, "No identity provider" in answer.text) == (422, True)
    assert "Single sign-on" not in app.test_client().get("/sign-in").text
