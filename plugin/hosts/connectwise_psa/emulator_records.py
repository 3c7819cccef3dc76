"""The records of the emulated PSA: kept in tables, found by index, shown with their references.

A record keeps only the ids of the records it refers to; names are looked up when it is shown, so
that a renamed company is renamed everywhere at once, as in the product. A key that starts with
``~`` is ours and never shown. What is not set is left out of answers, as in captured traffic.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from plugin.edge.shelf import Table
from plugin.hosts.connectwise_psa.emulator_conditions import Path
from plugin.hosts.connectwise_psa.emulator_shapes import VIEWS, Reference, Shapes

Record = dict[str, Any]
PARENT = "~parent"

INDEXED: dict[str, tuple[str, ...]] = {
    "service/tickets": ("company/id", "externalxref"),
    "company/configurations": ("company/id", "deviceidentifier"),
    "finance/agreements": ("company/id",),
    "company/contacts": ("company/id",),
    "company/companies": ("identifier",),
    "system/members": ("identifier",),
    "procurement/catalog": ("identifier",),
}
"""Fields by which lists are narrowed without reading every record."""


class Index:
    """Ids by the value of one field."""

    def __init__(self) -> None:
        """Start empty."""
        self._ids: dict[Any, dict[int, None]] = {}
        self._value: dict[int, Any] = {}

    def put(self, number: int, value: Any) -> None:  # noqa: ANN401 - any JSON scalar
        """Remember (or correct) the value of a record."""
        self.drop(number)
        self._value[number] = value
        self._ids.setdefault(value, {})[number] = None

    def drop(self, number: int) -> None:
        """Forget a record."""
        if number in self._value:
            value = self._value.pop(number)
            self._ids[value].pop(number, None)

    def find(self, value: Any) -> list[int]:  # noqa: ANN401
        """Return the ids of the records with this value, in order."""
        return sorted(self._ids.get(value, ()))


class Records:
    """All records of one emulated PSA."""

    def __init__(
        self, table: Callable[[str], Table], shapes: Shapes, now: Callable[[], datetime]
    ) -> None:
        """Keep records in what ``table`` gives; ``now`` stamps them."""
        self._table = table
        self._now = now
        self.shapes = shapes
        self.base = ""
        """Where ``_info`` links start: the API root as this system believes it to be."""
        self._stamped = (datetime.min.replace(tzinfo=UTC), "")
        self._numbers: dict[str, list[int]] = {}
        self._indexes: dict[tuple[str, str], Index] = {}

    def forget(self) -> None:
        """Drop what was derived from the tables (after they were cleared)."""
        self._numbers.clear()
        self._indexes.clear()

    # -- finding -------------------------------------------------------------------------------

    def get(self, collection: str, number: int) -> Record | None:
        """Return a record, or None."""
        return self._table(_home(collection)).get(str(number))

    def numbers(self, collection: str, after: int = 0) -> list[int]:
        """Return the ids of a collection that are greater than ``after``, in order."""
        known = self._known(collection)
        return known[bisect_right(known, after) :] if after else list(known)

    def below(self, collection: str, parent: int) -> list[int]:
        """Return the ids of the records below one parent."""
        return self._index(collection, PARENT).find(parent)

    def among(self, collection: str, path: str, value: Any) -> list[int] | None:  # noqa: ANN401
        """Return the ids with ``value`` at ``path``, or None when there is no index for it."""
        if path not in INDEXED.get(_home(collection), ()):
            return None
        return self._index(collection, path).find(_folded(value))

    def every(self, collection: str) -> Iterator[Record]:
        """Yield the records of a collection."""
        table = self._table(_home(collection))
        for number in self.numbers(collection):
            yield table[str(number)]

    def first(self, collection: str, **wanted: Any) -> Record | None:
        """Return the first record whose fields equal ``wanted``, or None."""
        return next(
            (
                record
                for record in self.every(collection)
                if all(record.get(name) == value for name, value in wanted.items())
            ),
            None,
        )

    # -- changing ------------------------------------------------------------------------------

    def add(self, collection: str, record: Record, by: str, parent: int | None = None) -> Record:
        """Keep a new record under the next id, and return it."""
        number = self._table(_home(collection)).next_id()
        kept = {"id": number, **{key: value for key, value in record.items() if key != "id"}}
        if parent is not None:
            kept[PARENT] = parent
        kept["_info"] = {"dateEntered": self.stamp(), "enteredBy": by}
        self._known(collection).append(number)
        return self.save(collection, kept, by)

    def save(self, collection: str, record: Record, by: str) -> Record:
        """Keep a changed record with the moment and the member who changed it."""
        home = _home(collection)
        info = record.get("_info", {})
        record["_info"] = {**info, "lastUpdated": self.stamp(), "updatedBy": by}
        self._table(home)[str(record["id"])] = record
        for (indexed, path), index in self._indexes.items():
            if indexed == home:
                index.put(record["id"], self._indexable(home, record, path))
        return record

    def remove(self, collection: str, number: int) -> None:
        """Forget a record."""
        home = _home(collection)
        known = self._known(collection)
        del self._table(home)[str(number)]
        known.pop(bisect_left(known, number))
        for (indexed, _), index in self._indexes.items():
            if indexed == home:
                index.drop(number)

    def stamp(self) -> str:
        """Return this moment as PSA writes it."""
        second = self._now().replace(microsecond=0)
        if second != self._stamped[0]:  # writing it out costs more than keeping a record does
            self._stamped = (second, second.strftime("%Y-%m-%dT%H:%M:%SZ"))
        return self._stamped[1]

    # -- reading -------------------------------------------------------------------------------

    def value(self, collection: str, record: Mapping[str, Any], path: Path) -> Any:  # noqa: ANN401
        """Return the field at a lower-case ``path`` such as ``("company", "name")``, or None."""
        if path == ("lastupdated",):
            return record.get("_info", {}).get("lastUpdated")
        shape = self.shapes[_home(collection)]
        name = shape.by_lower.get(path[0])
        if name is None:
            return None
        if len(path) > 1 and path[1] != "id" and name in shape.references:
            found: Any = self.show_reference(shape.references[name], record.get(name))
        else:
            found = record.get(name)
        for part in path[1:]:
            if not isinstance(found, Mapping):
                return None
            found = next((found[key] for key in found if key.lower() == part), None)
        return found

    def show(
        self, collection: str, record: Mapping[str, Any], names: frozenset[str] = frozenset()
    ) -> Record:
        """Return the record as an answer shows it: all of it, or the lower-case ``names`` only."""
        references = self.shapes[_home(collection)].references
        return {
            name: self.show_reference(references[name], value) if name in references else value
            for name, value in record.items()
            if value is not None
            and not name.startswith("~")
            and (not names or name.lower() in names)
        }

    def show_reference(self, reference: Reference, value: Any) -> Any:  # noqa: ANN401
        """Return ``{"id": n}`` with the names of the record it stands for."""
        if not isinstance(value, Mapping) or "id" not in value:
            return value
        found = self.get(reference.collection, value["id"])
        shown: Record = {"id": value["id"]}
        for word in reference.shown if found else ():
            shown["name" if word == "description" else word] = _name_of(found or {}, word)
        href = f"{self.base}{reference.collection}/{value['id']}"
        shown["_info"] = {f"{singular(reference.collection)}_href": href}
        return shown

    # -- inside --------------------------------------------------------------------------------

    def _known(self, collection: str) -> list[int]:
        home = _home(collection)
        if home not in self._numbers:
            self._numbers[home] = sorted(map(int, self._table(home)))
        return self._numbers[home]

    def _index(self, collection: str, path: str) -> Index:
        home = _home(collection)
        if (home, path) not in self._indexes:
            index = self._indexes[(home, path)] = Index()
            for record in self._table(home).values():
                index.put(record["id"], self._indexable(home, record, path))
        return self._indexes[(home, path)]

    def _indexable(self, home: str, record: Record, path: str) -> Any:  # noqa: ANN401
        if path == PARENT:
            return record.get(PARENT)
        return _folded(self.value(home, record, tuple(path.split("/"))))


def singular(collection: str) -> str:
    """Return the word for one record of a collection.

    >>> [singular(each) for each in ("company/companies", "service/boards/statuses", "x/types")]
    ['company', 'status', 'type']
    """
    word = collection.rpartition("/")[2]
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word.removesuffix("es") if word.endswith("ses") else word.removesuffix("s")


def _home(collection: str) -> str:
    return VIEWS.get(collection, collection)


def _folded(value: Any) -> Any:  # noqa: ANN401 - texts compare without case, the rest as it is
    return value.lower() if isinstance(value, str) else value


def _name_of(record: Mapping[str, Any], word: str) -> str:
    if word == "name" and "name" not in record:
        return f"{record.get('firstName', '')} {record.get('lastName', '')}".strip()
    return str(record.get(word, ""))
