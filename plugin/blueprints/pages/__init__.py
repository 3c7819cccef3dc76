"""The pages: each loads, makes one service call, and renders or redirects."""

from flask import Blueprint, Flask

from plugin.blueprints.pages import (
    actions,
    activity,
    audit,
    bridges,
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
    integrations.blueprint,
    integrating.blueprint,
    bridges.blueprint,
    mapping.blueprint,
    deliveries.blueprint,
    activity.blueprint,
    environment.blueprint,
    audit.blueprint,
)


def install(app: Flask) -> None:
    """Give every template what the frame of a page needs."""
    context.install(app)
