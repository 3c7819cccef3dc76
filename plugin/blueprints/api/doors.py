"""A collection's door: smorest's blueprint with typed decorators and the rules all share."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from flask import abort
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from plugin.blueprints.api import problems
from plugin.blueprints.api.parsing import StrictParser
from plugin.blueprints.api.values import QueryWhole, Text, Wish, one_of
from plugin.blueprints.guard import runtime, scope
from plugin.domain.errors import FormError, RuleError
from plugin.services.lists import SIZES, Ask, Listing, Table
from plugin.store.base import Base, db

PREFIX = "/api/v1"
ID = "<int(min=1,max=9007199254740991):number>"
"""A number in a path; larger ones than every JSON reader keeps exact are nobody's id."""

Given = ParamSpec("Given")
Result = TypeVar("Result")
Myself = TypeVar("Myself")
Line = TypeVar("Line")
Row = TypeVar("Row", bound=Base)
View = TypeVar("View", bound=type[MethodView])
Method = Callable[Given, Result]
_OWN = frozenset({"q", "sort", "page", "page_size"})


class _Blueprint(Blueprint):  # type: ignore[misc]
    """Smorest's blueprint, reading strictly."""

    ARGUMENTS_PARSER = StrictParser()


class Door:
    """One collection of the API."""

    def __init__(self, name: str, about: str) -> None:
        """Open the door at ``/api/v1/<name>``; ``about`` is a sentence for the document."""
        self.blueprint = _Blueprint(
            f"api-{name}", __name__, url_prefix=f"{PREFIX}/{name}", description=about
        )
        self.name = name
        problems.install_on(self.blueprint)

    def route(self, path: str = "") -> Callable[[View], View]:
        """Serve a class of views at ``path`` below the collection."""

        def serve(view: View) -> View:
            for name in sorted(each.lower() for each in view.methods or ()):
                method = getattr(view, name)
                about = _about(method, f"{name}{view.__name__}")
                setattr(view, name, self.blueprint.doc(**about)(method))
            self.blueprint.route(path, tags=[self.name])(view)
            return view

        return serve

    def takes(
        self, schema: type[Wish]
    ) -> Callable[
        [Callable[Concatenate[Myself, dict[str, Any], Given], Result]],
        Callable[Concatenate[Myself, Given], Result],
    ]:
        """Hand the view the checked JSON body as its first argument."""
        required = not schema.may_be_left_out
        decorate: Any = self.blueprint.arguments(schema, required=required)
        return decorate  # type: ignore[no-any-return]

    def asks(
        self, schema: type[Schema]
    ) -> Callable[
        [Callable[Concatenate[Myself, dict[str, Any], Given], Result]],
        Callable[Concatenate[Myself, Given], Result],
    ]:
        """Hand the view the checked query as its first argument."""
        decorate: Any = self.blueprint.arguments(schema, location="query")
        return decorate  # type: ignore[no-any-return]

    def answers(
        self, schema: type[Schema] | None = None, status: int = 200, says: str | None = None
    ) -> Callable[[Method[Given, Result]], Method[Given, Result]]:
        """Send what the view returns in this shape and with this status."""
        decorate: Any = self.blueprint.response(status, schema, description=says)
        return decorate  # type: ignore[no-any-return]

    def lists(
        self,
        line: type[Schema],
        *,
        sorts: Sequence[str],
        filters: Mapping[str, fields.Field[Any]] | None = None,
    ) -> Callable[
        [Callable[Concatenate[Myself, Ask, Given], Listing[Any]]],
        Callable[Concatenate[Myself, Given], Any],
    ]:
        """Hand the view what is asked of the list, and send the page it returns."""
        query = _query_of(self.name, line, sorts, filters or {})
        page = _page_of(line)

        def decorate(view: Any) -> Any:  # noqa: ANN401 - typed by the signature above
            @wraps(view)
            def listed(myself: object, given: dict[str, Any], *more: Any, **named: Any) -> object:
                return _told(view(myself, _ask(given), *more, **named))

            answered = self.blueprint.response(200, page)(listed)
            return self.blueprint.arguments(query, location="query")(answered)

        return decorate


