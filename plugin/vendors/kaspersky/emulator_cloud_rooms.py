"""What the cloud emulator shows: tenants, devices and their changes, events, licences, usage."""

from collections import Counter
from datetime import UTC, datetime

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_cloud_estate import Estate
from plugin.vendors.kaspersky.emulator_cloud_facts import (
    ACTIVE_DAYS,
    CHANGE_TOKEN_LIFE,
    MAILBOXES,
    PER_USER,
    Refusal,
    bad_request,
    not_found,
    read_token,
    token_of,
)
from plugin.vendors.kaspersky.emulator_cloud_gate import CloudGate, limit_of

PAID = frozenset({"commercial", "subscription"})


class CloudRooms(CloudGate):
    """Everything that is read of a tenant."""

    # -- whose tenant --------------------------------------------------------------------------

    def administers(self, estate: Estate, email: str, tenant: str) -> bool:
        """Tell whether a user administers a tenant, by itself or through an integration."""
        if email in estate.table("tenants")[tenant]["administrators"]:
            return True
        integrations = estate.table("integrations")
        return any(
            email == each["email"]
            for integration in estate.index.bound.get(tenant, {}).values()
            for each in integrations[integration]["administrators"]
        )

    def tenants_of(self, estate: Estate, email: str) -> list[str]:
        """Return the tenants a user administers, by id."""
        if self.switched("not_administrator"):
            text = "Only administrators may do this."
            raise Refusal(403, "not-administrator", text)
        if self.switched("nothing_visible"):
            return []
        tenants = estate.table("tenants")
        return sorted(each for each in tenants if self.administers(estate, email, each))

    def own_tenant(self, request: Request, tenant: str) -> Estate:
        """Return the estate with the tenant; a Refusal when it is not this account's."""
        estate, email = self.estate(request), self.account(request)
        if self.switched("not_administrator"):
            raise Refusal(403, "not-administrator", "Only administrators may do this.")
        known = tenant in estate.table("tenants") and not self.switched("nothing_visible")
        if not known or not self.administers(estate, email, tenant):
            raise not_found(self.tenant_kind)
        return estate

    @route("GET", "/v1/tenants")
    def tenants(self, request: Request) -> Response:
        """List what the account administers."""
        estate, limit = self.estate(request), limit_of(request)
        last = _page(request)
        visible = self.tenants_of(estate, self.account(request))
        left = [each for each in visible if each > last]
        shown = left[:limit]
        return self.json(
            {
                "items": [estate.tenant_row(each) for each in shown],
                "nextPage": token_of("page", shown[-1]) if len(left) > limit else None,
            }
        )

    # -- devices -------------------------------------------------------------------------------

    @route("GET", "/v1/tenants/<tenant>/devices")
    def devices(self, request: Request, tenant: str) -> Response:
        """List the devices of a tenant."""
        estate = self.own_tenant(request, tenant)
        shown, more = estate.devices_after(tenant, _page(request), limit_of(request))
        return self.json(
            {
                "items": [estate.device_row(each) for each in shown],
                "nextPage": token_of("page", shown[-1]) if more else None,
                "changeToken": self._change_token(estate, estate.index.last_change),
            }
        )

    @route("GET", "/v1/tenants/<tenant>/device-changes")
    def device_changes(self, request: Request, tenant: str) -> Response:
        """List what changed since a change token."""
        estate = self.own_tenant(request, tenant)
        since = self._read_change_token(estate, request.args["since"])
        shown, more = estate.changes_after(tenant, since, limit_of(request))
        changes = [estate.table("changes")[str(each)] for each in shown]
        reached = shown[-1] if more else estate.index.last_change
        return self.json(
            {
                "items": [
                    estate.device_row(each["device"]) for each in changes if not each["removed"]
                ],
                "removed": [each["device"] for each in changes if each["removed"]],
                "changeToken": self._change_token(estate, reached),
                "more": more,
            }
        )

    def _change_token(self, estate: Estate, number: int) -> str:
        issued = self.clock().isoformat()
        return token_of("change", estate.generation, number, issued)

    def _read_change_token(self, estate: Estate, text: str) -> int:
        parts = read_token("change", text)
        try:
            generation, number, issued = parts[0], int(parts[1]), datetime.fromisoformat(parts[2])
        except (ValueError, IndexError):
            raise bad_request("the token is not one of ours") from None
        if generation != estate.generation or self.clock() - issued > CHANGE_TOKEN_LIFE:
            text = "This change token is too old. List all devices."
            raise Refusal(410, "change-token-expired", text)
        return number

    # -- events --------------------------------------------------------------------------------

    @route("GET", "/v1/tenants/<tenant>/events")
    def events(self, request: Request, tenant: str) -> Response:
        """List the events of a tenant by sequence."""
        estate = self.own_tenant(request, tenant)
        cursor, since = request.args.get("after"), request.args.get("since")
        number = _event_number(estate, cursor) if cursor else 0
        moment = None if since is None else _moment(since)
        shown, reached, more = estate.events_after(tenant, number, moment, limit_of(request))
        return self.json(
            {
                "items": [estate.event_row(each) for each in shown],
                "cursor": token_of("event", estate.mark, reached),
                "more": more,
            }
        )

    # -- licences ------------------------------------------------------------------------------

    @route("GET", "/v1/tenants/<tenant>/licences")
    def licences(self, request: Request, tenant: str) -> Response:
        """List the licences of a tenant."""
        estate = self.own_tenant(request, tenant)
        owned = estate.index.licences.get(tenant, [])
        now = self.clock()
        return self.json({"items": [estate.licence_row(each, now) for each in owned]})

    @route("GET", "/v1/tenants/<tenant>/usage")
    def usage(self, request: Request, tenant: str) -> Response:
        """Count what is in use of the licences that are paid for."""
        estate, day = self.own_tenant(request, tenant), request.args["day"]
        using = _using(estate, tenant, day)
        items = [
            _usage_item(estate, licence, using.get(licence, []), day)
            for licence in estate.index.licences.get(tenant, [])
            if self._is_paid(estate, licence)
        ]
        return self.json({"day": day, "items": items})

    def _is_paid(self, estate: Estate, licence: str) -> bool:
        good = estate.licence_state(licence, self.clock()) == "active"
        return good and estate.table("licences")[licence]["kind"] in PAID


