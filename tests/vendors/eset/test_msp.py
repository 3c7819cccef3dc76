import base64
import json
from datetime import date, timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Response

from plugin.domain.errors import AnswerError, RefusedError, TransientError
from plugin.domain.model import LicenceKind, LicenceState
from plugin.edge.emulator import Happening
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.msp import FALLBACK_SECONDS, Msp
from plugin.vendors.eset.protect import EsetProtect
from tests.rig import small_world
from tests.vendors.eset.house import (
    Liar,
    adapter_to,
    adapter_without_msp,
    asked,
    clock_of,
    link_to_liar,
    make_emulator,
    switch,
)

TODAY = date(2026, 11, 2)
TOKEN, RENEW = "/api/Token/Get", "/api/Token/Renew"


def first_client(protect: EsetProtect) -> str:
    return next(iter(protect.workspaces())).id


# -- tokens ----------------------------------------------------------------------------------


def test_a_token_lives_as_long_as_it_says_and_is_renewed(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    list(protect.licences(""))
    assert (asked(emulator, TOKEN), asked(emulator, RENEW)) == (1, 0)
    clock_of(emulator).go(seconds=55)
    list(protect.licences(""))
    assert (asked(emulator, TOKEN), asked(emulator, RENEW)) == (1, 1)


def test_after_the_session_the_password_is_used_again(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    list(protect.licences(""))
    clock_of(emulator).go(hours=1)
    list(protect.licences(""))
    assert (asked(emulator, TOKEN), asked(emulator, RENEW)) == (2, 1)


def test_a_token_that_ends_early_is_replaced_once(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    emulator.add_fault("expired-token", 1, "/api/License/Detail")
    assert list(protect.licences(""))
    emulator.add_fault("expired-token", 2, "/api/License/Detail")
    with pytest.raises(RefusedError) as caught:
        list(protect.licences(""))
    assert caught.value.code == "msp_token"


def jwt(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"head.{body}.signature"


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"accessToken": jwt({"nbf": 1000, "exp": 1060})}, 60),
        ({"accessToken": jwt({"iat": 1000, "exp": 4600})}, 3600),
        ({"AccessToken": "opaque", "ExpiresIn": 3000}, 3000),
        ({"accessToken": "opaque"}, FALLBACK_SECONDS),
        ({"accessToken": jwt({"nbf": "x", "exp": []})}, FALLBACK_SECONDS),
        ({"accessToken": jwt({"nbf": 5, "exp": 1})}, FALLBACK_SECONDS),
        ({"accessToken": jwt({"nbf": 5, "exp": 1e300})}, FALLBACK_SECONDS),
        ({"accessToken": jwt([1, 2])}, FALLBACK_SECONDS),
        ({"accessToken": "a.!!!.c"}, FALLBACK_SECONDS),
    ],
)
def test_the_lifetime_is_read_from_the_token(answer: dict[str, Any], seconds: int) -> None:
    msp = Msp(link_to_liar(Liar({TOKEN: answer})), "ESET")
    msp.sign_in()
    kept = msp._sign_in._kept.token
    assert kept is not None
    assert kept.seconds == seconds


def test_a_token_that_is_not_valid_yet_shows_a_wrong_clock() -> None:
    ahead = jwt({"nbf": 1793605200 + 3600 * 24, "exp": 1793605200 + 3600 * 25})
    company = {"company": {"companyId": "c", "name": "MSP"}}
    liar = Liar({TOKEN: {"accessToken": ahead}, "/api/User/Current": company})
    step = EsetProtect(link_to_liar(liar)).rungs()[5]
    assert "clock" in step.run()


def test_a_moment_no_calendar_knows_is_no_clock() -> None:
    odd = jwt({"nbf": 1e18, "exp": 1e18 + 60})
    assert Msp(link_to_liar(Liar({TOKEN: {"accessToken": odd}})), "ESET").sign_in() == 0.0


# -- letter case -----------------------------------------------------------------------------


