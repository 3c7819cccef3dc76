"""Take one protection of frames out of a copy of the tree: the browser's tests turn red for it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.table import Row

ROOT = Path(__file__).resolve().parents[1]
GUARD = "plugin/blueprints/guard.py"
CHECK = "tests/browser/test_embedded.py"
PARTS = ("plugin", "tests", "config", "pyproject.toml")

SABOTAGES: Mapping[str, Mapping[str, str]] = {
    "Partitioned": {"        partitioned=secure,\n": ""},
    "the CSRF check": {"        refuse_other_sites()\n        _form_token()\n": "        pass\n"},
    "frame-ancestors": {
        """f"{policy}; frame-ancestors {frames or chr(39) + 'none' + chr(39)}\"""": "policy"
    },
}


def run() -> list[Row]:
    """Run the browser's tests in each copy; a bar holds when they turned red for it."""
    return [_row(name, changes) for name, changes in SABOTAGES.items()]


def _row(name: str, changes: Mapping[str, str]) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy(copy)
        _change(copy / GUARD, changes)
        red = _failures(copy)
    ours = ", ".join(red) or "green"
    return Row("QE1", f"without {name}", ours, "", "", "red", bool(red))


def _copy(target: Path) -> None:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target / part, ignore=ignored)
        else:
            shutil.copy(source, target / part)


def _change(path: Path, changes: Mapping[str, str]) -> None:
    text = path.read_text("utf-8")
    for old, new in changes.items():
        if text.count(old) != 1:
            raise SystemExit(f"{path.name} no longer holds this once: {old.strip()}")
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def _failures(copy: Path) -> list[str]:
    """Return the tests that failed; SystemExit when they could not run at all."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=-p no:pytest_alembic",
        CHECK,
    ]
    around = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        command, cwd=copy, env=around, capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode not in {0, 1} or not re.search(r"\d+ (passed|failed)", done.stdout):
        raise SystemExit(f"the browser's tests could not run:\n{done.stdout[-2000:]}")
    return re.findall(r"^FAILED \S+?::(\S+)", done.stdout, re.MULTILINE)
