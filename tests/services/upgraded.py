"""A scene whose database says which revision it is at, with a secret and audit entries in it."""

from sqlalchemy import text

from plugin.runtime import sealed_place
from plugin.services import journal
from plugin.store import database
from plugin.store.base import writing
from plugin.store.integrations import Connection
from tests.scene import Scene

SECRET = "canary-5f1d"


def furnish(play: Scene) -> None:
    """Note the tables' revision as an upgrade does, add a sealed secret and three entries."""
    newest = database.check().newest
    with writing() as session:
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        session.execute(text(f"INSERT INTO alembic_version VALUES ('{newest}')"))
        sealed = play.runtime.vault.seal({"password": SECRET}, sealed_place(1))
        row = Connection(side="host", kind="silent", name="Tiger", sealed=sealed, settings={})
        row.created_at = play.clock()
        session.add(row)
        for number in range(3):
            journal.audit(play.runtime, session, "anna", "act", f"thing {number}")
