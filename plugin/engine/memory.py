"""How a process with many threads keeps its memory small."""

import ctypes
import os

_ARENA_MAX = -8
"""``M_ARENA_MAX`` of the GNU C library's ``malloc.h``."""


def use_one_arena() -> None:
    """Let all threads begun from now on take memory from one place; elsewhere than glibc, nothing.

    The C library would give each thread a place of its own, and each keeps what its thread once
    needed at most. Python's threads take turns anyway, so they do not wait for one another here.
    """
    if os.name == "posix":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_ARENA_MAX, 1)
