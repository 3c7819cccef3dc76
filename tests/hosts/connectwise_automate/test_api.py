"""Lists page by page, addresses, conditions, and what odd answers mean."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from plugin.domain.errors import (
    AnswerError,
    EdgeError,
    MissingError,
    RefusedError,
    RuleError,
    TransientError,
)
from plugin.edge.http import Answer
from plugin.hosts.connectwise_automate import api as api_module
from plugin.hosts.connectwise_automate.api import (
    Api,
    address_of,
    classify,
    number_of,
    quoted,
)
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.emulator_base import AutomateBase
from plugin.hosts.connectwise_automate.emulator_world import PASSWORD, WEBHOOK_SECRET
from plugin.hosts.connectwise_automate.host import ConnectWiseAutomate
from plugin.hosts.connectwise_automate.wire import ComputerWire
from tests.hosts.connectwise_automate.stand import (
    api_of,
    calls,
    filled_emulator,
    happen,
    host_of,
)
from tests.rig import small_world


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "PAGE", 10)


def computers(api: Api) -> list[str]:
    rows = api.rows("api/v1/Computers", ComputerWire, "computers")
    return [row["id"] for row in rows]


def keep_computers(emulator: AutomateEmulator, number: int) -> None:
    for computer in list(emulator.table("computers"))[number:]:
        del emulator.table("computers")[computer]


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    ("number", "pages"), [(0, 1), (1, 2), (9, 2), (10, 2), (11, 3), (20, 3), (29, 4)]
)
def test_a_list_is_read_until_a_page_is_empty(
    emulator: AutomateEmulator, number: int, pages: int
) -> None:
    keep_computers(emulator, number)
    api = api_of(emulator)
    found = computers(api)
    assert found == [str(each) for each in range(1, number + 1)]
    assert calls(emulator, "/computers") == pages


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("cap", [1, 3, 7])
def test_a_server_that_gives_less_than_asked_is_read_whole(
    emulator: AutomateEmulator, cap: int
) -> None:
    happen(emulator, "switch", page_cap=cap)
    assert len(computers(api_of(emulator))) == 29


@pytest.mark.usefixtures("small_pages")
def test_a_server_that_ignores_pages_is_not_read_for_ever() -> None:
    emulator = filled_emulator()
    emulator.add_fault("same-page", times=50, path="(?i)computers")
    with pytest.raises(AnswerError, match="same page of computers"):
        computers(api_of(emulator))


@pytest.mark.usefixtures("small_pages")
def test_a_record_that_moves_to_the_next_page_comes_once(emulator: AutomateEmulator) -> None:
    rows = api_of(emulator).rows("api/v1/Computers", ComputerWire, "computers")
    found = [next(rows)["id"] for _ in range(10)]
    # Somebody adds a record in front: everything slides by one.
    shelf = emulator.table("computers")
    first = dict(shelf.items())
    for computer in first:
        del shelf[computer]
    shelf["0"] = first["1"]
    for computer, record in first.items():
        shelf[computer] = record
    found += [row["id"] for row in rows]
    assert found == [str(each) for each in range(1, 30)]


@pytest.mark.usefixtures("small_pages")
def test_names_are_read_in_any_letter_case() -> None:
    emulator = filled_emulator()
    emulator.add_fault("odd-letters", times=50)
    row = next(api_of(emulator).rows("api/v1/Computers", ComputerWire, "computers"))
    assert (row["id"], row["name"], row["client_id"]) == ("1", "MSP-BRIDGE01", "1")


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("name.hostedrmm.com", "https://name.hostedrmm.com/cwa"),
        (" name.hostedrmm.com/ ", "https://name.hostedrmm.com/cwa"),
        ("https://rmm.example", "https://rmm.example/cwa"),
        ("https://rmm.example/automate/company#x", "https://rmm.example/cwa"),
        ("https://rmm.example:8443/cwa/api/v1", "https://rmm.example:8443/cwa"),
    ],
)
def test_an_address_is_found_in_whatever_was_typed(typed: str, address: str) -> None:
    assert address_of(typed) == address


@pytest.mark.parametrize("odd", ["", "0", "01", "-1", "1.0", "1/2", "../1", "1 or 1=1", "9" * 19])
def test_only_ids_stand_in_addresses(odd: str) -> None:
    with pytest.raises(RuleError) as caught:
        number_of(odd, "computer_id")
    assert caught.value.field == "computer_id"


@pytest.mark.parametrize("text", ["plain", "Bob's", 'the "big" one', "100% (new)", "x) or (1 = 1"])
def test_a_text_in_a_condition_stays_a_text(emulator: AutomateEmulator, text: str) -> None:
    group = emulator.table("groups")["2"]
    emulator.table("groups")["2"] = {**group, "name": text}
    params = {"condition": f"Name = {quoted(text)}"}
    found = api_of(emulator).get("api/v1/Groups", params).json()
    assert [row["Id"] for row in found] == ["2"]


@pytest.mark.parametrize("text", ["""both ' and " """, "line\nbreak", "\x00"])
def test_a_text_that_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        quoted(text)


