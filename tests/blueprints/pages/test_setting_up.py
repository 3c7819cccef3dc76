"""The first run: a one-time link makes the first administrator, once."""

from urllib.parse import unquote, urlsplit

import pytest

from plugin.domain.errors import RuleError
from plugin.services import setting_up
from tests.blueprints.pages.office import PASSWORD, Office, Visitor

FORM = {"email": "First@msp.example", "new": PASSWORD, "again": PASSWORD}


def link_of(office: Office) -> str:
    parts = urlsplit(setting_up.new_link(office.house.runtime))
    return f"{parts.path}?{parts.query}"


def arrive(office: Office, path: str) -> tuple[Visitor, str]:
    visitor = office.stranger()
    shown = visitor.get(path).text
    visitor.token = shown.partition('name="csrf_token" value="')[2].partition('"')[0]
    return visitor, path.partition("token=")[2]


def test_the_link_makes_the_first_administrator_and_signs_in(empty_office: Office) -> None:
    visitor, token = arrive(empty_office, link_of(empty_office))
    answer = visitor.post("/set-up", {"token": token, **FORM})
    assert (answer.status_code, answer.location) == (303, "/")
    assert "first@msp.example" in visitor.read("/accounts")


def test_a_link_used_twice_is_refused_whatever_the_spelling(empty_office: Office) -> None:
    path = link_of(empty_office)
    (first, token), (second, _) = arrive(empty_office, path), arrive(empty_office, path)
    assert first.post("/set-up", {"token": token, **FORM}).status_code == 303
    again = second.post("/set-up", {"token": token, **FORM})
    assert (again.status_code, "works once" in again.text) == (403, True)
    assert "Sign in with the account you have" in again.text
    for spelling in ("/set-up", "//set-up", "/set-up/", "/%73et-up", "/./set-up", "/x/../set-up",
                     "/SET-UP", "/set-up;x", "/set-up%2f", "/set-up%00", "/set-up//"):  # fmt: skip
        for method in ("GET", "POST", "PUT"):
            answer = empty_office.stranger().client.open(
                method=method,
                query_string={"token": token},
                environ_overrides={"PATH_INFO": unquote(spelling)},
            )
            assert answer.status_code in {308, 400, 403, 404, 405}, spelling
            assert "Make your account" not in answer.text
    with pytest.raises(RuleError, match="is set up"):
        setting_up.new_link(empty_office.house.runtime)


def test_an_altered_an_older_and_an_expired_link_are_refused_with_a_cure(
    empty_office: Office,
) -> None:
    old, new = link_of(empty_office), link_of(empty_office)
    cure = "bridgehead set-up"
    for bad in (new[:-1], new[:-2] + "xx", old, "/set-up", "/set-up?token=ä"):
        answer = empty_office.stranger().get(bad)
        assert (answer.status_code, cure in answer.text) == (403, True), bad
        assert "Copy the newest one whole" in answer.text
    assert empty_office.stranger().get(new).status_code == 200
    empty_office.house.clock.forward(24 * 3600 + 1)
    answer = empty_office.stranger().get(new)
    assert (answer.status_code, "24 hours" in answer.text, cure in answer.text) == (403, True, True)
    visitor, _ = arrive(empty_office, "/sign-in")
    refused = visitor.post("/set-up", {"token": new.partition("token=")[2], **FORM})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"email": "nobody"}, "needs an e-mail address"),
        ({"new": "short", "again": "short"}, "at least 12 characters"),
        ({"again": "another"}, "The two passwords differ."),
        ({"email": ""}, "Enter your e-mail address."),
    ],
)
def test_a_bad_entry_is_explained_and_the_link_stays_good(
    empty_office: Office, change: dict[str, str], says: str
) -> None:
    path = link_of(empty_office)
    visitor, token = arrive(empty_office, path)
    answer = visitor.post("/set-up", {"token": token, **FORM, **change})
    assert (answer.status_code, says in answer.text) == (422, True)
    assert visitor.post("/set-up", {"token": token, **FORM}).status_code == 303


def test_no_frame_holds_the_set_up(empty_office: Office) -> None:
    policy = empty_office.stranger().get(link_of(empty_office)).headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'none'")
