"""Which environment the sources stronger than the page ask for (``KESCloudServer``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from plugin.domain.errors import ConfigError
from plugin.settings.environment import EffectiveEnvironment, Environment
from plugin.settings.hostfile import KEY, HostFileError, read_host_file
from plugin.settings.sources import ENVIRONMENT, LOCAL, Given


@dataclass(frozen=True, slots=True)
class Said:
    """What one source says; ``where`` for a complaint, ``source`` for the page that shows it."""

    text: str
    where: str
    source: str


def find_environment(
    layers: Mapping[str, Mapping[str, str]],
    host_config: Path | None,
    local: Mapping[str, Given],
    problems: list[str],
) -> EffectiveEnvironment | None:
    """Return what the strongest source says, None when all are silent.

    ``layers`` are the variables, strongest first, under the word that names their kind. A bad
    value of a weaker source is a problem too: it would hold as soon as the stronger one goes.
    """
    said = [
        *(item for word, layer in layers.items() for item in _variables(layer, word, problems)),
        *_host_file(host_config, problems),
        *(
            Said(given.text, given.where, LOCAL)
            for name, given in local.items()
            if name == ENVIRONMENT
        ),
    ]
    parsed = [_parse(item, problems) for item in said]
    return next((found for found in parsed if found is not None), None)


def _parse(said: Said, problems: list[str]) -> EffectiveEnvironment | None:
    try:
        value = Environment.parse(said.text, said.where)
    except ConfigError as error:
        problems.extend(error.problems)
        return None
    return EffectiveEnvironment(value, said.source, locked=True)


def _variables(variables: Mapping[str, str], word: str, problems: list[str]) -> list[Said]:
    found = [
        Said(variables[name], f"{word} {name}", f"{word} {name}")
        for name in (ENVIRONMENT, KEY)
        if name in variables
    ]
    if len({item.text.strip().lower() for item in found}) > 1:
        problems.append(f"{word}s {ENVIRONMENT} and {KEY} are both set and differ; keep one")
    # A misspelt name would mean production without anybody saying so.
    problems.extend(
        f"{word} {name} is not read; write {ENVIRONMENT} or {KEY}"
        for name in sorted(variables)
        if name.upper() == ENVIRONMENT and name not in (ENVIRONMENT, KEY)
    )
    return found


def _host_file(path: Path | None, problems: list[str]) -> list[Said]:
    if path is None:
        return []
    try:
        text = read_host_file(path)
    except HostFileError as error:
        problems.append(f"{path}, named by BRIDGEHEAD_HOST_CONFIG, cannot be used: {error}")
        return []
    where = f"key {KEY} in {path}"
    return [] if text is None else [Said(text, where, where)]
