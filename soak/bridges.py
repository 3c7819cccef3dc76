"""QR19: bridges killed and frozen during a sync; every row once, only the lost ones' work moves.

300 workspaces in 3 integrations, each with two bridges that are processes of their own. The server
is restarted and its clock moved, too; ``bridges_postgresql`` does the same over PostgreSQL.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.table import Row
from soak._bridges import BEAT, BRIDGES, DEADLINE, Bridge, Holders, Yard, moved_of, yard
from soak._clock import Clock

LIMIT = DEADLINE + BEAT
HOUR = 3600
LEVEL, APPLIED = 1.2, 4


def run() -> list[Row]:
    """Play all stories in one installation, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = Clock(folder)
        with yard(folder, f"sqlite:///{folder / 'bridgehead.db'}", **clock.settings) as open_yard:
            play = Play(open_yard, open_yard.devices())
            rows = [killed(play), frozen(play), restarted(play), *clock_moved(play, clock)]
            return [*rows, levelled(play), alone(play)]


Taken = tuple[float, Holders]
"""After how many seconds others had taken over, and who held what then."""


@dataclass
class Play:
    """The yard, and the devices that must be there after every story."""

    yard: Yard
    expected: list[Any]

    def story(
        self, what: str, act: Callable[[], Taken | None], lost: list[Bridge], told: str = ""
    ) -> Row:
        """Sync everything, let ``act`` happen meanwhile, and look who holds what at the end of it.

        ``act`` returns how others took over, where that is the point.
        """
        before, failed = self.yard.holders(), self.yard.unfinished()
        self.yard.sync()
        seconds, after = act() or (None, self.yard.holders())
        moved = moved_of(before, after)
        self.yard.settle()
        once = self.yard.devices() == self.expected
        only = moved <= {bridge.number for bridge in lost}
        well = self.yard.unfinished() == failed
        ours = [f"taken over in {seconds:.1f} s"] if seconds is not None else []
        ours += [f"{len(self.expected):,} devices {'once' if once else 'NOT ONCE'}"]
        ours += [] if well else ["RUNS FAILED"]
        ours += [f"{self.yard.refused()} late walks refused"] if told == "refused" else []
        whose = "only theirs moved" if lost else "nothing moved"
        print(f"{what}: {', '.join(ours)}; moved: {len(moved)}", file=sys.stderr, flush=True)
        return Row(
            "QR19",
            what,
            ", ".join(ours),
            whose if only else "OTHERS MOVED",
            "",
            (f"≤ {LIMIT:.0f} s, " if seconds is not None else "") + "every row once",
            once and only and well and (seconds is None or seconds <= LIMIT),
        )


def killed(play: Play) -> Row:
    """Two of six bridges die in the middle of a sync."""
    victims = play.yard.bridges[:2]

    def act() -> Taken:
        time.sleep(1)
        for bridge in victims:
            bridge.signal(signal.SIGKILL)
        return play.yard.taken_over(victims)

    what = f"2 of {BRIDGES} bridges killed in a sync of {len(play.yard.holders())} workspaces"
    row = play.story(what, act, victims)
    for bridge in victims:
        bridge.start()
    play.yard.wait_online(BRIDGES)
    _wait_settled(play)
    return row


def _wait_settled(play: Play) -> None:
    """Wait until two beats have passed without anybody taking over: who came back has its share."""
    before: Holders = {}
    while before != (now := play.yard.holders()):
        before = now
        time.sleep(2 * BEAT)


def frozen(play: Play) -> Row:
    """A bridge stands still for longer than the deadline, then goes on where it was."""
    victim = play.yard.bridges[2]

    def act() -> Taken:
        query = f"SELECT 1 FROM bridge_task WHERE bridge_id={victim.number} AND state='running'"  # noqa: S608
        play.yard.ours.wait_for(lambda: play.yard.read(query), 60, "it was given no work")
        victim.signal(signal.SIGSTOP)
        taken = play.yard.taken_over([victim])
        victim.signal(signal.SIGCONT)
        return taken

    row = play.story("a bridge frozen for longer than the deadline", act, [victim], "refused")
    held = play.yard.holders
    play.yard.ours.wait_for(lambda: victim.number in held().values(), 60, "it holds nothing")
    return row


def restarted(play: Play) -> Row:
    """Every process of the server is killed in the middle of a sync and started again."""

    def act() -> None:
        time.sleep(2)
        play.yard.ours.kill_all()
        play.yard.ours.start()
        time.sleep(3 * BEAT)

    return play.story("the server killed and started again", act, [])


def clock_moved(play: Play, clock: Clock) -> list[Row]:
    """The server's clock is set an hour ahead in the middle of a sync, and back again."""
    if not clock.is_there:
        print("the clock was not moved: that needs a C compiler", file=sys.stderr)
        return []

    def act() -> None:
        for moved in (HOUR, 0):
            time.sleep(3 * BEAT)
            clock.set_wrong(moved)
        time.sleep(3 * BEAT)

    return [play.story("the server's clock an hour ahead and back", act, [])]


def levelled(play: Play) -> Row:
    """The plan levels what the losses have left behind."""
    ours = play.yard.ours

    def heaviest(when: str) -> float:
        worst = 1.0
        for each in ours.api("bridges/plan")["integrations"]:
            loads = [bridge[when] for bridge in each["bridges"]]
            if sum(loads):
                worst = max(worst, max(loads) * len(loads) / sum(loads))
        return worst

    before, moves = heaviest("before"), []
    for _ in range(APPLIED):
        moves.append(ours.api("bridges/apply", {})["moved"])
        time.sleep(BEAT)  # what a bridge was at just now follows with the next time
    after = heaviest("before")
    return Row(
        "B4",
        f"the plan after the losses, applied {APPLIED} times",
        f"heaviest {after:.2f} × the mean; moved: {', '.join(map(str, moves))}",
        f"{before:.2f} × before",
        f"{after / before:.2f}",
        f"≤ {LEVEL} ×, then 0",
        after <= LEVEL and not moves[-1],
    )


def alone(play: Play) -> Row:
    """The vendor's own layout: one bridge for each integration, and one of the computers dies."""
    for bridge in play.yard.bridges[:3]:
        bridge.signal(signal.SIGKILL)
    play.yard.taken_over(play.yard.bridges[:3])
    victim = play.yard.bridges[3]

    def act() -> Taken:
        time.sleep(1)
        victim.signal(signal.SIGKILL)
        return play.yard.taken_over([victim])

    row = play.story("one bridge for each integration, one of three killed", act, [victim])
    victim.start()
    held = play.yard.holders
    play.yard.ours.wait_for(lambda: victim.number in held().values(), 60, "it is not back")
    return row
