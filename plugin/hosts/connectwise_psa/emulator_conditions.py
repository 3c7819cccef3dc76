"""The filter language of PSA lists: a real, small parser (vendor developer guide, conditions).

::

    expression = term {"or" term}
    term       = factor {"and" factor}
    factor     = "(" expression ")" | comparison
    comparison = path ("=" | "!=" | "<" | "<=" | ">" | ">=") literal
               | path ["not"] ("contains" | "like") text
               | path ["not"] "in" "(" literal {"," literal} ")"
    literal    = "text" | 'text' | number | True | False | null | [date-time]

Words and field names count in any letter case; so do texts, as the product's database compares
them. Nothing equals an unset field but ``null``. How a quote inside a text is written is not
known, so there is no escape for it here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

Path = tuple[str, ...]
Read = Callable[[Path], Any]
Test = Callable[[Read], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"[^"\\]*"|'[^'\\]*')
    | (?P<date>\[[^\]]*\])
    | (?P<number>-?\d+(?:\.\d+)?(?![\w/]))
    | (?P<word>[A-Za-z_][\w]*(?:/[A-Za-z_][\w]*)*)
    | (?P<sign>!=|<=|>=|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_DEEPEST = 50


class BadConditionError(ValueError):
    """The filter cannot be read; the text says why."""


class Token(NamedTuple):
    """One piece of a filter: its kind and its text as written."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter that was read.

    ``pins`` are the equalities every match must fulfil, so that a list can use an index.
    """

    test: Test
    pins: tuple[tuple[Path, Any], ...]
    paths: tuple[Path, ...]


def parse(text: str, *, knows_in: bool = True) -> Condition:
    """Read a filter; an empty one matches everything. BadConditionError when it cannot be read."""
    if not text.strip():
        return Condition(lambda read: True, (), ())
    parser = _Parser(_tokens(text), knows_in=knows_in)
    test = parser.expression(0)
    parser.end()
    return Condition(test, tuple(parser.pins), tuple(parser.paths))


def _tokens(text: str) -> list[Token]:
    tokens = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise BadConditionError(f"unexpected text at position {position}")
        tokens.append(Token(found.lastgroup, found.group(found.lastgroup)))
        position = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[Token], *, knows_in: bool) -> None:
        self._tokens = tokens
        self._at = 0
        self._knows_in = knows_in
        self._alternatives = 0
        self.pins: list[tuple[Path, Any]] = []
        self.paths: list[Path] = []

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise BadConditionError(f"unexpected {self._tokens[self._at].text!r}")
        if self._alternatives:
            self.pins.clear()

    def expression(self, depth: int) -> Test:
        if depth > _DEEPEST:
            raise BadConditionError("too many parentheses")
        tests = [self._term(depth)]
        while self._word("or"):
            self._alternatives += 1
            tests.append(self._term(depth))
        return tests[0] if len(tests) == 1 else lambda read: any(test(read) for test in tests)

    def _term(self, depth: int) -> Test:
        tests = [self._factor(depth)]
        while self._word("and"):
            tests.append(self._factor(depth))
        return tests[0] if len(tests) == 1 else lambda read: all(test(read) for test in tests)

    def _factor(self, depth: int) -> Test:
        if self._sign("("):
            test = self.expression(depth + 1)
            self._demand(")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        token = self._next("a field name")
        if token.kind != "word":
            raise BadConditionError(f"expected a field name, found {token.text!r}")
        path = tuple(token.text.lower().split("/"))
        self.paths.append(path)
        negated = self._word("not")
        for word, reader in (("contains", self._contains), ("like", self._like), ("in", self._in)):
            if self._word(word):
                return _maybe_not(reader(path), negated=negated)
        if negated:
            raise BadConditionError("'not' stands before contains, like and in only")
        return self._compare(path)

    def _contains(self, path: Path) -> Test:
        pattern = _pattern("*" + self._text() + "*")
        return lambda read: _matches(pattern, read(path))

    def _like(self, path: Path) -> Test:
        pattern = _pattern(self._text())
        return lambda read: _matches(pattern, read(path))

    def _in(self, path: Path) -> Test:
        if not self._knows_in:
            raise BadConditionError("'in' is not known here")
        self._demand("(")
        values = [self._literal()]
        while self._sign(","):
            values.append(self._literal())
        self._demand(")")
        return lambda read: any(_equal(read(path), value) for value in values)

    def _compare(self, path: Path) -> Test:
        sign = self._next("an operator").text
        if sign not in _ORDER and sign not in {"=", "!="}:
            raise BadConditionError(f"unknown operator {sign!r}")
        value = self._literal()
        if sign == "=":
            self.pins.append((path, value))
            return lambda read: _equal(read(path), value)
        if sign == "!=":
            return lambda read: _differs(read(path), value)
        order = _ORDER[sign]
        return lambda read: _ordered(order, read(path), value)

    def _text(self) -> str:
        token = self._next("a text")
        if token.kind != "text":
            raise BadConditionError(f"expected a text, found {token.text!r}")
        return token.text[1:-1]

    def _literal(self) -> Any:  # noqa: ANN401 - any JSON scalar or a moment
        token = self._next("a value")
        if token.kind == "text":
            return token.text[1:-1]
        if token.kind == "number":
            return float(token.text) if "." in token.text else int(token.text)
        if token.kind == "date":
            return _moment(token.text[1:-1])
        words = {"true": True, "false": False, "null": None}
        if token.kind == "word" and token.text.lower() in words:
            return words[token.text.lower()]
        raise BadConditionError(f"expected a value, found {token.text!r}")

    def _next(self, wanted: str) -> Token:
        if self._at >= len(self._tokens):
            raise BadConditionError(f"expected {wanted} at the end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _demand(self, sign: str) -> None:
        if not self._sign(sign):
            raise BadConditionError(f"expected {sign!r}")

    def _sign(self, sign: str) -> bool:
        return self._take(Token("sign", sign), lambda text: text)

    def _word(self, word: str) -> bool:
        return self._take(Token("word", word), str.lower)

    def _take(self, wanted: Token, form: Callable[[str], str]) -> bool:
        if self._at >= len(self._tokens):
            return False
        token = self._tokens[self._at]
        if token.kind != wanted.kind or form(token.text) != wanted.text:
            return False
        self._at += 1
        return True


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _maybe_not(test: Test, *, negated: bool) -> Test:
    return (lambda read: not test(read)) if negated else test


def _pattern(text: str) -> re.Pattern[str]:
    """Turn a wildcard text into a pattern; ``[[]`` is a literal bracket, ``[ab]`` a set."""
    parts = re.split(r"(\*|\[[^\]]*\])", text)
    return re.compile("".join(map(_piece, parts)), re.IGNORECASE | re.DOTALL)


def _piece(part: str) -> str:
    if part == "*":
        return ".*"
    if len(part) > 2 and part.startswith("[") and part.endswith("]"):
        return "[" + re.sub(r"([\\\[^])", r"\\\1", part[1:-1]) + "]"
    return re.escape(part)


def _matches(pattern: re.Pattern[str], value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _equal(value: Any, wanted: Any) -> bool:  # noqa: ANN401
    if value is None or wanted is None:
        return value is wanted
    if isinstance(value, str) and isinstance(wanted, str):
        return value.lower() == wanted.lower()
    left, right = _alike(value, wanted)
    return bool(left == right)


def _differs(value: Any, wanted: Any) -> bool:  # noqa: ANN401
    if wanted is None:
        return value is not None
    return value is not None and not _equal(value, wanted)


def _ordered(order: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:  # noqa: ANN401
    if value is None:
        return False
    left, right = _alike(value, wanted)
    if isinstance(left, str):
        left, right = left.lower(), right.lower()
    return order(left, right)


def _alike(value: Any, wanted: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return both in one type; BadConditionError when the field is of another kind."""
    if isinstance(wanted, datetime) and isinstance(value, str):
        return _moment(value), wanted
    if isinstance(value, bool) == isinstance(wanted, bool) and (
        isinstance(value, type(wanted))
        or (isinstance(value, int | float) and isinstance(wanted, int | float))
    ):
        return value, wanted
    raise BadConditionError(f"a {type(wanted).__name__} cannot be compared with this field")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadConditionError(f"not a date-time: {text[:40]!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
