"""The permission self-test: each right taken away at the remote is the one that the page names."""

import re
from html import unescape

import pytest
from sqlalchemy import update

from plugin.domain.errors import RefusedError, TransientError
from plugin.domain.rights import Access, Holding, Mark, Recipe, Right
from plugin.edge.emulator import Happening
from plugin.services import actions, connections
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.mirror import DeviceRow
from tests.blueprints.pages.office import Office
from tests.blueprints.rights_taken import ESET, PSA, TAKEN, Taken
from tests.blueprints.test_ladder import KINDS, Reach, form_of, office, reach, saved
from tests.contracts.adapter import kept_by

__all__ = ["office", "reach"]

_LINE = re.compile(r"<li class=[^>]*><div>(.*?)</div><div>(.*?)</li>", re.DOTALL)


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def card(page: str, name: str) -> list[tuple[str, str]]:
    """Return state and words of each line of a card of the connection's page."""
    part = page.partition(f'id="{name}"')[2].partition("</section>")[0]
    return [(plain(state), plain(words)) for state, words in _LINE.findall(part)]


def connected(office: Office, reach: Reach, kind: str, **typed: str) -> Connection:
    """Return a connection of a kind that works, made once and set anew each time."""
    name = f"Rights {kind}".replace("_", " ")
    emulator = reach(kind)
    connection = saved(office, name)
    if connection is None:
        form = form_of(emulator, name)
        answer = office.administrator.post(f"/connections/new/{kind}", form)
        assert answer.status_code == 303, plain(answer.text)
        connection = saved(office, name)
    assert connection is not None
    return connection


def checked(office: Office, connection: Connection) -> str:
    """Check a connection from its page, and return the page."""
    path = f"/connections/{connection.id}"
    assert office.technician.post(f"{path}/check").status_code == 303
    return office.viewer.read(path)


@pytest.mark.parametrize("taken", TAKEN, ids=str)
def test_the_right_that_is_taken_away_is_the_one_that_is_named(
    office: Office, reach: Reach, taken: Taken
) -> None:
    connection = connected(office, reach, taken.kind)
    emulator = office.house.emulators[taken.kind]
    host = taken.kind in office.house.runtime.hosts
    for name, value in taken.switched.items():
        details = {name: value} if host else {"name": name, "value": value}
        assert emulator.occur(Happening("switch", details)) is not None
    before = kept_by(emulator)
    shown = card(checked(office, connection), "rights")
    assert kept_by(emulator) == before
    missing = [words for state, words in shown if state == "Missing"]
    assert [words.startswith(f"{taken.right} (") for words in missing] == [True], shown
    cure = missing[0].partition("What to do:")[2]
    assert all(each in cure for each in taken.cure.split("|")), cure
    assert len(shown) == len(office.house.runtime.adapter(connection).rights())


@pytest.mark.parametrize("kind", KINDS)
def test_a_healthy_account_lacks_nothing_and_every_right_is_listed(
    office: Office, reach: Reach, kind: str
) -> None:
    connection = connected(office, reach, kind)
    page = checked(office, connection)
    shown = card(page, "rights")
    rights = office.house.runtime.adapter(connection).rights()
    assert len(shown) == len(rights)
    assert "Missing" not in {state for state, _ in shown}
    assert "None was found missing." in page
    named = {right.name: right for right in rights}
    for state, words in shown:
        right = named.pop(words.partition(" (to ")[0])
        if right.prove is None:
            assert (state, right.unproven in words) == ("Cannot be told", True)
    assert not named


def test_every_kind_and_every_right_that_can_be_proven_has_its_case(
    office: Office, reach: Reach
) -> None:
    for kind in KINDS:
        reach(kind)
        rights = office.house.runtime.adapter(connected(office, reach, kind)).rights()
        proven = {each.name for each in rights if each.prove is not None}
        # What a part of ESET that is not bought looks like, no answer tells from a missing right.
        untellable = {"Detections, Read", "Incidents, Read", "Tasks, Read", "Installers, Read"}
        silent = untellable | {"MSP Administrator: Read on the customers"}
        assert proven - silent <= {each.right for each in TAKEN if each.kind == kind}


