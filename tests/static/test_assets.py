"""What plugin/static and plugin/templates hold is ours or known, and all of it fits together."""

import hashlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "plugin" / "static"
TEMPLATES = sorted((ROOT / "plugin" / "templates").rglob("*.html"))


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "tools" / "refresh_assets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def test_every_listed_asset_is_the_one_that_was_fetched() -> None:
    listed = [line.split("  ") for line in text_of("SHA256SUMS").splitlines()]
    assert {"bootstrap.min.css", "htmx.min.js", "licences/htmx.txt"} <= {name for _, name in listed}
    for checksum, name in listed:
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == checksum, name


def test_the_undecided_reader_gets_the_same_dark_rules() -> None:
    assert text_of("theme-auto.css") == tool().theme_auto(), "run: make assets ARGS=--offline"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_page_carries_inline_script_or_style(template: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|\shx-on|javascript:|[\"']js:", text)


def test_nothing_is_loaded_from_elsewhere() -> None:
    ours = [*TEMPLATES, *(STATIC / n for n in ("bridgehead.css", "bridgehead.js", "icons.svg"))]
    for file in ours:
        found = re.findall(r"https?://[^\s\"']+", file.read_text(encoding="utf-8"))
        assert set(found) <= {"http://www.w3.org/2000/svg"}, file


def test_every_icon_that_a_template_names_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', text_of("icons.svg")))
    for template in TEMPLATES:
        named = re.findall(r'icon\("([^"]+)"', template.read_text(encoding="utf-8"))
        assert set(named) <= drawn, template.name
