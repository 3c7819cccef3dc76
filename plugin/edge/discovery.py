"""Discovery: finds the adapters in the folders of a package, so that no table names them."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import cast

from plugin.domain.contracts import Adapter
from plugin.domain.errors import ConfigError


def find_adapters(package: ModuleType) -> dict[str, type[Adapter]]:
    """Return the adapters of ``package`` (plugin.vendors or plugin.hosts) by their kind.

    Each folder names its own in ``ADAPTERS``. ConfigError, with every problem found, when a folder
    names none, a kind is there twice or does not begin with its folder's name, or a class is not
    a whole adapter.
    """
    found: dict[str, type[Adapter]] = {}
    problems: list[str] = []
    for folder, adapter in _declared(package):
        problem = _problem(folder, adapter, found)
        if problem:
            problems.append(problem)
        else:
            whole = cast("type[Adapter]", adapter)
            found[whole.kind] = whole
    if problems:
        raise ConfigError(problems)
    return found


def _declared(package: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield every folder's name with each class that its ADAPTERS names (None for no ADAPTERS)."""
    for module in iter_modules(package.__path__):
        if module.ispkg:
            folder = import_module(f"{package.__name__}.{module.name}")
            for adapter in getattr(folder, "ADAPTERS", (None,)):
                yield module.name, adapter


def _problem(folder: str, adapter: object, found: dict[str, type[Adapter]]) -> str:
    """Return what is wrong with one declared class, or nothing."""
    if adapter is None:
        return f"{folder}: has no ADAPTERS"
    if not (inspect.isclass(adapter) and issubclass(adapter, Adapter)):
        return f"{folder}: {adapter!r} in ADAPTERS is not an adapter"
    if inspect.isabstract(adapter):
        missing = ", ".join(sorted(adapter.__abstractmethods__))
        return f"{folder}: {adapter.__name__} lacks {missing}"
    kind = getattr(adapter, "kind", "")
    if kind != folder and not kind.startswith(f"{folder}_"):
        return f"{folder}: the kind {kind} must begin with {folder}"
    if kind in found:
        return f"{folder}: the kind {kind} is there twice"
    return ""
