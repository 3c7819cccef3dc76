"""What an adapter is handed: which addresses, and what the sandbox's own connections get."""

from pathlib import Path

import pytest

from plugin.domain.errors import RefusedError
from plugin.edge.inprocess import InProcess
from plugin.runtime import Runtime
from plugin.settings import load
from plugin.store.integrations import Connection
from plugin.vault import Vault
from plugin.vendors.kaspersky.cloud import KasperskyCloud
from plugin.vendors.kaspersky.emulator_cloud import CloudEmulator
from tests.rig import small_world

ORIGIN = "http://127.0.0.1:1"


@pytest.fixture
def emulator() -> CloudEmulator:
    emulator = CloudEmulator(origin=ORIGIN)
    emulator.reset(small_world())
    return emulator


@pytest.fixture
def runtime(tmp_path: Path, emulator: CloudEmulator) -> Runtime:
    return Runtime(
        settings=load({}, root=tmp_path),
        vault=Vault.load(tmp_path, Vault.new_key()),
        hosts={},
        vendors={KasperskyCloud.kind: KasperskyCloud},
        transports={ORIGIN: InProcess(emulator)},
    )


def connection(environment: str, origin: str | None) -> Connection:
    return Connection(
        kind=KasperskyCloud.kind, name="cloud", environment=environment, origin_override=origin
    )


@pytest.mark.parametrize("environment", ["production", "beta", "test"])
def test_a_connection_without_an_address_says_so(
    runtime: Runtime, emulator: CloudEmulator, environment: str
) -> None:
    adapter = runtime.make(connection(environment, None), emulator.connection_settings())
    with pytest.raises(RefusedError, match=f"no address for environment {environment}"):
        adapter.rungs()[0].run()
    assert not emulator.requests


def test_the_sandboxs_connections_reach_the_estate_of_their_environment(
    runtime: Runtime, emulator: CloudEmulator
) -> None:
    seen = {}
    for environment in ("production", "beta", "test"):
        made = runtime.make(connection(environment, ORIGIN), emulator.connection_settings())
        assert isinstance(made, KasperskyCloud)
        seen[environment] = {each.id for each in made.workspaces()}
    assert all(seen.values())
    assert not seen["production"] & (seen["beta"] | seen["test"])
    assert not seen["beta"] & seen["test"]
