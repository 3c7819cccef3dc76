import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from plugin.domain.errors import BusyError, ForgedError, RefusedError, TransientError
from plugin.domain.model import HostEvent
from plugin.runtime import Runtime
from plugin.services import inbox
from plugin.services.receiver import Accepted, Receiver, lane_of
from plugin.services.work import work
from plugin.store.base import db, write_lock, writing
from plugin.store.integrations import Connection
from plugin.store.work import Delivery, DeliveryState, Job, JobState
from tests.scene import CallingHost, Scene, saying, scene, signed


class Desk:
    """The inbox of a scene, with a record of what was fetched again."""

    def __init__(self, play: Scene) -> None:
        self.play = play
        self.receiver = Receiver(play.app, play.runtime)
        self.fetched: list[HostEvent] = []
        self.trouble: list[Exception] = []
        self.on_fetch: Callable[[], object] = bool

    def accept(self, connection: Connection, body: bytes, **more: object) -> Accepted:
        headers = more.get("headers", signed(body))
        query = str(more.get("query", ""))
        return inbox.accept(
            self.receiver,
            connection,
            body=body,
            headers=headers,  # type: ignore[arg-type]
            query=query,
        )

    def refresh(self, runtime: Runtime, connection: Connection, event: HostEvent) -> str:
        if self.trouble:
            raise self.trouble.pop(0)
        self.fetched.append(event)
        self.on_fetch()
        return f"{event.kind} {event.entity_id} was read"

    def work(self, connection: Connection) -> int:
        handlers = {"delivery": partial(inbox.handle, refresh=self.refresh)}
        hooks = {"delivery": inbox.note_fate}
        return work(self.play.runtime, lane_of(connection.id), handlers, hooks)

    def rows(self) -> list[Delivery]:
        db.session.remove()
        return list(db.session.scalars(select(Delivery).order_by(Delivery.id)))


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    with scene(database) as played:
        yield Desk(played)


@pytest.fixture
def here(sqlite: str) -> Iterator[Desk]:
    with scene(sqlite) as played:
        yield Desk(played)


@pytest.fixture
def trouble() -> Iterator[list[object]]:
    yield CallingHost.trouble  # type: ignore[misc]
    CallingHost.trouble.clear()


def test_a_call_is_stored_proved_read_and_its_record_fetched(desk: Desk) -> None:
    connection = desk.play.add_connection()
    body = saying(ID=57961)
    accepted = desk.accept(connection, body, query="recordId=57961")
    assert not accepted.repeated
    assert desk.play.woken == [lane_of(connection.id)]
    assert desk.work(connection) == 1
    (row,) = desk.rows()
    assert (row.id, row.body, row.query) == (accepted.delivery_id, body, "recordId=57961")
    assert row.state == DeliveryState.HANDLED
    assert row.reason == "ticket 57961 was read"
    assert row.proven
    assert [event.entity_id for event in desk.fetched] == ["57961"]


def test_the_same_call_while_it_waits_is_counted_and_has_one_effect(desk: Desk) -> None:
    connection = desk.play.add_connection()
    results = [desk.accept(connection, saying()) for _ in range(3)]
    assert [each.repeated for each in results] == [False, True, True]
    assert len({each.delivery_id for each in results}) == 1
    assert desk.rows()[0].repeats == 2
    desk.work(connection)
    assert len(desk.fetched) == 1


def test_two_hundred_at_once_are_one_delivery(desk: Desk) -> None:
    connection = desk.play.add_connection()
    app = desk.play.app
    receivers = [Receiver(app, desk.play.runtime) for _ in range(4)]

    def send(number: int) -> Accepted:
        with app.app_context():
            return inbox.accept(
                receivers[number % 4], connection, body=saying(), headers=signed(saying()), query=""
            )

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(send, range(200)))
    assert sum(not answer.repeated for answer in answers) == 1
    (row,) = desk.rows()
    assert row.repeats == 199
    desk.work(connection)
    assert len(desk.fetched) == 1


def test_the_same_bytes_after_the_first_was_handled_are_a_new_call(desk: Desk) -> None:
    connection = desk.play.add_connection()
    for _ in range(2):
        assert not desk.accept(connection, saying()).repeated
        desk.work(connection)
    assert len(desk.fetched) == 2


def test_a_call_during_the_fetch_is_looked_at_again(desk: Desk) -> None:
    connection = desk.play.add_connection()
    desk.accept(connection, saying())
    late: list[Accepted] = []

    def arrive_once() -> None:
        if not late:
            late.append(desk.accept(connection, saying()))

    desk.on_fetch = arrive_once
    desk.work(connection)
    assert not late[0].repeated
    assert len(desk.fetched) == 2


def test_calls_about_one_record_that_wait_together_cost_one_fetch(desk: Desk) -> None:
    connection = desk.play.add_connection()
    for number in range(5):
        desk.accept(connection, saying(MessageId=f"m{number}"))
    desk.accept(connection, saying(ID=8))
    desk.work(connection)
    assert [event.entity_id for event in desk.fetched] == ["7", "8"]
    folded = [row for row in desk.rows() if row.state == DeliveryState.DROPPED]
    assert len(folded) == 4
    assert all("was read after this call came in" in row.reason for row in folded)


