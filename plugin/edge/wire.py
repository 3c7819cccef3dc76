"""Wire: schemas for foreign data, strict about what we use and deaf to the rest."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, TypeVar, cast

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from plugin.domain.errors import AnswerError

Value = TypeVar("Value")


class Wire(Schema):
    """The base of every schema for foreign data: what is not declared is ignored."""

    class Meta:
        """Options for marshmallow."""

        unknown = EXCLUDE

    @classmethod
    def parse(cls, data: object, who: str, what: str) -> dict[str, Any]:
        """Return the declared fields of one record, ``what`` naming it (such as "a ticket").

        AnswerError, naming the field but no value, when it is not as promised.
        """
        return cast("dict[str, Any]", cls._load(data, who, what, many=False))

    @classmethod
    def parse_many(cls, data: object, who: str, what: str) -> list[dict[str, Any]]:
        """Return the declared fields of a list of records; fails as :meth:`parse` does."""
        return cast("list[dict[str, Any]]", cls._load(data, who, what, many=True))

    @classmethod
    def _load(cls, data: object, who: str, what: str, *, many: bool) -> object:
        try:
            return _schema(cls).load(cast("Any", data), many=many)
        except ValidationError as error:
            path = ".".join(_path(error.messages)) or "the whole"
        raise AnswerError(who, f"answered {what} that is not as promised ({path})", code="shape")


@cache
def _schema(kind: type[Wire]) -> Wire:
    """Return the one schema of a kind: making one costs more than loading a record."""
    return kind()


def _path(messages: object) -> list[str]:
    """Return the way to the first misfit. Names that are no plain words are the remote's data."""
    if not isinstance(messages, Mapping):
        return []
    name, inner = next(iter(messages.items()))
    word = str(name)
    plain = word.replace("_", "a").replace("-", "a").isalnum() and len(word) <= 40
    return ([] if word == "_schema" else [word if plain else "?"]) + _path(inner)


class Text(fields.Field[str]):
    """Text; a number is taken as text too, and null or a missing key as empty text.

    With ``required`` null and a missing key are misfits.
    """

    default_error_messages = {"invalid": "Not a text."}

    def __init__(self, **options: Any) -> None:
        """Take the options of every marshmallow field."""
        super().__init__(**_optional(options, ""))

    def _deserialize(self, value: object, attr: object, data: object, **kwargs: object) -> str:
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.make_error("invalid")
        return str(value)

    def _validate_missing(self, value: object) -> None:
        if value is not None or self.required:
            super()._validate_missing(value)


class WrittenTime(fields.Field[datetime | None]):
    """A moment in ISO 8601 as the remote wrote it: with its offset, or without one.

    Null, empty text, a missing key and the year 1 (how .NET writes "never") are None; with
    ``required`` null and a missing key are misfits.
    """

    default_error_messages = {"invalid": "Not a moment."}

    def __init__(self, **options: Any) -> None:
        """Take the options of every marshmallow field."""
        super().__init__(**_optional(options, None))

    def _deserialize(
        self, value: object, attr: object, data: object, **kwargs: object
    ) -> datetime | None:
        if value == "":
            return None
        try:
            moment = datetime.fromisoformat(cast("str", value))
        except (TypeError, ValueError):
            raise self.make_error("invalid") from None
        return None if moment.year == 1 else moment


class Instant(WrittenTime):
    """The same as aware UTC; without an offset it is taken as UTC."""

    def _deserialize(
        self, value: object, attr: object, data: object, **kwargs: object
    ) -> datetime | None:
        moment = super()._deserialize(value, attr, data, **kwargs)
        if moment is None:
            return None
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)  # the other way .NET writes "never"


class Word(fields.Field[Value], Generic[Value]):
    """One of the remote's words, translated by ``table``; case and spaces around do not matter.

    A word that is not in the table, null and a missing key are ``default``: a remote may learn
    new words before we do.
    """

    def __init__(self, table: Mapping[str, Value], default: Value, **options: Any) -> None:
        """Translate by ``table``, whose keys may also be numbers written as text."""
        super().__init__(**_optional(options, default))
        self._table = {word.casefold(): value for word, value in table.items()}
        self._default = default

    def _deserialize(self, value: object, attr: object, data: object, **kwargs: object) -> Value:
        return self._table.get(str(value).strip().casefold(), self._default)

    def _validate_missing(self, value: object) -> None:
        """Let null through: it is the default, like any unknown word."""


def _optional(options: Mapping[str, Any], default: object) -> dict[str, Any]:
    """Add the value of a missing key, which marshmallow does not take beside ``required``."""
    return dict(options) if options.get("required") else {"load_default": default, **options}
