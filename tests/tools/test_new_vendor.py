"""The recipe of the README: a vendor made from the skeleton is green at once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.new_vendor.copying import NameRefusedError, add_vendor

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("plugin", "tests", "tools", "config")
GENERATED = ("tests/blueprints/test_ladder.py", "tests/blueprints/test_rights.py")
"""What is tried with every kind there is."""
NEW = "AcmeShield or acme_shield or published or has_its_case"
KIT = ("tests/vendors", "tests/contracts", *GENERATED, "-k", NEW)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the recipe touches."""
    unwanted = shutil.ignore_patterns("static")  # what is compiled already stays so
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(tree: Path, *command: str) -> str:
    """Run a module of Python in the copy; return what it printed when it fails."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def files(tree: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_new_vendor_is_green_at_once(tree: Path) -> None:
    assert run(tree, "tools.new_vendor", "acme_shield") == ""
    made = [*map(str, tree.glob("*/vendors/acme_shield")), "plugin/sandbox", "tests/contracts"]
    assert run(tree, "ruff", "check", "--no-cache", *made) == ""
    assert run(tree, "ruff", "format", "--check", "--no-cache", *made) == ""
    assert run(tree, "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", *KIT) == ""


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("BRIDGEHEAD_SOAK"), reason="left to the soak: it is long")
def test_a_new_vendor_that_breaks_its_contract_is_found(tree: Path) -> None:
    add_vendor(tree, "acme_shield")
    adapter = tree / "plugin/vendors/acme_shield/adapter.py"
    good = adapter.read_text("utf-8")
    adapter.write_text(good.replace('"pageSize"', '"rows"'), "utf-8")
    told = run(tree, "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", *KIT)
    assert "query parameter 'rows' is not described" in told  # by the emulator
    assert "query 'rows' is not described" in told  # by openapi-core


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "say the name"),
        ("Acme", "no name for a vendor"),
        ("acme-shield", "no name for a vendor"),
        ("../acme", "no name for a vendor"),
        ("a" * 31, "at most 30 characters"),
        ("class", "a word of Python"),
        ("eset", "is there already"),
    ],
)
def test_a_bad_name_is_refused_and_nothing_is_written(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "plugin" / "vendors" / "eset").mkdir(parents=True)
    before = files(tmp_path)
    with pytest.raises(NameRefusedError, match=why):
        add_vendor(tmp_path, name)
    assert files(tmp_path) == before
