"""Findings: detections and incidents of all clients, and marking them as dealt with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from plugin.domain.errors import MissingError
from plugin.domain.model import Detection, Page
from plugin.vendors.eset.connect import Connect, part
from plugin.vendors.eset.cursor import read_cursor, write_cursor
from plugin.vendors.eset.devices import Book
from plugin.vendors.eset.incidents import IncidentStream
from plugin.vendors.eset.stream import SERVICE, DetectionStream, Row
from plugin.vendors.eset.values import INCIDENT, detection_from, device_of, incident_from

CLOSED_AS = "INCIDENT_RESOLVE_REASON_TRUE_POSITIVE"


class Findings:
    """Walks the three lists one after the other, each with a cursor of its own."""

    def __init__(self, connect: Connect, book: Book, now: Callable[[], datetime]) -> None:
        """Read through ``connect``; ``book`` tells whose device a detection is about."""
        self._book = book
        self._detections = {
            "v1": DetectionStream(connect, 1, now),
            "v2": DetectionStream(connect, 2, now),
        }
        self._incidents = IncidentStream(connect, now)

    def walk(self, cursor: str | None, since: datetime) -> Iterator[Page[Detection]]:
        """Yield pages with the cursor that is true once they are stored.

        A list that this instance does not have is passed over; MissingError when it has none.
        """
        states, missing = read_cursor(cursor), list[MissingError]()
        walks = {name: stream.walk for name, stream in self._detections.items()}
        for name, walk in {**walks, "incidents": self._incidents.walk}.items():
            placed = self._placed_incidents if name == "incidents" else self._placed
            try:
                for rows, state in walk(states.get(name), since):
                    states[name] = state
                    found = (each for each in placed(rows) if each.occurred_at >= since)
                    yield Page(tuple(found), write_cursor(states))
            except MissingError as error:
                missing.append(error)
        if len(missing) > len(walks):
            raise missing[0]

    def _placed(self, rows: Sequence[Row]) -> Iterator[Detection]:
        """Yield detections with client and device name, which version 1 does not tell."""
        known = self._book.look(device_of(row)[0] for row in rows)
        for row in rows:
            client, name = known.get(device_of(row)[0], ("", ""))
            yield detection_from(row, client, name)

    def _placed_incidents(self, rows: Sequence[Row]) -> Iterator[Detection]:
        """Yield incidents on the first of their devices that is some client's."""
        known = self._book.look(device for row in rows for device in _devices(row))
        for row in rows:
            devices = _devices(row)
            device = next((each for each in devices if known[each][0]), (*devices, "")[0])
            client, name = known.get(device, ("", ""))
            yield incident_from(row, client, device, name)


def _devices(incident: Mapping[str, Any]) -> list[str]:
    return [each for each in incident["devices"] or () if each]


def resolve(connect: Connect, detection_id: str, note: str) -> None:
    """Mark a detection as dealt with, or close an incident, with a note."""
    if detection_id.startswith(INCIDENT):
        path = f"/v2/incidents/{part(detection_id.removeprefix(INCIDENT))}:close"
        # The reason is optional by the contract and needed in practice (a public client's notes).
        body: Row = {"closureReason": CLOSED_AS, "finalComment": {"text": note}}
    else:
        path, body = f"/v2/detections/{part(detection_id)}:resolve", {"note": note}
    connect.post(SERVICE, path, body)
