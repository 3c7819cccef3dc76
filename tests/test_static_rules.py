"""Rules over the source that no linter has: constant-time comparison, one door out, no secrets."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "plugin").rglob("*.py"))
SENSITIVE = re.compile(
    r"signature|csrf|hmac|_mac\b|secret$|password$|verifier|nonce", re.IGNORECASE
)
OWN_MACHINE = {"plugin/cli.py", "plugin/cli_shared.py", "plugin/supervisor.py"}
"""They ask this installation's own address on loopback, which is no address of anybody's choice."""
KEYS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/]{40}"
    r"|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}"
)


def named(node: ast.expr) -> str:
    """Return what a value is called; of a column of a table nothing, for SQL compares that."""
    if isinstance(node, ast.Attribute):
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        return "" if owner[:1].isupper() else node.attr
    if isinstance(node, ast.Call):
        return named(node.func)
    return node.id if isinstance(node, ast.Name) else ""


def comparisons(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            sides = [node.left, *node.comparators]
            if any(isinstance(each, ast.Constant) for each in sides):
                continue  # compared with a word of the program's own
            for side in sides:
                if SENSITIVE.search(named(side)):
                    yield node.lineno, named(side)


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_emulator(path: Path) -> bool:
    return "emulator" in path.name or "sandbox" in path.parts


def test_nothing_secret_is_compared_in_a_time_that_tells() -> None:
    found = [
        f"{place(path)}:{line} {name}"
        for path in SOURCES
        if not is_emulator(path)
        for line, name in comparisons(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == [], "use hmac.compare_digest"


def test_the_rule_sees_such_a_comparison() -> None:
    assert list(comparisons(ast.parse("if sent == self.signature(body): pass"))) == [
        (1, "signature")
    ]
    assert list(comparisons(ast.parse("User.password == given"))) == []


def test_no_address_is_called_past_the_guard() -> None:
    past = re.compile(r"\burlopen\(|http\.client|socket\.create_connection|\.connect_ex\(")
    guarded = {"pinned.py", "mail.py", "certificates.py"}
    allowed = OWN_MACHINE | {f"plugin/edge/{name}" for name in guarded}
    found = [place(path) for path in SOURCES if past.search(path.read_text(encoding="utf-8"))]
    assert set(found) <= allowed


def test_no_key_lies_in_the_source() -> None:
    texts = [*SOURCES, *(ROOT / "config").glob("*.toml"), *(ROOT / "tests").rglob("*.py")]
    found = [place(path) for path in texts if KEYS.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_every_finding_of_the_security_rules_that_stands_is_explained() -> None:
    left = re.compile(r"#\s*noqa:[^#]*\bS\d{3}\b(?!.* - \w)")
    found = [
        f"{place(path)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if left.search(line)
    ]
    assert found == [], "say behind it why it may stand"
