"""Licensing: MSP Administrator's licences and usage, by our workspaces."""

from collections.abc import Iterator, Mapping
from datetime import date

from plugin.domain.model import Licence, UsageLine
from plugin.vendors.eset.msp import Msp, Row
from plugin.vendors.eset.msp_wire import licence_from

CUSTOMER = "customer:"
"""What begins the id of a workspace that is a customer without a group."""

ORDERED, ACTIVATED = "ordered", "activated"
TRIAL = "4"


class Licensing:
    """Answers for workspaces by asking for the customers joined to them."""

    def __init__(self, msp: Msp, pairs: Mapping[str, str]) -> None:
        """Use the confirmed ``pairs``, group id to customer id."""
        self._msp, self._pairs = msp, pairs
        self._workspaces = {customer: group for group, customer in pairs.items()}

    def licences(self, workspace_id: str) -> Iterator[Licence]:
        """Yield the licences of a workspace; of all customers when it is empty."""
        customer = self._customer(workspace_id)
        if customer is None:
            return
        for row in self._msp.licences(customer):
            yield licence_from(row, self._workspace(row["customer"]))

    def usage(self, workspace_id: str, day: date) -> Iterator[UsageLine]:
        """Yield ordered and activated units by product; trials are not billed and left out.

        The report over one day tells both: ``seats`` are the units ordered at its end (none when
        suspended), ``seatDays`` the units in use on that day (vendor help, usage reports).
        """
        customer = self._customer(workspace_id)
        if customer is None:
            return
        for row in self._msp.usage(day, customer):
            counts = _counts(row)
            for (product, how), quantity in counts.items():
                workspace = self._workspace(row["customer"])
                yield UsageLine(workspace, product, day, quantity, how)

    def _customer(self, workspace_id: str) -> str | None:
        """Return whose numbers are wanted: empty for everybody's, None when nobody is joined."""
        if workspace_id.startswith(CUSTOMER):
            return workspace_id.removeprefix(CUSTOMER)
        return self._pairs.get(workspace_id) if workspace_id else ""

    def _workspace(self, customer_id: str) -> str:
        return self._workspaces.get(customer_id, CUSTOMER + customer_id)


def _counts(row: Row) -> dict[tuple[str, str], int]:
    """Return units by product and way of counting; several licences of one product add up."""
    counts: dict[tuple[str, str], int] = {}
    for line in row["products"] or ():
        product = (line["name"] or line["code"])[:300]
        if line["kind"] == TRIAL or not product:
            continue
        for how, quantity in ((ORDERED, line["seats"]), (ACTIVATED, line["seat_days"])):
            counts[product, how] = counts.get((product, how), 0) + quantity
    return counts
