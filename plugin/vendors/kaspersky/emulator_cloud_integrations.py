"""Integrations of the cloud emulator: names, tenants, administrators, and who is told of what."""

import uuid
from collections.abc import Iterable

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_cloud_estate import Estate
from plugin.vendors.kaspersky.emulator_cloud_facts import Refusal, not_found
from plugin.vendors.kaspersky.emulator_cloud_gate import body_of
from plugin.vendors.kaspersky.emulator_cloud_rooms import CloudRooms

PATH = "/v1/integrations/<integration>"


class CloudIntegrations(CloudRooms):
    """The vendor's rules: one integration per tenant and platform, equal administrators."""

    @route("POST", "/v1/integrations")
    def create_integration(self, request: Request) -> Response:
        """Register an integration; its creator is its first administrator."""
        estate, email, said = self.estate(request), self.account(request), body_of(request)
        known = self._of_reference(estate, email, said["reference"])
        if known is not None:
            return self.json(_row(estate, known))
        self._refuse_foreign(estate, email, said["tenants"])
        self._refuse_taken(estate, said["tenants"], said["platform"])
        number = estate.count_up("integrations")
        word = f"{self.kind}-{estate.environment}-{number}"
        integration = str(uuid.uuid5(uuid.NAMESPACE_OID, word))
        creator = {"email": email, "alias": estate.table("users")[email]["name"]}
        estate.table("integrations")[integration] = {**said, "administrators": [creator]}
        estate.bind_all()
        return self.json(_row(estate, integration), 201)

    @route("GET", PATH)
    def integration(self, request: Request, integration: str) -> Response:
        """Show an integration."""
        return self.json(_row(self._own(request, integration), integration))

    @route("PUT", PATH)
    def update_integration(self, request: Request, integration: str) -> Response:
        """Give an integration a name and exactly these tenants."""
        estate, said = self._own(request, integration), body_of(request)
        record = estate.table("integrations")[integration]
        added = [each for each in said["tenants"] if each not in record["tenants"]]
        self._refuse_foreign(estate, self.account(request), added)
        self._refuse_taken(estate, added, record["platform"])
        _leave_administrators(estate, record, set(record["tenants"]) - set(said["tenants"]))
        estate.table("integrations")[integration] = record | said
        estate.bind_all()
        return self.json(_row(estate, integration))

    @route("DELETE", PATH)
    def delete_integration(self, request: Request, integration: str) -> Response:
        """Unbind the tenants, remove the integration and tell its administrators."""
        estate = self._own(request, integration)
        record = estate.table("integrations").pop(integration)
        _leave_administrators(estate, record, record["tenants"])
        estate.bind_all()
        subject = f"The integration “{record['name']}” was deleted"
        text = "Its workspaces or companies are no longer bound. You still administer them."
        for each in record["administrators"]:
            self._mail(estate, each["email"], subject, text)
        return Response("", 204)

    # -- administrators ------------------------------------------------------------------------

    @route("POST", PATH + "/administrators")
    def add_administrators(self, request: Request, integration: str) -> Response:
        """Add registered users, all or none."""
        estate = self._own(request, integration)
        said = {each["email"].casefold(): each for each in body_of(request)["administrators"]}
        strangers = [email for email in said if email not in estate.table("users")]
        if strangers:
            text = "Only registered users can be administrators."
            raise Refusal(422, "user-not-registered", text, emails=strangers)
        record = estate.table("integrations")[integration]
        present = {each["email"]: each for each in record["administrators"]}
        for email, each in said.items():
            present[email] = {"email": email, "alias": each["alias"]}
        return self._keep_administrators(estate, integration, list(present.values()))

    @route("POST", PATH + "/administrators/remove")
    def remove_administrators(self, request: Request, integration: str) -> Response:
        """Remove users, all or none; they lose the tenants too."""
        estate = self._own(request, integration)
        return self.end_rights(estate, integration, body_of(request)["emails"])

    def end_rights(self, estate: Estate, integration: str, emails: Iterable[str]) -> Response:
        """Take administrators out of an integration and its tenants."""
        gone = {email.casefold() for email in emails}
        record = estate.table("integrations")[integration]
        left = [each for each in record["administrators"] if each["email"] not in gone]
        if not left:
            text = "An integration needs an administrator."
            raise Refusal(409, "last-administrator", text)
        for tenant in record["tenants"]:
            row = estate.table("tenants")[tenant]
            row["administrators"] = [each for each in row["administrators"] if each not in gone]
            estate.table("tenants")[tenant] = row
        return self._keep_administrators(estate, integration, left)

    def _keep_administrators(
        self, estate: Estate, integration: str, administrators: list[Record]
    ) -> Response:
        record = estate.table("integrations")[integration]
        record["administrators"] = administrators
        estate.table("integrations")[integration] = record
        return self.json({"administrators": administrators})

    # -- rules ---------------------------------------------------------------------------------

    def _own(self, request: Request, integration: str) -> Estate:
        """Return the estate with the integration; a Refusal when it is not this account's."""
        estate, email = self.estate(request), self.account(request)
        record = estate.table("integrations").get(integration)
        if record is None:
            raise not_found("integration")
        if email not in {each["email"] for each in record["administrators"]}:
            text = "Only its administrators may do this."
            raise Refusal(403, "not-integration-administrator", text)
        return estate

    def _of_reference(self, estate: Estate, email: str, reference: str) -> str | None:
        for integration, record in estate.table("integrations").items():
            administrators = {each["email"] for each in record["administrators"]}
            if record["reference"] == reference and email in administrators:
                return integration
        return None

    def _refuse_foreign(self, estate: Estate, email: str, tenants: Iterable[str]) -> None:
        visible = set(self.tenants_of(estate, email))
        if not visible.issuperset(tenants):
            raise not_found(self.tenant_kind)

    def _refuse_taken(self, estate: Estate, tenants: Iterable[str], platform: str) -> None:
        bound, integrations = estate.index.bound, estate.table("integrations")
        conflicts = [
            {
                "tenantId": tenant,
                "tenantName": estate.table("tenants")[tenant]["name"],
                "integrationId": bound[tenant][platform],
                "integrationName": integrations[bound[tenant][platform]]["name"],
            }
            for tenant in tenants
            if platform in bound.get(tenant, {})
        ]
        if conflicts:
            text = "Another integration has it."
            raise Refusal(409, "tenant-taken", text, conflicts=conflicts)

    def _mail(self, estate: Estate, to: str, subject: str, text: str) -> None:
        """Put an e-mail into the outbox, which is where it stays."""
        estate.table("outbox")[str(estate.count_up("outbox"))] = {
            "at": self.clock().isoformat(),
            "to": to,
            "subject": subject,
            "text": text,
        }


def _leave_administrators(estate: Estate, record: Record, tenants: Iterable[str]) -> None:
    """Let an integration's administrators keep tenants that are taken out of it."""
    for tenant in tenants:
        row = estate.table("tenants")[tenant]
        keeping = [*row["administrators"], *(each["email"] for each in record["administrators"])]
        row["administrators"] = list(dict.fromkeys(keeping))
        estate.table("tenants")[tenant] = row


def _row(estate: Estate, integration: str) -> Record:
    record = estate.table("integrations")[integration]
    shown = ("platform", "name", "tenants", "administrators")
    return {"id": integration, **{name: record[name] for name in shown}}
