"""How the emulator searches: criteria, matches and pages of the advanced searches.

The words for what can be searched and how are published. That the same kind twice means "or" and
different kinds "and" stands in one sample; a switch turns the "or" into an "and".
"""

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

Record = dict[str, Any]
Values = Callable[[str, Record], Mapping[str, str]]

KINDS: Mapping[str, frozenset[str]] = {
    "accounts": frozenset(
        "AccountName AccountNameSoundsLike AccountNumber AccountId AccountType AccountStatus "
        "Address PostalCode Email PhoneNumber ContactName ExternalId ExternalProduct Agreement "
        "CustomField".split()
    ),
    "serviceorders": frozenset(
        "ServiceOrderNumber Reference ExternalTicket ExternalProduct AccountNumber Status Type "
        "Profile Resolution Symptom AgreementNumber InvoiceNumber ItemID CustomerPurchaseOrder "
        "CustomField".split()
    ),
    "pricebook": frozenset(
        "ItemId ItemIdWithInactive AllItemIds ItemDescription ItemType MfgPartNumber OurPartNumber "
        "VendorPartNumber Upc Category GlobalPricebook CustomField".split()
    ),
}
_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "StartsWith": str.startswith,
    "EndsWith": str.endswith,
    "Contains": lambda value, text: text in value,
    "Equal": lambda value, text: value == text,
    "GreaterThan": lambda value, text: _order(value) > _order(text),
    "GreaterThanEqual": lambda value, text: _order(value) >= _order(text),
    "LessThan": lambda value, text: _order(value) < _order(text),
    "LessThanEqual": lambda value, text: _order(value) <= _order(text),
}


class SearchError(ValueError):
    """A search that Tigerpaw would not take."""


def matching(
    where: str, body: Record, records: Mapping[str, Record], values: Values, *, same_is_or: bool
) -> list[str]:
    """Return the numbers of the records that match; SearchError for what is no search."""
    criteria = body.get("Criteria")
    if not isinstance(criteria, list) or not criteria:
        raise SearchError("Criteria is required.")
    wanted = [_criterion(where, each) for each in criteria]
    wanted.sort(key=lambda each: each[0])
    groups = [list(group) for _, group in groupby(wanted, key=lambda each: each[0])]
    join = any if same_is_or else all
    return [
        number
        for number, record in records.items()
        if all(join(_fits(each, values(number, record)) for each in group) for group in groups)
    ]


def page_of(numbers: list[str], row: int, size: int) -> tuple[list[str], Record]:
    """Return the numbers of one page, and what the answer says of the whole; rows begin at 1."""
    if row < 1 or size < 1:
        raise SearchError("StartRow and PageSize begin at 1.")
    part = numbers[row - 1 : row - 1 + size]
    after = row + len(part)
    more = after <= len(numbers)
    return part, {
        "PageSize": size,
        "NextRow": after if more else 0,
        "TotalCount": len(numbers),
        "Success": True,
        "Message": "",
    }


def _criterion(where: str, given: object) -> tuple[str, str, str]:
    record = given if isinstance(given, dict) else {}
    kind, match = str(record.get("SearchType")), str(record.get("MatchType") or "StartsWith")
    if kind not in KINDS[where]:
        raise SearchError(f"SearchType {kind} is not known.")
    if match not in _MATCHES or (kind == "ItemType" and match != "Equal"):
        raise SearchError(f"MatchType {match} is not known.")
    return kind, match, str(record.get("Criteria") or "")


def _fits(criterion: tuple[str, str, str], values: Mapping[str, str]) -> bool:
    """Compare as SQL Server usually does: without regard to letter case."""
    kind, match, text = criterion
    return kind in values and _MATCHES[match](values[kind].casefold(), text.casefold())


def _order(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdigit() else (-1, text)
