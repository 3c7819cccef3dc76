"""MSP Administrator's shapes, one schema for each; all keys are read in small letters."""

from typing import Any

from marshmallow import fields, validate

from plugin.domain.model import Licence, LicenceKind, LicenceState
from plugin.edge.wire import Instant, Text, Wire, Word

_DEEPEST = 20
_STATES = {
    "1": LicenceState.ACTIVE,
    "4": LicenceState.ACTIVE,
    "2": LicenceState.EXPIRED,
    "3": LicenceState.SUSPENDED,
}
"""0 Error, 1 Normal, 2 Obsolete, 3 Suspended, 4 Warning (vendor help, licence states)."""

_Identifier = validate.Length(min=1, max=190)
_Count = validate.Range(0, 100_000_000)


def small_keys(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON
    """Return decoded JSON with all keys in small letters: answers were seen in either case."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return [small_keys(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {key.lower(): small_keys(each, depth + 1) for key, each in value.items()}
    return value


class MspTokenWire(Wire):
    """The answer of Token/Get and Token/Renew."""

    access = Text(data_key="accesstoken", required=True, validate=validate.Length(1, 20_000))
    refresh = Text(data_key="refreshtoken", validate=validate.Length(max=20_000))
    seconds = fields.Integer(data_key="expiresin", load_default=0, allow_none=True, validate=_Count)


class OwnCompanyWire(Wire):
    """The user's company; clients saw its id under two names."""

    company_id = Text(data_key="companyid")
    id = Text()
    name = Text()


class CurrentWire(Wire):
    """The answer of User/Current."""

    company = fields.Nested(OwnCompanyWire, required=True)


class PagingWire(Wire):
    """How many rows there are in all."""

    total = fields.Integer(data_key="totalcount", load_default=None, allow_none=True)


class MspPageWire(Wire):
    """What all lists share."""

    paging = fields.Nested(PagingWire, load_default=dict, allow_none=True)


class CompanyWire(Wire):
    """A company below another one; the parent is not told."""

    id = Text(data_key="publicid", required=True, validate=_Identifier)
    name = Text()
    kind = Text(data_key="type")
    parent = Text(data_key="parentid")


class CompaniesWire(MspPageWire):
    """A page of companies."""

    rows = fields.List(fields.Nested(CompanyWire), data_key="companies", load_default=list)


class FoundCompanyWire(Wire):
    """A company as the search shows it."""

    id = Text(data_key="companyid", required=True, validate=_Identifier)
    name = Text()
    kind = Text(data_key="companytypeid")
    parent = Text(data_key="parentid")


class FoundCompaniesWire(MspPageWire):
    """A page of the search for companies."""

    rows = fields.List(fields.Nested(FoundCompanyWire), data_key="search", load_default=list)


class EntityTypeWire(Wire):
    """A kind of company."""

    id = Text(required=True)
    name = Text()


class FoundLicenceWire(Wire):
    """A licence as the search shows it: without seats."""

    key = Text(data_key="publiclicensekey", required=True, validate=_Identifier)


class FoundLicencesWire(MspPageWire):
    """A page of the search for licences."""

    rows = fields.List(fields.Nested(FoundLicenceWire), data_key="search", load_default=list)


class LicenceWire(Wire):
    """A licence with its ordered (quantity) and activated (usage) units."""

    customer = Text(data_key="customerid", required=True, validate=_Identifier)
    code = Text(data_key="productcode")
    name = Text(data_key="productname")
    ordered = fields.Integer(data_key="quantity", required=True, validate=_Count)
    activated = fields.Integer(
        data_key="usage", load_default=None, allow_none=True, validate=_Count
    )
    state = Word(_STATES, LicenceState.UNKNOWN)
    trial = fields.Boolean(load_default=False, allow_none=True)
    trial_until = Instant(data_key="trialexpiration")


class UsedProductWire(Wire):
    """What a customer used of a product over the days of a report."""

    code = Text()
    name = Text()
    kind = Text(data_key="licensetype")
    seats = fields.Integer(required=True, validate=_Count)
    seat_days = fields.Integer(data_key="seatdays", required=True, validate=_Count)


class UsedByWire(Wire):
    """A customer's line of a usage report."""

    customer = Text(data_key="companyid", required=True, validate=_Identifier)
    products = fields.List(fields.Nested(UsedProductWire), load_default=list, allow_none=True)


class UsageWire(MspPageWire):
    """A page of a usage report."""

    rows = fields.List(fields.Nested(UsedByWire), data_key="companies", load_default=list)


def licence_from(row: dict[str, Any], workspace_id: str) -> Licence:
    """Return a parsed licence as ours; the MSP's licences are monthly subscriptions."""
    return Licence(
        id=row["key"],
        workspace_id=workspace_id,
        product=(row["name"] or row["code"])[:300],
        kind=LicenceKind.TRIAL if row["trial"] else LicenceKind.SUBSCRIPTION,
        state=row["state"],
        limit=row["ordered"],
        used=row["activated"],
        expires_at=row["trial_until"] if row["trial"] else None,
    )