def test_keys_are_read_in_either_letter_case(emulator: EsetEmulator) -> None:
    usual = adapter_to(emulator)
    expected = (list(usual.licences("")), list(usual.usage("", TODAY)))
    switch(emulator, msp_casing="pascal")
    odd = adapter_to(emulator)
    assert (list(odd.licences("")), list(odd.usage("", TODAY))) == expected
    assert len(list(odd.workspaces())) == 3


# -- customers -------------------------------------------------------------------------------


def test_only_customers_are_customers(emulator: EsetEmulator) -> None:
    found = list(adapter_to(emulator)._msp.customers())  # type: ignore[union-attr]
    assert [row["path"] for row in found] == [(c.name,) for c in small_world().clients]


def test_without_the_search_call_the_tree_is_read(emulator: EsetEmulator) -> None:
    switch(emulator, msp_search_companies=False)
    assert len(list(adapter_to(emulator, customer_pairs="").workspaces())) == 6
    assert asked(emulator, "/api/Company/Descendants") == 1


def test_where_no_kind_is_called_customer_the_leaves_are_customers() -> None:
    rows = [
        {"CompanyId": "root", "Name": "MSP", "CompanyTypeId": 5, "ParentId": ""},
        {"CompanyId": "mid", "Name": "Managed", "CompanyTypeId": 6, "ParentId": "root"},
        {"CompanyId": "leaf", "Name": "Client", "CompanyTypeId": 7, "ParentId": "mid"},
    ]
    liar = Liar(
        {
            "/api/User/Current": {"company": {"id": "root", "name": "MSP"}},
            "/api/Search/Companies": {"Search": rows},
        }
    )
    found = list(Msp(link_to_liar(liar), "ESET").customers())
    assert [(row["id"], row["path"]) for row in found] == [("leaf", ("Managed", "Client"))]


def test_companies_in_a_circle_end() -> None:
    rows = [
        {"CompanyId": "a", "Name": "A", "CompanyTypeId": 7, "ParentId": "b"},
        {"CompanyId": "b", "Name": "B", "CompanyTypeId": 7, "ParentId": "a"},
    ]
    liar = Liar(
        {
            "/api/User/Current": {"company": {"id": "root", "name": "MSP"}},
            "/api/Search/Companies": {"Search": rows},
            "/api/Enum/EntityTypes": Response(
                '[{"id": 7, "name": "Customer"}]', 200, mimetype="application/json"
            ),
        }
    )
    found = list(Msp(link_to_liar(liar), "ESET").customers())
    assert [row["path"] for row in found] == [("B", "A"), ("A", "B")]


@pytest.mark.parametrize("customers", [99, 100, 101, 200])
def test_every_page_of_a_hundred_is_read(customers: int) -> None:
    emulator = make_emulator(companies=customers, devices=0)
    protect = adapter_to(emulator, customer_pairs="")
    found = [each.id for each in protect.workspaces() if each.id.startswith("customer:")]
    assert len(found) == len(set(found)) == customers
    lines = {line.workspace_id for line in protect.usage("", TODAY)}
    assert lines == set(found)


def test_a_list_without_an_end_is_refused() -> None:
    rows = [{"CompanyId": str(n), "Name": "x"} for n in range(100)]
    found = {"Search": rows, "Paging": {"TotalCount": 10**9}}
    liar = Liar({"/api/User/Current": {"company": {"id": "r"}}, "/api/Search/Companies": found})
    with pytest.raises(AnswerError):
        list(Msp(link_to_liar(liar), "ESET").customers())


# -- licences --------------------------------------------------------------------------------


def test_a_clients_licences_tell_ordered_and_activated_units(protect: EsetProtect) -> None:
    client, found = small_world().clients[0], list(protect.licences(first_client(protect)))
    main, trial = found
    assert (main.product, main.kind) == ("ESET PROTECT Advanced", LicenceKind.SUBSCRIPTION)
    assert (main.limit, main.used) == (client.seats, len(client.machines))
    assert main.state is LicenceState.ACTIVE
    assert main.expires_at is None
    assert trial.kind is LicenceKind.TRIAL
    assert trial.expires_at is not None


