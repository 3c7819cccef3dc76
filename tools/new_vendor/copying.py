"""Copying the skeleton, and the lines that make the project know the copy."""

import keyword
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SKELETON = Path(__file__).parent / "skeleton"
LONGEST = 30
EXAMPLE = "such as acme_shield"


class NameRefusedError(Exception):
    """The name cannot be a vendor's; the text says why."""


@dataclass(frozen=True, slots=True)
class Names:
    """The forms of a vendor's name.

    >>> Names("acme_shield").title, Names("acme_shield").type, Names("acme_shield").host
    ('Acme Shield', 'AcmeShield', 'acme-shield')
    """

    name: str

    @property
    def title(self) -> str:
        """As people write it."""
        return " ".join(part.capitalize() for part in self.name.split("_"))

    @property
    def type(self) -> str:
        """As a class is called."""
        return self.title.replace(" ", "")

    @property
    def host(self) -> str:
        """As a server may be called."""
        return self.name.replace("_", "-")

    def fill(self, text: str) -> str:
        """Return ``text`` of the skeleton with the names put in."""
        forms = {"NAME": self.name, "TITLE": self.title, "CLASS": self.type, "HOST": self.host}
        for word, form in forms.items():
            text = text.replace(f"SAMPLE_{word}", form)
        return text


def add_vendor(root: Path, name: str) -> list[Path]:
    """Copy the skeleton into the tree at ``root`` and register it; return what was written.

    NameRefusedError, before anything is written, for a name that is no good or already taken.
    """
    _refuse(root, name)
    names = Names(name)
    changed = _registered(root, names)
    written = [*_copy("vendor", root / "plugin" / "vendors" / name, names)]
    written += _copy("tests", root / "tests" / "vendors" / name, names)
    for path, text in changed.items():
        path.write_text(text, "utf-8")
    written += changed
    _tidy(root, [path for path in written if path.suffix == ".py"])
    return written


def _refuse(root: Path, name: str) -> None:
    if not name:
        raise NameRefusedError(f"say the name: make new-vendor NAME=…, {EXAMPLE}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > LONGEST:
        raise NameRefusedError(
            f"{name!r} is no name for a vendor: small letters, digits and single underscores, "
            f"a letter first, at most {LONGEST} characters, {EXAMPLE}"
        )
    if keyword.iskeyword(name) or name in sys.stdlib_module_names:
        raise NameRefusedError(f"{name!r} is a word of Python itself; choose another, {EXAMPLE}")
    for folder in (root / "plugin" / "vendors" / name, root / "tests" / "vendors" / name):
        if folder.exists():
            raise NameRefusedError(f"{folder.relative_to(root)} is there already; nothing changed")


def _copy(part: str, target: Path, names: Names) -> list[Path]:
    """Write a folder of the skeleton; its files end in .txt so that no tool takes them for code."""
    target.mkdir(parents=True)
    written = []
    for source in sorted((SKELETON / part).iterdir()):
        path = target / source.name.removesuffix(".txt")
        path.write_text(names.fill(source.read_text("utf-8")), "utf-8")
        written.append(path)
    return written


def _registered(root: Path, names: Names) -> dict[Path, str]:
    """Return the files that name adapters, with the new one in them."""
    module = f"plugin.vendors.{names.name}"
    emulator = f"from {module}.emulator import {names.type}Emulator\n"
    adapter = f"from {module}.adapter import {names.type}\n"
    candidate = f'    "{names.name}": Candidate({names.type}, {names.type}Emulator),\n'
    judged = f'    "{names.name}": lambda exchange: plain("vendors/{names.name}/openapi.json"),\n'
    suite = f'Test{names.type} = vendor_contract("{names.name}")\n'
    contracts, pages = "tests/contracts", "tests/blueprints"
    told = '"Sign in", "does not accept", "new key", {"api_key": "not-it"}'
    refusal = f'    Refusal("{names.name}", PASSWORD, {told}),\n'
    told = '"Read clients and devices", "new key", {"may_read": False}'
    taken = f'    Taken("{names.name}", {told}),\n'
    plan = {
        "plugin/sandbox/emulators.py": [
            ("import", emulator),
            ("        AutomateEmulator,\n", f"        {names.type}Emulator,\n"),
        ],
        f"{contracts}/vendors.py": [
            ("import", adapter + emulator),
            ("VENDORS: dict[str, Candidate] = {\n", candidate),
        ],
        f"{contracts}/independent.py": [
            ("PUBLISHED: dict[str, Callable[[Exchange], Document | None]] = {\n", judged)
        ],
        f"{pages}/refusals.py": [("REFUSALS = (\n", refusal)],
        f"{pages}/rights_taken.py": [("TAKEN = (\n", taken)],
        "tests/vendors/test_contract.py": [
            ('TestKasperskySecurityCenter = vendor_contract("kaspersky_ksc")\n', suite)
        ],
    }
    return {root / file: _with_lines(root / file, lines) for file, lines in plan.items()}


def _with_lines(path: Path, lines: list[tuple[str, str]]) -> str:
    """Return a file's text with each new line after the line that it belongs to."""
    text = path.read_text("utf-8")
    for anchor, line in lines:
        mark = _last_import(text) if anchor == "import" else anchor
        if text.count(mark) != 1:
            raise NameRefusedError(f"{path.name} has no single line {mark.strip()!r} to go on from")
        text = text.replace(mark, mark + line)
    return text


def _last_import(text: str) -> str:
    """Return the last whole import line; ruff puts what follows it into its order."""
    return str(re.findall(r"^from plugin\.\S+ import \w+\n", text, re.MULTILINE)[-1])


def _tidy(root: Path, files: list[Path]) -> None:
    """Let ruff put imports in order and wrap what the name made too long, or too short."""
    ruff = [sys.executable, "-m", "ruff"]
    names = [str(path) for path in files]
    quiet = ["--quiet", "--no-cache"]
    for step in (["format"], ["check", "--fix"], ["format"]):
        subprocess.run([*ruff, *step, *quiet, *names], cwd=root, check=True)


def next_steps(name: str) -> str:
    """Return what a person does next."""
    folder = f"plugin/vendors/{name}"
    return f"""
{Names(name).title} is here and green: make test ARGS="tests/vendors -k {Names(name).type}"
Next, in this order (README, "Add a vendor", says more):
  1. {folder}/openapi.json, openapi.SOURCE.txt   the vendor's own description, and where it is from
  2. {folder}/emulator.py                        answers as the documentation says
  3. {folder}/fields.py, check.py                what a person types in; what a refusal means
  4. {folder}/wire.py, adapter.py                their shapes into ours; then one ability at a time
  5. README.md, map of rooms and row C5 beside it; CHANGELOG.md: one line each
"""