def test_several_missing_rights_are_all_listed_by_the_page_and_by_the_api(
    office: Office, reach: Reach
) -> None:
    connection = connected(office, reach, PSA)
    areas = ["finance", "procurement", "system/callbacks"]
    office.house.emulators[PSA].occur(Happening("switch", {"deny": areas}))
    visitor = office.administrator
    path, headers = f"/api/v1/connections/{connection.id}", {"X-CSRF-Token": visitor.token}
    told = visitor.client.post(f"{path}/check", headers=headers).json
    assert told is not None
    missing = [each["name"] for each in told["rights"] if each["holding"] == "missing"]
    assert missing == [
        "Finance > Agreements: Inquire",
        "Procurement > Product Catalog: Inquire",
        "System > System API: Inquire",
    ]
    assert all(each["cure"] for each in told["rights"] if each["holding"] == "missing")
    assert not [each for each in told["rights"] if each["holding"] != "missing" and each["cure"]]
    kept = visitor.client.get(path).json
    assert kept is not None
    assert kept["rights"] == told["rights"]
    assert kept["check_result"] == told["steps"]
    page = office.viewer.read(f"/connections/{connection.id}")
    assert f"Missing: {'; '.join(missing)}." in plain(page)


def test_nothing_is_tried_before_the_sign_in_went_through(office: Office, reach: Reach) -> None:
    connection = connected(office, reach, PSA)
    office.house.emulators[PSA].occur(Happening("switch", {"member-off": True}))
    shown = card(checked(office, connection), "rights")
    assert {state for state, _ in shown} == {"Cannot be told"}
    assert "Not tried: the step “Sign in” did not go through." in shown[0][1]


# -- ESET's guide --------------------------------------------------------------------------------


def marks(office: Office, connection: Connection) -> dict[str, str]:
    return {words: state for state, words in card(checked(office, connection), "guide-marked")}


def mark_of(found: dict[str, str], begin: str) -> str:
    return next(state for words, state in found.items() if words.startswith(begin))


def follow(connection: Connection, recipe: Recipe) -> None:
    settings = {**connection.settings, "recipe": recipe.value}
    with writing() as session:
        mine = update(Connection).where(Connection.id == connection.id)
        session.execute(mine.values(settings=settings))
    db.session.expire_all()


READ, CUSTOM, SETS = "Read-only (rec", "With actions: My", "With actions: in the"


def test_the_guide_is_marked_by_the_check_for_a_user_that_acts(
    office: Office, reach: Reach
) -> None:
    connection = connected(office, reach, ESET)
    follow(connection, Recipe.WITH_ACTIONS)
    found = marks(office, connection)
    assert mark_of(found, "Sign in as Root") == "Cannot be checked"
    assert mark_of(found, "Switch Integrations on") == "Done"
    assert mark_of(found, READ) == "Not needed"
    assert mark_of(found, CUSTOM) == "Cannot be checked"
    assert mark_of(found, SETS) == "Done"
    assert mark_of(found, "Open the invitation") == "Done"
    assert mark_of(found, "Optional, for billing") == "Done"
    form = office.administrator.read(f"/connections/{connection.id}/edit")
    assert {words: state for state, words in card(form, "guide-marked")} == found


