"""Every page, as administrator, as viewer and as stranger."""

import re

import pytest

from plugin.services.access import Role
from tests.blueprints.pages.office import Office

FOR_ALL = (
    "/",
    "/dashboard/runs",
    "/devices",
    "/devices?q=nothing-is-called-so",
    "/devices?client=a&protection=ok&class=server&sort=-contact&page=2&page_size=100",
    "/devices?workspace=1",
    "/devices/1",
    "/tickets",
    "/tickets?state=problem&company=a&integration=1&q=x",
    "/devices?deployment=running&bases=current",
    "/statistics",
    "/statistics?client=zzz",
    "/statistics/syncing",
    "/events",
    "/events?severity=critical&client=a",
    "/licensing",
    "/licensing?use=exceeded&state=active&sort=-share",
    "/tickets/1",
    "/tickets/log",
    "/tickets/log?decision=made",
    "/connections",
    "/connections?q=psa&side=host",
    "/connections/1",
    "/connections/2",
    "/connections/2/groups",
    "/integrations",
    "/integrations/1",
    "/integrations/1/administrators",
    "/integrations/1/workspaces",
    "/integrations/1/workspaces?q=zzz",
    "/integrations/1/mapping",
    "/integrations/1/mapping?state=unmapped",
    "/integrations/1/mapping?state=suggested",
    "/integrations/1/mapping/options",
    "/integrations/1/suggestions",
    "/integrations/1/suggestions?exact=1&q=zzz",
    "/integrations/1/suggestions/progress",
    "/integrations/1/companies?company-1=a",
    "/coverage",
    "/coverage?host=1&q=zzz",
    "/integrations/1/rules",
    "/integrations/1/field",
    "/deliveries",
    "/deliveries?state=dead&kind=unread&connection=1",
    "/runs",
    "/runs?state=failed&what=data",
    "/runs/1",
    "/runs/1/progress",
    "/actions",
    "/actions?action=scan&q=x",
    "/notifications",
    "/notifications?state=unread&kind=connection_broken&q=x",
    "/sessions",
    "/password",
    "/second-factor",
    "/records/1?screen=company&record=3",
)
FOR_TECHNICIANS = (
    "/deliveries/1",
    "/devices/1/actions/scan",
    "/actions/new?device=1",
    "/actions/new?workspace=1&kind=scan",
    "/actions/new?device=1&kind=restart",
    "/workspaces/1/installer",
)
FOR_ADMINISTRATORS = (
    "/connections/new",
    "/connections/new/connectwise_psa",
    "/connections/new/kaspersky_ksc",
    "/connections/1/edit",
    "/connections/1/delete",
    "/integrations/new",
    "/integrations/1/administrators/add",
    "/integrations/1/settings",
    "/integrations/1/move",
    "/integrations/1/delete",
    "/setup/environment",
    "/setup/vendor",
    "/setup/mapping",
    "/environment",
    "/environment/beta",
    "/notifications/mails",
    "/notifications/mails?state=undelivered&q=x",
    "/notifications/settings",
    "/accounts",
    "/accounts/new",
    "/accounts/1",
    "/tokens",
    "/audit",
    "/audit?actor=test&action=connection&q=x",
)
EVERY = FOR_ALL + FOR_TECHNICIANS + FOR_ADMINISTRATORS


@pytest.mark.parametrize("path", EVERY)
def test_an_administrator_sees_every_page(office: Office, path: str) -> None:
    shown = office.administrator.read(path)
    assert "Traceback" not in shown
    assert "{{" not in shown


@pytest.mark.parametrize("path", EVERY)
def test_a_stranger_is_sent_to_the_sign_in(office: Office, path: str) -> None:
    answer = office.stranger().get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/sign-in?next=")


