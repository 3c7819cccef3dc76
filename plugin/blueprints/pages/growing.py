"""The connection check as it happens: an answer that grows rung by rung, put in place by htmx.

What was typed in stays in the browser's form and in this one request: nothing of it is kept
between rungs, and nothing stands in an address.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, current_app, stream_with_context
from werkzeug.exceptions import HTTPException

from plugin.blueprints.climbing import climbing
from plugin.blueprints.errors import request_id
from plugin.domain.errors import PluginError
from plugin.services.connections import Trial
from plugin.store.base import db

GROWS = "Bridgehead-Grows"
"""The header by which our script knows that the parts of an answer are worth showing."""

_log = logging.getLogger(__name__)


def growing(trial: Trial, conclude: Callable[[], str]) -> Response:
    """Send each rung when it begins and when it ended, then what ``conclude`` returns."""
    answer = Response(stream_with_context(_pieces(trial, conclude)), mimetype="text/html")
    answer.headers[GROWS] = "1"
    answer.headers["X-Accel-Buffering"] = "no"  # nginx would keep the rungs until the last
    answer.vary.add("HX-Request")
    return answer


def _pieces(trial: Trial, conclude: Callable[[], str]) -> Iterator[str]:
    try:
        with climbing():
            yield '<div class="card"><div class="card-body"><ol class="ladder">'
            for each in trial.climb():
                yield drawn("connections/_rung.html", told=each)
            yield "</ol></div></div>"
            yield conclude()
    except HTTPException as error:
        yield drawn("connections/_broken.html", message=error.description)
    except PluginError as error:
        db.session.rollback()
        yield drawn("connections/_broken.html", message=getattr(error, "message", str(error)))
    except Exception:  # noqa: BLE001 - nobody above could answer any more
        # The headers are long gone, so no error page can come any more.
        db.session.rollback()
        _log.exception("request %s failed while its answer grew", request_id())
        yield drawn("connections/_broken.html", request_id=request_id())


def drawn(template: str, **values: Any) -> str:
    """Render a part without the frame's values: no menu is counted while a remote is asked."""
    return current_app.jinja_env.get_template(template).render(**values)


def page_instead(page: str) -> Response:
    """Put a whole page in place of the one that shows, though htmx had asked for a part."""
    answer = Response(page, mimetype="text/html")
    answer.headers["HX-Retarget"] = answer.headers["HX-Reselect"] = "#page"
    answer.headers["HX-Reswap"] = "outerHTML show:window:top"
    answer.vary.add("HX-Request")
    return answer
