"""Answers that no honest server gives: each is one of our errors, naming the field."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from werkzeug.wrappers import Response

from plugin.domain.errors import AnswerError, EdgeError
from plugin.domain.model import ActionKind, ActionTarget
from plugin.vendors.eset.protect import EsetProtect
from tests.vendors.eset.house import LONG_AGO, Liar, link_to_liar

CURRENT = {"/api/User/Current": {"company": {"companyId": "root", "name": "MSP"}}}
Call = Callable[[EsetProtect], Any]

CALLS: dict[str, tuple[str, Call]] = {
    "token": ("/oauth/token", lambda p: list(p.groups())),
    "groups": ("/v1/device_groups", lambda p: list(p.groups())),
    "devices": ("/v1/devices", lambda p: list(p.devices("", None))),
    "members": ("/v1/device_groups/g/devices", lambda p: list(p.members("g"))),
    "delta": ("/v1/detections:listDelta", lambda p: list(p.detections("", None, LONG_AGO))),
    "detections": ("/v1/detections", lambda p: list(p.detections("", None, LONG_AGO))),
    "incidents": ("/v2/incidents", lambda p: list(p.detections("", None, LONG_AGO))),
    "task": ("/v1/device_tasks", lambda p: p.start(ActionKind.SCAN, ActionTarget("w", "d"))),
    "runs": ("/v1/device_tasks/t/runs", lambda p: p.progress("t")),
    "installers": ("/v1/installers", lambda p: p.installer("w", "g")),
    "msp token": ("/api/Token/Get", lambda p: list(p.licences(""))),
    "current": ("/api/User/Current", lambda p: list(p.workspaces())),
    "companies": ("/api/Search/Companies", lambda p: list(p.workspaces())),
    "licences": ("/api/Search/Licenses", lambda p: list(p.licences(""))),
    "usage": (
        "/api/UsageReport/AllCompanies/products",
        lambda p: list(p.usage("", date(2026, 11, 2))),
    ),
}
GOOD: dict[str, Any] = {"/v1/device_groups": {"deviceGroups": []}, **CURRENT}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("answer", [[], "text", 7, None, [[]], True], ids=str)
def test_another_shape_than_promised_is_refused(name: str, answer: object) -> None:
    path, call = CALLS[name]
    liar = Liar({**GOOD, path: answer})
    with pytest.raises(AnswerError):
        call(EsetProtect(link_to_liar(liar)))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "body", ["", "<html>", "{", '{"a": NaN}', "[" * 100_000], ids=lambda b: b[:9]
)
def test_what_is_no_json_is_refused(name: str, body: str) -> None:
    path, call = CALLS[name]
    liar = Liar({**GOOD, path: Response(body, 200, mimetype="application/json")})
    with pytest.raises(EdgeError):
        call(EsetProtect(link_to_liar(liar)))


@pytest.mark.parametrize(
    ("path", "answer", "field"),
    [
        ("/oauth/token", {"access_token": "a"}, "expires_in"),
        ("/oauth/token", {"access_token": [], "expires_in": 5}, "access_token"),
        ("/oauth/token", {"access_token": "a", "expires_in": -1}, "expires_in"),
        ("/oauth/token", {"access_token": "a", "expires_in": 10**12}, "expires_in"),
        ("/v1/device_groups", {"deviceGroups": [{"displayName": "x"}]}, "uuid"),
        ("/v1/device_groups", {"deviceGroups": [{"uuid": "x" * 500}]}, "uuid"),
        ("/v1/device_groups", {"deviceGroups": 5}, "deviceGroups"),
        ("/v1/device_groups", {"deviceGroups": [], "nextPageToken": {}}, "nextPageToken"),
        ("/v1/devices", {"devices": [{"uuid": {}}]}, "uuid"),
        ("/v1/devices", {"devices": [{"uuid": "d", "hardwareProfiles": [7]}]}, "hardwareProfiles"),
        ("/v1/devices", {"devices": [{"uuid": "d", "operatingSystem": "W"}]}, "operatingSystem"),
        ("/v1/devices", {"devices": [{"uuid": "d", "lastSyncTime": "soon"}]}, "lastSyncTime"),
        ("/v1/devices", {"devices": [{"uuid": "d", "isMobile": [1]}]}, "isMobile"),
    ],
)
def test_the_field_that_is_wrong_is_named(path: str, answer: object, field: str) -> None:
    liar = Liar({**GOOD, path: answer})
    with pytest.raises(AnswerError, match=field) as caught:
        list(EsetProtect(link_to_liar(liar)).devices("", None))
    assert caught.value.code == "shape"


def test_a_list_of_changes_that_gives_no_next_token_is_refused() -> None:
    first = [{"nextDeltaToken": "t"}, {"createdDetections": [], "nextDeltaToken": ""}]
    liar = Liar({**GOOD, "/v1/detections:listDelta": first, "/v1/detections": {"detections": []}})
    with pytest.raises(AnswerError, match="token"):
        list(EsetProtect(link_to_liar(liar)).detections("", None, LONG_AGO))


@pytest.mark.parametrize(
    "address",
    ["", "http://plain.example/x", "javascript:alert(1)", "https://x/a b", 'https://x/"'],
)
def test_an_installer_whose_address_is_odd_is_not_handed_on(address: str) -> None:
    made = Response(
        '{"installer": {"downloadUrl": "' + address.replace('"', '\\"') + '"}}',
        200,
        mimetype="application/json",
    )
    liar = Liar({"/v1/installers": [Response('{"installers": []}', 200), made]})
    with pytest.raises(AnswerError):
        EsetProtect(link_to_liar(liar)).installer("w", "g")


def test_a_reference_cannot_lead_to_another_path() -> None:
    liar = Liar(GOOD)
    for odd in ("..", "a/../../v1/users", "a?b=c", "a#b"):
        with pytest.raises(EdgeError):
            EsetProtect(link_to_liar(liar)).progress(odd)
    asked = [request.path for request in liar.asked if request.path != "/oauth/token"]
    assert all(path.startswith("/v1/device_tasks/") and path.endswith("/runs") for path in asked)


def test_text_of_a_remote_does_not_reach_a_filter() -> None:
    """The only filter holds a moment of ours; ids of devices are parameters, encoded."""
    liar = Liar(
        {
            **GOOD,
            "/v1/detections": {
                "detections": [
                    {
                        "uuid": "x",
                        "occurTime": "2026-11-01T00:00:00Z",
                        "context": {"deviceUuid": "a&pageSize=1'"},
                    }
                ]
            },
            "/v1/devices:batchGet": {"devices": []},
        }
    )
    list(EsetProtect(link_to_liar(liar)).detections("", None, LONG_AGO))
    batch = next(request for request in liar.asked if request.path == "/v1/devices:batchGet")
    assert batch.args.getlist("devicesUuids") == ["a&pageSize=1'"]
    assert list(batch.args) == ["devicesUuids"]
