"""What the pages' forms may hold: marshmallow schemas, one drawn from an adapter's fields."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema
from werkzeug.datastructures import MultiDict

from plugin.domain.contracts import Adapter, Field, FieldKind
from plugin.domain.errors import FormError, RuleError

LONGEST = 20_000
"""Certificates are the longest thing a form holds."""

Faults = dict[str, list[str]]
Given = Mapping[str, str] | MultiDict[str, str]
ON, OFF = "true", "false"


class Form(Schema):
    """A form of a page: unknown fields are passed over, missing ones are empty."""

    class Meta:
        """Settings of marshmallow."""

        unknown = EXCLUDE

    @classmethod
    def read(cls, given: Given) -> tuple[dict[str, Any], Faults]:
        """Return what was sent, and the faults by field; with faults, all is as it was sent."""
        sent = {name: given[name] for name in cls().fields if name in given}
        try:
            return cls().load(sent), {}
        except ValidationError as error:
            return dict.fromkeys(cls().fields, "") | sent, faults_of(error.messages)


def faults_of(messages: Any) -> Faults:  # noqa: ANN401 - marshmallow's nested messages
    """Return marshmallow's messages as lists of sentences."""
    if not isinstance(messages, Mapping):
        return {"": [str(each) for each in messages]}
    return {
        "" if name == "_schema" else str(name): [str(each) for each in told]
        for name, told in messages.items()
    }


def faults_in(error: RuleError) -> Faults:
    """Return the faults that a service found."""
    found: Faults = {}
    for each in error.errors if isinstance(error, FormError) else (error,):
        found.setdefault(each.field, []).append(each.message)
    return found


def text(longest: int = 300, *, required: str = "") -> fields.String:
    """Return a text field; ``required`` is the sentence shown when it is blank."""
    rules: list[Any] = [validate.Length(max=longest, error="At most {max} characters.")]
    if required:
        rules.append(validate.Regexp(r"(?s).*\S", error=required))
        return fields.String(required=True, validate=rules, error_messages={"required": required})
    return fields.String(load_default="", validate=rules)


def whole(least: int = 0, most: int = 2**31) -> fields.Integer:
    """Return a field for a whole number."""
    return fields.Integer(
        load_default=least,
        validate=validate.Range(least, most),
        error_messages={"invalid": "Enter a whole number."},
    )


class SignInForm(Form):
    """The sign-in form."""

    email = text(254)
    password = text(1000)
    next = text(2000)


class PasswordForm(Form):
    """The form for a new password."""

    old = text(1000, required="Enter your present password.")
    new = text(1000, required="Enter a new password.")
    again = text(1000, required="Enter the new password once more.")

    @validates_schema
    def _same(self, given: dict[str, Any], **_: Any) -> None:
        if given.get("new") != given.get("again"):
            raise ValidationError("The two new passwords differ.", "again")


class IntegrationForm(Form):
    """The form of a new integration."""

    host = text(20)
    vendor = text(20)
    name = text(200)


class RenameForm(Form):
    """The form that renames an integration."""

    name = text(200, required="Integration name must not be blank.")
    version = whole()


class AdministratorsForm(Form):
    """The dialog that adds integration administrators; ``do`` is next, back or finish."""

    administrators = text(LONGEST)
    do = text(10)


class MoveForm(Form):
    """The form that moves an integration to another platform."""

    host = text(20)


class DeleteForm(Form):
    """The form that confirms a deletion."""

    typed = text(300)


# -- drawn from an adapter's fields --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Widget:
    """One drawn field, with the parameters of the ``ui.field`` macro."""

    name: str
    label: str
    type: str = "text"
    value: str = ""
    help: str = ""
    error: Sequence[str] = ()
    required: bool = False
    options: Sequence[tuple[str, str]] = ()
    saved: bool | str = False
    advanced: bool = False
    slot: str = ""
    rows: int = 6
    autocomplete: str = "off"

    @property
    def on(self) -> bool:
        """Whether a switch is on."""
        return self.value.lower() in {ON, "1", "yes"}


class ConnectionForm(Form):
    """What every connection's form has beside its adapter's own fields."""

    name = text(120)
    version = whole()
    allow_private = text(10)
    anyway = text(10)
    fetched = text(LONGEST)
    sandbox = text(10)
    pin = text(10)


_TYPES = {
    FieldKind.TEXT: "text",
    FieldKind.EMAIL: "email",
    FieldKind.SECRET: "password",
    FieldKind.ADDRESS: "text",
    FieldKind.NUMBER: "text",
    FieldKind.CHOICE: "select",
    FieldKind.CERTIFICATE: "textarea",
    FieldKind.LINES: "textarea",
    FieldKind.SWITCH: "switch",
}


def schema_for(adapter: type[Adapter]) -> type[ConnectionForm]:
    """Return the schema of an adapter's form; each field's own rule is the service's to judge."""
    drawn = {field.name: text(LONGEST) for field in adapter.fields}
    form = ConnectionForm.from_dict(dict(drawn), name=f"Form_{adapter.kind}")
    return cast("type[ConnectionForm]", form)


def values_of(adapter: type[Adapter], given: Mapping[str, Any]) -> dict[str, str]:
    """Return the adapter's fields of a form; a switch that is off sends nothing and reads so."""
    return {
        field.name: _switched(given.get(field.name, ""))
        if field.kind is FieldKind.SWITCH
        else str(given.get(field.name, ""))
        for field in adapter.fields
    }


def _switched(word: object) -> str:
    return ON if str(word).lower() in {"1", ON, "yes", "on"} else OFF


def widgets(
    adapter: type[Adapter],
    values: Mapping[str, str],
    faults: Faults,
    *,
    saved: Iterable[str] = (),
    saved_says: str = "",
) -> list[Widget]:
    """Draw an adapter's fields; a secret's value is never sent back, only that one is there.

    ``saved`` names the secrets that are, ``saved_says`` what leaving one empty means, where that is
    not to keep what is saved.
    """
    kept = set(saved)
    return [
        Widget(
            name=field.name,
            label=field.label,
            type=_TYPES[field.kind],
            value="" if field.secret else values.get(field.name, field.default or ""),
            help=field.help,
            error=faults.get(field.name, ()),
            required=field.required and field.default is None,
            options=_options(field),
            saved=field.secret and field.name in kept and (saved_says or True),
            advanced=field.advanced,
            slot=field.slot,
        )
        for field in adapter.fields
    ]


def _options(field: Field) -> list[tuple[str, str]]:
    blank = [] if field.required and field.default is not None else [("", "Choose …")]
    return blank + [(each.value, each.label) for each in field.choices] if field.choices else []


def labels_of(adapter: type[Adapter]) -> dict[str, str]:
    """Return every field's label by its name, for the summary of faults."""
    return {"name": adapter.name_label} | {field.name: field.label for field in adapter.fields}
