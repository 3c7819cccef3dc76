"""The pages: each loads, makes one service call, and renders or redirects."""

from flask import Blueprint, Flask

from plugin.blueprints.pages import (
    accounts,
    actions,
    activity,
    administrators,
    audit,
    bridges,
    calls,
    connecting,
    connections,
    context,
    coverage,
    customers,
    dashboard,
    deleting,
    deliveries,
    deploying,
    devices,
    environment,
    integrating,
    integration_changes,
    integrations,
    matching,
    notifications,
    placing,
    records,
    setup,
    suggestions,
    tickets,
    window,
    wishes,
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    dashboard.blueprint,
    window.blueprint,
    devices.blueprint,
    coverage.blueprint,
    records.blueprint,
    actions.blueprint,
    wishes.blueprint,
    deploying.blueprint,
    tickets.blueprint,
    connections.blueprint,
    connecting.blueprint,
    deleting.blueprint,
    customers.blueprint,
    placing.blueprint,
    calls.blueprint,
    integrations.blueprint,
    setup.blueprint,
    integrating.blueprint,
    administrators.blueprint,
    integration_changes.blueprint,
    matching.blueprint,
    bridges.blueprint,
    suggestions.blueprint,
    deliveries.blueprint,
    activity.blueprint,
    notifications.blueprint,
    environment.blueprint,
    audit.blueprint,
    accounts.blueprint,
)


def install(app: Flask) -> None:
    """Give every template what the frame of a page needs."""
    context.install(app)
