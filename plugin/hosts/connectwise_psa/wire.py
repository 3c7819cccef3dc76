"""Companies, tickets, members and configurations as PSA writes them."""

from marshmallow import fields

from plugin.domain.model import Choice, Company, Configuration, ExtraField, Member, TicketView
from plugin.edge.wire import Text
from plugin.hosts.connectwise_psa.wire_base import (
    Id,
    PsaWire,
    Row,
    changed_at,
    flag,
    id_of,
    info,
    named,
    reference,
)

_TEXTS = frozenset({"Text", "TextArea"})
SERVICE_TICKET = "serviceticket"
LEFT = frozenset({"inactive", "former", "closed", "cancelled", "lost", "deleted", "delinquent"})
"""Company statuses that say a client is gone; statuses are free text, these are the usual ones."""


class CompanyInfo(PsaWire):
    """The look-up of a login company (vendor developer guide, versions and code bases)."""

    codebase = Text(required=True, data_key="Codebase")
    name = Text(data_key="CompanyName")
    version = Text(data_key="VersionCode")


class SystemInfo(PsaWire):
    """What a PSA says about itself."""

    version = Text(required=True)


class Count(PsaWire):
    """The answer of a count."""

    count = fields.Integer(required=True, strict=True)


class CompanyWire(PsaWire):
    """A company."""

    id = Id(required=True)
    identifier = Text()
    name = Text()
    website = Text()
    address = Text(data_key="addressLine1")
    city = Text()
    deleted_flag = flag()
    status = reference()

    @classmethod
    def value(cls, row: object, who: str) -> Company:
        """Return the company."""
        told = cls.parse(row, who, "a company")
        status = named(told["status"])
        return Company(
            id=told["id"],
            name=told["name"],
            identifier=told["identifier"],
            domain=domain_of(told["website"]),
            address=", ".join(filter(None, (told["address"], told["city"]))),
            status=status,
            active=not told["deleted_flag"] and status.strip().casefold() not in LEFT,
        )


class ChoiceWire(PsaWire):
    """A board, status, type, priority, source or member: what a ticket field chooses from."""

    id = Id(required=True)
    name = Text()
    identifier = Text()
    default_flag = flag()
    inactive_flag = flag()
    inactive = flag()
    project_flag = flag()
    closed_status = flag()

    @classmethod
    def options(cls, rows: object, who: str) -> list[Row]:
        """Return the ones in use, with their flags."""
        told = cls.parse_many(rows, who, "a list of choices")
        off = ("inactive_flag", "inactive", "project_flag")
        return [each for each in told if not any(each[name] for name in off)]

    @staticmethod
    def choice(told: Row, parent: str = "") -> Choice:
        """Return one as a choice."""
        default = bool(told["default_flag"])
        return Choice(told["id"], told["name"] or told["identifier"], parent, default)


class TicketWire(PsaWire):
    """A ticket."""

    id = Id(required=True)
    summary = Text()
    record_type = Text()
    status = reference()
    board = reference()
    company = reference()
    closed_flag = flag()
    key = Text(data_key="externalXRef")
    info = info()

    @classmethod
    def value(cls, told: Row, url: str) -> TicketView:
        """Return a parsed ticket; ``url`` is its page."""
        return TicketView(
            id=told["id"],
            summary=told["summary"],
            status=named(told["status"]),
            closed=bool(told["closed_flag"]),
            company_id=id_of(told["company"]),
            key=told["key"],
            updated_at=changed_at(told["info"]),
            updated_by=(told["info"] or {}).get("updated_by", ""),
            url=url,
        )

    @staticmethod
    def is_service(told: Row) -> bool:
        """Tell service tickets from project ones; where nothing is said it is a service ticket."""
        return told["record_type"].casefold() in {"", SERVICE_TICKET}


class NoteWire(PsaWire):
    """A note of a ticket."""

    id = Id(required=True)
    text = Text()


class ConfigurationWire(PsaWire):
    """A configuration: a device of a company."""

    id = Id(required=True)
    name = Text()
    company = reference()
    serial_number = Text()
    device_identifier = Text()
    mac_address = Text()

    @classmethod
    def value(cls, row: object, who: str) -> Configuration:
        """Return the configuration."""
        told = cls.parse(row, who, "a configuration")
        return Configuration(
            id=told["id"],
            company_id=id_of(told["company"]),
            name=told["name"],
            serial=told["serial_number"],
            device_identifier=told["device_identifier"],
            macs=tuple(told["mac_address"].replace(",", " ").replace(";", " ").split()),
        )


class CustomFieldWire(PsaWire):
    """A custom field of a record, with its value."""

    id = Id(required=True)
    caption = Text()
    type = Text()
    entry_method = Text()
    value = fields.Raw(load_default=None, allow_none=True)

    @classmethod
    def field(cls, row: object, who: str) -> ExtraField:
        """Return the field; only plain texts can be set, a list's words are not told here."""
        told = cls.parse(row, who, "a custom field")
        value = told["value"]
        return ExtraField(
            id=told["id"],
            title=told["caption"],
            value="" if value is None else str(value),
            read_only=told["type"] not in _TEXTS or told["entry_method"] not in {"", "EntryField"},
        )


class MemberWire(PsaWire):
    """A member as ``/system/info/members`` shows it."""

    id = Id(required=True)
    identifier = Text(required=True)
    first_name = Text()
    last_name = Text()
    full_name = Text()
    default_email = Text()
    inactive_flag = flag()

    @staticmethod
    def value(told: Row) -> Member:
        """Return a parsed member."""
        name = told["full_name"] or f"{told['first_name']} {told['last_name']}".strip()
        return Member(told["id"], name or told["identifier"], told["default_email"])


def domain_of(website: str) -> str:
    """Return the domain of a website as somebody typed it.

    >>> domain_of("HTTPS://www.Northwind.example/about")
    'northwind.example'
    """
    host = website.strip().lower().rpartition("://")[2].partition("/")[0].partition(":")[0]
    return host.removeprefix("www.")
