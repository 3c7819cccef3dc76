"""The second opinion: it hears what the suites send, and it does complain."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.contracts.hosts import HOSTS
from tests.contracts.independent import PLUGIN, PUBLISHED, complaints
from tests.contracts.stands import Stand
from tests.contracts.vendors import VENDORS
from tests.contracts.wire import Exchange
from tests.rig import small_world

KINDS = sorted(PUBLISHED)
RECONSTRUCTED = {"vendors/kaspersky/center.openapi.json", "vendors/kaspersky/cloud.openapi.json"}
"""Descriptions we wrote ourselves: to judge by them twice would prove nothing."""


Alter = Callable[[Exchange], Exchange]


def stand_of(kind: str) -> Stand[Any]:
    candidate = HOSTS[kind] if kind in HOSTS else VENDORS[kind]
    return candidate.stand(small_world())


@pytest.fixture(params=KINDS)
def heard(request: pytest.FixtureRequest) -> tuple[str, list[Exchange]]:
    """What an adapter sends to check a healthy connection."""
    return request.param, _calls(request.param)


@pytest.fixture(params=["connectwise_automate", "connectwise_psa", "eset_protect"])
def listing(request: pytest.FixtureRequest) -> tuple[str, Exchange]:
    """A call that asks for a page of a list."""
    kind = request.param
    stand = stand_of(kind)
    adapter = stand.made()
    list(adapter.companies() if kind in HOSTS else adapter.groups())
    pages = (each for each in stand.heard if "pagesize=" in each.query.lower())
    return kind, next(pages)


def many(exchange: Exchange) -> Exchange:
    """Ask for no number of rows."""
    target = re.sub(r"(pagesize)=\d+", r"\1=many", exchange.target, flags=re.IGNORECASE)
    return replace(exchange, target=target)


def without(*names: str) -> Alter:
    def altered(exchange: Exchange) -> Exchange:
        kept = tuple(pair for pair in exchange.headers if pair[0].lower() not in names)
        return replace(exchange, headers=kept)

    return altered


def test_what_a_check_sends_is_heard_and_right(heard: tuple[str, list[Exchange]]) -> None:
    kind, exchanges = heard
    assert len(exchanges) >= 2
    assert all(exchange.honest for exchange in exchanges)
    assert complaints(kind, exchanges) == []


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (lambda each: replace(each, target=each.target.replace("?", "s?")), "not found"),
        (lambda each: replace(each, method="DELETE"), "not found"),
        (lambda each: replace(each, target=f"{each.target}&colour=blue"), "'colour' is not desc"),
        (many, "many"),
        (without("authorization"), "Security not found"),
        (lambda each: replace(each, answer=b"3"), "answer GET"),
    ],
    ids=["address", "method", "unknown parameter", "bad parameter", "no sign-in", "answer"],
)
def test_an_altered_call_is_complained_about(
    listing: tuple[str, Exchange], alter: Alter, told: str
) -> None:
    kind, good = listing
    assert complaints(kind, [good]) == []
    found = complaints(kind, [alter(good)])
    assert found
    assert told in "\n".join(found)


@pytest.mark.parametrize("kind", ["connectwise_automate", "eset_protect"])
def test_an_altered_body_is_complained_about(kind: str) -> None:
    good = next(each for each in _calls(kind) if each.method == "POST")
    kept = tuple(pair for pair in good.headers if pair[0].lower() != "content-type")
    headers = (*kept, ("Content-Type", "application/json"))
    body = b'{"Username": 7, "colour": "blue"}'
    found = complaints(kind, [replace(good, headers=headers, body=body)])
    assert [each for each in found if each.startswith("request POST")]


def test_a_service_that_eset_runs_elsewhere_is_complained_about() -> None:
    stand = stand_of("eset_protect")
    list(stand.made().groups())
    good = next(each for each in stand.heard if each.path == "/v1/device_groups")
    wrong = replace(good, host=good.host.replace("device-management", "automation"))
    assert "Server not found" in complaints("eset_protect", [wrong])[0]


def test_a_fault_excuses_the_answer_and_never_the_request() -> None:
    stand = stand_of("connectwise_psa")
    stand.made().rungs()[0].run()
    good = stand.heard[-1]
    broken = replace(good, answer=b"<html>", kind="text/html", honest=False)
    assert complaints("connectwise_psa", [broken]) == []
    assert complaints("connectwise_psa", [replace(broken, method="PUT")])
    assert complaints("connectwise_psa", [replace(broken, honest=True)])


def test_every_published_description_is_asked() -> None:
    files = {str(path.relative_to(PLUGIN)) for path in PLUGIN.glob("*/*/*openapi.json")}
    asked = {
        document.file
        for kind, choose in PUBLISHED.items()
        for document in map(choose, _calls(kind))
        if document
    }
    assert asked == files - RECONSTRUCTED


def _calls(kind: str) -> list[Exchange]:
    stand = stand_of(kind)
    for rung in stand.made().rungs():
        rung.run()
    return stand.heard
