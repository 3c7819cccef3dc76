"""What a host's event leads to: the record is fetched again, then our view follows."""

from plugin.domain.model import EventKind, HostEvent
from plugin.runtime import Runtime
from plugin.services import sync, tickets
from plugin.services.bridges import roles
from plugin.store.integrations import Connection


def refresh(runtime: Runtime, connection: Connection, event: HostEvent) -> str:
    """Act on a proven hint and return what came of it, in words for the deliveries page."""
    if event.kind is EventKind.TICKET:
        return tickets.follow(runtime, connection, event.entity_id)
    if event.kind is EventKind.COMPANY:
        sync.ask(runtime, connection, sync.COMPANIES)
        return "the list of companies is fetched again"
    if event.kind is EventKind.COMPUTER and roles.is_known(connection, event.entity_id):
        roles.ask(runtime, connection)
        return "the bridge computers are fetched again"
    return f"nothing here follows a change of a {event.kind.value}"
