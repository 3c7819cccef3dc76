"""Small libraries in C that stand between a program and the system; needs a C compiler."""

import shutil
import subprocess
from pathlib import Path


def compiled(source: Path, folder: Path) -> Path | None:
    """Compile ``source`` into ``folder`` for LD_PRELOAD; None where there is no compiler."""
    compiler, library = shutil.which("cc"), folder / f"{source.stem}.so"
    if compiler is None:
        return None
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return library
