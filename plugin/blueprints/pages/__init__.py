"""The pages: each loads, makes one service call, and renders or redirects."""

from flask import Blueprint, Flask

from plugin.blueprints.pages import (
    actions,
    activity,
    audit,
    calls,
    connecting,
    connections,
    context,
    customers,
    dashboard,
    deliveries,
    devices,
    environment,
    integrating,
    integrations,
    mapping,
    matching,
    placements,
    tickets,
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    dashboard.blueprint,
    devices.blueprint,
    actions.blueprint,
    tickets.blueprint,
    connections.blueprint,
    connecting.blueprint,
    customers.blueprint,
    placements.blueprint,
    calls.blueprint,
    integrations.blueprint,
    integrating.blueprint,
    mapping.blueprint,
    matching.blueprint,
    deliveries.blueprint,
    activity.blueprint,
    environment.blueprint,
    audit.blueprint,
)


def install(app: Flask) -> None:
    """Give every template what the frame of a page needs."""
    context.install(app)
