"""The emulator of MSP Administrator, as public scripts use it."""

import pytest

from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.emulator_licensing import public_key
from tests.vendors.eset.callers import Biller
from tests.vendors.eset.house import clock_of, make_emulator


def test_tokens_of_a_minute_are_renewed_until_the_session_ends(
    biller: Biller, emulator: EsetEmulator
) -> None:
    clock_of(emulator).go(seconds=60)
    assert biller.call("/api/User/Current").get_json()["code"] == 1
    renewed = biller.json("/api/Token/Renew", {"refreshToken": biller.tokens["refreshToken"]})
    again = biller.call("/api/Token/Renew", {"refreshToken": biller.tokens["refreshToken"]})
    assert again.status_code == 401
    clock_of(emulator).go(seconds=1800)
    late = biller.call("/api/Token/Renew", {"refreshToken": renewed["refreshToken"]})
    assert late.status_code == 401


@pytest.mark.parametrize(
    "page", [{"skip": 0, "take": 0}, {"skip": 0, "take": 101}, {"skip": -1, "take": 5}]
)
def test_take_is_one_to_a_hundred(biller: Biller, page: dict[str, int]) -> None:
    root = biller.json("/api/User/Current")["company"]["companyId"]
    days = {"from": "2026-11-01", "to": "2026-11-02"}
    for path, body in (
        ("/api/Company/Children", {"companyId": root}),
        ("/api/Search/Companies", {"search": {}}),
        ("/api/Search/Licenses", {"keyword": ""}),
        ("/api/UsageReport/AllCompanies/products", days),
    ):
        assert biller.call(path, {**body, **page}).status_code == 400


def test_the_company_tree_is_listed_searched_and_shown(biller: Biller) -> None:
    root = biller.json("/api/User/Current")["company"]["companyId"]
    page = {"skip": 0, "take": 100}
    children = biller.json("/api/Company/Children", {"companyId": root, **page})
    below = biller.json(
        "/api/Company/Descendants", {"companyId": root, "entityType": "Any", **page}
    )
    found = biller.json("/api/Search/Companies", {"search": {}, **page})
    assert children == below
    assert children["paging"]["totalCount"] == 3
    assert found["Paging"]["TotalCount"] == 4
    one = children["companies"][0]["publicId"]
    detail = biller.json("/api/Company/Detail", {"companyId": one})
    assert (detail["id"], detail["ancestor"]["id"]) == (one, root)
    assert biller.call("/api/Company/Detail", {"companyId": "gone"}).status_code == 404
    assert biller.call("/api/Company/Children", {"companyId": "gone", **page}).status_code == 404


def test_licences_are_searched_and_shown_with_their_seats(biller: Biller) -> None:
    page = {"skip": 0, "take": 100}
    rows = biller.json("/api/Search/Licenses", {"keyword": "advanced", **page})["Search"]
    assert [row["Name"] for row in rows] == ["ESET PROTECT Advanced"] * 3
    key = rows[0]["PublicLicenseKey"]
    detail = biller.json("/api/License/Detail", {"publicLicenseKey": key})
    assert detail["quantity"] == detail["usage"] + 2
    mine = biller.json("/api/Search/Licenses", {"customerId": detail["customerId"], **page})
    assert key in {row["PublicLicenseKey"] for row in mine["Search"]}
    states = {row["id"]: row["name"] for row in biller.json("/api/Enum/LicenseStates")}
    assert states[detail["state"]] == "Normal"
    assert (
        biller.call("/api/License/Detail", {"publicLicenseKey": "000-000-000"}).status_code == 404
    )


def test_seats_are_changed_but_not_to_what_they_are(biller: Biller) -> None:
    page = {"skip": 0, "take": 1}
    key = biller.json("/api/Search/Licenses", page)["Search"][0]["PublicLicenseKey"]
    wanted = {"publicLicenseKey": key, "quantity": 77}
    assert biller.json("/api/License/UpdateQuantity", wanted) == {}
    again = biller.call("/api/License/UpdateQuantity", wanted)
    assert (again.status_code, again.get_json()["subCode"]) == (400, 48)
    assert biller.json("/api/License/Detail", {"publicLicenseKey": key})["quantity"] == 77


def test_usage_is_reported_over_days(biller: Biller) -> None:
    span = {"from": "2026-11-02", "to": "2026-11-04", "skip": 0, "take": 100}
    every = biller.json("/api/UsageReport/AllCompanies/products", span)["companies"]
    one = every[0]
    line = one["products"][0]
    assert line["seatDays"] == 3 * (line["seats"] - 2)
    assert one["totalUsage"] == sum(each["seatDays"] for each in one["products"])
    chosen = {**span, "companyIds": [one["companyId"]]}
    assert biller.json("/api/UsageReport/SelectedCompanies/products", chosen)["companies"] == [one]
    daily = {**span, "companyId": one["companyId"], "codes": []}
    days = biller.json("/api/UsageReport/Daily/products", daily)["companies"][0]["products"][0]
    dates = [each["date"] for each in days["usagePerDays"]]
    assert dates == ["2026-11-02", "2026-11-03", "2026-11-04"]


@pytest.mark.breaches
def test_a_report_over_days_that_are_none_is_refused() -> None:
    span = {"from": "2026-11-02", "to": "soon", "skip": 0, "take": 100}
    answer = Biller(make_emulator()).call("/api/UsageReport/AllCompanies/products", span)
    assert answer.status_code == 400


def test_licence_keys_are_different() -> None:
    assert len({public_key(number) for number in range(5000)}) == 5000