@pytest.mark.parametrize("path", FOR_ALL)
def test_a_viewer_sees_pages_without_buttons_that_change_things(office: Office, path: str) -> None:
    shown = office.viewer.read(path)
    actions = set(re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', shown))
    own = {"/sign-out", "/password", "/notifications/read", ""}
    assert {each for each in actions if not each.startswith("/sessions/")} <= own


@pytest.mark.parametrize("path", FOR_TECHNICIANS + FOR_ADMINISTRATORS)
def test_a_viewer_is_told_that_a_page_is_not_for_him(office: Office, path: str) -> None:
    answer = office.viewer.get(path)
    assert answer.status_code == 403
    assert "You may not do this" in answer.text


def test_every_page_of_the_menu_is_reached_and_marked(office: Office) -> None:
    nav = office.administrator.read("/").partition('aria-label="Main">')[2].partition("</nav>")[0]
    menu = re.findall(r'<li><a href="([^"]+)"', nav)
    assert len(menu) > 10
    for path in menu:
        shown = office.administrator.read(path)
        assert f'<a href="{path}" aria-current="page">' in shown, path


@pytest.mark.parametrize("path", ["/devices", "/integrations/1/mapping", "/connections/1/edit"])
def test_the_menu_marks_the_group_of_a_page_below_it(office: Office, path: str) -> None:
    assert office.administrator.read(path).count('aria-current="page"') == 2  # rail and bar


@pytest.mark.parametrize(
    "path",
    ["/devices/99999", "/tickets/99999", "/runs/99999", "/connections/99999", "/devices/9" * 12],
)
def test_what_is_not_there_is_said_so(office: Office, path: str) -> None:
    answer = office.administrator.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_a_page_in_a_hosts_frame_has_no_brand_bar_and_a_way_out(office: Office) -> None:
    for shown in (
        office.viewer.read("/devices?embedded=1"),
        office.viewer.read("/devices", headers={"Sec-Fetch-Dest": "iframe"}),
    ):
        assert 'class="embedded"' in shown
        assert "Open in new window" in shown
        assert 'class="rail"' not in shown


def test_every_answer_carries_a_policy_and_a_request_id(office: Office) -> None:
    for path in ("/", "/sign-in", "/nothing", "/static/bridgehead.css"):
        answer = office.viewer.get(path)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-ID"])
        answer.close()


def test_a_request_id_of_the_proxy_is_kept_and_a_forged_one_is_not(office: Office) -> None:
    for given, kept in (("abcdef-12345678", True), ("a b\tc", False), ("x" * 100, False)):
        answer = office.viewer.get("/nothing", headers={"X-Request-ID": given})
        assert (answer.headers["X-Request-ID"] == given) is kept


def test_no_page_needs_inline_style_or_script(office: Office) -> None:
    for path in EVERY:
        shown = office.administrator.read(path)
        assert not re.search(r"<style|style=\"|<script(?![^>]*src=)|\son[a-z]+=\"", shown), path


def test_secrets_and_the_webhook_address_stay_with_those_who_may_see_them(office: Office) -> None:
    from_house = office.house.emulators["connectwise_psa"].connection_settings()
    for path in ("/connections/1", "/connections/1/edit", "/audit"):
        shown = office.administrator.read(path)
        assert from_house["private_key"] not in shown
        assert from_house["client_id"] not in shown
    assert "/webhooks/" in office.administrator.read("/connections/1")
    assert "/webhooks/" not in office.visitor(Role.TECHNICIAN).read("/connections/1")


def test_a_received_call_shows_its_body_and_hides_what_is_secret(office: Office) -> None:
    shown = office.technician.read("/deliveries/1")
    assert "x-content-signature" in shown
    assert "canary" not in shown
    assert "&lt;svg onload" in shown


def test_fragments_say_that_they_differ_for_htmx(office: Office) -> None:
    for path in ("/dashboard/runs", "/runs/1/progress"):
        answer = office.viewer.get(path, headers={"HX-Request": "true"})
        assert "HX-Request" in answer.headers["Vary"]
        assert "<html" not in answer.text
