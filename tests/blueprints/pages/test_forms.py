"""What people do on the pages: forms taken, refused with the reason at the field, conflicts."""

import json
from html import unescape

import pytest
from sqlalchemy import func, select

from plugin.services import connections, lists
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Integration, TicketRule
from plugin.store.journal import AuditEntry
from plugin.store.work import Delivery, SyncRun
from tests.blueprints.pages.office import Office

PSA = "connectwise_psa"
RULES = select(TicketRule).where(TicketRule.integration_id == 1)


@pytest.fixture(autouse=True)
def _look_afresh(request: pytest.FixtureRequest) -> None:
    """End what an earlier test of the same office left open in the tests' own session."""
    if "office" in request.fixturenames:
        request.getfixturevalue("office").fresh()


def at_field(shown: str, field: str) -> str:
    """Return the text at a field, as a reader finds it."""
    return shown.partition(f'id="{field}-error"')[2].partition("</div>")[0]


def summary(shown: str) -> str:
    return shown.partition("data-focus")[2].partition("</ul>")[0]


# -- connections -------------------------------------------------------------------------------


def test_a_blank_connection_form_names_every_field_at_fault(empty_office: Office) -> None:
    answer = empty_office.administrator.post(f"/connections/new/{PSA}", {"name": " "})
    assert answer.status_code == 422
    for field, says in (
        ("name", "Connection name must not be blank."),
        ("site", "must not be blank"),
    ):
        assert says in at_field(answer.text, field)
        assert f'href="#{field}"' in summary(answer.text)


def test_an_unknown_kind_is_nowhere(empty_office: Office) -> None:
    assert empty_office.administrator.get("/connections/new/nonsense").status_code == 404


def test_the_notice_stands_before_the_password(empty_office: Office) -> None:
    for kind, adapter in empty_office.house.runtime.adapters.items():
        shown = unescape(empty_office.administrator.read(f"/connections/new/{kind}"))
        if adapter.notice:
            assert shown.index(str(adapter.notice)[:30]) < shown.index('type="password"')
        assert f"{adapter.submit}</button>" in shown
        for field in adapter.fields:
            assert f'id="{field.name}"' in shown


def psa_values(office: Office, **changed: str) -> dict[str, str]:
    """Return the form of the connected PSA, its secrets untouched."""
    row = db.session.scalar(select(Connection).where(Connection.kind == PSA))
    assert row is not None
    form = {"name": row.name, "version": str(row.version), **row.settings}
    db.session.rollback()
    return {**form, **changed}


def test_an_edited_connection_is_checked_and_its_ladder_is_shown(empty_office: Office) -> None:
    made = empty_office.house.connect(PSA)
    answer = empty_office.administrator.post(
        f"/connections/{made.id}/edit", psa_values(empty_office, name="Our PSA")
    )
    assert (answer.status_code, answer.location) == (303, f"/connections/{made.id}?saved=changed")
    shown = empty_office.administrator.read(answer.location)
    assert "Our PSA was saved." in shown
    assert "was saved and works" in shown
    assert "Service boards" in shown


def test_a_wrong_secret_shows_cause_and_cure_and_saves_nothing(empty_office: Office) -> None:
    made = empty_office.house.connect(PSA)
    runtime = empty_office.house.runtime
    wrong = psa_values(empty_office, private_key="a-wrong-key", name="Renamed")
    answer = empty_office.administrator.post(f"/connections/{made.id}/edit", wrong)
    assert answer.status_code == 422
    assert "What to do:" in answer.text
    assert "a-wrong-key" not in answer.text
    empty_office.fresh()
    assert made.name != "Renamed"
    assert runtime.opened(made)["private_key"] != "a-wrong-key"


