"""How the emulated PSA lets callers in, and answers lists."""

import re

import pytest

from plugin.edge.emulator import Happening
from plugin.hosts.connectwise_psa.emulator import COMPANY, ConnectWisePsaEmulator
from tests.hosts.connectwise_psa.caller import API, Caller, Json, authorization
from tests.rig import small_world


def walk(caller: Caller, path: str, size: int, **query: Json) -> list[int]:
    """Follow forward-only paging as the guide says, and return the ids."""
    caller.headers["pagination-type"] = "forward-only"
    ids: list[int] = []
    after = 0
    while True:
        response = caller.call("GET", path, pageSize=size, pageId=after, **query)
        ids += [row["id"] for row in response.get_json()]
        if not response.headers["Link"]:
            return ids
        found = re.search(r"pageId=(\d+)", response.headers["Link"])
        assert found is not None
        after = int(found[1])


def test_the_company_look_up_needs_no_credentials(caller: Caller) -> None:
    caller.headers.clear()
    told = caller.get(f"/login/companyinfo/{COMPANY.upper()}")
    assert told["Codebase"] == "v2025_1/"
    assert told["IsCloud"] == "True"


def test_an_unknown_company_is_a_plain_null(caller: Caller) -> None:
    response = caller.call("GET", "/login/companyinfo/stranger")
    assert (response.status_code, response.get_json()) == (200, None)


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("clientId", "", "Unauthorized"),
        ("clientId", "0" * 36, "Unauthorized"),
        ("Authorization", "", "ConnectWiseApi"),
        ("Authorization", "Basic !", "ConnectWiseApi"),
        ("Authorization", authorization(private="other"), "ConnectWiseApi"),
        ("Authorization", authorization(public="other"), "ConnectWiseApi"),
        ("Authorization", authorization(company="other"), "ConnectWiseApi"),
    ],
)
def test_a_caller_without_good_keys_is_not_let_in(
    caller: Caller, header: str, value: str, code: str
) -> None:
    caller.headers[header] = value
    assert caller.refused("GET", "/system/info") == (401, code)


def test_the_login_company_counts_in_any_letter_case(caller: Caller) -> None:
    caller.headers["Authorization"] = authorization(company=COMPANY.upper())
    assert caller.call("GET", "/system/info").status_code == 200


def test_an_inactive_api_member_is_not_let_in(caller: Caller) -> None:
    caller.switch(member_off=True)
    assert caller.refused("GET", "/system/info") == (401, "ConnectWiseApi")


def test_a_role_denies_whole_areas_or_writing_only(caller: Caller) -> None:
    caller.switch(deny=["finance", "service:write"])
    assert caller.refused("GET", "/finance/agreements") == (403, "Security")
    assert caller.refused("POST", "/service/tickets", {}) == (403, "Security")
    assert caller.call("GET", "/service/tickets").status_code == 200
    assert (
        caller.call("POST", "/service/tickets/search", {"conditions": "id = 1"}).status_code == 200
    )


def test_a_limited_role_sees_empty_lists(caller: Caller) -> None:
    caller.switch(hidden=True)
    assert caller.get("/company/companies") == []
    assert caller.get("/company/companies/count") == {"count": 0}


def test_the_code_base_of_the_day_its_alias_and_doubled_slashes_work(caller: Caller) -> None:
    for root in ("/v2025_1/apis/3.0", "/v2025_1//apis/3.0", API):
        assert caller.call("GET", f"{root}/system/info").status_code == 200
    assert caller.refused("GET", "/v2024_9/apis/3.0/system/info") == (404, "ConnectWiseApi")


def test_a_cloud_site_without_api_in_front_wants_ssl(caller: Caller) -> None:
    caller.switch(site="http://127.0.0.1:1")
    assert caller.call("GET", "/system/info").status_code == 200
    caller.psa.origin = "http://127.0.0.1:2"
    response = caller.call("GET", "/system/info")
    assert response.get_json() == {"code": "Security", "message": "SSL is required."}


@pytest.mark.breaches
def test_unknown_addresses_and_wrong_verbs_are_refused(caller: Caller) -> None:
    assert caller.refused("GET", "/service/nothing") == (404, "ConnectWiseApi")
    assert caller.refused("GET", "/service/tickets/abc") == (404, "ConnectWiseApi")
    assert caller.refused("DELETE", "/service/tickets") == (405, "MethodNotAllowed")
    assert caller.refused("GET", "/service/tickets/999") == (404, "NotFound")
    assert caller.refused("GET", "/service/boards/999/statuses") == (404, "NotFound")


def test_addresses_count_in_any_letter_case(caller: Caller) -> None:
    assert caller.get("/System/MENUENTRIES/count") == {"count": 0}
    assert caller.ids("/system/ConnectWiseHostedScreens") == [1, 2, 3]


def test_pages_have_25_records_unless_asked_otherwise_and_never_more_than_1000(
    caller: Caller, psa: ConnectWisePsaEmulator
) -> None:
    psa.reset(small_world(40, 0))
    assert len(caller.ids("/company/companies")) == 25
    assert len(caller.ids("/company/companies", pageSize=5000)) == 42
    assert len(caller.ids("/company/companies", pageSize=10, page=5)) == 2
    assert caller.ids("/company/companies", pageSize=10, page=6) == []


