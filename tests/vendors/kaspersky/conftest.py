"""An emulated Security Center, whose breaches and forgotten sets fail the test."""

from collections.abc import Callable, Iterator

import pytest
from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import Happening
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.center_session import Sessions
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from tests.rig import link_to, small_world

Make = Callable[..., SecurityCenter]


class WatchedCenter(SecurityCenterEmulator):
    """Keeps the headers of what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, str]] = []

    def answer(self, request: Request) -> Response:
        self.seen.append({name.lower(): value for name, value in request.headers.items()})
        return super().answer(request)


@pytest.fixture
def emulator() -> Iterator[WatchedCenter]:
    emulator = WatchedCenter()
    emulator.reset(small_world())
    yield emulator
    assert list(emulator.breaches) == []
    assert emulator.open_sets() == []


@pytest.fixture
def make(emulator: SecurityCenterEmulator) -> Make:
    """Make an adapter with some settings changed; its clock is the emulator's."""

    def made(**changed: str) -> SecurityCenter:
        settings = {**emulator.connection_settings(), **changed}
        return SecurityCenter(link_to(emulator, settings, now=emulator.clock))

    return made


@pytest.fixture
def center(make: Make) -> SecurityCenter:
    return make()


@pytest.fixture
def sessions(emulator: SecurityCenterEmulator) -> Sessions:
    return Sessions(link_to(emulator), "Kaspersky Security Center")


@pytest.fixture
def switch(emulator: SecurityCenterEmulator) -> Callable[[str, object], None]:
    def turn(name: str, value: object = True) -> None:
        assert emulator.occur(Happening("switch", {"name": name, "value": value})) is not None

    return turn
