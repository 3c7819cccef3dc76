"""What Tigerpaw's answers look like, and what they mean in our words.

Times come with an offset or without one (which is not published): :meth:`Api.instant` makes them
UTC. Names and types are those of the published REST description (18.2.1); which of them may be
null is not published, so every one may be.
"""

from marshmallow import fields, validate

from plugin.edge.wire import Text, Wire, WrittenTime

_NOT_EMPTY = validate.Length(min=1)


class TigerpawWire(Wire):
    """The base of the shapes here."""


class ListWire(TigerpawWire):
    """One page of a search: ``rows``, the row to go on with, and how many match in all."""

    next_row = fields.Integer(data_key="NextRow", load_default=0, strict=True)
    total = fields.Integer(data_key="TotalCount", required=True, strict=True)


def _flag(name: str) -> fields.Boolean:
    return fields.Boolean(data_key=name, load_default=False, allow_none=True)


class AccountWire(TigerpawWire):
    """What an account says about itself."""

    name = Text(data_key="Name", required=True)
    account_id = Text(data_key="AccountId")
    street = Text(data_key="Address1")
    city = Text(data_key="City")
    postal_code = Text(data_key="PostalCode")
    country = Text(data_key="Country")
    status = Text(data_key="Status")
    url = Text(data_key="URL1")


class AccountSummaryWire(TigerpawWire):
    """An account with its number: our company."""

    number = Text(data_key="AccountNumber", required=True, validate=_NOT_EMPTY)
    account = fields.Nested(AccountWire, data_key="Account", required=True)


class AccountsWire(ListWire):
    """A page of accounts."""

    rows = fields.List(fields.Nested(AccountSummaryWire), data_key="Accounts", required=True)


class LockWire(TigerpawWire):
    """Who has a service order open; number 0 or none at all: nobody."""

    rep = Text(data_key="LockingRepNumber")


class OrderWire(TigerpawWire):
    """What a service order says about itself."""

    account = Text(data_key="AccountNumber")
    summary = Text(data_key="BriefDescription")
    reference = Text(data_key="Reference")
    status = Text(data_key="Status")
    changed = WrittenTime(data_key="StatusChangeDate")
    received = WrittenTime(data_key="DateTimeReceived")
    closed = WrittenTime(data_key="DateTimeClosed")


class OrderSummaryWire(TigerpawWire):
    """A service order with its number: our ticket."""

    number = Text(data_key="ServiceOrderNumber", required=True, validate=_NOT_EMPTY)
    order = fields.Nested(OrderWire, data_key="ServiceOrder", required=True)
    resolutions = fields.Integer(
        data_key="ServiceOrderResolution", load_default=0, allow_none=True, strict=True
    )
    lock = fields.Nested(LockWire, data_key="ServiceOrderLock", load_default=None, allow_none=True)


class OrdersWire(ListWire):
    """A page of service orders."""

    rows = fields.List(fields.Nested(OrderSummaryWire), data_key="ServiceOrders", required=True)


class OrderAnswerWire(TigerpawWire):
    """The answer of a create or an update."""

    made = fields.Nested(OrderSummaryWire, data_key="ServiceOrderSummary", required=True)


class NoteWire(TigerpawWire):
    """A note on a service order."""

    text = Text(data_key="Note")


class NotesWire(ListWire):
    """A page of notes."""

    rows = fields.List(fields.Nested(NoteWire), data_key="Notes", required=True)


class AgreementWire(TigerpawWire):
    """What an agreement says about itself."""

    account = Text(data_key="AccountNumber")
    kind = Text(data_key="Type")
    starts = WrittenTime(data_key="StartDate")
    ends = WrittenTime(data_key="EndDate")
    polled = WrittenTime(data_key="LastPolledDate")
    next_period = WrittenTime(data_key="NextBillingPeriod")


class AgreementSummaryWire(TigerpawWire):
    """An agreement with its number."""

    number = Text(data_key="AgreementNumber", required=True, validate=_NOT_EMPTY)
    agreement = fields.Nested(AgreementWire, data_key="Agreement", required=True)


class AgreementsWire(ListWire):
    """A page of agreements."""

    rows = fields.List(fields.Nested(AgreementSummaryWire), data_key="Agreements", required=True)


class ChargeWire(TigerpawWire):
    """An additional charge of an agreement; quantities are whole numbers there."""

    id = Text(data_key="DetailId", required=True, validate=_NOT_EMPTY)
    item = Text(data_key="SpecialItemId")
    description = Text(data_key="ItemDescription")
    quantity = fields.Integer(data_key="Quantity", required=True, strict=True)
    price = fields.Decimal(data_key="Price", load_default=None, allow_none=True)
    flat = _flag("UseFlatPrice")
    print_zero = _flag("PrintWhenQuantityZero")
    once = _flag("DeleteAfterInvoicing")


class ItemWire(TigerpawWire):
    """What a price book item says about itself."""

    description = Text(data_key="ItemDescription")
    inactive = _flag("Inactive")


class ItemSummaryWire(TigerpawWire):
    """A price book item with its id."""

    id = Text(data_key="ItemId", required=True, validate=_NOT_EMPTY)
    item = fields.Nested(ItemWire, data_key="Item", required=True)


class ItemsWire(ListWire):
    """A page of the price book."""

    rows = fields.List(fields.Nested(ItemSummaryWire), data_key="PriceBookItems", required=True)


class StatusWire(TigerpawWire):
    """A status of service orders."""

    value = Text(data_key="Status", required=True, validate=_NOT_EMPTY)
    usual = _flag("SystemDefault")


class OrderTypeWire(TigerpawWire):
    """A type of service orders."""

    value = Text(data_key="Type", required=True, validate=_NOT_EMPTY)
    usual = _flag("SystemDefault")


class PriorityWire(TigerpawWire):
    """A priority of service orders."""

    value = Text(data_key="Priority", required=True, validate=_NOT_EMPTY)
    usual = _flag("SystemDefault")


class SeverityWire(TigerpawWire):
    """A severity of service orders: its number is stored, its word is read."""

    value = Text(data_key="ServiceOrderSeverityNumber", required=True, validate=_NOT_EMPTY)
    label = Text(data_key="Severity")


class BoardWire(TigerpawWire):
    """A dispatch board."""

    value = Text(data_key="DispatchBoardId", required=True, validate=_NOT_EMPTY)
    label = Text(data_key="Description")


class RepWire(TigerpawWire):
    """A rep: a person or an account of the MSP."""

    value = Text(data_key="RepNumber", required=True, validate=_NOT_EMPTY)
    label = Text(data_key="DisplayName")
    inactive = _flag("Inactive")


class ExternalProductWire(TigerpawWire):
    """An entry of the master table of external products."""

    value = Text(data_key="ExternalProductId", required=True, validate=_NOT_EMPTY)
    label = Text(data_key="Product")
    active = fields.Boolean(data_key="Active", load_default=True, allow_none=True)


class AccountExternalWire(TigerpawWire):
    """An account's id in an external product."""

    id = Text(data_key="AccountExternalProductId", required=True, validate=_NOT_EMPTY)
    product = Text(data_key="ExternalProductId")
    external_id = Text(data_key="ExternalId")


class ProductInformationWire(TigerpawWire):
    """What the site is."""

    licensed = fields.Boolean(data_key="HasValidLicense", load_default=None, allow_none=True)
    archived = _flag("IsArchivedDatabase")
    version = Text(data_key="DatabaseVersion")