def test_a_secret_that_works_is_not_lost_to_one_that_does_not(empty_office: Office) -> None:
    made = empty_office.house.connect(PSA)
    runtime, path = empty_office.house.runtime, f"/connections/{made.id}/edit"
    wrong = psa_values(empty_office, private_key="a-wrong-key") | {"anyway": "1"}
    answer = empty_office.administrator.post(path, wrong)
    assert answer.status_code == 422
    assert "stays in use until a new one passes" in answer.text
    assert "Save although" not in answer.text
    empty_office.fresh()
    assert runtime.opened(made)["private_key"] != "a-wrong-key"
    with writing():
        made.state = "attention"
    wrong["version"] = str(made.version)
    assert empty_office.administrator.post(path, wrong).status_code == 303
    empty_office.fresh()
    assert runtime.opened(made)["private_key"] == "a-wrong-key"
    assert "needs attention" in empty_office.viewer.read("/")


def test_check_only_tells_and_saves_nothing(empty_office: Office) -> None:
    made = empty_office.house.connect(PSA)
    form = {**psa_values(empty_office, name="Tried"), "do": "check"}
    part = empty_office.administrator.post(
        f"/connections/{made.id}/edit", form, headers={"HX-Request": "true"}
    )
    assert part.status_code == 200
    assert "Service boards" in part.text
    assert "<html" not in part.text
    whole = empty_office.administrator.post(f"/connections/{made.id}/edit", form)
    assert "Service boards" in whole.text
    empty_office.fresh()
    assert made.name != "Tried"


def test_a_second_editor_is_told_and_overwrites_nothing(empty_office: Office) -> None:
    made = empty_office.house.connect(PSA)
    form = psa_values(empty_office, name="First")
    assert empty_office.administrator.post(f"/connections/{made.id}/edit", form).status_code == 303
    answer = empty_office.administrator.post(
        f"/connections/{made.id}/edit", {**form, "name": "Second"}
    )
    assert answer.status_code == 409
    assert "Somebody else" in answer.text
    empty_office.fresh()
    assert made.name == "First"


def test_a_connection_is_deleted_only_under_its_exact_name(empty_office: Office) -> None:
    made = empty_office.house.integrate().host
    path, name = f"/connections/{made.id}/delete", made.name
    assert "<strong>1</strong> integration" in empty_office.administrator.read(path)
    answer = empty_office.administrator.post(path, {"typed": "something else"})
    assert answer.status_code == 422
    assert "Type the name exactly" in at_field(answer.text, "typed")
    assert empty_office.administrator.post(path, {"typed": name}).status_code == 303
    assert empty_office.administrator.get(f"/connections/{made.id}").status_code == 404
    assert name not in empty_office.viewer.read("/integrations")
    assert name not in empty_office.viewer.read("/connections")
    listed = empty_office.administrator.read("/connections")
    assert listed.index("can be brought back") < listed.index(f"/connections/{made.id}/undo")
    back = empty_office.administrator.post(f"/connections/{made.id}/undo")
    assert (back.status_code, back.location) == (303, f"/connections/{made.id}")
    assert "is back and goes on" in empty_office.administrator.read(back.location)


def test_a_copy_is_offered_before_a_deletion_and_holds_no_secret(empty_office: Office) -> None:
    made = empty_office.house.integrate().host
    path = f"/connections/{made.id}/export"
    assert path in empty_office.administrator.read(f"/connections/{made.id}/delete")
    answer = empty_office.administrator.post(path)
    assert f"bridgehead-connection-{made.id}-" in answer.headers["Content-Disposition"]
    told = json.loads(answer.text)
    assert told["connection"]["name"] == made.name
    assert len(told["tables"]["company_mapping"]) == 3
    assert len(told["tables"]["integration"]) == 1
    for secret in (*empty_office.house.runtime.opened(made).items(), ("token", made.webhook_token)):
        if secret[0] not in made.settings:
            assert str(secret[1]) not in answer.text
    assert empty_office.technician.post(path).status_code == 403


