"""The search filter of the Security Center emulator: LDAP-like, as the reference describes it.

``(&(KLHST_WKS_DN="pc*")(KLHST_WKS_STATUS_ID<>0)(KLHST_WKS_STATUS&1<>0))``; an empty text finds all.
"""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from plugin.vendors.kaspersky.emulator_center_facts import bad_format

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<bracket>[()])|(?P<join>[&|!](?=\s*\())|(?P<text>T?"(?:[^"\\]|\\.)*")
    |(?P<operator><>|<=|>=|=|<|>)|(?P<bits>&)|(?P<number>-?\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*))""",
    re.VERBOSE,
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "<>": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    ">": lambda left, right: bool(left > right),
    "<=": lambda left, right: bool(left <= right),
    ">=": lambda left, right: bool(left >= right),
}


def read_filter(text: str) -> Test:
    """Return the test that ``text`` describes; PxgFault when it cannot be read."""
    if not text.strip():
        return lambda row: True
    tokens = _Tokens(text)
    test = _expression(tokens)
    if tokens.kind != "end":
        raise bad_format("filter")
    return test


class _Tokens:
    """The words of a filter, one at a time: ``kind`` and ``value`` of the present one."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text.rstrip(), 0
        self.kind, self.value = "", ""
        self.next()

    def next(self) -> str:
        """Move on and return the word that was present."""
        passed = self.value
        if self._at >= len(self._text):
            self.kind, self.value = "end", ""
            return passed
        found = _TOKEN.match(self._text, self._at)
        if found is None or found.lastgroup is None:
            raise bad_format("filter")
        self._at = found.end()
        self.kind, self.value = found.lastgroup, found[found.lastgroup]
        return passed

    def expect(self, value: str) -> None:
        if self.value != value:
            raise bad_format("filter")
        self.next()


def _expression(tokens: _Tokens) -> Test:
    if tokens.value != "(":
        return _comparison(tokens)
    tokens.next()
    test = _joined(tokens) if tokens.kind == "join" else _expression(tokens)
    tokens.expect(")")
    return test


def _joined(tokens: _Tokens) -> Test:
    join = tokens.next()
    parts = []
    while tokens.value == "(":
        parts.append(_expression(tokens))
    if join == "!":
        return lambda row: not parts[0](row)
    if join == "&":
        return lambda row: all(part(row) for part in parts)
    return lambda row: any(part(row) for part in parts)


def _comparison(tokens: _Tokens) -> Test:
    if tokens.kind != "name":
        raise bad_format("filter")
    name, bits = tokens.next(), None
    if tokens.kind == "bits":
        tokens.next()
        bits = int(tokens.next())
    if tokens.kind != "operator":
        raise bad_format("filter")
    compare = _COMPARE[tokens.next()]
    if tokens.kind == "text":
        return _text_test(name, compare, tokens.next())
    if tokens.kind != "number":
        raise bad_format("filter")
    wanted = int(tokens.next())
    return lambda row: compare(_number(row, name, bits), wanted)


def _number(row: Row, name: str, bits: int | None) -> int:
    value = row.get(name, 0)
    number = int(value) if isinstance(value, int) else 0
    return number if bits is None else number & bits


def _text_test(name: str, compare: Callable[[Any, Any], bool], quoted: str) -> Test:
    if quoted.startswith("T"):
        wanted = quoted[2:-1].replace(" ", "T")
        return lambda row: compare(str(row.get(name, {}).get("value", ""))[:19], wanted)
    wanted = re.sub(r"\\(.)", r"\1", quoted[1:-1])
    if "*" in wanted and compare is _COMPARE["="]:
        pattern = wanted.casefold()
        return lambda row: fnmatchcase(str(row.get(name, "")).casefold(), pattern)
    return lambda row: compare(str(row.get(name, "")), wanted)
