"""What a vendor knows of one scope: its devices, and once a day its licences and groups."""

from datetime import datetime, timedelta

from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from plugin.domain.contracts import ListsWorkspaceGroups, ReportsLicences, Vendor
from plugin.domain.errors import AnswerError, MissingError
from plugin.domain.model import Device, Page
from plugin.domain.reconcile import Guard
from plugin.services import (
    counting,
    cursors,
    groups,
    host_writing,
    mirror,
    mirror_devices,
    suggesting,
    sync_position,
)
from plugin.services.bridges import tasks
from plugin.services.bridges.tasks import Relayed
from plugin.services.mirror import FIGURES, Counts
from plugin.services.sync_position import Position
from plugin.services.sync_walk import Walk
from plugin.store.base import db, writing
from plugin.store.mirror import Cursor

DAILY = {"licences": ReportsLicences, "groups": ListsWorkspaceGroups}


class DataWalk(Walk):
    """One pass over the data of one scope."""

    def go(self) -> datetime | None:
        """Fetch and store; returns when to look again while a bridge is fetching, else None."""
        self.still_wanted()
        parts = self._parts()
        wish = {"parts": parts, "cursor": self._start_of_devices()}
        relayed = tasks.turn(self.runtime, self.claim, self.connection, self.scope, wish)
        if isinstance(relayed, datetime):
            return relayed
        vendor = relayed or self.runtime.vendor(self.connection)
        self._devices(vendor)
        if self.counts.changed:
            host_writing.devices_changed(self.runtime, self.connection.id)
        if self.counts.created:
            suggesting.ask_for_all(self.runtime, self.connection.id, later=True)
        if "licences" in parts and isinstance(vendor, ReportsLicences):
            self._licences(vendor)
        if "groups" in parts and isinstance(vendor, ListsWorkspaceGroups):
            self._groups(vendor)
        if relayed is not None:
            tasks.forget(relayed)
        return None

    def _parts(self) -> list[str]:
        """Return what is to be fetched now, in the words of a bridge's task."""
        kind = self.runtime.adapter_class(self.connection.kind)
        daily = [part for part, ability in DAILY.items() if issubclass(kind, ability)]
        return ["devices", *(part for part in daily if self._full_due(self._cursor(part)))]

    def _cursor(self, what: str) -> Cursor | None:
        return cursors.cursor_of(self.connection.id, self.scope, what)

    def _full_due(self, cursor: Cursor | None) -> bool:
        if self.run.full or cursor is None or cursor.full_at is None:
            return True
        age = self.runtime.now() - cursor.full_at
        return age >= timedelta(seconds=self.runtime.settings.limits.sync.reconcile)

    # -- devices -----------------------------------------------------------------------------

    def _start_of_devices(self) -> str | None:
        cursor = self._cursor("devices")
        return cursor.cursor if cursor is not None and not self._full_due(cursor) else None

    def _devices(self, vendor: Vendor | Relayed) -> None:
        position = self._position(vendor)
        try:
            self._devices_from(vendor, position)
        except (AnswerError, MissingError):
            if not position.resumed:
                raise
            # The vendor does not know the place any more, so nothing is lost by beginning anew.
            self.counts = Counts()
            self._devices_from(vendor, Position(self._start_of_devices()))

    def _position(self, vendor: Vendor | Relayed) -> Position:
        """Return where to begin; a bridge's pages are all here and are stored from the first on."""
        start = self._start_of_devices()
        return Position(start) if isinstance(vendor, Relayed) else sync_position.find(self, start)

    def _devices_from(self, vendor: Vendor | Relayed, position: Position) -> None:
        complete, page = False, None
        db.session.commit()
        for page in vendor.devices(self.scope, position.at or position.start):
            self._store_devices(page, position)
            complete = page.complete or position.resumed
        with writing() as session:
            self._finish(session, position, page.next_cursor if page else None, complete=complete)

    def _finish(
        self, session: Session, position: Position, mark: str | None, *, complete: bool
    ) -> None:
        """Draw the conclusions of a whole walk; ``mark`` is where the next one begins."""
        whole, now = position.start is None, self.runtime.now()
        if complete and whole:
            self._remove_unseen(session, position)
        counting.recount(session, self.connection.id, self.counts.touched, now)
        sync_position.forget(session, self)
        # A vendor without changes-since gives no cursor: then every pass is a full one.
        cursors.move_cursor(
            session,
            self.connection.id,
            self.scope,
            "devices",
            mark,
            now,
            full=whole and mark is not None,
        )

    def _store_devices(self, page: Page[Device], position: Position) -> None:
        self.still_wanted()
        try:
            self._store_page(page, position)
        except (DataError, IntegrityError):
            for device in page.rows:
                self._store_alone(device, position)
            self._store_page(Page((), page.next_cursor, gone=page.gone), position)

    def _store_page(self, page: Page[Device], position: Position) -> None:
        """Store a page's rows, what it names as gone, and the place after it, at once."""
        counts, number, now = Counts(), self.connection.id, self.runtime.now()
        with writing() as session:
            mirror_devices.store_devices(session, number, page.rows, now, counts, position.seen)
            if page.gone:
                scope = self.scope or None
                mirror_devices.remove_devices(session, number, scope, page.gone, now, counts)
            self._add(counts)
            self.write_counts()
            sync_position.keep(session, self, position, page.next_cursor, now)

    def _store_alone(self, device: Device, position: Position) -> None:
        """Store one record of a page that failed as a whole, so that it costs one record."""
        try:
            self._store_page(Page((device,)), position)
        except (DataError, IntegrityError):
            self.counts.failed += 1

    def _add(self, counts: Counts) -> None:
        for name in FIGURES:
            setattr(self.counts, name, getattr(self.counts, name) + getattr(counts, name))
        self.counts.touched |= counts.touched

    def _remove_unseen(self, session: Session, position: Position) -> None:
        limits = self.runtime.settings.limits.guard
        confirmed = self.run.full and bool(self.run.asked_by)
        guard = Guard(1.0 if confirmed else limits.removal_share, limits.removal_count)
        scope, now = self.scope or None, self.runtime.now()
        mirror_devices.remove_unseen_devices(
            session, self.connection.id, scope, position.seen, guard, now, self.counts
        )

    # -- once a day --------------------------------------------------------------------------

    def _licences(self, vendor: ReportsLicences) -> None:
        db.session.commit()
        found, now = list(vendor.licences(self.scope)), self.runtime.now()
        with writing() as session:
            mirror.store_licences(
                session, self.connection.id, self.scope or None, found, now, self.counts
            )
            self._done(session, "licences")

    def _groups(self, vendor: ListsWorkspaceGroups) -> None:
        db.session.commit()
        found, number = list(vendor.workspace_groups(self.scope)), self.connection.id
        seen = {each.id for each in found}
        with writing() as session:
            groups.store(self.runtime, session, number, found, Counts())
            groups.forget(session, number, seen, Counts(), workspace_id=self.scope)
            self._done(session, "groups")

    def _done(self, session: Session, what: str) -> None:
        now = self.runtime.now()
        cursors.move_cursor(session, self.connection.id, self.scope, what, None, now, full=True)
