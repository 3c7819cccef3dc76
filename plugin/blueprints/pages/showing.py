"""Small things every page does: read what is asked, find by key, show, send away, export."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from flask import Response, abort, redirect, render_template, request, stream_with_context, url_for
from werkzeug.wrappers import Response as BaseResponse

from plugin.blueprints.guard import runtime
from plugin.blueprints.pages.context import scope
from plugin.services.lists import Ask
from plugin.store.base import Base, db
from plugin.store.integrations import Connection

Row = TypeVar("Row", bound=Base)
Answer = str | Response | BaseResponse | tuple[str, int]
CSV_MARK = "\ufeff"
"""A byte order mark: without it Excel misreads umlauts."""

_OWNERS = ("host_id", "vendor_id", "connection_id")
_FORMULA = ("=", "+", "-", "@")


def ask() -> Ask:
    """Return what the query string asks of a list."""
    return Ask.of(request.args.to_dict())


def wants_csv() -> bool:
    """Tell whether the filtered view is wanted as a file."""
    return request.args.get("format") == "csv"


def wants_json() -> bool:
    """Tell whether the filtered view is wanted as a file for programs."""
    return request.args.get("format") == "json"


def one(table: type[Row], number: int) -> Row:
    """Return a row that is not deleted and of this environment, or answer 404."""
    found = db.session.get(table, number) if number < 2**63 else None
    if found is None or getattr(found, "deleted_at", None) is not None or not _is_shown(found):
        abort(404)
    return found


def sent_version() -> int | None:
    """Return which version of the row a form was drawn from; None where it does not say."""
    said = request.form.get("version", "")
    return int(said) if said.isdecimal() and len(said) < 10 else None


def _is_shown(row: Base) -> bool:
    """Tell whether every connection that a row belongs to lives, in the environment that holds."""
    of = [row.id] if isinstance(row, Connection) else [getattr(row, each, 0) for each in _OWNERS]
    return {each for each in of if each} <= scope().hosts | scope().vendors


def show(template: str, **values: Any) -> str:
    """Render a page."""
    return render_template(template, **values)


def fragment(template: str, **values: Any) -> Response:
    """Render a part of a page that htmx puts in place."""
    answer = Response(render_template(template, **values), mimetype="text/html")
    answer.vary.add("HX-Request")
    return answer


def to(endpoint: str, **values: Any) -> BaseResponse:
    """Send the browser on after a change (303, so that a reload repeats nothing)."""
    return redirect(url_for(endpoint, **values), 303)


def is_htmx() -> bool:
    """Tell whether htmx asks, for a part of the page."""
    return request.headers.get("HX-Request") == "true"


# -- CSV ---------------------------------------------------------------------------------------


def csv_file(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Send rows as a CSV file that a spreadsheet opens without running anything in it."""

    def lines() -> Iterator[str]:
        yield CSV_MARK + _line(header)
        for row in rows:
            yield _line(row)

    return _file(lines(), "text/csv; charset=utf-8", f"{name}-{_today()}.csv")


def json_file(name: str, items: Iterable[Mapping[str, object]]) -> Response:
    """Send items as one JSON list, an item a line."""

    def lines() -> Iterator[str]:
        before = "[\n"
        for item in items:
            yield before + json.dumps(item, ensure_ascii=False)
            before = ",\n"
        yield "[]\n" if before == "[\n" else "\n]\n"

    return _file(lines(), "application/json", f"{name}-{_today()}.json")


def _today() -> str:
    return runtime().now().strftime("%Y-%m-%d")


def _file(parts: Iterator[str], content_type: str, name: str) -> Response:
    answer = Response(stream_with_context(parts), content_type=content_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="bridgehead-{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _line(cells: Sequence[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([cell(each) for each in cells])
    return out.getvalue()


def cell(value: object) -> str:
    """Return a cell's text: one line, and never a formula.

    >>> cell("=cmd()"), cell("two\\r\\nlines"), cell(-3), cell(None)
    ("'=cmd()", 'two  lines', '-3', '')
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, int | float):
        return str(value)
    text = "".join(each if each.isprintable() else " " for each in str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
