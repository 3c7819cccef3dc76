"""Adds a vendor: copies the skeleton under a name and registers it where adapters are named.

python -m tools.new_vendor acme_shield     (or: make new-vendor NAME=acme_shield)
"""

import sys
from pathlib import Path

from tools.new_vendor.copying import NameRefusedError, add_vendor, next_steps

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Add the vendor that the only argument names."""
    try:
        name = sys.argv[1] if len(sys.argv) == 2 else ""
        written = add_vendor(ROOT, name)
    except NameRefusedError as error:
        print(f"new-vendor: {error}", file=sys.stderr)
        return 2
    print("\n".join(f"  {path.relative_to(ROOT)}" for path in written))
    print(next_steps(name))
    return 0


sys.exit(main())
