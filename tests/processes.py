"""Other processes for tests, started in milliseconds: forked from one that has imported all."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["tests.services.sender", "tests.services.spender", "tests.engine.worker"]
)


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """Run ``target`` in a process of its own; it ends with this one at the latest."""
    process = _context.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def pipe() -> tuple[Connection, Connection]:
    """Return our end and the other process's end of a pipe."""
    return _context.Pipe()
