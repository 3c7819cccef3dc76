"""How the emulated PSA takes new and changed records."""

from typing import Any

import pytest

from tests.hosts.connectwise_psa.caller import Caller, Json

TICKETS = "/service/tickets"


def replace(path: str, value: Json) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": path, "value": value}]


def new_ticket(caller: Caller, **more: Json) -> Json:
    record = {"summary": "Help", "company": {"id": 3}, **more}
    response = caller.call("POST", TICKETS, record)
    assert response.status_code == 201
    return response.get_json()


def test_a_new_ticket_gets_board_status_priority_and_notes(caller: Caller) -> None:
    ticket = new_ticket(caller, initialDescription="what\nhappened", initialResolution="done")
    assert (ticket["board"]["id"], ticket["status"]["name"]) == (1, "New")
    assert ticket["priority"]["id"] == 3
    assert ticket["closedFlag"] is False
    assert "initialDescription" not in ticket
    notes = caller.get(f"{TICKETS}/{ticket['id']}/notes")
    assert [note["text"] for note in notes] == ["what\nhappened", "done"]
    assert [row["id"] for row in caller.get(f"{TICKETS}/{ticket['id']}/allNotes")] == [1, 2]


def test_references_are_taken_by_id_or_by_their_natural_key(caller: Caller) -> None:
    ticket = new_ticket(
        caller,
        company={"identifier": "aldelogi2"},
        board={"name": "Security Alerts"},
        status={"name": "In Progress"},
        owner={"identifier": "jdoe"},
    )
    assert ticket["company"]["id"] == 4
    assert ticket["status"]["id"] == 7
    assert ticket["owner"]["name"] == "Jane Doe"


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"company": {"id": 3}}, ("summary", "MissingRequiredField")),
        ({"summary": "", "company": {"id": 3}}, ("summary", "MissingRequiredField")),
        ({"summary": "x"}, ("company", "MissingRequiredField")),
        ({"summary": "x", "company": {"id": 999}}, ("company/id", "InvalidField")),
        ({"summary": "x", "company": {"identifier": "no"}}, ("company/identifier", "InvalidField")),
        ({"summary": "x", "company": {}}, ("company/identifier", "InvalidField")),
        ({"summary": "x" * 101, "company": {"id": 3}}, ("summary", "InvalidField")),
        (
            {"summary": "x", "company": {"id": 3}, "status": {"id": 6}},
            ("status/id", "InvalidField"),
        ),
    ],
)
def test_a_faulty_ticket_is_refused_by_field(
    caller: Caller, record: dict[str, Any], problem: tuple[str, str]
) -> None:
    assert caller.refused("POST", TICKETS, record) == (400, "InvalidObject", problem)


@pytest.mark.breaches
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("budgetHours", "many"),
        ("budgetHours", True),
        ("knowledgeBaseLinkId", 1.5),
        ("approved", "perhaps"),
        ("severity", "Awful"),
        ("summary", ["x"]),
        ("requiredDate", "tomorrow"),
        ("company", 5),
        ("integratorTags", "x"),
    ],
)
def test_a_value_of_the_wrong_type_is_a_500_that_names_the_path(
    caller: Caller, name: str, value: Json
) -> None:
    response = caller.call("POST", TICKETS, {"summary": "x", "company": {"id": 3}, name: value})
    assert response.status_code == 500
    assert "Error converting value" in response.get_json()["message"]
    assert f"Path '{name}'" in response.get_json()["message"]


@pytest.mark.breaches
def test_values_are_read_generously_and_unknown_fields_are_dropped(caller: Caller) -> None:
    ticket = new_ticket(
        caller,
        summary="two\nlines",
        budgetHours="2.5",
        approved="True",
        severity="high",
        requiredDate="2026-11-05T10:00:00+02:00",
        nothing="x",
        contact=None,
    )
    assert ticket["summary"] == "two lines"
    assert (ticket["budgetHours"], ticket["approved"], ticket["severity"]) == (2.5, True, "High")
    assert ticket["requiredDate"] == "2026-11-05T08:00:00Z"
    assert "nothing" not in ticket


