"""Read every source, complain about everything at once, return one frozen Settings."""

import ipaddress
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from plugin.domain.errors import ConfigError
from plugin.settings import texts
from plugin.settings.addresses import read_addresses
from plugin.settings.chosen import find_environment
from plugin.settings.environment import Environment
from plugin.settings.limits import Limits, read_limits
from plugin.settings.sandbox import Offer, offers
from plugin.settings.sources import (
    LOCAL,
    PREFIX,
    Given,
    Local,
    read_local,
    read_toml,
    read_variables,
)
from plugin.settings.values import Addresses, Settings

Value = TypeVar("Value")
PACKAGE = Path(__file__).resolve().parents[1]
LAST_SANDBOX_PORT = 65_500  # the emulators take the ports after it


def load(
    environ: Mapping[str, str] | None = None,
    *,
    root: Path | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Settings:
    """Read the settings, or raise a ConfigError that lists every problem.

    ``root`` is the folder with ``config/local.toml`` and, by default, ``var/``: the checkout, or
    the working folder of an installed program. ``overrides`` are variables that beat all others.
    """
    problems: list[str] = []
    environ = os.environ if environ is None else environ
    root = (root or _default_root()).resolve()
    local = read_local(root, problems)
    variables = read_variables(environ, "environment variable", problems)
    forced = read_variables(overrides or {}, "override", problems)
    reader = _Reader({**local.given, **variables, **forced}, root, problems)
    host_config = reader.path("HOST_CONFIG")
    chosen = find_environment(
        {"override": overrides or {}, "environment variable": environ},
        host_config,
        local.given,
        problems,
    )
    limits, addresses = _read_tables(root, local, problems)
    places = _places(reader)
    settings = Settings(
        root=root,
        host_config=host_config,
        environment_setting=chosen,
        addresses=addresses,
        limits=limits,
        **places,
        **_services(reader, places["public_url"]),
    )
    _check_together(settings, problems)
    if problems:
        raise ConfigError(problems)
    return settings


def shipped_config() -> Path:
    """Return the folder with the project's own config files: in the package or the checkout."""
    packed = PACKAGE / "config"
    return packed if packed.is_dir() else PACKAGE.parent / "config"


def _default_root() -> Path:
    shipped = shipped_config()
    return Path.cwd() if shipped.parent == PACKAGE else shipped.parent


class _Reader:
    """Turns given texts into values; a bad one becomes a problem and the default stands in."""

    def __init__(self, given: Mapping[str, Given], root: Path, problems: list[str]) -> None:
        self.given = given
        self.root = root
        self.problems = problems

    def read(self, name: str, parse: Callable[[str], Value], default: Value) -> Value:
        """Return what ``parse`` makes of the setting; an empty text means the default."""
        given = self.given.get(PREFIX + name)
        if given is None or not given.text:
            return default
        try:
            return parse(given.text)
        except ValueError as error:
            self.problems.append(f"{given.where} {error}")
            return default

    def path(self, name: str) -> Path | None:
        """Return the setting as an absolute path."""
        given = self.given.get(PREFIX + name)
        if given is None or not given.text:
            return None
        try:
            return texts.path(given.text, given.base)
        except ValueError as error:
            self.problems.append(f"{given.where} {error}")
            return None

    def file(self, name: str) -> Path | None:
        """Return the setting as the path of a file that can be read."""
        path = self.path(name)
        # os.path instead of Path: it answers False where a folder above may not be entered.
        if path is not None and not (os.path.isfile(path) and os.access(path, os.R_OK)):
            where = self.given[PREFIX + name].where
            self.problems.append(f"{where}: {path} is not a file that can be read")
        return path


def _places(reader: _Reader) -> dict[str, Any]:
    """Read where things are and where we listen."""
    data = reader.path("DATA") or reader.root / "var"
    if os.path.exists(data) and not os.path.isdir(data):
        reader.problems.append(f"BRIDGEHEAD_DATA: {data} is not a folder")
    host, port = reader.read("BIND", texts.host_and_port, ("127.0.0.1", 8480))
    cert = reader.file("TLS_CERT")
    return {
        "data": data,
        "database_url": reader.read(
            "DATABASE_URL", texts.database_url, f"sqlite:///{data / 'bridgehead.db'}"
        ),
        "bind_host": host,
        "bind_port": port,
        "public_url": reader.read("PUBLIC_URL", texts.web_address, _own_url(host, port, cert)),
        "sandbox_port": reader.read("SANDBOX_PORT", texts.whole(1, LAST_SANDBOX_PORT), 8490),
        "tls_cert": cert,
        "tls_key": reader.file("TLS_KEY"),
        "trusted_proxies": reader.read(
            "TRUSTED_PROXIES", texts.networks, cast("tuple[str, ...]", ())
        ),
    }


def _services(reader: _Reader, public_url: str) -> dict[str, Any]:
    """Read how we behave and which services of others we use."""
    return {
        "fast_inbox": reader.read("FAST_INBOX", texts.switch, default=False),
        "log_json": reader.read("LOG_JSON", texts.switch, default=False),
        "smtp_url": reader.read("SMTP_URL", texts.smtp_url, ""),
        "smtp_cert": reader.file("SMTP_CERT"),
        "mail_from": reader.read("MAIL_FROM", texts.mail_address, _own_sender(public_url)),
        "oidc_issuer": reader.read("OIDC_ISSUER", texts.web_address, ""),
        "oidc_client_id": reader.read("OIDC_CLIENT_ID", str, ""),
        "oidc_client_secret": reader.read("OIDC_CLIENT_SECRET", str, ""),
        "drain": reader.read("DRAIN", texts.pause, 5.0),
        "bridge_beat": reader.read("BRIDGE_BEAT", texts.seconds, 15.0),
        "bridge_deadline": reader.read("BRIDGE_DEADLINE", texts.seconds, 45.0),
        "delivery_days": reader.read("DELIVERY_DAYS", texts.whole(1, 3_650), 30),
        "sandbox_offers": reader.read("SANDBOX_OFFERS", offers, cast("Mapping[str, Offer]", {})),
        "vault_key": reader.read("VAULT_KEY", texts.vault_keys, "") or None,
    }


def _own_url(host: str, port: int, cert: Path | None) -> str:
    """Return the address at which a browser on this machine finds us."""
    everywhere = texts.is_ip(host) and ipaddress.ip_address(host).is_unspecified
    shown = "127.0.0.1" if everywhere else f"[{host}]" if ":" in host else host
    return f"{'https' if cert else 'http'}://{shown}:{port}"


def _own_sender(public_url: str) -> str:
    """Return a sender's address for when nobody has chosen one."""
    host = urlsplit(public_url).hostname or ""
    return f"bridgehead@{host if '.' in host and not texts.is_ip(host) else 'localhost'}"


def _check_together(settings: Settings, problems: list[str]) -> None:
    """Report settings that are good alone and wrong together."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        problems.append("BRIDGEHEAD_TLS_CERT and BRIDGEHEAD_TLS_KEY belong together; set both")
    if bool(settings.oidc_issuer) != bool(settings.oidc_client_id):
        problems.append(
            "BRIDGEHEAD_OIDC_ISSUER and BRIDGEHEAD_OIDC_CLIENT_ID belong together; set both"
        )
    if settings.oidc_client_secret and not settings.oidc_issuer:
        problems.append("BRIDGEHEAD_OIDC_CLIENT_SECRET is set, but BRIDGEHEAD_OIDC_ISSUER is not")
    if settings.smtp_cert and not settings.smtp_url:
        problems.append("BRIDGEHEAD_SMTP_CERT is set, but BRIDGEHEAD_SMTP_URL is not")
    if settings.bridge_deadline <= settings.bridge_beat:
        problems.append("BRIDGEHEAD_BRIDGE_DEADLINE must be longer than BRIDGEHEAD_BRIDGE_BEAT")


def _read_tables(root: Path, local: Local, problems: list[str]) -> tuple[Limits, Addresses]:
    """Read the figures and addresses that the project ships, with what the operator changed."""
    everywhere = _read_shipped(root, "default", problems)
    problems.extend(
        f"config/default.toml: {name} is not a known table"
        for name in everywhere
        if name not in ("limits", "addresses")
    )
    limits = _read_limits(everywhere.get("limits", {}), local.limits, problems)
    each = {item: _read_shipped(root, item.value, problems) for item in Environment}
    addresses = read_addresses(everywhere.get("addresses", {}), each, local.addresses, problems)
    return limits, addresses


def _read_limits(shipped: Mapping[str, Any], own: Mapping[str, Any], problems: list[str]) -> Limits:
    limits = read_limits(shipped, "config/default.toml: limits", problems)
    if limits is not None and own:
        limits = read_limits(_merge(shipped, own), f"{LOCAL}: limits", problems)
    # None only together with problems, and those are raised before anybody sees the settings.
    return cast("Limits", limits)


def _read_shipped(root: Path, name: str, problems: list[str]) -> Mapping[str, Any]:
    own = root / "config" / f"{name}.toml"
    path = own if own.is_file() else shipped_config() / own.name
    return read_toml(path, f"config/{name}.toml", problems)


def _merge(below: Any, above: Any) -> Any:  # noqa: ANN401 - tables of any depth
    """Return ``below`` with the values of ``above`` in it, table by table."""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    joined = {name: _merge(below[name], above[name]) for name in below.keys() & above.keys()}
    return {**below, **above, **joined}
