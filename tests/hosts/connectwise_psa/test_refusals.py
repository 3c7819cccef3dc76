"""What failures mean, and that an unclear write is never sent twice."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from plugin.domain.errors import AnswerError, EdgeError, RefusedError, TransientError
from plugin.domain.model import TicketDraft
from plugin.edge.emulator import serve
from plugin.edge.http import Answer
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from plugin.hosts.connectwise_psa.refusals import Refusals
from tests.hosts.connectwise_psa.caller import authorization
from tests.hosts.connectwise_psa.made_up import link_by_socket, link_to_answers
from tests.rig import link_to

DRAFT = TicketDraft("3", "Malware found", "what happened")
COMPANY_IDS = ["1", "2", "3", "4", "5"]


def seen(psa: ConnectWisePsaEmulator) -> list[str]:
    return [f"{each['method']} {each['path']}" for each in psa.requests]


def company_ids(host: ConnectWisePsa) -> list[str]:
    return [company.id for company in host.companies()]


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("429", TransientError, "."),
        ("429-no-wait", TransientError, "slow down"),
        ("429-page", TransientError, "429"),
        ("500-timeout", TransientError, "500"),
        ("500-input", AnswerError, "Error converting value"),
        ("expired-token", RefusedError, "UserNotAuthenticated"),
        ("conflict", AnswerError, "in use by another member"),
        ("truncated", AnswerError, "not JSON"),
        ("500", TransientError, "."),
        ("503", TransientError, "."),
        ("html", EdgeError, "."),
        ("redirect", AnswerError, "redirect"),
        ("refuse", TransientError, "."),
        ("flipped", EdgeError, "."),
    ],
)
def test_a_read_that_fails_says_what_must_happen_next(
    host: ConnectWisePsa,
    psa: ConnectWisePsaEmulator,
    fault: str,
    error: type[EdgeError],
    message: str,
) -> None:
    company_ids(host)
    psa.add_fault(fault, times=9)
    with pytest.raises(error, match=message) as caught:
        company_ids(host)
    assert "Sign in" not in str(caught.value)


def test_the_wait_is_taken_from_the_header_or_the_text(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    company_ids(host)
    for fault, wait in (("429-no-wait", 30.0), ("429", 1.0)):
        psa.add_fault(fault, times=9)
        with pytest.raises(TransientError) as caught:
            company_ids(host)
        assert caught.value.retry_after == wait
        psa.faults.clear()
        host = ConnectWisePsa(link_to(psa))
        company_ids(host)


def test_a_passing_failure_of_a_read_is_tried_again(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    psa.add_fault("500-timeout", times=2, path="companies")
    assert company_ids(host) == COMPANY_IDS


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b'{"code":"InvalidObject","message":"ticket object is invalid","errors":'
         b'[{"code":"InvalidField","field":"status/id","message":"no such status"},7]}', 400,
         "ticket object is invalid; status/id (no such status)"),
        (b'{"code":"Conflict","message":"in use.","errors":'
         b'[{"code":"X","field":"board"}]}', 409, "in use; board (X)"),
        (b'{"message":"' + b"x" * 900 + b'"}', 400, "x…"),
        (b'{"message":"a\\nb\\u001b[31m"}', 400, "a b [31m"),
        (b"[]", 400, "no reason given"),
        (b"<html>", 400, "no reason given"),
        (b'{"errors":{"a":1},"message":5}', 400, "request: 5"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_fields(body: bytes, status: int, told: str) -> None:
    error = Refusals(()).classify(Answer("POST", "", status, {}, body, "PSA"))
    assert error is not None
    assert told in error.message
    assert len(error.message) < 400


def test_our_secrets_are_never_told_even_if_psa_repeats_them() -> None:
    private = "very-secret-key"
    token = authorization(private=private).removeprefix("Basic ")
    body = f'{{"message":"bad {private} in {token}"}}'.encode()
    for status in (400, 401, 403, 409, 500):
        answer = Answer("GET", "", status, {}, body, "PSA")
        error = Refusals((private, token)).classify(answer)
        assert error is not None
        assert private not in str(error)
        assert token not in str(error)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"message":"SSL is required.","code":"Security"}', "NoSsl"),
        (400, b'{"code":"InvalidObject","errors":[{"code":"ObjectExists"}]}', "ObjectExists"),
        (401, b'{"message":"A valid clientId header is required"}', "ClientId"),
        (401, b'{"message":"The Client ID is unknown"}', "ClientId"),
        (401, b'{"code":"ConnectWiseApi","message":"UserNotAuthenticated"}', "Unauthorized"),
        (401, b"<html>", "Unauthorized"),
        (404, b'{"code":"NotFound","message":"Ticket 7 not found"}', "NotFound"),
        (404, b'{"code":"ConnectWiseApi","message":"The endpoint does not exist."}', "NoEndpoint"),
        (404, b"<html>", "NoEndpoint"),
        (500, b'{"code":"Odd code!","message":"Error converting value"}', ""),
    ],
)
def test_a_refusal_has_a_word_for_the_connection_check(status: int, body: bytes, code: str) -> None:
    error = Refusals(()).classify(Answer("GET", "", status, {}, body, "PSA"))
    assert error is not None
    assert (error.code, error.status) == (code, status)


@pytest.mark.parametrize(
    "text", ["A timeout has occured. Please try again.", "Timeout expired.", ""]
)
def test_a_500_passes_only_if_its_text_says_so(text: str) -> None:
    body = f'{{"code":"ConnectWiseApi","message":"{text}"}}'.encode()
    assert Refusals(()).classify(Answer("GET", "", 500, {}, body, "PSA")) is None


def test_the_default_table_judges_the_rest() -> None:
    for status in (200, 201, 204, 302, 405, 415, 502):
        assert Refusals(()).classify(Answer("GET", "", status, {}, b"", "PSA")) is None


@pytest.mark.parametrize(
    "fault", ["redirect", "truncated", "html", "cut", "done-but-timeout", "500-done"]
)
def test_a_write_with_an_unclear_answer_is_never_sent_twice(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator, fault: str
) -> None:
    company_ids(host)
    psa.add_fault(fault, times=5, path="service/tickets$")
    with pytest.raises(TransientError):
        host.open_ticket(DRAFT, "BH-7")
    psa.faults.clear()
    found = host.find_ticket("BH-7")
    posts = [each for each in seen(psa) if each.startswith("POST")]
    assert len(posts) == (0 if fault == "html" else 1)
    assert (found is None) == (fault == "html")


NONSENSE: tuple[object, ...] = (
    None, [], {}, "x", 7, [7], [None], [{}], [{"id": {}}], [{"id": True}], [{"id": "1' or"}],
    [{"id": 1, "name": []}], [{"id": 1, "status": 7}], [{"id": 1, "deletedFlag": "yes"}],
    [{"id": 1, "_info": []}], [{"id": 1, "_info": {"lastUpdated": 7}}], {"id": 1, "summary": {}},
    {"id": 1, "company": [1]}, {"id": 1, "status": {"id": []}}, {"id": 1.5}, {"count": "many"},
    {"id": 1, "quantity": "many"}, [{"id": 1, "quantity": True, "price": "1e999"}],
)  # fmt: skip


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_is_one_of_our_errors_or_does_no_harm(nonsense: object) -> None:
    host = ConnectWisePsa(link_to_answers(lambda request: nonsense))
    for call in _calls(host):
        with suppress(EdgeError):
            call()


def _calls(host: ConnectWisePsa) -> list[Callable[[], object]]:
    return [
        lambda: list(host.companies()),
        lambda: host.ticket("1"),
        lambda: host.find_ticket("BH-1"),
        lambda: list(host.tickets_changed(datetime(2026, 1, 1, tzinfo=UTC))),
        lambda: host.ticket_choices("status"),
        lambda: host.close_ticket("1", "x", ""),
        lambda: host.add_note("1", "x", "m"),
        lambda: list(host.agreements("1")),
        lambda: list(host.agreement_lines("1")),
        lambda: list(host.products("")),
        lambda: host.add_line("1", "1", Decimal(1), None),
        lambda: list(host.configurations("1")),
        lambda: list(host.subscriptions("https://b.example/")),
        lambda: list(host.placements("https://b.example/")),
        lambda: host.screens(),
        *(rung.run for rung in host.rungs()),
    ]


def test_it_works_over_real_sockets_too(psa: ConnectWisePsaEmulator) -> None:
    with serve(psa) as origin:
        host = ConnectWisePsa(link_by_socket(origin, psa.connection_settings()))
        assert company_ids(host) == COMPANY_IDS
        psa.add_fault("cut", path="tickets$")
        with pytest.raises(TransientError):
            host.open_ticket(DRAFT, "BH-7")
        assert host.find_ticket("BH-7") is not None
        psa.add_fault("done-but-timeout", path="tickets$", seconds=0.01)
        with pytest.raises(TransientError):
            host.open_ticket(DRAFT, "BH-8")
        assert host.find_ticket("BH-8") is not None
