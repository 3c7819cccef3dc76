from collections.abc import Iterator

import pytest

from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.protect import EsetProtect
from tests.vendors.eset.callers import Biller, Caller
from tests.vendors.eset.house import Reader, adapter_to, make_emulator


@pytest.fixture
def emulator() -> Iterator[EsetEmulator]:
    made = make_emulator()
    yield made
    assert list(made.breaches) == []


@pytest.fixture
def protect(emulator: EsetEmulator) -> EsetProtect:
    return adapter_to(emulator)


@pytest.fixture
def caller(emulator: EsetEmulator) -> Caller:
    return Caller(emulator)


@pytest.fixture
def biller(emulator: EsetEmulator) -> Biller:
    return Biller(emulator)


@pytest.fixture
def reader(protect: EsetProtect) -> Reader:
    return Reader(protect)
