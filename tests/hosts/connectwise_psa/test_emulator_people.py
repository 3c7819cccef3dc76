"""What people see and do at the emulated PSA: pages, sign-in, happenings, state, size."""

import json
import re
from html import unescape
from io import BytesIO

import pytest

from plugin.edge.emulator import Happening
from plugin.edge.world import make_world
from plugin.hosts.connectwise_psa.emulator import COMPANY, ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.emulator_pages import PASSWORD
from tests.hosts.connectwise_psa.caller import API, Caller, Json
from tests.rig import EPOCH


def page_data(caller: Caller, **query: str) -> Json:
    html = caller.call("GET", "/host/dashboard", **query).get_data(as_text=True)
    found = re.search(r'data-page="([^"]*)"', html)
    assert found is not None
    return json.loads(unescape(found[1]))


def cookies(member: str, member_hash: str, company: str = COMPANY, context: str = "web") -> str:
    values = {
        "companyName": company,
        "memberHash": member_hash,
        "memberId": member,
        "memberContext": context,
    }
    return "; ".join(f"{name}={value}" for name, value in values.items())


def test_the_host_page_frames_ours_with_its_tokens_filled_in(caller: Caller) -> None:
    frame = "http://127.0.0.1:8480/embed/psa?id=[cw_id]&screen=[cw_screen]"
    data = page_data(caller, frame=frame, screen="ticket", id="7", **{"as": "tab"})
    assert data["frame"] == "http://127.0.0.1:8480/embed/psa?id=7&screen=ticket"
    assert data["screenObject"] == {"screen": "ticket", "id": "7", "hostedAs": "tab"}
    assert data["member"]["memberid"] == "jdoe"
    assert data["member"]["companyid"] == COMPANY


def test_the_frame_can_be_set_beforehand_and_hostile_texts_stay_texts(caller: Caller) -> None:
    caller.psa.occur(Happening("frame", {"url": 'https://b.example/"><script>x</script>'}))
    html = caller.call("GET", "/host/dashboard", member="stranger").get_data(as_text=True)
    assert "<script>x" not in html
    assert page_data(caller, member="stranger")["member"] is None
    assert "hosted_request" in caller.call("GET", "/host/hosted.js").get_data(as_text=True)


def test_the_members_cookies_open_the_interface(caller: Caller) -> None:
    member_hash = page_data(caller)["member"]["memberHash"]
    del caller.headers["Authorization"]
    caller._client = type(caller._client)(caller.psa, use_cookies=False)
    for sent, status in (
        (cookies("jdoe", member_hash), 200),
        (cookies("JDOE", member_hash), 200),
        (cookies("mbrown", member_hash), 401),
        (cookies("jdoe", "other"), 401),
        (cookies("jdoe", member_hash, company="other"), 401),
        (cookies("jdoe", member_hash, context="desktop"), 401),
    ):
        caller.headers["Cookie"] = sent
        assert caller.call("GET", "/system/info").status_code == status, sent


@pytest.mark.parametrize(
    ("user", "password", "success"),
    [("jdoe", PASSWORD, True), ("jdoe", "no", False), ("oldhand", PASSWORD, False)],
)
def test_members_sign_in_by_form(
    caller: Caller, user: str, password: str, *, success: bool
) -> None:
    form = {"CompanyName": COMPANY, "UserName": user, "Password": password}
    answer = caller._client.post("/v4_6_release/login/login.aspx?response=json", data=form)
    told = answer.get_json()
    assert told["Success"] is success
    assert bool(told["Hash"]) is success


def test_a_ticket_has_a_page_for_people(caller: Caller) -> None:
    note = {"text": "<b>bold</b>", "internalAnalysisFlag": True}
    caller.call("POST", "/service/tickets/1/notes", note)
    path = "/v4_6_release/services/system_io/Service/fv_sr100_request.rails"
    html = caller.call("GET", path, service_recid="1").get_data(as_text=True)
    assert "Northwind Dental" in html
    assert "&lt;b&gt;bold" in html
    assert caller.call("GET", path, service_recid="99").status_code == 404
    assert caller.call("GET", path, service_recid="x").status_code == 404


def test_people_close_our_newest_open_ticket_first(caller: Caller) -> None:
    caller.call(
        "POST", "/service/tickets", {"summary": "x", "company": {"id": 3}, "externalXRef": "BH-1"}
    )
    assert caller.psa.occur(Happening("ticket-closed")) == {"ticket": 4, "key": "BH-1"}
    assert caller.psa.occur(Happening("ticket-closed")) == {"ticket": 3, "key": ""}
    assert caller.psa.occur(Happening("ticket-closed", {"ticket": "1"})) is not None
    assert caller.psa.occur(Happening("ticket-closed")) is None
    assert caller.psa.occur(Happening("ticket-saved")) is None
    assert caller.psa.occur(Happening("ticket-deleted")) is None


