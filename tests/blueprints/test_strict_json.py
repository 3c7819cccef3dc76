"""JSON that two readers could read differently, at every door that takes JSON: refused, never 500.

Received calls and the API with a token have their own files; here are the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from plugin.services import connections
from plugin.services.bridges import registry
from tests.blueprints.pages.office import Office, open_office
from tests.blueprints.test_embedding import OURS
from tests.house import HOST, VENDOR

ODD = {
    "empty": b"",
    "cut": b'{"token": ',
    "NaN": b'{"token": NaN, "seconds": NaN, "fence": NaN}',
    "Infinity": b'{"seconds": -Infinity, "fence": 1, "pages": 1}',
    "beyond": b'{"seconds": 1e999, "fence": 1, "pages": 1}',
    "a name twice": b'{"token": "a", "token": "b"}',
    "lists": b'{"token": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "objects": b'{"":' * 200_000 + b"1" + b"}" * 200_000,
    "digits": b'{"fence": ' + b"9" * 10_000 + b"}",
    "not UTF-8": b'{"token": "\xff\xfe"}',
    "UTF-16": '{"token": "a"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"token": "a"}',
    "half a character": b'{"token": "\\ud800", "version": "\\ud800", "launch": "\\ud800"}',
    "a NUL": b'{"token": "\\u0000", "version": "\\u0000", "launch": "\\u0000"}',
    "a list": b"[]",
    "a text": b'"x"',
}
BRIDGE_DOORS = ("enrol", "beat", "lease", "tasks/1/pages/1", "tasks/1/done")


@dataclass
class Doors:
    """An installation with a bridge and a host."""

    office: Office
    bridge_secret: str


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with open_office(tmp_path_factory.mktemp("doors")) as office:
        runtime = office.house.runtime
        office.house.connect(HOST)
        office.house.connect(VENDOR)
        bridge = registry.name(runtime, "tester", "pc1")
        _, secret = registry.enrol(runtime, registry.new_token(runtime, "tester", bridge), "1")
        yield Doors(office, secret)


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
@pytest.mark.parametrize("door", BRIDGE_DOORS)
def test_at_a_bridges_doors(doors: Doors, door: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {doors.bridge_secret}"}
    client = doors.office.app.test_client()
    answer = client.post(f"/bridge/v1/{door}", data=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.get_json()["problem"].endswith(".")


def test_a_body_larger_than_a_bridges_page_may_be_is_too_large(doors: Doors) -> None:
    most = doors.office.house.runtime.settings.limits.bridges.page_bytes
    headers = {"Authorization": f"Bearer {doors.bridge_secret}"}
    client = doors.office.app.test_client()
    full = b'{"version": "' + b"x" * (most - 15) + b'"}'
    assert client.post("/bridge/v1/beat", data=full, headers=headers).status_code != 413
    answer = client.post("/bridge/v1/beat", data=full + b" ", headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_at_the_hand_over_in_a_hosts_screen(doors: Doors, body: bytes) -> None:
    number = connections.living(doors.office.house.runtime)[0].id
    client = doors.office.app.test_client()
    answer = client.post(f"/embed/{number}/member", data=body, headers={"Origin": OURS})
    assert answer.status_code == 400
    assert answer.get_json()["problem"].endswith(".")


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
@pytest.mark.parametrize("path", ["tokens", "integrations", "connections"])
def test_at_the_api_with_a_session(doors: Doors, path: str, body: bytes) -> None:
    person = doors.office.administrator
    headers = {"Origin": OURS, "X-CSRF-Token": person.token, "Content-Type": "application/json"}
    answer = person.client.post(f"/api/v1/{path}", data=body, headers=headers)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.get_json(force=True)["errors"]
