"""Roles, searches and groups of the Automate emulator.

The published interface has no call for roles, so none is served; a group that joins its computers
by a search "has role X" shows them. The searches that the product itself makes test a membership
by ``Type = 1 OR (CurrentlyDetected = 1 AND Type <> 2)``: put on by hand, or detected and not
taken off by hand.
"""

from collections.abc import Iterable

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.hosts.connectwise_automate.emulator_base import items, record_of
from plugin.hosts.connectwise_automate.emulator_lists import Record
from plugin.hosts.connectwise_automate.emulator_records import COMPUTER, RecordsPart

GROUP = "LabTech.Models.Group"
GROUP_COMPUTER = "LabTech.Models.GroupComputer"
SEARCH = "LabTech.Models.Search"
BY_HAND, TAKEN_OFF, AS_DETECTED = 1, 2, 0
_COMPUTER_WORDS = {"1", "computer"}
_GROUP_WORDS = {"7", "group"}


class GroupsPart(RecordsPart):
    """The calls about groups, and the roles behind them."""

    @route("GET", "/cwa/api/v1/groups")
    def groups(self, request: Request) -> Response:
        """List groups."""
        return self.page(request, self.table("groups"), GROUP, self.show_group)

    @route("GET", "/cwa/api/v1/groups/<group>")
    def group(self, request: Request, group: str) -> Response:
        """Show one group."""
        return self.one(self.table("groups"), group, self.show_group)

    @route("GET", "/cwa/api/v2/groups/<group>/computers")
    def group_computers(self, request: Request, group: str) -> Response:
        """List the computers that are in a group."""
        if group not in self.table("groups"):
            return self.missing("Group", group)
        found = sorted(self.members(group), key=int)
        return self.page(request, found, COMPUTER, self.show_computer)

    @route("GET", "/cwa/api/v1/groupcomputers")
    def memberships(self, request: Request) -> Response:
        """List which computer is in which group."""
        kept = self.table("group_computers")
        return self.page(request, kept, GROUP_COMPUTER, self.show_membership)

    @route("POST", "/cwa/api/v1/groupcomputers")
    def add_membership(self, request: Request) -> Response:
        """Put a computer into a group."""
        body = record_of(request)
        group, computer = str(body.get("groupid")), str(body.get("computerid"))
        if group not in self.table("groups") or computer not in self.table("computers"):
            return self.error(400, "The group or the computer does not exist.", "BadRequest")
        self._join(group, [computer], auto=False)
        number = next(
            each
            for each, row in self.table("group_computers").items()
            if row["group"] == group and row["computer"] == computer
        )
        return self.json(self.show_membership(number, frozenset()))

    @route("DELETE", "/cwa/api/v1/groupcomputers/<number>")
    def remove_membership(self, request: Request, number: str) -> Response:
        """Take a computer out of a group."""
        if self.table("group_computers").pop(number, None) is None:
            return self.missing("Membership", number)
        return Response("", 204)

    @route("POST", "/cwa/api/v1/batch/commands/sendto")
    def send_to(self, request: Request) -> Response:
        """Put several computers into a group."""
        body = record_of(request)
        kinds = {str(body.get("entitytype")).lower(), str(body.get("targettype")).lower()}
        group = str(body.get("targetid"))
        if not kinds & _COMPUTER_WORDS or not kinds & _GROUP_WORDS:
            return self.error(400, "Only computers can be sent to a group.", "BadRequest")
        if group not in self.table("groups"):
            return self.missing("Group", group)
        known = self.table("computers")
        coming = [each for each in items(body, "entityids") if each in known]
        self._join(group, coming, auto=False)
        return Response("", 200)

    @route("POST", "/cwa/api/v1/batch/groups/removeentities")
    def remove_entities(self, request: Request) -> Response:
        """Take several computers out of a group."""
        body = record_of(request)
        group = str(body.get("groupid"))
        if group not in self.table("groups"):
            return self.missing("Group", group)
        leaving = set(items(body, "entityids"))
        for number in [
            each
            for each, row in self.table("group_computers").items()
            if row["group"] == group and row["computer"] in leaving
        ]:
            del self.table("group_computers")[number]
        return Response("", 200)

    @route("GET", "/cwa/api/v1/searches")
    def searches(self, request: Request) -> Response:
        """List the saved searches."""
        return self.page(request, self.table("searches"), SEARCH, self.show_search)

    # -- roles -------------------------------------------------------------------------------

    def set_role(self, computer: str, role: str, kind: int, *, detected: bool) -> None:
        """Write a computer's row for a role and fill the groups that join by it."""
        key = f"{computer}:{role}"
        self.table("computerroledefinitions")[key] = {
            "ComputerId": computer,
            "RoleDefinitionId": role,
            "Type": kind,
            "CurrentlyDetected": int(detected),
        }
        self.fill_groups(role)

    def holders(self, role: str) -> set[str]:
        """Return the computers that hold a role, by the product's own predicate."""
        return {
            row["ComputerId"]
            for row in self.table("computerroledefinitions").values()
            if row["RoleDefinitionId"] == role
            and (
                row["Type"] == BY_HAND
                or (row["CurrentlyDetected"] == 1 and row["Type"] != TAKEN_OFF)
            )
        }

    def fill_groups(self, role: str) -> None:
        """Let every group that joins its computers by this role hold exactly the right ones."""
        searches = {each for each, row in self.table("searches").items() if row["role"] == role}
        wanted = self.holders(role)
        for group, row in self.table("groups").items():
            if row["search"] in searches:
                self._refill(group, wanted)

    def _refill(self, group: str, wanted: set[str]) -> None:
        rows = self.table("group_computers")
        for number in [
            each
            for each, row in rows.items()
            if row["group"] == group and row["auto"] and row["computer"] not in wanted
        ]:
            del rows[number]
        self._join(group, sorted(wanted, key=int), auto=True)

    def members(self, group: str) -> set[str]:
        """Return the computers that are in a group."""
        rows = self.table("group_computers").values()
        return {row["computer"] for row in rows if row["group"] == group}

    def _join(self, group: str, computers: Iterable[str], *, auto: bool) -> None:
        rows = self.table("group_computers")
        present = self.members(group)
        for computer in computers:
            if computer not in present:
                rows[str(rows.next_id())] = {"group": group, "computer": computer, "auto": auto}

    # -- how records are shown ---------------------------------------------------------------

    def groups_of(self, computer: str) -> list[Record]:
        """Return the groups a computer is in."""
        rows = self.table("group_computers").values()
        found = {row["group"] for row in rows if row["computer"] == computer}
        return [self.show_group(group, frozenset()) for group in sorted(found, key=int)]

    def show_group(self, number: str, expand: frozenset[str]) -> Record:
        """Return a group as the interface shows it."""
        group = self.table("groups")[number]
        shown: Record = {
            "Id": number,
            "ParentId": "0",
            "Name": group["name"],
            "FullName": group["full"],
            "TypeName": "Default",
            "GUID": group["guid"],
            "ComputersLimitToSearch": bool(group["search"]),
        }
        if group["search"]:
            shown["ComputersAutoJoinSearch"] = self.show_search(group["search"], frozenset())
        return shown

    def show_search(self, number: str, expand: frozenset[str]) -> Record:
        """Return a saved search as the interface shows it."""
        search = self.table("searches")[number]
        return {
            "Id": number,
            "Name": search["name"],
            "IsReadOnly": False,
            "SearchType": "AdvancedComputers",
        }

    def show_membership(self, number: str, expand: frozenset[str]) -> Record:
        """Return a membership as the interface shows it."""
        row = self.table("group_computers")[number]
        return {"Id": number, "GroupId": row["group"], "ComputerId": row["computer"]}
