"""Makes a migration out of what the models have and the newest one has not."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from flask import Flask

from plugin.store.database import MIGRATIONS, configure, make_config, upgrade


def main(intent: str) -> None:
    """Write a migration named by its ``intent``, compared on an empty SQLite database."""
    with TemporaryDirectory() as folder:
        app = Flask("migrations")
        configure(app, f"sqlite:///{Path(folder) / 'new.sqlite'}")
        number = len(list((MIGRATIONS / "versions").glob("[0-9]*.py")))
        if number:
            upgrade(app)
        with app.app_context():
            command.revision(
                make_config(), message=intent, autogenerate=True, rev_id=f"{number + 1:04d}"
            )


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "unnamed")
