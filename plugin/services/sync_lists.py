"""Lists that are read as a whole: workspaces, groups, companies, computers, changed tickets."""

from datetime import timedelta
from itertools import islice

from sqlalchemy import select

from plugin.domain.contracts import ListsComputers, ListsGroups, OpensTickets
from plugin.services import cursors, groups, mapping, mirror, suggesting, tickets
from plugin.services.sync_walk import Walk
from plugin.store.base import db, writing
from plugin.store.work import TicketEntry

OVERLAP = timedelta(minutes=2)
HISTORY = timedelta(days=7)
TICKETS = "tickets"


def workspaces(walk: Walk) -> None:
    """Store the workspaces that the vendor's account can see."""
    found = list(walk.counted(walk.runtime.vendor(walk.connection).workspaces()))
    with writing() as session:
        mirror.store_workspaces(session, walk.connection.id, found, walk.runtime.now(), walk.counts)
        session.flush()
        lanes = mapping.mark_broken(walk.runtime, session, walk.connection.id)
    _listed(walk, lanes)


def companies(walk: Walk) -> None:
    """Store the host's companies."""
    found = list(walk.counted(walk.runtime.host(walk.connection).companies()))
    with writing() as session:
        mirror.store_companies(session, walk.connection.id, found, walk.runtime.now(), walk.counts)
        session.flush()
        lanes = mapping.mark_broken(walk.runtime, session, walk.connection.id)
    _listed(walk, lanes)


def _listed(walk: Walk, lanes: set[str]) -> None:
    """See to what follows from a list of workspaces or companies that was stored."""
    mapping.wake_all(walk.runtime, lanes)
    if walk.counts.changed:
        suggesting.ask_for_all(walk.runtime, walk.connection.id)


def all_groups(walk: Walk) -> None:
    """Store the groups of a vendor that lists them for all clients at once."""
    vendor, number = walk.runtime.vendor(walk.connection), walk.connection.id
    if not isinstance(vendor, ListsGroups):
        return
    seen: set[str] = set()
    found = walk.counted(vendor.groups())
    while part := list(islice(found, mirror.CHUNK)):
        seen |= {each.id for each in part}
        with writing() as session:
            groups.store(walk.runtime, session, number, part, walk.counts)
            walk.write_counts()
    with writing() as session:
        groups.forget(session, number, seen, walk.counts)


def computers(walk: Walk) -> None:
    """Store the serial numbers of the host's computers, by which devices are matched."""
    host = walk.runtime.host(walk.connection)
    if not isinstance(host, ListsComputers):
        return
    found = list(walk.counted(host.computers()))
    walk.counts.seen = len(found)
    with writing() as session:
        suggesting.store_serials(session, walk.connection.id, found)
    suggesting.ask_for_all(walk.runtime, walk.connection.id)


def changed_tickets(walk: Walk) -> None:
    """Look at the tickets of ours that changed at the host since the last look."""
    host, number = walk.runtime.host(walk.connection), walk.connection.id
    if not isinstance(host, OpensTickets):
        return
    started = walk.runtime.now()
    cursor = cursors.cursor_of(number, "", TICKETS)
    since = cursor.moved_at - OVERLAP if cursor else started - HISTORY
    db.session.commit()
    for view in walk.counted(host.tickets_changed(since)):
        entry = db.session.scalar(
            select(TicketEntry).where(
                TicketEntry.host_id == number, TicketEntry.ticket_id == view.id
            )
        )
        if entry is not None:
            tickets.see(walk.runtime, entry, view)
    with writing() as session:
        cursors.move_cursor(session, number, "", TICKETS, started.isoformat(), started)
