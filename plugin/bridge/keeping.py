"""What the bridge program keeps on disk: where its server is, and its own secret."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from plugin.domain.errors import ConfigError

FILE = "bridge.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """The server's address and this bridge's secret there; no vendor's secret is ever kept."""

    server: str
    secret: str = field(repr=False)


def load(folder: Path) -> Kept | None:
    """Return what an earlier run kept; ConfigError when the file cannot be read."""
    try:
        said = json.loads((folder / FILE).read_text("utf-8"))
        return Kept(str(said["server"]), str(said["secret"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"{folder / FILE} cannot be read ({type(error).__name__}); delete it and enrol again"
        raise ConfigError([text]) from None


def save(folder: Path, kept: Kept) -> None:
    """Write the file anew, readable for this account alone; a crash leaves the old one or ours."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{FILE}.new"
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(kept), file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / FILE)
