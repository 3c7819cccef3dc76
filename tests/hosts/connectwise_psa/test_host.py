"""What the adapter says of itself, and its companies."""

from dataclasses import replace

import pytest

import plugin.hosts
from plugin.edge.discovery import find_adapters
from plugin.edge.emulator import Happening
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.emulator_shapes import Shapes
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from plugin.hosts.connectwise_psa.wire import domain_of
from tests.hosts.connectwise_psa.made_up import link_to_answers
from tests.rig import link_to


def test_the_folder_is_found() -> None:
    assert find_adapters(plugin.hosts)["connectwise_psa"] is ConnectWisePsa


def test_the_fields_are_those_of_the_form() -> None:
    assert [(field.name, field.secret) for field in ConnectWisePsa.fields] == [
        ("site", False),
        ("login_company", False),
        ("public_key", False),
        ("private_key", True),
        ("client_id", True),
    ]


@pytest.mark.parametrize(
    ("site", "problem"),
    [
        ("na.myconnectwise.net", ""),
        ("https://psa.example:8443", ""),
        ("http://127.0.0.1:8491", ""),
        ("http://psa.example", "the address must begin with https://"),
        ("", "the address has no readable server name"),
        ("https://a b", "the address has spaces or characters that do not belong in one"),
    ],
)
def test_the_site_is_checked_before_any_call(site: str, problem: str) -> None:
    problems = ConnectWisePsa.validate({"site": site})
    assert [each.message for each in problems] == ([problem] if problem else [])
    assert all(each.field == "site" for each in problems)


def test_companies_come_with_what_mapping_needs(host: ConnectWisePsa) -> None:
    company = list(host.companies())[2]
    assert company.name == "Northwind Dental GmbH"
    assert company.identifier == "NORTDENT1"
    assert company.domain == "northwind-dental.example"
    assert company.address.startswith("1 Market Street, ")
    assert (company.status, company.active) == ("Active", True)


@pytest.mark.parametrize(
    ("row", "active"),
    [
        ({}, True),
        ({"deletedFlag": True}, False),
        ({"deletedFlag": None}, True),
        ({"status": {"id": 2, "name": "Inactive"}}, False),
        ({"status": {"id": 2, "name": "Not-Approved"}}, True),
        ({"status": None}, True),
    ],
)
def test_inactive_and_deleted_companies_are_listed_as_such(
    row: dict[str, object], *, active: bool
) -> None:
    host = ConnectWisePsa(link_to_answers(lambda request: [{"id": 1, "name": "x", **row}]))
    assert [company.active for company in host.companies()] == [active]


def test_a_renamed_company_keeps_its_id(host: ConnectWisePsa, psa: ConnectWisePsaEmulator) -> None:
    before = list(host.companies())[2]
    psa.occur(Happening("company-renamed", {"name": "Other"}))
    assert list(host.companies())[2] == replace(before, name="Other")


@pytest.mark.parametrize(
    ("website", "domain"),
    [
        ("https://www.A.example/x", "a.example"),
        ("a.example:8080", "a.example"),
        (" www.a.example ", "a.example"),
        ("", ""),
    ],
)
def test_a_domain_is_read_from_what_people_type(website: str, domain: str) -> None:
    assert domain_of(website) == domain


def test_settings_with_spaces_around_still_connect(psa: ConnectWisePsaEmulator) -> None:
    spaced = {name: f" {value} " for name, value in psa.connection_settings().items()}
    assert list(ConnectWisePsa(link_to(psa, spaced)).companies())


def test_every_collection_of_the_contract_has_a_shape() -> None:
    shapes = Shapes(ConnectWisePsaEmulator.contract)
    lists = [
        path
        for path in ConnectWisePsaEmulator.contract.description["paths"]
        if path.endswith("/count") and "bundles" not in path and "{reportName}" not in path
    ]
    places = [shapes.place(path.replace("{parentId}", "1")) for path in lists]
    assert all(place is not None and place.collection in shapes for place in places)
