"""A wall clock of the server's own that can be set while it runs; needs a C compiler."""

import struct
from pathlib import Path

from bench._shim import compiled


class Clock:
    """The clock of every program that is started with its ``settings``."""

    def __init__(self, folder: Path) -> None:
        """Compile the shim into ``folder``, where there is a compiler."""
        self._file = folder / "wrong_by"
        self.set_wrong(0)
        library = compiled(Path(__file__).with_name("clock.c"), folder)
        self.is_there = library is not None
        self.settings = {"LD_PRELOAD": str(library), "WRONG_BY": str(self._file)}
        if not self.is_there:
            self.settings = {}

    def set_wrong(self, seconds: int) -> None:
        """Let the clock be wrong by so many seconds from now on."""
        mode = "r+b" if self._file.exists() else "wb"
        with self._file.open(mode) as file:
            file.write(struct.pack("=q", seconds))
