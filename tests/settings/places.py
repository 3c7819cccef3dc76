"""Folders with real files, as an operator would leave them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from plugin.domain.errors import ConfigError
from plugin.settings import load


def write_local(root: Path, text: str) -> Path:
    (root / "config").mkdir(exist_ok=True)
    path = root / "config" / "local.toml"
    path.write_text(text, encoding="utf-8")
    return path


def write_host_file(root: Path, value: str, key: str = "KESCloudServer") -> Path:
    path = root / "Automate.config"
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<configuration>\n <appSettings>\n'
        f'  <add key="Other" value="1"/>\n  <add key="{key}" value="{value}"/>\n'
        " </appSettings>\n</configuration>\n",
        encoding="utf-8",
    )
    return path


def problems_of(root: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(environ, root=root)
    return caught.value.problems
