"""Protection state written into a field of Automate's computers: nothing blind, nothing twice."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from plugin.edge.emulator import Happening, serve
from plugin.services import device_matching, host_fields, host_writing, integration_changes
from plugin.services.access import Role
from plugin.services.handlers import HANDLERS, HOOKS
from plugin.services.host_targets import Target
from plugin.services.journal import verify_audit
from plugin.services.work import work
from plugin.store.base import db, writing
from plugin.store.device_matching import DeviceMatch
from plugin.store.host_writes import HostWrite, StateField, WriteState
from plugin.store.integrations import Integration
from plugin.store.journal import AuditEntry
from plugin.store.mirror import DeviceRow
from tests.blueprints.pages.office import Office, open_office

PAGE, API = "/integrations/1/field", "/api/v1/integrations/1/state-field"
HOST, TITLE = "connectwise_automate", "Protection state"
FIELD = "3"


@pytest.fixture(scope="module")
def previewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an installation once in which devices are matched and a field was looked at."""
    folder = tmp_path_factory.mktemp("previewed")
    with open_office(folder, companies=1, devices=4) as office:
        house, made = office.house, office.house.integrate(host=HOST)
        device_matching.ask(house.runtime, "tester", made)
        house.work_all()
        host_fields.choose(house.runtime, "tester", made, FIELD, None)
        house.work_all()
        assert not written(office)
    return folder


@pytest.fixture
def office(previewed: Path, tmp_path: Path) -> Iterator[Office]:
    """Give that installation: writing is off."""
    with reopened(previewed, tmp_path) as office:
        yield office


@contextmanager
def reopened(kept: Path, folder: Path) -> Iterator[Office]:
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    with open_office(folder, companies=1, devices=4) as office:
        yield office


def choose(office: Office, field: str = FIELD) -> None:
    answer = office.administrator.post(PAGE, {"field": field})
    assert (answer.status_code, answer.location) == (303, PAGE), answer.text
    done(office)


def done(office: Office) -> None:
    """Do what is due, as a worker that has read nothing yet."""
    office.fresh()
    office.house.work_all()
    office.fresh()


def switch(office: Office, on: bool = True) -> None:
    assert office.administrator.post(f"{PAGE}/switch", {"on": str(int(on))}).status_code == 303
    done(office)


def look(office: Office) -> None:
    assert office.technician.post(f"{PAGE}/look").status_code == 303
    done(office)


def written(office: Office) -> list[str]:
    """Return the computers of the writes that reached the host, in order."""
    sent = office.house.emulators[HOST].requests
    return [each["path"].split("/")[-3] for each in sent if each["method"] == "PATCH"]


def value(office: Office, computer: str) -> str:
    kept: Any = office.house.emulators[HOST]
    return str(kept.field_value("computers", computer, FIELD))


def put(office: Office, computer: str, text: str) -> None:
    kept: Any = office.house.emulators[HOST]
    kept.put_field_value("computers", computer, TITLE, text)


def rows() -> list[HostWrite]:
    return list(db.session.scalars(select(HostWrite).order_by(HostWrite.computer_id)))


def row_of(computer: str) -> HostWrite:
    return next(each for each in rows() if each.computer_id == computer)


def states() -> dict[str, str]:
    return {each.computer_id: each.state for each in rows()}


def turn(office: Office, row: HostWrite, protection: str) -> None:
    """Let the vendor's verdict on a device be another one, and the pass that follows be made."""
    with writing() as session:
        device = session.scalars(
            select(DeviceRow).where(DeviceRow.device_id == row.device_id)
        ).one()
        device.protection = protection
    passed(office)


def passed(office: Office) -> None:
    """Make the pass that follows a change of devices, its half minute over."""
    integration = db.session.get_one(Integration, 1)
    host_writing.devices_changed(office.house.runtime, integration.vendor_id)
    office.house.clock.forward(60)
    done(office)


def other(row: HostWrite) -> str:
    return "critical" if row.wanted != "Critical" else "ok"


# -- preview and run -----------------------------------------------------------------------------


