"""Where engines are put to the test: jobs that write down in a file what happens to them."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from plugin.engine import DistributedEngine, EmbeddedEngine, Engine
from plugin.engine import make_engine as make_default_engine
from plugin.runtime import Runtime, utc_now
from plugin.services.work import Handler, work
from plugin.store.base import db, writing
from plugin.store.queue import Claim, enqueue
from tests.databases import bare_app
from tests.scene import make_runtime

LEASE = 2


class Stage:
    """An application with its engines, and the file in which everything is noted."""

    def __init__(self, url: str, path: str | Path) -> None:
        self.app = bare_app(url)
        self.path = Path(path)
        made = make_runtime(utc_now)
        limits = made.settings.limits
        quick = replace(limits, work=replace(limits.work, lease=LEASE))
        self.runtime = replace(made, settings=replace(made.settings, limits=quick))
        self.meeting = threading.Barrier(3)
        self.handlers: dict[str, Handler] = {
            "quick": self.do_quickly,
            "slow": self.do_slowly,
            "meeting": self.do_together,
            "for ever": self.do_for_ever,
        }

    def engine(self, stopping: Callable[[], bool] = lambda: False) -> Engine:
        """Make an engine that notices the death of a worker quickly."""

        def work_lane(lane: str) -> int:
            return work(self.runtime, lane, self.handlers, stopping=stopping)

        made = make_default_engine(self.app, work_lane)
        if isinstance(made, DistributedEngine):
            return DistributedEngine(self.app, work_lane, heartbeat=0.5, stalled=LEASE)
        return EmbeddedEngine(self.app, work_lane)

    @contextmanager
    def running(self, count: int = 1, *prepare: Callable[[Engine], None]) -> Iterator[list[Engine]]:
        """Run engines in threads for as long as the block lasts."""
        stopping = threading.Event()
        engines = [self.engine(stopping.is_set) for _ in range(count)]
        for engine in engines:
            for each in prepare:
                each(engine)
        threads = [threading.Thread(target=engine.run, args=[stopping]) for engine in engines]
        for thread in threads:
            thread.start()
        try:
            yield engines
        finally:
            stopping.set()
            for thread in threads:
                thread.join(20)
        assert not any(thread.is_alive() for thread in threads)

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    # -- jobs ----------------------------------------------------------------------------------

    def wish(self, lane: str, *subjects: str, kind: str = "quick", **later: float) -> None:
        with self.app.app_context(), writing() as session:
            due_at = utc_now() + timedelta(**later)
            for subject in subjects:
                enqueue(session, kind, subject, lane, now=utc_now(), due_at=due_at)

    def do_quickly(self, runtime: Runtime, claim: Claim) -> datetime | None:
        self.note(f"did {claim.subject}")
        return None

    def do_slowly(self, runtime: Runtime, claim: Claim) -> datetime | None:
        self.note(f"begin {claim.lane} {claim.subject}")
        time.sleep(0.4)
        self.note(f"end {claim.lane} {claim.subject}")
        return None

    def do_together(self, runtime: Runtime, claim: Claim) -> datetime | None:
        """Wait until two other jobs run at the same moment."""
        self.meeting.wait(10)
        self.note(f"met {claim.lane}")
        return None

    def do_for_ever(self, runtime: Runtime, claim: Claim) -> datetime | None:
        """Hang at the first try, as a worker does that is about to be killed."""
        self.note(f"try {claim.attempts} of {claim.subject} by {os.getpid()}")
        if claim.attempts == 1:
            time.sleep(60)
        return None

    # -- notes ---------------------------------------------------------------------------------

    def note(self, line: str) -> None:
        with self.path.open("a") as file:
            file.write(f"{line}\n")

    def notes(self, beginning: str = "") -> list[str]:
        if not self.path.exists():
            return []
        return [line for line in self.path.read_text().splitlines() if line.startswith(beginning)]

    def wait_for(self, count: int, beginning: str, seconds: float = 10.0) -> float:
        """Wait until so many notes begin like this; returns how long it took."""
        started = time.monotonic()
        while len(self.notes(beginning)) < count:
            took = time.monotonic() - started
            assert took < seconds, f"after {seconds} s there is only {self.notes()}"
            time.sleep(0.01)
        return time.monotonic() - started