FAILURES: list[tuple[str, type[EdgeError]]] = [
    ("500", TransientError),
    ("503", TransientError),
    ("429", TransientError),
    ("cut", TransientError),
    ("refuse", TransientError),
    ("redirect", AnswerError),
    ("flipped", AnswerError),
    ("aspnet-error", TransientError),
]


@pytest.mark.parametrize(("fault", "error"), FAILURES)
def test_a_failure_speaks_our_language(fault: str, error: type[EdgeError]) -> None:
    emulator = filled_emulator()
    api = api_of(emulator)
    api.clock()
    emulator.add_fault(fault, times=5, path="(?i)computers")
    with pytest.raises(error):
        computers(api)


def test_a_missing_record_and_a_bad_filter_are_told_apart(emulator: AutomateEmulator) -> None:
    api = api_of(emulator)
    with pytest.raises(MissingError):
        api.get("api/v1/Computers/999")
    with pytest.raises(AnswerError) as caught:
        api.get("api/v1/Computers", {"condition": "Name ="})
    assert (caught.value.status, caught.value.code) == (400, "BadRequest")


def test_a_missing_right_is_a_refusal(emulator: AutomateEmulator) -> None:
    happen(emulator, "switch", denied=["Computers"])
    with pytest.raises(RefusedError) as caught:
        computers(api_of(emulator))
    assert (caught.value.status, caught.value.code) == (403, "forbidden")


class Liar(AutomateEmulator):
    """Answers lists of computers with what a test says."""

    said: Any = None

    def _respond(self, request: Request) -> Response:
        if request.path.lower().endswith("/computers"):
            return Response(json.dumps(self.said), mimetype="application/json")
        return super()._respond(request)

    def _judge(self, request: Request, response: Response) -> None:
        """Say nothing: the lies are meant."""


def lies() -> Iterator[tuple[Any, str]]:
    computer = {"Id": "1", "ComputerName": "A", "Client": {"Id": "1"}}
    yield None, "the whole"
    yield {"Message": "x"}, "the whole"
    yield [None], "0"
    yield ["x"], "0"
    yield [{}], "id"
    yield [{**computer, "Id": None}], "id"
    yield [{**computer, "Id": ""}], "id"
    yield [{**computer, "Id": {}}], "id"
    yield [{**computer, "Id": True}], "id"
    yield [{**computer, "Client": "Acme"}], "client"
    yield [{**computer, "Client": {"Id": []}}], "client"
    yield [{**computer, "ComputerName": ["A"]}], "computername"
    yield [{**computer, "RemoteAgentLastContact": "yesterday"}], "remoteagentlastcontact"
    yield [{**computer, "RemoteAgentLastContact": 5}], "remoteagentlastcontact"


@pytest.mark.parametrize(("lie", "field"), list(lies()))
def test_a_lie_is_an_answer_error_that_names_the_field(lie: Any, field: str) -> None:  # noqa: ANN401
    liar = Liar()
    liar.reset(small_world())
    liar.said = lie
    with pytest.raises(AnswerError, match=f"computers that is not as promised .*{field}"):
        computers(api_of(liar))