@pytest.mark.breaches
def test_bodies_that_are_not_json_are_refused(caller: Caller) -> None:
    response = caller._client.post(
        f"/v4_6_release/apis/3.0{TICKETS}", data="x", headers=caller.headers
    )
    assert response.status_code == 415
    caller.headers["Content-Type"] = "application/json"
    response = caller._client.post(
        f"/v4_6_release/apis/3.0{TICKETS}", data="{", headers=caller.headers
    )
    assert response.status_code == 400
    assert caller.refused("POST", TICKETS, [1])[0] == 500
    assert caller.refused("PATCH", f"{TICKETS}/1", {"op": "replace"})[0] == 500


@pytest.mark.parametrize("path", ["summary", "/summary"])
def test_a_patch_changes_one_field(caller: Caller, path: str) -> None:
    changed = caller.call("PATCH", f"{TICKETS}/1", replace(path, "new")).get_json()
    assert changed["summary"] == "new"
    assert changed["company"]["id"] == 3
    assert changed["_info"]["updatedBy"] == "BridgeheadAPI"


def test_a_patch_into_a_reference_answers_200_and_does_nothing(caller: Caller) -> None:
    response = caller.call("PATCH", f"{TICKETS}/1", replace("company/identifier", "ALDELOGI2"))
    assert response.status_code == 200
    assert caller.get(f"{TICKETS}/1")["company"]["identifier"] == "NORTDENT1"


@pytest.mark.parametrize("path", ["Summary", "nothing", ""])
def test_a_patch_of_an_unknown_path_is_refused(caller: Caller, path: str) -> None:
    assert caller.refused("PATCH", f"{TICKETS}/1", replace(path, "x")) == (400, "InvalidObject")


def test_a_patch_can_add_remove_and_not_empty_what_is_required(caller: Caller) -> None:
    caller.call("PATCH", f"{TICKETS}/1", [{"op": "add", "path": "poNumber", "value": "7"}])
    assert caller.get(f"{TICKETS}/1")["poNumber"] == "7"
    caller.call("PATCH", f"{TICKETS}/1", [{"op": "remove", "path": "poNumber"}])
    assert "poNumber" not in caller.get(f"{TICKETS}/1")
    refused = caller.refused("PATCH", f"{TICKETS}/1", [{"op": "remove", "path": "summary"}])
    assert refused == (400, "InvalidObject", ("summary", "MissingRequiredField"))


def test_a_closed_status_closes_and_another_opens_again(caller: Caller) -> None:
    closed = caller.call(
        "PATCH", f"{TICKETS}/1", replace("status", {"name": "Completed"})
    ).get_json()
    assert closed["closedFlag"] is True
    assert closed["closedBy"] == "BridgeheadAPI"
    opened = caller.call("PATCH", f"{TICKETS}/1", replace("status", {"id": 1})).get_json()
    assert opened["closedFlag"] is False
    assert "closedDate" not in opened


def test_a_ticket_that_changes_its_board_starts_anew_there(caller: Caller) -> None:
    moved = caller.call("PATCH", f"{TICKETS}/1", replace("board", {"id": 2})).get_json()
    assert (moved["board"]["id"], moved["status"]["id"]) == (2, 6)


def test_a_put_empties_what_it_leaves_out(caller: Caller) -> None:
    caller.call("PATCH", f"{TICKETS}/1", replace("poNumber", "7"))
    record = {"summary": "whole", "company": {"id": 4}}
    replaced = caller.call("PUT", f"{TICKETS}/1", record).get_json()
    assert (replaced["summary"], replaced["company"]["id"]) == ("whole", 4)
    assert "poNumber" not in replaced
    assert caller.get(f"{TICKETS}/1")["_info"]["enteredBy"] == "zadmin"


