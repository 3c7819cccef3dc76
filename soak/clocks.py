"""QR13 and QR17: a secret changed while calls arrive, and clocks that are wrong.

One web process on SQLite whose wall clock is set while it runs; needs a C compiler.
"""

import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from bench.table import Row
from plugin.services import signing
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.work import Delivery, DeliveryState
from soak._clock import Clock
from soak._door import Door, Signed
from soak._pace import Answers, offer

PACE, SECONDS = 200, 5.0
OVERLAP, MARGIN = 24 * 3600, 600
WRONG = 600


def run() -> list[Row]:
    """Play both stories in one installation."""
    with tempfile.TemporaryDirectory() as name:
        clock = Clock(Path(name))
        door = Door(Path(name), **clock.settings)
        try:
            door.start()
            return [*_wrong_clocks(door, clock), *Change(door, clock).rows()]
        finally:
            door.part.kill()


@dataclass
class Change:
    """A secret that is changed under load, and what was answered to each of the two."""

    door: Door
    clock: Clock
    old: Answers = field(default_factory=Answers)
    new: Answers = field(default_factory=Answers)
    late: Answers = field(default_factory=Answers)

    def rows(self) -> list[Row]:
        """Send with both secrets, at the change, at the overlap's end, and after it."""
        if not self.clock.is_there:
            return [
                Row("QR13", "the change of a secret", "not seen: no C compiler", "", "", "", False)
            ]
        former = self.door.secret
        latter = self._change()
        for wrong in (0, OVERLAP - MARGIN):
            self._set(wrong)
            self._send(former, self.old)
            self._send(latter, self.new)
        self._set(OVERLAP + MARGIN)
        self._send(former, self.late)
        self._send(latter, self.new)
        return self._judged()

    def _change(self) -> str:
        """Change the secret while calls with the present one arrive; the new one follows."""
        made: list[str] = []
        with self.door.inside() as runtime:
            connection = db.session.scalars(select(Connection)).one()
            change = lambda: made.append(signing.replace(runtime, "soak", connection).secret)  # noqa: E731
            self.old.each += offer(self.door, PACE, SECONDS, halfway=change).each
        self._send(made[0], self.new)
        return made[0]

    def _send(self, secret: str, into: Answers) -> None:
        self.door.secret = secret
        into.each += offer(self.door, PACE, SECONDS).each

    def _set(self, wrong: int) -> None:
        self.clock.set_wrong(wrong)
        self.door.ahead = wrong

    def _judged(self) -> list[Row]:
        good = self.old.statuses.keys() | self.new.statuses.keys() == {204}
        return [
            Row(
                "QR13",
                f"secret changed at {PACE} calls a second; again 10 min before a day is over",
                f"old: {self.old.told()}; new: {self.new.told()}",
                "",
                "",
                "0 refused",
                good,
            ),
            Row(
                "QR13",
                "10 min after the day: calls with the old secret",
                self.late.told(),
                "",
                "",
                "all refused",
                self.late.statuses.keys() == {401},
            ),
        ]


def _wrong_clocks(door: Door, clock: Clock) -> list[Row]:
    return [_wrong_sender(door, WRONG), _wrong_sender(door, -WRONG), _wrong_server(door, clock)]


def _wrong_sender(door: Door, ahead: int) -> Row:
    """Send a call whose sender's clock is wrong."""
    door.ahead, before = ahead, _taken(door)
    status, text = _send(door, door.signed())
    door.ahead = 0
    way = "ahead of" if ahead > 0 else "behind"
    what = f"a call whose time stamp is 10 min {way} the server's clock"
    holds = status == 401 and f"seconds {way} our clock" in text and _taken(door) == before
    return Row("QR17", what, f"{status}: {text}", "", "", "refused, skew named", holds)


def _wrong_server(door: Door, clock: Clock) -> Row:
    """Send one call three times: while the server's clock is wrong, and twice once it is right."""
    if not clock.is_there:
        return Row("QR17", "the server's clock", "not seen: no C compiler", "", "", "", False)
    call, before = door.signed(), _taken(door)
    clock.set_wrong(WRONG)
    first, text = _send(door, call)
    clock.set_wrong(0)
    later = [_send(door, call)[0] for _ in range(2)]
    taken = _taken(door) - before
    holds = first == 401 and "behind our clock" in text and later == [204, 204] and taken == 1
    return Row(
        "QR17",
        "the server's clock 10 min ahead, then back: one call sent once before and twice after",
        f"{first}, then {later[0]} and {later[1]}; taken {taken} time",
        "",
        "",
        "refused, then taken once",
        holds,
    )


def _send(door: Door, call: Signed) -> tuple[int, str]:
    request = urllib.request.Request(
        f"{door.address}/webhooks/{door.token}", call.body, call.headers
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def _taken(door: Door) -> int:
    """Count the calls that something will be done about."""
    query = select(func.count(Delivery.id)).where(Delivery.state != DeliveryState.DROPPED)
    with door.inside():
        return db.session.scalar(query) or 0