def test_calls_are_not_folded_into_a_fetch_that_failed(desk: Desk) -> None:
    connection = desk.play.add_connection()
    desk.trouble.append(TransientError("Host", "timed out"))
    for number in range(3):
        desk.accept(connection, saying(MessageId=f"m{number}"))
    desk.work(connection)
    assert len(desk.fetched) == 1
    desk.play.clock.move(minutes=1)
    desk.work(connection)
    assert len(desk.fetched) == 1
    assert {row.state for row in desk.rows()} <= {DeliveryState.HANDLED, DeliveryState.DROPPED}


def test_a_message_seen_in_the_last_thirty_days_is_a_double(desk: Desk) -> None:
    connection, other = desk.play.add_connection(), desk.play.add_connection()
    desk.accept(connection, saying(MessageId="m1"))
    desk.work(connection)
    desk.play.clock.move(days=29)
    desk.accept(connection, saying(MessageId="m1"))
    desk.accept(other, saying(MessageId="m1"))
    desk.work(connection)
    desk.work(other)
    assert [row.state for row in desk.rows()] == ["handled", "dropped", "handled"]
    desk.play.clock.move(days=2)
    desk.accept(connection, saying(MessageId="m1", Note="a month later"))
    desk.work(connection)
    assert desk.rows()[-1].state == DeliveryState.DROPPED  # the second one is 2 days old
    assert len(desk.fetched) == 2


def test_a_retried_call_is_no_double_of_its_own_repeat(desk: Desk) -> None:
    connection = desk.play.add_connection()
    desk.trouble.append(TransientError("Host", "timed out"))
    desk.accept(connection, saying(MessageId="m1"))
    desk.work(connection)
    desk.accept(connection, saying(MessageId="m1"))
    desk.work(connection)
    desk.play.clock.move(minutes=1)
    desk.work(connection)
    assert len(desk.fetched) == 1
    assert [row.state for row in desk.rows()] == ["handled", "dropped"]


def test_a_forged_call_is_refused_and_shown_but_never_handled(desk: Desk) -> None:
    connection = desk.play.add_connection()
    with pytest.raises(ForgedError):
        desk.accept(connection, saying(), headers=[("X-Content-Signature", "no")])
    desk.receiver.close()
    (row,) = desk.rows()
    assert (row.state, row.proven) == (DeliveryState.DROPPED, False)
    assert row.reason.startswith("refused: ")
    desk.work(connection)
    assert desk.fetched == []


def test_a_flood_of_forged_calls_is_counted_not_kept(desk: Desk) -> None:
    connection = desk.play.add_connection()
    for number in range(30):
        with pytest.raises(ForgedError):
            desk.accept(connection, b"%d" % number, headers=[("X-Content-Signature", "no")])
    desk.receiver.close()
    assert len(desk.rows()) == 20


def test_a_forged_call_that_only_the_network_shows_has_no_effect(desk: Desk) -> None:
    connection = desk.play.add_connection("network")
    desk.accept(connection, saying(), headers=[("X-Content-Signature", "no")])
    desk.work(connection)
    (row,) = desk.rows()
    assert (row.state, row.proven) == (DeliveryState.DROPPED, False)
    assert "signature" in row.reason
    assert desk.fetched == []


def test_an_unreachable_key_is_asked_for_again_later(here: Desk, trouble: list[object]) -> None:
    connection = here.play.add_connection("network")
    trouble.append(TransientError("Host", "timed out"))
    here.accept(connection, saying())
    here.work(connection)
    assert here.rows()[0].state == DeliveryState.WAITING
    assert "timed out" in here.rows()[0].reason
    here.play.clock.move(minutes=1)
    here.work(connection)
    assert here.rows()[0].state == DeliveryState.HANDLED


def test_trouble_of_our_own_while_proving_leaves_it_to_the_worker(
    here: Desk, trouble: list[object]
) -> None:
    connection = here.play.add_connection()
    trouble.append(TransientError("Host", "no key just now"))
    here.accept(connection, saying())
    assert not here.rows()[0].proven


def test_a_refusal_shows_on_the_delivery_and_its_repeat_joins_it(here: Desk) -> None:
    connection = here.play.add_connection()
    here.trouble.append(RefusedError("Host", "wrong password"))
    here.accept(connection, saying())
    here.work(connection)
    assert here.rows()[0].state == DeliveryState.PARKED
    assert "wrong password" in here.rows()[0].reason


def test_a_bug_leaves_a_dead_letter_that_can_be_replayed(desk: Desk) -> None:
    connection = desk.play.add_connection()
    desk.trouble.append(KeyError("a bug"))
    desk.accept(connection, saying(MessageId="m1"))
    desk.work(connection)
    (row,) = desk.rows()
    assert row.state == DeliveryState.DEAD
    assert db.session.scalars(select(Job)).one().state == JobState.DEAD
    assert inbox.replay(desk.play.runtime, "anna", [row.id]) == 1
    desk.work(connection)
    (row,) = desk.rows()
    assert (row.state, row.replays) == (DeliveryState.HANDLED, 1)


