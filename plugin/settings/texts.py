"""Turn what people write into values; ValueError says what would have been right.

No text here repeats a value that may hold a password.
"""

import base64
import binascii
import ipaddress
import math
import os
from collections.abc import Callable
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

SWITCHES = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}
LAST_PORT = 65_535


def switch(text: str) -> bool:
    """Read on or off."""
    if text.lower() not in SWITCHES:
        raise ValueError("must be on or off")
    return SWITCHES[text.lower()]


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a reader of whole numbers in a range."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not lowest <= int(text[:12]) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return int(text)

    return read


def seconds(text: str) -> float:
    """Read a time in seconds, more than none and at most a day."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 86_400:
        raise ValueError("must be a number of seconds, more than 0 and at most 86400")
    return value


def pause(text: str) -> float:
    """Read a time in seconds that may be none, at most five minutes."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 300:
        raise ValueError("must be a number of seconds from 0 to 300")
    return value


port = whole(1, LAST_PORT)


def host_and_port(text: str) -> tuple[str, int]:
    """Read ``127.0.0.1:8480``, ``[::1]:8480`` or ``localhost:8480``."""
    host, _, number = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host != bare
    if (
        not bare
        or bracketed != (":" in bare)
        or any(sign.isspace() or sign in "/@" for sign in bare)
    ):
        raise ValueError("must be an address and a port, such as 127.0.0.1:8480 or [::1]:8480")
    return bare, port(number)


def web_address(text: str) -> str:
    """Read an https address (http on this machine only) without its trailing slash."""
    parts = split_url(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address that starts with https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must not hold a user name, a question mark or a hash sign")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must start with https://; plain http works on this machine only")
    return text.rstrip("/")


def database_url(text: str) -> str:
    """Read an SQLAlchemy address of a PostgreSQL or an SQLite file."""
    for spelling in ("postgres://", "postgresql://"):
        if text.startswith(spelling):
            text = "postgresql+psycopg://" + text.removeprefix(spelling)
    scheme = split_url(text).scheme
    if scheme == "postgresql+psycopg":
        return text
    if scheme != "sqlite" or not text.startswith("sqlite:///"):
        raise ValueError("must start with postgresql+psycopg:// or sqlite:///")
    if not text.removeprefix("sqlite:///") or ":memory:" in text or "mode=memory" in text:
        raise ValueError("must name a file; several processes share the database")
    return text


def smtp_url(text: str) -> str:
    """Read ``smtp://user:password@host:587`` (STARTTLS) or ``smtps://…`` (TLS from the first byte).

    ``smtp+plain://host:25`` is for a relay in one's own network that has no TLS.
    """
    parts = split_url(text)
    if parts.scheme not in ("smtp", "smtps", "smtp+plain") or not parts.hostname:
        raise ValueError("must look like smtp://user:password@host:587 or smtps://…:465")
    if parts.scheme == "smtp+plain" and "@" in parts.netloc:
        raise ValueError("must not send a password without TLS; write smtp:// or smtps://")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("must hold both a user name and a password, or neither")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end after host and port; write signs such as / ? # as %2F %3F %23")
    return text


def mail_address(text: str) -> str:
    """Read ``alerts@example.com`` or ``Bridgehead <alerts@example.com>``."""
    address = parseaddr(text)[1]
    local, _, domain = address.rpartition("@")
    if not local or not domain or not text.isprintable() or " " in address:
        raise ValueError("must be one e-mail address")
    return text


def networks(text: str) -> tuple[str, ...]:
    """Read addresses and networks, separated by commas."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    try:
        return tuple(str(ipaddress.ip_network(word, strict=False)) for word in words)
    except ValueError:
        raise ValueError(
            "must be addresses or networks separated by commas, such as 10.0.0.5, 10.1.0.0/16"
        ) from None


def vault_keys(text: str) -> str:
    """Read base64 keys of 32 bytes, separated by commas; one may be marked ``root=``."""
    for word in text.split(","):
        try:
            key = base64.b64decode(word.strip().removeprefix("root="), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != 32:
            raise ValueError("must be keys of 32 bytes in base64, separated by commas")
    return text


def split_url(text: str) -> SplitResult:
    """Split an address; ValueError, without repeating it, when it cannot be one."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a usable address") from None
    if any(sign.isspace() for sign in text) or not text.isprintable():
        raise ValueError("must not hold spaces or control signs")
    return parts


def path(text: str, base: Path) -> Path:
    """Read a path, which counts from ``base`` when it is relative, without ``..`` in it."""
    if "\0" in text:
        raise ValueError("is not a path")
    try:
        return Path(os.path.abspath(base / Path(text).expanduser()))
    except RuntimeError:
        raise ValueError("names a home folder that does not exist") from None


def is_ip(host: str) -> bool:
    """Tell whether ``host`` is an address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` names this machine."""
    if is_ip(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