# -- lists ---------------------------------------------------------------------------------------


def _query_of(
    name: str,
    line: type[Schema],
    sorts: Sequence[str],
    filters: Mapping[str, fields.Field[Any]],
) -> type[Schema]:
    ways = [way for each in sorts for way in (each, f"-{each}")]
    common: dict[str, Any] = {
        "page": QueryWhole(most=1_000_000, load_default=1),
        "page_size": QueryWhole(most=SIZES[-1], load_default=SIZES[0]),
        "sort": one_of(ways, metadata={"description": "A minus in front sorts downwards"}),
        "q": Text(most=200, metadata={"description": "A text to look for"}),
    }
    return Wish.from_dict(
        {**common, **filters}, name=line.__name__.replace("Schema", "QuerySchema")
    )


@cache
def _page_of(line: type[Schema]) -> type[Schema]:
    shape: dict[str, Any] = {
        "items": fields.List(fields.Nested(line), required=True),
        "total": fields.Integer(required=True),
        "page": fields.Integer(required=True),
        "exact": fields.Boolean(
            metadata={"description": "False where more than total were found and counting stopped"}
        ),
    }
    return Schema.from_dict(shape, name=line.__name__.replace("Schema", "PageSchema"))


def _ask(given: Mapping[str, Any]) -> Ask:
    filters = {name: _word(value) for name, value in given.items() if name not in _OWN}
    return Ask(
        q=given.get("q", "").strip(),
        sort=given.get("sort", ""),
        page=given["page"],
        page_size=given["page_size"],
        filters=filters,
    )


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _told(listing: Listing[Any]) -> dict[str, object]:
    told: dict[str, object] = {
        "items": listing.rows,
        "total": listing.total,
        "page": listing.page,
    }
    return told if listing.exact else told | {"exact": False}


def page_of(table: Table[Line], ask: Ask) -> Listing[Line]:
    """Return the page of a table that is asked for."""
    return table.page(runtime(), ask, scope())


class Short(Generic[Line]):
    """A list that is in memory as a whole, cut as the long ones are."""

    def __init__(self, rows: Sequence[Line], **ways: Callable[[Line], Any]) -> None:
        """Keep ``rows`` in their own order; ``ways`` are the columns it can be sorted by."""
        self._rows, self._ways = rows, ways

    def page(self, ask: Ask) -> Listing[Line]:
        """Return the page that is asked for."""
        rows = list(self._rows)
        if ask.sort:
            way = self._ways[ask.sort.removeprefix("-")]
            rows.sort(key=way, reverse=ask.sort.startswith("-"))
        end = ask.offset + ask.page_size
        return Listing(tuple(rows[ask.offset : end]), len(rows), ask.page, ask.page_size)


# -- finding -------------------------------------------------------------------------------------


def known(load: Callable[[int], Line], number: int) -> Line:
    """Return what a service finds by its number; 404 when it says there is no such thing."""
    try:
        return load(number)
    except RuleError as error:
        abort(404, error.message)


@contextmanager
def named(**names: str) -> Iterator[None]:
    """Let a broken rule name the field as this API calls it."""
    try:
        yield
    except FormError as error:
        faults = [
            RuleError(names.get(each.field, each.field), each.message) for each in error.errors
        ]
        raise FormError(faults) from error
    except RuleError as error:
        if error.field not in names:
            raise
        raise RuleError(names[error.field], error.message) from error


def row_of(table: type[Row], number: int) -> Row:
    """Return a row by its number; 404 when there is none."""
    found = db.session.get(table, number)
    if found is None:
        abort(404, f"There is no {table.__tablename__.replace('_', ' ')} {number}.")
    return found


# -- documenting ---------------------------------------------------------------------------------


def _about(method: Any, name: str) -> dict[str, str]:  # noqa: ANN401 - a decorated method
    """Name the operation, and say which role it needs."""
    role = method.access_rule[1]
    summary = (inspect.getdoc(method) or "").partition("\n")[0].rstrip(".")
    needs = f"Needs the role {role} or one above it."
    return {"operationId": name, "summary": summary, "description": needs}
