"""Every kind of connection, made from the page and from the API; every refusal rightly named."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter, HTTPAdapter

import plugin.hosts
import plugin.vendors
from plugin.edge.discovery import find_adapters
from plugin.edge.emulator import Emulator, Happening, Served
from plugin.edge.inprocess import InProcess
from plugin.services.access import Role
from plugin.services.connections import Outcome
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.journal import AuditEntry
from tests.blueprints.pages.office import Office, open_office
from tests.blueprints.refusals import CERTIFICATE, NAMED, REFUSALS, Refusal
from tests.edge.servers import make_certificate
from tests.rig import small_world

KINDS = sorted({**find_adapters(plugin.hosts), **find_adapters(plugin.vendors)})
LOCAL = """
[addresses.production.kaspersky_cloud]
api = "https://cloud.example"
[addresses.production.kaspersky_hub]
api = "https://hub.example"
"""
_RUNG = re.compile(r"<li><div>(.*?)</div><div><strong>(.*?)</strong>(.*?)</li>", re.DOTALL)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give an installation whose operator was told the addresses of Kaspersky's portals."""
    folder = tmp_path_factory.mktemp("ladder")
    (folder / "config").mkdir()
    (folder / "config" / "local.toml").write_text(LOCAL, "utf-8")
    with open_office(folder) as office:
        yield office


Reach = Callable[[str], Emulator]


@pytest.fixture
def reach(office: Office) -> Iterator[Reach]:
    """Give what lets the whole network be one kind's emulator, in good health."""
    clock, before = office.house.clock, office.house.clock.offset

    def reach(kind: str) -> Emulator:
        emulator = office.house.emulators[kind]
        emulator.origin = f"https://{kind.replace('_', '-')}.example"
        emulator.reset(small_world())
        network(office)[""] = InProcess(emulator)
        return emulator

    yield reach
    network(office).pop("", None)
    clock.offset = before


def network(office: Office) -> dict[str, BaseAdapter]:
    found: Any = office.house.runtime.transports
    return found  # type: ignore[no-any-return]


def ladder(page: str) -> dict[str, tuple[str, str]]:
    """Return each rung's outcome and all its words, as a reader sees them."""
    return {
        _plain(name): (_plain(outcome), _plain(rest)) for outcome, name, rest in _RUNG.findall(page)
    }


def _plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def form_of(emulator: Emulator, name: str, **typed: str) -> dict[str, str]:
    return {"name": name, **emulator.connection_settings(), **typed}


def saved(office: Office, name: str) -> Connection | None:
    office.fresh()
    return db.session.query(Connection).filter_by(name=name).one_or_none()


# -- making --------------------------------------------------------------------------------------