def _usage_item(estate: Estate, licence: str, devices: list[Record], day: str) -> Record:
    record = estate.table("licences")[licence]
    counted, boxes = record["countedIn"], record.get("mailboxes", 0)
    item: Record = {"product": record["product"], "countedIn": counted, "ordered": record["limit"]}
    if counted == MAILBOXES:
        return item | {"assigned": boxes, "active": boxes}
    lately = (datetime.fromisoformat(day) - ACTIVE_DAYS).date().isoformat()
    seen = [each for each in devices if each["seen"][:10] >= lately]
    if counted == PER_USER:
        return item | {"assigned": len(_users(devices)), "active": len(_users(seen))}
    return item | {
        "assigned": len(devices),
        "active": len(seen),
        "byClass": _by_class(devices, seen),
    }


def _by_class(devices: list[Record], seen: list[Record]) -> list[Record]:
    assigned, active = (Counter(each["class"] for each in some) for some in (devices, seen))
    return [
        {"class": name, "assigned": count, "active": active[name]}
        for name, count in sorted(assigned.items())
    ]


def _users(devices: list[Record]) -> set[str]:
    return {each["user"] for each in devices if each["user"]}


def _using(estate: Estate, tenant: str, day: str) -> dict[str, list[Record]]:
    """Return the devices that were enrolled by the end of a day, by the licence they use."""
    using: dict[str, list[Record]] = {}
    devices = estate.table("devices")
    for device in estate.index.devices.get(tenant, []):
        record = devices[device]
        if record["licence"] and record["enrolled"][:10] <= day:
            using.setdefault(record["licence"], []).append(record)
    return using


def _page(request: Request) -> str:
    token = request.args.get("page")
    return read_token("page", token)[0] if token else ""


def _event_number(estate: Estate, cursor: str) -> int:
    """Return how far a cursor has come: nowhere when it is from before a reset."""
    mark, number = (*read_token("event", cursor), "")[:2]
    try:
        return int(number) if mark == estate.mark else 0
    except ValueError:
        raise bad_request("the token is not one of ours") from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
