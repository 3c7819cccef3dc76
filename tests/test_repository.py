"""The papers beside the code agree with it."""

import re
from pathlib import Path

import plugin

ROOT = Path(__file__).resolve().parents[1]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_top_of_the_changelog_is_the_package_version() -> None:
    top = re.search(r"^## (\S+)", text_of("CHANGELOG.md"), re.MULTILINE)
    assert top is not None
    assert top[1] == plugin.__version__


def test_no_download_address_is_in_a_lock_file() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert not re.search(r"://| @ |^-", text_of(name), re.MULTILINE), name


def test_both_lock_files_hold_the_same_versions() -> None:
    run, develop = (
        dict(re.findall(r"^([\w.-]+)==(\S+)", text_of(name), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert run.items() <= develop.items()


def test_each_feature_has_one_row_and_a_known_state() -> None:
    rows = re.findall(r"^\| ([A-Z]\d+[a-z]?) \| .* \| (.*) \|$", text_of("README.md"), re.MULTILINE)
    names = [name for name, _ in rows]
    assert len(names) == len(set(names)) == 87
    assert {state.split()[0].strip(",:;") for _, state in rows} <= {"works", "partly", "not"}


def test_the_read_me_maps_every_room() -> None:
    rooms = {path.name for path in (ROOT / "plugin").iterdir() if path.is_dir()} - {"__pycache__"}
    assert {room for room in rooms if f"`plugin/{room}/`" not in text_of("README.md")} == set()
