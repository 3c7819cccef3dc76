"""Callbacks, deliveries and hosted pages as PSA writes them."""

from marshmallow import fields

from plugin.domain.model import EventAction, EventKind, Placement, Subscription
from plugin.edge.wire import Text, Word
from plugin.hosts.connectwise_psa.wire_base import Id, PsaWire, flag, info, named, reference

ACTIONS = {
    "added": EventAction.ADDED,
    "updated": EventAction.UPDATED,
    "deleted": EventAction.DELETED,
}
KINDS = {
    "ticket": EventKind.TICKET,
    "company": EventKind.COMPANY,
    "agreement": EventKind.AGREEMENT,
    "configuration": EventKind.CONFIGURATION,
}
MENU = "Menu"


class CallbackWire(PsaWire):
    """A registered callback."""

    id = Id(required=True)
    url = Text(required=True)
    type = Text(required=True)
    level = Text()
    object_id = Id(load_default="1")
    inactive_flag = flag()

    @classmethod
    def value(cls, row: object, who: str) -> Subscription:
        """Return the callback. One that watches less than everything says so in its kind."""
        told = cls.parse(row, who, "a callback")
        kind, level = told["type"].lower(), told["level"].lower()
        whole = level == "owner" and told["object_id"] in {"", "0", "1"}
        kind = kind if whole else f"{kind}:{level}:{told['object_id']}"
        return Subscription(told["url"], kind, told["id"], not told["inactive_flag"])


class DeliveryWire(PsaWire):
    """The body of a callback; older versions send no more than the required keys."""

    action = Word(ACTIONS, EventAction.UNKNOWN, data_key="Action")
    type = Text(required=True, data_key="Type")
    record = Id(required=True, data_key="ID")
    entity = Text(data_key="Entity")
    company = Text(data_key="CompanyId")
    host = Text(data_key="FromUrl")
    member = Text(data_key="MemberId")
    message = Text(data_key="MessageId")
    metadata = fields.Dict(required=True, data_key="Metadata")


class EntityWire(PsaWire):
    """What we look at in the record that a delivery carries as text."""

    record_type = Text()
    info = info()


class SigningKey(PsaWire):
    """The answer of a key address."""

    signing_key = Text(required=True, data_key="signing_key")


class SetupWire(PsaWire):
    """A hosted page: a tab, pod or button."""

    id = Id(required=True)
    screen_id = Id(load_default="")
    description = Text()
    url = Text()
    type = Text()

    @classmethod
    def value(cls, row: object, who: str) -> Placement:
        """Return the placement."""
        told = cls.parse(row, who, "a hosted page")
        return Placement(
            kind=told["type"],
            screen=told["screen_id"],
            title=told["description"],
            url=told["url"],
            id=f"setup-{told['id']}",
        )


class MenuWire(PsaWire):
    """An entry of the menu."""

    id = Id(required=True)
    menu_location = reference()
    caption = Text()
    link = Text()

    @classmethod
    def value(cls, row: object, who: str) -> Placement:
        """Return the placement."""
        told = cls.parse(row, who, "a menu entry")
        return Placement(
            kind=MENU,
            screen=named(told["menu_location"]),
            title=told["caption"],
            url=told["link"],
            id=f"menu-{told['id']}",
        )


class ScreenWire(PsaWire):
    """A screen that can hold pages."""

    id = Id(required=True)
    name = Text()
