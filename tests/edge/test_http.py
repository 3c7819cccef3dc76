import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from plugin import __version__
from plugin.domain.errors import (
    AnswerError,
    CircuitOpenError,
    EdgeError,
    MissingError,
    RefusedError,
    TransientError,
)
from plugin.edge.addresses import AddressGuard
from plugin.edge.circuit import Circuit
from plugin.edge.http import LIMIT, MIB, Answer, Http, Timeouts
from plugin.edge.pace import Pace
from tests.edge.servers import Server, reply, says, serving

BASE = "https://psa.example.com/v4"
OK = reply(200, b'{"name": "Acme"}')


def nobody(host: str) -> tuple[str, ...]:
    raise AssertionError(f"{host} was looked up")


def door(server: Server, **options: Any) -> Http:
    chosen: dict[str, Any] = {"sleep": lambda seconds: None, "timeouts": Timeouts(1, 2)}
    guard = AddressGuard(resolver=nobody)
    return Http(BASE, who="PSA", guard=guard, override=server.origin, **(chosen | options))


def failure(call: Callable[[], object]) -> EdgeError:
    with pytest.raises(EdgeError) as caught:
        call()
    assert caught.value.who == "PSA"
    assert caught.value.__cause__ is None
    return caught.value


def heads(server: Server) -> list[str]:
    return [request.split(b"\r\n")[0].decode() for request in server.requests]


# What is sent


def test_a_read_brings_back_the_whole_answer() -> None:
    with serving(reply(200, b'{"name": "Acme"}', X_Mark="seven")) as server:
        answer = door(server).get("/company", params={"page": 2, "none": None})
    assert answer.json() == {"name": "Acme"}
    assert (answer.status, answer.method, answer.who) == (200, "GET", "PSA")
    assert answer.header("x-mark") == "seven"
    assert answer.headers["X-MARK"] == "seven"
    assert heads(server) == ["GET /v4/company?page=2 HTTP/1.1"]


def test_the_request_names_us_the_original_host_and_the_packing_we_take() -> None:
    with serving(OK) as server:
        door(server).get("company", headers={"X-Key": "k"})
    request = server.requests[0].decode()
    assert "Host: psa.example.com\r\n" in request
    assert f"User-Agent: Bridgehead/{__version__}\r\n" in request
    assert "Accept-Encoding: gzip, identity\r\n" in request
    assert "X-Key: k\r\n" in request


@pytest.mark.parametrize(
    ("options", "kind", "body"),
    [
        ({"json": {"a": [1]}}, "application/json", '{"a": [1]}'),
        ({"form": {"a": "1 2"}}, "application/x-www-form-urlencoded", "a=1+2"),
        ({"data": b"<x/>", "headers": {"Content-Type": "text/xml"}}, "text/xml", "<x/>"),
        ({"files": {"f": ("n.txt", b"inside")}}, "multipart/form-data", "inside"),
    ],
)
def test_a_write_carries_its_body(options: dict[str, Any], kind: str, body: str) -> None:
    with serving(OK) as server:
        door(server).send("POST", "x", params={"q": "1"}, **options)
    request = server.requests[0].decode()
    assert request.startswith("POST /v4/x?q=1 HTTP/1.1")
    assert f"Content-Type: {kind}" in request
    assert body in request.partition("\r\n\r\n")[2]


def test_a_body_larger_than_one_piece_arrives_whole() -> None:
    with serving(OK) as server:
        door(server).send("POST", "x", data=b"z" * 100_000)
    assert server.requests[0].endswith(b"z" * 100_000)


def test_a_connection_is_used_again() -> None:
    with serving(OK) as server:
        http = door(server)
        for _ in range(3):
            http.get("x")
        http.close()
    assert server.connections == 1


def test_nothing_is_taken_from_the_process_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hidden")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with serving(OK) as canary, serving(OK) as server:
        monkeypatch.setenv("HTTP_PROXY", canary.origin)
        monkeypatch.setenv("ALL_PROXY", canary.origin)
        door(server).get("x")
    assert canary.connections == 0
    assert b"Authorization" not in server.requests[0]


# Where it may go


