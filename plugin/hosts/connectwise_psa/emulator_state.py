"""What the emulated PSA holds, for the sandbox's state page and for tests."""

from collections.abc import Callable
from typing import Any

from plugin.edge.shelf import Table
from plugin.hosts.connectwise_psa.emulator_records import Record, Records

_SHOWN_CONFIGURATIONS = 200


def state_of(records: Records, table: Callable[[str], Table]) -> dict[str, Any]:
    """Return lists of what matters, JSON-ready."""
    return {
        "companies": [_company(records, each) for each in records.every("company/companies")],
        "tickets": [_ticket(records, each) for each in records.every("service/tickets")],
        "agreements": [
            _shown(records, "finance/agreements", each, "name", "company", "agreementStatus")
            for each in records.every("finance/agreements")
        ],
        "additions": [
            _addition(records, each) for each in records.every("finance/agreements/additions")
        ],
        "callbacks": _all(records, "system/callbacks"),
        "deliveries": {
            "waiting": len(table("outgoing")),
            "log": list(table("outgoing-log").values())[-50:],
        },
        "hosted_pages": _all(records, "system/connectwisehostedsetups"),
        "menu_entries": _all(records, "system/menuentries"),
        "configuration_count": len(table("company/configurations")),
        "configurations": [
            _shown(records, "company/configurations", each, "name", "company", "deviceIdentifier")
            for each, _ in zip(
                records.every("company/configurations"), range(_SHOWN_CONFIGURATIONS), strict=False
            )
        ],
        "switches": {name: record["value"] for name, record in table("switches").items()},
    }


def _all(records: Records, collection: str) -> list[Record]:
    return [records.show(collection, each) for each in records.every(collection)]


def _shown(records: Records, collection: str, record: Record, *fields: str) -> Record:
    shown = records.show(collection, record)
    return {"id": shown["id"], **{name: _plain(shown.get(name)) for name in fields}}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict) and "id" in value:
        return value.get("name") or value.get("identifier") or value["id"]
    return value


def _company(records: Records, record: Record) -> Record:
    return _shown(records, "company/companies", record, "identifier", "name", "status")


def _ticket(records: Records, record: Record) -> Record:
    names = ("summary", "company", "board", "status", "closedFlag", "externalXRef", "priority")
    shown = _shown(records, "service/tickets", record, *names)
    numbers = records.below("service/tickets/notes", record["id"])
    notes = [records.get("service/tickets/notes", number) or {} for number in numbers]
    return {**shown, "notes": [note.get("text", "") for note in notes]}


def _addition(records: Records, record: Record) -> Record:
    names = ("product", "quantity", "unitPrice", "effectiveDate", "cancelledDate", "agreementId")
    return _shown(records, "finance/agreements/additions", record, *names)
