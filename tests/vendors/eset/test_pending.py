import pytest
from werkzeug.wrappers import Response

from plugin.domain.errors import (
    AnswerError,
    TransientError,
)
from plugin.domain.model import ActionKind, ActionTarget
from plugin.vendors.eset.connect import REPEATS, Connect
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.protect import EsetProtect
from tests.vendors.eset.house import (
    Liar,
    asked,
    count_groups,
    link_to_liar,
)

GROUPS = "/v1/device_groups"


# -- answers that are not ready --------------------------------------------------------------


def test_an_answer_that_is_not_ready_is_asked_for_again(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    emulator.add_fault("pending", 3, GROUPS)
    assert count_groups(protect) == 13
    assert asked(emulator, GROUPS) == 4


def test_the_repeated_request_is_identical_but_for_the_handle() -> None:
    pending = Response("", 202, {"response-id": "h1"})
    ready = Response('{"deviceGroups": []}', 200, mimetype="application/json")
    liar = Liar({GROUPS: [pending, ready]})
    connect = Connect(link_to_liar(liar), "ESET")
    connect.get("device-management", GROUPS, {"pageSize": 7})
    first, second = liar.asked[1:]
    assert first.url == second.url
    assert "response-id" not in first.headers
    assert second.headers["response-id"] == "h1"


def test_an_answer_that_never_gets_ready_is_left_for_later(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    emulator.add_fault("pending", 99, GROUPS)
    with pytest.raises(TransientError) as caught:
        count_groups(protect)
    assert caught.value.code == "pending"
    assert caught.value.retry_after
    assert asked(emulator, GROUPS) == REPEATS


def test_a_waiting_answer_that_is_gone_is_asked_for_afresh() -> None:
    pending = Response("", 202, {"response-id": "h1"})
    ready = Response('{"deviceGroups": []}', 200, mimetype="application/json")
    liar = Liar({GROUPS: [pending, Response("", 404), ready]})
    assert Connect(link_to_liar(liar), "ESET").get("device-management", GROUPS) == {
        "deviceGroups": []
    }


def test_a_change_whose_waiting_answer_is_gone_is_not_made_again() -> None:
    pending = Response("", 202, {"response-id": "h1"})
    liar = Liar({"/v1/device_tasks": [pending, Response("", 404)]})
    protect = EsetProtect(link_to_liar(liar))
    with pytest.raises(TransientError, match="unclear"):
        protect.start(ActionKind.SCAN, ActionTarget("w", "d"))
    assert len(liar.asked) == 3


@pytest.mark.parametrize("handle", ["", "x" * 300])
def test_a_promise_without_a_sane_handle_is_refused(handle: str) -> None:
    liar = Liar({GROUPS: Response("", 202, {"response-id": handle} if handle else {})})
    with pytest.raises(AnswerError):
        Connect(link_to_liar(liar), "ESET").get("device-management", GROUPS)


def test_the_sign_in_may_not_be_ready_either(emulator: EsetEmulator, protect: EsetProtect) -> None:
    emulator.add_fault("pending", 1, "/oauth/token")
    assert count_groups(protect) == 13


def test_a_504_starts_over_without_a_handle(emulator: EsetEmulator, protect: EsetProtect) -> None:
    emulator.add_fault("start-over", 1, GROUPS)
    assert count_groups(protect) == 13
    emulator.add_fault("start-over", 9, GROUPS)
    with pytest.raises(TransientError) as caught:
        count_groups(protect)
    assert caught.value.code == "start_over"