def test_an_absolute_url_of_the_same_server_is_followed_as_it_is() -> None:
    with serving(OK) as server:
        http = door(server)
        http.get("https://psa.example.com:443/other?page=3#top")
        http.get("HTTPS://PSA.example.com?page=4")
        http.get(f"{server.origin}/third")
    assert [head.split()[1] for head in heads(server)] == ["/other?page=3", "/?page=4", "/third"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("https://evil.example.com/v4/x", "origin"),
        ("http://psa.example.com/v4/x", "origin"),
        ("https://psa.example.com:444/x", "origin"),
        ("https://psa.example.com@evil.example.com/x", "address"),
        ("../secret", "path"),
        ("a/%2e%2E/b", "path"),
        ("a\\..\\b", "path"),
        ("a/./b", "path"),
    ],
)
def test_a_path_never_leaves_the_server(path: str, code: str) -> None:
    with serving(OK) as server:
        error = failure(lambda: door(server).get(path))
    assert error.code == code
    assert server.connections == 0


@pytest.mark.parametrize("path", ["//evil.example.com/x", "/@evil.example.com", "a..b", "x?a=../b"])
def test_a_path_that_only_looks_odd_stays_on_the_server(path: str) -> None:
    with serving(OK) as server:
        door(server).get(path)
    assert heads(server)[0].split()[1].startswith("/v4/")


@pytest.mark.parametrize(
    "base",
    ["http://psa.example.com", "https://u:p@psa.example.com", "https://127.1/", "psa.example.com"],
)
def test_a_door_is_not_made_for_an_address_we_would_not_talk_to(base: str) -> None:
    with pytest.raises(RefusedError) as caught:
        Http(base, who="PSA", guard=AddressGuard(resolver=nobody))
    assert caught.value.code == "address"


@pytest.mark.parametrize(
    "override",
    ["http://10.0.0.1:80", "http://127.0.0.2:80", "http://127.0.0.1:80/x", "ftp://127.0.0.1"],
)
def test_only_an_origin_on_this_computer_can_be_an_override(override: str) -> None:
    with pytest.raises(ValueError, match=r"override|must begin"):
        Http(BASE, who="PSA", guard=AddressGuard(), override=override)


def test_loopback_is_refused_without_an_override() -> None:
    with serving(OK) as canary:
        http = Http(f"https://127.0.0.1:{canary.port}", who="PSA", guard=AddressGuard())
        assert failure(lambda: http.get("x")).code == "address"
    assert canary.connections == 0


@pytest.mark.parametrize("host", ["localhost", "[::1]"])
def test_every_name_of_this_computer_can_be_an_override(host: str) -> None:
    family = socket.AF_INET6 if host == "[::1]" else socket.AF_INET
    with Server(says(OK), family=family) as server:
        server.origin = f"http://{host}:{server.port}"
        assert door(server).get("x").status == 200


def test_a_transport_takes_the_place_of_the_network() -> None:
    class Echo(requests.adapters.BaseAdapter):
        def send(
            self, request: requests.PreparedRequest, *args: Any, **kw: Any
        ) -> requests.Response:
            response = requests.Response()
            response.status_code, response.url = 200, request.url or ""
            seen = [request.url, request.headers["Host"]]
            response.raw = BytesIO(json.dumps(seen).encode())
            return response

        def close(self) -> None:
            """Nothing is open."""

    http = Http(BASE, who="PSA", guard=AddressGuard(resolver=nobody), transport=Echo())
    assert http.get("x").json() == ["https://psa.example.com/v4/x", "psa.example.com"]


# What an answer means


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, TransientError),
        (304, TransientError),
        (400, AnswerError),
        (401, RefusedError),
        (403, RefusedError),
        (404, MissingError),
        (408, TransientError),
        (409, AnswerError),
        (410, MissingError),
        (425, TransientError),
        (429, TransientError),
        (500, TransientError),
        (503, TransientError),
    ],
)
def test_each_status_means_one_thing(status: int, kind: type[EdgeError]) -> None:
    with serving(reply(status, b"hush")) as server:
        error = failure(lambda: door(server).send("PUT", "x"))
    assert type(error) is kind
    assert error.status == status
    assert str(status) in error.message
    assert "hush" not in str(error)


def test_every_2xx_is_an_answer() -> None:
    with serving(reply(204)) as server:
        assert door(server).send("DELETE", "x").status == 204


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(method: str, status: int) -> None:
    with serving(OK) as canary, serving(reply(status, Location=canary.origin + "/x")) as server:
        error = failure(lambda: door(server).send(method, "x"))
    assert error.code == "redirect"
    # A write may have been done before the remote pointed elsewhere; a read was not answered.
    assert type(error) is (AnswerError if method == "GET" else TransientError)
    assert "redirect" in error.message
    assert (canary.connections, len(server.requests)) == (0, 1)


def test_the_body_of_a_redirect_is_limited_too() -> None:
    answer = reply(302, b"x" * 5000, Location="/y")
    with serving(answer) as server:
        assert failure(lambda: door(server, limit=1000).get("x")).code == "too_large"


