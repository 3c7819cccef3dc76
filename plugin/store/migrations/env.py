"""Alembic's environment: runs migrations on the connection that plugin.store.database hands over.

A new migration, after the models have changed (name it by its intent):

    python -m plugin.store.migrations.new "add the colour of a bridge"

It should only add, so that the former version goes on beside the new one. One that takes something
away names the oldest program that works with what is left: see plugin.store.floor.

While nothing is released, the first one is made anew by deleting versions/*.py before that line.
"""

from typing import Any, Literal

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from plugin.store.base import UtcDateTime, db


def _render(kind: str, item: Any, _: Any) -> str | Literal[False]:  # noqa: ANN401 - a hook
    """Write our own column types as what they are in the database."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _run(connection: Connection) -> None:
    options = current_app.extensions["migrate"].configure_args
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_item=_render,
        transactional_ddl=True,
        **options,
    )
    with context.begin_transaction():
        context.run_migrations()


_given = context.config.attributes.get("connection")
if _given is not None:
    _run(_given)
else:  # flask-migrate's own commands, such as `flask db check`
    with db.engine.connect().execution_options(writes=True) as _own:
        _run(_own)