def test_a_deletion_counts_what_the_host_has_of_us_or_says_why_not(empty_office: Office) -> None:
    made = empty_office.house.connect(PSA)
    empty_office.house.work_all()
    path = f"/connections/{made.id}/delete"
    shown = empty_office.administrator.read(path)
    assert "callbacks at the host, removed there" in shown
    emulator = empty_office.house.emulators[PSA]
    emulator.faults.add("500", times=50)
    try:
        assert "could not be asked" in empty_office.administrator.read(path)
    finally:
        emulator.faults.clear()


def test_the_check_button_remembers_the_outcome(empty_office: Office) -> None:
    made = empty_office.house.connect(PSA)
    assert "was not checked yet" in empty_office.viewer.read(f"/connections/{made.id}")
    empty_office.technician.post(f"/connections/{made.id}/check")
    assert "The connection check went through." in empty_office.technician.read(
        f"/connections/{made.id}"
    )


# -- integrations ------------------------------------------------------------------------------


def test_an_integration_needs_both_sides(empty_office: Office) -> None:
    assert "No host is connected yet" in empty_office.administrator.read("/integrations/new")
    empty_office.house.connect(PSA)
    empty_office.house.connect("kaspersky_ksc")
    answer = empty_office.administrator.post("/integrations/new", {"host": "99", "vendor": "x"})
    assert answer.status_code == 422
    assert "Choose the platform." in at_field(answer.text, "host")
    assert "Choose the vendor" in at_field(answer.text, "vendor")


def test_an_integration_is_offered_the_vendors_wording_and_takes_no_blank(
    empty_office: Office,
) -> None:
    host, vendor = empty_office.house.connect(PSA), empty_office.house.connect("kaspersky_ksc")
    usual = 'value="Integration with ConnectWise PSA"'
    assert usual in empty_office.administrator.read("/integrations/new")
    form = {"host": str(host.id), "vendor": str(vendor.id), "name": " "}
    answer = empty_office.administrator.post("/integrations/new", form)
    assert answer.status_code == 422
    assert "Integration name must not be blank." in at_field(answer.text, "name")
    assert usual in answer.text
    form["name"] = "Integration with ConnectWise PSA"
    answer = empty_office.administrator.post("/integrations/new", form)
    assert answer.location == "/integrations/1/workspaces"
    assert "Integration with ConnectWise PSA" in empty_office.viewer.read("/integrations")
    assert "is not here yet" in empty_office.administrator.read(answer.location)


def test_workspaces_are_ticked_and_a_search_leaves_hidden_ones_alone(office: Office) -> None:
    served = {link.workspace_id for link in db.session.get_one(Integration, 1).links}
    one, *others = sorted(served)
    db.session.rollback()
    path = "/integrations/1/workspaces"
    office.administrator.post(path, {"shown": [one], "workspace": []})
    office.fresh()
    assert {link.workspace_id for link in db.session.get_one(Integration, 1).links} == set(others)
    db.session.rollback()
    office.administrator.post(path, {"shown": [one], "workspace": [one]})
    office.fresh()
    assert {link.workspace_id for link in db.session.get_one(Integration, 1).links} == served


def test_an_unknown_workspace_is_refused(office: Office) -> None:
    form = {"shown": ["nonsense"], "workspace": ["nonsense"]}
    answer = office.administrator.post("/integrations/1/workspaces", form)
    assert answer.status_code == 422
    assert "the vendor lists no workspace nonsense" in summary(answer.text)


def test_a_workspace_of_another_integration_cannot_be_ticked(office: Office) -> None:
    form = {"host": "1", "vendor": "2", "name": "Second"}
    second = office.administrator.post("/integrations/new", form).location
    shown = office.administrator.read(second)
    assert "disabled" in shown
    assert '<a href="/integrations/1">Integration</a>' in shown