def test_the_adapter_is_asked_first_and_about_good_answers_too() -> None:
    def classify(answer: Answer) -> EdgeError | None:
        if b"PxgError" in answer.body:
            return RefusedError(answer.who, "the session ended")
        return None

    with serving(reply(200, b'{"PxgError": {}}'), OK, reply(404)) as server:
        http = door(server, classify=classify)
        assert isinstance(failure(lambda: http.get("x")), RefusedError)
        assert http.get("x").status == 200
        assert isinstance(failure(lambda: http.get("x")), MissingError)


def test_a_calls_own_classify_comes_before_the_connections() -> None:
    def theirs(answer: Answer) -> EdgeError | None:
        return RefusedError(answer.who, "theirs")

    def own(answer: Answer) -> EdgeError | None:
        return MissingError(answer.who, "own")

    with serving(OK) as server:
        http = door(server, classify=theirs)
        assert failure(lambda: http.get("x", classify=own)).message == "own"
        assert failure(lambda: http.get("x")).message == "theirs"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), ("Mon, 02 Nov 2026 08:02:00 GMT", 120.0), ("soon", None), ("-5", None)],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    answer = reply(503, Retry_After=value, Date="Mon, 02 Nov 2026 08:00:00 GMT")
    with serving(answer) as server:
        assert failure(lambda: door(server).send("POST", "x")).retry_after == seconds


# Trying again


def test_a_read_is_tried_three_times_with_growing_rests() -> None:
    rests: list[float] = []
    with serving(reply(503), reply(503), OK) as server:
        assert door(server, sleep=rests.append).get("x").status == 200
    assert len(server.requests) == 3
    assert 0.1 <= rests[0] <= 0.3
    assert 0.2 <= rests[1] <= 0.6


def test_a_read_that_keeps_failing_ends_after_three_tries() -> None:
    with serving(reply(503)) as server:
        failure(lambda: door(server).get("x"))
    assert len(server.requests) == 3


def test_a_write_is_never_tried_again_unless_it_is_safe() -> None:
    with serving(reply(503)) as server:
        failure(lambda: door(server).send("POST", "x"))
        assert len(server.requests) == 1
        failure(lambda: door(server).send("PUT", "x", safe=True))
        assert len(server.requests) == 4


def test_a_write_on_a_connection_the_server_has_closed_is_not_repeated() -> None:
    def script(sock: socket.socket, request: bytes) -> None:
        if b"POST" not in request:
            sock.sendall(OK)
        else:
            sock.close()

    with Server(script) as server:
        http = door(server)
        http.get("x")
        assert isinstance(failure(lambda: http.send("POST", "x")), TransientError)
    assert sum(b"POST" in request for request in server.requests) == 1


def test_what_will_not_pass_is_not_tried_again() -> None:
    with serving(reply(404)) as server:
        failure(lambda: door(server).get("x"))
    assert len(server.requests) == 1


def test_a_short_retry_after_is_waited_for() -> None:
    rests: list[float] = []
    with serving(reply(503, Retry_After="1"), OK) as server:
        door(server, sleep=rests.append).get("x")
    assert rests == [1.0]


def test_a_long_retry_after_is_left_to_the_job() -> None:
    with serving(reply(503, Retry_After="86400")) as server:
        assert failure(lambda: door(server).get("x")).retry_after == 86400
    assert len(server.requests) == 1


def test_no_rest_goes_beyond_the_time_of_the_call() -> None:
    rests: list[float] = []
    with serving(reply(503, Retry_After="3")) as server:
        failure(lambda: door(server, sleep=rests.append).get("x", timeout=2))
    assert rests == []


# Pace, pause, circuit


def test_a_429_holds_up_the_next_calls_of_the_same_door() -> None:
    with serving(reply(429, Retry_After="60"), OK) as server:
        http = door(server)
        failure(lambda: http.send("POST", "x"))
        error = failure(lambda: http.send("POST", "y"))
    assert isinstance(error, TransientError)
    assert error.retry_after == pytest.approx(60, abs=2)
    assert len(server.requests) == 1


def test_a_short_pause_is_waited_for() -> None:
    rests: list[float] = []
    with serving(reply(429, Retry_After="1"), OK) as server:
        http = door(server, sleep=rests.append)
        failure(lambda: http.send("POST", "x"))
        assert http.send("POST", "y").status == 200
    assert rests == [pytest.approx(1, abs=0.2)]


