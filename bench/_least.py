"""The fewest requests each vendor's interface allows, from the data and the page size alone.

Nothing here looks at the adapters: each number follows from what the interface offers, for an MSP
whose clients are all selected, asked for its workspaces, devices, licences and detections.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

PAGE = 500
"""Rows in one answer: the most that Kaspersky's cloud gives, and what fits our limit elsewhere."""
MSP_PAGE, GROUP_PAGE, KEY_PAGE, LOOK_UP = 100, 1000, 50, 50


@dataclass(frozen=True, slots=True)
class Facts:
    """What a vendor holds: devices by client, and how many there are of everything else."""

    devices: Sequence[int]
    detections: int
    incidents: int
    licences: int
    customers: int
    groups: int


@dataclass(frozen=True, slots=True)
class Least:
    """The fewest requests of a first sync and of one without news, and what the latter asks."""

    full: int
    delta: int
    delta_calls: str


def _pages(rows: int, size: int = PAGE) -> int:
    """Return how many answers bring so many rows; that there are none takes one too."""
    return max(1, ceil(rows / size))


def cloud(facts: Facts) -> Least:
    """Kaspersky's cloud: pages by workspace, and changes since a token.

    Licences have no changes, but are fetched once a day only.
    """
    clients = len(facts.devices)
    events = clients * _pages(facts.detections // clients)
    tenants = _pages(clients)
    full = 1 + tenants + sum(map(_pages, facts.devices)) + clients + events
    return Least(full, tenants + 2 * clients, "tenants, device-changes, events")


def center(facts: Facts) -> Least:
    """Security Center: a session for each virtual server, and in it a search for each list.

    A session is started, proved to be at the right client and ended: 3. A search is made, counted
    (no part says that it is the last), read in parts and released: 3 + parts; keys are counted by
    the search. Administration groups, like keys, are asked for once a day, and fit into one part.
    Without news hosts come again, since the server tells no changes; of the events only the last is
    read, and no incident is newer than the last. The main server has a session (not proved: 2) for
    the list of virtual servers and their statistics.
    """
    clients = len(facts.devices)
    hosts = sum(3 + _pages(each) for each in facts.devices)
    keys = clients * (2 + _pages(facts.licences // clients, KEY_PAGE))
    groups = clients * (3 + 1)
    found = clients * (3 + _pages(facts.detections // clients))
    incidents = clients * (3 + (1 if facts.incidents else 0))
    always = 4 + 3 * clients + hosts
    delta = always + clients * (3 + 1) + clients * 3
    full = always + keys + groups + found + incidents
    return Least(full, delta, "FindHosts, last event, FindIncidents")


def eset(facts: Facts) -> Least:
    """ESET: groups tell whose a device is, so the lists of clients, devices and findings need them.

    Devices have no changes; detections have (of two versions), incidents are asked for by time.
    A licence's seats take a call each. The devices that something was found on are looked up, and
    a first reading of detections takes a token, the list, and what changed since the token.
    """
    tree = _pages(facts.groups, GROUP_PAGE)
    customers = 2 + _pages(facts.customers, MSP_PAGE)  # own company, kinds of companies, the list
    listing = tree + customers + tree + _pages(sum(facts.devices))
    licences = _pages(facts.licences, MSP_PAGE) + facts.licences
    looked_up = ceil((facts.detections + facts.incidents) / LOOK_UP)
    findings = tree + 2 * (1 + _pages(facts.detections // 2) + 1) + 1 + looked_up
    delta = listing + 2 + 1
    return Least(2 + listing + licences + findings, delta, "devices, listDelta, incidents")


LEAST: Mapping[str, Callable[[Facts], Least]] = {
    "kaspersky_ksc": center,
    "kaspersky_cloud": cloud,
    "kaspersky_hub": cloud,
    "eset_protect": eset,
}
