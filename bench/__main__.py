"""Run the bench programs and print one table: ``python -m bench [NAME …]``."""

import importlib
import pkgutil
import sys
from pathlib import Path

from bench.table import Row, table

NOT_PROGRAMS = {"table"}


def names() -> list[str]:
    """Return the bench programs there are."""
    found = [each.name for each in pkgutil.iter_modules([str(Path(__file__).parent)])]
    return [name for name in found if name not in NOT_PROGRAMS and not name.startswith("_")]


def main(wanted: list[str]) -> int:
    """Run the wanted programs (all when none is named); 1 when a bar does not hold."""
    unknown = set(wanted) - set(names())
    if unknown:
        print(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(names())}")
        return 2
    rows: list[Row] = []
    for name in wanted or names():
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"bench.{name}").run()
    print(table(rows))
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