def test_calls_keep_the_pace_and_so_do_further_tries() -> None:
    rests: list[float] = []

    def sleep(seconds: float) -> None:
        rests.append(seconds)
        time.sleep(seconds)

    with serving(reply(503), OK) as server:
        http = door(server, pace=Pace(per_second=20), sleep=sleep)
        began = time.monotonic()
        http.get("x")
        http.get("x")
        http.get("x")
    assert len(server.requests) == 4
    assert time.monotonic() - began >= 0.1


def test_a_permit_too_far_away_is_left_to_the_job() -> None:
    with serving(OK) as server:
        http = door(server, pace=Pace(per_second=0.01))
        http.get("x")
        error = failure(lambda: http.get("x"))
    assert error.retry_after == pytest.approx(100, abs=2)
    assert len(server.requests) == 1


def test_a_remote_that_is_down_is_not_asked_at_all() -> None:
    with serving(reply(503)) as server:
        http = door(server, circuit=Circuit("PSA"))
        for _ in range(4):
            failure(lambda: http.get("x"))
        error = failure(lambda: http.get("x"))
    assert isinstance(error, CircuitOpenError)
    assert len(server.requests) == 10


def test_answers_that_are_errors_but_come_keep_the_circuit_closed() -> None:
    circuit = Circuit("PSA")
    with serving(reply(404)) as server:
        http = door(server, circuit=circuit)
        for _ in range(12):
            failure(lambda: http.get("x"))
        assert circuit.state == "closed"


# Broken, slow and endless answers


def drip(sock: socket.socket, request: bytes, head: bytes = b"") -> None:
    sock.sendall(head)
    while True:
        sock.sendall(b"x")
        time.sleep(0.02)


def endless(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        sock.sendall(b"x" * 65536)


def test_a_body_that_drips_ends_with_the_time_of_the_call() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with Server(lambda sock, request: drip(sock, request, head)) as server:
        began = time.monotonic()
        error = failure(lambda: door(server).get("x", timeout=0.4))
    assert time.monotonic() - began < 0.9
    assert (type(error), error.code) == (TransientError, "timeout")


def test_a_header_that_drips_ends_with_the_time_of_the_call() -> None:
    with Server(lambda sock, request: drip(sock, request, b"HTTP/1.1 200 OK\r\nA: ")) as server:
        began = time.monotonic()
        error = failure(lambda: door(server).get("x", timeout=Timeouts(1, 0.4)))
    assert time.monotonic() - began < 0.9
    assert error.code == "timeout"


def test_silence_ends_with_the_time_of_the_call() -> None:
    with Server(lambda sock, request: time.sleep(2)) as server:
        began = time.monotonic()
        error = failure(lambda: door(server).send("POST", "x", timeout=0.3))
    assert time.monotonic() - began < 0.8
    assert error.code == "timeout"


def test_a_server_that_takes_no_more_bytes_ends_with_the_time_of_the_call() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        server = Server(says(OK))
        server.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        body = b"x" * 30_000_000
        error = failure(lambda: door(server).send("POST", "x", data=body, timeout=0.4))
    assert time.monotonic() - began < 1.4
    assert error.code == "timeout"


def test_a_call_without_any_time_is_not_made() -> None:
    with serving(OK) as server:
        assert failure(lambda: door(server).send("POST", "x", timeout=0)).code == "timeout"
    assert server.connections == 0


def test_nobody_listening_is_a_lost_connection() -> None:
    with serving(OK) as server:
        pass
    error = failure(lambda: door(server).get("x"))
    assert (type(error), error.code) == (TransientError, "connection")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: gzip\r\n\r\nnope",
        b"SSH-2.0 what\r\n\r\n",
        b"HTTP/1.1 2",
        b"",
    ],
)
def test_a_broken_answer_is_a_lost_connection(answer: bytes) -> None:
    def script(sock: socket.socket, request: bytes) -> None:
        sock.sendall(answer)
        sock.shutdown(socket.SHUT_RDWR)

    with Server(script) as server:
        error = failure(lambda: door(server).send("POST", "x"))
    assert (type(error), error.code) == (TransientError, "connection")


def test_a_packed_answer_is_unpacked() -> None:
    with serving(reply(200, gzip.compress(b'{"a": 1}'), Content_Encoding="gzip")) as server:
        assert door(server).get("x").json() == {"a": 1}


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "zstd"])
def test_a_packing_we_did_not_ask_for_is_named(coding: str) -> None:
    with serving(reply(200, b"....", Content_Encoding=coding)) as server:
        assert failure(lambda: door(server).get("x")).code == "encoding"