@pytest.mark.parametrize(
    "odd", [{"Id": 7}, {"Id": "7", "Type": 3}, {"Id": "7", "Status": None, "Client": None}]
)
def test_odd_but_harmless_records_are_read(odd: dict[str, Any]) -> None:
    row = ComputerWire.parse(odd, "x", "a computer")
    assert row["id"] == "7"


@pytest.mark.parametrize("said", [None, 5, "soon", {}, [], ""])
def test_an_odd_server_time_is_an_answer_error(said: Any) -> None:  # noqa: ANN401
    class Timeless(AutomateEmulator):
        def _respond(self, request: Request) -> Response:
            if "databaseservertime" in request.path.lower():
                return AutomateBase.json(said)
            return super()._respond(request)

        def _judge(self, request: Request, response: Response) -> None:
            """Say nothing: the oddity is meant."""

    emulator = Timeless()
    emulator.reset(small_world())
    with pytest.raises(AnswerError, match="server time"):
        api_of(emulator).clock()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, '{"code": "InvalidObject"}', "InvalidObject"),
        (400, '{"Code": "InvalidObject"}', "InvalidObject"),
        (400, '{"Message": "The request is invalid."}', "BadRequest"),
        (400, '{"code": "see https://evil.example <b>"}', "BadRequest"),
        (400, '{"code": 5}', "BadRequest"),
        (400, "[]", "BadRequest"),
        (400, "<html>Bad Request</html>", "BadRequest"),
        (401, "<html>Unauthorized</html>", "unauthorized"),
        (401, "", "unauthorized"),
        (403, "<html>Forbidden</html>", "forbidden"),
    ],
)
def test_a_refusal_is_read_whatever_its_body_is(status: int, body: str, code: str) -> None:
    answer = Answer("GET", "https://x/", status, {}, body.encode(), "Automate")
    error = classify(answer)
    assert error is not None
    assert (error.status, error.code) == (status, code)
    assert "evil" not in str(error)


@pytest.mark.parametrize("status", [200, 204, 302, 404, 429, 500])
def test_other_answers_mean_what_they_mean_everywhere(status: int) -> None:
    assert classify(Answer("GET", "https://x/", status, {}, b"{}", "Automate")) is None


def readings(host: ConnectWiseAutomate) -> dict[str, Callable[[], object]]:
    since = datetime(2020, 1, 1, tzinfo=UTC)
    return {
        "companies": lambda: list(host.companies()),
        "locations": lambda: list(host.locations()),
        "computers": lambda: list(host.computers()),
        "groups": lambda: list(host.groups()),
        "members": lambda: list(host.members("2")),
        "extra fields": lambda: host.extra_fields("6"),
        "a set field": lambda: host.set_extra_field("6", "3", "x"),
        "a command": lambda: host.run_command("6", "hostname"),
        "scripts": lambda: list(host.scripts("")),
        "a script": lambda: host.run_script("6", ("6",), {}),
        "alerts": lambda: list(host.alerts(since)),
        "placements": lambda: list(host.placements("https://b.example")),
    }


@pytest.mark.parametrize("what", list(readings(host_of(filled_emulator()))))
def test_wrong_types_anywhere_are_answer_errors(what: str) -> None:
    emulator = filled_emulator()
    reading = readings(host_of(emulator))[what]
    emulator.add_fault("wrong-types", times=50)
    with pytest.raises(AnswerError, match="a sign-in"):
        reading()
    emulator.faults.clear()
    reading()
    emulator.add_fault("wrong-types", times=50)
    with pytest.raises(AnswerError):
        reading()


@pytest.mark.parametrize("fault", ["500", "html", "redirect", "cut", *AutomateEmulator.own_faults])
def test_no_secret_is_in_any_failure(fault: str) -> None:
    emulator = filled_emulator()
    told = []
    for what in readings(host_of(emulator)):
        reading = readings(host_of(emulator))[what]
        emulator.add_fault(fault, times=50)
        try:
            reading()
        except EdgeError as error:
            told.append(f"{error!r} {error}")
        emulator.faults.clear()
    secrets = (PASSWORD, WEBHOOK_SECRET, *emulator.table("tokens"))
    assert not [secret for secret in secrets if secret in "".join(told)]