def test_the_licences_of_all_name_their_workspaces(protect: EsetProtect) -> None:
    ids = {each.id for each in protect.workspaces()}
    assert {licence.workspace_id for licence in protect.licences("")} == ids


def test_an_unjoined_customers_licences_are_its_own(emulator: EsetEmulator) -> None:
    protect = adapter_to(emulator, customer_pairs="")
    group, _, _, customer, *_ = protect.workspaces()
    assert list(protect.licences(group.id)) == []
    assert {each.workspace_id for each in protect.licences(customer.id)} == {customer.id}
    assert list(protect.usage(group.id, TODAY)) == []


def test_states_are_read(emulator: EsetEmulator, protect: EsetProtect) -> None:
    licences = emulator.table("msp_licences")
    key = next(iter(licences))
    expected = {
        0: LicenceState.UNKNOWN,
        1: LicenceState.ACTIVE,
        2: LicenceState.EXPIRED,
        3: LicenceState.SUSPENDED,
        4: LicenceState.ACTIVE,
    }
    for number, state in expected.items():
        licences[key] = {**licences[key], "state": number}
        assert next(iter(protect.licences(""))).state is state


def test_without_the_second_slot_there_are_no_licences(emulator: EsetEmulator) -> None:
    protect = adapter_without_msp(emulator)
    assert list(protect.licences("")) == []
    assert list(protect.usage("", TODAY)) == []
    assert protect.propose_pairs() == ()


# -- usage -----------------------------------------------------------------------------------


def test_usage_counts_ordered_and_activated_units_of_the_day(protect: EsetProtect) -> None:
    client = small_world().clients[0]
    lines = list(protect.usage(first_client(protect), TODAY))
    assert {(line.product, line.how, line.quantity, line.day) for line in lines} == {
        ("ESET PROTECT Advanced", "ordered", client.seats, TODAY),
        ("ESET PROTECT Advanced", "activated", len(client.machines), TODAY),
    }


def test_a_trial_is_not_billed(protect: EsetProtect) -> None:
    assert "ESET PROTECT Elite" not in {line.product for line in protect.usage("", TODAY)}


def test_changed_seats_show_from_their_day_on(emulator: EsetEmulator, protect: EsetProtect) -> None:
    client = first_client(protect)
    clock_of(emulator).go(days=3)
    told = emulator.occur(Happening("seat-change", {"quantity": 50}))
    assert told is not None
    later = TODAY + timedelta(days=3)
    ordered = {
        day: next(line.quantity for line in protect.usage(client, day) if line.how == "ordered")
        for day in (TODAY, later)
    }
    assert ordered == {TODAY: told["before"], later: 50}


def test_a_suspended_licence_counts_no_ordered_units(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    licences = emulator.table("msp_licences")
    key = next(iter(licences))
    licences[key] = {**licences[key], "state": 3}
    lines = list(protect.usage(first_client(protect), TODAY))
    assert [line.quantity for line in lines if line.how == "ordered"] == [0]


def test_several_licences_of_one_product_add_up(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    licences = emulator.table("msp_licences")
    licences["ABC-DEF-GHI"] = dict(next(iter(licences.values())))
    once = small_world().clients[0].seats
    lines = list(protect.usage(first_client(protect), TODAY))
    assert [line.quantity for line in lines if line.how == "ordered"] == [2 * once]


def test_the_usage_of_all_takes_one_call_for_a_hundred_customers(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    list(protect.usage("", TODAY))
    assert asked(emulator, "/api/UsageReport/AllCompanies/products") == 1
    assert asked(emulator, "/api/License/Detail") == 0


# -- refusals --------------------------------------------------------------------------------


def test_maintenance_passes(emulator: EsetEmulator, protect: EsetProtect) -> None:
    switch(emulator, msp_maintenance=True)
    with pytest.raises(TransientError) as caught:
        list(protect.licences(""))
    assert caught.value.code == "maintenance"


def test_a_company_without_an_id_is_refused() -> None:
    liar = Liar({"/api/User/Current": {"company": {"name": "MSP"}}})
    with pytest.raises(AnswerError):
        Msp(link_to_liar(liar), "ESET").company()