def test_a_mapping_is_typed_by_name_and_a_stranger_is_refused(office: Office) -> None:
    table, ask = lists.mappings(db.session.get_one(Integration, 1), lists.Ask())
    line = next(each for each in table.page(office.house.runtime, ask).rows if each.company)
    assert line.company is not None
    field, name = f"company-{line.workspace.id}", line.company.name
    db.session.rollback()
    path = "/integrations/1/mapping"
    answer = office.administrator.post(path, {field: "Nobody & Sons"})
    assert answer.status_code == 422
    assert "The host lists no company “Nobody &amp; Sons”" in at_field(answer.text, field)
    assert 'value="Nobody &amp; Sons"' in answer.text
    assert office.administrator.post(path, {field: ""}).status_code == 303
    assert office.administrator.read(f"{path}?state=unmapped").count(f'name="{field}"') == 1
    assert office.administrator.post(path, {field: name.upper()}).status_code == 303
    assert "1 mapping saved." in office.administrator.read(path)


def test_rules_are_saved_with_the_hosts_own_words(office: Office) -> None:
    rule = db.session.scalars(RULES.where(TicketRule.matches == "warning")).one()
    number = rule.id
    shown = office.administrator.read("/integrations/1/rules")
    offered = shown.partition(f'id="board-{number}"')[2].partition("</select>")[0]
    value = (
        offered.partition('<option value="">')[2].partition('<option value="')[2].partition('"')[0]
    )
    assert value
    db.session.rollback()
    form = {f"on-{number}": "1", f"board-{number}": value, "nonsense-1": "x"}
    kept = [row.id for row in db.session.scalars(RULES) if row.enabled]
    db.session.rollback()
    form |= {f"on-{each}": "1" for each in kept}
    assert office.administrator.post("/integrations/1/rules", form).status_code == 303
    office.fresh()
    assert (rule.enabled, rule.fields) == (True, {"board": value})
    assert "1 rule saved." in office.administrator.read("/integrations/1/rules")


def test_rules_and_their_switch_are_not_saved_over_a_colleagues_change(office: Office) -> None:
    row = db.session.get_one(Integration, 1)
    late, rules = str(row.version - 1), [rule.id for rule in row.rules]
    db.session.rollback()
    every = {f"on-{number}": "1" for number in rules}
    path = "/integrations/1"
    answer = office.administrator.post(f"{path}/rules", {**every, "version": late})
    assert answer.status_code == 409
    switch = {"on": "0", "version": late}
    assert office.administrator.post(f"{path}/tickets", switch).status_code == 409


def test_rules_can_be_typed_in_while_the_host_is_silent(office: Office) -> None:
    emulator = office.house.emulators[PSA]
    emulator.faults.add("500", times=50)
    try:
        shown = office.administrator.read("/integrations/1/rules")
    finally:
        emulator.faults.clear()
    assert "did not tell its boards and statuses" in shown
    assert 'placeholder="The host' in shown


def test_writing_tickets_is_switched_off_and_on(office: Office) -> None:
    path = "/integrations/1/tickets"
    office.administrator.post(path, {"on": "0"})
    shown = office.administrator.read("/integrations/1/rules")
    assert "No more tickets are written" in shown
    assert "Nothing is written to" in shown
    office.administrator.post(path, {"on": "1"})
    assert "Stop writing tickets" in office.administrator.read("/integrations/1/rules")


def test_a_blank_or_outdated_rename_changes_nothing(office: Office) -> None:
    row = db.session.get_one(Integration, 1)
    version = row.version
    db.session.rollback()
    path = "/integrations/1/rename"
    answer = office.administrator.post(path, {"name": " ", "version": str(version)})
    assert answer.status_code == 422
    assert "Integration name must not be blank." in at_field(answer.text, "name")
    answer = office.administrator.post(path, {"name": "New", "version": str(version - 1)})
    assert answer.status_code == 409
    assert (
        office.administrator.post(path, {"name": "New", "version": str(version)}).status_code == 303
    )
    assert "New" in office.viewer.read("/integrations")


# -- work --------------------------------------------------------------------------------------


def test_sync_now_asks_for_everything_and_says_how_much(office: Office) -> None:
    before = db.session.scalar(select(func.count(SyncRun.id))) or 0
    db.session.rollback()
    assert office.technician.post("/sync").location == "/"
    assert "sync runs asked for" in office.technician.read("/")
    office.fresh()
    assert (db.session.scalar(select(func.count(SyncRun.id))) or 0) > before


