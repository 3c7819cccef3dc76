"""Looks for secrets in what a program leaves behind, in every spelling that gives them away."""

import base64
import html
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, quote_plus


def spellings(secret: str) -> set[bytes]:
    """Return how a secret may stand in a text: plain, escaped, hex, base64 at every offset."""
    raw = secret.encode()
    found = {raw, json.dumps(secret)[1:-1].encode(), html.escape(secret).encode()}
    found |= {quote(secret, safe="").encode(), quote_plus(secret).encode(), quote(secret).encode()}
    found |= {raw.hex().encode(), raw.hex().upper().encode(), secret.encode("utf-16-le")}
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The ends depend on what stands beside it; the middle does not.
            whole = encode(b"\0" * offset + raw)
            found.add(whole[4 if offset else 0 : len(whole) // 4 * 4 - 4])
    return {each for each in found if len(each) >= 8}


class Haystack:
    """Everything that was looked at, and what was found in it."""

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        """Look for ``secrets``: what each is, and its value."""
        self.needles = [(name, each) for name, secret in secrets for each in spellings(secret)]
        self.places = 0
        self.size = 0
        self.found: list[str] = []

    def look(self, place: str, content: bytes) -> None:
        """Look in one place."""
        self.places += 1
        self.size += len(content)
        hits = {name for name, needle in self.needles if needle in content}
        self.found += [f"{name} in {place}" for name in sorted(hits)]

    def look_in_files(self, folder: Path, leave_out: Iterable[str]) -> None:
        """Look in every file below ``folder``, in packed ones too."""
        left_out = set(leave_out)
        for path in sorted(folder.rglob("*")):
            parts = set(path.relative_to(folder).parts)
            if path.is_file() and not parts & left_out:
                for name, content in _opened(path):
                    self.look(name, content)


def _opened(path: Path) -> Iterator[tuple[str, bytes]]:
    content = path.read_bytes()
    yield path.name, content
    try:
        with tarfile.open(fileobj=BytesIO(content)) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member)
                if file is not None:
                    yield f"{path.name}: {member.name}", file.read()
    except (tarfile.TarError, zlib.error):
        return
