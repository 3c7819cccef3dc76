"""How the processes of a web server hear that it is ending: by a file that appears.

A signal to each would not do: Python hears it in the main thread only, and a server that waits in
compiled code may not wake for one that another thread received.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_PLACE = "_BRIDGEHEAD_ENDING"


@contextmanager
def announced() -> Iterator[Path]:
    """Give the file that says so; processes that are started meanwhile look for it."""
    with TemporaryDirectory(prefix="bridgehead-") as folder:
        mark = Path(folder) / "ending"
        os.environ[_PLACE] = str(mark)
        yield mark


def is_ending() -> bool:
    """Tell whether the server that this process belongs to is ending."""
    place = os.environ.get(_PLACE, "")
    return bool(place) and Path(place).exists()
