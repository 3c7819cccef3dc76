"""What Automate's answers look like, and what they mean in our words.

Names are read in any letter case: the published file writes them with capitals, answers were seen
with either. Times usually come without a zone and are kept so; :mod:`clock` knows which it is.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields, pre_load, validate

from plugin.domain.model import DeviceClass
from plugin.edge.wire import Text, Wire, Word, WrittenTime

DEVICE_CLASSES = {
    "Server": DeviceClass.SERVER,
    "Workstation": DeviceClass.WORKSTATION,
    "Laptop": DeviceClass.WORKSTATION,
    "Desktop": DeviceClass.WORKSTATION,
}
ONLINE = {"Online": True, "Offline": False}

_NOT_EMPTY = validate.Length(min=1)


class Inner(Text):
    """One value of a nested record as text, such as the ``Id`` of ``Client``; empty without one."""

    def __init__(self, name: str, **options: Any) -> None:
        """Take the member called ``name`` (in any letter case)."""
        super().__init__(**options)
        self._member = name.lower()

    def _deserialize(self, value: object, attr: object, data: object, **kwargs: object) -> str:
        if value is not None and not isinstance(value, Mapping):
            raise self.make_error("invalid")
        members = {str(name).lower(): each for name, each in (value or {}).items()}
        return super()._deserialize(members.get(self._member), attr, data, **kwargs)


class AutomateWire(Wire):
    """The base of the shapes here: ``data_key`` stands in small letters."""

    order: ClassVar[str] = "Id asc"
    """The order in which a list of these is walked: what is added meanwhile comes last."""

    # On the whole collection: marshmallow would walk through what is no list, and fail there.
    @pre_load(pass_collection=True)
    def read_names_in_any_case(self, data: object, *, many: bool, **kwargs: object) -> object:
        """Write every record's names in small letters."""
        if many and isinstance(data, list):
            return [_folded(each) for each in data]
        return data if many else _folded(data)


def _folded(record: object) -> object:
    if not isinstance(record, Mapping):
        return record
    return {str(name).lower(): value for name, value in record.items()}


class TokenWire(AutomateWire):
    """The answer of a sign-in or a renewal."""

    token = Text(data_key="accesstoken")
    expires = WrittenTime(data_key="expirationdate")
    absolute = WrittenTime(data_key="absoluteexpirationdate")
    two_factor = fields.Boolean(data_key="istwofactorrequired", load_default=False, allow_none=True)
    user = Text(data_key="internalusername")


class ClientWire(AutomateWire):
    """A client: our company."""

    id = Text(data_key="id", required=True, validate=_NOT_EMPTY)
    name = Text(data_key="name", required=True)
    external_id = Text(data_key="externalid")
    street = Text(data_key="address1")
    city = Text(data_key="city")
    zip_code = Text(data_key="zipcode")
    country = Text(data_key="country")


class LocationWire(AutomateWire):
    """A location of a client."""

    id = Text(data_key="id", required=True, validate=_NOT_EMPTY)
    name = Text(data_key="name", required=True)
    client_id = Inner("Id", data_key="client")


class ComputerWire(AutomateWire):
    """A managed computer."""

    id = Text(data_key="id", required=True, validate=_NOT_EMPTY)
    name = Text(data_key="computername")
    client_id = Inner("Id", data_key="client")
    serial = Text(data_key="serialnumber")
    mac = Text(data_key="macaddress")
    address = Text(data_key="localipaddress")
    system = Text(data_key="operatingsystemname")
    device_class = Word(DEVICE_CLASSES, DeviceClass.OTHER, data_key="type")
    online = Word[bool | None](ONLINE, None, data_key="status")
    seen = WrittenTime(data_key="remoteagentlastcontact")


class GroupWire(AutomateWire):
    """A group; ``search`` is the id of the search by which computers join it."""

    id = Text(data_key="id", required=True, validate=_NOT_EMPTY)
    name = Text(data_key="name", required=True)
    full_name = Text(data_key="fullname")
    parent_id = Text(data_key="parentid")
    search = Inner("Id", data_key="computersautojoinsearch")


class MemberWire(AutomateWire):
    """A member of a group: only its id is asked for."""

    id = Text(data_key="id", required=True, validate=_NOT_EMPTY)


class TextSettingsWire(AutomateWire):
    """The value of a text field."""

    value = Text(data_key="value")


class CheckboxSettingsWire(AutomateWire):
    """The value of a check box."""

    value = fields.Boolean(data_key="ischecked", load_default=False, allow_none=True)


class DropdownSettingsWire(AutomateWire):
    """The value of a drop-down and what may be chosen."""

    value = Text(data_key="selectedvalue")
    options = fields.Raw(data_key="availableoptions", load_default=None, allow_none=True)


class ExtraFieldWire(AutomateWire):
    """An extra data field: exactly one kind of settings is filled."""

    id = Text(data_key="extrafielddefinitionid", required=True, validate=_NOT_EMPTY)
    title = Text(data_key="title")
    read_only = fields.Boolean(data_key="isreadonly", load_default=False, allow_none=True)
    is_default = fields.Boolean(data_key="isdefaultvalue", load_default=False, allow_none=True)
    text = fields.Nested(
        TextSettingsWire, data_key="textfieldsettings", load_default=None, allow_none=True
    )
    checkbox = fields.Nested(
        CheckboxSettingsWire, data_key="checkboxsettings", load_default=None, allow_none=True
    )
    dropdown = fields.Nested(
        DropdownSettingsWire, data_key="dropdownsettings", load_default=None, allow_none=True
    )


class ExecutionWire(AutomateWire):
    """A command in a computer's queue."""

    id = Text(data_key="id", required=True, validate=_NOT_EMPTY)
    status = Text(data_key="status")
    output = Text(data_key="output")


class ScriptWire(AutomateWire):
    """A script."""

    id = Text(data_key="id", required=True, validate=_NOT_EMPTY)
    name = Text(data_key="name", required=True)
    folder = Text(data_key="fullfolderpath")


class ResultDetailsWire(AutomateWire):
    """How a batch call ended for one computer."""

    status = fields.Integer(data_key="resultstatus", load_default=0, allow_none=True)
    reason = fields.Integer(data_key="reasoncode", load_default=0, allow_none=True)
    message = Text(data_key="message")


class ScriptResultWire(AutomateWire):
    """One computer's part of a batch answer."""

    computer_id = Text(data_key="entityid", required=True, validate=_NOT_EMPTY)
    details = fields.Nested(
        ResultDetailsWire, data_key="resultdetails", load_default=None, allow_none=True
    )


class BatchWire(AutomateWire):
    """The answer of a batch call."""

    results = fields.List(
        fields.Nested(ScriptResultWire),
        data_key="scriptresults",
        load_default=list,
        allow_none=True,
    )
    unsuccessful = fields.Boolean(
        data_key="containsunsuccessfulresults", load_default=False, allow_none=True
    )


class MenuWire(AutomateWire):
    """A right-click entry of computers."""

    order = "MenuID asc"

    id = Text(data_key="menuid", required=True, validate=_NOT_EMPTY)
    text = Text(data_key="text")
    url = Text(data_key="urlorexe")


class AlertWire(AutomateWire):
    """An alert that a monitor raised."""

    order = "AlertId asc"

    id = Text(data_key="alertid", required=True, validate=_NOT_EMPTY)
    client_id = Inner("Id", data_key="client")
    computer_id = Inner("Id", data_key="computer")
    severity = Inner("Name", data_key="severity")
    raised = WrittenTime(data_key="alertdate")
    source = Text(data_key="source")
    message = Text(data_key="message")
