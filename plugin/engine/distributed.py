"""The scale-out engine: Procrastinate on PostgreSQL, any number of workers on any machine.

An engine job is a lane, never a row of work: starting one costs a millisecond, working a row from
the lane's batch a fraction of that. Engine jobs are throw-away wakes; the job rows are the truth.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from flask import Flask
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from sqlalchemy.exc import SQLAlchemyError

from plugin.domain.hearing import Hearing
from plugin.engine.cron import cron_of
from plugin.engine.place import CLOCK, LANES, TASK, Bell, Place, locks
from plugin.engine.port import CLOCK_THREADS, Engine, Work
from plugin.runtime import utc_now

_DAYS_BACK = 2 * 86_400
_log = logging.getLogger(__name__)


class DistributedEngine(Engine):
    """Procrastinate with lock = queueing lock = lane: one holder, and one wake waiting at most."""

    def __init__(
        self,
        app: Flask,
        work: Work,
        now: Callable[[], datetime] = utc_now,
        *,
        threads: int = 8,
        sweep: float = 1.0,
        heartbeat: float = 5.0,
        stalled: float = 20.0,
    ) -> None:
        """Count a worker as dead after ``stalled`` seconds without its ``heartbeat``."""
        super().__init__(app, work, now)
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        self._threads, self._sweep = threads, sweep
        self._heartbeat, self._stalled = heartbeat, stalled
        self._place = Place(app)
        self._bell = Bell(self._place)

    def wake(self, lane: str) -> None:
        """Ring for a lane, from a thread of its own: the caller neither waits nor fails."""
        self._bell.ring(lane)

    def run(self, stopping: threading.Event) -> None:
        """Work until ``stopping`` is set. It also ends when the database goes away.

        The supervisor then starts the process again, which is how it reconnects.
        """
        self._place.prepare()
        try:
            while asyncio.run(self._run(stopping)):
                _log.warning("the clock was set back: what is done by it begins anew")
        finally:
            self._bell.close()

    async def _run(self, stopping: threading.Event) -> bool:
        """Work until it is time to end, or to begin anew (True), or the database goes away.

        The library waits until a clock that was set back is where it was before.
        """
        await asyncio.to_thread(self._place.forget_ticks_ahead, self._now())
        pool = ThreadPoolExecutor(self._threads + CLOCK_THREADS + 2)
        asyncio.get_running_loop().set_default_executor(pool)
        engine = self._make_app()
        async with engine.open_async():
            workers = [
                asyncio.create_task(self._work_on(engine, queue, threads))
                for queue, threads in ((LANES, self._threads), (CLOCK, CLOCK_THREADS))
            ]
            sweep = asyncio.create_task(self._sweep_on(engine))
            was_set_back = await self._wait(stopping, workers)
            for each in (sweep, *workers):
                each.cancel()  # workers let running lanes finish their present job
            outcomes = await asyncio.gather(*workers, sweep, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return was_set_back

    async def _wait(self, stopping: threading.Event, workers: list[asyncio.Task[None]]) -> bool:
        """Wait until it is time to end, or a worker has; True as soon as the clock is set back."""
        hearing = Hearing(self._now, time.monotonic)
        while not stopping.is_set() and not any(each.done() for each in workers):
            if hearing.set_back():
                return True
            await asyncio.sleep(0.1)
        return False

    def _make_app(self) -> App:
        connector = PsycopgConnector(**self._place.options(self._threads + CLOCK_THREADS + 6))
        engine = App(connector=connector, periodic_defaults={"max_delay": _DAYS_BACK})
        task = engine.task(name=TASK)(self._perform)
        for lane, (seconds, _) in self._periodic.items():
            options = {**locks(lane, CLOCK), "task_kwargs": {"lane": lane}}
            engine.periodic(cron=cron_of(seconds), periodic_id=lane, **options)(task)
        return engine

    def _perform(self, timestamp: int = 0, *, lane: str) -> None:
        """Work a lane; ``timestamp`` is when a periodic one was due."""
        self.perform(lane)

    async def _work_on(self, engine: App, queue: str, threads: int) -> None:
        await engine.run_worker_async(
            queues=[queue],
            concurrency=threads,
            install_signal_handlers=False,
            delete_jobs="always",
            fetch_job_polling_interval=self._sweep,
            update_heartbeat_interval=self._heartbeat,
            stalled_worker_timeout=self._stalled,
        )

    async def _sweep_on(self, engine: App) -> None:
        """Ring for every lane with due work, and forget the wakes of dead workers."""
        while True:
            try:
                await _forget_stalled(engine, self._stalled)
                await _defer_all(engine, await asyncio.to_thread(self.find_due))
            except (ConnectorException, SQLAlchemyError) as error:
                _log.warning("due work cannot be looked up: %s", type(error).__name__)
            await asyncio.sleep(self._sweep)


async def _defer_all(engine: App, lanes: Iterable[str]) -> None:
    for lane in lanes:
        try:
            await engine.configure_task(TASK, **locks(lane)).defer_async(lane=lane)
        except AlreadyEnqueued:
            continue  # somebody rang before


async def _forget_stalled(engine: App, seconds: float) -> None:
    """Let go of lanes whose worker has died; the sweep rings for what is left to do in them."""
    manager = engine.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=seconds):
        _log.warning("the worker of lane %s has died; the lane is free again", job.lock)
        await manager.finish_job(job, status=Status.FAILED, delete_job=True)
