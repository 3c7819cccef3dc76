"""The made-up MSP as its PSA shows it: boards, members, products, clients, agreements, devices."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from plugin.domain.model import DeviceClass
from plugin.edge.world import Client, Machine, World
from plugin.hosts.connectwise_psa.emulator_records import Record, Records
from plugin.hosts.connectwise_psa.emulator_words import (
    BOARDS,
    DEVICE_FIELDS,
    MEMBERS,
    OWNER,
    PRIORITIES,
    PRODUCTS,
    SCREENS,
    STATUSES,
    TYPES,
)


@dataclass
class Builder:
    """Fills the records of one emulator from a world."""

    records: Records
    world: World

    def build(self) -> None:
        """Make everything."""
        self._members()
        self._service_desk()
        self._catalog()
        self._company_words()
        self._places()
        for client in self.world.clients:
            self._client(client)

    def add(self, collection: str, parent: int | None = None, **record: Any) -> int:
        """Keep a record and return its id."""
        return int(self.records.add(collection, record, OWNER, parent)["id"])

    # -- the MSP itself ------------------------------------------------------------------------

    def _members(self) -> None:
        self.add("system/locations", name="Main Office", ownerLevelId=2, locationFlag=True)
        self.add("system/info/departments", name="Managed Services")
        for identifier, first, last, licence in MEMBERS:
            self.add(
                "system/members",
                identifier=identifier,
                firstName=first,
                lastName=last,
                licenseClass=licence,
                inactiveFlag=identifier == "oldhand",
                defaultEmail="Office",
                officeEmail=f"{identifier.lower()}@msp.example",
                primaryEmail=f"{identifier.lower()}@msp.example",
                title="API" if licence == "X" else "Technician",
            )

    def _service_desk(self) -> None:
        for number, name in enumerate(BOARDS, start=1):
            board = self.add(
                "service/boards",
                name=name,
                location={"id": 1},
                department={"id": 1},
                inactiveFlag=False,
                projectFlag=name == "Projects",
                **({"defaultFlag": True} if number == 1 else {}),
            )
            self._board(board)
        for order, (name, color, level) in enumerate(PRIORITIES, start=1):
            self.add(
                "service/priorities",
                name=name,
                color=color,
                level=level,
                sortOrder=order,
                defaultFlag=order == 3,
            )
        for name in ("Call", "Email", "Monitoring"):
            self.add("service/sources", name=name, defaultFlag=name == "Email")

    def _board(self, board: int) -> None:
        for order, (name, closed) in enumerate(STATUSES, start=1):
            self.add(
                "service/boards/statuses",
                board,
                name=name,
                board={"id": board},
                sortOrder=order,
                defaultFlag=order == 1,
                closedStatus=closed,
                inactive=False,
                displayOnBoard=True,
            )
        for name in TYPES:
            self.add(
                "service/boards/types",
                board,
                name=name,
                board={"id": board},
                defaultFlag=name == "Incident",
                inactiveFlag=False,
            )

    def _catalog(self) -> None:
        self.add("procurement/unitofmeasures", name="Each", defaultFlag=True)
        self.add("procurement/types", name="Agreement", defaultFlag=True)
        category = self.add("procurement/categories", name="Security")
        sub = self.add(
            "procurement/categories/subcategories",
            category,
            name="Endpoint protection",
            category={"id": category},
        )
        for identifier, description, price, cost in PRODUCTS:
            self.add(
                "procurement/catalog",
                identifier=identifier,
                description=description,
                customerDescription=description,
                inactiveFlag=identifier == "OLD-AV",
                subcategory={"id": sub},
                category={"id": category},
                type={"id": 1},
                productClass="Agreement",
                unitOfMeasure={"id": 1},
                price=price,
                cost=cost,
            )

    def _company_words(self) -> None:
        for name in ("Active", "Not-Approved", "Inactive"):
            self.add(
                "company/companies/statuses",
                name=name,
                defaultFlag=name == "Active",
                inactiveFlag=False,
            )
        for name in ("Client", "Vendor", "Owner"):
            self.add("company/companies/types", name=name, defaultFlag=name == "Client")
        for name in ("Managed Workstation", "Managed Server", "Printer"):
            self.add("company/configurations/types", name=name, inactiveFlag=False)
        for name in ("Active", "Inactive"):
            self.add(
                "company/configurations/statuses",
                description=name,
                defaultFlag=name == "Active",
                closedFlag=name == "Inactive",
            )
        self.add("finance/agreements/types", name="Managed Services", defaultFlag=True)
        self.add("finance/billingcycles", identifier="M", name="Monthly", billingOptions="Monthly")
        for name, identifier in (
            ("Your MSP", "YourMSP"),
            ("Catchall (for processing)", "Catchall"),
        ):
            self.add(
                "company/companies",
                name=name,
                identifier=identifier,
                status={"id": 1},
                types=[{"id": 3, "name": "Owner"}],
                deletedFlag=False,
            )

    def _places(self) -> None:
        for screen, name in SCREENS:
            self.add("system/connectwisehostedscreens", screenId=screen, name=name)
        for place, caption in enumerate(DEVICE_FIELDS, start=1):
            field = {
                "podId": 1,
                "caption": caption,
                "sequenceNumber": place,
                "fieldTypeIdentifier": "Text",
                "entryTypeIdentifier": "EntryField",
                "~collection": "company/configurations",
            }
            self.records.add("system/userdefinedfields", field, OWNER)

    # -- one client ------------------------------------------------------------------------------

    def _client(self, client: Client) -> None:
        company = self.add(
            "company/companies",
            name=spelled(client),
            identifier=client.short,
            status={"id": 3 if client.number % 29 == 0 else 1},
            types=[{"id": 1, "name": "Client"}],
            city=client.city,
            addressLine1=f"{client.number} Market Street",
            website=f"https://www.{client.domain}/" if client.number % 3 else client.domain,
            phoneNumber=f"555{client.number:07d}",
            deletedFlag=False,
        )
        site = self.add(
            "company/companies/sites",
            company,
            name="Main",
            city=client.city,
            company={"id": company},
            primaryAddressFlag=True,
            inactiveFlag=False,
        )
        contact = self.add(
            "company/contacts",
            firstName="Office",
            lastName=client.city,
            company={"id": company},
            site={"id": site},
            inactiveFlag=False,
            communicationItems=[_email(f"office@{client.domain}")],
        )
        if client.number % 13:
            self._agreement(client, company, contact)
        self._old_ticket(client, company)
        for machine in client.machines:
            if machine.number % 17:  # a few computers never made it into the PSA
                self._configuration(machine, company)

    def _agreement(self, client: Client, company: int, contact: int) -> None:
        start = self.world.started_at.replace(day=1, hour=0) - timedelta(days=335)
        agreement = self.add(
            "finance/agreements",
            name=f"Managed Security - {client.short}",
            type={"id": 1},
            company={"id": company},
            contact={"id": contact},
            startDate=_day(start),
            billStartDate=_day(start),
            noEndingDateFlag=True,
            cancelledFlag=False,
            agreementStatus="Active",
            billingCycle={"id": 1},
            periodType="Current",
            nextInvoiceDate=_day(_next_month(self.world.started_at)),
            prorateFlag=False,
        )
        servers = sum(machine.device_class is DeviceClass.SERVER for machine in client.machines)
        drift = (0, 0, 1, -1, 2)[client.number % 5]
        self._addition(agreement, 1, max(0, len(client.machines) - servers + drift), start)
        self._addition(agreement, 2, servers, start)

    def _addition(self, agreement: int, product: int, quantity: int, start: datetime) -> None:
        identifier, description, price, cost = PRODUCTS[product - 1]
        self.add(
            "finance/agreements/additions",
            agreement,
            product={"id": product},
            description=description,
            quantity=float(quantity),
            lessIncluded=0.0,
            unitPrice=price,
            unitCost=cost,
            billCustomer="Billable",
            effectiveDate=_day(start),
            agreementId=agreement,
            billedQuantity=float(quantity),
            extPrice=round(quantity * price, 2),
            extCost=round(quantity * cost, 2),
            taxableFlag=True,
            uom="Each",
            invoiceDescription=identifier,
        )

    def _old_ticket(self, client: Client, company: int) -> None:
        self.add(
            "service/tickets",
            summary=f"Printer at {client.city} office",
            recordType="ServiceTicket",
            board={"id": 1},
            status={"id": 1 if client.number % 2 else 5},
            priority={"id": 4},
            company={"id": company},
            closedFlag=not client.number % 2,
        )

    def _configuration(self, machine: Machine, company: int) -> None:
        server = machine.device_class is DeviceClass.SERVER
        usual: Record = {"type": "Text", "entryMethod": "EntryField", "numberOfDecimals": 0}
        self.add(
            "company/configurations",
            name=machine.name if machine.number % 11 else machine.name.lower(),
            type={"id": 2 if server else 1},
            status={"id": 1},
            company={"id": company},
            serialNumber=machine.serial,
            macAddress=machine.mac.upper() if machine.number % 4 else machine.mac,
            osType=machine.operating_system,
            ipAddress=machine.address,
            activeFlag=True,
            customFields=[
                {"id": place, "caption": caption, **usual}
                for place, caption in enumerate(DEVICE_FIELDS, start=1)
            ],
        )


def spelled(client: Client) -> str:
    """Return a client's name as somebody typed it into the PSA: mostly right.

    >>> spelled(Client(7, "Oakfield Legal Ltd", "OAK7", "oak.example", "Cork", 3, ()))
    'Oakfield Legal'
    """
    if client.number % 7 == 0:
        return client.name.rsplit(" ", 1)[0].removesuffix(" &")
    if client.number % 7 == 3:
        return client.name.replace("&", "and")
    return client.name


def _email(address: str) -> Record:
    kind = {"id": 1, "name": "Email"}
    return {"id": 1, "type": kind, "value": address, "communicationType": "Email"}


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT00:00:00Z")


def _next_month(moment: datetime) -> datetime:
    return (moment.replace(day=1) + timedelta(days=32)).replace(day=1)
