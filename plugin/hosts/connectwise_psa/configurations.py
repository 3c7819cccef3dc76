"""Configurations: the PSA's records of devices."""

from collections.abc import Iterator
from typing import Any

from plugin.domain.contracts import KeepsConfigurations
from plugin.domain.errors import AnswerError, RuleError
from plugin.domain.model import Configuration
from plugin.hosts.connectwise_psa.base import Psa
from plugin.hosts.connectwise_psa.filters import UnquotableError, both, equals
from plugin.hosts.connectwise_psa.wire import ChoiceWire, ConfigurationWire

CONFIGURATIONS = "/company/configurations"
IDENTIFIER_LIMIT = 100
_FIELDS = "id,name,company,serialNumber,deviceIdentifier,macAddress"
_USUAL_TYPES = ("managed workstation", "workstation")
"""Our records say nothing of types, so a new one gets the first of these that exists."""


class Configurations(Psa, KeepsConfigurations):
    """Finds, lists and writes configurations."""

    _type_id = 0

    def find_configuration(self, company_id: str, device_identifier: str) -> Configuration | None:
        """Return the company's configuration with this device identifier, or None."""
        company = equals("company/id", self._number(company_id))
        try:
            conditions = both(company, equals("deviceIdentifier", device_identifier))
        except UnquotableError:
            conditions = company  # then every one of the company's is looked at
        for row in self._api.rows(CONFIGURATIONS, conditions, _FIELDS):
            found = ConfigurationWire.value(row, self.title)
            if found.device_identifier == device_identifier:
                return found
        return None

    def configurations(self, company_id: str) -> Iterator[Configuration]:
        """Yield the configurations of a company."""
        conditions = equals("company/id", self._number(company_id))
        for row in self._api.rows(CONFIGURATIONS, conditions, _FIELDS):
            yield ConfigurationWire.value(row, self.title)

    def save_configuration(self, wanted: Configuration) -> Configuration:
        """Create or change a configuration, sending only what differs, and read it back."""
        if len(wanted.device_identifier) > IDENTIFIER_LIMIT:
            text = f"a device identifier has at most {IDENTIFIER_LIMIT} characters"
            raise RuleError("device_identifier", text)
        path = self._change(wanted) if wanted.id else self._create(wanted)
        saved = ConfigurationWire.value(self._api.one(path), self.title)
        if _written(saved) != _written(wanted):
            text = f"saved configuration {saved.id}, but not with what was sent"
            raise AnswerError(self.title, text)
        return saved

    def _create(self, wanted: Configuration) -> str:
        record = {
            **_written(wanted),
            "company": {"id": self._number(wanted.company_id)},
            "type": {"id": self._usual_type()},
        }
        filled = {name: value for name, value in record.items() if value}
        return f"{CONFIGURATIONS}/{self._api.create(CONFIGURATIONS, filled)['id']}"

    def _change(self, wanted: Configuration) -> str:
        path = f"{CONFIGURATIONS}/{self._number(wanted.id)}"
        row = self._api.one(path)
        now = _written(ConfigurationWire.value(row, self.title))
        changes = {name: value for name, value in _written(wanted).items() if now[name] != value}
        if changes:
            self._api.patch(path, changes, row)
        return path

    def _usual_type(self) -> int:
        if not self._type_id:
            rows = list(self._api.rows(f"{CONFIGURATIONS}/types"))
            types = ChoiceWire.options(rows, self.title)
            by_name = {told["name"].casefold(): told for told in types}
            usual = next((by_name[name] for name in _USUAL_TYPES if name in by_name), None)
            found = usual or next(iter(types), None)
            if found is None:
                raise AnswerError(self.title, "has no configuration type that could be used")
            self._type_id = int(found["id"])
        return self._type_id


def _written(configuration: Configuration) -> dict[str, Any]:
    """Return the fields we own, as PSA has them."""
    return {
        "name": configuration.name,
        "serialNumber": configuration.serial,
        "deviceIdentifier": configuration.device_identifier,
        "macAddress": ", ".join(configuration.macs),
    }
