import sys
from collections.abc import Callable, Iterator
from importlib import import_module, invalidate_caches
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

import plugin.hosts
import plugin.vendors
from plugin.domain.contracts import Adapter
from plugin.domain.errors import ConfigError
from plugin.edge.discovery import find_adapters

WHOLE = """
from plugin.domain.contracts import Adapter

class {name}(Adapter):
    kind = "{kind}"
    def rungs(self):
        return ()
"""
Make = Callable[..., ModuleType]
names = count()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def write(**folders: str) -> ModuleType:
        name = f"made_up_{next(names)}"
        made.append(name)
        for folder, text in {"": "", **folders}.items():
            path = tmp_path / name / folder
            path.mkdir(exist_ok=True)
            (path / "__init__.py").write_text(text)
        (tmp_path / name / "loose.py").write_text("ADAPTERS = (1,)")
        invalidate_caches()
        return import_module(name)

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in made]:
        del sys.modules[name]


def whole(*kinds: str) -> str:
    classes = "".join(WHOLE.format(name=f"A{i}", kind=kind) for i, kind in enumerate(kinds))
    return classes + f"\nADAPTERS = ({''.join(f'A{i}, ' for i in range(len(kinds)))})\n"


def problems(package: ModuleType) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        find_adapters(package)
    return caught.value.problems


def test_adapters_are_found_by_kind(make: Make) -> None:
    package = make(
        eset=whole("eset_protect", "eset_msp"), tigerpaw=whole("tigerpaw"), empty="ADAPTERS = ()"
    )
    found = find_adapters(package)
    assert sorted(found) == ["eset_msp", "eset_protect", "tigerpaw"]
    assert all(issubclass(adapter, Adapter) for adapter in found.values())


def test_a_kind_begins_with_its_folders_name(make: Make) -> None:
    package = make(eset=whole("kaspersky_cloud", "esetish", "eset"))
    assert problems(package) == (
        "eset: the kind kaspersky_cloud must begin with eset",
        "eset: the kind esetish must begin with eset",
    )


def test_a_kind_is_there_once(make: Make) -> None:
    assert problems(make(eset=whole("eset_msp", "eset_msp"))) == (
        "eset: the kind eset_msp is there twice",
    )


def test_every_problem_is_told_at_once(make: Make) -> None:
    unfinished = (
        "from plugin.domain.contracts import Adapter\n"
        "class Half(Adapter):\n    kind = 'b'\n"
        "class NoKind(Adapter):\n    def rungs(self):\n        return ()\n"
        "ADAPTERS = (Half, 7, NoKind)"
    )
    assert problems(make(a="", b=unfinished)) == (
        "a: has no ADAPTERS",
        "b: Half lacks rungs",
        "b: 7 in ADAPTERS is not an adapter",
        "b: the kind  must begin with b",
    )


@pytest.mark.parametrize("package", [plugin.vendors, plugin.hosts])
def test_the_products_own_adapters_are_in_order(package: ModuleType) -> None:
    assert all(kind == adapter.kind for kind, adapter in find_adapters(package).items())
