"""A wall clock of the server's own that can be set while it runs; needs a C compiler."""

import shutil
import struct
import subprocess
from pathlib import Path


class Clock:
    """The clock of every program that is started with its ``settings``."""

    def __init__(self, folder: Path) -> None:
        """Compile the shim into ``folder``, where there is a compiler."""
        self._file, library = folder / "wrong_by", folder / "clock.so"
        self.set_wrong(0)
        compiler = shutil.which("cc")
        self.is_there = compiler is not None
        if compiler is not None:
            source = Path(__file__).with_name("clock.c")
            command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source)]
            subprocess.run(command, check=True)
        self.settings = {"LD_PRELOAD": str(library), "WRONG_BY": str(self._file)}
        if not self.is_there:
            self.settings = {}

    def set_wrong(self, seconds: int) -> None:
        """Let the clock be wrong by so many seconds from now on."""
        mode = "r+b" if self._file.exists() else "wb"
        with self._file.open(mode) as file:
            file.write(struct.pack("=q", seconds))
