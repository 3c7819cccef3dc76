"""QS15: changes made to the code that guards, one at a time by mutmut; the tests must see them.

mutmut stands in an environment of its own (``.venv/mutation``) beside the project's packages: its
dependencies are none of ours. Not counted are changes of words alone, for a test that knows every
word by heart protects nobody: sentences (a text with a blank in it), what an error says, the names
of types and threads, the letter case of a codec. What survived is printed.

``BRIDGEHEAD_SOAK_MUTATE=sealing,signature`` picks subjects.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.table import Row

ROOT = Path(__file__).resolve().parents[1]
TOOL = ROOT / ".venv" / "mutation"
PARTS = ("plugin", "tests", "config", "tools", "soak", "bench", "docs", "pyproject.toml")
BAR = 0.9
UNSEEN = {0, 5, 33, 34}
"""Exit codes of a mutant that survived, or that no test has met."""

MARK = "__mutmut_"


ENTERING = (
    *("person", "scope", "open_to_limited", "undeclared", "_rules_of", "_answering"),
    *("_enter", "_bearer", "_by_role", "collections", "_in_scope", "recognise"),
    *("_recognise_bearer", "_recognise_cookie", "refuse_other_sites", "_form_token"),
)
PROVING = (
    *("covers", "sign_in", "_user_with", "_matches", "change_password", "session_of", "living"),
    *("person_of", "limit_of", "end_session", "create_token", "find_token", "revoke_token"),
    "person_with_token",
)
CODES = ("offered", "turn_on", "answer", "check", "_takes", "_step_of")
"""Who may enter, and as whom. Cookies and headers stand beside it; browsers try those."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Some files, and the tests that are there to guard them; ``only`` names functions by glob."""

    files: tuple[str, ...]
    tests: tuple[str, ...]
    only: tuple[str, ...] = ()


SUBJECTS: Mapping[str, Subject] = {
    "sealing": Subject(
        ("plugin/vault.py", "plugin/services/journal.py"),
        ("tests/test_vault.py", "tests/services/test_journal.py"),
    ),
    "signature": Subject(
        (
            "plugin/hosts/connectwise_automate/signature.py",
            "plugin/hosts/connectwise_psa/proof.py",
            "plugin/hosts/connectwise_psa/signing.py",
            "plugin/hosts/tigerpaw/signature.py",
            "plugin/services/vouchers.py",
            "plugin/services/bearers.py",
        ),
        (
            "tests/hosts/connectwise_automate/test_signature.py",
            "tests/hosts/connectwise_automate/test_webhooks.py",
            "tests/hosts/connectwise_psa/test_key_shelf.py",
            "tests/hosts/connectwise_psa/test_proof.py",
            "tests/hosts/connectwise_psa/test_signing.py",
            "tests/hosts/tigerpaw/test_signature.py",
            "tests/services/test_second_factor.py",
            "tests/blueprints/test_embedding.py",
        ),
    ),
    "address guard": Subject(
        ("plugin/edge/addresses.py", "plugin/edge/pinned.py"),
        (
            "tests/edge/test_addresses.py",
            "tests/edge/test_certificates.py",
            "tests/edge/test_http.py",
            "tests/edge/test_pinned.py",
        ),
    ),
    "access rules": Subject(
        (
            "plugin/blueprints/guard.py",
            "plugin/services/access.py",
            "plugin/services/guessing.py",
            "plugin/services/second_factor.py",
        ),
        (
            "tests/services/test_access.py",
            "tests/services/test_second_factor.py",
            "tests/blueprints/api/test_access.py",
            "tests/blueprints/pages/test_access.py",
            "tests/blueprints/test_doors.py",
        ),
        (
            *(f"plugin.blueprints.guard.x_{name}__*" for name in ENTERING),
            *(f"plugin.services.access.*{name}__*" for name in PROVING),
            "plugin.services.guessing.*",
            *(f"plugin.services.second_factor.x_{name}__*" for name in CODES),
        ),
    ),
}


def run() -> list[Row]:
    """Mutate the subjects one after the other; it takes hours on two processors."""
    _install()
    picked = os.environ.get("BRIDGEHEAD_SOAK_MUTATE", "")
    names = picked.split(",") if picked else list(SUBJECTS)
    return [_row(name, SUBJECTS[name]) for name in names]


def _install() -> None:
    if (TOOL / "bin" / "mutmut").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(TOOL)], check=True)
    subprocess.run([TOOL / "bin" / "pip", "install", "--quiet", "mutmut==3.8.1"], check=True)
    inside = next((TOOL / "lib").glob("python*")) / "site-packages"
    ours = next((ROOT / ".venv" / "lib").glob("python*")) / "site-packages"
    (inside / "zz-project.pth").write_text(f"{ours}\n", "utf-8")