UNTRIED = {("tigerpaw", "soap_password")}
"""Secrets that nothing but a write could try: tsiWS has no call that only signs in."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_made_from_the_page_is_green(office: Office, reach: Reach, kind: str) -> None:
    name = f"Page {kind}".replace("_", " ")
    form = form_of(reach(kind), name)
    answer = office.administrator.post(f"/connections/new/{kind}", form)
    assert answer.status_code == 303, _plain(answer.text)
    shown = ladder(office.viewer.read(answer.location))
    adapter = office.house.runtime.adapter(_known(office, name))
    assert list(shown) == [rung.name for rung in adapter.rungs()]
    assert {outcome for outcome, _ in shown.values()} == {"OK"}
    assert _made_by(office, name) == "administrator@example.com"


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_several_lines_has_room_for_them(office: Office, reach: Reach, kind: str) -> None:
    given = reach(kind).connection_settings()
    shown = office.administrator.read(f"/connections/new/{kind}")
    drawn = set(re.findall(r'<textarea[^>]* id="([a-z_]+)"', shown))
    assert {name for name, value in given.items() if "\n" in value} <= drawn


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_made_by_the_api_is_green(office: Office, reach: Reach, kind: str) -> None:
    name, emulator = f"Api {kind}".replace("_", " "), reach(kind)
    wish = {"kind": kind, "name": name, "settings": emulator.connection_settings()}
    visitor = office.administrator
    headers = {"X-CSRF-Token": visitor.token}
    made = visitor.client.post("/api/v1/connections", json=wish, headers=headers)
    assert made.status_code == 201, made.text
    assert made.json is not None
    path = f"/api/v1/connections/{made.json['id']}/check"
    checked = visitor.client.post(path, headers=headers)
    assert checked.json is not None, checked.text
    outcomes = {step["name"]: step["outcome"] for step in checked.json["steps"]}
    assert set(outcomes.values()) == {Outcome.OK.value}, outcomes
    assert checked.json["state"] == "working"
    fields = office.house.runtime.adapter_class(kind).fields
    given = emulator.connection_settings()
    secrets = [given[each.name] for each in fields if each.secret and given.get(each.name)]
    assert secrets
    assert not [each for each in secrets if each in made.text + checked.text]


def _known(office: Office, name: str) -> Connection:
    found = saved(office, name)
    assert found is not None
    return found


def _made_by(office: Office, name: str) -> str:
    """Return who made a connection, as the audit log has it."""
    office.fresh()
    entries = db.session.query(AuditEntry).filter_by(action="connection.create", subject=name)
    return entries.one().actor


# -- refusals ------------------------------------------------------------------------------------


def play(office: Office, emulator: Emulator, refusal: Refusal) -> None:
    """Let the emulator be as the refusal wants it."""
    host = refusal.kind in office.house.runtime.hosts
    for name, value in refusal.switched.items():
        details = {name: value} if host else {"name": name, "value": value}
        assert emulator.occur(Happening("switch", details)) is not None
    if refusal.fault:
        emulator.add_fault(refusal.fault, times=99, path=_API if refusal.fault in _OWN else "")
    office.house.clock.forward(refusal.seconds)


_OWN, _API = {"stale-codebase"}, "/apis/"


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_refusal_is_named_on_the_page(office: Office, reach: Reach, refusal: Refusal) -> None:
    emulator = reach(refusal.kind)
    form = form_of(emulator, "Refused", **refusal.typed)
    play(office, emulator, refusal)
    answer = office.administrator.post(f"/connections/new/{refusal.kind}", {**form, "do": "check"})
    shown = ladder(answer.text)
    outcome, told = shown[refusal.step]
    assert outcome == ("Look at this" if refusal.warns else "Failed"), shown
    assert refusal.cause.casefold() in told.casefold()
    assert refusal.cure.casefold() in told.casefold()
    if not refusal.warns:
        assert answer.status_code == 422
        assert list(shown)[-1] == refusal.step
        assert told.index("Why:") < told.index("What to do:")
    assert saved(office, "Refused") is None


def test_every_kind_and_every_refusal_has_its_cases() -> None:
    assert {each.kind for each in REFUSALS} == set(KINDS)
    assert {each.what for each in REFUSALS} >= NAMED - {CERTIFICATE}


class OverTls(HTTPAdapter):
    """Carries every request to a server on loopback, over real TLS that has to prove itself."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self.origin = origin

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> Response:
        request.url = self.origin + request.path_url
        return super().send(request, *args, **{**more, "verify": True})


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_nobody_knows_is_named(
    office: Office, reach: Reach, kind: str, tmp_path: Path
) -> None:
    emulator = reach(kind)
    form = form_of(emulator, "Refused")
    _, context = make_certificate("unknown.example", tmp_path)
    served = Served(emulator, ssl_context=context)
    network(office)[""] = OverTls(served.origin)
    try:
        answer = office.administrator.post(f"/connections/new/{kind}", form)
    finally:
        served.stop()
    assert answer.status_code == 422
    name, (outcome, told) = list(ladder(answer.text).items())[-1]
    assert outcome == "Failed", name
    why, _, cure = told.partition("What to do:")
    assert "certificate" in why.partition("Why:")[2]
    assert cure.strip()
    assert saved(office, "Refused") is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_secret_that_is_wrong_is_found_and_never_shown(
    office: Office, reach: Reach, kind: str
) -> None:
    emulator = reach(kind)
    fields = [
        each
        for each in office.house.runtime.adapter_class(kind).fields
        if each.secret and (kind, each.name) not in UNTRIED
    ]
    needed = [each for each in fields if each.required]
    assert needed
    for each in needed:
        canary = f"canary-{each.name}-5e1f".replace("_", "-")
        form = form_of(emulator, "Refused", **{each.name: canary})
        answer = office.administrator.post(f"/connections/new/{kind}", form)
        assert answer.status_code == 422
        name, (outcome, told) = list(ladder(answer.text).items())[-1]
        assert outcome == "Failed", name
        assert "What to do:" in told
        assert canary not in answer.text


def test_a_code_base_that_moved_once_heals_by_itself(office: Office, reach: Reach) -> None:
    emulator = reach("connectwise_psa")
    form = form_of(emulator, "Healed")
    emulator.add_fault("stale-codebase", path=_API)
    answer = office.administrator.post("/connections/new/connectwise_psa", {**form, "do": "check"})
    assert {outcome for outcome, _ in ladder(answer.text).values()} == {"OK"}
    assert "v2025.2" in ladder(answer.text)["Sign in"][1]


def test_only_administrators_make_connections(office: Office, reach: Reach) -> None:
    form = form_of(reach("connectwise_psa"), "Forbidden")
    for role in (Role.TECHNICIAN, Role.VIEWER):
        answer = office.visitor(role).post("/connections/new/connectwise_psa", form)
        assert answer.status_code == 403
    assert saved(office, "Forbidden") is None
