"""A certificate is fetched, compared by a person, and pinned with the connection."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from plugin.edge.certificates import read
from plugin.services.connections import pinning
from tests.blueprints.pages.office import Office, open_office
from tests.edge.servers import Server, make_certificate, says
from tests.edge.test_pinned import OK, Lenient

KSC = "kaspersky_ksc"
PATH = f"/connections/new/{KSC}"
SECRET = "not to be seen again"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("pinning")) as office:
        yield office


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Give a server with a certificate of its own making, on loopback held for the internet."""

    def guard(**_: object) -> Lenient:
        return Lenient(resolver=lambda name: ["127.0.0.1"])

    monkeypatch.setattr(pinning, "AddressGuard", guard)
    _, context = make_certificate("klserver", tmp_path)
    with Server(says(OK), context=context) as server:
        yield server


def form(port: int, **more: str) -> dict[str, str]:
    typed = {"name": "Center", "server": "ksc.example.com", "port": str(port), "user": "api"}
    return {**typed, "password": SECRET, "do": "certificate", **more}


def pem_in(page: str) -> str:
    found = re.search(r'name="fetched" value="([^"]*)"', page)
    assert found is not None
    return unescape(found[1])


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_what_the_server_shows_can_be_compared(
    office: Office, server: Server, headers: dict[str, str]
) -> None:
    answer = office.administrator.post(PATH, form(server.port), headers=headers)
    shown = read(pem_in(answer.text))
    assert answer.status_code == 200
    assert shown is not None
    assert shown.fingerprint in answer.text
    assert "CN=klserver" in answer.text
    assert "Nothing proves yet that it is yours" in answer.text
    assert SECRET not in answer.text
    assert ('name="server"' in answer.text) is not bool(headers)


def test_it_is_pinned_only_when_somebody_ticked_it(office: Office, server: Server) -> None:
    pem = pem_in(office.administrator.post(PATH, form(server.port)).text)
    for tick, taken in (("", False), ("1", True)):
        sent = form(server.port, do="check", fetched=pem, pin=tick)
        field = re.search(
            r'<textarea[^>]*id="certificate"[^>]*>(.*?)</textarea>',
            office.administrator.post(PATH, sent).text,
            re.DOTALL,
        )
        assert field is not None
        assert ("BEGIN CERTIFICATE" in field[1]) is taken


def test_no_address_and_a_forbidden_one_are_told_with_the_cure(office: Office) -> None:
    answer = office.administrator.post(PATH, form(1) | {"server": ""})
    assert answer.status_code == 422
    assert "Enter the address of your own server first" in answer.text
    answer = office.administrator.post(PATH, form(1) | {"server": "127.0.0.1"})
    assert "is not a server on the internet" in answer.text
    assert "has to be allowed under Advanced" in answer.text
    assert "Nothing was saved" not in answer.text
