"""EsetMspEmulator: a stand-in for the interface of ESET MSP Administrator 2 (EMA2)."""

from collections.abc import Callable
from datetime import date
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import Happening, route
from plugin.edge.world import World
from plugin.vendors.eset import emulator_licensing as licensing
from plugin.vendors.eset.emulator_estate import identify
from plugin.vendors.eset.emulator_msp_gate import PASSWORD, USER, MspGate, body_of, cut

Record = dict[str, Any]


class EsetMspEmulator(MspGate):
    """EMA2: who am I, the company tree, licences and usage reports."""

    kind = "eset_msp"
    title = "ESET MSP Administrator"

    def populate(self, world: World) -> None:
        """Fill companies and licences."""
        self.table("msp_accounts")[USER] = {"password": PASSWORD}
        for identifier, record in licensing.companies_of(world):
            self.table("msp_companies")[identifier] = record
        for key, record in licensing.licences_of(world):
            self.table("msp_licences")[key] = record

    def connection_settings(self) -> dict[str, str]:
        """Return what goes into the second slot of the connection."""
        return {"msp_email": USER, "msp_password": PASSWORD}

    def contract_path(self, request: Request) -> str | None:
        """Return the path to judge; everything here begins with /api/."""
        return request.path

    # -- companies ---------------------------------------------------------------------------

    @route("GET", "/api/User/Current")
    def msp_current(self, request: Request) -> Response:
        """Tell who I am, and which company everything starts from."""
        root = identify("msp")
        record = self.table("msp_companies")[root]
        company = {"companyId": root, "name": record["name"], "type": record["type"]}
        person = {"id": identify("user", USER), "email": USER, "status": 1, "company": company}
        return self.reply({**person, "twoFactorEnabled": self.switch("msp_two_factor")})

    @route("POST", "/api/Company/Children")
    def msp_children(self, request: Request) -> Response:
        """List the companies right below one."""
        return self._company_list(request, lambda record, top: record["parent"] == top)

    @route("POST", "/api/Company/Descendants")
    def msp_descendants(self, request: Request) -> Response:
        """List all companies below one."""
        return self._company_list(request, self._is_below)

    def _is_below(self, record: Record, top: str) -> bool:
        parent = record["parent"]
        while parent and parent != top:
            parent = self.table("msp_companies")[parent]["parent"]
        return bool(parent)

    def _company_list(self, request: Request, belongs: Callable[[Record, str], bool]) -> Response:
        given, table = body_of(request), self.table("msp_companies")
        top = given.get("companyId")
        if top not in table:
            return self.failure(404, 3, 1, "No such company")
        found = [key for key, record in table.items() if belongs(record, str(top))]
        shown = cut(given, found)
        if shown is None:
            return self.failure(400, 1, 0, "take must be 1 to 100")
        companies = [
            {"publicId": key, "name": one["name"], "type": one["type"], "email": one["email"]}
            for key, one in ((key, table[key]) for key in shown)
        ]
        return self.reply({"companies": companies, "paging": {"totalCount": len(found)}})

    @route("POST", "/api/Company/Detail")
    def msp_company(self, request: Request) -> Response:
        """Show one company."""
        identifier = str(body_of(request).get("companyId"))
        record = self.table("msp_companies").get(identifier)
        if record is None:
            return self.failure(404, 3, 1, "No such company")
        shown = {"id": identifier, "name": record["name"], "type": record["type"]}
        more = {"customIdentifier": record["custom"], "ancestor": {"id": record["parent"]}}
        return self.reply({**shown, **more, "email": record["email"]})

    @route("POST", "/api/Search/Companies")
    def msp_search_companies(self, request: Request) -> Response:
        """List every company that can be seen."""
        if not self.switch("msp_search_companies"):
            return self.not_found(request)
        table = self.table("msp_companies")
        shown = cut(body_of(request), list(table))
        if shown is None:
            return self.failure(400, 1, 0, "take must be 1 to 100")
        found = [
            {
                "CompanyId": key,
                "Name": one["name"],
                "CompanyTypeId": one["type"],
                "StatusId": 1,
                "CustomIdentifier": one["custom"],
                "Email": one["email"],
                "ParentId": one["parent"],
            }
            for key, one in ((key, table[key]) for key in shown)
        ]
        return self.json({"Search": found, "Paging": {"TotalCount": len(table)}})

    @route("GET", "/api/Enum/EntityTypes")
    def msp_entity_types(self, request: Request) -> Response:
        """Name the kinds of companies."""
        return self.reply([{"id": n, "name": t} for n, t in enumerate(licensing.ENTITY_TYPES, 1)])

    @route("GET", "/api/Enum/LicenseStates")
    def msp_licence_states(self, request: Request) -> Response:
        """Name the states of licences."""
        return self.reply([{"id": n, "name": state} for n, state in enumerate(licensing.STATES)])

    # -- licences ----------------------------------------------------------------------------

    @route("POST", "/api/Search/Licenses")
    def msp_search_licences(self, request: Request) -> Response:
        """List licences, of one customer or of all; without any seats."""
        given, table = body_of(request), self.table("msp_licences")
        word, customer = str(given.get("keyword") or "").lower(), given.get("customerId")
        found = [
            key
            for key, one in table.items()
            if customer in {None, "", one["customer"]}
            and (not word or word in f"{key} {one['code']} {one['name']}".lower())
        ]
        shown = cut(given, found)
        if shown is None:
            return self.failure(400, 1, 0, "take must be 1 to 100")
        rows = [
            {"PublicLicenseKey": key, "Code": table[key]["code"], "Name": table[key]["name"]}
            for key in shown
        ]
        return self.json({"Search": rows, "Paging": {"TotalCount": len(found)}})

    @route("POST", "/api/License/Detail")
    def msp_licence(self, request: Request) -> Response:
        """Show one licence with its seats."""
        key = str(body_of(request).get("publicLicenseKey"))
        record = self.table("msp_licences").get(key)
        if record is None:
            return self.failure(404, 8, 0, "No such license")
        return self.reply(licensing.detail_of(key, record))

    @route("POST", "/api/License/UpdateQuantity")
    def msp_quantity(self, request: Request) -> Response:
        """Change the ordered seats; the same number again is an error."""
        given = body_of(request)
        key, quantity = str(given.get("publicLicenseKey")), given.get("quantity")
        record = self.table("msp_licences").get(key)
        if record is None or not isinstance(quantity, int) or quantity < 1:
            return self.failure(400, 8, 18, "Invalid quantity")
        if record["ordered"][-1][1] == quantity:
            return self.failure(400, 8, 48, "Quantity equals the previous one")
        self._note_count(key, "ordered", quantity)
        return self.reply({})

    def _note_count(self, key: str, what: str, count: int) -> None:
        record, today = self.table("msp_licences")[key], self.clock().date().isoformat()
        history = [entry for entry in record[what] if entry[0] != today]
        self.table("msp_licences")[key] = {**record, what: [*history, [today, count]]}

    # -- usage -------------------------------------------------------------------------------

    @route("POST", "/api/UsageReport/AllCompanies/products")
    def msp_usage_all(self, request: Request) -> Response:
        """Report the use of all customers."""
        return self._usage(request, self._customers())

    @route("POST", "/api/UsageReport/SelectedCompanies/products")
    def msp_usage_selected(self, request: Request) -> Response:
        """Report the use of chosen customers."""
        chosen = body_of(request).get("companyIds") or []
        return self._usage(request, [each for each in self._customers() if each in chosen])

    @route("POST", "/api/UsageReport/Daily/products")
    def msp_usage_daily(self, request: Request) -> Response:
        """Report the use of one customer by days."""
        one = body_of(request).get("companyId")
        return self._usage(request, [each for each in self._customers() if each == one], daily=True)

    def _customers(self) -> list[str]:
        companies = self.table("msp_companies").items()
        return [key for key, one in companies if one["type"] == licensing.CUSTOMER_TYPE]

    def _usage(self, request: Request, found: list[str], *, daily: bool = False) -> Response:
        given = body_of(request)
        try:
            first, last = (date.fromisoformat(str(given[name])) for name in ("from", "to"))
        except (KeyError, ValueError):
            return self.failure(400, 1, 0, "from and to must be dates")
        shown = cut(given, found)
        if shown is None or last < first:
            return self.failure(400, 1, 0, "take must be 1 to 100")
        reports = self._reports(shown, first, last, daily=daily)
        return self.reply({"companies": reports, "paging": {"totalCount": len(found)}})

    def _reports(
        self, customers: list[str], first: date, last: date, *, daily: bool
    ) -> list[Record]:
        lines: dict[str, list[Record]] = {each: [] for each in customers}
        for one in self.table("msp_licences").values():
            if one["customer"] in lines:
                line = licensing.use_of(one, first, last)
                dropped = set() if daily else {"usagePerDays"}
                kept = {name: value for name, value in line.items() if name not in dropped}
                lines[one["customer"]].append(kept)
        names = self.table("msp_companies")
        return [
            {
                "companyId": key,
                "companyName": names[key]["name"],
                "products": products,
                "totalUsage": sum(line["seatDays"] for line in products),
                "totalSeats": sum(line["seats"] for line in products),
            }
            for key, products in lines.items()
        ]

    # -- what happens ------------------------------------------------------------------------

    def happen(self, happening: Happening) -> dict[str, Any] | None:
        """Play ``seat-change``: ``customer`` and ``product`` by id or name, ``quantity`` or by 1.

        With ``count`` "used" the activated units change instead of the ordered ones.
        """
        if happening.what == "switch" and happening.details.get("name") in self.switches:
            return self.turn(happening)
        if happening.what != "seat-change":
            return None
        details, names = dict(happening.details), self.table("msp_companies")
        who = details.get("customer", details.get("workspace"))
        for key, one in self.table("msp_licences").items():
            customer = one["customer"]
            named = who in {None, customer, names[customer]["name"]}
            if named and details.get("product") in {None, one["code"], one["name"]}:
                return self._change_seats(key, details)
        return None

    def _change_seats(self, key: str, details: Record) -> Record:
        what = str(details.get("count", "ordered"))
        before = self.table("msp_licences")[key][what][-1][1]
        after = int(details.get("quantity", before + 1))
        self._note_count(key, what, after)
        customer = self.table("msp_licences")[key]["customer"]
        told = {"licence": key, "customer": customer, "before": before, "after": after}
        return {"what": "seat-change", **told}

    def state(self) -> dict[str, Any]:
        """Return companies, licences and switches."""
        names = {"customers": "msp_companies", "licences": "msp_licences"}
        shown = {
            name: [{"id": key, **record} for key, record in self.table(table).items()]
            for name, table in names.items()
        }
        return {**shown, "switches": {name: self.switch(name) for name in self.switches}}
