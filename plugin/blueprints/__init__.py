"""The doors: HTTP in, one service call, HTTP out."""

from flask import Blueprint, Flask

from plugin.blueprints import (
    access,
    api,
    bridge,
    embedding,
    errors,
    health,
    launching,
    messages,
    oidc,
    pages,
    second_factor,
    setting_up,
    webhooks,
)

ALL: tuple[Blueprint, ...] = (
    access.blueprint,
    second_factor.blueprint,
    oidc.blueprint,
    setting_up.blueprint,
    launching.blueprint,
    embedding.blueprint,
    health.blueprint,
    webhooks.blueprint,
    bridge.blueprint,
    *pages.BLUEPRINTS,
)
"""Every blueprint, in the order of the route list."""


def install(app: Flask) -> None:
    """Open every door of the application."""
    messages.install(app)
    errors.install(app)
    health.install(app)
    pages.install(app)
    for blueprint in ALL:
        app.register_blueprint(blueprint)
    api.register(app)