def test_contacts_are_changed_by_position_and_cannot_be_put(caller: Caller) -> None:
    contact = caller.get("/company/contacts/1")
    refused = caller.refused(
        "PUT",
        "/company/contacts/1",
        {"firstName": "x", "communicationItems": contact["communicationItems"]},
    )
    assert refused[0] == 400
    operations = [
        {"op": "replace", "path": "/communicationItems/0/value", "value": "a@b.example"},
        {"op": "add", "path": "/communicationItems/1", "value": {"value": "c@d.example"}},
    ]
    changed = caller.call("PATCH", "/company/contacts/1", operations).get_json()
    assert [each["value"] for each in changed["communicationItems"]] == [
        "a@b.example",
        "c@d.example",
    ]
    removed = [{"op": "remove", "path": "/communicationItems/0"}]
    changed = caller.call("PATCH", "/company/contacts/1", removed).get_json()
    assert [each["value"] for each in changed["communicationItems"]] == ["c@d.example"]
    for path in ("communicationItems/7", "communicationItems/x", "communicationItems/1"):
        assert caller.refused("PATCH", "/company/contacts/1", replace(path, {}))[0] == 400
    inside = [
        {
            "op": "replace",
            "path": "communicationItems/0",
            "value": {"value": "z", "defaultFlag": True},
        },
        {"op": "remove", "path": "communicationItems/0/defaultFlag"},
    ]
    changed = caller.call("PATCH", "/company/contacts/1", inside).get_json()
    assert changed["communicationItems"] == [{"value": "z"}]


def test_custom_fields_keep_what_is_left_out(caller: Caller) -> None:
    path = "/company/configurations/1"
    fields = caller.get(path)["customFields"]
    usual = {"type": "Text", "entryMethod": "EntryField", "numberOfDecimals": 0}
    assert fields == [
        {"id": 1, "caption": "Managed by", **usual},
        {"id": 2, "caption": "Protection state", **usual},
    ]
    caller.call("PATCH", path, replace("customFields", [{"id": 1, "value": "us"}]))
    caller.call("PATCH", path, replace("customFields", []))
    assert caller.get(path)["customFields"][0]["value"] == "us"
    assert caller.refused("PATCH", path, replace("customFields", [{"id": 9}]))[0] == 400


def test_a_patch_without_the_custom_fields_can_be_refused(caller: Caller) -> None:
    caller.switch(custom_fields=True)
    assert caller.refused("PATCH", "/company/configurations/1", replace("name", "x"))[0] == 400
    operations = replace("name", "x") + replace("customFields", [])
    assert caller.call("PATCH", "/company/configurations/1", operations).status_code == 200


def test_a_company_in_use_cannot_be_deleted_and_a_name_is_given_once(caller: Caller) -> None:
    assert caller.refused("DELETE", "/company/companies/3") == (409, "Conflict")
    company = {"identifier": "nortdent1", "name": "Another"}
    refused = caller.refused("POST", "/company/companies", company)
    assert refused == (400, "InvalidObject", ("identifier", "ObjectExists"))
    made = caller.call(
        "POST", "/company/companies", {"identifier": "new", "name": "New"}
    ).get_json()
    assert made["status"]["name"] == "Active"
    assert caller.call("DELETE", f"/company/companies/{made['id']}").status_code == 204
    assert caller.refused("GET", f"/company/companies/{made['id']}") == (404, "NotFound")
    again = caller.call(
        "POST", "/company/companies", {"identifier": "new", "name": "New"}
    ).get_json()
    assert again["id"] > made["id"]


def test_an_addition_takes_prices_from_the_catalog_and_works_out_amounts(caller: Caller) -> None:
    path = "/finance/agreements/1/additions"
    record = {
        "product": {"identifier": "ESET-PROTECT-EP"},
        "billCustomer": "Billable",
        "quantity": 4,
        "lessIncluded": 1,
    }
    made = caller.call("POST", path, record).get_json()
    assert (made["unitPrice"], made["billedQuantity"], made["extPrice"]) == (2.9, 3.0, 8.7)
    assert made["agreementId"] == 1
    changed = caller.call("PATCH", f"{path}/{made['id']}", replace("quantity", 2)).get_json()
    assert changed["extPrice"] == 2.9
    assert caller.refused("GET", f"/finance/agreements/2/additions/{made['id']}") == (
        404,
        "NotFound",
    )