def test_a_replay_of_a_handled_call_fetches_again_though_it_is_a_double(desk: Desk) -> None:
    connection = desk.play.add_connection()
    for note in ("one", "two"):
        desk.accept(connection, saying(MessageId="m1", Note=note))
    desk.work(connection)
    assert len(desk.fetched) == 1
    inbox.replay(desk.play.runtime, "anna", [row.id for row in desk.rows()])
    desk.work(connection)
    assert len(desk.fetched) == 3


def test_kinds_we_do_not_use_are_kept_and_ignored(here: Desk) -> None:
    connection = here.play.add_connection()
    here.accept(connection, saying(Type="opportunity"))
    here.work(connection)
    assert here.rows()[0].state == DeliveryState.HANDLED
    assert here.fetched == []


def test_a_call_from_a_system_that_sends_none_is_dropped(here: Desk) -> None:
    connection = here.play.add_connection("silent")
    here.accept(connection, saying())
    here.work(connection)
    assert here.rows()[0].state == DeliveryState.DROPPED


def test_proxies_headers_do_not_make_a_repeat_a_new_call(here: Desk) -> None:
    connection = here.play.add_connection()
    for hop in ("1", "2"):
        headers = [*signed(saying()), ("X-Forwarded-For", hop), ("X-Request-Id", hop)]
        here.accept(connection, saying(), headers=headers)
    assert len(here.rows()) == 1


def test_cookies_and_credentials_are_not_kept(here: Desk) -> None:
    connection = here.play.add_connection()
    headers = [*signed(saying()), ("Cookie", "a=b"), ("Authorization", "Basic x")]
    here.accept(connection, saying(), headers=headers)
    assert {name for name, _ in here.rows()[0].headers} == {"x-content-signature", "content-type"}


def test_foreign_ids_of_any_length_and_with_zeros_fit_their_columns(desk: Desk) -> None:
    connection = desk.play.add_connection()
    desk.accept(connection, saying(ID="9" * 500, MessageId="m\0" * 300))
    desk.work(connection)
    assert desk.rows()[0].state == DeliveryState.HANDLED


def test_a_call_for_a_connection_that_is_gone_costs_the_others_nothing(desk: Desk) -> None:
    connection, gone = desk.play.add_connection(), desk.play.add_connection()
    with writing() as session:
        session.delete(session.get_one(Connection, gone.id))
    with ThreadPoolExecutor(8) as pool:

        def send(number: int) -> str:
            with desk.play.app.app_context():
                try:
                    desk.accept(gone if number % 2 else connection, saying(ID=number))
                except BusyError:
                    return "busy"
                return "stored"

        answers = list(pool.map(send, range(40)))
    assert answers.count("stored") == 20
    assert db.session.scalar(select(func.count(Delivery.id))) == 20


def test_a_held_lock_makes_it_busy_in_two_seconds_and_work_goes_on_after(here: Desk) -> None:
    connection = here.play.add_connection()
    lock = write_lock(db.engine)
    assert lock is not None
    lock.acquire(None)
    started = time.monotonic()
    with pytest.raises(BusyError):
        here.accept(connection, saying())
    assert time.monotonic() - started < 2.5
    lock.release()
    assert here.accept(connection, saying()).delivery_id
    assert len(here.rows()) == 1


def test_finished_calls_are_pruned_and_the_rest_stays(desk: Desk) -> None:
    connection = desk.play.add_connection()
    with writing() as session:
        for state in DeliveryState:
            for _ in range(300):
                session.add(
                    Delivery(
                        connection_id=connection.id,
                        received_at=desk.play.clock() - timedelta(days=40),
                        digest="d",
                        body=b"",
                        state=state,
                    )
                )
    assert inbox.prune(desk.play.runtime) == 600
    kept = {row.state for row in desk.rows()}
    assert kept == {DeliveryState.WAITING, DeliveryState.PARKED, DeliveryState.DEAD}


def test_tokens_are_looked_up_once_in_a_while(here: Desk) -> None:
    connection = here.play.add_connection()
    assert connection.webhook_token is not None
    for _ in range(3):
        found = here.receiver.find(connection.webhook_token)
        assert found is not None
        assert found.id == connection.id
    assert here.receiver.find("x" * 43) is None


def test_a_token_known_before_is_good_while_the_database_hangs(here: Desk) -> None:
    connection = here.play.add_connection()
    token = connection.webhook_token or ""
    here.receiver.find(token)
    answer = threading.Event()

    def hang(tokens: Sequence[str]) -> list[None]:
        answer.wait(5)
        return [None] * len(tokens)

    here.receiver._finder._work = hang
    here.receiver._known = {
        key: (asked - 10, found) for key, (asked, found) in here.receiver._known.items()
    }
    found = here.receiver.find(token)
    assert found is not None
    with pytest.raises(BusyError):
        here.receiver.find("y" * 43)
    answer.set()