def _row(name: str, subject: Subject) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _prepare(copy, subject)
        command = [TOOL / "bin" / "mutmut", "run", "--max-children", "1", *subject.only]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        found = {file: _verdicts(copy, file) for file in subject.files}
    if not any(found.values()):
        raise SystemExit(f"mutmut could not run:\n{(done.stdout + done.stderr)[-3000:]}")
    killed = sum(is_killed for verdicts in found.values() for _, is_killed in verdicts)
    total = sum(len(verdicts) for verdicts in found.values())
    for file, verdicts in found.items():
        part = sum(is_killed for _, is_killed in verdicts)
        print(f"{file}: {part} of {len(verdicts)}", *_survivors(verdicts), sep="\n  ")
    ours = f"{killed} of {total} killed: {killed / total:.1%}"
    return Row("QS15", name, ours, "", "", f"≥ {BAR:.0%}", killed / total >= BAR)


def _prepare(copy: Path, subject: Subject) -> None:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, copy / part, ignore=ignored)
        else:
            shutil.copy(source, copy / part)
    lines = ["[mutmut]", "source_paths=plugin", "use_git_change_detection=false"]
    lists = {
        "only_mutate": subject.files,
        "also_copy": ("config", "tools", "soak", "bench", "docs"),
        "pytest_add_cli_args_test_selection": subject.tests,
        "pytest_add_cli_args": ("-p", "no:cacheprovider"),
    }
    for name, values in lists.items():
        lines += [f"{name}=", *(f"    {value}" for value in values)]
    (copy / "setup.cfg").write_text("\n".join(lines) + "\n", "utf-8")


Verdicts = list[tuple[str, bool]]
"""What each change was, and whether a test saw it."""


def _verdicts(copy: Path, file: str) -> Verdicts:
    made = copy / "mutants" / file
    meta = made.with_name(made.name + ".meta")
    if not meta.exists():
        return []
    codes: dict[str, int | None] = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
    changes = dict(_changes(made.read_text("utf-8")))
    named = {name.rpartition(".")[2]: code for name, code in codes.items() if code is not None}
    return [(changes[name], code not in UNSEEN) for name, code in named.items() if name in changes]


def _changes(text: str) -> Iterator[tuple[str, str]]:
    """Yield each mutant's name and its change, but for those that only change a sentence."""
    functions = {
        node.name: node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and MARK in node.name
    }
    for name, node in functions.items():
        stem, _, number = name.rpartition(MARK)
        original = functions[f"{stem}{MARK}orig"]
        if number != "orig" and _told(node) != _told(original):
            yield name, f"{stem}: {_difference(original, node)}"


def _told(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return a function's body with what is words alone left out."""
    body = ast.parse("\n".join(ast.unparse(each) for each in node.body))
    for each in ast.walk(body):
        if isinstance(each, ast.Raise) and isinstance(each.exc, ast.Call):
            each.exc.args = [_without_words(given) for given in each.exc.args]
        if isinstance(each, ast.Call):
            _leave_out_names(each)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and " " in each.value:
            each.value = "a sentence"
    return ast.unparse(body)


def _without_words(given: ast.expr) -> ast.expr:
    is_words = isinstance(given, ast.JoinedStr) or (
        isinstance(given, ast.Constant) and isinstance(given.value, str | None)
    )
    return ast.Constant("words") if is_words else given


def _leave_out_names(call: ast.Call) -> None:
    """Leave out names that nothing asks for: of a type that is made or cast to, of a thread."""
    named = ast.unparse(call.func).rpartition(".")[2]
    if named in {"cast", "type"} and call.args:
        call.args[0] = ast.Constant("name") if len(call.args) > 1 else call.args[0]
    if named == "Thread":
        call.keywords = [each for each in call.keywords if each.arg != "name"]
    if named in {"encode", "decode", "read_text", "fdopen"}:
        for given in [*call.args, *(each.value for each in call.keywords)]:
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                given.value = given.value.lower()


def _difference(before: ast.AST, after: ast.AST) -> str:
    """Return the first line that differs, as it was and as it became."""
    lines = zip(
        ast.unparse(before).split("\n")[1:], ast.unparse(after).split("\n")[1:], strict=False
    )
    was, became = next((pair for pair in lines if pair[0] != pair[1]), ("", "?"))
    return f"{was.strip()}  →  {became.strip()}"


def _survivors(verdicts: Verdicts) -> list[str]:
    return [change for change, is_killed in verdicts if not is_killed]
