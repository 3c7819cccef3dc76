"""The JSON API: every collection of ``/api/v1``, its document, and problems for errors."""

from flask import Flask

from plugin.blueprints.api import (
    actions,
    activity,
    calls,
    document,
    kinds,
    mappings,
    matching,
    people,
    seen,
    tickets,
)
from plugin.blueprints.api.doors import Door

DOORS: tuple[Door, ...] = (
    kinds.environment,
    kinds.vendors,
    kinds.hosts,
    calls.door,
    matching.door,
    seen.workspaces,
    seen.companies,
    mappings.door,
    seen.devices,
    actions.door,
    seen.detections,
    seen.licences,
    tickets.rules,
    tickets.tickets,
    tickets.log,
    activity.deliveries,
    activity.runs,
    seen.statistics,
    people.users,
    people.sessions,
    people.tokens,
    people.audit,
)


def register(app: Flask) -> None:
    """Put the API into the application."""
    api = document.make_api(app)
    for door in DOORS:
        api.register_blueprint(door.blueprint)
    app.register_blueprint(document.door)
