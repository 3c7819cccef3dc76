"""What the tests here share: a filled emulator, and an adapter whose door leads to it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from plugin.domain.contracts import Advice
from plugin.domain.errors import EdgeError
from plugin.edge.emulator import Happening
from plugin.hosts.tigerpaw.emulator import TigerpawEmulator
from plugin.hosts.tigerpaw.host import Tigerpaw
from tests.rig import link_to, small_world


@pytest.fixture
def emulator() -> Iterator[TigerpawEmulator]:
    """Give a filled emulator, and see that nothing broke the contract."""
    filled = TigerpawEmulator()
    filled.reset(small_world())
    filled.faults.sleep = lambda seconds: None
    yield filled
    assert list(filled.breaches) == []


@pytest.fixture
def host(emulator: TigerpawEmulator) -> Tigerpaw:
    """Give an adapter with the emulator's own settings."""
    return host_of(emulator)


def host_of(
    emulator: TigerpawEmulator, now: Callable[[], datetime] | None = None, **settings: str
) -> Tigerpaw:
    """Return an adapter with the emulator's settings, some of them changed."""
    plain = link_to(emulator)
    whole = {**plain.settings, **settings}
    return Tigerpaw(link_to(emulator, whole, now=now or emulator.clock))


def switch(emulator: TigerpawEmulator, **switches: Any) -> None:
    """Set switches of the emulator; names with dashes are written with _."""
    dashed = {name.replace("_", "-"): value for name, value in switches.items()}
    assert emulator.occur(Happening("switch", dashed)) == dashed


def happen(emulator: TigerpawEmulator, what: str, **details: Any) -> dict[str, Any]:
    """Let something happen that must be this emulator's."""
    told = emulator.occur(Happening(what, details))
    assert told is not None
    return told


def failure_of(work: Callable[[], object]) -> EdgeError:
    """Return the failure that ``work`` must end in."""
    with pytest.raises(EdgeError) as caught:
        work()
    return caught.value


def first_failure(host: Tigerpaw) -> tuple[str, EdgeError, Advice]:
    """Return the first failing step of the check with its error and advice."""
    for rung in host.rungs():
        try:
            rung.run()
        except EdgeError as error:
            advice = host.advice(rung.name, error)
            assert advice is not None
            return rung.name, error, advice
    raise AssertionError("no step of the check fails")


def told_by(host: Tigerpaw, step: str) -> str:
    """Return what one step of the check says, after those before it."""
    for rung in host.rungs():
        told = rung.run()
        if rung.name == step:
            return told
    raise AssertionError(f"the check has no step {step}")


def paths(emulator: TigerpawEmulator) -> list[str]:
    """Return method and path of every request so far."""
    return [f"{each['method']} {each['path']}" for each in emulator.requests]
