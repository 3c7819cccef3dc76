"""Builds the bridge program as one file of pure Python: ``make bridge-file``.

It holds the bridge, the vendors without their emulators, and the libraries they load, without
anything compiled; the same sources make the same bytes. ``python bridgehead-bridge.pyz`` runs it.
"""

import json
import subprocess
import sys
import zipfile
from importlib.metadata import files, packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "dist" / "bridgehead-bridge.pyz"
START = "import sys\n\nfrom plugin.bridge.program import main\n\nsys.exit(main())\n"
COMPILED = {".so", ".pyd", ".dll", ".dylib"}
_ASK = (
    "import json, sys, plugin.bridge.program, plugin.edge.discovery, plugin.vendors;"
    "plugin.edge.discovery.find_adapters(plugin.vendors);"
    "print(json.dumps({n: getattr(m, '__file__', None) for n, m in sys.modules.items()}))"
)


def loaded() -> dict[str, str]:
    """Return the modules that the bridge program loads, with their files."""
    answer = subprocess.run(
        [sys.executable, "-c", _ASK], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found: dict[str, str | None] = json.loads(answer.stdout)
    return {name: file for name, file in found.items() if file}


def own_files(modules: dict[str, str]) -> dict[str, Path]:
    """Return our own files by their place in the archive."""
    own = [Path(file) for name, file in modules.items() if name.split(".")[0] == "plugin"]
    return {path.relative_to(ROOT).as_posix(): path for path in own}


def libraries(modules: dict[str, str]) -> dict[str, Path]:
    """Return the whole of every library that is loaded, licences too, but nothing compiled."""
    owners = packages_distributions()
    wanted = {
        owners[name.split(".")[0]][0]
        for name, file in modules.items()
        if "site-packages" in file and name.split(".")[0] in owners
    }
    found = {}
    for distribution in sorted(wanted):
        for each in files(distribution) or ():
            path = Path(str(each.locate()))
            if each.parts[0] != ".." and _belongs(path):
                found[each.as_posix()] = path
    return found


def _belongs(path: Path) -> bool:
    odd = path.suffix in {*COMPILED, ".pyc"} or "__pycache__" in path.parts
    record = path.parent.name.endswith(".dist-info") and path.name not in {"METADATA", "LICENSE"}
    return path.is_file() and not odd and not record


def build(target: Path = TARGET) -> Path:
    """Write the file; returns where it is."""
    modules = loaded()
    content = {**libraries(modules), **own_files(modules)}
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", START.encode())
        for name, path in sorted(content.items()):
            _add(archive, name, path.read_bytes())
    return target


def _add(archive: zipfile.ZipFile, name: str, body: bytes) -> None:
    about = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    about.compress_type = zipfile.ZIP_DEFLATED
    about.external_attr = 0o644 << 16
    archive.writestr(about, body)


if __name__ == "__main__":
    made = build()
    print(f"{made.relative_to(ROOT)}: {made.stat().st_size // 1024} KiB of pure Python")