def test_a_run_is_cancelled_and_asked_for_again(office: Office) -> None:
    running = db.session.scalars(select(SyncRun).where(SyncRun.living == "running")).one()
    number = running.id
    db.session.rollback()
    assert "hx-get" in office.technician.read(f"/runs/{number}")
    office.technician.post(f"/runs/{number}/cancel")
    office.fresh()
    assert running.cancel_asked
    failed = db.session.scalars(select(SyncRun).where(SyncRun.state == "failed")).first()
    assert failed is not None
    shown = office.technician.read(f"/runs/{failed.id}")
    assert "the vendor did not answer" in shown
    assert 'hx-trigger="every' not in shown
    assert office.technician.post(f"/runs/{failed.id}/again").location.startswith("/runs/")


@pytest.mark.parametrize(
    ("form", "replayed"),
    [
        ({"delivery": ["1"]}, 1),
        ({"delivery": ["1", "2", "999999", "x", "\u0661"]}, 2),
        ({"all": "dead", "since": "hour"}, 2),
        ({"all": "dead"}, 2),
        ({"all": "every"}, 0),
        ({}, 0),
    ],
)
def test_calls_are_replayed_some_or_all_dead_ones(
    office: Office, form: dict[str, list[str]], replayed: int
) -> None:
    with writing() as session:
        for row in session.scalars(select(Delivery)):
            row.state = "dead" if row.id in {3, 6} else "handled"
            row.replays = 0
    assert office.technician.post("/deliveries/replay", form).status_code == 303
    office.fresh()
    assert db.session.scalar(select(func.sum(Delivery.replays))) == replayed
    if replayed:
        last = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert last is not None
        assert last.action == "delivery.replay"


def test_nothing_connected_leads_to_the_first_connection(empty_office: Office) -> None:
    shown = empty_office.administrator.read("/")
    assert "Start Guided Setup" in shown
    assert 'action="/setup"' in shown
    assert "Start Guided Setup" not in empty_office.viewer.read("/")
    assert connections.living(empty_office.house.runtime) == []


def test_an_eset_connection_is_added_in_the_words_of_esets_manual(empty_office: Office) -> None:
    office, eset = empty_office, "eset_protect"
    path = f"/connections/new/{eset}"
    shown = unescape(office.administrator.read(path))
    assert "Connection Settings > ESET PROTECT Connections" in shown
    for label in (
        "PROTECT Connection Type",
        "ESET PROTECT Connection Name",
        "ESET PROTECT Server Region",
        "Email",
        "Password",
    ):
        assert f">{label}<" in shown.replace(" <span", "<span")
    emulator = office.house.emulators[eset]
    values = emulator.connection_settings()
    for name, says in (
        ("", "ESET PROTECT Connection Name must not be blank."),
        ("protect.example.com", "no DNS name"),
        ("Our-clients", "letters, digits and single spaces"),
    ):
        answer = office.administrator.post(path, {**values, "name": name})
        assert answer.status_code == 422
        assert says in at_field(answer.text, "name")


def test_integration_settings_appear_only_after_success(empty_office: Office) -> None:
    made = empty_office.house.connect("kaspersky_cloud")
    path = f"/connections/{made.id}"
    assert "They appear once the connection check" in empty_office.administrator.read(path)
    empty_office.technician.post(f"{path}/check")
    assert "Create an integration" in empty_office.administrator.read(path)


def test_the_discovery_of_groups_is_a_state_that_ends(empty_office: Office) -> None:
    made = empty_office.house.connect("eset_protect")
    part = f"/connections/{made.id}/groups"
    shown = empty_office.viewer.read(f"/connections/{made.id}")
    assert "Discovering groups" in shown
    assert f'hx-get="{part}"' in shown
    empty_office.house.sync(made)
    assert "hx-get" not in empty_office.viewer.read(part)
    assert "static group" in empty_office.viewer.read(part)
