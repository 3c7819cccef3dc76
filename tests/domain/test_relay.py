"""What travels between bridge and server arrives as it was, or is refused by name."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from plugin.domain.errors import RefusedError, RuleError, TransientError
from plugin.domain.model import Detection, Device, Page, Protection, Severity
from plugin.domain.relay import pack, pack_error, unpack, unpack_error

NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
DEVICE = Device("1", "w", "pc", macs=("aa",), protection=Protection.OK, seen_at=NOW, isolated=False)
DETECTION = Detection("1", "w", "d", "pc", "kind", Severity.CRITICAL, "title", NOW, sequence=7)


@pytest.mark.parametrize("row", [DEVICE, DETECTION])
def test_a_page_arrives_as_it_was(row: Device | Detection) -> None:
    page = Page((row,), "next", True, ("9",))
    assert unpack(type(row), json.loads(json.dumps(pack(page)))) == page


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": 7}, "name must be a str"),
        ({"macs": ["a", 1]}, "macs must be a list of texts"),
        ({"seen_at": "2026-11-02T08:00:00"}, "seen_at must be a moment"),
        ({"seen_at": "soon"}, "seen_at must be a moment"),
        ({"protection": "perfect"}, "protection has an unknown word"),
        ({"isolated": 1}, "isolated must be a bool"),
        ({"owner": "me"}, "owner is no field"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], says: str) -> None:
    said = json.loads(json.dumps(pack(Page((DEVICE,)))))
    with pytest.raises(RuleError, match=says):
        unpack(Device, {**said, "rows": [{**said["rows"][0], **change}]})


@pytest.mark.parametrize("said", [None, [], {}, {"rows": 1}, {"rows": [1]}, {"rows": [{}]}])
def test_nonsense_is_refused(said: object) -> None:
    with pytest.raises(RuleError):
        unpack(Device, said)


def test_a_failure_arrives_as_its_kind() -> None:
    error = TransientError("Vendor", "is busy", retry_after=7, code="busy", status=503)
    back = unpack_error(pack_error(error))
    assert (type(back), back.retry_after, back.code, back.status) == (
        TransientError,
        7.0,
        "busy",
        503,
    )
    assert type(unpack_error(pack_error(RefusedError("V", "no")))) is RefusedError
    with pytest.raises(RuleError):
        unpack_error({"kind": "SystemExit"})
