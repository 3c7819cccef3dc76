"""EsetConnectEmulator: a stand-in for ESET Connect and the PROTECT instance behind it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from plugin.edge.emulator import Happening
from plugin.edge.world import World
from plugin.vendors.eset.emulator_estate import (
    DYNAMIC,
    device_of,
    groups_of,
    identify,
)
from plugin.vendors.eset.emulator_findings import FindingRoutes
from plugin.vendors.eset.emulator_tasks import TaskRoutes

EMAIL, PASSWORD = "api@bridgehead.example", "Pr0tect-sandbox"
Record = dict[str, Any]

_FINDINGS = (
    ("ANTIVIRUS", "Trojan", "HIGH", "Win32/Emotet.AW", "Cleaned by deleting"),
    ("ANTIVIRUS", "Potentially unwanted application", "MEDIUM", "Win32/Toolbar.Conduit", ""),
    ("NETWORK_INTRUSION", "Incoming attack", "HIGH", "Botnet.CnC.Generic", "Blocked"),
    ("WEB_ACCESS", "Blocked website", "LOW", "Phishing page", "Blocked"),
    ("HIPS", "Self-defence", "INFORMATIONAL", "Access to a protected process", "Blocked"),
    ("EDR_RULE", "Rule", "MEDIUM", "Credential dumping suspected [B0405]", ""),
    ("FIREWALL_RULE", "Rule", "DIAGNOSTIC", "Port scan", "Blocked"),
)
_STATUSES = ("ATTENTION_REQUIRED", "ATTENTION_RECOMMENDED")


class EsetConnectEmulator(FindingRoutes, TaskRoutes):
    """ESET Connect: sign-in, devices, incidents, automation and installers, and GetTokens.

    Unsure, because no page tells: what a wrong region answers (here a token is given and the
    services refuse it) and what two-factor authentication answers (here ``invalid_grant``).
    """

    kind = "eset_protect"
    title = "ESET Connect"

    def populate(self, world: World) -> None:
        """Fill groups and devices; a tenth of the devices has a problem."""
        self._estate = None
        self.table("accounts")[EMAIL] = {"password": PASSWORD}
        for identifier, group in groups_of(world):
            self.table("groups")[identifier] = group
        started, devices = world.started_at.isoformat(), self.table("devices")
        for client in world.clients:
            for machine in client.machines:
                identifier, record = device_of(client, machine, started)
                devices[identifier] = record
        for number, identifier in enumerate(list(devices)):
            if number % 20 == 7:
                devices[identifier] = {
                    **devices[identifier],
                    "status": _STATUSES[number // 20 % 2],
                    "problems": 1,
                }
        self._fill_dynamic(list(devices))
        self._fill_findings(world)

    def _fill_findings(self, world: World) -> None:
        """Let every client have had a detection or two in the days before, some an incident."""
        for client in world.clients:
            for number in range(min(len(client.machines), 1 + client.number % 2)):
                hours = 5 * client.number % 140 + number + 1
                at = (world.started_at - timedelta(hours=hours)).isoformat()
                device = identify("device", client.machines[number].number)
                self._detect({"device": device, "at": at})
                if client.number % 4 == 0 and number == 0:
                    self._open_incident({"device": device, "at": at})

    def _fill_dynamic(self, devices: list[str]) -> None:
        table = self.table("devices")
        members: dict[str, Iterable[str]] = {
            "problems": [each for each in devices if table[each]["status"] != "OK"],
            "outdated-system": [each for each in devices if "Windows 10" in table[each]["system"]],
            "outdated-modules": devices[3::29],
        }
        for key in DYNAMIC:
            self.table("members")[identify("dynamic", key)] = dict.fromkeys(members[key], True)

    def connection_settings(self) -> dict[str, str]:
        """Return what an administrator types in to connect."""
        account = {"email": EMAIL, "password": PASSWORD, "recipe": "with_actions"}
        return {"type": "cloud", "region": self.switch("region"), **account}

    # -- what happens ------------------------------------------------------------------------

    def happen(self, happening: Happening) -> dict[str, Any] | None:
        """Play ``detection``, ``incident``, ``device-status``, devices and members come and gone.

        ``workspace``, ``device`` and ``group`` are ids or names; without them a new device each
        time.
        """
        if happening.what == "switch" and happening.details.get("name") in self.switches:
            return self.turn(happening)
        players = {
            "detection": self._detect,
            "incident": self._open_incident,
            "device-status": self._change_status,
            "device-added": self._add_device,
            "device-removed": self._remove_device,
            "group-joined": self._join,
            "group-left": self._leave,
        }
        player = players.get(happening.what)
        return player(dict(happening.details)) if player else None

    def _detect(self, details: Record) -> Record | None:
        number = len(self.table("detections"))
        category, kind, severity, title, outcome = self._finding(number, details)
        device = self._pick_device(details, skip=self._had(category, kind)) or self._pick_device(
            details
        )
        if device is None:
            return None
        identifier = identify("detection", number)
        self.table("detections")[identifier] = {
            "list": details.get("list", "v1"),
            "device": device,
            "category": category,
            "type": kind,
            "severity": str(details.get("severity", severity)).upper(),
            "title": title,
            "outcome": outcome,
            "resolved": False,
            "note": "",
            "at": str(details.get("at", self.clock().isoformat())),
            "object": f"file:///C:/Users/Public/sample{number}.exe",
            "user": "CONTOSO\\adams",
            "hash": f"{number:040x}",
            "text": "Event occurred on a file modified by explorer.exe.",
        }
        return {"what": "detection", "id": identifier, "device": device, "title": title}

    def _had(self, category: str, kind: str) -> set[str]:
        """Return the devices that have had such a finding."""
        found = self.table("detections").values()
        return {r["device"] for r in found if (r["category"], r["type"]) == (category, kind)}

    def _finding(self, number: int, details: Record) -> tuple[str, str, str, str, str]:
        """Return the finding a condition names, or the next one."""
        word = str(details.get("condition", "")).lower()
        for each in _FINDINGS if word else ():
            if word in {each[1].lower(), f"{each[0]}/{each[1]}".lower(), each[3].lower()}:
                return each
        usual = _FINDINGS[number % len(_FINDINGS)]
        return (usual[0], str(details["condition"]), *usual[2:]) if word else usual

    def _open_incident(self, details: Record) -> Record | None:
        device = self._pick_device(details)
        if device is None:
            return None
        number, now = len(self.table("incidents")), self.clock().isoformat()
        identifier = identify("incident", number)
        self.table("incidents")[identifier] = {
            "title": f"Suspicious activity on {self.table('devices')[device]['name']}",
            "text": "Several detections belong together.",
            "status": "OPEN",
            "severity": str(details.get("severity", "HIGH")).upper(),
            "devices": [device],
            "detections": list(self.table("detections"))[-1:],
            "created": str(details.get("at", now)),
            "updated": now,
        }
        return {"what": "incident", "id": identifier, "device": device}

    def _change_status(self, details: Record) -> Record | None:
        devices = self.table("devices")
        ill = [] if "device" in details else [k for k in devices if devices[k]["status"] != "OK"]
        device = self._pick_device(details, skip=ill)
        if device is None:
            return None
        count = self.table("happenings").next_id()
        status = str(details.get("condition", _STATUSES[count % 2])).upper()
        self.change_status(device, status)
        return {"what": "device-status", "device": device, "status": status}

    def _add_device(self, details: Record) -> Record | None:
        groups = self._companies(details)
        if not groups:
            return None
        number = self.table("added").next_id()
        self.table("added")[str(number)] = {}
        identifier, name = identify("added device", number), f"NEW-PC{number:03d}"
        record = {
            "name": str(details.get("name", name)),
            "group": groups[number % len(groups)],
            "type": "DESKTOP",
            "system": "Microsoft Windows 11 Pro",
            "serial": f"SN9{number:06d}",
            "mac": f"02-9E-00-00-{number >> 8 & 255:02X}-{number & 255:02X}",
            "address": "",
            "status": "OK",
            "problems": 0,
            "seen": self.clock().isoformat(),
        }
        self.table("devices")[identifier] = record
        self.estate.add(identifier, record)
        told = {"device": identifier, "name": record["name"], "workspace": record["group"]}
        return {"what": "device-added", **told}

    def _remove_device(self, details: Record) -> Record | None:
        device = self._pick_device(details)
        if device is None:
            return None
        estate = self.estate  # it is made when first asked for, so before the device goes
        record = self.table("devices").pop(device)
        estate.remove(device, record)
        told = {"device": device, "name": record["name"], "workspace": record["group"]}
        return {"what": "device-removed", **told}

    def _join(self, details: Record) -> Record | None:
        return self._move_member(details, joined=True)

    def _leave(self, details: Record) -> Record | None:
        return self._move_member(details, joined=False)

    def _move_member(self, details: Record, *, joined: bool) -> Record | None:
        dynamic = {k: g["name"] for k, g in self.table("groups").items() if g["dynamic"]}
        named = details.get("group")
        groups = [k for k, name in dynamic.items() if named in {None, k, name}]
        members = self.table("members").get(groups[0], {}) if groups else {}
        pool = None if joined else list(members)
        device = self._pick_device(details, pool, skip=members if joined else {})
        if not groups or device is None:
            return None
        self.change_membership(groups[0], device, joined=joined)
        what = "group-joined" if joined else "group-left"
        return {"what": what, "group": groups[0], "device": device}

    # -- finding what is meant ---------------------------------------------------------------

    def _companies(self, details: Record) -> list[str]:
        named = details.get("workspace")
        return [
            identifier
            for identifier, group in self.table("groups").items()
            if group["linked"] == "COMPANY" and named in {None, identifier, group["name"]}
        ]

    def _pick_device(
        self, details: Record, pool: list[str] | None = None, skip: Iterable[str] = ()
    ) -> str | None:
        """Return the device that is meant, or the next one nothing has happened to."""
        devices, named = self.table("devices"), details.get("device")
        ids = self._in_workspace(details) if pool is None else pool
        if named in devices and pool is None and "workspace" not in details:
            return str(named)
        if named:
            return next((k for k in ids if named in {k, devices[k]["name"]}), None)
        passed = set(skip)
        free = [each for each in ids if each not in passed]
        if not free:
            return None
        turn = self.table("turns").next_id()
        return free[turn % len(free)]

    def _in_workspace(self, details: Record) -> list[str]:
        if "workspace" not in details:
            return self.estate.device_ids
        found = []
        for group in self._companies(details):
            found += [device for _, device in self.estate.members(group, deep=True)]
        return found

    def state(self) -> dict[str, Any]:
        """Return everything it holds: groups, devices, detections, incidents, tasks, switches."""
        names = ("groups", "devices", "detections", "incidents", "tasks", "installers")
        shown = {
            name: [{"id": key, **record} for key, record in self.table(name).items()]
            for name in names
        }
        return {**shown, "switches": {name: self.switch(name) for name in self.switches}}