def test_the_read_only_recipe_is_green_marked_and_hides_actions(
    office: Office, reach: Reach
) -> None:
    connection = connected(office, reach, ESET)
    follow(connection, Recipe.READ_ONLY)
    emulator = office.house.emulators[ESET]
    emulator.occur(Happening("switch", {"name": "write_access", "value": False}))
    found = marks(office, connection)
    office.fresh()
    assert connection.state == "working"
    assert mark_of(found, READ) == "Done"
    assert {mark_of(found, each) for each in (CUSTOM, SETS)} == {"Not needed"}
    page = office.viewer.read(f"/connections/{connection.id}")
    shown = card(page, "rights")
    assert not [words for _, words in shown if "(to write)" in words]
    device = DeviceRow(vendor_id=connection.id)
    assert actions.offered(office.house.runtime, device) == []
    follow(connection, Recipe.WITH_ACTIONS)
    assert actions.offered(office.house.runtime, device)


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_the_guide_is_marked_before_anything_is_saved(
    office: Office, reach: Reach, headers: dict[str, str]
) -> None:
    emulator = reach(ESET)
    emulator.occur(Happening("switch", {"name": "integrations", "value": False}))
    form = form_of(emulator, "Only tried", do="check")
    answer = office.administrator.post(f"/connections/new/{ESET}", form, headers=headers)
    place = "tried-" if headers else ""
    found = {words: state for state, words in card(answer.text, f"{place}guide-marked")}
    assert mark_of(found, "Switch Integrations on") == "Not done"
    shown = card(answer.text, f"{place}rights")
    missing = [words for state, words in shown if state == "Missing"]
    assert [words.startswith("Integrations (") for words in missing] == [True]
    assert saved(office, "Only tried") is None


def test_a_step_that_was_not_taken_is_marked_with_what_is_missing(
    office: Office, reach: Reach
) -> None:
    connection = connected(office, reach, ESET)
    follow(connection, Recipe.WITH_ACTIONS)
    emulator = office.house.emulators[ESET]
    emulator.occur(Happening("switch", {"name": "integrations", "value": False}))
    assert mark_of(marks(office, connection), "Switch Integrations on") == "Not done"
    emulator.occur(Happening("switch", {"name": "integrations", "value": True}))
    emulator.occur(Happening("switch", {"name": "permission_set", "value": False}))
    found = marks(office, connection)
    assert mark_of(found, "Switch Integrations on") == "Cannot be checked"
    assert mark_of(found, SETS) == "Not done"
    office.fresh()
    guide = connections.guide_of(office.house.runtime.adapter_class(ESET), connection)
    assert {each.mark for each in guide} == set(Mark)


# -- bounds --------------------------------------------------------------------------------------


class Account:
    """An adapter of nothing but rights."""

    def __init__(self, *rights: Right) -> None:
        self._rights = rights

    def rights(self) -> tuple[Right, ...]:
        return self._rights


def _right(name: str, error: Exception | None = None) -> Right:
    def prove() -> str:
        if error is not None:
            raise error
        return "seen"

    return Right(name, Access.READ, "a", "b", "cure", prove)


def _holdings(*rights: Right, clock: object = None) -> list[str]:
    more = {"clock": clock} if clock is not None else {}
    told = connections.try_rights(Account(*rights), [], **more)  # type: ignore[arg-type]
    return [each.holding for each in told]


def test_the_self_test_goes_on_after_a_missing_right_and_stops_at_a_lost_remote() -> None:
    refused, lost = RefusedError("X", "no", status=403), TransientError("X", "gone")
    rights = (_right("1", refused), _right("2"), _right("3", lost), _right("4"))
    has, missing, untold = Holding.HAS, Holding.MISSING, Holding.UNTOLD
    assert _holdings(*rights) == [missing, has, untold, untold]
    assert _holdings(_right("1", RefusedError("X", "no", status=401))) == [untold]


def test_the_self_test_is_bounded_in_calls_and_time() -> None:
    assert len(_holdings(*(_right(str(each)) for each in range(100)))) == 40
    ticks = iter(range(0, 1000, 20))
    rights = [_right(str(each)) for each in range(5)]
    found = _holdings(*rights, clock=lambda: float(next(ticks)))
    assert found == [Holding.HAS] * 2 + [Holding.UNTOLD] * 3
