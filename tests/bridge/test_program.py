"""The bridge program as one file, run by a Python that has nothing installed."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

from plugin.bridge import keeping
from plugin.bridge.keeping import Kept
from plugin.bridge.program import main
from plugin.bridge.server import Server
from plugin.domain.errors import ConfigError
from plugin.services.bridges import registry
from plugin.store.base import db
from plugin.store.mirror import DeviceRow
from tests.bridge.test_life import empty_mirror
from tests.bridge.yard import Yard
from tests.house import VENDOR
from tools.bridge_file import build

SECONDS = 20.0


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the file once."""
    return build(tmp_path_factory.mktemp("dist") / "bridge.pyz")


def test_the_file_holds_nothing_compiled_and_no_emulator(file: Path) -> None:
    names = zipfile.ZipFile(file).namelist()
    assert not [each for each in names if each.endswith((".so", ".pyd", ".pyc"))]
    assert not [each for each in names if "emulator" in each or "flask" in each.casefold()]
    assert "plugin/vendors/kaspersky/center.py" in names


@pytest.mark.skipif(not os.environ.get("BRIDGEHEAD_SOAK"), reason="left to the soak: it is long")
def test_the_file_enrols_fetches_and_keeps_no_vendors_secret(
    file: Path, yard: Yard, tmp_path: Path
) -> None:
    runtime = yard.house.runtime
    bridge = registry.name(runtime, "tester", "pc1")
    token = registry.new_token(runtime, "tester", bridge)
    registry.place(runtime, "tester", bridge, yard.integration.id)
    db.session.commit()
    empty_mirror()
    folder = tmp_path / "its own"
    folder.mkdir()
    command = [sys.executable, "-I", "-S", str(file), "--data", str(folder)]
    told = ["--server", yard.server.origin, "--token", token, "--enrol"]
    assert subprocess.run([*command, *told], cwd=folder, timeout=30, check=False).returncode == 0
    program = subprocess.Popen(command, cwd=folder, env={})
    try:
        assert fetched(yard) > 0
        seen = "\0".join(psutil.Process(program.pid).cmdline())
        seen += repr(psutil.Process(program.pid).environ())
        seen += "".join(each.read_text("utf-8") for each in folder.rglob("*") if each.is_file())
        checked = subprocess.run([*command, "--check"], timeout=30, check=False)
        assert checked.returncode == 0
    finally:
        program.terminate()
        program.wait(15)
    settings = yard.house.emulators[VENDOR].connection_settings()
    kind = runtime.adapter_class(VENDOR)
    secrets = [settings.get(each.name, "") for each in kind.fields if each.secret]
    assert [each for each in secrets if each]
    assert not [each for each in secrets if each and each in seen]
    assert (folder / keeping.FILE).stat().st_mode & 0o077 == 0


def fetched(yard: Yard) -> int:
    """Wait until the bridge's work is stored; returns how many devices there are."""
    until = time.monotonic() + SECONDS
    asked = False
    while time.monotonic() < until:
        db.session.rollback()
        if not asked and any(each.online for each in registry.everyone()):
            yard.ask()
            asked = True
        yard.house.work_all()
        if found := db.session.scalar(select(func.count()).select_from(DeviceRow)):
            return found
        time.sleep(0.1)
    return 0


def test_only_https_is_spoken_beyond_this_machine() -> None:
    with pytest.raises(ConfigError, match="https"):
        Server("http://bridgehead.example.com")


def test_what_is_kept_is_kept_whole(tmp_path: Path) -> None:
    assert keeping.load(tmp_path) is None
    keeping.save(tmp_path, Kept("https://a.example", "one"))
    keeping.save(tmp_path, Kept("https://a.example", "two"))
    assert keeping.load(tmp_path) == Kept("https://a.example", "two")
    assert "two" not in repr(keeping.load(tmp_path))
    (tmp_path / keeping.FILE).write_text("{", "utf-8")
    with pytest.raises(ConfigError, match="delete it and enrol again"):
        keeping.load(tmp_path)


def test_a_first_start_without_a_token_says_what_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path)]) == 2
    assert "--server URL and --token TOKEN" in capsys.readouterr().err
    assert main(["--data", str(tmp_path), "--check"]) == 1
    assert "failed  Enrolled: not enrolled yet" in capsys.readouterr().out
