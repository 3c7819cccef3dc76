"""The JSON API: every collection of ``/api/v1``, its document, and problems for errors."""

from flask import Flask

from plugin.blueprints.api import (
    actions,
    activity,
    administrators,
    bridges,
    calls,
    deploying,
    document,
    groups,
    host_fields,
    kinds,
    launching,
    mapping_help,
    mappings,
    matching,
    notifications,
    people,
    placing,
    seen,
    setup,
    tickets,
    wishes,
)
from plugin.blueprints.api.doors import Door

_DOORS_OF_MODULES: tuple[Door, ...] = (
    kinds.environment,
    kinds.vendors,
    kinds.hosts,
    groups.door,
    calls.door,
    placing.door,
    setup.door,
    administrators.door,
    host_fields.door,
    matching.door,
    bridges.door,
    deploying.door,
    seen.companies,
    mappings.door,
    mapping_help.coverage,
    seen.devices,
    launching.door,
    actions.door,
    wishes.door,
    seen.detections,
    seen.licences,
    tickets.rules,
    tickets.tickets,
    tickets.log,
    activity.deliveries,
    activity.runs,
    seen.statistics,
    notifications.door,
    people.users,
    people.sessions,
    people.tokens,
    people.audit,
)
DOORS = tuple(dict.fromkeys(_DOORS_OF_MODULES))
"""Every collection once, though several modules may add routes to one."""


def register(app: Flask) -> None:
    """Put the API into the application."""
    api = document.make_api(app)
    for door in DOORS:
        api.register_blueprint(door.blueprint)
    app.register_blueprint(document.door)