def test_an_answer_as_large_as_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    with serving(reply(200, b"x" * 1000), reply(200, b"x" * 1001)) as server:
        http = door(server, limit=1000)
        assert len(http.get("x").body) == 1000
        assert failure(lambda: http.get("x")).code == "too_large"
        assert len(http.get("x", limit=2000).body) == 1001
        assert len(http.send("POST", "x", limit=2000).body) == 1001


def measure(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_costs_no_more_memory_than_the_bar() -> None:
    bomb = gzip.compress(bytes(100_000_000), compresslevel=1)
    with serving(reply(200, bomb, Content_Encoding="gzip")) as server:
        http = door(server, timeouts=Timeouts(5, 20))
        errors: list[EdgeError] = []
        grown = measure(lambda: errors.append(failure(lambda: http.get("x"))))
    assert errors[0].code == "too_large"
    assert f"larger than {LIMIT / MIB:g} MiB" in errors[0].message
    assert grown <= 16 * MIB


def test_the_largest_good_answer_costs_no_more_memory_than_the_bar() -> None:
    with serving(reply(200, bytes(LIMIT), Content_Encoding="identity")) as server:
        http = door(server, timeouts=Timeouts(5, 20))
        kept: list[Answer] = []
        grown = measure(lambda: kept.append(http.get("x")))
    assert len(kept[0].body) == LIMIT
    assert grown <= 16 * MIB


def test_an_endless_answer_costs_no_more_memory_than_the_bar() -> None:
    with Server(endless) as server:
        http = door(server, timeouts=Timeouts(5, 20))
        grown = measure(lambda: failure(lambda: http.get("x")))
    assert grown <= 16 * MIB


@pytest.mark.parametrize(
    "headers", [{"X-Key": "line\nbreak"}, {"X-Key": "snow ☃"}, {"X-Key": " lead"}]
)
def test_a_value_that_cannot_be_sent_is_our_error_and_is_not_shown(
    headers: dict[str, str],
) -> None:
    with serving(OK) as server:
        error = failure(lambda: door(server).get("x", headers=headers))
    assert (type(error), error.code) == (AnswerError, "call")
    assert headers["X-Key"] not in str(error)


# The answer itself


def answer(body: bytes, **headers: str) -> Answer:
    named = requests.structures.CaseInsensitiveDict(headers)
    return Answer("GET", "https://psa.example.com/?key=hidden", 200, named, body, "PSA")


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"", "(nothing at all)"),
        (b"  \n", "(nothing at all)"),
        (b'{"a": ', "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b"[Infinity]", "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"1" * 5000, "not JSON"),
    ],
)
def test_an_answer_that_is_not_json_is_named_without_its_body(body: bytes, hint: str) -> None:
    error = failure(answer(body).json)
    assert isinstance(error, AnswerError)
    assert hint in error.message
    assert "hush" not in str(error)


def test_a_web_page_in_the_place_of_data_may_go_away() -> None:
    error = failure(answer(b"  <html>hush</html>").json)
    assert isinstance(error, TransientError)
    assert (error.code, "hush" in str(error)) == ("web_page", False)


def test_text_is_read_in_the_charset_it_names() -> None:
    assert answer("Müller".encode("latin-1"), **{"Content-Type": "a/b; charset=latin-1"}).text == (
        "Müller"
    )
    assert answer("Müller".encode()).text == "Müller"
    assert answer(b"M\xfcller", **{"Content-Type": "a/b; charset=klingon"}).text == "M\ufffdller"


def test_nothing_of_an_answer_shows_in_a_log() -> None:
    assert repr(answer(b"hush", Cookie="hush")) == "Answer(method='GET', status=200, who='PSA')"


def test_a_date_is_measured_against_our_clock_when_the_answer_has_none() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    with serving(reply(503, Retry_After=later)) as server:
        error = failure(lambda: door(server).send("POST", "x"))
    assert error.retry_after == pytest.approx(90, abs=3)


def test_a_date_without_a_zone_is_taken_as_universal_time() -> None:
    later = (datetime.now(UTC) - timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    with serving(reply(503, Retry_After=later)) as server:
        assert failure(lambda: door(server).send("POST", "x")).retry_after == 0.0


def test_two_threads_do_not_share_a_deadline() -> None:
    errors: list[str] = []
    with Server(lambda sock, request: time.sleep(1)) as slow, serving(OK) as quick:
        thread = threading.Thread(
            target=lambda: errors.append(failure(lambda: door(slow).get("x", timeout=0.3)).code)
        )
        thread.start()
        for _ in count():
            if not thread.is_alive():
                break
            door(quick).get("x")
        thread.join()
    assert errors == ["timeout"]
