from collections.abc import Iterator

import pytest

from plugin.services import journal
from plugin.store.base import writing
from plugin.store.integrations import Preference
from tests.blueprints.audited import watching
from tests.scene import Scene, scene


@pytest.fixture
def play(sqlite: str) -> Iterator[Scene]:
    with scene(sqlite) as played:
        yield played


def change(play: Scene, *, told: bool) -> str:
    with writing() as session:
        session.merge(Preference(name="x", value=told, changed_at=play.clock()))
        if told:
            journal.audit(play.runtime, session, "anna", "x.set", "x")
    return "done"


def test_a_request_that_changes_something_without_an_entry_is_found(play: Scene) -> None:
    play.app.add_url_rule("/quiet", "quiet", lambda: change(play, told=False), methods=["POST"])
    play.app.add_url_rule("/told", "told", lambda: change(play, told=True), methods=["POST"])
    with watching() as found:
        play.app.test_client().post("/told")
        play.app.test_client().post("/quiet")
    assert found.gaps == ["POST /quiet wrote ['UPDATE preference']"]


def test_nothing_is_watched_afterwards(play: Scene) -> None:
    play.app.add_url_rule("/quiet", "quiet", lambda: change(play, told=False), methods=["POST"])
    with watching() as found:
        pass
    play.app.test_client().post("/quiet")
    assert found.gaps == []