def test_the_state_of_an_agreement_follows_from_its_dates(caller: Caller) -> None:
    path = "/finance/agreements/1"
    ended = replace("endDate", "2020-01-01T00:00:00Z") + replace("noEndingDateFlag", value=False)
    assert caller.call("PATCH", path, ended).get_json()["agreementStatus"] == "Expired"
    cancelled = replace("cancelledFlag", value=True)
    assert caller.call("PATCH", path, cancelled).get_json()["agreementStatus"] == "Cancelled"


def test_configurations_hang_on_tickets_by_reference(caller: Caller) -> None:
    path = f"{TICKETS}/1/configurations"
    assert caller.call("POST", path, {"id": 2}).status_code == 201
    assert caller.call("POST", path, {"id": 2}).status_code == 201
    assert caller.ids(path) == [2]
    assert caller.get(f"{path}/count") == {"count": 1}
    assert caller.refused("POST", path, {"id": 999}) == (404, "NotFound")
    assert caller.refused("POST", path, {"deviceIdentifier": "x"})[0] == 400
    assert caller.call("DELETE", f"{path}/2").status_code == 204
    assert caller.ids(path) == []


def test_bulk_writes_have_a_result_each(caller: Caller) -> None:
    good = {"name": "PC", "type": {"id": 1}, "company": {"id": 3}}
    results = caller.call("POST", "/company/configurations/bulk", [good, good]).get_json()[
        "payload"
    ]
    assert [(each["success"], each["statusCode"]) for each in results] == [(True, 201)] * 2
    ids = [each["data"]["id"] for each in results]
    moved = [{**good, "id": ids[0], "company": {"id": 999}}, {**good, "id": ids[1], "name": "Z"}]
    results = caller.call("PUT", "/company/configurations/bulk", moved).get_json()["payload"]
    assert [each["statusCode"] for each in results] == [400, 200]


def test_children_are_attached_to_a_parent_ticket(caller: Caller) -> None:
    answer = caller.call("POST", f"{TICKETS}/1/attachChildren", {"childTicketIds": [2, 3]})
    assert answer.get_json()["success"] is True
    assert caller.ids(TICKETS, conditions="parentTicketId = 1") == [2, 3]


def test_the_flat_view_of_sub_categories_needs_their_category(caller: Caller) -> None:
    path = "/procurement/subcategories/"
    made = caller.call("POST", path, {"name": "More", "category": {"id": 1}})
    assert made.status_code == 201
    assert len(caller.ids("/procurement/categories/1/subcategories/")) == 2
    assert caller.refused("POST", path, {"name": "More", "category": {"name": "x"}})[0] == 400


def test_a_note_needs_a_text_and_a_flag(caller: Caller) -> None:
    path = f"{TICKETS}/1/notes"
    assert caller.refused("POST", path, {"text": "x"})[0] == 400
    assert caller.refused("POST", path, {"internalAnalysisFlag": True})[0] == 400
    made = caller.call("POST", path, {"text": "x", "internalAnalysisFlag": True}).get_json()
    assert (made["ticketId"], made["createdBy"]) == (1, "BridgeheadAPI")


def test_a_hosted_page_needs_a_screen_that_exists(caller: Caller) -> None:
    path = "/system/connectwisehostedsetups"
    page = {"screenId": 1, "description": "x", "url": "https://b.example/", "type": "Pod"}
    made = caller.call("POST", path, page).get_json()
    assert (made["disabledFlag"], made["createdBy"]) == (False, "BridgeheadAPI")
    assert caller.refused("POST", path, {**page, "screenId": 9})[0] == 400
    long = {**page, "description": "x" * 51}
    assert caller.refused("POST", path, long) == (
        400,
        "InvalidObject",
        ("description", "InvalidField"),
    )
