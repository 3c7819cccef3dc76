"""How a process writes its log: as lines to read, or one JSON object a line for collectors."""

import json
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

_PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_about: ContextVar[MappingProxyType[str, str | int]] = ContextVar(
    "about", default=MappingProxyType({})
)


def configure(*, as_json: bool) -> None:
    """Write the log of this process to the standard error, in one of the two forms."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(_PLAIN))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def new_id() -> str:
    """Return an id for a request: it tells lines apart and guards nothing, so it may be cheap.

    The system's own randomness would let other threads run first, at every call of every host.
    """
    return f"{random.getrandbits(64):016x}"


def begin(**ids: str | int) -> None:
    """Name what this thread does from now on; what was named before is forgotten."""
    _about.set(MappingProxyType(ids))


@contextmanager
def about(**ids: str | int) -> Iterator[None]:
    """Name what is being done in every line that is logged meanwhile: request, job, delivery."""
    token = _about.set(MappingProxyType({**_about.get(), **ids}))
    try:
        yield
    finally:
        _about.reset(token)


class JsonLines(logging.Formatter):
    """One JSON object a line; a line break in a message cannot forge a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: time, level, logger, message, the ids, and the trace of a bug."""
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_about.get(),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)
