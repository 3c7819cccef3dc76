"""Connect to the sandbox: offered only where there is one, and never by what anybody types in."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from lxml.html import HtmlElement, document_fromstring
from sqlalchemy import select

from plugin.edge.emulator import Served
from plugin.sandbox.connect import offers
from plugin.sandbox.emulators import EMULATORS, SHOWS_OWN_CERTIFICATE
from plugin.sandbox.own_certificate import own_certificate
from plugin.settings.sandbox import Offer, written
from plugin.settings.sandbox import offers as read
from plugin.store.base import db
from plugin.store.integrations import Connection
from tests.blueprints.pages.office import Office, open_office

KSC, PSA = SHOWS_OWN_CERTIFICATE, "connectwise_psa"
FIRST_PORT = 1
OFFERED = "Connect to the sandbox"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give an installation with a sandbox, whose Security Center answers by TLS on a socket."""
    folder, told = tmp_path_factory.mktemp("sandboxed"), offers(FIRST_PORT)
    with open_office(folder, offers=told) as office:
        center = office.house.emulators[KSC].__call__
        served = Served(center, 0, own_certificate(folder))
        told[KSC] = Offer(served.origin, told[KSC].values)
        yield office
        served.stop()


def form_of(page: str) -> dict[str, str]:
    """Return what a browser would send of the page's form for a connection, as it stands."""
    form = cast(HtmlElement, document_fromstring(page)).get_element_by_id("connection-form")
    return {name: value.strip() for name, value in form.form_values()}


def newest(office: Office) -> Connection:
    office.fresh()
    query = select(Connection).order_by(Connection.id.desc()).limit(1)
    return db.session.scalars(query).one()


@pytest.mark.parametrize("kind", [kind for kind in EMULATORS if kind != KSC])
def test_what_stands_in_the_form_is_enough(office: Office, kind: str) -> None:
    path, visitor = f"/connections/new/{kind}", office.administrator
    assert OFFERED in visitor.read(path)
    page = visitor.read(f"{path}?sandbox=1")
    values = office.house.emulators[kind].connection_settings()
    secret = {
        field.name for field in office.house.runtime.adapter_class(kind).fields if field.secret
    }
    assert [name for name in secret if values.get(name) and values[name] in page] == []
    answer = visitor.post(path, form_of(page))
    assert answer.status_code == 303, answer.text
    made = newest(office)
    assert (made.kind, made.state) == (kind, "working")
    assert f"the sandbox, {made.origin_override}" in visitor.read(f"/connections/{made.id}")


def test_a_wrong_password_is_refused_there_as_anywhere(office: Office) -> None:
    path = "/connections/new/tigerpaw"
    sent = form_of(office.administrator.read(f"{path}?sandbox=1"))
    answer = office.administrator.post(path, sent | {"name": "W", "private_key": "a-wrong-key"})
    assert answer.status_code == 422
    assert "Nothing was saved." in answer.text


def test_an_unknown_certificate_is_named_with_the_cure_and_works_once_pinned(
    office: Office,
) -> None:
    path, visitor = f"/connections/new/{KSC}", office.administrator
    sent = form_of(visitor.read(f"{path}?sandbox=1"))
    refused = visitor.post(path, sent)
    assert refused.status_code == 422
    assert "certificate is not trusted; Security Center makes its own" in refused.text
    assert "Press Fetch certificate" in refused.text
    shown = visitor.post(path, sent | {"do": "certificate"}).text
    assert "CN=klserver" in shown
    pinned = form_of(shown) | {"pin": "1"}
    assert visitor.post(path, pinned).status_code == 303
    made = newest(office)
    assert (made.kind, made.state) == (KSC, "working")
    assert "BEGIN CERTIFICATE" in made.settings["certificate"]
    again = visitor.post(f"/connections/{made.id}/edit", {**pinned, "do": "certificate"})
    assert "It is the certificate that is pinned now." in again.text


def test_without_a_sandbox_nothing_is_offered_and_nothing_leads_there(tmp_path: Path) -> None:
    with open_office(tmp_path) as office:
        path, visitor = f"/connections/new/{PSA}", office.administrator
        assert OFFERED not in visitor.read(path)
        emulator = office.house.emulators[PSA]
        page = visitor.read(f"{path}?sandbox=1")
        assert "leads to the sandbox" not in page
        typed = form_of(page) | emulator.connection_settings() | {"sandbox": "1", "anyway": "1"}
        typed |= {"origin_override": emulator.origin, "origin": emulator.origin}
        visitor.post(path, typed)
        assert emulator.request_count == 0
        assert {each.origin_override for each in db.session.scalars(select(Connection))} <= {None}


def test_offers_are_read_as_they_were_written() -> None:
    told = offers(8491)
    assert read(written(told)) == told
    assert told[KSC].origin.startswith("https://127.0.0.1:")


def test_the_list_names_the_cause_of_a_refusal(office: Office) -> None:
    visitor, path = office.administrator, "/connections/new/eset_protect"
    sent = form_of(visitor.read(f"{path}?sandbox=1"))
    answer = visitor.post(path, sent | {"name": "Far away", "region": "us", "anyway": "1"})
    assert answer.status_code == 303
    listed = visitor.read("/connections?q=Far")
    assert "Read groups: ESET signed the user in" in listed
    assert "the region is wrong" in listed
