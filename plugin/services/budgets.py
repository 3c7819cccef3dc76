"""The budgets of calls of a process that shares them with others, on PostgreSQL.

A database that is slow or away costs a call half a second once in a while and never more: the
process then keeps the pace by itself.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from time import monotonic

from flask import Flask
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy.exc import SQLAlchemyError

from plugin.domain.budgets import Drawn, Terms, ask_again_in, terms_of, usable_in
from plugin.domain.errors import BusyError, PluginError
from plugin.edge.pace import SharedBudget
from plugin.services.clerk import Clerk
from plugin.store import budgets, database
from plugin.store.base import db

Wish = Callable[[DatabaseConnection], Drawn | None]

_PATIENCE = 0.5
_ALONE_SECONDS = 5.0
_log = logging.getLogger(__name__)


def of_process(app: Flask) -> "Budgets | None":
    """Return the budgets that the process of ``app`` shares; None where it is the only one."""
    with app.app_context():
        return Budgets(app) if database.is_postgresql(db.engine) else None


class Budgets:
    """Every budget of a process, and the clerk that asks the database for all of them."""

    def __init__(
        self, app: Flask, *, patience: float = _PATIENCE, alone: float = _ALONE_SECONDS
    ) -> None:
        """Wait ``patience`` seconds for an answer; after none came, ask nobody for ``alone``."""
        self._app, self._patience, self._alone = app, patience, alone
        self._clerk: Clerk[Wish, Drawn | None] = Clerk("draw-budgets", self._work)
        self._alone_until = 0.0

    def of(self, connection_id: int, per_second: float, burst: int) -> SharedBudget:
        """Return the budget of a connection whose remote may be called so fast."""
        return _Budget(self, connection_id, terms_of(per_second, burst))

    def ask(self, wish: Wish) -> Drawn | None:
        """Have ``wish`` done; BusyError when nobody does it in time."""
        if monotonic() < self._alone_until:
            raise BusyError("the database did not answer a moment ago")
        try:
            return self._clerk.ask(wish, self._patience)
        except BusyError as error:
            self.be_alone(error)
            raise

    def be_alone(self, why: BusyError) -> None:
        """Ask nobody for a while."""
        _log.warning("%s: this process keeps the pace of remotes by itself", why)
        self._alone_until = monotonic() + self._alone

    def _work(self, wishes: Sequence[Wish]) -> list[Drawn | PluginError | None]:
        """Do each wish in a transaction of its own: no row is held while another is waited for."""
        try:
            with self._app.app_context(), db.engine.connect() as connection:
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                return [wish(connection) for wish in wishes]
        except SQLAlchemyError as error:
            why = BusyError(f"the database does not answer ({type(error).__name__})")
            return [why] * len(wishes)


class _Budget:
    """One connection's budget: what was drawn and is not used yet, and when to draw again."""

    def __init__(self, budgets: Budgets, connection_id: int, terms: Terms) -> None:
        self._budgets, self._number, self._terms = budgets, connection_id, terms
        self._lock = Lock()
        self._held: deque[tuple[float, float]] = deque()
        self._again_at = 0.0

    def take(self) -> float | None:
        """Take a permit and return 0.0, or the seconds until there is one; None: nobody knows."""
        with self._lock:
            if not self._holds() and monotonic() >= self._again_at:
                try:
                    self._draw()
                except BusyError:
                    return None
            return self._take_held()

    def pause(self, seconds: float) -> None:
        """Have all processes wait; what was drawn here counts no more."""
        with self._lock:
            self._held.clear()
        try:
            self._budgets.ask(
                lambda connection: budgets.pause(connection, self._number, self._terms, seconds)
            )
        except BusyError:
            return  # this process waits by itself, and another is told so by the remote

    def _take_held(self) -> float:
        now = monotonic()
        if not self._held:
            return max(self._again_at - now, 0.001)
        wait = self._held[0][0] - now
        if wait > 0:
            return wait
        self._held.popleft()
        return 0.0

    def _holds(self) -> bool:
        """Tell whether a permit is in hand that is good still."""
        now = monotonic()
        while self._held and self._held[0][1] <= now:
            self._held.popleft()
        return bool(self._held)

    def _draw(self) -> None:
        """Draw as much as the terms say; BusyError when it comes too late to be used.

        A permit holds from the moment that the database named, which was after the question and
        before the answer: of both the stricter one counts.
        """
        asked_at = monotonic()
        drawn = self._budgets.ask(
            lambda connection: budgets.draw(connection, self._number, self._terms)
        )
        if drawn is None:
            return
        now, life = monotonic(), self._terms.life
        self._held.extend(
            (now + wait, asked_at + wait + life) for wait in usable_in(self._terms, drawn)
        )
        self._again_at = now + (0.0 if drawn.given else ask_again_in(self._terms, drawn))
        if drawn.given and not self._holds():
            late = BusyError("the database answers too late")
            self._budgets.be_alone(late)
            raise late
