"""Custom fields of configurations: what stands in them, and how one is set."""

from collections.abc import Mapping
from typing import Any

from plugin.domain.contracts import KeepsExtraFields
from plugin.domain.errors import RuleError
from plugin.domain.model import ExtraField
from plugin.hosts.connectwise_psa.base import Psa
from plugin.hosts.connectwise_psa.configurations import CONFIGURATIONS
from plugin.hosts.connectwise_psa.wire import CustomFieldWire

_KEY = "customFields"


class CustomFields(Psa, KeepsExtraFields):
    """Reads and writes the custom fields of configurations: there, a computer is one of these."""

    def extra_fields(self, computer_id: str) -> tuple[ExtraField, ...]:
        """Return the custom fields of a configuration with their values."""
        return self._shown(self._record(computer_id))

    def set_extra_field(self, computer_id: str, field_id: str, value: str) -> ExtraField:
        """Set one custom field and return it as read back."""
        seen = self._record(computer_id)
        _writable(self._shown(seen), field_id)
        # The vendor's guide wants the whole array; a field that is left out keeps its value.
        changed = [
            {**each, "value": value} if str(each.get("id")) == field_id else each
            for each in seen[_KEY]
        ]
        self._api.patch(self._path(computer_id), {_KEY: changed}, seen)
        return _writable(self._shown(self._record(computer_id)), field_id)

    def _path(self, computer_id: str) -> str:
        return f"{CONFIGURATIONS}/{self._number(computer_id)}"

    def _record(self, computer_id: str) -> Mapping[str, Any]:
        return self._api.one(self._path(computer_id), fields=f"id,{_KEY}")

    def _shown(self, record: Mapping[str, Any]) -> tuple[ExtraField, ...]:
        rows = record.get(_KEY) or ()
        return tuple(CustomFieldWire.field(each, self.title) for each in rows)


def _writable(fields: tuple[ExtraField, ...], field_id: str) -> ExtraField:
    found = next((each for each in fields if each.id == field_id), None)
    if found is None:
        text = "Configurations have no such custom field in PSA; choose the field again."
        raise RuleError("field_id", text)
    if found.read_only:
        raise RuleError("field_id", f"The custom field {found.title} is no plain text in PSA.")
    return found
