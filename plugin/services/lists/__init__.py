"""Every list and number that pages and the API show: filtered, searched, sorted, paged, counted.

Nothing in here writes. A list is a :class:`Table`: ``page`` gives one page of it, ``walk`` all of
it for an export. Hosts' and vendors' objects are those of the environment that holds now.
"""

from plugin.services.lists.devices import DeviceLine, detections, devices, licences
from plugin.services.lists.mapping import (
    Coverage,
    MappingLine,
    WorkspaceChoice,
    companies,
    coverage,
    mapping_of,
    mappings,
    workspace_choices,
    workspaces,
)
from plugin.services.lists.overview import (
    ConnectionLine,
    IntegrationLine,
    Overview,
    Preview,
    Statistics,
    Waiting,
    connections,
    integrations,
    overview,
    statistics,
    ticket_preview,
    waiting,
)
from plugin.services.lists.paging import SIZES, Ask, Listing, Table
from plugin.services.lists.people import audit, sessions, tokens, users
from plugin.services.lists.scope import Scope, scope_of
from plugin.services.lists.work import (
    LogLine,
    TicketLine,
    dead_since,
    deliveries,
    job_of,
    queue_figures,
    runs,
    runs_of,
    ticket_log,
    ticket_log_of,
    tickets,
)

__all__ = [
    "SIZES",
    "Ask",
    "ConnectionLine",
    "Coverage",
    "DeviceLine",
    "IntegrationLine",
    "Listing",
    "LogLine",
    "MappingLine",
    "Overview",
    "Preview",
    "Scope",
    "Statistics",
    "Table",
    "TicketLine",
    "Waiting",
    "WorkspaceChoice",
    "audit",
    "companies",
    "connections",
    "coverage",
    "dead_since",
    "deliveries",
    "detections",
    "devices",
    "integrations",
    "job_of",
    "licences",
    "mapping_of",
    "mappings",
    "overview",
    "queue_figures",
    "runs",
    "runs_of",
    "scope_of",
    "sessions",
    "statistics",
    "ticket_log",
    "ticket_log_of",
    "ticket_preview",
    "tickets",
    "tokens",
    "users",
    "waiting",
    "workspace_choices",
    "workspaces",
]
