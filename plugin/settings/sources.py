"""Where settings come from: the process environment, config/local.toml, files that hold secrets."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from plugin.settings import texts

PREFIX = "BRIDGEHEAD_"
FILE = "_FILE"
ENVIRONMENT = "KESCLOUDSERVER"
LOCAL = "config/local.toml"
SECRETS = frozenset(
    PREFIX + name for name in ("DATABASE_URL", "SMTP_URL", "OIDC_CLIENT_SECRET", "VAULT_KEY")
)
PLAIN = frozenset(
    PREFIX + name
    for name in (
        *("DATA", "BIND", "PUBLIC_URL", "SANDBOX_PORT", "TLS_CERT", "TLS_KEY", "TRUSTED_PROXIES"),
        *("FAST_INBOX", "LOG_JSON", "MAIL_FROM", "SMTP_CERT", "OIDC_ISSUER", "OIDC_CLIENT_ID"),
        *("BRIDGE_BEAT", "DRAIN", "SANDBOX_OFFERS"),
        *("BRIDGE_DEADLINE", "DELIVERY_DAYS", "HOST_CONFIG"),
    )
)
KNOWN = PLAIN | SECRETS | {secret + FILE for secret in SECRETS}
MOST_SECRET_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Given:
    """One value as somebody wrote it; relative paths in it count from ``base``."""

    text: str = field(repr=False)
    where: str
    base: Path


@dataclass(frozen=True, slots=True)
class Local:
    """What config/local.toml says: settings by variable name, and tables that replace defaults."""

    given: Mapping[str, Given]
    limits: Mapping[str, Any]
    addresses: Mapping[str, Any]


def read_variables(
    variables: Mapping[str, str], word: str, problems: list[str]
) -> dict[str, Given]:
    """Return our settings among ``variables``; ``word`` says in problems what kind they are."""
    found = {}
    for name, text in variables.items():
        where = f"{word} {name}"
        if name.upper() == ENVIRONMENT:
            continue  # has rules of its own, see the loader
        if name in KNOWN:
            found[name] = Given(text.strip(), where, Path.cwd())
        elif name.startswith(PREFIX):
            problems.append(f"{where} is not a known setting{_hint(name, KNOWN)}")
    return _open_files(found, problems)


def read_local(root: Path, problems: list[str]) -> Local:
    """Return what ``config/local.toml`` under ``root`` says; nothing when there is no such file."""
    table = dict(read_toml(root / LOCAL, LOCAL, problems, optional=True))
    limits = _take_table(table, "limits", problems)
    addresses = _take_table(table, "addresses", problems)
    found: dict[str, Given] = {}
    for key, value in table.items():
        where, name = f"key {key} in {LOCAL}", _variable_of(key)
        text = _as_text(value)
        if name not in KNOWN and name != ENVIRONMENT:
            problems.append(f"{where} is not a known setting{_hint(key, _local_names())}")
        elif text is None:
            problems.append(f"{where} must be a text, a number, true, false or a list of texts")
        elif name in found:
            problems.append(f"{where} is the same setting as {found[name].where}")
        else:
            found[name] = Given(text.strip(), where, root)
    return Local(_open_files(found, problems), limits, addresses)


def read_toml(
    path: Path, where: str, problems: list[str], *, optional: bool = False
) -> Mapping[str, Any]:
    """Return the tables of a TOML file; an unusable one is a problem and counts as empty."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if optional and isinstance(error, FileNotFoundError):
            return {}
        problems.append(f"{where} cannot be read ({error.strerror})")
    except UnicodeDecodeError:
        problems.append(f"{where} is not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{where} is not valid TOML: {error}")
    return {}


def _open_files(found: dict[str, Given], problems: list[str]) -> dict[str, Given]:
    """Put the contents of ``…_FILE`` in the place of the path."""
    opened = {name: given for name, given in found.items() if not name.endswith(FILE)}
    for name in found.keys() - opened.keys():
        secret, pointer = name.removesuffix(FILE), found[name]
        if secret in opened:
            problems.append(f"{pointer.where} and {opened[secret].where} are both set; keep one")
        else:
            text = _read_secret(pointer, problems)
            opened[secret] = Given(text, pointer.where, pointer.base)
    return opened


def _read_secret(pointer: Given, problems: list[str]) -> str:
    try:
        return _content(texts.path(pointer.text, pointer.base))
    except OSError as error:
        problems.append(f"{pointer.where}: {pointer.text} cannot be read ({error.strerror})")
    except ValueError as error:
        problems.append(f"{pointer.where}: {pointer.text} {error}")
    return ""


def _content(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise ValueError("is not a file")
    with path.open("rb") as file:
        body = file.read(MOST_SECRET_BYTES + 1)
    if len(body) > MOST_SECRET_BYTES:
        raise ValueError("is larger than 64 KiB")
    try:
        text = body.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    if not text:
        raise ValueError("is empty")
    return text


def _take_table(table: dict[str, Any], name: str, problems: list[str]) -> Mapping[str, Any]:
    found = table.pop(name, {})
    if isinstance(found, Mapping):
        return found
    problems.append(f"{name} in {LOCAL} must be a table")
    return {}


def _variable_of(key: str) -> str:
    """Return the variable a key of config/local.toml stands for; the prefix may be left out."""
    name = key.upper()
    return name if name == ENVIRONMENT or name.startswith(PREFIX) else PREFIX + name


def _local_names() -> list[str]:
    return [name.removeprefix(PREFIX).lower() for name in KNOWN] + ["KESCloudServer"]


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return None


def _hint(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.85)
    return f"; did you mean {close[0]}?" if close else ""
