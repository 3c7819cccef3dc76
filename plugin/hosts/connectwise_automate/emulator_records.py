"""Clients, locations, computers, alerts, tickets and the server itself, as Automate shows them."""

from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.hosts.connectwise_automate.emulator_base import AutomateBase, record_of
from plugin.hosts.connectwise_automate.emulator_lists import Record

CLIENT = "LabTech.Models.Client"
LOCATION = "LabTech.Models.Location"
COMPUTER = "LabTech.Models.Computer"
ALERT = "Automate.Api.Domain.Contracts.Alerts.Alert"
TICKET = "LabTech.Models.Ticket"
MENU = "LabTech.Models.ComputerMenu"


class RecordsPart(AutomateBase):
    """The plain records."""

    @route("GET", "/cwa/api/v1/clients")
    def clients(self, request: Request) -> Response:
        """List clients."""
        return self.page(request, self.table("clients"), CLIENT, self.show_client)

    @route("GET", "/cwa/api/v1/clients/<client>")
    def client(self, request: Request, client: str) -> Response:
        """Show one client."""
        return self.one(self.table("clients"), client, self.show_client)

    @route("GET", "/cwa/api/v1/locations")
    def locations(self, request: Request) -> Response:
        """List locations."""
        return self.page(request, self.table("locations"), LOCATION, self.show_location)

    @route("GET", "/cwa/api/v1/locations/<location>")
    def location(self, request: Request, location: str) -> Response:
        """Show one location."""
        return self.one(self.table("locations"), location, self.show_location)

    @route("GET", "/cwa/api/v1/computers")
    def computers(self, request: Request) -> Response:
        """List computers."""
        return self.page(request, self.table("computers"), COMPUTER, self.show_computer)

    @route("GET", "/cwa/api/v1/computers/<computer>")
    def computer(self, request: Request, computer: str) -> Response:
        """Show one computer."""
        return self.one(self.table("computers"), computer, self.show_computer)

    @route("GET", "/cwa/api/v1/alerts")
    def alerts(self, request: Request) -> Response:
        """List alerts."""
        return self.page(request, self.table("alerts"), ALERT, self.show_alert)

    @route("GET", "/cwa/api/v1/alerts/<alert>")
    def alert(self, request: Request, alert: str) -> Response:
        """Show one alert."""
        return self.one(self.table("alerts"), alert, self.show_alert)

    @route("GET", "/cwa/api/v1/tickets")
    def tickets(self, request: Request) -> Response:
        """List tickets."""
        return self.page(request, self.table("tickets"), TICKET, self.show_ticket)

    @route("GET", "/cwa/api/v1/tickets/<ticket>")
    def ticket(self, request: Request, ticket: str) -> Response:
        """Show one ticket."""
        return self.one(self.table("tickets"), ticket, self.show_ticket)

    @route("GET", "/cwa/api/v1/computermenus")
    def menus(self, request: Request) -> Response:
        """List the right-click entries of computers."""
        return self.page(request, self.table("menus"), MENU, self.show_menu)

    @route("POST", "/cwa/api/v1/computermenus")
    def add_menu(self, request: Request) -> Response:
        """Add a right-click entry; the published interface has no call that removes one."""
        body = record_of(request)
        if not str(body.get("text") or "").strip():
            return self.error(400, "Text is required.", "BadRequest")
        number = str(self.table("menus").next_id())
        names = ("Name", "Description", "Text", "ImageURL", "Action", "URLorEXE", "Parameters")
        menu = {name: str(body.get(name.lower()) or "") for name in names}
        self.table("menus")[number] = {
            **menu,
            "RootOnly": int(body.get("rootonly") is True or body.get("rootonly") == 1),
        }
        return self.json(self.show_menu(number, frozenset()))

    @route("GET", "/cwa/api/v1/databaseservertime")
    def server_time(self, request: Request) -> Response:
        """Tell the database server's time."""
        return self.json(self.time_text(self.now_seconds()))

    @route("GET", "/cwa/api/v1/system/serverinformation")
    def server_information(self, request: Request) -> Response:
        """Describe the server."""
        server = {
            "ServerId": 1,
            "OperatingSystem": "Microsoft Windows Server 2022 Standard",
            "MachineName": "AUTOMATE01",
            "IsDatabaseServer": True,
            "IsWebServer": True,
        }
        return self.json([server])

    # -- how records are shown ---------------------------------------------------------------

    def show_client(self, number: str, expand: frozenset[str]) -> Record:
        """Return a client as the interface shows it."""
        client = self.table("clients")[number]
        shown: Record = {
            "Id": number,
            "Name": client["name"],
            "Company": client["name"],
            "City": client["city"],
            "Country": "",
            "ExternalId": client["external"],
            "UsesInHouseSupportStaff": False,
        }
        if "locations" in expand:
            found = self.table("locations").items()
            shown["Locations"] = [
                {"Id": int(each), "Name": location["name"]}
                for each, location in found
                if location["client"] == number
            ]
        return shown

    def show_location(self, number: str, expand: frozenset[str]) -> Record:
        """Return a location as the interface shows it."""
        location = self.table("locations")[number]
        return {
            "Id": int(number),
            "Client": self._client_of(location["client"]),
            "Name": location["name"],
            "City": location["city"],
            "ProbeId": 0,
        }

    def show_computer(self, number: str, expand: frozenset[str]) -> Record:
        """Return a computer as the interface shows it."""
        computer = self.table("computers")[number]
        location = computer["location"]
        seen = self.time_text(self.now_seconds() - 60 if computer["online"] else computer["seen"])
        shown: Record = {
            "Id": number,
            "Location": {"Id": int(location), "Name": self.table("locations")[location]["name"]},
            "Client": self._client_of(computer["client"]),
            "ComputerName": computer["name"],
            "OperatingSystemName": computer["os"],
            "DomainName": computer["domain"],
            "RemoteAgentVersion": "240.345",
            "RemoteAgentLastContact": seen,
            "LastHeartbeat": seen,
            "LocalIPAddress": computer["ip"],
            "MACAddress": computer["mac"],
            "SerialNumber": computer["serial"],
            "LastUserName": computer["user"],
            "Type": computer["type"],
            "Status": "Online" if computer["online"] else "Offline",
            "IsFasTalk": False,
            "IsRebootNeeded": False,
        }
        if "groups" in expand:
            shown["Groups"] = self.groups_of(number)
        return shown

    def groups_of(self, computer: str) -> list[Record]:
        """Return the groups a computer is in; the part that knows groups fills this in."""
        return []

    def show_alert(self, number: str, expand: frozenset[str]) -> Record:
        """Return an alert as the interface shows it."""
        alert = self.table("alerts")[number]
        computer = self.table("computers")[alert["computer"]]
        client = computer["client"]
        return {
            "AlertId": int(number),
            "Client": {"Id": int(client), "Name": self.table("clients")[client]["name"]},
            "Computer": {
                "Id": int(alert["computer"]),
                "Name": computer["name"],
                "ComputerStatus": "Online" if computer["online"] else "Offline",
            },
            "Monitor": {"Id": 7, "Name": alert["source"]},
            "AlertDate": self.time_text(alert["at"]),
            "Severity": {"Id": alert["severity"], "Name": SEVERITIES[alert["severity"]]},
            "Source": alert["source"],
            "Message": alert["message"],
            "FieldName": "",
        }

    def show_ticket(self, number: str, expand: frozenset[str]) -> Record:
        """Return a ticket as the interface shows it."""
        ticket = self.table("tickets")[number]
        return {
            "TicketId": int(number),
            "Client": self._client_of(ticket["client"]),
            "Status": {"Id": 1, "Name": "New"},
            "Subject": ticket["subject"],
            "StartDate": self.time_text(ticket["at"]),
        }

    def show_menu(self, number: str, expand: frozenset[str]) -> Record:
        """Return a right-click entry as the interface shows it."""
        return {"MenuID": number, **self.table("menus")[number]}

    def _client_of(self, number: str) -> dict[str, Any]:
        return {"Id": number, "Name": self.table("clients")[number]["name"]}


SEVERITIES = {1: "Information", 2: "Warning", 3: "Error"}
