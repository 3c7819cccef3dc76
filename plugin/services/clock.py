"""Puts right what waits for a moment, where the clock was set back after that was chosen."""

import logging
from datetime import timedelta

from plugin.runtime import Runtime
from plugin.store import queue
from plugin.store.base import writing

_log = logging.getLogger(__name__)


def watch(runtime: Runtime) -> int:
    """Bring waiting work forward by as much as the clock was set back; returns how many jobs.

    An hour that comes twice would otherwise be an hour in which nothing is done. What comes too
    soon by that does no harm: every job looks for itself whether there is something to do.
    """
    seconds = runtime.hearing.set_back()
    if not seconds:
        return 0
    lease = timedelta(seconds=runtime.settings.limits.work.lease)
    with writing() as session:
        moved = queue.bring_forward(session, runtime.now(), timedelta(seconds=seconds), lease)
    _log.warning("the clock was set back by %.0f s: %d jobs were brought forward", seconds, moved)
    return moved