def test_the_preview_says_what_the_run_then_does(office: Office) -> None:
    ids = [each.computer_id for each in rows()]
    put(office, ids[0], "ask Ann first")
    put(office, ids[1], row_of(ids[1]).wanted)
    look(office)
    before = states()
    assert before[ids[0]] == "person"
    assert before[ids[1]] == "agrees"
    planned = sorted(number for number, state in before.items() if state == "planned")
    assert planned
    assert not written(office)
    shown = office.administrator.read(PAGE)
    assert f"Write the state ({len(planned)} now)" in shown
    switch(office)
    assert sorted(written(office)) == planned
    assert {number for number, state in states().items() if state == "written"} == set(planned)
    assert {number: value(office, number) for number in planned} == {
        number: row_of(number).wanted for number in planned
    }
    assert value(office, ids[0]) == "ask Ann first"


def test_an_unchanged_second_run_asks_and_writes_nothing(office: Office) -> None:
    switch(office)
    emulator = office.house.emulators[HOST]
    emulator.requests.clear()
    passed(office)
    assert not [each for each in emulator.requests if "ExtraFields" in each["path"]]


def test_a_changed_state_is_written_once_with_what_stood_there_before(office: Office) -> None:
    switch(office)
    office.house.emulators[HOST].requests.clear()
    row = rows()[0]
    was = row.wanted
    turn(office, row, other(row))
    assert written(office) == [row.computer_id]
    now = row_of(row.computer_id)
    assert (now.before, now.written, now.sent) == (was, now.wanted, None)
    assert value(office, row.computer_id) == now.wanted != was


def test_a_sync_that_changes_a_device_is_followed_by_a_pass(office: Office) -> None:
    switch(office)
    integration = db.session.get_one(Integration, 1)
    with writing() as session:
        for each in session.scalars(select(DeviceRow)):
            each.protection, each.fingerprint = "unknown", "older"
        for line in session.scalars(select(HostWrite)):
            line.wanted = line.written = "Unknown"
            put(office, line.computer_id, "Unknown")
    office.house.sync(integration.vendor)
    office.house.clock.forward(60)
    done(office)
    assert {value(office, each.computer_id) for each in rows()} != {"Unknown"}


def test_a_device_that_the_vendor_no_longer_reports_does_not_stay_protected(
    office: Office,
) -> None:
    switch(office)
    gone, forgotten = rows()[:2]
    with writing() as session:
        device = session.scalars(
            select(DeviceRow).where(DeviceRow.device_id == gone.device_id)
        ).one()
        device.gone_at = office.house.clock()
        match = session.scalars(
            select(DeviceMatch).where(DeviceMatch.device_id == forgotten.device_id)
        ).one()
        session.delete(match)
    passed(office)
    assert value(office, gone.computer_id) == "Not reported"
    assert value(office, forgotten.computer_id) == "Not reported"


def test_only_sure_devices_of_the_integrations_workspaces_are_looked_at(office: Office) -> None:
    with writing() as session:
        for row in session.scalars(select(HostWrite)):
            session.delete(row)
        matches = list(session.scalars(select(DeviceMatch).order_by(DeviceMatch.device_id)))
        assert len(matches) > 2
        matches[0].state, matches[1].state = "doubt", "confirmed"
        matches[2].workspace_id = "another"
    left_out = {matches[0].computer_id, matches[2].computer_id}
    look(office)
    assert set(states()) == {each.computer_id for each in matches} - left_out


def test_switching_off_stops_at_once_and_leaves_what_was_written(office: Office) -> None:
    switch(office)
    row = rows()[0]
    stood = value(office, row.computer_id)
    switch(office, on=False)
    office.house.emulators[HOST].requests.clear()
    turn(office, row, other(row))
    look(office)
    assert not written(office)
    assert (value(office, row.computer_id), row_of(row.computer_id).state) == (stood, "planned")


# -- cut, killed, overtaken ----------------------------------------------------------------------


def test_a_cut_answer_after_the_write_leads_to_no_second_one(office: Office) -> None:
    row = rows()[0]
    path = f"(?i)computers/{row.computer_id}/extrafields/{FIELD}"
    office.house.emulators[HOST].add_fault("done-but-timeout", path=path, seconds=0)
    switch(office)
    assert row_of(row.computer_id).state == "sent"
    assert "No answer yet" in office.viewer.read(PAGE)
    assert value(office, row.computer_id) == row.wanted
    office.house.clock.forward(3600)
    done(office)
    assert written(office).count(row.computer_id) == 1
    now = row_of(row.computer_id)
    assert (now.state, now.written, now.sent) == ("written", now.wanted, None)


