"""The calls themselves: addresses that heal, and paging."""

import pytest
from werkzeug.wrappers import Request

from plugin.domain.errors import AnswerError, MissingError, RefusedError
from plugin.domain.model import Subscription, TicketDraft
from plugin.edge.emulator import Happening
from plugin.hosts.connectwise_psa.api import PsaApi, number
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from tests.hosts.connectwise_psa.caller import Caller
from tests.hosts.connectwise_psa.made_up import Answerer, link_to_answers
from tests.rig import ORIGIN, link_to, small_world

DRAFT = TicketDraft("3", "Malware found", "what happened")
COMPANY_IDS = ["1", "2", "3", "4", "5"]


def api(answer: Answerer, headers: dict[str, str] | None = None) -> PsaApi:
    return PsaApi(link_to_answers(answer, headers), "PSA")


def seen(psa: ConnectWisePsaEmulator) -> list[str]:
    return [f"{each['method']} {each['path']}" for each in psa.requests]


def company_ids(host: ConnectWisePsa) -> list[str]:
    return [company.id for company in host.companies()]


# -- addresses -----------------------------------------------------------------------------------


def test_the_code_base_is_looked_up_once(host: ConnectWisePsa, psa: ConnectWisePsaEmulator) -> None:
    company_ids(host)
    company_ids(host)
    assert seen(psa) == [
        "GET /login/companyinfo/bridgehead_msp",
        "GET /v2025_1/apis/3.0/company/companies",
        "GET /v2025_1/apis/3.0/company/companies",
    ]


def test_a_cloud_site_is_called_at_its_api_name(psa: ConnectWisePsaEmulator) -> None:
    psa.occur(Happening("switch", {"site": "https://na.myconnectwise.net"}))
    settings = {**psa.connection_settings(), "site": "na.myconnectwise.net"}
    assert company_ids(ConnectWisePsa(link_to(psa, settings))) == COMPANY_IDS


def test_an_on_premise_site_is_called_as_it_is(psa: ConnectWisePsaEmulator) -> None:
    psa.occur(Happening("switch", {"site": "https://psa.msp.example", "codebase": "v4_6_release/"}))
    assert company_ids(ConnectWisePsa(link_to(psa))) == COMPANY_IDS
    assert seen(psa)[-1] == "GET /v4_6_release/apis/3.0/company/companies"


def test_an_upgrade_of_the_cloud_heals_reads_and_writes(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    company_ids(host)
    psa.add_fault("stale-codebase")
    assert company_ids(host) == COMPANY_IDS
    assert seen(psa)[-1] == "GET /v2025_2/apis/3.0/company/companies"
    psa.add_fault("stale-codebase")
    ref = host.open_ticket(DRAFT, "BH-1")
    assert [ticket["id"] for ticket in psa.state()["tickets"] if ticket["externalXRef"]] == [
        int(ref.id)
    ]


def test_a_missing_record_asks_for_no_code_base(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    with pytest.raises(MissingError, match="Ticket 999 not found"):
        host.ticket("999")
    assert len(seen(psa)) == 2


def test_an_address_that_stays_away_is_asked_for_once(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    company_ids(host)
    psa.requests.clear()
    host.unsubscribe(Subscription("https://b.example/x?recordId=", "ticket", "77"))
    assert seen(psa) == [
        "DELETE /v2025_1/apis/3.0/system/callbacks/77",
        "GET /login/companyinfo/bridgehead_msp",
    ]


@pytest.mark.parametrize("record", ["", "x", "1/2", "1;2", "-1", "1" * 10, "٣", "1\n"])
def test_only_numbers_get_into_an_address(record: str) -> None:
    with pytest.raises(MissingError):
        number("PSA", record)


def test_an_unknown_company_is_refused(psa: ConnectWisePsaEmulator) -> None:
    settings = {**psa.connection_settings(), "login_company": "stranger"}
    with pytest.raises(RefusedError, match="knows no login company"):
        company_ids(ConnectWisePsa(link_to(psa, settings)))


def test_a_site_that_is_none_is_refused(psa: ConnectWisePsaEmulator) -> None:
    settings = {**psa.connection_settings(), "site": "not a site"}
    with pytest.raises(RefusedError, match="characters that do not belong"):
        company_ids(ConnectWisePsa(link_to(psa, settings)))


# -- paging --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("companies", "eager"),
    [(0, False), (997, False), (998, False), (998, True), (999, False), (1998, True)],
)
def test_every_company_comes_once_around_the_page_limit(companies: int, *, eager: bool) -> None:
    psa = ConnectWisePsaEmulator(origin=ORIGIN)
    psa.reset(small_world(0, 0))
    for each in range(companies):
        psa.records.add("company/companies", {"name": f"C{each}", "identifier": ""}, "zadmin")
    psa.occur(Happening("switch", {"next-when-full": eager}))
    ids = company_ids(ConnectWisePsa(link_to(psa)))
    assert ids == [str(each) for each in range(1, companies + 3)]


@pytest.mark.parametrize("headers", [{}, {"Link": '<https://x/?page=2>; rel="next"'}])
@pytest.mark.parametrize("count", [999, 1000, 1001, 2000, 2100])
def test_a_list_without_forward_only_paging_is_read_by_numbered_pages(
    headers: dict[str, str], count: int
) -> None:
    rows = [{"id": each} for each in range(1, count + 1)]

    def answer(request: Request) -> object:
        page = int(request.args.get("page", "1"))
        ordered = rows if "orderBy" in request.args else rows[::-1]
        return ordered[(page - 1) * 1000 : page * 1000]

    found = [int(row["id"]) for row in api(answer, headers).rows("/x")]
    assert sorted(found) == list(range(1, count + 1))


def test_a_list_that_pages_in_a_circle_is_stopped() -> None:
    link = '<https://x/?pageId=5>; rel="next"'
    rows = api(lambda request: [{"id": 5}], {"Link": link}).rows("/x")
    with pytest.raises(AnswerError, match="in a circle"):
        list(rows)


@pytest.mark.parametrize(
    "link",
    [
        "",
        '<https://x/?page=2>; rel="next"',
        '<https://x/?pageId=5>; rel="last"',
        '<https://x/?pageId=>; rel="next"',
        "nonsense",
    ],
)
def test_a_link_without_a_next_id_ends_the_list(link: str) -> None:
    assert len(list(api(lambda request: [{"id": 5}], {"Link": link}).rows("/x"))) == 1


def test_a_link_is_read_for_its_eachonly_even_with_commas_inside() -> None:
    link = '<https://evil.example/a?conditions=id in (1,2)&pageId=5&x=1>; rel="next"'
    asked: list[str] = []

    def answer(request: Request) -> object:
        asked.append(f"{request.host} {request.args.get('pageId')}")
        return [{"id": len(asked)}] if len(asked) < 2 else []

    list(api(answer, {"Link": link}).rows("/x"))
    assert asked == ["psa.example None", "psa.example 5"]


def test_answers_may_come_as_nothing_but_json(caller: Caller) -> None:
    response = caller.call("GET", "/system/info")
    assert response.headers["Content-Type"].startswith("application/vnd.connectwise.com+json")
    assert response.headers["api-current-version"] == "2025.8"
