"""The pages: each loads, makes one service call, and renders or redirects."""

from flask import Blueprint, Flask

from plugin.blueprints.pages import (
    actions,
    activity,
    audit,
    connecting,
    connections,
    context,
    customers,
    dashboard,
    deleting,
    deliveries,
    devices,
    environment,
    integrating,
    integrations,
    mapping,
    setup,
    tickets,
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    dashboard.blueprint,
    devices.blueprint,
    actions.blueprint,
    tickets.blueprint,
    connections.blueprint,
    connecting.blueprint,
    deleting.blueprint,
    customers.blueprint,
    integrations.blueprint,
    setup.blueprint,
    integrating.blueprint,
    mapping.blueprint,
    deliveries.blueprint,
    activity.blueprint,
    environment.blueprint,
    audit.blueprint,
)


def install(app: Flask) -> None:
    """Give every template what the frame of a page needs."""
    context.install(app)
