"""Run the soak programs and print one table: ``python -m soak [NAME …]``."""

import importlib
import pkgutil
import sys
from pathlib import Path

from bench.table import Row, table

HELPERS = {"installation", "cluster"}


def main(wanted: list[str]) -> int:
    """Run the wanted programs (all when none is named); 1 when a bar does not hold."""
    names = [each.name for each in pkgutil.iter_modules([str(Path(__file__).parent)])]
    names = [name for name in names if name not in HELPERS and not name.startswith("_")]
    rows: list[Row] = []
    for name in wanted or names:
        print(f"running {name} …", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"soak.{name}").run()
    print(table(rows))
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
