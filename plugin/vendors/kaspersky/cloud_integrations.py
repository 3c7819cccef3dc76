"""Integrations and their administrators, as Kaspersky's cloud keeps them."""

from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote

from plugin.domain.contracts import KeepsIntegrations, ManagesAdministrators
from plugin.domain.errors import AnswerError, MissingError, RuleError
from plugin.domain.model import Administrator, KeptIntegration
from plugin.vendors.kaspersky import cloud_wire as wire
from plugin.vendors.kaspersky.cloud_session import CloudSession
from plugin.vendors.kaspersky.cloud_values import integration

Result = TypeVar("Result")

_RULES: Mapping[str, tuple[str, str]] = {
    "tenant-taken": ("workspaces", "Take it out of that integration first."),
    "user-not-registered": ("administrators", "Register it in the portal first."),
    "last-administrator": ("administrators", "Add another one first."),
    "not-integration-administrator": (
        "integration",
        "Ask one of its administrators to add this connection's user.",
    ),
}
"""The vendor's rules: which field a person has to look at, and the cure."""


class CloudIntegrations(KeepsIntegrations, ManagesAdministrators):
    """What an adapter with a ``_session`` can do about integrations."""

    account_field = "user"
    _session: CloudSession

    def integration(self, integration_id: str) -> KeptIntegration:
        """Return the vendor's record of an integration."""
        answer = _by_the_rules(lambda: self._session.get(_path(integration_id)))
        return self._read(answer)

    def create_integration(
        self, platform: str, name: str, workspaces: tuple[str, ...], reference: str
    ) -> str:
        """Register an integration; the signed-in account becomes its first administrator."""
        body = {
            "platform": platform,
            "name": name,
            "tenants": list(workspaces),
            "reference": reference,
        }
        answer = _by_the_rules(lambda: self._session.send("POST", "/v1/integrations", body))
        return self._read(answer.json()).id

    def update_integration(
        self, integration_id: str, name: str, workspaces: tuple[str, ...]
    ) -> None:
        """Make the vendor's record say this name and exactly these workspaces."""
        body = {"name": name, "tenants": list(workspaces)}
        _by_the_rules(lambda: self._session.send("PUT", _path(integration_id), body))

    def delete_integration(self, integration_id: str) -> None:
        """Remove the record; the vendor tells every administrator."""
        try:
            _by_the_rules(lambda: self._session.send("DELETE", _path(integration_id)))
        except MissingError:
            return  # gone already: a call whose answer was lost, or a colleague's

    def known(self, email: str) -> bool:
        """Tell whether a user with this address is registered."""
        answer = self._session.get("/v1/users", email=email)
        found = wire.UsersWire.parse(answer, self._session.who, "users")["items"]
        return any(each["email"].casefold() == email.casefold() for each in found)

    def grant(self, integration_id: str, administrators: tuple[Administrator, ...]) -> None:
        """Let these users manage the integration and its workspaces."""
        rows = [{"email": each.email, "alias": each.alias} for each in administrators]
        path = _path(integration_id, "/administrators")
        if rows:
            _by_the_rules(lambda: self._session.send("POST", path, {"administrators": rows}))

    def revoke(self, integration_id: str, administrators: tuple[Administrator, ...]) -> None:
        """End these users' rights on the integration and its workspaces."""
        emails = [each.email for each in administrators]
        path = _path(integration_id, "/administrators/remove")
        if emails:
            _by_the_rules(lambda: self._session.send("POST", path, {"emails": emails}))

    def _read(self, answer: object) -> KeptIntegration:
        row = wire.IntegrationWire.parse(answer, self._session.who, "an integration")
        return integration(row)


def _path(integration_id: str, rest: str = "") -> str:
    return f"/v1/integrations/{quote(integration_id, safe='')}{rest}"


def _by_the_rules(call: Callable[[], Result]) -> Result:
    """Make a call; where the vendor's rules forbid it, say so to the person who asked for it."""
    try:
        return call()
    except AnswerError as error:
        if error.code not in _RULES:
            raise
        field, cure = _RULES[error.code]
        text = f"{error.who} {error.message}. {cure}"
    raise RuleError(field, text)