def test_people_save_rename_end_and_change(caller: Caller) -> None:
    caller.psa.occur(Happening("ticket-saved", {"ticket": 1, "summary": "new", "member": "asmith"}))
    ticket = caller.get("/service/tickets/1")
    assert (ticket["summary"], ticket["_info"]["updatedBy"]) == ("new", "asmith")
    renamed = caller.psa.occur(Happening("company-renamed", {"company": "Alder Logistics Ltd"}))
    assert renamed == {"company": 4, "name": "Alder Logistics Ltd Holdings"}
    assert caller.psa.occur(Happening("company-renamed", {"company": "nobody"})) is None
    assert caller.psa.occur(Happening("agreement-ended")) == {"agreement": 1, "company": 3}
    assert caller.get("/finance/agreements/1")["agreementStatus"] == "Cancelled"
    assert caller.psa.occur(Happening("agreement-ended", {"agreement": 99})) is None
    changed = caller.psa.occur(Happening("addition-changed", {"addition": 1, "quantity": 3}))
    assert changed == {"addition": 1, "quantity": 3.0}
    assert caller.psa.occur(Happening("addition-changed", {"addition": 99})) is None
    assert caller.psa.occur(Happening("callback-off")) is None
    assert caller.psa.occur(Happening("detection")) is None


def test_the_state_is_plain_json_and_shows_notes(caller: Caller) -> None:
    note = {"text": "seen", "internalAnalysisFlag": True}
    caller.call("POST", "/service/tickets/1/notes", note)
    state = json.loads(json.dumps(caller.psa.overview()))
    assert state["tickets"][0]["notes"] == ["seen"]
    assert state["tickets"][0]["company"] == "Northwind Dental GmbH"
    assert state["companies"][2]["identifier"] == "NORTDENT1"
    assert state["additions"][0]["product"] == "KES-CLOUD-WS"
    assert state["configuration_count"] == len(caller.ids("/company/configurations", pageSize=1000))


def test_a_member_can_be_signed_in_from_the_sandbox(caller: Caller) -> None:
    told = caller.psa.occur(Happening("member-signed-in", {"member": "mbrown"}))
    assert told is not None
    assert (told["memberid"], told["memberContext"]) == ("mbrown", "web")
    assert caller.psa.occur(Happening("member-signed-in", {"member": "oldhand"})) is None


def test_a_large_msp_answers_by_index_not_by_reading_everything() -> None:
    psa = ConnectWisePsaEmulator()
    psa.reset(make_world(50, 5_000, 1, EPOCH))
    caller = Caller(psa)
    reads = 0
    original = psa.records.value

    def counted(*arguments: Json) -> Json:
        nonlocal reads
        reads += 1
        return original(*arguments)

    caller.ids("/company/configurations", conditions="company/id = 9", pageSize=1000)
    psa.records.value = counted  # type: ignore[method-assign, assignment]
    found = caller.ids("/company/configurations", conditions="company/id = 9", pageSize=1000)
    assert found
    assert reads == len(found)


def test_documents_travel_as_forms_and_never_as_json(caller: Caller) -> None:
    path = "/system/documents"
    form = {"recordType": "Ticket", "recordId": "1", "title": "Log"}
    url = f"{API}{path}"
    sent = {**form, "file": (BytesIO(b"what happened"), "log.txt")}
    made = caller._client.post(url, data=sent, headers=caller.headers)
    assert made.status_code == 201
    assert (made.get_json()["fileName"], made.get_json()["size"]) == ("log.txt", 13)
    number = made.get_json()["id"]
    assert caller.call("GET", f"{path}/{number}/download").get_data() == b"what happened"
    assert caller.get(f"{path}/{number}")["title"] == "Log"
    assert caller.refused("GET", f"{path}/99/download") == (404, "NotFound")
    untitled = {**form, "title": "", "file": (BytesIO(b"x"), "x.txt")}
    lacking = caller._client.post(url, data=untitled, headers=caller.headers)
    assert lacking.status_code == 400


@pytest.mark.breaches
def test_a_document_as_json_is_an_unsupported_media_type(caller: Caller) -> None:
    assert caller.refused("POST", "/system/documents", {"title": "x"})[0] == 415