def test_numbered_pages_link_to_their_neighbours_on_another_host(caller: Caller) -> None:
    response = caller.call("GET", "/company/companies", pageSize=2, page=2, fields="id")
    links = response.headers["Link"]
    assert re.findall(r'rel="(\w+)"', links) == ["next", "last", "first", "prev"]
    assert links.startswith("<https://other-node.")
    assert "fields=id" in links


def test_one_page_has_no_link_at_all(caller: Caller) -> None:
    assert "Link" not in caller.call("GET", "/company/companies").headers


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_forward_only_paging_gives_every_record_once(
    caller: Caller, size: int, *, eager: bool
) -> None:
    caller.switch(next_when_full=eager)
    assert walk(caller, "/company/companies", size) == [1, 2, 3, 4, 5]
    assert walk(caller, "/company/companies", size, conditions="id > 2") == [3, 4, 5]
    assert walk(caller, "/company/companies", size, conditions="id > 9") == []


def test_a_record_that_comes_while_paging_is_not_missed(caller: Caller) -> None:
    caller.headers["pagination-type"] = "forward-only"
    assert caller.ids("/service/tickets", pageSize=2) == [1, 2]
    caller.call("DELETE", "/service/tickets/1")
    caller.call("POST", "/service/tickets", {"summary": "x", "company": {"id": 3}})
    assert caller.ids("/service/tickets", pageSize=2, pageId=2) == [3, 4]


def test_forward_only_paging_cannot_be_ordered(caller: Caller) -> None:
    caller.headers["pagination-type"] = "forward-only"
    assert caller.refused("GET", "/service/tickets", orderBy="id") == (400, "InvalidObject")


def test_some_lists_know_no_forward_only_paging(caller: Caller) -> None:
    caller.headers["pagination-type"] = "forward-only"
    assert "Link" not in caller.call("GET", "/system/connectWiseHostedScreens").headers


def test_lists_are_ordered_by_several_fields(caller: Caller) -> None:
    statuses = "/service/boards/1/statuses"
    assert caller.ids(statuses, orderBy="closedStatus desc,name asc") == [5, 4, 2, 1, 3]
    assert caller.refused("GET", statuses, orderBy="nothing") == (400, "InvalidObject")


def test_answers_are_trimmed_to_the_fields_asked_for(caller: Caller) -> None:
    fields = "id, company/identifier,status/name,nothing"
    ticket = caller.get("/service/tickets/1", fields=fields)
    assert ticket == {
        "id": 1,
        "company": {"identifier": "NORTDENT1"},
        "status": {"name": "New"},
    }
    assert caller.get("/service/tickets", fields="id", pageSize=1) == [{"id": 1}]


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ('company/identifier = "nortdent1"', [1]),
        ("company/id = 4", [2]),
        ('status/name = ">Closed"', [2]),
        ('board/name contains "desk" and closedFlag = false', [1, 3]),
        ("lastUpdated >= [2020-01-01T00:00:00Z]", [1, 2, 3]),
        ("_info/updatedBy = 'zadmin'", [1, 2, 3]),
        ("externalXRef = null", [1, 2, 3]),
        ('externalXRef = "BH-1"', []),
    ],
)
def test_filters_reach_into_references(caller: Caller, conditions: str, ids: list[int]) -> None:
    assert caller.ids("/service/tickets", conditions=conditions) == ids
    assert caller.get("/service/tickets/count", conditions=conditions) == {"count": len(ids)}


@pytest.mark.parametrize("conditions", ["nonsense", "nothing = 1", 'id = "1"', "id in ("])
def test_a_bad_filter_is_refused(caller: Caller, conditions: str) -> None:
    assert caller.refused("GET", "/service/tickets", conditions=conditions) == (
        400,
        "InvalidObject",
    )


def test_arrays_and_custom_fields_have_filters_of_their_own(caller: Caller) -> None:
    mail = (
        'communicationItems/value like "office@north*" '
        'and communicationItems/communicationType="Email"'
    )
    assert caller.ids("/company/contacts", childConditions=mail) == [1]
    caller.call(
        "PATCH",
        "/company/configurations/2",
        [{"op": "replace", "path": "customFields", "value": [{"id": 1, "value": "us"}]}],
    )
    custom = 'caption="Managed by" AND value != null'
    assert caller.ids("/company/configurations", customFieldConditions=custom) == [2]
    assert caller.refused("GET", "/company/contacts", childConditions="a in (1)")[0] == 400


def test_tickets_can_be_searched_by_body(caller: Caller) -> None:
    response = caller.call(
        "POST", "/service/tickets/search", {"conditions": "id > 1", "orderBy": "id desc"}
    )
    assert [row["id"] for row in response.get_json()] == [3, 2]


def test_references_show_the_name_of_the_day(caller: Caller) -> None:
    caller.psa.occur(Happening("company-renamed", {"company": 3, "name": "New Name"}))
    assert caller.get("/service/tickets/1")["company"]["name"] == "New Name"


def test_bundles_answer_each_request_by_itself(caller: Caller) -> None:
    requests = [
        {
            "sequenceNumber": 1,
            "resourceType": "Ticket",
            "apiRequest": {"filters": {"conditions": "id = 1"}},
        },
        {"sequenceNumber": 2, "resourceType": "Nonsense", "apiRequest": {}},
    ]
    results = caller.call("POST", "/system/bundles", {"requests": requests}).get_json()["results"]
    assert [(each["success"], each.get("count")) for each in results] == [(True, 1), (False, None)]
