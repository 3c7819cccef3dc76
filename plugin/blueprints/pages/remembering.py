"""Pages that remember their filters: what a person chose stands again at the next visit.

A choice made in the page's own filter form is kept in a cookie of that page; a link from elsewhere
with filters of its own changes nothing. ``?clear=1`` forgets.
"""

from collections.abc import Callable
from functools import wraps
from urllib.parse import parse_qsl, urlencode

from flask import make_response, redirect, request
from werkzeug.wrappers import Response

from plugin.blueprints.pages.showing import Answer

MARK = "chosen"
"""The hidden field of a filter form by which its own choices are told from links."""

CLEAR = "clear"
_PASSING = frozenset({MARK, CLEAR, "page", "format", "embedded"})
_LONGEST = 1000
_YEAR = 365 * 86_400


def remembers(view: Callable[[], Answer]) -> Callable[[], Response]:
    """Let a page without parts in its address remember its filters."""

    @wraps(view)
    def remembering() -> Response:
        name = f"filters-{(request.endpoint or '').replace('.', '-')}"
        if CLEAR in request.args:
            answer: Response = redirect(request.path, 303)
            answer.delete_cookie(name, path=request.path)
            return answer
        kept = parse_qsl(request.cookies.get(name, "")[:_LONGEST])
        if kept and not (request.args.keys() - {"embedded"}):
            asked = [*kept, *request.args.items()]
            return redirect(f"{request.path}?{urlencode(asked)}", 302)
        answer = make_response(view())
        if MARK in request.args:
            _keep(answer, name)
        return answer

    return remembering


def _keep(answer: Response, name: str) -> None:
    chosen = [(key, value) for key, value in request.args.items() if value and key not in _PASSING]
    said = urlencode(chosen)
    if not said or len(said) > _LONGEST:
        answer.delete_cookie(name, path=request.path)
        return
    answer.set_cookie(
        name,
        said,
        max_age=_YEAR,
        path=request.path,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
