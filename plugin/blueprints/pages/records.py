"""Pages by a host's own record: the company, ticket or computer that somebody is looking at there.

Their addresses are fixed, so that a host's menu entry, tab or pod can lead to them.
"""

from flask import request

from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, one, show, to
from plugin.domain.contracts import OpensTickets, Words
from plugin.domain.errors import EdgeError
from plugin.services.access import Role
from plugin.services.lists import records
from plugin.store.base import db
from plugin.store.integrations import Connection

blueprint = new_blueprint("records", __name__)

COMPANY, TICKET, COMPUTER = "company", "ticket", "computer"


@blueprint.get("/records/<int:host_id>")
@allow(Role.VIEWER, limited=True)
def record(host_id: int) -> Answer:
    """Open the record of a host's screen.

    Query: ``screen`` (company, ticket or computer) and ``record`` (the host's id). For a computer
    also ``name``, ``serial`` and ``company``, in the host's words.
    """
    host = one(Connection, host_id)
    screen, number = request.args.get("screen", ""), request.args.get("record", "").strip()
    if screen == COMPANY and number:
        return _company(host, number)
    if screen == TICKET and number:
        return _ticket(host, number)
    if screen == COMPUTER:
        return _computer(host, number)
    return to("dashboard.home")


def _company(host: Connection, number: str, notice: str = "") -> Answer:
    found = records.client(scope(), host.id, number)
    if found is None:
        return _unknown(host, f"company {number}"), 404
    return show(
        "records/company.html", client=found, host=host, labels=_labels(host), notice=notice
    )


def _ticket(host: Connection, number: str) -> Answer:
    entry = records.ticket(scope(), host.id, number)
    if entry is not None:
        return to("tickets.ticket", entry_id=entry.id)
    adapter = runtime().host(host)
    if not isinstance(adapter, OpensTickets):
        return _unknown(host, f"ticket {number}"), 404
    db.session.commit()
    try:
        company = adapter.ticket(number).company_id
    except EdgeError:
        return _unknown(host, f"ticket {number}"), 404
    notice = f"Ticket {number} was not made by Bridgehead. This is its client."
    return _company(host, company, notice)


def _computer(host: Connection, number: str) -> Answer:
    bridge = records.bridge(host.id, number) if number else None
    if bridge is not None and person().companies is None:
        return to("bridges.bridge", bridge_id=bridge.id)
    name, serial = request.args.get("name", ""), request.args.get("serial", "")
    found = records.computer(
        scope(), name=name.strip(), serial=serial.strip(), company=request.args.get("company", "")
    )
    if len(found) == 1:
        return to("devices.device", device_id=found[0].id)
    if not found:
        return _unknown(host, f"computer {name or number}"), 404
    return show("records/computers.html", devices=found, name=name or number)


def _unknown(host: Connection, what: str) -> str:
    return show("records/unknown.html", host=host, what=what)


def _labels(host: Connection) -> Words:
    return runtime().adapters[host.kind].words
