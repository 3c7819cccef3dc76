"""Conditions of Automate's lists: a parser that turns the text into a test of one record.

The grammar is that of the vendor's interface as its users write it down: ``=``/``eq``, ``!=``,
``<``, ``<=``, ``>``, ``>=``, ``like`` (MySQL's, with ``%`` and ``_``), ``contains``, ``in``,
``not`` before the last three, ``and``, ``or`` and brackets; field paths with dots; text in single
or double quotes; dates bare; ``true`` and ``false``. A quote inside a text cannot be written.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

Record = Mapping[str, Any]
Test = Callable[[Record], bool]
Knows = Callable[[list[str]], bool]

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"[^"]*"|'[^']*')
  | (?P<date>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?)
  | (?P<number>-?\d+(?:\.\d+)?)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
  | (?P<sign>!=|<=|>=|[=<>(),])
    )""",
    re.VERBOSE | re.ASCII,
)
_COMPARISONS = {"=", "eq", "!=", "<", "<=", ">", ">="}
_KEYWORDS = _COMPARISONS | {"and", "or", "not", "like", "contains", "in", "true", "false"}
DEEPEST = 50


class ConditionError(ValueError):
    """The condition cannot be read; the text says where."""


@dataclass(frozen=True)
class Token:
    """One word, sign or value of a condition."""

    kind: str
    text: str

    @property
    def word(self) -> str:
        """The token as a key word: in small letters, empty for values in quotes."""
        return "" if self.kind == "text" else self.text.lower()


def compile_condition(text: str, zone: timedelta, knows: Knows) -> Test:
    """Return the test that ``text`` describes; ConditionError when it describes none.

    ``zone`` is the server's offset from UTC, in which its records' times stand; ``knows`` tells
    whether a field path exists.
    """
    return _Parser(list(_tokens(text)), zone, knows).whole()


def _tokens(text: str) -> Iterator[Token]:
    text, place = text.rstrip(), 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ConditionError(f"unexpected character at {place}")
        yield Token(str(found.lastgroup), found[str(found.lastgroup)])
        place = found.end()


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, tokens: list[Token], zone: timedelta, knows: Knows) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self._zone = timezone(zone)
        self._knows = knows

    def whole(self) -> Test:
        test = self._any()
        if self._place < len(self._tokens):
            raise ConditionError(f"unexpected {self._tokens[self._place].text!r}")
        return test

    def _any(self) -> Test:
        tests = [self._all()]
        while self._take("or"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda record: any(each(record) for each in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._take("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda record: all(each(record) for each in tests)

    def _one(self) -> Test:
        if not self._take("("):
            return self._comparison()
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConditionError("too many brackets")
        test = self._any()
        self._need(")")
        self._depth -= 1
        return test

    def _comparison(self) -> Test:
        path = self._path()
        if self._take("not"):
            test = self._word_test(path)
            return lambda record: not test(record)
        sign = self._peek()
        if sign in _COMPARISONS:
            self._place += 1
            return _compare(path, sign, self._value(), self._zone)
        return self._word_test(path)

    def _word_test(self, path: list[str]) -> Test:
        if self._take("like"):
            pattern = _like(self._text())
            return lambda record: any(pattern.fullmatch(str(v)) for v in _values(record, path))
        if self._take("contains"):
            return _contains(path, self._value(), self._zone)
        self._need("in")
        self._need("(")
        tests = [_compare(path, "=", self._value(), self._zone)]
        while self._take(","):
            tests.append(_compare(path, "=", self._value(), self._zone))
        self._need(")")
        return lambda record: any(each(record) for each in tests)

    def _path(self) -> list[str]:
        token = self._next()
        if token.kind != "word" or token.word in _KEYWORDS:
            raise ConditionError(f"a field was expected, not {token.text!r}")
        path = token.text.split(".")
        if not self._knows(path):
            raise ConditionError(f"there is no field {token.text!r}")
        return path

    def _text(self) -> str:
        token = self._next()
        if token.kind != "text":
            raise ConditionError(f"a text in quotes was expected, not {token.text!r}")
        return token.text[1:-1]

    def _value(self) -> object:
        token = self._next()
        if token.kind == "text":
            return token.text[1:-1]
        if token.kind == "number":
            return float(token.text)
        if token.kind == "date":
            moment = _moment(token.text, self._zone)
            if moment is None:
                raise ConditionError(f"{token.text!r} is no date")
            return moment
        if token.word in {"true", "false"}:
            return token.word == "true"
        raise ConditionError(f"a value was expected, not {token.text!r}")

    def _peek(self) -> str:
        return self._tokens[self._place].word if self._place < len(self._tokens) else ""

    def _take(self, word: str) -> bool:
        found = self._peek() == word
        self._place += found
        return found

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise ConditionError(f"{word!r} was expected")

    def _next(self) -> Token:
        if self._place >= len(self._tokens):
            raise ConditionError("the condition ends too early")
        self._place += 1
        return self._tokens[self._place - 1]


def _values(record: object, path: list[str]) -> Iterator[object]:
    """Yield what stands at ``path``: every element's where a list is on the way."""
    if isinstance(record, list):
        for each in record:
            yield from _values(each, path)
    elif not path:
        yield record
    elif isinstance(record, Mapping):
        yield from _values(_member(record, path[0]), path[1:])


def _member(record: Record, name: str) -> object:
    if name in record:
        return record[name]
    wanted = name.lower()
    return next((value for key, value in record.items() if key.lower() == wanted), None)


def _compare(path: list[str], sign: str, wanted: object, zone: timezone) -> Test:
    holds = _HOLDS[sign]

    def test(record: Record) -> bool:
        values = list(_values(record, path)) or [None]
        return any(holds(_order(value, wanted, zone)) for value in values)

    return test


_HOLDS: dict[str, Callable[[int | None], bool]] = {
    "=": lambda order: order == 0,
    "eq": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order is not None and order < 0,
    "<=": lambda order: order is not None and order <= 0,
    ">": lambda order: order is not None and order > 0,
    ">=": lambda order: order is not None and order >= 0,
}


def _order(value: object, wanted: object, zone: timezone) -> int | None:
    """Return -1, 0 or 1 as ``value`` stands to ``wanted``, None when they do not compare."""
    if value is None:
        return None
    left, right = _alike(value, wanted, zone)
    if left == right:
        return 0
    try:
        return -1 if left < right else 1
    except TypeError:
        return None


def _alike(value: object, wanted: object, zone: timezone) -> tuple[Any, Any]:
    """Bring both sides to one type, as the database does: moments, truths, numbers, or text."""
    if isinstance(wanted, datetime):
        return _moment(str(value), zone), wanted
    if isinstance(wanted, bool):
        return bool(value), wanted
    try:
        return float(str(value)), float(str(wanted))
    except ValueError:
        return str(value).casefold(), str(wanted).casefold()


def _moment(text: str, zone: timezone) -> datetime | None:
    """Read a moment; one without a zone stands in the server's own. None when it is no moment."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _like(pattern: str) -> re.Pattern[str]:
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(each, re.escape(each)) for each in pattern)
    return re.compile(expression, re.IGNORECASE | re.DOTALL)


def _contains(path: list[str], wanted: object, zone: timezone) -> Test:
    """Test for a part of a text; a number is looked for as an element of a list."""
    if not isinstance(wanted, str):
        return _compare(path, "=", wanted, zone)
    needle = wanted.casefold()
    return lambda record: any(
        needle in str(value).casefold() for value in _values(record, path) if value is not None
    )