def test_over_real_sockets_a_cut_answer_leads_to_no_second_write_either(office: Office) -> None:
    emulator, row = office.house.emulators[HOST], rows()[0]
    with serve(emulator) as origin:
        with writing() as session:
            session.get_one(Integration, 1).host.origin_override = origin
        path = f"(?i)computers/{row.computer_id}/extrafields/{FIELD}"
        emulator.add_fault("done-but-timeout", path=path, seconds=0.01)
        switch(office)
        assert row_of(row.computer_id).state == "sent"
        office.house.clock.forward(3600)
        done(office)
        assert set(states().values()) == {WriteState.WRITTEN}
    assert sorted(written(office)) == sorted(each.computer_id for each in rows())


class KilledError(BaseException):
    """The worker dies: no handler runs."""


@pytest.mark.parametrize("arrived", [False, True])
def test_a_worker_killed_around_the_write_leaves_a_row_that_says_what_to_look_for(
    office: Office, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    do = host_writing._Pass._write

    def die(walk: host_writing._Pass, target: Target) -> None:
        if arrived:
            walk.host.set_extra_field(target.computer_id, walk.field_id, target.wanted)
        raise KilledError

    monkeypatch.setattr(host_writing._Pass, "_write", die)
    with pytest.raises(KilledError):
        switch(office)
    monkeypatch.setattr(host_writing._Pass, "_write", do)
    db.session.rollback()
    (row,) = [each for each in rows() if each.state == "sent"]
    assert (row.sent, row.over, row.written) == (row.wanted, "", None)
    office.house.clock.forward(3600)  # the dead worker's lease is over
    work(office.house.runtime, "field:1", HANDLERS, HOOKS)
    office.fresh()
    assert written(office).count(row.computer_id) == 1
    assert row_of(row.computer_id).state == "written"
    assert value(office, row.computer_id) == row.wanted


def test_a_person_who_came_between_a_cut_write_and_the_next_look_is_not_overwritten(
    office: Office,
) -> None:
    row = rows()[0]
    path = f"(?i)computers/{row.computer_id}/extrafields/{FIELD}"
    office.house.emulators[HOST].add_fault("done-but-timeout", path=path, seconds=0)
    switch(office)
    put(office, row.computer_id, "ask Ann first")
    office.house.clock.forward(3600)
    done(office)
    assert row_of(row.computer_id).state == "person"
    assert value(office, row.computer_id) == "ask Ann first"


def test_a_computer_that_is_gone_is_told_and_stops_no_other(office: Office) -> None:
    lost = rows()[0]
    with writing() as session:
        match = session.scalars(
            select(DeviceMatch).where(DeviceMatch.computer_id == lost.computer_id)
        ).one()
        match.computer_id = "987654"
    switch(office)
    assert states()["987654"] == "problem"
    assert row_of("987654").problem
    assert len(written(office)) == len(rows()) - 2
    assert "Problems" in office.viewer.read(PAGE)


def test_without_the_right_the_page_names_the_cure_and_other_work_goes_on(office: Office) -> None:
    deny(office, ["extrafields"])
    switch(office)
    field = db.session.get_one(StateField, 1)
    assert "Give our user the right" in field.problem
    assert db.session.get_one(Integration, 1).host.state != "attention"
    assert not written(office)
    deny(office, [])
    look(office)
    assert db.session.get_one(StateField, 1).problem == ""
    assert len(written(office)) == len(rows())


def deny(office: Office, what: list[str]) -> None:
    office.house.emulators[HOST].occur(Happening("switch", {"denied": what}))


def test_two_devices_on_one_computer_do_not_take_turns(office: Office) -> None:
    first, second = rows()[:2]
    with writing() as session:
        match = session.scalars(
            select(DeviceMatch).where(DeviceMatch.device_id == second.device_id)
        ).one()
        match.computer_id = first.computer_id
        session.delete(session.get_one(HostWrite, second.id))
    switch(office)
    passed(office)
    assert written(office).count(first.computer_id) == 1
    assert "Settle which one it is" in office.viewer.read(PAGE)
    with writing() as session:
        session.delete(
            session.scalars(
                select(DeviceMatch).where(DeviceMatch.device_id == first.device_id)
            ).one()
        )
    passed(office)
    assert row_of(first.computer_id).device_id == second.device_id
    assert "Settle which one it is" not in office.viewer.read(PAGE)


# -- people --------------------------------------------------------------------------------------


def test_a_persons_value_is_shown_and_overwritten_once_as_told(office: Office) -> None:
    switch(office)
    row = rows()[0]
    put(office, row.computer_id, "ask Ann\nfirst")
    turn(office, row, other(row))
    assert "ask Ann" in office.viewer.read(PAGE)
    assert "Overwrite once" not in office.viewer.read(PAGE)
    assert "Overwrite once" in office.administrator.read(PAGE)
    form = {"computer": row.computer_id, "shown": "ask Ann\r\nfirst", "do": "overwrite"}
    assert office.administrator.post(f"{PAGE}/settle", form).status_code == 303
    done(office)
    now = row_of(row.computer_id)
    assert (now.state, now.before, now.allowed) == ("written", "ask Ann\nfirst", None)
    put(office, row.computer_id, "ask Ann\nfirst")
    look(office)
    assert row_of(row.computer_id).state == "person"
    actions = list(db.session.scalars(select(AuditEntry.action)))
    assert {"field.choose", "field.look", "field.overwrite"} <= set(actions)
    assert "integration.writes_field" in actions
    assert verify_audit(office.house.runtime) is None


def test_a_value_that_changed_meanwhile_is_not_overwritten(office: Office) -> None:
    switch(office)
    row = rows()[0]
    put(office, row.computer_id, "ask Ann")
    look(office)
    form = {"computer": row.computer_id, "shown": "ask Bob", "do": "overwrite"}
    assert office.administrator.post(f"{PAGE}/settle", form).status_code == 409
    form["shown"] = "ask Ann"
    put(office, row.computer_id, "ask Carl")
    assert office.administrator.post(f"{PAGE}/settle", form).status_code == 303
    done(office)
    assert value(office, row.computer_id) == "ask Carl"
    assert row_of(row.computer_id).theirs == "ask Carl"


def test_a_value_that_is_left_is_asked_about_no_more_until_it_changes(office: Office) -> None:
    switch(office)
    row = rows()[0]
    put(office, row.computer_id, "ask Ann")
    look(office)
    form = {"computer": row.computer_id, "shown": "ask Ann", "do": "leave"}
    assert office.administrator.post(f"{PAGE}/settle", form).status_code == 303
    turn(office, row, other(row))
    assert row_of(row.computer_id).state == "left"
    put(office, row.computer_id, "ask Bob")
    look(office)
    assert row_of(row.computer_id).state == "person"
    assert value(office, row.computer_id) == "ask Bob"
    form["computer"] = "987654"
    assert office.administrator.post(f"{PAGE}/settle", form).status_code == 422


def test_a_field_that_cannot_hold_the_state_is_refused_with_the_reason(office: Office) -> None:
    shown = office.administrator.read(f"{PAGE}?change=1")
    assert "Asset owner: it cannot be changed by a program" in shown
    for field, why in (("8", "cannot be used"), ("1", "does not offer"), ("99", "hoose one of")):
        answer = office.administrator.post(PAGE, {"field": field})
        assert (answer.status_code, why in answer.text) == (422, True), why


def test_a_check_box_is_ticked_for_protected_devices(office: Office) -> None:
    choose(office, "7")
    switch(office)
    emulator: Any = office.house.emulators[HOST]
    protected = dict(db.session.execute(select(DeviceRow.device_id, DeviceRow.protection)).all())
    current = [each for each in rows() if each.field_id == "7"]
    assert current
    for each in current:
        ticked = emulator.field_value("computers", each.computer_id, "7")
        assert ticked is (protected[each.device_id] == "ok")


def test_another_field_begins_anew_and_switches_writing_off(office: Office) -> None:
    switch(office)
    choose(office, "4")
    assert db.session.get_one(Integration, 1).writes_extra_fields is False
    told = office.administrator.client.get(API).json
    assert told is not None
    assert (told["title"], told["writes"]) == ("Protection problems", False)
    assert told["counts"]["planned"] == len([each for each in rows() if each.field_id == "4"])


def test_nothing_is_switched_on_before_it_was_looked_at(office: Office) -> None:
    with writing() as session:
        session.get_one(StateField, 1).looked_at = None
    answer = office.administrator.post(f"{PAGE}/switch", {"on": "1"})
    assert (answer.status_code, "still being looked at" in answer.text) == (422, True)
    with writing() as session:
        session.delete(session.get_one(StateField, 1))
    for path in ("switch", "look"):
        answer = office.administrator.post(f"{PAGE}/{path}", {"on": "1"})
        assert (answer.status_code, "hoose the field first" in answer.text) == (422, True)


def test_what_was_written_stays_ours_when_the_integration_comes_back(office: Office) -> None:
    switch(office)
    row = rows()[0]
    with writing() as session:
        session.delete(session.get_one(StateField, 1))
        session.get_one(Integration, 1).writes_extra_fields = False
    choose(office)
    switch(office)
    office.house.emulators[HOST].requests.clear()
    turn(office, row, other(row))
    assert written(office) == [row.computer_id]


def test_a_move_to_another_platform_forgets_the_field_and_keeps_the_memory(
    office: Office,
) -> None:
    switch(office)
    kept = [each.id for each in rows()]
    made = db.session.get_one(Integration, 1)
    desk = office.house.connect("connectwise_psa")
    integration_changes.move(office.house.runtime, "tester", made, desk)
    office.fresh()
    assert db.session.get(StateField, 1) is None
    assert made.writes_extra_fields is False
    assert [each.id for each in rows()] == kept
    assert "No field was chosen" in office.viewer.read("/integrations/1")


def test_the_api_does_the_same(office: Office) -> None:
    client, headers = office.administrator.client, {"X-CSRF-Token": office.administrator.token}
    choices = client.get(f"{API}/choices").json
    assert choices is not None
    fit = [each["title"] for each in choices["items"] if not each["unfit"]]
    assert TITLE in fit
    assert "Asset owner" not in fit
    assert client.put(API, json={"field_id": FIELD}, headers=headers).status_code == 200
    early = client.put(f"{API}/switch", json={"writes": True}, headers=headers)
    assert early.status_code == 422
    done(office)
    planned = client.get(f"{API}/computers?state=planned").json
    assert planned is not None
    assert planned["total"] == len(rows())
    put(office, rows()[0].computer_id, "ask Ann")
    switched = client.put(f"{API}/switch", json={"writes": True}, headers=headers)
    assert (switched.status_code, (switched.json or {})["writes"]) == (200, True)
    done(office)
    person = client.get(f"{API}/computers?state=person").json
    assert person is not None
    (line,) = person["items"]
    wish = {"computer_id": line["computer_id"], "theirs": line["theirs"], "overwrite": True}
    assert client.post(f"{API}/settle", json=wish, headers=headers).status_code == 204
    assert client.post(f"{API}/look", headers=headers).status_code == 202
    done(office)
    told = client.get(API).json
    assert told is not None
    assert told["counts"]["written"] == len(rows())


def test_who_may_look_choose_and_decide(office: Office) -> None:
    assert office.viewer.get(PAGE).status_code == 200
    for path in (PAGE, f"{PAGE}/switch", f"{PAGE}/settle"):
        for role in (Role.TECHNICIAN, Role.VIEWER):
            assert office.visitor(role).post(path, {}).status_code == 403
    assert office.viewer.post(f"{PAGE}/look").status_code == 403
    assert "Write the state" not in office.viewer.read(PAGE).replace("Write the state</h2>", "")


# -- other hosts ---------------------------------------------------------------------------------


def test_a_configuration_of_the_psa_holds_it_in_a_custom_field(tmp_path: Path) -> None:
    with open_office(tmp_path, companies=1, devices=4) as office:
        office.house.integrate()
        with writing() as session:
            for each in session.scalars(select(DeviceRow)):
                each.serial = ""
        assert office.technician.post("/integrations/1/devices").status_code == 303
        office.house.work_all()
        choose(office, "2")
        assert states()
        switch(office)
        assert set(states().values()) == {WriteState.WRITTEN}
        emulator = office.house.emulators["connectwise_psa"]
        patches = [each for each in emulator.requests if each["method"] == "PATCH"]
        assert len(patches) == len(rows())
        assert office.viewer.read("/integrations/1").count("Into the field Protection state") == 1


def test_tigerpaw_says_that_it_has_nothing_for_it(tmp_path: Path) -> None:
    with open_office(tmp_path, companies=1, devices=4) as office:
        office.house.integrate(host="tigerpaw")
        assert office.administrator.get(PAGE).status_code == 404
        assert "has no interface that writes to its" in office.viewer.read("/integrations/1")
        assert office.administrator.client.get(API).status_code == 404
