"""The vendors' servers per environment, from config/ and what config/local.toml adds."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from plugin.settings.environment import Environment
from plugin.settings.sources import LOCAL
from plugin.settings.texts import split_url

PLACEHOLDER = re.compile(r"\{(region|service)\}")
Tables = Mapping[str, Any]
Flat = dict[tuple[str, str], str]


def read_addresses(
    everywhere: Tables, each: Mapping[Environment, Tables], local: Tables, problems: list[str]
) -> Mapping[Environment, Mapping[str, Mapping[str, str]]]:
    """Join the tables: those that hold everywhere, each environment's, then the local ones."""
    common = _flatten(everywhere, "config/default.toml [addresses]", problems)
    found = {
        environment: common | _flatten(tables, f"config/{environment}.toml", problems)
        for environment, tables in each.items()
    }
    _compare(found, problems)
    for environment, tables in local.items():
        where = f"{LOCAL} [addresses.{environment}]"
        if environment not in tuple(Environment):
            problems.append(f"{where}: allowed are {', '.join(Environment)}")
        elif not isinstance(tables, Mapping):
            problems.append(f"{where} must be a table")
        else:
            _add_local(found[Environment(environment)], tables, where, problems)
    return MappingProxyType({environment: _nest(flat) for environment, flat in found.items()})


def _flatten(tables: Tables, where: str, problems: list[str]) -> Flat:
    flat: Flat = {}
    for kind, table in tables.items():
        if not isinstance(table, Mapping):
            problems.append(f"{where}: {kind} must be a table of addresses")
            continue
        for name, text in table.items():
            fault = address_fault(text)
            if fault:
                problems.append(f"{where}: {kind}.{name} {fault}")
            else:
                flat[kind, name] = text.strip().rstrip("/")
    return flat


def address_fault(text: object) -> str:
    """Say what is wrong with a server address; empty when nothing is (an empty one means none)."""
    if not isinstance(text, str):
        return "must be a text"
    if not text.strip():
        return ""
    try:
        parts = split_url(PLACEHOLDER.sub("x", text.strip()))
    except ValueError as error:
        return str(error)
    if parts.scheme != "https" or not parts.hostname or "{" in parts.netloc + parts.path:
        return "must start with https:// and name a server ({region} and {service} may stand in it)"
    if parts.username is not None or parts.query or parts.fragment:
        return "must not hold a user name, a question mark or a hash sign"
    return ""


def _compare(found: Mapping[Environment, Flat], problems: list[str]) -> None:
    every = set().union(*(flat.keys() for flat in found.values()))
    for environment, flat in found.items():
        problems.extend(
            f"config/{environment}.toml lacks {kind}.{name}, which another environment has"
            for kind, name in sorted(every - flat.keys())
        )


def _add_local(flat: Flat, tables: Tables, where: str, problems: list[str]) -> None:
    for (kind, name), text in _flatten(tables, where, problems).items():
        if (kind, name) in flat:
            flat[kind, name] = text
        else:
            problems.append(f"{where}: {kind}.{name} is not a known address")


def _nest(flat: Flat) -> Mapping[str, Mapping[str, str]]:
    kinds = {kind for kind, _ in flat}
    return MappingProxyType(
        {
            kind: MappingProxyType(
                {name: text for (own, name), text in flat.items() if own == kind}
            )
            for kind in sorted(kinds)
        }
    )
