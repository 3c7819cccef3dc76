"""Deep: a field that reads texts and numbers from far inside a record, fast."""

from collections.abc import Iterator

from marshmallow import fields


class Deep(fields.Field[dict[str, tuple[str, ...]]]):
    """What lies deep inside a member, by dotted paths that walk through lists on the way.

    A fleet's listing is read every few minutes, and a schema for every level of it would take
    about twice as long. Nothing (null) on the way ends a path; another shape is a misfit.
    """

    default_error_messages = {"invalid": "Not the promised shape."}

    def __init__(self, name: str, **paths: str) -> None:
        """Read member ``name``: under each keyword what is at its path, empty texts left out."""
        super().__init__(data_key=name, load_default=dict, allow_none=True)
        self._paths = {word: path.split(".") for word, path in paths.items()}

    def _deserialize(
        self, value: object, attr: object, data: object, **kwargs: object
    ) -> dict[str, tuple[str, ...]]:
        return {word: tuple(self._dig(value, path)) for word, path in self._paths.items()}

    def _dig(self, value: object, path: list[str]) -> Iterator[str]:
        if isinstance(value, list):
            for each in value:
                yield from self._dig(each, path)
        elif path and isinstance(value, dict):
            yield from self._dig(value.get(path[0]), path[1:])
        elif isinstance(value, str | int) and not path:
            if value != "":
                yield str(value)
        elif value is not None:
            raise self.make_error("invalid")
