from plugin.vendors.eset.emulator import EsetEmulator
from tests.vendors.eset.house import (
    Reader,
    clock_of,
    happen,
)

# -- incidents -------------------------------------------------------------------------------


def test_an_incident_is_told_when_made_and_when_closed(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    identifier = happen(emulator, "incident")
    (opened,) = reader.read()
    assert (opened.id, opened.resolved, opened.outcome) == (f"incident:{identifier}", False, "open")
    assert reader.read() == []
    clock_of(emulator).go(days=5)
    reader.protect.resolve(opened.id, "dealt with")
    (closed,) = reader.read()
    assert (closed.id, closed.resolved, closed.outcome) == (opened.id, True, "closed")
    assert closed.device_id == opened.device_id
    assert emulator.table("incidents")[identifier]["comment"] == "dealt with"
    assert reader.read() == []


def test_an_incident_sits_on_its_first_device_that_is_a_clients(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    identifier = happen(emulator, "incident")
    record = emulator.table("incidents")[identifier]
    known = record["devices"][0]
    gone = "11111111-2222-3333-4444-555555555555"
    emulator.table("incidents")[identifier] = {**record, "devices": [gone, known]}
    (found,) = reader.read()
    assert found.device_id == known
    assert "and 1 more" in found.description


def test_an_incident_without_devices_is_told(emulator: EsetEmulator, reader: Reader) -> None:
    reader.read()
    identifier = happen(emulator, "incident")
    emulator.table("incidents")[identifier] = {
        **emulator.table("incidents")[identifier],
        "devices": [],
    }
    (found,) = reader.read()
    assert (found.device_id, found.workspace_id) == ("", "")
