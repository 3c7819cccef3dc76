"""Field types that take exactly what the document promises, and schemas made of them."""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
MOST = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact; no id of ours comes near."""


class Text(fields.String):
    """A text of limited length that every database can store."""

    default_error_messages = {"unstorable": "Zero characters and halves of characters are refused."}

    def __init__(
        self, *, least: int = 0, most: int = 1000, matches: str = "", **options: Any
    ) -> None:
        """Take ``least`` to ``most`` characters that look like ``matches``."""
        rules: list[Any] = [validate.Length(min=least or None, max=most)]
        metadata = {"pattern": matches or r"^[^\u0000]*$", **options.pop("metadata", {})}
        if matches:
            rules.append(validate.Regexp(matches))
        super().__init__(validate=rules, metadata=metadata, **options)

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **more: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **more)
        if text is None or "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
            raise self.make_error("unstorable")
        return text


class Switch(fields.Boolean):
    """A true or false that is no word and no number."""

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **more: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Whole(fields.Integer):
    """A whole number in JSON: not ``1.0``, ``"1"`` or ``true``."""

    def __init__(self, *, least: int = 1, most: int = MOST, **options: Any) -> None:
        """Take ``least`` to ``most``."""
        super().__init__(validate=validate.Range(min=least, max=most), **options)

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **more: Any
    ) -> int:
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return value


class QueryWhole(Whole):
    """A whole number in a query, in plain digits."""

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **more: Any
    ) -> int:
        if not isinstance(value, str) or not _WHOLE.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return int(value)


def one_of(words: Any, **options: Any) -> fields.String:  # noqa: ANN401 - any iterable of texts
    """Return a field that takes one of these words."""
    return fields.String(validate=validate.OneOf([str(each) for each in words]), **options)


class _FromRow:
    """Makes a field's value from the whole row instead of one attribute."""

    def __init__(self, tell: Callable[[Any], object], **options: Any) -> None:
        super().__init__(dump_only=True, **options)  # type: ignore[call-arg]
        self._tell = tell

    def get_value(self, obj: object, *_: object, **__: object) -> object:
        return self._tell(obj)


class ToldText(_FromRow, fields.String):  # type: ignore[misc]
    """A text that is worked out from the row."""


class ToldNumber(_FromRow, fields.Integer):  # type: ignore[misc]
    """A whole number that is worked out from the row."""


class ToldSwitch(_FromRow, fields.Boolean):  # type: ignore[misc]
    """A true or false that is worked out from the row."""


class ToldList(_FromRow, fields.List[Any]):  # type: ignore[misc]
    """A list that is worked out from the row."""

    def __init__(
        self, tell: Callable[[Any], object], of: fields.Field[Any], **options: Any
    ) -> None:
        """Tell a list whose elements are ``of`` one kind."""
        super().__init__(tell, cls_or_instance=of, **options)


class ToldWords(_FromRow, fields.Dict):  # type: ignore[misc]
    """Texts by name that are worked out from the row."""


def texts(**options: Any) -> fields.Dict:
    """Return a field of texts by name."""
    return fields.Dict(keys=fields.String(), values=fields.String(), **options)


class Moment(fields.AwareDateTime):
    """A moment with its zone."""


class Answer(Schema):
    """What is sent: every field is always there.

    Fields are looked for on the value itself, then on its ``row``: lists give lines that hold a
    row and what belongs to it.
    """

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Promise the field, so that readers of the document can rely on it."""
        field_obj.required = True

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:  # noqa: ANN401 - any row
        """Return a field's value from the line or from its row."""
        if not isinstance(obj, Mapping) and not hasattr(obj, attr):
            obj = getattr(obj, "row", obj)
        return super().get_attribute(obj, attr, default)


class Wish(Schema):
    """What is taken: unknown names are refused, and so is a request without a body."""

    may_be_left_out: ClassVar[bool] = False
    """Whether the whole body may be: then every field has what is taken instead."""

    class Meta:
        """Refuse what is not named here."""

        unknown = RAISE


class Change(Wish):
    """A change of a few fields: at least one is named besides ``version``."""

    @validates_schema
    def changes_something(self, data: Mapping[str, object], **_: object) -> None:
        """Refuse a change that changes nothing."""
        if not data.keys() - {"version"}:
            raise ValidationError("Name at least one field to change.")
